//! The Airbyte protocol: each message a JSON line with its envelope.

use std::collections::HashMap;
use std::io::{self, Write};
use std::sync::Arc;

use serde::Serialize;
use serde_json::{Map, Value, json};

use super::{Lines, Output, put};
use crate::message::{Data, Failure, Message, StreamState};

/// Writes protocol messages as airbyte-cdk 7.39.1 does (`entrypoint.py`).
///
/// Differs: null fields of a record stay, since a null is information; the time of sending is in
/// whole milliseconds everywhere.
pub struct AirbyteOutput<W> {
    lines: Lines<W>,
    now: Box<dyn Fn() -> i64 + Send>,
    /// Records of each stream since its last state.
    counts: HashMap<Arc<str>, u64>,
}

impl<W: Write> AirbyteOutput<W> {
    /// Lines go to `inner` in large pieces; `now` tells the time in microseconds since the epoch.
    pub fn new(inner: W, now: impl Fn() -> i64 + Send + 'static) -> Self {
        Self {
            lines: Lines::new(inner),
            now: Box::new(now),
            counts: HashMap::new(),
        }
    }

    fn millis(&self) -> i64 {
        (self.now)().div_euclid(1000)
    }

    fn records(&mut self, stream: &Arc<str>, records: &[Data]) -> io::Result<()> {
        let mut head = br#"{"type":"RECORD","record":{"stream":"#.to_vec();
        put(&**stream, &mut head);
        head.extend_from_slice(br#","data":"#);
        let tail = format!(r#","emitted_at":{}"#, self.millis());
        for record in records {
            self.lines.line(|line| {
                line.extend_from_slice(&head);
                record.write_json(line);
                line.extend_from_slice(tail.as_bytes());
                if let Some(file) = record.file() {
                    line.extend_from_slice(br#","file_reference":"#);
                    put(file, line);
                }
                line.extend_from_slice(b"}}");
            })?;
        }
        *self.counts.entry(Arc::clone(stream)).or_default() += records.len() as u64;
        Ok(())
    }

    fn state(&mut self, state: &StreamState) -> io::Result<()> {
        let records = self.counts.remove(&state.stream).unwrap_or(0);
        let body = State {
            kind: "STREAM",
            stream: OneStream {
                stream_descriptor: Descriptor {
                    name: &state.stream,
                },
                stream_state: &state.state,
            },
            source_stats: Stats {
                record_count: records as f64,
            },
        };
        self.envelope("STATE", "state", &body)
    }

    fn failure(&mut self, failure: &Failure) -> io::Result<()> {
        let mut error = Map::new();
        error.insert("message".to_owned(), json!(failure.message));
        if let Some(internal) = &failure.internal_message {
            error.insert("internal_message".to_owned(), json!(internal));
        }
        if let Some(trace) = &failure.stack_trace {
            error.insert("stack_trace".to_owned(), json!(trace));
        }
        error.insert("failure_type".to_owned(), json!(failure.failure_type));
        if let Some(stream) = &failure.stream {
            error.insert("stream_descriptor".to_owned(), json!({"name": stream}));
        }
        let trace = json!({"type": "ERROR", "emitted_at": self.millis(), "error": error});
        self.envelope("TRACE", "trace", &trace)
    }

    /// A line with the message's type, and its body behind `key`.
    fn envelope<T: Serialize>(&mut self, kind: &str, key: &str, body: &T) -> io::Result<()> {
        self.lines.line(|line| {
            line.extend_from_slice(format!(r#"{{"type":"{kind}","{key}":"#).as_bytes());
            put(body, line);
            line.push(b'}');
        })
    }
}

impl<W: Write> Output for AirbyteOutput<W> {
    fn write(&mut self, message: &Message) -> io::Result<()> {
        let emitted_at = self.millis();
        match message {
            Message::Records {
                stream, records, ..
            } => self.records(stream, records),
            Message::State(state) => self.state(state),
            Message::Failure(failure) => self.failure(failure),
            Message::Log(log) => self.envelope("LOG", "log", log),
            Message::Status { stream, status } => {
                let trace = json!({"type": "STREAM_STATUS", "emitted_at": emitted_at,
                    "stream_status": {"stream_descriptor": {"name": stream}, "status": status}});
                self.envelope("TRACE", "trace", &trace)
            }
            Message::Control { config } => {
                let control = json!({"type": "CONNECTOR_CONFIG", "emitted_at": emitted_at,
                    "connectorConfig": {"config": config}});
                self.envelope("CONTROL", "control", &control)
            }
            // The protocol keeps states alone.
            Message::Progress(_) | Message::Void { .. } => Ok(()),
            Message::Spec(spec) => self.envelope("SPEC", "spec", spec),
            Message::ConnectionStatus(status) => {
                self.envelope("CONNECTION_STATUS", "connectionStatus", status)
            }
            Message::Catalog(catalog) => self.envelope("CATALOG", "catalog", catalog),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.lines.flush()
    }
}

/// A state can be large: it is written from where it is.
#[derive(Serialize)]
struct State<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    stream: OneStream<'a>,
    #[serde(rename = "sourceStats")]
    source_stats: Stats,
}

#[derive(Serialize)]
struct OneStream<'a> {
    stream_descriptor: Descriptor<'a>,
    stream_state: &'a Map<String, Value>,
}

#[derive(Serialize)]
struct Descriptor<'a> {
    name: &'a str,
}

/// The protocol has counts as doubles: `3.0`.
#[derive(Serialize)]
struct Stats {
    #[serde(rename = "recordCount")]
    record_count: f64,
}

#[cfg(test)]
mod tests {
    use serde_json::from_value;

    use super::*;
    use crate::message::{
        Catalog, CheckStatus, ConnectionStatus, FailureType, FileReference, Level, Log, Spec,
        StreamStatus,
    };

    /// The lines of `messages`, sent at 1.7 s after the epoch.
    fn lines(messages: &[Message]) -> Vec<String> {
        let mut bytes = Vec::new();
        let mut output = AirbyteOutput::new(&mut bytes, || 1_700_999);
        for message in messages {
            output.write(message).unwrap();
        }
        output.finish().unwrap();
        drop(output);
        let text = String::from_utf8(bytes).unwrap();
        text.lines().map(str::to_owned).collect()
    }

    fn line(message: Message) -> String {
        lines(&[message]).remove(0)
    }

    #[test]
    fn records_are_counted_until_the_next_state() {
        let stream: Arc<str> = Arc::from("a");
        let state = Message::State(StreamState {
            stream: Arc::clone(&stream),
            state: from_value(json!({"cursor": null, "of": {"x": 1}})).unwrap(),
        });
        let records = Message::Records {
            stream,
            unit: 0,
            records: vec![Data::from(json!({"x": null, "f": 1.0})), json!({}).into()],
        };
        assert_eq!(
            lines(&[records, state.clone(), state]),
            [
                r#"{"type":"RECORD","record":{"stream":"a","data":{"x":null,"f":1.0},"emitted_at":1700}}"#,
                r#"{"type":"RECORD","record":{"stream":"a","data":{},"emitted_at":1700}}"#,
                r#"{"type":"STATE","state":{"type":"STREAM","stream":{"stream_descriptor":{"name":"a"},"stream_state":{"cursor":null,"of":{"x":1}}},"sourceStats":{"recordCount":2.0}}}"#,
                r#"{"type":"STATE","state":{"type":"STREAM","stream":{"stream_descriptor":{"name":"a"},"stream_state":{"cursor":null,"of":{"x":1}}},"sourceStats":{"recordCount":0.0}}}"#,
            ]
        );
    }

    #[test]
    fn a_record_tells_where_its_file_is() {
        let mut record = Data::from(json!({"x": 1}));
        record.set_file(FileReference {
            staging_file_url: "/files/a/x".to_owned(),
            source_file_relative_path: "a/x".to_owned(),
            file_size_bytes: 3,
        });
        assert_eq!(
            line(Message::Records {
                stream: Arc::from("a"),
                unit: 0,
                records: vec![record]
            }),
            r#"{"type":"RECORD","record":{"stream":"a","data":{"x":1},"emitted_at":1700,"file_reference":{"staging_file_url":"/files/a/x","source_file_relative_path":"a/x","file_size_bytes":3}}}"#
        );
    }

    #[test]
    fn traces_have_their_time() {
        assert_eq!(
            line(Message::Status {
                stream: Arc::from("s"),
                status: StreamStatus::Started
            }),
            r#"{"type":"TRACE","trace":{"type":"STREAM_STATUS","emitted_at":1700,"stream_status":{"stream_descriptor":{"name":"s"},"status":"STARTED"}}}"#
        );
        assert_eq!(
            line(Message::Failure(Failure {
                message: "m".to_owned(),
                internal_message: Some("i".to_owned()),
                stack_trace: Some("t\n".to_owned()),
                failure_type: FailureType::ConfigError,
                stream: Some(Arc::from("s")),
                parent: Some(Arc::from("p")),
                cause: "c".to_owned(),
            })),
            r#"{"type":"TRACE","trace":{"type":"ERROR","emitted_at":1700,"error":{"message":"m","internal_message":"i","stack_trace":"t\n","failure_type":"config_error","stream_descriptor":{"name":"s"}}}}"#
        );
        assert_eq!(
            line(Message::Failure(Failure {
                message: "m".to_owned(),
                ..Failure::default()
            })),
            r#"{"type":"TRACE","trace":{"type":"ERROR","emitted_at":1700,"error":{"message":"m","failure_type":"system_error"}}}"#
        );
    }

    #[test]
    fn a_changed_config_is_a_control_message() {
        assert_eq!(
            line(Message::Control {
                config: Arc::new(json!({"a": 1}))
            }),
            r#"{"type":"CONTROL","control":{"type":"CONNECTOR_CONFIG","emitted_at":1700,"connectorConfig":{"config":{"a":1}}}}"#
        );
    }

    #[test]
    fn logs_and_checks_leave_out_what_they_do_not_say() {
        assert_eq!(
            line(Message::Log(Log {
                level: Level::Info,
                message: "hi".to_owned()
            })),
            r#"{"type":"LOG","log":{"level":"INFO","message":"hi"}}"#
        );
        for (status, message, body) in [
            (CheckStatus::Succeeded, None, r#"{"status":"SUCCEEDED"}"#),
            (
                CheckStatus::Failed,
                Some("x"),
                r#"{"status":"FAILED","message":"x"}"#,
            ),
        ] {
            assert_eq!(
                line(Message::ConnectionStatus(ConnectionStatus {
                    status,
                    message: message.map(str::to_owned)
                })),
                format!(r#"{{"type":"CONNECTION_STATUS","connectionStatus":{body}}}"#)
            );
        }
    }

    #[test]
    fn specs_and_catalogs_have_the_reference_s_keys() {
        assert_eq!(
            line(Message::Spec(Spec {
                connection_specification: json!({"type": "object"}),
                documentation_url: Some("u".to_owned()),
                ..Spec::default()
            })),
            r#"{"type":"SPEC","spec":{"connectionSpecification":{"type":"object"},"documentationUrl":"u","supportsNormalization":false,"supportsDBT":false}}"#
        );
        let catalog = r#"{"streams":[{"name":"a","json_schema":{},"supported_sync_modes":["full_refresh","incremental"],"source_defined_cursor":true,"default_cursor_field":["c"],"source_defined_primary_key":[["id"]],"is_resumable":true,"is_file_based":false}]}"#;
        let read: Catalog = serde_json::from_str(catalog).unwrap();
        assert_eq!(
            line(Message::Catalog(read)),
            format!(r#"{{"type":"CATALOG","catalog":{catalog}}}"#)
        );
    }
}
