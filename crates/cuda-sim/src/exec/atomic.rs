//! Atomics: PTX ISA 9.0, sections 9.7.13.5 and 9.7.13.6.
//!
//! Blocks run side by side on several processors, so what is atomic on a GPU
//! is atomic here.

use std::sync::atomic::Ordering::SeqCst;

use super::access::{Memory, Reach, by_memory};
use super::check::Touch;
use super::lane::{lanes, read_local, whole_row, write_local};
use super::launch::Stop;
use super::rows::{Kind, LANES, Registers};
use super::shared::Way;
use super::step::{Atomic, Change, Number};
use super::survey::Form;
use super::transfer::{read_cells, write_cells};
use super::warp::Warp;
use crate::memory::Cells;
use crate::ops::{add_brains, add_halves, add_singles};

impl Reach<'_, '_> {
    /// One lane after the other.
    pub(super) fn atomic(
        &mut self,
        warp: &Warp,
        registers: &mut Registers,
        atomic: &Atomic,
        active: u32,
    ) -> Result<(), Stop> {
        let bytes = atomic.number.bytes();
        let mut addresses = [0; LANES];
        let touch = Touch::new(
            (warp, registers, active),
            (&atomic.target, bytes, Way::Atomic),
            &mut addresses,
        );
        let row = |at: usize| {
            let register = atomic.operands.get(at);
            register.map_or([0; LANES], |register| whole_row(registers, *register))
        };
        let (by, other) = (row(0), row(1));
        let f = changes(atomic.change, atomic.number);
        let change = |old: u64, lane: u32, flush: bool| {
            f(old, by[lane as usize], other[lane as usize], flush)
        };
        let mut olds = [0_u64; LANES];
        by_memory(atomic.target.space, &touch, |memory, touch| {
            self.count(memory, atomic.target.space, touch);
            self.change_in(memory, touch, &mut olds, change)
        })?;
        if let Some(register) = atomic.old {
            match register.kind {
                Kind::Long => registers.write(register.slot, active, |lane| olds[lane]),
                _ => registers.write(register.slot, active, |lane| olds[lane] as u32),
            }
        }
        Ok(())
    }

    fn change_in(
        &mut self,
        memory: Memory,
        touch: &Touch<'_>,
        olds: &mut [u64; LANES],
        change: impl Fn(u64, u32, bool) -> u64,
    ) -> Result<(), Stop> {
        let bytes = touch.width;
        match memory {
            Memory::Global => {
                let found = self.global(touch)?;
                self.trace(touch, true, &found, |_, _| false)?;
                // PTX ISA 9.0, 9.7.13.5: denormal singles are flushed in global
                // memory, and in no other.
                found.each(touch, |touch, (cells, base)| {
                    if touch.survey.form == Form::Same {
                        // One after the other, with nobody between them.
                        let at = touch.survey.least - base;
                        *olds = update(cells, at, bytes, |mut old| {
                            let mut olds = [0; LANES];
                            for lane in lanes(touch.active) {
                                olds[lane as usize] = old;
                                old = cut(change(old, lane, true), bytes);
                            }
                            (old, olds)
                        });
                        return;
                    }
                    for lane in lanes(touch.active) {
                        let at = touch.addresses[lane as usize] - base;
                        olds[lane as usize] =
                            update(cells, at, bytes, |old| (change(old, lane, true), old));
                    }
                });
                self.look();
            }
            Memory::Shared => {
                self.check_shared(touch, |_, _, _| false)?;
                // Nobody else works on this block.
                for lane in lanes(touch.active) {
                    let at = touch.addresses[lane as usize];
                    let cells = &self.shared.cells;
                    let old = read_cells(cells, at, bytes);
                    write_cells(cells, at, bytes, change(old, lane, false));
                    olds[lane as usize] = old;
                }
            }
            Memory::Local => {
                self.check_local(touch)?;
                for lane in lanes(touch.active) {
                    let at = touch.addresses[lane as usize];
                    let local = &touch.warp.local;
                    let old = read_local(local, lane, at, bytes);
                    write_local(local, lane, at, bytes, change(old, lane, false));
                    olds[lane as usize] = old;
                }
            }
        }
        Ok(())
    }
}

