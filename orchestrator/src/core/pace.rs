//! How long measurements take.

use super::state::State;

/// How long measurements take here.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Pace {
    /// Seconds of one evaluation.
    pub evaluate_s: f64,
    /// Seconds of one re-measurement, with the start of its process.
    pub remeasure_s: f64,
}

impl State {
    /// How long measurements take: what the settings expect, or the mean seen
    /// so far where that is longer.
    pub fn pace(&self) -> Pace {
        let policy = self.settings.as_ref().map(|s| s.policy);
        Pace {
            evaluate_s: policy
                .map_or(0.0, |p| p.evaluate_s)
                .max(self.index.search.mean_s()),
            remeasure_s: policy
                .map_or(0.0, |p| p.remeasure_s)
                .max(self.index.select.mean_s()),
        }
    }
}
