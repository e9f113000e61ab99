//! Bits, bytes, and integers that do not fit: exact, but for one root.

use crate::case::{Case, blocks, case, exactly, singles};
use crate::harness::numbers;
use crate::reference::{SIZES, each, words};

/// `__byte_perm`: each of four digits picks a byte of eight.
fn permute(a: u32, b: u32, how: u32) -> u32 {
    let all = u64::from(b) << 32 | u64::from(a);
    (0..4).fold(0, |word, k| {
        let byte = (all >> (8 * (how >> (4 * k) & 7)) & 255) as u32;
        word | byte << (8 * k)
    })
}

/// Of the four bytes of both.
fn by_bytes(a: u32, b: u32, f: impl Fn(u8, u8) -> u8) -> u32 {
    let (a, b) = (a.to_le_bytes(), b.to_le_bytes());
    u32::from_le_bytes([0, 1, 2, 3].map(|k| f(a[k], b[k])))
}

fn sum_of_bytes(a: u32, b: u32, f: impl Fn(u8, u8) -> i64) -> i64 {
    let (a, b) = (a.to_le_bytes(), b.to_le_bytes());
    (0..4).map(|k| f(a[k], b[k])).sum()
}

fn long_word(pair: &[u32]) -> i64 {
    (u64::from(pair[0]) << 32 | u64::from(pair[1])).cast_signed()
}

fn words_of(n: usize) -> Vec<Case> {
    let (x, y) = (words(n as u64, n), words(n as u64 + 1, n));
    let [a, b] = [&x, &y].map(|x| x.iter().map(|x| x.cast_signed()).collect::<Vec<i32>>());
    let on = |kernel| case(kernel, blocks(n, 64), 64).read(&x);
    let counts = each(4 * n, |i| {
        let v = x[i / 4];
        let first = if v == 0 { 0 } else { v.trailing_zeros() + 1 };
        [v.count_ones(), v.leading_zeros(), first, v.reverse_bits()][i % 4]
    });
    let shifts = each(n, |i| {
        let (a, b) = (x[i], y[i]);
        let left = (u64::from(!a) << 32 | u64::from(a)) << (b & 31) >> 32;
        let right = (u64::from(b) << 32 | u64::from(a)) >> (b & 63).min(32);
        left as u32 ^ right as u32 ^ a.rotate_left(b & 31)
    });
    let permuted = each(n, |i| {
        let swapped = x[i].swap_bytes();
        permute(x[i], swapped.wrapping_mul(3), y[i] & 0x7777).wrapping_add(swapped)
    });
    // A digit's high bit would repeat its byte's sign.
    let digits: Vec<u32> = y.iter().map(|y| y & 0x7777).collect();
    // Of all sizes, none of them 0.
    let divisors = each(n, |i| b[i] >> (i % 31) | 1);
    let divided = each(n, |i| {
        let (p, q) = (a[i], divisors[i]);
        let (u, v) = (p.cast_unsigned(), q.cast_unsigned());
        let signed = (p / q).wrapping_add((p % q).wrapping_mul(3));
        let unsigned = (u / v).wrapping_sub((u % v).wrapping_mul(5)).cast_signed();
        [p / 7, p % -13, (u / 10).cast_signed()]
            .iter()
            .fold(signed.wrapping_add(unsigned), |sum, x| sum.wrapping_add(*x))
    });
    let high = each(n, |i| {
        let product = |a: i128, b: i128, shift: u32| ((a * b) >> shift) as i64;
        let wide = i64::from(a[i])
            .wrapping_mul(0x9e37_79b9_7f4a_7c15_u64.cast_signed())
            .wrapping_add(i64::from(b[i]));
        let unsigned = u128::from(wide.cast_unsigned()) * u128::from(!wide.cast_unsigned());
        [
            product(a[i].into(), b[i].into(), 32),
            product(x[i].into(), y[i].into(), 32),
            product(wide.into(), wide.into(), 64),
            (unsigned >> 64) as i64,
        ]
        .iter()
        .fold(0, |sum: i64, x| sum.wrapping_add(*x))
    });
    let at_once = each(2 * n, |i| {
        let (p, q) = (x[i % n], y[i % n]);
        if i < n {
            let differences = by_bytes(p, q, u8::abs_diff);
            // `__sad` takes words as signed.
            let sad = p.cast_signed().abs_diff(q.cast_signed()).wrapping_add(7);
            by_bytes(p, q, u8::wrapping_add)
                ^ by_bytes(p, q, u8::max)
                ^ differences.wrapping_add(sad)
                ^ by_bytes(p, q, u8::saturating_sub)
                ^ by_bytes(p, q, |p, q| if p > q { 255 } else { 0 })
        } else {
            let signed = |x: u8| i64::from(x.cast_signed());
            let both = sum_of_bytes(p, q, |p, q| signed(p) * signed(q)) - 5;
            let unsigned = sum_of_bytes(p, q, |p, q| i64::from(p) * i64::from(q)) + 9;
            // Two halves by the lower two bytes.
            let half = |k: u32| i64::from((p >> (16 * k)) as i16) * signed((q >> (8 * k)) as u8);
            (both + unsigned + half(0) + half(1) + 1) as u32
        }
    });
    let hashed: Vec<u32> = x.iter().map(|x| morton_of_hash(*x)).collect();
    vec![
        on("counts_of_bits").writes(exactly(&counts)).int(n),
        on("funnel_shifts").read(&y).writes(exactly(&shifts)).int(n),
        on("bytes_permuted")
            .read(&digits)
            .writes(exactly(&permuted))
            .int(n)
            .mutant("bytes_permuted__one_byte"),
        on("division_by_any")
            .read(&divisors)
            .writes(exactly(&divided))
            .int(n),
        on("high_halves").read(&y).writes(exactly(&high)).int(n),
        on("bytes_at_once").read(&y).writes(exactly(&at_once)).int(n),
        on("morton_and_hash").writes(exactly(&hashed)).int(n),
    ]
}

