//! The command line of `alphalab`: parsing only.

use std::path::PathBuf;

use clap::{Parser, Subcommand};

use crate::core::agent::Role;
use crate::core::ids::ExperimentId;
use crate::core::settings::Limits;
use crate::core::steer::Steer;
use crate::core::strategy::Strategy;

/// Finds better kernels by itself, and says how it knows.
///
/// Exit codes: 0 done, 1 bug, 2 usage, 3 configuration or input, 10 finished
/// without a verified result, a replay that diverged or a campaign that does
/// not hold, 11 budget spent before anything was measured, 12 stopped (resumable), 20 the model's provider lets nobody go on (resumable).
#[derive(Debug, Parser)]
#[command(name = "alphalab", version)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Start a campaign; without arguments, on the shipped tasks.
    Run(Box<Run>),
    /// Run the same campaign with several strategies and seeds, one after
    /// another, and compare what they found. The same command with the same
    /// --dir goes on where it was stopped. Limits are those of each campaign.
    #[command(
        mut_arg("strategy", |arg| arg.hide(true)),
        mut_arg("seed", |arg| arg.hide(true)),
        mut_arg("gate", |arg| arg.hide(true)),
        mut_arg("until", |arg| arg.hide(true)),
        mut_arg("no_dashboard", |arg| arg.hide(true)),
        mut_arg("dashboard_port", |arg| arg.hide(true))
    )]
    Compare(Box<Compare>),
    /// Continue a campaign that was stopped or killed.
    Resume {
        /// Directory of the campaign.
        dir: PathBuf,
        /// Whether and where to show it.
        #[command(flatten)]
        dashboard: Dashboard,
    },
    /// Show a campaign in the browser: one that runs, or one that is over.
    /// Prints the address.
    Serve {
        /// Directory of the campaign.
        dir: PathBuf,
        /// Port on 127.0.0.1 [default: a free one].
        #[arg(
            long,
            value_name = "PORT",
            default_value_t = 0,
            hide_default_value = true
        )]
        port: u16,
    },
    /// Where a campaign stands.
    Status(Look),
    /// Verified results, one row per task.
    Leaderboard {
        /// What to look at.
        #[command(flatten)]
        look: Look,
        /// What each model has found, and what only one of them has.
        #[arg(long)]
        by_model: bool,
    },
    /// What a campaign has learned: effects, evidence for and against, and what
    /// was taken over from another campaign.
    Playbook {
        /// What to look at.
        #[command(flatten)]
        look: Look,
        /// Retired entries too.
        #[arg(long)]
        all: bool,
        /// Write it to a file that `run --playbook` takes.
        #[arg(long, value_name = "FILE")]
        export: Option<PathBuf>,
    },
    /// Write the report anew.
    Report(Look),
    /// One experiment: where it comes from, what it changes, what came of it.
    Show {
        /// The campaign, and whether to print JSON.
        #[command(flatten)]
        look: Look,
        /// Which, as in e0003.
        #[arg(value_parser = experiment)]
        experiment: ExperimentId,
    },
    /// Ask the process that drives a campaign to stop; it stays resumable.
    Stop(Look),
    /// Change the course of a campaign, while it runs or before it goes on.
    Steer(Steering),
    /// Fold a campaign's log again, and execute nothing: what it comes to, and
    /// how many events of each kind there are.
    Replay {
        /// What to look at.
        #[command(flatten)]
        look: Look,
        /// Only up to this event, and say how the campaign stood then.
        #[arg(long, value_name = "SEQ", value_parser = clap::value_parser!(u64).range(1..))]
        at: Option<u64>,
    },
    /// Make a campaign that begins with another's first events, from the freeze
    /// of the evaluation on; `alphalab resume` goes on with it.
    Fork {
        /// The other campaign, and whether to print JSON.
        #[command(flatten)]
        look: Look,
        /// The last event it has in common with the other.
        #[arg(long, value_name = "SEQ", value_parser = clap::value_parser!(u64).range(1..))]
        at: u64,
        /// Directory of the new campaign [default: DIR-at-SEQ].
        #[arg(long = "dir", value_name = "NEW")]
        to: Option<PathBuf>,
    },
    /// Check a campaign against its log: the chain of events, the files, every
    /// number of the report. Writes nothing.
    ///
    /// Exit code 10 if anything does not hold.
    Verify {
        /// What to look at.
        #[command(flatten)]
        look: Look,
        /// Measure the best K rows of the leaderboard again, in fresh processes.
        #[arg(long, value_name = "K", default_value_t = 0)]
        remeasure: usize,
    },
    /// Write what was found as programs of their own: for kernels, source trees
    /// with a `ModelNew` in the format of KernelBench and a proof bundle that
    /// `kernel-lab verify` checks. In a domain whose lab can't, the candidates'
    /// files as they are.
    ///
    /// Exit code 10 if there is nothing to export.
    Export {
        /// The campaign, and whether to print JSON.
        #[command(flatten)]
        look: Look,
        /// Folder that gets one folder per task; these must not exist
        /// [default: export in DIR].
        #[arg(long, value_name = "PATH")]
        out: Option<PathBuf>,
        /// The best verified result of every task, also where it is no better
        /// than the baseline.
        #[arg(long)]
        all: bool,
    },
    /// Try an evaluation, or a corpus of them, for leaks and faults.
    ///
    /// Exit code 10 if anything is wrong with the evaluation, or if less than
    /// 95% of the corpus is judged right.
    Audit(Audit),
    /// Is everything here that a campaign needs?
    Doctor {
        /// Print JSON.
        #[arg(long)]
        json: bool,
        /// Lab to start.
        #[arg(long, default_value = "kernel-lab", value_name = "NAME")]
        lab: String,
    },
    /// Speak the contract of labs for a frozen evaluation, on stdin and stdout.
    /// A campaign starts it itself.
    #[command(hide = true)]
    EvaluationLab(EvaluationLab),
}

