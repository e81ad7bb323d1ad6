//! Walking over text that is known to be JSON: nothing is checked here a second time.

const ONES: u64 = 0x0101_0101_0101_0101;
const HIGHS: u64 = 0x8080_8080_8080_8080;

/// Eight bytes from `at`, the first in the lowest place.
#[inline]
pub(super) fn word(bytes: &[u8], at: usize) -> Option<u64> {
    let chunk = bytes.get(at..)?.first_chunk::<8>()?;
    Some(u64::from_le_bytes(*chunk))
}

/// The high bit of each byte of `word` that equals `byte`.
///
/// Exact for the lowest of them; a byte above a true one may be marked wrongly.
#[inline]
pub(super) const fn equal(word: u64, byte: u8) -> u64 {
    let zero = word ^ (ONES * byte as u64);
    zero.wrapping_sub(ONES) & !zero & HIGHS
}

/// The high bit of each byte of `word` below `limit` (at most 128); exact for the lowest of them.
#[inline]
pub(super) const fn below(word: u64, limit: u8) -> u64 {
    word.wrapping_sub(ONES * limit as u64) & !word & HIGHS
}

/// How many bytes lie before the lowest marked one.
#[inline]
pub(super) const fn first(marked: u64) -> usize {
    (marked.trailing_zeros() / 8) as usize
}

/// After the closing quote of the string whose opening quote stands before `at`.
pub(super) fn string_end(bytes: &[u8], mut at: usize) -> usize {
    loop {
        if let Some(word) = word(bytes, at) {
            let marked = equal(word, b'"') | equal(word, b'\\');
            if marked == 0 {
                at += 8;
                continue;
            }
            at += first(marked);
        }
        match bytes.get(at) {
            None => return bytes.len(),
            Some(b'"') => return at + 1,
            Some(b'\\') => at += 2,
            Some(_) => at += 1,
        }
    }
}

/// After the value that starts at `at`.
pub(super) fn value_end(bytes: &[u8], at: usize) -> usize {
    match bytes.get(at) {
        Some(b'"') => string_end(bytes, at + 1),
        Some(b'{' | b'[') => container_end(bytes, at + 1),
        _ => scalar_end(bytes, at),
    }
}

fn container_end(bytes: &[u8], mut at: usize) -> usize {
    let mut open = 1_usize;
    loop {
        if let Some(word) = word(bytes, at) {
            // `[` and `]` differ from `{` and `}` in one bit, which is set here.
            let braces = word | (ONES * 0x20);
            let marked = equal(word, b'"') | equal(braces, b'{') | equal(braces, b'}');
            if marked == 0 {
                at += 8;
                continue;
            }
            at += first(marked);
        }
        match bytes.get(at) {
            None => return bytes.len(),
            Some(b'"') => {
                at = string_end(bytes, at + 1);
                continue;
            }
            Some(b'{' | b'[') => open += 1,
            Some(b'}' | b']') => {
                open -= 1;
                if open == 0 {
                    return at + 1;
                }
            }
            Some(_) => {}
        }
        at += 1;
    }
}

fn scalar_end(bytes: &[u8], at: usize) -> usize {
    let rest = bytes.get(at..).unwrap_or_default();
    let length = rest
        .iter()
        .position(|byte| matches!(byte, b',' | b']' | b'}' | b' ' | b'\t' | b'\n' | b'\r'));
    at + length.unwrap_or(rest.len())
}

/// At the first byte from `at` that is not white space.
pub(super) fn space_end(bytes: &[u8], mut at: usize) -> usize {
    while matches!(bytes.get(at), Some(b' ' | b'\t' | b'\n' | b'\r')) {
        at += 1;
    }
    at
}

/// Appends `json` to `out` in one line.
///
/// In checked text a line break is always one between tokens: strings cannot hold any.
pub(super) fn write_joined(json: &str, out: &mut Vec<u8>) {
    let bytes = json.as_bytes();
    let mut from = 0;
    while let Some(rest) = bytes.get(from..) {
        let line = memchr::memchr2(b'\n', b'\r', rest).unwrap_or(rest.len());
        out.extend_from_slice(rest.get(..line).unwrap_or_default());
        if line == rest.len() {
            return;
        }
        from = space_end(bytes, from + line);
    }
}

/// Appends `json` to `out` without white space, and with `null` for what JSON has no number for.
///
/// The reference's serializer writes NaN and the infinities as `null` too.
pub(super) fn write_native(json: &str, out: &mut Vec<u8>) {
    let bytes = json.as_bytes();
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        let end = match byte {
            b' ' | b'\t' | b'\n' | b'\r' => {
                at += 1;
                continue;
            }
            b'"' => string_end(bytes, at + 1),
            b'{' | b'}' | b'[' | b']' | b',' | b':' => at + 1,
            _ => scalar_end(bytes, at),
        };
        let piece = bytes.get(at..end).unwrap_or_default();
        let number = matches!(byte, b'-' | b'0'..=b'9' | b'N' | b'I');
        if number && !is_finite(piece) {
            out.extend_from_slice(b"null");
        } else {
            out.extend_from_slice(piece);
        }
        at = end;
    }
}

/// Whether a checked number is one that JSON can hold.
pub(super) fn is_finite(number: &[u8]) -> bool {
    if number.iter().all(|b| b.is_ascii_digit() || *b == b'-') {
        return true;
    }
    std::str::from_utf8(number)
        .ok()
        .and_then(|text| text.parse::<f64>().ok())
        .is_some_and(f64::is_finite)
}
