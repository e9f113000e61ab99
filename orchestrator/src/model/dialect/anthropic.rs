//! Anthropic's Messages API.
//!
//! Requests are written so that each begins with the one before it: tools,
//! system prompt and messages never change once sent, and the marks for the
//! cache move along at the end. Thinking goes back as it came, or the model
//! loses its train of thought and the provider refuses the request.

use serde_json::{Map, Value, json};

use super::{
    Decoder, Dialect, Flow, Reading, Vendor, arguments, base64, count, fault, list::List, object,
    text, unseen, unwrap, wrap,
};
use crate::core::agent::RequestedCall;
use crate::document::Document;
use crate::model::estimate::MAX_SEARCHES;
use crate::model::failure::ModelError;
use crate::model::remote::offers_search;
use crate::model::secret::Secret;
use crate::model::sse::Event;
use crate::model::types::{Delta, Image, Message, Stop, TurnRequest, Usage};

/// Version of the API.
const VERSION: &str = "2023-06-01";
/// The plain search: the newer ones run code of the model's on the way.
const SEARCH: &str = "web_search_20250305";
/// Messages at the end among which the last two of the user are: sides
/// alternate.
const MARKED: usize = 4;
/// A conversation has to begin with the user.
const OPENING: &str = "Begin.";

/// The dialect, for one model.
#[derive(Clone, Debug)]
pub(crate) struct Anthropic {
    pub(crate) model: String,
    pub(crate) vision: bool,
    pub(crate) thinking: bool,
    pub(crate) search: bool,
}

impl Dialect for Anthropic {
    fn vision(&self) -> bool {
        self.vision
    }

    fn searches(&self) -> bool {
        self.search
    }

    fn headers(&self, key: Option<&Secret>) -> Vec<(&'static str, String)> {
        let mut headers = vec![("anthropic-version", VERSION.to_owned())];
        if let Some(key) = key {
            headers.push(("x-api-key", key.expose().to_owned()));
        }
        headers
    }

    fn body(&self, request: &TurnRequest) -> String {
        let mut body = Map::new();
        body.insert("model".to_owned(), json!(self.model));
        body.insert("max_tokens".to_owned(), json!(request.max_output_tokens));
        body.insert("stream".to_owned(), json!(true));
        if self.thinking {
            body.insert("thinking".to_owned(), json!({ "type": "adaptive" }));
        }
        let mut tools = self.tools(request);
        if let Some(last) = tools.last_mut() {
            mark(last);
            body.insert("tools".to_owned(), Value::Array(tools));
        }
        if !request.system.is_empty() {
            let mut block = json!({ "type": "text", "text": request.system });
            mark(&mut block);
            body.insert("system".to_owned(), json!([block]));
        }
        self.messages(request).within(body, "messages")
    }

    fn decoder(&self, _request: &TurnRequest) -> Box<dyn Decoder> {
        Box::new(Reader {
            model: self.model.clone(),
            ..Reader::default()
        })
    }
}

impl Anthropic {
    fn tools(&self, request: &TurnRequest) -> Vec<Value> {
        let native = self.search && offers_search(request);
        request
            .tools
            .iter()
            .map(|tool| {
                if native && tool.name == "web_search" {
                    return json!({
                        "type": SEARCH,
                        "name": "web_search",
                        "max_uses": MAX_SEARCHES,
                    });
                }
                json!({
                    "name": tool.name,
                    "description": tool.description,
                    "input_schema": tool.schema,
                })
            })
            .collect()
    }

    /// Messages with alternating roles, the last two of the user marked for
    /// the cache: one to write, one that the last request wrote.
    fn messages(&self, request: &TurnRequest) -> List {
        let mut turns = List::new(MARKED);
        let mut push = |role: &'static str, block: Value| {
            let last = turns.open().back_mut();
            match last.filter(|turn| turn["role"] == role) {
                Some(turn) => append(turn, block),
                None => turns.push(json!({ "role": role, "content": [block] })),
            }
        };
        if !matches!(request.messages.first(), Some(Message::User { .. })) {
            push("user", json!({ "type": "text", "text": OPENING }));
        }
        let mut searches = Searches::default();
        for message in request.messages.iter() {
            match message {
                Message::User { text } => push("user", json!({ "type": "text", "text": text })),
                Message::Assistant { text, calls, carry } => {
                    match unwrap(carry.as_ref(), Vendor::Anthropic, &self.model) {
                        Some(Value::Array(blocks)) => {
                            for block in blocks {
                                if searches.admit(&block) {
                                    push("assistant", block);
                                }
                            }
                        }
                        Some(_) | None => {
                            for block in said(text, calls) {
                                push("assistant", block);
                            }
                        }
                    }
                }
                Message::Tool {
                    id,
                    ok,
                    body,
                    images,
                    ..
                } => push(
                    "user",
                    json!({
                        "type": "tool_result",
                        "tool_use_id": id,
                        "content": self.answer(body, images),
                        "is_error": !ok,
                    }),
                ),
            }
        }
        let users = turns.open().iter_mut().rev();
        for turn in users.filter(|turn| turn["role"] == "user").take(2) {
            if let Some(last) = turn["content"].as_array_mut().and_then(|b| b.last_mut()) {
                mark(last);
            }
        }
        turns
    }

    fn answer(&self, body: &Document, images: &[Image]) -> Value {
        let mut content = vec![json!({ "type": "text", "text": body.words() })];
        if self.vision {
            content.extend(images.iter().map(|image| {
                json!({
                    "type": "image",
                    "source": {
                        "type": "base64",
                        "media_type": image.media_type,
                        "data": base64(&image.bytes),
                    },
                })
            }));
        } else if let Some(note) = unseen(images) {
            content.push(json!({ "type": "text", "text": note }));
        }
        // An empty text is refused.
        content.retain(|block| block["text"] != "");
        Value::Array(content)
    }
}

