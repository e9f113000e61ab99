//! What the runner knows of library nodes: how to bind and run one. Who
//! executes them is the binary's affair.

use crate::arena::Arena;
use crate::wire::WireBuffer;

/// A node of a plan that a library executes.
#[derive(Clone, Copy, Debug)]
pub struct NodeSpec<'a> {
    /// Operator, such as `aten::mm`.
    pub op: &'a str,
    /// Buffers that it reads.
    pub inputs: &'a [&'a WireBuffer],
    /// Buffers that it writes.
    pub outputs: &'a [&'a WireBuffer],
    /// Attributes by name.
    pub attrs: &'a [(String, Vec<i64>)],
    /// Whether the result may stay in the library's own memory, because only
    /// kernels of later steps want it.
    pub lends: bool,
}

/// Somebody who executes library nodes.
pub trait Library {
    /// Starts its threads and builds its lazy state, so that nothing needs a
    /// new thread after the lock-down.
    fn warm_up(&self, threads: usize);

    /// Binds a node to buffers of `slot`.
    fn bind(
        &self,
        spec: NodeSpec<'_>,
        arena: &Arena,
        slot: usize,
    ) -> Result<Box<dyn Node>, LibraryError>;
}

/// A library node with its operands bound.
pub trait Node {
    /// Executes the node on the calling thread and the library's own. Returns
    /// the address of its result, valid until the next call, if that is not
    /// in the buffer that the node was bound to.
    fn run(&mut self) -> Result<Option<u64>, LibraryError>;
}

/// Why a library node can't be bound or executed.
#[derive(Debug, thiserror::Error)]
pub enum LibraryError {
    /// This runner has no library.
    #[error("`{0}` is a library node, and this runner links no library")]
    NoLibrary(String),
    /// Not on the list.
    #[error("`{0}` is not a library node of the runner")]
    UnknownOp(String),
    /// Wrong number of buffers.
    #[error("`{op}` takes {want} inputs and one output, got {inputs} and {outputs}")]
    Arity {
        /// Operator.
        op: String,
        /// What it takes.
        want: &'static str,
        /// Inputs given.
        inputs: usize,
        /// Outputs given.
        outputs: usize,
    },
    /// The library refused.
    #[error("`{op}` failed: {message}")]
    Refused {
        /// Operator.
        op: String,
        /// What it said.
        message: String,
    },
}
