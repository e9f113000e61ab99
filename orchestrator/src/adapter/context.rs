//! What each role is told: one type per role. A field's name is the name a
//! prompt uses; a name that is in no field is an error in the prompt.
//!
//! Lists are empty and options `none` where there is nothing to say yet, so
//! prompts test them: `{% if stage %}`, `{% for row in board %}…{% else %}`.
//! Every role but the Critic also has `knowledge`, the rendered
//! `domain_knowledge.md`, which itself sees only [`Basics`].

use protocol::Direction;
use serde::Serialize;

use super::facts::{ColumnFacts, DataFacts};
use super::files::PromptRole;
use crate::core::settings::Policy;

/// A role's variables.
pub trait RoleContext: Serialize {
    /// Whose they are.
    const ROLE: PromptRole;
}

/// What everybody is told.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Basics {
    /// What the user wants.
    pub objective: String,
    /// The adapter's domain, in words.
    pub domain: String,
    /// Device that is measured on.
    pub device: String,
    /// What is compared.
    pub metric: MetricFacts,
}

/// The metric.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct MetricFacts {
    /// Key in a report's metrics.
    pub name: String,
    /// Unit; `1` for a pure number.
    pub unit: String,
    /// `minimise` or `maximise`.
    pub direction: Direction,
    /// What it is relative to.
    pub baseline: String,
    /// Its value there; none until it was measured.
    pub baseline_value: Option<f64>,
}

/// One budget.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct BudgetLine {
    /// `experiments`, `usd`, `tokens`, `wall_s` or `gpu_h`.
    pub what: String,
    /// Unit in words.
    pub unit: String,
    /// The limit.
    pub limit: f64,
    /// Spent so far.
    pub spent: f64,
    /// Reserved for what is under way.
    pub reserved: f64,
    /// What can still be reserved.
    pub left: f64,
}

/// Where the campaign is between looking around and refining.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Stage {
    /// Its name.
    pub name: String,
    /// What the harness admits in it, in a sentence.
    pub rule: String,
}

/// A tool the role may call.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ToolFacts {
    /// Name.
    pub name: String,
    /// What it does and how often it may be called, in a sentence.
    pub purpose: String,
}

/// An item of the plan.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PlanItem {
    /// What is to be done.
    pub text: String,
    /// Whether it was.
    pub done: bool,
}

/// A command of the evaluation's contract.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct CommandFacts {
    /// `prepare`, `run` or `score`.
    pub name: String,
    /// The command and its arguments.
    pub line: String,
    /// Who runs it and what it sees.
    pub sees: String,
}

/// How candidates will be measured.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Contract {
    /// The lab; none where commands measure.
    pub lab: Option<String>,
    /// The commands; empty where a lab measures.
    pub commands: Vec<CommandFacts>,
    /// Seconds each command may take.
    pub timeout_s: u32,
}

/// A part of the data, by what it is for.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SplitFacts {
    /// `train`, `search`, `select` or `sealed`.
    pub name: String,
    /// Rows in it; none where the lab does not count rows.
    pub rows: Option<u64>,
    /// What it is for.
    pub purpose: String,
}

/// The evaluation in short.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct EvaluationFacts {
    /// Who measures: a lab or commands.
    pub measured_by: String,
    /// What a candidate delivers.
    pub candidate: String,
    /// The splits.
    pub splits: Vec<SplitFacts>,
    /// What it refuses and checks, in sentences.
    pub rules: Vec<String>,
    /// Hash, once it is frozen.
    pub hash: Option<String>,
}

/// A file with its text.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SourceFile {
    /// Path below the evaluation's folder.
    pub path: String,
    /// Its text.
    pub text: String,
}

/// What somebody found wrong with the evaluation.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Finding {
    /// `critic`, `tester` or `auditor`.
    pub by: String,
    /// What was checked.
    pub check: String,
    /// What was found.
    pub detail: String,
}

/// An experiment that a worker is given.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Assignment {
    /// Number.
    pub id: String,
    /// Task or data set.
    pub task: String,
    /// Short name.
    pub name: String,
    /// What is expected and why.
    pub hypothesis: String,
    /// Templates or families of models to start from; all that fit, if empty.
    pub templates: Vec<String>,
}

