//! What a response says, decoded.

use super::Decoded;
use crate::message::Text;

/// What a response says: JSON values, and the one that templates see.
#[derive(Debug, Clone)]
pub struct Page {
    documents: Vec<Text>,
    response: Text,
    /// What could not be read and was passed over.
    pub warning: Option<String>,
    /// Why the body could not be read to its end.
    pub broken: Option<String>,
}

impl Page {
    pub(super) fn new(decoded: Decoded, shows_body: bool) -> Self {
        let first = decoded.documents.first().filter(|_| shows_body).cloned();
        Self {
            response: first.unwrap_or_else(empty),
            documents: decoded.documents,
            warning: decoded.warning,
            broken: decoded.broken,
        }
    }

    /// A later part of a body, whose templates see what those of the first part saw.
    pub(super) fn after(first: &Text, decoded: Decoded) -> Self {
        Self {
            response: first.clone(),
            documents: decoded.documents,
            warning: decoded.warning,
            broken: decoded.broken,
        }
    }

    /// A page of values that were read from a file.
    #[must_use]
    pub fn of_file(documents: Vec<Text>, broken: Option<String>) -> Self {
        Self {
            documents,
            response: empty(),
            warning: None,
            broken,
        }
    }

    /// The same page with the next part of its body.
    #[must_use]
    pub fn with(mut self, next: Self) -> Self {
        self.documents.extend(next.documents);
        self.warning = self.warning.or(next.warning);
        self.broken = next.broken;
        self
    }

    /// The values among which records are looked for.
    #[must_use]
    pub fn documents(&self) -> &[Text] {
        &self.documents
    }

    /// What templates see as `response`: the first value, or an empty object.
    #[must_use]
    pub fn first(&self) -> &Text {
        &self.response
    }
}

impl Default for Page {
    /// A page without values.
    fn default() -> Self {
        Self::of_file(Vec::new(), None)
    }
}

/// An empty object.
pub(super) fn empty() -> Text {
    Text::parse(b"{}".to_vec(), 0).expect("an empty object is JSON")
}
