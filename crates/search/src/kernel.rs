//! How alike two points are.

use crate::space::{Kind, Point, Space};

/// A point as numbers, one per parameter: the place in [0, 1], the index of an
/// unordered choice, NaN where the parameter is not active.
pub(crate) type Encoded = Vec<f64>;

/// Encodes a point.
pub(crate) fn encode(space: &Space, point: &Point) -> Encoded {
    let kinds = space.params().iter().map(|param| &param.kind);
    kinds
        .zip(point)
        .map(|(kind, value)| value.map_or(f64::NAN, |value| kind.place(value)))
        .collect()
}

/// Which parameters are unordered.
pub(crate) fn unordered(space: &Space) -> Vec<bool> {
    let kinds = space.params().iter().map(|param| &param.kind);
    kinds.map(|kind: &Kind| !kind.ordered()).collect()
}

/// Squared distance between two values of one parameter, at most 1.
///
/// Unordered choices are alike or not (overlap, as in Hutter, Hoos and
/// Leyton-Brown, 2011). Where only one of two points has the parameter, it
/// counts as if the other one's were half the range away, whatever the value;
/// where neither has it, it makes no difference (cf. Swersky et al., 2014).
#[inline]
pub(crate) fn apart(a: f64, b: f64, unordered: bool) -> f64 {
    if a.is_nan() || b.is_nan() {
        return if a.is_nan() && b.is_nan() { 0.0 } else { 0.25 };
    }
    if unordered {
        // Places in a list.
        return if (a - b).abs() < 0.5 { 0.0 } else { 1.0 };
    }
    (a - b) * (a - b)
}

/// Matérn's kernel with ν = 5/2 at a squared distance in length scales, and
/// its derivative by it (Rasmussen and Williams, 2006, equation 4.17).
#[inline]
pub(crate) fn matern(square: f64) -> (f64, f64) {
    let t = (5.0 * square).sqrt();
    let decay = (-t).exp();
    let value = (1.0 + t + t * t / 3.0) * decay;
    (value, -5.0 / 6.0 * (1.0 + t) * decay)
}
