//! Chat completions.

use serde_json::{Value, json};

use super::check::{self, Calls};
use super::{Count, Dialect, Frame, Pen, Understood, Written, pieces, text, weight};
use crate::ask::{Ask, hash};
use crate::ledger::Tokens;
use crate::memory::Memory;

const FIELDS: [&str; 9] = [
    "model",
    "messages",
    "tools",
    "stream",
    "stream_options",
    "max_tokens",
    "temperature",
    "tool_choice",
    "seed",
];

pub(super) fn understand(body: &Value, memory: &Memory) -> Result<Understood, String> {
    check::fields(body, &FIELDS, "request")?;
    let model = check::required(body, "model", "request")?;
    if !body["max_tokens"].is_null() {
        check::positive(body, "max_tokens", 1)?;
    }
    if !body["stream_options"].is_null() {
        check::fields(
            &body["stream_options"],
            &["include_usage"],
            "stream_options",
        )?;
    }
    let mut tools = Vec::new();
    for tool in body["tools"].as_array().into_iter().flatten() {
        check::fields(tool, &["type", "function"], "tool")?;
        let function = &tool["function"];
        let fields = ["name", "description", "parameters", "strict"];
        check::fields(function, &fields, "tool")?;
        check::tool(text(&function["name"]), &function["parameters"], &mut tools)?;
    }
    let mut ask = Ask {
        dialect: Dialect::Chat,
        model: model.to_owned(),
        system: String::new(),
        tools,
        turn: 0,
        said: Vec::new(),
        results: Vec::new(),
        searching: Vec::new(),
        fingerprint: 0,
        stream: body["stream"] == true,
    };
    messages(body, &mut ask, memory)?;
    ask.fingerprint = hash(0, format!("{model}{}", body["messages"]).as_bytes());
    let bytes = weight(&body["messages"]) + weight(&body["tools"]);
    Ok(Understood {
        ask,
        tokens: Tokens {
            input: bytes.div_ceil(4),
            ..Tokens::default()
        },
        cache: Vec::new(),
    })
}

fn messages(body: &Value, ask: &mut Ask, memory: &Memory) -> Result<(), String> {
    let mut calls = Calls::default();
    let mut last = "";
    for (number, message) in check::list(body, "messages", "request")?.iter().enumerate() {
        let place = format!("messages.{number}");
        let role = check::required(message, "role", &place)?;
        if role != "tool" {
            calls.none_open(&place)?;
        }
        match role {
            "system" => {
                check::fields(message, &["role", "content"], &place)?;
                if number > 0 {
                    return Err(format!("{place}: a system message must come first"));
                }
                check::required(message, "content", &place)?.clone_into(&mut ask.system);
            }
            "user" => {
                check::fields(message, &["role", "content"], &place)?;
                if last == "user" {
                    return Err(format!("{place}: roles must alternate, `user` twice"));
                }
                user(&message["content"], &place, ask)?;
            }
            "assistant" => {
                let fields = ["role", "content", "tool_calls", "reasoning_content"];
                check::fields(message, &fields, &place)?;
                if matches!(last, "assistant" | "system" | "") {
                    return Err(format!("{place}: `assistant` after `{last}`"));
                }
                assistant(message, &place, &mut calls, memory)?;
                ask.turn += 1;
            }
            "tool" => {
                check::fields(message, &["role", "tool_call_id", "content"], &place)?;
                let id = check::required(message, "tool_call_id", &place)?;
                let tool = calls.answer(id).map_err(|why| format!("{place}: {why}"))?;
                let Value::String(answer) = &message["content"] else {
                    return Err(format!("{place}: an answer that is no text"));
                };
                ask.results.push((tool, answer.clone()));
            }
            other => return Err(format!("{place}: unknown role `{other}`")),
        }
        last = role;
    }
    calls.none_open("the end")?;
    if !matches!(last, "user" | "tool") {
        return Err("the conversation must end with the user or a tool".to_owned());
    }
    Ok(())
}

fn user(content: &Value, place: &str, ask: &mut Ask) -> Result<(), String> {
    match content {
        Value::String(text) if !text.is_empty() => ask.said.push(text.clone()),
        Value::Array(parts) if !parts.is_empty() => {
            for part in parts {
                match text(&part["type"]) {
                    "text" => ask.said.push(text(&part["text"]).to_owned()),
                    "image_url" if part["image_url"]["url"].is_string() => {}
                    other => return Err(format!("{place}: `{other}` in a user message")),
                }
            }
        }
        _ => return Err(format!("{place}: no content")),
    }
    Ok(())
}

