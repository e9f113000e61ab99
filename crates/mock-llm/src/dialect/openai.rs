//! OpenAI's Responses.

use std::collections::HashMap;

use serde_json::{Value, json};

use super::check::{self, Calls};
use super::{Count, Dialect, Frame, Pen, Understood, Written, pieces, search, text, weight};
use crate::ask::{Ask, hash};
use crate::ledger::Tokens;
use crate::memory::Memory;

const FIELDS: [&str; 15] = [
    "model",
    "input",
    "instructions",
    "tools",
    "stream",
    "store",
    "include",
    "max_output_tokens",
    "max_tool_calls",
    "prompt_cache_key",
    "reasoning",
    "tool_choice",
    "parallel_tool_calls",
    "metadata",
    "temperature",
];

pub(super) fn understand(
    headers: &HashMap<String, String>,
    body: &Value,
    memory: &Memory,
) -> Result<Understood, String> {
    let key = headers
        .get("authorization")
        .and_then(|h| h.strip_prefix("Bearer "));
    if key.is_none_or(str::is_empty) {
        return Err("header `authorization` is missing".to_owned());
    }
    check::fields(body, &FIELDS, "request")?;
    let model = check::required(body, "model", "request")?;
    if !body["max_output_tokens"].is_null() {
        check::positive(body, "max_output_tokens", 16)?;
    }
    if !body["max_tool_calls"].is_null() {
        check::positive(body, "max_tool_calls", 1)?;
    }
    if body["store"] != false {
        return Err("`store` is not false, so the provider would keep the data".to_owned());
    }
    for part in body["include"].as_array().into_iter().flatten() {
        if part != "reasoning.encrypted_content" {
            return Err(format!("include: unknown part {part}"));
        }
    }
    let mut tools = Vec::new();
    for tool in body["tools"].as_array().into_iter().flatten() {
        check_tool(tool, &mut tools)?;
    }
    let mut ask = Ask {
        dialect: Dialect::Responses,
        model: model.to_owned(),
        system: text(&body["instructions"]).to_owned(),
        tools,
        turn: 0,
        said: Vec::new(),
        results: Vec::new(),
        searching: Vec::new(),
        fingerprint: 0,
        stream: body["stream"] == true,
    };
    let items = check::list(body, "input", "request")?;
    input(items, &mut ask, memory)?;
    let searched = items.iter().any(|item| item["type"] == "web_search_call");
    if searched && !ask.tools.iter().any(|tool| tool == "web_search") {
        return Err("there are searches and no tool `web_search`".to_owned());
    }

    // What came before in the same words is in the cache.
    let first = json!([body["instructions"], body["tools"]]);
    let mut prefix = hash(0, model.as_bytes());
    let (mut bytes, mut read) = (0, 0);
    let mut cache = Vec::new();
    for part in std::iter::once(&first).chain(items) {
        prefix = hash(prefix, part.to_string().as_bytes());
        bytes += weight(part);
        if memory.knows(prefix) {
            read = bytes;
        }
        cache.push(prefix);
    }
    ask.fingerprint = prefix;
    let cache_read = read.div_ceil(4);
    Ok(Understood {
        ask,
        tokens: Tokens {
            input: bytes.div_ceil(4) - cache_read,
            cache_read,
            ..Tokens::default()
        },
        cache,
    })
}

fn check_tool(tool: &Value, known: &mut Vec<String>) -> Result<(), String> {
    match text(&tool["type"]) {
        "function" => {
            let fields = ["type", "name", "description", "parameters", "strict"];
            check::fields(tool, &fields, "tool")?;
            check::tool(text(&tool["name"]), &tool["parameters"], known)
        }
        "web_search" => {
            check::fields(tool, &["type"], "tool")?;
            known.push("web_search".to_owned());
            Ok(())
        }
        other => Err(format!("tool: unknown type `{other}`")),
    }
}

