//! A memory for an output that has none: a file of states.
//!
//! In: messages, which go on to the output. Out: the states in the protocol's form, a JSON file that
//! people and other engines read; beside it, as long as something is left to read, what is left.

use std::ffi::OsString;
use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::Connection;
use serde_json::Value;

use super::fault::{Fault, Result};
use super::journal::{self, Journal};
use super::{KeptStream, Loading, Lock, Output, Store, Written};
use crate::message::{CatalogStream, InputState, Message, Progress, Step, StreamState};

/// The time after which states are written at the next point at which they may be.
const PAUSE: Duration = Duration::from_millis(200);

/// Hands on all messages, and keeps states and steps.
///
/// Records reach the output before what is kept counts them as read, and nobody can take them back
/// there: after a crash, some of them come again.
pub struct StateFile {
    inner: Box<dyn Output>,
    path: PathBuf,
    progress: PathBuf,
    connection: Connection,
    loading: Loading,
    committed: Duration,
    /// Whether there is a transaction.
    is_open: bool,
    /// Whether the last message was a point at which it may be committed.
    is_covered: bool,
    _lock: Lock,
}

impl StateFile {
    /// The memory at `path` for `inner`. The file may be missing; what it holds decides, also when
    /// somebody has changed it since.
    ///
    /// # Errors
    /// When it is no state, when a file cannot be written, and of kind `ResourceBusy` when another run
    /// has it.
    pub fn open(path: &Path, inner: Box<dyn Output>, loading: Loading) -> io::Result<Self> {
        let lock = Lock::take(path)?;
        let mut name = OsString::from(path);
        name.push(".progress");
        let progress = PathBuf::from(name);
        let given = read(path)?;
        let kept = || -> Result<Connection> {
            let connection = journal::connect(&progress)?;
            let journal = Journal(&connection);
            if journal.states()? != given {
                journal.forget(None, &mut |_| Ok(()))?;
                let stamp = loading.stamp();
                given
                    .iter()
                    .try_for_each(|state| journal.put_state(state, &stamp))?;
            }
            Ok(connection)
        };
        let connection = kept().map_err(|fault| fault.at(&progress))?;
        Ok(Self {
            inner,
            path: path.to_owned(),
            committed: (loading.elapsed)(),
            progress,
            connection,
            loading,
            is_open: false,
            is_covered: false,
            _lock: lock,
        })
    }

