//! What another reader of the format finds.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{Date32Type, Float64Type, Int64Type, TimestampMicrosecondType};
use arrow_array::{Array, RecordBatch};
use arrow_ipc::reader::StreamReader;
use arrow_schema::{DataType, TimeUnit};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use serde_json::json;

use super::*;

fn stream() -> CatalogStream {
    CatalogStream {
        name: "s".to_owned(),
        json_schema: json!({"properties": {
            "i": {"type": "integer"}, "n": {"type": "number"}, "b": {"type": "boolean"},
            "d": {"type": "string", "format": "date"}, "t": {"type": "string", "format": "date-time"},
            "l": {"type": "string", "format": "date-time", "airbyte_type": "timestamp_without_timezone"},
            "x": {"type": "string"}, "j": {"type": "array"},
            "big": {"type": "number", "airbyte_type": "big_number"}}}),
        ..CatalogStream::default()
    }
}

const RECORDS: [&str; 4] = [
    r#"{"i":9223372036854775807,"n":0.1,"b":true,"d":"2025-03-01","t":"2025-03-01T02:00:00+02:00","l":"2025-03-01T00:00:00","x":"é","j":[1.10],"big":0.12345678901234567890123}"#,
    r#"{"i":9223372036854775808,"n":0.12345678901234567890123,"b":"yes","d":"soon","t":"2025-03-01","l":"","x":5,"j":null,"big":true,"new":1}"#,
    r#"{"i":1,"i":2}"#,
    "[1]",
];

