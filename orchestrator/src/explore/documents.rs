//! What the profile's scripts write, as types.

use std::collections::BTreeMap;

use protocol::Direction;
use serde::{Deserialize, Serialize};

/// `schema.json`: what the data are.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Schema {
    /// Version of the document.
    pub schema: u32,
    /// `table`, `texts`, `text` or `kernel-tasks`.
    pub kind: String,
    /// The file or folder.
    pub source: Source,
    /// Rows of a table, documents, lines of a text, or tasks.
    pub rows: u64,
    /// How it is laid out.
    pub layout: Layout,
    /// Columns of a table, in order.
    pub columns: Vec<Column>,
}

/// Where the data came from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Source {
    /// Name without its folder.
    pub name: String,
    /// `csv`, `parquet`, `json-lines`, `text`, `text-folder` or `kernel-tasks`.
    pub format: String,
    /// Size as it is stored.
    pub bytes: u64,
    /// Field delimiter of a CSV file.
    pub delimiter: Option<String>,
    /// Whether a CSV file's first line names its columns.
    pub header: Option<bool>,
    /// What has compressed it, if anything has.
    #[serde(default)]
    pub compression: Option<String>,
    /// In a folder: the files that were read, one or several of one schema, by
    /// their paths below it.
    #[serde(default)]
    pub tables: Vec<String>,
}

/// How data are laid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Layout {
    /// Rows without an order in time.
    Table,
    /// Rows with times that are not series.
    TableWithTime,
    /// A time column and a column for each series.
    WideSeries,
    /// A time column, a value, and columns that tell the series apart.
    LongSeries,
    /// Texts in a folder for each class.
    LabelsByFolder,
    /// Texts with a file of labels.
    LabelsByFile,
    /// Texts without labels.
    Unlabelled,
    /// A single text.
    OneText,
    /// A task in each file.
    Tasks,
}

/// A column of a table.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Column {
    /// Name.
    pub name: String,
    /// `integer`, `number`, `boolean`, `datetime`, `category`, `string`,
    /// `text` or `empty`.
    #[serde(rename = "type")]
    pub kind: String,
    /// What it is good for.
    pub role: Role,
    /// Whether values are missing.
    pub nullable: bool,
    /// Distinct values.
    pub distinct: u64,
    /// Whether that is no estimate.
    pub distinct_exact: bool,
}

/// What a column is good for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// To predict from.
    Feature,
    /// To predict.
    Target,
    /// Orders the rows.
    Time,
    /// Tells series apart.
    Group,
    /// Tells rows apart.
    Identifier,
    /// Has one value.
    Constant,
    /// Has none.
    Empty,
}

/// `statistics.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Statistics {
    /// Version of the document.
    pub schema: u32,
    /// As in [`Schema::rows`].
    pub rows: u64,
    /// Rows that repeat an earlier one.
    pub duplicates: Option<Duplicates>,
    /// What quantiles, correlations and models were computed from.
    pub sample: Option<Sample>,
    /// By column.
    #[serde(default)]
    pub columns: BTreeMap<String, ColumnStatistics>,
    /// Between columns of numbers.
    pub correlations: Option<Correlations>,
    /// The time column.
    pub time: Option<Time>,
    /// By column of numbers: late rows against early ones.
    #[serde(default)]
    pub drift: BTreeMap<String, Drift>,
    /// By analysed series.
    #[serde(default)]
    pub series: BTreeMap<String, Series>,
    /// The target.
    pub target: Option<Target>,
    /// Texts.
    pub text: Option<Texts>,
    /// Kernel tasks.
    pub kernels: Option<Kernels>,
}

/// Repeated rows.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Duplicates {
    /// How many repeat an earlier row.
    pub rows: u64,
    /// Of all rows.
    pub share: f64,
    /// Whether that is no estimate.
    pub exact: bool,
}

/// The sample.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sample {
    /// Rows in it.
    pub rows: u64,
    /// Whether it is all rows.
    pub whole: bool,
    /// Consecutive rows that series were analysed on.
    pub consecutive_rows: u64,
}

