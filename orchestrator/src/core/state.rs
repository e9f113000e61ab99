//! What is true of a campaign now: the fold of its events.

use std::collections::{BTreeMap, BTreeSet};

use protocol::{Candidate, ContentHash, Split};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::ablation::Ablation;
use super::agent::{AgentRun, Role};
use super::board::BoardState;
use super::budget::{Amount, Budget, Ledger, SessionClock};
use super::credit::Credits;
use super::event::{
    Baseline, Body, EffectKey, FinishReason, FrozenTask, Measurement, Score, Under,
};
use super::ids::{AgentId, ExperimentId, TryId};
use super::index::Index;
use super::lineage::{Change, Kind};
use super::playbook::{Entry, Origin};
use super::rounds::Round;
use super::sealed::Opened;
use super::settings::Settings;
use super::significance::Significance;
use super::sketch::Sketch;
use super::staff::{Ruling, StaffState, Verdict};
use super::steer::Steering;

/// Whether a campaign goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunState {
    /// No event yet.
    New,
    /// An orchestrator drives it, or died while it did.
    Running,
    /// Let go of; can be resumed.
    Stopped,
    /// Over.
    Finished(FinishReason),
}

impl RunState {
    /// The word used in JSON and tables.
    pub fn word(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Running => "running",
            Self::Stopped => "stopped",
            Self::Finished(_) => "finished",
        }
    }
}

/// One task.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Task {
    /// Its name.
    pub name: String,
    /// What the lab found.
    pub inspected: Option<Inspected>,
    /// Why it gets no more work.
    pub closed: Option<String>,
}

/// What the lab found about a task.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Inspected {
    /// Hash of the task's files.
    pub source: ContentHash,
    /// Hash of the document.
    pub hash: ContentHash,
    /// The lab's inspection.
    pub document: Body,
    /// Templates that fit.
    pub templates: Vec<String>,
    /// Whether wrong answers fail on it, where the lab says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quality: Option<String>,
}

/// One quick look.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Try {
    /// Its number.
    pub id: TryId,
    /// By whom.
    pub agent: AgentId,
    /// On which task.
    pub task: String,
    /// Of what.
    pub candidate: Candidate,
    /// What came of it.
    pub score: Score,
}

/// One attempt at an experiment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Attempt {
    /// Number, from 1.
    pub number: u32,
    /// When it was settled, milliseconds since the epoch.
    pub at_ms: i64,
    /// What was measured.
    pub measurement: Measurement,
}

/// One entry of the board.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Experiment {
    /// Its number.
    pub id: ExperimentId,
    /// Its task.
    pub task: String,
    /// Short name.
    pub name: String,
    /// What is expected and why.
    pub hypothesis: String,
    /// Templates to look at; all that fit, if empty.
    pub templates: Vec<String>,
    /// Who works on it.
    pub owner: Option<AgentId>,
    /// Where it is on the board.
    pub state: BoardState,
    /// Why it is there, where it isn't obvious.
    pub reason: String,
    /// How often it has been to `fix`.
    pub fixes: u32,
    /// Verdict of the last check was good.
    pub checked: bool,
    /// What was handed in, with its hash.
    pub candidate: Option<(Candidate, ContentHash)>,
    /// The call that waits for the result.
    pub waiting: Option<(AgentId, u32)>,
    /// Its measurements.
    pub attempts: Vec<Attempt>,
    /// Who has worked on it before its owner.
    pub former: Vec<AgentId>,
    /// What its Auditor said.
    pub ruling: Option<Ruling>,
    /// The experiment it goes on from.
    pub parent: Option<ExperimentId>,
    /// What kind of step it is.
    pub kind: Kind,
    /// What it changes against its parent.
    pub change: Option<Change>,
    /// What its candidate is compared with others by.
    pub sketch: Option<Sketch>,
    /// The experiment that it only repeats, on purpose.
    pub replicates: Option<ExperimentId>,
}

impl Experiment {
    /// Name of its folder below `experiments/`.
    pub fn folder(&self) -> String {
        format!("{}-{}", self.id, self.name)
    }

    /// Whether it counts as spent: it has run, or is running.
    pub fn is_spent(&self) -> bool {
        !self.attempts.is_empty() || self.state == BoardState::Running
    }

