//! Integer arithmetic: PTX ISA 9.0, section 9.7.1.

use super::alu::{Alu, Modifiers, alu};
use super::{bits, carry, dot, video};
use crate::ptx::Type;

pub(super) fn find(opcode: &str, modifiers: &mut Modifiers<'_>) -> Option<Alu> {
    if let Some(signed) = modifiers.one_of(&[("s16x2", true), ("u16x2", false)]) {
        return video::pairs(opcode, signed, modifiers);
    }
    match opcode {
        "add" | "sub" | "mul" | "mad" | "addc" | "subc" | "madc" => arithmetic(opcode, modifiers),
        "mul24" | "mad24" => narrow(opcode, modifiers),
        "div" | "rem" => division(opcode, modifiers.ty()?),
        "min" | "max" => extremum(opcode, modifiers),
        "abs" | "neg" | "sad" => sign(opcode, modifiers.ty()?),
        "dp4a" | "dp2a" => dot::find(opcode, modifiers),
        "vabsdiff2" | "vabsdiff4" => video::find(opcode, modifiers),
        _ => bits::find(opcode, modifiers),
    }
}

fn arithmetic(opcode: &str, modifiers: &mut Modifiers<'_>) -> Option<Alu> {
    let ty = modifiers.ty()?;
    let carry_out = modifiers.flag("cc");
    if carry_out || opcode.ends_with('c') {
        return carry::find(opcode, modifiers, ty, carry_out);
    }
    if modifiers.flag("sat") {
        return match (opcode, ty) {
            ("add", Type::S32) => Some(alu!((a: i32, b: i32) -> i32 { a.saturating_add(b) })),
            ("sub", Type::S32) => Some(alu!((a: i32, b: i32) -> i32 { a.saturating_sub(b) })),
            ("mad", Type::S32) if modifiers.flag("hi") => {
                Some(alu!((a: i32, b: i32, c: i32) -> i32 {
                    (((i64::from(a) * i64::from(b)) >> 32) as i32).saturating_add(c)
                }))
            }
            _ => None,
        };
    }
    let part = modifiers.one_of(&[("lo", Part::Low), ("hi", Part::High), ("wide", Part::Wide)]);
    match (opcode, part) {
        ("add" | "sub", None) => sum(opcode, ty),
        ("mul", Some(part)) => product(part, ty),
        ("mad", Some(part)) => product_sum(part, ty),
        _ => None,
    }
}

/// Which half of a product.
#[derive(Clone, Copy, Debug)]
enum Part {
    Low,
    High,
    Wide,
}

fn sum(opcode: &str, ty: Type) -> Option<Alu> {
    Some(match (opcode, ty) {
        ("add", Type::S16 | Type::U16) => alu!((a: u16, b: u16) -> u16 { a.wrapping_add(b) }),
        ("add", Type::S32 | Type::U32) => alu!((a: u32, b: u32) -> u32 { a.wrapping_add(b) }),
        ("add", Type::S64 | Type::U64) => alu!((a: u64, b: u64) -> u64 { a.wrapping_add(b) }),
        ("sub", Type::S16 | Type::U16) => alu!((a: u16, b: u16) -> u16 { a.wrapping_sub(b) }),
        ("sub", Type::S32 | Type::U32) => alu!((a: u32, b: u32) -> u32 { a.wrapping_sub(b) }),
        ("sub", Type::S64 | Type::U64) => alu!((a: u64, b: u64) -> u64 { a.wrapping_sub(b) }),
        _ => return None,
    })
}

fn product(part: Part, ty: Type) -> Option<Alu> {
    Some(match (part, ty) {
        (Part::Low, Type::S16 | Type::U16) => alu!((a: u16, b: u16) -> u16 { a.wrapping_mul(b) }),
        (Part::Low, Type::S32 | Type::U32) => alu!((a: u32, b: u32) -> u32 { a.wrapping_mul(b) }),
        (Part::Low, Type::S64 | Type::U64) => alu!((a: u64, b: u64) -> u64 { a.wrapping_mul(b) }),
        (Part::High, Type::S16) => {
            alu!((a: i16, b: i16) -> i16 { ((i32::from(a) * i32::from(b)) >> 16) as i16 })
        }
        (Part::High, Type::U16) => {
            alu!((a: u16, b: u16) -> u16 { ((u32::from(a) * u32::from(b)) >> 16) as u16 })
        }
        (Part::High, Type::S32) => {
            alu!((a: i32, b: i32) -> i32 { ((i64::from(a) * i64::from(b)) >> 32) as i32 })
        }
        (Part::High, Type::U32) => {
            alu!((a: u32, b: u32) -> u32 { ((u64::from(a) * u64::from(b)) >> 32) as u32 })
        }
        (Part::High, Type::S64) => {
            alu!((a: i64, b: i64) -> i64 { ((i128::from(a) * i128::from(b)) >> 64) as i64 })
        }
        (Part::High, Type::U64) => {
            alu!((a: u64, b: u64) -> u64 { ((u128::from(a) * u128::from(b)) >> 64) as u64 })
        }
        (Part::Wide, Type::S16) => alu!((a: i16, b: i16) -> i32 { i32::from(a) * i32::from(b) }),
        (Part::Wide, Type::U16) => alu!((a: u16, b: u16) -> u32 { u32::from(a) * u32::from(b) }),
        (Part::Wide, Type::S32) => alu!((a: i32, b: i32) -> i64 { i64::from(a) * i64::from(b) }),
        (Part::Wide, Type::U32) => alu!((a: u32, b: u32) -> u64 { u64::from(a) * u64::from(b) }),
        _ => return None,
    })
}

