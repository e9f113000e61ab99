//! The lab that measures with a frozen evaluation: the contract of labs, the
//! real binary and the real sandbox; what candidates can't reach.

#[path = "support/python.rs"]
mod python;
#[path = "evaluation_lab/worker.rs"]
mod worker;

use std::fs;
use std::path::Path;

use orchestrator::audit::{Interpreter, Subject, audit};
use protocol::conformance::Kit;
use protocol::{Candidate, Direction, Operation, Report, Split, Verdict};
use python::agents_python;
use serde_json::{Value, json};
use worker::{Worker, table_of};

/// Predicts the mean price of the training rows.
const MEAN: &str = r#"
import argparse, csv, pathlib
parser = argparse.ArgumentParser()
for name in ("--public", "--split", "--out"):
    parser.add_argument(name, type=pathlib.Path)
given = parser.parse_args()
read = lambda path: list(csv.DictReader(open(path, newline="")))
train = read(given.public / "train.csv")
mean = sum(float(row["price"]) for row in train) / len(train)
rows = read(given.public / given.split / "inputs.csv")
def predict(value):
    with open(given.out / "predictions.csv", "w") as file:
        file.write("row_id,prediction\n")
        for row in rows:
            file.write(f"{row['row_id']},{value}\n")
predict(mean)
"#;

