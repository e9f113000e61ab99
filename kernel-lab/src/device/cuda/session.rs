//! A candidate in a CUDA runner.

use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use kernel_cuda::wire::{Block, Fault, Phase, Place, Program, Reply, Request, Steps, Timing};

use super::super::{Call, Ended, Run, Session};
use super::Load;
use super::findings::{Findings, Launched, Tail};
use super::layout::{LaidOut, Part};
use super::library::Node;
use super::process::{Answer, FINDINGS, LAUNCHES, Runner};
use crate::error::HarnessError;
use crate::judge::{DeviceFinding, Finding, Side, guard};
use crate::plan::BoundPlan;

/// Longest wait for what no candidate has a part in.
const OWN: Duration = Duration::from_mins(1);
/// Longest load of a module: the driver may compile it.
const LOADING: Duration = Duration::from_secs(30);

/// What the runner is asked for then.
const LOAD: &str = "load the candidate";

/// A loaded candidate on CUDA: it can be judged, and nothing of it is a time, since it may be a
/// simulated device that it runs on. [`GpuSession`](super::GpuSession) is one that has times.
///
/// Samples, of which a speedup is made, come from [timed sessions](super::super::TimedSession)
/// alone, and this is none:
///
/// ```compile_fail,E0277
/// fn sampled<T: kernel_lab::device::TimedSession>() {}
/// sampled::<kernel_lab::device::cuda::CudaSession>();
/// ```
#[derive(Debug)]
pub struct CudaSession {
    runner: Runner,
    program: Program,
    prepare: Rc<[Part]>,
    steps: Rc<[Part]>,
    names: Vec<String>,
    findings: Findings,
    launches: Tail<Launched>,
    /// What the pattern of guard bands is made from.
    key: u64,
}

impl CudaSession {
    /// Takes memory for the plan's buffers, loads the candidate and writes its parameters.
    pub(super) fn load(
        mut runner: Runner,
        plan: &BoundPlan,
        laid_out: LaidOut,
        image: &[u8],
        contents: &[(usize, &[u8])],
    ) -> Result<Load<Self>, HarnessError> {
        let refused = |text: String| Ok(Load::Ended(Ended::Refused(text)));
        let LaidOut {
            program,
            prepare,
            steps,
        } = laid_out;
        let addresses = match runner.ask(&Request::Arrange(program.clone()), &[], OWN)? {
            Answer::Reply(Reply::Arranged(addresses)) => addresses,
            Answer::Reply(Reply::Refused(text)) => {
                let bytes: u64 = program
                    .buffers
                    .iter()
                    .map(|buffer| buffer.memory_bytes() * buffer.slots as u64)
                    .sum();
                let memory = runner.facts().memory_bytes;
                // It would fit if the device were ours alone.
                if bytes < memory / 2 {
                    return Err(HarnessError::CudaInput(format!(
                        "out of memory on the GPU: the plan's buffers take {bytes} of its {memory} \
                         bytes, and others hold the rest: {text}; `nvidia-smi` shows who"
                    )));
                }
                return refused(format!(
                    "the plan's buffers take {bytes} bytes and the device has {memory}: {text}"
                ));
            }
            other => return Err(unexpected(&runner, "take memory for the plan", &other)),
        };
        let names: Vec<String> = plan
            .buffers
            .iter()
            .map(|buffer| buffer.role.to_string())
            .collect();
        let by_address: BTreeMap<u64, String> = names
            .iter()
            .zip(&addresses)
            .flat_map(|(name, copies)| copies.iter().map(|address| (*address, name.clone())))
            .collect();
        let mut session = Self {
            findings: Findings::new(runner.found(FINDINGS), by_address),
            launches: Tail::new(runner.found(LAUNCHES)),
            key: crate::evaluate::draw_seed()?,
            runner,
            program,
            prepare: prepare.into(),
            steps: steps.into(),
            names,
        };
        match session.runner.ask(&Request::Load, image, LOADING)? {
            Answer::Reply(Reply::Done) => {}
            Answer::Reply(Reply::Refused(text)) => return refused(text),
            Answer::Silent => {
                return Ok(Load::Ended(Ended::TimedOut {
                    doing: "load",
                    limit: LOADING,
                }));
            }
            other => return Err(unexpected(&session.runner, LOAD, &other)),
        }
        session.write_guards()?;
        for &(buffer, bytes) in contents {
            session.write(buffer, 0, bytes)?;
        }
        Ok(Load::Ready(Box::new(session)))
    }

