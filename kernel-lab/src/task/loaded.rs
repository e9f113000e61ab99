//! A task at one device's sizes, ready to be measured against: model, truth,
//! parameters, and rotating sets of inputs that can be filled with fresh
//! values.

use std::cell::OnceCell;
use std::collections::BTreeMap;

use protocol::ContentHash;
use torch_bridge::tch::{Kind, Tensor};
use torch_bridge::{BoundCall, Callable, Interp, Model, OpGraph, TaskModule, Value};

use super::{TaskSource, sized_hash};
use crate::error::HarnessError;
use crate::inputs::{self, Domain, Family, Special};
use crate::plan::{BufferMeta, Dtype, Signature};

/// Number of input sets that calls rotate through.
pub const SETS: usize = 3;

/// One set of inputs with the eager call bound to it.
#[derive(Debug)]
pub struct InputSet {
    /// What the model is called with.
    pub values: Vec<Value>,
    /// The eager model on these values.
    pub eager: BoundCall,
}

/// A task at one device's sizes.
#[derive(Debug)]
pub struct LoadedTask {
    /// Where it came from.
    pub source: TaskSource,
    /// Which of its sizes: `cpu`, `sim`, …; `table` for the user's, `auto` for
    /// halved ones, `module` for the file's own.
    pub size: String,
    /// The module's integer constants as they are now.
    pub constants: Vec<(String, i64)>,
    /// Hash of source and sizes.
    pub hash: ContentHash,
    /// What its parameters were drawn from.
    pub seed: u64,
    /// The model.
    pub model: Model,
    /// Its buffers as a plan sees them.
    pub signature: Signature,
    /// Its parameters, in the order of the signature.
    pub params: Vec<Tensor>,
    /// Rotating inputs.
    pub sets: Vec<InputSet>,
    /// Why eager float32 stands for the truth, where it does.
    pub truth_fallback: Option<String>,
    /// How fresh values of each tensor input are made, for reports.
    pub families: Vec<Family>,
    domains: Vec<Domain>,
    constants_bytes: Vec<Vec<u8>>,
    module: TaskModule,
    truth: Option<Callable>,
    graph: OnceCell<OpGraph>,
}

/// What a candidate's outputs are compared with.
#[derive(Debug)]
pub struct Expected {
    /// Truth in float64 (integers: as they are), one per output.
    pub truth: Vec<Tensor>,
    /// The eager model's float32 outputs on the same inputs.
    pub eager: Vec<Tensor>,
}

/// A task's parameters while others are in their place.
#[derive(Debug)]
pub struct OwnParams {
    values: Vec<Tensor>,
    truth: Option<Callable>,
}

/// Values of one call: where they come from, so that they can be made again.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Draw {
    /// Secret of the evaluation.
    pub seed: u64,
    /// Number of the call.
    pub call: u64,
    /// A special distribution instead of the task's own.
    pub special: Option<Special>,
}

