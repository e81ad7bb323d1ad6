//! The few calls that a program needs which embeds the library.
//!
//! In: a manifest, a config, names of streams. Out: [`Records`], an iterator. It joins the layers as
//! `cli` does, and neither prints nor reads the environment.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::Value;

use crate::cli::secrets;
use crate::clock::Clock;
use crate::component::source::DeclarativeSource;
use crate::engine::{Options, Records, Session};
use crate::http::{Agent, AgentError, AgentOptions, Secrets, Transport};
use crate::manifest::{self, Manifest, Node};
use crate::plan::{Offer, Planner, StreamFailure};
use crate::template::Config;

/// A manifest that was read and understood, so far as it concerns all streams.
#[derive(Debug)]
pub struct Source {
    manifest: Manifest,
    declared: DeclarativeSource,
    folder: PathBuf,
}

/// What streams are read with.
#[derive(Clone)]
pub struct Setup {
    /// The user's values. They are not held against the manifest's spec.
    pub config: Value,
    /// Sends the requests: an [`Agent`], an [`Archive`](crate::http::Archive), or a closure.
    pub transport: Arc<dyn Transport>,
    /// Time as templates see it, and the waits between tries.
    pub clock: Arc<Clock>,
    /// Requests in flight; `None`: as many as the manifest says, else 8.
    pub workers: Option<usize>,
    /// Records of each stream after which no more are read.
    pub limit: Option<u64>,
}

