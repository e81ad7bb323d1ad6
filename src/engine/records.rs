//! A run as an iterator of records, for programs that embed the engine.
//!
//! In: what [`run`] takes. Out: records as they come, from a thread of its own by a
//! bounded channel: whoever takes them slowly is read for slowly.

use super::{Options, Session, run};
use crate::message::{Data, Failure, Message, Record};
use crate::plan::Plan;
use std::io;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

/// Pages that wait to be taken before the run has to.
const BOUND: usize = 4;

/// The records of a run, as they come. A failure of a stream is an item too: the others go on.
/// Dropping it stops the run.
pub struct Records {
    items: Receiver<Item>,
    session: Arc<Session>,
    stream: Arc<str>,
    page: std::vec::IntoIter<Data>,
}

enum Item {
    Page {
        stream: Arc<str>,
        records: Vec<Data>,
    },
    Failed(Failure),
}

impl Records {
    /// Starts to read `plan`.
    ///
    /// # Errors
    /// When the system has no thread to give.
    pub fn read(plan: Plan, session: Arc<Session>, options: Options) -> io::Result<Self> {
        let (sender, items) = sync_channel(BOUND);
        let own = Arc::clone(&session);
        std::thread::Builder::new()
            .name("run".to_owned())
            .spawn(move || forward(plan, session, &options, &sender))?;
        Ok(Self {
            items,
            session: own,
            stream: Arc::from(""),
            page: Vec::new().into_iter(),
        })
    }
}

/// Runs, and passes on what an embedding program wants to know.
fn forward(plan: Plan, session: Arc<Session>, options: &Options, to: &SyncSender<Item>) {
    let mut is_wanted = true;
    let done = run(plan, session, options, &mut |message| {
        let item = match message {
            Message::Records {
                stream, records, ..
            } => Item::Page { stream, records },
            Message::Failure(failure) => Item::Failed(failure),
            _ => return Ok(()),
        };
        to.send(item).map_err(|_| {
            is_wanted = false;
            io::Error::from(io::ErrorKind::BrokenPipe)
        })
    });
    if let Err(error) = done
        && is_wanted
    {
        let message = format!("cannot keep the queue of partitions: {error}");
        // Nobody may be there any more, and then nobody asks.
        let _ = to.send(Item::Failed(Failure {
            message,
            ..Failure::default()
        }));
    }
}

impl Iterator for Records {
    type Item = Result<Record, Failure>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(data) = self.page.next() {
                let stream = Arc::clone(&self.stream);
                return Some(Ok(Record { stream, data }));
            }
            match self.items.recv().ok()? {
                Item::Page { stream, records } => {
                    self.stream = stream;
                    self.page = records.into_iter();
                }
                Item::Failed(failure) => return Some(Err(failure)),
            }
        }
    }
}

impl Drop for Records {
    fn drop(&mut self) {
        self.session.cancel();
    }
}