    /// Its last measurement on `split`.
    pub fn last(&self, split: Split) -> Option<&Attempt> {
        self.attempts
            .iter()
            .rev()
            .find(|attempt| attempt.measurement.split == split)
    }

    /// The ruling that it must not count, if there is one.
    pub fn demoted(&self) -> Option<&Ruling> {
        let ruling = self.ruling.as_ref();
        ruling.filter(|ruling| ruling.verdict == Verdict::Demote)
    }

    /// Its verified number on `split`; none once an Auditor has demoted it.
    pub fn verified(&self, split: Split) -> Option<f64> {
        if self.demoted().is_some() {
            return None;
        }
        self.last(split)?.measurement.score.verified()
    }
}

/// One agent.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Agent {
    /// Its number.
    pub id: AgentId,
    /// Its role.
    pub role: Role,
    /// The experiment it was started for.
    pub experiment: Option<ExperimentId>,
    /// The round of phase 2 it works in.
    pub round: Option<u32>,
    /// For whom it works, if it is an assistant.
    pub under: Option<Under>,
    /// The model that plays it.
    pub model: String,
    /// Whether its model could not go on.
    pub let_down: bool,
    /// What it said when it finished.
    pub last_words: Option<Body>,
    /// Its prompt.
    pub prompt: Body,
    /// Running time of the campaign after which it may take no more looks.
    pub tries_until_wall_s: Option<f64>,
    /// Quick looks taken.
    pub tries: u32,
    /// Experiments it has put on the board.
    pub proposed: u32,
    /// What its turns have cost.
    pub paid: Amount,
    /// Reservations of its turns that were cut off.
    pub unsettled: Amount,
    /// The conversation.
    pub run: AgentRun,
}

impl Agent {
    /// True until the run is over.
    pub fn is_live(&self) -> bool {
        self.run.ending().is_none()
    }
}

/// The adapter, and what it was chosen by.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Resolved {
    /// Its name.
    pub name: String,
    /// Why this one.
    pub why: String,
    /// Whether it was written for this campaign.
    pub drafted: bool,
    /// What is known about the data.
    pub facts: Body,
    /// What the data was profiled to be, if it was.
    pub profile: Option<Body>,
}

/// How often an act failed, and when it may be tried again.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failures {
    /// Times it failed.
    pub count: u32,
    /// When it failed first, milliseconds since the epoch.
    pub since_ms: i64,
    /// When to try again, milliseconds since the epoch; never, if absent.
    pub retry_at_ms: Option<i64>,
    /// What happened last.
    pub error: String,
}

/// Everything true of a campaign.
#[derive(Clone, Debug, PartialEq)]
pub struct State {
    /// Place of the last event.
    pub seq: u64,
    /// Running time.
    pub clock: SessionClock,
    /// Whether it goes on.
    pub run: RunState,
    /// What it was started with.
    pub settings: Option<Settings>,
    /// Phase under way.
    pub phase: u8,
    /// The adapter; absent where the run named it.
    pub adapter: Option<Resolved>,
    /// Changes of the adapter.
    pub patches: u32,
    /// The plan of the exploration.
    pub plan: Option<Body>,
    /// Rounds of building an evaluation.
    pub rounds: Vec<Round>,
    /// The lab's name and version.
    pub lab: Option<(String, String)>,
    /// The evaluation, once frozen.
    pub frozen: Option<(Vec<FrozenTask>, ContentHash)>,
    /// The best trivial prediction, if the frozen evaluation has scored one.
    pub measured: Option<Baseline>,
    /// The tasks, in the order of the settings.
    pub tasks: Vec<Task>,
    /// The board.
    pub experiments: BTreeMap<ExperimentId, Experiment>,
    /// All agents.
    pub agents: BTreeMap<AgentId, Agent>,
    /// All quick looks.
    pub tries: BTreeMap<TryId, Try>,
    /// Acts that have begun and not come to an outcome.
    pub intents: BTreeSet<EffectKey>,
    /// Acts that have failed so far.
    pub failures: BTreeMap<EffectKey, Failures>,
    /// What was learned, as it was written; see [`super::playbook::lessons`]
    /// for how it stands.
    pub playbook: Vec<Entry>,
    /// The campaign whose playbook was taken over.
    pub carried: Option<Origin>,
    /// Winners that were taken apart.
    pub ablations: Vec<Ablation>,
    /// What paid calls have cost.
    pub paid: Amount,
    /// Reservations of paid calls that were cut off: their cost isn't known.
    pub unsettled: Amount,
    /// Reservations of paid calls under way.
    pub reserved: BTreeMap<EffectKey, Amount>,
    /// Whether a call was refused because it could have overrun a limit.
    pub refused: bool,
    /// What persons have asked for.
    pub steering: Steering,
    /// Which improvements are more than noise.
    pub significance: Significance,
    /// The sealed split, once it is open.
    pub sealed: Option<Opened>,
    /// The event at which a campaign that this one was forked from had opened
    /// its sealed split.
    pub sealed_elsewhere: Option<u64>,
    /// What the agents beside the search have done.
    pub staff: StaffState,
    /// Models that can't be used in this session, and why not.
    pub models_out: BTreeMap<String, String>,
    /// Who has improved what by how much.
    pub credits: Credits,
    /// What follows from the rest.
    pub index: Index,
}

