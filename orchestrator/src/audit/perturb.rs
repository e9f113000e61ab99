//! Changes to the raw data of chosen rows, for canaries.

use std::collections::{BTreeMap, BTreeSet};

use stats::Rng;

use super::raw::Raw;
use super::table::{is_missing, number};

/// Up to this many values, whole numbers are taken for codes.
const CODES: usize = 31;
/// A column with this many words a cell on average holds texts.
const WORDY: f64 = 4.0;

/// How targets are changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Targets {
    /// New values within the range of the old ones.
    Replace,
    /// The rows' own values in another order.
    Permute,
    /// Neighbours of one part exchange theirs: keeps splits that are
    /// stratified by target as they are.
    SwapNeighbours,
}

/// How features are changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Features {
    /// Numbers get another scale, codes another frequency, texts other words.
    Rescale,
    /// Values are drawn from the rows' own.
    Resample,
}

/// Digits after the point that a column's numbers have at most.
fn decimals<'a>(cells: impl Iterator<Item = &'a str>) -> usize {
    cells
        .map(|cell| {
            if cell.contains(['e', 'E']) {
                6
            } else {
                cell.split_once('.').map_or(0, |(_, digits)| digits.len())
            }
        })
        .max()
        .unwrap_or(0)
        .min(12)
}

fn shown(value: f64, decimals: usize) -> String {
    format!("{value:.decimals$}")
}

fn range(values: &[f64]) -> (f64, f64) {
    let fold = |f: fn(f64, f64) -> f64| values.iter().copied().reduce(f).unwrap_or(0.0);
    (fold(f64::min), fold(f64::max))
}

/// A copy of `raw` in which the targets of `rows` are changed. `part` tells
/// apart which rows may exchange values.
pub fn targets(
    raw: &Raw,
    rows: &[usize],
    how: Targets,
    numeric: bool,
    part: impl Fn(usize) -> usize,
    rng: &mut Rng,
) -> Raw {
    let mut new = raw.clone();
    let rows: Vec<usize> = rows
        .iter()
        .copied()
        .filter(|row| {
            let target = raw.target_of(*row);
            !(target.trim().is_empty() || numeric && is_missing(target))
        })
        .collect();
    if how == Targets::SwapNeighbours {
        let mut at = 0;
        while at + 1 < rows.len() {
            let (a, b) = (rows[at], rows[at + 1]);
            let differ = raw.target_of(a) != raw.target_of(b);
            if a + 1 == b && part(a) == part(b) && differ {
                new.set_target(a, raw.target_of(b).to_owned());
                new.set_target(b, raw.target_of(a).to_owned());
                at += 2;
            } else {
                at += 1;
            }
        }
        return new;
    }
    let mut order: Vec<usize> = rows.clone();
    rng.shuffle(&mut order);
    let numbers: Option<Vec<f64>> = order.iter().map(|r| number(raw.target_of(*r))).collect();
    let classes: Vec<&str> = order
        .iter()
        .map(|r| raw.target_of(*r))
        .collect::<BTreeSet<_>>()
        .into_iter()
        .collect();
    let digits = decimals(raw.table.cells(raw.target));
    let places: BTreeMap<usize, usize> = order.iter().enumerate().map(|(p, r)| (*r, p)).collect();
    for row in &rows {
        // The next in a random circle: nobody keeps its own.
        let donor = (places[row] + 1) % order.len();
        let value = match (&numbers, how) {
            (Some(values), Targets::Replace) if numeric => {
                let (low, high) = range(values);
                let middle = stats::median(values).unwrap_or(low);
                let jitter = 0.05 * (high - low) * (rng.uniform() - 0.5);
                let value = middle + 0.8 * (values[donor] - middle) + jitter;
                shown(value.clamp(low, high), digits)
            }
            (_, Targets::Replace) if !classes.is_empty() => {
                classes[rng.index(classes.len())].to_owned()
            }
            _ => raw.target_of(order[donor]).to_owned(),
        };
        new.set_target(*row, value);
    }
    new
}

/// A copy of `raw` in which the features of `rows` are changed.
pub fn features(raw: &Raw, rows: &[usize], how: Features, rng: &mut Rng) -> Raw {
    let mut new = raw.clone();
    for column in raw.features() {
        let rows: Vec<usize> = rows
            .iter()
            .copied()
            .filter(|row| !is_missing(&raw.table.rows[*row][column]))
            .collect();
        let cells: Vec<&str> = rows
            .iter()
            .map(|r| raw.table.rows[*r][column].as_str())
            .collect();
        let values = match kind(raw, column) {
            Column::Number => numbers(raw, column, &cells, how, rng),
            Column::Code => codes(raw, column, &rows, &cells, rng),
            Column::Text => cells.iter().map(|c| words(c, &cells, rng)).collect(),
        };
        for (row, value) in rows.iter().zip(values) {
            new.table.rows[*row][column] = value;
        }
    }
    let texts: Vec<&str> = rows.iter().filter_map(|row| raw.text_of(*row)).collect();
    if texts.len() == rows.len() {
        for row in rows {
            let text = words(raw.text_of(*row).unwrap_or_default(), &texts, rng);
            new.set_text(*row, text);
        }
    }
    new
}

enum Column {
    Number,
    Code,
    Text,
}

fn kind(raw: &Raw, column: usize) -> Column {
    let cells: Vec<&str> = raw
        .table
        .cells(column)
        .filter(|cell| !is_missing(cell))
        .collect();
    let distinct: BTreeSet<&str> = cells.iter().copied().collect();
    if cells.iter().all(|cell| number(cell).is_some()) {
        let whole = decimals(cells.iter().copied()) == 0;
        return if whole && distinct.len() <= CODES {
            Column::Code
        } else {
            Column::Number
        };
    }
    let count: usize = cells.iter().map(|c| c.split_whitespace().count()).sum();
    if count as f64 >= WORDY * cells.len() as f64 {
        Column::Text
    } else {
        Column::Code
    }
}

