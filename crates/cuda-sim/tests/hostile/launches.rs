//! Launches that would never end, or take all memory there is.

use cuda_sim::{Allocation, Device, LaunchError, Limits, Module, Outcome, Problem, Shape};
use std::sync::Arc;

/// A kernel with one argument, the address of 4096 bytes.
fn kernel(statements: &str) -> String {
    format!(
        ".visible .entry k(.param .u64 a)\n{{\n.reg .pred %p<9>;\n.reg .b32 %r<9>;\n\
         .reg .b64 %d<9>;\nld.param.u64 %d0, [a];\n{statements}\nret;\n}}\n"
    )
}

fn launched(
    text: &str,
    grid: [u32; 3],
    threads: u32,
    limits: Limits,
) -> (Result<Outcome, LaunchError>, Arc<Allocation>) {
    let mut device = Device::new(1 << 26);
    let module = Module::load(device.heap_mut(), text).unwrap();
    let memory = device.heap_mut().allocate(4096, "a", false).unwrap();
    let shape = Shape {
        grid,
        block: [threads, 1, 1],
        dynamic_shared: 0,
    };
    let arguments = memory.base().to_le_bytes();
    let outcome = module.launch(device.heap(), "k", shape, &arguments, limits);
    (outcome, memory)
}

fn run(text: &str, grid: u32, threads: u32, limits: Limits) -> Outcome {
    launched(text, [grid, 1, 1], threads, limits).0.unwrap()
}

fn small() -> Limits {
    Limits {
        total: 1 << 20,
        memory: 1 << 28,
        threads: 2,
        ..Limits::default()
    }
}

fn codes(outcome: &Outcome) -> Vec<&'static str> {
    let findings = outcome.findings.iter();
    findings.map(|finding| finding.problem.code()).collect()
}

#[test]
fn blocks_without_an_end() {
    let text = kernel("");
    let outcome = run(&text, i32::MAX as u32, 1, small());
    assert_eq!(
        outcome.fatal().unwrap().problem,
        Problem::TooLong {
            budget: 1 << 20,
            waits: None
        }
    );
    let grid = [i32::MAX as u32, 65535, 65535];
    let (refused, _) = launched(&text, grid, 1, small());
    assert!(matches!(
        refused.unwrap_err(),
        LaunchError::TooLarge {
            what: "the number of blocks",
            ..
        }
    ));
}

/// Each warp alone keeps to its budget, all together do not keep to theirs.
#[test]
fn loops_without_an_end() {
    let forever = kernel("L:\nadd.s32 %r1, %r1, 1;\nbra L;");
    for budget in [1 << 19, u64::MAX] {
        let limits = Limits { budget, ..small() };
        let outcome = run(&forever, 64, 1024, limits);
        assert_eq!(outcome.fatal().unwrap().problem.code(), "too-long");
        // Two blocks at once, and what they run before they look.
        assert!(outcome.counts.instructions() < 32 * ((1 << 20) + (1 << 18)));
    }
    // Lanes that part with each step cost more, and are counted as any other.
    let apart = kernel(
        "mov.u32 %r1, %laneid;\nL:\nadd.s32 %r1, %r1, 1;\nand.b32 %r2, %r1, 31;\n\
         setp.ne.s32 %p1, %r2, 0;\n@%p1 bra L;\nadd.s32 %r3, %r3, 1;\nbra L;",
    );
    assert_eq!(codes(&run(&apart, 2, 64, small())), ["too-long"]);
    let branches = kernel(
        "mov.u32 %r1, %laneid;\nlist: .branchtargets A, B, C;\nA:\nB:\nC:\nadd.s32 %r1, %r1, 1;\n\
         rem.u32 %r2, %r1, 3;\nbrx.idx %r2, list;",
    );
    assert_eq!(codes(&run(&branches, 2, 64, small())), ["too-long"]);
}

/// So many registers of 64 bits that are all needed at once.
fn needed(count: u32) -> String {
    let define = (0..count).map(|at| format!("mov.u64 %n{at}, 1;\n"));
    let add = (0..count).map(|at| format!("add.s64 %n0, %n0, %n{at};\n"));
    let lines: String = define.chain(add).collect();
    format!(".reg .b64 %n<{count}>;\n{lines}")
}

