//! The machine behind a lock, and the threads that do its work.

use std::ops::{Deref, DerefMut};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use crate::error::Error;
use crate::machine::{Finished, Job, Machine, Note, Wait};
use crate::report::Reporter;
use crate::settings::Settings;

/// Most threads for work: kernels, large copies and the program's functions.
const MOST_WORKERS: usize = 64;

/// A driver that works.
#[derive(Debug)]
pub struct Driver {
    shared: Arc<Shared>,
}

struct Shared {
    inside: Mutex<Inside>,
    /// Something was finished.
    changed: Condvar,
    /// There is work.
    work: Condvar,
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared").finish_non_exhaustive()
    }
}

struct Inside {
    machine: Machine,
    reporter: Box<dyn Reporter>,
    workers: usize,
    idle: usize,
    closing: bool,
}

impl Inside {
    /// Does what can be done at once, and tells the outside.
    fn settle(&mut self) {
        self.machine.settle(Instant::now());
        for note in self.machine.take_notes() {
            match note {
                Note::Finding(found) => self.reporter.finding(&found),
                Note::Launched(launched) => self.reporter.launched(&launched),
                Note::Printed(text) => self.reporter.printed(&text),
                Note::Message(text) => self.reporter.message(&text),
            }
        }
    }
}

/// The machine for the time of a call; what the call leaves to be done is
/// begun when it goes.
#[derive(Debug)]
pub struct Entered<'a> {
    shared: &'a Arc<Shared>,
    inside: MutexGuard<'a, Inside>,
}

impl std::fmt::Debug for Inside {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.machine.fmt(f)
    }
}

impl Deref for Entered<'_> {
    type Target = Machine;

    fn deref(&self) -> &Machine {
        &self.inside.machine
    }
}

impl DerefMut for Entered<'_> {
    fn deref_mut(&mut self) -> &mut Machine {
        &mut self.inside.machine
    }
}

impl Drop for Entered<'_> {
    fn drop(&mut self) {
        self.inside.settle();
        self.shared.staff(&mut self.inside, 0);
        self.shared.changed.notify_all();
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Inside> {
        self.inside.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sees to it that there is a thread for each job but `own` of them, which
    /// the calling thread does: one of the program's functions may wait for
    /// what another stream does.
    fn staff(self: &Arc<Self>, inside: &mut Inside, own: usize) {
        let jobs = inside.machine.jobs().saturating_sub(own);
        let missing = jobs.saturating_sub(inside.idle);
        for _ in 0..missing.min(MOST_WORKERS - inside.workers) {
            let shared = Arc::clone(self);
            let worker = std::thread::Builder::new().name("cuda-sim".to_owned());
            match worker.spawn(move || shared.work_on()) {
                Ok(_) => inside.workers += 1,
                // Those that are there do it, one after the other.
                Err(_) if inside.workers > 0 => break,
                Err(error) => {
                    let text = format!("no thread for work: {error}");
                    inside.reporter.message(&text);
                    while let Some(job) = inside.machine.take_job() {
                        inside.machine.finish(attempt(job));
                        inside.settle();
                    }
                }
            }
        }
        if jobs > 0 {
            self.work.notify_all();
        }
    }

    /// What a worker does until the driver is dropped.
    fn work_on(self: &Arc<Self>) {
        let mut inside = self.lock();
        loop {
            let Some(job) = inside.machine.take_job() else {
                if inside.closing {
                    return;
                }
                inside.idle += 1;
                inside = self
                    .work
                    .wait(inside)
                    .unwrap_or_else(PoisonError::into_inner);
                inside.idle -= 1;
                continue;
            };
            drop(inside);
            let finished = attempt(job);
            inside = self.lock();
            inside.machine.finish(finished);
            inside.settle();
            self.staff(&mut inside, 1);
            self.changed.notify_all();
        }
    }
}

/// Does a job; a fault of the simulator ends the context, not the program.
fn attempt(job: Job) -> Finished {
    let failure = job.failure("an internal error in the simulator".to_owned());
    catch_unwind(AssertUnwindSafe(|| job.run())).unwrap_or(failure)
}

impl Driver {
    /// A device as the settings say.
    pub fn new(settings: Settings, reporter: Box<dyn Reporter>) -> Self {
        Self {
            shared: Arc::new(Shared {
                inside: Mutex::new(Inside {
                    machine: Machine::new(settings),
                    reporter,
                    workers: 0,
                    idle: 0,
                    closing: false,
                }),
                changed: Condvar::new(),
                work: Condvar::new(),
            }),
        }
    }

    /// The machine, for one call.
    pub fn enter(&self) -> Entered<'_> {
        Entered {
            shared: &self.shared,
            inside: self.shared.lock(),
        }
    }

    /// The machine, if nobody has it: for a program that ends in the middle
    /// of a call.
    pub fn try_enter(&self) -> Option<Entered<'_>> {
        let inside = self.shared.inside.try_lock().ok()?;
        Some(Entered {
            shared: &self.shared,
            inside,
        })
    }

    /// Waits for what a call waits for.
    pub fn wait(&self, wait: Wait) -> Result<(), Error> {
        let mut inside = self.shared.lock();
        while !inside.machine.reached(&wait) {
            inside = self
                .shared
                .changed
                .wait(inside)
                .unwrap_or_else(PoisonError::into_inner);
        }
        let result = inside.machine.waited(wait);
        drop(Entered {
            shared: &self.shared,
            inside,
        });
        result
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        self.shared.lock().closing = true;
        self.shared.work.notify_all();
    }
}
