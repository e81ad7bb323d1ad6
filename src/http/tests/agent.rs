use std::time::Duration;

use flate2::Compression;
use flate2::write::GzEncoder;

use super::*;

fn agent() -> Agent {
    Agent::new(AgentOptions::default()).unwrap()
}

fn kind_and_message(outcome: Result<Response, TransportError>) -> (TransportErrorKind, String) {
    let error = outcome.unwrap_err();
    (error.kind, error.message)
}

#[test]
fn connections_are_kept_and_statuses_are_no_errors() {
    let server = Server::new(|got| match got.head.starts_with("GET /late") {
        true => answer(503, "Retry-After: 7\r\nX-Odd: caf\u{e9}\r\n", b"wait"),
        false => answer(200, "", b"{}"),
    });
    let agent = agent();
    for _ in 0..3 {
        assert_eq!(
            text(&agent.send(&get(&format!("{}/a?b=1", server.base))).unwrap()),
            "{}"
        );
    }
    let late = agent
        .send(&get(&format!("{}/late#part", server.base)))
        .unwrap();
    assert_eq!(
        (late.status, text(&late), late.headers.get("RETRY-AFTER")),
        (503, "wait", Some("7"))
    );
    assert_eq!(late.wire_bytes, 4);
    let got = server.got();
    assert!(got.iter().all(|got| got.connection == 0));
    assert!((got.iter()).all(|got| got.header("connection") == Some("keep-alive")));
    assert!(
        got[0].head.starts_with("GET /a?b=1 HTTP/1.1\r\n"),
        "{}",
        got[0].head
    );
    assert!(
        got[3].head.starts_with("GET /late HTTP/1.1\r\n"),
        "{}",
        got[3].head
    );
    assert_eq!(got[0].header("accept-encoding"), Some("gzip, deflate, br"));
    assert_eq!(got[0].header("accept"), Some("*/*"));
    assert!(got[0].header("user-agent").unwrap().starts_with("lowcode/"));
    assert_eq!(got[0].header("content-length"), None);
}

#[test]
fn many_threads_keep_a_connection_each() {
    let server = Server::new(|_| {
        thread::yield_now();
        answer(200, "", b"{}")
    });
    let agent = agent();
    let barrier = std::sync::Barrier::new(50);
    thread::scope(|scope| {
        for _ in 0..50 {
            scope.spawn(|| {
                for _ in 0..4 {
                    barrier.wait();
                    agent.send(&get(&server.base)).unwrap();
                }
            });
        }
    });
    let connections = server.got().iter().map(|got| got.connection).max().unwrap() + 1;
    assert!(connections <= 50, "{connections}");
}

#[test]
fn every_method_may_have_a_body_and_headers_of_its_own() {
    let server = Server::new(|got| match got.head.starts_with("HEAD") {
        true => b"HTTP/1.1 200 X\r\nContent-Length: 5\r\nContent-Encoding: gzip\r\n\r\n".to_vec(),
        false => answer(200, "", b"ok"),
    });
    let agent = agent();
    for method in ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "QUERY"] {
        let mut request = request(method, &server.base, "the body");
        request.headers.set("User-Agent", "own");
        request.headers.set("Content-Length", "3");
        assert_eq!(agent.send(&request).unwrap().status, 200, "{method}");
        let got = server.got().pop().unwrap();
        assert_eq!(
            (got.body.as_str(), got.header("user-agent")),
            ("the body", Some("own")),
            "{method}"
        );
        assert!(got.head.starts_with(method), "{}", got.head);
    }
    agent.send(&request("POST", &server.base, "")).unwrap();
    assert_eq!(
        server.got().pop().unwrap().header("content-length"),
        Some("0")
    );
    let url = server.base.replace("//", "//us%40er:pass@");
    agent.send(&get(&url)).unwrap();
    let got = server.got().pop().unwrap();
    assert_eq!(got.header("authorization"), Some("Basic dXNAZXI6cGFzcw=="));
    assert!(!got.header("host").unwrap().contains('@'));
}

