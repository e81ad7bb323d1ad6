//! What is suspicious about pages that nothing is wrong with: a path that is never there, a filter
//! that keeps nothing.
//!
//! In: pages without records or without a next one. Out: words, by stream, told at its end.

use super::error::{ReadError, shown};
use super::paging::{Around, Seen};
use super::{Shared, StreamStats};
use crate::component::authenticator::Session as _;
use crate::component::cursor::Cursor;
use crate::component::partition_router::ParentStreamConfig;
use crate::message::Data;
use crate::plan::StreamNode;
use crate::template::Gap;
use serde_json::Value;

/// Bytes of a body that are kept for the case that it cannot be read: more than is shown, so that no
/// credential is cut in two before it is masked.
const HEAD: usize = 1024;

/// The beginning of a body.
pub(super) fn head(body: &[u8]) -> Vec<u8> {
    body.get(..HEAD).unwrap_or(body).to_vec()
}

impl Shared {
    /// Looks for the reason where a page has no records.
    pub(super) fn notice_records(&self, stream: usize, around: &Around<'_>, seen: &Seen) {
        let watch = &self.stats[stream].records_path;
        if seen.read > 0 || watch.is_found() {
            watch.found();
            return;
        }
        let selector = self.plan.nodes[stream].retriever().record_selector();
        let extractor = selector.extractor().get();
        match extractor.gap(around.page, &self.session.config) {
            None => {
                let has_values = around.page.documents().iter().any(|text| text.as_str() != "{}");
                if has_values {
                    watch.found();
                }
            }
            Some(gap) => watch.missing(|| {
                let Gap { path, keys, .. } = &gap;
                self.masked(format!(
                    "no response has `{path}`, where the extractor{} looks for records; there are {keys}",
                    gap.place()
                ))
            }),
        }
    }

    /// Looks for the reason where a page has no next one.
    pub(super) fn notice_end(&self, stream: usize, around: &Around<'_>, seen: &Seen) {
        let watch = &self.stats[stream].token_path;
        let paginator = self.plan.nodes[stream].retriever().paginator();
        let Some(paginator) = paginator.filter(|_| seen.read > 0 && !watch.is_found()) else {
            return;
        };
        let page = self.page_info(around, Some(seen));
        match paginator.get().gap(&page) {
            None => watch.found(),
            Some((_, false)) => {}
            Some((gap, true)) => watch.missing(|| {
                let Gap { path, keys, .. } = &gap;
                let read = seen.read;
                self.masked(format!(
                    "the last page was full ({read} records), and `{path}` is not in it (there are {keys}): if there is more, check the `cursor_value`{}",
                    gap.place()
                ))
            }),
        }
    }

    /// Notes a body that could not be read, and was passed over.
    pub(super) fn notice_unread(
        &self,
        stream: usize,
        warning: &str,
        around: &Around<'_>,
        head: &[u8],
    ) {
        self.stats[stream].note_all("unread", 1, || {
            let (kind, begins) = self.body(around, head);
            self.masked(format!(
                "passed over: {warning} (it is {kind}, and begins {begins})"
            ))
        });
    }

    /// The error of a body that could not be read to its end, with the beginning of it.
    pub(super) fn unread(
        &self,
        mut error: ReadError,
        around: &Around<'_>,
        head: &[u8],
    ) -> ReadError {
        let (kind, begins) = self.body(around, head);
        let mut details = error.details.into_vec();
        details.extend([("content type", kind), ("body begins", begins)]);
        error.details = details.into();
        error.help = Some("does the `decoder` go with what the API sends?".into());
        error
    }

    /// The type of a body and its beginning, without credentials.
    fn body(&self, around: &Around<'_>, head: &[u8]) -> (String, String) {
        let kind = around.response.headers.get("Content-Type");
        let kind = kind.map_or_else(
            || "of no `Content-Type`".to_owned(),
            |kind| format!("`{kind}`"),
        );
        let head = self.masked(String::from_utf8_lossy(head).into_owned());
        (kind, format!("`{}`", shown(&head)))
    }

    /// Notes parent records that make no partition; `sample` is one of them.
    pub(super) fn notice_keyless(
        &self,
        stream: usize,
        parent: &ParentStreamConfig,
        child: &StreamNode,
        sample: &Data,
        count: u64,
    ) {
        let name = &child.name;
        self.stats[stream].note_all(&format!("keyless {name}"), count, || {
            let key = parent.parent_key();
            let keys: Vec<String> = match sample.to_value() {
                Value::Object(fields) => fields.into_iter().map(|(key, _)| key).collect(),
                _ => Vec::new(),
            };
            let gap = Gap::new(key.source().to_owned(), &keys, key.at().cloned());
            self.masked(format!(
                "record without the key `{}`, by which `{name}` is read (`parent_key`{}); it has {}",
                gap.path,
                gap.place(),
                gap.keys
            ))
        });
    }

    /// What a stream's read left out, at its end: the first are worth a warning.
    pub(super) fn notices(&self, stream: usize) -> (Vec<String>, Vec<String>) {
        let stats: &StreamStats = &self.stats[stream];
        let mut warnings: Vec<String> = stats
            .notes()
            .into_iter()
            .map(|(reason, count)| format!("{count} × {reason}"))
            .collect();
        let watches = [&stats.records_path, &stats.token_path];
        warnings.extend(watches.iter().filter_map(|watch| watch.told()).cloned());
        let mut remarks = Vec::new();
        let (read, filtered) = (stats.read.get(), stats.filtered.get());
        if filtered > 0 {
            let node = &self.plan.nodes[stream];
            let is_synced = node.stream.cursor().is_some_and(Cursor::is_client_side);
            let selector = node.retriever().record_selector();
            let at = selector.filter_at();
            let at = at.map(|at| format!(" at {at}")).unwrap_or_default();
            let by = match (selector.filters(), is_synced) {
                (true, false) => format!("the record filter{at}"),
                (true, true) => format!("the record filter{at} or the cursor"),
                (false, true) => "the cursor".to_owned(),
                (false, false) => "the record selector".to_owned(),
            };
            if filtered == read && selector.filters() && !is_synced {
                warnings.push(format!("{by} keeps none of {read} records"));
            } else {
                remarks.push(format!("{filtered} of {read} records left out by {by}"));
            }
        }
        (warnings, remarks)
    }

    fn masked(&self, text: String) -> String {
        self.session.secrets().mask(&text)
    }
}
