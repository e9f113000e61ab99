//! A running child: waiting, limits, and everything that is done to it.

use std::io::{self, PipeReader, PipeWriter};
use std::os::fd::{AsFd, AsRawFd};
use std::time::{Duration, Instant};

use crate::capture::Stream;
use crate::family::Family;
use crate::outcome::{ExitReason, Finished, WaitError};
use crate::process::{self, Usage};
use crate::tree::{Growth, TreeWatch};
use crate::{FreezeError, Freezer, Limits, MemoryError, SealError, ThreadCpu, adopt, memory, seal};

/// How often watched limits are looked at.
const WATCH: Duration = Duration::from_millis(10);
/// How often at least, where looking takes long: looking may take one part in
/// [`WATCH_SHARE`] of one processor.
const WATCH_LATEST: Duration = Duration::from_millis(200);
const WATCH_SHARE: u32 = 10;

/// A running child. Dropping it kills its whole tree.
#[derive(Debug)]
pub struct Child {
    family: Family,
    limits: Limits,
    started: Instant,
    stdin: Option<PipeWriter>,
    piped: [Option<PipeReader>; 2],
    captured: [Option<Stream>; 2],
    freezer: Option<Freezer>,
    /// For limits that take more than a look at the living processes.
    tree: Option<TreeWatch>,
    watched: Instant,
    watch_every: Duration,
    seen: Usage,
    growth: Growth,
    /// Why we killed it.
    verdict: Option<ExitReason>,
    ended: Option<Ended>,
}

#[derive(Debug, Clone, Copy)]
struct Ended {
    reason: ExitReason,
    wall: Duration,
}

impl Child {
    pub(crate) fn new(
        family: Family,
        limits: Limits,
        started: Instant,
        stdin: Option<PipeWriter>,
        piped: [Option<PipeReader>; 2],
        captured: [Option<Stream>; 2],
        tree: Option<TreeWatch>,
    ) -> Self {
        Self {
            family,
            limits,
            started,
            stdin,
            piped,
            captured,
            freezer: None,
            tree,
            watched: started,
            watch_every: WATCH,
            seen: Usage::default(),
            growth: Growth::default(),
            verdict: None,
            ended: None,
        }
    }

    /// The program's own process number, as seen from here, also inside a PID
    /// namespace. `None` if it ended before it could be seen.
    pub fn pid(&self) -> Option<u32> {
        self.family.program()
    }

    /// The writing end of its input, once, if [`crate::Input::Piped`].
    pub fn take_stdin(&mut self) -> Option<PipeWriter> {
        self.stdin.take()
    }

    /// The reading end of its output, once, if [`crate::Output::Piped`].
    pub fn take_stdout(&mut self) -> Option<PipeReader> {
        self.piped[0].take()
    }

    /// The reading end of its error output, once, if [`crate::Output::Piped`].
    pub fn take_stderr(&mut self) -> Option<PipeReader> {
        self.piped[1].take()
    }

    /// Waits until it ends, enforcing the watched limits.
    pub fn wait(&mut self) -> Result<ExitReason, WaitError> {
        loop {
            if let Some(reason) = self.wait_until(None)? {
                return Ok(reason);
            }
        }
    }

    /// As [`Self::wait`], but gives up after `timeout`: `None` says that it
    /// still runs. With zero it only looks.
    pub fn wait_timeout(&mut self, timeout: Duration) -> Result<Option<ExitReason>, WaitError> {
        self.wait_until(Some(Instant::now() + timeout))
    }

    /// Waits until it ends and hands out what it wrote.
    pub fn finish(mut self) -> Result<Finished, WaitError> {
        // Nobody can write to it any more.
        self.stdin = None;
        let reason = self.wait()?;
        let [stdout, stderr] = self.captured.each_mut().map(|stream| {
            stream
                .take()
                .map(|stream| stream.captured)
                .unwrap_or_default()
        });
        Ok(Finished {
            reason,
            stdout,
            stderr,
            wall: self
                .ended
                .map_or_else(|| self.started.elapsed(), |ended| ended.wall),
            cpu_s: self.seen.cpu_s,
            max_rss_bytes: self.seen.resident_bytes,
            disk_bytes: self.growth.bytes,
        })
    }

