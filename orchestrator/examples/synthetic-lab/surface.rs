//! A response surface with a known optimum, interactions, and noise.
//!
//! Five parameters, 7,680 points. The logarithm of a score falls from its
//! maximum by a sum of penalties: a square of the distance in `DEPTH` and in
//! `WIDTH`, steps in `UNROLL`, `ORDER` and `FUSE`. Where the best `WIDTH` lies
//! depends on `ORDER`, and where the best `DEPTH` lies on `FUSE`.

use std::collections::BTreeMap;

use protocol::{ContentHash, Interval, Metric, ParamKind, ParamSpec};
use serde::Deserialize;
use serde_json::{Value, json};
use stats::Rng;

const DEPTHS: i64 = 12;
const WIDTHS: i64 = 16;
const WIDTH_STEP: i64 = 16;
const ORDERS: [&str; 4] = ["abc", "acb", "bac", "cba"];
const UNROLLS: [i64; 5] = [1, 2, 4, 8, 16];
/// Samples of a full measurement, and of a quick look.
const SAMPLES: [usize; 2] = [20, 5];
/// 97.5% quantiles of Student's t for 19 and 4 degrees of freedom
/// (NIST/SEMATECH e-Handbook of Statistical Methods, 1.3.6.7.2).
const T_975: [f64; 2] = [2.093, 2.776];

/// What a task says about its surface.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Surface {
    /// Standard deviation of a full measurement, as a part of the true score.
    pub(crate) noise: f64,
    /// Decides where the optimum is, and every draw of noise.
    #[serde(default)]
    pub(crate) seed: u64,
    /// Every point is as good as the best.
    #[serde(default)]
    pub(crate) flat: bool,
}

/// Places of the values on their axes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Point {
    depth: i64,
    width: i64,
    order: usize,
    fuse: bool,
    unroll: usize,
}

pub(crate) type Params = BTreeMap<String, Value>;

impl Surface {
    /// What can be varied.
    pub(crate) fn params() -> Vec<ParamSpec> {
        let spec = |name: &str, kind, default| ParamSpec {
            name: name.to_owned(),
            kind,
            default,
            condition: None,
        };
        let int = |high, step| ParamKind::Int {
            low: step,
            high,
            step,
            log: false,
        };
        let choice = |values| ParamKind::Choice { values };
        vec![
            spec("DEPTH", int(DEPTHS, 1), json!(6)),
            spec(
                "WIDTH",
                int(WIDTHS * WIDTH_STEP, WIDTH_STEP),
                json!(8 * WIDTH_STEP),
            ),
            spec(
                "ORDER",
                choice(ORDERS.map(|v| json!(v)).to_vec()),
                json!(ORDERS[0]),
            ),
            spec("FUSE", ParamKind::Bool, json!(false)),
            spec(
                "UNROLL",
                choice(UNROLLS.map(|v| json!(v)).to_vec()),
                json!(4),
            ),
        ]
    }

    /// Where the maximum is.
    fn optimum(&self) -> Point {
        let mut rng = Rng::new(self.seed);
        Point {
            depth: rng.below(DEPTHS as u64) as i64,
            width: rng.below(WIDTHS as u64) as i64,
            order: rng.index(ORDERS.len()),
            fuse: rng.below(2) == 1,
            unroll: rng.index(UNROLLS.len()),
        }
    }

    /// The parameters of the maximum.
    pub(crate) fn best_params(&self) -> Params {
        let best = self.optimum();
        [
            ("DEPTH", json!(best.depth + 1)),
            ("WIDTH", json!((best.width + 1) * WIDTH_STEP)),
            ("ORDER", json!(ORDERS[best.order])),
            ("FUSE", json!(best.fuse)),
            ("UNROLL", json!(UNROLLS[best.unroll])),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .into()
    }

    /// The true score as a part of the maximum, or what is wrong with the
    /// parameters; absent ones take their default.
    pub(crate) fn truth(&self, params: &Params) -> Result<f64, String> {
        let point = point(params)?;
        if self.flat {
            return Ok(1.0);
        }
        let best = self.optimum();
        // How far an order is from the best one, round the list.
        let turn = (point.order + ORDERS.len() - best.order) % ORDERS.len();
        let width = (best.width + 4 * turn as i64) % WIDTHS;
        let depth = if point.fuse == best.fuse {
            best.depth
        } else {
            (best.depth + 4) % DEPTHS
        };
        let away = |a: i64, b: i64, of: i64| (a - b) as f64 / (of - 1) as f64;
        let penalty = 3.0 * away(point.depth, depth, DEPTHS).powi(2)
            + 2.5 * away(point.width, width, WIDTHS).powi(2)
            + 0.04 * point.unroll.abs_diff(best.unroll) as f64
            + [0.0, 0.08, 0.16, 0.3][turn]
            + if point.fuse == best.fuse { 0.0 } else { 0.12 };
        Ok((-penalty).exp())
    }

    /// A measurement of what is `truth` in truth, with an honest interval. What
    /// `draw` names is drawn independently of all else.
    pub(crate) fn measure(&self, truth: f64, draw: &[&str], quick: bool) -> Metric {
        let mut parts = vec![self.seed.to_string()];
        parts.extend(draw.iter().map(|&part| part.to_owned()));
        let hash = ContentHash::of_parts(parts.iter().map(String::as_bytes));
        let seed = u64::from_str_radix(&hash.as_str()[..16], 16).unwrap_or_default();
        let mut rng = Rng::new(seed);
        let depth = usize::from(quick);
        let n = SAMPLES[depth];
        let sd = self.noise * (SAMPLES[0] as f64).sqrt();
        let sample: Vec<f64> = (0..n).map(|_| truth * (1.0 + sd * rng.normal())).collect();
        let value = stats::mean(&sample).unwrap_or(f64::NAN);
        let variance = stats::variance(&sample).unwrap_or(f64::NAN);
        let half = T_975[depth] * (variance / n as f64).sqrt();
        Metric {
            value,
            unit: "ratio".to_owned(),
            ci: Some(Interval(value - half, value + half)),
            n: n as u32,
        }
    }
}

/// The place of a point, or what is wrong with it.
fn point(params: &Params) -> Result<Point, String> {
    let specs = Surface::params();
    if let Some(name) = params
        .keys()
        .find(|name| specs.iter().all(|s| s.name != **name))
    {
        return Err(format!("there is no parameter `{name}`"));
    }
    let place = |name: &str| -> Result<i64, String> {
        let spec = specs
            .iter()
            .find(|spec| spec.name == name)
            .ok_or_else(|| format!("there is no parameter `{name}`"))?;
        let value = params.get(name).unwrap_or(&spec.default);
        let found = match &spec.kind {
            ParamKind::Int {
                low, high, step, ..
            } => value
                .as_i64()
                .filter(|v| (*low..=*high).contains(v) && (v - low) % step == 0)
                .map(|v| (v - low) / step),
            ParamKind::Choice { values } => {
                let place = values.iter().position(|known| known == value);
                place.map(|place| place as i64)
            }
            ParamKind::Bool => value.as_bool().map(i64::from),
            // The surface has none.
            ParamKind::Real { .. } => None,
        };
        found.ok_or_else(|| format!("`{name}` can't be {value}"))
    };
    Ok(Point {
        depth: place("DEPTH")?,
        width: place("WIDTH")?,
        order: place("ORDER")? as usize,
        fuse: place("FUSE")? == 1,
        unroll: place("UNROLL")? as usize,
    })
}
