//! What a person was told of failures: each cause once, and whom else it hit at the end.
//!
//! In: failures as they come. Out: texts for standard error.

use std::collections::HashSet;
use std::sync::Arc;

use indexmap::IndexMap;

use crate::message::Failure;

/// Names that are listed at most.
const NAMES: usize = 3;

/// The failures that were told.
#[derive(Default)]
pub(super) struct Told {
    causes: IndexMap<String, Hits>,
    /// Streams of which a failure was told.
    streams: HashSet<Arc<str>>,
}

/// Whom a cause hit after it was told.
struct Hits {
    stream: Arc<str>,
    message: String,
    /// Other slices of that stream.
    slices: u64,
    others: Vec<Arc<str>>,
}

impl Told {
    /// What to tell of a failure; nothing if its cause was told, or if it follows from the failure
    /// of a parent that was.
    pub(super) fn news(&mut self, failure: &Failure) -> Option<String> {
        let follows = |parent: &Arc<str>| self.streams.contains(parent);
        if failure.parent.as_ref().is_some_and(follows) {
            return None;
        }
        let stream = failure.stream.clone().unwrap_or_default();
        self.streams.insert(Arc::clone(&stream));
        let text = failure.internal_message.as_ref();
        let text = text.unwrap_or(&failure.message);
        let cause = if failure.cause.is_empty() {
            text
        } else {
            &failure.cause
        };
        if let Some(hits) = self.causes.get_mut(cause) {
            if hits.stream == stream {
                hits.slices += 1;
            } else if !hits.others.contains(&stream) {
                hits.others.push(stream);
            }
            return None;
        }
        let told = format!("error: stream `{stream}`: {text}");
        let hits = Hits {
            stream,
            message: failure.message.clone(),
            slices: 0,
            others: Vec::new(),
        };
        self.causes.insert(cause.clone(), hits);
        Some(told)
    }

    /// Whom else the causes hit, a line each.
    pub(super) fn likewise(&self) -> impl Iterator<Item = String> {
        let hits = self.causes.values();
        hits.filter(|hits| hits.slices > 0 || !hits.others.is_empty())
            .map(Hits::line)
    }
}

impl Hits {
    fn line(&self) -> String {
        let mut parts = Vec::new();
        let stream = &self.stream;
        match self.slices {
            0 => {}
            1 => parts.push(format!("another slice of `{stream}`")),
            many => parts.push(format!("{many} other slices of `{stream}`")),
        }
        let names = self.others.iter().take(NAMES);
        let mut names: Vec<String> = names.map(|name| format!("`{name}`")).collect();
        match self.others.len().saturating_sub(NAMES) {
            0 => {}
            1 => names.push("one other stream".to_owned()),
            more => names.push(format!("{more} other streams")),
        }
        parts.extend(names);
        let whom = match parts.split_last() {
            Some((last, [])) => last.clone(),
            Some((last, first)) => format!("{} and {last}", first.join(", ")),
            None => String::new(),
        };
        let how = if self.others.is_empty() {
            "failed likewise".to_owned()
        } else {
            format!("failed as `{stream}` did")
        };
        format!("error: {whom} {how}: {}", self.message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failure(stream: &str, cause: &str) -> Failure {
        Failure {
            message: "no".to_owned(),
            internal_message: Some("no\n  = status: 401".to_owned()),
            stream: Some(Arc::from(stream)),
            cause: cause.to_owned(),
            ..Failure::default()
        }
    }

    #[test]
    fn a_cause_is_told_once_and_then_whom_else_it_hit() {
        let mut told = Told::default();
        let news = told.news(&failure("a", "x"));
        assert_eq!(
            news.as_deref(),
            Some("error: stream `a`: no\n  = status: 401")
        );
        for stream in ["a", "b", "a", "c", "d", "b", "e", "f"] {
            assert_eq!(told.news(&failure(stream, "x")), None);
        }
        assert!(told.news(&failure("g", "y")).is_some());
        let lines: Vec<String> = told.likewise().collect();
        assert_eq!(
            lines,
            [
                "error: 2 other slices of `a`, `b`, `c`, `d` and 2 other streams failed as `a` did: no"
            ]
        );
    }

    #[test]
    fn what_follows_from_a_parent_is_not_told_again() {
        let mut told = Told::default();
        assert!(told.news(&failure("parent", "x")).is_some());
        let child = Failure {
            parent: Some(Arc::from("parent")),
            ..failure("child", "y")
        };
        assert_eq!(told.news(&child), None);
        assert_eq!(told.likewise().count(), 0);
    }
}
