//! The profile of generated datasets, made by the real interpreter in the real
//! sandbox, against numbers computed here.

#[path = "support/python.rs"]
mod python;

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use orchestrator::explore::{
    AgentsPython, ExploreError, Layout, MetricSource, Profile, ProfileLimits, ProfileRequest, Role,
    Severity, TaskKind, profile, write_scripts,
};
use protocol::Direction;
use python::agents_python;

/// What a test asks for beyond the data.
#[derive(Clone, Copy, Default)]
struct Wish<'a> {
    objective: &'a str,
    target: Option<&'a str>,
    skip_ragged: bool,
    limits: ProfileLimits,
}

/// A folder with the scripts, for one dataset.
struct Bench {
    python: AgentsPython,
    folder: tempfile::TempDir,
    script: PathBuf,
}

impl Bench {
    fn new() -> Option<Self> {
        let python = agents_python()?;
        let folder = tempfile::tempdir().expect("temporary folder");
        let script = write_scripts(&folder.path().join("scripts")).expect("writes the scripts");
        Some(Self {
            python,
            folder,
            script,
        })
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        fs::create_dir_all(path.parent().expect("a folder")).expect("creates");
        fs::write(&path, bytes).expect("writes");
        path
    }

    fn run_with(&self, data: &Path, out: &str, wish: Wish<'_>) -> Result<Profile, ExploreError> {
        let (out, plots) = (self.path(out), self.path(out).join("plots"));
        let request = ProfileRequest {
            script: &self.script,
            data,
            out: &out,
            plots: &plots,
            objective: wish.objective,
            target: wish.target,
            skip_ragged: wish.skip_ragged,
            limits: wish.limits,
        };
        profile(&self.python, &request)
    }

    fn run(&self, data: &Path, objective: &str) -> Profile {
        let wish = Wish {
            objective,
            ..Wish::default()
        };
        self.run_with(data, "out", wish)
            .unwrap_or_else(|error| panic!("{}: {error}", data.display()))
    }

    /// Plots that are there and begin as PNG does.
    fn pictures(&self, profile: &Profile) -> BTreeSet<String> {
        let listed = profile.findings.plots.iter();
        listed
            .map(|plot| {
                let bytes = fs::read(self.path("out/plots").join(&plot.file)).expect("a plot");
                assert!(bytes.starts_with(b"\x89PNG\r\n") && bytes.len() > 2000);
                plot.file.clone()
            })
            .collect()
    }
}

/// A small generator of uniform numbers in [0, 1).
struct Random(u64);

impl Random {
    fn draw(&mut self) -> f64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (self.0 >> 40) as f64 / (1_u64 << 24) as f64
    }

    fn normal(&mut self) -> f64 {
        (0..12).map(|_| self.draw()).sum::<f64>() - 6.0
    }
}

fn mean_and_std(values: &[f64]) -> (f64, f64) {
    let count = values.len() as f64;
    let mean = values.iter().sum::<f64>() / count;
    let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
    (mean, (squares / (count - 1.0)).sqrt())
}

fn close(found: Option<f64>, expected: f64) {
    let found = found.expect("a number");
    let far = (found - expected).abs() / expected.abs().max(1e-9);
    assert!(far < 1e-6, "{found} is not {expected}");
}

fn ids(profile: &Profile) -> BTreeSet<&str> {
    let findings = profile.findings.findings.iter();
    findings.map(|finding| finding.id.as_str()).collect()
}

const SENSORS: usize = 20;

