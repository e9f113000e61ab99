//! A real GPU: the runner with the system's driver, and sessions that have times.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use kernel_cuda::wire::{Block, Facts, Timing};
use kernel_nvrtc::Arch;

use super::super::{Call, Ended, Run, Session};
use super::layout::{self, Room};
use super::process::{Driver, Runner, Spec};
use super::{CudaSession, Load, NODES, PROGRAM, part};
use crate::error::HarnessError;
use crate::judge::Finding;
use crate::plan::{BoundPlan, BoundStep};

/// What picks among several GPUs for every program that uses CUDA.
const VISIBLE: &str = "CUDA_VISIBLE_DEVICES";
/// From this capability on there is code for one GPU alone, and it has instructions that no
/// other code has.
const OWN_CODE: u32 = 9;

/// A GPU.
#[derive(Debug)]
pub struct Gpu {
    spec: Spec,
    /// Which one, as `CUDA_VISIBLE_DEVICES` has it.
    which: String,
    facts: Facts,
    /// A runner that has a context, for the next candidate.
    spare: Option<Runner>,
}

impl Gpu {
    /// Finds the GPU that `CUDA_VISIBLE_DEVICES` names first, else the first there is: the
    /// runner is in `folder`, `cpus` are the processors that it runs on; `variable` reads the
    /// environment.
    pub fn find(
        folder: &Path,
        cpus: &[usize],
        variable: &dyn Fn(&str) -> Option<OsString>,
    ) -> Result<Self, HarnessError> {
        let which = which(variable)?;
        Self::open(
            Spec {
                program: part(folder, PROGRAM, "kernel-cuda")?,
                driver: Driver::System {
                    gpu: which.clone(),
                    nodes: nodes(Path::new("/dev")),
                },
                cpus: cpus.to_vec(),
            },
            which,
        )
    }

    /// The simulator as if it were a GPU: what it says of time is no time of anything, so there
    /// is no such thing outside of a test of the lab's own.
    #[cfg(test)]
    pub(crate) fn stand_in(folder: &Path, arch: &Arch) -> Result<Self, HarnessError> {
        let spec = Spec {
            program: part(folder, PROGRAM, "kernel-cuda")?,
            driver: super::stand_in(folder, super::simulated(arch)?)?,
            cpus: vec![0],
        };
        Self::open(spec, "0".to_owned())
    }

    fn open(spec: Spec, which: String) -> Result<Self, HarnessError> {
        let runner = Runner::start(&spec)?;
        Ok(Self {
            spec,
            which,
            facts: runner.facts().clone(),
            spare: Some(runner),
        })
    }

    /// What it says about itself.
    pub fn told(&self) -> &Facts {
        &self.facts
    }

    /// Which one it is, as `CUDA_VISIBLE_DEVICES` has it.
    pub fn which(&self) -> &str {
        &self.which
    }

    /// Facts for reports.
    pub fn facts(&self) -> BTreeMap<String, String> {
        super::facts(&self.facts)
    }

    /// The architecture that has all its instructions.
    pub fn arch(&self) -> Result<Arch, HarnessError> {
        let (major, minor) = self.facts.capability;
        let own = if major >= OWN_CODE { "a" } else { "" };
        Arch::parse(&format!("sm_{major}{minor}{own}"))
            .map_err(|error| HarnessError::CudaInput(crate::error::chain(&error)))
    }

    /// Whether it runs machine code for `arch`.
    ///
    /// # Errors
    /// [`HarnessError::CudaInput`] with the architecture to ask for.
    pub fn check_arch(&self, arch: &Arch) -> Result<(), HarnessError> {
        if runs(self.facts.capability, arch.name()) {
            return Ok(());
        }
        let (major, minor) = self.facts.capability;
        Err(HarnessError::CudaInput(format!(
            "`--arch {arch}`: {} has compute capability {major}.{minor} and does not run code for \
             it; use `--arch {}`, or leave it out",
            self.facts.name,
            self.arch()?
        )))
    }

    /// A fresh process with the plan's buffers, and the candidate's machine code loaded into it.
    /// `contents` is what lies in parameters, by index into the plan's buffers.
    pub fn load(
        &mut self,
        plan: &BoundPlan,
        ptx: &str,
        cubin: &[u8],
        contents: &[(usize, &[u8])],
        slots: usize,
    ) -> Result<Load<GpuSession>, HarnessError> {
        let room = Room::of_gpu(slots, self.facts.memory_bytes);
        let laid_out = match layout::lay_out(plan, ptx, room) {
            Ok(laid_out) => laid_out,
            Err(reason) => return Ok(Load::Ended(Ended::Refused(reason))),
        };
        let runner = match self.spare.take() {
            Some(spare) => spare,
            None => Runner::start(&self.spec)?,
        };
        Ok(
            match CudaSession::load(runner, plan, laid_out, cubin, contents)? {
                Load::Ready(session) => Load::Ready(Box::new(GpuSession(*session))),
                Load::Ended(ended) => Load::Ended(ended),
            },
        )
    }

    /// Makes ready for the next [`Self::load`].
    pub fn warm(&mut self) -> Result<(), HarnessError> {
        if self.spare.is_none() {
            self.spare = Some(Runner::start(&self.spec)?);
        }
        Ok(())
    }
}

/// Why a plan can't be timed on a GPU, if it can't.
pub fn untimed(plan: &BoundPlan) -> Option<String> {
    let steps = plan.prepare.iter().chain(&plan.steps);
    let any = steps
        .into_iter()
        .any(|step| matches!(step, BoundStep::Library { .. }));
    any.then(|| {
        "library nodes run on the processor: a plan with one can't be timed on a GPU yet".to_owned()
    })
}

