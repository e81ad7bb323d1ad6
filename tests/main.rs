//! All tests from outside, in one binary.

mod archives;
#[path = "support/asana/mod.rs"]
mod asana;
mod asana_custom;
mod asana_fields;
mod asana_oas;
mod asana_run;
mod asana_server;
mod cli;
mod conformance;
mod embedding;
mod errors;
mod files;
#[cfg(test)]
mod kills;
mod layers;
mod limits;
mod manifests;
mod network;
#[cfg(unix)]
mod postgres;
#[cfg(test)]
#[cfg(unix)]
#[path = "../src/output/postgres/server.rs"]
mod postgres_server;
mod rate_limits;
mod readme;
mod sqlite;
mod state;
mod support;
mod templates_golden;
mod trouble;
mod watching;
