//! YAML text → resolved document that keeps its places → typed values.
//!
//! In: text and its name. Out: [`Node`]s after `$ref`, default types and `$parameters`, and a
//! decoder from a node to any `serde::Deserialize` type. It must not know any component; the
//! table of default types in `defaults.rs` is all it has of their names.
//!
//! The stages are those of the reference (airbyte-cdk 7.39.1, `concurrent_declarative_source.py`,
//! `_pre_process_manifest`): YAML, `$ref`, types and parameters.

mod access;
mod decode;
mod decoder;
mod defaults;
pub mod draw;
mod error;
mod failure;
mod frame;
mod lint;
mod located;
mod lookup;
mod node;
mod parameters;
mod place;
mod refs;
mod scalar;
mod tags;
mod within;
mod yaml;

use std::sync::Arc;

pub use decode::{decode, decode_linting};
pub use error::{Error, merge};
pub use lint::{Lint, did_you_mean, nearest};
pub use located::{Here, Raw, located};
pub use node::{Entry, Map, Node, NodeValue};
pub use parameters::propagate;
pub use place::{File, Place, Via};

/// A manifest that was read, with all `$ref`s, default types and `$parameters` in their places.
#[derive(Clone, Debug)]
pub struct Manifest {
    source: Arc<str>,
    root: Node,
    lints: Vec<Lint>,
}

impl Manifest {
    /// Reads a manifest; `name` is what messages call it.
    ///
    /// All mistakes in references and parameters are gathered; a mistake in the YAML itself
    /// comes alone.
    pub fn load(text: &str, name: &str) -> Result<Manifest, Vec<Error>> {
        let mut lints = Vec::new();
        let written = yaml::parse(text, name, &mut lints).map_err(|e| vec![*e])?;
        let written = parameters::with_source_type(&written)?;
        let resolved = refs::resolve(&written, &mut lints)?;
        let root = parameters::propagate(&resolved, &serde_json::Map::new(), false)?;
        Ok(Manifest {
            source: Arc::from(text),
            root,
            lints,
        })
    }

    /// The resolved document, a mapping.
    #[must_use]
    pub fn root(&self) -> &Node {
        &self.root
    }

    /// What is suspicious in the text, though it can be read.
    #[must_use]
    pub fn lints(&self) -> Vec<Lint> {
        self.lints.clone()
    }

    /// The text that was loaded, for drawing errors.
    #[must_use]
    pub fn source(&self) -> &str {
        &self.source
    }
}

/// The value of a piece of YAML, such as one that a template has rendered; nothing is null. None
/// when it is not valid.
#[must_use]
pub fn yaml_value(text: &str) -> Option<serde_json::Value> {
    let node = yaml::document(text, "", &mut Vec::new()).ok()?;
    Some(node.to_json())
}

#[cfg(test)]
mod tests {
    use super::*;

