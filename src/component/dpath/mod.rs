//! Paths into JSON as the Python package `dpath` reads them: keys, list indices, and globs.
//!
//! In: evaluated path segments and a value. Out: the values that match, or a changed value. It
//! must not know components or templates.

mod edit;
mod fnmatch;
mod tree;

pub use edit::{Wanted, delete, delete_lists, set};
pub use tree::Tree;

use std::fmt;

use serde_json::Value;

use super::ComponentError;
use fnmatch::fnmatch;

/// Why a path could not be followed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DpathError {
    /// More than one value matches where one was asked for.
    Ambiguous(String),
    /// Two `**` in one path.
    TwoDoubleStars(String),
    /// The path goes through a value that has no children.
    NotAContainer(String),
    /// A list is asked for a key that is no index.
    NotAnIndex(String),
    /// An index that would make a list longer than any response is.
    IndexTooLarge(String),
}

impl fmt::Display for DpathError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ambiguous(path) => write!(f, "more than one value matches the path {path}"),
            Self::TwoDoubleStars(path) => write!(f, "only one `**` is allowed in the path {path}"),
            Self::NotAContainer(path) => {
                write!(f, "the path {path} goes through a value without children")
            }
            Self::NotAnIndex(path) => write!(f, "a list has no such key: {path}"),
            Self::IndexTooLarge(path) => write!(f, "the index in {path} is too large"),
        }
    }
}

impl std::error::Error for DpathError {}

impl From<DpathError> for ComponentError {
    fn from(error: DpathError) -> Self {
        Self::system(error.to_string())
    }
}

/// One segment of a path.
#[derive(Debug, Clone, PartialEq)]
enum Segment {
    /// A key, or the text of an index; `index` is what Python's `int` reads in it.
    Key { text: String, index: Option<i64> },
    /// A key with `*`, `?` or `[…]` in it.
    Pattern(String),
    /// A number that a template gave: it matches list indices alone.
    Index(i64),
    /// `**`: any number of segments, none included.
    Deep,
    /// Neither text nor a number: matches nothing.
    Never,
}

/// A path that may hold globs.
#[derive(Debug, Clone, PartialEq)]
pub struct Glob(Vec<Segment>);

impl Glob {
    /// Makes a path of evaluated segments.
    ///
    /// # Errors
    /// When `**` stands in it twice.
    pub fn new(segments: &[Value]) -> Result<Self, DpathError> {
        let parts: Vec<Segment> = segments.iter().map(segment).collect();
        if parts.iter().filter(|p| **p == Segment::Deep).count() > 1 {
            let path = Value::Array(segments.to_vec()).to_string();
            return Err(DpathError::TwoDoubleStars(path));
        }
        Ok(Self(parts))
    }

    /// Makes a path of text with `/` between its segments.
    ///
    /// # Errors
    /// When `**` stands in it twice.
    pub fn split(path: &str) -> Result<Self, DpathError> {
        let path = path.trim_start_matches('/');
        if path.is_empty() {
            return Ok(Self(Vec::new()));
        }
        let parts: Vec<Value> = path.split('/').map(Value::from).collect();
        Self::new(&parts)
    }

    /// The keys, when there is nothing but plain keys in the path.
    #[must_use]
    pub fn keys(&self) -> Option<Vec<&str>> {
        self.0
            .iter()
            .map(|s| match s {
                Segment::Key { text, .. } => Some(text.as_str()),
                _ => None,
            })
            .collect()
    }

    /// The one value at this path. An empty path is the value itself.
    ///
    /// # Errors
    /// When more than one value matches.
    pub fn get<T: Tree>(&self, tree: &T) -> Result<Option<T>, DpathError> {
        // Differs: the reference walks the whole value and fails when it holds an empty key
        // anywhere; here only the path is looked at.
        let mut found = Vec::new();
        self.collect(tree, 2, &mut found);
        if found.len() > 1 {
            return Err(DpathError::Ambiguous(self.to_string()));
        }
        Ok(found.pop())
    }

