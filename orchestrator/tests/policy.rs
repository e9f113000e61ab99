//! The search as code steers it: quotas, duplicates, stagnation, convergence.

#[path = "policy/bench.rs"]
mod bench;
#[path = "planner/settings.rs"]
mod settings;

use bench::{Bench, point, proposal};
use orchestrator::core::ablation::Ablation;
use orchestrator::core::agent::Role;
use orchestrator::core::event::{Event, FinishReason};
use orchestrator::core::ids::ExperimentId;
use orchestrator::core::lineage::Kind;
use orchestrator::core::planner::{Decision, Effect, decide};
use orchestrator::core::settings::Settings;
use orchestrator::core::stages::Stage;
use orchestrator::core::state::RunState;
use orchestrator::core::strategy::Strategy as Way;
use orchestrator::tools::Kinds;
use proptest::prelude::*;
use serde_json::{Value, json};

/// One task and this many experiments.
fn small(experiments: u32) -> Settings {
    let mut settings = settings::settings(1, experiments, 1000.0);
    settings.tasks.truncate(1);
    settings
}

fn words(kinds: &[Kind]) -> Vec<&'static str> {
    kinds.iter().map(|kind| kind.word()).collect()
}

#[test]
fn the_stage_follows_the_budget() {
    let mut bench = Bench::new(small(10));
    let mut seen = Vec::new();
    for n in 0..9 {
        seen.push(bench.state.stage().word());
        let last = bench.state.experiments.keys().next_back().copied();
        let kind = match bench.state.stage_of("x") {
            Stage::Explore if n % 2 == 0 => "explore",
            Stage::Explore | Stage::Exploit => "exploit",
            Stage::Refine | Stage::Ensemble => "refine",
        };
        let parent = last.filter(|_| kind != "explore");
        // Each better than the one before.
        bench.round(
            proposal(kind, parent, &[]),
            point(n * 100),
            f64::from(n) + 1.0,
        );
    }
    assert_eq!(
        seen,
        [
            "explore", "explore", "explore", "explore", "exploit", "exploit", "exploit", "exploit",
            "refine"
        ]
    );
    bench.check();
}

#[test]
fn what_is_over_its_quota_is_refused_with_what_is_admitted() {
    let mut bench = Bench::new(small(20));
    let strategist = bench.start(Role::Strategist, None);
    // Nothing can be exploited before there is a result.
    let answer = bench.call(
        strategist,
        "propose_experiment",
        proposal("exploit", None, &[]),
    );
    assert_eq!(answer["allowed"], json!(["explore"]), "{answer}");
    bench.stop(strategist);
    let first = bench.round(proposal("explore", None, &["a"]), point(1), 1.0);
    bench.round(proposal("exploit", Some(first), &[]), point(100), 2.0);

    let cases = [
        // One of two explored; two of three would not have.
        (proposal("exploit", Some(first), &[]), "at most 50%"),
        (proposal("refine", Some(first), &[]), "at most 50%"),
        (proposal("ablation", Some(first), &[]), "at most 25%"),
        (proposal("ensemble", Some(first), &[]), "no ensembles"),
        (proposal("explore", None, &["a"]), "were tried"),
        (proposal("exploit", None, &[]), "needs `parent`"),
        (
            proposal("exploit", Some(ExperimentId(9)), &[]),
            "no experiment e0009",
        ),
    ];
    let strategist = bench.start(Role::Strategist, None);
    for (wanted, why) in cases {
        let answer = bench.call(strategist, "propose_experiment", wanted.clone());
        let error = answer["error"].as_str().unwrap_or_default();
        assert!(error.contains(why), "{wanted}: {answer}");
        assert_eq!(answer["allowed"], json!(["explore"]), "{answer}");
        assert_eq!(answer["stage"], json!("explore"));
    }
    let board = bench.call(strategist, "read_board", json!({}));
    let task = &board["tasks"][0];
    assert_eq!(task["untried"], json!(["b"]));
    assert_eq!(task["top"], json!([2, 1]));
    assert_eq!(board["experiments"][1]["kind"], json!("exploit"));
    assert_eq!(board["experiments"][1]["parent"], json!(1));
    bench.stop(strategist);
    // Once every template was looked at, the share is free.
    bench.round(
        proposal("explore", None, &["b"]),
        json!({ "template": "b", "params": {} }),
        0.5,
    );
    let allowed = bench.state.allowed_on("x");
    assert_eq!(
        words(&allowed),
        ["explore", "exploit", "refine", "ablation"]
    );
    bench.check();
}

