//! The red team: a corpus of candidates that cheat and of honest ones that
//! look odd, each evaluated as a campaign evaluates its candidates.
//!
//! A cheat that is not refused has escaped, unless it is one that shows by
//! wrong answers when it finds its opening, and has found none; an oddity that
//! is refused is a false alarm. Cheats go through [`Depth::Evaluate`] itself. Oddities go
//! through [`Depth::Judge`], which differs in how long it samples and in
//! nothing that judges.

mod corpus;
mod outcome;

use corpus::CODE;
pub use corpus::{Case, Corpus, CorpusError, Expect, Kind};
pub use outcome::{Half, Outcome, Row, Skipped, Trial};

use std::path::PathBuf;
use std::time::Instant;

use protocol::{Candidate, Experiment, PROTOCOL_VERSION, Report, Verdict};
use stats::Rng;

use crate::error::{HarnessError, chain};
use crate::evaluate::{Abort, Config, Depth, Lab, draw_seed};
use crate::plan::Target;

/// Evaluations that a busy machine may spoil before the trial is an error.
const BUSY_RETRIES: usize = 4;

/// What is to be run.
#[derive(Clone, Debug)]
pub struct Options {
    /// Folder of the corpus.
    pub corpus: PathBuf,
    /// Rounds, each with a seed of its own.
    pub rounds: usize,
    /// What the seeds are derived from; drawn where there is none.
    pub base_seed: Option<u64>,
    /// Names of the cases to run; all where empty.
    pub only: Vec<String>,
    /// A lab for CUDA: for the cases that are for a GPU.
    pub cuda: Config,
    /// When no further case is begun; what is left is skipped.
    pub until: Option<Instant>,
}

/// Runs the corpus. `progress` receives one line for each trial.
pub fn run(
    lab: &mut Lab,
    options: &Options,
    progress: &mut dyn FnMut(&str),
) -> Result<Outcome, HarnessError> {
    let mut corpus = Corpus::load(&options.corpus, &lab.task_names()?)?;
    corpus.keep(&options.only)?;
    let base_seed = match options.base_seed {
        Some(seed) => seed,
        None => draw_seed()?,
    };
    let mut rng = Rng::new(base_seed);
    let seeds: Vec<u64> = (0..options.rounds.max(1)).map(|_| rng.next_u64()).collect();

    // By task, so that each task's baselines are prepared once; what is for a GPU at last.
    corpus.cases.sort_by(|a, b| {
        let key = |case: &Case| case.target == Target::Cuda;
        (key(a), &a.task, &a.half, &a.name).cmp(&(key(b), &b.task, &b.half, &b.name))
    });
    let of_processors = corpus
        .cases
        .partition_point(|case| case.target == Target::Cpu);
    let total = corpus.cases.len() * seeds.len();
    let mut rows: Vec<Row> = corpus.cases.iter().map(Row::new).collect();
    let mut missing = None;
    let mut done = 0;
    let mut first = 0;
    'all: for task in corpus
        .cases
        .chunk_by(|a, b| (a.target == b.target) && a.task == b.task)
    {
        if first == of_processors
            && let Err(error) = lab.turn_to(&options.cuda)
        {
            missing = Some(chain(&error));
            break;
        }
        for &seed in &seeds {
            for (row, case) in rows[first..].iter_mut().zip(task) {
                if options.until.is_some_and(|until| Instant::now() >= until) {
                    missing = Some("no time was left for them".to_owned());
                    break 'all;
                }
                let trial = attempt(lab, case, seed)?;
                done += 1;
                progress(&format!(
                    "{done}/{total} {:016x} {}: {}",
                    seed,
                    row.title(),
                    trial.words(case.expect)
                ));
                row.trials.push(trial);
            }
        }
        first += task.len();
    }
    lab.fix_seed(None);
    let (rows, left): (Vec<Row>, Vec<Row>) =
        rows.into_iter().partition(|row| !row.trials.is_empty());
    let skipped = missing.map(|why| Skipped::of(&left, why));
    Ok(Outcome::of(
        &options.corpus,
        base_seed,
        &seeds,
        rows,
        skipped.into_iter().collect(),
    ))
}

/// One case under one seed.
fn attempt(lab: &mut Lab, case: &Case, seed: u64) -> Result<Trial, HarnessError> {
    let since = Instant::now();
    let dir = stage(case)?;
    let depth = match case.kind {
        Kind::Cheat => Depth::Evaluate,
        Kind::Oddity => Depth::Judge,
    };
    lab.fix_seed(Some(seed));
    let mut result = lab.look(dir.path(), depth, None, &Abort::default(), &mut |_, _| {});
    for _ in 0..BUSY_RETRIES {
        if !matches!(result, Err(HarnessError::Busy(_))) {
            break;
        }
        result = lab.look(dir.path(), depth, None, &Abort::default(), &mut |_, _| {});
    }
    let seconds = since.elapsed().as_secs_f64();
    Ok(match result {
        Ok(report) => trial(seed, seconds, &report),
        // The lab is to survive its candidates: what it does not is counted
        // against it, by name.
        Err(error) => Trial {
            seed: format!("{seed:016x}"),
            verdict: "error".to_owned(),
            stage: None,
            code: Some(error.code().to_owned()),
            reason: chain(&error),
            seconds,
        },
    })
}

fn trial(seed: u64, seconds: f64, report: &Report) -> Trial {
    let stage = match &report.verdict {
        Verdict::Rejected { stage, .. } => Some(stage.clone()),
        Verdict::Ok | Verdict::Crashed { .. } | Verdict::TimedOut { .. } => None,
    };
    let code = report.diagnostics.get("reason_code");
    Trial {
        seed: format!("{seed:016x}"),
        verdict: report.verdict.word().to_owned(),
        stage,
        code: code.and_then(|code| code.as_str()).map(str::to_owned),
        reason: if report.verdict.is_ok() {
            String::new()
        } else {
            report.verdict.reason().to_owned()
        },
        seconds,
    }
}

/// An experiment directory of the case's files.
fn stage(case: &Case) -> Result<tempfile::TempDir, HarnessError> {
    let problem = |problem: String| HarnessError::Experiment {
        dir: case.dir.clone(),
        problem,
    };
    let dir = tempfile::tempdir().map_err(|error| problem(error.to_string()))?;
    let mut files: Vec<PathBuf> = CODE.map(PathBuf::from).to_vec();
    files.push(PathBuf::from(case.target.kernel_file()));
    files.retain(|file| case.dir.join(file).exists());
    for file in &files {
        std::fs::copy(case.dir.join(file), dir.path().join(file))
            .map_err(|error| problem(format!("failed to copy `{}`: {error}", file.display())))?;
    }
    let experiment = Experiment {
        schema: PROTOCOL_VERSION,
        id: case.name.clone(),
        task: case.task.clone(),
        candidate: Candidate::Files { files },
    };
    let text =
        serde_json::to_vec_pretty(&experiment).map_err(|error| problem(error.to_string()))?;
    std::fs::write(dir.path().join("experiment.json"), text)
        .map_err(|error| problem(error.to_string()))?;
    Ok(dir)
}
