//! Singles and doubles: PTX ISA 9.0, section 9.7.3.

#![expect(
    clippy::float_cmp,
    reason = "instructions compare exactly, and so does what undoes a rounding"
)]
#![expect(
    clippy::inline_always,
    reason = "compiled for a processor only as part of a function that is"
)]

use super::alu::{Alu, Class, Modifiers, Rounding, alu};
use super::approximate;
use super::round::{odd_quotient, odd_root, odd_sum, single, zero_of_sum};
use super::soft;
use crate::exec::kernel::kernel;
use crate::ptx::Type;

/// What GPUs answer where a single is no number.
const NAN: f32 = f32::from_bits(0x7fff_ffff);

pub(super) fn find(opcode: &str, modifiers: &mut Modifiers<'_>) -> Option<Alu> {
    let mut tried = modifiers.clone();
    let ty = tried.ty()?;
    let found = match ty {
        Type::F32 => f32s(opcode, &mut tried).map(|mut alu| {
            alu.single = true;
            alu
        }),
        Type::F64 => f64s(opcode, &mut tried),
        _ => None,
    }?;
    *modifiers = tried;
    Some(found)
}

/// A denormal becomes a zero of its sign.
#[inline(always)]
pub(super) fn flushed(value: f32) -> f32 {
    if value.abs() < f32::MIN_POSITIVE {
        f32::from_bits(value.to_bits() & 0x8000_0000)
    } else {
        value
    }
}

/// Into [0, 1]; what is no number becomes 0.
#[inline(always)]
pub(super) fn saturated(value: f32) -> f32 {
    if value > 0.0 { value.min(1.0) } else { 0.0 }
}

/// Into [0, 1], as `saturated`.
#[inline(always)]
pub(super) fn saturated_double(value: f64) -> f64 {
    if value > 0.0 { value.min(1.0) } else { 0.0 }
}

/// What is no number becomes the one that GPUs answer. Its bits are looked at
/// as an integer's: which of all that are no numbers a float is, the compiler
/// takes for undetermined.
#[inline(always)]
pub(super) fn canonical(value: f32) -> f32 {
    let bits = value.to_bits();
    let is_number = bits & 0x7fff_ffff <= 0x7f80_0000;
    f32::from_bits(if is_number { bits } else { NAN.to_bits() })
}

/// `a + b`, for atomics.
pub(crate) fn add_singles(a: f32, b: f32, flush: bool) -> f32 {
    if flush {
        canonical(flushed(flushed(a) + flushed(b)))
    } else {
        canonical(a + b)
    }
}

/// What `.ftz`, `.sat` and a rounding mean, in the bits of `Slots::imm`.
#[derive(Clone, Copy, Debug)]
struct Mode {
    flush: bool,
    saturate: bool,
    rounding: Rounding,
}

impl Mode {
    fn take(modifiers: &mut Modifiers<'_>) -> Self {
        Self {
            flush: modifiers.flag("ftz"),
            saturate: modifiers.flag("sat"),
            rounding: modifiers.rounding().unwrap_or(Rounding::Nearest),
        }
    }

    fn is_plain(self) -> bool {
        !self.flush && !self.saturate && self.rounding == Rounding::Nearest
    }

    fn bits(self) -> u32 {
        u32::from(self.flush) | u32::from(self.saturate) << 1 | (self.rounding as u32) << 2
    }

    #[inline(always)]
    fn of_bits(bits: u32) -> Self {
        Self {
            flush: bits & 1 == 1,
            saturate: bits & 2 == 2,
            rounding: Rounding::of_bits(bits >> 2),
        }
    }

    #[inline(always)]
    fn before(self, value: f32) -> f32 {
        if self.flush { flushed(value) } else { value }
    }

    #[inline(always)]
    fn after(self, value: f32) -> f32 {
        let value = if self.flush { flushed(value) } else { value };
        let value = canonical(value);
        if self.saturate {
            saturated(value)
        } else {
            value
        }
    }
}

