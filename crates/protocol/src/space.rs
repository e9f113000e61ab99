//! Search spaces that make sense.

use serde_json::Value;

use crate::{ParamKind, ParamSpec, Space};

/// What is wrong with a parameter of a search space.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("template `{template}`, parameter `{param}`: {problem}")]
pub struct SpaceProblem {
    /// The template.
    pub template: String,
    /// The parameter.
    pub param: String,
    /// What is wrong, with the value.
    pub problem: String,
}

impl Space {
    /// Whether the space can be searched: each parameter has a name of its
    /// own, values, a default among them, and a condition that can hold.
    pub fn check(&self) -> Result<(), SpaceProblem> {
        for (index, param) in self.params.iter().enumerate() {
            let before = &self.params[..index];
            let problem = if before.iter().any(|other| other.name == param.name) {
                Some("the name is taken".to_owned())
            } else {
                param.kind.problem().or_else(|| param.misplaced(before))
            };
            if let Some(problem) = problem {
                return Err(SpaceProblem {
                    template: self.template.clone(),
                    param: param.name.clone(),
                    problem,
                });
            }
        }
        Ok(())
    }
}

impl ParamSpec {
    fn misplaced(&self, before: &[Self]) -> Option<String> {
        if !self.kind.contains(&self.default) {
            return Some(format!(
                "the default {} is not one of its values",
                self.default
            ));
        }
        let condition = self.condition.as_ref()?;
        let name = &condition.param;
        let Some(other) = before.iter().find(|other| other.name == *name) else {
            return Some(format!(
                "it depends on `{name}`, which does not come before"
            ));
        };
        if matches!(other.kind, ParamKind::Real { .. }) {
            return Some(format!("it depends on `{name}`, which is a real number"));
        }
        let strange = condition
            .values
            .iter()
            .find(|value| !other.kind.contains(value));
        match strange {
            Some(value) => Some(format!(
                "it depends on `{name}` = {value}, which never is so"
            )),
            None if condition.values.is_empty() => {
                Some(format!("it depends on no value of `{name}`"))
            }
            None => None,
        }
    }
}

impl ParamKind {
    fn problem(&self) -> Option<String> {
        match self {
            Self::Choice { values } if values.is_empty() => Some("there are no values".to_owned()),
            Self::Int { step, .. } if *step < 1 => Some(format!("step {step} is below 1")),
            Self::Int { low, high, .. } if low > high => Some(format!("low {low} > high {high}")),
            Self::Int { low, log: true, .. } if *low < 1 => {
                Some(format!("low {low} has no logarithm"))
            }
            Self::Choice { .. } | Self::Bool | Self::Int { .. } => None,
            Self::Real { low, high, log } => {
                if !(high - low).is_finite() {
                    Some(format!("the range from {low} to {high} is not finite"))
                } else if low > high {
                    Some(format!("low {low} > high {high}"))
                } else if *log && *low <= 0.0 {
                    Some(format!("low {low} has no logarithm"))
                } else {
                    None
                }
            }
        }
    }

    /// Whether `value` is one of its values. A flag may be 0 or 1.
    pub fn contains(&self, value: &Value) -> bool {
        match self {
            Self::Choice { values } => values.contains(value),
            Self::Bool => value.is_boolean() || matches!(value.as_i64(), Some(0 | 1)),
            Self::Int {
                low, high, step, ..
            } => value.as_i64().is_some_and(|x| {
                (low..=high).contains(&&x) && x.abs_diff(*low) % step.unsigned_abs() == 0
            }),
            Self::Real { low, high, .. } => {
                value.as_f64().is_some_and(|x| (*low..=*high).contains(&x))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[expect(clippy::needless_pass_by_value, reason = "literals")]
    fn problem(params: Value) -> String {
        let space = json!({ "template": "t", "summary": "", "params": params });
        let space: Space = serde_json::from_value(space).unwrap();
        space.check().err().map_or(String::new(), |p| p.to_string())
    }

    #[test]
    fn spaces_are_checked_by_template_parameter_and_value() {
        let mode =
            json!({ "name": "MODE", "kind": "choice", "values": ["a", "b"], "default": "a" });
        let rate = |condition: Value| {
            json!({ "name": "RATE", "kind": "real", "low": 1e-4, "high": 1, "log": true,
                    "default": 0.01, "condition": condition })
        };
        let real = |low: f64, high: f64, default: f64| {
            json!([{ "name": "R", "kind": "real", "low": low, "high": high, "log": true,
                     "default": default }])
        };
        let int = |low: i64, step: i64, log: bool, default: Value| {
            json!([{ "name": "N", "kind": "int", "low": low, "high": 9, "step": step, "log": log,
                     "default": default }])
        };
        let on = |param: &str, values: Value| json!({ "param": param, "values": values });
        let cases = [
            (json!([mode, rate(on("MODE", json!(["b"])))]), ""),
            (json!([mode, rate(Value::Null)]), ""),
            (json!([mode, mode]), "parameter `MODE`: the name is taken"),
            (
                json!([rate(on("MODE", json!(["b"])))]),
                "which does not come before",
            ),
            (
                json!([mode, rate(on("MODE", json!(["c"])))]),
                "`MODE` = \"c\", which never is so",
            ),
            (
                json!([mode, rate(on("MODE", json!([])))]),
                "it depends on no value of `MODE`",
            ),
            (real(0.0, 1.0, 0.5), "low 0 has no logarithm"),
            (real(2.0, 1.0, 1.5), "low 2 > high 1"),
            (
                real(0.1, 1.0, 2.0),
                "the default 2.0 is not one of its values",
            ),
            (int(0, 1, false, json!(9)), ""),
            (int(0, 1, true, json!(9)), "low 0 has no logarithm"),
            (int(0, 0, false, json!(9)), "step 0 is below 1"),
            (
                int(0, 2, false, json!(9)),
                "the default 9 is not one of its values",
            ),
            (int(10, 1, false, json!(9)), "low 10 > high 9"),
            (
                json!([{ "name": "C", "kind": "choice", "values": [], "default": 1 }]),
                "no values",
            ),
        ];
        for (params, want) in cases {
            let got = problem(params.clone());
            let right = if want.is_empty() {
                got.is_empty()
            } else {
                got.contains(want)
            };
            assert!(right, "{params}: `{got}` instead of `{want}`");
        }
        let chain = json!([
            { "name": "X", "kind": "real", "low": 0, "high": 1, "log": false, "default": 0 },
            { "name": "Y", "kind": "bool", "default": 1,
              "condition": { "param": "X", "values": [0] } },
        ]);
        assert!(problem(chain).contains("`X`, which is a real number"));
    }
}
