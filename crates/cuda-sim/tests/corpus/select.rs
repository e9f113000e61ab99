//! Places of extremes, sorting, ranks: all exact.

use crate::case::{Case, blocks, case, exactly};
use crate::harness::{integers, numbers};
use crate::reference::{SIZES, each, words};

/// A single's bits in the order of numbers.
fn ordered(x: f32) -> u32 {
    let bits = x.to_bits();
    if bits >> 31 == 1 { !bits } else { bits | 1 << 31 }
}

/// Places in the order of their values, of equal ones the first first.
fn order(x: &[f32], descending: bool) -> Vec<usize> {
    let mut places: Vec<usize> = (0..x.len()).collect();
    places.sort_by(|a, b| {
        let both = x[*a].total_cmp(&x[*b]);
        if descending { both.reverse() } else { both }
    });
    places
}

/// Few different values: some are equal.
fn coarse(seed: u64, count: usize) -> Vec<f32> {
    let values = integers(seed, count, 200);
    values.iter().map(|x| *x as f32 / 8.0 - 12.0).collect()
}

fn of_size(n: usize) -> Vec<Case> {
    let x = coarse(n as u64, n);
    let first = order(&x, true)[0];
    let key = u64::from(ordered(x[first])) << 32 | u64::from(!(first as u32));
    let mut ranks = vec![0_i32; n];
    for (rank, place) in order(&x, false).into_iter().enumerate() {
        ranks[place] = rank as i32;
    }
    let argmax = case("argmax_packed", 3, 96)
        .read(&x)
        .changes(&[0_u64], exactly(&[key]))
        .int(n);
    let mut cases = vec![
        argmax.mutant("argmax_packed__last_of_equals"),
        case("search_sorted", blocks(n, 64), 64)
            .read(&each(100, |i| i as f32 / 5.0 - 11.0))
            .read(&x)
            .writes(exactly(&each(n, |i| {
                (0..100).filter(|e| *e as f32 / 5.0 - 11.0 <= x[i]).count() as i32
            })))
            .ints(&[100, n])
            .mutant("search_sorted__endless"),
    ];
    if n > 1 {
        let case = case("ranks", blocks(n, 64), 64).read(&x);
        let case = case.writes(exactly(&ranks)).int(n);
        let several = n > 64;
        cases.push(if several { case.mutant("ranks__no_second_barrier") } else { case });
    }
    cases
}

fn rows(rows: usize, cols: usize) -> Vec<Case> {
    let x = coarse(cols as u64, rows * cols);
    let sorted = |descending| {
        let row = move |row: &[f32]| order(row, descending);
        x.chunks(cols).map(row).collect::<Vec<_>>()
    };
    let up = sorted(false);
    let down = sorted(true);
    let least: Vec<i64> = up.iter().map(|places| places[0] as i64).collect();
    let all = each(rows * cols, |i| x[i / cols * cols + up[i / cols][i % cols]]);
    let top = |k: usize| {
        let at = each(rows * k, |i| (i / k, down[i / k][i % k]));
        let values: Vec<f32> = at.iter().map(|(row, c)| x[row * cols + c]).collect();
        let places: Vec<i32> = at.iter().map(|(_, c)| *c as i32).collect();
        (exactly(&values), exactly(&places))
    };
    let threads = cols.next_power_of_two();
    let (four, places_of_four) = top(4);
    let (seven, places_of_seven) = top(7);
    vec![
        case("argmin_rows", rows, 128)
            .read(&x)
            .writes(exactly(&least))
            .int(cols),
        case("sort_bitonic", rows, threads)
            .shared(threads * 4)
            .read(&x)
            .writes(exactly(&all))
            .int(cols)
            .mutant("sort_bitonic__barrier_in_branch"),
        case("top_four", blocks(rows, 32), 32)
            .read(&x)
            .writes(four)
            .writes(places_of_four)
            .ints(&[rows, cols]),
        case("top_k_by_removal", rows, 64)
            .shared(cols * 4)
            .read(&x)
            .writes(seven)
            .writes(places_of_seven)
            .ints(&[cols, 7]),
    ]
}

fn keys(n: usize) -> Vec<Case> {
    let x = words(n as u64, n);
    let values = each(n, |i| i as i32 * 3 - 7);
    let mut pairs: Vec<(u32, i32)> = Vec::new();
    for warp in x.iter().copied().zip(values.iter().copied()).collect::<Vec<_>>().chunks(32) {
        let mut warp = warp.to_vec();
        warp.sort_by_key(|pair| pair.0);
        pairs.extend(warp);
    }
    let sorted: Vec<u32> = pairs.iter().map(|pair| pair.0).collect();
    let moved: Vec<i32> = pairs.iter().map(|pair| pair.1).collect();
    let few = &x[..n.min(500)];
    let (zeros, ones): (Vec<u32>, Vec<u32>) = few.iter().partition(|x| *x >> 7 & 1 == 0);
    vec![
        case("sort_warp_pairs", blocks(n, 64), 64)
            .read(&x)
            .read(&values)
            .writes(exactly(&sorted))
            .writes(exactly(&moved))
            .int(n),
        case("radix_pass", 1, 512)
            .read(few)
            .writes(exactly(&[zeros, ones].concat()))
            .ints(&[few.len(), 7]),
    ]
}

fn merged(a: usize, b: usize) -> Case {
    let row = |seed, count| {
        let mut row = integers(seed, count, 60);
        row.sort_unstable();
        row
    };
    let (x, y) = (row(41, a), row(42, b));
    let mut all = [x.clone(), y.clone()].concat();
    all.sort_unstable();
    case("merge_sorted", blocks(a + b, 96), 96)
        .read(&x)
        .read(&y)
        .writes(exactly(&all))
        .ints(&[a, b])
}

/// Eight bits, one after the other, make a sort.
fn radix_sort() -> Case {
    let x: Vec<u32> = numbers(43, 300).iter().map(|x| ((x + 1.0) * 2.0) as u32).collect();
    let mut sorted = x.clone();
    sorted.sort_unstable();
    case("radix_pass", 1, 320)
        .read(&x)
        .scratch(300 * 4)
        .ints(&[300, 0])
        .takes(&[0, 1, 2, 3])
        .writes(exactly(&sorted))
        .int(1)
        .then("radix_pass", 1, 320, &[1, 4, 2, 5])
}

pub(crate) fn cases() -> Vec<Case> {
    let mut cases: Vec<Case> = SIZES.iter().flat_map(|n| of_size(*n)).collect();
    cases.extend([rows(3, 100), rows(5, 33), rows(2, 500)].concat());
    cases.extend([keys(31), keys(1027)].concat());
    cases.extend([merged(100, 33), merged(1, 64), radix_sort()]);
    cases
}
