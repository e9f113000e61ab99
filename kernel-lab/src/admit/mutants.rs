//! Wrong outputs of a task, made from its truth, its inputs and its own
//! operators.

use torch_bridge::tch::{Device, Kind as Element, TchError, Tensor};
use torch_bridge::{Callable, PyFault, Value, Without};

use super::rules::Kind;
use crate::plan::{BufferMeta, Dtype};
use crate::task::{Expected, LoadedTask};

/// A program that is not the task.
pub(super) struct Mutant {
    /// Its name in documents.
    pub(super) name: String,
    /// What it does.
    pub(super) kind: Kind,
    maker: Maker,
}

enum Maker {
    /// The same number everywhere.
    Fill(f64),
    /// The same number everywhere in each output.
    Means(Vec<f64>),
    /// The answer to other inputs.
    Stale(Vec<Tensor>),
    /// The tensor input with this index, in the shape of each output.
    Copy(usize),
    /// Eager on inputs rounded to half precision.
    HalfInputs,
    /// Eager, its output rounded to half precision.
    HalfOutput,
    /// Eager without an operator.
    Without(Callable),
}

/// What can be known of a task's outputs without working them out.
pub(super) struct Known {
    /// Mean of each output over some draws.
    pub(super) means: Vec<f64>,
    /// The outputs of one draw.
    pub(super) answer: Vec<Tensor>,
}

/// The mutants of a task.
///
/// Half precision means operands or results with the 11 significant bits of
/// IEEE half, everything between in float32: all that a candidate can gain
/// by, and closest to the truth. Bfloat16 (8 bits), TF32 (11 bits of operands,
/// exponents of float32 that no task needs) and sums in half err as much or
/// more.
pub(super) fn mutants(task: &LoadedTask, known: Known, dropped: Vec<Without>) -> Vec<Mutant> {
    let mut mutants = vec![
        Mutant::new("zeros", Kind::NoWork, Maker::Fill(0.0)),
        Mutant::new("ones", Kind::NoWork, Maker::Fill(1.0)),
        Mutant::new("constant-mean", Kind::NoWork, Maker::Means(known.means)),
        Mutant::new("stale-answer", Kind::NoWork, Maker::Stale(known.answer)),
    ];
    let inputs = task.signature.inputs.iter().enumerate();
    for (index, _) in inputs.filter(|(_, meta)| !meta.shape.contains(&0)) {
        let name = format!("input-copy:{index}");
        mutants.push(Mutant::new(name, Kind::InputCopy, Maker::Copy(index)));
    }
    let is_float = |metas: &[BufferMeta]| metas.iter().any(|meta| meta.dtype.is_float());
    if is_float(&task.signature.inputs) {
        mutants.push(Mutant::new("half-inputs", Kind::Half, Maker::HalfInputs));
    }
    if is_float(&task.signature.outputs) {
        mutants.push(Mutant::new("half-output", Kind::Half, Maker::HalfOutput));
    }
    for without in dropped {
        let name = format!("dropped-op:{}<-{}", without.result, without.kept);
        let maker = Maker::Without(without.callable);
        mutants.push(Mutant::new(name, Kind::DroppedOp, maker));
    }
    mutants
}

impl Mutant {
    fn new(name: impl Into<String>, kind: Kind, maker: Maker) -> Self {
        Self {
            name: name.into(),
            kind,
            maker,
        }
    }

    /// Its outputs for what `set` holds now, contiguous, in the task's own
    /// shapes and types.
    pub(super) fn outputs(
        &self,
        task: &LoadedTask,
        set: usize,
        expected: &Expected,
    ) -> Result<Vec<Tensor>, PyFault> {
        let metas = &task.signature.outputs;
        let values = &task.sets[set].values;
        let made = match &self.maker {
            Maker::Fill(value) => metas.iter().map(|meta| full(meta, *value)).collect(),
            Maker::Means(means) => {
                let pairs = metas.iter().zip(means);
                pairs.map(|(meta, mean)| full(meta, *mean)).collect()
            }
            Maker::Stale(answer) => Ok(answer.iter().map(Tensor::shallow_clone).collect()),
            Maker::Copy(index) => {
                let mut tensors = values.iter().filter_map(Value::as_tensor);
                let Some(input) = tensors.nth(*index) else {
                    return Ok(Vec::new());
                };
                metas.iter().map(|meta| fitted(input, meta)).collect()
            }
            Maker::HalfInputs => {
                let rounded: Vec<Value> = values
                    .iter()
                    .map(|value| match value {
                        Value::Tensor(tensor) => Value::Tensor(to_half(tensor)),
                        Value::Int(number) => Value::Int(*number),
                        Value::Float(number) => Value::Float(*number),
                        Value::Bool(flag) => Value::Bool(*flag),
                    })
                    .collect();
                return task.model.callable().bind(&rounded)?.call()?.tensors();
            }
            Maker::HalfOutput => Ok(expected.eager.iter().map(to_half).collect()),
            Maker::Without(callable) => return callable.bind(values)?.call()?.tensors(),
        };
        made.map_err(|source| PyFault::Torch {
            doing: "making a mutant's output",
            source,
        })
    }
}

fn element(dtype: Dtype) -> Element {
    match dtype {
        Dtype::F32 => Element::Float,
        Dtype::F64 => Element::Double,
        Dtype::I64 => Element::Int64,
        Dtype::I32 => Element::Int,
        Dtype::U8 => Element::Uint8,
        Dtype::Bool => Element::Bool,
    }
}

fn full(meta: &BufferMeta, value: f64) -> Result<Tensor, TchError> {
    let value = if meta.dtype.is_float() {
        value
    } else {
        value.round()
    };
    Tensor::f_full(&meta.shape, value, (element(meta.dtype), Device::Cpu))
}

