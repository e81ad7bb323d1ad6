//! `StreamGroup` and `BlockSimultaneousSyncsAction`.

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::Deserialize;

use crate::manifest::{Node, NodeValue, Raw};

/// Streams that share something of the API, such as a session.
///
/// As airbyte-cdk 7.39.1, `concurrent_read_processor.py`. Differs: where two groups wait for each
/// other, one of them goes on.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct StreamGroup {
    /// The streams, mostly as `$ref`s.
    streams: Vec<Raw>,
    /// What that means for them.
    #[expect(dead_code, reason = "there is one action only")]
    action: GroupAction,
}

/// What it means for streams to be in a group.
#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(tag = "type")]
enum GroupAction {
    /// One of them is read at a time.
    BlockSimultaneousSyncsAction(BlockSimultaneousSyncsAction),
}

/// Reads the streams of a group one after the other.
#[derive(Debug, Deserialize, JsonSchema)]
struct BlockSimultaneousSyncsAction {}

impl StreamGroup {
    /// Names of the streams.
    #[must_use]
    pub fn names(&self) -> BTreeSet<String> {
        let names = self.streams.iter().filter_map(|stream| name(&stream.0));
        names.collect()
    }
}

fn name(stream: &Node) -> Option<String> {
    let name = stream.get("name")?.as_str()?;
    (!name.is_empty()).then(|| name.to_owned())
}

/// Names of all parents above a stream, in any of its routers.
pub(super) fn ancestors(stream: &Node) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    if let Some(router) = (stream.get("retriever")).and_then(|it| it.get("partition_router")) {
        collect(router, &mut found);
    }
    found
}

fn collect(node: &Node, found: &mut BTreeSet<String>) {
    if node.type_name() == Some("ParentStreamConfig")
        && let Some(parent) = node.get("stream")
    {
        found.extend(name(parent));
        found.extend(ancestors(parent));
        return;
    }
    match &node.value {
        NodeValue::Seq(items) => items.iter().for_each(|item| collect(item, found)),
        NodeValue::Map(map) => map.values().for_each(|entry| collect(&entry.node, found)),
        _ => {}
    }
}
