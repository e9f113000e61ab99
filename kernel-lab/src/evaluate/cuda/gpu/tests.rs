//! The whole road over the stand-in driver, with torch on the processor as the baseline. What it
//! says of time is nothing, and goes nowhere.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::mpsc;

use kernel_nvrtc::{Arch, Options, Outcome};
use protocol::{Candidate, Environment, Experiment, PROTOCOL_VERSION, Verdict};
use torch_bridge::{Interp, InterpConfig};

use super::kept::keep;
use super::*;
use crate::baseline::gpu::EAGER;
use crate::baseline::gpu::tests::on_processor;
use crate::task::TaskLibrary;

const NAME: &str = "honest_linear";
const TASK: &str = "linear_relu";
/// What makes it wrong.
const WRONG: (&str, &str) = ("sum + bias[column]", "sum");

fn variable(name: &str) -> Option<OsString> {
    std::env::var_os(name)
}

fn inside(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// Where Cargo puts programs: tests lie in `deps` beside them.
fn programs() -> PathBuf {
    let own = std::env::current_exe().expect("a program");
    let built = own.ancestors().nth(2).expect("a folder").to_owned();
    variable("ALPHALAB_BIN_DIR").map_or(built, PathBuf::from)
}

/// A candidate of `tests/cuda`, or that with something replaced in its source.
fn material(replaced: Option<(&str, &str)>) -> Material {
    let read = |file: &str| {
        let path = inside("tests/cuda").join(NAME).join(file);
        std::fs::read_to_string(path).expect("a file")
    };
    let mut source = read("kernel.cu");
    if let Some((old, new)) = replaced {
        assert!(source.contains(old), "{old} in {source}");
        source = source.replace(old, new);
    }
    Material {
        plan: read("plan.toml"),
        source,
    }
}

fn blank(experiment: &Experiment, task: &LoadedTask) -> Report {
    Report {
        schema: PROTOCOL_VERSION,
        lab: "kernel-lab".to_owned(),
        experiment: experiment.id.clone(),
        task: TASK.to_owned(),
        hash: task.hash.clone(),
        split: None,
        provisional: true,
        simulated: true,
        verdict: Verdict::Ok,
        metrics: BTreeMap::new(),
        track: None,
        checks: Vec::new(),
        diagnostics: BTreeMap::new(),
        artifacts: Vec::new(),
        environment: Environment {
            device: "cuda".to_owned(),
            threads: 1,
            seed: String::new(),
            facts: BTreeMap::new(),
        },
        durations_ms: BTreeMap::new(),
    }
}

/// A candidate's report, and the samples beside it.
fn report(task: &mut LoadedTask, material: &Material) -> (Report, String) {
    let arch = Arch::parse("sm_80").expect("an architecture");
    let compiler = crate::cuda::compiler(&variable).expect("NVRTC");
    let compiled = compiler.compile(&material.source, &arch, &Options::default());
    let Outcome::Built(built) = compiled.expect("an answer") else {
        panic!("it does not compile")
    };
    let ptx = std::fs::read_to_string(&built.ptx).expect("PTX");
    let plan = plan(material, task).expect("a plan");
    let code = Code {
        material,
        plan: &plan,
        ptx: &ptx,
        // A stand-in has no machine code.
        cubin: ptx.as_bytes(),
        seed: 11,
    };
    let folder = tempfile::tempdir().expect("a folder");
    let experiment = Experiment {
        schema: PROTOCOL_VERSION,
        id: NAME.to_owned(),
        task: TASK.to_owned(),
        candidate: Candidate::Files { files: Vec::new() },
    };
    let mut looked = Attempt {
        experiment: &experiment,
        depth: Depth::Judge,
        report: blank(&experiment, task),
        folder: Some(folder.path().to_owned()),
        started: Instant::now(),
    };
    let mut gpu = Gpu::stand_in(&programs(), &arch).expect("the stand-in");
    let effort = Effort {
        rounds: 4..=4,
        null: 3..=3,
        ..Effort::of(Depth::Judge)
    };
    let mut process = on_processor();
    let made = process.load(task, effort.slots, &[EAGER]).expect("a model");
    let of = (task.hash.clone(), task.seed, effort.slots);
    let mut kept = keep(process, of, made, task, &effort).expect("a baseline");
    let (mut pool, abort) = (Pool::default(), Abort::default());
    let measured = measure(
        &mut gpu,
        &mut kept,
        &mut looked,
        &code,
        task,
        &mut pool,
        &effort,
        &abort,
        &mut |_, _| {},
    );
    let report = match measured.expect("a machine that works") {
        Ok(measured) => {
            assert!(measured.compared >= 10, "{}", measured.compared);
            assert_eq!(measured.sides, 2);
            report::conclude(looked, &measured, &kept, task, &gpu, code.seed)
        }
        Err(ended) => looked.end_with(&ended),
    };
    let samples = std::fs::read_to_string(folder.path().join("samples.jsonl"));
    (report.expect("a report"), samples.unwrap_or_default())
}

/// What is returned is to be held until the process ends.
fn road() -> (LoadedTask, Interp) {
    let venv = variable("ALPHALAB_VENV").expect("`ALPHALAB_VENV`: run `cargo xtask setup` first");
    let interp = Interp::start(&InterpConfig {
        venv: PathBuf::from(venv),
        threads: 1,
        env: Vec::new(),
    })
    .expect("Python");
    let tasks = TaskLibrary::new(inside("../kernels/tasks"));
    let source = tasks.find(TASK).expect("a task");
    let mut task = LoadedTask::load(&interp, &source, "sim", 1).expect("a loaded task");

    let (right, samples) = report(&mut task, &material(None));
    assert_eq!(right.verdict, Verdict::Ok, "{:?}", right.checks);
    for metric in ["speedup", "candidate_ms", "eager_ms", "prepare_ms"] {
        assert!(
            right.metrics.contains_key(metric),
            "{metric}: {:?}",
            right.metrics
        );
    }
    for name in [
        "clocks",
        "wall_clock",
        "floor",
        "null_test",
        "graphed",
        "baselines",
    ] {
        assert!(right.diagnostics.contains_key(name), "{name}");
    }
    // Rounds, two sides, four slots.
    assert_eq!(samples.lines().count(), 4 * 2 * 4, "{samples}");

    let (wrong, samples) = report(&mut task, &material(Some(WRONG)));
    assert!(
        matches!(wrong.verdict, Verdict::Rejected { .. }),
        "{:?}",
        wrong.verdict
    );
    assert!(wrong.metrics.is_empty() && samples.is_empty());
    (task, interp)
}

#[test]
fn a_candidate_goes_the_whole_road_over_the_stand_in() {
    let (done, outcome) = mpsc::channel();
    std::thread::spawn(move || {
        let walked = std::panic::catch_unwind(road);
        let text = walked.as_ref().map(|_| ()).map_err(|panic| {
            let text = panic.downcast_ref::<String>().cloned();
            text.or_else(|| panic.downcast_ref::<&str>().map(|&text| text.to_owned()))
        });
        done.send(text).expect("the test waits");
        // An interpreter's thread may not end before its process.
        loop {
            std::thread::park();
        }
    });
    outcome.recv().expect("an outcome").expect("no panic");
}
