//! Python-like values, as templates compute with them.
//!
//! In: JSON, dates, lazily parsed documents. Out: values with Python's truth, equality and text.

mod dict;
mod iterate;
mod object;

use std::sync::{Arc, PoisonError, RwLock};

use num_bigint::BigInt;
use num_traits::ToPrimitive as _;
use serde_json::Value as Json;

use super::error::Missing;

pub(crate) use dict::{Dict, Key, get as dict_get};
pub(crate) use iterate::index;
pub(crate) use object::{Cursor, Mapping, Object, View, ViewKind};

/// A value of a template: one of Python's.
#[derive(Debug, Clone, Default)]
pub enum TValue {
    /// What looking up a missing name or key gives.
    #[default]
    Missing,
    /// As [`TValue::Missing`], and says what was looked for.
    Undefined(Arc<Undefined>),
    /// `None`.
    None,
    /// `True`, `False`.
    Bool(bool),
    /// An `int` of at most 64 bits.
    Int(i64),
    /// A larger `int`.
    Big(Arc<BigInt>),
    /// `float`.
    Float(f64),
    /// `str`.
    Str(Arc<str>),
    /// `bytes`.
    Bytes(Arc<[u8]>),
    /// `list`.
    List(Arc<Shared<Vec<TValue>>>),
    /// `tuple`.
    Tuple(Arc<[TValue]>),
    /// `dict`.
    Dict(Arc<Shared<Dict>>),
    /// Anything else: dates, views, functions, mappings that are read lazily.
    #[doc(hidden)]
    Object(Arc<Object>),
}

/// What was looked up in vain.
#[derive(Debug)]
pub enum Undefined {
    /// Said in words.
    #[doc(hidden)]
    Said(String),
    /// The sandbox hides it: to use it is a `SecurityError`.
    #[doc(hidden)]
    Unsafe(String),
    /// A key that a value does not have. The words are made when somebody needs them: most
    /// templates give a default, and go on.
    #[doc(hidden)]
    Missing(Missing),
}

/// A list or dict that templates may change in place, read by taking a snapshot.
#[derive(Debug, Default)]
pub struct Shared<T>(RwLock<Arc<T>>);

impl<T: Clone> Shared<T> {
    pub(crate) fn new(inner: T) -> Self {
        Self(RwLock::new(Arc::new(inner)))
    }

    /// What it holds now; later changes do not reach the snapshot, so no lock is ever held long.
    pub(crate) fn get(&self) -> Arc<T> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }

    pub(crate) fn update<R>(&self, change: impl FnOnce(&mut T) -> R) -> R {
        let mut inner = self.0.write().unwrap_or_else(PoisonError::into_inner);
        change(Arc::make_mut(&mut inner))
    }
}

impl TValue {
    pub(crate) fn str(text: impl AsRef<str>) -> Self {
        Self::Str(Arc::from(text.as_ref()))
    }

    pub(crate) fn list(items: Vec<TValue>) -> Self {
        Self::List(Arc::new(Shared::new(items)))
    }

    pub(crate) fn tuple(items: Vec<TValue>) -> Self {
        Self::Tuple(Arc::from(items))
    }

    pub(crate) fn dict(items: Dict) -> Self {
        Self::Dict(Arc::new(Shared::new(items)))
    }

    pub(crate) fn object(object: Object) -> Self {
        Self::Object(Arc::new(object))
    }

    pub(crate) fn int(big: BigInt) -> Self {
        big.to_i64()
            .map_or_else(|| Self::Big(Arc::new(big)), Self::Int)
    }

    pub(crate) fn undefined(message: impl Into<String>) -> Self {
        Self::Undefined(Arc::new(Undefined::Said(message.into())))
    }

    /// A value out of JSON.
    #[must_use]
    pub fn from_json(json: &Json) -> Self {
        match json {
            Json::Null => Self::None,
            Json::Bool(b) => Self::Bool(*b),
            Json::Number(n) => {
                if let Some(i) = n.as_i64() {
                    Self::Int(i)
                } else if let Some(u) = n.as_u64() {
                    Self::Big(Arc::new(BigInt::from(u)))
                } else {
                    Self::Float(n.as_f64().unwrap_or(f64::NAN))
                }
            }
            Json::String(s) => Self::str(s),
            Json::Array(items) => Self::list(items.iter().map(Self::from_json).collect()),
            Json::Object(map) => Self::dict(
                map.iter()
                    .map(|(k, v)| (Key::str(k), Self::from_json(v)))
                    .collect(),
            ),
        }
    }

