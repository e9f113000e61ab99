//! Whole campaigns through phases 0 to 2 on the shipped mock server, which
//! plays every role from its script; then the same campaigns from their logs.
//!
//! `ALPHALAB_SOAK=1` takes every dialect through phase 2.

#[path = "support/python.rs"]
mod python;

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use mock_llm::{Mock, Options, Script};
use orchestrator::core::agent::AnswerStatus::{Ends, Ok as Done};
use orchestrator::core::agent::{Ending, Role};
use orchestrator::core::event::{Event, FinishReason, Logged};
use orchestrator::core::state::{RunState, State};
use orchestrator::store::Reader;
use python::agents_python;

/// A key that must do for all providers.
const KEY: &str = "sk-mock-0123456789abcdefghij-wxyz";

/// The prices of the mock server, for a model of this name.
const PRICE: &str = r#"
[[model]]
name = "mock"
input = 3.0
cache_read = 0.3
cache_write = 3.75
output = 15.0
context = 200_000
max_output = 64_000
vision = true
source = "https://example.org"
as_of = "2026-01-01"
"#;

/// The shipped script and the data beside it.
fn shipped() -> PathBuf {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
    manifest.join("../crates/mock-llm/scripts/regression")
}

/// A server with the shipped script, and a folder for campaigns.
struct Stage {
    mock: Mock,
    folder: tempfile::TempDir,
}

impl Stage {
    fn new() -> Self {
        let script = Script::load(&shipped().join("script.json")).expect("the shipped script");
        let mock = Mock::start(Options {
            script,
            ..Options::default()
        });
        let folder = tempfile::tempdir().expect("a folder");
        let prices = ["anthropic", "openai", "compatible"]
            .map(|provider| PRICE.replace("name =", &format!("provider = \"{provider}\"\nname =")));
        let prices = format!("schema = 1\n{}", prices.concat());
        std::fs::write(folder.path().join("prices.toml"), prices).expect("writes");
        Self {
            mock: mock.expect("a free port"),
            folder,
        }
    }

