//! Runs what was asked for.

use std::collections::BTreeMap;
use std::io::{self, Write as _};
use std::os::fd::AsFd as _;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::{Path, PathBuf};
use std::time::Duration;

use criterion::{BenchmarkGroup, Criterion, PlottingBackend, SamplingMode};
use kernel_lab::error::chain;
use kernel_lab::evaluate::{Abort, CANDIDATE, COMPILED, Config, EAGER, Lab, Over, Solo};
use kernel_lab::paths::Surroundings;
use kernel_lab::startup::{self, Standing};
use kernel_lab::task::TaskLibrary;
use protocol::Verdict;

use crate::candidates::{self, Entry, Found};
use crate::options::{self, Options, Wishes};
use crate::outcome::{Function, Median, Outcome, Row};
use crate::{BenchError, HostTime};

/// The functions of a group, with the lab's numbers for them.
const FUNCTIONS: [(&str, usize); 3] = [
    ("candidate", CANDIDATE),
    ("eager", EAGER),
    ("compile", COMPILED),
];
/// Folder of Criterion's results.
const HOME: &str = "CRITERION_HOME";

/// A fresh input for every call makes an iteration take many times as long as
/// what is timed of it: Criterion's own defaults would take minutes a task.
const SAMPLES: usize = 20;
const WARM_UP: Duration = Duration::from_millis(500);
const MEASUREMENT: Duration = Duration::from_secs(5);

/// `true` if all that was asked for was timed.
pub(crate) fn main() -> Result<bool, BenchError> {
    let Standing { cpus, ready } = startup::standing();
    let arguments = std::env::args_os().skip(1);
    let (options, arguments) = if ready {
        let variable = std::env::var_os(options::VARIABLE);
        let options = Options::from_variable(variable.as_deref())?;
        (options, arguments.collect())
    } else {
        let (ours, rest) = options::divide(arguments);
        (Options::parse_ours(ours), rest)
    };
    let wishes = Wishes::of(&arguments)?;
    let config = Surroundings::read(|name| std::env::var_os(name)).resolve(
        options.data.clone(),
        None,
        cpus,
    )?;
    if !ready {
        let variables = [
            (options::VARIABLE, options.to_variable()?),
            (HOME, results().into_os_string()),
        ];
        return Err(startup::start_again(&config, arguments, variables).into());
    }
    startup::sleep_precisely();
    let plan = Plan::of(&config, &options, &wishes)?;
    let mut answer = Answer::take(options.json)?;
    let mut criterion = Criterion::default()
        .plotting_backend(PlottingBackend::Plotters)
        .with_measurement(HostTime)
        .sample_size(SAMPLES)
        .warm_up_time(WARM_UP)
        .measurement_time(MEASUREMENT)
        .configure_from_args();
    if wishes.list {
        for task in &plan.tasks {
            list(&mut criterion, task);
        }
        return Ok(true);
    }
    let mut lab = Lab::start(&config)?;
    let outcome = bench(&mut lab, &mut criterion, &plan, &wishes);
    answer.give(&outcome, options.json)?;
    Ok(outcome.is_good())
}

/// Where Criterion's results go: it would ask Cargo, which a program that was
/// not started by it can't.
fn results() -> PathBuf {
    let target = || {
        let program = std::env::current_exe().ok()?;
        let folder = program.parent()?;
        let is_deps = folder.file_name().is_some_and(|name| name == "deps");
        let profile = if is_deps { folder.parent()? } else { folder };
        profile.parent().map(Path::to_owned)
    };
    std::env::var_os(HOME).map_or_else(
        || {
            std::env::var_os("CARGO_TARGET_DIR")
                .map(PathBuf::from)
                .or_else(target)
                .unwrap_or_else(|| PathBuf::from("target"))
                .join("criterion")
        },
        PathBuf::from,
    )
}

/// Where the answer goes.
struct Answer(Box<dyn io::Write>);

