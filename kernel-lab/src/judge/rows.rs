//! What one row contributes to a comparison, in one pass over its elements.
//!
//! The pass is bound by memory (16 bytes per float32 element), so it gathers
//! everything at once: scale, largest errors of eager and candidate, sums of
//! squares. Rows with a value that is not finite are rare and go element by element.

#![expect(
    clippy::inline_always,
    reason = "loops must inline into a function compiled for AVX2 to vectorise, in every profile"
)]

use super::findings::ValueClass;

/// Elements taken together: two AVX2 registers of f64 per accumulator.
const LANES: usize = 8;

/// A floating-point type that results come in.
pub(super) trait Float: Copy + Into<f64> {
    /// Reads every element of a little-endian buffer.
    type Bytes: Copy;
    /// The value with these bytes.
    fn from_le(bytes: Self::Bytes) -> Self;
    /// The elements of `bytes`; a remainder is dropped.
    fn view(bytes: &[u8]) -> &[Self::Bytes];
    /// The class of `truth` once rounded to this type.
    fn class_of_truth(truth: f64) -> ValueClass;
}

impl Float for f32 {
    type Bytes = [u8; 4];
    #[inline(always)]
    fn from_le(bytes: [u8; 4]) -> Self {
        Self::from_le_bytes(bytes)
    }
    fn view(bytes: &[u8]) -> &[[u8; 4]] {
        bytes.as_chunks().0
    }
    fn class_of_truth(truth: f64) -> ValueClass {
        ValueClass::of(f64::from(truth as f32))
    }
}

impl Float for f64 {
    type Bytes = [u8; 8];
    #[inline(always)]
    fn from_le(bytes: [u8; 8]) -> Self {
        Self::from_le_bytes(bytes)
    }
    fn view(bytes: &[u8]) -> &[[u8; 8]] {
        bytes.as_chunks().0
    }
    fn class_of_truth(truth: f64) -> ValueClass {
        ValueClass::of(truth)
    }
}

/// What one row contributes. Errors are absolute.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct RowStats {
    /// `max |truth|` over elements that are finite.
    pub(super) scale: f64,
    /// `max |eager − truth|`.
    pub(super) eager_max: f64,
    /// `max |candidate − truth|`.
    pub(super) candidate_max: f64,
    pub(super) truth_sq: f64,
    pub(super) eager_sq: f64,
    pub(super) candidate_sq: f64,
    /// Elements whose class (finite, NaN, ±inf) is wrong.
    pub(super) wrong_class: u64,
    /// Elements where eager and truth differ in class, so that either passes.
    pub(super) disputed: u64,
    /// Elements compared as numbers.
    pub(super) compared: u64,
    /// Elements of the truth that give the row its scale: finite, and not zero.
    pub(super) nonzero: u64,
}

/// One row's contribution. The slices have equal lengths.
#[inline(always)]
pub(super) fn row_stats<T: Float>(
    truth: &[f64],
    eager: &[T::Bytes],
    candidate: &[T::Bytes],
) -> RowStats {
    let stats = finite_row::<T>(truth, eager, candidate);
    // Any value that is not finite makes a difference, and so a sum of squares, not finite.
    if (stats.truth_sq + stats.eager_sq + stats.candidate_sq).is_finite() {
        return stats;
    }
    general_row::<T>(truth, eager, candidate)
}

#[inline(always)]
fn larger(a: f64, b: f64) -> f64 {
    if a > b { a } else { b }
}

