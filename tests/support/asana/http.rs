//! As much of HTTP/1.1 as a server needs to be read by any client: keep-alive, lengths, one thread a connection.

use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use serde_json::Value;

/// A request, decoded.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) method: String,
    /// Without the query.
    pub(crate) path: String,
    pub(crate) query: Vec<(String, String)>,
    /// Names in lower case.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
}

impl Request {
    /// The first value of a query parameter.
    pub(crate) fn param(&self, name: &str) -> Option<&str> {
        first(&self.query, name)
    }

    /// The first value of a header; `name` in lower case.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        first(&self.headers, name)
    }
}

fn first<'a>(pairs: &'a [(String, String)], name: &str) -> Option<&'a str> {
    pairs
        .iter()
        .find_map(|(key, value)| (key == name).then_some(value.as_str()))
}

/// An answer; the body is JSON.
#[derive(Clone, Debug)]
pub(super) struct Response {
    pub(super) status: u16,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: String,
}

impl Response {
    pub(super) fn json(status: u16, body: &Value) -> Self {
        Self {
            status,
            headers: Vec::new(),
            body: body.to_string(),
        }
    }
}

/// A listening socket on a free port of the loopback; it stops listening when dropped.
pub(super) struct Listener {
    pub(super) base_url: String,
    address: SocketAddr,
    ending: Arc<AtomicBool>,
}

impl Listener {
    /// `answer` gets each request and the base URL; without an answer the connection is closed.
    pub(super) fn start(
        answer: impl Fn(&Request, &str) -> Option<Response> + Send + Sync + 'static,
    ) -> Self {
        let socket = TcpListener::bind(("127.0.0.1", 0)).expect("the loopback has a free port");
        let address = socket.local_addr().expect("a bound socket has an address");
        let base_url = format!("http://{address}");
        let ending = Arc::new(AtomicBool::new(false));
        let (ended, base, answer) = (Arc::clone(&ending), base_url.clone(), Arc::new(answer));
        thread::spawn(move || {
            for stream in socket.incoming() {
                if ended.load(Ordering::SeqCst) {
                    break;
                }
                let (answer, base) = (Arc::clone(&answer), base.clone());
                // A client that goes away in the middle is none of the server's business.
                thread::spawn(move || {
                    stream.and_then(|stream| talk(&stream, |r| answer(r, &base)))
                });
            }
        });
        Self {
            base_url,
            address,
            ending,
        }
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.ending.store(true, Ordering::SeqCst);
        // Wakes `incoming`, which has no other way to end.
        drop(TcpStream::connect(self.address));
    }
}

fn talk(stream: &TcpStream, answer: impl Fn(&Request) -> Option<Response>) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut reader = BufReader::new(stream);
    while let Some(request) = read_request(&mut reader)? {
        let close = request.header("connection") == Some("close");
        let Some(response) = answer(&request) else {
            break;
        };
        write_response(stream, &response)?;
        if close {
            break;
        }
    }
    Ok(())
}

fn read_request(reader: &mut BufReader<&TcpStream>) -> io::Result<Option<Request>> {
    let mut line = String::new();
    if reader.read_line(&mut line)? == 0 {
        return Ok(None);
    }
    let mut words = line.split_whitespace();
    let method = words.next().unwrap_or_default().to_owned();
    let target = words.next().unwrap_or_default();
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let (path, query) = (decode(path), pairs(query));
    let mut headers = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        let Some((name, value)) = line.trim_end().split_once(':') else {
            break;
        };
        headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
    let length = first(&headers, "content-length").and_then(|text| text.parse().ok());
    let mut body = String::new();
    reader.take(length.unwrap_or(0)).read_to_string(&mut body)?;
    Ok(Some(Request {
        method,
        path,
        query,
        headers,
        body,
    }))
}

fn write_response(mut stream: &TcpStream, response: &Response) -> io::Result<()> {
    let mut head = format!(
        "HTTP/1.1 {} -\r\nContent-Type: application/json; charset=UTF-8\r\n",
        response.status
    );
    for (name, value) in &response.headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    head.push_str(&format!("Content-Length: {}\r\n\r\n", response.body.len()));
    head.push_str(&response.body);
    stream.write_all(head.as_bytes())
}

/// The pairs of a query, or of a form.
pub(super) fn pairs(text: &str) -> Vec<(String, String)> {
    text.split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .map(|(name, value)| {
            (
                decode(&name.replace('+', " ")),
                decode(&value.replace('+', " ")),
            )
        })
        .collect()
}

fn decode(text: &str) -> String {
    let mut bytes = text.bytes();
    let mut out = Vec::with_capacity(text.len());
    while let Some(byte) = bytes.next() {
        let escaped = (byte == b'%').then(|| {
            let mut digit = || bytes.next().and_then(|b| char::from(b).to_digit(16));
            Some(digit()? * 16 + digit()?)
        });
        out.push(
            escaped
                .flatten()
                .and_then(|code| u8::try_from(code).ok())
                .unwrap_or(byte),
        );
    }
    String::from_utf8_lossy(&out).into_owned()
}
