//! Candidates that are drawn at random, for the strategy that does nothing
//! else.

use protocol::{Candidate, Space};

use super::{Driver, DriverError};
use crate::core::board::BoardState;
use crate::core::event::{Actor, Event};
use crate::core::lineage::Kind;
use crate::model::builtin::at_random;
use crate::store::Batch;
use crate::tools::slug;

/// Draws after which a space counts as used up.
const MAX_DRAWS: u32 = 200;

impl Driver {
    /// Puts a candidate on the board that was not measured yet, or closes the
    /// task. The draw follows from the seed and from what was drawn before.
    pub(super) fn draw(&mut self, task: &str) -> Result<bool, DriverError> {
        // A draw that was decided at the same time may have closed it.
        let closed = |task: &crate::core::state::Task| task.closed.is_some();
        if self.session.state.task(task).is_none_or(closed) {
            return Ok(false);
        }
        self.read_spaces(task)?;
        let spaces = self.spaces.get(task).map_or(&[][..], Vec::as_slice);
        let state = &self.session.state;
        let seed = state.settings.as_ref().map_or(0, |s| s.seed);
        let index = state.index.tasks.get(task);
        let number = index.map_or(0, |index| index.proposed);
        let fresh = (0..MAX_DRAWS).find_map(|again| {
            let (template, params) = at_random(spaces, seed, task, number, again)?;
            let candidate = Candidate::template(template, params);
            let hash = candidate.hash(task, |_| Err(())).ok()?;
            let measured = index.is_some_and(|index| index.measured.contains_key(&hash));
            let waits = state.active_experiments().any(|e| {
                let known = e.candidate.as_ref();
                known.is_some_and(|(_, known)| *known == hash)
            });
            (!measured && !waits).then_some((candidate, hash))
        });
        let Some((candidate, hash)) = fresh else {
            self.record(Event::TaskClosed {
                task: task.to_owned(),
                reason: "nothing new was drawn any more".to_owned(),
            })?;
            return Ok(true);
        };
        let template = match &candidate {
            Candidate::Template { template, .. } => template.clone(),
            Candidate::Files { .. } => String::new(),
        };
        let experiment = state.next_experiment();
        let mut batch = Batch::new();
        let events = [
            Event::ExperimentProposed {
                experiment,
                task: task.to_owned(),
                name: slug(&template),
                hypothesis: "drawn at random".to_owned(),
                templates: vec![template],
                by: None,
                owner: None,
                parent: None,
                kind: Kind::Explore,
            },
            Event::CandidateSubmitted {
                experiment,
                candidate,
                hash,
                agent: None,
                call: None,
                provenance: Box::default(),
            },
            Event::Moved {
                experiment,
                from: BoardState::ToImplement,
                to: BoardState::Implemented,
                reason: String::new(),
            },
        ];
        for event in events {
            batch.push(Actor::Harness, event);
        }
        self.append(batch)?;
        Ok(true)
    }

    /// Reads a task's search spaces, once.
    fn read_spaces(&mut self, task: &str) -> Result<(), DriverError> {
        if !self.spaces.contains_key(task) {
            let inspected = self.session.state.task(task);
            let inspected = inspected.and_then(|task| task.inspected.as_ref());
            let document = match inspected {
                Some(inspected) => self.session.store.document(&inspected.document)?,
                None => serde_json::Value::Null,
            };
            let spaces: Vec<Space> =
                serde_json::from_value(document["spaces"].clone()).unwrap_or_default();
            self.spaces.insert(task.to_owned(), spaces);
        }
        Ok(())
    }
}
