//! `+ - * / // % **` and unary minus.

use num_bigint::BigInt;
use num_traits::{Signed as _, ToPrimitive as _, Zero as _};

use super::format::percent;
use crate::template::compile::code::Operator;
use crate::template::datetime;
use crate::template::error::{Eval, Fault};
use crate::template::eval::MAX_TEXT;
use crate::template::value::{Object, TValue};

/// How long an integer may get, in bits.
const MAX_BITS: u64 = 1 << 20;

fn symbol(op: Operator) -> &'static str {
    match op {
        Operator::Add => "+",
        Operator::Sub => "-",
        Operator::Mul => "*",
        Operator::Div => "/",
        Operator::FloorDiv => "//",
        Operator::Rem => "%",
        Operator::Pow => "**",
    }
}

/// `a op b`.
pub(crate) fn binary(op: Operator, a: &TValue, b: &TValue) -> Eval<TValue> {
    use TValue as V;
    if let (V::Int(x), V::Int(y)) = (a, b)
        && let Some(fast) = small(op, *x, *y)
    {
        return Ok(fast);
    }
    if let (Operator::Rem, V::Str(format)) = (op, a) {
        return percent(format, b).map(TValue::from);
    }
    if a.is_undefined() {
        return Err(a.use_fault());
    }
    if b.is_undefined() {
        return Err(b.use_fault());
    }
    let found = match (op, a, b) {
        (Operator::Add, V::Str(x), V::Str(y)) => Some(Ok(TValue::from(format!("{x}{y}")))),
        (Operator::Add, V::Bytes(x), V::Bytes(y)) => {
            Some(Ok(V::Bytes([&**x, &**y].concat().into())))
        }
        (Operator::Add, V::List(x), V::List(y)) => {
            Some(Ok(TValue::list([&**x.get(), &**y.get()].concat())))
        }
        (Operator::Add, V::Tuple(x), V::Tuple(y)) => Some(Ok(TValue::tuple([&**x, &**y].concat()))),
        (Operator::Mul, V::Str(_) | V::List(_) | V::Tuple(_), _) => repeat(a, b),
        (Operator::Mul, _, V::Str(_) | V::List(_) | V::Tuple(_)) => repeat(b, a),
        (Operator::Add | Operator::Sub, V::Object(x), _) => {
            datetime::add(x, b, op == Operator::Sub)
        }
        (Operator::Mul | Operator::Div | Operator::FloorDiv, V::Object(x), _) => scaled(op, x, b),
        (Operator::Mul, _, V::Object(y)) => scaled(op, y, a),
        _ => numbers(op, a, b),
    };
    found.unwrap_or_else(|| {
        Err(Fault::types(format!(
            "unsupported operand types for {}: `{}` and `{}`",
            symbol(op),
            a.type_name(),
            b.type_name()
        )))
    })
}

/// What fits into 64 bits; `None` sends it to the general case.
fn small(op: Operator, x: i64, y: i64) -> Option<TValue> {
    match op {
        Operator::Add => x.checked_add(y).map(TValue::Int),
        Operator::Sub => x.checked_sub(y).map(TValue::Int),
        Operator::Mul => x.checked_mul(y).map(TValue::Int),
        _ => None,
    }
}

fn cycled(items: &[TValue], times: usize) -> Vec<TValue> {
    let count = items.len().saturating_mul(times);
    items.iter().cycle().take(count).cloned().collect()
}

fn repeat(sequence: &TValue, times: &TValue) -> Option<Eval<TValue>> {
    let times = usize::try_from(times.as_int()?.max(0)).ok()?;
    let length = match sequence {
        TValue::Str(s) => s.len(),
        other => other.len().ok()?,
    };
    if length.saturating_mul(times) > MAX_TEXT {
        return Some(Err(Fault::other("the result is too long")));
    }
    Some(Ok(match sequence {
        TValue::Str(s) => TValue::from(s.repeat(times)),
        TValue::List(l) => TValue::list(cycled(&l.get(), times)),
        TValue::Tuple(t) => TValue::tuple(cycled(t, times)),
        _ => return None,
    }))
}

/// A duration times or by a number, or by a duration.
fn scaled(op: Operator, duration: &Object, by: &TValue) -> Option<Eval<TValue>> {
    let too_long = || Fault::other("the duration is too long");
    let delta = match duration {
        Object::Delta(d) => *d,
        Object::Duration(d) if op == Operator::Mul => {
            #[expect(clippy::cast_precision_loss, reason = "as Python's float")]
            let n = by.as_int()? as f64;
            let months = d.months * n;
            let rest = d.rest.0.checked_mul(by.as_int()?);
            return Some(rest.ok_or_else(too_long).map(|rest| {
                TValue::object(Object::Duration(datetime::Duration {
                    years: d.years * n,
                    months,
                    rest: datetime::Delta(rest),
                }))
            }));
        }
        _ => return None,
    };
    if let TValue::Object(o) = by {
        let Object::Delta(other) = &**o else {
            return None;
        };
        if other.0 == 0 {
            return Some(Err(Fault::other("division by zero")));
        }
        return match op {
            Operator::Div => Some(Ok(TValue::Float(
                delta.total_seconds() / other.total_seconds(),
            ))),
            Operator::FloorDiv => Some(Ok(TValue::Int(delta.0.div_euclid(other.0)))),
            _ => None,
        };
    }
    let n = by.as_float()?;
    if op != Operator::Mul && n == 0.0 {
        return Some(Err(Fault::other("division by zero")));
    }
    let seconds = match op {
        Operator::Mul => delta.total_seconds() * n,
        _ => delta.total_seconds() / n,
    };
    Some(
        datetime::from_seconds(seconds)
            .map(datetime::Delta::into_value)
            .map_err(|e| Fault::other(e.0)),
    )
}

