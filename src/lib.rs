//! Runs Airbyte low-code connector manifests.
//!
//! The way of the data is the order of the modules:
//! [`manifest`] reads YAML into a resolved document that keeps its places;
//! [`component`] decodes it into typed, immutable components;
//! [`plan`] joins them with a config and a catalog into a graph of streams to read;
//! [`engine`] reads the graph over HTTP with worker threads;
//! [`message`] is what comes out; [`output`] writes it down.
//! [`template`], [`http`] and [`clock`] serve them; [`cli`] is the program.
//!
//! A program of yours needs [`Source`] only:
//!
//! ```no_run
//! let source = lowcode::Source::load("asana.yaml")?;
//! let config = serde_json::json!({"credentials": {"token": "…"}});
//! for record in source.read(config, &["tasks"])? {
//!     println!("{}", record?.data.to_value());
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub mod cli;
pub mod clock;
pub mod component;
mod embed;
pub mod engine;
pub mod http;
pub mod manifest;
pub mod message;
pub mod output;
pub mod plan;
pub mod template;

pub use embed::{Error, Setup, Source};
pub use engine::Records;
pub use message::{Data, Failure, Record};
