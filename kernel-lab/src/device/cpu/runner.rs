//! One runner process, from its start to its end, and the hand-shake with it.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use kernel_runner::wire::{CONTROL_FD, Request, Status, futex_wait, futex_wake};
use sandbox::{
    Child, Command, ExitReason, FreezeError, Freezer, Input, Limits, Output, Policy, SealError,
    SpawnError,
};

use super::control::ControlBlock;
use super::python;
use crate::error::HarnessError;
use crate::plan::{BoundPlan, BoundStep, Track};
use crate::timing::priority::{Own, lower_runner, raise_runner};
use crate::timing::sampler::Timed;

/// Sleep between two looks at whether a silent runner is still alive. The
/// futex wakes the host at once when the runner answers.
const ALIVE_EVERY: Duration = Duration::from_millis(20);
/// Longest start of a runner: the loader maps libtorch.
const START: Duration = Duration::from_mins(1);
/// How long processes that a module has started may take to end once it is
/// loaded.
const ENDING: Duration = Duration::from_secs(2);
/// How much more processor time than its processors have a module's call may
/// seem to use: this much of the time, and so many nanoseconds.
const MORE_PROCESSORS: f64 = 1.1;
const MORE_PROCESSORS_NS: f64 = 2e6;
/// Name of the candidate's object in the room.
const OBJECT: &str = "candidate.so";
/// Most address space: the plan's arena, libtorch, and what a candidate
/// allocates for itself.
const ADDRESS_SPACE_BYTES: u64 = 12 << 30;

/// What a runner brings along. Loading libtorch takes a third of a second,
/// and most candidates need none of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Linking {
    /// Kernels only.
    Nothing,
    /// Library nodes, by libtorch.
    Torch,
    /// A module in Python, by PyTorch.
    Python,
}

impl Linking {
    /// What a plan needs.
    pub(crate) fn of(plan: &BoundPlan) -> Self {
        if plan.track == Track::Python {
            return Self::Python;
        }
        let is_library = |step: &BoundStep| matches!(step, BoundStep::Library { .. });
        if plan.prepare.iter().chain(&plan.steps).any(is_library) {
            Self::Torch
        } else {
            Self::Nothing
        }
    }

    /// Name of the binary; a module in Python is run by the interpreter.
    pub const fn program(self) -> &'static str {
        match self {
            Self::Nothing => "kernel-runner",
            Self::Torch => "kernel-runner-torch",
            Self::Python => "python",
        }
    }
}

/// What every runner of a device has in common.
#[derive(Clone, Debug)]
pub(crate) struct Spec {
    /// Folder of the runners' binaries.
    pub(crate) folder: PathBuf,
    /// Folders with the shared libraries that [`Linking::Torch`] needs.
    pub(crate) libraries: Vec<PathBuf>,
    /// Python environment with PyTorch, for [`Linking::Python`].
    pub(crate) venv: PathBuf,
    /// Logical processors, one thread each.
    pub(crate) cpus: Vec<usize>,
}

/// How a runner's process is started.
pub(super) struct Launch {
    pub(super) program: PathBuf,
    pub(super) arguments: Vec<OsString>,
    pub(super) policy: Policy,
    pub(super) limits: Limits,
}

/// How an exchange ended.
pub(crate) enum Answer {
    /// It answered that it is done.
    Done(Timed),
    /// It answered that it could not.
    Failed(String),
    /// It is no more.
    Died(ExitReason),
    /// It did not answer in time.
    Silent,
}

/// A started runner. Frozen except during [`Runner::exchange`].
pub(crate) struct Runner {
    control: ControlBlock,
    child: Child,
    freezer: Freezer,
    /// Folder that the runner sees, for the candidate's code.
    room: tempfile::TempDir,
    linking: Linking,
    /// Processors that it may use at a time.
    cpus: usize,
    /// Threads before a candidate was loaded.
    threads: usize,
    /// Those of them that execute kernels.
    workers: Vec<u32>,
    /// Who waits for its answers.
    host: Own,
}

