//! Rate limits over HTTP: who waits when a host says so, and who does not.

use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use lowcode::clock::monotonic;
use serde_json::json;

use crate::support::{Asked, Raw, Run, answer};

/// Three streams: of one host and token in many partitions, of another token, of another host.
const MANIFEST: &str = r##"version: 7.0.0
type: DeclarativeSource
check: {type: CheckStream, stream_names: [limited]}
definitions:
  retriever:
    type: SimpleRetriever
    requester:
      type: HttpRequester
      url_base: "{{ config['host'] }}"
      path: "{{ parameters['path'] }}"
      authenticator: {type: BearerAuthenticator, api_token: "{{ config['token'] }}"}
      error_handler:
        type: DefaultErrorHandler
        backoff_strategies: [{type: WaitTimeFromHeader, header: Retry-After}]
    record_selector:
      type: RecordSelector
      extractor: {type: DpathExtractor, field_path: [data]}
  paged:
    $ref: "#/definitions/retriever"
    paginator:
      type: DefaultPaginator
      page_token_option: {type: RequestOption, inject_into: request_parameter, field_name: after}
      pagination_strategy: {type: CursorPagination, cursor_value: "{{ response.next }}"}
  schema_loader: {type: InlineSchemaLoader, schema: {type: object}}
streams:
  - type: DeclarativeStream
    name: limited
    $parameters: {path: /limited}
    retriever:
      $ref: "#/definitions/paged"
      partition_router: {type: ListPartitionRouter, values: "{{ config['partitions'] }}", cursor_field: n}
    schema_loader: {$ref: "#/definitions/schema_loader"}
  - type: DeclarativeStream
    name: other_token
    $parameters: {path: /other_token}
    retriever:
      $ref: "#/definitions/paged"
      requester:
        $ref: "#/definitions/retriever/requester"
        authenticator: {type: BearerAuthenticator, api_token: "{{ config['other_token'] }}"}
    schema_loader: {$ref: "#/definitions/schema_loader"}
  - type: DeclarativeStream
    name: other_host
    $parameters: {path: /other_host}
    retriever:
      $ref: "#/definitions/paged"
      requester:
        $ref: "#/definitions/retriever/requester"
        url_base: "{{ config['other_host'] }}"
    schema_loader: {$ref: "#/definitions/schema_loader"}
"##;

/// What the host asks for.
const PAUSE: Duration = Duration::from_secs(3);
/// How long the requests that were under way wait for their answers when one of them was refused, so
/// that the refusal is known to the binary before any of its threads asks again.
const UNDER_WAY: Duration = Duration::from_secs(1);

/// How far the story is: requests to the limited host so far, and when one of them was refused.
#[derive(Default)]
struct Story {
    came: usize,
    refused: Option<Instant>,
    came_back: bool,
}

#[derive(Default)]
struct Stage {
    /// Requests that are under way when the first of them is refused. No other comes before they are
    /// answered.
    under_way: usize,
    /// Whether the limited host has a second page for each of these.
    has_pages: bool,
    story: Mutex<Story>,
    changed: Condvar,
}

impl Stage {
    fn new(under_way: usize, has_pages: bool) -> Arc<Self> {
        Arc::new(Self {
            under_way,
            has_pages,
            ..Self::default()
        })
    }

    /// The first request is refused as soon as enough are under way.
    fn limited(&self, asked: &Asked) -> Vec<u8> {
        let mut story = self.story.lock().expect("no panic");
        story.came += 1;
        self.changed.notify_all();
        if story.came == 1 {
            let wait = Duration::from_secs(30);
            let too_few = |story: &mut Story| story.came < self.under_way;
            let waited = self.changed.wait_timeout_while(story, wait, too_few);
            waited.expect("no panic").0.refused = Some(monotonic());
            self.changed.notify_all();
            let fields = format!("Retry-After: {}\r\n", PAUSE.as_secs());
            return answer(429, &fields, b"{}");
        }
        if story.refused.is_some() {
            story.came_back = true;
        } else {
            let not_yet = |story: &mut Story| story.refused.is_none();
            drop(self.changed.wait_while(story, not_yet).expect("no panic"));
            pause(UNDER_WAY);
        }
        let next = (self.has_pages && !asked.target.contains("after=")).then_some(2);
        page(next)
    }

