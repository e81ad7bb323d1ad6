//! The Singer specification: SCHEMA, RECORD and STATE messages, each a JSON line
//! (<https://github.com/singer-io/getting-started/blob/master/docs/SPEC.md>).

use std::io::{self, Write};

use chrono::{DateTime, SecondsFormat};
use serde_json::{Map, Value, json};

use super::{Lines, Output, put};
use crate::message::{CatalogStream, Data, Message, StreamState};

/// Writes Singer messages. The schemas of all streams come first; each state holds those of all
/// streams so far, below `bookmarks`, since a target keeps the last message alone.
pub struct SingerOutput<W> {
    lines: Lines<W>,
    now: Box<dyn Fn() -> i64 + Send>,
    bookmarks: Map<String, Value>,
}

impl<W: Write> SingerOutput<W> {
    /// Lines go to `inner` in large pieces; `now` tells the time in microseconds since the epoch.
    pub fn new(inner: W, now: impl Fn() -> i64 + Send + 'static) -> Self {
        Self {
            lines: Lines::new(inner),
            now: Box::new(now),
            bookmarks: Map::new(),
        }
    }

    fn schema(&mut self, stream: &CatalogStream) -> io::Result<()> {
        let mut message = json!({"type": "SCHEMA", "stream": stream.name});
        message["schema"] = match &stream.json_schema {
            schema @ Value::Object(_) => schema.clone(),
            _ => json!({"type": "object", "properties": {}}),
        };
        message["key_properties"] = json!(key_properties(stream));
        if let Some([cursor]) = stream.default_cursor_field.as_deref() {
            message["bookmark_properties"] = json!([cursor]);
        }
        self.lines.line(|line| put(&message, line))
    }

    fn records(&mut self, stream: &str, records: &[Data]) -> io::Result<()> {
        let mut head = br#"{"type":"RECORD","stream":"#.to_vec();
        put(stream, &mut head);
        head.extend_from_slice(br#","record":"#);
        let now = DateTime::from_timestamp_micros((self.now)()).unwrap_or_default();
        let now = now.to_rfc3339_opts(SecondsFormat::Millis, true);
        let tail = format!(r#","time_extracted":"{now}"}}"#);
        for record in records {
            self.lines.line(|line| {
                line.extend_from_slice(&head);
                record.write_json(line);
                line.extend_from_slice(tail.as_bytes());
            })?;
        }
        Ok(())
    }

    fn state(&mut self, state: &StreamState) -> io::Result<()> {
        let bookmark = Value::Object(state.state.clone());
        self.bookmarks.insert(state.stream.to_string(), bookmark);
        self.lines.line(|line| {
            line.extend_from_slice(br#"{"type":"STATE","value":{"bookmarks":"#);
            put(&self.bookmarks, line);
            line.extend_from_slice(b"}}");
        })
    }
}

/// The fields of the primary key; none where one is inside of an object, for which Singer has no word.
fn key_properties(stream: &CatalogStream) -> Vec<&str> {
    let paths = stream.source_defined_primary_key.as_deref();
    let names = paths.unwrap_or_default().iter().map(|path| match &**path {
        [name] => Some(name.as_str()),
        _ => None,
    });
    names.collect::<Option<_>>().unwrap_or_default()
}

impl<W: Write> Output for SingerOutput<W> {
    fn begin(&mut self, streams: &[CatalogStream]) -> io::Result<()> {
        streams.iter().try_for_each(|stream| self.schema(stream))
    }

    fn write(&mut self, message: &Message) -> io::Result<()> {
        match message {
            Message::Records {
                stream, records, ..
            } => self.records(stream, records),
            Message::State(state) => self.state(state),
            // The rest has no place in it.
            _ => Ok(()),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.lines.flush()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::from_value;

    use super::*;

    fn stream(name: &str, key: Value) -> CatalogStream {
        CatalogStream {
            name: name.to_owned(),
            json_schema: json!({"properties": {"id": {}}}),
            source_defined_primary_key: from_value(key).unwrap(),
            ..CatalogStream::default()
        }
    }

    fn state(stream: &str, at: u64) -> Message {
        Message::State(StreamState {
            stream: Arc::from(stream),
            state: from_value(json!({"at": at})).unwrap(),
        })
    }

    #[test]
    fn schemas_come_first_and_states_hold_all() {
        let mut bytes = Vec::new();
        let mut output = SingerOutput::new(&mut bytes, || 1_740_787_200_123_456);
        let mut second = stream("b", json!([["o", "id"]]));
        second.json_schema = json!(true);
        second.default_cursor_field = Some(vec!["at".to_owned()]);
        output
            .begin(&[stream("a", json!([["id"], ["k"]])), second])
            .unwrap();
        let records = Message::Records {
            stream: Arc::from("a"),
            unit: 0,
            records: vec![json!({"id": null}).into()],
        };
        for message in [records, state("a", 1), state("b", 2), state("a", 3)] {
            output.write(&message).unwrap();
        }
        output.finish().unwrap();
        drop(output);
        let text = String::from_utf8(bytes).unwrap();
        assert_eq!(
            text.lines().collect::<Vec<_>>(),
            [
                r#"{"type":"SCHEMA","stream":"a","schema":{"properties":{"id":{}}},"key_properties":["id","k"]}"#,
                r#"{"type":"SCHEMA","stream":"b","schema":{"type":"object","properties":{}},"key_properties":[],"bookmark_properties":["at"]}"#,
                r#"{"type":"RECORD","stream":"a","record":{"id":null},"time_extracted":"2025-03-01T00:00:00.123Z"}"#,
                r#"{"type":"STATE","value":{"bookmarks":{"a":{"at":1}}}}"#,
                r#"{"type":"STATE","value":{"bookmarks":{"a":{"at":1},"b":{"at":2}}}}"#,
                r#"{"type":"STATE","value":{"bookmarks":{"a":{"at":3},"b":{"at":2}}}}"#,
            ]
        );
    }
}
