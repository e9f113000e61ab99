//! What another campaign has learned, as the board tells it: which template to
//! look at first, which not at all, and from which point to begin.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::space::{Axis, Grid};

/// A lesson of another campaign that is sure enough to go by.
struct Prior<'a> {
    comparison: &'a Value,
    /// How much better the first side is than the second, on the log scale:
    /// the effect times what it counts for here.
    gain: f64,
    /// The side that must not be tried again, if it is that sure.
    avoid: Option<&'a str>,
}

/// The spaces in the order in which to look at them, without those that another
/// campaign has shown to lose on this task, each beginning at the values that
/// won. Without such lessons they are left as they are.
pub(super) fn applied(board: &Value, task: &str, mut grids: Vec<Grid>) -> Vec<Grid> {
    let priors: Vec<Prior<'_>> = board["playbook"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|entry| prior(board, task, entry))
        .collect();
    for grid in &mut grids {
        begin(grid, &priors);
    }
    let avoided: Vec<&Value> = priors.iter().filter_map(avoided).collect();
    let good = |grid: &Grid| !avoided.iter().any(|name| **name == json!(grid.template));
    if grids.iter().any(good) {
        grids.retain(good);
    }
    // Stable: what nothing is known of stays in the lab's order.
    grids.sort_by(|a, b| {
        let (a, b) = (promise(&priors, a), promise(&priors, b));
        b.total_cmp(&a)
    });
    grids
}

fn prior<'a>(board: &Value, task: &str, entry: &'a Value) -> Option<Prior<'a>> {
    if entry["origin"].is_null() {
        return None;
    }
    let sure = match entry["confidence"].as_str()? {
        "high" => 1.0,
        "medium" => 0.5,
        _ => return None,
    };
    let tasks = entry["scope"]["tasks"].as_array()?;
    let same = tasks.iter().any(|seen_on| *seen_on == json!(task));
    let size = entry["effect"]["ratio"].as_f64()?.ln();
    let minimise = board["metric"]["direction"] == json!("minimise");
    let gain = if minimise { -size } else { size };
    let avoid = entry["loser"].as_str().filter(|_| same && sure >= 1.0);
    Some(Prior {
        comparison: &entry["comparison"],
        gain: gain * sure * if same { 1.0 } else { 0.5 },
        avoid,
    })
}

/// The template that lost, if a lesson is about templates.
fn avoided<'a>(prior: &Prior<'a>) -> Option<&'a Value> {
    let side = prior.avoid?;
    match prior.comparison["of"].as_str()? {
        "baseline" if side == "with" => Some(&prior.comparison["template"]),
        "template" => Some(&prior.comparison[side]),
        _ => None,
    }
}

/// What the lessons promise of a template.
fn promise(priors: &[Prior<'_>], grid: &Grid) -> f64 {
    let name = json!(grid.template);
    let of = |prior: &Prior<'_>| {
        let comparison = prior.comparison;
        match comparison["of"].as_str() {
            Some("baseline") if comparison["template"] == name => prior.gain,
            Some("template") if comparison["with"] == name => prior.gain,
            Some("template") if comparison["without"] == name => -prior.gain,
            _ => 0.0,
        }
    };
    priors.iter().map(of).sum()
}

/// Has a space begin at the values that won.
fn begin(grid: &mut Grid, priors: &[Prior<'_>]) {
    let template = json!(grid.template);
    for axis in &mut grid.axes {
        // By their place among the axis's values.
        let mut votes: BTreeMap<usize, f64> = BTreeMap::new();
        let about = |prior: &&Prior<'_>| {
            prior.comparison["of"] == json!("parameter")
                && prior.comparison["template"] == template
                && prior.comparison["parameter"] == json!(axis.name)
        };
        for prior in priors.iter().filter(about) {
            for (side, sign) in [("with", 1.0), ("without", -1.0)] {
                let value = &prior.comparison[side];
                let place = axis.values.iter().position(|known| known == value);
                if let Some(place) = place {
                    *votes.entry(place).or_default() += sign * prior.gain;
                }
            }
        }
        let best = votes.into_iter().max_by(|a, b| a.1.total_cmp(&b.1));
        if let Some((place, _)) = best.filter(|(_, votes)| *votes > 0.0) {
            axis.start = place;
        }
        let lost = priors.iter().filter(about).filter_map(|prior| {
            let side = prior.avoid?;
            Some(&prior.comparison[side])
        });
        let lost: Vec<&Value> = lost.collect();
        leave_out(axis, &lost);
    }
}

