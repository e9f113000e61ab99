//! Properties of the pure core.

use orchestrator::core::agent::{Answer, AnswerStatus, Arguments, ModelReply, RequestedCall, Role};
use orchestrator::core::board::{self, BoardState};
use orchestrator::core::budget::Amount;
use orchestrator::core::event::{
    Actor, Body, EffectKey, Event, FailureCost, FinishReason, Logged, Measurement, Score,
};
use orchestrator::core::ids::{AgentId, ExperimentId, TryId};
use orchestrator::core::lineage::Kind;
use orchestrator::core::settings::{Limits, MetricSettings, Policy, Settings, TaskSource};
use orchestrator::core::state::State;
use proptest::prelude::*;
use protocol::{Candidate, ContentHash, Direction, Interval, Split, Verdict};
use serde_json::json;

fn settings() -> Settings {
    Settings {
        schema: 1,
        adapter: "a".to_owned(),
        domain: "d".to_owned(),
        objective: "o".to_owned(),
        lab: "l".to_owned(),
        device: "cpu".to_owned(),
        arch: None,
        simulated: false,
        model: "builtin".to_owned(),
        models: orchestrator::core::models::ModelSettings::default(),
        executor: "local".to_owned(),
        workers: 2,
        seed: 1,
        metric: MetricSettings {
            name: "speedup".to_owned(),
            unit: "ratio".to_owned(),
            direction: Direction::Maximise,
            baseline: "b".to_owned(),
            baseline_value: Some(1.0),
        },
        limits: Limits {
            experiments: Some(6),
            wall_s: Some(100.0),
            usd: Some(5.0),
            tokens: None,
        },
        shares: std::collections::BTreeMap::new(),
        strategy: orchestrator::core::strategy::Strategy::Full,
        staff: None,
        ablations: 0,
        gates: Vec::new(),
        policy: Policy {
            tries_per_worker: 4,
            finalists: 2,
            try_s: 1.0,
            evaluate_s: 1.0,
            remeasure_s: 1.0,
            converged_gain: 0.02,
            turns: 20,
            retry_s: 1.0,
            statistics: orchestrator::core::statistics::Statistics::default(),
            search: orchestrator::core::search_policy::SearchPolicy::default(),
        },
        tasks: ["x", "y"]
            .map(|name| TaskSource {
                name: name.to_owned(),
                source: format!("/{name}"),
            })
            .to_vec(),
        data: String::new(),
        until: 3,
        evaluation: None,
        web: None,
        python: None,
    }
}

fn hash() -> ContentHash {
    ContentHash::of(b"x")
}

fn candidate() -> Candidate {
    Candidate::Template {
        template: "t".to_owned(),
        params: std::collections::BTreeMap::new(),
    }
}

fn verdict() -> impl Strategy<Value = Verdict> {
    prop_oneof![
        3 => Just(Verdict::Ok),
        1 => Just(Verdict::Rejected { stage: "run".to_owned(), reason: "r".to_owned() }),
        1 => Just(Verdict::Crashed { signal: Some(11), reason: "c".to_owned() }),
    ]
}

fn measurement() -> impl Strategy<Value = Measurement> {
    let split = prop_oneof![
        4 => Just(Split::Search),
        4 => Just(Split::Select),
        1 => Just(Split::Sealed),
    ];
    let simulated = proptest::bool::weighted(0.1);
    (split, verdict(), -1.0..5.0_f64, simulated).prop_map(|(split, verdict, value, simulated)| {
        Measurement {
            split,
            score: Score {
                value: verdict.is_ok().then_some(value),
                ci: Some(Interval(value - 0.1, value + 0.1)),
                verdict,
                n: 3,
            },
            hash: None,
            report: None,
            file: None,
            track: None,
            simulated,
            caveats: Vec::new(),
            also: None,
            took_ms: 5,
            idle_ms: None,
        }
    })
}

