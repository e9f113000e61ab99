//! `alphalab fork`: the same beginning, an end of its own.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;

use orchestrator::campaign::{Layout, folder_hash};
use orchestrator::core::agent::Role;
use orchestrator::core::budget::Amount;
use orchestrator::core::event::{Actor, Body, EffectKey, Event, Logged};
use orchestrator::core::ids::AgentId;
use orchestrator::core::state::{RunState, State};
use orchestrator::store::{Reader, Scan};
use serde_json::json;

use super::support::{command, finish, succeed};
use super::{Campaign, content, failed, verify};

fn scan(dir: &std::path::Path) -> Scan {
    let scan = Reader::open(dir).and_then(|reader| reader.scan());
    let scan = scan.expect("a log");
    assert_eq!(scan.broken, None);
    scan
}

#[test]
fn a_fork_goes_on_by_itself() {
    let campaign = Campaign::new(&[]);
    let (dir, new) = (&campaign.dir, campaign.path("../fork"));
    let path = |path: &std::path::Path| path.to_string_lossy().into_owned();
    let before = content(dir);
    let log = scan(dir);
    // A measurement is under way: the folder of the other has its report, the
    // fork must measure it again.
    let at = log.links.iter().find(|link| {
        let key = match &link.logged.event {
            Event::EffectIntended { key, .. } => Some(key),
            _ => None,
        };
        matches!(key, Some(EffectKey::Measure { .. }))
    });
    let at = at.expect("a measurement").logged.seq;
    let seq = at.to_string();
    let arguments = ["fork", &path(dir), "--at", &seq, "--dir", &path(&new)];
    let said = succeed(command(&campaign.target, "fork", &arguments));
    assert_eq!(said.trim(), path(&new));
    assert!(content(dir) == before, "the other was touched");

    let forked = scan(&new);
    assert_eq!(forked.links.len() as u64, at + 1);
    for (a, b) in log.links.iter().zip(&forked.links).take(at as usize) {
        assert!(a.hash == b.hash && a.logged == b.logged);
    }
    let Event::CampaignForked { of, at: place, .. } = &forked.links[at as usize].logged.event
    else {
        panic!("no fork: {:?}", forked.links[at as usize]);
    };
    assert_eq!((of, *place), (&log.links[at as usize - 1].hash, at));
    let state = State::fold(forked.links.iter().map(|link| &link.logged)).expect("folds");
    assert_eq!(state.run, RunState::Stopped);
    assert!(!state.intents.is_empty());
    let (code, document) = verify(&campaign.target, &new, &[]);
    assert_eq!(code, Some(0), "{document:#}");

    succeed(command(&campaign.target, "fork", &["resume", &path(&new)]));
    let whole = scan(&new);
    let ended = State::fold(whole.links.iter().map(|link| &link.logged)).expect("folds");
    assert!(matches!(ended.run, RunState::Finished(_)));
    let then = State::fold(log.links.iter().map(|link| &link.logged)).expect("folds");
    assert_eq!(
        ended.outline()["experiments"],
        then.outline()["experiments"]
    );
    let (code, document) = verify(&campaign.target, &new, &["--remeasure", "1"]);
    assert_eq!(code, Some(0), "{document:#}");
    let checks = document["checks"].as_array().expect("checks");
    assert!(checks.iter().any(|check| check["name"] == "fork"));
    assert!(content(dir) == before, "the other was touched");
}

