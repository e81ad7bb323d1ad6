//! What an earlier run left to read: how the streams of a plan go on from there.
//!
//! In: a plan, and the steps that somebody has kept of each stream. Out: for each stream that goes on,
//! the units that are left; the plan without the edges by which nothing more comes.

use super::Event;
use super::channel::Channel;
use super::partitions::identity;
use super::queue::{Unit, UnitQueue};
use super::read::Position;
use super::schedule::QUEUE_BOUND;
use crate::component::cursor::CursorValue;
use crate::message::{Step, StreamSlice};
use crate::plan::{Plan, StreamNode};
use serde_json::Value;
use std::collections::{HashMap, HashSet, VecDeque};
use std::io;
use std::sync::Arc;

/// Gives the steps that are kept of a stream, in an order in which they can be taken again.
pub type Recall<'a> =
    dyn FnMut(&str, &mut dyn FnMut(Step) -> io::Result<()>) -> io::Result<()> + 'a;

/// What earlier runs left to read of a plan, and by which names they know its streams.
#[derive(Debug)]
pub struct Resume {
    /// Names of the streams of the plan, each once.
    pub(super) keys: Vec<Arc<str>>,
    /// What each stream is known by.
    pub(super) fingerprints: Vec<String>,
    /// For each stream of the plan that goes on, what is left of it.
    pub(super) left: Vec<Option<Left>>,
}

/// What is left of one stream.
#[derive(Debug)]
pub(super) struct Left {
    fingerprint: String,
    /// Parents that have given all, as router and parent.
    pub(super) fed: HashSet<(usize, usize)>,
    /// Slices that are no units by themselves.
    pub(super) arrived: Vec<(usize, StreamSlice)>,
    pub(super) waiting: UnitQueue,
    pub(super) windows: VecDeque<Unit>,
    /// Units that were begun, and those that failed.
    pub(super) begun: Vec<Begun>,
    /// What the progress of the stream's cursor has to hear again.
    pub(super) heard: Vec<Heard>,
    /// All partitions so far.
    pub(super) seen: HashSet<u64>,
    /// Number of the next unit.
    pub(super) next: u64,
    /// Whether it has come to its end.
    pub(super) is_ended: bool,
}

/// A unit between two of its pages.
#[derive(Debug)]
pub(super) struct Begun {
    pub(super) unit: Unit,
    pub(super) is_window: bool,
    /// Without one it is read from its beginning.
    pub(super) position: Option<Position>,
}

/// A part of a stream's progress.
#[derive(Debug)]
pub(super) enum Heard {
    Opened(Arc<StreamSlice>, usize),
    Closed(Arc<StreamSlice>, Option<CursorValue>),
}

/// A unit, while its steps are taken.
struct Held {
    unit: Unit,
    of: Option<u64>,
    last: Last,
}

/// The last thing that happened to a unit.
enum Last {
    Found,
    At(Option<Value>),
    Cut(usize),
    Read(Option<Value>),
}

impl Resume {
    /// Joins `plan` with what `recall` gives of its streams. `salt` stands for all that decides on the
    /// requests beside the manifest: the config. What was kept under another one is not gone on with.
    ///
    /// # Errors
    /// Those of `recall`, and of the temporary files of long queues.
    pub fn of(plan: &mut Plan, salt: &str, recall: &mut Recall<'_>) -> io::Result<Self> {
        let keys = keys(plan);
        let fingerprints: Vec<String> = (plan.nodes.iter())
            .map(|node| format!("{}-{salt}-{}", node.fingerprint, node.selected))
            .collect();
        let mut left = Vec::with_capacity(keys.len());
        for ((node, key), fingerprint) in plan.nodes.iter().zip(&keys).zip(&fingerprints) {
            let one = Left::of(node, key, recall)?;
            left.push(one.filter(|left| left.fingerprint == *fingerprint));
        }
        while let Some(index) = (0..left.len()).find(|&i| !goes_on(i, plan, &left)) {
            left[index] = None;
        }
        for (index, left) in left.iter().enumerate() {
            let Some(left) = left else { continue };
            for &(input, parent) in &left.fed {
                let parents = &plan.nodes[index].inputs[input].parents;
                let Some(&above) = parents.get(parent) else {
                    continue;
                };
                let children = &mut plan.nodes[above].children;
                children
                    .retain(|edge| (edge.child, edge.input, edge.parent) != (index, input, parent));
            }
        }
        // Who is read for nobody any more is not read, and nobody for it.
        for index in (0..left.len()).rev() {
            let node = &plan.nodes[index];
            if left[index].is_none() && !node.selected && node.children.is_empty() {
                for above in &mut plan.nodes[..index] {
                    above.children.retain(|edge| edge.child != index);
                }
            }
        }
        Ok(Self {
            keys,
            fingerprints,
            left,
        })
    }
}

impl Resume {
    /// Tells which streams and units are read from their beginning.
    pub(super) fn tell(&self, events: &Channel<Event>) {
        for (stream, left) in self.left.iter().enumerate() {
            let Some(left) = left else {
                let fingerprint = self.fingerprints[stream].clone();
                events.push(Event::Begun {
                    stream,
                    fingerprint,
                });
                continue;
            };
            let again = left.begun.iter().filter(|begun| begun.position.is_none());
            for begun in again {
                let unit = begun.unit.number;
                events.push(Event::Again { stream, unit });
            }
        }
    }
}

