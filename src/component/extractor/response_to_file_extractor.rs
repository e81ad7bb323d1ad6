//! `ResponseToFileExtractor`.

use std::io::{self, Read};

use csv::{ErrorKind, ReaderBuilder, StringRecord};
use flate2::read::{MultiGzDecoder, ZlibDecoder};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::component::decoder::{PART, Page};
use crate::http::Body;
use crate::message::Text;

/// Reads the CSV file that an asynchronous job has made: plain, or compressed by gzip or zlib.
///
/// The first line names the fields; values are text, and null where the cell is empty. The lines are
/// read one after the other: memory does not grow with the file. As
/// airbyte-cdk 7.39.1, `response_to_file_extractor.py`.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct ResponseToFileExtractor {
    /// Keeps texts such as `NA`, `null` and `NaN`, which are null otherwise. Default: false.
    #[serde(default)]
    preserve_na_values: Option<bool>,
}

/// What pandas reads as a missing value, beside the empty text.
const MISSING: &[&str] = &[
    "#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND", "1.#QNAN", "<NA>",
    "N/A", "NA", "NULL", "NaN", "None", "n/a", "nan", "null",
];

impl ResponseToFileExtractor {
    /// Reads a file, and hands out a page for each part of it; `each` is false when no more are
    /// wanted. A file that is compressed and not whole, is not UTF-8, or has a line with more cells
    /// than the first, is broken there.
    pub(in crate::component) fn read(&self, body: &Body, each: &mut dyn FnMut(Page) -> bool) {
        self.read_parts(body, PART, each);
    }

    fn read_parts(&self, body: &Body, most: usize, each: &mut dyn FnMut(Page) -> bool) {
        // airbytehq/airbyte#8300: Salesforce sends null bytes.
        let content = WithoutNull(decompressed(body));
        let mut rows = ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .from_reader(content);
        let mut names = Vec::new();
        loop {
            let mut list = vec![b'['];
            let read = self.rows(&mut rows, &mut names, &mut list, most);
            list.push(b']');
            let (mut broken, goes_on) = match read {
                Ok(goes_on) => (None, goes_on),
                Err(why) => (Some(why), false),
            };
            let records = match Text::parse(list, 1) {
                Ok(list) => list.items().collect(),
                Err(fault) => {
                    broken = Some(fault.to_string());
                    Vec::new()
                }
            };
            if !each(Page::of_file(records, broken)) || !goes_on {
                return;
            }
        }
    }

    /// Writes rows as JSON objects until there are enough. False at the end of the file.
    fn rows(
        &self,
        rows: &mut csv::Reader<impl Read>,
        names: &mut Vec<String>,
        list: &mut Vec<u8>,
        most: usize,
    ) -> Result<bool, String> {
        let mut row = StringRecord::new();
        while list.len() <= most {
            let is_row = rows
                .read_record(&mut row)
                .map_err(|error| match error.kind() {
                    ErrorKind::Io(error) => format!("the file is not whole: {error}"),
                    _ => format!("the file is not CSV: {error}"),
                })?;
            if !is_row {
                return Ok(false);
            }
            if names.is_empty() {
                *names = names_of(&row);
                continue;
            }
            if row.len() > names.len() {
                return Err(format!(
                    "line {} of the file has {} cells, and the first line {}",
                    row.position().map_or(0, csv::Position::line),
                    row.len(),
                    names.len()
                ));
            }
            let record: Map<String, Value> = names
                .iter()
                .enumerate()
                .map(|(index, name)| (name.clone(), self.cell(row.get(index))))
                .collect();
            if list.len() > 1 {
                list.push(b',');
            }
            list.extend(Value::Object(record).to_string().into_bytes());
        }
        Ok(true)
    }

    fn cell(&self, cell: Option<&str>) -> Value {
        let keep = self.preserve_na_values.unwrap_or(false);
        match cell {
            None | Some("") => Value::Null,
            Some(cell) if !keep && MISSING.contains(&cell) => Value::Null,
            Some(cell) => Value::from(cell),
        }
    }
}

/// The names of the fields: of equal ones, later ones get a number, and empty ones their column's.
fn names_of(row: &StringRecord) -> Vec<String> {
    let mut names: Vec<String> = Vec::with_capacity(row.len());
    for (index, cell) in row.iter().enumerate() {
        let cell = match cell {
            "" => format!("Unnamed: {index}"),
            cell => cell.to_owned(),
        };
        let mut name = cell.clone();
        let mut number = 0;
        while names.contains(&name) {
            number += 1;
            name = format!("{cell}.{number}");
        }
        names.push(name);
    }
    names
}

fn decompressed(body: &Body) -> Box<dyn Read + '_> {
    match body.start() {
        [0x1f, 0x8b, ..] => Box::new(MultiGzDecoder::new(body.reader())),
        [0x78, 0x01 | 0x5e | 0x9c | 0xda, ..] => Box::new(ZlibDecoder::new(body.reader())),
        _ => Box::new(body.reader()),
    }
}

/// Leaves out null bytes.
struct WithoutNull<R>(R);

impl<R: Read> Read for WithoutNull<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let count = self.0.read(buffer)?;
            let read = buffer.get_mut(..count).unwrap_or_default();
            if memchr::memchr(0, read).is_none() {
                return Ok(count);
            }
            let mut kept = 0;
            for at in 0..count {
                if read[at] != 0 {
                    read[kept] = read[at];
                    kept += 1;
                }
            }
            if kept > 0 {
                return Ok(kept);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use flate2::Compression;
    use flate2::write::{GzEncoder, ZlibEncoder};
    use serde_json::json;

    use super::*;
    use crate::component::testing::from_yaml;

    fn read(options: &str, body: &[u8]) -> Result<Vec<Value>, String> {
        let extractor: ResponseToFileExtractor = from_yaml(options);
        let of_parts = |most: usize| {
            let (mut records, mut broken) = (Vec::new(), None);
            extractor.read_parts(&body.to_vec().into(), most, &mut |page| {
                records.extend(page.documents().iter().map(Text::value));
                broken = page.broken;
                true
            });
            (records, broken)
        };
        let whole = of_parts(PART);
        assert_eq!(of_parts(1), whole);
        whole.1.map_or(Ok(whole.0), Err)
    }

    #[test]
    fn cells_are_text_or_null() {
        let body = b"a,b,a,\n1,NA,\"x\ny\",\n\0,,z\n";
        assert_eq!(
            read("{}", body).unwrap(),
            [
                json!({"a": "1", "b": null, "a.1": "x\ny", "Unnamed: 3": null}),
                json!({"a": null, "b": null, "a.1": "z", "Unnamed: 3": null})
            ]
        );
        assert_eq!(
            read("{preserve_na_values: true}", b"a\nNA\n").unwrap(),
            [json!({"a": "NA"})]
        );
        assert!(read("{}", b"").unwrap().is_empty());
        assert!(read("{}", b"a\n1,2\n").is_err());
    }

    #[test]
    fn files_may_be_compressed() {
        let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
        gzip.write_all(b"a\n1\n").unwrap();
        let mut zlib = ZlibEncoder::new(Vec::new(), Compression::default());
        zlib.write_all(b"a\n1\n").unwrap();
        let gzip = gzip.finish().unwrap();
        for body in [&gzip, &zlib.finish().unwrap()] {
            assert_eq!(read("{}", body).unwrap(), [json!({"a": "1"})]);
        }
        assert!(read("{}", &gzip[..gzip.len() - 9]).is_err());
    }
}
