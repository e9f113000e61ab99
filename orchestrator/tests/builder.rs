//! Evaluations that are designed from profiles: real data are profiled, the
//! design is written and audited, and what the audit finds is given back.

#[path = "builder/bench.rs"]
mod bench;
#[path = "builder/data.rs"]
mod data;
#[path = "builder/formats.rs"]
mod formats;
#[path = "support/python.rs"]
mod python;

use std::path::Path;

use bench::{Wish, build, refusal};
use orchestrator::model::builtin::evaluation::Metric;
use protocol::Direction;

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
    let baseline = built.audit.baseline.as_ref().expect("a baseline");
    assert!(baseline.name.starts_with("a copy of `"), "{baseline:?}");
    assert_eq!(baseline.ci, None, "days hang together");
}

#[test]
fn amounts_are_predicted_without_what_gives_them_away() {
    let wish = Wish {
        objective: "Predict price from the other columns",
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
    let baseline = built.audit.baseline.as_ref().expect("a baseline");
    let ci = baseline.ci.expect("an interval");
    assert!(
        baseline.name.contains("of the training rows"),
        "{baseline:?}"
    );
    assert!(
        ci.lo() < baseline.value && baseline.value < ci.hi(),
        "{baseline:?}"
    );
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
    let baseline = built.audit.baseline.as_ref().expect("a baseline");
    assert_eq!(baseline.name, "the classes' shares of the training rows");
    assert!((baseline.value - 0.5).abs() < 1e-9, "{baseline:?}");
    assert!(built.prepare.contains("\nSTRATIFIED = True\n"));
}

#[test]
fn rows_with_times_are_split_by_time() {
    let wish = Wish {
        objective: "Predict ozone, best R2",
        ..Wish::default()
    };
    let Some(built) = build("ozone", data::ozone, wish) else {
        return;
    };
    assert!(built.passed());
    assert_eq!((built.metric(), built.direction()), ("r2", "maximise"));
    assert!(built.prepare.contains("\nTIME = \"taken\"\n"));
}

#[test]
fn a_class_under_another_name_is_not_shown() {
    let wish = Wish {
        objective: "Classify the kind with the smallest log loss",
        ..Wish::default()
    };
    let Some(built) = build("leaves", data::leaves, wish) else {
        return;
    };
    assert!(built.passed());
    assert_eq!((built.metric(), built.direction()), ("logloss", "minimise"));
    assert!(built.shows("FEATURES", "width") && !built.shows("FEATURES", "code"));
}

#[test]
fn texts_in_a_column_stay_with_their_edited_copies() {
    let wish = Wish {
        objective: "Detect spam",
        ..Wish::default()
    };
    let Some(built) = build("spam", data::spam, wish) else {
        return;
    };
    assert!(built.passed());
    assert_eq!(built.direction(), "maximise");
    assert!(built.prepare.contains("\nNEAR_TEXT = \"message\"\n"));
}

/// A dataset's name, generator and objective, and metrics for it.
type Scored<'a> = (&'a str, fn(&Path), &'a str, &'a [&'a str]);

#[test]
fn mutants_of_every_scorer_are_caught() {
    if std::env::var_os("ALPHALAB_SOAK").is_none() {
        println!("skipped: mutants of all scorers take minutes; ALPHALAB_SOAK=1 asks for them");
        return;
    }
    let metric = |name: &str, unit: &str| Metric {
        name: name.to_owned(),
        unit: unit.to_owned(),
        direction: Direction::Minimise,
        formula: None,
    };
    let tables: [Scored<'_>; 3] = [
        (
            "demand",
            data::demand,
            "Forecast demand for the next 7 days",
            &["rmse", "mae", "mse", "mape", "smape", "r2", "mase"],
        ),
        ("houses", data::houses, "Predict price", &["rmsle"]),
        (
            "churn",
            data::churn,
            "Classify churn",
            &[
                "accuracy",
                "error_rate",
                "balanced_accuracy",
                "f1",
                "log_loss",
                "roc_auc",
            ],
        ),
    ];
    for (name, write, objective, metrics) in tables {
        for word in metrics {
            let metric = metric(word, "1");
            let wish = Wish {
                objective,
                metric: Some(&metric),
                mutants: true,
                ..Wish::default()
            };
            let Some(built) = build(&format!("{name}-{word}"), write, wish) else {
                return;
            };
            assert!(built.passed(), "{:?}", built.audit.findings);
            let kills = built.audit.mutants.expect("mutants");
            assert!(kills.killed * 10 >= kills.changed * 8, "{kills:?}");
        }
    }
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
    assert!(built.passed(), "{:?}", built.audit.findings);
    assert!(!built.shows("FEATURES", "casual") && !built.shows("FEATURES", "registered"));
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
fn texts_without_labels_are_told_character_by_character() {
    let wish = Wish {
        data: "texts",
        objective: "train a language model with the smallest bits per byte",
        mutants: true,
        ..Wish::default()
    };
    let Some(built) = build("library", data::library, wish) else {
        return;
    };
    assert!(built.passed(), "{:?}", built.audit.findings);
    // Places are no running text: bits per byte are not what is measured.
    assert_eq!((built.metric(), built.direction()), ("logloss", "minimise"));
    assert_eq!(built.contract["metric"]["unit"].as_str(), Some("nats"));
    assert_eq!(built.contract["data"]["characters"].as_bool(), Some(true));
    assert_eq!(
        built.rounds, 1,
        "copies are kept together from the first: {:?}",
        built.found
    );
}

#[test]
fn a_single_text_is_cut_into_blocks() {
    let wish = Wish {
        data: "novel.txt",
        objective: "Train a language model with the smallest cross-entropy",
        ..Wish::default()
    };
    let Some(built) = build("novel", data::novel, wish) else {
        return;
    };
    assert!(built.passed(), "{:?}", built.audit.findings);
    assert_eq!((built.metric(), built.direction()), ("logloss", "minimise"));
    assert_eq!(built.contract["data"]["folder"].as_str(), Some("."));
}

#[test]
fn what_has_no_answers_is_refused_with_a_remedy() {
    let wish = Wish {
        data: "texts",
        objective: "train a language model, smallest bits per byte",
        ..Wish::default()
    };
    let Some(why) = refusal(data::notes, wish) else {
        return;
    };
    assert!(why.remedy.contains("more text"), "{why}");
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
