//! `DeclarativeStream`.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::{FileUploader, PrimaryKey};
use crate::component::ComponentError;
use crate::component::cursor::{Cursor, Given, Migrating, Split, StateMigration, StreamCursor};
use crate::component::one_or_many::OneOrMany;
use crate::component::partition_router::PartitionRouter;
use crate::component::retriever::Retriever;
use crate::component::schema_loader::{
    FirstRecord, Loading, ReadFile, SchemaLoader, load_all, load_default,
};
use crate::component::transformation::Transformation;
use crate::message::{CatalogStream, SyncMode};
use crate::template::Config;

/// Records of one kind from an API.
///
/// As airbyte-cdk 7.39.1, `default_stream.py`.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct DeclarativeStream {
    /// Name of the stream. A `name` in `$parameters` does as well.
    #[serde(default)]
    name: Option<String>,
    /// Which fields tell the records apart. Unset: none.
    #[serde(default)]
    primary_key: Option<PrimaryKey>,
    /// How the records are retrieved.
    retriever: Retriever,
    /// Where the JSON schema comes from: one loader, or a list whose properties are put together.
    /// Unset: the file `schemas/NAME.json` beside the manifest if there is one, else no schema.
    #[serde(default)]
    schema_loader: Option<OneOrMany<SchemaLoader>>,
    /// Changes made to each record, one after the other.
    #[serde(default)]
    transformations: Option<Vec<Transformation>>,
    /// By what the stream is read incrementally. Unset: it is read whole each time.
    #[serde(default)]
    incremental_sync: Option<Cursor>,
    /// Changes to an input state of an older form, one after the other.
    #[serde(default)]
    state_migrations: Option<Vec<StateMigration>>,
    /// Fetches a file for each record. Unset: records have no files.
    #[serde(default)]
    file_uploader: Option<FileUploader>,
}

impl DeclarativeStream {
    /// Name of the stream.
    #[must_use]
    pub fn name(&self) -> &str {
        self.name.as_deref().unwrap_or_default()
    }

    /// Fields that tell the records apart; none when the manifest names none.
    #[must_use]
    pub fn primary_key(&self) -> &[String] {
        self.primary_key.as_ref().map_or(&[], |key| &key.0)
    }

    /// How the records are retrieved.
    #[must_use]
    pub fn retriever(&self) -> &Retriever {
        &self.retriever
    }

    /// Changes made to each record, in order.
    #[must_use]
    pub fn transformations(&self) -> &[Transformation] {
        self.transformations.as_deref().unwrap_or_default()
    }

    /// By what the stream is read incrementally.
    #[must_use]
    pub fn cursor(&self) -> Option<&Cursor> {
        self.incremental_sync.as_ref()
    }

    /// Fetches a file for each record.
    #[must_use]
    pub fn file_uploader(&self) -> Option<&FileUploader> {
        self.file_uploader.as_ref()
    }

    /// Checks what only the whole stream can tell; `is_lazy` when the first pages stand in the
    /// records of parents.
    ///
    /// # Errors
    /// When its parts do not go together.
    pub fn check(&self, is_lazy: bool, config: &Config) -> Result<(), ComponentError> {
        let retriever = self.retriever.pages();
        if let Some(job) = self.retriever.job() {
            job.check()?;
        }
        retriever.check(self.cursor(), is_lazy, config)?;
        let Some(uploader) = &self.file_uploader else {
            return Ok(());
        };
        if retriever.page_size_reduction().is_some()
            || retriever.request_window_splitting().is_some()
        {
            return Err(ComponentError::config(
                "a `file_uploader` does not go with `page_size_reduction` or `request_window_splitting`: the files of a page would be fetched again",
            ));
        }
        uploader.check()
    }

    /// How the stream is split beside the windows of its cursor.
    fn split(&self) -> Split {
        let retriever = self.retriever.pages();
        match retriever.partition_routers() {
            [] => Split::Whole,
            [PartitionRouter::GroupingPartitionRouter(_)] => Split::Groups,
            _ => Split::Partitions,
        }
    }

    /// The cursor of one run; none for a stream that is read whole. `field` is the cursor field that
    /// the configured catalog names.
    ///
    /// # Errors
    /// When a template fails, a date has not its format, or fields do not go together.
    pub fn cursor_of_run(
        &self,
        config: &Config,
        field: Option<&str>,
        state: &Map<String, Value>,
    ) -> Result<Option<StreamCursor>, ComponentError> {
        let Some(cursor) = &self.incremental_sync else {
            return Ok(None);
        };
        let given = Given {
            config,
            field: field.filter(|_| cursor.allows_catalog_defined_field()),
            state,
            split: self.split(),
        };
        cursor.evaluate(&given).map(Some)
    }

