//! Each of `tests/templates/*.txt` (a context, `---`, a template) and what it is evaluated to.

use std::sync::Arc;

use lowcode::clock::Clock;
use lowcode::template::{Config, Literal, Scope, TValue, Template, json};
use serde_json::Value;

struct Context {
    config: Config,
    names: Value,
}

impl Scope for Context {
    const NAMES: &'static [&'static str] = &[];

    fn config(&self) -> &Config {
        &self.config
    }

    fn lookup(&self, name: &str) -> Option<TValue> {
        self.names.get(name).map(json)
    }
}

fn evaluate(text: &str, names: Value) -> String {
    // 2025-03-01T00:00:00Z
    let clock = Arc::new(Clock::new(Some(1_740_787_200_000_000), 0.0));
    let config = names.get("config").cloned().unwrap_or_default();
    let context = Context {
        config: Config::new(config, clock),
        names,
    };
    let template = match Template::new(text) {
        Ok(template) => template,
        Err(e) => return format!("does not compile: {e}"),
    };
    match template.eval(&context) {
        Ok(Literal::Str(text)) => format!("text: {text}"),
        Ok(value) => format!("{value:?}"),
        Err(e) => format!("error: {e}"),
    }
}

#[test]
fn templates_are_evaluated_as_the_golden_files_say() {
    insta::glob!("templates/*.txt", |path| {
        let file = std::fs::read_to_string(path).unwrap();
        let (context, text) = file.split_once("\n---\n").unwrap();
        let text = text.strip_suffix('\n').unwrap_or(text);
        let value = evaluate(text, serde_json::from_str(context).unwrap());
        insta::with_settings!({ description => text, omit_expression => true }, {
            insta::assert_snapshot!(value);
        });
    });
}
