//! What must hold of a log, counted from its events alone.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use orchestrator::core::board::{BoardState, RESERVES};
use orchestrator::core::event::{Event, Logged};
use orchestrator::core::ids::ExperimentId;
use orchestrator::core::state::State;
use orchestrator::store::Reader;

/// Seconds by which two clocks may disagree: the log has the time of day.
const CLOCKS_S: f64 = 1.0;

/// What can be wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Breach {
    /// Something that the log said is not in it any more, or never ended.
    Lost,
    /// Something was begun or counted twice.
    Doubled,
    /// The budget is not what the log says.
    Budget,
    /// The log, its fold or the end differ from what they must be.
    State,
    /// Processes were left behind.
    Orphans,
}

impl Breach {
    pub(crate) const ALL: [Self; 5] = [
        Self::Lost,
        Self::Doubled,
        Self::Budget,
        Self::State,
        Self::Orphans,
    ];

    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Lost => "experiments lost",
            Self::Doubled => "experiments doubled",
            Self::Budget => "budgets adrift",
            Self::State => "states that differ",
            Self::Orphans => "processes left behind",
        }
    }
}

/// Everything that was found wrong.
pub(crate) type Breaches = Vec<(Breach, String)>;

/// What was seen of a campaign so far.
#[derive(Default)]
pub(crate) struct Seen {
    log: Vec<Logged>,
    wall_s: f64,
}

impl Seen {
    /// Looks at a campaign, and gives its state. `ran_s` is how long it can
    /// have run at most, in seconds.
    pub(crate) fn look(
        &mut self,
        dir: &Path,
        ran_s: f64,
        breaches: &mut Breaches,
    ) -> Option<State> {
        let read = Reader::open(dir).and_then(|reader| reader.verified_log());
        let log = match read {
            Ok(log) => log,
            Err(error) => {
                breaches.push((Breach::State, orchestrator::chain::of(&error)));
                return None;
            }
        };
        self.check(log, ran_s, breaches)
    }

    /// The same, of a log that was read.
    pub(crate) fn check(
        &mut self,
        log: Vec<Logged>,
        ran_s: f64,
        breaches: &mut Breaches,
    ) -> Option<State> {
        if !log.starts_with(&self.log) {
            breaches.push((
                Breach::Lost,
                "the log does not go on as it began".to_owned(),
            ));
        }
        doubled(&log, breaches);
        let state = match State::fold(&log) {
            Ok(state) => state,
            Err(error) => {
                breaches.push((Breach::State, error.to_string()));
                return None;
            }
        };
        self.budget(&log, &state, ran_s, breaches);
        self.log = log;
        Some(state)
    }

    fn budget(&mut self, log: &[Logged], state: &State, ran_s: f64, breaches: &mut Breaches) {
        let last_ms = log.last().map_or(0, |logged| logged.at_ms);
        let budget = state.budget(last_ms);
        let (spent, reserved) = recount(log);
        let told = (budget.experiments.spent, budget.experiments.reserved);
        if told != (spent as f64, reserved as f64) {
            let why = format!(
                "{told:?} experiments spent and reserved, {spent} and {reserved} in the log"
            );
            breaches.push((Breach::Budget, why));
        }
        let wall_s = budget.wall_s.spent;
        if wall_s < self.wall_s || wall_s > ran_s + CLOCKS_S {
            let before = self.wall_s;
            let why = format!("{wall_s} s of running time, {before} s before, {ran_s} s at most");
            breaches.push((Breach::Budget, why));
        }
        self.wall_s = wall_s;
    }
}

/// Experiments that count as spent, and those whose place is reserved.
fn recount(log: &[Logged]) -> (usize, usize) {
    let mut stands: BTreeMap<ExperimentId, BoardState> = BTreeMap::new();
    let mut measured = BTreeSet::new();
    for logged in log {
        match &logged.event {
            Event::ExperimentProposed { experiment, .. } => {
                stands.insert(*experiment, BoardState::ToImplement);
            }
            Event::Moved { experiment, to, .. } => {
                stands.insert(*experiment, *to);
            }
            Event::Measured { experiment, .. } => {
                measured.insert(*experiment);
            }
            _ => {}
        }
    }
    let spent =
        |id: &ExperimentId, at: &BoardState| measured.contains(id) || *at == BoardState::Running;
    let reserved = stands
        .iter()
        .filter(|(id, at)| !spent(id, at) && RESERVES.contains(at));
    (
        stands.iter().filter(|(id, at)| spent(id, at)).count(),
        reserved.count(),
    )
}

fn doubled(log: &[Logged], breaches: &mut Breaches) {
    let mut proposed = BTreeSet::new();
    let mut outcomes = BTreeSet::new();
    let mut handed_in = BTreeMap::new();
    let mut tasks = BTreeMap::new();
    let mut add = |what: String| breaches.push((Breach::Doubled, what));
    for logged in log {
        match &logged.event {
            Event::ExperimentProposed {
                experiment, task, ..
            } => {
                tasks.insert(*experiment, task);
                if !proposed.insert(*experiment) {
                    add(format!("{experiment} was proposed twice"));
                }
            }
            Event::CandidateSubmitted {
                experiment, hash, ..
            } => {
                handed_in.insert(*experiment, hash);
            }
            Event::Measured {
                experiment,
                attempt,
                ..
            } if !outcomes.insert((*experiment, *attempt)) => {
                add(format!(
                    "attempt {attempt} at {experiment} was counted twice"
                ));
            }
            _ => {}
        }
    }
    let measured: BTreeSet<ExperimentId> = outcomes.iter().map(|(id, _)| *id).collect();
    let mut candidates = BTreeMap::new();
    for id in measured {
        let (Some(hash), Some(task)) = (handed_in.get(&id), tasks.get(&id)) else {
            continue;
        };
        if let Some(twin) = candidates.insert((task, hash), id) {
            add(format!("{twin} and {id} measured the same candidate"));
        }
    }
}