    /// Page after page, until the limited host is asked again.
    fn endless(&self, asked: &Asked) -> Vec<u8> {
        pause(Duration::from_millis(20));
        let after = asked.target.split("after=").nth(1);
        let after: u32 = after.and_then(|page| page.parse().ok()).unwrap_or(0);
        page((!self.story.lock().expect("no panic").came_back).then_some(after + 1))
    }

    fn refused(&self) -> Instant {
        let refused = self.story.lock().expect("no panic").refused;
        refused.expect("one was refused")
    }

    fn answer(&self, asked: &Asked) -> Vec<u8> {
        if asked.target.starts_with("/limited") {
            self.limited(asked)
        } else {
            self.endless(asked)
        }
    }
}

/// How long after an instant those requests came that came later.
fn since(instant: Instant, asked: &[Asked]) -> Vec<Duration> {
    let times = asked.iter().map(|asked| asked.at);
    times
        .filter_map(|at| at.checked_duration_since(instant))
        .collect()
}

fn page(next: Option<u32>) -> Vec<u8> {
    let body = json!({"data": [{}], "next": next}).to_string();
    answer(200, "", body.as_bytes())
}

fn pause(duration: Duration) {
    let began = monotonic();
    while let Some(left) = duration.checked_sub(began.elapsed()) {
        std::thread::park_timeout(left);
    }
}

#[test]
fn a_limit_pauses_all_who_ask_that_host_with_that_token_and_nobody_else() {
    let stage = Stage::new(6, true);
    let (here, there) = (Arc::clone(&stage), Arc::clone(&stage));
    let server = Raw::start(move |asked| here.answer(asked));
    let other = Raw::start(move |asked| there.answer(asked));
    let config = json!({
        "host": server.base_url, "other_host": other.base_url, "token": "a", "other_token": "b",
        "partitions": ["1", "2", "3", "4", "5", "6"],
    });
    let run = Run::new()
        .manifest(MANIFEST)
        .config(&config)
        .args(["run", "--concurrency", "8"])
        .run()
        .success();
    let refused = stage.refused();
    let (limited, other_token): (Vec<_>, Vec<_>) =
        (server.asked().into_iter()).partition(|asked| asked.target.starts_with("/limited"));
    let after = since(refused, &limited);
    assert_eq!((limited.len(), after.len()), (13, 7));
    assert!(after.iter().all(|after| *after >= PAUSE), "{after:?}");
    assert_eq!(run.records("limited").len(), 12);

    for (asked, header) in [(other_token, "bearer b"), (other.asked(), "bearer a")] {
        let with_token = |asked: &Asked| asked.head.to_lowercase().contains(header);
        assert!(asked.iter().all(with_token));
        let in_the_pause = (since(refused, &asked).into_iter())
            .filter(|after| *after >= UNDER_WAY && *after < PAUSE);
        assert!(in_the_pause.count() > 0, "{header}");
    }
}

#[test]
fn who_waited_for_a_budget_meets_the_limit_too() {
    let manifest = MANIFEST.to_owned()
        + r#"
api_budget:
  type: HTTPAPIBudget
  policies:
    - type: MovingWindowCallRatePolicy
      rates: [{type: Rate, limit: 2, interval: PT2S}]
      matchers: []
"#;
    let stage = Stage::new(2, false);
    let here = Arc::clone(&stage);
    let server = Raw::start(move |asked| here.answer(asked));
    let config = json!({"host": server.base_url, "token": "a", "partitions": ["1", "2", "3"]});
    Run::new()
        .manifest(&manifest)
        .config(&config)
        .args(["run", "--stream", "limited"])
        .run()
        .success();
    let after = since(stage.refused(), &server.asked());
    assert!(!after.is_empty());
    assert!(after.iter().all(|after| *after >= PAUSE), "{after:?}");
}