    /// Kills the program and everything it started, and waits until all of it
    /// is gone. What is found without a PID namespace is in the crate's table.
    pub fn kill_tree(&mut self) -> Result<ExitReason, WaitError> {
        match self.ended {
            Some(ended) => Ok(ended.reason),
            None if self.family.ended(0) => self.end(),
            None => self.end_because(ExitReason::Signalled(libc::SIGKILL)),
        }
    }

    /// Stops every thread of the program and everything it started, and
    /// confirms it. Processes are looked for each time; on a timing path,
    /// prepare a [`Self::freezer`].
    pub fn freeze(&mut self) -> Result<(), FreezeError> {
        // A stopped process starts no others, so this ends.
        loop {
            let members = self.family.members();
            if members.is_empty() {
                return Err(FreezeError::Gone);
            }
            let mut freezer = match self.freezer.take() {
                Some(freezer) if freezer.covers(&members) => freezer,
                _ => Freezer::new(&members)?,
            };
            freezer.freeze()?;
            let complete = freezer.covers(&self.family.members());
            self.freezer = Some(freezer);
            if complete {
                return Ok(());
            }
        }
    }

    /// Lets a frozen child go on.
    pub fn thaw(&mut self) -> Result<(), FreezeError> {
        match &mut self.freezer {
            Some(freezer) => freezer.thaw(),
            None => Ok(()),
        }
    }

    /// A prepared handle for freezing the program's own process fast: for a
    /// program that cannot start others.
    pub fn freezer(&self) -> Result<Freezer, FreezeError> {
        Freezer::new(&[self.pid().ok_or(FreezeError::Gone)?])
    }

    /// Processor time of each thread of the program, from the scheduler.
    pub fn thread_cpu(&self) -> Result<Vec<ThreadCpu>, FreezeError> {
        self.freezer()?.thread_cpu()
    }

    /// Fills `into` from the program's memory at `address`.
    pub fn read_memory(&self, address: u64, into: &mut [u8]) -> Result<(), MemoryError> {
        memory::read(self.pid().ok_or(MemoryError::Gone)?, address, into)
    }

    /// Writes `from` into the program's memory at `address`.
    pub fn write_memory(&self, address: u64, from: &[u8]) -> Result<(), MemoryError> {
        memory::write(self.pid().ok_or(MemoryError::Gone)?, address, from)
    }

    /// Number of living processes that the program has started and that have not ended.
    pub fn descendants(&self) -> usize {
        self.family.descendants()
    }

    /// Lets the program start no thread and no process and write no file from
    /// now on, for good, and ends the watch over what its tree uses: for a
    /// program that has started all that it needs and is measured from here on.
    pub fn seal(&mut self) -> Result<(), SealError> {
        seal::seal(self.pid().ok_or(SealError::Gone)?)?;
        self.tree = None;
        self.limits.resident_bytes = None;
        self.limits.processes = None;
        Ok(())
    }

    /// Whether a monitor whose program was never seen reports its own failure.
    pub(crate) fn setup_failed(&mut self) -> Result<bool, WaitError> {
        let reason = self.wait()?;
        let said = self.captured[1]
            .as_ref()
            .map(|stream| stream.captured.text());
        let blamed = said.is_none_or(|text| {
            ["bwrap: ", "unshare: "]
                .iter()
                .any(|name| text.starts_with(name))
        });
        Ok(blamed && reason != ExitReason::Exited(0))
    }

    fn fail(&self, step: &'static str) -> impl FnOnce(io::Error) -> WaitError + use<> {
        let pid = self.family.monitor();
        move |source| WaitError { pid, step, source }
    }

