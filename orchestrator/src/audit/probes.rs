//! Predictions whose score is known in advance, or known to be refused.

use std::collections::BTreeMap;

use stats::Rng;

use super::baseline::Copied;
use super::facts::{Facts, numbers};
use super::metrics::Predictions;
use super::prepared::{Part, ROW_ID, Split};

/// File of the predictions among the artifacts.
pub const PREDICTIONS: &str = "predictions.csv";
/// By how much answers and predictions are scaled to check the unit.
pub const SCALE: f64 = 10.0;
/// Sizes of the noise, rising.
pub const NOISE: [f64; 4] = [0.03, 0.12, 0.45, 1.3];
/// Shares of wrong classes, or of noise in probabilities, rising.
const WRONG: [f64; 4] = [0.1, 0.3, 0.6, 0.9];

/// Which answers a probe is scored with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum AnswerSet {
    /// As prepared.
    Real,
    /// The same rows in another order.
    Shuffled,
    /// Ten times as large.
    Scaled,
}

impl AnswerSet {
    /// Word for folder names.
    pub fn name(self) -> &'static str {
        match self {
            Self::Real => "real",
            Self::Shuffled => "shuffled",
            Self::Scaled => "scaled",
        }
    }
}

/// Columns that a scorer could take for the answers.
const ANSWER_LIKE: [&str; 6] = ["answer", "target", "label", "actual", "y", "y_true"];
/// Columns that a scorer could take for what rows count.
const WEIGHT_LIKE: [&str; 8] = [
    "weight",
    "weights",
    "sample_weight",
    "w",
    "mask",
    "include",
    "use",
    "n",
];

/// What is asked with a probe.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Ask {
    /// The answers themselves.
    Oracle,
    /// The answers with noise of growing size, by number.
    Noise(usize),
    /// The best constant of the training rows.
    Constant,
    /// The median of the training rows.
    Median,
    /// A column of the inputs as it is.
    Copy(String),
    /// The answers, reversed.
    Anti,
    /// [`Ask::Noise`] 1 with its rows in another order.
    Reordered,
    /// [`Ask::Noise`] 1, scored with answers in another order.
    AnswersReordered,
    /// [`Ask::Noise`] 1, everything ten times as large.
    Scaled,
    /// [`Ask::Noise`] 1 with files beside it that no scorer should read.
    Planted,
    /// [`Ask::Noise`] 1 with a column of this name that no scorer should read.
    PlantedColumn(String),
    /// The answers, but one row (by number) is far off.
    OneOff(usize),
    /// Something that must be refused, in words.
    Refuse(&'static str),
}

/// Predictions and what they ask.
#[derive(Clone, Debug)]
pub struct Probe {
    /// What is asked.
    pub ask: Ask,
    /// Split whose rows are predicted.
    pub part: Part,
    /// Answers to score with.
    pub answers: AnswerSet,
    /// Files among the artifacts.
    pub files: BTreeMap<&'static str, String>,
    /// The predictions in the order of the answers, if they can be scored.
    pub predictions: Option<Predictions>,
}

/// How predictions are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// A column `prediction`.
    Values,
    /// A column for each class.
    Probabilities,
}

/// The rows of one split with what they are scored against.
#[derive(Debug)]
pub struct Target {
    ids: Vec<String>,
    /// The answers as text.
    pub answers: Vec<String>,
    classes: Vec<String>,
    numeric: bool,
    format: Format,
    train: Vec<String>,
    copied: Option<Copied>,
    name: String,
}

impl Target {
    /// Of a split.
    pub fn of(facts: &Facts<'_>, split: &Split, format: Format) -> Self {
        let owned =
            |cells: Vec<&str>| -> Vec<String> { cells.into_iter().map(str::to_owned).collect() };
        let train = owned(facts.targets(&facts.prepared.train));
        let mut classes = train.clone();
        classes.sort();
        classes.dedup();
        let ids = split
            .answers
            .column(ROW_ID)
            .map(|c| split.answers.cells(c).collect())
            .unwrap_or_default();
        Self {
            ids: owned(ids),
            answers: owned(facts.targets(&split.answers)),
            classes,
            numeric: !facts.classes(),
            format,
            train,
            copied: (split.part != Part::Sealed && !facts.classes())
                .then(|| Copied::of(facts, split))
                .flatten(),
            name: facts.contract.task.target.clone(),
        }
    }

