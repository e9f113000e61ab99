//! Branches and calls: PTX ISA 9.0, section 9.7.12.

use super::LoadError;
use super::function::Decoder;
use super::names::Symbol;
use crate::exec::step::{Call, Callee, What};
use crate::ops::Class;
use crate::ptx::{Instruction, Operand, Type};

impl<'a> Decoder<'a, '_> {
    pub(super) fn control(&mut self, instruction: &'a Instruction<'a>) -> Result<bool, LoadError> {
        let uniform = matches!(instruction.modifiers.as_slice(), [] | ["uni"]);
        match (instruction.opcode, instruction.operands.as_slice()) {
            ("bra", [Operand::Name(label)]) if uniform => {
                let target = self.label(label)?;
                self.emit(What::Branch(target), Class::Control);
            }
            ("brx", [index, Operand::Name(list)])
                if instruction.modifiers.first() == Some(&"idx") =>
            {
                let Some(Symbol::Targets(names)) = self.names.find(list) else {
                    return self.invalid(format!("`{list}` is no list of targets"));
                };
                let mut targets = Vec::new();
                for name in names {
                    targets.push(self.label(name)?);
                }
                let index = self.value(index, Type::U32)?;
                self.emit(What::BranchIndexed(index, targets.into()), Class::Control);
            }
            ("ret", []) if uniform => self.emit(What::Return, Class::Control),
            ("exit", []) if uniform => self.emit(What::Exit, Class::Control),
            ("trap", []) => self.emit(What::Trap, Class::Control),
            ("brkpt", []) => self.emit(What::Nothing, Class::Control),
            ("call", operands) if uniform => return self.call(instruction, operands),
            _ => return self.unknown(instruction),
        }
        Ok(true)
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
        let arguments = match rest.first() {
            Some(Operand::Group(arguments)) => arguments.as_slice(),
            _ => &[],
        };
        let callee = match *name {
            "vprintf" => Callee::Printf,
            "__assertfail" => Callee::AssertFail,
            "malloc" => Callee::Malloc,
            "free" => Callee::Free,
            name => match (self.context.functions.get(name), self.names.find(name)) {
                (_, Some(Symbol::Register(register, _))) => Callee::Indirect(register),
                (Some(&number), _) => Callee::Function(number),
                _ => return self.invalid(format!("`{name}` is not defined")),
            },
        };
        let call = Call {
            callee,
            arguments: self.pieces(arguments)?,
            results: self.pieces(results)?,
        };
        self.emit(What::Call(Box::new(call)), Class::Control);
        Ok(true)
    }

    /// Variables that are handed over.
    fn pieces(&mut self, operands: &'a [Operand<'a>]) -> Result<Vec<(u32, u32)>, LoadError> {
        let mut pieces = Vec::new();
        for operand in operands {
            match operand {
                Operand::Name(name) => match self.names.find(name) {
                    Some(Symbol::Local(offset, bytes)) => pieces.push((offset, bytes)),
                    _ => {
                        return self
                            .invalid(format!("`{name}` is handed over, but is no parameter"));
                    }
                },
                _ => return self.invalid("only parameters can be handed over"),
            }
        }
        Ok(pieces)
    }
}
