//! A candidate in a runner: its buffers by address, its runs, its end.

use std::time::Duration;

use kernel_runner::wire::{GUARD_BYTES, Program, Request, WireBuffer};
use sandbox::ExitReason;

use super::super::{Call, Ended, Run, Session, TimedSession};
use super::layout::AFTER_BYTES;
use super::runner::{Answer, Runner};
use super::twin::Twins;
use crate::error::HarnessError;
use crate::judge::{Finding, Near, Side, guard};
use crate::timing::sampler::Timed;

#[derive(Debug)]
pub(super) struct CpuSession {
    runner: Runner,
    twins: Twins,
    program: Program,
    base: u64,
    key: u64,
    /// Where a module says that its outputs lie, by slot.
    answers: Vec<Option<Vec<u64>>>,
    /// Whether a module has taken over the task's parameters.
    follows_params: bool,
}

impl CpuSession {
    pub(super) fn new(runner: Runner, twins: Twins, program: Program, base: u64, key: u64) -> Self {
        Self {
            answers: vec![None; program.slots],
            follows_params: true,
            runner,
            twins,
            program,
            base,
            key,
        }
    }

    pub(super) fn exchange(
        &mut self,
        request: Request,
        slot: u32,
        limit: Duration,
    ) -> Result<Answer, HarnessError> {
        self.runner.exchange(request, slot, limit)
    }

    pub(super) fn runner(&self) -> &Runner {
        &self.runner
    }

    /// After a module was loaded: hears what has become of the parameters, and
    /// seals the runner. The answer says what is wrong with the module.
    pub(super) fn settle(&mut self) -> Result<Option<String>, HarnessError> {
        self.follows_params = self.runner.control().take() == b"name";
        self.runner.seal()
    }

    /// Takes down where a module says that its outputs lie. That is a claim, of
    /// addresses in its own memory, and all that is read there is judged.
    fn hear(&mut self, slot: usize) -> Result<(), String> {
        let Some(module) = &self.program.module else {
            return Ok(());
        };
        let text = self.runner.control().take();
        let (addresses, rest) = text.as_chunks();
        if addresses.len() != module.outputs.len() || !rest.is_empty() {
            return Err(format!("{} bytes are no answer to a call", text.len()));
        }
        let addresses = addresses.iter().map(|bytes| u64::from_le_bytes(*bytes));
        self.answers[slot] = Some(addresses.collect());
        Ok(())
    }

    /// Where to read a buffer: outputs of a module lie where it says.
    fn address_to_read(&self, buffer: usize, slot: usize, len: usize) -> Result<u64, HarnessError> {
        let own = self.checked(buffer, slot, len)?;
        let module = self.program.module.iter();
        let output = module
            .flat_map(|module| &module.outputs)
            .position(|&output| output == buffer);
        let answered = output.zip(self.answers[slot].as_ref());
        Ok(answered.map_or(own, |(output, addresses)| addresses[output]))
    }

    fn address(&self, buffer: &WireBuffer, slot: usize) -> u64 {
        self.base + (buffer.offset + buffer.slot_stride * slot) as u64
    }

    /// Every guard band: buffer index, side, address, and a number that its
    /// pattern depends on.
    fn bands(&self) -> Vec<(usize, Side, u64, u64)> {
        let mut bands = Vec::new();
        for (index, buffer) in self.program.buffers.iter().enumerate() {
            let slots = if buffer.slot_stride == 0 {
                1
            } else {
                self.program.slots
            };
            for slot in 0..slots {
                let start = self.address(buffer, slot);
                let number = ((index * self.program.slots + slot) * 2) as u64;
                bands.push((index, Side::Before, start - GUARD_BYTES as u64, number));
                bands.push((index, Side::After, start + buffer.bytes as u64, number + 1));
            }
        }
        bands
    }

    pub(super) fn write_guards(&mut self) -> Result<(), HarnessError> {
        for (_, side, address, number) in self.bands() {
            let mut pattern = vec![0; band_bytes(side)];
            guard::fill(self.key, number, &mut pattern);
            self.runner.write(address, &pattern)?;
        }
        Ok(())
    }

    fn checked(&self, buffer: usize, slot: usize, len: usize) -> Result<u64, HarnessError> {
        match self.program.buffers.get(buffer) {
            Some(wire) if len <= wire.bytes && slot < self.program.slots => {
                Ok(self.address(wire, slot))
            }
            _ => Err(HarnessError::Runner {
                doing: "find a buffer",
                problem: format!("buffer {buffer}, slot {slot}, {len} bytes"),
            }),
        }
    }

    /// The buffer that an address lies in or near.
    fn near(&self, address: u64) -> Option<Near> {
        let reach = 1 << 20;
        self.program
            .buffers
            .iter()
            .flat_map(|buffer| (0..self.program.slots).map(move |slot| (buffer, slot)))
            .map(|(buffer, slot)| {
                let start = self.address(buffer, slot);
                let last = start + (buffer.bytes as u64).saturating_sub(1);
                let distance = start
                    .saturating_sub(address)
                    .max(address.saturating_sub(last));
                (distance, buffer, start)
            })
            .filter(|(distance, _, _)| *distance < reach)
            .min_by_key(|(distance, _, _)| *distance)
            .map(|(_, buffer, start)| Near {
                buffer: buffer.name.clone(),
                offset_bytes: address.wrapping_sub(start).cast_signed(),
                len_bytes: buffer.bytes as u64,
            })
    }
}