#[test]
fn only_the_best_are_refined_in_the_end() {
    let mut settings = small(8);
    settings.policy.search.top = 2;
    settings.policy.search.ensemble_from = Some(0.9);
    let mut bench = Bench::new(settings);
    for n in 0..6 {
        let value = if n == 3 { 50.0 } else { f64::from(n) };
        let kind = if n < 4 { "explore" } else { "exploit" };
        let parent = (n >= 4).then_some(ExperimentId(4));
        bench.round(proposal(kind, parent, &[]), point(n * 100), value);
    }
    assert_eq!(bench.state.stage(), Stage::Refine);
    let strategist = bench.start(Role::Strategist, None);
    for (kind, parent, why) in [
        ("explore", None, "the stage is refine"),
        ("exploit", Some(4), "the stage is refine"),
        ("ensemble", Some(4), "the stage is refine"),
        ("refine", Some(1), "not among the best 2"),
    ] {
        let wanted = proposal(kind, parent.map(ExperimentId), &[]);
        let answer = bench.call(strategist, "propose_experiment", wanted);
        let error = answer["error"].as_str().unwrap_or_default();
        assert!(error.contains(why), "{kind}: {answer}");
    }
    bench.stop(strategist);
    bench.round(
        proposal("refine", Some(ExperimentId(4)), &[]),
        point(700),
        9.0,
    );
    let last = bench.round(
        proposal("refine", Some(ExperimentId(7)), &[]),
        point(800),
        8.0,
    );
    assert_eq!(bench.state.stage(), Stage::Ensemble);
    assert_eq!(bench.state.experiments[&last].kind, Kind::Refine);
    assert!(bench.state.allowed_on("x").contains(&Kind::Ensemble));
    bench.check();
}

fn source(text: &str) -> Value {
    json!({ "files": { "k.cpp": text } })
}

fn long(words: &str) -> String {
    let lines = (0..60).map(|n| format!("    y[{n}] = f{n}(x[{n}]) * {words};\n"));
    format!("void k() {{\n{}}}\n", lines.collect::<String>())
}

/// What a worker is told that hands in `second` after `first` was measured.
fn after(first: &Value, value: Option<f64>, second: &Value) -> Value {
    let mut bench = Bench::new(small(20));
    let strategist = bench.start(Role::Strategist, None);
    for _ in 0..2 {
        bench.call(
            strategist,
            "propose_experiment",
            proposal("explore", None, &[]),
        );
    }
    bench.stop(strategist);
    let submit = |bench: &mut Bench, id: u32, arguments: &Value| {
        let id = ExperimentId(id);
        let worker = bench.start(Role::Worker, Some(id));
        let mut arguments = arguments.clone();
        arguments["experiment"] = json!(id);
        bench.call(worker, "submit_experiment", arguments)
    };
    let answer = submit(&mut bench, 1, first);
    assert_eq!(answer, Value::Null, "{answer}");
    bench.measure(ExperimentId(1), value);
    let answer = submit(&mut bench, 2, second);
    if answer.is_null() {
        bench.measure(ExperimentId(2), Some(1.0));
        let replicates = bench.state.experiments[&ExperimentId(2)].replicates;
        bench.check();
        return json!({ "replicates": replicates });
    }
    answer
}

