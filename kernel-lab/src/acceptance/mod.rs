//! The first contact with a GPU as one thing: facts, driver calls, the null test, the simulator
//! against the GPU, the red team, a few tasks. In a time that it keeps by itself.
//!
//! On a simulator all of it runs that has a meaning there, and the document says that it is
//! one: what it shows is that the lab works, and nothing of a GPU.

mod budget;
mod differential;
mod driver;
mod outcome;
mod place;
mod tasks;

use std::ffi::OsString;
use std::time::{Duration, Instant};

use kernel_nvrtc::{Arch, Compiler};

pub use outcome::{Case, Document, Outcome, Part};

use self::budget::{Budget, Deadline};
use self::differential::Sides;
use self::driver::Driver;
use self::place::Place;
use crate::device::cuda::Cuda;
use crate::error::{HarnessError, chain};
use crate::evaluate::{Config, Lab, draw_seed};
use crate::needs;
use crate::plan::{Target, did_you_mean};
use crate::redteam::{self, Corpus};

/// The parts in their order, and the share of the time that is spent when each must be through.
/// The last of it is for what was begun just before its end.
const PARTS: [(&str, f64); 6] = [
    ("facts", 0.02),
    ("driver", 0.12),
    ("null_test", 0.25),
    ("differential", 0.50),
    ("red_team", 0.75),
    ("tasks", 0.95),
];

/// Why there is no null test on a simulator.
const NO_TIME: &str = "a simulator has no time that copies could be compared by";

/// What is to be tried.
#[derive(Clone, Debug)]
pub struct Options {
    /// Parts, by name; all where empty.
    pub parts: Vec<String>,
    /// Cases, by name: of the driver, templates, cases of the red team, tasks; all where empty.
    pub only: Vec<String>,
    /// How long it may take.
    pub budget: Duration,
    /// Whether the simulator is compared with itself where there is no GPU: a rehearsal of the
    /// comparison, that says nothing of a GPU.
    pub rehearse: bool,
}

/// Hears a line about each case when it is through.
type Tell<'a> = &'a mut dyn FnMut(&str);

/// A case under way.
struct Tried(Instant);

impl Tried {
    fn begin() -> Self {
        Self(Instant::now())
    }

    fn end(self, name: &str, result: Result<String, String>) -> Case {
        Case::of(name, result, self.0.elapsed().as_secs_f64())
    }
}

/// Names of the parts.
pub fn parts() -> impl Iterator<Item = &'static str> {
    PARTS.iter().map(|(name, _)| *name)
}

/// Tries what `options` say on the lab's CUDA device. `progress` receives one line for each case.
///
/// # Errors
/// Where nothing can be tried: no device, no compiler, a part that there is not.
pub fn run(
    lab: &mut Lab,
    config: &Config,
    options: &Options,
    progress: &mut dyn FnMut(&str),
) -> Result<Document, HarnessError> {
    let budget = Budget::new(Instant::now(), options.budget);
    let Some(arch) = &lab.arch().cloned() else {
        return Err(HarnessError::CudaInput(
            "an acceptance is of a GPU: say `--device cuda`".to_owned(),
        ));
    };
    for part in &options.parts {
        known("--parts", part, &parts().collect::<Vec<_>>())?;
    }
    if !options.only.is_empty() {
        let names = case_names(lab, config)?;
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        for name in &options.only {
            known("--only", name, &names)?;
        }
    }
    let mut device = place::find(config, arch)?;
    let compiler = crate::cuda::compiler(&variable)?;
    let facts = device.facts();
    let fact = |name: &str| facts.get(name).cloned().unwrap_or_default();
    let mut ground = Ground {
        lab,
        config,
        options,
        arch,
        compiler: &compiler,
        place: device.as_mut(),
    };
    let mut done: Vec<Part> = Vec::new();
    let wanted = |name: &str| options.parts.is_empty() || options.parts.iter().any(|p| p == name);
    for (name, share) in PARTS.into_iter().filter(|(name, _)| wanted(name)) {
        let since = Instant::now();
        let mut tell = |line: &str| {
            let (spent, total) = (budget.spent().as_secs(), budget.total().as_secs());
            progress(&format!("{spent}/{total} s {name}: {line}"));
        };
        let tried = ground.part(name, budget.until(share), &mut tell);
        let seconds = since.elapsed().as_secs_f64();
        done.push(match tried {
            Ok(Cases::Tried(cases)) => Part::of(name, cases, seconds),
            Ok(Cases::None(why)) => Part::without_cases(name, Outcome::Skipped, why, seconds),
            Err(error) => Part::without_cases(name, Outcome::Failed, chain(&error), seconds),
        });
    }
    let cases = || done.iter().flat_map(|part| &part.cases);
    Ok(Document {
        schema: 1,
        passed: done.iter().all(|part| part.outcome != Outcome::Failed),
        complete: !cases().any(|case| case.out_of_time),
        simulated: ground.lab.is_simulated(),
        device: fact("gpu"),
        driver: fact("driver_cuda"),
        arch: arch.name().to_owned(),
        budget_seconds: budget.total().as_secs_f64(),
        seconds: budget.spent().as_secs_f64(),
        parts: done,
    })
}

