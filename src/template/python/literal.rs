//! Python's `ast.literal_eval`: rendered text becomes a value where it is the text of one.

mod lexer;
mod parser;

use num_bigint::BigInt;
use num_traits::ToPrimitive as _;
use serde_json::{Map, Number, Value};

use super::repr;
use crate::template::value::{Dict, Key, TValue};

/// A literal value of Python's: what an interpolated string is evaluated to.
#[derive(Debug, Clone, PartialEq)]
pub enum Literal {
    /// `None`
    None,
    /// `True`, `False`
    Bool(bool),
    /// An `int` of at most 64 bits.
    Int(i64),
    /// A larger `int`.
    BigInt(BigInt),
    /// `1.5`
    Float(f64),
    /// Text, also all that is no literal.
    Str(String),
    /// `b'…'`
    Bytes(Vec<u8>),
    /// `[…]`
    List(Vec<Literal>),
    /// `(…)`
    Tuple(Vec<Literal>),
    /// `{key: value}`, keys unlike each other.
    Dict(Vec<(Literal, Literal)>),
    /// `{…}`, items unlike each other.
    Set(Vec<Literal>),
    /// `...`
    Ellipsis,
}

/// Types that a caller accepts a literal of; of another type, the text stays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PyType {
    /// `str`
    Str,
    /// `int`, and `bool`
    Int,
    /// `float`
    Float,
    /// `bool`
    Bool,
    /// `list`
    List,
    /// `dict`
    Dict,
}

impl PyType {
    /// Python's `isinstance(literal, type)`.
    #[must_use]
    pub fn holds(self, literal: &Literal) -> bool {
        matches!(
            (self, literal),
            (Self::Str, Literal::Str(_))
                | (
                    Self::Int,
                    Literal::Int(_) | Literal::BigInt(_) | Literal::Bool(_)
                )
                | (Self::Float, Literal::Float(_))
                | (Self::Bool, Literal::Bool(_))
                | (Self::List, Literal::List(_))
                | (Self::Dict, Literal::Dict(_))
        )
    }
}

impl Literal {
    /// The value that `text` is the text of: the text itself when it is no literal.
    #[must_use]
    pub fn of(text: &str) -> Self {
        parse(text).unwrap_or_else(|| Self::Str(text.to_owned()))
    }

    /// The value of JSON.
    #[must_use]
    pub fn from_json(json: &Value) -> Self {
        match json {
            Value::Null => Self::None,
            Value::Bool(b) => Self::Bool(*b),
            Value::Number(n) => match (n.as_i64(), n.as_u64()) {
                (Some(i), _) => Self::Int(i),
                (None, Some(u)) => Self::BigInt(BigInt::from(u)),
                _ => Self::Float(n.as_f64().unwrap_or(f64::NAN)),
            },
            Value::String(s) => Self::Str(s.clone()),
            Value::Array(items) => Self::List(items.iter().map(Self::from_json).collect()),
            Value::Object(map) => Self::Dict(
                map.iter()
                    .map(|(k, v)| (Self::Str(k.clone()), Self::from_json(v)))
                    .collect(),
            ),
        }
    }

    /// As JSON: tuples and sets are arrays, bytes are text, what is not a number is null.
    #[must_use]
    pub fn into_json(self) -> Value {
        match self {
            Self::None | Self::Ellipsis => Value::Null,
            Self::Bool(b) => Value::Bool(b),
            Self::Int(i) => Value::from(i),
            Self::BigInt(b) => match b.to_u64() {
                Some(u) => Value::from(u),
                None => b
                    .to_f64()
                    .and_then(Number::from_f64)
                    .map_or(Value::Null, Value::Number),
            },
            Self::Float(f) => Number::from_f64(f).map_or(Value::Null, Value::Number),
            Self::Str(s) => Value::String(s),
            Self::Bytes(b) => Value::String(String::from_utf8_lossy(&b).into_owned()),
            Self::List(items) | Self::Tuple(items) | Self::Set(items) => {
                items.into_iter().map(Self::into_json).collect()
            }
            Self::Dict(pairs) => Value::Object(
                pairs
                    .into_iter()
                    .map(|(k, v)| (k.into_key(), v.into_json()))
                    .collect::<Map<_, _>>(),
            ),
        }
    }

    /// As a key of a JSON object: Python's serializers write `true`, `null` and numbers as text.
    pub(crate) fn into_key(self) -> String {
        match self {
            Self::Str(s) => s,
            Self::Bool(b) => b.to_string(),
            Self::None => "null".to_owned(),
            other => other.to_python_str(),
        }
    }