/// An input in the shape of an output: cut, spread, or its elements in order,
/// again and again until it is full.
fn fitted(input: &Tensor, meta: &BufferMeta) -> Result<Tensor, TchError> {
    let mut cut = input.shallow_clone();
    if input.dim() == meta.shape.len() {
        for (dim, size) in (0..).zip(&meta.shape) {
            let size = (*size).min(cut.size()[dim as usize]);
            cut = cut.f_narrow(dim, 0, size)?;
        }
    }
    let shaped = if let Ok(spread) = cut.f_expand(&meta.shape, false) {
        spread
    } else {
        let wanted: i64 = meta.shape.iter().product();
        let flat = input.f_reshape([-1])?;
        let have = flat.numel() as i64;
        let times = (wanted + have - 1) / have;
        flat.f_repeat([times])?
            .f_narrow(0, 0, wanted)?
            .f_reshape(&meta.shape)?
    };
    shaped.f_to_kind(element(meta.dtype))?.f_contiguous()
}

/// Floats rounded to half precision and back; other types as they are.
fn to_half(tensor: &Tensor) -> Tensor {
    match tensor.kind() {
        kind @ (Element::Float | Element::Double) => {
            tensor.to_kind(Element::Half).to_kind(kind).contiguous()
        }
        _ => tensor.copy(),
    }
}

/// Mean of what is finite in a tensor; 0 where nothing is.
pub(super) fn mean(tensor: &Tensor) -> f64 {
    let wide = tensor.to_kind(Element::Double);
    let finite = wide.isfinite();
    let count = finite.sum(Element::Double).double_value(&[]);
    let zero = wide.zeros_like();
    let sum = wide
        .where_self(&finite, &zero)
        .sum(Element::Double)
        .double_value(&[]);
    if count > 0.0 { sum / count } else { 0.0 }
}

/// Smallest tolerance, absolute and relative, at which `torch.allclose` takes
/// `got` for `truth`, a float64; infinite where an element is not finite on
/// one side only, and for outputs that are no floats.
pub(super) fn allclose_at(got: &Tensor, truth: &Tensor) -> Result<f64, PyFault> {
    let truth = torch_bridge::elements::<f64>(truth)?;
    Ok(match got.kind() {
        Element::Float => {
            let got = torch_bridge::elements::<f32>(got)?;
            largest_needed(got.iter().map(|value| f64::from(*value)), truth)
        }
        Element::Double => {
            let got = torch_bridge::elements::<f64>(got)?;
            largest_needed(got.iter().copied(), truth)
        }
        _ => f64::INFINITY,
    })
}

fn largest_needed(got: impl Iterator<Item = f64>, truth: &[f64]) -> f64 {
    let mut largest = 0.0_f64;
    for (got, truth) in got.zip(truth) {
        let needed = (got - truth).abs() / (truth.abs() + 1.0);
        // NaN is neither, and so are differences of infinities.
        let less = needed <= largest;
        if !less && !alike(got, *truth) {
            largest = if needed.is_nan() {
                f64::INFINITY
            } else {
                needed
            };
        }
    }
    largest
}

fn alike(a: f64, b: f64) -> bool {
    a.total_cmp(&b).is_eq() || (a.is_nan() && b.is_nan())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn meta(shape: &[i64]) -> BufferMeta {
        BufferMeta {
            dtype: Dtype::F32,
            shape: shape.to_vec(),
        }
    }

    #[test]
    fn inputs_are_cut_spread_or_repeated() {
        let values = |tensor: &Tensor| Vec::<f32>::try_from(tensor.reshape([-1])).unwrap();
        let input = Tensor::from_slice(&[1.0_f32, 2.0, 3.0, 4.0]).reshape([2, 2]);
        for (shape, want) in [
            (&[2, 2][..], &[1.0, 2.0, 3.0, 4.0][..]),
            (&[2, 1], &[1.0, 3.0]),
            (&[2, 2, 2], &[1.0, 2.0, 3.0, 4.0, 1.0, 2.0, 3.0, 4.0]),
            (&[5], &[1.0, 2.0, 3.0, 4.0, 1.0]),
            (&[3], &[1.0, 2.0, 3.0]),
        ] {
            let got = fitted(&input, &meta(shape)).unwrap();
            assert_eq!(got.size(), shape);
            assert_eq!(values(&got), want, "{shape:?}");
        }
    }

    #[test]
    #[expect(clippy::float_cmp, reason = "exact in float64")]
    fn the_smallest_tolerance_is_that_of_the_worst_element() {
        let truth = Tensor::from_slice(&[1.0_f64, -3.0, f64::INFINITY]);
        let at = |got: [f64; 3]| allclose_at(&Tensor::from_slice(&got), &truth).unwrap();
        // |got − truth| ≤ t + t·|truth|, as in the documentation of torch.allclose.
        assert_eq!(at([1.5, -3.0, f64::INFINITY]), 0.25);
        assert_eq!(at([1.0, -1.0, f64::INFINITY]), 0.5);
        assert_eq!(at([1.0, -3.0, f64::INFINITY]), 0.0);
        assert_eq!(at([1.0, -3.0, 7.0]), f64::INFINITY);
        assert_eq!(at([f64::NAN, -3.0, f64::INFINITY]), f64::INFINITY);
    }

    #[test]
    #[expect(clippy::float_cmp, reason = "exact in float64")]
    fn a_mean_is_over_what_is_finite() {
        let of = |values: &[f64]| mean(&Tensor::from_slice(values));
        assert_eq!(of(&[1.0, 4.0, f64::INFINITY, f64::NAN, -2.0]), 1.0);
        assert_eq!(of(&[f64::NAN]), 0.0);
    }
}
