//! Verdicts on honest and dishonest float32 arithmetic, against float64.

use super::*;
use crate::inputs::{Distribution, fill};
use crate::plan::Dtype;

const SITE: Site = Site { output: 0, call: 3 };

fn bytes(values: &[f32]) -> Vec<u8> {
    values
        .iter()
        .flat_map(|value| value.to_le_bytes())
        .collect()
}

fn random(distribution: &Distribution, count: usize, seed: u64) -> Vec<f32> {
    let mut out = vec![0; count * 4];
    fill(distribution, Dtype::F32, seed, 0, &mut out);
    out.as_chunks()
        .0
        .iter()
        .map(|bytes| f32::from_le_bytes(*bytes))
        .collect()
}

fn normal(count: usize, seed: u64) -> Vec<f32> {
    random(
        &Distribution::Normal {
            mean: 0.0,
            std: 1.0,
        },
        count,
        seed,
    )
}

fn check(candidate: &[f32], truth: &[f64], eager: &[f32], shape: &[i64]) -> Outcome {
    let eager = bytes(eager);
    compare(
        SITE,
        &bytes(candidate),
        Dtype::F32,
        Expected::Float {
            truth,
            eager: &eager,
        },
        shape,
    )
}

fn codes(outcome: &Outcome) -> Vec<&'static str> {
    outcome.findings.iter().map(Finding::code).collect()
}

/// Sums of `terms` in the given ways: float64, pairwise, and in `LANES` interleaved
/// accumulators as a vectorised loop makes them.
fn sum64(terms: impl Iterator<Item = f64>) -> f64 {
    terms.sum()
}

fn sum_pairwise(terms: &[f32]) -> f32 {
    if terms.len() <= 8 {
        return terms.iter().sum();
    }
    let (left, right) = terms.split_at(terms.len() / 2);
    sum_pairwise(left) + sum_pairwise(right)
}

fn sum_lanes<const LANES: usize>(terms: &[f32]) -> f32 {
    let mut lanes = [0.0_f32; LANES];
    for (index, term) in terms.iter().enumerate() {
        lanes[index % LANES] += term;
    }
    sum_pairwise(&lanes)
}

/// Keeps `bits` bits of the significand, rounding to nearest: 11 for half and TF32, 8 for bfloat16.
fn rounded(values: &[f32], bits: u32) -> Vec<f32> {
    let dropped = 24 - bits;
    let round = |value: &f32| {
        let half = 1_u32 << (dropped - 1);
        f32::from_bits(value.to_bits().wrapping_add(half) & !((1 << dropped) - 1))
    };
    values.iter().map(round).collect()
}

/// A matrix product `[n, k] × [m, k]ᵀ`, each dot product summed by `sum`.
fn gemm(a: &[f32], b: &[f32], k: usize, sum: impl Fn(&[f32]) -> f32) -> Vec<f32> {
    let dot = |x: &[f32], y: &[f32]| sum(&x.iter().zip(y).map(|(x, y)| x * y).collect::<Vec<_>>());
    a.chunks(k)
        .flat_map(|x| b.chunks(k).map(|y| dot(x, y)).collect::<Vec<_>>())
        .collect()
}

fn gemm64(a: &[f32], b: &[f32], k: usize) -> Vec<f64> {
    let dot =
        |x: &[f32], y: &[f32]| sum64(x.iter().zip(y).map(|(x, y)| f64::from(*x) * f64::from(*y)));
    a.chunks(k)
        .flat_map(|x| b.chunks(k).map(|y| dot(x, y)).collect::<Vec<_>>())
        .collect()
}

fn softmax(x: &[f32], cols: usize, sum: impl Fn(&[f32]) -> f32) -> Vec<f32> {
    x.chunks(cols)
        .flat_map(|row| {
            let max = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
            let exps: Vec<f32> = row.iter().map(|x| (x - max).exp()).collect();
            let total = sum(&exps);
            exps.into_iter().map(move |exp| exp / total)
        })
        .collect()
}

