//! `DeclarativeSource`.

use std::collections::{BTreeSet, HashMap};

use schemars::JsonSchema;
use serde::Deserialize;

use super::stream_group::ancestors;
use super::{Check, ConcurrencyLevel, Spec, StreamGroup};
use crate::component::api_budget::ApiBudget;
use crate::component::custom;
use crate::manifest::{self, Error, Manifest, Node, Raw};
use crate::template::{Config, Template, scope};

/// The manifest of a source of data.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct DeclarativeSource {
    /// Version of the language that the manifest was written for.
    version: String,
    /// What a check of the connection reads.
    check: Raw,
    /// The streams on offer.
    #[serde(default)]
    streams: Option<Vec<Raw>>,
    /// Streams that are made of templates.
    #[serde(default)]
    dynamic_streams: Option<Vec<Raw>>,
    /// Which settings the manifest takes.
    #[serde(default)]
    spec: Option<Raw>,
    /// How many partitions are read at the same time.
    #[serde(default)]
    concurrency_level: Option<Raw>,
    /// How many requests the API allows.
    #[serde(default)]
    api_budget: Option<Raw>,
    /// Streams that are not read at the same time, in groups by name.
    #[serde(default)]
    stream_groups: Option<Raw>,
    /// How many jobs of an `AsyncRetriever` run at the same time, over all streams. Default: 1.
    #[serde(default)]
    max_concurrent_async_job_count: Option<Template<scope::ConfigOnly>>,
    /// Components that others refer to.
    #[serde(default)]
    pub definitions: Option<Raw>,
    /// JSON schemas that others refer to.
    #[serde(default)]
    pub schemas: Option<Raw>,
    /// For platforms.
    #[serde(default)]
    pub metadata: Option<Raw>,
    /// What the source is.
    #[serde(default)]
    pub description: Option<Raw>,
}

impl DeclarativeSource {
    /// The source of a manifest, with the components that this program offers by the name of a
    /// class.
    ///
    /// # Errors
    /// All mistakes outside of its parts, which are decoded one by one.
    pub fn of(manifest: &Manifest) -> Result<Self, Vec<Error>> {
        manifest::decode(&custom::written_out(manifest.root()))
    }

    /// Version of the language that the manifest was written for.
    #[must_use]
    pub fn version(&self) -> &str {
        &self.version
    }

    /// The streams, in the order of the manifest; some may stand under a condition.
    pub fn streams(&self) -> impl Iterator<Item = &Node> {
        self.streams.iter().flatten().map(|raw| &raw.0)
    }

    /// The streams that are made of templates, in the order of the manifest.
    pub fn dynamic_streams(&self) -> impl Iterator<Item = &Node> {
        self.dynamic_streams.iter().flatten().map(|raw| &raw.0)
    }

    /// What a check reads.
    ///
    /// # Errors
    /// All mistakes in it.
    pub fn check(&self) -> Result<Check, Vec<Error>> {
        manifest::decode(&self.check.0)
    }

    /// Which settings the manifest takes, if it says so.
    ///
    /// # Errors
    /// All mistakes in it.
    pub fn spec(&self) -> Result<Option<Spec>, Vec<Error>> {
        let node = self.spec.as_ref().map(|raw| &raw.0);
        node.map(manifest::decode).transpose()
    }

    /// How many partitions are read at the same time, if the manifest says so.
    ///
    /// # Errors
    /// All mistakes in it.
    pub fn concurrency_level(&self) -> Result<Option<ConcurrencyLevel>, Vec<Error>> {
        let node = self.concurrency_level.as_ref().map(|raw| &raw.0);
        node.map(manifest::decode).transpose()
    }

    /// How many requests the API allows, if the manifest says so.
    ///
    /// # Errors
    /// All mistakes in it.
    pub fn api_budget(&self) -> Result<Option<ApiBudget>, Vec<Error>> {
        let node = self.api_budget.as_ref().map(|raw| &raw.0);
        node.map(manifest::decode).transpose()
    }

