//! The example program that embeds the library.

use std::path::Path;
use std::process::Command;

#[test]
fn the_example_reads_a_stream_without_a_network() {
    // `cargo test` has built it, beside the binary.
    let folder = Path::new(env!("CARGO_BIN_EXE_lowcode")).with_file_name("examples");
    let example = folder.join(format!("read_stream{}", std::env::consts::EXE_SUFFIX));
    if !example.exists() {
        let built = Command::new(env!("CARGO"))
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .args(["build", "--quiet", "--example", "read_stream"])
            .status();
        assert!(built.expect("cargo starts").success());
    }
    let run = Command::new(example).output().expect("the example starts");
    let told = String::from_utf8_lossy(&run.stderr);
    assert!(run.status.success(), "{told}");
    let names = String::from_utf8_lossy(&run.stdout);
    let recorded = include_str!("support/manifests/pokeapi.jsonl");
    let wanted = recorded
        .lines()
        .filter(|line| line.contains(r#""stream":"types""#));
    assert_eq!(names.lines().count(), wanted.count());
    assert!(names.lines().any(|name| name == r#""fire""#), "{names}");
}