#[test]
fn a_fork_has_the_packages_of_its_agents_and_what_was_sealed_is_sealed() {
    let campaign = Campaign::new(&["--experiments", "1"]);
    let frozen = campaign.event("evaluation_frozen").to_string();
    let extras = Layout::of(&campaign.dir).python_extras();
    let modules = extras.join("modules");
    std::fs::create_dir_all(&modules).expect("a folder");
    std::fs::write(modules.join("a.py"), "A = 1\n").expect("writes");
    std::fs::set_permissions(&modules, Permissions::from_mode(0o555)).expect("seals");
    let (dir, new) = (&campaign.dir, campaign.path("../packed"));
    let path = |path: &std::path::Path| path.to_string_lossy().into_owned();
    let arguments = ["fork", &path(dir), "--at", &frozen, "--dir", &path(&new)];
    succeed(command(&campaign.target, "fork", &arguments));
    let there = Layout::of(&new).python_extras();
    let hash = |folder| folder_hash(folder).expect("hashes");
    assert_eq!(hash(&there), hash(&extras));
    let mode = there
        .join("modules")
        .metadata()
        .expect("is there")
        .permissions();
    assert_eq!(mode.mode() & 0o777, 0o555);
}

#[test]
fn where_a_fork_can_not_be() {
    let campaign = Campaign::new(&["--experiments", "1"]);
    let frozen = campaign.event("evaluation_frozen");
    let events = campaign.event("campaign_finished");
    let dir = campaign.dir.to_string_lossy();
    let refused = |at: u64, to: &str, why: &str| {
        let (at, to) = (at.to_string(), campaign.path(to));
        let arguments = ["fork", &dir, "--at", &at, "--dir", &to.to_string_lossy()];
        let output = finish(command(&campaign.target, "fork", &arguments));
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(3), "{stderr}");
        assert!(stderr.contains(why), "{stderr}");
    };
    refused(
        frozen - 1,
        "../no",
        &format!("was frozen, which is event {frozen}; fork there or later"),
    );
    refused(events + 1, "../no", &format!("it has {events}"));
    refused(events, "../c", "is a campaign already");
    assert!(!campaign.path("../no").exists());
    // At the freeze it can, and at the end; under a name of its own.
    for at in [frozen, events] {
        let arguments = ["fork", &dir, "--at", &at.to_string(), "--json"];
        succeed(command(&campaign.target, "fork", &arguments));
        let new = campaign.path(&format!("../c-at-{at}"));
        let (code, document) = verify(&campaign.target, &new, &[]);
        assert_eq!(code, Some(0), "{:#?}", failed(&document));
    }
}

#[test]
fn paid_calls_under_way_count_in_full() {
    let campaign = Campaign::new(&["--experiments", "1"]);
    let first = scan(&campaign.dir).links[0].logged.clone();
    let agent = AgentId(1);
    let amount = Amount {
        usd: 0.25,
        tokens: 900,
    };
    let events = [
        Event::AgentStarted {
            agent,
            role: Role::Strategist,
            experiment: None,
            round: None,
            under: None,
            prompt: Body::Inline(json!("decide")),
            tries_until_wall_s: None,
            model: None,
        },
        Event::EffectIntended {
            key: EffectKey::Model { agent, turn: 0 },
            reserved: Some(amount),
        },
        Event::CampaignForked {
            of: protocol::ContentHash::of(b"the event before"),
            at: 3,
            dir: "c".to_owned(),
            sealed: None,
        },
        Event::CampaignResumed {},
    ];
    let start = first.at_ms;
    let mut log = vec![first];
    for (place, event) in events.into_iter().enumerate() {
        // A day lies between the last event of the other and the fork.
        let later = if place >= 2 { 86_400_000 } else { 1000 };
        log.push(Logged {
            seq: place as u64 + 2,
            at_ms: start + later,
            actor: Actor::Harness,
            event,
        });
    }
    let state = State::fold(&log).expect("folds");
    assert_eq!(state.unsettled, amount);
    assert!(state.reserved.is_empty() && state.intents.is_empty());
    assert!((state.clock.logged_s() - 1.0).abs() < 1e-9);
    // A fork says where it is.
    log.remove(2);
    for (place, logged) in log.iter_mut().enumerate() {
        logged.seq = place as u64 + 1;
    }
    assert!(State::fold(&log).is_err());
}