#[test]
fn registers_that_no_machine_has_room_for() {
    let text = kernel(&needed(100_000));
    let (refused, _) = launched(&text, [1, 1, 1], 1024, small());
    let LaunchError::TooLarge { value, most, .. } = refused.unwrap_err() else {
        panic!("it is refused for another reason");
    };
    assert!(value > 32 * 32 * 8 * 100_000 && most == 1 << 28);
    // One warp of it has room, and several blocks one after the other.
    let limits = Limits {
        total: 1 << 22,
        threads: 64,
        ..small()
    };
    assert!(run(&text, 3, 32, limits).findings.is_empty());
}

/// Calls within calls, by all lanes together and by each alone.
#[test]
fn recursion_without_an_end() {
    let function = |registers: u32, locals: u32| {
        format!(
            ".func f(.param .b32 n)\n{{\n.reg .b32 %r<2>;\n\
             .local .b8 l[{locals}];\n.param .b32 m;\nld.param.b32 %r1, [n];\n\
             st.param.b32 [m], %r1;\n{}call f, (m);\nret;\n}}\n",
            needed(registers)
        )
    };
    let call =
        kernel("{\n.param .b32 m;\nmov.u32 %r1, %laneid;\nst.param.b32 [m], %r1;\ncall f, (m);\n}");
    for (registers, locals) in [(4, 4), (4, 4096), (4, 500_000), (20_000, 4), (50_000, 4)] {
        let text = function(registers, locals) + &call;
        let limits = Limits {
            total: 1 << 26,
            memory: 1 << 30,
            ..small()
        };
        let outcome = run(&text, 2, 64, limits);
        assert_eq!(codes(&outcome), ["stack-overflow"], "{registers} {locals}");
    }
    // Lane by lane, by pointers that differ: 32 activations at each depth.
    let many: String = (0..32)
        .map(|at| {
            format!(
                ".func g{at}()\n{{\n.reg .b64 %d<20>;\n.reg .b32 %r;\nproto: .callprototype _ ();\n\
                 mov.u64 %d1, g{at};\ncall %d1, proto;\nret;\n}}\n"
            )
        })
        .collect::<Vec<_>>()
        .concat();
    let table: Vec<String> = (0..32).map(|at| format!("g{at}")).collect();
    let text = format!(
        ".global .b64 table[32] = {{{}}};\n{many}{}",
        table.join(", "),
        kernel(
            "mov.u32 %r1, %laneid;\nmov.u64 %d1, table;\nmad.wide.u32 %d1, %r1, 8, %d1;\n\
             ld.global.u64 %d2, [%d1];\n{\nproto: .callprototype _ ();\ncall %d2, proto;\n}"
        )
    );
    assert_eq!(codes(&run(&text, 1, 32, small())), ["stack-overflow"]);
}

#[test]
fn calls_cost_what_they_take() {
    let text = format!(
        ".func f()\n{{\n.reg .pred %p;\nsetp.eq.u32 %p, 0, 0;\n@%p ret;\n{}ret;\n}}\n{}",
        needed(50_000),
        kernel("L:\ncall f;\nbra L;")
    );
    let outcome = run(&text, 1, 32, small());
    assert_eq!(codes(&outcome), ["too-long"]);
    // A call copies 50,000 rows of 256 bytes: a few dozen are all there are.
    assert!(outcome.counts.instructions() < 32 * 200);
}

#[test]
fn calls_of_what_is_something_else() {
    let text = |address: &str| {
        ".func f(.param .b64 n)\n{\nret;\n}\n".to_owned()
            + &kernel(&format!(
                "mov.u64 %d1, {address};\n{{\n.param .b32 m;\n\
                 proto: .callprototype _ (.param .b32 _);\nst.param.b32 [m], %r1;\n\
                 call %d1, (m), proto;\n}}"
            ))
    };
    for (address, expected) in [
        ("f", "call of `f` with what it does not take in `k`"),
        ("k", "call of what is no function in `k`"),
        ("f+4096", "call of what is no function in `k`"),
        ("0", "call of what is no function in `k`"),
        ("-1", "call of what is no function in `k`"),
    ] {
        let outcome = run(&text(address), 1, 32, small());
        let finding = outcome.fatal().unwrap().to_string();
        assert!(finding.starts_with(expected), "{address}: {finding}");
    }
}

