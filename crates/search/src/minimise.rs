//! Minimum of a smooth function of a few variables.

use crate::linalg::dot;

/// Value and gradient; none where the function is not defined.
pub(crate) type Evaluation = Option<(f64, Vec<f64>)>;

/// BFGS with a backtracking line search (Nocedal and Wright, Numerical
/// Optimization, 2006, algorithms 3.1 and 6.1), at most `steps` of them, until
/// one gains less than `gain`. None if the function is not defined at `start`.
pub(crate) fn minimise(
    start: &[f64],
    steps: usize,
    gain: f64,
    mut function: impl FnMut(&[f64]) -> Evaluation,
) -> Option<(Vec<f64>, f64)> {
    let n = start.len();
    let mut x = start.to_vec();
    let (mut value, mut gradient) = function(&x)?;
    let mut inverse = identity(n);
    for step in 0..steps {
        let mut direction: Vec<f64> = inverse.iter().map(|row| -dot(row, &gradient)).collect();
        let mut slope = dot(&direction, &gradient);
        if slope >= 0.0 {
            inverse = identity(n);
            direction = gradient.iter().map(|g| -g).collect();
            slope = -dot(&gradient, &gradient);
        }
        let longest = direction.iter().fold(0.0_f64, |a, d| a.max(d.abs()));
        // No variable moves by more than about one at first or two later.
        let mut length = (if step == 0 { 1.0 } else { 2.0 } / longest.max(1e-12)).min(1.0);
        let mut found = None;
        for _ in 0..12 {
            let next: Vec<f64> = x
                .iter()
                .zip(&direction)
                .map(|(x, d)| x + length * d)
                .collect();
            if let Some((new, slopes)) = function(&next)
                && new <= value + 1e-4 * length * slope
            {
                found = Some((next, new, slopes));
                break;
            }
            length *= 0.4;
        }
        let Some((next, new, slopes)) = found else {
            break;
        };
        let moved: Vec<f64> = next.iter().zip(&x).map(|(a, b)| a - b).collect();
        let turned: Vec<f64> = slopes.iter().zip(&gradient).map(|(a, b)| a - b).collect();
        let gained = value - new;
        (x, value, gradient) = (next, new, slopes);
        let curvature = dot(&moved, &turned);
        if curvature > 1e-10 {
            if step == 0 {
                let scale = curvature / dot(&turned, &turned);
                inverse.iter_mut().flatten().for_each(|h| *h *= scale);
            }
            update(&mut inverse, &moved, &turned, curvature);
        }
        if gained < gain {
            break;
        }
    }
    Some((x, value))
}

fn identity(n: usize) -> Vec<Vec<f64>> {
    (0..n)
        .map(|i| (0..n).map(|j| f64::from(u8::from(i == j))).collect())
        .collect()
}

/// The BFGS update of the inverse Hessian (ibid., equation 6.17).
fn update(inverse: &mut [Vec<f64>], moved: &[f64], turned: &[f64], curvature: f64) {
    let image: Vec<f64> = inverse.iter().map(|row| dot(row, turned)).collect();
    let scale = (1.0 + dot(turned, &image) / curvature) / curvature;
    for (i, row) in inverse.iter_mut().enumerate() {
        for (j, h) in row.iter_mut().enumerate() {
            *h += scale * moved[i] * moved[j]
                - (image[i] * moved[j] + moved[i] * image[j]) / curvature;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rosenbrock's function (1960) has its minimum 0 at (1, 1).
    #[test]
    fn finds_the_end_of_a_curved_valley() {
        let (x, value) = minimise(&[-1.2, 1.0], 200, 1e-9, |x| {
            let bend = x[1] - x[0] * x[0];
            let value = 100.0 * bend * bend + (1.0 - x[0]).powi(2);
            let slopes = vec![-400.0 * bend * x[0] - 2.0 * (1.0 - x[0]), 200.0 * bend];
            Some((value, slopes))
        })
        .unwrap();
        assert!(value < 1e-4, "{value} at {x:?}");
    }

    #[test]
    fn stays_where_the_function_is_defined() {
        // −ln x + x has its minimum 1 at 1 and nothing below 0.
        let found = minimise(&[6.0], 100, 1e-9, |x| {
            (x[0] > 0.0).then(|| (x[0] - x[0].ln(), vec![1.0 - 1.0 / x[0]]))
        });
        let (x, _) = found.unwrap();
        assert!((x[0] - 1.0).abs() < 1e-2, "{x:?}");
        assert!(minimise(&[-1.0], 5, 1e-9, |_| None).is_none());
    }
}
