//! What CUDA C++ has beyond arithmetic: calls, branches, printing, and threads
//! that work together. The kernels are in `tests/language/*.cu`, the PTX beside
//! them was compiled by NVRTC 13.0 for sm_80.

use crate::harness::{Arg, Bench, close, download, integers, numbers, shape};
use cuda_sim::Shape;

fn bench(name: &str) -> Bench {
    Bench::of_file("language", name)
}

/// Runs a kernel of one block that takes integers and leaves integers.
fn run(file: &str, kernel: &str, x: &[i32], results: usize, threads: u32) -> Vec<i32> {
    let mut bench = bench(file);
    let y = bench.empty("y", results * 4);
    let mut args = Vec::new();
    if !x.is_empty() {
        args.push(Arg::Buffer(bench.upload("x", x)));
    }
    args.push(Arg::Buffer(y.clone()));
    if bench.module.attributes(kernel).unwrap().params.len() > args.len() {
        args.push(Arg::I32(if x.is_empty() {
            threads as i32
        } else {
            x.len() as i32
        }));
    }
    bench.clean(kernel, shape(1, threads), &args);
    download(&y)
}

#[test]
fn calls_and_recursion() {
    fn fibonacci(n: i32) -> i32 {
        if n < 2 {
            n
        } else {
            fibonacci(n - 1) + fibonacci(n - 2)
        }
    }
    fn parity(n: i32, even: bool) -> i32 {
        if n == 0 {
            i32::from(even)
        } else {
            parity(n - 1, !even) ^ 4
        }
    }
    let found = run("flow", "calls", &[], 4 * 96, 96);
    for i in 0..96 {
        let expected = [
            i * (i + 1) / 2,
            2 * 1000 + 3 * i,
            fibonacci(i % 9),
            parity(i % 11, i % 3 == 0),
        ];
        assert_eq!(found[4 * i as usize..][..4], expected, "thread {i}");
    }
}

#[test]
fn functions_by_pointer() {
    let found = run("flow", "by_pointer", &[], 64, 64);
    for i in 0..64 {
        let expected = [i + 7, i * 7, i32::from(i < 7)][i as usize % 3];
        assert_eq!(found[i as usize], expected, "thread {i}");
    }
}

#[test]
fn switches_and_indexed_branches() {
    let x = integers(1, 96, 10);
    let found = run("flow", "switches", &x, 96, 96);
    let indexed = run("flow", "indexed_branch", &x, 96, 96);
    for (i, v) in (0..).zip(&x) {
        let expected = match v {
            0 => i * 3,
            1 => i - 17,
            2 => (i ^ 5) + 1,
            3 => -i,
            4 => i << 2,
            5 => i * i,
            6 => !i,
            7 => i / 3,
            _ => -1000,
        };
        assert_eq!(found[i as usize], expected, "thread {i}");
        let expected = [i + 100, i * 3, -i][*v as usize % 3];
        assert_eq!(indexed[i as usize], expected, "thread {i}");
    }
}

#[test]
fn nested_divergence() {
    let x = integers(2, 128, 12);
    let found = run("flow", "nested", &x, 128, 128);
    for (i, x) in (0..).zip(&x) {
        let mut steps = 0;
        for outer in 0..*x {
            let mut v = i + outer;
            while v > 1 {
                if v & 1 == 1 {
                    if v % 3 == 0 {
                        v /= 3;
                    } else {
                        v -= 1;
                        if outer & 1 == 1 {
                            continue;
                        }
                        steps += 10;
                    }
                } else {
                    v /= 2;
                }
                steps += 1;
                if steps > 500 {
                    break;
                }
            }
            if steps % 7 == 6 {
                break;
            }
        }
        assert_eq!(found[i as usize], steps, "thread {i}");
    }
}

