//! A campaign that begins with another's first events and goes on by itself.
//!
//! The other is only read. What the log knows by content is taken as it was at
//! the event: the adapter by its history, candidates as they were handed in.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use protocol::{Candidate, ContentHash};

use crate::adapter::{HistoryError, as_of, copy_history};
use crate::campaign::{CreateError, Layout, WORKSPACE, check_vacant, making, move_in};
use crate::core::board::BoardState;
use crate::core::event::{Actor, Event};
use crate::core::settings::Settings;
use crate::core::state::{Experiment, State};
use crate::exec::{EXPERIMENT, WriteFilesError, attempt_folder, experiment_json, write_files};
use crate::proof::{HandedIn, handed_in, lab_document};
use crate::store::{Batch, Link, Reader, Store, StoreError};
use crate::tools::Files;

/// Why a campaign can't be forked. Nothing was made.
#[derive(Debug, thiserror::Error)]
pub enum ForkError {
    /// The log is shorter.
    #[error("the log of `{}` has no event {at}: it has {events}", dir.display())]
    NoSuchEvent {
        /// The campaign.
        dir: PathBuf,
        /// The event asked for.
        at: u64,
        /// Number of events.
        events: usize,
    },
    /// Agents' folders at the time are not known.
    #[error(
        "event {at} of `{}` is before the evaluation was frozen{}: until then the work lies in folders of agents, \
         of which earlier states are not kept",
        dir.display(),
        frozen.map_or_else(String::new, |seq| format!(", which is event {seq}; fork there or later"))
    )]
    NotFrozen {
        /// The campaign.
        dir: PathBuf,
        /// The event asked for.
        at: u64,
        /// The event at which it was frozen.
        frozen: Option<u64>,
    },
    /// The log does not hold.
    #[error("the log of `{}` does not hold, see `alphalab verify`", .0.display())]
    Broken(PathBuf),
    /// A candidate is not known as it was.
    #[error(
        "the files of experiment {experiment} are not what was handed in at event {seq}, and the log does not have them"
    )]
    Candidate {
        /// The experiment.
        experiment: crate::core::ids::ExperimentId,
        /// When it was handed in.
        seq: u64,
    },
    /// The new directory can't be made.
    #[error(transparent)]
    Create(#[from] CreateError),
    /// A database.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The adapter's history.
    #[error("failed to find the adapter as it was")]
    History(#[from] HistoryError),
    /// A candidate's files.
    #[error("failed to write a candidate's files")]
    Files(#[from] WriteFilesError),
    /// A document.
    #[error("failed to write the campaign's files")]
    Write(#[from] sandbox::fs::WriteError),
    /// A document that can't be written.
    #[error("failed to serialise an experiment")]
    Serialise(#[from] serde_json::Error),
    /// The file system refused.
    #[error("failed to copy `{}`", path.display())]
    Copy {
        /// What.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
}

/// Makes a campaign in `to` that begins with the first `at` events of the one
/// in `dir`, and is stopped. Gives the hash of the last of them.
pub fn fork(dir: &Path, at: u64, to: &Path, at_ms: i64) -> Result<ContentHash, ForkError> {
    check_vacant(to)?;
    let reader = Reader::open(dir)?;
    let (links, sealed) = first(&reader, dir, at)?;
    let log = || links.iter().map(|link| &link.logged);
    let state = State::fold(log()).map_err(|_| ForkError::Broken(dir.to_owned()))?;
    let head = links
        .last()
        .map(|link| link.hash.clone())
        .ok_or_else(|| ForkError::Broken(dir.to_owned()))?;
    let source = Layout::of(dir);
    let making = making(to)?;
    let layout = Layout {
        dir: making.clone(),
    };
    let made = (|| {
        let mut changes = log().filter_map(|logged| match logged.event {
            Event::AdapterPatched { change, .. } => Some(change),
            _ => None,
        });
        adapter(&source, &layout, changes.next_back().unwrap_or(0))?;
        folders(&source, &layout)?;
        let handed_in = handed_in(log(), &reader);
        for experiment in state.experiments.values() {
            if let Some(settings) = &state.settings {
                let handed_in = handed_in.get(&experiment.id);
                copy_experiment(&source, &layout, settings, experiment, handed_in)?;
            }
        }
        let mut store = Store::create_from(&making, &reader, at)?;
        let mut batch = Batch::new();
        let name = source.dir.file_name().unwrap_or_default();
        batch.push(
            Actor::User,
            Event::CampaignForked {
                of: head.clone(),
                at,
                dir: name.to_string_lossy().into_owned(),
                sealed,
            },
        );
        store.append(at, at_ms, batch)?;
        drop(store);
        Ok(move_in(&making, to)?)
    })();
    if made.is_err() {
        // What can't be removed is removed by the next that makes this one.
        let _ = fs::remove_dir_all(&making);
    }
    made.map(|()| head)
}

/// The first `at` events of a log that holds, if a campaign can begin with them,
/// and the event at which it has opened its sealed split, also later.
fn first(reader: &Reader, dir: &Path, at: u64) -> Result<(Vec<Link>, Option<u64>), ForkError> {
    let scan = reader.scan()?;
    let place = usize::try_from(at).unwrap_or(usize::MAX);
    if place > scan.links.len() || place == 0 {
        return Err(match scan.broken {
            Some(_) => ForkError::Broken(dir.to_owned()),
            None => ForkError::NoSuchEvent {
                dir: dir.to_owned(),
                at,
                events: scan.links.len(),
            },
        });
    }
    let frozen = scan
        .links
        .iter()
        .find(|link| matches!(link.logged.event, Event::EvaluationFrozen { .. }))
        .map(|link| link.logged.seq);
    if frozen.is_none_or(|frozen| at < frozen) {
        return Err(ForkError::NotFrozen {
            dir: dir.to_owned(),
            at,
            frozen,
        });
    }
    let sealed = scan.links.iter().find_map(|link| match link.logged.event {
        Event::SealedOpened { .. } => Some(link.logged.seq),
        Event::CampaignForked { sealed, .. } => sealed,
        _ => None,
    });
    let mut links = scan.links;
    links.truncate(place);
    Ok((links, sealed))
}

/// The adapter as it was after so many changes.
fn adapter(from: &Layout, to: &Layout, changes: u32) -> Result<(), ForkError> {
    let (from, to) = (from.adapter(), to.adapter());
    fs::create_dir_all(&to).map_err(copying(&to))?;
    for (name, text) in as_of(&from, changes)? {
        sandbox::fs::write_atomic(&to.join(name), text)?;
    }
    Ok(copy_history(&from, &to, changes)?)
}

/// What does not change once the evaluation is frozen.
fn folders(from: &Layout, to: &Layout) -> Result<(), ForkError> {
    let kept = [
        Layout::settings,
        Layout::prices,
        Layout::plan,
        Layout::evaluation,
        Layout::workspace,
        Layout::data,
        Layout::python_extras,
    ];
    for place in kept {
        copy(&place(from), &place(to))?;
    }
    for name in WORKSPACE.into_iter().chain(["learnings.md"]) {
        let link = from.dir.join(name);
        if link.is_symlink() {
            copy(&link, &to.dir.join(name))?;
        }
    }
    for folder in [to.experiments(), to.reports(), to.logs()] {
        fs::create_dir_all(&folder).map_err(copying(&folder))?;
    }
    Ok(())
}

/// An experiment's candidate and what was measured of it.
fn copy_experiment(
    from: &Layout,
    to: &Layout,
    settings: &Settings,
    experiment: &Experiment,
    handed_in: Option<&HandedIn>,
) -> Result<(), ForkError> {
    let Some((candidate, hash)) = &experiment.candidate else {
        return Ok(());
    };
    let source = from.experiments().join(experiment.folder());
    let target = to.experiments().join(experiment.folder());
    if let Candidate::Files { files: names } = candidate {
        let files = match handed_in.and_then(|it| it.files.clone()) {
            Some(files) => files,
            None => read(&source, names)?,
        };
        let found = candidate.hash(&experiment.task, |name| {
            let text = name.to_str().and_then(|name| files.get(name));
            text.map(|text| text.as_bytes().to_vec()).ok_or(())
        });
        if found.as_ref() != Ok(hash) {
            return Err(ForkError::Candidate {
                experiment: experiment.id,
                seq: handed_in.map_or(0, |it| it.seq),
            });
        }
        write_files(&target, &files)?;
    }
    let known = experiment.state != BoardState::ToImplement && source.join(EXPERIMENT).exists();
    if let Some(document) = lab_document(settings, experiment).filter(|_| known) {
        write_files(&target, &Files::from([experiment_json(&document)?]))?;
    }
    for attempt in &experiment.attempts {
        let name = attempt_folder(attempt.number);
        copy(&source.join(&name), &target.join(&name))?;
    }
    Ok(())
}

fn read(folder: &Path, names: &[PathBuf]) -> Result<Files, ForkError> {
    let mut files = Files::new();
    for name in names {
        let path = folder.join(name);
        let text = fs::read_to_string(&path).map_err(copying(&path))?;
        files.insert(name.to_string_lossy().into_owned(), text);
    }
    Ok(files)
}

/// Copies a file, a folder with all in it, or a link as a link; nothing where
/// there is nothing.
fn copy(from: &Path, to: &Path) -> Result<(), ForkError> {
    let kind = match from.symlink_metadata() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        other => other.map_err(copying(from))?.file_type(),
    };
    if kind.is_symlink() {
        let target = fs::read_link(from).map_err(copying(from))?;
        return std::os::unix::fs::symlink(target, to).map_err(copying(from));
    }
    if kind.is_file() {
        return fs::copy(from, to).map(|_| ()).map_err(copying(from));
    }
    if kind.is_dir() {
        fs::create_dir_all(to).map_err(copying(to))?;
        for entry in from.read_dir().map_err(copying(from))? {
            let entry = entry.map_err(copying(from))?;
            copy(&entry.path(), &to.join(entry.file_name()))?;
        }
        // What was sealed is sealed again.
        let like = from.metadata().map_err(copying(from))?.permissions();
        fs::set_permissions(to, like).map_err(copying(to))?;
    }
    // A pipe or a socket is nothing to keep.
    Ok(())
}

fn copying(path: &Path) -> impl FnOnce(io::Error) -> ForkError {
    let path = path.to_owned();
    move |source| ForkError::Copy { path, source }
}
