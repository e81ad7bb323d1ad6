//! What is left to read: how a run goes on where another one stopped, in the middle of a full refresh.
//!
//! In: what happens to partitions. Out: the same as values that a destination keeps beside the records.
//! A list of steps that is taken again from its beginning gives what is left; a keeper may leave out
//! steps that later ones have made void.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::StreamSlice;

/// How far streams have come, since the last message of this kind.
///
/// All records that these steps count as read have gone before it, and no others: at this point, and
/// only here, records and progress may be kept together.
#[derive(Debug, Clone, PartialEq)]
pub struct Progress {
    /// The steps, each with the key of its stream, in their order.
    pub steps: Vec<(Arc<str>, Step)>,
}

/// One thing that happened to a stream. Units are numbered within their stream, from 0 on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    /// The stream is read from its beginning: all steps that were kept of it are void.
    Begun {
        /// Changes when the stream is declared or configured in another way: then what was kept of it
        /// cannot be used.
        fingerprint: String,
    },
    /// A parent has given all of its partitions.
    Fed {
        /// Index of the router.
        input: usize,
        /// Index of the parent within the router.
        parent: usize,
    },
    /// A router gave a slice that is not a unit by itself.
    Arrived {
        /// Index of the router.
        input: usize,
        /// The slice.
        slice: StreamSlice,
    },
    /// A unit is to be read: a partition, or a window of one.
    Found {
        /// Number of the unit.
        unit: u64,
        /// Number of the partition that it is a window of.
        of: Option<u64>,
        /// What it reads.
        slice: StreamSlice,
    },
    /// Windows have taken the place of a partition.
    Cut {
        /// Number of the partition.
        unit: u64,
        /// How many windows.
        windows: usize,
    },
    /// The pages of a unit came to a point from which the read may go on.
    At {
        /// Number of the unit.
        unit: u64,
        /// What asks for the next page; none when it can only be read from its beginning, and its
        /// records so far are doubled then.
        position: Option<Value>,
    },
    /// A unit is read from its beginning again.
    Again {
        /// Number of the unit.
        unit: u64,
    },
    /// A unit was read to its end.
    Read {
        /// Number of the unit.
        unit: u64,
        /// The latest value of the cursor in its records.
        latest: Option<Value>,
    },
    /// A unit could not be read to its end.
    Failed {
        /// Number of the unit.
        unit: u64,
        /// Why.
        reason: String,
    },
    /// The stream came to its end.
    Ended {
        /// Whether nothing failed.
        is_whole: bool,
    },
    /// The run that read the whole stream has come to its end: the next one begins anew, and no step
    /// need be kept.
    Over,
}
