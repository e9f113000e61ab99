//! Element by element.

use crate::case::{Case, bfloats, blocks, case, doubles, exactly, halves, singles};
use crate::harness::numbers;
use crate::reference::{SIZES, each, in_bfloat, in_half, scaled, wider};

const ONE: &str = "one rounding";

fn of_size(n: usize) -> Vec<Case> {
    let (x, y) = (scaled(n as u64 + 1, n, 3.0), scaled(n as u64 + 4, n, 2.0));
    let (a, b) = (wider(&x), wider(&y));
    let (half_x, half_a) = in_half(&x);
    let (half_y, half_b) = in_half(&y);
    let mask: Vec<u8> = y.iter().map(|y| u8::from(*y > 0.0) * 7).collect();
    let scale_shift = case("scale_shift_float4", blocks(n, 64), 64)
        .read(&x)
        .writes(singles(each(n, |i| a[i] * 1.5 + 0.25), 1.0, ONE))
        .value(1.5_f32)
        .value(0.25_f32)
        .int(n);
    let clamp = case("clamp_grid_stride", 3, 128)
        .read(&x)
        .writes(exactly(&each(n, |i| x[i].clamp(-1.25, 2.5))))
        .value(-1.25_f32)
        .value(2.5_f32)
        .int(n);
    // Only an odd count has a tail of which the mutant leaves something.
    let odd = n % 2 == 1;
    vec![
        if odd {
            scale_shift.mutant("scale_shift_float4__short_tail")
        } else {
            scale_shift
        },
        case("add_relu_half2", blocks(n / 2 + 1, 96), 96)
            .read(&half_x)
            .read(&half_y)
            .writes(halves(
                each(n, |i| (half_a[i] + half_b[i]).max(0.0)),
                1.0,
                ONE,
            ))
            .int(n),
        clamp.mutant("clamp_grid_stride__one_more"),
        case("axpby_long_index", 2, 100)
            .read(&x)
            .changes(
                &y,
                singles(each(n, |i| 0.75 * a[i] - 1.5 * b[i]), 1.0, "worked out in double"),
            )
            .value(0.75_f64)
            .value(-1.5_f64)
            .value(n as i64),
        case("where_mask", blocks(n, 128), 128)
            .read(&mask)
            .read(&x)
            .read(&y)
            .writes(exactly(&each(n, |i| if y[i] > 0.0 { x[i] } else { y[i] })))
            .int(n),
    ]
}

fn broadcast() -> Case {
    // [2, 3, 1, 7] and [1, 3, 5, 1].
    let size = [2_usize, 3, 5, 7];
    let (of_a, of_b) = ([21, 7, 0, 1], [0, 5, 1, 0]);
    let (a, b) = (numbers(1, 42), numbers(2, 15));
    let n = size.iter().product();
    let sums = each(n, |i| {
        let at = [i / 105, i / 35 % 3, i / 7 % 5, i % 7];
        let place = |stride: [usize; 4]| (0..4).map(|d| at[d] * stride[d]).sum::<usize>();
        f64::from(a[place(of_a)]) + f64::from(b[place(of_b)])
    });
    let strides: Vec<i32> = [size, of_a, of_b].concat().iter().map(|x| *x as i32).collect();
    case("broadcast_add", blocks(n, 64), 64)
        .read(&a)
        .read(&b)
        .writes(singles(sums, 1.0, ONE))
        .values(&strides)
        .int(n)
}

fn rows_and_columns(rows: usize, cols: usize) -> Case {
    let (x, bias) = (numbers(3, rows * cols), numbers(4, rows.max(cols)));
    let sums = each(rows * cols, |i| f64::from(x[i]) + f64::from(bias[i % cols]));
    case("bias_of_columns", (cols.div_ceil(16), rows.div_ceil(8)), (16, 8))
        .read(&x)
        .read(&bias)
        .writes(singles(sums, 1.0, ONE))
        .ints(&[rows, cols])
        .mutant("bias_of_columns__rows_for_columns")
}

pub(crate) fn cases() -> Vec<Case> {
    let mut cases: Vec<Case> = SIZES.iter().flat_map(|n| of_size(*n)).collect();
    let (x, y) = (scaled(5, 222, 3.0), scaled(6, 222, 2.0));
    let (bits_x, a) = in_bfloat(&x);
    let (bits_y, b) = in_bfloat(&y);
    let with = |i: usize| if i.is_multiple_of(2) { 2.0 } else { -0.5 };
    cases.push(
        case("fma_bf16x2", 2, 32)
            .read(&bits_x)
            .read(&bits_y)
            .writes(bfloats(each(222, |i| a[i] * b[i] + with(i)), 1.0, ONE))
            .int(111),
    );
    let (bits, values) = in_half(&scaled(7, 8 * 33, 100.0));
    cases.push(
        case("halves_by_eight", 2, 32)
            .read(&bits)
            .writes(singles(values, 0.0, "no rounding"))
            .int(33),
    );
    let x = scaled(8, 400, 1.5);
    let byte = |x: &f32| (f64::from(x.clamp(0.0, 1.0) * 255.0)).round_ties_even() as u8;
    cases.push(
        case("to_bytes", 2, 64)
            .read(&x)
            .writes(exactly(&x.iter().map(byte).collect::<Vec<u8>>()))
            .int(100),
    );
    let (x, y) = (numbers(9, 2 * 77), numbers(10, 2 * 77));
    let parts = each(2 * 77, |i| {
        let at = i / 2 * 2;
        let [a, b, c, d] = [x[at], x[at + 1], y[at], y[at + 1]].map(f64::from);
        if i.is_multiple_of(2) { a * c - b * d } else { a * d + b * c }
    });
    cases.push(
        case("complex_product", 3, 32)
            .read(&x)
            .read(&y)
            .writes(singles(parts, 3.0, "two products and a sum"))
            .int(77),
    );
    let x = each(150, |i| f64::from(i as u32) * 0.03 - 2.0);
    let terms = [0.25, -1.5, 0.125, 3.0, -0.75, 1.0];
    let values = x.iter().map(|x| terms.iter().fold(0.0, |sum, term| sum * x + term));
    let want = doubles(values.collect(), 12.0, "six steps here and six there");
    cases.push(case("polynomial", 2, 96).read(&x).writes(want).int(150));
    cases.push(broadcast());
    cases.push(rows_and_columns(7, 33));
    cases.push(rows_and_columns(31, 17));
    cases
}