impl std::fmt::Debug for Runner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Runner")
            .field("pid", &self.child.pid())
            .finish_non_exhaustive()
    }
}

/// A runner that was started and has not answered yet: it is being
/// loaded and starting its threads.
#[derive(Debug)]
pub(crate) struct Starting {
    runner: Runner,
}

impl Starting {
    /// What it links.
    pub(crate) fn linking(&self) -> Linking {
        self.runner.linking
    }

    /// Waits until it answers, and freezes it.
    pub(crate) fn ready(self) -> Result<Runner, HarnessError> {
        let mut runner = self.runner;
        let failed = |problem: String| {
            Err(HarnessError::Runner {
                doing: "start",
                problem,
            })
        };
        match runner.exchange(Request::Null, 0, START)? {
            Answer::Done(_) => {}
            Answer::Failed(problem) => return failed(problem),
            Answer::Died(reason) => {
                return failed(format!("{reason}; {}", runner.last_words()));
            }
            Answer::Silent => {
                return failed(format!("no answer within {} s", START.as_secs()));
            }
        }
        // Its threads exist only now.
        runner
            .find_threads()
            .map_err(HarnessError::process("freeze the runner"))?;
        Ok(runner)
    }
}

/// The allocator as the host has it (`torch_bridge::keep_freed_pages`): huge pages, and freed ones are
/// kept. A library that maps each of its results afresh would be slower here than there.
pub(super) const ALLOCATOR: &str = "glibc.malloc.hugetlb=1:glibc.malloc.mmap_threshold=2147483647:\
    glibc.malloc.trim_threshold=2147483647:glibc.malloc.arena_max=1";

impl Runner {
    /// Starts a runner and returns at once.
    pub(crate) fn start(spec: &Spec, linking: Linking) -> Result<Starting, HarnessError> {
        let control = ControlBlock::new()?;
        let room = make_room()?;
        let Launch {
            program,
            arguments,
            policy,
            limits,
        } = match linking {
            Linking::Nothing => native(spec, linking, room.path(), &[]),
            Linking::Torch => native(spec, linking, room.path(), &spec.libraries),
            Linking::Python => python::launch(spec, room.path())?,
        };
        let spawn = |policy: Policy| -> Result<Result<Child, SpawnError>, HarnessError> {
            Ok(Command::new(&program, policy, limits.clone())
                .args(&arguments)
                .inherit_fd(control.duplicate()?, CONTROL_FD)
                .stdin(Input::Null)
                .stdout(Output::Null)
                .stderr(Output::Piped)
                .spawn())
        };
        let child = match spawn(policy.clone())? {
            // A checkout that only its owner may enter: no other user can
            // run the runner there. Python needs one, to be sealed.
            Err(SpawnError::Unreadable { .. }) if linking != Linking::Python => spawn(Policy {
                drop_user: false,
                ..policy
            })?,
            other => other,
        }
        .map_err(HarnessError::process("start a runner"))?;
        let freezer = child
            .freezer()
            .map_err(HarnessError::process("prepare to freeze the runner"))?;
        let runner = Self {
            control,
            child,
            freezer,
            room,
            linking,
            cpus: spec.cpus.len(),
            threads: 0,
            workers: Vec::new(),
            host: Own::of_caller(),
        };
        Ok(Starting { runner })
    }

    /// Stops it and takes its threads as they are now for all that it has.
    fn find_threads(&mut self) -> Result<(), FreezeError> {
        self.freezer = self.child.freezer()?;
        self.freezer.freeze()?;
        self.threads = self.count_threads();
        self.workers = self.find_workers();
        raise_runner(self.tids());
        Ok(())
    }

    /// Lets its threads wait like all others: what a module does while it is
    /// loaded may take a minute of compiling.
    pub(crate) fn lower(&self) {
        lower_runner(self.tids());
    }

