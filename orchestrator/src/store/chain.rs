//! How an event becomes a row, and how rows are chained.

use protocol::ContentHash;
use serde_json::Value;

use super::{MAX_PAYLOAD_BYTES, StoreError};
use crate::core::event::{Actor, Event, Logged};

/// One row of the table `events`.
#[derive(Debug)]
pub(super) struct Row {
    pub seq: u64,
    pub time_ms: i64,
    pub actor: String,
    pub kind: String,
    pub version: u32,
    pub payload: String,
    pub prev_hash: String,
    pub hash: String,
}

/// All rows, in order, for [`Row::read`].
pub(super) const SELECT: &str = "SELECT seq, time_ms, actor, kind, version, payload, prev_hash, hash \
     FROM events ORDER BY seq";

impl Row {
    /// Takes a row as it is.
    pub(super) fn read(row: &rusqlite::Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            seq: row.get::<_, i64>(0)? as u64,
            time_ms: row.get(1)?,
            actor: row.get(2)?,
            kind: row.get(3)?,
            version: row.get(4)?,
            payload: row.get(5)?,
            prev_hash: row.get(6)?,
            hash: row.get(7)?,
        })
    }

    /// Serialises an event that follows the row with hash `prev_hash`.
    pub(super) fn of(logged: &Logged, prev_hash: &str, version: u32) -> Result<Self, StoreError> {
        let (kind, payload) = split(&logged.event).map_err(StoreError::Serialise)?;
        if payload.len() > MAX_PAYLOAD_BYTES {
            return Err(StoreError::TooLarge {
                kind,
                bytes: payload.len(),
                limit: MAX_PAYLOAD_BYTES,
            });
        }
        let actor = serde_json::to_string(&logged.actor).map_err(StoreError::Serialise)?;
        let mut row = Self {
            seq: logged.seq,
            time_ms: logged.at_ms,
            actor,
            kind,
            version,
            payload,
            prev_hash: prev_hash.to_owned(),
            hash: String::new(),
        };
        row.hash = row.digest();
        Ok(row)
    }

    /// Hash over everything else in the row.
    pub(super) fn digest(&self) -> String {
        ContentHash::of_parts([
            self.prev_hash.as_bytes(),
            &self.seq.to_le_bytes(),
            &self.time_ms.to_le_bytes(),
            self.actor.as_bytes(),
            self.kind.as_bytes(),
            &self.version.to_le_bytes(),
            self.payload.as_bytes(),
        ])
        .into()
    }

    /// The event in the row.
    pub(super) fn parse(&self) -> Result<Logged, serde_json::Error> {
        let actor: Actor = serde_json::from_str(&self.actor)?;
        let payload: Value = serde_json::from_str(&self.payload)?;
        let event: Event =
            serde_json::from_value(serde_json::json!({ "kind": self.kind, "payload": payload }))?;
        Ok(Logged {
            seq: self.seq,
            at_ms: self.time_ms,
            actor,
            event,
        })
    }
}

/// Bytes of an event in the log, a few more rather than less: an event with at
/// most [`MAX_PAYLOAD_BYTES`] of them fits.
pub(crate) fn size(event: &Event) -> usize {
    let mut counter = Counter(0);
    // What can't be serialised is refused when it is written.
    let written = serde_json::to_writer(&mut counter, event);
    written.map_or(usize::MAX, |()| counter.0)
}

/// Counts what is written, and keeps nothing.
struct Counter(usize);

impl std::io::Write for Counter {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0 += bytes.len();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// An event's kind and its payload as JSON text.
fn split(event: &Event) -> Result<(String, String), serde_json::Error> {
    let mut value = serde_json::to_value(event)?;
    let kind = value["kind"].as_str().unwrap_or_default().to_owned();
    let payload = serde_json::to_string(&value["payload"].take())?;
    Ok((kind, payload))
}
