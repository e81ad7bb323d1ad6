//! A file without what came again.

use std::fs::File;
use std::io::{self, Read, Seek as _, SeekFrom};

/// Reads a file up to a length, and leaves ranges of it out.
#[derive(Debug)]
pub(super) struct Holes {
    file: File,
    /// What is left to read, the last first: begin and end.
    pieces: Vec<(u64, u64)>,
    /// Whether the file stands where the last piece begins.
    is_there: bool,
}

impl Holes {
    /// `holes` are in their order.
    pub(super) fn new(file: File, length: u64, holes: &[(u64, u64)]) -> Self {
        let mut pieces = Vec::new();
        let mut from = 0;
        for &(first, last) in holes {
            if first > from {
                pieces.push((from, first.min(length)));
            }
            from = from.max(last);
        }
        pieces.push((from, length));
        pieces.retain(|(begin, end)| begin < end);
        pieces.reverse();
        Self {
            file,
            pieces,
            is_there: false,
        }
    }
}

impl Read for Holes {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let Some((begin, end)) = self.pieces.last_mut() else {
            return Ok(0);
        };
        if !self.is_there {
            self.file.seek(SeekFrom::Start(*begin))?;
            self.is_there = true;
        }
        let most = usize::try_from(*end - *begin).unwrap_or(usize::MAX);
        let most = most.min(bytes.len());
        let read = self.file.read(bytes.get_mut(..most).unwrap_or_default())?;
        if read == 0 && most > 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        *begin += read as u64;
        if begin == end {
            self.pieces.pop();
            self.is_there = false;
        }
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(length: u64, holes: &[(u64, u64)]) -> io::Result<String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        std::fs::write(&path, "0123456789").unwrap();
        let mut text = String::new();
        Holes::new(File::open(path)?, length, holes).read_to_string(&mut text)?;
        Ok(text)
    }

    #[test]
    fn ranges_are_left_out() {
        assert_eq!(read(10, &[]).unwrap(), "0123456789");
        assert_eq!(read(8, &[(0, 2), (3, 4), (4, 5)]).unwrap(), "2567");
        assert_eq!(read(8, &[(1, 6), (2, 4), (7, 10)]).unwrap(), "06");
        assert_eq!(read(8, &[(0, 8)]).unwrap(), "");
        assert_eq!(read(0, &[]).unwrap(), "");
        let error = read(11, &[]).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
    }
}
