//! Values computed by SciPy 1.17.1 with NumPy 2.4.6; the call is beside each.

#![expect(
    clippy::approx_constant,
    reason = "3.14 is a measurement and an expected value here"
)]

use stats::{
    Alternative, Resampling, bca, benjamini_hochberg, geomean, holm, mad, mann_whitney, mean,
    mean_interval, median, normal_cdf, normal_quantile, percentile, quantile, sign_test,
    student_t_quantile, student_t_sf, welch, wilcoxon,
};

const SIDES: [Alternative; 3] = [
    Alternative::TwoSided,
    Alternative::Greater,
    Alternative::Less,
];

/// Hollander and Wolfe's depression scores, as in R's `?wilcox.test`.
const X: [f64; 9] = [1.83, 0.50, 1.62, 2.48, 1.68, 1.88, 1.55, 3.06, 1.30];
const Y: [f64; 9] = [0.878, 0.647, 0.598, 2.05, 1.06, 1.29, 1.06, 3.14, 1.29];

const SKEWED: [f64; 20] = [
    2.1, 3.4, 1.9, 5.6, 2.8, 3.3, 4.7, 2.2, 9.8, 3.1, 2.7, 4.0, 3.6, 2.5, 6.1, 3.0, 2.9, 4.4, 3.8,
    2.4,
];

#[track_caller]
fn close(found: f64, expected: f64, relative: f64) {
    let error = (found - expected).abs();
    assert!(
        error <= relative * expected.abs().max(1e-300),
        "{found} instead of {expected}"
    );
}

/// `scipy.stats.wilcoxon(x, y, alternative=…)`, exact.
#[test]
fn wilcoxon_exact() {
    let differences: Vec<f64> = X.iter().zip(Y).map(|(x, y)| x - y).collect();
    let expected = [0.039_062_5, 0.019_531_25, 0.986_328_125];
    for (side, p) in SIDES.into_iter().zip(expected) {
        let result = wilcoxon(&differences, side).unwrap();
        close(result.statistic, 40.0, 0.0);
        close(result.p, p, 1e-12);
    }
}

/// `scipy.stats.wilcoxon(d, method="asymptotic", correction=True, …)`; zeros
/// added with `zero_method="wilcox"` change nothing.
#[test]
fn wilcoxon_with_ties() {
    let tied = [
        1.0, -2.0, 3.0, 3.0, -1.0, 4.0, 5.0, 5.0, -2.0, 6.0, 7.0, 1.0,
    ];
    let expected = [
        0.030_532_789_156_706_854,
        0.015_266_394_578_353_427,
        0.987_511_802_360_238_7,
    ];
    let zeros = [&[0.0, 0.0], &tied[..]].concat();
    for (side, p) in SIDES.into_iter().zip(expected) {
        close(wilcoxon(&tied, side).unwrap().p, p, 1e-12);
        close(wilcoxon(&zeros, side).unwrap().p, p, 1e-12);
    }
}

/// `scipy.stats.mannwhitneyu(x, y, method="exact", alternative=…)`.
#[test]
fn mann_whitney_exact() {
    let (males, females) = ([19.0, 22.0, 16.0, 29.0, 24.0], [20.0, 11.0, 17.0, 12.0]);
    let expected = [
        0.111_111_111_111_111_1,
        0.055_555_555_555_555_55,
        0.968_253_968_253_968_2,
    ];
    for (side, p) in SIDES.into_iter().zip(expected) {
        let result = mann_whitney(&males, &females, side).unwrap();
        close(result.statistic, 17.0, 0.0);
        close(result.p, p, 1e-12);
    }
}

/// `scipy.stats.mannwhitneyu(x, y, method="asymptotic", alternative=…)`.
#[test]
fn mann_whitney_with_ties() {
    let x = [1.0, 2.0, 2.0, 3.0, 4.0, 5.0, 5.0, 6.0];
    let y = [2.0, 3.0, 5.0, 7.0, 8.0, 8.0, 9.0];
    let expected = [
        0.079_838_719_645_852_61,
        0.969_146_654_985_843_6,
        0.039_919_359_822_926_305,
    ];
    for (side, p) in SIDES.into_iter().zip(expected) {
        let result = mann_whitney(&x, &y, side).unwrap();
        close(result.statistic, 12.5, 0.0);
        close(result.p, p, 1e-12);
    }
}

