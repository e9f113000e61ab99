//! Forecasts of one series or many: rolling origins, split in time.

use std::collections::BTreeMap;

use super::metric::Choice;
use super::python::{Value, program};
use super::remedies::Remedies;
use super::source::RawTable;
use super::{Brief, Designed, Undesignable, horizon};
use crate::audit::prepared::ROW_ID;
use crate::audit::wide::{COLUMN, VALUE};
use crate::explore::{Column, Role, Time};

/// Share of the time that is learnt from.
const TRAIN: f64 = 0.6;
/// Hidden origins that are enough; with fewer, histories are made shorter.
const ORIGINS: u64 = 24;
/// Fewest hidden origins: one for each part.
const FEWEST_ORIGINS: u64 = 3;
/// Steps ahead where neither the objective nor a season says.
const USUAL: u64 = 24;
/// Most values of the past that a row shows.
const MOST_LAGS: u64 = 48;
/// Most training rows, and hidden rows of a part.
const MOST_TRAIN: u64 = 20_000;
const MOST_HIDDEN: u64 = 5_000;
/// Words in the names of columns that are known for every day to come.
const CALENDAR: [&str; 14] = [
    "hour",
    "weekday",
    "dayofweek",
    "dow",
    "day",
    "week",
    "month",
    "quarter",
    "season",
    "year",
    "holiday",
    "workingday",
    "weekend",
    "yr",
];

/// Lengths in steps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Lengths {
    horizon: u64,
    /// Values before an origin that are open.
    context: u64,
    season: u64,
    /// From one hidden origin to the next.
    period: u64,
}

pub(super) fn design(
    brief: &Brief<'_>,
    raw: &RawTable,
    choice: &Choice,
    remedies: &Remedies,
) -> Result<Designed, Undesignable> {
    let guess = &brief.findings.guess;
    let (Some(time), Some(facts)) = (
        guess.time_column.as_ref(),
        brief.statistics.and_then(|s| s.time.as_ref()),
    ) else {
        return Err(Undesignable::new(
            "a forecast needs a column of times, and there is none",
            "add one, or ask for a prediction instead of a forecast",
        ));
    };
    if guess.targets.is_empty() {
        return Err(Undesignable::new(
            "there is no column of numbers to forecast",
            "name the column in the objective",
        ));
    }
    let columns = &brief.schema.columns;
    let several = guess.targets.len() > 1;
    let keys = &guess.group_columns;
    let slots = slots(columns, facts, keys.is_empty());
    let lengths = lengths(brief, facts, slots)?;
    let special: Vec<&String> = [time]
        .into_iter()
        .chain(&guess.targets)
        .chain(keys)
        .collect();
    if let Some(name) = special.iter().find(|name| is_made(name)) {
        return Err(Undesignable::new(
            format!("the column `{name}` is called like one that is made"),
            "give it another name",
        ));
    }
    let (known, past) = features(columns, brief, remedies);
    let answer = match guess.targets.as_slice() {
        [one] => one.clone(),
        _ => VALUE.to_owned(),
    };
    let texts = |names: &[String]| Value::Texts(names.to_vec());
    let months = months(facts);
    let left: Vec<(String, String)> = remedies.left_out.clone().into_iter().collect();
    let mut constants = raw.constants();
    constants.extend([
        ("TIME", Value::Text(time.clone()), "Column of times."),
        (
            "TARGETS",
            texts(&guess.targets),
            "Columns that are forecast, each a series of its own.",
        ),
        ("KEYS", texts(keys), "Columns that tell series apart."),
        (
            "ANSWER",
            Value::Text(answer.clone()),
            "The answer's column in what is written.",
        ),
        (
            "HORIZON",
            Value::Number(lengths.horizon),
            "Steps that are forecast from an origin.",
        ),
        (
            "CONTEXT",
            Value::Number(lengths.context),
            "Steps before an origin that nobody is asked for: its history, and an embargo between parts.",
        ),
        (
            "PERIOD",
            Value::Number(lengths.period),
            "Steps from one hidden origin to the next: no answer lies in another one's history.",
        ),
        (
            "SEASON",
            Value::Number(lengths.season),
            "Steps of a season.",
        ),
        (
            "LAGS",
            Value::Number(lengths.context.min(MOST_LAGS)),
            "Last values that a row shows.",
        ),
        (
            "CALENDAR",
            texts(&calendar(facts.step_s)),
            "What is told of the moment that is forecast.",
        ),
        (
            "KNOWN",
            texts(&known),
            "Columns that are known in advance: taken at the moment that is forecast.",
        ),
        ("PAST", texts(&past), "Other columns: taken at the origin."),
        (
            "LEFT_OUT",
            Value::Reasons(left),
            "Columns that are not shown, and why.",
        ),
        (
            "BY_POSITION",
            Value::Flag(months == 0 && facts.regular_share < 0.5),
            "Whether steps are rows, since times are irregular.",
        ),
        (
            "MONTHS",
            Value::Number(months),
            "Months in a step; 0 if a step has a fixed length.",
        ),
        (
            "SHARE",
            Value::Number((TRAIN * 100.0) as u64),
            "Hundredths of the time that are learnt from; the rest is hidden.",
        ),
        (
            "MOST_TRAIN",
            Value::Number(MOST_TRAIN),
            "About as many training rows are made at most, from origins that are spread evenly.",
        ),
        (
            "MOST_HIDDEN",
            Value::Number(MOST_HIDDEN),
            "The same of each hidden part.",
        ),
        (
            "SCALED",
            Value::Flag(choice.is_scaled()),
            "Whether the metric is relative to a naive forecast.",
        ),
    ]);
    let about = format!(
        "Forecasts {} from rolling origins.\n\nEach row asks for one value, some steps after an origin; its inputs are \
         what was known at the origin.\nEarly rows are learnt from; later ones are hidden: search, then select, then \
         sealed.",
        if several {
            "several series"
        } else {
            "a series"
        },
    );
    let mut pieces = vec![
        include_str!("python/save.py"),
        include_str!("python/times.py"),
    ];
    pieces.extend(raw.pieces());
    pieces.push(include_str!("python/forecast.py"));
    let prepare = program(&about, &constants, &pieces);
    let text = |value: &String| toml::Value::String(value.clone());
    let targets = if several {
        let names = guess.targets.iter().map(text).collect();
        ("targets", toml::Value::Array(names))
    } else {
        ("target", text(&answer))
    };
    Ok(Designed {
        kind: "forecast",
        target: answer,
        task: vec![targets, ("time", text(time))],
        data: raw.contract(),
        prepare,
    })
}