impl LoadedTask {
    /// Loads a task at the sizes of `device`, or at those of its file where
    /// it has none for that device. `seed` draws the parameters.
    pub fn load(
        interp: &Interp,
        source: &TaskSource,
        device: &str,
        seed: u64,
    ) -> Result<Self, HarnessError> {
        let problem = |problem: String| HarnessError::Task {
            task: source.name.clone(),
            problem,
        };
        let empty = BTreeMap::new();
        let (size, overrides) = match source.sizes.get(device) {
            Some(overrides) => (device, overrides),
            None => ("module", &empty),
        };
        let py = |fault: torch_bridge::PyFault| problem(crate::error::chain(&fault));
        let module = interp.load_task(&source.path, overrides).map_err(py)?;
        let model = module.model(seed).map_err(py)?;
        let first = module.inputs(seed ^ 1).map_err(py)?;
        let second = module.inputs(seed ^ 2).map_err(py)?;
        let learned = learn(&first, &second).map_err(&problem)?;

        let named = model.params().map_err(py)?;
        let mut params = Vec::with_capacity(named.len());
        let mut param_metas = Vec::with_capacity(named.len());
        for (key, tensor) in named {
            let tensor = tensor.contiguous();
            let meta =
                meta_of(&tensor).map_err(|text| problem(format!("`param.{key}`: {text}")))?;
            param_metas.push((key, meta));
            params.push(tensor);
        }

        let eager = model.callable();
        let mut sets = Vec::with_capacity(SETS);
        for set in 0..SETS {
            let values = if set == 0 {
                first.iter().map(copy_value).collect::<Vec<_>>()
            } else {
                second.iter().map(copy_value).collect()
            };
            let bound = eager.bind(&values).map_err(py)?;
            sets.push(InputSet {
                values,
                eager: bound,
            });
        }
        let outputs = sets[0]
            .eager
            .call()
            .and_then(|output| output.tensors())
            .map_err(py)?;
        let again = sets[0]
            .eager
            .call()
            .and_then(|output| output.tensors())
            .map_err(py)?;
        if outputs.iter().zip(&again).any(|(a, b)| !same_bits(a, b)) {
            return Err(problem(
                "ill-posed: two calls on the same inputs give different outputs \
                 (it depends on a random number generator)"
                    .to_owned(),
            ));
        }
        let signature = Signature {
            inputs: tensors(&sets[0].values)
                .enumerate()
                .map(|(index, tensor)| {
                    meta_of(tensor).map_err(|text| problem(format!("input {index}: {text}")))
                })
                .collect::<Result<_, _>>()?,
            params: param_metas,
            outputs: outputs
                .iter()
                .enumerate()
                .map(|(index, tensor)| {
                    meta_of(tensor).map_err(|text| problem(format!("output {index}: {text}")))
                })
                .collect::<Result<_, _>>()?,
        };
        let mut task = Self {
            hash: sized_hash(&source.hash, size, module.constants()),
            seed,
            source: source.clone(),
            size: match size {
                "cpu" => source.origin.word(size).to_owned(),
                size => size.to_owned(),
            },
            constants: module.constants().to_vec(),
            model,
            signature,
            params,
            sets,
            truth_fallback: None,
            families: learned.families,
            domains: learned.domains,
            constants_bytes: learned.constants,
            module,
            truth: None,
            graph: OnceCell::new(),
        };
        task.prepare_truth();
        Ok(task)
    }

    /// Finds out whether the model can be run in float64.
    fn prepare_truth(&mut self) {
        let attempt = self
            .model
            .double()
            .map(|double| double.callable())
            .and_then(|callable| {
                let outputs = callable.bind(&self.wide_values(0))?.call()?.tensors()?;
                Ok((callable, outputs))
            });
        match attempt {
            Ok((callable, outputs)) => {
                let narrow = outputs
                    .iter()
                    .zip(&self.signature.outputs)
                    .find(|(t, meta)| meta.dtype.is_float() && t.kind() != Kind::Double);
                match narrow {
                    None => self.truth = Some(callable),
                    Some((tensor, _)) => {
                        self.truth_fallback = Some(format!(
                            "the model in float64 answers in {:?}; eager float32 is the truth",
                            tensor.kind()
                        ));
                    }
                }
            }
            Err(fault) => {
                self.truth_fallback = Some(format!(
                    "the model can't run in float64 ({fault}); eager float32 is the truth"
                ));
            }
        }
    }

    /// The values of a set with every float tensor in float64.
    fn wide_values(&self, set: usize) -> Vec<Value> {
        self.sets[set]
            .values
            .iter()
            .map(|value| match value {
                Value::Tensor(tensor) if is_float(tensor) => {
                    Value::Tensor(tensor.to_kind(Kind::Double))
                }
                other => copy_value(other),
            })
            .collect()
    }

