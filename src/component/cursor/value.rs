//! Values of a cursor field: instants, or numbers that only grow.
//!
//! In: JSON, as records and states have it. Out: values that can be compared, and their text.

use std::cmp::Ordering;

use num_traits::ToPrimitive as _;
use serde_json::{Number, Value};

use crate::template::datetime::{self, DateError, DateTime, Duration};

/// A value of a cursor field.
#[derive(Debug, Clone)]
pub enum CursorValue {
    /// An instant, with the offset in which it was written.
    Time(DateTime),
    /// A whole number.
    Count(i128),
    /// A number that is not whole, or that has no end.
    Fraction(f64),
}

impl CursorValue {
    /// Which of two values comes first.
    #[must_use]
    pub fn order(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Time(a), Self::Time(b)) => a.micros().cmp(&b.micros()),
            (Self::Count(a), Self::Count(b)) => a.cmp(b),
            _ => self.float().total_cmp(&other.float()),
        }
    }

    /// The later of two values; of equals the first.
    #[must_use]
    pub fn later(self, other: Self) -> Self {
        if self.order(&other) == Ordering::Less {
            other
        } else {
            self
        }
    }

    /// Whether Python takes it for true: the number zero is false.
    pub(super) fn is_truthy(&self) -> bool {
        match self {
            Self::Time(_) => true,
            Self::Count(n) => *n != 0,
            Self::Fraction(f) => *f != 0.0,
        }
    }

    /// The value that much later. Numbers know no durations, and stay.
    pub(super) fn plus(&self, duration: &Duration) -> Result<Self, DateError> {
        match self {
            Self::Time(at) => Ok(Self::Time(duration.add_to(at)?)),
            number => Ok(number.clone()),
        }
    }

    /// The value that much earlier.
    pub(super) fn minus(&self, duration: &Duration) -> Result<Self, DateError> {
        self.plus(&duration.negated())
    }

    #[expect(clippy::cast_precision_loss, reason = "as Python's float")]
    fn float(&self) -> f64 {
        match self {
            Self::Time(at) => at.micros() as f64,
            Self::Count(n) => *n as f64,
            Self::Fraction(f) => *f,
        }
    }
}

/// How values of a cursor are read and written.
#[derive(Debug, Clone)]
pub enum Form {
    /// As instants: read in the first of the formats that fits, written in the last.
    Time(Vec<String>),
    /// As numbers.
    Count,
}

impl Form {
    /// Reads a value of a record or a state.
    ///
    /// # Errors
    /// When it has none of the formats, or is no number.
    pub fn parse(&self, value: &Value) -> Result<CursorValue, DateError> {
        match self {
            Self::Time(formats) => formats
                .iter()
                .find_map(|format| datetime::parse(&text_for(value, format)?, format).ok())
                .map(CursorValue::Time)
                .ok_or_else(|| {
                    let formats = formats.join("`, `");
                    DateError(format!("{value} has none of the formats `{formats}`"))
                }),
            Self::Count => {
                let number = value.as_number();
                number
                    .map(count)
                    .ok_or_else(|| DateError(format!("{value} is no number")))
            }
        }
    }

    /// Writes a value as requests and states have it.
    #[must_use]
    pub fn write(&self, value: &CursorValue) -> Value {
        match (self, value) {
            (Self::Time(formats), CursorValue::Time(at)) => {
                let format = formats.last().map_or("", String::as_str);
                datetime::format(at, format).into()
            }
            (_, CursorValue::Count(n)) => match (n.to_i64(), n.to_u64()) {
                (Some(n), _) => n.into(),
                (None, Some(n)) => n.into(),
                (None, None) => n.to_string().into(),
            },
            // JSON has no infinity; Python shows it so.
            (_, CursorValue::Fraction(f)) => {
                Number::from_f64(*f).map_or_else(|| f.to_string().into(), Value::Number)
            }
            (Self::Count, CursorValue::Time(at)) => at.iso('T').into(),
        }
    }
}

fn count(number: &Number) -> CursorValue {
    match number.as_i128() {
        Some(whole) => CursorValue::Count(whole),
        None => CursorValue::Fraction(number.as_f64().unwrap_or_default()),
    }
}

/// What Python's `int(value)`, `float(value)` or `str(value)` sees, whichever the format asks for.
fn text_for(value: &Value, format: &str) -> Option<String> {
    let whole = matches!(format, "%s" | "%ms" | "%epoch_microseconds");
    let number = whole || format == "%s_as_float";
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(n) if whole && n.is_f64() => {
            let cut = n.as_f64().and_then(|f| f.to_i64());
            cut.map(|cut| cut.to_string())
        }
        Value::Number(n) => Some(n.to_string()),
        Value::Bool(b) if number => Some(u8::from(*b).to_string()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_first_format_that_fits_reads_and_the_last_writes() {
        let form = Form::Time(vec!["%s".into(), "%d.%m.%Y".into(), "%Y-%m-%d".into()]);
        for (value, written) in [
            (json!("1740000000"), json!("2025-02-19")),
            (json!(1_740_000_000.9), json!("2025-02-19")),
            (json!("03.02.2025"), json!("2025-02-03")),
            (json!("2025-02-01"), json!("2025-02-01")),
        ] {
            assert_eq!(form.write(&form.parse(&value).unwrap()), written, "{value}");
        }
        for wrong in [json!("last week"), json!(null), json!([1])] {
            assert!(form.parse(&wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn counts_are_exact_and_end_nowhere() {
        let value = |json: Value| Form::Count.parse(&json).unwrap();
        let (small, large) = (9_007_199_254_740_992_i64, 9_007_199_254_740_993_i64);
        assert_eq!(
            value(json!(small)).order(&value(json!(large))),
            Ordering::Less
        );
        assert_eq!(Form::Count.write(&value(json!(large))), json!(large));
        let endless = CursorValue::Fraction(f64::INFINITY);
        assert_eq!(value(json!(large)).order(&endless), Ordering::Less);
        assert_eq!(Form::Count.write(&endless), json!("inf"));
        assert!(Form::Count.parse(&json!("7")).is_err());
    }
}
