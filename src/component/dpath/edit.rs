//! Changes at a path: `dpath.new` and `dpath.delete`.

use super::{DpathError, Glob, Step, walk};
use serde_json::{Map, Value};

/// Longest list that setting an index may make: no record of an API is longer.
const LONGEST_LIST: usize = 1_000_000;

/// Sets the value at `path` and makes what is missing on the way, as `dpath.new` does.
///
/// A missing parent becomes a list when the key below it is a number, else an object. Globs are
/// ordinary keys here.
///
/// # Errors
/// When the path is empty, goes through a scalar, or asks a list for a key.
pub fn set(target: &mut Value, path: &[String], value: Value) -> Result<(), DpathError> {
    let fail = |kind: fn(String) -> DpathError| kind(format!("{path:?}"));
    let Some((last, parents)) = path.split_last() else {
        return Err(fail(DpathError::NotAContainer));
    };
    let mut current = target;
    for (segment, next) in parents.iter().zip(&path[1..]) {
        current = child(current, segment, || empty_for(next)).map_err(fail)?;
        if !(current.is_object() || current.is_array()) {
            return Err(fail(DpathError::NotAContainer));
        }
    }
    *child(current, last, || Value::Null).map_err(fail)? = value;
    Ok(())
}

/// Says of a scalar whether it is to be deleted.
pub type Wanted<'f, E> = dyn FnMut(&Value) -> Result<bool, E> + 'f;

/// Deletes what matches `glob`, as `dpath.delete` does; gives how many values went.
///
/// The last item of a list goes, any other becomes null. With a `filter` the glob does not count:
/// every scalar at any depth that the filter selects goes, as in the reference.
///
/// # Errors
/// Those of the filter.
pub fn delete<E>(
    target: &mut Value,
    glob: &Glob,
    mut filter: Option<&mut Wanted<'_, E>>,
) -> Result<usize, E> {
    let mut doomed: Vec<Vec<Step>> = Vec::new();
    let mut failed = None;
    walk(&&*target, &mut Vec::new(), &mut |path, value| {
        let chosen = match &mut filter {
            None => glob.matches(path),
            Some(_) if value.is_object() || value.is_array() => false,
            Some(filter) => match filter(value) {
                Ok(chosen) => chosen,
                Err(e) => {
                    failed = Some(e);
                    return false;
                }
            },
        };
        if chosen {
            doomed.push(path.to_vec());
        }
        true
    });
    match failed {
        Some(e) => Err(e),
        None => Ok(doomed
            .iter()
            .filter(|path| remove(target, path).is_some())
            .count()),
    }
}

/// Takes out all lists that match `glob`; the items behind one that goes move up.
pub fn delete_lists(target: &mut Value, glob: &Glob) {
    let mut doomed: Vec<Vec<Step>> = Vec::new();
    walk(&&*target, &mut Vec::new(), &mut |path, value| {
        if value.is_array() && glob.matches(path) {
            doomed.push(path.to_vec());
        }
        true
    });
    // From the end, and what lies deeper first: the walk tells parents before what is in them.
    doomed.sort_by_key(Vec::len);
    for path in doomed.iter().rev() {
        take(target, path);
    }
}

/// Takes the value at an exact path out of what holds it.
fn take(target: &mut Value, path: &[Step]) -> Option<Value> {
    let (last, parents) = path.split_last()?;
    match (last, follow(target, parents)?) {
        (Step::Key(key), Value::Object(map)) => map.shift_remove(key),
        (Step::Item(i, _), Value::Array(list)) if *i < list.len() => Some(list.remove(*i)),
        _ => None,
    }
}

fn follow<'v>(target: &'v mut Value, path: &[Step]) -> Option<&'v mut Value> {
    path.iter().try_fold(target, |at, step| match (step, at) {
        (Step::Key(key), Value::Object(map)) => map.get_mut(key),
        (Step::Item(i, _), Value::Array(list)) => list.get_mut(*i),
        _ => None,
    })
}