    /// All values that match, in the order of `dpath.values`.
    #[must_use]
    pub fn values<T: Tree>(&self, tree: &T) -> Vec<T> {
        let mut found = Vec::new();
        self.collect(tree, usize::MAX, &mut found);
        found
    }

    /// The paths of all values below `tree` that match, in dpath's order.
    #[must_use]
    pub fn paths<T: Tree>(&self, tree: &T) -> Vec<Vec<Step>> {
        let mut found = Vec::new();
        walk(tree, &mut Vec::new(), &mut |path, _| {
            if self.matches(path) {
                found.push(path.to_vec());
            }
            true
        });
        found
    }

    fn collect<T: Tree>(&self, tree: &T, limit: usize, found: &mut Vec<T>) {
        if self.0.contains(&Segment::Deep) {
            walk(tree, &mut Vec::new(), &mut |path, value: &T| {
                if found.len() < limit && self.matches(path) {
                    found.push(value.clone());
                }
                found.len() < limit
            });
        } else {
            descend(&self.0, tree, limit, found);
        }
    }

    /// Whether this glob matches the whole of `path`.
    fn matches(&self, path: &[Step]) -> bool {
        let Some(deep) = self.0.iter().position(|s| *s == Segment::Deep) else {
            return path.len() == self.0.len()
                && self.0.iter().zip(path).all(|(s, p)| s.matches(p));
        };
        let (before, after) = (&self.0[..deep], &self.0[deep + 1..]);
        path.len() >= before.len() + after.len()
            && before.iter().zip(path).all(|(s, p)| s.matches(p))
            && after
                .iter()
                .rev()
                .zip(path.iter().rev())
                .all(|(s, p)| s.matches(p))
    }
}

impl fmt::Display for Glob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[")?;
        for (i, segment) in self.0.iter().enumerate() {
            if i > 0 {
                f.write_str(", ")?;
            }
            match segment {
                Segment::Key { text, .. } | Segment::Pattern(text) => write!(f, "{text:?}")?,
                Segment::Index(i) => write!(f, "{i}")?,
                Segment::Deep => f.write_str("\"**\"")?,
                Segment::Never => f.write_str("null")?,
            }
        }
        f.write_str("]")
    }
}

/// A key or an index of a value on the way down.
#[derive(Debug, Clone, PartialEq)]
pub enum Step {
    /// Key of an object.
    Key(String),
    /// Index of a list, and the list's length.
    Item(usize, usize),
}

fn segment(value: &Value) -> Segment {
    match value {
        Value::String(s) if s == "**" => Segment::Deep,
        Value::String(s) if s.contains(['*', '?', '[']) => Segment::Pattern(s.clone()),
        Value::String(s) => Segment::Key {
            text: s.clone(),
            index: s.trim().replace('_', "").parse().ok(),
        },
        #[expect(
            clippy::cast_possible_truncation,
            reason = "Python's int() truncates a float segment too"
        )]
        Value::Number(n) => match n.as_i64().or_else(|| n.as_f64().map(|f| f as i64)) {
            Some(i) => Segment::Index(i),
            None => Segment::Never,
        },
        _ => Segment::Never,
    }
}

/// Whether Python would find `index` in a list of `length` at `position`.
fn is_at(index: i64, position: usize, length: usize) -> bool {
    let (Ok(position), Ok(length)) = (i64::try_from(position), i64::try_from(length)) else {
        return false;
    };
    index == position || length.checked_add(index) == Some(position)
}

impl Segment {
    fn matches(&self, step: &Step) -> bool {
        match (self, step) {
            (Self::Key { text, .. }, Step::Key(key)) => text == key,
            (Self::Pattern(pattern), Step::Key(key)) => fnmatch(key, pattern),
            (Self::Pattern(pattern), Step::Item(i, _)) => fnmatch(&i.to_string(), pattern),
            (Self::Key { index, .. }, Step::Item(i, length)) => {
                index.is_some_and(|index| is_at(index, *i, *length))
            }
            (Self::Index(index), Step::Item(i, length)) => is_at(*index, *i, *length),
            (Self::Index(_) | Self::Never, _) => false,
            (Self::Deep, _) => true,
        }
    }
}