/// A row of the board.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct BoardRow {
    /// Number of the experiment.
    pub experiment: String,
    /// Its name.
    pub name: String,
    /// Its task.
    pub task: String,
    /// Its state.
    pub state: String,
    /// Why it failed or was cancelled.
    pub reason: Option<String>,
}

/// A verified result on the leaderboard.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Standing {
    /// Rank in the metric's direction.
    pub rank: u32,
    /// Number of the experiment.
    pub experiment: String,
    /// Its name.
    pub name: String,
    /// Its task.
    pub task: String,
    /// Value of the metric.
    pub value: f64,
    /// Lower end of the 95% interval.
    pub lo: f64,
    /// Upper end.
    pub hi: f64,
    /// Samples behind it.
    pub n: u64,
    /// Split it was measured on.
    pub split: String,
}

/// A measured number that a report may refer to.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ResultFacts {
    /// The reference, to be written instead of the number.
    pub reference: String,
    /// Number of the experiment.
    pub experiment: String,
    /// What was measured.
    pub metric: String,
    /// Value.
    pub value: f64,
    /// Unit.
    pub unit: String,
    /// Lower end of the 95% interval.
    pub lo: f64,
    /// Upper end.
    pub hi: f64,
    /// Split it was measured on.
    pub split: String,
    /// `ok`, `rejected`, `crashed` or `timed_out`.
    pub verdict: String,
}

/// Why a candidate has no score.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Failure {
    /// Where it failed.
    pub stage: String,
    /// `rejected`, `crashed` or `timed_out`.
    pub verdict: String,
    /// Why, as the judge says.
    pub reason: String,
    /// The end of its output.
    pub output: String,
    /// Which attempt to repair it this is, from 1.
    pub attempt: u32,
    /// How many there are.
    pub attempts: u32,
}

/// `phase1.md`: the Explorer looks at the data.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ExplorerContext {
    /// What everybody is told.
    #[serde(flatten)]
    pub basics: Basics,
    /// The data.
    pub data: DataFacts,
    /// The plan so far.
    pub plan: Vec<PlanItem>,
    /// What was learned so far.
    pub learnings: String,
    /// What earlier campaigns learned.
    pub playbook: String,
    /// Packages of the agents' Python.
    pub python: Vec<String>,
    /// What may be spent.
    pub budget: Vec<BudgetLine>,
    /// The tools.
    pub tools: Vec<ToolFacts>,
}

impl RoleContext for ExplorerContext {
    const ROLE: PromptRole = PromptRole::Explorer;
}

/// `phase2_builder.md`: the Builder makes the evaluation.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct BuilderContext {
    /// What everybody is told.
    #[serde(flatten)]
    pub basics: Basics,
    /// The data.
    pub data: DataFacts,
    /// The Explorer's report.
    pub report: String,
    /// What was learned so far.
    pub learnings: String,
    /// How candidates will be measured.
    pub contract: Contract,
    /// Which round this is, from 1.
    pub round: u32,
    /// How many there are.
    pub rounds: u32,
    /// What was found wrong in the round before.
    pub findings: Vec<Finding>,
    /// Packages of the agents' Python.
    pub python: Vec<String>,
    /// What may be spent.
    pub budget: Vec<BudgetLine>,
    /// The tools.
    pub tools: Vec<ToolFacts>,
}

impl RoleContext for BuilderContext {
    const ROLE: PromptRole = PromptRole::Builder;
}

/// `phase2_critic.md`: the Critic sees the evaluation and the data's schema,
/// and nothing that anybody thinks of them.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct CriticContext {
    /// What everybody is told.
    #[serde(flatten)]
    pub basics: Basics,
    /// The columns of the raw data.
    pub schema: Vec<ColumnFacts>,
    /// The evaluation in short.
    pub evaluation: EvaluationFacts,
    /// Its files.
    pub files: Vec<SourceFile>,
    /// The tools.
    pub tools: Vec<ToolFacts>,
}

impl RoleContext for CriticContext {
    const ROLE: PromptRole = PromptRole::Critic;
}

/// `phase2_tester.md`: the Tester writes tests that try to break the
/// evaluation.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct TesterContext {
    /// What everybody is told.
    #[serde(flatten)]
    pub basics: Basics,
    /// The columns of the raw data.
    pub schema: Vec<ColumnFacts>,
    /// The evaluation in short.
    pub evaluation: EvaluationFacts,
    /// Its files.
    pub files: Vec<SourceFile>,
    /// Packages of the agents' Python.
    pub python: Vec<String>,
    /// The tools.
    pub tools: Vec<ToolFacts>,
}

