//! The report's part on statistics: how large the noise is, which results
//! survive it, and what was left of the winners when they were measured again.

use std::fmt::Write;

use protocol::Split;
use serde_json::{Value, json};

use super::markdown::{digits, number, plain};
use crate::core::event::{EffectKey, Score};
use crate::core::gap::{self, Mean};
use crate::core::rank::{Leaderboard, Row};
use crate::core::significance::{FALSE_DISCOVERIES, Test};
use crate::core::state::{RunState, State};

/// Writes it; nothing for a campaign without a verified result.
pub(super) fn write(out: &mut String, state: &State, board: &Leaderboard) -> std::fmt::Result {
    if board.rows.is_empty() {
        return Ok(());
    }
    writeln!(out, "## Statistics\n")?;
    let s = &board.summary;
    let significance = &state.significance;
    writeln!(
        out,
        "While it searched, the campaign compared {} verified candidates with what was best on their task; {} were a new \
         best by their interval, at levels that keep the expected share of false ones below {:.0}% (LORD++).",
        significance.tests(),
        significance.new_bests.len(),
        FALSE_DISCOVERIES * 100.0
    )?;
    if let (Some(won), Some(lost)) = (s.won, s.lost) {
        writeln!(
            out,
            "Against the baseline, {} of {won} won and {} of {lost} lost survive when at most {:.0}% of all that differ \
             may be false (Benjamini and Hochberg, over {} tasks).",
            s.won_fdr.unwrap_or(0),
            s.lost_fdr.unwrap_or(0),
            FALSE_DISCOVERIES * 100.0,
            board.rows.iter().filter(|row| row.q.is_some()).count()
        )?;
    }
    writeln!(out, "\n{}\n", sealed_words(state, board))?;
    writeln!(
        out,
        "| task | search | select | sealed | search → select | select → sealed | noise floor (pairs) | q | found as |"
    )?;
    writeln!(out, "|---|---|---|---|---|---|---|---|---|")?;
    for row in &board.rows {
        let floor = state.floor(&row.task);
        let sealed = row.sealed.as_ref().and_then(Score::verified);
        let noise = if floor.is_known() {
            format!("{:.2}% ({})", floor.relative * 100.0, floor.pairs)
        } else {
            "-".to_owned()
        };
        writeln!(
            out,
            "| {} | {} | {} | {} | {} | {} | {noise} | {} | {} |",
            plain(&row.task),
            row.search_value.map_or("-".to_owned(), digits),
            number(row.value, row.ci_widened),
            sealed_cell(row),
            percent(
                row.search_value
                    .and_then(|v| gap::change(state, v, row.value))
            ),
            percent(sealed.and_then(|v| gap::change(state, row.value, v))),
            row.q.map_or("-".to_owned(), small),
            found_as(row)
        )?;
    }
    let gaps = gap::gaps(state, &board.rows);
    writeln!(
        out,
        "\nIn the mean over winners, search → select {}, select → sealed {}. Below zero is worse. The first is the winner's \
         curse: the best of many was chosen for its luck too. Intervals are 95%, with the noise floor in them: the spread \
         between processes that the interval of one process does not know of, as a standard deviation.\n",
        mean(gaps.search_select),
        mean(gaps.select_sealed)
    )
}

/// `leaderboard --json`: the same, for scripts.
pub(super) fn document(state: &State, board: &Leaderboard) -> Value {
    let significance = &state.significance;
    let noise: Vec<Value> = state
        .tasks
        .iter()
        .map(|task| {
            let floor = state.floor(&task.name);
            json!({
                "task": task.name,
                "relative": floor.is_known().then_some(floor.relative),
                "pairs": floor.pairs,
                "all_pairs": floor.all_pairs,
            })
        })
        .collect();
    json!({
        "false_discoveries": FALSE_DISCOVERIES,
        "noise": noise,
        "tests": significance.tests(),
        "new_bests": significance.new_bests.iter().map(test).collect::<Vec<_>>(),
        "gaps": gap::gaps(state, &board.rows),
        "sealed": {
            "experiments": state.sealed.as_ref().map(|opened| {
                opened.experiments.iter().map(ToString::to_string).collect::<Vec<_>>()
            }),
            "opened_before_fork": state.sealed_elsewhere,
            "words": sealed_words(state, board),
        },
    })
}

/// A comparison; `against` is null for the baseline.
pub(super) fn test(test: &Test) -> Value {
    json!({
        "experiment": test.experiment.to_string(),
        "task": test.task,
        "against": test.against.map(|id| id.to_string()),
        "p": test.p,
        "level": test.level,
    })
}

/// One or two words for how a winner was found.
pub fn found_as(row: &Row) -> &'static str {
    if row.new_best { "new best" } else { "leading" }
}

/// A probability.
pub fn small(p: f64) -> String {
    if p >= 0.001 {
        format!("{p:.3}")
    } else if p >= 1e-6 {
        format!("{p:.0e}")
    } else {
        "<1e-6".to_owned()
    }
}

fn percent(change: Option<f64>) -> String {
    change.map_or("-".to_owned(), |change| format!("{:+.1}%", change * 100.0))
}

fn mean(mean: Option<Mean>) -> String {
    mean.map_or("was not measured".to_owned(), |mean| {
        let ends = mean.ci.map_or(String::new(), |ci| {
            format!(" [{:+.1}, {:+.1}]", ci.lo() * 100.0, ci.hi() * 100.0)
        });
        format!("{:+.1}%{ends} (n = {})", mean.mean * 100.0, mean.n)
    })
}

fn sealed_cell(row: &Row) -> String {
    match &row.sealed {
        None => "-".to_owned(),
        Some(score) => match score.verified() {
            Some(value) => number(value, score.ci),
            None => score.verdict.word().to_owned(),
        },
    }
}

/// Whether the sealed split was opened, and why not where it was not.
fn sealed_words(state: &State, board: &Leaderboard) -> String {
    const LATE: &str = "there was too little running time left";
    let over = matches!(state.run, RunState::Finished(_));
    let limit = state.limits().wall_s.unwrap_or(f64::INFINITY);
    let left = limit - state.clock.logged_s();
    let mut words = match &state.sealed {
        Some(opened) => {
            let measured = board.rows.iter().filter(|row| row.sealed.is_some());
            format!(
                "The sealed split was opened once, after the winners were chosen: {} of {} were measured on it.",
                measured.count(),
                opened.experiments.len()
            )
        }
        None if !over => "The sealed split is shut: the campaign is not over.".to_owned(),
        None if left < state.pace().remeasure_s => {
            format!("The sealed split was not opened: {LATE}.")
        }
        None => "The sealed split was not opened.".to_owned(),
    };
    let opened = state.sealed.iter().flat_map(|opened| &opened.experiments);
    for e in opened.filter_map(|id| state.experiments.get(id)) {
        if over && e.last(Split::Sealed).is_none() {
            let failed = state.failures.get(&EffectKey::Measure {
                experiment: e.id,
                attempt: e.attempts.len() as u32 + 1,
            });
            let why = failed.map_or(LATE.to_owned(), |failed| {
                format!("the lab failed: {}", plain(&failed.error))
            });
            // Writing to a String can't fail.
            let _ = write!(words, " {} was not: {why}.", e.id);
        }
    }
    if let Some(seq) = state.sealed_elsewhere {
        let _ = write!(
            words,
            " This campaign was forked from one that had opened its sealed split at its event {seq}: whoever forked it could \
             know those numbers."
        );
    }
    words
}
