//! Filters of lists and mappings.

use super::Filter;
use crate::template::error::{Eval, Fault};
use crate::template::eval::{Args, Machine, attribute, by_path};
use crate::template::python::{compare, repr};
use crate::template::value::{Cursor, Key, Object, TValue};

macro_rules! filters {
    ($($name:literal => $call:expr),* $(,)?) => {
        &[$(Filter { name: $name, call: $call }),*]
    };
}

pub(super) const FILTERS: &[Filter] = filters! {
    "length" => length,
    "count" => length,
    "first" => |_, value, args| {
        args.none("first")?;
        Ok(first(&value)?.unwrap_or_else(|| TValue::undefined("No first item, sequence was empty.")))
    },
    "last" => |_, value, args| {
        args.none("last")?;
        if matches!(&value, TValue::Object(o) if matches!(&**o, Object::Cursor(_))) {
            return Err(Fault::types("`generator` object is not reversible"));
        }
        Ok(value.iterate()?.pop().unwrap_or_else(|| TValue::undefined("No last item, sequence was empty.")))
    },
    "random" => |_, value, args| {
        args.none("random")?;
        let mut items = value.iterate()?;
        if items.is_empty() {
            return Ok(TValue::undefined("No random item, sequence was empty."));
        }
        use std::hash::{BuildHasher as _, Hasher as _, RandomState};
        let random = RandomState::new().build_hasher().finish();
        let at = usize::try_from(random % u64::try_from(items.len()).unwrap_or(1)).unwrap_or(0);
        Ok(items.swap_remove(at))
    },
    "list" => |_, value, args| {
        args.none("list")?;
        Ok(TValue::list(value.iterate()?))
    },
    "items" => |_, value, args| {
        args.none("items")?;
        if value.is_undefined() {
            return Ok(generator(Vec::new()));
        }
        let TValue::Dict(d) = value.plain() else {
            return Err(Fault::types("Can only get item pairs from a mapping."));
        };
        Ok(generator(d.get().iter().map(|(k, v)| TValue::tuple(vec![k.value().clone(), v.clone()])).collect()))
    },
    "default" => default,
    "d" => default,
    "attr" => |_, value, args| {
        let name = repr::to_str(&args.one("attr", "name")?);
        if value.is_undefined() {
            return Err(value.use_fault());
        }
        Ok(attribute(&value, &name).unwrap_or_else(|| TValue::undefined(format!("no attribute `{name}`"))))
    },
    "max" => |_, value, args| extreme(&value, args, true),
    "min" => |_, value, args| extreme(&value, args, false),
    "sum" => sum,
    "sort" => sort,
    "unique" => unique,
    "join" => join,
    "reverse" => reverse,
    "batch" => batch,
    "slice" => slice,
    "dictsort" => dictsort,
    "groupby" => groupby,
};

/// What jinja2's generators give.
pub(super) fn generator(items: Vec<TValue>) -> TValue {
    TValue::object(Object::Cursor(Cursor::new("generator", items)))
}

fn length(_: &mut Machine<'_>, value: TValue, args: Args) -> Eval<TValue> {
    args.none("length")?;
    value
        .len()
        .map(|n| TValue::Int(i64::try_from(n).unwrap_or(i64::MAX)))
}

fn first(value: &TValue) -> Eval<Option<TValue>> {
    if let TValue::Object(o) = value
        && let Object::Cursor(c) = &**o
    {
        return Ok(c.next());
    }
    Ok(value.iterate()?.into_iter().next())
}

fn default(_: &mut Machine<'_>, value: TValue, args: Args) -> Eval<TValue> {
    let [default, boolean] = args.bind("default", ["default_value", "boolean"], 0)?;
    let falsy = boolean.is_some_and(|b| b.truth()) && !value.truth();
    Ok(if value.is_undefined() || falsy {
        default.unwrap_or_else(|| TValue::str(""))
    } else {
        value
    })
}

/// What a case-insensitive filter compares by: text in lower case.
fn folded(value: TValue, case_sensitive: bool) -> TValue {
    match &value {
        TValue::Str(s) if !case_sensitive => TValue::from(s.to_lowercase()),
        _ => value,
    }
}

