//! What a program did wrong, for whoever watches it.
//!
//! Findings are lines of JSON in the file that `CUDA_SIM_FINDINGS` names, each
//! written at once when it is known, so that a parent has them whatever
//! becomes of the program; without it they are text on standard error. What
//! kernels print goes to standard output. Launches, with what was counted, go to
//! the file that `CUDA_SIM_LAUNCHES` names.

use std::fs::File;
use std::io::Write;

use cuda_sim::{Counters, Counts, Finding, Touched};
use serde::{Deserialize, Serialize};

use crate::error::Error;

/// One thing that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    /// In a kernel.
    Kernel(Finding),
    /// Memory that was never freed.
    Leak {
        /// What it is called in findings.
        name: String,
        /// Its address.
        address: u64,
        /// Its length.
        bytes: u64,
    },
    /// More of those than are listed.
    MoreLeaks {
        /// How many more.
        count: u64,
        /// Of how many bytes together.
        bytes: u64,
    },
    /// A copy or a fill, when its turn came, of memory that was freed by then.
    Copy {
        /// Address of it.
        address: u64,
        /// Length of it.
        bytes: u64,
        /// What it lay in, if known.
        name: Option<String>,
    },
}

impl Found {
    /// A stable word for it.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Kernel(finding) => finding.problem.code(),
            Self::Leak { .. } | Self::MoreLeaks { .. } => "leak",
            Self::Copy { .. } => "use-after-free",
        }
    }

    /// The error that a GPU gives from then on, if any.
    pub fn error(&self) -> Option<Error> {
        match self {
            Self::Kernel(finding) => crate::machine::error_of(&finding.problem),
            Self::Leak { .. } | Self::MoreLeaks { .. } => None,
            Self::Copy { .. } => Some(Error::IllegalAddress),
        }
    }
}

impl std::fmt::Display for Found {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Kernel(finding) => finding.fmt(f),
            Self::Leak {
                name,
                address,
                bytes,
            } => write!(
                f,
                "leak: {bytes} bytes at {address:#x} (`{name}`) were never freed"
            ),
            Self::MoreLeaks { count, bytes } => {
                write!(f, "leak: {count} more allocations, {bytes} bytes together")
            }
            Self::Copy {
                address,
                bytes,
                name,
            } => {
                write!(
                    f,
                    "copy or fill of {bytes} bytes at {address:#x}, freed before its turn came"
                )?;
                match name {
                    Some(name) => write!(f, " (`{name}`)"),
                    None => Ok(()),
                }
            }
        }
    }
}

/// A finding as a line of JSON. Fields may be added; none is renamed.
#[derive(Debug, Serialize)]
struct Entry<'a> {
    schema: u32,
    code: &'static str,
    /// Whether it ended the launch and with it the context.
    fatal: bool,
    /// What every call answers from then on.
    error: Option<&'static str>,
    /// All of it in words.
    text: String,
    kernel: Option<&'a str>,
    source: Option<Source<'a>>,
    ptx_line: Option<u32>,
    block: Option<[u32; 3]>,
    thread: Option<[u32; 3]>,
    memory: Option<Memory<'a>>,
    count: u64,
}

#[derive(Debug, Serialize)]
struct Source<'a> {
    file: &'a str,
    line: u32,
}

#[derive(Debug, Serialize)]
struct Memory<'a> {
    space: String,
    address: u64,
    bytes: u64,
    buffer: Option<BufferLine<'a>>,
}

#[derive(Debug, Serialize)]
struct BufferLine<'a> {
    name: &'a str,
    bytes: Option<u64>,
    offset: Option<i64>,
}

impl<'a> Memory<'a> {
    fn of(touched: &'a Touched) -> Self {
        Self {
            space: format!("{:?}", touched.space).to_lowercase(),
            address: touched.address,
            bytes: touched.bytes.into(),
            buffer: touched.buffer.as_ref().map(|buffer| BufferLine {
                name: &buffer.name,
                bytes: Some(buffer.bytes),
                offset: Some(buffer.offset),
            }),
        }
    }

    fn named(address: u64, bytes: u64, name: Option<&'a str>) -> Self {
        Self {
            space: "global".to_owned(),
            address,
            bytes,
            buffer: name.map(|name| BufferLine {
                name,
                bytes: None,
                offset: None,
            }),
        }
    }
}

/// A finding as a line of JSON, without the line's end.
pub fn line(found: &Found) -> String {
    let error = found.error();
    let mut line = Entry {
        schema: 1,
        code: found.code(),
        fatal: error.is_some(),
        error: error.map(Error::name),
        text: found.to_string(),
        kernel: None,
        source: None,
        ptx_line: None,
        block: None,
        thread: None,
        memory: None,
        count: 1,
    };
    match found {
        Found::Kernel(finding) => {
            line.kernel = Some(&finding.kernel);
            line.source = finding
                .source
                .as_ref()
                .map(|(file, line)| Source { file, line: *line });
            line.ptx_line = Some(finding.line);
            line.block = Some(finding.block);
            line.thread = Some(finding.thread);
            line.memory = finding.touched.as_ref().map(Memory::of);
            line.count = finding.count;
        }
        Found::Leak {
            name,
            address,
            bytes,
        } => line.memory = Some(Memory::named(*address, *bytes, Some(name.as_str()))),
        Found::MoreLeaks { count, .. } => line.count = *count,
        Found::Copy {
            address,
            bytes,
            name,
        } => line.memory = Some(Memory::named(*address, *bytes, name.as_deref())),
    }
    serde_json::to_string(&line).unwrap_or_else(|error| {
        // Nothing in it can fail to be written.
        format!(
            "{{\"schema\":1,\"code\":\"unwritable\",\"text\":{:?}}}",
            error.to_string()
        )
    })
}

