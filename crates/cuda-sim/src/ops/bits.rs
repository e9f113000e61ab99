//! Logic, shifts and fields of bits: PTX ISA 9.0, sections 9.7.1 and 9.7.8.

use super::alu::{Alu, Modifiers, alu};
use super::fields::{fields, permute};
use crate::exec::kernel::{Kernel, kernel};
use crate::exec::rows::Kind;
use crate::ptx::Type;

pub(super) fn find(opcode: &str, modifiers: &mut Modifiers<'_>) -> Option<Alu> {
    match opcode {
        "and" | "or" | "xor" | "not" | "cnot" => logic(opcode, modifiers.ty()?),
        "shl" | "shr" => shift(opcode, modifiers.ty()?),
        "shf" => funnel(modifiers),
        "popc" | "clz" | "brev" | "bfind" => count(opcode, modifiers),
        "bfe" | "bfi" | "bmsk" => fields(opcode, modifiers),
        "lop3" if modifiers.ty()? == Type::B32 => Some(lop3()),
        "prmt" => permute(modifiers),
        _ => None,
    }
}

/// A predicate's bits are those of all lanes at once.
fn predicate(kernel: Kernel, operands: usize) -> Alu {
    let mut alu = alu!((a: u32) -> u32 { a });
    alu.kernel = kernel;
    alu.d = Kind::Predicate;
    alu.s = vec![Kind::Predicate; operands];
    alu
}

fn logic(opcode: &str, ty: Type) -> Option<Alu> {
    Some(match (opcode, ty) {
        ("and", Type::Pred) => predicate(
            kernel!(|r, s, m| {
                let held = r.predicates[s.s[0] as usize] & r.predicates[s.s[1] as usize];
                r.set_predicate(s.d, m, held);
            }),
            2,
        ),
        ("or", Type::Pred) => predicate(
            kernel!(|r, s, m| {
                let held = r.predicates[s.s[0] as usize] | r.predicates[s.s[1] as usize];
                r.set_predicate(s.d, m, held);
            }),
            2,
        ),
        ("xor", Type::Pred) => predicate(
            kernel!(|r, s, m| {
                let held = r.predicates[s.s[0] as usize] ^ r.predicates[s.s[1] as usize];
                r.set_predicate(s.d, m, held);
            }),
            2,
        ),
        ("not", Type::Pred) => predicate(
            kernel!(|r, s, m| {
                let held = !r.predicates[s.s[0] as usize];
                r.set_predicate(s.d, m, held);
            }),
            1,
        ),
        ("and", Type::B16) => alu!((a: u16, b: u16) -> u16 { a & b }),
        ("and", Type::B32) => alu!((a: u32, b: u32) -> u32 { a & b }),
        ("and", Type::B64) => alu!((a: u64, b: u64) -> u64 { a & b }),
        ("or", Type::B16) => alu!((a: u16, b: u16) -> u16 { a | b }),
        ("or", Type::B32) => alu!((a: u32, b: u32) -> u32 { a | b }),
        ("or", Type::B64) => alu!((a: u64, b: u64) -> u64 { a | b }),
        ("xor", Type::B16) => alu!((a: u16, b: u16) -> u16 { a ^ b }),
        ("xor", Type::B32) => alu!((a: u32, b: u32) -> u32 { a ^ b }),
        ("xor", Type::B64) => alu!((a: u64, b: u64) -> u64 { a ^ b }),
        ("not", Type::B16) => alu!((a: u16) -> u16 { !a }),
        ("not", Type::B32) => alu!((a: u32) -> u32 { !a }),
        ("not", Type::B64) => alu!((a: u64) -> u64 { !a }),
        ("cnot", Type::B16) => alu!((a: u16) -> u16 { u16::from(a == 0) }),
        ("cnot", Type::B32) => alu!((a: u32) -> u32 { u32::from(a == 0) }),
        ("cnot", Type::B64) => alu!((a: u64) -> u64 { u64::from(a == 0) }),
        _ => return None,
    })
}

/// Amounts beyond the width act as the width.
fn shift(opcode: &str, ty: Type) -> Option<Alu> {
    Some(match (opcode, ty) {
        ("shl", Type::B16) => {
            alu!((a: u16, b: u32) -> u16 { if b < 16 { a << b } else { 0 } })
        }
        ("shl", Type::B32) => {
            alu!((a: u32, b: u32) -> u32 { if b < 32 { a << b } else { 0 } })
        }
        ("shl", Type::B64) => {
            alu!((a: u64, b: u32) -> u64 { if b < 64 { a << b } else { 0 } })
        }
        ("shr", Type::S16) => alu!((a: i16, b: u32) -> i16 { a >> b.min(15) }),
        ("shr", Type::U16 | Type::B16) => {
            alu!((a: u16, b: u32) -> u16 { if b < 16 { a >> b } else { 0 } })
        }
        ("shr", Type::S32) => alu!((a: i32, b: u32) -> i32 { a >> b.min(31) }),
        ("shr", Type::U32 | Type::B32) => {
            alu!((a: u32, b: u32) -> u32 { if b < 32 { a >> b } else { 0 } })
        }
        ("shr", Type::S64) => alu!((a: i64, b: u32) -> i64 { a >> b.min(63) }),
        ("shr", Type::U64 | Type::B64) => {
            alu!((a: u64, b: u32) -> u64 { if b < 64 { a >> b } else { 0 } })
        }
        _ => return None,
    })
}

