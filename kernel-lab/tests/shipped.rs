//! The shipped tasks and the shipped templates fit each other: a sample of
//! them here, all of them with `ALPHALAB_SOAK=1` (`cargo xtask soak kernels`).

mod environment;
#[expect(dead_code, reason = "other tests use the rest of it")]
mod worker;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use protocol::{Candidate, Operation, ReplyBody, Split};

/// Tasks whose matching needs what others' doesn't: operands that are not broadcast, a list of
/// dimensions, tensors of like shapes and of some last dimensions, a value that is used again.
const SAMPLE: [&str; 6] = [
    "smooth_l1_rows",
    "pool_logsumexp",
    "swiglu",
    "masked_softmax",
    "exclusive_cumsum",
    "linear_residual",
];

fn tasks() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../kernels/tasks")
}

fn all() -> Vec<String> {
    let mut names = Vec::new();
    for entry in tasks().read_dir().expect("the shipped tasks") {
        let path = entry.expect("a task").path();
        if path.extension().is_some_and(|extension| extension == "py") {
            let name = path.file_stem().expect("a name");
            names.push(name.to_string_lossy().into_owned());
        }
    }
    names.sort();
    names
}

#[test]
fn every_task_has_sizes_for_each_device() {
    let names = all();
    assert!(names.len() >= 65, "{}", names.len());
    for name in names {
        let text = std::fs::read_to_string(tasks().join(&name).with_extension("toml"));
        let sizes: toml::Table = text.expect(&name).parse().expect(&name);
        let devices: Vec<&str> = sizes.keys().map(String::as_str).collect();
        assert_eq!(devices, ["cpu", "cuda", "sim"], "{name}");
    }
}

/// How often each template was used, and everything that is not right, with every template that fits these tasks;
/// `evaluated` or only compiled.
fn tried(
    worker: &mut worker::Worker,
    names: &[String],
    evaluated: bool,
) -> (BTreeMap<String, usize>, Vec<String>) {
    let dir = tempfile::tempdir().expect("a folder");
    worker.line();
    let (mut used, mut wrong) = (BTreeMap::<String, usize>::new(), Vec::new());
    for task in names {
        let spaces = match worker.ask(Operation::Inspect { task: task.clone() }) {
            ReplyBody::Inspected(inspection) => inspection.spaces,
            other => panic!("{task}: {other:?}"),
        };
        if spaces.is_empty() {
            wrong.push(format!("{task}: no template fits"));
        }
        for space in spaces {
            *used.entry(space.template.clone()).or_default() += 1;
            let folder = dir.path().join(format!("{task}-{}", space.template));
            std::fs::create_dir_all(&folder).expect("a folder within");
            let candidate = Candidate::template(space.template.clone(), BTreeMap::new());
            worker::write_experiment(&folder, "x", task, candidate);
            let report = worker.report(&if evaluated {
                Operation::Evaluate {
                    dir: folder,
                    attempt: 1,
                    split: Split::Search,
                }
            } else {
                Operation::Check { dir: folder }
            });
            let speedup = report.metrics.get("speedup").map(|metric| metric.value);
            eprintln!(
                "{task} {}: {} {speedup:?}",
                space.template,
                report.verdict.word()
            );
            if !report.verdict.is_ok() {
                wrong.push(format!(
                    "{task} {}: {}",
                    space.template,
                    report.verdict.reason()
                ));
            }
        }
    }
    (used, wrong)
}

#[test]
fn every_task_has_templates_that_bind_and_compile() {
    let soak = std::env::var_os("ALPHALAB_SOAK").is_some();
    let names = if soak {
        all()
    } else {
        SAMPLE.map(str::to_owned).to_vec()
    };
    let mut worker = worker::start_on(&tasks());
    // The whole road takes seconds for each.
    let (used, wrong) = tried(&mut worker, &names, soak);
    assert!(wrong.is_empty(), "{wrong:#?}");
    if soak {
        let library = tasks().join("../library");
        for entry in library.read_dir().unwrap() {
            let entry = entry.unwrap();
            let name = entry.file_name().into_string().unwrap();
            // A general template is for what no other covers: other people's tasks.
            let about = std::fs::read_to_string(entry.path().join("template.toml"));
            let general = about.is_ok_and(|text| text.contains("general = true"));
            // Those for GPUs are tried by `cuda_templates`.
            assert!(
                name == "_include" || name == "cuda" || general || used.contains_key(&name),
                "{name} fits no task"
            );
        }
    }
}

#[test]
fn templates_for_gpus_are_right_on_the_simulator() {
    let soak = std::env::var_os("ALPHALAB_SOAK").is_some();
    let names = if soak {
        all()
    } else {
        // Products and windows, whose functions are in a tile's store, besides.
        let more = ["conv2d_relu", "attention"];
        SAMPLE
            .iter()
            .chain(&more)
            .map(|&name| name.to_owned())
            .collect()
    };
    let arguments = ["--device", "cuda"].map(std::ffi::OsStr::new);
    let mut worker = worker::start_with(&tasks(), &arguments);
    let (_, wrong) = tried(&mut worker, &names, true);
    assert!(wrong.is_empty(), "{wrong:#?}");
}
