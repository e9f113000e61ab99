//! What is booked is what the provider bills, and never less.

use std::cell::Cell;

use mock_llm::{Fault, FaultPlan, Mock, Options, Quirks};
use orchestrator::model::{Attempt, Billing, ChatModel, Reaction};

use crate::support::{
    Tally, ask, assert_all_valid, converse, mock, models, request, setup, three_turns, user,
};

const NANO: f64 = 1e9;

/// Runs conversations on many threads until so many requests have failed.
fn run_until(mock: &Mock, models: &[(&str, Box<dyn ChatModel>)], faults: usize) -> Tally {
    const THREADS: usize = 16;
    let tallies: Vec<Tally> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS)
            .map(|thread| {
                scope.spawn(move || {
                    let mut all = Tally::default();
                    let mut round = 0;
                    while mock.ledger().faults() < faults {
                        for (name, model) in models {
                            let system = format!("Agent {thread}, round {round}, {name}.");
                            let one = converse(model.as_ref(), &system).expect("an end");
                            all.settled_usd += one.settled_usd;
                            all.unknown_usd += one.unknown_usd;
                            all.unknown += one.unknown;
                            all.failed += one.failed;
                            all.replies.extend(one.replies);
                        }
                        round += 1;
                    }
                    all
                })
            })
            .collect();
        threads
            .into_iter()
            .map(|t| t.join().expect("no panic"))
            .collect()
    });
    tallies.into_iter().fold(Tally::default(), |mut all, one| {
        all.settled_usd += one.settled_usd;
        all.unknown_usd += one.unknown_usd;
        all.unknown += one.unknown;
        all.failed += one.failed;
        all.replies.extend(one.replies);
        all
    })
}

#[test]
fn fault_13_after_200_faults_settled_calls_agree_and_nothing_is_missed() {
    let mock = Mock::start(Options {
        script: three_turns(),
        faults: FaultPlan::passing(13, 0.4),
        ..Options::default()
    })
    .unwrap();
    let setup = setup(&mock.url(), 40);
    let models = models(&setup, &mock.url());
    let tally = run_until(&mock, &models, 200);

    assert_all_valid(&mock);
    let ledger = mock.ledger();
    assert!(ledger.faults() >= 200);
    for fault in Fault::PASSING {
        let seen = ledger.entries.iter().any(|e| e.fault == Some(fault));
        assert!(seen, "{fault:?} did not happen");
    }
    let settled = ledger.settled() as f64 / NANO;
    let billed = ledger.billed() as f64 / NANO;
    let booked = tally.settled_usd + tally.unknown_usd;
    println!(
        "{} requests, {} faults: settled {:.6} of {settled:.6} USD, booked {booked:.6} of {billed:.6} USD billed",
        ledger.entries.len(),
        ledger.faults(),
        tally.settled_usd,
    );
    assert!((tally.settled_usd - settled).abs() < 1e-9);
    assert!(booked >= billed);
    assert_eq!(tally.failed + tally.replies.len(), ledger.entries.len());
}

#[test]
fn fault_13_a_cap_holds_through_all_attempts() {
    let mock = Mock::start(Options {
        script: three_turns(),
        faults: FaultPlan {
            seed: 5,
            rate: 0.7,
            kinds: vec![
                Fault::DropMidStream,
                Fault::MalformedEvent,
                Fault::Overloaded,
            ],
        },
        ..Options::default()
    })
    .unwrap();
    let setup = setup(&mock.url(), 40);
    let cap_usd = 1.0;
    let booked = Cell::new(0.0);
    let mut round = 0;
    'campaign: loop {
        for (dialect, model) in models(&setup, &mock.url()) {
            let system = format!("{dialect} {round}");
            let request = request(&system, vec![user("go")]);
            let reserved = model.reserve(&request).usd;
            let fits = || booked.get() + reserved <= cap_usd;
            if !fits() {
                break 'campaign;
            }
            let mut permit = |attempt: &Attempt| {
                booked.set(booked.get() + cost(attempt, reserved));
                fits()
            };
            match model.turn_within(&request, &mut |_| {}, &mut permit) {
                Ok(reply) => booked.set(booked.get() + reply.cost_usd),
                Err(failure) => assert_eq!(failure.error.reaction(), Reaction::Retry),
            }
        }
        round += 1;
    }
    let billed = mock.ledger().billed() as f64 / NANO;
    let booked = booked.get();
    println!("billed {billed:.6} USD, booked {booked:.6} USD of {cap_usd} USD");
    assert!(billed <= booked && booked <= cap_usd, "{billed} {booked}");
    assert!(booked > cap_usd * 0.9);
    assert_all_valid(&mock);
}