    /// Makes sure that a module that was just loaded has left no process behind,
    /// and lets it start none from now on, no thread either, and write no file.
    /// The answer says what is wrong with it.
    pub(crate) fn seal(&mut self) -> Result<Option<String>, HarnessError> {
        let patience = Instant::now() + ENDING;
        let left = loop {
            let left = self.child.descendants();
            if left == 0 || Instant::now() > patience {
                break left;
            }
            std::thread::sleep(ALIVE_EVERY);
        };
        if left > 0 {
            let text = format!(
                "{left} of the processes that it has started are still there {} s after it was \
                 loaded",
                ENDING.as_secs()
            );
            return Ok(Some(text));
        }
        match self.child.seal() {
            Ok(()) => {}
            Err(SealError::Gone) => return Ok(Some(gone())),
            Err(error) => return Err(HarnessError::process("seal the runner")(error)),
        }
        // What starts late is not missed: from here on nothing can.
        if self.find_threads().is_err() || self.child.descendants() > 0 {
            return Ok(Some(gone()));
        }
        Ok(None)
    }

    /// One hand-shake around work of a known length. Only meaningful before
    /// a candidate is loaded: afterwards the answer is a claim.
    pub(crate) fn exercise(&mut self) -> Result<Timed, HarnessError> {
        match self.exchange(Request::Exercise, 0, START)? {
            Answer::Done(timed) => {
                let work_ns = self.control().work_ns.load(Ordering::Acquire);
                Ok(Timed {
                    elapsed_ns: timed.elapsed_ns - work_ns as f64,
                    ..timed
                })
            }
            Answer::Failed(problem) => Err(HarnessError::Runner {
                doing: "measure a hand-shake",
                problem,
            }),
            Answer::Died(reason) => Err(HarnessError::Runner {
                doing: "measure a hand-shake",
                problem: reason.to_string(),
            }),
            Answer::Silent => Err(HarnessError::Runner {
                doing: "measure a hand-shake",
                problem: format!("no answer within {} s", START.as_secs()),
            }),
        }
    }

    pub(crate) fn control(&self) -> &kernel_runner::wire::Control {
        self.control.get()
    }

    /// Where the runner will find the candidate's object.
    pub(crate) fn object_path(&self) -> String {
        self.room.path().join(OBJECT).display().to_string()
    }

    /// Where it will find a module in Python.
    pub(crate) fn module_path(&self) -> String {
        python::module_path(self.room.path()).display().to_string()
    }

    /// Puts a module in Python there.
    pub(crate) fn place_module(&self, text: &str) -> Result<(), HarnessError> {
        python::place(self.room.path(), text)
    }

    /// Puts a copy of the candidate's object where the runner can read it.
    pub(crate) fn place(&self, object: &Path) -> Result<(), HarnessError> {
        let path = self.room.path().join(OBJECT);
        std::fs::copy(object, &path).map_err(|source| HarnessError::File {
            doing: "copy the compiled candidate to",
            path: path.clone(),
            source,
        })?;
        make_readable(&path)
    }

