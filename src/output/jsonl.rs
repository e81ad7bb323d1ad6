//! One JSON line for each record, and nothing else.

use std::io::{self, Write};

use super::{Lines, Output, put};
use crate::message::Message;

/// Writes `{"stream":"tasks","data":{…}}` for each record. Other messages are not written.
pub struct JsonlOutput<W> {
    lines: Lines<W>,
}

impl<W: Write> JsonlOutput<W> {
    /// Lines go to `inner` in large pieces.
    pub fn new(inner: W) -> Self {
        Self {
            lines: Lines::new(inner),
        }
    }
}

impl<W: Write> Output for JsonlOutput<W> {
    fn write(&mut self, message: &Message) -> io::Result<()> {
        let Message::Records {
            stream, records, ..
        } = message
        else {
            return Ok(());
        };
        let mut head = br#"{"stream":"#.to_vec();
        put(&**stream, &mut head);
        head.extend_from_slice(br#","data":"#);
        for record in records {
            self.lines.line(|line| {
                line.extend_from_slice(&head);
                record.write_json(line);
                line.push(b'}');
            })?;
        }
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.lines.flush()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::json;

    use super::*;
    use crate::message::{Data, StreamStatus, Text};

    #[test]
    fn records_are_lines_whatever_they_looked_like() {
        let page = Text::parse(b"[{\"a\": \"x\\ny\",\n\"b\":NaN}]".to_vec(), 1).unwrap();
        let mut bytes = Vec::new();
        let mut output = JsonlOutput::new(&mut bytes);
        let stream: Arc<str> = Arc::from("a \"b\"");
        let status = StreamStatus::Started;
        output
            .write(&Message::Status {
                stream: Arc::clone(&stream),
                status,
            })
            .unwrap();
        let raw = page.items().map(Data::from).next().unwrap();
        let records = vec![raw, Data::from(json!({"c": null}))];
        output
            .write(&Message::Records {
                stream,
                unit: 0,
                records,
            })
            .unwrap();
        output.finish().unwrap();
        drop(output);
        assert_eq!(
            String::from_utf8(bytes).unwrap(),
            concat!(
                r#"{"stream":"a \"b\"","data":{"a":"x\ny","b":null}}"#,
                "\n",
                r#"{"stream":"a \"b\"","data":{"c":null}}"#,
                "\n"
            )
        );
    }
}