    /// Changes a few values of each parameter, and with them eager model and
    /// truth; `seed` chooses which. Returns what [`Self::restore_params`]
    /// needs.
    ///
    /// Few, so that looking at a sample does not show it; by half of what they
    /// are, so that variances stay positive.
    pub fn alter_params(&mut self, seed: u64) -> Result<OwnParams, HarnessError> {
        const CHANGED: u64 = 16;
        let mut altered: Vec<Tensor> = self.params.iter().map(Tensor::copy).collect();
        let own = OwnParams {
            values: self.params.iter().map(Tensor::copy).collect(),
            truth: self.truth.take(),
        };
        for (index, tensor) in altered.iter_mut().enumerate() {
            if tensor.kind() != Kind::Float {
                continue;
            }
            let values = torch_bridge::elements_mut::<f32>(tensor)
                .map_err(HarnessError::python("changing a parameter"))?;
            let mut rng = stats::Rng::new(inputs::one_way(seed, "positions", index as u64));
            for _ in 0..CHANGED {
                let position = rng.index(values.len());
                if let Some(value) = values.get_mut(position) {
                    *value = if *value == 0.0 { 0.5 } else { *value * 1.5 };
                }
            }
        }
        self.take_params(altered)?;
        self.prepare_truth();
        Ok(own)
    }

    /// Undoes [`Self::alter_params`].
    pub fn restore_params(&mut self, own: OwnParams) -> Result<(), HarnessError> {
        self.take_params(own.values)?;
        self.truth = own.truth;
        Ok(())
    }

    fn take_params(&mut self, values: Vec<Tensor>) -> Result<(), HarnessError> {
        let keys = self.signature.params.iter().map(|(key, _)| key.clone());
        let pairs: Vec<(String, Tensor)> = keys.zip(values).collect();
        self.model
            .load_params(&pairs)
            .map_err(HarnessError::python("changing the model's parameters"))?;
        self.params = pairs.into_iter().map(|(_, tensor)| tensor).collect();
        Ok(())
    }

    /// The arguments of its model's constructor as a Python list of literals; `None`
    /// if other values are among them.
    pub fn init_literal(&self) -> Result<Option<String>, HarnessError> {
        self.module
            .init_literal()
            .map_err(HarnessError::python("reading `get_init_inputs`"))
    }

    /// The op graph of one call; exported once.
    pub fn graph(&self) -> Result<&OpGraph, HarnessError> {
        if let Some(graph) = self.graph.get() {
            return Ok(graph);
        }
        let graph = self
            .model
            .graph(&self.sets[0].values)
            .map_err(HarnessError::python("reading the op graph"))?;
        Ok(self.graph.get_or_init(|| graph))
    }

    /// Bytes of all inputs and all outputs of one call.
    pub fn traffic_bytes(&self) -> (u64, u64) {
        let sum = |metas: &[BufferMeta]| metas.iter().map(meta_bytes).sum();
        (sum(&self.signature.inputs), sum(&self.signature.outputs))
    }

    /// Floating-point operations of its matrix products and convolutions in one call, where they can
    /// be counted without a call.
    pub fn flops(&self) -> Option<u64> {
        self.module.footprint().ok().map(|takes| takes.flops)
    }

