//! What a worker writes down: which parameters mattered, and whether the
//! template beat the baseline. Only names of measurements are passed on.

use search::Value;
use serde_json::{Value as Json, json};

use super::history::History;
use super::search::{Search, Seen};

/// A parameter must change the metric by this ratio to be worth an entry.
const WORTH: f64 = 1.05;
/// Most entries about parameters.
const MAX_PARAMETERS: usize = 3;
/// Most entries about templates that are worse than the best.
const MAX_TEMPLATES: usize = 3;

pub(super) fn of(history: &History<'_>, task: &str, board: &Json, search: &Search) -> Vec<Json> {
    let mut claims = parameters(task, search);
    claims.extend(templates(task, search));
    claims.extend(template(history, task, board, search.maximise));
    // What the playbook says already need not be said again.
    let known = board["playbook"].as_array();
    claims.retain(|new| {
        !known.is_some_and(|known| known.iter().any(|entry| entry["claim"] == new["claim"]))
    });
    claims
}

/// For every parameter: the value of the best point against another one, over
/// all pairs of looks that differ in nothing else. Taking all pairs, and not
/// the one that differs most, keeps noise from looking like an effect.
fn parameters(task: &str, search: &Search) -> Vec<Json> {
    let mut found: Vec<(f64, Json)> = Vec::new();
    let worth = search.worth();
    for (index, domain) in search.domains.iter().enumerate() {
        let Some((_, best, _)) = worth.iter().find(|(at, ..)| *at == index) else {
            continue;
        };
        let looks: Vec<&Seen> = search
            .seen
            .iter()
            .filter(|s| s.domain == index && s.value.is_some_and(|v| v > 0.0))
            .collect();
        for (place, axis) in domain.axes.iter().enumerate() {
            let Some(good) = best[place] else {
                continue;
            };
            let against = |bad: Value| -> Vec<(&Seen, &Seen)> {
                pairs(&looks, place)
                    .filter_map(|(a, b)| match (a.point[place]?, b.point[place]?) {
                        (x, y) if (x, y) == (good, bad) => Some((a, b)),
                        (x, y) if (x, y) == (bad, good) => Some((b, a)),
                        _ => None,
                    })
                    .collect()
            };
            // The default, or what was compared most often.
            let bad = if good == axis.default {
                let others = looks.iter().filter_map(|look| look.point[place]);
                others
                    .filter(|&other| other != good)
                    .min_by_key(|&other| std::cmp::Reverse(against(other).len()))
            } else {
                Some(axis.default)
            };
            let Some(bad) = bad else { continue };
            let pairs = against(bad);
            let size = gain(&pairs, search.maximise);
            if size < WORTH {
                continue;
            }
            let (name, template) = (&axis.name, &domain.template);
            let (good, bad) = (axis.json(good), axis.json(bad));
            let compare: Vec<Json> = pairs
                .iter()
                .map(|(a, b)| json!({ "with": { "try": a.look }, "without": { "try": b.look } }))
                .collect();
            found.push((
                size,
                json!({
                    "claim": format!("{name} = {good} beats {name} = {bad} in {template} on {task}"),
                    "scope": { "tasks": [task], "technique": template },
                    "do": format!("start {template} with {name} = {good}"),
                    "do_not": format!("use {name} = {bad} without measuring"),
                    "compare": compare,
                }),
            ));
        }
    }
    found.sort_by(|a, b| b.0.total_cmp(&a.0));
    found.truncate(MAX_PARAMETERS);
    found.into_iter().map(|(_, claim)| claim).collect()
}

/// The template of the best look against the best look of each other one.
fn templates(task: &str, search: &Search) -> Vec<Json> {
    let ranking = search.ranking();
    let Some(best) = ranking.first() else {
        return Vec::new();
    };
    let others = (0..search.domains.len()).filter(|domain| *domain != best.domain);
    let others = others.filter_map(|domain| ranking.iter().find(|seen| seen.domain == domain));
    let worse = others.filter(|other| gain(&[(best, other)], search.maximise) >= WORTH);
    worse
        .take(MAX_TEMPLATES)
        .map(|other| {
            let [with, without] = [best.domain, other.domain].map(|d| &search.domains[d].template);
            json!({
                "claim": format!("{with} beats {without} on {task}"),
                "scope": { "tasks": [task], "technique": with },
                "do": format!("look at {with} before {without} on {task}"),
                "do_not": format!("spend much on {without} for {task}"),
                "compare": [{ "with": { "try": best.look }, "without": { "try": other.look } }],
            })
        })
        .collect()
}

/// Pairs of looks that differ at `place` alone.
fn pairs<'a>(looks: &'a [&'a Seen], place: usize) -> impl Iterator<Item = (&'a Seen, &'a Seen)> {
    looks.iter().enumerate().flat_map(move |(i, a)| {
        looks[i + 1..].iter().filter_map(move |b| {
            let differs = a.point.iter().zip(&b.point).enumerate();
            let alone = differs
                .filter(|(_, (x, y))| x != y)
                .map(|(at, _)| at)
                .eq([place]);
            alone.then_some((*a, *b))
        })
    })
}

/// Geometric mean of how many times better the first of each pair is; 1 for
/// no pair.
fn gain(pairs: &[(&Seen, &Seen)], maximise: bool) -> f64 {
    let logs: Vec<f64> = pairs
        .iter()
        .filter_map(|(a, b)| Some((a.value? / b.value?).ln()))
        .collect();
    if logs.is_empty() {
        return 1.0;
    }
    let mean = logs.iter().sum::<f64>() / logs.len() as f64;
    if maximise { mean.exp() } else { (-mean).exp() }
}

/// Whether the best evaluated candidate beat the baseline.
fn template(history: &History<'_>, task: &str, board: &Json, maximise: bool) -> Option<Json> {
    let best = history
        .of_tool("submit_experiment")
        .filter(|a| a.ok && a.body["result"]["verdict"] == json!("ok"))
        .filter_map(|a| Some((a, a.body["result"]["value"].as_f64()?)))
        .reduce(|a, b| {
            let better = if maximise { b.1 > a.1 } else { b.1 < a.1 };
            if better { b } else { a }
        })?;
    let name = best.0.arguments["template"].as_str()?;
    let (ci, experiment) = (&best.0.body["result"]["ci"], &best.0.body["experiment"]);
    standing(board, task, name, ci, experiment)
}

/// What an interval says of a template against the baseline.
pub(super) fn standing(
    board: &Json,
    task: &str,
    name: &str,
    ci: &Json,
    experiment: &Json,
) -> Option<Json> {
    let maximise = board["metric"]["direction"] != json!("minimise");
    let baseline = board["metric"]["baseline_value"].as_f64()?;
    let ci: Option<[f64; 2]> = serde_json::from_value(ci.clone()).ok()?;
    let [lo, hi] = ci?;
    let above = lo > baseline;
    let below = hi < baseline;
    let (verb, advice, warning) = if (above && maximise) || (below && !maximise) {
        ("beats", format!("start {task} from {name}"), String::new())
    } else if above || below {
        let warning = format!("deploy {name} for {task}: the baseline is better");
        ("loses to", String::new(), warning)
    } else {
        ("equals", String::new(), String::new())
    };
    Some(json!({
        "claim": format!("{name} {verb} the baseline on {task}"),
        "scope": { "tasks": [task], "technique": name },
        "do": advice,
        "do_not": warning,
        "compare": [{ "with": { "experiment": experiment } }],
    }))
}
