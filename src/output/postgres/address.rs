//! A URL becomes what a connection is made with.
//!
//! In: `postgres://user:password@host:port/database?schema=…&sslmode=…`, and what the environment
//! holds. Out: an [`Address`]. Nothing that it says of itself or of a mistake holds the password.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::str::FromStr as _;
use std::time::Duration;

use postgres::Config;
use postgres::config::{Host, SslMode};

use super::password;

/// Longest time to reach the server.
const CONNECT: Duration = Duration::from_secs(30);
/// Time without a byte after which the system asks whether the server is still there.
const KEEPALIVE: Duration = Duration::from_secs(60);

/// What the process knows of passwords and certificates, beside the URL.
#[derive(Clone, Default)]
pub struct Surroundings {
    /// The password when the URL has none: `PGPASSWORD`.
    pub password: Option<String>,
    /// A file with passwords, as libpq has it: `PGPASSFILE`, else `~/.pgpass`.
    pub password_file: Option<PathBuf>,
    /// Certificates to trust instead of the built-in ones: the file that `SSL_CERT_FILE` names.
    pub certificates: Option<PathBuf>,
}

impl fmt::Debug for Surroundings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Surroundings")
            .field("has_password", &self.password.is_some())
            .field("password_file", &self.password_file)
            .field("certificates", &self.certificates)
            .finish()
    }
}

/// Whom a server's certificate has to convince.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Trust {
    /// Nobody: what goes over the wire is encrypted, and that is all.
    Anyone,
    /// An authority of this file, or a built-in one; and the name has to be that of the host.
    Authorities(Option<PathBuf>),
}

/// Where a database is, and how it is reached.
#[derive(Debug)]
pub(super) struct Address {
    pub(super) config: Config,
    pub(super) trust: Trust,
    /// The schema of the tables; none: that of the connection.
    pub(super) schema: Option<String>,
    /// Server and database, as a person is told.
    pub(super) shown: String,
}

impl Address {
    pub(super) fn parse(url: &str, around: &Surroundings) -> io::Result<Self> {
        let (plain, query) = url.split_once('?').unwrap_or((url, ""));
        let mut kept = Vec::new();
        let (mut schema, mut mode, mut root) = (None, None, None);
        for option in query.split('&').filter(|option| !option.is_empty()) {
            match option.split_once('=') {
                Some(("schema", value)) => schema = Some(decoded(value)?),
                Some(("sslmode", value)) => mode = Some(decoded(value)?),
                Some(("sslrootcert", value)) => root = Some(PathBuf::from(decoded(value)?)),
                Some((name, _)) if is_word(name) => kept.push(option),
                // It may be part of a password.
                _ => return Err(unreadable()),
            }
        }
        let rest = match kept.is_empty() {
            true => plain.to_owned(),
            false => format!("{plain}?{}", kept.join("&")),
        };
        let mut config = Config::from_str(&rest).map_err(|error| {
            let names = kept.iter().filter_map(|option| option.split_once('='));
            let cause = std::error::Error::source(&error).map(ToString::to_string);
            let cause = cause.unwrap_or_default();
            match names.into_iter().find(|(name, _)| cause.contains(&format!("`{name}`"))) {
                Some((name, _)) => wrong(format!(
                    "the URL has an option `{name}` that is unknown or has no such value; `schema`, \
                     `sslmode`, `sslrootcert`, `connect_timeout`, `options` and the like are known"
                )),
                None => unreadable(),
            }
        })?;
        let trust = trust(&mut config, mode.as_deref(), root, around)?;
        if schema
            .as_deref()
            .is_some_and(|schema| schema.is_empty() || schema.len() > 63 || schema.contains('\0'))
        {
            return Err(wrong(
                "the URL's `schema` is no name of a schema".to_owned(),
            ));
        }
        if config.get_hosts().is_empty() {
            config.host("localhost");
        }
        if config.get_connect_timeout().is_none() {
            config.connect_timeout(CONNECT);
        }
        config.keepalives_idle(KEEPALIVE);
        if config.get_application_name().is_none() {
            config.application_name(&format!("lowcode (process {})", std::process::id()));
        }
        let shown = shown(&config);
        let mut address = Self {
            config,
            trust,
            schema,
            shown,
        };
        address.find_password(around);
        Ok(address)
    }

