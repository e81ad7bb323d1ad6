//! What tests of the engine start from: streams as YAML text, and a closure that answers requests.

mod ends;
mod faults;
mod files;
mod incremental;
mod limits;
mod pages;
mod parents;
mod parts;
mod random;
mod resume;
mod twins;
mod windows;

use std::sync::atomic::AtomicBool;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};

use super::*;
use crate::clock::Clock;
use crate::component::source::DeclarativeSource;
use crate::http::{Headers, Request, Response, Secrets, TransportError};
use crate::manifest::{self, Manifest, Node};
use crate::message::{ConfiguredCatalog, InputState};
use crate::plan::Planner;
use crate::template::Config;

/// Nothing that a test does takes as long as this, unless it hangs.
const HANGS: Duration = Duration::from_secs(60);

/// Pages that name the next one in `next`.
pub(super) const PAGES: &str = "{type: DefaultPaginator, \
    page_token_option: {type: RequestOption, inject_into: request_parameter, field_name: page}, \
    pagination_strategy: {type: CursorPagination, cursor_value: \"{{ response['next'] }}\"}}";

/// Pages of two, told by their number of records.
pub(super) const OFFSETS: &str = "{type: DefaultPaginator, \
    page_token_option: {type: RequestOption, inject_into: request_parameter, field_name: page}, \
    pagination_strategy: {type: OffsetIncrement, page_size: 2}}";

/// A stream as a manifest has it.
#[derive(Clone)]
pub(super) struct Stream {
    pub(super) name: String,
    requester: String,
    retriever: String,
    cursor: String,
}

/// A stream of `https://h.example/NAME`, whose records are the list `data`.
pub(super) fn stream(name: &str) -> Stream {
    Stream {
        name: name.to_owned(),
        requester: String::new(),
        retriever: String::new(),
        cursor: String::new(),
    }
}

impl Stream {
    pub(super) fn paged(mut self, paginator: &str) -> Self {
        self.retriever
            .push_str(&format!(", paginator: {paginator}"));
        self
    }

    pub(super) fn with(mut self, retriever: &str) -> Self {
        self.retriever.push_str(&format!(", {retriever}"));
        self
    }

    pub(super) fn by(mut self, routers: &str) -> Self {
        self.retriever
            .push_str(&format!(", partition_router: {routers}"));
        self
    }

    pub(super) fn since(mut self, cursor: &str) -> Self {
        self.cursor = format!(", incremental_sync: {cursor}");
        self
    }

    pub(super) fn asking(mut self, requester: &str) -> Self {
        self.requester.push_str(&format!(", {requester}"));
        self
    }

    /// The stream in one line of YAML.
    pub(super) fn yaml(&self) -> String {
        let Self {
            name,
            requester,
            retriever,
            cursor,
        } = self;
        format!(
            "{{type: DeclarativeStream, name: {name}, retriever: {{type: SimpleRetriever, \
             requester: {{type: HttpRequester, url_base: \"https://h.example\", path: \"/{name}\"{requester}}}, \
             record_selector: {{type: RecordSelector, extractor: {{type: DpathExtractor, field_path: [data]}}}}\
             {retriever}}}{cursor}}}"
        )
    }
}

fn parameter(field: &str) -> String {
    format!(
        "request_option: {{type: RequestOption, inject_into: request_parameter, field_name: {field}}}"
    )
}

/// A router by a list of values, which `field` of the query carries.
pub(super) fn list(field: &str, values: &[&str]) -> String {
    let option = parameter(field);
    let values: Vec<String> = values.iter().map(|value| format!("{value:?}")).collect();
    let values = values.join(", ");
    format!("{{type: ListPartitionRouter, cursor_field: {field}, values: [{values}], {option}}}")
}

/// A router by the `id` of the parents' records, which `field` of the query carries.
pub(super) fn under(field: &str, parents: &[&Stream]) -> String {
    let option = parameter(field);
    let configs: Vec<String> = parents
        .iter()
        .map(|parent| {
            let parent = parent.yaml();
            format!("{{type: ParentStreamConfig, parent_key: id, partition_field: {field}, {option}, stream: {parent}}}")
        })
        .collect();
    let configs = configs.join(", ");
    format!("{{type: SubstreamPartitionRouter, parent_stream_configs: [{configs}]}}")
}

/// The plan of `selected` out of `streams`.
pub(super) fn plan_of(streams: &[&Stream], selected: &[&str], config: &Value) -> Plan {
    plan_from(streams, selected, config, json!([]))
}