fn assistant(
    message: &Value,
    place: &str,
    calls: &mut Calls,
    memory: &Memory,
) -> Result<(), String> {
    let wanted = message["tool_calls"].as_array();
    if wanted.is_none() && text(&message["content"]).is_empty() {
        return Err(format!("{place}: neither content nor calls"));
    }
    // Here a thought is its own seal.
    let seals: Vec<&str> = message["reasoning_content"].as_str().into_iter().collect();
    for call in wanted.into_iter().flatten() {
        check::fields(call, &["id", "type", "function"], place)?;
        if call["type"] != "function" {
            return Err(format!("{place}: a call that is no function"));
        }
        let function = &call["function"];
        check::fields(function, &["name", "arguments"], place)?;
        // Templates take the arguments apart.
        let arguments = serde_json::from_str::<Value>(text(&function["arguments"]));
        if !arguments.is_ok_and(|arguments| arguments.is_object()) {
            return Err(format!("{place}: arguments that are no JSON object"));
        }
        let id = check::required(call, "id", place)?;
        memory.check_call(id, &seals)?;
        calls.open(id, check::required(function, "name", place)?)?;
    }
    Ok(())
}

pub(super) fn write(pen: &Pen<'_>, memory: &mut Memory) -> Written {
    let reply = pen.reply;
    let mut tokens = pen.tokens;
    let mut count = Count::new(reply.output_tokens);
    let mut frames: Vec<Frame> = Vec::new();
    let chunk = |choices: Value, usage: Value| {
        let mut document = json!({
            "id": pen.id("chatcmpl-", 0),
            "object": "chat.completion.chunk",
            "created": 0,
            "model": pen.ask.model,
            "choices": choices,
        });
        if !usage.is_null() {
            document["usage"] = usage;
        }
        format!("data: {document}\n\n")
    };
    let mut push = |delta: Value, finish: Value, output: u64| {
        let choices = json!([{ "index": 0, "delta": delta, "finish_reason": finish }]);
        frames.push(Frame {
            text: chunk(choices, Value::Null),
            output,
        });
    };
    push(
        json!({ "role": "assistant", "content": "" }),
        Value::Null,
        0,
    );
    let ids: Vec<String> = (0..reply.calls.len())
        .map(|place| pen.id("call_", place))
        .collect();
    if !reply.thinking.is_empty() {
        memory.think(&reply.thinking, &reply.thinking, &ids);
        for piece in pieces(&reply.thinking) {
            let output = count.add(&piece);
            push(json!({ "reasoning_content": piece }), Value::Null, output);
        }
    }
    let reasoning = count.total();
    for piece in pieces(&reply.text) {
        let output = count.add(&piece);
        push(json!({ "content": piece }), Value::Null, output);
    }
    let mut calls = Vec::new();
    for (place, call) in reply.calls.iter().enumerate() {
        let arguments = pen.arguments(place);
        let mut first = json!({
            "index": place, "type": "function", "id": ids[place],
            "function": { "name": call.tool, "arguments": "" },
        });
        let mut whole = json!({
            "id": ids[place], "type": "function",
            "function": { "name": call.tool, "arguments": arguments },
        });
        if pen.quirks.no_ids {
            first["id"] = Value::Null;
            whole["id"] = Value::Null;
        }
        calls.push(whole);
        push(json!({ "tool_calls": [first] }), Value::Null, count.add(""));
        for piece in pieces(&arguments) {
            let output = count.add(&piece);
            let delta = json!({ "index": place, "function": { "arguments": piece } });
            push(json!({ "tool_calls": [delta] }), Value::Null, output);
        }
    }
    let finish = if pen.filtered() {
        "content_filter"
    } else if reply.cut {
        "length"
    } else if reply.calls.is_empty() {
        "stop"
    } else {
        "tool_calls"
    };
    tokens.output = count.total();
    tokens.reasoning = reasoning.min(tokens.output);
    push(json!({}), json!(finish), tokens.output);
    let usage = json!({
        "prompt_tokens": tokens.prompt(),
        "completion_tokens": tokens.output,
        "total_tokens": tokens.prompt() + tokens.output,
        "completion_tokens_details": { "reasoning_tokens": tokens.reasoning },
    });
    let mut message = json!({ "role": "assistant", "content": reply.text });
    if !reply.thinking.is_empty() {
        message["reasoning_content"] = json!(reply.thinking);
    }
    if !calls.is_empty() {
        message["tool_calls"] = Value::Array(calls);
    }
    let mut whole = json!({
        "id": pen.id("chatcmpl-", 0),
        "object": "chat.completion",
        "created": 0,
        "model": pen.ask.model,
        "choices": [{ "index": 0, "message": message, "finish_reason": finish }],
    });
    let output = tokens.output;
    if !pen.quirks.no_usage {
        whole["usage"] = usage.clone();
        frames.push(Frame {
            text: chunk(json!([]), usage),
            output,
        });
    }
    frames.push(Frame {
        text: "data: [DONE]\n\n".to_owned(),
        output,
    });
    Written {
        frames,
        whole,
        tokens,
    }
}
