//! Holds every file under `src/` to the rules of who may use whom, and to a few of style.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Folder, and the folders that it may use. `None`: all.
const MAY_USE: [(&str, Option<&[&str]>); 12] = [
    ("clock", Some(&[])),
    ("message", Some(&[])),
    ("manifest", Some(&[])),
    ("template", Some(&["manifest", "clock", "message"])),
    ("http", Some(&["clock"])),
    (
        "component",
        Some(&["manifest", "template", "http", "message", "clock"]),
    ),
    (
        "plan",
        Some(&[
            "component",
            "manifest",
            "template",
            "http",
            "message",
            "clock",
        ]),
    ),
    (
        "engine",
        Some(&[
            "plan",
            "component",
            "manifest",
            "template",
            "http",
            "message",
            "clock",
        ]),
    ),
    ("output", Some(&["message"])),
    ("cli", None),
    ("embed", None),
    ("lib", None),
];

/// Lines a file may have before its test module.
const LONGEST: usize = 500;

struct Source {
    /// Path below `src`, with `/`.
    name: String,
    text: String,
}

impl Source {
    /// First folder of the path, or the file itself: the layer.
    fn layer(&self) -> &str {
        self.name.split(['/', '.']).next().unwrap_or_default()
    }

    /// The text up to the file's test module.
    fn code(&self) -> &str {
        let end = self.text.find("#[cfg(test)]\nmod tests");
        end.and_then(|end| self.text.get(..end))
            .unwrap_or(&self.text)
    }
}

fn sources() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    let mut folders = vec![root.clone()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).expect("src is readable") {
            let path: PathBuf = entry.expect("src is readable").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let below = path.strip_prefix(&root).expect("found below src");
                let name = below.display().to_string().replace('\\', "/");
                // Test modules that are files of their own.
                if name.contains("/tests/") || name.ends_with("/tests.rs") {
                    continue;
                }
                files.push(Source {
                    name,
                    text: std::fs::read_to_string(&path).expect("a source is UTF-8"),
                });
            }
        }
    }
    assert!(files.len() > 10, "the sources were not found");
    files
}

/// Layers that `code` names by `crate::`, in uses and in paths; comments aside.
fn uses(code: &str) -> BTreeSet<String> {
    let code: String = code
        .lines()
        .map(|line| line.split("//").next().unwrap_or_default())
        .collect::<Vec<_>>()
        .join("\n");
    let mut found = BTreeSet::new();
    for (at, _) in code.match_indices("crate::") {
        // `$crate::` of a macro is the same crate, and counts; a name that ends in `crate` does not.
        let before = code.get(..at).and_then(|text| text.chars().next_back());
        if before.is_some_and(|c| c.is_alphanumeric() || c == '_') {
            continue;
        }
        let rest = code.get(at + "crate::".len()..).unwrap_or_default();
        if let Some(group) = rest.strip_prefix('{') {
            found.extend(heads(group));
        } else {
            found.insert(first_word(rest));
        }
    }
    found
}

/// First words of the members of a `{…}` group, at its outermost level.
fn heads(group: &str) -> Vec<String> {
    let mut heads = Vec::new();
    let mut depth = 0;
    let mut member = String::new();
    for c in group.chars() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => heads.push(std::mem::take(&mut member)),
            c => member.push(c),
        }
    }
    heads.push(member);
    heads.retain(|member| !member.trim().is_empty());
    heads
        .iter()
        .map(|member| first_word(member.trim()))
        .collect()
}

fn first_word(text: &str) -> String {
    text.chars()
        .take_while(|c| c.is_alphanumeric() || *c == '_')
        .collect()
}

#[test]
fn every_layer_uses_only_what_it_may() {
    let mut wrong = Vec::new();
    for source in sources() {
        let layer = source.layer();
        if layer == "main" {
            continue;
        }
        let Some((_, may)) = MAY_USE.iter().find(|(name, _)| *name == layer) else {
            wrong.push(format!("src/{}: `{layer}` is no layer", source.name));
            continue;
        };
        let Some(may) = may else { continue };
        for used in uses(source.code()) {
            if used != layer && !may.contains(&used.as_str()) {
                wrong.push(format!("src/{}: `{layer}` uses `{used}`", source.name));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn uses_are_found_in_all_their_forms() {
    let code = "use crate::manifest::{Node, Place};\nuse crate::{clock::Clock, http::{self, Request}, message};\n\
        // crate::engine\nfn f() -> crate::plan::Plan { my_crate::cli::x() }\nuse crate::{\n    template,\n};";
    let found: Vec<String> = uses(code).into_iter().collect();
    assert_eq!(
        found,
        ["clock", "http", "manifest", "message", "plan", "template"]
    );
}

#[test]
fn components_are_decoded_by_our_own_deserializer() {
    // These of serde's attributes copy the mapping into a buffer first, in which places are lost.
    for source in sources() {
        if source.layer() != "component" {
            continue;
        }
        for attribute in ["serde(flatten", "serde(untagged", "serde(tag"] {
            assert!(
                !source.text.contains(attribute),
                "src/{}: `{attribute}` loses places",
                source.name
            );
        }
    }
}

#[test]
fn files_are_short_and_say_what_they_are() {
    let mut wrong = Vec::new();
    for source in sources() {
        let lines = source.code().lines().count();
        if lines > LONGEST {
            wrong.push(format!("src/{}: {lines} lines", source.name));
        }
        if !source.text.starts_with("//! ") {
            wrong.push(format!("src/{}: does not start with `//!`", source.name));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