/// The finish of MurmurHash 3, half of it spread out.
fn morton_of_hash(x: u32) -> u32 {
    let mut h = x;
    h = (h ^ h >> 16).wrapping_mul(0x85eb_ca6b);
    h = (h ^ h >> 13).wrapping_mul(0xc2b2_ae35);
    h ^= h >> 16;
    let spread = (0..16).fold(0, |bits, k| bits | (h >> k & 1) << (2 * k));
    (spread | ((h ^ h >> 1) & 1) << 31) ^ (h >> 16 << 1)
}

fn long_words(n: usize) -> Vec<Case> {
    let pairs = words(n as u64 + 2, 4 * n);
    let x: Vec<i64> = pairs[..2 * n].chunks(2).map(long_word).collect();
    let y = each(n, |i| long_word(&pairs[2 * (n + i)..]) >> (i % 63) | 1);
    let counts = each(n, |i| {
        let v = x[i].cast_unsigned();
        let reversed = (v.reverse_bits() & 15) as u32;
        v.count_ones() + 100 * v.leading_zeros() + 10000 * (v.trailing_zeros() + 1) + 1_000_000 * reversed
    });
    let divided = each(n, |i| {
        let (p, q) = (x[i], y[i]);
        let unsigned = (p.cast_unsigned() / q.cast_unsigned()).cast_signed();
        [(p % q).wrapping_mul(3), unsigned, p / 1_000_003]
            .iter()
            .fold(p / q, |sum, x| sum.wrapping_add(*x))
    });
    let large = words(n as u64 + 3, 16 * n);
    // All ones: the carry goes through.
    let a = each(8 * n, |i| if i < 8 { u32::MAX } else { large[i] });
    let b = &large[8 * n..];
    let mut sums = Vec::new();
    let mut carry = 0;
    for (at, (a, b)) in a.iter().zip(b).enumerate() {
        if at.is_multiple_of(8) {
            carry = 0;
        }
        carry += u64::from(*a) + u64::from(*b);
        sums.push(carry as u32);
        carry >>= 32;
    }
    vec![
        case("counts_of_long_bits", blocks(n, 64), 64)
            .read(&x)
            .writes(exactly(&counts))
            .int(n),
        case("long_division", blocks(n, 64), 64)
            .read(&x)
            .read(&y)
            .writes(exactly(&divided))
            .int(n),
        case("add_256", blocks(n, 64), 64)
            .read(&a)
            .read(b)
            .writes(exactly(&sums))
            .int(n),
    ]
}

fn signs() -> Vec<Case> {
    let [m, n, count] = [9, 21, 3];
    let (a, b) = (words(50, m * count), words(51, n * count));
    let products = each(m * n, |i| {
        let differ = |w: usize| (a[i / n * count + w] ^ b[i % n * count + w]).count_ones();
        32 * count as i32 - 2 * (0..count).map(differ).sum::<u32>() as i32
    });
    let x = numbers(52, 333);
    let packed: Vec<u32> = x
        .chunks(32)
        .map(|x| (0..).zip(x).fold(0, |bits, (k, x)| bits | u32::from(*x < 0.0) << k))
        .collect();
    let positive: Vec<f32> = x.iter().map(|x| x.abs() * 50.0 + 0.01).collect();
    let roots = positive.iter().map(|x| 1.0 / f64::from(*x).sqrt()).collect();
    vec![
        case("binary_product", m, 32)
            .read(&a)
            .read(&b)
            .writes(exactly(&products))
            .ints(&[m, n, count]),
        case("pack_signs", 3, 128)
            .read(&x)
            .writes(exactly(&packed))
            .int(333),
        case("inverse_root_by_bits", 2, 64)
            .read(&positive)
            .writes(singles(roots, 6.0, "three of Newton's steps"))
            .int(333),
    ]
}

pub(crate) fn cases() -> Vec<Case> {
    let mut cases: Vec<Case> = SIZES.iter().flat_map(|n| words_of(*n)).collect();
    cases.extend([long_words(1), long_words(33), long_words(1000), signs()].concat());
    cases
}
