//! The few operators that a plan may take from libtorch.

use tch::{Kind, Tensor};

use kernel_runner::arena::Arena;
use kernel_runner::node::{Library, LibraryError, Node, NodeSpec};
use kernel_runner::wire::{WireBuffer, WireDtype};

/// libtorch as the library.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Torch;

/// An operator with its tensors bound to the arena, for one slot.
#[derive(Debug)]
struct TorchNode {
    op: Op,
    inputs: Vec<Tensor>,
    output: Tensor,
    lends: bool,
    /// What was lent last; its memory is free for the next result.
    lent: Option<Tensor>,
}

#[derive(Clone, Debug)]
enum Op {
    Clone,
    Mm,
    Bmm,
    Addmm { beta: f64, alpha: f64 },
    Linear,
    Convolution(Convolution),
}

#[derive(Clone, Debug)]
struct Convolution {
    transposed: bool,
    stride: Vec<i64>,
    padding: Vec<i64>,
    output_padding: Vec<i64>,
    dilation: Vec<i64>,
    groups: i64,
}

impl Library for Torch {
    fn warm_up(&self, threads: usize) {
        tch::set_num_threads(threads as i32);
        let a = Tensor::ones([256, 256], (Kind::Float, tch::Device::Cpu));
        let big = Tensor::ones([1 << 20], (Kind::Float, tch::Device::Cpu));
        let image = Tensor::ones([2, 8, 32, 32], (Kind::Float, tch::Device::Cpu));
        let filter = Tensor::ones([8, 8, 3, 3], (Kind::Float, tch::Device::Cpu));
        let _no_grad = tch::no_grad_guard();
        let _ = (a.mm(&a), &big + &big);
        let _ = image.conv2d(&filter, None::<&Tensor>, [1, 1], [1, 1], [1, 1], 1);
    }

    fn bind(
        &self,
        spec: NodeSpec<'_>,
        arena: &Arena,
        slot: usize,
    ) -> Result<Box<dyn Node>, LibraryError> {
        let NodeSpec {
            op,
            inputs,
            outputs,
            attrs,
            lends,
        } = spec;
        let attr = |name: &str, default: i64| -> Vec<i64> {
            attrs
                .iter()
                .find(|(key, _)| key == name)
                .map_or_else(|| vec![default], |(_, value)| value.clone())
        };
        // Floats travel as their bits.
        let float = |name: &str| {
            let one = 1f64.to_bits().cast_signed();
            f64::from_bits(attr(name, one)[0].cast_unsigned())
        };
        let (parsed, allowed, want): (Op, &[usize], &'static str) = match op {
            "aten::clone" => (Op::Clone, &[1], "1"),
            "aten::mm" => (Op::Mm, &[2], "2"),
            "aten::bmm" => (Op::Bmm, &[2], "2"),
            "aten::addmm" => (
                Op::Addmm {
                    beta: float("beta_bits"),
                    alpha: float("alpha_bits"),
                },
                &[3],
                "3",
            ),
            "aten::linear" => (Op::Linear, &[2, 3], "2 or 3"),
            "aten::conv1d"
            | "aten::conv2d"
            | "aten::conv3d"
            | "aten::conv_transpose1d"
            | "aten::conv_transpose2d"
            | "aten::conv_transpose3d" => (
                Op::Convolution(Convolution {
                    transposed: op.starts_with("aten::conv_transpose"),
                    stride: attr("stride", 1),
                    padding: attr("padding", 0),
                    output_padding: attr("output_padding", 0),
                    dilation: attr("dilation", 1),
                    groups: attr("groups", 1).first().copied().unwrap_or(1),
                }),
                &[2, 3],
                "2 or 3",
            ),
            other => return Err(LibraryError::UnknownOp(other.to_owned())),
        };
        let &[output] = outputs else {
            return Err(LibraryError::Arity {
                op: op.to_owned(),
                want,
                inputs: inputs.len(),
                outputs: outputs.len(),
            });
        };
        if !allowed.contains(&inputs.len()) {
            return Err(LibraryError::Arity {
                op: op.to_owned(),
                want,
                inputs: inputs.len(),
                outputs: 1,
            });
        }
        Ok(Box::new(TorchNode {
            op: parsed,
            inputs: inputs
                .iter()
                .map(|buffer| view(buffer, arena, slot))
                .collect(),
            output: view(output, arena, slot),
            lends,
            lent: None,
        }))
    }
}

impl Node for TorchNode {
    fn run(&mut self) -> Result<Option<u64>, LibraryError> {
        // First of all, so that the library finds the memory again.
        self.lent = None;
        let out = &self.output;
        let inputs = &self.inputs;
        let bias = inputs.get(2);
        let refused = |error: tch::TchError| LibraryError::Refused {
            op: format!("{:?}", self.op),
            message: error.to_string(),
        };
        let result = match &self.op {
            Op::Clone => {
                self.output.copy_(&self.inputs[0]);
                return Ok(None);
            }
            Op::Mm => inputs[0].f_mm_out(out, &inputs[1]),
            Op::Bmm => inputs[0].f_bmm_out(out, &inputs[1]),
            Op::Addmm { beta, alpha } => {
                inputs[1].f_mm_out(out, &inputs[2]).and_then(|mut product| {
                    let bias = inputs[0].f_mul_scalar(*beta)?;
                    product.f_mul_scalar_(*alpha)?.f_add_(&bias)
                })
            }
            Op::Linear => inputs[0].f_linear_out(out, &inputs[1], bias),
            Op::Convolution(conv) if self.lends => {
                let result = conv.of(inputs).map_err(refused)?;
                let result = result.f_contiguous().map_err(refused)?;
                let address = result.data_ptr() as u64;
                self.lent = Some(result);
                return Ok(Some(address));
            }
            // The variant with an output makes a result of its own and copies
            // it, too.
            Op::Convolution(conv) => conv
                .of(inputs)
                .and_then(|result| out.shallow_clone().f_copy_(&result).map(|()| result)),
        };
        result.map(|_| None).map_err(refused)
    }
}

impl Convolution {
    /// Of `[x, weight, bias?]`.
    fn of(&self, inputs: &[Tensor]) -> Result<Tensor, tch::TchError> {
        inputs[0].f_convolution(
            &inputs[1],
            inputs.get(2),
            &self.stride,
            &self.padding,
            &self.dilation,
            self.transposed,
            &self.output_padding,
            self.groups,
        )
    }
}

fn view(buffer: &WireBuffer, arena: &Arena, slot: usize) -> Tensor {
    let kind = match buffer.dtype {
        WireDtype::F32 => Kind::Float,
        WireDtype::F64 => Kind::Double,
        WireDtype::I64 => Kind::Int64,
        WireDtype::I32 => Kind::Int,
        WireDtype::U8 => Kind::Uint8,
    };
    let mut strides = vec![1; buffer.shape.len()];
    for axis in (1..buffer.shape.len()).rev() {
        strides[axis - 1] = strides[axis] * buffer.shape[axis].max(1);
    }
    // SAFETY: the arena holds `buffer.bytes` = the product of the shape times
    // the element size at this address and is never unmapped.
    unsafe {
        Tensor::from_blob(
            arena.address(buffer, slot),
            &buffer.shape,
            &strides,
            kind,
            tch::Device::Cpu,
        )
    }
}
