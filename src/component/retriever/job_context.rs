//! What the templates of a job's requests see of it.

use std::sync::Arc;

use serde_json::{Map, Value};

use crate::component::ComponentError;
use crate::http::Response;
use crate::message::StreamSlice;

/// The slice of a job's requests: that of the stream, and what is known of the job.
#[must_use]
pub fn slice_of_job(
    slice: &StreamSlice,
    known: impl IntoIterator<Item = (&'static str, Value)>,
) -> Arc<StreamSlice> {
    let mut slice = slice.clone();
    for (name, value) in known {
        slice.extra_fields.insert(name.to_owned(), value);
    }
    Arc::new(slice)
}

/// What templates see of an answer about a job: its JSON, and the header fields as `headers` unless
/// it has such a key.
///
/// # Errors
/// When it is no JSON object.
pub fn job_context(response: &Response) -> Result<Value, ComponentError> {
    let body = response.body.bytes().unwrap_or_default();
    let Ok(Value::Object(mut fields)) = serde_json::from_slice(&body) else {
        return Err(ComponentError::system(
            "the answer about a job is expected to be a JSON object",
        ));
    };
    if !fields.contains_key("headers") {
        let headers = response.headers.iter();
        let headers: Map<String, Value> = headers
            .map(|(name, value)| (name.to_owned(), value.into()))
            .collect();
        fields.insert("headers".to_owned(), headers.into());
    }
    Ok(Value::Object(fields))
}
