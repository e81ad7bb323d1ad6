//! Builds a plan, stream by stream: a stream that cannot be planned does not stop the others.

use super::{Edge, Input, Plan, StreamNode};
use crate::component::ComponentError;
use crate::component::cursor::StreamCursor;
use crate::component::partition_router::{ParentStreamConfig, Source};
use crate::component::schema_loader::{FirstRecord, ReadFile};
use crate::component::stream::{DeclarativeStream, Stream};
use crate::manifest::{self, Node};
use crate::message::{ConfiguredCatalog, InputState, NO_CURSOR_STATE};
use crate::template::Config;
use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};
use std::collections::HashMap;
use std::sync::Arc;

/// How many parents may stand above each other.
const DEPTH_LIMIT: usize = 64;

/// Puts a plan together.
pub struct Planner<'a> {
    config: &'a Config,
    read: &'a ReadFile<'a>,
    first_record: &'a FirstRecord<'a>,
    plan: Plan,
    state: InputState,
    catalog: ConfiguredCatalog,
    /// Whether the streams are to be told of only, and not read.
    describes: bool,
    /// Streams planned so far by their document, places aside, and what they start from.
    known: HashMap<String, Result<usize, Vec<StreamFailure>>>,
}

/// What a stream starts from.
#[derive(Default)]
struct From {
    state: Map<String, Value>,
    /// The cursor field that the configured catalog names.
    field: Option<String>,
}

/// Why a stream cannot be planned.
#[derive(Debug, Clone)]
pub enum StreamFailure {
    /// Its part of the manifest is wrong.
    Manifest(manifest::Error),
    /// The config does not go with it: a template failed, or a value is missing.
    Component(ComponentError),
}

impl<'a> Planner<'a> {
    /// A planner for streams that see `config`; `read` reads a file by its path relative to the
    /// manifest.
    #[must_use]
    pub fn new(config: &'a Config, read: &'a ReadFile<'a>) -> Self {
        Self {
            config,
            read,
            first_record: &|_| {
                Err(ComponentError::system(
                    "no API can be asked for this schema",
                ))
            },
            plan: Plan::default(),
            state: InputState::default(),
            catalog: ConfiguredCatalog::default(),
            describes: false,
            known: HashMap::new(),
        }
    }

    /// Lets schemas be asked for: `first_record` reads the first record of a retriever.
    #[must_use]
    pub fn asking(mut self, first_record: &'a FirstRecord<'a>) -> Self {
        self.first_record = first_record;
        self
    }

    /// Plans streams to tell of them only: a config that gives no partitions or no windows stops
    /// their read, but as in the reference not their description.
    #[must_use]
    pub fn describing(mut self) -> Self {
        self.describes = true;
        self
    }

    /// Lets the streams go on from `state`; those of `catalog` may name a cursor field there.
    ///
    /// As in the reference a stream with a cursor goes on from its state whatever the sync mode.
    #[must_use]
    pub fn going_on(mut self, state: InputState, catalog: &ConfiguredCatalog) -> Self {
        self.state = state;
        self.catalog = catalog.clone();
        self
    }

    /// Adds the stream defined by `node`, and the parents it needs; its records go to the output.
    /// Gives the stream's index in the plan.
    ///
    /// # Errors
    /// All mistakes of the stream and of its parents. The plan stays as it was.
    pub fn select(&mut self, node: &Node) -> Result<usize, Vec<StreamFailure>> {
        let name = node.get("name").and_then(Node::as_str).unwrap_or_default();
        let from = From {
            state: self.state.get(name).cloned().unwrap_or_default(),
            field: self.cursor_field(name)?,
        };
        let index = self.add(node, from, 0)?;
        self.plan.nodes[index].selected = true;
        Ok(index)
    }

    /// The cursor field that the configured catalog names; one without a name is none.
    fn cursor_field(&self, stream: &str) -> Result<Option<String>, Vec<StreamFailure>> {
        let configured = self.catalog.get(stream);
        let path = configured.and_then(|stream| stream.cursor_field.as_deref());
        match path.unwrap_or_default() {
            [] => Ok(None),
            [first, ..] if first.is_empty() => Ok(None),
            [field] => Ok(Some(field.clone())),
            [..] => Err(failed(ComponentError::config(format!(
                "the cursor field of `{stream}` in the catalog is a path, expected one name"
            )))),
        }
    }

