//! `SimpleRetriever`.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use super::{PageSizeReduction, PaginationReset, RequestWindowSplitting};
use crate::component::ComponentError;
use crate::component::cursor::Cursor;
use crate::component::decoder::{Decoder, Page};
use crate::component::extractor::ResponseToFileExtractor;
use crate::component::one_or_many::OneOrMany;
use crate::component::paginator::Paginator;
use crate::component::partition_router::{
    ParentStreamConfig, PartitionRouter, overlay, share_of_all,
};
use crate::component::record_filter::RecordSelector;
use crate::component::requester::{RequestParts, Requester};
use crate::http::Body;
use crate::message::StreamSlice;
use crate::template::Config;

/// Asks for one page after the other, until the paginator has no next one.
///
/// As airbyte-cdk 7.39.1, `simple_retriever.py`.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct SimpleRetriever {
    /// What is asked for.
    pub(super) requester: Requester,
    /// How the bytes of a response are read. Unset: as JSON.
    #[serde(default)]
    pub(super) decoder: Option<Decoder>,
    /// Which records a response holds.
    pub(super) record_selector: RecordSelector,
    /// How the next page is asked for. Unset: there is one page.
    #[serde(default)]
    pub(super) paginator: Option<Paginator>,
    /// What the stream is split by: one router, or a list of them for all combinations of their
    /// partitions. Unset: the stream is one.
    #[serde(default)]
    partition_router: Option<OneOrMany<PartitionRouter>>,
    /// Whether the partition is put into the first request of a slice only. Default: false.
    #[serde(default)]
    ignore_stream_slicer_parameters_on_paginated_requests: Option<bool>,
    /// What starts the pages again from the first, beside the action `RESET_PAGINATION`.
    #[serde(default)]
    pub(super) pagination_reset: Option<PaginationReset>,
    /// How pages are made smaller on the action `REDUCE_PAGE_SIZE`.
    #[serde(default)]
    pub(super) page_size_reduction: Option<PageSizeReduction>,
    /// How a window of the cursor is split on the action `SPLIT_REQUEST_WINDOW`.
    #[serde(default)]
    pub(super) request_window_splitting: Option<RequestWindowSplitting>,
    /// Whether the partition is put into no request: a job is made for it.
    #[serde(skip)]
    is_download: bool,
    /// The file that a download is.
    #[serde(skip)]
    file: Option<ResponseToFileExtractor>,
}

impl SimpleRetriever {
    /// What downloads the results of a job.
    pub(super) fn of_download(
        requester: Requester,
        decoder: Option<Decoder>,
        file: Option<ResponseToFileExtractor>,
        record_selector: RecordSelector,
        paginator: Option<Paginator>,
        partition_router: Option<OneOrMany<PartitionRouter>>,
    ) -> Self {
        Self {
            requester,
            decoder,
            record_selector,
            paginator,
            partition_router,
            ignore_stream_slicer_parameters_on_paginated_requests: None,
            pagination_reset: None,
            page_size_reduction: None,
            request_window_splitting: None,
            is_download: true,
            file,
        }
    }

    /// What is asked for.
    #[must_use]
    pub fn requester(&self) -> &Requester {
        &self.requester
    }

    /// How the next page is asked for.
    #[must_use]
    pub fn paginator(&self) -> Option<&Paginator> {
        self.paginator.as_ref()
    }

    /// Which records a response holds.
    #[must_use]
    pub fn record_selector(&self) -> &RecordSelector {
        &self.record_selector
    }

    /// What the stream is split by; several mean all combinations.
    #[must_use]
    pub fn partition_routers(&self) -> &[PartitionRouter] {
        self.partition_router
            .as_ref()
            .map_or(&[], OneOrMany::as_slice)
    }

    /// What starts the pages again from the first.
    #[must_use]
    pub fn pagination_reset(&self) -> Option<&PaginationReset> {
        self.pagination_reset.as_ref()
    }

    /// How pages are made smaller.
    #[must_use]
    pub fn page_size_reduction(&self) -> Option<&PageSizeReduction> {
        self.page_size_reduction.as_ref()
    }

    /// How a window of the cursor is split.
    #[must_use]
    pub fn request_window_splitting(&self) -> Option<&RequestWindowSplitting> {
        self.request_window_splitting.as_ref()
    }

    /// Whether the first page of each partition stands in the record of its parent: in a run without
    /// a state, with one router.
    ///
    /// As airbyte-cdk 7.39.1, `LazySimpleRetriever`.
    #[must_use]
    pub fn reads_lazily(&self) -> bool {
        match &self.partition_router {
            Some(OneOrMany::One(PartitionRouter::SubstreamPartitionRouter(router))) => router
                .parents()
                .iter()
                .any(ParentStreamConfig::embeds_pages),
            _ => false,
        }
    }

    /// Whether the partitions are all combinations of those of a list of routers, be it of one.
    #[must_use]
    pub fn is_product(&self) -> bool {
        matches!(self.partition_router, Some(OneOrMany::Many(_)))
    }

