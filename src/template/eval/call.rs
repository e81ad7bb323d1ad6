//! Attributes, items and calls, as jinja2's sandbox has them.

use std::sync::{Arc, PoisonError};

use super::{Args, Loop, Machine, Macro};
use crate::template::builtin::Builtin;
use crate::template::datetime;
use crate::template::error::{Eval, Fault, Missing};
use crate::template::python::{containers, text};
use crate::template::value::{Key, Object, TValue, Undefined, dict_get};

/// What is called.
pub(crate) enum Callee {
    Value(TValue),
    Method(TValue, Arc<str>),
    Function(&'static Builtin),
}

/// Whether Python's type of `value` has a method of that name.
pub(crate) fn has_method(value: &TValue, name: &str) -> bool {
    match value {
        TValue::Str(_) => text::METHODS.contains(&name),
        TValue::Bytes(_) => matches!(name, "decode" | "hex"),
        TValue::List(_) => containers::LIST_METHODS.contains(&name),
        TValue::Tuple(_) => matches!(name, "count" | "index"),
        TValue::Dict(_) => containers::DICT_METHODS.contains(&name),
        TValue::Int(_) | TValue::Big(_) | TValue::Bool(_) => {
            matches!(name, "bit_length" | "conjugate")
        }
        TValue::Float(_) => matches!(name, "is_integer" | "conjugate" | "hex"),
        TValue::Object(o) => match &**o {
            Object::Mapping(m) if m.is_mapping() => {
                matches!(name, "get" | "items" | "keys" | "values")
            }
            Object::Mapping(m) => {
                containers::DICT_METHODS.contains(&name) && {
                    // A lazy document may be a list: only then is it worth a look at all of it.
                    name == "get" || has_method(&m.plain(), name)
                }
            }
            Object::DateTime(_)
            | Object::Date(_)
            | Object::Time(_)
            | Object::Delta(_)
            | Object::Duration(_) => datetime::has_method(o, name),
            Object::Cycler(..) => matches!(name, "next" | "reset"),
            Object::Loop(_) => matches!(name, "cycle" | "changed"),
            _ => false,
        },
        _ => false,
    }
}

/// The Python attribute of that name: a method, or a date's part.
pub(crate) fn attribute(value: &TValue, name: &str) -> Option<TValue> {
    if has_method(value, name) {
        return Some(TValue::object(Object::Method(
            value.clone(),
            Arc::from(name),
        )));
    }
    if name.starts_with("__") && name.ends_with("__") && !value.is_undefined() {
        return matches!(
            name,
            "__class__" | "__doc__" | "__dict__" | "__init__" | "__len__" | "__str__" | "__repr__"
        )
        .then(|| {
            TValue::Undefined(Arc::new(Undefined::Unsafe(format!(
                "access to attribute `{name}` of `{}` object is unsafe",
                value.type_name()
            ))))
        });
    }
    let TValue::Object(o) = value else {
        return match (value, name) {
            (TValue::Int(_) | TValue::Big(_) | TValue::Float(_) | TValue::Bool(_), "real") => {
                Some(value.clone())
            }
            _ => None,
        };
    };
    match &**o {
        Object::Mapping(m) => m.attr(name),
        Object::DateTime(_)
        | Object::Date(_)
        | Object::Time(_)
        | Object::Delta(_)
        | Object::Duration(_) => datetime::attribute(o, name),
        Object::Namespace(dict) => dict_get(&dict.get(), name).cloned(),
        Object::Loop(state) => state.attribute(name),
        Object::Macro(m) => (name == "name").then(|| TValue::str(&m.name)),
        Object::Cycler(items, at) => (name == "current").then(|| {
            let at = *at.lock().unwrap_or_else(PoisonError::into_inner);
            items.get(at).cloned().unwrap_or_default()
        }),
        _ => None,
    }
}

impl Loop {
    fn attribute(&self, name: &str) -> Option<TValue> {
        let count = |n: usize| TValue::Int(i64::try_from(n).unwrap_or(i64::MAX));
        let neighbour = |v: &Option<TValue>, message: &str| {
            v.clone().unwrap_or_else(|| TValue::undefined(message))
        };
        Some(match name {
            "index" => count(self.index0 + 1),
            "index0" => count(self.index0),
            "revindex" => count(self.length - self.index0),
            "revindex0" => count(self.length - self.index0 - 1),
            "first" => TValue::Bool(self.index0 == 0),
            "last" => TValue::Bool(self.index0 + 1 == self.length),
            "length" => count(self.length),
            "depth" => count(self.depth0 + 1),
            "depth0" => count(self.depth0),
            "previtem" => neighbour(&self.previous, "there is no previous item"),
            "nextitem" => neighbour(&self.next, "there is no next item"),
            _ => return None,
        })
    }
}

/// `value.name`: an attribute, else an item, else undefined.
pub(crate) fn get_attr(value: &TValue, name: &Arc<str>) -> Eval<TValue> {
    if value.is_undefined() {
        return Err(value.use_fault());
    }
    if let Some(found) = attribute(value, name) {
        return Ok(found);
    }
    Ok(value
        .item(&TValue::Str(Arc::clone(name)))
        .unwrap_or_else(|| missing(value, name)))
}

/// `value[key]`: an item, else an attribute, else undefined.
pub(crate) fn get_item(value: &TValue, key: &TValue) -> Eval<TValue> {
    if value.is_undefined() {
        return Err(value.use_fault());
    }
    if let Some(found) = value.item(key) {
        return Ok(found);
    }
    if let TValue::Str(name) = key {
        if let Some(found) = attribute(value, name) {
            return Ok(found);
        }
        return Ok(missing(value, name));
    }
    Ok(TValue::undefined(format!(
        "`{}` object has no such element",
        value.type_name()
    )))
}

fn missing(value: &TValue, name: &Arc<str>) -> TValue {
    TValue::Undefined(Arc::new(Undefined::Missing(Missing {
        of: value.clone(),
        key: Arc::clone(name),
        spans: None,
    })))
}

/// Calls a method that [`has_method`] knows.
pub(crate) fn apply_method(of: &TValue, name: &str, args: Args) -> Eval<TValue> {
    match of {
        TValue::Str(s) => text::call(s, name, args),
        TValue::Bytes(b) => text::call_bytes(b, name, args),
        TValue::List(l) => containers::call_list(l, name, args),
        TValue::Tuple(t) => containers::call_sequence(t, name, args),
        TValue::Dict(d) => containers::call_dict(d, name, args),
        TValue::Object(o) => match &**o {
            Object::Mapping(m) => {
                if name == "get" {
                    let [key, default] = args.bind("get", ["key", "default"], 1)?;
                    let key = key.unwrap_or_default();
                    let found = match &key {
                        TValue::Str(k) => m.get(k),
                        _ => None,
                    };
                    return match (found, m.is_mapping()) {
                        (Some(found), _) => Ok(found),
                        (None, true) => Ok(default.unwrap_or(TValue::None)),
                        (None, false) => match m.plain() {
                            TValue::Dict(d) => containers::call_dict(
                                &d,
                                "get",
                                Args::of(vec![key, default.unwrap_or(TValue::None)]),
                            ),
                            other => Err(missing(&other, &Arc::from("get")).use_fault()),
                        },
                    };
                }
                apply_method(&m.plain(), name, args)
            }
            Object::Cycler(items, at) => {
                args.none(name)?;
                let mut at = at.lock().unwrap_or_else(PoisonError::into_inner);
                if name == "reset" {
                    *at = 0;
                    return Ok(TValue::None);
                }
                let value = items.get(*at).cloned().unwrap_or_default();
                *at = (*at + 1) % items.len().max(1);
                Ok(value)
            }
            Object::Loop(state) => loop_method(state, name, args),
            _ => datetime::call_method(o, name, args),
        },
        TValue::Float(f) if name == "is_integer" => {
            args.none(name)?;
            Ok(TValue::Bool(f.is_finite() && f.fract() == 0.0))
        }
        _ if name == "conjugate" => Ok(of.clone()),
        _ if name == "bit_length" => {
            let bits = of.as_big().map_or(0, |b| b.bits());
            Ok(TValue::from(bits))
        }
        _ => Err(Fault::types(format!("`{name}` cannot be called"))),
    }
}

fn loop_method(state: &Loop, name: &str, args: Args) -> Eval<TValue> {
    if name == "cycle" {
        if args.pos.is_empty() {
            return Err(Fault::types("no items for cycling given"));
        }
        let at = state.index0 % args.pos.len();
        return Ok(args.pos.into_iter().nth(at).unwrap_or_default());
    }
    let mut seen = state.seen.lock().unwrap_or_else(PoisonError::into_inner);
    let changed = seen.as_ref().is_none_or(|old| {
        old.len() != args.pos.len()
            || !old
                .iter()
                .zip(&args.pos)
                .all(|(a, b)| crate::template::python::compare::equal(a, b))
    });
    *seen = Some(args.pos);
    Ok(TValue::Bool(changed))
}

impl Machine<'_> {
    pub(crate) fn invoke(&mut self, callee: Callee, args: Args) -> Eval<TValue> {
        let value = match callee {
            Callee::Function(function) => return (function.call)(self, args),
            Callee::Method(of, name) => return apply_method(&of, &name, args),
            Callee::Value(value) => value,
        };
        if value.is_undefined() {
            return Err(value.use_fault());
        }
        if let TValue::Object(o) = &value {
            match &**o {
                Object::Function(function) => return (function.call)(self, args),
                Object::Method(of, name) => return apply_method(of, name, args),
                Object::Macro(m) => return self.call_macro(m, args),
                Object::Loop(Loop {
                    code: Some(code),
                    depth0,
                    ..
                }) => {
                    let items = args.one("loop", "iterable")?.iterate()?;
                    return self
                        .deeper(|m| m.captured(|m| m.for_loop(code, items, depth0 + 1)))
                        .map(TValue::from);
                }
                Object::Joiner(separator, used) => {
                    args.none("joiner")?;
                    let mut used = used.lock().unwrap_or_else(PoisonError::into_inner);
                    let text = if *used { separator.as_str() } else { "" };
                    *used = true;
                    return Ok(TValue::str(text));
                }
                _ => {}
            }
        }
        Err(Fault::types(format!(
            "`{}` object is not callable",
            value.type_name()
        )))
    }

