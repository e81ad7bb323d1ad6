//! The file of one stream, from its first record until it gets its name.

use std::collections::HashMap;
use std::io;
use std::path::Path;

use rusqlite::Connection;

use super::FileFormat;
use super::kept::{Declared, Kept, Load, number};
use super::part::{Part, at};
use super::publish::{self, Told, publish};
use crate::message::Data;
use crate::output::csv::Csv;
use crate::output::fault::{Fault, Result};
use crate::output::journal::{Head, Journal};
use crate::output::{Mode, Written, put};

/// How records are written down.
#[derive(Debug)]
enum Form {
    /// Each as it is, a line each.
    Json,
    Csv(Box<Csv>),
    /// Lines as above, behind the texts of their metadata: no file with columns of its own can be gone
    /// on with, so that one is made in the end.
    Staged,
}

/// The file of one stream.
#[derive(Debug)]
pub(super) struct StreamFile {
    declared: Declared,
    form: Form,
    part: Option<Part>,
    /// Name of the file that grows.
    name: String,
    /// Whether a file of that name was committed, and so must not become another.
    is_committed: bool,
    /// The length from which an interrupted load is gone on with.
    goes_on: Option<u64>,
    /// Bytes before the first record.
    head: u64,
    /// Whether the stream was read to its end, as its status says.
    pub(super) is_complete: bool,
    /// Whether the file is whole, and gets its name once that is committed.
    is_whole: bool,
    is_published: bool,
    records: u64,
    /// Records of units that are not read to their end.
    counts: HashMap<u64, u64>,
    /// Bytes by the unit that wrote them, not kept yet: unit, begin, end.
    ranges: Vec<(u64, i64, i64)>,
    told: Told,
}

fn own(error: io::Error) -> Fault {
    Fault::Own(error)
}

/// What a file begins with, before any record.
fn first(declared: &Declared) -> Vec<u8> {
    let mut first = Vec::new();
    if declared.format == FileFormat::Csv {
        Csv::new(&declared.stream, declared.has_metadata).header(&mut first);
    }
    first
}

impl StreamFile {
    pub(super) fn new(declared: Declared) -> Self {
        let form = match declared.format {
            FileFormat::Jsonl => Form::Json,
            FileFormat::Csv => {
                Form::Csv(Box::new(Csv::new(&declared.stream, declared.has_metadata)))
            }
            FileFormat::Parquet => Form::Staged,
        };
        let name = format!("{}.{}.part", declared.stem, declared.format.extension());
        Self {
            declared,
            form,
            part: None,
            name,
            is_committed: false,
            goes_on: None,
            head: 0,
            is_complete: false,
            is_whole: false,
            is_published: false,
            records: 0,
            counts: HashMap::new(),
            ranges: Vec::new(),
            told: Told::default(),
        }
    }

    pub(super) const fn mode(&self) -> Mode {
        self.declared.mode
    }

    /// What the journal says of the way in which it is loaded.
    pub(super) fn way(&self) -> String {
        format!(
            "{} {}",
            self.mode().as_str(),
            self.declared.format.extension()
        )
    }

    fn stream(&self) -> &str {
        &self.declared.stream.name
    }

    /// Whether the load that is kept can be gone on with.
    pub(super) fn goes_on(
        &mut self,
        folder: &Path,
        connection: &Connection,
        head: &Head,
    ) -> Result<bool> {
        if head.mode.as_deref() != Some(&*self.way()) {
            return Ok(false);
        }
        if head.is_whole() {
            return Ok(true);
        }
        let Some(load) = Kept(connection).get(self.stream())? else {
            // Nothing was written yet.
            return Ok(head.last_row.is_none());
        };
        let goes_on = load.declared.goes_with(&self.declared) && load.is_there(folder);
        if goes_on {
            self.goes_on = Some(load.length);
            self.name = load.part;
            self.is_committed = true;
        }
        Ok(goes_on)
    }