fn files(text: &str) -> (Candidate, Vec<(&'static str, String)>) {
    let candidate = Candidate::Files {
        files: vec!["run.py".into()],
    };
    (candidate, vec![("run.py", text.to_owned())])
}

fn template(name: &str, params: Value) -> (Candidate, Vec<(&'static str, String)>) {
    let params = serde_json::from_value(params).expect("parameters");
    (Candidate::template(name.to_owned(), params), Vec::new())
}

fn value(report: &Report) -> f64 {
    assert_eq!(report.verdict, Verdict::Ok, "{report:#?}");
    let metric = report.metrics.values().next();
    metric.expect("a metric").value
}

#[test]
fn the_worker_conforms() {
    if agents_python().is_none() {
        return;
    }
    let worker = Worker::start("auditor-sound-plain-houses");
    let good = worker.experiment("good", files(MEAN));
    let bad = worker.experiment("bad", files("import sys\nsys.exit('no idea')\n"));
    let (child, replies, requests, _room) = worker.apart();
    let outcomes = Kit::new(replies, requests).run(&good, &bad);
    drop(child);
    let failed: Vec<_> = outcomes.iter().filter(|o| o.failure.is_some()).collect();
    assert!(failed.is_empty(), "{failed:#?}");
    assert!(outcomes.len() >= 8);
}

#[test]
fn splits_are_different_rows_and_the_same_candidate_scores_the_same_again() {
    if agents_python().is_none() {
        return;
    }
    let mut worker = Worker::start("auditor-sound-plain-houses");
    worker.hello();
    let mean = worker.experiment("mean", files(MEAN));
    let mut values = Vec::new();
    for (attempt, split) in [Split::Search, Split::Select, Split::Sealed, Split::Search]
        .into_iter()
        .enumerate()
    {
        let report = worker.evaluate(&mean, attempt as u32 + 1, split);
        let metric = &report.metrics["rmse"];
        let ci = metric.ci.expect("an interval");
        assert!(ci.lo() < metric.value && metric.value < ci.hi());
        assert_eq!((report.split, report.provisional), (Some(split), false));
        assert!(metric.n >= 10, "{report:#?}");
        values.push(value(&report));
    }
    let bits: Vec<u64> = values.iter().map(|value| value.to_bits()).collect();
    assert_eq!(bits[0], bits[3]);
    assert!(bits[0] != bits[1] && bits[1] != bits[2], "{values:?}");
    // By what the evaluation itself prepares: the root of the mean square.
    let parts = worker.room.path().join("parts");
    let train = table_of(&parts.join("public/train.csv"), "price");
    let answers = table_of(&parts.join("private/search/answers.csv"), "price");
    let mean = train.iter().sum::<f64>() / train.len() as f64;
    let square: f64 = answers.iter().map(|y| (y - mean).powi(2)).sum();
    let rmse = (square / answers.len() as f64).sqrt();
    assert!(
        (values[0] - rmse).abs() < 1e-6 * rmse,
        "{} {rmse}",
        values[0]
    );
}

#[test]
fn a_quick_look_never_touches_the_answers() {
    if agents_python().is_none() {
        return;
    }
    let mut worker = Worker::start("auditor-sound-plain-houses");
    worker.hello();
    let mean = worker.experiment("mean", files(MEAN));
    let before = worker.look(&mean);
    assert!(before.provisional && before.split.is_none());
    for split in ["search", "select", "sealed"] {
        let folder = worker.room.path().join("parts/private").join(split);
        fs::remove_dir_all(folder).expect("removes the answers");
    }
    assert_eq!(
        value(&worker.look(&mean)).to_bits(),
        value(&before).to_bits()
    );
}

#[test]
fn templates_beat_the_mean_and_read_only_what_is_public() {
    if agents_python().is_none() {
        return;
    }
    let mut worker = Worker::start("auditor-sound-plain-houses");
    worker.hello();
    let inspection = worker.inspect();
    let names: Vec<&str> = inspection
        .spaces
        .iter()
        .map(|s| s.template.as_str())
        .collect();
    assert_eq!(names, ["linear", "neighbours", "forest", "boosting"]);
    let mean = worker.experiment("mean", files(MEAN));
    let mean = value(&worker.evaluate(&mean, 1, Split::Search));
    for (name, params) in [
        ("linear", json!({ "BASIS": "splines", "KNOTS": 4 })),
        ("neighbours", json!({ "NEIGHBOURS": 5 })),
        ("forest", json!({ "COUNT": 50 })),
        (
            "boosting",
            json!({ "ROUNDS": 60, "LOGARITHM": true, "ENCODING": "target" }),
        ),
    ] {
        let dir = worker.experiment(name, template(name, params));
        let report = worker.evaluate(&dir, 1, Split::Search);
        assert!(
            value(&report) < 0.9 * mean,
            "{name}: {} {mean}",
            value(&report)
        );
        let program = fs::read_to_string(dir.join("attempt-1/program/run.py")).expect("a program");
        assert!(!program.contains("private"), "{program}");
    }
    let wrong = worker.experiment("wrong", template("linear", json!({ "ALPHA": -1 })));
    let report = worker.check(&wrong);
    assert!(
        report.verdict.reason().contains("`ALPHA` can't be -1"),
        "{report:#?}"
    );
}

#[test]
fn templates_of_every_kind_of_data_beat_the_trivial_prediction() {
    if agents_python().is_none() {
        return;
    }
    let environment: Vec<_> = std::env::vars_os().collect();
    let interpreter = Interpreter::find(&environment).expect("an interpreter");
    // What was learnt in spring is worth little in autumn.
    let shrunk = json!({ "ALPHA": 1000 });
    for (case, name, params, names) in [
        ("auditor-sound-lags", "linear", shrunk, 4),
        ("auditor-sound-patients", "linear", json!({}), 4),
        ("auditor-sound-wide", "boosting", json!({}), 4),
        ("auditor-sound-folders", "words", json!({}), 1),
        ("auditor-sound-next-letter", "letters", json!({}), 1),
    ] {
        let mut worker = Worker::start(case);
        worker.hello();
        let spaces = worker.inspect().spaces;
        let known: Vec<&str> = spaces.iter().map(|space| &*space.template).collect();
        assert!(
            known.len() == names && known.contains(&name),
            "{case}: {known:?}"
        );
        let subject = Subject::at(&worker.case, None);
        let baseline = audit(&subject, &interpreter, false)
            .baseline
            .expect("a baseline")
            .value;
        let direction = worker.direction();
        let dir = worker.experiment(name, template(name, params));
        let report = worker.evaluate(&dir, 1, Split::Search);
        let found = value(&report);
        let better = match direction {
            Direction::Minimise => found < baseline,
            Direction::Maximise => found > baseline,
        };
        println!("{case}: {name} {found:.4}, the trivial prediction {baseline:.4}");
        assert!(
            better,
            "{case}: {name} {found}, the trivial prediction {baseline}"
        );
        let looked = worker.look(&dir);
        assert!(value(&looked).is_finite(), "{case}: {looked:#?}");
        assert!(
            report.metrics.values().all(|m| m.ci.is_some()),
            "{case}: {report:#?}"
        );
    }
}

#[test]
fn what_is_no_candidate_gets_a_reason() {
    if agents_python().is_none() {
        return;
    }
    let mut worker = Worker::start("auditor-sound-plain-houses");
    worker.hello();
    for (text, stage, said) in [
        ("def f(:\n", "rejected", "SyntaxError"),
        (
            "import time\ntime.sleep(99)\n",
            "timed_out",
            "longer than 20 s",
        ),
        ("raise ValueError('no idea')\n", "crashed", "no idea"),
        ("pass\n", "rejected", "it has to write `predictions.csv`"),
        (
            &MEAN.replace("predict(mean)", "predict('nan')"),
            "rejected",
            "the scorer refuses",
        ),
        (
            &MEAN.replace("for row in rows:", "for row in rows[1:]:"),
            "rejected",
            "1 rows are missing",
        ),
    ] {
        let dir = worker.experiment("bad", files(text));
        let report = worker.evaluate(&dir, 1, Split::Search);
        assert_eq!(report.verdict.word(), stage, "{report:#?}");
        assert!(
            report.verdict.reason().contains(said),
            "{:?}",
            report.verdict
        );
        assert!(report.metrics.is_empty());
    }
}

/// Tries to find the answers wherever they could be, and to write a report of
/// its own; predicts what it has found.
fn cheat(room: &Path, dir: &Path) -> String {
    let paths = [room, dir].map(|path| path.display().to_string());
    let cheat = format!(
        r#"
import json, os
ROOM, DIR = {paths:?}
found = []
def look(path):
    try:
        for folder, _, names in os.walk(path):
            found.extend(os.path.join(folder, name) for name in names if name == "answers.csv")
    except OSError:
        pass
for path in (ROOM, DIR, given.public, "/tmp", "/proc/self/cwd", "/proc/1/root" + ROOM):
    look(path)
answers = {{}}
for path in found:
    answers.update((row["row_id"], row["price"]) for row in read(path))
for folder in (DIR, os.path.join(DIR, "attempt-1"), given.out, ROOM):
    try:
        os.makedirs(folder, exist_ok=True)
        report = {{"verdict": {{"kind": "ok"}}, "metrics": {{"rmse": {{"value": 0.0}}}}}}
        open(os.path.join(folder, "report.json"), "w").write(json.dumps(report))
    except OSError:
        pass
print(json.dumps({{"rmse": 0.0, "n": 52}}))
if answers:
    with open(given.out / "predictions.csv", "w") as file:
        file.write("row_id,prediction\n")
        for row in rows:
            file.write(f"{{row['row_id']}},{{answers[row['row_id']]}}\n")
"#
    );
    format!("{MEAN}{cheat}")
}

#[test]
fn a_candidate_that_looks_for_the_answers_scores_what_it_knows() {
    if agents_python().is_none() {
        return;
    }
    let mut worker = Worker::start("auditor-sound-plain-houses");
    worker.hello();
    let mean = worker.experiment("mean", files(MEAN));
    let honest = value(&worker.evaluate(&mean, 1, Split::Search));
    let dir = worker.folder("cheat");
    let text = cheat(worker.room.path(), &dir);
    let dir = worker.experiment("cheat", files(&text));
    for (attempt, split) in [(1, Split::Search), (2, Split::Sealed)] {
        let report = worker.evaluate(&dir, attempt, split);
        let written =
            fs::read(dir.join(format!("attempt-{attempt}/report.json"))).expect("a report");
        let written: Report = serde_json::from_slice(&written).expect("the lab's report");
        assert_eq!(written, report);
        if split == Split::Search {
            assert_eq!(value(&report).to_bits(), honest.to_bits());
        }
        assert!(value(&report) > 0.0);
    }
    assert!(!dir.join("report.json").exists() && !worker.room.path().join("report.json").exists());
}

#[test]
fn a_link_in_the_place_of_predictions_is_no_prediction() {
    if agents_python().is_none() {
        return;
    }
    let mut worker = Worker::start("auditor-sound-plain-houses");
    worker.hello();
    let answers = worker.room.path().join("parts/private/search/answers.csv");
    let text = format!(
        "{MEAN}\n(given.out / 'predictions.csv').unlink()\n(given.out / 'predictions.csv').symlink_to({:?})\n",
        answers.display().to_string()
    );
    let dir = worker.experiment("link", files(&text));
    let report = worker.evaluate(&dir, 1, Split::Search);
    assert!(
        report.verdict.reason().contains("not a plain file"),
        "{report:#?}"
    );
}

#[test]
fn workers_share_what_was_prepared() {
    if agents_python().is_none() {
        return;
    }
    let mut first = Worker::start("auditor-sound-plain-houses");
    first.hello();
    first.ask(Operation::Describe);
    let parts = first.room.path().join("parts");
    let made = |path: &Path| {
        path.metadata()
            .and_then(|meta| meta.modified())
            .expect("a time")
    };
    let before = made(&parts);
    let mut second = first.beside();
    second.hello();
    let mean = second.experiment("mean", files(MEAN));
    assert!(value(&second.evaluate(&mean, 1, Split::Select)) > 0.0);
    assert_eq!(made(&parts), before);
}
