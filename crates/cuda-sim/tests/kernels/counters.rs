//! What is counted, against cases worked out by hand and against a slow count
//! that knows nothing of the fast one.

use std::collections::{BTreeMap, BTreeSet};

use crate::harness::{Arg, Bench, numbers, shape};
use cuda_sim::{Checks, Counters, Outcome, Shape, SharedTraffic, Traffic};
use proptest::prelude::*;

fn bench(text: &str) -> Bench {
    counting(Bench::of_text(text))
}

fn counting(mut bench: Bench) -> Bench {
    bench.limits.counters = true;
    bench
}

fn counted(outcome: &Outcome) -> Counters {
    outcome.counters.unwrap()
}

/// Rows and columns of the matrices.
const N: usize = 64;

fn transposed(kernel: &str) -> Counters {
    let mut bench = counting(Bench::of_file("counted", "patterns"));
    let x = bench.upload("x", &numbers(1, N * N));
    let y = bench.empty("y", N * N * 4);
    let shape = Shape {
        grid: [2, 2, 1],
        block: [32, 8, 1],
        dynamic_shared: 0,
    };
    let args = [Arg::Buffer(x), Arg::Buffer(y), Arg::I32(N as i32)];
    counted(&bench.clean(kernel, shape, &args))
}

// Four blocks of eight warps, each of which moves four rows of 32 floats: 128
// instructions of 128 bytes, of which four sectors are a row, and each of the
// 32 of a column is one of its own. M. Harris, "An Efficient Matrix Transpose in
// CUDA C/C++" (2013) has the same: columns of a tile of 32 are all in one bank,
// those of one of 33 in all.
#[test]
fn a_transpose() {
    let row = Traffic {
        instructions: 128,
        bytes: 128 * 128,
        sectors: 128 * 4,
    };
    let column = Traffic {
        sectors: 128 * 32,
        ..row
    };
    let by_columns = transposed("transpose_by_columns");
    assert_eq!((by_columns.loads, by_columns.stores), (row, column));
    assert_eq!(by_columns.loads.coalescing(), Some(1.0));
    assert_eq!(by_columns.stores.coalescing(), Some(0.125));
    assert_eq!(by_columns.shared(), SharedTraffic::default());

    let free = SharedTraffic {
        instructions: 128,
        bytes: 128 * 128,
        wavefronts: 128,
        conflicts: 0,
    };
    let in_one_bank = SharedTraffic {
        wavefronts: 128 * 32,
        conflicts: 128 * 31,
        ..free
    };
    let by_tiles = transposed("transpose_by_tiles");
    assert_eq!((by_tiles.loads, by_tiles.stores), (row, row));
    assert_eq!(by_tiles.shared_stores, free);
    assert_eq!(by_tiles.shared_loads, in_one_bank);
    assert_eq!(by_tiles.barriers, 4 * 8);
    let padded = transposed("transpose_by_padded_tiles");
    assert_eq!((padded.shared_stores, padded.shared_loads), (free, free));

    for counters in [by_columns, by_tiles, padded] {
        let bytes = (N * N * 4) as u64;
        assert_eq!(counters.read_footprint, bytes);
        assert_eq!(counters.written_footprint, bytes);
        assert_eq!(counters.touched_footprint, 2 * bytes);
        assert_eq!(counters.divergent_branches, 0);
    }
}

// CUDA C++ best practices guide, 10.2.1.4: a stride of two leaves half of
// what is loaded unused, and from 32 bytes on each lane has its own sector.
#[test]
fn strides() {
    for (stride, sectors) in [(1, 4), (2, 8), (4, 16), (8, 32), (32, 32)] {
        let mut bench = counting(Bench::of_file("counted", "patterns"));
        let x = bench.upload("x", &numbers(1, 256 * stride));
        let y = bench.empty("y", 256 * 4);
        let args = [Arg::Buffer(x), Arg::Buffer(y), Arg::I32(stride as i32)];
        let counters = counted(&bench.clean("every_nth", shape(2, 128), &args));
        assert_eq!(counters.loads.sectors, 8 * sectors, "{stride}");
        assert_eq!(counters.stores.sectors, 8 * 4, "{stride}");
        assert_eq!(counters.read_footprint, 8 * sectors * 32, "{stride}");
    }
}

