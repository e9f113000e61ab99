//! Agents that say too much: what they hand in is refused with its length and
//! its limit, and whatever they say, the campaign comes to its end.

#[expect(dead_code, reason = "other tests use the rest of it")]
mod support;

use std::path::Path;
use std::process::Output;

use mock_llm::{Ask, Call, Mock, Options, Reply, Script};
use orchestrator::core::event::{Body, Event, Logged};
use orchestrator::core::state::{RunState, State};
use orchestrator::store::Reader;
use serde_json::json;
use support::{Target, finish, fixtures, run};

/// A model whose list price is that of the mock.
const MODEL: &str = "anthropic:claude-sonnet-4-6";

/// One after the other, and the last again.
fn next(ask: &Ask, replies: Vec<Reply>) -> Reply {
    let last = replies.len() - 1;
    let mut replies = replies;
    replies.swap_remove(ask.results.len().min(last))
}

/// Whoever it plays, it first says more than an event has room for.
fn talker(ask: &Ask) -> Reply {
    let huge = "h".repeat(70_000);
    let offered = |tool: &str| ask.tools.iter().any(|known| known == tool);
    if offered("propose_experiment") {
        let proposal =
            |hypothesis: &str| json!({ "task": "alpha", "name": "n", "hypothesis": hypothesis });
        let close = json!([{ "task": "alpha", "reason": huge }]);
        return next(
            ask,
            vec![
                Reply::call("propose_experiment", proposal(&huge)),
                Reply::call("propose_experiment", proposal("h")),
                Reply::call("finish", json!({ "summary": "s", "close": close })),
                Reply::call("finish", json!({ "summary": "s" })),
            ],
        );
    }
    if offered("submit_experiment") {
        let own = ask.result("read_board").unwrap_or_default();
        let own = own["assignment"]["experiment"].clone();
        let good = json!({ "experiment": own, "template": "template0" });
        let params = json!({ "BLOCK": huge });
        let files = json!({ "files": { huge[..101].to_owned() + ".cpp": "int x;" } });
        let entry = json!({ "claim": huge, "compare": [] });
        return next(
            ask,
            vec![
                Reply::call("read_board", json!({})),
                Reply::call(
                    "lab_try",
                    json!({ "template": "template0", "params": params }),
                ),
                Reply::call("submit_experiment", files),
                Reply::call("update_playbook", json!({ "entries": [entry] })),
                Reply::call("submit_experiment", good),
                Reply::call("finish", json!({ "summary": huge })),
                Reply::call("finish", json!({ "summary": "s" })),
            ],
        );
    }
    if offered("write_milestone") {
        return Reply::call("finish", json!({ "summary": "s" }));
    }
    // Twenty short texts are more than one event holds, as it writes them.
    let seen = json!({ "place": "search", "seen": "\u{1}".repeat(2000) });
    let evidence = vec![seen; 20];
    next(
        ask,
        vec![
            Reply::call("finish", json!({ "verdict": "pass", "reason": huge })),
            Reply::call(
                "finish",
                json!({ "verdict": "demote", "reason": "r", "evidence": evidence }),
            ),
            Reply::call("finish", json!({ "verdict": "pass", "reason": "r" })),
        ],
    )
}

fn campaign(dir: &Path, script: Script) -> (Output, Vec<Logged>) {
    let mock = Mock::start(Options {
        script,
        ..Options::default()
    })
    .expect("a free port");
    let mut more = vec!["--model", MODEL, "--tasks", "alpha", "--experiments", "1"];
    // One that went on for ever would only say so after hours.
    more.extend(["--hours", "0.05"]);
    let mut command = run(
        &Target::synthetic(&fixtures().join("tasks")),
        "words",
        dir,
        &more,
    );
    command
        .env("ANTHROPIC_BASE_URL", mock.url())
        .env("ANTHROPIC_API_KEY", "k");
    let output = finish(command);
    let reader = Reader::open(dir).expect("a campaign");
    (output, reader.verified_log().expect("a log that fits"))
}

#[test]
fn what_is_too_long_is_refused_and_the_campaign_goes_on() {
    let folder = tempfile::tempdir().expect("a folder");
    let (output, log) = campaign(&folder.path().join("c"), Script::from_fn(talker));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    let errors: Vec<&str> = log
        .iter()
        .filter_map(|logged| match &logged.event {
            Event::ToolAnswered { answer, .. } => match &answer.body {
                Body::Inline(body) => body["error"].as_str(),
                Body::Blob(_) => None,
            },
            _ => None,
        })
        .collect();
    for expected in [
        "`hypothesis` has 70000 bytes, more than 8192",
        "`close[0].reason` has 70000 bytes, more than 2048",
        "`params` has 70012 bytes, more than 8192",
        "is no name for a candidate's file",
        "`entries[0].claim` has 70000 bytes, more than 2048",
        "`summary` has 70000 bytes, more than 8192",
        "`reason` has 70000 bytes, more than 2048",
        "all that this call says has 2",
    ] {
        let found = errors.iter().any(|error| error.contains(expected));
        assert!(found, "{expected}: {errors:#?}");
    }
    let state = State::fold(&log).expect("a log that folds");
    assert!(matches!(state.run, RunState::Finished(_)));
}

#[test]
fn a_reply_with_more_calls_than_an_event_holds_ends_its_agent_and_not_the_campaign() {
    let folder = tempfile::tempdir().expect("a folder");
    let script = Script::from_fn(|_| Reply {
        calls: vec![
            Call {
                tool: "read_board".to_owned(),
                arguments: json!({}),
            };
            200
        ],
        ..Reply::default()
    });
    let (output, log) = campaign(&folder.path().join("c"), script);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(10), "{said}");
    assert!(
        said.contains("its reply has 200 calls, more than 128"),
        "{said}"
    );
    let state = State::fold(&log).expect("a log that folds");
    assert!(matches!(state.run, RunState::Finished(_)));
    assert!(state.paid.usd > 0.0, "it was billed all the same");
}
