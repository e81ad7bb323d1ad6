//! The body of a response: in memory, or in a temporary file when it is long.
//!
//! In: the decoded content, as a reader. Out: a [`Body`] that can be read as often as is wanted. The
//! file has no name: it goes away with the last body that holds it, also when the process is killed.

use std::borrow::Cow;
use std::fs::File;
use std::io::{self, BufReader, Cursor, Read, Seek, SeekFrom, Write as _};
use std::sync::{Arc, Mutex, PoisonError};

/// Bytes of a body that memory takes; a longer one goes on into a file.
pub(super) const IN_MEMORY: usize = 8 << 20;
/// Bytes of a long body that can be looked at without its file.
const START: usize = 64 << 10;
/// Bytes that are copied or read back at once.
const BLOCK: usize = 128 << 10;

/// The whole body of a response, its content codings undone.
#[derive(Debug, Clone)]
pub struct Body(Kept);

#[derive(Debug, Clone)]
enum Kept {
    Memory(Vec<u8>),
    File(Arc<Spool>),
}

/// A long body.
#[derive(Debug)]
struct Spool {
    start: Vec<u8>,
    length: u64,
    /// Readers share it, and each knows where it is.
    file: Mutex<File>,
}

/// Why a body could not be kept.
#[derive(Debug)]
pub(super) enum Unkept {
    /// It could not be read to its end.
    Source(io::Error),
    /// The temporary file could not be made or written.
    File(io::Error),
}

impl Body {
    /// Reads `source` to its end; what is more than `most` bytes goes into a file. `expected` is how
    /// long it may be.
    pub(super) fn gather(
        source: &mut dyn Read,
        expected: usize,
        most: usize,
    ) -> Result<Self, Unkept> {
        let mut start = Vec::with_capacity(expected.min(most));
        let more = most as u64 + 1;
        let mut front = Read::take(&mut *source, more);
        front.read_to_end(&mut start).map_err(Unkept::Source)?;
        if start.len() <= most {
            return Ok(start.into());
        }
        let mut file = tempfile::tempfile().map_err(Unkept::File)?;
        file.write_all(&start).map_err(Unkept::File)?;
        let mut length = start.len() as u64;
        start.truncate(START);
        start.shrink_to_fit();
        let mut block = vec![0; BLOCK];
        loop {
            let count = match source.read(&mut block) {
                Ok(0) => break,
                Ok(count) => count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(Unkept::Source(error)),
            };
            let read = block.get(..count).unwrap_or(&block);
            file.write_all(read).map_err(Unkept::File)?;
            length += count as u64;
        }
        Ok(Self(Kept::File(Arc::new(Spool {
            start,
            length,
            file: Mutex::new(file),
        }))))
    }

    /// A body that is long, whatever its length.
    #[cfg(test)]
    pub(crate) fn in_file(mut bytes: &[u8]) -> Self {
        let most = bytes.len().saturating_sub(1);
        Self::gather(&mut bytes, 0, most).expect("there is room for a temporary file")
    }

    /// The body, or the beginning of one that is long.
    #[must_use]
    pub fn start(&self) -> &[u8] {
        match &self.0 {
            Kept::Memory(bytes) => bytes,
            Kept::File(spool) => &spool.start,
        }
    }

    /// Number of bytes.
    #[must_use]
    pub fn len(&self) -> u64 {
        match &self.0 {
            Kept::Memory(bytes) => bytes.len() as u64,
            Kept::File(spool) => spool.length,
        }
    }

    /// Whether there is no byte.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether it is in a file, because memory may be too small for it.
    #[must_use]
    pub fn is_long(&self) -> bool {
        matches!(self.0, Kept::File(_))
    }