#[test]
fn what_was_measured_is_not_measured_again() {
    let kernel = source(&long("2.0f"));
    let with = |text: &str, more: Value| {
        let mut wanted = source(text);
        for (key, value) in more.as_object().into_iter().flatten() {
            wanted[key.as_str()] = value.clone();
        }
        wanted
    };
    let shifted = long("2.0f").replacen("f7(x[7])", "f7(x[7] + x[8])", 1);
    let cases = [
        (kernel.clone(), kernel.clone(), Some("hash")),
        (
            kernel.clone(),
            source(&format!("// mine\n{}", long("2.0f"))),
            Some("canonical"),
        ),
        (kernel.clone(), source(&long("2.001f")), Some("text")),
        (kernel.clone(), source(&shifted), Some("text")),
        // A tuned number, another function, and a change that says so.
        (kernel.clone(), source(&long("2.5f")), None),
        (
            kernel.clone(),
            source(&long("2.0f").replace('f', "g")),
            None,
        ),
        (kernel.clone(), with(&shifted, json!({ "parent": 1 })), None),
        (
            kernel.clone(),
            with(&long("2.001f"), json!({ "parent": 1 })),
            Some("text"),
        ),
        (point(100), point(100), Some("hash")),
        (
            point(100),
            json!({ "template": "a", "params": { "N": 100.0, "F": 0 } }),
            Some("canonical"),
        ),
        (point(100), point(103), Some("params")),
        (point(100), point(110), None),
        (
            point(100),
            json!({ "template": "a", "params": { "N": 100, "F": true } }),
            None,
        ),
        (
            point(100),
            json!({ "template": "b", "params": { "N": 100 } }),
            None,
        ),
        (point(100), kernel.clone(), None),
    ];
    for (first, second, expected) in cases {
        let answer = after(&first, Some(3.0), &second);
        assert_eq!(answer["how"].as_str(), expected, "{second}: {answer}");
        if expected.is_some() {
            assert_eq!(answer["twin"], json!(1));
            assert_eq!(answer["result"]["value"], json!(3.0));
        }
    }
}

#[test]
fn what_was_refused_may_be_mended_but_not_repeated() {
    let kernel = long("2.0f");
    let mended = kernel.replacen("f7(x[7])", "f7(x[8])", 1);
    let answer = after(&source(&kernel), None, &source(&mended));
    assert_eq!(answer["twin"], Value::Null, "{answer}");
    let again = format!("{kernel}\n\n");
    let answer = after(&source(&kernel), None, &source(&again));
    assert_eq!(answer["how"], json!("canonical"), "{answer}");
    assert_eq!(answer["result"]["verdict"], json!("rejected"));
}

#[test]
fn a_measurement_is_repeated_on_purpose_and_counted_apart() {
    let again = |mut wanted: Value| {
        wanted["replicate"] = json!(true);
        wanted
    };
    let answer = after(&point(100), Some(1.0), &again(point(100)));
    assert_eq!(answer["replicates"], json!(1), "{answer}");
    let answer = after(&point(100), Some(1.0), &again(point(500)));
    let error = answer["error"].as_str().unwrap_or_default();
    assert!(error.contains("leave out `replicate`"), "{answer}");

    let mut bench = Bench::new(small(20));
    let first = bench.round(proposal("explore", None, &[]), point(100), 1.0);
    for n in 0..4 {
        let strategist = bench.start(Role::Strategist, None);
        let wanted = proposal("explore", None, &["b"]);
        let answer = bench.call(strategist, "propose_experiment", wanted);
        bench.stop(strategist);
        let id: ExperimentId =
            serde_json::from_value(answer["experiment"].clone()).expect("a number");
        let worker = bench.start(Role::Worker, Some(id));
        let mut wanted = again(point(100));
        wanted["experiment"] = json!(id);
        let answer = bench.call(worker, "submit_experiment", wanted);
        if n == 3 {
            let error = answer["error"].as_str().unwrap_or_default();
            assert!(error.contains("3 is the most"), "{answer}");
            break;
        }
        // Much better, and yet no better than what it repeats.
        bench.measure(id, Some(9.0));
        bench.stop(worker);
        bench.settle();
        assert_eq!(bench.state.experiments[&id].replicates, Some(first));
    }
    assert_eq!(bench.state.top("x", 9), [first]);
    let progress = bench.state.progress("x").expect("it was measured");
    assert_eq!(progress.since, 0);
    bench.check();
}

/// A campaign on one task that counts as stuck after three experiments.
fn stuck() -> Bench {
    let mut settings = small(40);
    settings.policy.search.stagnation = 3;
    settings.policy.search.escape = 2;
    let mut bench = Bench::new(settings);
    let first = bench.round(proposal("explore", None, &["a"]), point(0), 5.0);
    for n in 1..4 {
        assert!(!bench.state.has_stagnated("x"));
        let (kind, parent) = if n == 1 {
            ("exploit", Some(first))
        } else {
            ("explore", None)
        };
        // Within the noise of the first.
        bench.round(proposal(kind, parent, &[]), point(n * 100), 5.1);
    }
    assert!(bench.state.has_stagnated("x"));
    bench
}

