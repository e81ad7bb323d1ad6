//! Memory of bodies that goes from one body to the next.
//!
//! In: buffers whose content nobody needs any more. Out: empty buffers. A body is read by one thread
//! and let go of by another; without this each thread's allocator keeps memory for bodies of its own.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Buffers that are kept for later: one for the page that is fetched, and one for the next.
const MOST: usize = 2;
/// Bytes from which a buffer is worth keeping, and up to which.
const WORTH: std::ops::RangeInclusive<usize> = (32 << 10)..=(2 << 20);

static KEPT: Mutex<Vec<Vec<u8>>> = Mutex::new(Vec::new());

/// An empty buffer for at least `capacity` bytes; any that there is, where that is not known.
#[must_use]
pub(crate) fn take(capacity: usize) -> Vec<u8> {
    let mut kept = kept();
    if capacity == 0 {
        return kept.pop().unwrap_or_default();
    }
    let fits = kept
        .iter()
        .position(|buffer| (capacity..=capacity.saturating_mul(4)).contains(&buffer.capacity()));
    match fits {
        Some(index) => kept.swap_remove(index),
        None => Vec::with_capacity(capacity),
    }
}

/// Keeps the memory of `buffer` for the next who asks.
pub(crate) fn give(mut buffer: Vec<u8>) {
    if !WORTH.contains(&buffer.capacity()) {
        return;
    }
    buffer.clear();
    let mut kept = kept();
    if kept.len() >= MOST {
        // Sizes may have changed: the oldest goes.
        kept.remove(0);
    }
    kept.push(buffer);
}

fn kept() -> MutexGuard<'static, Vec<Vec<u8>>> {
    KEPT.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_used_again_where_it_fits() {
        // Of a size that no other test asks for.
        let mut buffer = Vec::with_capacity(1_234_567);
        buffer.push(1);
        let at = buffer.as_ptr();
        give(buffer);
        let again = take(1_200_000);
        assert!(again.is_empty() && again.capacity() >= 1_200_000);
        // Tests beside this one may have pushed it out.
        if again.as_ptr() != at {
            assert_eq!(again.capacity(), 1_200_000);
        }
        assert_eq!(
            take(10).capacity(),
            10,
            "a large buffer is not for a small body"
        );
    }
}
