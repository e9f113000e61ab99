//! Outputs that must agree bit for bit: integers and booleans.

use super::compare::{Outcome, Site, multi_index};
use super::findings::Finding;
use crate::plan::Dtype;

/// Compares byte for byte; the slices have equal lengths that fit the shape.
pub(super) fn compare(
    site: Site,
    candidate: &[u8],
    dtype: Dtype,
    expected: &[u8],
    shape: &[i64],
) -> Outcome {
    if candidate == expected {
        return Outcome::right();
    }
    let size = dtype.size_bytes();
    let elements = || {
        candidate
            .chunks_exact(size)
            .zip(expected.chunks_exact(size))
    };
    let wrong_count = elements().filter(|(got, want)| got != want).count() as u64;
    let Some((flat, (got, want))) = elements().enumerate().find(|(_, (got, want))| got != want)
    else {
        return Outcome::right();
    };
    let finding = Finding::NotEqual {
        output: site.output,
        call: site.call,
        index: multi_index(flat, shape),
        got: integer(got),
        want: integer(want),
        wrong_count,
        total: (candidate.len() / size) as u64,
    };
    let distance = |(got, want): (&[u8], &[u8])| integer(got).abs_diff(integer(want));
    let max_abs = elements().map(distance).max().unwrap_or(0) as f64;
    Outcome {
        max_abs,
        max_ratio_of_tolerance: f64::INFINITY,
        ..Outcome::wrong(finding)
    }
}

/// The integer with these little-endian bytes; one byte is unsigned.
fn integer(bytes: &[u8]) -> i64 {
    match *bytes {
        [byte] => i64::from(byte),
        [a, b, c, d] => i64::from(i32::from_le_bytes([a, b, c, d])),
        [a, b, c, d, e, f, g, h] => i64::from_le_bytes([a, b, c, d, e, f, g, h]),
        // No element type has another size.
        _ => 0,
    }
}
