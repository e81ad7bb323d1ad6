//! `FileUploader`.

use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use crate::component::ComponentError;
use crate::component::decoder::Decoder;
use crate::component::error_handler::Action;
use crate::component::extractor::{Extracting, Extractor};
use crate::component::requester::Requester;
use crate::message::{Data, StreamSlice};
use crate::template::{Config, Template, json, scope, slice};

/// Name of a file's address in templates.
const TARGET: &str = "download_target";

/// Fetches a file for each record, and tells where it lies.
///
/// The file goes to a folder with the stream's name below the directory of files; the record carries
/// its place as `file_reference`. Templates of the requester read the address as `download_target`.
/// As airbyte-cdk 7.39.1, `default_file_uploader.py`.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct FileUploader {
    /// Fetches the file.
    requester: Requester,
    /// Where the file's address is in a record; of several the first counts.
    download_target_extractor: Extractor,
    /// Has no effect, as in the reference: the file is the whole body.
    #[serde(default)]
    #[expect(dead_code, reason = "it only has to be valid")]
    file_extractor: Option<Extractor>,
    /// Path of the file below its folder, such as `{{ record.id }}/{{ record.file_name }}`. Unset: a
    /// random name.
    #[serde(default)]
    filename_extractor: Option<Template<scope::Record>>,
}

impl FileUploader {
    /// Fetches the file.
    #[must_use]
    pub fn requester(&self) -> &Requester {
        &self.requester
    }

    /// Checks that its requester asks for nothing that only a page has.
    ///
    /// # Errors
    /// When a response filter does.
    pub fn check(&self) -> Result<(), ComponentError> {
        let handler = self.requester.get().error_handler();
        for action in [Action::ReducePageSize, Action::SplitRequestWindow] {
            if handler.uses(action) {
                return Err(ComponentError::config(format!(
                    "the action `{}` does not go with a `file_uploader`",
                    action.as_str()
                )));
            }
        }
        Ok(())
    }

    /// The slice of the request for the file of a record.
    ///
    /// # Errors
    /// When the record holds no address.
    pub fn slice(
        &self,
        record: &Data,
        config: &Config,
    ) -> Result<Arc<StreamSlice>, ComponentError> {
        let body = record.to_value().to_string().into_bytes();
        let page = Decoder::default().decode(body, usize::MAX);
        let extractor = self.download_target_extractor.get();
        let found = extractor.extract(&page, &Extracting::new(config))?;
        let target = match found.records.first().map(Data::to_value) {
            Some(target @ Value::String(_)) => target,
            Some(other) => {
                return Err(ComponentError::system(format!(
                    "the address of the file is expected to be a text, found {other}"
                )));
            }
            None => {
                return Err(ComponentError::system(
                    "the record has no address of a file",
                ));
            }
        };
        let mut slice = StreamSlice::default();
        slice.extra_fields.insert(TARGET.to_owned(), target);
        Ok(Arc::new(slice))
    }

    /// Where the file of a record goes, below the directory of files; none for a random name.
    ///
    /// Differs: a path that leaves its folder is refused.
    ///
    /// # Errors
    /// When the template fails, or gives no name.
    pub fn path(&self, record: &Data, config: &Config) -> Result<Option<PathBuf>, ComponentError> {
        let Some(template) = &self.filename_extractor else {
            return Ok(None);
        };
        let none = Arc::new(StreamSlice::default());
        let text = template.text(&scope::Record::new(
            config.clone(),
            json(&record.to_value()),
            slice(&none),
            None,
        ))?;
        let path: PathBuf = Path::new(text.trim_start_matches('/'))
            .components()
            .filter(|part| *part != Component::CurDir)
            .collect();
        let is_below = |part| matches!(part, Component::Normal(_));
        if path.components().next().is_none() || !path.components().all(is_below) {
            let message = format!("`{text}` is no path of a file");
            return Err(ComponentError::system(message).or_at(template.at()));
        }
        Ok(Some(path))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::clock::Clock;
    use crate::component::testing::from_yaml;

    const YAML: &str = "
requester: {type: HttpRequester, url: '{{ download_target }}'}
download_target_extractor: {type: DpathExtractor, field_path: [url]}
filename_extractor: '/{{ record.id }}//{{ record.name }}/'
";

    fn config() -> Config {
        Config::new(json!({}), Arc::new(Clock::system()))
    }

    #[test]
    fn a_file_has_its_address_and_its_place_from_the_record() {
        let uploader: FileUploader = from_yaml(YAML);
        let record =
            Data::from_value(json!({"id": 7, "name": "a.png", "url": "https://a.example"}));
        let slice = uploader.slice(&record, &config()).unwrap();
        assert_eq!(slice.extra_fields[TARGET], "https://a.example");
        let path = uploader.path(&record, &config()).unwrap().unwrap();
        assert_eq!(path, Path::new("7/a.png"));
    }

    #[test]
    fn a_record_without_an_address_is_an_error() {
        let uploader: FileUploader = from_yaml(YAML);
        for (record, told) in [
            (json!({"id": 1}), "no address"),
            (json!({"url": {"of": 1}}), "a text"),
        ] {
            let error = uploader.slice(&Data::from_value(record), &config());
            assert!(error.unwrap_err().message.contains(told));
        }
    }

    #[test]
    fn a_path_does_not_leave_its_folder() {
        let uploader: FileUploader = from_yaml(YAML);
        for name in ["../../x", ".."] {
            let record = Data::from_value(json!({"id": 1, "name": name}));
            let error = uploader.path(&record, &config()).unwrap_err();
            assert!(error.message.contains("no path"), "{error}");
        }
    }
}
