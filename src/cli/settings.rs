//! What the flags mean, together with the environment and the files that they name.
//!
//! In: flags, and what a replayed archive carries. Out: the manifest's text, the config, the clock.
//! Nothing here knows the verbs.

use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::{Map, Value};

use super::config;
use super::error::Failure;
use super::flags;
use super::instant;
use super::validate_config;
use crate::clock::{Clock, Micros};
use crate::engine;
use crate::manifest::Manifest;

/// Key under which a config carries its manifest, as the reference's command takes it.
pub(super) const INJECTED: &str = "__injected_declarative_manifest";

/// A manifest before it is parsed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ManifestText {
    /// Name for messages.
    pub(super) name: String,
    /// The YAML.
    pub(super) text: String,
    /// Where its companions stand: schemas, a `spec.yaml`. Unknown for standard input.
    pub(super) folder: Option<PathBuf>,
}

impl ManifestText {
    /// Parses it and resolves what it refers to.
    pub(super) fn load(&self) -> Result<Manifest, Failure> {
        Manifest::load(&self.text, &self.name)
            .map_err(|errors| Failure::manifest(errors, &self.text))
    }
}

/// Where the config came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum ConfigFrom {
    /// A file, which a rotated refresh token may be written back to.
    File(PathBuf),
    /// Standard input.
    Stdin,
    /// The archive that is replayed: secrets are masked, so it is not validated again.
    Archive,
    /// Nowhere: it is empty but for what `--set` said.
    Nowhere,
}

/// What an archive to be replayed carries of the run that recorded it.
#[derive(Debug, Clone, Default)]
pub(super) struct Recorded {
    /// The config, masked.
    pub(super) config: Option<Value>,
    /// The instant at which its clock stood.
    pub(super) now: Option<Micros>,
}

/// All that a verb needs to know before it looks into the manifest.
#[derive(Debug)]
pub(super) struct Settings {
    pub(super) manifest: ManifestText,
    pub(super) config: Map<String, Value>,
    pub(super) config_from: ConfigFrom,
    pub(super) clock: Arc<Clock>,
}

impl Settings {
    /// Reads what `flags` name. `recorded` is there when an archive is replayed; flags and
    /// environment win over it.
    pub(super) fn gather(
        flags: &flags::Source,
        recorded: Option<Recorded>,
    ) -> Result<Self, Failure> {
        Self::gather_with(flags, recorded, &variable)
    }

    fn gather_with(
        flags: &flags::Source,
        recorded: Option<Recorded>,
        variable: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Self, Failure> {
        if let Some(path) = &flags.manifest.components_path {
            super::error::say(&format!(
                "warning: `{}` is not used: lowcode runs no Python",
                path.display()
            ));
        }
        let clock = clock(&flags.time, recorded.as_ref(), variable)?;
        let named = manifest_path(&flags.manifest, variable);
        let stdin = Some(Path::new("-"));
        if named.as_deref() == stdin && flags.config.config.as_deref() == stdin {
            return Err(Failure::wrong(
                "manifest and config cannot both come from standard input",
            ));
        }
        let (mut config, config_from) = read_config(&flags.config, recorded)?;
        let injected = config.remove(INJECTED);
        let mut set = flags.config.set.clone();
        if config_from == ConfigFrom::Archive {
            // What was recorded had been replaced already: what looks like a variable is none.
            config::expand_assignments(&mut set, variable).map_err(Failure::all_wrong)?;
            config::assign(&mut config, &set).map_err(Failure::wrong)?;
        } else {
            config::assign(&mut config, &set).map_err(Failure::wrong)?;
            config::expand(&mut config, variable).map_err(Failure::all_wrong)?;
        }
        let manifest = match (named, injected) {
            (Some(path), _) => read_manifest(&path)?,
            (None, Some(injected)) => injected_manifest(&injected)?,
            (None, None) => return Err(no_manifest()),
        };
        Ok(Self {
            manifest,
            config,
            config_from,
            clock: Arc::new(clock),
        })
    }

    /// Only the manifest, for verbs that can do without a config: the config is read when the
    /// manifest may stand in it, and `None` means that no manifest was given at all.
    pub(super) fn manifest_only(flags: &flags::Source) -> Result<Option<ManifestText>, Failure> {
        if let Some(path) = manifest_path(&flags.manifest, &variable) {
            return read_manifest(&path).map(Some);
        }
        let (mut config, _) = read_config(&flags.config, None)?;
        match config.remove(INJECTED) {
            Some(injected) => injected_manifest(&injected).map(Some),
            None => Ok(None),
        }
    }

    /// Holds the config against the spec's schema.
    pub(super) fn validate(&self, schema: &Value) -> Result<(), Failure> {
        if self.config_from == ConfigFrom::Archive {
            return Ok(());
        }
        let mistakes = validate_config::validate(schema, &self.config).map_err(Failure::wrong)?;
        if mistakes.is_empty() {
            return Ok(());
        }
        let messages = mistakes.iter().map(|m| format!("config: {}", m.message));
        let failure = Failure::all_wrong(messages);
        Err(if self.config.is_empty() {
            failure.hint("give a config by `--config FILE`, or single values by `--set KEY=VALUE`")
        } else {
            failure.hint("`lowcode spec` prints what the config may hold")
        })
    }
}

/// The only reader of environment variables. Empty ones count as not set.
#[expect(
    clippy::disallowed_methods,
    reason = "`cli` reads the environment, and does so here"
)]
pub(super) fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// Where files go that belong to records: as in the reference, the platform's directory if it exists.
pub(super) fn files_directory() -> PathBuf {
    let platform = variable("AIRBYTE_STAGING_DIRECTORY");
    let platform = platform.map_or_else(|| PathBuf::from("/staging/files"), PathBuf::from);
    if platform.exists() {
        platform
    } else {
        engine::Options::default().files
    }
}

