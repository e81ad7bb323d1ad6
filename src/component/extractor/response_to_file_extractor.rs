//! `ResponseToFileExtractor`.

use std::io::Read as _;

use csv::{ReaderBuilder, StringRecord};
use flate2::read::{MultiGzDecoder, ZlibDecoder};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::component::ComponentError;
use crate::component::decoder::Page;
use crate::message::{Data, Text};

/// Reads the CSV file that an asynchronous job has made: plain, or compressed by gzip or zlib.
///
/// The first line names the fields; values are text, and null where the cell is empty. As
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
    /// The records of a file.
    ///
    /// # Errors
    /// When it is compressed and not whole, is not UTF-8, or a line has more cells than the first.
    pub fn records(&self, body: Vec<u8>) -> Result<Vec<Data>, ComponentError> {
        let mut content = decompressed(body)
            .map_err(|error| ComponentError::system(format!("the file is not whole: {error}")))?;
        // airbytehq/airbyte#8300: Salesforce sends null bytes.
        content.retain(|byte| *byte != 0);
        let wrong =
            |error: csv::Error| ComponentError::system(format!("the file is not CSV: {error}"));
        let mut reader = ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .from_reader(content.as_slice());
        let mut row = StringRecord::new();
        let mut records = Vec::new();
        if !reader.read_record(&mut row).map_err(wrong)? {
            return Ok(records);
        }
        let names = names(&row);
        while reader.read_record(&mut row).map_err(wrong)? {
            if row.len() > names.len() {
                return Err(ComponentError::system(format!(
                    "line {} of the file has {} cells, and the first line {}",
                    row.position().map_or(0, csv::Position::line),
                    row.len(),
                    names.len()
                )));
            }
            let record: Map<String, Value> = names
                .iter()
                .enumerate()
                .map(|(index, name)| (name.clone(), self.cell(row.get(index))))
                .collect();
            records.push(Data::from_value(Value::Object(record)));
        }
        Ok(records)
    }

    /// The records of a file as a page.
    pub(in crate::component) fn page(&self, body: Vec<u8>) -> Page {
        let records = match self.records(body) {
            Ok(records) => records,
            Err(error) => return Page::of_file(Vec::new(), Some(error.message)),
        };
        let texts = records.iter().map(|record| {
            let mut bytes = Vec::new();
            record.write_json(&mut bytes);
            Text::parse(bytes, 0)
        });
        match texts.collect() {
            Ok(texts) => Page::of_file(texts, None),
            Err(error) => Page::of_file(Vec::new(), Some(error.to_string())),
        }
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
fn names(row: &StringRecord) -> Vec<String> {
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

fn decompressed(body: Vec<u8>) -> std::io::Result<Vec<u8>> {
    let mut content = Vec::new();
    match body.as_slice() {
        [0x1f, 0x8b, ..] => MultiGzDecoder::new(body.as_slice()).read_to_end(&mut content)?,
        [0x78, 0x01 | 0x5e | 0x9c | 0xda, ..] => {
            ZlibDecoder::new(body.as_slice()).read_to_end(&mut content)?
        }
        _ => return Ok(body),
    };
    Ok(content)
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use flate2::Compression;
    use flate2::write::{GzEncoder, ZlibEncoder};
    use serde_json::json;

    use super::*;
    use crate::component::testing::from_yaml;

    fn read(options: &str, body: &[u8]) -> Result<Vec<Value>, ComponentError> {
        let extractor: ResponseToFileExtractor = from_yaml(options);
        let records = extractor.records(body.to_vec())?;
        Ok(records.iter().map(Data::to_value).collect())
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
