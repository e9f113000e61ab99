//! What the comparison of a call's outputs with the truth means. The same
//! for a candidate and for the mutants that admit a task.

use torch_bridge::PyFault;

use crate::error::HarnessError;
use crate::inputs::Special;
use crate::judge::{Expected as Judged, Finding, Outcome, Site, ValueClass, compare};
use crate::plan::BufferMeta;
use crate::task::Expected;

/// How many times the tolerance values may be off where one factor is
/// denormal: their products are rounded to multiples of the smallest number,
/// and sums of them differ with the order. What flushes them is off by all of
/// the value, thousands of times the tolerance.
const UNDERFLOW: f64 = 64.0;

/// What flushing denormal numbers costs at most, where inputs are denormal: 2⁻¹²⁶ for each
/// term of a sum, and for each of their products with values of other inputs.
const FLUSHED: f64 = 1e-30;

/// Whether denormal numbers must be told from zero.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Denormals {
    /// As PyTorch on a processor does it.
    #[default]
    Kept,
    /// They may be zeros. On a GPU that is usual: `atomicAdd` on floats flushes them whatever
    /// the compiler's options (PTX ISA 9.0, `atom`), and so does `--use_fast_math`.
    MayBeFlushed,
}

/// Compares one output of a call, elements as little-endian bytes.
pub(crate) fn compare_output(
    site: Site,
    got: &[u8],
    meta: &BufferMeta,
    expected: &Expected,
) -> Result<Outcome, HarnessError> {
    let viewing = HarnessError::python("reading the truth");
    let truth = &expected.truth[site.output];
    if !meta.dtype.is_float() {
        let truth = torch_bridge::bytes(truth).map_err(viewing)?;
        return Ok(compare(
            site,
            got,
            meta.dtype,
            Judged::Exact(truth),
            &meta.shape,
        ));
    }
    let view = || -> Result<_, PyFault> {
        Ok((
            torch_bridge::elements::<f64>(truth)?,
            torch_bridge::bytes(&expected.eager[site.output])?,
        ))
    };
    let (truth, eager) = view().map_err(viewing)?;
    Ok(compare(
        site,
        got,
        meta.dtype,
        Judged::Float { truth, eager },
        &meta.shape,
    ))
}

/// What an outcome means.
#[derive(Debug)]
pub(crate) enum Weighed {
    /// The output is right.
    Right,
    /// A special distribution that eager itself can't take, or whose rounding says nothing of
    /// precision: nobody is judged by it.
    Skipped,
    /// A special distribution in which a non-finite truth is not reproduced.
    NotPropagated,
    /// The output is wrong.
    Wrong(Finding),
}

/// Weighs an outcome; `special` where the inputs are not of the task's own
/// distribution.
pub(crate) fn weigh(special: Option<Special>, denormals: Denormals, outcome: &Outcome) -> Weighed {
    let Some(first) = outcome.findings.first() else {
        return Weighed::Right;
    };
    if special.is_some() && !outcome.eager_fits {
        return Weighed::Skipped;
    }
    if special == Some(Special::OneDenormal) && outcome.is_within(UNDERFLOW) {
        return Weighed::Skipped;
    }
    let denormal = matches!(special, Some(Special::Denormal | Special::OneDenormal));
    if denormal && denormals == Denormals::MayBeFlushed && outcome.is_off_by(FLUSHED) {
        return Weighed::Skipped;
    }
    match first {
        Finding::NotFinite { want, .. } if special.is_some() && *want != ValueClass::Finite => {
            Weighed::NotPropagated
        }
        first => Weighed::Wrong(first.clone()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::Dtype;

    /// What comes of these answers where denormal numbers are due.
    fn outcome(got: &[f32]) -> Outcome {
        let truth: Vec<f64> = got.iter().map(|_| 1e-38).collect();
        let eager: Vec<u8> = (truth.iter())
            .flat_map(|value| (*value as f32).to_le_bytes())
            .collect();
        let bytes: Vec<u8> = got.iter().flat_map(|value| value.to_le_bytes()).collect();
        let judged = Judged::Float {
            truth: &truth,
            eager: &eager,
        };
        let site = Site { output: 0, call: 1 };
        let shape = [1, got.len() as i64];
        compare(site, &bytes, Dtype::F32, judged, &shape)
    }

    #[test]
    fn zeros_stand_for_denormal_numbers_where_they_may() {
        let (flushed, wrong, nan) = (outcome(&[0.0; 8]), outcome(&[1.0; 8]), [f32::NAN; 8]);
        let denormal = Some(Special::Denormal);
        let skipped = |special, denormals, outcome: &Outcome| {
            matches!(weigh(special, denormals, outcome), Weighed::Skipped)
        };
        assert!(skipped(denormal, Denormals::MayBeFlushed, &flushed));
        assert!(!skipped(denormal, Denormals::Kept, &flushed));
        assert!(!skipped(None, Denormals::MayBeFlushed, &flushed));
        assert!(!skipped(
            Some(Special::Tiny),
            Denormals::MayBeFlushed,
            &flushed
        ));
        assert!(!skipped(denormal, Denormals::MayBeFlushed, &wrong));
        assert!(!skipped(denormal, Denormals::MayBeFlushed, &outcome(&nan)));
    }
}
