//! A file under its temporary name, while its stream is read.

use std::fs::File;
use std::io::{self, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use crate::output::CHUNK;

/// A file that grows at its end.
#[derive(Debug)]
pub(super) struct Part {
    path: PathBuf,
    /// Open between two commits only: there may be many streams.
    file: Option<File>,
    buffer: Vec<u8>,
    /// Bytes, those of the buffer among them.
    length: u64,
    /// Whether there is something that a power failure would take.
    is_dirty: bool,
}

impl Part {
    /// A file without content.
    pub(super) fn create(path: PathBuf) -> io::Result<Self> {
        let file = File::create(&path).map_err(|error| at(&path, &error))?;
        Ok(Self {
            path,
            file: Some(file),
            buffer: Vec::new(),
            length: 0,
            is_dirty: true,
        })
    }

    /// The file that is there, up to `length`.
    pub(super) fn go_on(path: PathBuf, length: u64) -> io::Result<Self> {
        let file = open(&path, length).map_err(|error| at(&path, &error))?;
        Ok(Self {
            path,
            file: Some(file),
            buffer: Vec::new(),
            length,
            is_dirty: true,
        })
    }

    pub(super) const fn length(&self) -> u64 {
        self.length
    }

    pub(super) const fn is_dirty(&self) -> bool {
        self.is_dirty
    }

    /// Appends what `write` gives.
    pub(super) fn append(&mut self, write: impl FnOnce(&mut Vec<u8>)) -> io::Result<()> {
        let before = self.buffer.len();
        write(&mut self.buffer);
        self.length += self.buffer.len().saturating_sub(before) as u64;
        self.is_dirty = true;
        if self.buffer.len() >= CHUNK {
            self.hand_on().map_err(|error| at(&self.path, &error))?;
        }
        Ok(())
    }

    fn hand_on(&mut self) -> io::Result<()> {
        let written = self.length.saturating_sub(self.buffer.len() as u64);
        let file = match &mut self.file {
            Some(file) => file,
            none => none.insert(open(&self.path, written)?),
        };
        file.write_all(&self.buffer)?;
        self.buffer.clear();
        Ok(())
    }

    /// Brings all of it to the disk.
    pub(super) fn sync(&mut self) -> io::Result<()> {
        let synced = self.hand_on().and_then(|()| match self.file.take() {
            Some(file) => file.sync_data(),
            None => Ok(()),
        });
        self.is_dirty = false;
        self.buffer = Vec::new();
        synced.map_err(|error| at(&self.path, &error))
    }
}

/// Opens the file at `path` behind its first `length` bytes; there are no others then.
fn open(path: &Path, length: u64) -> io::Result<File> {
    let mut file = File::options().write(true).open(path)?;
    file.set_len(length)?;
    file.seek(SeekFrom::Start(length))?;
    Ok(file)
}

/// The error, with the file that it is about.
pub(super) fn at(path: &Path, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("`{}`: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_lies_behind_the_length_is_gone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        let mut part = Part::create(path.clone()).unwrap();
        part.append(|out| out.extend_from_slice(b"one\ntwo\n"))
            .unwrap();
        part.sync().unwrap();
        part.append(|out| out.extend_from_slice(b"three\n"))
            .unwrap();
        assert!(part.is_dirty());
        part.sync().unwrap();
        let mut part = Part::go_on(path.clone(), 4).unwrap();
        part.append(|out| out.extend_from_slice(b"four\n")).unwrap();
        assert_eq!(part.length(), 9);
        part.sync().unwrap();
        assert_eq!(std::fs::read_to_string(path).unwrap(), "one\nfour\n");
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_full_disk_is_told_with_the_file() {
        let mut part = Part::create("/dev/full".into()).unwrap();
        let long = "x".repeat(CHUNK);
        let error = part.append(|out| out.extend_from_slice(long.as_bytes()));
        let error = error.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::StorageFull);
        assert!(error.to_string().starts_with("`/dev/full`: "), "{error}");
    }
}
