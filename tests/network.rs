//! Odd answers over HTTP and HTTPS: codings, long heads, certificates.

use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::json;

use crate::support::{CERTIFICATE, Output, Raw, Run, answer};

/// One stream without pages.
const MANIFEST: &str = r#"version: 7.0.0
type: DeclarativeSource
check: {type: CheckStream, stream_names: [items]}
streams:
  - type: DeclarativeStream
    name: items
    retriever:
      type: SimpleRetriever
      requester: {type: HttpRequester, url_base: HOST, path: /items}
      record_selector:
        type: RecordSelector
        extractor: {type: DpathExtractor, field_path: [data]}
    schema_loader: {type: InlineSchemaLoader, schema: {type: object}}
"#;

/// Fifty records, all the same.
fn body() -> Vec<u8> {
    let records = [r#"{"id": 1, "name": "Zoë"}"#; 50].join(", ");
    format!(r#"{{"data": [{records}]}}"#).into_bytes()
}

/// The same by a brotli encoder.
const BROTLI: &[u8] = b"\x1b\x4f\x05\xf8\x2d\x0a\x6c\x1b\x59\x7e\x8e\x86\x8a\x82\x79\xd5\x8a\xa7\
      \x83\x5a\x64\x6f\x2b\x66\xea\xa4\xad\x36\x8b\x56\x57\x9f\x00\x49\xb2\xb7\
      \xe1\x94\x44\x21\x03\x13\x03\x15\xc4\x10\xc5\x13\x86\x77\x1c\xd8\x9b\x34";

fn asking(server: &Raw) -> Run {
    let manifest = MANIFEST.replace("HOST", &server.base_url);
    Run::new().manifest(&manifest).args(["run"])
}

/// Standard error without the closing table, and without the server's port.
fn told(run: &Output, server: &Raw) -> String {
    let before = run.stderr.split("stream  ").next().unwrap_or_default();
    before.replace(&server.base_url, "HOST")
}

#[test]
fn gzip_and_brotli_are_asked_for_and_undone() {
    let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
    gzip.write_all(&body()).expect("memory");
    let gzip = gzip.finish().expect("memory");
    for (coding, body) in [("gzip", gzip), ("br", BROTLI.to_vec())] {
        let length = body.len();
        let fields = format!("Content-Encoding: {coding}\r\n");
        let server = Raw::start(move |_| answer(200, &fields, &body));
        let run = asking(&server).run().success();
        let record = json!({"id": 1, "name": "Zoë"});
        assert_eq!(run.records("items"), vec![record; 50]);
        let head = server.asked()[0].head.to_lowercase();
        assert!(
            head.contains("accept-encoding: gzip, deflate, br\r\n"),
            "{head}"
        );
        // The table counts the bytes on the wire.
        assert!(
            run.stderr.contains(&format!(" {length} B")),
            "{}",
            run.stderr
        );
    }
}

#[test]
fn a_coding_that_is_another_is_told() {
    let server = Raw::start(|_| answer(200, "Content-Encoding: br\r\n", &body()));
    let run = asking(&server).args(["--wait-scale", "0"]).run().exits(1);
    insta::assert_snapshot!(told(&run, &server), @r"
    error: stream `items`: gave up after 6 attempts: the response of 127.0.0.1 is not in its `Content-Encoding`: Invalid Data
      = request: GET HOST/items
      = help: try again later
    ");
}

#[test]
fn a_head_may_be_long_but_not_endless() {
    let long = |kibibytes: usize| format!("X-Long: {}\r\n", "x".repeat(kibibytes << 10));
    let server = Raw::start(move |_| answer(200, &long(60), &body()));
    let run = asking(&server).run().success();
    assert_eq!(run.records("items").len(), 50);

    let server = Raw::start(move |_| answer(200, &long(100), &body()));
    let run = asking(&server).args(["--wait-scale", "0"]).run().exits(1);
    insta::assert_snapshot!(told(&run, &server), @r"
    error: stream `items`: gave up after 6 attempts: the head of the response of 127.0.0.1 is longer than 64 KiB
      = request: GET HOST/items
      = help: try again later
    ");
}

#[test]
fn a_certificate_that_nobody_knows_is_told_at_once() {
    let server = Raw::secure(|_| answer(200, "", &body()));
    let run = asking(&server).run().exits(1);
    assert!(server.asked().is_empty());
    insta::assert_snapshot!(told(&run, &server), @r"
    error: stream `items`: the certificate of 127.0.0.1 is not trusted: no authority that is known here has signed it
      = request: GET HOST/items
      = help: if a proxy or an authority of your own signs for the host, name its certificate in `SSL_CERT_FILE`
    ");

    let trusting = asking(&server)
        .file("own.pem", CERTIFICATE)
        .env("SSL_CERT_FILE", "own.pem");
    assert_eq!(trusting.run().success().records("items").len(), 50);
}
