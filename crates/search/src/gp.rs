//! A Gaussian process with its hyperparameters at their most probable values.
//!
//! The covariance is a constant plus a Matérn kernel with a length scale for
//! each parameter, plus a nugget: what the kernel can't explain (Rasmussen and
//! Williams, 2006, chapters 2, 4 and 5). Values are expected to be standardised.

use crate::kernel::{Encoded, apart, matern};
use crate::linalg::{Cholesky, dot};
use crate::minimise::{Evaluation, minimise};

/// Variance of the constant part: the mean of the values is nearly known.
const CONSTANT: f64 = 0.25;
/// Share of the nugget that is structure finer than the distances between
/// points; the rest is noise of the measurement (Matheron, 1963: a nugget is
/// both). Where no point is measured twice, nothing tells the two apart, so
/// each gets half.
const FINE: f64 = 0.5;
/// Added to the diagonal for the sake of the factorisation.
const JITTER: f64 = 1e-8;
/// Steps of the search for hyperparameters.
const STEPS: usize = 25;
/// It ends when a step raises the log density by less.
const GAIN: f64 = 1e-5;

/// A normal prior of a hyperparameter's logarithm.
#[derive(Clone, Copy, Debug)]
struct Prior {
    mean: f64,
    sd: f64,
}

impl Prior {
    /// Negative log density but for a constant, and its derivative.
    fn cost(self, x: f64) -> (f64, f64) {
        let z = (x - self.mean) / self.sd;
        (0.5 * z * z, z / self.sd)
    }
}

const SIGNAL: Prior = Prior { mean: 0.0, sd: 1.0 };
const NUGGET: Prior = Prior {
    mean: -4.0,
    sd: 1.5,
};

/// Length scales, by the number of parameters: in more dimensions points are
/// farther apart (Hvarfner, Hellsten and Nardi, 2024).
fn length_prior(parameters: usize) -> Prior {
    Prior {
        mean: -0.3 + 0.5 * (parameters as f64).ln(),
        sd: 1.0,
    }
}

/// What is known about an unknown function.
#[derive(Clone, Debug)]
pub(crate) struct Gp {
    model: Model,
    points: Vec<Encoded>,
    unordered: Vec<bool>,
    factor: Cholesky,
    weights: Vec<f64>,
}

/// How much of a function a prediction is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    /// All of it.
    Whole,
    /// What the kernel describes, without the fine structure.
    Smooth,
}

/// Hyperparameters.
#[derive(Clone, Debug)]
struct Model {
    /// Of the length scales.
    inverse_squares: Vec<f64>,
    /// Variance of what the kernel describes.
    signal: f64,
    /// Variance of what differs from point to point.
    fine: f64,
    /// Variance of what differs from look to look.
    noise: f64,
}

impl Model {
    /// From logarithms: length scales, signal, nugget.
    fn of(theta: &[f64]) -> Self {
        let (scales, rest) = theta.split_at(theta.len() - 2);
        let nugget = rest[1].exp();
        Self {
            inverse_squares: scales.iter().map(|log| (-2.0 * log).exp()).collect(),
            signal: rest[0].exp(),
            fine: FINE * nugget,
            noise: (1.0 - FINE) * nugget,
        }
    }

    /// Covariance of the function at two points, by the kernel, where 1 is the
    /// same point twice; `fine` is the variance of what differs from point to
    /// point.
    fn covariance(&self, kernel: f64, fine: f64) -> f64 {
        let fine = if kernel < 1.0 { 0.0 } else { fine };
        CONSTANT + self.signal * kernel + fine
    }
}

/// Points, their distances in each parameter for every pair, and values.
struct Data<'a> {
    values: &'a [f64],
    parameters: usize,
    /// One list for each parameter: pairs (1, 0), (2, 0), (2, 1), …
    distances: Vec<Vec<f64>>,
}

impl<'a> Data<'a> {
    fn new(points: &[Encoded], unordered: &[bool], values: &'a [f64]) -> Self {
        let distances = unordered.iter().enumerate().map(|(p, &unordered)| {
            let pairs = (0..points.len()).flat_map(|i| (0..i).map(move |j| (i, j)));
            pairs
                .map(|(i, j)| apart(points[i][p], points[j][p], unordered))
                .collect()
        });
        Self {
            values,
            parameters: unordered.len(),
            distances: distances.collect(),
        }
    }

    fn n(&self) -> usize {
        self.values.len()
    }

    fn prior_cost(&self, theta: &[f64]) -> (f64, Vec<f64>) {
        let p = self.parameters;
        let mut cost = 0.0;
        let slopes = theta.iter().enumerate().map(|(at, &x)| {
            let prior = match at {
                _ if at < p => length_prior(p),
                _ if at == p => SIGNAL,
                _ => NUGGET,
            };
            let (more, slope) = prior.cost(x);
            cost += more;
            slope
        });
        let slopes = slopes.collect();
        (cost, slopes)
    }