fn softmax64(x: &[f32], cols: usize) -> Vec<f64> {
    x.chunks(cols)
        .flat_map(|row| {
            let max = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
            let exps: Vec<f64> = row
                .iter()
                .map(|x| (f64::from(*x) - f64::from(max)).exp())
                .collect();
            let total: f64 = exps.iter().sum();
            exps.into_iter().map(move |exp| exp / total)
        })
        .collect()
}

#[test]
fn reordered_products_pass_and_low_precision_ones_fail() {
    const K: usize = 4096;
    let (a, b) = (normal(16 * K, 1), normal(40 * K, 2));
    let (truth, eager) = (gemm64(&a, &b, K), gemm(&a, &b, K, sum_lanes::<16>));
    let verdict = |candidate: &[f32]| check(candidate, &truth, &eager, &[16, 40]);
    for honest in [
        gemm(&a, &b, K, sum_pairwise),
        gemm(&a, &b, K, sum_lanes::<8>),
        gemm(&a, &b, K, sum_lanes::<4>),
    ] {
        let outcome = verdict(&honest);
        assert!(
            outcome.ok,
            "{:?} {}",
            outcome.findings, outcome.max_ratio_of_tolerance
        );
    }
    for bits in [8, 11, 16] {
        let low = gemm(&rounded(&a, bits), &rounded(&b, bits), K, sum_pairwise);
        let outcome = verdict(&low);
        assert_eq!(codes(&outcome), ["wrong"], "{bits} bits");
        assert!(
            outcome.rms_ratio > 1.0,
            "{bits} bits: {}",
            outcome.rms_ratio
        );
    }
    assert!(!verdict(&rounded(&eager, 11)).ok);
}

#[test]
fn reordered_softmax_passes_and_low_precision_fails() {
    const COLS: usize = 4096;
    let x = normal(32 * COLS, 3);
    let (truth, eager) = (softmax64(&x, COLS), softmax(&x, COLS, sum_lanes::<16>));
    let verdict = |candidate: &[f32]| check(candidate, &truth, &eager, &[32, COLS as i64]);
    for honest in [
        softmax(&x, COLS, sum_pairwise),
        softmax(&x, COLS, sum_lanes::<4>),
    ] {
        let outcome = verdict(&honest);
        assert!(outcome.ok, "{:?}", outcome.findings);
    }
    for bits in [8, 11] {
        assert!(
            !verdict(&softmax(&rounded(&x, bits), COLS, sum_pairwise)).ok,
            "{bits} bits"
        );
        assert!(!verdict(&rounded(&eager, bits)).ok, "{bits} bits of output");
    }
}

#[test]
fn long_sums_pass_in_any_vectorised_order() {
    const COLS: usize = 4096;
    let x = random(&Distribution::Uniform { lo: 0.0, hi: 1.0 }, 512 * COLS, 4);
    let sums = |sum: fn(&[f32]) -> f32| x.chunks(COLS).map(sum).collect::<Vec<_>>();
    let truth: Vec<f64> = x
        .chunks(COLS)
        .map(|row| sum64(row.iter().map(|x| f64::from(*x))))
        .collect();
    let eager = sums(sum_pairwise);
    for shape in [&[512][..], &[512, 1], &[16, 32]] {
        for honest in [sums(sum_lanes::<16>), sums(sum_lanes::<8>)] {
            let outcome = check(&honest, &truth, &eager, shape);
            assert!(outcome.ok, "{shape:?} {:?}", outcome.findings);
        }
    }
}

/// Sums of signed values cancel now and then; one element as a row would make the tolerance of such an element
/// smaller than any rounding.
#[test]
fn cancelling_sums_are_judged_by_their_tensor() {
    const COLS: usize = 1024;
    let x = normal(4096 * COLS, 5);
    let sums = |sum: fn(&[f32]) -> f32| x.chunks(COLS).map(sum).collect::<Vec<_>>();
    let truth: Vec<f64> = x
        .chunks(COLS)
        .map(|row| sum64(row.iter().map(|x| f64::from(*x))))
        .collect();
    let eager = sums(sum_pairwise);
    let outcome = check(&sums(sum_lanes::<16>), &truth, &eager, &[4096, 1]);
    assert!(outcome.ok, "{:?}", outcome.findings);
}

