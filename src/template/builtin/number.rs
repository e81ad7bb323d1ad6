//! Filters of numbers.

use num_bigint::BigInt;
use num_traits::{FromPrimitive as _, Signed as _, ToPrimitive as _};

use super::Filter;
use crate::template::error::{Eval, Fault, FaultKind};
use crate::template::eval::{Args, Machine};
use crate::template::python::number::{float_from_text, int_from_text, round};
use crate::template::value::{Object, TValue};

macro_rules! filters {
    ($($name:literal => $call:expr),* $(,)?) => {
        &[$(Filter { name: $name, call: $call }),*]
    };
}

pub(super) const FILTERS: &[Filter] = filters! {
    "abs" => abs,
    "round" => round_filter,
    "int" => int,
    "float" => float,
    "filesizeformat" => filesizeformat,
};

fn abs(_: &mut Machine<'_>, value: TValue, args: Args) -> Eval<TValue> {
    args.none("abs")?;
    match &value {
        TValue::Float(f) => Ok(TValue::Float(f.abs())),
        TValue::Object(o) => match &**o {
            Object::Delta(d) => {
                Ok(crate::template::datetime::Delta(d.0.saturating_abs()).into_value())
            }
            _ => Err(Fault::types("bad operand type for abs()")),
        },
        other => match other.as_big() {
            Some(big) => Ok(TValue::int(big.abs())),
            None if other.is_undefined() => Err(Fault::types("bad operand type for abs()")),
            None => Err(Fault::types(format!(
                "bad operand type for abs(): `{}`",
                other.type_name()
            ))),
        },
    }
}

fn round_filter(_: &mut Machine<'_>, value: TValue, args: Args) -> Eval<TValue> {
    let [precision, method] = args.bind("round", ["precision", "method"], 0)?;
    let precision = precision.map_or(Ok(0), |p| {
        p.as_int()
            .ok_or_else(|| Fault::types("the precision must be an integer"))
    })?;
    let method = method.unwrap_or_else(|| TValue::str("common"));
    let up = match method.as_str() {
        Some("common") => {
            return match &value {
                TValue::Float(f) => Ok(TValue::Float(round(*f, precision))),
                other => match other.as_big() {
                    Some(big) => Ok(TValue::int(round_int(&big, precision))),
                    None if other.is_undefined() => Err(Fault::types(
                        "type Undefined doesn't define __round__ method",
                    )),
                    None => Err(Fault::types(format!(
                        "type `{}` doesn't define __round__ method",
                        other.type_name()
                    ))),
                },
            };
        }
        Some("ceil") => true,
        Some("floor") => false,
        _ => return Err(Fault::other("method must be common, ceil or floor")),
    };
    let f = value
        .as_float()
        .ok_or_else(|| Fault::types("a number is required"))?;
    let scale = 10_f64.powi(i32::try_from(precision).unwrap_or(0));
    let moved = if up {
        (f * scale).ceil()
    } else {
        (f * scale).floor()
    };
    Ok(TValue::Float(moved / scale))
}

/// Python's `round(int, digits)`: only digits before the point can go, half to even.
fn round_int(value: &BigInt, digits: i64) -> BigInt {
    if digits >= 0 {
        return value.clone();
    }
    let Some(places) = u32::try_from(-digits).ok().filter(|p| *p < 1000) else {
        return BigInt::from(0);
    };
    let scale = BigInt::from(10).pow(places);
    let half = &scale / 2;
    let low = {
        let quotient = value / &scale;
        let exact = &quotient * &scale == *value;
        if value.is_negative() && !exact {
            quotient - 1
        } else {
            quotient
        }
    };
    let rest = value - &low * &scale;
    let up = rest > half || (rest == half && (&low % 2_u32) != BigInt::from(0));
    (if up { low + 1 } else { low }) * scale
}

fn int(_: &mut Machine<'_>, value: TValue, args: Args) -> Eval<TValue> {
    let [default, base] = args.bind("int", ["default", "base"], 0)?;
    let default = default.unwrap_or(TValue::Int(0));
    let base = base.map_or(Ok(10), |b| {
        b.as_int()
            .and_then(|b| u32::try_from(b).ok())
            .filter(|b| *b == 0 || (2..=36).contains(b))
            .ok_or_else(|| Fault::other("int() base must be >= 2 and <= 36, or 0"))
    })?;
    if value.is_undefined() {
        return Err(value.use_fault());
    }
    if let TValue::Str(s) = &value {
        if let Some(big) = int_from_text(s, base) {
            return Ok(TValue::int(big));
        }
        // jinja2 tries again by way of a float.
        return Ok(float_from_text(s)
            .filter(|f| f.is_finite())
            .and_then(BigInt::from_f64)
            .map_or(default, TValue::int));
    }
    match crate::template::python::number::int_of(&value) {
        Err(fault) if fault.kind != FaultKind::Undefined => Ok(default),
        other => other,
    }
}

fn float(_: &mut Machine<'_>, value: TValue, args: Args) -> Eval<TValue> {
    let [default] = args.bind("float", ["default"], 0)?;
    let default = default.unwrap_or(TValue::Float(0.0));
    if value.is_undefined() {
        return Err(value.use_fault());
    }
    let found = match &value {
        TValue::Str(s) => float_from_text(s),
        other => other.as_float(),
    };
    Ok(found.map_or(default, TValue::Float))
}

fn filesizeformat(_: &mut Machine<'_>, value: TValue, args: Args) -> Eval<TValue> {
    let [binary] = args.bind("filesizeformat", ["binary"], 0)?;
    let binary = binary.is_some_and(|b| b.truth());
    if value.is_undefined() {
        return Err(value.use_fault());
    }
    let bytes = match &value {
        TValue::Str(s) => float_from_text(s).ok_or_else(|| Fault::other("no number"))?,
        other => other
            .as_float()
            .ok_or_else(|| Fault::types("a number is required"))?,
    };
    let base = if binary { 1024.0 } else { 1000.0 };
    if bytes == 1.0 {
        return Ok(TValue::str("1 Byte"));
    }
    if bytes < base {
        return Ok(TValue::from(format!(
            "{} Bytes",
            bytes.to_i64().unwrap_or_default()
        )));
    }
    let mut unit = base;
    let mut text = String::new();
    for prefix in ["k", "M", "G", "T", "P", "E", "Z", "Y"] {
        let name = match (binary, prefix) {
            (true, "k") => "KiB".to_owned(),
            (true, prefix) => format!("{prefix}iB"),
            (false, prefix) => format!("{prefix}B"),
        };
        text = format!("{:.1} {name}", bytes / unit);
        unit *= base;
        if bytes < unit {
            break;
        }
    }
    Ok(TValue::from(text))
}
