//! Mistakes in a manifest, and how they are drawn.

use std::fmt;

use super::place::{Place, Via};

/// A mistake at a place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    /// What is wrong: lower case, names in backquotes, no period.
    pub message: String,
    /// Where.
    pub at: Place,
    /// The `$ref`s that brought it into use, innermost first.
    pub via: Via,
    /// The way from the definition, as `definitions.pages (CursorPagination).page_size`.
    pub path: String,
    /// The cure.
    pub help: Option<String>,
    /// The streams that it hits, as far as anybody said.
    pub streams: Vec<String>,
    /// Where the outermost `$ref`s stand through which it is used.
    pub uses: Vec<Place>,
}

impl Error {
    /// A mistake at a place.
    #[must_use]
    pub fn new(message: impl Into<String>, at: &Place) -> Error {
        Error {
            message: message.into(),
            at: at.clone(),
            via: Via::default(),
            path: String::new(),
            help: None,
            streams: Vec::new(),
            uses: Vec::new(),
        }
    }

    /// The same with the trail of `$ref`s.
    #[must_use]
    pub fn through(mut self, via: &Via) -> Error {
        self.via = via.clone();
        self.uses = via.sites().last().cloned().into_iter().collect();
        self
    }

    /// The same with a cure.
    #[must_use]
    pub fn with_help(mut self, help: Option<String>) -> Error {
        self.help = help;
        self
    }

    /// The same, hitting a stream.
    #[must_use]
    pub fn in_stream(mut self, name: &str) -> Error {
        if !self.streams.iter().any(|s| s == name) {
            self.streams.push(name.to_owned());
        }
        self
    }

    /// Draws the mistake with its line of the source.
    #[must_use]
    pub fn render(&self, source: &str) -> String {
        let Place { line, column, .. } = &self.at;
        let mut out = format!("error: {}\n", self.message);
        let text = usize::try_from(*line)
            .ok()
            .and_then(|line| source.lines().nth(line.checked_sub(1)?));
        let number = format!("{line:>2}");
        let margin = " ".repeat(number.len());
        out.push_str(&format!("{margin}--> {}\n", self.at));
        if let Some(text) = text {
            let column = usize::try_from(column.saturating_sub(1)).unwrap_or(0);
            let (text, column) = window(text, column);
            // A tab before the mark stays a tab, so that both lines are indented alike.
            let indent: String = text
                .chars()
                .take(column)
                .map(|c| if c == '\t' { '\t' } else { ' ' })
                .collect();
            let marks = "^".repeat(token_length(&text, column));
            let text = text.trim_end();
            out.push_str(&format!("{margin} |\n{number} | {text}\n"));
            out.push_str(&format!("{margin} | {indent}{marks}\n"));
        }
        for note in self.notes() {
            out.push_str(&format!("{margin} = {note}\n"));
        }
        out
    }

    fn notes(&self) -> Vec<String> {
        let mut notes = Vec::new();
        if !self.path.is_empty() {
            notes.push(format!("in: {}", self.path));
        }
        let first = self.uses.iter().min_by_key(|p| (p.line, p.column));
        let count = self.streams.len();
        match (first, self.streams.as_slice()) {
            (Some(first), []) if self.uses.len() > 1 => {
                let uses = self.uses.len();
                notes.push(format!("used {uses} times through $ref, first at {first}"));
            }
            (Some(first), []) => notes.push(format!("used through $ref at {first}")),
            (Some(first), [name]) => {
                notes.push(format!("used by stream `{name}` through $ref at {first}"));
            }
            (Some(first), _) => {
                notes.push(format!(
                    "used by {count} streams through $ref, first at {first}"
                ));
            }
            (None, []) => {}
            (None, [name]) => notes.push(format!("used by stream `{name}`")),
            (None, _) => notes.push(format!("used by {count} streams")),
        }
        if let Some(help) = &self.help {
            notes.push(format!("help: {help}"));
        }
        notes
    }
}

impl fmt::Display for Error {
    /// In one line: place and message.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.at, self.message)?;
        if let Some(help) = &self.help {
            write!(f, " ({help})")?;
        }
        Ok(())
    }
}

impl std::error::Error for Error {}

/// Tells the same mistake once, with everybody whom it hits; in the order of the places.
#[must_use]
pub fn merge(errors: Vec<Error>) -> Vec<Error> {
    let mut told: indexmap::IndexMap<(Place, String), Error> = indexmap::IndexMap::new();
    for error in errors {
        match told.entry((error.at.clone(), error.message.clone())) {
            indexmap::map::Entry::Vacant(entry) => {
                entry.insert(error);
            }
            indexmap::map::Entry::Occupied(mut entry) => {
                let first = entry.get_mut();
                for name in error.streams {
                    if !first.streams.contains(&name) {
                        first.streams.push(name);
                    }
                }
                for place in error.uses {
                    if !first.uses.contains(&place) {
                        first.uses.push(place);
                    }
                }
            }
        }
    }
    let mut errors: Vec<Error> = told.into_values().collect();
    errors.sort_by(|a, b| {
        let key = |e: &Error| (std::sync::Arc::clone(&e.at.file), e.at.line, e.at.column);
        key(a).cmp(&key(b))
    });
    errors
}

/// Characters of a line that are shown at most.
const WIDTH: usize = 160;

/// The part of a long line around a column, and the column in it.
fn window(text: &str, column: usize) -> (String, usize) {
    if text.chars().count() <= WIDTH {
        return (text.to_owned(), column);
    }
    let start = column.saturating_sub(WIDTH / 2);
    (
        text.chars().skip(start).take(WIDTH).collect(),
        column - start,
    )
}

/// How many characters a mark under the token at `column` has.
fn token_length(text: &str, column: usize) -> usize {
    let rest: Vec<char> = text.chars().skip(column).collect();
    let length = match rest.first() {
        Some(quote @ ('"' | '\'')) => rest
            .iter()
            .skip(1)
            .position(|c| c == quote)
            .map_or(rest.len(), |end| end + 2),
        Some('{' | '[') => 1,
        _ => rest
            .iter()
            .enumerate()
            .position(|(i, c)| match c {
                ',' | '}' | ']' => true,
                ':' => rest.get(i + 1).is_none_or(|next| next.is_whitespace()),
                '#' => i > 0 && rest.get(i - 1).is_some_and(|before| before.is_whitespace()),
                _ => false,
            })
            .unwrap_or(rest.len()),
    };
    let shown: String = rest.iter().take(length).collect();
    shown.trim_end().chars().count().max(1)
}
