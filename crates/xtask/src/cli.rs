//! The command line, and how a verb's outcome becomes an exit code.

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::problem::Problems;
use crate::soak::Soak;
use crate::trials::{self, Trial};
use crate::workspace::{Profile, Workspace};
use crate::{acceptance, bench, ci, red_team, run, setup, soak, testing};

/// Set up, run, test and check AlphaLab.
#[derive(Debug, Parser)]
#[command(
    name = "cargo xtask",
    bin_name = "cargo xtask",
    after_help = "Environment:\n  \
        ALPHALAB_VENV        where the Python environment with torch lives (default: .venv in the checkout)\n  \
        ALPHALAB_AGENT_VENV  where the agents' Python environment lives (default: .venv-agents in the checkout)\n  \
        ALPHALAB_PYTHON      the interpreter to make them from (default: the first fit one on PATH)\n  \
        CARGO_TARGET_DIR     where Cargo builds (default: target in the checkout)"
)]
struct Cli {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Check the machine, install the pinned torch and the agents' pinned Python packages
    ///
    /// Each has a virtual environment of its own. Takes about 4 minutes and 6 GB the first time, under a second after that.
    Setup,
    /// Set up, build, and start a campaign; without ARGS the default one
    ///
    /// The first run builds everything, about 15 minutes on 2 cores; later ones start at once.
    Run {
        /// Passed on to `alphalab run`
        #[arg(last = true)]
        args: Vec<String>,
    },
    /// Set up, build, and run every test
    ///
    /// Ends with `N passed, M failed`; tests that lack a system package are skipped and say so.
    Test {
        /// Install the system packages that tests use, and fail where a test would skip
        #[arg(long)]
        with_system: bool,
        /// Passed on to the test runner (a filter, for instance)
        #[arg(last = true)]
        args: Vec<String>,
    },
    /// All that a change must pass: tests with system packages, format, lints, dependencies
    Ci {
        /// Leave the tests out: only format, lints and dependencies
        #[arg(long)]
        checks_only: bool,
    },
    /// Set up, build, and run one long test; a sample of each is among the others
    Soak {
        /// Which
        name: Soak,
    },
    /// Kill orchestrators, lab workers and runners 1000 times, and count what is lost; 10 min
    ///
    /// On the synthetic lab, without torch or Python. Prints a table; ends with `kills: passed` or `kills: FAILED`.
    Kills {
        /// Passed on: `--kills N`, `--seed N`, `--json`
        #[arg(last = true)]
        args: Vec<String>,
    },
    /// Run 10,000 experiments on 64 slots, and measure; 2 min
    ///
    /// On the synthetic lab, without torch or Python. Prints a table; ends with what was met and what was missed.
    Scale {
        /// Passed on: `--experiments N`, `--slots N`, `--delay-ms N`, `--json`
        #[arg(last = true)]
        args: Vec<String>,
    },
    /// Submit candidates that cheat, each in a campaign of its own; 1 min
    ///
    /// On the synthetic lab, without torch or Python. Prints a table; ends with how many were kept out.
    Cheats {
        /// Passed on: `--json`
        #[arg(last = true)]
        args: Vec<String>,
    },
    /// Evaluate kernels that cheat and honest ones that look odd; 5 min
    ///
    /// Each is evaluated as a campaign does it. Prints a table; ends with `red-team: passed` or `red-team: FAILED`.
    RedTeam {
        /// Passed on: `--corpus DIR`, `--seeds N`, `--seed HEX`, `--only NAME,…`, `--json`
        #[arg(last = true)]
        args: Vec<String>,
    },
    /// Try all that the lab does on a CUDA device, in 8 minutes at most: the first contact with a GPU
    ///
    /// Without a GPU it is tried on the simulator. Prints a table; ends with `acceptance: passed` or `acceptance: FAILED`, and where the JSON
    /// document is. Exit code 10 if something failed, 3 if nothing could be tried.
    GpuAcceptance {
        /// Passed on: `--arch ARCH`, `--parts PART,…`, `--only NAME,…`, `--seconds N`, `--rehearse`, `--json`
        #[arg(last = true)]
        args: Vec<String>,
    },
    /// Time verified kernels, eager PyTorch and torch.compile with Criterion; half a minute a task
    ///
    /// On the tasks of a default campaign, and the first template that fits each, unless ARGS say otherwise. Writes an HTML report; ends with how many were timed and where it is.
    Bench {
        /// Passed on: `FILTER`, `--tasks NAME,…`, `--candidates DIR`, `--data DIR`, `--json`, and options of Criterion
        #[arg(last = true)]
        args: Vec<String>,
    },
    /// Look for known optima under noise, with the whole engine and at random; 5 min
    ///
    /// On the synthetic lab, without torch or Python. Prints a table; ends with how many were found.
    Recovery {
        /// Passed on: `--seeds N`, `--experiments N`, `--json`
        #[arg(last = true)]
        args: Vec<String>,
    },
}

