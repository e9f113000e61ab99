//! What an Auditor sees: the experiment by its number, and not what was hoped
//! for it.

#[expect(dead_code, reason = "other tests use the rest of it")]
mod support;

use mock_llm::{Ask, Mock, Options, Reply, Script};
use orchestrator::core::agent::Role;
use orchestrator::core::event::Event;
use orchestrator::core::state::State;
use orchestrator::store::Reader;
use serde_json::json;
use support::{Target, fixtures, run, succeed};

/// A model whose list price is that of the mock.
const MODEL: &str = "anthropic:claude-sonnet-4-6";

fn next(ask: &Ask, mut replies: Vec<Reply>) -> Reply {
    let last = replies.len() - 1;
    replies.swap_remove(ask.results.len().min(last))
}

fn player(ask: &Ask) -> Reply {
    let offered = |tool: &str| ask.tools.iter().any(|known| known == tool);
    let finish = |arguments| Reply::call("finish", arguments);
    let board = || ask.result("read_board").unwrap_or_default();
    if offered("propose_experiment") {
        let proposal = json!({ "task": "alpha", "name": "miracle", "hypothesis": "h" });
        return next(
            ask,
            vec![
                Reply::call("propose_experiment", proposal),
                finish(json!({ "summary": "s" })),
            ],
        );
    }
    if offered("submit_experiment") {
        let own = board()["assignment"]["experiment"].clone();
        return next(
            ask,
            vec![
                Reply::call("read_board", json!({})),
                Reply::call("lab_try", json!({ "template": "template0" })),
                Reply::call(
                    "submit_experiment",
                    json!({ "experiment": own, "template": "template0" }),
                ),
                finish(json!({ "summary": "s" })),
            ],
        );
    }
    if offered("write_milestone") {
        return finish(json!({ "summary": "s" }));
    }
    let folder = board()["assignment"]["folder"].clone();
    let folder = folder.as_str().unwrap_or("nowhere");
    let read = |path: String| Reply::call("read_file", json!({ "path": path }));
    next(
        ask,
        vec![
            Reply::call("read_board", json!({})),
            read(format!("{folder}/experiment.json")),
            read(format!("{folder}/attempt-2/report.json")),
            // What it was, where it still is.
            read(format!(
                "../../experiments/{folder}-miracle/experiment.json"
            )),
            Reply::call("search_files", json!({ "pattern": ".", "path": folder })),
            finish(json!({ "verdict": "pass", "reason": "r" })),
        ],
    )
}

#[test]
fn an_auditor_sees_the_number_of_an_experiment_and_not_its_name() {
    let folder = tempfile::tempdir().expect("a folder");
    let dir = folder.path().join("c");
    let mock = Mock::start(Options {
        script: Script::from_fn(player),
        ..Options::default()
    })
    .expect("a free port");
    let mut more = vec!["--model", MODEL, "--tasks", "alpha"];
    more.extend(["--experiments", "1", "--hours", "0.05"]);
    let mut command = run(
        &Target::synthetic(&fixtures().join("tasks")),
        "blind",
        &dir,
        &more,
    );
    command
        .env("ANTHROPIC_BASE_URL", mock.url())
        .env("ANTHROPIC_API_KEY", "k");
    succeed(command);

    let reader = Reader::open(&dir).expect("a campaign");
    let log = reader.verified_log().expect("a log that fits");
    let state = State::fold(&log).expect("a log that folds");
    let mut auditors = state.agents.values().filter(|a| a.role == Role::Auditor);
    let auditor = auditors.next().expect("an audit");
    let answers: Vec<String> = log
        .iter()
        .filter_map(|logged| match &logged.event {
            Event::ToolAnswered { agent, answer, .. } if *agent == auditor.id => {
                let shown = reader.document(&answer.body).expect("an answer");
                Some(shown.to_string())
            }
            _ => None,
        })
        .collect();
    assert_eq!(answers.len(), 6, "{answers:#?}");
    assert!(answers[1].contains(r#"\"id\": \"e0001\""#), "{answers:#?}");
    assert!(answers[2].contains("select"), "{answers:#?}");
    assert!(answers[4].contains("experiment.json"), "{answers:#?}");
    // It is not told who has looked at it either.
    for shown in [&answers[0], &answers[1], &answers[2], &answers[4]] {
        assert!(!shown.contains("miracle"), "{shown}");
        assert!(!shown.contains("tries"), "{shown}");
    }
    // Its own words come back, and nothing else.
    assert!(answers[3].contains("outside"), "{answers:#?}");
    let home = dir.join("agents").join(auditor.id.to_string());
    assert!(home.join("e0001/attempt-1/report.json").is_file());
    assert!(!home.join("e0001/tries").exists());
}