    /// An input state in the form that the cursor reads.
    ///
    /// # Errors
    /// When a template fails, or a migration does not go with the stream.
    pub fn migrate(
        &self,
        mut state: Map<String, Value>,
        config: &Config,
    ) -> Result<Map<String, Value>, ComponentError> {
        let migrations = self.state_migrations.as_deref().unwrap_or_default();
        if migrations.is_empty() {
            return Ok(state);
        }
        let retriever = self.retriever.pages();
        let (Some(cursor), [PartitionRouter::SubstreamPartitionRouter(router)]) =
            (&self.incremental_sync, retriever.partition_routers())
        else {
            let message = "a state migration needs an `incremental_sync` and a \
                           `SubstreamPartitionRouter`";
            return Err(ComponentError::config(message));
        };
        let field = cursor.field(config)?;
        let partition_field = match router.parents() {
            [parent] => Some(parent.partition_field(config)?),
            _ => None,
        };
        let stream = Migrating {
            partition_field: partition_field.as_deref(),
            cursor_field: &field,
        };
        for migration in migrations {
            state = migration.migrate(state, &stream);
        }
        Ok(state)
    }

    /// The JSON schema of the records. `read` reads a file by its path relative to the manifest,
    /// `first_record` the first record of a retriever.
    ///
    /// # Errors
    /// When a loader fails; a stream without loaders has an empty schema at worst.
    pub fn schema(
        &self,
        config: &Config,
        read: &ReadFile<'_>,
        first_record: &FirstRecord<'_>,
    ) -> Result<Value, ComponentError> {
        let with = Loading {
            config,
            stream: self.name(),
            read,
            first_record,
        };
        match &self.schema_loader {
            Some(OneOrMany::One(loader)) => loader.load(&with),
            Some(OneOrMany::Many(loaders)) if !loaders.is_empty() => load_all(loaders, &with),
            _ => Ok(load_default(&with)),
        }
    }

    /// Whether an API is asked for the JSON schema.
    #[must_use]
    pub fn asks_for_schema(&self) -> bool {
        let loaders = self.schema_loader.as_ref();
        let loaders = loaders.map_or(&[][..], OneOrMany::as_slice);
        let asks = |loader: &SchemaLoader| matches!(loader, SchemaLoader::DynamicSchemaLoader(_));
        loaders.iter().any(asks)
    }

    /// What the catalog says about the stream.
    ///
    /// # Errors
    /// When the template of the cursor field fails.
    pub fn catalog_entry(
        &self,
        schema: Value,
        config: &Config,
    ) -> Result<CatalogStream, ComponentError> {
        let key = self.primary_key();
        let mut modes = vec![SyncMode::FullRefresh];
        let cursor = self.incremental_sync.as_ref();
        if cursor.is_some() {
            modes.push(SyncMode::Incremental);
        }
        let field = cursor.map(|cursor| cursor.field(config)).transpose()?;
        Ok(CatalogStream {
            name: self.name().to_owned(),
            json_schema: schema,
            supported_sync_modes: modes,
            source_defined_cursor: cursor.map(|cursor| !cursor.allows_catalog_defined_field()),
            default_cursor_field: field.map(|field| vec![field]),
            source_defined_primary_key: (!key.is_empty())
                .then(|| key.iter().map(|field| vec![field.clone()]).collect()),
            is_resumable: Some(cursor.is_some()),
            is_file_based: Some(self.file_uploader.is_some()),
            ..CatalogStream::default()
        })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::json;

    use super::*;
    use crate::clock::Clock;
    use crate::component::testing::{from_yaml, mistakes};

    const RETRIEVER: &str = "
retriever:
  type: SimpleRetriever
  requester: {type: HttpRequester, url_base: 'https://a.example', path: /x}
  record_selector:
    type: RecordSelector
    extractor: {type: DpathExtractor, field_path: []}
";

    #[test]
    fn a_catalog_entry_as_the_reference_writes_it() {
        let yaml = format!(
            "type: DeclarativeStream\n$parameters: {{name: users}}\nprimary_key: [a, b]\n\
             schema_loader: {{type: InlineSchemaLoader, schema: {{type: object}}}}{RETRIEVER}"
        );
        let stream: DeclarativeStream = from_yaml(&yaml);
        let config = Config::new(json!({}), Arc::new(Clock::system()));
        let none = |_: &str| Err(std::io::ErrorKind::NotFound.into());
        let schema = stream.schema(&config, &none, &|_| Ok(None)).unwrap();
        assert_eq!(
            serde_json::to_value(stream.catalog_entry(schema, &config).unwrap()).unwrap(),
            json!({
                "name": "users",
                "json_schema": {"type": "object"},
                "supported_sync_modes": ["full_refresh"],
                "source_defined_primary_key": [["a"], ["b"]],
                "is_resumable": false,
                "is_file_based": false,
            })
        );
    }

    #[test]
    fn what_is_not_known_yet_is_told_where_it_stands() {
        let yaml = format!(
            "type: DeclarativeStream{RETRIEVER}incremental_sync:\n  type: CustomIncrementalSync\n"
        );
        let mistakes = mistakes::<DeclarativeStream>(&yaml);
        assert_eq!(mistakes.len(), 1);
        assert!(
            mistakes[0].contains("CustomIncrementalSync"),
            "{mistakes:?}"
        );
    }
}
