//! Conversions to tf32, and to and from floats of eight bits: PTX ISA 9.1,
//! section 9.7.9.21.

use rustc_apfloat::ieee::{Float8E4M3FN, Float8E5M2, Half, IeeeFloat, Semantics, Single};
use rustc_apfloat::{Float, FloatConvert, Round};

use crate::cases::floats;
use crate::instruction::{Code, Width};
use crate::reference::Format;

/// Eight bits of exponent, ten of mantissa.
#[derive(Debug)]
struct Tf32;

impl Semantics for Tf32 {
    const BITS: usize = 19;
    const EXP_BITS: usize = 8;
}

#[test]
fn to_tf32() {
    for (name, round) in [
        ("rna", Round::NearestTiesToAway),
        ("rn", Round::NearestTiesToEven),
        ("rz", Round::TowardZero),
    ] {
        let opcode = format!("cvt.{name}.tf32.f32");
        let code = Code::of(&opcode, Width::B32, &[Width::B32]);
        code.check(&floats(41, Format::SINGLE), |[a, ..]| {
            let single = Single::from_bits(u128::from(a & 0xffff_ffff));
            if single.is_nan() {
                return 0x7fff_ffff;
            }
            let found: IeeeFloat<Tf32> = single.convert_r(round, &mut false).value;
            (found.to_bits() as u64) << 13
        });
    }
}

/// A number in a format of eight bits whose largest is `most`; not less than
/// zero where `relu`.
fn narrow<F: Float, S: Float + FloatConvert<F>>(value: S, most: u64, relu: bool) -> u64 {
    if value.is_nan() {
        return 0x7f;
    }
    if relu && value.is_negative() {
        return 0;
    }
    let found: F = value.convert_r(Round::NearestTiesToEven, &mut false).value;
    if found.is_finite() {
        found.to_bits() as u64
    } else {
        most | u64::from(value.is_negative()) << 7
    }
}

fn to_eight_bits<F: Float>(name: &str, most: u64)
where
    Single: FloatConvert<F>,
    Half: FloatConvert<F>,
{
    for relu in [false, true] {
        let clip = if relu { ".relu" } else { "" };
        let opcode = format!("cvt.rn.satfinite{clip}.{name}x2.f32");
        let code = Code::of(&opcode, Width::B16, &[Width::B32, Width::B32]);
        code.check(&floats(42, Format::SINGLE), |[a, b, ..]| {
            let single = |bits: u64| Single::from_bits(u128::from(bits & 0xffff_ffff));
            let [a, b] = [a, b].map(|bits| narrow::<F, _>(single(bits), most, relu));
            a << 8 | b
        });
        let opcode = format!("cvt.rn.satfinite{clip}.{name}x2.f16x2");
        let code = Code::of(&opcode, Width::B16, &[Width::B32]);
        let halves: Vec<[u64; 4]> = (0..1 << 16)
            .map(|bits| [bits << 16 | (bits ^ 0x5555), 0, 0, 0])
            .collect();
        code.check(&halves, |[a, ..]| {
            let half = |bits: u64| Half::from_bits(u128::from(bits & 0xffff));
            let [a, b] = [a >> 16, a].map(|bits| narrow::<F, _>(half(bits), most, relu));
            a << 8 | b
        });
    }
}

fn of_eight_bits<F: Float + FloatConvert<Half>>(name: &str) {
    for relu in [false, true] {
        let clip = if relu { ".relu" } else { "" };
        let opcode = format!("cvt.rn{clip}.f16x2.{name}x2");
        let code = Code::of(&opcode, Width::B32, &[Width::B16]);
        let all: Vec<[u64; 4]> = (0..1 << 16).map(|bits| [bits, 0, 0, 0]).collect();
        code.check(&all, |[a, ..]| {
            let wide = |bits: u64| {
                let value = F::from_bits(u128::from(bits & 0xff));
                if value.is_nan() {
                    return 0x7fff;
                }
                if relu && value.is_negative() {
                    return 0;
                }
                let half: Half = value.convert(&mut false).value;
                half.to_bits() as u64
            };
            wide(a >> 8) << 16 | wide(a)
        });
    }
}

#[test]
fn floats_of_eight_bits() {
    to_eight_bits::<Float8E4M3FN>("e4m3", 0x7e);
    to_eight_bits::<Float8E5M2>("e5m2", 0x7b);
    of_eight_bits::<Float8E4M3FN>("e4m3");
    of_eight_bits::<Float8E5M2>("e5m2");
}
