//! Writes tokens that an API has replaced back into the config file.
//!
//! In: where the config came from, and what changed. Out: the file, replaced as a whole, and a note
//! on standard error; where the file is not the place to keep a token, a warning.

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use serde::Serialize as _;
use serde_json::Value;
use serde_json::ser::{PrettyFormatter, Serializer};

use super::config::{self, Assignment};
use super::error::say;
use super::settings::{ConfigFrom, name_of};
use super::yaml_edit;
use crate::component::authenticator::{ConfigChange, apply};

/// The place that a run's config came from.
#[derive(Debug)]
pub(super) struct ConfigFile {
    from: ConfigFrom,
    /// What `--set` laid over it.
    set: Vec<Assignment>,
    /// Nobody writes while another does.
    writing: Mutex<()>,
    was_told: AtomicBool,
}

impl ConfigFile {
    /// The file that the config came from, with `set` laid over it.
    pub(super) fn new(from: ConfigFrom, set: Vec<Assignment>) -> Self {
        Self {
            from,
            set,
            writing: Mutex::default(),
            was_told: AtomicBool::default(),
        }
    }

    /// Writes `changes` into the file, and tells the first time what became of them.
    pub(super) fn keep(&self, changes: &[ConfigChange]) {
        let _alone = self.writing.lock();
        let told = match self.write(changes) {
            Ok(told) => format!("note: the API has replaced tokens; {told}"),
            Err(why) => format!(
                "warning: the API has replaced tokens, which are not kept: {why}. The old refresh token may not be valid any more"
            ),
        };
        if !self.was_told.swap(true, Ordering::Relaxed) {
            say(&told);
        }
    }

    fn write(&self, changes: &[ConfigChange]) -> Result<String, String> {
        let path = match &self.from {
            ConfigFrom::File(path) => path,
            ConfigFrom::Stdin => return Err("the config came from standard input".to_owned()),
            ConfigFrom::Archive | ConfigFrom::Nowhere => {
                return Err("there is no config file".to_owned());
            }
        };
        let name = name_of(path);
        let text = std::fs::read_to_string(path).map_err(|error| format!("`{name}`: {error}"))?;
        let file = Value::Object(config::parse(&text, &name)?);
        for (keys, _) in changes {
            self.may_change(&file, keys)?;
        }
        let (text, loss) = changed(&text, file, changes)?;
        replace(path, &text).map_err(|error| format!("`{name}` cannot be written: {error}"))?;
        Ok(format!("the new ones are in `{name}`{loss}"))
    }

    /// Whether the value at `keys` is the file's own.
    fn may_change(&self, file: &Value, keys: &[String]) -> Result<(), String> {
        let path = keys.join(".");
        if self.set.iter().any(|assignment| assignment.touches(keys)) {
            return Err(format!("`{path}` comes from `--set`"));
        }
        let value = keys.iter().try_fold(file, |value, key| value.get(key));
        match value.and_then(Value::as_str) {
            Some(text) if text.contains("${env:") => {
                Err(format!("`{path}` comes from the environment: `{text}`"))
            }
            _ => Ok(()),
        }
    }
}

/// The text of the file with the changes, and what gets lost by them.
fn changed(
    text: &str,
    mut file: Value,
    changes: &[ConfigChange],
) -> Result<(String, &'static str), String> {
    apply(&mut file, changes);
    if serde_json::from_str::<Value>(text).is_ok() {
        return Ok((json(text, &file), ""));
    }
    let edited = changes
        .iter()
        .try_fold(text.to_owned(), |text, (keys, value)| {
            yaml_edit::set(&text, keys, value)
        });
    // Only what reads as it should is written.
    if let Some(edited) = edited
        && config::parse(&edited, "").is_ok_and(|read| Value::Object(read) == file)
    {
        return Ok((edited, ""));
    }
    let whole = serde_yaml::to_string(&file).map_err(|error| error.to_string())?;
    Ok((whole, ", without its comments"))
}

