//! `AsyncRetriever`.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use super::{AsyncJobStatusMap, JobStatus, SimpleRetriever};
use crate::component::ComponentError;
use crate::component::decoder::{Decoder, Page};
use crate::component::error_handler::Action;
use crate::component::extractor::{
    CombinedExtractor, DpathExtractor, Extracting, Extractor, JsonPathExtractor,
    ResponseToFileExtractor,
};
use crate::component::one_or_many::OneOrMany;
use crate::component::paginator::Paginator;
use crate::component::partition_router::PartitionRouter;
use crate::component::record_filter::RecordSelector;
use crate::component::requester::Requester;
use crate::http::Response;
use crate::message::Data;
use crate::template::{Config, Literal, Template, scope};

/// Minutes that a job may take, where the manifest does not say.
const DEFAULT_MINUTES: i64 = 60;

/// Asks the API to prepare the records, waits until they are there, and downloads them.
///
/// For each slice a job is created, its status is asked for every 5 seconds, and its results are
/// downloaded page by page. A job that fails or takes too long is created anew, two times. As many
/// jobs run at the same time as `max_concurrent_async_job_count` of the manifest says. As
/// airbyte-cdk 7.39.1, `async_retriever.py`, `async_job/job_orchestrator.py` and
/// `http_job_repository.py`.
///
/// Templates of the requesters may read `creation_response`, the answer that created the job;
/// those of `download_target_requester` read `polling_response`, the last answer about its status,
/// instead; those of the download read both, and `download_target`. Beside its own keys an answer has
/// `headers`, and `request` with the `method`, `url`, `headers` and `body` that it was asked by.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(from = "Written")]
#[schemars(with = "Written")]
pub struct AsyncRetriever {
    download: SimpleRetriever,
    parts: Parts,
}

/// All but what the download is made of.
#[derive(Debug)]
struct Parts {
    status_mapping: AsyncJobStatusMap,
    status_extractor: Extractor,
    download_target_extractor: Option<Extractor>,
    creation_requester: Requester,
    polling_requester: Requester,
    polling_job_timeout: Option<Template<scope::ConfigOnly>>,
    failed_retry_wait_time_in_seconds: Option<Template<scope::ConfigOnly>>,
    download_target_requester: Option<Requester>,
    abort_requester: Option<Requester>,
    delete_requester: Option<Requester>,
    decoder: Option<Decoder>,
}

/// Where the records are in a download.
#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(tag = "type")]
#[expect(clippy::enum_variant_names, reason = "names of the language")]
enum DownloadExtractor {
    /// At a path of keys.
    DpathExtractor(DpathExtractor),
    /// Found by several extractors.
    CombinedExtractor(CombinedExtractor),
    /// Found by a JSONPath.
    JsonPathExtractor(JsonPathExtractor),
    /// In a CSV file; no decoder reads it.
    ResponseToFileExtractor(ResponseToFileExtractor),
}

impl DownloadExtractor {
    /// How records are found in a page, and the file that the page is made of, if it is one.
    fn split(self) -> (Extractor, Option<ResponseToFileExtractor>) {
        match self {
            Self::DpathExtractor(extractor) => (Extractor::DpathExtractor(extractor), None),
            Self::CombinedExtractor(extractor) => (Extractor::CombinedExtractor(extractor), None),
            Self::JsonPathExtractor(extractor) => (Extractor::JsonPathExtractor(extractor), None),
            Self::ResponseToFileExtractor(file) => (Extractor::default(), Some(file)),
        }
    }
}

