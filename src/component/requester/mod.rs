//! From a slice and a page token to a request.
//!
//! In: what a manifest says of a request, and the shares of paginator, partition router and
//! authenticator. Out: a [`Request`](crate::http::Request), ready to be sent. It must not send it.

mod body;
mod fetch;
mod http_requester;
mod input;
mod method;
mod parameters;
mod parts;
mod query_properties;
mod request_body;
mod request_option;

pub use http_requester::HttpRequester;
pub use method::HttpMethod;
pub use parts::{BodyData, RequestParts};
pub use query_properties::{
    GroupByKeyMergeStrategy, JsonSchemaPropertySelector, PropertiesFromEndpoint, PropertyChunking,
    QUERY_PROPERTIES, QueryProperties,
};
pub use request_body::{
    RequestBody, RequestBodyGraphQL, RequestBodyJsonObject, RequestBodyPlainText,
    RequestBodyUrlEncodedForm,
};
pub use request_option::{InjectInto, RequestOption, RequestPath};

pub(super) use body::{compact_json, send_form};
pub(super) use fetch::persist;
pub(super) use input::{Evaluated, Fields};

use schemars::JsonSchema;
use serde::Deserialize;

/// What sends a stream's requests.
#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(tag = "type")]
pub enum Requester {
    /// HTTP. In a box, since it is large.
    HttpRequester(Box<HttpRequester>),
}

impl Requester {
    /// The component behind the type name.
    #[must_use]
    pub fn get(&self) -> &HttpRequester {
        match self {
            Self::HttpRequester(requester) => requester,
        }
    }
}
