//! The last word to a database whose writer has gone before its readers.

use std::path::Path;

use rusqlite::{Connection, OpenFlags};

use super::lock::Lock;
use super::{DATABASE, StoreError};

/// Brings the write-ahead log into the database and removes it, as SQLite does
/// by itself when the last connection to close is one that may write. A reader
/// that outlives the writer leaves it behind, and `campaign.db` alone would not
/// be the whole campaign.
///
/// Does nothing while another process drives the campaign. False if somebody
/// was reading, so that the log beside the database is still needed.
pub fn settle(dir: &Path) -> Result<bool, StoreError> {
    let _lock = match Lock::take(dir) {
        Ok(lock) => lock,
        Err(StoreError::InUse { .. }) => return Ok(true),
        Err(error) => return Err(error),
    };
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    Connection::open_with_flags(dir.join(DATABASE), flags)
        .and_then(|connection| {
            connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0))
        })
        .map(|busy: i64| busy == 0)
        .map_err(|source| StoreError::Database {
            operation: "settle",
            source,
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::event::{Actor, Event};
    use crate::store::{Batch, Reader, Store, WAL_SUFFIX};

    #[test]
    fn a_reader_that_outlives_the_writer_leaves_nothing_behind() {
        let dir = tempfile::tempdir().unwrap();
        let wal = dir.path().join(format!("{DATABASE}{WAL_SUFFIX}"));
        let mut store = Store::create(dir.path()).unwrap();
        let reader = Reader::beside_writer(dir.path()).unwrap();
        let mut batch = Batch::new();
        batch.push(Actor::User, Event::CampaignResumed {});
        store.append(0, 1, batch).unwrap();
        assert_eq!(reader.last_seq().unwrap(), 1);
        settle(dir.path()).unwrap();
        assert!(wal.exists(), "the writer still needs it");
        drop(store);
        drop(reader);
        assert!(wal.exists(), "a reader can't remove it");
        settle(dir.path()).unwrap();
        assert!(!wal.exists());
        assert_eq!(Reader::open(dir.path()).unwrap().last_seq().unwrap(), 1);
    }
}
