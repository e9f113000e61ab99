//! The baselines on a GPU: torch in a process of its own, with a context of its own.
//!
//! Host and process say JSON to each other, a line each; tensors go through files. The process is
//! as trusted as the lab: it runs the task, never a candidate.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use kernel_cuda::wire::{Block, Sample, Work};
use sandbox::{Child, Command, Limits, Output, Policy};
use serde::Deserialize;
use serde_json::{Value, json};
use torch_bridge::CompileMode;

use crate::cache::Cache;
use crate::error::HarnessError;
use crate::evaluate::Config;
use crate::task::LoadedTask;

/// The process's program.
const PROGRAM: &str = include_str!("gpu.py");
/// File descriptor number of its end of the socket.
const SOCKET_FD: i32 = 3;
/// What eager PyTorch is called between host and process.
pub(crate) const EAGER: &str = "eager";
/// Longest wait for an answer that needs no compiler: torch is imported, a context is made.
const PATIENCE: Duration = Duration::from_mins(2);
/// Longest wait for a model: `max-autotune` tries dozens of kernels.
const COMPILING: Duration = Duration::from_mins(15);

/// What a process is started with.
#[derive(Clone, Debug)]
pub(crate) struct Python {
    program: PathBuf,
    /// Where inductor and Triton keep what they compile.
    cache: PathBuf,
    cpus: Vec<usize>,
}

impl Python {
    /// Of a lab.
    pub(crate) fn of(config: &Config) -> Self {
        Self {
            program: config.venv.join("bin/python"),
            cache: Cache::new(config.cache.clone()).inductor(),
            cpus: config.cpus.clone(),
        }
    }
}

/// Where torch computes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum On {
    /// On the GPU that `CUDA_VISIBLE_DEVICES` has under this name.
    Gpu(String),
    /// On the processor: for what is said, not for what it takes.
    #[cfg(test)]
    Processor,
}

impl On {
    /// As the process has it, and as it marks its answers.
    fn word(&self) -> &'static str {
        match self {
            Self::Gpu(_) => "cuda",
            #[cfg(test)]
            Self::Processor => "cpu",
        }
    }
}

/// What torch says about its device.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub(crate) struct Told {
    /// The device's name.
    pub(crate) name: String,
    /// Its UUID, where torch tells.
    pub(crate) uuid: Option<String>,
    /// Version of torch.
    pub(crate) torch: String,
    /// Version of CUDA that torch is built for.
    pub(crate) cuda: Option<String>,
    /// Bytes of its L2 cache.
    pub(crate) l2_bytes: u64,
    /// Whether products may be made of shortened floats.
    pub(crate) tf32: bool,
}

/// A model that was asked for.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub(crate) struct Made {
    /// `eager`, `default` or `max-autotune`.
    pub(crate) mode: String,
    /// Milliseconds until it had been called a few times.
    pub(crate) first_ms: Option<f64>,
    /// Why there is none.
    pub(crate) error: Option<String>,
}

/// What a block is made of there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Calls<'a> {
    /// Calls of a model.
    Of(&'a str),
    /// What the block says: copies.
    Copies,
}

/// A process with torch in it.
#[derive(Debug)]
pub(crate) struct Process {
    on: On,
    lines: BufReader<UnixStream>,
    child: Child,
    room: tempfile::TempDir,
    told: Told,
}

impl Process {
    /// Starts one and waits until it has its device.
    ///
    /// # Errors
    /// [`HarnessError::CudaInput`] where torch has no GPU, or another one than the `uuid` that
    /// candidates run on.
    pub(crate) fn start(python: &Python, on: On, uuid: Option<&str>) -> Result<Self, HarnessError> {
        let system = |doing: &str| {
            let doing = format!("{doing} for the baseline's process");
            move |source| HarnessError::System { doing, source }
        };
        let room = tempfile::Builder::new()
            .prefix("alphalab-baseline-")
            .tempdir()
            .map_err(system("make a folder"))?;
        let program = room.path().join("baseline.py");
        for (path, text) in [
            (&program, PROGRAM),
            (&room.path().join("bridge.py"), torch_bridge::BRIDGE),
        ] {
            fs::write(path, text).map_err(file("write", path))?;
        }
        let (ours, theirs) = UnixStream::pair().map_err(system("make a socket"))?;
        let words = room.path().join("words");
        let words_file = File::create(&words).map_err(file("create", &words))?;
        let out = words_file.try_clone().map_err(file("open", &words))?;
        let child = Command::new(&python.program, policy(python, &on), Limits::none())
            .arg(program)
            .args(["--device", on.word()])
            .inherit_fd(theirs, SOCKET_FD)
            .stdout(Output::File(out))
            .stderr(Output::File(words_file))
            .spawn()
            .map_err(HarnessError::process("start the baseline's process"))?;
        let mut process = Self {
            on,
            lines: BufReader::new(ours),
            child,
            room,
            told: Told {
                name: String::new(),
                uuid: None,
                torch: String::new(),
                cuda: None,
                l2_bytes: 0,
                tf32: false,
            },
        };
        process.told = process.ask("open the device", &json!({"do": "open"}), PATIENCE)?;
        if let (Some(wanted), Some(got)) = (uuid, process.told.uuid.as_deref())
            && wanted != got
        {
            return Err(HarnessError::CudaInput(format!(
                "candidates run on {wanted} and torch on {got}: set CUDA_VISIBLE_DEVICES to one of \
                 the two"
            )));
        }
        Ok(process)
    }

