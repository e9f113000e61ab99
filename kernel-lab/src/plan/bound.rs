//! A plan bound to a task: numbers and indices only, ready to be executed.

use serde::{Deserialize, Serialize};

use super::dtype::Dtype;
use super::library::{LibraryAttrs, LibraryOp};

/// A checked plan in which nothing is left to look up.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BoundPlan {
    /// Every buffer: inputs, then the parameters the plan mentions, then
    /// temporaries, then outputs; each kind in its own order.
    pub buffers: Vec<BoundBuffer>,
    /// Steps that run once per set of parameters.
    pub prepare: Vec<BoundStep>,
    /// Steps of every call, in order.
    pub steps: Vec<BoundStep>,
    /// The kernels, each symbol once, in order of first use.
    pub kernels: Vec<KernelSignature>,
    /// Whether library functions take part.
    pub track: Track,
}

/// A buffer with its place in the task.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BoundBuffer {
    /// What the buffer is.
    pub role: Role,
    /// Element type.
    pub dtype: Dtype,
    /// Sizes, outermost first; the buffer is contiguous.
    pub shape: Vec<i64>,
    /// Bytes of the contents.
    pub bytes: u64,
}

/// What a buffer is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// The n-th input of a call.
    In(usize),
    /// A parameter or buffer of the model, by its state_dict key.
    Param(String),
    /// A temporary, by its name.
    Temp(String),
    /// The n-th output of a call.
    Out(usize),
}

impl Role {
    /// Whether candidates may only read the buffer.
    pub fn is_read_only(&self) -> bool {
        matches!(self, Self::In(_) | Self::Param(_))
    }
}

/// Writes the name a plan uses, e.g. `param.fc.weight`.
impl std::fmt::Display for Role {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::In(index) => write!(f, "in.{index}"),
            Self::Param(key) => write!(f, "param.{key}"),
            Self::Temp(name) => write!(f, "tmp.{name}"),
            Self::Out(index) => write!(f, "out.{index}"),
        }
    }
}

/// One step with its operands resolved.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BoundStep {
    /// Calls a kernel: once per part on a CPU, or launched.
    Kernel {
        /// Index into [`BoundPlan::kernels`].
        kernel: usize,
        /// Arguments in plan order.
        args: Vec<BoundArg>,
        /// How it is launched; absent on a CPU.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        launch: Option<BoundLaunch>,
    },
    /// Runs a library function.
    Library {
        /// The function.
        op: LibraryOp,
        /// Indices into [`BoundPlan::buffers`] of what it reads.
        inputs: Vec<usize>,
        /// Indices into [`BoundPlan::buffers`] of what it writes.
        outputs: Vec<usize>,
        /// Its attributes.
        attrs: LibraryAttrs,
    },
}

/// How a kernel is launched, in numbers that every GPU takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct BoundLaunch {
    /// Blocks in x, y and z.
    pub grid: [u32; 3],
    /// Threads of a block in x, y and z.
    pub block: [u32; 3],
    /// Bytes of dynamic shared memory of a block.
    pub shared_bytes: u32,
    /// Whether all blocks are there at the same time.
    pub cooperative: bool,
    /// Blocks of a cluster in x, y and z.
    pub cluster: Option<[u32; 3]>,
}

impl BoundLaunch {
    /// Threads of a block.
    pub fn threads(&self) -> u32 {
        self.block.iter().product()
    }

    /// Blocks of the grid.
    pub fn blocks(&self) -> u64 {
        self.grid.iter().map(|size| u64::from(*size)).product()
    }
}

/// One argument of a kernel call.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BoundArg {
    /// Address of a buffer, by index into [`BoundPlan::buffers`].
    Buffer(usize),
    /// An integer.
    I64(i64),
    /// A floating-point number.
    F64(f64),
}

/// What a kernel takes; on a CPU after `part` and `parts`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KernelSignature {
    /// The C symbol.
    pub symbol: String,
    /// Types in plan order.
    pub args: Vec<ArgType>,
    /// The arguments of the first call as written, for messages.
    pub labels: Vec<String>,
    /// Line of the first call in `plan.toml`.
    pub line: usize,
}

/// Type of one argument.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ArgType {
    /// Pointer to elements that may only be read.
    PtrConst(Dtype),
    /// Pointer to elements that may be written.
    PtrMut(Dtype),
    /// Integer.
    I64,
    /// Floating point.
    F64,
}