    /// All bytes, in memory.
    ///
    /// # Errors
    /// When a long body cannot be read back from its file.
    pub fn bytes(&self) -> io::Result<Cow<'_, [u8]>> {
        match &self.0 {
            Kept::Memory(bytes) => Ok(Cow::Borrowed(bytes)),
            Kept::File(_) => {
                let mut bytes = Vec::with_capacity(usize::try_from(self.len()).unwrap_or(0));
                self.reader().read_to_end(&mut bytes)?;
                Ok(Cow::Owned(bytes))
            }
        }
    }

    /// All bytes, in memory, as their owner.
    ///
    /// # Errors
    /// When a long body cannot be read back from its file.
    pub fn into_bytes(self) -> io::Result<Vec<u8>> {
        match self.0 {
            Kept::Memory(bytes) => Ok(bytes),
            Kept::File(_) => self.bytes().map(Cow::into_owned),
        }
    }

    /// Reads it from its beginning.
    #[must_use]
    pub fn reader(&self) -> BodyReader<'_> {
        BodyReader(match &self.0 {
            Kept::Memory(bytes) => Reading::Memory(Cursor::new(bytes)),
            Kept::File(spool) => {
                let back = Back { spool, at: 0 };
                Reading::File(BufReader::with_capacity(BLOCK, back))
            }
        })
    }
}

impl From<Vec<u8>> for Body {
    fn from(bytes: Vec<u8>) -> Self {
        Self(Kept::Memory(bytes))
    }
}

impl Default for Body {
    fn default() -> Self {
        Vec::new().into()
    }
}

/// Reads a [`Body`].
#[derive(Debug)]
pub struct BodyReader<'a>(Reading<'a>);

#[derive(Debug)]
enum Reading<'a> {
    Memory(Cursor<&'a [u8]>),
    File(BufReader<Back<'a>>),
}

impl Read for BodyReader<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match &mut self.0 {
            Reading::Memory(bytes) => bytes.read(buffer),
            Reading::File(file) => file.read(buffer),
        }
    }
}

impl Seek for BodyReader<'_> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        match &mut self.0 {
            Reading::Memory(bytes) => bytes.seek(to),
            Reading::File(file) => file.seek(to),
        }
    }
}

/// Reads a long body back.
#[derive(Debug)]
struct Back<'a> {
    spool: &'a Spool,
    at: u64,
}

impl Read for Back<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let file = &self.spool.file;
        let mut file = file.lock().unwrap_or_else(PoisonError::into_inner);
        file.seek(SeekFrom::Start(self.at))?;
        let count = file.read(buffer)?;
        self.at += count as u64;
        Ok(count)
    }
}

impl Seek for Back<'_> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let at = match to {
            SeekFrom::Start(at) => Some(at),
            SeekFrom::Current(by) => self.at.checked_add_signed(by),
            SeekFrom::End(by) => self.spool.length.checked_add_signed(by),
        };
        self.at = at.ok_or(io::ErrorKind::InvalidInput)?;
        Ok(self.at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gather(content: &[u8], most: usize) -> Body {
        let mut source = content;
        Body::gather(&mut source, content.len(), most).unwrap()
    }

    #[test]
    fn what_memory_does_not_take_is_in_a_file() {
        let content: Vec<u8> = (0..300_000_u32).flat_map(u32::to_le_bytes).collect();
        for (most, is_long) in [(content.len(), false), (content.len() - 1, true), (0, true)] {
            let body = gather(&content, most);
            assert_eq!(body.is_long(), is_long);
            assert_eq!(body.len(), content.len() as u64);
            assert!(content.starts_with(body.start()) && !body.start().is_empty());
            assert!(!is_long || body.start().len() <= START);
            assert!(body.bytes().unwrap() == content);
            assert!(body.clone().into_bytes().unwrap() == content);
        }
        assert!(!gather(b"", 0).is_long());
    }

    #[test]
    fn readers_are_independent_and_seek() {
        for most in [100, 3] {
            let body = gather(b"0123456789", most);
            let (mut one, mut other) = (body.reader(), body.reader());
            let mut byte = [0];
            one.read_exact(&mut byte).unwrap();
            other.seek(SeekFrom::End(-1)).unwrap();
            other.read_exact(&mut byte).unwrap();
            assert_eq!(&byte, b"9");
            one.seek(SeekFrom::Current(2)).unwrap();
            one.read_exact(&mut byte).unwrap();
            assert_eq!(&byte, b"3");
        }
    }

    #[test]
    fn a_source_that_breaks_is_no_body() {
        struct Broken;
        impl Read for Broken {
            fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
                Err(io::ErrorKind::UnexpectedEof.into())
            }
        }
        for most in [100, 3] {
            let mut source = b"0123456789".chain(Broken);
            let outcome = Body::gather(&mut source, 0, most);
            assert!(matches!(outcome, Err(Unkept::Source(_))));
        }
    }
}
