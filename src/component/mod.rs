//! Components: what a manifest's mappings with a `type` are decoded into, a folder for each role.
//!
//! In: nodes of a manifest. Out: immutable values that know requests, responses and records. They
//! must not know threads, the network or outputs.

pub mod authenticator;
pub mod backoff;
mod error;
pub mod error_handler;
pub mod paginator;
mod placed;
pub mod requester;
#[cfg(test)]
pub(crate) mod testing;
mod unknown;

pub use error::ComponentError;
