//! Records that come with files.

use super::*;

/// A stream whose records name their file in `id`.
fn with_files() -> Stream {
    let mut stream = stream("s");
    stream.cursor = ", file_uploader: {type: FileUploader, \
        requester: {type: HttpRequester, url: \"https://h.example/files/{{ download_target }}\"}, \
        download_target_extractor: {type: DpathExtractor, field_path: [id]}, \
        filename_extractor: \"{{ record.id }}.txt\"}"
        .to_owned();
    stream
}

fn serve(request: &Request) -> Reply {
    match target(request) {
        "/s" => ids(&["a", "b", "c"]),
        "/files/b" => status(404),
        other => body(&json!(other)),
    }
}

#[test]
fn files_are_written_and_records_before_a_failure_come_out() {
    let folder = tempfile::tempdir().unwrap();
    let mut scene = alone();
    scene.options.files = folder.path().to_owned();
    let s = with_files();
    let ran = scene.read(&[&s], &["s"], serve);
    assert_eq!(ran.asked, ["/s", "/files/a", "/files/b"]);
    assert_eq!(ran.ids("s"), ["a"]);
    let error = &ran.outcome("s").errors[0];
    assert_eq!(error.exchange.as_ref().unwrap().status, Some(404));
    let written = std::fs::read_to_string(folder.path().join("s/a.txt")).unwrap();
    assert_eq!(written, "\"/files/a\"");
}

#[test]
fn a_check_fetches_one_file() {
    let folder = tempfile::tempdir().unwrap();
    let mut scene = alone();
    scene.options.files = folder.path().to_owned();
    scene.options.probe = true;
    let s = with_files();
    let ran = scene.read(&[&s], &["s"], serve);
    assert_eq!(ran.asked, ["/s", "/files/a"]);
}
