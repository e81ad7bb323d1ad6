//! From flags to a manifest that is understood and a session that can send.
//!
//! The part that all verbs which talk to an API share.

use std::collections::BTreeSet;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use serde_json::Value;

use super::config_file::ConfigFile;
use super::error::{Failure, say};
use super::flags;
use super::network::Network;
use super::normalize;
use super::protocol;
use super::secrets;
use super::source::Source;
use super::trace::Traced;
use crate::clock::monotonic;
use crate::component::ComponentError;
use crate::component::api_budget::Limiter;
use crate::component::resolver::ComponentValues;
use crate::component::source::DeclarativeSource;
use crate::engine::{self, Bounds, ReadError, Session};
use crate::http::Secrets;
use crate::manifest::{self, Manifest, Node};
use crate::message::{ConfiguredCatalog, Data, InputState, Message};
use crate::plan::{Offer, OfferedStream, Plan, Planner, StreamFailure, stream_of};
use crate::template::Config;

/// All that a verb works with.
pub(super) struct Opened {
    pub(super) source: Source,
    pub(super) declared: DeclarativeSource,
    pub(super) config: Config,
    pub(super) session: Arc<Session>,
    network: Network,
    threads: usize,
    /// Names of streams that are not read at the same time.
    pub(super) groups: Vec<BTreeSet<String>>,
    speaks_protocol: bool,
}

/// Reads the manifest and the config, holds one against the other, and opens the way to the API.
///
/// Archives keep the exchanges of each `verb` apart; those of `run` are those of `read`.
pub(super) fn open(
    flags: &flags::Source,
    archive: &flags::Archive,
    threads: &flags::Threads,
    verb: &str,
    cancel: Arc<AtomicBool>,
) -> Result<Opened, Failure> {
    let replayed = archive.open()?;
    let mut source = Source::open(flags, replayed.as_ref())?;
    for lint in source.manifest.lints() {
        say(&lint.render(source.manifest.source()));
    }
    let rules = normalize::rules(&source)?;
    normalize::apply(&rules, &mut source, verb)?;
    source.validate()?;
    let declared = DeclarativeSource::of(&source.manifest)
        .map_err(|errors| wrong_manifest(errors, &source.manifest))?;
    let values = Value::Object(source.settings.config.clone());
    let config = Config::new(values, Arc::clone(&source.settings.clock));
    normalize::validate(&rules, &config)?;
    let threads = match threads.concurrency {
        Some(given) => given.get(),
        None => declared_threads(&declared, &source.manifest, &config)?,
    };
    let is_run = verb == "run";
    let is_replay = replayed.is_some();
    let page = if is_run { "read" } else { verb };
    let network = Network::open(archive, replayed, &source, page, threads)?;
    let mut transport = Arc::clone(&network.transport);
    let detail = if flags.debug { 2 } else { flags.verbose };
    if detail >= 2 {
        let secrets = network.secrets.clone();
        transport = Arc::new(Traced {
            inner: transport,
            secrets,
            bodies: detail >= 3,
        });
    }
    let budget = (declared.api_budget())
        .map_err(|errors| wrong_manifest(errors, &source.manifest))?
        .map(|budget| Limiter::new(budget, &config))
        .transpose()
        .map_err(Failure::wrong)?;
    let groups = (declared.groups()).map_err(|errors| wrong_manifest(errors, &source.manifest))?;
    let session = Session::new(config.clone(), transport, network.secrets.clone(), cancel);
    let mut session = session.within(budget);
    if is_run {
        session = session.patient();
    }
    // The tokens of an archive are masked.
    if is_run && !is_replay {
        let from = source.settings.config_from.clone();
        let file = ConfigFile::new(from, flags.config.set.clone());
        session = session.telling(move |changes| file.keep(changes));
    }
    Ok(Opened {
        session: Arc::new(session),
        source,
        declared,
        config,
        network,
        threads,
        groups,
        speaks_protocol: !is_run,
    })
}

