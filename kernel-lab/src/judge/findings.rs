//! What was found, in words a reader can act on.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The class of a floating-point value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum ValueClass {
    /// A number.
    #[serde(rename = "finite")]
    Finite,
    /// Not a number.
    #[serde(rename = "nan")]
    NaN,
    /// Positive infinity.
    #[serde(rename = "+inf")]
    PositiveInfinity,
    /// Negative infinity.
    #[serde(rename = "-inf")]
    NegativeInfinity,
}

impl ValueClass {
    /// The class of `value`.
    pub fn of(value: f64) -> Self {
        if value.is_finite() {
            Self::Finite
        } else if value.is_nan() {
            Self::NaN
        } else if value > 0.0 {
            Self::PositiveInfinity
        } else {
            Self::NegativeInfinity
        }
    }
}

impl fmt::Display for ValueClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Finite => "a finite number",
            Self::NaN => "NaN",
            Self::PositiveInfinity => "+inf",
            Self::NegativeInfinity => "-inf",
        })
    }
}

/// Which side of a buffer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Side {
    /// Below its first byte.
    Before,
    /// Beyond its last byte.
    After,
}

impl fmt::Display for Side {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Before => "before",
            Self::After => "after",
        })
    }
}

/// The buffer nearest to an address.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Near {
    /// The buffer's name in the plan, e.g. `out.0`.
    pub buffer: String,
    /// Bytes from the buffer's first byte; negative below it.
    pub offset_bytes: i64,
    /// Bytes of the buffer.
    pub len_bytes: u64,
}

/// What a device objects to; on a simulated one with its place.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeviceFinding {
    /// What it is, e.g. `race`, or the driver's name of an error.
    pub kind: String,
    /// The kernel.
    pub kernel: Option<String>,
    /// Source file.
    pub file: Option<String>,
    /// Line of it, counted from 1.
    pub line: Option<u32>,
    /// The buffer's name in the plan, if it is about one.
    pub buffer: Option<String>,
    /// All of it in words, and what else was found in the same run.
    pub texts: Vec<String>,
}

impl fmt::Display for DeviceFinding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const SHOWN: usize = 3;
        let shown = &self.texts[..self.texts.len().min(SHOWN)];
        f.write_str(&shown.join("\n"))?;
        match self.texts.len() - shown.len() {
            0 => Ok(()),
            more => write!(f, "\nand {more} more"),
        }
    }
}

