//! The CPU: candidates are shared objects that run in a sandboxed runner.

mod control;
mod layout;
mod python;
mod runner;
mod session;
mod twin;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use kernel_runner::wire::{GUARD_BYTES, Program, Request};

pub(crate) use self::python::MODULE;
pub use self::runner::Linking;
use self::runner::{Answer, Runner, Spec, Starting};
use self::session::{CpuSession, ended};
use self::twin::Twins;
use super::{Arranged, Code, Device, Ended, Load, Wanted};
use crate::error::HarnessError;
use crate::timing::priority::Own;

/// Longest load: the candidate's constructors run in it.
const LOAD: Duration = Duration::from_secs(10);
/// Longest load of a module in Python, which may compile what it wants.
const LOAD_MODULE: Duration = Duration::from_mins(5);

/// The CPU as a device.
#[derive(Debug)]
pub struct Cpu {
    spec: Spec,
    /// A runner on its way, for the next candidate.
    spare: Option<Starting>,
    /// What the last candidate needed, which the next one probably needs too.
    linking: Linking,
    /// Where hand-shakes are measured.
    twins: Twins,
    facts: BTreeMap<String, String>,
}

impl Cpu {
    /// Candidates run on `cpus`, one thread each, in processes of the
    /// programs in `folder`, one of which links the libraries in `libraries`, or
    /// of the interpreter in `venv`.
    pub fn new(folder: &Path, libraries: Vec<PathBuf>, venv: PathBuf, cpus: Vec<usize>) -> Self {
        let doctor = sandbox::doctor();
        let facts = BTreeMap::from([
            ("cpu".to_owned(), model_name()),
            ("cpus".to_owned(), format!("{cpus:?}")),
            ("clocks".to_owned(), clocks(&cpus)),
            (
                "kernel".to_owned(),
                first_line("/proc/sys/kernel/osrelease"),
            ),
            ("huge_pages".to_owned(), huge_pages()),
            (
                "timed_threads".to_owned(),
                if Own::of_caller().can_raise() {
                    "real-time"
                } else {
                    "ordinary"
                }
                .to_owned(),
            ),
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
                venv: std::path::absolute(&venv).unwrap_or(venv),
                cpus,
            },
            spare: None,
            linking: Linking::Nothing,
            twins: Twins::default(),
            facts,
        }
    }

    /// Whether a text can be a module that is a candidate, without running
    /// anything of it. The inner error says why not.
    pub fn check_module(&self, text: &str) -> Result<Result<(), String>, HarnessError> {
        python::check(&self.spec, text)
    }
}

impl Device for Cpu {
    fn facts(&self) -> BTreeMap<String, String> {
        self.facts.clone()
    }

    fn parts(&self) -> usize {
        self.spec.cpus.len()
    }

    fn arrange(&mut self, wanted: &Wanted<'_>) -> Result<Box<dyn Arranged>, HarnessError> {
        let Wanted {
            plan,
            module,
            contents,
            slots,
        } = *wanted;
        self.linking = Linking::of(plan);
        let mut runner = match self.spare.take() {
            Some(spare) if spare.linking() == self.linking => spare,
            _ => Runner::start(&self.spec, self.linking)?,
        }
        .ready()?;
        let object = (!plan.kernels.is_empty()).then(|| runner.object_path());
        let mut program = layout::program(plan, object, slots);
        program.module = module.map(|made| layout::module(plan, made, runner.module_path()));
        arrange(&mut runner, &program)?;
        // Read once, before anything hostile can change it.
        let base = runner
            .control()
            .arena_base
            .load(std::sync::atomic::Ordering::Acquire);
        let mut session = CpuSession::new(
            runner,
            self.twins.clone(),
            program,
            base,
            crate::evaluate::draw_seed()?,
        );
        session.write_guards()?;
        for &(buffer, bytes) in contents {
            super::Session::write(&mut session, buffer, 0, bytes)?;
        }
        Ok(Box::new(Empty(session)))
    }

