//! Reads that happen inside of a page: all records of a slice at once, for an extractor that has
//! found only the beginning of a list.

use super::Shared;
use super::exchange::Answer;
use super::paging::{Around, Seen, initial_token};
use crate::component::ComponentError;
use crate::component::record_filter::Selecting;
use crate::component::retriever::Retriever;
use crate::message::{Data, StreamSlice};
use std::sync::Arc;

/// Pages that such a read may have: a list that is longer does not belong into one record.
const PAGE_LIMIT: usize = 10_000;

impl Shared {
    /// All records of a slice. The requests count for `stream`.
    pub(super) fn read_whole(
        &self,
        stream: usize,
        retriever: &Retriever,
        slice: &Arc<StreamSlice>,
    ) -> Result<Vec<Data>, ComponentError> {
        let Retriever::SimpleRetriever(retriever) = retriever else {
            return Err(ComponentError::config(
                "the rest of a list can only be read by a `SimpleRetriever`",
            ));
        };
        let paginator = retriever.paginator();
        let mut token = initial_token(paginator, &self.session.config)?;
        let mut records = Vec::new();
        for _ in 0..PAGE_LIMIT {
            let answer = self.exchange(stream, retriever, slice, token.as_ref(), None);
            let mut response = match answer.map_err(ComponentError::from)? {
                Answer::Page(response) => response,
                _ => return Ok(records),
            };
            let page = retriever.decode(std::mem::take(&mut response.body));
            let mut seen = Seen::default();
            if response.status < 400 {
                let selection = retriever.record_selector().select(
                    &page,
                    &Selecting {
                        slice,
                        token: None,
                        transformations: &[],
                        schema: None,
                        config: &self.session.config,
                        synced: None,
                        transform_first: false,
                        fetch: None,
                    },
                )?;
                seen = Seen::of(&selection);
                records.extend(selection.records);
            }
            let around = Around {
                response: &response,
                page: &page,
                slice,
                token: token.as_ref(),
                page_size: None,
            };
            match self.next_token(paginator, &around, Some(&seen))? {
                Some(next) if Some(&next) != token.as_ref() => token = Some(next),
                _ => return Ok(records),
            }
        }
        Err(ComponentError::system(format!(
            "a list within a record has more than {PAGE_LIMIT} pages"
        )))
    }
}
