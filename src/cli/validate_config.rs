//! Holds a config against the manifest's `connection_specification`, a JSON schema.
//!
//! In: schema and config. Out: mistakes, each with the key and what was expected. Values of the
//! config are never shown, since any may be a secret.

mod words;

use std::collections::HashSet;

use jsonschema::error::{TypeKind, ValidationErrorKind as Kind};
use jsonschema::{Draft, ValidationError};
use serde_json::{Map, Value};

use super::config::kind;
use words::{
    child, close_to, dotted, examples, known_keys, listed, options, plain, type_name, wanted,
};

/// One mistake in a config.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Mistake {
    /// Path of the key with dots, such as `credentials.token`; empty for the config itself.
    pub(super) key: String,
    /// What was expected, beside what was found; the key included.
    pub(super) message: String,
}

/// Keys that are ours or the reference's own and that no spec knows (`split_config` in
/// `schema_helpers.py`). Differs: the reference holds the injected manifest against the schema, too.
const INTERNAL: [&str; 2] = ["_limit", "_page_size"];

/// Validates `config` as `jsonschema.validate` does for the reference: `$schema` picks the draft,
/// `format` is not looked at, patterns are searched for, defaults are not put in. A mistake in the
/// schema itself, which the reference refuses too, is the `Err`.
pub(super) fn validate(
    schema: &Value,
    config: &Map<String, Value>,
) -> Result<Vec<Mistake>, String> {
    let known = |key: &str| !INTERNAL.contains(&key) && !key.starts_with("__injected_");
    let own = config.iter().filter(|(key, _)| known(key));
    let config = Value::Object(own.map(|(k, v)| (k.clone(), v.clone())).collect());

    let mut schema = schema.clone();
    let draft = schema
        .as_object_mut()
        .and_then(|object| object.remove("$schema"))
        .map_or(Draft::Draft202012, |name| draft(&name));
    let validator = jsonschema::options()
        .with_draft(draft)
        .should_validate_formats(false)
        .offline()
        .build(&schema);
    let validator = validator.map_err(|error| {
        let at = dotted(error.instance_path().segments());
        format!("`connection_specification` is not a valid JSON schema: `{at}`: {error}")
    })?;
    let mut mistakes = Vec::new();
    for error in validator.iter_errors(&config) {
        explain(&error, &schema, &mut mistakes);
    }
    // One mistake a key is enough: a wrong type would be told again by each union around it.
    let mut told = HashSet::new();
    mistakes.retain(|mistake| told.insert(mistake.key.clone()));
    Ok(mistakes)
}

fn draft(name: &Value) -> Draft {
    let name = name.as_str().unwrap_or_default();
    let is = |part: &str| name.contains(part);
    match () {
        () if is("draft-03") || is("draft-04") => Draft::Draft4,
        () if is("draft-06") => Draft::Draft6,
        () if is("draft-07") => Draft::Draft7,
        () if is("2019-09") => Draft::Draft201909,
        () => Draft::Draft202012,
    }
}

