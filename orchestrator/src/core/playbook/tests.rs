//! Tests of the playbook.

use std::collections::BTreeMap;

use proptest::prelude::*;
use protocol::{Candidate, Direction, Interval, Verdict};
use serde_json::json;

use super::effect::weight;
use super::select::value;
use super::*;
use crate::core::event::Score;
use crate::core::settings::MetricSettings;
use crate::core::state::{State, Try};

/// A state with these quick looks on task `x`: template, `N`, `M`, value; each
/// with an interval of 2% on both sides.
fn state(looks: &[(&str, i64, i64, f64)]) -> State {
    let mut state = State::default();
    for (template, n, m, value) in looks {
        look(&mut state, template, *n, *m, *value);
    }
    state
}

fn look(state: &mut State, template: &str, n: i64, m: i64, value: f64) {
    let id = state.next_try();
    let params = BTreeMap::from([("N".to_owned(), json!(n)), ("M".to_owned(), json!(m))]);
    let score = Score {
        verdict: Verdict::Ok,
        value: Some(value),
        ci: Some(Interval(value * 0.98, value * 1.02)),
        n: 5,
    };
    let candidate = Candidate::Template {
        template: template.to_owned(),
        params,
    };
    state.tries.insert(
        id,
        Try {
            id,
            agent: AgentId(1),
            task: "x".to_owned(),
            candidate,
            score,
        },
    );
}

fn claim(words: &str, pairs: &[(u32, u32)]) -> Claim {
    let pairs = pairs.iter().map(|(with, without)| Pair {
        with: Evidence::Try(TryId(*with)),
        without: Some(Evidence::Try(TryId(*without))),
    });
    Claim {
        claim: words.to_owned(),
        scope: Scope::default(),
        do_: format!("do as {words}"),
        do_not: format!("not against {words}"),
        pairs: pairs.collect(),
    }
}

fn learn(state: &mut State, words: &str, pairs: &[(u32, u32)]) {
    let entry = draft(state, AgentId(1), claim(words, pairs)).expect("an entry");
    state.learn(entry);
}

fn only(state: &State) -> Lesson<'_> {
    let mut lessons = lessons(state);
    assert_eq!(lessons.len(), 1, "{lessons:#?}");
    lessons.remove(0)
}

fn prior(effect: Effect, age: u32) -> Prior {
    Prior {
        effect,
        evaluated: true,
        age,
        supporting: vec![Cited {
            campaign: "0123456789ab".to_owned(),
            measurement: Evidence::Experiment(ExperimentId(4)),
        }],
        contradicting: Vec::new(),
    }
}

/// What another campaign says of `N = 4` against `N = 1` in template `t`.
fn carried(ratio: f64, half: f64, age: u32) -> Entry {
    let ci = Some(Interval(ratio * (1.0 - half), ratio / (1.0 - half)));
    let effect = Effect { ratio, ci };
    Entry {
        claim: "4 beats 1".to_owned(),
        scope: Scope {
            tasks: vec!["x".to_owned()],
            technique: Some("t".to_owned()),
        },
        do_: "begin with 4".to_owned(),
        do_not: "use 1".to_owned(),
        effect: Some(effect),
        supporting: Vec::new(),
        contradicting: Vec::new(),
        confidence: Confidence::High,
        by: AgentId(7),
        comparison: Some(Comparison::Parameter {
            template: "t".to_owned(),
            parameter: "N".to_owned(),
            with: json!(4),
            without: json!(1),
        }),
        pairs: Vec::new(),
        prior: Some(prior(effect, age)),
    }
}

#[test]
fn all_that_compares_the_same_is_counted_not_what_is_named() {
    // Where M is 1 it gains, where M is 2 it loses, by as much.
    let mut state = state(&[
        ("t", 4, 1, 2.0),
        ("t", 1, 1, 1.0),
        ("t", 4, 2, 1.0),
        ("t", 1, 2, 2.0),
    ]);
    learn(&mut state, "4 beats 1", &[(1, 2)]);
    let lesson = only(&state);
    let effect = lesson.effect.expect("an effect");
    assert!((effect.ratio - 1.0).abs() < 1e-9, "{effect:?}");
    assert_eq!(lesson.confidence, Confidence::Low);
    assert_eq!(lesson.entry.do_not, "", "nothing was measured to lose");
    // What is said against all of them is refused.
    look(&mut state, "t", 4, 3, 1.0);
    look(&mut state, "t", 1, 3, 8.0);
    state.playbook.clear();
    for m in 4..8 {
        look(&mut state, "t", 4, m, 1.0);
        look(&mut state, "t", 1, m, 8.0);
    }
    let refused = draft(&state, AgentId(1), claim("4 beats 1", &[(1, 2)]));
    assert!(
        matches!(refused, Err(NoEntry::Chosen { .. })),
        "{refused:?}"
    );
}