/// 40 days of hourly rows and the values of each sensor; three hours missing.
fn wide() -> (String, Vec<Vec<f64>>) {
    let mut random = Random(7);
    let mut text = String::from("date");
    for sensor in 0..SENSORS {
        write!(text, ",sensor_{sensor:02}").expect("writes");
    }
    text.push('\n');
    let mut columns = vec![Vec::new(); SENSORS];
    for hour in (0..960_u32).filter(|hour| !(500..503).contains(hour)) {
        let (month, day) = match hour / 24 {
            day @ 0..=30 => (1, day + 1),
            day => (2, day - 30),
        };
        write!(text, "2021-{month:02}-{day:02} {:02}:00:00", hour % 24).expect("writes");
        for (sensor, column) in columns.iter_mut().enumerate() {
            let angle = std::f64::consts::TAU * (f64::from(hour) + sensor as f64) / 24.0;
            let value = 10.0 + sensor as f64 + 3.0 * angle.sin() + 0.3 * random.normal();
            let value = (value * 1000.0).round() / 1000.0;
            column.push(value);
            write!(text, ",{value}").expect("writes");
        }
        text.push('\n');
    }
    (text, columns)
}

#[test]
fn a_wide_hourly_table_is_a_forecast_of_all_its_series() {
    let Some(bench) = Bench::new() else { return };
    let (text, columns) = wide();
    let data = bench.write("wide.csv", text);
    let profile = bench.run(
        &data,
        "Forecast every sensor 24 hours ahead with the lowest RMSE",
    );

    let guess = &profile.findings.guess;
    assert_eq!(guess.kind, TaskKind::Forecast);
    assert_eq!(guess.target, None);
    assert_eq!(guess.targets.len(), SENSORS);
    assert_eq!(guess.time_column.as_deref(), Some("date"));
    assert!(guess.confidence >= 0.9, "{guess:?}");
    let metric = guess.metric.as_ref().expect("a metric");
    assert_eq!(
        (metric.name.as_str(), metric.direction),
        ("rmse", Direction::Minimise)
    );
    assert_eq!(metric.source, MetricSource::Objective);
    assert_eq!(metric.contradiction, None);

    assert_eq!(profile.schema.layout, Layout::WideSeries);
    assert_eq!(profile.schema.rows, 957);
    let time = profile.statistics.time.as_ref().expect("a time column");
    assert_eq!((time.step_s, time.gaps, time.missing_steps), (3600.0, 1, 3));
    assert_eq!(time.first, "2021-01-01T00:00:00");
    assert_eq!(time.last, "2021-02-09T23:00:00");
    for (sensor, values) in columns.iter().enumerate() {
        let name = format!("sensor_{sensor:02}");
        let facts = &profile.statistics.columns[&name];
        let (mean, std) = mean_and_std(values);
        close(facts.mean, mean);
        close(facts.std, std);
        close(facts.max, values.iter().copied().fold(f64::MIN, f64::max));
        assert_eq!(facts.missing, 0);
        let series = &profile.statistics.series[&name];
        assert_eq!(series.season_steps, Some(24), "{name}");
        let naive = series.naive.expect("naive forecasts");
        let seasonal = naive.seasonal_rmse.expect("there is a season");
        assert!(seasonal < naive.mean_rmse, "{naive:?}");
    }
    assert!(ids(&profile).contains("time-gaps"));
    assert!(!ids(&profile).contains("objective-without-metric"));
    let plots = bench.pictures(&profile);
    for name in [
        "series.png",
        "autocorrelation.png",
        "season.png",
        "distributions.png",
    ] {
        assert!(plots.contains(name), "{plots:?}");
    }
    for name in ["schema.md", "statistics.md", "findings.md"] {
        assert!(bench.path("out").join(name).is_file(), "{name}");
    }
}

