//! Which adapter which data gets.

use super::*;
use crate::adapter::facts::{ColumnFacts, FileFacts, TimeFacts};

fn known() -> Vec<Known> {
    [KERNELS, LANGUAGE, TRAFFIC, SERIES]
        .map(|name| Known {
            name: name.to_owned(),
            domain: String::new(),
        })
        .to_vec()
}

fn files(paths: &[&str]) -> Vec<FileFacts> {
    paths
        .iter()
        .map(|path| FileFacts {
            path: (*path).to_owned(),
            bytes: 1,
            defines: Vec::new(),
        })
        .collect()
}

fn columns(kinds: &[(&str, ColumnKind)]) -> Vec<ColumnFacts> {
    kinds
        .iter()
        .map(|(name, kind)| ColumnFacts {
            name: (*name).to_owned(),
            kind: *kind,
            ..ColumnFacts::default()
        })
        .collect()
}

fn wide(name: &str, prefix: &str, count: usize, step_s: f64) -> DataFacts {
    let mut all = columns(&[("when", ColumnKind::Time)]);
    for number in 0..count {
        all.extend(columns(&[(
            format!("{prefix}{number}").as_str(),
            ColumnKind::Number,
        )]));
    }
    DataFacts {
        name: name.to_owned(),
        files: files(&[name]),
        columns: all,
        time: Some(TimeFacts {
            column: "when".to_owned(),
            step_s: Some(step_s),
            ..TimeFacts::default()
        }),
        ..DataFacts::default()
    }
}

fn table(kinds: &[(&str, ColumnKind)], target: Option<&str>) -> DataFacts {
    DataFacts {
        name: "table.csv".to_owned(),
        files: files(&["table.csv"]),
        columns: columns(kinds),
        target: target.map(str::to_owned),
        ..DataFacts::default()
    }
}

fn folder(paths: &[&str]) -> DataFacts {
    DataFacts {
        name: "stuff".to_owned(),
        files: files(paths),
        ..DataFacts::default()
    }
}

fn tasks() -> DataFacts {
    let mut data = folder(&["a.py", "a.toml", "README.md"]);
    data.files[0].defines = ["torch", "Model", "get_inputs", "get_init_inputs"]
        .map(str::to_owned)
        .to_vec();
    data
}

#[test]
fn data_gets_the_adapter_it_looks_like() {
    use ColumnKind::{Category, Number, Text, Time};
    let ticks = [("ts", Time), ("y", Number), ("kind", Category)];
    let tabular = [("a", Number), ("b", Number), ("y", Number)];
    let cases: Vec<(&str, DataFacts, &str, Option<&str>)> = vec![
        ("tasks for kernels", tasks(), "", Some(KERNELS)),
        ("other Python", folder(&["a.py"]), "", None),
        (
            "shards",
            folder(&["train_0.bin", "val_0.bin"]),
            "",
            Some(LANGUAGE),
        ),
        (
            "unnamed shards",
            folder(&["a.bin"]),
            "lowest val_bpb",
            Some(LANGUAGE),
        ),
        (
            "unnamed binaries",
            folder(&["a.bin"]),
            "find what it is",
            None,
        ),
        (
            "text, as a corpus",
            folder(&["a.txt"]),
            "Pretrain a language model",
            Some(LANGUAGE),
        ),
        (
            "text, to be classified",
            folder(&["a.txt", "labels.csv"]),
            "classify the texts",
            None,
        ),
        (
            "a wide hourly table of sensors",
            wide("sensors.csv", "s", 20, 3600.0),
            "",
            Some(TRAFFIC),
        ),
        (
            "one named so by its columns",
            wide("x.csv", "occupancy_", 20, 300.0),
            "",
            Some(TRAFFIC),
        ),
        (
            "one named so by the objective",
            wide("x.csv", "c", 20, 3600.0),
            "forecast the traffic",
            Some(TRAFFIC),
        ),
        (
            "a wide hourly table of something",
            wide("x.csv", "c", 20, 3600.0),
            "",
            Some(SERIES),
        ),
        (
            "a daily one of sensors",
            wide("sensors.csv", "s", 20, 86_400.0),
            "",
            Some(SERIES),
        ),
        (
            "a narrow one of sensors",
            wide("sensors.csv", "s", 1, 3600.0),
            "",
            Some(SERIES),
        ),
        (
            "a time and a numeric target",
            table(&ticks, Some("y")),
            "",
            Some(SERIES),
        ),
        (
            "a time and one number",
            table(&ticks, None),
            "",
            Some(SERIES),
        ),
        ("a time and a class", table(&ticks, Some("kind")), "", None),
        (
            "a time and a target that is not there",
            table(&ticks, Some("z")),
            "",
            None,
        ),
        ("a table without time", table(&tabular, Some("y")), "", None),
        (
            "a table of text",
            table(&[("text", Text), ("label", Category)], Some("label")),
            "",
            None,
        ),
        ("nothing", DataFacts::default(), "", None),
    ];
    for (what, data, objective, expected) in cases {
        let request = Request {
            adapter: None,
            objective: (!objective.is_empty()).then(|| objective.to_owned()),
        };
        let found = resolve(&request, &known(), Some(&data)).expect("a choice");
        let choice = expected.map_or(Choice::New, |name| Choice::Known(name.to_owned()));
        assert_eq!(found.choice, choice, "{what}: {}", found.why);
        assert!(!found.why.is_empty() && !found.why.contains('\n'));
    }
}

#[test]
fn what_the_run_names_counts_first() {
    let ask = |adapter: &str| {
        let request = Request {
            adapter: Some(adapter.to_owned()),
            objective: None,
        };
        resolve(&request, &known(), Some(&tasks()))
    };
    assert_eq!(
        ask(SERIES).expect("a choice").choice,
        Choice::Known(SERIES.to_owned())
    );
    for path in ["./mine", "some/where", "."] {
        assert_eq!(
            ask(path).expect("a choice").choice,
            Choice::Folder(path.into())
        );
    }
    let error = ask("time-seris").expect_err("no such adapter");
    assert_eq!(
        error.to_string(),
        "there is no adapter `time-seris`; did you mean `time-series`?; there are cuda-kernels, llm-pretraining, \
         traffic-forecasting, time-series"
    );
}

#[test]
fn an_adapter_that_is_not_there_is_not_chosen() {
    let data = wide("traffic.csv", "s", 20, 3600.0);
    let others: Vec<Known> = known().into_iter().filter(|k| k.name != TRAFFIC).collect();
    let found = resolve(&Request::default(), &others, Some(&data)).expect("a choice");
    assert_eq!(found.choice, Choice::Known(SERIES.to_owned()));
    let found = resolve(&Request::default(), &[], Some(&data)).expect("a choice");
    assert_eq!(found.choice, Choice::New);
}

#[test]
fn a_run_without_data_gets_the_default() {
    let found = resolve(&Request::default(), &known(), None).expect("a choice");
    assert_eq!(found.choice, Choice::Known(DEFAULT.to_owned()));
}
