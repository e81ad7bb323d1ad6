//! Methods of `list`, `tuple` and `dict`.

use std::sync::Arc;

use super::compare;
use crate::template::error::{Eval, Fault};
use crate::template::eval::Args;
use crate::template::value::{Dict, Key, Object, Shared, TValue, View, ViewKind, index};

/// Methods of `list`.
pub(crate) const LIST_METHODS: &[&str] = &[
    "append", "clear", "copy", "count", "extend", "index", "insert", "pop", "remove", "reverse",
    "sort",
];

/// Methods of `dict`.
pub(crate) const DICT_METHODS: &[&str] = &[
    "clear",
    "copy",
    "fromkeys",
    "get",
    "items",
    "keys",
    "pop",
    "popitem",
    "setdefault",
    "update",
    "values",
];

fn int(value: &TValue) -> Eval<i64> {
    value.as_int().ok_or_else(|| {
        Fault::types(format!(
            "`{}` object cannot be interpreted as an integer",
            value.type_name()
        ))
    })
}

/// Methods that lists and tuples share.
pub(crate) fn call_sequence(items: &[TValue], name: &str, args: Args) -> Eval<TValue> {
    let of = |n: usize| TValue::Int(i64::try_from(n).unwrap_or(i64::MAX));
    if name == "count" {
        let value = args.one(name, "value")?;
        return Ok(of(items
            .iter()
            .filter(|i| compare::equal(i, &value))
            .count()));
    }
    let [value, start, end] = args.bind(name, ["value", "start", "stop"], 1)?;
    let value = value.unwrap_or_default();
    let length = i64::try_from(items.len()).unwrap_or(i64::MAX);
    let place = |v: Option<TValue>, unset: i64| -> Eval<usize> {
        let at = v.as_ref().map_or(Ok(unset), int)?;
        let at = if at < 0 { (at + length).max(0) } else { at };
        Ok(usize::try_from(at).unwrap_or(usize::MAX))
    };
    let (start, end) = (place(start, 0)?, place(end, length)?);
    items
        .iter()
        .enumerate()
        .take(end)
        .skip(start)
        .find(|(_, i)| compare::equal(i, &value))
        .map(|(at, _)| of(at))
        .ok_or_else(|| Fault::other("the value is not in the list"))
}

/// Methods of lists.
pub(crate) fn call_list(l: &Arc<Shared<Vec<TValue>>>, name: &str, args: Args) -> Eval<TValue> {
    match name {
        "append" => {
            let value = args.one(name, "object")?;
            l.update(|l| l.push(value));
        }
        "extend" => {
            let more = args.one(name, "iterable")?.iterate()?;
            l.update(|l| l.extend(more));
        }
        "clear" => {
            args.none(name)?;
            l.update(Vec::clear);
        }
        "copy" => {
            args.none(name)?;
            return Ok(TValue::list(l.get().to_vec()));
        }
        "insert" => {
            let [at, value] = args.bind(name, ["index", "object"], 2)?;
            let at = int(&at.unwrap_or_default())?;
            l.update(|l| {
                let length = i64::try_from(l.len()).unwrap_or(i64::MAX);
                let at = if at < 0 {
                    (at + length).max(0)
                } else {
                    at.min(length)
                };
                l.insert(usize::try_from(at).unwrap_or(0), value.unwrap_or_default());
            });
        }
        "pop" => {
            let [at] = args.bind(name, ["index"], 0)?;
            let at = at.as_ref().map_or(Ok(-1), int)?;
            return l
                .update(|l| index(at, l.len()).map(|at| l.remove(at)))
                .ok_or_else(|| Fault::other("pop index out of range"));
        }
        "remove" => {
            let value = args.one(name, "value")?;
            let at = l.get().iter().position(|i| compare::equal(i, &value));
            let at = at.ok_or_else(|| Fault::other("the value is not in the list"))?;
            l.update(|l| l.remove(at));
        }
        "reverse" => {
            args.none(name)?;
            l.update(|l| l.reverse());
        }
        "sort" => {
            let [_, reverse] = args.bind(name, ["key", "reverse"], 0)?;
            let mut pairs: Vec<_> = l.get().iter().map(|v| (v.clone(), v.clone())).collect();
            compare::sort(&mut pairs, reverse.is_some_and(|r| r.truth()))?;
            l.update(|l| *l = pairs.into_iter().map(|(_, v)| v).collect());
        }
        _ => return call_sequence(&l.get(), name, args),
    }
    Ok(TValue::None)
}