fn keyed(value: &TValue, attribute: Option<&TValue>, case_sensitive: bool) -> Eval<TValue> {
    let key = match attribute {
        None | Some(TValue::None) => value.clone(),
        Some(path) => by_path(value, path)?,
    };
    Ok(folded(key, case_sensitive))
}

fn truth(value: Option<TValue>) -> bool {
    value.is_some_and(|v| v.truth())
}

fn extreme(value: &TValue, args: Args, largest: bool) -> Eval<TValue> {
    let name = if largest { "max" } else { "min" };
    let [case, attribute] = args.bind(name, ["case_sensitive", "attribute"], 0)?;
    let case = truth(case);
    let mut best: Option<(TValue, TValue)> = None;
    for item in value.iterate()? {
        let key = keyed(&item, attribute.as_ref(), case)?;
        let better = match &best {
            None => true,
            Some((old, _)) => {
                let wanted = if largest {
                    std::cmp::Ordering::Greater
                } else {
                    std::cmp::Ordering::Less
                };
                compare::order(&key, old)? == Some(wanted)
            }
        };
        if better {
            best = Some((key, item));
        }
    }
    Ok(best.map_or_else(
        || TValue::undefined("No aggregated item, sequence was empty."),
        |(_, item)| item,
    ))
}

fn sum(_: &mut Machine<'_>, value: TValue, args: Args) -> Eval<TValue> {
    use crate::template::compile::code::Operator;
    let [attribute, start] = args.bind("sum", ["attribute", "start"], 0)?;
    let mut total = start.unwrap_or(TValue::Int(0));
    if let TValue::Str(_) = total {
        return Err(Fault::types("sum() can't sum strings"));
    }
    for item in value.iterate()? {
        let item = keyed(&item, attribute.as_ref(), true)?;
        total = crate::template::python::operators::binary(Operator::Add, &total, &item)?;
    }
    Ok(total)
}

fn sort(_: &mut Machine<'_>, value: TValue, args: Args) -> Eval<TValue> {
    let names = ["reverse", "case_sensitive", "attribute"];
    let [reverse, case, attribute] = args.bind("sort", names, 0)?;
    let case = truth(case);
    // Several attributes are separated by commas.
    let paths: Vec<TValue> = match &attribute {
        None | Some(TValue::None) => Vec::new(),
        Some(TValue::Str(s)) => s.split(',').map(TValue::str).collect(),
        Some(other) => vec![other.clone()],
    };
    let mut items = Vec::new();
    for item in value.iterate()? {
        let key = match paths.as_slice() {
            [] => folded(item.clone(), case),
            paths => TValue::list(
                paths
                    .iter()
                    .map(|p| keyed(&item, Some(p), case))
                    .collect::<Eval<_>>()?,
            ),
        };
        items.push((key, item));
    }
    compare::sort(&mut items, truth(reverse))?;
    Ok(TValue::list(items.into_iter().map(|(_, v)| v).collect()))
}

fn unique(_: &mut Machine<'_>, value: TValue, args: Args) -> Eval<TValue> {
    let [case, attribute] = args.bind("unique", ["case_sensitive", "attribute"], 0)?;
    let case = truth(case);
    let mut seen = indexmap::IndexSet::new();
    let mut items = Vec::new();
    for item in value.iterate()? {
        if seen.insert(Key::new(keyed(&item, attribute.as_ref(), case)?.plain())?) {
            items.push(item);
        }
    }
    Ok(generator(items))
}

fn join(_: &mut Machine<'_>, value: TValue, args: Args) -> Eval<TValue> {
    let [separator, attribute] = args.bind("join", ["d", "attribute"], 0)?;
    let separator = separator.map_or_else(String::new, |s| repr::to_str(&s));
    let mut out = String::new();
    for (i, item) in value.iterate()?.iter().enumerate() {
        if i > 0 {
            out.push_str(&separator);
        }
        let item = keyed(item, attribute.as_ref(), true)?;
        repr::write_str(&mut out, &item);
    }
    Ok(TValue::from(out))
}

fn reverse(_: &mut Machine<'_>, value: TValue, args: Args) -> Eval<TValue> {
    args.none("reverse")?;
    if let TValue::Str(s) = &value {
        return Ok(TValue::from(s.chars().rev().collect::<String>()));
    }
    let mut items = value
        .iterate()
        .map_err(|_| Fault::other("argument must be iterable"))?;
    items.reverse();
    Ok(TValue::object(Object::Cursor(Cursor::new(
        "list_reverseiterator",
        items,
    ))))
}

