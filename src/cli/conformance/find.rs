//! What is in a folder of conformance cases.
//!
//! In: a path. Out: the cases and the files of vectors in it: the path may be the whole folder, one
//! family, one case, or one file of vectors.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// What was found.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) cases: Vec<CasePath>,
    pub(super) vectors: Vec<PathBuf>,
}

/// The folder of a case.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct CasePath {
    pub(super) family: String,
    pub(super) name: String,
    pub(super) folder: PathBuf,
}

/// Looks through `path`.
pub(super) fn find(path: &Path) -> io::Result<Found> {
    let path = path.canonicalize()?;
    let mut found = Found::default();
    if path.is_file() {
        if is_vectors(&path) {
            found.vectors.push(path);
        }
        return Ok(found);
    }
    look(&path, 2, &mut found)?;
    found.cases.sort();
    found.vectors.sort();
    Ok(found)
}

fn look(folder: &Path, depth: usize, found: &mut Found) -> io::Result<()> {
    if folder.join("expected.json").is_file() {
        let name = |path: Option<&Path>| {
            let name = path.and_then(Path::file_name);
            name.map(|name| name.to_string_lossy().into_owned())
                .unwrap_or_default()
        };
        found.cases.push(CasePath {
            family: name(folder.parent()),
            name: name(Some(folder)),
            folder: folder.to_owned(),
        });
        return Ok(());
    }
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            if depth > 0 {
                look(&path, depth - 1, found)?;
            }
        } else if is_vectors(&path) {
            found.vectors.push(path);
        }
    }
    Ok(())
}

fn is_vectors(path: &Path) -> bool {
    path.extension()
        .is_some_and(|extension| extension == "jsonl")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_part_of_a_folder_will_do() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap();
        for case in ["a/x", "a/y", "b/z"] {
            fs::create_dir_all(root.join(case)).unwrap();
            fs::write(root.join(case).join("expected.json"), "{}").unwrap();
        }
        fs::create_dir(root.join("vectors")).unwrap();
        fs::write(root.join("vectors/v.jsonl"), "").unwrap();
        let names = |part: &str| {
            let found = find(&root.join(part)).unwrap();
            let cases = found.cases.iter();
            let cases: Vec<String> = cases.map(|c| format!("{}/{}", c.family, c.name)).collect();
            (cases.join(" "), found.vectors.len())
        };
        assert_eq!(names(""), ("a/x a/y b/z".to_owned(), 1));
        assert_eq!(names("a"), ("a/x a/y".to_owned(), 0));
        assert_eq!(names("b/z"), ("b/z".to_owned(), 0));
        assert_eq!(names("vectors/v.jsonl"), (String::new(), 1));
        assert!(find(&root.join("nowhere")).is_err());
    }
}
