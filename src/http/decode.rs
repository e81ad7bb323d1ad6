//! Undoing content codings: gzip, deflate, brotli.
//!
//! In: the bytes on the wire, as a reader, and the names of the codings. Out: a reader of the
//! content. All of it streams, so that a body need not be in memory to be decoded.

use std::io::{self, BufRead, BufReader, Read};

use flate2::bufread::{DeflateDecoder, GzDecoder, ZlibDecoder};

/// What we ask servers for.
pub(super) const ACCEPTED: &str = "gzip, deflate, br";

/// Reads the content of `wire`, which was coded by `codings` (a `Content-Encoding` header: the last
/// one was applied last). A coding that we do not know is left as it is, as `requests` does.
pub(super) fn decoder<'a>(
    codings: &str,
    wire: impl Read + 'a,
) -> Result<Box<dyn Read + 'a>, io::Error> {
    let mut content: Box<dyn Read + 'a> = Box::new(wire);
    for coding in codings.rsplit(',') {
        let coding = coding.trim().to_ascii_lowercase();
        if !matches!(coding.as_str(), "gzip" | "x-gzip" | "deflate" | "br") {
            continue;
        }
        let mut coded = BufReader::with_capacity(16 << 10, content);
        // An empty body (of a HEAD, a 204) has a coding in name only.
        let Some(&first) = coded.fill_buf()?.first() else {
            return Ok(Box::new(io::empty()));
        };
        content = match coding.as_str() {
            "br" => Box::new(brotli_decompressor::Decompressor::new(coded, 16 << 10)),
            // Most servers send zlib's format under this name, some the bare stream.
            "deflate" if first & 0x0f == 8 => Box::new(ZlibDecoder::new(coded)),
            "deflate" => Box::new(DeflateDecoder::new(coded)),
            _ => Box::new(GzipMembers::Inside(GzDecoder::new(coded))),
        };
    }
    Ok(content)
}

/// Reads gzip members one after the other; what follows them and is none is skipped, as `requests`
/// does.
enum GzipMembers<R> {
    Inside(GzDecoder<R>),
    Done,
}

impl<R: BufRead> Read for GzipMembers<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while let Self::Inside(member) = self {
            let count = member.read(buffer)?;
            if count > 0 || buffer.is_empty() {
                return Ok(count);
            }
            let Self::Inside(member) = std::mem::replace(self, Self::Done) else {
                break;
            };
            let mut rest = member.into_inner();
            if rest.fill_buf()?.first() == Some(&0x1f) {
                *self = Self::Inside(GzDecoder::new(rest));
            } else {
                // Read to its end, so that the connection can be used again.
                io::copy(&mut rest, &mut io::sink())?;
            }
        }
        Ok(0)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use flate2::Compression;
    use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};

    use super::*;

    fn gzip(text: &str) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(text.as_bytes()).unwrap();
        encoder.finish().unwrap()
    }

    fn read(codings: &str, wire: &[u8]) -> io::Result<String> {
        let mut text = String::new();
        decoder(codings, wire)?.read_to_string(&mut text)?;
        Ok(text)
    }

    #[test]
    fn undoes_each_coding() {
        let mut zlib = ZlibEncoder::new(Vec::new(), Compression::default());
        zlib.write_all(b"zlib").unwrap();
        assert_eq!(read("deflate", &zlib.finish().unwrap()).unwrap(), "zlib");
        let mut bare = DeflateEncoder::new(Vec::new(), Compression::default());
        bare.write_all(b"bare").unwrap();
        assert_eq!(read("deflate", &bare.finish().unwrap()).unwrap(), "bare");
        // `hello` by a brotli encoder, uncompressed meta-block.
        assert_eq!(read("br", b"\x0b\x02\x80hello\x03").unwrap(), "hello");
        assert_eq!(read("gzip", &gzip("one")).unwrap(), "one");
        assert_eq!(read("identity", b"as it is").unwrap(), "as it is");
        assert_eq!(read("gzip", b"").unwrap(), "");
    }

    #[test]
    fn gzip_may_have_members_and_trailing_bytes() {
        let mut wire = gzip("one ");
        wire.extend(gzip("two"));
        wire.extend(b"\0\0 padding");
        assert_eq!(read("gzip", &wire).unwrap(), "one two");
        let mut inner = GzEncoder::new(Vec::new(), Compression::default());
        inner.write_all(&gzip("twice")).unwrap();
        assert_eq!(
            read("gzip, x-gzip", &inner.finish().unwrap()).unwrap(),
            "twice"
        );
    }

    #[test]
    fn a_cut_stream_is_an_error() {
        let wire = gzip("some text that is long enough to be cut");
        assert!(read("gzip", &wire[..wire.len() - 9]).is_err());
        assert!(read("gzip", &wire[..wire.len() - 3]).is_err());
        assert!(read("gzip", b"{\"no\": \"gzip\"}").is_err());
    }
}
