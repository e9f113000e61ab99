//! OpenAI's Responses API.
//!
//! Nothing is stored with the provider: the reasoning comes back encrypted and
//! goes along with the next request, in its place among the other items.

use protocol::ContentHash;
use serde_json::{Map, Value, json};

use super::{
    Decoder, Dialect, Flow, Reading, Vendor, arguments, count, data_url, fault, list::List, object,
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

/// An input has to hold something.
const OPENING: &str = "Begin.";

/// The dialect, for one model.
#[derive(Clone, Debug)]
pub(crate) struct OpenAi {
    pub(crate) model: String,
    pub(crate) vision: bool,
    pub(crate) thinking: bool,
    pub(crate) search: bool,
}

impl Dialect for OpenAi {
    fn vision(&self) -> bool {
        self.vision
    }

    fn searches(&self) -> bool {
        self.search
    }

    fn headers(&self, key: Option<&Secret>) -> Vec<(&'static str, String)> {
        key.map(|key| ("authorization", format!("Bearer {}", key.expose())))
            .into_iter()
            .collect()
    }

    fn body(&self, request: &TurnRequest) -> String {
        let mut body = Map::new();
        let mut set = |name: &str, value: Value| body.insert(name.to_owned(), value);
        set("model", json!(self.model));
        set("stream", json!(true));
        set("store", json!(false));
        set("max_output_tokens", json!(request.max_output_tokens));
        if self.thinking {
            set("include", json!(["reasoning.encrypted_content"]));
        }
        if !request.system.is_empty() {
            // Requests of one agent should reach the machine that has its cache.
            let hash = ContentHash::of(request.system.as_bytes());
            set("prompt_cache_key", json!(hash.short()));
            set("instructions", json!(request.system));
        }
        let tools = self.tools(request);
        if self.search && offers_search(request) {
            set("max_tool_calls", json!(MAX_SEARCHES));
        }
        if !tools.is_empty() {
            set("tools", Value::Array(tools));
        }
        self.input(request).within(body, "input")
    }

    fn decoder(&self, _request: &TurnRequest) -> Box<dyn Decoder> {
        Box::new(Reader {
            model: self.model.clone(),
            ..Reader::default()
        })
    }
}

impl OpenAi {
    fn tools(&self, request: &TurnRequest) -> Vec<Value> {
        let native = self.search && offers_search(request);
        request
            .tools
            .iter()
            .map(|tool| {
                if native && tool.name == "web_search" {
                    return json!({ "type": "web_search" });
                }
                json!({
                    "type": "function",
                    "name": tool.name,
                    "description": tool.description,
                    "parameters": tool.schema,
                    "strict": false,
                })
            })
            .collect()
    }

    fn input(&self, request: &TurnRequest) -> List {
        let mut items = List::new(0);
        if !matches!(request.messages.first(), Some(Message::User { .. })) {
            items.push(user(OPENING));
        }
        for message in request.messages.iter() {
            match message {
                Message::User { text } => items.push(user(text)),
                Message::Assistant { text, calls, carry } => {
                    match unwrap(carry.as_ref(), Vendor::OpenAi, &self.model) {
                        Some(Value::Array(carried)) => {
                            for item in carried {
                                items.push(item);
                            }
                        }
                        Some(_) | None => said(text, calls, &mut items),
                    }
                }
                Message::Tool {
                    id, body, images, ..
                } => items.push(json!({
                    "type": "function_call_output",
                    "call_id": id,
                    "output": self.answer(body, images),
                })),
            }
        }
        items
    }

    fn answer(&self, body: &Document, images: &[Image]) -> Value {
        let mut answer = body.words();
        if images.is_empty() {
            return Value::String(answer);
        }
        if !self.vision {
            if let Some(note) = unseen(images) {
                answer = format!("{answer}\n{note}");
            }
            return Value::String(answer);
        }
        let mut parts = vec![json!({ "type": "input_text", "text": answer })];
        parts.extend(
            images
                .iter()
                .map(|image| json!({ "type": "input_image", "image_url": data_url(image) })),
        );
        Value::Array(parts)
    }
}

fn user(text: &str) -> Value {
    json!({
        "type": "message",
        "role": "user",
        "content": [{ "type": "input_text", "text": text }],
    })
}

/// An assistant's message that came without anything to carry.
fn said(text: &str, calls: &[RequestedCall], into: &mut List) {
    if !text.is_empty() {
        into.push(json!({
            "type": "message",
            "role": "assistant",
            "content": [{ "type": "output_text", "text": text }],
        }));
    }
    for call in calls {
        into.push(json!({
            "type": "function_call",
            "call_id": call.id,
            "name": call.tool,
            "arguments": object(&call.arguments).to_string(),
        }));
    }
}

/// Puts a reply together.
#[derive(Debug, Default)]
struct Reader {
    /// The model asked for.
    model: String,
    /// Items that are done.
    items: Vec<Value>,
    /// The response, once it is complete.
    response: Option<Value>,
}

impl Decoder for Reader {
    fn event(&mut self, event: &Event, observe: &mut dyn FnMut(Delta)) -> Result<Flow, ModelError> {
        // Some gateways close a stream the way chat completions do.
        if event.data == "[DONE]" {
            return Ok(Flow::Done);
        }
        let mut document = fault::document(&event.data)?;
        match text(&document["type"]) {
            "response.output_text.delta" => {
                observe(Delta::Text(text(&document["delta"]).to_owned()));
            }
            "response.reasoning_summary_text.delta" | "response.reasoning_text.delta" => {
                observe(Delta::Reasoning(text(&document["delta"]).to_owned()));
            }
            "response.output_item.added" => {
                let item = &document["item"];
                if item["type"] == "function_call" {
                    observe(Delta::ToolCall(text(&item["name"]).to_owned()));
                }
            }
            "response.output_item.done" => self.items.push(document["item"].take()),
            "response.completed" | "response.incomplete" => {
                self.response = Some(document["response"].take());
                return Ok(Flow::Done);
            }
            "response.failed" => return Err(fault::in_stream(&document["response"])),
            "error" => return Err(fault::in_stream(&document)),
            _ => {}
        }
        Ok(Flow::More)
    }

    fn whole(&mut self, document: Value) -> Result<(), ModelError> {
        if !document["error"].is_null() {
            return Err(fault::in_stream(&document));
        }
        if !document["output"].is_array() {
            return Err(ModelError::Malformed {
                detail: "a response without output".to_owned(),
            });
        }
        self.response = Some(document);
        Ok(())
    }

    fn finish(&mut self) -> Result<Reading, ModelError> {
        let Some(mut response) = self.response.take() else {
            return Err(fault::unfinished());
        };
        let items = match response.get_mut("output").map(Value::take) {
            Some(Value::Array(items)) if !items.is_empty() => items,
            Some(_) | None => std::mem::take(&mut self.items),
        };
        let mut said = String::new();
        let mut calls = Vec::new();
        let mut searches = 0;
        let mut plain = true;
        for item in &items {
            match text(&item["type"]) {
                "message" => {
                    for part in item["content"].as_array().into_iter().flatten() {
                        said.push_str(text(&part["text"]));
                        said.push_str(text(&part["refusal"]));
                    }
                }
                "function_call" => calls.push(RequestedCall {
                    id: text(&item["call_id"]).to_owned(),
                    tool: text(&item["name"]).to_owned(),
                    arguments: arguments(text(&item["arguments"])),
                }),
                other => {
                    plain = false;
                    searches += u64::from(other == "web_search_call");
                }
            }
        }
        let reason = text(&response["incomplete_details"]["reason"]);
        let filtered = (reason == "content_filter")
            .then(|| "the reply is incomplete (reason `content_filter`)".to_owned());
        Ok(Reading {
            text: said,
            calls,
            carry: (!plain).then(|| wrap(Vendor::OpenAi, &self.model, &Value::Array(items))),
            usage: usage(&response["usage"], searches),
            model: text(&response["model"]).to_owned(),
            stop: if reason == "max_output_tokens" {
                Stop::Length
            } else {
                Stop::Done
            },
            filtered,
        })
    }
}

/// `input_tokens` includes what came from the cache and what went into it.
fn usage(usage: &Value, searches: u64) -> Option<Usage> {
    let all = usage["input_tokens"].as_u64()?;
    let details = &usage["input_tokens_details"];
    let cache_read = count(&details["cached_tokens"]);
    let cache_write = count(&details["cache_write_tokens"]);
    Some(Usage {
        input: all.saturating_sub(cache_read).saturating_sub(cache_write),
        cache_read,
        cache_write,
        output: count(&usage["output_tokens"]),
        reasoning: count(&usage["output_tokens_details"]["reasoning_tokens"]),
        searches,
        estimated: false,
    })
}
