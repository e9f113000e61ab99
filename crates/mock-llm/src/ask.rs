//! A request, as far as a script cares.

use serde_json::Value;

use crate::dialect::Dialect;

/// What is asked, in no dialect.
#[derive(Clone, Debug, PartialEq)]
pub struct Ask {
    /// In which dialect.
    pub dialect: Dialect,
    /// Which model.
    pub model: String,
    /// The system prompt.
    pub system: String,
    /// Names of the tools offered.
    pub tools: Vec<String>,
    /// Replies of the model so far.
    pub turn: usize,
    /// What the user said, in order.
    pub said: Vec<String>,
    /// Names of the tools that were called, each with its answer, in order.
    pub results: Vec<(String, String)>,
    /// Ids of searches whose results are still to come.
    pub searching: Vec<String>,
    /// Hash of all of it: the same for the same conversation.
    pub fingerprint: u64,
    /// Whether the reply is to be streamed.
    pub stream: bool,
}

impl Ask {
    /// The role named in the system prompt, by a line `Role: NAME` or by a
    /// first line that is the heading `# NAME`.
    pub fn role(&self) -> Option<&str> {
        let named = self.system.lines().find_map(|line| {
            let (word, name) = line.split_once(':')?;
            let is_role = word.trim().eq_ignore_ascii_case("role");
            is_role.then(|| name.trim())
        });
        let heading = || {
            let first = self.system.lines().find(|line| !line.trim().is_empty())?;
            Some(first.strip_prefix("# ")?.trim())
        };
        named.or_else(heading)
    }

    /// The tool that answered last.
    pub fn last_tool(&self) -> Option<&str> {
        self.results.last().map(|(tool, _)| tool.as_str())
    }

    /// The last answer of a tool, as a document where it is one.
    pub fn result(&self, tool: &str) -> Option<Value> {
        let (_, text) = self.results.iter().rev().find(|(name, _)| name == tool)?;
        Some(serde_json::from_str(text).unwrap_or_else(|_| Value::String(text.clone())))
    }
}

/// FNV-1a.
pub(crate) fn hash(seed: u64, bytes: &[u8]) -> u64 {
    bytes
        .iter()
        .fold(0xcbf2_9ce4_8422_2325 ^ seed, |hash, &byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        })
}
