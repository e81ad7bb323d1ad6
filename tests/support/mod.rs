//! What the tests of the binary share.

pub mod run;

pub use run::{Output, Run};
