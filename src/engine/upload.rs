//! Files that belong to records: fetched, written down, and told of in the record.

use super::Shared;
use super::error::ReadError;
use super::exchange::{Answer, Question};
use crate::component::stream::FileUploader;
use crate::http::Body;
use crate::message::{Data, FileReference};
use crate::template::uuid4;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

impl Shared {
    /// Fetches the file of each record. The records from the first failure on are dropped.
    pub(super) fn upload(
        &self,
        stream: usize,
        uploader: &FileUploader,
        records: &mut Vec<Data>,
    ) -> Result<(), ReadError> {
        if self.options.probe {
            // A check wants to see one record.
            records.truncate(1);
        }
        for at in 0..records.len() {
            match self.upload_one(stream, uploader, &records[at]) {
                Ok(file) => records[at].set_file(file),
                Err(error) => {
                    records.truncate(at);
                    return Err(error);
                }
            }
        }
        Ok(())
    }

    fn upload_one(
        &self,
        stream: usize,
        uploader: &FileUploader,
        record: &Data,
    ) -> Result<FileReference, ReadError> {
        let config = &self.session.config;
        let slice = uploader.slice(record, config)?;
        let requester = uploader.requester().get();
        let (answer, _) = self.ask(&Question::plain(stream, requester, &slice))?;
        let content = match answer {
            Answer::Page(response) => response.body,
            Answer::Stopped => return Err(ReadError::system("the run was asked to stop")),
            _ => {
                return Err(ReadError::system(
                    "the request for a file brought no answer",
                ));
            }
        };
        let name = uploader.path(record, config)?.unwrap_or_else(random_name);
        let below = Path::new(&*self.plan.nodes[stream].name).join(name);
        let path = self.options.files.join(&below);
        write(&path, &content).map_err(|error| {
            ReadError::system(format!(
                "cannot write the file `{}`: {error}",
                path.display()
            ))
        })?;
        Ok(FileReference {
            staging_file_url: path.display().to_string(),
            source_file_relative_path: below.display().to_string(),
            file_size_bytes: content.len(),
        })
    }
}

fn write(path: &Path, content: &Body) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    io::copy(&mut content.reader(), &mut File::create(path)?).map(|_| ())
}

/// A name that no other file has.
fn random_name() -> PathBuf {
    PathBuf::from(uuid4())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_random_name_is_a_uuid_and_new_each_time() {
        let names = [random_name(), random_name()].map(|name| name.display().to_string());
        assert_ne!(names[0], names[1]);
        for name in names {
            let lengths: Vec<usize> = name.split('-').map(str::len).collect();
            assert_eq!(lengths, [8, 4, 4, 4, 12], "{name}");
            assert_eq!(name.as_bytes()[14], b'4', "{name}");
        }
    }
}
