//! From a syntax tree to steps that can be run.
//!
//! Whatever is not known stops it: a module that loads does what its text
//! says.

mod calls;
mod copy;
mod forms;
mod fragment;
mod function;
mod joins;
mod memory;
mod moves;
mod names;
mod operands;
mod rename;
mod table;
mod tensor;
mod warp;

use std::cell::RefCell;
use std::collections::HashMap;

use thiserror::Error;

use crate::exec::step::Code;
use crate::memory::Layout;
use crate::ptx::{self, Space};
use calls::Signature;
pub(crate) use joins::NEVER;

pub(crate) use function::function;
pub(crate) use operands::FUNCTIONS;

/// Registers that all functions of a module can have together: each takes 256
/// bytes at most.
const MOST_REGISTERS: u32 = 1 << 20;
/// Functions that a module can have.
const MOST_FUNCTIONS: usize = 1 << 14;

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
    /// Variables in global and constant memory: which of both, and address.
    pub(crate) globals: HashMap<&'a str, (Space, u64)>,
    /// Offsets of variables in shared memory: whose, and which.
    pub(crate) shared: HashMap<&'a str, u32>,
    /// Numbers of functions.
    pub(crate) functions: HashMap<&'a str, u32>,
    /// What those take and return that are no kernels.
    pub(crate) signatures: HashMap<&'a str, Signature>,
    /// Registers of what is decoded so far.
    pub(crate) registers: u32,
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

impl<'a> Context<'a> {
    /// Notes which functions a module has, by number.
    pub(crate) fn declare(&mut self, module: &'a ptx::Module<'a>) -> Result<(), LoadError> {
        for (number, found) in bodies(module).enumerate() {
            let invalid = |what| LoadError::Invalid {
                line: found.line,
                what,
            };
            if number == MOST_FUNCTIONS {
                return Err(invalid(format!("more than {MOST_FUNCTIONS} functions")));
            }
            let known = self.globals.contains_key(found.name)
                || self.shared.contains_key(found.name)
                || self.functions.insert(found.name, number as u32).is_some();
            if known {
                return Err(invalid(format!("`{}` is declared twice", found.name)));
            }
            if !found.entry {
                let signature = Signature::of(&found.params, &found.results);
                self.signatures.insert(found.name, signature);
            }
        }
        Ok(())
    }

    /// Where a variable of a module lies, or a function: its state space, and
    /// where in it. Code lies in none that an instruction could name.
    pub(crate) fn place(&self, name: &str) -> Option<(Space, u64)> {
        if let Some(place) = self.globals.get(name) {
            Some(*place)
        } else if let Some(at) = self.shared.get(name) {
            Some((Space::Shared, u64::from(*at)))
        } else {
            let number = self.functions.get(name)?;
            Some((Space::Reg, FUNCTIONS + u64::from(*number) * 16))
        }
    }
}

/// Functions that are more than declared.
fn bodies<'a>(module: &'a ptx::Module<'a>) -> impl Iterator<Item = &'a ptx::Function<'a>> {
    module.functions.iter().filter(|found| found.body.is_some())
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
    let bodies: Vec<_> = bodies(module).enumerate().collect();
    let (entries, others): (Vec<_>, Vec<_>) = bodies.iter().partition(|(_, found)| found.entry);
    let mut decoded = Vec::new();
    context.registers = 0;
    for (number, found) in others.into_iter().chain(entries) {
        let code = function(found, context)?;
        context.registers += code.template.all();
        if !found.entry {
            context.layout.clone_from(&code.shared);
        }
        decoded.push((number, code));
    }
    decoded.sort_by_key(|(number, _)| *number);
    Ok(decoded.into_iter().map(|(_, code)| code).collect())
}