/// The plan of `selected` out of `streams`, from a state on.
pub(super) fn plan_from(
    streams: &[&Stream],
    selected: &[&str],
    config: &Value,
    state: Value,
) -> Plan {
    let items: String = streams
        .iter()
        .map(|s| format!("  - {}\n", s.yaml()))
        .collect();
    let text = format!(
        "version: 7.0.0\ncheck: {{type: CheckStream, stream_names: []}}\nstreams:\n{items}"
    );
    let manifest = Manifest::load(&text, "m.yaml").unwrap();
    let source: DeclarativeSource = manifest::decode(manifest.root()).unwrap();
    let config = Config::new(config.clone(), Arc::new(Clock::new(Some(0), 0.0)));
    let none = |_: &str| Err(io::ErrorKind::NotFound.into());
    let state = InputState::from_value(state).unwrap();
    let catalog = ConfiguredCatalog::default();
    let mut planner = Planner::new(&config, &none).going_on(state, &catalog);
    for stream in source.streams() {
        let name = stream.get("name").and_then(Node::as_str);
        if name.is_some_and(|name| selected.contains(&name)) {
            planner.select(stream).unwrap();
        }
    }
    planner.finish()
}

/// A response.
pub(super) struct Reply {
    status: u16,
    headers: Headers,
    body: String,
}

pub(super) fn status(status: u16) -> Reply {
    Reply {
        status,
        headers: Headers::default(),
        body: "{}".to_owned(),
    }
}

pub(super) fn body(body: &Value) -> Reply {
    Reply {
        body: body.to_string(),
        ..status(200)
    }
}

/// A page of records with these ids.
pub(super) fn ids(ids: &[&str]) -> Reply {
    body(&json!({ "data": ids.iter().map(|id| json!({ "id": id })).collect::<Vec<_>>() }))
}

/// The same with a next page.
pub(super) fn ids_and_next(these: &[&str], next: &str) -> Reply {
    let Reply { body: text, .. } = ids(these);
    let mut value: Value = serde_json::from_str(&text).unwrap();
    value["next"] = next.into();
    body(&value)
}

impl Reply {
    pub(super) fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.set(name, value);
        self
    }
}

/// Path and query of a request.
pub(super) fn target(request: &Request) -> &str {
    request
        .url
        .strip_prefix("https://h.example")
        .unwrap_or(&request.url)
}

/// How a plan is read in a test.
#[derive(Clone)]
pub(super) struct Scene {
    pub(super) options: Options,
    pub(super) config: Value,
    pub(super) clock: Arc<Clock>,
    pub(super) cancel: Arc<AtomicBool>,
    /// Messages after which the output is full.
    pub(super) room: usize,
    pub(super) bounds: Bounds,
    /// Whether rate limits are waited for without end.
    pub(super) is_patient: bool,
}

impl Default for Scene {
    fn default() -> Self {
        Self {
            options: Options {
                workers: 4,
                ..Options::default()
            },
            config: json!({}),
            clock: Arc::new(Clock::new(Some(0), 0.0)),
            cancel: Arc::default(),
            room: usize::MAX,
            bounds: Bounds::default(),
            is_patient: false,
        }
    }
}

/// What came of it.
pub(super) struct Ran {
    pub(super) outcome: io::Result<Outcome>,
    /// Messages, a line each; records a line each too.
    pub(super) told: Vec<String>,
    /// States in order, each with the number of messages before it.
    pub(super) states: Vec<(String, usize, Value)>,
    /// Requests by path and query, in the order in which they were sent.
    pub(super) asked: Vec<String>,
}

/// One worker: requests come in one order.
pub(super) fn alone() -> Scene {
    let mut scene = Scene::default();
    scene.options.workers = 1;
    scene
}

impl Scene {
    /// Reads `selected` of `streams`, answered by `serve`; panics when it hangs.
    pub(super) fn read(
        &self,
        streams: &[&Stream],
        selected: &[&str],
        serve: impl Fn(&Request) -> Reply + Send + Sync + 'static,
    ) -> Ran {
        self.execute(plan_of(streams, selected, &self.config), serve)
    }

    pub(super) fn execute(
        &self,
        plan: Plan,
        serve: impl Fn(&Request) -> Reply + Send + Sync + 'static,
    ) -> Ran {
        self.execute_from(plan, None, serve, |_| ())
    }

