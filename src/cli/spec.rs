//! `lowcode spec`, and the spec that the other verbs validate the config against.

use std::path::Path;

use clap::Args;
use serde_json::{Map, Value, json};

use super::error::{Failure, Outcome, say};
use super::flags;
use super::protocol;
use super::settings::{ManifestText, Settings, read_text};
use crate::manifest::{Error, Manifest, Node};
use crate::message::{Message, Spec};

const EXAMPLES: &str = "Examples:
  lowcode spec asana.yaml
  lowcode spec --config config-with-its-manifest.json";

/// Print what the config may hold, as an Airbyte specification
#[derive(Debug, Args)]
#[command(help_template = flags::TEMPLATE, after_help = EXAMPLES)]
pub(super) struct Flags {
    #[command(flatten)]
    pub(super) source: flags::Source,
}

/// Prints the specification.
pub(super) fn run(flags: &Flags) -> Result<Outcome, Failure> {
    let spec = match Settings::manifest_only(&flags.source)? {
        Some(text) => {
            let manifest = text.load()?;
            let spec = of(&manifest, &text)?;
            // The program ends here: to free a large manifest value by value is a tenth of its work.
            std::mem::forget(manifest);
            spec.ok_or_else(|| {
                Failure::wrong(format!("manifest `{}` has no `spec`", text.name)).hint(
                    "write a `spec` with a `connection_specification`, or a `spec.yaml` beside the manifest",
                )
            })?
        }
        None => {
            say(
                "no manifest was given: this is the spec of a connector that finds its manifest in the config",
            );
            general()
        }
    };
    protocol::print(&Message::Spec(spec))?;
    Ok(Outcome::Done)
}

/// The spec of a manifest: its own, else that of a `spec.yaml` or `spec.json` beside it, as
/// airbyte-cdk 7.39.1 finds it in a connector's package (`connector.py`).
pub(super) fn of(manifest: &Manifest, text: &ManifestText) -> Result<Option<Spec>, Failure> {
    match manifest.root().get("spec") {
        Some(node) if node.value.is_truthy() => from_node(node)
            .map(Some)
            .map_err(|errors| Failure::manifest(errors, manifest.source())),
        _ => text.folder.as_deref().map_or(Ok(None), beside),
    }
}

/// What airbyte-cdk 7.39.1 makes of a `Spec` component (`spec/spec.py`): keys of the protocol only,
/// without those that are null.
fn from_node(node: &Node) -> Result<Spec, Vec<Error>> {
    let mut errors = Vec::new();
    let mut wrong = |at: &Node, message: &str| {
        errors.push(Error::new(message, &at.at).through(&at.via));
    };
    let schema = match node.get("connection_specification") {
        Some(schema) if schema.as_map().is_some() => schema.to_json(),
        Some(other) => {
            wrong(
                other,
                "`connection_specification` has to be a mapping, a JSON schema",
            );
            Value::Null
        }
        None => {
            wrong(node, "missing field `connection_specification` of `Spec`");
            Value::Null
        }
    };
    let url = node
        .get("documentation_url")
        .filter(|url| url.value.is_truthy());
    if let Some(url) = url.filter(|url| url.as_str().is_none()) {
        wrong(url, "`documentation_url` has to be text");
    }
    let auth = node
        .get("advanced_auth")
        .filter(|auth| auth.value.is_truthy());
    if let Some(auth) = auth.filter(|auth| auth.as_map().is_none()) {
        wrong(auth, "`advanced_auth` has to be a mapping");
    }
    if !errors.is_empty() {
        return Err(errors);
    }
    Ok(Spec {
        connection_specification: schema,
        documentation_url: url.and_then(Node::as_str).map(str::to_owned),
        advanced_auth: auth.map(advanced_auth),
        ..Spec::default()
    })
}

/// Keys of `AdvancedAuth` of the protocol, each with the keys that count below it.
const ADVANCED_AUTH: [&str; 4] = [
    "auth_flow_type",
    "predicate_key",
    "predicate_value",
    "oauth_config_specification",
];
const OAUTH: [&str; 5] = [
    "oauth_user_input_from_connector_config_specification",
    "oauth_connector_input_specification",
    "complete_oauth_output_specification",
    "complete_oauth_server_input_specification",
    "complete_oauth_server_output_specification",
];
const CONNECTOR_INPUT: [&str; 14] = [
    "consent_url",
    "access_token_url",
    "scope",
    "access_token_headers",
    "access_token_params",
    "extract_output",
    "state",
    "client_id_key",
    "client_secret_key",
    "scope_key",
    "state_key",
    "auth_code_key",
    "redirect_uri_key",
    "token_expiry_key",
];

fn advanced_auth(node: &Node) -> Value {
    let mut auth = only(node.to_json(), &ADVANCED_AUTH);
    if let Some(oauth) = auth.get_mut("oauth_config_specification") {
        *oauth = only(oauth.take(), &OAUTH);
        if let Some(input) = oauth.get_mut("oauth_connector_input_specification") {
            *input = only(input.take(), &CONNECTOR_INPUT);
        }
    }
    auth
}

