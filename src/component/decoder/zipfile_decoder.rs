//! `ZipfileDecoder`.

use std::borrow::Cow;
use std::io::{Cursor, Read, Seek};

use schemars::JsonSchema;
use serde::Deserialize;
use zip::ZipArchive;

use super::{Cut, Decode, Decoded, Each, PART, Parser};

/// Reads the files of a ZIP archive, one after the other.
///
/// The files are decompressed on the way: memory grows with one only where the decoder needs all of
/// it. Templates see the first value of the first file as `response`. As airbyte-cdk 7.39.1,
/// `zipfile_decoder.py`.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct ZipfileDecoder {
    /// How each file is read.
    decoder: Parser,
}

impl Decode for ZipfileDecoder {
    fn decode(&self, body: Vec<u8>, depth: usize) -> Decoded {
        let cut = Cut { depth, most: PART };
        Decoded::of_parts(|each| self.stream_files(Cursor::new(body), cut, each))
    }

    fn shows_body(&self) -> bool {
        true
    }
}

impl ZipfileDecoder {
    /// Reads the files of an archive part by part.
    pub(super) fn stream_files(&self, body: impl Read + Seek, cut: Cut, each: &mut Each<'_>) {
        let mut archive = match ZipArchive::new(body) {
            Ok(archive) => archive,
            Err(error) => {
                each(Decoded::broken(format!(
                    "the body is not a ZIP archive: {error}"
                )));
                return;
            }
        };
        for index in 0..archive.len() {
            let mut file = match archive.by_index(index) {
                // Differs: the reference gives a folder's entry to the decoder as an empty file.
                Ok(file) if file.is_dir() => continue,
                Ok(file) => file,
                Err(error) => {
                    let why = format!("`{index}` in the ZIP archive: {error}");
                    each(Decoded::broken(why));
                    return;
                }
            };
            let name = file.name();
            let name = name.map_or_else(|_| index.to_string(), Cow::into_owned);
            let told = |why: String| format!("`{name}` in the ZIP archive: {why}");
            let mut goes_on = true;
            self.decoder.stream(&mut file, cut, &mut |mut part| {
                part.warning = part.warning.map(told);
                part.broken = part.broken.map(told);
                let is_broken = part.broken.is_some();
                goes_on = each(part) && !is_broken;
                goes_on
            });
            if !goes_on {
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Cursor, Write as _};

    use serde_json::json;
    use zip::ZipWriter;
    use zip::write::SimpleFileOptions;

    use super::super::testing::{page, parts, values};

    fn archive(files: &[(&str, &str)]) -> Vec<u8> {
        let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
        writer
            .add_directory("folder", SimpleFileOptions::default())
            .unwrap();
        for (name, text) in files {
            writer
                .start_file(*name, SimpleFileOptions::default())
                .unwrap();
            writer.write_all(text.as_bytes()).unwrap();
        }
        writer.finish().unwrap().into_inner()
    }

    const YAML: &str = "{type: ZipfileDecoder, decoder: {type: CsvDecoder}}";

    #[test]
    fn all_files_are_read_and_templates_see_the_first_value() {
        let body = archive(&[("a.csv", "id\n1\n"), ("b.csv", "id\n2\n")]);
        assert_eq!(
            values(YAML, &body),
            [json!({"id": "1"}), json!({"id": "2"})]
        );
        for page in [page(YAML, &body), parts(YAML, &body, 1)] {
            assert_eq!(page.first().value(), json!({"id": "1"}));
            assert_eq!(page.documents().len(), 2);
        }
    }

    #[test]
    fn a_broken_archive_or_file_is_an_error() {
        let broken = |yaml: &str, body: &[u8]| page(yaml, body).broken.unwrap();
        assert!(broken(YAML, b"PK no").contains("not a ZIP archive"));
        let json = "{type: ZipfileDecoder, decoder: {type: JsonDecoder}}";
        let body = archive(&[("a.json", "{\"id\": 1}"), ("b.json", "nope")]);
        assert!(broken(json, &body).starts_with("`b.json` in the ZIP archive"));
        assert_eq!(page(json, &body).documents().len(), 1);
    }
}
