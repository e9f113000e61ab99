//! [`Plan`] + task → [`BoundPlan`]: every check that needs shapes.

use std::collections::BTreeMap;

use super::bound::{
    ArgType, BoundArg, BoundBuffer, BoundPlan, BoundStep, KernelSignature, Role, Track,
};
use super::did_you_mean;
use super::dtype::Dtype;
use super::error::{PlanError, Problem};
use super::expr::{Env, Expr, Node};
use super::launch;
use super::spec::{Launch, Plan, PlanArg, Step, StepKind};

/// Element type and shape of a task's buffer.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct BufferMeta {
    /// Element type.
    pub dtype: Dtype,
    /// Sizes, outermost first.
    pub shape: Vec<i64>,
}

/// The buffers of a task.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Signature {
    /// Tensor inputs, in order.
    pub inputs: Vec<BufferMeta>,
    /// Parameters and buffers by state_dict key.
    pub params: Vec<(String, BufferMeta)>,
    /// Tensor outputs, tuples flattened.
    pub outputs: Vec<BufferMeta>,
}

/// What a plan may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of all temporaries together.
    pub temp_bytes: u64,
}

/// Name of the dimension that is predefined on a CPU: how many parts a kernel is split into.
const PARTS: &str = "parts";

/// Binds `plan` to a task. On a CPU its kernels run in `parts` parts; a GPU has none.
pub fn bind(
    plan: &Plan,
    signature: &Signature,
    parts: Option<i64>,
    limits: Limits,
) -> Result<BoundPlan, PlanError> {
    let mut binder = Binder::new(signature, parts)?;
    binder.bind_dims(plan)?;
    binder.bind_temps(plan, limits)?;
    binder.add_all(Role::Out, &signature.outputs)?;
    let prepare = plan
        .prepare
        .iter()
        .map(|step| binder.bind_step(step))
        .collect::<Result<Vec<_>, _>>()?;
    for (step, bound) in plan.prepare.iter().zip(&prepare) {
        binder.check_prepare(step, bound)?;
    }
    let steps = plan
        .steps
        .iter()
        .map(|step| binder.bind_step(step))
        .collect::<Result<Vec<_>, _>>()?;
    binder.check_outputs_written(&steps)?;
    let is_library = |step: &BoundStep| matches!(step, BoundStep::Library { .. });
    let track = if prepare.iter().chain(&steps).any(is_library) {
        Track::LibraryAssisted
    } else {
        Track::Pure
    };
    let mut bound = BoundPlan {
        buffers: binder.buffers,
        prepare,
        steps,
        kernels: binder.kernels,
        track,
    };
    bound.drop_unused_params();
    Ok(bound)
}

/// What stands for a plan where a module in Python does: all buffers of the task
/// and no steps.
pub fn of_module(signature: &Signature) -> Result<BoundPlan, PlanError> {
    let mut binder = Binder::new(signature, None)?;
    binder.add_all(Role::Out, &signature.outputs)?;
    Ok(BoundPlan {
        buffers: binder.buffers,
        prepare: Vec::new(),
        steps: Vec::new(),
        kernels: Vec::new(),
        track: Track::Python,
    })
}

pub(super) struct Binder {
    pub(super) env: Env,
    pub(super) buffers: Vec<BoundBuffer>,
    /// Index into `buffers` by the name a plan uses.
    by_name: BTreeMap<String, usize>,
    kernels: Vec<KernelSignature>,
    has_parts: bool,
}

impl Binder {
    fn new(signature: &Signature, parts: Option<i64>) -> Result<Self, PlanError> {
        let mut binder = Self {
            env: Env::default(),
            buffers: Vec::new(),
            by_name: BTreeMap::new(),
            kernels: Vec::new(),
            has_parts: parts.is_some(),
        };
        if let Some(parts) = parts {
            binder.env.set_dim(PARTS, parts);
        }
        binder.add_all(Role::In, &signature.inputs)?;
        for (key, meta) in &signature.params {
            binder.add(
                Role::Param(key.clone()),
                meta.dtype,
                meta.shape.clone(),
                None,
            )?;
        }
        // Outputs' shapes are known from the start, though their buffers come last.
        for (index, meta) in signature.outputs.iter().enumerate() {
            binder
                .env
                .set_shape(Role::Out(index).to_string(), meta.shape.clone());
        }
        Ok(binder)
    }

