//! What can be varied in the templates.

use std::collections::BTreeMap;

use protocol::{ParamCondition, ParamKind, ParamSpec};
use serde_json::{Value, json};

use super::super::shape::{Holds, Shape};
use crate::audit::contract::{Contract, Formula, Kind};

/// What can be varied in a template.
pub(super) fn params(template: &str, contract: &Contract, shape: &Shape) -> Vec<ParamSpec> {
    let classes = contract.task.kind == Kind::Classification;
    let mut params = match template {
        "linear" => vec![
            real("ALPHA", 1e-3, 1e3, 1.0),
            choice("BASIS", &["columns", "squares", "splines"]),
            on("BASIS", "splines", int("KNOTS", 3, 12, false, 5)),
        ],
        "neighbours" => vec![
            int("NEIGHBOURS", 1, 100, true, 10),
            choice("WEIGHTS", &["distance", "uniform"]),
            choice("METRIC", &["manhattan", "euclidean"]),
        ],
        "forest" => vec![
            choice("TREES", &["random", "extra"]),
            int("COUNT", 50, 300, false, 100),
            int("LEAF", 1, 50, true, 2),
            real("FEATURES", 0.1, 1.0, 0.5),
        ],
        "boosting" => vec![
            real("RATE", 0.01, 0.3, 0.08),
            int("ROUNDS", 50, 800, true, 200),
            int("LEAVES", 3, 127, true, 31),
            int("LEAF", 2, 100, true, 20),
            real("SHRINK", 1e-3, 100.0, 0.1),
            flat("FEATURES", 0.2, 1.0, 1.0),
        ],
        "words" => vec![
            choice("UNITS", &["words", "letters"]),
            on("UNITS", "words", int("LONGEST", 1, 3, false, 1)),
            on("UNITS", "letters", int("REACH", 2, 6, false, 4)),
            int("RARE", 1, 5, false, 2),
            real("ALPHA", 1e-3, 1e2, 0.1),
        ],
        "letters" => vec![
            int("ORDER", 1, 12, false, 5),
            flat("DISCOUNT", 0.05, 0.98, 0.75),
        ],
        _ => Vec::new(),
    };
    let of_texts = matches!(template, "words" | "letters");
    if classes && !matches!(template, "neighbours" | "letters") {
        params.push(flag("BALANCED", balances(contract)));
    }
    if !classes && template == "boosting" {
        params.push(choice("LOSS", losses(contract)));
    }
    // What changes nothing on these rows would only be tried twice.
    if shape.has_logarithm && !of_texts {
        params.push(flag("LOGARITHM", false));
    }
    if shape.has_nearest && !of_texts {
        params.push(flag("RELATIVE", contract.task.kind == Kind::Forecast));
    }
    if shape.holding(Holds::Classes).next().is_some() && !of_texts {
        params.push(choice("ENCODING", &["one_hot", "target"]));
    }
    params
}

/// A mean over the classes is not served by what serves the most frequent one.
fn balances(contract: &Contract) -> bool {
    contract.metric.formula() == Some(Formula::F1Macro)
}

/// Losses, the one that suits the metric first.
fn losses(contract: &Contract) -> &'static [&'static str] {
    match contract.metric.formula() {
        Some(Formula::Mae | Formula::Mape | Formula::Smape | Formula::Mase) => {
            &["absolute_error", "squared_error"]
        }
        _ => &["squared_error", "absolute_error"],
    }
}

fn spec(name: &str, kind: ParamKind, default: Value) -> ParamSpec {
    ParamSpec {
        name: name.to_owned(),
        kind,
        default,
        condition: None,
    }
}

/// A number whose ratios matter.
fn real(name: &str, low: f64, high: f64, default: f64) -> ParamSpec {
    let log = true;
    spec(name, ParamKind::Real { low, high, log }, json!(default))
}

/// A number whose differences matter.
fn flat(name: &str, low: f64, high: f64, default: f64) -> ParamSpec {
    let log = false;
    spec(name, ParamKind::Real { low, high, log }, json!(default))
}

fn int(name: &str, low: i64, high: i64, log: bool, default: i64) -> ParamSpec {
    let step = 1;
    let kind = ParamKind::Int {
        low,
        high,
        step,
        log,
    };
    spec(name, kind, json!(default))
}

/// One of several words, the first by default.
fn choice(name: &str, words: &[&str]) -> ParamSpec {
    let values = words.iter().map(|word| json!(word)).collect();
    spec(name, ParamKind::Choice { values }, json!(words[0]))
}

