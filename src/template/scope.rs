//! What is in scope where: one type for each kind of place that a template stands in.

use super::{Config, Scope, TValue};

/// Only `config` and `parameters`.
#[derive(Debug, Clone)]
pub struct ConfigOnly {
    /// The user's configuration.
    pub config: Config,
}

impl ConfigOnly {
    /// A scope of the configuration.
    #[must_use]
    pub fn new(config: Config) -> Self {
        Self { config }
    }
}

impl Scope for ConfigOnly {
    const NAMES: &'static [&'static str] = &[];

    fn config(&self) -> &Config {
        &self.config
    }

    fn lookup(&self, _name: &str) -> Option<TValue> {
        None
    }
}

/// What a request is made of: the slice and the page token.
#[derive(Debug, Clone)]
pub struct Slice {
    /// The user's configuration.
    pub config: Config,
    /// The partition and the cursor's window.
    pub stream_slice: TValue,
    /// What the paginator gave for this page; `None` on the first.
    pub next_page_token: Option<TValue>,
    /// What is known of the job that prepares the records: `creation_response` and the like; not in
    /// scope where it is not known.
    pub job: Vec<(&'static str, TValue)>,
}

impl Slice {
    /// Names of what may be known of a job.
    pub const OF_JOB: [&'static str; 3] =
        ["creation_response", "polling_response", "download_target"];

    /// A scope of a slice and a page token.
    #[must_use]
    pub fn new(config: Config, stream_slice: TValue, next_page_token: Option<TValue>) -> Self {
        Self {
            config,
            stream_slice,
            next_page_token,
            job: Vec::new(),
        }
    }
}

impl Scope for Slice {
    const NAMES: &'static [&'static str] = &[
        "stream_slice",
        "next_page_token",
        "creation_response",
        "polling_response",
        "download_target",
    ];

    fn config(&self) -> &Config {
        &self.config
    }

    fn lookup(&self, name: &str) -> Option<TValue> {
        match name {
            "stream_slice" => Some(self.stream_slice.clone()),
            "next_page_token" => Some(or_none(self.next_page_token.as_ref())),
            _ => {
                let known = self.job.iter().find(|(known, _)| *known == name);
                known.map(|(_, value)| value.clone())
            }
        }
    }
}

/// What a filter or a transformation sees: a record and where it comes from.
#[derive(Debug, Clone)]
pub struct Record {
    /// The user's configuration.
    pub config: Config,
    /// The record.
    pub record: TValue,
    /// The slice that it was read in.
    pub stream_slice: TValue,
    /// The token of its page.
    pub next_page_token: Option<TValue>,
}

impl Record {
    /// A scope of a record.
    #[must_use]
    pub fn new(
        config: Config,
        record: TValue,
        stream_slice: TValue,
        next_page_token: Option<TValue>,
    ) -> Self {
        Self {
            config,
            record,
            stream_slice,
            next_page_token,
        }
    }
}

impl Scope for Record {
    const NAMES: &'static [&'static str] = &["record", "stream_slice", "next_page_token"];

    fn config(&self) -> &Config {
        &self.config
    }

    fn lookup(&self, name: &str) -> Option<TValue> {
        match name {
            "record" => Some(self.record.clone()),
            "stream_slice" => Some(self.stream_slice.clone()),
            "next_page_token" => Some(or_none(self.next_page_token.as_ref())),
            _ => None,
        }
    }
}

/// What a pagination strategy sees: the last page.
#[derive(Debug, Clone)]
pub struct Page {
    /// The user's configuration.
    pub config: Config,
    /// The decoded body.
    pub response: TValue,
    /// The response's header fields.
    pub headers: TValue,
    /// The last selected record of the page.
    pub last_record: Option<TValue>,
    /// How many records were selected.
    pub last_page_size: Option<u64>,
    /// The token that this page was asked with.
    pub last_page_token_value: Option<TValue>,
    /// The slice that is being read; not in scope when unset.
    pub stream_slice: Option<TValue>,
    /// Records asked for in each page; not in scope when unset.
    pub page_size: Option<i64>,
}

