//! Campaigns on a model behind HTTP that fails in every passing way: each
//! ends properly or can be resumed, and what is booked is what was billed.
//!
//! `ALPHALAB_SOAK=1` goes on until 500 faults have been injected.

mod support;

use std::collections::BTreeSet;
use std::path::Path;

use mock_llm::{Ask, Call, Fault, FaultPlan, Ledger, Mock, Options, Reply, Script};
use orchestrator::core::event::{Event, FinishReason};
use orchestrator::core::state::{RunState, State};
use orchestrator::store::Reader;
use serde_json::{Value, json};
use support::{Target, command, finish, fixtures, quietly, run, succeed};

/// A model whose list price is that of the mock.
const MODEL: &str = "anthropic:claude-sonnet-4-6";
/// A key that must turn up nowhere.
const KEY: &str = "sk-ant-secret-0123456789abcdef";

/// Plays both roles by the book: propose every open task once, try a few
/// points, submit one.
fn scientist(ask: &Ask) -> Reply {
    if ask.tools.iter().any(|tool| tool == "propose_experiment") {
        strategist(ask)
    } else {
        worker(ask)
    }
}

/// The last answer of a tool, if it was one: a call that came mangled is
/// answered with an error.
fn good(ask: &Ask, tool: &str) -> Option<Value> {
    ask.result(tool)
        .filter(|answer| answer.get("error").is_none())
}

fn finish_call(summary: &str) -> Reply {
    Reply::call("finish", json!({ "summary": summary, "close": [] }))
}

fn strategist(ask: &Ask) -> Reply {
    let Some(board) = good(ask, "read_board") else {
        return Reply::call("read_board", json!({})).thinking("What is there to do?");
    };
    if ask.last_tool() != Some("read_board") {
        return finish_call("proposed");
    }
    let tasks = board["tasks"].as_array().cloned().unwrap_or_default();
    let calls: Vec<Call> = tasks
        .iter()
        .filter(|task| {
            let known = board["experiments"].as_array();
            known.is_none_or(|all| all.iter().all(|e| e["task"] != task["task"]))
        })
        .map(|task| Call {
            tool: "propose_experiment".to_owned(),
            arguments: json!({ "task": task["task"], "name": "first", "hypothesis": "the default is not best" }),
        })
        .collect();
    if calls.is_empty() {
        return finish_call("nothing is left");
    }
    Reply {
        calls,
        ..Reply::default()
    }
    .thinking("One experiment per task.")
}

fn worker(ask: &Ask) -> Reply {
    let Some(board) = good(ask, "read_board") else {
        return Reply::call("read_board", json!({}));
    };
    let assignment = &board["assignment"];
    let Some(facts) = good(ask, "lab_inspect") else {
        return Reply::call("lab_inspect", json!({ "task": assignment["task"] }));
    };
    let template = facts["spaces"][0]["template"].clone();
    let tried = ask
        .results
        .iter()
        .filter(|(tool, _)| tool == "lab_try")
        .count();
    if good(ask, "submit_experiment").is_some() {
        finish_call("measured")
    } else if tried < 2 {
        Reply::call("lab_try", json!({ "template": template })).thinking("Look first.")
    } else {
        Reply::call(
            "submit_experiment",
            json!({ "experiment": assignment["experiment"], "template": template }),
        )
    }
}

fn mock(seed: u64, rate: f64) -> Mock {
    // A stall ends with a timeout that is longer than a test should take; the
    // client's own tests have it.
    let kinds = Fault::PASSING
        .into_iter()
        .filter(|fault| *fault != Fault::Stall)
        .collect();
    Mock::start(Options {
        script: Script::from_fn(scientist),
        faults: FaultPlan { seed, rate, kinds },
        ..Options::default()
    })
    .expect("a free port")
}

fn with_model(mut command: std::process::Command, mock: &Mock) -> std::process::Command {
    command
        .env("ANTHROPIC_BASE_URL", mock.url())
        .env("ANTHROPIC_API_KEY", KEY);
    command
}

fn state(dir: &Path) -> State {
    let log = Reader::open(dir)
        .expect("a campaign")
        .verified_log()
        .expect("a log that fits");
    State::fold(&log).expect("a log that folds")
}

