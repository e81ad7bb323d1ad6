//! The kinds of `request_body`.

use schemars::JsonSchema;
use serde::Deserialize;

use super::input::Fields;
use crate::template::{JsonTemplate, Template, scope};

/// A body, by its kind.
#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(tag = "type")]
pub enum RequestBody {
    /// A GraphQL query.
    RequestBodyGraphQL(RequestBodyGraphQL),
    /// A JSON object.
    RequestBodyJsonObject(RequestBodyJsonObject),
    /// Text.
    RequestBodyPlainText(RequestBodyPlainText),
    /// A form.
    RequestBodyUrlEncodedForm(RequestBodyUrlEncodedForm),
}

/// Sends text as it is.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct RequestBodyPlainText {
    /// The text.
    pub(super) value: Template<scope::Slice>,
}

/// Sends an URL-encoded form.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct RequestBodyUrlEncodedForm {
    /// Names and values of the fields.
    pub(super) value: Fields<scope::Slice>,
}

/// Sends a JSON object.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct RequestBodyJsonObject {
    /// The object; texts and keys in it may be templates.
    pub(super) value: JsonTemplate<scope::Slice>,
}

/// Sends a GraphQL query as a JSON object.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct RequestBodyGraphQL {
    /// The object: `query`, and whatever else the API takes, such as `variables`.
    pub(super) value: JsonTemplate<scope::Slice>,
}
