//! Signs that values are not independent and identically distributed.
//!
//! A marginal distribution says nothing about order: a sorted, mirrored, repeated,
//! masked or normalised tensor may have a perfect one. Each check here looks for one such
//! structure, at limits that independent values exceed about once in 10⁸.

#![expect(clippy::float_cmp, reason = "repetition means the same bits")]

use super::fit::Moments;

/// Standard errors that a statistic may be off.
const LIMIT: f64 = 6.5;

/// Whether values of this shape show no structure. `discrete` values may repeat.
pub(super) fn plain(values: &[f64], shape: &[usize], discrete: bool) -> bool {
    let moments = Moments::of(values);
    if shape.iter().product::<usize>() != values.len() || moments.variance <= 0.0 {
        return false;
    }
    let cols = shape.last().copied().unwrap_or(1);
    let rows = values.len() / cols.max(1);
    (discrete || !repeats(values, rows, cols))
        && (!discrete || repeats_by_chance(values))
        && axes(shape).all(|axis| {
            alike_along(values, axis, &moments) && neighbours_unrelated(values, axis, &moments)
        })
        && alike_along(
            values,
            Axis {
                size: rows,
                inner: cols,
            },
            &moments,
        )
        && rows_unrelated(values, rows, cols, &moments)
        && not_mirrored(values, shape, &moments)
}

/// Whether two samples of equal length have nothing in common.
pub(super) fn unrelated(a: &[f64], b: &[f64]) -> bool {
    let n = a.len().min(b.len()) as f64;
    let (first, second) = (Moments::of(a), Moments::of(b));
    let covariance = a
        .iter()
        .zip(b)
        .map(|(x, y)| (x - first.mean) * (y - second.mean))
        .sum::<f64>()
        / n;
    let scale = (first.variance * second.variance).sqrt();
    let same = a.iter().zip(b).filter(|(x, y)| x == y).count() as f64;
    // Continuous values hardly ever agree; discrete ones agree as often as values of one
    // sample agree with those next to them.
    let by_chance = a
        .iter()
        .zip(&b[1.min(b.len())..])
        .filter(|(x, y)| x == y)
        .count() as f64;
    scale > 0.0
        && (covariance / scale).abs() * n.sqrt() <= LIMIT
        && (same - by_chance).abs() <= LIMIT * (same + by_chance).sqrt() + 8.0
}

/// One dimension of a contiguous tensor: its size, and the elements between neighbours along it.
#[derive(Debug, Clone, Copy)]
struct Axis {
    size: usize,
    inner: usize,
}

fn axes(shape: &[usize]) -> impl Iterator<Item = Axis> + '_ {
    (0..shape.len()).map(|axis| Axis {
        size: shape[axis],
        inner: shape[axis + 1..].iter().product(),
    })
}

/// Repeated values in a grid of elements from many rows and columns.
fn repeats(values: &[f64], rows: usize, cols: usize) -> bool {
    const PICKS: usize = 4096;
    let rows_taken = rows.min(64);
    let cols_taken = cols.min(PICKS / rows_taken);
    let rows_taken = rows.min(PICKS / cols_taken);
    let mut picked: Vec<f64> = (0..rows_taken)
        .flat_map(|row| {
            (0..cols_taken).map(move |col| (row * rows / rows_taken, col * cols / cols_taken))
        })
        .map(|(row, col)| values[row * cols + col].abs())
        .collect();
    picked.sort_unstable_by(f64::total_cmp);
    let repeated = picked.windows(2).filter(|pair| pair[0] == pair[1]).count();
    // 4096 values of 24 bits have half a pair in common; zeros must not pile up anywhere.
    let zeros = values.iter().filter(|value| **value == 0.0).count();
    repeated > 8 || zeros as f64 > 4.0 + values.len() as f64 * 1e-5
}

/// Whether equal neighbours are as frequent as independent discrete values make them.
fn repeats_by_chance(values: &[f64]) -> bool {
    let mut sorted = values.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    let n = values.len() as f64;
    let chance: f64 = sorted
        .chunk_by(|a, b| a == b)
        .map(|run| (run.len() as f64 / n).powi(2))
        .sum();
    let equal = values.windows(2).filter(|pair| pair[0] == pair[1]).count() as f64;
    let expected = (n - 1.0) * chance;
    (equal - expected).abs() <= LIMIT * (expected * (1.0 - chance)).sqrt() + 2.0 * LIMIT
}

