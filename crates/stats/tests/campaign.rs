//! Many tests in a row, and repeated measurements, against published values
//! and by simulation.

use stats::{Lord, Pair, Rng, between_variance, normal_cdf, normal_quantile};

/// The manual of the R package onlineFDR 2.x, `?LORD`, its first example:
/// `LORD(sample.df, random=FALSE)` with alpha = 0.05 and w0 = alpha/10.
#[test]
fn lord_plus_plus_is_that_of_online_fdr() {
    let expected = [
        (2.9e-8, 0.000_267_583_9),
        (0.067_43, 0.002_466_445_7),
        (0.015_14, 0.000_573_281_8),
        (0.081_74, 0.000_487_280_5),
        (0.001_71, 0.000_405_906_6),
        (3.6e-5, 0.000_344_728_6),
        (0.791_49, 0.002_974_501_3),
        (0.272_01, 0.000_845_011_4),
        (0.282_95, 0.000_730_564_8),
        (7.59e-8, 0.000_624_314_3),
        (0.692_74, 0.003_218_591_3),
        (0.304_43, 0.001_061_722_7),
        (0.001_36, 0.000_925_682_5),
        (0.723_42, 0.000_801_965_7),
        (0.547_57, 0.000_705_961),
    ];
    let mut lord = Lord::new(0.05, 0.005);
    for (p, level) in expected {
        assert!(
            (lord.level() - level).abs() < 5e-11,
            "{} instead of {level}",
            lord.level()
        );
        lord.record(p <= lord.level());
    }
    assert_eq!(lord.discoveries(), 3);
    assert_eq!(lord.tests(), 15);
}

/// Whatever happens, the levels stay below alpha: discovery after discovery is
/// the worst case.
#[test]
fn levels_stay_below_alpha() {
    let mut lord = Lord::new(0.05, 0.025);
    for _ in 0..2000 {
        assert!(lord.level() <= 0.05);
        lord.record(true);
    }
}

/// A standard normal number.
fn normal(rng: &mut Rng) -> f64 {
    normal_quantile(rng.uniform())
}

/// One test in five has an effect of four standard errors: among what is
/// announced, at most a share of alpha is false in the mean (2000 campaigns of
/// 60 tests; the standard error of the mean is below 0.003).
#[test]
fn false_discoveries_stay_below_alpha() {
    let mut rng = Rng::new(7);
    let (mut shares, mut found, mut there) = (0.0, 0, 0);
    for _ in 0..2000 {
        let mut lord = Lord::new(0.05, 0.025);
        let (mut right, mut wrong) = (0, 0);
        for _ in 0..60 {
            let real = rng.below(5) == 0;
            let z = normal(&mut rng) + if real { 4.0 } else { 0.0 };
            let discovery = 1.0 - normal_cdf(z) <= lord.level();
            lord.record(discovery);
            there += i32::from(real);
            right += i32::from(discovery && real);
            wrong += i32::from(discovery && !real);
        }
        found += right;
        shares += f64::from(wrong) / f64::from(right + wrong).max(1.0);
    }
    assert!(shares / 2000.0 < 0.05, "{}", shares / 2000.0);
    // And it does find what is there.
    assert!(
        f64::from(found) > 0.75 * f64::from(there),
        "{found} of {there}"
    );
}

/// By hand: of three pairs with d²/0.454936 − s² = 0.0998, 0.8592 and 8.7925
/// the middle one counts, halved. The median of χ² with one degree of freedom
/// is `scipy.stats.chi2.ppf(0.5, 1)` = 0.454936423119572.
#[test]
fn the_middle_pair_counts() {
    let pair = |difference, variance| Pair {
        difference,
        variance,
    };
    let pairs = [pair(0.3, 0.098), pair(-0.7, 0.2179), pair(2.0, 0.0)];
    let middle = 0.49 / 0.454_936_423_119_572 - 0.2179;
    let found = between_variance(&pairs).expect("pairs");
    assert!((found - middle / 2.0).abs() < 1e-12, "{found}");
    assert_eq!(between_variance(&[]), None);
    // What the intervals explain is no spread between processes.
    assert_eq!(between_variance(&[pair(0.1, 1.0)]), Some(0.0));
}

/// A known spread is found from pairs of results with their own errors, also
/// where one in ten is off by a hundred times as much.
#[test]
fn a_known_spread_is_found() {
    let mut rng = Rng::new(3);
    let (between, within) = (0.01, 0.004);
    let pairs: Vec<Pair> = (0..4000)
        .map(|number| {
            let mut result = || between * normal(&mut rng) + within * normal(&mut rng);
            let difference = result() - result();
            Pair {
                difference: if number % 10 == 0 {
                    difference + 1.0
                } else {
                    difference
                },
                variance: 2.0 * within * within,
            }
        })
        .collect();
    let found = between_variance(&pairs).expect("pairs").sqrt();
    // The outliers shift the median from the 50th to the 55.6th percentile:
    // χ²₁ has 0.585 there.
    let expected = {
        let whole = 0.585 / 0.4549 * 2.0 * (between * between + within * within);
        ((whole - 2.0 * within * within) / 2.0_f64).sqrt()
    };
    assert!((found / expected - 1.0).abs() < 0.04, "{found} {expected}");
}
