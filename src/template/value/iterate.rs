//! Going over a value's items, counting them, and taking one: Python's `iter`, `len`, `[]`, `[:]`.

use super::object::Object;
use super::{TValue, Undefined, dict};
use crate::template::error::{Eval, Fault};

impl TValue {
    /// Itself, or the plain value behind a lazy mapping.
    pub(crate) fn plain(&self) -> TValue {
        match self {
            Self::Object(o) => match &**o {
                Object::Mapping(m) => m.plain(),
                _ => self.clone(),
            },
            _ => self.clone(),
        }
    }

    /// Its items as `for` sees them; `None` when it cannot be iterated.
    pub(crate) fn items(&self) -> Option<Vec<TValue>> {
        Some(match self {
            Self::Missing | Self::Undefined(_) => Vec::new(),
            Self::Str(s) => s.chars().map(|c| Self::str(c.to_string())).collect(),
            Self::Bytes(b) => b.iter().map(|b| Self::Int(i64::from(*b))).collect(),
            Self::List(l) => l.get().to_vec(),
            Self::Tuple(t) => t.to_vec(),
            Self::Dict(d) => d.get().keys().map(|k| k.value().clone()).collect(),
            Self::Object(o) => match &**o {
                Object::View(v) => v.items(),
                Object::Cursor(c) => c.rest(),
                Object::Mapping(m) => return m.plain().items(),
                _ => return None,
            },
            _ => return None,
        })
    }

    /// Its items, or Python's error.
    pub(crate) fn iterate(&self) -> Eval<Vec<TValue>> {
        self.items()
            .ok_or_else(|| Fault::types(format!("`{}` object is not iterable", self.type_name())))
    }

    /// Python's `len()`.
    pub(crate) fn len(&self) -> Eval<usize> {
        Ok(match self {
            Self::Missing | Self::Undefined(_) => 0,
            Self::Str(s) => s.chars().count(),
            Self::Bytes(b) => b.len(),
            Self::List(l) => l.get().len(),
            Self::Tuple(t) => t.len(),
            Self::Dict(d) => d.get().len(),
            Self::Object(o) => match &**o {
                Object::View(v) => v.dict.get().len(),
                Object::Mapping(m) => return m.plain().len(),
                _ => {
                    return Err(Fault::types(format!(
                        "object of type `{}` has no len()",
                        self.type_name()
                    )));
                }
            },
            _ => {
                return Err(Fault::types(format!(
                    "object of type `{}` has no len()",
                    self.type_name()
                )));
            }
        })
    }

    /// `self[key]` where Python gives a value.
    pub(crate) fn item(&self, key: &TValue) -> Option<TValue> {
        match (self, key) {
            (Self::Dict(d), Self::Str(k)) => dict::get(&d.get(), k).cloned(),
            (Self::Dict(d), _) => {
                let key = super::Key::new(key.plain()).ok()?;
                d.get().get(&key).cloned()
            }
            (Self::Object(o), _) => match &**o {
                Object::Mapping(m) => match key {
                    // Whatever a lazy document is, only a mapping has items by text.
                    Self::Str(k) => m.get(k),
                    _ => m.plain().item(key),
                },
                Object::Namespace(d) => match key {
                    Self::Str(k) => dict::get(&d.get(), k).cloned(),
                    _ => None,
                },
                _ => None,
            },
            (Self::List(l), _) => {
                let items = l.get();
                items.get(index(key.as_int()?, items.len())?).cloned()
            }
            (Self::Tuple(items), _) => items.get(index(key.as_int()?, items.len())?).cloned(),
            (Self::Str(s), _) => {
                let at = key.as_int()?;
                let found = if at >= 0 {
                    s.chars().nth(usize::try_from(at).ok()?)
                } else {
                    s.chars().rev().nth(usize::try_from(-1 - at).ok()?)
                };
                found.map(|c| Self::str(c.to_string()))
            }
            (Self::Bytes(b), _) => b
                .get(index(key.as_int()?, b.len())?)
                .map(|b| Self::Int(i64::from(*b))),
            _ => None,
        }
    }