impl RoleContext for TesterContext {
    const ROLE: PromptRole = PromptRole::Tester;
}

/// `phase3_strategist.md`: the Strategist decides what is tried.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct StrategistContext {
    /// What everybody is told.
    #[serde(flatten)]
    pub basics: Basics,
    /// How budgets are shared out.
    pub policy: Policy,
    /// The evaluation in short.
    pub evaluation: Option<EvaluationFacts>,
    /// The experiments.
    pub board: Vec<BoardRow>,
    /// The verified results.
    pub leaderboard: Vec<Standing>,
    /// What the campaign has learned, by evidence.
    pub playbook: String,
    /// What the exploration has learned.
    pub learnings: String,
    /// What may be spent.
    pub budget: Vec<BudgetLine>,
    /// Between looking around and refining.
    pub stage: Option<Stage>,
    /// The tools.
    pub tools: Vec<ToolFacts>,
}

impl RoleContext for StrategistContext {
    const ROLE: PromptRole = PromptRole::Strategist;
}

/// `phase3_worker_implement.md`: a worker makes a candidate.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ImplementerContext {
    /// What everybody is told.
    #[serde(flatten)]
    pub basics: Basics,
    /// How budgets are shared out.
    pub policy: Policy,
    /// The assignment.
    pub experiment: Assignment,
    /// The evaluation in short.
    pub evaluation: Option<EvaluationFacts>,
    /// What the campaign has learned, by evidence.
    pub playbook: String,
    /// What the exploration has learned.
    pub learnings: String,
    /// Packages of the agents' Python.
    pub python: Vec<String>,
    /// What may be spent.
    pub budget: Vec<BudgetLine>,
    /// The tools.
    pub tools: Vec<ToolFacts>,
}

impl RoleContext for ImplementerContext {
    const ROLE: PromptRole = PromptRole::Implementer;
}

/// `phase3_worker_analyze.md`: a worker says what a measurement teaches.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct AnalystContext {
    /// What everybody is told.
    #[serde(flatten)]
    pub basics: Basics,
    /// How budgets are shared out.
    pub policy: Policy,
    /// The experiment.
    pub experiment: Assignment,
    /// What was measured.
    pub results: Vec<ResultFacts>,
    /// The verified results.
    pub leaderboard: Vec<Standing>,
    /// What the campaign has learned, by evidence.
    pub playbook: String,
    /// The tools.
    pub tools: Vec<ToolFacts>,
}

impl RoleContext for AnalystContext {
    const ROLE: PromptRole = PromptRole::Analyst;
}

/// `phase3_fixer.md`: the Fixer repairs a candidate.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct FixerContext {
    /// What everybody is told.
    #[serde(flatten)]
    pub basics: Basics,
    /// The experiment.
    pub experiment: Assignment,
    /// How it failed.
    pub failure: Failure,
    /// What the campaign has learned, by evidence.
    pub playbook: String,
    /// The tools.
    pub tools: Vec<ToolFacts>,
}

impl RoleContext for FixerContext {
    const ROLE: PromptRole = PromptRole::Fixer;
}

/// `phase3_reporter.md`: the Reporter writes a milestone.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ReporterContext {
    /// What everybody is told.
    #[serde(flatten)]
    pub basics: Basics,
    /// Number of the milestone, from 1.
    pub milestone: u32,
    /// The evaluation in short.
    pub evaluation: Option<EvaluationFacts>,
    /// The experiments.
    pub board: Vec<BoardRow>,
    /// The verified results.
    pub leaderboard: Vec<Standing>,
    /// The numbers that may be referred to.
    pub results: Vec<ResultFacts>,
    /// What the campaign has learned, by evidence.
    pub playbook: String,
    /// What the exploration has learned.
    pub learnings: String,
    /// What may be spent.
    pub budget: Vec<BudgetLine>,
    /// The tools.
    pub tools: Vec<ToolFacts>,
}

impl RoleContext for ReporterContext {
    const ROLE: PromptRole = PromptRole::Reporter;
}