fn positive(value: Option<TValue>) -> Eval<usize> {
    value
        .and_then(|v| v.as_int())
        .and_then(|n| usize::try_from(n).ok())
        .filter(|n| *n > 0)
        .ok_or_else(|| Fault::types("a positive integer is required"))
}

fn batch(_: &mut Machine<'_>, value: TValue, args: Args) -> Eval<TValue> {
    let [size, fill] = args.bind("batch", ["linecount", "fill_with"], 1)?;
    let size = positive(size)?;
    let batches = value
        .iterate()?
        .chunks(size)
        .map(|chunk| {
            let mut chunk = chunk.to_vec();
            if let Some(fill) = fill.as_ref().filter(|f| !matches!(f, TValue::None)) {
                let missing = (size - chunk.len()).min(100_000);
                chunk.extend(std::iter::repeat_n(fill.clone(), missing));
            }
            TValue::list(chunk)
        })
        .collect();
    Ok(generator(batches))
}

fn slice(_: &mut Machine<'_>, value: TValue, args: Args) -> Eval<TValue> {
    let [slices, fill] = args.bind("slice", ["slices", "fill_with"], 1)?;
    let slices = positive(slices)?.min(100_000);
    let items = value.iterate()?;
    let (each, more) = (items.len() / slices, items.len() % slices);
    let mut items = items.into_iter();
    let mut parts = Vec::new();
    for i in 0..slices {
        let mut part: Vec<TValue> = items.by_ref().take(each + usize::from(i < more)).collect();
        if let Some(fill) = fill.as_ref().filter(|f| !matches!(f, TValue::None))
            && i >= more
        {
            part.push(fill.clone());
        }
        parts.push(TValue::list(part));
    }
    Ok(generator(parts))
}

fn dictsort(_: &mut Machine<'_>, value: TValue, args: Args) -> Eval<TValue> {
    let [case, by, reverse] = args.bind("dictsort", ["case_sensitive", "by", "reverse"], 0)?;
    let case = truth(case);
    let at = match by.as_ref().map(|b| b.as_str()) {
        None | Some(Some("key")) => 0,
        Some(Some("value")) => 1,
        _ => {
            return Err(Fault::other("you can only sort by either `key` or `value`"));
        }
    };
    let TValue::Dict(d) = value.plain() else {
        return Err(if value.is_undefined() {
            value.use_fault()
        } else {
            Fault::other("`dictsort` needs a mapping")
        });
    };
    let mut items: Vec<(TValue, TValue)> = d
        .get()
        .iter()
        .map(|(k, v)| {
            let by = if at == 0 { k.value() } else { v };
            let key = folded(by.clone(), case);
            (key, TValue::tuple(vec![k.value().clone(), v.clone()]))
        })
        .collect();
    compare::sort(&mut items, truth(reverse))?;
    Ok(TValue::list(items.into_iter().map(|(_, v)| v).collect()))
}

fn groupby(_: &mut Machine<'_>, value: TValue, args: Args) -> Eval<TValue> {
    let names = ["attribute", "default", "case_sensitive"];
    let [attribute, default, case] = args.bind("groupby", names, 1)?;
    let case = truth(case);
    let path = attribute.unwrap_or_default();
    let mut items = Vec::new();
    for item in value.iterate()? {
        let mut key = by_path(&item, &path)?;
        if let (true, Some(default)) = (key.is_undefined(), &default) {
            key = default.clone();
        }
        items.push((folded(key.clone(), case), TValue::tuple(vec![key, item])));
    }
    compare::sort(&mut items, false)?;
    let mut groups: Vec<(TValue, TValue, Vec<TValue>)> = Vec::new();
    for (folded, pair) in items {
        let mut pair = pair.iterate()?.into_iter();
        let (key, item) = (
            pair.next().unwrap_or_default(),
            pair.next().unwrap_or_default(),
        );
        match groups.last_mut() {
            Some((last, _, group)) if compare::equal(last, &folded) => group.push(item),
            _ => groups.push((folded, key, vec![item])),
        }
    }
    Ok(TValue::list(
        groups
            .into_iter()
            .map(|(_, key, group)| TValue::tuple(vec![key, TValue::list(group)]))
            .collect(),
    ))
}
