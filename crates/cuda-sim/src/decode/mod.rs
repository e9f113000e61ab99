//! From a syntax tree to steps that can be run.
//!
//! Whatever is not known stops it: a module that loads does what its text
//! says.

mod calls;
mod copy;
mod fragment;
mod function;
mod memory;
mod names;
mod operands;
mod places;
mod rename;
mod tensor;
mod warp;

use std::cell::RefCell;
use std::collections::HashMap;

use thiserror::Error;

use crate::exec::step::Code;
use crate::memory::Layout;
use crate::ptx;

pub(crate) use function::function;
pub(crate) use operands::FUNCTIONS;

/// A text that is PTX, but can't be run.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum LoadError {
    /// It is no PTX.
    #[error(transparent)]
    Syntax(#[from] ptx::SyntaxError),
    /// An instruction, or a form of one, that the simulator does not have.
    #[error("not simulable: {opcode} at line {line} of the PTX{place}")]
    NotSimulable {
        /// With all modifiers.
        opcode: String,
        /// Of the PTX.
        line: u32,
        /// ` (kernel.cu:17)`, or nothing.
        place: String,
    },
    /// Names, types or numbers that don't fit.
    #[error("line {line} of the PTX: {what}")]
    Invalid {
        /// Of the PTX.
        line: u32,
        /// What is wrong.
        what: String,
    },
}

impl LoadError {
    /// Line of the PTX.
    pub fn line(&self) -> u32 {
        match self {
            Self::Syntax(error) => error.line,
            Self::NotSimulable { line, .. } | Self::Invalid { line, .. } => *line,
        }
    }
}

/// What functions of a module know about it.
#[derive(Debug, Default)]
pub(crate) struct Context<'a> {
    /// Addresses of variables in global and constant memory.
    pub(crate) globals: HashMap<&'a str, u64>,
    /// Offsets of variables in shared memory: whose, and which.
    pub(crate) shared: HashMap<&'a str, u32>,
    /// Numbers of functions.
    pub(crate) functions: HashMap<&'a str, u32>,
    /// Shared variables that are there whichever kernel runs.
    pub(crate) layout: Layout,
    /// Names of source files by number.
    pub(crate) files: HashMap<u32, &'a str>,
    /// What is wrong with instructions, where all of it is asked for; else
    /// the first one that is not known stops it.
    pub(crate) refused: Option<&'a RefCell<Vec<Refused<'a>>>>,
}

/// An instruction that can't be run, and why.
pub(crate) type Refused<'a> = (&'a ptx::Instruction<'a>, LoadError);

impl<'a> Context<'a> {
    /// Goes on behind an instruction that can't be run, if all are asked for.
    pub(crate) fn pass(
        &self,
        instruction: &'a ptx::Instruction<'a>,
        decoded: Result<(), LoadError>,
    ) -> Result<(), LoadError> {
        match (decoded, self.refused) {
            (Err(error), Some(refused)) => {
                refused.borrow_mut().push((instruction, error));
                Ok(())
            }
            (decoded, _) => decoded,
        }
    }
}

/// The place in the source, for messages.
pub(crate) fn place(files: &HashMap<u32, &str>, location: Option<ptx::Location>) -> String {
    let Some(location) = location else {
        return String::new();
    };
    let name = files.get(&location.place.file).copied().unwrap_or("?");
    let name = name.rsplit('/').next().unwrap_or(name);
    format!(" ({name}:{})", location.place.line)
}

/// All functions of a module in order.
///
/// A kernel may call any function, so functions' shared variables lie behind
/// those of the module, in `context`, and kernels' behind both: only those of
/// two kernels may lie at the same place.
pub(crate) fn functions<'a>(
    module: &'a ptx::Module<'a>,
    context: &mut Context<'a>,
) -> Result<Vec<Code>, LoadError> {
    let bodies = module.functions.iter().filter(|found| found.body.is_some());
    let bodies: Vec<_> = bodies.enumerate().collect();
    let (entries, others): (Vec<_>, Vec<_>) = bodies.iter().partition(|(_, found)| found.entry);
    let mut decoded = Vec::new();
    for (number, found) in others {
        let code = function(found, context)?;
        context.layout.clone_from(&code.shared);
        decoded.push((number, code));
    }
    for (number, found) in entries {
        decoded.push((number, function(found, context)?));
    }
    decoded.sort_by_key(|(number, _)| *number);
    Ok(decoded.into_iter().map(|(_, code)| code).collect())
}
