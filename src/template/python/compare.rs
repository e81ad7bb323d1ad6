//! `==`, `<`, `in`.

use std::cmp::Ordering;

use num_bigint::BigInt;
use num_traits::FromPrimitive as _;

use crate::template::error::{Eval, Fault};
use crate::template::value::{Key, Object, TValue};

/// Python's `==`.
pub(crate) fn equal(a: &TValue, b: &TValue) -> bool {
    use TValue as V;
    match (a, b) {
        (V::Str(a), V::Str(b)) => a == b,
        (V::Missing | V::Undefined(_), V::Missing | V::Undefined(_)) | (V::None, V::None) => true,
        (V::Bytes(a), V::Bytes(b)) => a == b,
        (V::List(a), V::List(b)) => all_equal(&a.get(), &b.get()),
        (V::Tuple(a), V::Tuple(b)) => all_equal(a, b),
        (V::Dict(a), V::Dict(b)) => {
            let (a, b) = (a.get(), b.get());
            a.len() == b.len()
                && a.iter()
                    .all(|(k, v)| b.get(k).is_some_and(|other| equal(v, other)))
        }
        (V::Object(a), V::Object(b)) => objects_equal(a, b),
        (V::Object(o), other) | (other, V::Object(o)) => match &**o {
            Object::Mapping(m) => {
                let plain = m.plain();
                !matches!(plain, V::Object(_)) && equal(&plain, other)
            }
            _ => false,
        },
        _ => numbers(a, b) == Some(Ordering::Equal),
    }
}

fn all_equal(a: &[TValue], b: &[TValue]) -> bool {
    a.len() == b.len() && a.iter().zip(b).all(|(a, b)| equal(a, b))
}

fn objects_equal(a: &Object, b: &Object) -> bool {
    match (a, b) {
        (Object::DateTime(a), Object::DateTime(b)) => a.equals(b),
        (Object::Date(a), Object::Date(b)) => a == b,
        (Object::Time(a), Object::Time(b)) => a == b,
        (Object::Delta(a), Object::Delta(b)) => a == b,
        (Object::Duration(a), Object::Duration(b)) => a == b,
        (Object::Mapping(a), Object::Mapping(b)) => equal(&a.plain(), &b.plain()),
        (Object::View(a), Object::View(b)) => all_equal(&a.items(), &b.items()),
        _ => std::ptr::eq(a, b),
    }
}

/// Order of two numbers; `None` when one is no number, or not a number.
fn numbers(a: &TValue, b: &TValue) -> Option<Ordering> {
    if let (Some(a), Some(b)) = (a.as_int(), b.as_int()) {
        return Some(a.cmp(&b));
    }
    match (a, b) {
        (TValue::Float(a), TValue::Float(b)) => a.partial_cmp(b),
        (TValue::Float(f), _) => float_with_int(*f, &b.as_big()?),
        (_, TValue::Float(f)) => float_with_int(*f, &a.as_big()?).map(Ordering::reverse),
        _ => Some(a.as_big()?.cmp(&b.as_big()?)),
    }
}

fn float_with_int(f: f64, i: &BigInt) -> Option<Ordering> {
    if f.is_nan() {
        return None;
    }
    let Some(whole) = BigInt::from_f64(f.trunc()) else {
        return Some(if f > 0.0 {
            Ordering::Greater
        } else {
            Ordering::Less
        });
    };
    Some(
        whole
            .cmp(i)
            .then_with(|| f.fract().partial_cmp(&0.0).unwrap_or(Ordering::Equal)),
    )
}

/// Python's order, or a `TypeError`. `None` is the order of NaN.
pub(crate) fn order(a: &TValue, b: &TValue) -> Eval<Option<Ordering>> {
    use TValue as V;
    if a.is_undefined() {
        return Err(a.use_fault());
    }
    if b.is_undefined() {
        return Err(b.use_fault());
    }
    let unlike = || {
        Fault::types(format!(
            "`{}` and `{}` have no order",
            a.type_name(),
            b.type_name()
        ))
    };
    match (a, b) {
        (V::Str(a), V::Str(b)) => Ok(Some(a.cmp(b))),
        (V::Bytes(a), V::Bytes(b)) => Ok(Some(a.cmp(b))),
        (V::List(a), V::List(b)) => order_all(&a.get(), &b.get()),
        (V::Tuple(a), V::Tuple(b)) => order_all(a, b),
        (V::Object(x), V::Object(y)) => match (&**x, &**y) {
            (Object::DateTime(a), Object::DateTime(b)) => a.order(b).map(Some),
            (Object::Date(a), Object::Date(b)) => Ok(Some(a.cmp(b))),
            (Object::Time(a), Object::Time(b)) => Ok(a.partial_cmp(b)),
            (Object::Delta(a), Object::Delta(b)) => Ok(Some(a.cmp(b))),
            _ => Err(unlike()),
        },
        _ if a.as_float().is_some() && b.as_float().is_some() => Ok(numbers(a, b)),
        _ => Err(unlike()),
    }
}

fn order_all(a: &[TValue], b: &[TValue]) -> Eval<Option<Ordering>> {
    for (a, b) in a.iter().zip(b) {
        if !equal(a, b) {
            return order(a, b);
        }
    }
    Ok(Some(a.len().cmp(&b.len())))
}

/// Sorts as Python does: stable, and with its error for values that have no order.
pub(crate) fn sort(items: &mut [(TValue, TValue)], reverse: bool) -> Eval<()> {
    let mut fault = None;
    let by = |a: &(TValue, TValue), b: &(TValue, TValue)| match order(&a.0, &b.0) {
        Ok(order) => order.unwrap_or(Ordering::Equal),
        Err(e) => {
            fault.get_or_insert(e);
            Ordering::Equal
        }
    };
    if reverse {
        let mut by = by;
        items.sort_by(|a, b| by(b, a));
    } else {
        items.sort_by(by);
    }
    fault.map_or(Ok(()), Err)
}

/// `needle in haystack`.
pub(crate) fn contains(haystack: &TValue, needle: &TValue) -> Eval<bool> {
    match haystack {
        TValue::Str(s) => match needle {
            TValue::Str(n) => Ok(s.contains(&**n)),
            _ => Err(Fault::types(format!(
                "`in <str>` requires a str as left operand, not `{}`",
                needle.type_name()
            ))),
        },
        TValue::Dict(d) => Ok(d.get().contains_key(&Key::new(needle.plain())?)),
        TValue::Object(o) => match (&**o, needle) {
            (Object::Mapping(m), TValue::Str(key)) if m.is_mapping() => Ok(m.get(key).is_some()),
            (Object::Mapping(m), _) => contains(&m.plain(), needle),
            _ => Ok(haystack.iterate()?.iter().any(|i| equal(i, needle))),
        },
        _ => Ok(haystack.iterate()?.iter().any(|i| equal(i, needle))),
    }
}
