//! Integer expressions over dimensions: a small total language.
//!
//! ```text
//! expr    = term (("+" | "-") term)*          i64, checked
//! term    = unary (("*" | "/" | "%") unary)*  floor division, divisor > 0
//! unary   = "-" unary | atom
//! atom    = integer | name | name ".numel" | name ".rank" | name ".shape[" expr "]"
//!         | "(" expr ")" | function "(" expr "," expr ")" | "prod(" name "," expr "," expr ")"
//! function = min | max | ceil_div | round_up
//! ```
//!
//! Parsing and evaluation end for every text and every environment: length and
//! depth are bounded, and every operation either has a value or says why not.

mod eval;
mod parser;
#[cfg(test)]
mod tests;

use std::fmt;

pub use eval::Env;

/// Longest expression, in bytes.
pub(super) const MAX_LEN: usize = 1024;

/// Deepest nesting of parentheses, calls and signs.
pub(super) const MAX_DEPTH: usize = 64;

/// A parsed expression with the text it came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expr {
    text: String,
    root: Node,
}

/// One node of an expression. `at` is the byte offset in the text that errors name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Node {
    /// A literal.
    Int(i64),
    /// A dimension by name.
    Dim {
        /// Offset of the name.
        at: usize,
        /// The name.
        name: String,
    },
    /// `B.shape[k]`; a negative `k` counts from the end.
    Shape {
        /// Offset of the buffer's name.
        at: usize,
        /// The buffer.
        buffer: String,
        /// Which dimension.
        index: Box<Node>,
    },
    /// `B.numel`, the number of elements.
    Numel {
        /// Offset of the buffer's name.
        at: usize,
        /// The buffer.
        buffer: String,
    },
    /// `B.rank`, the number of dimensions.
    Rank {
        /// Offset of the buffer's name.
        at: usize,
        /// The buffer.
        buffer: String,
    },
    /// `prod(B, lo, hi)`, the product of the sizes of dimensions `lo..hi`.
    Prod {
        /// Offset of the buffer's name.
        at: usize,
        /// The buffer.
        buffer: String,
        /// First dimension; negative counts from the end.
        lo: Box<Node>,
        /// One past the last dimension; negative counts from the end.
        hi: Box<Node>,
    },
    /// Negation.
    Neg {
        /// Offset of the sign.
        at: usize,
        /// What is negated.
        operand: Box<Node>,
    },
    /// An infix operation.
    Binary {
        /// Offset of the operator.
        at: usize,
        /// The operator.
        op: BinaryOp,
        /// Left operand.
        left: Box<Node>,
        /// Right operand.
        right: Box<Node>,
    },
    /// A function of two arguments.
    Call {
        /// Offset of the function's name.
        at: usize,
        /// The function.
        function: Function,
        /// First argument.
        left: Box<Node>,
        /// Second argument.
        right: Box<Node>,
    },
}

/// Infix operators.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BinaryOp {
    /// `+`
    Add,
    /// `-`
    Sub,
    /// `*`
    Mul,
    /// `/`, rounding towards minus infinity; the divisor must be positive.
    Div,
    /// `%`, the remainder of `/`, never negative.
    Rem,
}

impl BinaryOp {
    /// The operator as written.
    pub fn symbol(self) -> char {
        match self {
            Self::Add => '+',
            Self::Sub => '-',
            Self::Mul => '*',
            Self::Div => '/',
            Self::Rem => '%',
        }
    }
}

/// Functions of two arguments.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Function {
    /// The smaller.
    Min,
    /// The larger.
    Max,
    /// Division rounding towards plus infinity; the divisor must be positive.
    CeilDiv,
    /// The first argument rounded up to a multiple of the second, which must be positive.
    RoundUp,
}

impl Function {
    /// Every function.
    pub const ALL: [Self; 4] = [Self::Min, Self::Max, Self::CeilDiv, Self::RoundUp];

    /// The function's name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Min => "min",
            Self::Max => "max",
            Self::CeilDiv => "ceil_div",
            Self::RoundUp => "round_up",
        }
    }
}

/// Why an expression has no value, with the expression and the place.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{expression}` at column {column}: {kind}")]
pub struct ExprError {
    /// The whole expression, cut to a readable length.
    pub expression: String,
    /// Column of the offending part, counted in characters from 1.
    pub column: usize,
    /// What is wrong there.
    pub kind: ExprErrorKind,
}

