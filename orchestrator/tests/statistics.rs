//! What a campaign may call better, and what it measures again for that.

#[path = "statistics/end.rs"]
mod end;
#[path = "statistics/forged.rs"]
mod forged;
#[path = "planner/settings.rs"]
mod settings;
mod support;

use forged::{Forged, Measured};
use orchestrator::core::ids::ExperimentId;
use orchestrator::core::rank::{Standing, leaderboard};
use orchestrator::core::significance::since_significant_improvement;
use protocol::{Direction, Split};
use stats::{Rng, normal_quantile};

/// Candidates of one task in a row: value, half-width of the interval, and
/// whether it is a new best.
struct Case {
    name: &'static str,
    direction: Direction,
    noise: f64,
    candidates: &'static [(f64, f64, bool)],
}

const CASES: &[Case] = &[
    Case {
        name: "clear steps and steps within the interval",
        direction: Direction::Maximise,
        noise: 0.0,
        candidates: &[
            (1.5, 0.1, true),
            (1.55, 0.1, false),
            (2.0, 0.1, true),
            (1.2, 0.01, false),
            (2.05, 0.1, false),
        ],
    },
    Case {
        name: "smaller is better",
        direction: Direction::Minimise,
        noise: 0.0,
        candidates: &[
            (1.5, 0.1, false),
            (0.7, 0.05, true),
            (0.69, 0.05, false),
            (0.4, 0.05, true),
        ],
    },
    Case {
        name: "narrow intervals",
        direction: Direction::Maximise,
        noise: 0.0,
        candidates: &[(1.5, 0.001, true), (1.55, 0.001, true)],
    },
    Case {
        name: "the same, but processes differ by more than that",
        direction: Direction::Maximise,
        noise: 0.02,
        candidates: &[(1.5, 0.001, true), (1.55, 0.001, false), (1.8, 0.001, true)],
    },
    // z = 2.9 has p = 0.0019, above the first level of 0.025 · 0.0535 = 0.0013;
    // z = 3.1 has p = 0.00097.
    Case {
        name: "just not the first level",
        direction: Direction::Maximise,
        noise: 0.0,
        candidates: &[(1.29, 0.195_996, false)],
    },
    Case {
        name: "just the first level",
        direction: Direction::Maximise,
        noise: 0.0,
        candidates: &[(1.31, 0.195_996, true)],
    },
];

#[test]
fn a_new_best_is_more_than_noise() {
    for case in CASES {
        let mut settings = settings::settings(1, 100, 1e6);
        settings.metric.direction = case.direction;
        settings.policy.statistics.noise = case.noise;
        let mut forged = Forged::new(settings);
        for (place, &(value, half, expected)) in case.candidates.iter().enumerate() {
            let id = forged.searched("x", Measured::new(value, half));
            let test = forged
                .state
                .significance
                .last
                .clone()
                .expect("a comparison");
            assert_eq!(test.experiment, id);
            assert_eq!(test.new_best, expected, "{}, {place}: {test:?}", case.name);
            assert_eq!(forged.state.significance.is_new_best(id), expected);
        }
        let found = case.candidates.iter().filter(|c| c.2).count();
        assert_eq!(forged.state.significance.new_bests.len(), found);
        let last = case.candidates.iter().rposition(|c| c.2);
        let since = case.candidates.len() - last.map_or(0, |place| place + 1);
        assert_eq!(
            since_significant_improvement(&forged.state, "x") as usize,
            since,
            "{}",
            case.name
        );
        // The same log says the same.
        assert_eq!(forged.replayed(), forged.state);
    }
}

#[test]
fn what_has_no_error_is_not_compared() {
    let mut forged = Forged::new(settings::settings(1, 100, 1e6));
    let first = forged.searched(
        "x",
        Measured {
            half: None,
            ..Measured::new(3.0, 0.0)
        },
    );
    assert_eq!(forged.state.significance.tests(), 0);
    assert!(!forged.state.significance.is_new_best(first));
    assert_eq!(forged.state.leading("x"), Some((first, 3.0)));
    // A refused candidate is none at all.
    forged.searched(
        "x",
        Measured {
            ok: false,
            ..Measured::new(9.0, 0.1)
        },
    );
    assert_eq!(forged.state.significance.tests(), 0);
    assert_eq!(forged.state.leading("x"), Some((first, 3.0)));
}

#[test]
fn quick_looks_are_neither_compared_nor_ranked() {
    let mut forged = Forged::new(settings::settings(1, 100, 1e6));
    forged.tried("x", 99.0);
    assert_eq!(forged.state.significance.tests(), 0);
    assert_eq!(forged.state.leading("x"), None);
    assert!(leaderboard(&forged.state).rows.is_empty());
}