fn numbers(op: Operator, a: &TValue, b: &TValue) -> Option<Eval<TValue>> {
    if let (Some(x), Some(y)) = (a.as_big(), b.as_big()) {
        return Some(integers(op, &x, &y));
    }
    Some(floats(op, a.as_float()?, b.as_float()?))
}

fn floor_div(x: &BigInt, y: &BigInt) -> BigInt {
    let quotient = x / y;
    let exact = (&quotient * y) == *x;
    if !exact && (x.is_negative() != y.is_negative()) {
        quotient - 1
    } else {
        quotient
    }
}

fn integers(op: Operator, x: &BigInt, y: &BigInt) -> Eval<TValue> {
    let by_zero = || Fault::other("division by zero");
    if y.is_zero() && matches!(op, Operator::Div | Operator::FloorDiv | Operator::Rem) {
        return Err(by_zero());
    }
    if x.bits().saturating_add(y.bits()) > MAX_BITS {
        return Err(Fault::other("the number is too large"));
    }
    Ok(TValue::int(match op {
        Operator::Add => x + y,
        Operator::Sub => x - y,
        Operator::Mul => x * y,
        Operator::FloorDiv => floor_div(x, y),
        Operator::Rem => x - floor_div(x, y) * y,
        Operator::Div => {
            let (x, y) = (
                x.to_f64().unwrap_or(f64::NAN),
                y.to_f64().unwrap_or(f64::NAN),
            );
            return Ok(TValue::Float(x / y));
        }
        Operator::Pow => {
            if y.is_negative() {
                if x.is_zero() {
                    return Err(Fault::other("0.0 cannot be raised to a negative power"));
                }
                let (x, y) = (
                    x.to_f64().unwrap_or(f64::NAN),
                    y.to_f64().unwrap_or(f64::NAN),
                );
                return Ok(TValue::Float(x.powf(y)));
            }
            let exponent = y
                .to_u32()
                .filter(|e| x.bits().saturating_mul(u64::from(*e)) < MAX_BITS);
            match exponent {
                Some(e) => x.pow(e),
                None if x.bits() <= 1 => {
                    // 0, 1 and -1 stay small whatever the exponent.
                    if x.is_negative() && (y % 2_u32).is_zero() {
                        -x
                    } else {
                        x.clone()
                    }
                }
                None => return Err(Fault::other("the number is too large")),
            }
        }
    }))
}

fn floats(op: Operator, x: f64, y: f64) -> Eval<TValue> {
    if y == 0.0 && matches!(op, Operator::Div | Operator::FloorDiv | Operator::Rem) {
        return Err(Fault::other("float division by zero"));
    }
    let modulo = |x: f64, y: f64| {
        let rest = x % y;
        if rest != 0.0 && (rest < 0.0) != (y < 0.0) {
            rest + y
        } else if rest == 0.0 {
            0.0_f64.copysign(y)
        } else {
            rest
        }
    };
    Ok(TValue::Float(match op {
        Operator::Add => x + y,
        Operator::Sub => x - y,
        Operator::Mul => x * y,
        Operator::Div => x / y,
        Operator::Rem => modulo(x, y),
        Operator::FloorDiv => {
            let quotient = (x - modulo(x, y)) / y;
            quotient.round()
        }
        Operator::Pow => {
            if x == 0.0 && y < 0.0 {
                return Err(Fault::other("0.0 cannot be raised to a negative power"));
            }
            if x < 0.0 && y.fract() != 0.0 {
                // Python answers with a complex number, whose text is no literal here.
                return Err(Fault::other("complex numbers are not supported"));
            }
            let power = x.powf(y);
            if power.is_infinite() && x.is_finite() && y.is_finite() {
                return Err(Fault::other("the result is too large"));
            }
            power
        }
    }))
}

/// `-a`.
pub(crate) fn negate(a: &TValue) -> Eval<TValue> {
    match a {
        TValue::Float(f) => Ok(TValue::Float(-f)),
        TValue::Object(o) => match &**o {
            Object::Delta(d) => Ok(datetime::Delta(-d.0).into_value()),
            Object::Duration(d) => Ok(TValue::object(Object::Duration(d.negated()))),
            _ => Err(Fault::types("bad operand type for unary -")),
        },
        _ if a.is_undefined() => Err(a.use_fault()),
        _ => a
            .as_big()
            .map(|b| TValue::int(-b))
            .ok_or_else(|| Fault::types("bad operand type for unary -")),
    }
}