fn flag(name: &str, default: bool) -> ParamSpec {
    spec(name, ParamKind::Bool, json!(default))
}

/// A parameter that means something only where another one is so.
fn on(param: &str, value: &str, spec: ParamSpec) -> ParamSpec {
    ParamSpec {
        condition: Some(ParamCondition {
            param: param.to_owned(),
            values: vec![json!(value)],
        }),
        ..spec
    }
}

/// A value for every parameter that is active, the default where none is
/// given; or what is wrong with what is given.
pub(super) fn values(
    specs: &[ParamSpec],
    given: &BTreeMap<String, Value>,
) -> Result<BTreeMap<String, Value>, String> {
    let known = |name: &String| specs.iter().any(|spec| spec.name == *name);
    if let Some(name) = given.keys().find(|name| !known(name)) {
        let names: Vec<&str> = specs.iter().map(|spec| spec.name.as_str()).collect();
        return Err(format!(
            "there is no parameter `{name}`: it has {}",
            names.join(", ")
        ));
    }
    let mut values = BTreeMap::new();
    for spec in specs {
        let active = spec.condition.as_ref().is_none_or(|condition| {
            let other = values.get(&condition.param);
            other.is_some_and(|value| condition.values.contains(value))
        });
        let value = match given.get(&spec.name) {
            Some(_) if !active => {
                return Err(format!(
                    "parameter `{}` means nothing here: leave it out",
                    spec.name
                ));
            }
            Some(value) => value,
            None => &spec.default,
        };
        if !spec.kind.contains(value) {
            return Err(format!("parameter `{}` can't be {value}", spec.name));
        }
        let value = match (&spec.kind, value.as_i64()) {
            (ParamKind::Bool, Some(number)) => json!(number == 1),
            _ => value.clone(),
        };
        // Programs name every constant, active or not.
        values.insert(spec.name.clone(), if active { value } else { Value::Null });
    }
    Ok(values)
}

#[cfg(test)]
mod tests {
    use protocol::Space;

    use super::super::TEMPLATES;
    use super::*;

    fn contract(kind: &str, metric: &str, direction: &str) -> Contract {
        let text = format!(
            "schema = 1\nname = \"x\"\n[metric]\nname = \"{metric}\"\nunit = \"1\"\ndirection = \"{direction}\"\n\
             [task]\nkind = \"{kind}\"\ntarget = \"y\"\ntime = \"t\"\n[data]\ntable = \"d.csv\"\n\
             [commands]\nprepare = [\"python\", \"p\"]\nscore = [\"python\", \"s\"]\ntimeout_s = 9\n"
        );
        Contract::parse(&text, std::path::Path::new("x")).expect("a contract")
    }

    fn shape() -> Shape {
        Shape {
            columns: vec![("colour".to_owned(), Holds::Classes)],
            has_logarithm: true,
            has_nearest: true,
        }
    }

    #[test]
    fn every_space_can_be_searched() {
        for contract in [
            contract("regression", "rmse", "minimise"),
            contract("forecast", "mae", "minimise"),
            contract("classification", "f1_macro", "maximise"),
        ] {
            for template in &TEMPLATES {
                let space = Space {
                    template: template.name.to_owned(),
                    summary: String::new(),
                    params: params(template.name, &contract, &shape()),
                };
                assert_eq!(space.check(), Ok(()));
                assert!(values(&space.params, &BTreeMap::new()).is_ok());
            }
        }
    }

    #[test]
    fn points_are_checked() {
        let specs = params(
            "linear",
            &contract("regression", "rmse", "minimise"),
            &shape(),
        );
        let of = |given: Value| {
            let given = serde_json::from_value(given).expect("parameters");
            values(&specs, &given)
        };
        let filled = of(json!({ "BASIS": "splines", "LOGARITHM": 1 })).expect("values");
        assert_eq!(
            (&filled["KNOTS"], &filled["LOGARITHM"]),
            (&json!(5), &json!(true))
        );
        assert_eq!(of(json!({})).expect("values")["KNOTS"], Value::Null);
        for (given, wrong) in [
            (json!({ "KNOTS": 5 }), "`KNOTS` means nothing here"),
            (json!({ "ALPHA": 0 }), "`ALPHA` can't be 0"),
            (json!({ "ALPHAS": 1 }), "no parameter `ALPHAS`"),
        ] {
            let error = of(given).expect_err("is refused");
            assert!(error.contains(wrong), "{error}");
        }
    }
}
