//! How a search goes about it, whatever model thinks for it. All but the full
//! one are baselines to compare it with.

use serde::{Deserialize, Serialize};

/// A way to search.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize,
)]
#[serde(rename_all = "kebab-case")]
pub enum Strategy {
    /// One candidate per task, handed in without a look at anything measured.
    SingleShot,
    /// One agent per task that hands in candidates one after another, each
    /// after the result of the one before; no board, no playbook.
    Greedy,
    /// Points of the lab's spaces, drawn at random; no model.
    Random,
    /// Strategist, workers, quick looks, board and playbook.
    #[default]
    Full,
}

impl Strategy {
    /// All of them, the simplest first.
    pub const ALL: [Self; 4] = [Self::SingleShot, Self::Random, Self::Greedy, Self::Full];

    /// Its name on the command line.
    pub fn word(self) -> &'static str {
        match self {
            Self::SingleShot => "single-shot",
            Self::Greedy => "greedy",
            Self::Random => "random",
            Self::Full => "full",
        }
    }

    /// Whether a Strategist decides what is worked on.
    pub fn has_strategist(self) -> bool {
        self == Self::Full
    }

    /// Whether workers may take quick looks.
    pub fn has_looks(self) -> bool {
        self == Self::Full
    }
}