/// That the columns hold the records above, without loss.
fn check(batch: &RecordBatch) {
    let kinds: Vec<&DataType> = batch
        .schema_ref()
        .fields()
        .iter()
        .map(|field| field.data_type())
        .collect();
    let utc = DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
    let local = DataType::Timestamp(TimeUnit::Microsecond, None);
    assert_eq!(
        kinds.get(..10).unwrap(),
        [
            &DataType::Int64,
            &DataType::Float64,
            &DataType::Boolean,
            &DataType::Date32,
            &utc,
            &local,
            &DataType::Utf8,
            &DataType::Utf8,
            &DataType::Utf8,
            &DataType::Utf8,
        ]
    );
    assert_eq!(batch.num_rows(), 4);
    let column = |name: &str| batch.column_by_name(name).unwrap();
    let texts = |name: &str| -> Vec<Option<String>> {
        let texts = column(name).as_string::<i32>().iter();
        texts.map(|text| text.map(str::to_owned)).collect()
    };
    assert_eq!(
        column("i")
            .as_primitive::<Int64Type>()
            .iter()
            .collect::<Vec<_>>(),
        [Some(i64::MAX), None, Some(2), None]
    );
    assert_eq!(
        column("n")
            .as_primitive::<Float64Type>()
            .iter()
            .collect::<Vec<_>>(),
        [Some(0.1), None, None, None]
    );
    assert!(column("b").as_boolean().value(0) && column("b").is_null(1));
    assert_eq!(column("d").as_primitive::<Date32Type>().value(0), 20_148);
    for time in ["t", "l"] {
        let micros = column(time).as_primitive::<TimestampMicrosecondType>();
        assert_eq!(
            micros.iter().collect::<Vec<_>>(),
            [Some(1_740_787_200_000_000), None, None, None]
        );
    }
    assert_eq!(
        texts("x"),
        [Some("é".to_owned()), Some("5".to_owned()), None, None]
    );
    assert_eq!(texts("j").first(), Some(&Some("[1.10]".to_owned())));
    assert_eq!(
        texts("big").first(),
        Some(&Some("0.12345678901234567890123".to_owned()))
    );
    assert_eq!(
        texts("_lowcode_extra"),
        [
            None,
            Some(r#"{"i":9223372036854775808,"n":0.12345678901234567890123,"b":"yes","d":"soon","t":"2025-03-01","l":"","big":true,"new":1}"#.to_owned()),
            None,
            Some("[1]".to_owned()),
        ]
    );
}

fn message(records: &[&str]) -> Message {
    let data = |json: &&str| Data::from(Text::parse(json.as_bytes().to_vec(), 1).unwrap());
    Message::Records {
        stream: Arc::from("s"),
        unit: 0,
        records: records.iter().map(data).collect(),
    }
}

#[test]
fn a_stream_of_batches_holds_values_without_loss() {
    let mut bytes = Vec::new();
    let mut output = ArrowOutput::new(&mut bytes);
    output.begin(&[stream()]).unwrap();
    output.write(&message(&RECORDS)).unwrap();
    output.finish().unwrap();
    let written = output.written("s").unwrap();
    assert_eq!((written.records, written.misfits), (4, 7));
    drop(output);
    let batches: Vec<RecordBatch> = StreamReader::try_new(bytes.as_slice(), None)
        .unwrap()
        .map(Result::unwrap)
        .collect();
    assert_eq!(batches.len(), 1);
    check(&batches[0]);
}

#[test]
fn batches_are_bounded_and_an_empty_stream_has_columns() {
    for (count, expected) in [(0, vec![]), (20_000, vec![8192, 8192, 3616])] {
        let mut bytes = Vec::new();
        let mut output = ArrowOutput::new(&mut bytes);
        output.begin(&[stream()]).unwrap();
        output.write(&message(&vec![r#"{"i":1}"#; count])).unwrap();
        output.finish().unwrap();
        drop(output);
        let reader = StreamReader::try_new(bytes.as_slice(), None).unwrap();
        assert_eq!(reader.schema().fields().len(), 10);
        let rows: Vec<usize> = reader.map(|batch| batch.unwrap().num_rows()).collect();
        assert_eq!(rows, expected);
    }
}

#[test]
fn a_parquet_file_holds_values_without_loss_and_when_they_were_loaded() {
    let lines: String = RECORDS
        .iter()
        .map(|record| format!("\"2025-03-01T00:00:00.000Z\"\t\"run 1\"\t{record}\n"))
        .collect();
    let mut file = tempfile::tempfile().unwrap();
    let (misfits, notes) = parquet(lines.as_bytes(), &stream(), true, &mut file).unwrap();
    assert_eq!((misfits, notes.len()), (7, 2));
    let reader = ParquetRecordBatchReaderBuilder::try_new(file).unwrap();
    let group = reader.metadata().row_group(0).column(0).compression();
    assert!(matches!(group, Compression::ZSTD(_)), "{group:?}");
    let batch = reader.build().unwrap().next().unwrap().unwrap();
    check(&batch);
    let loaded = batch.column_by_name("_lowcode_loaded_at").unwrap();
    assert_eq!(
        loaded.as_primitive::<TimestampMicrosecondType>().value(3),
        1_740_787_200_000_000
    );
    let run = batch.column_by_name("_lowcode_run").unwrap();
    assert_eq!(run.as_string::<i32>().value(3), "run 1");
}

#[test]
fn row_groups_are_bounded() {
    let mut lines = String::new();
    for at in 0..20_000_u64 {
        // Bytes that compress badly.
        let text: String = (0..20)
            .map(|n: u64| format!("{:016x}", (at * 31 + n).wrapping_mul(0x9e37_79b9_7f4a_7c15)))
            .collect();
        lines.push_str(&format!("{{\"x\":\"{text}{at}\"}}\n"));
    }
    let mut file = tempfile::tempfile().unwrap();
    parquet_by(1 << 20, lines.as_bytes(), &stream(), false, &mut file).unwrap();
    let reader = ParquetRecordBatchReaderBuilder::try_new(file).unwrap();
    let groups = reader.metadata().row_groups();
    assert!(groups.len() > 1, "{}", groups.len());
    let rows: i64 = groups.iter().map(|group| group.num_rows()).sum();
    assert_eq!(rows, 20_000);
}

#[test]
fn errors_of_the_writer_are_told_as_such() {
    struct Full;
    impl Write for Full {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::StorageFull.into())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let lines = "{\"i\":1}\n".repeat(100_000);
    let error = parquet(lines.as_bytes(), &stream(), false, Full).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::StorageFull);
    let (reader, writer) = io::pipe().unwrap();
    drop(reader);
    let mut output = ArrowOutput::new(writer);
    output.begin(&[stream()]).unwrap();
    output.write(&message(&RECORDS)).unwrap();
    assert_eq!(
        output.finish().unwrap_err().kind(),
        io::ErrorKind::BrokenPipe
    );
    let error = parquet(&b"x\n"[..], &stream(), false, Vec::new()).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::InvalidData);
}
