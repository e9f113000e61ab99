//! A plan as written: parsed and checked in itself, not yet bound to a task.

use super::dtype::Dtype;
use super::expr::Expr;
use super::library::LibraryOp;

/// The parsed `plan.toml`.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// Version of the format, 1.
    pub schema: i64,
    /// Named dimensions in the order written; later ones may use earlier ones.
    pub dims: Vec<Dim>,
    /// Temporary buffers in the order written; `tmp.NAME` in arguments.
    pub temps: Vec<Temp>,
    /// Steps that run once per set of parameters.
    pub prepare: Vec<Step>,
    /// Steps of every call, in order.
    pub steps: Vec<Step>,
}

/// A named dimension.
#[derive(Debug, Clone, PartialEq)]
pub struct Dim {
    /// Its name.
    pub name: String,
    /// Its value.
    pub value: Expr,
    /// Line in `plan.toml`.
    pub line: usize,
}

/// A temporary buffer.
#[derive(Debug, Clone, PartialEq)]
pub struct Temp {
    /// Its name, without `tmp.`.
    pub name: String,
    /// Element type.
    pub dtype: Dtype,
    /// Sizes, outermost first.
    pub shape: Vec<Expr>,
    /// Line in `plan.toml`.
    pub line: usize,
}

/// One step.
#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    /// Where it stands, e.g. "`[[step]]` 2", counted from 1.
    pub place: String,
    /// Line in `plan.toml`.
    pub line: usize,
    /// What it does.
    pub kind: StepKind,
}

/// What a step does.
#[derive(Debug, Clone, PartialEq)]
pub enum StepKind {
    /// Calls a kernel of the candidate: once per part on a CPU, or launched.
    Kernel {
        /// The C symbol.
        symbol: String,
        /// Arguments; on a CPU those after `part` and `parts`.
        args: Vec<PlanArg>,
        /// How it is launched; absent on a CPU.
        launch: Option<Launch>,
    },
    /// Runs a library function.
    Library {
        /// The function.
        op: LibraryOp,
        /// Names of the buffers it reads.
        inputs: Vec<String>,
        /// Names of the buffers it writes.
        outputs: Vec<String>,
        /// Attributes in the order written.
        attrs: Vec<(String, AttrValue)>,
    },
}

/// How a kernel is launched, as written.
#[derive(Debug, Clone, PartialEq)]
pub struct Launch {
    /// Blocks of the grid: one to three sizes, x first.
    pub grid: Vec<Expr>,
    /// Threads of a block: one to three sizes, x first.
    pub block: Vec<Expr>,
    /// Bytes of dynamic shared memory of a block, if it has any.
    pub shared_bytes: Option<Expr>,
    /// Whether all blocks are there at the same time and can wait for each other.
    pub cooperative: bool,
    /// Blocks of a cluster: one to three sizes, x first.
    pub cluster: Option<Vec<Expr>>,
}

/// One argument of a kernel.
#[derive(Debug, Clone, PartialEq)]
pub enum PlanArg {
    /// A buffer name or an integer expression; a bare name is a buffer if one has
    /// that name, which only binding can tell.
    Text(Expr),
    /// An integer literal.
    Int(i64),
    /// A floating-point literal, finite.
    Float(f64),
}

/// The value of a library node's attribute.
#[derive(Debug, Clone, PartialEq)]
pub enum AttrValue {
    /// One integer or expression.
    Int(Expr),
    /// A list of integers or expressions.
    Ints(Vec<Expr>),
    /// A floating-point number, finite.
    Float(f64),
}
