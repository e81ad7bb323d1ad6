//! What PostgreSQL's `jsonb`, `json` and `numeric` take.
//!
//! In: JSON text that is known to be right. Out: whether the type takes it. A value that it does not
//! take would undo all rows that go with it.

/// Digits of `numeric` before and behind the point, by far enough below its bounds of 131,072 and 16,383.
const BEFORE: i64 = 100_000;
const BEHIND: i64 = 16_000;

/// Whether `jsonb` holds `json`: no `\u0000`, no half of a surrogate pair, no number beyond `numeric`.
pub(super) fn takes(json: &[u8]) -> bool {
    let mut at = 0;
    while let Some(&byte) = json.get(at) {
        match byte {
            b'"' => match string(json, at + 1) {
                Some(end) => at = end,
                None => return false,
            },
            b'-' | b'0'..=b'9' => {
                let rest = json.get(at..).unwrap_or_default();
                let is_digit =
                    |byte: &&u8| matches!(byte, b'0'..=b'9' | b'+' | b'-' | b'.' | b'e' | b'E');
                let length = rest.iter().take_while(is_digit).count();
                if !is_numeric(rest.get(..length).unwrap_or_default()) {
                    return false;
                }
                at += length.max(1);
            }
            _ => at += 1,
        }
    }
    true
}

/// Where the string ends whose first letter is at `at`; none when it cannot be held.
fn string(json: &[u8], mut at: usize) -> Option<usize> {
    loop {
        let rest = json.get(at..)?;
        at += memchr::memchr2(b'"', b'\\', rest)?;
        if json.get(at) == Some(&b'"') {
            return Some(at + 1);
        }
        at += 2;
        if json.get(at - 1) != Some(&b'u') {
            continue;
        }
        let unit = unit_at(json, at)?;
        at += 4;
        match unit {
            0 | 0xDC00..=0xDFFF => return None,
            0xD800..=0xDBFF => {
                let is_pair = json.get(at..at + 2) == Some(b"\\u")
                    && unit_at(json, at + 2).is_some_and(|low| (0xDC00..=0xDFFF).contains(&low));
                if !is_pair {
                    return None;
                }
                at += 6;
            }
            _ => {}
        }
    }
}

/// The four hexadecimal digits at `at`.
fn unit_at(json: &[u8], at: usize) -> Option<u32> {
    let digits = json.get(at..at + 4)?;
    digits.iter().try_fold(0, |unit, &digit| {
        Some(unit * 16 + char::from(digit).to_digit(16)?)
    })
}

/// Whether `digits` are a number, as JSON writes it, that `numeric` holds without loss.
pub(super) fn is_numeric(digits: &[u8]) -> bool {
    let digits = digits.strip_prefix(b"-").unwrap_or(digits);
    let mut parts = digits.splitn(2, |byte| matches!(byte, b'e' | b'E'));
    let mantissa = parts.next().unwrap_or_default();
    let exponent = match parts.next() {
        None => 0,
        Some(exponent) => match str::from_utf8(exponent).map(str::parse::<i64>) {
            Ok(Ok(exponent)) if exponent.unsigned_abs() <= 1_000_000 => exponent,
            _ => return false,
        },
    };
    let mut parts = mantissa.splitn(2, |byte| *byte == b'.');
    let whole = parts.next().unwrap_or_default();
    let fraction = parts.next();
    let are_digits = |part: &[u8]| !part.is_empty() && part.iter().all(u8::is_ascii_digit);
    if !are_digits(whole) || fraction.is_some_and(|fraction| !are_digits(fraction)) {
        return false;
    }
    let length = |part: &[u8]| i64::try_from(part.len()).unwrap_or(i64::MAX);
    let behind = length(fraction.unwrap_or_default()).saturating_sub(exponent);
    length(whole).saturating_add(exponent) <= BEFORE && behind <= BEHIND
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_jsonb_refuses_is_known_before() {
        for json in [
            r#"{"a":[1,-0.5e10,true,null,"\u00e9\\u0000\"\n"]}"#,
            r#""\ud83d\ude00""#,
            r#""\\u0000""#,
            "1e1000",
            "[]",
        ] {
            assert!(takes(json.as_bytes()), "{json}");
        }
        for json in [
            r#""a\u0000""#,
            r#"{"\u0000":1}"#,
            r#""\ud83d""#,
            r#""\ud83dx\ude00""#,
            r#""\ude00""#,
            "[1e200000]",
            "1e-20000",
        ] {
            assert!(!takes(json.as_bytes()), "{json}");
        }
    }

    #[test]
    fn numbers_are_those_that_numeric_holds() {
        for digits in [
            "0",
            "-1.50",
            "1e99",
            "12345678901234567890.123",
            "1E+3",
            "1e-16000",
        ] {
            assert!(is_numeric(digits.as_bytes()), "{digits}");
        }
        for digits in [
            "", "-", ".5", "1.", "+1", "1e", "NaN", "Infinity", "1e131073", "1e-16384", "1 ",
        ] {
            assert!(!is_numeric(digits.as_bytes()), "{digits}");
        }
    }
}
