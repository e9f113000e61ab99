//! Replies in the form of Anthropic's Messages, whole and as a stream.

use serde_json::{Value, json};

use crate::dialect::{Count, Frame, Pen, Written, pieces, search};
use crate::ledger::Tokens;
use crate::memory::Memory;

fn frame(name: &str, document: &Value, output: u64) -> Frame {
    Frame {
        text: format!("event: {name}\ndata: {document}\n\n"),
        output,
    }
}

fn usage(tokens: &Tokens, output: u64) -> Value {
    let mut usage = json!({
        "input_tokens": tokens.input,
        "cache_creation_input_tokens": tokens.cache_write,
        "cache_read_input_tokens": tokens.cache_read,
        "output_tokens": output,
    });
    if tokens.searches > 0 {
        usage["server_tool_use"] = json!({ "web_search_requests": tokens.searches });
    }
    usage
}

/// The block of a search, as it starts and as it is at its end.
fn use_of(id: &str, asked: &Value) -> (Value, Value) {
    let of = |input: &Value| json!({ "type": "server_tool_use", "id": id, "name": "web_search", "input": input });
    (of(&json!({})), of(asked))
}

fn partial(asked: &Value) -> Value {
    json!({ "type": "input_json_delta", "partial_json": asked.to_string() })
}

fn result_of(id: &str, found: &Value) -> Value {
    json!({ "type": "web_search_tool_result", "tool_use_id": id, "content": found })
}

