//! Mutants of an evaluation's scorer and contract: would the checks notice?

use std::path::{Path, PathBuf};

use protocol::Direction;
use serde::Deserialize;

use super::Kills;
use super::checks::score::{self, Outcome, Scored};
use super::prepared::Part;
use super::probes::{Ask, Probe};
use super::run::{Batch, RunError, copy_folder};
use super::workshop::Workshop;

/// The program that writes mutants of a Python script.
const MUTATE: &str = include_str!("mutate.py");
/// Most mutants of one scorer.
const MOST: usize = 16;
/// Time for a mutant to score one probe, in seconds: some never end.
const TIMEOUT_S: u64 = 3;

#[derive(Debug, Deserialize)]
struct Mutant {
    what: String,
    line: usize,
}

/// Makes mutants and counts those that the checks reject.
pub(super) fn kills(
    shop: &Workshop<'_>,
    scored: &Scored<'_>,
    batch: &Batch,
) -> Result<Kills, RunError> {
    let mut kills = of_contract(scored);
    let words = &shop.contract.commands.score;
    let script = words.get(1).filter(|_| words[0].starts_with("python"));
    let Some(script) = script.filter(|s| shop.evaluation().join(s).is_file()) else {
        return Ok(kills);
    };
    let (mutants, folder) = write(shop, script)?;
    // One hidden split and little noise are enough for mutants.
    let chosen: Vec<usize> = (0..scored.probes.len())
        .filter(|n| scored.probes[*n].part == Part::Search)
        .filter(|n| {
            let ask = &scored.probes[*n].ask;
            !matches!(ask, Ask::Noise(0 | 2) | Ask::Median | Ask::Copy(_))
        })
        .collect();
    let probes: Vec<Probe> = chosen.iter().map(|n| scored.probes[*n].clone()).collect();
    let before: Vec<&Outcome> = chosen.iter().map(|n| &scored.outcomes[*n]).collect();
    let mut work = Batch {
        jobs: Vec::new(),
        timeout_s: TIMEOUT_S.min(batch.timeout_s),
        ..batch.clone()
    };
    work.readable.push(folder.clone());
    for number in 0..mutants.len() {
        let mutant = folder.join(number.to_string()).join(script);
        for n in &chosen {
            let mut words = batch.jobs[*n].clone();
            words[1] = mutant.display().to_string();
            work.jobs.push(words);
        }
    }
    if work.jobs.is_empty() {
        return Ok(kills);
    }
    let done = work.run(shop.interpreter, &shop.root.join("batches").join("mutants"))?;
    let outcomes: Vec<Outcome> = done
        .iter()
        .map(|d| Outcome::of(d, &shop.contract.metric.name))
        .collect();
    for (mutant, outcomes) in mutants.iter().zip(outcomes.chunks(chosen.len())) {
        kills.made += 1;
        let changed = before.iter().zip(outcomes).any(|(a, b)| differ(a, b));
        if !changed {
            continue;
        }
        kills.changed += 1;
        let judged = score::judge(&Scored {
            probes: &probes,
            outcomes,
            ..*scored
        });
        if judged.is_empty() {
            kills
                .survivors
                .push(format!("{} (line {})", mutant.what, mutant.line));
        } else {
            kills.killed += 1;
        }
    }
    Ok(kills)
}

/// Whether two outcomes differ in more than the words of a refusal.
fn differ(a: &Outcome, b: &Outcome) -> bool {
    !matches!((a, b), (Outcome::Refused(_), Outcome::Refused(_))) && a != b
}

/// Mutants of the contract need no run.
fn of_contract(scored: &Scored<'_>) -> Kills {
    let mut kills = Kills::default();
    let mut contract = scored.contract.clone();
    contract.metric.direction = match contract.metric.direction {
        Direction::Minimise => Direction::Maximise,
        Direction::Maximise => Direction::Minimise,
    };
    kills.made += 1;
    kills.changed += 1;
    let judged = score::judge(&Scored {
        contract: &contract,
        ..*scored
    });
    if judged.is_empty() {
        kills
            .survivors
            .push("the other direction (evaluation.toml)".to_owned());
    } else {
        kills.killed += 1;
    }
    kills
}

/// Writes mutants of a script, each in a copy of the evaluation's folder.
fn write(shop: &Workshop<'_>, script: &str) -> Result<(Vec<Mutant>, PathBuf), RunError> {
    let tool = shop.root.join("mutate");
    let out = shop.root.join("mutated");
    let folder = shop.root.join("mutants");
    for new in [&tool, &out, &folder] {
        std::fs::create_dir_all(new).map_err(RunError::file("create", new))?;
    }
    let program = tool.join("mutate.py");
    std::fs::write(&program, MUTATE).map_err(RunError::file("write", &program))?;
    let batch = Batch {
        jobs: vec![vec![
            "python".to_owned(),
            program.display().to_string(),
            shop.evaluation().join(script).display().to_string(),
            out.display().to_string(),
            MOST.to_string(),
        ]],
        cwd: tool,
        readable: vec![shop.evaluation()],
        writable: vec![out.clone()],
        timeout_s: 60,
        ..Batch::default()
    };
    batch.run(shop.interpreter, &shop.root.join("batches").join("mutate"))?;
    let list = super::table::bytes(&out.join("list.json"), "mutants").unwrap_or_default();
    // A scorer that can't be parsed has no mutants.
    let mutants: Vec<Mutant> = serde_json::from_slice(&list).unwrap_or_default();
    for number in 0..mutants.len() {
        let copy = folder.join(number.to_string());
        copy_folder(&shop.evaluation(), &copy)?;
        let from = out.join(format!("{number}.py"));
        let to = copy.join(Path::new(script));
        std::fs::copy(&from, &to).map_err(RunError::file("copy", &to))?;
    }
    Ok((mutants, folder))
}
