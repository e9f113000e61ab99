//! Functions that GPUs approximate: within what the PTX ISA promises for
//! them, section 9.7.3, and at most one unit in the last place.

use crate::cases::floats;
use crate::instruction::{Code, Width};
use crate::reference::Format;

/// Units in the last place of a single between a single and a double.
fn distance(got: f32, expected: f64) -> f64 {
    let near = expected as f32;
    if got.to_bits() == near.to_bits() || got.is_nan() && near.is_nan() {
        return 0.0;
    }
    let (low, high) = (near.next_down(), near.next_up());
    let unit = (f64::from(high) - f64::from(low)) / 2.0;
    (f64::from(got) - expected).abs() / unit
}

fn check(opcode: &str, range: f32, f: impl Fn(f64) -> f64) {
    let cases = floats(1, Format::SINGLE);
    let code = Code::of(opcode, Width::B32, &[Width::B32]);
    for (case, got) in cases.iter().zip(code.run(&cases)) {
        let x = f32::from_bits(case[0] as u32);
        if x.is_finite() && x.abs() > range {
            continue;
        }
        let (got, expected) = (f32::from_bits(got as u32), f(f64::from(x)));
        let off = distance(got, expected);
        assert!(
            off < 0.51,
            "{opcode} of {x:e}: {got:e} instead of {expected:e}"
        );
    }
}

#[test]
fn functions_of_singles() {
    let all = f32::INFINITY;
    check("ex2.approx.f32", all, f64::exp2);
    check("lg2.approx.f32", all, f64::log2);
    check("rcp.approx.f32", all, |x| 1.0 / x);
    check("sqrt.approx.f32", all, f64::sqrt);
    check("rsqrt.approx.f32", all, |x| 1.0 / x.sqrt());
    check("tanh.approx.f32", all, f64::tanh);
    // The ISA promises nothing outside: there reduction needs more digits of π.
    check("sin.approx.f32", 1e5, f64::sin);
    check("cos.approx.f32", 1e5, f64::cos);
}

/// PTX ISA 9.0, tables of 9.7.3.8 to 9.7.3.22: what is at the ends.
#[test]
fn special_values() {
    let (inf, nan) = (f32::INFINITY, f32::NAN);
    for (opcode, values) in [
        (
            "ex2.approx.ftz.f32",
            vec![
                (-inf, 0.0),
                (-0.0, 1.0),
                (inf, inf),
                (nan, nan),
                (-130.0, 0.0),
            ],
        ),
        (
            "lg2.approx.ftz.f32",
            vec![
                (0.0, -inf),
                (1e-40, -inf),
                (-1.0, nan),
                (inf, inf),
                (nan, nan),
            ],
        ),
        (
            "rcp.approx.ftz.f32",
            vec![
                (0.0, inf),
                (-0.0, -inf),
                (inf, 0.0),
                (1e-40, inf),
                (2e38, 0.0),
            ],
        ),
        (
            "rsqrt.approx.ftz.f32",
            vec![(0.0, inf), (-0.0, -inf), (-1.0, nan), (inf, 0.0)],
        ),
        (
            "sqrt.approx.ftz.f32",
            vec![(-0.0, -0.0), (-1.0, nan), (inf, inf), (1e-40, 0.0)],
        ),
        (
            "sin.approx.ftz.f32",
            vec![(0.0, 0.0), (-0.0, -0.0), (inf, nan), (nan, nan)],
        ),
        ("cos.approx.ftz.f32", vec![(0.0, 1.0), (inf, nan)]),
        (
            "tanh.approx.f32",
            vec![(inf, 1.0), (-inf, -1.0), (-0.0, -0.0)],
        ),
    ] {
        let cases: Vec<[u64; 4]> = values
            .iter()
            .map(|(x, _)| [u64::from(x.to_bits()), 0, 0, 0])
            .collect();
        let got = Code::of(opcode, Width::B32, &[Width::B32]).run(&cases);
        for ((x, expected), got) in values.iter().zip(got) {
            let got = f32::from_bits(got as u32);
            let same = got.to_bits() == expected.to_bits() || got.is_nan() && expected.is_nan();
            assert!(same, "{opcode} of {x}: {got} instead of {expected}");
        }
    }
}

/// PTX ISA 9.0, 9.7.3.14 and 18: the lower half of a double is passed over and
/// comes out as zeros, denormals are zeros, and the upper half is right to
/// 2⁻²⁰ at least.
#[test]
fn upper_halves_of_doubles() {
    type Function = fn(f64) -> f64;
    let functions: [(&str, Function); 2] = [
        ("rcp.approx.ftz.f64", |x| 1.0 / x),
        ("rsqrt.approx.ftz.f64", |x| 1.0 / x.sqrt()),
    ];
    for (opcode, f) in functions {
        let mut cases = floats(1, Format::DOUBLE);
        let ends = [0.0, -0.0, 1e-310, -1e-310, f64::INFINITY, -1.0, f64::NAN];
        cases.extend(ends.map(|x| [x.to_bits(), 0, 0, 0]));
        let code = Code::of(opcode, Width::B64, &[Width::B64]);
        for (case, got) in cases.iter().zip(code.run(&cases)) {
            let x = f64::from_bits(case[0] & 0xffff_ffff_0000_0000);
            let x = if x.is_subnormal() {
                0.0_f64.copysign(x)
            } else {
                x
            };
            let (got, expected) = (f64::from_bits(got), f(x));
            let near = (got - expected).abs() <= expected.abs() * 2.0_f64.powi(-20);
            // What would come out below the normal numbers is a zero.
            let small = expected.abs() < f64::MIN_POSITIVE && got == 0.0;
            let same = got.to_bits() == expected.to_bits() || got.is_nan() && expected.is_nan();
            assert!(
                near || small || same,
                "{opcode} of {x:e}: {got:e} instead of {expected:e}"
            );
            assert!(
                got.is_nan() || got.to_bits() << 32 == 0,
                "{opcode} of {x:e}"
            );
        }
    }
}

/// PTX ISA 9.0, 9.7.3.8: within two units in the last place where the divisor
/// is not beyond 2¹²⁶.
#[test]
fn quotients() {
    let cases = floats(2, Format::SINGLE);
    for opcode in ["div.approx.f32", "div.full.f32"] {
        let code = Code::of(opcode, Width::B32, &[Width::B32; 2]);
        for (case, got) in cases.iter().zip(code.run(&cases)) {
            let [a, b] = [case[0], case[1]].map(|bits| f32::from_bits(bits as u32));
            if b.abs() > 2.0_f32.powi(126) {
                continue;
            }
            let got = f32::from_bits(got as u32);
            let off = distance(got, f64::from(a) / f64::from(b));
            assert!(off <= 2.0, "{opcode} of {a:e}, {b:e}: {got:e}");
        }
    }
}
