//! What holds for every proposal, whatever the space and the history.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use proptest::prelude::*;
use search::{Condition, Kind, Observation, Param, Point, Space, Value, escape, propose, smoothed};

fn kind() -> impl Strategy<Value = Kind> {
    prop_oneof![
        (-50.0..50.0, 0.0..100.0).prop_map(|(low, width)| Kind::Real {
            low,
            high: low + width,
            log: false,
        }),
        (1e-6..1.0, 1.0..1e6).prop_map(|(low, times)| Kind::Real {
            low,
            high: low * times,
            log: true,
        }),
        (-9_i64..9, 0_i64..40, 1_i64..7, any::<bool>()).prop_map(|(low, width, step, log)| {
            let low = if log { low.abs() + 1 } else { low };
            Kind::Int {
                low,
                high: low + width,
                step,
                log,
            }
        }),
        (1_usize..6, any::<bool>()).prop_map(|(count, ordered)| Kind::Choice { count, ordered }),
    ]
}

/// Up to five parameters, some of which depend on one before.
fn space() -> impl Strategy<Value = Space> {
    let param = (kind(), any::<proptest::sample::Index>(), any::<bool>());
    proptest::collection::vec(param, 1..6).prop_map(|drawn| {
        let mut params: Vec<Param> = Vec::new();
        for (kind, parent, conditional) in drawn {
            let condition = (conditional && !params.is_empty())
                .then(|| parent.index(params.len()))
                .and_then(|parent| {
                    let values = match params[parent].kind {
                        Kind::Real { .. } => return None,
                        Kind::Int { low, .. } => vec![Value::Int(low)],
                        Kind::Choice { .. } => vec![Value::Choice(0)],
                    };
                    Some(Condition { parent, values })
                });
            params.push(Param { kind, condition });
        }
        Space::new(params).unwrap()
    })
}

/// Something to minimise; every fifth point fails.
fn measure(point: &Point, at: usize) -> Option<f64> {
    let values = point.iter().flatten().enumerate();
    let sum: f64 = values
        .map(|(place, value)| {
            let x = match value {
                Value::Real(x) => *x,
                Value::Int(x) => *x as f64,
                Value::Choice(at) => *at as f64,
            };
            (x - place as f64).powi(2)
        })
        .sum();
    (at % 5 != 4).then_some(sum)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn proposals_lie_in_the_space_and_are_new(space in space(), seed in any::<u64>()) {
        let mut history: Vec<Observation> = Vec::new();
        for at in 0..14 {
            let Some(point) = propose(&space, &history, seed) else { break };
            prop_assert!(space.contains(&point), "{point:?}");
            prop_assert!(history.iter().all(|seen| seen.point != point), "{point:?} again");
            let again = propose(&space, &history, seed);
            prop_assert_eq!(Some(&point), again.as_ref());
            history.push(Observation { value: measure(&point, at), point });
        }
        prop_assert!(!history.is_empty());
    }
}

fn whole(low: i64, high: i64) -> Param {
    Param {
        kind: Kind::Int {
            low,
            high,
            step: 1,
            log: false,
        },
        condition: None,
    }
}

/// A search in which nothing fails.
fn search(space: &Space, seed: u64, steps: usize) -> Vec<Observation> {
    let mut history: Vec<Observation> = Vec::new();
    while history.len() < steps {
        let Some(point) = propose(space, &history, seed) else {
            break;
        };
        history.push(Observation {
            value: measure(&point, 0),
            point,
        });
    }
    history
}

/// A space of 12 points, of which the second parameter exists for one value of
/// the first: all are proposed, then nothing.
#[test]
fn a_space_is_used_up_exactly() {
    let mut second = whole(0, 9);
    second.condition = Some(Condition {
        parent: 0,
        values: vec![Value::Int(1)],
    });
    let space = Space::new(vec![whole(0, 2), second]).unwrap();
    for seed in 0..5 {
        assert_eq!(search(&space, seed, 100).len(), 12);
    }
}

#[test]
fn nothing_but_failures_is_no_obstacle() {
    let space = Space::new(vec![whole(0, 1_000_000), whole(0, 1_000_000)]).unwrap();
    let mut history = Vec::new();
    for _ in 0..12 {
        let point = propose(&space, &history, 1).unwrap();
        history.push(Observation { point, value: None });
    }
    // What is infinite or no number counts as a failure too.
    history[3].value = Some(f64::INFINITY);
    history[4].value = Some(f64::NAN);
    assert!(propose(&space, &history, 1).is_some());
    history[5].value = Some(1e300);
    history[6].value = Some(-1e300);
    assert!(propose(&space, &history, 1).is_some());
}

/// On 4096 points, 30 proposals find a better one than 30 at random, in the
/// sum over seeds.
#[test]
fn beats_random_search() {
    let space = Space::new(vec![whole(0, 7); 4]).unwrap();
    let best = |history: &[Observation]| {
        let values = history.iter().filter_map(|seen| seen.value);
        values.fold(f64::INFINITY, f64::min)
    };
    let (mut guided, mut blind) = (0.0, 0.0);
    for seed in 0..10 {
        guided += best(&search(&space, seed, 30));
        let mut rng = stats::Rng::new(seed);
        let drawn: Vec<Observation> = (0..30)
            .map(|_| {
                let point = space.sample(&mut rng);
                Observation {
                    value: measure(&point, 0),
                    point,
                }
            })
            .collect();
        blind += best(&drawn);
    }
    assert!(guided * 3.0 < blind, "guided {guided}, blind {blind}");
}