/// Rows of houses: text, prices, ages, and how many rows repeat another.
fn houses() -> (String, Vec<f64>, Vec<f64>, usize) {
    let mut random = Random(3);
    let mut text = String::from("house_id,area_m2,age,city,price_net,price\n");
    let (mut prices, mut ages, mut repeated) = (Vec::new(), Vec::new(), 0);
    for house in 0..800 {
        let area = (500.0 + 1500.0 * random.draw()).round() / 10.0;
        let age = (100.0 * random.draw()).floor();
        let city = ["Ulm", "Bonn", "Kiel"][(3.0 * random.draw()) as usize];
        let noise = 10.0 * random.normal();
        let price = (300.0 * area - 400.0 * age + 1000.0 * noise).round();
        let shown = if house % 20 == 0 {
            String::new()
        } else {
            age.to_string()
        };
        let line = format!("{house},{area},{shown},{city},{},{price}\n", price * 0.81);
        let times = if house % 100 == 7 { 2 } else { 1 };
        for _ in 0..times {
            text += &line;
            prices.push(price);
            if !shown.is_empty() {
                ages.push(age);
            }
        }
        repeated += times - 1;
    }
    (text, prices, ages, repeated)
}

#[test]
fn a_table_of_amounts_is_a_regression_and_its_leak_is_found() {
    let Some(bench) = Bench::new() else { return };
    let (text, prices, ages, repeated) = houses();
    let data = bench.write("houses.csv", text);
    let profile = bench.run(
        &data,
        "Predict the price of a house from what is known; judged by R2",
    );

    let guess = &profile.findings.guess;
    assert_eq!(guess.kind, TaskKind::Regression);
    assert_eq!(guess.target.as_deref(), Some("price"));
    assert_eq!(guess.time_column, None);
    let metric = guess.metric.as_ref().expect("a metric");
    assert_eq!(
        (metric.name.as_str(), metric.direction),
        ("r2", Direction::Maximise)
    );

    let statistics = &profile.statistics;
    assert_eq!(statistics.rows, prices.len() as u64);
    let duplicates = statistics.duplicates.expect("counted");
    assert_eq!((duplicates.rows, duplicates.exact), (repeated as u64, true));
    let (mean, std) = mean_and_std(&prices);
    close(statistics.columns["price"].mean, mean);
    close(statistics.columns["price"].std, std);
    let (mean, _) = mean_and_std(&ages);
    close(statistics.columns["age"].mean, mean);
    assert_eq!(
        statistics.columns["age"].missing,
        (prices.len() - ages.len()) as u64
    );
    assert_eq!(statistics.columns["city"].distinct, 3);
    let role = |name: &str| {
        let columns = &profile.schema.columns;
        columns
            .iter()
            .find(|c| c.name == name)
            .expect("a column")
            .role
    };
    assert_eq!((role("price"), role("age")), (Role::Target, Role::Feature));

    let target = statistics.target.as_ref().expect("analysed");
    assert_eq!(target.leak_suspects, ["price_net"]);
    let leak = profile
        .findings
        .findings
        .iter()
        .find(|f| f.id == "leak-suspect");
    let leak = leak.expect("a finding");
    assert_eq!(
        (leak.severity, leak.subject.as_str()),
        (Severity::Serious, "price_net")
    );
    let baseline = &target.baseline.as_ref().expect("measured").scores;
    assert!(
        baseline["linear"] < 0.1 * baseline["constant"],
        "{baseline:?}"
    );
    assert!(ids(&profile).contains("duplicate-rows"));
    assert!(bench.pictures(&profile).contains("target.png"));
}

