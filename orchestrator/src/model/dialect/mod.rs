//! How providers want to be asked and how they answer, one file each.

pub(super) mod anthropic;
pub(super) mod compatible;
pub(super) mod fault;
mod list;
pub(super) mod openai;

use std::fmt;

use serde_json::{Value, json};

use super::estimate;
use super::failure::ModelError;
use super::secret::Secret;
use super::sse::Event;
use super::types::{Delta, Image, Stop, TurnRequest, Usage};
use crate::core::agent::{Arguments, RequestedCall};
use crate::document::Document;

/// Who speaks a dialect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Vendor {
    /// Anthropic's Messages API.
    Anthropic,
    /// OpenAI's Responses API.
    OpenAi,
    /// Chat completions, as many servers offer them.
    Compatible,
}

impl Vendor {
    /// The word before the first colon of a `--model` argument, which is also
    /// the provider in the price table and the name of the key file.
    pub fn word(self) -> &'static str {
        match self {
            Self::Anthropic => "anthropic",
            Self::OpenAi => "openai",
            Self::Compatible => "compatible",
        }
    }

    /// The variable that may hold the key.
    pub fn key_variable(self) -> &'static str {
        match self {
            Self::Anthropic => "ANTHROPIC_API_KEY",
            Self::OpenAi => "OPENAI_API_KEY",
            Self::Compatible => "ALPHALAB_COMPATIBLE_KEY",
        }
    }
}

/// Writes requests and reads replies.
pub(super) trait Dialect: Send + Sync + fmt::Debug {
    /// Whether pictures are sent.
    fn vision(&self) -> bool;
    /// Whether the provider takes `web_search` upon itself.
    fn searches(&self) -> bool;
    /// Headers beside the content type.
    fn headers(&self, key: Option<&Secret>) -> Vec<(&'static str, String)>;
    /// The document to post, as text.
    fn body(&self, request: &TurnRequest) -> String;
    /// Something that reads the reply.
    fn decoder(&self, request: &TurnRequest) -> Box<dyn Decoder>;
}

/// Whether more events are to come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Flow {
    More,
    Done,
}

/// Puts a reply together.
pub(super) trait Decoder {
    /// Takes an event of a stream.
    fn event(&mut self, event: &Event, observe: &mut dyn FnMut(Delta)) -> Result<Flow, ModelError>;
    /// Takes the reply of a server that does not stream.
    fn whole(&mut self, document: Value) -> Result<(), ModelError>;
    /// The reply, if it is complete.
    fn finish(&mut self) -> Result<Reading, ModelError>;
}

/// A complete reply.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Reading {
    pub(super) text: String,
    pub(super) calls: Vec<RequestedCall>,
    pub(super) carry: Option<Value>,
    /// None if the server does not count.
    pub(super) usage: Option<Usage>,
    pub(super) model: String,
    pub(super) stop: Stop,
    /// Why the provider's filter stopped it, if it did.
    pub(super) filtered: Option<String>,
}

impl Reading {
    /// Tokens written, if the server does not say.
    pub(super) fn output_estimate(&self) -> u64 {
        let calls: u64 = self
            .calls
            .iter()
            .map(|call| match &call.arguments {
                Arguments::Json(value) => estimate::text_tokens(&value.to_string()),
                Arguments::Malformed(text) => estimate::text_tokens(text),
                // A reply comes with its arguments in place.
                Arguments::Stored(_) => 0,
            })
            .sum();
        estimate::text_tokens(&self.text) + calls
    }
}

/// Longest piece of malformed arguments that is kept.
const MALFORMED_CHARS: usize = 2_000;

/// Reads a call's arguments. What is no JSON object is the model's mistake and
/// goes back to it; it is never an error.
fn arguments(text: &str) -> Arguments {
    if text.trim().is_empty() {
        return Arguments::Json(json!({}));
    }
    match serde_json::from_str::<Value>(text) {
        Ok(value @ Value::Object(_)) => Arguments::Json(value),
        Ok(_) | Err(_) => Arguments::Malformed(text.chars().take(MALFORMED_CHARS).collect()),
    }
}

/// Arguments as an object, for providers that take nothing else.
fn object(arguments: &Arguments) -> Value {
    match arguments {
        Arguments::Json(value @ Value::Object(_)) => value.clone(),
        Arguments::Json(other) => json!({ "malformed": other.to_string() }),
        Arguments::Malformed(text) => json!({ "malformed": text }),
        // A request is made with its arguments in place.
        Arguments::Stored(hash) => json!({ "stored": hash }),
    }
}

/// Wraps what has to come back unchanged. It is of use to the same model of
/// the same provider only.
fn wrap(vendor: Vendor, model: &str, content: &Value) -> Value {
    json!({ "dialect": vendor.word(), "model": model, "content": content })
}

/// What [`wrap`] wrapped, if it is ours.
fn unwrap(carry: Option<&Document>, vendor: Vendor, model: &str) -> Option<Value> {
    let mut carry = carry?.value();
    let ours = carry["dialect"] == vendor.word() && carry["model"] == model;
    ours.then(|| carry["content"].take())
}