    const SEED: &str = "\
version: \"6\"
definitions:
  base: &base {url_base: https://a.example, tries: 010, when: 2025-01-02, no: yes}
  requester:
    type: HttpRequester
    <<: [*base, {path: /x}]
    $parameters: {path: '', list: [{type: A}], k: .5}
  list: [*base, \"#/definitions/requester\", {$ref: \"#/definitions/base\", tries: 3}]
streams:
  - type: DeclarativeStream
    $parameters: {name: s}
    retriever:
      requester: {$ref: \"#/definitions/requester\", path: \"/y\"}
      record_selector: {extractor: {field_path: []}}
  - \"#/streams/0\"
  - |
    text
     block
  - >-
    folded

    text # none
";

    /// Xorshift: the same mutations at every run.
    struct Dice(u64);

    impl Dice {
        fn below(&mut self, end: usize) -> usize {
            self.0 ^= self.0 << 13;
            self.0 ^= self.0 >> 7;
            self.0 ^= self.0 << 17;
            usize::try_from(self.0 % u64::try_from(end.max(1)).unwrap()).unwrap()
        }
    }

    #[test]
    fn no_text_makes_it_panic() {
        let pieces = [
            "#/definitions",
            "$ref: ",
            "\"#/streams/0\"",
            "*base",
            "&base ",
            "<<: ",
            "[",
            "]",
            "{",
            "}",
            ": ",
            "- ",
            "\n",
            "\n  ",
            "\t",
            "|",
            ">",
            "'",
            "\"",
            "!!int ",
            "!!str ",
            "! ",
            "---\n",
            "...\n",
            "%YAML 1.1\n",
            "\u{feff}",
            "é",
            "\u{1F600}",
            "\0",
            "type",
            "$parameters: ",
            "null",
            "1:2:3",
            "0x",
            "-",
            "? ",
            "#",
            "\r\n",
            "\\",
            "@",
            "`",
            "%",
            "config_overrides: ",
            "9999999999999999999999",
            "1_",
            "2025-13-45",
            "class_name: x\n",
            ",",
        ];
        let mut dice = Dice(0x9E37_79B9_7F4A_7C15);
        let (mut good, mut bad) = (0, 0);
        for _ in 0..4_000 {
            let mut text: Vec<char> = SEED.chars().collect();
            for _ in 0..=dice.below(4) {
                let at = dice.below(text.len());
                match dice.below(4) {
                    0 => {
                        let end = (at + dice.below(12)).min(text.len());
                        text.drain(at..end);
                    }
                    1 => {
                        let end = (at + dice.below(40)).min(text.len());
                        let copy: Vec<char> = text[at..end].to_vec();
                        let to = dice.below(text.len());
                        text.splice(to..to, copy);
                    }
                    _ => {
                        let piece = pieces[dice.below(pieces.len())].chars();
                        text.splice(at..at, piece);
                    }
                }
            }
            let text: String = text.into_iter().collect();
            match Manifest::load(&text, "m.yaml") {
                Ok(manifest) => {
                    good += 1;
                    let value: serde_json::Value = decode(manifest.root()).unwrap();
                    assert_eq!(value, manifest.root().to_json(), "{text}");
                }
                Err(errors) => {
                    bad += 1;
                    for error in errors {
                        assert!(error.at.line > 0, "{error} in {text}");
                        assert!(error.render(&text).starts_with("error: "));
                    }
                }
            }
        }
        assert!(
            good > 500 && bad > 500,
            "{good} good, {bad} bad: too much alike"
        );
    }

    #[test]
    fn nesting_and_growth_have_bounds() {
        let deep =
            |open: &str, close: &str, n: usize| format!("a: {}{}", open.repeat(n), close.repeat(n));
        let mut doubling = String::from("a0: [x, y]\n");
        let mut refs = String::from("b0: {x: 1}\n");
        let mut chain = String::from("c0: &c0 [x]\n");
        let mut steps = String::from("d0: 1\n");
        for i in 1..3_000 {
            let before = i - 1;
            chain.push_str(&format!("c{i}: &c{i} [*c{before}]\n"));
            steps.push_str(&format!("d{i}: \"#/d{before}\"\n"));
            if i < 60 {
                doubling.push_str(&format!("a{i}: [\"#/a{before}\", \"#/a{before}\"]\n"));
                refs.push_str(&format!("b{i}: &b{i} [*b{before}, *b{before}]\n"));
            }
        }
        let parameters: String = (0..40).map(|i| format!("p{i}: {{type: T}}, ")).collect();
        for (text, message) in [
            (deep("[", "]", 100_000), "nested more than 200 levels deep"),
            (
                deep("{a: ", "}", 100_000),
                "nested more than 200 levels deep",
            ),
            (
                format!("a:\n{}", " -".repeat(50_000)),
                "nested more than 200 levels deep",
            ),
            (doubling, "grows beyond"),
            (refs.replace("b0: ", "b0: &b0 "), "grows beyond"),
            (chain, "nested more than 200 levels deep"),
            (
                format!("type: T\n$parameters: {{{parameters}}}\n"),
                "grows without end",
            ),
        ] {
            let errors = Manifest::load(&text, "m").expect_err(message);
            assert!(errors[0].message.contains(message), "{}", errors[0]);
        }
        let deepest = Manifest::load(&deep("{a: ", "}", 199), "m").unwrap();
        let value: serde_json::Value = decode(deepest.root()).unwrap();
        assert_eq!(value, deepest.root().to_json());
        assert!(deepest.root().fingerprint().len() > 199);
        // References to references are resolved one by one.
        let steps = steps.lines().rev().collect::<Vec<_>>().join("\n");
        let told = match Manifest::load(&steps, "m") {
            Ok(manifest) => manifest.root().get("d2999").unwrap().to_json().to_string(),
            Err(errors) => errors[0].message.clone(),
        };
        assert_eq!(told, "nested more than 200 levels deep");
    }

    #[test]
    fn a_definition_used_often_is_kept_once() {
        let text = "definitions: {a: {b: [1, 2]}}\nx: \"#/definitions/a\"\ny: {$ref: \"#/definitions/a\", c: 1}\n";
        let manifest = Manifest::load(text, "m").unwrap();
        let root = manifest.root();
        let list = |node: Option<&Node>| match &node.unwrap().get("b").unwrap().value {
            NodeValue::Seq(items) => Arc::as_ptr(items),
            other => panic!("{other:?}"),
        };
        assert_eq!(list(root.get("x")), list(root.get("y")));
    }
}
