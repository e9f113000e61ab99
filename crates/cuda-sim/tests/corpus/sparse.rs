//! Sparse matrices, graphs, and threads that take turns.

use crate::case::{Case, blocks, case, exactly, singles};
use crate::harness::{integers, numbers};
use crate::reference::{each, sum, wider};

/// Rows of none to a few entries: where each starts, and the columns.
fn pattern(rows: usize, cols: usize) -> (Vec<i32>, Vec<i32>) {
    let lengths = integers(rows as u64, rows, 14);
    let mut start = vec![0];
    for length in lengths {
        start.push(start.last().unwrap() + length);
    }
    let count = *start.last().unwrap() as usize;
    (start, integers(rows as u64 + 1, count, cols as i32))
}

fn range(start: &[i32], row: usize) -> std::ops::Range<usize> {
    start[row] as usize..start[row + 1] as usize
}

fn matrix(rows: usize, cols: usize) -> Vec<Case> {
    let (start, col) = pattern(rows, cols);
    let (value, x) = (numbers(1, col.len()), numbers(2, cols));
    let (a, b) = (wider(&value), wider(&x));
    let products = each(rows, |r| {
        range(&start, r).map(|i| a[i] * b[col[i] as usize]).sum::<f64>()
    });
    let with = |kernel, threads| {
        case(kernel, blocks(threads, 64), 64)
            .read(&start)
            .read(&col)
            .read(&value)
            .read(&x)
            .writes(singles(products.clone(), 16.0, "sums of up to 14 products"))
            .int(rows)
    };
    let wide = 5;
    let dense = numbers(3, cols * wide);
    let row = (0..rows).flat_map(|r| range(&start, r).map(move |_| r as i32));
    let row: Vec<i32> = row.collect();
    let c = each(rows * wide, |i| {
        let of = range(&start, i / wide);
        of.map(|e| a[e] * f64::from(dense[col[e] as usize * wide + i % wide])).sum::<f64>()
    });
    let scalar = with("spmv_scalar", rows);
    vec![
        // There must be a thread beyond the last row.
        if rows.is_multiple_of(64) {
            scalar
        } else {
            scalar.mutant("spmv_scalar__past_the_end")
        },
        with("spmv_vector", 8 * rows),
        case("spmm_coordinates", row.len(), 32)
            .read(&row)
            .read(&col)
            .read(&value)
            .read(&dense)
            .changes(&vec![0.0_f32; rows * wide], singles(c, 16.0, "sums of up to 14 products"))
            .ints(&[row.len(), wide])
            .any_order(),
    ]
}

fn search() -> Case {
    let n = 80;
    let (start, edge) = pattern(n, n);
    let frontier: Vec<i32> = (0..20).collect();
    let mut depth = each(n, |v| if v < 20 { 0 } else { -1 });
    let before = depth.clone();
    let mut reached = 0;
    for v in 0..20 {
        for e in range(&start, v) {
            if depth[edge[e] as usize] == -1 {
                depth[edge[e] as usize] = 1;
                reached += 1;
            }
        }
    }
    case("breadth_first_step", 1, 32)
        .read(&start)
        .read(&edge)
        .changes(&before, exactly(&depth))
        .read(&frontier)
        .int(20)
        .scratch(reached * 4)
        .changes(&[0_i32], exactly(&[reached as i32]))
        .int(1)
        .mutant("breadth_first_step__checked_then_set")
}

fn ranked() -> Case {
    let (n, steps, damping) = (50, 8, 0.85_f32);
    let (start, edge) = pattern(n, n);
    let mut rank = vec![1.0 / n as f64; n];
    for _ in 0..steps {
        let mut next = vec![(1.0 - f64::from(damping)) / n as f64; n];
        for (i, rank) in rank.iter().enumerate() {
            let of = range(&start, i);
            let share = f64::from(damping) * rank / of.len().max(1) as f64;
            of.for_each(|e| next[edge[e] as usize] += share);
        }
        rank = next;
    }
    case("page_rank", 1, 64)
        .shared(2 * n * 4)
        .read(&start)
        .read(&edge)
        .writes(singles(rank, 64.0, "eight steps of sums"))
        .ints(&[n, steps])
        .value(damping)
        .any_order()
}

fn connected() -> Case {
    let n = 90;
    let ends = integers(4, 2 * 70, n as i32);
    let mut label: Vec<i32> = (0..n as i32).collect();
    for _ in 0..n {
        for pair in ends.chunks(2) {
            let [a, b] = [pair[0] as usize, pair[1] as usize];
            let least = label[a].min(label[b]);
            label[a] = least;
            label[b] = least;
        }
    }
    case("connected_parts", 1, 64)
        .read(&ends)
        .writes(exactly(&label))
        .ints(&[70, n])
}

fn in_turn() -> Case {
    let (blocks, threads) = (6, 32);
    let n = blocks * threads - 5;
    let x = numbers(5, n);
    let mut y: Vec<f64> = Vec::new();
    for block in wider(&x).chunks(threads) {
        let before = y.last().copied().unwrap_or(0.0);
        y.extend(block.iter().map(|x| before * 0.5 + x));
    }
    case("blocks_in_turn", blocks, threads)
        .read(&x)
        .writes(singles(y, 8.0, "errors of blocks before"))
        .changes(&[0_i32], exactly(&[blocks as i32]))
        .int(n)
}

fn locked() -> Case {
    let n = 150;
    let x = numbers(6, n);
    let bin = integers(7, n, 5);
    // Sums of sixteenths are exact in any order.
    let x: Vec<f32> = x.iter().map(|x| (x * 16.0).round() / 16.0).collect();
    let mut bins = Vec::new();
    for b in 0..5 {
        let of: Vec<f32> = (0..n).filter(|i| bin[*i] == b).map(|i| x[i]).collect();
        let total = sum(of.len(), |i| f64::from(of[i])) as f32;
        let most = of.iter().copied().fold(0.0, f32::max);
        bins.extend([0, of.len() as u32, total.to_bits(), most.to_bits()]);
    }
    case("locked_bins", 2, 96)
        .read(&x)
        .read(&bin)
        .changes(&[0_u32; 20], exactly(&bins))
        .int(n)
}

pub(crate) fn cases() -> Vec<Case> {
    let mut cases = [matrix(33, 40), matrix(130, 70), matrix(64, 9)].concat();
    cases.extend([search(), ranked(), connected(), in_turn(), locked()]);
    cases
}
