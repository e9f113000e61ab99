//! The synthetic lab's noisy surface.

use std::path::{Path, PathBuf};
use std::time::Duration;

use orchestrator::exec::{LabProgram, LabWorker};
use protocol::{
    Candidate, Experiment, Metric, Operation, PROTOCOL_VERSION, ReplyBody, Report, Split,
};
use serde_json::{Value, json};

use super::support::{alphalab, finish};

/// The true score of the point that is measured.
struct Bench {
    folder: tempfile::TempDir,
    worker: LabWorker,
}

fn lab() -> PathBuf {
    let examples = alphalab().parent().expect("a folder").join("examples");
    examples.join("synthetic-lab")
}

impl Bench {
    fn new(task: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join("t.toml"), task).expect("writes");
        let worker = LabWorker::start(&LabProgram {
            path: lab(),
            arguments: vec!["serve".into()],
            environment: Vec::new(),
            log: folder.path().join("lab.log"),
            room: None,
        });
        Self {
            folder,
            worker: worker.expect("a lab"),
        }
    }

    fn task(&self) -> PathBuf {
        self.folder.path().join("t.toml")
    }

    fn report(&mut self, id: &str, candidate: Candidate, attempt: u32, split: Split) -> Report {
        let dir = self.folder.path().join(id);
        std::fs::create_dir_all(&dir).expect("a folder");
        let experiment = Experiment {
            schema: PROTOCOL_VERSION,
            id: id.to_owned(),
            task: self.task().to_string_lossy().into_owned(),
            candidate,
        };
        let text = serde_json::to_string(&experiment).expect("JSON");
        std::fs::write(dir.join("experiment.json"), text).expect("writes");
        let op = Operation::Evaluate {
            dir,
            attempt,
            split,
        };
        match self.worker.ask(op, Duration::from_mins(1), &mut |_| {}) {
            Ok(ReplyBody::Report(report)) => *report,
            other => panic!("{other:?}"),
        }
    }

    fn measure(&mut self, id: &str, params: &Value, attempt: u32, split: Split) -> Metric {
        let report = self.report(id, template(params), attempt, split);
        assert!(report.verdict.is_ok(), "{:?}", report.verdict);
        report.metrics["speedup"].clone()
    }

    /// What the lab says when it is asked for the truth.
    fn truth(&self, params: &Value) -> Value {
        let file = self.folder.path().join("candidate.json");
        let text = serde_json::to_string(&template(params)).expect("JSON");
        std::fs::write(&file, text).expect("writes");
        #[expect(clippy::disallowed_methods, reason = "a test asks the lab itself")]
        let mut command = std::process::Command::new(lab());
        command.arg("truth").args([&*self.task(), Path::new(&file)]);
        let output = finish(command);
        serde_json::from_slice(&output.stdout).expect("JSON")
    }
}

fn template(params: &Value) -> Candidate {
    Candidate::Template {
        template: "template0".to_owned(),
        params: serde_json::from_value(params.clone()).expect("parameters"),
    }
}

const NOISY: &str = "best = 3.0\nprograms = true\n[surface]\nnoise = 0.05\nseed = 8\n";

#[test]
fn nine_and_a_half_of_ten_intervals_hold_the_truth() {
    let mut bench = Bench::new(NOISY);
    let params = json!({ "DEPTH": 3 });
    let truth = bench.truth(&params)["value"].as_f64().expect("a number");
    let holds = (0..400).filter(|number| {
        let metric = bench.measure(&format!("e{number}"), &params, 1, Split::Search);
        let ci = metric.ci.expect("an interval");
        (ci.lo()..=ci.hi()).contains(&truth)
    });
    // 380 in the mean; four standard deviations of the binomial are 17.
    let number = holds.count();
    assert!((363..=397).contains(&number), "{number} of 400");
}

#[test]
fn draws_are_fresh_and_can_be_repeated() {
    let mut bench = Bench::new(NOISY);
    let params = json!({});
    let mut values = Vec::new();
    for (id, attempt, split) in [
        ("e1", 1, Split::Search),
        ("e2", 1, Split::Search),
        ("e1", 2, Split::Select),
        ("e1", 3, Split::Select),
        ("e1", 3, Split::Sealed),
    ] {
        let value = bench.measure(id, &params, attempt, split).value;
        assert_eq!(
            bench.measure(id, &params, attempt, split).value.to_bits(),
            value.to_bits()
        );
        assert!(
            !values.contains(&value.to_bits()),
            "{id} {attempt} {split:?}"
        );
        values.push(value.to_bits());
    }
}

#[test]
fn nothing_is_better_than_the_optimum() {
    let bench = Bench::new(NOISY);
    let known = bench.truth(&json!({}));
    let best = known["best"].clone();
    assert_eq!(bench.truth(&best)["value"], known["optimum"]);
    for (name, values) in [
        ("DEPTH", (1..=12).map(|v| json!(v)).collect::<Vec<_>>()),
        ("WIDTH", (1..=16).map(|v| json!(16 * v)).collect()),
        (
            "ORDER",
            ["abc", "acb", "bac", "cba"].map(|v| json!(v)).to_vec(),
        ),
        ("FUSE", vec![json!(false), json!(true)]),
        ("UNROLL", [1, 2, 4, 8, 16].map(|v| json!(v)).to_vec()),
    ] {
        for value in values {
            let mut other = best.clone();
            let changed = other[name] != value;
            other[name] = value;
            let worth = bench.truth(&other)["value"].as_f64();
            let optimum = known["optimum"].as_f64();
            assert!(
                if changed {
                    worth < optimum
                } else {
                    worth == optimum
                },
                "{other}"
            );
        }
    }
}

#[test]
fn points_outside_the_space_are_rejected() {
    let mut bench = Bench::new(NOISY);
    for params in [
        json!({ "DEPTH": 13 }),
        json!({ "WIDTH": 17 }),
        json!({ "ORDER": "xyz" }),
        json!({ "SCORE": 99 }),
    ] {
        let report = bench.report("e1", template(&params), 1, Split::Search);
        assert_eq!(report.verdict.word(), "rejected", "{params}");
        assert!(report.metrics.is_empty());
    }
}

#[test]
fn a_program_is_worth_what_it_prints() {
    let mut bench = Bench::new(NOISY);
    let dir = bench.folder.path().join("e1");
    std::fs::create_dir_all(&dir).expect("a folder");
    let of = |text: &str| std::fs::write(dir.join("candidate.sh"), text).expect("writes");
    let files = || Candidate::Files {
        files: vec!["candidate.sh".into()],
    };
    of("read -r inputs; echo '{\"template\": \"template0\", \"params\": {\"DEPTH\": 3}}'");
    let report = bench.report("e1", files(), 1, Split::Search);
    let metric = &report.metrics["speedup"];
    let truth = bench.truth(&json!({ "DEPTH": 3 }))["value"]
        .as_f64()
        .expect("a number");
    assert!((metric.value / truth - 1.0).abs() < 0.25, "{metric:?}");
    for (text, word) in [
        ("echo fast", "rejected"),
        ("exit 1", "rejected"),
        ("kill -9 $$", "crashed"),
    ] {
        of(text);
        let report = bench.report("e1", files(), 1, Split::Search);
        assert_eq!(report.verdict.word(), word, "{text}: {:?}", report.verdict);
    }
}
