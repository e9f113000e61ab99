//! A source, what NVRTC made of it, and the cases for its kernels.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use crate::case::Case;
use crate::marks::kernels;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus")
}

/// A source's text.
pub(crate) fn source(name: &str) -> String {
    fs::read_to_string(folder().join(format!("{name}.cu"))).unwrap()
}

/// PTX of a source: for sm_80, and for others if they are named.
fn compiled(name: &str) -> Vec<PathBuf> {
    let of_source = |path: &PathBuf| {
        let file = path.file_name().unwrap().to_str().unwrap();
        file.strip_prefix(name)
            .is_some_and(|rest| rest.starts_with('.') && rest.ends_with("ptx"))
    };
    let entries = fs::read_dir(folder()).unwrap();
    let mut found: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    found.retain(of_source);
    found.sort();
    assert!(!found.is_empty(), "no PTX of {name}");
    found
}

/// A hash to recognise a source by: FNV-1a of 64 bits (draft-eastlake-fnv-17).
fn hash(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3)
    })
}

/// The first line of PTX that was made of a source.
fn stamp(name: &str) -> String {
    format!("// Made of {name}.cu {:016x}", hash(&source(name)))
}

/// Checks that each PTX is its source's, that each kernel has a case, all cases,
/// and that all bugs are noticed.
pub(crate) fn check(name: &str, cases: &[Case]) {
    let kernels = kernels(&source(name));
    let named = |right: bool| -> BTreeSet<&str> {
        let some = kernels
            .iter()
            .filter(|(_, marks)| marks.is_empty() == right);
        some.map(|(name, _)| name.as_str()).collect()
    };
    let tried: BTreeSet<&str> = cases.iter().flat_map(Case::kernels).collect();
    assert_eq!(tried, named(true), "kernels of {name}.cu");
    let mutants: BTreeSet<&str> = cases.iter().flat_map(Case::mutants).copied().collect();
    assert_eq!(mutants, named(false), "kernels of {name}.cu with a bug");
    let mut wrong = Vec::new();
    for path in compiled(name) {
        let file = path.file_name().unwrap().display().to_string();
        let text = fs::read_to_string(&path).unwrap();
        let stamp = stamp(name);
        if text.lines().next() != Some(&stamp) {
            wrong.push(format!("{file} was not made of this source: {stamp}"));
        }
        for case in cases {
            let names: Vec<_> = case.kernels().collect();
            if let Err(error) = case.check(&text) {
                wrong.push(format!("{file}, {names:?}: {error}"));
            }
            for kernel in case.mutants() {
                let (_, marks) = kernels.iter().find(|(name, _)| name == kernel).unwrap();
                let (findings, bad) = case.mutated(&text, kernel);
                if let Err(error) = marks.judge(&findings, bad) {
                    wrong.push(format!("{file}, {kernel}: {error}"));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// Right kernels and wrong ones.
pub(crate) fn counts(name: &str) -> [usize; 2] {
    let kernels = kernels(&source(name));
    let right = kernels.iter().filter(|(_, marks)| marks.is_empty()).count();
    [right, kernels.len() - right]
}

/// Takes over what was compiled to a folder: without its paths, with a stamp.
pub(crate) fn take_over(name: &str, from: &Path) {
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let file = path.file_name().unwrap().to_str().unwrap();
        let Some(arch) = file
            .strip_prefix(name)
            .and_then(|rest| rest.strip_prefix('.')?.strip_suffix(".ptx"))
        else {
            continue;
        };
        let mut text = stamp(name);
        for line in fs::read_to_string(&path).unwrap().lines() {
            text.push('\n');
            text.push_str(&without_folders(line));
        }
        text.push('\n');
        let to = match arch {
            "sm_80" => format!("{name}.ptx"),
            arch => format!("{name}.{arch}.ptx"),
        };
        fs::write(folder().join(to), text).unwrap();
    }
}

/// `.file 1 "/some/where/kernel.cu"` without the folders.
fn without_folders(line: &str) -> String {
    match line.split_once('"') {
        Some((head, rest)) if head.trim_start().starts_with(".file") => {
            let (path, tail) = rest.split_once('"').unwrap();
            let name = path.rsplit('/').next().unwrap();
            format!("{head}\"{name}\"{tail}")
        }
        _ => line.to_owned(),
    }
}
