//! The loopback Asana does what Asana's documents say.

use std::collections::HashSet;

use serde_json::{Value, json};

use crate::asana::{MANIFEST, ME, Rule, Server, Size, TOKEN};
use crate::asana_oas::all_mistakes;

const WORKSPACE: &str = "12010000000001";
const FREE_WORKSPACE: &str = "12010000000002";
const PROJECT: &str = "12050000000001";

struct Answer {
    status: u16,
    retry_after: Option<String>,
    body: Value,
}

fn agent() -> ureq::Agent {
    let config = ureq::Agent::config_builder().http_status_as_error(false);
    config.build().into()
}

fn get_with(server: &Server, target: &str, token: &str) -> Result<Answer, ureq::Error> {
    let url = format!("{}/api/1.0{target}", server.base_url);
    let mut response = agent()
        .get(url)
        .header("Authorization", format!("Bearer {token}"))
        .call()?;
    let retry_after = response
        .headers()
        .get("Retry-After")
        .and_then(|value| value.to_str().ok());
    Ok(Answer {
        status: response.status().as_u16(),
        retry_after: retry_after.map(str::to_owned),
        body: serde_json::from_str(&response.body_mut().read_to_string()?).expect("a body of JSON"),
    })
}

fn get(server: &Server, target: &str) -> Answer {
    get_with(server, target, TOKEN).expect("an answer")
}

fn length(answer: &Answer) -> usize {
    answer.body["data"].as_array().expect("a list").len()
}

#[test]
fn pages_follow_each_other_until_next_page_is_null() {
    let server = Server::with(Size {
        tags: 250,
        ..Size::default()
    });
    let (mut gids, mut sizes, mut offset) = (HashSet::new(), Vec::new(), String::new());
    loop {
        let page = get(
            &server,
            &format!("/tags?workspace={WORKSPACE}&limit=100{offset}"),
        );
        sizes.push(length(&page));
        for tag in page.body["data"].as_array().expect("a list") {
            assert!(gids.insert(tag["gid"].to_string()), "each comes once");
        }
        let next = &page.body["next_page"];
        if next.is_null() {
            break;
        }
        let token = next["offset"].as_str().expect("a token");
        let path = next["path"].as_str().expect("a path");
        assert_eq!(next["uri"], format!("{}/api/1.0{path}", server.base_url));
        assert_eq!(get(&server, path).status, 200);
        offset = format!("&offset={token}");
    }
    assert_eq!(sizes, [100, 100, 50]);
    let whole = get(&server, &format!("/tags?workspace={WORKSPACE}"));
    assert_eq!((length(&whole), whole.body.get("next_page")), (250, None));
}

#[test]
fn refuses_what_asana_refuses() {
    let server = Server::start();
    let first = get(&server, &format!("/tags?workspace={WORKSPACE}&limit=100"));
    let token = first.body["next_page"]["offset"]
        .as_str()
        .expect("a token")
        .to_owned();
    for (target, status, message) in [
        ("/tags".to_owned(), 400, "workspace: Missing input"),
        (
            format!("/tags?workspace={WORKSPACE}&limit=0"),
            400,
            "limit: Must be between 1 and 100",
        ),
        (
            format!("/tags?workspace={WORKSPACE}&limit=101"),
            400,
            "limit: Must be between 1 and 100",
        ),
        (
            format!("/tags?workspace={WORKSPACE}&limit=100&offset="),
            400,
            "offset: Your pagination token is invalid.",
        ),
        (
            format!("/tags?workspace={WORKSPACE}&limit=50&offset={token}"),
            400,
            "offset: Your pagination token has expired.",
        ),
        (
            format!("/workspaces/{FREE_WORKSPACE}/teams"),
            403,
            "The workspace is not an organization",
        ),
        (
            format!("/workspaces/{FREE_WORKSPACE}/custom_fields"),
            402,
            "This feature is not available to your organization",
        ),
        (
            format!("/portfolios?workspace={WORKSPACE}&owner=1"),
            403,
            "Only a service account may name another owner",
        ),
        (
            "/projects/1".to_owned(),
            404,
            "project: Not a recognized ID",
        ),
        ("/nothing".to_owned(), 404, "No matching route for request"),
    ] {
        let answer = get(&server, &target);
        assert_eq!(
            (answer.status, &answer.body["errors"][0]["message"]),
            (status, &json!(message)),
            "{target}"
        );
    }
    assert_eq!(
        get_with(&server, "/workspaces", "wrong")
            .expect("an answer")
            .status,
        401
    );
}