    /// Fills a set with the values of `draw`, in place.
    pub fn fill(&mut self, set: usize, draw: Draw) -> Result<(), HarnessError> {
        let own = if self.families.contains(&Family::Opaque) {
            // The bridge takes the seed of torch's generator: one per call.
            let seed = inputs::one_way(draw.seed, "get_inputs", draw.call);
            Some(
                self.module
                    .inputs(seed >> 1)
                    .map_err(HarnessError::python("making inputs"))?,
            )
        } else {
            None
        };
        let seed = inputs::one_way(draw.seed, "inputs", draw.call);
        let only = draw
            .special
            .and_then(|special| special.only(self.float_inputs(), seed));
        let mut floats = 0;
        let tensor_inputs = self.sets[set]
            .values
            .iter_mut()
            .filter_map(Value::as_tensor_mut);
        for (index, tensor) in tensor_inputs.enumerate() {
            let dtype = self.signature.inputs[index].dtype;
            let stream = index as u64;
            let bytes = torch_bridge::bytes_mut(tensor)
                .map_err(HarnessError::python("filling an input"))?;
            match (&self.families[index], &own) {
                (Family::Generated(distribution), _) => {
                    inputs::fill(distribution, dtype, seed, stream, bytes);
                }
                (Family::Constant, _) => bytes.copy_from_slice(&self.constants_bytes[index]),
                (Family::Opaque, values) => {
                    let drawn = values
                        .as_deref()
                        .and_then(|values| tensors(values).nth(index));
                    copy_drawn(&self.source.name, index, drawn, bytes)?;
                }
            }
            let concerns = only.is_none_or(|only| only == floats);
            floats += usize::from(dtype.is_float());
            if let Some(special) = draw.special
                && concerns
            {
                special.apply(self.domains[index], dtype, seed, stream, bytes);
            }
        }
        Ok(())
    }

    /// Floating-point inputs there are.
    fn float_inputs(&self) -> usize {
        let inputs = self.signature.inputs.iter();
        inputs.filter(|input| input.dtype.is_float()).count()
    }

    /// The special distributions that differ from each other on its inputs.
    pub fn specials(&self) -> Vec<Special> {
        Special::of_inputs(self.float_inputs()).collect()
    }

    /// Changes one value of each floating-point input of a set to one that is
    /// larger than all others, at a place that `seed` chooses; whether there
    /// was any to change.
    pub fn change_one(&mut self, set: usize, seed: u64) -> Result<bool, HarnessError> {
        let mut any = false;
        let tensor_inputs = self.sets[set]
            .values
            .iter_mut()
            .filter_map(Value::as_tensor_mut);
        for (index, tensor) in tensor_inputs.enumerate() {
            if tensor.kind() != Kind::Float {
                continue;
            }
            let values = torch_bridge::elements_mut::<f32>(tensor)
                .map_err(HarnessError::python("changing an input"))?;
            let mut rng = stats::Rng::new(inputs::one_way(seed, "position", index as u64));
            let position = rng.index(values.len());
            if let Some(value) = values.get_mut(position) {
                *value = value.abs() + 8.0;
                any = true;
            }
        }
        Ok(any)
    }

    /// Truth and eager outputs for what a set holds now.
    pub fn expected(&self, set: usize) -> Result<Expected, HarnessError> {
        let eager = self.sets[set]
            .eager
            .call()
            .and_then(|output| output.tensors())
            .map_err(HarnessError::python("calling the eager model"))?;
        let truth = match &self.truth {
            Some(callable) => callable
                .bind(&self.wide_values(set))
                .and_then(|bound| bound.call())
                .and_then(|output| output.tensors())
                .map_err(HarnessError::python("calling the model in float64"))?,
            None => eager
                .iter()
                .map(|tensor| {
                    if is_float(tensor) {
                        tensor.to_kind(Kind::Double)
                    } else {
                        tensor.shallow_clone()
                    }
                })
                .collect(),
        };
        Ok(Expected { truth, eager })
    }

    /// Content of a tensor input of a set.
    pub fn input_bytes(&self, set: usize, input: usize) -> Result<&[u8], HarnessError> {
        let tensor =
            tensors(&self.sets[set].values)
                .nth(input)
                .ok_or_else(|| HarnessError::Task {
                    task: self.source.name.clone(),
                    problem: format!("there is no tensor input {input}"),
                })?;
        torch_bridge::bytes(tensor).map_err(HarnessError::python("reading an input"))
    }

    /// Index of the signature's parameter `key`.
    pub fn param_index(&self, key: &str) -> Option<usize> {
        self.signature
            .params
            .iter()
            .position(|(name, _)| name == key)
    }
}