    /// Python's `str()`.
    #[must_use]
    pub fn to_python_str(&self) -> String {
        match self {
            Self::Str(s) => s.clone(),
            other => {
                let mut out = String::new();
                other.write_repr(&mut out);
                out
            }
        }
    }

    fn write_repr(&self, out: &mut String) {
        let list = |out: &mut String, items: &[Literal]| {
            for (i, item) in items.iter().enumerate() {
                if i > 0 {
                    out.push_str(", ");
                }
                item.write_repr(out);
            }
        };
        match self {
            Self::None => out.push_str("None"),
            Self::Ellipsis => out.push_str("Ellipsis"),
            Self::Bool(b) => out.push_str(if *b { "True" } else { "False" }),
            Self::Int(i) => out.push_str(&i.to_string()),
            Self::BigInt(b) => out.push_str(&b.to_string()),
            Self::Float(f) => out.push_str(&repr::float(*f)),
            Self::Str(s) => repr::write_quoted(out, s),
            Self::Bytes(b) => repr::write_bytes(out, b),
            Self::List(items) => {
                out.push('[');
                list(out, items);
                out.push(']');
            }
            Self::Tuple(items) => {
                out.push('(');
                list(out, items);
                out.push_str(if items.len() == 1 { ",)" } else { ")" });
            }
            Self::Set(items) if items.is_empty() => out.push_str("set()"),
            Self::Set(items) => {
                out.push('{');
                list(out, items);
                out.push('}');
            }
            Self::Dict(pairs) => {
                out.push('{');
                for (i, (k, v)) in pairs.iter().enumerate() {
                    if i > 0 {
                        out.push_str(", ");
                    }
                    k.write_repr(out);
                    out.push_str(": ");
                    v.write_repr(out);
                }
                out.push('}');
            }
        }
    }

    /// Python's `bool()`.
    #[must_use]
    pub fn truth(&self) -> bool {
        match self {
            Self::None => false,
            Self::Bool(b) => *b,
            Self::Int(i) => *i != 0,
            Self::Float(f) => *f != 0.0,
            Self::Str(s) => !s.is_empty(),
            Self::Bytes(b) => !b.is_empty(),
            Self::List(l) | Self::Tuple(l) | Self::Set(l) => !l.is_empty(),
            Self::Dict(d) => !d.is_empty(),
            Self::BigInt(_) | Self::Ellipsis => true,
        }
    }

    /// As a template sees it. Sets and `...` have no counterpart and become lists and null.
    #[must_use]
    pub fn to_value(&self) -> TValue {
        match self {
            Self::None | Self::Ellipsis => TValue::None,
            Self::Bool(b) => TValue::Bool(*b),
            Self::Int(i) => TValue::Int(*i),
            Self::BigInt(b) => TValue::int(b.clone()),
            Self::Float(f) => TValue::Float(*f),
            Self::Str(s) => TValue::str(s),
            Self::Bytes(b) => TValue::Bytes(b.as_slice().into()),
            Self::List(l) | Self::Set(l) => TValue::list(l.iter().map(Self::to_value).collect()),
            Self::Tuple(l) => TValue::tuple(l.iter().map(Self::to_value).collect()),
            Self::Dict(pairs) => TValue::dict(
                pairs
                    .iter()
                    .filter_map(|(k, v)| Some((Key::new(k.to_value()).ok()?, v.to_value())))
                    .collect::<Dict>(),
            ),
        }
    }
}

/// The value of a literal's text; `None` when it is none.
pub(crate) fn parse(text: &str) -> Option<Literal> {
    let start = text.trim_start_matches([' ', '\t']);
    let first = start.bytes().next()?;
    // Most results are words, paths or dates: seen in one look.
    let word = first.is_ascii_alphabetic() || first >= 0x80 || first == b'_';
    if word && !starts_like_literal(start) {
        return None;
    }
    if matches!(
        first,
        b'/' | b'<' | b'>' | b'&' | b'?' | b'%' | b'@' | b'*' | b'=' | b'|' | b'$' | b'!'
    ) {
        return None;
    }
    parser::parse(start)
}

fn starts_like_literal(text: &str) -> bool {
    let word: String = text
        .chars()
        .take(6)
        .take_while(|c| c.is_ascii_alphanumeric() || *c == '_')
        .collect();
    if matches!(word.as_str(), "None" | "True" | "False" | "set") {
        return true;
    }
    let prefix = matches!(
        word.to_ascii_lowercase().as_str(),
        "b" | "r" | "u" | "br" | "rb"
    );
    prefix
        && text
            .chars()
            .nth(word.len())
            .is_some_and(|c| matches!(c, '\'' | '"'))
}