impl Answer {
    /// Takes standard output, so that nobody else writes into a document:
    /// what Criterion prints there goes to standard error then.
    fn take(alone: bool) -> Result<Self, BenchError> {
        let failed = |source| BenchError::System {
            doing: "take standard output",
            source,
        };
        if !alone {
            return Ok(Self(Box::new(io::stdout())));
        }
        let own = io::stdout().as_fd().try_clone_to_owned().map_err(failed)?;
        // SAFETY: both descriptors are open for as long as the process lives.
        if unsafe { libc::dup2(libc::STDERR_FILENO, libc::STDOUT_FILENO) } < 0 {
            return Err(failed(io::Error::last_os_error()));
        }
        Ok(Self(Box::new(std::fs::File::from(own))))
    }

    fn give(&mut self, outcome: &Outcome, json: bool) -> Result<(), BenchError> {
        let text = if json {
            serde_json::to_string_pretty(outcome).map_err(|error| BenchError::System {
                doing: "write JSON",
                source: io::Error::other(error),
            })?
        } else {
            format!("\n{}{}", outcome.table(), outcome.line())
        };
        // A reader that has gone away has seen enough.
        let _ = writeln!(self.0, "{text}");
        Ok(())
    }
}

/// What is to be benched.
struct Plan {
    tasks: Vec<String>,
    /// The candidates that were given, by task.
    found: Option<BTreeMap<String, Found>>,
}

impl Plan {
    fn of(config: &Config, options: &Options, wishes: &Wishes) -> Result<Self, BenchError> {
        let found = match &options.candidates {
            Some(folder) => Some(candidates::in_folder(folder)?),
            None => None,
        };
        let known = TaskLibrary::new(config.tasks.clone()).names()?;
        let mut tasks = match (&options.tasks, &found, &options.data) {
            (named, _, _) if !named.is_empty() => named.clone(),
            (_, Some(found), _) => found.keys().cloned().collect(),
            (_, None, Some(_)) => known.clone(),
            (_, None, None) => candidates::default_tasks(&home(config))?,
        };
        if let Some(task) = tasks.iter().find(|task| !known.contains(task)) {
            return Err(BenchError::Input(format!(
                "there is no task `{task}` in `{}`",
                config.tasks.display()
            )));
        }
        if let Some(found) = &found
            && let Some(task) = tasks.iter().find(|task| !found.contains_key(*task))
        {
            return Err(BenchError::Input(format!(
                "there is no candidate for task `{task}`; there are some for: {}",
                found.keys().cloned().collect::<Vec<_>>().join(", ")
            )));
        }
        tasks.retain(|task| {
            let mut functions = FUNCTIONS.iter();
            functions.any(|(name, _)| wishes.admit(task, name))
        });
        if tasks.is_empty() {
            return Err(BenchError::Input("FILTER admits no function".to_owned()));
        }
        Ok(Self { tasks, found })
    }
}

fn bench(
    lab: &mut Lab,
    criterion: &mut Criterion<HostTime>,
    plan: &Plan,
    wishes: &Wishes,
) -> Outcome {
    let results = results();
    let mut rows = Vec::new();
    for (index, task) in plan.tasks.iter().enumerate() {
        eprintln!("bench: {}/{} {task}", index + 1, plan.tasks.len());
        let found = plan.found.as_ref().and_then(|found| found.get(task));
        let mut row = match Entry::of(lab, task, found) {
            Ok(entry) => time(lab, criterion, task, &entry),
            Err(error) => failed(task, String::new(), &error),
        };
        if wishes.estimates {
            for function in &mut row.functions {
                function.median = Median::read(&results, task, &function.name);
            }
            if row.verdict != "ok" {
                forget(&results, task);
            }
        }
        if let Some(reason) = &row.reason {
            eprintln!("bench: {task} is not timed: {}: {reason}", row.verdict);
        }
        rows.push(row);
    }
    criterion.final_summary();
    let report = results.join("report/index.html");
    Outcome {
        schema: 1,
        report: (wishes.estimates && report.is_file()).then_some(report),
        tasks: rows,
    }
}