/// Asks the API to prepare the records, waits until they are there, and downloads them.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename = "AsyncRetriever")]
struct Written {
    /// Which records go out. Its extractor does not count: `download_extractor` does.
    record_selector: RecordSelector,
    /// Which statuses of the API mean what.
    status_mapping: AsyncJobStatusMap,
    /// Where the status is in the answer about a job.
    status_extractor: Extractor,
    /// Where the addresses of the results are, each of which is downloaded; the download's templates
    /// read them as `download_target`. Unset: there is one download, without an address.
    #[serde(default)]
    download_target_extractor: Option<Extractor>,
    /// Where the records are in a download. Unset: the body is the record, or a list of them.
    #[serde(default)]
    download_extractor: Option<DownloadExtractor>,
    /// Creates a job.
    creation_requester: Requester,
    /// Asks how a job stands.
    polling_requester: Requester,
    /// Minutes that a job may take. Default: 60.
    #[serde(default)]
    polling_job_timeout: Option<Template<scope::ConfigOnly>>,
    /// Seconds before a failed job is created anew; not for one that could not be created, or that
    /// took too long. Unset: those of the next look at it.
    #[serde(default)]
    failed_retry_wait_time_in_seconds: Option<Template<scope::ConfigOnly>>,
    /// Asks for the addresses of the results. Unset: they are in the last answer about the job.
    #[serde(default)]
    download_target_requester: Option<Requester>,
    /// Downloads the results.
    download_requester: Requester,
    /// How the next page of a download is asked for. Unset: there is one page.
    #[serde(default)]
    download_paginator: Option<Paginator>,
    /// Ends a job that took too long. Unset: it is left alone.
    #[serde(default)]
    abort_requester: Option<Requester>,
    /// Deletes a job whose results were downloaded. Unset: it is left alone.
    #[serde(default)]
    delete_requester: Option<Requester>,
    /// What the stream is split by; each partition is a job. Its routers put nothing into requests,
    /// templates do.
    #[serde(default)]
    partition_router: Option<OneOrMany<PartitionRouter>>,
    /// How the answers about a job are read. Unset: as JSON.
    #[serde(default)]
    decoder: Option<Decoder>,
    /// How a download is read. Unset: as JSON.
    #[serde(default)]
    download_decoder: Option<Decoder>,
}

impl From<Written> for AsyncRetriever {
    fn from(written: Written) -> Self {
        let extractor = written.download_extractor.map(DownloadExtractor::split);
        let (extractor, file) = extractor.unwrap_or_default();
        Self {
            download: SimpleRetriever::of_download(
                written.download_requester,
                written.download_decoder,
                file,
                written.record_selector.with_extractor(extractor),
                written.download_paginator,
                written.partition_router,
            ),
            parts: Parts {
                status_mapping: written.status_mapping,
                status_extractor: written.status_extractor,
                download_target_extractor: written.download_target_extractor,
                creation_requester: written.creation_requester,
                polling_requester: written.polling_requester,
                polling_job_timeout: written.polling_job_timeout,
                failed_retry_wait_time_in_seconds: written.failed_retry_wait_time_in_seconds,
                download_target_requester: written.download_target_requester,
                abort_requester: written.abort_requester,
                delete_requester: written.delete_requester,
                decoder: written.decoder,
            },
        }
    }
}

impl AsyncRetriever {
    /// Checks what only the whole retriever can tell.
    ///
    /// # Errors
    /// When its parts do not go together.
    pub fn check(&self) -> Result<(), ComponentError> {
        let parts = &self.parts;
        parts.status_mapping.check()?;
        if parts.download_target_requester.is_some() && parts.download_target_extractor.is_none() {
            return Err(ComponentError::config(
                "a `download_target_requester` needs a `download_target_extractor`",
            ));
        }
        let requesters = [
            Some(&parts.creation_requester),
            Some(&parts.polling_requester),
            Some(self.download.requester()),
            parts.download_target_requester.as_ref(),
            parts.abort_requester.as_ref(),
            parts.delete_requester.as_ref(),
        ];
        for requester in requesters.into_iter().flatten() {
            for action in [Action::ReducePageSize, Action::SplitRequestWindow] {
                if requester.get().error_handler().uses(action) {
                    return Err(ComponentError::config(format!(
                        "the action `{}` does not go with an `AsyncRetriever`",
                        action.as_str()
                    )));
                }
            }
        }
        Ok(())
    }

    /// How the results of a job are downloaded, and which records they hold.
    #[must_use]
    pub fn download(&self) -> &SimpleRetriever {
        &self.download
    }

