//! Python's `str()` and `repr()`.

use std::fmt::Write as _;

use crate::template::value::{Object, TValue, ViewKind};

/// How deep a value is shown; a list can hold itself.
const MAX_DEPTH: usize = 200;

/// Writes `str(value)`.
pub(crate) fn write_str(out: &mut String, value: &TValue) {
    match value {
        TValue::Missing | TValue::Undefined(_) => {}
        TValue::Str(s) => out.push_str(s),
        TValue::Object(o) => match &**o {
            Object::DateTime(d) => {
                let _ = write!(out, "{}", d.iso(' '));
            }
            Object::Date(_) | Object::Time(_) | Object::Delta(_) | Object::Duration(_) => {
                out.push_str(&o.text());
            }
            _ => write_repr(out, value, 0),
        },
        _ => write_repr(out, value, 0),
    }
}

/// `str(value)`.
pub(crate) fn to_str(value: &TValue) -> String {
    let mut out = String::new();
    write_str(&mut out, value);
    out
}

/// `repr(value)`.
pub(crate) fn to_repr(value: &TValue) -> String {
    let mut out = String::new();
    write_repr(&mut out, value, 0);
    out
}

fn write_repr(out: &mut String, value: &TValue, depth: usize) {
    if depth > MAX_DEPTH {
        out.push_str("...");
        return;
    }
    match value {
        TValue::Missing | TValue::Undefined(_) => out.push_str("Undefined"),
        TValue::None => out.push_str("None"),
        TValue::Bool(true) => out.push_str("True"),
        TValue::Bool(false) => out.push_str("False"),
        TValue::Int(i) => {
            let _ = write!(out, "{i}");
        }
        TValue::Big(b) => {
            let _ = write!(out, "{b}");
        }
        TValue::Float(f) => out.push_str(&float(*f)),
        TValue::Str(s) => write_quoted(out, s),
        TValue::Bytes(b) => write_bytes(out, b),
        TValue::List(l) => {
            out.push('[');
            write_all(out, &l.get(), depth);
            out.push(']');
        }
        TValue::Tuple(t) => {
            out.push('(');
            write_all(out, t, depth);
            out.push_str(if t.len() == 1 { ",)" } else { ")" });
        }
        TValue::Dict(d) => {
            out.push('{');
            for (i, (k, v)) in d.get().iter().enumerate() {
                if i > 0 {
                    out.push_str(", ");
                }
                write_repr(out, k.value(), depth + 1);
                out.push_str(": ");
                write_repr(out, v, depth + 1);
            }
            out.push('}');
        }
        TValue::Object(o) => match &**o {
            Object::View(v) => {
                out.push_str(match v.kind {
                    ViewKind::Keys => "dict_keys([",
                    ViewKind::Values => "dict_values([",
                    ViewKind::Items => "dict_items([",
                });
                write_all(out, &v.items(), depth);
                out.push_str("])");
            }
            Object::Mapping(m) => write_repr(out, &m.plain(), depth + 1),
            other => out.push_str(&other.repr()),
        },
    }
}

fn write_all(out: &mut String, items: &[TValue], depth: usize) {
    for (i, item) in items.iter().enumerate() {
        if i > 0 {
            out.push_str(", ");
        }
        write_repr(out, item, depth + 1);
    }
}

impl Object {
    /// `str()` of the dates.
    pub(crate) fn text(&self) -> String {
        match self {
            Self::DateTime(d) => d.iso(' '),
            Self::Date(d) => d.iso(),
            Self::Time(t) => t.iso(),
            Self::Delta(d) => d.to_string(),
            Self::Duration(d) => d.to_string(),
            _ => self.repr(),
        }
    }

    fn repr(&self) -> String {
        match self {
            Self::DateTime(d) => d.repr(),
            Self::Date(d) => d.repr(),
            Self::Time(t) => t.repr(),
            Self::Delta(d) => d.repr(),
            Self::Duration(d) => d.repr(),
            Self::Function(f) => format!("<function {}>", f.name),
            Self::Method(of, name) => {
                format!("<built-in method {name} of {} object>", of.type_name())
            }
            Self::Macro(m) => format!("<Macro {}>", {
                let mut name = String::new();
                write_quoted(&mut name, &m.name);
                name
            }),
            Self::Namespace(d) => {
                let mut out = String::from("<Namespace ");
                write_repr(&mut out, &TValue::dict((*d.get()).clone()), 1);
                out.push('>');
                out
            }
            Self::Template => "<TemplateReference None>".to_owned(),
            other => format!("<{} object>", other.type_name()),
        }
    }
}

/// `repr()` of a float: the shortest digits that give it back.
pub(crate) fn float(f: f64) -> String {
    if f.is_nan() {
        return "nan".to_owned();
    }
    if f.is_infinite() {
        return if f > 0.0 { "inf" } else { "-inf" }.to_owned();
    }
    let scientific = format!("{f:e}");
    let (digits, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if (-4..16).contains(&exponent) {
        let plain = format!("{f}");
        return if plain.contains('.') {
            plain
        } else {
            plain + ".0"
        };
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{digits}e{sign}{:02}", exponent.unsigned_abs())
}

/// Whether Python shows the character as it is.
fn printable(c: char) -> bool {
    match c {
        ' ' => true,
        c if c.is_ascii() => !c.is_ascii_control(),
        c => {
            !(c.is_control()
                || c.is_whitespace()
                || matches!(c, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff0}'..='\u{fffb}'
                | '\u{e000}'..='\u{f8ff}' | '\u{e0000}'..='\u{10ffff}' | '\u{fffe}' | '\u{ffff}'))
        }
    }
}

/// `repr()` of text.
pub(crate) fn write_quoted(out: &mut String, text: &str) {
    let quote = if text.contains('\'') && !text.contains('"') {
        '"'
    } else {
        '\''
    };
    out.push(quote);
    for c in text.chars() {
        match c {
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if c == quote => {
                out.push('\\');
                out.push(c);
            }
            c if printable(c) => out.push(c),
            c => {
                let code = u32::from(c);
                let _ = match code {
                    0..=0xff => write!(out, "\\x{code:02x}"),
                    0x100..=0xffff => write!(out, "\\u{code:04x}"),
                    _ => write!(out, "\\U{code:08x}"),
                };
            }
        }
    }
    out.push(quote);
}

/// `repr()` of bytes.
pub(crate) fn write_bytes(out: &mut String, bytes: &[u8]) {
    let quote = if bytes.contains(&b'\'') && !bytes.contains(&b'"') {
        '"'
    } else {
        '\''
    };
    out.push('b');
    out.push(quote);
    for b in bytes {
        match b {
            b'\\' => out.push_str("\\\\"),
            b'\n' => out.push_str("\\n"),
            b'\r' => out.push_str("\\r"),
            b'\t' => out.push_str("\\t"),
            b if char::from(*b) == quote => {
                out.push('\\');
                out.push(quote);
            }
            0x20..=0x7e => out.push(char::from(*b)),
            b => {
                let _ = write!(out, "\\x{b:02x}");
            }
        }
    }
    out.push(quote);
}