    /// Thaws the runner, asks, waits for the answer, freezes it again.
    ///
    /// The time runs from before the thaw to the answer. That is a claim, so
    /// the processor time that any of its threads used from then until all
    /// were known to stand still is added: who answers early pays for every
    /// nanosecond of what he goes on to do. How long it takes until they
    /// stand still is not: it depends on where threads sleep, and varied by
    /// more than the times that are compared.
    pub(crate) fn exchange(
        &mut self,
        request: Request,
        slot: u32,
        limit: Duration,
    ) -> Result<Answer, HarnessError> {
        let host = self.host.clone();
        let _raised = host.raise();
        let delay_before = self.delay_ns();
        // Where a thread runs, Python may choose.
        let roams = self.linking == Linking::Python && request == Request::Run;
        let used_at_start = if roams {
            self.freezer.cpu_ns().unwrap_or(u64::MAX)
        } else {
            0
        };
        let control = self.control.get();
        control.request.store(request as u32, Ordering::Release);
        control.slot.store(slot, Ordering::Release);
        let asked = control.asked.load(Ordering::Acquire).wrapping_add(1);

        let start = Instant::now();
        control.asked.store(asked, Ordering::Release);
        // A thread in a futex wait is interrupted by the stop and looks at
        // the word again when it continues; the wake is for one that was not.
        if self.freezer.thaw().is_err() {
            return self.post_mortem();
        }
        futex_wake(&control.asked, 1);
        loop {
            let control = self.control.get();
            let answered = control.answered.load(Ordering::Acquire);
            if answered == asked {
                break;
            }
            let elapsed = start.elapsed();
            if elapsed > limit {
                return Ok(Answer::Silent);
            }
            futex_wait(
                &control.answered,
                answered,
                Some(ALIVE_EVERY.min(limit.saturating_sub(elapsed) + Duration::from_millis(1))),
            );
            let silent = control.answered.load(Ordering::Acquire) == answered;
            if silent && let Some(reason) = self.ended()? {
                return Ok(Answer::Died(reason));
            }
        }
        let answered_ns = start.elapsed().as_nanos() as f64;
        let used_before = self.freezer.cpu_ns();
        if self.freezer.freeze().is_err() {
            return self.post_mortem();
        }
        let (Ok(used_before), Ok(used)) = (used_before, self.freezer.cpu_ns()) else {
            return self.post_mortem();
        };
        let elapsed_ns = answered_ns + used.saturating_sub(used_before) as f64;
        if roams {
            let during_ns = used_before.saturating_sub(used_at_start) as f64;
            let possible_ns = answered_ns * self.cpus as f64 * MORE_PROCESSORS;
            if during_ns > possible_ns + MORE_PROCESSORS_NS {
                return Ok(Answer::Failed(format!(
                    "a call of {:.3} ms used {:.3} ms of processors, more than {} can give",
                    answered_ns / 1e6,
                    during_ns / 1e6,
                    self.cpus
                )));
            }
        }
        let control = self.control.get();
        if control.status.load(Ordering::Acquire) != Status::Done as u32 {
            let text = String::from_utf8_lossy(&control.take()).into_owned();
            return Ok(Answer::Failed(text));
        }
        Ok(Answer::Done(Timed {
            elapsed_ns,
            delay_ns: self.delay_ns().saturating_sub(delay_before) as f64,
        }))
    }

    /// A runner that can't be thawed or frozen has usually just died.
    fn post_mortem(&mut self) -> Result<Answer, HarnessError> {
        let reason = self
            .child
            .wait_timeout(Duration::from_secs(2))
            .map_err(HarnessError::process("wait for the runner"))?;
        match reason {
            Some(reason) => Ok(Answer::Died(reason)),
            // Python can have a thread wait where no signal reaches it.
            None if self.linking == Linking::Python => Ok(Answer::Failed(
                "its process could not be stopped".to_owned(),
            )),
            None => Err(HarnessError::Runner {
                doing: "stand still",
                problem: "it could not be frozen though it is alive".to_owned(),
            }),
        }
    }

    fn ended(&mut self) -> Result<Option<ExitReason>, HarnessError> {
        self.child
            .wait_timeout(Duration::ZERO)
            .map_err(HarnessError::process("look at the runner"))
    }

    /// Time that its working threads waited for a processor so far, in
    /// nanoseconds. libtorch's idle threads don't count: every thaw wakes
    /// them, and then they wait for the working ones.
    fn delay_ns(&self) -> u64 {
        let threads = self.freezer.thread_cpu().unwrap_or_default();
        threads
            .iter()
            .filter(|thread| self.workers.contains(&thread.tid))
            .map(|thread| thread.run_delay_ns)
            .sum()
    }

    fn tids(&self) -> impl Iterator<Item = u32> {
        let threads = self.freezer.thread_cpu().unwrap_or_default();
        threads.into_iter().map(|thread| thread.tid)
    }

    /// The threads that execute kernels: the main one, and those that the
    /// runner has named.
    fn find_workers(&self) -> Vec<u32> {
        let Some(pid) = self.child.pid() else {
            return Vec::new();
        };
        let threads = self.freezer.thread_cpu().unwrap_or_default();
        threads
            .iter()
            .map(|thread| thread.tid)
            .filter(|&tid| {
                let name = std::fs::read_to_string(format!("/proc/{pid}/task/{tid}/comm"));
                tid == pid || name.is_ok_and(|name| name.starts_with("part"))
            })
            .collect()
    }

