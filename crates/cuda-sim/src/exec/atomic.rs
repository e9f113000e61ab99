//! Atomics: PTX ISA 9.0, sections 9.7.13.5 and 9.7.13.6.
//!
//! Blocks run side by side on several processors, so what is atomic on a GPU
//! is atomic here.

use std::sync::atomic::Ordering::SeqCst;

use super::access::{Memory, Reach, by_memory, read_cells, write_cells};
use super::check::Touch;
use super::lane::{get, lanes, put, read_local, write_local};
use super::launch::Stop;
use super::rows::{LANES, Registers};
use super::shared::Way;
use super::step::{Atomic, Change, Number};
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
        let operand = |lane: u32, at: usize| {
            let register = atomic.operands.get(at);
            register.map_or(0, |register| get(registers, *register, lane))
        };
        let change = |old: u64, lane: u32, flush: bool| {
            let [by, other] = [0, 1].map(|at| operand(lane, at));
            changed(atomic, old, [by, other], flush)
        };
        let mut olds = [0_u64; LANES];
        by_memory(atomic.target.space, &touch, |memory, touch| {
            self.change_in(memory, touch, &mut olds, change)
        })?;
        if let Some(register) = atomic.old {
            for lane in lanes(active) {
                put(registers, register, lane, olds[lane as usize]);
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
                    for lane in lanes(touch.active) {
                        let at = touch.addresses[lane as usize] - base;
                        olds[lane as usize] =
                            update(cells, at, bytes, |old| change(old, lane, true));
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

/// Replaces what lies there by what `f` makes of it; the answer is what it was.
fn update(cells: &Cells, at: u64, bytes: u32, f: impl Fn(u64) -> u64) -> u64 {
    let never = "the function always answers";
    match bytes {
        8 => {
            let word = cells.view64(at);
            word.fetch_update(SeqCst, SeqCst, |old| Some(f(old)))
                .expect(never)
        }
        4 => {
            let word = cells.view32(at);
            let old = word.fetch_update(SeqCst, SeqCst, |old| Some(f(u64::from(old)) as u32));
            u64::from(old.expect(never))
        }
        _ => {
            let word = cells.view16(at);
            let old = word.fetch_update(SeqCst, SeqCst, |old| Some(f(u64::from(old)) as u16));
            u64::from(old.expect(never))
        }
    }
}

/// What becomes of `old`. `flush` makes denormal singles zero.
fn changed(atomic: &Atomic, old: u64, [by, other]: [u64; 2], flush: bool) -> u64 {
    let word = old as u32;
    let by_word = by as u32;
    match (atomic.change, atomic.number) {
        (Change::Exchange, _) => by,
        (Change::CompareAndSwap, number) => {
            let mask = u64::MAX >> (64 - number.bytes() * 8);
            if old & mask == by & mask { other } else { old }
        }
        (Change::And, _) => old & by,
        (Change::Or, _) => old | by,
        (Change::Xor, _) => old ^ by,
        (Change::Increment, _) => u64::from(if word >= by_word { 0 } else { word + 1 }),
        (Change::Decrement, _) => {
            let wrap = word == 0 || word > by_word;
            u64::from(if wrap { by_word } else { word - 1 })
        }
        (Change::Add, Number::F32) => {
            let [a, b] = [word, by_word].map(f32::from_bits);
            u64::from(add_singles(a, b, flush).to_bits())
        }
        (Change::Add, Number::F64) => (f64::from_bits(old) + f64::from_bits(by)).to_bits(),
        (Change::Add, Number::F16 | Number::F16x2) => u64::from(add_halves(word, by_word)),
        (Change::Add, Number::Bf16 | Number::Bf16x2) => u64::from(add_brains(word, by_word)),
        (Change::Add, _) => old.wrapping_add(by),
        (Change::Min, Number::S32) => u64::from(
            word.cast_signed()
                .min(by_word.cast_signed())
                .cast_unsigned(),
        ),
        (Change::Max, Number::S32) => u64::from(
            word.cast_signed()
                .max(by_word.cast_signed())
                .cast_unsigned(),
        ),
        (Change::Min, Number::S64) => old.cast_signed().min(by.cast_signed()).cast_unsigned(),
        (Change::Max, Number::S64) => old.cast_signed().max(by.cast_signed()).cast_unsigned(),
        (Change::Min, _) => old.min(by),
        (Change::Max, _) => old.max(by),
    }
}
