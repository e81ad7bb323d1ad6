//! The network: requests by ureq, over pooled connections.
//!
//! In: a [`Request`]. Out: the [`Response`] at the end of its redirects, its body decoded. Knows
//! nothing of retries and statuses.
//!
//! A body is read to its end before anybody sees it: what comes short is an error, and no connection
//! waits for those who read records. A long one goes through memory into a temporary file.

use std::cell::Cell;
use std::io::{self, Read};
use std::sync::Arc;
use std::time::Duration;

use ureq::http::Method;
use ureq::http::header::{AUTHORIZATION, CONNECTION, HeaderValue};
use ureq::tls::{PemItem, RootCerts, TlsConfig, parse_pem};

use super::body::{Body, IN_MEMORY, Unkept};
use super::proxy::{Proxies, is_secure};
use super::{
    Headers, Request, Response, Secrets, Transport, TransportError, TransportErrorKind, decode,
    failure, redirect, wire,
};

/// Who we are, unless the manifest says otherwise in a header of its own.
const USER_AGENT: &str = if env!("CARGO_PKG_REPOSITORY").is_empty() {
    concat!("lowcode/", env!("CARGO_PKG_VERSION"))
} else {
    concat!(
        "lowcode/",
        env!("CARGO_PKG_VERSION"),
        " (+",
        env!("CARGO_PKG_REPOSITORY"),
        ")"
    )
};

/// Longest head of a response in bytes: as much as Python lets one line of it be.
pub(super) const HEAD: usize = 64 << 10;
/// Bytes that a connection keeps for what comes: more than a head may have, so that a longer one is
/// told from one that comes short.
const INPUT: usize = HEAD + 1;
/// Bytes that a connection keeps for what goes. The first line has to fit, and a URL may have 64 KiB.
const OUTPUT: usize = 72 << 10;

/// How an [`Agent`] reaches the network.
#[derive(Debug, Clone)]
pub struct AgentOptions {
    /// Proxies, and the hosts that need none.
    pub proxies: Proxies,
    /// Certificates to trust instead of the built-in ones: the PEM text of `SSL_CERT_FILE`.
    pub certificates: Option<String>,
    /// Longest time to reach a host, TLS included.
    pub connect_timeout: Duration,
    /// Longest time without a byte from the host.
    pub read_timeout: Duration,
    /// Idle connections kept for each host: as many as there are threads.
    pub connections: usize,
    /// The credentials of the run: they do not follow a redirect to another host.
    pub secrets: Secrets,
}

impl Default for AgentOptions {
    /// No proxies; 30 s to connect; 5 minutes without a byte (the reference waits for ever).
    fn default() -> Self {
        Self {
            proxies: Proxies::default(),
            certificates: None,
            connect_timeout: Duration::from_secs(30),
            read_timeout: Duration::from_secs(300),
            connections: 64,
            secrets: Secrets::default(),
        }
    }
}

/// Why an [`Agent`] cannot be made of its options.
#[derive(Debug, thiserror::Error)]
pub enum AgentError {
    /// The address of a proxy cannot be read.
    #[error("the address of the {0} proxy is not valid: expected `http://host:port`")]
    Proxy(&'static str),
    /// The certificates are not PEM.
    #[error("the certificates are not valid PEM: {0}")]
    Certificates(String),
}

/// Sends requests over the network. A clone shares the connections.
#[derive(Debug, Clone)]
pub struct Agent {
    direct: ureq::Agent,
    http: Option<ureq::Agent>,
    https: Option<ureq::Agent>,
    options: Arc<AgentOptions>,
}

impl Agent {
    /// An agent without connections yet.
    ///
    /// # Errors
    /// When a proxy's address or a certificate cannot be read.
    pub fn new(options: AgentOptions) -> Result<Self, AgentError> {
        let tls = tls(options.certificates.as_deref())?;
        let through = |proxy: Option<ureq::Proxy>| -> ureq::Agent {
            ureq::Agent::config_builder()
                .http_status_as_error(false)
                .max_redirects(0)
                .max_redirects_will_error(false)
                .allow_non_standard_methods(true)
                .user_agent(USER_AGENT)
                .accept_encoding(decode::ACCEPTED)
                .max_response_header_size(HEAD)
                .input_buffer_size(INPUT)
                .output_buffer_size(OUTPUT)
                .max_idle_connections(options.connections.saturating_mul(4))
                .max_idle_connections_per_host(options.connections)
                .timeout_connect(Some(options.connect_timeout))
                .timeout_per_read(Some(options.read_timeout))
                .timeout_per_write(Some(options.read_timeout))
                .tls_config(tls.clone())
                .proxy(proxy)
                .build()
                .into()
        };
        let by = |address: &Option<String>, scheme| match address {
            None => Ok(None),
            Some(address) => match ureq::Proxy::new(address) {
                Ok(proxy) => Ok(Some(through(Some(proxy)))),
                Err(_) => Err(AgentError::Proxy(scheme)),
            },
        };
        Ok(Self {
            direct: through(None),
            http: by(&options.proxies.http, "HTTP")?,
            https: by(&options.proxies.https, "HTTPS")?,
            options: Arc::new(options),
        })
    }