#[test]
fn precision_that_is_lower_everywhere_fails_though_one_outlier_of_eager_is_worse() {
    let truth: Vec<f64> = normal(65_536, 6).iter().map(|x| f64::from(*x)).collect();
    let mut eager: Vec<f32> = truth.iter().map(|x| *x as f32).collect();
    eager[77] += 2e-3;
    // 2⁻¹³ of each value: within the tolerance that the outlier bought, everywhere.
    let candidate: Vec<f32> = truth
        .iter()
        .map(|x| (x * (1.0 + 1.0 / 8192.0)) as f32)
        .collect();
    let outcome = check(&candidate, &truth, &eager, &[16, 4096]);
    assert_eq!(codes(&outcome), ["imprecise"]);
    assert!(outcome.max_ratio_of_tolerance < 1.0);
}

#[test]
fn small_rows_do_not_hide_behind_large_ones() {
    let truth: Vec<f64> = (0..4096)
        .map(|i| if i < 2048 { 1e4 } else { 1e-2 } * (1.0 + f64::from(i % 7)))
        .collect();
    let eager: Vec<f32> = truth.iter().map(|x| *x as f32).collect();
    let mut candidate = eager.clone();
    assert!(check(&candidate, &truth, &eager, &[2, 2048]).ok);
    candidate[3000] *= 1.001;
    let outcome = check(&candidate, &truth, &eager, &[2, 2048]);
    let [
        Finding::Wrong {
            index,
            wrong_count: 1,
            call: 3,
            ..
        },
    ] = outcome.findings.as_slice()
    else {
        panic!("{:?}", outcome.findings)
    };
    assert_eq!(index, &[1, 952]);
}

/// Rectified normal values, 64 rows of 64, as truth and as eager and an honest candidate see them; of
/// row 5 the clamp has left `left`, with the error `eager` and `candidate`.
fn emptied(left: f64, eager: f64, candidate: f64) -> (Vec<f64>, Vec<f32>, Vec<f32>) {
    let mut truth: Vec<f64> = normal(4096, 5)
        .iter()
        .map(|x| f64::from(x.max(0.0)) * 1.000_001)
        .collect();
    truth[5 * 64..6 * 64].fill(0.0);
    let mut rounded: Vec<f32> = truth.iter().map(|x| *x as f32).collect();
    let mut other = rounded.clone();
    truth[5 * 64 + 7] = left;
    rounded[5 * 64 + 7] = (left + eager) as f32;
    other[5 * 64 + 7] = (left + candidate) as f32;
    (truth, rounded, other)
}

#[test]
fn eagers_luck_in_what_a_clamp_left_is_no_yardstick() {
    let shape = [64, 64];
    // Both errors are those of rounding values of about one.
    let (truth, eager, candidate) = emptied(5e-3, 1e-8, 1.2e-7);
    assert!(check(&candidate, &truth, &eager, &shape).ok);
    // Nor is its bad luck: a value elsewhere that is wrong in its twelfth bit.
    let (truth, eager, mut candidate) = emptied(5e-3, 2e-6, 1e-7);
    assert!(check(&candidate, &truth, &eager, &shape).ok);
    let largest = (0..64)
        .max_by(|a, b| truth[*a].total_cmp(&truth[*b]))
        .expect("a row");
    candidate[largest] *= 1.000_3;
    assert_eq!(codes(&check(&candidate, &truth, &eager, &shape)), ["wrong"]);
}

