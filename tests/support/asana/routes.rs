//! The paths of the API: what each wants, what it lists, and how it pages.

use serde_json::{Value, json};

use super::data::Data;
use super::fields::Fields;
use super::http::{Request, Response, pairs};
use super::{Changing, ME, TOKEN};

/// Events in one answer; Asana's own bound is 100.
const EVENTS: usize = 2;

/// The token that a login gives.
const LOGIN_TOKEN: &str = "oauth-token";

pub(super) fn route(
    data: &Data,
    changing: &mut Changing,
    request: &Request,
    base: &str,
) -> Response {
    if request.path == "/-/oauth_token" {
        return login(request);
    }
    let token = request
        .header("authorization")
        .and_then(|value| value.strip_prefix("Bearer "));
    if token != Some(TOKEN) && token != Some(LOGIN_TOKEN) {
        return error(401, "Not Authorized");
    }
    let Some(path) = request.path.strip_prefix("/api/1.0/") else {
        return error(404, "No matching route for request");
    };
    let segments: Vec<&str> = path.split('/').collect();
    match (request.method.as_str(), segments.as_slice()) {
        ("POST", ["organization_exports"]) => start_export(data, changing, request),
        ("GET", ["organization_exports", gid]) => export(data, changing, request, gid),
        ("GET", ["events"]) => events(data, changing, request),
        ("GET", ["projects", gid]) => match data.find("projects", gid) {
            Some(project) => Response::json(200, &json!({"data": shown(request, project)})),
            None => error(404, "project: Not a recognized ID"),
        },
        ("GET", segments) => match listing(data, request, segments) {
            Ok(records) => page(changing, request, base, &records),
            Err(response) => response,
        },
        _ => error(404, "No matching route for request"),
    }
}

/// The records of a list, before paging.
fn listing<'a>(
    data: &'a Data,
    request: &Request,
    segments: &[&str],
) -> Result<Vec<&'a Value>, Response> {
    let wanted = |name: &str| {
        request
            .param(name)
            .ok_or_else(|| error(400, &format!("{name}: Missing input")))
    };
    let (kind, parent) = match segments {
        ["workspaces"] => ("workspaces", ""),
        ["workspaces", gid, "teams"] => ("teams", *gid),
        ["workspaces", gid, "custom_fields"] => ("custom_fields", *gid),
        ["teams", gid, "team_memberships"] => ("team_memberships", *gid),
        ["projects", gid, "sections"] => ("sections", *gid),
        ["tasks", gid, "stories"] => ("stories", *gid),
        ["portfolios", gid, "items"] => ("portfolio_items", *gid),
        ["users"] => ("users", wanted("workspace")?),
        ["projects"] => ("projects", wanted("workspace")?),
        ["tags"] => ("tags", wanted("workspace")?),
        ["tasks"] => ("tasks", wanted("project")?),
        ["attachments"] => ("attachments", wanted("parent")?),
        ["status_updates"] => ("status_updates", wanted("parent")?),
        ["portfolio_memberships"] => ("portfolios_memberships", wanted("portfolio")?),
        ["portfolios"] if request.param("owner").is_none() => {
            ("portfolios of all", wanted("workspace")?)
        }
        ["portfolios"] if matches!(request.param("owner"), Some("me" | ME)) => {
            ("portfolios", wanted("workspace")?)
        }
        ["portfolios"] => return Err(error(403, "Only a service account may name another owner")),
        _ => return Err(error(404, "No matching route for request")),
    };
    let Some(records) = data.list(kind, parent) else {
        let known = data.find("workspaces", parent).is_some();
        return Err(match kind {
            "custom_fields" | "portfolios" | "portfolios of all" if known => {
                error(402, "This feature is not available to your organization")
            }
            "teams" if known => error(403, "The workspace is not an organization"),
            _ => error(404, &format!("{kind}: Not a recognized ID: {parent}")),
        });
    };
    let since = |field: &'static str, from: Option<&str>| {
        let from = from.unwrap_or_default().to_owned();
        move |record: &&Value| record[field].as_str().unwrap_or_default() >= from.as_str()
    };
    let modified = since(
        "modified_at",
        request.param("modified_since").filter(|_| kind == "tasks"),
    );
    let created = since(
        "created_at",
        request
            .param("created_since")
            .filter(|_| kind == "status_updates"),
    );
    Ok(records.iter().filter(modified).filter(created).collect())
}

