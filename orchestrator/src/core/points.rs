//! Points of a lab's search spaces: one form for equal ones, and how far two
//! are apart.

use std::collections::BTreeMap;

use protocol::ContentHash;
use serde::Deserialize;
use serde_json::Value;

/// What is needed of a parameter's declaration to compare its values. Kinds
/// differ in what they declare; what is absent doesn't count.
#[derive(Clone, Debug, Deserialize)]
struct Axis {
    name: String,
    #[serde(default)]
    default: Value,
    #[serde(default)]
    low: Option<f64>,
    #[serde(default)]
    high: Option<f64>,
    #[serde(default)]
    log: bool,
    #[serde(default)]
    values: Vec<Value>,
}

#[derive(Clone, Debug, Deserialize)]
struct Declared {
    template: String,
    #[serde(default)]
    params: Vec<Axis>,
}

/// The spaces of a task's templates.
#[derive(Clone, Debug, Default)]
pub struct Scales(BTreeMap<String, Vec<Axis>>);

/// Value of each parameter.
pub type Params = BTreeMap<String, Value>;

impl Scales {
    /// Of a lab's inspection of a task. What can't be read is as if it were
    /// not declared.
    pub fn of(inspection: &Value) -> Self {
        let spaces: Vec<Declared> =
            serde_json::from_value(inspection["spaces"].clone()).unwrap_or_default();
        let spaces = spaces.into_iter();
        Self(spaces.map(|space| (space.template, space.params)).collect())
    }

    fn axes(&self, template: &str) -> &[Axis] {
        self.0.get(template).map_or(&[], Vec::as_slice)
    }

    /// The point with all defaults, each value in the form of its default.
    pub fn whole(&self, template: &str, params: &Params) -> Params {
        let mut whole: Params = params
            .iter()
            .map(|(name, value)| (name.clone(), plain(value)))
            .collect();
        for axis in self.axes(template) {
            let value = params.get(&axis.name).unwrap_or(&axis.default);
            whole.insert(axis.name.clone(), like(value, &axis.default));
        }
        whole
    }

    /// The parameters that differ from their defaults, with these, in the
    /// order in which the lab declares them.
    pub fn tuned(&self, template: &str, params: &Params) -> Vec<(String, Value)> {
        let whole = self.whole(template, params);
        self.axes(template)
            .iter()
            .filter(|axis| whole.get(&axis.name) != Some(&plain(&axis.default)))
            .map(|axis| (axis.name.clone(), axis.default.clone()))
            .collect()
    }

    /// Hash that equal points share, however they are written.
    pub fn canonical(&self, template: &str, params: &Params) -> ContentHash {
        let whole = self.whole(template, params);
        let lines: Vec<String> = whole.iter().map(|(k, v)| format!("{k}={v}")).collect();
        let parts = ["template", template].into_iter();
        let parts = parts.chain(lines.iter().map(String::as_str));
        ContentHash::of_parts(parts.map(str::as_bytes))
    }

    /// Largest distance of two points along any parameter, in parts of its
    /// range: 0 for equal points, 1 for opposite ends, and for values between
    /// which there is no order.
    pub fn distance(&self, template: &str, a: &Params, b: &Params) -> f64 {
        let axes = self.axes(template);
        let declared = axes.iter().map(|axis| {
            let value =
                |of: &Params| like(of.get(&axis.name).unwrap_or(&axis.default), &axis.default);
            let (a, b) = (value(a), value(b));
            if a == b { 0.0 } else { axis.distance(&a, &b) }
        });
        let unknown = a.keys().chain(b.keys());
        let unknown = unknown.filter(|name| axes.iter().all(|axis| axis.name != **name));
        let unknown = unknown.map(|name| {
            let same = a.get(name).map(plain) == b.get(name).map(plain);
            if same { 0.0 } else { 1.0 }
        });
        declared.chain(unknown).fold(0.0, f64::max)
    }
}

