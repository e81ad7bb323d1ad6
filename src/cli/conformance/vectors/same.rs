//! When two answers are the same.

use serde_json::Value;

/// Integers and floats are different; sets have no order.
pub(super) fn strictly(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Array(a), Value::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| strictly(a, b))
        }
        (Value::Object(a), Value::Object(b)) => {
            if let (Some(Value::Array(a)), Some(Value::Array(b))) = (a.get("$set"), b.get("$set")) {
                return a.len() == b.len() && a.iter().all(|a| b.iter().any(|b| strictly(a, b)));
            }
            a.len() == b.len()
                && (a.iter()).all(|(key, a)| b.get(key).is_some_and(|b| strictly(a, b)))
        }
        _ => a == b,
    }
}

/// Numbers compare by value, and may be apart by `tolerance` of their size. What JSON has no number
/// for may be null or text.
pub(super) fn by_value(answer: &Value, expected: &Value, tolerance: f64) -> bool {
    let same = |answer: &Value, expected: &Value| by_value(answer, expected, tolerance);
    match (answer, expected) {
        (Value::Object(_) | Value::Array(_), Value::Object(e)) if e.contains_key("$tuple") => {
            same(answer, &e["$tuple"])
        }
        (Value::Null, Value::Object(e)) if e.contains_key("$float") => true,
        (Value::String(text), Value::Object(e)) if e.contains_key("$float") => e["$float"] == *text,
        (Value::Number(a), Value::Object(e)) if e.contains_key("$int") => {
            e["$int"].as_str().and_then(|digits| digits.parse().ok()) == a.as_f64()
        }
        (Value::Object(a), Value::Object(e)) => {
            a.len() == e.len()
                && a.iter()
                    .all(|(key, a)| e.get(key).is_some_and(|e| same(a, e)))
        }
        (Value::Array(a), Value::Array(e)) => {
            a.len() == e.len() && a.iter().zip(e).all(|(a, e)| same(a, e))
        }
        (Value::Number(a), Value::Number(e)) => {
            let (Some(x), Some(y)) = (a.as_f64(), e.as_f64()) else {
                return a == e;
            };
            a == e || x == y || (x - y).abs() <= tolerance * x.abs().max(1.0)
        }
        (answer, expected) => answer == expected,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn numbers_have_types_or_values() {
        assert!(!strictly(&json!([1]), &json!([1.0])));
        assert!(by_value(&json!({"a": [1]}), &json!({"a": [1.0]}), 0.0));
        assert!(!by_value(&json!(1.0), &json!(1.000_000_1), 0.0));
        assert!(by_value(&json!(1.0), &json!(1.000_000_1), 1e-6));
        assert!(strictly(&json!({"$set": [1, 2]}), &json!({"$set": [2, 1]})));
        assert!(!strictly(
            &json!({"$set": [1, 2]}),
            &json!({"$set": [1, 3]})
        ));
        assert!(by_value(&json!([1]), &json!({"$tuple": [1]}), 0.0));
    }
}