fn cost(attempt: &Attempt, reserved_usd: f64) -> f64 {
    match attempt.billing {
        Billing::Nothing => 0.0,
        Billing::Unknown => reserved_usd,
        Billing::Known { cost_usd, .. } => cost_usd,
    }
}

#[test]
fn fault_13_a_refused_reply_is_paid_for() {
    let mock = mock(three_turns());
    let setup = setup(&mock.url(), 1);
    for (dialect, model) in models(&setup, &mock.url()) {
        let before = mock.ledger().billed();
        mock.inject([Some(Fault::ContentFilter)]);
        let failure = ask(model.as_ref(), &request("s", vec![user("go")])).unwrap_err();
        let mut tally = Tally::default();
        tally.book(&failure.attempts, 0.0);
        let billed = (mock.ledger().billed() - before) as f64 / NANO;
        assert!(billed > 0.0);
        assert!((tally.settled_usd - billed).abs() < 1e-12, "{dialect}");
    }
}

#[test]
fn a_server_that_does_not_count_is_estimated_and_says_so() {
    for quirks in [
        Quirks {
            no_usage: true,
            ..Quirks::default()
        },
        Quirks {
            no_usage: true,
            no_stream: true,
            no_ids: true,
        },
    ] {
        let mock = Mock::start(Options {
            script: three_turns(),
            quirks,
            ..Options::default()
        })
        .unwrap();
        let spec = format!("compatible:{}/v1:mock", mock.url());
        let model = setup(&mock.url(), 1).model(&spec).unwrap();
        let tally = converse(model.as_ref(), "s").unwrap();
        assert_all_valid(&mock);
        assert_eq!(tally.replies.len(), 3);
        for reply in &tally.replies {
            assert!(reply.usage.estimated);
            assert_eq!(reply.usage.cache_read, 0);
        }
        let billed = mock.ledger().billed() as f64 / NANO;
        assert!(
            tally.settled_usd >= billed,
            "{} < {billed}",
            tally.settled_usd
        );
        if quirks.no_ids {
            let ids: Vec<&str> = tally
                .replies
                .iter()
                .flat_map(|reply| &reply.calls)
                .map(|call| call.id.as_str())
                .collect();
            assert_eq!(ids, ["call-0-0", "call-1-0", "call-1-1"]);
        }
    }
}

#[test]
fn a_server_that_does_not_stream_is_understood() {
    let mock = Mock::start(Options {
        script: three_turns(),
        quirks: Quirks {
            no_stream: true,
            ..Quirks::default()
        },
        ..Options::default()
    })
    .unwrap();
    let setup = setup(&mock.url(), 1);
    for (dialect, model) in models(&setup, &mock.url()) {
        let tally = converse(model.as_ref(), dialect).unwrap();
        assert_eq!(tally.replies.len(), 3, "{dialect}");
        assert!(tally.replies[0].carry.is_some(), "{dialect}");
        assert!(!tally.replies[0].usage.estimated, "{dialect}");
    }
    let settled = mock.ledger().settled();
    assert_eq!(settled, mock.ledger().billed());
    assert_all_valid(&mock);
}
