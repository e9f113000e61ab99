//! Is what is scored apart from what is learnt from: in time, in groups, in
//! content, in distribution?

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::audit::facts::{Facts, numbers};
use crate::audit::finding::{Finding, short};
use crate::audit::prepared::Part;
use crate::audit::raw::ranks;
use crate::audit::table::{is_missing, number};

/// Probability below which two samples are taken for different.
const DIFFERENT: f64 = 1e-7;
/// Most rows of a side that are compared one by one.
const COMPARED: usize = 1500;

/// Looks at the split.
pub fn check(facts: &Facts<'_>) -> Vec<Finding> {
    if let Some(places) = facts.raw.places() {
        return super::places::split(facts, places);
    }
    let mut found = in_time(facts);
    if found.is_empty() {
        found.extend(undeclared_time(facts));
    }
    found.extend(in_groups(facts));
    let copies = duplicates(facts);
    if copies.is_empty() {
        found.extend(near_duplicates(facts));
    }
    found.extend(copies);
    found.extend(distribution(facts));
    found
}

fn in_time(facts: &Facts<'_>) -> Vec<Finding> {
    let Some(times) = facts.raw.times() else {
        return Vec::new();
    };
    let did = "compared the times of the parts";
    let times = match times {
        Ok(times) => times,
        Err(cell) => {
            return vec![Finding::new(
                "time-order",
                did,
                &format!("`{}` in the time column is no time", short(&cell)),
                "Times must be numbers or dates that begin with the year.",
            )];
        }
    };
    let span = |part: Part| {
        let rows = facts.rows_of(part);
        let of = || rows.iter().map(|r| times[*r]);
        Some((part, of().min()?, of().max()?))
    };
    let spans: Vec<(Part, usize, usize)> = [Part::Train, Part::Search, Part::Select, Part::Sealed]
        .into_iter()
        .filter_map(span)
        .collect();
    for (place, (part, first, _)) in spans.iter().enumerate() {
        for (earlier, _, last) in &spans[..place] {
            if last > first {
                let early = facts.rows_of(*part);
                let early = early.iter().filter(|r| times[**r] < *last).count();
                return vec![Finding::new(
                    "time-order",
                    did,
                    &format!(
                        "{early} rows of {} are earlier than the last row of {}",
                        part.name(),
                        earlier.name()
                    ),
                    "Candidates learn from what lies after the rows that they are scored on; \
                     split by time: train, search, select, sealed.",
                )];
            }
        }
    }
    Vec::new()
}

/// A random split of rows that have an order of time which nobody declared.
fn undeclared_time(facts: &Facts<'_>) -> Vec<Finding> {
    if facts.raw.time.is_some() || facts.classes() {
        return Vec::new();
    }
    let Some(targets) = numbers(facts.raw.table.cells(facts.raw.target)) else {
        return Vec::new();
    };
    let parts = facts.prepared.parts();
    for column in 0..facts.raw.table.header.len() {
        let mut cells = facts.raw.table.cells(column);
        let dates = cells.len() >= 50 && cells.all(|cell| number(cell).is_none());
        let Ok(times) = ranks(facts.raw.table.cells(column)) else {
            continue;
        };
        let distinct: BTreeSet<&usize> = times.iter().collect();
        if !dates || distinct.len() * 10 < times.len() * 9 {
            continue;
        }
        let mut order: Vec<usize> = (0..times.len()).collect();
        order.sort_by_key(|row| times[*row]);
        let series: Vec<f64> = order.iter().map(|row| targets[*row]).collect();
        let sides: Vec<bool> = order
            .iter()
            .filter_map(|row| parts.get(row).map(|p| *p == Part::Train))
            .collect();
        let changes = sides.windows(2).filter(|w| w[0] != w[1]).count();
        if changes * 10 > sides.len() && autocorrelation(&series) > 0.6 {
            return vec![Finding::new(
                "time-order",
                &format!(
                    "ordered the raw rows by `{}`",
                    short(&facts.raw.table.header[column])
                ),
                "neighbours in time have much the same target, and the parts are interleaved",
                "Each hidden row lies between training rows that give it away; declare `task.time` and split by time.",
            )];
        }
    }
    Vec::new()
}

fn autocorrelation(series: &[f64]) -> f64 {
    let mean = stats::mean(series).unwrap_or(0.0);
    let product = |lag: usize| -> f64 {
        series
            .iter()
            .zip(&series[lag..])
            .map(|(a, b)| (a - mean) * (b - mean))
            .sum()
    };
    let own = product(0);
    if own > 0.0 { product(1) / own } else { 0.0 }
}