/// The child at `segment`, made by `missing` when there is none.
fn child<'v>(
    parent: &'v mut Value,
    segment: &str,
    missing: impl FnOnce() -> Value,
) -> Result<&'v mut Value, fn(String) -> DpathError> {
    match parent {
        Value::Object(map) => Ok(map.entry(segment).or_insert_with(missing)),
        Value::Array(list) => {
            if !is_decimal(segment) {
                return Err(DpathError::NotAnIndex);
            }
            let index: usize = segment.parse().map_err(|_| too_large())?;
            if index >= LONGEST_LIST {
                return Err(too_large());
            }
            if index >= list.len() {
                list.resize(index, Value::Null);
                list.push(missing());
            }
            Ok(&mut list[index])
        }
        _ => Err(DpathError::NotAContainer),
    }
}

fn too_large() -> fn(String) -> DpathError {
    DpathError::IndexTooLarge
}

fn empty_for(next: &str) -> Value {
    if is_decimal(next) {
        Value::Array(Vec::new())
    } else {
        Value::Object(Map::new())
    }
}

fn is_decimal(segment: &str) -> bool {
    !segment.is_empty() && segment.bytes().all(|b| b.is_ascii_digit())
}

/// Deletes the value at an exact path; none when it is not there any more.
fn remove(target: &mut Value, path: &[Step]) -> Option<()> {
    let (last, parents) = path.split_last()?;
    match (last, follow(target, parents)?) {
        (Step::Key(key), Value::Object(map)) => map.shift_remove(key).map(|_| ()),
        (Step::Item(i, _), Value::Array(list)) if i + 1 == list.len() => list.pop().map(|_| ()),
        (Step::Item(i, _), Value::Array(list)) => {
            *list.get_mut(*i)? = Value::Null;
            Some(())
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use std::convert::Infallible;

    fn path(keys: &[&str]) -> Vec<String> {
        keys.iter().map(|k| (*k).to_owned()).collect()
    }

    #[test]
    fn sets_and_makes_parents() {
        let mut value = json!({"a": 1});
        set(&mut value, &path(&["b", "c"]), json!(2)).unwrap();
        set(&mut value, &path(&["l", "2"]), json!("x")).unwrap();
        set(&mut value, &path(&["l", "0", "*"]), json!(true)).unwrap_err();
        let expected = json!({"a": 1, "b": {"c": 2}, "l": [null, null, "x"]});
        assert_eq!(value, expected);
        assert!(matches!(
            set(&mut value, &path(&["a", "x"]), json!(0)),
            Err(DpathError::NotAContainer(_))
        ));
        assert!(matches!(
            set(&mut value, &path(&["l", "x"]), json!(0)),
            Err(DpathError::NotAnIndex(_))
        ));
        assert!(matches!(
            set(&mut value, &path(&["l", "99999999999999999999"]), json!(0)),
            Err(DpathError::IndexTooLarge(_))
        ));
        assert_eq!(value, expected);
    }

    #[test]
    fn deletes_and_keeps_the_places_of_other_items() {
        let mut value = json!({"l": [1, 2, 3], "m": {"x": 1}, "k": 0});
        let glob = Glob::new(&[json!("l"), json!("*")]).unwrap();
        let count = delete::<Infallible>(&mut value, &glob, None).unwrap();
        assert_eq!(count, 3);
        assert_eq!(value, json!({"l": [null, null], "m": {"x": 1}, "k": 0}));
        let glob = Glob::new(&[json!("nope")]).unwrap();
        assert_eq!(delete::<Infallible>(&mut value, &glob, None), Ok(0));
    }

    #[test]
    fn a_filter_deletes_scalars_wherever_they_are() {
        let mut value = json!({"a": {"b": "x", "c": "y"}, "d": "x"});
        let glob = Glob::new(&[json!("a")]).unwrap();
        let mut is_x = |v: &Value| Ok::<_, Infallible>(v == "x");
        delete(&mut value, &glob, Some(&mut is_x)).unwrap();
        assert_eq!(value, json!({"a": {"c": "y"}}));
    }
}