    /// The plan of all streams selected, without the parents of streams that could not be planned.
    #[must_use]
    pub fn finish(mut self) -> Plan {
        let nodes = &mut self.plan.nodes;
        // Children stand behind their parents, so one pass from the end finds all that is needed.
        let mut needed = vec![false; nodes.len()];
        for index in (0..nodes.len()).rev() {
            let node = &nodes[index];
            needed[index] = node.selected || node.children.iter().any(|edge| needed[edge.child]);
        }
        let mut moved = vec![0; nodes.len()];
        for index in 1..nodes.len() {
            moved[index] = moved[index - 1] + usize::from(needed[index - 1]);
        }
        for node in nodes.iter_mut() {
            node.children.retain(|edge| needed[edge.child]);
            node.children
                .iter_mut()
                .for_each(|edge| edge.child = moved[edge.child]);
            for input in &mut node.inputs {
                let parents = input.parents.iter_mut();
                parents.for_each(|parent| *parent = moved[*parent]);
            }
        }
        let mut needed = needed.into_iter();
        nodes.retain(|_| needed.next().unwrap_or(false));
        self.plan
    }

    fn add(&mut self, node: &Node, from: From, level: usize) -> Result<usize, Vec<StreamFailure>> {
        if level > DEPTH_LIMIT {
            let message = format!("more than {DEPTH_LIMIT} parents stand above each other");
            return Err(failed(ComponentError::config(message)));
        }
        let mut key = node.fingerprint();
        let document = digest(&key);
        let has_cursor = node.get("incremental_sync").is_some()
            || node.type_name() == Some("StateDelegatingStream");
        if !from.state.is_empty() && (has_cursor || depends(&key)) {
            key.push_str(&Value::Object(from.state.clone()).to_string());
        }
        if let Some(field) = &from.field
            && key.contains("allow_catalog_defined_cursor_field")
        {
            // Others read the same whatever the catalog says: they stay one with their own parent.
            key.push_str(field);
        }
        // These texts are long, as parents stand in them whole.
        let key = digest(&key);
        if let Some(known) = self.known.get(&key) {
            return known.clone();
        }
        let added = self.add_new(node, from, level);
        if let Ok(index) = added {
            self.plan.nodes[index].fingerprint = document;
        }
        self.known.insert(key, added.clone());
        added
    }

    fn add_new(
        &mut self,
        node: &Node,
        mut from: From,
        level: usize,
    ) -> Result<usize, Vec<StreamFailure>> {
        let stream: Stream = manifest::decode(node).map_err(|errors| {
            errors
                .into_iter()
                .map(StreamFailure::Manifest)
                .collect::<Vec<_>>()
        })?;
        let stream = match stream {
            Stream::DeclarativeStream(stream) => stream,
            Stream::StateDelegatingStream(stream) => {
                // As in the reference, the age of a state counts only for streams asked for.
                let is_asked_for =
                    self.catalog.streams.is_empty() || self.catalog.get(stream.name()).is_some();
                let chosen = stream.choose(&from.state, is_asked_for, self.config);
                let (stream, goes_on) =
                    chosen.map_err(|error| failed(error.or_at(Some(&node.at))))?;
                if !goes_on {
                    from.state = Map::new();
                }
                stream
            }
        };
        let retriever = stream.retriever().pages();
        let is_lazy = from.state.is_empty() && retriever.reads_lazily();
        let state = stream.migrate(from.state, self.config).map_err(failed)?;
        let mut failures = Vec::new();
        if let Err(error) = stream.check(is_lazy, self.config) {
            failures.push(StreamFailure::Component(error.or_at(Some(&node.at))));
        }
        let mut inputs = Vec::new();
        for router in retriever.partition_routers() {
            let mut input = Input::default();
            match router.gather(self.config) {
                Ok(gather) => input.gather = gather,
                Err(error) => failures.push(StreamFailure::Component(error)),
            }
            for source in router.sources() {
                match source {
                    Source::List(list) => match list.partitions(self.config) {
                        Ok(slices) => input.known.extend(slices),
                        Err(_) if self.describes => {}
                        Err(error) => failures.push(StreamFailure::Component(error)),
                    },
                    Source::Parent(parent) => match self.add_parent(parent, &state, level) {
                        Ok(index) => input.parents.push(index),
                        Err(errors) => failures.extend(errors),
                    },
                }
            }
            inputs.push(input);
        }
        // As the reference, a read asks an API for its schema whether or not values are cast to it.
        let needs_schema = retriever.record_selector().needs_schema() || stream.asks_for_schema();
        let schema = needs_schema
            .then(|| stream.schema(self.config, self.read, self.first_record))
            .transpose()
            .map_err(|error| failures.push(StreamFailure::Component(error)))
            .unwrap_or_default();
        let cursor = match stream.cursor_of_run(self.config, from.field.as_deref(), &state) {
            Ok(cursor) => cursor,
            Err(_) if self.describes => None,
            Err(error) => {
                failures.push(StreamFailure::Component(error));
                None
            }
        };
        if !failures.is_empty() {
            return Err(failures);
        }
        let index = self.place(Arc::new(*stream), cursor, schema, inputs);
        self.plan.nodes[index].is_lazy = is_lazy;
        Ok(index)
    }

