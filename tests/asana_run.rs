//! The binary reads `asana.yaml` over real HTTP: the records are those that the server holds.

use serde_json::{Value, json};

use crate::asana::{MANIFEST, Rule, Server, TOKEN};
use crate::asana_oas::all_mistakes;
use crate::support::{Output, Run};

pub(crate) const STREAMS: [&str; 21] = [
    "workspaces",
    "users",
    "teams",
    "team_memberships",
    "projects",
    "sections",
    "tasks",
    "stories",
    "tags",
    "attachments",
    "custom_fields",
    "portfolios",
    "portfolios_memberships",
    "events",
    "organization_exports",
    "sections_compact",
    "stories_compact",
    "attachments_compact",
    "portfolios_compact",
    "portfolio_items",
    "project_details",
];

/// `lowcode VERB asana.yaml --config … FLAGS`, with the server in the place of Asana.
pub(crate) fn lowcode(server: &Server, verb: &str, config: &Value, flags: &[&str]) -> Output {
    Run::new()
        .manifest(&server.serve(MANIFEST))
        .config(config)
        .args([verb, "--wait-scale", "0"])
        .args(flags)
        .run()
}

pub(crate) fn config() -> Value {
    json!({"credentials": {"option_title": "PAT Credentials", "personal_access_token": TOKEN}})
}

/// A config with which every stream has records.
pub(crate) fn config_of_all() -> Value {
    let mut config = config();
    config["export_organizations"] = json!(["12010000000001"]);
    config
}

pub(crate) fn sorted(records: &[Value]) -> Vec<String> {
    let mut texts: Vec<String> = records
        .iter()
        .map(|record| {
            let mut record = record.clone();
            record.sort_all_objects();
            record.to_string()
        })
        .collect();
    texts.sort();
    texts
}

fn gids(records: &[Value]) -> Vec<String> {
    let mut gids: Vec<String> = records
        .iter()
        .map(|record| record["gid"].to_string())
        .collect();
    gids.sort();
    gids.dedup();
    gids
}

#[test]
fn every_stream_gives_what_the_server_holds_and_asks_nothing_twice() {
    let server = Server::start();
    let run = lowcode(&server, "run", &config_of_all(), &[]);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    for stream in STREAMS {
        assert_eq!(
            sorted(&run.records(stream)),
            sorted(&server.records(stream)),
            "{stream}\n{}",
            run.stderr
        );
    }
    let seen: Vec<_> = server
        .requests()
        .into_iter()
        .map(|seen| seen.request)
        .collect();
    assert_eq!(all_mistakes(&seen), [""; 0]);
    // A task of two projects is asked for its stories in each; only an export is polled.
    let mut asked: Vec<String> = seen
        .iter()
        .filter(|request| !request.path.contains("/organization_exports"))
        .filter(|request| {
            !request.path.contains("/tasks/") && !request.path.ends_with("/attachments")
        })
        .map(|request| format!("{} {} {:?}", request.method, request.path, request.query))
        .collect();
    let count = asked.len();
    asked.sort();
    asked.dedup();
    assert_eq!(asked.len(), count, "a parent was read twice");
}

#[test]
fn the_config_narrows_what_is_read() {
    let server = Server::start();
    let mut config = config();
    config["workspaces"] = json!(["12010000000001"]);
    config["projects"] = json!(["12050000000001"]);
    config["start_date"] = json!("2026-01-10");
    config["service_account"] = json!(true);
    let run = lowcode(&server, "run", &config, &[]);
    let count = |stream: &str| run.records(stream).len();
    let counts = [
        "workspaces",
        "users",
        "projects",
        "sections",
        "tasks",
        "portfolios",
    ]
    .map(count);
    assert_eq!(counts, [1, 3, 1, 3, 4, 3], "{}", run.stderr);
    let seen = server.requests();
    assert!(
        seen.iter()
            .all(|seen| !seen.request.path.contains("organization_exports"))
    );
    let of_tasks: Vec<_> = seen
        .iter()
        .filter(|seen| seen.request.path == "/api/1.0/tasks")
        .collect();
    assert_eq!(of_tasks.len(), 1);
    assert_eq!(
        of_tasks[0].request.param("modified_since"),
        Some("2026-01-10")
    );
}

#[test]
fn troubles_of_the_way_cost_no_record() {
    let server = Server::start();
    server.rule(
        Rule::status("/tags", 429)
            .nth(2)
            .times(1)
            .header("Retry-After", "30"),
    );
    server.rule(Rule::status("/users", 503).times(2));
    server.rule(Rule::hang_up("/projects").times(1));
    let run = lowcode(
        &server,
        "run",
        &config(),
        &[
            "--stream", "tags", "--stream", "users", "--stream", "projects",
        ],
    );
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    for stream in ["tags", "users", "projects"] {
        assert_eq!(
            sorted(&run.records(stream)),
            sorted(&server.records(stream)),
            "{stream}"
        );
    }
}

#[test]
fn an_expired_page_token_starts_the_listing_again() {
    let server = Server::start();
    server.rule(Rule::expire_offsets("/tags").nth(3).times(1));
    let run = lowcode(
        &server,
        "run",
        &config(),
        &["--stream", "tags", "--concurrency", "1"],
    );
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    assert_eq!(gids(&run.records("tags")), gids(&server.records("tags")));
    assert!(server.requests().iter().any(|seen| seen.status == 400));
}

#[test]
fn what_is_closed_is_skipped_and_told() {
    let server = Server::start();
    server.rule(Rule::status("/projects/12050000000001/sections", 403));
    server.rule(Rule::status("/projects/12050000000002/sections", 404));
    let run = lowcode(
        &server,
        "run",
        &config(),
        &["--stream", "sections", "--stream", "custom_fields"],
    );
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    assert_eq!(run.records("sections").len(), 6);
    for word in ["no access", "deleted", "paid Asana plan"] {
        assert!(run.stderr.contains(word), "{word}: {}", run.stderr);
    }
}

#[test]
fn a_wrong_token_fails_and_a_login_works() {
    let server = Server::start();
    let wrong = json!({"credentials": {"option_title": "PAT Credentials", "personal_access_token": "wrong"}});
    let check = lowcode(&server, "check", &wrong, &[]);
    assert_eq!(check.code, Some(1), "{}", check.stdout);
    assert!(
        check.stdout.contains("Asana does not accept the token"),
        "{}",
        check.stdout
    );
    let login = json!({"credentials": {"option_title": "OAuth Credentials", "client_id": "id",
        "client_secret": "a secret", "refresh_token": "valid-refresh-token"}});
    let run = lowcode(&server, "run", &login, &["--stream", "users"]);
    assert_eq!(
        sorted(&run.records("users")),
        sorted(&server.records("users")),
        "{}",
        run.stderr
    );
    let logins = server
        .requests()
        .iter()
        .filter(|seen| seen.request.path == "/-/oauth_token")
        .count();
    assert_eq!(logins, 1);
}