    pub(crate) fn is_undefined(&self) -> bool {
        matches!(self, Self::Missing | Self::Undefined(_))
    }

    pub(crate) fn as_str(&self) -> Option<&str> {
        match self {
            Self::Str(s) => Some(s),
            _ => None,
        }
    }

    /// As an index or a count: `int` or `bool`.
    pub(crate) fn as_int(&self) -> Option<i64> {
        match self {
            Self::Int(i) => Some(*i),
            Self::Bool(b) => Some(i64::from(*b)),
            _ => None,
        }
    }

    pub(crate) fn as_big(&self) -> Option<BigInt> {
        match self {
            Self::Big(b) => Some(BigInt::clone(b)),
            other => other.as_int().map(BigInt::from),
        }
    }

    pub(crate) fn as_float(&self) -> Option<f64> {
        match self {
            Self::Float(f) => Some(*f),
            #[expect(clippy::cast_precision_loss, reason = "as Python's float(int)")]
            other => match other {
                Self::Big(b) => b.to_f64(),
                _ => other.as_int().map(|i| i as f64),
            },
        }
    }

    /// Python's `bool()`.
    pub(crate) fn truth(&self) -> bool {
        match self {
            Self::Missing | Self::Undefined(_) | Self::None => false,
            Self::Bool(b) => *b,
            Self::Int(i) => *i != 0,
            Self::Big(_) => true,
            Self::Float(f) => *f != 0.0,
            Self::Str(s) => !s.is_empty(),
            Self::Bytes(b) => !b.is_empty(),
            Self::List(l) => !l.get().is_empty(),
            Self::Tuple(t) => !t.is_empty(),
            Self::Dict(d) => !d.get().is_empty(),
            Self::Object(o) => o.truth(),
        }
    }

    /// Name of the type, as Python's errors say it.
    pub(crate) fn type_name(&self) -> &'static str {
        match self {
            Self::Missing | Self::Undefined(_) => "Undefined",
            Self::None => "NoneType",
            Self::Bool(_) => "bool",
            Self::Int(_) | Self::Big(_) => "int",
            Self::Float(_) => "float",
            Self::Str(_) => "str",
            Self::Bytes(_) => "bytes",
            Self::List(_) => "list",
            Self::Tuple(_) => "tuple",
            Self::Dict(_) => "dict",
            Self::Object(o) => o.type_name(),
        }
    }

    /// A copy that shares no list or dict with the original, so that a template may change it.
    pub(crate) fn deep_copy(&self) -> Self {
        match self {
            Self::List(l) => Self::list(l.get().iter().map(Self::deep_copy).collect()),
            Self::Tuple(t) => Self::tuple(t.iter().map(Self::deep_copy).collect()),
            Self::Dict(d) => Self::dict(
                d.get()
                    .iter()
                    .map(|(k, v)| (k.clone(), v.deep_copy()))
                    .collect(),
            ),
            Self::Object(o) => o.deep_copy().unwrap_or_else(|| self.clone()),
            _ => self.clone(),
        }
    }
}

impl From<&Json> for TValue {
    fn from(json: &Json) -> Self {
        Self::from_json(json)
    }
}

impl From<Json> for TValue {
    fn from(json: Json) -> Self {
        Self::from_json(&json)
    }
}

impl From<&str> for TValue {
    fn from(text: &str) -> Self {
        Self::str(text)
    }
}

impl From<String> for TValue {
    fn from(text: String) -> Self {
        Self::str(text)
    }
}

impl From<bool> for TValue {
    fn from(b: bool) -> Self {
        Self::Bool(b)
    }
}

impl From<i64> for TValue {
    fn from(i: i64) -> Self {
        Self::Int(i)
    }
}

impl From<u64> for TValue {
    fn from(u: u64) -> Self {
        Self::int(BigInt::from(u))
    }
}

impl From<f64> for TValue {
    fn from(f: f64) -> Self {
        Self::Float(f)
    }
}
