//! Tables that are no plain CSV: the same data in other files, and leaks that
//! are found in them all the same.

use std::fs;
use std::path::Path;

use super::bench::{Wish, build, convert, refusal};
use super::data;

/// Makes what the code makes of `data.csv`, and takes that away.
fn made(folder: &Path, write: fn(&Path), code: &str) {
    write(folder);
    convert(folder, code);
    fs::remove_file(folder.join("data.csv")).expect("removes");
}

const TO_PARQUET: &str = "
import pandas as pd
frame = pd.read_csv('data.csv', parse_dates=['time'])
frame['time'] = frame['time'].dt.tz_localize('UTC')
frame['north'] = frame['north'].astype('float32')
frame.to_parquet('data.parquet', index=False)
";

const TO_JSON: &str = "
import csv, json
with open('data.csv', newline='') as file, open('data.jsonl', 'w') as out:
    for row in csv.DictReader(file):
        inner = {'area': float(row['area']), 'rooms': int(float(row['rooms']))}
        line = {'house_id': int(row['house_id']), 'size': inner, 'district': row['district'],
                'photos': [1, 2, int(row['house_id']) % 7], 'tax': float(row['tax']), 'price': float(row['price'])}
        if row['age']:
            line['age'] = int(row['age'])
        out.write(json.dumps(line) + '\\n')
";

const TO_GZIP: &str = "
import gzip
with open('data.csv', 'rb') as file, gzip.open('data.csv.gz', 'wb') as out:
    out.write(file.read())
";

const TO_PIECES: &str = "
import csv, gzip, os
with open('data.csv', newline='') as file:
    header, *rows = csv.reader(file)
