//! A PostgreSQL server for tests: on a socket in a temporary folder, as long as the tests run.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::time::{Duration, Instant};

/// A running server.
pub(crate) struct Server {
    /// The folder of its socket.
    folder: PathBuf,
    programs: PathBuf,
    /// Ends with our end of its standard input, and the server and its folder with it.
    _keeper: Child,
}

/// The one server of these tests; none, and the reason is printed, where it cannot be started.
pub(crate) fn server() -> Option<&'static Server> {
    static SERVER: OnceLock<Result<Server, String>> = OnceLock::new();
    match SERVER.get_or_init(start) {
        Ok(server) => Some(server),
        Err(why) => {
            println!("!! SKIPPED, there is no PostgreSQL to test with: {why}");
            None
        }
    }
}

impl Server {
    /// The URL of a database of its own.
    pub(crate) fn database(&self) -> String {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let name = format!("d{}", NUMBER.fetch_add(1, Relaxed));
        self.psql("postgres", &format!("CREATE DATABASE {name}"));
        self.url(&name)
    }

    pub(crate) fn url(&self, database: &str) -> String {
        let folder = self.folder.display().to_string().replace('/', "%2F");
        format!("postgres://postgres@{folder}/{database}")
    }

    /// What `psql` prints: a line a row, cells with `|` between, null as `NULL`.
    pub(crate) fn psql(&self, database: &str, sql: &str) -> String {
        let mut command = Command::new(self.programs.join("psql"));
        command.args([
            "-XAtq",
            "-v",
            "ON_ERROR_STOP=1",
            "-P",
            "null=NULL",
            "-U",
            "postgres",
        ]);
        command
            .arg("-h")
            .arg(&self.folder)
            .args(["-d", database, "-c", sql]);
        let output = command.env("PGTZ", "UTC").output().unwrap();
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{sql}: {told}");
        String::from_utf8(output.stdout).unwrap()
    }
}

fn start() -> Result<Server, String> {
    let programs = programs().ok_or("`initdb` is not installed (package `postgresql`)")?;
    let folder = tempfile::tempdir()
        .map_err(|error| error.to_string())?
        .keep();
    let open = std::fs::Permissions::from_mode(0o777);
    std::fs::set_permissions(&folder, open).map_err(|error| error.to_string())?;
    let data = folder.join("data");
    let mut init = as_nobody(&programs.join("initdb"));
    init.args([
        "-A",
        "trust",
        "-U",
        "postgres",
        "-E",
        "UTF8",
        "--locale=C",
        "--no-sync",
        "-D",
    ]);
    let made = init.arg(&data).current_dir(&folder).output();
    let made = made.map_err(|error| error.to_string())?;
    if !made.status.success() {
        return Err(said(&made));
    }
    // The server ends when nobody holds the other end of the pipe: with the tests, however they end.
    let mut keeper = as_nobody(Path::new("/bin/sh"));
    let script = "\"$0/postgres\" -D \"$1/data\" -k \"$1\" -h '' -F >\"$1/log\" 2>&1 & \
        cat >/dev/null; kill -INT $!; wait; rm -rf \"$1\"/*";
    keeper.args(["-c", script]).arg(&programs).arg(&folder);
    let keeper = keeper.current_dir(&folder).stdin(Stdio::piped()).spawn();
    let keeper = keeper.map_err(|error| error.to_string())?;
    let server = Server {
        folder,
        programs,
        _keeper: keeper,
    };
    wait(&server)?;
    Ok(server)
}

#[expect(clippy::disallowed_methods, reason = "waits for another process")]
fn wait(server: &Server) -> Result<(), String> {
    let until = Instant::now() + Duration::from_secs(60);
    loop {
        let mut ask = Command::new(server.programs.join("pg_isready"));
        let answer = ask.arg("-q").arg("-h").arg(&server.folder).status();
        if answer.map_err(|error| error.to_string())?.success() {
            return Ok(());
        }
        if Instant::now() > until {
            let log = std::fs::read_to_string(server.folder.join("log"));
            return Err(format!("it does not start: {}", log.unwrap_or_default()));
        }
        std::thread::sleep(Duration::from_millis(50));
    }
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).trim().to_owned()
}

/// The folder of the programs: of the newest version where there are several.
fn programs() -> Option<PathBuf> {
    let versions = std::fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten();
    let mut folders: Vec<(u32, PathBuf)> = versions
        .flatten()
        .filter_map(|entry| {
            let version = entry.file_name().to_str()?.parse().ok()?;
            Some((version, entry.path().join("bin")))
        })
        .collect();
    folders.sort();
    let others = [
        "/opt/homebrew/opt/postgresql/bin",
        "/usr/local/bin",
        "/usr/bin",
    ];
    let newest = folders.into_iter().rev().map(|(_, folder)| folder);
    let mut all = newest.chain(others.map(PathBuf::from));
    all.find(|folder| folder.join("initdb").is_file() && folder.join("psql").is_file())
}

/// A command; for root, whom the server refuses, as somebody else.
fn as_nobody(program: &Path) -> Command {
    let user = Command::new("id").arg("-u").output();
    let is_root = user.is_ok_and(|user| user.stdout.trim_ascii() == b"0");
    if !is_root {
        return Command::new(program);
    }
    let mut command = Command::new("setpriv");
    command.args(["--reuid=nobody", "--regid=nogroup", "--clear-groups"]);
    command.arg(program);
    command
}
