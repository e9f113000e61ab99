//! A lab's search spaces, as the search has them and as tools write them.

use std::collections::BTreeMap;

use protocol::{ParamKind, ParamSpec};
use search::{Condition, Kind, Param, Point, Space, Value};
use serde_json::{Value as Json, json};

/// One parameter as tools write it.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Axis {
    pub name: String,
    /// What can be chosen; empty for numbers.
    choices: Vec<Json>,
    pub default: Value,
    /// What a search begins with: the default, unless something is known.
    pub start: Value,
    /// Whether there are only two values, off and on.
    pub flag: bool,
}

/// One template's space.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Domain {
    pub template: String,
    pub axes: Vec<Axis>,
    pub space: Space,
    declared: protocol::Space,
}

/// Most integers of a range that is written out to leave some of them out.
const MAX_LISTED: u64 = 64;

impl Axis {
    /// None if the default isn't of the parameter's kind.
    fn of(spec: &ParamSpec) -> Option<(Self, Kind)> {
        let (kind, choices) = match &spec.kind {
            ParamKind::Choice { values } => {
                let mut values = values.clone();
                if !values.contains(&spec.default) {
                    values.push(spec.default.clone());
                }
                let kind = Kind::Choice {
                    count: values.len(),
                    ordered: values.iter().all(Json::is_number),
                };
                (kind, values)
            }
            ParamKind::Bool => {
                let kind = Kind::Choice {
                    count: 2,
                    ordered: false,
                };
                // A lab may write flags as booleans or as 0 and 1.
                let numbers = spec.default.is_number();
                let values = if numbers {
                    [json!(0), json!(1)]
                } else {
                    [json!(false), json!(true)]
                };
                (kind, values.to_vec())
            }
            ParamKind::Int {
                low,
                high,
                step,
                log,
            } => {
                let (low, high, step, log) = (*low, *high, *step, *log);
                let kind = Kind::Int {
                    low,
                    high,
                    step,
                    log,
                };
                (kind, Vec::new())
            }
            ParamKind::Real { low, high, log } => {
                let (low, high, log) = (*low, *high, *log);
                (Kind::Real { low, high, log }, Vec::new())
            }
        };
        let mut axis = Self {
            name: spec.name.clone(),
            choices,
            default: Value::Choice(0),
            start: Value::Choice(0),
            flag: spec.kind == ParamKind::Bool,
        };
        axis.default = axis.value(&kind, &spec.default)?;
        axis.start = axis.default;
        Some((axis, kind))
    }

    fn value(&self, kind: &Kind, json: &Json) -> Option<Value> {
        match kind {
            Kind::Real { .. } => json.as_f64().map(Value::Real),
            Kind::Int { .. } => json.as_i64().map(Value::Int),
            Kind::Choice { .. } => {
                let same = |choice: &Json| match (choice.as_f64(), json.as_f64()) {
                    (Some(a), Some(b)) => a.total_cmp(&b).is_eq(),
                    _ => choice == json,
                };
                self.choices.iter().position(same).map(Value::Choice)
            }
        }
    }

    /// A value as a tool's argument.
    pub(super) fn json(&self, value: Value) -> Json {
        match value {
            Value::Real(x) => json!(x),
            Value::Int(x) => json!(x),
            Value::Choice(at) => self.choices.get(at).cloned().unwrap_or_default(),
        }
    }
}

impl Domain {
    /// None for a space that makes no sense; the conformance kit says why.
    pub(super) fn of(declared: &protocol::Space) -> Option<Self> {
        let mut axes: Vec<Axis> = Vec::new();
        let mut params: Vec<Param> = Vec::new();
        for spec in &declared.params {
            let (axis, kind) = Axis::of(spec)?;
            let condition = match &spec.condition {
                None => None,
                Some(condition) => {
                    let parent = axes.iter().position(|axis| axis.name == condition.param)?;
                    let values = condition.values.iter();
                    let values = values.map(|v| axes[parent].value(&params[parent].kind, v));
                    Some(Condition {
                        parent,
                        values: values.collect::<Option<_>>()?,
                    })
                }
            };
            axes.push(axis);
            params.push(Param { kind, condition });
        }
        Some(Self {
            template: declared.template.clone(),
            axes,
            space: Space::new(params).ok()?,
            declared: declared.clone(),
        })
    }

    /// The spaces that make sense.
    pub(super) fn all(declared: &[protocol::Space]) -> Vec<Self> {
        declared.iter().filter_map(Self::of).collect()
    }

