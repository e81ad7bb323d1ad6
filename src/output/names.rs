//! Names that a database takes.
//!
//! In: names of streams or fields. Out: one name for each, which depends on these names alone, so that
//! the next run finds what this one wrote.

use std::collections::HashMap;

use sha2::{Digest as _, Sha256};

/// What all of our own tables and columns start with.
pub const OURS: &str = "_lowcode";

/// What a database asks of names. Names are always quoted, so that letters, spaces and keywords are
/// no question.
#[derive(Debug, Clone, Copy)]
pub struct Rules {
    /// The longest name, in bytes.
    pub longest: usize,
    /// Beginnings that the database keeps for itself, in lower case.
    pub prefixes: &'static [&'static str],
    /// Names that the database keeps for itself, in lower case.
    pub words: &'static [&'static str],
}

/// Rules of files, which take any text as the name of a column.
pub(super) const ANY: Rules = Rules {
    longest: 1000,
    prefixes: &[],
    words: &[],
};

/// A name for each of `names`, in their order; equal ones get the same.
///
/// A name stays as it is where it can. Control characters become `_`; `x` is put before one that is
/// taken by us or the database; one that is too long is cut, and gets a hash of the whole. Of names
/// that differ in the case of letters alone, all but one get a hash: databases see no difference.
#[must_use]
pub fn safe(names: &[&str], rules: &Rules) -> Vec<String> {
    let plain: Vec<String> = names.iter().map(|name| plain(name, rules)).collect();
    // Who keeps the plain name: one in lower case, else the first in the order of bytes.
    let mut keepers: HashMap<String, &str> = HashMap::new();
    for (name, plain) in names.iter().zip(&plain) {
        let folded = plain.to_lowercase();
        let rank = |name: &str| (name.to_lowercase() != name, name.to_owned());
        let keeper = keepers.entry(folded).or_insert(name);
        if rank(name) < rank(keeper) {
            *keeper = name;
        }
    }
    let named = names.iter().zip(plain).map(|(name, plain)| {
        if keepers.get(&plain.to_lowercase()) == Some(name) {
            plain
        } else {
            hashed(&plain, name, rules.longest)
        }
    });
    named.collect()
}

fn plain(name: &str, rules: &Rules) -> String {
    let mut safe: String = name
        .chars()
        .map(|c| if c.is_control() { '_' } else { c })
        .collect();
    let folded = safe.to_lowercase();
    let mut prefixes = rules.prefixes.iter().chain([&OURS]);
    if safe.is_empty()
        || rules.words.contains(&folded.as_str())
        || prefixes.any(|prefix| folded.starts_with(prefix))
    {
        safe.insert(0, 'x');
    }
    if safe.len() > rules.longest {
        return hashed(&safe, name, rules.longest);
    }
    safe
}

/// `plain`, cut where it must be, with eight digits that tell `name` from others.
pub(super) fn hashed(plain: &str, name: &str, longest: usize) -> String {
    let digest = Sha256::digest(name.as_bytes());
    let digits: String = (digest.iter().take(4))
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let mut cut = plain.to_owned();
    while cut.len() > longest.saturating_sub(9) {
        cut.pop();
    }
    format!("{cut}_{digits}")
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULES: Rules = Rules {
        longest: 20,
        prefixes: &["pg_"],
        words: &["ctid"],
    };

    #[test]
    fn names_stay_where_they_can() {
        let names = [
            "id",
            "créé",
            "with space",
            "select",
            "a\"b",
            "user.name",
            "id",
        ];
        assert_eq!(safe(&names, &RULES), names);
    }

    #[test]
    fn what_is_taken_or_impossible_is_changed() {
        let names = ["_lowcode_extra", "_LowCode", "PG_x", "CTID", "", "a\0\nb"];
        let named = [
            "x_lowcode_extra",
            "x_LowCode",
            "xPG_x",
            "xCTID",
            "x",
            "a__b",
        ];
        assert_eq!(safe(&names, &RULES), named);
    }

    #[test]
    fn long_names_are_cut_between_characters_and_stay_apart() {
        let names = ["aaaaaaaaaaéaaaaaaaaaaaa1", "aaaaaaaaaaéaaaaaaaaaaaa2"];
        let named = safe(&names, &RULES);
        assert!(named.iter().all(|name| name.len() <= 20), "{named:?}");
        assert!(
            named.iter().all(|name| name.starts_with("aaaaaaaaaa_")),
            "{named:?}"
        );
        assert_ne!(named[0], named[1]);
    }

    #[test]
    fn the_case_of_letters_does_not_tell_names_apart() {
        let named = safe(&["A", "a", "B", "É", "é"], &RULES);
        assert_eq!(named[1], "a");
        assert_eq!(named[2], "B");
        assert_eq!(named[4], "é");
        assert!(
            named[0].starts_with("A_") && named[3].starts_with("É_"),
            "{named:?}"
        );
        // Whatever the order, and whoever else is there.
        let again = safe(&["é", "b", "a", "É", "A"], &RULES);
        assert_eq!(
            [&again[0], &again[2], &again[3], &again[4]],
            [&named[4], &named[1], &named[3], &named[0]]
        );
        let upper = safe(&["ID", "Id"], &RULES);
        assert_eq!(upper[0], "ID");
        assert!(upper[1].starts_with("Id_"), "{upper:?}");
    }

    #[test]
    fn a_made_name_does_not_take_one_that_was_there() {
        let named = safe(&["_lowcode", "x_lowcode"], &RULES);
        assert_ne!(named[0], named[1]);
    }
}
