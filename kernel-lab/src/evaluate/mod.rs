//! From an experiment to a report. This is where a score is made.
//!
//! `check` stops after the compiler, `try` looks and samples briefly, and
//! `evaluate` does everything: held-out shape, special distributions, full
//! sampling, secret comparisons afterwards. `judge` judges as `evaluate` does
//! and samples briefly. [`Lab::solo`] lets others sample.

mod abort;
mod attempt;
mod candidate;
mod cuda;
mod duel;
mod early;
mod folder;
mod idle;
mod lab;
mod measure;
mod module;
mod report;
mod solo;
mod trial;
mod verdict;
mod weigh;
mod written;

pub use abort::Abort;
pub use candidate::{Material, read_experiment};
pub(crate) use cuda::{MODELLED_COST, MODELLED_UNIT};
pub use duel::{CANDIDATE, COMPILED, EAGER};
pub use folder::Folder;
pub use lab::{Config, Hardware, Lab};
pub(crate) use lab::{OBJECT_HASH, ON_GPU, PATIENCE, SIMULATED, TEMPS, draw_seed, sizes_text};
pub(crate) use report::{Figures, figures, interval_of, read_raw_lines, resampling, speedup};
pub use solo::{Over, Solo, SoloTime};
pub use trial::Halt;
pub(crate) use weigh::{Denormals, Weighed, compare_output, weigh};
pub(crate) use written::Written;

use std::time::Duration;

use crate::timing::sampler::Policy;

/// How much is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Depth {
    /// Plan and compiler only.
    Check,
    /// A quick look; never on a leaderboard.
    Try,
    /// Everything that [`Depth::Evaluate`] judges, on few timed calls; the
    /// time is worth nothing, and never on a leaderboard.
    Judge,
    /// Everything.
    Evaluate,
}

impl Depth {
    /// When sampling stops.
    pub(crate) fn policy(self) -> Policy {
        match self {
            Self::Check | Self::Try => Policy {
                warm_up: 1,
                min_rounds: 4,
                max_rounds: 16,
                max_time: Duration::from_millis(110),
                patience: Duration::from_millis(400),
                hard_time: Duration::from_secs(2),
                half_width: 0.03,
            },
            Self::Judge => Policy {
                warm_up: 2,
                min_rounds: 12,
                max_rounds: 24,
                max_time: Duration::from_millis(400),
                patience: Duration::from_millis(600),
                hard_time: Duration::from_secs(8),
                half_width: 0.1,
            },
            Self::Evaluate => Policy {
                warm_up: 2,
                min_rounds: 12,
                max_rounds: 200,
                max_time: Duration::from_millis(2300),
                patience: Duration::from_secs(4),
                hard_time: Duration::from_secs(8),
                half_width: 0.02,
            },
        }
    }

    /// Copies of inputs and outputs that calls take turns with.
    pub(crate) fn slots(self) -> usize {
        match self {
            Self::Check | Self::Try => 2,
            Self::Judge | Self::Evaluate => 4,
        }
    }

    /// Rounds of a session in which the hand-shake is measured too. Its
    /// median is subtracted from every time of the candidate, so an error of
    /// it is an error of the score.
    pub(crate) fn handshakes(self) -> usize {
        match self {
            Self::Check | Self::Try | Self::Judge => 2,
            Self::Evaluate => usize::MAX,
        }
    }

    /// Timed calls that are compared with the truth afterwards.
    pub(crate) fn secret_checks(self) -> usize {
        match self {
            // A quick look has compared its first call and counts nowhere.
            Self::Check | Self::Try => 0,
            Self::Judge | Self::Evaluate => 5,
        }
    }

    /// Whether everything is judged that there is to judge.
    pub(crate) fn is_full(self) -> bool {
        match self {
            Self::Check | Self::Try => false,
            Self::Judge | Self::Evaluate => true,
        }
    }
}

/// Receives progress: phase and a line for people.
pub type OnProgress<'a> = &'a mut dyn FnMut(&str, &str);
