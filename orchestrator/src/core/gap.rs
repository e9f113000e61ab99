//! What is left of a number when it is measured again.
//!
//! The best of many on `search` was chosen for being large, so part of it is
//! luck: the winner's curse. What was chosen on `select` among a few is chosen
//! for luck too, but less; what is measured on `sealed` is chosen by nobody.

use protocol::Interval;
use serde::Serialize;

use super::rank::Row;
use super::state::State;

/// A mean over winners.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Mean {
    /// The mean.
    pub mean: f64,
    /// Its 95% interval, from two winners on.
    pub ci: Option<Interval>,
    /// Winners behind it.
    pub n: usize,
}

/// Mean changes from split to split, relative to the earlier number; below zero
/// where the later one is worse.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Gaps {
    /// From `search` to `select`.
    pub search_select: Option<Mean>,
    /// From `select` to `sealed`.
    pub select_sealed: Option<Mean>,
}

/// How much better `later` is than `earlier`, relative to its size; `None` if
/// that is zero.
pub fn change(state: &State, earlier: f64, later: f64) -> Option<f64> {
    let change = (later - earlier) / earlier.abs();
    let sign = if state.better(1.0, 0.0) { 1.0 } else { -1.0 };
    change.is_finite().then_some(sign * change)
}

/// Mean changes over the winners.
pub fn gaps(state: &State, rows: &[Row]) -> Gaps {
    let mean = |changes: Vec<f64>| {
        let ci = stats::mean_interval(&changes, 0.95);
        stats::mean(&changes).map(|mean| Mean {
            mean,
            ci: ci.map(|ci| Interval(ci.lo, ci.hi)),
            n: changes.len(),
        })
    };
    Gaps {
        search_select: mean(
            rows.iter()
                .filter_map(|row| change(state, row.search_value?, row.value))
                .collect(),
        ),
        select_sealed: mean(
            rows.iter()
                .filter_map(|row| change(state, row.value, row.sealed.as_ref()?.verified()?))
                .collect(),
        ),
    }
}
