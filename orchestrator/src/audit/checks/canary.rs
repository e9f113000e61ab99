//! Leakage canaries: change what a candidate must not learn about, prepare
//! again, and see what moves in `public/`.

use std::collections::{BTreeMap, BTreeSet};

use std::path::PathBuf;

use stats::Rng;

use crate::audit::contract::Kind;
use crate::audit::facts::Facts;
use crate::audit::finding::{Finding, short};
use crate::audit::perturb::{self, Features, Targets};
use crate::audit::places::Places;
use crate::audit::prepared::{Part, Prepared, ROW_ID};
use crate::audit::raw::Raw;
use crate::audit::table::Table;

/// What of the raw data was changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Changed {
    Targets,
    Features,
}

/// Which rows must look the same afterwards.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Guard {
    /// All of them, and every other file.
    Everything,
    /// All but these raw rows.
    AllBut(BTreeSet<usize>),
    /// Those before this time (ranks), and the training rows.
    Before(usize),
}

/// A changed copy of the raw data and what must not follow from it.
#[derive(Debug)]
pub struct Variant {
    /// A word for folder names.
    pub name: String,
    /// The changed data.
    pub raw: Raw,
    changed: Changed,
    guard: Guard,
}

/// The changed copies of the data that an evaluation is tried with.
pub fn variants(facts: &Facts<'_>) -> Vec<Variant> {
    if let Some(places) = facts.raw.places() {
        return in_texts(facts, places);
    }
    let numeric = facts.contract.task.kind != Kind::Classification;
    let parts = facts.prepared.parts();
    let hidden = facts.prepared.hidden();
    let part = |row: usize| parts.get(&row).map_or(0, |p| *p as usize);
    let mut rng = Rng::new(17);
    let mut made = Vec::new();
    let mut targets = |rows: &[usize], how: Targets, guard: Guard, rng: &mut Rng| {
        made.push(Variant {
            name: format!("targets-{}", made.len()),
            raw: perturb::targets(facts.raw, rows, how, numeric, part, rng),
            changed: Changed::Targets,
            guard,
        });
    };
    let times = facts.times();
    for how in [Targets::Replace, Targets::Permute, Targets::SwapNeighbours] {
        targets(&hidden, how, Guard::Everything, &mut rng);
    }
    let mut features = |rows: &[usize], how: Features, guard: Guard, rng: &mut Rng| {
        made.push(Variant {
            name: format!("features-{}", made.len()),
            raw: perturb::features(facts.raw, rows, how, rng),
            changed: Changed::Features,
            guard,
        });
    };
    if let Some(times) = &times {
        for (place, cut) in cuts(&parts, times).into_iter().enumerate() {
            let later: Vec<usize> = hidden
                .iter()
                .copied()
                .filter(|r| times[*r] >= cut)
                .collect();
            features(&later, Features::Rescale, Guard::Before(cut), &mut rng);
            if place == 0 {
                features(&later, Features::Resample, Guard::Before(cut), &mut rng);
            }
        }
    } else {
        let half: Vec<usize> = hidden.iter().copied().step_by(2).collect();
        for rows in [&hidden, &half] {
            for how in [Features::Rescale, Features::Resample] {
                let guard = Guard::AllBut(rows.iter().copied().collect());
                features(rows, how, guard, &mut rng);
            }
        }
    }
    made
}

/// Where rows are places: other characters at the hidden ones, right behind
/// them, and around all and around the later half of them.
fn in_texts(facts: &Facts<'_>, places: &Places) -> Vec<Variant> {
    let hidden = facts.prepared.hidden();
    let mut rng = Rng::new(17);
    let mut made = Vec::new();
    for drawn in [true, false] {
        let new = places.with_other_targets(&hidden, drawn, &mut rng);
        made.push(Variant {
            name: format!("targets-{}", made.len()),
            raw: facts.raw.with_places(new),
            changed: Changed::Targets,
            guard: Guard::Everything,
        });
    }
    let later = &hidden[hidden.len() / 2..];
    for (changed, before) in [(&hidden[..], false), (&hidden[..], true), (later, true)] {
        let new = places.with_other_surroundings(changed, &hidden, before, &mut rng);
        let guard = if before {
            Guard::AllBut(changed.iter().copied().collect())
        } else {
            Guard::Everything
        };
        made.push(Variant {
            name: format!("features-{}", made.len()),
            raw: facts.raw.with_places(new),
            changed: Changed::Features,
            guard,
        });
    }
    made
}

