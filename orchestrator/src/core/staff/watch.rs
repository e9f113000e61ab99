//! Detectors: when a campaign goes wrong in a way that somebody should look at.
//!
//! Each fires once per episode: it is armed again only when what it looks at is
//! well again by a margin, so that a value at the bar does not fire it twice.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use protocol::Split;
use serde::{Deserialize, Serialize};

use super::StaffEvent;
use crate::core::measurement::Measurement;
use crate::core::state::{Experiment, State};

/// Most outcomes that are kept.
const KEPT: usize = 200;

/// What is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AlarmKind {
    /// Too many experiments fail.
    Errors,
    /// Nothing gets significantly better.
    Stall,
    /// Nothing is measured at all.
    Quiet,
}

impl AlarmKind {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Errors, Self::Stall, Self::Quiet];

    /// The word used in prompts and tables.
    pub fn word(self) -> &'static str {
        match self {
            Self::Errors => "errors",
            Self::Stall => "stall",
            Self::Quiet => "quiet",
        }
    }
}

/// How a task fared among the last outcomes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskErrors {
    /// The task.
    pub task: String,
    /// Outcomes that were failures.
    pub failed: u32,
    /// Of how many.
    pub of: u32,
}

/// A detector has fired.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alarm {
    /// What is wrong.
    pub kind: AlarmKind,
    /// In words.
    pub detail: String,
    /// The tasks, where failures are what is wrong.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tasks: Vec<TaskErrors>,
}

/// What the detectors look at.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Watched {
    /// Tasks with whether an experiment on them failed, the oldest first.
    pub outcomes: VecDeque<(String, bool)>,
    /// Experiments measured since the last significant improvement.
    pub still: u32,
    /// Running time in seconds at which something was measured last.
    #[serde(skip)]
    pub result_s: f64,
    /// Detectors that have fired and are not armed again.
    pub open: BTreeSet<AlarmKind>,
    /// Those among them that no Supervisor was called for yet.
    pub unanswered: BTreeSet<AlarmKind>,
    /// Every alarm so far.
    pub alarms: Vec<Alarm>,
}

impl Watched {
    /// An experiment on a task came to something, or failed.
    pub(in crate::core) fn outcome(&mut self, task: &str, failed: bool) {
        if self.outcomes.len() == KEPT {
            self.outcomes.pop_front();
        }
        self.outcomes.push_back((task.to_owned(), failed));
    }

    /// An experiment was measured, and was a significant improvement or not.
    pub(in crate::core) fn measured(
        &mut self,
        e: &Experiment,
        measurement: &Measurement,
        improved: bool,
        at_s: f64,
    ) {
        if measurement.split != Split::Search {
            return;
        }
        self.result_s = at_s;
        self.still = if improved {
            0
        } else {
            self.still.saturating_add(1)
        };
        self.outcome(&e.task, !measurement.score.verdict.is_ok());
    }

    fn last(&self, window: u32) -> impl Iterator<Item = &(String, bool)> {
        let window = window as usize;
        self.outcomes
            .iter()
            .skip(self.outcomes.len().saturating_sub(window))
    }

    /// Share of failures among the last `window` outcomes, once there are at
    /// least half as many.
    pub fn error_share(&self, window: u32) -> Option<f64> {
        let (failed, of) = self
            .last(window)
            .fold((0_u32, 0_u32), |(failed, of), outcome| {
                (failed + u32::from(outcome.1), of + 1)
            });
        (of > 0 && of * 2 >= window).then(|| f64::from(failed) / f64::from(of))
    }

    fn by_task(&self, window: u32) -> Vec<TaskErrors> {
        let mut tasks: BTreeMap<&str, (u32, u32)> = BTreeMap::new();
        for (task, failed) in self.last(window) {
            let entry = tasks.entry(task).or_default();
            entry.0 += u32::from(*failed);
            entry.1 += 1;
        }
        tasks
            .into_iter()
            .map(|(task, (failed, of))| TaskErrors {
                task: task.to_owned(),
                failed,
                of,
            })
            .collect()
    }
}

/// What the detectors say of a campaign at `now_ms`: alarms to raise, and those
/// whose episode is over.
pub fn detect(state: &State, now_ms: i64) -> Vec<StaffEvent> {
    let Some(staff) = state.staff_settings() else {
        return Vec::new();
    };
    let watched = &state.staff.watched;
    let mut found = Vec::new();
    for kind in AlarmKind::ALL {
        // How far it is on the way to its bar.
        let (level, detail) = match kind {
            AlarmKind::Errors if staff.error_window > 0 => {
                let share = watched.error_share(staff.error_window).unwrap_or(0.0);
                let detail = format!(
                    "{:.0}% of the last {} experiments failed",
                    100.0 * share,
                    watched.last(staff.error_window).count()
                );
                (share / staff.error_share, detail)
            }
            AlarmKind::Stall if staff.stall_after > 0 => {
                let still = watched.still;
                let detail = format!(
                    "none of the last {still} measured experiments was significantly better"
                );
                (f64::from(still) / f64::from(staff.stall_after), detail)
            }
            AlarmKind::Quiet if staff.quiet_s > 0.0 => {
                let quiet_s = state.clock.spent_s(now_ms) - watched.result_s;
                let detail = format!("nothing was measured for {quiet_s:.0} s");
                (quiet_s / staff.quiet_s, detail)
            }
            AlarmKind::Errors | AlarmKind::Stall | AlarmKind::Quiet => continue,
        };
        let open = watched.open.contains(&kind);
        if !open && level >= 1.0 {
            let tasks = match kind {
                AlarmKind::Errors => watched.by_task(staff.error_window),
                AlarmKind::Stall | AlarmKind::Quiet => Vec::new(),
            };
            let alarm = Alarm {
                kind,
                detail,
                tasks,
            };
            found.push(StaffEvent::AlarmRaised { alarm });
        } else if open && level <= REARMED {
            found.push(StaffEvent::AlarmCleared { kind });
        }
    }
    found
}

/// Part of the bar at which a detector is armed again.
const REARMED: f64 = 0.5;