fn in_groups(facts: &Facts<'_>) -> Vec<Finding> {
    let Some(column) = facts.raw.group else {
        return Vec::new();
    };
    let groups = |hidden: bool| -> BTreeSet<&str> {
        facts
            .prepared
            .parts()
            .into_iter()
            .filter(|(_, part)| (*part != Part::Train) == hidden)
            .map(|(row, _)| facts.raw.table.rows[row][column].as_str())
            .collect()
    };
    let (train, hidden) = (groups(false), groups(true));
    let both: Vec<&&str> = train.intersection(&hidden).collect();
    both.first().map_or_else(Vec::new, |first| {
        vec![Finding::new(
            "group-overlap",
            &format!(
                "compared the groups (`{}`) of training and hidden rows",
                short(&facts.raw.table.header[column])
            ),
            &format!(
                "{} of {} hidden groups are in training too, for example `{}`",
                both.len(),
                hidden.len(),
                short(first)
            ),
            "Candidates recognise the group instead of learning; give each group to one part.",
        )]
    })
}

/// What a raw row says, but for its names.
fn content(facts: &Facts<'_>, row: usize, columns: &[usize]) -> Vec<String> {
    let table = &facts.raw.table;
    let mut content: Vec<String> = columns
        .iter()
        .map(|c| table.rows[row][*c].trim().to_owned())
        .collect();
    content.extend(facts.raw.text_of(row).map(|t| t.trim().to_owned()));
    content
}

fn duplicates(facts: &Facts<'_>) -> Vec<Finding> {
    let mut columns = facts.raw.features();
    columns.retain(|column| !names_rows(facts, *column));
    columns.push(facts.raw.target);
    columns.extend(facts.raw.time);
    columns.extend(facts.raw.group);
    columns.extend(facts.raw.series);
    let train = facts.rows_of(Part::Train);
    let hidden = facts.prepared.hidden();
    let known: HashMap<Vec<String>, usize> = train
        .iter()
        .map(|row| (content(facts, *row, &columns), *row))
        .collect();
    let copies: Vec<(usize, usize)> = hidden
        .iter()
        .filter_map(|row| Some((*row, *known.get(&content(facts, *row, &columns))?)))
        .collect();
    let least = (hidden.len() / 100).max(2);
    // How often two rows agree by chance if columns know nothing of each
    // other; rows of a few codes may well agree.
    let mut chance: f64 = columns
        .iter()
        .map(|c| agreement(facts.raw.table.cells(*c)))
        .product();
    if facts.raw.text_of(0).is_some() {
        let texts: Vec<&str> = (0..facts.raw.len())
            .filter_map(|r| facts.raw.text_of(r))
            .collect();
        chance *= agreement(texts.into_iter());
    }
    let expected = chance * train.len() as f64 * hidden.len() as f64;
    if copies.len() < least || copies.len() as f64 <= 10.0 * expected {
        return Vec::new();
    }
    vec![Finding::new(
        "duplicates",
        "looked for hidden rows whose whole content is in training too",
        &format!(
            "{} of {} (by chance {expected:.1}), the first is raw row {} as raw row {}",
            copies.len(),
            hidden.len(),
            copies[0].0,
            copies[0].1
        ),
        "Candidates only need to remember; drop duplicates before splitting, or keep copies in one part.",
    )]
}

/// Whether a column looks like a name of the row: another code in each.
fn names_rows(facts: &Facts<'_>, column: usize) -> bool {
    let cells = facts.raw.table.cells(column);
    let code = |cell: &str| !cell.is_empty() && !cell.contains([' ', '.']);
    let distinct: BTreeSet<&str> = cells.clone().filter(|cell| code(cell)).collect();
    distinct.len() == cells.len()
}

/// Probability that two rows agree in a column.
fn agreement<'a>(cells: impl Iterator<Item = &'a str>) -> f64 {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    let mut n = 0;
    for cell in cells {
        *counts.entry(cell).or_default() += 1;
        n += 1;
    }
    counts
        .values()
        .map(|c| (*c as f64 / f64::from(n)).powi(2))
        .sum()
}

