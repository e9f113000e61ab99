//! The campaign's database: the event log with its hash chain, and blobs.
//!
//! One process writes, under a lock that dies with it; any number read. A
//! directory is looked at before anything in it is touched.

mod chain;
mod error;
mod follow;
mod lock;
mod reader;
mod scan;
mod settle;
mod sync;
mod writer;

pub(crate) use chain::size;
pub use error::StoreError;
pub use follow::Mark;
pub use lock::{Lock, running_pid};
pub use reader::{Depth, Reader};
pub use scan::{Break, Link, Scan, blobs_in};
pub use settle::settle;
pub(crate) use writer::INLINE_BYTES;
pub use writer::{Batch, Store};

/// Name of the database in a campaign's directory.
pub const DATABASE: &str = "campaign.db";

/// Version of the database's layout (`user_version`).
pub const LAYOUT_VERSION: u32 = 1;

/// What SQLite appends to the database's name for its write-ahead log.
pub(crate) const WAL_SUFFIX: &str = "-wal";

/// Marks a SQLite file as a campaign (`application_id`): "ALab".
pub(crate) const APPLICATION_ID: u32 = 0x414c_6162;

/// Largest payload of an event, in bytes; what is larger goes to a blob.
pub const MAX_PAYLOAD_BYTES: usize = 64 << 10;
