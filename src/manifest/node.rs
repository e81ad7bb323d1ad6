//! Values of a manifest that know where they were written.

use std::fmt::Write as _;
use std::sync::Arc;

use indexmap::IndexMap;
use serde_json::Value;

use super::place::{Place, Via};

/// A value and its place. Cloning shares what is inside.
#[derive(Clone, Debug)]
pub struct Node {
    /// The value.
    pub value: NodeValue,
    /// Where it was written.
    pub at: Place,
    /// The `$ref`s between it and the mapping or list that holds it.
    pub via: Via,
}

/// What a YAML document can hold.
#[derive(Clone, Debug)]
pub enum NodeValue {
    /// `null`, `~` or nothing.
    Null,
    /// `true`, `yes`, `on`, …
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A whole number that only fits without a sign.
    Large(u64),
    /// A number with a point; infinite and not-a-number too.
    Float(f64),
    /// Text.
    Str(Arc<str>),
    /// A list.
    Seq(Arc<Vec<Node>>),
    /// A mapping.
    Map(Arc<Map>),
}

/// The entries of a mapping in their order. Keys are looked up many times while a manifest is loaded,
/// and hashing them the standard library's way was a sixth of that.
pub type Map = IndexMap<Arc<str>, Entry, foldhash::fast::RandomState>;

/// A mapping's value, with the place of its key.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Where the key was written.
    pub key_at: Place,
    /// The value.
    pub node: Node,
    /// Put there from `$parameters` or as a default type. The `via` of such a value is its whole
    /// trail, since it does not come from where it stands.
    pub injected: bool,
}

impl Node {
    /// The value of a mapping's key; none if there is no such key, or no mapping.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Node> {
        self.as_map()?.get(key).map(|entry| &entry.node)
    }

    /// The entries, if it is a mapping.
    #[must_use]
    pub fn as_map(&self) -> Option<&Map> {
        match &self.value {
            NodeValue::Map(map) => Some(map),
            _ => None,
        }
    }

    /// The elements, if it is a list.
    #[must_use]
    pub fn as_seq(&self) -> Option<&[Node]> {
        match &self.value {
            NodeValue::Seq(seq) => Some(seq),
            _ => None,
        }
    }

    /// The text, if it is one.
    #[must_use]
    pub fn as_str(&self) -> Option<&str> {
        match &self.value {
            NodeValue::Str(text) => Some(text),
            _ => None,
        }
    }

    /// The value of the key `type`, if it is text.
    #[must_use]
    pub fn type_name(&self) -> Option<&str> {
        self.get("type")?.as_str()
    }

    /// A node for a value that was made rather than written; its place is `at`.
    #[must_use]
    pub fn from_json(value: &Value, at: &Place) -> Node {
        let value = match value {
            Value::Null => NodeValue::Null,
            Value::Bool(b) => NodeValue::Bool(*b),
            Value::Number(n) => match (n.as_i64(), n.as_u64()) {
                (Some(i), _) => NodeValue::Int(i),
                (None, Some(u)) => NodeValue::Large(u),
                (None, None) => NodeValue::Float(n.as_f64().unwrap_or(f64::NAN)),
            },
            Value::String(s) => NodeValue::Str(Arc::from(s.as_str())),
            Value::Array(items) => NodeValue::Seq(Arc::new(
                items.iter().map(|item| Node::from_json(item, at)).collect(),
            )),
            Value::Object(fields) => NodeValue::Map(Arc::new(
                fields
                    .iter()
                    .map(|(key, field)| {
                        let node = Node::from_json(field, at);
                        let key_at = at.clone();
                        (
                            Arc::from(key.as_str()),
                            Entry {
                                key_at,
                                node,
                                injected: false,
                            },
                        )
                    })
                    .collect(),
            )),
        };
        Node {
            value,
            at: at.clone(),
            via: Via::default(),
        }
    }

    /// The value without places. JSON has no infinite numbers: they become Python's text for them.
    #[must_use]
    pub fn to_json(&self) -> Value {
        match &self.value {
            NodeValue::Null => Value::Null,
            NodeValue::Bool(b) => Value::Bool(*b),
            NodeValue::Int(i) => Value::from(*i),
            NodeValue::Large(u) => Value::from(*u),
            NodeValue::Float(x) => serde_json::Number::from_f64(*x)
                .map_or_else(|| Value::String(python_float(*x)), Value::Number),
            NodeValue::Str(s) => Value::String(s.to_string()),
            NodeValue::Seq(items) => items.iter().map(Node::to_json).collect(),
            NodeValue::Map(map) => Value::Object(map_to_json(map)),
        }
    }

    /// A canonical text of the value, the same for equal values wherever they were written and in
    /// whatever order their keys stand.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        let mut out = String::new();
        self.write_canonical(&mut out);
        out
    }

    fn write_canonical(&self, out: &mut String) {
        match &self.value {
            NodeValue::Seq(items) => {
                out.push('[');
                for item in items.iter() {
                    item.write_canonical(out);
                    out.push(',');
                }
                out.push(']');
            }
            NodeValue::Map(map) => {
                let mut entries: Vec<_> = map.iter().collect();
                entries.sort_unstable_by(|a, b| a.0.cmp(b.0));
                out.push('{');
                for (key, entry) in entries {
                    // Writing to a String cannot fail.
                    let _ = write!(out, "{key:?}:");
                    entry.node.write_canonical(out);
                    out.push(',');
                }
                out.push('}');
            }
            NodeValue::Str(s) => {
                let _ = write!(out, "{s:?}");
            }
            NodeValue::Float(x) => out.push_str(&python_float(*x)),
            scalar => {
                let _ = write!(out, "{}", scalar.text().unwrap_or_default());
            }
        }
    }
}