/// `alphalab evaluation-lab`.
#[derive(Debug, clap::Args)]
pub struct EvaluationLab {
    /// Folder of the frozen evaluation.
    #[arg(long, value_name = "DIR")]
    pub evaluation: PathBuf,
    /// Folder of the raw data.
    #[arg(long, value_name = "DIR")]
    pub data: PathBuf,
    /// Folder of the adapter.
    #[arg(long, value_name = "DIR")]
    pub adapter: PathBuf,
    /// Folder to work in, that the sandbox's user can enter.
    #[arg(long, value_name = "DIR")]
    pub room: PathBuf,
    /// Packages that were installed for the campaign.
    #[arg(long, value_name = "DIR")]
    pub extras: Option<PathBuf>,
}

/// The page that shows a campaign while it runs.
#[derive(Clone, Copy, Debug, clap::Args)]
pub struct Dashboard {
    /// Show nothing in the browser.
    #[arg(long)]
    pub no_dashboard: bool,
    /// Port of the dashboard on 127.0.0.1 [default: a free one].
    #[arg(
        long,
        value_name = "PORT",
        default_value_t = 0,
        hide_default_value = true,
        conflicts_with = "no_dashboard"
    )]
    pub dashboard_port: u16,
}

impl Dashboard {
    /// The port it is wanted on, 0 for any; none if it isn't wanted.
    pub fn port(self) -> Option<u16> {
        (!self.no_dashboard).then_some(self.dashboard_port)
    }
}

/// A look at one campaign.
#[derive(Debug, clap::Args)]
pub struct Look {
    /// Directory of the campaign.
    pub dir: PathBuf,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
}

/// `alphalab steer`.
#[derive(Debug, clap::Args)]
pub struct Steering {
    /// Directory of the campaign.
    pub dir: PathBuf,
    /// What is wanted.
    #[command(subcommand)]
    pub what: Wanted,
    /// Print JSON.
    #[arg(long, global = true)]
    pub json: bool,
}