fn key() -> impl Strategy<Value = EffectKey> {
    (0..6_u8, 1..4_u32, 0..3_u32).prop_map(|(kind, id, n)| match kind {
        0 => EffectKey::Describe,
        1 => EffectKey::Inspect {
            task: "x".to_owned(),
        },
        2 => EffectKey::Model {
            agent: AgentId(id),
            turn: n,
        },
        3 => EffectKey::Tool {
            agent: AgentId(id),
            call: n,
        },
        4 => EffectKey::Check {
            experiment: ExperimentId(id),
            fixes: n,
        },
        _ => EffectKey::Measure {
            experiment: ExperimentId(id),
            attempt: n,
        },
    })
}

fn reply() -> impl Strategy<Value = ModelReply> {
    proptest::collection::vec((0..3_usize, any::<bool>()), 0..3).prop_map(|calls| ModelReply {
        text: Body::Inline(json!("")),
        carry: None,
        calls: calls
            .into_iter()
            .map(|(tool, good)| RequestedCall {
                id: "i".to_owned(),
                tool: ["read_board", "lab_try", "finish"][tool].to_owned(),
                arguments: if good {
                    Arguments::Json(json!({}))
                } else {
                    Arguments::Malformed("{".to_owned())
                },
            })
            .collect(),
        tokens: [u64::MAX, 1],
        cost_usd: 0.1,
        paused: false,
    })
}

fn event() -> impl Strategy<Value = Event> {
    let task = || {
        prop_oneof![
            Just("x".to_owned()),
            Just("y".to_owned()),
            Just("z".to_owned())
        ]
    };
    let id = || (1..4_u32).prop_map(ExperimentId);
    let agent = || (1..4_u32).prop_map(AgentId);
    let state = || (0..board::ALL.len()).prop_map(|place| board::ALL[place]);
    let status = prop_oneof![
        4 => Just(AnswerStatus::Ok),
        1 => Just(AnswerStatus::Failed),
        1 => Just(AnswerStatus::Malformed),
        1 => Just(AnswerStatus::Ends),
    ];
    prop_oneof![
        1 => Just(Event::CampaignStarted { settings: Box::new(settings()) }),
        1 => Just(Event::CampaignResumed {}),
        1 => Just(Event::CampaignStopped { reason: String::new() }),
        1 => Just(Event::CampaignFinished { reason: FinishReason::Converged }),
        1 => Just(Event::PhaseStarted { phase: 3 }),
        2 => task().prop_map(|task| Event::TaskInspected {
            task, source: hash(), inspection: hash(),
            document: Body::Inline(json!({})), templates: vec!["t".to_owned()], quality: None,
        }),
        1 => task().prop_map(|task| Event::TaskClosed { task, reason: String::new() }),
        4 => (agent(), proptest::option::of(id())).prop_map(|(agent, experiment)| Event::AgentStarted {
            agent, role: Role::Worker, experiment, round: None, under: None,
            prompt: Body::Inline(json!("")), tries_until_wall_s: None, model: None,
        }),
        1 => agent().prop_map(|agent| Event::AgentStopped { agent, reason: String::new() }),
        2 => (key(), any::<bool>()).prop_map(|(key, paid)| {
            let paid = paid && matches!(key, EffectKey::Model { .. });
            Event::EffectIntended { key, reserved: paid.then_some(Amount { usd: 0.25, tokens: 7 }) }
        }),
        2 => (key(), 0..3_u8).prop_map(|(key, cost)| Event::EffectFailed {
            key,
            error: String::new(),
            retry_at_ms: Some(5),
            cost: [
                FailureCost::Nothing,
                FailureCost::Unsettled,
                FailureCost::Billed { amount: Amount { usd: 0.1, tokens: 3 } },
            ][cost as usize],
        }),
        4 => (agent(), 0..3_u32, reply()).prop_map(|(agent, turn, reply)| Event::ModelCalled { agent, turn, reply }),
        4 => (agent(), 0..4_u32, status).prop_map(|(agent, call, status)| Event::ToolAnswered {
            agent, call, answer: Answer { status, body: Body::Inline(json!({})), pictures: Vec::new() },
        }),
        2 => (1..5_u32, agent(), task()).prop_map(|(id, agent, task)| Event::Tried {
            id: TryId(id), agent, task, candidate: candidate(),
            score: Score { verdict: Verdict::Ok, value: Some(1.0), ci: None, n: 1 },
        }),
        6 => (id(), task(), agent()).prop_map(|(experiment, task, by)| Event::ExperimentProposed {
            experiment, task, name: "n".to_owned(), hypothesis: String::new(),
            templates: Vec::new(), by: Some(by), owner: None, parent: None, kind: Kind::Explore,
        }),
        6 => (id(), agent()).prop_map(|(experiment, agent)| Event::CandidateSubmitted {
            experiment, candidate: candidate(), hash: hash(), agent: Some(agent), call: Some(0),
            provenance: Box::default(),
        }),
        6 => (id(), 0..2_u32, verdict()).prop_map(|(experiment, fixes, verdict)| Event::Checked {
            experiment, fixes, verdict,
        }),
        1 => proptest::collection::vec(id(), 0..2).prop_map(|experiments| Event::SealedOpened {
            experiments, reason: FinishReason::BudgetSpent,
        }),
        40 => (id(), state(), state()).prop_map(|(experiment, from, to)| Event::Moved {
            experiment, from, to, reason: String::new(),
        }),
        10 => (id(), 1..3_u32, measurement()).prop_map(|(experiment, attempt, measurement)| Event::Measured {
            experiment, attempt, measurement,
        }),
    ]
}