    /// Processor time that the runner uses while nothing is asked of it.
    pub(crate) fn late_cpu_ns(&mut self, window: Duration) -> Result<u64, HarnessError> {
        let before = self.cpu_ns()?;
        self.freezer
            .thaw()
            .map_err(HarnessError::out_of_reach("thaw the runner"))?;
        std::thread::sleep(window);
        self.freezer
            .freeze()
            .map_err(HarnessError::out_of_reach("freeze the runner"))?;
        Ok(self.cpu_ns()?.saturating_sub(before))
    }

    /// Up to this moment, of threads that have ended too: what the scheduler's
    /// account says can be a tick old.
    fn cpu_ns(&self) -> Result<u64, HarnessError> {
        self.freezer.cpu_ns().map_err(HarnessError::out_of_reach(
            "read the runner's processor time",
        ))
    }

    /// Threads that exist beyond those it had before the candidate was
    /// loaded.
    pub(crate) fn new_threads(&self) -> usize {
        self.count_threads().saturating_sub(self.threads)
    }

    fn count_threads(&self) -> usize {
        self.freezer.thread_cpu().map_or(0, |threads| threads.len())
    }

    pub(crate) fn write(&self, address: u64, bytes: &[u8]) -> Result<(), HarnessError> {
        self.child
            .write_memory(address, bytes)
            .map_err(HarnessError::out_of_reach("write into the runner's memory"))
    }

    pub(crate) fn read(&self, address: u64, bytes: &mut [u8]) -> Result<(), HarnessError> {
        self.child
            .read_memory(address, bytes)
            .map_err(HarnessError::out_of_reach("read the runner's memory"))
    }

    /// What it wrote to its standard error, cut to a line. It has ended.
    pub(crate) fn last_words(&mut self) -> String {
        let Some(mut pipe) = self.child.take_stderr() else {
            return String::new();
        };
        let mut bytes = vec![0; 1024];
        let len = std::io::Read::read(&mut pipe, &mut bytes).unwrap_or(0);
        String::from_utf8_lossy(&bytes[..len])
            .trim()
            .replace('\n', " | ")
    }
}

/// A runner of the workspace's own, in Rust.
fn native(spec: &Spec, linking: Linking, room: &Path, libraries: &[PathBuf]) -> Launch {
    let texts = spec.cpus.iter().map(ToString::to_string);
    let cpus = texts.collect::<Vec<_>>();
    let mut read_only = libraries.to_vec();
    read_only.push(room.to_owned());
    Launch {
        program: spec.folder.join(linking.program()),
        arguments: vec![cpus.join(",").into()],
        policy: Policy::runner(read_only)
            .env("OMP_WAIT_POLICY", "passive")
            .env("OMP_NUM_THREADS", cpus.len().to_string())
            .env("GOMP_CPU_AFFINITY", cpus.join(" "))
            .env("GLIBC_TUNABLES", ALLOCATOR),
        limits: Limits {
            address_space_bytes: Some(ADDRESS_SPACE_BYTES),
            file_size_bytes: Some(0),
            ..Limits::none()
        },
    }
}

fn gone() -> String {
    "its process has ended, or started others, when it was loaded".to_owned()
}

pub(super) fn make_room() -> Result<tempfile::TempDir, HarnessError> {
    use std::os::unix::fs::PermissionsExt as _;
    let room = tempfile::Builder::new()
        .prefix("alphalab-inbox-")
        .permissions(std::fs::Permissions::from_mode(0o755))
        .tempdir()
        .map_err(|source| HarnessError::System {
            doing: "create a runner's inbox".to_owned(),
            source,
        })?;
    Ok(room)
}

pub(super) fn make_readable(path: &Path) -> Result<(), HarnessError> {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).map_err(|source| {
        HarnessError::File {
            doing: "make readable",
            path: path.to_owned(),
            source,
        }
    })
}