/// Puts one error into words. A union is explained by the branch that the user most likely meant.
fn explain(error: &ValidationError<'_>, schema: &Value, out: &mut Vec<Mistake>) {
    let key = dotted(error.instance_path().segments());
    let found = error.instance();
    // Schema of the value in question, for its title, pattern and examples.
    let about = error
        .schema_path()
        .as_str()
        .rsplit_once('/')
        .and_then(|(parent, _)| schema.pointer(parent))
        .unwrap_or(&Value::Null);
    let expected = |what: String| format!("expected {what}, found {}", kind(found));
    let text = match error.kind() {
        Kind::Required { property } => {
            let name = property.as_str().unwrap_or_default();
            let missing = child(&key, name);
            let message = format!("`{missing}` is missing; expected {}", wanted(about, name));
            out.push(Mistake {
                key: missing,
                message,
            });
            return;
        }
        Kind::AdditionalProperties { unexpected } | Kind::UnevaluatedProperties { unexpected } => {
            for name in unexpected {
                let unknown = child(&key, name);
                let message = format!("`{unknown}` is not known{}", known_keys(about, name));
                out.push(Mistake {
                    key: unknown,
                    message,
                });
            }
            return;
        }
        Kind::OneOfNotValid { context } | Kind::AnyOf { context } => {
            match branch(context, found) {
                Some(best) => best.iter().for_each(|error| explain(error, schema, out)),
                None => match discriminator(context) {
                    Some((at, values)) => {
                        push(out, &at, &format!("expected {}", values.join(" or ")))
                    }
                    None if found.is_object() => {
                        push(
                            out,
                            &key,
                            &format!("expected {}, and fits none", options(about)),
                        );
                    }
                    None => push(out, &key, &expected(options(about))),
                },
            }
            return;
        }
        Kind::OneOfMultipleValid { .. } => {
            "expected one of the allowed forms, and fits several of them".to_owned()
        }
        Kind::Type {
            kind: TypeKind::Single(one),
        } => expected(type_name(*one).to_owned()),
        Kind::Type {
            kind: TypeKind::Multiple(several),
        } => {
            let names: Vec<&str> = several.into_iter().map(type_name).collect();
            expected(names.join(" or "))
        }
        Kind::Enum { options } => {
            let options = options.as_array().map(Vec::as_slice).unwrap_or_default();
            format!(
                "expected one of {}{}",
                listed(options),
                close_to(found, options)
            )
        }
        Kind::Constant { expected_value } => format!("expected `{}`", plain(expected_value)),
        Kind::Pattern { pattern } => match about.get("pattern_descriptor") {
            Some(words) => format!("expected text such as {}", plain(words)),
            None => format!("expected text that matches `{pattern}`{}", examples(about)),
        },
        Kind::MinLength { limit } => format!("expected text of at least {limit} characters"),
        Kind::MaxLength { limit } => format!("expected text of at most {limit} characters"),
        Kind::MinItems { limit } => format!("expected a list of at least {limit}"),
        Kind::MaxItems { limit } => format!("expected a list of at most {limit}"),
        Kind::UniqueItems => "expected a list in which nothing stands twice".to_owned(),
        Kind::Minimum { limit } => format!("expected a number from {limit} up"),
        Kind::Maximum { limit } => format!("expected a number up to {limit}"),
        Kind::ExclusiveMinimum { limit } => format!("expected a number above {limit}"),
        Kind::ExclusiveMaximum { limit } => format!("expected a number below {limit}"),
        Kind::Not { .. } | Kind::FalseSchema => "is not allowed here".to_owned(),
        _ => error.masked_with("the value").to_string(),
    };
    push(out, &key, &text);
}

fn push(out: &mut Vec<Mistake>, key: &str, text: &str) {
    let name = if key.is_empty() {
        "the config".to_owned()
    } else {
        format!("`{key}`")
    };
    out.push(Mistake {
        key: key.to_owned(),
        message: format!("{name}: {text}"),
    });
}

/// The branch of a union that was most likely meant: the one whose discriminating constant fits,
/// else the only one that takes this kind of value at all.
fn branch<'a>(
    context: &'a [Vec<ValidationError<'static>>],
    found: &Value,
) -> Option<&'a [ValidationError<'static>]> {
    if let [only] = context {
        return Some(only);
    }
    let fits = |errors: &&Vec<ValidationError<'static>>| {
        !errors.iter().any(|error| match error.kind() {
            Kind::Constant { .. } | Kind::Enum { .. } => true,
            Kind::Type { .. } => {
                std::ptr::eq(error.instance().as_ref(), found) || error.instance().as_ref() == found
            }
            _ => false,
        })
    };
    let mut candidates = context.iter().filter(fits);
    match (candidates.next(), candidates.next()) {
        (Some(one), None) => Some(one),
        _ => None,
    }
}

