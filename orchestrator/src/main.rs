//! Entry point of `alphalab`.
#![forbid(unsafe_code)]

use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use clap::Parser;
use orchestrator::cli::{self, Cli, Command};
use orchestrator::commands::{
    self, AuditOptions, Audited, Comparison, ExportOptions, Failure, Places, RunOptions, exit,
};
use orchestrator::core::agent::Role;
use orchestrator::core::models::ModelSettings;
use orchestrator::core::settings::WebSettings;
use orchestrator::evaluation_lab;
use signal_hook::consts::{SIGINT, SIGTERM};

fn main() -> ExitCode {
    match dispatch(Cli::parse().command) {
        Ok(code) => ExitCode::from(code),
        Err(failure) => {
            eprintln!("alphalab: {failure}");
            ExitCode::from(failure.exit)
        }
    }
}

fn dispatch(command: Command) -> Result<u8, Failure> {
    let places = Places::read(std::env::vars_os());
    match command {
        Command::Run(run) => commands::run(&options(*run), &places, stop_flag()?),
        Command::Compare(compare) => {
            let what = Comparison {
                strategies: compare.strategies,
                seeds: compare.seeds,
                json: compare.json,
            };
            commands::compare(&what, &options(compare.run), &places, &stop_flag()?)
        }
        Command::Resume { dir, dashboard } => {
            commands::resume(&dir, dashboard.port(), &places, stop_flag()?)
        }
        Command::Serve { dir, port } => commands::serve(&dir, port, &stop_flag()?),
        Command::Status(look) => commands::status(&look.dir, look.json),
        Command::Leaderboard { look, by_model } => {
            if by_model {
                commands::by_model(&look.dir, look.json)
            } else {
                commands::leaderboard(&look.dir, look.json)
            }
        }
        Command::Playbook { look, all, export } => {
            commands::playbook(&look.dir, look.json, all, export.as_deref())
        }
        Command::Report(look) => commands::report(&look.dir, look.json),
        Command::Show { look, experiment } => {
            commands::experiment(&look.dir, experiment, look.json)
        }
        Command::Stop(look) => commands::stop(&look.dir, look.json),
        Command::Steer(steering) => {
            commands::steer(&steering.dir, steering.what.into(), steering.json)
        }
        Command::Replay { look, at } => commands::replay(&look.dir, at, look.json),
        Command::Fork { look, at, to } => commands::fork(&look.dir, at, to, look.json),
        Command::Verify { look, remeasure } => {
            commands::verify(&look.dir, remeasure, look.json, &places)
        }
        Command::Export { look, out, all } => {
            let options = ExportOptions {
                dir: look.dir,
                out,
                all,
                json: look.json,
            };
            commands::export(&options, &places)
        }
        Command::Audit(audit) => {
            let options = AuditOptions {
                what: match audit.corpus {
                    Some(corpus) => Audited::Corpus(corpus),
                    // The parser asks for one of them.
                    None => Audited::One {
                        dir: audit.dir.unwrap_or_default(),
                        data: audit.data,
                    },
                },
                no_mutants: audit.no_mutants,
                json: audit.json,
            };
            commands::audit(&options, &places)
        }
        Command::EvaluationLab(lab) => {
            let options = evaluation_lab::Options {
                evaluation: lab.evaluation,
                data: lab.data,
                adapter: lab.adapter,
                room: lab.room,
                extras: lab.extras,
            };
            let (requests, replies) = (std::io::stdin().lock(), std::io::stdout().lock());
            evaluation_lab::serve(&options, &places.environment, requests, replies)?;
            Ok(exit::OK)
        }
        Command::Doctor { json, lab } => commands::doctor(&places, &lab, json),
    }
}

/// What a run is asked for.
fn options(run: cli::Run) -> RunOptions {
    let (model, models) = models(run.model, run.role_model);
    RunOptions {
        data: run.data,
        tasks: run.tasks,
        objective: run.objective,
        adapter: run.adapter,
        model,
        models,
        experiments: run.experiments,
        hours: run.hours,
        usd: run.usd,
        tokens: run.tokens,
        workers: run.workers,
        executor: run.executor,
        device: run.device,
        arch: run.arch,
        dir: run.dir,
        seed: run.seed,
        strategy: run.strategy,
        ablations: run.ablations,
        playbook: run.playbook,
        gates: run.gate.into_iter().map(cli::Phase::number).collect(),
        shares: run.share.into_iter().collect(),
        until: run.until.map(cli::Phase::number),
        web: run.web.then_some(WebSettings {
            search_url: run.search_url,
            allowed_hosts: run.web_allow,
        }),
        python_extras: run.python_extras,
        dashboard: run.dashboard.port(),
    }
}

/// The first model, and all of them where there are several.
fn models(given: Vec<String>, of_roles: Vec<(Role, String)>) -> (String, ModelSettings) {
    let mut models = ModelSettings::default();
    for (role, model) in of_roles {
        models.roles.entry(role).or_default().push(model);
    }
    let first = given.first().cloned().unwrap_or_default();
    if given.len() > 1 {
        models.all = given;
    }
    (first, models)
}

/// A flag that the first Ctrl-C or SIGTERM sets; the second ends the process
/// at once, and its children with it.
fn stop_flag() -> Result<Arc<AtomicBool>, Failure> {
    let flag = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM] {
        // In this order: the second signal finds the flag set.
        let hard = i32::from(exit::CANCELLED);
        signal_hook::flag::register_conditional_shutdown(signal, hard, Arc::clone(&flag))?;
        signal_hook::flag::register(signal, Arc::clone(&flag))?;
    }
    Ok(flag)
}
