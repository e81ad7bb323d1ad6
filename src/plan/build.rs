//! Builds a plan, stream by stream: a stream that cannot be planned does not stop the others.

use super::{Edge, Input, Plan, StreamNode};
use crate::component::ComponentError;
use crate::component::partition_router::PartitionRouter;
use crate::component::retriever::Retriever;
use crate::component::schema_loader::ReadFile;
use crate::component::stream::{DeclarativeStream, Stream};
use crate::manifest::{self, Node};
use crate::template::Config;
use serde_json::Value;
use std::collections::HashMap;
use std::sync::Arc;

/// How many parents may stand above each other.
const DEPTH_LIMIT: usize = 64;

/// Puts a plan together.
pub struct Planner<'a> {
    config: &'a Config,
    read: &'a ReadFile<'a>,
    plan: Plan,
    /// Streams planned so far by their document, places aside.
    known: HashMap<String, Result<usize, Vec<StreamFailure>>>,
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
            plan: Plan::default(),
            known: HashMap::new(),
        }
    }

    /// Adds the stream defined by `node`, and the parents it needs; its records go to the output.
    /// Gives the stream's index in the plan.
    ///
    /// # Errors
    /// All mistakes of the stream and of its parents. The plan stays as it was.
    pub fn select(&mut self, node: &Node) -> Result<usize, Vec<StreamFailure>> {
        let index = self.add(node, 0)?;
        self.plan.nodes[index].selected = true;
        Ok(index)
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
                if let Input::Parents(parents) = input {
                    parents
                        .iter_mut()
                        .for_each(|parent| *parent = moved[*parent]);
                }
            }
        }
        let mut needed = needed.into_iter();
        nodes.retain(|_| needed.next().unwrap_or(false));
        self.plan
    }

    fn add(&mut self, node: &Node, level: usize) -> Result<usize, Vec<StreamFailure>> {
        if level > DEPTH_LIMIT {
            let message = format!("more than {DEPTH_LIMIT} parents stand above each other");
            return Err(vec![StreamFailure::Component(ComponentError::config(
                message,
            ))]);
        }
        let key = node.fingerprint();
        if let Some(known) = self.known.get(&key) {
            return known.clone();
        }
        let added = self.add_new(node, level);
        self.known.insert(key, added.clone());
        added
    }

    fn add_new(&mut self, node: &Node, level: usize) -> Result<usize, Vec<StreamFailure>> {
        let stream: Stream = manifest::decode(node).map_err(|errors| {
            errors
                .into_iter()
                .map(StreamFailure::Manifest)
                .collect::<Vec<_>>()
        })?;
        let Stream::DeclarativeStream(stream) = stream;
        let Retriever::SimpleRetriever(retriever) = stream.retriever();
        let mut failures = Vec::new();
        let mut inputs = Vec::new();
        if let Err(error) = retriever.check() {
            failures.push(StreamFailure::Component(error.or_at(Some(&node.at))));
        }
        for router in retriever.partition_routers() {
            match router {
                PartitionRouter::ListPartitionRouter(list) => match list.partitions(self.config) {
                    Ok(slices) => inputs.push(Input::Known(slices)),
                    Err(error) => failures.push(StreamFailure::Component(error)),
                },
                PartitionRouter::SubstreamPartitionRouter(substream) => {
                    let mut parents = Vec::new();
                    for parent in substream.parents() {
                        match self.add(&parent.stream().0, level + 1) {
                            Ok(index) => parents.push(index),
                            Err(errors) => failures.extend(errors),
                        }
                    }
                    inputs.push(Input::Parents(parents));
                }
            }
        }
        let schema = (retriever.record_selector().needs_schema())
            .then(|| stream.schema(self.config, self.read))
            .transpose()
            .map_err(|error| failures.push(StreamFailure::Component(error)))
            .unwrap_or_default();
        if !failures.is_empty() {
            return Err(failures);
        }
        Ok(self.place(Arc::new(*stream), schema, inputs))
    }

    /// Puts a stream behind its parents, and ties them to it.
    fn place(
        &mut self,
        stream: Arc<DeclarativeStream>,
        schema: Option<Value>,
        inputs: Vec<Input>,
    ) -> usize {
        let index = self.plan.nodes.len();
        let mut depth = 0;
        for (input, router) in inputs.iter().enumerate() {
            let Input::Parents(parents) = router else {
                continue;
            };
            for (parent, &at) in parents.iter().enumerate() {
                let above = &mut self.plan.nodes[at];
                depth = depth.max(above.depth + 1);
                above.children.push(Edge {
                    child: index,
                    input,
                    parent,
                });
            }
        }
        self.plan.nodes.push(StreamNode {
            name: stream.name().into(),
            stream,
            schema,
            selected: false,
            inputs,
            children: Vec::new(),
            depth,
        });
        index
    }
}