    /// Whether the states of parents are kept in that of the stream: not where several routers are a
    /// product.
    #[must_use]
    pub fn keeps_parent_states(&self) -> bool {
        match &self.partition_router {
            Some(OneOrMany::One(router)) => router.keeps_parent_states(),
            _ => false,
        }
    }

    /// What the paginator, the partition routers and the cursor put into a request, in this order.
    /// Of equal keys the cursor's counts before a router's. With a `page_size`, that many records
    /// are asked for in place of the strategy's number.
    ///
    /// # Errors
    /// When a template fails, or the paginator sets a key that another sets too.
    pub fn request_parts(
        &self,
        slice: &Arc<StreamSlice>,
        token: Option<&Value>,
        cursor: Option<&Cursor>,
        page_size: Option<i64>,
        config: &Config,
    ) -> Result<RequestParts, ComponentError> {
        let mut parts = RequestParts::default();
        if let Some(paginator) = &self.paginator {
            paginator
                .get()
                .contribute(&mut parts, token, slice, config)?;
            if let Some(size) = page_size {
                paginator.get().resize(&mut parts, size, config)?;
            }
        }
        let first_only = self
            .ignore_stream_slicer_parameters_on_paginated_requests
            .unwrap_or(false);
        if !self.is_download && (token.is_none() || !first_only) {
            let mut share = share_of_all(self.partition_routers(), slice, config)?;
            if let Some(cursor) = cursor {
                overlay(&mut share, cursor.share(slice, config)?);
            }
            parts.merge(share)?;
        }
        Ok(parts)
    }

    /// Reads the whole body of a response.
    #[must_use]
    pub fn decode(&self, body: Body) -> Page {
        let mut all: Option<Page> = None;
        self.read(body, &mut |page| {
            all = Some(match all.take() {
                Some(all) => all.with(page),
                None => page,
            });
            true
        });
        all.unwrap_or_default()
    }

    /// Reads the body of a response, and hands out a page for each part of it, at least one; `each`
    /// is false when no more are wanted. A broken page is the last one.
    pub fn read(&self, body: Body, each: &mut dyn FnMut(Page) -> bool) {
        if let Some(file) = &self.file {
            return file.read(&body, each);
        }
        let depth = self.record_selector.depth();
        match &self.decoder {
            Some(decoder) => decoder.read(body, depth, each),
            None => Decoder::default().read(body, depth, each),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::clock::Clock;
    use crate::component::testing::from_yaml;

    const YAML: &str = "
requester: {type: HttpRequester, url_base: 'https://a.example', path: /x}
record_selector:
  type: RecordSelector
  extractor: {type: DpathExtractor, field_path: [data]}
paginator:
  type: DefaultPaginator
  page_token_option: {type: RequestOption, inject_into: request_parameter, field_name: page}
  pagination_strategy: {type: PageIncrement, start_from_page: 1}
partition_router:
  - type: ListPartitionRouter
    cursor_field: a
    values: [x]
    request_option: {type: RequestOption, inject_into: request_parameter, field_name: KEY}
  - type: ListPartitionRouter
    cursor_field: b
    values: [y]
    request_option: {type: RequestOption, inject_into: request_parameter, field_name: same}
  - type: ListPartitionRouter
    cursor_field: a
    values: [x]
    request_option: {type: RequestOption, inject_into: request_parameter, field_name: same}
";

    fn params(yaml: &str, token: Option<Value>) -> Result<Value, ComponentError> {
        let retriever: SimpleRetriever = from_yaml(yaml);
        let mut slice = StreamSlice::default();
        slice.partition.insert("a".to_owned(), json!("x"));
        slice.partition.insert("b".to_owned(), json!("y"));
        let config = Config::new(json!({}), Arc::new(Clock::system()));
        let parts =
            retriever.request_parts(&Arc::new(slice), token.as_ref(), None, None, &config)?;
        Ok(parts.params.into())
    }

    #[test]
    fn of_equal_keys_the_first_router_counts() {
        let yaml = YAML.replace("KEY", "a");
        assert_eq!(
            params(&yaml, Some(json!(2))).unwrap(),
            json!({"page": 2, "same": "y", "a": "x"})
        );
    }

    #[test]
    fn a_router_must_not_set_what_the_paginator_sets() {
        let error = params(&YAML.replace("KEY", "page"), Some(json!(2))).unwrap_err();
        assert!(error.message.contains("set twice"), "{error}");
    }

    #[test]
    fn routers_may_speak_in_the_first_request_alone() {
        let yaml = YAML.replace("KEY", "a");
        let yaml = format!("{yaml}ignore_stream_slicer_parameters_on_paginated_requests: true\n");
        assert_eq!(params(&yaml, Some(json!(2))).unwrap(), json!({"page": 2}));
        assert_eq!(params(&yaml, None).unwrap(), json!({"same": "y", "a": "x"}));
    }
}