/// Said in place of pictures that the model can't see.
fn unseen(images: &[Image]) -> Option<String> {
    (!images.is_empty()).then(|| {
        format!(
            "({} image(s) not shown: this model reads text only)",
            images.len()
        )
    })
}

/// `data:` URL of a picture.
fn data_url(image: &Image) -> String {
    format!("data:{};base64,{}", image.media_type, base64(&image.bytes))
}

/// Base64 with padding.
fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for group in bytes.chunks(3) {
        let bits = group
            .iter()
            .fold(0_u32, |bits, &byte| bits << 8 | u32::from(byte))
            << (8 * (3 - group.len()));
        for place in 0..4 {
            let digit = bits >> (18 - 6 * place) & 63;
            text.push(if place <= group.len() {
                char::from(DIGITS[digit as usize])
            } else {
                '='
            });
        }
    }
    text
}

/// A number in a document; 0 if it is absent.
fn count(value: &Value) -> u64 {
    value.as_u64().unwrap_or(0)
}

/// A text in a document; empty if it is absent.
fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn base64_of_the_standards_examples() {
        for (bytes, expected) in [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foob", "Zm9vYg=="),
            ("fooba", "Zm9vYmE="),
            ("foobar", "Zm9vYmFy"),
        ] {
            assert_eq!(base64(bytes.as_bytes()), expected);
        }
    }

    #[test]
    fn only_objects_are_arguments() {
        assert_eq!(arguments(" "), Arguments::Json(json!({})));
        assert_eq!(arguments("{\"a\":1}"), Arguments::Json(json!({"a": 1})));
        for bad in ["{\"a\":", "[1]", "null", "word"] {
            assert_eq!(arguments(bad), Arguments::Malformed(bad.to_owned()));
        }
    }

    /// Documents made of the words that decoders look for.
    fn documents() -> impl Strategy<Value = Value> {
        let words = [
            "type",
            "message_start",
            "content_block_start",
            "content_block_delta",
            "content_block",
            "message",
            "message_delta",
            "message_stop",
            "index",
            "delta",
            "text",
            "text_delta",
            "citations_delta",
            "citation",
            "input_json_delta",
            "partial_json",
            "tool_use",
            "input",
            "usage",
            "stop_reason",
            "refusal",
            "content",
            "response",
            "response.output_item.done",
            "response.completed",
            "item",
            "output",
            "choices",
            "tool_calls",
            "function",
            "arguments",
            "finish_reason",
            "reasoning_details",
            "error",
        ];
        let word = prop::sample::select(words.to_vec());
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<u8>().prop_map(Value::from),
            word.clone().prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 24, 5, move |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
                prop::collection::vec((word.clone(), inner), 0..5).prop_map(|fields| {
                    let fields = fields.into_iter().map(|(k, v)| (k.to_owned(), v));
                    Value::Object(fields.collect())
                }),
            ]
        })
    }

    fn decoders() -> Vec<Box<dyn Decoder>> {
        let request = TurnRequest {
            agent: crate::core::ids::AgentId(1),
            turn: 0,
            role: crate::core::agent::Role::Worker,
            system: String::new(),
            messages: crate::model::Transcript::default(),
            tools: Vec::new(),
            max_output_tokens: 1,
        };
        let (model, vision) = ("m".to_owned(), false);
        let anthropic = anthropic::Anthropic {
            model: model.clone(),
            vision,
            thinking: false,
            search: false,
        };
        let openai = openai::OpenAi {
            model: model.clone(),
            vision,
            thinking: false,
            search: false,
        };
        let compatible = compatible::Compatible { model, vision };
        let dialects: [&dyn Dialect; 3] = [&anthropic, &openai, &compatible];
        dialects.map(|d| d.decoder(&request)).into()
    }

    proptest! {
        #[test]
        fn no_reply_however_odd_is_the_end_of_us(
            stream in prop::collection::vec(documents(), 1..6),
        ) {
            for mut decoder in decoders() {
                for document in &stream {
                    let event = Event { name: String::new(), data: document.to_string() };
                    // Whether it is refused does not matter here.
                    let _ = decoder.event(&event, &mut |_| {});
                }
                let _ = decoder.finish();
            }
            for mut decoder in decoders() {
                let _ = decoder.whole(stream[0].clone());
                let _ = decoder.finish();
            }
        }
    }

    #[test]
    fn carried_blocks_are_for_the_same_model_only() {
        let carry = Document::from(wrap(Vendor::Anthropic, "m", &json!([1])));
        let read = |vendor, model| unwrap(Some(&carry), vendor, model);
        assert_eq!(read(Vendor::Anthropic, "m"), Some(json!([1])));
        assert_eq!(read(Vendor::Anthropic, "n"), None);
        assert_eq!(read(Vendor::OpenAi, "m"), None);
    }
}
