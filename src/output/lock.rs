//! One run at a time on one destination.
//!
//! In: the path of a destination. Out: a lock that ends with the process, however it ends.

use std::ffi::OsString;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read as _, Write as _};
use std::path::Path;

/// A lock on `PATH.lock`, as long as it lives. The file stays, and means nothing by itself: to remove
/// it would let two runs hold two files of the same name.
#[derive(Debug)]
pub struct Lock {
    _file: File,
}

impl Lock {
    /// Takes the lock beside `path`.
    ///
    /// # Errors
    /// Of kind `ResourceBusy` when another process holds it; when the file cannot be written.
    pub fn take(path: &Path) -> io::Result<Self> {
        let mut name = OsString::from(path);
        name.push(".lock");
        let mut options = OpenOptions::new();
        let options = options.read(true).write(true).create(true).truncate(false);
        let mut file = options.open(&name)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(busy(path, &mut file)),
            Err(TryLockError::Error(error)) => return Err(error),
        }
        // For people; it is the lock that counts.
        file.set_len(0)?;
        file.write_all(std::process::id().to_string().as_bytes())?;
        Ok(Self { _file: file })
    }
}

fn busy(path: &Path, file: &mut File) -> io::Error {
    let mut holder = String::new();
    // Windows lets nobody read a locked file.
    let holder = match file.read_to_string(&mut holder) {
        Ok(_) if holder.trim().parse::<u32>().is_ok() => format!("process {}", holder.trim()),
        _ => "another process".to_owned(),
    };
    let message = format!("another run writes to `{}`: {holder}", path.display());
    io::Error::new(io::ErrorKind::ResourceBusy, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_second_is_told_who_holds_it_until_the_first_is_gone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.sqlite");
        let first = Lock::take(&path).unwrap();
        let error = Lock::take(&path).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::ResourceBusy);
        let message = error.to_string();
        assert!(message.contains("a.sqlite"), "{message}");
        #[cfg(unix)]
        assert!(
            message.ends_with(&format!("process {}", std::process::id())),
            "{message}"
        );
        drop(first);
        Lock::take(&path).unwrap();
    }

    #[test]
    fn a_missing_folder_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let error = Lock::take(&folder.path().join("no/a.sqlite")).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::NotFound);
    }
}
