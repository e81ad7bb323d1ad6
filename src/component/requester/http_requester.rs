//! `HttpRequester`.

use std::sync::Arc;
use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::body::set_body;
use super::input::Fields;
use super::method::{HttpMethod, positive};
use super::parameters::Parameters;
use super::query_properties::{PropertiesFromEndpoint, PropertiesParameter, QueryProperties};
use super::{RequestBody, RequestParts};
use crate::component::ComponentError;
use crate::component::authenticator::{Authenticator, Session};
use crate::component::error_handler::{ErrorHandler, Handler, default_handler};
use crate::component::placed::Placed;
use crate::http::{Headers, Request, Timeouts, url};
use crate::manifest::Place;
use crate::message::StreamSlice;
use crate::template::{self, JsonTemplate, Literal, Template, scope};

/// Sends HTTP requests.
///
/// Values of parameters, headers and bodies that come out empty or null are left out. A parameter
/// that the URL already has with the same value is not sent twice; one that two components set, such
/// as the requester and the paginator, is an error. As airbyte-cdk 7.39.1, `http_requester.py`.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct HttpRequester {
    /// URL of the endpoint, such as `https://api.example.com/v1/items` or
    /// `https://{{ config['host'] }}/items/{{ stream_partition['id'] }}`.
    url: Option<Template<scope::Slice>>,
    /// First part of the URL. Deprecated: use `url`.
    url_base: Option<Template<scope::Slice>>,
    /// Rest of the URL after `url_base`; a whole URL takes its place. Deprecated: use `url`.
    path: Option<Template<scope::Slice>>,
    /// HTTP method. Default: GET.
    #[serde(default)]
    http_method: HttpMethod,
    /// How requests prove who sends them. Default: not at all.
    authenticator: Option<Placed<Authenticator>>,
    /// What to do with errors. Default: try again what may get better, see `DefaultErrorHandler`.
    error_handler: Option<Handler>,
    /// Query parameters: a mapping, or a template for one. A list gives a parameter for each item.
    pub(super) request_parameters: Option<Parameters>,
    /// Header fields: a mapping, or a template for one.
    pub(super) request_headers: Option<Fields<scope::Slice>>,
    /// Body: text is sent as it is, a mapping as an URL-encoded form. Deprecated: use
    /// `request_body`.
    pub(super) request_body_data: Option<Fields<scope::Slice>>,
    /// Body: a JSON object. Deprecated: use `request_body`.
    pub(super) request_body_json: Option<JsonTemplate<scope::Slice>>,
    /// Body: text, a form, a JSON object, or a GraphQL query.
    pub(super) request_body: Option<RequestBody>,
    /// Whether what one read of the stream has asked for may answer another, as far as it needs the
    /// same. Default: true; false suits an API whose answers must not be used twice. A parent stream is
    /// read once for all its children anyway; only one that also goes on from a state of its own is
    /// read twice.
    use_cache: Option<bool>,
    /// Longest time in seconds for making a connection. Unset, the program's own.
    #[serde(default, deserialize_with = "positive")]
    connect_timeout_in_seconds: Option<f64>,
    /// Longest time in seconds for which the server may send nothing. Unset, the program's own.
    #[serde(default, deserialize_with = "positive")]
    read_timeout_in_seconds: Option<f64>,
    /// Looks after idle connections, so that dead ones are found. Default: false. This program
    /// always does.
    #[serde(default, rename = "use_tcp_keepalive")]
    _use_tcp_keepalive: bool,
    /// An endpoint that gives the properties to ask for. Deprecated: use `query_properties`.
    #[serde(default, deserialize_with = "endpoint")]
    #[schemars(with = "Option<PropertiesFromEndpoint>")]
    fetch_properties_from_endpoint: Option<QueryProperties>,
    /// The properties to ask for, which a template reads as
    /// `{{ stream_slice.extra_fields['query_properties'] }}`.
    #[serde(default)]
    query_properties: Option<PropertiesParameter>,
}