/// Something wrong with a candidate.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "code", rename_all = "kebab-case")]
pub enum Finding {
    /// Values beyond their tolerance.
    Wrong {
        /// Index of the output.
        output: usize,
        /// Index of the call.
        call: u64,
        /// Where the error is largest, in units of its tolerance.
        index: Vec<usize>,
        /// The value there.
        got: f64,
        /// What it should be.
        want: f64,
        /// How far off it may be.
        tolerance: f64,
        /// Elements beyond their tolerance.
        wrong_count: u64,
        /// Elements of the output.
        total: u64,
        /// The largest error in units of its tolerance.
        max_ratio: f64,
    },
    /// An integer or boolean that differs.
    NotEqual {
        /// Index of the output.
        output: usize,
        /// Index of the call.
        call: u64,
        /// The first element that differs.
        index: Vec<usize>,
        /// The value there.
        got: i64,
        /// What it should be.
        want: i64,
        /// Elements that differ.
        wrong_count: u64,
        /// Elements of the output.
        total: u64,
    },
    /// Each value within its tolerance, but too far off on average.
    Imprecise {
        /// Index of the output.
        output: usize,
        /// Index of the call.
        call: u64,
        /// Root mean square error, in units of each row's scale.
        rms: f64,
        /// The same of eager PyTorch.
        eager_rms: f64,
        /// What is allowed.
        allowed_rms: f64,
    },
    /// NaN or infinity where a number should be, or the reverse.
    NotFinite {
        /// Index of the output.
        output: usize,
        /// Index of the call.
        call: u64,
        /// The first such element.
        index: Vec<usize>,
        /// What is there.
        got: ValueClass,
        /// What should be there.
        want: ValueClass,
        /// How many elements.
        count: u64,
        /// Elements of the output.
        total: u64,
    },
    /// An output of the wrong length.
    WrongLength {
        /// Index of the output.
        output: usize,
        /// Index of the call.
        call: u64,
        /// Bytes there are.
        got_bytes: usize,
        /// Bytes there should be.
        want_bytes: usize,
    },
    /// The answer of an earlier call, though the inputs were different.
    Stale {
        /// Index of the call.
        call: u64,
        /// The call whose answer it is.
        earlier_call: u64,
    },
    /// Elements that nothing wrote.
    Unwritten {
        /// Index of the output.
        output: usize,
        /// Index of the call.
        call: u64,
        /// Elements that still hold what was there before the call.
        count: u64,
        /// Elements of the output.
        total: u64,
    },
    /// A write beside a buffer.
    GuardBroken {
        /// The buffer's name in the plan.
        buffer: String,
        /// On which side.
        side: Side,
        /// Distance from the buffer's edge in bytes, 0 for the nearest byte.
        offset_bytes: usize,
    },
    /// An input that is not what was handed in.
    InputMutated {
        /// The buffer's name in the plan.
        buffer: String,
        /// Index of the call.
        call: u64,
    },
    /// A parameter that is not what was handed in.
    ParamMutated {
        /// The buffer's name in the plan.
        buffer: String,
    },
    /// Wrong only after the parameters have changed.
    ParamKept {
        /// What was wrong.
        inner: Box<Finding>,
    },
    /// Its process or its buffers are gone.
    OutOfReach {
        /// What the harness could not do.
        doing: String,
    },
    /// Two answers to the same inputs.
    Nondeterministic {
        /// Index of the output.
        output: usize,
        /// Elements that differ.
        count: u64,
        /// Elements of the output.
        total: u64,
    },
    /// Wrong only for another shape.
    HeldOutShape {
        /// The sizes, e.g. "M = 37, N = 53".
        shape: String,
        /// What was wrong.
        inner: Box<Finding>,
    },
    /// Wrong only for special values.
    SpecialDistribution {
        /// The distribution.
        name: String,
        /// What was wrong.
        inner: Box<Finding>,
    },
    /// The runner died of a signal.
    Crashed {
        /// The signal, e.g. `SIGSEGV`.
        signal: String,
        /// The faulting address, if there was one.
        address: Option<u64>,
        /// The buffer nearest to it.
        near: Option<Near>,
    },
    /// A system call that candidates may not make.
    ForbiddenCall {
        /// Its name, e.g. `clone3`.
        syscall: String,
    },
    /// Work went on after the candidate reported that it was done.
    StillRunning {
        /// CPU time spent afterwards.
        cpu_ns: u64,
    },
    /// More threads than before the call.
    ThreadLeft {
        /// How many more.
        count: u64,
    },
    /// What the device itself objects to.
    Device(Box<DeviceFinding>),
    /// Faster than memory and arithmetic allow.
    TooFast {
        /// The least time it can take.
        floor_ns: f64,
        /// The time it claims.
        got_ns: f64,
    },
}

