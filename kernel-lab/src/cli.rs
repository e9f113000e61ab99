//! The command line of `kernel-lab`.

use std::path::PathBuf;

use clap::{Parser, Subcommand, ValueEnum};
use kernel_nvrtc::Arch;
use protocol::Split;

use crate::bundle::LogHead;
use crate::error::{HarnessError, chain};
use crate::evaluate::Hardware;

/// Correctness and speed of kernels against PyTorch tasks, on this machine.
///
/// Data goes to standard output, everything else to standard error. Exit
/// codes: 0 done (a rejected candidate is a verdict, not an error), 1 bug,
/// 2 usage, 3 configuration or input, 10 a bundle that is not verified, an
/// acceptance that failed, a template that is not good.
#[derive(Debug, Parser)]
#[command(name = "kernel-lab", version)]
pub struct Cli {
    /// Folder of tasks in the KernelBench format.
    #[arg(long, global = true, value_name = "DIR")]
    pub tasks: Option<PathBuf>,
    /// Sizes of the tasks: `auto` halves the constants of a task without a file
    /// of sizes until eager PyTorch takes 30 ms at most, `module` leaves them, FILE
    /// is a table as `kernel-lab sizes` prints it. ALPHALAB_SIZES says the same to
    /// the labs of a campaign; `auto` where neither is given.
    #[arg(long, global = true, value_name = "auto|module|FILE")]
    pub sizes: Option<String>,
    /// What candidates run on: the processors, or CUDA. Without a GPU that is a simulator:
    /// verdicts count, and there is a modelled cost instead of a time.
    #[arg(long, global = true, value_enum, default_value = "cpu")]
    pub device: DeviceArg,
    /// Print JSON instead of a table for people.
    #[arg(long, global = true)]
    pub json: bool,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// What this lab measures, and on what.
    Describe,
    /// Facts about a task: shapes, op graph, templates that fit.
    Inspect {
        /// Task name, or path of its file.
        task: String,
    },
    /// Static verdict on a candidate: plan and compiler, no score. With --all on every template
    /// and task that fit each other.
    Check(CheckArgs),
    /// Quick look at a candidate: fewer checks and samples, never on a
    /// leaderboard.
    Try(CandidateArgs),
    /// Verify and time a candidate.
    Evaluate {
        /// Where the candidate is.
        #[command(flatten)]
        candidate: CandidateArgs,
        /// Attempt number; the report lies in DIR/attempt-N.
        #[arg(long, default_value_t = 1)]
        attempt: u32,
        /// Which split the score belongs to.
        #[arg(long, value_enum, default_value = "search")]
        split: SplitArg,
    },
    /// Time a task's baselines: eager and torch.compile.
    Baseline {
        /// Task name, or path of its file.
        task: String,
    },
    /// Time the baselines of every task.
    Suite {
        /// Only of these, by name.
        #[arg(value_name = "TASK")]
        only: Vec<String>,
    },
    /// Try wrong outputs on tasks: those that pass show which tasks are worth
    /// nothing.
    Admit {
        /// Folder of tasks; that of --tasks, or the shipped ones, where none
        /// is given.
        #[arg(value_name = "DIR")]
        dir: Option<PathBuf>,
        /// Tasks to admit, by name; all where none is given.
        #[arg(long, value_name = "NAME", value_delimiter = ',')]
        only: Vec<String>,
        /// Which of a task's sizes; those of its file where it has none of
        /// that name.
        #[arg(long, value_name = "NAME", default_value = "cpu")]
        size: String,
        /// What parameters and inputs are derived from, in hexadecimal; that of
        /// the published verdicts where none is given.
        #[arg(long, value_name = "HEX", value_parser = parse_hex)]
        seed: Option<u64>,
        /// Write the verdicts to FILE. Verdicts that are there on tasks that
        /// were not admitted now are kept.
        #[arg(long, value_name = "FILE")]
        manifest: Option<PathBuf>,
    },
    /// The sizes that tasks are measured at, as a table for `--sizes FILE`.
    Sizes {
        /// Only of these, by name.
        #[arg(value_name = "TASK")]
        only: Vec<String>,
    },
    /// Answer requests as JSON lines on standard input and output.
    Serve {
        /// GPU to compile for, with `--device cuda`; by default the one that is there, and sm_80
        /// where there is none.
        #[arg(long, value_name = "ARCH")]
        arch: Option<String>,
    },
    /// Evaluate a corpus of candidates that cheat and of honest ones that look
    /// odd; exit code 1 unless each gets the verdict that it must get.
    RedTeam {
        /// Folder of the corpus; `kernels/red-team` where none is given.
        #[arg(long, value_name = "DIR")]
        corpus: Option<PathBuf>,
        /// Rounds, each with a seed of its own.
        #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..))]
        seeds: u16,
        /// What the seeds are derived from, in hexadecimal, to repeat a run;
        /// drawn where none is given.
        #[arg(long, value_name = "HEX", value_parser = parse_hex)]
        seed: Option<u64>,
        /// Cases to run, by name; all where none is given.
        #[arg(long, value_name = "NAME", value_delimiter = ',')]
        only: Vec<String>,
    },
    /// Try all that the lab does on a CUDA device, with `--device cuda`: driver calls, the
    /// simulator against the GPU, the red team, a few tasks. Exit code 10 if something failed.
    Acceptance {
        /// GPU to compile for; sm_80 where none is given.
        #[arg(long, value_name = "ARCH")]
        arch: Option<String>,
        /// Parts to try: facts, driver, null_test, differential, red_team, tasks; all where
        /// none is given.
        #[arg(long, value_name = "PART", value_delimiter = ',')]
        parts: Vec<String>,
        /// Cases to try, by name, in all parts but the facts; all where none is given.
        #[arg(long, value_name = "NAME", value_delimiter = ',')]
        only: Vec<String>,
        /// How long it may take, in seconds. Each part has its share.
        #[arg(long, default_value_t = 480, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
        seconds: u64,
        /// Where there is no GPU, compare the simulator with itself.
        #[arg(long)]
        rehearse: bool,
        /// Write the JSON document to FILE, too.
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
    },
    /// Write the proof bundle of a measured candidate: all that is needed to
    /// check its figure elsewhere.
    Bundle {
        /// Folder of the attempt, EXPERIMENT/attempt-N.
        attempt: PathBuf,
        /// Folder to write; it must not exist.
        out: PathBuf,
        /// End of the log of the campaign that it comes from.
        #[arg(long, value_name = "EVENTS:HASH")]
        log: Option<LogHead>,
    },
    /// Check a proof bundle: its files, whether its figure follows from its
    /// samples, and whether its candidate is as correct and as fast here and
    /// now.
    ///
    /// Exit code 10 if anything does not hold.
    Verify {
        /// Folder of the bundle.
        bundle: PathBuf,
        /// Run nothing: look at files and samples only. Needs no torch.
        #[arg(long)]
        offline: bool,
        /// Let the bundle's own task run, although this lab does not know it.
        /// Its Python is not confined: read it before.
        #[arg(long, conflicts_with = "offline")]
        trust_task: bool,
    },
    /// Write candidates as source trees with a Makefile and a `ModelNew` in
    /// the format of KernelBench, each with its proof bundle.
    Export {
        /// Folders of attempts, EXPERIMENT/attempt-N; or folders of
        /// experiments, which come without figures and without proof.
        #[arg(required = true)]
        dirs: Vec<PathBuf>,
        /// Folder that gets one folder per task; these must not exist.
        #[arg(long, value_name = "DIR")]
        out: PathBuf,
        /// End of the log of the campaign that they come from.
        #[arg(long, value_name = "EVENTS:HASH")]
        log: Option<LogHead>,
    },
    /// Compile CUDA C++ by NVRTC, for GPUs that need not be there: PTX, machine
    /// code, and what each kernel takes of registers and memory.
    ///
    /// Exit code 3 if a source does not compile for a GPU.
    Compile(CompileArgs),
    /// Is this machine fair? A copy in the runner against a copy in the
    /// host, and the host's against itself: both ratios should be 1.
    NullTest {
        /// Longest sampling, in seconds.
        #[arg(long, default_value_t = 60)]
        seconds: u64,
    },
}

