//! Several models in one campaign, on the shipped mock servers of different
//! skill: the better one gets the work, every cent is booked on whom it was
//! spent, and every choice follows from the log.

mod support;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use mock_llm::{Fault, Mock, Options, Script};
use orchestrator::core::agent::Role;
use orchestrator::core::event::{Event, Logged};
use orchestrator::core::models::ModelUse;
use orchestrator::core::state::{RunState, State};
use orchestrator::store::Reader;
use serde_json::Value;
use support::{Target, command, finish, fixtures, quietly, run, succeed};

fn scripts() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates/mock-llm/scripts/skill")
}

/// Two servers, a folder for campaigns, and a lab.
struct Stage {
    skilled: Mock,
    clumsy: Mock,
    folder: tempfile::TempDir,
    target: Target,
}

fn serve(name: &str) -> Mock {
    let script = Script::load(&scripts().join(name)).expect("a shipped script");
    Mock::start(Options {
        script,
        ..Options::default()
    })
    .expect("a free port")
}

impl Stage {
    fn new() -> Self {
        Self {
            skilled: serve("skilled.json"),
            clumsy: serve("clumsy.json"),
            folder: tempfile::tempdir().expect("a folder"),
            target: Target::synthetic(&fixtures().join("tasks")),
        }
    }

    /// The two models, the clumsy one first.
    fn models(&self) -> [String; 2] {
        [
            format!("compatible:{}:clumsy", self.clumsy.url()),
            format!("compatible:{}:skilled", self.skilled.url()),
        ]
    }

