//! Which streams there are: those of the manifest, those whose condition holds, and those made of
//! templates.
//!
//! In: a source, a config, and a function that reads the records of a stream, for streams that an
//! API names. Out: nodes of streams, each to be planned by itself.

use std::collections::HashSet;
use std::sync::Arc;

use indexmap::IndexSet;
use serde_json::Map;

use super::StreamFailure;
use crate::component::ComponentError;
use crate::component::resolver::ComponentValues;
use crate::component::source::DeclarativeSource;
use crate::component::stream::{ConditionalStreams, DynamicDeclarativeStream};
use crate::manifest::{self, Entry, Map as Fields, Node, NodeValue};
use crate::template::{Config, scope};

/// A stream on offer, before it is decoded.
#[derive(Debug, Clone)]
pub struct OfferedStream {
    /// Its name, as far as it can be told; empty otherwise.
    pub name: String,
    /// The stream.
    pub node: Node,
    /// Name of the dynamic stream that it was made for.
    pub origin: Option<Arc<str>>,
}

/// Streams on offer.
#[derive(Debug, Clone, Default)]
pub struct Offer {
    /// Those that are there, in the order of the manifest; they need not be right.
    pub streams: Vec<OfferedStream>,
    /// What cannot be told to be there, by name, and why.
    pub broken: Vec<(String, Vec<StreamFailure>)>,
}

/// Reads the records of a stream (given as a node), with their slices.
pub type ReadValues<'a> = dyn FnMut(&Node) -> Result<Vec<ComponentValues>, Vec<StreamFailure>> + 'a;

impl Offer {
    /// The streams that stand in the manifest itself.
    #[must_use]
    pub fn fixed(source: &DeclarativeSource, config: &Config) -> Self {
        let mut offer = Self::default();
        for node in source.streams() {
            if node.type_name() != Some("ConditionalStreams") {
                offer.add(node.clone(), None);
                continue;
            }
            match conditional(node, config) {
                Ok(streams) => streams.into_iter().for_each(|node| offer.add(node, None)),
                Err(failures) => offer.broken.push((String::new(), failures)),
            }
        }
        offer
    }

    /// The streams that are made of templates. A name must not come twice among them.
    #[must_use]
    pub fn dynamic(source: &DeclarativeSource, config: &Config, read: &mut ReadValues<'_>) -> Self {
        let mut offer = Self::default();
        let mut seen = HashSet::new();
        for (index, node) in source.dynamic_streams().enumerate() {
            let origin = node.get("name").and_then(Node::as_str);
            let origin: Arc<str> =
                origin.map_or_else(|| format!("dynamic_stream_{index}").into(), Arc::from);
            let made = made_of_template(node, &origin, config, read);
            let made = made.and_then(|streams| unlike(streams, &mut seen));
            match made {
                Ok(streams) => {
                    for node in streams {
                        offer.add(node, Some(Arc::clone(&origin)));
                    }
                }
                Err(failures) => offer.broken.push((origin.to_string(), failures)),
            }
        }
        offer
    }

    /// The names of the streams that are there, each once.
    #[must_use]
    pub fn names(&self) -> Vec<&str> {
        let names = self.streams.iter().map(|stream| stream.name.as_str());
        let names = names.filter(|name| !name.is_empty());
        names.collect::<IndexSet<_>>().into_iter().collect()
    }

    /// Takes the streams of `other` behind its own.
    pub fn extend(&mut self, other: Self) {
        self.streams.extend(other.streams);
        self.broken.extend(other.broken);
    }

    fn add(&mut self, node: Node, origin: Option<Arc<str>>) {
        self.streams.push(OfferedStream {
            name: name(&node).to_owned(),
            node,
            origin,
        });
    }
}

fn name(node: &Node) -> &str {
    node.get("name").and_then(Node::as_str).unwrap_or_default()
}

fn decode<T: serde::de::DeserializeOwned>(node: &Node) -> Result<T, Vec<StreamFailure>> {
    manifest::decode(node).map_err(of_manifest)
}

fn of_manifest(errors: Vec<manifest::Error>) -> Vec<StreamFailure> {
    errors.into_iter().map(StreamFailure::Manifest).collect()
}

fn of_component(error: impl Into<ComponentError>) -> Vec<StreamFailure> {
    vec![StreamFailure::Component(error.into())]
}

/// The streams under a condition; none when it does not hold.
fn conditional(node: &Node, config: &Config) -> Result<Vec<Node>, Vec<StreamFailure>> {
    let part: ConditionalStreams = decode(node)?;
    let scope = scope::ConfigOnly::new(config.clone());
    Ok(if part.condition.eval(&scope).map_err(of_component)? {
        part.streams.into_iter().map(|raw| raw.0).collect()
    } else {
        Vec::new()
    })
}

