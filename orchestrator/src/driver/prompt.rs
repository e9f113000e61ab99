//! What each role is told when it begins.

use std::path::Path;

use serde_json::{Map, Value, json};

use super::{Driver, DriverError, now_ms};
use crate::core::agent::{Role, Step};
use crate::core::event::Under;
use crate::core::ids::{AgentId, ExperimentId};
use crate::core::rounds::{Finder, Round};
use crate::explore::Plan;
use crate::tools::{self, Who, files::Workspace};

/// Most bytes of one text that a prompt quotes.
const QUOTED: usize = 16 << 10;
/// Lines that are read of a text at most.
const LINES: usize = 4000;

/// What an agent is started for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Purpose {
    pub(super) role: Role,
    pub(super) experiment: Option<ExperimentId>,
    pub(super) round: Option<u32>,
    pub(super) under: Option<Under>,
}

impl Driver {
    /// The prompt of a new agent.
    pub(super) fn prompt(&self, purpose: Purpose) -> Result<String, DriverError> {
        let mut context = self.basics(purpose.experiment);
        let more = match purpose.role {
            Role::Strategist => self.for_strategist(),
            Role::Worker => self.for_searchers(purpose.experiment),
            Role::Supervisor if self.session.state.phase >= 3 => self.for_watch(),
            Role::Supervisor => self.for_supervisor()?,
            Role::Explorer => self.for_explorer()?,
            Role::Builder => self.for_builder(purpose.round)?,
            Role::Critic | Role::Tester => self.for_reviewers()?,
            Role::Assistant => self.for_assistant(purpose.under)?,
            Role::Reporter => self.for_reporter(),
            Role::Auditor => self.for_auditor(purpose.experiment),
            Role::Fixer | Role::Analyst => self.for_second_hand(purpose.experiment),
        };
        let Value::Object(more) = more else {
            return Err(DriverError::Stuck);
        };
        context.extend(more);
        let leader = purpose.under.map(|under| under.agent);
        let who = Who::under(&self.session.state, purpose.role, leader);
        let tools: Vec<Value> = tools::all()
            .iter()
            .filter(|tool| tool.is_for(who))
            .map(|tool| json!({ "name": tool.name, "purpose": tool.description }))
            .collect();
        context.insert("tools".to_owned(), tools.into());
        Ok(self.session.adapter.prompt(purpose.role, context)?)
    }

    fn basics(&self, experiment: Option<ExperimentId>) -> Map<String, Value> {
        let state = &self.session.state;
        let mut context = Map::new();
        if let Some(settings) = &state.settings {
            context.insert("objective".to_owned(), settings.objective.clone().into());
            context.insert("device".to_owned(), settings.device.clone().into());
            context.insert("metric".to_owned(), json!(settings.metric));
            context.insert("policy".to_owned(), json!(settings.policy));
        }
        let full = state.settings.as_ref();
        let full = full.is_some_and(|settings| settings.strategy.has_strategist());
        let playbook = if full {
            let own = experiment.and_then(|id| state.experiments.get(&id));
            crate::report::told_of_playbook(state, own.map(|e| e.task.as_str()))
        } else {
            String::new()
        };
        context.insert("playbook".to_owned(), playbook.into());
        context
    }

    pub(super) fn for_searchers(&self, experiment: Option<ExperimentId>) -> Value {
        let state = &self.session.state;
        let experiment = experiment.and_then(|id| state.experiments.get(&id));
        let settings = state.settings.as_ref();
        let built = settings.is_some_and(|settings| settings.evaluation.is_some());
        json!({
            "evaluation": built.then(|| self.evaluation()),
            "learnings": if built { self.learnings() } else { String::new() },
            "python": if built { self.packages() } else { Vec::new() },
            "experiment": experiment.map(|e| json!({
                "id": e.id.to_string(),
                "task": e.task,
                "name": e.name,
                "hypothesis": e.hypothesis,
                "templates": e.templates,
            })),
        })
    }

    fn for_strategist(&self) -> Value {
        let state = &self.session.state;
        let policy = state.settings.as_ref().map(|s| s.policy.search);
        let stage = state.stage();
        let mut context = self.for_searchers(None);
        context["stage"] = json!({
            "name": stage.word(),
            "rule": stage.rule(&policy.unwrap_or_default()),
        });
        context
    }

    fn for_supervisor(&self) -> Result<Value, DriverError> {
        let resolved = self.session.state.adapter.as_ref();
        Ok(json!({
            "data": self.facts()?,
            "adapter": resolved.map(|r| json!({
                "name": r.name, "why": r.why, "drafted": r.drafted,
            })),
            "files": crate::adapter::FILES,
        }))
    }

    fn for_assistant(&self, under: Option<Under>) -> Result<Value, DriverError> {
        let under = under.ok_or(DriverError::Stuck)?;
        let arguments = self.arguments(under.agent, under.call);
        let task = tools::errand(&arguments).map_or_else(|_| String::new(), |(task, _)| task);
        Ok(json!({ "domain": self.session.adapter.manifest.domain, "task": task }))
    }

    /// The arguments of an open call.
    pub(super) fn arguments(&self, agent: AgentId, call: u32) -> Value {
        let session = &self.session;
        let run = session.state.agents.get(&agent).map(|agent| &agent.run);
        let Some(Step::CallTools(open)) = run.map(|run| run.next()) else {
            return Value::Null;
        };
        let found = open.iter().find(|open| open.number == call);
        found
            .and_then(|call| tools::arguments(&session.store, call).ok())
            .unwrap_or_default()
    }