#[test]
fn codings_are_undone_and_the_wire_is_counted() {
    let content = "[1, 2, 3]".repeat(1000);
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(content.as_bytes()).unwrap();
    let coded = encoder.finish().unwrap();
    let length = coded.len() as u64;
    let server = Server::new(move |got| match got.head.split(' ').nth(1) {
        Some("/br") => answer(200, "Content-Encoding: br\r\n", b"\x0b\x02\x80hello\x03"),
        Some("/cut") => answer(200, "Content-Encoding: gzip\r\n", &coded[..20]),
        Some("/lie") => answer(200, "Content-Encoding: gzip\r\n", b"plain"),
        Some("/none") => b"HTTP/1.1 204 X\r\nContent-Encoding: gzip\r\n\r\n".to_vec(),
        _ => answer(200, "Content-Encoding: gzip\r\n", &coded),
    });
    let agent = agent();
    let fetch = |path: &str| agent.send(&get(&format!("{}{path}", server.base)));
    let response = fetch("/").unwrap();
    assert_eq!(
        (text(&response), response.wire_bytes),
        (content.as_str(), length)
    );
    let response = fetch("/br").unwrap();
    assert_eq!((text(&response), response.wire_bytes), ("hello", 9));
    assert_eq!(text(&fetch("/none").unwrap()), "");
    assert_eq!(
        kind_and_message(fetch("/cut")).0,
        TransportErrorKind::Broken
    );
    let (kind, message) = kind_and_message(fetch("/lie"));
    assert_eq!(kind, TransportErrorKind::Broken);
    assert!(
        message.starts_with("the response of 127.0.0.1 is not in its `Content-Encoding`: "),
        "{message}"
    );
    assert!(server.got().iter().take(4).all(|got| got.connection == 0));
    // A broken body does not spoil what follows.
    assert_eq!(text(&fetch("/").unwrap()), content);
}

#[test]
fn an_early_end_is_an_error() {
    let server = Server::new(|got| match got.head.split(' ').nth(1) {
        Some("/length") => {
            b"HTTP/1.1 200 X\r\nConnection: close\r\nContent-Length: 10\r\n\r\n1234".to_vec()
        }
        Some("/chunk") => {
            b"HTTP/1.1 200 X\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab"
                .to_vec()
        }
        Some("/head") => b"HTTP/1.1 200 X\r\nConnection: close\r\nConte".to_vec(),
        Some("/nothing") => Vec::new(),
        Some("/odd") => b"SSH-2.0-x\r\nConnection: close\r\n\r\n".to_vec(),
        _ => b"HTTP/1.1 200 X\r\nConnection: close\r\n\r\nall of it".to_vec(),
    });
    for path in ["/length", "/chunk", "/head", "/nothing", "/odd"] {
        let (kind, message) =
            kind_and_message(agent().send(&get(&format!("{}{path}", server.base))));
        assert_eq!(kind, TransportErrorKind::Broken, "{path}: {message}");
        assert!(message.contains("127.0.0.1"), "{path}: {message}");
    }
    assert_eq!(
        text(&agent().send(&get(&server.base)).unwrap()),
        "all of it"
    );
}

