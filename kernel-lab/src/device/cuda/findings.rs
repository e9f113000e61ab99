//! What the simulator says about a candidate: findings and counted launches, a JSON object a
//! line each, in files that the runner's process appends to.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::PathBuf;

use cuda_sim::{Counters, Counts};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::error::HarnessError;
use crate::judge::{DeviceFinding, Finding};

/// What memory is called that was never given back.
const LEAK: &str = "leak";

/// A launch with what was counted of it.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Launched {
    /// The kernel.
    pub kernel: String,
    /// Blocks in x, y and z.
    pub grid: [u32; 3],
    /// Threads of a block in x, y and z.
    pub block: [u32; 3],
    /// Bytes of shared memory beyond the kernel's own.
    pub dynamic_shared: u32,
    /// Whether it came to its end.
    pub complete: bool,
    /// What threads ran.
    pub counts: Counts,
    /// What warps asked of memory.
    pub counters: Counters,
}

/// A finding, as far as the lab makes use of it.
#[derive(Clone, Debug, Deserialize)]
struct Line {
    code: String,
    text: String,
    kernel: Option<String>,
    source: Option<Source>,
    memory: Option<Memory>,
}

#[derive(Clone, Debug, Deserialize)]
struct Source {
    file: String,
    line: u32,
}

#[derive(Clone, Debug, Deserialize)]
struct Memory {
    address: u64,
    buffer: Option<Named>,
}

#[derive(Clone, Debug, Deserialize)]
struct Named {
    name: String,
    offset: Option<i64>,
}

/// A file that grows.
#[derive(Debug)]
pub(super) struct Tail<T> {
    path: PathBuf,
    read: u64,
    lines: std::marker::PhantomData<T>,
}

impl<T: DeserializeOwned> Tail<T> {
    pub(super) fn new(path: PathBuf) -> Self {
        Self {
            path,
            read: 0,
            lines: std::marker::PhantomData,
        }
    }

    /// What has come since it was last asked. A file that is not there yet has nothing.
    pub(super) fn fresh(&mut self) -> Result<Vec<T>, HarnessError> {
        let failed = |path: &PathBuf, source| HarnessError::File {
            doing: "read",
            path: path.clone(),
            source,
        };
        let mut file = match File::open(&self.path) {
            Ok(file) => file,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(failed(&self.path, error)),
        };
        let mut text = Vec::new();
        file.seek(SeekFrom::Start(self.read))
            .and_then(|_| file.read_to_end(&mut text))
            .map_err(|error| failed(&self.path, error))?;
        // A line that is still being written waits for its end.
        let whole = text.iter().rposition(|byte| *byte == b'\n');
        let whole = whole.map_or(0, |end| end + 1);
        self.read += whole as u64;
        let lines = text[..whole].split(|byte| *byte == b'\n');
        lines
            .filter(|line| !line.is_empty())
            .map(|line| {
                serde_json::from_slice(line)
                    .map_err(|error| failed(&self.path, std::io::Error::other(error)))
            })
            .collect()
    }
}

/// Findings under the names that a plan has for its memory.
#[derive(Debug)]
pub(super) struct Findings {
    lines: Tail<Line>,
    /// Names by address.
    names: BTreeMap<u64, String>,
}

impl Findings {
    /// `names` are the plan's by address of the memory that they have.
    pub(super) fn new(path: PathBuf, names: BTreeMap<u64, String>) -> Self {
        Self {
            lines: Tail::new(path),
            names,
        }
    }

    /// What has been found since this was last asked.
    pub(super) fn fresh(&mut self) -> Result<Option<Finding>, HarnessError> {
        let mut lines = self.lines.fresh()?;
        // What a runner still holds when its context is gone is no leak of a kernel's.
        lines.retain(|line| line.code != LEAK || line.kernel.is_some());
        let texts: Vec<String> = lines.iter().map(|line| self.text(line)).collect();
        Ok(lines.first().map(|first| {
            Finding::Device(Box::new(DeviceFinding {
                kind: first.code.clone(),
                kernel: first.kernel.clone(),
                file: first.source.as_ref().map(|source| source.file.clone()),
                line: first.source.as_ref().map(|source| source.line),
                buffer: self.name(first).map(str::to_owned),
                texts,
            }))
        }))
    }

    /// What the plan calls the memory that it is about.
    fn name(&self, line: &Line) -> Option<&str> {
        let memory = line.memory.as_ref()?;
        let offset = memory.buffer.as_ref()?.offset?;
        let base = memory.address.wrapping_sub(offset.cast_unsigned());
        self.names.get(&base).map(String::as_str)
    }

    fn text(&self, line: &Line) -> String {
        let driver = line
            .memory
            .as_ref()
            .and_then(|memory| memory.buffer.as_ref());
        match (driver, self.name(line)) {
            (Some(driver), Some(own)) => line
                .text
                .replace(&format!("`{}`", driver.name), &format!("`{own}`")),
            _ => line.text.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    #[test]
    fn findings_have_the_names_of_the_plan_and_come_once() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("findings.jsonl");
        let names = BTreeMap::from([(4096, "out.0".to_owned())]);
        let mut findings = Findings::new(path.clone(), names);
        assert_eq!(findings.fresh().expect("no file"), None);
        let line = |code: &str, base: u64| {
            format!(
                "{{\"schema\":1,\"code\":\"{code}\",\"fatal\":true,\"text\":\"{code}: byte 8 of \
                 `cuMemAlloc #2`\",\"kernel\":\"k\",\"source\":{{\"file\":\"kernel.cu\",\"line\":7}},\
                 \"memory\":{{\"space\":\"global\",\"address\":{},\"bytes\":4,\"buffer\":{{\"name\":\
                 \"cuMemAlloc #2\",\"bytes\":8,\"offset\":8}}}},\"count\":1}}\n",
                base + 8
            )
        };
        let mut file = File::create(&path).expect("a file");
        let half = line("race", 4096);
        let (first, rest) = half.split_at(40);
        write!(file, "{}{first}", line("out-of-bounds", 4096)).expect("written");
        let found = |findings: &mut Findings| match findings.fresh().expect("lines") {
            Some(Finding::Device(found)) => *found,
            other => panic!("{other:?}"),
        };
        let first = found(&mut findings);
        assert_eq!(first.kind, "out-of-bounds");
        assert_eq!(
            (first.line, first.buffer.as_deref()),
            (Some(7), Some("out.0"))
        );
        assert_eq!(first.texts, ["out-of-bounds: byte 8 of `out.0`"]);
        let own =
            "{\"schema\":1,\"code\":\"leak\",\"text\":\"the runner's own\",\"kernel\":null}\n";
        write!(file, "{rest}{}{own}", line("leak", 0)).expect("written");
        assert_eq!(
            found(&mut findings).texts,
            ["race: byte 8 of `out.0`", "leak: byte 8 of `cuMemAlloc #2`"]
        );
        assert_eq!(findings.fresh().expect("nothing"), None);
    }
}
