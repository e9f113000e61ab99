//! Known optima under noise: how close the whole engine comes to them, and
//! candidates drawn at random, with as many experiments; and how often a new
//! best is none.
//!
//! What is compared is what the winners are worth in truth, which the lab says
//! afterwards and to nobody in the campaign.

use std::error::Error;
use std::fmt::Write as _;
use std::path::Path;

use orchestrator::core::ids::ExperimentId;
use orchestrator::core::rank;
use orchestrator::core::state::State;
use orchestrator::store::Reader;
use serde_json::json;

use super::Outcome;
use super::room::{Room, to_the_end, truth};

/// A winner must be worth this part of the optimum.
const CLOSE: f64 = 0.95;
/// Part of the seeds in which something must hold.
const MOST: f64 = 0.9;
/// Part of the new bests that may be none.
const FALSE: f64 = 0.05;
/// Standard deviation of a measurement, as a part of the true score.
const NOISE: f64 = 0.02;

/// What a campaign came to.
struct Found {
    /// What its winner is worth in truth, as a part of the optimum; 0 without
    /// one.
    part: f64,
    experiments: usize,
    looks: usize,
    /// New bests, and those of them that are no better than what was best.
    new: usize,
    not_better: usize,
}

struct Row {
    seed: u32,
    full: Found,
    random: Found,
}

pub(crate) fn run(seeds: u32, experiments: u32) -> Result<Outcome, Box<dyn Error>> {
    let room = Room::new()?;
    let mut rows = Vec::new();
    for seed in 1..=seeds {
        eprintln!("recovery: seed {seed} of {seeds}");
        let tasks = format!("tasks-{seed}");
        let task = format!(
            "best = 3.0\n[surface]\nnoise = {NOISE}\nseed = {}\n",
            1000 + seed
        );
        room.write(&format!("{tasks}/t.toml"), &task)?;
        let of = |strategy| found(&room, &tasks, strategy, seed, experiments);
        rows.push(Row {
            seed,
            full: of("full")?,
            random: of("random")?,
        });
    }
    Ok(outcome(&rows, experiments))
}

fn found(
    room: &Room,
    tasks: &str,
    strategy: &str,
    seed: u32,
    experiments: u32,
) -> Result<Found, Box<dyn Error>> {
    let dir = room.path(&format!("{strategy}-{seed}"));
    let [number, most] = [seed, experiments].map(|n| n.to_string());
    let more = [
        "--strategy",
        strategy,
        "--model",
        "builtin",
        "--seed",
        &number,
    ];
    let mut command = room.run(&dir, tasks, &more);
    command.args(["--experiments", &most]);
    to_the_end(command)?;
    let log = Reader::open(&dir)?.verified_log()?;
    let state = State::fold(&log)?;
    let task = room.path(&format!("{tasks}/t.toml"));
    let mut worth = |id: ExperimentId| -> Result<f64, Box<dyn Error>> {
        let experiment = state.experiments.get(&id);
        let candidate = experiment.and_then(|experiment| experiment.candidate.as_ref());
        let (candidate, _) = candidate.ok_or("a winner without a candidate")?;
        known(room, &task, &serde_json::to_value(candidate)?)
    };
    let winner = rank::leaderboard(&state)
        .rows
        .first()
        .map(|row| row.experiment);
    let part = winner.map_or(Ok(0.0), &mut worth)?;
    let announced = &state.significance.new_bests;
    let mut not_better = 0;
    for test in announced {
        let before = match test.against {
            Some(before) => worth(before)?,
            None => 1.0 / optimum(room, &task)?,
        };
        not_better += usize::from(worth(test.experiment)? <= before);
    }
    std::fs::remove_dir_all(&dir)?;
    Ok(Found {
        part,
        experiments: state.index.spent,
        looks: state.tries.len(),
        new: announced.len(),
        not_better,
    })
}

/// What a candidate is worth, as a part of the optimum.
fn known(room: &Room, task: &Path, candidate: &serde_json::Value) -> Result<f64, Box<dyn Error>> {
    let known = truth(room, task, candidate)?;
    Ok(known.value / known.optimum)
}

fn optimum(room: &Room, task: &Path) -> Result<f64, Box<dyn Error>> {
    let any = json!({ "kind": "template", "template": "template0", "params": {} });
    Ok(truth(room, task, &any)?.optimum)
}

fn outcome(rows: &[Row], experiments: u32) -> Outcome {
    let count = |holds: fn(&Row) -> bool| rows.iter().filter(|row| holds(row)).count();
    let close = count(|row| row.full.part >= CLOSE);
    let close_random = count(|row| row.random.part >= CLOSE);
    let better = count(|row| row.full.part > row.random.part);
    let all = || rows.iter().flat_map(|row| [&row.full, &row.random]);
    let new: usize = all().map(|found| found.new).sum();
    let not_better: usize = all().map(|found| found.not_better).sum();
    let wanted = (MOST * rows.len() as f64).ceil() as usize;
    let passed = close >= wanted && better >= wanted && not_better as f64 <= FALSE * new as f64;
    let word = if passed { "passed" } else { "FAILED" };
    let n = rows.len();
    Outcome {
        line: format!(
            "recovery: {word}: within 5% of the optimum in {close} of {n} seeds, better than random in {better}, \
             {not_better} of {new} new bests false (wanted: {wanted}, {wanted}, {:.0}%)",
            100.0 * FALSE
        ),
        passed,
        table: table(rows),
        document: json!({
            "schema": 1,
            "passed": passed,
            "experiments": experiments,
            "seeds": n,
            "close": close,
            "close_random": close_random,
            "better_than_random": better,
            "new_bests": new,
            "false_new_bests": not_better,
            "rows": rows.iter().map(|row| json!({
                "seed": row.seed,
                "full": document(&row.full),
                "random": document(&row.random),
            })).collect::<Vec<_>>(),
        }),
    }
}

fn document(found: &Found) -> serde_json::Value {
    json!({
        "part_of_optimum": found.part,
        "experiments": found.experiments,
        "looks": found.looks,
        "new_bests": found.new,
        "false_new_bests": found.not_better,
    })
}

fn table(rows: &[Row]) -> String {
    let mut table = format!(
        "{:<5} {:>8} {:>12} {:>6} {:>10}   {:>8} {:>12} {:>10}\n",
        "seed", "full", "experiments", "looks", "new/false", "random", "experiments", "new/false"
    );
    for row in rows {
        let new = |found: &Found| format!("{}/{}", found.new, found.not_better);
        let _ = writeln!(
            table,
            "{:<5} {:>7.1}% {:>12} {:>6} {:>10}   {:>7.1}% {:>12} {:>10}",
            row.seed,
            100.0 * row.full.part,
            row.full.experiments,
            row.full.looks,
            new(&row.full),
            100.0 * row.random.part,
            row.random.experiments,
            new(&row.random),
        );
    }
    table
}
