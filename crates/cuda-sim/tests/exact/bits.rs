//! Bits, fields and bytes, each as the PTX ISA defines it.

use proptest::prelude::*;

use crate::cases::integers;
use crate::instruction::{Code, Width};
use crate::integers::Int;

const WIDTHS: [(Width, u32); 3] = [(Width::B16, 16), (Width::B32, 32), (Width::B64, 64)];

fn ones(bits: u32) -> u64 {
    u64::MAX >> (64 - bits)
}

/// Bit by bit.
fn built(bits: u32, bit: impl Fn(u32) -> bool) -> u64 {
    (0..bits).fold(0, |word, at| word | u64::from(bit(at)) << at)
}

fn is_set(word: u64, at: u32) -> bool {
    word >> at & 1 == 1
}

#[test]
fn logic() {
    for (width, bits) in WIDTHS {
        let check = |opcode: &str, operands: usize, f: fn(u64, u64) -> u64| {
            let opcode = format!("{opcode}.b{bits}");
            Code::of(&opcode, width, &vec![width; operands]).check(&integers(1), |[a, b, ..]| {
                f(a & ones(bits), b & ones(bits)) & ones(bits)
            });
        };
        check("and", 2, |a, b| a & b);
        check("or", 2, |a, b| a | b);
        check("xor", 2, |a, b| a ^ b);
        check("not", 1, |a, _| !a);
        check("cnot", 1, |a, _| u64::from(a == 0));
    }
}

#[test]
fn shifts_stop_at_the_width() {
    for (width, bits) in WIDTHS {
        let operands = [width, Width::B32];
        let by = |b: u64| (b as u32).min(bits);
        Code::of(&format!("shl.b{bits}"), width, &operands).check(&integers(2), |[a, b, ..]| {
            built(bits, |at| at >= by(b) && is_set(a, at - by(b)))
        });
        Code::of(&format!("shr.u{bits}"), width, &operands).check(&integers(3), |[a, b, ..]| {
            built(bits, |at| at + by(b) < bits && is_set(a, at + by(b)))
        });
        Code::of(&format!("shr.s{bits}"), width, &operands).check(&integers(4), |[a, b, ..]| {
            built(bits, |at| is_set(a, (at + by(b)).min(bits - 1)))
        });
    }
}

#[test]
fn funnels() {
    for wrap in [true, false] {
        let mode = if wrap { "wrap" } else { "clamp" };
        let by = |c: u64| {
            if wrap {
                c as u32 & 31
            } else {
                (c as u32).min(32)
            }
        };
        let joined = |a: u64, b: u64| (b & ones(32)) << 32 | a & ones(32);
        let operands = [Width::B32; 3];
        Code::of(&format!("shf.l.{mode}.b32"), Width::B32, &operands).check(
            &integers(5),
            |[a, b, c, _]| {
                let by = by(c);
                built(32, |at| is_set(joined(a, b), at + 32 - by))
            },
        );
        Code::of(&format!("shf.r.{mode}.b32"), Width::B32, &operands).check(
            &integers(6),
            |[a, b, c, _]| {
                let by = by(c);
                built(32, |at| is_set(joined(a, b), at + by))
            },
        );
    }
}

#[test]
fn counts() {
    for (width, bits) in &WIDTHS[1..] {
        let check = |opcode: &str, result: Width, f: &dyn Fn(u64) -> u64| {
            Code::of(opcode, result, &[*width]).check(&integers(7), |[a, ..]| f(a & ones(*bits)));
        };
        let counted = |a: u64, wanted: bool, reverse: bool| {
            let mut places: Vec<u32> = (0..*bits).collect();
            if reverse {
                places.reverse();
            }
            places
                .iter()
                .take_while(|at| is_set(a, **at) == wanted)
                .count() as u64
        };
        check(&format!("popc.b{bits}"), Width::B32, &|a| {
            (0..*bits).filter(|at| is_set(a, *at)).count() as u64
        });
        check(&format!("clz.b{bits}"), Width::B32, &|a| {
            counted(a, false, true)
        });
        check(&format!("brev.b{bits}"), *width, &|a| {
            built(*bits, |at| is_set(a, bits - 1 - at))
        });
        // The highest bit, of a signed number the highest that is not as its
        // sign: PTX ISA 9.0, 9.7.1.18.
        for (name, signed) in [("u", false), ("s", true)] {
            let skipped = |a: u64| {
                let sign = signed && is_set(a, bits - 1);
                counted(a, sign, true)
            };
            check(&format!("bfind.{name}{bits}"), Width::B32, &|a| {
                let skipped = skipped(a);
                if skipped == u64::from(*bits) {
                    ones(32)
                } else {
                    u64::from(bits - 1) - skipped
                }
            });
            check(&format!("bfind.shiftamt.{name}{bits}"), Width::B32, &|a| {
                let skipped = skipped(a);
                if skipped == u64::from(*bits) {
                    ones(32)
                } else {
                    skipped
                }
            });
        }
    }
}