    fn keep(&mut self, message: &Message) -> Result<()> {
        match message {
            Message::State(state) => {
                self.transaction()?;
                Journal(&self.connection).put_state(state, &self.loading.stamp())
            }
            Message::Progress(progress) => self.progress(progress),
            Message::Records { .. } | Message::Void { .. } => {
                self.is_covered = false;
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn progress(&mut self, progress: &Progress) -> Result<()> {
        self.transaction()?;
        let stamp = self.loading.stamp();
        for (stream, step) in &progress.steps {
            Journal(&self.connection).take(stream, step, None, &stamp)?;
        }
        self.is_covered = true;
        let since = (self.loading.elapsed)().saturating_sub(self.committed);
        if since >= PAUSE {
            self.commit()?;
        }
        Ok(())
    }

    fn transaction(&mut self) -> Result<()> {
        if !self.is_open {
            self.connection.execute_batch("BEGIN IMMEDIATE")?;
            self.is_open = true;
        }
        Ok(())
    }

    /// Keeps all so far, once the records have left.
    fn commit(&mut self) -> Result<()> {
        self.inner.flush().map_err(Fault::Own)?;
        if std::mem::take(&mut self.is_open) {
            self.connection.execute_batch("COMMIT")?;
            let states = Journal(&self.connection).states()?;
            write(&self.path, &states).map_err(Fault::Own)?;
        }
        self.committed = (self.loading.elapsed)();
        Ok(())
    }

    fn end(&mut self) -> Result<()> {
        if self.is_covered {
            self.commit()?;
        } else if std::mem::take(&mut self.is_open) {
            self.connection.execute_batch("ROLLBACK")?;
        }
        Ok(())
    }
}

impl Output for StateFile {
    fn begin(&mut self, streams: &[CatalogStream]) -> io::Result<()> {
        self.inner.begin(streams)
    }

    fn write(&mut self, message: &Message) -> io::Result<()> {
        self.inner.write(message)?;
        self.keep(message).map_err(|fault| fault.at(&self.progress))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }

    fn finish(&mut self) -> io::Result<()> {
        self.inner.finish()?;
        self.end().map_err(|fault| fault.at(&self.progress))
    }

    fn store(&mut self) -> Option<&mut dyn Store> {
        Some(self)
    }

    fn written(&self, stream: &str) -> Option<Written> {
        self.inner.written(stream)
    }
}

impl Store for StateFile {
    fn states(&mut self) -> io::Result<Vec<StreamState>> {
        let states = Journal(&self.connection).states();
        states.map_err(|fault| fault.at(&self.progress))
    }

    fn steps(
        &mut self,
        stream: &str,
        take: &mut dyn FnMut(Step) -> io::Result<()>,
    ) -> io::Result<()> {
        let given = Journal(&self.connection).give(stream, &mut |_| Ok(true), take);
        given.map_err(|fault| fault.at(&self.progress))
    }

    fn kept(&mut self) -> io::Result<Vec<KeptStream>> {
        let kept = Journal(&self.connection).kept();
        kept.map_err(|fault| fault.at(&self.progress))
    }

    fn forget(&mut self, stream: Option<&str>) -> io::Result<()> {
        let journal = Journal(&self.connection);
        let forgotten = journal.forget(stream, &mut |_| Ok(()));
        let states = forgotten.and_then(|()| journal.states());
        let states = states.map_err(|fault| fault.at(&self.progress))?;
        write(&self.path, &states)
    }
}

/// The states of a file; none of one that is not there. In the order of their names, as a journal has
/// them.
fn read(path: &Path) -> io::Result<Vec<StreamState>> {
    let wrong = |error: &dyn std::fmt::Display| {
        let message = format!("`{}` is no state file: {error}", path.display());
        io::Error::new(io::ErrorKind::InvalidData, message)
    };
    let text = match fs::read_to_string(path) {
        Ok(text) if text.trim().is_empty() => return Ok(Vec::new()),
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let value: Value = serde_json::from_str(&text).map_err(|error| wrong(&error))?;
    let input = InputState::from_value(value).map_err(|error| wrong(&error))?;
    let mut states: Vec<StreamState> = (input.streams())
        .map(|stream| StreamState {
            stream: stream.into(),
            state: input.get(stream).cloned().unwrap_or_default(),
        })
        .collect();
    states.sort_by(|a, b| a.stream.cmp(&b.stream));
    Ok(states)
}

/// Writes the states whole, or not at all.
fn write(path: &Path, states: &[StreamState]) -> io::Result<()> {
    let messages: Vec<Value> = states.iter().map(StreamState::to_message).collect();
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    let mut file = tempfile::NamedTempFile::new_in(folder.unwrap_or(Path::new(".")))?;
    serde_json::to_writer_pretty(&mut file, &messages)?;
    file.write_all(b"\n")?;
    file.as_file().sync_all()?;
    file.persist(path).map_err(|error| error.error)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::json;

    use super::*;
    use crate::message::Data;
    use crate::output::JsonlOutput;

    fn loading() -> Loading {
        Loading {
            mode: None,
            has_metadata: false,
            run: "run".to_owned(),
            now: Box::new(|| 0),
            elapsed: Box::new(Duration::default),
        }
    }

    fn open(path: &Path) -> io::Result<StateFile> {
        StateFile::open(path, Box::new(JsonlOutput::new(io::sink())), loading())
    }

    fn state(cursor: u32) -> Message {
        Message::State(StreamState {
            stream: Arc::from("tasks"),
            state: serde_json::from_value(json!({"at": cursor})).unwrap(),
        })
    }

    fn steps(steps: Vec<Step>) -> Message {
        let steps = steps.into_iter().map(|step| (Arc::from("tasks"), step));
        Message::Progress(Progress {
            steps: steps.collect(),
        })
    }

    fn kept(file: &mut StateFile) -> Vec<Step> {
        let mut kept = Vec::new();
        let mut take = |step| {
            kept.push(step);
            Ok(())
        };
        file.steps("tasks", &mut take).unwrap();
        kept
    }

    fn begun() -> Step {
        Step::Begun {
            fingerprint: "f".to_owned(),
        }
    }

    #[test]
    fn what_comes_after_the_last_progress_is_not_kept() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state.json");
        let mut file = open(&path).unwrap();
        file.write(&steps(vec![begun()])).unwrap();
        file.write(&state(1)).unwrap();
        file.write(&steps(vec![Step::Ended { is_whole: false }]))
            .unwrap();
        file.finish().unwrap();
        drop(file);
        let mut file = open(&path).unwrap();
        assert_eq!(kept(&mut file).len(), 2);
        file.write(&Message::Records {
            stream: Arc::from("tasks"),
            unit: 0,
            records: vec![Data::from(json!({}))],
        })
        .unwrap();
        file.write(&state(2)).unwrap();
        file.finish().unwrap();
        drop(file);
        let written: Value = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
        assert_eq!(written[0]["stream"]["stream_state"], json!({"at": 1}));
    }

    #[test]
    fn the_file_decides_when_somebody_has_changed_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state.json");
        let mut file = open(&path).unwrap();
        file.write(&state(1)).unwrap();
        file.write(&steps(vec![begun()])).unwrap();
        file.finish().unwrap();
        drop(file);
        let text = fs::read_to_string(&path).unwrap();
        fs::write(&path, text.replace("\"at\": 1", "\"at\": 7")).unwrap();
        let mut file = open(&path).unwrap();
        assert_eq!(kept(&mut file), []);
        assert_eq!(file.states().unwrap()[0].state["at"], 7);
        file.forget(None).unwrap();
        drop(file);
        assert_eq!(fs::read_to_string(&path).unwrap(), "[]\n");
    }

    #[test]
    fn what_is_no_state_is_refused_and_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state.json");
        fs::write(&path, "no").unwrap();
        let error = open(&path).err().unwrap().to_string();
        assert!(error.contains("is no state file"), "{error}");
        assert_eq!(fs::read_to_string(&path).unwrap(), "no");
        let first = open(&folder.path().join("b.json")).unwrap();
        let second = open(&folder.path().join("b.json")).err().unwrap();
        assert_eq!(second.kind(), io::ErrorKind::ResourceBusy);
        drop(first);
    }
}
