//! Parts of a word side by side: PTX ISA 9.0, section 9.7.18.
//!
//! Only what CUDA's `__vabsdiffu4`, `__vsadu2` and their like become: all others
//! of them are made of ordinary instructions. There are no masks.

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