#[test]
fn lanes_meet_again() {
    let found = run("flow", "meet_again", &[], 128, 64);
    let value = |i: i32| {
        if i & 1 == 1 {
            i * (i - 1) / 2
        } else if i & 2 == 2 {
            i
        } else {
            (i + 2) / 3 * 3
        }
    };
    for i in 0..64 {
        let warp = i / 32 * 32..i / 32 * 32 + 32;
        let votes = warp.fold(0, |votes, other| votes | (value(other) & 1) << (other % 32));
        assert_eq!(found[i as usize], votes, "thread {i}");
        assert_eq!(found[64 + i as usize], -1, "thread {i}");
    }
}

#[test]
fn arrays_of_a_thread() {
    let x = integers(3, 96, 1000);
    let found = run("flow", "local_arrays", &x, 96, 96);
    for (i, x) in x.iter().enumerate() {
        let mut stack = [0_i32; 16];
        let mut bytes = [0_i8; 16];
        let mut top = 0;
        for j in 0..16 {
            bytes[(j * 5) & 15] = (i + j) as i8;
        }
        for j in 0..16 {
            stack[top] = i32::from(bytes[(*x as usize + j) & 15]);
            top = if top + 1 < 16 { top + 1 } else { 0 };
            if stack[(top + 15) & 15] & 1 == 1 {
                top = if top > 0 { top - 1 } else { 15 };
            }
        }
        let sum = top as i32 * 1000 + stack[..top].iter().sum::<i32>();
        assert_eq!(found[i], sum, "thread {i}");
    }
}

#[test]
fn templates_with_arrays() {
    let x = integers(4, 64, 100);
    let found = run("flow", "templates", &x, 64 * 6, 64);
    for i in 0..64 {
        let mut v: Vec<i32> = (0..6).map(|j| x[(i * 6 + j) % 64]).collect();
        v.sort_unstable();
        if i % 2 == 1 {
            v.reverse();
        }
        assert_eq!(found[i * 6..][..6], v, "thread {i}");
    }
}

#[test]
fn the_last_block_adds_up() {
    let mut bench = bench("blocks");
    let n = 10_000;
    let x = numbers(5, n);
    let y = bench.empty("y", 4);
    let args = [
        Arg::Buffer(bench.upload("x", &x)),
        Arg::Buffer(bench.empty("partial", 4 * 37)),
        Arg::Buffer(y.clone()),
        Arg::I32(n as i32),
    ];
    let expected = x.iter().map(|x| f64::from(*x)).sum();
    // The counter is back at its start afterwards.
    for _ in 0..2 {
        bench.clean("last_block", shape(37, 128), &args);
        close(&download(&y), &[expected], 1e-4, "y");
    }
}

#[test]
fn atomics_of_64_bits() {
    let mut bench = bench("blocks");
    let n = 1000_usize;
    let x: Vec<i64> = numbers(6, n)
        .iter()
        .map(|x| i64::from(x.to_bits()).wrapping_mul(0x9e37_79b9_7f4a_7c15_u64.cast_signed()))
        .collect();
    let start = [0, 0, u64::MAX, 1 << 63, u64::MAX >> 1, 7, 0, u64::MAX, 0, 0];
    let y = bench.upload("y", &start);
    let args = [
        Arg::Buffer(bench.upload("x", &x)),
        Arg::Buffer(y.clone()),
        Arg::I32(n as i32),
    ];
    bench.clean("long_atomics", shape(8, 128), &args);
    let unsigned = || x.iter().map(|x| x.cast_unsigned());
    let expected = [
        unsigned().fold(0, u64::wrapping_add),
        unsigned().max().unwrap(),
        unsigned().min().unwrap(),
        x.iter().max().unwrap().cast_unsigned(),
        x.iter().min().unwrap().cast_unsigned(),
        unsigned().fold(7, |a, b| a ^ b),
        unsigned().fold(0, |a, b| a | b),
        unsigned().fold(u64::MAX, |a, b| a & b),
        unsigned().map(|x| x & 0xff).sum(),
        (n as f64 / 2.0).to_bits(),
    ];
    assert_eq!(download::<u64>(&y), expected);
}

