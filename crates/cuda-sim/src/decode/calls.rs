//! Branches and calls: PTX ISA 9.0, section 9.7.12.

use super::LoadError;
use super::function::Decoder;
use super::names::{Symbol, fits};
use crate::exec::step::{Call, Callee, What};
use crate::ops::Class;
use crate::ptx::{Instruction, Operand, Space, Type, Variable};

/// Places that a function's indexed branches can go to, all together.
const MOST_TARGETS: usize = 1 << 20;

impl<'a> Decoder<'a, '_> {
    pub(super) fn control(&mut self, instruction: &'a Instruction<'a>) -> Result<bool, LoadError> {
        match (instruction.opcode, instruction.operands.as_slice()) {
            ("bra", [Operand::Name(label)]) => {
                let target = self.label(label)?;
                self.emit(What::Branch(target), Class::Control);
            }
            ("brx", [index, Operand::Name(list)]) => {
                let Some(Symbol::Targets(names)) = self.names.find(list) else {
                    return self.invalid(format!("`{list}` is no list of targets"));
                };
                self.targets += names.len();
                if self.targets > MOST_TARGETS {
                    return self.invalid(format!("more than {MOST_TARGETS} places to go to"));
                }
                let mut targets = Vec::new();
                for name in names {
                    targets.push(self.label(name)?);
                }
                let index = self.exact(index, Type::U32)?;
                self.emit(What::BranchIndexed(index, targets.into()), Class::Control);
            }
            ("ret", []) => self.emit(What::Return, Class::Control),
            ("exit", []) => self.emit(What::Exit, Class::Control),
            ("trap", []) => self.emit(What::Trap, Class::Control),
            ("brkpt", []) => self.emit(What::Nothing, Class::Control),
            ("call", operands) => return self.call(instruction, operands),
            _ => return self.unknown(instruction),
        }
        Ok(true)
    }

    /// The number of a label.
    fn label(&self, name: &str) -> Result<u32, LoadError> {
        match self.names.find(name) {
            Some(Symbol::Label(number)) => Ok(number),
            _ => self.invalid(format!("`{name}` is no label")),
        }
    }

    /// Labels' numbers to places.
    pub(super) fn link(&mut self) -> Result<(), LoadError> {
        let labels = std::mem::take(&mut self.labels);
        let mut missing = None;
        for step in &mut self.steps {
            let targets = match &mut step.what {
                What::Branch(target) => std::slice::from_mut(target),
                What::BranchIndexed(_, targets) => targets,
                _ => &mut [],
            };
            for target in targets {
                match labels[*target as usize] {
                    Some(place) => *target = place,
                    None => missing = Some(step.line),
                }
            }
        }
        match missing {
            Some(line) => Err(LoadError::Invalid {
                line,
                what: "a branch to a label that stands nowhere".to_owned(),
            }),
            None => Ok(()),
        }
    }

    /// `call (r), f, (a, b), prototype;` where all but `f` may be missing.
    fn call(
        &mut self,
        instruction: &'a Instruction<'a>,
        operands: &'a [Operand<'a>],
    ) -> Result<bool, LoadError> {
        let (results, rest) = match operands {
            [Operand::Group(results), rest @ ..] => (results.as_slice(), rest),
            rest => (&[][..], rest),
        };
        let Some((Operand::Name(name), rest)) = rest.split_first() else {
            return self.unknown(instruction);
        };
        let (arguments, rest) = match rest {
            [Operand::Group(arguments), rest @ ..] => (arguments.as_slice(), rest),
            rest => (&[][..], rest),
        };
        let symbol = self.names.find(name);
        let function = self.context.functions.get(name).copied();
        let (callee, signature) = match (symbol, function, rest) {
            (Some(Symbol::Register(register, ty)), _, [Operand::Name(prototype)])
                if fits(ty, Type::U64, false) =>
            {
                let Some(Symbol::Prototype(prototype)) = self.names.find(prototype) else {
                    return self.invalid(format!("`{prototype}` is no prototype"));
                };
                let signature = Signature::of(&prototype.params, &prototype.results);
                (Callee::Indirect(register), signature)
            }
            (None, Some(number), []) => match self.context.signatures.get(name) {
                Some(signature) => (Callee::Function(number), signature.clone()),
                None => return self.invalid(format!("`{name}` is a kernel, no function")),
            },
            (None, None, []) => match system(name) {
                Some(found) => found,
                None => return self.invalid(format!("`{name}` is not defined")),
            },
            _ => return self.unknown(instruction),
        };
        let call = Call {
            callee,
            arguments: self.pieces(arguments)?,
            results: self.pieces(results)?,
        };
        let sizes = |pieces: &[(u32, u32)]| -> Vec<u64> {
            pieces.iter().map(|piece| u64::from(piece.1)).collect()
        };
        let given = Signature {
            params: sizes(&call.arguments),
            results: sizes(&call.results),
        };
        if given != signature {
            return self.invalid(format!(
                "`{name}` takes {:?} bytes and returns {:?}, not {:?} and {:?}",
                signature.params, signature.results, given.params, given.results
            ));
        }
        self.emit(What::Call(Box::new(call)), Class::Control);
        Ok(true)
    }

    /// Variables that are handed over.
    fn pieces(&self, operands: &'a [Operand<'a>]) -> Result<Vec<(u32, u32)>, LoadError> {
        let mut pieces = Vec::new();
        for operand in operands {
            let Operand::Name(name) = operand else {
                return self.invalid("only parameters can be handed over");
            };
            let Some(Symbol::Local {
                offset,
                bytes,
                space: Space::Param,
            }) = self.names.find(name)
            else {
                return self.invalid(format!("`{name}` is handed over, but is no parameter"));
            };
            pieces.push((offset, bytes));
        }
        Ok(pieces)
    }
}

/// Bytes of each argument and of each result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Signature {
    params: Vec<u64>,
    results: Vec<u64>,
}

impl Signature {
    pub(super) fn of(params: &[Variable<'_>], results: &[Variable<'_>]) -> Self {
        let bytes = |of: &[Variable<'_>]| of.iter().map(Variable::bytes).collect();
        Self {
            params: bytes(params),
            results: bytes(results),
        }
    }
}

/// What the system has, if the module has no function of the name: CUDA C++
/// programming guide, formatted output, assertion and allocation.
fn system(name: &str) -> Option<(Callee, Signature)> {
    let (callee, params, results): (_, &[u64], &[u64]) = match name {
        "vprintf" => (Callee::Printf, &[8, 8], &[4]),
        "__assertfail" => (Callee::AssertFail, &[8, 8, 4, 8, 8], &[]),
        "malloc" => (Callee::Malloc, &[8], &[8]),
        "free" => (Callee::Free, &[8], &[]),
        _ => return None,
    };
    let signature = Signature {
        params: params.to_vec(),
        results: results.to_vec(),
    };
    Some((callee, signature))
}