    fn dir(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// `alphalab run` with these arguments, for a campaign of this name.
    fn run(&self, name: &str, arguments: &[&str]) -> Command {
        #[expect(clippy::disallowed_methods, reason = "a test drives the real binary")]
        let mut command = Command::new(env!("CARGO_BIN_EXE_alphalab"));
        command
            .arg("run")
            .args(arguments)
            .stdin(Stdio::null())
            .arg("--dir")
            .arg(self.dir(name))
            .env("ALPHALAB_PRICES", self.dir("prices.toml"))
            .env("ANTHROPIC_BASE_URL", self.mock.url())
            .env("ANTHROPIC_API_KEY", KEY)
            .env("OPENAI_BASE_URL", format!("{}/v1", self.mock.url()))
            .env("OPENAI_API_KEY", KEY);
        command
    }

    fn record(&self, name: &str, model: &str, until: &str) {
        let data = shipped().join("greenhouse.csv");
        let data = data.to_string_lossy();
        let output = finish(self.run(
            name,
            &[
                "--model",
                model,
                "--data",
                &data,
                "--objective",
                "predict yield_kg with the smallest RMSE",
                "--until",
                until,
                "--usd",
                "20",
            ],
        ));
        let rejected = self.mock.ledger().rejected;
        assert!(rejected.is_empty(), "refused requests: {rejected:?}");
        assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    }

    fn replay(&self, name: &str, of: &str, more: &[&str]) -> Output {
        let model = format!("replay:{}", self.dir(of).display());
        let arguments: Vec<&str> = ["--model", &model]
            .into_iter()
            .chain(more.to_vec())
            .collect();
        finish(self.run(name, &arguments))
    }
}

/// Runs to the end.
fn finish(mut command: Command) -> Output {
    command.output().expect("alphalab starts")
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn log(dir: &Path) -> Vec<Logged> {
    let reader = Reader::open(dir).expect("a campaign");
    reader.verified_log().expect("a log that fits")
}

/// Whether an agent of this role called this tool.
fn used(log: &[Logged], state: &State, role: Role, tool: &str) -> bool {
    log.iter().any(|logged| match &logged.event {
        Event::ModelCalled { agent, reply, .. } => {
            state.agents[agent].role == role && reply.calls.iter().any(|call| call.tool == tool)
        }
        _ => false,
    })
}

/// The data, but two beds have exchanged their yields: every column has the
/// values it had.
fn exchanged() -> String {
    let text = std::fs::read_to_string(shipped().join("greenhouse.csv")).expect("the data");
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    let (one, other) = (lines[5].clone(), lines[90].clone());
    let parts = |line: &str| {
        let (features, target) = line.rsplit_once(',').expect("two fields");
        (features.to_owned(), target.to_owned())
    };
    let ((features, target), (others, others_target)) = (parts(&one), parts(&other));
    assert_ne!(target, others_target);
    lines[5] = format!("{features},{others_target}");
    lines[90] = format!("{others},{target}");
    lines.join("\n") + "\n"
}

#[test]
fn every_role_plays_its_part_and_a_replay_finds_nothing_else() {
    if agents_python().is_none() {
        return;
    }
    let stage = Stage::new();
    let model = format!("compatible:{}:mock", stage.mock.url());
    stage.record("first", &model, "phase2");
    let log = log(&stage.dir("first"));
    let state = State::fold(&log).expect("a log that folds");
    assert_eq!(state.run, RunState::Finished(FinishReason::PhaseDone));

    let ended: Vec<(Role, &Ending)> = state
        .agents
        .values()
        .filter_map(|agent| Some((agent.role, agent.run.ending()?)))
        .collect();
    let expected = [
        Role::Supervisor,
        Role::Explorer,
        Role::Builder,
        Role::Builder,
        Role::Critic,
        Role::Tester,
    ];
    assert_eq!(ended, expected.map(|role| (role, &Ending::Finished)));
    for (role, tool) in [
        (Role::Supervisor, "patch_adapter"),
        (Role::Explorer, "update_plan"),
        (Role::Explorer, "shell"),
        (Role::Explorer, "view_image"),
        (Role::Builder, "write_file"),
        (Role::Critic, "read_file"),
        (Role::Tester, "shell"),
    ] {
        assert!(used(&log, &state, role, tool), "{role:?} {tool}");
    }
    for logged in &log {
        if let Event::ToolAnswered { answer, .. } = &logged.event {
            assert!(matches!(answer.status, Done | Ends), "{answer:?}");
        }
    }

    // The auditor sees through the first evaluation, nobody objects to the second.
    let [first, second] = &state.rounds[..] else {
        panic!("{:?}", state.rounds);
    };
    let audit = first.audit.as_ref().expect("an audit");
    assert!(!audit.passed && first.critic.is_none());
    assert_eq!(audit.faults[0].check, "feature-canary");
    assert!(second.is_passed());
    let critic = &second.critic.as_ref().expect("a review").faults;
    assert!(critic.len() == 1 && !critic[0].blocking);
    assert!(state.frozen.is_some() && state.patches == 1);
    let dir = stage.dir("first");
    assert!(dir.join("plots/spread.png").is_file() && dir.join("learnings.md").is_file());

    // What is booked is what the server would bill.
    let billed = stage.mock.ledger().settled() as f64 / 1e9;
    assert!(state.paid.usd > 0.0 && (state.paid.usd - billed).abs() < 1e-7);

    let output = stage.replay("again", "first", &[]);
    let (said, turns) = (said(&output), stage.mock.ledger().entries.len());
    assert_eq!(output.status.code(), Some(0), "{said}");
    let verdict = format!("replay: no divergence in {turns} turns");
    assert_eq!(said.lines().last(), Some(verdict.as_str()), "{said}");
    let again = Reader::open(&stage.dir("again"))
        .expect("a campaign")
        .state();
    let again = again.expect("a log that folds");
    assert!(again.paid.usd < 1e-12, "a replay is free");
    assert_eq!(again.frozen, state.frozen);
    let [then, now] = [&state, &again].map(|state| state.settings.clone().expect("settings"));
    assert_eq!(
        (then.objective, then.data, then.until),
        (now.objective, now.data, now.until)
    );
    assert_eq!((then.limits, then.seed), (now.limits, now.seed));
}

#[test]
fn the_roles_are_played_in_the_other_dialects_too() {
    if agents_python().is_none() {
        return;
    }
    let until = match std::env::var_os("ALPHALAB_SOAK") {
        Some(_) => "phase2",
        None => "phase1",
    };
    for model in ["anthropic:mock", "openai:mock"] {
        let stage = Stage::new();
        stage.record("first", model, until);
        // The pictures went along.
        let requests = stage.mock.requests();
        let with_picture = |body: &serde_json::Value| body.to_string().contains("image/png");
        assert!(requests.iter().any(with_picture), "{model}");
        if model.starts_with("anthropic") {
            on_other_data(&stage, until);
        }
    }
}

/// On other data the first program that reads them answers otherwise; and
/// where nothing was recorded, the campaign can't go on.
fn on_other_data(stage: &Stage, recorded_until: &str) {
    std::fs::create_dir(stage.dir("data")).expect("a folder");
    let data = stage.dir("data").join("greenhouse.csv");
    std::fs::write(&data, exchanged()).expect("writes");
    let data = data.to_string_lossy();
    let output = stage.replay("other", "first", &["--data", &data, "--until", "phase2"]);
    let said = said(&output);
    assert_eq!(output.status.code(), Some(10), "{said}");
    let ends = said.contains("has no agent a0003");
    assert_eq!(ends, recorded_until == "phase1", "{said}");
    let at = said
        .find("replay: first divergence: ")
        .expect("a divergence");
    for words in [
        "a0002 (explorer), turn 2",
        "the answer of `shell` differs",
        "rank correlation",
    ] {
        assert!(said[at..].contains(words), "{words}: {said}");
    }
}

#[test]
fn what_can_not_be_replayed_is_said_before_anything_is_written() {
    let stage = Stage::new();
    std::fs::create_dir(stage.dir("empty")).expect("a folder");
    std::fs::create_dir(stage.dir("garbage")).expect("a folder");
    std::fs::write(stage.dir("garbage").join("campaign.db"), "x".repeat(200)).expect("writes");
    for (spec, words) in [
        (
            String::new(),
            "names no model: write `replay:<campaign's directory>`",
        ),
        (
            "/nowhere".to_owned(),
            "`/nowhere` is not a campaign directory: no such directory",
        ),
        (
            stage.dir("empty").display().to_string(),
            "it has no `campaign.db`",
        ),
        (
            stage.dir("garbage").display().to_string(),
            "is not a database",
        ),
    ] {
        let output = finish(stage.run("new", &["--model", &format!("replay:{spec}")]));
        let said = said(&output);
        assert_eq!(output.status.code(), Some(3), "{said}");
        assert!(said.contains(words), "{said}");
        assert!(!stage.dir("new").exists());
    }
}
