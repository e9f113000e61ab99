//! CUDA: candidates are device code, launched by a sandboxed runner that is the lab's own.
//!
//! On a machine without a GPU the runner finds the simulator (docs/cuda-sim.md) in the
//! place of the driver: a folder with links to it is on the library path of that one
//! process. Nothing here is a time, and no type here has one: [`CudaSession`] is a
//! [`Session`](super::Session) and no [`TimedSession`](super::TimedSession).

mod arguments;
mod findings;
mod layout;
mod library;
mod process;
mod session;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use cuda_sim::Properties;
use kernel_cuda::wire::Facts;
use kernel_nvrtc::Arch;

pub use findings::Launched;
pub use library::Node;
pub use session::CudaSession;

use self::process::{Runner, Spec};
use super::Ended;
use crate::error::HarnessError;
use crate::plan::BoundPlan;

/// The program that runs candidates, and the library that stands in for the driver.
const PROGRAM: &str = "kernel-runner-cuda";
const STAND_IN: &str = "libcuda_sim_driver.so";
/// What says whether the simulator is to be used: `simulator`, or `auto`.
const CHOICE: &str = "ALPHALAB_CUDA";
/// What NVIDIA's driver makes when it is loaded, on Linux and on Windows' Linux.
const NODES: [&str; 2] = ["/dev/nvidiactl", "/dev/dxg"];

/// What loading a candidate came to.
#[derive(Debug)]
pub enum Load {
    /// It is loaded, parameters uploaded, nothing has run.
    Ready(Box<CudaSession>),
    /// It can't be.
    Ended(Ended),
}

/// CUDA as a device: for now the simulator.
#[derive(Debug)]
pub struct Cuda {
    spec: Spec,
    properties: &'static Properties,
    facts: BTreeMap<String, String>,
    /// A runner that has a context, for the next candidate.
    spare: Option<Runner>,
}

impl Cuda {
    /// Finds what runs code for `arch`: programs are in `folder`, `cpus` are the processors
    /// that the simulator runs on; `variable` reads the environment.
    pub fn find(
        folder: &Path,
        arch: &Arch,
        cpus: &[usize],
        variable: &dyn Fn(&str) -> Option<OsString>,
    ) -> Result<Self, HarnessError> {
        let gpu = NODES.into_iter().find(|node| Path::new(node).exists());
        if !is_simulated(variable(CHOICE).as_deref(), gpu)? {
            return Err(HarnessError::CudaInput(format!(
                "this machine has a GPU ({}), and candidates can't be run on one yet: \
                 {CHOICE}=simulator runs them on the simulator",
                gpu.unwrap_or_default()
            )));
        }
        let properties = simulated(arch)?;
        let spec = Spec {
            program: part(folder, PROGRAM, "kernel-cuda")?,
            library: part(folder, STAND_IN, "cuda-sim-driver")?,
            device: properties.figures.name,
            cpus: cpus.to_vec(),
        };
        let mut device = Self {
            spec,
            properties,
            facts: BTreeMap::new(),
            spare: None,
        };
        let runner = Runner::start(&device.spec)?;
        device.facts = facts(runner.facts());
        device.spare = Some(runner);
        Ok(device)
    }

    /// Facts for reports.
    pub fn facts(&self) -> BTreeMap<String, String> {
        self.facts.clone()
    }

    /// What the simulated device is like.
    pub fn properties(&self) -> &'static Properties {
        self.properties
    }

    /// Whether the plan's arguments are what the kernels of this PTX take; what is wrong
    /// otherwise, for who wrote them.
    pub fn check(plan: &BoundPlan, ptx: &str) -> Result<(), String> {
        arguments::check(plan, ptx)
    }

    /// A fresh process with the plan's buffers, and the candidate loaded into it. `contents` is
    /// what lies in parameters, by index into the plan's buffers.
    pub fn load(
        &mut self,
        plan: &BoundPlan,
        ptx: &str,
        contents: &[(usize, &[u8])],
        slots: usize,
    ) -> Result<Load, HarnessError> {
        let runner = match self.spare.take() {
            Some(spare) => spare,
            None => Runner::start(&self.spec)?,
        };
        let laid_out = match layout::lay_out(plan, ptx, slots) {
            Ok(laid_out) => laid_out,
            Err(reason) => return Ok(Load::Ended(Ended::Refused(reason))),
        };
        CudaSession::load(runner, plan, laid_out, ptx, contents)
    }

    /// Makes ready for the next [`Self::load`].
    pub fn warm(&mut self) -> Result<(), HarnessError> {
        if self.spare.is_none() {
            self.spare = Some(Runner::start(&self.spec)?);
        }
        Ok(())
    }
}

