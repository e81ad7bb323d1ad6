//! What the tests of the binary share.

mod raw;
mod run;

pub(crate) use raw::{Asked, CERTIFICATE, Raw, answer};
pub(crate) use run::{Output, Run};
