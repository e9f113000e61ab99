//! Chat completions, as vLLM, Ollama, llama.cpp, OpenRouter and many more
//! offer them. They agree on the form and not on the details: some don't
//! stream, some don't count tokens, some give calls no id and some give their
//! arguments as a document instead of a text.

use serde_json::{Map, Value, json};

use super::{
    Decoder, Dialect, Flow, Reading, Vendor, arguments, count, data_url, fault, list::List, object,
    text, unseen, unwrap, wrap,
};
use crate::core::agent::RequestedCall;
use crate::model::failure::ModelError;
use crate::model::secret::Secret;
use crate::model::sse::Event;
use crate::model::types::{Delta, Image, Message, Stop, TurnRequest, Usage};

/// Templates of many models want a user first.
const OPENING: &str = "Begin.";

/// Fields in which servers put reasoning, and want it back.
const REASONING: [&str; 3] = ["reasoning_content", "reasoning", "reasoning_details"];

/// The dialect, for one model.
#[derive(Clone, Debug)]
pub(crate) struct Compatible {
    pub(crate) model: String,
    pub(crate) vision: bool,
}

impl Dialect for Compatible {
    fn vision(&self) -> bool {
        self.vision
    }

    fn searches(&self) -> bool {
        false
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
        set("stream_options", json!({ "include_usage": true }));
        set("max_tokens", json!(request.max_output_tokens));
        if !request.tools.is_empty() {
            let tools = request.tools.iter().map(|tool| {
                json!({
                    "type": "function",
                    "function": {
                        "name": tool.name,
                        "description": tool.description,
                        "parameters": tool.schema,
                    },
                })
            });
            set("tools", tools.collect());
        }
        self.messages(request).within(body, "messages")
    }

    fn decoder(&self, request: &TurnRequest) -> Box<dyn Decoder> {
        let turn = request
            .messages
            .iter()
            .filter(|message| matches!(message, Message::Assistant { .. }))
            .count();
        Box::new(Reader {
            model: self.model.clone(),
            turn,
            ..Reader::default()
        })
    }
}

impl Compatible {
    fn messages(&self, request: &TurnRequest) -> List {
        // The last one may still get a second text.
        let mut messages = List::new(1);
        if !request.system.is_empty() {
            messages.push(json!({ "role": "system", "content": request.system }));
        }
        if !matches!(request.messages.first(), Some(Message::User { .. })) {
            messages.push(json!({ "role": "user", "content": OPENING }));
        }
        // Pictures can't be part of an answer: they follow once all calls of
        // the turn are answered.
        let mut pictures: Vec<&Image> = Vec::new();
        for message in request.messages.iter() {
            if !matches!(message, Message::Tool { .. }) {
                show(&mut pictures, &mut messages);
            }
            match message {
                Message::User { text } => push_user(text, &mut messages),
                Message::Assistant { text, calls, carry } => {
                    let mut said = json!({ "role": "assistant", "content": text });
                    if !calls.is_empty() {
                        said["tool_calls"] = calls.iter().map(call).collect();
                        if text.is_empty() {
                            said["content"] = Value::Null;
                        }
                    }
                    let carried = unwrap(carry.as_ref(), Vendor::Compatible, &self.model);
                    if let Some(Value::Object(carried)) = carried {
                        for (field, value) in carried {
                            said[field] = value;
                        }
                    }
                    messages.push(said);
                }
                Message::Tool {
                    id, body, images, ..
                } => {
                    let mut answer = body.words();
                    if self.vision {
                        pictures.extend(images);
                    } else if let Some(note) = unseen(images) {
                        answer = format!("{answer}\n{note}");
                    }
                    messages.push(json!({
                        "role": "tool",
                        "tool_call_id": id,
                        "content": answer,
                    }));
                }
            }
        }
        show(&mut pictures, &mut messages);
        messages
    }
}

/// Two messages of the user in a row become one: some templates insist.
fn push_user(said: &str, messages: &mut List) {
    let last = messages.open().back_mut();
    if let Some(last) = last.filter(|last| last["role"] == "user") {
        match &mut last["content"] {
            Value::Array(parts) => parts.push(json!({ "type": "text", "text": said })),
            known => *known = Value::String(format!("{}\n\n{said}", text(known))),
        }
    } else {
        messages.push(json!({ "role": "user", "content": said }));
    }
}

fn show(pictures: &mut Vec<&Image>, messages: &mut List) {
    if pictures.is_empty() {
        return;
    }
    let mut parts = vec![json!({
        "type": "text",
        "text": "The pictures that belong to the answers above, in order:",
    })];
    parts.extend(
        pictures
            .drain(..)
            .map(|image| json!({ "type": "image_url", "image_url": { "url": data_url(image) } })),
    );
    messages.push(json!({ "role": "user", "content": parts }));
}

fn call(call: &RequestedCall) -> Value {
    json!({
        "id": call.id,
        "type": "function",
        "function": {
            "name": call.tool,
            "arguments": object(&call.arguments).to_string(),
        },
    })
}

/// A call under way.
#[derive(Debug, Default)]
struct Call {
    id: String,
    tool: String,
    arguments: String,
}

/// Puts a reply together.
#[derive(Debug, Default)]
struct Reader {
    /// The model asked for.
    model: String,
    /// The model that answers.
    answers: String,
    /// Turns before this one, to number calls without an id.
    turn: usize,
    said: String,
    calls: Vec<Call>,
    carried: Map<String, Value>,
    usage: Option<Usage>,
    stop: Option<String>,
}

