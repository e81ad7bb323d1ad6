//! What is suspicious, though it can be read.

use super::error::Error;
use super::place::{Place, Via};

/// Something that the reference lets pass without a word and that is hardly meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lint {
    /// Its kind, by which a user can silence it: `duplicate-key`, `unknown-field`, `ref-override`,
    /// `ref-form`, `unquoted-time`, `other-type`.
    pub name: &'static str,
    /// What was found.
    pub message: String,
    /// Where.
    pub at: Place,
    /// By which `$ref`s it is used there.
    pub via: Via,
    /// What to do.
    pub help: Option<String>,
}

impl Lint {
    /// Draws it with its line of the source, as a warning.
    #[must_use]
    pub fn render(&self, source: &str) -> String {
        let drawn = Error::new(self.message.as_str(), &self.at).through(&self.via);
        let drawn = drawn.with_help(self.help.clone()).render(source);
        drawn.replacen("error: ", "warning: ", 1)
    }
}

/// The one of `known` that `word` was probably meant to be.
#[must_use]
pub fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let bare = |s: &str| s.to_lowercase().replace(['-', '_'], "");
    let wanted = bare(word);
    known
        .into_iter()
        .map(|k| (strsim::damerau_levenshtein(&wanted, &bare(k)), k))
        // A word of one letter has nothing in common with another.
        .filter(|(distance, k)| {
            let shorter = k.len().min(word.len());
            *distance <= 1 + shorter / 4 && (*distance < shorter || *distance == 0)
        })
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, k)| k)
}

/// “did you mean `x`?”, where something known is near.
#[must_use]
pub fn did_you_mean<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<String> {
    nearest(word, known).map(|k| format!("did you mean `{k}`?"))
}
