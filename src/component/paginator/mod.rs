//! How to ask for the next page.
//!
//! In: a response and what was read from it. Out: the token of the next page, and its share of the
//! next request. It must not keep anything between pages: the reader hands the last token back.

mod cursor_pagination;
mod default_paginator;
mod link;
mod no_pagination;
mod offset_increment;
mod page_increment;
mod page_size;

pub use cursor_pagination::CursorPagination;
pub use default_paginator::DefaultPaginator;
pub use no_pagination::NoPagination;
pub use offset_increment::OffsetIncrement;
pub use page_increment::PageIncrement;

use std::fmt;
use std::sync::Arc;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use super::ComponentError;
use super::requester::RequestParts;
use crate::http::Response;
use crate::message::{Data, StreamSlice};
use crate::template::{Config, Gap, TValue};

/// What is known when a page was read.
#[derive(Debug)]
pub struct PageInfo<'a> {
    /// The response.
    pub response: &'a Response,
    /// Its decoded body, as templates see it.
    pub body: TValue,
    /// How many records were selected from it: filtered, transformed.
    pub last_page_size: u64,
    /// How many records were in it before the filter.
    pub read: u64,
    /// The last of the selected records.
    pub last_record: Option<&'a Data>,
    /// Records asked for, when the API wanted fewer than the strategy's `page_size`.
    pub page_size: Option<i64>,
    /// The user's configuration.
    pub config: &'a Config,
    /// The slice that is being read.
    pub slice: &'a Arc<StreamSlice>,
}

/// What a way of paging does.
pub trait PaginationStrategy: Send + Sync {
    /// Token of the first page; most have none.
    ///
    /// # Errors
    /// When a template fails.
    fn initial_token(&self) -> Option<Value>;

    /// Token of the page after this one, which was asked for with `last_token`. A token that Python
    /// takes for false (`None`, null, 0, an empty text) ends the pages.
    ///
    /// # Errors
    /// When a template fails, or the last token is of the wrong kind.
    fn next_token(
        &self,
        page: &PageInfo<'_>,
        last_token: Option<&Value>,
    ) -> Result<Option<Value>, ComponentError>;

    /// The key that was looked up in vain, where that is why a page has no next one; with the keys
    /// that there are, if wanted.
    fn gap(&self, page: &PageInfo<'_>, with_keys: bool) -> Option<Gap> {
        let _ = (page, with_keys);
        None
    }

    /// Records asked for in each page, where the strategy knows.
    ///
    /// # Errors
    /// When the template for it gives no whole number.
    fn page_size(&self, config: &Config) -> Result<Option<i64>, ComponentError>;

    /// Checks that pages can be asked for again with another size, down to `least` records.
    ///
    /// # Errors
    /// When they cannot.
    fn check_reduction(&self, least: i64) -> Result<(), ComponentError>;

    /// Whether the next token can only be known after the page's records were selected. Where not,
    /// the next page can be asked for before they are.
    fn needs_records(&self) -> bool;
}

/// A way of paging.
#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(tag = "type")]
pub enum Strategy {
    /// The response names the next page.
    CursorPagination(CursorPagination),
    /// Pages begin at the number of records read so far.
    OffsetIncrement(OffsetIncrement),
    /// Pages are numbered.
    PageIncrement(PageIncrement),
}

impl Strategy {
    /// The component behind the type name.
    #[must_use]
    pub fn get(&self) -> &dyn PaginationStrategy {
        match self {
            Self::CursorPagination(strategy) => strategy,
            Self::OffsetIncrement(strategy) => strategy,
            Self::PageIncrement(strategy) => strategy,
        }
    }
}

/// What a paginator does.
pub trait Pages: Send + Sync {
    /// Checks what only the configuration can decide, before the first request.
    ///
    /// # Errors
    /// When the paginator cannot work with this configuration.
    fn check(&self, config: &Config) -> Result<(), ComponentError>;

    /// Token of the first page, where one is to be sent.
    ///
    /// # Errors
    /// When a template fails.
    fn initial_token(&self, config: &Config) -> Result<Option<Value>, ComponentError>;

