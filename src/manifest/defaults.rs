//! The component that stands where no `type` is written.
//!
//! As airbyte-cdk 7.39.1, `parsers/manifest_component_transformer.py`.

/// The default type of a field of a component.
pub(super) fn default_type(owner: &str, field: &str) -> Option<&'static str> {
    Some(match (owner, field) {
        ("CompositeErrorHandler", "error_handlers") | ("HttpRequester", "error_handler") => {
            "DefaultErrorHandler"
        }
        ("CursorPagination" | "DefaultPaginator" | "DpathExtractor", "decoder") => "JsonDecoder",
        ("DatetimeBasedCursor", "end_datetime" | "start_datetime") => "MinMaxDatetime",
        ("DatetimeBasedCursor", "end_time_option" | "start_time_option")
        | ("DefaultPaginator", "page_size_option")
        | ("ListPartitionRouter" | "ParentStreamConfig", "request_option") => "RequestOption",
        ("DeclarativeSource", "check") => "CheckStream",
        ("DeclarativeSource", "spec") => "Spec",
        ("DeclarativeSource", "streams")
        | ("DynamicDeclarativeStream", "stream_template")
        | ("ParentStreamConfig", "stream") => "DeclarativeStream",
        ("DeclarativeStream" | "HttpComponentsResolver" | "DynamicSchemaLoader", "retriever") => {
            "SimpleRetriever"
        }
        ("DeclarativeStream", "schema_loader") => "JsonFileSchemaLoader",
        // Spelt so by the reference, though the component is `ConfigComponentsResolver`.
        ("DynamicDeclarativeStream", "components_resolver") => "ConfigComponentResolver",
        ("HttpComponentsResolver" | "ConfigComponentsResolver", "components_mapping") => {
            "ComponentMappingDefinition"
        }
        ("ConfigComponentsResolver", "stream_config") => "StreamConfig",
        ("DefaultErrorHandler", "response_filters") => "HttpResponseFilter",
        ("DpathExtractor", "record_expander") => "RecordExpander",
        ("RecordSelector", "extractor") => "DpathExtractor",
        ("RecordSelector", "record_filter") => "RecordFilter",
        ("SimpleRetriever", "paginator") => "NoPagination",
        ("SimpleRetriever", "record_selector") => "RecordSelector",
        ("SimpleRetriever", "requester") => "HttpRequester",
        ("SubstreamPartitionRouter" | "CustomPartitionRouter", "parent_stream_configs") => {
            "ParentStreamConfig"
        }
        ("AddFields", "fields") => "AddedFieldDefinition",
        ("SchemaTypeIdentifier", "types_map") => "TypesMap",
        _ => return None,
    })
}

/// The default type of a field whose component has a `class_name`.
pub(super) fn default_custom_type(owner: &str, field: &str) -> Option<&'static str> {
    Some(match (owner, field) {
        ("CompositeErrorHandler" | "DefaultErrorHandler", "backoff_strategies") => {
            "CustomBackoffStrategy"
        }
        ("DeclarativeStream", "retriever") => "CustomRetriever",
        ("DeclarativeStream", "transformations") => "CustomTransformation",
        ("DefaultPaginator", "pagination_strategy") => "CustomPaginationStrategy",
        ("HttpRequester", "authenticator") => "CustomAuthenticator",
        ("HttpRequester", "error_handler") => "CustomErrorHandler",
        ("RecordSelector", "extractor") => "CustomRecordExtractor",
        ("SimpleRetriever", "partition_router") => "CustomPartitionRouter",
        _ => return None,
    })
}
