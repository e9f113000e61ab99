//! Dot products of bytes: PTX ISA 9.0, sections 9.7.1.23 and 9.7.1.24.

use super::alu::{Alu, Modifiers, alu};
use crate::exec::kernel::kernel;
use crate::ptx::Type;

pub(super) fn find(opcode: &str, modifiers: &mut Modifiers<'_>) -> Option<Alu> {
    fn signed(word: u32, at: u32) -> i32 {
        i32::from((word >> (at * 8)) as i8)
    }
    fn unsigned(word: u32, at: u32) -> i32 {
        i32::from((word >> (at * 8)) as u8)
    }
    fn half(word: u32, at: u32, is_signed: bool) -> i32 {
        let bits = (word >> (at * 16)) as u16;
        if is_signed {
            i32::from(bits.cast_signed())
        } else {
            i32::from(bits)
        }
    }
    fn sum(c: u32, terms: [i32; 4]) -> u32 {
        terms
            .iter()
            .fold(c, |sum, term| sum.wrapping_add(term.cast_unsigned()))
    }
    let b = modifiers.ty()?;
    let a = modifiers.ty()?;
    let high = if opcode == "dp2a" {
        let high = modifiers.flag("hi");
        if !high && !modifiers.flag("lo") {
            return None;
        }
        u32::from(high) * 2
    } else {
        0
    };
    if opcode == "dp2a" {
        let (a, b) = (a == Type::S32, b == Type::S32);
        let mut alu = alu!((a: u32, b: u32, c: u32) -> u32 { a ^ b ^ c });
        alu.imm = high | u32::from(a) << 8 | u32::from(b) << 9;
        alu.kernel = kernel!(|r, s, m| {
            let imm = s.imm;
            r.map3(
                s,
                m,
                #[inline(always)]
                |a: u32, b: u32, c: u32| -> u32 {
                    (0..2).fold(c, |result, at| {
                        let left = half(a, at, imm >> 8 & 1 == 1);
                        let right = if imm >> 9 & 1 == 1 {
                            signed(b, at + (imm & 2))
                        } else {
                            unsigned(b, at + (imm & 2))
                        };
                        result.wrapping_add((left.wrapping_mul(right)).cast_unsigned())
                    })
                },
            );
        });
        return Some(alu);
    }
    Some(match (a, b) {
        (Type::S32, Type::S32) => alu!((a: u32, b: u32, c: u32) -> u32 {
            sum(c, [0, 1, 2, 3].map(|at| signed(a, at) * signed(b, at)))
        }),
        (Type::U32, Type::U32) => alu!((a: u32, b: u32, c: u32) -> u32 {
            sum(c, [0, 1, 2, 3].map(|at| unsigned(a, at) * unsigned(b, at)))
        }),
        (Type::S32, Type::U32) => alu!((a: u32, b: u32, c: u32) -> u32 {
            sum(c, [0, 1, 2, 3].map(|at| signed(a, at) * unsigned(b, at)))
        }),
        (Type::U32, Type::S32) => alu!((a: u32, b: u32, c: u32) -> u32 {
            sum(c, [0, 1, 2, 3].map(|at| unsigned(a, at) * signed(b, at)))
        }),
        _ => return None,
    })
}
