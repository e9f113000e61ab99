//! Tests of the agent loop.

use super::*;
use serde_json::json;

fn reply(calls: Vec<RequestedCall>) -> ModelReply {
    ModelReply {
        text: Body::Inline(json!("")),
        carry: None,
        calls,
        tokens: [0, 0],
        cost_usd: 0.0,
        paused: false,
    }
}

fn call(arguments: Arguments) -> RequestedCall {
    RequestedCall {
        id: "x".to_owned(),
        tool: "read_board".to_owned(),
        arguments,
    }
}

fn answer(status: AnswerStatus) -> Answer {
    Answer {
        status,
        body: Body::Inline(json!({})),
        pictures: Vec::new(),
    }
}

/// A turn that its provider has put off goes on without a word in between,
/// and is no sign that the model has lost its thread.
#[test]
fn a_paused_turn_goes_on() {
    let mut run = AgentRun::new(10);
    for turn in 0..=MAX_INCOHERENT {
        let paused = ModelReply {
            paused: true,
            ..reply(Vec::new())
        };
        let fed = run.feed(Outcome::Model {
            turn,
            reply: paused,
        });
        assert_eq!(fed, Ok(()));
        assert_eq!(run.next(), Step::CallModel { turn: turn + 1 });
    }
    let all_models = |entry: &Entry| matches!(entry, Entry::Model { .. });
    assert!(run.entries().iter().all(all_models));
}

#[test]
fn a_run_alternates_and_ends_with_finish() {
    let mut run = AgentRun::new(10);
    assert_eq!(run.next(), Step::CallModel { turn: 0 });
    let calls = vec![
        call(Arguments::Json(json!({}))),
        call(Arguments::Json(json!({}))),
    ];
    run.feed(Outcome::Model {
        turn: 0,
        reply: reply(calls),
    })
    .unwrap();
    assert!(matches!(run.next(), Step::CallTools(open) if open.len() == 2));
    run.feed(Outcome::Tool {
        number: 0,
        answer: answer(AnswerStatus::Ok),
    })
    .unwrap();
    assert_eq!(
        run.feed(Outcome::Tool {
            number: 0,
            answer: answer(AnswerStatus::Ok)
        }),
        Err(FeedError::Call(0))
    );
    run.feed(Outcome::Tool {
        number: 1,
        answer: answer(AnswerStatus::Ends),
    })
    .unwrap();
    assert_eq!(run.next(), Step::Done(&Ending::Finished));
    assert_eq!(
        run.feed(Outcome::Stop {
            reason: String::new()
        }),
        Err(FeedError::Over)
    );
}

#[test]
fn malformed_calls_are_answered_counted_and_capped() {
    let mut run = AgentRun::new(100);
    for turn in 0..MAX_INCOHERENT {
        assert_eq!(run.next(), Step::CallModel { turn });
        let calls = vec![call(Arguments::Malformed("{".to_owned()))];
        run.feed(Outcome::Model {
            turn,
            reply: reply(calls),
        })
        .unwrap();
        let answered = matches!(run.entries().last(), Some(Entry::Tool { .. }));
        assert!(answered || turn + 1 == MAX_INCOHERENT);
    }
    assert_eq!(run.next(), Step::Done(&Ending::Incoherent));
}

#[test]
fn silence_and_the_turn_limit_end_a_run() {
    let mut run = AgentRun::new(2);
    run.feed(Outcome::Model {
        turn: 0,
        reply: reply(vec![]),
    })
    .unwrap();
    assert_eq!(
        run.feed(Outcome::Model {
            turn: 0,
            reply: reply(vec![])
        }),
        Err(FeedError::Turn(0))
    );
    run.feed(Outcome::Model {
        turn: 1,
        reply: reply(vec![]),
    })
    .unwrap();
    assert_eq!(run.next(), Step::Done(&Ending::TurnLimit));
}
