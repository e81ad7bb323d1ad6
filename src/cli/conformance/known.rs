//! The list of known failures: `NAME REASON`, one a line; `#` starts a comment.

use std::collections::BTreeMap;
use std::path::Path;

use super::super::error::Failure;
use super::super::settings::read_text;

/// Names of cases (`FAMILY/NAME`) and vectors (`vectors/FILE/ID`), with the reason why each fails.
#[derive(Debug, Default)]
pub(super) struct Known(BTreeMap<String, String>);

impl Known {
    /// Reads the list.
    pub(super) fn load(path: &Path) -> Result<Self, Failure> {
        let text = read_text(path, "the list")?;
        Self::parse(&text)
            .map_err(|message| Failure::wrong(format!("list `{}`: {message}", path.display())))
    }

    fn parse(text: &str) -> Result<Self, String> {
        let mut known = BTreeMap::new();
        let lines = text.lines().map(str::trim).enumerate();
        for (at, line) in lines.filter(|(_, line)| !line.is_empty() && !line.starts_with('#')) {
            let Some((name, reason)) = line.split_once(char::is_whitespace) else {
                return Err(format!("line {}: `{line}` has no reason", at + 1));
            };
            known.insert(name.to_owned(), reason.trim().to_owned());
        }
        Ok(Self(known))
    }

    /// Why `name` fails, if that is known.
    pub(super) fn reason(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_line_needs_a_reason() {
        let known = Known::parse("# comment\n\na/b  it is so\n").unwrap();
        assert_eq!(known.reason("a/b"), Some("it is so"));
        assert_eq!(known.reason("a/c"), None);
        assert_eq!(
            Known::parse("\na/b\n").unwrap_err(),
            "line 2: `a/b` has no reason"
        );
    }
}
