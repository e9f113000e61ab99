//! The kernels of the other tests with something changed.

use std::path::Path;

use cuda_sim::LoadError;

use crate::drive::{Wish, run};
use crate::mutate::{Dice, kernels, mutated};

/// Every kernel of the PTX beside the tests, each with all that it needs.
fn originals() -> Vec<String> {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    let mut files = Vec::new();
    for folder in std::fs::read_dir(tests).unwrap() {
        let folder = folder.unwrap().path();
        if folder.is_dir() {
            let entries = std::fs::read_dir(folder).unwrap();
            files.extend(entries.map(|entry| entry.unwrap().path()));
        }
    }
    files.retain(|file| file.extension().is_some_and(|extension| extension == "ptx"));
    files.sort();
    let texts = files
        .iter()
        .map(|file| std::fs::read_to_string(file).unwrap());
    texts.flat_map(|text| kernels(&text)).collect()
}

/// What loads runs to an end, and what does not says why and where.
#[test]
fn changed_kernels_load_or_say_why_and_end() {
    const CASES: usize = 6000;
    let originals = originals();
    assert!(originals.len() > 150, "{}", originals.len());
    let mut dice = Dice::new(2026);
    let mut loaded = 0;
    for case in 0..CASES {
        let text = mutated(&originals[case % originals.len()], &mut dice);
        let wish: Vec<u8> = (0..16).map(|_| dice.next() as u8).collect();
        match run(&text, &Wish(&wish)) {
            Ok(()) => loaded += 1,
            Err(LoadError::Syntax(error)) => assert!(error.line > 0, "{error}"),
            Err(LoadError::NotSimulable { line, opcode, .. }) => assert!(line > 0, "{opcode}"),
            Err(LoadError::Invalid { line, what }) => assert!(line > 0, "{what}"),
        }
    }
    // Both must happen, or the changes are too large or too small.
    assert!((CASES / 20..CASES * 19 / 20).contains(&loaded), "{loaded}");
}

/// Nothing is thrown at a text's very end.
#[test]
fn texts_that_end_too_early() {
    let originals = originals();
    let mut dice = Dice::new(1);
    for original in originals.iter().step_by(9) {
        for _ in 0..20 {
            let mut at = dice.below(original.len());
            while !original.is_char_boundary(at) {
                at -= 1;
            }
            let _ = run(&original[..at], &Wish(&[0; 16]));
        }
    }
}