/// One operation in all modes. The common ones have kernels of their own:
/// what is known beforehand is not asked for each lane.
macro_rules! in_modes {
    ($mode:expr, ($($x:ident),+), $map:ident, $near:expr, $odd:expr, $sum:expr) => {{
        let mode: Mode = $mode;
        let near = alu!(($($x: f32),+) -> f32 { canonical($near) });
        let kernel = match mode.rounding {
            Rounding::Nearest if mode.is_plain() => near.kernel,
            Rounding::Nearest if !mode.saturate => {
                kernel!(|r, s, m| r.$map(s, m, #[inline(always)] |$($x: f32),+| -> f32 {
                    $(let $x = flushed($x);)+
                    canonical(flushed($near))
                }))
            }
            Rounding::Nearest => kernel!(|r, s, m| {
                let mode = Mode::of_bits(s.imm);
                r.$map(s, m, #[inline(always)] |$($x: f32),+| -> f32 {
                    $(let $x = mode.before($x);)+
                    mode.after($near)
                })
            }),
            Rounding::Zero => in_modes!(@rounded Rounding::Zero, ($($x),+), $map, $odd, $sum),
            Rounding::Down => in_modes!(@rounded Rounding::Down, ($($x),+), $map, $odd, $sum),
            Rounding::Up => in_modes!(@rounded Rounding::Up, ($($x),+), $map, $odd, $sum),
        };
        Alu { kernel, ..near }.imm(mode.bits())
    }};
    (@rounded $rounding:expr, ($($x:ident),+), $map:ident, $odd:expr, $sum:expr) => {
        kernel!(|r, s, m| {
            let mode = Mode::of_bits(s.imm);
            r.$map(s, m, #[inline(always)] |$($x: f32),+| -> f32 {
                $(let $x = mode.before($x);)+
                $(let $x = f64::from($x);)+
                let zero: fn(f32, Rounding, $(in_modes!(@type $x)),+) -> f32 = $sum;
                mode.after(zero(single($odd, $rounding), $rounding, $($x),+))
            })
        })
    };
    (@type $x:ident) => { f64 };
}

fn f32s(opcode: &str, modifiers: &mut Modifiers<'_>) -> Option<Alu> {
    match opcode {
        "min" | "max" => return extremum(opcode, modifiers),
        "ex2" | "lg2" | "sin" | "cos" | "tanh" | "rsqrt" => {
            return approximate::find(opcode, modifiers);
        }
        "rcp" | "sqrt" | "div" if modifiers.flag("approx") => {
            return approximate::find(opcode, modifiers);
        }
        // Within two units in the last place; here it is exact.
        "div" if modifiers.flag("full") => {}
        _ => {}
    }
    let mode = Mode::take(modifiers);
    let class = Class::F32;
    Some(match opcode {
        "add" => in_modes!(
            mode,
            (a, b),
            map2,
            a + b,
            odd_sum(a, b),
            |sum, rounding, a, b| { zero_of_sum(sum, a, b, rounding) }
        )
        .flops(class, 1),
        "sub" => in_modes!(
            mode,
            (a, b),
            map2,
            a - b,
            odd_sum(a, -b),
            |sum, rounding, a, b| { zero_of_sum(sum, a, -b, rounding) }
        )
        .flops(class, 1),
        // A product of two singles is a double without an error.
        "mul" => {
            in_modes!(mode, (a, b), map2, a * b, a * b, |result, _, _, _| result).flops(class, 1)
        }
        "fma" | "mad" => in_modes!(
            mode,
            (a, b, c),
            map3,
            a.mul_add(b, c),
            odd_sum(a * b, c),
            |sum, rounding, a, b, c| zero_of_sum(sum, a * b, c, rounding)
        )
        .flops(class, 2),
        "div" => in_modes!(
            mode,
            (a, b),
            map2,
            a / b,
            odd_quotient(a, b),
            |result, _, _, _| { result }
        )
        .flops(class, 1),
        "rcp" => in_modes!(
            mode,
            (a),
            map1,
            1.0 / a,
            odd_quotient(1.0, a),
            |result, _, _| { result }
        )
        .flops(class, 1),
        "sqrt" => in_modes!(mode, (a), map1, a.sqrt(), odd_root(a), |result, _, _| {
            result
        })
        .flops(class, 1),
        "abs" if mode.flush => alu!((a: f32) -> f32 { flushed(a).abs() }).class(class),
        "abs" => alu!((a: f32) -> f32 { a.abs() }).class(class),
        "neg" if mode.flush => alu!((a: f32) -> f32 { -flushed(a) }).class(class),
        "neg" => alu!((a: f32) -> f32 { -a }).class(class),
        "copysign" => alu!((a: f32, b: f32) -> f32 { b.copysign(a) }).class(class),
        _ => return None,
    })
}