#[test]
fn what_is_not_comparable_is_refused() {
    let mut state = state(&[("t", 4, 1, 2.0), ("t", 1, 1, 1.0), ("t", 2, 1, 1.0)]);
    if let Some(other) = state.tries.get_mut(&TryId(2)) {
        other.task = "y".to_owned();
    }
    if let Some(refused) = state.tries.get_mut(&TryId(3)) {
        refused.score.verdict = Verdict::Rejected {
            stage: "run".to_owned(),
            reason: "wrong".to_owned(),
        };
    }
    let why = |with, without| {
        let refused = draft(&state, AgentId(1), claim("c", &[(with, without)]));
        refused.expect_err("refused").to_string()
    };
    assert_eq!(why(1, 2), "t0001 and t0002 are of different tasks");
    assert_eq!(why(1, 3), "t0003 has no verified number");
    let mixed = Claim {
        pairs: vec![Pair {
            with: Evidence::Try(TryId(1)),
            without: None,
        }],
        ..claim("c", &[])
    };
    let refused = draft(&state, AgentId(1), mixed).expect_err("refused");
    assert_eq!(refused, NoEntry::NoBaseline);
}

#[test]
fn later_measurements_contradict_and_retire_by_themselves() {
    let mut state = state(&[("t", 4, 1, 2.0), ("t", 1, 1, 1.0)]);
    learn(&mut state, "4 beats 1", &[(1, 2)]);
    let before = only(&state);
    assert_eq!(before.confidence, Confidence::Medium);
    assert_eq!(before.loser, Some(Loser::Without));
    assert_eq!(before.do_not(), "not against 4 beats 1");
    // Somewhere else it is the other way round, and by more.
    look(&mut state, "t", 4, 2, 1.0);
    look(&mut state, "t", 1, 2, 3.0);
    let after = only(&state);
    let against = [3, 4].map(|n| Evidence::Try(TryId(n)));
    assert_eq!(after.contradicting, against);
    assert_eq!(after.supporting, [1, 2].map(|n| Evidence::Try(TryId(n))));
    assert!(after.retired);
    assert_eq!(after.confidence, Confidence::Low);
    assert_eq!(after.do_not(), "");
    let told = select(
        &state,
        std::slice::from_ref(&after),
        Relevance::Open,
        99,
        |_| 1,
    );
    assert!(told.shown.is_empty());
}

#[test]
fn the_opposite_claim_takes_the_place_of_the_one_it_refutes() {
    let mut state = state(&[("t", 4, 1, 2.0), ("t", 1, 1, 1.0)]);
    learn(&mut state, "4 beats 1", &[(1, 2)]);
    // The same again is the same entry, in its first words.
    learn(&mut state, "four beats one", &[(1, 2)]);
    assert_eq!(only(&state).entry.claim, "4 beats 1");
    look(&mut state, "t", 4, 2, 1.0);
    look(&mut state, "t", 1, 2, 3.0);
    learn(&mut state, "1 beats 4", &[(4, 3)]);
    let lesson = only(&state);
    assert_eq!(lesson.entry.claim, "1 beats 4");
    assert!(!lesson.retired);
    assert!(lesson.effect.expect("an effect").raises());
    assert_eq!(
        lesson.contradicting,
        [1, 2].map(|n| Evidence::Try(TryId(n)))
    );
}

#[test]
fn techniques_without_a_template_are_merged_when_they_disagree() {
    let mut state = state(&[("t", 4, 1, 2.0), ("t", 1, 1, 1.0), ("t", 2, 1, 1.0)]);
    for look in state.tries.values_mut() {
        look.candidate = Candidate::Files {
            files: vec!["kernel.cpp".into()],
        };
    }
    let mut add = |words: &str, pairs: &[(u32, u32)]| {
        let mut claim = claim(words, pairs);
        claim.scope.technique = Some("tiling".to_owned());
        let entry = draft(&state, AgentId(1), claim).expect("an entry");
        state.learn(entry);
        state.playbook.len()
    };
    assert_eq!(add("tiling pays", &[(1, 2)]), 1);
    // Another claim of the same technique that points the same way is its own.
    assert_eq!(add("tiling pays twice", &[(1, 3)]), 2);
    assert_eq!(add("tiling costs", &[(2, 1)]), 2);
    assert_eq!(add("tiling pays", &[(1, 3)]), 2);
}

