//! How far a score would move with other rows: the jackknife over blocks of
//! rows, by the scorer itself, so that it holds for any metric.

use std::collections::HashMap;

use protocol::{ContentHash, Interval, LabError};

use super::bench::{Bench, Parts};
use super::holdout::table;
use crate::audit::prepared::ROW_ID;
use crate::audit::table::Table;

/// Blocks of rows.
const BLOCKS: usize = 20;
/// Fewest blocks, and rows in each, that say anything.
const FEWEST_BLOCKS: usize = 5;
const FEWEST_ROWS: usize = 2;

/// The block of each answer, or why there are none. Rows that hang together are
/// in one block: those of one raw row, of one group, and neighbours in time or
/// in a text.
pub(super) fn blocks(
    bench: &Bench,
    parts: &Parts,
    split: &str,
    answers: &Table,
) -> Result<Result<Vec<usize>, String>, LabError> {
    let names = answers.column(ROW_ID).unwrap_or_default();
    let task = &bench.contract.task;
    let mut units: HashMap<String, String> = HashMap::new();
    if let Some(group) = &task.group {
        let inputs = table(&parts.inputs(split).join("inputs.csv"))?;
        let (Some(id), Some(group)) = (inputs.column(ROW_ID), inputs.column(group)) else {
            return Ok(Err(format!(
                "rows of one `{group}` hang together, and the inputs don't show which those are"
            )));
        };
        units.extend(
            inputs
                .rows
                .iter()
                .map(|row| (row[id].clone(), row[group].clone())),
        );
    } else {
        let rows = table(&parts.rows())?;
        if let (Some(id), Some(raw)) = (rows.column(ROW_ID), rows.column("raw_row")) {
            units.extend(
                rows.rows
                    .iter()
                    .map(|row| (row[id].clone(), row[raw].clone())),
            );
        }
    }
    let units: Vec<&str> = answers
        .cells(names)
        .map(|name| units.get(name).map_or(name, String::as_str))
        .collect();
    let in_order = task.time.is_some() || bench.contract.data.characters;
    Ok(divide(&units, in_order))
}

/// Blocks of about as many rows each, no unit in two of them.
fn divide(units: &[&str], in_order: bool) -> Result<Vec<usize>, String> {
    let mut sizes: HashMap<&str, usize> = HashMap::new();
    let mut order: Vec<&str> = Vec::new();
    for unit in units {
        let size = sizes.entry(unit).or_default();
        if *size == 0 {
            order.push(unit);
        }
        *size += 1;
    }
    if !in_order {
        order.sort_by_cached_key(|unit| ContentHash::of(unit.as_bytes()).as_str().to_owned());
    }
    let count = BLOCKS.min(order.len()).min(units.len() / FEWEST_ROWS);
    if count < FEWEST_BLOCKS {
        return Err(format!("{} rows are too few for an interval", units.len()));
    }
    let mut block_of: HashMap<&str, usize> = HashMap::new();
    let mut seen = 0;
    for unit in order {
        // By the middle of the unit's rows: a large one doesn't begin a block
        // that it can't fill.
        let middle = seen + sizes[unit] / 2;
        block_of.insert(unit, (middle * count / units.len()).min(count - 1));
        seen += sizes[unit];
    }
    let mut used: Vec<usize> = block_of.values().copied().collect();
    used.sort_unstable();
    used.dedup();
    if used.len() < FEWEST_BLOCKS {
        return Err("a few groups have most of the rows: too few for an interval".to_owned());
    }
    // Blocks that stayed empty leave no gap.
    let place = |block: usize| used.binary_search(&block).unwrap_or_default();
    Ok(units.iter().map(|unit| place(block_of[unit])).collect())
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

    #[test]
    fn units_stay_together_in_blocks_of_about_one_size() {
        let names: Vec<String> = (0..200).map(|row| format!("u{}", row / 3)).collect();
        let units: Vec<&str> = names.iter().map(String::as_str).collect();
        for in_order in [true, false] {
            let blocks = divide(&units, in_order).expect("blocks");
            for pair in 0..199 {
                assert!(names[pair] != names[pair + 1] || blocks[pair] == blocks[pair + 1]);
            }
            let sizes: Vec<usize> = (0..BLOCKS)
                .map(|block| blocks.iter().filter(|b| **b == block).count())
                .collect();
            assert!(
                sizes.iter().all(|size| (6..=15).contains(size)),
                "{sizes:?}"
            );
            let sorted = blocks.is_sorted();
            assert_eq!(sorted, in_order);
        }
        assert!(divide(&units[..8], true).is_err());
        // One group has nearly all the rows.
        let lopsided: Vec<&str> = (0..100)
            .map(|row| if row < 97 { "a" } else { names[row].as_str() })
            .collect();
        assert!(divide(&lopsided, false).is_err());
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
