//! Which distribution an input comes from, judged by two draws.

use serde::{Deserialize, Serialize};

use super::evidence;
use super::fit;
use super::generate::Distribution;
use crate::plan::Dtype;

/// Fewest elements from which a distribution can be told. Smaller inputs cost the task's own
/// code next to nothing.
const MIN_ELEMENTS: usize = 4096;

/// How fresh values of an input are made.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Family {
    /// Drawn by [`fill`](super::fill()).
    Generated(Distribution),
    /// The same in every draw: kept as it is.
    Constant,
    /// Anything else: drawn by the task's own `get_inputs`.
    Opaque,
}

/// One draw of one input.
#[derive(Debug, Clone, Copy)]
pub struct Draw<'a> {
    /// Element type.
    pub dtype: Dtype,
    /// Sizes, outermost first.
    pub shape: &'a [i64],
    /// Contiguous elements, little-endian.
    pub bytes: &'a [u8],
}

impl Draw<'_> {
    /// All values, widened. Integers beyond 2⁵³ round, which no recognised range reaches.
    fn values(&self) -> Vec<f64> {
        match self.dtype {
            Dtype::F32 => self
                .bytes
                .as_chunks()
                .0
                .iter()
                .map(|bytes| f32::from_le_bytes(*bytes).into())
                .collect(),
            Dtype::F64 => self
                .bytes
                .as_chunks()
                .0
                .iter()
                .map(|bytes| f64::from_le_bytes(*bytes))
                .collect(),
            Dtype::I64 => self
                .bytes
                .as_chunks()
                .0
                .iter()
                .map(|bytes| i64::from_le_bytes(*bytes) as f64)
                .collect(),
            Dtype::I32 => self
                .bytes
                .as_chunks()
                .0
                .iter()
                .map(|bytes| i32::from_le_bytes(*bytes).into())
                .collect(),
            Dtype::U8 | Dtype::Bool => self.bytes.iter().map(|byte| f64::from(*byte)).collect(),
        }
    }
}

/// Recognises the family of an input from two draws with different seeds.
///
/// Errs on the side of [`Family::Opaque`]: both draws must fit one distribution as a whole and in
/// parts, look alike along every axis, show no correlation between neighbours, rows, mirrored elements or
/// the draws, and repeat no values that chance would not.
pub fn infer(first: Draw<'_>, second: Draw<'_>) -> Family {
    if first.dtype != second.dtype
        || first.shape != second.shape
        || first.bytes.len() != second.bytes.len()
    {
        return Family::Opaque;
    }
    if first.bytes == second.bytes {
        return Family::Constant;
    }
    if first.bytes.len() / first.dtype.size_bytes() < MIN_ELEMENTS {
        return Family::Opaque;
    }
    let (a, b) = (first.values(), second.values());
    match recognise(first.dtype, first.shape, &a, &b) {
        Some(distribution) => Family::Generated(distribution),
        None => Family::Opaque,
    }
}

/// Recognises the families of all inputs of a task. Inputs of equal size that depend on each
/// other within one draw are [`Family::Opaque`]: drawn apart, they would lose what ties them.
pub fn infer_all(first: &[Draw<'_>], second: &[Draw<'_>]) -> Vec<Family> {
    if first.len() != second.len() {
        return vec![Family::Opaque; first.len()];
    }
    let mut families: Vec<Family> = first
        .iter()
        .zip(second)
        .map(|(a, b)| infer(*a, *b))
        .collect();
    for i in 0..first.len() {
        for j in i + 1..first.len() {
            let generated = |family: Family| matches!(family, Family::Generated(_));
            let comparable = first[i].bytes.len() / first[i].dtype.size_bytes()
                == first[j].bytes.len() / first[j].dtype.size_bytes();
            if comparable
                && (generated(families[i]) || generated(families[j]))
                && !evidence::unrelated(&head(first[i]).values(), &head(first[j]).values())
            {
                families[i] = demote(families[i]);
                families[j] = demote(families[j]);
            }
        }
    }
    families
}

/// A constant stays one whatever it is tied to.
fn demote(family: Family) -> Family {
    match family {
        Family::Constant => Family::Constant,
        Family::Generated(_) | Family::Opaque => Family::Opaque,
    }
}

/// The first elements of a draw, enough to see a correlation.
fn head(draw: Draw<'_>) -> Draw<'_> {
    const ELEMENTS: usize = 1 << 17;
    let bytes = draw.bytes.len().min(ELEMENTS * draw.dtype.size_bytes());
    Draw {
        bytes: &draw.bytes[..bytes],
        ..draw
    }
}

fn recognise(dtype: Dtype, shape: &[i64], a: &[f64], b: &[f64]) -> Option<Distribution> {
    let whole = |value: &f64| value.is_finite() && value.fract() == 0.0;
    let discrete = !dtype.is_float() || a.iter().all(whole);
    let distribution = if dtype == Dtype::Bool {
        fit::boolean(a, b)
    } else if discrete {
        fit::integers(a, b)
    } else {
        fit::continuous(a, b)
    }?;
    let shape: Vec<usize> = shape
        .iter()
        .map(|size| usize::try_from(*size).unwrap_or(0))
        .collect();
    let plain = |values: &[f64]| evidence::plain(values, &shape, discrete);
    (plain(a) && plain(b) && evidence::unrelated(a, b)).then_some(distribution)
}