/// The folder with `adapters/`, beside that of the templates.
fn home(config: &Config) -> PathBuf {
    let kernels = config.templates.parent();
    kernels
        .and_then(Path::parent)
        .map_or_else(PathBuf::new, Path::to_owned)
}

/// Removes what Criterion's report would still show of a candidate that is not
/// right: what it was timed at before that was known, or an earlier one.
/// Baselines that have a name are left alone.
fn forget(results: &Path, task: &str) {
    let group = results.join(task);
    let candidate = group.join("candidate");
    for folder in ["new", "base", "change", "report"].map(|name| candidate.join(name)) {
        // Most of the time there is nothing.
        let _ = std::fs::remove_dir_all(folder);
    }
    let _ = std::fs::remove_dir_all(group.join("report"));
}

/// Lets Criterion name the functions of a task; none of them runs.
fn list(criterion: &mut Criterion<HostTime>, task: &str) {
    let mut group = criterion.benchmark_group(task);
    for (name, _) in FUNCTIONS {
        group.bench_function(name, |bencher| bencher.iter(|| ()));
    }
    group.finish();
}

fn failed(task: &str, candidate: String, error: &BenchError) -> Row {
    Row {
        task: task.to_owned(),
        candidate,
        verdict: "error".to_owned(),
        reason: Some(chain(error)),
        functions: Vec::new(),
    }
}

/// One group: judged, timed, judged again.
fn time(lab: &mut Lab, criterion: &mut Criterion<HostTime>, task: &str, entry: &Entry) -> Row {
    eprintln!("bench: the candidate is {}", entry.what);
    let mut functions = Vec::new();
    let mut progress = |phase: &str, detail: &str| eprintln!("bench: {task}: {phase} {detail}");
    let verdict = lab.solo(
        entry.folder.path(),
        &Abort::default(),
        &mut progress,
        &mut |solo| {
            let mut group = criterion.benchmark_group(task);
            group.sampling_mode(SamplingMode::Flat);
            for (name, contestant) in FUNCTIONS {
                if contestant == COMPILED && !solo.has_compiled() {
                    continue;
                }
                match function(&mut group, solo, name, contestant) {
                    Ok(Some(function)) => functions.push(function),
                    // It is not among those that were asked for.
                    Ok(None) => {}
                    Err(Over) => break,
                }
            }
            group.finish();
        },
    );
    let candidate = entry.what.clone();
    match verdict {
        Ok(Verdict::Ok) => Row {
            task: task.to_owned(),
            candidate,
            verdict: "ok".to_owned(),
            reason: None,
            functions,
        },
        Ok(verdict) => Row {
            task: task.to_owned(),
            candidate,
            verdict: verdict.word().to_owned(),
            reason: Some(verdict.reason().to_owned()),
            functions: Vec::new(),
        },
        Err(error) => failed(task, candidate, &error.into()),
    }
}

/// Has Criterion sample one contestant.
fn function(
    group: &mut BenchmarkGroup<'_, HostTime>,
    solo: &mut Solo<'_>,
    name: &str,
    contestant: usize,
) -> Result<Option<Function>, Over> {
    let (mut calls, mut disturbed) = (0, 0);
    // Criterion's closures have no way to fail. It writes a function's result
    // only once it has all samples, so one that is left halfway has none.
    let sampled = catch_unwind(AssertUnwindSafe(|| {
        group.bench_function(name, |bencher| {
            bencher.iter_custom(|iterations| {
                let mut total_ns = 0.0;
                for _ in 0..iterations {
                    match solo.call(contestant) {
                        Ok(time) => {
                            total_ns += time.ns;
                            calls += 1;
                            disturbed += u64::from(time.disturbed);
                        }
                        Err(over) => resume_unwind(Box::new(over)),
                    }
                }
                total_ns
            });
        });
    }));
    match sampled {
        Ok(()) => {}
        Err(payload) if payload.is::<Over>() => return Err(Over),
        Err(payload) => resume_unwind(payload),
    }
    Ok((calls > 0).then(|| Function {
        name: name.to_owned(),
        calls,
        disturbed,
        median: None,
    }))
}
