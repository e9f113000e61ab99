//! What goes to the child that compiles, and what comes back, as files in its
//! working folder: one request, and an answer for each architecture, written
//! when that one is done. So what a child had answered before it was stopped
//! still counts.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// Name of the file with the [`Request`].
pub const REQUEST: &str = "request.json";

/// Names of an architecture's files: the [`Reply`], and what was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Files {
    /// The [`Reply`]; written last.
    pub reply: String,
    /// PTX, if it compiles.
    pub ptx: String,
    /// Machine code, if it compiles.
    pub cubin: String,
}

impl Files {
    /// Those of an architecture.
    pub fn of(arch: &str) -> Self {
        Self {
            reply: format!("{arch}.json"),
            ptx: format!("{arch}.ptx"),
            cubin: format!("{arch}.cubin"),
        }
    }
}

/// One source text for several architectures.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Request {
    /// `libnvrtc-builtins`, which must be loaded before.
    pub builtins: Option<PathBuf>,
    /// `libnvrtc`.
    pub library: PathBuf,
    /// What messages call the source.
    pub name: String,
    /// The source.
    pub source: String,
    /// `sm_90a`.
    pub archs: Vec<String>,
    /// So many at the same time.
    pub threads: usize,
    /// All others, as NVRTC takes them.
    pub options: Vec<String>,
}

/// What came of one architecture.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Reply {
    /// Version of NVRTC: major, minor.
    pub version: (i32, i32),
    /// Whether it went well: then PTX and machine code lie beside.
    pub ok: bool,
    /// What NVRTC said.
    pub log: String,
    /// Time in NVRTC, in milliseconds.
    pub ms: f64,
}
