//! What is asked for: our own options apart from Criterion's.
//!
//! Criterion reads the arguments of its process by itself and refuses those
//! that it doesn't know. This program starts twice anyway: the first process
//! takes our options out of the arguments and hands them to the second in a
//! variable.

use std::ffi::{OsStr, OsString};
use std::path::PathBuf;

use clap::Parser;
use regex::Regex;
use serde::{Deserialize, Serialize};

use crate::BenchError;

/// Carries our options to the process that measures.
pub(crate) const VARIABLE: &str = "ALPHALAB_BENCH";

/// Time verified kernels, eager PyTorch and `torch.compile` with Criterion.
///
/// One group per task with the functions `candidate`, `eager` and `compile`.
/// Candidates that are not right are not timed. The speedup of record is the
/// paired one of `kernel-lab evaluate`; Criterion's times are taken one after
/// the other.
#[derive(Clone, Debug, Default, PartialEq, Eq, Parser, Serialize, Deserialize)]
#[command(
    name = "bench",
    override_usage = "bench [FILTER] [OPTIONS] [CRITERION'S OPTIONS]",
    after_help = "FILTER, first of all, is a regular expression on TASK/FUNCTION. What else is not listed \
        is for Criterion: --sample-size N, --warm-up-time S, --measurement-time S, --save-baseline NAME, \
        --baseline NAME, --exact, --list, --test, --quick, --noplot …"
)]
pub(crate) struct Options {
    /// Tasks to bench, by name. Those that there are candidates for where
    /// these are given; all of --data; else those of a default campaign.
    #[arg(long, value_name = "NAME,…", value_delimiter = ',')]
    pub(crate) tasks: Vec<String>,
    /// Folder of candidates, one folder each: with `experiment.json`, or
    /// named after its task and with `plan.toml`, as `alphalab export` writes
    /// them. Without, the first template that fits, at its defaults.
    #[arg(long, value_name = "DIR")]
    pub(crate) candidates: Option<PathBuf>,
    /// Folder of tasks in the KernelBench format.
    #[arg(long, value_name = "DIR")]
    pub(crate) data: Option<PathBuf>,
    /// Print one JSON document on standard output and everything else on
    /// standard error.
    #[arg(long)]
    pub(crate) json: bool,
}

/// Our options that take a value.
const WITH_VALUE: [&str; 3] = ["--tasks", "--candidates", "--data"];
/// Those that don't; `--help` is ours too.
const FLAGS: [&str; 3] = ["--json", "--help", "-h"];

/// Our arguments, and those that are left for Criterion.
pub(crate) fn divide(
    arguments: impl IntoIterator<Item = OsString>,
) -> (Vec<OsString>, Vec<OsString>) {
    let (mut ours, mut rest) = (Vec::new(), Vec::new());
    let mut arguments = arguments.into_iter();
    while let Some(argument) = arguments.next() {
        let text = argument.to_string_lossy();
        let name = text.split('=').next().unwrap_or_default();
        if WITH_VALUE.contains(&name) {
            let value_follows = name == text;
            ours.push(argument);
            ours.extend(value_follows.then(|| arguments.next()).flatten());
        } else if FLAGS.contains(&&*text) {
            ours.push(argument);
        } else {
            rest.push(argument);
        }
    }
    // Cargo says this to benches, and Criterion only tests without it.
    if !rest.iter().any(|argument| argument == "--bench") {
        rest.push("--bench".into());
    }
    (ours, rest)
}

/// What Criterion will do, as far as it concerns us.
#[derive(Clone, Debug)]
pub(crate) struct Wishes {
    filter: Option<Filter>,
    /// Functions are named, nothing runs.
    pub(crate) list: bool,
    /// Results are written.
    pub(crate) estimates: bool,
}

#[derive(Clone, Debug)]
enum Filter {
    Exact(String),
    Regex(Regex),
}

