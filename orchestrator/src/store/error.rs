//! What can go wrong with a campaign's database.

use std::path::PathBuf;

use crate::core::fold::Illegal;

/// Failure to read or write a campaign's database.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// No database here.
    #[error("`{}` is not a campaign directory: {why}", dir.display())]
    NotACampaign {
        /// The directory.
        dir: PathBuf,
        /// What is missing or wrong.
        why: &'static str,
    },
    /// Written by a later version of this program.
    #[error(
        "the campaign in `{}` was written by a newer version ({what} {found}, this program knows {known}): upgrade alphalab",
        dir.display()
    )]
    Newer {
        /// The directory.
        dir: PathBuf,
        /// What has the version.
        what: &'static str,
        /// Version found.
        found: u32,
        /// Newest version this program knows.
        known: u32,
    },
    /// The content contradicts itself.
    #[error("the campaign in `{}` is corrupt: {why}", dir.display())]
    Corrupt {
        /// The directory.
        dir: PathBuf,
        /// What doesn't fit.
        why: String,
    },
    /// Another process writes to it.
    #[error("the campaign in `{}` is in use by process {pid}: wait, or `alphalab stop` it", dir.display())]
    InUse {
        /// The directory.
        dir: PathBuf,
        /// That process.
        pid: String,
    },
    /// Something is there already.
    #[error("`{}` exists already", dir.display())]
    Exists {
        /// The directory.
        dir: PathBuf,
    },
    /// The file system refused.
    #[error("failed to {operation} `{}`", path.display())]
    File {
        /// What was tried.
        operation: &'static str,
        /// On what.
        path: PathBuf,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
    /// SQLite refused.
    #[error("failed to {operation} the campaign database")]
    Database {
        /// What was tried.
        operation: &'static str,
        /// Why not.
        #[source]
        source: rusqlite::Error,
    },
    /// Somebody else appended in between.
    #[error("the log is at event {found}, expected {expected}")]
    Conflict {
        /// Last event the caller knew.
        expected: u64,
        /// Last event there is.
        found: u64,
    },
    /// An event that is too large.
    #[error("the payload of `{kind}` has {bytes} bytes; {limit} are allowed")]
    TooLarge {
        /// Its kind.
        kind: String,
        /// Its size.
        bytes: usize,
        /// The limit.
        limit: usize,
    },
    /// An event that can't be written as JSON.
    #[error("failed to serialise an event")]
    Serialise(#[source] serde_json::Error),
    /// A blob that isn't there.
    #[error("blob {0} is missing")]
    NoBlob(protocol::ContentHash),
    /// An event that can't follow the log.
    #[error("refused an event")]
    Illegal(#[source] Illegal),
}