    /// What torch says about its device.
    pub(crate) fn told(&self) -> &Told {
        &self.told
    }

    /// Loads a task's models, with its own parameters, and `slots` copies of its inputs.
    pub(crate) fn load(
        &mut self,
        task: &LoadedTask,
        slots: usize,
        modes: &[&str],
    ) -> Result<Vec<Made>, HarnessError> {
        let mut params = Vec::new();
        let keys = task.signature.params.iter().map(|(key, _)| key.as_str());
        for (key, tensor) in keys.zip(&task.params) {
            let bytes =
                torch_bridge::bytes(tensor).map_err(HarnessError::python("reading a parameter"))?;
            params.push((key, bytes));
        }
        let constants = task.constants.iter();
        self.load_model(
            &json!({
                "path": task.source.path,
                "overrides": constants.map(|(name, value)| (name.clone(), json!(value)))
                    .collect::<serde_json::Map<_, _>>(),
                "seed": task.seed,
                "slots": slots,
                "modes": modes,
            }),
            &params,
        )
    }

    /// Loads what `model` says, with these parameters.
    fn load_model(
        &mut self,
        model: &Value,
        params: &[(&str, &[u8])],
    ) -> Result<Vec<Made>, HarnessError> {
        #[derive(Deserialize)]
        struct Loaded {
            made: Vec<Made>,
        }
        let mut files = Vec::with_capacity(params.len());
        for (number, (key, bytes)) in params.iter().enumerate() {
            files.push((key, self.put(&format!("param-{number}"), bytes)?));
        }
        let mut request = model.clone();
        request["do"] = json!("load");
        request["params"] = json!(files);
        let loaded: Loaded = self.ask("load the task", &request, COMPILING)?;
        for (_, path) in files {
            fs::remove_file(&path).map_err(file("remove", &path))?;
        }
        Ok(loaded.made)
    }

    /// Writes a slot's inputs, in the order of the task's.
    pub(crate) fn fill(&mut self, slot: usize, inputs: &[&[u8]]) -> Result<(), HarnessError> {
        let mut files = Vec::with_capacity(inputs.len());
        for (number, bytes) in inputs.iter().enumerate() {
            files.push(self.put(&format!("input-{number}"), bytes)?);
        }
        let request = json!({"do": "fill", "slot": slot, "files": files});
        self.ask::<Value>("take inputs", &request, PATIENCE)
            .map(drop)
    }

    /// What a model makes of a slot: the bytes of each of `outputs` outputs.
    pub(crate) fn answer(
        &mut self,
        mode: &str,
        slot: usize,
        outputs: usize,
    ) -> Result<Vec<Vec<u8>>, HarnessError> {
        let path = |number: usize| self.room.path().join(format!("output-{number}"));
        let files: Vec<PathBuf> = (0..outputs).map(path).collect();
        let request = json!({"do": "answer", "mode": mode, "slot": slot, "files": files});
        self.ask::<Value>("answer", &request, PATIENCE)?;
        let read = |path: &PathBuf| fs::read(path).map_err(file("read", path));
        files.iter().map(read).collect()
    }

    /// Times a block. What `block` says of its work counts for copies alone.
    pub(crate) fn time(
        &mut self,
        calls: Calls<'_>,
        block: &Block,
    ) -> Result<Vec<Sample>, HarnessError> {
        #[derive(Deserialize)]
        struct Timed {
            samples: Vec<Line>,
        }
        #[derive(Deserialize)]
        struct Line {
            slot: usize,
            event_ns: f64,
            wall_ns: f64,
        }
        let (mode, copy_bytes) = match (calls, block.work) {
            (Calls::Of(mode), _) => (Some(mode), None),
            (Calls::Copies, Work::Copy { bytes }) => (None, Some(bytes)),
            (Calls::Copies, Work::Plan) => {
                return Err(HarnessError::Runner {
                    doing: "time a block",
                    problem: "torch has no plan".to_owned(),
                });
            }
        };
        let request = json!({
            "do": "time",
            "mode": mode,
            "copy_bytes": copy_bytes,
            "warm": block.warm,
            "warm_ms": block.warm_ms,
            "counted": block.counted,
            "flush": block.flush,
        });
        let timed: Timed = self.ask("time a block", &request, PATIENCE)?;
        let sample = |line: Line| Sample {
            slot: line.slot,
            event_ns: line.event_ns,
            wall_ns: line.wall_ns,
            clocks: None,
        };
        Ok(timed.samples.into_iter().map(sample).collect())
    }