/// Statistics of a column; numbers in the column's own unit.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ColumnStatistics {
    /// Missing values.
    pub missing: u64,
    /// Of all rows.
    pub missing_share: f64,
    /// Distinct values.
    pub distinct: u64,
    /// Smallest number.
    pub min: Option<f64>,
    /// Largest number.
    pub max: Option<f64>,
    /// Arithmetic mean.
    pub mean: Option<f64>,
    /// Sample standard deviation.
    pub std: Option<f64>,
    /// `p01`, `p25`, `p50`, `p75`, `p99`.
    #[serde(default)]
    pub quantiles: BTreeMap<String, f64>,
    /// Values of a column of numbers that are none.
    pub not_numbers: Option<u64>,
    /// First time.
    pub first: Option<String>,
    /// Last time.
    pub last: Option<String>,
}

/// Correlations of columns of numbers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Correlations {
    /// The strongest, first.
    pub pairs: Vec<Correlation>,
}

/// One correlation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Correlation {
    /// A column.
    pub a: String,
    /// Another.
    pub b: String,
    /// Pearson's coefficient.
    pub r: f64,
}

/// The time column's order and steps.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Time {
    /// The column.
    pub column: String,
    /// First time.
    pub first: String,
    /// Last time.
    pub last: String,
    /// Commonest step in seconds.
    pub step_s: f64,
    /// Its usual name.
    pub step: String,
    /// Share of steps that are as long.
    pub regular_share: f64,
    /// Steps that are longer.
    pub gaps: u64,
    /// Steps that those leave out.
    pub missing_steps: u64,
    /// Rows with the time of the row before.
    pub repeated_times: u64,
    /// Rows older than the row before.
    pub backward_steps: u64,
    /// Lengths of the calendar's seasons at this frequency.
    pub seasons_steps: Vec<u64>,
}

/// How the last rows differ from the first.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Drift {
    /// Shift of the mean in standard deviations.
    pub mean_shift_std: f64,
    /// Late standard deviation over the early one.
    pub std_ratio: Option<f64>,
    /// Kolmogorov and Smirnov's distance.
    pub ks: f64,
}

/// An analysed series.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Series {
    /// Consecutive values looked at.
    pub points: u64,
    /// Autocorrelation by lag in steps.
    pub acf: BTreeMap<String, f64>,
    /// Seasons that were tried, the strongest first.
    pub seasons: Vec<Season>,
    /// The season worth its name.
    pub season_steps: Option<u64>,
    /// Unit root and level.
    pub stationarity: Stationarity,
    /// What naive forecasts reach.
    pub naive: Option<Naive>,
}

/// A season that was tried.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Season {
    /// Steps.
    pub length_steps: u64,
    /// STL's seasonal strength, 0 to 1.
    pub strength: f64,
    /// STL's trend strength, 0 to 1.
    pub trend_strength: f64,
}

/// Two tests with opposite null hypotheses.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Stationarity {
    /// p of augmented Dickey–Fuller: small speaks against a unit root.
    pub adf_p: Option<f64>,
    /// p of KPSS: small speaks against a constant level.
    pub kpss_p: Option<f64>,
    /// What both together say.
    pub verdict: StationarityVerdict,
}

/// What both tests together say.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StationarityVerdict {
    /// No unit root, constant level.
    Stationary,
    /// A unit root.
    UnitRoot,
    /// No unit root, but no constant level.
    TrendOrBreak,
    /// Neither test rejects.
    Undecided,
    /// They could not be computed.
    Unknown,
}

/// Errors of naive forecasts on the last fifth, in the series' unit.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Naive {
    /// How far ahead.
    pub horizon_steps: u64,
    /// The last known value.
    pub last_value_rmse: f64,
    /// The value one season before.
    pub seasonal_rmse: Option<f64>,
    /// The mean of all before.
    pub mean_rmse: f64,
}

/// The target.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Target {
    /// Its column.
    pub name: String,
    /// `classes` or `amount`.
    pub kind: String,
    /// Classes, the largest first.
    #[serde(default)]
    pub classes: Vec<ClassShare>,
    /// What simple models reach on rows they have not seen.
    pub baseline: Option<Baseline>,
    /// What each feature alone explains, the most first.
    #[serde(default)]
    pub single_features: Vec<SingleFeature>,
    /// Features that all but determine it.
    #[serde(default)]
    pub leak_suspects: Vec<String>,
}

