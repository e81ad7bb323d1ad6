//! The partitions of one stream, as its lists and its parents give them.
//!
//! In: slices of one router at a time. Out: whole slices, ready to be read. Several routers are a
//! product: each new slice of one is joined with all that the others have given so far, so that
//! nothing waits until a router has come to its end.

use super::queue::{Unit, UnitQueue};
use super::resume::Left;
use crate::component::cursor::partition_key;
use crate::component::partition_router::Gathering;
use crate::message::StreamSlice;
use crate::plan;
use std::collections::{HashSet, VecDeque};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::io;
use std::sync::Arc;

/// Partitions of a stream that are known and not read yet.
#[derive(Debug)]
pub(super) struct Partitions {
    pub(super) ready: UnitQueue,
    /// Windows of a partition that is begun, by a cursor.
    pub(super) windows: VecDeque<Unit>,
    inputs: Vec<Input>,
    /// Hashes of the partitions so far, where each is to be read once.
    seen: Option<HashSet<u64>>,
    /// Number of the next unit.
    next: u64,
    /// What has come since it was asked for the last time, where somebody keeps it.
    news: Option<News>,
}

/// What a later run has to know of the partitions.
#[derive(Debug, Default)]
pub(super) struct News {
    /// Slices of one router of several, or of one that gathers them.
    pub(super) arrived: Vec<(usize, StreamSlice)>,
    /// Units that are to be read.
    pub(super) found: Vec<Unit>,
}

/// One router: a list, or a set of parents.
#[derive(Debug, Default)]
struct Input {
    /// Partitions on their way.
    gathering: Gathering,
    /// All slices so far; kept only where there are several routers.
    seen: Vec<StreamSlice>,
    /// Parents that have not come to their end.
    open: usize,
}

impl Partitions {
    /// None so far, of the routers `inputs`.
    pub(super) fn new(inputs: &[plan::Input], bound: usize) -> Self {
        Self {
            ready: UnitQueue::new(bound),
            next: 0,
            news: None,
            windows: VecDeque::new(),
            seen: None,
            inputs: (inputs.iter())
                .map(|input| Input {
                    gathering: Gathering::from(&input.gather),
                    seen: Vec::new(),
                    open: input.parents.len(),
                })
                .collect(),
        }
    }

    /// Lets each partition be read once: a partition of a stream with a cursor has one state.
    ///
    /// Differs: the reference reads a partition again when its parent names it again after it was
    /// read.
    pub(super) fn once(mut self) -> Self {
        self.seen = Some(HashSet::new());
        self
    }

    /// Takes what is known before anything is read.
    ///
    /// # Errors
    /// As [`Partitions::arrive`].
    pub(super) fn begin(&mut self, inputs: &[plan::Input]) -> io::Result<()> {
        if inputs.is_empty() {
            self.push(StreamSlice::default())?;
        }
        for (index, input) in inputs.iter().enumerate() {
            for slice in &input.known {
                self.arrive(index, slice.clone())?;
            }
            if input.parents.is_empty() {
                self.flush(index)?;
            }
        }
        Ok(())
    }

    /// Takes no slice any more.
    pub(super) fn end(&mut self) {
        self.inputs.iter_mut().for_each(|input| input.open = 0);
    }

    /// Takes a slice that router `input` gives.
    ///
    /// # Errors
    /// When the queue cannot be spilled to its temporary file.
    pub(super) fn arrive(&mut self, input: usize, slice: StreamSlice) -> io::Result<()> {
        if let Some(news) = &mut self.news
            && (self.inputs.len() > 1 || !self.inputs[input].gathering.is_direct())
        {
            news.arrived.push((input, slice.clone()));
        }
        match self.inputs[input].gathering.take(slice) {
            Some(slice) => self.combine(input, slice),
            None => Ok(()),
        }
    }

    /// Takes what is left in router `input`, to which nothing comes any more.
    ///
    /// # Errors
    /// As [`Partitions::arrive`].
    fn flush(&mut self, input: usize) -> io::Result<()> {
        let left = self.inputs[input].gathering.finish();
        left.into_iter()
            .try_for_each(|slice| self.combine(input, slice))
    }

    fn combine(&mut self, input: usize, slice: StreamSlice) -> io::Result<()> {
        if self.inputs.len() == 1 {
            return self.push(slice);
        }
        let mut products = vec![StreamSlice::default()];
        for (other, router) in self.inputs.iter().enumerate() {
            let factors = if other == input {
                std::slice::from_ref(&slice)
            } else {
                &router.seen
            };
            products = products
                .iter()
                .flat_map(|left| factors.iter().map(|right| join(left, right)))
                .collect();
        }
        self.inputs[input].seen.push(slice);
        products
            .into_iter()
            .try_for_each(|product| self.push(product))
    }

    fn push(&mut self, slice: StreamSlice) -> io::Result<()> {
        if let Some(seen) = &mut self.seen
            && !seen.insert(identity(&slice))
        {
            return Ok(());
        }
        let unit = self.number(slice);
        if let Some(news) = &mut self.news {
            news.found.push(unit.clone());
        }
        self.ready.push(unit)
    }

