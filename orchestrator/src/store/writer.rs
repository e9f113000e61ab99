//! Writing a campaign: what was staged becomes durable in one transaction.
//!
//! Durable means: whatever processes are killed, it is there. Against a power
//! failure see [`super::sync`].

use std::path::{Path, PathBuf};

use protocol::ContentHash;
use rusqlite::{Connection, OpenFlags, params};
use serde_json::Value;

use super::chain::{Row, SELECT};
use super::lock::Lock;
use super::reader::{blob, document, log, text, unreadable};
use super::sync::Syncer;
use super::{APPLICATION_ID, DATABASE, LAYOUT_VERSION, Reader, StoreError, WAL_SUFFIX};
use crate::core::event::{Actor, Body, EVENT_VERSION, Event, Logged};
use crate::core::state::State;
use crate::document::Document;

/// Documents up to this size stay in their event, in bytes.
pub(crate) const INLINE_BYTES: usize = 1 << 10;

/// Events that happen together, and the blobs they refer to.
#[derive(Debug, Default)]
pub struct Batch {
    /// The events, with who made them happen.
    pub events: Vec<(Actor, Event)>,
    blobs: Vec<(ContentHash, Vec<u8>)>,
}

impl Batch {
    /// Nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds an event.
    pub fn push(&mut self, actor: Actor, event: Event) {
        self.events.push((actor, event));
    }

    /// Stores bytes with the batch.
    pub fn blob(&mut self, bytes: Vec<u8>) -> ContentHash {
        let hash = ContentHash::of(&bytes);
        self.blobs.push((hash.clone(), bytes));
        hash
    }

    /// Stores a document with the batch, in place if it is small.
    pub fn body(&mut self, value: Value) -> Body {
        let text = value.to_string();
        if text.len() <= INLINE_BYTES {
            Body::Inline(value)
        } else {
            Body::Blob(self.blob(text.into_bytes()))
        }
    }
}

/// The one writer of a campaign.
#[derive(Debug)]
pub struct Store {
    connection: Connection,
    dir: PathBuf,
    head: String,
    seq: u64,
    /// Place and hash of the last event that is durable.
    durable: (u64, String),
    syncer: Syncer,
    _lock: Lock,
}

impl Store {
    /// Makes an empty database in `dir`, which must exist and have none.
    pub fn create(dir: &Path) -> Result<Self, StoreError> {
        let lock = Lock::take(dir)?;
        let path = dir.join(DATABASE);
        if path.exists() {
            return Err(StoreError::Exists { dir: path });
        }
        let connection = Connection::open(&path).map_err(|source| StoreError::Database {
            operation: "create",
            source,
        })?;
        // The numbers go in before the WAL, so that they are in the file's
        // header, where they can be read without opening the database.
        connection
            .execute_batch(&format!(
                "PRAGMA application_id = {APPLICATION_ID};
                 PRAGMA user_version = {LAYOUT_VERSION};
                 CREATE TABLE events (
                     seq INTEGER PRIMARY KEY,
                     time_ms INTEGER NOT NULL,
                     actor TEXT NOT NULL,
                     kind TEXT NOT NULL,
                     version INTEGER NOT NULL,
                     payload TEXT NOT NULL,
                     prev_hash TEXT NOT NULL,
                     hash TEXT NOT NULL
                 ) STRICT;
                 CREATE TABLE blobs (hash TEXT PRIMARY KEY, content BLOB NOT NULL) STRICT;"
            ))
            .map_err(|source| StoreError::Database {
                operation: "create",
                source,
            })?;
        configure(&connection)?;
        Ok(Self {
            connection,
            dir: dir.to_owned(),
            head: String::new(),
            seq: 0,
            durable: (0, String::new()),
            syncer: syncer(dir),
            _lock: lock,
        })
    }

    /// Makes a database in `dir`, which must exist and have none, that begins
    /// with the first `events` events of another log, as they are, and the blobs
    /// that those need.
    pub fn create_from(dir: &Path, from: &Reader, events: u64) -> Result<Self, StoreError> {
        let mut store = Self::create(dir)?;
        store
            .connection
            .execute_batch("BEGIN IMMEDIATE")
            .map_err(failed)?;
        for row in rows(&from.connection, &from.dir, events)? {
            let logged = row.parse().map_err(StoreError::Serialise)?;
            for hash in super::blobs_in(&logged)? {
                let content = from.blob(&hash)?;
                store.insert_blob(&hash, &content)?;
            }
            store.insert_row(&row)?;
            store.seq = row.seq;
            store.head = row.hash;
        }
        store.commit()?;
        Ok(store)
    }

    fn insert_blob(&self, hash: &ContentHash, content: &[u8]) -> Result<(), StoreError> {
        self.connection
            .prepare_cached("INSERT OR IGNORE INTO blobs (hash, content) VALUES (?1, ?2)")
            .and_then(|mut insert| insert.execute(params![hash.as_str(), content]))
            .map_err(failed)?;
        Ok(())
    }

    fn insert_row(&self, row: &Row) -> Result<(), StoreError> {
        self.connection
            .prepare_cached("INSERT INTO events VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)")
            .and_then(|mut insert| {
                insert.execute(params![
                    row.seq as i64,
                    row.time_ms,
                    row.actor,
                    row.kind,
                    row.version,
                    row.payload,
                    row.prev_hash,
                    row.hash
                ])
            })
            .map_err(failed)?;
        Ok(())
    }

