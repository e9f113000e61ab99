//! Attention and what goes with it.

use crate::case::{Case, blocks, case, exactly, singles};
use crate::harness::{integers, numbers};
use crate::reference::{each, scaled, softmax, sum, wider, words};

const WHY: &str = "scores, expf of their differences, sums, a quotient";

/// Of one head; `bias` says what is added to a score, or that it is not seen.
fn attend(
    [q, k, v]: [&[f64]; 3],
    dim: usize,
    scale: f64,
    bias: impl Fn(usize, usize) -> Option<f64>,
) -> Vec<f64> {
    let length = k.len() / dim;
    (0..q.len() / dim)
        .flat_map(|i| {
            let seen: Vec<usize> = (0..length).filter(|j| bias(i, *j).is_some()).collect();
            let score = |j: &usize| {
                let dot = sum(dim, |d| q[i * dim + d] * k[j * dim + d]);
                dot * scale + bias(i, *j).unwrap()
            };
            let weights = softmax(&seen.iter().map(score).collect::<Vec<_>>());
            each(dim, |d| sum(seen.len(), |j| weights[j] * v[seen[j] * dim + d]))
        })
        .collect()
}

fn heads(heads: usize, length: usize) -> Vec<Case> {
    let dim = 8;
    let n = heads * length * dim;
    let inputs = [1, 2, 3].map(|seed| scaled(seed, n, 2.0));
    let [q, k, v] = inputs.each_ref().map(|x| wider(x));
    let scale = 0.5_f32;
    let all = |bias: &dyn Fn(usize, usize, usize) -> Option<f64>| -> Vec<f64> {
        (0..heads)
            .flat_map(|head| {
                let of = [&q, &k, &v].map(|x| &x[head * length * dim..][..length * dim]);
                attend(of, dim, f64::from(scale), |i, j| bias(head, i, j))
            })
            .collect()
    };
    let plain = all(&|_, _, _| Some(0.0));
    let causal = all(&|head, i, j| {
        let slope = (-8.0 * (head + 1) as f64 / heads as f64).exp2();
        (j <= i).then_some(slope * (j as f64 - i as f64))
    });
    let with = |kernel, grid: (usize, usize), block: usize, values: Vec<f64>| {
        let case = case(kernel, grid, block);
        let case = inputs.iter().fold(case, |case, x| case.read(x));
        case.writes(singles(values, 64.0, WHY)).int(length)
    };
    let tiles = (length.div_ceil(32), heads);
    let naive = with("attention_naive", (length, heads), 64, plain.clone())
        .int(dim)
        .value(scale)
        .shared(length * 4);
    vec![
        if length > 32 {
            naive.mutant("attention_naive__no_barrier")
        } else {
            naive
        },
        with("flash_attention", tiles, 32, plain).value(scale),
        with("flash_attention_causal_alibi", tiles, 32, causal).value(scale),
    ]
}

fn decoding() -> Case {
    let [most, dim] = [37, 20];
    let lengths = [1_i32, 37, 2, 18];
    let n = lengths.len() * most * dim;
    let (q, k, v) = (scaled(4, 4 * dim, 2.0), numbers(5, n), numbers(6, n));
    let [a, b, c] = [&q, &k, &v].map(|x| wider(x));
    let values = (0..lengths.len()).flat_map(|i| {
        let past = i * most * dim..(i * most + lengths[i] as usize) * dim;
        let of = [&a[i * dim..][..dim], &b[past.clone()], &c[past]];
        attend(of, dim, 1.0 / (dim as f64).sqrt(), |_, _| Some(0.0))
    });
    case("attention_decode", lengths.len(), 128)
        .read(&q)
        .read(&k)
        .read(&v)
        .read(&lengths)
        .writes(singles(values.collect(), 64.0, WHY))
        .ints(&[most, dim])
}