    /// Takes the password from the environment when the URL has none, as libpq does.
    fn find_password(&mut self, around: &Surroundings) {
        if self.config.get_password().is_some() {
            return;
        }
        if let Some(password) = &around.password {
            self.config.password(password);
            return;
        }
        let user = self.config.get_user().unwrap_or_default();
        let database = self.config.get_dbname().unwrap_or(user);
        let host = self
            .config
            .get_hosts()
            .first()
            .map(host)
            .unwrap_or_default();
        let port = port(&self.config).to_string();
        let file = around.password_file.as_deref().map(std::fs::read_to_string);
        if let Some(Ok(text)) = file
            && let Some(password) = password::find(&text, [&host, &port, database, user])
        {
            self.config.password(password);
        }
    }
}

/// What `sslmode` says, as libpq means it; `verify-ca` checks the name as well.
fn trust(
    config: &mut Config,
    mode: Option<&str>,
    root: Option<PathBuf>,
    around: &Surroundings,
) -> io::Result<Trust> {
    let (mode, is_checked) = match mode {
        Some("disable") => (SslMode::Disable, false),
        None | Some("allow" | "prefer") => (SslMode::Prefer, false),
        Some("require") => (SslMode::Require, root.is_some()),
        Some("verify-ca" | "verify-full") => (SslMode::Require, true),
        Some(other) => {
            return Err(wrong(format!(
                "the URL has `sslmode={other}`; it may be `disable`, `prefer`, `require` or `verify-full`"
            )));
        }
    };
    config.ssl_mode(mode);
    Ok(match is_checked {
        true => Trust::Authorities(root.or_else(|| around.certificates.clone())),
        false => Trust::Anyone,
    })
}

fn host(host: &Host) -> String {
    match host {
        Host::Tcp(name) => name.clone(),
        #[cfg(unix)]
        Host::Unix(path) => path.display().to_string(),
    }
}

fn port(config: &Config) -> u16 {
    config.get_ports().first().copied().unwrap_or(5432)
}

fn shown(config: &Config) -> String {
    let hosts: Vec<String> = config.get_hosts().iter().map(host).collect();
    let hosts = hosts.join(",");
    let user = config.get_user().unwrap_or_default();
    let database = config.get_dbname().unwrap_or(user);
    if hosts.starts_with('/') {
        return format!("postgres:///{database} at {hosts}");
    }
    format!("postgres://{hosts}:{}/{database}", port(config))
}

fn is_word(name: &str) -> bool {
    !name.is_empty()
        && name
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte == b'_')
}

/// `text` without percent signs.
fn decoded(text: &str) -> io::Result<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, more)) = rest.split_first() {
        let (byte, behind) = match (first, more) {
            (b'%', [a, b, behind @ ..]) => {
                let digit = |digit: u8| char::from(digit).to_digit(16);
                let (Some(a), Some(b)) = (digit(*a), digit(*b)) else {
                    return Err(unreadable());
                };
                (u8::try_from(a * 16 + b).unwrap_or_default(), behind)
            }
            (b'%', _) => return Err(unreadable()),
            (byte, behind) => (byte, behind),
        };
        bytes.push(byte);
        rest = behind;
    }
    String::from_utf8(bytes).map_err(|_| unreadable())
}

fn unreadable() -> io::Error {
    wrong(
        "the URL of the database cannot be read; it is `postgres://user:password@host:port/database`, \
         and letters such as `@`, `/`, `?`, `#` and `%` in a password are written as `%40`, `%2F`, \
         `%3F`, `%23` and `%25`"
            .to_owned(),
    )
}

fn wrong(message: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, message)
}

/// `url` as it may be shown: without its password.
#[must_use]
pub fn without_password(url: &str) -> String {
    match Address::parse(url, &Surroundings::default()) {
        Ok(address) => address.shown,
        Err(_) => "postgres://…".to_owned(),
    }
}

