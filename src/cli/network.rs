//! How the requests of a run travel: the network or an archive, and a recorder around it.
//!
//! In: flags, environment and the opened source. Out: a transport, and the secrets that it masks.

use std::sync::Arc;

use serde_json::Value;

use super::error::Failure;
use super::flags;
use super::instant;
use super::settings::{Recorded, read_text, variable};
use super::source::Source;
use crate::http::{
    Agent, AgentOptions, Archive, Proxies, RecordOptions, Recorder, Secrets, Transport,
};

impl flags::Archive {
    /// Opens the archive to be replayed, if there is one.
    pub(super) fn open(&self) -> Result<Option<Archive>, Failure> {
        let archive = self.replay.as_deref().map(Archive::load).transpose();
        archive.map_err(Failure::input)
    }
}

/// What the archive carries of the run that recorded it.
pub(super) fn recorded(archive: &Archive) -> Result<Recorded, Failure> {
    let meta = archive.meta().cloned().unwrap_or_default();
    let now = meta.now.as_deref().map(instant::parse).transpose();
    Ok(Recorded {
        config: meta.config,
        now: now
            .map_err(|error| Failure::wrong(format!("the archive's `_lowcode.now`: {error}")))?,
    })
}

/// The way to the API, for the time of a run.
pub(super) struct Network {
    /// Sends the requests.
    pub(super) transport: Arc<dyn Transport>,
    /// The credentials of the run, to which authenticators add theirs.
    pub(super) secrets: Secrets,
    recorder: Option<Arc<Recorder>>,
}

impl Network {
    /// Opens the way for the command `verb`, with idle connections for `threads`.
    ///
    /// `archive` is what [`flags::Archive::open`] gave; without it, requests go out.
    pub(super) fn open(
        flags: &flags::Archive,
        archive: Option<Archive>,
        source: &Source,
        verb: &str,
        threads: usize,
    ) -> Result<Self, Failure> {
        let secrets = Secrets::default();
        let config = Value::Object(source.given.clone());
        let changed = Value::Object(source.settings.config.clone());
        for config in [&config, &changed] {
            for secret in super::secrets::of(source.connection_specification(), config) {
                secrets.add(&secret);
            }
        }
        let transport: Arc<dyn Transport> = match archive {
            Some(archive) => {
                let archive = archive.for_page(verb).with_secrets(secrets.clone());
                Arc::new(match &flags.replay_log {
                    Some(path) => archive.logging_to(path).map_err(Failure::input)?,
                    None => archive,
                })
            }
            None => Arc::new(agent(threads, secrets.clone())?),
        };
        let Some(path) = &flags.record else {
            return Ok(Self {
                transport,
                secrets,
                recorder: None,
            });
        };
        let options = RecordOptions {
            path: path.clone(),
            config,
            page: verb.to_owned(),
            clock: Arc::clone(&source.settings.clock),
            secrets: secrets.clone(),
        };
        let recorder = Recorder::create(transport, options).map_err(Failure::input)?;
        let recorder = Arc::new(recorder);
        Ok(Self {
            transport: Arc::clone(&recorder) as Arc<dyn Transport>,
            secrets,
            recorder: Some(recorder),
        })
    }

    /// Closes the archive that is recorded, after the last request.
    pub(super) fn finish(&self) -> Result<(), Failure> {
        match &self.recorder {
            Some(recorder) => recorder.finish().map_err(Failure::work),
            None => Ok(()),
        }
    }
}

fn agent(threads: usize, secrets: Secrets) -> Result<Agent, Failure> {
    let certificates = variable("SSL_CERT_FILE")
        .map(|path| read_text(path.as_ref(), "the certificates of `SSL_CERT_FILE`,"))
        .transpose()?;
    let options = AgentOptions {
        proxies: proxies(&variable),
        certificates,
        connections: threads,
        secrets,
        ..AgentOptions::default()
    };
    Agent::new(options).map_err(Failure::input)
}

/// The proxies of the environment: lower-case names win, as in curl and Python's requests.
fn proxies(variable: &dyn Fn(&str) -> Option<String>) -> Proxies {
    let named = |name: &str| variable(&name.to_lowercase()).or_else(|| variable(name));
    let all = named("ALL_PROXY");
    Proxies {
        http: named("HTTP_PROXY").or_else(|| all.clone()),
        https: named("HTTPS_PROXY").or(all),
        none_for: named("NO_PROXY")
            .map(|list| Proxies::hosts(&list))
            .unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn proxies_come_from_the_environment() {
        let variable = |name: &str| match name {
            "HTTPS_PROXY" => Some("http://upper:1".to_owned()),
            "https_proxy" => Some("http://lower:1".to_owned()),
            "ALL_PROXY" => Some("http://all:1".to_owned()),
            "NO_PROXY" => Some("localhost,10.0.0.0/8".to_owned()),
            _ => None,
        };
        let proxies = proxies(&variable);
        assert_eq!(proxies.https.as_deref(), Some("http://lower:1"));
        assert_eq!(proxies.http.as_deref(), Some("http://all:1"));
        assert_eq!(proxies.none_for, ["localhost", "10.0.0.0/8"]);
    }
}