fn normal(rng: &mut Rng) -> f64 {
    normal_quantile(rng.uniform())
}

/// Campaigns on two tasks whose candidates are all as good as the baseline:
/// `assumed` is the noise that the adapter names, `between` the one there is
/// beside what the intervals know.
fn share_with_a_false_best(campaigns: u64, assumed: f64, between: f64) -> f64 {
    let mut rng = Rng::new(11);
    let mut wrong = 0;
    for _ in 0..campaigns {
        let mut settings = settings::settings(1, 100, 1e6);
        settings.policy.statistics.noise = assumed;
        let mut forged = Forged::new(settings);
        for place in 0..24 {
            let value = 1.0 + 0.01 * normal(&mut rng) + between * normal(&mut rng);
            let task = ["x", "y"][place % 2];
            forged.searched(task, Measured::new(value, 0.01 * 1.96));
        }
        wrong += u64::from(!forged.state.significance.new_bests.is_empty());
    }
    wrong as f64 / campaigns as f64
}

/// Nothing is better here, so every new best is false, and the share of false
/// ones is the share of campaigns that have one. 600 campaigns: the standard
/// error at 5% is 0.9%.
#[test]
fn few_new_bests_are_false() {
    assert!(share_with_a_false_best(600, 0.0, 0.0) < 0.05);
    assert!(share_with_a_false_best(600, 0.02, 0.02) < 0.05);
    // Without the noise floor the spread between processes makes winners.
    assert!(share_with_a_false_best(200, 0.0, 0.02) > 0.2);
}

/// What is measured again tells how far apart processes are, and comparisons
/// take it into account from then on.
#[test]
fn the_floor_is_learned_from_what_is_measured_again() {
    let mut forged = Forged::new(settings::settings(1, 100, 1e6));
    assert!(!forged.state.floor("x").is_known());
    for n in 0..12 {
        let shift = if n % 2 == 0 { 0.03 } else { -0.03 };
        let id = forged.searched("y", Measured::new(2.0, 0.002));
        forged.selected(id, Measured::new(2.0 * (1.0 + shift), 0.002));
    }
    let floor = forged.state.floor("y");
    assert_eq!((floor.pairs, floor.all_pairs), (12, 12));
    // 0.03 / 0.6745 / √2 = 0.03145, of which the belief in none leaves 12/16.
    let (of_campaign, belief) = (0.031_45_f64.powi(2) * 0.75, 0.25);
    let expected = (of_campaign * belief + 0.031_45_f64.powi(2) * 0.75).sqrt();
    assert!(
        (floor.relative / expected - 1.0).abs() < 0.02,
        "{floor:?} {expected}"
    );
    assert!((forged.state.floor("x").relative / of_campaign.sqrt() - 1.0).abs() < 0.02);
    forged.searched("x", Measured::new(1.5, 0.001));
    forged.searched("x", Measured::new(1.56, 0.001));
    assert!(
        !forged
            .state
            .significance
            .last
            .as_ref()
            .expect("compared")
            .new_best
    );
}

/// A best that is refused when it is measured again is none any more.
#[test]
fn a_best_that_does_not_hold_is_forgotten() {
    let mut forged = Forged::new(settings::settings(1, 100, 1e6));
    let cheat = forged.searched("x", Measured::new(9.0, 0.1));
    assert_eq!(forged.state.significance.best("x"), Some(cheat));
    forged.selected(
        cheat,
        Measured {
            ok: false,
            ..Measured::new(9.0, 0.1)
        },
    );
    assert_eq!(forged.state.significance.best("x"), None);
    let honest = forged.searched("x", Measured::new(1.5, 0.1));
    assert_eq!(forged.state.significance.best("x"), Some(honest));
}