    /// Creates a job.
    #[must_use]
    pub fn creation(&self) -> &Requester {
        &self.parts.creation_requester
    }

    /// Asks how a job stands.
    #[must_use]
    pub fn polling(&self) -> &Requester {
        &self.parts.polling_requester
    }

    /// Asks for the addresses of the results.
    #[must_use]
    pub fn targets(&self) -> Option<&Requester> {
        self.parts.download_target_requester.as_ref()
    }

    /// Ends a job that took too long.
    #[must_use]
    pub fn abort(&self) -> Option<&Requester> {
        self.parts.abort_requester.as_ref()
    }

    /// Deletes a job whose results were downloaded.
    #[must_use]
    pub fn delete(&self) -> Option<&Requester> {
        self.parts.delete_requester.as_ref()
    }

    /// Seconds that a job may take.
    ///
    /// # Errors
    /// When the template gives no whole number.
    pub fn timeout(&self, config: &Config) -> Result<i64, ComponentError> {
        let minutes = number(self.parts.polling_job_timeout.as_ref(), config)?;
        let minutes = minutes.filter(|minutes| *minutes != 0);
        Ok(minutes.unwrap_or(DEFAULT_MINUTES).saturating_mul(60))
    }

    /// Seconds before a failed job is created anew; none: those of the next look at it.
    ///
    /// # Errors
    /// When the template gives no whole number from 1 on.
    pub fn retry_wait(&self, config: &Config) -> Result<Option<u64>, ComponentError> {
        let template = self.parts.failed_retry_wait_time_in_seconds.as_ref();
        match number(template, config)? {
            None => Ok(None),
            Some(seconds) if seconds > 0 => Ok(Some(seconds.unsigned_abs())),
            Some(seconds) => Err(ComponentError::config(format!(
                "`failed_retry_wait_time_in_seconds` is {seconds}, expected 1 at least"
            ))
            .or_at(template.and_then(Template::at))),
        }
    }

    /// What the answer about a job says of it.
    ///
    /// # Errors
    /// When there is no status in it, or one that the map has not.
    pub fn status(
        &self,
        response: &Response,
        config: &Config,
    ) -> Result<JobStatus, ComponentError> {
        let found = self.extract(&self.parts.status_extractor, response, config)?;
        let status = found.first().map_or(Literal::None, Literal::from_json);
        let status = status.to_python_str();
        self.parts.status_mapping.get(&status).ok_or_else(|| {
            ComponentError::system(format!(
                "the job has the status `{status}`, which `status_mapping` has not"
            ))
        })
    }

    /// The addresses of the results; one empty one where none are extracted.
    ///
    /// # Errors
    /// When there is nothing to extract the addresses with, or the extractor fails.
    pub fn targets_in(
        &self,
        response: &Response,
        config: &Config,
    ) -> Result<Vec<Value>, ComponentError> {
        match &self.parts.download_target_extractor {
            Some(extractor) => self.extract(extractor, response, config),
            None if self.targets().is_none() => Ok(vec![Value::String(String::new())]),
            None => Err(ComponentError::config(
                "a `download_target_requester` needs a `download_target_extractor`",
            )),
        }
    }

    fn extract(
        &self,
        extractor: &Extractor,
        response: &Response,
        config: &Config,
    ) -> Result<Vec<Value>, ComponentError> {
        let page = self.decode(response);
        let found = extractor.get().extract(&page, &Extracting::new(config))?;
        Ok(found.records.iter().map(Data::to_value).collect())
    }

    fn decode(&self, response: &Response) -> Page {
        let body = response.body.clone();
        match &self.parts.decoder {
            Some(decoder) => decoder.decode(body, usize::MAX),
            None => Decoder::default().decode(body, usize::MAX),
        }
    }
}

