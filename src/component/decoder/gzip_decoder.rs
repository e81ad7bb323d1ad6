//! `GzipDecoder`.

use std::io::{self, Read};

use flate2::read::MultiGzDecoder;
use schemars::JsonSchema;
use serde::Deserialize;

use super::{Cut, Decode, Decoded, Each, PART, Parser};

/// Decompresses the body by gzip, and reads the content by another decoder.
///
/// What counts is the content, never a header: a body that is not gzip is read as it is. It is
/// decompressed on the way: memory grows with it only where the other decoder needs all of it.
/// Templates see an empty object as `response`. As airbyte-cdk 7.39.1, `composite_raw_decoder.py`.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct GzipDecoder {
    /// How the content is read.
    decoder: Parser,
}

impl Decode for GzipDecoder {
    fn decode(&self, body: Vec<u8>, depth: usize) -> Decoded {
        let cut = Cut { depth, most: PART };
        Decoded::of_parts(|each| self.stream(&mut body.as_slice(), cut, each))
    }

    fn shows_body(&self) -> bool {
        false
    }

    fn stream(&self, content: &mut dyn Read, cut: Cut, each: &mut Each<'_>) {
        let mut start = Vec::new();
        if let Err(error) = Read::take(&mut *content, 2).read_to_end(&mut start) {
            each(Decoded::broken(error.to_string()));
            return;
        }
        let is_gzip = start == [0x1f, 0x8b];
        let mut body = start.as_slice().chain(content);
        if is_gzip {
            let mut content = Content(MultiGzDecoder::new(body));
            self.decoder.stream(&mut content, cut, each);
        } else {
            self.decoder.stream(&mut body, cut, each);
        }
    }
}

/// Tells that it is the compression which is broken, and not what is in it.
struct Content<R>(R);

impl<R: Read> Read for Content<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer).map_err(|error| match error.kind() {
            io::ErrorKind::Interrupted => error,
            _ => io::Error::other(format!("the body is not whole gzip: {error}")),
        })
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use flate2::Compression;
    use flate2::write::GzEncoder;
    use serde_json::json;

    use super::super::testing::{page, values};

    fn gzip(content: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(content).unwrap();
        encoder.finish().unwrap()
    }

    const YAML: &str = "{type: GzipDecoder, decoder: {type: JsonDecoder}}";

    #[test]
    fn content_decides_whether_it_is_gzip() {
        let plain = b"[{\"a\": 1}]";
        assert_eq!(values(YAML, plain), [json!({"a": 1})]);
        assert_eq!(values(YAML, &gzip(plain)), [json!({"a": 1})]);
        let twice =
            "{type: GzipDecoder, decoder: {type: GzipDecoder, decoder: {type: JsonlDecoder}}}";
        assert_eq!(values(twice, &gzip(&gzip(b"1\n2"))), [json!(1), json!(2)]);
    }

    #[test]
    fn members_follow_each_other() {
        let mut body = gzip(b"[1,");
        body.extend(gzip(b"2]"));
        assert_eq!(values(YAML, &body), [json!(1), json!(2)]);
    }

    #[test]
    fn half_a_body_and_nested_nonsense_are_errors() {
        let whole = gzip(b"[1, 2, 3]");
        assert!(page(YAML, &whole[..whole.len() - 9]).broken.is_some());
        assert!(page(YAML, &gzip(b"no JSON")).broken.is_some());
    }
}
