//! The `kernel-lab` program.

use std::io::{BufReader, Write as _};
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser as _;
use kernel_lab::admit::manifest::Manifest;
use kernel_lab::admit::{self, Document};
use kernel_lab::bundle::{Trust, Verification};
use kernel_lab::checked::Checked;
use kernel_lab::cli::{CandidateArgs, CheckArgs, Cli, Command, default_gpu};
use kernel_lab::error::{HarnessError, chain};
use kernel_lab::evaluate::{Abort, Config, Depth, Folder, Lab};
use kernel_lab::paths::Surroundings;
use kernel_lab::startup::{self, Standing};
use kernel_lab::task::TaskLibrary;
use kernel_lab::task::sizes::SizePolicy;
use kernel_lab::{acceptance, bundle, cuda, export, redteam, serve, show};
use protocol::Split;

fn main() -> ExitCode {
    let cli = Cli::parse();
    match run(&cli) {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            eprintln!("kernel-lab: {}", chain(&error));
            ExitCode::from(if error.is_input() { 3 } else { 1 })
        }
    }
}

/// The exit code.
fn run(cli: &Cli) -> Result<u8, HarnessError> {
    if let Command::Verify {
        bundle,
        offline: true,
        ..
    } = &cli.command
    {
        return verification(cli.json, &bundle::look(bundle)?);
    }
    if let Command::Compile(args) = &cli.command {
        let document = cuda::compile(args, &|name| std::env::var_os(name))?;
        print(cli.json, &document, kernel_nvrtc::Document::table)?;
        return Ok(if document.all_compile() {
            0
        } else {
            cuda::REFUSED
        });
    }
    let Standing { cpus, ready } = startup::standing();
    let hardware = cli.hardware()?;
    let mut config = Surroundings::read(|name| std::env::var_os(name)).resolve(
        cli.tasks_folder(),
        cli.sizes.as_deref().map(SizePolicy::parse),
        cpus,
    )?;
    config.hardware = hardware;
    if let Command::Bundle { attempt, out, log } = &cli.command {
        let tasks = TaskLibrary::new(config.tasks);
        let manifest = bundle::write(attempt, &tasks, log.clone(), out)?;
        return print(cli.json, &manifest, bundle::Manifest::line).map(|()| 0);
    }
    if !ready {
        if let Command::Verify {
            bundle, trust_task, ..
        } = &cli.command
        {
            let tasks = TaskLibrary::new(config.tasks.clone());
            if let Some(refused) = bundle::refused(bundle, &tasks, trust(*trust_task))? {
                return verification(cli.json, &refused);
            }
        }
        let arguments = std::env::args_os().skip(1);
        return Err(startup::start_again(&config, arguments, []));
    }
    startup::sleep_precisely();
    let mut lab = Lab::start(&config)?;
    if cli.tasks.is_some() {
        lab.check_size_table()?;
    }
    command(cli, &config, &mut lab)
}

