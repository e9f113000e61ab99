//! What the observations say of a space: a process fitted to their warped
//! values.

use crate::gp::{Gp, Part};
use crate::kernel::{encode, unordered};
use crate::propose::Observation;
use crate::space::{Point, Space};
use crate::warp::warp;

/// Observations the process is fitted to, at most.
const MAX_FIT: usize = 200;

/// A process, and what it was fitted to.
#[derive(Debug)]
pub(crate) struct Model<'a> {
    gp: Gp,
    /// The observations that it was fitted to.
    pub(crate) fitted: Vec<&'a Observation>,
    /// What was observed there, as it was and warped, in rising order.
    scale: Vec<(f64, f64)>,
}

impl<'a> Model<'a> {
    /// None without a value to go by.
    pub(crate) fn fit(space: &Space, history: &'a [Observation]) -> Option<Self> {
        let fitted = worth_fitting(history);
        let values: Vec<Option<f64>> = fitted
            .iter()
            .map(|seen| seen.value.filter(|value| value.is_finite()))
            .collect();
        let warped = warp(&values)?;
        let points: Vec<Vec<f64>> = fitted
            .iter()
            .map(|seen| encode(space, &seen.point))
            .collect();
        let gp = Gp::fit(&points, &unordered(space), &warped)?;
        let mut scale: Vec<(f64, f64)> = values
            .iter()
            .zip(&warped)
            .filter_map(|(value, warped)| Some((*warped, (*value)?)))
            .collect();
        scale.sort_by(|a, b| a.0.total_cmp(&b.0));
        Some(Self { gp, fitted, scale })
    }

    /// Mean and deviation at a point, on the scale of the warped values.
    pub(crate) fn predict(&self, space: &Space, point: &Point, part: Part) -> (f64, f64) {
        self.gp.predict(&encode(space, point), part)
    }

    /// Variance of what the process can't explain, on that scale.
    pub(crate) fn nugget(&self) -> f64 {
        self.gp.nugget()
    }

    /// A mean on the scale of the values themselves, within what was observed:
    /// linear between neighbours, as the warp has no closed inverse for all.
    /// None for what is no number: it is below nothing, and would read as best.
    fn unwarped(&self, mean: f64) -> Option<f64> {
        if mean.is_nan() {
            return None;
        }
        let above = self.scale.partition_point(|(warped, _)| *warped < mean);
        let (last, first) = (self.scale.last()?, self.scale.first()?);
        let (Some(low), Some(high)) = (
            above.checked_sub(1).map(|below| &self.scale[below]),
            self.scale.get(above),
        ) else {
            return Some(if above == 0 { first.1 } else { last.1 });
        };
        let part = (mean - low.0) / (high.0 - low.0);
        Some(low.1 + part * (high.1 - low.1)).filter(|value| value.is_finite())
    }
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

/// What each observed point is worth by all observations together, in units of
/// their values: of many noisy values the best is mostly luck. Of points
/// without a value, none; without a mean, the values as they are.
pub fn smoothed(space: &Space, history: &[Observation]) -> Vec<Option<f64>> {
    let model = Model::fit(space, history);
    let worth = |seen: &Observation| {
        let value = seen.value.filter(|value| value.is_finite())?;
        let mean = model.as_ref().map(|model| {
            let (mean, _) = model.predict(space, &seen.point, Part::Whole);
            model.unwarped(mean)
        });
        Some(mean.flatten().unwrap_or(value))
    };
    history.iter().map(worth).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::space::{Kind, Param, Value};

    /// Means between two values lie between them; one that is no number is not
    /// the best of all, and one between huge values is not infinite.
    #[test]
    fn means_are_put_back_on_the_scale_of_the_values() {
        let param = Param {
            kind: Kind::Int {
                low: 0,
                high: 9,
                step: 1,
                log: false,
            },
            condition: None,
        };
        let space = Space::new(vec![param]).unwrap();
        let history = |values: [f64; 3]| {
            let seen = values.into_iter().zip(0..).map(|(value, at)| Observation {
                point: vec![Some(Value::Int(at))],
                value: Some(value),
            });
            seen.collect::<Vec<_>>()
        };
        let seen = history([3.0, 1.0, 7.0]);
        let model = Model::fit(&space, &seen).unwrap();
        assert_eq!(model.unwarped(f64::NEG_INFINITY), Some(1.0));
        assert_eq!(model.unwarped(f64::INFINITY), Some(7.0));
        let middle = f64::midpoint(model.scale[0].0, model.scale[1].0);
        assert!((model.unwarped(middle).unwrap() - 2.0).abs() < 1e-9);
        assert_eq!(model.unwarped(f64::NAN), None);
        let huge = history([f64::MIN, f64::MAX, f64::MAX]);
        assert!(
            smoothed(&space, &huge)
                .iter()
                .all(|worth| worth.unwrap().is_finite())
        );
    }
}