fn logged(seq: u64, event: Event) -> Logged {
    Logged {
        seq,
        at_ms: seq as i64 * 10,
        actor: Actor::Harness,
        event,
    }
}

/// Biases random moves towards legal ones, so that runs get deep: a move's
/// origin becomes the experiment's present state.
fn anchored(state: &State, event: Event) -> Event {
    match event {
        Event::Moved {
            experiment,
            to,
            reason,
            ..
        } => {
            let from = state
                .experiments
                .get(&experiment)
                .map_or(BoardState::Done, |e| e.state);
            Event::Moved {
                experiment,
                from,
                to,
                reason,
            }
        }
        other => other,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// Random events never panic, an illegal one changes nothing, terminal
    /// states stay, and the legal ones replay to the same state.
    #[test]
    fn folding_is_total(events in proptest::collection::vec(event(), 0..300)) {
        let mut state = State::default();
        let first = Event::CampaignStarted { settings: Box::new(settings()) };
        let mut log = vec![logged(1, first)];
        state.apply(&log[0]).expect("a first event");
        for event in events {
            // Campaigns end early in random sequences: most are left out.
            if matches!(event, Event::CampaignFinished { .. } | Event::CampaignStopped { .. } | Event::SealedOpened { .. }) && log.len() < 60 {
                continue;
            }
            let next = logged(state.seq + 1, anchored(&state, event));
            let before = state.clone();
            if state.apply(&next).is_ok() {
                log.push(next);
            } else {
                prop_assert_eq!(&state, &before);
            }
            // The sealed split stays open, and nobody is measured on it twice.
            prop_assert!(before.sealed.is_none() || before.sealed == state.sealed);
            for e in state.experiments.values() {
                let sealed = e.attempts.iter().filter(|a| a.measurement.split == Split::Sealed);
                prop_assert!(sealed.count() <= usize::from(state.sealed.is_some()));
                // Nothing of a simulator stands beside what was measured.
                prop_assert!(e.attempts.iter().all(|a| !a.measurement.simulated));
            }
            for (id, e) in &before.experiments {
                if e.state.is_terminal() {
                    prop_assert_eq!(state.experiments[id].state, e.state);
                }
                prop_assert!(state.experiments[id].fixes <= board::MAX_FIXES);
            }
            let budget = state.budget(0).experiments;
            prop_assert!(budget.spent + budget.reserved <= state.experiments.len() as f64);
            // Only calls under way hold a reservation.
            prop_assert!(state.reserved.keys().all(|key| state.intents.contains(key)));
        }
        prop_assert_eq!(State::fold(&log).expect("legal events"), state);
    }

    /// Every event survives its way through JSON.
    #[test]
    fn events_round_trip(event in event()) {
        let text = serde_json::to_string(&event).expect("JSON");
        prop_assert_eq!(serde_json::from_str::<Event>(&text).expect("an event"), event);
    }
}

/// A reservation is settled by the reply, kept by a failure that may be
/// billed, and kept when the orchestrator dies over the call.
#[test]
fn a_call_that_was_cut_off_counts_at_its_reservation() {
    let mut log = Vec::new();
    let mut state = State::default();
    let mut say = |state: &mut State, event: Event| {
        let next = logged(state.seq + 1, event);
        state.apply(&next).expect("a legal event");
        log.push(next);
    };
    let agent = AgentId(1);
    let key = EffectKey::Model { agent, turn: 0 };
    let need = Amount {
        usd: 0.5,
        tokens: 1000,
    };
    let intend = || Event::EffectIntended {
        key: EffectKey::Model { agent, turn: 0 },
        reserved: Some(Amount {
            usd: 0.5,
            tokens: 1000,
        }),
    };
    let started = Event::CampaignStarted {
        settings: Box::new(settings()),
    };
    say(&mut state, started);
    let started = Event::AgentStarted {
        agent,
        role: Role::Strategist,
        experiment: None,
        round: None,
        under: None,
        prompt: Body::Inline(json!("")),
        tries_until_wall_s: None,
        model: None,
    };
    say(&mut state, started);

    say(&mut state, intend());
    assert_eq!(state.reserved.values().copied().sum::<Amount>(), need);
    // Killed here.
    say(&mut state, Event::CampaignResumed {});
    assert!(!state.intents.contains(&key), "to be asked again");
    assert_eq!(state.unsettled, need);

    for cost in [FailureCost::Unsettled, FailureCost::Nothing] {
        say(&mut state, intend());
        let failed = Event::EffectFailed {
            key: key.clone(),
            error: "dropped".to_owned(),
            retry_at_ms: Some(1),
            cost,
        };
        say(&mut state, failed);
    }
    let twice = Amount {
        usd: 1.0,
        tokens: 2000,
    };
    assert_eq!(state.unsettled, twice, "refused for free the second time");

    say(&mut state, intend());
    let reply = ModelReply {
        text: Body::Inline(json!("")),
        carry: None,
        calls: Vec::new(),
        tokens: [100, 20],
        cost_usd: 0.25,
        paused: false,
    };
    say(
        &mut state,
        Event::ModelCalled {
            agent,
            turn: 0,
            reply,
        },
    );
    let budget = state.budget(0);
    assert_eq!(
        (budget.usd.spent, budget.usd.reserved, budget.usd.unsettled),
        (0.25, 0.0, 1.0)
    );
    assert_eq!(
        (budget.tokens.spent, budget.tokens.unsettled),
        (120.0, 2000.0)
    );
    assert!((budget.usd.left() - 3.75).abs() < 1e-12);
    assert_eq!(State::fold(&log).expect("legal events"), state);
}

#[test]
fn an_event_out_of_place_is_refused() {
    let mut state = State::default();
    let first = Event::CampaignStarted {
        settings: Box::new(settings()),
    };
    assert!(state.apply(&logged(2, first)).is_err());
    assert!(
        state
            .apply(&logged(1, Event::PhaseStarted { phase: 1 }))
            .is_err()
    );
    assert_eq!(state, State::default());
}

#[test]
fn an_evaluation_frozen_without_a_baseline_can_still_be_read() {
    let hash = hash();
    let old = serde_json::json!({
        "kind": "evaluation_frozen",
        "payload": { "lab": "", "version": "", "tasks": [], "hash": hash },
    });
    let read: Event = serde_json::from_value(old.clone()).expect("an event");
    let Event::EvaluationFrozen { baseline, .. } = &read else {
        panic!("{read:?}");
    };
    assert_eq!(*baseline, None);
    assert_eq!(serde_json::to_value(&read).expect("writes"), old);
}