/// A launch with what was counted of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Launched {
    /// The kernel.
    pub kernel: String,
    /// Blocks in x, y and z.
    pub grid: [u32; 3],
    /// Threads of a block in x, y and z.
    pub block: [u32; 3],
    /// Bytes of shared memory beyond the kernel's own.
    pub dynamic_shared: u32,
    /// Whether it came to its end: otherwise the counts are those until then.
    pub complete: bool,
    /// What threads ran.
    pub counts: Counts,
    /// What warps asked of memory.
    pub counters: Counters,
}

/// A launch as a line of JSON. Fields may be added; none is renamed.
#[derive(Debug, Serialize)]
struct LaunchEntry<'a> {
    schema: u32,
    #[serde(flatten)]
    launched: &'a Launched,
}

/// Where it all goes.
pub trait Reporter: Send {
    /// Something was found.
    fn finding(&mut self, found: &Found);
    /// A launch was counted.
    fn launched(&mut self, launched: &Launched);
    /// Kernels printed this.
    fn printed(&mut self, text: &[u8]);
    /// Why a call is refused, and the like.
    fn message(&mut self, text: &str);
}

/// Standard output, standard error, and maybe files.
#[derive(Debug)]
pub struct Outside {
    findings: Option<File>,
    launches: Option<File>,
}

impl Outside {
    /// With a file for findings and one for launches, which are appended to.
    pub fn new(findings: Option<&str>, launches: Option<&str>) -> Self {
        let mut outside = Self {
            findings: None,
            launches: None,
        };
        outside.findings = outside.open(findings);
        outside.launches = outside.open(launches);
        outside
    }

    fn open(&mut self, path: Option<&str>) -> Option<File> {
        let path = path?;
        match File::options().append(true).create(true).open(path) {
            Ok(file) => Some(file),
            Err(error) => {
                self.message(&format!("{path} can't be written: {error}"));
                None
            }
        }
    }
}

impl Reporter for Outside {
    fn finding(&mut self, found: &Found) {
        match &mut self.findings {
            Some(file) => {
                let line = line(found) + "\n";
                if let Err(error) = file.write_all(line.as_bytes()) {
                    self.message(&format!("a finding can't be written: {error}"));
                    self.message(&found.to_string());
                }
            }
            None => self.message(&found.to_string()),
        }
    }

    fn launched(&mut self, launched: &Launched) {
        let Some(file) = &mut self.launches else {
            return;
        };
        let entry = LaunchEntry {
            schema: 1,
            launched,
        };
        let written = serde_json::to_vec(&entry).map_err(std::io::Error::other);
        let written = written.and_then(|mut line| {
            line.push(b'\n');
            file.write_all(&line)
        });
        if let Err(error) = written {
            self.message(&format!("a launch can't be written: {error}"));
        }
    }

    fn printed(&mut self, text: &[u8]) {
        let mut out = std::io::stdout().lock();
        // A program whose standard output is closed has nowhere to hear of it.
        let _ = out.write_all(text).and_then(|()| out.flush());
    }

    fn message(&mut self, text: &str) {
        // As above.
        let _ = writeln!(std::io::stderr(), "cuda-sim: {text}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use cuda_sim::{Buffer, Problem, ptx::Space};

    #[test]
    fn a_finding_is_a_line_of_json() {
        let found = Found::Kernel(Finding {
            problem: Problem::OutOfBounds { write: true },
            kernel: "scale".to_owned(),
            source: Some(("scale.cu".to_owned(), 7)),
            line: 40,
            block: [1, 0, 0],
            thread: [2, 0, 0],
            touched: Some(Touched {
                space: Space::Global,
                address: 0x70_0000,
                bytes: 4,
                buffer: Some(Buffer {
                    name: "x".to_owned(),
                    bytes: 8,
                    offset: 8,
                }),
            }),
            count: 3,
        });
        assert_eq!(
            line(&found),
            "{\"schema\":1,\"code\":\"out-of-bounds\",\"fatal\":true,\
             \"error\":\"CUDA_ERROR_ILLEGAL_ADDRESS\",\
             \"text\":\"out-of-bounds global write in `scale` at scale.cu:7: block (1,0,0), \
             thread (2,0,0), 4 bytes at 0x700000 (byte 8 of `x`, which has 8); 3 times\",\
             \"kernel\":\"scale\",\"source\":{\"file\":\"scale.cu\",\"line\":7},\"ptx_line\":40,\
             \"block\":[1,0,0],\"thread\":[2,0,0],\
             \"memory\":{\"space\":\"global\",\"address\":7340032,\"bytes\":4,\
             \"buffer\":{\"name\":\"x\",\"bytes\":8,\"offset\":8}},\"count\":3}"
        );
    }

    #[test]
    fn findings_are_appended_to_their_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("findings.jsonl");
        for count in 1..3 {
            let mut outside = Outside::new(path.to_str(), None);
            outside.finding(&Found::MoreLeaks { count, bytes: 8 });
        }
        let text = std::fs::read_to_string(&path).unwrap();
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(lines.len(), 2);
        assert!(lines[1].contains("\"leak: 2 more allocations, 8 bytes together\""));
    }
}
