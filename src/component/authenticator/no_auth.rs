//! `NoAuth`.

use schemars::JsonSchema;
use serde::Deserialize;

use super::{Authenticate, Session};
use crate::component::ComponentError;
use crate::component::requester::RequestParts;

/// Sends requests as they are, for APIs that are open to all.
#[derive(Debug, Default, Deserialize, JsonSchema)]
pub struct NoAuth {}

impl Authenticate for NoAuth {
    fn authorize(
        &self,
        _parts: &mut RequestParts,
        _session: &dyn Session,
    ) -> Result<(), ComponentError> {
        Ok(())
    }
}
