//! Patches of an adapter: kept, taken back, and confined to its folder.

use std::fs;

use orchestrator::adapter::{
    Adapter, AdapterHistory, EntryKind, Extent, FILES, HistoryError, Patch, PromptRole,
};

use super::{copy, render, text};

fn patch(file: &str, text: &str) -> Patch {
    Patch {
        file: file.to_owned(),
        text: text.to_owned(),
        why: "a test".to_owned(),
        by: "supervisor".to_owned(),
    }
}

#[test]
fn patches_are_kept_take_effect_on_loading_and_can_be_taken_back() {
    let folder = copy("cuda-kernels");
    let first = text(folder.path(), "phase3_reporter.md");
    let mut history = AdapterHistory::open(folder.path()).expect("a history");
    let one = patch("phase3_reporter.md", "One: {{ objective }}\n");
    let two = patch("phase3_reporter.md", "Two: {{ objective }}\n");
    assert_eq!(history.apply(&one).expect("an entry"), 1);
    assert_eq!(history.apply(&two).expect("an entry"), 2);
    let adapter = Adapter::load(folder.path()).expect("an adapter");
    let prompt = render(&adapter, PromptRole::Reporter, Extent::Full);
    assert_eq!(prompt, "Two: Do as well as the metric allows");
    assert_eq!(
        history
            .revert(2, "no good", "supervisor")
            .expect("an entry"),
        3
    );
    assert_eq!(text(folder.path(), "phase3_reporter.md"), one.text);
    assert_eq!(
        history
            .revert(1, "no good", "supervisor")
            .expect("an entry"),
        4
    );
    assert_eq!(text(folder.path(), "phase3_reporter.md"), first);
    // Taking back what took back is a change like any other.
    assert_eq!(
        history
            .revert(4, "good after all", "user")
            .expect("an entry"),
        5
    );
    assert_eq!(text(folder.path(), "phase3_reporter.md"), one.text);
    let again = AdapterHistory::open(folder.path()).expect("a history");
    assert_eq!(again.entries(), history.entries());
    let kinds: Vec<EntryKind> = again.entries().iter().map(|entry| entry.kind).collect();
    assert_eq!(kinds[..2], [EntryKind::Patch; 2]);
    assert_eq!(kinds[2..], [EntryKind::Revert; 3]);
    assert_eq!(
        text(&folder.path().join(".history/0002"), "before"),
        one.text
    );
}

#[test]
fn a_patch_that_would_break_the_adapter_changes_nothing() {
    let folder = copy("cuda-kernels");
    let before: Vec<String> = FILES.iter().map(|file| text(folder.path(), file)).collect();
    let mut history = AdapterHistory::open(folder.path()).expect("a history");
    let manifest = text(folder.path(), "manifest.toml");
    for bad in [
        patch("phase1.md", "{{ nobody_knows }}"),
        patch("phase1.md", ""),
        patch("phase1.md", &"x".repeat(40_000)),
        patch("manifest.toml", &manifest.replace("maximise", "sideways")),
    ] {
        let error = history.apply(&bad).expect_err("a refusal");
        assert!(matches!(error, HistoryError::Refused { .. }), "{error}");
    }
    let same = patch("phase1.md", &text(folder.path(), "phase1.md"));
    let error = history.apply(&same).expect_err("a refusal");
    assert!(matches!(error, HistoryError::Unchanged { .. }), "{error}");
    let error = history.revert(7, "", "").expect_err("a refusal");
    assert!(matches!(error, HistoryError::NoSuchEntry { .. }), "{error}");
    let after: Vec<String> = FILES.iter().map(|file| text(folder.path(), file)).collect();
    assert_eq!(before, after);
    assert!(!folder.path().join(".history").exists());
}

#[test]
fn a_broken_adapter_can_be_repaired_file_by_file() {
    let folder = copy("cuda-kernels");
    let good = text(folder.path(), "phase1.md");
    fs::write(folder.path().join("phase1.md"), "{{ a }}").expect("a file");
    fs::write(folder.path().join("phase3_fixer.md"), "{{ b }}").expect("a file");
    let mut history = AdapterHistory::open(folder.path()).expect("a history");
    history.apply(&patch("phase1.md", &good)).expect("an entry");
    assert_eq!(Adapter::validate(folder.path()).len(), 1);
}

#[test]
fn no_file_name_leads_out_of_the_folder() {
    let around = tempfile::tempdir().expect("a folder");
    let folder = around.path().join("adapter");
    fs::rename(copy("cuda-kernels").keep(), &folder).expect("a folder");
    let mut history = AdapterHistory::open(&folder).expect("a history");
    for name in [
        "../phase1.md",
        "./phase1.md",
        "phase1.md/",
        "phase1.md\0",
        ".history/0001/entry.toml",
        "/phase1.md",
        "sub/phase1.md",
        "PHASE1.MD",
        "",
        "notes.md",
    ] {
        let error = history
            .apply(&patch(name, "{{ objective }}"))
            .expect_err("a refusal");
        assert!(
            matches!(error, HistoryError::NoSuchFile { .. }),
            "{name}: {error}"
        );
    }
    let names: Vec<_> = fs::read_dir(around.path())
        .expect("a folder")
        .flatten()
        .collect();
    assert_eq!(names.len(), 1);
}

#[test]
fn links_are_not_followed() {
    let outside = tempfile::tempdir().expect("a folder");
    let secret = outside.path().join("secret");
    fs::write(&secret, "{{ objective }} as it was").expect("a file");
    let folder = copy("cuda-kernels");
    let prompt = folder.path().join("phase1.md");
    fs::remove_file(&prompt).expect("a file");
    std::os::unix::fs::symlink(&secret, &prompt).expect("a link");
    let mut history = AdapterHistory::open(folder.path()).expect("a history");
    let error = history
        .apply(&patch("phase1.md", "{{ objective }}"))
        .expect_err("a refusal");
    assert!(matches!(error, HistoryError::Link { .. }), "{error}");
    assert_eq!(text(outside.path(), "secret"), "{{ objective }} as it was");
    std::os::unix::fs::symlink(outside.path(), folder.path().join(".history")).expect("a link");
    let error = AdapterHistory::open(folder.path()).expect_err("a refusal");
    assert!(matches!(error, HistoryError::Link { .. }), "{error}");
    let error = history
        .apply(&patch("phase3_fixer.md", "{{ objective }}"))
        .expect_err("a refusal");
    assert!(matches!(error, HistoryError::Link { .. }), "{error}");
    assert_eq!(fs::read_dir(outside.path()).expect("a folder").count(), 1);
}
