//! Bodies that wait for a second reader: so many bytes in memory, more in a temporary file.
//!
//! In: a body. Out: the same, as often as is wanted, until it is removed. What there is no room for is
//! not kept.

use crate::http::Body;
use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};

/// Bytes of bodies that stay in memory.
const IN_MEMORY: usize = 32 << 20;
/// Bytes of bodies in the file: a disk is not filled for what can be asked for again.
const IN_FILE: u64 = 1 << 30;
/// Long bodies, each of which has a file of its own: a process may open only so many.
const LONG: usize = 64;

/// Bodies in all: each comes with header fields that stay in memory.
const BODIES: usize = 10_000;

/// Bodies that are kept.
pub(super) struct Shelf {
    /// Bytes that memory has room for.
    room: usize,
    bodies: usize,
    long: usize,
    file: Option<Spill>,
}

/// One file, whose room is given up with its last body.
struct Spill {
    file: File,
    end: u64,
    count: usize,
}

/// A body on the shelf.
pub(super) enum Shelved {
    /// In memory, or in a file of its own.
    Whole(Body),
    /// In the file of the shelf.
    Spilled { at: u64, length: usize },
}

impl Default for Shelf {
    fn default() -> Self {
        Self::with_room(IN_MEMORY)
    }
}

impl Shelf {
    fn with_room(room: usize) -> Self {
        Self {
            room,
            bodies: 0,
            long: 0,
            file: None,
        }
    }

    /// Keeps a body; none where there is no room for it, or the file cannot be written.
    pub(super) fn put(&mut self, body: &Body) -> Option<Shelved> {
        let is_long = body.is_long();
        if self.bodies >= BODIES || is_long && self.long >= LONG {
            return None;
        }
        let rest = self.room.checked_sub(body.start().len());
        let shelved = match rest {
            _ if is_long => {
                self.long += 1;
                Shelved::Whole(body.clone())
            }
            Some(rest) => {
                self.room = rest;
                Shelved::Whole(body.clone())
            }
            None => self.spill(body.start()).ok().flatten()?,
        };
        self.bodies += 1;
        Some(shelved)
    }

    fn spill(&mut self, bytes: &[u8]) -> io::Result<Option<Shelved>> {
        let spill = match &mut self.file {
            Some(spill) => spill,
            none => none.insert(Spill {
                file: tempfile::tempfile()?,
                end: 0,
                count: 0,
            }),
        };
        let (at, length) = (spill.end, bytes.len());
        let end = at.saturating_add(length as u64);
        if end > IN_FILE {
            return Ok(None);
        }
        spill.file.seek(SeekFrom::Start(at))?;
        spill.file.write_all(bytes)?;
        spill.end = end;
        spill.count += 1;
        Ok(Some(Shelved::Spilled { at, length }))
    }

    /// The body.
    ///
    /// # Errors
    /// When it cannot be read back from the file.
    pub(super) fn copy(&mut self, shelved: &Shelved) -> io::Result<Body> {
        match (shelved, &mut self.file) {
            (Shelved::Whole(body), _) => Ok(body.clone()),
            (Shelved::Spilled { at, length }, Some(spill)) => {
                let mut bytes = vec![0; *length];
                spill.file.seek(SeekFrom::Start(*at))?;
                spill.file.read_exact(&mut bytes)?;
                Ok(bytes.into())
            }
            (Shelved::Spilled { .. }, None) => Err(io::ErrorKind::NotFound.into()),
        }
    }

    #[cfg(test)]
    pub(super) fn is_empty(&self) -> bool {
        self.bodies == 0
    }

    /// Makes room.
    pub(super) fn remove(&mut self, shelved: Shelved) {
        self.bodies -= 1;
        match shelved {
            Shelved::Whole(body) if body.is_long() => self.long -= 1,
            Shelved::Whole(body) => self.room += body.start().len(),
            Shelved::Spilled { .. } => {
                self.file.take_if(|spill| {
                    spill.count -= 1;
                    spill.count == 0
                });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(text: &str) -> Body {
        text.as_bytes().to_vec().into()
    }

    #[test]
    fn what_memory_has_no_room_for_is_in_a_file() {
        let mut shelf = Shelf::with_room(10);
        let texts = ["seven b", "eight by", "six by", "abc"];
        let kept: Vec<Shelved> = (texts.iter())
            .map(|text| shelf.put(&body(text)).unwrap())
            .collect();
        let is_spilled = |it: &Shelved| matches!(it, Shelved::Spilled { .. });
        let spilled: Vec<bool> = kept.iter().map(is_spilled).collect();
        assert_eq!(spilled, [false, true, true, false]);
        for (kept, text) in kept.iter().zip(texts).rev() {
            assert_eq!(shelf.copy(kept).unwrap().start(), text.as_bytes());
        }
        for kept in kept {
            shelf.remove(kept);
        }
        assert_eq!((shelf.room, shelf.file.is_none()), (10, true));
    }

    #[test]
    fn long_bodies_keep_their_files_but_not_too_many() {
        let mut shelf = Shelf::default();
        let long = Body::in_file(b"long");
        let mut kept: Vec<Shelved> = (0..LONG).map(|_| shelf.put(&long).unwrap()).collect();
        assert!(shelf.put(&long).is_none());
        shelf.remove(kept.pop().unwrap());
        assert_eq!(&*shelf.copy(&kept[0]).unwrap().bytes().unwrap(), b"long");
        assert!(shelf.put(&long).is_some());
    }
}
