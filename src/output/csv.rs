//! Lines of comma-separated values (RFC 4180): of a file, or of one stream on standard output.
//!
//! In: records of one stream. Out: a line of names, then a line a record. Nothing between two commas
//! is null; an empty text is `""`. Arrays and objects are JSON.

use std::io::{self, Write};

use super::column::{self, Column, ColumnKind, EXTRA, LOADED_AT, RUN};
use super::names::ANY;
use super::row::{Cells, Row};
use super::{Lines, Output, Written, exact};
use crate::message::{CatalogStream, Data, Field, Kind, Message};

/// Makes lines of the records of one stream.
#[derive(Debug)]
pub(super) struct Csv {
    columns: Vec<Column>,
    row: Row,
    cells: Texts,
    has_metadata: bool,
}

impl Csv {
    pub(super) fn new(stream: &CatalogStream, has_metadata: bool) -> Self {
        let columns = column::columns(stream, &ANY);
        Self {
            row: Row::new(&columns),
            cells: Texts(columns.iter().map(|_| None).collect()),
            columns,
            has_metadata,
        }
    }

    /// Appends the line of names, with its end.
    pub(super) fn header(&self, out: &mut Vec<u8>) {
        for column in &self.columns {
            cell(column.name.as_bytes(), out);
            out.push(b',');
        }
        out.extend_from_slice(EXTRA.as_bytes());
        if self.has_metadata {
            out.extend_from_slice(format!(",{LOADED_AT},{RUN}").as_bytes());
        }
        out.extend_from_slice(b"\r\n");
    }

    /// Appends the line of `record`, with its end.
    pub(super) fn line(&mut self, record: &Data, stamp: &str, run: &str, out: &mut Vec<u8>) {
        let extra = match self.row.spread(record, &mut self.cells) {
            Ok(extra) => extra,
            Err(never) => match never {},
        };
        for text in &mut self.cells.0 {
            if let Some(text) = text.take() {
                cell(&text, out);
            }
            out.push(b',');
        }
        if let Some(extra) = extra {
            cell(extra, out);
        }
        if self.has_metadata {
            out.push(b',');
            cell(stamp.as_bytes(), out);
            out.push(b',');
            cell(run.as_bytes(), out);
        }
        out.extend_from_slice(b"\r\n");
    }

    pub(super) const fn row(&self) -> &Row {
        &self.row
    }
}

/// The texts of the cells of one line.
#[derive(Debug)]
struct Texts(Vec<Option<Vec<u8>>>);

impl Cells for Texts {
    type Error = std::convert::Infallible;

    fn put(
        &mut self,
        column: usize,
        kind: ColumnKind,
        field: Field<'_>,
    ) -> Result<bool, Self::Error> {
        let text = match (kind, field.kind()) {
            (_, Kind::Null) => None,
            (ColumnKind::Integer, Kind::Number) => {
                let number = field.number().and_then(|digits| exact::integer(&digits));
                let Some(number) = number else {
                    return Ok(false);
                };
                Some(number.to_string().into_bytes())
            }
            // Whatever their size, digits are digits.
            (ColumnKind::Number | ColumnKind::Decimal, Kind::Number)
            | (ColumnKind::Boolean, Kind::Bool)
            | (ColumnKind::Json, _) => Some(json(field)),
            (ColumnKind::Integer | ColumnKind::Number | ColumnKind::Boolean, _) => {
                return Ok(false);
            }
            (_, Kind::String) => field.string().map(|text| text.into_owned().into_bytes()),
            (ColumnKind::Decimal, _) => return Ok(false),
            _ => Some(json(field)),
        };
        if let Some(cell) = self.0.get_mut(column) {
            *cell = text;
        }
        Ok(true)
    }
}

fn json(field: Field<'_>) -> Vec<u8> {
    let mut json = Vec::new();
    field.write_json(&mut json);
    json
}

/// Appends one value, in quotes where they are needed.
fn cell(text: &[u8], out: &mut Vec<u8>) {
    let needs = |byte: &u8| matches!(byte, b',' | b'"' | b'\r' | b'\n');
    if !text.is_empty() && !text.iter().any(needs) {
        out.extend_from_slice(text);
        return;
    }
    out.push(b'"');
    for &byte in text {
        if byte == b'"' {
            out.push(b'"');
        }
        out.push(byte);
    }
    out.push(b'"');
}

/// Writes the records of one stream as comma-separated values. Other messages are not written.
pub struct CsvOutput<W> {
    lines: Lines<W>,
    stream: String,
    csv: Option<Csv>,
    records: u64,
}

impl<W: Write> CsvOutput<W> {
    /// Lines go to `inner` in large pieces.
    pub fn new(inner: W) -> Self {
        Self {
            lines: Lines::new(inner),
            stream: String::new(),
            csv: None,
            records: 0,
        }
    }
}

