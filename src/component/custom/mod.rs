//! Components that manifests know by the name of a Python class, and that lowcode offers itself.
//!
//! In: a resolved manifest. Out: the same with each such component written in the language, so that
//! nobody after this pass needs to know of it. A class that is not offered stays, and is an error
//! where it is decoded.
//!
//! To offer another: a file with its rule, and a line in `OFFERED`.

mod asana_http_requester;

use std::sync::Arc;

use crate::manifest::{Entry, Map, Node, NodeValue};

/// What a component is surrounded by.
struct Around<'a> {
    /// Name of the stream that it belongs to.
    stream: &'a str,
    /// The manifest.
    root: &'a Node,
}

/// Writes the fields of a component in the language.
type Write = fn(fields: &Map, at: &Node, around: &Around<'_>) -> Map;

/// By type and `class_name`.
const OFFERED: [(&str, &str, Write); 1] = [(
    "CustomRequester",
    "source_asana.components.AsanaHttpRequester",
    asana_http_requester::write,
)];

/// The manifest with all components that are offered written in the language.
#[must_use]
pub fn written_out(root: &Node) -> Node {
    let fields = root.as_map().map(|map| {
        let streams = ["streams", "dynamic_streams"].into_iter();
        streams
            .filter_map(|key| Some((key, map.get(key)?)))
            .collect::<Vec<_>>()
    });
    let mut changed = None;
    for (key, entry) in fields.into_iter().flatten() {
        let around = Around { stream: "", root };
        if let Some(node) = rewritten(&entry.node, &around) {
            let entry = Entry {
                node,
                ..entry.clone()
            };
            let map = changed.get_or_insert_with(|| root.as_map().cloned().unwrap_or_default());
            map.insert(Arc::from(key), entry);
        }
    }
    changed.map_or_else(|| root.clone(), |map| replaced(root, map))
}

/// The node with what is offered in it written out; none where nothing is.
fn rewritten(node: &Node, around: &Around<'_>) -> Option<Node> {
    match &node.value {
        NodeValue::Seq(items) => {
            let mut changed = None;
            for (index, item) in items.iter().enumerate() {
                if let Some(item) = rewritten(item, around) {
                    changed.get_or_insert_with(|| items.to_vec())[index] = item;
                }
            }
            let value = NodeValue::Seq(Arc::new(changed?));
            Some(Node {
                value,
                ..node.clone()
            })
        }
        NodeValue::Map(map) => {
            let own = match (node.type_name(), node.get("name").and_then(Node::as_str)) {
                (Some("DeclarativeStream"), Some(stream)) => Around { stream, ..*around },
                _ => Around { ..*around },
            };
            let mut changed = None;
            for (key, entry) in map.iter() {
                if let Some(node) = rewritten(&entry.node, &own) {
                    let entry = Entry {
                        node,
                        ..entry.clone()
                    };
                    changed
                        .get_or_insert_with(|| Map::clone(map))
                        .insert(Arc::clone(key), entry);
                }
            }
            if let Some(write) = offered(node) {
                let fields = changed.as_ref().unwrap_or(map);
                changed = Some(write(fields, node, &own));
            }
            changed.map(|map| replaced(node, map))
        }
        _ => None,
    }
}

fn offered(node: &Node) -> Option<Write> {
    let class = node.get("class_name")?.as_str()?;
    let kind = node.type_name()?;
    let found = OFFERED.iter().find(|it| (it.0, it.1) == (kind, class));
    found.map(|it| it.2)
}

fn replaced(node: &Node, map: Map) -> Node {
    Node {
        value: NodeValue::Map(Arc::new(map)),
        ..node.clone()
    }
}

/// A text that was made for a place of the manifest.
fn text(text: &str, at: &Node) -> Entry {
    Entry {
        key_at: at.at.clone(),
        node: Node {
            value: NodeValue::Str(Arc::from(text)),
            ..at.clone()
        },
        injected: true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::component::source::DeclarativeSource;
    use crate::component::stream::Stream;
    use crate::manifest::{self, Manifest};

    const YAML: &str = "
version: 7.0.0
check: {stream_names: [a]}
streams:
  - type: DeclarativeStream
    name: a
    retriever:
      type: SimpleRetriever
      requester:
        type: CustomRequester
        class_name: source_other.components.Requester
        url_base: https://a.example
      record_selector: {extractor: {field_path: []}}
  - type: DeclarativeStream
    name: b
    retriever:
      type: SimpleRetriever
      requester: {url_base: 'https://a.example'}
      record_selector: {extractor: {field_path: []}}
      partition_router: {class_name: source_other.components.Router}
      decoder: {type: CustomDecoder, class_name: source_other.components.Decoder}
    transformations: [{class_name: source_other.components.Change}]
    state_migrations: [{type: CustomStateMigration, class_name: source_other.components.State}]
    schema_loader: {type: CustomSchemaLoader, class_name: source_other.components.Schema}
  - type: DeclarativeStream
    name: c
    retriever:
      type: SimpleRetriever
      requester:
        url_base: https://a.example
        authenticator: {class_name: source_other.components.Auth}
        error_handler:
          type: CompositeErrorHandler
          error_handlers:
            - backoff_strategies: [{class_name: source_other.components.Wait}]
            - {type: CustomErrorHandler, class_name: source_other.components.Handler}
      record_selector:
        extractor: {class_name: source_other.components.Extract}
        record_filter: {type: CustomRecordFilter, class_name: source_other.components.Filter}
        schema_normalization: {type: CustomSchemaNormalization, class_name: source_other.components.Normal}
      paginator:
        type: DefaultPaginator
        pagination_strategy: {class_name: source_other.components.Pages}
  - type: DeclarativeStream
    name: d
    retriever: {class_name: source_other.components.Retriever}
";

    #[test]
    fn a_class_that_is_not_offered_is_told_where_it_stands() {
        let manifest = Manifest::load(YAML, "m.yaml").unwrap();
        let root = written_out(manifest.root());
        let source: DeclarativeSource = manifest::decode(&root).unwrap();
        let told: Vec<_> = source
            .streams()
            .flat_map(|stream| manifest::decode::<Stream>(stream).unwrap_err())
            .map(|error| format!("{}: {}", error.at.line, error.message))
            .collect();
        let line = |line: u32, class: &str| {
            format!(
                "{line}: the class `source_other.components.{class}` is Python, which lowcode does not run"
            )
        };
        assert_eq!(
            told,
            [
                line(11, "Requester"),
                line(20, "Router"),
                line(21, "Decoder"),
                line(22, "Change"),
                line(23, "State"),
                line(24, "Schema"),
                line(31, "Auth"),
                line(35, "Wait"),
                line(36, "Handler"),
                line(38, "Extract"),
                line(39, "Filter"),
                line(40, "Normal"),
                line(43, "Pages"),
                line(46, "Retriever"),
            ]
        );
    }

    #[test]
    fn a_manifest_without_classes_stays_as_it_is() {
        let text = "version: 7.0.0\nstreams: [{type: DeclarativeStream, name: a}]\n";
        let manifest = Manifest::load(text, "m.yaml").unwrap();
        let root = written_out(manifest.root());
        assert_eq!(root.fingerprint(), manifest.root().fingerprint());
    }
}
