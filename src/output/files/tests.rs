//! What is in the folder afterwards.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use serde_json::{Value, json};
use tempfile::TempDir;

use super::*;
use crate::message::{StreamSlice, Text};

/// A folder, and runs into it.
struct Place {
    folder: TempDir,
    /// Seconds that runs have lasted.
    seconds: Arc<AtomicU64>,
}

impl Place {
    fn new() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
            seconds: Arc::default(),
        }
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("out")
    }

    fn loading(&self, mode: Option<Mode>) -> Loading {
        let seconds = Arc::clone(&self.seconds);
        Loading {
            mode,
            has_metadata: false,
            run: "run 1".to_owned(),
            now: Box::new(|| 1_740_787_200_000_000),
            elapsed: Box::new(move || Duration::from_secs(seconds.load(Relaxed))),
        }
    }

    fn open(&self, mode: Option<Mode>, format: FileFormat) -> FilesOutput {
        let loading = self.loading(mode);
        let mut output = FilesOutput::open(&self.path(), format, loading).unwrap();
        output.begin(&[ids()]).unwrap();
        output
    }

    fn jsonl(&self) -> FilesOutput {
        self.open(None, FileFormat::Jsonl)
    }

    /// A run that never tells how far it is: `ids` of one stream.
    fn load(&self, mode: Option<Mode>, format: FileFormat, ids: &[u64], is_complete: bool) {
        let mut output = self.open(mode, format);
        output.write(&page(0, ids)).unwrap();
        output.write(&status(is_complete)).unwrap();
        output.finish().unwrap();
    }

    /// All at once after this.
    fn commit(&self, output: &mut FilesOutput, steps: Vec<Step>) {
        self.seconds.fetch_add(10, Relaxed);
        output.write(&progress(steps)).unwrap();
    }

    /// The files that are no journal.
    fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(self.path()).unwrap();
        let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let mut names: Vec<String> = names.filter(|name| !name.starts_with("_lowcode")).collect();
        names.sort();
        names
    }

    fn text(&self, name: &str) -> String {
        fs::read_to_string(self.path().join(name)).unwrap()
    }

    /// The ids in a file of JSON lines.
    fn ids(&self, name: &str) -> Vec<u64> {
        let text = self.text(name);
        let ids = text.lines().map(|line| {
            let record: Value = serde_json::from_str(line).unwrap();
            record["id"].as_u64().unwrap()
        });
        ids.collect()
    }
}

fn ids() -> CatalogStream {
    CatalogStream {
        name: "s".to_owned(),
        json_schema: json!({"properties": {"id": {"type": "integer"}}}),
        ..CatalogStream::default()
    }
}

fn page(unit: u64, ids: &[u64]) -> Message {
    let data = |id: &u64| {
        let json = format!("{{\"id\":{id}}}");
        Data::from(Text::parse(json.into_bytes(), 1).unwrap())
    };
    Message::Records {
        stream: Arc::from("s"),
        unit,
        records: ids.iter().map(data).collect(),
    }
}

fn status(is_complete: bool) -> Message {
    Message::Status {
        stream: Arc::from("s"),
        status: if is_complete {
            StreamStatus::Complete
        } else {
            StreamStatus::Incomplete
        },
    }
}

fn void(unit: Option<u64>) -> Message {
    Message::Void {
        stream: Arc::from("s"),
        unit,
    }
}

fn state(at: u64) -> Message {
    let state = serde_json::from_value(json!({"at": at})).unwrap();
    Message::State(StreamState {
        stream: Arc::from("s"),
        state,
    })
}

fn progress(steps: Vec<Step>) -> Message {
    let steps = steps.into_iter().map(|step| (Arc::from("s"), step));
    Message::Progress(Progress {
        steps: steps.collect(),
    })
}

fn begun() -> Step {
    Step::Begun {
        fingerprint: "f".to_owned(),
    }
}

fn found(unit: u64) -> Step {
    Step::Found {
        unit,
        of: None,
        slice: StreamSlice::default(),
    }
}

fn read(unit: u64) -> Step {
    Step::Read { unit, latest: None }
}

