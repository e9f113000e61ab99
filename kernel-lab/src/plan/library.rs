//! Library nodes: the functions a plan may borrow, and what their operands must be.

use serde::{Deserialize, Serialize};

use super::convolution::Convolution;
use super::dtype::Dtype;

/// The library functions a plan may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum LibraryOp {
    /// `aten::mm(a, b)`: `[n, k] × [k, m]`.
    #[serde(rename = "aten::mm")]
    Mm,
    /// `aten::bmm(a, b)`: `[b, n, k] × [b, k, m]`.
    #[serde(rename = "aten::bmm")]
    Bmm,
    /// `aten::addmm(bias, a, b)`: `beta·bias + alpha·a×b`.
    #[serde(rename = "aten::addmm")]
    Addmm,
    /// `aten::linear(x, weight, bias?)`: `[…, k] × [m, k]ᵀ`.
    #[serde(rename = "aten::linear")]
    Linear,
    /// `aten::conv1d(x, weight, bias?)` with stride, padding, dilation and groups.
    #[serde(rename = "aten::conv1d")]
    Conv1d,
    /// The same in two dimensions.
    #[serde(rename = "aten::conv2d")]
    Conv2d,
    /// The same in three dimensions.
    #[serde(rename = "aten::conv3d")]
    Conv3d,
    /// `aten::conv_transpose1d(x, weight, bias?)`, which has output padding, too.
    #[serde(rename = "aten::conv_transpose1d")]
    ConvTranspose1d,
    /// The same in two dimensions.
    #[serde(rename = "aten::conv_transpose2d")]
    ConvTranspose2d,
    /// The same in three dimensions.
    #[serde(rename = "aten::conv_transpose3d")]
    ConvTranspose3d,
    /// `aten::clone(x)`: a copy.
    #[serde(rename = "aten::clone")]
    Clone,
}

impl LibraryOp {
    /// Every function.
    pub const ALL: [Self; 11] = [
        Self::Mm,
        Self::Bmm,
        Self::Addmm,
        Self::Linear,
        Self::Conv1d,
        Self::Conv2d,
        Self::Conv3d,
        Self::ConvTranspose1d,
        Self::ConvTranspose2d,
        Self::ConvTranspose3d,
        Self::Clone,
    ];

    /// The name a plan uses.
    pub fn name(self) -> &'static str {
        match self {
            Self::Mm => "aten::mm",
            Self::Bmm => "aten::bmm",
            Self::Addmm => "aten::addmm",
            Self::Linear => "aten::linear",
            Self::Conv1d => "aten::conv1d",
            Self::Conv2d => "aten::conv2d",
            Self::Conv3d => "aten::conv3d",
            Self::ConvTranspose1d => "aten::conv_transpose1d",
            Self::ConvTranspose2d => "aten::conv_transpose2d",
            Self::ConvTranspose3d => "aten::conv_transpose3d",
            Self::Clone => "aten::clone",
        }
    }

    /// The function with the plan's name `name`, or `None`.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|op| op.name() == name)
    }

    /// Over how many dimensions a convolution goes, and whether it is transposed.
    pub fn convolution(self) -> Option<(usize, bool)> {
        match self {
            Self::Conv1d => Some((1, false)),
            Self::Conv2d => Some((2, false)),
            Self::Conv3d => Some((3, false)),
            Self::ConvTranspose1d => Some((1, true)),
            Self::ConvTranspose2d => Some((2, true)),
            Self::ConvTranspose3d => Some((3, true)),
            Self::Mm | Self::Bmm | Self::Addmm | Self::Linear | Self::Clone => None,
        }
    }

    /// The attributes that a plan may give it.
    pub(super) fn attributes(self) -> &'static [&'static str] {
        match (self, self.convolution()) {
            (_, Some((_, false))) => &["stride", "padding", "dilation", "groups"],
            (_, Some((_, true))) => &["stride", "padding", "output_padding", "dilation", "groups"],
            (Self::Addmm, _) => &["beta", "alpha"],
            _ => &[],
        }
    }

    /// All names, for messages.
    pub(super) fn list() -> String {
        Self::ALL.map(Self::name).join(", ")
    }
}

/// Attributes of a bound library node.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum LibraryAttrs {
    /// The function has none.
    None,
    /// Factors of `aten::addmm`.
    Addmm {
        /// Factor of the bias.
        beta: f64,
        /// Factor of the product.
        alpha: f64,
    },
    /// Geometry of a convolution.
    Convolution(Convolution),
}

/// An operand of a library node.
#[derive(Debug, Clone, Copy)]
pub(super) struct Operand<'a> {
    pub(super) name: &'a str,
    pub(super) dtype: Dtype,
    pub(super) shape: &'a [i64],
}