/// A class.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ClassShare {
    /// Its value.
    pub value: String,
    /// Rows or texts.
    pub rows: u64,
    /// Of all.
    pub share: f64,
}

/// What simple models reach on rows they have not seen.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Baseline {
    /// `rmse` or `accuracy`.
    pub metric: String,
    /// By model; `constant` is always among them.
    pub scores: BTreeMap<String, f64>,
}

/// What a feature alone explains.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SingleFeature {
    /// The column.
    pub feature: String,
    /// Share of a constant's error that it removes, 0 to 1.
    pub score: f64,
}

/// Statistics of texts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Texts {
    /// Documents.
    pub documents: u64,
    /// Documents without a word.
    pub empty: u64,
    /// Documents that repeat an earlier one.
    pub duplicates: u64,
    /// Different words.
    pub vocabulary_words: u64,
    /// A rough guess, by documents looked at.
    pub languages: BTreeMap<String, u64>,
    /// Classes, the largest first.
    pub classes: Vec<ClassShare>,
    /// What simple models reach.
    pub baseline: Option<Baseline>,
    /// Entropy of the bytes of a single text.
    pub byte_entropy_bits: Option<f64>,
}

/// Kernel tasks.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Kernels {
    /// How many.
    pub count: u64,
    /// Each.
    pub tasks: Vec<KernelTask>,
    /// Tasks that use an operation.
    pub operations: BTreeMap<String, u64>,
}

/// A kernel task.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KernelTask {
    /// Its file without the extension.
    pub name: String,
    /// Library operations that its model calls.
    pub operations: Vec<String>,
}

/// `findings.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Findings {
    /// Version of the document.
    pub schema: u32,
    /// The objective that was given.
    pub objective: String,
    /// The most plausible task.
    pub guess: Guess,
    /// The most serious first.
    pub findings: Vec<Finding>,
    /// The plots.
    pub plots: Vec<Picture>,
}

/// The most plausible task.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Guess {
    /// What is to be learned.
    pub kind: TaskKind,
    /// The column or label to predict, if it is one.
    pub target: Option<String>,
    /// All columns to predict.
    pub targets: Vec<String>,
    /// The column that orders the rows.
    pub time_column: Option<String>,
    /// Columns that tell series apart.
    pub group_columns: Vec<String>,
    /// Columns that tell rows apart.
    pub identifier_columns: Vec<String>,
    /// The column of text.
    pub text_column: Option<String>,
    /// What is optimised; none if there is no task.
    pub metric: Option<GuessedMetric>,
    /// How sure, 0 to 1.
    pub confidence: f64,
    /// Why.
    pub reasons: Vec<String>,
}

/// What is to be learned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TaskKind {
    /// An amount.
    Regression,
    /// A class.
    Classification,
    /// Later values of series.
    Forecast,
    /// The class of a text.
    TextClassification,
    /// Text itself.
    LanguageModelling,
    /// Faster kernels.
    KernelOptimisation,
    /// Nothing that could be told.
    Unknown,
}

/// What is optimised.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GuessedMetric {
    /// `rmse`, `accuracy`, `roc_auc` ….
    pub name: String,
    /// Which way is better.
    pub direction: Direction,
    /// Where it comes from.
    pub source: MetricSource,
    /// The direction that the objective asks for, where it is the other one.
    pub contradiction: Option<Direction>,
}

/// Where a metric comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MetricSource {
    /// The objective names it.
    Objective,
    /// The objective speaks of a loss, an error or a score.
    ObjectiveWording,
    /// It is usual for such a task.
    Default,
}

/// Something that a reader has to know.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Finding {
    /// What kind: `leak-suspect`, `time-gaps` ….
    pub id: String,
    /// Its weight.
    pub severity: Severity,
    /// The column, file or part that it is about.
    pub subject: String,
    /// What was seen.
    pub saw: String,
    /// The number or name behind it.
    pub value: Option<serde_json::Value>,
    /// The number's unit.
    pub unit: Option<String>,
    /// What to do.
    #[serde(rename = "do")]
    pub advice: String,
}

/// A finding's weight.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Good to know.
    Info,
    /// Has to be dealt with.
    Warning,
    /// Can make every result worthless.
    Serious,
}

/// A plot.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Picture {
    /// Its file in the folder of plots.
    pub file: String,
    /// What it shows.
    pub shows: String,
}
