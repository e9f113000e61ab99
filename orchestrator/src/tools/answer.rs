//! Answering tool calls from the state.

use protocol::Candidate;
use serde_json::{Value, json};

use super::args::{Cancel, Files, Finish, Inspect, LabCandidate, Learn, ReadPlaybook};
use super::work::Work;
use super::work_args::{FinishExploration, FinishReview, FinishWork, UpdatePlan};
use super::{
    EffectClass, Who, find, hands, learn, lessons, limits, parse, phases, read, staff, watch,
};
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

    /// Not done, for this reason.
    pub fn failed(error: impl Into<String>) -> Self {
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
pub(super) struct Call<'a> {
    pub(super) state: &'a State,
    pub(super) agent: &'a Agent,
    pub(super) number: u32,
    tool: &'static super::Tool,
    pub(super) arguments: Value,
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
        let who = Who::of(state, agent);
        // Nobody is told of tools that the user lets nobody have.
        let offered = |tool: &&super::Tool| tool.effect != EffectClass::Web || who.web;
        let tool = find(name, agent.role).filter(offered).ok_or_else(|| {
            Reply::malformed(json!({ "error": format!("there is no tool `{name}`") }))
        })?;
        if !tool.is_for(who) {
            let role = agent.role.word();
            return Err(Reply::failed(format!("a {role} may not use `{name}`")));
        }
        let arguments = arguments(documents, call)?;
        limits::check(&tool.schema, &arguments)?;
        Ok(Self {
            state,
            agent,
            number,
            tool,
            arguments,
        })
    }

    /// The task a worker is on.
    pub(super) fn own_task(&self) -> Option<&'a str> {
        let experiment = self.state.experiments.get(&self.agent.experiment?)?;
        Some(experiment.task.as_str())
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
                    Role::Fixer | Role::Analyst => {
                        let given = board["assignment"].take();
                        board["assignment"] =
                            hands::second_hand(self.state, documents, self.agent, given)?;
                    }
                    Role::Reporter => board["assignment"] = staff::to_report(self.state),
                    // Whose work it is and what became of the rest is not its
                    // business.
                    Role::Auditor => {
                        let docket = staff::docket(self.state, documents, self.agent)?;
                        board = json!({
                            "schema": board["schema"], "metric": board["metric"],
                            "assignment": docket,
                        });
                    }
                    Role::Supervisor if self.state.phase >= 3 => {
                        board["assignment"] = watch::called_for(self.state, self.agent);
                    }
                    Role::Supervisor
                    | Role::Explorer
                    | Role::Builder
                    | Role::Critic
                    | Role::Tester
                    | Role::Assistant => {
                        board["assignment"] =
                            phases::assignment(self.state, documents, self.agent)?;
                    }
                }
                Ok(Reply::ok(board))
            }
            "read_leaderboard" => Ok(Reply::ok(read::leaderboard(self.state, self.agent))),
            "lab_inspect" => self.inspect(documents),
            "propose_experiment" => self.propose(now_ms),
            "cancel_experiment" => self.cancel(),
            "submit_experiment" => self.submit(documents, now_ms),
            "read_playbook" => {
                let wanted: ReadPlaybook = parse(&self.arguments)?;
                Ok(Reply::ok(lessons::page(self.state, &wanted)))
            }
            "update_playbook" => {
                let Learn { entries } = parse(&self.arguments)?;
                learn::add(self.state, self.agent.id, entries)
            }
            "update_plan" => {
                let wanted: UpdatePlan = parse(&self.arguments)?;
                phases::update_plan(self.state, documents, self.agent, &wanted)
            }
            "pause_work" => watch::pause(self.state, self.agent, parse(&self.arguments)?, true),
            "resume_work" => watch::pause(self.state, self.agent, parse(&self.arguments)?, false),
            "write_milestone" => {
                staff::write_milestone(self.state, self.agent, parse(&self.arguments)?)
            }
            "spawn_agent" => phases::assistant(self.state, documents, self.agent, self.number),
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
        if !read::sees(self.state, Some(self.agent), &task) {
            return Err(Reply::failed(format!("`{task}` is not your task")));
        }
        let Some(inspected) = &known.inspected else {
            let reason = known.closed.clone().unwrap_or_default();
            return Err(Reply::failed(format!("task `{task}`: {reason}")));
        };
        let mut document = documents
            .document(&inspected.document)
            .map_err(Reply::failed)?;
        if let Value::Object(fields) = &mut document {
            fields.insert("tried".to_owned(), read::tried(self.state, &task));
            let settings = self.state.settings.as_ref();
            // Baselines know what they did themselves, nothing else.
            if settings.is_some_and(|settings| settings.strategy.has_looks()) {
                fields.insert("measured".to_owned(), read::measured(self.state, &task));
            }
        }
        Ok(Reply::ok(document))
    }

    pub(super) fn room(&self, now_ms: i64) -> Result<(), Reply> {
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

    pub(super) fn experiment(&self, id: ExperimentId) -> Result<&Experiment, Reply> {
        self.state
            .experiments
            .get(&id)
            .ok_or_else(|| Reply::failed(format!("there is no experiment {id}")))
    }

    /// The end of a run, in the form that the role has.
    fn end(&self, documents: &dyn Documents) -> Result<Reply, Reply> {
        match self.agent.role {
            Role::Strategist | Role::Worker => self.finish(),
            Role::Fixer => hands::finish_repair(self.agent, parse(&self.arguments)?),
            Role::Analyst => hands::finish_analysis(self.agent, parse(&self.arguments)?),
            Role::Auditor => {
                let finish = parse(&self.arguments)?;
                staff::finish_audit(self.state, documents, self.agent, finish)
            }
            Role::Supervisor | Role::Builder | Role::Assistant | Role::Reporter => {
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
