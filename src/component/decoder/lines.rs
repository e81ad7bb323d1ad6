//! Cuts a body at the ends of its lines.

use std::io::{self, Read};

use super::{Decoded, Each};

/// The lines of a body, many at a time.
pub(super) struct Lines<'a> {
    content: &'a mut dyn Read,
    /// Bytes that are enough.
    most: usize,
    /// What comes after the lines that were given.
    rest: Vec<u8>,
    /// How the content ended, once it did.
    ended: Option<io::Result<()>>,
}

impl<'a> Lines<'a> {
    pub(super) fn of(content: &'a mut dyn Read, most: usize) -> Self {
        Self {
            content,
            most,
            rest: Vec::new(),
            ended: None,
        }
    }

    /// Reads all lines by `decode`, and hands them on.
    pub(super) fn each(mut self, each: &mut Each<'_>, decode: &mut dyn FnMut(Vec<u8>) -> Decoded) {
        loop {
            let part = match self.next() {
                None => return,
                Some(Ok(lines)) => decode(lines),
                Some(Err(error)) => Decoded::broken(error.to_string()),
            };
            let is_broken = part.broken.is_some();
            if !each(part) || is_broken {
                return;
            }
        }
    }

    /// Whole lines with their ends, or one line if it is long; the last one may have no end.
    fn next(&mut self) -> Option<io::Result<Vec<u8>>> {
        loop {
            if (self.rest.len() >= self.most || self.ended.is_some())
                && let Some(end) = memchr::memrchr(b'\n', &self.rest)
            {
                let rest = self.rest.split_off(end + 1);
                return Some(Ok(std::mem::replace(&mut self.rest, rest)));
            }
            if let Some(ended) = self.ended.take() {
                let last = std::mem::take(&mut self.rest);
                self.ended = Some(Ok(()));
                return match ended {
                    Err(error) => Some(Err(error)),
                    Ok(()) => Some(Ok(last)).filter(|last| !matches!(last, Ok(l) if l.is_empty())),
                };
            }
            self.fill();
        }
    }

    /// Reads until there is enough, or the end.
    fn fill(&mut self) {
        let more = match self.most.saturating_sub(self.rest.len()) {
            // A long line is read by doubling it, so that its end is not looked for again and again.
            0 => self.rest.len().max(1),
            more => more,
        };
        let mut front = Read::take(&mut *self.content, more as u64);
        match front.read_to_end(&mut self.rest) {
            Ok(count) if count == more => {}
            Ok(_) => self.ended = Some(Ok(())),
            Err(error) => self.ended = Some(Err(error)),
        }
    }
}