/// What a person can want of a campaign.
#[derive(Debug, Subcommand)]
pub enum Wanted {
    /// Begin nothing new; what is under way comes to its end, and the clock
    /// of --hours stands still.
    Pause,
    /// Go on after a pause.
    Resume,
    /// Give an experiment up that has not run yet.
    Cancel {
        /// Which, as in e0003.
        #[arg(value_parser = experiment)]
        experiment: ExperimentId,
    },
    /// Work on an experiment before all others.
    Boost {
        /// Which, as in e0003.
        #[arg(value_parser = experiment)]
        experiment: ExperimentId,
    },
    /// Tell the Strategist something.
    Note {
        /// What.
        text: String,
    },
    /// Set other limits.
    Budget {
        /// Most experiments to evaluate.
        #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
        experiments: Option<u32>,
        /// Most running time, in hours.
        #[arg(long, value_name = "H", value_parser = above_zero)]
        hours: Option<f64>,
        /// Most US dollars.
        #[arg(long, value_name = "X", value_parser = above_zero)]
        usd: Option<f64>,
        /// Most tokens.
        #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
        tokens: Option<u64>,
    },
    /// Let a phase begin that waits for it (`run --gate`).
    Approve {
        /// Which.
        #[arg(value_enum)]
        phase: Phase,
    },
    /// Let work on a task go on that the Supervisor has paused.
    ResumeTask {
        /// Name of the task.
        task: String,
    },
}

impl From<Wanted> for Steer {
    fn from(wanted: Wanted) -> Self {
        match wanted {
            Wanted::Pause => Self::Pause {},
            Wanted::Resume => Self::Resume {},
            Wanted::Cancel { experiment } => Self::Cancel { experiment },
            Wanted::Boost { experiment } => Self::Boost { experiment },
            Wanted::Note { text } => Self::Note { text },
            Wanted::Budget {
                experiments,
                hours,
                usd,
                tokens,
            } => Self::Budget {
                limits: Limits {
                    experiments,
                    wall_s: hours.map(|hours| hours * 3600.0),
                    usd,
                    tokens,
                },
            },
            Wanted::Approve { phase } => Self::Approve {
                phase: phase.number(),
            },
            Wanted::ResumeTask { task } => Self::ResumeTask { task },
        }
    }
}

fn experiment(text: &str) -> Result<ExperimentId, String> {
    let number = text.strip_prefix(['e', 'E']).unwrap_or(text).parse();
    number
        .map(ExperimentId)
        .map_err(|_| format!("`{text}` is no experiment: write it as in e0003"))
}

/// `alphalab audit`.
#[derive(Debug, clap::Args)]
pub struct Audit {
    /// Folder of an evaluation, or of one with its `data/`.
    #[arg(required_unless_present = "corpus", conflicts_with = "corpus")]
    pub dir: Option<PathBuf>,
    /// Folder of the raw data [default: `data/` in DIR].
    #[arg(long, value_name = "DIR", conflicts_with = "corpus")]
    pub data: Option<PathBuf>,
    /// Folder of cases of which it is known whether they are sound.
    #[arg(long, value_name = "DIR")]
    pub corpus: Option<PathBuf>,
    /// Leave out mutants of the scorer.
    #[arg(long)]
    pub no_mutants: bool,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
}

