//! `NoPagination`.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use super::{PageInfo, Pages};
use crate::component::ComponentError;
use crate::component::requester::RequestParts;
use crate::message::StreamSlice;
use crate::template::Config;

/// Reads one page: the first response is all there is.
#[derive(Debug, Default, Deserialize, JsonSchema)]
pub struct NoPagination {}

impl Pages for NoPagination {
    fn check(&self, _config: &Config) -> Result<(), ComponentError> {
        Ok(())
    }

    fn initial_token(&self, _config: &Config) -> Result<Option<Value>, ComponentError> {
        Ok(None)
    }

    fn next_token(
        &self,
        _page: &PageInfo<'_>,
        _last_token: Option<&Value>,
    ) -> Result<Option<Value>, ComponentError> {
        Ok(None)
    }

    fn needs_records(&self) -> bool {
        false
    }

    fn contribute(
        &self,
        _parts: &mut RequestParts,
        _token: Option<&Value>,
        _slice: &Arc<StreamSlice>,
        _config: &Config,
    ) -> Result<(), ComponentError> {
        Ok(())
    }
}
