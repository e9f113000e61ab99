//! What can happen in a campaign. The log of these is the campaign; all else
//! is folded from it.

use protocol::{Candidate, ContentHash, Verdict};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::ablation::Ablation;
pub use super::act::{EffectKey, FailureCost};
use super::agent::{Answer, ModelReply, Role};
use super::board::BoardState;
use super::budget::Amount;
use super::ids::{AgentId, ExperimentId, TryId};
use super::lineage::{Kind, Provenance};
pub use super::measurement::{Baseline, FrozenTask, Measurement, Score};
use super::playbook::{Admitted, Entry};
use super::rounds::{Audited, Review};
use super::settings::Settings;
use super::staff::StaffEvent;
use super::steer::Steer;

/// Version of the event payloads. A reader refuses a newer one.
pub const EVENT_VERSION: u32 = 6;

/// A JSON document, in place or, when it is large, as a blob of the store.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "at", content = "is", rename_all = "snake_case")]
pub enum Body {
    /// In place.
    Inline(Value),
    /// In the store, under the hash of its serialised form.
    Blob(ContentHash),
}

/// Why a campaign is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FinishReason {
    /// Nothing promising is left.
    Converged,
    /// A limit is reached.
    BudgetSpent,
    /// No task can be worked on.
    NothingToDo,
    /// The last phase that was asked for is done.
    PhaseDone,
    /// An agent that a phase can't do without did not finish its work.
    PhaseFailed,
    /// No evaluation passed in as many rounds as there are.
    EvaluationRejected,
}

impl FinishReason {
    /// In words.
    pub fn text(self) -> &'static str {
        match self {
            Self::Converged => "nothing promising is left to try",
            Self::BudgetSpent => "the budget is spent",
            Self::NothingToDo => "no task can be worked on",
            Self::PhaseDone => "the last phase that was asked for is done",
            Self::PhaseFailed => "an agent that the phase needs did not finish its work",
            Self::EvaluationRejected => "no evaluation passed its audit and reviews",
        }
    }
}

/// For whom an assistant works.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Under {
    /// The agent.
    pub agent: AgentId,
    /// The call that waits for it.
    pub call: u32,
    /// US dollars that its turns may cost; unlimited, if absent.
    pub usd: Option<f64>,
    /// Tokens that its turns may use; unlimited, if absent.
    pub tokens: Option<u64>,
}

impl Under {
    /// Whether a turn that may cost `need` stays within the share.
    pub fn admits(&self, paid: Amount, need: Amount) -> bool {
        let usd = self.usd.is_none_or(|limit| paid.usd + need.usd <= limit);
        let tokens = paid.tokens.saturating_add(need.tokens);
        usd && self.tokens.is_none_or(|limit| tokens <= limit)
    }
}

