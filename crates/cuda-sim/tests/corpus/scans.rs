//! Sums of all before, segments, histograms.

use crate::case::{Case, blocks, case, doubles, exactly, singles};
use crate::harness::{integers, numbers};
use crate::reference::{each, scaled, sum, wider};

/// Sums up to each and with it.
fn running(x: &[i32]) -> Vec<i32> {
    x.iter()
        .scan(0, |sum, x| {
            *sum += x;
            Some(*sum)
        })
        .collect()
}

fn of_block(n: usize) -> Vec<Case> {
    let x = numbers(n as u64, n);
    let a = wider(&x);
    let sums = each(n, |i| a[..=i].iter().sum());
    let y = integers(n as u64, n, 1000);
    let before: Vec<i32> = running(&y).iter().zip(&y).map(|(sum, y)| sum - y).collect();
    vec![
        case("scan_hillis_steele", 1, 256)
            .shared(2 * 256 * 4)
            .read(&x)
            .writes(singles(sums, 16.0, "sums with cancellation"))
            .int(n)
            .mutant("scan_hillis_steele__one_buffer"),
        case("scan_blelloch", 1, 128)
            .shared((256 + 8) * 4)
            .read(&y)
            .writes(exactly(&before))
            .int(n),
    ]
}

fn of_blocks(n: usize) -> Vec<Case> {
    let x = integers(n as u64, n, 100);
    let tiles = n.div_ceil(128);
    vec![
        case("scan_warps", 1, 96)
            .read(&x)
            .writes(exactly(&running(&x)))
            .int(n),
        case("scan_look_back", tiles, 128)
            .read(&x)
            .writes(exactly(&running(&x)))
            .changes(
                &vec![0_u64; tiles],
                exactly(&each(tiles, |tile| {
                    let sum: i32 = x[..n.min((tile + 1) * 128)].iter().sum();
                    2 << 32 | u64::from(sum.cast_unsigned())
                })),
            )
            .int(n),
    ]
}

/// Segments of three, four, five … elements.
fn segments(n: usize) -> Vec<i32> {
    let mut segments = Vec::new();
    for segment in 0.. {
        if segments.len() >= n {
            break;
        }
        segments.extend(vec![segment; 3 + segment as usize]);
    }
    segments.truncate(n);
    segments
}

fn segmented(n: usize) -> Vec<Case> {
    let x = numbers(n as u64, n);
    let a = wider(&x);
    let segment = segments(n);
    let heads = each(n, |i| i32::from(i > 0 && segment[i] != segment[i - 1]));
    // Warps know nothing of each other.
    let starts = |i: usize| (i / 32 * 32..=i).rev().find(|j| heads[*j] == 1 || j.is_multiple_of(32));
    let sums = each(n, |i| a[starts(i).unwrap()..=i].iter().sum());
    let count = *segment.last().unwrap() as usize + 1;
    let of_each = each(count, |s| sum(n, |i| if segment[i] == s as i32 { a[i] } else { 0.0 }));
    vec![
        case("segmented_scan", blocks(n, 64), 64)
            .read(&x)
            .read(&heads)
            .writes(singles(sums, 16.0, "sums with cancellation"))
            .int(n),
        case("segment_sums", blocks(n, 64), 64)
            .read(&x)
            .read(&segment)
            .changes(
                &vec![0.0_f32; count],
                singles(of_each, 64.0, "sums with cancellation"),
            )
            .int(n)
            .any_order(),
    ]
}

fn histogram(n: usize) -> Case {
    let x: Vec<u8> = integers(31, n, 256).iter().map(|x| *x as u8).collect();
    let bins = each(256, |bin| {
        x.iter().filter(|x| usize::from(**x) == bin).count() as u32
    });
    case("histogram_private", 3, 64)
        .read(&x)
        .changes(&[0_u32; 256], exactly(&bins))
        .int(n)
        .mutant("histogram_private__not_cleared")
}

/// One warp, so that the order is the same.
fn compaction(n: usize) -> Case {
    let x = numbers(32, n);
    let kept: Vec<f32> = x.iter().copied().filter(|x| *x > 0.0).collect();
    let count = kept.len() as i32;
    case("compact_positive", 1, 32 * n.div_ceil(32))
        .read(&x)
        .writes(exactly(&kept))
        .changes(&[0_i32], exactly(&[count]))
        .int(n)
}

fn along_rows(rows: usize, cols: usize) -> Vec<Case> {
    let x: Vec<f64> = scaled(33, rows * cols, 0.5)
        .iter()
        .map(|x| 1.0 + f64::from(*x))
        .collect();
    let products = each(rows * cols, |i| x[i / cols * cols..=i].iter().product());
    // Few different values, so that there are equal ones: the first counts.
    let y: Vec<f32> = integers(34, rows * cols, 50).iter().map(|x| *x as f32).collect();
    let largest = each(rows * cols, |i| {
        let row = i / cols * cols;
        (row..=i).fold(row, |best, j| if y[j] > y[best] { j } else { best })
    });
    let places = each(rows * cols, |i| (largest[i] % cols) as i64);
    vec![
        case("products_before", blocks(rows, 32), 32)
            .read(&x)
            .writes(doubles(products, 2.0 * cols as f64, "one rounding each"))
            .ints(&[rows, cols]),
        case("maxima_before", rows, 32)
            .read(&y)
            .writes(exactly(&each(rows * cols, |i| y[largest[i]])))
            .writes(exactly(&places))
            .int(cols),
    ]
}

pub(crate) fn cases() -> Vec<Case> {
    let mut cases = [
        of_block(250),
        of_block(256),
        of_block(33),
        of_blocks(1000),
        of_blocks(1027),
        of_blocks(31),
        segmented(33),
        segmented(500),
        along_rows(5, 70),
        along_rows(33, 9),
    ]
    .concat();
    cases.extend([histogram(5000), compaction(31), compaction(20)]);
    cases
}
