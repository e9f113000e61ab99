//! How a campaign goes about its statistics, as an adapter may set it.

use serde::{Deserialize, Serialize};

/// Settings of the statistics.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Statistics {
    /// Spread between processes that is assumed until it was measured, as a
    /// part of the value (a standard deviation).
    pub noise: f64,
    /// Most candidates of a task that are measured again on `select`.
    pub contenders: u32,
    /// Largest part of the running time that the search leaves to what comes
    /// after it.
    pub reserve: f64,
}

impl Default for Statistics {
    fn default() -> Self {
        Self {
            noise: 0.0,
            contenders: 3,
            reserve: 0.1,
        }
    }
}

impl Statistics {
    /// Whether nothing was set.
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }
}
