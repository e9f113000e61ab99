//! Observed values as numbers that a Gaussian process can explain.

/// Values on a scale of mean 0 and deviation 1, lower still better, what has
/// none at the worst that was seen. None if nothing has a value.
pub(crate) fn warp(values: &[Option<f64>]) -> Option<Vec<f64>> {
    let known = || values.iter().flatten().copied();
    let worst = known().reduce(f64::max)?;
    let filled: Vec<f64> = values.iter().map(|v| v.unwrap_or(worst)).collect();
    let first = standardise(&filled);
    let lambda = yeo_johnson_lambda(&first);
    Some(standardise(
        &first
            .iter()
            .map(|&y| yeo_johnson(y, lambda))
            .collect::<Vec<_>>(),
    ))
}

/// Mean 0 and standard deviation 1; all 0 if there is no deviation.
fn standardise(values: &[f64]) -> Vec<f64> {
    // Halves first: a sum of huge values would not be finite.
    let scale = values.iter().fold(0.0_f64, |a, v| a.max(v.abs()));
    if scale == 0.0 {
        return vec![0.0; values.len()];
    }
    let small: Vec<f64> = values.iter().map(|v| v / scale).collect();
    let n = small.len() as f64;
    let mean = small.iter().sum::<f64>() / n;
    let sd = (small.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / n).sqrt();
    if sd < 1e-14 {
        return vec![0.0; values.len()];
    }
    small.iter().map(|v| (v - mean) / sd).collect()
}

/// The transformation of Yeo and Johnson (2000): makes a skewed sample more
/// normal.
fn yeo_johnson(y: f64, lambda: f64) -> f64 {
    let power = |base: f64, exponent: f64| {
        if exponent.abs() < 1e-8 {
            base.ln()
        } else {
            (base.powf(exponent) - 1.0) / exponent
        }
    };
    if y >= 0.0 {
        power(1.0 + y, lambda)
    } else {
        -power(1.0 - y, 2.0 - lambda)
    }
}

/// The most likely exponent, to a twentieth (ibid., equation 3.1).
fn yeo_johnson_lambda(values: &[f64]) -> f64 {
    let n = values.len() as f64;
    let jacobian: f64 = values.iter().map(|y| y.signum() * y.abs().ln_1p()).sum();
    let likelihood = |lambda: f64| {
        let warped: Vec<f64> = values.iter().map(|&y| yeo_johnson(y, lambda)).collect();
        let mean = warped.iter().sum::<f64>() / n;
        let variance = warped.iter().map(|w| (w - mean).powi(2)).sum::<f64>() / n;
        -0.5 * n * variance.max(1e-300).ln() + (lambda - 1.0) * jacobian
    };
    let grid = (-40..=80).map(|step| f64::from(step) / 20.0);
    grid.map(|lambda| (lambda, likelihood(lambda)))
        .max_by(|a, b| a.1.total_cmp(&b.1))
        .map_or(1.0, |(lambda, _)| lambda)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// SciPy 1.17.1: `stats.yeojohnson(x, lmbda)`, and `yeojohnson_normmax(x)`.
    #[test]
    fn agrees_with_scipy() {
        let known = [
            (1.5, 0.5, 1.162_277_660_168_379_5),
            (1.5, 0.0, 0.916_290_731_874_155_1),
            (-0.7, 2.0, -0.530_628_251_062_170_4),
            (-0.7, 0.3, -0.861_585_234_991_1),
            (2.0, -1.0, 0.666_666_666_666_666_6),
        ];
        for (y, lambda, want) in known {
            assert!(
                (yeo_johnson(y, lambda) - want).abs() < 1e-12,
                "{y} {lambda}"
            );
        }
        let skewed: Vec<f64> = (0..30).map(|i| (f64::from(i) / 6.0).exp() / 20.0).collect();
        assert!((yeo_johnson_lambda(&skewed) - -0.954_868).abs() <= 0.05);
    }

    #[test]
    fn order_is_kept_and_failures_are_the_worst() {
        let values = [Some(3.0), None, Some(-1e9), Some(0.0), Some(1e12)];
        let warped = warp(&values).unwrap();
        assert!(warped[2] < warped[3] && warped[3] <= warped[0] && warped[0] < warped[4]);
        assert_eq!(warped[1].to_bits(), warped[4].to_bits());
        let mean = warped.iter().sum::<f64>() / 5.0;
        assert!(mean.abs() < 1e-12, "{warped:?}");
    }

    #[test]
    fn equal_and_huge_values_are_no_obstacle() {
        assert_eq!(warp(&[None, None]), None);
        assert_eq!(warp(&[Some(2.0), None]), Some(vec![0.0, 0.0]));
        let huge = warp(&[Some(f64::MAX), Some(f64::MIN), Some(0.0)]).unwrap();
        assert!(huge.iter().all(|v| v.is_finite()), "{huge:?}");
    }
}