/// What can be wrong with an expression.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ExprErrorKind {
    /// The text is longer than [`MAX_LEN`].
    #[error("longer than {MAX_LEN} bytes")]
    TooLong,
    /// Nesting is deeper than [`MAX_DEPTH`].
    #[error("nested deeper than {MAX_DEPTH} levels")]
    TooDeep,
    /// The text does not follow the grammar.
    #[error("expected {expected}, found {found}")]
    Syntax {
        /// What could stand there.
        expected: &'static str,
        /// What stands there.
        found: String,
    },
    /// An integer literal does not fit an i64.
    #[error("the number {0} does not fit 64 bits")]
    LiteralTooLarge(String),
    /// No dimension or function has this name.
    #[error("unknown name `{name}`{}", hint(.suggestion.as_deref()))]
    UnknownName {
        /// The name as written.
        name: String,
        /// The nearest known name.
        suggestion: Option<String>,
    },
    /// No buffer has this name.
    #[error("unknown buffer `{name}`{}", hint(.suggestion.as_deref()))]
    UnknownBuffer {
        /// The name as written.
        name: String,
        /// The nearest known buffer.
        suggestion: Option<String>,
    },
    /// A dimension index outside the buffer's rank.
    #[error("dimension {index} is outside `{buffer}`, which has rank {rank}")]
    IndexOutOfRange {
        /// The buffer.
        buffer: String,
        /// The index as evaluated.
        index: i64,
        /// The buffer's rank.
        rank: usize,
    },
    /// `prod` with its bounds the wrong way round.
    #[error("the range {lo}..{hi} of `{buffer}` runs backwards")]
    BackwardRange {
        /// The buffer.
        buffer: String,
        /// First dimension, counted from the front.
        lo: i64,
        /// One past the last dimension, counted from the front.
        hi: i64,
    },
    /// A result does not fit an i64.
    #[error("{operation} overflows 64 bits")]
    Overflow {
        /// The operation with its operands.
        operation: String,
    },
    /// Division by zero.
    #[error("{operation} divides by zero")]
    DivisionByZero {
        /// The operation with its operands.
        operation: String,
    },
    /// Division by a negative number, which the language does not define.
    #[error("{operation} divides by a negative number")]
    NegativeDivisor {
        /// The operation with its operands.
        operation: String,
    },
    /// A size came out negative.
    #[error("a size must not be negative, but this is {value}")]
    NegativeSize {
        /// The value.
        value: i64,
    },
}

impl ExprErrorKind {
    /// Stable identifier of the cause.
    pub fn code(&self) -> &'static str {
        match self {
            Self::TooLong => "expression-too-long",
            Self::TooDeep => "expression-too-deep",
            Self::Syntax { .. } => "expression-syntax",
            Self::LiteralTooLarge(_) | Self::Overflow { .. } => "overflow",
            Self::UnknownName { .. } => "unknown-name",
            Self::UnknownBuffer { .. } => "unknown-buffer",
            Self::IndexOutOfRange { .. } | Self::BackwardRange { .. } => "index-out-of-range",
            Self::DivisionByZero { .. } => "division-by-zero",
            Self::NegativeDivisor { .. } => "negative-divisor",
            Self::NegativeSize { .. } => "negative-size",
        }
    }
}

/// Renders an optional suggestion as the tail of a message.
pub(super) fn hint(suggestion: Option<&str>) -> String {
    suggestion.map_or_else(String::new, |name| format!(" (did you mean `{name}`?)"))
}

impl Expr {
    /// Parses an expression.
    pub fn parse(text: &str) -> Result<Self, ExprError> {
        match parser::parse(text) {
            Ok(root) => Ok(Self {
                text: text.to_owned(),
                root,
            }),
            Err((at, kind)) => Err(locate(text, at, kind)),
        }
    }

    /// Evaluates in `env`.
    pub fn eval(&self, env: &Env) -> Result<i64, ExprError> {
        eval::eval(&self.root, env).map_err(|(at, kind)| locate(&self.text, at, kind))
    }

    /// Evaluates to a size: like [`Expr::eval`], but a negative value is an error.
    pub fn eval_size(&self, env: &Env) -> Result<i64, ExprError> {
        let value = self.eval(env)?;
        if value < 0 {
            return Err(locate(&self.text, 0, ExprErrorKind::NegativeSize { value }));
        }
        Ok(value)
    }

    /// The text as written.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The parsed form.
    pub fn root(&self) -> &Node {
        &self.root
    }
}

/// Builds the error for `kind` at byte offset `at` of `text`.
fn locate(text: &str, at: usize, kind: ExprErrorKind) -> ExprError {
    const SHOWN_CHARS: usize = 120;
    let column = text
        .char_indices()
        .take_while(|(offset, _)| *offset < at)
        .count()
        + 1;
    let mut expression: String = text.chars().take(SHOWN_CHARS).collect();
    if expression.len() < text.len() {
        expression.push('…');
    }
    ExprError {
        expression,
        column,
        kind,
    }
}

/// Writes the expression fully parenthesised; parsing it back gives the same tree
/// but for offsets.
impl fmt::Display for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Int(value) => write!(f, "{value}"),
            Self::Dim { name, .. } => f.write_str(name),
            Self::Shape { buffer, index, .. } => write!(f, "{buffer}.shape[{index}]"),
            Self::Numel { buffer, .. } => write!(f, "{buffer}.numel"),
            Self::Rank { buffer, .. } => write!(f, "{buffer}.rank"),
            Self::Prod { buffer, lo, hi, .. } => write!(f, "prod({buffer}, {lo}, {hi})"),
            Self::Neg { operand, .. } => write!(f, "-({operand})"),
            Self::Binary {
                op, left, right, ..
            } => write!(f, "({left} {} {right})", op.symbol()),
            Self::Call {
                function,
                left,
                right,
                ..
            } => write!(f, "{}({left}, {right})", function.name()),
        }
    }
}
