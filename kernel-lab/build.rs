//! Gives the lab's binaries the run paths of libtorch and libpython, and a
//! hash of the sources that make a verdict and a score.

#[path = "../crates/torch-bridge/build/rpath.rs"]
mod rpath;

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};

/// What a figure depends on besides the candidate and its task.
const JUDGE: [&str; 7] = [
    "src",
    "runner/src",
    "runner/python",
    "../crates/protocol/src",
    "../crates/sandbox/src",
    "../crates/stats/src",
    "../crates/torch-bridge",
];

fn main() {
    println!("cargo::rerun-if-changed=../crates/torch-bridge/build/rpath.rs");
    rpath::emit(&["ALPHALAB_TORCH_LIB", "ALPHALAB_PYTHON_LIB"]);
    println!("cargo::rustc-env=ALPHALAB_JUDGE={}", judge());
}

/// SHA-256 over names and contents, in the order of the names.
fn judge() -> String {
    let mut files = Vec::new();
    for folder in JUDGE {
        println!("cargo::rerun-if-changed={folder}");
        collect(Path::new(folder), &mut files);
    }
    files.sort();
    let mut digest = Sha256::new();
    for file in &files {
        let content = fs::read(file).unwrap_or_default();
        for part in [file.as_os_str().as_encoded_bytes(), &content] {
            digest.update((part.len() as u64).to_le_bytes());
            digest.update(part);
        }
    }
    let mut text = String::new();
    for byte in digest.finalize() {
        // Writing to a String can't fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}

fn collect(folder: &Path, into: &mut Vec<PathBuf>) {
    let Ok(entries) = fs::read_dir(folder) else {
        return;
    };
    for entry in entries.flatten() {
        let path = entry.path();
        let ending = path.extension().and_then(|ending| ending.to_str());
        if path.is_dir() {
            collect(&path, into);
        } else if matches!(ending, Some("rs" | "py")) {
            into.push(path);
        }
    }
}
