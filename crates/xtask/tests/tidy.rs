//! Rules that no compiler knows, held over the files of the repository.

use std::fs;
use std::path::{Path, PathBuf};

/// Files that are not ours to hold to rules.
const NOT_OURS: [&str; 4] = ["target", ".git", ".venv", "campaigns"];

const LONGEST_FILE: usize = 600;

fn root() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    root.canonicalize().expect("the checkout exists")
}

/// Every file that Git would track, as far as `NOT_OURS` can tell.
fn files() -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut folders = vec![root()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("folder can be listed") {
            let entry = entry.expect("entry can be read");
            let (path, name) = (entry.path(), entry.file_name());
            let kind = entry.file_type().expect("kind can be read");
            let foreign = NOT_OURS.iter().any(|other| name == *other)
                || path.ends_with(".cargo/local.toml")
                || path.join("pyvenv.cfg").exists()
                || path.join("CACHEDIR.TAG").exists();
            if foreign || name == "__pycache__" {
                continue;
            }
            if kind.is_dir() {
                folders.push(path);
            } else if kind.is_file() {
                files.push(path);
            }
        }
    }
    assert!(
        files.len() > 20,
        "the walk found only {} files",
        files.len()
    );
    files
}

fn text(file: &Path) -> String {
    String::from_utf8_lossy(&fs::read(file).expect("file can be read")).into_owned()
}

fn with_extension(extension: &str) -> Vec<PathBuf> {
    let mut files = files();
    files.retain(|file| file.extension().is_some_and(|e| e == extension));
    files
}

/// Fails with all the offenders at once.
fn none(offenders: &[String], rule: &str) {
    assert!(
        offenders.is_empty(),
        "{rule}:\n  {}",
        offenders.join("\n  ")
    );
}

#[test]
fn every_crate_takes_the_workspace_lints() {
    let offenders: Vec<String> = files()
        .iter()
        .filter(|file| file.ends_with("Cargo.toml"))
        .filter_map(|file| {
            let manifest: toml::Table = text(file).parse().expect("manifest is TOML");
            let inherits = manifest
                .get("lints")
                .and_then(|lints| lints.get("workspace"))
                .and_then(toml::Value::as_bool);
            let is_crate = manifest.contains_key("package");
            (is_crate && inherits != Some(true)).then(|| file.display().to_string())
        })
        .collect();
    none(&offenders, "crates without `[lints] workspace = true`");
}

#[test]
fn no_source_file_is_too_long() {
    let offenders: Vec<String> = with_extension("rs")
        .iter()
        .filter_map(|file| {
            let lines = text(file).lines().count();
            (lines > LONGEST_FILE).then(|| format!("{} ({lines} lines)", file.display()))
        })
        .collect();
    none(&offenders, "files of more than 600 lines");
}

#[test]
fn every_source_file_says_what_it_is() {
    let offenders: Vec<String> = with_extension("rs")
        .iter()
        .filter(|file| !text(file).starts_with("//!"))
        .map(|file| file.display().to_string())
        .collect();
    none(&offenders, "files that do not begin with a `//!` comment");
}

#[test]
fn the_readme_has_exactly_two_setup_commands() {
    let readme = text(&root().join("README.md"));
    let commands: Vec<&str> = readme
        .lines()
        .filter_map(|line| line.trim().strip_prefix("cargo xtask "))
        .filter_map(|rest| rest.split_whitespace().next())
        .collect();
    assert_eq!(commands, ["run", "test"]);
}

#[test]
fn no_file_names_a_path_of_the_machine_it_was_written_on() {
    let homes = [["", "root", ""].join("/"), ["", "work", ""].join("/")];
    let offenders: Vec<String> = files()
        .iter()
        .flat_map(|file| {
            let text = text(file);
            let found: Vec<String> = text
                .lines()
                .enumerate()
                .filter(|(_, line)| homes.iter().any(|home| names_path(line, home)))
                .map(|(at, _)| format!("{}:{}", file.display(), at + 1))
                .collect();
            found
        })
        .collect();
    none(&offenders, "machine paths");
}

/// Whether a line has this absolute path: not as the middle of a longer one.
fn names_path(line: &str, home: &str) -> bool {
    line.match_indices(home).any(|(at, _)| {
        !line[..at]
            .chars()
            .next_back()
            .is_some_and(|before| before.is_alphanumeric() || "._-}/$".contains(before))
    })
}

#[test]
fn only_whole_absolute_paths_count_as_machine_paths() {
    let home = ["", "work", ""].join("/");
    assert!(names_path(&format!("see {home}main"), &home));
    assert!(names_path(&format!("\"{home}main\""), &home));
    assert!(!names_path(&format!("target{home}main"), &home));
}

#[test]
fn the_changelog_has_an_unreleased_section() {
    let changelog = text(&root().join("CHANGELOG.md"));
    assert!(changelog.lines().any(|line| line == "## [Unreleased]"));
    assert!(changelog.lines().any(|line| line == "### Added"));
}
