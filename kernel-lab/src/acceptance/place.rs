//! What programs are tried on.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use kernel_nvrtc::{Arch, Built, Compiler, Options, Outcome};

use crate::device::cuda::{Backing, Cuda, CudaSession, Gpu, GpuSession, Load};
use crate::device::{Ended, Session};
use crate::error::HarnessError;
use crate::evaluate::Config;
use crate::plan::BoundPlan;

/// A device that can be given code.
pub(super) trait Place {
    /// What it says about itself.
    fn facts(&self) -> BTreeMap<String, String>;

    /// A fresh process with the plan's buffers, and the code loaded into it; or why there is none.
    /// `contents` is what lies in parameters, by index into the plan's buffers.
    fn load(
        &mut self,
        plan: &BoundPlan,
        code: &Built,
        contents: &[(usize, &[u8])],
        slots: usize,
    ) -> Result<Result<Box<dyn Loaded>, Ended>, HarnessError>;
}

/// Code in a process.
pub(super) trait Loaded: Session {
    /// Loads it afresh.
    fn reload(&mut self, code: &Built) -> Result<(), HarnessError>;
}

/// What candidates run on here, for code of `arch`.
pub(super) fn find(config: &Config, arch: &Arch) -> Result<Box<dyn Place>, HarnessError> {
    let variable = |name: &str| std::env::var_os(name);
    Ok(match Backing::find(&variable)? {
        Backing::Simulator => Box::new(Cuda::find(&config.runners, arch, &config.cpus)?),
        Backing::Gpu => {
            let gpu = Gpu::find(&config.runners, &config.cpus, &variable)?;
            gpu.check_arch(arch)?;
            Box::new(gpu)
        }
    })
}

impl Place for Cuda {
    fn facts(&self) -> BTreeMap<String, String> {
        Cuda::facts(self)
    }

    fn load(
        &mut self,
        plan: &BoundPlan,
        code: &Built,
        contents: &[(usize, &[u8])],
        slots: usize,
    ) -> Result<Result<Box<dyn Loaded>, Ended>, HarnessError> {
        Ok(
            match Cuda::load(self, plan, &text(&code.ptx)?, contents, slots)? {
                Load::Ready(session) => Ok(session),
                Load::Ended(ended) => Err(ended),
            },
        )
    }
}

impl Loaded for CudaSession {
    fn reload(&mut self, code: &Built) -> Result<(), HarnessError> {
        CudaSession::reload(self, text(&code.ptx)?.as_bytes())
    }
}

impl Place for Gpu {
    fn facts(&self) -> BTreeMap<String, String> {
        Gpu::facts(self)
    }

    fn load(
        &mut self,
        plan: &BoundPlan,
        code: &Built,
        contents: &[(usize, &[u8])],
        slots: usize,
    ) -> Result<Result<Box<dyn Loaded>, Ended>, HarnessError> {
        let (ptx, cubin) = (text(&code.ptx)?, bytes(&code.cubin)?);
        Ok(
            match Gpu::load(self, plan, &ptx, &cubin, contents, slots)? {
                Load::Ready(session) => Ok(session),
                Load::Ended(ended) => Err(ended),
            },
        )
    }
}

impl Loaded for GpuSession {
    fn reload(&mut self, code: &Built) -> Result<(), HarnessError> {
        GpuSession::reload(self, &bytes(&code.cubin)?)
    }
}

fn bytes(path: &Path) -> Result<Vec<u8>, HarnessError> {
    fs::read(path).map_err(|source| HarnessError::File {
        doing: "read",
        path: path.to_owned(),
        source,
    })
}

fn text(path: &Path) -> Result<String, HarnessError> {
    fs::read_to_string(path).map_err(|source| HarnessError::File {
        doing: "read",
        path: path.to_owned(),
        source,
    })
}

/// What the compiler makes of a source: code, or what is wrong with it.
pub(super) fn compiled(
    compiler: &Compiler,
    source: &str,
    arch: &Arch,
) -> Result<Result<Built, String>, HarnessError> {
    let outcome = compiler.compile(source, arch, &Options::default());
    Ok(
        match outcome.map_err(|error| HarnessError::Cuda(Box::new(error)))? {
            Outcome::Built(built) => Ok(built),
            Outcome::Refused(log) => Err(log),
        },
    )
}