fn page(changing: &mut Changing, request: &Request, base: &str, records: &[&Value]) -> Response {
    let others = request.query.iter().filter(|(name, _)| name != "offset");
    let query: Vec<String> = others
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    let listing = format!("{}?{}", request.path, query.join("&"));
    let start = match request.param("offset") {
        None => 0,
        Some(token) => match changing.offsets.get(token) {
            Some((of, start)) if *of == listing => *start,
            _ if token.starts_with("eyJ0eXAi") => {
                return error(400, "offset: Your pagination token has expired.");
            }
            _ => return error(400, "offset: Your pagination token is invalid."),
        },
    };
    let limit = match request.param("limit").map(str::parse::<usize>) {
        None => None,
        Some(Ok(limit @ 1..=100)) => Some(limit),
        Some(_) => return error(400, "limit: Must be between 1 and 100"),
    };
    let end = limit.map_or(records.len(), |limit| records.len().min(start + limit));
    let shown: Vec<Value> = records[start..end]
        .iter()
        .map(|record| shown(request, record))
        .collect();
    let mut body = json!({"data": shown});
    // "Only present when a limit query parameter is provided."
    if limit.is_some() {
        body["next_page"] = Value::Null;
    }
    if end < records.len() {
        changing.tokens_made += 1;
        let offset = format!("eyJ0eXAi.{:06}.{end}", changing.tokens_made);
        let path = format!("{}&offset={offset}", listing.trim_start_matches("/api/1.0"));
        body["next_page"] =
            json!({"offset": offset, "path": path, "uri": format!("{base}/api/1.0{path}")});
        changing.offsets.insert(offset, (listing, end));
    }
    Response::json(200, &body)
}

/// A record with the fields asked for; without `opt_fields`, the compact form.
fn shown(request: &Request, record: &Value) -> Value {
    let fields = request
        .param("opt_fields")
        .unwrap_or("resource_type,name,resource_subtype");
    Fields::parse(fields).of(record)
}

fn events(data: &Data, changing: &mut Changing, request: &Request) -> Response {
    let Some(resource) = request.param("resource") else {
        return error(400, "resource: Missing input");
    };
    let Some(events) = data.list("events", resource) else {
        return error(404, "resource: Not a recognized ID");
    };
    let known = request
        .param("sync")
        .and_then(|sync| changing.syncs.get(sync));
    let start = known
        .filter(|(of, _)| of == resource)
        .map(|(_, start)| *start);
    let end = events.len().min(start.map_or(0, |start| start + EVENTS));
    changing.tokens_made += 1;
    let sync = format!("{:032x}:0", changing.tokens_made);
    changing
        .syncs
        .insert(sync.clone(), (resource.to_owned(), end));
    let Some(start) = start else {
        let message = "Sync token invalid or too old. If you are attempting to keep resources in sync, you must fetch the full dataset.";
        return Response::json(
            412,
            &json!({"errors": [{"message": message}], "sync": sync}),
        );
    };
    let fields = Fields::parse(
        request
            .param("opt_fields")
            .unwrap_or("action,created_at,resource"),
    );
    let shown: Vec<Value> = events[start..end]
        .iter()
        .map(|event| fields.of(event))
        .collect();
    Response::json(
        200,
        &json!({"data": shown, "sync": sync, "has_more": end < events.len()}),
    )
}

/// The gid of the `n`th export.
pub(super) fn export_gid(n: usize) -> String {
    format!("1299{n:010}")
}

fn start_export(data: &Data, changing: &mut Changing, request: &Request) -> Response {
    let body: Value = serde_json::from_str(&request.body).unwrap_or_default();
    let organization = body["data"]["organization"].as_str().unwrap_or_default();
    if data.find("workspaces", organization).is_none() {
        return error(400, "organization: Not a recognized ID");
    }
    changing.exports.push((organization.to_owned(), 0));
    let gid = export_gid(changing.exports.len());
    Response::json(201, &json!({"data": data.export(&gid, organization, 0)}))
}

fn export(data: &Data, changing: &mut Changing, request: &Request, gid: &str) -> Response {
    let number: usize = gid
        .strip_prefix("1299")
        .and_then(|n| n.parse().ok())
        .unwrap_or(0);
    let Some((organization, polls)) = number
        .checked_sub(1)
        .and_then(|index| changing.exports.get_mut(index))
    else {
        return error(404, "organization_export: Not a recognized ID");
    };
    let export = data.export(gid, organization, *polls);
    *polls += 1;
    Response::json(200, &json!({"data": shown(request, &export)}))
}

fn login(request: &Request) -> Response {
    let form = pairs(&request.body);
    let field = |name: &str| {
        form.iter()
            .find_map(|(key, value)| (key == name).then_some(value.as_str()))
    };
    if field("grant_type") != Some("refresh_token")
        || field("refresh_token") != Some("valid-refresh-token")
    {
        return Response::json(
            400,
            &json!({"error": "invalid_grant", "error_description": "The refresh token is not valid"}),
        );
    }
    Response::json(
        200,
        &json!({"access_token": LOGIN_TOKEN, "token_type": "bearer", "expires_in": 3600}),
    )
}

fn error(status: u16, message: &str) -> Response {
    let help =
        "For more information on API status codes and how to handle them, read the docs on errors";
    Response::json(
        status,
        &json!({"errors": [{"message": message, "help": help}]}),
    )
}