/// The pseudocode of PTX ISA 9.0, section 9.7.1.19.
fn extracted(bits: u32, signed: bool, a: u64, b: u64, c: u64) -> u64 {
    let most = bits - 1;
    let (position, length) = ((b & 255) as u32, (c & 255) as u32);
    let sign = if !signed || length == 0 {
        false
    } else {
        is_set(a, (position + length - 1).min(most))
    };
    built(bits, |at| {
        if at < length && position + at <= most {
            is_set(a, position + at)
        } else {
            sign
        }
    })
}

/// The pseudocode of PTX ISA 9.0, section 9.7.1.20.
fn inserted(bits: u32, [a, b, c, d]: [u64; 4]) -> u64 {
    let (position, length) = ((c & 255) as u32, (d & 255) as u32);
    built(bits, |at| {
        if at >= position && at - position < length {
            is_set(a, at - position)
        } else {
            is_set(b, at)
        }
    })
}

#[test]
fn fields() {
    for (width, bits) in &WIDTHS[1..] {
        for (name, signed) in [("u", false), ("s", true)] {
            let operands = [*width, Width::B32, Width::B32];
            Code::of(&format!("bfe.{name}{bits}"), *width, &operands)
                .check(&integers(8), |[a, b, c, _]| {
                    extracted(*bits, signed, a, b, c)
                });
        }
        let operands = [*width, *width, Width::B32, Width::B32];
        Code::of(&format!("bfi.b{bits}"), *width, &operands)
            .check(&integers(9), |operands| inserted(*bits, operands));
    }
}

/// The pseudocode of PTX ISA 9.0, section 9.7.1.25.
#[test]
fn masks() {
    for clamp in [true, false] {
        let mode = if clamp { "clamp" } else { "wrap" };
        Code::of(&format!("bmsk.{mode}.b32"), Width::B32, &[Width::B32; 2]).check(
            &integers(10),
            |[a, b, ..]| {
                let (a, b) = (a & ones(32), b & ones(32));
                let (start, length) = (a & 31, b & 31);
                let mut from = ones(32) << start & ones(32);
                let mut to = ones(32) << (start + length) & ones(32);
                let mut over = start + length >= 32;
                if clamp {
                    if a >= 32 {
                        from = 0;
                    }
                    over |= b >= 32;
                }
                if over {
                    to = 0;
                }
                from & !to
            },
        );
    }
}

#[test]
fn tables_of_three() {
    for table in 0..=255_u32 {
        let cases = &integers(u64::from(table))[..1000];
        let body = format!("lop3.b32 %d, %a, %b, %c, {table};");
        Code::body(body, Width::B32, &[Width::B32; 3]).check(cases, |[a, b, c, _]| {
            built(32, |at| {
                let bit = |word, shift: u32| u32::from(is_set(word, at)) << shift;
                table >> (bit(a, 2) | bit(b, 1) | bit(c, 0)) & 1 == 1
            })
        });
    }
}

/// PTX ISA 9.0, section 9.7.9.7: bytes by four selectors, or by a mode's table.
#[test]
fn bytes_in_another_order() {
    let pool = |a: u64, b: u64| (b & ones(32)) << 32 | a & ones(32);
    let byte = |pool: u64, at: u64| pool >> (at * 8) & 0xff;
    Code::of("prmt.b32", Width::B32, &[Width::B32; 3]).check(&integers(11), |[a, b, c, _]| {
        (0..4).fold(0, |word, at| {
            let selector = c >> (at * 4) & 15;
            let found = byte(pool(a, b), selector & 7);
            let found = if selector & 8 == 0 {
                found
            } else {
                (found >> 7) * 0xff
            };
            word | found << (at * 8)
        })
    });
    // Of each mode and selector, the bytes from the highest down.
    let modes: [(&str, [[u64; 4]; 4]); 6] = [
        (
            "f4e",
            [[3, 2, 1, 0], [4, 3, 2, 1], [5, 4, 3, 2], [6, 5, 4, 3]],
        ),
        (
            "b4e",
            [[5, 6, 7, 0], [6, 7, 0, 1], [7, 0, 1, 2], [0, 1, 2, 3]],
        ),
        (
            "rc8",
            [[0, 0, 0, 0], [1, 1, 1, 1], [2, 2, 2, 2], [3, 3, 3, 3]],
        ),
        (
            "ecl",
            [[3, 2, 1, 0], [3, 2, 1, 1], [3, 2, 2, 2], [3, 3, 3, 3]],
        ),
        (
            "ecr",
            [[0, 0, 0, 0], [1, 1, 1, 0], [2, 2, 1, 0], [3, 2, 1, 0]],
        ),
        (
            "rc16",
            [[1, 0, 1, 0], [3, 2, 3, 2], [1, 0, 1, 0], [3, 2, 3, 2]],
        ),
    ];
    for (mode, tables) in modes {
        Code::of(&format!("prmt.b32.{mode}"), Width::B32, &[Width::B32; 3]).check(
            &integers(12),
            |[a, b, c, _]| {
                let places = tables[(c & 3) as usize];
                let highest_first = places.iter();
                highest_first.fold(0, |word, at| word << 8 | byte(pool(a, b), *at))
            },
        );
    }
}