/// `scipy.stats.binomtest(k, n, 0.5, alternative=…)`.
#[test]
fn sign_test_is_binomial() {
    let cases = [
        (
            9,
            12,
            [0.145_996_093_75, 0.072_998_046_875, 0.980_712_890_625],
        ),
        (3, 10, [0.343_75, 0.945_312_5, 0.171_875]),
        (5, 10, [1.0, 0.623_046_875, 0.623_046_875]),
        (
            60,
            100,
            [
                0.056_887_933_640_980_89,
                0.028_443_966_820_490_444,
                0.982_399_899_891_147_6,
            ],
        ),
    ];
    for (positive, n, expected) in cases {
        let mut signs = vec![1.0; positive];
        signs.resize(n, -1.0);
        signs.push(0.0);
        for (side, p) in SIDES.into_iter().zip(expected) {
            let result = sign_test(&signs, side).unwrap();
            close(result.statistic, positive as f64, 0.0);
            close(result.p, p, 1e-12);
        }
    }
}

/// `scipy.stats.ttest_ind(x, y, equal_var=False, alternative=…)`.
#[test]
fn welch_t() {
    let expected = [
        0.245_882_838_533_170_94,
        0.122_941_419_266_585_47,
        0.877_058_580_733_414_6,
    ];
    for (side, p) in SIDES.into_iter().zip(expected) {
        let result = welch(&X, &Y, side).unwrap();
        close(result.t, 1.205_172_799_106_650_8, 1e-12);
        close(result.df, 15.795_035_582_541_257, 1e-12);
        close(result.p, p, 1e-10);
    }
    let few = [1.0, 2.0, 3.0, 4.0, 50.0];
    let many = [100.0, 101.0, 99.0, 102.0, 98.0, 100.5];
    let result = welch(&few, &many, Alternative::TwoSided).unwrap();
    close(result.t, -9.241_756_347_845_16, 1e-12);
    close(result.df, 4.030_090_773_168_137, 1e-12);
    close(result.p, 0.000_735_478_773_547_524_3, 1e-10);
}

/// `scipy.stats.norm.cdf(z)` and `.ppf(p)`.
#[test]
fn normal() {
    let cdf = [
        (-8.0, 6.220_960_574_271_74e-16),
        (-3.0, 0.001_349_898_031_630_093_3),
        (-1.96, 0.024_997_895_148_220_435),
        (0.0, 0.5),
        (0.5, 0.691_462_461_274_013_1),
        (2.0, 0.977_249_868_051_820_8),
        (6.0, 0.999_999_999_013_412_3),
    ];
    for (z, p) in cdf {
        close(normal_cdf(z), p, 1e-12);
    }
    let quantiles = [
        (1e-10, -6.361_340_902_404_056),
        (0.001, -3.090_232_306_167_813),
        (0.025, -1.959_963_984_540_054),
        (0.3, -0.524_400_512_708_041),
        (0.5, 0.0),
        (0.975, 1.959_963_984_540_054),
    ];
    for (p, z) in quantiles {
        assert!((normal_quantile(p) - z).abs() < 1e-12, "{p}");
    }
    assert!(normal_quantile(0.0).is_infinite() && normal_quantile(1.5).is_nan());
}

/// `scipy.stats.t.sf(t, df)`.
#[test]
fn student_t() {
    let cases = [
        (0.5, 3.3, 0.324_267_538_199_779_2),
        (2.0, 10.0, 0.036_694_017_385_370_18),
        (4.5, 7.2, 0.001_303_961_668_767_756_4),
        (30.0, 4.0, 3.676_428_048_830_659_5e-6),
        (1.0, 200.0, 0.159_259_423_954_873_36),
        (-1.0, 5.0, 0.818_391_266_175_438_6),
    ];
    for (t, df, p) in cases {
        close(student_t_sf(t, df), p, 1e-11);
    }
}