/// `alphalab run`.
#[derive(Debug, clap::Args)]
pub struct Run {
    /// The data: a file or a folder; for kernels a folder of tasks, or one task
    /// [default: those of the shipped tasks that the adapter names].
    #[arg(long, value_name = "PATH")]
    pub data: Option<PathBuf>,
    /// Tasks to work on, separated by commas [default: all of --data].
    #[arg(long, value_name = "LIST", value_delimiter = ',')]
    pub tasks: Vec<String>,
    /// What is wanted, in words.
    #[arg(long, value_name = "TEXT")]
    pub objective: Option<String>,
    /// Adapter, by name or path [default: found by looking at the data].
    #[arg(long, value_name = "NAME|PATH")]
    pub adapter: Option<String>,
    /// Model that plays the roles: builtin, anthropic:MODEL, openai:MODEL,
    /// compatible:URL:MODEL or replay:DIR. A replay answers from the log of the
    /// campaign in DIR and takes from it what the other options don't say. Can
    /// be given several times: a bandit per role then shares the work out.
    #[arg(long, value_name = "SPEC", default_value = "builtin")]
    pub model: Vec<String>,
    /// Model for a role that no other model plays then, as in
    /// strategist=builtin; can be given several times, also for one role.
    #[arg(long, value_name = "ROLE=SPEC", value_parser = role_model)]
    pub role_model: Vec<(Role, String)>,
    /// Most experiments to evaluate [default: the adapter's, for that many tasks].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub experiments: Option<u32>,
    /// Most running time, in hours [default: the adapter's, for that many tasks].
    #[arg(long, value_name = "H", value_parser = above_zero)]
    pub hours: Option<f64>,
    /// Most US dollars to pay to models; a call that could exceed it is not
    /// made [default: no limit].
    #[arg(long, value_name = "X", value_parser = above_zero)]
    pub usd: Option<f64>,
    /// Most tokens, in and out [default: no limit].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub tokens: Option<u64>,
    /// Most that the agents of a role may use of --usd and --tokens, as in
    /// explorer=0.3; can be given several times [default: the adapter's].
    #[arg(long, value_name = "ROLE=PART", value_parser = share)]
    pub share: Vec<(Role, f64)>,
    /// Workers at the same time. Measurements take turns in any case
    /// [default: 1].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=64))]
    pub workers: Option<u32>,
    /// Where experiments run [default: local].
    #[arg(long, value_name = "NAME")]
    pub executor: Option<String>,
    /// Device to measure on [default: cpu].
    #[arg(long, value_name = "NAME")]
    pub device: Option<String>,
    /// GPU to compile for, such as sm_90a; with --device cuda [default: sm_80].
    #[arg(long, value_name = "ARCH")]
    pub arch: Option<String>,
    /// Package for the agents' Python beside what it has, as NAME==VERSION; may
    /// be given several times. Only wheels are installed.
    #[arg(long = "python-extra", value_name = "NAME==VERSION")]
    pub python_extras: Vec<String>,
    /// Last phase: 0 fits the adapter, 1 explores the data, 2 builds and audits
    /// the evaluation, 3 experiments [default: phase3].
    #[arg(long, value_name = "PHASE", value_enum)]
    pub until: Option<Phase>,
    /// Let agents search the web and read pages: what they ask for leaves this
    /// machine. Their commands have no network all the same.
    #[arg(long)]
    pub web: bool,
    /// Search endpoint in the form of SearXNG, beside arXiv and Semantic
    /// Scholar [default: ALPHALAB_SEARCH_URL].
    #[arg(long, value_name = "URL", requires = "web")]
    pub search_url: Option<String>,
    /// Hosts that agents may read although they are not on the public internet,
    /// separated by commas.
    #[arg(long, value_name = "HOSTS", value_delimiter = ',', requires = "web")]
    pub web_allow: Vec<String>,
    /// How to search: full, or a baseline to compare with. single-shot hands in
    /// one candidate per task, greedy one after another, random draws from the
    /// lab's spaces without a model [default: full].
    #[arg(long, value_name = "NAME", value_parser = strategy)]
    pub strategy: Option<Strategy>,
    /// What another campaign has learned, as a prior: its directory, or a file
    /// of `alphalab playbook --export`.
    #[arg(long, value_name = "DIR|FILE")]
    pub playbook: Option<PathBuf>,
    /// When the search is over, take the winner of each task apart: measure up to
    /// N candidates that have one of its parameters at the default. A quarter of
    /// the experiments is kept for that at most [default: 0].
    #[arg(long = "ablation", value_name = "N", value_parser = clap::value_parser!(u32).range(..=1000))]
    pub ablations: Option<u32>,
    /// Phases that wait until `alphalab steer DIR approve PHASE`.
    #[arg(long, value_name = "PHASE", value_enum)]
    pub gate: Vec<Phase>,
    /// Directory of the campaign [default: a new one in campaigns/].
    #[arg(long, value_name = "DIR")]
    pub dir: Option<PathBuf>,
    /// Seed of the search [default: 1].
    #[arg(long, value_name = "N")]
    pub seed: Option<u64>,
    /// Whether and where to show it.
    #[command(flatten)]
    pub dashboard: Dashboard,
}

