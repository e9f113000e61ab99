//! A campaign whose log is written by hand.

use orchestrator::core::agent::Role;
use orchestrator::core::board::BoardState;
use orchestrator::core::event::{Actor, Body, Event, FinishReason, Logged, Measurement, Score};
use orchestrator::core::fold::Illegal;
use orchestrator::core::ids::{AgentId, ExperimentId};
use orchestrator::core::settings::Settings;
use orchestrator::core::state::State;
use protocol::{Candidate, ContentHash, Interval, Split, Verdict};
use serde_json::json;

/// What a lab is made to say.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Measured {
    pub(crate) value: f64,
    pub(crate) half: Option<f64>,
    pub(crate) ok: bool,
}

impl Measured {
    pub(crate) fn new(value: f64, half: f64) -> Self {
        Self {
            value,
            half: Some(half),
            ok: true,
        }
    }

    fn score(self) -> Score {
        Score {
            verdict: if self.ok {
                Verdict::Ok
            } else {
                Verdict::Crashed {
                    signal: Some(11),
                    reason: "boom".to_owned(),
                }
            },
            value: self.ok.then_some(self.value),
            ci: self
                .half
                .map(|half| Interval(self.value - half, self.value + half)),
            n: 9,
        }
    }
}

/// The log and what it comes to.
pub(crate) struct Forged {
    pub(crate) state: State,
    pub(crate) now_ms: i64,
    log: Vec<Logged>,
}

impl Forged {
    /// A campaign whose experiments may begin.
    pub(crate) fn new(settings: Settings) -> Self {
        let mut forged = Self {
            state: State::default(),
            now_ms: 0,
            log: Vec::new(),
        };
        let tasks: Vec<String> = settings.tasks.iter().map(|t| t.name.clone()).collect();
        let hash = ContentHash::of(b"a task");
        forged.say(Event::CampaignStarted {
            settings: Box::new(settings),
        });
        forged.say(Event::LabDescribed {
            lab: "l".to_owned(),
            version: "1".to_owned(),
        });
        for task in tasks {
            forged.say(Event::TaskInspected {
                task,
                source: hash.clone(),
                inspection: hash.clone(),
                document: Body::Inline(json!({})),
                templates: vec!["t".to_owned()],
                quality: None,
            });
        }
        forged.say(Event::EvaluationFrozen {
            lab: "l".to_owned(),
            version: "1".to_owned(),
            tasks: Vec::new(),
            hash,
            baseline: None,
        });
        forged.say(Event::PhaseStarted { phase: 3 });
        forged
    }

    /// Appends an event that has to be legal.
    pub(crate) fn say(&mut self, event: Event) {
        self.tell(event).expect("a legal event");
    }

    fn tell(&mut self, event: Event) -> Result<(), Illegal> {
        let next = Logged {
            seq: self.state.seq + 1,
            at_ms: self.now_ms,
            actor: Actor::Harness,
            event,
        };
        self.state.apply(&next)?;
        self.log.push(next);
        Ok(())
    }

    /// What the log comes to when it is folded again.
    pub(crate) fn replayed(&self) -> State {
        State::fold(&self.log).expect("a legal log")
    }

    pub(crate) fn propose(&mut self, task: &str) -> Result<ExperimentId, Illegal> {
        let experiment = self.state.next_experiment();
        self.tell(Event::ExperimentProposed {
            experiment,
            task: task.to_owned(),
            name: "n".to_owned(),
            hypothesis: String::new(),
            templates: Vec::new(),
            by: None,
            owner: None,
            parent: None,
            kind: orchestrator::core::lineage::Kind::Explore,
        })?;
        Ok(experiment)
    }

    fn go(&mut self, experiment: ExperimentId, to: BoardState) {
        let from = self.state.experiments[&experiment].state;
        self.say(Event::Moved {
            experiment,
            from,
            to,
            reason: String::new(),
        });
    }

    /// A candidate was measured on `search`; it is analyzed afterwards.
    pub(crate) fn searched(&mut self, task: &str, measured: Measured) -> ExperimentId {
        let id = self.propose(task).expect("a search");
        let candidate = Candidate::Template {
            template: "t".to_owned(),
            params: std::iter::once(("P".to_owned(), json!(id))).collect(),
        };
        self.say(Event::CandidateSubmitted {
            experiment: id,
            hash: ContentHash::of(id.to_string().as_bytes()),
            candidate,
            agent: None,
            call: None,
            provenance: Box::default(),
        });
        self.go(id, BoardState::Implemented);
        self.say(Event::Checked {
            experiment: id,
            fixes: 0,
            verdict: Verdict::Ok,
        });
        for to in [BoardState::Checked, BoardState::Queued, BoardState::Running] {
            self.go(id, to);
        }
        self.measured(id, Split::Search, measured)
            .expect("measured");
        self.go(id, BoardState::Finished);
        self.go(id, BoardState::Analyzed);
        id
    }

    /// Nothing more happens to it on the board.
    pub(crate) fn finish(&mut self, id: ExperimentId) {
        self.go(id, BoardState::Done);
    }

    /// The best of its task was measured again.
    pub(crate) fn selected(&mut self, id: ExperimentId, measured: Measured) {
        self.go(id, BoardState::Remeasure);
        self.measured(id, Split::Select, measured)
            .expect("measured");
        self.go(id, BoardState::Done);
    }

    pub(crate) fn measured(
        &mut self,
        experiment: ExperimentId,
        split: Split,
        measured: Measured,
    ) -> Result<(), Illegal> {
        let attempt = self.state.experiments[&experiment].attempts.len() as u32 + 1;
        self.tell(Event::Measured {
            experiment,
            attempt,
            measurement: Measurement {
                split,
                score: measured.score(),
                hash: Some(ContentHash::of(experiment.to_string().as_bytes())),
                report: None,
                file: None,
                track: None,
                simulated: false,
                caveats: Vec::new(),
                also: None,
                took_ms: 1000,
                idle_ms: None,
            },
        })
    }

    pub(crate) fn open(&mut self, experiments: &[ExperimentId]) -> Result<(), Illegal> {
        self.tell(Event::SealedOpened {
            experiments: experiments.to_vec(),
            reason: FinishReason::Converged,
        })
    }

    /// Somebody took a quick look.
    pub(crate) fn tried(&mut self, task: &str, value: f64) {
        let agent = AgentId(1);
        self.say(Event::AgentStarted {
            agent,
            role: Role::Worker,
            experiment: None,
            round: None,
            under: None,
            prompt: Body::Inline(json!("")),
            tries_until_wall_s: None,
            model: None,
        });
        let id = self.state.next_try();
        self.say(Event::Tried {
            id,
            agent,
            task: task.to_owned(),
            candidate: Candidate::Template {
                template: "t".to_owned(),
                params: std::collections::BTreeMap::new(),
            },
            score: Measured::new(value, 0.1).score(),
        });
        self.say(Event::AgentStopped {
            agent,
            reason: String::new(),
        });
    }
}
