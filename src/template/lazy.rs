//! Values that are read key by key: lazily parsed JSON, slices, header fields.

use std::fmt::Debug;
use std::sync::{Arc, OnceLock};

use serde_json::Value;

use super::TValue;
use super::value::{Dict, Key, Mapping, Object};
use crate::message::{Data, StreamSlice, Text};

/// JSON that a template reads lazily: nothing is parsed before a template asks for it.
pub trait Lazy: Send + Sync + Debug {
    /// The value of a key when it is an object that has it.
    fn get(&self, key: &str) -> Option<Value>;
    /// All of it.
    fn whole(&self) -> Value;
}

/// A template's view of `v`: a key is parsed when it is read.
#[must_use]
pub fn lazy(v: Arc<dyn Lazy>) -> TValue {
    mapping(LazyValue {
        inner: v,
        whole: OnceLock::new(),
    })
}

/// A template's view of JSON.
#[must_use]
pub fn json(v: &Value) -> TValue {
    TValue::from_json(v)
}

/// A template's view of a slice: partition and window together, and each by its name.
#[must_use]
pub fn slice(s: &Arc<StreamSlice>) -> TValue {
    mapping(SliceValue(Arc::clone(s)))
}

/// A template's view of header fields: names without regard to case.
pub fn headers<K: AsRef<str>, V: Into<TValue>>(pairs: impl IntoIterator<Item = (K, V)>) -> TValue {
    let mut all: Vec<(String, TValue)> = Vec::new();
    for (name, value) in pairs {
        let (name, value) = (name.as_ref(), value.into());
        match all.iter_mut().find(|(n, _)| n.eq_ignore_ascii_case(name)) {
            // As the reference's HTTP client joins repeated fields.
            Some((_, old)) => {
                let joined = format!(
                    "{}, {}",
                    old.as_str().unwrap_or_default(),
                    value.as_str().unwrap_or_default()
                );
                *old = TValue::from(joined);
            }
            None => all.push((name.to_owned(), value)),
        }
    }
    mapping(HeaderValue(all))
}

fn mapping(m: impl Mapping + 'static) -> TValue {
    TValue::object(Object::Mapping(Arc::new(m)))
}

#[derive(Debug)]
struct LazyValue {
    inner: Arc<dyn Lazy>,
    whole: OnceLock<TValue>,
}

impl Mapping for LazyValue {
    fn get(&self, key: &str) -> Option<TValue> {
        match self.whole.get() {
            Some(TValue::Dict(d)) => super::value::dict_get(&d.get(), key).cloned(),
            Some(_) => None,
            None => self.inner.get(key).map(|v| TValue::from_json(&v)),
        }
    }

    fn whole(&self) -> Dict {
        match self.plain() {
            TValue::Dict(d) => (*d.get()).clone(),
            _ => Dict::new(),
        }
    }

    fn truth(&self) -> bool {
        self.plain().truth()
    }

    fn plain(&self) -> TValue {
        self.whole
            .get_or_init(|| TValue::from_json(&self.inner.whole()))
            .clone()
    }

    fn is_mapping(&self) -> bool {
        false
    }
}

#[derive(Debug)]
struct SliceValue(Arc<StreamSlice>);

impl Mapping for SliceValue {
    fn get(&self, key: &str) -> Option<TValue> {
        self.0.get(key).map(TValue::from_json)
    }

    fn whole(&self) -> Dict {
        let merged = self.0.merged();
        merged
            .iter()
            .map(|(k, v)| (Key::str(k), TValue::from_json(v)))
            .collect()
    }

    fn truth(&self) -> bool {
        !(self.0.partition.is_empty()
            && self.0.cursor_slice.is_empty()
            && self.0.extra_fields.is_empty())
    }

    fn attr(&self, name: &str) -> Option<TValue> {
        let map = match name {
            "partition" | "_partition" => &self.0.partition,
            "cursor_slice" => &self.0.cursor_slice,
            "extra_fields" => &self.0.extra_fields,
            _ => return None,
        };
        Some(TValue::dict(
            map.iter()
                .map(|(k, v)| (Key::str(k), TValue::from_json(v)))
                .collect(),
        ))
    }

    fn type_name(&self) -> &'static str {
        "StreamSlice"
    }
}

#[derive(Debug)]
struct HeaderValue(Vec<(String, TValue)>);

impl Mapping for HeaderValue {
    fn get(&self, key: &str) -> Option<TValue> {
        self.0
            .iter()
            .find(|(n, _)| n.eq_ignore_ascii_case(key))
            .map(|(_, v)| v.clone())
    }

    fn whole(&self) -> Dict {
        self.0
            .iter()
            .map(|(n, v)| (Key::str(n), v.clone()))
            .collect()
    }

    fn type_name(&self) -> &'static str {
        "CaseInsensitiveDict"
    }
}

/// A record: its fields are parsed one by one.
impl Lazy for Data {
    fn get(&self, key: &str) -> Option<Value> {
        Self::get(self, key)
    }

    fn whole(&self) -> Value {
        self.to_value()
    }
}

/// A value in a response: its fields are parsed one by one.
impl Lazy for Text {
    fn get(&self, key: &str) -> Option<Value> {
        Self::get(self, key).map(|found| found.value())
    }

    fn whole(&self) -> Value {
        self.value()
    }
}
