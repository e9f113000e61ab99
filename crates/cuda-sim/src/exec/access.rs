//! Loads and stores of a warp.

use super::check::Found;
use super::lane::{extended, get, lanes, put, read_local, write_local};
use super::launch::{Launch, Stop};
use super::rows::{ALL, Kind, LANES, Registers};
use super::shared::{Shared, Way};
use super::step::{Access, Register, Step, Target};
use super::trace::Seen;
use super::warp::Warp;
use crate::memory::{Cells, LOCAL, SHARED, WINDOW};
use crate::ptx::Space;

/// One warp's view of memory while it runs an instruction.
pub(super) struct Reach<'a, 'l> {
    pub(super) launch: &'a Launch<'l>,
    pub(super) shared: &'a mut Shared,
    pub(super) block: [u32; 3],
    pub(super) kernel: &'a str,
    pub(super) step: &'a Step,
    /// The allocation that the last access went to.
    pub(super) last: &'a mut usize,
    /// Number of the block in the grid.
    pub(super) number: u32,
    pub(super) seen: &'a mut Seen,
}

/// Where an instruction's accesses lie, by kind of memory.
struct Parts {
    shared: u32,
    local: u32,
    global: u32,
}

/// The addresses of a target in all lanes.
fn addresses(registers: &Registers, target: &Target) -> [u64; LANES] {
    match target.base {
        None => [target.offset; LANES],
        Some(Register {
            kind: Kind::Long,
            slot,
        }) => registers.longs[slot as usize].map(|base| base.wrapping_add(target.offset)),
        Some(Register { slot, .. }) => registers.words[slot as usize]
            .map(|base| u64::from(base.wrapping_add(target.offset as u32))),
    }
}