#[test]
fn wrong_results_fail_where_a_clamp_has_emptied_rows() {
    let shape = [64, 64];
    for left in [1e-5, 1e-3, 0.1, 2.0] {
        let (truth, eager, candidate) = emptied(left, 2e-8, 1e-7);
        assert!(check(&candidate, &truth, &eager, &shape).ok, "{left}");
        for bits in [11, 8] {
            let low = rounded(&candidate, bits);
            assert!(
                !check(&low, &truth, &eager, &shape).ok,
                "{left} {bits} bits"
            );
        }
        assert!(!check(&[0.0; 4096], &truth, &eager, &shape).ok, "{left}");
        // Wrong in that row alone: missing, or doubled.
        for factor in [0.0, 2.0] {
            let mut wrong = candidate.clone();
            wrong[5 * 64 + 7] *= factor;
            assert!(
                !check(&wrong, &truth, &eager, &shape).ok,
                "{left} * {factor}"
            );
        }
    }
}

#[test]
fn small_rows_keep_their_scale_unless_they_are_emptied() {
    let shape = [64, 64];
    for (left, is_right) in [(7, true), (8, false), (64, false)] {
        let mut truth: Vec<f64> = normal(4096, 5).iter().map(|x| f64::from(*x)).collect();
        truth[5 * 64..6 * 64].fill(0.0);
        for place in 0..left {
            truth[5 * 64 + place] = 1e-4;
        }
        let eager: Vec<f32> = truth.iter().map(|x| *x as f32).collect();
        let mut candidate = eager.clone();
        candidate[5 * 64] += 1e-8;
        let outcome = check(&candidate, &truth, &eager, &shape);
        assert_eq!(
            outcome.ok, is_right,
            "{left}: {}",
            outcome.max_ratio_of_tolerance
        );
    }
}

#[test]
fn rows_of_exact_zeros_allow_what_eager_makes_there() {
    let mut truth = vec![0.0; 128];
    truth[64..].fill(1.0);
    let mut eager: Vec<f32> = truth.iter().map(|x| *x as f32).collect();
    let mut candidate = eager.clone();
    candidate[5] = 1e-5;
    assert_eq!(
        codes(&check(&candidate, &truth, &eager, &[2, 64])),
        ["wrong"]
    );
    eager[9] = 5e-6;
    assert!(check(&candidate, &truth, &eager, &[2, 64]).ok);
    let zeros = vec![0.0; 128];
    assert!(check(&[0.0; 128], &zeros, &[0.0; 128], &[2, 64]).ok);
    assert!(!check(&[1e-30; 128], &zeros, &[0.0; 128], &[2, 64]).ok);
}

#[test]
fn classes_must_agree_where_eager_and_truth_do() {
    let truth = [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 1e39, 1.0, 2.0];
    let eager = [
        f32::NAN,
        f32::INFINITY,
        f32::NEG_INFINITY,
        f32::INFINITY,
        1.0,
        f32::NAN,
    ];
    let verdict = |candidate: [f32; 6]| check(&candidate, &truth, &eager, &[6]);
    let right = [
        f32::NAN,
        f32::INFINITY,
        f32::NEG_INFINITY,
        f32::INFINITY,
        1.0,
        2.0,
    ];
    let outcome = verdict(right);
    assert!(outcome.ok, "{:?}", outcome.findings);
    assert_eq!(outcome.disputed, 1);
    let mut like_eager = right;
    like_eager[5] = f32::NAN;
    assert!(verdict(like_eager).ok);
    for (index, value) in [
        (0, 0.0),
        (0, f32::INFINITY),
        (1, 3e38),
        (2, f32::INFINITY),
        (4, f32::NAN),
        (5, f32::INFINITY),
    ] {
        let mut wrong = right;
        wrong[index] = value;
        let outcome = verdict(wrong);
        assert_eq!(codes(&outcome), ["not-finite"], "{index} {value}");
        let Finding::NotFinite { index: found, .. } = &outcome.findings[0] else {
            panic!("not finite")
        };
        assert_eq!(found, &[index]);
    }
    let mut off = right;
    off[5] = 2.1;
    assert_eq!(codes(&verdict(off)), ["wrong"]);
}