    /// Loads the candidate afresh: variables of its module are as they were at first, buffers
    /// as they are.
    pub fn reload(&mut self, image: &[u8]) -> Result<(), HarnessError> {
        match self.runner.ask(&Request::Load, image, LOADING)? {
            Answer::Reply(Reply::Done) => Ok(()),
            other => Err(unexpected(&self.runner, LOAD, &other)),
        }
    }

    /// Launches that were counted since this was last asked.
    pub fn take_launches(&mut self) -> Result<Vec<Launched>, HarnessError> {
        self.launches.fresh()
    }

    fn guard_bytes(&self, buffer: usize) -> u64 {
        let buffer = self.program.buffers.get(buffer);
        buffer.map_or(0, |buffer| buffer.guard_bytes)
    }

    /// Every guard band: where it is, on which side, and a number that its pattern depends on.
    fn bands(&self) -> Vec<(Place, Side, u64)> {
        let mut bands = Vec::new();
        for (index, buffer) in self.program.buffers.iter().enumerate() {
            if buffer.guard_bytes == 0 {
                continue;
            }
            for slot in 0..buffer.slots {
                let sides = [
                    (Side::Before, 0),
                    (Side::After, buffer.guard_bytes + buffer.bytes),
                ];
                for (side, at) in sides {
                    let place = Place {
                        buffer: index,
                        slot,
                        at,
                        bytes: buffer.guard_bytes,
                    };
                    bands.push((place, side, bands.len() as u64));
                }
            }
        }
        bands
    }

    fn write_guards(&mut self) -> Result<(), HarnessError> {
        for (place, _, number) in self.bands() {
            let mut pattern = vec![0; place.bytes as usize];
            guard::fill(self.key, number, &mut pattern);
            self.put(place, &pattern)?;
        }
        Ok(())
    }

    fn put(&mut self, place: Place, bytes: &[u8]) -> Result<(), HarnessError> {
        match self.runner.ask(&Request::Write(place), bytes, OWN)? {
            Answer::Reply(Reply::Done) => Ok(()),
            other => Err(unexpected(&self.runner, "write a buffer", &other)),
        }
    }

    fn get(&mut self, place: Place, bytes: &mut [u8]) -> Result<(), HarnessError> {
        match self.runner.ask(&Request::Read(place), &[], OWN)? {
            Answer::Reply(Reply::Done) => self.runner.take(bytes),
            other => Err(unexpected(&self.runner, "read a buffer", &other)),
        }
    }

    fn content(&self, buffer: usize, slot: usize, bytes: usize) -> Place {
        Place {
            buffer,
            slot,
            at: self.guard_bytes(buffer),
            bytes: bytes as u64,
        }
    }
}

impl Session for CudaSession {
    fn slots(&self) -> usize {
        let slots = self.program.buffers.iter().map(|buffer| buffer.slots);
        slots.max().unwrap_or(1)
    }

    fn write(&mut self, buffer: usize, slot: usize, bytes: &[u8]) -> Result<(), HarnessError> {
        self.put(self.content(buffer, slot, bytes.len()), bytes)
    }

    fn read(&mut self, buffer: usize, slot: usize, bytes: &mut [u8]) -> Result<(), HarnessError> {
        self.get(self.content(buffer, slot, bytes.len()), bytes)
    }

    fn run(&mut self, call: Call, limit: Duration) -> Result<Run<()>, HarnessError> {
        let (phase, parts, slot, doing) = match call {
            Call::Prepare => (Phase::Prepare, Rc::clone(&self.prepare), 0, "prepare"),
            Call::Plan { slot } => (Phase::Call, Rc::clone(&self.steps), slot, "run"),
        };
        for part in parts.iter() {
            match part {
                Part::Launches { first, count } => {
                    let steps = Steps {
                        phase,
                        slot,
                        first: *first,
                        count: *count,
                    };
                    if let Run::Ended(ended) = self.launch(steps, doing, limit)? {
                        return Ok(Run::Ended(ended));
                    }
                }
                Part::Library(node) => self.run_node(node, slot)?,
            }
        }
        Ok(Run::Done(()))
    }

    fn guards(&mut self) -> Result<Option<Finding>, HarnessError> {
        for (place, side, number) in self.bands() {
            let mut found = vec![0; place.bytes as usize];
            self.get(place, &mut found)?;
            let distance = match side {
                Side::Before => guard::last_broken(self.key, number, &found)
                    .map(|offset| found.len() - 1 - offset),
                Side::After => guard::first_broken(self.key, number, &found),
            };
            if let Some(offset_bytes) = distance {
                return Ok(Some(Finding::GuardBroken {
                    buffer: self.names[place.buffer].clone(),
                    side,
                    offset_bytes,
                }));
            }
        }
        Ok(None)
    }