/// The tensors among some values.
fn tensors(values: &[Value]) -> impl Iterator<Item = &Tensor> {
    values.iter().filter_map(Value::as_tensor)
}

fn copy_value(value: &Value) -> Value {
    match value {
        Value::Tensor(tensor) => Value::Tensor(tensor.copy()),
        Value::Int(number) => Value::Int(*number),
        Value::Float(number) => Value::Float(*number),
        Value::Bool(flag) => Value::Bool(*flag),
    }
}

fn is_float(tensor: &Tensor) -> bool {
    matches!(
        tensor.kind(),
        Kind::Float | Kind::Double | Kind::Half | Kind::BFloat16
    )
}

fn same_bits(a: &Tensor, b: &Tensor) -> bool {
    match (torch_bridge::bytes(a), torch_bridge::bytes(b)) {
        (Ok(left), Ok(right)) => left == right,
        _ => false,
    }
}

fn meta_of(tensor: &Tensor) -> Result<BufferMeta, String> {
    let name = torch_bridge::dtype_name(tensor.kind());
    let dtype = Dtype::from_name(&name).ok_or_else(|| {
        format!("dtype {name} is not supported (f32, f64, i64, i32, u8, bool are)")
    })?;
    Ok(BufferMeta {
        dtype,
        shape: tensor.size(),
    })
}

fn meta_bytes(meta: &BufferMeta) -> u64 {
    meta.shape.iter().product::<i64>().unsigned_abs() * meta.dtype.size_bytes() as u64
}

fn copy_drawn(
    task: &str,
    index: usize,
    drawn: Option<&Tensor>,
    into: &mut [u8],
) -> Result<(), HarnessError> {
    let problem = |problem: String| HarnessError::Task {
        task: task.to_owned(),
        problem,
    };
    let drawn =
        drawn.ok_or_else(|| problem(format!("get_inputs() gave no input {index} this time")))?;
    let from = torch_bridge::bytes(drawn).map_err(HarnessError::python("reading an input"))?;
    if from.len() != into.len() {
        return Err(problem(
            "get_inputs() changes its shapes between calls".to_owned(),
        ));
    }
    into.copy_from_slice(from);
    Ok(())
}

/// What the harness knows about how the task's inputs are distributed.
struct Learned {
    families: Vec<Family>,
    domains: Vec<Domain>,
    /// Content of the inputs that never change; empty for the others.
    constants: Vec<Vec<u8>>,
}

fn learn(first: &[Value], second: &[Value]) -> Result<Learned, String> {
    let mut draws = (Vec::new(), Vec::new());
    let metas = tensors(first)
        .enumerate()
        .map(|(index, tensor)| meta_of(tensor).map_err(|text| format!("input {index}: {text}")))
        .collect::<Result<Vec<_>, _>>()?;
    for (index, (a, b)) in tensors(first).zip(tensors(second)).enumerate() {
        if a.size() != b.size() || a.kind() != b.kind() {
            return Err(format!(
                "input {index} changes its shape or dtype between draws"
            ));
        }
        for (tensor, into) in [(a, &mut draws.0), (b, &mut draws.1)] {
            into.push(inputs::Draw {
                dtype: metas[index].dtype,
                shape: &metas[index].shape,
                bytes: torch_bridge::bytes(tensor)
                    .map_err(|fault| format!("input {index}: {fault}"))?,
            });
        }
    }
    let families = inputs::infer_all(&draws.0, &draws.1);
    let domains = draws
        .0
        .iter()
        .map(|draw| Domain::of_values(draw.dtype, draw.bytes))
        .collect();
    let constants = families
        .iter()
        .zip(&draws.0)
        .map(|(family, draw)| match family {
            Family::Constant => draw.bytes.to_vec(),
            _ => Vec::new(),
        })
        .collect();
    Ok(Learned {
        families,
        domains,
        constants,
    })
}
