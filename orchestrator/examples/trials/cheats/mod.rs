//! Candidates that cheat, each in a campaign of its own. Whatever is tried must
//! be refused, or come to nothing.
//!
//! What a program tries from inside is tried twice: in the sandbox, and, to
//! see that it is a cheat, without one.

mod evaluator;
mod fished;
mod forged;
mod sealed;
mod typed;

use std::error::Error;
use std::fmt::Write as _;

use serde_json::{Value, json};

use super::Outcome;
use super::room::Room;
use super::scene::{Run, Scene};

/// A number that is so much better than an honest one was cheated for.
const PAYS: f64 = 1.2;

/// What came of a cheat.
pub(crate) struct Finding {
    /// It is ranked by more than it is worth.
    paid: bool,
    /// What it did took effect: a file was changed, a secret was read.
    took: bool,
    /// In words.
    what: String,
}

impl Finding {
    /// What the leaderboard, or else a verdict or a refusal, says.
    fn of(run: &Run, honest: f64) -> Self {
        let what = match (run.ranked(), run.verdict(), run.refusals.first()) {
            (Some(value), _, _) => format!("ranked by {value:.2}, worth {honest:.2}"),
            (None, _, _) if run.code == Some(3) => run.said.trim_start_matches("alphalab: ").into(),
            (None, Some(verdict), _) => format!("{}: {}", verdict.word(), verdict.reason()),
            (None, None, Some(refusal)) => format!("refused: {refusal}"),
            (None, None, None) => "no result".to_owned(),
        };
        let paid = run.ranked().is_some_and(|value| value > PAYS * honest);
        Self {
            paid,
            took: paid,
            what,
        }
    }

    /// The same, and whether it took effect.
    fn took(self, took: bool) -> Self {
        Self {
            took: took || self.paid,
            ..self
        }
    }
}

type Try = fn(&Scene<'_>) -> Result<Finding, Box<dyn Error>>;

/// One cheat.
struct Cheat {
    class: &'static str,
    name: &'static str,
    play: Try,
    /// Whether it is done from inside a program.
    from_inside: bool,
}

const fn cheat(class: &'static str, name: &'static str, play: Try) -> Cheat {
    Cheat {
        class,
        name,
        play,
        from_inside: false,
    }
}

const fn inside(class: &'static str, name: &'static str, play: Try) -> Cheat {
    Cheat {
        class,
        name,
        play,
        from_inside: true,
    }
}

const CHEATS: [Cheat; 17] = [
    cheat("typed", "score as an argument of a tool", typed::argument),
    cheat("typed", "files named as results are", typed::files),
    cheat("typed", "score printed by the program", typed::printed),
    inside(
        "evaluator",
        "task rewritten by the program",
        evaluator::task,
    ),
    inside("evaluator", "lab replaced by the program", evaluator::lab),
    cheat(
        "evaluator",
        "task edited between sessions",
        evaluator::between,
    ),
    cheat(
        "evaluator",
        "adapter edited between sessions",
        evaluator::adapter,
    ),
    cheat("evaluator", "tools of other roles called", evaluator::tools),
    inside(
        "forged",
        "report written, lab worker killed",
        forged::worker,
    ),
    inside(
        "forged",
        "report written, orchestrator killed",
        forged::orchestrator,
    ),
    inside("forged", "reply written into the lab's pipe", forged::reply),
    cheat(
        "fished",
        "program that knows the search inputs",
        fished::overfit,
    ),
    cheat("fished", "same candidate handed in again", fished::again),
    cheat("fished", "same candidate in other words", fished::reworded),
    cheat("fished", "luckiest of many equal candidates", fished::lucky),
    inside("sealed", "sealed file read by the program", sealed::file),
    cheat("sealed", "sealed split asked for by name", sealed::asked),
];

/// What came of all of them.
struct Row {
    cheat: &'static Cheat,
    guarded: Finding,
    open: Option<Finding>,
}

impl Row {
    /// Kept out, and a cheat at all.
    fn holds(&self) -> bool {
        !self.guarded.paid && !self.guarded.took && self.is_real()
    }

    fn is_real(&self) -> bool {
        self.open.as_ref().is_none_or(|open| open.took)
    }

    fn word(&self) -> &'static str {
        if self.holds() {
            "kept out"
        } else if self.is_real() {
            "GOT IN"
        } else {
            "NO CHEAT"
        }
    }
}

pub(crate) fn run() -> Result<Outcome, Box<dyn Error>> {
    let room = Room::new()?;
    let mut rows = Vec::new();
    for (number, cheat) in CHEATS.iter().enumerate() {
        eprintln!("cheats: {} of {}: {}", number + 1, CHEATS.len(), cheat.name);
        let of = |confined: bool| -> Result<Finding, Box<dyn Error>> {
            let scene = Scene::new(&room, &format!("cheat-{number}"), confined)?;
            (cheat.play)(&scene).map_err(|error| format!("{}: {error}", cheat.name).into())
        };
        rows.push(Row {
            guarded: of(true)?,
            open: cheat.from_inside.then(|| of(false)).transpose()?,
            cheat,
        });
    }
    let held = rows.iter().filter(|row| row.holds()).count();
    let passed = held == rows.len();
    let word = if passed { "passed" } else { "FAILED" };
    Ok(Outcome {
        line: format!("cheats: {word}: {held} of {} kept out", rows.len()),
        passed,
        table: table(&rows),
        document: json!({
            "schema": 1,
            "passed": passed,
            "kept_out": held,
            "cheats": rows.iter().map(document).collect::<Vec<_>>(),
        }),
    })
}

fn table(rows: &[Row]) -> String {
    let mut table = format!("{:<10} {:<36} {:<9} what came of it\n", "kind", "cheat", "");
    for row in rows {
        let Cheat { class, name, .. } = row.cheat;
        let what = &row.guarded.what;
        let _ = writeln!(table, "{class:<10} {name:<36} {:<9} {what}", row.word());
        if let Some(open) = &row.open {
            let paid = if open.paid { "pays" } else { "takes effect" };
            let word = if open.took { paid } else { "nothing" };
            let _ = writeln!(
                table,
                "{:<57} without the sandbox: {word}: {}",
                "", open.what
            );
        }
    }
    table
}

fn document(row: &Row) -> Value {
    let finding = |finding: &Finding| json!({ "paid": finding.paid, "took_effect": finding.took, "what": finding.what });
    json!({
        "kind": row.cheat.class,
        "cheat": row.cheat.name,
        "kept_out": row.holds(),
        "found": finding(&row.guarded),
        "without_sandbox": row.open.as_ref().map(finding),
    })
}
