//! A run into a database: from which states it starts, what it goes on with, and which columns the
//! streams have.
//!
//! In: what a manifest offers, and an output that remembers. Out: a plan.

use std::collections::HashSet;
use std::io;

use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::destination::refused;
use super::error::Failure;
use super::flags;
use super::open::{Broken, Opened, Planned};
use crate::component::ComponentError;
use crate::component::authenticator::Session as _;
use crate::engine::Resume;
use crate::message::{CatalogStream, ConfiguredCatalog, InputState, StreamState};
use crate::output::{Mode, Output, Store};
use crate::plan::{Offer, StreamFailure, StreamNode};

/// Plans the streams of `offer` for which `wanted` holds, from where `output` says that they are, and
/// tells it of their columns.
///
/// A stream that is replaced is read whole: no state counts for it.
pub(super) fn plan(
    opened: &Opened,
    offer: &Offer,
    wanted: &dyn Fn(&str) -> bool,
    flags: &flags::Destination,
    mode: Option<Mode>,
    output: &mut dyn Output,
) -> Result<Planned, Failure> {
    if flags.fresh
        && let Some(store) = output.store()
    {
        forget(store, offer, wanted)?;
    }
    let states = match output.store() {
        Some(store) => store.states()?,
        None => Vec::new(),
    };
    let mut whole = HashSet::new();
    let mut unknown: Vec<Broken> = Vec::new();
    loop {
        let known = |name: &str| wanted(name) && unknown.iter().all(|stream| stream.name != name);
        let state = input(
            states
                .iter()
                .filter(|state| !whole.contains(&*state.stream)),
        )?;
        let catalog = ConfiguredCatalog::default();
        let mut planned = opened.plan_from(offer.clone(), &known, state, &catalog);
        let before = (whole.len(), unknown.len());
        let mut streams = Vec::new();
        for node in planned.plan.nodes.iter().filter(|node| node.selected) {
            match entry(opened, node) {
                Ok(stream) => {
                    let has_state = states.iter().any(|state| *state.stream == *stream.name);
                    let mode = mode.unwrap_or_else(|| Mode::of(&stream));
                    if has_state && mode == Mode::Replace {
                        whole.insert(stream.name.clone());
                    }
                    streams.push(stream);
                }
                Err(error) => unknown.push(Broken {
                    name: node.name.to_string(),
                    mistakes: vec![StreamFailure::Component(error)],
                }),
            }
        }
        // What was found about the streams may change how they are planned.
        if before == (whole.len(), unknown.len()) {
            output.begin(&streams).map_err(refused)?;
            planned.broken.extend(unknown);
            return Ok(planned);
        }
    }
}

/// Plans them from the states of `output` on, which has no columns and replaces nothing.
pub(super) fn plan_from_states(
    opened: &Opened,
    offer: Offer,
    wanted: &dyn Fn(&str) -> bool,
    flags: &flags::Destination,
    output: &mut dyn Output,
) -> Result<Planned, Failure> {
    let Some(store) = output.store() else {
        return Ok(opened.plan(offer, wanted));
    };
    if flags.fresh {
        forget(store, &offer, wanted)?;
    }
    let states = store.states()?;
    let catalog = ConfiguredCatalog::default();
    Ok(opened.plan_from(offer, wanted, input(states.iter())?, &catalog))
}

/// What the catalog says of a stream.
fn entry(opened: &Opened, node: &StreamNode) -> Result<CatalogStream, ComponentError> {
    let read = |path: &str| opened.read(path);
    let schema = (node.stream).schema(&opened.config, &read, &|retriever| {
        opened.first_record(retriever)
    })?;
    node.stream.catalog_entry(schema, &opened.config)
}

fn forget(store: &mut dyn Store, offer: &Offer, wanted: &dyn Fn(&str) -> bool) -> io::Result<()> {
    let names = offer.names();
    if names.iter().all(|name| wanted(name)) {
        return store.forget(None);
    }
    let names = names.into_iter().filter(|name| wanted(name));
    names
        .into_iter()
        .try_for_each(|name| store.forget(Some(name)))
}

/// States as a read takes them.
fn input<'a>(states: impl Iterator<Item = &'a StreamState>) -> Result<InputState, Failure> {
    let messages = states.map(StreamState::to_message);
    InputState::from_value(Value::Array(messages.collect())).map_err(Failure::work)
}

/// What earlier runs left to read of the plan; none when the output does not remember.
pub(super) fn resume(
    opened: &Opened,
    planned: &mut Planned,
    output: &mut dyn Output,
) -> io::Result<Option<Resume>> {
    let Some(store) = output.store() else {
        return Ok(None);
    };
    // Credentials decide on no record, and some of them change in each run.
    let config = Value::Object(opened.source.settings.config.clone()).to_string();
    let config = opened.session.secrets().mask(&config);
    let salt: String = (Sha256::digest(config.as_bytes()).iter().take(8))
        .map(|byte| format!("{byte:02x}"))
        .collect();
    Resume::of(&mut planned.plan, &salt, &mut |stream, take| {
        store.steps(stream, take)
    })
    .map(Some)
}
