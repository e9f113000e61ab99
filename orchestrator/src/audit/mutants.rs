//! Mutants of an evaluation's scorer and contract: would the checks notice?

use std::path::{Path, PathBuf};

use protocol::Direction;
use serde::Deserialize;

use super::Kills;
use super::checks::score::{self, Outcome, Scored};
use super::finding::Finding;
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

/// Hundredths of the changed mutants that the checks must reject. The lowest
/// of the sound evaluations that were looked at, whose metric has no formula
/// that is known here, rejects 5 of 9; the others reject 80 and more.
const KILLED: usize = 40;
/// Fewest changed mutants that are judged: of fewer, one decides too much.
const JUDGED: usize = 6;
/// Most survivors that a finding names.
const NAMED: usize = 8;

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

/// Whether so many mutants survive that the checks don't hold the scorer.
pub(super) fn judge(kills: &Kills) -> Option<Finding> {
    if kills.changed < JUDGED || kills.killed * 100 >= kills.changed * KILLED {
        return None;
    }
    let mut named: Vec<&str> = kills.survivors.iter().map(String::as_str).collect();
    let more = named.len().saturating_sub(NAMED);
    named.truncate(NAMED);
    let more = if more > 0 {
        format!(" and {more} more")
    } else {
        String::new()
    };
    Some(Finding::new(
        "mutants",
        "changed the scorer in one place at a time and checked it again",
        &format!(
            "{} of {} mutants that score differently pass every check, fewer than {KILLED}% are rejected: {}{more}",
            kills.changed - kills.killed,
            kills.changed,
            named.join("; ")
        ),
        "The checks don't pin down what these lines compute, so that a fault in them would not be seen; use one of the \
         well-known formulas, declare it, and leave out what it does not need.",
    ))
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

#[cfg(test)]
mod tests {
    use super::*;

    fn kills(changed: usize, killed: usize) -> Kills {
        Kills {
            made: changed + 3,
            changed,
            killed,
            survivors: (killed..changed)
                .map(|n| format!("m{n} (line {n})"))
                .collect(),
        }
    }

    #[test]
    fn survivors_are_named_where_there_are_too_many() {
        let found = judge(&kills(20, 5)).expect("15 of 20 survive");
        assert_eq!(found.check, "mutants");
        assert!(
            found.detail.contains("15 of 20 mutants"),
            "{}",
            found.detail
        );
        assert!(
            found.detail.contains("m5 (line 5); m6 (line 6)"),
            "{}",
            found.detail
        );
        assert!(found.detail.contains("and 7 more"), "{}", found.detail);
    }

    #[test]
    fn a_few_survivors_and_few_mutants_are_no_finding() {
        assert!(judge(&kills(9, 5)).is_none(), "the lowest of sound ones");
        assert!(judge(&kills(10, 4)).is_none() && judge(&kills(10, 3)).is_some());
        assert!(judge(&kills(5, 0)).is_none() && judge(&kills(0, 0)).is_none());
    }
}
