//! A log written by hand, and what is answered from it.

use protocol::Direction;
use serde_json::{Value, json};

use super::*;
use crate::core::agent::{Answer, AnswerStatus, ModelReply};
use crate::core::event::{Actor, Body, Event};
use crate::core::settings::{Limits, MetricSettings, Policy, SETTINGS_SCHEMA, Settings};
use crate::core::state::State;
use crate::model::request::turn_request;
use crate::store::{Batch, Reader, Store};

fn settings() -> Settings {
    Settings {
        schema: SETTINGS_SCHEMA,
        adapter: "a".to_owned(),
        domain: "d".to_owned(),
        objective: "o".to_owned(),
        lab: "l".to_owned(),
        device: "cpu".to_owned(),
        arch: None,
        simulated: false,
        model: "m".to_owned(),
        models: crate::core::models::ModelSettings::default(),
        executor: "local".to_owned(),
        workers: 1,
        seed: 1,
        metric: MetricSettings {
            name: "rmse".to_owned(),
            unit: "1".to_owned(),
            direction: Direction::Minimise,
            baseline: "b".to_owned(),
            baseline_value: Some(1.0),
        },
        limits: Limits::default(),
        shares: std::collections::BTreeMap::new(),
        strategy: crate::core::strategy::Strategy::Full,
        staff: None,
        ablations: 0,
        gates: Vec::new(),
        policy: Policy {
            tries_per_worker: 1,
            finalists: 1,
            try_s: 1.0,
            evaluate_s: 1.0,
            remeasure_s: 1.0,
            converged_gain: 0.1,
            turns: 9,
            retry_s: 1.0,
            statistics: crate::core::statistics::Statistics::default(),
            search: crate::core::search_policy::SearchPolicy::default(),
        },
        tasks: Vec::new(),
        data: String::new(),
        until: 2,
        evaluation: None,
        web: None,
        python: None,
    }
}

fn started(agent: u32) -> Event {
    Event::AgentStarted {
        agent: AgentId(agent),
        role: Role::Explorer,
        experiment: None,
        round: None,
        under: None,
        prompt: Body::Inline(json!("Explore.")),
        tries_until_wall_s: None,
        model: None,
    }
}

fn called(turn: u32, tool: &str, arguments: Value) -> Event {
    Event::ModelCalled {
        agent: AgentId(1),
        turn,
        reply: ModelReply {
            text: Body::Inline(json!("")),
            carry: None,
            calls: vec![RequestedCall {
                id: format!("c{turn}"),
                tool: tool.to_owned(),
                arguments: Arguments::Json(arguments),
            }],
            tokens: [10, 2],
            cost_usd: 0.5,
            paused: false,
        },
    }
}

fn answered(call: u32, body: Value) -> Event {
    Event::ToolAnswered {
        agent: AgentId(1),
        call,
        answer: Answer {
            status: AnswerStatus::Ok,
            body: Body::Inline(body),
            pictures: Vec::new(),
        },
    }
}

/// A campaign in which a command printed this, and in which the harness ended
/// its agent before the third turn.
fn recorded(dir: &Path, printed: &str) {
    let mut store = Store::create(dir).expect("a store");
    let mut batch = Batch::new();
    let command = format!("cd {} && python a.py", dir.display());
    for event in [
        Event::CampaignStarted {
            settings: Box::new(settings()),
        },
        started(1),
        called(0, "shell", json!({ "command": command })),
        answered(
            0,
            json!({ "took_ms": dir.as_os_str().len(), "text": printed }),
        ),
        called(1, "read_board", json!({})),
        answered(1, json!({})),
        Event::AgentStopped {
            agent: AgentId(1),
            reason: "time is up".to_owned(),
        },
        started(2),
    ] {
        batch.push(Actor::Harness, event);
    }
    store.append(0, 1, batch).expect("a log");
}

/// The requests of agent 1 in a campaign.
fn requests(dir: &Path) -> Vec<TurnRequest> {
    let reader = Reader::open(dir).expect("a campaign");
    let mut state = State::default();
    let mut requests = Vec::new();
    for logged in reader.log().expect("a log") {
        if let Event::ModelCalled { agent, .. } = &logged.event {
            let request = turn_request(&state, &state.agents[agent], &reader, true);
            requests.push(request.expect("a request"));
        }
        state.apply(&logged).expect("legal");
    }
    requests
}

