//! A bundle's candidate measured again, on this machine and with a new secret.

use std::fs;
use std::path::PathBuf;

use protocol::{Candidate, Experiment, Interval, PROTOCOL_VERSION, Report, Split};

use super::finding::figure;
use super::{Finding, Measured, Opened, Outcome, PLAN, SOURCE, files, sizes_file, task_file};
use crate::error::HarnessError;
use crate::evaluate::{Abort, Depth, Lab, OBJECT_HASH};
use crate::task::TaskLibrary;

/// How far one process may be from another: the new interval may end this
/// share below the beginning of the one that was claimed.
const BETWEEN_PROCESSES: f64 = 0.05;
/// Facts that make a machine the same for this purpose.
const MACHINE: [&str; 5] = ["cpu", "cpus", "compiler", "compiler_options", "torch"];
/// How often a machine that is too busy is tried.
const TRIES: usize = 3;

/// Whose Python may run in the lab's own process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trust {
    /// That of tasks in the lab's folder only.
    KnownTasks,
    /// That of the bundle.
    Bundle,
}

/// Evaluates the candidate again. Its code runs in the sandbox as ever; the
/// task's Python runs in this process.
pub(super) fn rerun(
    lab: &mut Lab,
    opened: &Opened,
    progress: &mut dyn FnMut(&str, &str),
) -> Result<(Measured, Vec<Finding>), HarnessError> {
    let room = tempfile::tempdir().map_err(|source| HarnessError::System {
        doing: "create a folder for the evaluation".to_owned(),
        source,
    })?;
    let dir = lay_out(opened, room.path().to_owned())?;
    // Sizes may have been chosen for another machine, or by a table.
    lab.pin_sizes(&opened.dir, &opened.manifest.task);
    let mut tries = 0;
    let report = loop {
        tries += 1;
        let attempt = Some((1, Split::Select));
        match lab.look(&dir, Depth::Evaluate, attempt, &Abort::default(), progress) {
            Err(HarnessError::Busy(why)) if tries < TRIES => progress("busy", &why),
            other => break other?,
        }
    };
    Ok(judge(opened, &report))
}

/// Why the bundle's task is none that the lab knows.
pub(super) fn unknown_task(tasks: &TaskLibrary, opened: &Opened) -> Option<String> {
    let name = &opened.manifest.task.name;
    let own = files::read(&opened.dir, &task_file(name));
    let known = tasks.find(name).ok();
    let known = known.and_then(|task| fs::read(task.path).ok());
    if known.is_some() && known == own.ok() {
        return None;
    }
    Some(format!(
        "`{}` is not the task `{name}` of this lab, and its Python would run unconfined: read it, \
         then pass --trust-task, or name a folder that has it with --tasks",
        task_file(name)
    ))
}

/// An experiment folder with the bundle's candidate and task.
fn lay_out(opened: &Opened, dir: PathBuf) -> Result<PathBuf, HarnessError> {
    let problem = |problem: String| HarnessError::Bundle {
        dir: opened.dir.clone(),
        problem,
    };
    let name = &opened.manifest.task.name;
    let task = dir.join(format!("{name}.py"));
    let copies = [
        (PLAN.to_owned(), dir.join("plan.toml")),
        (SOURCE.to_owned(), dir.join("kernel.cpp")),
        (task_file(name), task.clone()),
        (sizes_file(name), task.with_extension("toml")),
    ];
    for (from, to) in copies {
        if !opened.manifest.files.contains_key(&from) {
            continue;
        }
        let bytes = files::read(&opened.dir, &from).map_err(&problem)?;
        fs::write(&to, bytes).map_err(|source| HarnessError::File {
            doing: "write",
            path: to,
            source,
        })?;
    }
    let experiment = Experiment {
        schema: PROTOCOL_VERSION,
        id: opened.manifest.experiment.clone(),
        task: task.to_string_lossy().into_owned(),
        candidate: Candidate::Files {
            files: vec!["plan.toml".into(), "kernel.cpp".into()],
        },
    };
    let text = serde_json::to_vec(&experiment).map_err(|error| problem(error.to_string()))?;
    let path = dir.join("experiment.json");
    fs::write(&path, text).map_err(|source| HarnessError::File {
        doing: "write",
        path,
        source,
    })?;
    Ok(dir)
}

