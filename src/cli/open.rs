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
use super::instant;
use super::secrets;
use super::settings::{Recorded, Settings, read_text, variable};
use super::source::Source;
use crate::component::source::{DeclarativeSource, StreamNode};
use crate::engine::Session;
use crate::http::{
    Agent, AgentOptions, Archive, Proxies, RecordOptions, Recorder, Secrets, Transport,
};
use crate::manifest::{self, Manifest};
use crate::plan::{Plan, Planner, StreamFailure};
use crate::template::Config;

/// All that a verb works with.
pub(super) struct Opened {
    pub(super) settings: Settings,
    pub(super) manifest: Manifest,
    pub(super) source: DeclarativeSource,
    pub(super) config: Config,
    pub(super) session: Arc<Session>,
    secrets: Secrets,
    recorder: Option<Arc<Recorder>>,
}

/// Reads the manifest and the config, holds one against the other, and opens the way to the API.
///
/// `page` is the verb's name: archives keep the exchanges of each verb apart.
pub(super) fn open(
    flags: &flags::Source,
    archive: &flags::Archive,
    page: &str,
    cancel: Arc<AtomicBool>,
) -> Result<Opened, Failure> {
    let replayed = archive.replay.as_deref().map(Archive::load).transpose();
    let replayed = replayed.map_err(Failure::input)?;
    let recorded = replayed.as_ref().map(recorded).transpose()?;
    let declared = Source::open(flags, recorded)?;
    declared.validate()?;
    let Source { settings, manifest, spec } = declared;
    let source: DeclarativeSource = manifest::decode(manifest.root())
        .map_err(|errors| wrong_manifest(errors, &manifest))?;

    let values = Value::Object(settings.config.clone());
    let secrets = Secrets::default();
    if let Some(spec) = spec {
        for secret in secrets::values(&spec.connection_specification, &values) {
            secrets.add(&secret);
        }
    }
    let config = Config::new(values.clone(), Arc::clone(&settings.clock));
    let mut transport: Arc<dyn Transport> = match replayed {
        Some(archive) => Arc::new(archive.for_page(page).with_secrets(secrets.clone())),
        None => Arc::new(agent(&secrets)?),
    };
    let recorder = match &archive.record {
        None => None,
        Some(path) => {
            let options = RecordOptions {
                path: path.clone(),
                config: values,
                page: page.to_owned(),
                clock: Arc::clone(&settings.clock),
                secrets: secrets.clone(),
            };
            let recorder = Recorder::create(transport, options).map_err(Failure::work)?;
            let recorder = Arc::new(recorder);
            transport = Arc::clone(&recorder) as Arc<dyn Transport>;
            Some(recorder)
        }
    };
    let session = Session::new(config.clone(), transport, secrets.clone(), cancel);
    Ok(Opened {
        session: Arc::new(session),
        settings,
        manifest,
        source,
        config,
        secrets,
        recorder,
    })
}

/// The mistakes of a manifest, drawn.
pub(super) fn wrong_manifest(errors: Vec<manifest::Error>, manifest: &Manifest) -> Failure {
    let errors = manifest::merge(errors);
    Failure::all_wrong(errors.iter().map(|error| error.render(manifest.source())))
}

fn recorded(archive: &Archive) -> Result<Recorded, Failure> {
    let Some(meta) = archive.meta() else {
        return Ok(Recorded::default());
    };
    let now = meta.now.as_deref().map(instant::parse).transpose();
    Ok(Recorded {
        config: meta.config.clone(),
        now: now.map_err(|error| {
            Failure::wrong(format!("the archive's clock `_lowcode.now` cannot be read: {error}"))
        })?,
    })
}

/// The way to the network, as the environment describes it.
fn agent(secrets: &Secrets) -> Result<Agent, Failure> {
    let either = |name: &str| variable(name).or_else(|| variable(&name.to_lowercase()));
    let certificates = variable("SSL_CERT_FILE")
        .map(|path| read_text(path.as_ref(), "certificates"))
        .transpose()?;
    let options = AgentOptions {
        proxies: Proxies {
            http: either("HTTP_PROXY"),
            https: either("HTTPS_PROXY"),
            none_for: Proxies::hosts(&either("NO_PROXY").unwrap_or_default()),
        },
        certificates,
        secrets: secrets.clone(),
        ..AgentOptions::default()
    };
    Agent::new(options).map_err(Failure::input)
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
        self.source.streams().into_iter().map(|stream| stream.name).collect()
    }

    /// Reads a file by its path relative to the manifest.
    pub(super) fn read(&self, path: &str) -> io::Result<Vec<u8>> {
        let folder = self.settings.manifest.folder.as_deref();
        std::fs::read(folder.unwrap_or(Path::new("")).join(path))
    }

    /// Plans the streams for which `wanted` holds.
    pub(super) fn plan(&self, wanted: &dyn Fn(&str) -> bool) -> Planned {
        let read = |path: &str| self.read(path);
        let mut planner = Planner::new(&self.config, &read);
        let mut broken = Vec::new();
        for StreamNode { name, node } in self.source.streams() {
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
            say(&error.render(self.manifest.source()));
        }
        for error in others {
            say(&self.secrets.mask(&error));
        }
    }

    /// Ends the recording, if there is one.
    pub(super) fn finish(&self) -> Result<(), Failure> {
        match &self.recorder {
            Some(recorder) => recorder.finish().map_err(Failure::work),
            None => Ok(()),
        }
    }

    /// How many threads read: what the flag says, else the manifest, else 8.
    pub(super) fn workers(&self, threads: &flags::Threads) -> Result<usize, Failure> {
        if let Some(given) = threads.concurrency {
            return Ok(given.get());
        }
        let level = self.source.concurrency_level();
        match level.map_err(|errors| wrong_manifest(errors, &self.manifest))? {
            None => Ok(crate::engine::Options::default().workers),
            Some(level) => level.level(&self.config).map_err(Failure::wrong),
        }
    }
}