/// Whether what is left of a stream can be gone on with, as far as is known: its parents have given
/// all or go on too, and so do the children that it has not given all to.
fn goes_on(index: usize, plan: &Plan, left: &[Option<Left>]) -> bool {
    let Some(this) = &left[index] else {
        return true;
    };
    let node = &plan.nodes[index];
    let mut above = node.inputs.iter().enumerate().flat_map(|(input, router)| {
        let parents = router.parents.iter().enumerate();
        parents.map(move |(parent, &above)| ((input, parent), above))
    });
    let is_fed = above.all(|(edge, above)| this.fed.contains(&edge) || left[above].is_some());
    is_fed && (node.children.iter()).all(|edge| left[edge.child].is_some())
}

/// A name for each stream: its own, and a number where several have the same. The one whose records
/// go to the output has none.
fn keys(plan: &Plan) -> Vec<Arc<str>> {
    let selected = plan.nodes.iter().filter(|node| node.selected);
    let mut counts: HashMap<&str, usize> = selected.map(|node| (&*node.name, 1)).collect();
    (plan.nodes.iter())
        .map(|node| {
            if node.selected {
                return Arc::clone(&node.name);
            }
            let count = counts.entry(&*node.name).or_default();
            *count += 1;
            match *count {
                1 => Arc::clone(&node.name),
                count => format!("{}#{count}", node.name).into(),
            }
        })
        .collect()
}

impl Left {
    fn of(node: &StreamNode, key: &str, recall: &mut Recall<'_>) -> io::Result<Option<Self>> {
        let mut left: Option<Self> = None;
        let mut held: Option<Held> = None;
        recall(key, &mut |step| {
            if let Step::Begun { fingerprint } = step {
                left = Some(Self::begun(fingerprint));
                held = None;
                return Ok(());
            }
            let Some(left) = &mut left else { return Ok(()) };
            left.take(node, step, &mut held)
        })?;
        if let (Some(left), Some(held)) = (&mut left, held) {
            left.settle(node, held)?;
        }
        if let Some(left) = &mut left
            && left.is_ended
        {
            // What is left of a whole stream, nobody wanted.
            left.waiting.clear();
            left.windows.clear();
            left.begun.clear();
        }
        Ok(left)
    }

    fn begun(fingerprint: String) -> Self {
        Self {
            fingerprint,
            fed: HashSet::new(),
            arrived: Vec::new(),
            waiting: UnitQueue::new(QUEUE_BOUND),
            windows: VecDeque::new(),
            begun: Vec::new(),
            heard: Vec::new(),
            seen: HashSet::new(),
            next: 0,
            is_ended: false,
        }
    }

    fn take(&mut self, node: &StreamNode, step: Step, held: &mut Option<Held>) -> io::Result<()> {
        let last = match step {
            Step::Begun { .. } | Step::Over => return Ok(()),
            Step::Fed { input, parent } => {
                self.fed.insert((input, parent));
                return Ok(());
            }
            Step::Arrived { input, slice } => {
                self.arrived.push((input, slice));
                return Ok(());
            }
            Step::Ended { is_whole } => {
                self.is_ended = is_whole;
                return Ok(());
            }
            Step::Found { unit, of, slice } => {
                if let Some(held) = held.take() {
                    self.settle(node, held)?;
                }
                self.next = self.next.max(unit + 1);
                let slice = Arc::new(slice);
                let unit = Unit {
                    number: unit,
                    slice,
                };
                let last = Last::Found;
                *held = Some(Held { unit, of, last });
                return Ok(());
            }
            Step::Cut { windows, .. } => Last::Cut(windows),
            Step::At { position, .. } => Last::At(position),
            Step::Again { .. } => Last::Found,
            Step::Read { latest, .. } => Last::Read(latest),
            // It goes on from where it was.
            Step::Failed { .. } => match held {
                Some(Held {
                    last: Last::Found, ..
                }) => Last::At(None),
                _ => return Ok(()),
            },
        };
        if let Some(held) = held {
            held.last = last;
        }
        Ok(())
    }

    /// Takes a unit whose steps have all been taken.
    fn settle(&mut self, node: &StreamNode, held: Held) -> io::Result<()> {
        let Held { unit, of, last } = held;
        let is_window = of.is_some();
        if node.cursor.is_some() && !is_window {
            self.seen.insert(identity(&unit.slice));
        }
        let value = |value: &Value| {
            let cursor = node.cursor.as_ref()?;
            cursor.parse(value).ok()
        };
        match last {
            Last::Found if is_window => self.windows.push_back(unit),
            Last::Found => self.waiting.push(unit)?,
            Last::At(position) => self.begun.push(Begun {
                position: position.and_then(|position| Position::from_value(position, value)),
                unit,
                is_window,
            }),
            Last::Cut(windows) => self.heard.push(Heard::Opened(unit.slice, windows)),
            Last::Read(latest) if node.cursor.is_some() => {
                let latest = latest.as_ref().and_then(value);
                self.heard.push(Heard::Closed(unit.slice, latest));
            }
            Last::Read(_) => {}
        }
        Ok(())
    }
}
