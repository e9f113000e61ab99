//! A conversation that outgrows its model's context goes on in a shorter form,
//! and so does its replay.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use mock_llm::{Ask, Mock, Options, Reply, Script};
use orchestrator::core::event::Event;
use orchestrator::store::Reader;
use serde_json::{Value, json};

/// A model that forgets early.
const PRICES: &str = r#"
schema = 1

[[model]]
provider = "anthropic"
name = "mock"
input = 3.0
cache_read = 0.3
cache_write = 3.75
output = 15.0
context = 30_000
max_output = 4_000
vision = false
source = "https://example.org"
as_of = "2026-01-01"
"#;

/// Turns of each worker.
const TURNS: usize = 40;

/// A strategist that puts each task on the board once, and workers that look
/// at the board for as long as they may.
fn play(ask: &Ask) -> Reply {
    let finish = || Reply::call("finish", json!({ "summary": "done", "close": [] }));
    if !ask.tools.iter().any(|tool| tool == "propose_experiment") {
        return if ask.turn + 1 < TURNS {
            Reply::call("read_board", json!({}))
        } else {
            finish()
        };
    }
    let board = ask.result("read_board");
    let Some(board) = board.filter(|_| ask.last_tool() == Some("read_board")) else {
        return if ask.last_tool().is_none() {
            Reply::call("read_board", json!({}))
        } else {
            finish()
        };
    };
    let empty = board["experiments"].as_array().is_none_or(Vec::is_empty);
    let task = &board["tasks"][0]["task"];
    match task {
        Value::String(task) if empty => Reply::call(
            "propose_experiment",
            json!({ "task": task, "name": "look", "hypothesis": "there is something to read" }),
        ),
        _ => finish(),
    }
}

fn campaign(folder: &Path, name: &str, model: &str, mock: &Mock) -> Output {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
    let alphalab = PathBuf::from(env!("CARGO_BIN_EXE_alphalab"));
    let labs = alphalab.with_file_name("examples");
    #[expect(clippy::disallowed_methods, reason = "a test drives the real binary")]
    let mut command = Command::new(alphalab);
    command
        .args(["run", "--model", model, "--adapter"])
        .arg(fixtures.join("adapter"))
        .arg("--data")
        .arg(fixtures.join("tasks"))
        .arg("--dir")
        .arg(folder.join(name))
        .stdin(Stdio::null())
        .env("ALPHALAB_BIN_DIR", labs)
        .env("ALPHALAB_PRICES", folder.join("prices.toml"))
        .env("ANTHROPIC_BASE_URL", mock.url())
        .env("ANTHROPIC_API_KEY", "sk-ant-not-a-key");
    command.output().expect("alphalab starts")
}

/// Who was shortened, to how many entries.
fn shortened(dir: &Path) -> Vec<(String, u32)> {
    let log = Reader::open(dir).and_then(|reader| reader.log());
    let log = log.expect("a log");
    log.iter()
        .filter_map(|logged| match &logged.event {
            Event::Compacted { agent, kept, .. } => Some((agent.to_string(), *kept)),
            _ => None,
        })
        .collect()
}

#[test]
fn a_conversation_that_was_shortened_is_replayed_without_divergence() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    std::fs::write(folder.join("prices.toml"), PRICES).expect("writes");
    let mock = Mock::start(Options {
        script: Script::from_fn(play),
        ..Options::default()
    })
    .expect("a free port");
    let output = campaign(folder, "first", "anthropic:mock", &mock);
    // Nothing was measured.
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(10), "{said}");
    let rejected = mock.ledger().rejected;
    assert!(rejected.is_empty(), "{rejected:?}: {said}");
    let then = shortened(&folder.join("first"));
    assert!(
        !then.is_empty(),
        "it fits without: make the context smaller"
    );

    let replay = format!("replay:{}", folder.join("first").display());
    let output = campaign(folder, "again", &replay, &mock);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains("replay: no divergence in"), "{said}");
    assert_eq!(shortened(&folder.join("again")), then);
}
