//! Faults that a system of this kind had, and that this one must not have:
//! those of `docs/faults.md` that no other test covers, and that the tests
//! named there exist.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use orchestrator::core::agent::{AgentRun, Outcome, Role};
use orchestrator::core::board::BoardState;
use orchestrator::core::budget::Amount;
use orchestrator::core::event::{
    Actor, Body, Event, FinishReason, FrozenTask, Logged, Measurement, Score,
};
use orchestrator::core::ids::{AgentId, ExperimentId, TryId};
use orchestrator::core::planner::{Decision, Effect, ToolKinds as _, decide};
use orchestrator::core::rank::{Standing, leaderboard};
use orchestrator::core::settings::{
    EvaluationSettings, Limits, MetricSettings, Policy, Settings, TaskSource,
};
use orchestrator::core::state::{
    Agent, Attempt, Experiment, Inspected, RunState, State, Task, Try,
};
use orchestrator::tools::{self, Kinds};
use protocol::{Candidate, ContentHash, Direction, Interval, Split, Verdict};
use serde_json::json;

const TASKS: [&str; 3] = ["x", "y", "z"];

fn settings(direction: Direction) -> Settings {
    Settings {
        schema: 1,
        adapter: "a".to_owned(),
        domain: "d".to_owned(),
        objective: "o".to_owned(),
        lab: "l".to_owned(),
        device: "cpu".to_owned(),
        arch: None,
        simulated: false,
        model: MODEL.to_owned(),
        models: orchestrator::core::models::ModelSettings::default(),
        executor: "local".to_owned(),
        workers: 1,
        seed: 1,
        metric: MetricSettings {
            name: "m".to_owned(),
            unit: "1".to_owned(),
            direction,
            baseline: "b".to_owned(),
            baseline_value: Some(1.0),
        },
        limits: Limits {
            experiments: Some(10),
            wall_s: Some(3600.0),
            usd: None,
            tokens: None,
        },
        shares: std::collections::BTreeMap::new(),
        strategy: orchestrator::core::strategy::Strategy::Full,
        staff: None,
        ablations: 0,
        gates: Vec::new(),
        policy: Policy {
            tries_per_worker: 3,
            finalists: 1,
            try_s: 1.0,
            evaluate_s: 1.0,
            remeasure_s: 1.0,
            converged_gain: 0.02,
            turns: 12,
            retry_s: 1.0,
            statistics: orchestrator::core::statistics::Statistics::default(),
            search: orchestrator::core::search_policy::SearchPolicy::default(),
        },
        tasks: TASKS
            .map(|name| TaskSource {
                name: name.to_owned(),
                source: format!("/{name}"),
            })
            .to_vec(),
        data: String::new(),
        until: 3,
        evaluation: None,
        web: None,
        python: None,
    }
}

fn apply(state: &mut State, event: Event) -> Result<(), impl std::fmt::Display + use<>> {
    let logged = Logged {
        seq: state.seq + 1,
        at_ms: 1000,
        actor: Actor::Harness,
        event,
    };
    state.apply(&logged)
}

fn say(state: &mut State, event: Event) {
    let legal = apply(state, event);
    legal.unwrap_or_else(|error| panic!("{error}"));
}

/// A campaign whose experiments may begin.
fn searching(direction: Direction) -> State {
    let mut state = State::default();
    say(
        &mut state,
        Event::CampaignStarted {
            settings: Box::new(settings(direction)),
        },
    );
    state.phase = 3;
    state.lab = Some(("l".to_owned(), "1".to_owned()));
    state.tasks = TASKS
        .map(|name| Task {
            name: name.to_owned(),
            inspected: Some(Inspected {
                source: ContentHash::of(name.as_bytes()),
                hash: ContentHash::of(name.as_bytes()),
                document: Body::Inline(json!({})),
                templates: Vec::new(),
                quality: None,
            }),
            closed: None,
        })
        .to_vec();
    say(&mut state, frozen());
    state
}

fn frozen() -> Event {
    let hash = ContentHash::of(b"evaluation");
    Event::EvaluationFrozen {
        lab: "l".to_owned(),
        version: "1".to_owned(),
        tasks: vec![FrozenTask {
            name: "x".to_owned(),
            source: hash.clone(),
            inspection: hash.clone(),
        }],
        hash,
        baseline: None,
    }
}

