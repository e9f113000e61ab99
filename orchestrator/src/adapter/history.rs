//! Patches of a campaign's adapter, each kept so that it can be taken back.
//!
//! A patch replaces one file, so that one rename makes it take effect. Before
//! that its entry is complete under `.history/NNNN/`: `entry.toml`, the text
//! `before` and the text `after`. An entry whose patch never took effect,
//! because the process died between the two, is dropped on opening.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::error::list;
use super::files::FILES;
use super::problem::Problem;
use super::validate;

/// Folder of the entries in an adapter's folder.
const HISTORY: &str = ".history";
/// An entry in the making, or on its way out.
const STAGING: &str = ".staging";
const ENTRY: &str = "entry.toml";
const BEFORE: &str = "before";
const AFTER: &str = "after";

/// A new text for one file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Patch {
    /// The file, by its name alone.
    pub file: String,
    /// Its new text.
    pub text: String,
    /// Why.
    pub why: String,
    /// Who wants it.
    pub by: String,
}

/// What an entry did.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EntryKind {
    /// It changed a file.
    Patch,
    /// It took a change back.
    Revert,
}

/// One entry of the history.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// Its number, from 1.
    pub number: u32,
    /// What it did.
    pub kind: EntryKind,
    /// To which file.
    pub file: String,
    /// Why.
    pub why: String,
    /// Who wanted it.
    pub by: String,
    /// The entry that was taken back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub undoes: Option<u32>,
}

/// Why a patch was not applied. The adapter is what it was.
#[derive(Debug, thiserror::Error)]
pub enum HistoryError {
    /// The name is none of an adapter's files.
    #[error("an adapter has no file `{}`: it has {}", name.escape_debug(), FILES.join(", "))]
    NoSuchFile {
        /// The name.
        name: String,
    },
    /// Something in the folder leads out of it.
    #[error("`{}` is a link: an adapter's files stay in its folder", path.display())]
    Link {
        /// What it is.
        path: PathBuf,
    },
    /// The file has that text already.
    #[error("`{file}` has this text already")]
    Unchanged {
        /// The file.
        file: String,
    },
    /// The adapter would have errors.
    #[error("the change of `{file}` is refused:{}", list(problems))]
    Refused {
        /// The file.
        file: String,
        /// The errors it would bring.
        problems: Vec<Problem>,
    },
    /// There is no such entry.
    #[error("the adapter in `{}` has no change {number}", folder.display())]
    NoSuchEntry {
        /// The adapter's folder.
        folder: PathBuf,
        /// The number.
        number: u32,
    },
    /// The entry made the file.
    #[error("change {number} made `{file}`, so there is no text to go back to")]
    NothingBefore {
        /// The entry.
        number: u32,
        /// The file.
        file: String,
    },
    /// An entry can't be read.
    #[error("failed to read the entry `{}`", path.display())]
    Entry {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        #[source]
        source: Box<toml::de::Error>,
    },
    /// The file system.
    #[error("failed to {operation} `{}`", path.display())]
    File {
        /// What was tried.
        operation: &'static str,
        /// With what.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
}

/// What changes the disk; tests make it fail.
trait Disk {
    fn create_folder(&self, path: &Path) -> io::Result<()>;
    /// Old or new, never half.
    fn write(&self, path: &Path, text: &str) -> io::Result<()>;
    /// Moves a folder within its parent, for good.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;
    fn remove_folder(&self, path: &Path) -> io::Result<()>;
}

/// The disk as it is.
#[derive(Debug)]
struct Real;

impl Disk for Real {
    fn create_folder(&self, path: &Path) -> io::Result<()> {
        fs::create_dir_all(path)
    }

    fn write(&self, path: &Path, text: &str) -> io::Result<()> {
        sandbox::fs::write_atomic(path, text).map_err(io::Error::other)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)?;
        let parent = to.parent().unwrap_or(Path::new("."));
        File::open(parent)?.sync_all()
    }

    fn remove_folder(&self, path: &Path) -> io::Result<()> {
        match fs::remove_dir_all(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            other => other,
        }
    }
}

/// The history of the adapter in one folder. One process at a time may have
/// it open: the one that drives the campaign.
#[derive(Debug)]
pub struct AdapterHistory {
    folder: PathBuf,
    entries: Vec<Entry>,
}

impl AdapterHistory {
    /// Opens the history of the adapter in `folder`, which may be empty.
    pub fn open(folder: &Path) -> Result<Self, HistoryError> {
        Self::open_on(folder, &Real)
    }

    /// Its entries, oldest first.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// Replaces the text of one file, if the adapter is none the worse for
    /// it. Gives the number of the entry.
    pub fn apply(&mut self, patch: &Patch) -> Result<u32, HistoryError> {
        self.change(patch, None, &Real)
    }

    /// Gives the file of an entry the text it had before, whatever was done
    /// to it since; other files stay. This is an entry itself.
    pub fn revert(&mut self, number: u32, why: &str, by: &str) -> Result<u32, HistoryError> {
        self.revert_on(number, why, by, &Real)
    }

