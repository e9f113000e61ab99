//! What findings say of memory: which variable, and of which bytes.

use crate::harness::{Arg, Bench, shape};
use cuda_sim::{Finding, Outcome};

/// Runs statements in a kernel with variables in shared memory.
fn run(variables: &str, statements: &str, dynamic: u32) -> Outcome {
    let text = format!(
        ".version 8.3
.target sm_80
.address_size 64
{variables}
.visible .entry k(.param .u64 x)
{{
    .reg .b32 %r<12>;
    .reg .b64 %rd<4>;
    .shared .align 4 .b8 _ZZ1kE4tile[64];
    ld.param.u64 %rd1, [x];
    mov.u32 %r1, %tid.x;
    mov.u32 %r2, 0;
    {statements}
    ret;
}}"
    );
    let mut bench = Bench::of_text(&text);
    let x = bench.empty("x", 16);
    let mut shape = shape(1, 1);
    shape.dynamic_shared = dynamic;
    bench.launch("k", shape, &[Arg::Buffer(x)])
}

fn said(outcome: &Outcome) -> Vec<String> {
    outcome.findings.iter().map(Finding::to_string).collect()
}

#[test]
fn shared_variables_have_their_names() {
    let one = ".extern .shared .align 16 .b8 room[];";
    for (variables, dynamic, statements, expected) in [
        (
            "",
            0,
            "ld.shared.u32 %r3, [_ZZ1kE4tile+8];",
            "(byte 8 of `tile`, which has 64)",
        ),
        (
            "",
            0,
            "st.shared.u32 [_ZZ1kE4tile+64], %r2;",
            "(byte 64 of `tile`, which has 64)",
        ),
        (
            ".shared .align 4 .b8 first[32];",
            0,
            "st.shared.u32 [first+40], %r2;",
            "(byte 40 of `first`, which has 32)",
        ),
        (
            one,
            128,
            "ld.shared.u8 %r3, [room+12];",
            "(byte 12 of `room`, which has 128)",
        ),
        (
            one,
            128,
            "st.shared.u32 [room+128], %r2;",
            "(byte 128 of `room`, which has 128)",
        ),
        (
            ".extern .shared .align 16 .b8 room[];\n.extern .shared .align 8 .b8 other[];",
            4,
            "ld.shared.u8 %r3, [room+3];",
            "(byte 3 of `dynamic shared memory`, which has 4)",
        ),
    ] {
        let found = said(&run(variables, statements, dynamic));
        let [found] = &found[..] else {
            panic!("{statements}: {found:?}");
        };
        assert!(found.ends_with(expected), "{found}");
    }
}

/// NVRTC reads more than it needs, and says so: `used_bytes_mask`.
#[test]
fn bytes_that_are_read_along_may_be_unwritten() {
    let load = |space: &str, place: &str, mask: &str| {
        format!(
            "st.{space}.u32 [{place}+4], %r2;\n.pragma \"used_bytes_mask {mask}\";\n\
             ld.{space}.v4.u32 {{%r4, %r5, %r6, %r7}}, [{place}];"
        )
    };
    for (space, place) in [("global", "%rd1"), ("shared", "room")] {
        let room = ".shared .align 16 .b8 room[16];";
        for (mask, codes) in [
            ("0xf0", &[][..]),
            ("240", &[]),
            ("0x30", &[]),
            ("0x1f0", &["uninitialised"]),
            ("0xffff", &["uninitialised"]),
        ] {
            let outcome = run(room, &load(space, place, mask), 0);
            let found = outcome.findings.iter();
            let found: Vec<_> = found.map(|finding| finding.problem.code()).collect();
            assert_eq!(found, codes, "{space}, {mask}");
        }
    }
}
