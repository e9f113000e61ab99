//! Test functions for searches, one request per line of JSON, for
//! `benches/search/compare.py`.
//!
//! `{"op": "list"}` describes the functions, `measure` evaluates one at a point
//! of somebody else's, `search` lets ours look for the minimum. Values carry
//! noise that depends on the function, the seed and the number of the
//! evaluation, so that two searches meet the same. The only argument is its
//! standard deviation, as a share of the interquartile range of the function
//! over its space.

mod functions;

use std::io::{BufRead, Write};
use std::time::Instant;

use functions::{Function, all};
use search::{Kind, Observation, Point, Value, propose, smoothed};
use serde::Deserialize;
use serde_json::{Value as Json, json};

/// Points for the interquartile range of a function.
const RANGE_POINTS: usize = 4001;

#[derive(Deserialize)]
#[serde(tag = "op", rename_all = "snake_case", deny_unknown_fields)]
enum Request {
    List,
    Measure {
        function: String,
        seed: u64,
        at: usize,
        /// A number, the index of a choice or null for each parameter.
        point: Vec<Option<f64>>,
    },
    Search {
        function: String,
        seed: u64,
        /// After how many evaluations it is to recommend a point, in rising
        /// order; it ends after the last.
        evaluations: Vec<usize>,
    },
}

/// A function with its noise.
struct Bench {
    function: Function,
    noise_sd: f64,
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let noise = std::env::args().nth(1).ok_or("usage: search-bench NOISE")?;
    let noise: f64 = noise
        .parse()
        .map_err(|error| format!("`{noise}`: {error}"))?;
    let functions = all().into_iter();
    let benches: Vec<Bench> = functions.map(|f| Bench::of(f, noise)).collect();
    let mut out = std::io::stdout().lock();
    for line in std::io::stdin().lock().lines() {
        let answer = match serde_json::from_str(&line?) {
            Ok(request) => answer(&benches, &request),
            Err(error) => Err(format!("not a request: {error}")),
        };
        let answer = answer.unwrap_or_else(|error| json!({ "error": error }));
        writeln!(out, "{answer}")?;
        out.flush()?;
    }
    Ok(())
}

fn answer(benches: &[Bench], request: &Request) -> Result<Json, String> {
    let find = |name: &str| {
        let found = benches.iter().find(|bench| bench.function.name == name);
        found.ok_or_else(|| format!("there is no function `{name}`"))
    };
    match request {
        Request::List => Ok(benches.iter().map(Bench::describe).collect()),
        Request::Measure {
            function,
            seed,
            at,
            point,
        } => {
            let bench = find(function)?;
            let point = bench.point(point)?;
            let (observed, exact) = bench.measure(&point, *seed, *at);
            Ok(json!({ "observed": observed, "exact": exact }))
        }
        Request::Search {
            function,
            seed,
            evaluations,
        } => find(function)?.search(*seed, evaluations),
    }
}

impl Bench {
    fn of(function: Function, noise: f64) -> Self {
        let mut rng = stats::Rng::new(0);
        let mut values: Vec<f64> = (0..RANGE_POINTS)
            .map(|_| (function.exact)(&numbers(&function.space.sample(&mut rng))))
            .collect();
        values.sort_by(f64::total_cmp);
        let range = values[RANGE_POINTS * 3 / 4] - values[RANGE_POINTS / 4];
        Self {
            function,
            noise_sd: noise * range,
        }
    }

    fn describe(&self) -> Json {
        let function = &self.function;
        let params = function.names.iter().zip(function.space.params());
        let params: Vec<Json> = params
            .map(|(name, param)| {
                let mut json = match &param.kind {
                    Kind::Real { low, high, log } => {
                        json!({ "kind": "real", "low": low, "high": high, "log": log })
                    }
                    Kind::Int { low, high, log, .. } => {
                        json!({ "kind": "int", "low": low, "high": high, "log": log })
                    }
                    Kind::Choice { count, .. } => json!({ "kind": "choice", "count": count }),
                };
                json["name"] = json!(name);
                if let Some(condition) = &param.condition {
                    let values: Vec<f64> = condition
                        .values
                        .iter()
                        .map(|value| number(*value))
                        .collect();
                    json["condition"] = json!({ "parent": condition.parent, "values": values });
                }
                json
            })
            .collect();
        json!({
            "name": function.name,
            "source": function.source,
            "minimum": function.minimum,
            "noise_sd": self.noise_sd,
            "params": params,
        })
    }

    fn point(&self, numbers: &[Option<f64>]) -> Result<Point, String> {
        let params = self.function.space.params();
        let point: Point = params
            .iter()
            .zip(numbers)
            .map(|(param, number)| {
                number.map(|number| match param.kind {
                    Kind::Real { .. } => Value::Real(number),
                    Kind::Int { .. } => Value::Int(number as i64),
                    Kind::Choice { .. } => Value::Choice(number as usize),
                })
            })
            .collect();
        if self.function.space.contains(&point) {
            Ok(point)
        } else {
            Err(format!("{numbers:?} is no point of {}", self.function.name))
        }
    }

    /// The value with and without noise.
    fn measure(&self, point: &Point, seed: u64, at: usize) -> (f64, f64) {
        let exact = (self.function.exact)(&numbers(point));
        let name = self.function.name.bytes();
        let place = name.fold(seed, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
        let mut rng = stats::Rng::new(place ^ ((at as u64) << 40));
        (exact + self.noise_sd * rng.normal(), exact)
    }

    fn search(&self, seed: u64, stops: &[usize]) -> Result<Json, String> {
        let space = &self.function.space;
        let mut history: Vec<Observation> = Vec::new();
        let (mut observed, mut exact, mut times_ms) = (Vec::new(), Vec::new(), Vec::new());
        let mut recommended = Vec::new();
        for stop in stops {
            for at in history.len()..*stop {
                let begin = Instant::now();
                let point = propose(space, &history, seed)
                    .ok_or_else(|| format!("nothing was left after {at} evaluations"))?;
                times_ms.push(begin.elapsed().as_secs_f64() * 1e3);
                let (value, clean) = self.measure(&point, seed, at);
                observed.push(value);
                exact.push(clean);
                history.push(Observation {
                    point,
                    value: Some(value),
                });
            }
            // As `builtin` does: the best mean of the process, not the best look.
            let worth = smoothed(space, &history);
            let best = worth.iter().zip(&observed).enumerate();
            let best = best.filter_map(|(at, (worth, observed))| Some(((*worth)?, observed, at)));
            let best = best.min_by(|a, b| a.0.total_cmp(&b.0).then(a.1.total_cmp(b.1)));
            recommended.push(best.map(|(_, _, at)| at));
        }
        Ok(json!({
            "observed": observed,
            "exact": exact,
            "recommended": recommended,
            "times_ms": times_ms,
        }))
    }
}

fn number(value: Value) -> f64 {
    match value {
        Value::Real(x) => x,
        Value::Int(x) => x as f64,
        Value::Choice(at) => at as f64,
    }
}

fn numbers(point: &Point) -> Vec<f64> {
    let values = point.iter();
    values.map(|value| value.map_or(f64::NAN, number)).collect()
}