/// The first hidden time and the median time of each hidden part.
fn cuts(parts: &BTreeMap<usize, Part>, times: &[usize]) -> Vec<usize> {
    let mut cuts = BTreeSet::new();
    for part in Part::HIDDEN {
        let mut of_part: Vec<usize> = parts
            .iter()
            .filter(|(_, p)| **p == part)
            .map(|(row, _)| times[*row])
            .collect();
        of_part.sort_unstable();
        cuts.extend(of_part.get(of_part.len() / 2));
        if part == Part::Search {
            cuts.extend(of_part.first());
        }
    }
    cuts.into_iter().collect()
}

/// What a variant's preparation showed.
enum Seen {
    /// The same rows in the same parts, and a difference or none.
    Same(Option<String>),
    /// Rows changed parts; these came or went altogether.
    Moved(usize),
}

/// Judges what preparing the variants gave; `None` for those that failed.
pub fn judge(
    facts: &Facts<'_>,
    base: &Prepared,
    outcomes: &[(&Variant, Option<Prepared>)],
) -> Vec<Finding> {
    let times = facts.times();
    let mut found = Vec::new();
    for changed in [Changed::Targets, Changed::Features] {
        let mine: Vec<&(&Variant, Option<Prepared>)> = outcomes
            .iter()
            .filter(|(v, _)| v.changed == changed)
            .collect();
        let seen: Vec<Seen> = mine
            .iter()
            .filter_map(|(v, p)| Some(look(base, p.as_ref()?, &v.guard, times.as_deref())))
            .collect();
        let difference = seen.iter().find_map(|s| match s {
            Seen::Same(Some(what)) => Some(what),
            _ => None,
        });
        if let Some(what) = difference {
            found.push(
                if changed == Changed::Features && facts.raw.places().is_some() {
                    shown_around(what)
                } else {
                    leak(changed, times.is_some(), what)
                },
            );
            continue;
        }
        if changed == Changed::Features {
            continue;
        }
        let gone = seen.iter().find_map(|s| match s {
            Seen::Moved(gone) if *gone >= 2 => Some(gone),
            _ => None,
        });
        if let Some(gone) = gone {
            found.push(Finding::new(
                "target-canary",
                "changed the targets of hidden rows in the raw data and prepared again",
                &format!("{gone} rows came into the evaluation or left it"),
                "Which rows are scored depends on their answers, so hard rows can be left out; \
                 choose rows without looking at the target.",
            ));
        } else if !seen.iter().any(|s| matches!(s, Seen::Same(_))) && !seen.is_empty() {
            let same = mine.iter().all(|(_, p)| {
                p.as_ref()
                    .is_none_or(|p| features_by_row(base) == features_by_row(p))
            });
            if !same {
                found.push(Finding::new(
                    "target-canary",
                    "changed the targets of hidden rows in the raw data and prepared again",
                    "rows moved between the parts, and what candidates see of them changed",
                    "The split depends on hidden answers in a way that can't be told from a leak; \
                     stratify over the rows in their order, or split by row alone.",
                ));
            }
        }
    }
    found
}

fn shown_around(what: &str) -> Finding {
    Finding::new(
        "feature-canary",
        "changed the characters around hidden places, right behind them or before them too, and prepared again",
        what,
        "What follows a hidden place is shown, by a training text or as what comes before another place, or training \
         depends on hidden text. Show nothing of the next characters, leave gaps between parts, and count and choose \
         in training texts only.",
    )
}

fn leak(changed: Changed, timed: bool, what: &str) -> Finding {
    match (changed, timed) {
        (Changed::Targets, _) => Finding::new(
            "target-canary",
            "changed the targets of hidden rows, and nothing else, in the raw data and prepared again",
            what,
            "Hidden answers flow into what candidates see: a copy of the target, a target encoding, an imputation or \
             a statistic that includes hidden rows, a window that reaches into the future, or a lag so short that a \
             row's answer is another row's input. Compute such things from training rows only, with lags longer than \
             everything hidden.",
        ),
        (Changed::Features, false) => Finding::new(
            "feature-canary",
            "changed the features of some hidden rows in the raw data and prepared again",
            what,
            "Other rows' features depend on hidden rows: scaling, encoding, imputation, selection or a \
             decomposition that was fitted on all rows. Fit on training rows only.",
        ),
        (Changed::Features, true) => Finding::new(
            "feature-canary",
            "changed the features of hidden rows from one time on and prepared again",
            what,
            "Earlier rows depend on later ones: scaling or imputation that was fitted on all rows, or a \
             window that reaches into the future. Fit on training rows only and look back only.",
        ),
    }
}