/// What is booked as settled is what the provider says it has settled, and
/// everything together is never less than the bill nor more than the limit.
fn books_are_right(state: &State, ledger: &Ledger, limit_usd: f64) {
    let dollars = |nano: u64| nano as f64 / 1e9;
    let budget = state.budget(0);
    assert!(
        ledger.rejected.is_empty(),
        "the requests make sense: {:?}",
        ledger.rejected
    );
    assert!(
        (budget.usd.spent - dollars(ledger.settled())).abs() < 1e-7,
        "settled: {} here, {} there",
        budget.usd.spent,
        dollars(ledger.settled())
    );
    booked_in_full(state, ledger, limit_usd);
}

/// Never less than the bill nor more than the limit, whoever was killed when.
fn booked_in_full(state: &State, ledger: &Ledger, limit_usd: f64) {
    let dollars = |nano: u64| nano as f64 / 1e9;
    let budget = state.budget(0);
    assert!(budget.usd.spent <= dollars(ledger.settled()) + 1e-7);
    let booked = budget.usd.spent + budget.usd.unsettled + budget.usd.reserved;
    assert!(booked >= dollars(ledger.billed()) - 1e-9, "booked {booked}");
    assert!(booked <= limit_usd + 1e-9, "booked {booked} of {limit_usd}");
}

fn no_key_below(dir: &Path) {
    for entry in std::fs::read_dir(dir).expect("a folder").flatten() {
        let path = entry.path();
        if path.is_dir() {
            no_key_below(&path);
        } else if let Ok(bytes) = std::fs::read(&path) {
            let found = bytes.windows(KEY.len()).any(|part| part == KEY.as_bytes());
            assert!(!found, "the key is in {}", path.display());
        }
    }
}

#[test]
fn campaigns_survive_every_passing_fault_and_book_every_cent() {
    let wanted = if std::env::var_os("ALPHALAB_SOAK").is_some() {
        500
    } else {
        40
    };
    let target = Target::synthetic(&fixtures().join("tasks"));
    let folder = tempfile::tempdir().expect("a folder");
    let mut injected = 0;
    let mut kinds = BTreeSet::new();
    for seed in 0.. {
        let mock = mock(seed, 0.25);
        let dir = folder.path().join(format!("c{seed}"));
        let more = ["--model", MODEL, "--usd", "20", "--workers", "2"];
        let output = finish(with_model(run(&target, "providers", &dir, &more), &mock));
        let code = output.status.code();
        // 10: every proposal came mangled, and nothing was tried.
        assert!(
            matches!(code, Some(0 | 10)),
            "{code:?}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        let state = state(&dir);
        assert!(matches!(state.run, RunState::Finished(_)));
        let ledger = mock.ledger();
        books_are_right(&state, &ledger, 20.0);
        no_key_below(&dir);
        injected += ledger.faults();
        let seen = ledger.entries.iter().filter_map(|entry| entry.fault);
        kinds.extend(seen.map(|fault| format!("{fault:?}")));
        if injected >= wanted {
            eprintln!("{injected} faults in {} campaigns: {kinds:?}", seed + 1);
            return;
        }
    }
}

#[test]
fn no_call_is_made_that_could_overrun_the_limit() {
    let target = Target::synthetic(&fixtures().join("tasks"));
    let folder = tempfile::tempdir().expect("a folder");
    for (seed, limit) in [(1, 0.3), (2, 0.6), (3, 1.2)] {
        let mock = mock(seed, 0.3);
        let dir = folder.path().join(format!("c{seed}"));
        let usd = limit.to_string();
        let more = ["--model", MODEL, "--usd", &usd, "--workers", "2"];
        finish(with_model(run(&target, "providers", &dir, &more), &mock));
        let state = state(&dir);
        books_are_right(&state, &mock.ledger(), limit);
        assert!(
            matches!(state.run, RunState::Finished(_)),
            "{limit}: {:?}",
            state.run
        );
    }
}

#[test]
fn a_killed_campaign_books_the_call_that_was_cut_off() {
    let target = Target::synthetic(&fixtures().join("tasks"));
    let folder = tempfile::tempdir().expect("a folder");
    let dir = folder.path().join("c");
    let path = dir.to_string_lossy().into_owned();
    let mock = mock(5, 0.2);
    let more = ["--model", MODEL, "--usd", "20"];
    let mut child = quietly(with_model(run(&target, "providers", &dir, &more), &mock));
    // In the middle of a conversation, wherever that is.
    while mock.ledger().entries.len() < 9 && child.try_wait().expect("a child").is_none() {
        std::thread::yield_now();
    }
    child.kill().expect("a child that can be killed");
    child.wait().expect("a child");
    succeed(with_model(
        command(&target, "providers", &["resume", &path]),
        &mock,
    ));
    let state = state(&dir);
    // The reply that nobody was there to log counts as cut off.
    booked_in_full(&state, &mock.ledger(), 20.0);
    assert!(state.unsettled.usd > 0.0);
    assert!(matches!(
        state.run,
        RunState::Finished(FinishReason::Converged)
    ));
}

#[test]
fn a_refused_key_stops_the_campaign_which_can_be_resumed() {
    let target = Target::synthetic(&fixtures().join("tasks"));
    let folder = tempfile::tempdir().expect("a folder");
    let dir = folder.path().join("c");
    let path = dir.to_string_lossy().into_owned();
    let mock = mock(5, 0.0);
    mock.inject([None, Some(Fault::Auth)]);
    let more = ["--model", MODEL, "--usd", "20"];
    let output = finish(with_model(run(&target, "providers", &dir, &more), &mock));
    assert_eq!(output.status.code(), Some(20));
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains("key") && !said.contains(KEY), "{said}");
    assert_eq!(state(&dir).run, RunState::Stopped);
    no_key_below(&dir);
    succeed(with_model(
        command(&target, "providers", &["resume", &path]),
        &mock,
    ));
    let log = Reader::open(&dir)
        .expect("a campaign")
        .log()
        .expect("a log");
    let stops = log
        .iter()
        .filter(|logged| matches!(logged.event, Event::CampaignStopped { .. }))
        .count();
    assert_eq!(stops, 1);
    books_are_right(&state(&dir), &mock.ledger(), 20.0);
}

