//! The requester of Asana's published connector, by its class name: such a manifest reads what
//! `asana.yaml` reads.

use serde_json::{Value, json};

use crate::asana::{MANIFEST, Server};
use crate::asana_oas::all_mistakes;
use crate::asana_run::{config, sorted};
use crate::support::Run;

const CUSTOM: &str = r##"
version: 0.78.6
type: DeclarativeSource
check: {type: CheckStream, stream_names: [workspaces]}
definitions:
  requester:
    type: CustomRequester
    class_name: source_asana.components.AsanaHttpRequester
    url_base: https://app.asana.com/api/1.0/
    http_method: GET
    authenticator:
      type: BearerAuthenticator
      api_token: "{{ config['credentials']['personal_access_token'] }}"
  retriever:
    type: SimpleRetriever
    record_selector:
      type: RecordSelector
      extractor: {type: DpathExtractor, field_path: [data]}
    paginator:
      type: DefaultPaginator
      page_token_option: {type: RequestOption, inject_into: request_parameter, field_name: offset}
      page_size_option: {type: RequestOption, inject_into: request_parameter, field_name: limit}
      pagination_strategy:
        type: CursorPagination
        page_size: 100
        cursor_value: "{{ response.get('next_page', {}).get('offset', '') }}"
        stop_condition: "{{ not response.get('next_page', {}) }}"
    requester: {$ref: "#/definitions/requester"}
  stream:
    type: DeclarativeStream
    primary_key: gid
    retriever: {$ref: "#/definitions/retriever"}
  workspaces_stream:
    $ref: "#/definitions/stream"
    name: workspaces
    schema_loader: {type: InlineSchemaLoader, schema: {$ref: "#/definitions/workspaces_schema"}}
    $parameters: {path: workspaces}
  projects_stream:
    $ref: "#/definitions/stream"
    name: projects
    schema_loader: {type: InlineSchemaLoader, schema: {$ref: "#/definitions/projects_schema"}}
    retriever:
      $ref: "#/definitions/retriever"
      requester:
        $ref: "#/definitions/requester"
        request_parameters: {workspace: "{{ stream_slice['workspace_gid'] }}"}
      partition_router:
        type: SubstreamPartitionRouter
        parent_stream_configs:
          - type: ParentStreamConfig
            stream: "#/definitions/workspaces_stream"
            parent_key: gid
            partition_field: workspace_gid
    $parameters: {path: projects}
  other_stream:
    $ref: "#/definitions/stream"
    name: other
    retriever:
      $ref: "#/definitions/retriever"
      requester:
        $ref: "#/definitions/requester"
        class_name: source_asana.components.Another
    $parameters: {path: users}
  workspaces_schema:
    type: object
    properties:
      gid: {type: [string, "null"]}
      name: {type: [string, "null"]}
      is_organization: {type: [boolean, "null"]}
      email_domains: {type: array, items: {type: string}}
  projects_schema:
    type: object
    properties:
      gid: {type: [string, "null"]}
      name: {type: [string, "null"]}
      owner: {type: [object, "null"], properties: {gid: {type: string}}}
      members: {type: [array, "null"], items: {type: object, properties: {gid: {type: string}}}}
streams:
  - "#/definitions/workspaces_stream"
  - "#/definitions/projects_stream"
"##;

/// The fields of the schemas above; of nested objects the `gid`.
fn narrowed(record: &Value) -> Value {
    let fields = [
        "gid",
        "name",
        "is_organization",
        "email_domains",
        "owner",
        "members",
    ];
    let gid = |value: &Value| match value.get("gid") {
        Some(gid) => json!({ "gid": gid }),
        None => value.clone(),
    };
    let field = |name: &str| match record.get(name)? {
        Value::Array(items) => Some(items.iter().map(gid).collect()),
        value => Some(gid(value)),
    };
    let fields = fields.into_iter();
    fields
        .filter_map(|name| Some((name.to_owned(), field(name)?)))
        .collect()
}

fn all_narrowed(records: &[Value]) -> Vec<String> {
    sorted(&records.iter().map(narrowed).collect::<Vec<_>>())
}

fn run(server: &Server, manifest: &str) -> crate::support::Output {
    Run::new()
        .manifest(&server.serve(manifest))
        .config(&config())
        .args(["run"])
        .run()
}

#[test]
fn the_published_requester_reads_what_our_own_manifest_reads() {
    let server = Server::start();
    let custom = run(&server, CUSTOM);
    assert_eq!(custom.code, Some(0), "{}", custom.stderr);
    let seen: Vec<_> = server.requests().into_iter().map(|it| it.request).collect();
    assert_eq!(all_mistakes(&seen), [""; 0]);
    let ours = run(&server, MANIFEST);
    for stream in ["workspaces", "projects"] {
        let records = custom.records(stream);
        assert!(!records.is_empty(), "{stream}");
        assert_eq!(records, records.iter().map(narrowed).collect::<Vec<_>>());
        assert_eq!(all_narrowed(&records), all_narrowed(&ours.records(stream)));
    }
}

#[test]
fn another_class_is_told_and_the_other_streams_are_read() {
    let server = Server::start();
    let manifest = format!("{CUSTOM}  - \"#/definitions/other_stream\"\n");
    let custom = run(&server, &manifest);
    assert_eq!(custom.code, Some(1), "{}", custom.stderr);
    assert!(!custom.records("projects").is_empty());
    let class = "the class `source_asana.components.Another` is Python, which lowcode does not run";
    for text in [class, "manifest.yaml:62:21", "stream `other`"] {
        assert!(custom.stderr.contains(text), "{text}: {}", custom.stderr);
    }
}