#[inline(always)]
fn finite_row<T: Float>(truth: &[f64], eager: &[T::Bytes], candidate: &[T::Bytes]) -> RowStats {
    let mut scale = [0.0_f64; LANES];
    let mut eager_max = [0.0_f64; LANES];
    let mut candidate_max = [0.0_f64; LANES];
    let mut truth_sq = [0.0_f64; LANES];
    let mut eager_sq = [0.0_f64; LANES];
    let mut candidate_sq = [0.0_f64; LANES];
    let mut nonzero = [0_u64; LANES];
    let mut step = |lane: usize, t: f64, e: f64, c: f64| {
        let (e, c) = (e - t, c - t);
        scale[lane] = larger(t.abs(), scale[lane]);
        eager_max[lane] = larger(e.abs(), eager_max[lane]);
        candidate_max[lane] = larger(c.abs(), candidate_max[lane]);
        truth_sq[lane] += t * t;
        eager_sq[lane] += e * e;
        candidate_sq[lane] += c * c;
        nonzero[lane] += u64::from(t != 0.0);
    };
    let (truth_chunks, truth_rest) = truth.as_chunks::<LANES>();
    let (eager_chunks, eager_rest) = eager.as_chunks::<LANES>();
    let (candidate_chunks, candidate_rest) = candidate.as_chunks::<LANES>();
    for ((t, e), c) in truth_chunks.iter().zip(eager_chunks).zip(candidate_chunks) {
        for lane in 0..LANES {
            step(
                lane,
                t[lane],
                T::from_le(e[lane]).into(),
                T::from_le(c[lane]).into(),
            );
        }
    }
    for (lane, ((t, e), c)) in truth_rest
        .iter()
        .zip(eager_rest)
        .zip(candidate_rest)
        .enumerate()
    {
        step(lane, *t, T::from_le(*e).into(), T::from_le(*c).into());
    }
    let max = |lanes: [f64; LANES]| lanes.into_iter().fold(0.0, larger);
    let sum = |lanes: [f64; LANES]| lanes.into_iter().sum();
    RowStats {
        scale: max(scale),
        eager_max: max(eager_max),
        candidate_max: max(candidate_max),
        truth_sq: sum(truth_sq),
        eager_sq: sum(eager_sq),
        candidate_sq: sum(candidate_sq),
        wrong_class: 0,
        disputed: 0,
        compared: truth.len() as u64,
        nonzero: nonzero.into_iter().sum(),
    }
}

/// How one element is to be judged.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Judged {
    /// As a number: candidate minus this reference is its error.
    Against(f64),
    /// The class decided, and it is right.
    RightClass,
    /// The class is wrong; this one was expected.
    WrongClass(ValueClass),
}

/// Judges one element and says whether eager and truth dispute its class.
///
/// Where they agree, the candidate must be of that class. Where they differ
/// (eager overflowed, or the truth did in the type of the result), either class passes, and a
/// finite candidate is held against whichever of the two is finite.
pub(super) fn judge<T: Float>(truth: f64, eager: f64, candidate: f64) -> (Judged, bool) {
    let truth_class = T::class_of_truth(truth);
    let eager_class = ValueClass::of(eager);
    let class = ValueClass::of(candidate);
    let disputed = truth_class != eager_class;
    let judged = if class != truth_class && class != eager_class {
        Judged::WrongClass(truth_class)
    } else if class != ValueClass::Finite {
        Judged::RightClass
    } else if truth_class == ValueClass::Finite {
        Judged::Against(truth)
    } else {
        Judged::Against(eager)
    };
    (judged, disputed)
}

#[cold]
fn general_row<T: Float>(truth: &[f64], eager: &[T::Bytes], candidate: &[T::Bytes]) -> RowStats {
    let mut stats = RowStats::default();
    for ((truth, eager), candidate) in truth.iter().zip(eager).zip(candidate) {
        let (eager, candidate): (f64, f64) =
            (T::from_le(*eager).into(), T::from_le(*candidate).into());
        let (judged, disputed) = judge::<T>(*truth, eager, candidate);
        stats.disputed += u64::from(disputed);
        if !disputed && ValueClass::of(eager) == ValueClass::Finite {
            stats.scale = larger(truth.abs(), stats.scale);
            stats.nonzero += u64::from(*truth != 0.0);
            stats.truth_sq += truth * truth;
            stats.eager_max = larger((eager - truth).abs(), stats.eager_max);
            stats.eager_sq += (eager - truth) * (eager - truth);
        }
        match judged {
            Judged::Against(reference) => {
                stats.compared += 1;
                let error = candidate - reference;
                stats.candidate_max = larger(error.abs(), stats.candidate_max);
                stats.candidate_sq += error * error;
            }
            Judged::RightClass => {}
            Judged::WrongClass(_) => stats.wrong_class += 1,
        }
    }
    stats
}
