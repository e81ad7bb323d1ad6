//! Tests: what may stand after `is`.

use super::{Test, find_filter, find_test};
use crate::template::compile::code::Comparison;
use crate::template::error::{Eval, Fault};
use crate::template::eval::{Args, compared, is_callable};
use crate::template::python::{operators, repr};
use crate::template::value::{Key, Object, TValue};

macro_rules! tests {
    ($($name:literal => $call:expr),* $(,)?) => {
        &[$(Test { name: $name, call: $call }),*]
    };
}

pub(super) const ALL: &[Test] = tests! {
    "defined" => |v, args| args.none("defined").map(|()| !v.is_undefined()),
    "undefined" => |v, args| args.none("undefined").map(|()| v.is_undefined()),
    "none" => |v, args| args.none("none").map(|()| matches!(v, TValue::None)),
    "boolean" => |v, args| args.none("boolean").map(|()| matches!(v, TValue::Bool(_))),
    "true" => |v, args| args.none("true").map(|()| matches!(v, TValue::Bool(true))),
    "false" => |v, args| args.none("false").map(|()| matches!(v, TValue::Bool(false))),
    "integer" => |v, args| args.none("integer").map(|()| matches!(v, TValue::Int(_) | TValue::Big(_))),
    "float" => |v, args| args.none("float").map(|()| matches!(v, TValue::Float(_))),
    "number" => |v, args| args.none("number").map(|()| v.as_float().is_some()),
    "string" => |v, args| args.none("string").map(|()| matches!(v, TValue::Str(_))),
    "mapping" => |v, args| args.none("mapping").map(|()| matches!(v.plain(), TValue::Dict(_))),
    "iterable" => |v, args| args.none("iterable").map(|()| is_iterable(v)),
    "sequence" => |v, args| args.none("sequence").map(|()| is_sequence(v)),
    "callable" => |v, args| args.none("callable").map(|()| is_callable(v)),
    "sameas" => |v, args| args.one("sameas", "other").map(|other| same(v, &other)),
    "escaped" => |_, args| args.none("escaped").map(|()| false),
    "filter" => |v, args| args.none("filter").and_then(|()| name(v)).map(|n| n.and_then(find_filter).is_some()),
    "test" => |v, args| args.none("test").and_then(|()| name(v)).map(|n| n.and_then(find_test).is_some()),
    "lower" => |v, args| cased(v, args, "islower"),
    "upper" => |v, args| cased(v, args, "isupper"),
    "odd" => |v, args| args.none("odd").and_then(|()| remainder(v, &TValue::Int(2), 1)),
    "even" => |v, args| args.none("even").and_then(|()| remainder(v, &TValue::Int(2), 0)),
    "divisibleby" => |v, args| remainder(v, &args.one("divisibleby", "num")?, 0),
    "in" => |v, args| compared(Comparison::In, v, &args.one("in", "seq")?),
    "eq" => |v, args| compared(Comparison::Eq, v, &args.one("eq", "other")?),
    "equalto" => |v, args| compared(Comparison::Eq, v, &args.one("equalto", "other")?),
    "==" => |v, args| compared(Comparison::Eq, v, &args.one("==", "other")?),
    "ne" => |v, args| compared(Comparison::Ne, v, &args.one("ne", "other")?),
    "!=" => |v, args| compared(Comparison::Ne, v, &args.one("!=", "other")?),
    "gt" => |v, args| compared(Comparison::Gt, v, &args.one("gt", "other")?),
    "greaterthan" => |v, args| compared(Comparison::Gt, v, &args.one("greaterthan", "other")?),
    ">" => |v, args| compared(Comparison::Gt, v, &args.one(">", "other")?),
    "ge" => |v, args| compared(Comparison::Ge, v, &args.one("ge", "other")?),
    ">=" => |v, args| compared(Comparison::Ge, v, &args.one(">=", "other")?),
    "lt" => |v, args| compared(Comparison::Lt, v, &args.one("lt", "other")?),
    "lessthan" => |v, args| compared(Comparison::Lt, v, &args.one("lessthan", "other")?),
    "<" => |v, args| compared(Comparison::Lt, v, &args.one("<", "other")?),
    "le" => |v, args| compared(Comparison::Le, v, &args.one("le", "other")?),
    "<=" => |v, args| compared(Comparison::Le, v, &args.one("<=", "other")?),
};

/// A name to look up in a dict; what cannot be a key of one is a mistake.
fn name(value: &TValue) -> Eval<Option<&str>> {
    if matches!(value, TValue::List(_) | TValue::Dict(_)) {
        Key::new(value.clone())?;
    }
    Ok(value.as_str())
}

fn is_iterable(value: &TValue) -> bool {
    match value {
        TValue::Missing
        | TValue::Undefined(_)
        | TValue::Str(_)
        | TValue::Bytes(_)
        | TValue::List(_)
        | TValue::Tuple(_)
        | TValue::Dict(_) => true,
        TValue::Object(o) => matches!(
            &**o,
            Object::View(_) | Object::Cursor(_) | Object::Mapping(_)
        ),
        _ => false,
    }
}

/// What has a length and items: Python asks for `len(value)` and `value.__getitem__`.
fn is_sequence(value: &TValue) -> bool {
    matches!(
        value.plain(),
        TValue::Str(_) | TValue::Bytes(_) | TValue::List(_) | TValue::Tuple(_) | TValue::Dict(_)
    )
}

fn same(a: &TValue, b: &TValue) -> bool {
    match (a, b) {
        (TValue::None, TValue::None) => true,
        (TValue::Bool(a), TValue::Bool(b)) => a == b,
        // CPython keeps one object for each small number and, mostly, for each short text.
        (TValue::Int(a), TValue::Int(b)) => a == b && (-5..=256).contains(a),
        (TValue::Str(a), TValue::Str(b)) => std::sync::Arc::ptr_eq(a, b) || (a == b && a.len() < 2),
        (TValue::List(a), TValue::List(b)) => std::sync::Arc::ptr_eq(a, b),
        (TValue::Dict(a), TValue::Dict(b)) => std::sync::Arc::ptr_eq(a, b),
        (TValue::Object(a), TValue::Object(b)) => std::sync::Arc::ptr_eq(a, b),
        (TValue::Tuple(a), TValue::Tuple(b)) => {
            std::sync::Arc::ptr_eq(a, b) || (a.is_empty() && b.is_empty())
        }
        _ => false,
    }
}

fn cased(value: &TValue, args: Args, method: &str) -> Eval<bool> {
    args.none(method)?;
    let text = TValue::from(repr::to_str(value));
    crate::template::eval::apply_method(&text, method, Args::default()).map(|v| v.truth())
}

fn remainder(value: &TValue, by: &TValue, wanted: i64) -> Eval<bool> {
    use crate::template::compile::code::Operator;
    if let TValue::Str(_) = value {
        return Err(Fault::types(
            "not all arguments converted during string formatting",
        ));
    }
    let rest = operators::binary(Operator::Rem, value, by)?;
    Ok(rest.as_float() == Some(if wanted == 1 { 1.0 } else { 0.0 }))
}
