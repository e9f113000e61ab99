//! Threads do the same whether their warps go together or alone: programs of
//! random branches, beside what each thread does by itself.

use std::fmt::Write;

use cuda_sim::Checks;
use proptest::prelude::*;

use crate::harness::{Arg, Bench, download, nothing_found, shape};

const THREADS: u32 = 256;
/// Branches that a thread makes before it ends in any case.
const FUEL: u32 = 40;

#[derive(Clone, Copy, Debug)]
enum Line {
    Add(u32),
    Xor(u32),
    Multiply(u32),
    /// To a line, if a bit is set.
    Branch(u8, usize),
    /// Ends if some bits are all zero.
    End(u32),
}

fn lines() -> impl Strategy<Value = Vec<Line>> {
    let line = prop_oneof![
        any::<u32>().prop_map(Line::Add),
        any::<u32>().prop_map(Line::Xor),
        any::<u32>().prop_map(|by| Line::Multiply(by | 1)),
        (0_u8..32, any::<usize>()).prop_map(|(bit, to)| Line::Branch(bit, to)),
        (0_u8..32, any::<usize>()).prop_map(|(bit, to)| Line::Branch(bit, to)),
        (0_u32..32).prop_map(|bit| Line::End(7 << bit)),
    ];
    let lines = prop::collection::vec(line, 1..24);
    lines.prop_map(|mut lines| {
        let count = lines.len();
        for line in &mut lines {
            if let Line::Branch(_, to) = line {
                *to %= count;
            }
        }
        lines
    })
}

/// What a thread of a number has at the end, and how many instructions it ran
/// on the way: a branch that is not taken counts as none.
fn alone(lines: &[Line], number: u32) -> (u32, u64) {
    let mut value = number.wrapping_mul(0x9e37_79b9);
    let mut fuel = FUEL;
    let mut at = 0;
    let mut ran = 0;
    while let Some(&line) = lines.get(at) {
        at += 1;
        match line {
            Line::Add(by) => value = value.wrapping_add(by),
            Line::Xor(by) => value ^= by,
            Line::Multiply(by) => value = value.wrapping_mul(by),
            Line::Branch(bit, to) => {
                fuel -= 1;
                if fuel == 0 {
                    ran += 3;
                    break;
                }
                let taken = value >> bit & 1 == 1;
                if taken {
                    at = to;
                }
                ran += 4 + u64::from(taken);
                continue;
            }
            Line::End(bits) => {
                ran += 2;
                if value & bits == 0 {
                    ran += 1;
                    break;
                }
                continue;
            }
        }
        ran += 1;
    }
    (value, ran)
}

fn text(lines: &[Line]) -> String {
    let mut body = String::new();
    for (at, line) in lines.iter().enumerate() {
        writeln!(body, "L{at}:").unwrap();
        match line {
            Line::Add(by) => writeln!(body, "add.s32 %r1, %r1, {};", by.cast_signed()),
            Line::Xor(by) => writeln!(body, "xor.b32 %r1, %r1, {};", by.cast_signed()),
            Line::Multiply(by) => writeln!(body, "mul.lo.s32 %r1, %r1, {};", by.cast_signed()),
            Line::Branch(bit, to) => writeln!(
                body,
                "add.s32 %r2, %r2, -1;\nsetp.eq.s32 %p1, %r2, 0;\n@%p1 bra END;\n\
                 and.b32 %r3, %r1, {};\nsetp.ne.s32 %p2, %r3, 0;\n@%p2 bra L{to};",
                (1_u32 << bit).cast_signed()
            ),
            Line::End(bits) => writeln!(
                body,
                "and.b32 %r3, %r1, {};\nsetp.eq.s32 %p1, %r3, 0;\n@%p1 bra END;",
                bits.cast_signed()
            ),
        }
        .unwrap();
    }
    format!(
        ".version 8.3\n.target sm_80\n.address_size 64\n.visible .entry k(.param .u64 y)\n{{\n\
         .reg .pred %p<3>;\n.reg .b32 %r<8>;\n.reg .b64 %rd<4>;\nld.param.u64 %rd1, [y];\n\
         mov.u32 %r4, %ntid.x;\nmov.u32 %r5, %ctaid.x;\nmov.u32 %r6, %tid.x;\n\
         mad.lo.s32 %r7, %r5, %r4, %r6;\nmul.lo.s32 %r1, %r7, -1640531527;\n\
         mul.wide.u32 %rd2, %r7, 4;\nadd.s64 %rd3, %rd1, %rd2;\nmov.u32 %r2, {FUEL};\n\
         {body}END:\nst.global.u32 [%rd3], %r1;\nret;\n}}\n"
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn ways_that_part_and_meet_at_random(lines in lines()) {
        let expected: Vec<(u32, u64)> = (0..THREADS).map(|number| alone(&lines, number)).collect();
        let mut bench = Bench::of_text(&text(&lines));
        let mut counted = Vec::new();
        for (block, checks) in [(256, Checks::All), (256, Checks::Memory), (32, Checks::All), (64, Checks::All)] {
            bench.limits.checks = checks;
            let y = bench.empty("y", THREADS as usize * 4);
            let outcome = bench.launch("k", shape(THREADS / block, block), &[Arg::Buffer(y.clone())]);
            nothing_found("k", &outcome);
            let values: Vec<u32> = expected.iter().map(|(value, _)| *value).collect();
            prop_assert_eq!(download::<u32>(&y), values);
            counted.push(outcome.counts.instructions());
        }
        // What comes before and behind is the same for each.
        let ran: u64 = expected.iter().map(|(_, ran)| ran).sum();
        let start = counted[0].cast_signed() - ran.cast_signed();
        prop_assert_eq!(start % i64::from(THREADS), 0);
        prop_assert!(counted.iter().all(|count| *count == counted[0]), "{:?}", counted);
    }
}
