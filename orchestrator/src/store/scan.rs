//! Reading a log that may not hold: as far as it does, and where it breaks.

use std::collections::BTreeSet;

use protocol::ContentHash;
use serde_json::Value;

use super::chain::{Row, SELECT};
use super::reader::unreadable;
use super::{Reader, StoreError};
use crate::core::event::{EVENT_VERSION, Logged};

/// One event whose content has the hash it carries.
#[derive(Clone, Debug)]
pub struct Link {
    /// The event.
    pub logged: Logged,
    /// Its kind, as it is stored.
    pub kind: String,
    /// Its hash.
    pub hash: ContentHash,
}

/// The first event that does not hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Break {
    /// Its place.
    pub seq: u64,
    /// What is wrong with it.
    pub why: String,
}

/// A log as far as it holds.
#[derive(Clone, Debug)]
pub struct Scan {
    /// The events, from the first.
    pub links: Vec<Link>,
    /// Where it breaks, if it does.
    pub broken: Option<Break>,
}

impl Reader {
    /// Reads the log as far as its chain holds.
    pub fn scan(&self) -> Result<Scan, StoreError> {
        let failed = |source| unreadable(&self.dir, "read", source);
        let mut statement = self.connection.prepare(SELECT).map_err(failed)?;
        let rows = statement.query_map([], Row::read).map_err(failed)?;
        let mut links: Vec<Link> = Vec::new();
        for row in rows {
            let seq = links.len() as u64 + 1;
            let head = links.last().map_or("", |link| link.hash.as_str());
            let found = match row {
                Ok(row) if row.version > EVENT_VERSION && row.hash == row.digest() => {
                    return Err(StoreError::Newer {
                        dir: self.dir.clone(),
                        what: "events",
                        found: row.version,
                        known: EVENT_VERSION,
                    });
                }
                Ok(row) => link(row, seq, head),
                Err(error) => Err(format!("it can't be read: {error}")),
            };
            match found {
                Ok(link) => links.push(link),
                Err(why) => {
                    let broken = Some(Break { seq, why });
                    return Ok(Scan { links, broken });
                }
            }
        }
        Ok(Scan {
            links,
            broken: None,
        })
    }

    /// Gives every blob with the hash it is kept under, whether it has it or
    /// not.
    pub fn each_blob(&self, mut look: impl FnMut(&str, &[u8])) -> Result<(), StoreError> {
        let failed = |source| unreadable(&self.dir, "read", source);
        let mut statement = self
            .connection
            .prepare("SELECT hash, content FROM blobs ORDER BY hash")
            .map_err(failed)?;
        let mut rows = statement.query([]).map_err(failed)?;
        while let Some(row) = rows.next().map_err(failed)? {
            let hash: String = row.get(0).map_err(failed)?;
            let content = row.get_ref(1).map_err(failed)?;
            look(&hash, content.as_bytes().unwrap_or_default());
        }
        Ok(())
    }
}

/// The event in a row that has to be the `seq`th and to follow `head`.
fn link(row: Row, seq: u64, head: &str) -> Result<Link, String> {
    let kind = &row.kind;
    if row.seq != seq {
        return Err(format!("it is missing; event {} is next", row.seq));
    }
    if row.hash != row.digest() {
        return Err(format!(
            "`{kind}` was changed: its content does not have the hash it carries"
        ));
    }
    if row.prev_hash != head {
        return Err(format!(
            "`{kind}` does not follow the event before it, which was changed or replaced"
        ));
    }
    let logged = row
        .parse()
        .map_err(|error| format!("`{kind}` can't be read: {error}"))?;
    let hash = row.hash.parse().map_err(|_| "it has no hash".to_owned())?;
    Ok(Link {
        logged,
        kind: row.kind,
        hash,
    })
}

/// Blobs that an event needs.
pub fn blobs_in(logged: &Logged) -> Result<BTreeSet<ContentHash>, StoreError> {
    let value = serde_json::to_value(&logged.event).map_err(StoreError::Serialise)?;
    let mut found = BTreeSet::new();
    collect(&value, &mut found);
    Ok(found)
}

/// A [`crate::core::event::Body`], a model's arguments, a picture or a lab's
/// report: whatever has a hash under one of their names.
fn collect(value: &Value, found: &mut BTreeSet<ContentHash>) {
    let hash = |value: &Value| value.as_str().and_then(|text| text.parse().ok());
    match value {
        Value::Object(map) => {
            let place = |tag: &str, word: &str, of: &str| {
                let tagged = map.get(tag).and_then(Value::as_str) == Some(word);
                tagged.then(|| map.get(of)).flatten().and_then(hash)
            };
            found.extend(place("at", "blob", "is"));
            found.extend(place("form", "stored", "value"));
            let measured = map.contains_key("split") && map.contains_key("score");
            found.extend(measured.then(|| map.get("report")).flatten().and_then(hash));
            let picture = map.contains_key("media_type");
            found.extend(picture.then(|| map.get("blob")).flatten().and_then(hash));
            // What a model wrote itself is inside these, or is a parameter of a
            // template, and refers to nothing.
            let inline = ["inline", "json"].iter().any(|word| {
                ["at", "form"]
                    .iter()
                    .any(|tag| map.get(*tag).and_then(Value::as_str) == Some(word))
            });
            if !inline {
                let ours = map.iter().filter(|(key, _)| *key != "params");
                ours.for_each(|(_, inner)| collect(inner, found));
            }
        }
        Value::Array(list) => list.iter().for_each(|inner| collect(inner, found)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}
