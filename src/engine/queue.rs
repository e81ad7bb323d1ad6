//! A first-in-first-out queue of units that keeps only so many of them in memory.
//!
//! In: slices with their numbers, as a parent's records give them. Out: the same, in order. Above its
//! bound the queue writes to a temporary file, so that a parent can be read to its end (before its
//! page token goes stale) whatever the number of its records.

use crate::message::StreamSlice;
use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, BufRead as _, BufReader, BufWriter, Seek as _, SeekFrom, Write as _};
use std::sync::Arc;

/// One unit of reading: a partition, or a window of one. Its number tells it from the others of its
/// stream, also in a later run that goes on.
#[derive(Debug, Clone)]
pub(super) struct Unit {
    pub(super) number: u64,
    pub(super) slice: Arc<StreamSlice>,
}

/// Units that wait to be read.
#[derive(Debug)]
pub(super) struct UnitQueue {
    front: VecDeque<Unit>,
    spilled: Option<Spill>,
    bound: usize,
}

/// The part of a queue that is in a file.
#[derive(Debug)]
struct Spill {
    writer: BufWriter<File>,
    /// Where the first unit that was not read back starts, in bytes.
    read_at: u64,
    /// Units written and not read back yet.
    count: usize,
}

impl UnitQueue {
    /// A queue that keeps at most `bound` units in memory.
    pub(super) fn new(bound: usize) -> Self {
        Self {
            front: VecDeque::new(),
            spilled: None,
            bound: bound.max(1),
        }
    }

    /// Number of units that wait.
    pub(super) fn len(&self) -> usize {
        self.front.len() + self.spilled.as_ref().map_or(0, |s| s.count)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Adds a unit at the end.
    ///
    /// # Errors
    /// When the temporary file cannot be written: the disk is full, for instance.
    pub(super) fn push(&mut self, unit: Unit) -> io::Result<()> {
        let spill = match &mut self.spilled {
            Some(spill) if spill.count > 0 => spill,
            _ if self.front.len() < self.bound => {
                self.front.push_back(unit);
                return Ok(());
            }
            Some(spill) => spill,
            none => none.insert(Spill::new()?),
        };
        spill.push(&unit)
    }

    /// Takes the unit at the front.
    ///
    /// # Errors
    /// When the temporary file cannot be read back.
    pub(super) fn pop(&mut self) -> io::Result<Option<Unit>> {
        if self.front.is_empty()
            && let Some(spill) = &mut self.spilled
        {
            spill.refill(&mut self.front, self.bound)?;
        }
        Ok(self.front.pop_front())
    }

    /// Forgets everything that waits.
    pub(super) fn clear(&mut self) {
        self.front.clear();
        self.spilled = None;
    }
}

impl Spill {
    fn new() -> io::Result<Self> {
        Ok(Self {
            writer: BufWriter::new(tempfile::tempfile()?),
            read_at: 0,
            count: 0,
        })
    }

    fn push(&mut self, unit: &Unit) -> io::Result<()> {
        serde_json::to_writer(&mut self.writer, &(unit.number, &*unit.slice))?;
        self.writer.write_all(b"\n")?;
        self.count += 1;
        Ok(())
    }

    /// Reads up to `most` units back at once: one turn of the file from writing to reading.
    fn refill(&mut self, front: &mut VecDeque<Unit>, most: usize) -> io::Result<()> {
        self.writer.flush()?;
        let file = self.writer.get_mut();
        file.seek(SeekFrom::Start(self.read_at))?;
        let mut reader = BufReader::new(&*file);
        let mut line = String::new();
        for _ in 0..most.min(self.count) {
            line.clear();
            self.read_at += reader.read_line(&mut line)? as u64;
            let (number, slice) = serde_json::from_str(&line)?;
            let slice = Arc::new(slice);
            front.push_back(Unit { number, slice });
            self.count -= 1;
        }
        if self.count == 0 {
            self.read_at = 0;
            file.set_len(0)?;
        }
        file.seek(SeekFrom::End(0))?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unit(number: u64) -> Unit {
        let mut slice = StreamSlice::default();
        slice.partition.insert("id".into(), number.into());
        let slice = Arc::new(slice);
        Unit { number, slice }
    }

    #[test]
    fn order_survives_the_file() {
        let mut queue = UnitQueue::new(3);
        let (mut pushed, mut popped) = (0, 0);
        for round in 1..20 {
            for _ in 0..round {
                queue.push(unit(pushed)).unwrap();
                pushed += 1;
            }
            for _ in 0..round / 2 {
                let got = queue.pop().unwrap().unwrap();
                assert_eq!(
                    (got.number, &got.slice.partition["id"]),
                    (popped, &popped.into())
                );
                popped += 1;
            }
            assert_eq!(queue.len() as u64, pushed - popped);
            assert!(queue.front.len() <= 3);
        }
        while let Some(got) = queue.pop().unwrap() {
            assert_eq!(
                (got.number, &got.slice.partition["id"]),
                (popped, &popped.into())
            );
            popped += 1;
        }
        assert_eq!(popped, pushed);
        assert!(queue.is_empty());
    }
}