    /// The point that a search begins with.
    pub(super) fn start(&self) -> Point {
        self.with(None)
    }

    /// The same, one flag of it the other way round.
    pub(super) fn flipped(&self, place: usize) -> Point {
        let other = match self.axes[place].start {
            Value::Choice(0) => Value::Choice(1),
            _ => Value::Choice(0),
        };
        self.with(Some((place, other)))
    }

    fn with(&self, other: Option<(usize, Value)>) -> Point {
        let mut point = Point::new();
        for (index, axis) in self.axes.iter().enumerate() {
            let changed = other.filter(|(place, _)| *place == index);
            let value = changed.map_or(axis.start, |(_, value)| value);
            point.push(self.space.active(index, &point).then_some(value));
        }
        point
    }

    /// The value that a tool's argument stands for; none if the parameter
    /// never has it.
    pub(super) fn value(&self, place: usize, json: &Json) -> Option<Value> {
        let kind = &self.space.params()[place].kind;
        let value = self.axes[place].value(kind, json)?;
        kind.contains(value).then_some(value)
    }

    /// Takes values out of a list, or out of a short range of integers. The
    /// default and what a search begins with stay, and so does what another
    /// parameter depends on.
    pub(super) fn leave_out(&mut self, place: usize, lost: &[&Json]) {
        let axis = &self.axes[place];
        let needed = |value: Value| {
            let params = self.space.params().iter();
            let mut conditions = params.filter_map(|param| param.condition.as_ref());
            value == axis.default
                || value == axis.start
                || conditions.any(|c| c.parent == place && c.values.contains(&value))
        };
        let mut lost: Vec<Value> = lost
            .iter()
            .filter_map(|json| self.value(place, json))
            .collect();
        lost.retain(|value| !needed(*value));
        let all: Vec<Value> = match self.space.params()[place].kind {
            Kind::Choice { count, .. } => (0..count).map(Value::Choice).collect(),
            Kind::Int {
                low, high, step, ..
            } if high.abs_diff(low) / step.unsigned_abs() < MAX_LISTED => {
                let steps = high.abs_diff(low) / step.unsigned_abs();
                let at = |k: u64| low.wrapping_add_unsigned(k * step.unsigned_abs());
                (0..=steps).map(|k| Value::Int(at(k))).collect()
            }
            Kind::Int { .. } | Kind::Real { .. } => return,
        };
        if axis.flag || lost.is_empty() {
            return;
        }
        let left = all.into_iter().filter(|value| !lost.contains(value));
        let mut declared = self.declared.clone();
        declared.params[place].kind = ParamKind::Choice {
            values: left.map(|value| axis.json(value)).collect(),
        };
        let Some(mut smaller) = Self::of(&declared) else {
            return;
        };
        for (index, axis) in self.axes.iter().enumerate() {
            if let Some(start) = smaller.value(index, &axis.json(axis.start)) {
                smaller.axes[index].start = start;
            }
        }
        *self = smaller;
    }

    /// The point as a tool's argument.
    pub(super) fn params(&self, point: &Point) -> BTreeMap<String, Json> {
        let values = self.axes.iter().zip(point);
        values
            .filter_map(|(axis, value)| Some((axis.name.clone(), axis.json((*value)?))))
            .collect()
    }

    /// The point that a tool's argument was; absent parameters have their
    /// default, inactive ones count as absent. None if a value is of another
    /// kind.
    pub(super) fn point(&self, params: &BTreeMap<String, Json>) -> Option<Point> {
        let mut point = Point::new();
        for (index, axis) in self.axes.iter().enumerate() {
            let kind = &self.space.params()[index].kind;
            let value = match params.get(&axis.name) {
                None => axis.default,
                Some(json) => axis.value(kind, json)?,
            };
            point.push(self.space.active(index, &point).then_some(value));
        }
        Some(point)
    }
}

