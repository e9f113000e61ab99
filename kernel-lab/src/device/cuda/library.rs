//! Library nodes of a plan on a simulated device: the host's own libtorch runs them on the
//! processor. Nothing of a candidate takes part in that.

use torch_bridge::tch::{self, Kind, Tensor};

use crate::error::HarnessError;
use crate::plan::{BoundBuffer, BoundPlan, BoundStep, Dtype, LibraryAttrs, LibraryOp};

/// A library node: a function with the buffers that it reads and the one that it writes.
#[derive(Clone, Debug)]
pub struct Node {
    op: LibraryOp,
    attrs: LibraryAttrs,
    /// Indices into the plan's buffers.
    pub(super) inputs: Vec<usize>,
    pub(super) output: usize,
    given: Vec<Meta>,
    made: Meta,
}

#[derive(Clone, Debug)]
struct Meta {
    dtype: Dtype,
    shape: Vec<i64>,
    bytes: u64,
}

impl Meta {
    fn of(buffer: &BoundBuffer) -> Self {
        Self {
            dtype: buffer.dtype,
            shape: buffer.shape.clone(),
            bytes: buffer.bytes,
        }
    }

    fn elements(&self) -> u64 {
        self.shape.iter().product::<i64>().unsigned_abs()
    }
}

impl Node {
    /// Of a bound plan, which has checked that everything fits.
    pub(super) fn of(
        plan: &BoundPlan,
        op: LibraryOp,
        inputs: &[usize],
        output: usize,
        attrs: &LibraryAttrs,
    ) -> Self {
        let meta = |index: &usize| Meta::of(&plan.buffers[*index]);
        Self {
            op,
            attrs: attrs.clone(),
            inputs: inputs.to_vec(),
            output,
            given: inputs.iter().map(meta).collect(),
            made: meta(&output),
        }
    }

    /// Those among some steps of a plan.
    pub fn among(plan: &BoundPlan, steps: &[BoundStep]) -> Vec<Self> {
        let node = |step: &BoundStep| match step {
            BoundStep::Kernel { .. } => None,
            BoundStep::Library {
                op,
                inputs,
                outputs,
                attrs,
            } => Some(Self::of(plan, *op, inputs, *outputs.first()?, attrs)),
        };
        steps.iter().filter_map(node).collect()
    }

    /// The function's name.
    pub fn name(&self) -> &'static str {
        self.op.name()
    }

    /// Bytes of its operands and of its result.
    pub fn bytes(&self) -> u64 {
        let given: u64 = self.given.iter().map(|meta| meta.bytes).sum();
        given + self.made.bytes
    }

    /// Operations of its products: a multiplication and an addition are two.
    pub fn flops(&self) -> u64 {
        let of = |index: usize| self.given.get(index);
        let last = |index: usize| of(index).and_then(|meta| meta.shape.last().copied());
        let products = match self.op {
            LibraryOp::Clone => 0,
            LibraryOp::Mm | LibraryOp::Bmm | LibraryOp::Linear => {
                self.made.elements() * last(0).unwrap_or(0).unsigned_abs()
            }
            LibraryOp::Addmm => self.made.elements() * last(1).unwrap_or(0).unsigned_abs(),
            // Each value of the weights meets each place of the result, or, transposed,
            // of the input.
            _ => {
                let transposed = self.op.convolution().is_some_and(|(_, it)| it);
                let places = if transposed { of(0) } else { Some(&self.made) };
                let weight = of(1);
                let (Some(places), Some(weight)) = (places, weight) else {
                    return 0;
                };
                let leading = weight.shape.first().copied().unwrap_or(1).max(1);
                places.elements() * (weight.elements() / leading.unsigned_abs())
            }
        };
        2 * products
    }

    /// Runs it on the bytes of its operands; the bytes of its result.
    pub(super) fn run(&self, operands: &[Vec<u8>]) -> Result<Vec<u8>, HarnessError> {
        let _no_grad = tch::no_grad_guard();
        let tensors: Result<Vec<Tensor>, _> = operands
            .iter()
            .zip(&self.given)
            .map(|(bytes, meta)| Tensor::f_from_data_size(bytes, &meta.shape, kind(meta.dtype)))
            .collect();
        let result = tensors
            .and_then(|tensors| self.apply(&tensors))
            .and_then(|result| result.f_contiguous())
            .map_err(|error| HarnessError::Runner {
                doing: "run a library node",
                problem: format!("{}: {error}", self.name()),
            })?;
        let bytes = torch_bridge::bytes(&result)
            .map_err(HarnessError::python("reading a library node's result"))?;
        Ok(bytes.to_vec())
    }

    fn apply(&self, inputs: &[Tensor]) -> Result<Tensor, tch::TchError> {
        match (&self.attrs, self.op) {
            (_, LibraryOp::Clone) => Ok(inputs[0].copy()),
            (_, LibraryOp::Mm) => inputs[0].f_mm(&inputs[1]),
            (_, LibraryOp::Bmm) => inputs[0].f_bmm(&inputs[1]),
            (LibraryAttrs::Addmm { beta, alpha }, _) => {
                let product = inputs[1].f_mm(&inputs[2])?.f_mul_scalar(*alpha)?;
                product.f_add(&inputs[0].f_mul_scalar(*beta)?)
            }
            (LibraryAttrs::Convolution(conv), _) => inputs[0].f_convolution(
                &inputs[1],
                inputs.get(2),
                &conv.stride,
                &conv.padding,
                &conv.dilation,
                conv.transposed,
                &conv.output_padding,
                conv.groups,
            ),
            (LibraryAttrs::None, _) => inputs[0].f_linear(&inputs[1], inputs.get(2)),
        }
    }
}

