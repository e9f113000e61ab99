//! Experiments and the reports on them.

use std::collections::BTreeMap;
use std::path::Path;

use protocol::{
    Candidate, Check, ContentHash, Environment, Experiment, Interval, LabError, Metric,
    PROTOCOL_VERSION, Report, Retry, Split, Verdict,
};
use serde_json::{Value, json};

use super::program::{self, SCRIPT};
use super::refuse;
use super::surface::Params;
use super::task::Task;

/// The experiment in a folder, with its task.
pub(crate) fn load(dir: &Path) -> Result<(Experiment, Task), LabError> {
    let path = dir.join("experiment.json");
    let bad = |error: String| bad_request(&format!("failed to read `{}`: {error}", path.display()));
    let text = std::fs::read_to_string(&path).map_err(|error| bad(error.to_string()))?;
    let experiment: Experiment = serde_json::from_str(&text).map_err(|e| bad(e.to_string()))?;
    let task = Task::load(&experiment.task)?;
    Ok((experiment, task))
}

fn bad_request(message: &str) -> LabError {
    refuse("bad_request", message, Retry::Never)
}

/// A number in [-1, 1) that depends on the texts alone.
fn noise(texts: &[&str]) -> f64 {
    let hash = ContentHash::of(texts.join("\n").as_bytes());
    let digits = u32::from_str_radix(&hash.as_str()[..8], 16).expect("hexadecimal digits");
    f64::from(digits) / f64::from(1_u32 << 31) - 1.0
}

/// What a point is worth without noise, or what is wrong with it.
pub(crate) fn truth(task: &Task, template: &str, params: &Params) -> Result<f64, String> {
    let index: i32 = template.trim_start_matches("template").parse().unwrap_or(0);
    if task.surface.is_some() && !(0..task.templates as i32).contains(&index) {
        return Err(format!("there is no template `{template}`"));
    }
    let place = if task.rising {
        task.templates.cast_signed() - 1 - index
    } else {
        index
    };
    let best = task.best * 0.5_f64.powi(place);
    if let Some(surface) = &task.surface {
        return Ok(best * surface.truth(params)?);
    }
    let number =
        |name: &str, default: f64| params.get(name).and_then(Value::as_f64).unwrap_or(default);
    let flag = params.get("FLAG") == Some(&json!(true));
    let tiles = task.tiles.max(1) as f64;
    let tile = (number("TILE", tiles / 2.0) - tiles / 2.0).abs() / tiles;
    let away = tile
        + (number("UNROLL", 2.0) / 8.0).log2().abs()
        + (number("BLOCK", 16.0) / 64.0).log2().abs();
    Ok(best * 0.9_f64.powf(away) * if flag { 1.0 } else { 0.8 })
}

/// The point that a candidate stands for on `split`, or the verdict on it.
fn point(
    dir: &Path,
    experiment: &Experiment,
    task: &Task,
    split: Option<Split>,
    attempt: u32,
) -> Result<Result<(String, Params), Verdict>, LabError> {
    match &experiment.candidate {
        Candidate::Template { template, params } => Ok(Ok((template.clone(), params.clone()))),
        Candidate::Files { files } if task.programs => {
            let Some(script) = program::script(files) else {
                return Ok(Err(Verdict::Rejected {
                    stage: "plan".to_owned(),
                    reason: format!("there is no `{SCRIPT}`"),
                }));
            };
            if attempt == 0 {
                return Ok(Ok((String::new(), Params::new())));
            }
            let text = std::fs::read_to_string(dir.join(script))
                .map_err(|error| bad_request(&error.to_string()))?;
            let printed = program::run(&text, &inputs(experiment, split, attempt), task.confined)?;
            Ok(printed.map(|printed| (printed.template, printed.params)))
        }
        Candidate::Files { .. } => Err(bad_request("only templates have scores")),
    }
}

/// The inputs that a program is measured on: those of `search` are always the
/// same, all others are drawn anew.
fn inputs(experiment: &Experiment, split: Option<Split>, attempt: u32) -> String {
    let fresh = ContentHash::of(format!("{}/{attempt}", experiment.id).as_bytes());
    match split {
        Some(Split::Search) => "search".to_owned(),
        Some(Split::Select | Split::Sealed) | None => format!("fresh {}", &fresh.as_str()[..16]),
    }
}

/// The report on the experiment in `dir`; `split` is absent for a check
/// (`attempt` 0) and a quick look (1).
pub(crate) fn report(dir: &Path, split: Option<Split>, attempt: u32) -> Result<Report, LabError> {
    let (experiment, task) = load(dir)?;
    let flag = match &experiment.candidate {
        Candidate::Template { params, .. } => params.get("FLAG") == Some(&json!(true)),
        Candidate::Files { .. } => false,
    };
    if (task.crash && flag && attempt > 0) || (task.fragile && split.is_some()) {
        std::process::abort();
    }
    let found = point(dir, &experiment, &task, split, attempt)?;
    let found = found.and_then(|(template, params)| {
        if task.reject && flag {
            return Err(rejected("out.0 differs from the reference"));
        }
        Ok((template, params))
    });
    let metric = match found {
        Ok(_) if attempt == 0 => Ok(None),
        Ok((template, params)) => {
            take_time(&task, &experiment, &template, &params, split, attempt)?.map(Some)
        }
        Err(verdict) => Err(verdict),
    };
    let (verdict, metric) = match metric {
        Ok(metric) => (Verdict::Ok, metric),
        Err(verdict) => (verdict, None),
    };
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
        metrics: metric
            .map(|metric| ("speedup".to_owned(), metric))
            .into_iter()
            .collect(),
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

fn rejected(reason: &str) -> Verdict {
    Verdict::Rejected {
        stage: "correctness".to_owned(),
        reason: reason.to_owned(),
    }
}

/// The number, after the time that it takes.
fn take_time(
    task: &Task,
    experiment: &Experiment,
    template: &str,
    params: &Params,
    split: Option<Split>,
    attempt: u32,
) -> Result<Result<Metric, Verdict>, LabError> {
    let value = match truth(task, template, params) {
        Ok(value) => value,
        Err(reason) => return Ok(Err(rejected(&reason))),
    };
    let value = if task.runner {
        match program::in_child(task.delay_ms, value)? {
            Ok(value) => value,
            Err(verdict) => return Ok(Err(verdict)),
        }
    } else {
        std::thread::sleep(std::time::Duration::from_millis(task.delay_ms));
        value
    };
    let seed = format!("{split:?}/{attempt}");
    if let Some(surface) = &task.surface {
        let point = json!([template, params]).to_string();
        let draw = [&*experiment.id, &*point, &*seed];
        return Ok(Ok(surface.measure(value, &draw, split.is_none())));
    }
    let width = if split.is_some() { 0.01 } else { 0.04 };
    let value = value * (1.0 + width * noise(&[&experiment.id, template, &seed]));
    Ok(Ok(Metric {
        value,
        unit: "ratio".to_owned(),
        ci: Some(Interval(value * (1.0 - width), value * (1.0 + width))),
        n: 20,
    }))
}
