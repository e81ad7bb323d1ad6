//! A PostgreSQL server for tests: on a socket in a temporary folder, as long as the tests run.

use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::time::Duration;

use postgres::{Client, NoTls, SimpleQueryMessage};

/// The server's own, for `localhost`.
pub(crate) const CERTIFICATE: &str =
    include_str!("../../../tests/support/keys/p256_certificate.pem");
/// That of the user `postgres`.
pub(crate) const PASSWORD: &str = "pass@word";
const KEY: &str = include_str!("../../../tests/support/keys/p256.pem");

/// A running server.
pub(crate) struct Server {
    /// The folder of its socket.
    folder: PathBuf,
    port: u16,
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
    /// The URL of a database, by the socket.
    pub(crate) fn url(&self, database: &str) -> String {
        let folder = self.folder.display().to_string().replace('/', "%2F");
        format!("postgres://postgres@{folder}:{}/{database}", self.port)
    }

    /// The URL of a database by TCP, for which there is a [`PASSWORD`].
    pub(crate) fn tcp(&self, user: &str, database: &str) -> String {
        format!("postgres://{user}@localhost:{}/{database}", self.port)
    }

    /// A name for a schema or a database that nobody has used.
    pub(crate) fn name(&self) -> String {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        format!("t{}", NUMBER.fetch_add(1, Relaxed))
    }

    /// Rows of the last of some statements, cells with `|` between; without any, nothing.
    pub(crate) fn query(&self, database: &str, sql: &str) -> Vec<String> {
        let mut client = Client::connect(&self.url(database), NoTls).unwrap();
        let messages = client
            .simple_query(sql)
            .unwrap_or_else(|error| panic!("{sql}: {error:?}"));
        let rows = messages.iter().filter_map(|message| match message {
            SimpleQueryMessage::Row(row) => Some(row),
            _ => None,
        });
        rows.map(|row| {
            let cells: Vec<&str> = (0..row.len())
                .map(|at| row.get(at).unwrap_or("NULL"))
                .collect();
            cells.join("|")
        })
        .collect()
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
    std::fs::write(folder.join("password"), PASSWORD).map_err(|error| error.to_string())?;
    init.args(["--auth-local=trust", "--auth-host=scram-sha-256"]);
    init.args(["--pwfile=password", "-U", "postgres", "-E", "UTF8"]);
    init.args(["--locale=C", "--no-sync", "-D"]);
    let made = init.arg(&data).current_dir(&folder).output();
    let made = made.map_err(|error| error.to_string())?;
    if !made.status.success() {
        return Err(said(&made));
    }
    let error = |error: std::io::Error| error.to_string();
    std::fs::write(folder.join("certificate"), CERTIFICATE).map_err(error)?;
    std::fs::write(folder.join("key"), KEY).map_err(error)?;
    // The server takes a key only that nobody else can read.
    let mut install = as_nobody(Path::new("install"));
    install.args(["-m", "600", "key", "data/key"]);
    let installed = install.current_dir(&folder).output().map_err(error)?;
    if !installed.status.success() {
        return Err(said(&installed));
    }
    let port = TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr());
    let port = port.map_err(error)?.port();
    // The server ends when nobody holds the other end of the pipe: with the tests, however they end.
    let mut keeper = Command::new("sh");
    let script = "folder=$1 port=$2; shift 2; \
        \"$@\" -D $folder/data -k $folder -h 127.0.0.1 -p $port -F -c ssl=on \
        -c ssl_cert_file=$folder/certificate -c ssl_key_file=$folder/data/key \
        >$folder/log 2>&1 & cat >/dev/null; kill -INT $!; wait; rm -rf $folder";
    keeper
        .args(["-c", script, "sh"])
        .arg(&folder)
        .arg(port.to_string());
    let postgres = as_nobody(&programs.join("postgres"));
    keeper.arg(postgres.get_program()).args(postgres.get_args());
    keeper.current_dir(&folder);
    let keeper = keeper.stdin(Stdio::piped()).spawn().map_err(error)?;
    let server = Server {
        folder,
        port,
        _keeper: keeper,
    };
    wait(&server)?;
    Ok(server)
}

#[expect(clippy::disallowed_methods, reason = "waits for another process")]
fn wait(server: &Server) -> Result<(), String> {
    for _ in 0..600 {
        if Client::connect(&server.url("postgres"), NoTls).is_ok() {
            return Ok(());
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    let log = std::fs::read_to_string(server.folder.join("log"));
    Err(format!("it does not start: {}", log.unwrap_or_default()))
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
    all.find(|folder| folder.join("initdb").is_file())
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
