//! What goes wrong with a database, in words: where, what, and what to do about it.

use std::error::Error as _;
use std::io;

use postgres::error::SqlState;

/// An error of PostgreSQL, or one of ours with its own words.
#[derive(Debug)]
pub(super) enum Fault {
    Sql(postgres::Error),
    Own(io::Error),
}

pub(super) type Result<T> = std::result::Result<T, Fault>;

impl From<postgres::Error> for Fault {
    fn from(error: postgres::Error) -> Self {
        Self::Sql(error)
    }
}

impl From<io::Error> for Fault {
    /// The writer of a `COPY` wraps what PostgreSQL says.
    fn from(error: io::Error) -> Self {
        match error.downcast::<postgres::Error>() {
            Ok(error) => Self::Sql(error),
            Err(error) => Self::Own(error),
        }
    }
}

impl Fault {
    pub(super) fn own(message: String) -> Self {
        Self::Own(io::Error::new(io::ErrorKind::InvalidData, message))
    }

    pub(super) fn code(&self) -> Option<&SqlState> {
        match self {
            Self::Sql(error) => error.code(),
            Self::Own(_) => None,
        }
    }

    /// The error as a person is told it; `shown` is server and database.
    pub(super) fn at(self, shown: &str) -> io::Error {
        let error = match self {
            Self::Own(error) => return io::Error::new(error.kind(), format!("`{shown}`: {error}")),
            Self::Sql(error) => error,
        };
        let (kind, words) = words(&error);
        io::Error::new(kind, format!("`{shown}`: {words}"))
    }
}

fn words(error: &postgres::Error) -> (io::ErrorKind, String) {
    let Some(told) = error.as_db_error() else {
        return without_server(error);
    };
    let mut words = told.message().to_owned();
    if let Some(table) = told.table() {
        words.push_str(&format!(" (table `{table}`)"));
    }
    if let Some(detail) = told.detail() {
        words.push_str(&format!("; {detail}"));
    }
    let code = told.code();
    let (kind, cure) = if *code == SqlState::DISK_FULL {
        (
            io::ErrorKind::StorageFull,
            "what was committed is there, and the next run goes on from it",
        )
    } else if *code == SqlState::INSUFFICIENT_PRIVILEGE {
        (
            io::ErrorKind::PermissionDenied,
            "grant it, or name a schema of your own by `?schema=NAME`",
        )
    } else if [
        SqlState::INVALID_PASSWORD,
        SqlState::INVALID_AUTHORIZATION_SPECIFICATION,
    ]
    .contains(code)
    {
        (
            io::ErrorKind::PermissionDenied,
            "user and password are those of the URL, else of `PGPASSWORD` or `~/.pgpass`",
        )
    } else if *code == SqlState::LOCK_NOT_AVAILABLE {
        (
            io::ErrorKind::ResourceBusy,
            "another session holds a lock on it; run again when it is done",
        )
    } else if code.code().starts_with("57P") {
        (
            io::ErrorKind::ConnectionAborted,
            "what was not committed is undone; the next run goes on from there",
        )
    } else if *code == SqlState::READ_ONLY_SQL_TRANSACTION {
        (
            io::ErrorKind::PermissionDenied,
            "the server is a standby; name the primary",
        )
    } else {
        return (io::ErrorKind::Other, words);
    };
    (kind, format!("{words}: {cure}"))
}

/// No answer of a server, but something on the way to it.
fn without_server(error: &postgres::Error) -> (io::ErrorKind, String) {
    let mut causes = Vec::new();
    let mut cause = error.source();
    while let Some(inner) = cause {
        let said = inner.to_string();
        if causes.last() != Some(&said) {
            causes.push(said);
        }
        cause = inner.source();
    }
    let causes = match causes.is_empty() {
        true => String::new(),
        false => format!(" ({})", causes.join(": ")),
    };
    let said = error.to_string();
    if said.starts_with("error connecting") {
        return (
            io::ErrorKind::ConnectionRefused,
            format!("the server cannot be reached{causes}"),
        );
    }
    let is_gone = error.is_closed() || said.starts_with("error communicating");
    if is_gone {
        return (
            io::ErrorKind::ConnectionAborted,
            format!(
                "the connection was lost{causes}: what was not committed is undone, and the next run \
                 goes on from there"
            ),
        );
    }
    (io::ErrorKind::Other, format!("{said}{causes}"))
}