#[test]
fn a_template_is_judged_by_its_best() {
    let mut state = state(&[("a", 1, 1, 2.0), ("b", 1, 1, 1.0)]);
    learn(&mut state, "a beats b", &[(1, 2)]);
    assert_eq!(only(&state).confidence, Confidence::Medium);
    look(&mut state, "b", 4, 4, 3.0);
    let lesson = only(&state);
    assert!(lesson.retired);
    let best = [TryId(1), TryId(3)].map(Evidence::Try);
    assert_eq!(lesson.contradicting, best);
}

#[test]
fn what_was_carried_is_judged_by_what_is_measured_here() {
    let mut state = State::default();
    state.playbook.push(carried(2.0, 0.05, 1));
    let before = only(&state);
    assert_eq!((before.age, before.confidence), (1, Confidence::High));
    assert!(before.supporting.is_empty(), "nothing was measured here");
    // Confirmed: sharper, and no longer old.
    look(&mut state, "t", 4, 1, 2.1);
    look(&mut state, "t", 1, 1, 1.0);
    let confirmed = only(&state);
    assert_eq!((confirmed.age, confirmed.retired), (0, false));
    assert_eq!(confirmed.confidence, Confidence::Medium, "by quick looks");
    // Refuted: newer evidence counts for twice as much.
    let mut state = self::state(&[("t", 4, 1, 1.0), ("t", 1, 1, 2.0)]);
    state.playbook.push(carried(2.0, 0.0283, 1));
    let refuted = only(&state);
    assert!(refuted.retired, "{refuted:#?}");
    assert_eq!(
        refuted.contradicting,
        [1, 2].map(|n| Evidence::Try(TryId(n)))
    );
    // Said again in the other words, it stands, and remembers both sides.
    learn(&mut state, "1 beats 4", &[(2, 1)]);
    let turned = only(&state);
    assert_eq!(
        (turned.entry.claim.as_str(), turned.retired),
        ("1 beats 4", false)
    );
    let prior = turned.entry.prior.as_ref().expect("a prior");
    assert!(prior.effect.ratio < 1.0 && prior.supporting.is_empty());
    assert_eq!(prior.contradicting.len(), 1);
}

fn settings_of(state: &mut State) -> Here {
    let metric = MetricSettings {
        name: "speedup".to_owned(),
        unit: "ratio".to_owned(),
        direction: Direction::Maximise,
        baseline: "one".to_owned(),
        baseline_value: Some(1.0),
    };
    let text = json!({
        "schema": 1, "adapter": "a", "domain": "d", "objective": "o", "lab": "l",
        "device": "cpu", "model": "builtin", "executor": "local", "workers": 1, "seed": 1,
        "metric": metric, "limits": {}, "tasks": [],
        "policy": {
            "tries_per_worker": 1, "finalists": 1, "try_s": 1.0, "evaluate_s": 1.0,
            "remeasure_s": 1.0, "converged_gain": 0.1, "turns": 1,
        },
    });
    state.settings = Some(serde_json::from_value(text).expect("settings"));
    Here {
        domain: "d".to_owned(),
        lab: "l".to_owned(),
        device: "cpu".to_owned(),
        metric,
        tasks: Vec::new(),
    }
}

fn export(state: &State) -> Export {
    let head = protocol::ContentHash::of(b"the last event");
    Export::of(state, "c1", &head).expect("an export")
}

#[test]
fn only_what_makes_sense_is_carried() {
    let mut state = state(&[("t", 4, 1, 2.0), ("t", 1, 1, 1.0)]);
    let here = settings_of(&mut state);
    learn(&mut state, "4 beats 1", &[(1, 2)]);
    let export = export(&state);
    assert_eq!(export.check(), Ok(()));
    let admitted = export.clone().admit(&here).expect("entries");
    let entry = &admitted.entries[0];
    let prior = entry.prior.as_ref().expect("a prior");
    assert_eq!(prior.age, 1);
    let short = admitted.origin.short();
    assert_eq!(prior.supporting[0].to_string(), format!("{short}:t0002"));
    assert!(entry.supporting.is_empty() && entry.pairs.is_empty());

    let refused = |change: fn(&mut Here)| {
        let mut here = here.clone();
        change(&mut here);
        let refused = export.clone().admit(&here).expect_err("refused");
        refused.to_string()
    };
    assert_eq!(
        refused(|here| "loss".clone_into(&mut here.metric.name)),
        "its metric is `speedup`, this campaign's is `loss`"
    );
    assert_eq!(
        refused(|here| here.metric.direction = Direction::Minimise),
        "its metric's direction is `maximise`, this campaign's is `minimise`"
    );
    assert_eq!(
        refused(|here| "other".clone_into(&mut here.lab)),
        "its lab is `l`, this campaign's is `other`"
    );
    assert_eq!(
        refused(|here| here.tasks.push(TaskKnown {
            name: "x".to_owned(),
            source: protocol::ContentHash::of(b"other"),
        })),
        "none of its 1 entries can be used here: task `x` has other files here"
    );
    // What was retired stays where it is.
    look(&mut state, "t", 4, 2, 1.0);
    look(&mut state, "t", 1, 2, 3.0);
    let error = self::export(&state).admit(&here).expect_err("refused");
    assert!(error.to_string().contains("retired"), "{error}");
}

