//! `tojson` and `pprint`: Python's `json.dumps` and `pprint.pformat`.

use std::fmt::Write as _;

use super::Filter;
use crate::template::error::{Eval, Fault};
use crate::template::eval::{Args, Machine};
use crate::template::python::repr;
use crate::template::value::{Object, TValue};

pub(super) const FILTERS: &[Filter] = &[
    Filter {
        name: "tojson",
        call: tojson,
    },
    Filter {
        name: "pprint",
        call: pprint,
    },
];

/// How JSON is laid out.
pub(super) struct Style {
    indent: Option<usize>,
    sorted: bool,
}

impl Style {
    /// As `json.dumps` has it unasked.
    pub(super) fn plain() -> Self {
        Self {
            indent: None,
            sorted: false,
        }
    }
}

/// How deep a value is written.
const MAX_DEPTH: usize = 200;

/// jinja2 sorts keys, and escapes what HTML would read.
fn tojson(_: &mut Machine<'_>, value: TValue, args: Args) -> Eval<TValue> {
    let [indent] = args.bind("tojson", ["indent"], 0)?;
    let style = Style {
        indent: indent
            .and_then(|i| i.as_int())
            .map(|i| usize::try_from(i).unwrap_or(0).min(100)),
        sorted: true,
    };
    let text = dumps(&value, &style)?;
    Ok(TValue::from(
        text.replace('<', "\\u003c")
            .replace('>', "\\u003e")
            .replace('&', "\\u0026")
            .replace('\'', "\\u0027"),
    ))
}

/// `json.dumps(value)`.
pub(super) fn dumps(value: &TValue, style: &Style) -> Eval<String> {
    let mut out = String::new();
    write(&mut out, value, style, 0)?;
    Ok(out)
}

fn line(out: &mut String, style: &Style, depth: usize) {
    if let Some(indent) = style.indent {
        out.push('\n');
        out.extend(std::iter::repeat_n(' ', indent * depth));
    }
}

fn write(out: &mut String, value: &TValue, style: &Style, depth: usize) -> Eval<()> {
    if depth > MAX_DEPTH {
        return Err(Fault::other("the value is nested too deeply"));
    }
    let between = if style.indent.is_some() { "," } else { ", " };
    let items = |out: &mut String, items: &[TValue]| -> Eval<()> {
        out.push('[');
        for (i, item) in items.iter().enumerate() {
            if i > 0 {
                out.push_str(between);
            }
            line(out, style, depth + 1);
            write(out, item, style, depth + 1)?;
        }
        if !items.is_empty() {
            line(out, style, depth);
        }
        out.push(']');
        Ok(())
    };
    match value {
        TValue::None => out.push_str("null"),
        TValue::Bool(b) => out.push_str(if *b { "true" } else { "false" }),
        TValue::Int(_) | TValue::Big(_) => repr::write_str(out, value),
        TValue::Float(f) => out.push_str(&json_float(*f)),
        TValue::Str(s) => write_text(out, s),
        TValue::List(l) => items(out, &l.get())?,
        TValue::Tuple(t) => items(out, t)?,
        TValue::Dict(d) => {
            let d = d.get();
            let mut pairs: Vec<_> = d.iter().map(|(k, v)| (k.value().clone(), v)).collect();
            if style.sorted {
                let mut keys: Vec<_> = pairs
                    .iter()
                    .enumerate()
                    .map(|(i, (k, _))| (k.clone(), TValue::from(u64::try_from(i).unwrap_or(0))))
                    .collect();
                crate::template::python::compare::sort(&mut keys, false)?;
                pairs = keys
                    .iter()
                    .filter_map(|(_, i)| pairs.get(usize::try_from(i.as_int()?).ok()?).cloned())
                    .collect();
            }
            out.push('{');
            for (i, (key, value)) in pairs.iter().enumerate() {
                if i > 0 {
                    out.push_str(between);
                }
                line(out, style, depth + 1);
                match key {
                    TValue::Str(s) => write_text(out, s),
                    TValue::None
                    | TValue::Bool(_)
                    | TValue::Int(_)
                    | TValue::Big(_)
                    | TValue::Float(_) => {
                        out.push('"');
                        write(out, key, style, depth)?;
                        out.push('"');
                    }
                    _ => return Err(Fault::types("keys must be str, int, float, bool or None")),
                }
                out.push_str(": ");
                write(out, value, style, depth + 1)?;
            }
            if !pairs.is_empty() {
                line(out, style, depth);
            }
            out.push('}');
        }
        TValue::Object(o) => match &**o {
            // Other mappings are no dicts, and not JSON for Python.
            Object::Mapping(m) if m.type_name() == "dict" => {
                write(out, &m.plain(), style, depth)?;
            }
            _ => return Err(not_json(value)),
        },
        _ => return Err(not_json(value)),
    }
    Ok(())
}

fn not_json(value: &TValue) -> Box<Fault> {
    Fault::types(format!(
        "object of type {} is not JSON serializable",
        value.type_name()
    ))
}

fn json_float(f: f64) -> String {
    if f.is_nan() {
        "NaN".to_owned()
    } else if f.is_infinite() {
        if f > 0.0 { "Infinity" } else { "-Infinity" }.to_owned()
    } else {
        repr::float(f)
    }
}

/// JSON text in ASCII.
fn write_text(out: &mut String, text: &str) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\x08' => out.push_str("\\b"),
            '\x0c' => out.push_str("\\f"),
            ' '..='~' => out.push(c),
            c => {
                let mut units = [0; 2];
                for unit in c.encode_utf16(&mut units) {
                    let _ = write!(out, "\\u{unit:04x}");
                }
            }
        }
    }
    out.push('"');
}

/// Differs: Python breaks lines after 80 columns, which makes no difference for the value.
fn pprint(_: &mut Machine<'_>, value: TValue, args: Args) -> Eval<TValue> {
    args.none("pprint")?;
    Ok(TValue::from(repr::to_repr(&value)))
}