    fn open_on(folder: &Path, disk: &dyn Disk) -> Result<Self, HistoryError> {
        let mut history = Self {
            folder: folder.to_owned(),
            entries: Vec::new(),
        };
        let place = history.place();
        refuse_link(&place)?;
        if !place.exists() {
            return Ok(history);
        }
        let staging = place.join(STAGING);
        disk.remove_folder(&staging)
            .map_err(failed("remove", &staging))?;
        for number in numbers(&place)? {
            let entry = read_entry(&history.entry(number))?;
            history.entries.push(entry);
        }
        history.drop_unfinished(disk)?;
        Ok(history)
    }

    /// The newest entry is dropped if its file still has the text from
    /// before it.
    fn drop_unfinished(&mut self, disk: &dyn Disk) -> Result<(), HistoryError> {
        let Some(last) = self.entries.last() else {
            return Ok(());
        };
        let Some(name) = known(&last.file) else {
            return Ok(());
        };
        let entry = self.entry(last.number);
        let now = text_of(&self.folder.join(name))?;
        let before = text_of(&entry.join(BEFORE))?;
        let after = text_of(&entry.join(AFTER))?;
        if now == before && now != after {
            let staging = self.place().join(STAGING);
            disk.rename(&entry, &staging)
                .map_err(failed("move aside", &entry))?;
            disk.remove_folder(&staging)
                .map_err(failed("remove", &staging))?;
            self.entries.pop();
        }
        Ok(())
    }

    fn revert_on(
        &mut self,
        number: u32,
        why: &str,
        by: &str,
        disk: &dyn Disk,
    ) -> Result<u32, HistoryError> {
        let Some(entry) = self.entries.iter().find(|entry| entry.number == number) else {
            return Err(HistoryError::NoSuchEntry {
                folder: self.folder.clone(),
                number,
            });
        };
        let file = entry.file.clone();
        let before = text_of(&self.entry(number).join(BEFORE))?;
        let Some(text) = before else {
            return Err(HistoryError::NothingBefore { number, file });
        };
        let patch = Patch {
            file,
            text,
            why: why.to_owned(),
            by: by.to_owned(),
        };
        self.change(&patch, Some(number), disk)
    }

    fn change(
        &mut self,
        patch: &Patch,
        undoes: Option<u32>,
        disk: &dyn Disk,
    ) -> Result<u32, HistoryError> {
        // Only these names are ever joined to the folder, so none leads out.
        let Some(name) = known(&patch.file) else {
            return Err(HistoryError::NoSuchFile {
                name: patch.file.clone(),
            });
        };
        let target = self.folder.join(name);
        refuse_link(&self.place())?;
        refuse_link(&target)?;
        let before = text_of(&target)?;
        if before.as_deref() == Some(patch.text.as_str()) {
            return Err(HistoryError::Unchanged {
                file: name.to_owned(),
            });
        }
        self.check(name, &patch.text)?;
        let entry = Entry {
            number: self.entries.last().map_or(1, |last| last.number + 1),
            kind: if undoes.is_some() {
                EntryKind::Revert
            } else {
                EntryKind::Patch
            },
            file: name.to_owned(),
            why: patch.why.clone(),
            by: patch.by.clone(),
            undoes,
        };
        self.record(&entry, before.as_deref(), &patch.text, disk)?;
        if let Err(source) = disk.write(&target, &patch.text) {
            // The next opening drops the entry if this fails too.
            let made = self.entry(entry.number);
            let staging = self.place().join(STAGING);
            if text_of(&target).ok() == Some(before) && disk.rename(&made, &staging).is_ok() {
                let _ = disk.remove_folder(&staging);
            }
            return Err(failed("write", &target)(source));
        }
        let number = entry.number;
        self.entries.push(entry);
        Ok(number)
    }

    /// Checks a copy of the adapter with the new text in it. Errors that were
    /// there before are no reason to refuse, or a broken adapter could not be
    /// repaired file by file.
    fn check(&self, name: &'static str, text: &str) -> Result<(), HistoryError> {
        let now = validate::folder(&self.folder);
        let mut texts = now.texts;
        texts.insert(name, text.to_owned());
        let (_, problems) = validate::check(&texts);
        let problems: Vec<Problem> = problems
            .into_iter()
            .filter(Problem::is_error)
            .filter(|problem| problem.file == name || !now.problems.contains(problem))
            .collect();
        if problems.is_empty() {
            return Ok(());
        }
        Err(HistoryError::Refused {
            file: name.to_owned(),
            problems,
        })
    }

