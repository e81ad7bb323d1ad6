//! Dicts: keys hash and compare as Python's do (`1 == 1.0 == True`), in order of insertion.

use std::hash::{Hash, Hasher};

use indexmap::{Equivalent, IndexMap};

use super::TValue;
use crate::template::error::{Eval, Fault};
use crate::template::python::compare;

/// A Python dict.
pub(crate) type Dict = IndexMap<Key, TValue>;

/// A hashable value.
#[derive(Debug, Clone)]
pub struct Key(TValue);

/// Looks up text without making a [`Key`] of it.
struct Text<'a>(&'a str);

impl Key {
    /// The key made of `value`; lists and dicts have none.
    pub(crate) fn new(value: TValue) -> Eval<Self> {
        match &value {
            TValue::List(_) | TValue::Dict(_) => Err(Fault::types(format!(
                "unhashable type: `{}`",
                value.type_name()
            ))),
            TValue::Tuple(items) => {
                for item in items.iter() {
                    Key::new(item.clone())?;
                }
                Ok(Self(value))
            }
            _ => Ok(Self(value)),
        }
    }

    pub(crate) fn str(text: &str) -> Self {
        Self(TValue::str(text))
    }

    pub(crate) fn value(&self) -> &TValue {
        &self.0
    }
}

/// The value of a text key.
pub(crate) fn get<'a>(dict: &'a Dict, key: &str) -> Option<&'a TValue> {
    dict.get(&Text(key))
}

fn hash_into<H: Hasher>(value: &TValue, state: &mut H) {
    match value {
        TValue::Str(s) => s.hash(state),
        TValue::Tuple(items) => items.iter().for_each(|i| hash_into(i, state)),
        TValue::None => 0x4e6f_6e65_u64.hash(state),
        TValue::Bytes(b) => b.hash(state),
        TValue::Big(b) => b.hash(state),
        other => match other.as_float() {
            Some(0.0) => 0_u64.hash(state),
            Some(f) => f.to_bits().hash(state),
            None => 1_u64.hash(state),
        },
    }
}

impl Hash for Key {
    fn hash<H: Hasher>(&self, state: &mut H) {
        hash_into(&self.0, state);
    }
}

impl Hash for Text<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.hash(state);
    }
}

impl PartialEq for Key {
    fn eq(&self, other: &Self) -> bool {
        compare::equal(&self.0, &other.0)
    }
}

impl Eq for Key {}

impl Equivalent<Key> for Text<'_> {
    fn equivalent(&self, key: &Key) -> bool {
        key.0.as_str() == Some(self.0)
    }
}