/// Takes values that lost out of an axis. Those that a search begins with stay,
/// and a flag keeps both of its values.
fn leave_out(axis: &mut Axis, lost: &[&Value]) {
    let [default, start] = [axis.default, axis.start].map(|place| axis.values[place].clone());
    if axis.flag {
        return;
    }
    axis.values
        .retain(|value| !lost.contains(&value) || *value == default || *value == start);
    let place = |wanted: &Value| axis.values.iter().position(|value| value == wanted);
    let (default, start) = (place(&default), place(&start));
    axis.default = default.unwrap_or(axis.default);
    axis.start = start.unwrap_or(axis.start);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grid(template: &str) -> Grid {
        Grid {
            template: template.to_owned(),
            axes: vec![Axis {
                name: "N".to_owned(),
                values: vec![json!(1), json!(2), json!(4)],
                default: 0,
                start: 0,
                ordered: true,
                flag: false,
            }],
        }
    }

    fn names(grids: &[Grid]) -> Vec<&str> {
        grids.iter().map(|grid| grid.template.as_str()).collect()
    }

    fn board(entries: &Value) -> Value {
        json!({ "metric": { "direction": "maximise" }, "playbook": entries })
    }

    fn entry(comparison: &Value, ratio: f64, confidence: &str, loser: &Value) -> Value {
        json!({
            "scope": { "tasks": ["x"] }, "comparison": comparison,
            "effect": { "ratio": ratio }, "confidence": confidence, "loser": loser,
            "origin": { "name": "c" },
        })
    }

    #[test]
    fn what_won_elsewhere_comes_first() {
        let won = json!({ "of": "template", "with": "b", "without": "a" });
        let known = entry(&won, 2.0, "medium", &json!("without"));
        let order = |board: &Value| {
            let grids = applied(board, "x", vec![grid("a"), grid("b"), grid("c")]);
            names(&grids).join("")
        };
        assert_eq!(order(&board(&json!([known]))), "bca");
        let smaller = json!({ "metric": { "direction": "minimise" }, "playbook": [known] });
        assert_eq!(order(&smaller), "acb");
        // What this campaign has found is in its looks already, and what is
        // not sure is nothing to go by.
        let mut own = known.clone();
        own["origin"] = Value::Null;
        let vague = entry(&won, 2.0, "low", &Value::Null);
        assert_eq!(order(&board(&json!([own, vague]))), "abc");
    }

    #[test]
    fn what_surely_lost_is_left_out_but_never_all() {
        let lost = |template: &str| {
            let comparison = json!({ "of": "baseline", "template": template });
            entry(&comparison, 0.5, "high", &json!("with"))
        };
        let left = |entries: &Value, task: &str| {
            let grids = applied(&board(entries), task, vec![grid("a"), grid("b")]);
            names(&grids).join("")
        };
        assert_eq!(left(&json!([lost("a")]), "x"), "b");
        // On another task it may do: it comes last there.
        assert_eq!(left(&json!([lost("a")]), "y"), "ba");
        assert_eq!(left(&json!([lost("a"), lost("b")]), "x"), "ab");
    }

    #[test]
    fn a_space_begins_where_others_ended() {
        let value = |with: i32, without: i32| {
            json!({
                "of": "parameter", "template": "a", "parameter": "N",
                "with": with, "without": without,
            })
        };
        let entries = json!([
            entry(&value(4, 1), 1.5, "medium", &json!("without")),
            entry(&value(2, 4), 1.2, "medium", &json!("without")),
        ]);
        let grids = applied(&board(&entries), "x", vec![grid("a"), grid("b")]);
        let starts: Vec<usize> = grids.iter().map(|grid| grid.axes[0].start).collect();
        // 4 has won 1.5 and lost 1.2: the votes are ln 1.5 - ln 1.2 > ln 1.2.
        assert_eq!(starts, [2, 0]);
        // What surely lost here is left out, but not what a search begins with.
        let lost = |value: &Value| entry(value, 1.5, "high", &json!("without"));
        let values = |entries: &Value| {
            let grids = applied(&board(entries), "x", vec![grid("a")]);
            let axis = &grids[0].axes[0];
            (axis.values.clone(), axis.start, axis.default)
        };
        let entries = json!([lost(&value(4, 2)), lost(&value(4, 1))]);
        assert_eq!(values(&entries), (vec![json!(1), json!(4)], 1, 0));
        // A value that isn't on the grid is nobody's start.
        let entries = json!([entry(&value(3, 1), 1.5, "medium", &json!("without"))]);
        let grids = applied(&board(&entries), "x", vec![grid("a")]);
        assert_eq!(grids[0].axes[0].start, 0);
    }
}
