//! Decoded instructions.

use super::copy::Copy;
use super::kernel::Ready;
use super::rows::{Kind, Registers, Slots};
use super::tensor::Tensor;
use crate::memory::Layout;
use crate::ops::Class;
use crate::ptx::{Location, Space};

/// A predicate register that always holds.
pub(crate) const TRUE: u32 = 1;
/// A predicate register that nobody reads.
pub(crate) const NOWHERE: u32 = 2;
/// Predicate registers with a meaning, the carry among them.
pub(crate) const RESERVED: u32 = 3;

/// A function, ready to be run.
#[derive(Clone, Debug)]
pub(crate) struct Code {
    pub(crate) name: String,
    pub(crate) entry: bool,
    pub(crate) steps: Vec<Step>,
    /// Where ways that part at a step come together again, if they do: its
    /// immediate post-dominator.
    pub(crate) joins: Vec<u32>,
    /// What registers start with: constants, and zeros.
    pub(crate) template: Registers,
    /// Registers that may be read before they are written, of those that do not
    /// hold the same from the start to the end; predicates apart.
    pub(crate) unset: Vec<(Kind, u32)>,
    /// Registers that hold what a thread is told about itself.
    pub(crate) specials: Vec<(u32, Special)>,
    /// Those of them that differ from block to block.
    pub(crate) by_block: Vec<(u32, Special)>,
    /// Arguments: offset and bytes of each.
    pub(crate) params: Vec<(u32, u32)>,
    /// What a function returns, in its local memory.
    pub(crate) results: Vec<(u32, u32)>,
    /// Bytes of all arguments.
    pub(crate) param_bytes: u32,
    /// Bytes of its own variables in local memory, of each thread.
    pub(crate) local_bytes: u32,
    /// Shared variables: its own, those of functions and of the module.
    pub(crate) shared: Layout,
    /// `.maxntid` and `.reqntid`, as a product.
    pub(crate) max_threads: Option<u32>,
    pub(crate) required: Option<[u32; 3]>,
}

impl Code {
    /// Whether it calls `malloc` or `free`.
    pub(crate) fn allocates(&self) -> bool {
        let is_call = |step: &Step| match &step.what {
            What::Call(call) => matches!(call.callee, Callee::Malloc | Callee::Free),
            _ => false,
        };
        self.steps.iter().any(is_call)
    }
}

/// One instruction.
#[derive(Clone, Debug)]
pub(crate) struct Step {
    /// It takes place in lanes where this predicate, with all bits flipped
    /// where `flip` is all ones, holds.
    pub(crate) guard: u32,
    pub(crate) flip: u32,
    pub(crate) what: What,
    pub(crate) class: Class,
    pub(crate) flops: u32,
    /// Line of the PTX.
    pub(crate) line: u32,
    /// Of the source, if it is known.
    pub(crate) location: Option<Location>,
}

/// A register.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Register {
    pub(crate) kind: Kind,
    pub(crate) slot: u32,
}

/// Where an access goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Target {
    /// `None` is generic.
    pub(crate) space: Option<Space>,
    /// Added to the offset.
    pub(crate) base: Option<Register>,
    pub(crate) offset: u64,
}

/// A load or a store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Access {
    pub(crate) target: Target,
    /// Of one element.
    pub(crate) bytes: u32,
    /// Volatile, or with an order: seen by others as atomics are.
    pub(crate) strong: bool,
    /// Whether an element is extended by its sign.
    pub(crate) signed: bool,
    /// Bytes of all elements that somebody uses, a bit for each.
    pub(crate) used: u32,
    /// One register an element; `None` is `_`.
    pub(crate) values: Vec<Option<Register>>,
}

impl Access {
    /// Bytes of all elements.
    pub(crate) fn width(&self) -> u32 {
        self.bytes * self.values.len() as u32
    }

    /// Registers that are asked for, and how far behind the address their
    /// elements lie.
    pub(crate) fn elements(&self) -> impl Iterator<Item = (Register, u64)> {
        let bytes = u64::from(self.bytes);
        let values = self.values.iter().enumerate();
        values.filter_map(move |(at, value)| Some(((*value)?, at as u64 * bytes)))
    }
}

/// What an atomic does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    Add,
    Min,
    Max,
    And,
    Or,
    Xor,
    Exchange,
    CompareAndSwap,
    Increment,
    Decrement,
}