#[test]
fn what_is_carried_fits_into_one_event() {
    let mut state = State::default();
    let mut here = settings_of(&mut state);
    for number in 0..200 {
        let mut entry = carried(2.0, 0.05, 1);
        entry.claim = "c".repeat(500);
        entry.scope.tasks = vec![format!("task{number}")];
        state.playbook.push(entry);
        if number % 2 == 0 {
            here.tasks.push(TaskKnown {
                name: format!("task{number}"),
                source: protocol::ContentHash::of(b"other"),
            });
        }
    }
    let admitted = export(&state).admit(&here).expect("entries");
    let text = serde_json::to_string(&admitted).expect("JSON");
    assert!(text.len() <= 64 << 10, "{} bytes", text.len());
    let left: u32 = admitted.left.iter().map(|left| left.count).sum();
    assert_eq!(admitted.entries.len() + left as usize, 200);
    assert!(admitted.left.len() <= 16);
}

#[test]
fn what_is_not_measured_again_is_discounted_once_per_campaign() {
    let mut first = state(&[("t", 4, 1, 2.0), ("t", 1, 1, 1.0)]);
    let here = settings_of(&mut first);
    learn(&mut first, "4 beats 1", &[(1, 2)]);
    let effect = only(&first).effect;
    let mut campaign = first;
    for age in 1..4 {
        let carried = export(&campaign).admit(&here).expect("entries");
        campaign = State::default();
        settings_of(&mut campaign);
        campaign.playbook = carried.entries;
        let lesson = only(&campaign);
        assert_eq!(lesson.age, age);
        let prior = lesson.entry.prior.as_ref().expect("a prior");
        assert_eq!(Some(prior.effect), effect, "as it was measured");
        let width = |e: Effect| {
            e.ci.map(|ci| (ci.hi() / ci.lo()).ln())
                .expect("an interval")
        };
        let widened = width(lesson.effect.expect("an effect")) / width(prior.effect);
        let expected = f64::from(1 << age).sqrt();
        assert!((widened - expected).abs() < 1e-9, "{widened} {expected}");
    }
}

#[test]
fn a_file_that_makes_no_sense_is_told_where() {
    let mut state = state(&[("t", 4, 1, 2.0), ("t", 1, 1, 1.0)]);
    settings_of(&mut state);
    learn(&mut state, "4 beats 1", &[(1, 2)]);
    let good = export(&state);
    let told = |change: fn(&mut Entry)| {
        let mut bad = good.clone();
        change(&mut bad.entries[0]);
        bad.check().expect_err("bad").to_string()
    };
    let number = |entry: &mut Entry| {
        entry.effect = Some(Effect {
            ratio: -1.0,
            ci: None,
        });
    };
    assert!(told(number).starts_with("entry 1: `effect` is no factor"));
    let age = |entry: &mut Entry| entry.prior.as_mut().expect("a prior").age = 0;
    assert_eq!(told(age), "entry 1: `prior.age` is 0, not 1 to 1000");
    assert_eq!(
        told(|entry| entry.prior = None),
        "entry 1: `prior` is missing"
    );
    let local = |entry: &mut Entry| entry.supporting.push(Evidence::Try(TryId(1)));
    assert!(told(local).contains("without their campaign"));
    assert!(told(|entry| entry.claim = "x".repeat(5000)).contains("`claim` is longer"));
}

prop_compose! {
    fn looks()(looks in prop::collection::vec(
        (0..2_usize, prop::sample::select(vec![1_i64, 2, 4]), 0..3_i64, 0.5..4.0_f64), 2..24,
    )) -> Vec<(&'static str, i64, i64, f64)> {
        let names = ["t", "u"];
        looks.into_iter().map(|(t, n, m, value)| (names[t], n, m, value)).collect()
    }
}