#[test]
fn wide_loads_and_a_counter_that_all_want() {
    let mut bench = counting(Bench::of_file("counted", "patterns"));
    let x = bench.upload("x", &[1.0_f32; 256]);
    let y = bench.empty("y", 1024);
    let args = [Arg::Buffer(x.clone()), Arg::Buffer(y), Arg::I32(3)];
    let counters = counted(&bench.clean("four_at_once", shape(1, 64), &args));
    let expected = Traffic {
        instructions: 2,
        bytes: 1024,
        sectors: 32,
    };
    assert_eq!((counters.loads, counters.stores), (expected, expected));

    let y = bench.upload("y", &[0_i32]);
    let args = [Arg::Buffer(x), Arg::Buffer(y), Arg::I32(0)];
    let counters = counted(&bench.clean("one_counter", shape(2, 96), &args));
    let expected = Traffic {
        instructions: 6,
        bytes: 6 * 128,
        sectors: 6,
    };
    assert_eq!(counters.atomics, expected);
    assert_eq!(counters.atomic_rounds, 6 * 32);
    assert_eq!(counters.most_lanes_at_one_address, 32);
    // Four bytes of a sector that has no more.
    assert_eq!(counters.written_footprint, 4);
    assert_eq!(counters.read_footprint, 2 * 96 * 4 + 4);
}

// Lanes 0 to 7 jump. Two instructions with all lanes, the branch with the eight
// that take it, two with eight, two with 24 (the jump over the others among
// them), then five together: a load of the argument, two for the address, the
// store, the end.
const PARTED: &str = "
.version 8.3
.target sm_80
.address_size 64
.visible .entry parted(.param .u64 y)
{
    .reg .pred %p<3>;
    .reg .b32 %r<6>;
    .reg .b64 %rd<4>;
    .local .align 4 .b8 stack[16];
    mov.u32 %r1, %tid.x;
    setp.lt.u32 %p1, %r1, 8;
    @%p1 bra few;
    add.u32 %r2, %r1, 1;
    bra.uni both;
few:
    add.u32 %r2, %r1, 2;
    add.u32 %r2, %r2, 2;
both:
    ld.param.u64 %rd1, [y];
    mul.wide.u32 %rd2, %r1, 4;
    add.s64 %rd3, %rd1, %rd2;
    st.global.u32 [%rd3], %r2;
    ret;
}
.visible .entry on_the_stack(.param .u64 y)
{
    .reg .b32 %r<6>;
    .local .align 8 .b8 stack[16];
    mov.u32 %r1, %tid.x;
    st.local.u32 [stack], %r1;
    st.local.u32 [stack+4], %r1;
    ld.local.v2.u32 {%r2, %r3}, [stack];
    bar.sync 0;
    ret;
}";

#[test]
fn branches_and_local_memory() {
    let mut bench = bench(PARTED);
    let y = bench.empty("y", 128);
    let outcome = bench.clean("parted", shape(1, 32), &[Arg::Buffer(y.clone())]);
    let counters = counted(&outcome);
    assert_eq!((counters.branches, counters.divergent_branches), (2, 1));
    assert_eq!(counters.warp_instructions, 3 + 2 + 2 + 5);
    let lanes = (2 + 5) * 32 + (1 + 2) * 8 + 2 * 24;
    assert_eq!(
        outcome.active_share(),
        Some(f64::from(lanes) / (12.0 * 32.0))
    );

    let outcome = bench.clean("on_the_stack", shape(2, 80), &[Arg::Buffer(y)]);
    let counters = counted(&outcome);
    assert_eq!(counters.local_written_bytes, 2 * 80 * 8);
    assert_eq!(counters.local_read_bytes, 2 * 80 * 8);
    assert_eq!(counters.barriers, 2 * 3);
    assert_eq!(counters.global(), Traffic::default());
}

#[test]
fn counters_are_the_same_on_any_number_of_threads() {
    let of = |threads| {
        let mut bench = counting(Bench::of_file("counted", "patterns"));
        bench.limits.threads = threads;
        let x = bench.upload("x", &numbers(1, 4096));
        let y = bench.upload("y", &[0_i32]);
        let args = [Arg::Buffer(x), Arg::Buffer(y), Arg::I32(0)];
        let outcome = bench.clean("one_counter", shape(32, 128), &args);
        (outcome.counts, outcome.counters)
    };
    assert_eq!(of(1), of(5));
}

