//! How far a score would move with other rows: the jackknife over blocks of
//! rows, by the scorer itself, so that it holds for any metric.

use std::collections::HashMap;

use protocol::{ContentHash, Interval};

use super::order::Placed;
use crate::audit::prepared::ROW_ID;
use crate::audit::table::Table;

/// Blocks of rows.
const BLOCKS: usize = 20;
/// Fewest blocks, and rows in each, that say anything.
const FEWEST_BLOCKS: usize = 5;
const FEWEST_ROWS: usize = 2;

/// The block of each row, or why there are none. Rows that hang together are in
/// one block, and where rows come after each other, neighbours are.
pub(super) fn blocks(rows: &[Placed]) -> Result<Vec<usize>, String> {
    // By unit: its first place, and its number of rows.
    let mut sizes: HashMap<&str, (Option<usize>, usize)> = HashMap::new();
    for row in rows {
        let (first, size) = sizes.entry(&row.unit).or_insert((row.rank, 0));
        *first = (*first).min(row.rank);
        *size += 1;
    }
    let mut order: Vec<&str> = sizes.keys().copied().collect();
    order.sort_by_cached_key(|unit| {
        let hash = ContentHash::of(unit.as_bytes());
        (sizes[unit].0, hash.as_str().to_owned())
    });
    let count = BLOCKS.min(order.len()).min(rows.len() / FEWEST_ROWS);
    if count < FEWEST_BLOCKS {
        return Err(format!("{} rows are too few for an interval", rows.len()));
    }
    let mut block_of: HashMap<&str, usize> = HashMap::new();
    let mut seen = 0;
    for unit in order {
        let size = sizes[unit].1;
        // By the middle of the unit's rows: a large one doesn't begin a block
        // that it can't fill.
        let middle = seen + size / 2;
        block_of.insert(unit, (middle * count / rows.len()).min(count - 1));
        seen += size;
    }
    let mut used: Vec<usize> = block_of.values().copied().collect();
    used.sort_unstable();
    used.dedup();
    if used.len() < FEWEST_BLOCKS {
        return Err("a few groups have most of the rows: too few for an interval".to_owned());
    }
    // Blocks that stayed empty leave no gap.
    let place = |block: usize| used.binary_search(&block).unwrap_or_default();
    let blocks = rows.iter().map(|row| place(block_of[row.unit.as_str()]));
    Ok(blocks.collect())
}

/// The rows of a table that are not in a block; rows that are in none stay.
pub(super) fn without(table: &Table, block_of: &HashMap<&str, &usize>, block: usize) -> Table {
    let names = table.column(ROW_ID);
    let stays = |row: &&Vec<String>| {
        let block_of_row = names.and_then(|names| block_of.get(row[names].as_str()));
        block_of_row.is_none_or(|of| **of != block)
    };
    Table {
        header: table.header.clone(),
        rows: table.rows.iter().filter(stays).cloned().collect(),
    }
}

/// The 95% interval around `value` by the scores without one block each.
pub(super) fn jackknife(value: f64, without: &[f64]) -> Result<Interval, String> {
    let blocks = without.len() as f64;
    let mean = without.iter().sum::<f64>() / blocks;
    let squares: f64 = without.iter().map(|score| (score - mean).powi(2)).sum();
    let error = ((blocks - 1.0) / blocks * squares).sqrt();
    let half = stats::student_t_quantile(0.975, blocks - 1.0) * error;
    if half.is_finite() {
        Ok(Interval(value - half, value + half))
    } else {
        Err("scores without a part of the rows are no finite numbers".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(units: impl Iterator<Item = usize>, in_order: bool) -> Vec<Placed> {
        let rows = units.enumerate().map(|(rank, unit)| Placed {
            unit: format!("u{unit}"),
            rank: in_order.then_some(rank),
        });
        rows.collect()
    }

    #[test]
    fn units_stay_together_in_blocks_of_about_one_size() {
        for in_order in [true, false] {
            let rows = rows((0..200).map(|row| row / 3), in_order);
            let found = blocks(&rows).expect("blocks");
            for (row, pair) in rows.windows(2).enumerate() {
                assert!(pair[0].unit != pair[1].unit || found[row] == found[row + 1]);
            }
            let sizes: Vec<usize> = (0..BLOCKS)
                .map(|block| found.iter().filter(|b| **b == block).count())
                .collect();
            assert!(
                sizes.iter().all(|size| (6..=15).contains(size)),
                "{sizes:?}"
            );
            assert_eq!(found.is_sorted(), in_order);
            assert!(blocks(&rows[..8]).is_err());
        }
        // One group has nearly all the rows.
        let lopsided = rows((0..100_usize).map(|row| row.saturating_sub(96)), false);
        assert!(blocks(&lopsided).is_err());
    }

    #[test]
    fn the_jackknife_of_a_mean_is_its_standard_error() {
        let sample: Vec<f64> = (0..20).map(|x| f64::from(x * x % 13)).collect();
        let mean = stats::mean(&sample).expect("a mean");
        let without: Vec<f64> = sample.iter().map(|x| (20.0 * mean - x) / 19.0).collect();
        let found = jackknife(mean, &without).expect("an interval");
        let known = stats::mean_interval(&sample, 0.95).expect("an interval");
        assert!((found.lo() - known.lo).abs() < 1e-9 && (found.hi() - known.hi).abs() < 1e-9);
    }
}
