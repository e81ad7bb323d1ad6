//! The way from the workers to the calling thread: a queue that is bounded by what it holds.
//!
//! In: events with their weights, from many threads. Out: the same in their order, to one thread,
//! which takes all that there are at once. A thread that waits is only woken when it is worth the
//! while: a wake-up for each small page costs as much as its request.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Bytes that wait for the receiver before the senders have to. One event may always wait, however
/// heavy.
const BOUND: usize = 512 << 10;
/// Bytes that are worth waking the receiver for; what is lighter waits until it looks by itself.
const WORTH_WAKING: usize = 32 << 10;

/// What the threads share.
pub(super) struct Channel<T> {
    state: Mutex<State<T>>,
    arrived: Condvar,
    taken: Condvar,
}

struct State<T> {
    queue: VecDeque<T>,
    weight: usize,
    /// Whether the receiver waits and was not woken yet.
    receiver_waits: bool,
    /// Senders that wait for room.
    senders_waiting: usize,
    is_closed: bool,
}

/// Nobody listens any more.
pub(super) struct Closed;

/// The end that takes; dropping it closes the channel.
pub(super) struct Receiver<T> {
    channel: Arc<Channel<T>>,
    taken: VecDeque<T>,
}

/// A channel, and the end that takes.
pub(super) fn channel<T>() -> (Arc<Channel<T>>, Receiver<T>) {
    let channel = Arc::new(Channel {
        state: Mutex::new(State {
            queue: VecDeque::new(),
            weight: 0,
            receiver_waits: false,
            senders_waiting: 0,
            is_closed: false,
        }),
        arrived: Condvar::new(),
        taken: Condvar::new(),
    });
    let receiver = Receiver {
        channel: Arc::clone(&channel),
        taken: VecDeque::new(),
    };
    (channel, receiver)
}

impl<T> Channel<T> {
    /// Sends `event` of so many bytes; waits for room. What can wait does so for others, or until the
    /// receiver looks.
    pub(super) fn send(&self, event: T, weight: usize, can_wait: bool) -> Result<(), Closed> {
        let mut state = self.lock();
        while state.weight > 0 && state.weight.saturating_add(weight) > BOUND && !state.is_closed {
            self.wake(&mut state);
            state.senders_waiting += 1;
            state = (self.taken.wait(state)).unwrap_or_else(PoisonError::into_inner);
            state.senders_waiting -= 1;
        }
        if state.is_closed {
            return Err(Closed);
        }
        state.queue.push_back(event);
        state.weight += weight;
        if !can_wait || state.weight >= WORTH_WAKING {
            self.wake(&mut state);
        }
        Ok(())
    }

    /// Sends `event` without waiting for room, as whoever holds a lock has to.
    pub(super) fn push(&self, event: T) {
        self.lock().queue.push_back(event);
    }

    fn wake(&self, state: &mut State<T>) {
        if std::mem::take(&mut state.receiver_waits) {
            self.arrived.notify_one();
        }
    }

    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> Receiver<T> {
    /// The next event; waits for one, but no longer than `patience`.
    pub(super) fn next(&mut self, patience: Duration) -> Option<T> {
        if let Some(event) = self.taken.pop_front() {
            return Some(event);
        }
        let mut state = self.channel.lock();
        if state.queue.is_empty() && !patience.is_zero() {
            state.receiver_waits = true;
            let waited = self.channel.arrived.wait_timeout(state, patience);
            (state, _) = waited.unwrap_or_else(PoisonError::into_inner);
            state.receiver_waits = false;
        }
        std::mem::swap(&mut state.queue, &mut self.taken);
        state.weight = 0;
        if state.senders_waiting > 0 {
            drop(state);
            self.channel.taken.notify_all();
        }
        self.taken.pop_front()
    }
}

impl<T> Drop for Receiver<T> {
    fn drop(&mut self) {
        let mut state = self.channel.lock();
        state.is_closed = true;
        state.queue.clear();
        drop(state);
        self.channel.taken.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Longer than any test may take.
    const LONG: Duration = Duration::from_secs(60);

    #[test]
    fn all_comes_in_its_order_however_tight_the_room() {
        let (sender, mut receiver) = channel();
        std::thread::scope(|scope| {
            scope.spawn(move || {
                for n in 0..1_000 {
                    assert!(sender.send(n, BOUND / 3, true).is_ok());
                }
                assert!(sender.send(1_000, 3 * BOUND, false).is_ok());
            });
            for n in 0..=1_000 {
                assert_eq!(receiver.next(LONG), Some(n));
            }
        });
        assert_eq!(receiver.next(Duration::ZERO), None);
    }

    #[test]
    fn what_waits_is_bounded_by_its_weight() {
        let (sender, mut receiver) = channel();
        std::thread::scope(|scope| {
            scope.spawn(|| {
                for n in 0..100 {
                    assert!(sender.send(n, BOUND / 4, true).is_ok());
                }
            });
            for n in 0..100 {
                assert_eq!(receiver.next(LONG), Some(n));
                assert!(sender.lock().weight <= BOUND);
            }
        });
    }

    #[test]
    fn the_receiver_is_woken_once_and_for_what_is_worth_it() {
        let (sender, _receiver) = channel();
        let wakes = |weight, can_wait| {
            sender.lock().receiver_waits = true;
            assert!(sender.send((), weight, can_wait).is_ok());
            !sender.lock().receiver_waits
        };
        assert!(!wakes(1, true));
        assert!(wakes(1, false));
        assert!(!wakes(1, true));
        assert!(wakes(WORTH_WAKING, true));
    }

    #[test]
    fn nobody_waits_for_a_receiver_that_is_gone() {
        let (sender, receiver) = channel();
        assert!(sender.send(1, BOUND, true).is_ok());
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| sender.send(2, 1, true).is_err());
            drop(receiver);
            assert!(waiting.join().unwrap());
        });
        assert!(sender.send(3, 0, true).is_err());
    }
}