fn input(items: &[Value], ask: &mut Ask, memory: &Memory) -> Result<(), String> {
    let mut calls = Calls::default();
    let mut seals = Vec::new();
    let mut by_model = false;
    for (number, item) in items.iter().enumerate() {
        let place = format!("input.{number}");
        let is_models = match text(&item["type"]) {
            "message" => item["role"] == "assistant",
            "function_call_output" => false,
            _ => true,
        };
        if is_models && !by_model {
            calls.none_open(&place)?;
            ask.turn += 1;
        }
        by_model = is_models;
        match text(&item["type"]) {
            "message" => {
                check::fields(item, &["type", "role", "content", "id", "status"], &place)?;
                let role = check::required(item, "role", &place)?;
                let wanted = match role {
                    "user" => "input_text",
                    "assistant" => "output_text",
                    other => return Err(format!("{place}: unknown role `{other}`")),
                };
                if !is_models {
                    calls.none_open(&place)?;
                    seals.clear();
                }
                for part in check::list(item, "content", &place)? {
                    let kind = text(&part["type"]);
                    if kind != wanted && !(role == "user" && kind == "input_image") {
                        return Err(format!("{place}: `{kind}` from `{role}`"));
                    }
                    if role == "user" {
                        ask.said.push(text(&part["text"]).to_owned());
                    }
                }
            }
            "reasoning" => {
                let fields = [
                    "type",
                    "id",
                    "summary",
                    "encrypted_content",
                    "content",
                    "status",
                ];
                check::fields(item, &fields, &place)?;
                if !item["summary"].is_array() {
                    return Err(format!("{place}: reasoning without a summary"));
                }
                let seal = check::required(item, "encrypted_content", &place)?;
                let thought = text(&item["summary"][0]["text"]);
                memory.check_thought(seal, Some(thought))?;
                seals.push(seal);
            }
            "function_call" => {
                let fields = ["type", "call_id", "name", "arguments", "id", "status"];
                check::fields(item, &fields, &place)?;
                if !item["arguments"].is_string() {
                    return Err(format!("{place}: arguments that are no text"));
                }
                let id = check::required(item, "call_id", &place)?;
                memory.check_call(id, &seals)?;
                calls.open(id, check::required(item, "name", &place)?)?;
            }
            "web_search_call" => {
                check::fields(item, &["type", "id", "status", "action"], &place)?;
                let id = check::required(item, "id", &place)?;
                check::required(item, "status", &place)?;
                memory.check_search(id, &item["action"])?;
            }
            "function_call_output" => {
                check::fields(item, &["type", "call_id", "output", "id", "status"], &place)?;
                let id = check::required(item, "call_id", &place)?;
                let tool = calls.answer(id).map_err(|why| format!("{place}: {why}"))?;
                ask.results.push((tool, output(&item["output"], &place)?));
            }
            other => return Err(format!("{place}: unknown item `{other}`")),
        }
    }
    calls.none_open("the end")?;
    if by_model {
        return Err("the input must not end with the model".to_owned());
    }
    Ok(())
}

fn output(value: &Value, place: &str) -> Result<String, String> {
    match value {
        Value::String(text) => Ok(text.clone()),
        Value::Array(parts) => {
            let mut all = String::new();
            for part in parts {
                match text(&part["type"]) {
                    "input_text" => all.push_str(text(&part["text"])),
                    "input_image" if text(&part["image_url"]).starts_with("data:image/") => {}
                    other => return Err(format!("{place}: `{other}` in an answer")),
                }
            }
            Ok(all)
        }
        _ => Err(format!("{place}: an answer that is neither text nor list")),
    }
}

/// Puts the stream together.
struct Stream {
    frames: Vec<Frame>,
    output: u64,
}

impl Stream {
    fn push(&mut self, name: &str, mut document: Value) {
        document["type"] = json!(name);
        document["sequence_number"] = json!(self.frames.len());
        self.frames.push(Frame {
            text: format!("event: {name}\ndata: {document}\n\n"),
            output: self.output,
        });
    }

    fn deltas(&mut self, name: &str, index: usize, text: &str, count: &mut Count) {
        for piece in pieces(text) {
            self.output = count.add(&piece);
            self.push(name, json!({ "output_index": index, "delta": piece }));
        }
    }
}