/// Whether the simulator stands in: where there is no GPU, and where the user wants it to. One that
/// is there is never passed over silently.
fn is_simulated(choice: Option<&std::ffi::OsStr>, gpu: Option<&str>) -> Result<bool, HarnessError> {
    match choice.and_then(|choice| choice.to_str()) {
        Some("simulator") => Ok(true),
        None | Some("auto" | "") if choice.is_none_or(|choice| choice.to_str().is_some()) => {
            Ok(gpu.is_none())
        }
        _ => Err(HarnessError::CudaInput(format!(
            "{CHOICE}={} is neither `auto` nor `simulator`",
            choice.unwrap_or_default().display()
        ))),
    }
}

/// The simulated device that takes code for `arch`.
fn simulated(arch: &Arch) -> Result<&'static Properties, HarnessError> {
    let mut all = Properties::ALL.iter();
    all.find(|device| device.takes(arch.name())).ok_or_else(|| {
        let known: Vec<String> = Properties::ALL
            .iter()
            .map(|device| {
                let (major, minor) = device.figures.capability;
                format!("{} (sm_{major}{minor})", device.figures.name)
            })
            .collect();
        HarnessError::CudaInput(format!(
            "no simulated device runs code for {}; there are {}",
            arch.name(),
            known.join(", ")
        ))
    })
}

/// A program or library of the workspace's own.
fn part(folder: &Path, name: &'static str, package: &str) -> Result<PathBuf, HarnessError> {
    let places = [folder.join(name), folder.join("deps").join(name)];
    let found = places.into_iter().find(|path| path.is_file());
    let found = found.and_then(|path| std::fs::canonicalize(path).ok());
    found.ok_or_else(|| {
        HarnessError::CudaInput(format!(
            "no `{name}` in `{}`; build it with `cargo build --release -p {package}`",
            folder.display()
        ))
    })
}

fn facts(facts: &Facts) -> BTreeMap<String, String> {
    let (major, minor) = facts.capability;
    BTreeMap::from([
        ("gpu".to_owned(), facts.name.clone()),
        ("compute_capability".to_owned(), format!("{major}.{minor}")),
        (
            "driver_cuda".to_owned(),
            format!("{}.{}", facts.driver / 1000, facts.driver % 1000 / 10),
        ),
        (
            "gpu_memory_bytes".to_owned(),
            facts.memory_bytes.to_string(),
        ),
    ])
}

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;

    use super::*;

    #[test]
    fn a_gpu_is_passed_over_only_on_request() {
        let choice = |text: &'static str| Some(OsStr::new(text));
        let node = Some("/dev/nvidiactl");
        for (choice, gpu, simulated) in [
            (None, None, true),
            (None, node, false),
            (choice("auto"), node, false),
            (choice("simulator"), node, true),
            (choice("simulator"), None, true),
        ] {
            let answer = is_simulated(choice, gpu).expect("a choice");
            assert_eq!(answer, simulated, "{choice:?} {gpu:?}");
        }
        let error = is_simulated(choice("gpu"), None).expect_err("no choice");
        assert!(error.is_input() && error.to_string().contains("ALPHALAB_CUDA=gpu"));
    }

    #[test]
    fn code_runs_on_the_device_that_takes_it() {
        let name = |arch: &str| {
            let arch = Arch::parse(arch).expect("an architecture");
            simulated(&arch).map(|device| device.figures.name)
        };
        assert_eq!(name("sm_80").ok(), Some("A100"));
        assert_eq!(name("sm_90a").ok(), Some("H100"));
        assert_eq!(name("sm_100").ok(), Some("B200"));
        let error = name("sm_120").expect_err("there is none");
        assert!(error.to_string().contains("B200 (sm_100)"), "{error}");
    }
}
