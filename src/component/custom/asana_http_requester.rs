//! `source_asana.components.AsanaHttpRequester`: an `HttpRequester` that asks for every field of the
//! stream's schema by `opt_fields`, as Asana gives three fields of a record otherwise.
//!
//! As `components.py` of airbyte-source-asana 1.7.2: the schema of a stream stands in
//! `definitions.NAME_schema`, and of nested objects only the `gid` is asked for, with the exceptions
//! that the class makes for `tasks` and `users`.

use std::sync::Arc;

use super::{Around, text};
use crate::manifest::{Entry, Map, Node, NodeValue};

/// The requester in the language.
pub(super) fn write(fields: &Map, at: &Node, around: &Around<'_>) -> Map {
    let mut written = fields.clone();
    written.shift_remove("class_name");
    let kind = Entry {
        injected: false,
        ..text("HttpRequester", at)
    };
    written.insert(Arc::from("type"), kind);
    let opt_fields = opt_fields(around);
    if opt_fields.is_empty() {
        return written;
    }
    let parameters = fields.get("request_parameters").map(|entry| &entry.node);
    let mut map = match parameters.map(|node| &node.value) {
        None | Some(NodeValue::Null) => Map::default(),
        Some(NodeValue::Map(map)) => Map::clone(map),
        // A text may come out as a mapping only when the stream is read.
        Some(_) => return written,
    };
    let place = parameters.unwrap_or(at);
    map.insert(Arc::from("opt_fields"), text(&opt_fields, place));
    let entry = Entry {
        key_at: place.at.clone(),
        node: Node {
            value: NodeValue::Map(Arc::new(map)),
            ..place.clone()
        },
        injected: false,
    };
    written.insert(Arc::from("request_parameters"), entry);
    written
}

/// The fields of the stream's schema, joined by commas.
fn opt_fields(around: &Around<'_>) -> String {
    let schema = format!("{}_schema", around.stream);
    let definitions = around.root.get("definitions");
    let schema = definitions.and_then(|all| all.get(&schema));
    let properties = schema.and_then(|schema| schema.get("properties"));
    let properties = properties.and_then(Node::as_map).into_iter().flatten();
    let names = properties.map(|(name, entry)| match kind(&entry.node) {
        Kind::Object => of_object(name, around.stream),
        Kind::Array => match entry.node.get("items").map(kind) {
            Some(Kind::Object) => of_object(name, around.stream),
            _ => name.to_string(),
        },
        Kind::Other => name.to_string(),
    });
    names.collect::<Vec<_>>().join(",")
}

/// What of a nested object is asked for.
fn of_object(name: &str, stream: &str) -> String {
    match (stream, name) {
        ("tasks", "custom_fields") | ("users", "photo") => name.to_owned(),
        ("tasks", "hearts" | "likes") => format!("{name}.user.gid"),
        ("tasks", "memberships") => "memberships.(project|section).gid".to_owned(),
        _ => format!("{name}.gid"),
    }
}

enum Kind {
    Object,
    Array,
    Other,
}

/// What the `type` of a schema says, a text or a list of them.
fn kind(schema: &Node) -> Kind {
    let kinds = schema.get("type");
    let has = |wanted: &str| match kinds.map(|kinds| &kinds.value) {
        Some(NodeValue::Str(kind)) => &**kind == wanted,
        Some(NodeValue::Seq(kinds)) => kinds.iter().any(|kind| kind.as_str() == Some(wanted)),
        _ => false,
    };
    if has("object") {
        Kind::Object
    } else if has("array") {
        Kind::Array
    } else {
        Kind::Other
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::written_out;
    use crate::manifest::Manifest;

    #[test]
    fn every_field_of_the_schema_is_asked_for() {
        let text = "
version: 7.0.0
definitions:
  requester:
    type: CustomRequester
    class_name: source_asana.components.AsanaHttpRequester
    url_base: https://app.asana.com/api/1.0/
    request_parameters: {workspace: \"{{ stream_slice['gid'] }}\"}
  users_schema:
    type: object
    properties:
      gid: {type: [string, 'null']}
      photo: {type: [object, 'null']}
      workspaces: {type: array, items: {type: [object, 'null']}}
  tasks_schema:
    properties:
      name: {}
      tags: {type: array, items: {type: string}}
      hearts: {type: array, items: {type: object}}
      memberships: {type: array, items: {type: object}}
      custom_fields: {type: array, items: {type: object}}
      assignee: {type: object}
streams:
  - type: DeclarativeStream
    name: tasks
    $parameters: {path: tasks}
    retriever:
      type: SimpleRetriever
      requester: {$ref: '#/definitions/requester', request_parameters: null}
      partition_router:
        type: SubstreamPartitionRouter
        parent_stream_configs:
          - stream:
              type: DeclarativeStream
              name: users
              retriever: {type: SimpleRetriever, requester: {$ref: '#/definitions/requester'}}
";
        let manifest = Manifest::load(text, "m.yaml").unwrap();
        let root = written_out(manifest.root()).to_json();
        let retriever = &root["streams"][0]["retriever"];
        let requester = &retriever["requester"];
        assert_eq!(requester["type"], "HttpRequester");
        assert_eq!(requester["path"], "tasks");
        assert_eq!(
            requester["request_parameters"],
            json!({"opt_fields": "name,tags,hearts.user.gid,memberships.(project|section).gid,custom_fields,assignee.gid"})
        );
        let parent = &retriever["partition_router"]["parent_stream_configs"][0]["stream"];
        assert_eq!(
            parent["retriever"]["requester"]["request_parameters"],
            json!({"workspace": "{{ stream_slice['gid'] }}", "opt_fields": "gid,photo,workspaces.gid"})
        );
    }
}
