//! Answering tool calls from the state.

use protocol::{Candidate, Split};
use serde_json::{Value, json};

use super::args::{Cancel, Files, Finish, Inspect, LabCandidate, Learn, Propose, Submit};
use super::work::Work;
use super::work_args::{FinishExploration, FinishReview, FinishWork, UpdatePlan};
use super::{EffectClass, find, learn, parse, phases, read};
use crate::core::agent::{AnswerStatus, Arguments, NumberedCall, Role, Step};
use crate::core::board::{BoardState, RESERVES};
use crate::core::event::{Body, Event};
use crate::core::ids::{AgentId, ExperimentId};
use crate::core::state::{Agent, Experiment, State};

/// Reads documents that events refer to.
pub trait Documents {
    /// The document, or why it can't be read.
    fn document(&self, body: &Body) -> Result<Value, String>;
}

/// What a tool call comes to: events, then the answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Reply {
    /// What happens because of the call.
    pub events: Vec<Event>,
    /// The answer; none while the call waits for something.
    pub answer: Option<(AnswerStatus, Value)>,
    /// Files to be written before the events are true: the name of an
    /// experiment's folder, and what goes there.
    pub files: Option<Box<(String, Files)>>,
}

impl Reply {
    pub(super) fn ok(value: Value) -> Self {
        Self {
            events: Vec::new(),
            answer: Some((AnswerStatus::Ok, value)),
            files: None,
        }
    }

    pub(super) fn failed(error: impl Into<String>) -> Self {
        Self {
            events: Vec::new(),
            answer: Some((AnswerStatus::Failed, json!({ "error": error.into() }))),
            files: None,
        }
    }

    pub(super) fn malformed(value: Value) -> Self {
        Self {
            events: Vec::new(),
            answer: Some((AnswerStatus::Malformed, value)),
            files: None,
        }
    }
}

/// What the lab is asked because of a tool call.
#[derive(Clone, Debug, PartialEq)]
pub enum LabRequest {
    /// The static check.
    Check(Candidate, Files),
    /// A quick look.
    Try(Candidate, Files),
}

/// An open call with everything around it.
struct Call<'a> {
    state: &'a State,
    agent: &'a Agent,
    number: u32,
    tool: &'static super::Tool,
    arguments: Value,
}

impl<'a> Call<'a> {
    /// Finds the call and checks that its agent may make it.
    fn find(
        state: &'a State,
        documents: &dyn Documents,
        agent: AgentId,
        number: u32,
    ) -> Result<Self, Reply> {
        let agent = state
            .agents
            .get(&agent)
            .ok_or_else(|| Reply::failed("no such agent"))?;
        let call = open_call(agent, number).ok_or_else(|| Reply::failed("no such call"))?;
        let name = call.requested.tool.as_str();
        let tool = find(name, agent.role).ok_or_else(|| {
            Reply::malformed(json!({ "error": format!("there is no tool `{name}`") }))
        })?;
        if !tool.roles.contains(&agent.role) {
            let role = agent.role.word();
            return Err(Reply::failed(format!("a {role} may not use `{name}`")));
        }
        let arguments = arguments(documents, call)?;
        Ok(Self {
            state,
            agent,
            number,
            tool,
            arguments,
        })
    }

    /// The task a worker is on.
    fn own_task(&self) -> Option<&'a str> {
        let experiment = self.state.experiments.get(&self.agent.experiment?)?;
        Some(experiment.task.as_str())
    }
}

/// Most files of one candidate, and most bytes of all of them.
const MAX_FILES: usize = 8;
const MAX_BYTES: usize = 1 << 20;

/// A candidate of an agent's own files, whose names can't lead anywhere.
fn own_files(files: &Files) -> Result<Candidate, Reply> {
    let bytes: usize = files.values().map(String::len).sum();
    if files.is_empty() || files.len() > MAX_FILES || bytes > MAX_BYTES {
        return Err(Reply::failed(format!(
            "give a template, or 1 to {MAX_FILES} files of together at most {MAX_BYTES} bytes"
        )));
    }
    let plain = |name: &str| {
        name.chars()
            .all(|c| c.is_ascii_alphanumeric() || "._-".contains(c))
            && name.starts_with(|c: char| c.is_ascii_alphanumeric())
            && name != "experiment.json"
    };
    match files.keys().find(|name| !plain(name)) {
        Some(name) => Err(Reply::failed(format!(
            "`{name}` is no name for a candidate's file: letters, digits, `.`, `_`, `-`"
        ))),
        None => Ok(Candidate::Files {
            files: files.keys().map(Into::into).collect(),
        }),
    }
}

