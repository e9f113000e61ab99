//! A lab for tests: it measures nothing. The score of a candidate is a known
//! function of its parameters with noise that depends only on the experiment,
//! so that a campaign can be repeated exactly. Its tasks are TOML files.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, Write};
use std::path::{Path, PathBuf};

use protocol::{
    Candidate, Check, ContentHash, Description, Device, Direction, Environment, Experiment, Hello,
    Inspection, Interval, LabError, Metric, MetricSpec, Operation, PROTOCOL_VERSION, ParamKind,
    ParamSpec, Progress, Reply, ReplyBody, Report, Request, Retry, Space, Split, Verdict,
};
use serde::Deserialize;
use serde_json::{Value, json};

/// What a task file says about itself.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a line in a task file"
)]
struct Task {
    /// Score of the best point of the first template.
    #[serde(default = "one")]
    best: f64,
    /// Number of templates; each is half as good as the one before.
    #[serde(default = "two")]
    templates: u32,
    /// The templates are the other way round: the last one is the best.
    #[serde(default)]
    rising: bool,
    /// Values of a parameter of its own, the middle of which is best; none
    /// without it.
    #[serde(default)]
    tiles: i64,
    /// Time a request takes.
    #[serde(default)]
    delay_ms: u64,
    /// `FLAG = true` takes the worker down.
    #[serde(default)]
    crash: bool,
    /// `FLAG = true` is refused.
    #[serde(default)]
    reject: bool,
    /// The first evaluation in each process is answered with `busy`.
    #[serde(default)]
    busy: bool,
    /// The task can't be inspected.
    #[serde(default)]
    broken: bool,
}

fn one() -> f64 {
    1.0
}

fn two() -> u32 {
    2
}

fn main() {
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
        let (_, task) = load(dir)?;
        if task.busy && self.refused.insert(dir.to_owned()) {
            return Err(refuse(
                "busy",
                "another measurement is under way",
                Retry::Later,
            ));
        }
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
        devices: vec![Device {
            name: "cpu".to_owned(),
            detail: "none at all".to_owned(),
            available: true,
        }],
        tasks: Vec::new(),
    }
}

fn task(source: &str) -> Result<Task, LabError> {
    let text = std::fs::read_to_string(source).map_err(|error| {
        refuse(
            "bad_task",
            &format!("failed to read `{source}`: {error}"),
            Retry::Never,
        )
    })?;
    let task: Task = toml::from_str(&text).map_err(|error| {
        refuse(
            "bad_task",
            &format!("`{source}` is no task: {error}"),
            Retry::Never,
        )
    })?;
    if task.broken {
        return Err(refuse(
            "bad_task",
            &format!("`{source}` has no `Model`"),
            Retry::Never,
        ));
    }
    Ok(task)
}

fn inspect(source: &str) -> Result<ReplyBody, LabError> {
    let task = task(source)?;
    let mut params = vec![
        ParamSpec {
            name: "UNROLL".to_owned(),
            kind: ParamKind::Choice {
                values: [1, 2, 4, 8].map(|v| json!(v)).to_vec(),
            },
            default: json!(2),
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
        },
        ParamSpec {
            name: "FLAG".to_owned(),
            kind: ParamKind::Bool,
            default: json!(false),
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
        });
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

fn load(dir: &Path) -> Result<(Experiment, Task), LabError> {
    let path = dir.join("experiment.json");
    let bad = |error: String| {
        refuse(
            "bad_request",
            &format!("failed to read `{}`: {error}", path.display()),
            Retry::Never,
        )
    };
    let text = std::fs::read_to_string(&path).map_err(|error| bad(error.to_string()))?;
    let experiment: Experiment = serde_json::from_str(&text).map_err(|e| bad(e.to_string()))?;
    let task = task(&experiment.task)?;
    Ok((experiment, task))
}

/// A number in [-1, 1) that depends on the texts alone.
fn noise(texts: &[&str]) -> f64 {
    let hash = ContentHash::of(texts.join("\n").as_bytes());
    let digits = u32::from_str_radix(&hash.as_str()[..8], 16).expect("hexadecimal digits");
    f64::from(digits) / f64::from(1_u32 << 31) - 1.0
}

/// The report on the experiment in `dir`; `split` is absent for a check
/// (`attempt` 0) and a quick look (1).
fn report(dir: &Path, split: Option<Split>, attempt: u32) -> Result<Report, LabError> {
    let (experiment, task) = load(dir)?;
    let Candidate::Template { template, params } = &experiment.candidate else {
        return Err(refuse(
            "bad_request",
            "only templates have scores",
            Retry::Never,
        ));
    };
    let number =
        |name: &str, default: f64| params.get(name).and_then(Value::as_f64).unwrap_or(default);
    let flag = params.get("FLAG") == Some(&json!(true));
    if task.crash && flag && attempt > 0 {
        std::process::abort();
    }
    if attempt > 0 {
        std::thread::sleep(std::time::Duration::from_millis(task.delay_ms));
    }
    let index: i32 = template.trim_start_matches("template").parse().unwrap_or(0);
    let index = if task.rising {
        task.templates.cast_signed() - 1 - index
    } else {
        index
    };
    let tiles = task.tiles.max(1) as f64;
    let tile = (number("TILE", tiles / 2.0) - tiles / 2.0).abs() / tiles;
    let away = tile
        + (number("UNROLL", 2.0) / 8.0).log2().abs()
        + (number("BLOCK", 16.0) / 64.0).log2().abs();
    let value = task.best * 0.5_f64.powi(index) * 0.9_f64.powf(away) * if flag { 1.0 } else { 0.8 };
    let width = if split.is_some() { 0.01 } else { 0.04 };
    let seed = format!("{split:?}/{attempt}");
    let value = value * (1.0 + width * noise(&[&experiment.id, template, &seed]));
    let verdict = if task.reject && flag {
        Verdict::Rejected {
            stage: "correctness".to_owned(),
            reason: "out.0 differs from the reference".to_owned(),
        }
    } else {
        Verdict::Ok
    };
    let scored = verdict.is_ok() && attempt > 0;
    let metrics = scored.then(|| {
        let metric = Metric {
            value,
            unit: "ratio".to_owned(),
            ci: Some(Interval(value * (1.0 - width), value * (1.0 + width))),
            n: 20,
        };
        ("speedup".to_owned(), metric)
    });
    let text = serde_json::to_vec(&experiment.candidate).expect("a candidate is JSON");
    Ok(Report {
        schema: PROTOCOL_VERSION,
        lab: "synthetic-lab".to_owned(),
        experiment: experiment.id.clone(),
        task: experiment.task.clone(),
        hash: ContentHash::of_parts([experiment.task.as_bytes(), &text]),
        split,
        provisional: split.is_none(),
        simulated: false,
        verdict,
        metrics: metrics.into_iter().collect(),
        track: Some("pure".to_owned()),
        checks: vec![Check {
            name: "synthetic".to_owned(),
            passed: true,
            detail: String::new(),
        }],
        diagnostics: BTreeMap::new(),
        artifacts: Vec::new(),
        environment: Environment::default(),
        durations_ms: BTreeMap::new(),
    })
}