fn whole() -> Step {
    Step::Ended { is_whole: true }
}

fn steps(output: &mut FilesOutput) -> usize {
    let mut count = 0;
    let mut take = |_| {
        count += 1;
        Ok(())
    };
    Store::steps(output, "s", &mut take).unwrap();
    count
}

#[test]
fn a_file_has_its_name_once_it_is_whole() {
    let place = Place::new();
    let mut output = place.jsonl();
    place.commit(&mut output, vec![begun(), found(0)]);
    output.write(&page(0, &[1, 2])).unwrap();
    place.commit(&mut output, vec![]);
    assert_eq!(place.names(), ["s.jsonl.part"]);
    output.write(&page(0, &[3])).unwrap();
    place.commit(&mut output, vec![read(0), whole()]);
    assert_eq!(place.names(), ["s.jsonl"]);
    assert_eq!(place.ids("s.jsonl"), [1, 2, 3]);
    place.commit(&mut output, vec![Step::Over]);
    output.finish().unwrap();
    assert_eq!(output.written("s").unwrap().records, 3);
    drop(output);
    // The next run reads all of it again.
    let mut output = place.jsonl();
    assert_eq!(steps(&mut output), 0);
    place.commit(&mut output, vec![begun(), found(0)]);
    output.write(&page(0, &[4])).unwrap();
    place.commit(&mut output, vec![]);
    assert_eq!(place.ids("s.jsonl"), [1, 2, 3]);
    place.commit(&mut output, vec![read(0), whole(), Step::Over]);
    assert_eq!(place.ids("s.jsonl"), [4]);
}

#[test]
fn a_killed_run_is_gone_on_with_from_what_was_committed() {
    for format in [FileFormat::Jsonl, FileFormat::Csv] {
        let place = Place::new();
        let mut output = place.open(None, format);
        place.commit(&mut output, vec![begun(), found(0)]);
        output.write(&page(0, &[1])).unwrap();
        place.commit(&mut output, vec![]);
        output.write(&page(0, &[2])).unwrap();
        let many: Vec<u64> = (0..20_000).collect();
        // So many that some are in the file.
        output.write(&page(0, &many)).unwrap();
        drop(output);
        assert_eq!(place.names(), [format!("s.{}.part", format.extension())]);
        let mut output = place.open(None, format);
        assert_eq!(steps(&mut output), 2);
        output.write(&page(0, &[5])).unwrap();
        place.commit(&mut output, vec![read(0), whole()]);
        let (name, expected) = match format {
            FileFormat::Csv => ("s.csv", "id,_lowcode_extra\r\n1,\r\n5,\r\n"),
            _ => ("s.jsonl", "{\"id\":1}\n{\"id\":5}\n"),
        };
        assert_eq!(place.text(name), expected);
        // It was whole when the run ended, and comes to its end again without being read.
        drop(output);
        let mut output = place.open(None, format);
        assert_eq!(steps(&mut output), 4);
        place.commit(&mut output, vec![whole(), Step::Over]);
        output.finish().unwrap();
        assert_eq!(place.text(name), expected);
    }
}

#[test]
fn records_after_the_last_progress_are_not_kept() {
    let place = Place::new();
    let mut output = place.jsonl();
    place.commit(&mut output, vec![begun(), found(0)]);
    output.write(&page(0, &[1])).unwrap();
    place.commit(&mut output, vec![]);
    output.write(&page(0, &[2])).unwrap();
    output.finish().unwrap();
    assert_eq!(
        output.written("s").unwrap().notes,
        ["not read whole, so the file stays as it was"]
    );
    drop(output);
    let mut output = place.jsonl();
    assert_eq!(steps(&mut output), 2);
    place.commit(&mut output, vec![read(0), whole()]);
    assert_eq!(place.ids("s.jsonl"), [1]);
}

