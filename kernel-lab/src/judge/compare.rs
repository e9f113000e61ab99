//! An output against the truth.

use super::exact;
use super::findings::{Finding, ValueClass};
use super::rows::{Float, Judged, RowStats, judge, row_stats};
use super::simd::dispatch;
use super::tolerance::{EMPTIED_SHARE, FEW_LEFT, LOST_SCALE, MIN_RMS_ELEMENTS, Rules, row_len};
use crate::plan::Dtype;

/// What an output should be.
#[derive(Debug, Clone, Copy)]
pub enum Expected<'a> {
    /// A floating-point result.
    Float {
        /// The float64 result, one value per element.
        truth: &'a [f64],
        /// Eager PyTorch's result in the output's own type, as little-endian bytes.
        eager: &'a [u8],
    },
    /// A result that must agree bit for bit, as little-endian bytes.
    Exact(&'a [u8]),
}

/// Which output of which call is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Site {
    /// Index of the output.
    pub output: usize,
    /// Index of the call.
    pub call: u64,
}

/// The result of a comparison.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    /// Whether the output is right.
    pub ok: bool,
    /// What is wrong, at most one finding of each kind.
    pub findings: Vec<Finding>,
    /// Largest absolute error, over finite elements.
    pub max_abs: f64,
    /// Largest error in units of what is allowed there; above 1 is wrong.
    pub max_ratio_of_tolerance: f64,
    /// Root mean square error in units of what is allowed; above 1 is wrong. 0 where
    /// there are too few elements to judge by it.
    pub rms_ratio: f64,
    /// Elements where eager and truth differ in class (finite, NaN, ±inf), so that either passed.
    pub disputed: u64,
    /// Whether eager itself would pass with its own output: where it does not, the
    /// inputs are too ill-conditioned to judge by.
    pub eager_fits: bool,
}

impl Outcome {
    /// Whether at most precision is amiss, and no value is off by more than
    /// `times` what is allowed.
    pub fn is_within(&self, times: f64) -> bool {
        let mut findings = self.findings.iter();
        findings.all(|it| matches!(it, Finding::Wrong { .. } | Finding::Imprecise { .. }))
            && self.max_ratio_of_tolerance.max(self.rms_ratio) <= times
    }

    /// Whether values are off by this much at most, and nothing else is wrong.
    pub fn is_off_by(&self, absolute: f64) -> bool {
        let mut findings = self.findings.iter();
        findings.all(|it| matches!(it, Finding::Wrong { .. } | Finding::Imprecise { .. }))
            && self.max_abs <= absolute
    }

    pub(super) fn right() -> Self {
        Self {
            ok: true,
            findings: Vec::new(),
            max_abs: 0.0,
            max_ratio_of_tolerance: 0.0,
            rms_ratio: 0.0,
            disputed: 0,
            eager_fits: true,
        }
    }

    pub(super) fn wrong(finding: Finding) -> Self {
        Self {
            ok: false,
            findings: vec![finding],
            ..Self::right()
        }
    }
}

/// Compares an output of `shape` with what it should be, by the strict rules of its type
/// ([`tolerance`](super::tolerance)); integers and booleans must agree exactly.
///
/// `candidate` holds the output's elements as little-endian bytes. Lengths that do not fit the
/// shape are a finding, whichever side is short.
pub fn compare(
    site: Site,
    candidate: &[u8],
    dtype: Dtype,
    expected: Expected<'_>,
    shape: &[i64],
) -> Outcome {
    let count = shape.iter().try_fold(1_usize, |count, size| {
        count.checked_mul(usize::try_from(*size).ok()?)
    });
    let want_bytes = count.and_then(|count| count.checked_mul(dtype.size_bytes()));
    let fits = |bytes: usize| Some(bytes) == want_bytes;
    let lengths_fit = match expected {
        Expected::Float { truth, eager } => fits(eager.len()) && Some(truth.len()) == count,
        Expected::Exact(bytes) => fits(bytes.len()),
    };
    if !lengths_fit || !fits(candidate.len()) {
        return Outcome::wrong(Finding::WrongLength {
            output: site.output,
            call: site.call,
            got_bytes: candidate.len(),
            want_bytes: want_bytes.unwrap_or(usize::MAX),
        });
    }
    match (expected, dtype) {
        (Expected::Float { truth, eager }, Dtype::F32) => {
            compare_floats::<f32>(site, candidate, dtype, truth, eager, shape)
        }
        (Expected::Float { truth, eager }, Dtype::F64) => {
            compare_floats::<f64>(site, candidate, dtype, truth, eager, shape)
        }
        (Expected::Float { eager: bytes, .. } | Expected::Exact(bytes), _) => {
            exact::compare(site, candidate, dtype, bytes, shape)
        }
    }
}

