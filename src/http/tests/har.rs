use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};

use super::*;
use crate::clock::Clock;

/// Answers by a closure.
struct Fake<F>(F);

impl<F: Fn(&Request) -> Result<Response, TransportError> + Send + Sync> Transport for Fake<F> {
    fn send(&self, request: &Request) -> Result<Response, TransportError> {
        (self.0)(request)
    }
}

fn ok(kind: &str, body: &[u8]) -> Response {
    let mut headers = Headers::default();
    headers.add("Content-Type", kind);
    Response {
        status: 200,
        headers,
        body: body.to_vec().into(),
        wire_bytes: body.len() as u64,
    }
}

fn options(path: &Path, secrets: &Secrets) -> RecordOptions {
    RecordOptions {
        path: path.into(),
        config: json!({"token": "swordfish-1", "n": 1}),
        page: "read".into(),
        clock: Arc::new(Clock::new(Some(1_740_787_200_000_000), 0.0)),
        secrets: secrets.clone(),
    }
}

fn with_header(mut request: Request, name: &str, value: &str) -> Request {
    request.headers.set(name, value);
    request
}

fn load(value: &Value) -> Archive {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.har");
    std::fs::write(&path, value.to_string()).unwrap();
    Archive::load(&path).unwrap()
}

const FORM: &str = "application/x-www-form-urlencoded";

#[test]
fn what_was_recorded_is_replayed_and_no_credential_is_in_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.har");
    let secrets = Secrets::default();
    let _ = secrets.add("swordfish-1");
    secrets.add_header("X-Api-Key");
    let turn = AtomicUsize::new(0);
    let live = Fake(move |request: &Request| match request.url.as_str() {
        "https://h/token" => Ok(ok(
            "application/json",
            br#"{"access_token":"fresh-token-9","n":1.50}"#,
        )),
        "https://h/binary" => Ok(ok("image/x", b"\xff\0\x1f\x8b")),
        "https://h/broken" => Err(TransportError {
            kind: TransportErrorKind::Timeout,
            message: "h is swordfish-1".into(),
        }),
        _ => Ok(ok(
            "text/plain",
            turn.fetch_add(1, Ordering::Relaxed).to_string().as_bytes(),
        )),
    });
    let token = with_header(
        request("POST", "https://h/token", "secret=swordfish-1&id=7"),
        "Content-Type",
        FORM,
    );
    let page = with_header(
        get("https://h/a?key=swordfish-1&page=1"),
        "Authorization",
        "Bearer fresh-token-9",
    );
    let page = with_header(page, "x-api-key", "k");
    let recorder = Recorder::create(Arc::new(live), options(&path, &secrets)).unwrap();
    recorder.send(&token).unwrap();
    // Known only now, as it is to an authenticator.
    let _ = secrets.add("fresh-token-9");
    for request in [&page, &page, &get("https://h/binary")] {
        recorder.send(request).unwrap();
    }
    assert!(recorder.send(&get("https://h/broken")).is_err());
    assert!(!path.exists());
    recorder.finish().unwrap();
    recorder.finish().unwrap();
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);

    let text = std::fs::read_to_string(&path).unwrap();
    for credential in ["swordfish", "fresh-token", "\"k\""] {
        assert!(!text.contains(credential), "{credential}: {text}");
    }
    let har: Value = serde_json::from_str(&text).unwrap();
    let entry = &har["log"]["entries"][1];
    assert_eq!(entry["startedDateTime"], "2025-03-01T00:00:00Z");
    assert_eq!(entry["request"]["url"], "https://h/a?key=***&page=1");
    assert_eq!(
        entry["request"]["queryString"][0],
        json!({"name": "key", "value": "***"})
    );
    assert_eq!(
        entry["request"]["headers"][1],
        json!({"name": "x-api-key", "value": "***"})
    );

    // By who knows the credentials, by who has others, and by who has those of the archive.
    let strangers = with_header(
        request("POST", "https://h/token", "id=7&secret=other"),
        "Content-Type",
        FORM,
    );
    for (known, token, key) in [
        (&secrets, &token, "swordfish-1"),
        (&Secrets::default(), &strangers, "x"),
        (&Secrets::default(), &strangers, "***"),
    ] {
        let archive = Archive::load(&path)
            .unwrap()
            .with_secrets(known.clone())
            .for_page("read");
        assert_eq!(
            archive.meta(),
            Some(&ArchiveMeta {
                config: Some(json!({"token": "***", "n": 1})),
                now: Some("2025-03-01T00:00:00Z".into())
            })
        );
        let url = format!("https://h/a?page=1&key={key}");
        let bodies: Vec<_> = (0..3).map(|_| archive.send(&get(&url)).unwrap()).collect();
        assert_eq!(
            bodies.iter().map(text_of).collect::<Vec<_>>(),
            ["0", "1", "1"]
        );
        assert_eq!(
            text_of(&archive.send(token).unwrap()),
            r#"{"access_token":"***","n":1.50}"#
        );
        assert_eq!(
            archive.send(&get("https://h/binary")).unwrap().body.start(),
            b"\xff\0\x1f\x8b"
        );
        let error = archive.send(&get("https://h/broken")).unwrap_err();
        assert_eq!(
            (error.kind, error.message.as_str()),
            (TransportErrorKind::Timeout, "h is ***")
        );
    }
}