/// Adds a block to a message. Answers go before anything else.
fn append(turn: &mut Value, block: Value) {
    let Value::Array(blocks) = &mut turn["content"] else {
        return;
    };
    let is_answer = |block: &Value| block["type"] == "tool_result";
    let place = if is_answer(&block) {
        blocks.iter().take_while(|block| is_answer(block)).count()
    } else {
        blocks.len()
    };
    blocks.insert(place, block);
}

/// Searches that the provider was asked for, by their ids. Their results may
/// come a turn later, and where the conversation was shortened in between they
/// answer nothing any more.
#[derive(Debug, Default)]
struct Searches(Vec<String>);

impl Searches {
    fn admit(&mut self, block: &Value) -> bool {
        match text(&block["type"]) {
            "server_tool_use" => self.0.push(text(&block["id"]).to_owned()),
            "web_search_tool_result" => {
                return self.0.iter().any(|id| id == text(&block["tool_use_id"]));
            }
            _ => {}
        }
        true
    }
}

fn mark(block: &mut Value) {
    block["cache_control"] = json!({ "type": "ephemeral" });
}

/// An assistant's message that came without anything to carry.
fn said(text: &str, calls: &[RequestedCall]) -> Vec<Value> {
    let mut blocks = Vec::new();
    if !text.trim().is_empty() {
        blocks.push(json!({ "type": "text", "text": text }));
    }
    blocks.extend(calls.iter().map(|call| {
        json!({
            "type": "tool_use",
            "id": call.id,
            "name": call.tool,
            "input": object(&call.arguments),
        })
    }));
    if blocks.is_empty() {
        blocks.push(json!({ "type": "text", "text": "(nothing)" }));
    }
    blocks
}

/// A content block is an object, whatever else it may be.
fn check(block: &Value) -> Result<(), ModelError> {
    if block.is_object() {
        return Ok(());
    }
    Err(ModelError::Malformed {
        detail: "a content block that is no object".to_owned(),
    })
}

/// A content block under way.
#[derive(Debug, Default)]
struct Block {
    value: Value,
    /// Pieces of a tool's input.
    input: String,
}

/// Puts a reply together.
#[derive(Debug, Default)]
struct Reader {
    /// The model asked for.
    model: String,
    /// The model that answers.
    answers: String,
    blocks: Vec<Block>,
    usage: Usage,
    counted: bool,
    stop: Option<String>,
    complete: bool,
}

impl Decoder for Reader {
    fn event(&mut self, event: &Event, observe: &mut dyn FnMut(Delta)) -> Result<Flow, ModelError> {
        let document = fault::document(&event.data)?;
        match text(&document["type"]) {
            "message_start" => {
                text(&document["message"]["model"]).clone_into(&mut self.answers);
                self.count(&document["message"]["usage"]);
            }
            "content_block_start" => {
                let value = document["content_block"].clone();
                check(&value)?;
                if value["type"] == "tool_use" {
                    observe(Delta::ToolCall(text(&value["name"]).to_owned()));
                }
                self.blocks.push(Block {
                    value,
                    input: String::new(),
                });
            }
            "content_block_delta" => self.delta(&document, observe)?,
            "message_delta" => {
                if let Some(stop) = document["delta"]["stop_reason"].as_str() {
                    self.stop = Some(stop.to_owned());
                }
                self.count(&document["usage"]);
            }
            "message_stop" => {
                self.complete = true;
                return Ok(Flow::Done);
            }
            "error" => return Err(fault::in_stream(&document)),
            // `ping`, `content_block_stop` and what may come.
            _ => {}
        }
        Ok(Flow::More)
    }