    fn numbers(&self) -> Vec<f64> {
        numbers(self.answers.iter().map(String::as_str)).unwrap_or_default()
    }

    /// Answers with noise in proportion to `size`, always in the same
    /// direction for the same row, so that more is worse for every row.
    fn noisy(&self, level: usize, seed: u64) -> Predictions {
        let mut rng = Rng::new(seed);
        if self.numeric {
            let y = self.numbers();
            let size = NOISE[level];
            let least = y.iter().copied().fold(f64::INFINITY, f64::min);
            let spread = stats::variance(&y).map_or(1.0, f64::sqrt).max(1e-12);
            let lift = if least > 0.0 {
                0.0
            } else {
                stats::mean(&y).unwrap_or(0.0) / 2.0
            };
            return Predictions::Numbers(
                y.iter()
                    .map(|y| {
                        let e = rng.normal().clamp(-2.0, 2.0);
                        if least >= 0.0 {
                            ((y + lift) * (size * e).exp() - lift).max(0.0)
                        } else {
                            y + 2.0 * size * spread * e
                        }
                    })
                    .collect(),
            );
        }
        let mut order: Vec<usize> = (0..self.answers.len()).collect();
        rng.shuffle(&mut order);
        let wrong = (WRONG[level] * order.len() as f64).ceil() as usize;
        match self.format {
            Format::Values => {
                let mut p = self.answers.clone();
                for row in &order[..wrong.min(order.len())] {
                    p[*row] = self.other_class(&self.answers[*row], 1 + row % 2);
                }
                Predictions::Classes(p)
            }
            Format::Probabilities => {
                let rows = self
                    .answers
                    .iter()
                    .map(|answer| {
                        let raw: Vec<f64> =
                            self.classes.iter().map(|_| 0.05 + rng.uniform()).collect();
                        let sum: f64 = raw.iter().sum();
                        let share = |class: &String| {
                            if class == answer {
                                1.0 - WRONG[level]
                            } else {
                                0.0
                            }
                        };
                        self.classes
                            .iter()
                            .zip(&raw)
                            .map(|(class, r)| share(class) + WRONG[level] * r / sum)
                            .collect()
                    })
                    .collect();
                Predictions::Probabilities(self.classes.clone(), rows)
            }
        }
    }

    fn other_class(&self, class: &str, by: usize) -> String {
        let place = self.classes.iter().position(|c| c == class).unwrap_or(0);
        let n = self.classes.len().max(1);
        let mut other = (place + by) % n;
        if other == place {
            other = (place + 1) % n;
        }
        self.classes.get(other).cloned().unwrap_or_default()
    }

    fn sure(&self, of: impl Fn(&String) -> String) -> Predictions {
        let classes: Vec<String> = self.answers.iter().map(of).collect();
        match self.format {
            Format::Values => Predictions::Classes(classes),
            Format::Probabilities => {
                let rest = 1e-6 / (self.classes.len().max(2) - 1) as f64;
                let rows = classes
                    .iter()
                    .map(|sure| {
                        let p = |class: &String| if class == sure { 1.0 - 1e-6 } else { rest };
                        self.classes.iter().map(p).collect()
                    })
                    .collect();
                Predictions::Probabilities(self.classes.clone(), rows)
            }
        }
    }

    fn oracle(&self) -> Predictions {
        if self.numeric {
            Predictions::Numbers(self.numbers())
        } else {
            self.sure(Clone::clone)
        }
    }

    /// Predictions that learn nothing of the features, for `n` rows.
    fn trivial(&self, n: usize) -> Vec<(Ask, Predictions)> {
        let mut made = vec![(Ask::Constant, self.constant())];
        if self.numeric {
            let train = numbers(self.train.iter().map(String::as_str)).unwrap_or_default();
            let median = vec![stats::median(&train).unwrap_or(0.0); n];
            made.push((Ask::Median, Predictions::Numbers(median)));
            let copied = self.copied.iter();
            made.extend(copied.map(|c| {
                let values = Predictions::Numbers(c.values.clone());
                (Ask::Copy(c.name.clone()), values)
            }));
        }
        made
    }