    /// The same from where an earlier run stopped; `hear` sees each message that is taken.
    pub(super) fn execute_from(
        &self,
        plan: Plan,
        resume: Option<Resume>,
        serve: impl Fn(&Request) -> Reply + Send + Sync + 'static,
        mut hear: impl FnMut(&Message) + Send + 'static,
    ) -> Ran {
        let asked = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&asked);
        let transport = move |request: &Request| -> Result<Response, TransportError> {
            log.lock().unwrap().push(target(request).to_owned());
            let reply = serve(request);
            Ok(Response {
                status: reply.status,
                headers: reply.headers,
                wire_bytes: reply.body.len() as u64,
                body: reply.body.into_bytes().into(),
            })
        };
        let scene = self.clone();
        let (sender, ended) = channel();
        std::thread::spawn(move || {
            let config = Config::new(scene.config, scene.clock);
            let secrets = Secrets::default();
            let session = Session::new(config, Arc::new(transport), secrets, scene.cancel);
            let session = session.bounded(scene.bounds);
            let session = if scene.is_patient {
                session.patient()
            } else {
                session
            };
            let (mut told, mut states) = (Vec::new(), Vec::new());
            let (session, options) = (Arc::new(session), &scene.options);
            let outcome = run_from(plan, session, options, resume, &mut |message| {
                if told.len() >= scene.room {
                    return Err(io::ErrorKind::StorageFull.into());
                }
                hear(&message);
                if let Message::State(state) = &message {
                    let content = state.state.clone().into();
                    states.push((state.stream.to_string(), told.len(), content));
                }
                told.extend(lines(&message));
                Ok(())
            });
            let _ = sender.send((outcome, told, states));
        });
        match ended.recv_timeout(HANGS) {
            Ok((outcome, told, states)) => {
                let asked = asked.lock().unwrap().clone();
                Ran {
                    outcome,
                    told,
                    states,
                    asked,
                }
            }
            Err(RecvTimeoutError::Timeout) => {
                let count = asked.lock().unwrap().len();
                panic!("hangs after {count} requests")
            }
            Err(RecvTimeoutError::Disconnected) => panic!("the engine panicked"),
        }
    }
}

fn lines(message: &Message) -> Vec<String> {
    match message {
        Message::Records {
            stream, records, ..
        } => {
            let line = |record: &Data| format!("{stream} {}", record.to_value());
            records.iter().map(line).collect()
        }
        Message::State(state) => vec![format!("{} state", state.stream)],
        Message::Status { stream, status } => vec![format!("{stream} {status:?}")],
        Message::Failure(failure) => {
            let stream = failure.stream.as_deref().unwrap_or("?");
            vec![format!("{stream} failed: {}", failure.message)]
        }
        Message::Control { config } => vec![format!("config {config}")],
        Message::Log(_) => Vec::new(),
        other => vec![format!("{other:?}")],
    }
}

impl Ran {
    /// Ids of the records of `stream`, in order.
    pub(super) fn ids(&self, stream: &str) -> Vec<String> {
        let start = format!("{stream} {{");
        let records = self.told.iter().filter(|line| line.starts_with(&start));
        let id = |line: &String| {
            let record: Value = serde_json::from_str(line.split_once(' ').unwrap().1).unwrap();
            record["id"].as_str().unwrap_or_default().to_owned()
        };
        records.map(id).collect()
    }

    /// All messages about `stream` but its records.
    pub(super) fn about(&self, stream: &str) -> Vec<&str> {
        let of = |line: &&String| {
            line.strip_prefix(stream)
                .is_some_and(|rest| rest.starts_with(' ') && !rest.starts_with(" {"))
        };
        self.told
            .iter()
            .filter(of)
            .filter_map(|line| line.get(stream.len() + 1..))
            .collect()
    }

    /// The last state of `stream`.
    pub(super) fn state(&self, stream: &str) -> &Value {
        let last = self.states.iter().rev().find(|(name, ..)| name == stream);
        &last.unwrap().2
    }

    /// What became of `stream`.
    pub(super) fn outcome(&self, stream: &str) -> &StreamOutcome {
        let outcome = self.outcome.as_ref().unwrap();
        outcome.streams.iter().find(|s| &*s.name == stream).unwrap()
    }

    /// The request at which `stream` failed first.
    pub(super) fn exchange(&self, stream: &str) -> &Exchange {
        self.outcome(stream).errors[0].exchange.as_ref().unwrap()
    }

    pub(super) fn asked_sorted(&self) -> Vec<&str> {
        let mut asked: Vec<&str> = self.asked.iter().map(String::as_str).collect();
        asked.sort_unstable();
        asked
    }
}

pub(super) fn sorted(mut ids: Vec<String>) -> Vec<String> {
    ids.sort();
    ids
}