/// Something that happened.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", content = "payload", rename_all = "snake_case")]
pub enum Event {
    /// First event of every log.
    CampaignStarted {
        /// Everything the run was started with.
        settings: Box<Settings>,
    },
    /// An orchestrator took the campaign up again.
    CampaignResumed {},
    /// An orchestrator let go of the campaign; it can be resumed.
    CampaignStopped {
        /// Why.
        reason: String,
    },
    /// The campaign is over.
    CampaignFinished {
        /// Why.
        reason: FinishReason,
    },
    /// What came before was copied from another campaign, which may have gone
    /// on otherwise. This one is stopped.
    CampaignForked {
        /// Hash of the last event copied.
        of: ContentHash,
        /// Its place.
        at: u64,
        /// The other campaign's directory, as it was named.
        dir: String,
        /// The event at which the other had opened its sealed split, if it had
        /// by the time of the fork.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        sealed: Option<u64>,
    },
    /// From here on these files are known by their content.
    FilesPinned {
        /// Hash of each, by its path in the campaign's directory.
        files: Body,
    },
    /// The adapter was chosen or drafted.
    AdapterResolved {
        /// Its name.
        name: String,
        /// Why this one, in a sentence.
        why: String,
        /// Whether it was written for this campaign.
        drafted: bool,
        /// What is known about the data.
        facts: Body,
        /// What the data was profiled to be, if it was.
        profile: Option<Body>,
    },
    /// A file of the adapter was changed.
    AdapterPatched {
        /// Which.
        file: String,
        /// Number of the change in the adapter's history.
        change: u32,
        /// Why.
        why: String,
        /// By whom.
        agent: AgentId,
        /// The settings that follow from it, where they are others now.
        settings: Option<Box<Settings>>,
    },
    /// The plan of the exploration is another one now.
    PlanChanged {
        /// By whom.
        agent: AgentId,
        /// All of it, in Markdown.
        text: Body,
    },
    /// The mechanical auditor has looked at an evaluation.
    AuditDone {
        /// The round.
        round: u32,
        /// What it said.
        audited: Box<Audited>,
    },
    /// A reviewer has looked at an evaluation.
    ReviewDone {
        /// The round.
        round: u32,
        /// As what it looked.
        role: Role,
        /// What it said.
        review: Box<Review>,
    },
    /// Work of a round was not done, so that the round is lost.
    RoundUndone {
        /// The round.
        round: u32,
        /// Which work, and why.
        what: String,
    },
    /// A phase began.
    PhaseStarted {
        /// Number of the phase.
        phase: u8,
    },
    /// The lab said what it is.
    LabDescribed {
        /// Its name.
        lab: String,
        /// Its version.
        version: String,
    },
    /// The lab looked at a task.
    TaskInspected {
        /// The task.
        task: String,
        /// Hash of the task's files.
        source: ContentHash,
        /// Hash of the inspection.
        inspection: ContentHash,
        /// The lab's inspection.
        document: Body,
        /// Templates that fit, by name.
        templates: Vec<String>,
        /// Whether wrong answers fail on it, where the lab says so.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        quality: Option<String>,
    },
    /// A task gets no more work.
    TaskClosed {
        /// The task.
        task: String,
        /// Why.
        reason: String,
    },
    /// From here on the evaluation does not change. Stands for phase 2.
    EvaluationFrozen {
        /// The lab's name.
        lab: String,
        /// The lab's version.
        version: String,
        /// The tasks with their hashes.
        tasks: Vec<FrozenTask>,
        /// Hash over all of it.
        hash: ContentHash,
        /// The best trivial prediction, where the evaluation's audit scored
        /// one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        baseline: Option<Baseline>,
    },
    /// An agent began.
    AgentStarted {
        /// Its number.
        agent: AgentId,
        /// Its role.
        role: Role,
        /// The experiment it works on, for a worker.
        experiment: Option<ExperimentId>,
        /// The round of phase 2 it works in.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        round: Option<u32>,
        /// For whom it works, if it is an assistant.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        under: Option<Under>,
        /// Its prompt.
        prompt: Body,
        /// Running time of the campaign, in seconds, after which it may take
        /// no more quick looks.
        tries_until_wall_s: Option<f64>,
        /// The model that plays it; the settings' only one, if absent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        model: Option<String>,
    },
    /// The oldest turns of a conversation were left out.
    Compacted {
        /// Whose conversation.
        agent: AgentId,
        /// Entries that stay, from the end.
        kept: u32,
        /// What the model is told instead.
        text: Body,
        /// The lines of it that say what was said and done.
        digest: Body,
    },
    /// The harness ended an agent.
    AgentStopped {
        /// Its number.
        agent: AgentId,
        /// Why.
        reason: String,
    },
    /// An agent ends because its model can't go on, which is no fault of the
    /// agent's: others may do its work.
    AgentLetDown {
        /// Which.
        agent: AgentId,
        /// What the model's failure was.
        reason: String,
    },
    /// A model can't be used any more in this session, and others can.
    ModelOut {
        /// Which.
        model: String,
        /// Why not.
        reason: String,
    },
    /// An act outside the log is about to begin.
    EffectIntended {
        /// Which.
        key: EffectKey,
        /// What it may cost at most, where it costs anything.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reserved: Option<Amount>,
    },
    /// An act failed for a reason that is not the candidate's.
    EffectFailed {
        /// Which.
        key: EffectKey,
        /// What happened.
        error: String,
        /// When to try again, milliseconds since the epoch; never, if absent.
        retry_at_ms: Option<i64>,
        /// What it cost all the same.
        #[serde(default, skip_serializing_if = "FailureCost::is_free")]
        cost: FailureCost,
    },
    /// A turn was not asked for because it could overrun a limit; its agent
    /// ends.
    TurnRefused {
        /// Whose turn.
        agent: AgentId,
        /// Number of the turn.
        turn: u32,
        /// What the turn could have cost.
        need: Amount,
    },
    /// A model answered.
    ModelCalled {
        /// Whose turn it was.
        agent: AgentId,
        /// Number of the turn.
        turn: u32,
        /// Its reply.
        reply: ModelReply,
    },
    /// A tool call was answered.
    ToolAnswered {
        /// Whose call.
        agent: AgentId,
        /// Number of the call.
        call: u32,
        /// The answer.
        answer: Answer,
    },
    /// A quick look was taken.
    Tried {
        /// Its number.
        id: TryId,
        /// By whom.
        agent: AgentId,
        /// On which task.
        task: String,
        /// Of what.
        candidate: Candidate,
        /// What came of it; never ranked.
        score: Score,
    },
    /// An experiment was put on the board.
    ExperimentProposed {
        /// Its number.
        experiment: ExperimentId,
        /// Its task.
        task: String,
        /// Short name, fit for a folder.
        name: String,
        /// What is expected and why.
        hypothesis: String,
        /// Templates to look at; all that fit, if empty.
        templates: Vec<String>,
        /// Who proposed it; the harness, if absent.
        by: Option<AgentId>,
        /// Who works on it already, if somebody does.
        owner: Option<AgentId>,
        /// The experiment it goes on from.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        parent: Option<ExperimentId>,
        /// What kind of step it is.
        #[serde(default, skip_serializing_if = "Kind::is_usual")]
        kind: Kind,
    },
    /// A candidate was handed in and its files written.
    CandidateSubmitted {
        /// For which experiment.
        experiment: ExperimentId,
        /// What.
        candidate: Candidate,
        /// Hash of the candidate and its task.
        hash: ContentHash,
        /// By whom; the harness, if absent.
        agent: Option<AgentId>,
        /// The agent's call that waits for the result.
        call: Option<u32>,
        /// Where it comes from, and what it is compared with others by.
        #[serde(default, skip_serializing_if = "provenance_is_unknown")]
        provenance: Box<Provenance>,
    },
    /// The static check has a verdict.
    Checked {
        /// Of which experiment.
        experiment: ExperimentId,
        /// Which time, counted as in [`EffectKey::Check`].
        fixes: u32,
        /// The verdict.
        verdict: Verdict,
    },
    /// An experiment moved on the board.
    Moved {
        /// Which.
        experiment: ExperimentId,
        /// Where it was.
        from: BoardState,
        /// Where it is.
        to: BoardState,
        /// Why, where it isn't obvious.
        reason: String,
    },
    /// An experiment was measured.
    Measured {
        /// Which.
        experiment: ExperimentId,
        /// Attempt, from 1.
        attempt: u32,
        /// What was measured.
        measurement: Measurement,
    },
    /// The search is over and the sealed split is opened, once.
    SealedOpened {
        /// The winners that are measured on it.
        experiments: Vec<ExperimentId>,
        /// Why the search was over.
        reason: FinishReason,
    },
    /// A task's winner is taken apart.
    AblationPlanned {
        /// What is undone of it, and where that is measured.
        plan: Box<Ablation>,
    },
    /// A person asked for something.
    Steered {
        /// What.
        what: Steer,
        /// A name of the request, under which it is granted once.
        request: String,
    },
    /// Entries of another campaign's playbook were taken over, before anything
    /// else was learned.
    PlaybookCarried {
        /// Which, and from where.
        carried: Box<Admitted>,
    },
    /// Something was learned. What is about the same as an entry before is
    /// taken into that one.
    PlaybookEntryAdded {
        /// What.
        entry: Box<Entry>,
    },
    /// One of the agents beside the search did something.
    Staff {
        /// What.
        what: Box<StaffEvent>,
    },
}