    fn wait_until(&mut self, deadline: Option<Instant>) -> Result<Option<ExitReason>, WaitError> {
        loop {
            if let Some(ended) = self.ended {
                return Ok(Some(ended.reason));
            }
            let now = Instant::now();
            if let Some(limit) = self.limits.wall
                && now.duration_since(self.started) >= limit
                && !self.family.ended(0)
            {
                return self.end_because(ExitReason::TimedOut { limit }).map(Some);
            }
            let wall = self.limits.wall.map(|limit| self.started + limit);
            let watches = self.tree.is_some()
                || self.limits.resident_bytes.is_some()
                || self.limits.processes.is_some();
            let look = watches.then_some(self.watched + self.watch_every);
            let wake = [deadline, wall, look].into_iter().flatten().min();
            self.poll(wake.map(|wake| wake.saturating_duration_since(now)))?;
            self.pump()?;
            if let Some(limit) = self.limits.output_bytes
                && self.output_bytes() > limit
            {
                return self
                    .end_because(ExitReason::OutputExceeded { limit })
                    .map(Some);
            }
            if self.family.ended(0) {
                return self.end().map(Some);
            }
            if watches
                && self.watched.elapsed() >= self.watch_every
                && let Some(reason) = self.watch()
            {
                return self.end_because(reason).map(Some);
            }
            if deadline.is_some_and(|deadline| Instant::now() >= deadline) {
                return Ok(None);
            }
        }
    }

    /// Sleeps until the child ends, writes, or `timeout` has passed.
    fn poll(&self, timeout: Option<Duration>) -> Result<(), WaitError> {
        let streams = self
            .captured
            .iter()
            .flatten()
            .filter_map(|stream| stream.pipe.as_ref());
        let mut polled: Vec<libc::pollfd> = streams
            .map(AsRawFd::as_raw_fd)
            .chain([self.family.as_fd().as_raw_fd()])
            .map(|fd| libc::pollfd {
                fd,
                events: libc::POLLIN,
                revents: 0,
            })
            .collect();
        // Rounded up, or the last millisecond would be a busy loop.
        let timeout_ms = timeout.map_or(-1, |timeout| {
            i32::try_from(timeout.as_micros().div_ceil(1000)).unwrap_or(i32::MAX)
        });
        // SAFETY: the vector is valid and its length is given.
        let result = unsafe { libc::poll(polled.as_mut_ptr(), polled.len() as u64, timeout_ms) };
        let error = io::Error::last_os_error();
        if result < 0 && error.kind() != io::ErrorKind::Interrupted {
            return Err(self.fail("wait for the end")(error));
        }
        Ok(())
    }

    fn pump(&mut self) -> Result<(), WaitError> {
        let fail = self.fail("read the output");
        self.captured
            .iter_mut()
            .flatten()
            .try_for_each(Stream::pump)
            .map_err(fail)
    }

    fn output_bytes(&self) -> u64 {
        self.captured
            .iter()
            .flatten()
            .map(|stream| stream.captured.total_bytes())
            .sum()
    }

    /// Looks at the tree and says which limit it broke.
    fn watch(&mut self) -> Option<ExitReason> {
        let started = Instant::now();
        let usage = self.look();
        self.watched = Instant::now();
        if self.tree.is_some() {
            let cost = self.watched - started;
            self.watch_every = (cost * WATCH_SHARE).clamp(WATCH, WATCH_LATEST);
        }
        if let Some(limit) = self.limits.tree_cpu_s
            && usage.cpu_s >= limit as f64
        {
            return Some(ExitReason::CpuExceeded { limit });
        }
        if let Some(limit) = self.limits.disk_bytes
            && self.growth.bytes > limit
        {
            return Some(ExitReason::DiskExceeded { limit });
        }
        if let Some(limit) = self.limits.disk_files
            && self.growth.files > limit
        {
            return Some(ExitReason::FilesExceeded { limit });
        }
        if let Some(limit) = self.limits.resident_bytes
            && usage.resident_bytes > limit
        {
            return Some(ExitReason::MemoryExceeded { limit });
        }
        match self.limits.processes {
            Some(limit) if usage.tasks > limit => Some(ExitReason::ProcessesExceeded { limit }),
            _ => None,
        }
    }