fn kind(dtype: Dtype) -> Kind {
    match dtype {
        Dtype::F32 => Kind::Float,
        Dtype::F64 => Kind::Double,
        Dtype::I64 => Kind::Int64,
        Dtype::I32 => Kind::Int,
        Dtype::U8 => Kind::Uint8,
        Dtype::Bool => Kind::Bool,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{BufferMeta, Limits, Signature, Target, bind, parse};

    /// The node `op` from `x` and `weight` to `out`, with these attributes.
    fn node(op: &str, x: &[i64], weight: &[i64], out: &[i64], attrs: &str) -> Node {
        let meta = |shape: &[i64]| BufferMeta {
            dtype: Dtype::F32,
            shape: shape.to_vec(),
        };
        let signature = Signature {
            inputs: vec![meta(x)],
            params: vec![("w".to_owned(), meta(weight))],
            outputs: vec![meta(out)],
        };
        let text = format!(
            "schema = 1\n[[step]]\nlibrary = \"aten::{op}\"\ninputs = [\"in.0\", \"param.w\"]\n\
             outputs = [\"out.0\"]\n[step.attrs]\n{attrs}"
        );
        let limits = Limits { temp_bytes: 0 };
        let plan = parse(&text, Target::Cuda)
            .and_then(|plan| bind(&plan, &signature, None, limits))
            .expect("a plan");
        Node::among(&plan, &plan.steps).remove(0)
    }

    #[test]
    fn operations_are_those_of_the_products() {
        let linear = node("linear", &[5, 7], &[3, 7], &[5, 3], "");
        assert_eq!(linear.flops(), 2 * 5 * 3 * 7);
        assert_eq!(linear.bytes(), 4 * (35 + 21 + 15));
        let conv = node(
            "conv2d",
            &[2, 4, 9, 9],
            &[6, 2, 3, 3],
            &[2, 6, 7, 7],
            "groups = 2",
        );
        assert_eq!(conv.flops(), 2 * (2 * 6 * 7 * 7) * (2 * 3 * 3));
        let transposed = node("conv_transpose1d", &[1, 4, 10], &[4, 2, 3], &[1, 2, 12], "");
        assert_eq!(transposed.flops(), 2 * (4 * 10) * (2 * 3));
    }

    #[test]
    fn a_node_runs_on_bytes() {
        let linear = node("linear", &[1, 2], &[3, 2], &[1, 3], "");
        let bytes = |values: &[f32]| values.iter().flat_map(|x| x.to_le_bytes()).collect();
        let operands: [Vec<u8>; 2] = [bytes(&[1.0, 2.0]), bytes(&[1.0, 0.0, 0.0, 1.0, 1.0, 1.0])];
        let expected: Vec<u8> = bytes(&[1.0, 2.0, 3.0]);
        assert_eq!(linear.run(&operands).expect("a result"), expected);
    }
}
