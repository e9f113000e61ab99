//! Library nodes: the functions a plan may borrow, and what their operands must be.

use serde::{Deserialize, Serialize};

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
    /// `aten::conv2d(x, weight, bias?)` with stride, padding, dilation and groups.
    #[serde(rename = "aten::conv2d")]
    Conv2d,
    /// `aten::clone(x)`: a copy.
    #[serde(rename = "aten::clone")]
    Clone,
}

impl LibraryOp {
    /// Every function.
    pub const ALL: [Self; 6] = [
        Self::Mm,
        Self::Bmm,
        Self::Addmm,
        Self::Linear,
        Self::Conv2d,
        Self::Clone,
    ];

    /// The name a plan uses.
    pub fn name(self) -> &'static str {
        match self {
            Self::Mm => "aten::mm",
            Self::Bmm => "aten::bmm",
            Self::Addmm => "aten::addmm",
            Self::Linear => "aten::linear",
            Self::Conv2d => "aten::conv2d",
            Self::Clone => "aten::clone",
        }
    }

    /// The function with the plan's name `name`, or `None`.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|op| op.name() == name)
    }

    /// All names, for messages.
    pub(super) fn list() -> String {
        Self::ALL.map(Self::name).join(", ")
    }
}

/// Attributes of a bound library node.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
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
    /// Geometry of `aten::conv2d`.
    Conv2d(Conv2d),
}

/// Geometry of a two-dimensional convolution, `[height, width]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Conv2d {
    /// Step between windows, at least 1.
    pub stride: [i64; 2],
    /// Zeros on each side.
    pub padding: [i64; 2],
    /// Distance between taps, at least 1.
    pub dilation: [i64; 2],
    /// Number of independent groups, at least 1.
    pub groups: i64,
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
        LibraryOp::Linear | LibraryOp::Conv2d => 2..=3,
        LibraryOp::Clone => 1..=1,
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
        (LibraryOp::Conv2d, LibraryAttrs::Conv2d(geometry)) => conv_shape(inputs, geometry),
        (LibraryOp::Conv2d, _) => Err("has no geometry".to_owned()),
    }
}

fn product_shape(a: Operand<'_>, b: Operand<'_>) -> Result<Vec<i64>, String> {
    match (a.shape, b.shape) {
        (&[rows, inner], &[inner_b, cols]) if inner == inner_b => Ok(vec![rows, cols]),
        _ => Err(mismatch(a, b, "[n, k] × [k, m]")),
    }
}

fn conv_shape(inputs: &[Operand<'_>], geometry: &Conv2d) -> Result<Vec<i64>, String> {
    let (x, weight) = (inputs[0], inputs[1]);
    let (&[batch, channels, height, width], &[features, per_group, kernel_h, kernel_w]) =
        (x.shape, weight.shape)
    else {
        return Err(mismatch(
            x,
            weight,
            "[n, c, h, w] and [o, c / groups, kh, kw]",
        ));
    };
    if per_group.checked_mul(geometry.groups) != Some(channels) || features % geometry.groups != 0 {
        let wanted = format!(
            "[n, c, h, w] and [o, c / groups, kh, kw] with groups = {}",
            geometry.groups
        );
        return Err(mismatch(x, weight, &wanted));
    }
    check_bias(inputs.get(2), features)?;
    let extent = |axis: usize, size: i64, kernel: i64| {
        // Sizes in i128: the attributes come from the plan and may be anything.
        let span = i128::from(size) + 2 * i128::from(geometry.padding[axis])
            - i128::from(geometry.dilation[axis]) * (i128::from(kernel) - 1)
            - 1;
        let count = span.div_euclid(i128::from(geometry.stride[axis])) + 1;
        i64::try_from(count)
            .ok()
            .filter(|count| *count > 0)
            .ok_or_else(|| {
                format!(
                    "the kernel does not fit: `{}` {:?}, `{}` {:?}",
                    x.name, x.shape, weight.name, weight.shape
                )
            })
    };
    Ok(vec![
        batch,
        features,
        extent(0, height, kernel_h)?,
        extent(1, width, kernel_w)?,
    ])
}

fn check_bias(bias: Option<&Operand<'_>>, features: i64) -> Result<(), String> {
    match bias {
        Some(bias) if bias.shape != [features] => Err(format!(
            "bias `{}` has shape {:?}, expected [{features}]",
            bias.name, bias.shape
        )),
        _ => Ok(()),
    }
}

fn mismatch(a: Operand<'_>, b: Operand<'_>, wanted: &str) -> String {
    format!(
        "`{}` has shape {:?} and `{}` has {:?}, expected {wanted}",
        a.name, a.shape, b.name, b.shape
    )
}
