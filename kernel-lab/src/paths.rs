//! Where things are: from the environment, else beside the program, else in
//! the workspace it was built in.

use std::path::{Path, PathBuf};

use crate::device::cpu::Linking;
use crate::error::HarnessError;
use crate::evaluate::{Config, Hardware};
use crate::task::sizes::SizePolicy;

/// Programs that candidates run in: without a library, and with libtorch.
const RUNNERS: [&str; 2] = [Linking::Nothing.program(), Linking::Torch.program()];

/// What the lab takes from its environment, read once.
#[derive(Clone, Debug, Default)]
pub struct Surroundings {
    /// `ALPHALAB_HOME`: folder that has `kernels/`.
    pub home: Option<PathBuf>,
    /// `ALPHALAB_VENV`: Python environment with torch.
    pub venv: Option<PathBuf>,
    /// `ALPHALAB_BIN_DIR`: folder of the programs.
    pub bin_dir: Option<PathBuf>,
    /// `ALPHALAB_CACHE`, else `XDG_CACHE_HOME/alphalab`, else
    /// `HOME/.cache/alphalab`.
    pub cache: Option<PathBuf>,
    /// `ALPHALAB_SIZES`: at which sizes tasks are measured.
    pub sizes: Option<SizePolicy>,
}

impl Surroundings {
    /// Reads the environment with `get`.
    pub fn read(get: impl Fn(&str) -> Option<std::ffi::OsString>) -> Self {
        let path = |name: &str| get(name).map(PathBuf::from);
        Self {
            home: path("ALPHALAB_HOME"),
            venv: path("ALPHALAB_VENV"),
            bin_dir: path("ALPHALAB_BIN_DIR"),
            cache: kernel_nvrtc::cache_folder(&get),
            sizes: get("ALPHALAB_SIZES").map(|text| SizePolicy::parse(&text.to_string_lossy())),
        }
    }

    /// Resolves everything the lab needs. `tasks` overrides the folder of
    /// tasks, `sizes` the environment's word on
    /// their sizes.
    pub fn resolve(
        self,
        tasks: Option<PathBuf>,
        sizes: Option<SizePolicy>,
        cpus: Vec<usize>,
    ) -> Result<Config, HarnessError> {
        let missing = |what: &'static str, problem: String| HarnessError::Runner {
            doing: what,
            problem,
        };
        let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let home = self.home.unwrap_or_else(|| tidy(&workspace));
        let venv = self
            .venv
            .or_else(|| option_env!("ALPHALAB_VENV").map(PathBuf::from))
            .unwrap_or_else(|| home.join(".venv"));
        let libraries = torch_libraries(&venv).ok_or_else(|| {
            missing(
                "find torch",
                format!(
                    "no torch in `{}`; run `cargo xtask setup` or set ALPHALAB_VENV",
                    venv.display()
                ),
            )
        })?;
        let bin_dir = self
            .bin_dir
            .or_else(|| Some(std::env::current_exe().ok()?.parent()?.to_owned()))
            .unwrap_or_default();
        let runners = [bin_dir.clone(), bin_dir.join("..")]
            .into_iter()
            .find(|dir| RUNNERS.iter().all(|name| dir.join(name).exists()))
            .ok_or_else(|| {
                missing(
                    "be found",
                    format!(
                        "no {} in `{}`; build them with \
                         `cargo build --release -p kernel-runner`",
                        RUNNERS.map(|name| format!("`{name}`")).join(" or "),
                        bin_dir.display()
                    ),
                )
            })?;
        Ok(Config {
            venv,
            tasks: tasks.unwrap_or_else(|| home.join("kernels").join("tasks")),
            sizes: sizes.or(self.sizes).unwrap_or_default(),
            templates: home.join("kernels").join("library"),
            red_team: home.join("kernels").join("red-team"),
            cache: self
                .cache
                .unwrap_or_else(|| std::env::temp_dir().join("alphalab-cache")),
            runners: tidy(&runners),
            libraries,
            cpus,
            hardware: Hardware::Cpu,
        })
    }
}

fn tidy(path: &Path) -> PathBuf {
    std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned())
}

/// torch's own folder of libraries, and that of the NVIDIA wheels, which
/// libtorch links whether or not there is a GPU.
fn torch_libraries(venv: &Path) -> Option<Vec<PathBuf>> {
    let mut lib = std::fs::read_dir(venv.join("lib")).ok()?;
    lib.find_map(|entry| {
        let packages = entry.ok()?.path().join("site-packages");
        let torch = packages.join("torch/lib");
        torch.is_dir().then(|| {
            let nvidia = packages.join("nvidia");
            let nvidia = nvidia.is_dir().then_some(nvidia);
            std::iter::once(torch).chain(nvidia).collect()
        })
    })
}

/// Logical processors that this process may run on.
pub fn allowed_cpus() -> Vec<usize> {
    // SAFETY: an all-zero cpu_set_t is the empty set.
    let mut set: libc::cpu_set_t = unsafe { std::mem::zeroed() };
    // SAFETY: the kernel writes at most the size that is passed.
    let code = unsafe { libc::sched_getaffinity(0, size_of::<libc::cpu_set_t>(), &raw mut set) };
    if code != 0 {
        return vec![0];
    }
    (0..libc::CPU_SETSIZE as usize)
        // SAFETY: the index is below CPU_SETSIZE.
        .filter(|&cpu| unsafe { libc::CPU_ISSET(cpu, &set) })
        .collect()
}
