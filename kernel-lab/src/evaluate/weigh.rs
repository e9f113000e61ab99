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
pub(crate) fn weigh(special: Option<Special>, outcome: &Outcome) -> Weighed {
    let Some(first) = outcome.findings.first() else {
        return Weighed::Right;
    };
    if special.is_some() && !outcome.eager_fits {
        return Weighed::Skipped;
    }
    if special == Some(Special::OneDenormal) && outcome.is_within(UNDERFLOW) {
        return Weighed::Skipped;
    }
    match first {
        Finding::NotFinite { want, .. } if special.is_some() && *want != ValueClass::Finite => {
            Weighed::NotPropagated
        }
        first => Weighed::Wrong(first.clone()),
    }
}
