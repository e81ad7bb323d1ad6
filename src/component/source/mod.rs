//! The manifest as a whole: what it offers, how it is checked, which settings it takes.
//!
//! In: the root of a resolved document. Out: its parts, each of which is decoded by itself, so
//! that a mistake in one leaves the others usable.

mod check;
mod concurrency_level;
mod declarative_source;
mod spec;
mod stream_group;

pub use check::{Check, CheckDynamicStream, CheckStream, DynamicStreamCheckConfig};
pub use concurrency_level::ConcurrencyLevel;
pub use declarative_source::DeclarativeSource;
pub use spec::{AuthFlow, Spec};
pub use stream_group::StreamGroup;
