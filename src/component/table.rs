//! The README's table of components, out of their JSON schemas: a row for each, with the first
//! sentence of its documentation.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use schemars::SchemaGenerator;
use serde_json::Value;

use super::{
    api_budget, authenticator, backoff, config, cursor, decoder, error_handler, extractor,
    paginator, partition_router, record_filter, requester, resolver, retriever, schema_loader,
    source, stream, transformation,
};

const BEGIN: &str =
    "<!-- components: written by `LOWCODE_UPDATE=1 cargo test --lib component::table` -->\n";
const END: &str = "<!-- end of components -->\n";

/// A mapping of the manifest: neither a choice nor a single value.
fn is_component(definition: &Value) -> bool {
    let is_mapping = definition["type"] == "object" && definition.get("properties").is_some();
    is_mapping && definition["properties"]["type"].get("const").is_none()
}

/// Adds the components among which `schema` and what is in it lets choose by `type`.
fn choices(schema: &Value, found: &mut BTreeMap<String, String>) {
    if let Some(name) = schema["properties"]["type"]["const"].as_str() {
        let text = schema["description"].as_str().unwrap_or_default();
        found.insert(name.to_owned(), first_sentence(text));
    }
    match schema {
        Value::Object(fields) => fields.values().for_each(|field| choices(field, found)),
        Value::Array(items) => items.iter().for_each(|item| choices(item, found)),
        _ => {}
    }
}

/// Name and first sentence of each component.
fn components() -> BTreeMap<String, String> {
    let mut generator = SchemaGenerator::default();
    macro_rules! roots {
        ($($root:ty),* $(,)?) => { $( generator.subschema_for::<$root>(); )* };
    }
    // Where the manifest is decoded in steps, a step does not name the next.
    roots!(
        api_budget::ApiBudget,
        authenticator::Authenticator,
        backoff::Strategy,
        config::ConfigNormalizationRules,
        cursor::Cursor,
        cursor::StateMigration,
        decoder::Decoder,
        error_handler::Handler,
        extractor::Extractor,
        paginator::Paginator,
        partition_router::PartitionRouter,
        record_filter::RecordSelector,
        requester::Requester,
        resolver::ComponentsResolver,
        retriever::Retriever,
        schema_loader::SchemaLoader,
        source::Check,
        source::ConcurrencyLevel,
        source::DeclarativeSource,
        source::Spec,
        stream::ConditionalStreams,
        stream::DynamicDeclarativeStream,
        stream::Stream,
        transformation::Transformation,
    );
    let definitions = generator.take_definitions(true);
    let mut found = BTreeMap::new();
    definitions
        .values()
        .for_each(|definition| choices(definition, &mut found));
    for (name, definition) in &definitions {
        // Of two Rust types for one component, schemars numbers the second.
        let name = name.trim_end_matches(|c: char| c.is_ascii_digit());
        let text = definition["description"].as_str().unwrap_or_default();
        if is_component(definition) || found.contains_key(name) {
            let known = found.entry(name.to_owned()).or_default();
            if !text.is_empty() {
                *known = first_sentence(text);
            }
        }
    }
    found
}

/// Up to the first period that ends a sentence, on one line.
fn first_sentence(text: &str) -> String {
    let paragraph = text.split("\n\n").next().unwrap_or_default();
    let line = paragraph.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.split_once(". ") {
        Some((first, _)) => format!("{first}."),
        None => line,
    }
}

fn table() -> String {
    let mut table = "| component | what it does |\n| --- | --- |\n".to_owned();
    for (name, text) in components() {
        let text = text.replace('|', "\\|");
        let _ = writeln!(table, "| `{name}` | {text} |");
    }
    table
}

#[test]
fn every_component_says_what_it_does() {
    let components = components();
    assert!(components.len() > 80, "{components:#?}");
    let silent = components.iter().filter(|(_, text)| text.is_empty());
    let silent: Vec<&String> = silent.map(|(name, _)| name).collect();
    assert!(silent.is_empty(), "without documentation: {silent:?}");
}

#[test]
fn the_readme_has_them_all() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md");
    let readme = std::fs::read_to_string(&path).unwrap();
    let (before, rest) = readme
        .split_once(BEGIN)
        .expect("the README marks the table's begin");
    let (written, after) = rest
        .split_once(END)
        .expect("the README marks the table's end");
    let table = table();
    #[expect(
        clippy::disallowed_methods,
        reason = "who runs the test may want the table written"
    )]
    let update = std::env::var_os("LOWCODE_UPDATE").is_some();
    if update {
        std::fs::write(&path, format!("{before}{BEGIN}{table}{END}{after}")).unwrap();
    } else {
        assert_eq!(
            written, table,
            "the README's table of components is stale: write it by \
             `LOWCODE_UPDATE=1 cargo test --lib component::table`"
        );
    }
}
