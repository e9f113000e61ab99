//! Which candidates count as nearly the same, on the shipped kernels.

use std::collections::BTreeMap;
use std::path::Path;

use orchestrator::core::points::{Params, Scales};
use orchestrator::core::search_policy::SearchPolicy;
use orchestrator::core::sketch::{Likeness, Sketch};
use proptest::prelude::*;
use serde_json::json;

type Files = BTreeMap<String, String>;

/// The kernels of the library, with their plans.
fn library() -> BTreeMap<String, Files> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../kernels/library");
    let mut found = BTreeMap::new();
    for entry in root.read_dir().expect("the library").flatten() {
        let files: Files = ["kernel.cpp", "plan.toml"]
            .into_iter()
            .filter_map(|name| {
                let text = std::fs::read_to_string(entry.path().join(name)).ok()?;
                Some((name.to_owned(), text))
            })
            .collect();
        // Some are a plan alone.
        if files.contains_key("kernel.cpp") {
            found.insert(entry.file_name().to_string_lossy().into_owned(), files);
        }
    }
    assert!(found.len() >= 10, "{}", found.len());
    found
}

fn likeness(a: &Files, b: &Files) -> Likeness {
    let (a, b) = (Sketch::of_files(a), Sketch::of_files(b));
    a.likeness(&b).expect("both have files")
}

/// The kernel with one text replaced by another everywhere in its source.
fn edited(files: &Files, from: &str, to: &str) -> Files {
    let mut files = files.clone();
    let source = files.get_mut("kernel.cpp").expect("a source");
    assert!(source.contains(from), "`{from}`");
    *source = source.replace(from, to);
    files
}

#[test]
fn different_kernels_are_far_apart() {
    let library = library();
    let near = SearchPolicy::default().near_text;
    let mut closest: f64 = 0.0;
    for (name, files) in &library {
        let same = likeness(files, files);
        assert!(
            (same.resemblance - 1.0).abs() < 1e-12 && same.same_shape,
            "{name}"
        );
        for (other, others) in library.iter().filter(|(other, _)| *other != name) {
            let found = likeness(files, others).resemblance;
            assert!(found < near, "{name} {other}: {found}");
            closest = closest.max(found);
        }
    }
    // The threshold is nowhere near what different kernels have in common.
    assert!(closest < near / 2.0, "{closest}");
}

#[test]
fn another_layout_is_the_same_kernel() {
    for (name, files) in library() {
        let sketch = Sketch::of_files(&files);
        let mut other = files.clone();
        for (file, text) in &mut other {
            let comment = if file.ends_with("cpp") {
                "// mine"
            } else {
                "# mine"
            };
            let lines = text.lines().map(|line| format!("{line}   {comment}\n\n"));
            // A comment may end a line that goes on, and a directive can't be broken.
            if !text.contains("\\\n") {
                *text = lines.collect();
            }
        }
        assert_eq!(
            Sketch::of_files(&other).canonical,
            sketch.canonical,
            "{name}"
        );
    }
}

#[test]
fn edits_of_a_kernel_are_told_apart() {
    let library = library();
    let kernel = &library["softmax_rows"];
    let policy = SearchPolicy::default();
    // Another name changes nothing, and is near; so is an addition, which has
    // to be said to be one. A tuned number is not near.
    let cases = [
        ("next", "ahead", true),
        ("sweep", "pass", true),
        ("shift", "origin", true),
        ("const float* x", "const float* __restrict x", true),
        ("60.0f", "60.1f", true),
        ("4 * VF", "8 * VF", false),
        ("cols > 64", "cols > 128", false),
        ("60.0f", "30.0f", false),
    ];
    for (from, to, near) in cases {
        let found = likeness(kernel, &edited(kernel, from, to));
        let tuned = found
            .numbers
            .is_some_and(|apart| apart > policy.near_numbers);
        let is_near = found.resemblance >= policy.near_text && !tuned;
        assert_eq!(is_near, near, "{from} -> {to}: {found:?}");
    }
    let only_numbers = likeness(kernel, &edited(kernel, "60.0f", "60.1f"));
    assert!(only_numbers.same_shape);
    let renamed = likeness(kernel, &edited(kernel, "next", "ahead"));
    assert!(!renamed.same_shape);
}

fn text() -> impl Strategy<Value = String> {
    let word = prop_oneof![
        Just("for".to_owned()),
        Just("x".to_owned()),
        Just("(".to_owned()),
        Just("\n".to_owned()),
        Just("// c\n".to_owned()),
        Just("\"s\"".to_owned()),
        (0..99_u32).prop_map(|n| n.to_string()),
        "[a-z]{1,3}",
    ];
    proptest::collection::vec(word, 0..400).prop_map(|words| words.join(" "))
}

fn space() -> Scales {
    Scales::of(
        &json!({ "spaces": [{ "template": "t", "summary": "", "params": [
        { "name": "N", "kind": "int", "low": 1, "high": 512, "step": 1, "log": true, "default": 8 },
        { "name": "U", "kind": "choice", "values": [1, 2, 4, 8], "default": 2 },
        { "name": "F", "kind": "bool", "default": true },
    ] }] }),
    )
}

fn params() -> impl Strategy<Value = Params> {
    let value = prop_oneof![
        (1..513_u32).prop_map(|n| json!(n)),
        any::<bool>().prop_map(|flag| json!(flag)),
        (1.0..512.0_f64).prop_map(|x| json!(x)),
    ];
    let name = prop_oneof![Just("N"), Just("U"), Just("F"), Just("other")];
    proptest::collection::btree_map(name.prop_map(str::to_owned), value, 0..4)
}

proptest! {
    #[test]
    fn likeness_is_symmetric_and_reflexive(a in text(), b in text()) {
        let [a, b] = [a, b].map(|text| Files::from([("k.cpp".to_owned(), text)]));
        let (x, y) = (Sketch::of_files(&a), Sketch::of_files(&b));
        prop_assert_eq!(x.likeness(&y), y.likeness(&x));
        if let Some(same) = x.likeness(&x) {
            prop_assert!((same.resemblance - 1.0).abs() < 1e-12);
            prop_assert!(same.same_shape && same.numbers.is_none_or(|apart| apart == 0.0));
        }
        if let Some(found) = x.likeness(&y) {
            prop_assert!((0.0..=1.0).contains(&found.resemblance));
            // What is the same is not told apart by anything else.
            if x.canonical == y.canonical {
                prop_assert!(found.same_shape && found.resemblance > 1.0 - 1e-12);
            }
        }
    }

    #[test]
    fn distance_is_symmetric_reflexive_and_agrees_with_the_hash(a in params(), b in params()) {
        let space = space();
        let found = space.distance("t", &a, &b);
        prop_assert!((0.0..=1.0).contains(&found));
        prop_assert!((found - space.distance("t", &b, &a)).abs() < 1e-12);
        prop_assert!(space.distance("t", &a, &a) < 1e-12);
        let same = space.canonical("t", &a) == space.canonical("t", &b);
        prop_assert_eq!(same, found == 0.0);
    }
}