impl Default for State {
    fn default() -> Self {
        Self {
            seq: 0,
            clock: SessionClock::default(),
            run: RunState::New,
            settings: None,
            phase: 0,
            adapter: None,
            patches: 0,
            plan: None,
            rounds: Vec::new(),
            lab: None,
            frozen: None,
            measured: None,
            tasks: Vec::new(),
            experiments: BTreeMap::new(),
            agents: BTreeMap::new(),
            tries: BTreeMap::new(),
            intents: BTreeSet::new(),
            failures: BTreeMap::new(),
            playbook: Vec::new(),
            carried: None,
            ablations: Vec::new(),
            paid: Amount::default(),
            unsettled: Amount::default(),
            reserved: BTreeMap::new(),
            refused: false,
            steering: Steering::default(),
            significance: Significance::default(),
            sealed: None,
            sealed_elsewhere: None,
            staff: StaffState::default(),
            models_out: BTreeMap::new(),
            credits: Credits::default(),
            index: Index::default(),
        }
    }
}

impl State {
    /// What the search for an experiment's candidate has cost in US dollars:
    /// the turns of those who worked on it, of each shared evenly between all
    /// that it worked on.
    pub fn cost_usd(&self, experiment: &Experiment) -> f64 {
        let hands = experiment.former.iter().chain(&experiment.owner);
        hands
            .filter_map(|id| self.agents.get(id))
            .map(|agent| {
                let had =
                    |e: &&Experiment| e.owner == Some(agent.id) || e.former.contains(&agent.id);
                let owned = self.experiments.values().filter(had).count();
                agent.paid.usd / owned.max(1) as f64
            })
            .sum()
    }

    /// A task by name.
    pub fn task(&self, name: &str) -> Option<&Task> {
        self.tasks.iter().find(|task| task.name == name)
    }

    /// Experiments on one task.
    pub fn experiments_on<'a>(&'a self, task: &'a str) -> impl Iterator<Item = &'a Experiment> {
        self.experiments.values().filter(move |e| e.task == task)
    }

    /// Quick looks at one task.
    pub fn tries_on<'a>(&'a self, task: &'a str) -> impl Iterator<Item = &'a Try> {
        self.tries.values().filter(move |t| t.task == task)
    }

    /// Agents that have not ended.
    pub fn live_agents(&self) -> impl Iterator<Item = &Agent> {
        let live = self.index.live.iter();
        live.filter_map(|id| self.agents.get(id))
    }

    /// Experiments to which something can still happen.
    pub fn active_experiments(&self) -> impl Iterator<Item = &Experiment> {
        let active = self.index.active.iter();
        active.filter_map(|id| self.experiments.get(id))
    }

    /// The experiment whose result a call waits for.
    pub fn awaited(&self, agent: AgentId, call: u32) -> Option<&Experiment> {
        self.experiments
            .get(self.index.waiting.get(&(agent, call))?)
    }

    /// Number of workers that have ended their work on a task.
    pub fn rounds(&self, task: &str) -> usize {
        self.agents
            .values()
            .filter(|agent| agent.role == Role::Worker && !agent.is_live())
            .filter_map(|agent| self.experiments.get(&agent.experiment?))
            .filter(|experiment| experiment.task == task)
            .count()
    }

