//! `SimpleRetriever`.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use crate::component::ComponentError;
use crate::component::decoder::{Decoder, Page};
use crate::component::one_or_many::OneOrMany;
use crate::component::paginator::Paginator;
use crate::component::partition_router::{PartitionRouter, share_of_all};
use crate::component::record_filter::RecordSelector;
use crate::component::requester::{RequestParts, Requester};
use crate::component::unknown::Unknown;
use crate::message::StreamSlice;
use crate::template::Config;

/// Asks for one page after the other, until the paginator has no next one.
///
/// As airbyte-cdk 7.39.1, `simple_retriever.py`.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct SimpleRetriever {
    /// What is asked for.
    requester: Requester,
    /// How the bytes of a response are read. Unset: as JSON.
    #[serde(default)]
    decoder: Option<Decoder>,
    /// Which records a response holds.
    record_selector: RecordSelector,
    /// How the next page is asked for. Unset: there is one page.
    #[serde(default)]
    paginator: Option<Paginator>,
    /// What the stream is split by: one router, or a list of them for all combinations of their
    /// partitions. Unset: the stream is one.
    #[serde(default)]
    partition_router: Option<OneOrMany<PartitionRouter>>,
    /// Whether the partition is put into the first request of a slice only. Default: false.
    #[serde(default)]
    ignore_stream_slicer_parameters_on_paginated_requests: Option<bool>,
    /// Not known yet.
    #[serde(default)]
    #[schemars(skip)]
    #[expect(dead_code, reason = "it only has to be refused")]
    pagination_reset: Option<Unknown>,
}

impl SimpleRetriever {
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

    /// What the paginator and the partition routers put into a request, in this order.
    ///
    /// # Errors
    /// When a template fails, or both set the same key.
    pub fn request_parts(
        &self,
        slice: &Arc<StreamSlice>,
        token: Option<&Value>,
        config: &Config,
    ) -> Result<RequestParts, ComponentError> {
        let mut parts = RequestParts::default();
        if let Some(paginator) = &self.paginator {
            paginator
                .get()
                .contribute(&mut parts, token, slice, config)?;
        }
        let first_only = self
            .ignore_stream_slicer_parameters_on_paginated_requests
            .unwrap_or(false);
        if token.is_none() || !first_only {
            let share = share_of_all(self.partition_routers(), slice, config)?;
            parts.merge(share)?;
        }
        Ok(parts)
    }

    /// Reads the body of a response.
    #[must_use]
    pub fn decode(&self, body: Vec<u8>) -> Page {
        let depth = self.record_selector.depth();
        match &self.decoder {
            Some(decoder) => decoder.decode(body, depth),
            None => Decoder::default().decode(body, depth),
        }
    }
}
