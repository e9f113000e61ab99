//! Stopping a process so that it is certain, and fast enough to do between two
//! measurements.
//!
//! `SIGSTOP` only asks: a thread on another processor runs on until it next
//! enters the kernel. So every thread's state is read until it says stopped.
//! The files that say so are opened beforehand and only re-read.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::thread;
use std::time::{Duration, Instant};

use crate::process::{self, PidFd, Stat};

/// How long threads may take to stop. One in an uninterruptible system call
/// (a page read from a slow disk) can take a while.
const STOPPING: Duration = Duration::from_secs(2);

/// Pause between two looks at a thread that has not stopped yet. Callers on a
/// timing path set their thread's timer slack (50 µs by default) to 1 ns.
const LOOK_AGAIN: Duration = Duration::from_micros(20);

/// Why a process could not be frozen, thawed or looked at.
#[derive(Debug, thiserror::Error)]
pub enum FreezeError {
    /// It has ended.
    #[error("the program has ended")]
    Gone,
    /// The kernel refused.
    #[error("failed to {step} process {pid}")]
    Refused {
        /// What was tried.
        step: &'static str,
        /// The process.
        pid: u32,
        /// The system's reason.
        #[source]
        source: io::Error,
    },
    /// A thread did not stop in time.
    #[error("thread {tid} of process {pid} did not stop within {} s", STOPPING.as_secs())]
    Slow {
        /// The process.
        pid: u32,
        /// The thread.
        tid: u32,
    },
}

/// Processor time of one thread, by the scheduler's own account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ThreadCpu {
    /// Thread number, as seen from here.
    pub tid: u32,
    /// Nanoseconds on a processor.
    pub run_ns: u64,
    /// Nanoseconds ready but waiting for one.
    pub run_delay_ns: u64,
}

/// A prepared handle for freezing some processes; see [`crate::Child::freezer`].
#[derive(Debug)]
pub struct Freezer {
    processes: Vec<Frozen>,
}

#[derive(Debug)]
struct Frozen {
    pid: u32,
    handle: PidFd,
    threads: Vec<Thread>,
}

#[derive(Debug)]
struct Thread {
    tid: u32,
    stat: File,
    schedule: File,
}

/// What reading a thread's state said.
enum State {
    Stopped { threads: usize },
    Running,
    Ended,
}

impl Thread {
    fn open(pid: u32, tid: u32) -> io::Result<Self> {
        Ok(Self {
            tid,
            stat: File::open(format!("/proc/{pid}/task/{tid}/stat"))?,
            schedule: File::open(format!("/proc/{pid}/task/{tid}/schedstat"))?,
        })
    }

    fn state(&self) -> State {
        let mut line = [0; 512];
        // A read fails once the thread has ended.
        let Ok(length) = self.stat.read_at(&mut line, 0) else {
            return State::Ended;
        };
        match Stat::parse(&line[..length]) {
            Some(stat) if !stat.alive() => State::Ended,
            // `t`: stopped by a debugger.
            Some(stat) if matches!(stat.state, b'T' | b't') => State::Stopped {
                threads: stat.threads as usize,
            },
            _ => State::Running,
        }
    }

    fn cpu(&self) -> Option<ThreadCpu> {
        let mut line = [0; 96];
        let length = self.schedule.read_at(&mut line, 0).ok()?;
        let line = std::str::from_utf8(&line[..length]).ok()?;
        let mut fields = line.split_ascii_whitespace().map(str::parse);
        Some(ThreadCpu {
            tid: self.tid,
            run_ns: fields.next()?.ok()?,
            run_delay_ns: fields.next()?.ok()?,
        })
    }
}

impl Frozen {
    fn open(pid: u32) -> Result<Self, FreezeError> {
        let gone = |_| FreezeError::Gone;
        let mut process = Self {
            pid,
            handle: PidFd::open(pid).map_err(gone)?,
            threads: Vec::new(),
        };
        process.find_threads();
        if process.threads.is_empty() {
            return Err(FreezeError::Gone);
        }
        Ok(process)
    }

    /// Opens threads that appeared and forgets those that ended.
    fn find_threads(&mut self) {
        let tids = process::numeric_entries(&format!("/proc/{}/task", self.pid));
        self.threads.retain(|thread| tids.contains(&thread.tid));
        for tid in tids {
            if self.threads.iter().all(|thread| thread.tid != tid)
                && let Ok(thread) = Thread::open(self.pid, tid)
            {
                self.threads.push(thread);
            }
        }
    }

    fn signal(&self, signal: i32, step: &'static str) -> Result<(), FreezeError> {
        self.handle.signal(signal).map_err(|source| {
            if source.raw_os_error() == Some(libc::ESRCH) {
                FreezeError::Gone
            } else {
                FreezeError::Refused {
                    step,
                    pid: self.pid,
                    source,
                }
            }
        })
    }