    fn whole(&mut self, document: Value) -> Result<(), ModelError> {
        if document["type"] == "error" {
            return Err(fault::in_stream(&document));
        }
        let Value::Array(blocks) = &document["content"] else {
            return Err(ModelError::Malformed {
                detail: "a message without content".to_owned(),
            });
        };
        for value in blocks {
            check(value)?;
            self.blocks.push(Block {
                value: value.clone(),
                input: String::new(),
            });
        }
        text(&document["model"]).clone_into(&mut self.answers);
        self.count(&document["usage"]);
        self.stop = document["stop_reason"].as_str().map(str::to_owned);
        self.complete = true;
        Ok(())
    }

    fn finish(&mut self) -> Result<Reading, ModelError> {
        let (true, Some(stop)) = (self.complete, self.stop.take()) else {
            return Err(fault::unfinished());
        };
        let mut said = String::new();
        let mut calls = Vec::new();
        let mut plain = true;
        let mut content = Vec::new();
        for mut block in std::mem::take(&mut self.blocks) {
            match text(&block.value["type"]) {
                "text" => said.push_str(text(&block.value["text"])),
                "tool_use" => {
                    if block.input.is_empty() {
                        block.input = block.value["input"].to_string();
                    }
                    let arguments = arguments(&block.input);
                    block.value["input"] = object(&arguments);
                    calls.push(RequestedCall {
                        id: text(&block.value["id"]).to_owned(),
                        tool: text(&block.value["name"]).to_owned(),
                        arguments,
                    });
                }
                // Thinking, searches the provider made, and what may come.
                _ => {
                    plain = false;
                    if !block.input.is_empty() {
                        block.value["input"] = fault::document(&block.input)?;
                    }
                }
            }
            // An empty text is sent now and then, and refused when it comes back.
            if block.value["type"] != "text" || block.value["text"] != "" {
                content.push(block.value);
            }
        }
        let filtered = (stop == "refusal")
            .then(|| "the model's safety filter refused (stop reason `refusal`)".to_owned());
        Ok(Reading {
            text: said,
            calls,
            carry: (!plain).then(|| wrap(Vendor::Anthropic, &self.model, &Value::Array(content))),
            usage: self.counted.then_some(self.usage),
            model: std::mem::take(&mut self.answers),
            stop: match stop.as_str() {
                "max_tokens" | "model_context_window_exceeded" => Stop::Length,
                "pause_turn" => Stop::Paused,
                _ => Stop::Done,
            },
            filtered,
        })
    }
}

impl Reader {
    fn delta(
        &mut self,
        document: &Value,
        observe: &mut dyn FnMut(Delta),
    ) -> Result<(), ModelError> {
        let index = count(&document["index"]) as usize;
        let Some(block) = self.blocks.get_mut(index) else {
            return Err(ModelError::Malformed {
                detail: format!("a piece of block {index}, which has not begun"),
            });
        };
        let delta = &document["delta"];
        let mut append = |field: &str, piece: &str| match &mut block.value[field] {
            Value::String(known) => known.push_str(piece),
            other => *other = Value::String(piece.to_owned()),
        };
        match text(&delta["type"]) {
            "text_delta" => {
                let piece = text(&delta["text"]);
                append("text", piece);
                observe(Delta::Text(piece.to_owned()));
            }
            "thinking_delta" => {
                let piece = text(&delta["thinking"]);
                append("thinking", piece);
                observe(Delta::Reasoning(piece.to_owned()));
            }
            "signature_delta" => append("signature", text(&delta["signature"])),
            "input_json_delta" => block.input.push_str(text(&delta["partial_json"])),
            "citations_delta" => match &mut block.value["citations"] {
                Value::Array(known) => known.push(delta["citation"].clone()),
                other => *other = json!([delta["citation"]]),
            },
            _ => {}
        }
        Ok(())
    }

    /// Counts are totals; a later one replaces an earlier one.
    fn count(&mut self, usage: &Value) {
        let update = |into: &mut u64, value: &Value| {
            if let Some(count) = value.as_u64() {
                *into = count;
            }
        };
        self.counted |= usage["output_tokens"].is_u64();
        update(&mut self.usage.input, &usage["input_tokens"]);
        update(
            &mut self.usage.cache_read,
            &usage["cache_read_input_tokens"],
        );
        update(
            &mut self.usage.cache_write,
            &usage["cache_creation_input_tokens"],
        );
        update(&mut self.usage.output, &usage["output_tokens"]);
        update(
            &mut self.usage.reasoning,
            &usage["output_tokens_details"]["thinking_tokens"],
        );
        update(
            &mut self.usage.searches,
            &usage["server_tool_use"]["web_search_requests"],
        );
    }
}
