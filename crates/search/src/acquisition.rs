//! The logarithm of the expected improvement.

use std::f64::consts::PI;

/// Terms of the continued fraction; enough for 1e-10 from −1 on.
const TERMS: u32 = 90;

/// Logarithm of E[max(best − Y, 0)] for Y normal with `mean` and `sd` > 0.
///
/// Expected improvement itself underflows almost everywhere, its logarithm
/// doesn't (Ament et al., Unexpected Improvements to Expected Improvement for
/// Bayesian Optimization, 2023).
pub(crate) fn log_ei(mean: f64, sd: f64, best: f64) -> f64 {
    sd.ln() + log_h((best - mean) / sd)
}

/// The same, less where a noisy look, with a variance of `noise`, would teach
/// little: augmented expected improvement (Huang, Allen, Notz and Zeng, Global
/// Optimization of Stochastic Black-Box Systems via Sequential Kriging
/// Meta-Models, 2006, equation 11).
pub(crate) fn log_augmented_ei(mean: f64, sd: f64, best: f64, noise: f64) -> f64 {
    // 1 − √(noise/(noise + sd²)) without a difference of near equal numbers.
    let total = noise + sd * sd;
    let learned = sd * sd / (total + (noise * total).sqrt());
    log_ei(mean, sd, best) + learned.ln()
}

/// Logarithm of h(z) = φ(z) + z·Φ(z).
fn log_h(z: f64) -> f64 {
    let log_density = -0.5 * (z * z + (2.0 * PI).ln());
    if z > -1.0 {
        return (log_density.exp() + z * stats::normal_cdf(z)).ln();
    }
    // With Laplace's continued fraction of Mills' ratio, (1 − Φ(t))/φ(t) =
    // 1/(t + q), q = 1/(t + 2/(t + 3/(t + …))), h(−t) is φ(t)·q/(t + q): no
    // difference of near equal numbers is left.
    let t = -z;
    let tail = (2..TERMS)
        .rev()
        .fold(t, |below, k| t + f64::from(k) / below);
    let q = 1.0 / tail;
    log_density + (q / (t + q)).ln()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Computed with mpmath 1.3 at 50 digits: log(npdf(z) + z·ncdf(z)).
    const KNOWN: [(f64, f64); 8] = [
        (3.0, 1.098_739_665_327_707_8),
        (0.0, -0.918_938_533_204_672_7),
        (-0.999, -2.483_217_115_447_585_4),
        (-1.001, -2.487_025_657_955_389_4),
        (-2.0, -4.768_783_523_917_114),
        (-5.0, -16.744_301_162_660_99),
        (-20.0, -206.917_838_509_425_1),
        (-1000.0, -500_014.734_452_091_16),
    ];

    #[test]
    fn log_h_agrees_with_fifty_digits() {
        for (z, want) in KNOWN {
            let got = log_h(z);
            assert!(
                (got - want).abs() < 1e-7 * want.abs().max(1.0),
                "{z}: {got} {want}"
            );
        }
    }

    #[test]
    fn noise_takes_from_what_is_nearly_known() {
        // 1 − √(0.16/0.25) is a fifth; without noise all of it is left.
        let plain = log_ei(0.2, 0.3, 0.1);
        let noisy = log_augmented_ei(0.2, 0.3, 0.1, 0.16);
        assert!((noisy - plain - 0.2_f64.ln()).abs() < 1e-12);
        assert!((log_augmented_ei(0.2, 0.3, 0.1, 0.0) - plain).abs() < 1e-12);
    }

    #[test]
    fn scales_with_the_deviation() {
        // E[max(−2·Z, 0)] is 2·φ(0).
        let want = (2.0 / (2.0 * PI).sqrt()).ln();
        assert!((log_ei(5.0, 2.0, 5.0) - want).abs() < 1e-9);
    }
}