/// What candidates run on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum DeviceArg {
    /// The processors.
    Cpu,
    /// A GPU, or a simulator in its place.
    Cuda,
}

impl Cli {
    /// What candidates are to run on.
    pub fn hardware(&self) -> Result<Hardware, HarnessError> {
        let arch = match &self.command {
            Command::Check(args) => args.arch.as_deref(),
            Command::Try(args) => args.arch.as_deref(),
            Command::Evaluate { candidate, .. } => candidate.arch.as_deref(),
            Command::Serve { arch } | Command::Acceptance { arch, .. } => arch.as_deref(),
            Command::Describe | Command::Inspect { .. } => None,
            _ if self.device == DeviceArg::Cuda => {
                return Err(HarnessError::CudaInput(
                    "with `--device cuda` there are `check`, `try`, `evaluate`, `serve`, `acceptance`, \
                     `describe` and `inspect`, and no other commands yet"
                        .to_owned(),
                ));
            }
            _ => None,
        };
        match (self.device, arch) {
            (DeviceArg::Cpu, None) => Ok(Hardware::Cpu),
            (DeviceArg::Cpu, Some(arch)) => Err(HarnessError::CudaInput(format!(
                "`--arch {arch}` is for `--device cuda`"
            ))),
            (DeviceArg::Cuda, Some(arch)) => gpu(arch),
            (DeviceArg::Cuda, None) => Ok(default_gpu()),
        }
    }