#[test]
fn a_folder_of_texts_is_a_text_classification() {
    let Some(bench) = Bench::new() else { return };
    let topics = [
        ("sport", ["goal", "team", "match", "player"]),
        ("food", ["soup", "bread", "salt", "oven"]),
        ("tech", ["chip", "code", "cloud", "data"]),
    ];
    let common = ["the", "of", "and", "is", "in", "that", "it", "was"];
    let mut random = Random(11);
    let (mut vocabulary, mut documents) = (BTreeSet::new(), 0);
    for (topic, words) in topics {
        for number in 0..30 {
            let mut text = String::new();
            for place in 0..40 {
                let pick = random.draw();
                let word = if place % 2 == 0 {
                    common[(8.0 * pick) as usize]
                } else {
                    words[(4.0 * pick) as usize]
                };
                vocabulary.insert(word);
                text = text + word + " ";
            }
            bench.write(&format!("texts/{topic}/{number:02}.txt"), &text);
            documents += 1;
            if number == 0 {
                bench.write(&format!("texts/{topic}/copy.txt"), &text);
                documents += 1;
            }
        }
    }
    let profile = bench.run(
        &bench.path("texts"),
        "Classify each text; maximise macro-F1",
    );

    let guess = &profile.findings.guess;
    assert_eq!(guess.kind, TaskKind::TextClassification);
    let metric = guess.metric.as_ref().expect("a metric");
    assert_eq!(
        (metric.name.as_str(), metric.direction),
        ("f1_macro", Direction::Maximise)
    );
    assert_eq!(profile.schema.layout, Layout::LabelsByFolder);
    let texts = profile.statistics.text.as_ref().expect("texts");
    assert_eq!(texts.documents, documents);
    assert_eq!(texts.duplicates, 3);
    assert_eq!(texts.vocabulary_words, vocabulary.len() as u64);
    assert_eq!(texts.languages.get("English"), Some(&documents));
    let classes: BTreeSet<_> = texts
        .classes
        .iter()
        .map(|c| (c.value.as_str(), c.rows))
        .collect();
    assert_eq!(
        classes,
        BTreeSet::from([("food", 31), ("sport", 31), ("tech", 31)])
    );
    let scores = &texts.baseline.as_ref().expect("measured").scores;
    assert!(
        scores["words"] > 0.9 && scores["constant"] < 0.4,
        "{scores:?}"
    );
    assert!(bench.pictures(&profile).contains("classes.png"));
}

#[test]
fn the_same_data_give_the_same_bytes() {
    let Some(bench) = Bench::new() else { return };
    let data = bench.write("houses.csv", houses().0);
    let files = |out: &str| {
        bench
            .run_with(&data, out, Wish::default())
            .expect("profiles");
        let mut found = Vec::new();
        for folder in [bench.path(out), bench.path(out).join("plots")] {
            for entry in fs::read_dir(folder).expect("lists") {
                let path = entry.expect("entry").path();
                if path.is_file() {
                    let name = path.file_name().expect("a name").to_owned();
                    found.push((name, fs::read(&path).expect("reads")));
                }
            }
        }
        found.sort();
        found
    };
    let (first, second) = (files("first"), files("second"));
    assert!(first.len() > 8, "{}", first.len());
    for (one, other) in first.iter().zip(&second) {
        assert!(
            one == other,
            "{} and {} differ",
            one.0.display(),
            other.0.display()
        );
    }
    assert_eq!(first.len(), second.len());
}

#[test]
fn bad_data_are_told_with_file_line_and_remedy() {
    let Some(bench) = Bench::new() else { return };
    let mut ragged = String::from("a,b,c\n");
    for row in 0..60 {
        let line = if row == 40 { "1,2\n" } else { "1,2,3\n" };
        ragged += line;
    }
    let cases = [
        (
            bench.write("empty.csv", ""),
            "empty",
            None,
            "the file is empty",
        ),
        (
            bench.write("header.csv", "a,b\n"),
            "no-rows",
            None,
            "no row of data",
        ),
        (
            bench.write(
                "garbage.csv",
                (0..=255).cycle().take(5000).collect::<Vec<u8>>(),
            ),
            "binary",
            Some(1),
            "offset 0",
        ),
        (
            bench.write("ragged.csv", &ragged),
            "ragged",
            Some(42),
            "1 of 60 rows",
        ),
        (
            bench.write("rows.jsonl", "{\"a\": 1}\n{\"a\": 2\n"),
            "malformed",
            Some(2),
            "not JSON",
        ),
        (bench.path("absent.csv"), "unreadable", None, "No such file"),
    ];
    for (data, kind, line, words) in cases {
        let error = bench
            .run_with(&data, "out", Wish::default())
            .expect_err("can't be profiled");
        let text = error.to_string();
        let ExploreError::Data(problem) = error else {
            panic!("{}: {text}", data.display());
        };
        assert_eq!(
            (problem.kind.as_str(), problem.line),
            (kind, line),
            "{text}"
        );
        let name = data.file_name().expect("a name").to_string_lossy();
        assert!(text.contains(&*name) && text.contains(words), "{text}");
        assert!(!problem.remedy.is_empty(), "{text}");
    }
    let found = bench
        .run_with(
            &bench.path("ragged.csv"),
            "out",
            Wish {
                skip_ragged: true,
                ..Wish::default()
            },
        )
        .expect("one row is left out");
    assert_eq!(found.statistics.rows, 59);
    assert!(ids(&found).contains("ragged-rows"));
}