fn compare_floats<T: Float>(
    site: Site,
    candidate: &[u8],
    dtype: Dtype,
    truth: &[f64],
    eager: &[u8],
    shape: &[i64],
) -> Outcome {
    let (eager, candidate) = (T::view(eager), T::view(candidate));
    let row = row_len(shape);
    let rows: Vec<RowStats> = dispatch(
        #[inline(always)]
        || {
            let rows = truth
                .chunks(row)
                .zip(eager.chunks(row))
                .zip(candidate.chunks(row));
            rows.map(|((truth, eager), candidate)| row_stats::<T>(truth, eager, candidate))
                .collect()
        },
    );
    let budget = Budget::new(&rows, Rules::strict(dtype));

    let mut outcome = Outcome::right();
    outcome.eager_fits = budget.eager_fits;
    let (mut wrong_class, mut failing_rows) = (0, Vec::new());
    for (index, stats) in rows.iter().enumerate() {
        let tolerance = budget.tolerance(stats);
        outcome.max_abs = outcome.max_abs.max(stats.candidate_max);
        let ratio = stats.candidate_max / tolerance;
        outcome.max_ratio_of_tolerance = outcome.max_ratio_of_tolerance.max(ratio);
        outcome.disputed += stats.disputed;
        wrong_class += stats.wrong_class;
        if ratio > 1.0 || stats.wrong_class > 0 {
            failing_rows.push((index, tolerance));
        }
    }
    outcome.rms_ratio = budget.rms_ratio;

    if !failing_rows.is_empty() {
        let found = inspect_failing::<T>(&failing_rows, row, truth, eager, candidate);
        let index = |flat| multi_index(flat, shape);
        if let Some((flat, got, want)) = found.wrong_class {
            outcome.findings.push(Finding::NotFinite {
                output: site.output,
                call: site.call,
                index: index(flat),
                got,
                want,
                count: wrong_class,
                total: truth.len() as u64,
            });
        }
        if let Some(worst) = found.worst {
            outcome.findings.push(Finding::Wrong {
                output: site.output,
                call: site.call,
                index: index(worst.flat),
                got: worst.got,
                want: worst.want,
                tolerance: worst.tolerance,
                wrong_count: found.wrong_count,
                total: truth.len() as u64,
                max_ratio: outcome.max_ratio_of_tolerance,
            });
        }
    }
    if outcome.findings.is_empty() && budget.rms_ratio > 1.0 {
        outcome.findings.push(Finding::Imprecise {
            output: site.output,
            call: site.call,
            rms: budget.candidate_rms,
            eager_rms: budget.eager_rms,
            allowed_rms: budget.allowed_rms,
        });
    }
    outcome.ok = outcome.findings.is_empty();
    outcome
}

/// The budget of one tensor, from what its rows contribute.
struct Budget {
    rules: Rules,
    /// Largest error allowed in ordinary rows, relative to their scale.
    relative: f64,
    /// Largest absolute error allowed in lost rows.
    lost: f64,
    tensor_scale: f64,
    eager_fits: bool,
    candidate_rms: f64,
    eager_rms: f64,
    allowed_rms: f64,
    rms_ratio: f64,
}

