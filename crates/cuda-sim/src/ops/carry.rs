//! Carry chains: PTX ISA 9.0, section 9.7.2.

use super::alu::{Alu, Modifiers, alu};
use crate::exec::kernel::kernel;
use crate::exec::rows::{LANES, Lane, Registers, Slots};
use crate::ptx::Type;

/// Where carry chains keep the carry: no name reaches it.
const CARRY: u32 = 0;

/// `add.cc`, `addc`, `mad.lo.cc` and so on: PTX ISA 9.0, section 9.7.2.
pub(super) fn find(
    opcode: &str,
    modifiers: &mut Modifiers<'_>,
    ty: Type,
    carry_out: bool,
) -> Option<Alu> {
    let carry_in = opcode.ends_with('c');
    let long = match ty {
        Type::S32 | Type::U32 => false,
        Type::S64 | Type::U64 => true,
        _ => return None,
    };
    let signed = matches!(ty, Type::S32 | Type::S64);
    let high = match opcode {
        "mad" | "madc" => {
            let high = modifiers.flag("hi");
            if !high && !modifiers.flag("lo") {
                return None;
            }
            Some(high)
        }
        _ => None,
    };
    let subtract = opcode.starts_with("sub");
    let mut alu = if long {
        alu!((a: u64, b: u64) -> u64 { a ^ b })
    } else {
        alu!((a: u32, b: u32) -> u32 { a ^ b })
    };
    alu.imm = u32::from(carry_in)
        | u32::from(subtract) << 1
        | u32::from(high.is_some()) << 2
        | u32::from(high == Some(true)) << 3
        | u32::from(signed) << 4
        | u32::from(carry_out) << 5;
    if high.is_some() {
        let kind = alu.d;
        alu.s.push(kind);
    }
    alu.kernel = if long {
        kernel!(|r, s, m| chain::<u64>(r, s, m, 64))
    } else {
        kernel!(|r, s, m| chain::<u32>(r, s, m, 32))
    };
    Some(alu)
}

/// An unsigned integer of a carry chain.
trait Limb: Lane {
    fn wide(self) -> u128;
    fn narrow(value: u128) -> Self;
}

impl Limb for u32 {
    fn wide(self) -> u128 {
        u128::from(self)
    }
    fn narrow(value: u128) -> Self {
        value as Self
    }
}

impl Limb for u64 {
    fn wide(self) -> u128 {
        u128::from(self)
    }
    fn narrow(value: u128) -> Self {
        value as Self
    }
}

fn chain<T: Limb>(registers: &mut Registers, s: &Slots, mask: u32, width: u32) {
    let (carry_in, subtract) = (s.imm & 1 == 1, s.imm & 2 != 0);
    let (product, high, signed) = (s.imm & 4 != 0, s.imm & 8 != 0, s.imm & 16 != 0);
    let a = *T::row(registers, s.s[0]);
    let b = *T::row(registers, s.s[1]);
    let c = if product {
        *T::row(registers, s.s[2])
    } else {
        b
    };
    let carries = registers.predicates[CARRY as usize];
    let sign = |value: u128| (value << (128 - width)).cast_signed() >> (128 - width);
    let low = |value: u128| value & (u128::MAX >> (128 - width));
    let mut out = 0_u32;
    let mut results = [0_u128; LANES];
    for lane in 0..LANES {
        let (a, b) = (T::read(a[lane]).wide(), T::read(b[lane]).wide());
        let carried = u128::from(carry_in && carries >> lane & 1 == 1);
        let (left, right) = if product {
            let full = if signed {
                sign(a).wrapping_mul(sign(b)).cast_unsigned()
            } else {
                a * b
            };
            let half = if high { low(full >> width) } else { low(full) };
            (half, T::read(c[lane]).wide())
        } else {
            (a, b)
        };
        // A borrow is kept as a carry of 1.
        let sum = if subtract {
            left.wrapping_sub(right).wrapping_sub(carried)
        } else {
            left + right + carried
        };
        results[lane] = low(sum);
        out |= u32::from(sum >> width & 1 == 1) << lane;
    }
    registers.write(s.d, mask, |lane| T::narrow(results[lane]));
    if s.imm & 32 != 0 {
        registers.set_predicate(CARRY, mask, out);
    }
}