fn score(value: f64) -> Score {
    Score {
        verdict: Verdict::Ok,
        value: Some(value),
        ci: Some(Interval(value * 0.99, value * 1.01)),
        n: 5,
    }
}

fn measured(split: Split, value: f64) -> Attempt {
    Attempt {
        number: 1,
        at_ms: 0,
        measurement: Measurement {
            split,
            score: score(value),
            hash: None,
            report: None,
            file: None,
            track: None,
            simulated: false,
            caveats: Vec::new(),
            also: None,
            took_ms: 1,
            idle_ms: None,
        },
    }
}

fn experiment(state: &mut State, task: &str, attempts: Vec<Attempt>) -> ExperimentId {
    let id = state.next_experiment();
    let experiment = Experiment {
        id,
        task: task.to_owned(),
        name: "e".to_owned(),
        hypothesis: String::new(),
        templates: Vec::new(),
        owner: None,
        state: BoardState::Done,
        reason: String::new(),
        fixes: 0,
        checked: true,
        candidate: None,
        waiting: None,
        attempts,
        former: Vec::new(),
        ruling: None,
        parent: None,
        kind: orchestrator::core::lineage::Kind::Explore,
        change: None,
        sketch: None,
        replicates: None,
    };
    if experiment.verified(Split::Select).is_some() {
        let again = state.staff.remeasured.entry(task.to_owned());
        again.or_default().insert(id);
    }
    state.experiments.insert(id, experiment);
    id
}

/// Who plays all roles.
const MODEL: &str = "builtin";

fn ended(state: &mut State, role: Role, proposed: u32) {
    let id = state.next_agent();
    let mut run = AgentRun::new(10);
    let reason = "done".to_owned();
    run.feed(Outcome::Stop { reason }).expect("it can be ended");
    let agent = Agent {
        id,
        role,
        experiment: None,
        round: None,
        model: MODEL.to_owned(),
        let_down: false,
        under: None,
        last_words: None,
        prompt: Body::Inline(json!("")),
        tries_until_wall_s: None,
        tries: 0,
        proposed,
        paid: Amount::default(),
        unsettled: Amount::default(),
        run,
    };
    state.agents.insert(id, agent);
}

#[test]
fn fault_01_the_leaderboard_follows_the_direction_of_its_metric() {
    let values = [("x", 1.2), ("y", 1.0), ("z", 0.75), ("x", 0.9), ("z", 1.1)];
    for (direction, expected) in [
        (Direction::Minimise, [("z", 0.75), ("x", 0.9), ("y", 1.0)]),
        (Direction::Maximise, [("x", 1.2), ("z", 1.1), ("y", 1.0)]),
    ] {
        let mut state = searching(direction);
        for (task, value) in values {
            experiment(&mut state, task, vec![measured(Split::Select, value)]);
        }
        let board = leaderboard(&state);
        let rows: Vec<_> = board.rows.iter().map(|r| (&*r.task, r.value)).collect();
        assert_eq!(rows, expected, "{direction:?}");
        let ranks: Vec<_> = board.rows.iter().map(|row| row.rank).collect();
        assert_eq!(ranks, [1, 2, 3]);
        // Better than the baseline of 1 is what the direction says it is.
        assert_eq!(board.rows[0].standing, Some(Standing::Won));
        let (best, worst) = (expected[0].1, expected[2].1);
        assert!(state.better(best, worst) && !state.better(worst, best));
    }
}