    /// The next unit of the stream, for `slice`.
    pub(super) fn number(&mut self, slice: impl Into<Arc<StreamSlice>>) -> Unit {
        let number = self.next;
        self.next += 1;
        let slice = slice.into();
        Unit { number, slice }
    }

    /// Keeps what comes until somebody asks for it.
    pub(super) fn told(mut self) -> Self {
        self.news = Some(News::default());
        self
    }

    /// What has come since the last call.
    pub(super) fn take_news(&mut self) -> Option<News> {
        let news = self.news.as_mut()?;
        let is_news = !(news.arrived.is_empty() && news.found.is_empty());
        is_news.then(|| std::mem::take(news))
    }

    /// Puts in what an earlier run left: what is waiting, and what has arrived for products and groups.
    ///
    /// # Errors
    /// As [`Partitions::arrive`].
    pub(super) fn restore(&mut self, left: &mut Left) -> io::Result<()> {
        let seen = self.seen.take();
        for (input, slice) in std::mem::take(&mut left.arrived) {
            self.arrive(input, slice)?;
        }
        for &(input, _) in &left.fed {
            self.close(input)?;
        }
        // Of these the units are known already.
        self.ready = std::mem::replace(&mut left.waiting, UnitQueue::new(1));
        self.windows = std::mem::take(&mut left.windows);
        self.seen = seen.map(|_| std::mem::take(&mut left.seen));
        self.next = left.next;
        self.news = self.news.take().map(|_| News::default());
        Ok(())
    }

    /// Notes that one parent of router `input` has come to its end.
    ///
    /// # Errors
    /// As [`Partitions::arrive`].
    pub(super) fn close(&mut self, input: usize) -> io::Result<()> {
        let open = &mut self.inputs[input].open;
        *open = open.saturating_sub(1);
        if *open == 0 {
            self.flush(input)
        } else {
            Ok(())
        }
    }

    /// Whether a partition or a window waits.
    pub(super) fn has_next(&self) -> bool {
        !(self.windows.is_empty() && self.ready.is_empty())
    }

    /// Forgets everything that waits.
    pub(super) fn clear(&mut self) {
        self.windows.clear();
        self.ready.clear();
    }

    /// Whether no further partition can come.
    pub(super) fn is_closed(&self) -> bool {
        self.inputs.iter().all(|input| input.open == 0)
    }

    /// Whether no further partition can come, and none waits.
    pub(super) fn is_exhausted(&self) -> bool {
        !self.has_next() && self.is_closed()
    }
}

/// What tells the partition of a slice from the others.
pub(super) fn identity(slice: &StreamSlice) -> u64 {
    let mut hasher = DefaultHasher::new();
    partition_key(&slice.partition).hash(&mut hasher);
    hasher.finish()
}

/// One slice out of two: where both have a key, the first router's value stands, as the reference's
/// `cartesian_product_stream_slicer.py` has it.
fn join(left: &StreamSlice, right: &StreamSlice) -> StreamSlice {
    let mut joined = left.clone();
    for (into, from) in [
        (&mut joined.partition, &right.partition),
        (&mut joined.cursor_slice, &right.cursor_slice),
        (&mut joined.extra_fields, &right.extra_fields),
    ] {
        for (key, value) in from {
            into.entry(key.as_str()).or_insert_with(|| value.clone());
        }
    }
    joined
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn slice(key: &str, value: &str) -> StreamSlice {
        let mut slice = StreamSlice::default();
        slice.partition.insert(key.into(), json!(value));
        slice
    }

    fn with_parent() -> plan::Input {
        plan::Input {
            parents: vec![0],
            ..plan::Input::default()
        }
    }

    #[test]
    fn routers_are_a_product_in_whatever_order_they_give() {
        let mut partitions = Partitions::new(&[with_parent(), plan::Input::default()], 2);
        partitions.arrive(1, slice("b", "x")).unwrap();
        assert!(partitions.ready.is_empty());
        partitions.arrive(0, slice("a", "1")).unwrap();
        partitions.arrive(1, slice("b", "y")).unwrap();
        partitions.arrive(0, slice("a", "2")).unwrap();
        assert!(!partitions.is_exhausted());
        partitions.close(0).unwrap();
        let mut all = Vec::new();
        while let Some(unit) = partitions.ready.pop().unwrap() {
            let slice = unit.slice;
            all.push(format!("{}{}", slice.partition["a"], slice.partition["b"]));
        }
        all.sort();
        assert_eq!(all, [r#""1""x""#, r#""1""y""#, r#""2""x""#, r#""2""y""#]);
        assert!(partitions.is_exhausted());
    }

    #[test]
    fn the_first_router_wins_a_key() {
        let joined = join(&slice("a", "1"), &slice("a", "2"));
        assert_eq!(joined, slice("a", "1"));
    }
}