#[test]
fn dot_products() {
    let part = |word: u64, at: u32, bits: u32, signed: bool| {
        Int::new("", bits, signed).value(word >> (at * bits))
    };
    for (a_name, a_signed) in [("u32", false), ("s32", true)] {
        for (b_name, b_signed) in [("u32", false), ("s32", true)] {
            Code::of(
                &format!("dp4a.{a_name}.{b_name}"),
                Width::B32,
                &[Width::B32; 3],
            )
            .check(&integers(13), |[a, b, c, _]| {
                let terms = (0..4).map(|at| part(a, at, 8, a_signed) * part(b, at, 8, b_signed));
                (i128::from(c) + terms.sum::<i128>()) as u64 & ones(32)
            });
            for (half, first) in [("lo", 0), ("hi", 2)] {
                Code::of(
                    &format!("dp2a.{half}.{a_name}.{b_name}"),
                    Width::B32,
                    &[Width::B32; 3],
                )
                .check(&integers(14), |[a, b, c, _]| {
                    let terms = (0..2)
                        .map(|at| part(a, at, 16, a_signed) * part(b, first + at, 8, b_signed));
                    (i128::from(c) + terms.sum::<i128>()) as u64 & ones(32)
                });
            }
        }
    }
}

/// PTX ISA 9.0, 9.7.18: of bytes and of halves, together or added up.
#[test]
fn absolute_differences_of_parts() {
    for (opcode, bits) in [("vabsdiff4", 8), ("vabsdiff2", 16)] {
        let differences = |a: u64, b: u64| {
            let part = move |word: u64, at: u32| word >> at & ones(bits);
            (0..32)
                .step_by(bits as usize)
                .map(move |at| (at, part(a, at).abs_diff(part(b, at))))
        };
        let types = "u32.u32.u32";
        let code = |extra: &str| {
            Code::of(
                &format!("{opcode}.{types}{extra}"),
                Width::B32,
                &[Width::B32; 3],
            )
        };
        code("").check(&integers(15), |[a, b, ..]| {
            differences(a, b).fold(0, |word, (at, part)| word | part << at)
        });
        code(".add").check(&integers(16), |[a, b, c, _]| {
            let sum: u64 = differences(a, b).map(|(_, part)| part).sum();
            c.wrapping_add(sum) & ones(32)
        });
    }
}

/// PTX ISA 9.0, 9.7.1.1, 9.7.1.11 and 12: of two halves.
#[test]
fn pairs_of_integers() {
    type Each = fn(i128, i128) -> i128;
    let opcodes: [(&str, bool, Each); 8] = [
        ("add.u16x2", false, |a, b| a + b),
        ("add.s16x2", true, |a, b| a + b),
        ("min.u16x2", false, |a, b| a.min(b)),
        ("max.u16x2", false, |a, b| a.max(b)),
        ("min.s16x2", true, |a, b| a.min(b)),
        ("max.s16x2", true, |a, b| a.max(b)),
        ("min.relu.s16x2", true, |a, b| a.min(b).max(0)),
        ("max.relu.s16x2", true, |a, b| a.max(b).max(0)),
    ];
    for (opcode, signed, f) in opcodes {
        let int = Int::new("", 16, signed);
        Code::of(opcode, Width::B32, &[Width::B32; 2]).check(&integers(17), |[a, b, ..]| {
            let of = |at: u32| int.wrap(f(int.value(a >> at), int.value(b >> at))) << at;
            of(0) | of(16)
        });
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// What was put into a field is found there again.
    #[test]
    fn a_field_there_and_back(
        words in prop::collection::vec(any::<[u64; 4]>(), 1..200),
        length in 0_u32..=32,
        position in 0_u32..=32,
    ) {
        let length = length.min(32 - position);
        let body = format!(
            "bfi.b32 %d, %a, %b, {position}, {length}; bfe.u32 %d, %d, {position}, {length};"
        );
        let code = Code::body(body, Width::B32, &[Width::B32; 2]);
        let mask = if length == 0 { 0 } else { ones(length) };
        code.check(&words, |[a, ..]| a & mask);
    }
}
