//! Reading a campaign, while it runs or after.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use protocol::ContentHash;
use rusqlite::{Connection, OpenFlags, OptionalExtension, params};

use super::chain::{Row, SELECT};
use super::{APPLICATION_ID, DATABASE, LAYOUT_VERSION, StoreError};
use crate::core::event::{Body, EVENT_VERSION, Logged};
use crate::core::state::State;
use crate::document::Document;

/// How closely SQLite looks at its own structure.
#[derive(Clone, Copy, Debug)]
pub enum Depth {
    /// At its pages.
    Quick,
    /// At its indexes too.
    Full,
}

/// Reads a campaign's database; never writes.
#[derive(Debug)]
pub struct Reader {
    pub(super) connection: Connection,
    pub(super) dir: PathBuf,
}

impl Reader {
    /// Opens the campaign in `dir`.
    pub fn open(dir: &Path) -> Result<Self, StoreError> {
        probe(dir)?;
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(dir.join(DATABASE), flags)
            .map_err(|source| unreadable(dir, "open", source))?;
        connection
            .busy_timeout(std::time::Duration::from_secs(5))
            .map_err(|source| unreadable(dir, "open", source))?;
        Ok(Self {
            connection,
            dir: dir.to_owned(),
        })
    }

    /// Every event, with the chain and SQLite's own structure verified.
    pub fn verified_log(&self) -> Result<Vec<Logged>, StoreError> {
        let verdict = self.structure(Depth::Quick)?;
        if verdict != "ok" {
            return Err(self.corrupt(verdict));
        }
        self.log()
    }

    /// Every event, with the chain verified.
    pub fn log(&self) -> Result<Vec<Logged>, StoreError> {
        log(&self.connection, &self.dir)
    }

    /// Every event and the hash of the last, with the chain verified.
    pub fn anchored_log(&self) -> Result<(Vec<Logged>, ContentHash), StoreError> {
        let (log, head) = anchored(&self.connection, &self.dir)?;
        let head = head
            .parse()
            .map_err(|_| self.corrupt("the log has no event".to_owned()))?;
        Ok((log, head))
    }

    /// What SQLite says about its own structure: `ok`, or what is wrong.
    pub fn structure(&self, depth: Depth) -> Result<String, StoreError> {
        let pragma = match depth {
            Depth::Quick => "PRAGMA quick_check(1)",
            Depth::Full => "PRAGMA integrity_check(1)",
        };
        self.connection
            .query_row(pragma, [], |row| row.get(0))
            .map_err(|source| unreadable(&self.dir, "check", source))
    }

    /// Place of the last event; 0 without one.
    pub fn last_seq(&self) -> Result<u64, StoreError> {
        let last: i64 = self
            .connection
            .query_row("SELECT COALESCE(MAX(seq), 0) FROM events", [], |row| {
                row.get(0)
            })
            .map_err(|source| unreadable(&self.dir, "read", source))?;
        Ok(last as u64)
    }

    /// The state that the log folds to.
    pub fn state(&self) -> Result<State, StoreError> {
        let log = self.log()?;
        State::fold(&log).map_err(|error| self.corrupt(error.to_string()))
    }

    /// A blob's content.
    pub fn blob(&self, hash: &ContentHash) -> Result<Vec<u8>, StoreError> {
        blob(&self.connection, &self.dir, hash)
    }

    /// A document, wherever it lies.
    pub fn document(&self, body: &Body) -> Result<serde_json::Value, StoreError> {
        document(&self.connection, &self.dir, body)
    }

    /// A document as text, wherever it is.
    pub fn text(&self, body: &Body) -> Result<Document, StoreError> {
        text(&self.connection, &self.dir, body)
    }

    fn corrupt(&self, why: String) -> StoreError {
        StoreError::Corrupt {
            dir: self.dir.clone(),
            why,
        }
    }
}

/// A database error that means the file itself is damaged.
pub(super) fn unreadable(
    dir: &Path,
    operation: &'static str,
    source: rusqlite::Error,
) -> StoreError {
    use rusqlite::ErrorCode::{DatabaseCorrupt, NotADatabase};
    match source.sqlite_error_code() {
        Some(DatabaseCorrupt | NotADatabase) => StoreError::Corrupt {
            dir: dir.to_owned(),
            why: source.to_string(),
        },
        _ => StoreError::Database { operation, source },
    }
}

