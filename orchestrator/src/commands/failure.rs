//! How a command fails, and what that means for the exit code.

use std::error::Error;
use std::fmt;

use crate::adapter::{AdapterError, UnknownAdapter};
use crate::campaign::{CreateError, ExtrasError, TaskError};
use crate::driver::DriverError;
use crate::explore::ExploreError;
use crate::fork::ForkError;
use crate::model::UnknownModel;
use crate::store::StoreError;

/// Exit codes, stable.
pub mod exit {
    /// Done.
    pub const OK: u8 = 0;
    /// A bug.
    pub const BUG: u8 = 1;
    /// A command line that makes no sense.
    pub const USAGE: u8 = 2;
    /// Configuration or input.
    pub const INPUT: u8 = 3;
    /// Finished without a verified result.
    pub const NO_RESULT: u8 = 10;
    /// The budget was spent before anything could be measured.
    pub const BUDGET: u8 = 11;
    /// Stopped; can be resumed.
    pub const CANCELLED: u8 = 12;
    /// A service outside is at fault; can be resumed.
    pub const EXTERNAL: u8 = 20;
}

/// A command that could not do its work.
#[derive(Debug)]
pub struct Failure {
    /// The exit code.
    pub exit: u8,
    error: Box<dyn Error + Send + Sync>,
}

impl Failure {
    /// The user's to repair.
    pub fn input(error: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self {
            exit: exit::INPUT,
            error: error.into(),
        }
    }

    /// Ours to repair.
    pub fn bug(error: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self {
            exit: exit::BUG,
            error: error.into(),
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&crate::chain::of(self.error.as_ref()))
    }
}

impl From<ExtrasError> for Failure {
    fn from(error: ExtrasError) -> Self {
        let exit = match error {
            ExtrasError::Unreachable { .. } => exit::EXTERNAL,
            _ => exit::INPUT,
        };
        Self {
            exit,
            error: error.into(),
        }
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::NotACampaign { .. }
            | StoreError::Newer { .. }
            | StoreError::Corrupt { .. }
            | StoreError::InUse { .. }
            | StoreError::Exists { .. }
            | StoreError::File { .. }
            | StoreError::Database { .. }
            | StoreError::NoBlob(_) => Self::input(error),
            StoreError::Conflict { .. }
            | StoreError::TooLarge { .. }
            | StoreError::Serialise(_)
            | StoreError::Illegal(_) => Self::bug(error),
        }
    }
}

impl From<CreateError> for Failure {
    fn from(error: CreateError) -> Self {
        Self::input(error)
    }
}

impl From<ForkError> for Failure {
    fn from(error: ForkError) -> Self {
        match error {
            ForkError::Create(error) => error.into(),
            ForkError::Store(error) => error.into(),
            other => Self::input(other),
        }
    }
}

impl From<AdapterError> for Failure {
    fn from(error: AdapterError) -> Self {
        Self::input(error)
    }
}

impl From<TaskError> for Failure {
    fn from(error: TaskError) -> Self {
        Self::input(error)
    }
}

impl From<ExploreError> for Failure {
    fn from(error: ExploreError) -> Self {
        Self::input(error)
    }
}

impl From<UnknownAdapter> for Failure {
    fn from(error: UnknownAdapter) -> Self {
        Self::input(error)
    }
}

impl From<UnknownModel> for Failure {
    fn from(error: UnknownModel) -> Self {
        Self::input(error)
    }
}

impl From<DriverError> for Failure {
    fn from(error: DriverError) -> Self {
        match error {
            DriverError::Store(error) => error.into(),
            DriverError::Extras(error) => error.into(),
            DriverError::Adapter(_)
            | DriverError::Task(_)
            | DriverError::Files(_)
            | DriverError::View { .. }
            | DriverError::Folder { .. }
            | DriverError::Attempt { .. }
            | DriverError::Data(_)
            | DriverError::OtherEvaluation
            | DriverError::Thawed { .. }
            | DriverError::Lab(_)
            | DriverError::Metric { .. }
            | DriverError::Device(_)
            | DriverError::OtherDevice { .. } => Self::input(error),
            DriverError::Illegal(_) | DriverError::Stuck | DriverError::SlotsGone => {
                Self::bug(error)
            }
        }
    }
}

impl From<sandbox::fs::WriteError> for Failure {
    fn from(error: sandbox::fs::WriteError) -> Self {
        Self::input(error)
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        Self::input(error)
    }
}