    /// `self[start:stop:step]`.
    pub(crate) fn slice(&self, start: &TValue, stop: &TValue, step: &TValue) -> Eval<TValue> {
        let pick = |len: usize| slice_indices(len, start, stop, step);
        Ok(match self {
            Self::Str(s) => {
                let chars: Vec<char> = s.chars().collect();
                let picked = pick(chars.len())?;
                let text: String = picked.iter().filter_map(|i| chars.get(*i)).collect();
                Self::str(text)
            }
            Self::List(l) => {
                let items = l.get();
                let picked = pick(items.len())?;
                Self::list(
                    picked
                        .iter()
                        .filter_map(|i| items.get(*i).cloned())
                        .collect(),
                )
            }
            Self::Tuple(items) => {
                let picked = pick(items.len())?;
                Self::tuple(
                    picked
                        .iter()
                        .filter_map(|i| items.get(*i).cloned())
                        .collect(),
                )
            }
            Self::Bytes(b) => {
                let picked = pick(b.len())?;
                Self::Bytes(picked.iter().filter_map(|i| b.get(*i).copied()).collect())
            }
            Self::Missing | Self::Undefined(_) => return Err(self.use_fault()),
            Self::Object(_) => {
                let plain = self.plain();
                if matches!(plain, Self::Object(_)) {
                    return Err(self.no_slice());
                }
                return plain.slice(start, stop, step);
            }
            _ => return Err(self.no_slice()),
        })
    }

    fn no_slice(&self) -> Box<Fault> {
        Fault::types(format!("`{}` object cannot be sliced", self.type_name()))
    }

    /// The error of using an undefined value.
    pub(crate) fn use_fault(&self) -> Box<Fault> {
        match self {
            Self::Undefined(undefined) => match &**undefined {
                Undefined::Unsafe(message) => Fault::other(message.clone()),
                Undefined::Said(message) => Fault::undefined(message.clone()),
                Undefined::Missing(missing) => Fault::missing(missing.clone()),
            },
            _ => Fault::undefined("the value is undefined"),
        }
    }
}

/// The position that a Python index means.
pub(crate) fn index(at: i64, len: usize) -> Option<usize> {
    if at >= 0 {
        usize::try_from(at).ok().filter(|i| *i < len)
    } else {
        len.checked_sub(usize::try_from(at.unsigned_abs()).ok()?)
    }
}

/// Positions that `start:stop:step` picks out of `len` items.
fn slice_indices(len: usize, start: &TValue, stop: &TValue, step: &TValue) -> Eval<Vec<usize>> {
    let bound = |value: &TValue| -> Eval<Option<i64>> {
        match value {
            TValue::None => Ok(None),
            TValue::Missing | TValue::Undefined(_) => Err(Fault::types("slice index is undefined")),
            other => other
                .as_int()
                .map(Some)
                .ok_or_else(|| Fault::types("slice indices must be integers or None")),
        }
    };
    let len = i64::try_from(len).unwrap_or(i64::MAX);
    let step = bound(step)?.unwrap_or(1);
    if step == 0 {
        return Err(Fault::other("slice step cannot be zero"));
    }
    let (low, high) = if step > 0 { (0, len) } else { (-1, len - 1) };
    let place = |value: Option<i64>, unset: i64| match value {
        None => unset,
        Some(v) if v < 0 => v.saturating_add(len).clamp(low, high),
        Some(v) => v.clamp(low, high),
    };
    let (first, last) = if step > 0 { (low, high) } else { (high, low) };
    let mut at = place(bound(start)?, first);
    let end = place(bound(stop)?, last);
    let mut picked = Vec::new();
    while (step > 0 && at < end) || (step < 0 && at > end) {
        if let Ok(i) = usize::try_from(at) {
            picked.push(i);
        }
        at = at.saturating_add(step);
    }
    Ok(picked)
}
