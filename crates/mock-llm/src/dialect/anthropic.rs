//! Anthropic's Messages.

mod write;

use std::collections::HashMap;

use serde_json::{Value, json};

use super::check::{self, Calls};
use super::search::{self, Searches};
use super::{Dialect, Understood, text, weight};
use crate::ask::{Ask, hash};
use crate::ledger::Tokens;
use crate::memory::Memory;

pub(super) use write::write;

const FIELDS: [&str; 12] = [
    "model",
    "max_tokens",
    "messages",
    "system",
    "tools",
    "stream",
    "thinking",
    "output_config",
    "tool_choice",
    "metadata",
    "temperature",
    "stop_sequences",
];

/// Most marks for the cache in one request.
const MAX_MARKS: usize = 4;

/// Walks over a request in the order in which it is cached.
#[derive(Debug, Default)]
struct Walk {
    bytes: u64,
    prefix: u64,
    marks: usize,
    /// Bytes up to the longest prefix that is in the cache.
    read: u64,
    /// Bytes up to the last mark.
    marked: u64,
    /// Prefixes at the marks.
    cache: Vec<u64>,
}

impl Walk {
    fn step(&mut self, block: &Value, role: &str, memory: &Memory) -> Result<(), String> {
        let mut bare = block.clone();
        let mark = bare.as_object_mut().and_then(|b| b.remove("cache_control"));
        self.prefix = hash(self.prefix, format!("{role}{bare}").as_bytes());
        self.bytes += weight(&bare);
        if memory.knows(self.prefix) {
            self.read = self.bytes;
        }
        let Some(mark) = mark else { return Ok(()) };
        check::fields(&mark, &["type", "ttl"], "cache_control")?;
        if mark["type"] != "ephemeral" {
            return Err("cache_control: its type is not `ephemeral`".to_owned());
        }
        if matches!(text(&bare["type"]), "thinking" | "redacted_thinking") {
            return Err("cache_control: not on thinking".to_owned());
        }
        self.marks += 1;
        self.marked = self.bytes;
        self.cache.push(self.prefix);
        Ok(())
    }

    fn tokens(&self) -> Tokens {
        let (all, marked) = (self.bytes.div_ceil(4), self.marked.div_ceil(4));
        let cache_read = self.read.div_ceil(4).min(marked);
        Tokens {
            input: all - marked,
            cache_read,
            cache_write: marked - cache_read,
            ..Tokens::default()
        }
    }
}

pub(super) fn understand(
    headers: &HashMap<String, String>,
    body: &Value,
    memory: &Memory,
) -> Result<Understood, String> {
    if headers.get("x-api-key").is_none_or(String::is_empty) {
        return Err("header `x-api-key` is missing".to_owned());
    }
    if headers.get("anthropic-version").map(String::as_str) != Some("2023-06-01") {
        return Err("header `anthropic-version` is missing or unknown".to_owned());
    }
    check::fields(body, &FIELDS, "request")?;
    let model = check::required(body, "model", "request")?;
    check::positive(body, "max_tokens", 1)?;
    match text(&body["thinking"]["type"]) {
        "" | "adaptive" | "disabled" => {}
        "enabled" => check::positive(&body["thinking"], "budget_tokens", 1_024)?,
        other => return Err(format!("thinking: unknown type `{other}`")),
    }
    let mut walk = Walk {
        prefix: hash(0, model.as_bytes()),
        ..Walk::default()
    };
    let mut tools = Vec::new();
    for tool in body["tools"].as_array().into_iter().flatten() {
        check_tool(tool, &mut tools)?;
        walk.step(tool, "tools", memory)?;
    }
    let mut system = String::new();
    match &body["system"] {
        Value::Null => {}
        Value::String(text) => system.clone_from(text),
        Value::Array(blocks) => {
            for block in blocks {
                check::fields(block, &["type", "text", "cache_control"], "system")?;
                system.push_str(check::required(block, "text", "system")?);
                walk.step(block, "system", memory)?;
            }
        }
        _ => return Err("system: neither a text nor a list".to_owned()),
    }
    let mut ask = Ask {
        dialect: Dialect::Messages,
        model: model.to_owned(),
        system,
        tools,
        turn: 0,
        said: Vec::new(),
        results: Vec::new(),
        searching: Vec::new(),
        fingerprint: 0,
        stream: body["stream"] == true,
    };
    messages(body, &mut ask, &mut walk, memory)?;
    if walk.marks > MAX_MARKS {
        return Err(format!(
            "{} marks for the cache, at most {MAX_MARKS}",
            walk.marks
        ));
    }
    ask.fingerprint = walk.prefix;
    Ok(Understood {
        tokens: walk.tokens(),
        cache: walk.cache,
        ask,
    })
}

fn check_tool(tool: &Value, known: &mut Vec<String>) -> Result<(), String> {
    let name = check::required(tool, "name", "tool")?;
    match text(&tool["type"]) {
        "" | "custom" => {
            let fields = [
                "type",
                "name",
                "description",
                "input_schema",
                "cache_control",
            ];
            check::fields(tool, &fields, "tool")?;
            check::tool(name, &tool["input_schema"], known)
        }
        "web_search_20250305" => {
            let fields = ["type", "name", "max_uses", "cache_control"];
            check::fields(tool, &fields, "tool")?;
            known.push(name.to_owned());
            Ok(())
        }
        other => Err(format!("tool `{name}`: unknown type `{other}`")),
    }
}