#[test]
fn nothing_is_counted_unless_asked() {
    let mut bench = Bench::of_text(PARTED);
    let y = bench.empty("y", 128);
    let outcome = bench.clean("parted", shape(1, 32), &[Arg::Buffer(y)]);
    assert_eq!((outcome.counters, outcome.active_share()), (None, None));
}

/// What lanes do, each at its own offset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Does {
    Load,
    Store,
    Add,
}

#[derive(Clone, Debug)]
struct Case {
    shared: bool,
    does: Does,
    width: u32,
    offsets: [u32; 32],
    active: u32,
}

/// Bytes of memory that offsets go to.
const ROOM: u32 = 2048;

impl Case {
    fn text(&self) -> String {
        let space = if self.shared { "shared" } else { "global" };
        let (ty, values) = match self.width {
            1 => ("u8", "%r10"),
            2 => ("u16", "%h1"),
            4 => ("u32", "%r10"),
            8 => ("v2.u32", "{%r10, %r11}"),
            _ => ("v4.u32", "{%r10, %r11, %r12, %r13}"),
        };
        let place = if self.shared { "[%r6]" } else { "[%rd5]" };
        let access = match self.does {
            Does::Load => format!("ld.{space}.{ty} {values}, {place}"),
            Does::Store => format!("st.{space}.{ty} {place}, {values}"),
            Does::Add if self.width == 8 => format!("red.{space}.add.u64 {place}, %rd6"),
            Does::Add => format!("red.{space}.add.u32 {place}, %r10"),
        };
        format!(
            "
.version 8.3
.target sm_80
.address_size 64
.visible .entry k(.param .u64 table, .param .u64 data, .param .u32 mask)
{{
    .reg .pred %p<2>;
    .reg .b16 %h<2>;
    .reg .b32 %r<14>;
    .reg .b64 %rd<7>;
    .shared .align 16 .b8 s[{ROOM}];
    ld.param.u64 %rd1, [table];
    ld.param.u64 %rd2, [data];
    ld.param.u32 %r1, [mask];
    mov.u32 %r2, %tid.x;
    shr.u32 %r3, %r1, %r2;
    and.b32 %r3, %r3, 1;
    setp.ne.u32 %p1, %r3, 0;
    mul.wide.u32 %rd3, %r2, 4;
    add.s64 %rd3, %rd1, %rd3;
    ld.global.u32 %r4, [%rd3];
    cvt.u64.u32 %rd4, %r4;
    add.s64 %rd5, %rd2, %rd4;
    mov.u32 %r5, s;
    add.u32 %r6, %r5, %r4;
    @%p1 {access};
    ret;
}}"
        )
    }

    fn run(&self) -> Counters {
        let mut bench = bench(&self.text());
        bench.limits.checks = Checks::Memory;
        let table: Vec<i32> = self.offsets.iter().map(|&at| at as i32).collect();
        let table = bench.upload("table", &table);
        let data = bench.upload("data", &vec![0_u8; ROOM as usize]);
        let args = [
            Arg::Buffer(table),
            Arg::Buffer(data),
            Arg::I32(self.active.cast_signed()),
        ];
        let outcome = bench.launch("k", shape(1, 32), &args);
        assert!(outcome.fatal().is_none(), "{:?}", outcome.findings);
        counted(&outcome)
    }

    /// Numbers and offsets of active lanes.
    fn lanes(&self) -> Vec<(u32, u32)> {
        let lanes = (0..32).zip(self.offsets);
        lanes
            .filter(|(lane, _)| self.active >> lane & 1 == 1)
            .collect()
    }

    /// Byte by byte.
    fn sectors(&self) -> BTreeSet<u32> {
        let bytes = self
            .lanes()
            .into_iter()
            .flat_map(|(_, at)| at..at + self.width);
        bytes.map(|byte| byte / 32).collect()
    }

    /// How many lanes are at the place with most of them.
    fn most(&self) -> u32 {
        let mut places = BTreeMap::new();
        for (_, at) in self.lanes() {
            *places.entry(at).or_insert(0) += 1;
        }
        places.into_values().max().unwrap_or(0)
    }

