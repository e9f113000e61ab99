//! Where candidates run. A device loads a compiled candidate with its plan
//! and gives a [`Session`]; sampling, judging and statistics know no device
//! beyond these two traits.

pub mod cpu;
pub mod cuda;

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use kernel_runner::wire::Argument;

use crate::error::HarnessError;
use crate::judge::Finding;
use crate::plan::BoundPlan;
use crate::timing::sampler::Timed;

/// What a run of a candidate came to.
#[derive(Clone, Debug)]
pub enum Run<T> {
    /// It answered; outputs can be read.
    Done(T),
    /// It did not; the session is over.
    Ended(Ended),
}

/// How a candidate's process came to its end before its time.
#[derive(Clone, Debug)]
pub enum Ended {
    /// It did something that it may not, or crashed.
    Found(Finding),
    /// It did not answer.
    TimedOut {
        /// `load`, `prepare`, `run`.
        doing: &'static str,
        /// How long it was given.
        limit: Duration,
    },
    /// The runner could not do it.
    Refused(String),
}

/// What loading a candidate came to.
#[derive(Debug)]
pub enum Load {
    /// It is loaded, parameters uploaded, nothing has run.
    Ready(Box<dyn TimedSession>),
    /// It went down while it was loaded.
    Ended(Ended),
}

/// What to run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Call {
    /// The `prepare` steps.
    Prepare,
    /// The plan, on this slot.
    Plan {
        /// Index below [`Session::slots`].
        slot: usize,
    },
}

/// How a module in Python is constructed and called.
#[derive(Clone, Debug, PartialEq)]
pub struct Construction {
    /// What is seeded with before.
    pub seed: u64,
    /// Arguments of its constructor, as a Python list of literals.
    pub init: String,
    /// Arguments of a call; buffers by index into the plan's.
    pub arguments: Vec<Argument>,
}

/// A candidate's code.
#[derive(Clone, Copy, Debug)]
pub enum Code<'a> {
    /// None: a plan of library nodes alone.
    Nothing,
    /// A compiled object.
    Object(&'a Path),
    /// The text of a module in Python.
    Module(&'a str),
}

/// What is to be loaded.
#[derive(Clone, Copy, Debug)]
pub struct Wanted<'a> {
    /// What to execute.
    pub plan: &'a BoundPlan,
    /// Of a plan that stands for a module in Python.
    pub module: Option<&'a Construction>,
    /// What lies in buffers from the start, by index into the plan's: its
    /// parameters, and for a module the inputs of a first call.
    pub contents: &'a [(usize, &'a [u8])],
    /// Copies of inputs and outputs that calls take turns with, where memory
    /// allows. Where in physical memory a buffer lies is worth some percent:
    /// the more there are, the less one placement decides.
    pub slots: usize,
}

/// A process that has the plan's buffers, and no candidate yet: making it
/// needs no compiled object, so the compiler can run meanwhile.
pub trait Arranged: std::fmt::Debug {
    /// Loads the candidate.
    fn load(self: Box<Self>, code: Code<'_>) -> Result<Load, HarnessError>;
}

/// A kind of hardware.
pub trait Device {
    /// Facts for reports: model, threads, backend of the sandbox.
    fn facts(&self) -> BTreeMap<String, String>;

    /// Number of parts that kernels are split into.
    fn parts(&self) -> usize;

    /// Prepares a fresh process for a candidate.
    fn arrange(&mut self, wanted: &Wanted<'_>) -> Result<Box<dyn Arranged>, HarnessError>;

    /// Measures what a hand-shake costs, for the kind of process that was
    /// arranged last, until there are `count` measurements of this session or
    /// earlier ones. `scrub` puts the caches into the state they have before
    /// a timed call.
    fn measure_handshakes(
        &mut self,
        count: usize,
        scrub: &mut dyn FnMut(),
    ) -> Result<(), HarnessError>;

    /// Lets the device begin to make ready for the next [`Device::arrange`],
    /// without waiting for it; never called while something is timed, and
    /// `arrange` waits until it is done.
    fn warm(&mut self) -> Result<(), HarnessError>;
}

/// One loaded candidate, as far as judging it goes. On a CPU it is frozen except while
/// it runs.
pub trait Session: std::fmt::Debug {
    /// Number of slots that inputs and outputs rotate through.
    fn slots(&self) -> usize;

    /// Writes a buffer's content in a slot.
    fn write(&mut self, buffer: usize, slot: usize, bytes: &[u8]) -> Result<(), HarnessError>;

    /// Reads a buffer's content in a slot.
    fn read(&mut self, buffer: usize, slot: usize, bytes: &mut [u8]) -> Result<(), HarnessError>;

    /// Runs something, at most for `limit`.
    fn run(&mut self, call: Call, limit: Duration) -> Result<Run<()>, HarnessError>;

    /// Looks at the guard bands around every buffer.
    fn guards(&mut self) -> Result<Option<Finding>, HarnessError>;

    /// Processor time in nanoseconds that the candidate's process uses when
    /// it is let run for `window` without being asked for anything.
    fn late_cpu_ns(&mut self, window: Duration) -> Result<u64, HarnessError>;

    /// Whether the candidate computes with the parameters that it is given. A
    /// module whose parameters have other names has those that its seed made.
    fn follows_params(&self) -> bool;
}

/// A session whose runs take time that means something. A simulated device has none:
/// without one there is nothing to sample, and without samples no speedup.
pub trait TimedSession: Session {
    /// As [`Session::run`], on the clock. What the hand-shake costs is part of the time.
    fn run_timed(&mut self, call: Call, limit: Duration) -> Result<Run<Timed>, HarnessError>;

    /// Measures the hand-shake once more, where no candidate has a say.
    fn measure_handshake(&mut self, scrub: &mut dyn FnMut()) -> Result<(), HarnessError>;

    /// What the hand-shake alone costs, in nanoseconds, by what was measured
    /// so far. [`TimedSession::run_timed`] has not subtracted it: at the end of the
    /// sampling more is known.
    fn handshake_ns(&self) -> f64;
}