fn manifest_path(
    flags: &flags::Manifest,
    variable: &dyn Fn(&str) -> Option<String>,
) -> Option<PathBuf> {
    flags
        .path()
        .cloned()
        .or_else(|| variable("LOWCODE_MANIFEST").map(PathBuf::from))
}

fn no_manifest() -> Failure {
    Failure::wrong("no manifest was given").hint(format!(
        "name it as the first argument, by `--manifest-path` or `LOWCODE_MANIFEST`, or put it into the config as `{INJECTED}`"
    ))
}

fn clock(
    flags: &flags::Time,
    recorded: Option<&Recorded>,
    variable: &dyn Fn(&str) -> Option<String>,
) -> Result<Clock, Failure> {
    let from_environment = variable("SOURCE_DATE_EPOCH")
        .map(|text| {
            instant::parse_epoch(&text)
                .map_err(|error| Failure::wrong(format!("`SOURCE_DATE_EPOCH`: {error}")))
        })
        .transpose()?;
    let now = flags
        .now
        .or(from_environment)
        .or_else(|| recorded.and_then(|recorded| recorded.now));
    let usual = if recorded.is_some() { 0.0 } else { 1.0 };
    Ok(Clock::new(now, flags.wait_scale.unwrap_or(usual)))
}

fn read_config(
    flags: &flags::Config,
    recorded: Option<Recorded>,
) -> Result<(Map<String, Value>, ConfigFrom), Failure> {
    let Some(path) = &flags.config else {
        return Ok(match recorded.and_then(|recorded| recorded.config) {
            Some(Value::Object(config)) => (config, ConfigFrom::Archive),
            _ => (Map::new(), ConfigFrom::Nowhere),
        });
    };
    let text = read_text(path, "config")?;
    let config = config::parse(&text, &name_of(path)).map_err(Failure::wrong)?;
    let from = if is_stdin(path) {
        ConfigFrom::Stdin
    } else {
        ConfigFrom::File(path.clone())
    };
    Ok((config, from))
}

/// Reads the manifest; in a folder it is the `manifest.yaml`.
fn read_manifest(path: &Path) -> Result<ManifestText, Failure> {
    let path = if path.is_dir() {
        path.join("manifest.yaml")
    } else {
        path.to_owned()
    };
    Ok(ManifestText {
        text: read_text(&path, "manifest")?,
        name: name_of(&path),
        folder: (!is_stdin(&path))
            .then(|| path.parent().map(Path::to_owned))
            .flatten(),
    })
}

/// The manifest out of a config, as text: places in messages count the lines of its JSON form.
fn injected_manifest(injected: &Value) -> Result<ManifestText, Failure> {
    if !injected.is_object() {
        return Err(Failure::wrong(format!(
            "`{INJECTED}` in the config is {}; expected a mapping",
            config::kind(injected)
        )));
    }
    Ok(ManifestText {
        text: serde_json::to_string_pretty(injected).map_err(Failure::input)?,
        name: INJECTED.to_owned(),
        folder: None,
    })
}

fn is_stdin(path: &Path) -> bool {
    path == Path::new("-")
}

pub(super) fn name_of(path: &Path) -> String {
    if is_stdin(path) {
        "<stdin>".to_owned()
    } else {
        path.display().to_string()
    }
}

/// Reads a file, or standard input for `-`; `what` it is stands in the error.
pub(super) fn read_text(path: &Path, what: &str) -> Result<String, Failure> {
    let bytes = if is_stdin(path) {
        let mut bytes = Vec::new();
        std::io::stdin().read_to_end(&mut bytes).map(|_| bytes)
    } else {
        std::fs::read(path)
    };
    let bytes = bytes.map_err(|error| {
        let context = format!("cannot read {what} `{}`", name_of(path));
        Failure::input(anyhow::Error::new(error).context(context))
    })?;
    String::from_utf8(bytes)
        .map_err(|_| Failure::wrong(format!("{what} `{}` is not UTF-8 text", name_of(path))))
}

