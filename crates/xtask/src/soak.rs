//! `cargo xtask soak NAME`: the long form of tests that have a short sample
//! among the others.

use anyhow::{Result, bail};
use clap::ValueEnum;

use crate::tally::{Counts, Tally};
use crate::ui::Ui;
use crate::workspace::Workspace;
use crate::{compile, red_team, setup, spawn};

/// The long tests, each with its time on two cores once it is built.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Soak {
    /// Whole campaigns that are killed at random instants, and resumed; 4 min. A thousand on phase 3: `cargo xtask kills`
    Kills,
    /// 500 faults of model providers over many campaigns; 2 min
    Faults,
    /// Every dialect through all roles to the end of phase 2; 2 min
    Roles,
    /// A table of 1 GiB, or of ALPHALAB_SOAK_MIB MiB, in bounded memory; 2 min a GiB
    BigData,
    /// Mutants of every kind of scorer; 6 min
    Scorers,
    /// Every case of the red team's corpus of kernels under 20 seeds; 100 min. Under one seed: `cargo xtask red-team`
    RedTeam,
    /// Every shipped task with every template that fits, evaluated at the defaults; 15 min
    Kernels,
    /// A hundred evaluations in one worker leave no process, no file and no memory behind; 6 min
    Leaks,
    /// Every case of the corpus of sound and flawed evaluations; 25 min
    Corpus,
}

/// Where a long test is among the tests of a package.
struct Place {
    package: &'static str,
    target: &'static str,
    filter: Option<&'static str>,
}

impl Soak {
    fn place(self) -> Option<Place> {
        let place = |target, filter| {
            Some(Place {
                package: "orchestrator",
                target,
                filter,
            })
        };
        match self {
            Self::Kills => place("kill", None),
            Self::Faults => place("providers", None),
            Self::Roles => place("roles", None),
            Self::BigData => place("bad_input", Some("larger_than_memory")),
            Self::Scorers => place("builder", Some("every_scorer")),
            Self::Kernels => Some(Place {
                package: "kernel-lab",
                target: "shipped",
                filter: None,
            }),
            Self::Leaks => Some(Place {
                package: "kernel-lab",
                target: "leaks",
                filter: None,
            }),
            Self::Corpus | Self::RedTeam => None,
        }
    }
}

/// Sets up, builds, and runs one long test to its end.
pub(crate) fn soak(workspace: &Workspace, soak: Soak) -> Result<Counts> {
    if soak == Soak::RedTeam {
        let passed = red_team::run(workspace, &["--seeds".to_owned(), "20".to_owned()])?;
        return Ok(if passed {
            Counts::PASSED
        } else {
            Counts::FAILED
        });
    }
    let ui = Ui::new("soak");
    let ready = setup::setup(workspace)?;
    eprintln!("{}", ready.summary());
    if !compile::binaries(workspace, &ready.environment, ui)? {
        bail!("the build failed");
    }
    let Some(place) = soak.place() else {
        let mut command = spawn::command(workspace.binaries().join("alphalab"));
        command
            .args(["audit", "--corpus"])
            .arg(workspace.root.join("audit-corpus"));
        ready.environment.apply(&mut command);
        let status = spawn::lines(command, |line| println!("{line}"))?;
        return Ok(if status.success() {
            Counts::PASSED
        } else {
            Counts::FAILED
        });
    };
    let packages = [place.package];
    let step = ui.step("building the tests", "about 4 min the first time");
    let Some(built) = compile::tests(workspace, &ready.environment, &step, &packages)? else {
        bail!("the tests do not compile");
    };
    step.done();
    let mut command = compile::cargo_command(workspace, &ready.environment, "test", &packages);
    command
        .args(["--test", place.target, "--"])
        .args(["--show-output", "--include-ignored"])
        .args(place.filter)
        .env("ALPHALAB_SOAK", "1")
        .env("ALPHALAB_REQUIRE_SYSTEM", "1")
        .env("ALPHALAB_BIN_DIR", workspace.binaries());
    let mut tally = Tally::new(compile::owners(&built));
    let status = spawn::lines(command, |line| {
        if tally.line(line) {
            println!("{line}");
        }
    })?;
    let mut total = Counts::default();
    for counts in tally.finish(status.success()).into_values() {
        total += counts;
    }
    Ok(total)
}
