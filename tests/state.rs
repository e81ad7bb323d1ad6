//! What a destination remembers, as `lowcode state` shows and edits it.

use serde_json::{Value, json};

use crate::asana::{MANIFEST, Rule, Server};
use crate::asana_run::config_of_all;
use crate::support::{Output, Run};

fn run(server: &Server, flags: &[&str]) -> Output {
    Run::new()
        .manifest(&server.serve(MANIFEST))
        .config(&config_of_all())
        .args(["run", "--wait-scale", "0", "-q"])
        .args(flags)
        .run()
}

fn state(args: &[&str]) -> Output {
    Run::new().args(["state"]).args(args).run()
}

/// What is shown of each stream, by name.
fn shown(from: &str) -> Vec<Value> {
    state(&["show", from, "--json"]).success().lines()
}

#[test]
fn what_is_left_of_a_failed_run_is_shown_and_forgotten() {
    let server = Server::start();
    server.rule(Rule::status("/projects/12050000000001/sections", 500).times(20));
    let folder = tempfile::tempdir().unwrap();
    let sqlite = folder.path().join("a.sqlite").display().to_string();
    let out = folder.path().join("out/").display().to_string();
    for to in [&sqlite, &format!("{out}/")] {
        run(
            &server,
            &["--to", to, "--stream", "sections", "--stream", "tags"],
        )
        .exits(1);
        let streams = shown(to);
        let of = |name: &str| streams.iter().find(|kept| kept["stream"] == name).unwrap();
        assert_eq!(of("tags")["next_run"], "from its beginning");
        assert_eq!(of("sections")["units"]["failed"], 1, "{streams:?}");
        assert_eq!(
            of("sections")["next_run"],
            "what failed first, then what is left"
        );
        let text = state(&["show", to]).success().stdout;
        assert!(text.contains("sections\n  ended:    2"), "{text}");
        assert!(text.contains(" 1 failed, 0 begun, 0 waiting\n"), "{text}");

        let unknown = state(&["clear", to, "section"]).exits(2);
        assert!(
            unknown
                .stderr
                .contains("nothing is kept of a stream `section`"),
            "{}",
            unknown.stderr
        );
        state(&["clear", to, "sections"]).success();
        assert!(shown(to).iter().all(|kept| kept["stream"] != "sections"));
        state(&["clear", to]).success();
        assert_eq!(state(&["show", to]).success().stdout, "nothing is kept\n");
        server.rule(Rule::status("/projects/12050000000001/sections", 500).times(20));
    }
}

#[test]
fn a_state_file_is_shown_too_and_what_is_not_there_is_told() {
    let server = Server::start();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("state.json").display().to_string();
    let printed = run(&server, &["--state", &file, "--stream", "events"]).success();
    assert!(!printed.stdout.is_empty());
    let streams = shown(&file);
    let events = streams
        .iter()
        .find(|kept| kept["stream"] == "events")
        .unwrap();
    assert_eq!(
        events["units"],
        json!({"read": 0, "failed": 0, "begun": 0, "waiting": 0})
    );
    let missing = folder.path().join("no.sqlite").display().to_string();
    let told = state(&["show", &missing]).exits(2).stderr;
    assert_eq!(told, format!("error: there is no `{missing}`\n"));
    assert!(!std::path::Path::new(&missing).exists());
    let told = state(&["show", "nothing"]).exits(2).stderr;
    assert!(told.contains("`--to nothing` is no destination"), "{told}");
}
