//! Reading all of an endpoint at once, for lists that are small: properties, schemas.

use std::sync::Arc;

use super::SimpleRetriever;
use crate::component::ComponentError;
use crate::component::authenticator::Session;
use crate::component::paginator::PageInfo;
use crate::component::record_filter::Selecting;
use crate::message::{Data, StreamSlice};
use crate::template;

/// How many pages are read before it is called a loop.
const PAGE_LIMIT: u32 = 10_000;

impl SimpleRetriever {
    /// All records of all pages, without a partition.
    ///
    /// # Errors
    /// When a request fails for good, a template fails, or the pages have no end.
    pub fn read_all(&self, session: &dyn Session) -> Result<Vec<Data>, ComponentError> {
        let config = session.config();
        let slice = Arc::new(StreamSlice::default());
        let paginator = self.paginator().map(|paginator| paginator.get());
        let mut token = match paginator {
            Some(paginator) => paginator.initial_token(config)?,
            None => None,
        };
        let mut all = Vec::new();
        for _ in 0..PAGE_LIMIT {
            let parts = self.request_parts(&slice, token.as_ref(), None, None, config)?;
            let requester = self.requester().get();
            let Some(mut response) = requester.fetch(token.as_ref(), &parts, session)? else {
                return Ok(all);
            };
            let page = self.decode(std::mem::take(&mut response.body));
            let selecting = Selecting {
                slice: &slice,
                token: None,
                transformations: &[],
                schema: None,
                config,
                synced: None,
                transform_first: false,
            };
            let selection = self.record_selector().select(&page, &selecting)?;
            let info = PageInfo {
                response: &response,
                body: template::lazy(Arc::new(page.first().clone())),
                last_page_size: selection.records.len() as u64,
                read: selection.read,
                last_record: selection.records.last(),
                page_size: None,
                config,
                slice: &slice,
            };
            token = match paginator {
                Some(paginator) => paginator.next_token(&info, token.as_ref())?,
                None => None,
            };
            all.extend(selection.records);
            if token.is_none() {
                return Ok(all);
            }
        }
        Err(ComponentError::system(format!(
            "more than {PAGE_LIMIT} pages of a list that should be short"
        )))
    }
}