#[test]
fn locks_between_lanes_and_blocks() {
    let mut bench = bench("blocks");
    let x = integers(7, 300, 50);
    let sums = bench.upload("sums", &[0_i32; 4]);
    let args = [
        Arg::Buffer(bench.upload("x", &x)),
        Arg::Buffer(sums.clone()),
        Arg::Buffer(bench.upload("lock", &[0_i32; 4])),
        Arg::I32(300),
    ];
    bench.clean("locks", shape(3, 128), &args);
    let expected = [0, 1, 2, 3].map(|bin| x.iter().filter(|x| **x & 3 == bin).sum::<i32>());
    assert_eq!(download::<i32>(&sums), expected);
}

#[test]
fn a_scan() {
    let mut bench = bench("blocks");
    let n = 250;
    let x = integers(8, n, 100);
    let y = bench.empty("y", n * 4);
    let args = [
        Arg::Buffer(bench.upload("x", &x)),
        Arg::Buffer(y.clone()),
        Arg::I32(n as i32),
    ];
    let shape = Shape {
        dynamic_shared: 32,
        ..shape(1, 256)
    };
    bench.clean("scan", shape, &args);
    let expected: Vec<i32> = x
        .iter()
        .scan(0, |sum, x| {
            *sum += x;
            Some(*sum)
        })
        .collect();
    assert_eq!(download::<i32>(&y), expected);
}

#[test]
fn barriers_that_count() {
    let found = run("blocks", "counted_barriers", &[], 3 * 128, 128);
    assert!(found[..128].iter().all(|count| *count == 43));
    assert!(found[128..].iter().all(|held| *held == 1));
}

#[test]
fn what_lanes_find_out_together() {
    let x = integers(9, 32, 5);
    let found = run("blocks", "matching", &x, 192, 32);
    for (i, v) in x.iter().enumerate() {
        let same = x.iter().zip(0..).filter(|(other, _)| *other == v);
        let same = same.fold(0, |mask, (_, lane)| mask | 1 << lane);
        assert_eq!(found[i], same);
        assert_eq!(found[32 + i], 0, "all lanes and one");
        assert_eq!(found[64 + i], *x.iter().max().unwrap());
        assert_eq!(found[96 + i], x.iter().fold(0, |a, b| a ^ b));
        assert_eq!(found[128 + i], x[i & !7 | (i + 3) & 7]);
        assert_eq!(found[160 + i], x[i ^ 5]);
    }
}

#[test]
fn groups_of_lanes() {
    let x = integers(10, 32, 6);
    let found = run("blocks", "groups_of_lanes", &x, 96, 32);
    for (i, v) in x.iter().enumerate() {
        let group = (0..32).filter(|lane| x[*lane as usize] == *v);
        assert_eq!(found[i], group.clone().sum::<i32>(), "lane {i}");
        let odd = group.clone().filter(|lane| lane & 1 == 1);
        assert_eq!(found[32 + i], odd.fold(0, |mask, lane| mask | 1 << lane));
        let first = group.min().unwrap();
        assert_eq!(found[64 + i], if v & 1 == 1 { first } else { -1 });
    }
}

#[test]
fn printing() {
    let mut bench = bench("print");
    let args = [
        Arg::Buffer(bench.upload("x", &[1.5_f32, -2.25, 3.0, 4.0])),
        Arg::I32(-42),
    ];
    let outcome = bench.clean("print", shape(1, 4), &args);
    insta::assert_snapshot!(String::from_utf8(outcome.printed).unwrap(), @r"
    -42   -42|-42  |-0042 -42
    4000000000 ff FF 0xff 10
    -5000000000 5000000000 10000000000
    1.500000 1.500     1.50 1.500000e+00 1.5 1e-09
    text has c%
    nothing else
    [0]=1.5 [1]=-2.2 [2]=3.0 
    ");
}
