//! The manifest's schema.

use super::*;

/// A manifest with every field there is.
const WHOLE: &str = r#"
    schema = 1
    name = "whole"
    domain = "everything"
    objective = "Be complete"
    lab = "some-lab"
    default_data = "some/where"
    default_tasks = ["one", "another"]
    task_extension = "csv"
    [metric]
    name = "rmse"
    unit = "1"
    direction = "minimise"
    baseline = "the mean"
    baseline_value = 1.0
    formula = "rmse"
    [evaluation]
    prepare = ["python", "prepare.py"]
    run = ["python", "run.py"]
    score = ["python", "score.py"]
    timeout_s = 60
    [experiment]
    files = ["run.py"]
    largest_kib = 64
    [budgets]
    experiments = 10
    hours = 1
    tasks = 2
    usd = 1.5
    tokens = 1000
    gpu_hours = 0.0
    [budgets.shares]
    strategist = 1.0
    worker = 0.9
    supervisor = 0.1
    explorer = 0.3
    builder = 0.4
    critic = 0.1
    tester = 0.1
    reporter = 0.1
    auditor = 0.1
    [policy]
    tries_per_worker = 1
    finalists = 1
    try_s = 1.0
    evaluate_s = 1.0
    remeasure_s = 1.0
    converged_gain = 0.0
    turns = 10
    retry_s = 1.0
    [policy.statistics]
    noise = 0.01
    contenders = 2
    reserve = 0.2
    [staff]
    milestone_every = 5
    audits = false
    fixers = 1
    analyze = "all"
    error_window = 10
    error_share = 0.4
    stall_after = 9
    quiet_s = 60.0
    [policy.search]
    exploit_from = 0.4
    refine_from = 0.75
    ensemble_from = 0.9
    explore_least = 0.5
    explore_most = 0.25
    ablation_most = 0.25
    top = 3
    near_text = 0.9
    near_numbers = 0.01
    near_params = 0.005
    replicates = 3
    stagnation = 10
    escape = 4
"#;

fn paths(above: &str, value: &toml::Value, into: &mut Vec<String>) {
    let Some(table) = value.as_table() else {
        return into.push(above.to_owned());
    };
    for (key, value) in table {
        let dot = if above.is_empty() { "" } else { "." };
        paths(&format!("{above}{dot}{key}"), value, into);
    }
}

#[test]
fn the_table_and_the_type_name_the_same_fields() {
    let (manifest, problems) = check(WHOLE);
    assert_eq!(problems, []);
    let value = toml::Value::try_from(manifest.unwrap()).unwrap();
    let mut written = Vec::new();
    paths("", &value, &mut written);
    let mut listed: Vec<String> = FIELDS.iter().map(|f| f.path.to_owned()).collect();
    written.sort();
    listed.sort();
    assert_eq!(written, listed);
}

#[test]
fn every_required_field_is_missed() {
    for field in FIELDS.iter().filter(|f| f.presence != Optional) {
        let (table, key) = field.path.rsplit_once('.').unwrap_or(("", field.path));
        let mut inside = String::new();
        let without: String = WHOLE
            .lines()
            .filter(|line| {
                let line = line.trim();
                if let Some(name) = line.strip_prefix('[') {
                    inside = name.trim_end_matches(']').to_owned();
                }
                !(inside == table && line.starts_with(&format!("{key} =")))
            })
            .collect::<Vec<&str>>()
            .join("\n");
        let (manifest, problems) = check(&without);
        assert!(manifest.is_none());
        assert_eq!(problems.len(), 1, "{problems:?}");
        assert_eq!(problems[0].field.as_deref(), Some(field.path));
    }
}

#[test]
fn paths_stay_below() {
    for good in ["a", "a/b.py", "a b/c"] {
        assert!(is_below(good), "{good}");
    }
    for bad in ["", "/a", "../a", "a/../b", "a//b", "./a", "a\\b", "a/"] {
        assert!(!is_below(bad), "{bad}");
    }
}