#[test]
fn a_task_that_is_stuck_is_explored_again_then_closed() {
    let mut bench = stuck();
    let strategist = bench.start(Role::Strategist, None);
    let board = bench.call(strategist, "read_board", json!({}));
    assert_eq!(board["tasks"][0]["stagnated"], json!(true));
    assert_eq!(board["tasks"][0]["untried"], json!(["b"]));
    assert_eq!(board["tasks"][0]["allowed"], json!(["explore"]));
    let wanted = proposal("exploit", Some(ExperimentId(1)), &[]);
    let answer = bench.call(strategist, "propose_experiment", wanted);
    assert_eq!(answer["stagnated"], json!(true), "{answer}");
    assert_eq!(answer["allowed"], json!(["explore"]));
    bench.stop(strategist);

    bench.round(
        proposal("explore", None, &["b"]),
        json!({ "template": "b" }),
        4.0,
    );
    assert_eq!(bench.state.task("x").expect("the task").closed, None);
    bench.round(proposal("explore", None, &[]), source("int k;"), 5.0);
    let closed = bench.state.task("x").expect("the task").closed.clone();
    let reason = closed.expect("it has converged");
    assert!(
        reason.starts_with("converged: no significant improvement in 5"),
        "{reason}"
    );
    bench.check();
}

#[test]
fn convergence_ends_the_campaign() {
    let mut bench = stuck();
    bench.round(
        proposal("explore", None, &["b"]),
        json!({ "template": "b" }),
        4.0,
    );
    bench.round(proposal("explore", None, &[]), source("int k;"), 5.0);
    let end = RunState::Finished(FinishReason::Converged);
    assert_eq!(bench.state.run, end);
    let left = bench.state.budget(0).experiments.left();
    assert!(left > 30.0, "{left}");
}

#[test]
fn an_improvement_ends_the_episode() {
    let mut bench = stuck();
    bench.round(
        proposal("explore", None, &["b"]),
        json!({ "template": "b" }),
        9.0,
    );
    assert!(!bench.state.has_stagnated("x"));
    let allowed = bench.state.allowed_on("x");
    assert!(allowed.contains(&Kind::Exploit), "{allowed:?}");
    bench.check();
}

#[test]
fn a_worker_is_told_that_its_task_is_stuck() {
    let mut bench = stuck();
    let strategist = bench.start(Role::Strategist, None);
    bench.call(
        strategist,
        "propose_experiment",
        proposal("explore", None, &["b"]),
    );
    bench.stop(strategist);
    let id = ExperimentId(5);
    let worker = bench.start(Role::Worker, Some(id));
    let wanted = json!({ "experiment": id, "template": "b", "params": {} });
    bench.call(worker, "submit_experiment", wanted);
    let answer = bench.measure(id, Some(5.0));
    assert_eq!(answer["stagnated"], json!(true), "{answer}");
    assert_eq!(answer["untried"], json!([]));
}

#[test]
fn room_is_kept_for_taking_the_winner_apart() {
    let mut settings = small(12);
    settings.ablations = 2;
    let mut bench = Bench::new(settings);
    assert!((bench.state.budget(0).experiments.reserved - 2.0).abs() < 1e-9);
    for n in 0..10 {
        let value = f64::from(n) + 1.0;
        let last = bench.state.top("x", 1).first().copied();
        let kind = match bench.state.stage_of("x") {
            Stage::Explore => "explore",
            Stage::Exploit => "exploit",
            Stage::Refine | Stage::Ensemble => "refine",
        };
        let parent = last.filter(|_| kind != "explore");
        bench.round(proposal(kind, parent, &[]), point(n * 100 + 50), value);
    }
    let strategist = bench.start(Role::Strategist, None);
    let wanted = proposal("refine", Some(ExperimentId(10)), &[]);
    let answer = bench.call(strategist, "propose_experiment", wanted);
    let error = answer["error"].as_str().unwrap_or_default();
    assert!(error.contains("no room"), "{answer}");
    bench.stop(strategist);
    // The search is over, and the campaign is not.
    let decisions = decide(&bench.state, 0, &Kinds);
    let expected = Effect::Ablate {
        task: "x".to_owned(),
    };
    assert_eq!(decisions, [Decision::Perform(expected)]);
    bench.apply(Event::AblationPlanned {
        plan: Box::new(Ablation {
            task: "x".to_owned(),
            of: Some(ExperimentId(10)),
            undone: Vec::new(),
        }),
    });
    bench.settle();
    let end = RunState::Finished(FinishReason::BudgetSpent);
    assert_eq!(bench.state.run, end);
    assert!(bench.state.budget(0).experiments.reserved < 1.0);
    bench.check();
}

