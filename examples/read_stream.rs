//! Reads a stream as an iterator of records, here out of a recorded session: no network needed.
//!
//! `cargo run --example read_stream`

use std::error::Error;
use std::io::{self, Write as _};
use std::path::Path;
use std::sync::Arc;

use lowcode::http::Archive;
use lowcode::{Setup, Source};
use serde_json::json;

fn main() -> Result<(), Box<dyn Error>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("manifests");
    let source = Source::load(folder.join("pokeapi.yaml"))?;
    let archive = Archive::load(&folder.join("pokeapi.har"))?;
    let config = archive.meta().and_then(|meta| meta.config.clone());
    let config = config.unwrap_or(json!({}));
    // Over the network it is `source.read(config, &["types"])?`.
    let setup = Setup::new(config, Arc::new(archive.for_page("read")));
    let mut out = io::stdout().lock();
    for record in source.read_with(setup, &["types"])? {
        let name = record?.data.get("name").unwrap_or_default();
        writeln!(out, "{name}")?;
    }
    Ok(())
}
