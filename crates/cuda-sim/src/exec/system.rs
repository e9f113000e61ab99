//! What the system does when a kernel calls it: printing, failed assertions,
//! memory.

use super::block::Block;
use super::lane::{lanes, read_local, write_local};
use super::launch::Stop;
use super::print;
use super::rows::LANES;
use super::step::{Call, Step};
use super::warp::Frame;
use crate::finding::{Problem, Touched};
use crate::memory::{FreeError, LOCAL, Maker, SHARED, WINDOW};
use crate::ptx::Space;

/// A call of the system by lanes of a warp.
#[derive(Clone, Copy)]
pub(super) struct Called<'c> {
    /// The warp's.
    pub(super) number: usize,
    pub(super) step: &'c Step,
    pub(super) call: &'c Call,
    pub(super) frame: &'c Frame,
    pub(super) active: u32,
}

impl Block<'_, '_> {
    /// The bytes of an argument in one lane.
    fn argument(&self, called: Called<'_>, lane: u32, at: usize) -> u64 {
        let Some((offset, _)) = called.call.arguments.get(at) else {
            return 0;
        };
        let local = &self.warps[called.number].local;
        read_local(local, lane, u64::from(called.frame.local + offset), 8)
    }

    /// The text that an argument points to.
    pub(super) fn text_argument(&self, called: Called<'_>, at: usize) -> String {
        let lane = called.active.trailing_zeros();
        let address = self.argument(called, lane, at);
        String::from_utf8_lossy(&self.text(called.number, lane, address)).into_owned()
    }

    /// A byte at a generic address, if there is one.
    fn byte(&self, number: usize, lane: u32, address: u64) -> Option<u8> {
        if address.wrapping_sub(LOCAL) < WINDOW {
            let at = address - LOCAL;
            let size = self.warps[number].local.bytes() / LANES as u64;
            return (at < size).then(|| read_local(&self.warps[number].local, lane, at, 1) as u8);
        }
        if address.wrapping_sub(SHARED) < WINDOW {
            let at = address - SHARED;
            return (at < self.shared.cells.bytes()).then(|| self.shared.cells.load(at));
        }
        let found = self.launch.find(address, 1)?;
        Some(found.cells().load(address - found.base()))
    }

    /// Up to a zero byte.
    fn text(&self, number: usize, lane: u32, address: u64) -> Vec<u8> {
        (0..4096)
            .map_while(|at| self.byte(number, lane, address.wrapping_add(at)))
            .take_while(|byte| *byte != 0)
            .collect()
    }

    /// The answer is what it costs, in instructions: one a byte.
    pub(super) fn printf(&self, called: Called<'_>) -> u64 {
        let number = called.number;
        let mut steps = 0;
        for lane in lanes(called.active) {
            let format = self.argument(called, lane, 0);
            let values = self.argument(called, lane, 1);
            let text = || {
                let format = self.text(number, lane, format);
                let text = print::formatted(
                    &format,
                    |at, bytes| {
                        (0..bytes).fold(0, |value, byte| {
                            let found = self.byte(number, lane, values.wrapping_add(at + byte));
                            value | u64::from(found.unwrap_or_default()) << (byte * 8)
                        })
                    },
                    |address| self.text(number, lane, address),
                );
                steps += (format.len() + text.len()) as u64;
                text
            };
            self.launch.print(text);
        }
        // It answers how many arguments there were, which nobody reads.
        for lane in lanes(called.active) {
            self.answer(called, lane, 0);
        }
        steps
    }

    /// What a call gives back to a lane.
    fn answer(&self, called: Called<'_>, lane: u32, value: u64) {
        let Some((offset, bytes)) = called.call.results.first() else {
            return;
        };
        let at = u64::from(called.frame.local + offset);
        let warp = &self.warps[called.number];
        write_local(&warp.local, lane, at, *bytes, value);
        warp.stack.mark(lane, at, *bytes);
    }

    pub(super) fn malloc(&self, called: Called<'_>) -> Result<(), Stop> {
        let Called {
            number,
            step,
            active,
            ..
        } = called;
        let Some(heap) = &self.launch.asked.kernel_heap else {
            return Err(Stop);
        };
        for lane in lanes(active) {
            let bytes = self.argument(called, lane, 0);
            let maker = Maker {
                kernel: self.kernel().to_owned(),
                line: step.line,
                source: self.launch.source_of(step),
                block: self.told.index,
                thread: self.warps[number].thread(lane),
            };
            let most = self.launch.asked.malloc_bytes;
            let Some(address) = heap.allocate(bytes, most, maker) else {
                let what = "more than 256 MiB of addresses from `malloc` in one launch".to_owned();
                self.end_with(number, step, active, Problem::Unsupported { what })?;
                return Ok(());
            };
            self.answer(called, lane, address);
        }
        Ok(())
    }

    pub(super) fn free(&self, called: Called<'_>) -> Result<(), Stop> {
        let Some(heap) = &self.launch.asked.kernel_heap else {
            return Err(Stop);
        };
        for lane in lanes(called.active) {
            let address = self.argument(called, lane, 0);
            if address == 0 {
                continue;
            }
            let problem = match heap.release(address) {
                Ok(()) => continue,
                Err(FreeError::Twice) => Problem::DoubleFree,
                Err(FreeError::Unknown) => Problem::InvalidFree,
            };
            let touched = Touched {
                space: Space::Global,
                address,
                bytes: 0,
                buffer: self.launch.buffer_at(address),
            };
            let thread = self.warps[called.number].thread(lane);
            let (block, kernel) = (self.told.index, self.kernel());
            self.launch
                .report(kernel, called.step, block, thread, problem, Some(touched))?;
        }
        Ok(())
    }
}
