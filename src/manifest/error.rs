//! Mistakes in a manifest, and how they are drawn.

use std::fmt;

use super::draw;
use super::place::{Place, Via};

/// A mistake at a place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    /// What is wrong: lower case, names in backquotes, no period.
    pub message: String,
    /// Where.
    pub at: Place,
    /// How many characters are wrong there; as many as the value has, when not known.
    pub width: Option<u32>,
    /// The `$ref`s that brought it into use, innermost first.
    pub via: Via,
    /// The way from the definition, as `definitions.pages (CursorPagination).page_size`.
    pub path: String,
    /// What helps to understand it, a line each.
    pub details: Vec<String>,
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
            width: None,
            details: Vec::new(),
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
        let drawing = draw::place_in(source, &self.at, self.width);
        let mut out = format!("error: {}\n{drawing}", self.message);
        let margin = draw::margin(&self.at);
        for note in self.notes() {
            out.push_str(&format!("{margin} = {note}\n"));
        }
        out
    }

    fn notes(&self) -> Vec<String> {
        let mut notes = self.details.clone();
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
        let line = |e: &Error| (e.at.line, e.at.column);
        let files = a.at.file.name().cmp(b.at.file.name());
        files.then_with(|| line(a).cmp(&line(b)))
    });
    errors
}
