//! What the manifest puts into the requests of an `HttpRequester`: parameters, header fields, a body.

use serde_json::{Map, Value};

use super::input::{Evaluated, Fields};
use super::{BodyData, HttpRequester, RequestBody, RequestParts};
use crate::component::ComponentError;
use crate::message::StreamSlice;
use crate::template::{PyType, scope};

impl HttpRequester {
    /// The parameters, header fields and body of a request, evaluated.
    ///
    /// # Errors
    /// When a template fails, or gives what cannot be sent.
    pub(super) fn own_parts(
        &self,
        scope: &scope::Slice,
        slice: &StreamSlice,
    ) -> Result<RequestParts, ComponentError> {
        const LISTS: [PyType; 2] = [PyType::Str, PyType::List];
        let mut parts = RequestParts::default();
        if let Some(parameters) = &self.request_parameters
            && let Evaluated::Mapping(params) = parameters.eval(scope, slice, &LISTS)?
        {
            parts.params = params;
        }
        if let Some(fields) = &self.request_headers {
            parts.headers = match fields.eval(scope, &[])? {
                Evaluated::Mapping(headers) => headers,
                Evaluated::Other => Map::new(),
                Evaluated::Text(text) => {
                    return Err(ComponentError::system(format!(
                        "expected a mapping in `request_headers`, found `{text}`"
                    )));
                }
            };
        }
        let data = match &self.request_body {
            Some(RequestBody::RequestBodyPlainText(body)) => {
                Some(Fields::eval_text(&body.value, scope)?)
            }
            Some(RequestBody::RequestBodyUrlEncodedForm(body)) => {
                Some(body.value.eval(scope, &LISTS)?)
            }
            _ => match &self.request_body_data {
                Some(fields) => Some(fields.eval(scope, &LISTS)?),
                None => None,
            },
        };
        parts.body_data = match data {
            Some(Evaluated::Mapping(form)) => Some(BodyData::Form(form)),
            Some(Evaluated::Text(text)) => Some(BodyData::Text(text)),
            Some(Evaluated::Other) | None => None,
        };
        let object = match &self.request_body {
            Some(RequestBody::RequestBodyJsonObject(body)) => Some(&body.value),
            Some(RequestBody::RequestBodyGraphQL(body)) => Some(&body.value),
            _ => self.request_body_json.as_ref(),
        };
        if let Some(object) = object {
            parts.body_json = match object.eval(scope)? {
                Value::Object(object) => object,
                Value::String(text) => {
                    return Err(ComponentError::system(format!(
                        "expected an object as the JSON body, found `{text}`"
                    )));
                }
                _ => Map::new(),
            };
        }
        Ok(parts)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::testing::{request, request_with};
    use super::*;

    fn body(yaml: &str) -> (Option<String>, String) {
        let request = request(&format!(
            "url: https://a.example\nhttp_method: POST\n{yaml}"
        ));
        let content_type = request.headers.get("Content-Type").map(str::to_owned);
        (content_type, String::from_utf8(request.body).unwrap())
    }

    #[test]
    fn parameters_are_evaluated_and_encoded() {
        let yaml = "
            url: https://a.example/items?fixed=1
            request_parameters:
              key: \"{{ config['key'] }}\"
              'n-{{ config.host }}': '007'
              gone: \"{{ config['missing'] }}\"
              list: \"{{ ['a', 'b'] }}\"
              fixed: '1'
              page: \"{{ next_page_token['next_page_token'] }}\"
        ";
        assert_eq!(
            request_with(yaml, Some(json!("t")), RequestParts::default())
                .unwrap()
                .url,
            "https://a.example/items?fixed=1&key=k%261&n-api.example.com=007&list=a&list=b&page=t"
        );
    }

    #[test]
    fn keys_and_values_know_their_parameters() {
        let yaml = "
            type: HttpRequester
            $parameters: {k: v}
            url: https://a.example
            request_parameters: {\"p-{{ parameters['k'] }}\": \"{{ parameters['k'] }}\"}
        ";
        assert_eq!(request(yaml).url, "https://a.example/?p-v=v");
    }

    #[test]
    fn headers_are_python_texts() {
        let request = request(
            "{url: 'https://a.example', request_headers: {X-A: '1.0', X-B: 'true', X-C: 'True'}}",
        );
        let headers: Vec<_> = request.headers.iter().collect();
        assert_eq!(headers, [("X-A", "1.0"), ("X-B", "true"), ("X-C", "True")]);
        let text = "{url: 'https://a.example', request_headers: 'x'}";
        assert!(request_with(text, None, RequestParts::default()).is_err());
    }

    #[test]
    fn each_kind_of_body_is_sent_its_way() {
        let json = Some("application/json".to_owned());
        let form = Some("application/x-www-form-urlencoded".to_owned());
        assert_eq!(
            body("request_body_json: {a: '{{ config.host }}', n: {m: 1, gone: null}}"),
            (
                json.clone(),
                r#"{"a": "api.example.com", "n": {"m": 1}}"#.to_owned()
            )
        );
        assert_eq!(
            body("request_body_data: {a: '{{ config.key }}'}"),
            (form.clone(), "a=k%261".to_owned())
        );
        assert_eq!(
            body("request_body_data: 'a {{ config.host }}'").1,
            "a api.example.com"
        );
        assert_eq!(
            body("request_body: {type: RequestBodyPlainText, value: 'x {{ config.host }}'}"),
            (None, "x api.example.com".to_owned())
        );
        assert_eq!(
            body("request_body: {type: RequestBodyUrlEncodedForm, value: {a: b}}"),
            (form, "a=b".to_owned())
        );
        assert_eq!(
            body("request_body: {type: RequestBodyJsonObject, value: {a: [1, {b: '2'}]}}"),
            (json.clone(), r#"{"a": [1, {"b": 2}]}"#.to_owned())
        );
        assert_eq!(
            body(
                "request_body: {type: RequestBodyGraphQL, value: {query: 'query { a }', variables: {n: 1}}}"
            ),
            (
                json,
                r#"{"query": "query { a }", "variables": {"n": 1}}"#.to_owned()
            )
        );
    }

    #[test]
    fn two_bodies_are_refused() {
        let yaml =
            "{url: 'https://a.example', request_body_json: {a: b}, request_body_data: {a: b}}";
        let error = request_with(yaml, None, RequestParts::default()).unwrap_err();
        assert!(error.contains("not both"), "{error}");
    }
}
