//! The CPU: candidates are shared objects that run in a sandboxed runner.

mod control;
mod layout;
mod runner;
mod session;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use kernel_runner::wire::{GUARD_BYTES, Request};

pub use self::runner::Linking;
use self::runner::{Answer, Runner, Spec, Starting};
use self::session::{CpuSession, ended};
use super::{Device, Load, Wanted};
use crate::error::HarnessError;

/// Longest load: the candidate's constructors run in it.
const LOAD: Duration = Duration::from_secs(10);

/// The CPU as a device.
#[derive(Debug)]
pub struct Cpu {
    spec: Spec,
    /// A runner on its way, for the next candidate.
    spare: Option<Starting>,
    /// What the last candidate needed, which the next one probably needs too.
    linking: Linking,
    facts: BTreeMap<String, String>,
}

impl Cpu {
    /// Candidates run on `cpus`, one thread each, in processes of the
    /// programs in `folder`; one of these links the libraries in `libraries`.
    pub fn new(folder: &Path, libraries: Vec<PathBuf>, cpus: Vec<usize>) -> Self {
        let doctor = sandbox::doctor();
        let facts = BTreeMap::from([
            ("cpu".to_owned(), model_name()),
            ("cpus".to_owned(), format!("{cpus:?}")),
            (
                "sandbox".to_owned(),
                doctor
                    .best()
                    .map_or_else(|_| "none".to_owned(), |backend| format!("{backend:?}")),
            ),
        ]);
        Self {
            spec: Spec {
                folder: folder.to_owned(),
                libraries,
                cpus,
            },
            spare: None,
            linking: Linking::Nothing,
            facts,
        }
    }
}

impl Device for Cpu {
    fn facts(&self) -> BTreeMap<String, String> {
        self.facts.clone()
    }

    fn parts(&self) -> usize {
        self.spec.cpus.len()
    }

    fn load(&mut self, wanted: &Wanted<'_>, scrub: &mut dyn FnMut()) -> Result<Load, HarnessError> {
        let Wanted {
            plan,
            object,
            params,
            slots,
        } = *wanted;
        self.linking = Linking::of(plan);
        let mut runner = match self.spare.take() {
            Some(spare) if spare.linking() == self.linking => spare,
            _ => Runner::start(&self.spec, self.linking)?,
        }
        .ready()?;
        runner.measure_handshake(scrub)?;
        let placed = match object {
            Some(object) => Some(runner.place(&object.path)?),
            None => None,
        };
        let program = layout::program(plan, placed, slots);
        let text = serde_json::to_vec(&program).map_err(|error| HarnessError::Runner {
            doing: "take a program",
            problem: error.to_string(),
        })?;
        if text.len() > kernel_runner::wire::MAILBOX_BYTES {
            return Err(HarnessError::Runner {
                doing: "take a program",
                problem: format!("{} bytes don't fit its mailbox", text.len()),
            });
        }
        runner.control().put(&text);
        match runner.exchange(Request::Arrange, 0, LOAD)? {
            Answer::Done(_) => {}
            Answer::Failed(problem) => {
                return Err(HarnessError::Runner {
                    doing: "map the plan's buffers",
                    problem,
                });
            }
            Answer::Died(reason) => {
                return Err(HarnessError::Runner {
                    doing: "map the plan's buffers",
                    problem: reason.to_string(),
                });
            }
            Answer::Silent => {
                return Err(HarnessError::Runner {
                    doing: "map the plan's buffers",
                    problem: format!("no answer within {} s", LOAD.as_secs()),
                });
            }
        }
        // Read once, before anything hostile can change it.
        let base = runner
            .control()
            .arena_base
            .load(std::sync::atomic::Ordering::Acquire);
        let mut session = CpuSession::new(runner, program, base, crate::evaluate::draw_seed()?);
        session.write_guards()?;
        for &(buffer, bytes) in params {
            super::Session::write(&mut session, buffer, 0, bytes)?;
        }
        match session.exchange(Request::Load, 0, LOAD)? {
            Answer::Done(_) => Ok(Load::Ready(Box::new(session))),
            other => Ok(Load::Ended(ended(&mut session, other, "load", LOAD))),
        }
    }

    fn warm(&mut self) -> Result<(), HarnessError> {
        if self.spare.is_none() {
            self.spare = Some(Runner::start(&self.spec, self.linking)?);
        }
        Ok(())
    }
}

// Buffers are aligned to cache lines, and a guard band lies before each.
const _: () = assert!(GUARD_BYTES.is_multiple_of(64));

fn model_name() -> String {
    let text = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    text.lines()
        .find_map(|line| line.strip_prefix("model name"))
        .map_or("unknown", |rest| rest.trim_start_matches([' ', '\t', ':']))
        .to_owned()
}
