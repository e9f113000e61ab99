//! Integers that lie side by side in a word.
//!
//! Of the video instructions (PTX ISA 9.0, section 9.7.18) only what CUDA's
//! `__vabsdiffu4`, `__vsadu2` and their like become: all others of these are made
//! of ordinary instructions, or, since sm_90, of those for two halves (9.7.1.1,
//! 9.7.1.11 and 12). There are no masks.

use super::alu::{Alu, Modifiers, alu};
use crate::ptx::Type;

/// `vabsdiff4.u32.u32.u32 d, a, b, c`: differences of bytes; `c` would fill
/// those that a mask leaves out. With `.add` their sum and `c`. `vabsdiff2` has
/// halves instead of bytes.
pub(super) fn find(opcode: &str, modifiers: &mut Modifiers<'_>) -> Option<Alu> {
    fn differences(a: u32, b: u32, bits: u32) -> impl Iterator<Item = u32> {
        let part = move |word: u32, at: u32| word >> at & (u32::MAX >> (32 - bits));
        (0..32)
            .step_by(bits as usize)
            .map(move |at| part(a, at).abs_diff(part(b, at)))
    }
    fn together(a: u32, b: u32, bits: u32) -> u32 {
        let placed = (0..).step_by(bits as usize).zip(differences(a, b, bits));
        placed.fold(0, |word, (at, part)| word | part << at)
    }
    fn added(a: u32, b: u32, c: u32, bits: u32) -> u32 {
        differences(a, b, bits).fold(c, u32::wrapping_add)
    }
    for _ in 0..3 {
        if modifiers.ty()? != Type::U32 {
            return None;
        }
    }
    Some(match (opcode, modifiers.flag("add")) {
        ("vabsdiff4", false) => alu!((a: u32, b: u32, _c: u32) -> u32 { together(a, b, 8) }),
        ("vabsdiff4", true) => alu!((a: u32, b: u32, c: u32) -> u32 { added(a, b, c, 8) }),
        ("vabsdiff2", false) => alu!((a: u32, b: u32, _c: u32) -> u32 { together(a, b, 16) }),
        ("vabsdiff2", true) => alu!((a: u32, b: u32, c: u32) -> u32 { added(a, b, c, 16) }),
        _ => return None,
    })
}

/// `add`, `min` and `max` of two halves, with a sign or without.
pub(super) fn pairs(opcode: &str, signed: bool, modifiers: &mut Modifiers<'_>) -> Option<Alu> {
    fn halves(a: u32, b: u32, f: impl Fn(u16, u16) -> u16) -> u32 {
        let of = |at: u32| u32::from(f((a >> at) as u16, (b >> at) as u16)) << at;
        of(0) | of(16)
    }
    fn with_signs(a: u32, b: u32, f: impl Fn(i16, i16) -> i16) -> u32 {
        halves(a, b, |a, b| {
            f(a.cast_signed(), b.cast_signed()).cast_unsigned()
        })
    }
    Some(match (opcode, signed, modifiers.flag("relu")) {
        ("add", _, false) => alu!((a: u32, b: u32) -> u32 { halves(a, b, u16::wrapping_add) }),
        ("min", false, false) => alu!((a: u32, b: u32) -> u32 { halves(a, b, u16::min) }),
        ("max", false, false) => alu!((a: u32, b: u32) -> u32 { halves(a, b, u16::max) }),
        ("min", true, false) => alu!((a: u32, b: u32) -> u32 { with_signs(a, b, i16::min) }),
        ("max", true, false) => alu!((a: u32, b: u32) -> u32 { with_signs(a, b, i16::max) }),
        ("min", true, true) => {
            alu!((a: u32, b: u32) -> u32 { with_signs(a, b, |a, b| a.min(b).max(0)) })
        }
        ("max", true, true) => {
            alu!((a: u32, b: u32) -> u32 { with_signs(a, b, |a, b| a.max(b).max(0)) })
        }
        _ => return None,
    })
}