    /// Closes all connections, those in use too: requests under way break off, later ones fail. For a
    /// run that is interrupted.
    pub fn shutdown(&self) {
        for agent in [Some(&self.direct), self.http.as_ref(), self.https.as_ref()] {
            agent.into_iter().cloned().for_each(ureq::Agent::shutdown);
        }
    }

    /// The connections that lead to `url`.
    fn way_to(&self, url: &str) -> &ureq::Agent {
        let proxied = self.options.proxies.of(url).and(match is_secure(url) {
            true => self.https.as_ref(),
            false => self.http.as_ref(),
        });
        proxied.unwrap_or(&self.direct)
    }

    /// Sends `request`, and returns as soon as the head of the response is there.
    fn open(&self, request: &Request) -> Result<ureq::http::Response<ureq::Body>, TransportError> {
        let invalid = |message: String| TransportError {
            kind: TransportErrorKind::Invalid,
            message: self.options.secrets.mask(&message),
        };
        let (uri, user) = wire::target(&request.url).map_err(|why| {
            let url = self.options.secrets.mask_url(&request.url);
            invalid(format!("the URL {url} is not valid: {why}"))
        })?;
        let method = Method::from_bytes(request.method.as_bytes())
            .map_err(|_| invalid(format!("`{}` is not a method", request.method)))?;
        let mut headers = wire::headers(&request.headers).map_err(invalid)?;
        if let Some(user) = user {
            headers.entry(AUTHORIZATION).or_insert(user);
        }
        // What HTTP/1.1 means anyway; the reference says it, and so do we.
        headers
            .entry(CONNECTION)
            .or_insert(HeaderValue::from_static("keep-alive"));
        let wants_length = matches!(method, Method::POST | Method::PUT | Method::PATCH);
        let mut head = ureq::http::Request::new(());
        *head.method_mut() = method;
        *head.uri_mut() = uri;
        *head.headers_mut() = headers;
        let agent = self.way_to(&request.url);
        let mut settings = agent.configure_request(head);
        if let Some(connect) = request.timeouts.connect {
            settings = settings.timeout_connect(Some(connect));
        }
        if let Some(read) = request.timeouts.read {
            settings = settings.timeout_per_read(Some(read));
        }
        let head = settings.build();
        let sent = if request.body.is_empty() && !wants_length {
            agent.run(head)
        } else {
            agent.run(head.map(|()| request.body.as_slice()))
        };
        sent.map_err(|error| failure::of(error, request, &self.options))
    }

    fn send_once(&self, request: &Request) -> Result<Response, TransportError> {
        let (head, body) = self.open(request)?.into_parts();
        let mut headers = Headers::with_capacity(head.headers.len());
        for (name, value) in &head.headers {
            headers.add(name.as_str(), wire::latin1(value.as_bytes()));
        }
        let length = body
            .content_length()
            .and_then(|length| usize::try_from(length).ok());
        let wire = Cell::new(0);
        let broke = Cell::new(false);
        let mut reader = Counted {
            wire: &wire,
            broke: &broke,
            body: body.into_reader(),
        };
        let length = length.unwrap_or(0);
        let gather = |content: &mut dyn Read| Body::gather(content, length, IN_MEMORY);
        let body = match headers.get("content-encoding") {
            None => gather(&mut reader),
            Some(codings) => decode::decoder(codings, &mut reader)
                .map_err(Unkept::Source)
                .and_then(|mut decoded| gather(&mut decoded))
                .and_then(|body| {
                    // A decoder may stop before the end, and the connection would not be kept.
                    let rest = io::copy(&mut reader, &mut io::sink());
                    rest.map(|_| body).map_err(Unkept::Source)
                }),
        };
        let body = body.map_err(|error| match error {
            Unkept::File(error) => failure::of_storage(&error, request),
            Unkept::Source(error) if broke.get() => {
                failure::of(error.into(), request, &self.options)
            }
            Unkept::Source(error) => failure::of_coding(&error, request),
        })?;
        Ok(Response {
            status: head.status.as_u16(),
            headers,
            body,
            wire_bytes: wire.get(),
        })
    }
}

impl Transport for Agent {
    fn send(&self, request: &Request) -> Result<Response, TransportError> {
        redirect::follow(request, &self.options.secrets, |request| {
            self.send_once(request)
        })
    }
}

fn tls(certificates: Option<&str>) -> Result<TlsConfig, AgentError> {
    let Some(pem) = certificates else {
        return Ok(TlsConfig::default());
    };
    let mut trusted = Vec::new();
    for item in parse_pem(pem.as_bytes()) {
        match item {
            Ok(PemItem::Certificate(certificate)) => trusted.push(certificate),
            Ok(_) => {}
            Err(error) => return Err(AgentError::Certificates(error.to_string())),
        }
    }
    if trusted.is_empty() {
        return Err(AgentError::Certificates(
            "they hold no certificate".to_owned(),
        ));
    }
    Ok(TlsConfig::builder()
        .root_certs(RootCerts::new_with_certs(&trusted))
        .build())
}

/// Counts what comes over the wire.
struct Counted<'a, R> {
    wire: &'a Cell<u64>,
    /// Did the wire fail, and not what was made of it?
    broke: &'a Cell<bool>,
    body: R,
}

impl<R: Read> Read for Counted<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self
            .body
            .read(buffer)
            .inspect_err(|_| self.broke.set(true))?;
        self.wire.set(self.wire.get() + count as u64);
        Ok(count)
    }
}
