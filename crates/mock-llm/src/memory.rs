//! What it has said before, to know it again.

use std::collections::{HashMap, HashSet};

/// Blocks of thinking by the calls that they led to, and the prefixes of
/// conversations that are in the cache.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    /// Signature or encrypted content, and what it stands for.
    thoughts: HashMap<String, String>,
    /// Id of a call, and the signature of what was thought before it.
    before_call: HashMap<String, String>,
    prefixes: HashSet<u64>,
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

    /// Whether a prefix is in the cache.
    pub(crate) fn knows(&self, prefix: u64) -> bool {
        self.prefixes.contains(&prefix)
    }

    /// Puts a prefix into the cache.
    pub(crate) fn cache(&mut self, prefix: u64) {
        self.prefixes.insert(prefix);
    }
}
