//! The runner's pinned threads. The main thread is part 0; the others sleep
//! on a futex until a job is published, run their part of each step, and
//! meet at a barrier after it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};

use crate::wire::{futex_wait, futex_wake};

/// Turns of the spin loop before a thread that waits at a barrier sleeps:
/// about 10 µs, less than a futex round trip costs, and short enough not to
/// disturb a library node that needs the core.
const SPINS: u32 = 2_000;

/// Work that all threads take part in.
pub trait Job: Sync {
    /// Called once on each thread; `part` is 0 on the main thread.
    fn run(&self, part: usize, barrier: &Barrier);
}

/// A barrier for a fixed number of threads, reusable.
#[derive(Debug)]
pub struct Barrier {
    parts: u32,
    arrived: AtomicU32,
    phase: AtomicU32,
}

impl Barrier {
    fn new(parts: u32) -> Self {
        Self {
            parts,
            arrived: AtomicU32::new(0),
            phase: AtomicU32::new(0),
        }
    }

    /// Returns when all threads have called it.
    pub fn wait(&self) {
        let phase = self.phase.load(Ordering::Acquire);
        if self.arrived.fetch_add(1, Ordering::AcqRel) + 1 == self.parts {
            self.arrived.store(0, Ordering::Relaxed);
            self.phase.fetch_add(1, Ordering::AcqRel);
            futex_wake(&self.phase, i32::MAX);
            return;
        }
        for _ in 0..SPINS {
            if self.phase.load(Ordering::Acquire) != phase {
                return;
            }
            std::hint::spin_loop();
        }
        while self.phase.load(Ordering::Acquire) == phase {
            futex_wait(&self.phase, phase, None);
        }
    }
}

struct Shared {
    generation: AtomicU32,
    /// Address of a `&dyn Job` on the main thread's stack while a job runs.
    job: AtomicUsize,
    barrier: Barrier,
}

/// The threads.
pub struct Pool {
    shared: Arc<Shared>,
    parts: usize,
}

impl std::fmt::Debug for Pool {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pool")
            .field("parts", &self.parts)
            .finish_non_exhaustive()
    }
}

/// Why the threads could not be started.
#[derive(Debug, thiserror::Error)]
pub enum PoolError {
    /// No thread.
    #[error("failed to start thread {part}")]
    Start {
        /// Which one.
        part: usize,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// Not on its core, or without a stack for signal handlers.
    #[error("failed to set up thread {part} on cpu {cpu}")]
    Pin {
        /// Which thread.
        part: usize,
        /// Which core.
        cpu: usize,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
}

impl Pool {
    /// Pins the calling thread to `cpus[0]` and starts one pinned thread for
    /// each other entry.
    pub fn start(cpus: &[usize]) -> Result<Self, PoolError> {
        let parts = cpus.len();
        let shared = Arc::new(Shared {
            generation: AtomicU32::new(0),
            job: AtomicUsize::new(0),
            barrier: Barrier::new(parts as u32),
        });
        for (part, &cpu) in cpus.iter().enumerate().skip(1) {
            let shared = Arc::clone(&shared);
            let (sender, receiver) = std::sync::mpsc::channel();
            std::thread::Builder::new()
                .name(format!("part{part}"))
                .spawn(move || {
                    let pinned = pin(cpu).and_then(|()| {
                        sandbox::lockdown::use_alternate_stack().map_err(std::io::Error::other)
                    });
                    let failed = pinned.is_err();
                    // The receiver waits for exactly one message.
                    let _ = sender.send(pinned);
                    if !failed {
                        serve(&shared, part);
                    }
                })
                .map_err(|source| PoolError::Start { part, source })?;
            let pinned = receiver.recv().unwrap_or_else(|_| {
                Err(std::io::Error::other("the thread ended before it answered"))
            });
            pinned.map_err(|source| PoolError::Pin { part, cpu, source })?;
        }
        if let Some(&cpu) = cpus.first() {
            pin(cpu).map_err(|source| PoolError::Pin {
                part: 0,
                cpu,
                source,
            })?;
        }
        Ok(Self { shared, parts })
    }

    /// Number of threads, the main one included.
    pub fn parts(&self) -> usize {
        self.parts
    }

    /// Runs `job` on all threads and returns when each has left it.
    pub fn run(&self, job: &dyn Job) {
        let pointer: *const &dyn Job = &raw const job;
        self.shared.job.store(pointer as usize, Ordering::Release);
        self.shared.generation.fetch_add(1, Ordering::AcqRel);
        futex_wake(&self.shared.generation, i32::MAX);
        job.run(0, &self.shared.barrier);
        self.shared.barrier.wait();
    }
}

fn serve(shared: &Shared, part: usize) {
    let mut seen = 0;
    loop {
        let generation = shared.generation.load(Ordering::Acquire);
        if generation == seen {
            futex_wait(&shared.generation, seen, None);
            continue;
        }
        seen = generation;
        let pointer = shared.job.load(Ordering::Acquire) as *const &dyn Job;
        // SAFETY: `Pool::run` published the address of a live `&dyn Job` on
        // its stack and can't return before this thread reaches the barrier
        // below.
        let job = unsafe { *pointer };
        job.run(part, &shared.barrier);
        shared.barrier.wait();
    }
}

fn pin(cpu: usize) -> std::io::Result<()> {
    // SAFETY: an all-zero cpu_set_t is the empty set.
    let mut set: libc::cpu_set_t = unsafe { std::mem::zeroed() };
    // SAFETY: CPU_SET writes inside the set and ignores a cpu beyond it.
    unsafe { libc::CPU_SET(cpu, &mut set) };
    // SAFETY: the set is initialised and its size is passed.
    let code = unsafe { libc::sched_setaffinity(0, size_of::<libc::cpu_set_t>(), &raw const set) };
    if code == 0 {
        Ok(())
    } else {
        Err(std::io::Error::last_os_error())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Phases {
        counts: [AtomicU32; 3],
        wrong: AtomicU32,
        parts: u32,
    }

    impl Job for Phases {
        fn run(&self, _part: usize, barrier: &Barrier) {
            for count in &self.counts {
                count.fetch_add(1, Ordering::AcqRel);
                barrier.wait();
                if count.load(Ordering::Acquire) != self.parts {
                    self.wrong.fetch_add(1, Ordering::AcqRel);
                }
            }
        }
    }

    #[test]
    fn no_thread_passes_a_barrier_early() {
        let pool = Pool::start(&[0, 0, 0]).unwrap();
        for _ in 0..200 {
            let job = Phases {
                counts: [const { AtomicU32::new(0) }; 3],
                wrong: AtomicU32::new(0),
                parts: 3,
            };
            pool.run(&job);
            assert_eq!(job.wrong.load(Ordering::Acquire), 0);
            assert!(job.counts.iter().all(|c| c.load(Ordering::Acquire) == 3));
        }
    }

    #[test]
    fn a_core_that_does_not_exist_is_named() {
        let error = Pool::start(&[0, 1000]).unwrap_err();
        assert!(error.to_string().contains("1000"), "{error}");
    }
}
