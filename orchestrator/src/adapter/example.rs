//! Example contexts that every prompt must render with: a full one, in which
//! every list has an item and every option a value, and a bare one, in which
//! there is nothing to say yet.

use protocol::Direction;
use serde_json::{Map, Value};

use super::context::{
    AnalystContext, Assignment, Basics, BoardRow, BudgetLine, BuilderContext, CommandFacts,
    Contract, CriticContext, EvaluationFacts, ExplorerContext, Failure, Finding, FixerContext,
    ImplementerContext, MetricFacts, PlanItem, ReporterContext, ResultFacts, RoleContext,
    SourceFile, SplitFacts, Stage, Standing, StrategistContext, TesterContext, ToolFacts,
};
use super::facts::{ColumnFacts, ColumnKind, DataFacts, FileFacts, TimeFacts};
use super::files::PromptRole;
use crate::core::settings::Policy;
use crate::core::statistics::Statistics;

/// How much an example says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extent {
    /// Something everywhere.
    Full,
    /// Nothing but what can't be absent.
    Bare,
}

impl Extent {
    /// The word used in messages.
    pub fn word(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::Bare => "bare",
        }
    }

    fn list<T>(self, items: impl IntoIterator<Item = T>) -> Vec<T> {
        match self {
            Self::Full => items.into_iter().collect(),
            Self::Bare => Vec::new(),
        }
    }

    fn some<T>(self, item: T) -> Option<T> {
        (self == Self::Full).then_some(item)
    }

    fn text(self, text: &str) -> String {
        match self {
            Self::Full => text.to_owned(),
            Self::Bare => String::new(),
        }
    }
}

/// The example context of a role, as its prompt sees it but for `knowledge`.
pub fn context(role: PromptRole, extent: Extent) -> Map<String, Value> {
    let value = match role {
        PromptRole::Explorer => fields(&explorer(extent)),
        PromptRole::Builder => fields(&builder(extent)),
        PromptRole::Critic => fields(&critic(extent)),
        PromptRole::Tester => fields(&tester(extent)),
        PromptRole::Strategist => fields(&strategist(extent)),
        PromptRole::Implementer => fields(&implementer(extent)),
        PromptRole::Analyst => fields(&analyst(extent)),
        PromptRole::Fixer => fields(&fixer(extent)),
        PromptRole::Reporter => fields(&reporter(extent)),
    };
    value.unwrap_or_default()
}

/// The example context of `domain_knowledge.md`.
pub(super) fn knowledge(extent: Extent) -> Map<String, Value> {
    object(serde_json::to_value(basics(extent))).unwrap_or_default()
}

/// A role's variables as a map; none only for a type that is no struct.
pub(super) fn fields<C: RoleContext>(context: &C) -> Option<Map<String, Value>> {
    object(serde_json::to_value(context))
}

fn object(value: serde_json::Result<Value>) -> Option<Map<String, Value>> {
    match value {
        Ok(Value::Object(map)) => Some(map),
        _ => None,
    }
}

fn basics(extent: Extent) -> Basics {
    Basics {
        objective: "Do as well as the metric allows".to_owned(),
        domain: "an example".to_owned(),
        device: "cpu".to_owned(),
        metric: MetricFacts {
            name: "loss".to_owned(),
            unit: "1".to_owned(),
            direction: Direction::Minimise,
            baseline: "doing nothing".to_owned(),
            baseline_value: extent.some(1.0),
        },
    }
}

fn columns(extent: Extent) -> Vec<ColumnFacts> {
    extent.list([
        ColumnFacts {
            name: "when".to_owned(),
            kind: ColumnKind::Time,
            missing: Some(0),
            distinct: None,
        },
        ColumnFacts {
            name: "y".to_owned(),
            kind: ColumnKind::Number,
            missing: None,
            distinct: Some(40),
        },
    ])
}