    /// Passes over the banks, word by word, and those of them without which it
    /// could not do.
    fn wavefronts(&self) -> (u32, u32) {
        let together = if self.width == 16 {
            8
        } else if self.width == 8 {
            16
        } else {
            32
        };
        let (mut all, mut least) = (0, 0);
        for first in (0..32).step_by(together) {
            let mut banks: BTreeMap<u32, BTreeSet<u32>> = BTreeMap::new();
            for (lane, at) in self.lanes() {
                if (lane as usize) < first || lane as usize >= first + together {
                    continue;
                }
                for word in at / 4..=(at + self.width - 1) / 4 {
                    banks.entry(word % 32).or_default().insert(word);
                }
            }
            let most = banks.values().map(BTreeSet::len).max().unwrap_or(0);
            all += most as u32;
            least += u32::from(most != 0);
        }
        if self.does == Does::Add {
            let mut banks = BTreeMap::new();
            for (_, at) in self.lanes() {
                *banks.entry(at / 4 % 32).or_insert(0) += 1;
            }
            all = least.max(banks.into_values().max().unwrap_or(0));
        }
        (all, least)
    }
}

fn offsets(width: u32) -> impl Strategy<Value = [u32; 32]> {
    let places = ROOM / width;
    prop_oneof![
        prop::array::uniform32(0..places),
        (0..places).prop_map(|place| [place; 32]),
        // One behind the other, with a stride, downwards, in pairs.
        (0..places, 0..40_u32).prop_map(move |(start, stride)| std::array::from_fn(|lane| {
            (start + lane as u32 * stride) % places
        })),
        (31..places).prop_map(|start| std::array::from_fn(|lane| start - lane as u32)),
        (0..places - 16).prop_map(|start| std::array::from_fn(|lane| start + lane as u32 / 2)),
        (0..places, prop::array::uniform32(0..4_u32))
            .prop_map(move |(start, by)| { by.map(|by| (start + by * 33) % places) }),
    ]
    .prop_map(move |offsets| offsets.map(|place| place * width))
}

fn active() -> impl Strategy<Value = u32> {
    prop_oneof![
        Just(u32::MAX),
        any::<u32>(),
        (0..32_u32, 1..=32_u32).prop_map(|(from, count)| u32::MAX >> (32 - count) << from),
    ]
    .prop_filter("somebody has to", |active| *active != 0)
}

fn case() -> impl Strategy<Value = Case> {
    let does = prop_oneof![Just(Does::Load), Just(Does::Store), Just(Does::Add)];
    (any::<bool>(), does, 0..5_u32)
        .prop_flat_map(|(shared, does, log)| {
            let width = if does == Does::Add {
                4 << (log & 1)
            } else {
                1 << log
            };
            (Just((shared, does, width)), offsets(width), active())
        })
        .prop_map(|((shared, does, width), offsets, active)| Case {
            shared,
            does,
            width,
            offsets,
            active,
        })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]
    #[test]
    fn any_access(case in case()) {
        let counters = case.run();
        // The table that offsets come from is a row of four sectors.
        let mut global = counters.global();
        global.instructions -= 1;
        global.bytes -= 128;
        global.sectors -= 4;
        let lanes = case.lanes().len() as u64;
        let bytes = lanes * u64::from(case.width);
        let sectors = case.sectors().len() as u64;
        if case.shared {
            let (wavefronts, least) = case.wavefronts();
            let expected = SharedTraffic {
                instructions: 1,
                bytes,
                wavefronts: u64::from(wavefronts),
                conflicts: u64::from(wavefronts - least),
            };
            let found = match case.does {
                Does::Load => counters.shared_loads,
                Does::Store => counters.shared_stores,
                Does::Add => counters.shared_atomics,
            };
            prop_assert_eq!(found, expected);
            prop_assert_eq!(counters.shared(), expected);
            prop_assert_eq!(global, Traffic::default());
        } else {
            prop_assert_eq!(global, Traffic { instructions: 1, bytes, sectors });
            prop_assert_eq!(counters.shared(), SharedTraffic::default());
            let read = if case.does == Does::Store { 0 } else { sectors * 32 };
            let written = if case.does == Does::Load { 0 } else { sectors * 32 };
            prop_assert_eq!(counters.read_footprint, 128 + read);
            prop_assert_eq!(counters.written_footprint, written);
            prop_assert_eq!(counters.touched_footprint, 128 + sectors * 32);
        }
        let most = if case.does == Does::Add { case.most() } else { 0 };
        prop_assert_eq!(counters.atomic_rounds, u64::from(most));
        prop_assert_eq!(counters.most_lanes_at_one_address, most);
    }
}
