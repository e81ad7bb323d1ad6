//! Names of files that every system takes.
//!
//! In: names of streams. Out: a name for each, without its extension. It must not look at a folder:
//! the next run finds what this one wrote by the same names.

use std::path::Path;

use crate::output::names::{self, Rules, hashed};

/// Every system takes 255 bytes; some are for what is put behind the name.
const LONGEST: usize = 180;
const NAMES: Rules = Rules {
    longest: LONGEST,
    prefixes: &[],
    words: &[],
};
/// What Windows takes for a device, whatever the extension; so it does with a digit behind the last two.
const DEVICES: [&str; 8] = [
    "con", "prn", "aux", "nul", "conin$", "conout$", "com", "lpt",
];

/// A name for each of the streams `names`, in their order.
///
/// A name stays as it is where it can; one that was changed ends in a hash of the whole.
pub(super) fn safe(names: &[&str]) -> Vec<String> {
    let clean: Vec<String> = names.iter().map(|name| clean(name)).collect();
    let clean: Vec<&str> = clean.iter().map(String::as_str).collect();
    names::safe(&clean, &NAMES)
}

fn clean(name: &str) -> String {
    let is_safe = |c: char| {
        // Accents of their own are another name for the same on some systems.
        let is_mark = ('\u{300}'..='\u{36f}').contains(&c);
        !c.is_control() && !is_mark && !"<>:\"/\\|?*".contains(c)
    };
    let mut safe: String = name
        .chars()
        .map(|c| if is_safe(c) { c } else { '_' })
        .collect();
    if safe.starts_with(['.', '-', '~']) {
        safe.insert(0, '_');
    }
    if safe.ends_with(['.', ' ']) || appended(&safe).is_some() {
        safe.push('_');
    }
    if is_device(&safe) {
        safe = safe.replace('.', "_");
        safe.push('_');
    }
    if safe == name {
        safe
    } else {
        hashed(&safe, name, LONGEST)
    }
}

fn is_device(name: &str) -> bool {
    let first = name.split('.').next().unwrap_or_default();
    let first = first.trim_end().to_lowercase();
    let word = first.trim_end_matches(|c: char| c.is_numeric());
    DEVICES.contains(&word)
}

/// The number at the end of `name`, as appended files have it: `tasks.0001`.
fn appended(name: &str) -> Option<u64> {
    let (_, number) = name.rsplit_once('.')?;
    let is_number = number.len() >= 4 && number.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| number.parse().ok())?
}

/// The file that is appended under `number`.
pub(super) fn numbered(stem: &str, number: u64, extension: &str) -> String {
    format!("{stem}.{number:04}.{extension}")
}

/// The number of the file at `path`, when it was appended to `stem`.
pub(super) fn number(path: &Path, stem: &str, extension: &str) -> Option<u64> {
    let name = path.file_name()?.to_str()?;
    let rest = name.strip_prefix(stem)?;
    let middle = rest.strip_suffix(extension)?.strip_suffix('.')?;
    appended(middle).filter(|number| format!(".{number:04}") == middle)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stay_where_they_can() {
        let names = ["tasks", "créé", "with space", "a.b", "console", "users.csv"];
        assert_eq!(safe(&names), names);
    }

    #[test]
    fn what_some_system_refuses_is_changed_and_told_apart() {
        let names = [
            "a/b",
            "a:b",
            "a\\b",
            "..",
            ".",
            "",
            "CON",
            "nul.txt",
            "COM1",
            "lpt¹",
            "x.",
            "x ",
            "-rf",
            "a\nb",
            "e\u{301}",
            "tasks.0001",
            "_lowcode",
        ];
        let named = safe(&names);
        for (name, safe) in names.iter().zip(&named) {
            assert_ne!(safe, name);
            assert!(!safe.contains(['/', ':', '\\', '\n', '\u{301}']), "{safe}");
            assert!(!safe.starts_with(['.', '-']), "{safe}");
            assert!(!is_device(safe) && appended(safe).is_none(), "{safe}");
        }
        let mut folded: Vec<String> = named.iter().map(|name| name.to_lowercase()).collect();
        folded.sort();
        folded.dedup();
        assert_eq!(folded.len(), names.len(), "{named:?}");
        assert!(named[0].starts_with("a_b_"), "{}", named[0]);
        // Whoever else is there.
        assert_eq!(safe(&["a:b"])[0], named[1]);
    }

    #[test]
    fn long_names_and_those_that_differ_in_case_stay_apart() {
        let long = "é".repeat(300);
        let named = safe(&[&long, "A", "a"]);
        assert!(named[0].len() <= LONGEST);
        assert!(named[1].starts_with("A_"));
        assert_eq!(named[2], "a");
    }

    #[test]
    fn appended_files_are_known_by_their_number() {
        for (file, expected) in [
            ("a/tasks.0012.csv", Some(12)),
            ("tasks.12345.csv", Some(12345)),
            ("tasks.01234.csv", None),
            ("tasks.csv", None),
            ("tasks.0001.jsonl", None),
            ("tasks.x.0001.csv", None),
            ("other.0001.csv", None),
        ] {
            assert_eq!(number(Path::new(file), "tasks", "csv"), expected, "{file}");
        }
        assert_eq!(numbered("tasks", 7, "csv"), "tasks.0007.csv");
    }
}
