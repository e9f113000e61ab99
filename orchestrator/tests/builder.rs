//! Evaluations that are designed from profiles: real data are profiled, the
//! design is written and audited, and what the audit finds is given back.

#[path = "builder/data.rs"]
mod data;

use std::fs;
use std::path::Path;
use std::time::Instant;

use orchestrator::audit::{Audit, Interpreter, Subject, Verdict, audit};
use orchestrator::explore::{
    AgentsPython, Profile, ProfileLimits, ProfileRequest, profile, write_scripts,
};
use orchestrator::model::builtin::evaluation::{Brief, Found, Metric, Undesignable, design};
use protocol::Direction;

/// Rounds that a design gets.
const ROUNDS: usize = 3;

/// The agents' Python, if there is one here.
fn python() -> Option<AgentsPython> {
    let home = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    match AgentsPython::find(std::env::var_os("ALPHALAB_AGENT_VENV"), &home) {
        Ok(python) => Some(python),
        Err(error) => {
            let required = std::env::var_os("ALPHALAB_REQUIRE_SYSTEM").is_some_and(|v| v == "1");
            assert!(!required, "{error}");
            println!("skipped: {error}");
            None
        }
    }
}

/// A dataset and what is asked of it.
#[derive(Clone, Copy)]
struct Wish<'a> {
    /// File or folder below the data folder.
    data: &'a str,
    objective: &'a str,
    target: Option<&'a str>,
    metric: Option<&'a Metric>,
    mutants: bool,
}

impl Default for Wish<'_> {
    fn default() -> Self {
        Self {
            data: "data.csv",
            objective: "",
            target: None,
            metric: None,
            mutants: false,
        }
    }
}

/// What became of a dataset.
struct Outcome {
    rounds: usize,
    audit: Audit,
    contract: toml::Table,
    prepare: String,
    /// The columns that candidates see, by the design's own program.
    found: Vec<Found>,
}

impl Outcome {
    fn passed(&self) -> bool {
        self.audit.verdict == Verdict::Passed
    }

    fn direction(&self) -> &str {
        self.contract["metric"]["direction"]
            .as_str()
            .expect("a direction")
    }

    fn metric(&self) -> &str {
        self.contract["metric"]["name"].as_str().expect("a name")
    }

    /// Whether a list of constants in `prepare.py` has this column.
    fn shows(&self, constant: &str, column: &str) -> bool {
        let start = self
            .prepare
            .find(&format!("\n{constant} = ["))
            .expect("the constant");
        let list = &self.prepare[start..];
        let end = list.find(']').expect("an end");
        list[..end].contains(&format!("\"{column}\""))
    }
}

/// Profiles the data below `folder/data`.
fn explore(python: &AgentsPython, folder: &Path, wish: Wish<'_>) -> Profile {
    let script = write_scripts(&folder.join("scripts")).expect("writes the scripts");
    let request = ProfileRequest {
        script: &script,
        data: &folder.join("data").join(wish.data),
        out: &folder.join("report"),
        plots: &folder.join("plots"),
        objective: wish.objective,
        target: wish.target,
        skip_ragged: false,
        limits: ProfileLimits::default(),
    };
    profile(python, &request).expect("a profile")
}

fn brief<'a>(profile: &'a Profile, wish: Wish<'a>, found: &'a [Found]) -> Brief<'a> {
    Brief {
        schema: &profile.schema,
        statistics: Some(&profile.statistics),
        findings: &profile.findings,
        metric: wish.metric,
        objective: wish.objective,
        data: wish.data,
        found,
    }
}

