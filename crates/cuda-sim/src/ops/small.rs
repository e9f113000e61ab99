//! Formats of tensor cores: tf32, and the two of eight bits, by PTX ISA 9.1,
//! sections 5.2.3 and 9.7.9.21.

#![expect(
    clippy::inline_always,
    reason = "compiled for a processor only as part of a function that is"
)]

use super::alu::{Alu, Class, Modifiers, Rounding, alu};
use super::float::canonical;
use super::narrow::{Half, Narrow};
use crate::exec::kernel::kernel;
use crate::ptx::Type;

/// Bits of a single's mantissa that tf32 has not.
const UNUSED: u32 = 13;

/// A format of eight bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Small {
    E4m3,
    E5m2,
}

impl Small {
    /// Bits of the mantissa, the exponent's bias, the greatest number.
    #[inline(always)]
    fn shape(self) -> (u32, u32, u32) {
        match self {
            Self::E4m3 => (3, 7, 0x7e),
            Self::E5m2 => (2, 15, 0x7b),
        }
    }

    /// To the nearest, ties to even; what is too large becomes the greatest,
    /// what is no number 0x7f.
    #[inline(always)]
    fn near(self, value: f32) -> u32 {
        let (mantissa, bias, most) = self.shape();
        let bits = value.to_bits();
        let magnitude = bits & 0x7fff_ffff;
        let cut = 23 - mantissa;
        let even = magnitude >> cut & 1;
        let normal = magnitude
            .wrapping_sub((127 - bias) << 23)
            .wrapping_add((1 << (cut - 1)) - 1 + even)
            >> cut;
        // Multiples of the least denormal.
        let least = f32::from_bits((127 + bias - 1 + mantissa) << 23);
        let small = (value.abs() * least).round_ties_even() as u32;
        let rounded = if magnitude >> 23 > 127 - bias {
            normal.min(most)
        } else {
            small
        };
        if value.is_nan() {
            0x7f
        } else {
            rounded | bits >> 24 & 0x80
        }
    }

    /// Exact.
    #[inline(always)]
    fn wide(self, bits: u32) -> f32 {
        match self {
            Self::E4m3 => e4m3(bits),
            Self::E5m2 => e5m2(bits),
        }
    }
}

/// There is no infinity; all ones is no number.
#[inline(always)]
pub(super) fn e4m3(bits: u32) -> f32 {
    let magnitude = bits & 0x7f;
    let sign = (bits & 0x80) << 24;
    // 2¹²⁰ moves the exponent's bias from 7 to 127, denormals included.
    let value = f32::from_bits(magnitude << 20) * f32::from_bits((120 + 127) << 23);
    let value = if magnitude == 0x7f { f32::NAN } else { value };
    f32::from_bits(value.to_bits() | sign)
}

/// The upper half of a half.
#[inline(always)]
pub(super) fn e5m2(bits: u32) -> f32 {
    Half::wide((bits << 8) as u16)
}

/// What a tensor core sees of a single.
#[inline(always)]
pub(super) fn tf32(bits: u32) -> f32 {
    f32::from_bits(bits >> UNUSED << UNUSED)
}

pub(super) fn find(opcode: &str, modifiers: &mut Modifiers<'_>) -> Option<Alu> {
    if opcode != "cvt" {
        return None;
    }
    let small = modifiers.one_of(&[("e4m3x2", Small::E4m3), ("e5m2x2", Small::E5m2)]);
    let alu = match (small, modifiers.ty()) {
        (Some(small), Some(wide)) => eight_bits(small, wide, modifiers),
        (None, Some(Type::F32)) if modifiers.flag("tf32") => to_tf32(modifiers),
        _ => None,
    };
    Some(alu?.class(Class::Convert))
}

/// `.relu`: less than zero becomes zero.
#[inline(always)]
fn clipped(value: f32, relu: u32) -> f32 {
    if relu != 0 && value <= 0.0 {
        0.0
    } else {
        value
    }
}

/// Two elements, the first of which is the upper one.
#[inline(always)]
fn narrowed(small: Small, values: [f32; 2], relu: u32) -> u32 {
    let [high, low] = values.map(|value| small.near(clipped(value, relu)));
    high << 8 | low
}

#[inline(always)]
fn widened(small: Small, bits: u32, relu: u32) -> u32 {
    let half = |bits| u32::from(Half::near(clipped(small.wide(bits & 0xff), relu)));
    half(bits >> 8) << 16 | half(bits)
}

/// The instructions of one format.
macro_rules! format {
    ($name:ident, $small:expr) => {
        fn $name(wide: Type, narrows: bool) -> Option<Alu> {
            let mut alu = alu!((a: u32) -> u32 { a });
            match (wide, narrows) {
                (Type::F32, true) => {
                    alu = alu!((a: f32, b: f32) -> u32 { a.to_bits() ^ b.to_bits() });
                    alu.single = true;
                    alu.kernel = kernel!(|r, s, m| {
                        let relu = s.imm;
                        r.map2(s, m, #[inline(always)] |a: f32, b: f32| narrowed($small, [a, b], relu));
                    });
                }
                (Type::F16x2, true) => {
                    alu.kernel = kernel!(|r, s, m| {
                        let relu = s.imm;
                        r.map1(s, m, #[inline(always)] |a: u32| {
                            let halves = [a >> 16, a].map(|bits| Half::wide(bits as u16));
                            narrowed($small, halves, relu)
                        });
                    });
                }
                (Type::F16x2, false) => {
                    alu.kernel = kernel!(|r, s, m| {
                        let relu = s.imm;
                        r.map1(s, m, #[inline(always)] |a: u32| widened($small, a, relu));
                    });
                }
                _ => return None,
            }
            Some(alu)
        }
    };
}

format!(with_e4m3, Small::E4m3);
format!(with_e5m2, Small::E5m2);

/// Where `satfinite` stands, the format is the result's, else the operand's.
fn eight_bits(small: Small, wide: Type, modifiers: &mut Modifiers<'_>) -> Option<Alu> {
    let narrows = modifiers.flag("satfinite");
    let relu = u32::from(modifiers.flag("relu"));
    if modifiers.rounding() != Some(Rounding::Nearest) {
        return None;
    }
    let alu = match small {
        Small::E4m3 => with_e4m3(wide, narrows),
        Small::E5m2 => with_e5m2(wide, narrows),
    };
    Some(alu?.imm(relu))
}

/// A single without its lowest bits, once something was added to its
/// magnitude.
#[inline(always)]
fn cut(bits: u32, more: u32) -> u32 {
    let special = bits & 0x7f80_0000 == 0x7f80_0000;
    let rounded = bits.wrapping_add(more) >> UNUSED << UNUSED;
    if special {
        canonical(f32::from_bits(bits)).to_bits()
    } else {
        rounded
    }
}

fn to_tf32(modifiers: &mut Modifiers<'_>) -> Option<Alu> {
    const HALF: u32 = 1 << (UNUSED - 1);
    let mut alu = match (modifiers.flag("rna"), modifiers.rounding()) {
        (true, None) => alu!((a: u32) -> u32 { cut(a, HALF) }),
        (false, Some(Rounding::Nearest)) => {
            alu!((a: u32) -> u32 { cut(a, HALF - 1 + (a >> UNUSED & 1)) })
        }
        (false, Some(Rounding::Zero)) => alu!((a: u32) -> u32 { cut(a, 0) }),
        _ => return None,
    };
    alu.single = true;
    Some(alu)
}
