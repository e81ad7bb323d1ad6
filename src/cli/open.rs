//! From flags to a manifest that is understood and a session that can send.
//!
//! The part that all verbs which talk to an API share.

use std::collections::BTreeSet;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use serde_json::Value;

use super::error::{Failure, say};
use super::flags;
use super::network::Network;
use super::normalize;
use super::secrets;
use super::source::Source;
use crate::component::source::{DeclarativeSource, StreamNode};
use crate::engine::{self, Session};
use crate::manifest::{self, Manifest};
use crate::plan::{Plan, Planner, StreamFailure};
use crate::template::Config;

/// All that a verb works with.
pub(super) struct Opened {
    pub(super) source: Source,
    pub(super) declared: DeclarativeSource,
    pub(super) config: Config,
    pub(super) session: Arc<Session>,
    network: Network,
    threads: usize,
    cancel: Arc<AtomicBool>,
}

/// Reads the manifest and the config, holds one against the other, and opens the way to the API.
///
/// `page` is the name of the verb: archives keep the exchanges of each verb apart.
pub(super) fn open(
    flags: &flags::Source,
    archive: &flags::Archive,
    threads: &flags::Threads,
    page: &str,
    cancel: Arc<AtomicBool>,
) -> Result<Opened, Failure> {
    let replayed = archive.open()?;
    let mut source = Source::open(flags, replayed.as_ref())?;
    let rules = normalize::rules(&source)?;
    normalize::apply(&rules, &mut source, page)?;
    source.validate()?;
    let declared: DeclarativeSource = manifest::decode(source.manifest.root())
        .map_err(|errors| wrong_manifest(errors, &source.manifest))?;
    let values = Value::Object(source.settings.config.clone());
    let config = Config::new(values, Arc::clone(&source.settings.clock));
    normalize::validate(&rules, &config)?;
    let threads = match threads.concurrency {
        Some(given) => given.get(),
        None => declared_threads(&declared, &source.manifest, &config)?,
    };
    let network = Network::open(archive, replayed, &source, page, threads)?;
    let session = Session::new(
        config.clone(),
        Arc::clone(&network.transport),
        network.secrets.clone(),
        Arc::clone(&cancel),
    );
    Ok(Opened {
        session: Arc::new(session),
        cancel,
        source,
        declared,
        config,
        network,
        threads,
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

impl Broken {
    /// The mistakes in one line.
    pub(super) fn message(&self) -> String {
        let texts = self.mistakes.iter().map(|mistake| match mistake {
            StreamFailure::Manifest(error) => format!("{}: {}", error.at, error.message),
            StreamFailure::Component(error) => error.to_string(),
        });
        texts.collect::<Vec<_>>().join("; ")
    }
}

impl Opened {
    /// The names of all streams, in the manifest's order.
    pub(super) fn stream_names(&self) -> Vec<String> {
        self.declared
            .streams()
            .into_iter()
            .map(|stream| stream.name)
            .collect()
    }

    /// Goes on with another config, of which the secrets are masked as well.
    pub(super) fn overlay(&mut self, values: Value) {
        if let Some(spec) = &self.source.spec {
            for secret in secrets::values(&spec.connection_specification, &values) {
                self.network.secrets.add(&secret);
            }
        }
        self.config = Config::new(values, Arc::clone(&self.source.settings.clock));
        self.session = Arc::new(Session::new(
            self.config.clone(),
            Arc::clone(&self.network.transport),
            self.network.secrets.clone(),
            Arc::clone(&self.cancel),
        ));
    }

    /// Reads a file by its path relative to the manifest.
    pub(super) fn read(&self, path: &str) -> io::Result<Vec<u8>> {
        let folder = self.source.settings.manifest.folder.as_deref();
        std::fs::read(folder.unwrap_or(Path::new("")).join(path))
    }

    /// Plans the streams for which `wanted` holds.
    pub(super) fn plan(&self, wanted: &dyn Fn(&str) -> bool) -> Planned {
        let read = |path: &str| self.read(path);
        let mut planner = Planner::new(&self.config, &read);
        let mut broken = Vec::new();
        for StreamNode { name, node } in self.declared.streams() {
            if !wanted(&name) {
                continue;
            }
            if let Err(mistakes) = planner.select(&node) {
                broken.push(Broken { name, mistakes });
            }
        }
        Planned {
            plan: planner.finish(),
            broken,
        }
    }

    /// Tells the mistakes of streams that cannot be read: each once, with the streams that it hits.
    pub(super) fn tell(&self, broken: &[Broken]) {
        let mut drawn = Vec::new();
        let mut others = BTreeSet::new();
        for stream in broken {
            for mistake in &stream.mistakes {
                match mistake {
                    StreamFailure::Manifest(error) => {
                        drawn.push(error.clone().in_stream(&stream.name));
                    }
                    StreamFailure::Component(error) => {
                        others.insert(format!("error: stream `{}`: {error}", stream.name));
                    }
                }
            }
        }
        for error in manifest::merge(drawn) {
            say(&error.render(self.source.manifest.source()));
        }
        for error in others {
            say(&self.network.secrets.mask(&error));
        }
    }

    /// Ends the recording, if there is one.
    pub(super) fn finish(&self) -> Result<(), Failure> {
        self.network.finish()
    }

    /// How many requests are in flight: what the flag says, else the manifest, else 8.
    pub(super) fn workers(&self) -> usize {
        self.threads
    }
}