/// Reads a JSON file, such as a catalog or a state, into a `T`.
pub(super) fn read_json<T: serde::de::DeserializeOwned>(
    path: &Path,
    what: &str,
) -> Result<T, Failure> {
    let text = read_text(path, what)?;
    serde_json::from_str(&text).map_err(|error| {
        let context = format!("{what} `{}` cannot be used", name_of(path));
        Failure::input(anyhow::Error::new(error).context(context))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;
    use serde_json::json;

    #[derive(Parser)]
    struct Typed {
        #[command(flatten)]
        source: flags::Source,
    }

    fn gather(
        line: &[&str],
        recorded: Option<Recorded>,
        variables: &[(&str, &str)],
    ) -> Result<Settings, String> {
        let typed = Typed::parse_from(std::iter::once(&"lowcode").chain(line));
        let variable = |name: &str| {
            let found = variables.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| (*value).to_owned())
        };
        Settings::gather_with(&typed.source, recorded, &variable).map_err(|f| f.message())
    }

    fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            std::fs::write(folder.path().join(name), text).unwrap();
        }
        folder
    }

    fn at(folder: &tempfile::TempDir, name: &str) -> String {
        folder.path().join(name).display().to_string()
    }

    #[test]
    fn the_manifest_comes_from_the_first_place_that_has_one() {
        let files = folder(&[
            ("manifest.yaml", "a: 1"),
            ("b.yaml", "b: 1"),
            (
                "c.json",
                r#"{"__injected_declarative_manifest": {"c": 1}, "k": 1}"#,
            ),
        ]);
        let (b, c) = (at(&files, "b.yaml"), at(&files, "c.json"));
        let env = [("LOWCODE_MANIFEST", b.as_str())];
        let text =
            |line: &[&str], env: &[(&str, &str)]| gather(line, None, env).unwrap().manifest.text;
        assert_eq!(text(&[&at(&files, ""), "--config", &c], &env), "a: 1");
        assert_eq!(text(&["--manifest-path", &b, "--config", &c], &[]), "b: 1");
        assert_eq!(text(&["--config", &c], &env), "b: 1");
        let injected = gather(&["--config", &c], None, &[]).unwrap();
        assert_eq!(injected.manifest.text, "{\n  \"c\": 1\n}");
        assert_eq!(Value::Object(injected.config), json!({"k": 1}));
        assert_eq!(gather(&[], None, &[]).unwrap_err(), "no manifest was given");
    }

    #[test]
    fn given_values_win_over_those_of_the_archive() {
        let files = folder(&[("m.yaml", ""), ("c.yaml", "k: file")]);
        let (m, c) = (at(&files, "m.yaml"), at(&files, "c.yaml"));
        let recorded = || {
            Some(Recorded {
                config: Some(json!({"k": "***", "v": "${env:V}"})),
                now: Some(7),
            })
        };
        let line = [m.as_str(), "--set", "x=${env:X}"];
        let replayed = gather(&line, recorded(), &[("X", "1")]).unwrap();
        assert_eq!(
            Value::Object(replayed.config),
            json!({"k": "***", "v": "${env:V}", "x": "1"})
        );
        assert_eq!(replayed.config_from, ConfigFrom::Archive);
        assert_eq!(replayed.clock.now(), 7);
        assert!(
            replayed
                .clock
                .scaled(std::time::Duration::from_secs(9))
                .is_zero()
        );

        let given = [
            "--config",
            c.as_str(),
            "--now",
            "1970-01-01T00:00:01Z",
            "--wait-scale",
            "1",
        ];
        let line: Vec<&str> = std::iter::once(m.as_str()).chain(given).collect();
        let replayed = gather(&line, recorded(), &[("SOURCE_DATE_EPOCH", "5")]).unwrap();
        assert_eq!(Value::Object(replayed.config), json!({"k": "file"}));
        assert_eq!(replayed.clock.now(), 1_000_000);
        assert_eq!(
            replayed
                .clock
                .scaled(std::time::Duration::from_secs(9))
                .as_secs(),
            9
        );

        let replayed = gather(&[&m], recorded(), &[("SOURCE_DATE_EPOCH", "5")]).unwrap();
        assert_eq!(replayed.clock.now(), 5_000_000);
    }

    #[test]
    fn an_unreadable_file_is_one_clear_error() {
        let files = folder(&[("m.yaml", ""), ("c.yaml", "a: ${env:NOPE}\nb: [1")]);
        let m = at(&files, "m.yaml");
        let nowhere = at(&files, "nowhere.json");
        let error = gather(&[&m, "--config", &nowhere], None, &[]).unwrap_err();
        assert!(
            error.starts_with(&format!("cannot read config `{nowhere}`: ")),
            "{error}"
        );
        let error = gather(&[&m, "--config", &at(&files, "c.yaml")], None, &[]).unwrap_err();
        assert!(error.contains("is not valid YAML"), "{error}");
        let error = gather(&["-", "--config", "-"], None, &[]).unwrap_err();
        assert!(error.contains("standard input"), "{error}");
    }
}
