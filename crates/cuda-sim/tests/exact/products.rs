//! `mma` against the layouts of the PTX ISA, and against sums that are exact.

#![expect(clippy::float_cmp, reason = "sums of small integers are exact")]

use std::fmt::Write;

use rustc_apfloat::ieee::{BFloat, Double, Float8E4M3FN, Float8E5M2, Half};
use rustc_apfloat::{Float, FloatConvert, Round};

use crate::cases::Source;
use crate::layouts::{Layouts, Place, all};
use crate::warp::{Warp, registers};

/// Bits of an element.
pub(crate) fn width(ty: &str) -> usize {
    match ty {
        "s4" | "u4" => 4,
        "s8" | "u8" | "e4m3" | "e5m2" => 8,
        "f16" | "bf16" => 16,
        "f64" => 64,
        _ => 32,
    }
}

fn double<F: Float + FloatConvert<Double>>(bits: u64) -> f64 {
    let exact = F::from_bits(u128::from(bits)).convert(&mut false).value;
    f64::from_bits(exact.to_bits() as u64)
}

/// What an element stands for.
pub(crate) fn value(ty: &str, bits: u64) -> f64 {
    match ty {
        "f16" => double::<Half>(bits),
        "bf16" => double::<BFloat>(bits),
        "e4m3" => double::<Float8E4M3FN>(bits),
        "e5m2" => double::<Float8E5M2>(bits),
        // The lowest 13 bits are left out.
        "tf32" => f64::from(f32::from_bits(bits as u32 >> 13 << 13)),
        "f32" => f64::from(f32::from_bits(bits as u32)),
        "f64" => f64::from_bits(bits),
        "s4" => f64::from((bits << 4) as i8 >> 4),
        "s8" => f64::from(bits as i8),
        "s32" => f64::from(bits as i32),
        _ => bits as f64,
    }
}

/// The element that stands for a small integer.
pub(crate) fn bits_of(ty: &str, integer: i64) -> u64 {
    let wide = Double::from_bits(u128::from((integer as f64).to_bits()));
    let mask = u64::MAX >> (64 - width(ty));
    mask & match ty {
        "f16" => FloatConvert::<Half>::convert(wide, &mut false)
            .value
            .to_bits() as u64,
        "bf16" => FloatConvert::<BFloat>::convert(wide, &mut false)
            .value
            .to_bits() as u64,
        "e4m3" => FloatConvert::<Float8E4M3FN>::convert(wide, &mut false)
            .value
            .to_bits() as u64,
        "e5m2" => FloatConvert::<Float8E5M2>::convert(wide, &mut false)
            .value
            .to_bits() as u64,
        "tf32" | "f32" => u64::from((integer as f32).to_bits()),
        "f64" => (integer as f64).to_bits(),
        _ => integer as u64,
    }
}

/// A matrix of elements' bits.
#[derive(Clone, Debug)]
pub(crate) struct Matrix {
    pub(crate) rows: usize,
    pub(crate) columns: usize,
    pub(crate) ty: &'static str,
    pub(crate) bits: Vec<u64>,
}

impl Matrix {
    pub(crate) fn new(
        ty: &'static str,
        rows: usize,
        columns: usize,
        mut element: impl FnMut() -> u64,
    ) -> Self {
        let bits = (0..rows * columns).map(|_| element()).collect();
        Self {
            rows,
            columns,
            ty,
            bits,
        }
    }

    pub(crate) fn at(&self, (row, column): (usize, usize)) -> u64 {
        self.bits[row * self.columns + column]
    }

    pub(crate) fn value(&self, row: usize, column: usize) -> f64 {
        value(self.ty, self.at((row, column)))
    }

    /// Elements that a lane has.
    fn each(&self) -> usize {
        self.rows * self.columns / 32
    }

    /// Registers that it takes.
    fn registers(&self) -> usize {
        (self.each() * width(self.ty)).div_ceil(width(self.ty).max(32))
    }

    /// A lane's fragment, as it lies in registers.
    fn fragment(&self, lane: usize, place: Place) -> Vec<u8> {
        let width = width(self.ty);
        let mut bytes = vec![0; self.each() * width / 8];
        for i in 0..self.each() {
            let bits = self.at(place(lane, i));
            for bit in 0..width {
                let at = i * width + bit;
                bytes[at / 8] |= ((bits >> bit & 1) as u8) << (at % 8);
            }
        }
        bytes
    }