/// Runs `cargo xtask` with the process's arguments.
///
/// Exit codes: 0 done; 1 a test or a step failed; 2 wrong usage; 3 the machine
/// lacks something (the message names the remedy). `run` ends with the exit
/// code of `alphalab run`, `gpu-acceptance` with that of `kernel-lab acceptance`.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    match dispatch(&cli.verb) {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            eprintln!("{}: failed: {error:#}", cli.verb.name());
            let fixable = error.is::<Problems>();
            ExitCode::from(if fixable { 3 } else { 1 })
        }
    }
}

impl Verb {
    fn name(&self) -> &'static str {
        match self {
            Self::Setup => "setup",
            Self::Run { .. } => "run",
            Self::Test { .. } => "test",
            Self::Ci { .. } => "ci",
            Self::Soak { .. } => "soak",
            Self::Kills { .. } => "kills",
            Self::Scale { .. } => "scale",
            Self::Cheats { .. } => "cheats",
            Self::RedTeam { .. } => "red-team",
            Self::GpuAcceptance { .. } => "gpu-acceptance",
            Self::Bench { .. } => "bench",
            Self::Recovery { .. } => "recovery",
        }
    }
}

/// The exit code: 0 if the verb did what it was asked and nothing failed.
fn dispatch(verb: &Verb) -> anyhow::Result<u8> {
    let profile = match verb {
        Verb::Test { .. } | Verb::Ci { .. } => Profile::Suite,
        Verb::Setup
        | Verb::Run { .. }
        | Verb::Soak { .. }
        | Verb::Kills { .. }
        | Verb::Scale { .. }
        | Verb::Cheats { .. }
        | Verb::RedTeam { .. }
        | Verb::GpuAcceptance { .. }
        | Verb::Bench { .. }
        | Verb::Recovery { .. } => Profile::Release,
    };
    let workspace = Workspace::locate(profile)?;
    let all_well = match verb {
        Verb::Setup => {
            println!("{}", setup::setup(&workspace)?.summary());
            Ok(true)
        }
        Verb::Run { args } => match run::run(&workspace, args)? {},
        Verb::Test { with_system, args } => {
            let counts = testing::test(&workspace, *with_system, args)?;
            println!("{counts}");
            Ok(counts.failed == 0)
        }
        Verb::Ci { checks_only } => {
            let counts = ci::ci(&workspace, *checks_only)?;
            println!("{counts}");
            Ok(counts.failed == 0)
        }
        Verb::Soak { name } => {
            let counts = soak::soak(&workspace, *name)?;
            println!("{counts}");
            Ok(counts.failed == 0)
        }
        Verb::Kills { args } => trials::run(&workspace, Trial::Kills, args),
        Verb::Scale { args } => trials::run(&workspace, Trial::Scale, args),
        Verb::Cheats { args } => trials::run(&workspace, Trial::Cheats, args),
        Verb::RedTeam { args } => red_team::run(&workspace, args),
        Verb::GpuAcceptance { args } => return acceptance::run(&workspace, args),
        Verb::Bench { args } => bench::run(&workspace, args),
        Verb::Recovery { args } => trials::run(&workspace, Trial::Recovery, args),
    }?;
    Ok(u8::from(!all_well))
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
    }

    #[test]
    fn arguments_after_the_dashes_are_passed_on_untouched() {
        let cli = Cli::try_parse_from(["xtask", "run", "--", "--experiments", "5", "--", "x"])
            .expect("parses");
        let Verb::Run { args } = cli.verb else {
            panic!("expected run, got {:?}", cli.verb)
        };
        assert_eq!(args, ["--experiments", "5", "--", "x"]);
        assert!(Cli::try_parse_from(["xtask", "run", "--experiments"]).is_err());
    }
}