impl Decoder for Reader {
    fn event(&mut self, event: &Event, observe: &mut dyn FnMut(Delta)) -> Result<Flow, ModelError> {
        if event.data == "[DONE]" {
            return Ok(Flow::Done);
        }
        let document = fault::document(&event.data)?;
        if !document["error"].is_null() {
            return Err(fault::in_stream(&document));
        }
        self.take(&document);
        if let Some(choice) = document["choices"].get(0) {
            self.choice(choice, "delta", observe);
        }
        Ok(Flow::More)
    }

    fn whole(&mut self, document: Value) -> Result<(), ModelError> {
        if !document["error"].is_null() {
            return Err(fault::in_stream(&document));
        }
        let Some(choice) = document["choices"].get(0) else {
            return Err(ModelError::Malformed {
                detail: "a completion without a choice".to_owned(),
            });
        };
        self.take(&document);
        self.choice(choice, "message", &mut |_| {});
        self.stop.get_or_insert_with(|| "stop".to_owned());
        Ok(())
    }

    fn finish(&mut self) -> Result<Reading, ModelError> {
        let Some(stop) = self.stop.take() else {
            return Err(fault::unfinished());
        };
        let turn = self.turn;
        let calls = std::mem::take(&mut self.calls)
            .into_iter()
            .enumerate()
            .map(|(place, call)| RequestedCall {
                id: if call.id.is_empty() {
                    format!("call-{turn}-{place}")
                } else {
                    call.id
                },
                tool: call.tool,
                arguments: arguments(&call.arguments),
            })
            .collect();
        let carried = std::mem::take(&mut self.carried);
        let filtered = (stop == "content_filter")
            .then(|| "the reply was cut off (finish reason `content_filter`)".to_owned());
        Ok(Reading {
            text: std::mem::take(&mut self.said),
            calls,
            carry: (!carried.is_empty())
                .then(|| wrap(Vendor::Compatible, &self.model, &Value::Object(carried))),
            usage: self.usage,
            model: std::mem::take(&mut self.answers),
            stop: if stop == "length" {
                Stop::Length
            } else {
                Stop::Done
            },
            filtered,
        })
    }
}

impl Reader {
    /// What stands beside the choices.
    fn take(&mut self, document: &Value) {
        if let Some(model) = document["model"].as_str() {
            model.clone_into(&mut self.answers);
        }
        if let Some(usage) = usage(&document["usage"]) {
            self.usage = Some(usage);
        }
    }

    fn choice(&mut self, choice: &Value, part: &str, observe: &mut dyn FnMut(Delta)) {
        let delta = &choice[part];
        let piece = text(&delta["content"]);
        if !piece.is_empty() {
            self.said.push_str(piece);
            observe(Delta::Text(piece.to_owned()));
        }
        for field in REASONING {
            self.reason(field, &delta[field], observe);
        }
        let calls = delta["tool_calls"].as_array();
        for (place, call) in calls.into_iter().flatten().enumerate() {
            let index = call["index"].as_u64().map_or(place, |index| index as usize);
            self.call(index, call, observe);
        }
        if let Some(stop) = choice["finish_reason"].as_str() {
            self.stop = Some(stop.to_owned());
        }
    }

    fn reason(&mut self, field: &str, value: &Value, observe: &mut dyn FnMut(Delta)) {
        match (value, self.carried.get_mut(field)) {
            (Value::String(piece), known) if !piece.is_empty() => {
                observe(Delta::Reasoning(piece.clone()));
                match known {
                    Some(Value::String(known)) => known.push_str(piece),
                    Some(_) | None => {
                        self.carried.insert(field.to_owned(), value.clone());
                    }
                }
            }
            (Value::Array(more), Some(Value::Array(known))) => known.extend(more.iter().cloned()),
            (Value::Array(more), None) if !more.is_empty() => {
                self.carried.insert(field.to_owned(), value.clone());
            }
            _ => {}
        }
    }

    fn call(&mut self, index: usize, piece: &Value, observe: &mut dyn FnMut(Delta)) {
        /// No reply has more calls; an index is not a reason to allocate.
        const MOST: usize = 256;
        if index >= MOST {
            return;
        }
        if self.calls.len() <= index {
            self.calls.resize_with(index + 1, Call::default);
        }
        let call = &mut self.calls[index];
        if let Some(id) = piece["id"].as_str().filter(|id| !id.is_empty()) {
            id.clone_into(&mut call.id);
        }
        let function = &piece["function"];
        if let Some(name) = function["name"].as_str().filter(|name| !name.is_empty()) {
            if call.tool.is_empty() {
                observe(Delta::ToolCall(name.to_owned()));
            }
            name.clone_into(&mut call.tool);
        }
        match &function["arguments"] {
            Value::String(more) => call.arguments.push_str(more),
            Value::Null => {}
            document => call.arguments = document.to_string(),
        }
    }
}

/// `prompt_tokens` includes what came from the cache.
fn usage(usage: &Value) -> Option<Usage> {
    let all = usage["prompt_tokens"].as_u64()?;
    let details = &usage["prompt_tokens_details"];
    let cache_read = count(&details["cached_tokens"]);
    let cache_write = count(&details["cache_write_tokens"]);
    Some(Usage {
        input: all.saturating_sub(cache_read).saturating_sub(cache_write),
        cache_read,
        cache_write,
        output: count(&usage["completion_tokens"]),
        reasoning: count(&usage["completion_tokens_details"]["reasoning_tokens"]),
        searches: 0,
        estimated: false,
    })
}
