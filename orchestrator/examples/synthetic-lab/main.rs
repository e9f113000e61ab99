//! A lab for tests: it measures nothing. The score of a candidate is a known
//! function of its parameters with noise that depends only on the experiment,
//! so that a campaign can be repeated exactly. Its tasks are TOML files.
//!
//! `synthetic-lab truth TASK CANDIDATE.json` says what a candidate is worth in
//! truth. Whoever plays in a campaign can't ask that.

mod measure;
mod program;
mod surface;
mod task;

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use protocol::{
    Candidate, Description, Device, Direction, Hello, Inspection, LabError, MetricSpec, Need,
    Operation, PROTOCOL_VERSION, ParamKind, ParamSpec, Progress, Reply, ReplyBody, Report, Request,
    Retry, Space, Split,
};
use serde_json::json;

use measure::{load, report, truth};
use surface::Surface;
use task::Task;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["truth", task, candidate] => match known(task, Path::new(candidate)) {
            Ok(text) => say(&text),
            Err(error) => {
                eprintln!("synthetic-lab: {error}");
                return ExitCode::FAILURE;
            }
        },
        ["runner", delay_ms] => program::runner(delay_ms),
        // As a program says that it knows no such command.
        ["export", ..] => return ExitCode::from(2),
        _ => serve(),
    }
    ExitCode::SUCCESS
}

/// What a candidate, or the best one, is worth in truth.
fn known(source: &str, candidate: &Path) -> Result<String, String> {
    let task = Task::load(source).map_err(|error| error.message)?;
    let bad = |error: String| format!("failed to read `{}`: {error}", candidate.display());
    let text = std::fs::read_to_string(candidate).map_err(|error| bad(error.to_string()))?;
    let candidate: Candidate = serde_json::from_str(&text).map_err(|e| bad(e.to_string()))?;
    let Candidate::Template { template, params } = candidate else {
        return Err("a program is worth what it prints".to_owned());
    };
    let value = truth(&task, &template, &params)?;
    let best = task.surface.map(|surface| surface.best_params());
    Ok(json!({ "value": value, "optimum": task.best, "best": best }).to_string())
}

fn serve() {
    let hello = Hello {
        protocol: PROTOCOL_VERSION,
        lab: "synthetic-lab".to_owned(),
        version: "1".to_owned(),
        pid: std::process::id(),
    };
    say(&serde_json::to_string(&hello).expect("a hello is JSON"));
    let mut lab = Lab {
        refused: BTreeSet::new(),
    };
    for line in std::io::stdin().lock().lines() {
        let Ok(line) = line else { return };
        let reply = match serde_json::from_str::<Request>(&line) {
            Ok(request) => Reply {
                id: request.id,
                body: lab
                    .answer(request.id, request.op)
                    .unwrap_or_else(ReplyBody::Error),
            },
            Err(error) => Reply {
                id: 0,
                body: ReplyBody::Error(refuse("bad_request", &error.to_string(), Retry::Never)),
            },
        };
        say(&serde_json::to_string(&reply).expect("a reply is JSON"));
    }
}

fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    // Nobody listens any more: the next read ends the process.
    let _ = writeln!(out, "{line}").and_then(|()| out.flush());
}

fn refuse(code: &str, message: &str, retry: Retry) -> LabError {
    LabError {
        code: code.to_owned(),
        message: message.to_owned(),
        retry,
    }
}

struct Lab {
    refused: BTreeSet<PathBuf>,
}

impl Lab {
    fn answer(&mut self, id: u64, op: Operation) -> Result<ReplyBody, LabError> {
        match op {
            Operation::Describe => Ok(ReplyBody::Described(Box::new(description()))),
            Operation::Inspect { task } => inspect(&task),
            Operation::Check { dir } => report(&dir, None, 0).map(boxed),
            Operation::Try { dir } => {
                progress(id, "try");
                report(&dir, None, 1).map(boxed)
            }
            Operation::Evaluate {
                dir,
                attempt,
                split,
            } => self.evaluate(id, &dir, attempt, split).map(boxed),
            Operation::Cancel { .. } => Ok(ReplyBody::Cancelled { found: false }),
        }
    }