impl Finding {
    /// Stable identifier of the kind, as serialised.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Wrong { .. } => "wrong",
            Self::NotEqual { .. } => "not-equal",
            Self::Imprecise { .. } => "imprecise",
            Self::NotFinite { .. } => "not-finite",
            Self::WrongLength { .. } => "wrong-length",
            Self::Stale { .. } => "stale",
            Self::Unwritten { .. } => "unwritten",
            Self::GuardBroken { .. } => "guard-broken",
            Self::InputMutated { .. } => "input-mutated",
            Self::ParamMutated { .. } => "param-mutated",
            Self::ParamKept { .. } => "param-kept",
            Self::OutOfReach { .. } => "out-of-reach",
            Self::Nondeterministic { .. } => "nondeterministic",
            Self::HeldOutShape { .. } => "held-out-shape",
            Self::SpecialDistribution { .. } => "special-distribution",
            Self::Crashed { .. } => "crashed",
            Self::ForbiddenCall { .. } => "forbidden-call",
            Self::StillRunning { .. } => "still-running",
            Self::ThreadLeft { .. } => "thread-left",
            Self::Device(_) => "device",
            Self::TooFast { .. } => "too-fast",
        }
    }

    /// Whether values of an output are what is wrong.
    pub fn is_of_values(&self) -> bool {
        matches!(
            self,
            Self::Wrong { .. }
                | Self::NotEqual { .. }
                | Self::Imprecise { .. }
                | Self::NotFinite { .. }
        )
    }

    /// [`Finding::code`], and that of what is inside after a colon.
    pub fn codes(&self) -> String {
        match self {
            Self::HeldOutShape { inner, .. }
            | Self::SpecialDistribution { inner, .. }
            | Self::ParamKept { inner } => {
                format!("{}:{}", self.code(), inner.codes())
            }
            Self::Device(found) => format!("{}:{}", self.code(), found.kind),
            _ => self.code().to_owned(),
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Wrong {
                output,
                call,
                index,
                got,
                want,
                tolerance,
                wrong_count,
                total,
                max_ratio,
            } => write!(
                f,
                "out.{output} is wrong in call {call}: at {index:?} it is {got:.9e}, should be {want:.9e} ± {tolerance:.1e} \
                 ({max_ratio:.3} times the tolerance); {wrong_count} of {total} elements are wrong"
            ),
            Self::NotEqual {
                output,
                call,
                index,
                got,
                want,
                wrong_count,
                total,
            } => write!(
                f,
                "out.{output} is wrong in call {call}: at {index:?} it is {got}, should be {want}; \
                 {wrong_count} of {total} elements are wrong"
            ),
            Self::Imprecise {
                output,
                call,
                rms,
                eager_rms,
                allowed_rms,
            } => write!(
                f,
                "out.{output} is imprecise in call {call}: its error is {rms:.2e} of each row's scale (rms), eager PyTorch's \
                 is {eager_rms:.2e}, {allowed_rms:.2e} is allowed; was it computed in lower precision?"
            ),
            Self::NotFinite {
                output,
                call,
                index,
                got,
                want,
                count,
                total,
            } => write!(
                f,
                "out.{output} is {got} at {index:?} in call {call}, where {want} is due; so are {count} of {total} elements"
            ),
            Self::WrongLength {
                output,
                call,
                got_bytes,
                want_bytes,
            } => {
                write!(
                    f,
                    "out.{output} has {got_bytes} bytes in call {call}, should have {want_bytes}"
                )
            }
            Self::Stale { call, earlier_call } => write!(
                f,
                "returned call {earlier_call}'s answer again at call {call}, though the inputs differ: cached"
            ),
            Self::Unwritten {
                output,
                call,
                count,
                total,
            } => {
                write!(
                    f,
                    "left {count} of {total} elements of out.{output} unwritten in call {call}"
                )
            }
            Self::GuardBroken {
                buffer,
                side,
                offset_bytes,
            } => {
                write!(f, "wrote outside {buffer}: {offset_bytes} bytes {side} it")
            }
            Self::InputMutated { buffer, call } => {
                write!(f, "changed its input {buffer} in call {call}")
            }
            Self::ParamMutated { buffer } => write!(f, "changed the parameter {buffer}"),
            Self::ParamKept { inner } => write!(
                f,
                "keeps what it once derived from the parameters, which belongs into a prepare step; after they have \
                 changed, {inner}"
            ),
            Self::OutOfReach { doing } => {
                write!(
                    f,
                    "took its process or its buffers out of reach: failed to {doing}"
                )
            }
            Self::Nondeterministic {
                output,
                count,
                total,
            } => {
                write!(
                    f,
                    "gave two answers to the same inputs: {count} of {total} elements of out.{output} differ"
                )
            }
            Self::HeldOutShape { shape, inner } => {
                write!(f, "is wrong for another shape ({shape}): {inner}")
            }
            Self::SpecialDistribution { name, inner } => {
                write!(f, "is wrong for {name} inputs: {inner}")
            }
            Self::Crashed {
                signal,
                address,
                near,
            } => {
                write!(f, "crashed with {signal}")?;
                if let Some(address) = address {
                    write!(f, " at address {address:#x}")?;
                }
                if let Some(Near {
                    buffer,
                    offset_bytes,
                    len_bytes,
                }) = near
                {
                    write!(
                        f,
                        ", {offset_bytes} bytes from the start of {buffer} ({len_bytes} bytes long)"
                    )?;
                }
                Ok(())
            }
            Self::ForbiddenCall { syscall } => {
                write!(f, "made the forbidden system call {syscall}")
            }
            Self::StillRunning { cpu_ns } => {
                write!(
                    f,
                    "went on working for {cpu_ns} ns of CPU time after it reported that it was done"
                )
            }
            Self::ThreadLeft { count } => write!(f, "left {count} threads behind"),
            Self::Device(found) => found.fmt(f),
            Self::TooFast { floor_ns, got_ns } => {
                write!(
                    f,
                    "took {got_ns:.0} ns, but memory and arithmetic need at least {floor_ns:.0} ns"
                )
            }
        }
    }
}
