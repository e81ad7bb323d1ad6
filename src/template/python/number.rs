//! Numbers: from text, and rounded.

use num_bigint::BigInt;
use num_traits::FromPrimitive as _;

use crate::template::error::{Eval, Fault};
use crate::template::value::TValue;

/// Python's `int(text, base)`; base 0 reads the prefix.
pub(crate) fn int_from_text(text: &str, base: u32) -> Option<BigInt> {
    let text = text.trim();
    let (negative, digits) = match text.as_bytes().first()? {
        b'-' => (true, text.get(1..)?),
        b'+' => (false, text.get(1..)?),
        _ => (false, text),
    };
    let lower = digits.to_ascii_lowercase();
    let prefixed = [("0x", 16), ("0o", 8), ("0b", 2)]
        .into_iter()
        .find_map(|(prefix, radix)| {
            let rest = lower.strip_prefix(prefix)?;
            (base == 0 || base == radix).then(|| (rest.strip_prefix('_').unwrap_or(rest), radix))
        });
    let (digits, base) = match prefixed {
        Some(found) => found,
        None if base == 0 => {
            let leading = lower.len() > 1 && lower.starts_with('0');
            if leading && lower.bytes().any(|b| b != b'0' && b != b'_') {
                return None;
            }
            (lower.as_str(), 10)
        }
        None => (lower.as_str(), base),
    };
    let plain = without_underscores(digits)?;
    if plain.is_empty() || plain.len() > 4300 || plain.starts_with(['+', '-']) {
        return None;
    }
    let value = BigInt::parse_bytes(plain.as_bytes(), base)?;
    Some(if negative { -value } else { value })
}

/// Single underscores between digits are taken out; others make it no number.
fn without_underscores(digits: &str) -> Option<String> {
    if digits.starts_with('_') || digits.ends_with('_') || digits.contains("__") {
        return None;
    }
    Some(digits.replace('_', ""))
}

/// Python's `float(text)`.
pub(crate) fn float_from_text(text: &str) -> Option<f64> {
    let text = text.trim();
    let plain = text.strip_prefix(['+', '-']).unwrap_or(text);
    let negative = text.starts_with('-');
    let sign = |f: f64| if negative { -f } else { f };
    match plain.to_ascii_lowercase().as_str() {
        "inf" | "infinity" => return Some(sign(f64::INFINITY)),
        "nan" => return Some(f64::NAN),
        _ => {}
    }
    let plain = without_underscores(plain)?;
    if plain.is_empty()
        || !plain
            .bytes()
            .all(|b| b.is_ascii_digit() || matches!(b, b'.' | b'e' | b'E' | b'+' | b'-'))
        || plain.starts_with(['+', '-'])
    {
        return None;
    }
    plain.parse().ok().map(sign)
}

/// Python's `int(value)` of a number.
pub(crate) fn int_of(value: &TValue) -> Eval<TValue> {
    match value {
        TValue::Float(f) if f.is_finite() => {
            Ok(TValue::int(BigInt::from_f64(f.trunc()).unwrap_or_default()))
        }
        TValue::Float(_) => Err(Fault::other(
            "cannot convert float infinity or NaN to integer",
        )),
        TValue::Str(s) => int_from_text(s, 10)
            .map(TValue::int)
            .ok_or_else(|| Fault::other("invalid literal for int()")),
        other => other.as_big().map(TValue::int).ok_or_else(|| {
            if other.is_undefined() {
                other.use_fault()
            } else {
                Fault::types("int() argument must be a string or a number")
            }
        }),
    }
}

/// Python's `round(f, digits)`: to the nearest by the exact decimal value, half to even.
pub(crate) fn round(f: f64, digits: i64) -> f64 {
    if !f.is_finite() || f == 0.0 {
        return f;
    }
    if digits > 300 {
        return f;
    }
    if digits < -308 {
        return 0.0_f64.copysign(f);
    }
    if let Ok(places) = usize::try_from(digits) {
        // The formatter rounds the exact value, half to even.
        return format!("{f:.places$}").parse().unwrap_or(f);
    }
    let scale = 10_f64.powi(i32::try_from(-digits).unwrap_or(308));
    (f / scale).round_ties_even() * scale
}