/// The report of the bundle and the new one, side by side.
fn judge(opened: &Opened, now: &Report) -> (Measured, Vec<Finding>) {
    let then = &opened.report;
    let mut findings = Vec::new();
    if now.hash != then.hash {
        findings.push(Finding::failed(
            "rerun",
            format!(
                "what was measured now has the hash {}, the report is about {}: the task has \
                 other sizes here",
                now.hash, then.hash
            ),
        ));
    }
    let same_machine = same_machine(then, now);
    let speedup = now.metrics.get("speedup");
    let measured = Measured {
        verdict: now.verdict.word().to_owned(),
        value: speedup.map(|metric| metric.value),
        ci: speedup.and_then(|metric| metric.ci),
        n: speedup.map(|metric| metric.n),
        same_machine,
    };
    findings.push(if now.verdict.is_ok() {
        Finding::passed("rerun", "correct on new inputs from a new secret")
    } else {
        let (word, reason) = (now.verdict.word(), now.verdict.reason());
        Finding::failed("rerun", format!("{word}: {reason}"))
    });
    findings.push(object(then, now, same_machine));
    if let (Some(value), Some(ci)) = (measured.value, measured.ci) {
        findings.push(speed(opened, value, ci, measured.n, same_machine));
    }
    (measured, findings)
}

fn same_machine(then: &Report, now: &Report) -> bool {
    let fact = |report: &Report, name: &str| report.environment.facts.get(name).cloned();
    then.environment.threads == now.environment.threads
        && MACHINE
            .iter()
            .all(|name| fact(then, name).is_some() && fact(then, name) == fact(now, name))
}

/// Whether the compiler makes the same object as then.
fn object(then: &Report, now: &Report, same_machine: bool) -> Finding {
    let hash = |report: &Report| {
        let hash = report.diagnostics.get(OBJECT_HASH)?.as_str()?;
        Some(hash.to_owned())
    };
    match (hash(then), hash(now)) {
        (Some(then), Some(now)) if then == now => {
            Finding::passed("object", format!("the compiler makes {now} again"))
        }
        (Some(then), Some(now)) => Finding::new(
            "object",
            Outcome::NotPossible,
            format!(
                "the compiler makes {now}, then {then}{}",
                if same_machine {
                    ": processor or libraries differ in more than their names"
                } else {
                    ", on another machine"
                }
            ),
        ),
        _ => Finding::new(
            "object",
            Outcome::NotPossible,
            "there is nothing to compile",
        ),
    }
}

fn speed(opened: &Opened, value: f64, ci: Interval, n: Option<u32>, same_machine: bool) -> Finding {
    let claim = &opened.manifest.claim;
    let told = format!(
        "{} then, {} now",
        figure(claim.value, Some(claim.ci), Some(claim.n)),
        figure(value, Some(ci), n)
    );
    if !same_machine {
        return Finding::new(
            "speed",
            Outcome::NotPossible,
            format!("{told}, on another machine"),
        );
    }
    if compatible(claim.ci, ci) {
        Finding::passed("speed", told)
    } else {
        Finding::failed(
            "speed",
            format!(
                "{told}: the new interval ends more than {:.0}% below the claimed one",
                BETWEEN_PROCESSES * 100.0
            ),
        )
    }
}

/// Whether a new interval lets a claim stand. One that is better does.
fn compatible(claimed: Interval, now: Interval) -> bool {
    now.hi() >= claimed.lo() * (1.0 - BETWEEN_PROCESSES)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_claim_stands_unless_the_new_interval_lies_below_it() {
        let claimed = Interval(2.0, 2.1);
        for (now, stands) in [
            (Interval(2.05, 2.2), true),
            (Interval(3.0, 3.1), true),
            (Interval(1.8, 1.91), true),
            (Interval(1.7, 1.89), false),
        ] {
            assert_eq!(compatible(claimed, now), stands, "{now:?}");
        }
    }
}
