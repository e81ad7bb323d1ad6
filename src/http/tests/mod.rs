//! The network for tests: a server on the loopback that answers from a list.

mod agent;
mod har;

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use super::*;

/// What the server got: the connection's number, from 0, the head, and the body.
#[derive(Debug, Clone)]
struct Got {
    connection: usize,
    head: String,
    body: String,
}

impl Got {
    fn header(&self, name: &str) -> Option<&str> {
        let mut fields = self.head.lines().filter_map(|line| line.split_once(": "));
        fields
            .find(|(n, _)| n.eq_ignore_ascii_case(name))
            .map(|(_, v)| v)
    }
}

/// A server that answers each request by a function of it: raw bytes, after which the connection is
/// closed when they say so or are cut short.
#[derive(Clone)]
struct Server {
    base: String,
    got: Arc<Mutex<Vec<Got>>>,
}

impl Server {
    fn new(answer: impl Fn(&Got) -> Vec<u8> + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let server = Self {
            base: format!("http://{}", listener.local_addr().unwrap()),
            got: Arc::default(),
        };
        let (got, answer) = (server.got.clone(), Arc::new(answer));
        thread::spawn(move || {
            for (connection, stream) in listener.incoming().enumerate() {
                let (got, answer) = (got.clone(), answer.clone());
                thread::spawn(move || serve(connection, stream.unwrap(), &got, &*answer));
            }
        });
        server
    }

    fn got(&self) -> Vec<Got> {
        self.got.lock().unwrap().clone()
    }
}

fn serve(
    connection: usize,
    stream: TcpStream,
    all: &Mutex<Vec<Got>>,
    answer: &dyn Fn(&Got) -> Vec<u8>,
) {
    let mut reader = BufReader::new(stream);
    loop {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            if reader.read_line(&mut head).unwrap_or(0) == 0 {
                return;
            }
        }
        let mut got = Got {
            connection,
            head,
            body: String::new(),
        };
        let length = got
            .header("content-length")
            .map_or(0, |length| length.parse().unwrap());
        let mut body = vec![0; length];
        reader.read_exact(&mut body).unwrap();
        got.body = String::from_utf8(body).unwrap();
        all.lock().unwrap().push(got.clone());
        let bytes = answer(&got);
        let head = bytes.get(..512).unwrap_or(&bytes);
        let cut = bytes.is_empty() || head.windows(17).any(|w| w == b"Connection: close");
        let _ = reader.get_mut().write_all(&bytes);
        if cut {
            return;
        }
    }
}

/// A response with a length.
fn answer(status: u16, headers: &str, body: &[u8]) -> Vec<u8> {
    let mut bytes = format!(
        "HTTP/1.1 {status} X\r\nContent-Length: {}\r\n{headers}\r\n",
        body.len()
    )
    .into_bytes();
    bytes.extend(body);
    bytes
}

fn get(url: &str) -> Request {
    request("GET", url, "")
}

fn request(method: &str, url: &str, body: &str) -> Request {
    Request {
        method: method.into(),
        url: url.into(),
        headers: Headers::default(),
        body: body.into(),
        timeouts: Default::default(),
    }
}

fn text(response: &Response) -> &str {
    std::str::from_utf8(response.body.start()).unwrap()
}