fn data(extent: Extent) -> DataFacts {
    DataFacts {
        name: "example.csv".to_owned(),
        files: extent.list([FileFacts {
            path: "example.csv".to_owned(),
            bytes: 4096,
            defines: Vec::new(),
        }]),
        rows: extent.some(100),
        columns: columns(extent),
        time: extent.some(TimeFacts {
            column: "when".to_owned(),
            step_s: Some(3600.0),
            first: Some("2001-01-01".to_owned()),
            last: None,
        }),
        target: extent.some("y".to_owned()),
        notes: extent.list(["a note".to_owned()]),
    }
}

fn budget(extent: Extent) -> Vec<BudgetLine> {
    extent.list([BudgetLine {
        what: "experiments".to_owned(),
        unit: "experiments".to_owned(),
        limit: 10.0,
        spent: 3.0,
        reserved: 1.0,
        left: 6.0,
    }])
}

fn tools(extent: Extent) -> Vec<ToolFacts> {
    extent.list([ToolFacts {
        name: "finish".to_owned(),
        purpose: "ends the work of this role".to_owned(),
    }])
}

fn python(extent: Extent) -> Vec<String> {
    extent.list(["numpy".to_owned()])
}

fn evaluation(extent: Extent) -> EvaluationFacts {
    EvaluationFacts {
        measured_by: "commands".to_owned(),
        candidate: "predictions.csv".to_owned(),
        splits: extent.list([
            SplitFacts {
                name: "search".to_owned(),
                rows: Some(20),
                purpose: "steers the campaign".to_owned(),
            },
            SplitFacts {
                name: "sealed".to_owned(),
                rows: None,
                purpose: "opened once".to_owned(),
            },
        ]),
        rules: extent.list(["a missing row is refused".to_owned()]),
        hash: extent.some("0123abcd".to_owned()),
    }
}

fn sources(extent: Extent) -> Vec<SourceFile> {
    extent.list([SourceFile {
        path: "score.py".to_owned(),
        text: "print(0)\n".to_owned(),
    }])
}

fn policy() -> Policy {
    Policy {
        tries_per_worker: 8,
        finalists: 2,
        try_s: 1.0,
        evaluate_s: 2.0,
        remeasure_s: 3.0,
        converged_gain: 0.02,
        turns: 40,
        retry_s: 1.0,
        statistics: Statistics::default(),
        search: crate::core::search_policy::SearchPolicy::default(),
    }
}

fn experiment(extent: Extent) -> Assignment {
    Assignment {
        id: "e0001".to_owned(),
        task: "example".to_owned(),
        name: "first".to_owned(),
        hypothesis: "it gets better".to_owned(),
        templates: extent.list(["plain".to_owned()]),
    }
}

fn board(extent: Extent) -> Vec<BoardRow> {
    let row = |experiment: &str, state: &str, reason: Option<String>| BoardRow {
        experiment: experiment.to_owned(),
        name: "first".to_owned(),
        task: "example".to_owned(),
        state: state.to_owned(),
        reason,
    };
    extent.list([
        row("e0001", "done", None),
        row("e0002", "failed", Some("it did not start".to_owned())),
    ])
}

fn leaderboard(extent: Extent) -> Vec<Standing> {
    extent.list([Standing {
        rank: 1,
        experiment: "e0001".to_owned(),
        name: "first".to_owned(),
        task: "example".to_owned(),
        value: 0.5,
        lo: 0.4,
        hi: 0.6,
        n: 20,
        split: "select".to_owned(),
    }])
}

fn results(extent: Extent) -> Vec<ResultFacts> {
    extent.list([ResultFacts {
        reference: "e0001.select.loss".to_owned(),
        experiment: "e0001".to_owned(),
        metric: "loss".to_owned(),
        value: 0.5,
        unit: "1".to_owned(),
        lo: 0.4,
        hi: 0.6,
        split: "select".to_owned(),
        verdict: "ok".to_owned(),
    }])
}

