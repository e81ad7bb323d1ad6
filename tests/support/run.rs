//! Runs the binary in a folder of its own, with nothing of the caller's environment.

use std::io::{BufRead as _, BufReader, PipeReader, PipeWriter, Read, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;

/// One run of `lowcode`, put together step by step:
/// `Run::new().manifest(yaml).config(json).args(["run"]).run().success()`.
///
/// The files given are written into a temporary folder, in which the binary runs, and are named by
/// their flags behind `args`.
#[must_use]
pub(crate) struct Run {
    folder: TempDir,
    current_dir: PathBuf,
    args: Vec<String>,
    flags: Vec<String>,
    env: Vec<(String, String)>,
    stdin: Vec<u8>,
    first_line_only: bool,
    unread: bool,
    timeout: Duration,
}

impl Run {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        Self {
            current_dir: folder.path().to_owned(),
            folder,
            args: Vec::new(),
            flags: Vec::new(),
            env: Vec::new(),
            stdin: Vec::new(),
            first_line_only: false,
            unread: false,
            timeout: Duration::from_secs(60),
        }
    }

    /// The verb and its flags.
    pub(crate) fn args<S: AsRef<str>>(mut self, args: impl IntoIterator<Item = S>) -> Self {
        self.args
            .extend(args.into_iter().map(|arg| arg.as_ref().to_owned()));
        self
    }

    /// Gives `text` as `--manifest-path manifest.yaml`.
    pub(crate) fn manifest(self, text: &str) -> Self {
        self.named("--manifest-path", "manifest.yaml", text)
    }

    /// Gives `config` as `--config config.json`.
    pub(crate) fn config(self, config: &Value) -> Self {
        self.named("--config", "config.json", &config.to_string())
    }

    /// Gives `catalog` as `--catalog catalog.json`.
    pub(crate) fn catalog(self, catalog: &Value) -> Self {
        self.named("--catalog", "catalog.json", &catalog.to_string())
    }

    /// Gives `state` as `--state state.json`.
    pub(crate) fn state(self, state: &Value) -> Self {
        self.named("--state", "state.json", &state.to_string())
    }

    /// Answers all requests from `archive`, by `--replay replay.har`.
    pub(crate) fn har(self, archive: &Value) -> Self {
        self.named("--replay", "replay.har", &archive.to_string())
    }

    /// Writes a file that no flag names.
    pub(crate) fn file(self, name: &str, text: &str) -> Self {
        let path = self.folder.path().join(name);
        std::fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
        std::fs::write(path, text).expect("a written file");
        self
    }

    fn named(mut self, flag: &str, name: &str, text: &str) -> Self {
        self.flags.extend([flag.to_owned(), name.to_owned()]);
        self.file(name, text)
    }

    /// Sets an environment variable; there are no others but those that the system itself needs.
    pub(crate) fn env(mut self, name: &str, value: &str) -> Self {
        self.env.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(crate) fn stdin(mut self, text: &str) -> Self {
        self.stdin = text.as_bytes().to_vec();
        self
    }

    /// Closes the binary's standard output after its first line, as `| head -1` does.
    pub(crate) fn first_line_only(mut self) -> Self {
        self.first_line_only = true;
        self
    }

    /// Gives the binary a pipe as standard output that is full, and that nobody reads.
    #[cfg(unix)]
    pub(crate) fn unread(mut self) -> Self {
        self.unread = true;
        self
    }

    /// Runs in this folder, and not in the temporary one.
    pub(crate) fn current_dir(mut self, folder: impl AsRef<Path>) -> Self {
        self.current_dir = folder.as_ref().to_owned();
        self
    }

    /// Kills the binary after this many seconds; a test then fails.
    pub(crate) fn timeout(mut self, seconds: u64) -> Self {
        self.timeout = Duration::from_secs(seconds);
        self
    }

    /// Runs it to its end.
    pub(crate) fn run(self) -> Output {
        self.spawn().wait()
    }

    /// Starts it, for tests that do something to it while it runs.
    pub(crate) fn spawn(self) -> Running {
        let mut command = Command::new(env!("CARGO_BIN_EXE_lowcode"));
        command
            .args(&self.args)
            .args(&self.flags)
            .current_dir(&self.current_dir)
            .env_clear()
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        // Without these, Windows opens no socket and finds no temporary folder.
        for name in ["SystemRoot", "TEMP", "TMP", "TMPDIR"] {
            #[expect(clippy::disallowed_methods, reason = "handed on, not looked at")]
            if let Some(value) = std::env::var_os(name) {
                command.env(name, value);
            }
        }
        command.envs(self.env.iter().map(|(name, value)| (name, value)));
        let full = self.unread.then(full_pipe);
        if let Some((_, writer)) = &full {
            command.stdout(writer.try_clone().expect("a file descriptor"));
        }
        let mut child = command.spawn().expect("the binary starts");
        let mut stdin = child.stdin.take().expect("stdin is piped");
        let text = self.stdin;
        // A binary that reads no standard input closes it: not an error here.
        std::thread::spawn(move || stdin.write_all(&text));
        let stdout = match child.stdout.take() {
            None => gather(std::io::empty()),
            Some(stdout) if self.first_line_only => gather(first_line(stdout)),
            Some(stdout) => gather(stdout),
        };
        let stderr = gather(child.stderr.take().expect("stderr is piped"));
        Running {
            folder: self.folder,
            args: self.args,
            timeout: self.timeout,
            child,
            stdout,
            stderr,
            _unread: full.map(|(reader, _)| reader),
        }
    }
}

/// A pipe into which somebody writes as soon as there is room, so that nobody else can.
fn full_pipe() -> (PipeReader, PipeWriter) {
    let (reader, writer) = std::io::pipe().expect("a pipe");
    let mut filling = writer.try_clone().expect("a file descriptor");
    let (is_full, has_begun) = mpsc::channel();
    std::thread::spawn(move || {
        // Ends when the reader is dropped.
        while filling.write_all(&[b'\n'; 4096]).is_ok() {
            let _ = is_full.send(());
        }
    });
    // Full once nothing was written for a while.
    while has_begun.recv_timeout(Duration::from_millis(200)).is_ok() {}
    (reader, writer)
}

fn gather(mut from: impl Read + Send + 'static) -> mpsc::Receiver<Vec<u8>> {
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        let _ = from.read_to_end(&mut bytes);
        let _ = sender.send(bytes);
    });
    receiver
}