/// Values of q as `statsmodels.stats.multitest.multipletests(p,
/// method="fdr_bh")` (0.15.0, SciPy 1.17.1) has them for p =
/// `2 * scipy.stats.norm.sf(z)` with z = 5, 3, 1.99 and 0.5.
#[test]
fn wins_are_counted_with_control() {
    let mut forged = Forged::new({
        let mut settings = settings::settings(1, 100, 1e6);
        let source = |name: &str| orchestrator::core::settings::TaskSource {
            name: name.to_owned(),
            source: format!("/{name}"),
        };
        settings.tasks = ["a", "b", "c", "d"].map(source).to_vec();
        settings
    });
    let half = 0.195_996_398_454_005_4;
    for (task, z) in [("a", 5.0), ("b", 3.0), ("c", -1.99), ("d", 0.5)] {
        let measured = Measured::new(1.0 + 0.1 * z, half);
        let id = forged.searched(task, measured);
        forged.selected(id, measured);
    }
    let board = leaderboard(&forged.state);
    let found: Vec<(&str, Option<Standing>, f64)> = board
        .rows
        .iter()
        .map(|row| (row.task.as_str(), row.standing, row.q.expect("a q")))
        .collect();
    let expected = [
        ("a", Some(Standing::Won), Q[0]),
        ("b", Some(Standing::Won), Q[1]),
        ("d", Some(Standing::Even), Q[3]),
        ("c", Some(Standing::Lost), Q[2]),
    ];
    for (found, expected) in found.iter().zip(expected) {
        assert_eq!((found.0, found.1), (expected.0, expected.1));
        assert!(
            (found.2 / expected.2 - 1.0).abs() < 1e-9,
            "{found:?} {expected:?}"
        );
    }
    let s = board.summary;
    assert_eq!((s.won, s.lost), (Some(2), Some(1)));
    assert_eq!((s.won_fdr, s.lost_fdr), (Some(2), Some(0)));
}

const Q: [f64; 4] = [
    2.293_212_575_033_546_2e-6,
    0.005_399_592_126_520_373,
    0.062_121_247_333_898_184,
    0.617_075_077_451_973_8,
];

#[test]
fn gaps_are_relative_and_worse_is_below_zero() {
    use orchestrator::core::gap::{change, gaps};
    for (direction, sign) in [(Direction::Maximise, 1.0), (Direction::Minimise, -1.0)] {
        let mut settings = settings::settings(1, 100, 1e6);
        settings.metric.direction = direction;
        let mut forged = Forged::new(settings);
        let id = forged.searched("x", Measured::new(2.0, 0.1));
        forged.selected(id, Measured::new(1.9, 0.1));
        forged.open(&[id]).expect("opened");
        forged
            .measured(id, Split::Sealed, Measured::new(1.71, 0.1))
            .expect("measured");
        let board = leaderboard(&forged.state);
        let gaps = gaps(&forged.state, &board.rows);
        let first = gaps.search_select.expect("measured again");
        let second = gaps.select_sealed.expect("measured on sealed");
        assert!((first.mean + sign * 0.05).abs() < 1e-12 && first.n == 1);
        assert!((second.mean + sign * 0.1).abs() < 1e-12 && second.n == 1);
        assert_eq!(change(&forged.state, 0.0, 1.0), None);
    }
}

#[test]
fn the_sealed_split_is_opened_once_and_ends_the_search() {
    let mut forged = Forged::new(settings::settings(1, 100, 1e6));
    let winner = forged.searched("x", Measured::new(2.0, 0.1));
    let other = forged.searched("x", Measured::new(1.9, 0.1));
    assert!(forged.open(&[winner]).is_err(), "not chosen on select");
    forged.selected(winner, Measured::new(2.0, 0.1));
    forged.finish(other);
    let sealed = |forged: &mut Forged, id: ExperimentId| {
        forged.measured(id, Split::Sealed, Measured::new(2.0, 0.1))
    };
    assert!(sealed(&mut forged, winner).is_err(), "still shut");
    assert!(forged.open(&[ExperimentId(77)]).is_err(), "nobody");
    forged.open(&[winner]).expect("opened");
    assert!(forged.open(&[winner]).is_err(), "twice");
    assert!(sealed(&mut forged, other).is_err(), "no winner");
    sealed(&mut forged, winner).expect("measured");
    assert!(sealed(&mut forged, winner).is_err(), "measured twice");
    let select = forged.measured(other, Split::Select, Measured::new(2.5, 0.1));
    assert!(select.is_err(), "chosen after all");
    assert!(forged.propose("y").is_err(), "searched after all");
    assert_eq!(forged.replayed(), forged.state);
    let row = &leaderboard(&forged.state).rows[0];
    assert_eq!(row.sealed.as_ref().and_then(|score| score.value), Some(2.0));
}

/// What is done may be measured on `select` once, until the sealed split is
/// open.
#[test]
fn a_contender_is_measured_again_once() {
    let mut forged = Forged::new(settings::settings(1, 100, 1e6));
    let id = forged.searched("x", Measured::new(2.0, 0.1));
    forged.finish(id);
    forged
        .measured(id, Split::Select, Measured::new(1.9, 0.1))
        .expect("measured");
    let again = forged.measured(id, Split::Select, Measured::new(2.4, 0.1));
    assert!(again.is_err());
    let value = leaderboard(&forged.state).rows[0].value;
    assert!((value - 1.9).abs() < 1e-12, "{value}");
}
