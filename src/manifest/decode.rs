//! Nodes → typed values, all mistakes at once.
//!
//! serde stops at the first mistake. To tell all of them, a value that failed is left out and the
//! whole is decoded again, until nothing new is found: only broken manifests pay for it.

use std::sync::Arc;

use serde::de::DeserializeOwned;

use super::decoder::Decoder;
use super::error::{Error, merge};
use super::frame::{Frame, Parameters, Run, Step};
use super::lint::Lint;
use super::located::Aside;
use super::node::Node;

/// Decodes a value. All mistakes are gathered, as far as one does not hide another.
pub fn decode<T: DeserializeOwned>(node: &Node) -> Result<T, Vec<Error>> {
    decode_linting(node, &mut Vec::new())
}

/// Decodes a value and adds what looks suspicious to `lints`.
pub fn decode_linting<T: DeserializeOwned>(
    node: &Node,
    lints: &mut Vec<Lint>,
) -> Result<T, Vec<Error>> {
    decode_within(node, Arc::default(), lints)
}

/// Mistakes told of one value, at most.
const MAX_MISTAKES: usize = 100;

pub(super) fn decode_within<T: DeserializeOwned>(
    node: &Node,
    parameters: Parameters,
    lints: &mut Vec<Lint>,
) -> Result<T, Vec<Error>> {
    let mut run = Run::new(parameters);
    let mut errors: Vec<Error> = Vec::new();
    let done = loop {
        let root = Frame {
            up: None,
            step: Step::Root,
            node,
            via: node.via.clone(),
            injected: false,
        };
        let done = T::deserialize(Decoder::new(&run, root));
        for lint in Aside::take_lints() {
            run.lint(lint);
        }
        let failure = match done {
            Ok(value) => break Some(value),
            Err(failure) => failure,
        };
        let known = run.is_left_out(&failure);
        let passed_over = run.leave_out(&failure);
        if !known {
            errors.extend(failure.into_errors(&node.at));
        }
        if !passed_over || errors.len() >= MAX_MISTAKES {
            break None;
        }
    };
    lints.extend(run.into_lints());
    match done {
        Some(value) if errors.is_empty() => Ok(value),
        _ => Err(merge(errors)),
    }
}
