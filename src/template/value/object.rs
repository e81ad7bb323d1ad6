//! Values that JSON does not have: dates, dict views, iterators, functions, lazy mappings.

use std::fmt::Debug;
use std::sync::{Arc, Mutex, PoisonError};

use super::{Dict, Key, Shared, TValue};
use crate::template::builtin::Builtin;
use crate::template::datetime::{Date, DateTime, Delta, Duration, Time};
use crate::template::eval::{Loop, Macro};

/// A mapping that is not a plain dict: read lazily, or without regard to case.
pub trait Mapping: Send + Sync + Debug {
    /// The value of `key`.
    fn get(&self, key: &str) -> Option<TValue>;
    /// Everything, as a dict.
    fn whole(&self) -> Dict;
    /// Whether it is anything but empty.
    fn truth(&self) -> bool {
        !self.whole().is_empty()
    }
    /// An attribute of the Python object beside the methods of a mapping.
    fn attr(&self, _name: &str) -> Option<TValue> {
        None
    }
    /// What stands for it where a plain value is needed: lazy text may be no mapping at all.
    fn plain(&self) -> TValue {
        TValue::dict(self.whole())
    }
    /// Whether it is known to be a mapping.
    fn is_mapping(&self) -> bool {
        true
    }
    /// Name of its type in Python.
    fn type_name(&self) -> &'static str {
        "dict"
    }
}

/// Which part of a dict a view shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ViewKind {
    /// `dict.keys()`
    Keys,
    /// `dict.values()`
    Values,
    /// `dict.items()`
    Items,
}

/// `dict_keys`, `dict_values`, `dict_items`.
#[derive(Debug)]
pub struct View {
    pub(crate) kind: ViewKind,
    pub(crate) dict: Arc<Shared<Dict>>,
}

impl View {
    pub(crate) fn items(&self) -> Vec<TValue> {
        let dict = self.dict.get();
        match self.kind {
            ViewKind::Keys => dict.keys().map(|k| k.value().clone()).collect(),
            ViewKind::Values => dict.values().cloned().collect(),
            ViewKind::Items => dict
                .iter()
                .map(|(k, v)| TValue::tuple(vec![k.value().clone(), v.clone()]))
                .collect(),
        }
    }
}

/// An iterator: what was taken is gone.
#[derive(Debug)]
pub struct Cursor {
    pub(crate) type_name: &'static str,
    items: Mutex<std::vec::IntoIter<TValue>>,
}

impl Cursor {
    pub(crate) fn new(type_name: &'static str, items: Vec<TValue>) -> Self {
        Self {
            type_name,
            items: Mutex::new(items.into_iter()),
        }
    }

    pub(crate) fn next(&self) -> Option<TValue> {
        self.items
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .next()
    }

    pub(crate) fn rest(&self) -> Vec<TValue> {
        let mut items = self.items.lock().unwrap_or_else(PoisonError::into_inner);
        items.by_ref().collect()
    }
}

/// A Python object that is none of JSON's kinds.
#[derive(Debug)]
pub enum Object {
    /// `datetime.datetime`
    DateTime(DateTime),
    /// `datetime.date`
    Date(Date),
    /// `datetime.time`
    Time(Time),
    /// `datetime.timedelta`
    Delta(Delta),
    /// `isodate.Duration`
    Duration(Duration),
    /// A view of a dict.
    View(View),
    /// A generator or iterator.
    Cursor(Cursor),
    /// A lazy or case-insensitive mapping.
    Mapping(Arc<dyn Mapping>),
    /// A function of the environment.
    Function(&'static Builtin),
    /// A method of a value, not called yet.
    Method(TValue, Arc<str>),
    /// A macro of the template.
    Macro(Arc<Macro>),
    /// `loop` inside of a `for`.
    Loop(Loop),
    /// `namespace()`
    Namespace(Shared<Dict>),
    /// `cycler()`: items and position.
    Cycler(Vec<TValue>, Mutex<usize>),
    /// `joiner()`: the separator, and whether it was used.
    Joiner(String, Mutex<bool>),
    /// `self`
    Template,
}

impl Object {
    pub(crate) fn truth(&self) -> bool {
        match self {
            Self::Delta(d) => !d.is_zero(),
            Self::Duration(d) => !d.is_zero(),
            Self::View(v) => !v.dict.get().is_empty(),
            Self::Mapping(m) => m.truth(),
            _ => true,
        }
    }

    pub(crate) fn type_name(&self) -> &'static str {
        match self {
            Self::DateTime(_) => "datetime.datetime",
            Self::Date(_) => "datetime.date",
            Self::Time(_) => "datetime.time",
            Self::Delta(_) => "datetime.timedelta",
            Self::Duration(_) => "Duration",
            Self::View(v) => match v.kind {
                ViewKind::Keys => "dict_keys",
                ViewKind::Values => "dict_values",
                ViewKind::Items => "dict_items",
            },
            Self::Cursor(c) => c.type_name,
            Self::Mapping(m) => m.type_name(),
            Self::Function(_) => "function",
            Self::Method(..) => "builtin_function_or_method",
            Self::Macro(_) => "Macro",
            Self::Loop(_) => "LoopContext",
            Self::Namespace(_) => "Namespace",
            Self::Cycler(..) => "Cycler",
            Self::Joiner(..) => "Joiner",
            Self::Template => "TemplateReference",
        }
    }

    pub(crate) fn deep_copy(&self) -> Option<TValue> {
        match self {
            Self::Mapping(m) if m.type_name() == "dict" => Some(m.plain().deep_copy()),
            _ => None,
        }
    }
}

impl FromIterator<(String, TValue)> for TValue {
    fn from_iter<I: IntoIterator<Item = (String, TValue)>>(pairs: I) -> Self {
        TValue::dict(pairs.into_iter().map(|(k, v)| (Key::str(&k), v)).collect())
    }
}