    /// Makes the file, or opens the one that is gone on with.
    pub(super) fn ready(&mut self, folder: &Path, connection: &Connection) -> Result<()> {
        if self.part.is_some() {
            return Ok(());
        }
        let mut first = first(&self.declared);
        self.head = first.len() as u64;
        if let Some(length) = self.goes_on.take() {
            self.part = Some(Part::go_on(folder.join(&self.name), length).map_err(own)?);
            return Ok(());
        }
        self.leave(folder, connection)?;
        let mut part = Part::create(folder.join(&self.name)).map_err(own)?;
        part.append(|out| out.append(&mut first)).map_err(own)?;
        self.part = Some(part);
        Ok(())
    }

    /// Leaves what an earlier load has written: it is gone, unless it was appended, since a state may
    /// count it as read.
    fn leave(&mut self, folder: &Path, connection: &Connection) -> Result<()> {
        let kept = Kept(connection);
        let Some(mut load) = kept.get(self.stream())? else {
            return Ok(());
        };
        let has_records = load.length > first(&load.declared).len() as u64;
        if load.declared.mode == Mode::Append && has_records && load.is_there(folder) {
            let (stem, format) = (&load.declared.stem, load.declared.format);
            let target = publish::next(folder, stem, format.extension()).map_err(own)?;
            load.target = Some(target);
            publish(folder, &load, &kept.holes(self.stream())?).map_err(own)?;
        } else {
            remove(&load.path(folder)).map_err(own)?;
        }
        kept.remove(self.stream())?;
        self.rename(&load.part);
        Ok(())
    }

    /// Takes a name that the committed file `other` has not: should this run end now, that one is to be
    /// missed, and not found with other content.
    fn rename(&mut self, other: &str) {
        if self.name == other {
            self.name = match other.strip_suffix("2") {
                Some(plain) => plain.to_owned(),
                None => format!("{other}2"),
            };
        }
        self.is_committed = false;
    }

    pub(super) fn write(
        &mut self,
        unit: u64,
        records: &[Data],
        stamp: &str,
        run: &str,
    ) -> Result<()> {
        let Some(part) = &mut self.part else {
            return Ok(());
        };
        let begin = number(part.length());
        let mut before = Vec::new();
        if let (Form::Staged, true) = (&self.form, self.declared.has_metadata) {
            put(stamp, &mut before);
            before.push(b'\t');
            put(run, &mut before);
            before.push(b'\t');
        }
        for record in records {
            let form = &mut self.form;
            let written = part.append(|out| match form {
                Form::Csv(csv) => csv.line(record, stamp, run, out),
                Form::Json | Form::Staged => {
                    out.extend_from_slice(&before);
                    record.write_json(out);
                    out.push(b'\n');
                }
            });
            written.map_err(own)?;
        }
        let end = number(part.length());
        match self.ranges.last_mut() {
            Some((of, _, last)) if *of == unit && *last == begin => *last = end,
            _ => self.ranges.push((unit, begin, end)),
        }
        let count = records.len() as u64;
        self.records += count;
        *self.counts.entry(unit).or_default() += count;
        Ok(())
    }

    /// The load begins anew. What was appended stays, since a state may count it as read.
    pub(super) fn begin(&mut self, folder: &Path, connection: &Connection) -> Result<()> {
        self.ranges.clear();
        self.counts.clear();
        if self.mode() == Mode::Replace {
            self.records = 0;
            self.goes_on = None;
            if self.part.take().is_some() || self.is_committed {
                Kept(connection).remove(self.stream())?;
            }
            if self.is_committed {
                remove(&folder.join(&self.name)).map_err(own)?;
                let name = self.name.clone();
                self.rename(&name);
            }
        }
        self.ready(folder, connection)
    }

    /// Leaves out what a unit has written in the present load.
    pub(super) fn void(&mut self, folder: &Path, connection: &Connection, unit: u64) -> Result<()> {
        self.ready(folder, connection)?;
        let (journal, stream) = (Journal(connection), &self.declared.stream.name);
        let mut ranges = journal.ranges(stream, unit)?;
        journal.forget_rows(stream, unit)?;
        let own = self.ranges.iter().filter(|(of, ..)| *of == unit);
        ranges.extend(own.map(|(_, begin, end)| (*begin, *end)));
        self.ranges.retain(|(of, ..)| *of != unit);
        for (begin, end) in ranges {
            Kept(connection).leave_out(stream, begin, end)?;
        }
        let gone = self.counts.remove(&unit).unwrap_or_default();
        self.records = self.records.saturating_sub(gone);
        Ok(())
    }