/// Refuses a name that is none of those that there are.
fn known(option: &str, name: &str, names: &[&str]) -> Result<(), HarnessError> {
    if names.contains(&name) {
        return Ok(());
    }
    let near = did_you_mean(name, names.iter().copied()).map_or_else(
        || format!("; there are {}", names.join(", ")),
        |near| format!(" (did you mean `{near}`?)"),
    );
    Err(HarnessError::CudaInput(format!(
        "{option}: there is no `{name}`{near}"
    )))
}

/// All that `--only` can choose.
fn case_names(lab: &Lab, config: &Config) -> Result<Vec<String>, HarnessError> {
    let corpus = Corpus::load(&config.red_team, &lab.task_names()?)?;
    let of_gpu = corpus
        .cases
        .into_iter()
        .filter(|case| case.target == Target::Cuda);
    let own = driver::CASES
        .into_iter()
        .chain(tasks::TASKS)
        .map(str::to_owned);
    let templates = lab.templates.iter().map(|template| template.name.clone());
    Ok(own
        .chain(templates)
        .chain(of_gpu.map(|case| case.name))
        .collect())
}

fn variable(name: &str) -> Option<OsString> {
    std::env::var_os(name)
}

/// What came of a part.
enum Cases {
    Tried(Vec<Case>),
    /// Nothing could be tried, and why.
    None(String),
}

/// What the parts are tried on.
struct Ground<'a> {
    lab: &'a mut Lab,
    config: &'a Config,
    options: &'a Options,
    arch: &'a Arch,
    compiler: &'a Compiler,
    place: &'a mut dyn Place,
}

