//! Integer arithmetic by its definition, in 128 bits.

use crate::cases::integers;
use crate::instruction::{Code, Width};

/// An integer type: bits, and whether it has a sign.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Int {
    pub(crate) name: &'static str,
    pub(crate) bits: u32,
    pub(crate) signed: bool,
}

pub(crate) const INTS: [Int; 6] = [
    Int::new("s16", 16, true),
    Int::new("u16", 16, false),
    Int::new("s32", 32, true),
    Int::new("u32", 32, false),
    Int::new("s64", 64, true),
    Int::new("u64", 64, false),
];

impl Int {
    pub(crate) const fn new(name: &'static str, bits: u32, signed: bool) -> Self {
        Self { name, bits, signed }
    }

    /// Of the lowest bits.
    pub(crate) fn value(self, bits: u64) -> i128 {
        let unused = 64 - self.bits;
        if self.signed {
            i128::from((bits << unused).cast_signed() >> unused)
        } else {
            i128::from(bits << unused >> unused)
        }
    }

    pub(crate) fn wrap(self, value: i128) -> u64 {
        value as u64 & u64::MAX >> (64 - self.bits)
    }

    pub(crate) fn least(self) -> i128 {
        if self.signed {
            -(1 << (self.bits - 1))
        } else {
            0
        }
    }

    pub(crate) fn most(self) -> i128 {
        (1 << (self.bits - u32::from(self.signed))) - 1
    }

    pub(crate) fn clamp(self, value: i128) -> u64 {
        self.wrap(value.clamp(self.least(), self.most()))
    }

    pub(crate) fn width(self) -> Width {
        match self.bits {
            64 => Width::B64,
            32 => Width::B32,
            _ => Width::B16,
        }
    }
}

fn check(opcode: &str, ints: &[Int], operands: usize, f: impl Fn(Int, [i128; 3]) -> i128) {
    for &int in ints {
        let width = int.width();
        let code = Code::of(
            &format!("{opcode}.{}", int.name),
            width,
            &vec![width; operands],
        );
        code.check(&integers(operands as u64), |[a, b, c, _]| {
            int.wrap(f(int, [a, b, c].map(|bits| int.value(bits))))
        });
    }
}

const SIGNED: [Int; 3] = [INTS[0], INTS[2], INTS[4]];
const S32: [Int; 1] = [INTS[2]];

#[test]
fn sums_and_differences() {
    check("add", &INTS, 2, |_, [a, b, _]| a + b);
    check("sub", &INTS, 2, |_, [a, b, _]| a - b);
    check("add.sat", &S32, 2, |int, [a, b, _]| {
        (a + b).clamp(int.least(), int.most())
    });
    check("sub.sat", &S32, 2, |int, [a, b, _]| {
        (a - b).clamp(int.least(), int.most())
    });
    check("neg", &SIGNED, 1, |_, [a, ..]| -a);
    check("abs", &SIGNED, 1, |_, [a, ..]| a.abs());
    check("sad", &INTS, 3, |_, [a, b, c]| c + (a - b).abs());
    check("min", &INTS, 2, |_, [a, b, _]| a.min(b));
    check("max", &INTS, 2, |_, [a, b, _]| a.max(b));
    check("min.relu", &S32, 2, |_, [a, b, _]| a.min(b).max(0));
    check("max.relu", &S32, 2, |_, [a, b, _]| a.max(b).max(0));
}

#[test]
fn products() {
    // Of 64 bits the product of two unsigned ones needs all 128.
    let full = |int: Int, a: i128, b: i128| a.wrapping_mul(b) >> int.bits;
    let high = |int: Int, a: i128, b: i128| {
        if int.signed {
            full(int, a, b)
        } else {
            (a.cast_unsigned().wrapping_mul(b.cast_unsigned()) >> int.bits).cast_signed()
        }
    };
    check("mul.lo", &INTS, 2, |_, [a, b, _]| a.wrapping_mul(b));
    check("mul.hi", &INTS, 2, |int, [a, b, _]| high(int, a, b));
    check("mad.lo", &INTS, 3, |_, [a, b, c]| {
        a.wrapping_mul(b).wrapping_add(c)
    });
    check("mad.hi", &INTS[2..], 3, |int, [a, b, c]| {
        high(int, a, b).wrapping_add(c)
    });
    check("mad.hi.sat", &S32, 3, |int, [a, b, c]| {
        (high(int, a, b) + c).clamp(int.least(), int.most())
    });
    for int in &INTS[..4] {
        let (narrow, wide) = match int.bits {
            16 => (Width::B16, Width::B32),
            _ => (Width::B32, Width::B64),
        };
        let result = Int::new("", int.bits * 2, int.signed);
        Code::of(&format!("mul.wide.{}", int.name), wide, &[narrow; 2])
            .check(&integers(5), |[a, b, ..]| {
                result.wrap(int.value(a) * int.value(b))
            });
        Code::of(
            &format!("mad.wide.{}", int.name),
            wide,
            &[narrow, narrow, wide],
        )
        .check(&integers(6), |[a, b, c, _]| {
            result.wrap(int.value(a) * int.value(b) + result.value(c))
        });
    }
}

