//! The forms on the wire: requests as they are sent, replies as providers
//! document them.

use mock_llm::Script;
use orchestrator::core::agent::Arguments::{Json, Malformed};
use orchestrator::core::agent::RequestedCall;
use orchestrator::model::{Image, Message, ModelError, TurnRequest, TurnResponse};
use serde_json::json;

use crate::support::{
    answers, ask, assert_all_valid, last_request, mock, models, request, said, serve_once, setup,
    three_turns, tool, user,
};

/// A conversation with everything in it.
fn rich(first: &TurnResponse, system: &str) -> TurnRequest {
    let mut messages = vec![user("Have a look."), said(first)];
    messages.extend(answers(first).into_iter().map(|answer| match answer {
        Message::Tool {
            id, tool, ok, body, ..
        } => Message::Tool {
            id,
            tool,
            ok,
            body,
            images: vec![Image {
                media_type: "image/png".to_owned(),
                bytes: b"\x89PNG\r\n".to_vec(),
            }],
        },
        other => other,
    }));
    messages.push(user("Go on."));
    let call = |id: &str, arguments| RequestedCall {
        id: id.to_owned(),
        tool: "read_board".to_owned(),
        arguments,
    };
    messages.push(Message::Assistant {
        text: "Twice.".to_owned(),
        calls: vec![
            call("c1", Json(json!({ "id": "e1" }))),
            call("c2", Malformed("{\"id\": ".to_owned())),
        ],
        carry: None,
    });
    for (id, ok, body) in [
        ("c1", true, json!("as a text")),
        ("c2", false, json!({ "error": "no JSON" })),
    ] {
        messages.push(Message::Tool {
            id: id.to_owned(),
            tool: "read_board".to_owned(),
            ok,
            body: body.into(),
            images: Vec::new(),
        });
    }
    messages.push(user("Was that all?"));
    let mut rich = request(system, messages);
    rich.tools.push(tool("web_search"));
    rich
}

#[test]
fn requests_have_the_form_that_their_dialect_wants() {
    let mock = mock(three_turns());
    let setup = setup(&mock.url(), 1);
    for (dialect, model) in models(&setup, &mock.url()) {
        let system = "You work.\nRole: worker";
        let first = ask(model.as_ref(), &request(system, vec![user("Have a look.")])).unwrap();
        ask(model.as_ref(), &rich(&first, system)).unwrap();
        insta::assert_json_snapshot!(format!("request_{dialect}"), last_request(&mock));
    }
    assert_all_valid(&mock);
}

#[test]
fn a_conversation_without_a_first_word_is_opened() {
    let mock = mock(Script::from_fn(|ask| {
        mock_llm::Reply::text(&format!("{:?} {}", ask.said, ask.system))
    }));
    let setup = setup(&mock.url(), 1);
    for (dialect, model) in models(&setup, &mock.url()) {
        let reply = ask(model.as_ref(), &request("S", Vec::new())).unwrap();
        assert_eq!(reply.text, "[\"Begin.\"] S", "{dialect}");
    }
    assert_all_valid(&mock);
}

fn read(spec: &str, content_type: &str, body: &str) -> Result<TurnResponse, ModelError> {
    let url = serve_once(content_type, body);
    let mut setup = setup(&url, 1);
    setup.prices = orchestrator::model::PriceTable::shipped().expect("a sound test");
    let model = setup
        .model(&spec.replace("URL", &url))
        .expect("a sound test");
    ask(model.as_ref(), &request("s", vec![user("go")])).map_err(|failure| failure.error)
}

const STREAM: &str = "text/event-stream";

#[test]
fn anthropics_stream_is_read() {
    let body = include_str!("fixtures/anthropic.sse");
    let reply = read("anthropic:claude-opus-5-5", STREAM, body).unwrap();
    // 30,025×4 + 40,000×0.2 + 1,200×5 + 345×20 millionths, and one search.
    assert!(
        (reply.cost_usd - (0.1410 + 0.01)).abs() < 1e-9,
        "{}",
        reply.cost_usd
    );
    insta::assert_debug_snapshot!("reply_anthropic", reply);
}