/// Whether `to` is a URL that [`PostgresOutput`](super::PostgresOutput) takes.
#[must_use]
pub fn is_url(to: &str) -> bool {
    to.starts_with("postgres://") || to.starts_with("postgresql://")
}

/// The file of passwords that libpq reads when `PGPASSFILE` names none.
#[must_use]
pub fn default_password_file(home: &Path) -> PathBuf {
    home.join(".pgpass")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(url: &str) -> io::Result<Address> {
        Address::parse(url, &Surroundings::default())
    }

    #[test]
    fn a_url_names_server_database_and_schema() {
        let address =
            parse("postgresql://me:s%40cret@db.example:5433/d?schema=my%20own&connect_timeout=3")
                .unwrap();
        assert_eq!(address.shown, "postgres://db.example:5433/d");
        assert_eq!(address.schema.as_deref(), Some("my own"));
        assert_eq!(address.config.get_password(), Some(&b"s@cret"[..]));
        assert_eq!(
            address.config.get_connect_timeout(),
            Some(&Duration::from_secs(3))
        );
        assert_eq!(address.config.get_ssl_mode(), SslMode::Prefer);
        #[cfg(unix)]
        assert_eq!(
            parse("postgres://me@%2Frun%2Fpg/d").unwrap().shown,
            "postgres:///d at /run/pg"
        );
    }

    #[test]
    fn sslmode_says_whom_the_certificate_has_to_convince() {
        for (option, mode, trust) in [
            ("sslmode=disable", SslMode::Disable, Trust::Anyone),
            ("sslmode=prefer", SslMode::Prefer, Trust::Anyone),
            ("sslmode=require", SslMode::Require, Trust::Anyone),
            (
                "sslmode=verify-full",
                SslMode::Require,
                Trust::Authorities(None),
            ),
            (
                "sslmode=require&sslrootcert=a.pem",
                SslMode::Require,
                Trust::Authorities(Some("a.pem".into())),
            ),
        ] {
            let address = parse(&format!("postgres://h/d?{option}")).unwrap();
            assert_eq!(
                (address.config.get_ssl_mode(), address.trust),
                (mode, trust),
                "{option}"
            );
        }
        let error = parse("postgres://h/d?sslmode=on").unwrap_err().to_string();
        assert!(
            error.contains("`sslmode=on`") && error.contains("`verify-full`"),
            "{error}"
        );
    }

    #[test]
    fn a_mistake_does_not_show_the_password() {
        for url in [
            "postgres://me:top?secret@h/d",
            "postgres://me:secret@h:port/d",
            "postgres://me:secret@h/d?schema=%f",
            "postgres://me:secret@h/d?color=secret",
        ] {
            let error = parse(url).unwrap_err();
            assert!(!error.to_string().contains("secret"), "{url}: {error}");
            assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
            assert!(!without_password(url).contains("secret"));
        }
        let error = parse("postgres://me@h/d?color=red")
            .unwrap_err()
            .to_string();
        assert!(error.contains("an option `color`"), "{error}");
        let around = Surroundings {
            password: Some("secret".to_owned()),
            ..Surroundings::default()
        };
        assert!(!format!("{around:?}").contains("secret"));
        assert!(
            !format!("{:?}", Address::parse("postgres://h/d", &around).unwrap()).contains("secret")
        );
    }

    #[test]
    fn a_password_comes_from_the_url_the_environment_or_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("pass");
        std::fs::write(&file, "h:*:d:me:from file\n").unwrap();
        let mut around = Surroundings {
            password_file: Some(file),
            ..Surroundings::default()
        };
        let password = |url: &str, around: &Surroundings| {
            let address = Address::parse(url, around).unwrap();
            address
                .config
                .get_password()
                .map(|password| String::from_utf8(password.to_vec()).unwrap())
        };
        assert_eq!(
            password("postgres://me@h/d", &around).as_deref(),
            Some("from file")
        );
        assert_eq!(password("postgres://you@h/d", &around), None);
        around.password = Some("from environment".to_owned());
        assert_eq!(
            password("postgres://me@h/d", &around).as_deref(),
            Some("from environment")
        );
        assert_eq!(
            password("postgres://me:x@h/d", &around).as_deref(),
            Some("x")
        );
    }
}
