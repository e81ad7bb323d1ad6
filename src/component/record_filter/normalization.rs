//! Casts the values of a record to the types of a JSON schema, as the reference's
//! `TypeTransformer` does with `schema_normalization: Default`.

use serde_json::{Number, Value};

use crate::template::Literal;

/// Casts what `properties`, `items` and local `$ref`s of `schema` name one type for. A value that
/// does not read as its type stays.
pub fn normalize(record: &mut Value, schema: &Value) {
    descend(record, schema, schema);
}

fn descend(value: &mut Value, schema: &Value, root: &Value) {
    for schema in chain(schema, root) {
        match value {
            Value::Object(fields) => {
                let properties = schema.get("properties").and_then(Value::as_object);
                for (key, schema) in properties.into_iter().flatten() {
                    if let Some(field) = fields.get_mut(key) {
                        convert(field, schema);
                        descend(field, schema, root);
                    }
                }
            }
            Value::Array(items) => {
                if let Some(schema) = schema.get("items").filter(|s| s.is_object()) {
                    for item in items {
                        convert(item, schema);
                        descend(item, schema, root);
                    }
                }
            }
            _ => {}
        }
    }
}

/// The schema and those that it refers to, each once.
fn chain<'s>(schema: &'s Value, root: &'s Value) -> Vec<&'s Value> {
    let mut chain: Vec<&Value> = Vec::new();
    let mut next = Some(schema);
    while let Some(schema) = next {
        if chain.iter().any(|known| std::ptr::eq(*known, schema)) {
            break;
        }
        chain.push(schema);
        let target = schema.get("$ref").and_then(Value::as_str);
        next = target
            .and_then(|target| target.strip_prefix('#'))
            .and_then(|pointer| root.pointer(pointer));
    }
    chain
}

/// Casts one value to the type of its schema, if that is one.
fn convert(value: &mut Value, schema: &Value) {
    let target = match schema.get("type") {
        Some(Value::String(name)) => name.as_str(),
        Some(Value::Array(names)) => {
            let mut names = names.iter().filter_map(Value::as_str);
            let nullable = names.clone().any(|name| name == "null");
            if value.is_null() && nullable {
                return;
            }
            let mut others = names.by_ref().filter(|name| *name != "null");
            match (others.next(), others.next()) {
                (Some(name), None) => name,
                _ => return,
            }
        }
        _ => return,
    };
    let converted = match target {
        "string" => match &*value {
            Value::String(_) => None,
            other => Some(Value::String(Literal::from_json(other).to_python_str())),
        },
        "number" => number(value),
        "integer" => integer(value),
        "boolean" => boolean(value).map(Value::Bool),
        "array" => wraps(value, schema).then(|| Value::Array(vec![value.take()])),
        _ => None,
    };
    if let Some(converted) = converted {
        *value = converted;
    }
}

/// Python's `float()`. An infinity is null, since JSON has none.
fn number(value: &Value) -> Option<Value> {
    let float = match value {
        Value::Bool(b) => f64::from(u8::from(*b)),
        Value::Number(n) => n.as_f64()?,
        Value::String(s) => python_number(s)?.parse().ok()?,
        _ => return None,
    };
    Some(Number::from_f64(float).map_or(Value::Null, Value::Number))
}

/// Python's `int()`.
fn integer(value: &Value) -> Option<Value> {
    match value {
        Value::Bool(b) => Some(u8::from(*b).into()),
        Value::Number(n) if n.is_f64() => {
            let whole = n.as_f64()?.trunc();
            // Differs: a float beyond 64 bits keeps its value, where Python makes a large integer.
            format!("{whole:.0}").parse::<i64>().ok().map(Value::from)
        }
        Value::String(s) => {
            let digits = python_number(s)?;
            let signed = digits.parse::<i64>().ok().map(Value::from);
            signed.or_else(|| digits.parse::<u64>().ok().map(Value::from))
        }
        _ => None,
    }
}

/// The text of a number without what Python allows around and inside it: blanks, and `_` between
/// digits.
fn python_number(text: &str) -> Option<String> {
    let text = text.trim();
    let bytes = text.as_bytes();
    let digit = |i: Option<usize>| i.and_then(|i| bytes.get(i)).is_some_and(u8::is_ascii_digit);
    let misplaced = |i: usize| !digit(i.checked_sub(1)) || !digit(Some(i + 1));
    if text.match_indices('_').any(|(i, _)| misplaced(i)) {
        return None;
    }
    Some(text.replace('_', ""))
}

fn boolean(value: &Value) -> Option<bool> {
    match value {
        Value::Null => Some(false),
        Value::Bool(_) => None,
        Value::Number(n) => Some(n.as_f64() != Some(0.0)),
        Value::String(s) => match s.to_lowercase().trim() {
            "y" | "yes" | "t" | "true" | "on" | "1" => Some(true),
            "n" | "no" | "f" | "false" | "off" | "0" => Some(false),
            _ => None,
        },
        Value::Array(items) => Some(!items.is_empty()),
        Value::Object(fields) => Some(!fields.is_empty()),
    }
}

/// Whether a scalar becomes a list of one: when the items' type is unset, or a list of names of
/// scalars. A single name counts letter by letter in the reference, so that it never does.
fn wraps(value: &Value, schema: &Value) -> bool {
    if value.is_object() || value.is_array() {
        return false;
    }
    let scalar = |name: &Value| {
        let name = name.as_str().unwrap_or_default();
        ["string", "number", "integer", "boolean", "null"].contains(&name)
    };
    match schema.get("items").and_then(|items| items.get("type")) {
        None => true,
        Some(Value::Array(names)) => names.iter().all(scalar),
        Some(Value::String(name)) => name.is_empty(),
        Some(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn cast(value: Value, of_type: Value) -> Value {
        let mut record = json!({"v": value});
        normalize(
            &mut record,
            &json!({"properties": {"v": {"type": of_type}}}),
        );
        record["v"].take()
    }

    #[test]
    fn casts_to_the_one_type() {
        assert_eq!(
            cast(json!(" 1_000 "), json!(["null", "integer"])),
            json!(1000)
        );
        assert_eq!(cast(json!("1__0"), json!("integer")), json!("1__0"));
        assert_eq!(cast(json!(1.9), json!("integer")), json!(1));
        assert_eq!(cast(json!("1e2"), json!("number")), json!(100.0));
        assert_eq!(cast(json!("Yes "), json!("boolean")), json!(true));
        assert_eq!(cast(json!("maybe"), json!("boolean")), json!("maybe"));
        assert_eq!(cast(json!(true), json!("string")), json!("True"));
        assert_eq!(cast(json!(null), json!("string")), json!("None"));
        assert_eq!(cast(json!(null), json!(["null", "string"])), json!(null));
        assert_eq!(cast(json!(5), json!(["string", "integer"])), json!(5));
        assert_eq!(cast(json!(5), json!("array")), json!([5]));
    }

    #[test]
    fn goes_down_properties_items_and_references() {
        let schema = json!({
            "definitions": {"n": {"properties": {"x": {"type": "integer"}}}},
            "properties": {"l": {"items": {"$ref": "#/definitions/n"}}}
        });
        let mut record = json!({"l": [{"x": "1"}, {"x": "y"}]});
        normalize(&mut record, &schema);
        assert_eq!(record, json!({"l": [{"x": 1}, {"x": "y"}]}));
    }

    #[test]
    fn a_schema_that_refers_to_itself_ends() {
        let schema = json!({"$ref": "#"});
        normalize(&mut json!({"a": 1}), &schema);
    }
}
