//! Atomics: PTX ISA 9.0, sections 9.7.13.5 and 9.7.13.6.
//!
//! Blocks run side by side on several processors, so what is atomic on a GPU
//! is atomic here.

use std::sync::atomic::Ordering::SeqCst;

use super::access::{Reach, atomic_addresses, read_cells, write_cells};
use super::check::{Found, Touch};
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
        let (addresses, masks) = atomic_addresses(registers, &atomic.target, active);
        let [global, shared, local] = masks;
        let bytes = atomic.number.bytes();
        self.count(Way::Atomic, &atomic.target, &addresses, masks, bytes);
        let mut olds = [0_u64; LANES];
        let operand = |registers: &Registers, lane: u32, at: usize| {
            let register = atomic.operands.get(at);
            register.map_or(0, |register| get(registers, *register, lane))
        };
        let change = |old: u64, lane: u32, flush: bool| {
            let [by, other] = [0, 1].map(|at| operand(registers, lane, at));
            changed(atomic, old, [by, other], flush)
        };
        if global != 0 {
            let touch = Touch::new(warp, &addresses, global, bytes, Way::Atomic);
            let found = self.global(&touch)?;
            self.trace(&touch, true, &found, |_, _| false)?;
            for lane in lanes(global) {
                let allocation = match &found {
                    Found::One(allocation) => *allocation,
                    Found::Each(each) => match &each[lane as usize] {
                        Some(allocation) => allocation,
                        None => continue,
                    },
                };
                let at = addresses[lane as usize] - allocation.base();
                // PTX ISA 9.0, 9.7.13.5: denormal singles are flushed in global
                // memory, and in no other.
                let old = update(allocation.cells(), at, bytes, |old| change(old, lane, true));
                olds[lane as usize] = old;
            }
            self.look();
        }
        if shared != 0 {
            let touch = Touch::new(warp, &addresses, shared, bytes, Way::Atomic);
            self.check_shared(&touch, |_, _, _| false)?;
            for lane in lanes(shared) {
                let at = addresses[lane as usize];
                let cells = &self.shared.cells;
                // Nobody else works on this block.
                let old = read_cells(cells, at, bytes);
                write_cells(cells, at, bytes, change(old, lane, false));
                olds[lane as usize] = old;
            }
        }
        if local != 0 {
            self.check_local(&Touch::new(warp, &addresses, local, bytes, Way::Atomic))?;
        }
        for lane in lanes(local) {
            let at = addresses[lane as usize];
            let old = read_local(&warp.local, lane, at, bytes);
            write_local(&warp.local, lane, at, bytes, change(old, lane, false));
            olds[lane as usize] = old;
        }
        if let Some(register) = atomic.old {
            for lane in lanes(active) {
                put(registers, register, lane, olds[lane as usize]);
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
