//! How a search is steered by code: when which kind of step is admitted, what
//! counts as tried already, and when a task is given up.

use serde::{Deserialize, Serialize};

/// The numbers of it. Parts are of 1, shares of the proposals on one task in
/// one stage.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SearchPolicy {
    /// Part of the budget after which results are exploited.
    pub exploit_from: f64,
    /// Part of the budget after which only the best are refined.
    pub refine_from: f64,
    /// Part of the budget after which results are put together; absent where
    /// the domain has no ensembles.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ensemble_from: Option<f64>,
    /// Least share of explorations while a task is explored.
    pub explore_least: f64,
    /// Largest share of explorations while results are exploited.
    pub explore_most: f64,
    /// Largest share of ablations.
    pub ablation_most: f64,
    /// Number of results on a task that may be refined.
    pub top: u32,
    /// Resemblance of two candidates' files from which on they are nearly the
    /// same, unless one is said to go on from the other.
    pub near_text: f64,
    /// Largest relative difference between two numbers in files that is none.
    pub near_numbers: f64,
    /// Largest distance between two points of a space, in parts of each
    /// parameter's range, that is none.
    pub near_params: f64,
    /// Times one candidate may be measured again on purpose.
    pub replicates: u32,
    /// Experiments on a task without a significant improvement after which it
    /// is explored again.
    pub stagnation: u32,
    /// Proposals of that exploration, after which the task has converged.
    pub escape: u32,
}

impl Default for SearchPolicy {
    fn default() -> Self {
        Self {
            exploit_from: 0.4,
            refine_from: 0.75,
            ensemble_from: None,
            explore_least: 0.5,
            explore_most: 0.25,
            ablation_most: 0.25,
            top: 3,
            near_text: 0.9,
            near_numbers: 0.01,
            near_params: 0.005,
            replicates: 3,
            stagnation: 10,
            escape: 4,
        }
    }
}

impl SearchPolicy {
    /// The first field whose value makes no sense beside the others, and what
    /// it may be.
    pub fn fault(&self) -> Option<(&'static str, String)> {
        if self.refine_from < self.exploit_from {
            return Some((
                "policy.search.refine_from",
                format!("at least `exploit_from`, {}", self.exploit_from),
            ));
        }
        if self
            .ensemble_from
            .is_some_and(|from| from < self.refine_from)
        {
            return Some((
                "policy.search.ensemble_from",
                format!("at least `refine_from`, {}", self.refine_from),
            ));
        }
        None
    }
}
