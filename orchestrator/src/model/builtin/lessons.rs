//! What another campaign has learned, as the board tells it: which template to
//! look at first, which not at all, and from which point to begin.

use search::Value;
use serde_json::{Value as Json, json};

use super::space::Domain;

/// A lesson of another campaign that is sure enough to go by.
struct Prior<'a> {
    comparison: &'a Json,
    /// How much better the first side is than the second, on the log scale:
    /// the effect times what it counts for here.
    gain: f64,
    /// The side that must not be tried again, if it is that sure.
    avoid: Option<&'a str>,
}

/// The spaces in the order in which to look at them, without those that another
/// campaign has shown to lose on this task, each beginning at the values that
/// won. Without such lessons they are left as they are.
pub(super) fn applied(board: &Json, task: &str, mut domains: Vec<Domain>) -> Vec<Domain> {
    let priors: Vec<Prior<'_>> = board["playbook"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|entry| prior(board, task, entry))
        .collect();
    for domain in &mut domains {
        begin(domain, &priors);
    }
    let avoided: Vec<&Json> = priors.iter().filter_map(avoided).collect();
    let good = |domain: &Domain| !avoided.iter().any(|name| **name == json!(domain.template));
    if domains.iter().any(good) {
        domains.retain(good);
    }
    // Stable: what nothing is known of stays in the lab's order.
    domains.sort_by(|a, b| {
        let (a, b) = (promise(&priors, a), promise(&priors, b));
        b.total_cmp(&a)
    });
    domains
}

fn prior<'a>(board: &Json, task: &str, entry: &'a Json) -> Option<Prior<'a>> {
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
fn avoided<'a>(prior: &Prior<'a>) -> Option<&'a Json> {
    let side = prior.avoid?;
    match prior.comparison["of"].as_str()? {
        "baseline" if side == "with" => Some(&prior.comparison["template"]),
        "template" => Some(&prior.comparison[side]),
        _ => None,
    }
}

/// What the lessons promise of a template.
fn promise(priors: &[Prior<'_>], domain: &Domain) -> f64 {
    let name = json!(domain.template);
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
fn begin(domain: &mut Domain, priors: &[Prior<'_>]) {
    let template = json!(domain.template);
    for place in 0..domain.axes.len() {
        let name = json!(domain.axes[place].name);
        let about = |prior: &&Prior<'_>| {
            prior.comparison["of"] == json!("parameter")
                && prior.comparison["template"] == template
                && prior.comparison["parameter"] == name
        };
        let mut votes: Vec<(Value, f64)> = Vec::new();
        for prior in priors.iter().filter(about) {
            for (side, sign) in [("with", 1.0), ("without", -1.0)] {
                let Some(value) = domain.value(place, &prior.comparison[side]) else {
                    continue;
                };
                let vote = sign * prior.gain;
                match votes.iter_mut().find(|(known, _)| *known == value) {
                    Some((_, sum)) => *sum += vote,
                    None => votes.push((value, vote)),
                }
            }
        }
        let best = votes.into_iter().max_by(|a, b| a.1.total_cmp(&b.1));
        if let Some((value, _)) = best.filter(|(_, votes)| *votes > 0.0) {
            domain.axes[place].start = value;
        }
        let lost = priors.iter().filter(about).filter_map(|prior| {
            let side = prior.avoid?;
            Some(&prior.comparison[side])
        });
        let lost: Vec<&Json> = lost.collect();
        domain.leave_out(place, &lost);
    }
}

#[cfg(test)]
mod tests {
    use super::super::space::tests::declared;
    use super::*;

    fn domain(template: &str) -> Domain {
        let params = json!([{ "name": "N", "kind": "choice", "values": [1, 2, 4], "default": 1 }]);
        Domain::of(&declared(template, params)).unwrap()
    }

    fn names(domains: &[Domain]) -> Vec<&str> {
        domains
            .iter()
            .map(|domain| domain.template.as_str())
            .collect()
    }

    fn board(entries: &Json) -> Json {
        json!({ "metric": { "direction": "maximise" }, "playbook": entries })
    }

    fn entry(comparison: &Json, ratio: f64, confidence: &str, loser: &Json) -> Json {
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
        let order = |board: &Json| {
            let domains = applied(board, "x", vec![domain("a"), domain("b"), domain("c")]);
            names(&domains).join("")
        };
        assert_eq!(order(&board(&json!([known]))), "bca");
        let smaller = json!({ "metric": { "direction": "minimise" }, "playbook": [known] });
        assert_eq!(order(&smaller), "acb");
        // What this campaign has found is in its looks already, and what is
        // not sure is nothing to go by.
        let mut own = known.clone();
        own["origin"] = Json::Null;
        let vague = entry(&won, 2.0, "low", &Json::Null);
        assert_eq!(order(&board(&json!([own, vague]))), "abc");
    }

    #[test]
    fn what_surely_lost_is_left_out_but_never_all() {
        let lost = |template: &str| {
            let comparison = json!({ "of": "baseline", "template": template });
            entry(&comparison, 0.5, "high", &json!("with"))
        };
        let left = |entries: &Json, task: &str| {
            let domains = applied(&board(entries), task, vec![domain("a"), domain("b")]);
            names(&domains).join("")
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
        let domains = applied(&board(&entries), "x", vec![domain("a"), domain("b")]);
        let start = |domain: &Domain| domain.params(&domain.start())["N"].clone();
        let starts: Vec<Json> = domains.iter().map(start).collect();
        // 4 has won 1.5 and lost 1.2: the votes are ln 1.5 - ln 1.2 > ln 1.2.
        assert_eq!(starts, [json!(4), json!(1)]);
        // What surely lost here is left out, but not what a search begins with.
        let lost = |value: &Json| entry(value, 1.5, "high", &json!("without"));
        let known = |entries: &Json, n: i32| {
            let domains = applied(&board(entries), "x", vec![domain("a")]);
            domains[0].value(0, &json!(n)).is_some()
        };
        let entries = json!([lost(&value(4, 2)), lost(&value(4, 1))]);
        assert_eq!([1, 2, 4].map(|n| known(&entries, n)), [true, false, true]);
        // A value that the space doesn't have is nobody's start.
        let entries = json!([entry(&value(3, 1), 1.5, "medium", &json!("without"))]);
        let domains = applied(&board(&entries), "x", vec![domain("a")]);
        assert_eq!(start(&domains[0]), json!(1));
    }
}
