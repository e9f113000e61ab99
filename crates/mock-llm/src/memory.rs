//! What it has said before, to know it again.

use std::collections::{HashMap, HashSet};

use serde_json::Value;

/// A search that was made.
#[derive(Debug)]
struct Made {
    input: Value,
    content: Value,
    at_once: bool,
}

/// Blocks of thinking by the calls that they led to, and the prefixes of
/// conversations that are in the cache.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    /// Signature or encrypted content, and what it stands for.
    thoughts: HashMap<String, String>,
    /// Id of a call, and the signature of what was thought before it.
    before_call: HashMap<String, String>,
    prefixes: HashSet<u64>,
    /// Searches by their ids.
    searches: HashMap<String, Made>,
    /// Last blocks of turns that were put off.
    pauses: HashSet<u64>,
}

impl Memory {
    /// Remembers a thought and the calls that came of it.
    pub(crate) fn think(&mut self, seal: &str, thought: &str, calls: &[String]) {
        self.thoughts.insert(seal.to_owned(), thought.to_owned());
        for call in calls {
            self.before_call.insert(call.clone(), seal.to_owned());
        }
    }

    /// Checks a thought that came back.
    pub(crate) fn check_thought(&self, seal: &str, thought: Option<&str>) -> Result<(), String> {
        let Some(known) = self.thoughts.get(seal) else {
            return Err(format!("`{seal}` seals no thought of this server"));
        };
        if thought.is_some_and(|thought| thought != known) {
            return Err(format!("the thought under `{seal}` was changed"));
        }
        Ok(())
    }

    /// Checks that the thought before a call came back with it.
    pub(crate) fn check_call(&self, call: &str, seals: &[&str]) -> Result<(), String> {
        match self.before_call.get(call) {
            Some(seal) if !seals.contains(&seal.as_str()) => Err(format!(
                "call `{call}` came back without the thought that led to it"
            )),
            Some(_) | None => Ok(()),
        }
    }

    /// Remembers a search, what was asked and what it found, and whether that
    /// was said in the same reply.
    pub(crate) fn search(&mut self, id: &str, input: &Value, content: &Value, at_once: bool) {
        let made = Made {
            input: input.clone(),
            content: content.clone(),
            at_once,
        };
        self.searches.insert(id.to_owned(), made);
    }

    /// Checks a search that came back.
    pub(crate) fn check_search(&self, id: &str, input: &Value) -> Result<(), String> {
        match self.searches.get(id) {
            None => Err(format!("`{id}` is no search of this server")),
            Some(made) if made.input != *input => Err(format!("search `{id}` was changed")),
            Some(_) => Ok(()),
        }
    }

    /// Checks what a search found, which came back.
    pub(crate) fn check_result(&self, id: &str, content: &Value) -> Result<(), String> {
        match self.result(id) {
            Some(known) if known == content => Ok(()),
            Some(_) | None => Err(format!("the result of search `{id}` was changed")),
        }
    }

    /// What a search found.
    pub(crate) fn result(&self, id: &str) -> Option<&Value> {
        self.searches.get(id).map(|made| &made.content)
    }

    /// Whether a search was answered in the reply that asked for it.
    pub(crate) fn was_answered_at_once(&self, id: &str) -> bool {
        self.searches.get(id).is_some_and(|made| made.at_once)
    }

    /// Remembers the last block of a turn that was put off.
    pub(crate) fn pause(&mut self, block: u64) {
        self.pauses.insert(block);
    }

    /// Whether a turn was put off after this block.
    pub(crate) fn paused_after(&self, block: u64) -> bool {
        self.pauses.contains(&block)
    }

    /// Whether a prefix is in the cache.
    pub(crate) fn knows(&self, prefix: u64) -> bool {
        self.prefixes.contains(&prefix)
    }

    /// Puts a prefix into the cache.
    pub(crate) fn cache(&mut self, prefix: u64) {
        self.prefixes.insert(prefix);
    }
}
