//! The files of a bundle: somebody else's bytes.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Component, Path};

use protocol::ContentHash;

use super::{Finding, MANIFEST, Manifest};

/// Largest file of a bundle, in bytes.
const MAX_BYTES: u64 = 64 << 20;
/// Most entries that are listed.
const MAX_ENTRIES: usize = 1000;
/// Deepest folder.
const MAX_DEPTH: usize = 4;

/// Reads a regular file of the bundle; the error names it.
pub(super) fn read(dir: &Path, name: &str) -> Result<Vec<u8>, String> {
    let path = Path::new(name);
    let plain = |part: Component<'_>| matches!(part, Component::Normal(_));
    if name.is_empty() || !path.components().all(plain) {
        return Err(format!("`{name}` is no name of a file in the bundle"));
    }
    // No part of the way may lead out of the folder.
    let mut at = dir.to_owned();
    for part in path.components() {
        at.push(part);
        let meta = fs::symlink_metadata(&at)
            .map_err(|error| format!("`{name}` can't be read: {error}"))?;
        if meta.is_symlink() {
            return Err(format!("`{name}` leads through a link"));
        }
        if meta.is_file() && meta.len() > MAX_BYTES {
            return Err(format!(
                "`{name}` has {} bytes, more than {MAX_BYTES}",
                meta.len()
            ));
        }
    }
    if !at.is_file() {
        return Err(format!("`{name}` is no regular file"));
    }
    fs::read(&at).map_err(|error| format!("`{name}` can't be read: {error}"))
}

/// The same as text.
pub(super) fn read_text(dir: &Path, name: &str) -> Result<String, String> {
    String::from_utf8(read(dir, name)?).map_err(|_| format!("`{name}` is not valid text"))
}

/// SHA-256 of some bytes.
pub(super) fn sha256(bytes: &[u8]) -> ContentHash {
    ContentHash::of_stream(bytes).unwrap_or_else(|_| ContentHash::of(bytes))
}

/// Every file against its hash; none missing, none that nobody named.
pub(super) fn check(dir: &Path, manifest: &Manifest) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (name, expected) in &manifest.files {
        match read(dir, name) {
            Ok(bytes) => {
                let found = sha256(&bytes);
                if found != *expected {
                    findings.push(Finding::failed(
                        "files",
                        format!("`{name}` has the hash {found}, `{MANIFEST}` says {expected}"),
                    ));
                }
            }
            Err(problem) => findings.push(Finding::failed("files", problem)),
        }
    }
    let mut present = BTreeSet::new();
    if let Err(problem) = list(dir, "", 0, &mut present) {
        findings.push(Finding::failed("files", problem));
    }
    for name in present {
        if name != MANIFEST && !manifest.files.contains_key(&name) {
            findings.push(Finding::failed(
                "files",
                format!("`{name}` is not in `{MANIFEST}`"),
            ));
        }
    }
    if findings.is_empty() {
        let n = manifest.files.len();
        findings.push(Finding::passed(
            "files",
            format!("{n} files have the hashes in `{MANIFEST}`, and there is no other"),
        ));
    }
    findings
}

/// Names of everything that is not a folder, relative to the bundle.
fn list(dir: &Path, prefix: &str, depth: usize, into: &mut BTreeSet<String>) -> Result<(), String> {
    let entries =
        fs::read_dir(dir).map_err(|error| format!("`{prefix}` can't be listed: {error}"))?;
    for entry in entries {
        let entry = entry.map_err(|error| format!("`{prefix}` can't be listed: {error}"))?;
        let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
        if into.len() >= MAX_ENTRIES {
            return Err(format!("there are more than {MAX_ENTRIES} files"));
        }
        let kind = entry.file_type();
        if kind.is_ok_and(|kind| kind.is_dir()) && depth < MAX_DEPTH {
            list(&entry.path(), &format!("{name}/"), depth + 1, into)?;
        } else {
            into.insert(name);
        }
    }
    Ok(())
}
