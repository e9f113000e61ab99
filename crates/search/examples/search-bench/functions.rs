//! Standard test functions in mixed forms. Unless said, definitions and minima
//! are those of Surjanovic and Bingham's Virtual Library of Simulation
//! Experiments; whole-number and categorical variables are ours, and keep the
//! minimum.

use std::f64::consts::{E, PI};

use search::{Condition, Kind, Param, Space, Value};

/// Values of the parameters: numbers, or the index of a choice; NaN where not
/// active.
type Values<'a> = &'a [f64];

pub(crate) struct Function {
    pub name: &'static str,
    /// Where it is from.
    pub source: &'static str,
    pub names: Vec<&'static str>,
    pub space: Space,
    pub exact: Box<dyn Fn(Values<'_>) -> f64>,
    /// Smallest value.
    pub minimum: f64,
}

fn real(low: f64, high: f64) -> Param {
    always(Kind::Real {
        low,
        high,
        log: false,
    })
}

fn log_real(low: f64, high: f64) -> Param {
    always(Kind::Real {
        low,
        high,
        log: true,
    })
}

fn int(low: i64, high: i64) -> Param {
    always(Kind::Int {
        low,
        high,
        step: 1,
        log: false,
    })
}

fn log_int(low: i64, high: i64) -> Param {
    always(Kind::Int {
        low,
        high,
        step: 1,
        log: true,
    })
}

fn choice(count: usize) -> Param {
    always(Kind::Choice {
        count,
        ordered: false,
    })
}

fn always(kind: Kind) -> Param {
    Param {
        kind,
        condition: None,
    }
}

/// The same, only where the choice `parent` is `index`.
fn when(param: Param, parent: usize, index: usize) -> Param {
    Param {
        condition: Some(Condition {
            parent,
            values: vec![Value::Choice(index)],
        }),
        ..param
    }
}

fn function(
    name: &'static str,
    source: &'static str,
    params: Vec<(&'static str, Param)>,
    minimum: f64,
    exact: impl Fn(Values<'_>) -> f64 + 'static,
) -> Function {
    let (names, params) = params.into_iter().unzip();
    Function {
        name,
        source,
        names,
        space: Space::new(params).expect("a space of the list is sound"),
        exact: Box::new(exact),
        minimum,
    }
}

/// Two real and two whole-number variables in turn, all within the same
/// bounds.
fn two_and_two(low: f64, high: f64) -> Vec<(&'static str, Param)> {
    let whole = || int(low.ceil() as i64, high.floor() as i64);
    vec![
        ("x1", real(low, high)),
        ("x2", whole()),
        ("x3", real(low, high)),
        ("x4", whole()),
    ]
}

pub(crate) fn all() -> Vec<Function> {
    vec![
        function(
            "branin-categorical",
            "Branin (1972); mirrored in one variable and raised for the other categories",
            vec![
                ("x1", real(-5.0, 10.0)),
                ("x2", real(0.0, 15.0)),
                ("c", choice(3)),
            ],
            0.397_887_357_729_739,
            |x| match x[2] as usize {
                0 => branin(x[0], x[1]),
                1 => branin(5.0 - x[0], x[1]) + 4.0,
                _ => branin(x[0], 15.0 - x[1]) + 8.0,
            },
        ),
        function(
            "camel-boolean",
            "six-hump camel, Dixon and Szegő (1978); mirrored and raised if the flag is set",
            vec![
                ("x1", real(-3.0, 3.0)),
                ("x2", real(-2.0, 2.0)),
                ("b", choice(2)),
            ],
            -1.031_628_453_489_877,
            |x| {
                if x[2] == 0.0 {
                    camel(x[0], x[1])
                } else {
                    camel(x[0], -x[1]) + 0.5
                }
            },
        ),
        function(
            "hartmann3-categorical",
            "Hartmann (1973); variables rotated and raised for the other categories",
            vec![
                ("x1", real(0.0, 1.0)),
                ("x2", real(0.0, 1.0)),
                ("x3", real(0.0, 1.0)),
                ("c", choice(3)),
            ],
            -3.862_782_147_820_756,
            |x| {
                let turn = x[3] as usize;
                let turned: Vec<f64> = (0..3).map(|i| x[(i + turn) % 3]).collect();
                hartmann(&turned, &HARTMANN3_A, &HARTMANN3_P) + 0.5 * x[3]
            },
        ),
        function(
            "hartmann6-boolean",
            "Hartmann (1973); variables in reverse and raised if the flag is set",
            vec![
                ("x1", real(0.0, 1.0)),
                ("x2", real(0.0, 1.0)),
                ("x3", real(0.0, 1.0)),
                ("x4", real(0.0, 1.0)),
                ("x5", real(0.0, 1.0)),
                ("x6", real(0.0, 1.0)),
                ("b", choice(2)),
            ],
            -3.322_368_011_415_514,
            |x| {
                let mut turned = x[..6].to_vec();
                if x[6] > 0.0 {
                    turned.reverse();
                }
                hartmann(&turned, &HARTMANN6_A, &HARTMANN6_P) + 0.3 * x[6]
            },
        ),
        function(
            "ackley-mixed",
            "Ackley (1987)",
            two_and_two(-32.768, 32.768),
            0.0,
            |x| {
                let n = x.len() as f64;
                let square = x.iter().map(|v| v * v).sum::<f64>() / n;
                let waves = x.iter().map(|v| (2.0 * PI * v).cos()).sum::<f64>() / n;
                -20.0 * (-0.2 * square.sqrt()).exp() - waves.exp() + 20.0 + E
            },
        ),
        function(
            "rosenbrock-mixed",
            "Rosenbrock (1960)",
            two_and_two(-3.0, 3.0),
            0.0,
            |x| {
                x.windows(2)
                    .map(|w| 100.0 * (w[1] - w[0] * w[0]).powi(2) + (1.0 - w[0]).powi(2))
                    .sum()
            },
        ),
        function(
            "levy-mixed",
            "Levy and Montalvo (1985)",
            two_and_two(-10.0, 10.0),
            0.0,
            levy,
        ),
        function(
            "styblinski-tang-mixed",
            "Styblinski and Tang (1990); −3 is the best whole number",
            two_and_two(-5.0, 5.0),
            2.0 * -39.166_165_703_771_42 + 2.0 * -39.0,
            |x| {
                x.iter()
                    .map(|v| 0.5 * (v.powi(4) - 16.0 * v * v + 5.0 * v))
                    .sum()
            },
        ),
        function(
            "rastrigin-mixed",
            "Rastrigin (1974)",
            two_and_two(-5.12, 5.12),
            0.0,
            |x| {
                x.iter()
                    .map(|v| 10.0 + v * v - 10.0 * (2.0 * PI * v).cos())
                    .sum()
            },
        ),
        function(
            "griewank-mixed",
            "Griewank (1981)",
            two_and_two(-100.0, 100.0),
            0.0,
            |x| {
                let square: f64 = x.iter().map(|v| v * v / 4000.0).sum();
                let waves = x
                    .iter()
                    .enumerate()
                    .map(|(i, v)| (v / (i as f64 + 1.0).sqrt()).cos());
                square - waves.product::<f64>() + 1.0
            },
        ),
        function(
            "zakharov-mixed",
            "Zakharov, in Jamil and Yang (2013)",
            two_and_two(-5.0, 10.0),
            0.0,
            |x| {
                let square: f64 = x.iter().map(|v| v * v).sum();
                let line: f64 = x.iter().zip(1..).map(|(v, i)| 0.5 * f64::from(i) * v).sum();
                square + line.powi(2) + line.powi(4)
            },
        ),
        function(
            "tree-conditional",
            "Jenatton, Archambeau, González and Seeger (2017), section 5.1",
            vec![
                ("x1", choice(2)),
                ("x2", when(choice(2), 0, 0)),
                ("x3", when(choice(2), 0, 1)),
                ("x4", when(real(-1.0, 1.0), 1, 0)),
                ("x5", when(real(-1.0, 1.0), 1, 1)),
                ("x6", when(real(-1.0, 1.0), 2, 0)),
                ("x7", when(real(-1.0, 1.0), 2, 1)),
                ("r8", when(real(0.0, 1.0), 0, 0)),
                ("r9", when(real(0.0, 1.0), 0, 1)),
            ],
            0.1,
            |x| {
                let shared = if x[0] == 0.0 { x[7] } else { x[8] };
                let leaf = x[3..7].iter().find(|v| !v.is_nan()).copied();
                leaf.unwrap_or(1.0).powi(2) + 0.1 + shared
            },
        ),
        function(
            "models-conditional",
            "ours: a choice of a model and its hyperparameters, as in Thornton et al. (2013)",
            vec![
                ("model", choice(3)),
                ("penalty", when(log_real(1e-3, 1e3), 0, 0)),
                ("depth", when(int(1, 20), 0, 1)),
                ("leaves", when(log_int(1, 256), 0, 1)),
                ("rate", when(log_real(1e-5, 1.0), 0, 2)),
                ("width", when(log_int(8, 1024), 0, 2)),
                ("drop", when(choice(2), 0, 2)),
                ("dropout", when(real(0.0, 0.9), 6, 1)),
            ],
            0.15,
            models,
        ),
        landscape(),
    ]
}

fn branin(x: f64, y: f64) -> f64 {
    let bend = y - 5.1 / (4.0 * PI * PI) * x * x + 5.0 / PI * x - 6.0;
    bend * bend + 10.0 * (1.0 - 1.0 / (8.0 * PI)) * x.cos() + 10.0
}

fn camel(x: f64, y: f64) -> f64 {
    (4.0 - 2.1 * x * x + x.powi(4) / 3.0) * x * x + x * y + (4.0 * y * y - 4.0) * y * y
}

fn levy(x: Values<'_>) -> f64 {
    let w: Vec<f64> = x.iter().map(|v| 1.0 + (v - 1.0) / 4.0).collect();
    let first = (PI * w[0]).sin().powi(2);
    let middle = w[..w.len() - 1]
        .iter()
        .map(|w| (w - 1.0).powi(2) * (1.0 + 10.0 * (PI * w + 1.0).sin().powi(2)));
    let end = w[w.len() - 1];
    first + middle.sum::<f64>() + (end - 1.0).powi(2) * (1.0 + (2.0 * PI * end).sin().powi(2))
}

const HARTMANN3_A: [[f64; 3]; 4] = [
    [3.0, 10.0, 30.0],
    [0.1, 10.0, 35.0],
    [3.0, 10.0, 30.0],
    [0.1, 10.0, 35.0],
];
const HARTMANN3_P: [[f64; 3]; 4] = [
    [0.3689, 0.1170, 0.2673],
    [0.4699, 0.4387, 0.7470],
    [0.1091, 0.8732, 0.5547],
    [0.0381, 0.5743, 0.8828],
];
const HARTMANN6_A: [[f64; 6]; 4] = [
    [10.0, 3.0, 17.0, 3.5, 1.7, 8.0],
    [0.05, 10.0, 17.0, 0.1, 8.0, 14.0],
    [3.0, 3.5, 1.7, 10.0, 17.0, 8.0],
    [17.0, 8.0, 0.05, 10.0, 0.1, 14.0],
];
const HARTMANN6_P: [[f64; 6]; 4] = [
    [0.1312, 0.1696, 0.5569, 0.0124, 0.8283, 0.5886],
    [0.2329, 0.4135, 0.8307, 0.3736, 0.1004, 0.9991],
    [0.2348, 0.1451, 0.3522, 0.2883, 0.3047, 0.6650],
    [0.4047, 0.8828, 0.8732, 0.5743, 0.1091, 0.0381],
];

fn hartmann<const N: usize>(x: Values<'_>, a: &[[f64; N]; 4], p: &[[f64; N]; 4]) -> f64 {
    let heights = [1.0, 1.2, 3.0, 3.2];
    let peaks = heights.iter().zip(a).zip(p).map(|((height, a), p)| {
        let square: f64 = (0..N).map(|i| a[i] * (x[i] - p[i]).powi(2)).sum();
        height * (-square).exp()
    });
    -peaks.sum::<f64>()
}

fn models(x: Values<'_>) -> f64 {
    match x[0] as usize {
        0 => 0.30 + 0.02 * (x[1].log10() - 0.5).powi(2),
        1 => 0.22 + 0.002 * (x[2] - 9.0).powi(2) + 0.01 * (x[3].log2() - 4.0).powi(2),
        _ => {
            let dropout = if x[6] == 0.0 {
                0.02
            } else {
                0.1 * (x[7] - 0.25).powi(2)
            };
            0.15 + 0.03 * (x[4].log10() + 2.5).powi(2)
                + 0.01 * (x[5].log2() - 8.0).powi(2)
                + dropout
        }
    }
}

/// Variables and levels of the categorical landscape.
const GENES: usize = 6;
const LEVELS: usize = 4;

/// Each variable adds an amount that depends on it and on its neighbour.
fn landscape() -> Function {
    let mut rng = stats::Rng::new(1989);
    let table: Vec<f64> = (0..GENES * LEVELS * LEVELS)
        .map(|_| rng.uniform())
        .collect();
    let exact = move |x: Values<'_>| {
        let amounts = (0..GENES).map(|i| {
            let (own, next) = (x[i] as usize, x[(i + 1) % GENES] as usize);
            table[(i * LEVELS + own) * LEVELS + next]
        });
        amounts.sum::<f64>() / GENES as f64
    };
    let everything = (0..LEVELS.pow(GENES as u32)).map(|mut code| {
        let x: Vec<f64> = (0..GENES)
            .map(|_| {
                let digit = code % LEVELS;
                code /= LEVELS;
                digit as f64
            })
            .collect();
        exact(&x)
    });
    let minimum = everything.fold(f64::INFINITY, f64::min);
    let names = ["g1", "g2", "g3", "g4", "g5", "g6"];
    function(
        "nk-categorical",
        "NK landscape with K = 1, Kauffman and Weinberger (1989)",
        names
            .into_iter()
            .map(|name| (name, choice(LEVELS)))
            .collect(),
        minimum,
        exact,
    )
}
