//! What a person asks of a campaign while it runs.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::board::RESERVES;
use super::ids::ExperimentId;
use super::illegal::{Illegal, missing};
use super::settings::Limits;
use super::state::{RunState, State};

/// One wish. It is an event, so that whoever reads the log sees what was a
/// person's doing.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case", deny_unknown_fields)]
pub enum Steer {
    /// Begin nothing new; what is under way comes to its end.
    Pause {},
    /// Go on.
    Resume {},
    /// Give an experiment up before it runs, and end whoever works on it.
    Cancel {
        /// Which.
        experiment: ExperimentId,
    },
    /// Work on an experiment before all others.
    Boost {
        /// Which.
        experiment: ExperimentId,
    },
    /// Tell the Strategist something.
    Note {
        /// What.
        text: String,
    },
    /// Replace limits; those that are absent stay as they are.
    Budget {
        /// The new ones.
        limits: Limits,
    },
    /// Let a phase begin that waits for a person.
    Approve {
        /// Its number.
        phase: u8,
    },
    /// Let work on a task go on that a Supervisor has paused.
    ResumeTask {
        /// Its name.
        task: String,
    },
}

impl Steer {
    /// What is wanted, in words.
    pub fn text(&self) -> String {
        match self {
            Self::Pause {} => "pause".to_owned(),
            Self::Resume {} => "go on".to_owned(),
            Self::Cancel { experiment } => format!("give {experiment} up"),
            Self::Boost { experiment } => format!("{experiment} before all others"),
            Self::Note { text } => format!("note: {text}"),
            Self::Budget { limits } => {
                let limit = |name: &str, value: Option<f64>| value.map(|v| format!("{name} {v}"));
                let named = [
                    limit("experiments", limits.experiments.map(f64::from)),
                    limit("seconds", limits.wall_s),
                    limit("US dollars", limits.usd),
                    limit("tokens", limits.tokens.map(|tokens| tokens as f64)),
                ];
                let named: Vec<String> = named.into_iter().flatten().collect();
                format!("limits: {}", named.join(", "))
            }
            Self::Approve { phase } => format!("phase {phase} may begin"),
            Self::ResumeTask { task } => format!("work on {task} goes on"),
        }
    }
}

/// What persons have asked for so far.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Steering {
    /// Whether nothing new is begun.
    pub paused: bool,
    /// Experiments that are to be given up.
    pub cancelled: BTreeSet<ExperimentId>,
    /// Experiments that come first, the latest wish first.
    pub boosted: Vec<ExperimentId>,
    /// Notes to the Strategist, in order.
    pub notes: Vec<String>,
    /// Limits instead of those of the settings.
    pub limits: Limits,
    /// Phases that may begin.
    pub approved: BTreeSet<u8>,
    /// Names of the requests that were granted.
    pub requests: BTreeSet<String>,
}

/// Longest note, in bytes.
const MAX_NOTE: usize = 4 << 10;

impl State {
    /// The limits in force.
    pub fn limits(&self) -> Limits {
        let of = self.settings.as_ref().map(|s| s.limits).unwrap_or_default();
        let own = self.steering.limits;
        Limits {
            experiments: own.experiments.or(of.experiments),
            wall_s: own.wall_s.or(of.wall_s),
            usd: own.usd.or(of.usd),
            tokens: own.tokens.or(of.tokens),
        }
    }

    /// Whether a wish can be granted.
    pub fn can_steer(&self, what: &Steer) -> Result<(), Illegal> {
        let state_of = |id: &ExperimentId| {
            let found = self.experiments.get(id);
            found
                .map(|e| e.state)
                .ok_or_else(|| missing("experiment", id))
        };
        match what {
            Steer::Pause {} => check(!self.steering.paused, || "it is paused already".to_owned()),
            Steer::Resume {} => check(self.steering.paused, || "it is not paused".to_owned()),
            Steer::Cancel { experiment } => {
                let state = state_of(experiment)?;
                check(RESERVES.contains(&state), || {
                    format!("{experiment} is {}: it has run, or ended", state.word())
                })
            }
            Steer::Boost { experiment } => {
                let state = state_of(experiment)?;
                check(!state.is_terminal(), || {
                    format!("{experiment} is {}", state.word())
                })
            }
            Steer::Note { text } => {
                let fits = !text.trim().is_empty() && text.len() <= MAX_NOTE;
                check(fits, || format!("a note has 1 to {MAX_NOTE} bytes"))
            }
            Steer::Budget { limits } => {
                let positive = |limit: Option<f64>| limit.is_none_or(|l| l > 0.0 && l.is_finite());
                check(*limits != Limits::default(), || {
                    "no limit is named".to_owned()
                })?;
                check(positive(limits.wall_s) && positive(limits.usd), || {
                    "a limit must be above 0".to_owned()
                })
            }
            Steer::Approve { phase } => {
                let settings = self.settings.as_ref();
                let waits = settings.is_some_and(|s| s.gates.contains(phase));
                check(waits, || format!("phase {phase} waits for nobody"))?;
                let approved = self.steering.approved.contains(phase);
                check(!approved, || format!("phase {phase} is approved already"))
            }
            Steer::ResumeTask { task } => {
                self.task(task).ok_or_else(|| missing("task", task))?;
                let paused = self.staff.paused.contains_key(task);
                check(paused, || format!("task `{task}` is not paused"))
            }
        }
    }

