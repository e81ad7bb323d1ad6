//! What a path is followed through: a tree of values, or checked text.

use super::Step;
use crate::message::{Kind, Text};
use serde_json::Value;

/// JSON that can be walked down.
pub trait Tree: Clone {
    /// Length, when it is a list.
    fn length(&self) -> Option<usize>;
    /// Value of `key`, when it is an object that has it.
    fn key(&self, key: &str) -> Option<Self>;
    /// Item at `index`, when it is a list that has it.
    fn item(&self, index: usize) -> Option<Self>;
    /// All children with their keys; none of a scalar.
    fn children(&self) -> Vec<(Step, Self)>;
}

impl Tree for &Value {
    fn length(&self) -> Option<usize> {
        self.as_array().map(Vec::len)
    }

    fn key(&self, key: &str) -> Option<Self> {
        self.as_object().and_then(|map| map.get(key))
    }

    fn item(&self, index: usize) -> Option<Self> {
        self.as_array().and_then(|list| list.get(index))
    }

    fn children(&self) -> Vec<(Step, Self)> {
        match self {
            Value::Object(map) => map.iter().map(|(k, v)| (Step::Key(k.clone()), v)).collect(),
            Value::Array(list) => list
                .iter()
                .enumerate()
                .map(|(i, v)| (Step::Item(i, list.len()), v))
                .collect(),
            _ => Vec::new(),
        }
    }
}

impl Tree for Text {
    fn length(&self) -> Option<usize> {
        (self.kind() == Kind::Array).then(|| self.items().count())
    }

    fn key(&self, key: &str) -> Option<Self> {
        self.get(key)
    }

    fn item(&self, index: usize) -> Option<Self> {
        self.items().nth(index)
    }

    fn children(&self) -> Vec<(Step, Self)> {
        match self.kind() {
            Kind::Object => self
                .fields()
                .map(|(k, v)| (Step::Key(k.into_owned()), v))
                .collect(),
            Kind::Array => {
                let length = self.items().count();
                self.items()
                    .enumerate()
                    .map(|(i, v)| (Step::Item(i, length), v))
                    .collect()
            }
            _ => Vec::new(),
        }
    }
}