/// The key by which the branches of a union are told apart, and the values it may have: there is one
/// when every branch refuses the value of the same key.
fn discriminator(context: &[Vec<ValidationError<'static>>]) -> Option<(String, Vec<String>)> {
    let mut all: Option<(String, Vec<String>)> = None;
    for errors in context {
        let (at, value) = errors.iter().find_map(|error| {
            let value = match error.kind() {
                Kind::Constant { expected_value } => format!("`{}`", plain(expected_value)),
                Kind::Enum { options } => listed(options.as_array()?),
                _ => return None,
            };
            Some((dotted(error.instance_path().segments()), value))
        })?;
        match &mut all {
            None => all = Some((at, vec![value])),
            Some((known, values)) if *known == at => values.push(value),
            Some(_) => return None,
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn spec() -> Value {
        json!({
            "$schema": "http://json-schema.org/draft-07/schema#",
            "type": "object",
            "required": ["start_date", "credentials"],
            "additionalProperties": false,
            "properties": {
                "start_date": {"type": "string", "title": "Start date", "format": "date-time",
                    "pattern": "^\\d{4}-\\d{2}-\\d{2}$", "examples": ["2024-01-31"]},
                "num_workers": {"type": "integer", "minimum": 1, "maximum": 40, "default": 8},
                "region": {"type": "string", "enum": ["europe", "america"]},
                "projects": {"type": "array", "items": {"type": "string"}, "uniqueItems": true},
                "credentials": {"type": "object", "oneOf": [
                    {"title": "OAuth", "required": ["auth", "client_id"], "properties": {
                        "auth": {"const": "oauth"}, "client_id": {"type": "string"}}},
                    {"title": "Token", "required": ["auth", "token"], "properties": {
                        "auth": {"const": "pat"}, "token": {"type": "string", "title": "Personal access token",
                            "airbyte_secret": true, "minLength": 4}}},
                ]},
            },
        })
    }

    fn messages(config: Value) -> Vec<String> {
        let mistakes = validate(&spec(), config.as_object().unwrap()).unwrap();
        mistakes.into_iter().map(|m| m.message).collect()
    }

    #[test]
    fn a_good_config_has_no_mistakes_and_formats_are_not_looked_at() {
        let good = json!({"start_date": "2024-99-99", "credentials": {"auth": "pat", "token": "abcd"},
            "num_workers": 2.0, "_limit": 3, "__injected_declarative_manifest": {}});
        assert_eq!(messages(good), Vec::<String>::new());
    }

    #[test]
    fn each_mistake_names_its_key_and_what_was_expected() {
        let bad = json!({"start_date": "soon", "credentials": {"auth": "pat"}, "num_workers": "8",
            "region": "europa", "projects": ["a", 1], "regoin": "x"});
        insta::assert_snapshot!(messages(bad).join("\n"), @r"
        `start_date`: expected text that matches `^\d{4}-\d{2}-\d{2}$`, such as `2024-01-31`
        `credentials.token` is missing; expected text (Personal access token)
        `num_workers`: expected an integer, found text
        `region`: expected one of `europe`, `america`; did you mean `europe`?
        `projects.1`: expected text, found an integer
        `regoin` is not known; did you mean `region`?
        ");
    }

    #[test]
    fn what_is_missing_is_described() {
        insta::assert_snapshot!(messages(json!({})).join("\n"), @r"
        `start_date` is missing; expected text (Start date), such as `2024-01-31`
        `credentials` is missing; expected a mapping
        ");
    }

    #[test]
    fn a_union_that_fits_nothing_names_its_forms() {
        let bad = json!({"start_date": "2024-01-01", "credentials": {"auth": "basic"}});
        insta::assert_snapshot!(messages(bad).join("\n"), @"`credentials.auth`: expected `oauth` or `pat`");
        let bad = json!({"start_date": "2024-01-01", "credentials": "hunter2hunter2"});
        insta::assert_snapshot!(messages(bad).join("\n"), @"`credentials`: expected a mapping, found text");
    }

    #[test]
    fn values_are_never_shown() {
        let bad = json!({"start_date": "s3cr3t", "region": "s3cr3t", "num_workers": -7654321,
            "projects": ["s3cr3t", "s3cr3t"], "credentials": {"auth": "pat", "token": "s3c"}});
        let all = messages(bad).join("\n");
        assert!(
            all.contains("`credentials.token`: expected text of at least 4"),
            "{all}"
        );
        for value in ["s3c", "7654321"] {
            assert!(!all.contains(value), "{all}");
        }
    }

    #[test]
    fn a_schema_that_is_none_is_refused() {
        let schema = json!({"properties": {"a": {"type": "strin"}}});
        let error = validate(&schema, &Map::new()).unwrap_err();
        assert!(error.contains("`properties.a.type`"), "{error}");
        // A remote reference is never fetched.
        let schema = json!({"$ref": "http://localhost:1/s.json"});
        assert!(validate(&schema, &Map::new()).is_err());
    }
}