    /// How many asynchronous jobs run at the same time: what is no number from 1 on counts as 1, as in
    /// the reference (`async_job/job_tracker.py`).
    #[must_use]
    pub fn jobs(&self, config: &Config) -> usize {
        let template = self.max_concurrent_async_job_count.as_ref();
        let scope = scope::ConfigOnly::new(config.clone());
        let text = template.and_then(|template| template.text(&scope).ok());
        let count = text.and_then(|text| text.trim().parse().ok());
        count.unwrap_or(1).max(1)
    }

    /// Names of the streams of each group that is not read at the same time.
    ///
    /// # Errors
    /// All mistakes in it; one is a group that has a stream and a parent of it.
    pub fn groups(&self) -> Result<Vec<BTreeSet<String>>, Vec<Error>> {
        let Some(Raw(node)) = &self.stream_groups else {
            return Ok(Vec::new());
        };
        let groups: HashMap<String, StreamGroup> = manifest::decode(node)?;
        let groups: Vec<_> = groups.values().map(StreamGroup::names).collect();
        let mut mistakes = Vec::new();
        for stream in self.streams() {
            let name = stream.get("name").and_then(Node::as_str);
            let name = name.unwrap_or_default();
            let above = ancestors(stream);
            for group in groups.iter().filter(|group| group.contains(name)) {
                for parent in group.intersection(&above) {
                    let message = format!(
                        "`{name}` and its parent `{parent}` are in one group of `stream_groups`"
                    );
                    mistakes.push(Error::new(message, &node.at));
                }
            }
        }
        if mistakes.is_empty() {
            Ok(groups)
        } else {
            Err(mistakes)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::component::testing::from_yaml;

    const YAML: &str = "
type: DeclarativeSource
version: 7.0.0
check: {type: CheckStream, stream_names: [a]}
spec:
  type: Spec
  connection_specification: {type: object}
  advanced_auth: {auth_flow_type: oauth2.0, predicate_key: [a, b]}
streams:
  - {type: DeclarativeStream, name: a}
  - {type: ConditionalStreams, name: b}
dynamic_streams:
  - {type: DynamicDeclarativeStream, name: c}
api_budget: {type: HTTPAPIBudget, policies: []}
stream_groups: {g: {streams: [{name: a}, {name: b}], action: {type: BlockSimultaneousSyncsAction}}}
";

    #[test]
    fn groups_are_sets_of_names() {
        let source: DeclarativeSource = from_yaml(YAML);
        let groups = source.groups().unwrap();
        assert_eq!(groups, [BTreeSet::from(["a".to_owned(), "b".to_owned()])]);
    }

    #[test]
    fn a_group_does_not_hold_a_stream_and_its_parent() {
        let child = "{type: DeclarativeStream, name: a, retriever: {partition_router: \
            [{type: SubstreamPartitionRouter, parent_stream_configs: \
            [{type: ParentStreamConfig, stream: {name: b}}]}]}}";
        let yaml = YAML.replace("{type: DeclarativeStream, name: a}", child);
        let source: DeclarativeSource = from_yaml(&yaml);
        let mistakes = source.groups().unwrap_err();
        assert_eq!(mistakes.len(), 1);
        assert!(mistakes[0].message.contains("`a` and its parent `b`"));
    }

    #[test]
    fn the_spec_in_the_protocols_words() {
        let source: DeclarativeSource = from_yaml(YAML);
        let spec = source.spec().unwrap().unwrap();
        assert_eq!(
            serde_json::to_value(spec.message()).unwrap(),
            serde_json::json!({
                "connectionSpecification": {"type": "object"},
                "supportsNormalization": false,
                "supportsDBT": false,
                "advanced_auth": {"auth_flow_type": "oauth2.0", "predicate_key": ["a", "b"]},
            })
        );
    }
}
