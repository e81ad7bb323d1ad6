//! What goes wrong with a database file.

use std::io;
use std::path::Path;

use rusqlite::ErrorCode;

/// An error of SQLite, or one of ours with its own words.
#[derive(Debug)]
pub(super) enum Fault {
    Sql(rusqlite::Error),
    Own(io::Error),
}

impl From<rusqlite::Error> for Fault {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sql(error)
    }
}

impl Fault {
    pub(super) fn own(message: String) -> Self {
        Self::Own(io::Error::new(io::ErrorKind::InvalidData, message))
    }

    /// The error as a person is told it, with the file.
    pub(super) fn at(self, path: &Path) -> io::Error {
        let path = path.display();
        let error = match self {
            Self::Own(error) => {
                return io::Error::new(error.kind(), format!("`{path}`: {error}"));
            }
            Self::Sql(error) => error,
        };
        let kind = match error.sqlite_error_code() {
            Some(ErrorCode::DiskFull) => io::ErrorKind::StorageFull,
            Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied | ErrorCode::CannotOpen) => {
                io::ErrorKind::PermissionDenied
            }
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
                let message = format!("`{path}` is locked by another program that writes to it");
                return io::Error::new(io::ErrorKind::ResourceBusy, message);
            }
            Some(ErrorCode::NotADatabase) => {
                let message = format!("`{path}` is no SQLite database");
                return io::Error::new(io::ErrorKind::InvalidData, message);
            }
            _ => io::ErrorKind::Other,
        };
        io::Error::new(kind, format!("`{path}`: {error}"))
    }
}

pub(super) type Result<T> = std::result::Result<T, Fault>;