impl ArgType {
    /// The type that serves both calls of one symbol: equal types, or read-only
    /// where one of two otherwise equal pointers is.
    pub(super) fn unify(self, other: Self) -> Option<Self> {
        match (self, other) {
            (Self::PtrConst(a) | Self::PtrMut(a), Self::PtrConst(b))
            | (Self::PtrConst(a), Self::PtrMut(b))
                if a == b =>
            {
                Some(Self::PtrConst(a))
            }
            (a, b) => (a == b).then_some(a),
        }
    }
}

/// Writes the parameter type a kernel should have, e.g. `const float*`.
impl std::fmt::Display for ArgType {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::PtrConst(dtype) => write!(f, "const {}*", dtype.cpp_name()),
            Self::PtrMut(dtype) => write!(f, "{}*", dtype.cpp_name()),
            Self::I64 => f.write_str("int64_t"),
            Self::F64 => f.write_str("double"),
        }
    }
}

/// Whether a result is all the candidate's own work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Track {
    /// Kernels only.
    Pure,
    /// At least one library node.
    LibraryAssisted,
    /// No plan at all: a module in Python, with all of PyTorch.
    Python,
}

impl Track {
    /// Its name in reports.
    pub fn word(self) -> &'static str {
        match self {
            Self::Pure => "pure",
            Self::LibraryAssisted => "library-assisted",
            Self::Python => "python",
        }
    }
}

impl BoundPlan {
    /// Index of the buffer with this role.
    pub fn find(&self, role: &Role) -> Option<usize> {
        self.buffers.iter().position(|buffer| buffer.role == *role)
    }

    /// Whether any step runs the library function `op`.
    pub fn uses(&self, op: LibraryOp) -> bool {
        let is_op =
            |step: &BoundStep| matches!(step, BoundStep::Library { op: of, .. } if *of == op);
        self.prepare.iter().chain(&self.steps).any(is_op)
    }

    /// Whether anything is to be done once per set of parameters. A module takes
    /// them over.
    pub fn has_prepare(&self) -> bool {
        let is_param = |buffer: &BoundBuffer| matches!(buffer.role, Role::Param(_));
        !self.prepare.is_empty()
            || (self.track == Track::Python && self.buffers.iter().any(is_param))
    }

    /// Bytes of all temporaries together.
    pub fn temp_bytes(&self) -> u64 {
        let temps = self
            .buffers
            .iter()
            .filter(|buffer| matches!(buffer.role, Role::Temp(_)));
        temps.map(|buffer| buffer.bytes).sum()
    }
}

impl BoundStep {
    /// Indices of the buffers a step touches.
    pub fn buffers(&self) -> impl Iterator<Item = usize> + '_ {
        let (args, inputs, outputs): (&[BoundArg], &[usize], &[usize]) = match self {
            Self::Kernel { args, .. } => (args, &[], &[]),
            Self::Library {
                inputs, outputs, ..
            } => (&[], inputs, outputs),
        };
        let pointers = args.iter().filter_map(|arg| match arg {
            BoundArg::Buffer(index) => Some(*index),
            BoundArg::I64(_) | BoundArg::F64(_) => None,
        });
        pointers
            .chain(inputs.iter().copied())
            .chain(outputs.iter().copied())
    }
}

impl BoundPlan {
    /// Removes parameters that no step uses, so that a runner need not hold them.
    pub(super) fn drop_unused_params(&mut self) {
        let mut used = vec![false; self.buffers.len()];
        for step in self.prepare.iter().chain(&self.steps) {
            step.buffers().for_each(|index| used[index] = true);
        }
        let keep: Vec<bool> = self
            .buffers
            .iter()
            .zip(&used)
            .map(|(buffer, used)| *used || !matches!(buffer.role, Role::Param(_)))
            .collect();
        let new_index: Vec<usize> = keep
            .iter()
            .scan(0, |next, keep| {
                let index = *next;
                *next += usize::from(*keep);
                Some(index)
            })
            .collect();
        let mut kept = keep.iter();
        self.buffers
            .retain(|_| kept.next().is_some_and(|keep| *keep));
        for step in self.prepare.iter_mut().chain(&mut self.steps) {
            match step {
                BoundStep::Kernel { args, .. } => {
                    for arg in args {
                        if let BoundArg::Buffer(index) = arg {
                            *index = new_index[*index];
                        }
                    }
                }
                BoundStep::Library {
                    inputs, outputs, ..
                } => {
                    inputs
                        .iter_mut()
                        .chain(outputs)
                        .for_each(|index| *index = new_index[*index]);
                }
            }
        }
    }
}