/// Why streams cannot be read. What goes wrong later is an item of [`Records`].
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The manifest cannot be opened.
    #[error("cannot read `{path}`: {error}")]
    File {
        /// Its path.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// The manifest is wrong: all mistakes, each drawn with its line.
    #[error("{0}")]
    Manifest(String),
    /// The manifest has no such stream.
    #[error("there is no stream `{name}`; the manifest's streams are: {}", known.join(", "))]
    NoSuchStream {
        /// The name that was asked for.
        name: String,
        /// The names that there are.
        known: Vec<String>,
    },
    /// A stream does not go with the config.
    #[error("stream `{stream}`: {message}")]
    Stream {
        /// Name of the stream.
        stream: String,
        /// All mistakes.
        message: String,
    },
    /// The config does not go with the manifest.
    #[error("{0}")]
    Config(String),
    /// The network cannot be used.
    #[error(transparent)]
    Network(#[from] AgentError),
    /// The system has no thread to give.
    #[error("cannot start a thread: {0}")]
    Thread(#[source] io::Error),
}

impl Setup {
    /// Reads by `transport`, with the machine's clock.
    #[must_use]
    pub fn new(config: Value, transport: Arc<dyn Transport>) -> Self {
        Self {
            config,
            transport,
            clock: Arc::new(Clock::system()),
            workers: None,
            limit: None,
        }
    }
}

impl Source {
    /// Reads the manifest at `path`. Files that it names are looked for beside it.
    ///
    /// # Errors
    /// When it cannot be opened, or is wrong as a whole. Mistakes of a stream hit that stream only.
    pub fn load(path: impl AsRef<Path>) -> Result<Self, Error> {
        let path = path.as_ref();
        let text = std::fs::read_to_string(path).map_err(|error| Error::File {
            path: path.to_owned(),
            error,
        })?;
        let folder = path.parent().unwrap_or(Path::new(""));
        Self::understand(&text, &path.display().to_string(), folder)
    }

    /// Takes the manifest `text`; `name` is what messages call it.
    ///
    /// # Errors
    /// When it is wrong as a whole.
    pub fn parse(text: &str, name: &str) -> Result<Self, Error> {
        Self::understand(text, name, Path::new(""))
    }

    fn understand(text: &str, name: &str, folder: &Path) -> Result<Self, Error> {
        let manifest = Manifest::load(text, name).map_err(|errors| drawn(errors, text))?;
        let declared = DeclarativeSource::of(&manifest).map_err(|errors| drawn(errors, text))?;
        Ok(Self {
            manifest,
            declared,
            folder: folder.to_owned(),
        })
    }

    /// Names of all streams, in the manifest's order.
    #[must_use]
    pub fn streams(&self) -> Vec<String> {
        let names = self.declared.streams().filter_map(|node| node.get("name"));
        names.filter_map(Node::as_str).map(str::to_owned).collect()
    }

    /// Reads `streams` over the network.
    ///
    /// # Errors
    /// As [`read_with`](Self::read_with).
    pub fn read(&self, config: Value, streams: &[&str]) -> Result<Records, Error> {
        let secrets = self.secrets(&config)?;
        let agent = Agent::new(AgentOptions {
            secrets: secrets.clone(),
            ..AgentOptions::default()
        })?;
        self.start(Setup::new(config, Arc::new(agent)), secrets, streams)
    }

    /// Reads `streams` with a transport or a clock of your own.
    ///
    /// # Errors
    /// When a stream is not there, or cannot be read with this config.
    pub fn read_with(&self, setup: Setup, streams: &[&str]) -> Result<Records, Error> {
        let secrets = self.secrets(&setup.config)?;
        self.start(setup, secrets, streams)
    }

    fn start(&self, setup: Setup, secrets: Secrets, streams: &[&str]) -> Result<Records, Error> {
        let config = Config::new(setup.config, setup.clock);
        let read = |path: &str| std::fs::read(self.folder.join(path));
        let mut planner = Planner::new(&config, &read);
        let offer = Offer::fixed(&self.declared, &config);
        for name in streams {
            let Some(stream) = offer.streams.iter().find(|stream| stream.name == *name) else {
                return Err(Error::NoSuchStream {
                    name: (*name).to_owned(),
                    known: self.streams(),
                });
            };
            let planned = planner.select(&stream.node);
            planned.map_err(|mistakes| self.broken(name, mistakes))?;
        }
        let groups = self.declared.groups();
        let groups = groups.map_err(|errors| drawn(errors, self.manifest.source()))?;
        let mut options = Options {
            limit: setup.limit,
            read_ahead: setup.limit.is_none(),
            groups,
            ..Options::default()
        };
        if let Some(workers) = setup
            .workers
            .map_or_else(|| self.workers(&config), |n| Ok(Some(n)))?
        {
            options.workers = workers;
        }
        let plan = planner.finish();
        let session = Session::new(config, setup.transport, secrets, Arc::default());
        Records::read(plan, Arc::new(session), options).map_err(Error::Thread)
    }

    fn workers(&self, config: &Config) -> Result<Option<usize>, Error> {
        let level = self.declared.concurrency_level();
        let level = level.map_err(|errors| drawn(errors, self.manifest.source()))?;
        let workers = level.map(|level| level.level(config)).transpose();
        workers.map_err(|error| Error::Config(error.to_string()))
    }

    /// The config's credentials, which no message shows.
    fn secrets(&self, config: &Value) -> Result<Secrets, Error> {
        let secrets = Secrets::default();
        let spec = self.declared.spec();
        let spec = spec.map_err(|errors| drawn(errors, self.manifest.source()))?;
        let spec = spec.map(|spec| spec.connection_specification());
        for secret in secrets::of(spec.as_ref(), config) {
            secrets.add(&secret);
        }
        Ok(secrets)
    }

    fn broken(&self, stream: &str, mistakes: Vec<StreamFailure>) -> Error {
        let mut messages = Vec::new();
        let mut errors = Vec::new();
        for mistake in mistakes {
            match mistake {
                StreamFailure::Manifest(error) => errors.push(error.in_stream(stream)),
                StreamFailure::Component(error) => messages.push(error.to_string()),
            }
        }
        if messages.is_empty() {
            return drawn(errors, self.manifest.source());
        }
        messages.extend(errors.iter().map(ToString::to_string));
        Error::Stream {
            stream: stream.to_owned(),
            message: messages.join("; "),
        }
    }
}

fn drawn(errors: Vec<manifest::Error>, text: &str) -> Error {
    let errors = manifest::merge(errors);
    Error::Manifest(errors.iter().map(|error| error.render(text)).collect())
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use serde_json::json;

    use super::*;
    use crate::http::{Headers, Request, Response, TransportError};

    const YAML: &str = "
version: 7.0.0
type: DeclarativeSource
check: {type: CheckStream, stream_names: [items]}
definitions:
  stream: &stream
    type: DeclarativeStream
    retriever:
      type: SimpleRetriever
      requester: {type: HttpRequester, url_base: 'https://h.example', path: '/{{ parameters.name }}'}
      record_selector: {type: RecordSelector, extractor: {type: DpathExtractor, field_path: []}}
      paginator:
        type: DefaultPaginator
        page_token_option: {type: RequestOption, inject_into: request_parameter, field_name: page}
        pagination_strategy: {type: PageIncrement, start_from_page: 1, page_size: 2}
streams:
  - {<<: *stream, $parameters: {name: items}}
  - {<<: *stream, $parameters: {name: others}}
  - {<<: *stream, $parameters: {name: broken}, retriever: {type: NoRetriever}}
";

    fn source() -> Source {
        Source::parse(YAML, "m.yaml").unwrap()
    }

    /// Two pages of items without end, and an error for everything else.
    fn setup(asked: Arc<AtomicUsize>) -> Setup {
        let answer = move |request: &Request| -> Result<Response, TransportError> {
            let number = asked.fetch_add(1, Ordering::Relaxed);
            let body = json!([{"n": number, "p": 0}, {"n": number, "p": 1}]);
            Ok(Response {
                status: if request.url.contains("items") {
                    200
                } else {
                    403
                },
                headers: Headers::default(),
                body: body.to_string().into_bytes().into(),
                wire_bytes: 0,
            })
        };
        Setup::new(json!({}), Arc::new(answer))
    }

    #[test]
    fn records_come_one_by_one() {
        let mut setup = setup(Arc::default());
        setup.limit = Some(3);
        let records = source().read_with(setup, &["items"]).unwrap();
        let records: Vec<Value> = records
            .map(|record| record.unwrap().data.to_value())
            .collect();
        assert_eq!(
            records,
            [
                json!({"n": 0, "p": 0}),
                json!({"n": 0, "p": 1}),
                json!({"n": 1, "p": 0})
            ]
        );
    }

    #[test]
    fn a_failed_stream_is_an_item_and_the_others_go_on() {
        let mut setup = setup(Arc::default());
        setup.limit = Some(5);
        let records = source().read_with(setup, &["others", "items"]).unwrap();
        let (good, bad): (Vec<_>, Vec<_>) = records.partition(Result::is_ok);
        assert_eq!(good.len(), 5);
        let [Err(failure)] = &bad[..] else {
            panic!("{bad:?}");
        };
        assert_eq!(failure.stream.as_deref(), Some("others"));
        assert!(
            failure.to_string().contains("https://h.example/others"),
            "{failure}"
        );
    }

    #[test]
    fn dropping_the_iterator_stops_the_run() {
        let asked = Arc::default();
        let mut records = source()
            .read_with(setup(Arc::clone(&asked)), &["items"])
            .unwrap();
        assert_eq!(&*records.next().unwrap().unwrap().stream, "items");
        drop(records);
        // Whoever holds the transport is at work; when nobody does, no request comes any more.
        let clock = Clock::system();
        while Arc::strong_count(&asked) > 1 {
            clock.pause(std::time::Duration::from_millis(1));
        }
        let seen = asked.load(Ordering::Relaxed);
        assert!(seen < 200, "{seen} requests");
    }

    #[test]
    fn what_cannot_be_read_is_told_before() {
        let source = source();
        assert_eq!(source.streams(), ["items", "others", "broken"]);
        let told = |streams: &[&str]| match source.read_with(setup(Arc::default()), streams) {
            Ok(_) => panic!("reads"),
            Err(error) => error.to_string(),
        };
        assert_eq!(
            told(&["nothing"]),
            "there is no stream `nothing`; the manifest's streams are: items, others, broken"
        );
        assert!(
            told(&["broken"]).contains("--> m.yaml:19:"),
            "{}",
            told(&["broken"])
        );
        let wrong = Source::parse("streams: [", "m.yaml").unwrap_err();
        assert!(wrong.to_string().starts_with("error: "), "{wrong}");
        let missing = Source::load("no/such.yaml").unwrap_err();
        assert!(missing.to_string().contains("no/such.yaml"), "{missing}");
    }
}