    /// Token of the page after this one, which was asked for with `last_token`; `None` ends the
    /// pages. An API that gives the token of a page again and again makes the reader see the same
    /// value here: it is for the reader to stop.
    ///
    /// # Errors
    /// When a template fails, or the last token is of the wrong kind.
    fn next_token(
        &self,
        page: &PageInfo<'_>,
        last_token: Option<&Value>,
    ) -> Result<Option<Value>, ComponentError>;

    /// The key that was looked up in vain, where that is why a page has no next one, and whether the
    /// page was as full as it was asked for.
    fn gap(&self, page: &PageInfo<'_>) -> Option<(Gap, bool)> {
        let _ = page;
        None
    }

    /// Records asked for in each page, where requests say so.
    ///
    /// # Errors
    /// When the template for it gives no whole number.
    fn page_size(&self, config: &Config) -> Result<Option<i64>, ComponentError> {
        let _ = config;
        Ok(None)
    }

    /// Asks for `size` records in place of the strategy's number.
    ///
    /// # Errors
    /// When a template fails.
    fn resize(
        &self,
        parts: &mut RequestParts,
        size: i64,
        config: &Config,
    ) -> Result<(), ComponentError> {
        let _ = (parts, size, config);
        Ok(())
    }

    /// Checks that pages can be asked for again with another size, down to `least` records.
    ///
    /// # Errors
    /// When they cannot.
    fn check_reduction(&self, _least: i64) -> Result<(), ComponentError> {
        Err(unreducible("needs a `DefaultPaginator`"))
    }

    /// Whether [`next_token`](Self::next_token) reads the selected records or their number.
    fn needs_records(&self) -> bool;

    /// Adds the token and the page size to the request of the page with `token`.
    ///
    /// # Errors
    /// When a template fails, or two want the same place.
    fn contribute(
        &self,
        parts: &mut RequestParts,
        token: Option<&Value>,
        slice: &Arc<StreamSlice>,
        config: &Config,
    ) -> Result<(), ComponentError>;
}

fn unreducible(why: impl fmt::Display) -> ComponentError {
    ComponentError::config(format!("`page_size_reduction` {why}"))
}

/// Whether and how a stream is read in pages.
#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(tag = "type")]
pub enum Paginator {
    /// Page after page, until there is no next one. In a box, since streams without pages are many.
    DefaultPaginator(Box<DefaultPaginator>),
    /// One page.
    NoPagination(NoPagination),
}

impl Paginator {
    /// The component behind the type name.
    #[must_use]
    pub fn get(&self) -> &dyn Pages {
        match self {
            Self::DefaultPaginator(paginator) => paginator.as_ref(),
            Self::NoPagination(paginator) => paginator,
        }
    }
}

impl Paginator {
    /// Whether the next page begins behind the records of the pages before.
    #[must_use]
    pub fn is_by_offset(&self) -> bool {
        matches!(self, Self::DefaultPaginator(paginator) if paginator.is_by_offset())
    }
}

impl Default for Paginator {
    fn default() -> Self {
        Self::NoPagination(NoPagination::default())
    }
}

#[cfg(test)]
pub(super) mod testing {
    //! Made-up pages for the tests of the paginators.

    use std::sync::Arc;

    use serde_json::Value;

    use super::PageInfo;
    use crate::component::ComponentError;
    use crate::component::backoff::testing::{config, response};
    use crate::message::{Data, StreamSlice};
    use crate::template::json;

    /// Asks `next` about a page with `header`, `body` and that many records, of which the last is
    /// `{"id": 5}`.
    pub(in crate::component) fn on_page<T>(
        header: (&str, &str),
        body: &Value,
        records: u64,
        next: impl FnOnce(&PageInfo<'_>) -> Result<T, ComponentError>,
    ) -> Result<T, ComponentError> {
        let record = Data::from_value(serde_json::json!({"id": 5}));
        next(&PageInfo {
            response: &response(200, header, &body.to_string()),
            body: json(body),
            last_page_size: records,
            read: records,
            last_record: Some(&record),
            page_size: None,
            config: &config(serde_json::json!({"size": 3})),
            slice: &Arc::new(StreamSlice::default()),
        })
    }
}