#[test]
fn denormal_results_are_judged_too() {
    let truth: Vec<f64> = normal(4096, 8)
        .iter()
        .map(|x| f64::from(*x) * 2.0_f64.powi(-130))
        .collect();
    let eager: Vec<f32> = truth.iter().map(|x| *x as f32).collect();
    assert!(check(&eager, &truth, &eager, &[4, 1024]).ok);
    assert_eq!(
        codes(&check(&[0.0; 4096], &truth, &eager, &[4, 1024])),
        ["wrong"]
    );
}

#[test]
fn integers_and_booleans_are_exact() {
    let want: Vec<u8> = [5_i64, -7, i64::MAX]
        .iter()
        .flat_map(|value| value.to_le_bytes())
        .collect();
    let mut got = want.clone();
    assert!(compare(SITE, &got, Dtype::I64, Expected::Exact(&want), &[3, 1]).ok);
    got[8..16].copy_from_slice(&9_i64.to_le_bytes());
    let outcome = compare(SITE, &got, Dtype::I64, Expected::Exact(&want), &[3, 1]);
    let [
        Finding::NotEqual {
            index,
            got: 9,
            want: -7,
            wrong_count: 1,
            total: 3,
            ..
        },
    ] = outcome.findings.as_slice()
    else {
        panic!("{:?}", outcome.findings)
    };
    assert_eq!(index, &[1, 0]);
    assert!(!compare(SITE, &[255], Dtype::Bool, Expected::Exact(&[1]), &[]).ok);
}

#[test]
fn lengths_that_do_not_fit_are_findings() {
    let truth = [1.0; 4];
    let eager = bytes(&[1.0; 4]);
    for (candidate, shape) in [
        (12, &[4][..]),
        (16, &[5]),
        (16, &[-4]),
        (16, &[i64::MAX, 4]),
    ] {
        let expected = Expected::Float {
            truth: &truth,
            eager: &eager,
        };
        let outcome = compare(SITE, &vec![0; candidate], Dtype::F32, expected, shape);
        assert_eq!(codes(&outcome), ["wrong-length"]);
    }
    assert!(
        compare(
            SITE,
            &[],
            Dtype::F32,
            Expected::Float {
                truth: &[],
                eager: &[]
            },
            &[0, 7]
        )
        .ok
    );
}

#[test]
fn float64_results_have_their_own_budget() {
    let truth: Vec<f64> = normal(4096, 9).iter().map(|x| f64::from(*x)).collect();
    let raw = |values: &[f64]| {
        values
            .iter()
            .flat_map(|value| value.to_le_bytes())
            .collect::<Vec<u8>>()
    };
    let eager = raw(&truth);
    let verdict = |candidate: &[f64]| {
        compare(
            SITE,
            &raw(candidate),
            Dtype::F64,
            Expected::Float {
                truth: &truth,
                eager: &eager,
            },
            &[4, 1024],
        )
    };
    let near: Vec<f64> = truth
        .iter()
        .map(|x| x * (1.0 + 4.0 * f64::EPSILON))
        .collect();
    assert!(verdict(&near).ok);
    let single: Vec<f64> = truth
        .iter()
        .map(|x| f64::from((*x * 1.1) as f32) / 1.1)
        .collect();
    assert!(!verdict(&single).ok);
}

#[test]
fn findings_serialise_with_their_code() {
    let inner = Box::new(Finding::Stale {
        call: 7,
        earlier_call: 3,
    });
    let finding = Finding::SpecialDistribution {
        name: "large".to_owned(),
        inner,
    };
    let json = serde_json::to_value(&finding).expect("serialisable");
    assert_eq!(json["code"], finding.code());
    assert_eq!(json["inner"]["code"], "stale");
    assert_eq!(
        finding.to_string(),
        "is wrong for large inputs: returned call 3's answer again at call 7, though the inputs differ: cached"
    );
    assert_eq!(
        serde_json::from_value::<Finding>(json).expect("readable"),
        finding
    );
}
