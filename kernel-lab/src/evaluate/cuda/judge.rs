//! What a candidate goes through on the simulator.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::device::Ended;
use crate::device::cuda::{Cuda, CudaSession, Launched, Load};
use crate::error::HarnessError;
use crate::evaluate::abort::Abort;
use crate::evaluate::attempt::Attempt;
use crate::evaluate::measure::{ended, shuffled};
use crate::evaluate::report::check;
use crate::evaluate::trial::{Ground, Halt, Trial};
use crate::evaluate::weigh::Denormals;
use crate::evaluate::{Depth, OnProgress};
use crate::pages::Pool;
use crate::plan::{BoundPlan, Role};
use crate::task::LoadedTask;

/// Longest call on values of the task's own.
const CALL_LIMIT: Duration = Duration::from_secs(20);
/// Calls on fresh values.
const CALLS: usize = 5;
/// Calls that are repeated with one value changed.
const REPEATS: usize = 2;

/// A candidate that is ready to be loaded.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ready<'a> {
    pub(super) plan: &'a BoundPlan,
    pub(super) ptx: &'a str,
    /// The evaluation's secret.
    pub(super) seed: u64,
}

/// What was seen of a candidate that is right.
pub(super) struct Seen {
    pub(super) compared: usize,
    pub(super) worst_ratio: f64,
    skipped: Vec<String>,
    not_propagated: Vec<String>,
    /// Whether it gives the same bits twice; not looked at on a quick look.
    repeats_itself: Option<bool>,
    /// Of the `prepare` steps, and of one call.
    pub(super) prepared: Vec<Launched>,
    pub(super) called: Vec<Launched>,
}

/// Judges a candidate; what ended it, if something did.
pub(super) fn judge(
    device: &mut Cuda,
    looked: &mut Attempt<'_>,
    ready: &Ready<'_>,
    task: &mut LoadedTask,
    pool: &mut Pool,
    abort: &Abort,
    progress: OnProgress<'_>,
) -> Result<Result<Seen, Ended>, HarnessError> {
    let since = Instant::now();
    let contents = contents(ready.plan, task)?;
    let slots = looked.depth.slots();
    let loaded = device.load(ready.plan, ready.ptx, &contents, slots)?;
    looked.lap("load", since);
    let mut session = match loaded {
        Load::Ready(session) => session,
        Load::Ended(ended) => return Ok(Err(ended)),
    };
    let since = Instant::now();
    let ground = Ground {
        task,
        session: session.as_mut(),
        pool,
        abort,
    };
    let mut trial = Trial::new(ground, ready.plan, ready.seed, CALL_LIMIT);
    trial.denormals = Denormals::MayBeFlushed;
    let seen = walk(trial, ready, looked.depth, progress);
    looked.lap("correctness", since);
    match seen {
        Ok(seen) => Ok(Ok(seen)),
        Err(halt) => {
            let ended = ended(halt)?;
            note_finding(looked, &ended);
            Ok(Err(ended))
        }
    }
}

fn walk(
    mut trial: Trial<'_, CudaSession>,
    ready: &Ready<'_>,
    depth: Depth,
    progress: OnProgress<'_>,
) -> Result<Seen, Halt> {
    let prepares = !ready.plan.prepare.is_empty();
    if prepares {
        trial.prepare_params()?;
    }
    progress("correctness", "the task's own distribution");
    let mut repeats_itself = None;
    if depth.is_full() {
        for _ in 0..CALLS {
            trial.verify(None)?;
        }
        for _ in 0..REPEATS {
            trial.verify_near_repeat()?;
        }
        repeats_itself = Some(trial.repeats_itself()?);
        for special in shuffled(trial.specials(), ready.seed) {
            progress("correctness", special.name());
            trial.verify(Some(special))?;
        }
        trial.verify_params(ready.plan)?;
        // What is left in variables of the module is gone now.
        trial.session.reload(ready.ptx.as_bytes())?;
    }
    trial.session.take_launches()?;
    if prepares {
        trial.prepare_params()?;
    }
    let prepared = trial.session.take_launches()?;
    trial.verify(None)?;
    let called = trial.session.take_launches()?;
    trial.verify_params(ready.plan)?;
    if depth.is_full() {
        trial.verify_other_params(ready.plan)?;
    }
    Ok(Seen {
        compared: trial.compared,
        worst_ratio: trial.worst_ratio,
        skipped: trial.skipped,
        not_propagated: trial.not_propagated,
        repeats_itself,
        prepared,
        called,
    })
}

/// What lies in a plan's parameters.
pub(super) fn contents<'t>(
    plan: &BoundPlan,
    task: &'t LoadedTask,
) -> Result<Vec<(usize, &'t [u8])>, HarnessError> {
    let mut contents = Vec::new();
    for (index, buffer) in plan.buffers.iter().enumerate() {
        if let Role::Param(key) = &buffer.role
            && let Some(param) = task.param_index(key)
        {
            let bytes = torch_bridge::bytes(&task.params[param])
                .map_err(HarnessError::python("reading a parameter"))?;
            contents.push((index, bytes));
        }
    }
    Ok(contents)
}

pub(super) fn note_finding(looked: &mut Attempt<'_>, ended: &Ended) {
    if let Ended::Found(finding) = ended {
        let diagnostics = &mut looked.report.diagnostics;
        diagnostics.insert("finding".to_owned(), json!(finding));
    }
}

/// Tells the report what was seen.
pub(super) fn note(looked: &mut Attempt<'_>, seen: &Seen) {
    looked.passed(
        "correctness",
        format!(
            "{} outputs compared, worst {:.2} of the tolerance",
            seen.compared, seen.worst_ratio
        ),
    );
    let checked = "no access out of bounds, race or read of what nobody has written";
    looked.passed("simulator", checked);
    if let Some(same) = seen.repeats_itself {
        let detail = if same {
            "the same bits for the same inputs"
        } else {
            "other bits for the same inputs, within the tolerance: atomics, perhaps"
        };
        looked
            .report
            .checks
            .push(check("deterministic", same, detail));
    }
    if !seen.not_propagated.is_empty() {
        looked.report.checks.push(check(
            "non_finite_values",
            false,
            format!(
                "infinities or NaN of the model are not reproduced on: {}",
                seen.not_propagated.join(", ")
            ),
        ));
    }
    for (name, value) in [
        ("tolerance_used", json!(seen.worst_ratio)),
        ("not_propagated", json!(seen.not_propagated)),
        ("special_skipped", json!(seen.skipped)),
    ] {
        looked.report.diagnostics.insert(name.to_owned(), value);
    }
}
