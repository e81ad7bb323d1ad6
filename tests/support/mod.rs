//! What the tests of the binary share.

mod raw;
mod run;

pub(crate) use raw::{CERTIFICATE, Raw, answer};
pub(crate) use run::{Output, Run};