fn ask(replay: &Replay, request: &TurnRequest) -> Result<TurnResponse, ModelError> {
    let answer = replay.turn(request, &mut |_| ());
    answer.map_err(|failure| failure.error)
}

fn two_campaigns(first: &str, second: &str) -> (tempfile::TempDir, Replay, Vec<TurnRequest>) {
    let around = tempfile::tempdir().expect("a folder");
    let dirs = ["one", "the-other"].map(|name| around.path().join(name));
    for (dir, printed) in dirs.iter().zip([first, second]) {
        std::fs::create_dir(dir).expect("a folder");
        recorded(dir, printed);
    }
    let replay = Replay::open(&dirs[0], Some(&dirs[1])).expect("a recording");
    let requests = requests(&dirs[1]);
    (around, replay, requests)
}

#[test]
fn replies_are_given_with_the_new_folder_and_for_nothing() {
    let (around, replay, requests) = two_campaigns("fit in 0.5 s", "fit in 12.5 s");
    let reply = ask(&replay, &requests[0]).expect("a reply");
    let here = around.path().join("the-other");
    let command = format!("cd {} && python a.py", here.display());
    let arguments = Arguments::Json(json!({ "command": command }));
    assert_eq!(reply.calls[0].arguments, arguments);
    assert!(reply.cost_usd.abs() < f64::EPSILON && reply.usage.total() == 12);
    ask(&replay, &requests[1]).expect("a reply");
    let replayed = replay.replayed().expect("a replay");
    assert_eq!(replayed.to_string(), "replay: no divergence in 2 turns");
}

#[test]
fn the_first_difference_is_named_and_the_replies_go_on() {
    let (_around, replay, requests) = two_campaigns("rows: 480", "rows: 481");
    for request in &requests {
        ask(&replay, request).expect("a reply");
    }
    let divergence = replay.replayed().and_then(|r| r.divergence);
    let divergence = divergence.expect("a divergence");
    let Difference::Part {
        part,
        recorded,
        now,
    } = &divergence.how
    else {
        panic!("{divergence}");
    };
    let from = Source::Tool("shell".to_owned());
    assert_eq!(*part, Part::Message { number: 2, from });
    assert!(recorded.contains("rows: 480") && now.contains("rows: 481"));
    assert_eq!((divergence.agent, divergence.turn), (AgentId(1), 1));

    // Prompts and lists of tools count as well.
    let (_around, replay, mut requests) = two_campaigns("", "");
    requests[0].tools.pop();
    requests[1].system.push('!');
    ask(&replay, &requests[0]).expect("a reply");
    ask(&replay, &requests[1]).expect("a reply");
    let how = replay.replayed().and_then(|r| r.divergence).map(|d| d.how);
    let Some(Difference::Part { part, .. }) = how else {
        panic!("{how:?}");
    };
    assert_eq!(part, Part::Tools);
}

#[test]
fn what_was_not_recorded_is_no_answer() {
    let (_around, replay, requests) = two_campaigns("", "");
    let at = |agent: u32, turn: u32| TurnRequest {
        agent: AgentId(agent),
        turn,
        ..requests[0].clone()
    };
    // The harness ended it there.
    let ended = ask(&replay, &at(1, 2)).expect_err("no reply");
    let reason = "time is up".to_owned();
    assert_eq!(
        ended,
        ModelError::EndedThere {
            reason,
            let_down: None
        }
    );
    // The log ends while these would go on.
    for request in [at(2, 0), at(3, 0)] {
        let end = ask(&replay, &request).expect_err("no reply");
        assert!(matches!(end, ModelError::NotRecorded { .. }), "{end}");
    }
    assert_eq!(replay.replayed().expect("a replay").divergence, None);
    // The log says that there was no such turn.
    ask(&replay, &at(1, 7)).expect_err("no reply");
    let divergence = replay.replayed().and_then(|r| r.divergence);
    let shown = divergence.expect("a divergence").to_string();
    assert!(shown.contains("agent a0001 has 2 turns"), "{shown}");
}

#[test]
fn excerpts_are_cut_around_the_place() {
    let long = |middle: &str| format!("{}{middle}{}", "ä".repeat(200), "ö".repeat(200));
    let (one, other) = around(&long("x"), &long("yz"));
    assert!(one.contains("äxö") && other.contains("äyzö"));
    assert!(one.len() < 3 * AROUND && one.starts_with('…') && one.ends_with('…'));
    assert_eq!(around("same", "same but longer").1, "same but longer");
    assert_eq!(around("", "x"), (String::new(), "x".to_owned()));
}