impl Axis {
    /// Between values that differ.
    fn distance(&self, a: &Value, b: &Value) -> f64 {
        let place = |value: &Value| self.values.iter().position(|known| plain(known) == *value);
        if !self.values.is_empty() {
            let ordered = self.values.iter().all(Value::is_number);
            let steps = self.values.len().saturating_sub(1).max(1) as f64;
            return match (place(a), place(b)) {
                (Some(a), Some(b)) if ordered => a.abs_diff(b) as f64 / steps,
                _ => 1.0,
            };
        }
        let scaled = |value: f64| {
            if self.log && self.low.is_some_and(|low| low > 0.0) {
                value.max(f64::MIN_POSITIVE).ln()
            } else {
                value
            }
        };
        let range = self.low.zip(self.high);
        let range = range.map(|(low, high)| (scaled(high) - scaled(low)).abs());
        match (a.as_f64(), b.as_f64(), range) {
            (Some(a), Some(b), Some(range)) if range > 0.0 => {
                ((scaled(a) - scaled(b)).abs() / range).min(1.0)
            }
            _ => 1.0,
        }
    }
}

/// Whole numbers without a point.
fn plain(value: &Value) -> Value {
    match value.as_f64() {
        // Integers up to 2^53 have one form as floating-point numbers.
        Some(number) if number.fract() == 0.0 && number.abs() <= 9_007_199_254_740_992.0 => {
            Value::from(number as i64)
        }
        Some(_) | None => value.clone(),
    }
}

/// A flag may be written as a number, and the other way round.
fn like(value: &Value, default: &Value) -> Value {
    match (value, default) {
        (Value::Bool(flag), Value::Number(_)) => Value::from(i64::from(*flag)),
        (Value::Number(_), Value::Bool(_)) => match value.as_f64() {
            Some(0.0) => Value::Bool(false),
            Some(1.0) => Value::Bool(true),
            Some(_) | None => plain(value),
        },
        _ => plain(value),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn scales() -> Scales {
        Scales::of(&json!({ "spaces": [{
            "template": "t", "summary": "",
            "params": [
                { "name": "N", "kind": "int", "low": 1, "high": 1024, "step": 1, "log": true, "default": 16 },
                { "name": "S", "kind": "int", "low": 0, "high": 1000, "step": 1, "log": false, "default": 0 },
                { "name": "U", "kind": "choice", "values": [1, 2, 4], "default": 2 },
                { "name": "M", "kind": "choice", "values": ["a", "b"], "default": "a" },
                { "name": "F", "kind": "bool", "default": true },
            ],
        }] }))
    }

    fn params(value: Value) -> Params {
        serde_json::from_value(value).expect("an object")
    }

    #[test]
    fn equal_points_have_one_form() {
        let scales = scales();
        let hash = |value| scales.canonical("t", &params(value));
        for same in [
            json!({ "N": 16 }),
            json!({ "F": 1, "U": 2.0 }),
            json!({ "M": "a" }),
        ] {
            assert_eq!(hash(same.clone()), hash(json!({})), "{same}");
        }
        for other in [json!({ "N": 17 }), json!({ "F": false }), json!({ "x": 1 })] {
            assert_ne!(hash(other.clone()), hash(json!({})), "{other}");
        }
        assert_ne!(scales.canonical("u", &params(json!({}))), hash(json!({})));
    }

    #[test]
    fn distances_are_parts_of_the_range() {
        let scales = scales();
        let cases = [
            (json!({}), json!({}), 0.0),
            (json!({ "S": 100 }), json!({ "S": 350 }), 0.25),
            (json!({ "N": 1 }), json!({ "N": 32 }), 0.5),
            (json!({ "U": 1 }), json!({ "U": 2 }), 0.5),
            (json!({ "M": "a" }), json!({ "M": "b" }), 1.0),
            (json!({ "F": 1 }), json!({ "F": false }), 1.0),
            (json!({ "S": 1 }), json!({ "S": 2, "U": 4 }), 0.5),
            (json!({ "x": 1 }), json!({}), 1.0),
        ];
        for (a, b, expected) in cases {
            let (a, b) = (params(a), params(b));
            let found = scales.distance("t", &a, &b);
            assert!((found - expected).abs() < 1e-9, "{a:?} {b:?}: {found}");
            assert!((scales.distance("t", &b, &a) - found).abs() < 1e-12);
        }
    }

    #[test]
    fn what_was_tuned_can_be_undone() {
        let found = scales().tuned("t", &params(json!({ "F": 0, "N": 16, "U": 4 })));
        assert_eq!(
            found,
            [("U".to_owned(), json!(2)), ("F".to_owned(), json!(true))]
        );
    }
}