impl Ground<'_> {
    fn part(
        &mut self,
        name: &str,
        deadline: Deadline,
        tell: Tell<'_>,
    ) -> Result<Cases, HarnessError> {
        match name {
            "facts" => Ok(self.facts(tell)),
            "driver" => self.driver(deadline, tell),
            "null_test" => Ok(Cases::None(NO_TIME.to_owned())),
            "differential" => self.differential(deadline, tell),
            "red_team" => self.red_team(deadline, tell),
            _ => Ok(Cases::Tried(tasks::tasks(
                self.lab,
                &self.options.only,
                deadline,
                tell,
            ))),
        }
    }

    /// A case, if it was asked for.
    fn is_wanted(&self, name: &str) -> bool {
        let only = &self.options.only;
        only.is_empty() || only.iter().any(|wanted| wanted == name)
    }

    /// A simulator needs no GPU, and a GPU needs no simulator: for the judge, both.
    fn facts(&self, tell: Tell<'_>) -> Cases {
        let simulated = self.lab.is_simulated();
        let needs = needs::of_cuda(&self.config.runners, &variable);
        let cases = needs.into_iter().map(|need| {
            let of_a_gpu = ["gpu", "driver"].contains(&need.name.as_str());
            let case = if need.found {
                Case::of(&need.name, Ok(need.detail), 0.0)
            } else if simulated && of_a_gpu {
                Case::skipped(&need.name, need.detail)
            } else {
                let remedy = need.remedy.unwrap_or_default();
                Case::of(&need.name, Err(format!("{}: {remedy}", need.detail)), 0.0)
            };
            tell(&case.line());
            case
        });
        Cases::Tried(cases.collect())
    }

    fn driver(&mut self, deadline: Deadline, tell: Tell<'_>) -> Result<Cases, HarnessError> {
        let names: Vec<&str> = driver::CASES
            .into_iter()
            .filter(|name| self.is_wanted(name))
            .collect();
        let mut driver = Driver::new(self.place, self.compiler, self.arch)?;
        let cases = names.into_iter().map(|name| {
            let case = if deadline.has_passed() {
                Case::too_late(name)
            } else {
                let tried = Tried::begin();
                tried.end(name, driver.case(name))
            };
            tell(&case.line());
            case
        });
        Ok(Cases::Tried(cases.collect()))
    }

    fn differential(&mut self, deadline: Deadline, tell: Tell<'_>) -> Result<Cases, HarnessError> {
        if self.lab.is_simulated() && !self.options.rehearse {
            let why = "there is no GPU to compare the simulator with (--rehearse compares it with itself)";
            return Ok(Cases::None(why.to_owned()));
        }
        let mut simulator = Cuda::find(&self.config.runners, self.arch, &self.config.cpus)?;
        let mut sides = Sides {
            simulator: &mut simulator,
            other: self.place,
            compiler: self.compiler,
            arch: self.arch,
        };
        let (lab, only) = (&mut *self.lab, &self.options.only);
        let seed = draw_seed()?;
        differential::differential(lab, &mut sides, only, deadline, seed, tell).map(Cases::Tried)
    }

    /// The corpus's cases for a GPU.
    fn red_team(&mut self, deadline: Deadline, tell: Tell<'_>) -> Result<Cases, HarnessError> {
        let corpus = Corpus::load(&self.config.red_team, &self.lab.task_names()?)?;
        let names: Vec<String> = corpus
            .cases
            .iter()
            .filter(|case| case.target == Target::Cuda && self.is_wanted(&case.name))
            .map(|case| format!("{}/{}", case.half, case.name))
            .collect();
        if names.is_empty() {
            return Ok(Cases::None(
                "no case of the corpus was asked for".to_owned(),
            ));
        }
        let options = redteam::Options {
            corpus: self.config.red_team.clone(),
            rounds: 1,
            base_seed: None,
            only: names.clone(),
            cuda: self.config.clone(),
            until: Some(deadline.0),
        };
        let outcome = redteam::run(self.lab, &options, tell)?;
        let mut cases: Vec<Case> = outcome.cases.iter().map(of_row).collect();
        let left = names.iter().filter_map(|name| {
            let name = name.rsplit('/').next()?;
            let tried = outcome.cases.iter().any(|row| row.name == name);
            (!tried).then(|| Case::too_late(name))
        });
        cases.extend(left);
        Ok(Cases::Tried(cases))
    }
}

/// A case of the red team as one of these.
fn of_row(row: &redteam::Row) -> Case {
    let told = row.trials.iter().map(|trial| {
        let code = trial.code.as_deref().unwrap_or_default();
        format!("{} {code} {}", trial.verdict, trial.reason)
    });
    let told = told.collect::<Vec<_>>().join("; ");
    let seconds = row.trials.iter().map(|trial| trial.seconds).sum();
    let result = if row.right {
        Ok(told)
    } else {
        Err(format!("{} is due, and it is {told}", row.expect))
    };
    Case::of(&row.name, result, seconds)
}