    /// Waits until all threads have stopped, those included that appeared
    /// since they were last listed.
    fn confirm(&mut self) -> Result<(), FreezeError> {
        let asked = Instant::now();
        let mut next = 0;
        let mut counted = usize::MAX;
        loop {
            while let Some(thread) = self.threads.get(next) {
                match thread.state() {
                    State::Stopped { threads } => {
                        counted = threads;
                        next += 1;
                    }
                    State::Ended => {
                        self.threads.remove(next);
                    }
                    State::Running => {
                        if asked.elapsed() > STOPPING {
                            return Err(FreezeError::Slow {
                                pid: self.pid,
                                tid: thread.tid,
                            });
                        }
                        // It may need this very processor to notice: sleep,
                        // a yield would not let it in.
                        thread::sleep(LOOK_AGAIN);
                    }
                }
            }
            if self.threads.is_empty() {
                return Err(FreezeError::Gone);
            }
            // The last count was read after the last thread had stopped, and
            // stopped threads create none.
            if counted == self.threads.len() && self.is_off_processors() {
                return Ok(());
            }
            if asked.elapsed() > STOPPING {
                return Err(FreezeError::Slow {
                    pid: self.pid,
                    tid: self.pid,
                });
            }
            self.find_threads();
            next = 0;
        }
    }

    /// Whether no time passes for it: a thread calls itself stopped a moment
    /// before it leaves its processor. One that is interrupted in that moment
    /// is not seen; it still has that moment to go.
    fn is_off_processors(&self) -> bool {
        self.threads
            .iter()
            .all(|thread| thread_cpu_ns(thread.tid) == thread_cpu_ns(thread.tid))
    }

    /// Processor time up to this moment, of threads that have ended too.
    fn cpu_ns(&self) -> Option<u64> {
        // The clock of a process adds up what its threads' accounts say, and
        // that of a running thread is brought up to date by asking for it.
        for thread in &self.threads {
            thread_cpu_ns(thread.tid);
        }
        process_cpu_ns(self.pid)
    }
}

impl Freezer {
    /// Prepares for these processes.
    pub(crate) fn new(pids: &[u32]) -> Result<Self, FreezeError> {
        let processes: Vec<_> = pids
            .iter()
            .filter_map(|&pid| Frozen::open(pid).ok())
            .collect();
        if processes.is_empty() {
            return Err(FreezeError::Gone);
        }
        Ok(Self { processes })
    }

    /// Whether these processes are all included.
    pub(crate) fn covers(&self, pids: &[u32]) -> bool {
        pids.iter()
            .all(|pid| self.processes.iter().any(|process| process.pid == *pid))
    }

    /// Stops every thread and returns when all of them have stopped.
    pub fn freeze(&mut self) -> Result<(), FreezeError> {
        self.each(|process| process.signal(libc::SIGSTOP, "stop"))?;
        self.each(Frozen::confirm)
    }

    /// Lets the processes go on; returns before they do.
    pub fn thaw(&mut self) -> Result<(), FreezeError> {
        self.each(|process| process.signal(libc::SIGCONT, "continue"))
    }

    /// Processor time of each thread. Threads that started since the last
    /// freeze are not in it.
    pub fn thread_cpu(&self) -> Result<Vec<ThreadCpu>, FreezeError> {
        let times: Vec<_> = self
            .processes
            .iter()
            .flat_map(|process| process.threads.iter().filter_map(Thread::cpu))
            .collect();
        if times.is_empty() {
            return Err(FreezeError::Gone);
        }
        Ok(times)
    }

    /// Processor time of the processes in nanoseconds, all threads together
    /// and up to this moment: what [`Self::thread_cpu`] says of a thread that
    /// is running can be a scheduler's tick old. One system call for each
    /// process and thread, so this fits between two steps of a measurement.
    pub fn cpu_ns(&self) -> Result<u64, FreezeError> {
        self.processes
            .iter()
            .map(|process| process.cpu_ns().ok_or(FreezeError::Gone))
            .sum()
    }

    /// Does something with every process, dropping those that have ended.
    fn each(
        &mut self,
        mut act: impl FnMut(&mut Frozen) -> Result<(), FreezeError>,
    ) -> Result<(), FreezeError> {
        let mut result = Ok(());
        self.processes.retain_mut(|process| match act(process) {
            Err(FreezeError::Gone) => false,
            Ok(()) => true,
            Err(error) => {
                result = Err(error);
                true
            }
        });
        if self.processes.is_empty() {
            return Err(FreezeError::Gone);
        }
        result
    }
}

fn process_cpu_ns(pid: u32) -> Option<u64> {
    let mut clock = 0;
    // SAFETY: writes a clock's number into `clock`.
    if unsafe { libc::clock_getcpuclockid(pid.cast_signed(), &raw mut clock) } != 0 {
        return None;
    }
    clock_ns(clock)
}

fn thread_cpu_ns(tid: u32) -> Option<u64> {
    /// Of a thread, by the scheduler's account: what `pthread_getcpuclockid`
    /// makes for the threads of its own process (`CPUCLOCK_PERTHREAD_MASK`
    /// and `CPUCLOCK_SCHED` of Linux's posix-timers).
    const OF_THREAD: libc::clockid_t = 4 | 2;
    clock_ns((!tid.cast_signed() << 3) | OF_THREAD)
}

/// What a clock says; nothing of a clock that is gone.
fn clock_ns(clock: libc::clockid_t) -> Option<u64> {
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: writes the clock's time into `time`.
    if unsafe { libc::clock_gettime(clock, &raw mut time) } != 0 {
        return None;
    }
    let whole_ns = u64::try_from(time.tv_sec).ok()? * 1_000_000_000;
    Some(whole_ns + u64::try_from(time.tv_nsec).ok()?)
}