impl HttpRequester {
    /// The request for a page of `slice`: the page with `token`, when there is one. `extra` are the
    /// shares of paginator, partition router and cursor.
    ///
    /// # Errors
    /// When a template fails, two shares collide, the URL is none, or no access token can be had.
    pub fn request(
        &self,
        slice: &Arc<StreamSlice>,
        token: Option<&Value>,
        extra: RequestParts,
        session: &dyn Session,
    ) -> Result<Request, ComponentError> {
        let page = token.map(|token| template::json(&json!({"next_page_token": token})));
        let mut scope = scope::Slice::new(session.config().clone(), template::slice(slice), page);
        for name in scope::Slice::OF_JOB {
            if let Some(value) = slice.extra_fields.get(name) {
                scope.job.push((name, template::json(value)));
            }
        }
        let mut parts = self.own_parts(&scope, slice)?;
        let base = self.base(&scope)?;
        if let Some(authenticator) = &self.authenticator {
            (authenticator.value.get()).authorize_below(&base, &mut parts, session)?;
        }
        parts.merge(extra)?;
        let url = self.url(base, &scope, parts.path.as_deref())?;
        let mut request = Request {
            method: self.http_method.as_str().to_owned(),
            url: self.with_params(&url, parts.params)?,
            headers: Headers::default(),
            body: Vec::new(),
            timeouts: self.timeouts(),
        };
        for (name, value) in parts.headers {
            let value = Literal::from_json(&value).to_python_str();
            request.headers.set(&name, value);
        }
        set_body(&mut request, parts.body_data, parts.body_json)?;
        if let Some(authenticator) = &self.authenticator {
            authenticator.value.get().sign(&mut request, session)?;
        }
        Ok(request)
    }

    /// What the manifest says, else the default.
    #[must_use]
    pub fn error_handler(&self) -> &dyn ErrorHandler {
        match &self.error_handler {
            Some(handler) => handler.get(),
            None => default_handler(),
        }
    }

    /// How requests prove who sends them, when they do.
    #[must_use]
    pub fn authenticator(&self) -> Option<&Authenticator> {
        self.authenticator.as_ref().map(|placed| &placed.value)
    }

    /// Where the authenticator stands.
    #[must_use]
    pub fn authenticator_at(&self) -> Option<&Place> {
        self.authenticator.as_ref()?.at.as_ref()
    }

    /// Where the path stands, or the URL that holds it.
    #[must_use]
    pub fn path_at(&self) -> Option<&Place> {
        let template = self.path.as_ref().or(self.url.as_ref());
        template.or(self.url_base.as_ref())?.at()
    }

    /// Where the host stands.
    #[must_use]
    pub fn host_at(&self) -> Option<&Place> {
        let template = self.url_base.as_ref().or(self.url.as_ref());
        template.or(self.path.as_ref())?.at()
    }

    /// The properties that requests ask for by name, when they do.
    #[must_use]
    pub fn query_properties(&self) -> Option<&QueryProperties> {
        let parameter = self.request_parameters.as_ref();
        if let Some(properties) = parameter.and_then(Parameters::properties) {
            return Some(properties);
        }
        let PropertiesParameter::QueryProperties(properties) =
            match (&self.fetch_properties_from_endpoint, &self.query_properties) {
                (Some(endpoint), _) => return Some(endpoint),
                (None, declared) => declared.as_ref()?,
            };
        Some(properties)
    }

    /// Whether its answers may serve another read of the same stream.
    #[must_use]
    pub fn may_share(&self) -> bool {
        self.use_cache != Some(false)
    }

    /// The manifest's time-outs.
    fn timeouts(&self) -> Timeouts {
        let span = |seconds: f64| Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX);
        Timeouts {
            connect: self.connect_timeout_in_seconds.map(span),
            read: self.read_timeout_in_seconds.map(span),
        }
    }

    /// The URL without the path.
    fn base(&self, scope: &scope::Slice) -> Result<String, ComponentError> {
        let base = text(self.url_base.as_ref(), scope)?;
        if base.is_empty() {
            text(self.url.as_ref(), scope)
        } else {
            Ok(base)
        }
    }

    fn url(
        &self,
        base: String,
        scope: &scope::Slice,
        path: Option<&str>,
    ) -> Result<String, ComponentError> {
        let own_path;
        let path = match path.filter(|path| !path.is_empty()) {
            Some(path) => path,
            None => {
                own_path = text(self.path.as_ref(), scope)?;
                own_path.trim_start_matches('/')
            }
        };
        Ok(join(base, path))
    }

    fn with_params(
        &self,
        url: &str,
        mut params: Map<String, Value>,
    ) -> Result<String, ComponentError> {
        if let Some((name, _)) = params.iter().find(|(_, value)| value.is_object()) {
            return Err(ComponentError::system(format!(
                "the request parameter `{name}` is an object: expected a text or a list"
            )));
        }
        url::dedupe(url, &mut params);
        url::prepare(url, url::flatten(&params)).map_err(|error| {
            let template = self.url.as_ref().or(self.url_base.as_ref());
            let place = template.or(self.path.as_ref()).and_then(Template::at);
            ComponentError::system(format!("cannot send a request: {error}")).or_at(place)
        })
    }
}

