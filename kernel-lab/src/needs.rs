//! What CUDA needs, and what of it this machine has: facts for whoever sets one up.
//!
//! Each is tried, not only looked for: NVRTC compiles something, the simulator opens its
//! device, the driver says its version.

use std::ffi::{CStr, OsString, c_int};
use std::fs;
use std::path::{Path, PathBuf};

use kernel_nvrtc::{Arch, Options, Outcome};
use protocol::Need;

use crate::cuda;
use crate::device::cuda::Cuda;
use crate::error::{HarnessError, chain};
use crate::paths::allowed_cpus;

/// What NVIDIA's driver makes when it is loaded, on Linux and on Windows' Linux.
const NODES: [&str; 2] = ["/dev/nvidiactl", "/dev/dxg"];
/// Where the driver's module tells its version on Linux.
const MODULE_VERSION: &str = "/proc/driver/nvidia/version";
/// The driver's library, as the loader knows it.
const DRIVER: &CStr = c"libcuda.so.1";
/// What is compiled to see that something can be.
const PROBE: &str = "extern \"C\" __global__ void nothing() {}\n";
/// For what.
const ARCH: &str = "sm_80";

/// All of it, in the order in which a reader wants it. `runners` is the folder of the
/// programs that candidates run in; `variable` reads the environment.
pub(crate) fn of_cuda(runners: &Path, variable: &dyn Fn(&str) -> Option<OsString>) -> Vec<Need> {
    vec![
        need("gpu", gpu(Path::new("/")), GPU),
        need("driver", driver(Path::new("/")), DRIVERS),
        need("compiler", compiler(variable), COMPILER),
        need("simulator", simulator(runners), STAND_IN),
    ]
}

const GPU: &str = "nothing, for the simulator; for times and speedups a machine with an NVIDIA GPU, \
                   with its device nodes in the container";
const DRIVERS: &str = "nothing, for the simulator; for a GPU NVIDIA's driver for CUDA 13.0 or later, \
                       with libcuda.so.1 where the loader finds it";
const COMPILER: &str =
    "cargo xtask setup, or pip install nvidia-cuda-nvrtc, or ALPHALAB_NVRTC=…/libnvrtc.so.13";
const STAND_IN: &str = "cargo build --release -p kernel-cuda -p cuda-sim-driver";

fn need(name: &str, result: Result<String, String>, remedy: &str) -> Need {
    let found = result.is_ok();
    Need {
        name: name.to_owned(),
        found,
        detail: result.unwrap_or_else(|why| why),
        remedy: (!found).then(|| remedy.to_owned()),
    }
}

/// Nodes of a GPU below `root`.
fn gpu(root: &Path) -> Result<String, String> {
    let there: Vec<&str> = NODES
        .into_iter()
        .filter(|node| below(root, node).exists())
        .collect();
    if there.is_empty() {
        Err(format!("neither {}", NODES.join(" nor ")))
    } else {
        Ok(there.join(", "))
    }
}

fn below(root: &Path, path: &str) -> PathBuf {
    root.join(path.trim_start_matches('/'))
}

/// Which driver there is: its library by the loader, its module below `root`.
fn driver(root: &Path) -> Result<String, String> {
    let module = fs::read_to_string(below(root, MODULE_VERSION))
        .ok()
        .and_then(|text| module_version(&text));
    let library = driver_cuda();
    let name = DRIVER.to_string_lossy();
    match (library, module) {
        (Ok(cuda), Some(module)) => Ok(format!("{module}, {name} for CUDA {cuda}")),
        (Ok(cuda), None) => Ok(format!("{name} for CUDA {cuda}")),
        (Err(why), Some(module)) => Err(format!("{module}, but {why}")),
        (Err(why), None) => Err(why),
    }
}

/// The version in the first line of what the driver's module tells about itself, e.g. of
/// `NVRM version: NVIDIA UNIX x86_64 Kernel Module  580.65.06  Sun Jul 27 …`.
fn module_version(text: &str) -> Option<String> {
    let line = text.lines().next()?;
    let number = line.split_whitespace().find(|word| {
        word.contains('.') && word.split('.').all(|part| part.parse::<u32>().is_ok())
    })?;
    Some(number.to_owned())
}