/// A view of a dict.
pub(crate) fn view(dict: &Arc<Shared<Dict>>, kind: ViewKind) -> TValue {
    TValue::object(Object::View(View {
        kind,
        dict: Arc::clone(dict),
    }))
}

/// Methods of dicts.
pub(crate) fn call_dict(d: &Arc<Shared<Dict>>, name: &str, args: Args) -> Eval<TValue> {
    match name {
        "keys" => args.none(name).map(|()| view(d, ViewKind::Keys)),
        "values" => args.none(name).map(|()| view(d, ViewKind::Values)),
        "items" => args.none(name).map(|()| view(d, ViewKind::Items)),
        "copy" => args
            .none(name)
            .map(|()| TValue::dict(Dict::clone(&d.get()))),
        "get" => {
            let [key, default] = args.bind(name, ["key", "default"], 1)?;
            let key = Key::new(key.unwrap_or_default().plain())?;
            Ok(d.get()
                .get(&key)
                .cloned()
                .unwrap_or_else(|| default.unwrap_or(TValue::None)))
        }
        "setdefault" => {
            let [key, default] = args.bind(name, ["key", "default"], 1)?;
            let key = Key::new(key.unwrap_or_default().plain())?;
            let default = default.unwrap_or(TValue::None);
            Ok(d.update(|d| d.entry(key).or_insert(default).clone()))
        }
        "pop" => {
            let [key, default] = args.bind(name, ["key", "default"], 1)?;
            let key = Key::new(key.unwrap_or_default().plain())?;
            d.update(|d| d.shift_remove(&key))
                .or(default)
                .ok_or_else(|| Fault::other("no such key"))
        }
        "popitem" => {
            args.none(name)?;
            d.update(Dict::pop)
                .map(|(k, v)| TValue::tuple(vec![k.value().clone(), v]))
                .ok_or_else(|| Fault::other("popitem(): dictionary is empty"))
        }
        "clear" => {
            args.none(name)?;
            d.update(Dict::clear);
            Ok(TValue::None)
        }
        "update" => {
            let named = args.named;
            for more in args.pos {
                let more = pairs(&more)?;
                d.update(|d| d.extend(more));
            }
            d.update(|d| d.extend(named.into_iter().map(|(k, v)| (Key::str(&k), v))));
            Ok(TValue::None)
        }
        "fromkeys" => {
            let [keys, value] = args.bind(name, ["iterable", "value"], 1)?;
            let value = value.unwrap_or(TValue::None);
            let mut dict = Dict::new();
            for key in keys.unwrap_or_default().iterate()? {
                dict.insert(Key::new(key)?, value.clone());
            }
            Ok(TValue::dict(dict))
        }
        _ => Err(Fault::types(format!("`{name}` cannot be called"))),
    }
}

/// The pairs that `dict(value)` takes out of a mapping or a list of pairs.
pub(crate) fn pairs(value: &TValue) -> Eval<Dict> {
    match value.plain() {
        TValue::Dict(d) => Ok(Dict::clone(&d.get())),
        other => {
            let mut dict = Dict::new();
            for pair in other.iterate()? {
                let mut pair = pair.iterate()?.into_iter();
                match (pair.next(), pair.next(), pair.next()) {
                    (Some(key), Some(value), None) => dict.insert(Key::new(key)?, value),
                    _ => return Err(Fault::other("a pair is expected")),
                };
            }
            Ok(dict)
        }
    }
}
