//! All tests from outside, in one binary.

#[path = "support/asana/mod.rs"]
mod asana;
mod asana_fields;
mod asana_oas;
mod asana_run;
mod asana_server;
mod cli;
mod layers;
mod readme;
mod support;
mod vectors_records;
mod vectors_template;
mod manifests;
