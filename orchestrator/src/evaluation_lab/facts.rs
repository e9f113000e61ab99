//! What the lab says about itself and about the data.

use std::collections::{BTreeMap, BTreeSet};

use protocol::{Description, Device, Inspection, LabError, MetricSpec, PROTOCOL_VERSION, Split};
use serde_json::{Value, json};

use super::bench::Bench;
use super::holdout::table;
use super::program::{self, is_python};
use super::shape::Holds;
use super::{NAME, VERSION, report, templates};
use crate::audit::contract::Kind;
use crate::audit::prepared::ROW_ID;
use crate::audit::probes::PREDICTIONS;
use crate::audit::table::{Table, is_missing};

/// Training rows that are shown.
const SHOWN: usize = 3;
/// Most characters of a cell that is shown.
const CELL: usize = 200;
/// Answer to `describe`.
pub(super) fn description(bench: &Bench) -> Description {
    let metric = &bench.contract.metric;
    Description {
        schema: PROTOCOL_VERSION,
        lab: NAME.to_owned(),
        version: VERSION.to_owned(),
        experiment_schema: json!({
            "files": bench.layout.files,
            "run": bench.commands.run,
        }),
        metrics: vec![MetricSpec {
            name: metric.name.clone(),
            unit: metric.unit.clone(),
            direction: Some(metric.direction),
        }],
        devices: vec![Device {
            name: "cpu".to_owned(),
            detail: "the agents' Python in the sandbox".to_owned(),
            available: true,
            modelled: None,
            needs: Vec::new(),
        }],
        tasks: Vec::new(),
    }
}

/// Answer to `inspect`.
pub(super) fn inspection(bench: &Bench, task: &str) -> Result<Inspection, LabError> {
    let train = table(&bench.parts.public().join("train.csv"))?;
    let target = &bench.contract.task.target;
    let (spaces, without) = templates::spaces(bench);
    let mut rows = BTreeMap::from([("train".to_owned(), train.rows.len())]);
    for split in [Split::Search, Split::Select, Split::Sealed] {
        let name = program::name(split);
        let answers = table(&bench.parts.answers(name).join("answers.csv"))?;
        rows.insert(name.to_owned(), answers.rows.len());
    }
    let metric = &bench.contract.metric;
    let facts = BTreeMap::from([
        ("kind".to_owned(), json!(kind(bench))),
        ("target".to_owned(), json!(target)),
        (
            "metric".to_owned(),
            json!({ "name": metric.name, "unit": metric.unit, "direction": metric.direction }),
        ),
        ("rows".to_owned(), json!(rows)),
        (
            "columns".to_owned(),
            columns_json(&train, &bench.shape.columns),
        ),
        ("examples".to_owned(), examples(&train)),
        ("candidate".to_owned(), delivers(bench, &train)),
        ("quick_look".to_owned(), json!(look(bench))),
        ("templates_left_out".to_owned(), json!(without)),
    ]);
    Ok(Inspection {
        schema: PROTOCOL_VERSION,
        task: task.to_owned(),
        facts,
        spaces,
    })
}

fn kind(bench: &Bench) -> &'static str {
    match bench.contract.task.kind {
        Kind::Regression => "regression",
        Kind::Classification => "classification",
        Kind::Forecast => "forecast",
    }
}

fn columns_json(train: &Table, columns: &[(String, Holds)]) -> Value {
    let described = columns.iter().map(|(name, holds)| {
        let cells = train.column(name).map(|place| train.cells(place));
        let cells: Vec<&str> = cells.into_iter().flatten().collect();
        let distinct: BTreeSet<&str> = cells.iter().copied().collect();
        let missing = cells.iter().filter(|cell| is_missing(cell)).count();
        json!({
            "name": name,
            "holds": holds.word(),
            "distinct": distinct.len(),
            "missing": missing,
        })
    });
    described.collect()
}

fn examples(train: &Table) -> Value {
    let short = |cell: &String| -> String { cell.chars().take(CELL).collect() };
    let rows = train.rows.iter().take(SHOWN).map(|row| {
        let cells = train.header.iter().cloned().zip(row.iter().map(short));
        json!(cells.collect::<BTreeMap<_, _>>())
    });
    rows.collect()
}

/// What a candidate has to deliver, and how it is run.
fn delivers(bench: &Bench, train: &Table) -> Value {
    let probabilities = templates::wants_probabilities(&bench.contract);
    let columns = if probabilities {
        let classes: BTreeSet<&str> = train
            .column(&bench.contract.task.target)
            .map(|place| train.cells(place).collect())
            .unwrap_or_default();
        let classes = classes.into_iter().map(|class| format!("p_{class}"));
        std::iter::once(ROW_ID.to_owned()).chain(classes).collect()
    } else {
        vec![ROW_ID.to_owned(), "prediction".to_owned()]
    };
    json!({
        "files": bench.layout.files,
        "largest_kib": bench.layout.largest_kib,
        "run": format!("{} --public PUBLIC --split SPLIT --out OUT", bench.commands.run.join(" ")),
        "sees": "PUBLIC/train.csv with the target, PUBLIC/SPLIT/inputs.csv without it, its own files; no network",
        "writes": format!("OUT/{PREDICTIONS}, each row of the inputs once"),
        "columns": columns,
        "seconds": report::run_limit(bench).as_secs(),
        "python": is_python(&bench.commands.run),
    })
}

fn look(bench: &Bench) -> &'static str {
    if bench.look.is_some() {
        "learns from a part of the training rows and is scored on others of them; never compared with a measurement"
    } else {
        "runs the candidate without a score: there are too few training rows to hide some"
    }
}
