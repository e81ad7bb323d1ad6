//! A body that is read in parts says what it says as a whole, wherever it is cut.

use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::Value;

use super::testing::{page, parts};
use super::{Cut, Decoder, PART, Page};
use crate::component::testing::from_yaml;
use crate::message::Text;

const JSONL: &str = "{type: JsonlDecoder}";
const LINES: &str = "{type: IterableDecoder}";
const CSV: &str = "{type: CsvDecoder}";
const SIGNED: &str = "{type: CsvDecoder, encoding: utf-8-sig, delimiter: '§'}";
const ITEMS: &str = "{type: JsonItemsDecoder, items_path: a.b}";
const GZIP: &str = "{type: GzipDecoder, decoder: {type: JsonlDecoder}}";

fn all(page: &Page) -> (Vec<Value>, Option<&str>, Option<&str>) {
    (
        page.documents().iter().map(Text::value).collect(),
        page.warning.as_deref(),
        page.broken.as_deref(),
    )
}

/// Holds all ways of cutting a body against the whole.
fn same_however_cut(yaml: &str, body: &[u8]) {
    let whole = page(yaml, body);
    for most in [1, 2, 3, 5, 8, 13, 21, PART] {
        let parts = parts(yaml, body, most);
        let shown = String::from_utf8_lossy(body);
        assert_eq!(all(&parts), all(&whole), "{yaml}, {most}: {shown:?}");
        assert_eq!(parts.first().as_str(), whole.first().as_str());
    }
}

fn gzip(content: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(content).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn bodies_of_all_kinds() {
    let jsonl: &[&[u8]] = &[
        b"",
        b"\n",
        b"1\n2\n3",
        b"\xef\xbb\xbf{\"a\": \"\xc3\xa9\xe2\x82\xac\"}\r\n\n\xef\xbb\xbf2\n3\n",
        b"1\nbad\n2\nworse\n3\n",
        b"1\n2\n\xff\n3\n",
        b"[1\n2]\n3\n",
        b"1\n2\n\xe2\x82",
    ];
    for body in jsonl {
        same_however_cut(JSONL, body);
        same_however_cut(LINES, body);
        same_however_cut(GZIP, body);
        same_however_cut(GZIP, &gzip(body));
    }
    same_however_cut(LINES, b"a\r\n\r\nb\n\n\nc");
    let csv: &[&[u8]] = &[
        b"",
        b"a,b",
        b"a,b\n1,\"x\ny\"\n\"\"\"\",\"\r\n\"\r\n3,4",
        b"\xef\xbb\xbfa,b\n\xc3\xa9,\xe2\x82\xac\n1,2,3,4\n5\n",
        b"a\n1\n2\n\xff\n3\n",
        b"a\n1\n\"2\n3\n",
    ];
    for body in csv {
        same_however_cut(CSV, body);
    }
    same_however_cut(SIGNED, "\u{feff}a§b\n1§2\né§\n".as_bytes());
    same_however_cut(SIGNED, b"a\xc2\xa7b\n1\x1f2\n");
    let items: &[&[u8]] = &[
        b"",
        b"{}",
        b" {\"x\": [{\"b\": [0]}], \"a\": {\"c\": 1, \"b\": [ {\"d\":  \"]\\\"\"} , [], 3,null]}, \"a.b\": [4]} ",
        b"{\"a\": {\"b\": [1, 2, 3]}, \"z\": ",
        b"{\"a\": {\"b\": [1, 2, oops]}}",
        b"{\"a\": {\"b\": [1]}} x",
        b"{\"a\": {\"b\": [\"\xc3\xa9\", \"\xff\"]}}",
    ];
    for body in items {
        same_however_cut(ITEMS, body);
    }
}

#[test]
fn bodies_at_random() {
    let mut state = 7_u64;
    let mut random = |below: usize| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (state >> 33) as usize % below
    };
    let tokens: &[&[u8]] = &[
        b"\n",
        b"\n",
        b"\r\n",
        b"\r",
        b",",
        b"\"",
        b"{\"a\":",
        b"}",
        b"[",
        b"]",
        b"1",
        b"tru",
        b"true",
        b" ",
        b"\xc3\xa9",
        b"\xf0\x9f\x98\x80",
        b"\xff",
        b"{\"a\":{\"b\":[",
        b"\\\"",
        b"null",
    ];
    for _ in 0..150 {
        let body: Vec<u8> = (0..random(24))
            .flat_map(|_| tokens[random(tokens.len())].iter().copied())
            .collect();
        for yaml in [JSONL, LINES, CSV, SIGNED, ITEMS, GZIP] {
            same_however_cut(yaml, &body);
        }
    }
}

#[test]
fn values_before_a_break_are_read() {
    let values = |yaml: &str, body: &[u8]| {
        let page = page(yaml, body);
        assert!(page.broken.is_some());
        page.documents().len()
    };
    assert_eq!(values(ITEMS, b"{\"a\": {\"b\": [1, 2, oops]}}"), 2);
    assert_eq!(values(CSV, b"a\n1\n2\n\xff\n"), 2);
    let lines = "{\"n\": 12345}\n".repeat(10_000);
    let whole = gzip(lines.as_bytes());
    assert!(values(GZIP, &whole[..whole.len() - 9]) > 0);
}

#[test]
fn what_is_cut_by_a_block_belongs_together() {
    for start in 0..12 {
        let head = "x".repeat(65_530 + start);
        let row = "\"é\r\n€\",\"a,\"\"b\"\r\n";
        let body = format!("h,i\r\n{head},1\r\n{}", row.repeat(9_000));
        let page = parts(CSV, body.as_bytes(), PART);
        let (values, _, broken) = all(&page);
        assert_eq!((values.len(), broken), (9_001, None));
        assert_eq!(values[0]["h"], head);
        for value in &values[1..] {
            assert_eq!(value, &serde_json::json!({"h": "é\n€", "i": "a,\"b"}));
        }
    }
}

#[test]
fn parts_come_until_they_are_not_wanted() {
    for (yaml, body) in [
        (JSONL, "1\n2\n3\n4\n"),
        (CSV, "a\n1\n2\n3\n4\n"),
        (ITEMS, "{\"a\": {\"b\": [1, 2, 3, 4]}}"),
        (GZIP, "1\n2\n3\n4\n"),
    ] {
        let decoder: Decoder = from_yaml(yaml);
        let mut left = 2;
        let cut = Cut { depth: 1, most: 1 };
        decoder.read_parts(&body.as_bytes().to_vec().into(), cut, &mut |page| {
            assert_eq!(page.broken, None, "{yaml}");
            left -= 1;
            left > 0
        });
        assert_eq!(left, 0, "{yaml}");
    }
}