    /// What the tree uses now; remembered.
    fn look(&mut self) -> Usage {
        let seen = self.family.look();
        let usage = match &mut self.tree {
            Some(tree) => {
                self.growth = tree.growth();
                tree.usage(&seen, self.limits.resident_bytes)
            }
            None => process::usage(seen.iter().map(|process| process.stat)),
        };
        self.remember(usage);
        usage
    }

    fn remember(&mut self, usage: Usage) {
        self.seen.resident_bytes = self.seen.resident_bytes.max(usage.resident_bytes);
        self.seen.cpu_s = self.seen.cpu_s.max(usage.cpu_s);
    }

    fn end_because(&mut self, reason: ExitReason) -> Result<ExitReason, WaitError> {
        self.verdict = Some(reason);
        self.look();
        self.end()
    }

    /// Kills what is left, reaps our direct child, drains the output.
    fn end(&mut self) -> Result<ExitReason, WaitError> {
        let wall = self.started.elapsed();
        self.family.kill();
        let (status, usage) = reap(self.family.monitor()).map_err(self.fail("wait for the end"))?;
        self.remember(usage);
        let reason = self.verdict.unwrap_or_else(|| self.decode(status));
        let reason = self.judge_disk(reason);
        // Known from here on, whatever happens to the output.
        self.ended = Some(Ended { reason, wall });
        let fail = self.fail("read the output");
        self.captured
            .iter_mut()
            .flatten()
            .try_for_each(Stream::drain)
            .map_err(fail)?;
        Ok(reason)
    }

    /// A program may fill the disk and end between two looks.
    fn judge_disk(&mut self, reason: ExitReason) -> ExitReason {
        let Some(tree) = &mut self.tree else {
            return reason;
        };
        self.growth = tree.last_growth();
        match (self.limits.disk_bytes, self.limits.disk_files) {
            _ if self.verdict.is_some() => reason,
            (Some(limit), _) if self.growth.bytes > limit => ExitReason::DiskExceeded { limit },
            (_, Some(limit)) if self.growth.files > limit => ExitReason::FilesExceeded { limit },
            _ => reason,
        }
    }

    fn decode(&self, status: i32) -> ExitReason {
        let reason = if libc::WIFSIGNALED(status) {
            ExitReason::Signalled(libc::WTERMSIG(status))
        } else {
            match libc::WEXITSTATUS(status) {
                code @ 129..=192 if self.family.translates_signals() => {
                    ExitReason::Signalled(code - 128)
                }
                code => ExitReason::Exited(code),
            }
        };
        match self.limits.cpu_s {
            Some(limit) if reason == ExitReason::Signalled(libc::SIGXCPU) => {
                ExitReason::CpuExceeded { limit }
            }
            _ => reason,
        }
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        if self.ended.is_none() {
            // Nobody is left to tell.
            let _ = self.end();
        }
    }
}

/// Reaps a child of ours that has ended or is about to.
fn reap(pid: u32) -> io::Result<(i32, Usage)> {
    let mut status = 0;
    loop {
        // SAFETY: all-zero is a valid rusage; both pointers are to locals.
        let (result, usage) = unsafe {
            let mut usage: libc::rusage = std::mem::zeroed();
            let result = libc::wait4(pid.cast_signed(), &raw mut status, 0, &raw mut usage);
            (result, usage)
        };
        if result < 0 {
            let error = io::Error::last_os_error();
            if error.kind() == io::ErrorKind::Interrupted {
                continue;
            }
            return Err(error);
        }
        adopt::waited(pid);
        let seconds = |time: libc::timeval| time.tv_sec as f64 + time.tv_usec as f64 * 1e-6;
        let usage = Usage {
            resident_bytes: usage.ru_maxrss.unsigned_abs() * 1024,
            cpu_s: seconds(usage.ru_utime) + seconds(usage.ru_stime),
            tasks: 0,
        };
        return Ok((status, usage));
    }
}
