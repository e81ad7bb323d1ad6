//! What went wrong on the network, in plain words.
//!
//! In: errors of ureq and of the sockets below. Out: a [`TransportError`] that names the host and
//! holds no credentials.

use std::io;

use ureq::Timeout;

use super::agent::{AgentOptions, HEAD};
use super::url::Parts;
use super::{Request, Timeouts, TransportError, TransportErrorKind};

/// Why no response came.
pub(super) fn of(error: ureq::Error, request: &Request, options: &AgentOptions) -> TransportError {
    let host = Parts::of(&request.url).host();
    let near = match options.proxies.of(&request.url) {
        Some(proxy) => format!("the proxy {}", Parts::of(proxy).host()),
        None => host.clone(),
    };
    let (kind, message) = describe(&error, &host, &near, request.timeouts, options);
    TransportError {
        kind,
        message: options.secrets.mask(&message),
    }
}

/// A whole body could not be decoded.
pub(super) fn of_coding(error: &io::Error, request: &Request) -> TransportError {
    let host = Parts::of(&request.url).host();
    TransportError {
        kind: TransportErrorKind::Broken,
        message: format!("the response of {host} is not in its `Content-Encoding`: {error}"),
    }
}

/// A long body could not be kept.
pub(super) fn of_storage(error: &io::Error, request: &Request) -> TransportError {
    let host = Parts::of(&request.url).host();
    TransportError {
        kind: TransportErrorKind::Storage,
        message: format!("the long response of {host} cannot be kept in a temporary file: {error}"),
    }
}

/// `near` is whom the connection is made to: a proxy, else the host itself.
fn describe(
    error: &ureq::Error,
    host: &str,
    near: &str,
    timeouts: Timeouts,
    options: &AgentOptions,
) -> (TransportErrorKind, String) {
    use TransportErrorKind::{Broken, Connect, Dns, Invalid, Proxy, Timeout as Late, Tls};
    use ureq::Error as E;
    match error {
        E::HostNotFound => (Dns, no_address(host, near)),
        E::Timeout(Timeout::Resolve | Timeout::Connect) => {
            let allowed = timeouts.connect.unwrap_or(options.connect_timeout);
            let seconds = allowed.as_secs_f64();
            (
                Late,
                format!("{near} could not be reached within {seconds} s"),
            )
        }
        E::Timeout(_) => {
            let allowed = timeouts.read.unwrap_or(options.read_timeout);
            let seconds = allowed.as_secs_f64();
            (Late, format!("{host} did not answer for {seconds} s"))
        }
        E::Io(error) => of_io(error, host, near),
        E::ConnectionFailed => (Connect, format!("no connection to {near}")),
        E::ConnectProxyFailed(why) => (
            Proxy,
            format!("the proxy made no connection to {host}: {why}"),
        ),
        E::Rustls(error) => of_tls(error, host),
        E::Tls(why) => (Tls, format!("no secure connection to {host}: {why}")),
        E::TlsRequired => (Tls, format!("no secure connection to {host}")),
        E::Http(_) | E::BadUri(_) => (
            Invalid,
            format!("the request to {host} is not valid: {error}"),
        ),
        E::Protocol(error) => (Broken, format!("{host} does not keep to HTTP: {error}")),
        E::LargeResponseHeader(..) => (
            Broken,
            format!(
                "the head of the response of {host} is longer than {} KiB",
                HEAD >> 10
            ),
        ),
        other => (Broken, format!("the connection to {host} broke: {other}")),
    }
}

fn no_address(host: &str, near: &str) -> String {
    if host == near {
        format!("the host {host} has no address")
    } else {
        format!("{near} has no address")
    }
}

fn of_tls(error: &rustls::Error, host: &str) -> (TransportErrorKind, String) {
    use rustls::CertificateError as Why;
    let rustls::Error::InvalidCertificate(why) = error else {
        let message = format!("no secure connection to {host}: {error}");
        return (TransportErrorKind::Tls, message);
    };
    let what = match why {
        Why::UnknownIssuer => "no authority that is known here has signed it".to_owned(),
        Why::Expired | Why::ExpiredContext { .. } => "it has expired".to_owned(),
        Why::NotValidYet | Why::NotValidYetContext { .. } => "it is not valid yet".to_owned(),
        Why::NotValidForName | Why::NotValidForNameContext { .. } => {
            "it is that of another host".to_owned()
        }
        Why::Revoked => "it has been revoked".to_owned(),
        _ => why.to_string(),
    };
    let message = format!("the certificate of {host} is not trusted: {what}");
    (TransportErrorKind::Certificate, message)
}

fn of_io(error: &io::Error, host: &str, near: &str) -> (TransportErrorKind, String) {
    use TransportErrorKind::{Broken, Connect, Dns, Timeout};
    let rustls = error
        .get_ref()
        .and_then(|inner| inner.downcast_ref::<rustls::Error>());
    if let Some(error) = rustls {
        return of_tls(error, host);
    }
    match error.kind() {
        io::ErrorKind::ConnectionRefused => (Connect, format!("{near} refuses the connection")),
        io::ErrorKind::HostUnreachable
        | io::ErrorKind::NetworkUnreachable
        | io::ErrorKind::NetworkDown
        | io::ErrorKind::AddrNotAvailable => {
            (Connect, format!("{near} cannot be reached: {error}"))
        }
        io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock => {
            (Timeout, format!("{host} did not answer in time"))
        }
        io::ErrorKind::UnexpectedEof => (
            Broken,
            format!("{host} ended the connection before its response was whole"),
        ),
        io::ErrorKind::ConnectionReset
        | io::ErrorKind::ConnectionAborted
        | io::ErrorKind::BrokenPipe => (Broken, format!("{host} broke off the connection")),
        // The resolver's errors have no kind of their own.
        _ if error.to_string().contains("lookup address") => (Dns, no_address(host, near)),
        _ => (Broken, format!("the connection to {host} broke: {error}")),
    }
}
