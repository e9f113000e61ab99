//! From a request to the lab's report.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use protocol::{
    Artifact, Check, ContentHash, Environment, Experiment, LabError, Metric, PROTOCOL_VERSION,
    Report, Split, Verdict,
};
use serde_json::{Value, json};

use super::bench::Bench;
use super::program::{Ran, Sources, name, run};
use super::score::{Scored, score};
use super::{NAME, candidate, fault};
use crate::audit::probes::PREDICTIONS;
use crate::audit::run::write_below;
use crate::exec::{attempt_folder, report_path};

/// Longest run of a candidate, whatever the contract allows: whoever asks waits
/// five minutes for a measurement and two for a quick look.
const LONGEST_RUN: Duration = Duration::from_secs(150);
const LONGEST_LOOK: Duration = Duration::from_secs(45);

/// Time for one run of a candidate: what the contract gives its own commands.
pub(super) fn run_limit(bench: &Bench) -> Duration {
    Duration::from_secs(bench.contract.commands.timeout_s).min(LONGEST_RUN)
}

/// Which kind of look is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ask {
    /// Is it a candidate at all?
    Check,
    /// Does it run, and about how well?
    Look,
    /// What is it worth?
    Measure { attempt: u32, split: Split },
}

/// What was found, as far as it got.
#[derive(Default)]
struct Found {
    scored: Option<Scored>,
    checks: Vec<Check>,
    diagnostics: BTreeMap<String, Value>,
    durations_ms: BTreeMap<String, f64>,
    predictions: Vec<u8>,
}

impl Found {
    fn passed(&mut self, name: &str, detail: String) {
        self.checks.push(Check {
            name: name.to_owned(),
            passed: true,
            detail,
        });
    }
}

/// The report on the experiment in a folder.
pub(super) fn report(
    bench: &Bench,
    dir: &Path,
    ask: Ask,
    progress: &mut dyn FnMut(&str),
) -> Result<Report, LabError> {
    let experiment = candidate::load(dir)?;
    let mut found = Found::default();
    let begun = Instant::now();
    let sources = candidate::sources(bench, dir, &experiment.candidate)?;
    let parsed = match &sources {
        Ok(sources) => candidate::parse(bench, sources)?,
        Err(verdict) => Err(verdict.clone()),
    };
    found
        .durations_ms
        .insert("check".to_owned(), ms(begun.elapsed()));
    let verdict = match (&sources, parsed) {
        (Ok(sources), Ok(())) => measure(bench, sources, ask, progress, &mut found)?,
        (_, Err(verdict)) => verdict,
        (Err(verdict), Ok(())) => verdict.clone(),
    };
    let sources = sources.unwrap_or_default();
    let report = assemble(bench, &experiment, ask, verdict, &sources, &mut found);
    match ask {
        Ask::Measure { attempt, .. } => keep(dir, attempt, report, &sources, &found),
        Ask::Check | Ask::Look => Ok(report),
    }
}

/// Runs and scores; the verdict.
fn measure(
    bench: &Bench,
    sources: &Sources,
    ask: Ask,
    progress: &mut dyn FnMut(&str),
    found: &mut Found,
) -> Result<Verdict, LabError> {
    let (parts, split, limit, scored) = match ask {
        Ask::Check => return Ok(Verdict::Ok),
        Ask::Look => {
            let parts = bench.look.as_ref();
            let limit = run_limit(bench).min(LONGEST_LOOK);
            (
                parts.unwrap_or(&bench.parts),
                name(Split::Search),
                limit,
                parts.is_some(),
            )
        }
        Ask::Measure { split, .. } => (&bench.parts, name(split), run_limit(bench), true),
    };
    progress("run");
    let Ran { predictions, wall } = match run(bench, sources, parts, split, limit)? {
        Ok(ran) => ran,
        Err(verdict) => return Ok(verdict),
    };
    found.durations_ms.insert("run".to_owned(), ms(wall));
    found.passed(
        "run",
        format!("ended well after {:.1} s", wall.as_secs_f64()),
    );
    found.predictions = predictions;
    if !scored {
        return Ok(Verdict::Ok);
    }
    progress("score");
    let begun = Instant::now();
    let with_interval = matches!(ask, Ask::Measure { .. });
    let scored = score(bench, parts, split, &found.predictions, with_interval)?;
    found
        .durations_ms
        .insert("score".to_owned(), ms(begun.elapsed()));
    match scored {
        Err(verdict) => Ok(verdict),
        Ok(scored) => {
            found.passed("score", format!("{} rows were scored", scored.n));
            if let (true, Err(why)) = (with_interval, &scored.ci) {
                found
                    .diagnostics
                    .insert("no_interval".to_owned(), json!(why));
            }
            found.scored = Some(scored);
            Ok(Verdict::Ok)
        }
    }
}

fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

fn assemble(
    bench: &Bench,
    experiment: &Experiment,
    ask: Ask,
    verdict: Verdict,
    sources: &Sources,
    found: &mut Found,
) -> Report {
    let metric = &bench.contract.metric;
    let metrics = found.scored.as_ref().map(|scored| {
        let measured = Metric {
            value: scored.value,
            unit: metric.unit.clone(),
            ci: scored.ci.as_ref().ok().copied(),
            n: scored.n,
        };
        (metric.name.clone(), measured)
    });
    let mut parts = vec![bench.hash.as_str().as_bytes()];
    for (name, content) in sources {
        parts.extend([name.as_os_str().as_encoded_bytes(), content.as_slice()]);
    }
    let split = match ask {
        Ask::Measure { split, .. } => Some(split),
        Ask::Check | Ask::Look => None,
    };
    Report {
        schema: PROTOCOL_VERSION,
        lab: NAME.to_owned(),
        experiment: experiment.id.clone(),
        task: experiment.task.clone(),
        hash: ContentHash::of_parts(parts),
        split,
        provisional: split.is_none(),
        simulated: false,
        verdict,
        metrics: metrics.into_iter().collect(),
        track: None,
        checks: std::mem::take(&mut found.checks),
        diagnostics: std::mem::take(&mut found.diagnostics),
        artifacts: Vec::new(),
        environment: Environment {
            device: "cpu".to_owned(),
            threads: 1,
            seed: String::new(),
            facts: BTreeMap::from([("evaluation".to_owned(), bench.hash.to_string())]),
        },
        durations_ms: std::mem::take(&mut found.durations_ms),
    }
}

/// Writes what belongs to an attempt, the report last.
fn keep(
    dir: &Path,
    attempt: u32,
    mut report: Report,
    sources: &Sources,
    found: &Found,
) -> Result<Report, LabError> {
    let folder = dir.join(attempt_folder(attempt));
    // Apart from what is ours, whatever a candidate's files are called.
    let program = Path::new("program");
    let own = sources
        .iter()
        .map(|(name, content)| (program.join(name), content));
    let predictions = (PathBuf::from(PREDICTIONS), &found.predictions);
    for (path, content) in own.chain([predictions]) {
        write_below(&folder, &path, content).map_err(|error| fault::internal(&error))?;
        let hash = ContentHash::of_stream(content.as_slice());
        let hash = hash.map_err(|error| fault::internal(&error))?;
        report.artifacts.push(Artifact { path, hash });
    }
    fs::create_dir_all(&folder).map_err(fault::file("create", &folder))?;
    let text = serde_json::to_vec_pretty(&report).map_err(|error| fault::internal(&error))?;
    sandbox::fs::write_atomic(&report_path(dir, attempt), text)
        .map_err(|error| fault::internal(&error))?;
    Ok(report)
}