/// `alphalab compare`.
#[derive(Debug, clap::Args)]
pub struct Compare {
    /// Strategies, separated by commas; each is compared with the last.
    #[arg(
        long,
        value_name = "LIST",
        value_delimiter = ',',
        value_parser = strategy,
        default_value = "single-shot,random,greedy,full"
    )]
    pub strategies: Vec<Strategy>,
    /// How many seeds, from 1 on; intervals are over these.
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..))]
    pub seeds: u32,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
    /// What every campaign is run with; --dir is the folder of them all.
    #[command(flatten)]
    pub run: Run,
}

/// A phase of a campaign.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
pub enum Phase {
    /// Adapter.
    Phase0,
    /// Exploration.
    Phase1,
    /// Evaluation.
    Phase2,
    /// Experiments.
    Phase3,
}

impl Phase {
    /// Its number.
    pub fn number(self) -> u8 {
        match self {
            Self::Phase0 => 0,
            Self::Phase1 => 1,
            Self::Phase2 => 2,
            Self::Phase3 => 3,
        }
    }
}

fn share(text: &str) -> Result<(Role, f64), String> {
    // An assistant uses the share of whom it helps; who repairs and who looks
    // back, that of the workers.
    let sharers = || {
        let none = [Role::Assistant, Role::Fixer, Role::Analyst];
        Role::ALL
            .into_iter()
            .filter(move |role| !none.contains(role))
    };
    let known = || sharers().map(Role::word).collect::<Vec<_>>().join(", ");
    let (role, part) = text
        .split_once('=')
        .ok_or_else(|| "must be ROLE=PART, as in explorer=0.3".to_owned())?;
    let role = sharers()
        .find(|known| known.word() == role)
        .ok_or_else(|| format!("`{role}` is no role with a share: {}", known()))?;
    let part = above_zero(part)?;
    if part > 1.0 {
        return Err("must be at most 1".to_owned());
    }
    Ok((role, part))
}

fn role_model(text: &str) -> Result<(Role, String), String> {
    let (role, model) = text
        .split_once('=')
        .ok_or_else(|| "must be ROLE=SPEC, as in strategist=builtin".to_owned())?;
    let found = Role::ALL.into_iter().find(|known| known.word() == role);
    let found = found.ok_or_else(|| {
        let known = Role::ALL.map(Role::word).join(", ");
        format!("`{role}` is no role: {known}")
    })?;
    Ok((found, model.to_owned()))
}

fn strategy(text: &str) -> Result<Strategy, String> {
    let named = Strategy::ALL.into_iter().find(|known| known.word() == text);
    named.ok_or_else(|| {
        let known = Strategy::ALL.map(Strategy::word).join(", ");
        format!("there are {known}")
    })
}

fn above_zero(text: &str) -> Result<f64, String> {
    let value: f64 = text.parse().map_err(|_| format!("`{text}` is no number"))?;
    if value > 0.0 && value.is_finite() {
        Ok(value)
    } else {
        Err("must be above 0".to_owned())
    }
}