/// A seed that depends on texts as well.
pub(super) fn seed(seed: u64, texts: &[&str]) -> u64 {
    // FNV-1a, a zero after each text.
    let bytes = texts.iter().flat_map(|text| text.bytes().chain([0]));
    bytes.fold(seed ^ 0xcbf2_9ce4_8422_2325, |state, byte| {
        (state ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A space of the parameters given as JSON.
    #[expect(clippy::needless_pass_by_value, reason = "mostly literals")]
    pub(in super::super) fn declared(template: &str, params: Json) -> protocol::Space {
        let space = json!({ "template": template, "summary": "", "params": params });
        serde_json::from_value(space).unwrap()
    }

    fn domain() -> Domain {
        let space = declared(
            "t",
            json!([
                { "name": "A", "kind": "choice", "values": [1, 2.0], "default": 2.0 },
                { "name": "B", "kind": "bool", "default": 1 },
                { "name": "N", "kind": "int", "low": 8, "high": 64, "step": 8, "log": true,
                  "default": 16, "condition": { "param": "B", "values": [1] } },
                { "name": "R", "kind": "real", "low": 0.001, "high": 1.0, "log": true,
                  "default": 0.01, "condition": { "param": "B", "values": [0] } },
            ]),
        );
        Domain::of(&space).unwrap()
    }

    #[test]
    fn points_and_arguments_are_inverse() {
        let domain = domain();
        let mut rng = stats::Rng::new(1);
        for _ in 0..200 {
            let point = domain.space.sample(&mut rng);
            assert_eq!(domain.point(&domain.params(&point)), Some(point));
        }
    }

    #[test]
    fn inactive_parameters_are_absent() {
        let domain = domain();
        let start = domain.params(&domain.start());
        assert_eq!(json!(start), json!({ "A": 2.0, "B": 1, "N": 16 }));
        let flipped = domain.params(&domain.flipped(1));
        assert_eq!(json!(flipped), json!({ "A": 2.0, "B": 0, "R": 0.01 }));
        let given = serde_json::from_value(json!({ "A": 2, "R": 0.5 })).unwrap();
        assert_eq!(domain.point(&given), Some(domain.start()));
    }

    #[test]
    fn a_value_of_another_kind_is_no_point() {
        for params in [json!({ "N": "x" }), json!({ "N": 8.5 }), json!({ "A": 3 })] {
            let given = serde_json::from_value(params.clone()).unwrap();
            assert_eq!(domain().point(&given), None, "{params}");
        }
    }

    #[test]
    fn values_are_left_out_of_lists_and_short_ranges() {
        let space = declared(
            "t",
            json!([
                { "name": "N", "kind": "int", "low": 8, "high": 32, "step": 8, "log": true,
                  "default": 8 },
                { "name": "M", "kind": "choice", "values": ["a", "b", "c"], "default": "a" },
                { "name": "R", "kind": "real", "low": 0, "high": 1, "log": false, "default": 0.5,
                  "condition": { "param": "M", "values": ["c"] } },
            ]),
        );
        let mut domain = Domain::of(&space).unwrap();
        domain.axes[0].start = Value::Int(32);
        let lost = [json!(8), json!(16), json!(32), json!(9)];
        domain.leave_out(0, &lost.each_ref());
        let lost = [json!("a"), json!("b"), json!("c")];
        domain.leave_out(1, &lost.each_ref());
        domain.leave_out(2, &[&json!(0.25)]);
        let start = domain.params(&domain.start());
        assert_eq!(json!(start), json!({ "N": 32, "M": "a" }));
        let mut rng = stats::Rng::new(1);
        let mut drawn: Vec<String> = (0..200)
            .map(|_| domain.params(&domain.space.sample(&mut rng)))
            .map(|params| format!("{}{}{}", params["N"], params["M"], params.contains_key("R")))
            .collect();
        drawn.sort_unstable();
        drawn.dedup();
        let left = [
            "24\"a\"false",
            "24\"c\"true",
            "32\"a\"false",
            "32\"c\"true",
            "8\"a\"false",
            "8\"c\"true",
        ];
        assert_eq!(drawn, left);
    }

    #[test]
    fn a_space_without_sense_is_left_out() {
        let bad = [
            json!([{ "name": "N", "kind": "int", "low": 9, "high": 1, "step": 1, "log": false,
                     "default": 1 }]),
            json!([{ "name": "R", "kind": "real", "low": 0, "high": 1, "log": true,
                     "default": 0.5 }]),
            json!([{ "name": "R", "kind": "real", "low": 0, "high": 1, "log": false,
                     "default": "x" }]),
            json!([{ "name": "B", "kind": "bool", "default": true,
                     "condition": { "param": "A", "values": [1] } }]),
        ];
        let good = declared("good", json!([]));
        for params in bad {
            let spaces = [declared("bad", params), good.clone()];
            let kept = Domain::all(&spaces);
            assert_eq!(kept.len(), 1);
            assert_eq!(kept[0].template, "good");
        }
    }
}