impl Session for CpuSession {
    fn slots(&self) -> usize {
        self.program.slots
    }

    fn write(&mut self, buffer: usize, slot: usize, bytes: &[u8]) -> Result<(), HarnessError> {
        let address = self.checked(buffer, slot, bytes.len())?;
        self.runner.write(address, bytes)
    }

    fn read(&mut self, buffer: usize, slot: usize, bytes: &mut [u8]) -> Result<(), HarnessError> {
        let address = self.address_to_read(buffer, slot, bytes.len())?;
        self.runner.read(address, bytes)
    }

    fn run(&mut self, call: Call, limit: Duration) -> Result<Run<()>, HarnessError> {
        Ok(match self.run_timed(call, limit)? {
            Run::Done(_) => Run::Done(()),
            Run::Ended(ended) => Run::Ended(ended),
        })
    }

    fn guards(&mut self) -> Result<Option<Finding>, HarnessError> {
        for (index, side, address, number) in self.bands() {
            let mut found = vec![0; band_bytes(side)];
            self.runner.read(address, &mut found)?;
            let distance = match side {
                Side::Before => guard::last_broken(self.key, number, &found)
                    .map(|offset| GUARD_BYTES - 1 - offset),
                Side::After => guard::first_broken(self.key, number, &found),
            };
            if let Some(offset_bytes) = distance {
                return Ok(Some(Finding::GuardBroken {
                    buffer: self.program.buffers[index].name.clone(),
                    side,
                    offset_bytes,
                }));
            }
        }
        Ok(None)
    }

    fn late_cpu_ns(&mut self, window: Duration) -> Result<u64, HarnessError> {
        self.runner.late_cpu_ns(window)
    }

    fn follows_params(&self) -> bool {
        self.follows_params
    }
}

impl TimedSession for CpuSession {
    fn run_timed(&mut self, call: Call, limit: Duration) -> Result<Run<Timed>, HarnessError> {
        let (request, slot, what) = match call {
            Call::Prepare => (Request::Prepare, 0, "prepare"),
            Call::Plan { slot } => (Request::Run, slot as u32, "run"),
        };
        match self.exchange(request, slot, limit)? {
            Answer::Done(timed) => {
                let extra = self.runner.new_threads();
                if extra > 0 {
                    return Ok(Run::Ended(Ended::Found(Finding::ThreadLeft {
                        count: extra as u64,
                    })));
                }
                if let Call::Plan { slot } = call
                    && let Err(problem) = self.hear(slot)
                {
                    return Ok(Run::Ended(Ended::Refused(problem)));
                }
                let handshake = self.twins.handshake();
                Ok(Run::Done(Timed {
                    delay_ns: (timed.delay_ns - handshake.delay_ns).max(0.0),
                    ..timed
                }))
            }
            other => Ok(Run::Ended(ended(self, other, what, limit))),
        }
    }

    fn measure_handshake(&mut self, scrub: &mut dyn FnMut()) -> Result<(), HarnessError> {
        self.twins.measure(scrub)
    }

    fn handshake_ns(&self) -> f64 {
        self.twins.handshake().elapsed_ns
    }
}

fn band_bytes(side: Side) -> usize {
    match side {
        Side::Before => GUARD_BYTES,
        Side::After => AFTER_BYTES,
    }
}

/// What an answer other than `Done` says about the candidate.
pub(super) fn ended(
    session: &mut CpuSession,
    answer: Answer,
    doing: &'static str,
    limit: Duration,
) -> Ended {
    match answer {
        Answer::Done(_) => Ended::Refused(format!("unexpected answer to `{doing}`")),
        Answer::Failed(detail) => Ended::Refused(detail),
        Answer::Silent => Ended::TimedOut { doing, limit },
        Answer::Died(reason) => Ended::Found(died(session, &reason)),
    }
}

fn died(session: &mut CpuSession, reason: &ExitReason) -> Finding {
    let Some(fault) = session.runner.control().fault.read() else {
        let words = session.runner.last_words();
        return Finding::Crashed {
            signal: format!("{reason} {words}").trim().to_owned(),
            address: None,
            near: None,
        };
    };
    if let Some(number) = fault.syscall {
        let purpose = sandbox::lockdown::syscall_purpose(number);
        let name = sandbox::lockdown::syscall_name(number).unwrap_or("unnamed");
        let mut syscall = format!("{name} ({purpose})");
        if number == libc::SYS_mmap || number == libc::SYS_mremap {
            syscall = format!("{syscall}, {} bytes", fault.arguments[1]);
        }
        return Finding::ForbiddenCall { syscall };
    }
    let at_memory = fault.signal == libc::SIGSEGV || fault.signal == libc::SIGBUS;
    let signal = match sandbox::lockdown::signal_name(fault.signal) {
        Some(name) => name.to_owned(),
        None => format!("signal {}", fault.signal),
    };
    Finding::Crashed {
        signal,
        address: at_memory.then_some(fault.address),
        near: at_memory.then(|| session.near(fault.address)).flatten(),
    }
}