fn number(
    template: Option<&Template<scope::ConfigOnly>>,
    config: &Config,
) -> Result<Option<i64>, ComponentError> {
    let Some(template) = template else {
        return Ok(None);
    };
    let text = template.text(&scope::ConfigOnly::new(config.clone()))?;
    match text.trim().parse() {
        Ok(number) => Ok(Some(number)),
        Err(_) => {
            let message = format!("found `{text}`, expected a whole number");
            Err(ComponentError::config(message).or_at(template.at()))
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::json;

    use super::*;
    use crate::clock::Clock;
    use crate::component::testing::from_yaml;
    use crate::http::Headers;
    use crate::message::Text;

    const YAML: &str = "
status_mapping: {running: [run], completed: [done], failed: ['3'], timeout: [late]}
status_extractor: {type: DpathExtractor, field_path: [status]}
download_target_extractor: {type: DpathExtractor, field_path: [urls]}
record_selector: {type: RecordSelector, extractor: {type: DpathExtractor, field_path: [no]}}
creation_requester: {type: HttpRequester, url: 'https://a.example'}
polling_requester: {type: HttpRequester, url: 'https://a.example'}
download_requester: {type: HttpRequester, url: '{{ download_target }}'}
polling_job_timeout: '{{ config.minutes }}'
";

    fn response(body: Value) -> Response {
        Response {
            status: 200,
            headers: Headers::default(),
            body: body.to_string().into_bytes().into(),
            wire_bytes: 0,
        }
    }

    fn config() -> Config {
        Config::new(json!({"minutes": 2}), Arc::new(Clock::system()))
    }

    #[test]
    fn the_map_says_what_a_status_means() {
        let retriever: AsyncRetriever = from_yaml(YAML);
        let status =
            |status: Value| retriever.status(&response(json!({ "status": status })), &config());
        assert_eq!(status(json!("run")).unwrap(), JobStatus::Running);
        assert_eq!(status(json!(3)).unwrap(), JobStatus::Failed);
        assert!(status(json!("new")).unwrap_err().message.contains("`new`"));
        assert!(status(json!({})).unwrap_err().message.contains("`None`"));
    }

    #[test]
    fn a_retriever_whose_parts_do_not_go_together_is_refused() {
        let told = |more: &str, from: &str, to: &str| {
            let retriever: AsyncRetriever = from_yaml(&format!("{}{more}", YAML.replace(from, to)));
            retriever.check().map_err(|error| error.message)
        };
        assert_eq!(told("", "", ""), Ok(()));
        assert!(told("", "failed: ['3']", "failed: [run]").is_err());
        let requester = "{type: HttpRequester, url: 'https://a.example'}";
        let more = format!("download_target_requester: {requester}\n");
        let missing = told(&more, "download_target_extractor", "another");
        assert!(missing.unwrap_err().contains("`download_target_extractor`"));
        let handler = "{type: HttpRequester, url: 'https://a.example', error_handler: \
            {type: DefaultErrorHandler, response_filters: \
            [{type: HttpResponseFilter, http_codes: [413], action: SPLIT_REQUEST_WINDOW}]}}";
        let action = told(&format!("abort_requester: {handler}\n"), "", "");
        assert!(action.unwrap_err().contains("`SPLIT_REQUEST_WINDOW`"));
    }

    #[test]
    fn a_download_may_be_a_file() {
        let retriever: AsyncRetriever = from_yaml(&format!(
            "{YAML}download_extractor: {{type: ResponseToFileExtractor}}\n"
        ));
        let page = retriever
            .download()
            .decode(b"id,at\n1,\n2,x\n".to_vec().into());
        let values: Vec<Value> = page.documents().iter().map(Text::value).collect();
        assert_eq!(
            values,
            [
                json!({"id": "1", "at": null}),
                json!({"id": "2", "at": "x"})
            ]
        );
        let broken = retriever
            .download()
            .decode(b"id\n1,2\n".to_vec().into())
            .broken;
        assert!(broken.unwrap().contains("line 2"));
    }

    #[test]
    fn each_address_is_a_download() {
        let retriever: AsyncRetriever = from_yaml(YAML);
        let targets = retriever.targets_in(&response(json!({"urls": ["a", "b"]})), &config());
        assert_eq!(targets.unwrap(), [json!("a"), json!("b")]);
        assert_eq!(retriever.timeout(&config()).unwrap(), 120);
    }
}
