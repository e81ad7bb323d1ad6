//! Holds requests to Asana's own OpenAPI document, which is kept beside the repository: in the folder
//! of `LOWCODE_SHARED`, else in `../shared`.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use serde::Deserialize;
use serde_json::Value;

use crate::asana::{MANIFEST, Request};

/// What of the document a request is held to.
#[derive(Deserialize)]
struct Document {
    paths: HashMap<String, HashMap<String, Value>>,
    components: Components,
}

#[derive(Deserialize)]
struct Components {
    parameters: HashMap<String, Value>,
}

#[expect(
    clippy::print_stderr,
    clippy::disallowed_methods,
    reason = "a check that was left out must be seen; the document is not the product's"
)]
static DOCUMENT: LazyLock<Option<Document>> = LazyLock::new(|| {
    let shared = std::env::var_os("LOWCODE_SHARED").map(PathBuf::from);
    let shared = shared.unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared"));
    let path = shared.join("asana/openapi/asana_oas.yaml");
    let Ok(text) = std::fs::read_to_string(&path) else {
        eprintln!(
            "NOT CHECKED: no {}; set LOWCODE_SHARED to hold requests to Asana's OpenAPI document",
            path.display()
        );
        return None;
    };
    Some(serde_yaml::from_str(&text).expect("Asana's document is YAML of OpenAPI's form"))
});

/// What is wrong with a request by Asana's document: path, method, unknown or missing query parameters,
/// a parameter given twice or with a value that it cannot have. Nothing without the document.
pub(crate) fn mistakes(method: &str, path: &str, query: &[(String, String)]) -> Vec<String> {
    DOCUMENT
        .as_ref()
        .map_or_else(Vec::new, |document| document.mistakes(method, path, query))
}

/// The mistakes of all requests; logins are not in the document.
pub(crate) fn all_mistakes<'a>(requests: impl IntoIterator<Item = &'a Request>) -> Vec<String> {
    let to_api = requests
        .into_iter()
        .filter(|request| request.path != "/-/oauth_token");
    to_api
        .flat_map(|r| mistakes(&r.method, &r.path, &r.query))
        .collect()
}

impl Document {
    fn mistakes(&self, method: &str, path: &str, query: &[(String, String)]) -> Vec<String> {
        let Some(path) = path.strip_prefix("/api/1.0") else {
            return vec![format!("`{path}` is outside of `/api/1.0`")];
        };
        let Some(operations) = self.operations(path) else {
            return vec![format!("no path `{path}`")];
        };
        let Some(operation) = operations.get(&method.to_ascii_lowercase()) else {
            return vec![format!("no `{method}` of `{path}`")];
        };
        let mut known = self.declared(operations.get("parameters"));
        known.extend(self.declared(operation.get("parameters")));
        let at = format!("{method} {path}: ");
        let mut found = Vec::new();
        for (index, (name, value)) in query.iter().enumerate() {
            if query[..index].iter().any(|(earlier, _)| earlier == name) {
                found.push(format!("{at}`{name}` comes twice"));
            }
            match known.iter().find(|parameter| parameter["name"] == *name) {
                None => found.push(format!("{at}no query parameter `{name}`")),
                Some(parameter) if !fits(&parameter["schema"], value) => {
                    found.push(format!("{at}`{name}` cannot be `{value}`"));
                }
                Some(_) => {}
            }
        }
        for parameter in known
            .iter()
            .filter(|parameter| parameter["required"] == true)
        {
            let name = parameter["name"].as_str().unwrap_or_default();
            if !query.iter().any(|(given, _)| given == name) {
                found.push(format!("{at}`{name}` is required"));
            }
        }
        found
    }

    /// The operations of the path's template; one with fewer `{…}` goes first.
    fn operations(&self, path: &str) -> Option<&HashMap<String, Value>> {
        let fits = |template: &str| {
            let (wanted, given) = (template.split('/'), path.split('/'));
            wanted.clone().count() == given.clone().count()
                && wanted
                    .zip(given)
                    .all(|(want, give)| want == give || (want.starts_with('{') && !give.is_empty()))
        };
        let found = self.paths.iter().filter(|(template, _)| fits(template));
        found
            .min_by_key(|(template, _)| template.matches('{').count())
            .map(|(_, operations)| operations)
    }

    /// The query parameters of a path or an operation.
    fn declared<'a>(&'a self, parameters: Option<&'a Value>) -> Vec<&'a Value> {
        let listed = parameters.and_then(Value::as_array).into_iter().flatten();
        listed
            .map(|parameter| self.resolved(parameter))
            .filter(|parameter| parameter["in"] == "query")
            .collect()
    }

    fn resolved<'a>(&'a self, parameter: &'a Value) -> &'a Value {
        let name = parameter["$ref"]
            .as_str()
            .and_then(|at| at.strip_prefix("#/components/parameters/"));
        name.and_then(|name| self.components.parameters.get(name))
            .unwrap_or(parameter)
    }
}