fn provenance_is_unknown(provenance: &Provenance) -> bool {
    provenance.is_unknown()
}

impl Event {
    /// The act that this event is the outcome of.
    pub fn settles(&self) -> Option<EffectKey> {
        match self {
            Self::LabDescribed { .. } => Some(EffectKey::Describe),
            Self::TaskInspected { task, .. } => Some(EffectKey::Inspect { task: task.clone() }),
            Self::EffectFailed { key, .. } => Some(key.clone()),
            Self::ModelCalled { agent, turn, .. } => Some(EffectKey::Model {
                agent: *agent,
                turn: *turn,
            }),
            Self::ToolAnswered { agent, call, .. } => Some(EffectKey::Tool {
                agent: *agent,
                call: *call,
            }),
            Self::Checked {
                experiment, fixes, ..
            } => Some(EffectKey::Check {
                experiment: *experiment,
                fixes: *fixes,
            }),
            Self::Measured {
                experiment,
                attempt,
                ..
            } => Some(EffectKey::Measure {
                experiment: *experiment,
                attempt: *attempt,
            }),
            Self::AuditDone { round, .. } => Some(EffectKey::Audit { round: *round }),
            Self::CampaignStarted { .. }
            | Self::CampaignForked { .. }
            | Self::FilesPinned { .. }
            | Self::AdapterResolved { .. }
            | Self::AdapterPatched { .. }
            | Self::PlanChanged { .. }
            | Self::ReviewDone { .. }
            | Self::RoundUndone { .. }
            | Self::CampaignResumed {}
            | Self::CampaignStopped { .. }
            | Self::CampaignFinished { .. }
            | Self::PhaseStarted { .. }
            | Self::TaskClosed { .. }
            | Self::EvaluationFrozen { .. }
            | Self::AgentStarted { .. }
            | Self::Compacted { .. }
            | Self::AgentStopped { .. }
            | Self::AgentLetDown { .. }
            | Self::ModelOut { .. }
            | Self::EffectIntended { .. }
            | Self::TurnRefused { .. }
            | Self::Tried { .. }
            | Self::ExperimentProposed { .. }
            | Self::CandidateSubmitted { .. }
            | Self::Moved { .. }
            | Self::SealedOpened { .. }
            | Self::AblationPlanned { .. }
            | Self::Steered { .. }
            | Self::Staff { .. }
            | Self::PlaybookCarried { .. }
            | Self::PlaybookEntryAdded { .. } => None,
        }
    }
}

/// Who made an event happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Actor {
    /// The harness.
    Harness,
    /// A person, through a command.
    User,
    /// An agent.
    Agent(AgentId),
}

/// An event in its place in the log.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Logged {
    /// Place, from 1.
    pub seq: u64,
    /// Time, milliseconds since the epoch.
    pub at_ms: i64,
    /// Who made it happen.
    pub actor: Actor,
    /// What happened.
    pub event: Event,
}
