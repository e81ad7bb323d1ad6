//! Numbers without loss.
//!
//! In: the digits of a JSON number. Out: an integer or a double that is the same number, where there
//! is one.

/// The integer of 64 bits that `digits` says; `1.0` and `1e3` are integers too.
#[must_use]
pub fn integer(digits: &str) -> Option<i64> {
    if let Ok(integer) = digits.parse() {
        return Some(integer);
    }
    let decimal = Decimal::parse(digits)?;
    if decimal.digits.is_empty() {
        return Some(0);
    }
    if decimal.exponent < 0 || decimal.exponent > 18 {
        return None;
    }
    let sign = if decimal.is_negative { "-" } else { "" };
    let zeros = "0".repeat(usize::try_from(decimal.exponent).ok()?);
    format!("{sign}{}{zeros}", decimal.digits).parse().ok()
}

/// The double that `digits` says: one whose shortest writing is the same number.
#[must_use]
pub fn double(digits: &str) -> Option<f64> {
    let number: f64 = digits
        .parse()
        .ok()
        .filter(|number: &f64| number.is_finite())?;
    // Up to 15 digits always survive the way through a double.
    let is_plain = digits.len() <= 16 && !digits.contains(['e', 'E']);
    if is_plain && digits.bytes().filter(u8::is_ascii_digit).count() <= 15 {
        return Some(number);
    }
    (Decimal::parse(digits)? == Decimal::parse(&format!("{number:e}"))?).then_some(number)
}

/// A number as its significant digits and the power of ten of the last of them.
#[derive(Debug, PartialEq, Eq)]
struct Decimal {
    is_negative: bool,
    /// Without zeros at either end; empty: the number is 0.
    digits: String,
    exponent: i64,
}

impl Decimal {
    fn parse(text: &str) -> Option<Self> {
        let (is_negative, text) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let (mantissa, exponent) = match text.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => (mantissa, exponent.parse::<i64>().ok()?),
            None => (text, 0),
        };
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let all = format!("{whole}{fraction}");
        if all.is_empty() || !all.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        let shortened = all.trim_end_matches('0');
        let dropped = all.len().checked_sub(shortened.len())?;
        let digits = shortened.trim_start_matches('0').to_owned();
        if digits.is_empty() {
            return Some(Self {
                is_negative: false,
                digits,
                exponent: 0,
            });
        }
        let shift = i64::try_from(dropped).ok()? - i64::try_from(fraction.len()).ok()?;
        Some(Self {
            is_negative,
            digits,
            exponent: exponent.checked_add(shift)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_are_those_of_64_bits_however_they_are_written() {
        for (digits, number) in [
            ("0", Some(0)),
            ("-0", Some(0)),
            ("0.0", Some(0)),
            ("0e99", Some(0)),
            ("-12", Some(-12)),
            ("12.000", Some(12)),
            ("1.2e1", Some(12)),
            ("1e18", Some(1_000_000_000_000_000_000)),
            ("9223372036854775807", Some(i64::MAX)),
            ("-9223372036854775808.0", Some(i64::MIN)),
            ("9223372036854775808", None),
            ("1e19", None),
            ("1e99999999999", None),
            ("1e999999999999999999999", None),
            ("1.5", None),
            ("1e-1", None),
        ] {
            assert_eq!(integer(digits), number, "{digits}");
        }
    }

    #[test]
    fn doubles_are_the_same_number_or_none() {
        for digits in [
            "0",
            "-0",
            "0.1",
            "-1.10",
            "123456789012345",
            "1e300",
            "5e-324",
            "1.7976931348623157e308",
            "110.00000000000001",
            "9007199254740992",
            "9007199254740994",
            "0.30000000000000004",
            "1E5",
        ] {
            assert!(double(digits).is_some(), "{digits}");
        }
        for digits in [
            "9007199254740993",
            "0.1234567890123456789",
            "1e400",
            "-1e999",
            "1e-400",
            "18446744073709551616.5",
            "123456789012345678",
            "3.14159265358979323846",
        ] {
            assert_eq!(double(digits), None, "{digits}");
        }
        assert_eq!(double("0.1"), Some(0.1));
        assert_eq!(
            double("18446744073709551616"),
            None,
            "ends in 552000 when written shortest"
        );
    }
}
