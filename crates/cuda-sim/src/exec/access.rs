//! Loads and stores of a warp.

use super::check::Touch;
use super::counters::Counters;
use super::lane::{extended, get, lanes, put, read_local, write_local};
use super::launch::{Launch, Stop};
use super::published::Seen;
use super::rows::{LANES, Registers};
use super::shared::{Shared, Way};
use super::step::{Access, Step};
use super::survey;
use super::transfer::{fill, spill};
use super::warp::Warp;
use crate::memory::{Cells, LOCAL, SHARED, WINDOW};
use crate::ptx::Space;

/// One warp's view of memory while it runs an instruction.
pub(super) struct Reach<'a, 'l> {
    pub(super) launch: &'a Launch<'l>,
    pub(super) shared: &'a mut Shared,
    pub(super) block: [u32; 3],
    pub(super) step: &'a Step,
    /// The allocation that the last access of this instruction went to.
    pub(super) last: &'a mut usize,
    /// Number of the block in the grid.
    pub(super) number: u32,
    pub(super) seen: &'a mut Seen,
    pub(super) counters: &'a mut Counters,
}

/// A kind of memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Memory {
    Global,
    Shared,
    Local,
}

/// Calls `f` for each kind of memory that an access goes to, with addresses
/// relative to its window.
pub(super) fn by_memory(
    space: Option<Space>,
    touch: &Touch<'_>,
    mut f: impl FnMut(Memory, &Touch<'_>) -> Result<(), Stop>,
) -> Result<(), Stop> {
    let memory = match space {
        Some(Space::Shared) => Memory::Shared,
        Some(Space::Local) => Memory::Local,
        Some(_) => Memory::Global,
        // All windows lie behind most of what else there is.
        None if touch.survey.most < LOCAL => Memory::Global,
        None => {
            let of = |address: u64| {
                if address.wrapping_sub(SHARED) < WINDOW {
                    Memory::Shared
                } else if address.wrapping_sub(LOCAL) < WINDOW {
                    Memory::Local
                } else {
                    Memory::Global
                }
            };
            for (memory, start) in [
                (Memory::Global, 0),
                (Memory::Shared, SHARED),
                (Memory::Local, LOCAL),
            ] {
                let there = lanes(touch.active);
                let there = there.filter(|lane| of(touch.addresses[*lane as usize]) == memory);
                let active = there.fold(0, |mask, lane| mask | 1 << lane);
                if active != 0 {
                    let addresses = touch.addresses.map(|address| address.wrapping_sub(start));
                    let survey = survey::survey(&addresses, active, touch.width);
                    let part = Touch {
                        addresses: &addresses,
                        active,
                        survey,
                        ..*touch
                    };
                    f(memory, &part)?;
                }
            }
            return Ok(());
        }
    };
    f(memory, touch)
}

impl Reach<'_, '_> {
    /// Reads into registers.
    pub(super) fn load(
        &mut self,
        warp: &Warp,
        registers: &mut Registers,
        access: &Access,
        active: u32,
    ) -> Result<(), Stop> {
        if self.load_at_once(registers, access, active) {
            return Ok(());
        }
        let mut addresses = [0; LANES];
        let touch = Touch::new(
            (warp, registers, active),
            (&access.target, access.width(), Way::Read),
            &mut addresses,
        );
        by_memory(access.target.space, &touch, |memory, touch| {
            self.count(memory, access.target.space, touch);
            self.load_from(memory, touch, registers, access)
        })
    }

    fn load_from(
        &mut self,
        memory: Memory,
        touch: &Touch<'_>,
        registers: &mut Registers,
        access: &Access,
    ) -> Result<(), Stop> {
        match memory {
            Memory::Global => {
                let at = self.global(touch)?;
                self.trace(touch, access.strong, &at, |_, _| false)?;
                at.each(touch, |touch, place| {
                    fill(registers, touch.into(), access, place);
                });
                if access.strong {
                    self.look();
                }
            }
            Memory::Shared => {
                self.check_shared(touch, |_, _, _| false)?;
                fill(registers, touch.into(), access, (&self.shared.cells, 0));
            }
            Memory::Local => {
                self.check_local(touch)?;
                for (value, offset) in access.elements() {
                    for lane in lanes(touch.active) {
                        let at = touch.addresses[lane as usize] + offset;
                        let bits = read_local(&touch.warp.local, lane, at, access.bytes);
                        let bits = extended(bits, access.bytes, access.signed);
                        put(registers, value, lane, bits);
                    }
                }
            }
        }
        Ok(())
    }

    /// Writes from registers.
    pub(super) fn store(
        &mut self,
        warp: &Warp,
        registers: &Registers,
        access: &Access,
        active: u32,
    ) -> Result<(), Stop> {
        if self.store_at_once(registers, access, active) {
            return Ok(());
        }
        let mut addresses = [0; LANES];
        let touch = Touch::new(
            (warp, registers, active),
            (&access.target, access.width(), Way::Write),
            &mut addresses,
        );
        by_memory(access.target.space, &touch, |memory, touch| {
            self.count(memory, access.target.space, touch);
            self.store_to(memory, touch, registers, access)
        })
    }

    fn store_to(
        &mut self,
        memory: Memory,
        touch: &Touch<'_>,
        registers: &Registers,
        access: &Access,
    ) -> Result<(), Stop> {
        // Threads may all write the same: a flag, a result that all have.
        match memory {
            Memory::Global => {
                let at = self.global(touch)?;
                let same = |lane: u32, beside| {
                    at.of(lane).is_some_and(|allocation| {
                        let place = touch.addresses[lane as usize] - allocation.base();
                        let place = (allocation.cells(), place);
                        writes_the_same(registers, access, place, lane, beside)
                    })
                };
                self.trace(touch, access.strong, &at, same)?;
                if !access.strong {
                    self.seen.write();
                }
                at.each(touch, |touch, place| {
                    spill(registers, touch.into(), access, place);
                });
            }
            Memory::Shared => {
                let same = |cells: &Cells, lane: u32, beside| {
                    let place = (cells, touch.addresses[lane as usize]);
                    writes_the_same(registers, access, place, lane, beside)
                };
                self.check_shared(touch, same)?;
                spill(registers, touch.into(), access, (&self.shared.cells, 0));
            }
            Memory::Local => {
                self.check_local(touch)?;
                for (value, offset) in access.elements() {
                    for lane in lanes(touch.active) {
                        let at = touch.addresses[lane as usize] + offset;
                        let bits = get(registers, value, lane);
                        write_local(&touch.warp.local, lane, at, access.bytes, bits);
                    }
                }
            }
        }
        Ok(())
    }
}

/// Whether a lane is about to write what another one has written: `beside`,
/// if that one does so in the same instruction, or whoever wrote last.
fn writes_the_same(
    registers: &Registers,
    access: &Access,
    (cells, at): (&Cells, u64),
    lane: u32,
    beside: Option<u32>,
) -> bool {
    access.values.iter().enumerate().all(|(element, value)| {
        let value = |lane| value.map_or(0, |value| get(registers, value, lane));
        let mut bytes = [0; 8];
        let bytes = &mut bytes[..access.bytes as usize];
        match beside {
            Some(beside) => bytes.copy_from_slice(&value(beside).to_le_bytes()[..bytes.len()]),
            None => cells.read(at + element as u64 * u64::from(access.bytes), bytes),
        }
        *bytes == value(lane).to_le_bytes()[..bytes.len()]
    })
}
