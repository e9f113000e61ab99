//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use cuda_sim::model::{A100, B200, H100, Preset};

/// What comes below every command's help.
const EXAMPLES: &str = "\
Examples:
  cuda-sim run saxpy.cu --grid 4 --block 256 \\
      --arg n=i32:1000 a=f32:2 x=f32[1000]:randn y=f32[1000]:ones --out y
  cuda-sim run gemm.cu --kernel 'gemm<128>' --grid 4,4 --block 16,16 \\
      --arg a=@a.npy b=@b.npy c=f32[64x64] n=i32:64 --expect c=@c.npy --rtol 1e-5
  cuda-sim check softmax.cu --grid 8 --block 128 --arg x=f32[8x512]:randn y=f32[8x512] n=i32:512
  cuda-sim load kernel.cu --arch sm_90a
  cuda-sim opcodes kernel.cu

Exit codes: 0 nothing was found; 10 something was: a finding, a number that is not as expected, an
opcode that can't be run; 3 the source does not compile or can't be simulated, or a file or an
argument is wrong; 2 a mistake in the command; 1 a fault of this program.";

/// What an argument may be.
const ARGUMENTS: &str = "\
Arguments, in the order of the kernel's parameters, each NAME=VALUE. The name
is for findings and --out. VALUE is one of
  i32:1000  f32:0.5  u64:0xff  f16:1
        a number: i8 i16 i32 i64 u8 u16 u32 u64 f16 bf16 f32 f64
  f32[1000]:randn  f16[64x128]:ones
        a buffer, and what it starts with: uninit (also without a word: as
        cudaMalloc leaves it), zeros, ones, iota, full:VALUE, randn[:SEED],
        uniform[:SEED] in [0,1), below:LIMIT[:SEED] (whole numbers),
        @FILE.npy, or @FILE (raw)
  @FILE.npy
        a buffer with the file's type and shape
  &NAME  &NAME+64
        the memory of an argument before, so many bytes from its start
  null
        no memory
  hex:0100000002000000
        bytes of a struct";

/// Runs and checks CUDA kernels on a machine without a GPU.
///
/// No time of it is a GPU's, and nothing of it has been compared with one.
#[derive(Debug, Parser)]
#[command(name = "cuda-sim", version, after_help = EXAMPLES, arg_required_else_help = true)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Runs a kernel; its printf goes to stdout, what is found to stderr.
    #[command(after_help = EXAMPLES)]
    Run(LaunchArgs),
    /// Runs a kernel with all checks, and shows what is found in its source.
    #[command(after_help = EXAMPLES)]
    Check(LaunchArgs),
    /// Compiles and loads a module: what kernels it has, and whether they can be run.
    Load(LoadArgs),
    /// Which PTX opcodes can be run: all that are known, or those of files.
    Opcodes(OpcodesArgs),
}

/// How CUDA C++ is compiled.
#[derive(Debug, Args)]
pub(crate) struct CompileArgs {
    /// GPU that CUDA C++ is compiled for.
    #[arg(long, value_name = "ARCH", default_value = "sm_80")]
    pub(crate) arch: String,
    /// An option for the compiler, such as --option=-DTILE=32; can be given several times.
    #[arg(long, value_name = "OPTION", allow_hyphen_values = true)]
    pub(crate) option: Vec<String>,
}

