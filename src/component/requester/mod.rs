//! From a slice and a page token to a request.
//!
//! In: what a manifest says of a request, and the shares of paginator, partition router and
//! authenticator. Out: a [`Request`](crate::http::Request), ready to be sent. It must not send it.

mod body;
mod fetch;
mod http_requester;
mod input;
mod method;
mod own_parts;
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

#[cfg(test)]
mod testing {
    //! Requests out of YAML.

    use std::sync::Arc;

    use serde_json::{Value, json};

    use super::{HttpRequester, RequestParts};
    use crate::component::authenticator::testing::TestSession;
    use crate::component::testing::from_yaml;
    use crate::http::Request;
    use crate::message::StreamSlice;

    pub(super) fn request_with(
        yaml: &str,
        token: Option<Value>,
        extra: RequestParts,
    ) -> Result<Request, String> {
        let requester: HttpRequester = from_yaml(yaml);
        let session =
            TestSession::new(json!({"host": "api.example.com", "key": "k&1"}), Vec::new());
        let mut slice = StreamSlice::default();
        slice.partition.insert("id".to_owned(), json!(7));
        requester
            .request(&Arc::new(slice), token.as_ref(), extra, &session)
            .map_err(|error| error.message)
    }

    pub(super) fn request(yaml: &str) -> Request {
        request_with(yaml, None, RequestParts::default()).unwrap()
    }
}