/// `numpy.quantile(x, q)`, `scipy.stats.median_abs_deviation(x)`,
/// `scipy.stats.gmean(x)`.
#[test]
fn summaries() {
    let quantiles = [
        (0.0, 1.9),
        (0.1, 2.190_000_000_000_000_4),
        (0.25, 2.650_000_000_000_000_4),
        (0.5, 3.2),
        (0.9, 5.65),
        (0.975, 8.042_499_999_999_995),
        (1.0, 9.8),
    ];
    for (q, expected) in quantiles {
        close(quantile(&SKEWED, q).unwrap(), expected, 1e-14);
    }
    close(mad(&SKEWED).unwrap(), 0.75, 1e-14);
    close(geomean(&SKEWED).unwrap(), 3.411_686_754_035_788, 1e-14);
}

/// Benjamini–Hochberg: `scipy.stats.false_discovery_control(p)`. Holm: by hand
/// from its definition; SciPy has no function for it.
#[test]
fn adjustments() {
    let p = [0.0002, 0.04, 0.3, 0.011, 0.011, 0.7, 0.049];
    let expected_holm = [0.0014, 0.16, 0.6, 0.066, 0.066, 0.7, 0.16];
    let expected_bh = [
        0.0014,
        0.0686,
        0.35,
        0.025_666_666_666_666_667,
        0.025_666_666_666_666_667,
        0.7,
        0.0686,
    ];
    for (found, expected) in holm(&p).into_iter().zip(expected_holm) {
        close(found, expected, 1e-12);
    }
    for (found, expected) in benjamini_hochberg(&p).into_iter().zip(expected_bh) {
        close(found, expected, 1e-12);
    }
}

/// `scipy.stats.bootstrap((x,), f, n_resamples=200000, method=…)`: percentile
/// and BCa intervals of the mean and the median. With 40000 resamples of our
/// own the ends differ by their Monte Carlo error, about 1% of the value in
/// the long tail; the median's ends are values of the sample and exact.
#[test]
fn bootstrap_intervals() {
    let how = Resampling {
        resamples: 40_000,
        ..Resampling::default()
    };
    let mean_of = |sample: &[f64]| mean(sample).unwrap();
    let median_of = |sample: &[f64]| median(sample).unwrap();
    let found = percentile(&SKEWED, mean_of, &how).unwrap();
    close(found.lo, 3.03, 0.005);
    close(found.hi, 4.575, 0.005);
    let found = bca(&SKEWED, mean_of, &how).unwrap();
    close(found.lo, 3.14, 0.005);
    close(found.hi, 4.845, 0.01);
    for found in [
        percentile(&SKEWED, median_of, &how).unwrap(),
        bca(&SKEWED, median_of, &how).unwrap(),
    ] {
        close(found.lo, 2.75, 1e-12);
        close(found.hi, 3.9, 1e-12);
    }
}

/// `scipy.stats.t.ppf(p, df)`.
#[test]
fn student_t_quantiles() {
    for (p, df, expected) in [
        (0.975, 1.0, 12.706_204_736_432_095),
        (0.975, 4.0, 2.776_445_105_197_798_7),
        (0.9, 10.0, 1.372_183_641_110_336_3),
        (0.025, 4.0, -2.776_445_105_197_798_7),
    ] {
        close(student_t_quantile(p, df), expected, 1e-9);
    }
    assert!(student_t_quantile(1.0, 4.0).is_nan());
    assert!(student_t_quantile(0.5, 0.0).is_nan());
}

/// `scipy.stats.t.interval(0.95, len(x) - 1, np.mean(x), scipy.stats.sem(x))`.
#[test]
fn interval_of_a_mean() {
    let interval = mean_interval(&X, 0.95).unwrap();
    close(interval.lo, 1.216_612_303_618_121_3, 1e-9);
    close(interval.hi, 2.316_721_029_715_212, 1e-9);
    assert!(mean_interval(&X[..1], 0.95).is_none());
    assert!(mean_interval(&X, 1.0).is_none());
}