/// Follows a glob without `**`. The order is that of the walk, since all matches are equally deep.
fn descend<T: Tree>(segments: &[Segment], tree: &T, limit: usize, found: &mut Vec<T>) {
    let Some((first, rest)) = segments.split_first() else {
        found.push(tree.clone());
        return;
    };
    if found.len() >= limit {
        return;
    }
    let child = match (first, tree.length()) {
        (Segment::Key { text, .. }, None) => tree.key(text),
        (
            Segment::Key {
                index: Some(index), ..
            }
            | Segment::Index(index),
            Some(length),
        ) => (0..length)
            .find(|i| is_at(*index, *i, length))
            .and_then(|i| tree.item(i)),
        (Segment::Pattern(_), _) => {
            for (step, child) in tree.children() {
                if first.matches(&step) {
                    descend(rest, &child, limit, found);
                }
            }
            return;
        }
        _ => None,
    };
    if let Some(child) = child {
        descend(rest, &child, limit, found);
    }
}

/// Calls `visit` with all values below `tree` in dpath's order: first the children, then each
/// child's own. Stops when `visit` gives false.
fn walk<T: Tree>(
    tree: &T,
    path: &mut Vec<Step>,
    visit: &mut impl FnMut(&[Step], &T) -> bool,
) -> bool {
    let children = tree.children();
    for (step, child) in &children {
        path.push(step.clone());
        let more = visit(path, child);
        path.pop();
        if !more {
            return false;
        }
    }
    for (step, child) in children {
        path.push(step);
        let more = walk(&child, path, visit);
        path.pop();
        if !more {
            return false;
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn values(path: &Value, value: &Value) -> Value {
        let glob = Glob::new(path.as_array().unwrap()).unwrap();
        glob.values(&value).into_iter().cloned().collect()
    }

    #[test]
    fn a_key_may_be_an_index() {
        let value = json!({"a": [10, 20, {"b": 1}], "0": "zero"});
        assert_eq!(values(&json!(["a", "1"]), &value), json!([20]));
        assert_eq!(values(&json!(["a", "-1", "b"]), &value), json!([1]));
        assert_eq!(values(&json!(["a", 0]), &value), json!([10]));
        assert_eq!(values(&json!(["0"]), &value), json!(["zero"]));
        assert_eq!(values(&json!([0]), &value), json!([]));
        assert_eq!(values(&json!(["a", "b"]), &value), json!([]));
    }

    #[test]
    fn globs_match_keys_and_indices() {
        let value = json!({"a": [1, 2], "b": {"c": 3}, "bb": {"c": 4}});
        assert_eq!(values(&json!(["*"]), &value).as_array().unwrap().len(), 3);
        assert_eq!(values(&json!(["a", "*"]), &value), json!([1, 2]));
        assert_eq!(values(&json!(["b*", "c"]), &value), json!([3, 4]));
        assert_eq!(values(&json!(["[!a]?", "c"]), &value), json!([4]));
    }

    #[test]
    fn a_double_star_goes_any_depth() {
        let value = json!({"id": 1, "a": {"id": 2, "b": [{"id": 3}]}});
        assert_eq!(values(&json!(["**", "id"]), &value), json!([1, 2, 3]));
        assert_eq!(
            values(&json!(["a", "**"]), &value)
                .as_array()
                .unwrap()
                .len(),
            5
        );
        assert!(Glob::new(&[json!("**"), json!("**")]).is_err());
    }

    #[test]
    fn get_wants_one_match() {
        let value = json!({"a": 1, "b": 2});
        let any = Glob::split("/*").unwrap();
        assert!(matches!(any.get(&&value), Err(DpathError::Ambiguous(_))));
        assert_eq!(Glob::split("b").unwrap().get(&&value), Ok(Some(&json!(2))));
        assert_eq!(Glob::split("c/d").unwrap().get(&&value), Ok(None));
        assert_eq!(Glob::split("").unwrap().get(&&value), Ok(Some(&value)));
    }
}
