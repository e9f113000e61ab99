//! Reading on from where a log was read to, for somebody who watches it grow.

use std::path::Path;

use rusqlite::{Connection, OpenFlags, Params, params};

use super::chain::Row;
use super::reader::unreadable;
use super::{APPLICATION_ID, DATABASE, LAYOUT_VERSION, Reader, StoreError};
use crate::core::event::{EVENT_VERSION, Logged};
use crate::core::ids::AgentId;

/// The columns that [`Row::read`] takes.
const COLUMNS: &str =
    "SELECT seq, time_ms, actor, kind, version, payload, prev_hash, hash FROM events";

/// How far a log was read. Begins before the first event.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mark {
    /// Place of the last event read; 0 before the first.
    seq: u64,
    /// Its hash.
    head: String,
}

impl Mark {
    /// Place of the last event read; 0 before the first.
    pub fn seq(&self) -> u64 {
        self.seq
    }
}

impl Reader {
    /// As [`Reader::open`], for a process that may be writing to the campaign.
    ///
    /// Only SQLite touches the file: a process that closes any descriptor of
    /// its own on a database loses the locks that SQLite holds on it
    /// (<https://www.sqlite.org/howtocorrupt.html>, section 2.2).
    pub fn beside_writer(dir: &Path) -> Result<Self, StoreError> {
        let failed = |source| unreadable(dir, "open", source);
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(dir.join(DATABASE), flags).map_err(failed)?;
        connection
            .busy_timeout(std::time::Duration::from_secs(5))
            .map_err(failed)?;
        let number = |pragma: &str| -> Result<u32, StoreError> {
            connection
                .pragma_query_value(None, pragma, |row| row.get(0))
                .map_err(failed)
        };
        if number("application_id")? != APPLICATION_ID {
            return Err(StoreError::NotACampaign {
                dir: dir.to_owned(),
                why: "its `campaign.db` belongs to another program",
            });
        }
        let found = number("user_version")?;
        if found > LAYOUT_VERSION {
            return Err(StoreError::Newer {
                dir: dir.to_owned(),
                what: "layout",
                found,
                known: LAYOUT_VERSION,
            });
        }
        Ok(Self {
            connection,
            dir: dir.to_owned(),
        })
    }

    /// Reads on from `mark`, at most `most` events, and moves it. The chain is
    /// verified across the mark.
    pub fn read_on(&self, mark: &mut Mark, most: usize) -> Result<Vec<Logged>, StoreError> {
        let sql = format!("{COLUMNS} WHERE seq > ?1 ORDER BY seq LIMIT ?2");
        let mut log = Vec::new();
        let mut at = mark.clone();
        for row in self.rows(&sql, params![mark.seq as i64, most as i64])? {
            let seq = at.seq + 1;
            if row.seq != seq || row.prev_hash != at.head {
                return Err(self.broken(seq));
            }
            log.push(self.event(&row)?);
            at = Mark {
                seq,
                head: row.hash,
            };
        }
        *mark = at;
        Ok(log)
    }

    /// Events from `first` to `last`, at most `most`; each has the hash that it
    /// carries.
    pub fn part(&self, first: u64, last: u64, most: usize) -> Result<Vec<Logged>, StoreError> {
        let sql = format!("{COLUMNS} WHERE seq BETWEEN ?1 AND ?2 ORDER BY seq LIMIT ?3");
        let rows = self.rows(&sql, params![first as i64, last as i64, most as i64])?;
        rows.iter().map(|row| self.event(row)).collect()
    }

    /// The last `most` events before place `before` that belong to an agent's
    /// conversation, in order.
    pub fn conversation(
        &self,
        agent: AgentId,
        before: u64,
        most: usize,
    ) -> Result<Vec<Logged>, StoreError> {
        let sql = format!(
            "{COLUMNS} WHERE seq < ?1 AND kind IN
                 ('agent_started', 'model_called', 'tool_answered', 'compacted', 'turn_refused', 'agent_stopped')
                 AND json_extract(payload, '$.agent') = ?2 ORDER BY seq DESC LIMIT ?3"
        );
        let before = i64::try_from(before).unwrap_or(i64::MAX);
        let rows = self.rows(&sql, params![before, agent.0, most as i64])?;
        rows.iter().rev().map(|row| self.event(row)).collect()
    }

    fn rows(&self, sql: &str, params: impl Params) -> Result<Vec<Row>, StoreError> {
        let failed = |source| unreadable(&self.dir, "read", source);
        let mut statement = self.connection.prepare_cached(sql).map_err(failed)?;
        let rows = statement.query_map(params, Row::read).map_err(failed)?;
        rows.collect::<Result<_, _>>().map_err(failed)
    }

    fn event(&self, row: &Row) -> Result<Logged, StoreError> {
        if row.version > EVENT_VERSION {
            return Err(StoreError::Newer {
                dir: self.dir.clone(),
                what: "events",
                found: row.version,
                known: EVENT_VERSION,
            });
        }
        if row.hash != row.digest() {
            return Err(self.broken(row.seq));
        }
        row.parse().map_err(|error| StoreError::Corrupt {
            dir: self.dir.clone(),
            why: format!("event {} can't be read: {error}", row.seq),
        })
    }

    fn broken(&self, seq: u64) -> StoreError {
        StoreError::Corrupt {
            dir: self.dir.clone(),
            why: format!("the hash chain breaks at event {seq}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::event::{Actor, Event};
    use crate::store::{Batch, Store};

    fn grow(store: &mut Store, from: u64, events: u64) {
        let mut batch = Batch::new();
        for _ in 0..events {
            batch.push(Actor::User, Event::CampaignResumed {});
        }
        store.append(from, 1, batch).unwrap();
    }

    #[test]
    fn a_log_is_read_in_parts_while_it_grows() {
        let dir = tempfile::tempdir().unwrap();
        let mut store = Store::create(dir.path()).unwrap();
        let reader = Reader::beside_writer(dir.path()).unwrap();
        let mut mark = Mark::default();
        assert!(reader.read_on(&mut mark, 9).unwrap().is_empty());
        grow(&mut store, 0, 5);
        let mut seen = Vec::new();
        let mut read = |mark: &mut Mark, most| {
            let part = reader.read_on(mark, most).unwrap();
            seen.extend(part.iter().map(|logged| logged.seq));
            part.len()
        };
        assert_eq!(read(&mut mark, 3), 3);
        grow(&mut store, 5, 2);
        assert_eq!(read(&mut mark, 9), 4);
        assert_eq!(read(&mut mark, 9), 0);
        assert_eq!(seen, [1, 2, 3, 4, 5, 6, 7]);
        assert_eq!(mark.seq(), 7);
        let part = reader.part(3, 6, 2).unwrap();
        assert_eq!(part.iter().map(|l| l.seq).collect::<Vec<_>>(), [3, 4]);
    }

    #[test]
    fn a_changed_event_is_not_read_over() {
        let dir = tempfile::tempdir().unwrap();
        let mut store = Store::create(dir.path()).unwrap();
        grow(&mut store, 0, 4);
        let reader = Reader::beside_writer(dir.path()).unwrap();
        let mut mark = Mark::default();
        reader.read_on(&mut mark, 2).unwrap();
        let other = Connection::open(dir.path().join(DATABASE)).unwrap();
        other
            .execute("UPDATE events SET time_ms = 2 WHERE seq = 3", [])
            .unwrap();
        let error = reader.read_on(&mut mark, 9).unwrap_err().to_string();
        assert!(error.contains("breaks at event 3"), "{error}");
        assert_eq!(mark.seq(), 2);
    }
}
