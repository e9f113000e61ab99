//! What a provider wants back comes back, and what it has cached stays so.

use mock_llm::{Reply, Script};
use orchestrator::document::Document;
use orchestrator::model::{Delta, Message, Stop};
use serde_json::{Value, json};

use crate::support::{
    answers, ask, assert_all_valid, converse, last_request, mock, models, request, said, setup,
    three_turns, user,
};

#[test]
fn fault_11_thinking_goes_back_unchanged_with_the_answers() {
    let mock = mock(three_turns());
    let setup = setup(&mock.url(), 1);
    for (dialect, model) in models(&setup, &mock.url()) {
        let tally = converse(model.as_ref(), dialect).unwrap();
        assert!(tally.replies[0].carry.is_some(), "{dialect}");
        assert!(tally.replies[1].carry.is_some(), "{dialect}");
        // The last reply is words alone: there is nothing to carry.
        assert_eq!(tally.replies[2].carry, None, "{dialect}");
    }
    assert_all_valid(&mock);
}

#[test]
fn the_server_notices_thinking_that_was_dropped_or_changed() {
    let mock = mock(three_turns());
    let setup = setup(&mock.url(), 1);
    for (dialect, model) in models(&setup, &mock.url()) {
        let first = ask(model.as_ref(), &request("s", vec![user(dialect)])).unwrap();
        let changed = serde_json::to_string(&first.carry).unwrap();
        let changed = changed.replace("First I look", "First I looked");
        let changed: Option<Value> = serde_json::from_str(&changed).unwrap();
        for carry in [None, changed] {
            let mut messages = vec![user(dialect)];
            messages.push(Message::Assistant {
                text: first.text.clone(),
                calls: first.calls.clone(),
                carry: carry.as_ref().map(Document::from),
            });
            messages.extend(answers(&first));
            let failure = ask(model.as_ref(), &request("s", messages)).unwrap_err();
            assert!(
                failure.error.to_string().contains("thought"),
                "{dialect}: {failure:?}"
            );
        }
    }
    assert_eq!(mock.ledger().rejected.len(), 6);
}

#[test]
fn fault_11_each_request_is_read_from_the_cache_as_far_as_the_last_one_went() {
    let turns = 8;
    let mock = mock(Script::from_fn(move |ask| {
        if ask.turn < turns {
            Reply::call("read_board", json!({ "id": format!("e{}", ask.turn) }))
                .thinking("Hm, let me see.")
        } else {
            Reply::text("Done.")
        }
    }));
    let setup = setup(&mock.url(), 1);
    for (dialect, model) in models(&setup, &mock.url()) {
        if dialect == "compatible" {
            continue;
        }
        let system = format!("You are careful. {dialect} {}", "Rules. ".repeat(200));
        let tally = converse(model.as_ref(), &system).unwrap();
        let mut before = 0;
        for (turn, reply) in tally.replies.iter().enumerate() {
            let usage = reply.usage;
            assert!(
                usage.cache_read >= before,
                "{dialect} turn {turn}: {usage:?} after {before}"
            );
            before = usage.prompt();
        }
        let last = tally.replies.last().unwrap().usage;
        assert!(
            last.cache_read * 10 > last.prompt() * 9,
            "{dialect}: {last:?}"
        );
    }
    assert_all_valid(&mock);
}

#[test]
fn another_model_gets_words_instead_of_somebody_elses_thoughts() {
    let mock = mock(three_turns());
    let setup = setup(&mock.url(), 1);
    let models = models(&setup, &mock.url());
    for (from, first) in &models {
        for (to, second) in &models {
            if from == to {
                continue;
            }
            let system = format!("{from} {to}");
            let reply = ask(first.as_ref(), &request(&system, vec![user("go")])).unwrap();
            let mut messages = vec![user("go"), said(&reply)];
            messages.extend(answers(&reply));
            ask(second.as_ref(), &request(&system, messages)).unwrap_err();
            let sent = last_request(&mock).to_string();
            // The server knows the call and misses the thought; what matters
            // is that nothing foreign was sent.
            assert!(!sent.contains("First I look"), "{from} to {to}: {sent}");
        }
    }
}

#[test]
fn pieces_are_shown_as_they_come() {
    let mock = mock(three_turns());
    let setup = setup(&mock.url(), 1);
    for (dialect, model) in models(&setup, &mock.url()) {
        let first = ask(model.as_ref(), &request(dialect, vec![user("go")])).unwrap();
        let mut messages = vec![user("go"), said(&first)];
        messages.extend(answers(&first));
        let (mut text, mut reasoning, mut calls) = (Vec::new(), Vec::new(), Vec::new());
        let reply = model
            .turn(&request(dialect, messages), &mut |delta| match delta {
                Delta::Text(piece) => text.push(piece),
                Delta::Reasoning(piece) => reasoning.push(piece),
                Delta::ToolCall(name) => calls.push(name),
            })
            .unwrap();
        assert_eq!(text.concat(), reply.text, "{dialect}");
        let thought = "Now both of them, so that nothing is missing.";
        assert_eq!(reasoning.concat(), thought, "{dialect}");
        assert!(reasoning.len() > 1, "{dialect}");
        assert_eq!(calls, ["read_board", "read_board"], "{dialect}");
    }
}

#[test]
fn a_reply_that_was_cut_off_says_so() {
    let mock = mock(Script::from_fn(|_| Reply {
        text: "And then".to_owned(),
        cut: true,
        ..Reply::default()
    }));
    let setup = setup(&mock.url(), 1);
    for (dialect, model) in models(&setup, &mock.url()) {
        let reply = ask(model.as_ref(), &request("s", vec![user("go")])).unwrap();
        assert_eq!(reply.stop, Stop::Length, "{dialect}");
    }
}
