//! Trials of the campaign engine on the synthetic lab: each prints a table and
//! ends with a line that says the result. Exit code 1 if it did not pass.
//!
//! ```text
//! cargo build --release -p orchestrator --bins --examples
//! target/release/examples/trials kills --kills 1000
//! ```

mod cheats;
mod kills;
mod ledger;
mod processes;
mod recovery;
mod room;
mod scene;

use std::error::Error;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use serde_json::Value;

/// Tries a campaign engine hard.
#[derive(Debug, Parser)]
struct Cli {
    #[command(subcommand)]
    trial: Trial,
    /// Print JSON instead of a table.
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Debug, Subcommand)]
enum Trial {
    /// Kill orchestrators, lab workers and their runners at random instants.
    Kills {
        /// How many.
        #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..))]
        kills: u32,
        /// Seed of the instants and the victims.
        #[arg(long, default_value_t = 1)]
        seed: u64,
    },
    /// Hand in candidates that cheat, each in a campaign of its own.
    Cheats,
    /// Look for known optima under noise.
    Recovery {
        /// Seeds, each with an optimum of its own.
        #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..))]
        seeds: u32,
        /// Most experiments of a campaign.
        #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..))]
        experiments: u32,
    },
}

/// What came of a trial.
struct Outcome {
    /// The line that says it.
    line: String,
    /// Whether what had to hold did.
    passed: bool,
    /// The table, for people.
    table: String,
    /// The same and more, for programs.
    document: Value,
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    match try_it(&cli.trial) {
        Ok(outcome) => {
            if cli.json {
                println!("{}", outcome.document);
            } else {
                print!("{}", outcome.table);
                println!("{}", outcome.line);
            }
            if outcome.passed {
                ExitCode::SUCCESS
            } else {
                ExitCode::FAILURE
            }
        }
        Err(error) => {
            eprintln!("trials: {error}");
            ExitCode::FAILURE
        }
    }
}

fn try_it(trial: &Trial) -> Result<Outcome, Box<dyn Error>> {
    match *trial {
        Trial::Kills { kills, seed } => kills::run(kills, seed),
        Trial::Cheats => cheats::run(),
        Trial::Recovery { seeds, experiments } => recovery::run(seeds, experiments),
    }
}