    /// Negative log posterior density of the hyperparameters and its gradient
    /// (Rasmussen and Williams, 2006, equations 2.30 and 5.9).
    fn cost(&self, theta: &[f64]) -> Evaluation {
        if theta.iter().any(|x| x.abs() > 12.0) {
            return None;
        }
        let (n, p) = (self.n(), self.parameters);
        let model = Model::of(theta);
        let (kernel, kernel_slopes) = self.kernel(&model);
        let (factor, weights) = self.factor(&model, &kernel)?;
        let (mut cost, mut slopes) = self.prior_cost(theta);
        cost += 0.5 * (dot(&weights, self.values) + factor.log_det());
        // Half of K⁻¹ − ααᵀ, twice for each pair.
        let mut pull = factor.inverse();
        for i in 0..n {
            for j in 0..=i {
                pull[i * n + j] -= weights[i] * weights[j];
            }
        }
        let trace: f64 = (0..n).map(|i| pull[i * n + i]).sum();
        let pairs: Vec<f64> = (1..n)
            .flat_map(|i| pull[i * n..i * n + i].to_vec())
            .collect();
        slopes[p] += model.signal * (0.5 * trace + dot(&pairs, &kernel));
        let again: f64 = pairs
            .iter()
            .zip(&kernel)
            .filter_map(|(pull, kernel)| (*kernel >= 1.0).then_some(pull))
            .sum();
        slopes[p + 1] += (model.fine + model.noise) * 0.5 * trace + model.fine * again;
        let bent: Vec<f64> = pairs
            .iter()
            .zip(&kernel_slopes)
            .map(|(pull, slope)| pull * slope)
            .collect();
        for (at, distances) in self.distances.iter().enumerate() {
            let slope = dot(&bent, distances);
            slopes[at] -= 2.0 * model.inverse_squares[at] * model.signal * slope;
        }
        cost.is_finite().then_some((cost, slopes))
    }

    /// The kernel and its derivative by the squared distance, for all pairs.
    fn kernel(&self, model: &Model) -> (Vec<f64>, Vec<f64>) {
        let mut squares = vec![0.0; self.n() * self.n().saturating_sub(1) / 2];
        for (distances, weight) in self.distances.iter().zip(&model.inverse_squares) {
            for (sum, d) in squares.iter_mut().zip(distances) {
                *sum += weight * d;
            }
        }
        squares.into_iter().map(matern).unzip()
    }

    /// The factor of the covariance matrix, and its inverse times the values.
    fn factor(&self, model: &Model, kernel: &[f64]) -> Option<(Cholesky, Vec<f64>)> {
        let n = self.n();
        let mut matrix = vec![0.0; n * n];
        let mut from = 0;
        for i in 0..n {
            for j in 0..i {
                matrix[i * n + j] = model.covariance(kernel[from + j], model.fine);
            }
            matrix[i * n + i] = model.covariance(1.0, model.fine) + model.noise + JITTER;
            from += i;
        }
        let factor = Cholesky::of(matrix, n)?;
        let mut weights = self.values.to_vec();
        factor.solve(&mut weights);
        Some((factor, weights))
    }
}

impl Gp {
    /// Fits a process to points and standardised values; none if that fails
    /// numerically from every start.
    pub(crate) fn fit(points: &[Encoded], unordered: &[bool], values: &[f64]) -> Option<Self> {
        let data = Data::new(points, unordered, values);
        let start = |length: f64, nugget: f64| {
            let mut theta = vec![length; data.parameters];
            theta.extend([0.0, nugget]);
            theta
        };
        // A smooth function with noise, or a rough one without.
        let middle = length_prior(data.parameters).mean;
        let (theta, _) = [start(middle, -3.0), start(middle - 1.5, -6.0)]
            .iter()
            .filter_map(|start| minimise(start, STEPS, GAIN, |theta| data.cost(theta)))
            .min_by(|a, b| a.1.total_cmp(&b.1))?;
        Self::with(&data, points, unordered, &theta)
    }

    fn with(
        data: &Data<'_>,
        points: &[Encoded],
        unordered: &[bool],
        theta: &[f64],
    ) -> Option<Self> {
        let model = Model::of(theta);
        let (factor, weights) = data.factor(&model, &data.kernel(&model).0)?;
        Some(Self {
            model,
            points: points.to_vec(),
            unordered: unordered.to_vec(),
            factor,
            weights,
        })
    }

    /// Mean and standard deviation of the function, without noise, at a point;
    /// of all of it or but of what the kernel describes.
    pub(crate) fn predict(&self, point: &Encoded, part: Part) -> (f64, f64) {
        let fine = match part {
            Part::Whole => self.model.fine,
            Part::Smooth => 0.0,
        };
        let mut covariances: Vec<f64> = self
            .points
            .iter()
            .map(|other| {
                let square: f64 = (0..point.len())
                    .map(|p| {
                        let d = apart(point[p], other[p], self.unordered[p]);
                        self.model.inverse_squares[p] * d
                    })
                    .sum();
                self.model.covariance(matern(square).0, fine)
            })
            .collect();
        let mean = dot(&covariances, &self.weights);
        self.factor.forward(&mut covariances);
        let variance = self.model.covariance(1.0, fine) - dot(&covariances, &covariances);
        (mean, variance.max(1e-12).sqrt())
    }