/// A search that is stuck leaves the choice of its best point; without choices
/// it goes where least is known.
#[test]
fn an_escape_goes_elsewhere() {
    let choice = Param {
        kind: Kind::Choice {
            count: 4,
            ordered: false,
        },
        condition: None,
    };
    let space = Space::new(vec![choice, whole(0, 20)]).unwrap();
    let mut history = search(&space, 3, 30);
    for _ in 0..6 {
        let point = escape(&space, &history, 3).unwrap();
        let means = smoothed(&space, &history);
        let best = (0..history.len()).min_by(|&a, &b| {
            let worth = |at: usize| means[at].unwrap_or(f64::INFINITY);
            worth(a).total_cmp(&worth(b))
        });
        assert_ne!(point[0], history[best.unwrap()].point[0]);
        let value = measure(&point, 0);
        history.push(Observation { point, value });
    }
    let line = Space::new(vec![whole(0, 1000)]).unwrap();
    let history: Vec<Observation> = (0..10)
        .map(|n| Observation {
            point: vec![Some(Value::Int(n))],
            value: Some(n as f64),
        })
        .collect();
    let Some(Value::Int(far)) = escape(&line, &history, 1).unwrap()[0] else {
        panic!("no number");
    };
    assert!(far > 100, "{far}");
}

/// Of noise about a line, about half is smoothed away, and with it most of the
/// squared error: the other half may be fine structure. What failed stays so.
#[test]
fn smoothing_takes_noise_away() {
    let space = Space::new(vec![whole(0, 200)]).unwrap();
    let mut rng = stats::Rng::new(5);
    let mut history: Vec<Observation> = (0..60)
        .map(|n| {
            let slope = 0.1 * n as f64;
            Observation {
                point: vec![Some(Value::Int(3 * n))],
                value: Some(slope + rng.normal()),
            }
        })
        .collect();
    history[7].value = None;
    history[9].value = Some(f64::NAN);
    let worth = smoothed(&space, &history);
    assert_eq!((worth[7], worth[9]), (None, None));
    let error = |values: Vec<Option<f64>>| {
        let squares = values.into_iter().enumerate();
        let squares = squares.filter_map(|(n, value)| {
            let value = value.filter(|value| value.is_finite())?;
            Some((value - 0.1 * n as f64).powi(2))
        });
        squares.sum::<f64>()
    };
    let raw = error(history.iter().map(|seen| seen.value).collect());
    let smooth = error(worth);
    assert!(smooth * 2.5 < raw, "{smooth} {raw}");
    // One value says nothing of another.
    assert_eq!(smoothed(&space, &history[7..8]), [None]);
}

/// Defaults that are off a parameter's steps, or out of its range, are known
/// to labs; they may be in a history.
#[test]
fn a_history_may_hold_points_of_outside() {
    let space = Space::new(vec![whole(0, 30)]).unwrap();
    let history: Vec<Observation> = (0..9)
        .map(|at| Observation {
            point: vec![Some(Value::Int(at * 7 - 5))],
            value: Some(at as f64),
        })
        .collect();
    let point = propose(&space, &history, 1).unwrap();
    assert!(space.contains(&point));
}

#[test]
fn long_histories_are_cut() {
    let space = Space::new(vec![whole(0, 1 << 40); 2]).unwrap();
    let mut rng = stats::Rng::new(1);
    let history: Vec<Observation> = (0..2000)
        .map(|at| {
            let point = space.sample(&mut rng);
            Observation {
                value: measure(&point, at),
                point,
            }
        })
        .collect();
    assert!(propose(&space, &history, 1).is_some());
}

#[test]
fn spaces_without_sense_are_refused() {
    let real = |low: f64, high: f64, log: bool| Param {
        kind: Kind::Real { low, high, log },
        condition: None,
    };
    let on = |param: Param, parent: usize, value: Value| Param {
        condition: Some(Condition {
            parent,
            values: vec![value],
        }),
        ..param
    };
    let cases = [
        (vec![real(1.0, 0.0, false)], "low is above high"),
        (vec![real(0.0, 1.0, true)], "starts above 0"),
        (vec![real(f64::MIN, f64::MAX, false)], "not finite"),
        (vec![whole(2, 1)], "low is above high"),
        (
            vec![on(whole(0, 1), 0, Value::Int(0))],
            "does not come before",
        ),
        (
            vec![real(0.0, 1.0, false), on(whole(0, 1), 0, Value::Real(0.0))],
            "a real number decides nothing",
        ),
        (
            vec![whole(0, 1), on(whole(0, 1), 0, Value::Int(2))],
            "never has such a value",
        ),
    ];
    for (params, want) in cases {
        let got = Space::new(params).unwrap_err().to_string();
        assert!(got.contains(want), "`{got}` instead of `{want}`");
    }
}