    /// Opens a campaign for writing and folds its log. Everything is verified
    /// read-only first.
    pub fn open(dir: &Path) -> Result<(Self, State), StoreError> {
        let verified = Reader::open(dir)?.verified_log()?;
        let mut state = State::fold(&verified).map_err(|error| StoreError::Corrupt {
            dir: dir.to_owned(),
            why: error.to_string(),
        })?;
        drop(verified);
        let lock = Lock::take(dir)?;
        // Whoever held the lock before may have appended meanwhile.
        let reader = Reader::open(dir)?;
        if reader.last_seq()? != state.seq {
            state = reader.state()?;
        }
        drop(reader);
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(dir.join(DATABASE), flags)
            .map_err(|source| unreadable(dir, "open", source))?;
        configure(&connection)?;
        let head: String = connection
            .query_row(
                "SELECT hash FROM events ORDER BY seq DESC LIMIT 1",
                [],
                |row| row.get(0),
            )
            .map_err(|source| unreadable(dir, "read", source))?;
        let store = Self {
            connection,
            dir: dir.to_owned(),
            durable: (state.seq, head.clone()),
            head,
            seq: state.seq,
            syncer: syncer(dir),
            _lock: lock,
        };
        Ok((store, state))
    }

    /// Appends a batch after event `expected_seq`, all or nothing, makes it
    /// durable, and returns the events with their places.
    pub fn append(
        &mut self,
        expected_seq: u64,
        at_ms: i64,
        batch: Batch,
    ) -> Result<Vec<Logged>, StoreError> {
        let appended = self.stage(expected_seq, at_ms, batch)?;
        self.commit()?;
        Ok(appended)
    }

    /// Appends a batch that becomes durable with the next [`Store::commit`],
    /// together with all others staged until then. After an error nothing of
    /// what was staged is left.
    pub fn stage(
        &mut self,
        expected_seq: u64,
        at_ms: i64,
        batch: Batch,
    ) -> Result<Vec<Logged>, StoreError> {
        let staged = self.insert(expected_seq, at_ms, batch);
        if staged.is_err() {
            self.forget();
        }
        staged
    }

    /// Makes everything staged durable: nobody may act on it before.
    pub fn commit(&mut self) -> Result<(), StoreError> {
        if self.connection.is_autocommit() {
            return Ok(());
        }
        match self.connection.execute_batch("COMMIT") {
            Ok(()) => {
                self.durable = (self.seq, self.head.clone());
                self.syncer.more().map_err(|source| StoreError::File {
                    operation: "bring to the disk",
                    path: self.dir.join(DATABASE),
                    source,
                })
            }
            Err(source) => {
                self.forget();
                Err(failed(source))
            }
        }
    }

    /// Takes back what is staged.
    fn forget(&mut self) {
        if !self.connection.is_autocommit() {
            // Without a commit it is gone in any case.
            let _ = self.connection.execute_batch("ROLLBACK");
        }
        (self.seq, self.head) = self.durable.clone();
    }

    fn insert(
        &mut self,
        expected_seq: u64,
        at_ms: i64,
        batch: Batch,
    ) -> Result<Vec<Logged>, StoreError> {
        if expected_seq != self.seq {
            return Err(StoreError::Conflict {
                expected: expected_seq,
                found: self.seq,
            });
        }
        if self.connection.is_autocommit() {
            self.connection
                .execute_batch("BEGIN IMMEDIATE")
                .map_err(failed)?;
        }
        for (hash, content) in &batch.blobs {
            self.insert_blob(hash, content)?;
        }
        let mut appended = Vec::with_capacity(batch.events.len());
        for (actor, event) in batch.events {
            let logged = Logged {
                seq: self.seq + 1,
                at_ms,
                actor,
                event,
            };
            let row = Row::of(&logged, &self.head, EVENT_VERSION)?;
            self.insert_row(&row)?;
            self.head = row.hash;
            self.seq = logged.seq;
            appended.push(logged);
        }
        Ok(appended)
    }

    /// Every event so far, with the chain verified.
    pub fn log(&self) -> Result<Vec<Logged>, StoreError> {
        log(&self.connection, &self.dir)
    }

    /// A blob's content.
    pub fn blob(&self, hash: &ContentHash) -> Result<Vec<u8>, StoreError> {
        blob(&self.connection, &self.dir, hash)
    }

    /// A document as text, wherever it lies.
    pub fn text(&self, body: &Body) -> Result<Document, StoreError> {
        text(&self.connection, &self.dir, body)
    }

    /// A document, wherever it lies.
    pub fn document(&self, body: &Body) -> Result<Value, StoreError> {
        document(&self.connection, &self.dir, body)
    }
}

/// The first rows of a log.
fn rows(connection: &Connection, dir: &Path, events: u64) -> Result<Vec<Row>, StoreError> {
    let failed = |source| unreadable(dir, "read", source);
    let mut statement = connection.prepare(SELECT).map_err(failed)?;
    let rows = statement.query_map([], Row::read).map_err(failed)?;
    rows.take(usize::try_from(events).unwrap_or(usize::MAX))
        .collect::<Result<_, _>>()
        .map_err(failed)
}

fn syncer(dir: &Path) -> Syncer {
    Syncer::start(dir.join(format!("{DATABASE}{WAL_SUFFIX}")))
}

fn configure(connection: &Connection) -> Result<(), StoreError> {
    connection
        .execute_batch(
            "PRAGMA journal_mode = WAL;
             PRAGMA synchronous = NORMAL;
             PRAGMA busy_timeout = 5000;",
        )
        .map_err(|source| StoreError::Database {
            operation: "configure",
            source,
        })
}

fn failed(source: rusqlite::Error) -> StoreError {
    StoreError::Database {
        operation: "append to",
        source,
    }
}
