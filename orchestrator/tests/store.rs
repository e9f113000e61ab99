//! A campaign directory that can't be used is a clear error, and untouched.

mod support;

use std::path::Path;

use support::{Target, command, finish, fixtures, quietly, run, succeed};

/// Every file in `dir` with its content.
fn content(dir: &Path) -> Vec<(String, Vec<u8>)> {
    let mut files: Vec<(String, Vec<u8>)> = std::fs::read_dir(dir)
        .expect("a folder")
        .flatten()
        .filter(|entry| entry.path().is_file())
        .map(|entry| {
            let name = entry.file_name().to_string_lossy().into_owned();
            (name, std::fs::read(entry.path()).expect("a file"))
        })
        // SQLite's shared memory is not content.
        .filter(|(name, _)| !name.ends_with("-shm"))
        .filter(|(name, bytes)| !(name.ends_with("-wal") && bytes.is_empty()))
        .collect();
    files.sort();
    files
}

fn target() -> Target {
    Target::synthetic(&fixtures().join("tasks"))
}

fn campaign(dir: &Path) {
    succeed(run(&target(), "store", dir, &["--tasks", "gamma"]));
}

/// `resume` and `status` must fail with exit code 3 and say `why`.
fn refused(dir: &Path, why: &str) {
    let before = content(dir);
    for verb in ["resume", "status", "leaderboard"] {
        let path = dir.to_string_lossy();
        let output = finish(command(&target(), "store", &[verb, &path]));
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(3), "{verb}: {stderr}");
        assert!(stderr.contains(why), "{verb}: {stderr}");
        assert_eq!(stderr.lines().count(), 1, "{verb}: {stderr}");
    }
    assert!(
        content(dir) == before,
        "something in `{}` was touched",
        dir.display()
    );
}

/// Replaces a text wherever it is: SQLite leaves copies in unused pages.
fn replace(dir: &Path, from: &[u8], to: &[u8]) {
    let path = dir.join("campaign.db");
    let mut file = std::fs::read(&path).expect("a database");
    let places: Vec<usize> = file
        .windows(from.len())
        .enumerate()
        .filter(|(_, window)| *window == from)
        .map(|(at, _)| at)
        .collect();
    assert!(!places.is_empty(), "nothing to replace");
    for at in places {
        file[at..at + to.len()].copy_from_slice(to);
    }
    std::fs::write(&path, file).expect("a database");
}

fn patch(dir: &Path, at: usize, bytes: &[u8]) {
    let path = dir.join("campaign.db");
    let mut file = std::fs::read(&path).expect("a database");
    file[at..at + bytes.len()].copy_from_slice(bytes);
    std::fs::write(&path, file).expect("a database");
}

#[test]
fn not_a_campaign() {
    let folder = tempfile::tempdir().expect("a folder");
    refused(folder.path(), "has no `campaign.db`");
    std::fs::write(folder.path().join("campaign.db"), b"hello").expect("a file");
    refused(folder.path(), "corrupt");
    std::fs::write(folder.path().join("campaign.db"), [b'x'; 4096]).expect("a file");
    refused(folder.path(), "is not a database");
}

#[test]
fn newer_layout() {
    let folder = tempfile::tempdir().expect("a folder");
    let dir = folder.path().join("c");
    campaign(&dir);
    patch(&dir, 60, &99_u32.to_be_bytes());
    refused(&dir, "newer version");
}

#[test]
fn another_programs_database() {
    let folder = tempfile::tempdir().expect("a folder");
    let dir = folder.path().join("c");
    campaign(&dir);
    patch(&dir, 68, &7_u32.to_be_bytes());
    refused(&dir, "another program");
}

#[test]
fn a_changed_event_breaks_the_chain() {
    let folder = tempfile::tempdir().expect("a folder");
    let dir = folder.path().join("c");
    campaign(&dir);
    replace(&dir, b"\"phase\":3", b"\"phase\":4");
    refused(&dir, "hash chain breaks");
}

#[test]
fn a_torn_file() {
    let folder = tempfile::tempdir().expect("a folder");
    let dir = folder.path().join("c");
    campaign(&dir);
    let path = dir.join("campaign.db");
    let file = std::fs::read(&path).expect("a database");
    std::fs::write(&path, &file[..file.len() / 2]).expect("a database");
    refused(&dir, "corrupt");
}

#[test]
fn in_use_but_readable() {
    let folder = tempfile::tempdir().expect("a folder");
    let slow = folder.path().join("tasks");
    std::fs::create_dir(&slow).expect("a folder");
    std::fs::write(slow.join("slow.toml"), "best = 2.0\ndelay_ms = 400\n").expect("a task");
    let target = Target::synthetic(&slow);
    let dir = folder.path().join("c");
    let path = dir.to_string_lossy().into_owned();
    let mut child = quietly(run(&target, "in-use", &dir, &[]));
    // The directory appears whole, with its lock soon after.
    while orchestrator::store::running_pid(&dir).ok().flatten() != Some(child.id()) {
        assert!(
            child.try_wait().expect("a child").is_none(),
            "it ended early"
        );
        std::thread::yield_now();
    }
    let output = finish(command(&target, "in-use", &["resume", &path]));
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(3), "{stderr}");
    assert!(
        stderr.contains(&format!("in use by process {}", child.id())),
        "{stderr}"
    );
    let status = succeed(command(&target, "in-use", &["status", &path, "--json"]));
    assert!(status.contains("\"state\": \"running\""), "{status}");

    let again = finish(run(&target, "in-use", &dir, &[]));
    assert_eq!(again.status.code(), Some(3));

    succeed(command(&target, "in-use", &["stop", &path]));
    let ended = child.wait().expect("a child");
    assert_eq!(ended.code(), Some(12));
    let status = succeed(command(&target, "in-use", &["status", &path, "--json"]));
    assert!(status.contains("\"state\": \"stopped\""), "{status}");
}

#[test]
fn what_is_staged_is_durable_together_or_not_at_all() {
    use orchestrator::core::event::{Actor, Event};
    use orchestrator::store::{Batch, Reader, Store, StoreError};

    let event = |phase| {
        let mut batch = Batch::new();
        batch.push(Actor::Harness, Event::PhaseStarted { phase });
        batch
    };
    let folder = tempfile::tempdir().expect("a folder");
    let dir = folder.path();
    let durable = || {
        let reader = Reader::open(dir).expect("a campaign");
        reader.verified_log().expect("a log that fits").len()
    };
    let mut store = Store::create(dir).expect("a new database");
    store.append(0, 1, event(1)).expect("appends");
    assert_eq!(durable(), 1);

    let staged = store.stage(1, 2, event(2)).expect("stages");
    assert_eq!(staged[0].seq, 2);
    store.stage(2, 3, event(3)).expect("stages");
    assert_eq!(durable(), 1, "nobody sees what is not durable");
    assert_eq!(store.log().expect("a log").len(), 3, "but the writer");
    store.commit().expect("commits");
    assert_eq!(durable(), 3);

    // One that does not fit takes all that was staged with it.
    store.stage(3, 4, event(4)).expect("stages");
    let refused = store.stage(9, 5, event(5));
    assert!(matches!(
        refused,
        Err(StoreError::Conflict {
            expected: 9,
            found: 4
        })
    ));
    store.commit().expect("commits nothing");
    assert_eq!(durable(), 3);
    store
        .append(3, 6, event(6))
        .expect("goes on after the last");
    assert_eq!(durable(), 4);

    // So does a writer that dies.
    store.stage(4, 7, event(7)).expect("stages");
    drop(store);
    assert_eq!(durable(), 4);
}