#[test]
fn a_target_that_is_not_there_is_answered_with_those_that_are() {
    let Some(bench) = Bench::new() else { return };
    let data = bench.write("houses.csv", houses().0);
    let error = bench
        .run_with(
            &data,
            "out",
            Wish {
                target: Some("prise"),
                ..Wish::default()
            },
        )
        .expect_err("there is no such column");
    assert!(error.to_string().contains("'price'"), "{error}");
}

#[test]
fn too_much_memory_ends_the_profile_with_the_limit_in_the_message() {
    let Some(bench) = Bench::new() else { return };
    let data = bench.write("houses.csv", houses().0);
    let error = bench
        .run_with(
            &data,
            "out",
            Wish {
                limits: ProfileLimits {
                    resident_bytes: 24 << 20,
                    ..ProfileLimits::default()
                },
                ..Wish::default()
            },
        )
        .expect_err("an interpreter with pandas needs more");
    let text = error.to_string();
    assert!(text.contains("more than 24 MiB of memory"), "{text}");
}

/// Long: a 200 MB table must not need more memory than a small one.
#[test]
#[ignore = "writes and reads 200 MB; a minute on an idle machine"]
fn a_large_table_streams_in_bounded_memory() {
    let Some(bench) = Bench::new() else { return };
    let data = bench.path("large.csv");
    let mut file = std::io::BufWriter::new(fs::File::create(&data).expect("creates"));
    let mut random = Random(5);
    writeln!(file, "row,a,b,c,d,e,f,g,label,target").expect("writes");
    let (mut bytes, mut rows, mut sum, mut missing) = (0, 0_u64, 0.0, 0_u64);
    while bytes < 200_000_000 {
        let mut line = rows.to_string();
        for _ in 0..7 {
            // Mostly empty cells, as sparse tables are.
            let cell = random.draw();
            if cell < 0.3 {
                write!(line, ",{:.5}", cell * 100.0).expect("writes");
            } else {
                line.push(',');
                missing += 1;
            }
        }
        let target = (random.draw() * 1e4).floor();
        sum += target;
        writeln!(line, ",class-{},{target}", rows % 7).expect("writes");
        bytes += line.len();
        rows += 1;
        file.write_all(line.as_bytes()).expect("writes");
    }
    drop(file);
    let profile = bench
        .run_with(&data, "out", Wish::default())
        .unwrap_or_else(|error| panic!("{error}"));
    let used = profile.used;
    println!(
        "{rows} rows, {bytes} bytes: {:.1} s, {:.1} s of processor, {} MiB resident",
        used.wall.as_secs_f64(),
        used.cpu_s,
        used.max_rss_bytes >> 20
    );
    assert_eq!(profile.statistics.rows, rows);
    close(profile.statistics.columns["target"].mean, sum / rows as f64);
    let found: u64 = ["a", "b", "c", "d", "e", "f", "g"]
        .map(|name| profile.statistics.columns[name].missing)
        .iter()
        .sum();
    assert_eq!(found, missing);
    assert!(
        used.max_rss_bytes < 500 << 20,
        "{} bytes",
        used.max_rss_bytes
    );
}