fn messages(body: &Value, ask: &mut Ask, walk: &mut Walk, memory: &Memory) -> Result<(), String> {
    let mut calls = Calls::default();
    let mut searches = Searches::default();
    let mut last = "assistant";
    let mut put_off = false;
    for (number, message) in check::list(body, "messages", "request")?.iter().enumerate() {
        let place = format!("messages.{number}");
        check::fields(message, &["role", "content"], &place)?;
        let role = check::required(message, "role", &place)?;
        if role == last {
            return Err(format!("{place}: roles must alternate, `{role}` twice"));
        }
        let text_alone = json!([{ "type": "text", "text": message["content"] }]);
        let blocks = match &message["content"] {
            Value::String(_) => text_alone.as_array(),
            other => other.as_array(),
        };
        let blocks = blocks.filter(|blocks| !blocks.is_empty());
        let blocks = blocks.ok_or_else(|| format!("{place}: no content"))?;
        match role {
            "user" => {
                let had_calls = calls.any_open();
                user(blocks, &place, ask, &mut calls, had_calls)?;
                calls.none_open(&place)?;
                last = "user";
            }
            "assistant" => {
                assistant(blocks, &place, &mut calls, &mut searches, memory)?;
                // Turns that went on after a pause are one message.
                let pauses = |block: &&Value| memory.paused_after(search::mark_of(block));
                ask.turn += 1 + blocks[..blocks.len() - 1].iter().filter(pauses).count();
                put_off = blocks.last().as_ref().is_some_and(pauses);
                last = "assistant";
            }
            other => return Err(format!("{place}: unknown role `{other}`")),
        }
        for block in blocks {
            walk.step(block, role, memory)?;
        }
    }
    ask.searching = searches.waiting(&ask.tools, memory)?;
    if last != "user" && !put_off {
        return Err("the conversation must end with a user message".to_owned());
    }
    Ok(())
}

fn user(
    blocks: &[Value],
    place: &str,
    ask: &mut Ask,
    calls: &mut Calls,
    had_calls: bool,
) -> Result<(), String> {
    let mut answers_over = !had_calls;
    for block in blocks {
        match text(&block["type"]) {
            "text" => {
                check::fields(block, &["type", "text", "cache_control"], place)?;
                ask.said
                    .push(check::required(block, "text", place)?.to_owned());
                answers_over = true;
            }
            "image" => {
                check_image(block, place)?;
                answers_over = true;
            }
            "tool_result" => {
                let fields = [
                    "type",
                    "tool_use_id",
                    "content",
                    "is_error",
                    "cache_control",
                ];
                check::fields(block, &fields, place)?;
                let id = check::required(block, "tool_use_id", place)?;
                let tool = calls.answer(id).map_err(|why| format!("{place}: {why}"))?;
                if answers_over {
                    return Err(format!("{place}: answers must come first"));
                }
                ask.results.push((tool, answer(block, place)?));
            }
            other => return Err(format!("{place}: `{other}` in a user message")),
        }
    }
    Ok(())
}

fn answer(block: &Value, place: &str) -> Result<String, String> {
    match &block["content"] {
        Value::Null => Ok(String::new()),
        Value::String(text) => Ok(text.clone()),
        Value::Array(parts) => {
            let mut all = String::new();
            for part in parts {
                match text(&part["type"]) {
                    "text" => all.push_str(check::required(part, "text", place)?),
                    "image" => check_image(part, place)?,
                    other => return Err(format!("{place}: `{other}` in an answer")),
                }
            }
            Ok(all)
        }
        _ => Err(format!("{place}: an answer that is neither text nor list")),
    }
}

fn check_image(block: &Value, place: &str) -> Result<(), String> {
    check::fields(block, &["type", "source", "cache_control"], place)?;
    let source = &block["source"];
    check::fields(source, &["type", "media_type", "data"], place)?;
    check::required(source, "data", place)?;
    match text(&source["media_type"]) {
        "image/png" | "image/jpeg" | "image/gif" | "image/webp" => Ok(()),
        other => Err(format!("{place}: no picture of type `{other}`")),
    }
}

fn assistant(
    blocks: &[Value],
    place: &str,
    calls: &mut Calls,
    searches: &mut Searches,
    memory: &Memory,
) -> Result<(), String> {
    let mut seals = Vec::new();
    for block in blocks {
        if searches.take(block, place, memory)? {
            continue;
        }
        match text(&block["type"]) {
            "text" => {
                check::fields(
                    block,
                    &["type", "text", "citations", "cache_control"],
                    place,
                )?;
                check::required(block, "text", place)?;
            }
            "thinking" => {
                check::fields(block, &["type", "thinking", "signature"], place)?;
                let seal = check::required(block, "signature", place)?;
                memory.check_thought(seal, block["thinking"].as_str())?;
                seals.push(seal);
            }
            "tool_use" => {
                let fields = ["type", "id", "name", "input", "cache_control"];
                check::fields(block, &fields, place)?;
                check::object(&block["input"], place)?;
                let id = check::required(block, "id", place)?;
                memory.check_call(id, &seals)?;
                calls.open(id, check::required(block, "name", place)?)?;
            }
            other => return Err(format!("{place}: `{other}` in an assistant message")),
        }
    }
    Ok(())
}