/// IEEE 754-2019 minimumNumber and maximumNumber, or with `.NaN` minimum and
/// maximum: -0 is less than +0.
fn extremum(opcode: &str, modifiers: &mut Modifiers<'_>) -> Option<Alu> {
    #[inline(always)]
    fn least(a: f32, b: f32) -> f32 {
        let less = a < b || a == b && a.is_sign_negative();
        if b.is_nan() || less { a } else { b }
    }
    #[inline(always)]
    fn most(a: f32, b: f32) -> f32 {
        let more = a > b || a == b && a.is_sign_positive();
        if b.is_nan() || more { a } else { b }
    }
    let flush = modifiers.flag("ftz");
    let strict = modifiers.flag("NaN");
    let sign = modifiers.flag("xorsign");
    if sign && !modifiers.flag("abs") {
        return None;
    }
    if !flush && !strict && !sign {
        return Some(
            match opcode {
                "min" => alu!((a: f32, b: f32) -> f32 { canonical(least(a, b)) }),
                _ => alu!((a: f32, b: f32) -> f32 { canonical(most(a, b)) }),
            }
            .class(Class::F32),
        );
    }
    let mut alu = alu!((a: f32, b: f32) -> f32 { a + b }).class(Class::F32);
    alu.imm = u32::from(flush)
        | u32::from(strict) << 1
        | u32::from(sign) << 2
        | u32::from(opcode == "max") << 3;
    alu.kernel = kernel!(|r, s, m| {
        let imm = s.imm;
        r.map2(
            s,
            m,
            #[inline(always)]
            |a: f32, b: f32| -> f32 {
                let (a, b) = if imm & 1 == 1 {
                    (flushed(a), flushed(b))
                } else {
                    (a, b)
                };
                let negative = (a.to_bits() ^ b.to_bits()) & 0x8000_0000;
                let (x, y) = if imm & 4 == 4 {
                    (a.abs(), b.abs())
                } else {
                    (a, b)
                };
                let result = if imm & 8 == 8 {
                    most(x, y)
                } else {
                    least(x, y)
                };
                if result.is_nan() || imm & 2 == 2 && (x.is_nan() || y.is_nan()) {
                    NAN
                } else if imm & 4 == 4 {
                    f32::from_bits(result.to_bits() | negative)
                } else {
                    result
                }
            },
        );
    });
    Some(alu)
}