#[derive(Deserialize)]
enum Endpoint {
    PropertiesFromEndpoint(PropertiesFromEndpoint),
}

fn endpoint<'de, D: serde::Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<QueryProperties>, D::Error> {
    let endpoint = Option::<Endpoint>::deserialize(deserializer)?;
    Ok(endpoint.map(|Endpoint::PropertiesFromEndpoint(it)| QueryProperties::of_endpoint(it)))
}

/// The text of an optional template.
fn text(
    template: Option<&Template<scope::Slice>>,
    scope: &scope::Slice,
) -> Result<String, ComponentError> {
    match template {
        Some(template) => Ok(template.text(scope)?),
        None => Ok(String::new()),
    }
}

/// A path below a URL; a path that is a URL takes its place.
fn join(mut base: String, path: &str) -> String {
    if path.is_empty() {
        return base;
    }
    if !base.ends_with('/') {
        base.push('/');
    }
    url::urljoin(&base, path)
}

#[cfg(test)]
mod tests {
    use super::super::testing::{request, request_with};
    use super::*;
    use crate::component::authenticator::testing::TestSession;
    use crate::component::error_handler::Action;
    use crate::component::testing::from_yaml;

    #[test]
    fn the_url_is_base_and_path_or_whole() {
        for (yaml, url) in [
            (
                "{url_base: 'https://{{ config.host }}/v1/', path: '/items/{{ stream_partition.id }}'}",
                "https://api.example.com/v1/items/7",
            ),
            (
                "{url_base: 'https://a.example/v1', path: items}",
                "https://a.example/v1/items",
            ),
            (
                "{url: 'https://a.example/v1/items/'}",
                "https://a.example/v1/items/",
            ),
            (
                "{url_base: 'https://a.example/v1', path: 'https://b.example/x?y=1'}",
                "https://b.example/x?y=1",
            ),
        ] {
            assert_eq!(request(yaml).url, url);
        }
    }

    #[test]
    fn a_page_token_may_be_the_path() {
        let path = |path: &str| RequestParts {
            path: Some(path.to_owned()),
            ..RequestParts::default()
        };
        let yaml =
            "{url_base: 'https://a.example/v1', path: items, request_parameters: {limit: '5'}}";
        let url = |token| request_with(yaml, None, path(token)).unwrap().url;
        assert_eq!(
            url("https://a.example/next?limit=5"),
            "https://a.example/next?limit=5"
        );
        assert_eq!(url("more"), "https://a.example/v1/more?limit=5");
    }

    #[test]
    fn shares_must_not_collide() {
        let mut extra = RequestParts::default();
        extra.params.insert("limit".to_owned(), json!(5));
        let yaml = "{url: 'https://a.example', request_parameters: {limit: '5'}}";
        assert_eq!(
            request_with(yaml, None, extra).unwrap_err(),
            "the request parameter `limit` is set twice"
        );
    }

    #[test]
    fn a_url_that_is_none_is_told_at_its_place() {
        let requester: HttpRequester = from_yaml("{url_base: 'api.example.com', path: x}");
        let session = TestSession::new(json!({}), Vec::new());
        let parts = RequestParts::default();
        let error = requester
            .request(&Arc::default(), None, parts, &session)
            .unwrap_err();
        assert!(error.message.contains("no scheme"), "{error}");
        let place = error.at.map(|at| (at.line, at.column));
        assert_eq!(
            place,
            Some((2, 14)),
            "the test puts the document below a key"
        );
    }

    #[test]
    fn without_an_error_handler_the_default_decides() {
        let requester: HttpRequester = from_yaml("url: https://a.example");
        let session = TestSession::new(json!({}), Vec::new());
        let response = crate::component::backoff::testing::response(404, ("A", "b"), "");
        let verdict = requester
            .error_handler()
            .judge("", Ok(&response), session.config());
        assert_eq!(verdict.unwrap().action, Action::Fail);
    }
}
