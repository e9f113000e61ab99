//! Calls of functions, and their return.

use super::block::{After, Block, Run};
use super::lane::{get, lanes, read_local, write_local};
use super::launch::Stop;
use super::room::steps;
use super::rows::LANES;
use super::step::{Call, Callee, Code, Step, What};
use super::system::Called;
use super::warp::{Frame, tell};
use crate::decode::FUNCTIONS;
use crate::finding::Problem;
use crate::memory::Cells;

/// Calls within calls.
const MAX_DEPTH: u32 = 128;

impl Block<'_, '_> {
    /// A function is called, or the system.
    pub(super) fn call(
        &mut self,
        number: usize,
        step: &Step,
        call: &Call,
        frame: &Frame,
        run: &Run,
        active: u32,
    ) -> Result<Option<After>, Stop> {
        let called = Called {
            number,
            step,
            call,
            frame,
            active,
        };
        let (function, callers) = match call.callee {
            Callee::Function(function) => (function, active),
            Callee::Indirect(register) => {
                let first = get(&frame.registers, register, active.trailing_zeros());
                let same = lanes(active)
                    .filter(|lane| get(&frame.registers, register, *lane) == first)
                    .fold(0, |mask, lane| mask | 1 << lane);
                // What is no function's address gets a number that no function has.
                let number = u32::try_from(first.wrapping_sub(FUNCTIONS) / 16);
                (number.unwrap_or(u32::MAX), same)
            }
            Callee::Printf => {
                let steps = self.printf(called);
                self.charge(number, step, steps)?;
                return Ok(None);
            }
            Callee::AssertFail => {
                let text = self.text_argument(called, 0);
                return self.end_with(number, step, active, Problem::Assertion { text });
            }
            Callee::Malloc => {
                self.malloc(called)?;
                return Ok(None);
            }
            Callee::Free => {
                self.free(called)?;
                return Ok(None);
            }
        };
        if active != run.lanes {
            return Ok(Some(After::Part(run.at, active, run.at + 1)));
        }
        let launch = self.launch;
        let Some(code) = launch
            .asked
            .code
            .get(function as usize)
            .filter(|code| !code.entry)
        else {
            let what = "call of what is no function".to_owned();
            return self.end_with(number, step, active, Problem::InvalidTarget { what });
        };
        let sizes = |pieces: &[(u32, u32)], others: &[(u32, u32)]| {
            pieces.len() == others.len() && pieces.iter().zip(others).all(|(a, b)| a.1 == b.1)
        };
        if !sizes(&call.arguments, &code.params) || !sizes(&call.results, &code.results) {
            let what = format!("call of `{}` with what it does not take", code.name);
            return self.end_with(number, step, active, Problem::InvalidTarget { what });
        }
        let own = &launch.asked.code[frame.function as usize];
        let local = frame.local + own.local_bytes;
        let size = self.warps[number].local.bytes() / LANES as u64;
        let bytes = code.template.bytes();
        let frames = self.warps[number].frames.iter().flatten();
        let taken: u64 = frames.map(|frame| frame.registers.bytes()).sum();
        let full = taken + bytes > launch.asked.room.calls + own.template.bytes();
        if frame.depth >= MAX_DEPTH || u64::from(local + code.local_bytes) > size || full {
            return self.end_with(number, step, active, Problem::StackOverflow);
        }
        let cells = &self.warps[number].local;
        for (from, to) in call.arguments.iter().zip(&code.params) {
            copy_local(
                cells,
                callers,
                frame.local + from.0,
                local + to.0,
                from.1.min(to.1),
            );
        }
        self.charge(number, step, steps(bytes))?;
        let mut registers = code.template.clone();
        let warp = &mut self.warps[number];
        warp.stack.enter(callers, local, local + code.local_bytes);
        for lane in lanes(callers) {
            for (at, bytes) in &code.params {
                warp.stack.mark(lane, u64::from(local + at), *bytes);
            }
        }
        tell(
            &mut registers,
            &code.specials,
            &self.told,
            warp.number,
            &warp.tid,
        );
        let group = warp.groups.iter().find(|group| group.lanes & active != 0);
        let caller = group.map_or(0, |group| group.frame);
        let frame = Frame {
            function,
            registers,
            local,
            caller: Some((caller, run.at + 1)),
            depth: frame.depth + 1,
        };
        Ok(Some(After::Call(frame, callers)))
    }

    /// The lanes of a group return to who called.
    pub(super) fn give_back(
        &mut self,
        number: usize,
        chosen: usize,
        run: &Run,
        code: &Code,
    ) -> Result<(), Stop> {
        let launch = self.launch;
        let warp = &mut self.warps[number];
        let frame = warp.groups[chosen].frame;
        let Some(callee) = &warp.frames[frame as usize] else {
            return Err(Stop);
        };
        let Some((caller, at)) = callee.caller else {
            warp.end(run.lanes);
            return self.open_barriers();
        };
        let Some(frame) = &warp.frames[caller as usize] else {
            return Err(Stop);
        };
        let step = &launch.asked.code[frame.function as usize].steps[at as usize - 1];
        if let What::Call(call) = &step.what {
            for (to, from) in call.results.iter().zip(&code.results) {
                let (from, bytes) = (callee.local + from.0, from.1.min(to.1));
                copy_local(&warp.local, run.lanes, from, frame.local + to.0, bytes);
                for lane in lanes(run.lanes) {
                    warp.stack.mark(lane, u64::from(frame.local + to.0), to.1);
                }
            }
        }
        let top = frame.local + launch.asked.code[frame.function as usize].local_bytes;
        warp.stack.leave(run.lanes, top);
        let group = &mut warp.groups[chosen];
        group.frame = caller;
        group.at = at;
        warp.sweep();
        Ok(())
    }
}

fn copy_local(cells: &Cells, active: u32, from: u32, to: u32, bytes: u32) {
    for lane in lanes(active) {
        let mut at = 0;
        while at < bytes {
            let word = read_local(cells, lane, u64::from(from + at), 4);
            write_local(cells, lane, u64::from(to + at), 4, word);
            at += 4;
        }
    }
}
