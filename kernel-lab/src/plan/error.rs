//! Why a plan is refused: values that become `rejected` verdicts.

use super::expr::{ExprError, hint};
use super::library::LibraryOp;

/// A refused plan: where and why. Its text is the whole message; there is no
/// further source to print.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("plan.toml{}: {place}: {problem}", line_suffix(*.line))]
pub struct PlanError {
    /// Line of the offending text, counted from 1, where there is one.
    pub line: Option<usize>,
    /// The part of the plan, e.g. "`[dims]` key `rows`".
    pub place: String,
    /// What is wrong.
    pub problem: Box<Problem>,
}

impl PlanError {
    pub(super) fn new(
        line: impl Into<Option<usize>>,
        place: impl Into<String>,
        problem: Problem,
    ) -> Self {
        Self {
            line: line.into(),
            place: place.into(),
            problem: Box::new(problem),
        }
    }

    /// Stable identifier of the problem, e.g. `unknown-key`.
    pub fn kind(&self) -> &'static str {
        self.problem.code()
    }
}

/// What can be wrong with a plan.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// Not TOML.
    #[error("not valid TOML: {0}")]
    Syntax(String),
    /// More of something than any honest plan needs.
    #[error("too many {what}: {count}, at most {limit}")]
    TooMany {
        /// What there is too much of.
        what: &'static str,
        /// How many there are.
        count: usize,
        /// How many there may be.
        limit: usize,
    },
    /// A key that has no meaning here.
    #[error("unknown key `{key}`{}; known keys: {}", hint(.suggestion.as_deref()), .known.join(", "))]
    UnknownKey {
        /// The key as written.
        key: String,
        /// The nearest known key.
        suggestion: Option<String>,
        /// Every key that has a meaning here.
        known: Vec<&'static str>,
    },
    /// A launch parameter of another device.
    #[error(
        "`{key}` is invalid on device `cpu`: a kernel is called once per part with `(int part, int parts, …)` \
         and splits its own work"
    )]
    DeviceKey {
        /// The key as written.
        key: String,
    },
    /// A size of a launch that no GPU takes.
    #[error("`{key}` is {value}; it must lie between {least} and {most}")]
    LaunchSize {
        /// Which, e.g. `grid[1]`.
        key: String,
        /// Its value.
        value: i64,
        /// The smallest possible.
        least: i64,
        /// The largest possible.
        most: i64,
    },
    /// More sizes than there are dimensions, or none.
    #[error("`{key}` has {count} sizes; a launch has 1 to 3, x first")]
    LaunchRank {
        /// `grid`, `block` or `cluster`.
        key: &'static str,
        /// How many there are.
        count: usize,
    },
    /// More threads than a block has room for.
    #[error("a block of {} threads is {threads} threads; at most {most} fit", product(.block))]
    BlockThreads {
        /// Sizes in x, y and z.
        block: [u32; 3],
        /// All of them.
        threads: u64,
        /// The most that fit.
        most: u64,
    },
    /// Clusters that don't fill the grid.
    #[error("a grid of {} blocks can't be split into clusters of {}", product(.grid), product(.cluster))]
    ClusterGrid {
        /// Blocks in x, y and z.
        grid: [u32; 3],
        /// Blocks of a cluster in x, y and z.
        cluster: [u32; 3],
    },
    /// A required key is absent.
    #[error("missing key `{0}`")]
    MissingKey(&'static str),
    /// A value of the wrong TOML type.
    #[error("expected {expected}, found {found}")]
    WrongType {
        /// What should stand there.
        expected: &'static str,
        /// The TOML type that stands there.
        found: &'static str,
    },
    /// The plan follows another schema.
    #[error("schema {0} is not supported, only 1")]
    UnsupportedSchema(i64),
    /// Not a name.
    #[error("`{name}` is no {what}: {rule}")]
    InvalidName {
        /// The name as written.
        name: String,
        /// What kind of name.
        what: &'static str,
        /// What such a name looks like.
        rule: &'static str,
    },
    /// A dtype that no buffer can have.
    #[error("unknown dtype `{0}`; temporaries can be f32, f64, i64, i32, u8")]
    UnknownDtype(String),
    /// A library function outside the allow-list.
    #[error("unknown library op `{op}`{}; known: {}", hint(.suggestion.as_deref()), LibraryOp::list())]
    UnknownLibraryOp {
        /// The op as written.
        op: String,
        /// The nearest known op.
        suggestion: Option<String>,
    },
    /// A step that is neither kernel nor library node, or both.
    #[error("a step has either `kernel` or `library`")]
    KernelOrLibrary,
    /// No step at all.
    #[error("there is no `[[step]]`")]
    NoSteps,
    /// A float that is not finite.
    #[error("the argument {0} is not finite")]
    NotFinite(String),
    /// A bad expression.
    #[error("{0}")]
    Expression(ExprError),
    /// A buffer that does not exist.
    #[error("unknown buffer `{name}`{}", hint(.suggestion.as_deref()))]
    UnknownBuffer {
        /// The name as written.
        name: String,
        /// The nearest known buffer.
        suggestion: Option<String>,
    },
    /// A dimension named like one the lab defines.
    #[error("`{0}` is predefined and can't be redefined")]
    ReservedName(String),
    /// A buffer whose size in bytes does not fit 64 bits.
    #[error("shape {shape:?} of {dtype} overflows 64 bits")]
    SizeOverflow {
        /// The evaluated shape.
        shape: Vec<i64>,
        /// Element type.
        dtype: &'static str,
    },
    /// Temporaries too large together.
    #[error("temporaries need {bytes} bytes together, at most {limit_bytes} are allowed")]
    TempsTooLarge {
        /// Bytes asked for.
        bytes: u64,
        /// Bytes allowed.
        limit_bytes: u64,
    },
    /// A prepare step that touches per-call buffers.
    #[error(
        "a prepare step runs once, before any call: it can't use `{0}`, only param.* and tmp.*"
    )]
    PrepareTouches(String),
    /// A library node that writes where nothing may be written.
    #[error("`{0}` is read-only: only tmp.* and out.* can be written")]
    WritesReadOnly(String),
    /// A library node that reads and writes the same buffer.
    #[error("`{0}` is both input and output of a library node")]
    Aliased(String),
    /// One symbol called with arguments of different types.
    #[error(
        "kernel `{symbol}` is called with argument {index} as {now} here and as {before} on line {line_before}"
    )]
    ConflictingTypes {
        /// The kernel.
        symbol: String,
        /// Which argument, counted from 0 in plan order.
        index: usize,
        /// Type here.
        now: String,
        /// Type in an earlier step.
        before: String,
        /// Line of that step.
        line_before: usize,
    },
    /// One symbol called with different numbers of arguments.
    #[error(
        "kernel `{symbol}` is called with {now} arguments here and with {before} on line {line_before}"
    )]
    ConflictingCount {
        /// The kernel.
        symbol: String,
        /// Arguments here.
        now: usize,
        /// Arguments in an earlier step.
        before: usize,
        /// Line of that step.
        line_before: usize,
    },
    /// An output that no step mentions.
    #[error("no step writes `{0}`")]
    OutputUnused(String),
    /// A library node's operands don't fit.
    #[error("{op}: {reason}")]
    LibraryOperands {
        /// The op.
        op: &'static str,
        /// What does not fit, with both sides.
        reason: String,
    },
}

