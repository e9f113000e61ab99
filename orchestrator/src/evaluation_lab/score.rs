//! Scoring predictions by the frozen scorer, in a sandboxed process of its own
//! that runs none of the candidate's code.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use protocol::{Interval, LabError, Verdict};

use super::bench::{Bench, Parts};
use super::holdout::table;
use super::{fault, interval};
use crate::audit::checks::score::Outcome;
use crate::audit::prepared::ROW_ID;
use crate::audit::probes::PREDICTIONS;
use crate::audit::run::{Batch, Done, copy_folder, write_below};
use crate::audit::table::Table;

/// Longest time for all the scores that an interval takes.
const INTERVAL: Duration = Duration::from_mins(1);

/// A score.
#[derive(Debug)]
pub(super) struct Scored {
    pub(super) value: f64,
    /// The 95% interval, or why there is none.
    pub(super) ci: Result<Interval, String>,
    /// Rows behind it.
    pub(super) n: u32,
}

/// Scores what was predicted for a split; an interval takes many more scores
/// and is left out of quick looks.
pub(super) fn score(
    bench: &Bench,
    parts: &Parts,
    split: &str,
    predictions: &[u8],
    with_interval: bool,
) -> Result<Result<Scored, Verdict>, LabError> {
    let room = bench.folder("score-")?;
    let artifacts = room.path().join("artifacts");
    let path = Path::new(PREDICTIONS);
    write_below(&artifacts, path, predictions).map_err(|error| fault::internal(&error))?;
    let whole = Asked {
        inputs: parts.inputs(split),
        answers: parts.answers(split),
        artifacts,
    };
    let begun = Instant::now();
    let done = scores(bench, parts, &[whole], &room.path().join("whole"))?;
    let took = begun.elapsed();
    let outcome = Outcome::of(&done[0], &bench.contract.metric.name);
    let answers = table(&parts.answers(split).join("answers.csv"))?;
    let (value, n) = match outcome {
        Outcome::Value { value, n } if value.is_finite() => (value, n),
        Outcome::Value { value, .. } => {
            let why = format!("the score is {value}, no finite number");
            return Ok(Err(refused(&why)));
        }
        Outcome::Refused(why) | Outcome::Unusable(why) => return Ok(Err(refused(&why))),
    };
    let ci = if with_interval {
        left_out(
            bench,
            parts,
            split,
            predictions,
            &answers,
            took,
            room.path(),
        )?
        .and_then(|parts| interval::jackknife(value, &parts))
    } else {
        Err("a quick look has none".to_owned())
    };
    Ok(Ok(Scored {
        value,
        ci,
        n: n.map_or(answers.rows.len() as u32, |n| n as u32),
    }))
}

fn refused(why: &str) -> Verdict {
    Verdict::Rejected {
        stage: "score".to_owned(),
        reason: format!("the scorer refuses the predictions: {why}"),
    }
}

/// What one score is made from.
struct Asked {
    inputs: PathBuf,
    answers: PathBuf,
    artifacts: PathBuf,
}

/// Runs the scorer on each, one after another.
fn scores(
    bench: &Bench,
    parts: &Parts,
    asked: &[Asked],
    folder: &Path,
) -> Result<Vec<Done>, LabError> {
    let mut batch = Batch {
        cwd: bench.evaluation(),
        readable: vec![parts.public()],
        timeout_s: bench.contract.commands.timeout_s,
        ..Batch::default()
    };
    for one in asked {
        let words = bench
            .contract
            .commands
            .score_words(&one.inputs, &one.answers, &one.artifacts);
        batch.jobs.push(words);
        for folder in [&one.inputs, &one.answers, &one.artifacts] {
            if !folder.starts_with(parts.public()) && !batch.readable.contains(folder) {
                batch.readable.push(folder.clone());
            }
        }
    }
    batch
        .run(&bench.interpreter, folder)
        .map_err(|error| fault::internal(&error))
}

/// The scores without one block of rows each, or why there are none.
fn left_out(
    bench: &Bench,
    parts: &Parts,
    split: &str,
    predictions: &[u8],
    answers: &Table,
    took: Duration,
    room: &Path,
) -> Result<Result<Vec<f64>, String>, LabError> {
    let names = answers.column(ROW_ID).unwrap_or_default();
    let blocks = match interval::blocks(&bench.order.of(answers.cells(names))) {
        Ok(blocks) => blocks,
        Err(why) => return Ok(Err(why)),
    };
    let whole = took * blocks.iter().max().map_or(0, |last| *last as u32 + 1);
    if whole > INTERVAL {
        return Ok(Err(format!(
            "the scorer takes {:.1} s, too long for scores without a part of the rows",
            took.as_secs_f64()
        )));
    }
    let inputs = table(&parts.inputs(split).join("inputs.csv"))?;
    let predicted = Table::parse(predictions, PREDICTIONS);
    let predicted = predicted.map_err(|error| fault::internal(&error))?;
    let block_of = answers.cells(names).zip(&blocks).collect();
    let mut asked = Vec::new();
    for block in 0..=blocks.iter().copied().max().unwrap_or_default() {
        let folder = room.join(format!("without-{block}"));
        let one = Asked {
            inputs: folder.join("inputs"),
            answers: folder.join("answers"),
            artifacts: folder.join("artifacts"),
        };
        let without = |table: &Table| interval::without(table, &block_of, block).to_csv();
        copy_folder(&parts.inputs(split), &one.inputs)
            .and_then(|()| copy_folder(&parts.answers(split), &one.answers))
            .and_then(|()| write_below(&one.inputs, Path::new("inputs.csv"), &without(&inputs)))
            .and_then(|()| write_below(&one.answers, Path::new("answers.csv"), &without(answers)))
            .and_then(|()| {
                write_below(&one.artifacts, Path::new(PREDICTIONS), &without(&predicted))
            })
            .map_err(|error| fault::internal(&error))?;
        asked.push(one);
    }
    let done = scores(bench, parts, &asked, &room.join("left-out"))?;
    let values: Option<Vec<f64>> = done
        .iter()
        .map(|done| Outcome::of(done, &bench.contract.metric.name).value())
        .collect();
    Ok(values.ok_or_else(|| "the scorer does not score a part of the rows".to_owned()))
}