#[test]
fn printing_without_an_end() {
    let text = |format: &str| {
        let bytes: Vec<String> = format.bytes().map(|byte| byte.to_string()).collect();
        format!(
            ".global .b8 text[] = {{{}, 0}};\n\
             .extern .func (.param .b32 r) vprintf(.param .b64 f, .param .b64 v);\n{}",
            bytes.join(", "),
            kernel(
                "mov.u64 %d1, text;\n{\n.param .b64 f, v;\n.param .b32 r;\nL:\n\
                 st.param.b64 [f], %d1;\nst.param.b64 [v], %d0;\ncall (r), vprintf, (f, v);\nbra L;\n}"
            )
        )
    };
    let huge = ["%512d%s", "%*d", "%.512f", "%s%s%s%s"].map(|format| format.repeat(500));
    for format in ["a", "%d\n", "%s", "%512.512f%512g"]
        .into_iter()
        .chain(huge.iter().map(String::as_str))
    {
        let limits = Limits {
            total: 1 << 18,
            ..small()
        };
        let outcome = run(&text(format), 1, 32, limits);
        assert_eq!(codes(&outcome), ["too-long"]);
        assert!(outcome.printed.len() <= 1 << 20);
        assert!(
            outcome.unprinted > 0 || outcome.printed.len() < 1 << 20,
            "{format:.20}"
        );
    }
}

/// Local memory ends somewhere, even if a variable is named.
#[test]
fn addresses_beyond_a_variable() {
    for (instruction, code) in [
        (
            "mov.u64 %d1, l-64;\nst.local.u32 [%d1], %r1;",
            "out-of-bounds",
        ),
        (
            "mov.u64 %d1, l+2147483647;\nld.local.u32 %r1, [%d1];",
            "out-of-bounds",
        ),
        (
            "mov.u64 %d1, l+-2147483648;\nld.local.u8 %r1, [%d1];",
            "out-of-bounds",
        ),
        (
            "ld.local.u32 %r1, [l+9223372036854775807];",
            "out-of-bounds",
        ),
        (
            "ld.shared.u64 %d1, [s+18446744073709551608];",
            "out-of-bounds",
        ),
        ("ld.shared.u64 %d1, [s+4];", "misaligned"),
        (
            "mov.u64 %d1, -8;\nld.global.u64 %d1, [%d1];",
            "out-of-bounds",
        ),
        (
            "mov.u64 %d1, 0x7effffffffff;\nld.u64 %d1, [%d1];",
            "out-of-bounds",
        ),
        ("ld.param.u64 %d1, [a+8];", "out-of-bounds"),
        ("ld.param.u64 %d1, [a+-8];", "out-of-bounds"),
        ("st.param.u64 [a], %d1;", "read-only"),
        ("atom.global.add.u64 %d1, [%d0+4092], 1;", "out-of-bounds"),
        ("red.shared.add.u64 [s+16], 1;", "out-of-bounds"),
        ("bar.sync 16;", "invalid-barrier"),
        ("bar.sync 0, 31;", "invalid-barrier"),
        ("bar.sync 0, 0;", "invalid-barrier"),
        ("bar.sync 0, 2147483648;", "barrier-deadlock"),
        ("bar.arrive 1, 4294967264;", "nothing"),
        ("bar.warp.sync 0;", "lane-not-named"),
        ("shfl.sync.idx.b32 %r1, %r2, 255, 65535, -1;", "nothing"),
    ] {
        let text = kernel(&format!(
            ".local .b32 l;\n.shared .b64 s[2];\n{instruction}"
        ));
        let outcome = run(&text, 1, 32, small());
        let found = codes(&outcome);
        let found = found.first().copied().unwrap_or("nothing");
        assert_eq!(found, code, "{instruction}");
    }
}

/// A row of addresses, one for each lane, that goes on at zero.
#[test]
fn addresses_that_go_round() {
    for space in ["shared", "global", "local"] {
        for what in ["ld.{}.u32 %r2, [%d1];", "st.{}.u32 [%d1], %r2;"] {
            let access = what.replace("{}", space);
            let text = kernel(&format!(
                ".shared .b32 s[64];\n.local .b32 l[64];\nmov.u32 %r1, %tid.x;\n\
                 mul.wide.u32 %d1, %r1, 4;\nadd.s64 %d1, %d1, -64;\n{access}"
            ));
            let outcome = run(&text, 1, 32, small());
            assert_eq!(codes(&outcome), ["out-of-bounds"], "{access}");
        }
    }
}

/// However much was found before, what ends a launch is said.
#[test]
fn what_ends_a_launch_is_not_lost_among_the_rest() {
    let reads: String = (0..100)
        .map(|at| format!("ld.global.u8 %r1, [%d0+{at}];\n"))
        .collect::<Vec<_>>()
        .concat();
    let outcome = run(&kernel(&(reads + "trap;")), 1, 1, small());
    assert_eq!(outcome.fatal().unwrap().problem, Problem::Trap);
    assert_eq!(outcome.findings.len(), 65);
}