    /// What an assistant may spend: its share of what is left now.
    pub(super) fn under(&self, agent: AgentId, call: u32) -> Under {
        let arguments = self.arguments(agent, call);
        // Calls that make no sense were answered before.
        let share = f64::from(tools::errand(&arguments).map_or(1, |(_, share)| share)) / 100.0;
        let budget = self.session.state.budget(now_ms());
        let of = |left: f64| left.is_finite().then_some(left * share);
        Under {
            agent,
            call,
            usd: of(budget.usd.left()),
            tokens: of(budget.tokens.left()).map(|tokens| tokens as u64),
        }
    }

    fn for_explorer(&self) -> Result<Value, DriverError> {
        let plan = match &self.session.state.plan {
            None => Vec::new(),
            Some(body) => {
                let text = self.session.store.document(body)?;
                let plan = Plan::parse(text.as_str().unwrap_or_default());
                let items = plan.items();
                items
                    .map(|item| json!({ "text": item.text, "done": item.done }))
                    .collect()
            }
        };
        Ok(json!({
            "data": self.facts()?,
            "plan": plan,
            "learnings": self.learnings(),
            "python": self.packages(),
        }))
    }

    fn for_builder(&self, round: Option<u32>) -> Result<Value, DriverError> {
        let settings = self.session.state.settings.as_ref();
        let evaluation = settings.and_then(|settings| settings.evaluation);
        let report: Vec<String> = ["schema.md", "statistics.md", "findings.md"]
            .iter()
            .map(|name| quoted(&self.session.layout.data_report(), name))
            .filter(|text| !text.is_empty())
            .collect();
        let faults: Vec<Value> = self
            .session
            .state
            .rounds
            .last()
            .into_iter()
            .flat_map(Round::faults)
            .map(|(by, fault): (Finder, _)| {
                json!({ "by": by.word(), "check": fault.check, "detail": fault.detail })
            })
            .collect();
        Ok(json!({
            "data": self.facts()?,
            "report": report.join("\n\n"),
            "learnings": self.learnings(),
            "contract": {
                "lab": null,
                "commands": commands(),
                "timeout_s": evaluation.map_or(60, |e| e.timeout_s),
            },
            "round": round.unwrap_or(1),
            "rounds": evaluation.map_or(1, |e| e.rounds),
            "findings": faults,
            "python": self.packages(),
        }))
    }

    fn for_reviewers(&self) -> Result<Value, DriverError> {
        let facts = self.facts()?;
        let folder = self.session.layout.evaluation();
        let names = crate::audit::table::files(&folder).unwrap_or_default();
        let files: Vec<Value> = names
            .keys()
            .take(20)
            .map(|name| {
                let name = name.to_string_lossy();
                json!({ "path": name, "text": quoted(&folder, &name) })
            })
            .collect();
        Ok(json!({
            "schema": facts["columns"],
            "evaluation": self.evaluation(),
            "files": files,
            "python": self.packages(),
        }))
    }

    /// How candidates are measured by an evaluation that agents have built.
    fn evaluation(&self) -> Value {
        let frozen = self.session.state.frozen.as_ref();
        json!({
            "measured_by": "the commands of the evaluation",
            "candidate": "predictions.csv, by a command of its own that sees public/ only",
            "splits": [
                { "name": "search", "rows": null, "purpose": "steers the campaign" },
                { "name": "select", "rows": null, "purpose": "decides between the best" },
                { "name": "sealed", "rows": null, "purpose": "opened once, at the end" },
            ],
            "rules": [],
            "hash": frozen.map(|(_, hash)| hash.short()),
        })
    }

    /// What is known about the data.
    fn facts(&self) -> Result<Value, DriverError> {
        Ok(match &self.session.state.adapter {
            Some(resolved) => self.session.store.document(&resolved.facts)?,
            None => json!(crate::adapter::DataFacts::default()),
        })
    }

    pub(super) fn learnings(&self) -> String {
        quoted(&self.session.layout.workspace(), "learnings.md")
    }

    fn packages(&self) -> Vec<String> {
        let bench = self.session.bench.as_ref();
        let mut packages = bench.map_or_else(Vec::new, |_| crate::explore::packages());
        let settings = self.session.state.settings.as_ref();
        let extras = settings.and_then(|settings| settings.python.as_ref());
        packages.extend(extras.iter().flat_map(|python| python.extras.clone()));
        packages
    }
}

/// The commands of an evaluation, as prompts name them.
fn commands() -> Value {
    let command =
        |name: &str, line: &str, sees: &str| json!({ "name": name, "line": line, "sees": sees });
    json!([
        command(
            "prepare",
            "python prepare.py --data DATA --out OUT --seed N",
            "trusted: the raw data"
        ),
        command(
            "run",
            "python run.py --public PUBLIC --split SPLIT --out ARTIFACTS",
            "the candidate's: public/ only"
        ),
        command(
            "score",
            "python score.py --inputs INPUTS --answers ANSWERS --artifacts ARTIFACTS",
            "trusted: inputs, answers and what the candidate wrote"
        ),
    ])
}

/// The start of a text in an agent's folder, wherever its links lead.
fn quoted(folder: &Path, name: &str) -> String {
    let found = Workspace::open(folder, &[])
        .and_then(|workspace| workspace.read(Path::new(name), 1, LINES));
    let text = found.map(|excerpt| excerpt.text).unwrap_or_default();
    let end = text.floor_char_boundary(QUOTED);
    if end < text.len() {
        format!("{}\n… (cut)", &text[..end])
    } else {
        text
    }
}