/// JSON, indented as `text` is.
fn json(text: &str, value: &Value) -> String {
    let second = text.lines().nth(1).unwrap_or_default();
    let indent: String = second.chars().take_while(|c| c.is_whitespace()).collect();
    let mut out = Vec::new();
    let end = if text.ends_with('\n') { "\n" } else { "" };
    if indent.is_empty() {
        return format!("{value}{end}");
    }
    let formatter = PrettyFormatter::with_indent(indent.as_bytes());
    // A JSON value in memory can always be written.
    let _ = value.serialize(&mut Serializer::with_formatter(&mut out, formatter));
    format!("{}{end}", String::from_utf8_lossy(&out))
}

/// Replaces a file as a whole: nobody ever sees half of it.
pub(super) fn replace(path: &Path, text: &str) -> io::Result<()> {
    let path: PathBuf = path.canonicalize()?;
    let folder = path.parent().unwrap_or(Path::new("."));
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(text.as_bytes())?;
    file.as_file().sync_all()?;
    file.as_file()
        .set_permissions(std::fs::metadata(&path)?.permissions())?;
    file.persist(&path).map_err(|error| error.error)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn changes() -> Vec<ConfigChange> {
        let path = |name: &str| vec!["credentials".to_owned(), name.to_owned()];
        vec![
            (path("refresh_token"), json!("R2")),
            (path("access_token"), json!("A2")),
        ]
    }

    fn kept(name: &str, text: &str, set: &[&str]) -> (Result<String, String>, String) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        let set = set.iter().map(|set| set.parse().unwrap()).collect();
        let file = ConfigFile::new(ConfigFrom::File(path.clone()), set);
        let told = file.write(&changes());
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
        (told, std::fs::read_to_string(&path).unwrap())
    }

    #[test]
    fn json_keeps_its_order_and_indent() {
        let text = "{\n    \"b\": 1,\n    \"credentials\": {\n        \"refresh_token\": \"R1\"\n    }\n}\n";
        let (told, text) = kept("c.json", text, &[]);
        assert!(told.unwrap().starts_with("the new ones are in"));
        assert_eq!(
            text,
            "{\n    \"b\": 1,\n    \"credentials\": {\n        \"refresh_token\": \"R2\",\n        \"access_token\": \"A2\"\n    }\n}\n"
        );
        assert_eq!(
            kept("c.json", "{\"a\": 1}", &[]).1,
            r#"{"a":1,"credentials":{"refresh_token":"R2","access_token":"A2"}}"#
        );
    }

    #[test]
    fn yaml_keeps_its_comments_where_it_can() {
        let text = "credentials: # mine\n  refresh_token: R1 # rotated\n";
        assert_eq!(
            kept("c.yaml", text, &[]).1,
            "credentials: # mine\n  \"access_token\": \"A2\"\n  refresh_token: \"R2\" # rotated\n"
        );
        let (told, text) = kept("c.yaml", "a: 1 # one\n", &[]);
        assert!(told.unwrap().ends_with("without its comments"));
        assert_eq!(
            text,
            "a: 1\ncredentials:\n  refresh_token: R2\n  access_token: A2\n"
        );
    }

    #[test]
    fn what_came_from_elsewhere_is_told_and_not_written() {
        let text = "{\"credentials\": {\"refresh_token\": \"${env:TOKEN}\"}}";
        let (told, after) = kept("c.json", text, &[]);
        let told = told.unwrap_err();
        assert!(told.contains("`${env:TOKEN}`"), "{told}");
        assert_eq!(after, text);
        for set in ["credentials.refresh_token=x", "credentials={}"] {
            let (told, after) = kept("c.json", "{\"a\": 1}", &[set]);
            assert!(told.unwrap_err().contains("`--set`"));
            assert_eq!(after, "{\"a\": 1}");
        }
        let stdin = ConfigFile::new(ConfigFrom::Stdin, Vec::new());
        assert!(
            stdin
                .write(&changes())
                .unwrap_err()
                .contains("standard input")
        );
    }
}