/// Designs, audits and designs again, as the second phase of a campaign does.
fn build(name: &str, write: impl Fn(&Path), wish: Wish<'_>) -> Option<Outcome> {
    let python = python()?;
    let folder = tempfile::tempdir().expect("temporary folder");
    fs::create_dir_all(folder.path().join("data")).expect("creates");
    write(&folder.path().join("data"));
    let profile = explore(&python, folder.path(), wish);
    let environment: Vec<_> = std::env::vars_os().collect();
    let interpreter = Interpreter::find(&environment).expect("an interpreter");
    let mut found = Vec::new();
    for round in 1..=ROUNDS {
        let files = design(&brief(&profile, wish, &found)).expect("a design");
        let evaluation = folder.path().join("evaluation");
        fs::create_dir_all(&evaluation).expect("creates");
        for (file, text) in &files {
            fs::write(evaluation.join(file), text).expect("writes");
        }
        if let Some(keep) = std::env::var_os("BUILDER_KEEP") {
            let keep = Path::new(&keep).join(name);
            fs::create_dir_all(&keep).expect("creates");
            for (file, text) in &files {
                fs::write(keep.join(file), text).expect("writes");
            }
        }
        let started = Instant::now();
        let audit = audit(
            &Subject::at(folder.path(), None),
            &interpreter,
            wish.mutants,
        );
        let kills = audit
            .mutants
            .as_ref()
            .map(|k| format!("{} of {} mutants", k.killed, k.changed));
        println!(
            "{name}: round {round}, {} after {:.1} s {}",
            audit.verdict.word(),
            started.elapsed().as_secs_f64(),
            kills.unwrap_or_default()
        );
        for finding in &audit.findings {
            println!("    {}: {}", finding.check, finding.detail);
        }
        for survivor in audit.mutants.iter().flat_map(|k| &k.survivors) {
            println!("    survived: {survivor}");
        }
        if audit.verdict == Verdict::Passed || round == ROUNDS {
            let text = |file: &str| {
                let file = files.iter().find(|(name, _)| name == file);
                file.map(|(_, text)| text.clone()).expect("the file")
            };
            return Some(Outcome {
                rounds: round,
                audit,
                contract: text("evaluation.toml").parse().expect("TOML"),
                prepare: text("prepare.py"),
                found,
            });
        }
        found.extend(audit.findings.iter().map(|f| Found {
            by: "auditor".to_owned(),
            check: f.check.to_owned(),
            detail: f.detail.clone(),
        }));
    }
    None
}

/// Why nothing can be designed.
fn refusal(write: impl Fn(&Path), wish: Wish<'_>) -> Option<Undesignable> {
    let python = python()?;
    let folder = tempfile::tempdir().expect("temporary folder");
    fs::create_dir_all(folder.path().join("data")).expect("creates");
    write(&folder.path().join("data"));
    let profile = explore(&python, folder.path(), wish);
    Some(design(&brief(&profile, wish, &[])).expect_err("no design"))
}

#[test]
fn many_series_by_the_hour_are_forecast_a_day_ahead() {
    let wish = Wish {
        objective: "Forecast all series 24 hours ahead with the smallest RMSE",
        ..Wish::default()
    };
    let Some(built) = build("wide-hourly", data::stations, wish) else {
        return;
    };
    assert!(built.passed());
    assert_eq!((built.metric(), built.direction()), ("rmse", "minimise"));
    assert_eq!(
        built.contract["task"]["targets"].as_array().map(Vec::len),
        Some(4)
    );
    assert!(built.prepare.contains("\nHORIZON = 24\n"));
}

#[test]
fn one_series_is_forecast_with_what_is_known_at_the_origin() {
    let metric = Metric {
        name: "mase".to_owned(),
        unit: "1".to_owned(),
        direction: Direction::Minimise,
        formula: None,
    };
    let wish = Wish {
        objective: "Forecast demand for the next 7 days",
        metric: Some(&metric),
        mutants: true,
        ..Wish::default()
    };
    let Some(built) = build("daily-demand", data::demand, wish) else {
        return;
    };
    assert!(built.passed());
    assert_eq!((built.metric(), built.direction()), ("mase", "minimise"));
    assert!(built.prepare.contains("\nHORIZON = 7\n"));
    assert!(built.shows("KNOWN", "holiday") && built.shows("PAST", "temperature"));
}

#[test]
fn series_below_each_other_are_told_apart() {
    let wish = Wish {
        objective: "Forecast sales of all stores 14 days ahead, lowest MAE",
        ..Wish::default()
    };
    let Some(built) = build("stores", data::stores, wish) else {
        return;
    };
    assert!(built.passed());
    assert_eq!((built.metric(), built.direction()), ("mae", "minimise"));
    assert!(built.shows("KEYS", "store"));
}

#[test]
fn amounts_are_predicted_without_what_gives_them_away() {
    let wish = Wish {
        objective: "Predict price from the other columns",
        mutants: true,
        ..Wish::default()
    };
    let Some(built) = build("houses", data::houses, wish) else {
        return;
    };
    assert!(built.passed());
    assert_eq!((built.metric(), built.direction()), ("rmse", "minimise"));
    assert!(built.shows("FEATURES", "area") && built.shows("COPIES", "area"));
    assert!(!built.shows("FEATURES", "tax"), "flagged by the profile");
    assert!(!built.shows("FEATURES", "house_id"));
}

