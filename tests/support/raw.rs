//! A server whose answers are bytes: for what a well-behaved one never sends.

use std::io::{self, BufRead as _, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Instant;

use lowcode::clock::monotonic;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

/// The certificate of a server that speaks TLS. It has signed itself.
pub(crate) const CERTIFICATE: &str = include_str!("keys/p256_certificate.pem");
const KEY: &str = include_str!("keys/p256.pem");

/// A request without a body.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    /// Path and query.
    pub(crate) target: String,
    /// The first line and the headers.
    pub(crate) head: String,
    /// When its head was there.
    pub(crate) at: Instant,
}

/// A running server; it takes no more connections once it is dropped.
pub(crate) struct Raw {
    /// `http://127.0.0.1:PORT`, or `https`.
    pub(crate) base_url: String,
    address: SocketAddr,
    ending: Arc<AtomicBool>,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl Raw {
    /// `answer` writes down each answer, head and body.
    pub(crate) fn start(answer: impl Fn(&Asked) -> Vec<u8> + Send + Sync + 'static) -> Self {
        Self::listen("http", Ok, answer)
    }

    /// The same over TLS, with [`CERTIFICATE`].
    pub(crate) fn secure(answer: impl Fn(&Asked) -> Vec<u8> + Send + Sync + 'static) -> Self {
        let certificate = CertificateDer::from_pem_slice(CERTIFICATE.as_bytes());
        let key = PrivateKeyDer::from_pem_slice(KEY.as_bytes()).expect("a key");
        let config =
            ServerConfig::builder_with_provider(rustls::crypto::ring::default_provider().into())
                .with_safe_default_protocol_versions()
                .expect("versions of TLS")
                .with_no_client_auth()
                .with_single_cert(vec![certificate.expect("a certificate")], key)
                .expect("a key and its certificate");
        let config = Arc::new(config);
        let greet = move |stream| {
            let connection = ServerConnection::new(Arc::clone(&config));
            Ok(StreamOwned::new(
                connection.map_err(io::Error::other)?,
                stream,
            ))
        };
        Self::listen("https", greet, answer)
    }

    fn listen<S: Read + Write>(
        scheme: &str,
        greet: impl Fn(TcpStream) -> io::Result<S> + Send + Sync + 'static,
        answer: impl Fn(&Asked) -> Vec<u8> + Send + Sync + 'static,
    ) -> Self {
        let socket = TcpListener::bind(("127.0.0.1", 0)).expect("the loopback has a free port");
        let address = socket.local_addr().expect("a bound socket has an address");
        let server = Self {
            base_url: format!("{scheme}://{address}"),
            address,
            ending: Arc::default(),
            asked: Arc::default(),
        };
        let (ended, asked) = (Arc::clone(&server.ending), Arc::clone(&server.asked));
        let (greet, answer) = (Arc::new(greet), Arc::new(answer));
        thread::spawn(move || {
            for stream in socket.incoming() {
                if ended.load(Ordering::SeqCst) {
                    break;
                }
                let (greet, answer, asked) =
                    (Arc::clone(&greet), Arc::clone(&answer), Arc::clone(&asked));
                // A client that goes away in the middle is none of the server's business.
                thread::spawn(move || talk(greet(stream?)?, &asked, &*answer));
            }
        });
        server
    }

    /// What was asked so far, in the order of its coming.
    pub(crate) fn asked(&self) -> Vec<Asked> {
        lock(&self.asked).clone()
    }
}

impl Drop for Raw {
    fn drop(&mut self) {
        self.ending.store(true, Ordering::SeqCst);
        // Wakes `incoming`, which has no other way to end.
        drop(TcpStream::connect(self.address));
    }
}

fn talk(
    stream: impl Read + Write,
    all: &Mutex<Vec<Asked>>,
    answer: &dyn Fn(&Asked) -> Vec<u8>,
) -> io::Result<()> {
    let mut stream = BufReader::new(stream);
    loop {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            if stream.read_line(&mut head)? == 0 {
                return Ok(());
            }
        }
        let target = head.split(' ').nth(1).unwrap_or_default().to_owned();
        let at = monotonic();
        let asked = Asked { target, head, at };
        lock(all).push(asked.clone());
        stream.get_mut().write_all(&answer(&asked))?;
        stream.get_mut().flush()?;
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// An answer with a body: the status, more header lines (each with its line break), the body.
pub(crate) fn answer(status: u16, fields: &str, body: &[u8]) -> Vec<u8> {
    let length = body.len();
    let mut bytes =
        format!("HTTP/1.1 {status} -\r\n{fields}Content-Length: {length}\r\n\r\n").into_bytes();
    bytes.extend_from_slice(body);
    bytes
}