fn text_of(response: &Response) -> &str {
    text(response)
}

#[test]
fn threads_record_side_by_side() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.har");
    let live = Arc::new(Fake(|request: &Request| {
        Ok(ok("text/plain", request.url.as_bytes()))
    }));
    let recorder = Recorder::create(live, options(&path, &Secrets::default())).unwrap();
    thread::scope(|scope| {
        for thread in 0..8 {
            let recorder = &recorder;
            scope.spawn(move || {
                for page in 0..50 {
                    recorder
                        .send(&get(&format!("https://h/{thread}/{page}")))
                        .unwrap();
                }
            });
        }
    });
    recorder.finish().unwrap();
    let archive = Archive::load(&path).unwrap();
    for (thread, page) in [(0, 0), (7, 49), (3, 21)] {
        let url = format!("https://h/{thread}/{page}");
        assert_eq!(text(&archive.send(&get(&url)).unwrap()), url);
    }
}

#[test]
fn a_place_that_cannot_be_written_is_told_once() {
    let live = || Arc::new(Fake(|_: &Request| Ok(ok("text/plain", &[b'x'; 100_000]))));
    let error = Recorder::create(
        live(),
        options(Path::new("/no-such-folder/a.har"), &Secrets::default()),
    )
    .err()
    .unwrap();
    assert!(
        error
            .to_string()
            .starts_with("cannot record to `/no-such-folder/a.har`: "),
        "{error}"
    );

    // The name is taken by a folder: seen at once, or at the end.
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.har");
    let create = || Recorder::create(live(), options(&path, &Secrets::default()));
    let recorder = create().unwrap();
    recorder.send(&get("https://h/")).unwrap();
    std::fs::create_dir_all(path.join("x")).unwrap();
    assert!(create().is_err());
    assert!(recorder.finish().is_err());
    assert!(recorder.finish().is_ok());
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn an_unmatched_request_shows_the_nearest() {
    let archive = load(&json!({"log": {"entries": [
        {"request": {"method": "GET", "url": "https://h/users?limit=10"}, "response": {"status": 200}},
        {"request": {"method": "GET", "url": "https://h/items?limit=10&page=2"}, "response": {"status": 200}},
        {"request": {"method": "GET", "url": "https://h/items?limit=10"}, "response": {"status": 200}},
    ]}}));
    let secrets = Secrets::default();
    secrets.add_param("key");
    let archive = archive.with_secrets(secrets);
    let error = archive
        .send(&get("https://h/items?limit=10&page=3&key=k"))
        .unwrap_err();
    assert_eq!(error.kind, TransportErrorKind::NotRecorded);
    assert_eq!(
        error.message,
        "not in the archive: GET https://h/items?limit=10&page=3&key=***; \
         nearest recorded: GET https://h/items?limit=10&page=2; \
         query parameter `page`: recorded `2`, asked `3`; query parameter `key`: not recorded, asked `***`"
    );
    let error = archive.send(&get("https://h/item?limit=10")).unwrap_err();
    assert!(
        error
            .message
            .contains("nearest recorded: GET https://h/items?limit=10; address: recorded"),
        "{error}"
    );
    let empty = load(&json!({"log": {"entries": []}}));
    assert_eq!(
        empty.send(&get("https://h/")).unwrap_err().message,
        "not in the archive: GET https://h/; it is empty"
    );
}

#[test]
fn archives_of_other_tools_are_read() {
    // `hello` and `packed` as gzip, by Python's gzip module.
    let gzip = "H4sIAAAAAAAC/8tIzcnJBwCGphA2BQAAAA==";
    let archive = load(
        &json!({"log": {"version": "1.2", "creator": null, "entries": [
            {"request": {"method": "get", "url": "https://H:443/a", "headers": [{"name": ":path", "value": "/a"}], "postData": null},
             "response": {"status": 200, "headers": [{"name": ":status", "value": "200"}, {"name": "content-encoding", "value": "gzip"}],
                          "content": {"size": 5, "text": gzip, "encoding": "base64"}, "bodySize": -1}},
            {"request": {"method": "GET", "url": "https://h/decoded"},
             "response": {"status": 200, "headers": [{"name": "Content-Encoding", "value": "gzip"}], "content": {"text": "plain"}}},
            {"request": {"method": "GET", "url": "https://h/empty"}, "response": {"status": 204, "headers": null, "content": {}}},
            {"request": {"method": "GET", "url": "https://h/blocked"}, "response": {"status": 0, "_error": "net::ERR_FAILED"}},
            {"request": {"method": "GET", "url": "https://h/moved"},
             "response": {"status": 302, "headers": [{"name": "Location", "value": "/decoded"}]}},
            {"request": {"method": "POST", "url": "https://h/form", "postData": {"mimeType": FORM, "params": [{"name": "a", "value": "1 2"}]}},
             "response": {"status": 201}},
        ]}}),
    );
    let body = |url: &str| {
        archive
            .send(&get(url))
            .map(|response| text(&response).to_owned())
    };
    assert_eq!(body("https://h/a").unwrap(), "hello");
    assert_eq!(body("https://h/decoded").unwrap(), "plain");
    assert_eq!(body("https://h/empty").unwrap(), "");
    assert_eq!(body("https://h/moved").unwrap(), "plain");
    assert!(
        body("https://h/blocked")
            .unwrap_err()
            .message
            .contains("net::ERR_FAILED")
    );
    let form = with_header(
        request("POST", "https://h/form", "a=1%202"),
        "Content-Type",
        FORM,
    );
    assert_eq!(archive.send(&form).unwrap().status, 201);
    assert!(
        archive
            .send(&get("https://h/a"))
            .unwrap()
            .headers
            .iter()
            .all(|(name, _)| !name.starts_with(':'))
    );
}

#[test]
fn a_page_limits_the_archive_to_one_command() {
    let entry = |page: &str, text: &str| json!({"pageref": page, "request": {"method": "GET", "url": "https://h/"}, "response": {"status": 200, "content": {"text": text}}});
    let value = json!({"log": {"entries": [entry("check", "c"), entry("read", "r1"), entry("read", "r2")]}});
    let bodies = |archive: Archive| {
        let bodies: Vec<_> = (0..3)
            .map(|_| archive.send(&get("https://h/")).unwrap())
            .collect();
        bodies
            .iter()
            .map(|b| text(b).to_owned())
            .collect::<Vec<_>>()
            .join(" ")
    };
    assert_eq!(bodies(load(&value)), "c r1 r2");
    assert_eq!(bodies(load(&value).for_page("read")), "r1 r2 r2");
    assert_eq!(bodies(load(&value).for_page("run")), "c r1 r2");
}

#[test]
fn what_is_no_archive_is_told_with_its_place() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.har");
    let error = || {
        let text = Archive::load(&path).unwrap_err().to_string();
        text.replace(&path.display().to_string(), "x.har")
    };
    assert!(
        error().starts_with("cannot read the archive `x.har`: "),
        "{}",
        error()
    );
    std::fs::write(&path, "{\"log\": {\n \"entries\": [}").unwrap();
    assert_eq!(
        error(),
        "`x.har` is not an HTTP Archive: expected value at line 2 column 14"
    );
    std::fs::write(&path, "{\"log\": {}}").unwrap();
    assert_eq!(
        error(),
        "`x.har` is not an HTTP Archive: missing field `entries` at line 1 column 10"
    );
    let content = r#"{"log": {"entries": [{"request": {"method": "GET", "url": "http://h"}, "response": {"status": 200, "content": {"text": "?", "encoding": "base64"}}}]}}"#;
    std::fs::write(&path, content).unwrap();
    assert!(
        error().starts_with("entry 1 of the archive `x.har`: a body is not valid Base64: "),
        "{}",
        error()
    );
}