fn funnel(modifiers: &mut Modifiers<'_>) -> Option<Alu> {
    fn joined(low: u32, high: u32) -> u64 {
        u64::from(high) << 32 | u64::from(low)
    }
    if modifiers.ty()? != Type::B32 {
        return None;
    }
    let left = modifiers.flag("l");
    if !left && !modifiers.flag("r") {
        return None;
    }
    let wrap = modifiers.flag("wrap");
    if !wrap && !modifiers.flag("clamp") {
        return None;
    }
    Some(match (left, wrap) {
        (true, true) => alu!((a: u32, b: u32, c: u32) -> u32 {
            (joined(a, b) << (c & 31) >> 32) as u32
        }),
        (true, false) => alu!((a: u32, b: u32, c: u32) -> u32 {
            (joined(a, b) << c.min(32) >> 32) as u32
        }),
        (false, true) => {
            alu!((a: u32, b: u32, c: u32) -> u32 { (joined(a, b) >> (c & 31)) as u32 })
        }
        (false, false) => {
            alu!((a: u32, b: u32, c: u32) -> u32 { (joined(a, b) >> c.min(32)) as u32 })
        }
    })
}

fn count(opcode: &str, modifiers: &mut Modifiers<'_>) -> Option<Alu> {
    fn highest(value: u64) -> u32 {
        if value == 0 { u32::MAX } else { value.ilog2() }
    }
    /// How far to the left the highest bit can be shifted within `width`.
    fn amount(position: u32, width: u32) -> u32 {
        if position == u32::MAX {
            u32::MAX
        } else {
            width - 1 - position
        }
    }
    let ty = modifiers.ty()?;
    let shift = modifiers.flag("shiftamt");
    Some(match (opcode, ty) {
        ("popc", Type::B32) => alu!((a: u32) -> u32 { a.count_ones() }),
        ("popc", Type::B64) => alu!((a: u64) -> u32 { a.count_ones() }),
        ("clz", Type::B32) => alu!((a: u32) -> u32 { a.leading_zeros() }),
        ("clz", Type::B64) => alu!((a: u64) -> u32 { a.leading_zeros() }),
        ("brev", Type::B32) => alu!((a: u32) -> u32 { a.reverse_bits() }),
        ("brev", Type::B64) => alu!((a: u64) -> u64 { a.reverse_bits() }),
        ("bfind", Type::U32) if shift => {
            alu!((a: u32) -> u32 { amount(highest(u64::from(a)), 32) })
        }
        ("bfind", Type::U32) => alu!((a: u32) -> u32 { highest(u64::from(a)) }),
        ("bfind", Type::S32) if shift => alu!((a: i32) -> u32 {
            amount(highest(u64::from((a ^ a >> 31).cast_unsigned())), 32)
        }),
        ("bfind", Type::S32) => {
            alu!((a: i32) -> u32 { highest(u64::from((a ^ a >> 31).cast_unsigned())) })
        }
        ("bfind", Type::U64) if shift => alu!((a: u64) -> u32 { amount(highest(a), 64) }),
        ("bfind", Type::U64) => alu!((a: u64) -> u32 { highest(a) }),
        ("bfind", Type::S64) if shift => {
            alu!((a: i64) -> u32 { amount(highest((a ^ a >> 63).cast_unsigned()), 64) })
        }
        ("bfind", Type::S64) => alu!((a: i64) -> u32 { highest((a ^ a >> 63).cast_unsigned()) }),
        _ => return None,
    })
}

/// The fifth operand, a table of eight bits, is `Slots::imm`.
fn lop3() -> Alu {
    let mut alu = alu!((a: u32, b: u32, c: u32) -> u32 { a ^ b ^ c });
    alu.kernel = kernel!(|r, s, m| {
        let table = s.imm;
        let chosen = |bit: u32| if table >> bit & 1 == 1 { u32::MAX } else { 0 };
        r.map3(
            s,
            m,
            #[inline(always)]
            |a: u32, b: u32, c: u32| -> u32 {
                (0..8).fold(0, |result, bit| {
                    let a = if bit & 4 == 0 { !a } else { a };
                    let b = if bit & 2 == 0 { !b } else { b };
                    let c = if bit & 1 == 0 { !c } else { c };
                    result | a & b & c & chosen(bit)
                })
            },
        );
    });
    alu
}
