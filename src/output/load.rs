//! What all destinations with tables have in common: how rows get in, and what is told of it.

use std::fmt;
use std::io;
use std::time::Duration;

use chrono::{DateTime, SecondsFormat};
use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

use crate::message::CatalogStream;

/// How the records of a run meet those that are there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// They are added.
    Append,
    /// They take the place of the others, once all of them are there.
    Replace,
    /// Each takes the place of the one with the same primary key.
    Upsert,
}

impl Mode {
    /// The mode of a stream when none was asked for.
    #[must_use]
    pub fn of(stream: &CatalogStream) -> Self {
        let key = stream.source_defined_primary_key.as_deref();
        if key.unwrap_or_default().iter().any(|path| !path.is_empty()) {
            Self::Upsert
        } else {
            Self::Replace
        }
    }

    /// Its word on the command line.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Append => "append",
            Self::Replace => "replace",
            Self::Upsert => "upsert",
        }
    }
}

/// How a run loads tables.
pub struct Loading {
    /// The mode of all streams; none: [`Mode::of`] each.
    pub mode: Option<Mode>,
    /// Whether rows say when and by which run they were written.
    pub has_metadata: bool,
    /// Name of the run.
    pub run: String,
    /// Tells the time in microseconds since the epoch.
    pub now: Box<dyn Fn() -> i64 + Send>,
    /// Tells how long the run has lasted, whatever the clock says.
    pub elapsed: Box<dyn Fn() -> Duration + Send>,
}

impl Loading {
    /// The mode of `stream`.
    ///
    /// # Errors
    /// Of kind `InvalidInput` when it is to be upserted and has no primary key.
    pub fn mode_of(&self, stream: &CatalogStream) -> io::Result<Mode> {
        match (self.mode, Mode::of(stream)) {
            (Some(Mode::Upsert), Mode::Replace) => Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                format!(
                    "stream `{}` has no primary key to upsert by; without `--mode` it is replaced",
                    stream.name
                ),
            )),
            (mode, usual) => Ok(mode.unwrap_or(usual)),
        }
    }

    /// Now, as `2025-03-01T00:00:00.000Z`.
    #[must_use]
    pub fn stamp(&self) -> String {
        let now = DateTime::from_timestamp_micros((self.now)()).unwrap_or_default();
        now.to_rfc3339_opts(SecondsFormat::Millis, true)
    }
}

impl fmt::Debug for Loading {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Loading")
            .field("mode", &self.mode)
            .field("run", &self.run)
            .finish_non_exhaustive()
    }
}

/// What was written of a stream.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Written {
    /// Records that were taken down.
    pub records: u64,
    /// Values that did not fit the type of their column.
    pub misfits: u64,
    /// What a person should know, a line each.
    pub notes: Vec<String>,
}

/// Fields that are counted by name, at most.
const FIELDS: usize = 1000;
/// Fields that are named, at most.
const NAMED: usize = 5;

/// Counts of values by their field.
#[derive(Debug, Default)]
pub struct Tally {
    fields: IndexMap<String, u64>,
    all: u64,
}

impl Tally {
    /// Counts a value of `field`.
    pub fn count(&mut self, field: &str) {
        self.all = self.all.saturating_add(1);
        if let Some(count) = self.fields.get_mut(field) {
            *count += 1;
        } else if self.fields.len() < FIELDS {
            self.fields.insert(field.to_owned(), 1);
        }
    }

    /// How many values there were.
    #[must_use]
    pub const fn all(&self) -> u64 {
        self.all
    }

    /// The values and their fields in words, such as ``3 values of `a`, `b` ``; none for no value.
    #[must_use]
    pub fn words(&self) -> Option<String> {
        let values = match self.all {
            0 => return None,
            1 => "1 value".to_owned(),
            many => format!("{many} values"),
        };
        let named = self.fields.keys().take(NAMED);
        let mut named: Vec<String> = named.map(|field| format!("`{field}`")).collect();
        match self.fields.len().saturating_sub(NAMED) {
            0 => {}
            1 => named.push("1 other field".to_owned()),
            more => named.push(format!("{more} other fields")),
        }
        Some(format!("{values} of {}", named.join(", ")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_with_a_key_is_merged_by_it() {
        let with = |key: Option<Vec<Vec<String>>>| {
            Mode::of(&CatalogStream {
                source_defined_primary_key: key,
                ..CatalogStream::default()
            })
        };
        assert_eq!(with(Some(vec![vec!["id".to_owned()]])), Mode::Upsert);
        for none in [None, Some(vec![]), Some(vec![vec![]])] {
            assert_eq!(with(none), Mode::Replace);
        }
    }

    #[test]
    fn fields_are_named_up_to_a_bound() {
        let mut tally = Tally::default();
        assert_eq!(tally.words(), None);
        tally.count("a");
        assert_eq!(tally.words().as_deref(), Some("1 value of `a`"));
        for field in ["a", "b", "c", "d", "e", "f", "g"] {
            tally.count(field);
        }
        assert_eq!(
            tally.words().as_deref(),
            Some("8 values of `a`, `b`, `c`, `d`, `e`, 2 other fields")
        );
    }

    #[test]
    fn a_stamp_is_an_instant_in_utc() {
        let loading = Loading {
            mode: None,
            has_metadata: true,
            run: "r".to_owned(),
            now: Box::new(|| 1_740_787_200_123_456),
            elapsed: Box::new(Duration::default),
        };
        assert_eq!(loading.stamp(), "2025-03-01T00:00:00.123Z");
    }
}