#[test]
fn what_a_unit_wrote_is_left_out_when_it_comes_again() {
    for format in [FileFormat::Jsonl, FileFormat::Csv] {
        let place = Place::new();
        let mut output = place.open(None, format);
        place.commit(&mut output, vec![begun(), found(0), found(1)]);
        output.write(&page(0, &[1])).unwrap();
        output.write(&page(1, &[2])).unwrap();
        place.commit(&mut output, vec![]);
        output.write(&page(0, &[3])).unwrap();
        output.write(&page(1, &[4])).unwrap();
        place.commit(&mut output, vec![read(1)]);
        drop(output);
        let mut output = place.open(None, format);
        assert!(steps(&mut output) > 0);
        output.write(&page(0, &[5])).unwrap();
        output.write(&void(Some(0))).unwrap();
        output.write(&void(Some(1))).unwrap();
        output.write(&page(0, &[6])).unwrap();
        assert_eq!(output.written("s").unwrap().records, 1);
        place.commit(&mut output, vec![read(0), whole()]);
        // Unit 1 was read to its end: nothing is void of it.
        match format {
            FileFormat::Csv => assert_eq!(
                place.text("s.csv"),
                "id,_lowcode_extra\r\n2,\r\n4,\r\n6,\r\n"
            ),
            _ => assert_eq!(place.ids("s.jsonl"), [2, 4, 6]),
        }
        assert_eq!(place.names().len(), 1);
    }
}

#[test]
fn a_load_that_begins_anew_is_not_mistaken_for_the_one_before() {
    let place = Place::new();
    let mut output = place.jsonl();
    place.commit(&mut output, vec![begun(), found(0)]);
    output.write(&page(0, &[1, 2, 3])).unwrap();
    place.commit(&mut output, vec![]);
    drop(output);
    let mut output = place.jsonl();
    assert_eq!(steps(&mut output), 2);
    for _ in 0..2 {
        output.write(&void(None)).unwrap();
        let many: Vec<u64> = (0..20_000).collect();
        output.write(&page(0, &many)).unwrap();
    }
    // Nothing of this was committed, and the file of what was is gone.
    drop(output);
    let mut output = place.jsonl();
    assert_eq!(steps(&mut output), 0);
    output.write(&page(0, &[7])).unwrap();
    place.commit(&mut output, vec![begun(), found(0)]);
    drop(output);
    let mut output = place.jsonl();
    assert_eq!(steps(&mut output), 2);
    place.commit(&mut output, vec![read(0), whole()]);
    assert_eq!(place.ids("s.jsonl"), [7]);
    assert_eq!(place.names(), ["s.jsonl"]);
}

#[test]
fn each_run_appends_a_file_and_nothing_appended_is_lost() {
    let place = Place::new();
    let append = Some(Mode::Append);
    place.load(None, FileFormat::Jsonl, &[1], true);
    place.load(append, FileFormat::Jsonl, &[2], true);
    place.load(append, FileFormat::Jsonl, &[], true);
    // A state may count what is there of it.
    place.load(append, FileFormat::Jsonl, &[3], false);
    assert_eq!(place.names(), ["s.0001.jsonl", "s.0002.jsonl", "s.jsonl"]);
    assert_eq!(place.ids("s.0002.jsonl"), [3]);
    let mut output = place.open(append, FileFormat::Jsonl);
    place.commit(&mut output, vec![begun(), found(0)]);
    output.write(&page(0, &[4])).unwrap();
    output.write(&state(4)).unwrap();
    place.commit(&mut output, vec![]);
    drop(output);
    let mut output = place.open(append, FileFormat::Csv);
    assert_eq!(Store::states(&mut output).unwrap().len(), 1);
    assert_eq!(steps(&mut output), 0);
    output.write(&page(0, &[5])).unwrap();
    assert_eq!(place.ids("s.0003.jsonl"), [4]);
    drop(output);
    // A replacement takes the place of all of them.
    place.load(None, FileFormat::Jsonl, &[6], true);
    assert_eq!(place.ids("s.jsonl"), [6]);
    let names = place.names();
    assert!(!names.iter().any(|name| name.contains(".000")), "{names:?}");
}

