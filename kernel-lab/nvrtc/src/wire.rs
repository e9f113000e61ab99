//! What goes to the child that compiles, and what comes back, as files in its
//! working folder.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// Name of the file with the [`Request`].
pub const REQUEST: &str = "request.json";
/// Name of the file with the [`Reply`].
pub const REPLY: &str = "reply.json";

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
    /// All others, as NVRTC takes them.
    pub options: Vec<String>,
}

/// What came of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Reply {
    /// Version of NVRTC: major, minor.
    pub version: (i32, i32),
    /// In the order of the architectures, up to the first that failed.
    pub compiled: Vec<Compiled>,
}

/// One architecture.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Compiled {
    /// Which.
    pub arch: String,
    /// Whether it went well: then `ARCH.ptx` and `ARCH.cubin` lie beside.
    pub ok: bool,
    /// What NVRTC said.
    pub log: String,
    /// Time in NVRTC, in milliseconds.
    pub ms: f64,
}