proptest! {
    /// However often and in whatever order things are said: one entry for each
    /// subject, all evidence in it, no measurement on both sides, and no
    /// advice against what did not lose.
    #[test]
    fn merging_keeps_everything_once(
        looks in looks(),
        said in prop::collection::vec((any::<prop::sample::Index>(), any::<prop::sample::Index>()), 1..20),
    ) {
        let mut state = state(&looks);
        let ids: Vec<u32> = state.tries.keys().map(|id| id.0).collect();
        let mut subjects: Vec<Comparison> = Vec::new();
        for (a, b) in said {
            let pair = (*a.get(&ids), *b.get(&ids));
            if let Ok(entry) = draft(&state, AgentId(1), claim("c", &[pair]))
                && let Some(comparison) = entry.comparison.clone()
            {
                let known = |c: &Comparison| *c == comparison || c.reversed().as_ref() == Some(&comparison);
                if !subjects.iter().any(known) {
                    subjects.push(comparison);
                }
                state.learn(entry);
            }
        }
        prop_assert_eq!(state.playbook.len(), subjects.len());
        for lesson in lessons(&state) {
            let fresh = Entry { effect: lesson.effect, ..lesson.entry.clone() };
            let all = assess(&state, 1, &fresh);
            let mut both = [lesson.supporting.clone(), lesson.contradicting.clone()].concat();
            let mut expected = [all.supporting, all.contradicting].concat();
            both.sort();
            expected.sort();
            prop_assert_eq!(&both, &expected);
            both.dedup();
            prop_assert_eq!(both.len(), expected.len());
            prop_assert!(lesson.loser.is_some() || lesson.do_not().is_empty());
            prop_assert!(!lesson.retired || lesson.confidence == Confidence::Low);
        }
    }

    /// What is older is never surer, sharper or worth more.
    #[test]
    fn decay_is_monotone(
        ratio in 0.2..5.0_f64, half in 0.01..0.6_f64, age in 0..20_u32, more in 1..20_u32,
    ) {
        let playbook = vec![carried(ratio, half, age), carried(ratio, half, age + more)];
        let state = State { playbook, ..State::default() };
        let lessons = lessons(&state);
        let (younger, older) = (&lessons[0], &lessons[1]);
        let ends = |lesson: &Lesson<'_>| lesson.effect.and_then(|e| e.ci).expect("an interval");
        prop_assert!(ends(older).lo() <= ends(younger).lo());
        prop_assert!(ends(older).hi() >= ends(younger).hi());
        prop_assert!(older.confidence <= younger.confidence);
        let worth = |lesson| value(&state, lesson, Relevance::Task("x"));
        prop_assert!(worth(older) <= worth(younger));
        prop_assert!(weight(age + more) <= weight(age));
    }

    /// The same measurement moves a claim more the older the claim is.
    #[test]
    fn newer_evidence_counts_for_more(
        ratio in 1.2..4.0_f64, half in 0.02..0.2_f64, age in 1..10_u32, here in 0.3..0.9_f64,
    ) {
        let effect = |age| {
            let mut state = state(&[("t", 4, 1, here), ("t", 1, 1, 1.0)]);
            state.playbook.push(carried(ratio, half, age));
            only(&state).effect.expect("an effect").ratio
        };
        prop_assert!(effect(age + 1) <= effect(age) + 1e-12);
        prop_assert!(effect(age) < ratio && effect(age) > here - 1e-12);
    }

    /// No choice costs more than there is, and nothing is lost sight of.
    #[test]
    fn the_budget_is_never_exceeded(
        sizes in prop::collection::vec((0.3..4.0_f64, 0.01..0.5_f64, 0..5_u32, 1..400_u64), 0..40),
        limit in 0..2_000_u64,
    ) {
        let playbook = sizes.iter().map(|(ratio, half, age, _)| carried(*ratio, *half, *age));
        let state = State { playbook: playbook.collect(), ..State::default() };
        let all = lessons(&state);
        let cost = |lesson: &Lesson<'_>| sizes[lesson.number - 1].3;
        let chosen = select(&state, &all, Relevance::Task("x"), limit, cost);
        let spent: u64 = chosen.shown.iter().map(|lesson| cost(lesson)).sum();
        prop_assert!(spent <= limit);
        prop_assert_eq!(chosen.shown.len() + chosen.left_out, all.len());
        let worth = |lesson| value(&state, lesson, Relevance::Task("x"));
        // Nothing that would have fitted is worth more than what was taken.
        for left in all.iter().filter(|it| !chosen.shown.contains(it)) {
            let dearer: u64 = chosen.shown.iter()
                .filter(|it| worth(it) > worth(left) || (worth(it) >= worth(left) && it.number < left.number))
                .map(|it| cost(it)).sum();
            prop_assert!(dearer + cost(left) > limit);
        }
    }
}