fn open_call(agent: &Agent, number: u32) -> Option<&NumberedCall> {
    match agent.run.next() {
        Step::CallTools(calls) => calls.iter().find(|call| call.number == number),
        Step::CallModel { .. } | Step::Done(_) => None,
    }
}

/// The arguments of a call, from wherever they are.
pub fn arguments(documents: &dyn Documents, call: &NumberedCall) -> Result<Value, Reply> {
    match &call.requested.arguments {
        Arguments::Json(value) => Ok(value.clone()),
        Arguments::Stored(hash) => documents
            .document(&Body::Blob(hash.clone()))
            .map_err(Reply::failed),
        Arguments::Malformed(_) => Err(Reply::malformed(
            json!({ "error": "the arguments are not a JSON document" }),
        )),
    }
}

/// Answers a call that needs no lab.
pub fn answer(
    state: &State,
    documents: &dyn Documents,
    agent: AgentId,
    number: u32,
    now_ms: i64,
) -> Reply {
    Call::find(state, documents, agent, number)
        .and_then(|call| call.answer(documents, now_ms))
        .unwrap_or_else(|refusal| refusal)
}

/// What the lab is to be asked for a call, or the answer if it isn't.
pub fn before_lab(
    state: &State,
    documents: &dyn Documents,
    agent: AgentId,
    number: u32,
    now_ms: i64,
) -> Result<(String, LabRequest), Reply> {
    let call = Call::find(state, documents, agent, number)?;
    let candidate: LabCandidate = parse(&call.arguments)?;
    let task = call
        .own_task()
        .ok_or_else(|| Reply::failed("you have no task"))?;
    let files = candidate.files.clone();
    let candidate = call.candidate(task, candidate)?;
    if call.tool.name == "lab_check" {
        return Ok((task.to_owned(), LabRequest::Check(candidate, files)));
    }
    if read::tries_left(state, call.agent, now_ms) == 0 {
        let mut reply = Reply::failed("no quick look is left: submit your best or finish");
        if let Some((_, Value::Object(body))) = &mut reply.answer {
            body.insert("tries_left".to_owned(), json!(0));
        }
        return Err(reply);
    }
    Ok((task.to_owned(), LabRequest::Try(candidate, files)))
}

/// What is to be done in an agent's folders for a call, or the answer if
/// nothing is.
pub fn before_work(
    state: &State,
    documents: &dyn Documents,
    agent: AgentId,
    number: u32,
) -> Result<Work, Reply> {
    let call = Call::find(state, documents, agent, number)?;
    Work::of(call.tool.name, &call.arguments)
}

