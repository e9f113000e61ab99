//! The next point.

use std::collections::HashSet;

use stats::Rng;

use crate::acquisition::{log_augmented_ei, log_ei};
use crate::gp::Part;
use crate::halton::halton;
use crate::kernel::unordered;
use crate::model::Model;
use crate::pool::{candidates, climb};
use crate::space::{Point, Space, Value};

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
/// Spaces of up to so many points are looked through completely.
const SMALL: usize = 1500;
/// Candidates that the local search starts from.
const CLIMBS: usize = 5;
/// Best points whose neighbourhoods are sampled.
const LEADERS: usize = 5;
/// One in so many proposals leaves the choices of the best point: a model that
/// has seen a choice but once, and there a bad place, would never come back.
const AWAY: usize = 4;
/// Observations for each parameter before the first of those: what little can
/// be looked at in a short search is better spent near the best point.
const SETTLED: usize = 4;
/// Draws before a space is listed to see whether anything is left of it.
const DRAWS: usize = 2000;
/// Points of the largest space that is listed for that.
const LISTED: usize = 1 << 16;

/// A point to look at next, which is not in `history`; none if the space is
/// used up. A function of its arguments alone.
pub fn propose(space: &Space, history: &[Observation], seed: u64) -> Option<Point> {
    let settled = history.len() >= SETTLED * space.params().len();
    let away = settled && history.len() % AWAY == AWAY - 1 && unordered(space).contains(&true);
    next(space, history, seed, away)
}

/// The same for a search that is stuck: a point with another choice than the
/// best, or where there are no choices the one of which least is known.
pub fn escape(space: &Space, history: &[Observation], seed: u64) -> Option<Point> {
    next(space, history, seed, true)
}

fn next(space: &Space, history: &[Observation], seed: u64, away: bool) -> Option<Point> {
    let seen: HashSet<Key> = history.iter().map(|seen| key(&seen.point)).collect();
    let mut rng = Rng::new(seed ^ (history.len() as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15));
    if history.len() < START {
        let cube = halton(history.len(), space.params().len(), seed);
        let mut places = cube.into_iter();
        let point = space.build(|kind| kind.at(places.next().unwrap_or(0.5)));
        if !seen.contains(&key(&point)) {
            return Some(point);
        }
    } else if let Some(point) = by_model(space, history, &seen, &mut rng, away) {
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
/// go by. What the process can't explain is counted in turn as structure of the
/// function, which draws the search to the best points, and as noise, which
/// drives it to where there is more to learn: nothing says which it is.
fn by_model(
    space: &Space,
    history: &[Observation],
    seen: &HashSet<Key>,
    rng: &mut Rng,
    away: bool,
) -> Option<Point> {
    let small = space.all(SMALL);
    let left = |point: &Point| !seen.contains(&key(point));
    if small.as_ref().is_some_and(|all| !all.iter().any(left)) {
        return None;
    }
    let model = Model::fit(space, history)?;
    let part = if history.len() % 2 == 1 {
        Part::Smooth
    } else {
        Part::Whole
    };
    // With noise, the best value is mostly luck; the best mean is less so.
    let mean = |seen: &&Observation| model.predict(space, &seen.point, part).0;
    let means: Vec<f64> = model.fitted.iter().map(mean).collect();
    let mut order: Vec<usize> = (0..means.len()).collect();
    order.sort_by(|&a, &b| means[a].total_cmp(&means[b]));
    let leader = &model.fitted[*order.first()?].point;
    let unordered = unordered(space);
    let has_choices = unordered.contains(&true);
    let elsewhere = |point: &Point| {
        let mut pairs = unordered.iter().zip(point.iter().zip(leader));
        pairs.any(|(unordered, (here, there))| *unordered && here != there)
    };
    // Elsewhere, what has to be improved is the best that is known there.
    let bar = |at: &&usize| !away || !has_choices || elsewhere(&model.fitted[**at].point);
    let target = means[*order.iter().find(bar).or(order.first())?];
    let rate = |point: &Point| {
        if !left(point) || away && has_choices && !elsewhere(point) {
            return None;
        }
        let (mean, sd) = model.predict(space, point, part);
        let score = match part {
            _ if away && !has_choices => sd,
            Part::Whole => log_ei(mean, sd, target),
            Part::Smooth => log_augmented_ei(mean, sd, target, model.nugget()),
        };
        Some(score).filter(|score| !score.is_nan())
    };
    let complete = small.is_some();
    let pool = small.unwrap_or_else(|| {
        let leaders: Vec<&Point> = order[..LEADERS.min(order.len())]
            .iter()
            .map(|&at| &model.fitted[at].point)
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
