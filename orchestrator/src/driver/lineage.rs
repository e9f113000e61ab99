//! What a candidate changes against the one it goes on from: a unified diff,
//! in the log and in the experiment's folder.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;

use protocol::Candidate;
use serde_json::Value;
use similar::{ChangeTag, TextDiff};

use super::{Driver, DriverError};
use crate::core::event::Event;
use crate::core::ids::ExperimentId;
use crate::core::lineage::{Change, Lines, Provenance};
use crate::store::Batch;
use crate::tools::Files;
use crate::tools::files::Workspace;

/// Name of the diff in an experiment's folder.
const DIFF: &str = "change.diff";
/// The name under which a point of a space is compared.
const POINT: &str = "candidate";
/// Lines from which on a file is not compared line by line: it takes time
/// with their square.
const MAX_LINES: usize = 3000;

impl Driver {
    /// The same with the change against the parent, which is written to the
    /// experiment's folder; `files` are the candidate's own.
    pub(super) fn with_change(
        &self,
        batch: &mut Batch,
        id: ExperimentId,
        candidate: &Candidate,
        files: Option<&Files>,
        provenance: Provenance,
    ) -> Result<Provenance, DriverError> {
        let experiments = &self.session.state.experiments;
        let parent = provenance.parent.and_then(|id| experiments.get(&id));
        let Some((parent, (before, _))) = parent.and_then(|e| Some((e, e.candidate.as_ref()?)))
        else {
            return Ok(provenance);
        };
        let mut change = Change::of(parent.id, before, candidate);
        let root = self.session.layout.experiments();
        let old = match before {
            Candidate::Template { .. } => point(before),
            Candidate::Files { files } => {
                let names = files.iter().map(std::path::PathBuf::as_path);
                read(&root.join(parent.folder()), names)
            }
        };
        let new = match files {
            Some(files) => files.clone(),
            None => point(candidate),
        };
        let (diff, lines) = unified(&old, &new, parent.id, id);
        change.files = lines;
        change.files.remove(POINT);
        if let Some(folder) = self.folder_of(batch, id) {
            let folder = root.join(folder);
            let path = folder.join(DIFF);
            std::fs::create_dir_all(&folder).map_err(|source| DriverError::Folder {
                path: folder,
                source,
            })?;
            sandbox::fs::write_atomic(&path, &diff).map_err(|source| DriverError::View {
                path,
                source: Box::new(source),
            })?;
        }
        change.diff = Some(batch.body(Value::String(diff)));
        Ok(Provenance {
            change: Some(change),
            ..provenance
        })
    }

    /// Name of the folder of an experiment that is on the board, or about to
    /// be.
    fn folder_of(&self, batch: &Batch, id: ExperimentId) -> Option<String> {
        let new = batch.events.iter().find_map(|(_, event)| match event {
            Event::ExperimentProposed {
                experiment, name, ..
            } if *experiment == id => Some(format!("{id}-{name}")),
            _ => None,
        });
        let known = self.session.state.experiments.get(&id);
        new.or_else(|| Some(known?.folder()))
    }
}

/// A point of a space as a text, a line for each value.
fn point(candidate: &Candidate) -> Files {
    let Candidate::Template { template, params } = candidate else {
        return Files::new();
    };
    let mut text = format!("template = {template}\n");
    for (name, value) in params {
        // Writing to a String can't fail.
        let _ = writeln!(text, "{name} = {value}");
    }
    Files::from([(POINT.to_owned(), text)])
}

/// The files of an earlier candidate, but for those that are gone.
fn read<'a>(folder: &Path, names: impl Iterator<Item = &'a Path>) -> Files {
    let Ok(workspace) = Workspace::open(folder, &[]) else {
        return Files::new();
    };
    names
        .filter_map(|name| {
            let found = workspace.read(name, 1, usize::MAX).ok()?;
            // Lines are joined without the last break.
            let text = format!("{}\n", found.text);
            Some((name.to_string_lossy().into_owned(), text))
        })
        .collect()
}

/// The unified diff of all files, and what each adds and removes.
fn unified(
    old: &Files,
    new: &Files,
    from: ExperimentId,
    to: ExperimentId,
) -> (String, BTreeMap<String, Lines>) {
    let mut text = String::new();
    let mut lines = BTreeMap::new();
    let mut names: Vec<&String> = old.keys().chain(new.keys()).collect();
    names.sort();
    names.dedup();
    for name in names {
        let side = |of: &Files| {
            let text = of.get(name).cloned().unwrap_or_default();
            if text.is_empty() || text.ends_with('\n') {
                text
            } else {
                text + "\n"
            }
        };
        let (before, after) = (side(old), side(new));
        if before == after {
            continue;
        }
        let count = |text: &str| text.lines().count();
        if count(&before).max(count(&after)) > MAX_LINES {
            // Writing to a String can't fail.
            let _ = writeln!(
                text,
                "{from}/{name} and {to}/{name} differ, and are too long to compare"
            );
            let whole = |text: &str| u32::try_from(count(text)).unwrap_or(u32::MAX);
            lines.insert(
                name.clone(),
                Lines {
                    added: whole(&after),
                    removed: whole(&before),
                },
            );
            continue;
        }
        let diff = TextDiff::from_lines(&before, &after);
        let changed = |tag: ChangeTag| {
            let found = diff.iter_all_changes().filter(|change| change.tag() == tag);
            u32::try_from(found.count()).unwrap_or(u32::MAX)
        };
        lines.insert(
            name.clone(),
            Lines {
                added: changed(ChangeTag::Insert),
                removed: changed(ChangeTag::Delete),
            },
        );
        let (before, after) = (format!("{from}/{name}"), format!("{to}/{name}"));
        let _ = write!(text, "{}", diff.unified_diff().header(&before, &after));
    }
    (text, lines)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(list: &[(&str, &str)]) -> Files {
        let pairs = list.iter();
        pairs
            .map(|(name, text)| ((*name).to_owned(), (*text).to_owned()))
            .collect()
    }

    #[test]
    fn what_differs_is_shown_file_by_file() {
        let old = files(&[
            ("a.cpp", "one\ntwo\nthree"),
            ("gone", "x\n"),
            ("same", "s\n"),
        ]);
        let new = files(&[
            ("a.cpp", "one\n2\nthree\n"),
            ("new", "y\n"),
            ("same", "s\n"),
        ]);
        let (text, lines) = unified(&old, &new, ExperimentId(1), ExperimentId(2));
        let expected = "--- e0001/a.cpp\n+++ e0002/a.cpp\n@@ -1,3 +1,3 @@\n one\n-two\n+2\n three\n\
             --- e0001/gone\n+++ e0002/gone\n@@ -1 +0,0 @@\n-x\n\
             --- e0001/new\n+++ e0002/new\n@@ -0,0 +1 @@\n+y\n";
        assert_eq!(text, expected);
        assert_eq!(
            lines["a.cpp"],
            Lines {
                added: 1,
                removed: 1
            }
        );
        assert!(!lines.contains_key("same"));
    }

    #[test]
    fn what_is_long_is_not_compared() {
        let long = "a\n".repeat(MAX_LINES + 1);
        let (text, _) = unified(
            &files(&[("k", &long)]),
            &files(&[("k", "b\n")]),
            ExperimentId(1),
            ExperimentId(2),
        );
        assert!(text.contains("too long"), "{text}");
    }
}
