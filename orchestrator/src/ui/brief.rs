//! One campaign of many: a bar of its own and no lines.

use indicatif::{ProgressBar, ProgressStyle};

use super::lines::{Log, describe};
use crate::core::event::{EffectKey, Logged};
use crate::core::state::State;
use crate::driver::Observer;

/// Counts the experiments of one campaign.
#[derive(Debug)]
pub(super) struct Brief {
    log: Log,
    bar: ProgressBar,
}

impl Brief {
    pub(super) fn new(log: Log, title: &str) -> Self {
        let style = ProgressStyle::with_template(
            "{prefix}  {bar:30.green/dim} {pos}/{len} experiments  {elapsed}",
        )
        .unwrap_or_else(|_| ProgressStyle::default_bar())
        .progress_chars("━╸─");
        let bar = ProgressBar::new(1).with_prefix(title.to_owned());
        bar.set_style(style);
        Self { log, bar }
    }

    fn show(&self, state: &State, now_ms: i64) {
        let experiments = state.budget(now_ms).experiments;
        self.bar
            .set_length(experiments.limit.unwrap_or(experiments.spent) as u64);
        self.bar.set_position(experiments.spent as u64);
    }
}

impl Observer for Brief {
    fn logged(&mut self, state: &State, logged: &Logged) {
        if let Some(line) = describe(state, logged) {
            self.log.write(&line);
        }
        self.show(state, logged.at_ms);
    }

    fn phase(&mut self, _state: &State, _key: &EffectKey, _phase: &str) {}

    fn tick(&mut self, state: &State, now_ms: i64) {
        self.show(state, now_ms);
    }
}

impl Drop for Brief {
    fn drop(&mut self) {
        self.bar.finish();
    }
}