fn look(base: &Prepared, new: &Prepared, guard: &Guard, times: Option<&[usize]>) -> Seen {
    let listed = |prepared: &Prepared| {
        let rows = prepared.origins.iter();
        rows.map(|o| (o.row_id.clone(), o.raw, o.part))
            .collect::<BTreeSet<_>>()
    };
    // Where rows only change places, they are compared one by one: a split
    // that is stratified lists them by class.
    let reordered = base.origins != new.origins;
    if reordered && listed(base) != listed(new) {
        let (before, after) = (base.parts(), new.parts());
        let keys = |m: &BTreeMap<usize, Part>| m.keys().copied().collect::<BTreeSet<_>>();
        return Seen::Moved(keys(&before).symmetric_difference(&keys(&after)).count());
    }
    if *guard == Guard::Everything && !reordered {
        let names: BTreeSet<_> = base.public.keys().chain(new.public.keys()).collect();
        let differing = names
            .into_iter()
            .find(|name| base.public.get(*name) != new.public.get(*name));
        return Seen::Same(differing.map(|name| {
            in_tables(base, new, &|_, _| true)
                .unwrap_or_else(|| format!("`public/{}` changed", name.display()))
        }));
    }
    let guarded = |part: Part, raw: usize| {
        if part == Part::Train {
            return true;
        }
        let time = times.map_or(0, |t| t[raw]);
        match guard {
            Guard::Everything => true,
            Guard::AllBut(rows) => !rows.contains(&raw),
            Guard::Before(cut) => time < *cut,
        }
    };
    let moved = in_tables(base, new, &guarded);
    // Files beyond the contract's speak of nobody in particular: without an
    // order of time, and when targets change, they are guarded like the
    // training rows.
    let whole = times.is_none() || *guard == Guard::Everything;
    let beyond = || {
        let differs = |name: &&PathBuf| {
            let known = name.ends_with("inputs.csv") || name.ends_with("train.csv");
            !known && base.public.get(*name) != new.public.get(*name)
        };
        let name = base.public.keys().find(differs)?;
        Some(format!("`public/{}` changed", name.display()))
    };
    Seen::Same(moved.or_else(|| whole.then(beyond).flatten()))
}

/// The first difference between rows that are guarded, in words.
fn in_tables(
    base: &Prepared,
    new: &Prepared,
    guarded: &dyn Fn(Part, usize) -> bool,
) -> Option<String> {
    let origins = base.by_id();
    let pairs = std::iter::once(("train.csv".to_owned(), &base.train, &new.train)).chain(
        base.splits.iter().zip(&new.splits).map(|(a, b)| {
            (
                format!("{}/inputs.csv", a.part.name()),
                &a.inputs,
                &b.inputs,
            )
        }),
    );
    for (file, before, after) in pairs {
        if before.header != after.header {
            return Some(format!("the columns of `public/{file}` changed"));
        }
        let (Some(id), Some(_)) = (before.column(ROW_ID), after.column(ROW_ID)) else {
            continue;
        };
        let rows = after.index(id);
        for row in &before.rows {
            let Some(origin) = origins.get(row[id].as_str()) else {
                continue;
            };
            if !guarded(origin.part, origin.raw) {
                continue;
            }
            let Some(other) = rows.get(row[id].as_str()) else {
                return Some(format!(
                    "row `{}` of `public/{file}` is gone",
                    short(&row[id])
                ));
            };
            if let Some(text) = in_row(before, row, &after.rows[*other]) {
                return Some(format!(
                    "in `public/{file}`, row `{}`, {text}",
                    short(&row[id])
                ));
            }
        }
    }
    None
}

fn in_row(table: &Table, before: &[String], after: &[String]) -> Option<String> {
    let column = before.iter().zip(after).position(|(a, b)| a != b)?;
    Some(format!(
        "the column `{}` went from `{}` to `{}`",
        short(&table.header[column]),
        short(&before[column]),
        short(&after[column])
    ))
}

/// What candidates see of each raw row, without names and parts.
fn features_by_row(prepared: &Prepared) -> BTreeMap<usize, Vec<Vec<String>>> {
    let tables = std::iter::once(&prepared.train).chain(prepared.splits.iter().map(|s| &s.inputs));
    let origins = prepared.by_id();
    let shared: BTreeSet<&String> = prepared
        .splits
        .first()
        .map(|s| s.inputs.header.iter().filter(|h| *h != ROW_ID).collect())
        .unwrap_or_default();
    let mut rows: BTreeMap<usize, Vec<Vec<String>>> = BTreeMap::new();
    for table in tables {
        let Some(id) = table.column(ROW_ID) else {
            continue;
        };
        for row in &table.rows {
            if let Some(origin) = origins.get(row[id].as_str()) {
                let cells = table.header.iter().zip(row);
                let cells = cells.filter(|(name, _)| shared.contains(name));
                let cells = cells.map(|(_, cell)| cell.clone()).collect();
                rows.entry(origin.raw).or_default().push(cells);
            }
        }
    }
    rows
}
