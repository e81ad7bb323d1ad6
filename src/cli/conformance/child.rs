//! One command of a case, run by this program's own binary: no panic and no hang of it reaches us.
//!
//! In: a verb and the files of a case. Out: its messages, its exit code, the requests that it made.

use std::fs::File;
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};
use std::time::Duration;

use serde_json::Value;

use crate::clock::{Clock, monotonic};
use crate::http::{Request, read_requests};

/// How commands are run.
#[derive(Debug, Clone)]
pub(super) struct Runner {
    pub(super) binary: std::path::PathBuf,
    /// Time after which a command is taken to hang.
    pub(super) timeout: Duration,
    /// Whether a command may not do several things at once.
    pub(super) is_sequential: bool,
}

/// What a command did.
#[derive(Debug, Default)]
pub(super) struct Ran {
    pub(super) messages: Vec<Value>,
    /// `None`: it was stopped after its time, or a signal ended it.
    pub(super) code: Option<i32>,
    pub(super) requests: Vec<Request>,
    /// A hang, a panic or an abort, in words.
    pub(super) broke: Option<String>,
    /// The last lines on standard error.
    pub(super) stderr: String,
}

impl Runner {
    /// The same with one thread for each command.
    pub(super) fn one_thread(self) -> Self {
        Self {
            is_sequential: true,
            ..self
        }
    }

    /// Runs `verb` in `folder`, which holds the case's files.
    pub(super) fn run(
        &self,
        verb: &str,
        folder: &Path,
        archive: &Path,
        now: &str,
    ) -> std::io::Result<Ran> {
        let at = |name: &str| folder.join(name);
        let (out, err, log) = (at(".stdout"), at(".stderr"), at(".requests"));
        let mut command = Command::new(&self.binary);
        command
            .args([
                verb,
                "--manifest",
                "manifest.yaml",
                "--config",
                "config.json",
                "--now",
                now,
            ])
            .current_dir(folder)
            .env_clear()
            .stdin(Stdio::null())
            .stdout(File::create(&out)?)
            .stderr(File::create(&err)?);
        // Without it, Windows starts no thread.
        if let Some(root) = super::super::settings::variable("SystemRoot") {
            command.env("SystemRoot", root);
        }
        if verb != "spec" {
            command
                .arg("--replay")
                .arg(archive)
                .arg("--replay-log")
                .arg(&log);
        }
        if verb != "spec" && self.is_sequential {
            command.args(["--concurrency", "1"]);
        }
        if verb == "read" {
            command.args(["--catalog", "catalog.json"]);
            if at("state.json").is_file() {
                command.args(["--state", "state.json"]);
            }
        }
        let status = self.wait(command)?;
        let text = String::from_utf8_lossy(&std::fs::read(&out)?).into_owned();
        let stderr = String::from_utf8_lossy(&std::fs::read(&err)?).into_owned();
        let lines = text
            .lines()
            .filter_map(|line| serde_json::from_str(line).ok());
        Ok(Ran {
            messages: lines.collect(),
            code: status.and_then(|status| status.code()),
            requests: match log.is_file() {
                true => read_requests(&log)?,
                false => Vec::new(),
            },
            broke: self.verdict(status, &stderr),
            stderr,
        })
    }

    /// Waits for its end, and ends it when its time is over: `None`.
    fn wait(&self, mut command: Command) -> std::io::Result<Option<ExitStatus>> {
        let clock = Clock::system();
        let began = monotonic();
        let mut child = command.spawn()?;
        let mut step = Duration::from_millis(1);
        loop {
            if let Some(status) = child.try_wait()? {
                return Ok(Some(status));
            }
            if began.elapsed() > self.timeout {
                // It may have ended meanwhile.
                let _ = child.kill();
                child.wait()?;
                return Ok(None);
            }
            clock.pause(step);
            step = (step * 2).min(Duration::from_millis(20));
        }
    }

    fn verdict(&self, status: Option<ExitStatus>, stderr: &str) -> Option<String> {
        let is_panic = |line: &str| line.starts_with("thread '") && line.contains(" panicked at ");
        if let Some(at) = stderr.lines().position(is_panic) {
            let lines: Vec<&str> = stderr.lines().skip(at).take(2).collect();
            return Some(lines.join(" "));
        }
        match status {
            None => Some(format!("no end after {} s", self.timeout.as_secs())),
            Some(status) if status.code().is_none() => Some(format!("it was ended: {status}")),
            Some(_) => None,
        }
    }
}
