//! All tests from outside, in one binary.

mod cli;
mod layers;
mod readme;
mod support;
#[path = "support/asana/mod.rs"]
mod asana;
mod asana_oas;
mod asana_server;
//! tests

mod vectors_records;
