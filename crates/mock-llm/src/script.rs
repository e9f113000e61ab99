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
    /// last answer of that tool, `{"$choose": [A, B], "by": KEY}` for one of the
    /// list, always the same one for the same key.
    #[serde(default = "empty")]
    pub arguments: Value,
}

fn empty() -> Value {
    Value::Object(serde_json::Map::new())
}

/// A page that a search finds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Page {
    /// Where it is.
    pub url: String,
    /// Its title.
    pub title: String,
}

/// A search of the web that the provider makes by itself.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Search {
    /// For these words.
    pub query: String,
    /// What it finds.
    #[serde(default)]
    pub results: Vec<Page>,
    /// Why it fails, if it does, as in `max_uses_exceeded`.
    #[serde(default)]
    pub error: Option<String>,
    /// Its results come with the next reply (Messages only).
    #[serde(default)]
    pub later: bool,
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
    /// What is searched for on the way. Chat completions know no such thing.
    #[serde(default)]
    pub searches: Vec<Search>,
    /// The turn is put off in its middle (Messages only).
    #[serde(default)]
    pub paused: bool,
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
    /// The system prompt names this role: a line `Role: ROLE`, or a heading
    /// `# Role` at its start, in capitals or not.
    #[serde(default)]
    pub role: Option<String>,
    /// The system prompt contains this.
    #[serde(default)]
    pub system: Option<String>,
    /// The model has replied so often.
    #[serde(default)]
    pub turn: Option<usize>,
    /// This tool is offered.
    #[serde(default)]
    pub offers: Option<String>,
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
            .is_none_or(|role| ask.role().is_some_and(|r| r.eq_ignore_ascii_case(role)))
            && self
                .system
                .as_deref()
                .is_none_or(|part| ask.system.contains(part))
            && self.turn.is_none_or(|turn| ask.turn == turn)
            && self
                .offers
                .as_ref()
                .is_none_or(|tool| ask.tools.contains(tool))
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

/// One role's part in a conversation, reply by reply. There is no reply to a
/// turn after the last.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Play {
    /// The role, as in [`Rule::role`].
    pub role: String,
    /// The system prompt contains this.
    #[serde(default)]
    pub system: Option<String>,
    /// The replies.
    pub turns: Vec<Reply>,
}

impl Play {
    fn rules(self) -> impl Iterator<Item = Rule> {
        let Self {
            role,
            system,
            turns,
        } = self;
        turns
            .into_iter()
            .enumerate()
            .map(move |(turn, reply)| Rule {
                role: Some(role.clone()),
                system: system.clone(),
                turn: Some(turn),
                reply,
                ..Rule::default()
            })
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    #[serde(default)]
    plays: Vec<Play>,
    #[serde(default)]
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
    #[error("failed to read `{path}`, the script or a file of it", path = .path.display())]
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

    /// Reads `{"plays": [Play…], "rules": [Rule…]}`; plays go first. In the
    /// arguments of calls, a text `$file:NAME` stands for the text of a file
    /// below the script's folder.
    pub fn load(path: &Path) -> Result<Self, ScriptError> {
        let text = read(path)?;
        let document: Document =
            serde_json::from_str(&text).map_err(|source| ScriptError::Malformed {
                path: path.to_owned(),
                source,
            })?;
        let plays = document.plays.into_iter().flat_map(Play::rules);
        let mut rules: Vec<Rule> = plays.chain(document.rules).collect();
        let folder = path.parent().unwrap_or(Path::new(""));
        for call in rules.iter_mut().flat_map(|rule| &mut rule.reply.calls) {
            put_files(&mut call.arguments, folder)?;
        }
        Ok(Self::Rules(rules))
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

fn read(path: &Path) -> Result<String, ScriptError> {
    std::fs::read_to_string(path).map_err(|source| ScriptError::Unreadable {
        path: path.to_owned(),
        source,
    })
}

/// Puts files' texts where the script names them.
fn put_files(value: &mut Value, folder: &Path) -> Result<(), ScriptError> {
    match value {
        Value::String(text) => {
            if let Some(name) = text.strip_prefix("$file:") {
                *text = read(&folder.join(name))?;
            }
        }
        Value::Array(items) => {
            for item in items {
                put_files(item, folder)?;
            }
        }
        Value::Object(fields) => {
            for field in fields.values_mut() {
                put_files(field, folder)?;
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
    Ok(())
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
        Value::Object(fields) => {
            fields.values_mut().for_each(|field| fill(field, ask));
            if let Some(chosen) = chosen(fields) {
                *value = chosen;
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// One of a list, by a key that was filled in before.
fn chosen(fields: &serde_json::Map<String, Value>) -> Option<Value> {
    let (Some(Value::Array(list)), Some(key)) = (fields.get("$choose"), fields.get("by")) else {
        return None;
    };
    let hash = crate::ask::hash(0, key.to_string().as_bytes());
    // The upper half: the lower bits of such a hash depend on few characters.
    let place = (hash >> 32).checked_rem(list.len() as u64)?;
    list.get(usize::try_from(place).ok()?).cloned()
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
            searching: Vec::new(),
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

    #[test]
    fn a_choice_depends_on_its_key_alone() {
        let rules = json!([{ "offers": "submit", "reply": { "calls": [{ "tool": "submit", "arguments": {
            "n": { "$choose": [1, 2, 3], "by": ["n", "$result:board:/id"] }
        } }] } }]);
        let script = Script::Rules(serde_json::from_value(rules).unwrap());
        let answer = |id: u32| {
            let board = json!({ "id": id }).to_string();
            let mut ask = ask("", &[("board", &board)]);
            ask.tools = vec!["submit".to_owned()];
            script.answer(&ask).unwrap().calls[0].arguments["n"].clone()
        };
        let chosen: Vec<Value> = (0..60).map(answer).collect();
        for n in 1..=3 {
            let count = chosen.iter().filter(|value| **value == json!(n)).count();
            // Four standard deviations of a binomial count.
            assert!((6..=34).contains(&count), "{n}: {count}");
        }
        assert_eq!(answer(7), answer(7));
        assert_eq!(script.answer(&ask("", &[])), None);
    }

    #[test]
    fn a_play_goes_turn_by_turn_with_files_beside_the_script() {
        let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/regression/script.json");
        let script = Script::load(&shipped).unwrap();
        let first = script.answer(&ask("# Tester\n\nYou test.", &[])).unwrap();
        let content = first.calls[0].arguments["content"].as_str().unwrap();
        assert!(content.contains("import"), "{content}");
        let built = |round: u32| {
            let system = format!("# Builder\n\nThis is round {round} of at most 3.");
            script.answer(&ask(&system, &[])).unwrap()
        };
        assert_ne!(built(1), built(2));
        let long = [("shell", "ok"); 20];
        assert_eq!(script.answer(&ask("# Tester", &long)), None);
        assert_eq!(script.answer(&ask("You are a # Tester", &[])), None);
    }

    #[test]
    fn a_file_that_is_not_there_is_named() {
        let folder = std::env::temp_dir().join(format!("mock-llm-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let path = folder.join("script.json");
        let rules = json!([{ "reply": { "calls": [{ "tool": "t", "arguments": { "a": ["$file:no"] } }] } }]);
        std::fs::write(&path, json!({ "rules": rules }).to_string()).unwrap();
        let error = Script::load(&path).unwrap_err();
        std::fs::remove_dir_all(&folder).unwrap();
        assert_eq!(
            error.to_string(),
            format!(
                "failed to read `{}`, the script or a file of it",
                folder.join("no").display()
            )
        );
    }
}