impl Problem {
    /// Stable identifier, as in verdicts and statistics.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Syntax(_) => "toml-syntax",
            Self::TooMany { .. } => "too-many",
            Self::UnknownKey { .. } => "unknown-key",
            Self::DeviceKey { .. } => "invalid-on-device",
            Self::LaunchSize { .. } | Self::BlockThreads { .. } | Self::ClusterGrid { .. } => {
                "launch-size"
            }
            Self::LaunchRank { .. } => "launch-rank",
            Self::MissingKey(_) => "missing-key",
            Self::WrongType { .. } => "wrong-type",
            Self::UnsupportedSchema(_) => "unsupported-schema",
            Self::InvalidName { .. } => "invalid-name",
            Self::UnknownDtype(_) => "unknown-dtype",
            Self::UnknownLibraryOp { .. } => "unknown-library-op",
            Self::KernelOrLibrary => "kernel-or-library",
            Self::NoSteps => "no-steps",
            Self::NotFinite(_) => "not-finite",
            Self::Expression(error) => error.kind.code(),
            Self::UnknownBuffer { .. } => "unknown-buffer",
            Self::ReservedName(_) => "reserved-name",
            Self::SizeOverflow { .. } => "overflow",
            Self::TempsTooLarge { .. } => "temps-too-large",
            Self::PrepareTouches(_) => "prepare-touches-call-buffer",
            Self::WritesReadOnly(_) => "writes-read-only",
            Self::Aliased(_) => "aliased-buffers",
            Self::ConflictingTypes { .. } | Self::ConflictingCount { .. } => {
                "conflicting-signatures"
            }
            Self::OutputUnused(_) => "output-unused",
            Self::LibraryOperands { .. } => "library-operands",
        }
    }
}

fn line_suffix(line: Option<usize>) -> String {
    line.map_or_else(String::new, |line| format!(":{line}"))
}

fn product(sizes: &[u32; 3]) -> String {
    let [x, y, z] = sizes;
    format!("{x}×{y}×{z}")
}