    /// Puts what lanes have back in its place.
    fn gather(&mut self, given: &[u8], place: Place) {
        let width = width(self.ty) / 8;
        let each = self.each();
        for (at, bytes) in given.chunks_exact(width).enumerate() {
            let (row, column) = place(at / each, at % each);
            let bits = bytes
                .iter()
                .rev()
                .fold(0, |bits, byte| bits << 8 | u64::from(*byte));
            self.bits[row * self.columns + column] = bits;
        }
    }
}

/// Loads and stores of registers around an instruction.
fn body(instruction: &str, [d, a, b, c]: [&Matrix; 4]) -> String {
    let mut text = String::new();
    let mut at = 0;
    for (name, matrix) in [('a', a), ('b', b), ('c', c)] {
        let bits = width(matrix.ty).max(32);
        let count = matrix.registers();
        writeln!(text, ".reg .b{bits} %{name}<{count}>;").unwrap();
        for register in 0..count {
            writeln!(text, "ld.global.b{bits} %{name}{register}, [%in+{at}];").unwrap();
            at += bits / 8;
        }
    }
    let bits = width(d.ty).max(32);
    let count = d.registers();
    writeln!(text, ".reg .b{bits} %d<{count}>;").unwrap();
    writeln!(
        text,
        "{instruction} {}, {}, {}, {};",
        registers('d', count),
        registers('a', a.registers()),
        registers('b', b.registers()),
        registers('c', c.registers())
    )
    .unwrap();
    for register in 0..count {
        writeln!(
            text,
            "st.global.b{bits} [%out+{}], %d{register};",
            register * bits / 8
        )
        .unwrap();
    }
    text
}

/// Runs an `mma`, and answers `d`.
fn run(layouts: &Layouts, modifiers: [&str; 2], [a, b, c]: [&Matrix; 3]) -> Matrix {
    let d = Matrix::new(c.ty, c.rows, c.columns, || 0);
    let [before, behind] = modifiers;
    let instruction = format!(
        "mma.sync.aligned.{}.row.col{before}.{}.{}.{}.{}{behind}",
        layouts.shape, d.ty, a.ty, b.ty, c.ty
    );
    let mut given = Vec::new();
    for lane in 0..32 {
        for (matrix, place) in [(a, layouts.a), (b, layouts.b), (c, layouts.c)] {
            given.extend(matrix.fragment(lane, place));
        }
    }
    let warp = Warp {
        body: body(&instruction, [&d, a, b, c]),
        bytes: [given.len() / 32, d.each() * width(d.ty) / 8],
    };
    let (left, counts) = warp.run(&given);
    let [m, n, k] = layouts.size;
    let flops = if d.ty == "s32" { 0 } else { 2 * m * n * k };
    assert_eq!(counts.flops, flops as u64, "{instruction}");
    let mut found = d;
    found.gather(&left, layouts.c);
    found
}

/// All types that a layout is for.
fn types(layouts: &Layouts) -> Vec<[&'static str; 3]> {
    let mut types = Vec::new();
    for a in layouts.factors {
        for b in layouts.factors {
            for c in layouts.sums {
                types.push([*a, *b, *c]);
            }
        }
    }
    types
}

/// Integers that all types hold, and whose sums halves hold.
fn small(source: &mut Source, ty: &str) -> u64 {
    let integer = source.below(9) as i64 - 4;
    let integer = if matches!(ty, "u4" | "u8") {
        integer.abs()
    } else {
        integer
    };
    // What is beyond its mantissa must not count.
    let noise = if ty == "tf32" {
        source.below(1 << 13)
    } else {
        0
    };
    bits_of(ty, integer) | noise
}