    fn add_all(
        &mut self,
        role: impl Fn(usize) -> Role,
        metas: &[BufferMeta],
    ) -> Result<(), PlanError> {
        for (index, meta) in metas.iter().enumerate() {
            self.add(role(index), meta.dtype, meta.shape.clone(), None)?;
        }
        Ok(())
    }

    fn add(
        &mut self,
        role: Role,
        dtype: Dtype,
        shape: Vec<i64>,
        line: Option<usize>,
    ) -> Result<u64, PlanError> {
        let name = role.to_string();
        let bytes = shape
            .iter()
            .try_fold(dtype.size_bytes() as i64, |bytes, size| {
                bytes.checked_mul(*size)
            })
            .and_then(|bytes| u64::try_from(bytes).ok());
        let Some(bytes) = bytes else {
            let problem = Problem::SizeOverflow {
                shape,
                dtype: dtype.name(),
            };
            return Err(PlanError::new(line, format!("buffer `{name}`"), problem));
        };
        self.env.set_shape(name.clone(), shape.clone());
        self.by_name.insert(name, self.buffers.len());
        self.buffers.push(BoundBuffer {
            role,
            dtype,
            shape,
            bytes,
        });
        Ok(bytes)
    }

    fn bind_dims(&mut self, plan: &Plan) -> Result<(), PlanError> {
        for dim in &plan.dims {
            let place = format!("`[dims]` key `{}`", dim.name);
            if dim.name == PARTS && self.has_parts {
                return Err(PlanError::new(
                    dim.line,
                    place,
                    Problem::ReservedName(dim.name.clone()),
                ));
            }
            let value = dim.value.eval_size(&self.env);
            let value = value
                .map_err(|error| PlanError::new(dim.line, place, Problem::Expression(error)))?;
            self.env.set_dim(dim.name.clone(), value);
        }
        Ok(())
    }

    fn bind_temps(&mut self, plan: &Plan, limits: Limits) -> Result<(), PlanError> {
        let mut total_bytes: u64 = 0;
        for temp in &plan.temps {
            let place = format!("`[temps.{}]`", temp.name);
            let shape = temp
                .shape
                .iter()
                .map(|size| size.eval_size(&self.env))
                .collect::<Result<Vec<_>, _>>();
            let shape = shape
                .map_err(|error| PlanError::new(temp.line, &place, Problem::Expression(error)))?;
            let bytes = self.add(
                Role::Temp(temp.name.clone()),
                temp.dtype,
                shape,
                Some(temp.line),
            )?;
            total_bytes = total_bytes.saturating_add(bytes);
            if total_bytes > limits.temp_bytes {
                let problem = Problem::TempsTooLarge {
                    bytes: total_bytes,
                    limit_bytes: limits.temp_bytes,
                };
                return Err(PlanError::new(temp.line, place, problem));
            }
        }
        Ok(())
    }

    fn bind_step(&mut self, step: &Step) -> Result<BoundStep, PlanError> {
        match &step.kind {
            StepKind::Kernel {
                symbol,
                args,
                launch,
            } => self.bind_kernel(step, symbol, args, launch.as_ref()),
            StepKind::Library {
                op,
                inputs,
                outputs,
                attrs,
            } => {
                let attrs = self.bind_attrs(step, *op, attrs)?;
                self.bind_library(step, *op, inputs, outputs, attrs)
            }
        }
    }

    fn bind_kernel(
        &mut self,
        step: &Step,
        symbol: &str,
        args: &[PlanArg],
        launch: Option<&Launch>,
    ) -> Result<BoundStep, PlanError> {
        let launch = launch
            .map(|launch| launch::bind(launch, step, &self.env))
            .transpose()?;
        let args_with_labels = args
            .iter()
            .map(|arg| match arg {
                PlanArg::Int(value) => Ok((BoundArg::I64(*value), value.to_string())),
                PlanArg::Float(value) => Ok((BoundArg::F64(*value), format!("{value:?}"))),
                PlanArg::Text(expr) => Ok((self.resolve(step, expr)?, expr.text().to_owned())),
            })
            .collect::<Result<Vec<_>, PlanError>>()?;
        let (args, labels): (Vec<_>, Vec<_>) = args_with_labels.into_iter().unzip();
        let types = args
            .iter()
            .map(|arg| match arg {
                BoundArg::I64(_) => ArgType::I64,
                BoundArg::F64(_) => ArgType::F64,
                BoundArg::Buffer(index) => {
                    let buffer = &self.buffers[*index];
                    if buffer.role.is_read_only() {
                        ArgType::PtrConst(buffer.dtype)
                    } else {
                        ArgType::PtrMut(buffer.dtype)
                    }
                }
            })
            .collect();
        let signature = KernelSignature {
            symbol: symbol.to_owned(),
            args: types,
            labels,
            line: step.line,
        };
        let kernel = self.kernel_index(step, signature)?;
        Ok(BoundStep::Kernel {
            kernel,
            args,
            launch,
        })
    }

