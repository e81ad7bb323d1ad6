//! `DeclarativeSource`.

use schemars::JsonSchema;
use serde::Deserialize;

use super::{Check, ConcurrencyLevel, Spec};
use crate::component::api_budget::ApiBudget;
use crate::component::custom;
use crate::manifest::{self, Error, Manifest, Node, Place, Raw};
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
    /// Not known to this version: streams of a group may be read at the same time.
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

/// A part of the manifest that this version passes over: the streams are read without it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ignored {
    /// What is passed over, and what that means.
    pub message: String,
    /// Where it stands.
    pub at: Place,
    /// The streams that it hits; none means all.
    pub streams: Vec<String>,
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

    /// What this version passes over.
    #[must_use]
    pub fn ignored(&self) -> Vec<Ignored> {
        let mut ignored = Vec::new();
        let groups = self.stream_groups.as_ref().and_then(|raw| raw.0.as_map());
        for (name, entry) in groups.into_iter().flatten() {
            ignored.push(Ignored {
                message: format!(
                    "`stream_groups` are not known to this version: the streams of `{name}` may \
                     be read at the same time"
                ),
                at: entry.key_at.clone(),
                streams: members(&entry.node),
            });
        }
        ignored
    }
}

/// Names of the streams of a group.
fn members(group: &Node) -> Vec<String> {
    let streams = group.get("streams").and_then(Node::as_seq);
    let names = streams.into_iter().flatten().filter_map(|stream| {
        let name = stream.get("name").unwrap_or(stream);
        name.as_str().map(str::to_owned)
    });
    names.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::component::fragment::from_yaml;

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
stream_groups: {g: {streams: [a, {name: b}]}}
";

    #[test]
    fn what_is_passed_over_is_told() {
        let source: DeclarativeSource = from_yaml(YAML);
        let ignored = source.ignored();
        assert_eq!(ignored.len(), 1);
        assert_eq!(ignored[0].streams, ["a", "b"]);
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
