//! What CUDA C++ offers beyond arithmetic.

use crate::case::{Case, blocks, case, doubles, exactly, singles};
use crate::harness::{integers, numbers};
use crate::reference::{each, scaled, sum, wider, words};

fn polynomials(n: usize) -> Case {
    let (x, k) = (numbers(n as u64 + 1, n), numbers(2, 6));
    let (a, c) = (wider(&x), wider(&k));
    let value = |x: f64, k: &[f64]| k.iter().fold(0.0, |sum, k| sum * x + k);
    let values = each(n, |i| value(a[i], &c) - value(-a[i], &c[1..]));
    case("called_functions", blocks(n, 64), 64)
        .read(&x)
        .read(&k)
        .writes(singles(values, 64.0, "a difference of two of Horner's"))
        .ints(&[n, 6])
}

fn table(n: usize) -> Case {
    let (x, y) = (numbers(3, n), numbers(4, n));
    let op = integers(5, n, 3);
    let values = each(n, |i| [x[i] + y[i], x[i] * y[i], x[i].max(y[i])][op[i] as usize]);
    case("functions_in_a_table", blocks(n, 96), 96)
        .read(&x)
        .read(&y)
        .read(&op)
        .writes(exactly(&values))
        .int(n)
}

/// `-(x + 2.5) (x + 2.5)`.
fn interpreted(n: usize) -> Case {
    let x = numbers(6, n);
    let codes = [1, 0, 2, 5, 3, 4];
    let arg = |code: i32| if code == 0 { 2.5_f32.to_bits().cast_signed() } else { 0 };
    let mut program: Vec<i32> = codes.iter().flat_map(|code| [*code, arg(*code)]).collect();
    program.push(codes.len() as i32);
    let values = each(n, |i| -(x[i] + 2.5) * (x[i] + 2.5));
    case("interpreter", blocks(n, 64), 64)
        .read(&x)
        .writes(exactly(&values))
        .values(&program)
        .int(n)
        .mutant("interpreter__unknown_code")
}

fn carved(n: usize) -> Case {
    let threads = 128;
    let x = numbers(7, n);
    let value = |at: usize| x.get(at).map_or(0.0, |x| f64::from(*x));
    let sums = each(32, |bin| {
        let of = (bin..threads).step_by(32);
        of.map(|t| value((t * 7 + 3) % threads) * (t + 1) as f64).sum()
    });
    case("carved_shared", 1, threads)
        .shared(32 * 8 + threads * 4 + threads * 2)
        .read(&x)
        .writes(doubles(sums, 8.0, "sums of four"))
        .int(n)
        .mutant("carved_shared__overlap")
}

fn assembly(n: usize) -> Case {
    let x = words(8, n);
    let values = each(n, |i| {
        let field = x[i] >> 5 & 0x7ff;
        let chosen = if field > 1000 { i as u32 % 32 } else { field };
        (chosen ^ x[i] ^ field).wrapping_add(1 << (field & 7))
    });
    case("inline_ptx", blocks(n, 64), 64)
        .read(&x)
        .writes(exactly(&values))
        .int(n)
}

fn trees(count: usize) -> Case {
    let n = 19;
    let x = integers(9, count * n, 100);
    // A node's depth is that of its number, from 1 on, in binary.
    let depth = |i: usize| (i + 1).ilog2() as i32 + 1;
    let sums = each(count, |t| (0..n).map(|i| x[t * n + i] * depth(i)).sum::<i32>());
    case("recursive_sums", blocks(count, 32), 32)
        .read(&x)
        .writes(exactly(&sums))
        .ints(&[count, n])
}

fn groups(n: usize) -> Case {
    let (key, x) = (integers(10, n, 6), integers(11, n, 1000));
    let of = |k: usize| (0..n).filter(|i| key[*i] == k as i32).collect::<Vec<_>>();
    let sums = each(6, |k| of(k).into_iter().map(|i| x[i]).sum::<i32>());
    let sizes = each(6, |k| of(k).len() as i32);
    case("groups_by_key", blocks(n, 64), 64)
        .read(&key)
        .read(&x)
        .changes(&[0_i32; 6], exactly(&sums))
        .changes(&[0_i32; 6], exactly(&sizes))
        .int(n)
}

fn collatz(n: usize) -> Case {
    let x = each(n, |i| (i * i * 37 + 1) as i64);
    let steps = x.iter().map(|x| {
        let mut v = *x;
        let mut steps = 0;
        while v != 1 && steps < 400 {
            v = if v % 2 == 1 { 3 * v + 1 } else { v / 2 };
            steps += 1;
        }
        steps
    });
    case("steps_to_one", 2, 64)
        .read(&x)
        .writes(exactly(&steps.collect::<Vec<i32>>()))
        .int(n)
}

fn launches() -> Case {
    let args = &[0, 1];
    case("counts_launches", 1, 64)
        .writes(exactly(&each(64, |i| 43 * (i as i32 + 1))))
        .value(-2.5_f32)
        .then("counts_launches", 1, 64, args)
        .then("counts_launches", 1, 64, args)
        .prints("launch 41: -2.50 ok\nlaunch 42: -2.50 ok\nlaunch 43: -2.50 ok\n")
}

fn vectors(n: usize) -> Case {
    let (x, y) = (scaled(12, 5 * n, 2.0), numbers(13, 5 * n));
    let (a, b) = (wider(&x), wider(&y));
    let dot = |p: &[f64], q: &[f64], i: usize| sum(5, |k| p[5 * i + k] * q[5 * i + k]);
    let values = each(n, |i| {
        let along = dot(&a, &b, i) / dot(&b, &b, i);
        let rest = sum(5, |k| (a[5 * i + k] - along * b[5 * i + k]).powi(2));
        rest + along.powi(5)
    });
    case("vectors_by_template", blocks(n, 64), 64)
        .read(&x)
        .read(&y)
        .writes(singles(values, 64.0, "sums with cancellation and a fifth power"))
        .int(n)
}

fn barriers() -> Case {
    let x = numbers(14, 128);
    let mut y = wider(&x);
    for half in 0..2 {
        let ring = &mut y[64 * half..][..64];
        for _ in 0..3 + half {
            let next = each(64, |t| 0.5 * ring[t] + ring[(t + 1) % 64]);
            ring.copy_from_slice(&next);
        }
    }
    case("named_barriers", 1, 128)
        .read(&x)
        .writes(singles(y, 8.0, "four steps"))
}

fn hints(n: usize) -> Case {
    let x = numbers(15, n);
    case("hints_to_caches", blocks(n, 64), 64)
        .read(&x)
        .writes(exactly(&each(n, |i| x[i] + x[n - 1 - i])))
        .int(n)
}

pub(crate) fn cases() -> Vec<Case> {
    vec![
        polynomials(1),
        polynomials(1000),
        table(333),
        interpreted(33),
        interpreted(100),
        carved(100),
        carved(128),
        assembly(1027),
        trees(33),
        groups(31),
        groups(500),
        collatz(200),
        launches(),
        vectors(77),
        barriers(),
        hints(333),
    ]
}