/// How many threads the manifest wants, else 8.
fn declared_threads(
    declared: &DeclarativeSource,
    manifest: &Manifest,
    config: &Config,
) -> Result<usize, Failure> {
    let level = declared.concurrency_level();
    match level.map_err(|errors| wrong_manifest(errors, manifest))? {
        None => Ok(engine::Options::default().workers),
        Some(level) => level.level(config).map_err(Failure::wrong),
    }
}

/// The mistakes of a manifest, drawn.
pub(super) fn wrong_manifest(errors: Vec<manifest::Error>, manifest: &Manifest) -> Failure {
    Failure::manifest(errors, manifest.source())
}

/// A plan, and the streams that cannot be part of it.
pub(super) struct Planned {
    pub(super) plan: Plan,
    pub(super) broken: Vec<Broken>,
}

/// A stream that cannot be read, and why.
pub(super) struct Broken {
    pub(super) name: String,
    pub(super) mistakes: Vec<StreamFailure>,
}

impl From<(String, Vec<StreamFailure>)> for Broken {
    fn from((name, mistakes): (String, Vec<StreamFailure>)) -> Self {
        Self { name, mistakes }
    }
}

impl Broken {
    /// The mistakes in one line, without credentials.
    pub(super) fn message(&self, secrets: &Secrets) -> String {
        let texts = self.mistakes.iter().map(|mistake| match mistake {
            StreamFailure::Manifest(error) => format!("{}: {}", error.at, error.message),
            StreamFailure::Component(error) => error.to_string(),
        });
        secrets.mask(&texts.collect::<Vec<_>>().join("; "))
    }
}

impl Opened {
    /// The streams on offer: all of them, or, where all of those `asked` for stand in the manifest
    /// itself, only these; then no API is asked for the names of others.
    pub(super) fn offer(&self, asked: Option<&[String]>) -> Offer {
        let mut offer = Offer::fixed(&self.declared, &self.config);
        let names = offer.names();
        let known = |asked: &[String]| asked.iter().all(|name| names.contains(&name.as_str()));
        if !asked.is_some_and(known) {
            offer.extend(self.dynamic_offer());
        }
        offer
    }

    /// The streams that are made of templates.
    pub(super) fn dynamic_offer(&self) -> Offer {
        let read = |path: &str| self.read(path);
        Offer::dynamic(&self.declared, &self.config, &mut |node| {
            let records = engine::fetch(node, &self.session, &read, false)?;
            let values = |(slice, record): (_, Data)| ComponentValues {
                values: record.to_value(),
                slice: Some(slice),
            };
            Ok(records.into_iter().map(values).collect())
        })
    }

    /// Goes on with another config, of which the secrets are masked as well.
    pub(super) fn overlay(&mut self, values: Value) {
        for secret in secrets::of(self.source.connection_specification(), &values) {
            self.network.secrets.add(&secret);
        }
        self.config = Config::new(values, Arc::clone(&self.source.settings.clock));
        self.session = Arc::new(self.session.with_config(self.config.clone()));
    }

    /// The same, going no further than was asked for.
    pub(super) fn bounded(mut self, flags: &flags::Bounds) -> Self {
        let deadline = flags.deadline;
        let bounds = Bounds {
            deadline: deadline.and_then(|time| monotonic().checked_add(time)),
            requests: flags.max_requests,
        };
        self.session = Arc::new(self.session.bounded(bounds));
        self
    }

    /// Reads a file by its path relative to the manifest.
    pub(super) fn read(&self, path: &str) -> io::Result<Vec<u8>> {
        let folder = self.source.settings.manifest.folder.as_deref();
        std::fs::read(folder.unwrap_or(Path::new("")).join(path))
    }

