//! What a request is put together from.

use serde_json::{Map, Value};

use crate::component::ComponentError;

/// A share of a request, or the sum of several: requester, authenticator, paginator, partition
/// router and cursor each add theirs.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct RequestParts {
    /// Takes the place of the requester's own path: a URL, or a path below its URL.
    pub path: Option<String>,
    /// Query parameters; a list gives one for each item, null none.
    pub params: Map<String, Value>,
    /// Header fields; values are sent as Python's `str()` writes them.
    pub headers: Map<String, Value>,
    /// A form or plain text as the body.
    pub body_data: Option<BodyData>,
    /// Fields of a JSON object as the body.
    pub body_json: Map<String, Value>,
}

/// A body that is not JSON.
#[derive(Debug, Clone, PartialEq)]
pub enum BodyData {
    /// Fields of an URL-encoded form.
    Form(Map<String, Value>),
    /// Sent as it is.
    Text(String),
}

impl RequestParts {
    /// Adds `other`'s share. A key that both have is an error; in JSON bodies, mappings are merged
    /// and equal values agree. The later path wins.
    ///
    /// As airbyte-cdk 7.39.1, `mapping_helpers.py`, `combine_mappings`.
    ///
    /// # Errors
    /// When both set the same key, or a plain text body is not alone.
    pub fn merge(&mut self, other: Self) -> Result<(), ComponentError> {
        merge_flat(&mut self.params, other.params, "request parameter")?;
        merge_flat(&mut self.headers, other.headers, "header")?;
        merge_nested(&mut self.body_json, other.body_json, "")?;
        self.body_data = merge_data(self.body_data.take(), other.body_data)?;
        self.path = other.path.or_else(|| self.path.take());
        Ok(())
    }

    /// The form of the body, for adding a field.
    ///
    /// # Errors
    /// When the body is plain text.
    pub(super) fn form(&mut self) -> Result<&mut Map<String, Value>, ComponentError> {
        match self
            .body_data
            .get_or_insert_with(|| BodyData::Form(Map::new()))
        {
            BodyData::Form(form) => Ok(form),
            BodyData::Text(_) => Err(text_is_alone()),
        }
    }
}

fn text_is_alone() -> ComponentError {
    ComponentError::system("a plain text body cannot be combined with another body")
}

fn merge_data(
    ours: Option<BodyData>,
    theirs: Option<BodyData>,
) -> Result<Option<BodyData>, ComponentError> {
    let empty = |data: &BodyData| matches!(data, BodyData::Form(form) if form.is_empty());
    match (
        ours.filter(|data| !empty(data)),
        theirs.filter(|data| !empty(data)),
    ) {
        (None, one) | (one, None) => Ok(one),
        (Some(BodyData::Form(mut form)), Some(BodyData::Form(other))) => {
            merge_flat(&mut form, other, "body field")?;
            Ok(Some(BodyData::Form(form)))
        }
        _ => Err(text_is_alone()),
    }
}

fn merge_flat(
    target: &mut Map<String, Value>,
    source: Map<String, Value>,
    what: &str,
) -> Result<(), ComponentError> {
    for (key, value) in source {
        if target.contains_key(&key) {
            return Err(collision(what, &key));
        }
        target.insert(key, value);
    }
    Ok(())
}

fn merge_nested(
    target: &mut Map<String, Value>,
    source: Map<String, Value>,
    above: &str,
) -> Result<(), ComponentError> {
    for (key, value) in source {
        match (target.get_mut(&key), value) {
            (None, value) => {
                target.insert(key, value);
            }
            (Some(Value::Object(ours)), Value::Object(theirs)) => {
                merge_nested(ours, theirs, &format!("{above}{key}."))?;
            }
            (Some(ours), theirs) if *ours == theirs => {}
            (Some(_), _) => return Err(collision("body field", &format!("{above}{key}"))),
        }
    }
    Ok(())
}

fn collision(what: &str, key: &str) -> ComponentError {
    ComponentError::system(format!("the {what} `{key}` is set twice"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn map(value: Value) -> Map<String, Value> {
        match value {
            Value::Object(map) => map,
            other => panic!("not a mapping: {other}"),
        }
    }

    fn merged(ours: RequestParts, theirs: RequestParts) -> Result<RequestParts, String> {
        let mut all = ours;
        all.merge(theirs).map_err(|error| error.message)?;
        Ok(all)
    }

    #[test]
    fn a_parameter_is_set_once_even_to_the_same_value() {
        let params = |value| RequestParts {
            params: map(value),
            ..RequestParts::default()
        };
        let all = merged(params(json!({"a": 1})), params(json!({"b": 2}))).unwrap();
        assert_eq!(Value::Object(all.params), json!({"a": 1, "b": 2}));
        assert_eq!(
            merged(params(json!({"a": 1})), params(json!({"a": 1}))),
            Err("the request parameter `a` is set twice".to_owned())
        );
    }

    #[test]
    fn json_bodies_merge_in_depth() {
        let body = |value| RequestParts {
            body_json: map(value),
            ..RequestParts::default()
        };
        let ours = || body(json!({"a": {"b": 1, "c": [2]}}));
        let all = merged(ours(), body(json!({"a": {"d": 3, "c": [2]}}))).unwrap();
        assert_eq!(
            Value::Object(all.body_json),
            json!({"a": {"b": 1, "c": [2], "d": 3}})
        );
        assert_eq!(
            merged(ours(), body(json!({"a": {"b": 2}}))),
            Err("the body field `a.b` is set twice".to_owned())
        );
    }

    #[test]
    fn a_text_body_is_alone() {
        let data = |body_data| RequestParts {
            body_data: Some(body_data),
            ..RequestParts::default()
        };
        let text = || data(BodyData::Text("x".to_owned()));
        let form = |value| data(BodyData::Form(map(value)));
        assert_eq!(merged(text(), form(json!({}))), Ok(text()));
        assert!(merged(text(), form(json!({"a": 1}))).is_err());
        assert!(merged(text(), text()).is_err());
        assert_eq!(
            merged(form(json!({"a": 1})), form(json!({"b": 2}))),
            Ok(form(json!({"a": 1, "b": 2})))
        );
    }

    #[test]
    fn the_later_path_wins() {
        let path = |path: &str| RequestParts {
            path: Some(path.to_owned()),
            ..RequestParts::default()
        };
        assert_eq!(
            merged(path("a"), path("b")).unwrap().path.as_deref(),
            Some("b")
        );
        let none = RequestParts::default();
        assert_eq!(merged(path("a"), none).unwrap().path.as_deref(), Some("a"));
    }
}