fn fits(schema: &Value, value: &str) -> bool {
    match schema["type"].as_str() {
        Some("integer") => value.parse::<i64>().is_ok_and(|number| {
            schema["minimum"]
                .as_i64()
                .is_none_or(|least| number >= least)
                && schema["maximum"].as_i64().is_none_or(|most| number <= most)
        }),
        Some("boolean") => matches!(value, "true" | "false"),
        _ => !value.is_empty(),
    }
}

fn pairs(query: &[(&str, &str)]) -> Vec<(String, String)> {
    query
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect()
}

#[test]
fn tells_good_requests_from_bad() {
    if DOCUMENT.is_none() {
        return;
    }
    let mistakes =
        |method: &str, path: &str, query: &[(&str, &str)]| mistakes(method, path, &pairs(query));
    let good = [
        ("limit", "100"),
        ("offset", "abc"),
        ("project", "1"),
        ("opt_fields", "gid,name"),
    ];
    assert_eq!(mistakes("GET", "/api/1.0/tasks", &good), [""; 0]);
    assert_eq!(
        mistakes("POST", "/api/1.0/organization_exports", &[]),
        [""; 0]
    );
    for (method, path, query, mistake) in [
        (
            "GET",
            "/tasks",
            &[][..],
            "`/tasks` is outside of `/api/1.0`",
        ),
        (
            "GET",
            "/api/1.0/tasks/1/stories/2/x",
            &[],
            "no path `/tasks/1/stories/2/x`",
        ),
        (
            "GET",
            "/api/1.0/projects//sections",
            &[],
            "no path `/projects//sections`",
        ),
        ("PUT", "/api/1.0/tasks", &[], "no `PUT` of `/tasks`"),
        (
            "GET",
            "/api/1.0/tags",
            &[("color", "red")],
            "GET /tags: no query parameter `color`",
        ),
        (
            "GET",
            "/api/1.0/tags",
            &[("limit", "101")],
            "GET /tags: `limit` cannot be `101`",
        ),
        (
            "GET",
            "/api/1.0/tags",
            &[("offset", "")],
            "GET /tags: `offset` cannot be ``",
        ),
        (
            "GET",
            "/api/1.0/tags",
            &[("limit", "1"), ("limit", "1")],
            "GET /tags: `limit` comes twice",
        ),
        (
            "GET",
            "/api/1.0/attachments",
            &[],
            "GET /attachments: `parent` is required",
        ),
    ] {
        assert_eq!(mistakes(method, path, query), [mistake]);
    }
}

/// A field of a component, or of the one that it is made from by `$ref`.
fn field<'a>(manifest: &'a Value, component: &'a Value, name: &str) -> &'a Value {
    let own = &component[name];
    match component["$ref"].as_str() {
        Some(at) if own.is_null() => {
            let shared = manifest.pointer(at.trim_start_matches('#'));
            shared.map_or(own, |shared| field(manifest, shared, name))
        }
        _ => own,
    }
}

/// What the manifest says, before anything is sent: each stream's path and parameters are in the document.
#[test]
fn the_manifest_asks_only_for_what_asana_has() {
    let mut manifest: serde_yaml::Value =
        serde_yaml::from_str(MANIFEST).expect("asana.yaml is YAML");
    manifest.apply_merge().expect("its merge keys merge");
    let manifest: Value = serde_json::to_value(manifest).expect("its keys are strings");
    let definitions = &manifest["definitions"];
    let streams = definitions["streams"]
        .as_object()
        .expect("asana.yaml defines streams");
    assert!(streams.len() >= 21, "{} streams", streams.len());
    for (name, stream) in streams {
        let retriever = &stream["retriever"];
        let requester = &retriever["requester"];
        let path = requester["path"].as_str().expect("each stream has a path");
        let mut plain = path.to_owned();
        while let Some((before, (_, after))) = plain
            .split_once("{{")
            .and_then(|(b, a)| Some((b, a.split_once("}}")?)))
        {
            plain = format!("{before}1{after}");
        }
        let parameters = requester["request_parameters"]
            .as_object()
            .into_iter()
            .flatten();
        let mut query: Vec<(&str, &str)> =
            parameters.map(|(name, _)| (name.as_str(), "1")).collect();
        if retriever["$ref"] == "#/definitions/list" {
            query.extend([("limit", "100"), ("offset", "1")]);
        }
        let router = field(&manifest, retriever, "partition_router");
        let parents = field(&manifest, router, "parent_stream_configs");
        let option = field(&manifest, &parents[0], "request_option");
        let injected = option["field_name"].as_str();
        query.extend(injected.map(|name| (name, "1")));
        let method = requester["http_method"].as_str().unwrap_or("GET");
        assert_eq!(
            mistakes(method, &format!("/api/1.0{plain}"), &pairs(&query)),
            [""; 0],
            "{name}"
        );
    }
}
