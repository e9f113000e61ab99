//! The error budget: how far a result may be from the truth.
//!
//! The yardstick is what eager PyTorch makes of the same inputs in the same
//! type, measured against float64. Errors are measured per *row* in units of the
//! row's largest value, `scale_r = max |truth|` over the row: that is the unit in
//! which rounding errors of sums and products grow, and it keeps a small row
//! from hiding behind a large one.
//!
//! - **Row**: the shortest run of trailing dimensions with at least
//!   [`MIN_ROW`] elements, else the whole tensor. A shorter row is no sample: the
//!   one element of a `[n, 1]` result may cancel to nearly nothing, which says
//!   nothing about the error that is due.
//! - **Largest error**: `E = max_r (max_j |eager − truth| / scale_r)`; a candidate
//!   may err by `scale_r · clamp(factor · E, floor, cap)`.
//! - **Root mean square**: over all elements of `error / scale_r`, at most
//!   `clamp(rms_factor · rms(eager), rms_floor · rms(truth), rms_cap · rms(truth))`.
//!   The largest error of a long tensor is set by its tail, so arithmetic
//!   that is worse everywhere can hide below it; the mean square can't be moved by one
//!   outlier. It applies from [`MIN_RMS_ELEMENTS`] elements on: with fewer,
//!   eager's own error is luck.
//! - **Emptied rows**: of a row with fewer than [`FEW_LEFT`] elements that are not exactly
//!   zero, a clamp such as ReLU or a mask has taken the rest, and what is left may be next to nothing: the
//!   rounding errors in it are those of the larger values that a sum or product had before. Its
//!   scale is at least [`EMPTIED_SHARE`] of the tensor's. Otherwise that one number's luck would be
//!   the yardstick of its row, and, as `E`, of all others. No wrong result gets by: where eager is honest float32,
//!   this allows an absolute error of less than one unit in the last place of the tensor's largest values, and in all other
//!   rows no more than without it.
//! - **Lost rows**: rows whose truth is exactly zero, and rows that nearly cancel
//!   (scale below [`LOST_SCALE`] of the tensor's) in which eager itself exceeds
//!   the cap. No relative error means anything there. They take no part in `E`
//!   or the mean square; a candidate may err by `factor` times eager's largest
//!   absolute error in any lost row, or by `floor` times the tensor's scale.
//!
//! The numbers for float32 and why they separate honest work from cheating:
//! a different order of summation stays within a few times eager's error (3 and 4
//! are the factors), and an elementwise function that eager computes almost exactly may
//! still be off by a few units in the last place (the floors: 8 ulp, 4 ulp in
//! the mean square). Rounding operands to half, bfloat16 or TF32 makes relative errors of
//! 2⁻¹² rms and more, against floors of 2⁻²¹, so it fails as soon as eager is honest
//! float32; where eager is not, the cap on the mean square (2⁻¹³) lies below what
//! rounding even the output to half precision leaves (≈ 2⁻¹²·³).

use crate::plan::Dtype;

/// Fewest elements of a row.
pub const MIN_ROW: usize = 32;

/// Fewest elements for which the root mean square is a criterion.
pub const MIN_RMS_ELEMENTS: usize = 64;

/// A row this much smaller than the tensor's largest value may count as cancelled.
pub const LOST_SCALE: f64 = 1.0 / 1024.0;

/// A row with fewer elements than this that are not zero says nothing of its scale.
pub const FEW_LEFT: u64 = 8;

/// The least scale of such a row, as a share of the tensor's.
pub const EMPTIED_SHARE: f64 = 1.0 / 16.0;

/// The constants of a budget, all relative to the scale of a row.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rules {
    /// How many times eager's largest error is allowed.
    pub factor: f64,
    /// Always allowed, whatever eager makes.
    pub floor: f64,
    /// Never allowed, whatever eager makes.
    pub cap: f64,
    /// How many times eager's root mean square is allowed.
    pub rms_factor: f64,
    /// Always allowed, in units of the truth's root mean square.
    pub rms_floor: f64,
    /// Never allowed, in units of the truth's root mean square.
    pub rms_cap: f64,
}

impl Rules {
    /// The rules for a strict result of this type: no precision below the type's own.
    ///
    /// For float64 the truth is no more precise than the result, so the floors
    /// leave room for the truth's own rounding. Integer types have no budget; the
    /// value is then meaningless.
    pub fn strict(dtype: Dtype) -> Self {
        match dtype {
            Dtype::F64 => {
                let ulp = f64::EPSILON;
                Self {
                    factor: 3.0,
                    floor: 64.0 * ulp,
                    cap: 1e-9,
                    rms_factor: 4.0,
                    rms_floor: 32.0 * ulp,
                    rms_cap: 1e-10,
                }
            }
            Dtype::F32 | Dtype::I64 | Dtype::I32 | Dtype::U8 | Dtype::Bool => {
                let ulp = f64::from(f32::EPSILON);
                Self {
                    factor: 3.0,
                    floor: 8.0 * ulp,
                    cap: 1e-3,
                    rms_factor: 4.0,
                    rms_floor: 4.0 * ulp,
                    rms_cap: 1.0 / 8192.0,
                }
            }
        }
    }

    /// The largest error allowed, relative to a row's scale, if eager's is `eager`.
    pub fn relative(&self, eager: f64) -> f64 {
        (self.factor * eager).clamp(self.floor, self.cap)
    }

    /// The root mean square allowed, if eager's is `eager` and the truth's is `truth`.
    pub fn rms(&self, eager: f64, truth: f64) -> f64 {
        (self.rms_factor * eager).clamp(self.rms_floor * truth, self.rms_cap * truth)
    }
}

/// Elements per row of a tensor of this shape; 1 for an empty tensor.
pub fn row_len(shape: &[i64]) -> usize {
    let mut elements: usize = 1;
    for size in shape.iter().rev() {
        if elements >= MIN_ROW {
            break;
        }
        elements = elements.saturating_mul(usize::try_from(*size).unwrap_or(0));
    }
    elements.max(1)
}

#[cfg(test)]
#[expect(clippy::float_cmp, reason = "clamping returns its bounds as they are")]
mod tests {
    use super::*;

    #[test]
    fn rows_are_the_last_dimension_unless_that_is_too_short() {
        assert_eq!(row_len(&[8, 128]), 128);
        assert_eq!(row_len(&[4096, 1]), 4096);
        assert_eq!(row_len(&[8, 4, 16, 3]), 48);
        assert_eq!(row_len(&[3, 5]), 15);
        assert_eq!(row_len(&[1000]), 1000);
        assert_eq!(row_len(&[]), 1);
        assert_eq!(row_len(&[4, 0]), 1);
    }

    #[test]
    fn budgets_are_clamped() {
        let rules = Rules::strict(Dtype::F32);
        assert_eq!(rules.relative(0.0), rules.floor);
        assert!((rules.relative(1e-5) - 3e-5).abs() < 1e-18);
        assert_eq!(rules.relative(1.0), 1e-3);
        assert_eq!(rules.rms(0.0, 2.0), 8.0 * f64::from(f32::EPSILON));
        assert_eq!(rules.rms(1.0, 2.0), 2.0 / 8192.0);
    }
}
