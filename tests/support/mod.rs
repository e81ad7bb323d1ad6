//! What the tests of the binary share.

mod run;

pub(crate) use run::{Output, Run};