#[test]
fn classes_are_stratified_and_scored_by_probability() {
    let wish = Wish {
        objective: "Classify churn with the highest ROC AUC",
        mutants: true,
        ..Wish::default()
    };
    let Some(built) = build("churn", data::churn, wish) else {
        return;
    };
    assert!(built.passed());
    assert_eq!((built.metric(), built.direction()), ("auc", "maximise"));
    assert!(built.prepare.contains("\nSTRATIFIED = True\n"));
}

#[test]
fn a_sum_of_columns_is_taken_apart() {
    let wish = Wish {
        objective: "Predict total",
        ..Wish::default()
    };
    let Some(built) = build("sums", data::sums, wish) else {
        return;
    };
    assert!(
        !built.passed()
            || !(built.shows("FEATURES", "casual") && built.shows("FEATURES", "registered"))
    );
    assert!(built.passed(), "{:?}", built.audit.findings);
    assert!(built.rounds > 1, "the profile does not see sums");
    assert!(
        built.found.iter().any(|f| f.check == "two-features"),
        "{:?}",
        built.found
    );
}

#[test]
fn a_weighted_sum_is_never_passed_with_all_its_parts() {
    let wish = Wish {
        objective: "Predict total",
        ..Wish::default()
    };
    let Some(built) = build("weighted-sum", data::weighted, wish) else {
        return;
    };
    let parts = ["p", "q", "r"]
        .iter()
        .filter(|c| built.shows("FEATURES", c))
        .count();
    assert!(!built.passed() || parts < 3);
    assert!(
        built.found.iter().any(|f| f.check == "linear-combination"),
        "{:?}",
        built.found
    );
}

#[test]
fn copies_that_were_edited_stay_on_one_side() {
    let wish = Wish {
        objective: "Predict price",
        ..Wish::default()
    };
    let Some(built) = build("relisted", data::relisted, wish) else {
        return;
    };
    assert!(built.passed(), "{:?}", built.audit.findings);
    assert!(
        built.found.iter().any(|f| f.check == "near-duplicates"),
        "{:?}",
        built.found
    );
    assert!(built.shows("NEAR_NUMBERS", "area"));
}

#[test]
fn rows_of_one_region_stay_together() {
    let wish = Wish {
        objective: "Predict altitude",
        ..Wish::default()
    };
    let Some(built) = build("regions", data::regions, wish) else {
        return;
    };
    assert!(built.passed(), "{:?}", built.audit.findings);
    assert_eq!(
        built.contract["task"]
            .get("group")
            .and_then(toml::Value::as_str),
        Some("region")
    );
}

#[test]
fn texts_in_folders_have_their_folder_as_class() {
    let wish = Wish {
        data: "texts",
        objective: "Tell the topic of a text",
        mutants: true,
        ..Wish::default()
    };
    let Some(built) = build("topics", |folder| data::topics(folder, false), wish) else {
        return;
    };
    assert!(built.passed(), "{:?}", built.audit.findings);
    assert_eq!(
        (built.metric(), built.direction()),
        ("f1_macro", "maximise")
    );
    assert!(built.contract["data"].get("labels").is_none());
}

#[test]
fn texts_with_a_file_of_labels_are_classified() {
    let wish = Wish {
        data: "texts",
        objective: "Classify the texts with the best accuracy",
        ..Wish::default()
    };
    let Some(built) = build("labelled", |folder| data::topics(folder, true), wish) else {
        return;
    };
    assert!(built.passed(), "{:?}", built.audit.findings);
    assert_eq!(
        (built.metric(), built.direction()),
        ("accuracy", "maximise")
    );
}

#[test]
fn what_has_no_answers_is_refused_with_a_remedy() {
    let wish = Wish {
        data: "texts",
        objective: "train a language model, smallest bits per byte",
        ..Wish::default()
    };
    let Some(why) = refusal(data::prose, wish) else {
        return;
    };
    assert!(why.to_string().contains("llm-pretraining"), "{why}");
    let lines = |folder: &Path| {
        let text: String = (0..100)
            .map(|n| format!("{{\"a\": {n}, \"y\": {}}}\n", n * n % 17))
            .collect();
        fs::write(folder.join("data.jsonl"), text).expect("writes");
    };
    let wish = Wish {
        data: "data.jsonl",
        objective: "Predict y",
        ..Wish::default()
    };
    let why = refusal(lines, wish).expect("an interpreter");
    assert!(
        why.why.contains("json-lines") && why.remedy.contains("to_csv"),
        "{why}"
    );
    let wish = Wish {
        objective: "Forecast all series 60 days ahead",
        ..Wish::default()
    };
    let why = refusal(data::stations, wish).expect("an interpreter");
    assert!(
        why.why.contains("too few") && why.remedy.contains("shorter"),
        "{why}"
    );
}
