//! What crosses from the engine to an output: records, states, logs, traces, catalogs.
//!
//! In: values. Out: values. It must not know components, threads or destinations.

mod slice;

pub use slice::StreamSlice;