pub(in crate::dialect) fn write(pen: &Pen<'_>, memory: &mut Memory) -> Written {
    let reply = pen.reply;
    let mut count = Count::new(reply.output_tokens);
    let mut tokens = pen.tokens;
    let mut frames = Vec::new();
    let mut content = Vec::new();
    let block = |start: &Value, deltas: Vec<(Value, u64)>, frames: &mut Vec<Frame>, index| {
        let before = frames.last().map_or(0, |frame: &Frame| frame.output);
        let document =
            json!({ "type": "content_block_start", "index": index, "content_block": start });
        frames.push(frame("content_block_start", &document, before));
        let mut output = before;
        for (delta, so_far) in deltas {
            output = so_far;
            let document = json!({ "type": "content_block_delta", "index": index, "delta": delta });
            frames.push(frame("content_block_delta", &document, output));
        }
        let document = json!({ "type": "content_block_stop", "index": index });
        frames.push(frame("content_block_stop", &document, output));
    };
    let message = |content: &[Value], stop: Value, usage: Value| {
        json!({
            "id": pen.id("msg_", 0),
            "type": "message",
            "role": "assistant",
            "model": pen.ask.model,
            "content": content,
            "stop_reason": stop,
            "stop_sequence": null,
            "usage": usage,
        })
    };
    let started = json!({
        "type": "message_start",
        "message": message(&[], Value::Null, usage(&tokens, 1)),
    });
    frames.push(frame("message_start", &started, 0));
    frames.push(frame("ping", &json!({ "type": "ping" }), 0));
    let mut read = tokens.prompt();
    for id in &pen.ask.searching {
        let found = memory.result(id).cloned().unwrap_or_default();
        search::count(&mut tokens, &mut read, &found);
        let result = result_of(id, &found);
        block(&result, Vec::new(), &mut frames, content.len());
        content.push(result);
    }
    let ids: Vec<String> = (0..reply.calls.len())
        .map(|place| pen.id("toolu_", place))
        .collect();
    if !reply.thinking.is_empty() {
        let seal = pen.seal();
        memory.think(&seal, &reply.thinking, &ids);
        let mut deltas: Vec<(Value, u64)> = pieces(&reply.thinking)
            .into_iter()
            .map(|piece| {
                let so_far = count.add(&piece);
                (
                    json!({ "type": "thinking_delta", "thinking": piece }),
                    so_far,
                )
            })
            .collect();
        let so_far = count.add("");
        deltas.push((
            json!({ "type": "signature_delta", "signature": seal }),
            so_far,
        ));
        let start = json!({ "type": "thinking", "thinking": "", "signature": "" });
        block(&start, deltas, &mut frames, content.len());
        content.push(json!({ "type": "thinking", "thinking": reply.thinking, "signature": seal }));
    }
    let reasoning = count.total();
    let mut citations = Vec::new();
    let (later, at_once): (Vec<_>, Vec<_>) = reply
        .searches
        .iter()
        .enumerate()
        .partition(|(_, search)| search.later);
    for (place, wanted) in &at_once {
        let id = pen.id("srvtoolu_", *place);
        let asked = json!({ "query": wanted.query });
        let found = search::content(wanted);
        memory.search(&id, &asked, &found, true);
        search::count(&mut tokens, &mut read, &found);
        let so_far = count.add(&wanted.query);
        let (start, whole) = use_of(&id, &asked);
        let deltas = vec![(partial(&asked), so_far)];
        block(&start, deltas, &mut frames, content.len());
        content.push(whole);
        let result = result_of(&id, &found);
        block(&result, Vec::new(), &mut frames, content.len());
        content.push(result);
        citations.extend(wanted.results.iter().map(|page| {
            json!({
                "type": "web_search_result_location", "url": page.url, "title": page.title,
                "cited_text": page.title, "encrypted_index": id,
            })
        }));
    }
    if !reply.text.is_empty() {
        let mut deltas: Vec<(Value, u64)> = citations
            .iter()
            .map(|cited| {
                let delta = json!({ "type": "citations_delta", "citation": cited });
                (delta, count.add(""))
            })
            .collect();
        deltas.extend(pieces(&reply.text).into_iter().map(|piece| {
            let so_far = count.add(&piece);
            (json!({ "type": "text_delta", "text": piece }), so_far)
        }));
        let start = json!({ "type": "text", "text": "" });
        block(&start, deltas, &mut frames, content.len());
        let mut whole = json!({ "type": "text", "text": reply.text });
        if !citations.is_empty() {
            whole["citations"] = Value::Array(citations);
        }
        content.push(whole);
    }
    for (place, wanted) in &later {
        let id = pen.id("srvtoolu_", *place);
        let asked = json!({ "query": wanted.query });
        memory.search(&id, &asked, &search::content(wanted), false);
        let so_far = count.add(&wanted.query);
        let (start, whole) = use_of(&id, &asked);
        block(
            &start,
            vec![(partial(&asked), so_far)],
            &mut frames,
            content.len(),
        );
        content.push(whole);
    }
    for (place, call) in reply.calls.iter().enumerate() {
        let deltas = pieces(&pen.arguments(place))
            .into_iter()
            .map(|piece| {
                let so_far = count.add(&piece);
                (
                    json!({ "type": "input_json_delta", "partial_json": piece }),
                    so_far,
                )
            })
            .collect();
        let start = json!({
            "type": "tool_use", "id": ids[place], "name": call.tool, "input": {},
        });
        block(&start, deltas, &mut frames, content.len());
        content.push(json!({
            "type": "tool_use", "id": ids[place], "name": call.tool, "input": call.arguments,
        }));
    }
    let stop = if pen.filtered() {
        "refusal"
    } else if reply.cut {
        "max_tokens"
    } else if reply.paused {
        if let Some(last) = content.last() {
            memory.pause(search::mark_of(last));
        }
        "pause_turn"
    } else if reply.calls.is_empty() {
        "end_turn"
    } else {
        "tool_use"
    };
    let output = count.total();
    let whole = message(&content, json!(stop), usage(&tokens, output));
    // Counts at the end are totals.
    let counts = if tokens.input > pen.tokens.input {
        usage(&tokens, output)
    } else {
        json!({ "output_tokens": output })
    };
    let end = json!({
        "type": "message_delta",
        "delta": { "stop_reason": stop, "stop_sequence": null },
        "usage": counts,
    });
    frames.push(frame("message_delta", &end, output));
    let stopped = json!({ "type": "message_stop" });
    frames.push(frame("message_stop", &stopped, output));
    tokens.output = output;
    tokens.reasoning = reasoning.min(output);
    Written {
        frames,
        whole,
        tokens,
    }
}
