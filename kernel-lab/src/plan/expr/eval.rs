//! Tree to value, in checked 64-bit arithmetic.

use std::collections::BTreeMap;

use super::{BinaryOp, ExprErrorKind, Function, Node};
use crate::plan::did_you_mean;

/// A failure at a byte offset.
type Failure = (usize, ExprErrorKind);

/// What names mean: dimensions and the shapes of buffers.
#[derive(Debug, Clone, Default)]
pub struct Env {
    dims: BTreeMap<String, i64>,
    shapes: BTreeMap<String, Vec<i64>>,
}

impl Env {
    /// Gives the dimension `name` a value; the last one given counts.
    pub fn set_dim(&mut self, name: impl Into<String>, value: i64) {
        self.dims.insert(name.into(), value);
    }

    /// Gives the buffer `name` a shape; the last one given counts.
    pub fn set_shape(&mut self, name: impl Into<String>, shape: Vec<i64>) {
        self.shapes.insert(name.into(), shape);
    }

    /// The value of a dimension.
    pub fn dim(&self, name: &str) -> Option<i64> {
        self.dims.get(name).copied()
    }

    /// The shape of a buffer.
    pub fn shape(&self, name: &str) -> Option<&[i64]> {
        self.shapes.get(name).map(Vec::as_slice)
    }

    fn buffer(&self, name: &str, at: usize) -> Result<&[i64], Failure> {
        self.shape(name).ok_or_else(|| {
            let suggestion =
                did_you_mean(name, self.shapes.keys().map(String::as_str)).map(str::to_owned);
            (
                at,
                ExprErrorKind::UnknownBuffer {
                    name: name.to_owned(),
                    suggestion,
                },
            )
        })
    }
}

/// Evaluates one node. Recursion is bounded by the parser's limits on length and depth.
pub(super) fn eval(node: &Node, env: &Env) -> Result<i64, Failure> {
    match node {
        Node::Int(value) => Ok(*value),
        Node::Dim { at, name } => env.dim(name).ok_or_else(|| unknown_name(*at, name, env)),
        Node::Shape { at, buffer, index } => {
            let shape = env.buffer(buffer, *at)?;
            let index = eval(index, env)?;
            let position = from_front(index, shape.len(), shape.len().saturating_sub(1));
            position
                .and_then(|position| shape.get(position).copied())
                .ok_or_else(|| {
                    (
                        *at,
                        ExprErrorKind::IndexOutOfRange {
                            buffer: buffer.clone(),
                            index,
                            rank: shape.len(),
                        },
                    )
                })
        }
        Node::Numel { at, buffer } => product(env.buffer(buffer, *at)?, buffer, *at),
        Node::Rank { at, buffer } => Ok(env.buffer(buffer, *at)?.len() as i64),
        Node::Prod { at, buffer, lo, hi } => {
            let shape = env.buffer(buffer, *at)?;
            let bound = |bound: &Node| {
                let index = eval(bound, env)?;
                from_front(index, shape.len(), shape.len()).ok_or_else(|| {
                    (
                        *at,
                        ExprErrorKind::IndexOutOfRange {
                            buffer: buffer.clone(),
                            index,
                            rank: shape.len(),
                        },
                    )
                })
            };
            let (lo, hi) = (bound(lo)?, bound(hi)?);
            if lo > hi {
                let kind = ExprErrorKind::BackwardRange {
                    buffer: buffer.clone(),
                    lo: lo as i64,
                    hi: hi as i64,
                };
                return Err((*at, kind));
            }
            product(&shape[lo..hi], buffer, *at)
        }
        Node::Neg { at, operand } => {
            let value = eval(operand, env)?;
            value.checked_neg().ok_or_else(|| {
                (
                    *at,
                    ExprErrorKind::Overflow {
                        operation: format!("-({value})"),
                    },
                )
            })
        }
        Node::Binary {
            at,
            op,
            left,
            right,
        } => {
            let (a, b) = (eval(left, env)?, eval(right, env)?);
            let operation = || format!("{a} {} {b}", op.symbol());
            let value = match op {
                BinaryOp::Add => a.checked_add(b),
                BinaryOp::Sub => a.checked_sub(b),
                BinaryOp::Mul => a.checked_mul(b),
                // With a positive divisor, Euclidean and floor division are the same.
                BinaryOp::Div => Some(a.div_euclid(divisor(b, *at, operation)?)),
                BinaryOp::Rem => Some(a.rem_euclid(divisor(b, *at, operation)?)),
            };
            value.ok_or_else(|| {
                (
                    *at,
                    ExprErrorKind::Overflow {
                        operation: operation(),
                    },
                )
            })
        }
        Node::Call {
            at,
            function,
            left,
            right,
        } => {
            let (a, b) = (eval(left, env)?, eval(right, env)?);
            let operation = || format!("{}({a}, {b})", function.name());
            let value = match function {
                Function::Min => Some(a.min(b)),
                Function::Max => Some(a.max(b)),
                Function::CeilDiv => ceil_div(a, divisor(b, *at, operation)?),
                Function::RoundUp => {
                    ceil_div(a, divisor(b, *at, operation)?).and_then(|n| n.checked_mul(b))
                }
            };
            value.ok_or_else(|| {
                (
                    *at,
                    ExprErrorKind::Overflow {
                        operation: operation(),
                    },
                )
            })
        }
    }
}

fn unknown_name(at: usize, name: &str, env: &Env) -> Failure {
    let known = env.dims.keys().chain(env.shapes.keys()).map(String::as_str);
    let suggestion = did_you_mean(name, known).map(str::to_owned);
    (
        at,
        ExprErrorKind::UnknownName {
            name: name.to_owned(),
            suggestion,
        },
    )
}

/// Checks that `b` may divide.
fn divisor(b: i64, at: usize, operation: impl Fn() -> String) -> Result<i64, Failure> {
    match b {
        0 => Err((
            at,
            ExprErrorKind::DivisionByZero {
                operation: operation(),
            },
        )),
        1.. => Ok(b),
        _ => Err((
            at,
            ExprErrorKind::NegativeDivisor {
                operation: operation(),
            },
        )),
    }
}

/// Ceiling of `a / b` for `b > 0`. The quotient's magnitude is largest for `b = 1`, without
/// remainder, so the increment can't overflow; it is checked all the same.
fn ceil_div(a: i64, b: i64) -> Option<i64> {
    a.div_euclid(b).checked_add(i64::from(a.rem_euclid(b) != 0))
}

/// Turns an index that may count from the end into one from the front, at most `last`.
fn from_front(index: i64, rank: usize, last: usize) -> Option<usize> {
    let position = if index < 0 {
        index.checked_add(rank as i64)?
    } else {
        index
    };
    usize::try_from(position)
        .ok()
        .filter(|position| *position <= last)
}

fn product(sizes: &[i64], buffer: &str, at: usize) -> Result<i64, Failure> {
    sizes
        .iter()
        .try_fold(1_i64, |product, size| product.checked_mul(*size))
        .ok_or_else(|| {
            (
                at,
                ExprErrorKind::Overflow {
                    operation: format!("the product of sizes {sizes:?} of `{buffer}`"),
                },
            )
        })
}
