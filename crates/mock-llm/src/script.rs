//! What is answered.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::ask::Ask;

/// A tool call in a reply.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Call {
    /// Which tool.
    pub tool: String,
    /// With what. A text `$result:TOOL:/POINTER` stands for that part of the
    /// last answer of that tool.
    #[serde(default = "empty")]
    pub arguments: Value,
}

fn empty() -> Value {
    Value::Object(serde_json::Map::new())
}

/// A reply.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reply {
    /// What is said.
    #[serde(default)]
    pub text: String,
    /// What is thought first.
    #[serde(default)]
    pub thinking: String,
    /// What is called.
    #[serde(default)]
    pub calls: Vec<Call>,
    /// Tokens of the reply; counted if absent.
    #[serde(default)]
    pub output_tokens: Option<u64>,
    /// The reply is cut off at the limit of tokens.
    #[serde(default)]
    pub cut: bool,
}

impl Reply {
    /// A reply that only says something.
    pub fn text(text: &str) -> Self {
        Self {
            text: text.to_owned(),
            ..Self::default()
        }
    }

    /// A reply that calls one tool.
    pub fn call(tool: &str, arguments: Value) -> Self {
        Self {
            calls: vec![Call {
                tool: tool.to_owned(),
                arguments,
            }],
            ..Self::default()
        }
    }

    /// The same, after some thinking.
    #[must_use]
    pub fn thinking(mut self, thinking: &str) -> Self {
        thinking.clone_into(&mut self.thinking);
        self
    }
}

/// A reply and when to give it. What is absent does not matter.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// The system prompt has a line `Role: ROLE`.
    #[serde(default)]
    pub role: Option<String>,
    /// The system prompt contains this.
    #[serde(default)]
    pub system: Option<String>,
    /// The model has replied so often.
    #[serde(default)]
    pub turn: Option<usize>,
    /// This tool answered last.
    #[serde(default)]
    pub last_tool: Option<String>,
    /// The last answer contains this.
    #[serde(default)]
    pub last_result: Option<String>,
    /// The reply.
    pub reply: Reply,
}

impl Rule {
    fn fits(&self, ask: &Ask) -> bool {
        let last = ask.results.last();
        self.role
            .as_deref()
            .is_none_or(|role| ask.role() == Some(role))
            && self
                .system
                .as_deref()
                .is_none_or(|part| ask.system.contains(part))
            && self.turn.is_none_or(|turn| ask.turn == turn)
            && self
                .last_tool
                .as_deref()
                .is_none_or(|tool| ask.last_tool() == Some(tool))
            && self
                .last_result
                .as_deref()
                .is_none_or(|part| last.is_some_and(|(_, text)| text.contains(part)))
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    rules: Vec<Rule>,
}

type Answer = dyn Fn(&Ask) -> Reply + Send + Sync;

/// Which reply is given to which request. The same request gets the same
/// reply, so that one that is sent again changes nothing.
#[derive(Clone)]
pub enum Script {
    /// The first rule that fits.
    Rules(Vec<Rule>),
    /// A function.
    Function(Arc<Answer>),
}

impl fmt::Debug for Script {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rules(rules) => f.debug_tuple("Rules").field(rules).finish(),
            Self::Function(_) => f.write_str("Function"),
        }
    }
}

/// A script that can't be read.
#[derive(Debug, thiserror::Error)]
pub enum ScriptError {
    /// No file.
    #[error("failed to read the script `{path}`", path = .path.display())]
    Unreadable {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// No script.
    #[error("the script `{path}` is malformed", path = .path.display())]
    Malformed {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: serde_json::Error,
    },
}

impl Script {
    /// A function as a script.
    pub fn from_fn(answer: impl Fn(&Ask) -> Reply + Send + Sync + 'static) -> Self {
        Self::Function(Arc::new(answer))
    }

    /// Reads `{"rules": [Rule…]}`.
    pub fn load(path: &Path) -> Result<Self, ScriptError> {
        let text = std::fs::read_to_string(path).map_err(|source| ScriptError::Unreadable {
            path: path.to_owned(),
            source,
        })?;
        let document: Document =
            serde_json::from_str(&text).map_err(|source| ScriptError::Malformed {
                path: path.to_owned(),
                source,
            })?;
        Ok(Self::Rules(document.rules))
    }

    /// The reply to a request; none if no rule fits.
    pub fn answer(&self, ask: &Ask) -> Option<Reply> {
        let mut reply = match self {
            Self::Rules(rules) => rules.iter().find(|rule| rule.fits(ask))?.reply.clone(),
            Self::Function(answer) => answer(ask),
        };
        for call in &mut reply.calls {
            fill(&mut call.arguments, ask);
        }
        Some(reply)
    }
}

/// Puts parts of answers where the script refers to them.
fn fill(value: &mut Value, ask: &Ask) {
    match value {
        Value::String(text) => {
            let reference = text.strip_prefix("$result:").and_then(|rest| {
                let (tool, pointer) = rest.split_once(':')?;
                ask.result(tool)?.pointer(pointer).cloned()
            });
            if let Some(found) = reference {
                *value = found;
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| fill(item, ask)),
        Value::Object(fields) => fields.values_mut().for_each(|field| fill(field, ask)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::dialect::Dialect;

    fn ask(system: &str, results: &[(&str, &str)]) -> Ask {
        Ask {
            dialect: Dialect::Chat,
            model: "m".to_owned(),
            system: system.to_owned(),
            tools: Vec::new(),
            turn: results.len(),
            said: Vec::new(),
            results: results
                .iter()
                .map(|(tool, text)| ((*tool).to_owned(), (*text).to_owned()))
                .collect(),
            fingerprint: 0,
            stream: true,
        }
    }

    #[test]
    fn the_first_rule_that_fits_answers_with_what_it_refers_to() {
        let rules = json!([
            { "role": "critic", "reply": { "text": "bad" } },
            { "last_tool": "board", "reply": { "calls": [
                { "tool": "run", "arguments": { "id": "$result:board:/rows/0/id", "n": 1 } }
            ] } },
            { "turn": 0, "reply": { "calls": [{ "tool": "board" }] } }
        ]);
        let script = Script::Rules(serde_json::from_value(rules).unwrap());
        let role = "You judge.\nRole: critic\n";
        assert_eq!(script.answer(&ask(role, &[])).unwrap().text, "bad");
        let first = script.answer(&ask("", &[])).unwrap();
        assert_eq!(first, Reply::call("board", json!({})));
        let then = script
            .answer(&ask("", &[("board", "{\"rows\": [{\"id\": \"e7\"}]}")]))
            .unwrap();
        assert_eq!(then, Reply::call("run", json!({ "id": "e7", "n": 1 })));
        assert_eq!(script.answer(&ask("", &[("run", "ok")])), None);
    }
}
