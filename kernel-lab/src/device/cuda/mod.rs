//! CUDA: candidates are device code, launched by a sandboxed runner that is the lab's own.
//!
//! On a machine without a GPU the runner finds the simulator (docs/cuda-sim.md) in the
//! place of the driver: a folder with links to it is on the library path of that one
//! process. Nothing of that is a time, and no type for it has one: [`CudaSession`] is a
//! [`Session`](super::Session) and neither a [`TimedSession`](super::TimedSession) nor a
//! [`GpuSession`], which only a [`Gpu`] gives.

mod arguments;
mod findings;
mod gpu;
mod layout;
mod library;
mod process;
mod session;

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use cuda_sim::Properties;
use kernel_cuda::wire::Facts;
use kernel_nvrtc::Arch;

pub use findings::Launched;
pub use gpu::{Gpu, GpuSession, untimed};
pub use library::Node;
pub use session::CudaSession;

use self::layout::Room;
use self::process::{Driver, Runner, Spec};
use super::Ended;
use crate::error::HarnessError;
use crate::plan::BoundPlan;

/// What stands behind `--device cuda`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Backing {
    /// The simulator.
    Simulator,
    /// A GPU.
    Gpu,
}

impl Backing {
    /// Of this machine: the simulator where there is no GPU, and where the user wants it to.
    /// `variable` reads the environment.
    pub fn find(variable: &dyn Fn(&str) -> Option<OsString>) -> Result<Self, HarnessError> {
        let gpu = NODES.into_iter().any(|node| Path::new(node).exists());
        choose(variable(CHOICE).as_deref(), gpu)
    }
}

/// The program that runs candidates, and the library that stands in for the driver.
const PROGRAM: &str = "kernel-runner-cuda";
const STAND_IN: &str = "libcuda_sim_driver.so";
/// What says whether the simulator is to be used: `simulator`, or `auto`.
const CHOICE: &str = "ALPHALAB_CUDA";
/// What NVIDIA's driver makes when it is loaded, on Linux and on Windows' Linux.
const NODES: [&str; 2] = ["/dev/nvidiactl", "/dev/dxg"];

/// What loading a candidate came to.
#[derive(Debug)]
pub enum Load<S> {
    /// It is loaded, parameters uploaded, nothing has run.
    Ready(Box<S>),
    /// It can't be.
    Ended(Ended),
}

/// The simulator as a device.
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
    /// that the simulator runs on.
    pub fn find(folder: &Path, arch: &Arch, cpus: &[usize]) -> Result<Self, HarnessError> {
        let properties = simulated(arch)?;
        let spec = Spec {
            program: part(folder, PROGRAM, "kernel-cuda")?,
            driver: stand_in(folder, properties)?,
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
    ) -> Result<Load<CudaSession>, HarnessError> {
        let runner = match self.spare.take() {
            Some(spare) => spare,
            None => Runner::start(&self.spec)?,
        };
        let laid_out = match layout::lay_out(plan, ptx, Room::of_simulator(slots)) {
            Ok(laid_out) => laid_out,
            Err(reason) => return Ok(Load::Ended(Ended::Refused(reason))),
        };
        CudaSession::load(runner, plan, laid_out, ptx.as_bytes(), contents)
    }

    /// Makes ready for the next [`Self::load`].
    pub fn warm(&mut self) -> Result<(), HarnessError> {
        if self.spare.is_none() {
            self.spare = Some(Runner::start(&self.spec)?);
        }
        Ok(())
    }
}

/// One that is there is never passed over silently.
fn choose(choice: Option<&OsStr>, gpu: bool) -> Result<Backing, HarnessError> {
    match choice.and_then(|choice| choice.to_str()) {
        Some("simulator") => Ok(Backing::Simulator),
        None | Some("auto" | "") if choice.is_none_or(|choice| choice.to_str().is_some()) => {
            Ok(if gpu {
                Backing::Gpu
            } else {
                Backing::Simulator
            })
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

/// The simulator in the place of the driver.
fn stand_in(folder: &Path, properties: &Properties) -> Result<Driver, HarnessError> {
    Ok(Driver::StandIn {
        library: part(folder, STAND_IN, "cuda-sim-driver")?,
        device: properties.figures.name,
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
    let told = [("gpu_uuid", &facts.uuid), ("driver", &facts.nvml)];
    let told = told
        .into_iter()
        .filter_map(|(name, value)| Some((name.to_owned(), value.clone()?)));
    let always = [
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
    ];
    always.into_iter().chain(told).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gpu_is_passed_over_only_on_request() {
        let named = |text: &'static str| Some(OsStr::new(text));
        for (choice, gpu, backing) in [
            (None, false, Backing::Simulator),
            (None, true, Backing::Gpu),
            (named("auto"), true, Backing::Gpu),
            (named("simulator"), true, Backing::Simulator),
            (named("simulator"), false, Backing::Simulator),
        ] {
            let answer = choose(choice, gpu).expect("a choice");
            assert_eq!(answer, backing, "{choice:?} {gpu:?}");
        }
        let error = choose(named("gpu"), false).expect_err("no choice");
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
