//! The ledger of the kills, on logs that are not as they should be.

use orchestrator::core::event::{Event, Logged};
use orchestrator::store::Reader;

use super::ledger::{Breach, Breaches, Seen};
use super::support::{Target, fixtures, run, succeed};

/// More seconds than the campaign ran.
const LONG_S: f64 = 600.0;

/// The events of a campaign.
fn campaign() -> Vec<Logged> {
    let folder = tempfile::tempdir().expect("a folder");
    let target = Target::synthetic(&fixtures().join("tasks/alpha.toml"));
    let dir = folder.path().join("c");
    let more = ["--strategy", "random", "--experiments", "4"];
    succeed(run(&target, "tampered", &dir, &more));
    let log = Reader::open(&dir).and_then(|reader| reader.log());
    log.expect("a log")
}

fn breaches(seen: &mut Seen, log: &[Logged], ran_s: f64) -> Vec<Breach> {
    let mut found = Breaches::new();
    seen.check(log.to_vec(), ran_s, &mut found);
    found.into_iter().map(|(breach, _)| breach).collect()
}

/// A log with another copy of one of its events behind it.
fn again(log: &[Logged], wanted: fn(&Event) -> bool) -> Vec<Logged> {
    let found = log.iter().find(|logged| wanted(&logged.event));
    let mut copy = found.expect("such an event").clone();
    copy.seq = log.len() as u64 + 1;
    let mut log = log.to_vec();
    log.push(copy);
    log
}

#[test]
fn the_ledger_sees_what_is_wrong_with_a_log() {
    let log = campaign();
    let mut seen = Seen::default();
    assert_eq!(breaches(&mut seen, &log[..log.len() - 1], LONG_S), []);
    assert_eq!(breaches(&mut seen, &log, LONG_S), []);

    // What was there is gone, or another.
    let short = &log[..log.len() - 1];
    assert!(breaches(&mut seen, short, LONG_S).contains(&Breach::Lost));
    let mut other = log.clone();
    other[1].at_ms -= 1;
    let mut seen = Seen::default();
    breaches(&mut seen, &log, LONG_S);
    assert!(breaches(&mut seen, &other, LONG_S).contains(&Breach::Lost));

    // Something happened twice.
    let measured: fn(&Event) -> bool = |event| matches!(event, Event::Measured { .. });
    let proposed: fn(&Event) -> bool = |event| matches!(event, Event::ExperimentProposed { .. });
    for twice in [measured, proposed] {
        let found = breaches(&mut Seen::default(), &again(&log, twice), LONG_S);
        assert!(found.contains(&Breach::Doubled), "{found:?}");
    }
    let mut twins = log.clone();
    let mut first = None;
    for logged in &mut twins {
        if let Event::CandidateSubmitted { hash, .. } = &mut logged.event {
            *hash = first.get_or_insert_with(|| hash.clone()).clone();
        }
    }
    let found = breaches(&mut Seen::default(), &twins, LONG_S);
    assert!(found.contains(&Breach::Doubled), "{found:?}");

    // Time that nobody had, and time that was forgotten.
    let mut late = log.clone();
    late.last_mut().expect("an event").at_ms += 2_000 * LONG_S as i64;
    let found = breaches(&mut Seen::default(), &late, LONG_S);
    assert_eq!(found, [Breach::Budget]);
    let mut seen = Seen::default();
    breaches(&mut seen, &log, LONG_S);
    let early: Vec<Logged> = log
        .iter()
        .map(|logged| Logged {
            at_ms: log[0].at_ms,
            ..logged.clone()
        })
        .collect();
    assert!(breaches(&mut seen, &early, LONG_S).contains(&Breach::Budget));
}
