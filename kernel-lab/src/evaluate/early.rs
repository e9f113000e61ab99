//! What a quick look does while its candidate is compiled: the process is
//! arranged, the first call's values are drawn and their truth computed.

use super::Depth;
use super::candidate::Material;
use super::lab::{Bench, Lab};
use crate::compile::{Compiler as _, Cxx, Object, Outcome};
use crate::device::Arranged;
use crate::error::HarnessError;
use crate::plan::{BoundPlan, trampoline};
use crate::task::{Draw, Expected, LoadedTask, SETS};

/// Values and truth of a call, made before the candidate was there.
#[derive(Debug)]
pub(super) struct Foreseen {
    pub(super) draw: Draw,
    pub(super) expected: Expected,
}

impl Foreseen {
    /// Of the first call of the duel with this secret.
    pub(super) fn first(task: &mut LoadedTask, seed: u64) -> Result<Self, HarnessError> {
        let draw = Draw {
            seed,
            call: 1,
            special: None,
        };
        let set = draw.call as usize % SETS;
        task.fill(set, draw)?;
        Ok(Self {
            draw,
            expected: task.expected(set)?,
        })
    }
}

/// The inner error is the compiler's log.
pub(super) type Compiled = Result<Option<Object>, String>;

pub(super) fn compile(
    compiler: &Cxx,
    material: &Material,
    plan: &BoundPlan,
) -> Result<Compiled, HarnessError> {
    if plan.kernels.is_empty() {
        return Ok(Ok(None));
    }
    let unit = trampoline(plan, &material.source);
    Ok(match compiler.compile(&unit)? {
        Outcome::Compiled(object) => Ok(Some(object)),
        Outcome::Failed(log) => Err(log),
    })
}

/// What was done for a quick look while its candidate was compiled.
pub(super) struct Early {
    /// The evaluation's secret.
    pub(super) seed: u64,
    pub(super) arranged: Box<dyn Arranged>,
    pub(super) foreseen: Foreseen,
}

impl Lab {
    /// Compiles, and meanwhile does all that needs no object: on a quick look
    /// that is nearly as much.
    pub(super) fn compile_and_prepare(
        &mut self,
        material: &Material,
        plan: &BoundPlan,
        bench: &mut Bench,
    ) -> Result<(Compiled, Option<Early>), HarnessError> {
        // Bound to a name of its own: the thread borrows it while the rest of
        // the lab is used.
        let compiler = self.compiler.clone();
        std::thread::scope(|scope| {
            let compiling = scope.spawn(|| compile(&compiler, material, plan));
            let early = self.prepare_early(plan, bench);
            let compiled = compiling.join().unwrap_or_else(|_| {
                Err(HarnessError::System {
                    doing: "compile".to_owned(),
                    source: std::io::Error::other("the compiling thread panicked"),
                })
            })?;
            Ok((compiled, Some(early?)))
        })
    }

    fn prepare_early(
        &mut self,
        plan: &BoundPlan,
        bench: &mut Bench,
    ) -> Result<Early, HarnessError> {
        let seed = self.secret()?;
        let arranged = self.arrange(plan, &bench.task, Depth::Try.slots())?;
        let foreseen = Foreseen::first(&mut bench.task, seed)?;
        Ok(Early {
            seed,
            arranged,
            foreseen,
        })
    }
}