#[test]
fn fault_02_a_campaign_that_has_converged_ends() {
    let mut state = searching(Direction::Minimise);
    for task in TASKS {
        experiment(&mut state, task, vec![measured(Split::Select, 0.9)]);
    }
    // There is budget left, and the last round proposed nothing.
    ended(&mut state, Role::Strategist, 0);
    // The winners are measured on the sealed split first, once.
    let decisions = decide(&state, 2000, &Kinds);
    let reason = FinishReason::Converged;
    let experiments: Vec<ExperimentId> = state.experiments.keys().copied().collect();
    let opened = Event::SealedOpened {
        experiments,
        reason,
    };
    assert_eq!(decisions, [Decision::Record(opened.clone())]);
    say(&mut state, opened);
    for decision in decide(&state, 2000, &Kinds) {
        let Decision::Perform(Effect::Measure {
            experiment,
            attempt,
            split: Split::Sealed,
        }) = decision
        else {
            panic!("{decision:?}");
        };
        let key = orchestrator::core::event::EffectKey::Measure {
            experiment,
            attempt,
        };
        let reserved = None;
        say(&mut state, Event::EffectIntended { key, reserved });
        let measurement = measured(Split::Sealed, 0.9).measurement;
        let event = Event::Measured {
            experiment,
            attempt,
            measurement,
        };
        say(&mut state, event);
    }
    let end = Event::CampaignFinished { reason };
    assert_eq!(
        decide(&state, 2000, &Kinds),
        [Decision::Record(end.clone())]
    );
    say(&mut state, end);
    assert_eq!(state.run, RunState::Finished(reason));
    assert_eq!(decide(&state, 3000, &Kinds), []);
}

#[test]
fn fault_06_a_campaign_has_one_evaluation() {
    let mut state = searching(Direction::Minimise);
    let before = state.clone();
    assert!(apply(&mut state, frozen()).is_err());
    assert_eq!(state, before);
}

#[test]
fn what_algebra_does_is_not_in_the_mean() {
    let mut state = searching(Direction::Maximise);
    for (task, value) in [("x", 40.0), ("y", 2.0), ("z", 0.5)] {
        experiment(&mut state, task, vec![measured(Split::Select, value)]);
    }
    for (quality, apart, mean) in [
        ("collapsible", 1, 1.0),
        ("ok", 0, 40.0_f64.cbrt()),
        ("stale", 0, 40.0_f64.cbrt()),
    ] {
        let inspected = state.tasks.iter_mut().find(|task| task.name == "x");
        let inspected = inspected.and_then(|task| task.inspected.as_mut());
        inspected.expect("it was inspected").quality = Some(quality.to_owned());
        let board = leaderboard(&state);
        let summary = board.summary;
        assert_eq!(summary.apart, apart, "{quality}");
        assert!((summary.geomean.expect("a mean") - mean).abs() < 1e-12);
        assert_eq!(summary.geomean_apart.is_some(), apart > 0);
        // It has its row, and says what it is.
        assert_eq!(board.rows[0].task, "x");
        assert_eq!(board.rows[0].caveats.len(), apart);
        assert_eq!(summary.verified, 3);
    }
}

