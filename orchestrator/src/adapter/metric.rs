//! Whether a metric's name, formula and direction agree.

use protocol::Direction;

use super::files::MANIFEST;
use super::manifest::Metric;
use super::problem::Problem;

/// Well-known formulas that a metric may claim to be.
pub(super) const FORMULAS: [&str; 10] = [
    "rmse", "mae", "mape", "smape", "mase", "r2", "accuracy", "f1_macro", "logloss", "auc",
];

/// Formulas of which more is better.
const MAXIMISED: [&str; 4] = ["r2", "accuracy", "f1_macro", "auc"];

/// Words in a metric's name that say less is better.
const LESS: [&str; 26] = [
    "error",
    "err",
    "loss",
    "rmse",
    "mse",
    "mae",
    "mape",
    "smape",
    "wape",
    "mase",
    "wql",
    "crps",
    "brier",
    "pinball",
    "logloss",
    "bpb",
    "perplexity",
    "ppl",
    "deviance",
    "regret",
    "cost",
    "latency",
    "seconds",
    "ms",
    "wer",
    "cer",
];

/// Words that say more is better.
const MORE: [&str; 15] = [
    "accuracy",
    "acc",
    "auc",
    "auroc",
    "f1",
    "r2",
    "precision",
    "recall",
    "ndcg",
    "bleu",
    "rouge",
    "speedup",
    "throughput",
    "skill",
    "iou",
];

/// Which way a name or a formula suggests, where it does.
fn suggested(name: &str) -> Option<Direction> {
    let words: Vec<&str> = name.split('_').collect();
    let any = |list: &[&str]| words.iter().any(|word| list.contains(word));
    match (any(&LESS), any(&MORE)) {
        (true, false) => Some(Direction::Minimise),
        (false, true) => Some(Direction::Maximise),
        _ => None,
    }
}

fn word(direction: Direction) -> &'static str {
    match direction {
        Direction::Minimise => "minimise",
        Direction::Maximise => "maximise",
    }
}

/// A formula fixes the direction; a name only suggests it.
pub(super) fn contradiction(metric: &Metric) -> Option<Problem> {
    let has = word(metric.direction);
    let about = |what: String, allowed: Direction| {
        Problem::error(MANIFEST, what)
            .about("metric.direction")
            .value(has)
            .allowed(word(allowed))
    };
    if let Some(formula) = &metric.formula {
        let right = if MAXIMISED.contains(&formula.as_str()) {
            Direction::Maximise
        } else {
            Direction::Minimise
        };
        return (metric.direction != right).then(|| {
            about(
                format!("`metric.direction` is {has}, but the formula is `{formula}`"),
                right,
            )
        });
    }
    suggested(&metric.name)
        .filter(|right| *right != metric.direction)
        .map(|right| {
            let name = &metric.name;
            let what = format!(
                "`metric.direction` is {has}, but `{name}` sounds like something to {}",
                word(right)
            );
            about(what, right).warn()
        })
}
