//! The trials of the campaign engine, in short; `cargo xtask kills` runs all
//! thousand kills. And that what they rest on holds: the lab's noise is what
//! it says, and the ledger sees what is wrong with a log.

#[expect(dead_code, reason = "shared by several tests")]
mod support;

#[path = "trials/lab.rs"]
mod lab;
#[path = "../examples/trials/ledger.rs"]
#[expect(
    dead_code,
    reason = "reading logs and naming breaches is for the trial"
)]
mod ledger;
#[path = "trials/tampered.rs"]
mod tampered;

use serde_json::Value;
use support::{alphalab, finish};

/// Runs a trial: what it says, and whether it passed.
fn trial(arguments: &[&str]) -> (Value, bool) {
    let examples = alphalab().parent().expect("a folder").join("examples");
    #[expect(clippy::disallowed_methods, reason = "a test drives the real binary")]
    let mut command = std::process::Command::new(examples.join("trials"));
    command.args(arguments).arg("--json");
    let output = finish(command);
    let said = String::from_utf8_lossy(&output.stderr);
    let document = serde_json::from_slice(&output.stdout);
    let document = document.unwrap_or_else(|error| panic!("{error}: {said}"));
    (document, output.status.success())
}

#[test]
fn whoever_is_killed_nothing_is_lost_or_doubled() {
    let kills = "30";
    let (document, passed) = trial(&["kills", "--kills", kills]);
    assert!(passed, "{document:#}");
    assert_eq!(document["kills"].to_string(), kills);
    for victim in ["orchestrator", "worker", "runner"] {
        let number = document["victims"][victim].as_u64();
        assert!(number.is_some_and(|n| n > 0), "{victim}: {document:#}");
    }
}

#[test]
fn candidates_that_cheat_are_kept_out() {
    let (document, passed) = trial(&["cheats"]);
    assert!(passed, "{document:#}");
    let cheats = document["cheats"].as_array().expect("a list");
    // Each kind, and of what programs try, that it would work.
    for kind in ["typed", "evaluator", "forged", "fished", "sealed"] {
        assert!(cheats.iter().any(|cheat| cheat["kind"] == kind), "{kind}");
    }
    let open = cheats.iter().filter(|c| !c["without_sandbox"].is_null());
    let works = |cheat: &&Value| cheat["without_sandbox"]["took_effect"] == true;
    assert!(open.clone().count() >= 5 && open.clone().all(|cheat| works(&cheat)));
    let paid = open.filter(|cheat| cheat["without_sandbox"]["paid"] == true);
    assert!(paid.count() >= 3, "{document:#}");
}

#[test]
fn winners_are_held_against_the_truth() {
    let (document, _) = trial(&["recovery", "--seeds", "1", "--experiments", "8"]);
    let row = &document["rows"][0];
    assert_eq!(row["random"]["experiments"], 8, "{document:#}");
    assert_eq!(row["random"]["looks"], 0);
    assert!(row["full"]["looks"].as_u64().is_some_and(|n| n > 0));
    for strategy in ["full", "random"] {
        let part = row[strategy]["part_of_optimum"].as_f64().expect("a number");
        assert!(part > 0.0 && part <= 1.0, "{document:#}");
    }
}