    /// Grants a wish; on an error nothing has changed.
    pub(super) fn steer(&mut self, what: &Steer, at_ms: i64) -> Result<(), Illegal> {
        self.can_steer(what)?;
        self.stop_waiting();
        if self.run == RunState::Running && !self.steering.paused {
            self.clock.reopen(at_ms);
        }
        let steering = &mut self.steering;
        match what {
            Steer::Pause {} => {
                steering.paused = true;
                self.clock.tick(at_ms);
                self.clock.close();
            }
            Steer::Resume {} => {
                steering.paused = false;
                if self.run == RunState::Running {
                    self.clock.open(at_ms);
                }
            }
            Steer::Cancel { experiment } => {
                steering.cancelled.insert(*experiment);
            }
            Steer::Boost { experiment } => {
                steering.boosted.retain(|known| known != experiment);
                steering.boosted.insert(0, *experiment);
            }
            Steer::Note { text } => steering.notes.push(text.clone()),
            Steer::Budget { limits } => {
                let known = steering.limits;
                steering.limits = Limits {
                    experiments: limits.experiments.or(known.experiments),
                    wall_s: limits.wall_s.or(known.wall_s),
                    usd: limits.usd.or(known.usd),
                    tokens: limits.tokens.or(known.tokens),
                };
                // What did not fit may fit now.
                self.refused = false;
            }
            Steer::Approve { phase } => {
                steering.approved.insert(*phase);
            }
            Steer::ResumeTask { task } => self.resume_task(task)?,
        }
        Ok(())
    }

    /// What the campaign waits for a person to do, if it does.
    pub fn waits_for(&self) -> Option<String> {
        if self.steering.paused {
            return Some("it is paused (`alphalab steer DIR resume`)".to_owned());
        }
        let phase = self.next_phase().filter(|phase| self.is_gated(*phase))?;
        let idle = self.index.live.is_empty() && self.intents.is_empty();
        idle.then(|| {
            format!("phase {phase} waits for approval (`alphalab steer DIR approve phase{phase}`)")
        })
    }

    /// Why nobody can search any more although no task is done: a Supervisor
    /// has paused all that are open.
    pub fn rests_because(&self) -> Option<String> {
        let open = || self.tasks.iter().filter(|task| task.closed.is_none());
        let why = |name: &str| self.staff.paused.get(name);
        let all = open().next().is_some() && open().all(|task| why(&task.name).is_some());
        all.then(|| {
            let paused = open().map(|task| {
                let reason = why(&task.name).map_or("", String::as_str);
                format!("{} ({reason})", task.name)
            });
            let paused: Vec<String> = paused.collect();
            format!(
                "work on every open task is paused: {}; `alphalab steer DIR resume-task TASK` lets it go on",
                paused.join(", ")
            )
        })
    }

    /// The phase that comes next. A lab's own inspection stands for those
    /// before the experiments.
    fn next_phase(&self) -> Option<u8> {
        let settings = self.settings.as_ref()?;
        let next = if settings.evaluation.is_some() {
            self.phase.saturating_add(1)
        } else {
            3
        };
        (self.phase < next && next <= 3).then_some(next)
    }

    /// Closes the clock at the last event if nothing but a person has been
    /// waited for since: such time is nobody's.
    pub(super) fn stop_waiting(&mut self) {
        if self.run == RunState::Running && self.waits_for().is_some() {
            self.clock.close();
        }
    }

    /// Whether a phase may not begin before a person says so.
    pub fn is_gated(&self, phase: u8) -> bool {
        let gates = self.settings.iter().flat_map(|settings| &settings.gates);
        gates.into_iter().any(|gate| *gate == phase) && !self.steering.approved.contains(&phase)
    }
}

fn check(holds: bool, why: impl FnOnce() -> String) -> Result<(), Illegal> {
    if holds {
        Ok(())
    } else {
        Err(Illegal::Steer { why: why() })
    }
}