#[test]
fn layouts() {
    let mut source = Source::new(11);
    for layouts in all() {
        let [m, n, k] = layouts.size;
        for [ta, tb, tc] in types(layouts) {
            let a = Matrix::new(ta, m, k, || small(&mut source, ta));
            let b = Matrix::new(tb, k, n, || small(&mut source, tb));
            let c = Matrix::new(tc, m, n, || bits_of(tc, source.below(500) as i64 - 250));
            let d = run(layouts, ["", ""], [&a, &b, &c]);
            for row in 0..m {
                for column in 0..n {
                    let sum = (0..k).map(|k| a.value(row, k) * b.value(k, column));
                    let expected = sum.sum::<f64>() + c.value(row, column);
                    assert_eq!(
                        d.value(row, column),
                        expected,
                        "{} {ta} {tb} {tc} at {row}, {column}",
                        layouts.shape
                    );
                }
            }
        }
    }
}

/// A sum of products of floats, and the sum of their magnitudes.
fn sum(a: &Matrix, b: &Matrix, c: &Matrix, row: usize, column: usize) -> (f64, f64) {
    // Two-sum (Knuth): what a sum loses is added at the end.
    let (mut sum, mut lost) = (c.value(row, column), 0.0);
    let mut magnitude = sum.abs();
    for k in 0..a.columns {
        let product = a.value(row, k) * b.value(k, column);
        magnitude += product.abs();
        let next = sum + product;
        let part = next - sum;
        lost += (sum - (next - part)) + (product - part);
        sum = next;
    }
    (sum + lost, magnitude)
}

/// Random numbers: what is documented, half a unit in the last place of the
/// result and what doubles lose, is kept.
#[test]
fn accuracy() {
    let mut source = Source::new(12);
    for layouts in all().filter(|layouts| !matches!(layouts.sums, ["s32" | "f64"])) {
        let [m, n, k] = layouts.size;
        for [ta, tb, tc] in types(layouts) {
            // Exponents around that of 1.
            let mut element = |ty: &'static str| loop {
                let bits = source.next() & (u64::MAX >> (64 - width(ty)));
                let value = value(ty, bits).abs();
                if value > 1e-3 && value < 1e2 {
                    break bits;
                }
            };
            let a = Matrix::new(ta, m, k, || element(ta));
            let b = Matrix::new(tb, k, n, || element(tb));
            let c = Matrix::new(tc, m, n, || element(tc));
            let d = run(layouts, ["", ""], [&a, &b, &c]);
            let unit = if tc == "f16" {
                2.0_f64.powi(-11)
            } else {
                2.0_f64.powi(-24)
            };
            for row in 0..m {
                for column in 0..n {
                    let (exact, magnitude) = sum(&a, &b, &c, row, column);
                    let found = d.value(row, column);
                    if tc == "f16" && exact.abs() >= 65520.0 {
                        assert_eq!(found, f64::INFINITY.copysign(exact));
                        continue;
                    }
                    let bound = unit * exact.abs() + k as f64 * 2.0_f64.powi(-52) * magnitude;
                    let denormal = if tc == "f16" { 2.0_f64.powi(-25) } else { 0.0 };
                    assert!(
                        (found - exact).abs() <= bound.max(denormal),
                        "{} {ta} {tb} {tc}: {found} instead of {exact}",
                        layouts.shape
                    );
                }
            }
        }
    }
}

/// PTX ISA 9.1, 9.7.14.5.14: as `fma`, in any direction.
#[test]
fn doubles() {
    let mut source = Source::new(13);
    let mut element = || {
        let bits = source.next();
        (bits & !(0x7ff << 52)) | (1023 - 8 + (bits >> 52 & 15)) << 52
    };
    for layouts in all().filter(|layouts| layouts.sums == ["f64"]) {
        let [m, n, k] = layouts.size;
        let a = Matrix::new("f64", m, k, &mut element);
        let b = Matrix::new("f64", k, n, &mut element);
        let c = Matrix::new("f64", m, n, &mut element);
        for (modifier, round) in [
            ("", Round::NearestTiesToEven),
            (".rn", Round::NearestTiesToEven),
            (".rz", Round::TowardZero),
            (".rm", Round::TowardNegative),
            (".rp", Round::TowardPositive),
        ] {
            let found = run(layouts, ["", modifier], [&a, &b, &c]);
            let exact = |bits: u64| Double::from_bits(u128::from(bits));
            for row in 0..m {
                for column in 0..n {
                    let expected = (0..k).fold(exact(c.at((row, column))), |sum, k| {
                        let [a, b] = [a.at((row, k)), b.at((k, column))].map(exact);
                        a.mul_add_r(b, sum, round).value
                    });
                    let found = found.at((row, column));
                    let expected = expected.to_bits() as u64;
                    assert_eq!(found, expected, "{}{modifier}", layouts.shape);
                }
            }
        }
    }
}

