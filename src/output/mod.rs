//! Where messages end up: a file for each destination.
//!
//! In: [`Message`]s, in the order in which they happened. Out: bytes. It must not know the engine
//! or a component.

mod airbyte;
mod arrow;
pub mod column;
mod csv;
pub mod exact;
mod fault;
mod files;
mod journal;
mod jsonl;
mod load;
mod lock;
pub mod names;
pub mod postgres;
pub mod row;
mod singer;
mod sqlite;
mod state_file;

use std::io::{self, Write};

use crate::message::{CatalogStream, Message, Step, StreamState};

pub use self::csv::CsvOutput;
pub use airbyte::AirbyteOutput;
pub use arrow::ArrowOutput;
pub use files::{FileFormat, FilesOutput};
pub use jsonl::JsonlOutput;
pub use load::{Loading, Mode, Tally, Written};
pub use lock::Lock;
pub use postgres::PostgresOutput;
pub use singer::SingerOutput;
pub use sqlite::SqliteOutput;
pub use state_file::StateFile;

/// A destination. One thread owns it and hands it every message.
pub trait Output {
    /// Is told of the streams whose records it will get, before any message.
    ///
    /// # Errors
    /// When it cannot hold them; else as [`write`](Output::write).
    fn begin(&mut self, _streams: &[CatalogStream]) -> io::Result<()> {
        Ok(())
    }

    /// Takes `message` down. It may stay in memory until [`flush`](Output::flush).
    ///
    /// # Errors
    /// What the destination says; of kind `BrokenPipe` when nobody reads it any more.
    fn write(&mut self, message: &Message) -> io::Result<()>;

    /// Brings all messages so far to where a reader sees them.
    ///
    /// # Errors
    /// As [`write`](Output::write).
    fn flush(&mut self) -> io::Result<()>;

    /// Ends the destination; nothing is written after it.
    ///
    /// # Errors
    /// As [`write`](Output::write).
    fn finish(&mut self) -> io::Result<()> {
        self.flush()
    }

    /// What it remembers of runs; none when it remembers nothing.
    fn store(&mut self) -> Option<&mut dyn Store> {
        None
    }

    /// What was written of `stream`; none when it does not count.
    fn written(&self, _stream: &str) -> Option<Written> {
        None
    }
}

/// What remembers how far runs have come: beside the records in one transaction, or by itself.
///
/// It takes down [`Message::State`] and [`Message::Progress`]; the latter alone is a point at which it
/// may commit.
pub trait Store {
    /// The state of each stream, as it was last committed.
    ///
    /// # Errors
    /// What the destination says.
    fn states(&mut self) -> io::Result<Vec<StreamState>>;

    /// Gives the steps that are kept of `stream` to `take`, so that taking them again in this order
    /// tells what is left of it; none when there is nothing to go on with.
    ///
    /// # Errors
    /// What the destination or `take` says.
    fn steps(
        &mut self,
        stream: &str,
        take: &mut dyn FnMut(Step) -> io::Result<()>,
    ) -> io::Result<()>;

    /// Forgets the state and the steps of `stream`, or of all streams, at once and for good. Records
    /// stay.
    ///
    /// # Errors
    /// What the destination says.
    fn forget(&mut self, stream: Option<&str>) -> io::Result<()>;
}

/// Bytes gathered before they are handed on.
const CHUNK: usize = 64 * 1024;

/// Gathers lines and hands them on in large pieces, always cut between lines.
struct Lines<W> {
    inner: W,
    buffer: Vec<u8>,
}

impl<W: Write> Lines<W> {
    fn new(inner: W) -> Self {
        Self {
            inner,
            buffer: Vec::with_capacity(2 * CHUNK),
        }
    }

    /// Appends a line; `write` gives it without its end.
    fn line(&mut self, write: impl FnOnce(&mut Vec<u8>)) -> io::Result<()> {
        self.piece(|buffer| {
            write(buffer);
            buffer.push(b'\n');
        })
    }

    /// Appends what `write` gives, its end and all.
    fn piece(&mut self, write: impl FnOnce(&mut Vec<u8>)) -> io::Result<()> {
        write(&mut self.buffer);
        if self.buffer.len() >= CHUNK {
            self.hand_on()?;
        }
        Ok(())
    }

    fn hand_on(&mut self) -> io::Result<()> {
        let result = self.inner.write_all(&self.buffer);
        // Also after an error: how much of it was written is not known.
        self.buffer.clear();
        result
    }

    fn flush(&mut self) -> io::Result<()> {
        self.hand_on()?;
        self.inner.flush()
    }
}

/// Appends `value` as JSON.
fn put<T: serde::Serialize + ?Sized>(value: &T, out: &mut Vec<u8>) {
    serde_json::to_writer(out, value).expect("messages always fit into memory as JSON");
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::json;

    use super::*;
    use crate::message::Data;

    fn records(count: usize) -> Message {
        Message::Records {
            stream: Arc::from("tasks"),
            unit: 0,
            records: vec![Data::from(json!({"name": "x".repeat(100)})); count],
        }
    }

    /// Remembers each piece that it is given.
    #[derive(Default)]
    struct Pieces(Vec<Vec<u8>>);

    impl Write for &mut Pieces {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            if !bytes.is_empty() {
                self.0.push(bytes.to_vec());
            }
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn lines_leave_in_large_whole_pieces() {
        let mut pieces = Pieces::default();
        let mut output = JsonlOutput::new(&mut pieces);
        output.write(&records(1500)).unwrap();
        output.finish().unwrap();
        drop(output);
        let sizes: Vec<usize> = pieces.0.iter().map(Vec::len).collect();
        assert_eq!(sizes.len(), 4, "{sizes:?}");
        assert!(sizes.iter().take(3).all(|&size| size >= CHUNK), "{sizes:?}");
        assert!(pieces.0.iter().all(|piece| piece.ends_with(b"}}\n")));
    }

    #[test]
    fn nothing_leaves_before_it_is_asked_for() {
        let mut pieces = Pieces::default();
        let mut output = JsonlOutput::new(&mut pieces);
        output.write(&records(1)).unwrap();
        drop(output);
        assert!(pieces.0.is_empty());
    }

    #[test]
    fn a_closed_pipe_is_told_as_such() {
        let (reader, writer) = io::pipe().unwrap();
        drop(reader);
        let mut output = JsonlOutput::new(writer);
        output.write(&records(1)).unwrap();
        let error = output.finish().unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::BrokenPipe);
    }
}