impl Budget {
    fn new(rows: &[RowStats], rules: Rules) -> Self {
        let tensor_scale = rows.iter().fold(0.0_f64, |scale, row| scale.max(row.scale));
        let mut budget = Self {
            rules,
            relative: rules.floor,
            lost: 0.0,
            tensor_scale,
            eager_fits: true,
            candidate_rms: 0.0,
            eager_rms: 0.0,
            allowed_rms: 0.0,
            rms_ratio: 0.0,
        };
        let (mut eager, mut lost_eager) = (0.0_f64, 0.0_f64);
        let (mut truth_sq, mut eager_sq, mut candidate_sq, mut compared) = (0.0, 0.0, 0.0, 0_u64);
        for row in rows {
            if budget.is_lost(row) {
                lost_eager = lost_eager.max(row.eager_max);
                continue;
            }
            let scale = budget.scale(row);
            eager = eager.max(row.eager_max / scale);
            let unit = 1.0 / (scale * scale);
            // The scale of a denormal row squares to nothing; such a row has no mean square.
            if unit.is_finite() {
                truth_sq += row.truth_sq * unit;
                eager_sq += row.eager_sq * unit;
                candidate_sq += row.candidate_sq * unit;
                compared += row.compared;
            }
        }
        budget.relative = rules.relative(eager);
        budget.eager_fits = eager <= rules.cap;
        let smallest = f64::from(f32::MIN_POSITIVE);
        budget.lost = (rules.factor * lost_eager)
            .max(rules.floor * tensor_scale)
            .max(smallest * rules.floor);
        if compared >= MIN_RMS_ELEMENTS as u64 && truth_sq > 0.0 {
            let rms = |sum_sq: f64| (sum_sq / compared as f64).sqrt();
            budget.candidate_rms = rms(candidate_sq);
            budget.eager_rms = rms(eager_sq);
            budget.allowed_rms = rules.rms(budget.eager_rms, rms(truth_sq));
            budget.rms_ratio = budget.candidate_rms / budget.allowed_rms;
            budget.eager_fits &= budget.eager_rms <= rules.rms_cap * rms(truth_sq);
        }
        budget
    }

    fn is_lost(&self, row: &RowStats) -> bool {
        row.scale == 0.0
            || (row.scale < LOST_SCALE * self.tensor_scale
                && row.eager_max > self.rules.cap * row.scale)
    }

    /// The unit of errors in a row that is not lost.
    fn scale(&self, row: &RowStats) -> f64 {
        if row.nonzero < FEW_LEFT {
            row.scale.max(EMPTIED_SHARE * self.tensor_scale)
        } else {
            row.scale
        }
    }

    /// Largest absolute error allowed in a row.
    ///
    /// Never below the smallest denormal float32: rounding alone may take half of it.
    fn tolerance(&self, row: &RowStats) -> f64 {
        let smallest = f64::from(f32::from_bits(1));
        let tolerance = if self.is_lost(row) {
            self.lost
        } else {
            self.relative * self.scale(row)
        };
        tolerance.max(smallest)
    }
}

/// The element furthest beyond its tolerance.
struct Worst {
    flat: usize,
    got: f64,
    want: f64,
    tolerance: f64,
}

struct Failing {
    /// First element of the wrong class: where, what, and what was expected.
    wrong_class: Option<(usize, ValueClass, ValueClass)>,
    worst: Option<Worst>,
    wrong_count: u64,
}

/// Goes through the failing rows element by element.
fn inspect_failing<T: Float>(
    failing: &[(usize, f64)],
    row: usize,
    truth: &[f64],
    eager: &[T::Bytes],
    candidate: &[T::Bytes],
) -> Failing {
    let mut found = Failing {
        wrong_class: None,
        worst: None,
        wrong_count: 0,
    };
    let mut worst_ratio = 1.0;
    for (index, tolerance) in failing {
        let start = index * row;
        for flat in start..(start + row).min(truth.len()) {
            let got: f64 = T::from_le(candidate[flat]).into();
            match judge::<T>(truth[flat], T::from_le(eager[flat]).into(), got).0 {
                Judged::Against(want) => {
                    let ratio = (got - want).abs() / tolerance;
                    if ratio > 1.0 {
                        found.wrong_count += 1;
                    }
                    if ratio > worst_ratio {
                        worst_ratio = ratio;
                        found.worst = Some(Worst {
                            flat,
                            got,
                            want,
                            tolerance: *tolerance,
                        });
                    }
                }
                Judged::RightClass => {}
                Judged::WrongClass(want) => {
                    let first = || (flat, ValueClass::of(got), want);
                    found.wrong_class = found.wrong_class.or_else(|| Some(first()));
                }
            }
        }
    }
    found
}

/// The index of the `flat`-th element of a contiguous tensor.
pub(super) fn multi_index(mut flat: usize, shape: &[i64]) -> Vec<usize> {
    let mut index = vec![0; shape.len()];
    for (position, size) in index.iter_mut().zip(shape).rev() {
        let size = usize::try_from(*size).unwrap_or(0).max(1);
        *position = flat % size;
        flat /= size;
    }
    index
}
