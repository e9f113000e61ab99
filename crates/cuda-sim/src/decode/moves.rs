//! `mov`: one register to another, and registers side by side into a wider one
//! and back. PTX ISA 9.0, sections 9.7.9.3 and 9.7.9.4.

use super::LoadError;
use super::forms::Wanted;
use super::function::Decoder;
use crate::exec::step::What;
use crate::ops::{self, Class};
use crate::ptx::{Instruction, Operand, Type};

impl<'a> Decoder<'a, '_> {
    pub(super) fn mov(&mut self, instruction: &'a Instruction<'a>) -> Result<bool, LoadError> {
        let [name] = instruction.modifiers.as_slice() else {
            return Ok(false);
        };
        let (Some(ty), [to, from]) = (Type::of_name(name), instruction.operands.as_slice()) else {
            return Ok(false);
        };
        match (to, from) {
            (Operand::Vector(parts), whole) => {
                let part = self.part(ty, parts.len())?;
                let whole = self.exact(whole, ty)?;
                let mut registers = Vec::new();
                for operand in parts {
                    registers.push(match operand {
                        Operand::Discard => None,
                        operand => Some(self.register(operand, part)?),
                    });
                }
                self.emit(What::Unpack(registers.into(), whole), Class::Move);
            }
            (to, Operand::Vector(parts)) => {
                let part = self.part(ty, parts.len())?;
                let mut registers = Vec::new();
                for operand in parts {
                    registers.push(self.value(operand, part)?);
                }
                let whole = self.register(to, Wanted::exactly(ty))?;
                self.emit(What::Pack(whole, registers.into()), Class::Move);
            }
            _ => {
                let Some(alu) = ops::moved(ty) else {
                    return Ok(false);
                };
                let named = Wanted {
                    special: true,
                    variable: true,
                    ..Wanted::exactly(ty)
                };
                let types = [Wanted::exactly(ty), named];
                self.alu(&alu, &instruction.operands, &types)?;
            }
        }
        Ok(true)
    }

    /// The type of each piece: 32 or 64 bits can be taken to two or four of 16
    /// bits or more.
    fn part(&self, ty: Type, parts: usize) -> Result<Wanted, LoadError> {
        let ty = match (ty, parts) {
            (Type::B32, 2) | (Type::B64, 4) => Type::B16,
            (Type::B64, 2) => Type::B32,
            _ => return self.invalid(format!("{parts} parts of {ty:?}")),
        };
        Ok(Wanted::exactly(ty))
    }
}