/// Checks that the operands fit the function; the error says what does not, with both sides.
pub(super) fn check_operands(
    op: LibraryOp,
    inputs: &[Operand<'_>],
    outputs: &[Operand<'_>],
    attrs: &LibraryAttrs,
) -> Result<(), String> {
    let [output] = outputs else {
        return Err(format!("takes one output, not {}", outputs.len()));
    };
    let counts = match op {
        LibraryOp::Mm | LibraryOp::Bmm => 2..=2,
        LibraryOp::Addmm => 3..=3,
        LibraryOp::Clone => 1..=1,
        LibraryOp::Linear
        | LibraryOp::Conv1d
        | LibraryOp::Conv2d
        | LibraryOp::Conv3d
        | LibraryOp::ConvTranspose1d
        | LibraryOp::ConvTranspose2d
        | LibraryOp::ConvTranspose3d => 2..=3,
    };
    if !counts.contains(&inputs.len()) {
        let wanted = if counts.start() == counts.end() {
            counts.start().to_string()
        } else {
            format!("{} or {}", counts.start(), counts.end())
        };
        return Err(format!("takes {wanted} inputs, not {}", inputs.len()));
    }
    for operand in inputs {
        if operand.dtype != output.dtype {
            return Err(format!(
                "`{}` is {}, but the output `{}` is {}",
                operand.name, operand.dtype, output.name, output.dtype
            ));
        }
        if op != LibraryOp::Clone && !operand.dtype.is_float() {
            return Err(format!(
                "`{}` is {}, not floating point",
                operand.name, operand.dtype
            ));
        }
    }
    let expected = result_shape(op, inputs, attrs)?;
    if expected != output.shape {
        return Err(format!(
            "the result has shape {expected:?}, but `{}` has {:?}",
            output.name, output.shape
        ));
    }
    Ok(())
}

/// Shape of the result, or what does not fit. The caller has checked the number of inputs.
fn result_shape(
    op: LibraryOp,
    inputs: &[Operand<'_>],
    attrs: &LibraryAttrs,
) -> Result<Vec<i64>, String> {
    let first = inputs[0];
    match (op, attrs) {
        (LibraryOp::Clone, _) => Ok(first.shape.to_vec()),
        (LibraryOp::Mm, _) => product_shape(first, inputs[1]),
        (LibraryOp::Addmm, _) => {
            let shape = product_shape(inputs[1], inputs[2])?;
            let fits = first.shape.len() <= shape.len()
                && first
                    .shape
                    .iter()
                    .rev()
                    .zip(shape.iter().rev())
                    .all(|(have, want)| *have == 1 || have == want);
            if !fits {
                return Err(format!(
                    "bias `{}` of shape {:?} does not broadcast to {shape:?}",
                    first.name, first.shape
                ));
            }
            Ok(shape)
        }
        (LibraryOp::Bmm, _) => match (first.shape, inputs[1].shape) {
            (&[batch, rows, inner], &[batch_b, inner_b, cols])
                if batch == batch_b && inner == inner_b =>
            {
                Ok(vec![batch, rows, cols])
            }
            _ => Err(mismatch(first, inputs[1], "[b, n, k] × [b, k, m]")),
        },
        (LibraryOp::Linear, _) => {
            let weight = inputs[1];
            let (&[features, inner], Some((last, lead))) = (weight.shape, first.shape.split_last())
            else {
                return Err(mismatch(first, weight, "[…, k] × [m, k]"));
            };
            if *last != inner {
                return Err(mismatch(first, weight, "[…, k] × [m, k]"));
            }
            check_bias(inputs.get(2), features)?;
            Ok([lead, &[features]].concat())
        }
        (_, LibraryAttrs::Convolution(geometry)) => geometry.result_shape(inputs),
        (_, LibraryAttrs::None | LibraryAttrs::Addmm { .. }) => Err("has no geometry".to_owned()),
    }
}

fn product_shape(a: Operand<'_>, b: Operand<'_>) -> Result<Vec<i64>, String> {
    match (a.shape, b.shape) {
        (&[rows, inner], &[inner_b, cols]) if inner == inner_b => Ok(vec![rows, cols]),
        _ => Err(mismatch(a, b, "[n, k] × [k, m]")),
    }
}

pub(super) fn check_bias(bias: Option<&Operand<'_>>, features: i64) -> Result<(), String> {
    match bias {
        Some(bias) if bias.shape != [features] => Err(format!(
            "bias `{}` has shape {:?}, expected [{features}]",
            bias.name, bias.shape
        )),
        _ => Ok(()),
    }
}

pub(super) fn mismatch(a: Operand<'_>, b: Operand<'_>, wanted: &str) -> String {
    format!(
        "`{}` has shape {:?} and `{}` has {:?}, expected {wanted}",
        a.name, a.shape, b.name, b.shape
    )
}
