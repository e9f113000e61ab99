//! A few tasks from end to end: the first template that fits, evaluated as a candidate of a
//! campaign is.

use protocol::Report;

use super::budget::Deadline;
use super::outcome::Case;
use super::{Tell, Tried};
use crate::checked::template_folder;
use crate::error::{HarnessError, chain};
use crate::evaluate::{Abort, Depth, Lab};

/// One of each family: rows that are reduced, elements, products, a middle dimension.
pub(super) const TASKS: [&str; 5] = ["gelu", "layer_norm", "matmul", "softmax", "sum_middle"];

/// Evaluates the tasks, or those of `only`.
pub(super) fn tasks(
    lab: &mut Lab,
    only: &[String],
    deadline: Deadline,
    tell: Tell<'_>,
) -> Vec<Case> {
    let wanted = |task: &&str| only.is_empty() || only.iter().any(|name| name == task);
    let cases = TASKS.into_iter().filter(wanted).map(|task| {
        let case = if deadline.has_passed() {
            Case::too_late(task)
        } else {
            let tried = Tried::begin();
            tried.end(task, evaluated(lab, task))
        };
        tell(&case.line());
        case
    });
    cases.collect()
}

/// Evaluates the first template that fits a task; the error is what is wrong.
fn evaluated(lab: &mut Lab, task: &str) -> Result<String, String> {
    let report = report(lab, task).map_err(|error| chain(&error))?;
    if !report.verdict.is_ok() {
        let word = report.verdict.word();
        return Err(format!("{word}: {}", report.verdict.reason()));
    }
    let metrics = report.metrics.iter();
    let metrics: Vec<String> = metrics
        .map(|(name, metric)| format!("{name} {:.3} {}", metric.value, metric.unit))
        .collect();
    Ok(format!("{}; {}", report.experiment, metrics.join(", ")))
}

fn report(lab: &mut Lab, task: &str) -> Result<Report, HarnessError> {
    let inspection = lab.inspect(task)?;
    let template = inspection
        .spaces
        .first()
        .ok_or_else(|| HarnessError::Task {
            task: task.to_owned(),
            problem: "no template fits it".to_owned(),
        })?;
    let dir = template_folder(task, &template.template)?;
    let abort = Abort::default();
    lab.look(dir.path(), Depth::Evaluate, None, &abort, &mut |_, _| {})
}
