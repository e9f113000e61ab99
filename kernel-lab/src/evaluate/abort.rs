//! When the caller no longer wants the answer.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use crate::error::HarnessError;

/// Checked between the steps of an evaluation.
#[derive(Clone, Debug, Default)]
pub struct Abort {
    cancelled: Arc<AtomicBool>,
    deadline: Option<(Instant, u64)>,
}

impl Abort {
    /// Gives up when `limit_ms` milliseconds from now have passed.
    pub fn with_deadline(limit_ms: Option<u64>) -> Self {
        Self {
            cancelled: Arc::default(),
            deadline: limit_ms.map(|limit_ms| {
                let limit = std::time::Duration::from_millis(limit_ms);
                (Instant::now() + limit, limit_ms)
            }),
        }
    }

    /// Gives up now.
    pub fn cancel(&self) {
        self.cancelled.store(true, Ordering::Release);
    }

    /// An error once the answer is no longer wanted.
    pub fn check(&self) -> Result<(), HarnessError> {
        if self.cancelled.load(Ordering::Acquire) {
            return Err(HarnessError::Cancelled);
        }
        match self.deadline {
            Some((deadline, limit_ms)) if Instant::now() > deadline => {
                Err(HarnessError::Deadline { limit_ms })
            }
            _ => Ok(()),
        }
    }
}