fn product_sum(part: Part, ty: Type) -> Option<Alu> {
    Some(match (part, ty) {
        (Part::Low, Type::S16 | Type::U16) => {
            alu!((a: u16, b: u16, c: u16) -> u16 { a.wrapping_mul(b).wrapping_add(c) })
        }
        (Part::Low, Type::S32 | Type::U32) => {
            alu!((a: u32, b: u32, c: u32) -> u32 { a.wrapping_mul(b).wrapping_add(c) })
        }
        (Part::Low, Type::S64 | Type::U64) => {
            alu!((a: u64, b: u64, c: u64) -> u64 { a.wrapping_mul(b).wrapping_add(c) })
        }
        (Part::High, Type::S32) => alu!((a: i32, b: i32, c: i32) -> i32 {
            (((i64::from(a) * i64::from(b)) >> 32) as i32).wrapping_add(c)
        }),
        (Part::High, Type::U32) => alu!((a: u32, b: u32, c: u32) -> u32 {
            (((u64::from(a) * u64::from(b)) >> 32) as u32).wrapping_add(c)
        }),
        (Part::High, Type::S64) => alu!((a: i64, b: i64, c: i64) -> i64 {
            (((i128::from(a) * i128::from(b)) >> 64) as i64).wrapping_add(c)
        }),
        (Part::High, Type::U64) => alu!((a: u64, b: u64, c: u64) -> u64 {
            (((u128::from(a) * u128::from(b)) >> 64) as u64).wrapping_add(c)
        }),
        (Part::Wide, Type::S16) => alu!((a: i16, b: i16, c: i32) -> i32 {
            (i32::from(a) * i32::from(b)).wrapping_add(c)
        }),
        (Part::Wide, Type::U16) => alu!((a: u16, b: u16, c: u32) -> u32 {
            (u32::from(a) * u32::from(b)).wrapping_add(c)
        }),
        (Part::Wide, Type::S32) => alu!((a: i32, b: i32, c: i64) -> i64 {
            (i64::from(a) * i64::from(b)).wrapping_add(c)
        }),
        (Part::Wide, Type::U32) => alu!((a: u32, b: u32, c: u64) -> u64 {
            (u64::from(a) * u64::from(b)).wrapping_add(c)
        }),
        _ => return None,
    })
}

/// The lower or upper 32 of the 48 bits of a product of 24-bit integers.
fn narrow(opcode: &str, modifiers: &mut Modifiers<'_>) -> Option<Alu> {
    fn signed(a: i32, b: i32) -> i64 {
        i64::from(a << 8 >> 8) * i64::from(b << 8 >> 8)
    }
    fn unsigned(a: u32, b: u32) -> u64 {
        u64::from(a & 0xff_ffff) * u64::from(b & 0xff_ffff)
    }
    let ty = modifiers.ty()?;
    let high = modifiers.flag("hi");
    if !high && !modifiers.flag("lo") {
        return None;
    }
    Some(match (opcode, high, ty) {
        ("mul24", false, Type::S32) => alu!((a: i32, b: i32) -> i32 { signed(a, b) as i32 }),
        ("mul24", false, Type::U32) => alu!((a: u32, b: u32) -> u32 { unsigned(a, b) as u32 }),
        ("mul24", true, Type::S32) => alu!((a: i32, b: i32) -> i32 { (signed(a, b) >> 16) as i32 }),
        ("mul24", true, Type::U32) => {
            alu!((a: u32, b: u32) -> u32 { (unsigned(a, b) >> 16) as u32 })
        }
        ("mad24", false, Type::S32) => {
            alu!((a: i32, b: i32, c: i32) -> i32 { (signed(a, b) as i32).wrapping_add(c) })
        }
        ("mad24", false, Type::U32) => {
            alu!((a: u32, b: u32, c: u32) -> u32 { (unsigned(a, b) as u32).wrapping_add(c) })
        }
        _ => return None,
    })
}