/// The only stream there is, for a form that has room for one.
pub(super) fn only<'a>(streams: &'a [CatalogStream], form: &str) -> io::Result<&'a CatalogStream> {
    match streams {
        [stream] => Ok(stream),
        _ => Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            format!(
                "{form} holds one stream, and {} are to be read; name one with `--stream`, or have a file \
                 for each with `--to DIR/`",
                streams.len()
            ),
        )),
    }
}

impl<W: Write> Output for CsvOutput<W> {
    fn begin(&mut self, streams: &[CatalogStream]) -> io::Result<()> {
        let stream = only(streams, "CSV")?;
        stream.name.clone_into(&mut self.stream);
        let csv = Csv::new(stream, false);
        self.lines.piece(|out| csv.header(out))?;
        self.csv = Some(csv);
        Ok(())
    }

    fn write(&mut self, message: &Message) -> io::Result<()> {
        let (Message::Records { records, .. }, Some(csv)) = (message, &mut self.csv) else {
            return Ok(());
        };
        for record in records {
            self.lines.piece(|out| csv.line(record, "", "", out))?;
            self.records += 1;
        }
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.lines.flush()
    }

    fn written(&self, stream: &str) -> Option<Written> {
        let csv = self.csv.as_ref().filter(|_| stream == self.stream)?;
        Some(Written {
            records: self.records,
            misfits: csv.row.misfits(),
            notes: csv.row.notes(),
        })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::{Value, json};

    use super::*;
    use crate::message::Text;

    fn stream(schema: &Value) -> CatalogStream {
        CatalogStream {
            name: "s".to_owned(),
            json_schema: json!({"properties": schema}),
            ..CatalogStream::default()
        }
    }

    fn page(records: &[&str]) -> Message {
        let data = |json: &&str| Data::from(Text::parse(json.as_bytes().to_vec(), 1).unwrap());
        Message::Records {
            stream: Arc::from("s"),
            unit: 0,
            records: records.iter().map(data).collect(),
        }
    }

    #[test]
    fn values_are_held_without_loss() {
        let schema = json!({"t": {"type": "string"}, "i": {"type": "integer"}, "a,b": {"type": "number"},
            "b": {"type": "boolean"}, "j": {}, "d": {"type": "number", "airbyte_type": "big_number"}});
        let mut bytes = Vec::new();
        let mut output = CsvOutput::new(&mut bytes);
        output.begin(&[stream(&schema)]).unwrap();
        output
            .write(&page(&[
                r#"{"t":"a\"b\nc,d","i":12.0,"a,b":0.12345678901234567890123,"b":true,"j":[1.10, {"k":null}],"d":1e5}"#,
                r#"{"t":"","i":"x","b":1,"new":"é","d":true,"j":null}"#,
                r#"{"i":18446744073709551616,"t":5}"#,
                "{}",
                "[1,2]",
            ]))
            .unwrap();
        output.finish().unwrap();
        let written = output.written("s").unwrap();
        assert_eq!((written.records, written.misfits), (5, 4));
        drop(output);
        assert_eq!(
            String::from_utf8(bytes.clone()).unwrap(),
            concat!(
                "t,i,\"a,b\",b,j,d,_lowcode_extra\r\n",
                "\"a\"\"b\nc,d\",12,0.12345678901234567890123,true,\"[1.10, {\"\"k\"\":null}]\",1e5,\r\n",
                "\"\",,,,,,\"{\"\"i\"\":\"\"x\"\",\"\"b\"\":1,\"\"new\"\":\"\"é\"\",\"\"d\"\":true}\"\r\n",
                "5,,,,,,\"{\"\"i\"\":18446744073709551616}\"\r\n",
                ",,,,,,\r\n",
                ",,,,,,\"[1,2]\"\r\n",
            )
        );
        // Another reader finds the same.
        let rows = csv::Reader::from_reader(bytes.as_slice());
        let rows: Vec<csv::StringRecord> = rows.into_records().map(Result::unwrap).collect();
        assert_eq!(rows.len(), 5);
        assert_eq!(rows[0].get(0), Some("a\"b\nc,d"));
        assert_eq!(rows[0].get(4), Some(r#"[1.10, {"k":null}]"#));
    }

    #[test]
    fn several_streams_are_refused_with_a_cure() {
        let streams = [stream(&json!({})), stream(&json!({}))];
        let error = CsvOutput::new(Vec::new()).begin(&streams).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
        let message = error.to_string();
        assert!(
            message.starts_with("CSV holds one stream, and 2 are to be read; name one with"),
            "{message}"
        );
    }
}