/// The entries of `value` under `keys`, in their order, nulls left out.
fn only(value: Value, keys: &[&str]) -> Value {
    let Value::Object(mut all) = value else {
        return value;
    };
    let kept = keys.iter().filter_map(|key| {
        let value = all.remove(*key).filter(|value| !value.is_null())?;
        Some(((*key).to_owned(), value))
    });
    Value::Object(kept.collect::<Map<_, _>>())
}

/// Reads a `spec.yaml` or `spec.json` in `folder`; `None` when there is neither.
fn beside(folder: &Path) -> Result<Option<Spec>, Failure> {
    let found = ["spec.yaml", "spec.json"].map(|name| folder.join(name));
    let path = match found.each_ref().map(|path| path.is_file()) {
        [true, true] => {
            return Err(Failure::wrong(format!(
                "both `spec.yaml` and `spec.json` are in `{}`; expected one of them",
                folder.display()
            )));
        }
        [true, false] => &found[0],
        [false, true] => &found[1],
        [false, false] => return Ok(None),
    };
    let text = read_text(path, "spec")?;
    let unusable = |error: serde_yaml::Error| {
        let context = format!("spec `{}` cannot be used", path.display());
        Failure::input(anyhow::Error::new(error).context(context))
    };
    let spec: Spec = serde_yaml::from_str(&text).map_err(unusable)?;
    Ok(Some(spec))
}

/// What the reference's command answers when it has no manifest (`spec.json` beside its `_run.py`).
fn general() -> Spec {
    Spec {
        connection_specification: json!({
            "$schema": "http://json-schema.org/draft-07/schema#",
            "title": "Low-code source spec",
            "type": "object",
            "required": ["__injected_declarative_manifest"],
            "additionalProperties": true,
            "properties": {
                "__injected_declarative_manifest": {
                    "title": "Low-code manifest",
                    "type": "object",
                    "description": "The low-code manifest that defines the components of the source.",
                },
            },
        }),
        documentation_url: Some(
            "https://docs.airbyte.com/integrations/sources/low-code".to_owned(),
        ),
        ..Spec::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec(yaml: &str) -> Result<Option<Value>, String> {
        let text = ManifestText {
            name: "m.yaml".to_owned(),
            text: yaml.to_owned(),
            folder: None,
        };
        let manifest = text.load().map_err(|failure| failure.message())?;
        let spec = of(&manifest, &text).map_err(|failure| failure.message())?;
        Ok(spec.map(|spec| serde_json::to_value(spec).unwrap()))
    }

    #[test]
    fn it_is_written_in_the_keys_of_the_protocol() {
        let yaml = "
definitions:
  schema: {type: object, properties: {a: {type: string}}}
spec:
  type: Spec
  connection_specification: {$ref: '#/definitions/schema'}
  documentation_url: https://example.com
  advanced_auth:
    auth_flow_type: oauth2.0
    predicate_key: [a]
    unknown: 1
    oauth_config_specification:
      oauth_connector_input_specification:
        access_token_url: https://b
        consent_url: https://a
        scopes: [{scope: x}]
        scope: null
      complete_oauth_output_specification: {x: null}
";
        assert_eq!(
            spec(yaml),
            Ok(Some(json!({
                "connectionSpecification": {"type": "object", "properties": {"a": {"type": "string"}}},
                "documentationUrl": "https://example.com",
                "supportsNormalization": false,
                "supportsDBT": false,
                "advanced_auth": {
                    "auth_flow_type": "oauth2.0",
                    "predicate_key": ["a"],
                    "oauth_config_specification": {
                        "oauth_connector_input_specification": {
                            "consent_url": "https://a", "access_token_url": "https://b"},
                        "complete_oauth_output_specification": {"x": null},
                    },
                },
            })))
        );
    }

    #[test]
    fn mistakes_have_their_place() {
        let error = spec("spec:\n  type: Spec\n  documentation_url: [1]\n").unwrap_err();
        let place = |at: &str| error.contains(&format!("--> m.yaml:{at}\n"));
        assert!(
            error.contains("missing field `connection_specification`"),
            "{error}"
        );
        assert!(place("2:3") && place("3:22"), "{error}");
    }

    #[test]
    fn without_one_the_folder_is_looked_through() {
        assert_eq!(spec("type: DeclarativeSource"), Ok(None));
        let folder = tempfile::tempdir().unwrap();
        assert!(beside(folder.path()).unwrap().is_none());
        let schema = "connectionSpecification: {type: object}\n";
        std::fs::write(folder.path().join("spec.yaml"), schema).unwrap();
        let found = beside(folder.path()).unwrap().unwrap();
        assert_eq!(found.connection_specification, json!({"type": "object"}));
        std::fs::write(folder.path().join("spec.json"), "{}").unwrap();
        assert!(beside(folder.path()).is_err());
    }
}
