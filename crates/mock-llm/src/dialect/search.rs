//! Searches of the web that a provider makes by itself: what of them stands in
//! a conversation, and what one more costs.

use serde_json::{Value, json};

use super::{check, text, weight};
use crate::ask::hash;
use crate::ledger::Tokens;
use crate::memory::Memory;
use crate::script::Search;

/// Searches in the Messages of a conversation, walked over from its start.
#[derive(Debug, Default)]
pub(super) struct Searches {
    /// Asked for, and not answered so far.
    open: Vec<String>,
    any: bool,
}

impl Searches {
    /// Takes a block of the model's, if it is about a search.
    pub(super) fn take(
        &mut self,
        block: &Value,
        place: &str,
        memory: &Memory,
    ) -> Result<bool, String> {
        match text(&block["type"]) {
            "server_tool_use" => {
                let fields = ["type", "id", "name", "input", "cache_control"];
                check::fields(block, &fields, place)?;
                if block["name"] != "web_search" {
                    return Err(format!("{place}: no server tool {}", block["name"]));
                }
                let id = check::required(block, "id", place)?;
                memory.check_search(id, &block["input"])?;
                self.open.push(id.to_owned());
            }
            "web_search_tool_result" => {
                let fields = ["type", "tool_use_id", "content", "cache_control"];
                check::fields(block, &fields, place)?;
                let id = check::required(block, "tool_use_id", place)?;
                let Some(at) = self.open.iter().position(|open| open == id) else {
                    return Err(format!(
                        "{place}: a result of `{id}`, which nobody asked for"
                    ));
                };
                self.open.remove(at);
                memory.check_result(id, &block["content"])?;
            }
            _ => return Ok(false),
        }
        self.any = true;
        Ok(true)
    }

    /// Those whose results are still to come; an error if some were dropped, or
    /// if the model may not search any more.
    pub(super) fn waiting(self, tools: &[String], memory: &Memory) -> Result<Vec<String>, String> {
        if self.any && !tools.iter().any(|tool| tool == "web_search") {
            return Err("there are searches and no tool `web_search`".to_owned());
        }
        match self.open.iter().find(|id| memory.was_answered_at_once(id)) {
            Some(id) => Err(format!("the result of search `{id}` is missing")),
            None => Ok(self.open),
        }
    }
}

/// What tells one block of the model's from all others.
pub(super) fn mark_of(block: &Value) -> u64 {
    hash(7, block.to_string().as_bytes())
}

/// What a search finds, as a model is shown it.
pub(super) fn content(search: &Search) -> Value {
    if let Some(code) = &search.error {
        return json!({ "type": "web_search_tool_result_error", "error_code": code });
    }
    let pages = search.results.iter().enumerate().map(|(place, page)| {
        let seal = hash(place as u64, page.url.as_bytes());
        json!({
            "type": "web_search_result",
            "url": page.url,
            "title": page.title,
            "encrypted_content": format!("sealed-{seal:016x}"),
            "page_age": null,
        })
    });
    Value::Array(pages.collect())
}

/// Counts a search whose results have come: the model reads everything anew,
/// and them. One that failed is not billed.
pub(super) fn count(tokens: &mut Tokens, read: &mut u64, content: &Value) {
    *read += weight(content).div_ceil(4);
    tokens.input += *read;
    tokens.searches += u64::from(content.is_array());
}
