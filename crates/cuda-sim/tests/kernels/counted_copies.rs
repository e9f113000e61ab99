//! What is counted of `ldmatrix`, `stmatrix` and `cp.async`, worked out by hand.

use crate::harness::{Arg, Bench, shape};
use cuda_sim::{Counters, SharedTraffic, Traffic};

/// A kernel of one warp with `STRIDE` bytes from one lane's place in shared
/// memory to the next lane's, all of it written before.
fn counted(stride: u32, statements: &str) -> Counters {
    let text = format!(
        ".version 8.3
.target sm_80
.address_size 64
.visible .entry k(.param .u64 x)
{{
    .reg .pred %p<3>;
    .reg .b32 %r<12>;
    .reg .b64 %rd<4>;
    .shared .align 16 .b8 tile[4096];
    ld.param.u64 %rd1, [x];
    cvta.to.global.u64 %rd1, %rd1;
    mov.u32 %r1, %tid.x;
    mad.wide.u32 %rd2, %r1, 16, %rd1;
    mul.lo.u32 %r3, %r1, {stride};
    mov.u32 %r2, tile;
    add.u32 %r2, %r2, %r3;
    mov.u32 %r4, 0;
    mov.u32 %r5, 0;
    mov.u32 %r6, 0;
    mov.u32 %r7, 0;
    {statements}
    ret;
}}"
    );
    let mut bench = Bench::of_text(&text);
    bench.limits.counters = true;
    let x = bench.upload("x", &[1_u32; 128]);
    let outcome = bench.clean("k", shape(1, 32), &[Arg::Buffer(x)]);
    outcome.counters.unwrap()
}

fn shared(bytes: u64, wavefronts: u64, conflicts: u64) -> SharedTraffic {
    SharedTraffic {
        instructions: 1,
        bytes,
        wavefronts,
        conflicts,
    }
}

/// Rows of 16 bytes one behind the other meet in no bank; 128 bytes apart
/// all eight of a matrix lie in the same four.
#[test]
fn a_matrix_is_a_pass_over_the_banks() {
    let fill = "st.shared.v4.b32 [%r2], {%r4, %r5, %r6, %r7};\nbar.warp.sync -1;\n";
    for (number, registers) in [(1_u64, "%r4"), (2, "%r4, %r5"), (4, "%r4, %r5, %r6, %r7")] {
        for (stride, passes) in [(16, 1), (128, 8), (48, 1)] {
            let expected = shared(128 * number, number * passes, number * (passes - 1));
            for transposed in ["", ".trans"] {
                let load = format!(
                    "ldmatrix.sync.aligned.m8n8.x{number}{transposed}.shared.b16 \
                     {{{registers}}}, [%r2];"
                );
                let counters = counted(stride, &(fill.to_owned() + &load));
                assert_eq!(counters.shared_loads, expected, "x{number}, {stride}");
                let store = format!(
                    "stmatrix.sync.aligned.m8n8.x{number}{transposed}.shared.b16 \
                     [%r2], {{{registers}}};"
                );
                let counters = counted(stride, &store);
                assert_eq!(counters.shared_stores, expected, "x{number}, {stride}");
                assert_eq!(counters.shared_loads, SharedTraffic::default());
            }
        }
    }
}

/// A load of global memory and a store to shared memory, whatever the
/// lengths: of 12 bytes in each of 32 lanes, a lane apart, every second sector
/// begins with a lane's.
#[test]
fn a_copy_is_a_load_and_a_store() {
    let load = |bytes, sectors| Traffic {
        instructions: 1,
        bytes,
        sectors,
    };
    for (size, expected) in [
        ("", load(512, 16)),
        (", 12", load(12 * 32, 16)),
        (", 3", load(3 * 32, 16)),
        (", 0", Traffic::default()),
        // Lanes by their number: 0 to 15 bytes, twice.
        (", %r8", load(2 * 120, 16)),
    ] {
        let copy = format!(
            "and.b32 %r8, %r1, 15;\ncp.async.cg.shared.global [%r2], [%rd2], 16{size};\n\
             cp.async.wait_all;"
        );
        let counters = counted(16, &copy);
        assert_eq!(counters.loads, expected, "{size}");
        assert_eq!(counters.shared_stores, shared(512, 4, 0), "{size}");
        assert_eq!(counters.shared_loads, SharedTraffic::default());
    }
}
