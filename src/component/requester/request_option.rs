//! `RequestOption` and `RequestPath`.

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};

use super::RequestParts;
use crate::component::ComponentError;
use crate::component::placed::Placed;
use crate::manifest::Place;
use crate::template::{Config, Template, scope};

/// Says where in a request a value goes.
///
/// As airbyte-cdk 7.39.1, `request_option.py`.
#[derive(Debug, JsonSchema)]
#[schemars(transparent)]
pub struct RequestOption(Placed<Option_>);

/// Says where in a request a value goes.
#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(rename = "RequestOption")]
struct Option_ {
    /// The part of the request.
    inject_into: InjectInto,
    /// Name of the parameter, header or body field.
    field_name: Option<Template<scope::ConfigOnly>>,
    /// Path to a nested field of a JSON body, such as `[variables, after]`; in place of
    /// `field_name`.
    field_path: Option<Vec<Template<scope::ConfigOnly>>>,
}

/// Parts of a request that a value can go into.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum InjectInto {
    /// The query.
    RequestParameter,
    /// A header field.
    Header,
    /// A field of an URL-encoded form.
    BodyData,
    /// A field of a JSON object.
    BodyJson,
}

impl<'de> Deserialize<'de> for RequestOption {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let option = Placed::<Option_>::deserialize(deserializer)?;
        let Option_ {
            inject_into,
            field_name,
            field_path,
        } = &option.value;
        let nothing =
            |text: &Option<Template<_>>| text.as_ref().is_none_or(|text| text.source().is_empty());
        let no_path = field_path.as_ref().is_none_or(Vec::is_empty);
        let complaint = match (nothing(field_name), no_path) {
            (true, true) => "expected a `field_name` or a `field_path`",
            (false, false) => "expected either a `field_name` or a `field_path`, found both",
            (true, false) if *inject_into != InjectInto::BodyJson => {
                "a `field_path` needs `inject_into: body_json`"
            }
            _ => return Ok(Self(option)),
        };
        Err(serde::de::Error::custom(complaint))
    }
}

impl RequestOption {
    /// A header field, which some components declare by its name alone.
    pub(in crate::component) fn header(name: Template<scope::ConfigOnly>) -> Self {
        Self(Placed {
            at: name.at().cloned(),
            value: Option_ {
                inject_into: InjectInto::Header,
                field_name: Some(name),
                field_path: None,
            },
        })
    }

    /// The part of the request.
    #[must_use]
    pub fn inject_into(&self) -> InjectInto {
        self.0.value.inject_into
    }

    /// Where it stands in the manifest.
    #[must_use]
    pub fn at(&self) -> Option<&Place> {
        self.0.at.as_ref()
    }

    /// Name of the header or parameter; the path joined with points for a nested field.
    ///
    /// # Errors
    /// When a template fails.
    pub fn name(&self, config: &Config) -> Result<String, ComponentError> {
        Ok(self.path(config)?.join("."))
    }

    fn path(&self, config: &Config) -> Result<Vec<String>, ComponentError> {
        let scope = scope::ConfigOnly::new(config.clone());
        let option = &self.0.value;
        let path = match (&option.field_path, &option.field_name) {
            (Some(path), _) if !path.is_empty() => path.iter().collect(),
            (_, Some(name)) => vec![name],
            _ => Vec::new(),
        };
        let names = path.into_iter().map(|segment| segment.text(&scope));
        Ok(names.collect::<Result<_, _>>()?)
    }

    /// Puts `value` into `parts`, in the place of what is there.
    ///
    /// # Errors
    /// When a template fails, or the path leads through something that is no mapping.
    pub fn inject(
        &self,
        parts: &mut RequestParts,
        value: Value,
        config: &Config,
    ) -> Result<(), ComponentError> {
        let mut path = self.path(config)?;
        let Some(last) = path.pop() else {
            return Ok(());
        };
        let target = match self.inject_into() {
            InjectInto::RequestParameter => &mut parts.params,
            InjectInto::Header => &mut parts.headers,
            InjectInto::BodyData => parts.form()?,
            InjectInto::BodyJson => nested(&mut parts.body_json, &path)
                .ok_or_else(|| {
                    let path = path.join(".");
                    ComponentError::config(format!("`{path}` leads through no mapping"))
                })
                .map_err(|error| error.or_at(self.at()))?,
        };
        target.insert(last, value);
        Ok(())
    }
}

fn nested<'a>(
    target: &'a mut Map<String, Value>,
    path: &[String],
) -> Option<&'a mut Map<String, Value>> {
    let Some((first, rest)) = path.split_first() else {
        return Some(target);
    };
    let inner = target
        .entry(first.clone())
        .or_insert_with(|| Value::Object(Map::new()));
    nested(inner.as_object_mut()?, rest)
}

/// Says that a page token goes into the path: it is a URL, or a path below the requester's URL.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct RequestPath {}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::component::backoff::testing::config;
    use crate::component::testing::{from_yaml, mistakes};

    fn injected(yaml: &str) -> RequestParts {
        let option: RequestOption = from_yaml(yaml);
        let mut parts = RequestParts::default();
        let config = config(json!({"key": "k"}));
        option.inject(&mut parts, json!(5), &config).unwrap();
        parts
    }

    #[test]
    fn the_value_goes_where_it_is_told() {
        let name = "field_name: \"x-{{ config['key'] }}\"";
        let params = injected(&format!("{{inject_into: request_parameter, {name}}}")).params;
        assert_eq!(Value::Object(params), json!({"x-k": 5}));
        let headers = injected(&format!("{{inject_into: header, {name}}}")).headers;
        assert_eq!(Value::Object(headers), json!({"x-k": 5}));
        let mut form = injected(&format!("{{inject_into: body_data, {name}}}"));
        assert_eq!(
            Value::Object(form.form().unwrap().clone()),
            json!({"x-k": 5})
        );
        let nested = "{inject_into: body_json, field_path: [a, \"{{ config['key'] }}\"]}";
        assert_eq!(
            Value::Object(injected(nested).body_json),
            json!({"a": {"k": 5}})
        );
    }

    #[test]
    fn one_name_or_one_path() {
        for (yaml, complaint) in [
            (
                "inject_into: header",
                "expected a `field_name` or a `field_path`",
            ),
            (
                "{inject_into: body_json, field_name: a, field_path: [b]}",
                "found both",
            ),
            (
                "{inject_into: header, field_path: [b]}",
                "needs `inject_into: body_json`",
            ),
        ] {
            let errors = mistakes::<RequestOption>(yaml).join("\n");
            assert!(errors.contains(complaint), "{errors}");
        }
    }
}