    /// Next free number for an agent.
    pub fn next_agent(&self) -> AgentId {
        self.agents
            .last_key_value()
            .map_or(AgentId(1), |(id, _)| id.next())
    }

    /// Next free number for an experiment.
    pub fn next_experiment(&self) -> ExperimentId {
        self.experiments
            .last_key_value()
            .map_or(ExperimentId(1), |(id, _)| id.next())
    }

    /// Next free number for a quick look.
    pub fn next_try(&self) -> TryId {
        self.tries
            .last_key_value()
            .map_or(TryId(1), |(id, _)| id.next())
    }

    /// True if `a` is better than `b` in the metric's direction.
    pub fn better(&self, a: f64, b: f64) -> bool {
        match self.settings.as_ref().map(|s| s.metric.direction) {
            Some(protocol::Direction::Minimise) => a < b,
            Some(protocol::Direction::Maximise) | None => a > b,
        }
    }

    /// All ledgers; `wall_s` as of `now_ms`.
    pub fn budget(&self, now_ms: i64) -> Budget {
        let limits = self.limits();
        let mut budget = Budget {
            experiments: Ledger::new(limits.experiments.map(f64::from)),
            usd: Ledger::new(limits.usd),
            tokens: Ledger::new(limits.tokens.map(|tokens| tokens as f64)),
            wall_s: Ledger::new(limits.wall_s),
            gpu_h: Ledger::new(None),
        };
        budget.experiments.spent = self.index.spent as f64;
        let kept = self.kept_for_ablations();
        budget.experiments.reserved = self.index.reserving.len() as f64 + kept;
        budget.wall_s.reserved = kept * self.pace().evaluate_s;
        let reserved: Amount = self.reserved.values().copied().sum();
        for (ledger, of) in [
            (&mut budget.usd, (|a| a.usd) as fn(Amount) -> f64),
            (&mut budget.tokens, |a| a.tokens as f64),
        ] {
            ledger.spent = of(self.paid);
            ledger.reserved = of(reserved);
            ledger.unsettled = of(self.unsettled);
        }
        budget.wall_s.spent = self.wall_spent_s(now_ms);
        budget
    }

    /// Running time as of `now_ms`, in seconds.
    pub fn wall_spent_s(&self, now_ms: i64) -> f64 {
        match self.run {
            RunState::Running if self.waits_for().is_none() => self.clock.spent_s(now_ms),
            RunState::New | RunState::Running | RunState::Stopped | RunState::Finished(_) => {
                self.clock.logged_s()
            }
        }
    }

    /// The state without times, for comparing two runs of one campaign.
    pub fn outline(&self) -> Value {
        let experiments: Vec<Value> = self
            .experiments
            .values()
            .map(|e| {
                serde_json::json!({
                    "id": e.id, "task": e.task, "name": e.name, "state": e.state,
                    "reason": e.reason, "fixes": e.fixes, "candidate": e.candidate,
                    "owner": e.owner,
                    "ruling": e.ruling,
                    "parent": e.parent, "step": e.kind, "change": e.change,
                    "replicates": e.replicates,
                    "attempts": e.attempts.iter().map(|a| serde_json::json!({
                        "number": a.number,
                        "split": a.measurement.split,
                        "score": a.measurement.score,
                        "hash": a.measurement.hash,
                    })).collect::<Vec<_>>(),
                })
            })
            .collect();
        let agents: Vec<Value> = self
            .agents
            .values()
            .map(|a| {
                serde_json::json!({
                    "id": a.id, "role": a.role, "experiment": a.experiment, "round": a.round,
                    "model": a.model, "let_down": a.let_down,
                    "tries": a.tries, "turns": a.run.turns(), "ending": a.run.ending(),
                })
            })
            .collect();
        serde_json::json!({
            "run": self.run,
            "phase": self.phase,
            "adapter": self.adapter,
            "plan": self.plan,
            "rounds": self.rounds,
            "lab": self.lab,
            "frozen": self.frozen,
            "measured": self.measured,
            "tasks": self.tasks,
            "experiments": experiments,
            "agents": agents,
            "tries": self.tries.values().collect::<Vec<_>>(),
            "intents": self.intents,
            "playbook": self.playbook,
            "sealed": self.sealed,
            "staff": self.staff,
            "carried": self.carried,
            "ablations": self.ablations,
            "experiments_spent": self.budget(0).experiments.spent,
        })
    }
}