/// Looks at the file's header without opening it as a database.
pub(super) fn probe(dir: &Path) -> Result<(), StoreError> {
    let not = |why| StoreError::NotACampaign {
        dir: dir.to_owned(),
        why,
    };
    if !dir.is_dir() {
        return Err(not("no such directory"));
    }
    let path = dir.join(DATABASE);
    let mut file = match File::open(&path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return Err(not("it has no `campaign.db`"));
        }
        Err(source) => {
            return Err(StoreError::File {
                operation: "open",
                path,
                source,
            });
        }
    };
    // https://www.sqlite.org/fileformat.html, section 1.3: magic in bytes
    // 0 to 15, user_version at 60, application_id at 68, big-endian.
    let mut header = [0_u8; 100];
    let corrupt = |why: &str| StoreError::Corrupt {
        dir: dir.to_owned(),
        why: why.to_owned(),
    };
    file.read_exact(&mut header)
        .map_err(|_| corrupt("`campaign.db` is shorter than a database's header"))?;
    if &header[..16] != b"SQLite format 3\0" {
        return Err(corrupt("`campaign.db` is not a database"));
    }
    let number = |at: usize| {
        u32::from_be_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]])
    };
    if number(68) != APPLICATION_ID {
        return Err(not("its `campaign.db` belongs to another program"));
    }
    let found = number(60);
    if found > LAYOUT_VERSION {
        return Err(StoreError::Newer {
            dir: dir.to_owned(),
            what: "layout",
            found,
            known: LAYOUT_VERSION,
        });
    }
    Ok(())
}

/// Every event, with the chain verified.
pub(super) fn log(connection: &Connection, dir: &Path) -> Result<Vec<Logged>, StoreError> {
    anchored(connection, dir).map(|(log, _)| log)
}

/// Every event, with the hash of the last.
fn anchored(connection: &Connection, dir: &Path) -> Result<(Vec<Logged>, String), StoreError> {
    let failed = |source| unreadable(dir, "read", source);
    let mut statement = connection.prepare(SELECT).map_err(failed)?;
    let rows = statement.query_map([], Row::read).map_err(failed)?;
    let corrupt = |why: String| StoreError::Corrupt {
        dir: dir.to_owned(),
        why,
    };
    let mut log = Vec::new();
    let mut head = String::new();
    for row in rows {
        let row = row.map_err(failed)?;
        if row.version > EVENT_VERSION {
            return Err(StoreError::Newer {
                dir: dir.to_owned(),
                what: "events",
                found: row.version,
                known: EVENT_VERSION,
            });
        }
        if row.seq != log.len() as u64 + 1 || row.prev_hash != head || row.hash != row.digest() {
            return Err(corrupt(format!(
                "the hash chain breaks at event {}",
                log.len() + 1
            )));
        }
        log.push(
            row.parse()
                .map_err(|error| corrupt(format!("event {} can't be read: {error}", row.seq)))?,
        );
        head = row.hash;
    }
    Ok((log, head))
}

pub(super) fn blob(
    connection: &Connection,
    dir: &Path,
    hash: &ContentHash,
) -> Result<Vec<u8>, StoreError> {
    let content: Option<Vec<u8>> = connection
        .prepare_cached("SELECT content FROM blobs WHERE hash = ?1")
        .and_then(|mut select| {
            select
                .query_row(params![hash.as_str()], |row| row.get(0))
                .optional()
        })
        .map_err(|source| unreadable(dir, "read", source))?;
    let content = content.ok_or_else(|| StoreError::NoBlob(hash.clone()))?;
    if ContentHash::of(&content) == *hash {
        Ok(content)
    } else {
        Err(StoreError::Corrupt {
            dir: dir.to_owned(),
            why: format!("blob {hash} has another content"),
        })
    }
}

pub(super) fn document(
    connection: &Connection,
    dir: &Path,
    body: &Body,
) -> Result<serde_json::Value, StoreError> {
    match body {
        Body::Inline(value) => Ok(value.clone()),
        Body::Blob(hash) => {
            let bytes = blob(connection, dir, hash)?;
            serde_json::from_slice(&bytes).map_err(|error| no_json(dir, hash, error))
        }
    }
}

/// As [`document`], without making a tree of it.
pub(super) fn text(
    connection: &Connection,
    dir: &Path,
    body: &Body,
) -> Result<Document, StoreError> {
    match body {
        Body::Inline(value) => Ok(Document::from(value)),
        Body::Blob(hash) => {
            let bytes = blob(connection, dir, hash)?;
            let text = String::from_utf8(bytes).map_err(|error| no_json(dir, hash, error))?;
            Document::parse(text).map_err(|error| no_json(dir, hash, error))
        }
    }
}

fn no_json(dir: &Path, hash: &ContentHash, error: impl std::fmt::Display) -> StoreError {
    StoreError::Corrupt {
        dir: dir.to_owned(),
        why: format!("blob {hash} is no JSON: {error}"),
    }
}