    fn anti(&self) -> Predictions {
        if self.numeric {
            let y = self.numbers();
            let (low, high) = y
                .iter()
                .fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), v| {
                    (l.min(*v), h.max(*v))
                });
            Predictions::Numbers(y.iter().map(|v| low + high - v).collect())
        } else {
            self.sure(|class| self.other_class(class, 1))
        }
    }

    fn constant(&self) -> Predictions {
        let n = self.answers.len();
        if self.numeric {
            let train = numbers(self.train.iter().map(String::as_str)).unwrap_or_default();
            return Predictions::Numbers(vec![stats::mean(&train).unwrap_or(0.0); n]);
        }
        let count = |class: &String| self.train.iter().filter(|c| *c == class).count();
        match self.format {
            Format::Values => {
                let best = self.classes.iter().max_by_key(|c| count(c)).cloned();
                Predictions::Classes(vec![best.unwrap_or_default(); n])
            }
            Format::Probabilities => {
                let total = self.train.len().max(1) as f64;
                let row: Vec<f64> = self
                    .classes
                    .iter()
                    .map(|c| count(c) as f64 / total)
                    .collect();
                Predictions::Probabilities(self.classes.clone(), vec![row; n])
            }
        }
    }

    /// Header and rows of `predictions.csv`.
    fn lines(&self, predictions: &Predictions) -> Vec<Vec<String>> {
        let mut lines = Vec::new();
        match predictions {
            Predictions::Numbers(p) => {
                lines.push(vec![ROW_ID.to_owned(), "prediction".to_owned()]);
                lines.extend(
                    self.ids
                        .iter()
                        .zip(p)
                        .map(|(id, p)| vec![id.clone(), p.to_string()]),
                );
            }
            Predictions::Classes(p) => {
                lines.push(vec![ROW_ID.to_owned(), "prediction".to_owned()]);
                lines.extend(
                    self.ids
                        .iter()
                        .zip(p)
                        .map(|(id, p)| vec![id.clone(), p.clone()]),
                );
            }
            Predictions::Probabilities(classes, p) => {
                let header = classes.iter().map(|c| format!("p_{c}"));
                lines.push(std::iter::once(ROW_ID.to_owned()).chain(header).collect());
                lines.extend(self.ids.iter().zip(p).map(|(id, p)| {
                    std::iter::once(id.clone())
                        .chain(p.iter().map(f64::to_string))
                        .collect()
                }));
            }
        }
        lines
    }
}

fn csv(lines: &[Vec<String>]) -> String {
    let mut writer = csv::WriterBuilder::new()
        .flexible(true)
        .from_writer(Vec::new());
    for line in lines {
        // Writing to a vector can't fail.
        let _ = writer.write_record(line);
    }
    String::from_utf8(writer.into_inner().unwrap_or_default()).unwrap_or_default()
}