fn numbers(raw: &Raw, column: usize, cells: &[&str], how: Features, rng: &mut Rng) -> Vec<String> {
    let mut values: Vec<f64> = cells.iter().filter_map(|cell| number(cell)).collect();
    let digits = decimals(raw.table.cells(column));
    let (low, high) = range(&values);
    let all: Vec<f64> = raw.table.cells(column).filter_map(number).collect();
    let never_negative = range(&all).0 >= 0.0;
    let middle = stats::median(&values).unwrap_or(0.0);
    rng.shuffle(&mut values);
    values
        .iter()
        .map(|value| match how {
            Features::Resample => *value,
            Features::Rescale => {
                let jitter = 0.2 * (high - low) * (rng.uniform() - 0.5);
                let new = middle + 1.7 * (value - middle) + 0.3 * (high - low) + jitter;
                if never_negative { new.abs() } else { new }
            }
        })
        .map(|value| shown(value, digits))
        .collect()
}

/// Draws from the rows' own values, but lets none vanish from the table: a
/// vocabulary is not what is tested here.
fn codes(raw: &Raw, column: usize, rows: &[usize], cells: &[&str], rng: &mut Rng) -> Vec<String> {
    if cells.is_empty() {
        return Vec::new();
    }
    let mut new: Vec<String> = cells
        .iter()
        .map(|_| cells[rng.index(cells.len())].to_owned())
        .collect();
    let changed: BTreeSet<usize> = rows.iter().copied().collect();
    let elsewhere: BTreeSet<&str> = raw
        .table
        .cells(column)
        .enumerate()
        .filter(|(row, _)| !changed.contains(row))
        .map(|(_, cell)| cell)
        .collect();
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for cell in &new {
        *counts.entry(cell.clone()).or_default() += 1;
    }
    let lost: BTreeSet<&str> = cells
        .iter()
        .copied()
        .filter(|cell| !elsewhere.contains(cell) && !counts.contains_key(*cell))
        .collect();
    let mut lost = lost.into_iter();
    for cell in &mut new {
        let spare = elsewhere.contains(cell.as_str()) || counts[cell.as_str()] > 1;
        if spare {
            let Some(back) = lost.next() else { break };
            if let Some(count) = counts.get_mut(cell) {
                *count -= 1;
            }
            back.clone_into(cell);
            counts.insert(back.to_owned(), 1);
        }
    }
    new
}

/// A text without a third of its words and with some of another's.
fn words(text: &str, others: &[&str], rng: &mut Rng) -> String {
    let mut new: Vec<&str> = text
        .split_whitespace()
        .filter(|_| rng.uniform() > 0.33)
        .collect();
    let other = others[rng.index(others.len())];
    new.extend(other.split_whitespace().filter(|_| rng.uniform() < 0.25));
    if new.is_empty() {
        return text.to_owned();
    }
    new.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::contract::Contract;

    fn raw(text: &str) -> Raw {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join("d.csv"), text).expect("a file");
        let contract = "schema = 1\nname = 'x'\n[metric]\nname = 'rmse'\nunit = '1'\ndirection = 'minimise'\n\
            [task]\nkind = 'regression'\ntarget = 'y'\n[data]\ntable = 'd.csv'\n\
            [commands]\nprepare = ['x']\nscore = ['x']\ntimeout_s = 1\n";
        let contract = Contract::parse(contract, "e".as_ref()).expect("a contract");
        Raw::load(&contract, folder.path()).expect("data")
    }

    #[test]
    fn only_the_chosen_targets_change() {
        let text: Vec<String> = (0..20).map(|i| format!("{i}.5,{}", i * i)).collect();
        let raw = raw(&format!("x,y\n{}\n", text.join("\n")));
        let rows: Vec<usize> = (10..20).collect();
        for how in [Targets::Replace, Targets::Permute, Targets::SwapNeighbours] {
            let new = targets(&raw, &rows, how, true, |_| 0, &mut Rng::new(1));
            assert_eq!(new.table.rows[..10], raw.table.rows[..10]);
            let same = rows
                .iter()
                .filter(|r| new.target_of(**r) == raw.target_of(**r))
                .count();
            assert!(same <= 1, "{how:?} kept {same}");
            assert!(
                rows.iter()
                    .all(|r| new.table.rows[*r][0] == raw.table.rows[*r][0])
            );
            assert!(
                rows.iter().all(|r| !new.target_of(*r).contains('.')),
                "whole numbers stay whole"
            );
        }
    }

    #[test]
    fn features_change_and_no_code_vanishes() {
        let text: Vec<String> = (0..40)
            .map(|i| format!("{}.25,{},c{},{i}", i * 3, i % 7, i % 20))
            .collect();
        let raw = raw(&format!("a,b,c,y\n{}\n", text.join("\n")));
        let rows: Vec<usize> = (20..40).collect();
        for how in [Features::Rescale, Features::Resample] {
            let new = features(&raw, &rows, how, &mut Rng::new(2));
            assert_eq!(new.table.rows[..20], raw.table.rows[..20]);
            assert_ne!(new.table.rows[20..], raw.table.rows[20..]);
            for column in 1..3 {
                let before: BTreeSet<&str> = raw.table.cells(column).collect();
                assert_eq!(before, new.table.cells(column).collect());
            }
            assert!(new.table.cells(3).eq(raw.table.cells(3)), "targets stay");
        }
    }
}
