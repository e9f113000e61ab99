//! Conversions between floats, and between floats and integers.

use rustc_apfloat::ieee::{BFloat, Double, Half, Single};
use rustc_apfloat::{FloatConvert, Round};

use crate::cases::{floats, integers};
use crate::instruction::{Code, Width};
use crate::integers::{INTS, Int};
use crate::reference::{Extras, Known, ROUNDINGS, same_double};

fn width<F: Known>() -> Width {
    match F::NAME {
        "f64" => Width::B64,
        "f32" => Width::B32,
        _ => Width::B16,
    }
}

/// Those that a format is converted to and from: bfloat16 is not to and from 8 bits.
fn ints<F: Known>() -> Vec<Int> {
    let mut all = INTS.to_vec();
    if F::NAME != "bf16" {
        all.extend([Int::new("s8", 8, true), Int::new("u8", 8, false)]);
    }
    all
}

fn between<To: Known, From: Known + FloatConvert<To>>(roundings: &[(&str, Round)], extras: Extras) {
    let cases = floats(1, From::FORMAT);
    for (name, round) in roundings {
        let dot = if name.is_empty() { "" } else { "." };
        let opcode = format!(
            "cvt{dot}{name}{}.{}.{}",
            extras.name(),
            To::NAME,
            From::NAME
        );
        let code = Code::of(&opcode, width::<To>(), &[width::<From>()]);
        code.check_by(
            &cases,
            |got, expected| got == expected || To::NAME == "f64" && same_double(got, expected),
            |[a, ..]| {
                // Only singles are flushed, whichever side they are on.
                let before = Extras {
                    flush: extras.flush && From::NAME == "f32",
                    ..extras
                };
                let after = Extras {
                    flush: extras.flush && To::NAME == "f32",
                    ..extras
                };
                let value = before.before::<From>(a);
                after.after::<To>(value.convert_r(*round, &mut false).value)
            },
        );
    }
}

const PLAIN: Extras = Extras {
    flush: false,
    saturate: false,
    relu: false,
};
const FLUSHED: Extras = Extras {
    flush: true,
    ..PLAIN
};
const SATURATED: Extras = Extras {
    saturate: true,
    ..PLAIN
};
const RELU: Extras = Extras {
    relu: true,
    ..PLAIN
};
const EXACT: [(&str, Round); 1] = [("", Round::NearestTiesToEven)];

/// PTX ISA 9.0, section 9.4.1: a register may be longer than the integer that
/// is read from it.
#[test]
fn integers_in_longer_registers() {
    for (name, bits, signed) in [
        ("s8", 8, true),
        ("u8", 8, false),
        ("s16", 16, true),
        ("u16", 16, false),
        ("s32", 32, true),
        ("u32", 32, false),
    ] {
        let int = Int::new(name, bits, signed);
        Code::of(&format!("cvt.s64.{name}"), Width::B64, &[Width::B64])
            .check(&integers(21), |[a, ..]| int.value(a) as u64);
        Code::of(&format!("cvt.rn.f64.{name}"), Width::B64, &[Width::B64])
            .check(&integers(22), |[a, ..]| (int.value(a) as f64).to_bits());
    }
}

#[test]
fn to_narrower_floats() {
    for extras in [PLAIN, SATURATED] {
        between::<Single, Double>(&ROUNDINGS, extras);
        between::<Half, Single>(&ROUNDINGS, extras);
        between::<Half, Double>(&ROUNDINGS, extras);
    }
    between::<Single, Double>(&ROUNDINGS, FLUSHED);
    between::<BFloat, Single>(&ROUNDINGS, PLAIN);
    between::<BFloat, Double>(&ROUNDINGS, PLAIN);
    between::<Half, Single>(&ROUNDINGS[..2], RELU);
    between::<BFloat, Single>(&ROUNDINGS[..2], RELU);
    between::<Half, Single>(&ROUNDINGS[..1], FLUSHED);
}

#[test]
fn to_wider_floats() {
    for extras in [PLAIN, SATURATED] {
        between::<Double, Single>(&EXACT, extras);
        between::<Single, Half>(&EXACT, extras);
    }
    between::<Single, BFloat>(&EXACT, PLAIN);
    between::<Double, Single>(&EXACT, FLUSHED);
    between::<Single, Single>(&EXACT, FLUSHED);
    between::<Single, Single>(&EXACT, SATURATED);
    between::<Double, Half>(&EXACT, PLAIN);
    between::<Double, BFloat>(&EXACT, PLAIN);
}