fn rotated() -> Case {
    let [tokens, heads, pairs] = [9, 2, 5];
    let x = numbers(7, tokens * heads * pairs * 2);
    let a = wider(&x);
    let values = each(x.len(), |i| {
        let (pair, token) = (i / 2 % pairs, i / (2 * pairs * heads));
        let angle = token as f64 * 10000_f64.powf(-(pair as f64) / pairs as f64);
        let [re, im] = [a[i / 2 * 2], a[i / 2 * 2 + 1]];
        if i.is_multiple_of(2) {
            re * angle.cos() - im * angle.sin()
        } else {
            re * angle.sin() + im * angle.cos()
        }
    });
    case("rotary", 2, 64)
        .changes(&x, singles(values, 128.0, "an angle of up to eight and its errors"))
        .ints(&[tokens, heads, pairs])
        .value(10000_f32)
}

/// Salmon and others, "Parallel random numbers: as easy as 1, 2, 3", 2011.
fn philox(counter: [u32; 4], key: [u32; 2]) -> [u32; 4] {
    let (mut c, mut k) = (counter, key);
    for _ in 0..10 {
        let wide = |factor: u32, x: u32| u64::from(factor) * u64::from(x);
        let (a, b) = (wide(0xd251_1f53, c[0]), wide(0xcd9e_8d57, c[2]));
        let high = |x: u64| (x >> 32) as u32;
        c = [high(b) ^ c[1] ^ k[0], b as u32, high(a) ^ c[3] ^ k[1], a as u32];
        k = [k[0].wrapping_add(0x9e37_79b9), k[1].wrapping_add(0xbb67_ae85)];
    }
    c
}

fn dropped(n: usize) -> Case {
    // The vectors of the authors' known answers.
    assert_eq!(
        philox([0; 4], [0; 2]),
        [0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8]
    );
    let seed = 0x0123_4567_89ab_cdef_u64;
    let x = numbers(8, n);
    let kept = each(n, |i| {
        let words = philox([i as u32 / 4, 0, 0, 0], [seed as u32, (seed >> 32) as u32]);
        f64::from(words[i % 4] >> 8) / 16_777_216.0 >= f64::from(0.3_f32)
    });
    let left = each(n, |i| if kept[i] { f64::from(x[i]) / (1.0 - f64::from(0.3_f32)) } else { 0.0 });
    case("dropout", blocks(n, 256), 64)
        .read(&x)
        .writes(singles(left, 2.0, "a difference and a quotient"))
        .writes(exactly(&kept.iter().map(|kept| u8::from(*kept)).collect::<Vec<_>>()))
        .int(n)
        .value(0.3_f32)
        .value(seed)
}

fn quantised(rows: usize, cols: usize) -> Case {
    let x = scaled(9, rows * cols, 3.0);
    // Each step is the kernel's own: the nearest of halves must not be another.
    let scales: Vec<f32> = x
        .chunks(cols)
        .map(|row| row.iter().fold(0.0, |most: f32, x| most.max(x.abs())) / 127.0)
        .collect();
    let values = each(rows * cols, |i| (x[i] / scales[i / cols]).round_ties_even() as i8);
    case("quantise_rows", rows, 128)
        .read(&x)
        .writes(exactly(&values))
        .writes(exactly(&scales))
        .int(cols)
        .mutant("quantise_rows__truncated")
}

fn four_bits() -> Case {
    let (count, group) = (50, 40);
    let packed = words(10, count);
    let scale = numbers(11, count * 8 / group);
    let zero: Vec<u8> = integers(12, count * 8 / group, 16).iter().map(|x| *x as u8).collect();
    let values = each(count * 8, |i| {
        let digit = packed[i / 8] >> (4 * (i % 8)) & 15;
        (f64::from(digit) - f64::from(zero[i / group])) * f64::from(scale[i / group])
    });
    case("dequantise_int4", 2, 32)
        .read(&packed)
        .read(&scale)
        .read(&zero)
        .writes(singles(values, 1.0, "one rounding"))
        .ints(&[count, group])
}

pub(crate) fn cases() -> Vec<Case> {
    let mut cases = [heads(2, 33), heads(3, 70), heads(1, 9)].concat();
    cases.extend([decoding(), rotated(), dropped(1000), dropped(33), four_bits()]);
    cases.extend([quantised(3, 130), quantised(2, 1027)]);
    cases
}
