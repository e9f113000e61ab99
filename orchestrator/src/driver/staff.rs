//! What the agents beside the search are told, and what of their work is shown
//! to people.

use protocol::Split;
use serde_json::{Value, json};

use super::{Driver, DriverError, now_ms};
use crate::adapter::AdapterHistory;
use crate::core::budget::Ledger;
use crate::core::event::Body;
use crate::core::ids::ExperimentId;
use crate::core::rank;
use crate::core::staff::StaffEvent;
use crate::report::{self, milestone};
use crate::store::Batch;
use crate::tools;

impl Driver {
    /// What such an agent did, as it goes into the log. What people read of it
    /// is written before that.
    pub(super) fn of_staff(
        &self,
        what: StaffEvent,
        batch: &mut Batch,
    ) -> Result<StaffEvent, DriverError> {
        Ok(match what {
            StaffEvent::MilestoneWritten {
                number,
                agent,
                text: Body::Inline(text),
            } => {
                let words = text.as_str().unwrap_or_default();
                let document = milestone::document(&self.session.state, number, words);
                let path = self.session.layout.milestone(number);
                let folder = self.session.layout.reports();
                std::fs::create_dir_all(&folder).map_err(|source| DriverError::Folder {
                    path: folder.clone(),
                    source,
                })?;
                sandbox::fs::write_atomic(&path, document).map_err(|source| DriverError::View {
                    path,
                    source: Box::new(source),
                })?;
                StaffEvent::MilestoneWritten {
                    number,
                    agent,
                    text: batch.body(text),
                }
            }
            other => other,
        })
    }

    /// What a Reporter is told beside the rest.
    pub(super) fn for_reporter(&self) -> Value {
        let state = &self.session.state;
        let results: Vec<Value> = self.results().collect();
        let board: Vec<Value> = state
            .experiments
            .values()
            .map(|e| {
                let reason = (!e.reason.is_empty()).then_some(e.reason.as_str());
                json!({
                    "experiment": e.id.to_string(), "name": e.name, "task": e.task,
                    "state": e.state.word(), "reason": reason,
                })
            })
            .collect();
        json!({
            "milestone": state.staff.milestones.len() + 1,
            "results": results,
            "board": board,
            "leaderboard": self.standings(),
            "learnings": self.learnings(),
            "budget": self.budget_lines(),
        })
    }

    /// What one is told who takes up an experiment after its worker.
    pub(super) fn for_second_hand(&self, experiment: Option<ExperimentId>) -> Value {
        let state = &self.session.state;
        let mut told = self.for_searchers(experiment);
        if let Some(e) = experiment.and_then(|id| state.experiments.get(&id)) {
            let mut failure = tools::failure_json(state, e);
            // The one that begins now is not among them yet.
            let had = state.staff.fixers.get(&e.id).map_or(0, Vec::len);
            failure["attempt"] = json!(had + 1);
            told["failure"] = failure;
            let own = |row: &Value| row["experiment"] == json!(e.id.to_string());
            told["results"] = self.results().filter(own).collect();
        }
        told["leaderboard"] = json!(self.standings());
        told
    }

    fn standings(&self) -> Vec<Value> {
        let rows = rank::leaderboard(&self.session.state).rows;
        rows.into_iter()
            .map(|row| {
                json!({
                    "rank": row.rank, "experiment": row.experiment.to_string(), "name": row.name,
                    "task": row.task, "value": row.value,
                    "lo": row.ci.map_or(row.value, |ci| ci.lo()),
                    "hi": row.ci.map_or(row.value, |ci| ci.hi()),
                    "n": row.n, "split": Split::Select,
                })
            })
            .collect()
    }

    /// The verified numbers.
    fn results(&self) -> impl Iterator<Item = Value> {
        let metric = self.session.state.settings.as_ref().map(|s| &s.metric);
        let (name, unit) = metric.map_or(("", ""), |m| (m.name.as_str(), m.unit.as_str()));
        report::references(&self.session.state)
            .into_iter()
            .map(move |known| {
                let ci = known.ci;
                json!({
                    "reference": known.reference,
                    "experiment": known.experiment.to_string(),
                    "metric": name,
                    "value": known.value,
                    "unit": unit,
                    "lo": ci.map_or(known.value, |ci| ci.lo()),
                    "hi": ci.map_or(known.value, |ci| ci.hi()),
                    "split": known.split,
                    "verdict": "ok",
                })
            })
    }

    /// Limited budgets only: of the others nothing is left to say.
    fn budget_lines(&self) -> Vec<Value> {
        let budget = self.session.state.budget(now_ms());
        let line = |what: &str, unit: &str, ledger: Ledger| {
            let limit = ledger.limit?;
            Some(json!({
                "what": what, "unit": unit, "limit": limit, "spent": ledger.spent,
                "reserved": ledger.reserved, "left": ledger.left(),
            }))
        };
        [
            line("experiments", "experiments", budget.experiments),
            line("usd", "US dollars", budget.usd),
            line("tokens", "tokens", budget.tokens),
            line("wall_s", "seconds", budget.wall_s),
        ]
        .into_iter()
        .flatten()
        .collect()
    }

    /// What a Supervisor is told that a detector calls.
    pub(super) fn for_watch(&self) -> Value {
        let watched = &self.session.state.staff.watched;
        let alarms: Vec<Value> = watched
            .open
            .iter()
            .filter_map(|kind| watched.alarms.iter().rfind(|alarm| alarm.kind == *kind))
            .map(
                |alarm| json!({ "kind": alarm.kind, "detail": alarm.detail, "tasks": alarm.tasks }),
            )
            .collect();
        let history = AdapterHistory::open(&self.session.layout.adapter());
        let changes: Vec<Value> = history
            .iter()
            .flat_map(AdapterHistory::entries)
            .map(|entry| json!({ "number": entry.number, "file": entry.file, "why": entry.why }))
            .collect();
        json!({
            "domain": self.session.adapter.manifest.domain,
            "alarms": alarms,
            "changes": changes,
            "playbook": "",
        })
    }

    /// What an Auditor is told: the number of the experiment, and not what its
    /// makers say about it.
    pub(super) fn for_auditor(&self, experiment: Option<ExperimentId>) -> Value {
        let experiment = experiment.and_then(|id| self.session.state.experiments.get(&id));
        json!({
            "domain": self.session.adapter.manifest.domain,
            "experiment": experiment.map(|e| json!({ "id": e.id.to_string(), "task": e.task })),
            "playbook": "",
        })
    }
}