fn command(cli: &Cli, config: &Config, lab: &mut Lab) -> Result<u8, HarnessError> {
    let abort = Abort::default();
    if let Command::Check(CheckArgs {
        all: true, only, ..
    }) = &cli.command
    {
        let mut progress = |line: &str| eprintln!("check: {line}");
        let checked = lab.check_all(only, &mut progress)?;
        print(cli.json, &checked, Checked::table)?;
        return Ok(if checked.all_ok() { 0 } else { FAILED });
    }
    let mut look = |dir: &Path, task: Option<&str>, depth, attempt: Option<(u32, Split)>| {
        let folder = Folder::open(dir, task)?;
        let mut progress = |phase: &str, detail: &str| eprintln!("kernel-lab: {phase} {detail}");
        let report = lab.look(folder.path(), depth, attempt, &abort, &mut progress)?;
        print(cli.json, &report, show::report)
    };
    let done = match &cli.command {
        Command::Check(CheckArgs { dir, task, .. }) => {
            // The command line has seen to it that there is one.
            let dir = dir.as_deref().unwrap_or(Path::new("."));
            look(dir, task.as_deref(), Depth::Check, None)
        }
        Command::Try(CandidateArgs { dir, task, .. }) => {
            look(dir, task.as_deref(), Depth::Try, None)
        }
        Command::Evaluate {
            candidate: CandidateArgs { dir, task, .. },
            attempt,
            split,
        } => look(
            dir,
            task.as_deref(),
            Depth::Evaluate,
            Some((*attempt, (*split).into())),
        ),
        Command::Describe => print(cli.json, &lab.describe()?, show::description),
        Command::Inspect { task } => print(cli.json, &lab.inspect(task)?, show::inspection),
        Command::Baseline { task } => {
            let row = lab.suite_row(task);
            match row.error {
                Some(problem) => Err(HarnessError::Task {
                    task: task.clone(),
                    problem,
                }),
                None => print(cli.json, &show::Suite::of(vec![row]), show::suite),
            }
        }
        Command::Suite { only } => {
            let rows = each(lab, only, Lab::suite_row)?;
            print(cli.json, &show::Suite::of(rows), show::suite)
        }
        Command::Sizes { only } => {
            let rows = each(lab, only, |lab, task| lab.size_row(task))?;
            print(cli.json, &show::SizeList::of(rows), show::sizes)
        }
        Command::RedTeam {
            corpus,
            seeds,
            seed,
            only,
        } => {
            let options = redteam::Options {
                corpus: corpus.clone().unwrap_or_else(|| config.red_team.clone()),
                rounds: (*seeds).into(),
                base_seed: *seed,
                only: only.clone(),
                cuda: Config {
                    hardware: default_gpu(),
                    ..config.clone()
                },
                until: None,
            };
            let mut progress = |line: &str| eprintln!("red-team: {line}");
            let outcome = redteam::run(lab, &options, &mut progress)?;
            print(cli.json, &outcome, redteam::Outcome::table)?;
            return Ok(u8::from(!outcome.passed));
        }
        Command::Acceptance {
            arch: _,
            parts,
            only,
            seconds,
            rehearse,
            out,
        } => {
            let options = acceptance::Options {
                parts: parts.clone(),
                only: only.clone(),
                budget: Duration::from_secs(*seconds),
                rehearse: *rehearse,
            };
            let mut progress = |line: &str| eprintln!("acceptance: {line}");
            let document = acceptance::run(lab, config, &options, &mut progress)?;
            if let Some(path) = out {
                document.write(path)?;
            }
            print(cli.json, &document, acceptance::Document::table)?;
            return Ok(if document.passed { 0 } else { FAILED });
        }
        Command::Admit {
            dir: _,
            only,
            size,
            seed,
            manifest,
        } => {
            let options = admit::Options {
                size: size.clone(),
                seed: seed.unwrap_or(admit::SEED),
            };
            let before = match manifest {
                Some(path) => Manifest::read(path)?,
                None => None,
            };
            let mut progress = |line: &str| eprintln!("admit: {line}");
            let document = lab.admit(only, &options, &mut progress)?;
            if let Some(path) = manifest {
                document.manifest(before, &lab.task_names()?).write(path)?;
            }
            print(cli.json, &document, Document::table)
        }
        Command::Serve { .. } => {
            serve::serve(lab, BufReader::new(std::io::stdin()), std::io::stdout())
        }
        // Told before a lab is started.
        Command::Bundle { .. } | Command::Compile(_) => Ok(()),
        Command::Verify {
            bundle, trust_task, ..
        } => {
            let mut progress =
                |phase: &str, detail: &str| eprintln!("kernel-lab: {phase} {detail}");
            let outcome = bundle::verify(bundle, lab, trust(*trust_task), &mut progress)?;
            return verification(cli.json, &outcome);
        }
        Command::Export { dirs, out, log } => {
            let mut progress = |line: &str| eprintln!("kernel-lab: export {line}");
            let done = export::write(lab, dirs, log.as_ref(), out, &mut progress)?;
            print(cli.json, &done, export::Exported::table)
        }
        Command::NullTest { seconds } => {
            eprintln!("kernel-lab: sampling for up to {seconds} s; leave the machine alone");
            let result = lab.null_test(Duration::from_secs(*seconds))?;
            print(cli.json, &result, show::null_test)
        }
    };
    done.map(|()| 0)
}

/// Exit code of a bundle that is not verified, of an acceptance that failed and of a template that
/// is not good.
const FAILED: u8 = 10;

fn verification(json: bool, outcome: &Verification) -> Result<u8, HarnessError> {
    print(json, outcome, Verification::table)?;
    Ok(if outcome.verified { 0 } else { FAILED })
}

fn trust(task: bool) -> Trust {
    if task {
        Trust::Bundle
    } else {
        Trust::KnownTasks
    }
}

/// A row for each task: of `only`, or of the lab's folder where that is empty.
fn each<T>(
    lab: &mut Lab,
    only: &[String],
    row: fn(&mut Lab, &str) -> T,
) -> Result<Vec<T>, HarnessError> {
    let tasks = if only.is_empty() {
        lab.task_names()?
    } else {
        only.to_vec()
    };
    let count = tasks.len();
    let rows = tasks.iter().enumerate().map(|(index, task)| {
        eprintln!("kernel-lab: {}/{count} {task}", index + 1);
        row(lab, task)
    });
    Ok(rows.collect())
}

fn print<T: serde::Serialize>(
    json: bool,
    value: &T,
    table: fn(&T) -> String,
) -> Result<(), HarnessError> {
    let text = if json {
        serde_json::to_string_pretty(value).map_err(|error| HarnessError::System {
            doing: "write JSON".to_owned(),
            source: std::io::Error::other(error),
        })?
    } else {
        table(value)
    };
    // A reader that has gone away has seen enough.
    let _ = writeln!(std::io::stdout(), "{}", text.trim_end());
    Ok(())
}