#[test]
fn credentials_do_not_follow_to_another_host() {
    let other = Server::new(|_| answer(200, "", b"other"));
    let elsewhere = format!("Location: {}/there\r\n", other.base);
    let server = Server::new(move |got| match got.head.split(' ').nth(1) {
        Some("/away") => answer(302, &elsewhere, b"moved"),
        Some("/near") => answer(302, "Location: end\r\n", b"moved"),
        _ => answer(200, "", b"end"),
    });
    let secrets = Secrets::default();
    secrets.add_header("X-Api-Key");
    let agent = Agent::new(AgentOptions {
        secrets,
        ..AgentOptions::default()
    })
    .unwrap();
    let send = |path: &str| {
        let mut request = get(&format!("{}{path}", server.base));
        for name in ["Authorization", "X-Api-Key", "X-Plain"] {
            request.headers.set(name, "v");
        }
        text(&agent.send(&request).unwrap()).to_owned()
    };
    assert_eq!(send("/near"), "end");
    let got = server.got();
    assert_eq!(got.len(), 2);
    assert_eq!(
        (got[1].header("authorization"), got[1].header("x-api-key")),
        (Some("v"), Some("v"))
    );
    assert!(got.iter().all(|got| got.connection == 0));
    assert_eq!(send("/away"), "other");
    let got = other.got().pop().unwrap();
    assert_eq!(
        (
            got.header("authorization"),
            got.header("x-api-key"),
            got.header("x-plain")
        ),
        (None, None, Some("v"))
    );
}

#[test]
fn hosts_that_do_not_answer() {
    let free = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let (kind, message) = kind_and_message(agent().send(&get(&format!("http://{free}/?token=x"))));
    assert_eq!(
        (kind, message.as_str()),
        (
            TransportErrorKind::Connect,
            "127.0.0.1 refuses the connection"
        )
    );

    // No label has 64 characters, so that no resolver is asked.
    let host = "h".repeat(64);
    let (kind, message) = kind_and_message(agent().send(&get(&format!("http://{host}/"))));
    assert_eq!(kind, TransportErrorKind::Dns);
    assert_eq!(message, format!("the host {host} has no address"));

    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let options = AgentOptions {
        read_timeout: Duration::from_millis(50),
        ..AgentOptions::default()
    };
    let url = format!("http://{}/", silent.local_addr().unwrap());
    let (kind, message) = kind_and_message(Agent::new(options.clone()).unwrap().send(&get(&url)));
    assert_eq!(
        (kind, message.as_str()),
        (
            TransportErrorKind::Timeout,
            "127.0.0.1 did not answer for 0.05 s"
        )
    );

    let mut patient = get(&url);
    patient.timeouts.read = Some(Duration::from_millis(60));
    let (_, message) = kind_and_message(Agent::new(options.clone()).unwrap().send(&patient));
    assert_eq!(
        message, "127.0.0.1 did not answer for 0.06 s",
        "the request's own"
    );

    let stalls = Server::new(|_| b"HTTP/1.1 200 X\r\nContent-Length: 10\r\n\r\n1234".to_vec());
    let (kind, _) = kind_and_message(Agent::new(options).unwrap().send(&get(&stalls.base)));
    assert_eq!(kind, TransportErrorKind::Timeout);

    let plain = Server::new(|_| Vec::new());
    let url = plain.base.replace("http:", "https:");
    let (kind, message) = kind_and_message(agent().send(&get(&url)));
    assert!(
        matches!(kind, TransportErrorKind::Tls | TransportErrorKind::Broken),
        "{kind:?} {message}"
    );
}

#[test]
fn a_shutdown_breaks_off_what_is_under_way() {
    let (started, has_started) = std::sync::mpsc::channel();
    let started = Mutex::new(started);
    let (_never, released) = std::sync::mpsc::channel::<()>();
    let released = Mutex::new(released);
    let silent = Server::new(move |_| {
        started.lock().unwrap().send(()).unwrap();
        let _ = released.lock().unwrap().recv();
        Vec::new()
    });
    let agent = agent();
    let (kind, _) = thread::scope(|scope| {
        let waiting = scope.spawn(|| kind_and_message(agent.send(&get(&silent.base))));
        has_started.recv().unwrap();
        agent.shutdown();
        waiting.join().unwrap()
    });
    assert_eq!(kind, TransportErrorKind::Broken);
    assert!(agent.send(&get(&silent.base)).is_err());
}