fn made_of_template(
    node: &Node,
    origin: &str,
    config: &Config,
    read: &mut ReadValues<'_>,
) -> Result<Vec<Node>, Vec<StreamFailure>> {
    let dynamic: DynamicDeclarativeStream = decode(node)?;
    let resolver = &dynamic.components_resolver;
    let known = resolver.known_values(config).map_err(of_component)?;
    let values = match (known, resolver.retriever()) {
        (Some(values), _) => values,
        (None, Some(retriever)) => read(&stream_of(retriever, origin))?,
        (None, None) => Vec::new(),
    };
    let outer_wins = dynamic.use_parent_parameters.unwrap_or(true);
    let mut streams = Vec::with_capacity(values.len());
    for values in &values {
        let stream = resolver
            .resolve(&dynamic.stream_template.0, values, config)
            .map_err(of_component)?;
        let stream = manifest::propagate(&stream, &Map::new(), outer_wins).map_err(of_manifest)?;
        streams.push(stream);
    }
    Ok(streams)
}

/// The streams, unless one has the name of an earlier one, or none.
fn unlike(streams: Vec<Node>, seen: &mut HashSet<String>) -> Result<Vec<Node>, Vec<StreamFailure>> {
    for stream in &streams {
        let Some(name) = stream.get("name").and_then(Node::as_str) else {
            let message = "a stream made of a template has no name";
            return Err(of_component(
                ComponentError::config(message).or_at(Some(&stream.at)),
            ));
        };
        if !seen.insert(name.to_owned()) {
            return Err(of_component(
                ComponentError::config(format!(
                    "the name `{name}` comes twice among the dynamic streams"
                ))
                .or_at(Some(&stream.at)),
            ));
        }
    }
    Ok(streams)
}

/// A stream that does nothing but retrieve.
#[must_use]
pub fn stream_of(retriever: &Node, name: &str) -> Node {
    let text = |text: &str| Node {
        value: NodeValue::Str(Arc::from(text)),
        at: retriever.at.clone(),
        via: retriever.via.clone(),
    };
    let fields = [
        ("type", text("DeclarativeStream")),
        ("name", text(name)),
        ("retriever", retriever.clone()),
    ];
    let map: Fields = fields
        .into_iter()
        .map(|(key, node)| {
            let entry = Entry {
                key_at: retriever.at.clone(),
                node,
                injected: true,
            };
            (Arc::from(key), entry)
        })
        .collect();
    Node {
        value: NodeValue::Map(Arc::new(map)),
        at: retriever.at.clone(),
        via: retriever.via.clone(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::clock::Clock;
    use crate::manifest::Manifest;

    fn source(streams: &str) -> DeclarativeSource {
        let text = format!("version: 7.0.0\ncheck: {{stream_names: [a]}}\n{streams}");
        let manifest = Manifest::load(&text, "m.yaml").unwrap();
        manifest::decode(manifest.root()).unwrap()
    }

    fn config() -> Config {
        Config::new(json!({"plan": "pro"}), Arc::new(Clock::system()))
    }

    #[test]
    fn a_condition_on_the_config_decides() {
        let source = source(
            "streams:
  - {type: ConditionalStreams, condition: \"{{ config['plan'] == 'pro' }}\", streams: [{type: DeclarativeStream, name: a}]}
  - {type: ConditionalStreams, condition: \"{{ config['plan'] == 'free' }}\", streams: [{type: DeclarativeStream, name: b}]}
  - {type: DeclarativeStream, name: c}
",
        );
        let offer = Offer::fixed(&source, &config());
        assert_eq!(offer.names(), ["a", "c"]);
        assert!(offer.broken.is_empty());
    }

    #[test]
    fn an_api_names_streams_and_each_only_once() {
        let source = source(
            "dynamic_streams:
  - type: DynamicDeclarativeStream
    stream_template: {type: DeclarativeStream, name: '', retriever: {type: SimpleRetriever, path: ''}}
    components_resolver:
      type: HttpComponentsResolver
      retriever: {type: SimpleRetriever, about: this}
      components_mapping:
        - {field_path: [name], value: \"{{ components_values['id'] }}x\"}
",
        );
        let answer = |ids: &[&str]| {
            let ids: Vec<_> = ids.iter().map(|id| (*id).to_owned()).collect();
            Offer::dynamic(&source, &config(), &mut |node| {
                assert_eq!(name(node), "dynamic_stream_0");
                assert_eq!(node.to_json()["retriever"]["about"], "this");
                let value = |id: &String| ComponentValues::from(json!({ "id": id }));
                Ok(ids.iter().map(value).collect())
            })
        };
        let offer = answer(&["a", "b"]);
        assert_eq!(offer.names(), ["ax", "bx"]);
        assert_eq!(offer.streams[0].origin.as_deref(), Some("dynamic_stream_0"));
        let offer = answer(&["a", "a"]);
        assert!(offer.streams.is_empty());
        assert_eq!(offer.broken.len(), 1);
    }
}