    /// Makes an entry appear whole.
    fn record(
        &self,
        entry: &Entry,
        before: Option<&str>,
        after: &str,
        disk: &dyn Disk,
    ) -> Result<(), HistoryError> {
        let staging = self.place().join(STAGING);
        disk.remove_folder(&staging)
            .map_err(failed("remove", &staging))?;
        disk.create_folder(&staging)
            .map_err(failed("create", &staging))?;
        let path = staging.join(ENTRY);
        let text = toml::to_string(entry)
            .map_err(|error| failed("describe", &path)(io::Error::other(error)))?;
        let write = |name: &str, text: &str| {
            let path = staging.join(name);
            disk.write(&path, text).map_err(failed("write", &path))
        };
        write(ENTRY, &text)?;
        if let Some(before) = before {
            write(BEFORE, before)?;
        }
        write(AFTER, after)?;
        let made = self.entry(entry.number);
        disk.rename(&staging, &made)
            .map_err(failed("move to", &made))
    }

    fn place(&self) -> PathBuf {
        self.folder.join(HISTORY)
    }

    fn entry(&self, number: u32) -> PathBuf {
        self.place().join(format!("{number:04}"))
    }
}

/// The texts of the adapter in `folder` from before its first change; nothing
/// is written, so that whoever drives the campaign is not disturbed.
pub fn originals(folder: &Path) -> Result<BTreeMap<&'static str, String>, HistoryError> {
    as_of(folder, 0)
}

/// The texts of the adapter in `folder` as they were after its first `changes`
/// changes; nothing is written.
pub fn as_of(folder: &Path, changes: u32) -> Result<BTreeMap<&'static str, String>, HistoryError> {
    let mut texts = BTreeMap::new();
    for name in FILES {
        if let Some(text) = text_of(&folder.join(name))? {
            texts.insert(name, text);
        }
    }
    let place = folder.join(HISTORY);
    refuse_link(&place)?;
    let later = numbers(&place)?.into_iter().rev();
    for number in later.take_while(|number| *number > changes) {
        let entry = place.join(format!("{number:04}"));
        let Some(name) = known(&read_entry(&entry)?.file) else {
            continue;
        };
        match text_of(&entry.join(BEFORE))? {
            Some(text) => texts.insert(name, text),
            None => texts.remove(name),
        };
    }
    Ok(texts)
}

/// One change, with the texts on either side of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// What was done.
    pub entry: Entry,
    /// The file's text before; none where there was no file.
    pub before: Option<String>,
    /// And after.
    pub after: Option<String>,
}

/// All changes of the adapter in `folder`, oldest first; nothing is written.
pub fn changes(folder: &Path) -> Result<Vec<Change>, HistoryError> {
    let place = folder.join(HISTORY);
    refuse_link(&place)?;
    numbers(&place)?
        .into_iter()
        .map(|number| {
            let entry = place.join(format!("{number:04}"));
            Ok(Change {
                before: text_of(&entry.join(BEFORE))?,
                after: text_of(&entry.join(AFTER))?,
                entry: read_entry(&entry)?,
            })
        })
        .collect()
}

/// Copies the first `changes` entries of one adapter's history to another.
pub fn copy_history(from: &Path, to: &Path, changes: u32) -> Result<(), HistoryError> {
    let place = from.join(HISTORY);
    refuse_link(&place)?;
    let earlier = numbers(&place)?.into_iter();
    for number in earlier.take_while(|number| *number <= changes) {
        let name = format!("{number:04}");
        let target = to.join(HISTORY).join(&name);
        fs::create_dir_all(&target).map_err(failed("create", &target))?;
        for file in [ENTRY, BEFORE, AFTER] {
            let source = place.join(&name).join(file);
            if source.exists() {
                fs::copy(&source, target.join(file)).map_err(failed("copy", &source))?;
            }
        }
    }
    Ok(())
}

/// Numbers of the entries in a history, in order.
fn numbers(place: &Path) -> Result<Vec<u32>, HistoryError> {
    if !place.exists() {
        return Ok(Vec::new());
    }
    let mut numbers: Vec<u32> = fs::read_dir(place)
        .map_err(failed("list", place))?
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .collect();
    numbers.sort_unstable();
    Ok(numbers)
}

fn read_entry(entry: &Path) -> Result<Entry, HistoryError> {
    let path = entry.join(ENTRY);
    let text = fs::read_to_string(&path).map_err(failed("read", &path))?;
    toml::from_str(&text).map_err(|source| HistoryError::Entry {
        path,
        source: Box::new(source),
    })
}

/// The name as one of an adapter's files.
fn known(name: &str) -> Option<&'static str> {
    FILES.into_iter().find(|known| *known == name)
}

fn refuse_link(path: &Path) -> Result<(), HistoryError> {
    match path.symlink_metadata() {
        Ok(facts) if facts.is_symlink() => Err(HistoryError::Link {
            path: path.to_owned(),
        }),
        _ => Ok(()),
    }
}

/// A file's text; none if it is absent.
fn text_of(path: &Path) -> Result<Option<String>, HistoryError> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(failed("read", path)(error)),
    }
}

fn failed(operation: &'static str, path: &Path) -> impl FnOnce(io::Error) -> HistoryError {
    let path = path.to_owned();
    move |source| HistoryError::File {
        operation,
        path,
        source,
    }
}

#[cfg(test)]
#[path = "history_tests.rs"]
mod tests;