    fn dir(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn priced(mut command: Command) -> Command {
        command.env("ALPHALAB_PRICES", scripts().join("prices.toml"));
        command
    }

    /// `alphalab run` with both models.
    fn both(&self, name: &str, more: &[&str]) -> Command {
        let [clumsy, skilled] = self.models();
        let mut command = run(&self.target, "several", &self.dir(name), more);
        command.args(["--model", &clumsy, "--model", &skilled, "--usd", "20"]);
        Self::priced(command)
    }

    /// `alphalab VERB DIR …`.
    fn on(&self, verb: &[&str], name: &str, more: &[&str]) -> Command {
        let mut command = command(&self.target, "several", verb);
        command.arg(self.dir(name)).args(more);
        Self::priced(command)
    }

    fn json(&self, verb: &str, name: &str, more: &[&str]) -> Value {
        let more: Vec<&str> = more.iter().copied().chain(["--json"]).collect();
        let text = succeed(self.on(&[verb], name, &more));
        serde_json::from_str(&text).expect("a document")
    }

    /// What both were used for, the clumsy one first.
    fn uses(&self, state: &State) -> [ModelUse; 2] {
        let uses = state.model_uses();
        let of = |model: &String| {
            let found = uses.iter().find(|used| used.model == *model);
            found.expect("a model of the campaign").clone()
        };
        let [clumsy, skilled] = self.models();
        [of(&clumsy), of(&skilled)]
    }
}

fn log(dir: &Path) -> Vec<Logged> {
    let reader = Reader::open(dir).expect("a campaign");
    reader.verified_log().expect("a log that fits")
}

fn state(dir: &Path) -> State {
    State::fold(&log(dir)).expect("a log that folds")
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Every choice is the one that the log before it leads to; gives who was
/// chosen for whom.
fn choices(log: &[Logged]) -> Vec<(Role, String)> {
    let mut state = State::default();
    let mut choices = Vec::new();
    for logged in log {
        if let Event::AgentStarted {
            role, under, model, ..
        } = &logged.event
        {
            let leader = under.map(|under| under.agent);
            let expected = state.model_for(*role, leader, &[]);
            assert_eq!(*model, expected, "event {}", logged.seq);
            choices.extend(model.clone().map(|model| (*role, model)));
        }
        state.apply(logged).expect("a legal event");
    }
    choices
}

/// What is booked on a model is what its server has billed.
fn books_agree(stage: &Stage, state: &State) {
    let [clumsy, skilled] = stage.uses(state);
    let mut sum = 0.0;
    for (used, mock) in [(&clumsy, &stage.clumsy), (&skilled, &stage.skilled)] {
        let ledger = mock.ledger();
        assert!(ledger.rejected.is_empty(), "{:?}", ledger.rejected);
        let billed = ledger.settled() as f64 / 1e9;
        assert!(
            billed > 0.0 && (used.paid.usd - billed).abs() < 1e-7,
            "{used:?}"
        );
        let settled = ledger.entries.iter().filter(|entry| entry.settled);
        let tokens: u64 = settled.map(|e| e.tokens.prompt() + e.tokens.output).sum();
        assert_eq!(used.paid.tokens, tokens);
        sum += billed;
    }
    assert!((state.paid.usd - sum).abs() < 1e-7);
}

#[test]
fn the_better_model_gets_the_work_and_every_cent_is_booked_on_whom_it_was_spent() {
    let stage = Stage::new();
    succeed(stage.both("first", &["--experiments", "30"]));
    let log = log(&stage.dir("first"));
    let state = State::fold(&log).expect("a log that folds");
    assert!(matches!(state.run, RunState::Finished(_)));
    books_agree(&stage, &state);

    let choices = choices(&log);
    let [clumsy, skilled] = stage.models();
    for role in [Role::Strategist, Role::Worker] {
        let of_role: Vec<&String> = choices
            .iter()
            .filter_map(|(of, model)| (*of == role).then_some(model))
            .collect();
        assert!(of_role[..2] == [&clumsy, &skilled], "in order: {of_role:?}");
    }
    let workers = |used: &ModelUse| used.agents[&Role::Worker];
    let [bad, good] = stage.uses(&state);
    assert!(2 * workers(&good) > 3 * workers(&bad), "{good:?} {bad:?}");
    assert!(good.improved > bad.improved && good.experiments > bad.experiments);
    let measured = state
        .experiments
        .values()
        .filter(|e| !e.attempts.is_empty());
    assert_eq!(good.experiments + bad.experiments, measured.count());

    let board = stage.json("leaderboard", "first", &[]);
    let alpha = board["rows"].as_array().expect("rows").iter();
    let alpha = alpha
        .clone()
        .find(|row| row["task"] == "alpha")
        .expect("a row");
    assert_eq!(alpha["model"], skilled.as_str());

    let by_model = stage.json("leaderboard", "first", &["--by-model"]);
    let tasks = by_model["coverage"]["tasks"].as_array().expect("tasks");
    assert_eq!(tasks.len(), state.tasks.len());
    let won_by = |task: &str| {
        let found = tasks.iter().find(|it| it["task"] == task);
        found.expect("a task")["won"].clone()
    };
    // Only a good point of this one is better than the baseline.
    assert_eq!(won_by("beta"), serde_json::json!([skilled]));
    let models = by_model["models"].as_array().expect("models");
    let [bad_curve, good_curve] = [0, 1].map(|place| {
        let points = models[place]["curve"].as_array().expect("points");
        points.last().expect("an end").clone()
    });
    assert!(good_curve["value"].as_f64() > bad_curve["value"].as_f64());
    for (curve, used) in [(bad_curve, &bad), (good_curve, &good)] {
        let cost = curve["cost_usd"].as_f64().expect("a number");
        assert!((cost - used.paid.usd).abs() < 1e-9);
        assert_eq!(curve["experiments"], used.experiments);
    }

    let status = stage.json("status", "first", &[]);
    let shares = status["models"].as_array().expect("models").iter();
    let sum: f64 = shares.filter_map(|model| model["share"].as_f64()).sum();
    assert!((sum - 1.0).abs() < 1e-12);
    let report = std::fs::read_to_string(stage.dir("first").join("reports/report.md"));
    let report = report.expect("a report");
    assert!(report.contains("## Models") && report.contains("models.svg"));
    assert!(stage.dir("first").join("reports/models.svg").is_file());
    succeed(stage.on(&["verify"], "first", &[]));

    // From the log alone the same models play the same parts.
    let replay = format!("replay:{}", stage.dir("first").display());
    let mut again = run(&stage.target, "several", &stage.dir("again"), &[]);
    again.args(["--model", &replay]);
    let output = finish(again);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    let turns = log.iter();
    let turns = turns.filter(|l| matches!(l.event, Event::ModelCalled { .. }));
    let verdict = format!("replay: no divergence in {} turns", turns.count());
    assert!(said(&output).contains(&verdict), "{}", said(&output));
    let replayed: Vec<String> = agents(&stage.dir("again"));
    assert_eq!(replayed, agents(&stage.dir("first")));

    // A fork goes on with both.
    let frozen = log
        .iter()
        .find(|l| matches!(l.event, Event::EvaluationFrozen { .. }));
    let at = frozen.expect("a freeze").seq.to_string();
    let to = stage.dir("fork").display().to_string();
    succeed(stage.on(&["fork"], "first", &["--at", &at, "--dir", &to]));
    succeed(stage.on(&["resume"], "fork", &[]));
    let forked = crate::log(&stage.dir("fork"));
    crate::choices(&forked);
}

/// Who played each agent.
fn agents(dir: &Path) -> Vec<String> {
    let state = state(dir);
    let agents = state.agents.values();
    agents
        .map(|agent| format!("{} {} {}", agent.id, agent.role.word(), agent.model))
        .collect()
}

#[test]
fn a_killed_campaign_goes_on_choosing_by_what_it_knew() {
    let stage = Stage::new();
    let mut child = quietly(stage.both("c", &["--experiments", "16"]));
    let turns = || stage.skilled.ledger().entries.len() + stage.clumsy.ledger().entries.len();
    while turns() < 25 && child.try_wait().expect("a child").is_none() {
        std::thread::sleep(std::time::Duration::from_millis(2));
    }
    child.kill().expect("a child that can be killed");
    child.wait().expect("a child");
    let before = log(&stage.dir("c"));
    succeed(stage.on(&["resume"], "c", &[]));
    let after = log(&stage.dir("c"));
    assert_eq!(before[..], after[..before.len()]);
    let chosen = choices(&after);
    assert!(chosen.len() > choices(&before).len());
    let state = state(&stage.dir("c"));
    let [clumsy, skilled] = stage.uses(&state);
    let unsettled = clumsy.unsettled.usd + skilled.unsettled.usd;
    assert!((state.unsettled.usd - unsettled).abs() < 1e-9);
    succeed(stage.on(&["verify"], "c", &[]));
}

#[test]
fn a_model_that_fails_leaves_the_work_to_the_others() {
    let stage = Stage::new();
    // The key is refused in the middle of the second agent.
    stage
        .clumsy
        .inject([None, None, None, None, Some(Fault::Auth)]);
    let output = finish(stage.both("c", &["--experiments", "12"]));
    let text = said(&output);
    assert_eq!(output.status.code(), Some(0), "{text}");
    let [clumsy, skilled] = stage.models();
    assert!(text.contains(&format!("{clumsy} is out")), "{text}");
    let log = log(&stage.dir("c"));
    choices(&log);
    let out = log
        .iter()
        .position(|l| matches!(l.event, Event::ModelOut { .. }));
    let out = out.expect("a model that is out");
    for logged in &log[out..] {
        if let Event::AgentStarted { model, .. } = &logged.event {
            assert_eq!(model.as_ref(), Some(&skilled));
        }
    }
    let state = State::fold(&log).expect("a log that folds");
    books_agree(&stage, &state);
    let let_down: Vec<_> = state.agents.values().filter(|a| a.let_down).collect();
    assert!(let_down.len() == 1 && let_down[0].model == clumsy);
    // Another one has done its work.
    let experiment = let_down[0].experiment.expect("a worker's");
    let owner = state.experiments[&experiment].owner.expect("an owner");
    assert_eq!(state.agents[&owner].model, skilled);
    let status = stage.json("status", "c", &[]);
    assert!(status["models"][0]["out"].as_str().is_some());

    let replay = format!("replay:{}", stage.dir("c").display());
    let mut again = run(&stage.target, "several", &stage.dir("again"), &[]);
    again.args(["--model", &replay]);
    let output = finish(again);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    assert_eq!(agents(&stage.dir("again")), agents(&stage.dir("c")));
}

#[test]
fn a_campaign_stops_when_no_model_is_left_and_all_are_tried_again() {
    let stage = Stage::new();
    stage.clumsy.inject([None, Some(Fault::Quota)]);
    stage.skilled.inject([None, None, Some(Fault::Auth)]);
    let output = finish(stage.both("c", &["--experiments", "8"]));
    assert_eq!(output.status.code(), Some(20), "{}", said(&output));
    succeed(stage.on(&["resume"], "c", &[]));
    let log = log(&stage.dir("c"));
    let resumed = log
        .iter()
        .position(|l| matches!(l.event, Event::CampaignResumed {}));
    let resumed = resumed.expect("a second session");
    let back = choices(&log[..]).len() > choices(&log[..resumed]).len();
    assert!(back && state(&stage.dir("c")).models_out.is_empty());
    books_agree(&stage, &state(&stage.dir("c")));
}

#[test]
fn a_role_can_have_models_of_its_own() {
    let stage = Stage::new();
    let [clumsy, skilled] = stage.models();
    let mut command = run(
        &stage.target,
        "several",
        &stage.dir("c"),
        &["--experiments", "4"],
    );
    let role = format!("strategist={skilled}");
    command.args(["--model", &clumsy, "--role-model", &role]);
    succeed(Stage::priced(command));
    for agent in state(&stage.dir("c")).agents.values() {
        let expected = if agent.role == Role::Strategist {
            &skilled
        } else {
            &clumsy
        };
        assert_eq!(agent.model, *expected);
    }
    let text = std::fs::read_to_string(stage.dir("c").join("campaign.toml"));
    assert!(text.expect("settings").contains("[models.roles]"));
}

#[test]
fn what_is_wrong_with_several_models_is_said_before_anything_is_written() {
    let stage = Stage::new();
    let cases: [(&[&str], &str, i32); 5] = [
        (
            &["--model", "builtin", "--model", "builtin"],
            "--model builtin is given twice",
            3,
        ),
        (
            &["--model", "builtin", "--model", "replay:x"],
            "a replay plays all roles",
            3,
        ),
        (
            &["--model", "builtin", "--model", "gpt"],
            "unknown model `gpt`",
            3,
        ),
        (
            &["--model", "builtin", "--role-model", "cook=builtin"],
            "`cook` is no role",
            2,
        ),
        (
            &["--model", "builtin", "--model", "anthropic:no-such-model"],
            "model `anthropic:no-such-model` has no price",
            3,
        ),
    ];
    for (arguments, words, code) in cases {
        let output = finish(run(&stage.target, "several", &stage.dir("c"), arguments));
        let text = said(&output);
        assert_eq!(output.status.code(), Some(code), "{text}");
        assert!(text.contains(words), "{text}");
        assert!(!stage.dir("c").exists());
    }
}