#[test]
fn every_field_of_the_manifest_brings_the_whole_record() {
    let server = Server::start();
    let manifest: Value = serde_yaml::from_str(MANIFEST).expect("asana.yaml is YAML");
    let fields = |stream: &str| {
        manifest["definitions"]["opt_fields"][stream]
            .as_str()
            .expect("fields")
            .to_owned()
    };
    for (stream, target) in [
        ("workspaces", "/workspaces?limit=100".to_owned()),
        (
            "custom_fields",
            format!("/workspaces/{WORKSPACE}/custom_fields?limit=100"),
        ),
        ("teams", format!("/workspaces/{WORKSPACE}/teams?limit=100")),
        (
            "portfolios",
            format!("/portfolios?workspace={WORKSPACE}&owner={ME}&limit=100"),
        ),
    ] {
        let answer = get(&server, &format!("{target}&opt_fields={}", fields(stream)));
        assert_eq!(
            answer.body["data"],
            Value::from(server.records(stream)),
            "{stream}"
        );
        let compact = get(&server, &target);
        assert_ne!(
            compact.body["data"],
            Value::from(server.records(stream)),
            "{stream}"
        );
    }
    assert_eq!(
        length(&get(&server, &format!("/portfolios?workspace={WORKSPACE}"))),
        3
    );
    let recent = get(
        &server,
        &format!("/tasks?project={PROJECT}&modified_since=2026-01-10"),
    );
    assert_eq!(length(&recent), 4);
    let seen: Vec<_> = server
        .requests()
        .into_iter()
        .map(|seen| seen.request)
        .collect();
    assert_eq!(all_mistakes(&seen), [""; 0]);
}

#[test]
fn holds_the_same_in_each_run() {
    let (one, other) = (Server::start(), Server::start());
    for (stream, count) in [
        ("users", 5),
        ("tags", 206),
        ("tasks", 18),
        ("stories", 272),
        ("attachments", 9),
        ("portfolio_items", 3),
        ("stories_compact", 272),
        ("status_updates", 8),
    ] {
        let records = one.records(stream);
        assert_eq!(records.len(), count, "{stream}");
        assert_eq!(records, other.records(stream), "{stream}");
    }
}

#[test]
fn rules_decide_before_the_server_does() {
    let server = Server::start();
    server.rule(
        Rule::status("/workspaces", 429)
            .nth(2)
            .times(1)
            .header("Retry-After", "7"),
    );
    server.rule(Rule::hang_up("/users"));
    server.rule(Rule::expire_offsets("/tags").nth(2).times(1));
    let statuses = [(); 3]
        .map(|()| get(&server, "/workspaces"))
        .map(|answer| (answer.status, answer.retry_after));
    assert_eq!(
        statuses,
        [(200, None), (429, Some("7".to_owned())), (200, None)]
    );
    assert!(get_with(&server, "/users", TOKEN).is_err());
    let target = format!("/tags?workspace={WORKSPACE}&limit=100");
    let offset = get(&server, &target).body["next_page"]["offset"]
        .as_str()
        .expect("a token")
        .to_owned();
    let expired = get(&server, &format!("{target}&offset={offset}"));
    assert_eq!(
        expired.body["errors"][0]["message"],
        "offset: Your pagination token has expired."
    );
    let log: Vec<u16> = server.requests().iter().map(|seen| seen.status).collect();
    assert_eq!(log[..3], [200, 429, 200]);
    assert_eq!(log[3], 0);
}

#[test]
fn events_start_with_a_token_and_end_without_more() {
    let server = Server::start();
    let target = format!("/events?resource={PROJECT}");
    let mut answer = get(&server, &target);
    assert_eq!(answer.status, 412);
    let mut events = Vec::new();
    while events.is_empty() || answer.body["has_more"] == true {
        let sync = answer.body["sync"].as_str().expect("a token");
        answer = get(&server, &format!("{target}&sync={sync}"));
        events.extend(answer.body["data"].as_array().expect("events").clone());
    }
    assert_eq!(events.len(), 3);
    assert_eq!(get(&server, &format!("{target}&sync=old")).status, 412);
}

#[test]
fn an_export_is_finished_when_asked_for_the_third_time() {
    let server = Server::start();
    let url = format!("{}/api/1.0/organization_exports", server.base_url);
    let body = json!({"data": {"organization": WORKSPACE}}).to_string();
    let mut started = agent()
        .post(url)
        .header("Authorization", format!("Bearer {TOKEN}"))
        .send(&body)
        .expect("an answer");
    assert_eq!(started.status(), 201);
    let started: Value =
        serde_json::from_str(&started.body_mut().read_to_string().expect("a body")).expect("JSON");
    let gid = started["data"]["gid"].as_str().expect("a gid");
    let target = format!("/organization_exports/{gid}?opt_fields=state,download_url");
    let states = [(); 3].map(|()| get(&server, &target).body["data"]["state"].clone());
    assert_eq!(states, ["pending", "started", "finished"]);
    assert_eq!(
        server.records("organization_exports")[0]["state"],
        "finished"
    );
}

#[test]
fn a_login_gives_a_token_that_works() {
    let server = Server::start();
    let login = |refresh_token: &str| {
        let form = [
            ("grant_type", "refresh_token"),
            ("refresh_token", refresh_token),
        ];
        agent()
            .post(format!("{}/-/oauth_token", server.base_url))
            .send_form(form)
            .expect("an answer")
    };
    let mut good = login("valid-refresh-token");
    let token: Value =
        serde_json::from_str(&good.body_mut().read_to_string().expect("a body")).expect("JSON");
    let token = token["access_token"].as_str().expect("a token");
    assert_eq!(
        get_with(&server, "/workspaces", token)
            .expect("an answer")
            .status,
        200
    );
    assert_eq!(login("other").status(), 400);
    let manifest = server.serve(MANIFEST);
    assert!(manifest.contains(&format!("{}/-/oauth_token", server.base_url)));
}