/// Makes addresses relative to their window, and says which memory they are in.
fn part(space: Option<Space>, addresses: &mut [u64; LANES], active: u32) -> Parts {
    let none = Parts {
        shared: 0,
        local: 0,
        global: 0,
    };
    match space {
        Some(Space::Shared) => Parts {
            shared: active,
            ..none
        },
        Some(Space::Local) => Parts {
            local: active,
            ..none
        },
        Some(_) => Parts {
            global: active,
            ..none
        },
        None => {
            let mut parts = none;
            for lane in lanes(active) {
                let address = &mut addresses[lane as usize];
                if address.wrapping_sub(SHARED) < WINDOW {
                    *address -= SHARED;
                    parts.shared |= 1 << lane;
                } else if address.wrapping_sub(LOCAL) < WINDOW {
                    *address -= LOCAL;
                    parts.local |= 1 << lane;
                } else {
                    parts.global |= 1 << lane;
                }
            }
            parts
        }
    }
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
        let mut addresses = addresses(registers, &access.target);
        let width = access.bytes * access.values.len() as u32;
        let parts = part(access.target.space, &mut addresses, active);
        if parts.global != 0 {
            let at = self.global(warp, &addresses, parts.global, width, Way::Read)?;
            let how = (Way::Read, access.strong);
            self.trace(warp, &at, &addresses, parts.global, width, how, |_, _| {
                false
            })?;
            for (element, value) in access.values.iter().enumerate() {
                let Some(value) = value else { continue };
                let offset = element as u64 * u64::from(access.bytes);
                match &at {
                    Found::One(allocation) => {
                        let base = allocation.base();
                        read(registers, *value, access, parts.global, |lane| {
                            (allocation.cells(), addresses[lane] - base + offset)
                        });
                    }
                    Found::Each(found) => {
                        let nowhere = &self.launch.allocations[0];
                        read(registers, *value, access, parts.global, |lane| {
                            let allocation = found[lane].as_ref().unwrap_or(nowhere);
                            (
                                allocation.cells(),
                                addresses[lane] - allocation.base() + offset,
                            )
                        });
                    }
                }
            }
            if access.strong {
                self.look();
            }
        }
        if parts.shared != 0 {
            self.check_shared(
                warp,
                &addresses,
                parts.shared,
                width,
                Way::Read,
                |_, _, _| false,
            )?;
            for (element, value) in access.values.iter().enumerate() {
                let Some(value) = value else { continue };
                let offset = element as u64 * u64::from(access.bytes);
                let cells = &self.shared.cells;
                read(registers, *value, access, parts.shared, |lane| {
                    (cells, addresses[lane] + offset)
                });
            }
        }
        if parts.local != 0 {
            self.check_local(warp, &addresses, parts.local, width, Way::Read)?;
            for (element, value) in access.values.iter().enumerate() {
                let Some(value) = value else { continue };
                let offset = element as u64 * u64::from(access.bytes);
                for lane in lanes(parts.local) {
                    let at = addresses[lane as usize] + offset;
                    let bits = read_local(&warp.local, lane, at, access.bytes);
                    put(
                        registers,
                        *value,
                        lane,
                        extended(bits, access.bytes, access.signed),
                    );
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
        let mut addresses = addresses(registers, &access.target);
        let width = access.bytes * access.values.len() as u32;
        let parts = part(access.target.space, &mut addresses, active);
        if parts.global != 0 {
            let at = self.global(warp, &addresses, parts.global, width, Way::Write)?;
            let how = (Way::Write, access.strong);
            // Threads may all write the same: a flag, a result that all have.
            let same = |lane: u32, beside| {
                at.of(lane).is_some_and(|allocation| {
                    let place = addresses[lane as usize] - allocation.base();
                    let place = (allocation.cells(), place);
                    writes_the_same(registers, access, place, lane, beside)
                })
            };
            self.trace(warp, &at, &addresses, parts.global, width, how, same)?;
            for (element, value) in access.values.iter().enumerate() {
                let Some(value) = value else { continue };
                let offset = element as u64 * u64::from(access.bytes);
                match &at {
                    Found::One(allocation) => {
                        let base = allocation.base();
                        write(registers, *value, access.bytes, parts.global, |lane| {
                            (allocation.cells(), addresses[lane] - base + offset)
                        });
                    }
                    Found::Each(found) => {
                        let nowhere = &self.launch.allocations[0];
                        write(registers, *value, access.bytes, parts.global, |lane| {
                            let allocation = found[lane].as_ref().unwrap_or(nowhere);
                            (
                                allocation.cells(),
                                addresses[lane] - allocation.base() + offset,
                            )
                        });
                    }
                }
            }
        }
        if parts.shared != 0 {
            let same = |cells: &Cells, lane: u32, beside| {
                let place = (cells, addresses[lane as usize]);
                writes_the_same(registers, access, place, lane, beside)
            };
            self.check_shared(warp, &addresses, parts.shared, width, Way::Write, same)?;
            for (element, value) in access.values.iter().enumerate() {
                let Some(value) = value else { continue };
                let offset = element as u64 * u64::from(access.bytes);
                let cells = &self.shared.cells;
                write(registers, *value, access.bytes, parts.shared, |lane| {
                    (cells, addresses[lane] + offset)
                });
            }
        }
        if parts.local != 0 {
            self.check_local(warp, &addresses, parts.local, width, Way::Write)?;
            for (element, value) in access.values.iter().enumerate() {
                let Some(value) = value else { continue };
                let offset = element as u64 * u64::from(access.bytes);
                for lane in lanes(parts.local) {
                    let at = addresses[lane as usize] + offset;
                    write_local(
                        &warp.local,
                        lane,
                        at,
                        access.bytes,
                        get(registers, *value, lane),
                    );
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

/// Fills the register of an element.
#[inline]
fn read<'c>(
    registers: &mut Registers,
    value: Register,
    access: &Access,
    active: u32,
    at: impl Fn(usize) -> (&'c Cells, u64),
) {
    match (access.bytes, value.kind) {
        (4, Kind::Word) => {
            let row = &mut registers.words[value.slot as usize];
            if active == ALL {
                for (lane, word) in row.iter_mut().enumerate() {
                    let (cells, at) = at(lane);
                    *word = cells.load(at);
                }
            } else {
                for lane in lanes(active) {
                    let (cells, at) = at(lane as usize);
                    row[lane as usize] = cells.load(at);
                }
            }
        }
        (8, Kind::Long) => {
            let row = &mut registers.longs[value.slot as usize];
            for lane in lanes(active) {
                let (cells, at) = at(lane as usize);
                row[lane as usize] = cells.load(at);
            }
        }
        (bytes, _) => {
            for lane in lanes(active) {
                let (cells, at) = at(lane as usize);
                let bits = match bytes {
                    1 => u64::from(cells.load::<u8>(at)),
                    2 => u64::from(cells.load::<u16>(at)),
                    4 => u64::from(cells.load::<u32>(at)),
                    _ => cells.load(at),
                };
                put(registers, value, lane, extended(bits, bytes, access.signed));
            }
        }
    }
}

#[inline]
fn write<'c>(
    registers: &Registers,
    value: Register,
    bytes: u32,
    active: u32,
    at: impl Fn(usize) -> (&'c Cells, u64),
) {
    match (bytes, value.kind) {
        (4, Kind::Word) => {
            let row = &registers.words[value.slot as usize];
            for lane in lanes(active) {
                let (cells, at) = at(lane as usize);
                cells.store(at, row[lane as usize]);
            }
        }
        _ => {
            for lane in lanes(active) {
                let (cells, at) = at(lane as usize);
                let bits = get(registers, value, lane);
                match bytes {
                    1 => cells.store(at, bits as u8),
                    2 => cells.store(at, bits as u16),
                    4 => cells.store(at, bits as u32),
                    _ => cells.store(at, bits),
                }
            }
        }
    }
}

/// The addresses of an atomic with who they belong to.
pub(super) fn atomic_addresses(
    registers: &Registers,
    target: &Target,
    active: u32,
) -> ([u64; LANES], [u32; 3]) {
    let mut addresses = addresses(registers, target);
    let parts = part(target.space, &mut addresses, active);
    (addresses, [parts.global, parts.shared, parts.local])
}
