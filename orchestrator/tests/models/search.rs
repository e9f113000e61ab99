//! Searches that providers make themselves: asked for, priced, carried back.

use mock_llm::{Ask, Mock, Page, Reply, Script, Search};
use orchestrator::document::Document;
use orchestrator::model::{ChatModel, Delta, Message, Stop, TurnRequest, TurnResponse};
use serde_json::json;

use crate::support::{
    answers, ask, assert_all_valid, last_request, mock, models, request, said, setup, tool, user,
};

const NANO: f64 = 1e9;

fn search(query: &str) -> Search {
    let page = |name: &str| Page {
        url: format!("https://example.org/{name}"),
        title: format!("On {name}"),
    };
    Search {
        query: query.to_owned(),
        results: vec![page("seasons"), page("trends")],
        ..Search::default()
    }
}

/// Searches twice and calls; has a search answered a turn later; ends.
fn searcher() -> Script {
    Script::from_fn(|ask: &Ask| {
        let look = |searches: Vec<Search>| Reply {
            searches,
            text: "Some say weekly.".to_owned(),
            ..Reply::call("read_board", json!({ "id": format!("e{}", ask.turn) }))
        };
        let failed = Search {
            error: Some("max_uses_exceeded".to_owned()),
            ..search("once more")
        };
        let later = Search {
            later: true,
            ..search("later")
        };
        match ask.turn {
            0 => look(vec![search("hourly demand"), search("ETS")]).thinking("Who knows?"),
            // Only the one dialect says how a search failed or comes later.
            1 if ask.dialect == mock_llm::Dialect::Messages => look(vec![failed, later]),
            1 => look(vec![search("later")]),
            2 => look(Vec::new()),
            _ => Reply::text("Enough."),
        }
    })
}

fn searching(system: &str, messages: Vec<Message>) -> TurnRequest {
    let mut request = request(system, messages);
    request.tools.push(tool("web_search"));
    request
}

/// The models whose providers search.
fn searchers(mock: &Mock) -> Vec<(&'static str, Box<dyn ChatModel>)> {
    let setup = setup(&mock.url(), 1);
    let all = models(&setup, &mock.url()).into_iter();
    all.filter(|(_, model)| model.caps().web_search).collect()
}

/// Drives a conversation until nothing is called and nothing put off.
fn converse(model: &dyn ChatModel, system: &str) -> Vec<TurnResponse> {
    let mut messages = vec![user("Have a look.")];
    let mut replies = Vec::new();
    loop {
        let request = searching(system, messages.clone());
        let reserved = model.reserve(&request);
        let reply = ask(model, &request).expect("a reply");
        assert!(reply.cost_usd <= reserved.usd, "{reply:?} of {reserved:?}");
        assert!(
            reply.usage.total() <= reserved.tokens,
            "{reply:?} of {reserved:?}"
        );
        messages.push(said(&reply));
        messages.extend(answers(&reply));
        let over = reply.calls.is_empty() && reply.stop != Stop::Paused;
        replies.push(reply);
        if over {
            return replies;
        }
    }
}

#[test]
fn searches_are_paid_for_and_go_back_as_they_came() {
    let mock = mock(searcher());
    let dialects: Vec<&str> = searchers(&mock)
        .iter()
        .map(|(dialect, _)| *dialect)
        .collect();
    assert_eq!(dialects, ["anthropic", "openai"]);
    for (dialect, model) in searchers(&mock) {
        let before = mock.ledger();
        let replies = converse(model.as_ref(), dialect);
        assert_all_valid(&mock);
        let ledger = mock.ledger();
        let entries = &ledger.entries[before.entries.len()..];
        let searches: Vec<u64> = replies.iter().map(|reply| reply.usage.searches).collect();
        let billed: Vec<u64> = entries.iter().map(|entry| entry.tokens.searches).collect();
        assert_eq!(searches, billed, "{dialect}");
        // The failed one is free, the late one is billed when it is made.
        let expected: &[u64] = if dialect == "anthropic" {
            &[2, 0, 1, 0]
        } else {
            &[2, 1, 0, 0]
        };
        assert_eq!(searches, expected, "{dialect}");
        let paid: f64 = replies.iter().map(|reply| reply.cost_usd).sum();
        let bill = (ledger.settled() - before.settled()) as f64 / NANO;
        assert!((paid - bill).abs() < 1e-9, "{dialect}: {paid} of {bill}");
        assert!(paid > 0.03, "three searches at a cent: {paid}");
        // The harness has nothing to do for a search.
        let calls: Vec<&str> = replies
            .iter()
            .flat_map(|reply| &reply.calls)
            .map(|call| call.tool.as_str())
            .collect();
        assert_eq!(calls, ["read_board"; 3], "{dialect}");
        assert!(
            replies[0].carry.is_some() && replies[3].carry.is_none(),
            "{dialect}"
        );
    }
}