/// Replaces what lies there by the first that `f` makes of it; the answer is
/// the second.
fn update<T>(cells: &Cells, at: u64, bytes: u32, f: impl Fn(u64) -> (u64, T)) -> T {
    macro_rules! until_it_stays {
        ($word:expr, $ty:ty) => {{
            let word = $word;
            let mut old = word.load(SeqCst);
            loop {
                let (new, answer) = f(u64::from(old));
                match word.compare_exchange_weak(old, new as $ty, SeqCst, SeqCst) {
                    Ok(_) => return answer,
                    Err(now) => old = now,
                }
            }
        }};
    }
    match bytes {
        8 => until_it_stays!(cells.view64(at), u64),
        4 => until_it_stays!(cells.view32(at), u32),
        _ => until_it_stays!(cells.view16(at), u16),
    }
}

/// What memory holds of a number.
fn cut(bits: u64, bytes: u32) -> u64 {
    bits & u64::MAX >> (64 - 8 * bytes)
}

/// What becomes of the old value with two operands; `true` makes denormal
/// singles zero.
type Becomes = fn(u64, u64, u64, bool) -> u64;

/// Of halves, singles and doubles only sums are there; what is narrower than
/// 64 bits has nothing above its width that counts.
fn changes(change: Change, number: Number) -> Becomes {
    match (change, number) {
        (Change::Exchange, _) => |_, by, _, _| by,
        (Change::CompareAndSwap, number) => match number.bytes() {
            8 => |old, by, other, _| if old == by { other } else { old },
            4 => |old, by, other, _| if old as u32 == by as u32 { other } else { old },
            _ => |old, by, other, _| if old as u16 == by as u16 { other } else { old },
        },
        (Change::And, _) => |old, by, _, _| old & by,
        (Change::Or, _) => |old, by, _, _| old | by,
        (Change::Xor, _) => |old, by, _, _| old ^ by,
        (Change::Increment, _) => |old, by, _, _| {
            let (old, by) = (old as u32, by as u32);
            u64::from(if old >= by { 0 } else { old + 1 })
        },
        (Change::Decrement, _) => |old, by, _, _| {
            let (old, by) = (old as u32, by as u32);
            u64::from(if old == 0 || old > by { by } else { old - 1 })
        },
        (Change::Add, Number::F32) => |old, by, _, flush| {
            let [a, b] = [old, by].map(|bits| f32::from_bits(bits as u32));
            u64::from(add_singles(a, b, flush).to_bits())
        },
        (Change::Add, Number::F64) => {
            |old, by, _, _| (f64::from_bits(old) + f64::from_bits(by)).to_bits()
        }
        (Change::Add, Number::F16 | Number::F16x2) => {
            |old, by, _, _| u64::from(add_halves(old as u32, by as u32))
        }
        (Change::Add, Number::Bf16 | Number::Bf16x2) => {
            |old, by, _, _| u64::from(add_brains(old as u32, by as u32))
        }
        (Change::Add, _) => |old, by, _, _| old.wrapping_add(by),
        (Change::Min, Number::S32) => |old, by, _, _| {
            let [a, b] = [old, by].map(|bits| (bits as u32).cast_signed());
            u64::from(a.min(b).cast_unsigned())
        },
        (Change::Max, Number::S32) => |old, by, _, _| {
            let [a, b] = [old, by].map(|bits| (bits as u32).cast_signed());
            u64::from(a.max(b).cast_unsigned())
        },
        (Change::Min, Number::S64) => {
            |old, by, _, _| old.cast_signed().min(by.cast_signed()).cast_unsigned()
        }
        (Change::Max, Number::S64) => {
            |old, by, _, _| old.cast_signed().max(by.cast_signed()).cast_unsigned()
        }
        (Change::Min, _) => |old, by, _, _| old.min(by),
        (Change::Max, _) => |old, by, _, _| old.max(by),
    }
}
