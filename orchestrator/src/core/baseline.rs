//! What a metric is compared with.

use protocol::Split;

use super::state::State;

impl State {
    /// Value of the metric that equals the baseline, if it was measured.
    pub fn baseline(&self) -> Option<f64> {
        let measured = self.measured.as_ref().map(|baseline| baseline.value);
        measured.or_else(|| self.settings.as_ref()?.metric.baseline_value)
    }

    /// The same on a split: other rows are harder or easier for everybody.
    pub fn baseline_on(&self, split: Split) -> Option<f64> {
        let measured = self.measured.as_ref();
        let here = measured.map(|baseline| baseline.on(split).value);
        here.or_else(|| self.baseline())
    }

    /// Whether a simulator stands in for the device: then no number is a time, and
    /// nothing is compared with a baseline.
    pub fn is_simulated(&self) -> bool {
        self.settings.as_ref().is_some_and(|s| s.simulated)
    }

    /// What the metric is relative to, in words: what was measured, else what
    /// the settings say; nothing on a simulator.
    pub fn baseline_name(&self) -> Option<&str> {
        if self.is_simulated() {
            return None;
        }
        let measured = self.measured.as_ref().map(|baseline| &baseline.name);
        let settings = self.settings.as_ref().map(|s| &s.metric.baseline);
        measured.or(settings).map(String::as_str)
    }
}