    /// Variance of what the kernel can't explain.
    pub(crate) fn nugget(&self) -> f64 {
        self.model.fine + self.model.noise
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const POINTS: [[f64; 2]; 5] = [[0.1, 0.2], [0.4, 0.9], [0.8, 0.3], [0.6, 0.6], [0.95, 0.05]];
    const VALUES: [f64; 5] = [0.5, -1.2, 0.7, -0.3, 1.1];

    fn points() -> Vec<Encoded> {
        POINTS.iter().map(|point| point.to_vec()).collect()
    }

    /// Against scikit-learn 1.9.1: `GaussianProcessRegressor` with `C(0.25) +
    /// C(1.5) * Matern([0.4, 0.9], nu=2.5)`, `alpha` 0.1 + 1e-8, no optimiser.
    /// That has no fine structure; what it adds is the same in NumPy 2.
    #[test]
    fn mean_deviation_and_likelihood_agree_with_scikit_learn() {
        let (points, unordered) = (points(), [false, false]);
        let data = Data::new(&points, &unordered, &VALUES);
        let theta = [0.4_f64.ln(), 0.9_f64.ln(), 1.5_f64.ln(), 0.1_f64.ln()];
        let gp = Gp::with(&data, &points, &unordered, &theta).unwrap();
        let known = [
            ([0.3, 0.5], -0.380_005_265_895_377, 0.501_998_347_328_307_4),
            ([0.8, 0.3], 0.674_017_150_234_826_4, 0.261_746_837_292_645_5),
            (
                [0.0, 1.0],
                -0.259_666_237_686_030_25,
                0.949_467_698_292_869_4,
            ),
        ];
        let whole = [
            (-0.380_005_265_895_376_75, 0.549_547_396_245_630_3),
            (0.687_008_573_818_270_9, 0.205_250_718_960_362_23),
            (-0.259_666_237_686_030_4, 0.975_442_930_212_502_6),
        ];
        for ((point, mean, sd), whole) in known.into_iter().zip(whole) {
            for (part, mean, sd) in [(Part::Smooth, mean, sd), (Part::Whole, whole.0, whole.1)] {
                let got = gp.predict(&point.to_vec(), part);
                assert!((got.0 - mean).abs() < 1e-9, "{point:?} {part:?}: {got:?}");
                assert!((got.1 - sd).abs() < 1e-9, "{point:?} {part:?}: {got:?}");
            }
        }
        // The constant n/2·ln 2π is left out of the cost.
        let cost = data.cost(&theta).unwrap().0 - data.prior_cost(&theta).0;
        let likelihood = -cost - 2.5 * std::f64::consts::TAU.ln();
        assert!(
            (likelihood - -5.951_737_234_733_025).abs() < 1e-9,
            "{likelihood}"
        );
    }

    #[test]
    fn the_gradient_is_that_of_the_cost() {
        let mut points: Vec<Encoded> = points()
            .into_iter()
            .zip([f64::NAN, 0.0, 2.0, 2.0, 0.0])
            .map(|(point, third)| [point, vec![third]].concat())
            .collect();
        // Looked at twice.
        points[4] = points[1].clone();
        let data = Data::new(&points, &[false, false, true], &VALUES);
        let theta = [-0.7, 0.2, 0.4, 0.3, -2.0];
        let (_, slopes) = data.cost(&theta).unwrap();
        for at in 0..theta.len() {
            let beside = |by: f64| {
                let mut moved = theta;
                moved[at] += by;
                data.cost(&moved).unwrap().0
            };
            let slope = (beside(1e-5) - beside(-1e-5)) / 2e-5;
            assert!(
                (slope - slopes[at]).abs() < 1e-6,
                "{at}: {slope} {}",
                slopes[at]
            );
        }
    }

    /// Of a function of the first parameter alone, the second one's length
    /// scale comes out longer, and the mean follows the values.
    #[test]
    fn a_fit_finds_what_matters() {
        let mut rng = stats::Rng::new(1);
        let points: Vec<Encoded> = (0..40)
            .map(|_| vec![rng.uniform(), rng.uniform()])
            .collect();
        let values: Vec<f64> = points.iter().map(|p| (8.0 * p[0]).sin()).collect();
        let gp = Gp::fit(&points, &[false, false], &values).unwrap();
        assert!(gp.model.inverse_squares[0] > 4.0 * gp.model.inverse_squares[1]);
        let (mean, sd) = gp.predict(&vec![0.5, 0.5], Part::Whole);
        assert!((mean - 4.0_f64.sin()).abs() < 0.1, "{mean} ± {sd}");
    }
}