impl Call<'_> {
    fn answer(&self, documents: &dyn Documents, now_ms: i64) -> Result<Reply, Reply> {
        match self.tool.name {
            "read_board" => {
                let mut board = read::board(self.state, Some(self.agent), now_ms);
                match self.agent.role {
                    Role::Strategist | Role::Worker => {}
                    Role::Supervisor
                    | Role::Explorer
                    | Role::Builder
                    | Role::Critic
                    | Role::Tester => {
                        board["assignment"] =
                            phases::assignment(self.state, documents, self.agent)?;
                    }
                }
                Ok(Reply::ok(board))
            }
            "read_leaderboard" => Ok(Reply::ok(read::leaderboard(self.state))),
            "lab_inspect" => self.inspect(documents),
            "propose_experiment" => self.propose(now_ms),
            "cancel_experiment" => self.cancel(),
            "submit_experiment" => self.submit(now_ms),
            "update_playbook" => {
                let Learn { entries } = parse(&self.arguments)?;
                learn::add(self.state, self.agent.id, entries)
            }
            "update_plan" => {
                let wanted: UpdatePlan = parse(&self.arguments)?;
                phases::update_plan(self.state, documents, self.agent, wanted)
            }
            "finish" => self.end(documents),
            name => Err(Reply::failed(format!(
                "`{name}` can't be answered here ({:?})",
                EffectClass::Lab
            ))),
        }
    }

    fn inspect(&self, documents: &dyn Documents) -> Result<Reply, Reply> {
        let Inspect { task } = parse(&self.arguments)?;
        let known = self
            .state
            .task(&task)
            .ok_or_else(|| Reply::failed(format!("there is no task `{task}`")))?;
        let Some(inspected) = &known.inspected else {
            let reason = known.closed.clone().unwrap_or_default();
            return Err(Reply::failed(format!("task `{task}`: {reason}")));
        };
        let mut document = documents
            .document(&inspected.document)
            .map_err(Reply::failed)?;
        if let Value::Object(fields) = &mut document {
            fields.insert("tried".to_owned(), read::tried(self.state, &task));
        }
        Ok(Reply::ok(document))
    }

    fn propose(&self, now_ms: i64) -> Result<Reply, Reply> {
        let wanted: Propose = parse(&self.arguments)?;
        let task = self
            .state
            .task(&wanted.task)
            .ok_or_else(|| Reply::failed(format!("there is no task `{}`", wanted.task)))?;
        if let Some(reason) = &task.closed {
            return Err(Reply::failed(format!("the task is closed: {reason}")));
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
        let experiment = self.state.next_experiment();
        let event = Event::ExperimentProposed {
            experiment,
            task: wanted.task,
            name: slug(&wanted.name),
            hypothesis: wanted.hypothesis,
            templates: wanted.templates,
            by: self.agent.id,
            owner: None,
        };
        Ok(Reply {
            events: vec![event],
            ..Reply::ok(json!({ "experiment": experiment }))
        })
    }

    fn room(&self, now_ms: i64) -> Result<(), Reply> {
        let left = self.state.budget(now_ms).experiments.left();
        if left < 1.0 {
            Err(Reply::failed(
                "the budget has no room for another experiment",
            ))
        } else {
            Ok(())
        }
    }

    fn cancel(&self) -> Result<Reply, Reply> {
        let Cancel { experiment, reason } = parse(&self.arguments)?;
        let found = self.experiment(experiment)?;
        if found.owner.is_some() || !RESERVES.contains(&found.state) {
            let state = found.state.word();
            return Err(Reply::failed(format!("it is {state} and taken up already")));
        }
        Ok(Reply {
            events: vec![Event::Moved {
                experiment,
                from: found.state,
                to: BoardState::Cancelled,
                reason,
            }],
            ..Reply::ok(json!({ "cancelled": experiment }))
        })
    }

    fn experiment(&self, id: ExperimentId) -> Result<&Experiment, Reply> {
        self.state
            .experiments
            .get(&id)
            .ok_or_else(|| Reply::failed(format!("there is no experiment {id}")))
    }

    /// The first time: hands the candidate in. Once the result is there: says
    /// what it is.
    fn submit(&self, now_ms: i64) -> Result<Reply, Reply> {
        let waiting = (self.agent.id, self.number);
        let done = self
            .state
            .experiments
            .values()
            .find(|e| e.waiting == Some(waiting));
        if let Some(experiment) = done {
            return Ok(Reply::ok(self.outcome(experiment, now_ms)));
        }
        let wanted: Submit = parse(&self.arguments)?;
        let task = self
            .own_task()
            .ok_or_else(|| Reply::failed("you have no task"))?;
        let label = wanted.template.clone().unwrap_or("source".to_owned());
        let files = wanted.files.clone();
        let candidate = self.candidate(
            task,
            LabCandidate {
                template: wanted.template,
                params: wanted.params,
                files: wanted.files,
            },
        )?;
        let hash = candidate.hash(task, |path| {
            path.to_str()
                .and_then(|name| files.get(name))
                .map(|text| text.as_bytes().to_vec())
                .ok_or_else(|| Reply::failed(format!("no file `{}`", path.display())))
        })?;
        if let Some(twin) = self.state.experiments_on(task).find(|e| {
            e.candidate
                .as_ref()
                .is_some_and(|(_, known)| *known == hash)
                && !e.attempts.is_empty()
        }) {
            let error = format!("experiment {} had the same candidate", twin.id);
            return Err(Reply {
                events: Vec::new(),
                answer: Some((
                    AnswerStatus::Failed,
                    json!({ "error": error, "twin": twin.id }),
                )),
                files: None,
            });
        }
        let mut events = Vec::new();
        let (experiment, name) = if let Some(id) = wanted.experiment {
            let found = self.experiment(id)?;
            if found.owner != Some(self.agent.id) || found.state != BoardState::ToImplement {
                let state = found.state.word();
                return Err(Reply::failed(format!(
                    "experiment {id} is {state}, or not yours"
                )));
            }
            (id, found.name.clone())
        } else {
            self.room(now_ms)?;
            // Another finalist must leave time to measure the winner again.
            let pace = self.state.pace();
            let left_s = self.state.budget(now_ms).wall_s.left();
            if left_s < pace.evaluate_s + pace.remeasure_s {
                return Err(Reply::failed("no time is left for another experiment"));
            }
            let id = self.state.next_experiment();
            events.push(Event::ExperimentProposed {
                experiment: id,
                task: task.to_owned(),
                name: slug(&label),
                hypothesis: "another finalist of the same search".to_owned(),
                templates: match &candidate {
                    Candidate::Template { template, .. } => vec![template.clone()],
                    Candidate::Files { .. } => Vec::new(),
                },
                by: self.agent.id,
                owner: Some(self.agent.id),
            });
            (id, slug(&label))
        };
        events.push(Event::CandidateSubmitted {
            experiment,
            candidate,
            hash,
            agent: self.agent.id,
            call: self.number,
        });
        events.push(Event::Moved {
            experiment,
            from: BoardState::ToImplement,
            to: BoardState::Implemented,
            reason: String::new(),
        });
        let folder = format!("{experiment}-{name}");
        Ok(Reply {
            events,
            answer: None,
            files: (!files.is_empty()).then(|| Box::new((folder, files))),
        })
    }

    fn outcome(&self, e: &Experiment, now_ms: i64) -> Value {
        let mut result = json!({
            "experiment": e.id,
            "state": e.state.word(),
            "budget_left": read::finite(self.state.budget(now_ms).experiments.left()),
        });
        match e.last(Split::Search) {
            Some(attempt) => {
                result["result"] = read::score(&attempt.measurement.score);
            }
            None => result["reason"] = json!(e.reason),
        }
        result
    }

    /// A candidate from a template that fits the task.
    fn candidate(&self, task: &str, wanted: LabCandidate) -> Result<Candidate, Reply> {
        let LabCandidate {
            template,
            params,
            files,
        } = wanted;
        let Some(template) = template else {
            return own_files(&files);
        };
        if !files.is_empty() {
            return Err(Reply::failed(
                "give a template or files of your own, not both",
            ));
        }
        let fits = self
            .state
            .task(task)
            .and_then(|task| task.inspected.as_ref())
            .is_some_and(|inspected| inspected.templates.contains(&template));
        if fits {
            Ok(Candidate::Template { template, params })
        } else {
            Err(Reply::failed(format!(
                "template `{template}` does not fit task `{task}`"
            )))
        }
    }

    /// The end of a run, in the form that the role has.
    fn end(&self, documents: &dyn Documents) -> Result<Reply, Reply> {
        match self.agent.role {
            Role::Strategist | Role::Worker => self.finish(),
            Role::Supervisor | Role::Builder => {
                let finish: FinishWork = parse(&self.arguments)?;
                Ok(phases::finish_work(self.agent, finish))
            }
            Role::Explorer => {
                let finish: FinishExploration = parse(&self.arguments)?;
                phases::finish_exploration(self.state, documents, &finish)
            }
            Role::Critic | Role::Tester => {
                let finish: FinishReview = parse(&self.arguments)?;
                phases::finish_review(self.agent, finish)
            }
        }
    }

    fn finish(&self) -> Result<Reply, Reply> {
        let Finish { summary, close } = parse(&self.arguments)?;
        if !close.is_empty() && self.agent.role != Role::Strategist {
            return Err(Reply::failed("only a strategist closes tasks"));
        }
        let mut events = Vec::new();
        for wanted in close {
            let open = self
                .state
                .task(&wanted.task)
                .is_some_and(|task| task.closed.is_none());
            let named_before = events.iter().any(
                |event| matches!(event, Event::TaskClosed { task, .. } if *task == wanted.task),
            );
            if open && !named_before {
                events.push(Event::TaskClosed {
                    task: wanted.task,
                    reason: wanted.reason,
                });
            }
        }
        Ok(Reply {
            events,
            answer: Some((AnswerStatus::Ends, json!({ "summary": summary }))),
            files: None,
        })
    }
}

/// A name fit for a folder: lower case, digits, `-` and `_`, at most 40.
fn slug(name: &str) -> String {
    let mut slug: String = name
        .chars()
        .map(|c| c.to_ascii_lowercase())
        .map(|c| {
            if c.is_ascii_alphanumeric() || c == '_' {
                c
            } else {
                '-'
            }
        })
        .take(40)
        .collect();
    if slug.trim_matches('-').is_empty() {
        "experiment".clone_into(&mut slug);
    }
    slug
}

#[cfg(test)]
mod tests {
    use super::slug;

    #[test]
    fn names_become_folders() {
        assert_eq!(slug("Tune Softmax/../x"), "tune-softmax----x");
        assert_eq!(slug("//"), "experiment");
        assert_eq!(slug(&"a".repeat(99)).len(), 40);
    }
}
