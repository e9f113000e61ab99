//! Geometry of convolutions and of transposed ones, in any number of dimensions.

use serde::{Deserialize, Serialize};

use super::library::{Operand, check_bias, mismatch};

/// Geometry of a convolution; one entry for each of its dimensions, outermost first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Convolution {
    /// Whether it is transposed: weights are `[c, o / groups, …]`, not `[o, c / groups, …]`.
    pub transposed: bool,
    /// Step between windows, at least 1.
    pub stride: Vec<i64>,
    /// Zeros on each side.
    pub padding: Vec<i64>,
    /// What a transposed one adds to the size of its result, on one side; else zeros.
    pub output_padding: Vec<i64>,
    /// Distance between taps, at least 1.
    pub dilation: Vec<i64>,
    /// Number of independent groups, at least 1.
    pub groups: i64,
}

impl Convolution {
    /// Shape of the result of `[x, weight, bias?]`, or what does not fit. The sizes are those of
    /// `torch.nn.Conv2d` and `torch.nn.ConvTranspose2d` in PyTorch's documentation.
    pub(super) fn result_shape(&self, inputs: &[Operand<'_>]) -> Result<Vec<i64>, String> {
        let (x, weight) = (inputs[0], inputs[1]);
        let rank = self.stride.len() + 2;
        if x.shape.len() != rank || weight.shape.len() != rank {
            return Err(mismatch(x, weight, &self.wanted()));
        }
        let (channels, leading, second) = (x.shape[1], weight.shape[0], weight.shape[1]);
        let (fits, features) = if self.transposed {
            let fits = leading == channels && channels % self.groups == 0;
            (fits, second.checked_mul(self.groups))
        } else {
            let fits =
                second.checked_mul(self.groups) == Some(channels) && leading % self.groups == 0;
            (fits, Some(leading))
        };
        let Some(features) = features.filter(|_| fits) else {
            let wanted = format!("{} with groups = {}", self.wanted(), self.groups);
            return Err(mismatch(x, weight, &wanted));
        };
        check_bias(inputs.get(2), features)?;
        let extents = (0..self.stride.len()).map(|axis| {
            self.extent(axis, x.shape[axis + 2], weight.shape[axis + 2])
                .ok_or_else(|| {
                    format!(
                        "the kernel does not fit: `{}` {:?}, `{}` {:?}",
                        x.name, x.shape, weight.name, weight.shape
                    )
                })
        });
        let mut shape = vec![x.shape[0], features];
        for extent in extents {
            shape.push(extent?);
        }
        Ok(shape)
    }

    /// Size of the result along one axis, if there is anything of it.
    fn extent(&self, axis: usize, size: i64, kernel: i64) -> Option<i64> {
        // Sizes in i128: the attributes come from the plan and may be anything.
        let [stride, padding, dilation, more] = [
            &self.stride,
            &self.padding,
            &self.dilation,
            &self.output_padding,
        ]
        .map(|values| i128::from(values[axis]));
        let (size, reach) = (i128::from(size), dilation * (i128::from(kernel) - 1));
        let count = if self.transposed {
            (size - 1) * stride - 2 * padding + reach + more + 1
        } else {
            (size + 2 * padding - reach - 1).div_euclid(stride) + 1
        };
        i64::try_from(count).ok().filter(|count| *count > 0)
    }

    fn wanted(&self) -> String {
        let (sizes, taps) = match self.stride.len() {
            1 => (", w", ", kw"),
            2 => (", h, w", ", kh, kw"),
            _ => (", d, h, w", ", kd, kh, kw"),
        };
        let weight = if self.transposed {
            "c, o / groups"
        } else {
            "o, c / groups"
        };
        format!("[n, c{sizes}] and [{weight}{taps}]")
    }
}