    fn put(&self, name: &str, bytes: &[u8]) -> Result<PathBuf, HarnessError> {
        let path = self.room.path().join(name);
        fs::write(&path, bytes).map_err(file("write", &path))?;
        Ok(path)
    }

    /// Asks, and takes only what was made on the device that was asked for.
    fn ask<T: serde::de::DeserializeOwned>(
        &mut self,
        doing: &'static str,
        request: &Value,
        patience: Duration,
    ) -> Result<T, HarnessError> {
        let mut line = String::new();
        let mut said = || {
            let stream = self.lines.get_mut();
            stream.set_read_timeout(Some(patience))?;
            stream.write_all(format!("{request}\n").as_bytes())?;
            self.lines.read_line(&mut line)
        };
        let problem = match said() {
            Ok(1..) => return self.understand(doing, &line),
            Ok(0) => "it has ended".to_owned(),
            Err(error) => format!("no answer within {} s ({error})", patience.as_secs()),
        };
        // Whatever it does now, nobody listens.
        let killed = self.child.kill_tree().map(drop);
        killed.map_err(HarnessError::process("end the baseline's process"))?;
        Err(HarnessError::Runner {
            doing,
            problem: format!("torch's process: {problem}; {}", self.last_words()),
        })
    }

    fn understand<T: serde::de::DeserializeOwned>(
        &self,
        doing: &'static str,
        line: &str,
    ) -> Result<T, HarnessError> {
        #[derive(Deserialize)]
        struct Marks {
            device: String,
            error: Option<String>,
            kind: Option<String>,
        }
        let failed = |problem: String| HarnessError::Runner { doing, problem };
        let marks: Marks = serde_json::from_str(line)
            .map_err(|error| failed(format!("torch's process: {error}: {line}")))?;
        if marks.device != self.on.word() {
            return Err(failed(format!(
                "torch's process answers for `{}`, and `{}` was asked for",
                marks.device,
                self.on.word()
            )));
        }
        if let Some(error) = marks.error {
            return Err(match marks.kind.as_deref() {
                Some("refused") => HarnessError::CudaInput(error),
                Some("out_of_memory") => HarnessError::CudaInput(format!(
                    "failed to {doing}: the baseline does not fit the GPU ({error}); `nvidia-smi` \
                     shows what else is there, and `--sizes` makes a task smaller"
                )),
                _ => failed(format!("torch's process: {error}")),
            });
        }
        serde_json::from_str(line)
            .map_err(|error| failed(format!("torch's process: {error}: {line}")))
    }

    /// The end of what it wrote, on one line.
    fn last_words(&self) -> String {
        const SHOWN: usize = 4;
        let text = fs::read(self.room.path().join("words")).unwrap_or_default();
        let text = String::from_utf8_lossy(&text).into_owned();
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(SHOWN)..].join(" | ")
    }
}

/// The modes of `torch.compile` that are raced.
pub(crate) fn compile_modes() -> [&'static str; 2] {
    [CompileMode::Default.name(), CompileMode::MaxAutotune.name()]
}

/// What it inherits: where programs and libraries are, and nothing that changes what torch does.
fn policy(python: &Python, on: &On) -> Policy {
    const INHERITED: [&str; 4] = ["PATH", "HOME", "LD_LIBRARY_PATH", "TMPDIR"];
    let mut policy = Policy::trusted()
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .env("PYTHONNOUSERSITE", "1")
        .env("TORCHINDUCTOR_CACHE_DIR", &python.cache)
        .env("TRITON_CACHE_DIR", python.cache.join("triton"))
        // A pool of compilers would outlive its task, and take the processors meanwhile.
        .env("TORCHINDUCTOR_COMPILE_THREADS", "1");
    for name in INHERITED {
        if let Some(value) = std::env::var_os(name) {
            policy = policy.env(name, value);
        }
    }
    let visible = match on {
        On::Gpu(which) => OsString::from(which),
        #[cfg(test)]
        On::Processor => OsString::new(),
    };
    policy = policy
        .env("CUDA_VISIBLE_DEVICES", visible)
        .env("CUDA_DEVICE_ORDER", "PCI_BUS_ID");
    policy.cpus = Some(python.cpus.clone());
    policy
}

fn file(doing: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> HarnessError {
    let path = path.to_owned();
    move |source| HarnessError::File {
        doing,
        path,
        source,
    }
}

#[cfg(test)]
pub(crate) mod tests;
