//! Taking winners apart: experiments that undo one change each, made by code.

use protocol::Candidate;
use serde_json::Value;

use super::{Driver, DriverError};
use crate::core::ablation::{Ablation, Undone, undo};
use crate::core::board::BoardState;
use crate::core::event::{Actor, Event};
use crate::core::lineage::{Kind, Provenance};
use crate::core::points::Scales;
use crate::core::sketch::Sketch;
use crate::core::state::State;
use crate::store::Batch;
use crate::tools::slug;

impl Driver {
    /// Puts an experiment on the board for each parameter of the task's winner
    /// that is not at its default, as far as there is room.
    pub(super) fn ablate(&mut self, task: &str) -> Result<bool, DriverError> {
        let state = &self.session.state;
        let inspected = state.task(task).and_then(|task| task.inspected.as_ref());
        let inspection = match inspected {
            Some(inspected) => self.session.store.document(&inspected.document)?,
            None => Value::Null,
        };
        let scales = Scales::of(&inspection);
        let most = state.ablations_per_task();
        let mut left = state.left_for_ablations();
        let winner = state.winner(task);
        let Some((winner, (candidate, _))) =
            winner.and_then(|(e, _)| Some((e, e.candidate.as_ref()?)))
        else {
            return Err(DriverError::Stuck);
        };
        let tuned = match candidate {
            Candidate::Template { template, params } => scales.tuned(template, params),
            Candidate::Files { .. } => Vec::new(),
        };
        let mut plan = Ablation {
            task: task.to_owned(),
            of: Some(winner.id),
            undone: Vec::new(),
        };
        let mut batch = Batch::new();
        let mut next = state.next_experiment();
        for (param, value) in tuned.into_iter().take(most as usize) {
            let Some(without) = undo(candidate, &param, &value) else {
                continue;
            };
            let Candidate::Template { template, params } = &without else {
                continue;
            };
            let Ok(hash) = without.hash(task, |_| Err(())) else {
                continue;
            };
            let sketch = Sketch::of_point(scales.canonical(template, params));
            if let Some(experiment) = known(state, task, &sketch) {
                plan.undone.push(Undone {
                    param,
                    value,
                    experiment,
                });
                continue;
            }
            if left < 1.0 {
                continue;
            }
            left -= 1.0;
            batch.push(
                Actor::Harness,
                Event::ExperimentProposed {
                    experiment: next,
                    task: task.to_owned(),
                    name: slug(&format!("without-{param}")),
                    hypothesis: format!("with {param} = {value}, its default, it is worse"),
                    templates: vec![template.clone()],
                    by: None,
                    owner: None,
                    parent: Some(winner.id),
                    kind: Kind::Ablation,
                },
            );
            let provenance = Provenance {
                parent: Some(winner.id),
                sketch: Some(sketch),
                ..Provenance::default()
            };
            let provenance = self.with_change(&mut batch, next, &without, None, provenance)?;
            batch.push(
                Actor::Harness,
                Event::CandidateSubmitted {
                    experiment: next,
                    candidate: without,
                    hash,
                    agent: None,
                    call: None,
                    provenance: Box::new(provenance),
                },
            );
            batch.push(
                Actor::Harness,
                Event::Moved {
                    experiment: next,
                    from: BoardState::ToImplement,
                    to: BoardState::Implemented,
                    reason: String::new(),
                },
            );
            plan.undone.push(Undone {
                param,
                value,
                experiment: next,
            });
            next = next.next();
        }
        batch.push(
            Actor::Harness,
            Event::AblationPlanned {
                plan: Box::new(plan),
            },
        );
        self.append(batch)?;
        Ok(true)
    }
}

/// An experiment that has measured the same point.
fn known(state: &State, task: &str, sketch: &Sketch) -> Option<crate::core::ids::ExperimentId> {
    let candidates = state.index.tasks.get(task)?.candidates.iter();
    let found = candidates.filter_map(|id| state.experiments.get(id));
    let mut found = found.filter(|e| !e.attempts.is_empty());
    let same = found.find(|e| {
        let known = e.sketch.as_ref();
        known.is_some_and(|known| known.canonical == sketch.canonical)
    });
    same.map(|e| e.id)
}