    /// What a unit has written is all there, and need not be found again.
    pub(super) fn settle(&mut self, unit: u64) {
        self.ranges.retain(|(of, ..)| *of != unit);
        self.counts.remove(&unit);
    }

    /// The file is whole.
    pub(super) fn end(&mut self, folder: &Path, connection: &Connection) -> Result<()> {
        self.ready(folder, connection)?;
        self.is_whole = true;
        Ok(())
    }

    /// Removes what this run has written and no other can go on with.
    pub(super) fn discard(&mut self, folder: &Path, connection: &Connection) -> Result<()> {
        if self.part.take().is_some() {
            Kept(connection).remove(self.stream())?;
            remove(&folder.join(&self.name)).map_err(own)?;
        }
        self.ranges.clear();
        Ok(())
    }

    /// Whether anything was appended.
    pub(super) fn is_empty(&self) -> bool {
        (self.part.as_ref()).is_none_or(|part| part.length() <= self.head)
    }

    /// Brings the file to the disk, and keeps how much of it counts.
    pub(super) fn keep(&mut self, folder: &Path, connection: &Connection) -> Result<()> {
        if self.is_whole && self.mode() == Mode::Append && self.is_empty() {
            self.is_whole = false;
            self.is_published = true;
            return self.discard(folder, connection);
        }
        let Some(part) = &mut self.part else {
            return Ok(());
        };
        if part.is_dirty() {
            part.sync().map_err(own)?;
        } else if !self.is_whole && self.ranges.is_empty() {
            return Ok(());
        }
        let extension = self.declared.format.extension();
        let target = match (self.is_whole, self.declared.mode) {
            (false, _) => None,
            (true, Mode::Append) => {
                Some(publish::next(folder, &self.declared.stem, extension).map_err(own)?)
            }
            (true, _) => Some(format!("{}.{extension}", self.declared.stem)),
        };
        let load = Load {
            part: self.name.clone(),
            length: part.length(),
            declared: self.declared.clone(),
            target,
        };
        if !self.is_committed {
            publish::sync_folder(folder).map_err(own)?;
        }
        Kept(connection).put(&load)?;
        let stream = &self.declared.stream.name;
        Journal(connection).keep_ranges(stream, number(load.length), &self.ranges)?;
        self.ranges.clear();
        self.is_committed = true;
        Ok(())
    }

    /// Gives the file its name, when that is kept as due.
    pub(super) fn publish(&mut self, folder: &Path, connection: &Connection) -> Result<bool> {
        if !std::mem::take(&mut self.is_whole) {
            return Ok(false);
        }
        self.part = None;
        if let Some(load) = Kept(connection).get(self.stream())? {
            let holes = Kept(connection).holes(self.stream())?;
            self.told = publish(folder, &load, &holes).map_err(own)?;
        }
        self.is_published = true;
        self.is_committed = false;
        Ok(true)
    }

    pub(super) fn written(&self) -> Written {
        let mut notes = self.told.notes.clone();
        let mut misfits = self.told.misfits;
        if let Form::Csv(csv) = &self.form {
            notes.extend(csv.row().notes());
            misfits += csv.row().misfits();
        }
        if !self.is_published && self.records > 0 {
            notes.push(match self.mode() {
                Mode::Append => "not read whole, so what there is has no file yet".to_owned(),
                _ => "not read whole, so the file stays as it was".to_owned(),
            });
        }
        Written {
            records: self.records,
            misfits,
            notes,
        }
    }
}

/// Removes the file at `path`, if it is there.
pub(super) fn remove(path: &Path) -> io::Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(at(path, &error)),
        _ => Ok(()),
    }
}
