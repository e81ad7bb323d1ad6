//! `map`, `select`, `reject` and their kin.

use super::sequence::generator;
use super::{Filter, find_filter, find_test};
use crate::template::error::{Eval, Fault};
use crate::template::eval::{Args, Machine, by_path};
use crate::template::python::repr;
use crate::template::value::TValue;

macro_rules! filters {
    ($($name:literal => $call:expr),* $(,)?) => {
        &[$(Filter { name: $name, call: $call }),*]
    };
}

pub(super) const FILTERS: &[Filter] = filters! {
    "map" => map,
    "select" => |_, value, args| select(&value, args, true, false),
    "reject" => |_, value, args| select(&value, args, false, false),
    "selectattr" => |_, value, args| select(&value, args, true, true),
    "rejectattr" => |_, value, args| select(&value, args, false, true),
};

/// jinja2 iterates only what is true: `0 | map(…)` is empty, `1 | map(…)` a `TypeError`.
fn items(value: &TValue) -> Eval<Vec<TValue>> {
    if value.truth() {
        value.iterate()
    } else {
        Ok(Vec::new())
    }
}

fn map(m: &mut Machine<'_>, value: TValue, mut args: Args) -> Eval<TValue> {
    let items = items(&value)?;
    let mut out = Vec::with_capacity(items.len());
    if args.pos.is_empty() && args.named.iter().any(|(n, _)| **n == *"attribute") {
        let [attribute, default] = args.bind("map", ["attribute", "default"], 0)?;
        let path = attribute.unwrap_or_default();
        for item in items {
            let mut found = by_path(&item, &path)?;
            if let (true, Some(default)) = (found.is_undefined(), &default) {
                found = default.clone();
            }
            out.push(found);
        }
        return Ok(generator(out));
    }
    if args.pos.is_empty() {
        return Err(Fault::other("map requires a filter argument"));
    }
    let name = repr::to_str(&args.pos.remove(0));
    let filter =
        find_filter(&name).ok_or_else(|| Fault::other(format!("no filter named `{name}`")))?;
    for item in items {
        let args = Args {
            pos: args.pos.clone(),
            named: args.named.clone(),
        };
        out.push((filter.call)(m, item, args)?);
    }
    Ok(generator(out))
}

fn select(value: &TValue, mut args: Args, keep: bool, by_attribute: bool) -> Eval<TValue> {
    let items = items(value)?;
    let path = if by_attribute {
        if args.pos.is_empty() {
            return Err(Fault::other("missing parameter for attribute name"));
        }
        Some(args.pos.remove(0))
    } else {
        None
    };
    let test = if args.pos.is_empty() {
        None
    } else {
        let name = repr::to_str(&args.pos.remove(0));
        Some(find_test(&name).ok_or_else(|| Fault::other(format!("no test named `{name}`")))?)
    };
    let mut out = Vec::new();
    for item in items {
        let subject = match &path {
            Some(path) => by_path(&item, path)?,
            None => item.clone(),
        };
        let passes = match test {
            None => subject.truth(),
            Some(test) => {
                let args = Args {
                    pos: args.pos.clone(),
                    named: args.named.clone(),
                };
                (test.call)(&subject, args)?
            }
        };
        if passes == keep {
            out.push(item);
        }
    }
    Ok(generator(out))
}