    fn call_macro(&mut self, m: &Arc<Macro>, args: Args) -> Eval<TValue> {
        let mut locals = m.locals.clone();
        locals.push((
            Arc::clone(&m.name),
            TValue::object(Object::Macro(Arc::clone(m))),
        ));
        let outer = std::mem::replace(&mut self.locals, locals);
        let result = self.deeper(|machine| {
            machine.captured(|machine| {
                machine.bind_macro(m, args)?;
                machine.body(&m.code.body)
            })
        });
        self.locals = outer;
        result.map(TValue::from)
    }

    fn bind_macro(&mut self, m: &Macro, args: Args) -> Eval<()> {
        let code = &m.code;
        let mut pos = args.pos.into_iter();
        let mut named = args.named;
        let first_default = code.args.len() - code.defaults.len().min(code.args.len());
        for (i, name) in code.args.iter().enumerate() {
            let value = if let Some(value) = pos.next() {
                value
            } else if let Some(at) = named.iter().position(|(n, _)| n == name) {
                named.remove(at).1
            } else if let Some(default) = i
                .checked_sub(first_default)
                .and_then(|d| code.defaults.get(d))
            {
                self.expr(default)?
            } else {
                TValue::undefined(format!("parameter `{name}` was not provided"))
            };
            self.declare(name, value);
        }
        let rest: Vec<TValue> = pos.collect();
        self.declare(&Arc::from("varargs"), TValue::tuple(rest));
        if let Some(at) = named.iter().position(|(n, _)| **n == *"caller") {
            let caller = named.remove(at).1;
            self.declare(&Arc::from("caller"), caller);
        }
        let rest = named
            .into_iter()
            .map(|(name, value)| (Key::str(&name), value))
            .collect();
        self.declare(&Arc::from("kwargs"), TValue::dict(rest));
        Ok(())
    }
}