fn f64s(opcode: &str, modifiers: &mut Modifiers<'_>) -> Option<Alu> {
    let class = Class::F64;
    match opcode {
        "min" => {
            return Some(
                alu!((a: f64, b: f64) -> f64 {
                    let less = a < b || a == b && a.is_sign_negative();
                    if b.is_nan() || less { a } else { b }
                })
                .class(class),
            );
        }
        "max" => {
            return Some(
                alu!((a: f64, b: f64) -> f64 {
                    let more = a > b || a == b && a.is_sign_positive();
                    if b.is_nan() || more { a } else { b }
                })
                .class(class),
            );
        }
        "abs" => return Some(alu!((a: f64) -> f64 { a.abs() }).class(class)),
        "neg" => return Some(alu!((a: f64) -> f64 { -a }).class(class)),
        "copysign" => return Some(alu!((a: f64, b: f64) -> f64 { b.copysign(a) }).class(class)),
        "rcp" | "rsqrt" if modifiers.flag("approx") => {
            // With `.ftz` only the upper half counts, and denormals are zeros:
            // PTX ISA 9.0, 9.7.3.14 and 18. There is no `rcp.approx.f64`.
            let alu = match (opcode, modifiers.flag("ftz")) {
                ("rcp", true) => {
                    alu!((a: f64) -> f64 { approximate::upper(1.0 / approximate::upper(a)) })
                }
                ("rsqrt", true) => {
                    alu!((a: f64) -> f64 { approximate::upper(1.0 / approximate::upper(a).sqrt()) })
                }
                ("rsqrt", false) => alu!((a: f64) -> f64 { 1.0 / a.sqrt() }),
                _ => return None,
            };
            return Some(alu.flops(class, 1));
        }
        _ => {}
    }
    let rounding = modifiers.rounding().unwrap_or(Rounding::Nearest);
    if rounding != Rounding::Nearest {
        return directed(opcode, rounding);
    }
    Some(match opcode {
        "add" => alu!((a: f64, b: f64) -> f64 { a + b }).flops(class, 1),
        "sub" => alu!((a: f64, b: f64) -> f64 { a - b }).flops(class, 1),
        "mul" => alu!((a: f64, b: f64) -> f64 { a * b }).flops(class, 1),
        "fma" | "mad" => alu!((a: f64, b: f64, c: f64) -> f64 { a.mul_add(b, c) }).flops(class, 2),
        "div" => alu!((a: f64, b: f64) -> f64 { a / b }).flops(class, 1),
        "rcp" => alu!((a: f64) -> f64 { 1.0 / a }).flops(class, 1),
        "sqrt" => alu!((a: f64) -> f64 { a.sqrt() }).flops(class, 1),
        _ => return None,
    })
}

/// Doubles in the roundings that the host does not offer.
fn directed(opcode: &str, rounding: Rounding) -> Option<Alu> {
    let mut alu = match opcode {
        "add" | "sub" | "mul" | "div" => alu!((a: f64, b: f64) -> f64 { a + b }),
        "fma" | "mad" => alu!((a: f64, b: f64, c: f64) -> f64 { a * b + c }),
        "rcp" | "sqrt" => alu!((a: f64) -> f64 { a }),
        _ => return None,
    };
    alu.kernel = match opcode {
        "add" => kernel!(|r, s, m| {
            let rounding = Rounding::of_bits(s.imm);
            r.map2(s, m, |a: f64, b: f64| soft::sum(a, b, rounding));
        }),
        "sub" => kernel!(|r, s, m| {
            let rounding = Rounding::of_bits(s.imm);
            r.map2(s, m, |a: f64, b: f64| soft::sum(a, -b, rounding));
        }),
        "mul" => kernel!(|r, s, m| {
            let rounding = Rounding::of_bits(s.imm);
            r.map2(s, m, |a: f64, b: f64| soft::product(a, b, rounding));
        }),
        "div" => kernel!(|r, s, m| {
            let rounding = Rounding::of_bits(s.imm);
            r.map2(s, m, |a: f64, b: f64| soft::quotient(a, b, rounding));
        }),
        "rcp" => kernel!(|r, s, m| {
            let rounding = Rounding::of_bits(s.imm);
            r.map1(s, m, |a: f64| soft::quotient(1.0, a, rounding));
        }),
        "sqrt" => kernel!(|r, s, m| {
            let rounding = Rounding::of_bits(s.imm);
            r.map1(s, m, |a: f64| soft::root(a, rounding));
        }),
        _ => kernel!(|r, s, m| {
            let rounding = Rounding::of_bits(s.imm);
            r.map3(s, m, |a: f64, b: f64, c: f64| {
                soft::fused(a, b, c, rounding)
            });
        }),
    };
    let flops = if alu.s.len() == 3 { 2 } else { 1 };
    Some(alu.imm(rounding as u32).flops(Class::F64, flops))
}
