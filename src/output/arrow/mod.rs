//! Columns in Arrow's types: a stream of batches on standard output, and files in the Parquet format.
//!
//! What does not fit the type of its column without loss is in the column for what no column holds.

mod batch;
mod time;

use std::io::{self, BufRead as _, BufReader, BufWriter, Read, Write};

use arrow_ipc::writer::StreamWriter;
use arrow_schema::ArrowError;
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;

use super::{CHUNK, Output, Written, csv};
use crate::message::{CatalogStream, Data, Message, Text};
use batch::Batch;

/// Bytes of a row group, in the form in which it is written.
const GROUP: usize = 16 * 1024 * 1024;
/// Bytes of the dictionary of a column, which stays in memory until its group is written.
const DICTIONARY: usize = 256 * 1024;

/// Writes the records of one stream as an Arrow IPC stream. Other messages are not written.
pub struct ArrowOutput<W: Write> {
    /// Until it is known which columns there are.
    inner: Option<W>,
    stream: String,
    open: Option<(StreamWriter<BufWriter<W>>, Batch)>,
    records: u64,
}

impl<W: Write> ArrowOutput<W> {
    /// Batches go to `inner`.
    pub const fn new(inner: W) -> Self {
        Self {
            inner: Some(inner),
            stream: String::new(),
            open: None,
            records: 0,
        }
    }

    /// Hands on what has gathered, once it is enough or `all` is asked for.
    fn hand_on(&mut self, all: bool) -> io::Result<()> {
        let Some((writer, batch)) = &mut self.open else {
            return Ok(());
        };
        if batch.is_full() || (all && !batch.is_empty()) {
            let columns = batch.take().map_err(told)?;
            writer.write(&columns).map_err(told)?;
        }
        Ok(())
    }
}

impl<W: Write> Output for ArrowOutput<W> {
    fn begin(&mut self, streams: &[CatalogStream]) -> io::Result<()> {
        let stream = csv::only(streams, "an Arrow stream")?;
        stream.name.clone_into(&mut self.stream);
        let batch = Batch::new(stream, false);
        if let Some(inner) = self.inner.take() {
            let writer = StreamWriter::try_new_buffered(inner, batch.schema()).map_err(told)?;
            self.open = Some((writer, batch));
        }
        Ok(())
    }

    fn write(&mut self, message: &Message) -> io::Result<()> {
        let Message::Records { records, .. } = message else {
            return Ok(());
        };
        for record in records {
            if let Some((_, batch)) = &mut self.open {
                batch.add(record, "", "");
                self.records += 1;
            }
            self.hand_on(false)?;
        }
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.hand_on(true)?;
        match &mut self.open {
            Some((writer, _)) => writer.flush().map_err(told),
            None => Ok(()),
        }
    }

    fn finish(&mut self) -> io::Result<()> {
        self.hand_on(true)?;
        match &mut self.open {
            Some((writer, _)) => {
                writer.finish().map_err(told)?;
                writer.flush().map_err(told)
            }
            None => Ok(()),
        }
    }

    fn written(&self, stream: &str) -> Option<Written> {
        let (_, batch) = self.open.as_ref().filter(|_| stream == self.stream)?;
        Some(Written {
            records: self.records,
            misfits: batch.row().misfits(),
            notes: batch.row().notes(),
        })
    }
}

/// Makes a Parquet file of records: each a line of `from`, behind the texts of its metadata, as JSON
/// with tabs between. Says how many values did not fit, and what a person should know of them.
pub(super) fn parquet(
    from: impl Read,
    stream: &CatalogStream,
    has_metadata: bool,
    to: impl Write + Send,
) -> io::Result<(u64, Vec<String>)> {
    parquet_by(GROUP, from, stream, has_metadata, to)
}

/// The same with row groups of about `group` bytes.
fn parquet_by(
    group: usize,
    from: impl Read,
    stream: &CatalogStream,
    has_metadata: bool,
    to: impl Write + Send,
) -> io::Result<(u64, Vec<String>)> {
    let mut batch = Batch::new(stream, has_metadata);
    let properties = WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::default()))
        .set_max_row_group_bytes(Some(group))
        .set_dictionary_page_size_limit(DICTIONARY)
        .set_created_by(format!("lowcode {}", env!("CARGO_PKG_VERSION")))
        .build();
    let to = BufWriter::with_capacity(CHUNK, to);
    let schema = batch.schema().clone();
    let mut writer = ArrowWriter::try_new(to, schema, Some(properties)).map_err(failed)?;
    let mut lines = BufReader::with_capacity(CHUNK, from);
    let mut line = Vec::new();
    while lines.read_until(b'\n', &mut line)? > 0 {
        let (stamp, run, record) = parts(std::mem::take(&mut line), has_metadata)?;
        batch.add(&record, &stamp, &run);
        if batch.is_full() {
            writer.write(&batch.take().map_err(told)?).map_err(failed)?;
        }
    }
    if !batch.is_empty() {
        writer.write(&batch.take().map_err(told)?).map_err(failed)?;
    }
    let mut to = writer.into_inner().map_err(failed)?;
    to.flush()?;
    Ok((batch.row().misfits(), batch.row().notes()))
}

/// The metadata and the record of a line.
fn parts(mut line: Vec<u8>, has_metadata: bool) -> io::Result<(String, String, Data)> {
    let broken = |_| io::Error::new(io::ErrorKind::InvalidData, "a staged record is broken");
    let mut texts = [String::new(), String::new()];
    if has_metadata {
        let mut parts = line.splitn(3, |byte| *byte == b'\t');
        for text in &mut texts {
            *text = serde_json::from_slice(parts.next().unwrap_or_default())?;
        }
        line = parts.next().unwrap_or_default().to_vec();
    }
    let [stamp, run] = texts;
    let record = Text::parse(line, 1).map_err(broken)?;
    Ok((stamp, run, Data::from_text(record)))
}

/// The error of the writer below, where it is one.
fn told(error: ArrowError) -> io::Error {
    match error {
        ArrowError::IoError(_, error) => error,
        error => io::Error::other(error),
    }
}

fn failed(error: ParquetError) -> io::Error {
    match error {
        ParquetError::External(error) => match error.downcast::<io::Error>() {
            Ok(error) => *error,
            Err(error) => io::Error::other(error),
        },
        error => io::Error::other(error),
    }
}

#[cfg(test)]
mod tests;