pub(super) fn write(pen: &Pen<'_>, memory: &mut Memory) -> Written {
    let reply = pen.reply;
    let mut tokens = pen.tokens;
    let mut count = Count::new(reply.output_tokens);
    let mut stream = Stream {
        frames: Vec::new(),
        output: 0,
    };
    let response = |status: &str, output: &[Value], usage: Value, incomplete: Value| {
        json!({
            "id": pen.id("resp_", 0),
            "object": "response",
            "status": status,
            "error": null,
            "incomplete_details": incomplete,
            "model": pen.ask.model,
            "output": output,
            "usage": usage,
        })
    };
    let begun = response("in_progress", &[], Value::Null, Value::Null);
    stream.push("response.created", json!({ "response": begun }));
    let ids: Vec<String> = (0..reply.calls.len())
        .map(|place| pen.id("call_", place))
        .collect();
    let mut items: Vec<Value> = Vec::new();
    let mut reasoning = 0;
    if !reply.thinking.is_empty() {
        let seal = pen.seal();
        memory.think(&seal, &reply.thinking, &ids);
        let id = pen.id("rs_", 0);
        let added = json!({ "type": "reasoning", "id": id, "summary": [] });
        stream.push(
            "response.output_item.added",
            json!({ "output_index": 0, "item": added }),
        );
        let name = "response.reasoning_summary_text.delta";
        stream.deltas(name, 0, &reply.thinking, &mut count);
        reasoning = count.total();
        let item = json!({
            "type": "reasoning",
            "id": id,
            "summary": [{ "type": "summary_text", "text": reply.thinking }],
            "encrypted_content": seal,
        });
        let done = json!({ "output_index": 0, "item": item });
        stream.push("response.output_item.done", done);
        items.push(item);
    }
    let mut read = tokens.prompt();
    let mut annotations = Vec::new();
    for (place, wanted) in reply.searches.iter().enumerate() {
        let (index, id) = (items.len(), pen.id("ws_", place));
        let action = json!({ "type": "search", "query": wanted.query });
        let item = |status: &str| json!({ "id": id, "type": "web_search_call", "status": status, "action": action });
        let added = json!({ "output_index": index, "item": item("in_progress") });
        stream.push("response.output_item.added", added);
        for step in ["in_progress", "searching", "completed"] {
            let name = format!("response.web_search_call.{step}");
            stream.push(&name, json!({ "output_index": index, "item_id": id }));
        }
        let item = item("completed");
        let done = json!({ "output_index": index, "item": item });
        stream.push("response.output_item.done", done);
        items.push(item);
        memory.search(&id, &action, &Value::Null, true);
        search::count(&mut tokens, &mut read, &search::content(wanted));
        annotations.extend(wanted.results.iter().map(|page| {
            json!({
                "type": "url_citation", "start_index": 0, "end_index": 1,
                "url": page.url, "title": page.title,
            })
        }));
    }
    if !reply.text.is_empty() {
        let (index, id) = (items.len(), pen.id("msg_", 0));
        let item = |status: &str, content: Value| {
            json!({
                "type": "message", "id": id, "role": "assistant",
                "status": status, "content": content,
            })
        };
        let added = json!({ "output_index": index, "item": item("in_progress", json!([])) });
        stream.push("response.output_item.added", added);
        stream.deltas("response.output_text.delta", index, &reply.text, &mut count);
        let content =
            json!([{ "type": "output_text", "text": reply.text, "annotations": annotations }]);
        let item = item("completed", content);
        let done = json!({ "output_index": index, "item": item });
        stream.push("response.output_item.done", done);
        items.push(item);
    }
    for (place, call) in reply.calls.iter().enumerate() {
        let index = items.len();
        let item = |status: &str, arguments: &str| {
            json!({
                "type": "function_call", "id": pen.id("fc_", place), "call_id": ids[place],
                "name": call.tool, "arguments": arguments, "status": status,
            })
        };
        let added = json!({ "output_index": index, "item": item("in_progress", "") });
        stream.push("response.output_item.added", added);
        let arguments = pen.arguments(place);
        let name = "response.function_call_arguments.delta";
        stream.deltas(name, index, &arguments, &mut count);
        let item = item("completed", &arguments);
        let done = json!({ "output_index": index, "item": item });
        stream.push("response.output_item.done", done);
        items.push(item);
    }
    tokens.output = count.total();
    tokens.reasoning = reasoning.min(tokens.output);
    let usage = json!({
        "input_tokens": tokens.prompt(),
        "input_tokens_details": { "cached_tokens": tokens.cache_read },
        "output_tokens": tokens.output,
        "output_tokens_details": { "reasoning_tokens": tokens.reasoning },
        "total_tokens": tokens.prompt() + tokens.output,
    });
    let (status, incomplete) = if pen.filtered() {
        ("incomplete", json!({ "reason": "content_filter" }))
    } else if reply.cut {
        ("incomplete", json!({ "reason": "max_output_tokens" }))
    } else {
        ("completed", Value::Null)
    };
    let whole = response(status, &items, usage, incomplete);
    stream.output = tokens.output;
    let name = format!("response.{status}");
    stream.push(&name, json!({ "response": whole }));
    Written {
        frames: stream.frames,
        whole,
        tokens,
    }
}