#[test]
fn integers_wrap_or_stay() {
    let mut source = Source::new(14);
    for layouts in all().filter(|layouts| layouts.sums == ["s32"]) {
        let [m, n, k] = layouts.size;
        for [ta, tb, tc] in types(layouts) {
            let mut element = |ty: &str| source.next() & (u64::MAX >> (64 - width(ty)));
            let a = Matrix::new(ta, m, k, || element(ta));
            let b = Matrix::new(tb, k, n, || element(tb));
            let c = Matrix::new(tc, m, n, || match source.below(3) {
                0 => source.next() & 0xffff_ffff,
                1 => 0x7fff_fff0 + source.below(16),
                _ => 0x8000_0000 + source.below(16),
            });
            let wrapped = run(layouts, ["", ""], [&a, &b, &c]);
            let limited = run(layouts, [".satfinite", ""], [&a, &b, &c]);
            for row in 0..m {
                for column in 0..n {
                    let sum = (0..k).map(|k| a.value(row, k) * b.value(k, column));
                    let exact = (sum.sum::<f64>() + c.value(row, column)) as i64;
                    let found = wrapped.at((row, column)) as u32;
                    assert_eq!(found, exact as u32, "{} {ta} {tb}", layouts.shape);
                    let found = limited.at((row, column)) as i32;
                    let expected = exact.clamp(i64::from(i32::MIN), i64::from(i32::MAX));
                    assert_eq!(i64::from(found), expected, "{} {ta} {tb}", layouts.shape);
                }
            }
        }
    }
}

/// Infinities, what is no number, and denormals, which count as they are.
#[test]
fn special_numbers() {
    let layouts = all().find(|layouts| layouts.factors == ["f16"]).unwrap();
    let zeros = |ty, rows, columns| Matrix::new(ty, rows, columns, || 0);
    let (mut a, mut b) = (zeros("f16", 16, 8), zeros("f16", 8, 8));
    let mut c = zeros("f32", 16, 8);
    let one = 0x3c00;
    b.bits[0] = one;
    // Column 0 of `b` is (1, 0, …): what `a` has first stands there.
    let firsts = [0x7c00, 0xfc00, 0x7e01, 0x0001, 0x8001, 0x0000];
    for (row, bits) in firsts.iter().enumerate() {
        a.bits[row * 8] = *bits;
    }
    c.bits[8] = u64::from(f32::INFINITY.to_bits());
    c.bits[6 * 8] = u64::from(f32::from_bits(1).to_bits());
    let d = run(layouts, ["", ""], [&a, &b, &c]);
    let first = |row: usize| f32::from_bits(d.at((row, 0)) as u32);
    assert_eq!(first(0), f32::INFINITY);
    assert_eq!(d.at((1, 0)), 0x7fff_ffff, "infinity less infinity");
    assert_eq!(d.at((2, 0)), 0x7fff_ffff);
    assert_eq!(first(3), 2.0_f32.powi(-24));
    assert_eq!(first(4), -(2.0_f32.powi(-24)));
    assert_eq!(d.at((6, 0)), 1);
    assert_eq!(d.at((0, 1)), 0x7fff_ffff, "infinity times zero");
}