    /// A bare name of a buffer is its address, anything else an integer.
    fn resolve(&self, step: &Step, expr: &Expr) -> Result<BoundArg, PlanError> {
        if let Node::Dim { name, .. } = expr.root() {
            // No dimension's name has a dot, so a dotted name can only be a buffer.
            if name.contains('.') {
                return self.buffer(step, name).map(BoundArg::Buffer);
            }
        }
        let value = expr.eval(&self.env);
        value
            .map(BoundArg::I64)
            .map_err(|error| PlanError::new(step.line, &step.place, Problem::Expression(error)))
    }

    pub(super) fn buffer(&self, step: &Step, name: &str) -> Result<usize, PlanError> {
        self.by_name.get(name).copied().ok_or_else(|| {
            let suggestion =
                did_you_mean(name, self.by_name.keys().map(String::as_str)).map(str::to_owned);
            PlanError::new(
                step.line,
                &step.place,
                Problem::UnknownBuffer {
                    name: name.to_owned(),
                    suggestion,
                },
            )
        })
    }

    /// Finds the kernel or adds it, merging its argument types with those of earlier calls.
    fn kernel_index(&mut self, step: &Step, new: KernelSignature) -> Result<usize, PlanError> {
        let Some(index) = self
            .kernels
            .iter()
            .position(|known| known.symbol == new.symbol)
        else {
            self.kernels.push(new);
            return Ok(self.kernels.len() - 1);
        };
        let known = &mut self.kernels[index];
        if known.args.len() != new.args.len() {
            let problem = Problem::ConflictingCount {
                symbol: new.symbol,
                now: new.args.len(),
                before: known.args.len(),
                line_before: known.line,
            };
            return Err(PlanError::new(step.line, &step.place, problem));
        }
        for (index, (before, now)) in known.args.iter_mut().zip(new.args).enumerate() {
            *before = before.unify(now).ok_or_else(|| {
                let problem = Problem::ConflictingTypes {
                    symbol: new.symbol.clone(),
                    index,
                    now: now.to_string(),
                    before: before.to_string(),
                    line_before: known.line,
                };
                PlanError::new(step.line, &step.place, problem)
            })?;
        }
        Ok(index)
    }

    fn check_prepare(&self, step: &Step, bound: &BoundStep) -> Result<(), PlanError> {
        let per_call = bound.buffers().map(|index| &self.buffers[index].role);
        let mut per_call = per_call.filter(|role| matches!(role, Role::In(_) | Role::Out(_)));
        match per_call.next() {
            Some(role) => Err(PlanError::new(
                step.line,
                &step.place,
                Problem::PrepareTouches(role.to_string()),
            )),
            None => Ok(()),
        }
    }

    /// Every output must at least be handed to a step that could write it.
    fn check_outputs_written(&self, steps: &[BoundStep]) -> Result<(), PlanError> {
        let mut written = vec![false; self.buffers.len()];
        for step in steps {
            match step {
                BoundStep::Kernel { .. } => step.buffers().for_each(|index| written[index] = true),
                BoundStep::Library { outputs, .. } => {
                    for index in outputs {
                        written[*index] = true;
                    }
                }
            }
        }
        let missing = self.buffers.iter().zip(written).find(|(buffer, written)| {
            matches!(buffer.role, Role::Out(_)) && buffer.bytes > 0 && !written
        });
        match missing {
            Some((buffer, _)) => Err(PlanError::new(
                None,
                "`[[step]]`",
                Problem::OutputUnused(buffer.role.to_string()),
            )),
            None => Ok(()),
        }
    }
}