#[test]
fn fault_07_quick_looks_never_reach_the_leaderboard() {
    let mut state = searching(Direction::Maximise);
    experiment(&mut state, "x", vec![measured(Split::Search, 50.0)]);
    experiment(&mut state, "y", vec![measured(Split::Select, 1.5)]);
    let id = TryId(1);
    let look = Try {
        id,
        agent: AgentId(1),
        task: "z".to_owned(),
        candidate: Candidate::Files { files: Vec::new() },
        score: score(99.0),
    };
    state.tries.insert(id, look);
    let board = leaderboard(&state);
    let rows: Vec<_> = board.rows.iter().map(|r| (&*r.task, r.value)).collect();
    assert_eq!(rows, [("y", 1.5)]);
    let unverified: Vec<_> = board.unverified.iter().map(|u| &*u.task).collect();
    assert_eq!(unverified, ["x", "z"]);
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Words in back-ticks.
fn quoted(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

#[test]
fn fault_08_prompts_speak_of_tools_that_their_role_has() {
    let files = [
        ("phase1.md", Role::Explorer),
        ("phase2_builder.md", Role::Builder),
        ("phase2_critic.md", Role::Critic),
        ("phase2_tester.md", Role::Tester),
        ("phase3_strategist.md", Role::Strategist),
        ("phase3_worker_implement.md", Role::Worker),
        ("phase3_worker_analyze.md", Role::Worker),
        ("phase3_fixer.md", Role::Worker),
    ];
    // Of what tools are named after.
    let verbs: BTreeSet<&str> = tools::all()
        .iter()
        .filter_map(|tool| Some(tool.name.split_once('_')?.0))
        .collect();
    let mut seen = 0;
    for adapter in fs::read_dir(root().join("adapters")).expect("adapters") {
        let adapter = adapter.expect("an entry").path();
        for (file, role) in files {
            let path = adapter.join(file);
            let text = fs::read_to_string(&path).expect("a prompt");
            for word in quoted(&text) {
                let known = tools::all().iter().any(|tool| tool.name == word);
                let verb = word.split_once('_').map(|(verb, _)| verb);
                let letters = word.chars().all(|c| c.is_ascii_lowercase() || c == '_');
                if known || (letters && verb.is_some_and(|verb| verbs.contains(verb))) {
                    let may = tools::find(word, role).is_some_and(|t| t.roles.contains(&role));
                    assert!(
                        may,
                        "`{word}` in {}: {} has no such tool",
                        path.display(),
                        role.word()
                    );
                    seen += 1;
                }
            }
        }
    }
    assert!(seen > 10, "{seen} tools are named");
}

#[test]
fn fault_09_assistants_can_be_asked_for_and_have_none_of_their_own() {
    for role in [Role::Explorer, Role::Builder, Role::Tester] {
        let tool = tools::find("spawn_agent", role).expect("a tool");
        assert!(tool.roles.contains(&role) && Kinds.may_spawn(role));
    }
    assert!(!Kinds.may_spawn(Role::Assistant));
}

#[test]
fn fault_16_deciding_again_starts_nobody_twice() {
    let mut state = State::default();
    let evaluation = EvaluationSettings {
        rounds: 2,
        command_s: 10,
        timeout_s: 10,
    };
    let settings = Settings {
        evaluation: Some(evaluation),
        ..settings(Direction::Minimise)
    };
    say(
        &mut state,
        Event::CampaignStarted {
            settings: Box::new(settings),
        },
    );
    let starts = |state: &State, at_ms| {
        let decisions = decide(state, at_ms, &Kinds);
        let start = |decision: &Decision| match decision {
            Decision::StartAgent { role, .. } => Some(*role),
            Decision::Record(_) | Decision::Perform(_) => None,
        };
        decisions.iter().filter_map(start).collect::<Vec<_>>()
    };
    assert_eq!(starts(&state, 2000), [Role::Supervisor]);
    let agent = state.next_agent();
    say(
        &mut state,
        Event::AgentStarted {
            agent,
            role: Role::Supervisor,
            experiment: None,
            round: None,
            under: None,
            prompt: Body::Inline(json!("")),
            tries_until_wall_s: None,
            model: None,
        },
    );
    // However often the clock ticks: the same turn is wanted, and no more.
    for at_ms in [2000, 12_000, 600_000] {
        assert_eq!(starts(&state, at_ms), []);
        let turn = Effect::Model { agent, turn: 0 };
        assert_eq!(decide(&state, at_ms, &Kinds), [Decision::Perform(turn)]);
    }
}

/// Names of tests in the tables and lists of a document.
fn named(text: &str) -> BTreeSet<&str> {
    let lines = text.lines().filter(|line| line.starts_with("| "));
    lines
        .filter_map(|line| line.split('|').nth(4))
        .flat_map(quoted)
        .filter_map(|name| name.rsplit("::").next())
        .collect()
}

#[test]
fn every_fault_has_its_tests_and_they_exist() {
    fn sources(folder: &Path, into: &mut String) {
        for entry in fs::read_dir(folder).expect("a folder").flatten() {
            let path = entry.path();
            if path.is_dir() && path.file_name().is_some_and(|name| name != "target") {
                sources(&path, into);
            } else if path.extension().is_some_and(|e| e == "rs") {
                into.push_str(&fs::read_to_string(path).expect("a file"));
            }
        }
    }
    let mut code = String::new();
    for folder in ["orchestrator", "crates", "kernel-lab"] {
        sources(&root().join(folder), &mut code);
    }
    let table = fs::read_to_string(root().join("docs/faults.md")).expect("the table");
    for number in 1..=24 {
        assert!(table.contains(&format!("\n| {number} |")), "{number}");
    }
    let names = named(&table);
    assert!(names.len() > 24, "{names:?}");
    for name in names {
        assert!(
            code.contains(&format!("fn {name}(")),
            "there is no test `{name}`"
        );
    }
}