/// Steps from the first time to the last.
fn slots(columns: &[Column], facts: &Time, one: bool) -> u64 {
    let distinct = columns.iter().find(|c| c.name == facts.column);
    let distinct = distinct.map_or(0, |c| c.distinct);
    // Within groups, steps are left out by each of them.
    distinct + if one { facts.missing_steps } else { 0 }
}

fn lengths(brief: &Brief<'_>, facts: &Time, slots: u64) -> Result<Lengths, Undesignable> {
    let hidden = ((1.0 - TRAIN) * slots as f64) as u64;
    let seasons = seasons(brief, facts);
    let season = seasons
        .iter()
        .copied()
        .find(|s| s * 12 <= hidden)
        .unwrap_or(1);
    let horizon = horizon::steps(brief.objective, facts.step_s).unwrap_or(if season > 1 {
        season
    } else {
        USUAL
    });
    let origins = |context: u64| {
        let room = hidden.saturating_sub(context + horizon);
        if room == 0 {
            0
        } else {
            1 + room / (context + horizon)
        }
    };
    let mut contexts: Vec<u64> = seasons.iter().flat_map(|s| [2 * s, *s]).collect();
    contexts.retain(|c| *c > horizon && *c <= 8 * horizon.max(season));
    contexts.push(horizon);
    contexts.sort_unstable();
    let enough = contexts.iter().rev().find(|c| origins(**c) >= ORIGINS);
    let context = *enough.unwrap_or(&horizon);
    if origins(context) < FEWEST_ORIGINS || slots - hidden < context + 2 * horizon {
        return Err(Undesignable::new(
            format!(
                "{slots} steps of time are too few to forecast {horizon} steps ahead: the last {hidden} hold {} origins \
                 with histories of their own, and {FEWEST_ORIGINS} are needed",
                origins(context)
            ),
            "give more data, or ask for a shorter horizon",
        ));
    }
    // Origins at other phases of the season each time, where there is room.
    let mut period = context + horizon;
    if season > 1 && period.is_multiple_of(season) && origins(context + 1) >= FEWEST_ORIGINS {
        period += 1;
    }
    Ok(Lengths {
        horizon,
        context,
        season,
        period,
    })
}

/// Seasons in steps: the one that most series have, then the calendar's.
fn seasons(brief: &Brief<'_>, facts: &Time) -> Vec<u64> {
    let mut counts: BTreeMap<u64, usize> = BTreeMap::new();
    let series = brief.statistics.map(|s| s.series.values());
    for season in series.into_iter().flatten().filter_map(|s| s.season_steps) {
        *counts.entry(season).or_default() += 1;
    }
    let most = counts.iter().max_by_key(|(_, count)| **count);
    let found = most.map(|(season, _)| *season);
    let mut seasons: Vec<u64> = found
        .into_iter()
        .chain(facts.seasons_steps.clone())
        .collect();
    let mut seen = std::collections::BTreeSet::new();
    seasons.retain(|season| *season > 1 && seen.insert(*season));
    seasons
}

/// Months in a step, if it is one of the calendar's.
fn months(facts: &Time) -> u64 {
    match facts.step.as_str() {
        "month" => 1,
        "quarter" => 3,
        "year" => 12,
        _ => 0,
    }
}

/// What a calendar says that differs from step to step.
fn calendar(step_s: f64) -> Vec<String> {
    [
        ("hour_of_day", 86_400.0),
        ("day_of_week", 604_800.0),
        ("month_of_year", 3e7),
    ]
    .into_iter()
    .filter(|(_, longest)| step_s < *longest)
    .map(|(name, _)| name.to_owned())
    .collect()
}

/// Whether a column that the design makes has this name.
fn is_made(name: &str) -> bool {
    const MADE: [&str; 9] = [
        ROW_ID,
        VALUE,
        COLUMN,
        "steps_ahead",
        "hour_of_day",
        "day_of_week",
        "month_of_year",
        "season_ago",
        "history_mean",
    ];
    let lag = name
        .strip_prefix("lag_")
        .is_some_and(|n| n.parse::<u32>().is_ok());
    lag || MADE.contains(&name)
}

/// Columns that are known in advance, and the others.
fn features(
    columns: &[Column],
    brief: &Brief<'_>,
    remedies: &Remedies,
) -> (Vec<String>, Vec<String>) {
    let targets = &brief.findings.guess.targets;
    columns
        .iter()
        .filter(|c| matches!(c.role, Role::Feature | Role::Target))
        .filter(|c| !targets.contains(&c.name) && !is_made(&c.name))
        .filter(|c| !remedies.left_out.contains_key(&c.name))
        .map(|c| c.name.clone())
        .partition(|name| {
            name.to_lowercase()
                .split(|c: char| !c.is_alphanumeric())
                .all(|word| CALENDAR.contains(&word.strip_prefix("is").unwrap_or(word)))
        })
}