/// The CUDA that the driver is for. Its library is asked without making a context, and stays
/// loaded no longer than that.
fn driver_cuda() -> Result<String, String> {
    let name = DRIVER.to_string_lossy();
    // SAFETY: the name ends with a zero; loading runs the initialisers of NVIDIA's own library.
    let library = unsafe { libc::dlopen(DRIVER.as_ptr(), libc::RTLD_LAZY | libc::RTLD_LOCAL) };
    if library.is_null() {
        return Err(format!("the loader finds no {name}"));
    }
    // SAFETY: the library is loaded.
    let symbol = unsafe { libc::dlsym(library, c"cuDriverGetVersion".as_ptr()) };
    let version = if symbol.is_null() {
        Err(format!("{name} is no CUDA driver"))
    } else {
        // SAFETY: that is the function's type by the driver's API, and it is not null.
        let ask: extern "C" fn(*mut c_int) -> c_int = unsafe { std::mem::transmute(symbol) };
        let mut version = 0;
        match ask(&raw mut version) {
            0 => Ok(format!("{}.{}", version / 1000, version % 1000 / 10)),
            code => Err(format!("{name} does not say its version (error {code})")),
        }
    };
    // SAFETY: loaded above, and nothing of it is held.
    unsafe { libc::dlclose(library) };
    version
}

/// Where NVRTC is, and which version it says that it is.
fn compiler(variable: &dyn Fn(&str) -> Option<OsString>) -> Result<String, String> {
    let library = cuda::toolchain(variable)
        .map(|found| found.library)
        .map_err(|error| chain(&error))?;
    let compiled = || -> Result<Outcome, HarnessError> {
        let compiled = cuda::compiler(variable)?.compile(PROBE, &arch()?, &Options::default());
        compiled.map_err(|error| HarnessError::Cuda(Box::new(error)))
    };
    match compiled() {
        Ok(Outcome::Built(built)) => {
            let (major, minor) = built.version;
            Ok(format!("NVRTC {major}.{minor}: {}", library.display()))
        }
        Ok(Outcome::Refused(why)) => Err(format!("{}: {why}", library.display())),
        Err(error) => Err(chain(&error)),
    }
}

/// Whether the simulator can be started.
fn simulator(runners: &Path) -> Result<String, String> {
    let opened = arch().and_then(|arch| Cuda::find(runners, &arch, &allowed_cpus()));
    let device = opened.map_err(|error| chain(&error))?;
    let facts = device.facts();
    let fact = |name: &str| facts.get(name).cloned().unwrap_or_default();
    Ok(format!(
        "{}, CUDA {}, in {}",
        fact("gpu"),
        fact("driver_cuda"),
        runners.display()
    ))
}

fn arch() -> Result<Arch, HarnessError> {
    Arch::parse(ARCH).map_err(|error| HarnessError::CudaInput(chain(&error)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nodes_are_told_by_their_names() {
        let root = tempfile::tempdir().expect("a folder");
        let none = gpu(root.path()).expect_err("there is none");
        assert_eq!(none, "neither /dev/nvidiactl nor /dev/dxg");
        fs::create_dir(root.path().join("dev")).expect("creates");
        fs::write(root.path().join("dev/dxg"), "").expect("writes");
        assert_eq!(gpu(root.path()), Ok("/dev/dxg".to_owned()));
    }

    #[test]
    fn the_modules_version_is_read_from_its_first_line() {
        let text = "NVRM version: NVIDIA UNIX x86_64 Kernel Module  580.65.06  Sun Jul 27 2025\nGCC version: 12.2.0\n";
        assert_eq!(module_version(text).as_deref(), Some("580.65.06"));
        let open =
            "NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  575.57  Release Build\n";
        assert_eq!(module_version(open).as_deref(), Some("575.57"));
        assert_eq!(module_version("no driver\n"), None);
    }

    #[test]
    fn what_is_missing_has_a_remedy_and_what_is_there_has_none() {
        let missing = need("gpu", Err("none".to_owned()), GPU);
        assert!(!missing.found && missing.remedy.as_deref() == Some(GPU));
        assert_eq!(need("gpu", Ok("one".to_owned()), GPU).remedy, None);
    }

    #[test]
    fn an_empty_folder_has_no_simulator_and_nowhere_is_no_compiler() {
        let nowhere = tempfile::tempdir().expect("a folder");
        let path = nowhere.path().join("libnvrtc.so.13");
        let variable = |name: &str| (name == "ALPHALAB_NVRTC").then(|| path.clone().into());
        let needs = of_cuda(nowhere.path(), &variable);
        let names: Vec<&str> = needs.iter().map(|need| need.name.as_str()).collect();
        assert_eq!(names, ["gpu", "driver", "compiler", "simulator"]);
        let detail = |index: usize| needs[index].detail.as_str();
        assert!(
            !needs[2].found && detail(2).contains("ALPHALAB_NVRTC"),
            "{}",
            detail(2)
        );
        assert!(
            !needs[3].found && detail(3).contains("kernel-runner-cuda"),
            "{}",
            detail(3)
        );
    }
}
