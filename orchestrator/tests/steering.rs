//! What persons ask for, in the state and in what follows from it.

#[path = "planner/settings.rs"]
mod settings;

use orchestrator::core::agent::Role;
use orchestrator::core::event::{Actor, Body, Event, Logged};
use orchestrator::core::ids::{AgentId, ExperimentId};
use orchestrator::core::lineage::Kind;
use orchestrator::core::planner::{self, Decision};
use orchestrator::core::settings::Settings;
use orchestrator::core::state::State;
use orchestrator::core::steer::Steer;
use orchestrator::tools::Kinds;
use protocol::ContentHash;
use serde_json::json;

struct Run(State);

impl Run {
    fn begin(settings: Settings) -> Self {
        let mut run = Self(State::default());
        let settings = Box::new(settings);
        run.at(0, Event::CampaignStarted { settings });
        run.at(
            0,
            Event::LabDescribed {
                lab: "l".to_owned(),
                version: "1".to_owned(),
            },
        );
        for task in ["x", "y"] {
            let hash = ContentHash::of(task.as_bytes());
            run.at(
                0,
                Event::TaskInspected {
                    task: task.to_owned(),
                    source: hash.clone(),
                    inspection: hash,
                    document: Body::Inline(json!({})),
                    templates: vec!["t".to_owned()],
                    quality: None,
                },
            );
        }
        run
    }

    fn at(&mut self, at_ms: i64, event: Event) {
        let logged = Logged {
            seq: self.0.seq + 1,
            at_ms,
            actor: Actor::Harness,
            event,
        };
        self.0.apply(&logged).expect("a legal event");
    }

    fn wish(&mut self, at_ms: i64, what: Steer) {
        let request = format!("request {at_ms}");
        self.at(at_ms, Event::Steered { what, request });
    }

    /// Records all that is decided, until it is acts that are wanted.
    fn follow(&mut self, now_ms: i64) {
        for _ in 0..20 {
            let decided = planner::decide(&self.0, now_ms, &Kinds);
            let events: Vec<Event> = decided
                .into_iter()
                .filter_map(|decision| match decision {
                    Decision::Record(event) => Some(event),
                    _ => None,
                })
                .collect();
            if events.is_empty() {
                return;
            }
            for event in events {
                self.at(now_ms, event);
            }
        }
        panic!("it never comes to rest");
    }

    fn spent_s(&self, now_ms: i64) -> f64 {
        self.0.budget(now_ms).wall_s.spent
    }
}

fn started(agent: u32, role: Role, experiment: Option<ExperimentId>) -> Event {
    Event::AgentStarted {
        agent: AgentId(agent),
        role,
        experiment,
        round: None,
        under: None,
        prompt: Body::Inline(json!("")),
        tries_until_wall_s: None,
        model: None,
    }
}

fn proposed(number: u32, owner: Option<AgentId>) -> Event {
    Event::ExperimentProposed {
        experiment: ExperimentId(number),
        task: "x".to_owned(),
        name: "n".to_owned(),
        hypothesis: String::new(),
        templates: Vec::new(),
        by: None,
        owner,
        parent: None,
        kind: Kind::Explore,
    }
}

/// A worker on two experiments, both of which are given up.
fn given_up(wall_s: f64) -> Run {
    let mut run = Run::begin(settings::settings(1, 10, wall_s));
    run.follow(0);
    run.at(0, proposed(1, None));
    run.at(0, started(1, Role::Worker, Some(ExperimentId(1))));
    run.at(0, proposed(2, Some(AgentId(1))));
    for number in [1, 2] {
        let experiment = ExperimentId(number);
        run.wish(i64::from(number), Steer::Cancel { experiment });
    }
    run
}

#[test]
fn a_worker_whose_experiments_are_all_given_up_is_ended_once() {
    for now_ms in [10, 100_000] {
        // The second time the running time is up as well.
        let mut run = given_up(50.0);
        run.follow(now_ms);
        assert_eq!(run.0.live_agents().count(), 0);
        let words: Vec<&str> = run.0.experiments.values().map(|e| e.state.word()).collect();
        assert_eq!(words, ["cancelled", "cancelled"]);
    }
}

#[test]
fn time_in_which_only_a_person_is_waited_for_is_not_spent() {
    let gated = Settings {
        gates: vec![3],
        ..settings::settings(1, 10, 50.0)
    };
    let mut run = Run::begin(gated);
    run.follow(1_000);
    assert!(
        run.0
            .waits_for()
            .is_some_and(|what| what.contains("phase 3"))
    );
    assert!((run.spent_s(900_000) - 1.0).abs() < 1e-9);
    let text = "soon".to_owned();
    run.wish(900_000, Steer::Note { text });
    assert!((run.spent_s(990_000) - 1.0).abs() < 1e-9);
    run.wish(990_000, Steer::Approve { phase: 3 });
    assert_eq!(run.0.waits_for(), None);
    assert!((run.spent_s(992_000) - 3.0).abs() < 1e-9);
    run.wish(993_000, Steer::Pause {});
    assert!((run.spent_s(999_000) - 4.0).abs() < 1e-9);
    assert!(planner::decide(&run.0, 999_000, &Kinds).is_empty());
    run.wish(999_000, Steer::Resume {});
    run.follow(1_000_000);
    assert_eq!(run.0.phase, 3);
    assert!((run.spent_s(1_000_000) - 5.0).abs() < 1e-9);
}

#[test]
fn a_wait_that_ends_with_the_session_is_not_spent_either() {
    let gated = Settings {
        gates: vec![3],
        ..settings::settings(1, 10, 50.0)
    };
    let mut run = Run::begin(gated);
    run.follow(1_000);
    let reason = "asked to stop".to_owned();
    run.at(800_000, Event::CampaignStopped { reason });
    run.at(900_000, Event::CampaignResumed {});
    run.wish(901_000, Steer::Approve { phase: 3 });
    assert!(
        (run.spent_s(903_000) - 3.0).abs() < 1e-9,
        "{}",
        run.spent_s(903_000)
    );
}