#[test]
fn what_cannot_be_sent_is_invalid() {
    let invalid = |request: &Request| {
        let (kind, message) = kind_and_message(agent().send(request));
        assert_eq!(kind, TransportErrorKind::Invalid, "{message}");
        message
    };
    let mut bad = get("http://127.0.0.1/");
    bad.headers.set("X-Key", "secret\r\nX-Other: y");
    assert!(!invalid(&bad).contains("secret"));
    bad.headers.remove("X-Key");
    bad.headers.set("Bad Name", "v");
    assert_eq!(invalid(&bad), "`Bad Name` is not a valid header name");
    assert!(invalid(&get("http://a b/")).starts_with("the URL http://a b/ is not valid: "));
    invalid(&get("/relative"));
    invalid(&get("ftp://h/"));
}

#[test]
fn requests_go_through_their_proxy() {
    let proxy = Server::new(|_| b"HTTP/1.1 407 X\r\nConnection: close\r\n\r\n".to_vec());
    let server = Server::new(|_| answer(200, "", b"direct"));
    let proxies = |none_for: &str| Proxies {
        http: Some(proxy.base.clone()),
        https: Some(proxy.base.clone()),
        none_for: Proxies::hosts(none_for),
    };
    let through = |proxies| {
        Agent::new(AgentOptions {
            proxies,
            ..AgentOptions::default()
        })
        .unwrap()
    };
    let (kind, message) = kind_and_message(through(proxies("")).send(&get("https://h.example/")));
    assert_eq!(kind, TransportErrorKind::Proxy, "{message}");
    assert!(
        proxy.got()[0].head.starts_with("CONNECT h.example:443 "),
        "{:?}",
        proxy.got()
    );
    let direct = through(proxies("127.0.0.1"))
        .send(&get(&server.base))
        .unwrap();
    assert_eq!(text(&direct), "direct");
    let dead = {
        let socket = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        format!("http://user:pass@{}", socket.local_addr().unwrap())
    };
    let dead = Proxies {
        https: Some(dead),
        ..Proxies::default()
    };
    let (_, message) = kind_and_message(through(dead).send(&get("https://h.example/")));
    assert_eq!(message, "the proxy 127.0.0.1 refuses the connection");
    let broken = Proxies {
        http: Some("::".into()),
        ..Proxies::default()
    };
    assert!(
        Agent::new(AgentOptions {
            proxies: broken,
            ..AgentOptions::default()
        })
        .is_err()
    );
}

#[test]
fn certificates_must_be_certificates() {
    let agent = |pem: &str| {
        Agent::new(AgentOptions {
            certificates: Some(pem.into()),
            ..AgentOptions::default()
        })
    };
    assert_eq!(
        agent("nothing").unwrap_err().to_string(),
        "the certificates are not valid PEM: they hold no certificate"
    );
}

#[test]
fn a_long_body_is_in_a_file_and_whole_or_an_error() {
    let content = "some text, ".repeat(1 << 20);
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(content.as_bytes()).unwrap();
    let coded = encoder.finish().unwrap();
    let length = coded.len() as u64;
    let sent = content.clone();
    let server = Server::new(move |got| match got.head.split(' ').nth(1) {
        Some("/gzip") => answer(200, "Content-Encoding: gzip\r\n", &coded),
        Some("/cut") => answer(200, "Content-Encoding: gzip\r\n", &coded[..coded.len() - 9]),
        Some("/early") => {
            let mut bytes = answer(200, "Connection: close\r\n", sent.as_bytes());
            bytes.pop();
            bytes
        }
        _ => answer(200, "", sent.as_bytes()),
    });
    let agent = agent();
    let fetch = |path: &str| agent.send(&get(&format!("{}{path}", server.base)));
    for (path, length) in [("/", content.len() as u64), ("/gzip", length)] {
        let response = fetch(path).unwrap();
        assert!(response.body.is_long());
        assert_eq!(response.wire_bytes, length);
        assert!(response.body.bytes().unwrap() == content.as_bytes());
    }
    for path in ["/cut", "/early"] {
        let (kind, _) = kind_and_message(fetch(path));
        assert_eq!(kind, TransportErrorKind::Broken, "{path}");
    }
}