/// On what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Number {
    U32,
    S32,
    U64,
    S64,
    F32,
    F64,
    F16,
    F16x2,
    B16,
    Bf16,
    Bf16x2,
}

impl Number {
    pub(crate) fn bytes(self) -> u32 {
        match self {
            Self::F16 | Self::B16 | Self::Bf16 => 2,
            Self::U64 | Self::S64 | Self::F64 => 8,
            _ => 4,
        }
    }
}

/// An atomic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Atomic {
    pub(crate) target: Target,
    pub(crate) change: Change,
    pub(crate) number: Number,
    pub(crate) old: Option<Register>,
    pub(crate) operands: Vec<Register>,
}

/// How lanes find whom to read from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shuffle {
    Up,
    Down,
    Butterfly,
    Index,
}

/// What lanes ask each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Vote {
    All,
    Any,
    Uniform,
    Ballot,
}

/// A reduction over lanes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reduce {
    Add,
    MinS32,
    MaxS32,
    MinU32,
    MaxU32,
    And,
    Or,
    Xor,
}

/// What a barrier works out over all who come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tally {
    Count,
    And,
    Or,
}

/// Who is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Callee {
    Function(u32),
    /// In a register: an address of a function.
    Indirect(Register),
    Printf,
    AssertFail,
    Malloc,
    Free,
}

/// A call: variables in the caller's local memory that are handed over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Call {
    pub(crate) callee: Callee,
    /// Offset and bytes of each argument.
    pub(crate) arguments: Vec<(u32, u32)>,
    /// Of each result.
    pub(crate) results: Vec<(u32, u32)>,
}

/// What is done.
#[derive(Clone, Debug)]
pub(crate) enum What {
    Alu(Ready, Slots),
    /// Where a variable in local memory lies.
    LocalAddress(Register, u32),
    Load(Box<Access>),
    Store(Box<Access>),
    Atomic(Box<Atomic>),
    /// Whether a generic address lies in a space.
    IsSpace {
        d: u32,
        address: Register,
        space: Space,
    },
    Branch(u32),
    /// By an index.
    BranchIndexed(Register, Box<[u32]>),
    Call(Box<Call>),
    Return,
    Exit,
    Trap,
    Barrier {
        id: Register,
        threads: Option<Register>,
        /// Whether all lanes of a warp must come to it at once.
        aligned: bool,
        /// Whether it waits, or only says that it was here.
        waits: bool,
        /// Of which predicate, and where the result goes.
        tally: Option<(Tally, u32, Register)>,
    },
    /// The register that names its lanes.
    WarpBarrier(u32),
    /// Memory is in order here anyway.
    Fence,
    Shuffle {
        how: Shuffle,
        d: u32,
        valid: u32,
        value: u32,
        by: u32,
        clamp: u32,
        members: u32,
    },
    Vote {
        how: Vote,
        d: Register,
        held: u32,
        members: u32,
    },
    /// All lanes with the same value, or whether all have it.
    Match {
        all: bool,
        d: u32,
        held: u32,
        value: Register,
        members: u32,
    },
    Reduce {
        how: Reduce,
        d: u32,
        value: u32,
        members: u32,
    },
    ActiveMask(u32),
    Elect {
        d: Option<u32>,
        held: u32,
        members: u32,
    },
    /// Instructions that the warp has run.
    Clock(Register),
    /// Registers side by side into a wider one, lowest first.
    Pack(Register, Box<[Register]>),
    /// And back.
    Unpack(Box<[Option<Register>]>, Register),
    Tensor(Box<Tensor>),
    Copy(Box<Copy>),
    /// Nothing that can be seen.
    Nothing,
}

/// What a thread is told about itself and its launch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Special {
    Tid(u8),
    Ntid(u8),
    Ctaid(u8),
    Nctaid(u8),
    LaneId,
    WarpId,
    WarpCount,
    SmId,
    SmCount,
    GridId,
    LanemaskEq,
    LanemaskLe,
    LanemaskLt,
    LanemaskGe,
    LanemaskGt,
    DynamicShared,
    TotalShared,
    /// What the driver tells, by number: PTX ISA 9.0, section 10, `%envreg`.
    Environment(u8),
    /// 1 in a launch without clusters, or 0.
    One,
    Zero,
}

impl Special {
    /// Whether blocks of one launch are told different things.
    pub(crate) fn is_of_block(self) -> bool {
        matches!(self, Self::Ctaid(_) | Self::SmId)
    }
}