    /// The folder of tasks that was asked for.
    pub fn tasks_folder(&self) -> Option<PathBuf> {
        match &self.command {
            Command::Admit { dir: Some(dir), .. } => Some(dir.clone()),
            _ => self.tasks.clone(),
        }
    }
}

/// The GPU that is compiled for where none is named: the one that is there.
pub fn default_gpu() -> Hardware {
    Hardware::Cuda { arch: None }
}

fn gpu(arch: &str) -> Result<Hardware, HarnessError> {
    Arch::parse(arch)
        .map(|arch| Hardware::Cuda { arch: Some(arch) })
        .map_err(|error| HarnessError::CudaInput(chain(&error)))
}

fn parse_hex(text: &str) -> Result<u64, std::num::ParseIntError> {
    u64::from_str_radix(text.trim_start_matches("0x"), 16)
}

/// Where a candidate is.
#[derive(Debug, clap::Args)]
pub struct CandidateArgs {
    /// Folder with `experiment.json`, or, with --task, with `plan.toml` and
    /// `kernel.cpp`, or `kernel.cu` for CUDA, or with `model_new.py`, a Python submission.
    pub dir: PathBuf,
    /// Task, where the folder has no `experiment.json`.
    #[arg(long)]
    pub task: Option<String>,
    /// GPU to compile for, with `--device cuda`: sm_80, sm_90a, sm_100 and so on; by default the
    /// one that is there, and sm_80 where there is none.
    #[arg(long, value_name = "ARCH")]
    pub arch: Option<String>,
}

/// What to check.
#[derive(Debug, clap::Args)]
pub struct CheckArgs {
    /// Folder with `experiment.json`, or, with --task, with `plan.toml` and
    /// `kernel.cpp`, or `kernel.cu` for CUDA, or with `model_new.py`, a Python submission.
    #[arg(required_unless_present = "all")]
    pub dir: Option<PathBuf>,
    /// Task, where the folder has no `experiment.json`.
    #[arg(long)]
    pub task: Option<String>,
    /// GPU to compile for, with `--device cuda`: sm_80, sm_90a, sm_100 and so on; sm_80 where
    /// none is given.
    #[arg(long, value_name = "ARCH")]
    pub arch: Option<String>,
    /// Every template of the library on every task that it fits, with its default parameters:
    /// a table with times, registers, spills and occupancy. Exit code 10 if one is not good.
    #[arg(long, conflicts_with_all = ["dir", "task"])]
    pub all: bool,
    /// Tasks of --all, by name; all where none is given.
    #[arg(
        long,
        value_name = "TASK",
        value_delimiter = ',',
        requires = "all",
        conflicts_with = "dir"
    )]
    pub only: Vec<String>,
}

/// [`Split`] on the command line.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum SplitArg {
    /// Scores that steer a campaign.
    Search,
    /// The few best, again.
    Select,
    /// Opened once.
    Sealed,
}

impl From<SplitArg> for Split {
    fn from(split: SplitArg) -> Self {
        match split {
            SplitArg::Search => Self::Search,
            SplitArg::Select => Self::Select,
            SplitArg::Sealed => Self::Sealed,
        }
    }
}

/// What to compile, and for what.
#[derive(Debug, clap::Args)]
pub struct CompileArgs {
    /// Source files.
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// GPUs to compile for: sm_80, sm_90a, sm_100 and so on.
    #[arg(
        long,
        value_name = "ARCH",
        value_delimiter = ',',
        default_value = "sm_80"
    )]
    pub arch: Vec<String>,
    /// An option for the compiler, such as --option=--use_fast_math or
    /// --option=-DTILE=32; can be given several times.
    #[arg(long, value_name = "OPTION", allow_hyphen_values = true)]
    pub option: Vec<String>,
    /// Copy what is made to this folder: NAME.ARCH.ptx and NAME.ARCH.cubin.
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Compilations at the same time; as many as there are processors where
    /// none is given.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    pub jobs: Option<u16>,
}