fn any_kind() -> impl Strategy<Value = Kind> {
    (0..Kind::ALL.len()).prop_map(|at| Kind::ALL[at])
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    /// However a Strategist goes about it, what was admitted keeps the quotas
    /// of each stage of each task.
    #[test]
    fn no_stage_exceeds_its_quotas(
        asked in proptest::collection::vec((any_kind(), 0..6_u32, 0..20_u32), 30),
    ) {
        let mut bench = Bench::new(small(24));
        for (n, (kind, parent, value)) in asked.into_iter().enumerate() {
            let exhausted = bench.state.standing_of("x").exhausted;
            let before = bench.state.experiments.len();
            let strategist = bench.start(Role::Strategist, None);
            let parent = (parent > 0).then_some(ExperimentId(parent));
            bench.call(strategist, "propose_experiment", proposal(kind.word(), parent, &[]));
            bench.stop(strategist);
            if bench.state.experiments.len() > before {
                let id = ExperimentId(before as u32 + 1);
                let worker = bench.start(Role::Worker, Some(id));
                let mut wanted = point(n as u32 * 30);
                wanted["experiment"] = json!(id);
                bench.call(worker, "submit_experiment", wanted);
                bench.measure(id, Some(f64::from(value)));
                bench.stop(worker);
            }
            let Some(index) = bench.state.index.tasks.get("x") else { continue };
            for (stage, counts) in &index.admitted {
                let made = |kind: Kind| f64::from(counts.get(&kind).copied().unwrap_or(0));
                let total = f64::from(counts.values().sum::<u32>());
                prop_assert!(made(Kind::Ensemble) < 1.0);
                prop_assert!(made(Kind::Ablation) <= 0.25 * total);
                match stage {
                    Stage::Explore => prop_assert!(exhausted || made(Kind::Explore) >= 0.5 * total),
                    Stage::Exploit => prop_assert!(made(Kind::Explore) <= 0.25 * total),
                    Stage::Refine => prop_assert!(made(Kind::Explore) + made(Kind::Exploit) < 1.0),
                    Stage::Ensemble => prop_assert!(false, "there is none"),
                }
            }
        }
        bench.check();
    }
}

#[test]
fn baselines_see_nothing_of_other_tasks() {
    for way in [Way::SingleShot, Way::Greedy, Way::Full] {
        let mut settings = settings::settings(2, 10, 1000.0);
        settings.strategy = way;
        let mut bench = Bench::new(settings);
        let [on_x, on_y] = ["x", "y"].map(|task| bench.propose(task));
        let maker = bench.start(Role::Worker, Some(on_x));
        let mut arguments = point(7);
        arguments["experiment"] = json!(on_x);
        bench.call(maker, "submit_experiment", arguments);
        bench.measure(on_x, Some(3.25));
        bench.stop(maker);
        bench.settle();
        assert!(bench.state.winner("x").is_some());

        let worker = bench.start(Role::Worker, Some(on_y));
        let full = way == Way::Full;
        for tool in ["read_board", "read_leaderboard"] {
            let text = bench.call(worker, tool, json!({})).to_string();
            assert_eq!(text.contains("3.25"), full, "{way:?} {tool}: {text}");
            assert_eq!(text.contains(r#""x""#), full, "{way:?} {tool}: {text}");
            assert!(text.contains(r#""y""#), "{way:?} {tool}: {text}");
        }
        let facts = bench.call(worker, "lab_inspect", json!({ "task": "x" }));
        assert_eq!(facts["error"] == "`x` is not your task", !full, "{facts}");
        let facts = bench.call(worker, "lab_inspect", json!({ "task": "y" }));
        assert!(facts["spaces"].is_array(), "{facts}");
    }
}
