//! Awkward values that random ones never hit, at full shape.

use serde::{Deserialize, Serialize};

use super::mix::Key;
use crate::plan::Dtype;

/// Which signs the values of an input may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Domain {
    /// Any.
    Any,
    /// None below zero: probabilities, variances, values about to be square-rooted.
    NonNegative,
}

impl Domain {
    /// The domain that values drawn by the task suggest. Types other than floats have any.
    pub fn of_values(dtype: Dtype, bytes: &[u8]) -> Self {
        let any_negative = match dtype {
            Dtype::F32 => bytes
                .as_chunks()
                .0
                .iter()
                .any(|bytes| f32::from_le_bytes(*bytes) < 0.0),
            Dtype::F64 => bytes
                .as_chunks()
                .0
                .iter()
                .any(|bytes| f64::from_le_bytes(*bytes) < 0.0),
            Dtype::I64 | Dtype::I32 | Dtype::U8 | Dtype::Bool => true,
        };
        if any_negative {
            Self::Any
        } else {
            Self::NonNegative
        }
    }
}

/// A special distribution. It transforms values that are already drawn, so it keeps their
/// shape and what structure they have.
///
/// Inputs of [`Domain::NonNegative`] stay so, but in [`Special::Negative`]: that
/// one (and any other) is to be skipped where the truth becomes non-finite.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Special {
    /// Values × 2¹⁰: exponentials overflow unless the maximum is subtracted.
    Large,
    /// Values × 2⁻²⁰: squares and products vanish beside an epsilon.
    Tiny,
    /// All the same power of two in ½ … 4: sums are exact, variances are zero.
    Constant,
    /// Values × 2⁻¹³⁰ (float64: 2⁻¹⁰³⁰): below the smallest normal number.
    Denormal,
    /// As [`Special::Denormal`], but one input only, of a task with several: a product of two
    /// denormal factors is zero either way, of one it is not.
    OneDenormal,
    /// −|x|: a maximum that starts from zero is wrong.
    Negative,
    /// Whole numbers in −3 … 3 (0 … 3 if non-negative): ties, and exact sums of products.
    SmallIntegers,
    /// Values + 2⁶: a variance that is the mean of the squares less the square of the mean is
    /// lost in rounding.
    Shifted,
    /// |x| with alternating signs: sums cancel.
    Alternating,
    /// About one value in 1024, nobody knows which, × 2⁷: who looks at a few
    /// values and takes the rest for the same is wrong.
    Outliers,
}

impl Special {
    /// Every special distribution.
    pub const ALL: [Self; 10] = [
        Self::Large,
        Self::Tiny,
        Self::Constant,
        Self::Denormal,
        Self::OneDenormal,
        Self::Negative,
        Self::SmallIntegers,
        Self::Shifted,
        Self::Alternating,
        Self::Outliers,
    ];

    /// Its name in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Large => "large",
            Self::Tiny => "tiny",
            Self::Constant => "constant",
            Self::Denormal => "denormal",
            Self::OneDenormal => "one-denormal",
            Self::Negative => "negative",
            Self::SmallIntegers => "small-integers",
            Self::Shifted => "shifted",
            Self::Alternating => "alternating",
            Self::Outliers => "outliers",
        }
    }

    /// Which of `inputs` floating-point inputs it changes, by their number: all (`None`) or one
    /// that `seed` chooses. It makes no difference where there are none or one.
    pub fn only(self, inputs: usize, seed: u64) -> Option<usize> {
        (self == Self::OneDenormal)
            .then(|| Key::new(seed, 0).derive(3).at(0) as usize % inputs.max(1))
    }

    /// Those that differ from each other on a task with this many floating-point inputs.
    pub fn of_inputs(inputs: usize) -> impl Iterator<Item = Self> {
        let differs = move |special: &Self| inputs > 1 || *special != Self::OneDenormal;
        Self::ALL.into_iter().filter(differs)
    }

    /// Transforms the values of a floating-point input in place; whether anything was done.
    /// Other types are left alone: their values mean something.
    pub fn apply(
        self,
        domain: Domain,
        dtype: Dtype,
        seed: u64,
        stream: u64,
        values: &mut [u8],
    ) -> bool {
        let plan = Transform {
            special: self,
            domain,
            key: Key::new(seed, stream).derive(2),
        };
        match dtype {
            Dtype::F32 => {
                for (index, bytes) in values.as_chunks_mut().0.iter_mut().enumerate() {
                    // Powers of two scale exactly, and twice rounding to a denormal is
                    // no worse than once here.
                    let value =
                        plan.value(f64::from(f32::from_le_bytes(*bytes)), index as u64, -130);
                    *bytes = (value as f32).to_le_bytes();
                }
            }
            Dtype::F64 => {
                for (index, bytes) in values.as_chunks_mut().0.iter_mut().enumerate() {
                    *bytes = plan
                        .value(f64::from_le_bytes(*bytes), index as u64, -1030)
                        .to_le_bytes();
                }
            }
            Dtype::I64 | Dtype::I32 | Dtype::U8 | Dtype::Bool => return false,
        }
        true
    }
}

impl std::fmt::Display for Special {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

struct Transform {
    special: Special,
    domain: Domain,
    key: Key,
}

impl Transform {
    /// The special value in place of `x` at `index`.
    fn value(&self, x: f64, index: u64, denormal_exponent: i32) -> f64 {
        let non_negative = self.domain == Domain::NonNegative;
        match self.special {
            Special::Large => x * 1024.0,
            Special::Shifted => x + 64.0,
            Special::Tiny => x / 1_048_576.0,
            Special::Constant => {
                let exponent = (self.key.at(0) % 4) as i32 - 1;
                let sign = if non_negative || self.key.at(1).is_multiple_of(2) {
                    1.0
                } else {
                    -1.0
                };
                sign * 2.0_f64.powi(exponent)
            }
            // In two steps, as 2⁻¹⁰³⁰ itself is a denormal.
            Special::Denormal | Special::OneDenormal => {
                x * 2.0_f64.powi(denormal_exponent / 2) * 2.0_f64.powi(denormal_exponent / 2)
            }
            Special::Negative => -x.abs(),
            Special::SmallIntegers => {
                let (lowest, count) = if non_negative { (0, 4) } else { (-3, 7) };
                (lowest + ((u64::from(self.key.at(index)) * count) >> 32) as i64) as f64
            }
            Special::Outliers if self.key.at(index).is_multiple_of(1024) => x * 128.0,
            Special::Outliers => x,
            Special::Alternating if non_negative => x,
            Special::Alternating => {
                if index.is_multiple_of(2) {
                    x.abs()
                } else {
                    -x.abs()
                }
            }
        }
    }
}