#[test]
fn what_is_wrong_with_a_model_is_said_before_anything_is_written() {
    let target = Target::synthetic(&fixtures().join("tasks"));
    let folder = tempfile::tempdir().expect("a folder");
    let dir = folder.path().join("c");
    let cases: [(&str, &[&str]); 3] = [
        ("gpt", &["unknown model `gpt`", "anthropic:<model>"]),
        (MODEL, &["ANTHROPIC_API_KEY"]),
        (
            "anthropic:no-such-model",
            &["no price", "claude-sonnet-4-6"],
        ),
    ];
    for (model, words) in cases {
        let mut command = run(&target, "providers", &dir, &["--model", model]);
        command.env_remove("ANTHROPIC_API_KEY");
        let output = finish(command);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(3), "{said}");
        assert!(words.iter().all(|word| said.contains(word)), "{said}");
        assert!(!dir.exists());
    }
}

#[test]
fn fault_10_a_conversation_that_is_too_long_is_shortened_and_goes_on() {
    let target = Target::synthetic(&fixtures().join("tasks"));
    let folder = tempfile::tempdir().expect("a folder");
    let dir = folder.path().join("c");
    let mock = mock(5, 0.0);
    // Three turns of the strategist, two of the first worker, and then its
    // conversation is more than the provider takes, twice.
    let passing = std::iter::repeat_n(None, 5);
    mock.inject(passing.chain([Some(Fault::ContextOverflow); 2]));
    let more = ["--model", MODEL, "--usd", "20"];
    succeed(with_model(run(&target, "providers", &dir, &more), &mock));
    let log = Reader::open(&dir)
        .expect("a campaign")
        .log()
        .expect("a log");
    let shortened = log
        .iter()
        .filter(|logged| matches!(logged.event, Event::Compacted { .. }))
        .count();
    assert!(shortened > 0);
    let state = state(&dir);
    assert!(matches!(
        state.run,
        RunState::Finished(FinishReason::Converged)
    ));
    books_are_right(&state, &mock.ledger(), 20.0);
}
