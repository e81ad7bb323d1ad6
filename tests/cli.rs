//! The command line itself: usage, mistakes in what it names, exit codes.

use serde_json::json;

use crate::support::Run;

#[test]
fn help_and_version_are_no_errors() {
    let help = Run::new().args(["--help"]).run().success();
    assert!(help.stdout.contains("Exit codes:"), "{}", help.stdout);
    for verb in ["run", "read", "check", "discover", "spec"] {
        let help = Run::new().args([verb, "--help"]).run().success();
        let examples = help.stdout.find("Examples:").expect(verb);
        let usage = help.stdout.find("Usage:").expect(verb);
        assert!(examples < usage, "{}", help.stdout);
    }
    Run::new().args(["--version"]).run().success();
}

#[test]
fn a_wrong_command_line_exits_with_2_and_prints_nothing_on_stdout() {
    let lines: [&[&str]; 7] = [
        &[],
        &["rnu"],
        &["run", "--limt", "3"],
        &["run", "m.yaml", "--now", "yesterday"],
        &["run", "m.yaml", "--wait-scale", "-1"],
        &["run", "m.yaml", "--concurrency", "0"],
        &["read", "m.yaml"],
    ];
    for line in lines {
        let output = Run::new().args(line).run().exits(2);
        assert_eq!(output.stdout, "", "{line:?}");
        assert_ne!(output.stderr, "", "{line:?}");
    }
}

#[test]
fn what_cannot_be_read_is_one_error() {
    let output = Run::new().args(["run", "nowhere.yaml"]).run().exits(2);
    assert!(
        output
            .stderr
            .starts_with("error: cannot read manifest `nowhere.yaml`: "),
        "{}",
        output.stderr
    );
    assert_eq!(output.stderr.lines().count(), 1, "{}", output.stderr);

    let output = Run::new().args(["run"]).run().exits(2);
    assert!(
        output
            .stderr
            .starts_with("error: no manifest was given\nhelp: ")
    );

    let output = Run::new()
        .manifest("type: DeclarativeSource")
        .config(&json!({"token": "${env:TOKEN}"}))
        .args(["check"])
        .run()
        .exits(2);
    let status = &output.messages("CONNECTION_STATUS")[0]["connectionStatus"];
    assert_eq!(status["status"], "FAILED");
    assert_eq!(
        output.stderr,
        "error: `token` asks for the environment variable `TOKEN`, which is not set\n"
    );
}