/// Takes one line; then the pipe is closed.
fn first_line(from: impl Read) -> std::io::Cursor<Vec<u8>> {
    let mut line = Vec::new();
    let _ = BufReader::new(from).read_until(b'\n', &mut line);
    std::io::Cursor::new(line)
}

/// A run under way.
pub(crate) struct Running {
    folder: TempDir,
    args: Vec<String>,
    timeout: Duration,
    child: Child,
    stdout: mpsc::Receiver<Vec<u8>>,
    stderr: mpsc::Receiver<Vec<u8>>,
    _unread: Option<PipeReader>,
}

impl Running {
    /// Sends a signal by its name, such as `INT`.
    #[cfg(unix)]
    pub(crate) fn signal(&self, name: &str) {
        let status = Command::new("kill")
            .args([&format!("-{name}"), &self.child.id().to_string()])
            .status()
            .expect("`kill` starts");
        assert!(
            status.success(),
            "the binary was gone before `kill -{name}`"
        );
    }

    /// Whether it has come to its end.
    pub(crate) fn has_ended(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(Some(_)))
    }

    /// Kills it, so that it can do nothing about it. False when it has ended by itself before.
    pub(crate) fn kill(&mut self) -> bool {
        !self.has_ended() && self.child.kill().is_ok()
    }

    /// Waits for its end, and kills it when the time is over.
    pub(crate) fn wait(mut self) -> Output {
        let stdout = self.stdout.recv_timeout(self.timeout).unwrap_or_else(|_| {
            let _ = self.child.kill();
            let stderr = self.stderr.recv().unwrap_or_default();
            panic!(
                "`lowcode {}` ran for more than {:?}; stderr:\n{}",
                self.args.join(" "),
                self.timeout,
                String::from_utf8_lossy(&stderr)
            );
        });
        // It has ended when its standard error has.
        let stderr = self.stderr.recv_timeout(self.timeout).unwrap_or_else(|_| {
            let _ = self.child.kill();
            let args = self.args.join(" ");
            panic!("`lowcode {args}` ran for more than {:?}", self.timeout)
        });
        let status = self.child.wait().expect("the binary ends");
        Output {
            folder: self.folder,
            args: self.args,
            stdout: String::from_utf8(stdout).expect("stdout is UTF-8"),
            stderr: String::from_utf8(stderr).expect("stderr is UTF-8"),
            code: status.code(),
        }
    }
}

/// What a run answered. The folder lives as long.
pub(crate) struct Output {
    folder: TempDir,
    args: Vec<String>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    /// Exit code; `None` when a signal ended it.
    pub(crate) code: Option<i32>,
}

impl Output {
    /// Expects an exit code, and shows standard error when it is another.
    pub(crate) fn exits(self, code: i32) -> Self {
        assert_eq!(
            self.code,
            Some(code),
            "`lowcode {}`; stderr:\n{}",
            self.args.join(" "),
            self.stderr
        );
        self
    }

    pub(crate) fn success(self) -> Self {
        self.exits(0)
    }

    /// The lines of standard output, each a JSON value.
    pub(crate) fn lines(&self) -> Vec<Value> {
        let parse = |line: &str| {
            serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"))
        };
        self.stdout.lines().map(parse).collect()
    }

    /// Records of one stream, of `run`'s lines or of `read`'s messages.
    pub(crate) fn records(&self, stream: &str) -> Vec<Value> {
        let of_stream = |line: Value| {
            let record = line.get("record").unwrap_or(&line);
            let same = record.get("stream").and_then(Value::as_str) == Some(stream);
            same.then(|| record.get("data").cloned()).flatten()
        };
        self.lines().into_iter().filter_map(of_stream).collect()
    }

    /// Messages of one type, such as `STATE`, without their envelope's other keys.
    pub(crate) fn messages(&self, kind: &str) -> Vec<Value> {
        let mut lines = self.lines();
        lines.retain(|line| line.get("type").and_then(Value::as_str) == Some(kind));
        lines
    }

    /// The path of a file in the run's folder.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A file of the run's folder, written by the run or by the test.
    pub(crate) fn file(&self, name: &str) -> String {
        std::fs::read_to_string(self.folder.path().join(name))
            .unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    /// Standard error with the run's folder as `DIR`, for snapshots.
    pub(crate) fn stderr_without_folder(&self) -> String {
        let folder = self.folder.path().display().to_string();
        self.stderr.replace(&folder, "DIR")
    }
}