#[test]
fn an_incomplete_replacement_leaves_the_file() {
    let place = Place::new();
    place.load(None, FileFormat::Jsonl, &[1], true);
    place.load(None, FileFormat::Jsonl, &[2], false);
    assert_eq!(place.ids("s.jsonl"), [1]);
    assert_eq!(place.names(), ["s.jsonl"]);
    // Empty, but whole.
    place.load(None, FileFormat::Jsonl, &[], true);
    assert_eq!(place.text("s.jsonl"), "");
}

#[test]
fn a_run_that_ends_between_commit_and_name_is_ended_by_the_next() {
    let place = Place::new();
    let mut output = place.open(None, FileFormat::Parquet);
    // In the way, so that the file cannot get its name.
    fs::create_dir(place.path().join("s.parquet")).unwrap();
    place.commit(&mut output, vec![begun(), found(0)]);
    output.write(&page(0, &[1])).unwrap();
    place.seconds.fetch_add(10, Relaxed);
    let error = output.write(&progress(vec![read(0), whole()])).unwrap_err();
    assert!(error.to_string().contains("s.parquet`"), "{error}");
    assert!(output.write(&page(0, &[2])).is_err());
    drop(output);
    fs::remove_dir(place.path().join("s.parquet")).unwrap();
    let mut output = place.open(None, FileFormat::Parquet);
    assert_eq!(place.names(), ["s.parquet"]);
    assert_eq!(steps(&mut output), 4);
}

#[test]
fn another_format_is_another_load() {
    let place = Place::new();
    let mut output = place.jsonl();
    place.commit(&mut output, vec![begun(), found(0)]);
    output.write(&page(0, &[1])).unwrap();
    place.commit(&mut output, vec![read(0), whole()]);
    drop(output);
    assert_eq!(steps(&mut place.open(None, FileFormat::Csv)), 0);
    assert_eq!(steps(&mut place.jsonl()), 4);
}

#[test]
fn a_part_that_is_gone_is_read_again() {
    let place = Place::new();
    let mut output = place.jsonl();
    place.commit(&mut output, vec![begun(), found(0)]);
    output.write(&page(0, &[1])).unwrap();
    place.commit(&mut output, vec![]);
    drop(output);
    fs::remove_file(place.path().join("s.jsonl.part")).unwrap();
    assert_eq!(steps(&mut place.jsonl()), 0);
}

#[test]
fn what_is_forgotten_is_gone() {
    let place = Place::new();
    let mut output = place.jsonl();
    place.commit(&mut output, vec![begun(), found(0)]);
    output.write(&page(0, &[1])).unwrap();
    place.commit(&mut output, vec![]);
    drop(output);
    let mut output = place.jsonl();
    output.forget(None).unwrap();
    assert_eq!(steps(&mut output), 0);
    assert_eq!(place.names(), [""; 0]);
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_told_with_its_file_and_nothing_is_committed() {
    let place = Place::new();
    let mut output = place.jsonl();
    std::os::unix::fs::symlink("/dev/full", place.path().join("s.jsonl.part")).unwrap();
    output.write(&page(0, &[1])).unwrap();
    place.seconds.fetch_add(10, Relaxed);
    let error = output.write(&progress(vec![begun()])).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::StorageFull);
    let text = error.to_string();
    assert!(text.contains("s.jsonl.part`: No space left"), "{text}");
    output.finish().unwrap();
    drop(output);
    assert_eq!(steps(&mut place.jsonl()), 0);
}

#[test]
fn two_runs_upserts_and_files_in_the_way_are_refused() {
    let place = Place::new();
    let first = place.jsonl();
    let second = FilesOutput::open(&place.path(), FileFormat::Csv, place.loading(None));
    assert_eq!(second.unwrap_err().kind(), io::ErrorKind::ResourceBusy);
    drop(first);
    let loading = place.loading(Some(Mode::Upsert));
    let error = FilesOutput::open(&place.path(), FileFormat::Csv, loading).unwrap_err();
    assert!(
        error.to_string().contains("use `replace` or `append`"),
        "{error}"
    );
    fs::write(place.folder.path().join("file"), "").unwrap();
    let path = place.folder.path().join("file");
    let error = FilesOutput::open(&path, FileFormat::Csv, place.loading(None)).unwrap_err();
    assert!(error.to_string().contains("file`"), "{error}");
}
