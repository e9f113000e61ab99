//! One runner process, from its start to its end, and the hand-shake with it.

use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use kernel_runner::wire::{CONTROL_FD, Request, Status, futex_wait, futex_wake};
use sandbox::{Child, Command, ExitReason, Freezer, Input, Limits, Output, Policy, SpawnError};

use super::control::ControlBlock;
use crate::error::HarnessError;
use crate::plan::{BoundPlan, BoundStep};
use crate::timing::priority::{Own, raise_runner};
use crate::timing::sampler::Timed;

/// Sleep between two looks at whether a silent runner is still alive. The
/// futex wakes the host at once when the runner answers.
const ALIVE_EVERY: Duration = Duration::from_millis(20);
/// Longest start of a runner: the loader maps libtorch.
const START: Duration = Duration::from_mins(1);
/// Name of the candidate's object in the inbox.
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
}

impl Linking {
    /// What a plan needs.
    pub(crate) fn of(plan: &BoundPlan) -> Self {
        let is_library = |step: &BoundStep| matches!(step, BoundStep::Library { .. });
        if plan.prepare.iter().chain(&plan.steps).any(is_library) {
            Self::Torch
        } else {
            Self::Nothing
        }
    }

    /// Name of the binary.
    pub const fn program(self) -> &'static str {
        match self {
            Self::Nothing => "kernel-runner",
            Self::Torch => "kernel-runner-torch",
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
    /// Logical processors, one thread each.
    pub(crate) cpus: Vec<usize>,
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
    /// Folder that the runner sees, for the candidate's object.
    inbox: tempfile::TempDir,
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
    linking: Linking,
}

impl Starting {
    /// What it links.
    pub(crate) fn linking(&self) -> Linking {
        self.linking
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
        runner.freezer = runner
            .child
            .freezer()
            .map_err(HarnessError::process("prepare to freeze the runner"))?;
        runner.freeze()?;
        runner.threads = runner.count_threads();
        runner.workers = runner.find_workers();
        raise_runner(runner.tids());
        Ok(runner)
    }
}

/// The allocator as the host has it (`torch_bridge::keep_freed_pages`): huge pages, and freed ones are
/// kept. A library that maps each of its results afresh would be slower here than there.
const ALLOCATOR: &str = "glibc.malloc.hugetlb=1:glibc.malloc.mmap_threshold=2147483647:\
    glibc.malloc.trim_threshold=2147483647:glibc.malloc.arena_max=1";

impl Runner {
    /// Starts a runner and returns at once.
    pub(crate) fn start(spec: &Spec, linking: Linking) -> Result<Starting, HarnessError> {
        let control = ControlBlock::new()?;
        let inbox = make_inbox()?;
        let cpus = spec
            .cpus
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>();
        let program = spec.folder.join(linking.program());
        let mut read_only = match linking {
            Linking::Nothing => Vec::new(),
            Linking::Torch => spec.libraries.clone(),
        };
        read_only.push(inbox.path().to_owned());
        let policy = Policy::runner(read_only)
            .env("OMP_WAIT_POLICY", "passive")
            .env("OMP_NUM_THREADS", cpus.len().to_string())
            .env("GOMP_CPU_AFFINITY", cpus.join(" "))
            .env("GLIBC_TUNABLES", ALLOCATOR);
        let limits = Limits {
            address_space_bytes: Some(ADDRESS_SPACE_BYTES),
            file_size_bytes: Some(0),
            ..Limits::none()
        };
        let spawn = |policy: Policy| -> Result<Result<Child, SpawnError>, HarnessError> {
            Ok(Command::new(&program, policy, limits.clone())
                .arg(cpus.join(","))
                .inherit_fd(control.duplicate()?, CONTROL_FD)
                .stdin(Input::Null)
                .stdout(Output::Null)
                .stderr(Output::Piped)
                .spawn())
        };
        let child = match spawn(policy.clone())? {
            // A checkout that only its owner may enter: no other user can
            // run the runner there.
            Err(SpawnError::Unreadable { .. }) => spawn(Policy {
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
            inbox,
            threads: 0,
            workers: Vec::new(),
            host: Own::of_caller(),
        };
        Ok(Starting { runner, linking })
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
        self.inbox.path().join(OBJECT).display().to_string()
    }

    /// Puts a copy of the candidate's object where the runner can read it.
    pub(crate) fn place(&self, object: &Path) -> Result<(), HarnessError> {
        let path = self.inbox.path().join(OBJECT);
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

    fn freeze(&mut self) -> Result<(), HarnessError> {
        self.freezer
            .freeze()
            .map_err(HarnessError::process("freeze the runner"))
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

fn make_inbox() -> Result<tempfile::TempDir, HarnessError> {
    use std::os::unix::fs::PermissionsExt as _;
    let inbox = tempfile::Builder::new()
        .prefix("alphalab-inbox-")
        .permissions(std::fs::Permissions::from_mode(0o755))
        .tempdir()
        .map_err(|source| HarnessError::System {
            doing: "create a runner's inbox".to_owned(),
            source,
        })?;
    Ok(inbox)
}

fn make_readable(path: &Path) -> Result<(), HarnessError> {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).map_err(|source| {
        HarnessError::File {
            doing: "make readable",
            path: path.to_owned(),
            source,
        }
    })
}