impl NodeValue {
    /// Python's `bool()` of the value.
    #[must_use]
    pub fn is_truthy(&self) -> bool {
        match self {
            NodeValue::Null => false,
            NodeValue::Bool(b) => *b,
            NodeValue::Int(i) => *i != 0,
            NodeValue::Large(_) => true,
            NodeValue::Float(x) => *x != 0.0,
            NodeValue::Str(s) => !s.is_empty(),
            NodeValue::Seq(items) => !items.is_empty(),
            NodeValue::Map(map) => !map.is_empty(),
        }
    }

    /// Python's `str()` of a scalar; none of a list or mapping.
    #[must_use]
    pub fn text(&self) -> Option<String> {
        Some(match self {
            NodeValue::Null => "None".to_owned(),
            NodeValue::Bool(true) => "True".to_owned(),
            NodeValue::Bool(false) => "False".to_owned(),
            NodeValue::Int(i) => i.to_string(),
            NodeValue::Large(u) => u.to_string(),
            NodeValue::Float(x) => python_float(*x),
            NodeValue::Str(s) => s.to_string(),
            NodeValue::Seq(_) | NodeValue::Map(_) => return None,
        })
    }

    /// What messages call it.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            NodeValue::Null => "null",
            NodeValue::Bool(_) => "a boolean",
            NodeValue::Int(_) | NodeValue::Large(_) | NodeValue::Float(_) => "a number",
            NodeValue::Str(_) => "a string",
            NodeValue::Seq(_) => "a list",
            NodeValue::Map(_) => "a mapping",
        }
    }
}

/// The entries of a mapping without places.
pub(super) fn map_to_json(map: &Map) -> serde_json::Map<String, Value> {
    map.iter()
        .map(|(key, entry)| (key.to_string(), entry.node.to_json()))
        .collect()
}

/// Python's `repr()` of a float: the shortest digits, an exponent outside of 1e-4..1e16.
fn python_float(x: f64) -> String {
    if x.is_nan() {
        return "nan".to_owned();
    }
    if x.is_infinite() {
        return if x > 0.0 { "inf" } else { "-inf" }.to_owned();
    }
    let size = x.abs();
    if size == 0.0 || (1e-4..1e16).contains(&size) {
        // Rust's `Debug` is shortest too, and positional in this range but for 1e-5..1e-4.
        return format!("{x:?}");
    }
    let text = format!("{x:e}");
    let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let (sign, exponent) = match exponent.strip_prefix('-') {
        Some(exponent) => ('-', exponent),
        None => ('+', exponent),
    };
    format!("{digits}e{sign}{exponent:0>2}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn floats_are_told_as_python_tells_them() {
        for (x, text) in [
            (1.0, "1.0"),
            (0.1, "0.1"),
            (-2.5, "-2.5"),
            (0.0001, "0.0001"),
            (0.00001, "1e-05"),
            (1e16, "1e+16"),
            (123_456_789_012_345.6, "123456789012345.6"),
            (1.5e300, "1.5e+300"),
            (f64::INFINITY, "inf"),
        ] {
            assert_eq!(NodeValue::Float(x).text().unwrap(), text);
        }
    }

    #[test]
    fn fingerprints_ignore_places_and_key_order() {
        let load = |text| crate::manifest::Manifest::load(text, "m").unwrap();
        let a = load("x: {b: 1, a: [yes, \"1\"]}\n");
        let b = load("# moved\nx:\n  a: [true, '1']\n  b: 1\n");
        let c = load("x: {b: 1, a: [yes, 1]}\n");
        assert_eq!(a.root().fingerprint(), b.root().fingerprint());
        assert_ne!(a.root().fingerprint(), c.root().fingerprint());
    }
}
