//! Rules that no compiler checks.

use std::path::Path;

fn sources(folder: &Path, into: &mut Vec<(String, String)>) {
    for entry in std::fs::read_dir(folder).expect("a folder").flatten() {
        let path = entry.path();
        if path.is_dir() {
            sources(&path, into);
        } else if path.extension().is_some_and(|e| e == "rs") {
            let text = std::fs::read_to_string(&path).expect("a file");
            into.push((path.display().to_string(), text));
        }
    }
}

fn all(below: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    sources(
        &Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("src")
            .join(below),
        &mut found,
    );
    assert!(!found.is_empty());
    found
}

/// Everything before the unit tests.
fn code(text: &str) -> &str {
    text.split("#[cfg(test)]").next().unwrap_or_default()
}

#[test]
fn the_core_does_no_io_and_reads_no_clock() {
    let banned = [
        "std::fs",
        "std::io",
        "std::env",
        "std::net",
        "std::process",
        "std::thread",
        "SystemTime",
        "Instant",
        "rand::",
        "rusqlite",
        "sandbox::",
        "jiff",
    ];
    for (path, text) in all("core") {
        for word in banned {
            assert!(!code(&text).contains(word), "{path} mentions `{word}`");
        }
        for layer in [
            "store", "model", "tools", "exec", "driver", "commands", "ui", "report",
        ] {
            let import = format!("crate::{layer}");
            assert!(!text.contains(&import), "{path} uses `{import}`");
        }
    }
}

#[test]
fn only_the_command_line_knows_clap() {
    for (path, text) in all("") {
        let allowed = path.ends_with("src/cli.rs") || path.ends_with("src/main.rs");
        assert!(allowed || !text.contains("clap::"), "{path}");
    }
}

#[test]
fn files_stay_small() {
    for (path, text) in all("") {
        let lines = code(&text).lines().count();
        assert!(lines <= 560, "{path} has {lines} lines");
    }
}