fn near_duplicates(facts: &Facts<'_>) -> Vec<Finding> {
    // Neighbours in time are alike without being copies.
    if facts.raw.time.is_some() {
        return Vec::new();
    }
    let mut train = facts.rows_of(Part::Train);
    let mut hidden = facts.prepared.hidden();
    train.truncate(COMPARED);
    hidden.truncate(COMPARED);
    let (near, what) = if let Some(near) = near_texts(facts, &train, &hidden) {
        (near, "whose words are almost all in one training text")
    } else if let Some(near) = near_numbers(facts, &train, &hidden) {
        (near, "that a training row almost equals in every number")
    } else {
        return Vec::new();
    };
    if near.len() < (hidden.len() / 50).max(3) {
        return Vec::new();
    }
    vec![Finding::new(
        "near-duplicates",
        &format!("looked for hidden rows {what}"),
        &format!(
            "{} of {}, the first is raw row {} near raw row {}",
            near.len(),
            hidden.len(),
            near[0].0,
            near[0].1
        ),
        "Lightly edited copies are on both sides; find them before splitting and keep them in one part.",
    )]
}

/// The texts of rows: a folder's, or the longest column of words.
fn texts<'a>(facts: &Facts<'a>) -> Option<Vec<&'a str>> {
    if facts.raw.text_of(0).is_some() {
        return (0..facts.raw.len())
            .map(|row| facts.raw.text_of(row))
            .collect();
    }
    let words = |column: usize| -> usize {
        let cells = facts.raw.table.cells(column);
        cells.map(|c| c.split_whitespace().count()).sum()
    };
    let column = facts.raw.features().into_iter().max_by_key(|c| words(*c))?;
    (words(column) >= 8 * facts.raw.len()).then(|| facts.raw.table.cells(column).collect())
}

fn near_texts(facts: &Facts<'_>, train: &[usize], hidden: &[usize]) -> Option<Vec<(usize, usize)>> {
    let texts = texts(facts)?;
    // Pairs of words: order matters, so texts of a small vocabulary differ.
    let pairs: Vec<BTreeSet<(String, String)>> = texts
        .iter()
        .map(|text| {
            let words: Vec<String> = text
                .split(|c: char| !c.is_alphanumeric())
                .filter(|w| !w.is_empty())
                .map(str::to_lowercase)
                .collect();
            words
                .windows(2)
                .map(|w| (w[0].clone(), w[1].clone()))
                .collect()
        })
        .collect();
    let alike = |a: usize, b: usize| {
        let shared = pairs[a].intersection(&pairs[b]).count() as f64;
        let all = (pairs[a].len() + pairs[b].len()) as f64 - shared;
        pairs[a].len() >= 5 && shared > 0.7 * all
    };
    let near = |row: &usize| Some((*row, *train.iter().find(|t| alike(*row, **t))?));
    Some(hidden.iter().filter_map(near).collect())
}

fn near_numbers(
    facts: &Facts<'_>,
    train: &[usize],
    hidden: &[usize],
) -> Option<Vec<(usize, usize)>> {
    let table = &facts.raw.table;
    let mut columns: Vec<Vec<f64>> = Vec::new();
    // What is no measured number must be equal in a copy.
    let mut codes: Vec<usize> = Vec::new();
    for column in facts.raw.features() {
        if names_rows(facts, column) {
            continue;
        }
        let cells: Vec<&str> = table.cells(column).collect();
        let distinct: BTreeSet<&str> = cells.iter().copied().collect();
        if distinct.len() * 2 < cells.len() || cells.iter().any(|c| is_missing(c)) {
            codes.push(column);
            continue;
        }
        let Some(values) = numbers(cells) else {
            codes.push(column);
            continue;
        };
        let spread = stats::variance(&values).map_or(0.0, f64::sqrt);
        if spread > 0.0 {
            columns.push(values.iter().map(|v| v / spread).collect());
        }
    }
    if columns.len() < 2 {
        return None;
    }
    let same_target = |a: usize, b: usize| {
        let (a, b) = (facts.raw.target_of(a), facts.raw.target_of(b));
        a == b
            || !facts.classes()
                && matches!((number(a), number(b)), (Some(a), Some(b)) if (a - b).abs() <= 0.05 * a.abs().max(b.abs()))
    };
    let distance = |a: usize, b: usize| -> f64 {
        columns
            .iter()
            .map(|c| (c[a] - c[b]).powi(2))
            .sum::<f64>()
            .sqrt()
    };
    let nearest = |row: usize| {
        train
            .iter()
            .filter(|other| **other != row)
            .map(|other| (distance(row, *other), *other))
            .min_by(|a, b| a.0.total_cmp(&b.0))
    };
    let usual: Vec<f64> = train
        .iter()
        .take(300)
        .filter_map(|row| Some(nearest(*row)?.0))
        .collect();
    let usual = stats::median(&usual)?;
    let near = |row: &usize| {
        let (distance, other) = nearest(*row)?;
        let same_codes = codes
            .iter()
            .all(|c| table.rows[*row][*c] == table.rows[other][*c]);
        (distance < 0.1 * usual && same_codes && same_target(*row, other)).then_some((*row, other))
    };
    Some(hidden.iter().filter_map(near).collect())
}