/// A loaded candidate on a GPU: a [`Session`] whose calls have times.
///
/// Only [`Gpu::load`] makes one. What the simulator runs is a [`CudaSession`], which has no clock:
///
/// ```compile_fail,E0599
/// fn timed(session: &mut kernel_lab::device::cuda::CudaSession, block: &kernel_cuda::wire::Block) {
///     let _ = session.time(block);
/// }
/// ```
#[derive(Debug)]
pub struct GpuSession(CudaSession);

impl GpuSession {
    /// Times a block of calls.
    ///
    /// # Errors
    /// The machine's failures: a device that is lost, a runner that answers nonsense.
    pub fn time(&mut self, block: &Block) -> Result<Run<Timing>, HarnessError> {
        self.0.time_block(block)
    }

    /// Loads the candidate afresh: variables of its module are as they were at first.
    pub fn reload(&mut self, cubin: &[u8]) -> Result<(), HarnessError> {
        self.0.reload(cubin)
    }
}

impl Session for GpuSession {
    fn slots(&self) -> usize {
        self.0.slots()
    }

    fn write(&mut self, buffer: usize, slot: usize, bytes: &[u8]) -> Result<(), HarnessError> {
        self.0.write(buffer, slot, bytes)
    }

    fn read(&mut self, buffer: usize, slot: usize, bytes: &mut [u8]) -> Result<(), HarnessError> {
        self.0.read(buffer, slot, bytes)
    }

    fn run(&mut self, call: Call, limit: Duration) -> Result<Run<()>, HarnessError> {
        self.0.run(call, limit)
    }

    fn guards(&mut self) -> Result<Option<Finding>, HarnessError> {
        self.0.guards()
    }

    fn late_cpu_ns(&mut self, window: Duration) -> Result<u64, HarnessError> {
        self.0.late_cpu_ns(window)
    }

    fn follows_params(&self) -> bool {
        self.0.follows_params()
    }
}

/// Whether a device of this capability runs machine code for `arch`: that of its own generation
/// for no later member, and code with a letter `a` on that device alone.
fn runs(capability: (u32, u32), arch: &str) -> bool {
    let number = arch.trim_start_matches("sm_");
    let digits = number.trim_end_matches(|letter: char| letter.is_ascii_lowercase());
    let Ok(wanted) = digits.parse::<u32>() else {
        return false;
    };
    let (major, minor) = (wanted / 10, wanted % 10);
    match &number[digits.len()..] {
        "a" => (major, minor) == capability,
        _ => major == capability.0 && minor <= capability.1,
    }
}

/// The first GPU that the user lets programs see.
fn which(variable: &dyn Fn(&str) -> Option<OsString>) -> Result<String, HarnessError> {
    let Some(visible) = variable(VISIBLE) else {
        return Ok("0".to_owned());
    };
    let first = visible.to_str().and_then(|list| list.split(',').next());
    match first.map(str::trim) {
        Some(first) if !first.is_empty() && !first.starts_with('-') => Ok(first.to_owned()),
        _ => Err(HarnessError::CudaInput(format!(
            "{VISIBLE}={} names no GPU; unset it, or give a number or UUID of `nvidia-smi -L`",
            visible.display()
        ))),
    }
}

/// The driver's nodes in a folder, sorted.
fn nodes(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut nodes: Vec<PathBuf> = entries
        .filter(|entry| {
            let name = entry.file_name();
            let name = name.to_string_lossy();
            name.starts_with("nvidia") || NODES.iter().any(|node| node.ends_with(&*name))
        })
        .map(|entry| entry.path())
        .collect();
    nodes.sort();
    nodes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn machine_code_runs_on_its_own_generation() {
        for (capability, arch, expected) in [
            ((9, 0), "sm_90", true),
            ((9, 0), "sm_90a", true),
            ((9, 0), "sm_80", false),
            ((8, 9), "sm_80", true),
            ((8, 0), "sm_89", false),
            ((10, 3), "sm_100", true),
            ((10, 3), "sm_100a", false),
            ((10, 3), "sm_100f", true),
            ((12, 0), "sm_100f", false),
        ] {
            assert_eq!(runs(capability, arch), expected, "{capability:?} {arch}");
        }
    }

    #[test]
    fn the_first_visible_gpu_is_used() {
        let with = |value: Option<&'static str>| which(&|_| value.map(OsString::from));
        assert_eq!(with(None).expect("the first"), "0");
        assert_eq!(with(Some("2,0")).expect("a number"), "2");
        assert_eq!(with(Some("GPU-1f")).expect("a UUID"), "GPU-1f");
        for none in ["", "-1"] {
            let error = with(Some(none)).expect_err("no GPU");
            assert!(error.is_input(), "{error}");
            assert!(error.to_string().contains("nvidia-smi -L"), "{error}");
        }
    }

    #[test]
    fn the_nodes_are_the_drivers() {
        let folder = tempfile::tempdir().expect("a folder");
        for name in ["null", "nvidia0", "nvidiactl", "nvidia-uvm", "dxg", "tty"] {
            fs::write(folder.path().join(name), []).expect("a file");
        }
        let names: Vec<_> = nodes(folder.path())
            .iter()
            .filter_map(|path| Some(path.file_name()?.to_string_lossy().into_owned()))
            .collect();
        assert_eq!(names, ["dxg", "nvidia-uvm", "nvidia0", "nvidiactl"]);
    }
}