impl Page {
    /// A scope of a response; what else is known is set afterwards.
    #[must_use]
    pub fn new(config: Config, response: TValue, headers: TValue) -> Self {
        Self {
            config,
            response,
            headers,
            last_record: None,
            last_page_size: None,
            last_page_token_value: None,
            stream_slice: None,
            page_size: None,
        }
    }
}

impl Scope for Page {
    const NAMES: &'static [&'static str] = &[
        "response",
        "headers",
        "last_record",
        "last_page_size",
        "last_page_token_value",
        "page_size",
        "stream_slice",
    ];

    fn config(&self) -> &Config {
        &self.config
    }

    fn lookup(&self, name: &str) -> Option<TValue> {
        match name {
            "response" => Some(self.response.clone()),
            "headers" => Some(self.headers.clone()),
            "last_record" => Some(or_none(self.last_record.as_ref())),
            "last_page_size" => Some(self.last_page_size.map_or(TValue::None, TValue::from)),
            "last_page_token_value" => Some(or_none(self.last_page_token_value.as_ref())),
            "stream_slice" => self.stream_slice.clone(),
            "page_size" => self.page_size.map(TValue::from),
            _ => None,
        }
    }
}

/// What an error handler sees: a response.
#[derive(Debug, Clone)]
pub struct Response {
    /// The user's configuration.
    pub config: Config,
    /// The decoded body.
    pub response: TValue,
    /// The response's header fields.
    pub headers: TValue,
    /// The URL that answered, without query, fragment and credentials; not in scope when unset.
    pub request_url: Option<TValue>,
}

impl Response {
    /// A scope of a response.
    #[must_use]
    pub fn new(config: Config, response: TValue, headers: TValue) -> Self {
        Self {
            config,
            response,
            headers,
            request_url: None,
        }
    }
}

impl Scope for Response {
    const NAMES: &'static [&'static str] = &["response", "headers", "request_url"];

    fn config(&self) -> &Config {
        &self.config
    }

    fn lookup(&self, name: &str) -> Option<TValue> {
        match name {
            "response" => Some(self.response.clone()),
            "headers" => Some(self.headers.clone()),
            "request_url" => self.request_url.clone(),
            _ => None,
        }
    }
}

/// What a mapping into a stream template sees: the values that the stream is made for.
#[derive(Debug, Clone)]
pub struct Component {
    /// The user's configuration.
    pub config: Config,
    /// Values of this one stream.
    pub components_values: TValue,
    /// The template of the stream.
    pub stream_template_config: TValue,
    /// The slice in which the values were read; not in scope when unset.
    pub stream_slice: Option<TValue>,
}

impl Scope for Component {
    const NAMES: &'static [&'static str] = &[
        "components_values",
        "stream_template_config",
        "stream_slice",
    ];

    fn config(&self) -> &Config {
        &self.config
    }

    fn lookup(&self, name: &str) -> Option<TValue> {
        match name {
            "components_values" => Some(self.components_values.clone()),
            "stream_template_config" => Some(self.stream_template_config.clone()),
            "stream_slice" => self.stream_slice.clone(),
            _ => None,
        }
    }
}

/// What a mapping of types sees: what an API says of a field.
#[derive(Debug, Clone)]
pub struct RawSchema {
    /// The user's configuration.
    pub config: Config,
    /// What the API says of the field.
    pub raw_schema: TValue,
}

impl Scope for RawSchema {
    const NAMES: &'static [&'static str] = &["raw_schema"];

    fn config(&self) -> &Config {
        &self.config
    }

    fn lookup(&self, name: &str) -> Option<TValue> {
        (name == "raw_schema").then(|| self.raw_schema.clone())
    }
}

fn or_none(value: Option<&TValue>) -> TValue {
    value.cloned().unwrap_or(TValue::None)
}
