//! Candidates, and the best of them nearby.

use stats::Rng;

use crate::space::{Kind, Point, Space, Value};

/// Candidates drawn over the whole space.
const FAR: usize = 600;
/// Candidates drawn around each of the best points.
const NEAR: usize = 60;
/// Smallest step of the local search, as a share of a range.
const FINEST: f64 = 0.004;
/// Choices a parameter may have for the local search to try all of them.
const MAX_CHOICES: usize = 12;

/// Points all over the space and around `best`.
pub(crate) fn candidates(space: &Space, best: &[&Point], rng: &mut Rng) -> Vec<Point> {
    let mut pool: Vec<Point> = (0..FAR).map(|_| space.sample(rng)).collect();
    for point in best {
        pool.extend((0..NEAR).map(|_| disturbed(space, point, rng)));
    }
    pool
}

/// A point with a few of its parameters changed, by much or little.
fn disturbed(space: &Space, point: &Point, rng: &mut Rng) -> Point {
    let mut near = point.clone();
    let reach = 0.5 * (0.01_f64).powf(rng.uniform());
    let active: Vec<usize> = (0..point.len()).filter(|&at| point[at].is_some()).collect();
    if active.is_empty() {
        return near;
    }
    let share = rng.uniform();
    let certain = active[rng.index(active.len())];
    for at in active {
        let kind = &space.params()[at].kind;
        if (at == certain || rng.uniform() < share)
            && let Some(value) = near[at]
        {
            near[at] = Some(moved(kind, value, reach * rng.normal(), rng));
        }
    }
    space.mend(&mut near, rng);
    near
}

/// A value `by` away, as a share of the range; integers move by one at least,
/// and unordered choices are drawn anew.
fn moved(kind: &Kind, value: Value, by: f64, rng: &mut Rng) -> Value {
    match kind.last_index() {
        None => kind.at((kind.place(value) + by).clamp(0.0, 1.0)),
        Some(_) if !kind.ordered() => kind.at(rng.uniform()),
        Some(last) => {
            let index = kind.index(value);
            let target = kind.index(kind.at((kind.place(value) + by).clamp(0.0, 0.999_999)));
            let step = if (target - index).abs() >= 1.0 {
                target - index
            } else {
                by.signum()
            };
            let next = index + step;
            // Off one end, the other side is as near.
            let next = if next < 0.0 || next > last {
                index - step
            } else {
                next
            };
            kind.near(next.round())
        }
    }
}

/// Climbs from `start` by changing one parameter at a time for as long as
/// `score` rises. `score` is none for a point that may not be proposed.
pub(crate) fn climb(
    space: &Space,
    start: Point,
    score: f64,
    rng: &mut Rng,
    mut rate: impl FnMut(&Point) -> Option<f64>,
) -> (f64, Point) {
    let (mut best, mut point) = (score, start);
    let mut reach = 0.1;
    while reach >= FINEST {
        let mut risen = false;
        for at in 0..point.len() {
            let kind = &space.params()[at].kind;
            let Some(value) = point[at] else { continue };
            for other in neighbours(kind, value, reach, rng) {
                let mut next = point.clone();
                next[at] = Some(other);
                space.mend(&mut next, rng);
                if next == point {
                    continue;
                }
                if let Some(score) = rate(&next)
                    && score > best
                {
                    (best, point, risen) = (score, next, true);
                }
            }
        }
        if !risen {
            reach /= 2.5;
        }
    }
    (best, point)
}

fn neighbours(kind: &Kind, value: Value, reach: f64, rng: &mut Rng) -> Vec<Value> {
    match kind.last_index() {
        Some(last) if !kind.ordered() => {
            if last < MAX_CHOICES as f64 {
                (0..=last as u64)
                    .map(|at| kind.near(at as f64))
                    .filter(|other| *other != value)
                    .collect()
            } else {
                vec![kind.at(rng.uniform())]
            }
        }
        _ => [reach, -reach]
            .map(|by| moved(kind, value, by, rng))
            .to_vec(),
    }
}
