//! A file that is whole gets its name.
//!
//! In: a load that is kept as whole. Out: the file under its final name, on the disk. All of it can be
//! done again, whatever of it was done before.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use super::FileFormat;
use super::holes::Holes;
use super::kept::Load;
use super::name;
use super::part::at;
use crate::output::{Mode, arrow};

/// What is known of the values once they are in their columns.
#[derive(Debug, Default)]
pub(super) struct Told {
    pub(super) misfits: u64,
    pub(super) notes: Vec<String>,
}

/// Gives the file of `load`, without its `holes`, its name.
pub(super) fn publish(folder: &Path, load: &Load, holes: &[(u64, u64)]) -> io::Result<Told> {
    let Some(target) = &load.target else {
        return Ok(Told::default());
    };
    let (part, target) = (load.path(folder), folder.join(target));
    let mut told = Told::default();
    // Else it has its name already.
    if part.exists() {
        let format = load.declared.format;
        if holes.is_empty() && format != FileFormat::Parquet {
            cut(&part, load.length).map_err(|error| at(&part, &error))?;
            rename(&part, &target)?;
        } else {
            let mut new = target.clone().into_os_string();
            new.push(".new");
            let new = PathBuf::from(new);
            told = rewrite(&part, load, holes, &new)?;
            rename(&new, &target)?;
            fs::remove_file(&part).map_err(|error| at(&part, &error))?;
        }
    }
    if load.declared.mode == Mode::Replace {
        let (stem, extension) = (&load.declared.stem, load.declared.format.extension());
        for path in appended(folder, stem, extension)? {
            fs::remove_file(&path).map_err(|error| at(&path, &error))?;
        }
    }
    sync_folder(folder)?;
    Ok(told)
}

/// Cuts off what was written after the last commit.
fn cut(part: &Path, length: u64) -> io::Result<()> {
    let file = File::options().write(true).open(part)?;
    if file.metadata()?.len() != length {
        file.set_len(length)?;
        file.sync_all()?;
    }
    Ok(())
}

fn rename(from: &Path, to: &Path) -> io::Result<()> {
    fs::rename(from, to).map_err(|error| at(to, &error))
}

/// Writes what counts of `part` to the file `new`.
fn rewrite(part: &Path, load: &Load, holes: &[(u64, u64)], new: &Path) -> io::Result<Told> {
    let from = File::open(part).map_err(|error| at(part, &error))?;
    let mut from = Holes::new(from, load.length, holes);
    let written = File::create(new).and_then(|mut file| {
        let told = match load.declared.format {
            FileFormat::Parquet => {
                let declared = &load.declared;
                arrow::parquet(from, &declared.stream, declared.has_metadata, &file)
                    .map(|(misfits, notes)| Told { misfits, notes })
            }
            FileFormat::Jsonl | FileFormat::Csv => {
                io::copy(&mut from, &mut file).map(|_| Told::default())
            }
        };
        file.sync_all()?;
        told
    });
    written.map_err(|error| at(new, &error))
}

/// The files that were appended to `stem`.
fn appended(folder: &Path, stem: &str, extension: &str) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).map_err(|error| at(folder, &error))? {
        let path = entry.map_err(|error| at(folder, &error))?.path();
        if name::number(&path, stem, extension).is_some() {
            found.push(path);
        }
    }
    Ok(found)
}

/// The name of the next file that is appended to `stem`.
pub(super) fn next(folder: &Path, stem: &str, extension: &str) -> io::Result<String> {
    let all = appended(folder, stem, extension)?;
    let numbers = all
        .iter()
        .filter_map(|path| name::number(path, stem, extension));
    let number = numbers.max().unwrap_or_default().saturating_add(1);
    Ok(name::numbered(stem, number, extension))
}

/// Sees to it that new names are there after a power failure.
pub(super) fn sync_folder(folder: &Path) -> io::Result<()> {
    // Windows opens no folder.
    if !cfg!(unix) {
        return Ok(());
    }
    let synced = File::open(folder).and_then(|folder| folder.sync_all());
    match synced {
        // Some file systems have no such thing.
        Err(error) if error.kind() == io::ErrorKind::InvalidInput => Ok(()),
        synced => synced.map_err(|error| at(folder, &error)),
    }
}
