//! A first-in-first-out queue of slices that keeps only so many of them in memory.
//!
//! In: slices, as a parent's records give them. Out: the same, in order. Above its bound the queue
//! writes to a temporary file, so that a parent can be read to its end (before its page token goes
//! stale) whatever the number of its records.

use crate::message::StreamSlice;
use serde_json::{Map, Value};
use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, BufRead as _, BufReader, BufWriter, Seek as _, SeekFrom, Write as _};
use std::sync::Arc;

/// Slices that wait to be read.
#[derive(Debug)]
pub(super) struct SliceQueue {
    front: VecDeque<Arc<StreamSlice>>,
    spilled: Option<Spill>,
    bound: usize,
}

/// The part of a queue that is in a file.
#[derive(Debug)]
struct Spill {
    writer: BufWriter<File>,
    /// Where the first slice that was not read back starts, in bytes.
    read_at: u64,
    /// Slices written and not read back yet.
    count: usize,
}

impl SliceQueue {
    /// A queue that keeps at most `bound` slices in memory.
    pub(super) fn new(bound: usize) -> Self {
        Self {
            front: VecDeque::new(),
            spilled: None,
            bound: bound.max(1),
        }
    }

    /// Number of slices that wait.
    pub(super) fn len(&self) -> usize {
        self.front.len() + self.spilled.as_ref().map_or(0, |s| s.count)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Adds a slice at the end.
    ///
    /// # Errors
    /// When the temporary file cannot be written: the disk is full, for instance.
    pub(super) fn push(&mut self, slice: StreamSlice) -> io::Result<()> {
        let spill = match &mut self.spilled {
            Some(spill) if spill.count > 0 => spill,
            _ if self.front.len() < self.bound => {
                self.front.push_back(Arc::new(slice));
                return Ok(());
            }
            Some(spill) => spill,
            none => none.insert(Spill::new()?),
        };
        spill.push(slice)
    }

    /// Takes the slice at the front.
    ///
    /// # Errors
    /// When the temporary file cannot be read back.
    pub(super) fn pop(&mut self) -> io::Result<Option<Arc<StreamSlice>>> {
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

    fn push(&mut self, slice: StreamSlice) -> io::Result<()> {
        let parts = [slice.partition, slice.cursor_slice, slice.extra_fields];
        serde_json::to_writer(&mut self.writer, &parts)?;
        self.writer.write_all(b"\n")?;
        self.count += 1;
        Ok(())
    }

    /// Reads up to `most` slices back at once: one turn of the file from writing to reading.
    fn refill(&mut self, front: &mut VecDeque<Arc<StreamSlice>>, most: usize) -> io::Result<()> {
        self.writer.flush()?;
        let file = self.writer.get_mut();
        file.seek(SeekFrom::Start(self.read_at))?;
        let mut reader = BufReader::new(&*file);
        let mut line = String::new();
        for _ in 0..most.min(self.count) {
            line.clear();
            self.read_at += reader.read_line(&mut line)? as u64;
            let [partition, cursor_slice, extra_fields]: [Map<String, Value>; 3] =
                serde_json::from_str(&line)?;
            front.push_back(Arc::new(StreamSlice {
                partition,
                cursor_slice,
                extra_fields,
            }));
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

    fn slice(n: usize) -> StreamSlice {
        let mut slice = StreamSlice::default();
        slice.partition.insert("id".into(), n.into());
        slice
    }

    #[test]
    fn order_survives_the_file() {
        let mut queue = SliceQueue::new(3);
        let (mut pushed, mut popped) = (0, 0);
        for round in 1..20 {
            for _ in 0..round {
                queue.push(slice(pushed)).unwrap();
                pushed += 1;
            }
            for _ in 0..round / 2 {
                let got = queue.pop().unwrap().unwrap();
                assert_eq!(got.partition["id"], popped);
                popped += 1;
            }
            assert_eq!(queue.len(), pushed - popped);
            assert!(queue.front.len() <= 3);
        }
        while let Some(got) = queue.pop().unwrap() {
            assert_eq!(got.partition["id"], popped);
            popped += 1;
        }
        assert_eq!(popped, pushed);
        assert!(queue.is_empty());
    }
}