    /// None: no code of a candidate runs in the process, and a device that has answered is idle.
    fn late_cpu_ns(&mut self, _window: Duration) -> Result<u64, HarnessError> {
        Ok(0)
    }

    fn follows_params(&self) -> bool {
        true
    }
}

impl CudaSession {
    fn run_node(&mut self, node: &Node, slot: usize) -> Result<(), HarnessError> {
        let mut operands = Vec::with_capacity(node.inputs.len());
        for &input in &node.inputs {
            let mut bytes = vec![0; self.program.buffers[input].bytes as usize];
            self.read(input, slot, &mut bytes)?;
            operands.push(bytes);
        }
        let result = node.run(&operands)?;
        self.write(node.output, slot, &result)
    }

    fn launch(
        &mut self,
        steps: Steps,
        doing: &'static str,
        limit: Duration,
    ) -> Result<Run<()>, HarnessError> {
        let answer = self.runner.ask(&Request::Run(steps), &[], limit)?;
        match self.ran(answer, doing, limit)? {
            Run::Done(Reply::Done) => Ok(Run::Done(())),
            Run::Done(other) => Err(unexpected(
                &self.runner,
                "run a plan",
                &Answer::Reply(other),
            )),
            Run::Ended(ended) => Ok(Run::Ended(ended)),
        }
    }

    /// For [`GpuSession`](super::GpuSession) alone: what a simulator says is no time.
    pub(super) fn time_block(&mut self, block: &Block) -> Result<Run<Timing>, HarnessError> {
        const MOST_MS: f64 = 1e9;
        let ms = |ms: f64| Duration::from_secs_f64(ms.clamp(0.0, MOST_MS) / 1e3);
        let limit = ms(block.limit_ms);
        // A warm call that has begun in time may end after it.
        let calls = block.counted.len() as u32 + 1;
        let patience = OWN + ms(block.warm_ms) + limit * calls;
        let request = Request::Time(block.clone());
        let answer = self.runner.ask(&request, &[], patience)?;
        match self.ran(answer, "run", limit)? {
            Run::Done(Reply::Timed(timing)) => Ok(Run::Done(timing)),
            Run::Done(other) => Err(unexpected(&self.runner, "time", &Answer::Reply(other))),
            Run::Ended(ended) => Ok(Run::Ended(ended)),
        }
    }

    /// What an answer to a question says in which the candidate has a part.
    fn ran(
        &mut self,
        answer: Answer,
        doing: &'static str,
        limit: Duration,
    ) -> Result<Run<Reply>, HarnessError> {
        // What is wrong, and where, explains more than the error that came of it.
        if let Some(finding) = self.findings.fresh()? {
            return Ok(Run::Ended(Ended::Found(finding)));
        }
        Ok(match answer {
            Answer::Reply(Reply::Refused(text)) => Run::Ended(Ended::Refused(text)),
            Answer::Reply(Reply::Broken(fault)) if fault.is_of_the_machine() => {
                return Err(HarnessError::CudaInput(format!(
                    "failed to {}: {}",
                    fault.doing, fault.text
                )));
            }
            Answer::Reply(Reply::Broken(fault)) if fault.error == Fault::TIMEOUT => {
                Run::Ended(Ended::TimedOut { doing, limit })
            }
            Answer::Reply(Reply::Broken(fault)) => Run::Ended(Ended::Found(broken(&fault))),
            Answer::Reply(reply) => Run::Done(reply),
            Answer::Silent => Run::Ended(Ended::TimedOut { doing, limit }),
            died @ Answer::Died(_) => return Err(unexpected(&self.runner, "run a plan", &died)),
        })
    }
}

/// What a GPU says about a kernel that it has ended.
fn broken(fault: &Fault) -> Finding {
    Finding::Device(Box::new(DeviceFinding {
        kind: fault.error.clone(),
        texts: vec![format!("failed to {}: {}", fault.doing, fault.text)],
        ..DeviceFinding::default()
    }))
}

/// An answer that no candidate has a part in.
fn unexpected(runner: &Runner, doing: &'static str, answer: &Answer) -> HarnessError {
    let problem = match answer {
        Answer::Reply(Reply::Refused(text)) => text.clone(),
        Answer::Reply(Reply::Broken(fault)) => fault.text.clone(),
        Answer::Reply(other) => format!("{other:?}"),
        Answer::Silent => format!("no answer within {} s", OWN.as_secs()),
        Answer::Died(reason) => format!("{reason}; {}", runner.last_words()),
    };
    HarnessError::Runner { doing, problem }
}
