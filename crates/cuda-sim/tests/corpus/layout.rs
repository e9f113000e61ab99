//! Moving elements: exact.

use crate::case::{Case, blocks, case, exactly, singles};
use crate::harness::{integers, numbers};
use crate::reference::each;

fn transposed(rows: usize, cols: usize) -> Case {
    let x = numbers(rows as u64, rows * cols);
    let turned = each(rows * cols, |i| x[i % rows * cols + i / rows]);
    let case = case("transpose_padded", (cols.div_ceil(32), rows.div_ceil(32)), (32, 8))
        .read(&x)
        .writes(exactly(&turned))
        .ints(&[rows, cols]);
    if rows > cols {
        case.mutant("transpose_padded__bounds_swapped")
    } else {
        case
    }
}

fn permuted() -> Case {
    // What was [3, 4, 5, 7] becomes [5, 3, 7, 4].
    let x = numbers(1, 420);
    let (size, stride) = ([5, 3, 7, 4], [7, 140, 1, 35]);
    let moved = each(420, |i| {
        let at = [i / 84, i / 28 % 3, i / 4 % 7, i % 4];
        x[(0..4).map(|d| at[d] * stride[d]).sum::<usize>()]
    });
    let struct_of: Vec<i32> = [size, stride].concat().iter().map(|x| *x as i32).collect();
    case("permute_4d", 4, 128)
        .read(&x)
        .writes(exactly(&moved))
        .values(&struct_of)
        .int(420)
}

fn rows_by_number() -> Vec<Case> {
    let (tokens, dim, rows) = (19, 12, 50);
    let table = numbers(2, rows * dim);
    let ids = integers(3, tokens, rows as i32);
    let long: Vec<i64> = ids.iter().map(|id| i64::from(*id)).collect();
    let gathered = each(tokens * dim, |i| table[ids[i / dim] as usize * dim + i % dim]);
    let x = numbers(4, tokens * dim);
    let few = integers(5, tokens, 6);
    let mut sums = vec![0.0; 6 * dim];
    for (i, x) in x.iter().enumerate() {
        sums[few[i / dim] as usize * dim + i % dim] += f64::from(*x);
    }
    vec![
        case("embedding", 7, 32)
            .read(&long)
            .read(&table)
            .writes(exactly(&gathered))
            .ints(&[tokens, dim / 4]),
        case("scatter_add_rows", 3, 96)
            .read(&few)
            .read(&x)
            .changes(&vec![0.0_f32; 6 * dim], singles(sums, 16.0, "sums of some terms"))
            .ints(&[tokens, dim])
            .any_order(),
    ]
}

fn joined() -> Case {
    let rows = 6;
    let widths = [3, 31, 9];
    let parts: Vec<Vec<f32>> = (0..3).map(|k| numbers(6 + k, rows * widths[k as usize])).collect();
    let mut all: Vec<f32> = Vec::new();
    for row in 0..rows {
        for (part, width) in parts.iter().zip(widths) {
            all.extend(&part[row * width..][..width]);
        }
    }
    let pointers: Vec<&[f32]> = parts.iter().map(Vec::as_slice).collect();
    // Structs are as long as a multiple of their alignment.
    let ints = [3, 31, 9, 0];
    case("concat_columns", (2, rows), 32)
        .pointers(&pointers, &ints)
        .writes(exactly(&all))
        .ints(&[rows, 43])
}

fn reflected(h: usize, w: usize, pad: usize) -> Case {
    let x = numbers(9, h * w);
    let (oh, ow) = (h + 2 * pad, w + 2 * pad);
    let inside = |at: usize, length: usize| {
        let at = at.abs_diff(pad);
        if at < length { at } else { 2 * (length - 1) - at }
    };
    let values = each(oh * ow, |i| x[inside(i / ow, h) * w + inside(i % ow, w)]);
    case("reflect_border", (ow.div_ceil(16), oh.div_ceil(8)), (16, 8))
        .read(&x)
        .writes(exactly(&values))
        .ints(&[h, w, pad])
        .mutant("reflect_border__repeats")
}

fn reversed(n: usize) -> Case {
    let x = numbers(10, n);
    let back: Vec<f32> = x.iter().rev().copied().collect();
    let case = case("reverse_in_place", 1, 32 * n.div_ceil(32))
        .shared(n * 4)
        .changes(&x, exactly(&back))
        .int(n);
    if n > 1 {
        case.mutant("reverse_in_place__through_memory")
    } else {
        case
    }
}

pub(crate) fn cases() -> Vec<Case> {
    let ids = integers(11, 45, 9);
    let hot = each(45 * 9, |i| u8::from(ids[i / 9] == (i % 9) as i32));
    let x = numbers(12, 33 * 33);
    let lower = each(33 * 33, |i| {
        let (r, c) = ((i / 33) as i32, (i % 33) as i32);
        if c - r <= -2 { x[i] } else { 0.0 }
    });
    let mut cases = vec![
        transposed(33, 65),
        transposed(100, 31),
        permuted(),
        joined(),
        reflected(9, 20, 3),
        reflected(5, 5, 4),
        reversed(1),
        reversed(1000),
        case("one_hot_bytes", 2, 32)
            .read(&ids)
            .writes(exactly(&hot))
            .ints(&[45, 9]),
        case("lower_triangle", blocks(33 * 33, 128), 128)
            .read(&x)
            .writes(exactly(&lower))
            .int(33)
            .value(-2_i32),
    ];
    cases.extend(rows_by_number());
    cases
}