os.mkdir('years')
for number in range(3):
    part = rows[number * len(rows) // 3:(number + 1) * len(rows) // 3]
    name, create = ('years/%d.tsv' % number, open) if number else ('years/0.tsv.gz', gzip.open)
    with create(name, 'wt', newline='') as out:
        csv.writer(out, delimiter='\\t').writerows([header, *part])
";

const TO_STRUCTURES: &str = "
import csv, datetime, decimal
import pyarrow as pa, pyarrow.parquet as pq
with open('data.csv', newline='') as file:
    rows = list(csv.DictReader(file))
inner = pa.array([{'area': float(r['area']), 'rooms': int(float(r['rooms']))} if n % 50 else None for n, r in enumerate(rows)])
start = datetime.date(2020, 1, 1)
pq.write_table(pa.table({
    'size': inner,
    'district': pa.array([r['district'] for r in rows]).dictionary_encode(),
    'age': pa.array([int(r['age']) if r['age'] else None for r in rows], type=pa.uint8()),
    'listed': pa.array([start + datetime.timedelta(days=n * 37 % 900) for n in range(len(rows))]),
    'fee': pa.array([decimal.Decimal(n % 97) / 4 for n in range(len(rows))], type=pa.decimal128(9, 2)),
    'price': pa.array([float(r['price']) for r in rows]),
}), 'data.parquet')
";

/// A wish for a file with this name.
fn of<'a>(data: &'a str, objective: &'a str) -> Wish<'a> {
    Wish {
        data,
        objective,
        ..Wish::default()
    }
}

/// What shows every row the answer of the row before it.
const LEAK: (&str, &str) = (
    "\n    rows = read(data / TABLE)\n",
    "\n    rows = read(data / TABLE)\n    for before, (_, row) in zip([row[TARGET] for _, row in rows], rows[1:]):\n        \
     row[FEATURES[0]] = before\n",
);

#[test]
fn hourly_series_in_parquet_are_forecast() {
    let wish = of(
        "data.parquet",
        "Forecast all series 24 hours ahead with the smallest RMSE",
    );
    let write = |folder: &Path| made(folder, data::stations, TO_PARQUET);
    let Some(built) = build("wide-parquet", write, wish) else {
        return;
    };
    assert!(built.passed(), "{:?}", built.audit.findings);
    assert_eq!(built.contract["data"]["format"].as_str(), Some("parquet"));
    let targets = built.contract["task"]["targets"].as_array();
    assert_eq!(targets.map(Vec::len), Some(4));
}

#[test]
fn objects_a_line_are_predicted_from_their_inner_values() {
    let wish = of("data.jsonl", "Predict price from the other columns");
    let write = |folder: &Path| made(folder, data::houses, TO_JSON);
    let Some(built) = build("houses-json", write, wish) else {
        return;
    };
    assert!(built.passed(), "{:?}", built.audit.findings);
    assert_eq!(
        built.contract["data"]["format"].as_str(),
        Some("json-lines")
    );
    assert!(built.shows("FEATURES", "size.area") && built.shows("FEATURES", "age"));
    assert!(!built.shows("FEATURES", "photos"), "a list is no value");
    assert!(!built.shows("FEATURES", "tax"), "flagged by the profile");
    assert!(built.prepare.contains("\"photos\": \"its values are lists"));
}

#[test]
fn compressed_rows_are_classified() {
    let wish = of("data.csv.gz", "Classify churn with the highest ROC AUC");
    let write = |folder: &Path| made(folder, data::churn, TO_GZIP);
    let Some(built) = build("churn-gzip", write, wish) else {
        return;
    };
    assert!(built.passed(), "{:?}", built.audit.findings);
    assert_eq!((built.metric(), built.direction()), ("auc", "maximise"));
}

#[test]
fn files_of_one_schema_follow_each_other() {
    let wish = of(
        "years",
        "Forecast demand for the next 7 days with the smallest MAE",
    );
    let write = |folder: &Path| made(folder, data::demand, TO_PIECES);
    let Some(built) = build("demand-pieces", write, wish) else {
        return;
    };
    assert!(built.passed(), "{:?}", built.audit.findings);
    assert_eq!(built.contract["data"]["table"].as_str(), Some("years"));
    assert_eq!(built.contract["data"]["format"].as_str(), Some("tsv"));
    assert_eq!(built.schema.rows, 700, "of all three files");
    assert_eq!(built.schema.source.tables, ["0.tsv.gz", "1.tsv", "2.tsv"]);
}

#[test]
fn structures_and_types_of_parquet_survive_the_audit() {
    let wish = of("data.parquet", "Predict price");
    let write = |folder: &Path| made(folder, data::houses, TO_STRUCTURES);
    let Some(built) = build("houses-structures", write, wish) else {
        return;
    };
    assert!(built.passed(), "{:?}", built.audit.findings);
    assert!(built.shows("FEATURES", "size.rooms") && built.shows("FEATURES", "district"));
}

/// A file's name, what writes `data.csv` and what makes the file of it, and an
/// objective.
type Leaky = (&'static str, fn(&Path), &'static str, &'static str);

#[test]
fn no_leak_passes_in_any_format() {
    let cases: [Leaky; 4] = [
        ("data.parquet", data::houses, TO_STRUCTURES, "Predict price"),
        ("data.jsonl", data::houses, TO_JSON, "Predict price"),
        ("data.csv.gz", data::churn, TO_GZIP, "Classify churn"),
        ("years", data::churn, TO_PIECES, "Classify churn"),
    ];
    for (name, write, code, objective) in cases {
        let wish = Wish {
            spoil: &[LEAK],
            ..of(name, objective)
        };
        let Some(built) = build(name, |folder: &Path| made(folder, write, code), wish) else {
            return;
        };
        assert!(!built.passed(), "{name}");
        let seen = |check: &str| built.found.iter().any(|f| f.check == check);
        assert!(seen("target-canary"), "{name}: {:?}", built.found);
    }
}

#[test]
fn what_no_reader_knows_is_refused_with_a_remedy() {
    let write = |folder: &Path| {
        let rows: Vec<String> = (0..100).map(|n| format!("{n};{}", n * n % 17)).collect();
        let text = format!("a;y\n{}\n", rows.join("\n"));
        fs::write(folder.join("data.csv"), text).expect("writes");
    };
    let Some(why) = refusal(write, of("data.csv", "Predict y")) else {
        return;
    };
    assert!(
        why.why.contains("delimiter is `;`") && why.remedy.contains("to_csv"),
        "{why}"
    );
}
