//! Streams that name the properties they want: each page is asked for once for each chunk of them.

use super::Shared;
use super::error::ReadError;
use crate::component::record_filter::{Selecting, Selection};
use crate::component::requester::{PropertyChunking, QUERY_PROPERTIES};
use crate::component::retriever::SimpleRetriever;
use crate::http::Response;
use crate::message::{Data, StreamSlice};
use crate::plan::StreamNode;
use serde_json::Value;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

/// The chunks of properties of one stream, once they are known. Whoever asks for them first holds
/// the lock, and waits for the network only.
#[derive(Debug, Default)]
pub(super) struct Chunks(Mutex<Option<Arc<Vec<Vec<String>>>>>);

/// The records of a page that comes in chunks.
pub(super) struct Gathered<'a> {
    chunking: Option<&'a PropertyChunking>,
    /// Records without the key come out as they are, the others after them.
    alone: Vec<Data>,
    merged: Vec<Value>,
    places: HashMap<String, usize>,
    is_whole: bool,
}

impl Shared {
    /// A slice for each chunk of properties; none for a stream without properties.
    pub(super) fn chunks(
        &self,
        stream: usize,
        retriever: &SimpleRetriever,
        slice: &Arc<StreamSlice>,
    ) -> Result<Vec<Arc<StreamSlice>>, ReadError> {
        let Some(properties) = retriever.requester().get().query_properties() else {
            return Ok(Vec::new());
        };
        let known = &self.chunks[stream].0;
        let mut known = known.lock().unwrap_or_else(PoisonError::into_inner);
        let chunks = match &*known {
            Some(chunks) => Arc::clone(chunks),
            None => {
                let columns = self.plan.nodes[stream].columns.as_ref();
                let chunks = Arc::new(properties.chunks(columns, &*self.session)?);
                *known = Some(Arc::clone(&chunks));
                chunks
            }
        };
        drop(known);
        let slices = chunks.iter().map(|chunk| {
            let mut slice = StreamSlice::clone(slice);
            slice.extra_fields =
                serde_json::Map::from_iter([(QUERY_PROPERTIES.to_owned(), chunk.clone().into())]);
            Arc::new(slice)
        });
        Ok(slices.collect())
    }

    /// The records of one chunk.
    pub(super) fn selected(
        &self,
        node: &StreamNode,
        slice: &Arc<StreamSlice>,
        response: Response,
    ) -> Result<Selection, ReadError> {
        let retriever = node.retriever();
        if response.status >= 400 {
            return Ok(Selection::default());
        }
        let page = retriever.decode(response.body);
        let selecting = Selecting {
            slice,
            token: None,
            transformations: node.stream.transformations(),
            schema: node.schema.as_ref(),
            config: &self.session.config,
            synced: None,
            transform_first: false,
            fetch: None,
        };
        let selection = retriever.record_selector().select(&page, &selecting);
        selection.map_err(|error| error.error.into())
    }
}

impl<'a> Gathered<'a> {
    pub(super) fn of(retriever: &'a SimpleRetriever) -> Self {
        let properties = retriever.requester().get().query_properties();
        let chunking = properties.and_then(|properties| properties.chunking());
        Self {
            chunking,
            alone: Vec::new(),
            merged: Vec::new(),
            places: HashMap::new(),
            is_whole: chunking.is_none(),
        }
    }

    /// Whether the page is merged with nothing, and may come in parts.
    pub(super) fn is_nothing(&self) -> bool {
        self.is_whole && self.alone.is_empty()
    }

    /// Adds the records of a chunk.
    pub(super) fn add(&mut self, selection: Selection) {
        for record in selection.records {
            match self.chunking.and_then(|chunking| chunking.key(&record)) {
                None => self.alone.push(record),
                Some(key) => match self.places.get(&key) {
                    Some(&at) => merge(&mut self.merged[at], record.to_value()),
                    None => {
                        self.places.insert(key, self.merged.len());
                        self.merged.push(record.to_value());
                    }
                },
            }
        }
    }

    /// The page's records, with those of the last chunk.
    pub(super) fn with(mut self, last: Selection) -> Selection {
        if self.is_nothing() {
            return last;
        }
        let read = last.read;
        self.add(last);
        Selection {
            records: self.finish(),
            read,
        }
    }

    /// The records so far.
    pub(super) fn finish(self) -> Vec<Data> {
        let mut records = self.alone;
        records.extend(self.merged.into_iter().map(Data::from_value));
        records
    }
}

/// Adds the fields of `theirs`; mappings that both have are merged, else the later value stays.
fn merge(ours: &mut Value, theirs: Value) {
    match (ours, theirs) {
        (Value::Object(ours), Value::Object(theirs)) => {
            for (key, value) in theirs {
                match ours.get_mut(&key) {
                    Some(old) => merge(old, value),
                    None => {
                        ours.insert(key, value);
                    }
                }
            }
        }
        (ours, theirs) => *ours = theirs,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn mappings_merge_in_depth_and_the_later_value_stays() {
        let mut ours = json!({"id": 1, "a": {"b": 1}, "c": [1]});
        merge(&mut ours, json!({"a": {"d": 2}, "c": [2], "e": null}));
        assert_eq!(
            ours,
            json!({"id": 1, "a": {"b": 1, "d": 2}, "c": [2], "e": null})
        );
    }
}
