//! The history on a disk that fails.

use std::cell::Cell;
use std::collections::BTreeMap;

use super::*;

/// Fails at the `fail_at`-th change and at all that follow: a process that
/// dies there does nothing more either.
struct Failing {
    left: Cell<u32>,
}

impl Failing {
    fn at(step: u32) -> Self {
        Self {
            left: Cell::new(step),
        }
    }

    fn step(&self) -> io::Result<()> {
        match self.left.get() {
            0 => Err(io::Error::other("the disk is gone")),
            left => {
                self.left.set(left - 1);
                Ok(())
            }
        }
    }
}

impl Disk for Failing {
    fn create_folder(&self, path: &Path) -> io::Result<()> {
        self.step().and_then(|()| Real.create_folder(path))
    }

    fn write(&self, path: &Path, text: &str) -> io::Result<()> {
        self.step().and_then(|()| Real.write(path, text))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.step().and_then(|()| Real.rename(from, to))
    }

    fn remove_folder(&self, path: &Path) -> io::Result<()> {
        self.step().and_then(|()| Real.remove_folder(path))
    }
}

fn adapter() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("../adapters/cuda-kernels");
    for name in FILES {
        fs::copy(shipped.join(name), folder.path().join(name)).expect("a copy");
    }
    folder
}

/// The eleven files and nothing else.
fn texts(folder: &Path) -> BTreeMap<&'static str, String> {
    FILES
        .into_iter()
        .map(|name| (name, fs::read_to_string(folder.join(name)).expect("a file")))
        .collect()
}

fn patch(text: &str) -> Patch {
    Patch {
        file: "phase1.md".to_owned(),
        text: text.to_owned(),
        why: "a test".to_owned(),
        by: "nobody".to_owned(),
    }
}

#[test]
fn wherever_the_disk_fails_the_adapter_is_old_or_new_and_never_half() {
    let new = patch("A new text: {{ objective }}\n");
    let mut finished = false;
    for step in 0..20 {
        let folder = adapter();
        let before = texts(folder.path());
        let mut history = AdapterHistory::open(folder.path()).expect("a history");
        let outcome = history.change(&new, None, &Failing::at(step));
        let mut after = before.clone();
        after.insert("phase1.md", new.text.clone());
        let now = texts(folder.path());
        assert!(now == before || now == after, "step {step}");
        assert_eq!(outcome.is_ok(), now == after, "step {step}");
        // The next process finds as many entries as took effect, and can go on.
        let mut history = AdapterHistory::open(folder.path()).expect("a history");
        assert_eq!(
            history.entries().len(),
            usize::from(outcome.is_ok()),
            "step {step}"
        );
        let again = history.apply(&patch("And another: {{ objective }}\n"));
        assert_eq!(again.expect("an entry") as usize, history.entries().len());
        finished |= outcome.is_ok();
    }
    assert!(finished, "no run got through");
}

#[test]
fn wherever_a_revert_fails_it_can_be_done_again() {
    for step in 0..12 {
        let folder = adapter();
        let first = texts(folder.path());
        let mut history = AdapterHistory::open(folder.path()).expect("a history");
        let number = history
            .apply(&patch("New: {{ objective }}\n"))
            .expect("an entry");
        let outcome = history.revert_on(number, "a test", "nobody", &Failing::at(step));
        let mut history = AdapterHistory::open(folder.path()).expect("a history");
        if outcome.is_err() {
            assert_eq!(history.entries().len(), 1, "step {step}");
            history.revert(number, "again", "nobody").expect("an entry");
        }
        assert_eq!(texts(folder.path()), first, "step {step}");
        assert_eq!(history.entries().len(), 2);
        assert_eq!(history.entries()[1].undoes, Some(number));
    }
}

#[test]
fn the_first_texts_are_known_after_any_number_of_changes() {
    let folder = adapter();
    let first = texts(folder.path());
    assert_eq!(originals(folder.path()).expect("texts"), first);
    let mut history = AdapterHistory::open(folder.path()).expect("a history");
    for text in ["One: {{ objective }}\n", "Two: {{ objective }}\n"] {
        history.apply(&patch(text)).expect("an entry");
    }
    history.revert(2, "a test", "nobody").expect("an entry");
    assert_ne!(texts(folder.path()), first);
    assert_eq!(originals(folder.path()).expect("texts"), first);
}