impl Wishes {
    /// Reads Criterion's arguments.
    pub(crate) fn of(arguments: &[OsString]) -> Result<Self, BenchError> {
        let has = |name: &str| {
            arguments.iter().any(|argument| {
                let text = argument.to_string_lossy();
                text.strip_prefix(name)
                    .is_some_and(|rest| rest.is_empty() || rest.starts_with('='))
            })
        };
        let first = arguments.first().map(|text| text.to_string_lossy());
        let filter = match first.filter(|text| !text.starts_with('-')) {
            None => None,
            Some(text) if has("--exact") => Some(Filter::Exact(text.into_owned())),
            Some(text) => Some(Filter::Regex(Regex::new(&text).map_err(|error| {
                BenchError::Input(format!("FILTER `{text}` is no regular expression: {error}"))
            })?)),
        };
        let without_results = [
            "--list",
            "--test",
            "--profile-time",
            "--load-baseline",
            "--discard-baseline",
        ];
        Ok(Self {
            filter,
            list: has("--list"),
            estimates: !without_results.iter().any(|name| has(name)),
        })
    }

    /// Whether Criterion will run this function. A filter that does not come
    /// first is seen by Criterion alone: then more is prepared than is run.
    pub(crate) fn admit(&self, task: &str, function: &str) -> bool {
        let id = format!("{task}/{function}");
        match &self.filter {
            None => true,
            Some(Filter::Exact(exact)) => *exact == id,
            Some(Filter::Regex(regex)) => regex.is_match(&id),
        }
    }
}

impl Options {
    /// Reads our arguments; ends the process with help, or with a message on
    /// wrong usage.
    pub(crate) fn parse_ours(ours: Vec<OsString>) -> Self {
        Self::parse_from([OsString::from("bench")].into_iter().chain(ours))
    }

    /// For the second process.
    pub(crate) fn to_variable(&self) -> Result<OsString, BenchError> {
        match serde_json::to_string(self) {
            Ok(text) => Ok(text.into()),
            Err(error) => Err(BenchError::Input(format!(
                "the options can't be passed on: {error}"
            ))),
        }
    }

    /// In the second process.
    pub(crate) fn from_variable(text: Option<&OsStr>) -> Result<Self, BenchError> {
        let text = text.unwrap_or_default().to_string_lossy();
        serde_json::from_str(&text)
            .map_err(|error| BenchError::Input(format!("{VARIABLE} is `{text}`: {error}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<OsString> {
        text.split_whitespace().map(OsString::from).collect()
    }

    #[test]
    fn ours_are_taken_out_wherever_they_are() {
        let (ours, rest) = divide(words(
            "softmax --tasks a,b --sample-size 20 --data=x --json --bench",
        ));
        assert_eq!(ours, words("--tasks a,b --data=x --json"));
        assert_eq!(rest, words("softmax --sample-size 20 --bench"));
        let options = Options::parse_ours(ours);
        assert_eq!(options.tasks, ["a", "b"]);
        assert!(options.json && options.candidates.is_none());
        let text = options.to_variable().unwrap();
        assert_eq!(Options::from_variable(Some(&text)).unwrap(), options);
    }

    #[test]
    fn a_value_that_is_missing_is_clap_s_to_refuse() {
        let (ours, rest) = divide(words("--list --tasks"));
        assert_eq!(rest, words("--list --bench"));
        assert!(Options::try_parse_from(words("bench").into_iter().chain(ours)).is_err());
    }

    #[test]
    fn the_filter_is_on_task_and_function() {
        let wishes = |text| Wishes::of(&words(text)).unwrap();
        let some = wishes("soft.*/eager --bench");
        assert!(some.admit("softmax", "eager") && !some.admit("softmax", "candidate"));
        let exact = wishes("softmax/eager --exact --bench");
        assert!(exact.admit("softmax", "eager") && !exact.admit("log_softmax", "eager"));
        assert!(wishes("--sample-size 20").admit("any", "compile"));
        let error = Wishes::of(&words("soft( --bench")).unwrap_err();
        assert!(error.to_string().contains("soft("), "{error}");
    }

    #[test]
    fn runs_that_write_nothing_are_known() {
        let estimates = |text| Wishes::of(&words(text)).unwrap().estimates;
        assert!(estimates("x --save-baseline y --bench"));
        assert!(!estimates("--test --bench"));
        assert!(!estimates("--profile-time=3 --bench"));
        assert!(Wishes::of(&words("--list")).unwrap().list);
    }
}