#[test]
fn openais_stream_is_read() {
    let body = include_str!("fixtures/openai.sse");
    let reply = read("openai:gpt-6.2-sol", STREAM, body).unwrap();
    // 100×2 + 7,000×0.1 + 2,900×2.5 + 200×10 millionths.
    assert!(
        (reply.cost_usd - 0.010_15).abs() < 1e-9,
        "{}",
        reply.cost_usd
    );
    insta::assert_debug_snapshot!("reply_openai", reply);
}

#[test]
fn openais_own_searches_are_read_and_paid_for() {
    let body = include_str!("fixtures/openai-search.sse");
    let reply = read("openai:gpt-6.2-sol", STREAM, body).unwrap();
    // 9,000×2 + 40×10 millionths, and two calls at a cent.
    assert!(
        (reply.cost_usd - (0.0184 + 0.02)).abs() < 1e-9,
        "{}",
        reply.cost_usd
    );
    insta::assert_debug_snapshot!("reply_openai_search", reply);
}

#[test]
fn compatible_servers_are_read() {
    let vllm = include_str!("fixtures/vllm.sse");
    let reply = read("compatible:URL:qwen3", STREAM, vllm).unwrap();
    insta::assert_debug_snapshot!("reply_vllm", reply);
    let ollama = include_str!("fixtures/ollama.json");
    let reply = read("compatible:URL:llama3:8b", "application/json", ollama).unwrap();
    insta::assert_debug_snapshot!("reply_ollama", reply);
    let openrouter = include_str!("fixtures/openrouter.sse");
    let reply = read("compatible:URL/api/v1:a/b", STREAM, openrouter).unwrap();
    insta::assert_debug_snapshot!("reply_openrouter", reply);
}

#[test]
fn an_error_in_a_stream_is_an_error() {
    let overloaded = "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\",\"message\":\"Overloaded\"}}\n\n";
    let error = read("anthropic:claude-opus-5-5", STREAM, overloaded).unwrap_err();
    assert!(matches!(error, ModelError::Overloaded { .. }), "{error:?}");

    let failed = "event: response.failed\ndata: {\"type\":\"response.failed\",\"response\":{\"status\":\"failed\",\"error\":{\"code\":\"context_length_exceeded\",\"message\":\"too long\"}}}\n\n";
    let error = read("openai:gpt-6.2-sol", STREAM, failed).unwrap_err();
    assert!(
        matches!(error, ModelError::ContextOverflow { .. }),
        "{error:?}"
    );

    let limited = "data: {\"error\":{\"code\":429,\"message\":\"busy upstream\"}}\n\n";
    let error = read("compatible:URL:m", STREAM, limited).unwrap_err();
    assert!(matches!(error, ModelError::RateLimited { .. }), "{error:?}");
}

#[test]
fn a_stream_that_ends_early_is_no_reply() {
    let whole = include_str!("fixtures/anthropic.sse");
    let cut = whole.find("event: message_stop").unwrap();
    let error = read("anthropic:claude-opus-5-5", STREAM, &whole[..cut]).unwrap_err();
    assert!(matches!(error, ModelError::Dropped { .. }), "{error:?}");
    let whole = include_str!("fixtures/openai.sse");
    let cut = whole.find("event: response.completed").unwrap();
    let error = read("openai:gpt-6.2-sol", STREAM, &whole[..cut]).unwrap_err();
    assert!(matches!(error, ModelError::Dropped { .. }), "{error:?}");
}

#[test]
fn what_is_no_reply_at_all_is_malformed() {
    for spec in [
        "anthropic:claude-opus-5-5",
        "openai:gpt-6.2-sol",
        "compatible:URL:m",
    ] {
        for body in ["<html>", "{}", "[]"] {
            let error = read(spec, "text/html", body).unwrap_err();
            assert!(
                matches!(error, ModelError::Malformed { .. }),
                "{spec} {body}: {error:?}"
            );
        }
    }
}