    fn measure_handshakes(
        &mut self,
        count: usize,
        scrub: &mut dyn FnMut(),
    ) -> Result<(), HarnessError> {
        self.twins.ensure(&self.spec, self.linking, count, scrub)
    }

    fn warm(&mut self) -> Result<(), HarnessError> {
        if self.spare.is_none() {
            self.spare = Some(Runner::start(&self.spec, self.linking)?);
        }
        Ok(())
    }
}

/// A session without its candidate.
#[derive(Debug)]
struct Empty(CpuSession);

impl Arranged for Empty {
    fn load(self: Box<Self>, code: Code<'_>) -> Result<Load, HarnessError> {
        let mut session = self.0;
        let limit = match code {
            Code::Nothing => LOAD,
            Code::Object(path) => {
                session.runner().place(path)?;
                LOAD
            }
            Code::Module(text) => {
                session.runner().place_module(text)?;
                session.runner().lower();
                LOAD_MODULE
            }
        };
        match session.exchange(Request::Load, 0, limit)? {
            Answer::Done(_) => {}
            other => return Ok(Load::Ended(ended(&mut session, other, "load", limit))),
        }
        if let Code::Module(_) = code
            && let Some(problem) = session.settle()?
        {
            return Ok(Load::Ended(Ended::Refused(problem)));
        }
        Ok(Load::Ready(Box::new(session)))
    }
}

/// Sends a program and has its buffers mapped.
fn arrange(runner: &mut Runner, program: &Program) -> Result<(), HarnessError> {
    let refused = |doing, problem| Err(HarnessError::Runner { doing, problem });
    let text = match serde_json::to_vec(program) {
        Ok(text) => text,
        Err(error) => return refused("take a program", error.to_string()),
    };
    if text.len() > kernel_runner::wire::MAILBOX_BYTES {
        let problem = format!("{} bytes don't fit its mailbox", text.len());
        return refused("take a program", problem);
    }
    runner.control().put(&text);
    let problem = match runner.exchange(Request::Arrange, 0, LOAD)? {
        Answer::Done(_) => return Ok(()),
        Answer::Failed(problem) => problem,
        Answer::Died(reason) => reason.to_string(),
        Answer::Silent => format!("no answer within {} s", LOAD.as_secs()),
    };
    refused("map the plan's buffers", problem)
}

// Buffers are aligned to cache lines, and a guard band lies before each.
const _: () = assert!(GUARD_BYTES.is_multiple_of(64));

/// The system's rule for huge pages, which both sides ask for.
fn huge_pages() -> String {
    let text = std::fs::read_to_string("/sys/kernel/mm/transparent_hugepage/enabled");
    let text = text.unwrap_or_default();
    let chosen = text.split(['[', ']']).nth(1).unwrap_or("unknown");
    chosen.to_owned()
}

/// Clock of each processor as the lab starts, and who governs it.
fn clocks(cpus: &[usize]) -> String {
    let text = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let all: Vec<&str> = text
        .lines()
        .filter_map(|line| line.strip_prefix("cpu MHz"))
        .map(|rest| rest.trim_start_matches([' ', '\t', ':']))
        .collect();
    let mhz: Vec<&str> = cpus
        .iter()
        .map(|&cpu| all.get(cpu).copied().unwrap_or("unknown"))
        .collect();
    let governor = first_line("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor");
    format!("{} MHz, governor {governor}", mhz.join(" "))
}

/// The first line of a file of the system.
fn first_line(path: &str) -> String {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    text.lines().next().unwrap_or("unknown").to_owned()
}

fn model_name() -> String {
    let text = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    text.lines()
        .find_map(|line| line.strip_prefix("model name"))
        .map_or("unknown", |rest| rest.trim_start_matches([' ', '\t', ':']))
        .to_owned()
}
