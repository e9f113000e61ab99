//! From source text to a loadable object, in a confined child.
//!
//! A compile error is a value: it goes back to whoever wrote the source.

mod cxx;

use std::path::PathBuf;

use protocol::ContentHash;

use crate::error::HarnessError;

pub use cxx::{Cxx, OPTIONS};

/// A compiled candidate.
#[derive(Clone, Debug)]
pub struct Object {
    /// The file, in the cache.
    pub path: PathBuf,
    /// Hash of source, options, compiler and processor: the cache's key.
    pub key: ContentHash,
    /// Whether it was there already.
    pub cached: bool,
    /// Time it took, in milliseconds; of the look-up when `cached`.
    pub elapsed_ms: f64,
}

impl Object {
    /// SHA-256 of the file.
    pub fn content_hash(&self) -> Result<ContentHash, HarnessError> {
        std::fs::File::open(&self.path)
            .and_then(ContentHash::of_stream)
            .map_err(|source| HarnessError::File {
                doing: "read",
                path: self.path.clone(),
                source,
            })
    }
}

/// What came out.
#[derive(Clone, Debug)]
pub enum Outcome {
    /// An object.
    Compiled(Object),
    /// The compiler refused the source; its first errors with file and line.
    Failed(String),
}

/// A compiler for one kind of device.
pub trait Compiler {
    /// Name and version, for reports.
    fn id(&self) -> &str;

    /// Compiles one translation unit.
    fn compile(&self, source: &str) -> Result<Outcome, HarnessError>;
}