/// Division by zero has no defined result in PTX; here it has the one that
/// GPUs give: all bits set, and the dividend as remainder.
fn division(opcode: &str, ty: Type) -> Option<Alu> {
    Some(match (opcode, ty) {
        ("div", Type::S16) => {
            alu!((a: i16, b: i16) -> i16 { if b == 0 { -1 } else { a.wrapping_div(b) } })
        }
        ("div", Type::U16) => alu!((a: u16, b: u16) -> u16 { a.checked_div(b).unwrap_or(!0) }),
        ("div", Type::S32) => {
            alu!((a: i32, b: i32) -> i32 { if b == 0 { -1 } else { a.wrapping_div(b) } })
        }
        ("div", Type::U32) => alu!((a: u32, b: u32) -> u32 { a.checked_div(b).unwrap_or(!0) }),
        ("div", Type::S64) => {
            alu!((a: i64, b: i64) -> i64 { if b == 0 { -1 } else { a.wrapping_div(b) } })
        }
        ("div", Type::U64) => alu!((a: u64, b: u64) -> u64 { a.checked_div(b).unwrap_or(!0) }),
        ("rem", Type::S16) => {
            alu!((a: i16, b: i16) -> i16 { if b == 0 { a } else { a.wrapping_rem(b) } })
        }
        ("rem", Type::U16) => alu!((a: u16, b: u16) -> u16 { a.checked_rem(b).unwrap_or(a) }),
        ("rem", Type::S32) => {
            alu!((a: i32, b: i32) -> i32 { if b == 0 { a } else { a.wrapping_rem(b) } })
        }
        ("rem", Type::U32) => alu!((a: u32, b: u32) -> u32 { a.checked_rem(b).unwrap_or(a) }),
        ("rem", Type::S64) => {
            alu!((a: i64, b: i64) -> i64 { if b == 0 { a } else { a.wrapping_rem(b) } })
        }
        ("rem", Type::U64) => alu!((a: u64, b: u64) -> u64 { a.checked_rem(b).unwrap_or(a) }),
        _ => return None,
    })
}

fn extremum(opcode: &str, modifiers: &mut Modifiers<'_>) -> Option<Alu> {
    let ty = modifiers.ty()?;
    if modifiers.flag("relu") {
        return match (opcode, ty) {
            ("min", Type::S32) => Some(alu!((a: i32, b: i32) -> i32 { a.min(b).max(0) })),
            ("max", Type::S32) => Some(alu!((a: i32, b: i32) -> i32 { a.max(b).max(0) })),
            _ => None,
        };
    }
    Some(match (opcode, ty) {
        ("min", Type::S16) => alu!((a: i16, b: i16) -> i16 { a.min(b) }),
        ("min", Type::U16) => alu!((a: u16, b: u16) -> u16 { a.min(b) }),
        ("min", Type::S32) => alu!((a: i32, b: i32) -> i32 { a.min(b) }),
        ("min", Type::U32) => alu!((a: u32, b: u32) -> u32 { a.min(b) }),
        ("min", Type::S64) => alu!((a: i64, b: i64) -> i64 { a.min(b) }),
        ("min", Type::U64) => alu!((a: u64, b: u64) -> u64 { a.min(b) }),
        ("max", Type::S16) => alu!((a: i16, b: i16) -> i16 { a.max(b) }),
        ("max", Type::U16) => alu!((a: u16, b: u16) -> u16 { a.max(b) }),
        ("max", Type::S32) => alu!((a: i32, b: i32) -> i32 { a.max(b) }),
        ("max", Type::U32) => alu!((a: u32, b: u32) -> u32 { a.max(b) }),
        ("max", Type::S64) => alu!((a: i64, b: i64) -> i64 { a.max(b) }),
        ("max", Type::U64) => alu!((a: u64, b: u64) -> u64 { a.max(b) }),
        _ => return None,
    })
}

fn sign(opcode: &str, ty: Type) -> Option<Alu> {
    Some(match (opcode, ty) {
        ("abs", Type::S16) => alu!((a: i16) -> i16 { a.wrapping_abs() }),
        ("abs", Type::S32) => alu!((a: i32) -> i32 { a.wrapping_abs() }),
        ("abs", Type::S64) => alu!((a: i64) -> i64 { a.wrapping_abs() }),
        ("neg", Type::S16) => alu!((a: i16) -> i16 { a.wrapping_neg() }),
        ("neg", Type::S32) => alu!((a: i32) -> i32 { a.wrapping_neg() }),
        ("neg", Type::S64) => alu!((a: i64) -> i64 { a.wrapping_neg() }),
        ("sad", Type::S16) => {
            alu!((a: i16, b: i16, c: u16) -> u16 { c.wrapping_add(a.abs_diff(b)) })
        }
        ("sad", Type::U16) => {
            alu!((a: u16, b: u16, c: u16) -> u16 { c.wrapping_add(a.abs_diff(b)) })
        }
        ("sad", Type::S32) => {
            alu!((a: i32, b: i32, c: u32) -> u32 { c.wrapping_add(a.abs_diff(b)) })
        }
        ("sad", Type::U32) => {
            alu!((a: u32, b: u32, c: u32) -> u32 { c.wrapping_add(a.abs_diff(b)) })
        }
        ("sad", Type::S64) => {
            alu!((a: i64, b: i64, c: u64) -> u64 { c.wrapping_add(a.abs_diff(b)) })
        }
        ("sad", Type::U64) => {
            alu!((a: u64, b: u64, c: u64) -> u64 { c.wrapping_add(a.abs_diff(b)) })
        }
        _ => return None,
    })
}
