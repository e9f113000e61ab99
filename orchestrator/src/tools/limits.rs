//! How long arguments may be: what a tool's schema says of texts and lists, in
//! one place for all tools. A schema counts characters and the harness bytes,
//! for it is bytes that an event has to hold.

use serde_json::Value;

use super::Reply;

/// Refuses arguments of which a text or a list is longer than the schema
/// allows. What does not fit the schema otherwise is for whoever reads them.
pub(super) fn check(schema: &Value, arguments: &Value) -> Result<(), Reply> {
    let found = Limits { root: schema }.exceeded(schema, arguments, String::new());
    found.map_or(Ok(()), |error| Err(Reply::failed(error)))
}

/// Refuses a text that says nothing.
pub(super) fn not_empty(field: &str, text: &str) -> Result<(), Reply> {
    if text.trim().is_empty() {
        Err(Reply::failed(format!("`{field}` is empty")))
    } else {
        Ok(())
    }
}

struct Limits<'a> {
    /// The schema that references point into.
    root: &'a Value,
}

impl Limits<'_> {
    /// The first text or list that is too long.
    fn exceeded(&self, schema: &Value, value: &Value, place: String) -> Option<String> {
        if let Some(named) = schema["$ref"].as_str() {
            let pointer = named.strip_prefix('#')?;
            return self.exceeded(self.root.pointer(pointer)?, value, place);
        }
        for either in schema["anyOf"].as_array().into_iter().flatten() {
            let found = self.exceeded(either, value, place.clone());
            if found.is_some() {
                return found;
            }
        }
        match value {
            Value::String(text) => {
                let most = schema["maxLength"].as_u64()?;
                let bytes = text.len() as u64;
                (bytes > most).then(|| format!("`{place}` has {bytes} bytes, more than {most}"))
            }
            Value::Array(items) => {
                let most = schema["maxItems"].as_u64().unwrap_or(u64::MAX);
                let count = items.len() as u64;
                if count > most {
                    return Some(format!("`{place}` has {count} entries, more than {most}"));
                }
                let mut numbered = items.iter().enumerate();
                numbered.find_map(|(at, item)| {
                    self.exceeded(&schema["items"], item, format!("{place}[{at}]"))
                })
            }
            Value::Object(fields) => fields.iter().find_map(|(name, field)| {
                let inner = if place.is_empty() {
                    name.clone()
                } else {
                    format!("{place}.{name}")
                };
                self.exceeded(&schema["properties"][name], field, inner)
            }),
            Value::Null | Value::Bool(_) | Value::Number(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tools::{EffectClass, all};

    /// Every text and list in a schema, by its place, and whether it is limited.
    fn texts(root: &Value, schema: &Value, place: &str, found: &mut Vec<(String, bool)>) {
        if let Some(named) = schema["$ref"].as_str() {
            return texts(root, root.pointer(&named[1..]).unwrap(), place, found);
        }
        let kinds = match &schema["type"] {
            Value::Array(kinds) => kinds.clone(),
            kind => vec![kind.clone()],
        };
        let is = |kind: &str| kinds.iter().any(|known| known == kind);
        let chosen = schema.get("enum").is_some() || schema.get("const").is_some();
        if is("string") && !chosen {
            found.push((place.to_owned(), schema["maxLength"].is_u64()));
        }
        if is("array") {
            found.push((place.to_owned(), schema["maxItems"].is_u64()));
            texts(root, &schema["items"], &format!("{place}[]"), found);
        }
        for either in schema["anyOf"].as_array().into_iter().flatten() {
            texts(root, either, place, found);
        }
        for (name, field) in schema["properties"].as_object().into_iter().flatten() {
            texts(root, field, &format!("{place}.{name}"), found);
        }
    }

    #[test]
    fn every_text_that_becomes_a_part_of_an_event_is_limited() {
        let mut looked_at = 0;
        for tool in all() {
            let of_files = ["shell", "write_file", "edit_file"].contains(&tool.name);
            let kept = match tool.effect {
                EffectClass::Lab | EffectClass::Board | EffectClass::Submit | EffectClass::End => {
                    true
                }
                EffectClass::Work => !of_files,
                EffectClass::Read | EffectClass::Look | EffectClass::Web | EffectClass::Spawn => {
                    false
                }
            };
            if !kept {
                continue;
            }
            let mut found = Vec::new();
            texts(&tool.schema, &tool.schema, tool.name, &mut found);
            looked_at += found.len();
            for (place, limited) in found {
                assert!(limited, "{place} has no limit: {:#}", tool.schema);
            }
        }
        assert!(looked_at > 40, "{looked_at}");
    }

    #[test]
    fn the_first_that_is_too_long_is_named_with_its_length_and_its_limit() {
        let tool = all()
            .iter()
            .find(|tool| tool.name == "update_playbook")
            .unwrap();
        let said = |arguments: &Value| {
            let refused = check(&tool.schema, arguments).err()?;
            let (_, body) = refused.answer?;
            body["error"].as_str().map(str::to_owned)
        };
        let entry = |claim: usize, techniques: usize| {
            let scope = serde_json::json!({ "technique": "t".repeat(techniques) });
            serde_json::json!({ "claim": "c".repeat(claim), "scope": scope, "compare": [] })
        };
        let entries = |entries: &[Value]| serde_json::json!({ "entries": entries });
        assert_eq!(said(&entries(&[entry(2048, 200)])), None);
        assert_eq!(
            said(&entries(&[entry(1, 1), entry(2049, 1)])).as_deref(),
            Some("`entries[1].claim` has 2049 bytes, more than 2048")
        );
        assert_eq!(
            said(&entries(&[entry(1, 201)])).as_deref(),
            Some("`entries[0].scope.technique` has 201 bytes, more than 200")
        );
        assert_eq!(
            said(&entries(&vec![entry(1, 1); 33])).as_deref(),
            Some("`entries` has 33 entries, more than 32")
        );
    }
}