/// Do training and hidden targets come from one distribution?
fn distribution(facts: &Facts<'_>) -> Vec<Finding> {
    if facts.raw.time.is_some() || facts.raw.group.is_some() {
        return Vec::new();
    }
    let train = facts.targets(&facts.prepared.train);
    for split in &facts.prepared.splits {
        let hidden = facts.targets(&split.answers);
        let p = if facts.classes() {
            classes_differ(&train, &hidden)
        } else {
            match (numbers(train.iter().copied()), numbers(hidden)) {
                (Some(a), Some(b)) => kolmogorov_smirnov(&a, &b),
                _ => 1.0,
            }
        };
        if p < DIFFERENT {
            return vec![Finding::new(
                "distribution",
                &format!(
                    "compared the targets of {} with those of train",
                    split.part.name()
                ),
                &format!("they come from different distributions (p = {p:.1e})"),
                "Rows were split in an order that has to do with the target, or chosen by it; shuffle, or stratify.",
            )];
        }
    }
    Vec::new()
}

/// Two-sample Kolmogorov–Smirnov test, asymptotic p value.
fn kolmogorov_smirnov(a: &[f64], b: &[f64]) -> f64 {
    let (a, b) = (stats::sorted(a), stats::sorted(b));
    let below =
        |sample: &[f64], x: f64| sample.partition_point(|v| *v <= x) as f64 / sample.len() as f64;
    let d = a
        .iter()
        .chain(&b)
        .map(|x| (below(&a, *x) - below(&b, *x)).abs())
        .fold(0.0, f64::max);
    let n = (a.len() * b.len()) as f64 / (a.len() + b.len()) as f64;
    let lambda = d * n.sqrt();
    let sum: f64 = (1..=100)
        .map(|k| {
            let sign = if k % 2 == 1 { 1.0 } else { -1.0 };
            sign * (-2.0 * (f64::from(k) * lambda).powi(2)).exp()
        })
        .sum();
    if lambda < 0.2 {
        1.0
    } else {
        (2.0 * sum).clamp(0.0, 1.0)
    }
}

/// The smallest p value of a class's share in two samples, corrected for the
/// number of classes.
fn classes_differ(train: &[&str], hidden: &[&str]) -> f64 {
    let classes: BTreeSet<&&str> = train.iter().chain(hidden).collect();
    let share = |sample: &[&str], class: &str| {
        sample.iter().filter(|c| **c == class).count() as f64 / sample.len() as f64
    };
    let (n, m) = (train.len() as f64, hidden.len() as f64);
    classes
        .iter()
        .map(|class| {
            let (p, q) = (share(train, class), share(hidden, class));
            let pooled = (p * n + q * m) / (n + m);
            let error = (pooled * (1.0 - pooled) * (1.0 / n + 1.0 / m)).sqrt();
            if error > 0.0 {
                let z = (p - q).abs() / error;
                (2.0 * stats::normal_cdf(-z) * classes.len() as f64).min(1.0)
            } else {
                1.0
            }
        })
        .fold(1.0, f64::min)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kolmogorov_smirnov_as_scipy_has_it() {
        // scipy.stats.kstwobign.sf(d * sqrt(n m / (n + m))) for these samples:
        // d = 0.6, n m / (n + m) = 5, lambda = 1.3416.
        let a: Vec<f64> = (0..10).map(f64::from).collect();
        let b: Vec<f64> = (6..16).map(f64::from).collect();
        assert!((kolmogorov_smirnov(&a, &b) - 0.054_6).abs() < 1e-3);
        assert!(kolmogorov_smirnov(&a, &a) > 0.99);
    }

    #[test]
    fn class_shares() {
        let train: Vec<&str> = (0..200)
            .map(|i| if i % 2 == 0 { "a" } else { "b" })
            .collect();
        assert!(classes_differ(&train, &train[..50]) > 0.5);
        assert!(classes_differ(&train, &["a"; 50]) < DIFFERENT);
    }

    #[test]
    fn autocorrelation_of_a_ramp_is_high() {
        let ramp: Vec<f64> = (0..100).map(f64::from).collect();
        assert!(autocorrelation(&ramp) > 0.9);
        let flip: Vec<f64> = (0..100).map(|i| f64::from(i % 2)).collect();
        assert!(autocorrelation(&flip) < -0.9);
    }
}
