//! Arithmetic on halves and bfloat16, one and two in a register.

use rustc_apfloat::Round;
use rustc_apfloat::ieee::{BFloat, Half};

use crate::cases::floats;
use crate::floats::{apply, operands};
use crate::instruction::{Code, Width};
use crate::reference::{Extras, Known};

fn check<F: Known>(operation: &str, extras: Extras) {
    let cases = floats(7 + operation.len() as u64, F::FORMAT);
    let expected = |[a, b, c]: [u64; 3]| {
        let operands = [a, b, c].map(|bits| extras.before::<F>(bits & 0xffff));
        extras.after(apply(operation, operands, Round::NearestTiesToEven))
    };
    let opcode = format!("{operation}.rn{}.{}", extras.name(), F::NAME);
    let one = Code::of(&opcode, Width::B16, &vec![Width::B16; operands(operation)]);
    one.check(&cases, |[a, b, c, _]| expected([a, b, c]));
    let two = Code::of(
        &format!("{opcode}x2"),
        Width::B32,
        &vec![Width::B32; operands(operation)],
    );
    let pairs: Vec<[u64; 4]> = cases
        .iter()
        .zip(cases.iter().rev())
        .map(|(low, high)| std::array::from_fn(|at| low[at] | high[at] << 16))
        .collect();
    two.check(&pairs, |[a, b, c, _]| {
        let high = expected([a, b, c].map(|bits| bits >> 16));
        expected([a, b, c]) | high << 16
    });
}

const PLAIN: Extras = Extras {
    flush: false,
    saturate: false,
    relu: false,
};

#[test]
fn halves() {
    for operation in ["add", "sub", "mul", "fma"] {
        for (flush, saturate) in [(false, false), (true, false), (false, true), (true, true)] {
            let extras = Extras {
                flush,
                saturate,
                relu: false,
            };
            check::<Half>(operation, extras);
        }
    }
    for flush in [false, true] {
        let extras = Extras {
            flush,
            relu: true,
            saturate: false,
        };
        check::<Half>("fma", extras);
    }
}

#[test]
fn bfloat16() {
    for operation in ["add", "sub", "mul", "fma"] {
        check::<BFloat>(operation, PLAIN);
    }
    let relu = Extras {
        relu: true,
        ..PLAIN
    };
    check::<BFloat>("fma", relu);
}

/// IEEE 754-2019, section 9.6: a number wins over what is none, unless `.NaN`
/// asks for the opposite; -0 is less than +0.
fn extremum<F: Known>(most: bool, strict: bool, [a, b]: [u64; 2]) -> u64 {
    let [x, y] = [a, b].map(|bits| F::from_bits(u128::from(bits)));
    if x.is_nan() && y.is_nan() || strict && (x.is_nan() || y.is_nan()) {
        return F::NO_NUMBER;
    }
    if x.is_nan() {
        return b;
    }
    if y.is_nan() {
        return a;
    }
    let less = if x.is_zero() && y.is_zero() {
        x.is_negative()
    } else {
        x < y
    };
    if less == most { b } else { a }
}

fn extrema<F: Known>(width: Width, nan: &[&str]) {
    let cases = floats(17, F::FORMAT);
    for (name, most) in [("min", false), ("max", true)] {
        for strict in nan {
            let code = Code::of(&format!("{name}{strict}.{}", F::NAME), width, &[width; 2]);
            let strict = !strict.is_empty();
            code.check_by(
                &cases,
                |got, expected| {
                    let no_number = |bits: u64| F::from_bits(u128::from(bits)).is_nan();
                    got == expected || width == Width::B64 && no_number(got) && no_number(expected)
                },
                |[a, b, ..]| extremum::<F>(most, strict, [a, b]),
            );
        }
    }
}

#[test]
fn extrema_of_all_formats() {
    extrema::<Half>(Width::B16, &["", ".NaN"]);
    extrema::<BFloat>(Width::B16, &["", ".NaN"]);
    extrema::<rustc_apfloat::ieee::Single>(Width::B32, &["", ".NaN"]);
    extrema::<rustc_apfloat::ieee::Double>(Width::B64, &[""]);
}
