//! Where the file of a record lies.

use serde::Serialize;

/// A file that was fetched for a record, in the protocol's keys.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FileReference {
    /// Path on this machine.
    pub staging_file_url: String,
    /// Path below the directory of files, beginning with the name of the stream.
    pub source_file_relative_path: String,
    /// Length.
    pub file_size_bytes: u64,
}