/// All probes of a split; `search` gets every one, the others a few.
pub fn probes(target: &Target, part: Part) -> Vec<Probe> {
    let mut made = Vec::new();
    let mut add =
        |ask: Ask, answers: AnswerSet, lines: &[Vec<String>], predictions: Option<Predictions>| {
            made.push(Probe {
                ask,
                part,
                answers,
                files: BTreeMap::from([(PREDICTIONS, csv(lines))]),
                predictions,
            });
        };
    let oracle = target.oracle();
    let seed = part as u64;
    add(
        Ask::Oracle,
        AnswerSet::Real,
        &target.lines(&oracle),
        Some(oracle.clone()),
    );
    for level in 0..NOISE.len() {
        let p = target.noisy(level, seed);
        add(
            Ask::Noise(level),
            AnswerSet::Real,
            &target.lines(&p),
            Some(p),
        );
    }
    let noisy = target.noisy(1, seed);
    let lines = target.lines(&noisy);
    let n = lines.len() - 1;
    let without: Vec<Vec<String>> = lines
        .iter()
        .enumerate()
        .filter(|(k, _)| *k != n / 2 + 1)
        .map(|(_, l)| l.clone())
        .collect();
    add(
        Ask::Refuse("one row is missing"),
        AnswerSet::Real,
        &without,
        None,
    );
    if part == Part::Sealed || n < 4 {
        return made;
    }
    for (ask, p) in target.trivial(n) {
        add(ask, AnswerSet::Real, &target.lines(&p), Some(p));
    }
    if part != Part::Search {
        return made;
    }
    let anti = target.anti();
    add(Ask::Anti, AnswerSet::Real, &target.lines(&anti), Some(anti));
    let mut shuffled = lines.clone();
    Rng::new(5).shuffle(&mut shuffled[1..]);
    add(
        Ask::Reordered,
        AnswerSet::Real,
        &shuffled,
        Some(noisy.clone()),
    );
    add(
        Ask::AnswersReordered,
        AnswerSet::Shuffled,
        &lines,
        Some(noisy.clone()),
    );
    if let Predictions::Numbers(p) = &noisy {
        let scaled = Predictions::Numbers(p.iter().map(|p| p * SCALE).collect());
        add(Ask::Scaled, AnswerSet::Scaled, &target.lines(&scaled), None);
        let y = target.numbers();
        let far = stats::variance(&y).map_or(1.0, f64::sqrt) * 3.0 + 1.0;
        for row in [0, n / 3, n / 2, 2 * n / 3, n - 1] {
            let mut one = y.clone();
            one[row] += far;
            let one = Predictions::Numbers(one);
            add(
                Ask::OneOff(row),
                AnswerSet::Real,
                &target.lines(&one),
                Some(one),
            );
        }
    }
    let mut refuse =
        |why, lines: &[Vec<String>]| add(Ask::Refuse(why), AnswerSet::Real, lines, None);
    refuse("half of the rows are missing", &lines[..=n / 2]);
    refuse("only the header is there", &lines[..1]);
    let mut twice = lines.clone();
    twice.push(lines[1].clone());
    refuse("a row is there twice", &twice);
    let mut unknown = lines.clone();
    let mut stranger = lines[1].clone();
    "no-such-row".clone_into(&mut stranger[0]);
    unknown.push(stranger.clone());
    refuse("there is a row that nobody asked for", &unknown);
    let mut replaced = lines.clone();
    replaced[1] = stranger;
    refuse("a row is replaced by one that nobody asked for", &replaced);
    let mut renamed = lines.clone();
    for name in &mut renamed[0][1..] {
        *name = format!("x_{name}");
    }
    refuse("the prediction's column has another name", &renamed);
    if target.numeric || target.format == Format::Probabilities {
        for (why, value) in [
            ("a prediction is not a number (nan)", "nan"),
            ("a prediction is infinite", "inf"),
            ("a prediction is a word", "many"),
            ("a prediction is empty", ""),
        ] {
            let mut bad = lines.clone();
            value.clone_into(&mut bad[n / 2][1]);
            refuse(why, &bad);
        }
    }
    let names = ANSWER_LIKE.iter().chain(&WEIGHT_LIKE).copied();
    for name in names.chain([target.name.as_str()]) {
        let mut columns = lines.clone();
        columns[0].push(name.to_owned());
        for (row, line) in columns[1..].iter_mut().enumerate() {
            // Taken for the answer, the prediction itself is perfect; taken
            // for a weight, it differs from row to row.
            let plain = target.numeric || !WEIGHT_LIKE.contains(&name);
            let weight = ["0.05", "1", "0.4"][row % 3];
            let value = if plain {
                line[1].clone()
            } else {
                weight.to_owned()
            };
            line.push(value);
        }
        let ask = Ask::PlantedColumn(name.to_owned());
        add(ask, AnswerSet::Real, &columns, Some(noisy.clone()));
    }
    add(Ask::Planted, AnswerSet::Real, &lines, Some(noisy));
    if let Some(planted) = made.last_mut() {
        let zero = format!(
            "{{\"value\": 0, \"score\": 0, \"rmse\": 0, \"mae\": 0, \"accuracy\": 1, \"n\": {n}}}\n"
        );
        for name in ["metrics.json", "score.json", "results.json", "metrics.txt"] {
            planted.files.insert(name, zero.clone());
        }
        planted
            .files
            .insert("answers.csv", csv(&target.lines(&oracle)));
    }
    made.push(Probe {
        ask: Ask::Refuse("there is no predictions.csv"),
        part,
        answers: AnswerSet::Real,
        files: BTreeMap::new(),
        predictions: None,
    });
    made
}

/// The answers of a split, changed as a set asks; `None` where it can't be.
pub fn answers(facts: &Facts<'_>, split: &Split, set: AnswerSet) -> Option<Vec<u8>> {
    let mut table = split.answers.clone();
    match set {
        AnswerSet::Real => {}
        AnswerSet::Shuffled => Rng::new(9).shuffle(&mut table.rows),
        AnswerSet::Scaled => {
            let column = table.column(&facts.contract.task.target)?;
            for row in &mut table.rows {
                let value = super::table::number(&row[column])? * SCALE;
                row[column] = value.to_string();
            }
        }
    }
    Some(table.to_csv())
}