fn explorer(extent: Extent) -> ExplorerContext {
    ExplorerContext {
        basics: basics(extent),
        data: data(extent),
        plan: extent.list([
            PlanItem {
                text: "look at the columns".to_owned(),
                done: true,
            },
            PlanItem {
                text: "look at the target".to_owned(),
                done: false,
            },
        ]),
        learnings: extent.text("One thing was learned."),
        playbook: extent.text("# Playbook"),
        python: python(extent),
        budget: budget(extent),
        tools: tools(extent),
    }
}

fn builder(extent: Extent) -> BuilderContext {
    BuilderContext {
        basics: basics(extent),
        data: data(extent),
        report: extent.text("The data is clean."),
        learnings: extent.text("One thing was learned."),
        contract: Contract {
            lab: extent.some("example-lab".to_owned()),
            commands: extent.list([CommandFacts {
                name: "score".to_owned(),
                line: "python score.py".to_owned(),
                sees: "answers".to_owned(),
            }]),
            timeout_s: 60,
        },
        round: 1,
        rounds: 3,
        findings: extent.list([Finding {
            by: "auditor".to_owned(),
            check: "overlap".to_owned(),
            detail: "a row is on both sides".to_owned(),
        }]),
        python: python(extent),
        budget: budget(extent),
        tools: tools(extent),
    }
}

fn critic(extent: Extent) -> CriticContext {
    CriticContext {
        basics: basics(extent),
        schema: columns(extent),
        evaluation: evaluation(extent),
        files: sources(extent),
        tools: tools(extent),
    }
}

fn tester(extent: Extent) -> TesterContext {
    TesterContext {
        basics: basics(extent),
        schema: columns(extent),
        evaluation: evaluation(extent),
        files: sources(extent),
        python: python(extent),
        tools: tools(extent),
    }
}

fn strategist(extent: Extent) -> StrategistContext {
    StrategistContext {
        basics: basics(extent),
        policy: policy(),
        evaluation: extent.some(evaluation(extent)),
        board: board(extent),
        leaderboard: leaderboard(extent),
        playbook: extent.text("# Playbook"),
        learnings: extent.text("One thing was learned."),
        budget: budget(extent),
        stage: extent.some(Stage {
            name: "broad".to_owned(),
            rule: "every task is tried once".to_owned(),
        }),
        tools: tools(extent),
    }
}

fn implementer(extent: Extent) -> ImplementerContext {
    ImplementerContext {
        basics: basics(extent),
        policy: policy(),
        experiment: experiment(extent),
        evaluation: extent.some(evaluation(extent)),
        playbook: extent.text("# Playbook"),
        learnings: extent.text("One thing was learned."),
        python: python(extent),
        budget: budget(extent),
        tools: tools(extent),
    }
}

fn analyst(extent: Extent) -> AnalystContext {
    AnalystContext {
        basics: basics(extent),
        policy: policy(),
        experiment: experiment(extent),
        results: results(extent),
        leaderboard: leaderboard(extent),
        playbook: extent.text("# Playbook"),
        tools: tools(extent),
    }
}

fn fixer(extent: Extent) -> FixerContext {
    FixerContext {
        basics: basics(extent),
        experiment: experiment(extent),
        failure: Failure {
            stage: "compile".to_owned(),
            verdict: "rejected".to_owned(),
            reason: "it does not compile".to_owned(),
            output: extent.text("line 1: error"),
            attempt: 1,
            attempts: 2,
        },
        playbook: extent.text("# Playbook"),
        tools: tools(extent),
    }
}

fn reporter(extent: Extent) -> ReporterContext {
    ReporterContext {
        basics: basics(extent),
        milestone: 1,
        evaluation: extent.some(evaluation(extent)),
        board: board(extent),
        leaderboard: leaderboard(extent),
        results: results(extent),
        playbook: extent.text("# Playbook"),
        learnings: extent.text("One thing was learned."),
        budget: budget(extent),
        tools: tools(extent),
    }
}