    fn add_parent(
        &mut self,
        parent: &ParentStreamConfig,
        child_state: &Map<String, Value>,
        level: usize,
    ) -> Result<usize, Vec<StreamFailure>> {
        let state = parent_state(parent, child_state, self.config).map_err(failed)?;
        let from = From { state, field: None };
        self.add(&parent.stream().0, from, level + 1)
    }

    /// Puts a stream behind its parents, and ties them to it.
    fn place(
        &mut self,
        stream: Arc<DeclarativeStream>,
        cursor: Option<StreamCursor>,
        schema: Option<Value>,
        inputs: Vec<Input>,
    ) -> usize {
        let index = self.plan.nodes.len();
        let mut depth = 0;
        for (input, router) in inputs.iter().enumerate() {
            for (parent, &at) in router.parents.iter().enumerate() {
                let above = &mut self.plan.nodes[at];
                depth = depth.max(above.depth + 1);
                above.children.push(Edge {
                    child: index,
                    input,
                    parent,
                });
            }
        }
        let configured = self.catalog.get(stream.name());
        let columns = configured.map(|it| {
            let properties = it.stream.json_schema.get("properties");
            properties.cloned().unwrap_or_else(|| json!({}))
        });
        self.plan.nodes.push(StreamNode {
            name: stream.name().into(),
            fingerprint: String::new(),
            stream,
            cursor: cursor.map(Arc::new),
            schema,
            columns,
            selected: false,
            is_lazy: false,
            inputs,
            children: Vec::new(),
            depth,
        });
        index
    }
}

/// A short name of a long text, the same on every machine.
fn digest(text: &str) -> String {
    let hash = Sha256::digest(text.as_bytes());
    hash.iter()
        .take(16)
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

fn failed(error: ComponentError) -> Vec<StreamFailure> {
    vec![StreamFailure::Component(error)]
}

/// Whether a stream's state may hold those of its parents.
fn depends(fingerprint: &str) -> bool {
    fingerprint.contains("incremental_dependency")
}

/// The state that a parent starts from: what the child's state keeps for it.
///
/// As airbyte-cdk 7.39.1, `model_to_component_factory.py`,
/// `_instantiate_parent_stream_state_manager`: the parent's own state, else the child's state of all
/// partitions, else a child's state of one value, which then is the parent's.
fn parent_state(
    parent: &ParentStreamConfig,
    child: &Map<String, Value>,
    config: &Config,
) -> Result<Map<String, Value>, ComponentError> {
    let mut child: Map<String, Value> = child.clone();
    child.shift_remove(NO_CURSOR_STATE);
    if !parent.incremental_dependency() || child.is_empty() {
        return Ok(Map::new());
    }
    let node = &parent.stream().0;
    let name = node.get("name").and_then(Node::as_str).unwrap_or_default();
    let own = child
        .get("parent_state")
        .and_then(|states| states.get(name));
    if let Some(state) = own.or_else(|| child.get("state")) {
        return Ok(state.as_object().cloned().unwrap_or_default());
    }
    let mut values = child.into_iter();
    let (Some((_, value)), None) = (values.next(), values.next()) else {
        return Ok(Map::new());
    };
    if !(value.is_string() || value.is_number()) {
        return Ok(Map::new());
    }
    let stream = match manifest::decode::<Stream>(node) {
        Ok(Stream::DeclarativeStream(stream)) => stream,
        Ok(Stream::StateDelegatingStream(stream)) => stream.incremental(),
        // The mistakes are told when the parent is planned.
        Err(_) => return Ok(Map::new()),
    };
    let Some(cursor) = stream.cursor() else {
        return Ok(Map::new());
    };
    Ok(Map::from_iter([(cursor.field(config)?, value)]))
}