    fn evaluate(
        &mut self,
        id: u64,
        dir: &Path,
        attempt: u32,
        split: Split,
    ) -> Result<Report, LabError> {
        let (experiment, task) = load(dir)?;
        if task.busy && self.refused.insert(dir.to_owned()) {
            return Err(refuse(
                "busy",
                "another measurement is under way",
                Retry::Later,
            ));
        }
        // For whoever wants to know which process measured what.
        eprintln!(
            "{} measures {} on {split:?}",
            std::process::id(),
            experiment.task
        );
        progress(id, "timing");
        let report = report(dir, Some(split), attempt)?;
        let folder = dir.join(format!("attempt-{attempt}"));
        let text = serde_json::to_vec_pretty(&report).expect("a report is JSON");
        std::fs::create_dir_all(&folder)
            .and_then(|()| std::fs::write(folder.join(".report"), text))
            .and_then(|()| std::fs::rename(folder.join(".report"), folder.join("report.json")))
            .map_err(|error| refuse("internal", &error.to_string(), Retry::Never))?;
        // Long enough for a kill between the report and the answer.
        std::thread::sleep(std::time::Duration::from_millis(task.delay_ms));
        Ok(report)
    }
}

fn boxed(report: Report) -> ReplyBody {
    ReplyBody::Report(Box::new(report))
}

fn progress(id: u64, phase: &str) {
    let reply = Reply {
        id,
        body: ReplyBody::Progress(Progress {
            phase: phase.to_owned(),
            fraction: None,
            detail: String::new(),
        }),
    };
    say(&serde_json::to_string(&reply).expect("a reply is JSON"));
}

fn description() -> Description {
    Description {
        schema: PROTOCOL_VERSION,
        lab: "synthetic-lab".to_owned(),
        version: "1".to_owned(),
        experiment_schema: json!({}),
        metrics: vec![MetricSpec {
            name: "speedup".to_owned(),
            unit: "ratio".to_owned(),
            direction: Some(Direction::Maximise),
        }],
        devices: devices(std::env::var("ALPHALAB_TEST_CUDA").ok().as_deref()),
        tasks: Vec::new(),
    }
}

/// What it says it measures on. `cuda` is what a test wants of CUDA: `simulated`, or `absent`.
fn devices(cuda: Option<&str>) -> Vec<Device> {
    let mut devices = vec![Device {
        name: "cpu".to_owned(),
        detail: "none at all".to_owned(),
        available: true,
        modelled: None,
        needs: Vec::new(),
    }];
    let Some(cuda) = cuda else {
        return devices;
    };
    let simulated = cuda == "simulated";
    let need = |name: &str, found: bool, detail: &str, remedy: &str| Need {
        name: name.to_owned(),
        found,
        detail: detail.to_owned(),
        remedy: (!found).then(|| remedy.to_owned()),
    };
    devices.push(Device {
        name: "cuda".to_owned(),
        detail: if simulated {
            "simulated: no times, no speedups"
        } else {
            "no simulator in `nowhere`"
        }
        .to_owned(),
        available: simulated,
        modelled: simulated.then(|| "speedup".to_owned()),
        needs: vec![
            need("gpu", false, "no node", "a machine with a GPU"),
            need("compiler", true, "NVRTC 13.0: somewhere", ""),
            need("simulator", simulated, "in `nowhere`", "build it"),
        ],
    });
    devices
}

fn inspect(source: &str) -> Result<ReplyBody, LabError> {
    let task = Task::load(source)?;
    let mut params = vec![
        ParamSpec {
            name: "UNROLL".to_owned(),
            kind: ParamKind::Choice {
                values: [1, 2, 4, 8].map(|v| json!(v)).to_vec(),
            },
            default: json!(2),
            condition: None,
        },
        ParamSpec {
            name: "BLOCK".to_owned(),
            kind: ParamKind::Int {
                low: 8,
                high: 128,
                step: 8,
                log: true,
            },
            default: json!(16),
            condition: None,
        },
        ParamSpec {
            name: "FLAG".to_owned(),
            kind: ParamKind::Bool,
            default: json!(false),
            condition: None,
        },
    ];
    if task.tiles > 0 {
        params.push(ParamSpec {
            name: "TILE".to_owned(),
            kind: ParamKind::Int {
                low: 1,
                high: task.tiles,
                step: 1,
                log: false,
            },
            default: json!(1),
            condition: None,
        });
    }
    if task.surface.is_some() {
        params = Surface::params();
    }
    let spaces = (0..task.templates)
        .map(|number| Space {
            template: format!("template{number}"),
            summary: "scores a known function".to_owned(),
            params: params.clone(),
        })
        .collect();
    Ok(ReplyBody::Inspected(Box::new(Inspection {
        schema: PROTOCOL_VERSION,
        task: source.to_owned(),
        facts: BTreeMap::from([("bytes".to_owned(), json!(1024))]),
        spaces,
    })))
}