/// Registers may be named twice: all is read before anything is written.
#[test]
fn results_over_operands() {
    let text = ".reg .b32 %r<4>;\n\
        ld.global.b32 %r0, [%in];\nld.global.b32 %r1, [%in+4];\n\
        ld.global.b32 %r2, [%in+8];\nld.global.b32 %r3, [%in+12];\n\
        mma.sync.aligned.m16n8k8.row.col.f16.f16.f16.f16 {%r0, %r1}, {%r0, %r1}, {%r0}, {%r0, %r1};\n\
        st.global.b32 [%out], %r0;\nst.global.b32 [%out+4], %r1;";
    let warp = Warp {
        body: text.to_owned(),
        bytes: [16, 8],
    };
    let layouts = all().find(|layouts| layouts.factors == ["f16"]).unwrap();
    let mut source = Source::new(15);
    let a = Matrix::new("f16", 16, 8, || small(&mut source, "f16"));
    let mut b = Matrix::new("f16", 8, 8, || 0);
    let given: Vec<u8> = (0..32)
        .flat_map(|lane| {
            let mut bytes = a.fragment(lane, layouts.a);
            bytes.resize(16, 0);
            bytes
        })
        .collect();
    let firsts: Vec<u8> = given
        .chunks(16)
        .flat_map(|bytes| bytes[..4].to_vec())
        .collect();
    b.gather(&firsts, layouts.b);
    let (left, _) = warp.run(&given);
    let mut d = Matrix::new("f16", 16, 8, || 0);
    d.gather(&left, layouts.c);
    for row in 0..16 {
        for column in 0..8 {
            let sum = (0..8).map(|k| a.value(row, k) * b.value(k, column));
            let expected = sum.sum::<f64>() + a.value(row, column);
            assert_eq!(d.value(row, column), expected);
        }
    }
}

/// What there is not, or not here, is refused by its name.
#[test]
fn forms_that_there_are_not() {
    for instruction in [
        "mma.sync.aligned.m16n8k16.row.row.f32.f16.f16.f32 {%a, %a, %a, %a}, {%a, %a, %a, %a}, {%a, %a}, {%a, %a, %a, %a}",
        "mma.sync.aligned.m16n8k16.row.col.f32.bf16.f16.f32 {%a, %a, %a, %a}, {%a, %a, %a, %a}, {%a, %a}, {%a, %a, %a, %a}",
        "mma.sync.aligned.m16n8k16.row.col.f16.f16.f16.f32 {%a, %a}, {%a, %a, %a, %a}, {%a, %a}, {%a, %a, %a, %a}",
        "mma.sync.aligned.m16n8k8.row.col.satfinite.f32.f16.f16.f32 {%a, %a, %a, %a}, {%a, %a}, {%a}, {%a, %a, %a, %a}",
        "mma.sp.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%a, %a, %a, %a}, {%a, %a}, {%a, %a}, {%a, %a, %a, %a}, %a, 0",
        "mma.sync.aligned.m16n8k256.row.col.s32.b1.b1.s32.and.popc {%a, %a, %a, %a}, {%a, %a, %a, %a}, {%a, %a}, {%a, %a, %a, %a}",
        "mma.sync.m16n8k8.row.col.f16.f16.f16.f16 {%a, %a}, {%a, %a}, {%a}, {%a, %a}",
        "wmma.mma.sync.aligned.row.col.m16n16k16.f32.tf32.tf32.f32 {%a}, {%a}, {%a}, {%a}",
        "wmma.load.a.sync.aligned.row.m16n16k16.local.f16 {%a}, [%from]",
        "wmma.load.d.sync.aligned.row.m16n16k16.global.f16 {%a}, [%from]",
        "wmma.store.d.sync.aligned.row.m16n16k16.global.bf16 [%from], {%a}",
        "ldmatrix.sync.aligned.m16n16.x1.trans.shared.b8 {%a, %a}, [%lane]",
        "stmatrix.sync.aligned.m8n8.x3.shared.b16 [%lane], {%a, %a, %a}",
        "movmatrix.sync.aligned.m8n8.b16 %a, %a",
        "cp.async.ca.shared.global [%lane], [%from], 12",
        "cp.async.ca.shared.shared [%lane], [%lane], 4",
        "cp.async.mbarrier.arrive.shared.b64 [%lane]",
        "cp.async.wait_group %lane",
    ] {
        let warp = Warp {
            body: format!(".reg .b32 %a;\n{instruction};"),
            bytes: [4, 4],
        };
        let (opcode, _) = instruction.split_once(' ').unwrap();
        let error = warp.load_error();
        let named = error.starts_with(&format!("not simulable: {opcode} at line "));
        assert!(named, "{instruction}: {error}");
    }
    let warp = Warp {
        body: ".reg .b32 %a;\n\
            mma.sync.aligned.m16n8k8.row.col.f16.f16.f16.f16 {%a, %a}, {%a}, {%a}, {%a, %a};"
            .to_owned(),
        bytes: [4, 4],
    };
    let error = warp.load_error();
    assert!(error.contains("1 registers where 2 are needed"), "{error}");
}