/// Whether all slices along an axis have the same mean and mean square, with the spread that chance
/// gives them: more means scaled or masked slices, less means normalised ones.
fn alike_along(values: &[f64], axis: Axis, moments: &Moments) -> bool {
    let Axis { size, inner } = axis;
    let per_slice = values.len() / size.max(1);
    if size < 2 || per_slice < 16 {
        return true;
    }
    let mut sums = vec![[0.0_f64; 2]; size];
    for block in values.chunks_exact(size * inner) {
        for (slice, sums) in block.chunks_exact(inner).zip(&mut sums) {
            for value in slice {
                let d = value - moments.mean;
                sums[0] += d;
                sums[1] += d * d;
            }
        }
    }
    let m = per_slice as f64;
    let mean_error = (moments.variance / m).sqrt();
    let square_error = moments.variance * ((moments.excess_kurtosis + 2.0).max(0.0) / m).sqrt();
    let means: Vec<f64> = sums.iter().map(|sums| sums[0] / m / mean_error).collect();
    if !spread_by_chance(&means, 1.0) || means.iter().any(|z| z.abs() > LIMIT) {
        return false;
    }
    // Two values of equal size (±1) have no spread in their squares.
    if square_error <= 1e-6 * moments.variance {
        return true;
    }
    let squares: Vec<f64> = sums
        .iter()
        .map(|sums| (sums[1] / m - moments.variance) / square_error)
        .collect();
    // Squares are skewed: single slices are conclusive only if they are long.
    spread_by_chance(&squares, 1.0 + 6.0 / m.sqrt())
        && (per_slice < 256 || squares.iter().all(|z| z.abs() <= 1.2 * LIMIT))
}

/// Whether the sum of squares of standard scores is what their number makes it, `widen` times the
/// usual margin.
fn spread_by_chance(scores: &[f64], widen: f64) -> bool {
    let freedom = scores.len() as f64 - 1.0;
    let chi_squared: f64 = scores.iter().map(|z| z * z).sum();
    // The root of a chi-squared value is nearly normal, with variance 1/2.
    (chi_squared.sqrt() - freedom.sqrt()).abs() * std::f64::consts::SQRT_2 <= LIMIT * widen
}

/// Whether neighbours along an axis are uncorrelated.
fn neighbours_unrelated(values: &[f64], axis: Axis, moments: &Moments) -> bool {
    let Axis { size, inner } = axis;
    if size < 2 {
        return true;
    }
    let (mut covariance, mut pairs) = (0.0, 0.0);
    for block in values.chunks_exact(size * inner) {
        for (x, y) in block.iter().zip(&block[inner..]) {
            covariance += (x - moments.mean) * (y - moments.mean);
        }
        pairs += (block.len() - inner) as f64;
    }
    correlation_by_chance(covariance, pairs, moments)
}

fn correlation_by_chance(covariance: f64, pairs: f64, moments: &Moments) -> bool {
    (covariance / moments.variance).abs() <= LIMIT * pairs.sqrt()
}

/// Whether distant rows are uncorrelated, each pair and all pairs together (low rank makes every
/// pair a little correlated).
fn rows_unrelated(values: &[f64], rows: usize, cols: usize, moments: &Moments) -> bool {
    const PAIRS: usize = 256;
    if rows < 4 || cols < 32 {
        return true;
    }
    let row = |index: usize| &values[index % rows * cols..][..cols];
    let pairs =
        (0..PAIRS.min(rows)).map(|k| (k * 7919 % rows, (k * 104_729 + rows / 2 + 1) % rows));
    let scores: Vec<f64> = pairs
        .filter(|(i, j)| i != j)
        .map(|(i, j)| {
            let products = row(i)
                .iter()
                .zip(row(j))
                .map(|(x, y)| (x - moments.mean) * (y - moments.mean));
            products.sum::<f64>() / moments.variance / (cols as f64).sqrt()
        })
        .collect();
    // Pairs share rows here and there, which widens the margin a little.
    scores.iter().all(|z| z.abs() <= LIMIT) && (scores.len() < 8 || spread_by_chance(&scores, 1.5))
}

/// Whether elements mirrored at the diagonal of the last two dimensions are uncorrelated.
fn not_mirrored(values: &[f64], shape: &[usize], moments: &Moments) -> bool {
    let [.., rows, cols] = *shape else {
        return true;
    };
    if rows != cols || rows < 2 {
        return true;
    }
    let (mut covariance, mut pairs) = (0.0, 0.0);
    for matrix in values.chunks_exact(rows * cols) {
        for i in 0..rows {
            for j in 0..i {
                covariance +=
                    (matrix[i * cols + j] - moments.mean) * (matrix[j * cols + i] - moments.mean);
            }
        }
        pairs += (rows * (rows - 1) / 2) as f64;
    }
    correlation_by_chance(covariance, pairs, moments)
}