    /// Reads the first record of a retriever, by a plan of its own.
    pub(super) fn first_record(&self, retriever: &Node) -> Result<Option<Value>, ComponentError> {
        let stream = stream_of(retriever, "dynamic_properties");
        let read = |path: &str| self.read(path);
        match engine::fetch(&stream, &self.session, &read, true) {
            Ok(records) => Ok(records.first().map(|(_, record)| record.to_value())),
            Err(failures) => Err(match failures.into_iter().next() {
                Some(StreamFailure::Component(error)) => error,
                Some(StreamFailure::Manifest(error)) => {
                    ComponentError::config(error.message).or_at(Some(&error.at))
                }
                None => ComponentError::system("the schema could not be read"),
            }),
        }
    }

    /// Plans the streams of `offer` for which `wanted` holds.
    pub(super) fn plan(&self, offer: Offer, wanted: &dyn Fn(&str) -> bool) -> Planned {
        let (state, catalog) = (InputState::default(), ConfiguredCatalog::default());
        self.plan_from(offer, wanted, state, &catalog)
    }

    /// Plans all streams of `offer` to tell of them only.
    pub(super) fn describe(&self, offer: Offer) -> Planned {
        let read = |path: &str| self.read(path);
        let first_record = |retriever: &Node| self.first_record(retriever);
        let planner = Planner::new(&self.config, &read).asking(&first_record);
        planned(planner.describing(), offer, &|_| true)
    }

    /// Plans the streams of `offer` for which `wanted` holds, from a state on.
    pub(super) fn plan_from(
        &self,
        offer: Offer,
        wanted: &dyn Fn(&str) -> bool,
        state: InputState,
        catalog: &ConfiguredCatalog,
    ) -> Planned {
        let read = |path: &str| self.read(path);
        let first_record = |retriever: &Node| self.first_record(retriever);
        let planner = Planner::new(&self.config, &read)
            .asking(&first_record)
            .going_on(state, catalog);
        planned(planner, offer, wanted)
    }

    /// Tells the mistakes of streams that cannot be read: each once, with the streams that it hits.
    pub(super) fn tell(&self, broken: &[Broken]) {
        let mut drawn = Vec::new();
        let mut others = BTreeSet::new();
        for stream in broken {
            for mistake in &stream.mistakes {
                match mistake {
                    StreamFailure::Manifest(error) => {
                        let error = error.clone();
                        drawn.push(match stream.name.as_str() {
                            "" => error,
                            name => error.in_stream(name),
                        });
                    }
                    StreamFailure::Component(error) => {
                        let error = ReadError::from(error.clone());
                        let error = error.masked(&self.network.secrets);
                        match error.as_mistake() {
                            Some(mistake) => drawn.push(mistake.in_stream(&stream.name)),
                            None => {
                                others.insert(format!("error: stream `{}`: {error}", stream.name));
                            }
                        }
                    }
                }
            }
        }
        for error in manifest::merge(drawn) {
            let drawn = error.render(self.source.manifest.source());
            say(&self.network.secrets.mask(&drawn));
        }
        for error in others {
            say(&self.network.secrets.mask(&error));
        }
    }

    /// Tells the configs that nobody was told of yet, and ends the recording, if there is one.
    pub(super) fn finish(&self) -> Result<(), Failure> {
        for config in self.session.take_changed_configs() {
            if self.speaks_protocol {
                let config = Arc::new(config);
                protocol::print(&Message::Control { config })?;
            }
        }
        self.network.finish()
    }

    /// How many requests are in flight: what the flag says, else the manifest, else 8.
    pub(super) fn workers(&self) -> usize {
        self.threads
    }
}

/// Plans the streams of `offer` for which `wanted` holds, each as far as it can be.
fn planned(mut planner: Planner<'_>, offer: Offer, wanted: &dyn Fn(&str) -> bool) -> Planned {
    let mut broken = Vec::new();
    for OfferedStream { name, node, .. } in offer.streams {
        if !wanted(&name) {
            continue;
        }
        if let Err(mistakes) = planner.select(&node) {
            broken.push(Broken { name, mistakes });
        }
    }
    broken.extend(offer.broken.into_iter().map(Broken::from));
    Planned {
        plan: planner.finish(),
        broken,
    }
}
