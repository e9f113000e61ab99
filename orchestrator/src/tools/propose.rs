//! Proposing experiments, within the quotas of the stage.

use serde_json::{Value, json};

use super::answer::{Call, Reply};
use super::args::Propose;
use super::parse;
use super::submission::slug;
use crate::core::agent::AnswerStatus;
use crate::core::event::Event;
use crate::core::stages::Refused;
use crate::core::state::State;

impl Call<'_> {
    pub(super) fn propose(&self, now_ms: i64) -> Result<Reply, Reply> {
        let wanted: Propose = parse(&self.arguments)?;
        let task = self
            .state
            .task(&wanted.task)
            .ok_or_else(|| Reply::failed(format!("there is no task `{}`", wanted.task)))?;
        if let Some(reason) = &task.closed {
            return Err(Reply::failed(format!("the task is closed: {reason}")));
        }
        if let Some(reason) = self.state.staff.paused.get(&wanted.task) {
            return Err(Reply::failed(format!(
                "work on the task is paused: {reason}"
            )));
        }
        self.room(now_ms)?;
        let templates = &task.inspected.as_ref().map(|i| &i.templates);
        if let Some(unknown) = wanted
            .templates
            .iter()
            .find(|name| !templates.is_some_and(|known| known.contains(name)))
        {
            return Err(Reply::failed(format!(
                "template `{unknown}` does not fit the task"
            )));
        }
        self.state
            .admit(&wanted.task, wanted.kind, wanted.parent, &wanted.templates)
            .map_err(|refused| self.over_quota(&wanted.task, &refused))?;
        let experiment = self.state.next_experiment();
        let mut answer = json!({ "experiment": experiment });
        stagnation(self.state, &wanted.task, &mut answer);
        let event = Event::ExperimentProposed {
            experiment,
            task: wanted.task,
            name: slug(&wanted.name),
            hypothesis: wanted.hypothesis,
            templates: wanted.templates,
            by: Some(self.agent.id),
            owner: None,
            parent: wanted.parent,
            kind: wanted.kind,
        };
        Ok(Reply {
            events: vec![event],
            ..Reply::ok(answer)
        })
    }

    fn over_quota(&self, task: &str, refused: &Refused) -> Reply {
        let mut answer = json!({
            "error": format!("not admitted: {}", refused.why),
            "stage": self.state.stage_of(task),
            "allowed": refused.allowed,
        });
        stagnation(self.state, task, &mut answer);
        Reply {
            answer: Some((AnswerStatus::Failed, answer)),
            ..Reply::failed("")
        }
    }
}

/// Says so, beside an answer about a task on which nothing improves any more.
pub(super) fn stagnation(state: &State, task: &str, answer: &mut Value) {
    let progress = state.progress(task);
    let Some(made) = progress.and_then(|progress| progress.escape) else {
        return;
    };
    let settings = state.settings.as_ref();
    let most = settings.map_or(0, |settings| settings.policy.search.escape);
    answer["stagnated"] = json!(true);
    answer["note"] = json!(format!(
        "no significant improvement on `{task}` in {} experiments: explore what was not tried, in {} more \
         proposals; if that is in vain, the task has converged",
        progress.map_or(0, |progress| progress.since),
        most.saturating_sub(made),
    ));
    answer["untried"] = json!(state.untried(task).collect::<Vec<_>>());
}