#[test]
fn two_at_once() {
    let cases = floats(2, Single::FORMAT);
    let half = |bits: u64, round| {
        let value: Half = PLAIN
            .before::<Single>(bits)
            .convert_r(round, &mut false)
            .value;
        PLAIN.after(value)
    };
    let brain = |bits: u64, round| {
        let value: BFloat = PLAIN
            .before::<Single>(bits)
            .convert_r(round, &mut false)
            .value;
        PLAIN.after(value)
    };
    for (name, round) in &ROUNDINGS[..2] {
        let operands = [Width::B32; 2];
        Code::of(&format!("cvt.{name}.f16x2.f32"), Width::B32, &operands)
            .check(&cases, |[a, b, ..]| half(a, *round) << 16 | half(b, *round));
        Code::of(&format!("cvt.{name}.bf16x2.f32"), Width::B32, &operands)
            .check(&cases, |[a, b, ..]| {
                brain(a, *round) << 16 | brain(b, *round)
            });
    }
}

fn whole<F: Known>() {
    let cases = floats(3, F::FORMAT);
    for (name, round) in ROUNDINGS {
        let opcode = format!("cvt.{name}i.{}.{}", F::NAME, F::NAME);
        Code::of(&opcode, width::<F>(), &[width::<F>()]).check_by(
            &cases,
            |got, expected| got == expected || F::NAME == "f64" && same_double(got, expected),
            |[a, ..]| PLAIN.after(PLAIN.before::<F>(a).round_to_integral(round).value),
        );
    }
}

#[test]
fn to_whole_numbers() {
    whole::<Half>();
    whole::<BFloat>();
    whole::<Single>();
    whole::<Double>();
}

fn to_integers<F: Known>(extras: Extras) {
    let cases = floats(4, F::FORMAT);
    for int in ints::<F>() {
        // Larger exponents than chance brings: those of this integer's ends.
        for (name, round) in ROUNDINGS {
            let opcode = format!("cvt.{name}i{}.{}.{}", extras.name(), int.name, F::NAME);
            let register = Int::new("", int.bits.max(16), int.signed);
            Code::of(&opcode, int.width(), &[width::<F>()]).check(&cases, |[a, ..]| {
                let value = extras.before::<F>(a);
                let bits = if value.is_nan() {
                    // PTX ISA 9.0, 9.7.9.21.
                    if F::NAME == "f64" || int.bits == 64 {
                        1 << (int.bits - 1)
                    } else {
                        0
                    }
                } else if int.signed {
                    let converted = value.to_i128_r(int.bits as usize, round, &mut false);
                    converted.value as u64
                } else {
                    let converted = value.to_u128_r(int.bits as usize, round, &mut false);
                    converted.value as u64
                };
                register.wrap(int.value(bits))
            });
        }
    }
}

#[test]
fn halves_to_integers() {
    to_integers::<Half>(PLAIN);
}

#[test]
fn brains_to_integers() {
    to_integers::<BFloat>(PLAIN);
}

#[test]
fn singles_to_integers() {
    to_integers::<Single>(PLAIN);
    to_integers::<Single>(FLUSHED);
}

#[test]
fn doubles_to_integers() {
    to_integers::<Double>(PLAIN);
}

fn from_integers<F: Known>(extras: Extras) {
    for int in ints::<F>() {
        for (name, round) in ROUNDINGS {
            let opcode = format!("cvt.{name}{}.{}.{}", extras.name(), F::NAME, int.name);
            Code::of(&opcode, width::<F>(), &[int.width()]).check(&integers(5), |[a, ..]| {
                extras.after(F::from_i128_r(int.value(a), round).value)
            });
        }
    }
}

#[test]
fn integers_to_halves() {
    from_integers::<Half>(PLAIN);
}

#[test]
fn integers_to_brains() {
    from_integers::<BFloat>(PLAIN);
}

#[test]
fn integers_to_singles() {
    from_integers::<Single>(PLAIN);
    from_integers::<Single>(SATURATED);
}

#[test]
fn integers_to_doubles() {
    from_integers::<Double>(PLAIN);
}