#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a flag of the command line"
)]
#[derive(Debug, Args)]
pub(crate) struct LaunchArgs {
    /// CUDA C++ (.cu) or PTX (.ptx).
    pub(crate) file: PathBuf,
    /// Kernel, as in C++, mangled, or a part of its name; not needed if there is just one.
    #[arg(long, value_name = "NAME")]
    pub(crate) kernel: Option<String>,
    /// Blocks.
    #[arg(long, value_name = "X[,Y[,Z]]", default_value = "1", value_parser = sizes)]
    pub(crate) grid: [u32; 3],
    /// Threads of each block.
    #[arg(long, value_name = "X[,Y[,Z]]", default_value = "1", value_parser = sizes)]
    pub(crate) block: [u32; 3],
    /// Dynamic shared memory of each block.
    #[arg(long, value_name = "BYTES", default_value_t = 0)]
    pub(crate) shared: u32,
    /// All blocks at once, as a cooperative launch: for grid.sync().
    #[arg(long)]
    pub(crate) cooperative: bool,
    /// GPU whose processors there are, and that --counters is about.
    #[arg(long, value_enum, default_value_t = Gpu::A100)]
    pub(crate) device: Gpu,
    /// Count sectors, bank conflicts, divergence and so on, and model a cost, which is no time.
    #[arg(long)]
    pub(crate) counters: bool,
    /// Arguments, in the order of the parameters; --help has all that they can be.
    #[arg(long = "arg", value_name = "NAME=VALUE", num_args = 1.., long_help = ARGUMENTS)]
    pub(crate) arguments: Vec<String>,
    /// A buffer to show afterwards, or to write to a file.
    #[arg(long, value_name = "NAME[=@FILE]", num_args = 1..)]
    pub(crate) out: Vec<String>,
    /// What a buffer should hold then.
    #[arg(long, value_name = "NAME=@FILE.npy", num_args = 1..)]
    pub(crate) expect: Vec<String>,
    /// How far off: |value - expected| <= atol + rtol * |expected|.
    #[arg(long, value_name = "R", default_value_t = 1e-5)]
    pub(crate) rtol: f64,
    /// How far off at least.
    #[arg(long, value_name = "A", default_value_t = 1e-8)]
    pub(crate) atol: f64,
    /// Where random numbers start; the argument at place k uses this plus k.
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) seed: u64,
    /// Instructions that each warp may run.
    #[arg(long, value_name = "N")]
    pub(crate) budget: Option<u64>,
    /// What is looked for: everything by `check`, by `run` only what is cheap.
    #[arg(long, value_enum)]
    pub(crate) checks: Option<Checks>,
    /// Threads of this machine; as many as it has where none is given.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) threads: Option<u16>,
    /// One block after the other: atomics on floats and printf always in the same order.
    #[arg(long, conflicts_with = "threads")]
    pub(crate) deterministic: bool,
    /// Print one JSON document.
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) compile: CompileArgs,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Checks {
    /// Bounds, alignment, global memory that nobody has written, barriers.
    Memory,
    /// Races, and shared memory that nobody has written, too.
    All,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Gpu {
    A100,
    H100,
    B200,
}

impl Gpu {
    /// What its data sheet says.
    pub(crate) fn preset(self) -> Preset {
        match self {
            Self::A100 => A100,
            Self::H100 => H100,
            Self::B200 => B200,
        }
    }
}

impl From<Checks> for cuda_sim::Checks {
    fn from(checks: Checks) -> Self {
        match checks {
            Checks::Memory => Self::Memory,
            Checks::All => Self::All,
        }
    }
}

#[derive(Debug, Args)]
pub(crate) struct LoadArgs {
    /// CUDA C++ (.cu) or PTX (.ptx).
    pub(crate) file: PathBuf,
    /// Print one JSON document.
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) compile: CompileArgs,
}

#[derive(Debug, Args)]
pub(crate) struct OpcodesArgs {
    /// CUDA C++ or PTX whose opcodes are listed; without one, all forms that are known.
    #[arg(value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,
    /// Print one JSON document.
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) compile: CompileArgs,
}

/// `4`, `4,2` or `4x2x1`.
fn sizes(text: &str) -> Result<[u32; 3], String> {
    let mut sizes = [1; 3];
    let mut parts = text.split([',', 'x']);
    for (size, part) in sizes.iter_mut().zip(&mut parts) {
        *size = part
            .trim()
            .parse()
            .map_err(|_| format!("`{part}` is no size"))?;
    }
    match parts.next() {
        None => Ok(sizes),
        Some(_) => Err("there are three dimensions".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn sizes_of_one_to_three_dimensions() {
        assert_eq!(sizes("7"), Ok([7, 1, 1]));
        assert_eq!(sizes("7,2"), Ok([7, 2, 1]));
        assert_eq!(sizes("7x2x3"), Ok([7, 2, 3]));
        assert!(sizes("7,").is_err() && sizes("1,2,3,4").is_err() && sizes("-1").is_err());
    }
}
