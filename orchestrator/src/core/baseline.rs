//! What a metric is compared with.

use super::state::State;

impl State {
    /// Value of the metric that equals the baseline, if it was measured.
    pub fn baseline(&self) -> Option<f64> {
        let measured = self.measured.as_ref().map(|baseline| baseline.value);
        measured.or_else(|| self.settings.as_ref()?.metric.baseline_value)
    }

    /// What the metric is relative to, in words: what was measured, else what
    /// the settings say.
    pub fn baseline_name(&self) -> Option<&str> {
        let measured = self.measured.as_ref().map(|baseline| &baseline.name);
        let settings = self.settings.as_ref().map(|s| &s.metric.baseline);
        measured.or(settings).map(String::as_str)
    }
}
