//! What is done when its turn comes, outside of the machine's lock.

use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use cuda_sim::{Allocation, LaunchError, Limits, Module, Problem, Shape, Snapshot};

use crate::error::Error;
use crate::handle::PoolId;
use crate::report::{Found, Launched};

/// Memory of the program that a copy reads or writes when its turn comes.
pub trait HostMemory: Send + Sync {
    /// Reads from `at` on.
    fn read(&self, at: u64, into: &mut [u8]);
    /// Writes from `at` on.
    fn write(&self, at: u64, from: &[u8]);
}

/// A function of the program that a stream calls.
pub trait HostFunction: Send + Sync {
    /// Calls it.
    fn call(&self);
}

/// One end of a copy.
#[derive(Clone)]
pub(crate) enum Place {
    /// An address of a device.
    Device(u64),
    Host(Arc<dyn HostMemory>),
}

/// A kernel with all that it is launched with.
#[derive(Clone, Debug)]
pub(crate) struct Launch {
    pub(crate) module: Arc<Module>,
    pub(crate) kernel: Arc<str>,
    pub(crate) shape: Shape,
    pub(crate) arguments: Arc<[u8]>,
    /// All blocks are there at once.
    pub(crate) together: bool,
}

/// A piece of work as it waits for its turn.
#[derive(Clone)]
pub(crate) enum Action {
    /// Others wait for it.
    Nothing,
    /// Notes the time for an event.
    Stamp(Arc<OnceLock<Instant>>),
    Launch(Launch),
    Copy {
        from: Place,
        to: Place,
        bytes: u64,
    },
    Fill {
        to: u64,
        pattern: Arc<[u8]>,
        bytes: u64,
    },
    Host(Arc<dyn HostFunction>),
    /// Takes memory at addresses that a graph has set apart.
    Allocate {
        base: u64,
        bytes: u64,
        pool: PoolId,
    },
    Free(u64),
}

impl fmt::Debug for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match self {
            Self::Nothing => "Nothing",
            Self::Stamp(_) => "Stamp",
            Self::Launch(launch) => return launch.fmt(f),
            Self::Copy { .. } => "Copy",
            Self::Fill { .. } => "Fill",
            Self::Host(_) => "Host",
            Self::Allocate { .. } => "Allocate",
            Self::Free(_) => "Free",
        };
        f.write_str(name)
    }
}

/// One end of a copy whose turn has come.
pub(super) enum End {
    Device(Arc<Allocation>, u64),
    Host(Arc<dyn HostMemory>),
}

/// Work whose turn has come.
pub(super) enum Work {
    Launch(Launch, Snapshot, Limits),
    Copy { from: End, to: End, bytes: u64 },
    Fill(Arc<Allocation>, u64, Arc<[u8]>, u64),
    Host(Arc<dyn HostFunction>),
}

/// What work came to.
#[derive(Debug, Default)]
pub(super) struct Done {
    pub(super) findings: Vec<Found>,
    /// What was counted of a launch.
    pub(super) launched: Option<Box<Launched>>,
    pub(super) printed: Vec<u8>,
    pub(super) messages: Vec<String>,
    /// What the context answers from now on.
    pub(super) error: Option<Error>,
}

/// The error that a GPU gives for what ends a launch: descriptions of
/// `CUresult` in the CUDA driver API. What would wait for ever there is a
/// kernel that ran too long.
pub(crate) fn error_of(problem: &Problem) -> Option<Error> {
    if !problem.is_fatal() {
        return None;
    }
    Some(match problem {
        Problem::OutOfBounds { .. } | Problem::UseAfterFree { .. } | Problem::ReadOnly => {
            Error::IllegalAddress
        }
        Problem::Misaligned { .. } => Error::MisalignedAddress,
        Problem::Assertion { .. } => Error::Assert,
        Problem::TooLong { .. }
        | Problem::BarrierDeadlock { .. }
        | Problem::MissingLanes { .. } => Error::LaunchTimeout,
        Problem::InvalidBarrier { .. } => Error::IllegalInstruction,
        Problem::StackOverflow => Error::HardwareStackError,
        Problem::InvalidTarget { .. } => Error::InvalidPc,
        Problem::Unsupported { .. } => Error::NotSupported,
        _ => Error::LaunchFailed,
    })
}

/// The error that a launch is refused with.
pub(super) fn error_of_launch(error: &LaunchError) -> Error {
    match error {
        LaunchError::Unknown(_) => Error::NotFound,
        LaunchError::TooLarge { .. }
        | LaunchError::Empty(_)
        | LaunchError::NotRequired { .. }
        | LaunchError::Arguments { .. } => Error::InvalidValue,
        LaunchError::NotResident { .. } => Error::CooperativeLaunchTooLarge,
    }
}

impl Work {
    pub(super) fn run(self) -> Done {
        match self {
            Self::Launch(launch, memory, limits) => launch.run(memory, limits),
            Self::Copy { from, to, bytes } => {
                copy(&from, &to, bytes);
                Done::default()
            }
            Self::Fill(to, at, pattern, bytes) => {
                to.fill(at, bytes, &pattern);
                Done::default()
            }
            Self::Host(function) => {
                function.call();
                Done::default()
            }
        }
    }
}

impl Launch {
    fn run(self, memory: Snapshot, limits: Limits) -> Done {
        let Self {
            module,
            kernel,
            shape,
            arguments,
            together,
        } = self;
        let outcome = if together {
            module.launch_cooperative_in(memory, &kernel, shape, &arguments, limits)
        } else {
            module.launch_in(memory, &kernel, shape, &arguments, limits)
        };
        match outcome {
            Ok(outcome) => Done {
                error: outcome
                    .fatal()
                    .and_then(|finding| error_of(&finding.problem)),
                launched: outcome.counters.map(|counters| {
                    Box::new(Launched {
                        kernel: kernel.to_string(),
                        grid: shape.grid,
                        block: shape.block,
                        dynamic_shared: shape.dynamic_shared,
                        complete: outcome.fatal().is_none(),
                        counts: outcome.counts,
                        counters,
                    })
                }),
                findings: outcome.findings.into_iter().map(Found::Kernel).collect(),
                printed: outcome.printed,
                messages: Vec::new(),
            },
            Err(error) => Done {
                messages: vec![format!("launch of `{kernel}` refused: {error}")],
                error: Some(error_of_launch(&error)),
                ..Done::default()
            },
        }
    }
}

fn copy(from: &End, to: &End, bytes: u64) {
    const CHUNK: u64 = 1 << 16;
    if let (End::Device(from, at), End::Device(to, there)) = (from, to) {
        from.copy_to(*at, to, *there, bytes);
        return;
    }
    let mut buffer = vec![0; bytes.min(CHUNK) as usize];
    let mut done = 0;
    while done < bytes {
        let part = &mut buffer[..CHUNK.min(bytes - done) as usize];
        match from {
            End::Device(from, at) => from.read(at + done, part),
            End::Host(memory) => memory.read(done, part),
        }
        match to {
            End::Device(to, at) => to.write(at + done, part),
            End::Host(memory) => memory.write(done, part),
        }
        done += part.len() as u64;
    }
}
