//! What the templates of a job's requests see of it.

use std::sync::Arc;

use serde_json::{Map, Value, json};

use crate::component::ComponentError;
use crate::http::{Headers, Request, Response};
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

/// A request about a job, and what came for it.
#[derive(Debug)]
pub struct JobAnswer {
    /// The request, as it was sent last.
    pub request: Request,
    /// The response.
    pub response: Response,
}

impl JobAnswer {
    /// What templates see of it: its JSON, and where that has no such keys, the header fields as
    /// `headers` and the request as `request`, with `method`, `url`, `headers` and `body`.
    ///
    /// As airbyte-cdk 7.39.1, `http_job_repository.py`, where the request is that of a Python library;
    /// its body is bytes there when it is JSON, and a text here.
    ///
    /// # Errors
    /// When it is no JSON object.
    pub fn context(&self) -> Result<Value, ComponentError> {
        let body = self.response.body.bytes().unwrap_or_default();
        let Ok(Value::Object(mut context)) = serde_json::from_slice(&body) else {
            return Err(ComponentError::system(
                "the answer about a job is expected to be a JSON object",
            ));
        };
        if !context.contains_key("headers") {
            context.insert("headers".to_owned(), fields(&self.response.headers));
        }
        if !context.contains_key("request") {
            let Request {
                method,
                url,
                headers,
                body,
                ..
            } = &self.request;
            let body = (!body.is_empty()).then(|| String::from_utf8_lossy(body));
            let request = json!({
                "method": method, "url": url, "headers": fields(headers), "body": body,
            });
            context.insert("request".to_owned(), request);
        }
        Ok(Value::Object(context))
    }
}

fn fields(headers: &Headers) -> Value {
    let fields = headers.iter();
    fields
        .map(|(name, value)| (name.to_owned(), value.into()))
        .collect::<Map<String, Value>>()
        .into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::Timeouts;

    #[test]
    fn an_answer_shows_its_fields_and_what_it_was_asked_by() {
        let mut headers = Headers::default();
        headers.add("X-Job", "7");
        let mut answer = JobAnswer {
            request: Request {
                method: "POST".to_owned(),
                url: "https://a.example/jobs?x=1".to_owned(),
                headers: Headers::default(),
                body: b"{\"a\": 1}".to_vec(),
                timeouts: Timeouts::default(),
            },
            response: Response {
                status: 200,
                headers,
                body: b"{\"id\": 7}".to_vec().into(),
                wire_bytes: 0,
            },
        };
        assert_eq!(
            answer.context().unwrap(),
            json!({
                "id": 7,
                "headers": {"X-Job": "7"},
                "request": {"method": "POST", "url": "https://a.example/jobs?x=1", "headers": {},
                    "body": "{\"a\": 1}"},
            })
        );
        answer.response.body = b"{\"headers\": 1, \"request\": 2}".to_vec().into();
        assert_eq!(
            answer.context().unwrap(),
            json!({"headers": 1, "request": 2})
        );
        answer.response.body = b"[]".to_vec().into();
        assert!(answer.context().is_err());
    }
}
