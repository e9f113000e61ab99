//! The next point.

use std::collections::HashSet;

use stats::Rng;

use crate::acquisition::log_ei;
use crate::gp::Gp;
use crate::halton::halton;
use crate::kernel::{encode, unordered};
use crate::pool::{candidates, climb};
use crate::space::{Point, Space, Value};
use crate::warp::warp;

/// A point that was looked at.
#[derive(Clone, Debug, PartialEq)]
pub struct Observation {
    /// Where.
    pub point: Point,
    /// What came out, lower is better; none if it failed or was rejected.
    pub value: Option<f64>,
}

/// Evenly spread points that a search begins with.
const START: usize = 7;
/// Observations the process is fitted to, at most.
const MAX_FIT: usize = 200;
/// Spaces of up to so many points are looked through completely.
const SMALL: usize = 1500;
/// Candidates that the local search starts from.
const CLIMBS: usize = 5;
/// Best points whose neighbourhoods are sampled.
const LEADERS: usize = 5;
/// Draws before a space is listed to see whether anything is left of it.
const DRAWS: usize = 2000;
/// Points of the largest space that is listed for that.
const LISTED: usize = 1 << 16;

/// A point to look at next, which is not in `history`; none if the space is
/// used up. A function of its arguments alone.
pub fn propose(space: &Space, history: &[Observation], seed: u64) -> Option<Point> {
    let seen: HashSet<Key> = history.iter().map(|seen| key(&seen.point)).collect();
    let mut rng = Rng::new(seed ^ (history.len() as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15));
    if history.len() < START {
        let cube = halton(history.len(), space.params().len(), seed);
        let mut places = cube.into_iter();
        let point = space.build(|kind| kind.at(places.next().unwrap_or(0.5)));
        if !seen.contains(&key(&point)) {
            return Some(point);
        }
    } else if let Some(point) = by_model(space, history, &seen, &mut rng) {
        return Some(point);
    }
    anything_new(space, &seen, &mut rng)
}

/// What makes two points the same.
type Key = Vec<Option<(u8, u64)>>;

fn key(point: &Point) -> Key {
    let entry = |value: &Option<Value>| {
        value.map(|value| match value {
            Value::Real(x) => (0, x.to_bits()),
            Value::Int(x) => (1, x.cast_unsigned()),
            Value::Choice(at) => (2, at as u64),
        })
    };
    point.iter().map(entry).collect()
}

fn anything_new(space: &Space, seen: &HashSet<Key>, rng: &mut Rng) -> Option<Point> {
    let drawn = (0..DRAWS).map(|_| space.sample(rng));
    drawn
        .into_iter()
        .find(|point| !seen.contains(&key(point)))
        .or_else(|| {
            let all = space.all(LISTED)?;
            all.into_iter().find(|point| !seen.contains(&key(point)))
        })
}

/// The point with the highest expected improvement; none without a value to
/// go by.
fn by_model(
    space: &Space,
    history: &[Observation],
    seen: &HashSet<Key>,
    rng: &mut Rng,
) -> Option<Point> {
    let small = space.all(SMALL);
    let left = |point: &Point| !seen.contains(&key(point));
    if small.as_ref().is_some_and(|all| !all.iter().any(left)) {
        return None;
    }
    let history = worth_fitting(history);
    let usable = |value: &f64| value.is_finite();
    let values: Vec<Option<f64>> = history
        .iter()
        .map(|seen| seen.value.filter(usable))
        .collect();
    let values = warp(&values)?;
    let points: Vec<Vec<f64>> = history
        .iter()
        .map(|seen| encode(space, &seen.point))
        .collect();
    let unordered = unordered(space);
    let gp = Gp::fit(&points, &unordered, &values)?;
    // With noise, the best value is mostly luck; the best mean is less so.
    let means: Vec<f64> = points.iter().map(|point| gp.predict(point).0).collect();
    let mut order: Vec<usize> = (0..means.len()).collect();
    order.sort_by(|&a, &b| means[a].total_cmp(&means[b]));
    let target = means[*order.first()?];
    let rate = |point: &Point| {
        if !left(point) {
            return None;
        }
        let (mean, sd) = gp.predict(&encode(space, point));
        Some(log_ei(mean, sd, target)).filter(|score| !score.is_nan())
    };
    let complete = small.is_some();
    let pool = small.unwrap_or_else(|| {
        let leaders: Vec<&Point> = order[..LEADERS.min(order.len())]
            .iter()
            .map(|&at| &history[at].point)
            .collect();
        candidates(space, &leaders, rng)
    });
    let mut rated: Vec<(f64, Point)> = pool
        .into_iter()
        .filter_map(|point| Some((rate(&point)?, point)))
        .collect();
    rated.sort_by(|a, b| b.0.total_cmp(&a.0));
    if complete {
        return rated.into_iter().next().map(|(_, point)| point);
    }
    rated
        .into_iter()
        .take(CLIMBS)
        .map(|(score, point)| climb(space, point, score, rng, rate))
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, point)| point)
}

/// All observations, or of a long history the best and the newest.
fn worth_fitting(history: &[Observation]) -> Vec<&Observation> {
    if history.len() <= MAX_FIT {
        return history.iter().collect();
    }
    let (old, new) = history.split_at(history.len() - MAX_FIT / 2);
    let mut old: Vec<&Observation> = old.iter().collect();
    old.sort_by(|a, b| {
        let worth = |seen: &Observation| seen.value.unwrap_or(f64::INFINITY);
        worth(a).total_cmp(&worth(b))
    });
    old.truncate(MAX_FIT - new.len());
    old.into_iter().chain(new).collect()
}
