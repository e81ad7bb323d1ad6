//! Reads that come before planning: what an API must tell before it is known what there is to read.
//!
//! In: a stream as a node. Out: its records, with the slices that they were read in, in their order.

use std::sync::{Arc, Mutex, PoisonError};

use super::{Options, ReadError, Session, run};
use crate::component::schema_loader::ReadFile;
use crate::manifest::Node;
use crate::message::{Data, StreamSlice};
use crate::plan::{Planner, StreamFailure};

/// Records that are kept instead of going to the output.
#[derive(Debug, Clone, Default)]
pub struct Kept(Arc<Mutex<Vec<KeptRecord>>>);

/// A record, and the slice that it was read in.
pub type KeptRecord = (Arc<StreamSlice>, Data);

impl Kept {
    pub(super) fn push(&self, slice: &Arc<StreamSlice>, records: Vec<Data>) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.extend(
            records
                .into_iter()
                .map(|record| (Arc::clone(slice), record)),
        );
    }

    fn take(&self) -> Vec<KeptRecord> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Reads a stream that is given as a node, by a plan of its own: all of it, or as little as tells
/// its first record.
///
/// # Errors
/// All mistakes of the stream, or the first failure of its read.
pub fn fetch(
    node: &Node,
    session: &Arc<Session>,
    read: &ReadFile<'_>,
    first_only: bool,
) -> Result<Vec<KeptRecord>, Vec<StreamFailure>> {
    let mut planner = Planner::new(&session.config, read);
    planner.select(node)?;
    let kept = Kept::default();
    // One worker reads partition after partition, so that the order is that of the API.
    let options = Options {
        workers: 1,
        probe: first_only,
        read_ahead: !first_only,
        kept: Some(kept.clone()),
        ..Options::default()
    };
    let failed = |error: ReadError| vec![StreamFailure::Component(error.into())];
    let outcome = run(planner.finish(), Arc::clone(session), &options, &mut |_| {
        Ok(())
    })
    .map_err(|error| failed(ReadError::system(error.to_string())))?;
    if outcome.cancelled || outcome.bound.is_some() {
        return Err(failed(ReadError::system("the run was asked to stop")));
    }
    let mut streams = outcome.streams.into_iter();
    match streams.find_map(|stream| stream.errors.into_iter().next()) {
        Some(error) => Err(failed(error)),
        None => Ok(kept.take()),
    }
}