#[test]
fn a_request_says_how_much_may_be_searched_for() {
    let mock = mock(searcher());
    for (dialect, model) in searchers(&mock) {
        let with = searching(dialect, vec![user("go")]);
        ask(model.as_ref(), &with).expect("a reply");
        let sent = last_request(&mock);
        let tools = sent["tools"].as_array().expect("tools");
        let own = tools.iter().find(|tool| {
            let kind = tool["type"].as_str().unwrap_or_default();
            kind.starts_with("web_search")
        });
        let most = match dialect {
            "anthropic" => &own.expect("a tool")["max_uses"],
            _ => &sent["max_tool_calls"],
        };
        assert_eq!(most, 3, "{dialect}");
        let without = request(dialect, vec![user("go")]);
        ask(model.as_ref(), &without).expect("a reply");
        let sent = last_request(&mock).to_string();
        assert!(
            !sent.contains("web_search") && !sent.contains("max_tool_calls"),
            "{dialect}"
        );
        // Three searches at a cent, and what is read four times.
        let more = model.reserve(&with).usd - 4.0 * model.reserve(&without).usd;
        let output = 3.0 * 2_000.0 * 15.0 / 1e6;
        assert!(more > 0.03 - output, "{dialect}: {more}");
    }
}

#[test]
fn the_server_notices_searches_that_were_dropped_or_changed() {
    let mock = mock(searcher());
    let mut refused = 0;
    for (dialect, model) in searchers(&mock) {
        let first = ask(model.as_ref(), &searching("s", vec![user(dialect)])).expect("a reply");
        let text = serde_json::to_string(&first.carry).expect("JSON");
        let changes: &[(&str, &str)] = match dialect {
            "anthropic" => &[
                ("hourly demand", "daily demand"),
                ("sealed-", "opened-"),
                ("web_search_tool_result", "text_of_search"),
            ],
            _ => &[("hourly demand", "daily demand"), ("\"ws_", "\"xs_")],
        };
        for (from, to) in changes {
            let changed = text.replace(from, to);
            assert_ne!(changed, text, "{dialect} {from}");
            let mut messages = vec![user(dialect)];
            messages.push(Message::Assistant {
                text: first.text.clone(),
                calls: first.calls.clone(),
                carry: Some(Document::parse(changed).expect("JSON")),
            });
            messages.extend(answers(&first));
            ask(model.as_ref(), &searching("s", messages)).expect_err("a refusal");
            refused += 1;
        }
    }
    assert_eq!(mock.ledger().rejected.len(), refused);
}

#[test]
fn a_turn_that_was_put_off_goes_on() {
    let mock = mock(Script::from_fn(|ask| match ask.turn {
        0 | 1 => Reply {
            searches: vec![Search {
                later: ask.turn == 1,
                ..search(&format!("part {}", ask.turn))
            }],
            text: format!("Part {}.", ask.turn),
            paused: true,
            ..Reply::default()
        },
        _ => Reply::text("The end."),
    }));
    let (dialect, model) = searchers(&mock).remove(0);
    assert_eq!(dialect, "anthropic");
    let replies = converse(model.as_ref(), "s");
    assert_all_valid(&mock);
    let stops: Vec<Stop> = replies.iter().map(|reply| reply.stop).collect();
    assert_eq!(stops, [Stop::Paused, Stop::Paused, Stop::Done]);
    let texts: Vec<&str> = replies.iter().map(|reply| reply.text.as_str()).collect();
    assert_eq!(texts, ["Part 0.", "Part 1.", "The end."]);
    let roles: Vec<String> = last_request(&mock)["messages"]
        .as_array()
        .expect("messages")
        .iter()
        .map(|message| message["role"].to_string())
        .collect();
    assert_eq!(
        roles,
        ["\"user\"", "\"assistant\""],
        "nobody talks in between"
    );
}

#[test]
fn a_result_whose_search_is_left_out_is_left_out_too() {
    let mock = mock(searcher());
    let (_, model) = searchers(&mock).remove(0);
    let replies = converse(model.as_ref(), "s");
    // The third reply begins with the result of a search of the second.
    let carried = replies[2].carry.as_ref().expect("blocks");
    assert_eq!(carried["content"][0]["type"], "web_search_tool_result");
    let mut messages = vec![user("Earlier turns are left out."), said(&replies[2])];
    messages.extend(answers(&replies[2]));
    ask(model.as_ref(), &searching("s", messages)).expect("a reply");
    assert_all_valid(&mock);
    let sent = last_request(&mock).to_string();
    assert!(!sent.contains("web_search_tool_result"), "{sent}");
}

#[test]
fn a_search_is_no_call_of_ours_while_it_streams() {
    let mock = mock(searcher());
    for (dialect, model) in searchers(&mock) {
        let mut calls = Vec::new();
        let request = searching(dialect, vec![user("go")]);
        let reply = model.turn(&request, &mut |delta| {
            if let Delta::ToolCall(name) = delta {
                calls.push(name);
            }
        });
        assert_eq!(reply.expect("a reply").text, "Some say weekly.");
        assert_eq!(calls, ["read_board"], "{dialect}");
    }
}