#[test]
fn products_of_24_bits() {
    let low = |int: Int, value: i128| Int::new("", 24, int.signed).value(value as u64);
    let words = &INTS[2..4];
    check("mul24.lo", words, 2, |int, [a, b, _]| {
        low(int, a) * low(int, b)
    });
    check("mul24.hi", words, 2, |int, [a, b, _]| {
        (low(int, a) * low(int, b)) >> 16
    });
    check("mad24.lo", words, 3, |int, [a, b, c]| {
        low(int, a) * low(int, b) + c
    });
}

#[test]
fn quotients_and_remainders() {
    // By zero PTX leaves open: all ones, and the dividend, as GPUs answer.
    check(
        "div",
        &INTS,
        2,
        |_, [a, b, _]| if b == 0 { -1 } else { a / b },
    );
    check(
        "rem",
        &INTS,
        2,
        |_, [a, b, _]| if b == 0 { a } else { a % b },
    );
}

#[test]
fn conversions_between_integers() {
    let mut all = INTS.to_vec();
    all.extend([Int::new("s8", 8, true), Int::new("u8", 8, false)]);
    for to in &all {
        for from in &all {
            let code = |sat: &str| {
                Code::of(
                    &format!("cvt{sat}.{}.{}", to.name, from.name),
                    to.width(),
                    &[from.width()],
                )
            };
            // PTX ISA 9.0, 9.4.1: extended to the register's width.
            let register = Int::new("", to.bits.max(16), to.signed);
            let extended = |bits: u64| register.wrap(to.value(bits));
            code("").check(&integers(8), |[a, ..]| extended(to.wrap(from.value(a))));
            // Only where there is something to cut off.
            let room = to.bits - u32::from(to.signed);
            if from.signed && !to.signed || from.bits - u32::from(from.signed) > room {
                code(".sat").check(&integers(9), |[a, ..]| extended(to.clamp(from.value(a))));
            }
        }
    }
}

/// PTX ISA 9.0, section 9.7.2: the carry goes from instruction to instruction.
#[test]
fn carry_chains() {
    for (width, bits) in [(Width::B32, 32), (Width::B64, 64)] {
        let ones = u128::MAX >> (128 - bits);
        let ty = format!("u{bits}");
        // The upper half of (c:a) + (e:b).
        let sum = format!("add.cc.{ty} %a, %a, %b; addc.{ty} %d, %c, %e;");
        let of = |operands: [u64; 4]| operands.map(|value| u128::from(value) & ones);
        Code::body(sum, width, &[width; 4]).check(&integers(10), |operands| {
            let [a, b, c, e] = of(operands);
            ((c + e + ((a + b) >> bits)) & ones) as u64
        });
        let difference = format!("sub.cc.{ty} %a, %a, %b; subc.{ty} %d, %c, %e;");
        Code::body(difference, width, &[width; 4]).check(&integers(11), |operands| {
            let [a, b, c, e] = of(operands);
            (c.wrapping_sub(e).wrapping_sub(u128::from(a < b)) & ones) as u64
        });
        // Of three limbs: the carry goes through a sum that makes one itself.
        let long = format!("add.cc.{ty} %a, %a, %b; addc.cc.{ty} %c, %c, %e; addc.{ty} %d, 0, 0;");
        Code::body(long, width, &[width; 4]).check(&integers(12), |operands| {
            let [a, b, c, e] = of(operands);
            ((c + e + ((a + b) >> bits)) >> bits) as u64
        });
        // The upper half of a·b + (e:c).
        let product = format!("mad.lo.cc.{ty} %c, %a, %b, %c; madc.hi.{ty} %d, %a, %b, %e;");
        Code::body(product, width, &[width; 4]).check(&integers(13), |operands| {
            let [a, b, c, e] = of(operands);
            let low = (((a * b) & ones) + c) >> bits;
            (((a * b) >> bits).wrapping_add(e).wrapping_add(low) & ones) as u64
        });
        let signed = format!("mad.lo.cc.s{bits} %c, %a, %b, %c; madc.hi.s{bits} %d, %a, %b, %e;");
        Code::body(signed, width, &[width; 4]).check(&integers(14), |operands| {
            let int = Int::new("", bits, true);
            let [a, b, ..] = operands.map(|bits| int.value(bits));
            let [_, _, c, e] = of(operands);
            let full = a.wrapping_mul(b).cast_unsigned();
            let low = ((full & ones) + c) >> bits;
            ((full >> bits).wrapping_add(e).wrapping_add(low) & ones) as u64
        });
    }
}
