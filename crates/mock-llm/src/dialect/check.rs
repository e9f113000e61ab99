//! Checks that all dialects share.

use serde_json::{Map, Value};

/// The object at a place of a request.
pub(crate) fn object<'a>(value: &'a Value, place: &str) -> Result<&'a Map<String, Value>, String> {
    value
        .as_object()
        .ok_or_else(|| format!("{place}: expected an object"))
}

/// Refuses fields that nobody knows.
pub(crate) fn fields(value: &Value, known: &[&str], place: &str) -> Result<(), String> {
    match object(value, place)?
        .keys()
        .find(|field| !known.contains(&field.as_str()))
    {
        Some(field) => Err(format!("{place}: unknown field `{field}`")),
        None => Ok(()),
    }
}

/// The text in a field that must be there.
pub(crate) fn required<'a>(value: &'a Value, field: &str, place: &str) -> Result<&'a str, String> {
    value[field]
        .as_str()
        .filter(|text| !text.is_empty())
        .ok_or_else(|| format!("{place}: `{field}` is missing or empty"))
}

/// The list in a field that must be there.
pub(crate) fn list<'a>(value: &'a Value, field: &str, place: &str) -> Result<&'a [Value], String> {
    match value[field].as_array() {
        Some(items) if !items.is_empty() => Ok(items),
        _ => Err(format!("{place}: `{field}` is missing or empty")),
    }
}

/// A count above zero in a field that must be there.
pub(crate) fn positive(value: &Value, field: &str, least: u64) -> Result<(), String> {
    match value[field].as_u64() {
        Some(count) if count >= least => Ok(()),
        _ => Err(format!("`{field}` is not a number from {least}")),
    }
}

/// A tool's name and the schema of its arguments.
pub(crate) fn tool(name: &str, schema: &Value, known: &mut Vec<String>) -> Result<(), String> {
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    if name.is_empty() || name.len() > 64 || !name.chars().all(is_word) {
        return Err(format!("tool `{name}`: a bad name"));
    }
    if known.iter().any(|other| other == name) {
        return Err(format!("tool `{name}`: twice"));
    }
    if schema["type"] != "object" || !schema.is_object() {
        return Err(format!("tool `{name}`: its schema is not of an object"));
    }
    known.push(name.to_owned());
    Ok(())
}

/// Calls that wait for their answers.
#[derive(Debug, Default)]
pub(crate) struct Calls {
    open: Vec<(String, String)>,
    ever: Vec<String>,
}

impl Calls {
    pub(crate) fn open(&mut self, id: &str, tool: &str) -> Result<(), String> {
        if self.ever.iter().any(|known| known == id) {
            return Err(format!("call `{id}`: twice"));
        }
        self.ever.push(id.to_owned());
        self.open.push((id.to_owned(), tool.to_owned()));
        Ok(())
    }

    /// Takes an answer and gives the name of the tool it is from.
    pub(crate) fn answer(&mut self, id: &str) -> Result<String, String> {
        match self.open.iter().position(|(known, _)| known == id) {
            Some(place) => Ok(self.open.remove(place).1),
            None => Err(format!("an answer to `{id}`, which is not an open call")),
        }
    }

    pub(crate) fn none_open(&self, place: &str) -> Result<(), String> {
        match self.open.first() {
            Some((id, _)) => Err(format!("{place}: call `{id}` is not answered")),
            None => Ok(()),
        }
    }

    pub(crate) fn any_open(&self) -> bool {
        !self.open.is_empty()
    }
}
