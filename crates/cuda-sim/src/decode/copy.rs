//! Copies in the background: PTX ISA 9.1, section 9.7.9.25.3.

use super::LoadError;
use super::function::Decoder;
use super::names::Symbol;
use crate::exec::copy::{Copy, Start};
use crate::exec::rows::Kind;
use crate::exec::step::What;
use crate::ops::Class;
use crate::ptx::{Instruction, Operand, Space, Type};

impl<'a> Decoder<'a, '_> {
    pub(super) fn copy(&mut self, instruction: &'a Instruction<'a>) -> Result<bool, LoadError> {
        let operands = instruction.operands.as_slice();
        let found = match (
            instruction.opcode,
            instruction.modifiers.as_slice(),
            operands,
        ) {
            ("cp", ["async", "commit_group"], []) => Some(Copy::Commit),
            ("cp", ["async", "wait_all"], []) => Some(Copy::WaitAll),
            ("cp", ["async", "wait_group"], [Operand::Int(left)]) => {
                Some(Copy::Wait(u32::try_from(*left).unwrap_or(u32::MAX)))
            }
            ("cp", ["async", level, rest @ ..], _) => self.start(*level == "cg", rest, operands)?,
            _ => None,
        };
        let Some(copy) = found else {
            return self.unknown(instruction);
        };
        let class = match copy {
            Copy::Start(_) => Class::Memory,
            _ => Class::Control,
        };
        self.emit(What::Copy(Box::new(copy)), class);
        Ok(true)
    }

    /// `cp.async`, without mbarrier: past the first level of caches only 16
    /// bytes at once.
    fn start(
        &mut self,
        past: bool,
        modifiers: &[&'a str],
        operands: &'a [Operand<'a>],
    ) -> Result<Option<Copy>, LoadError> {
        let hinted = modifiers.contains(&"L2::cache_hint");
        let [
            Operand::Address(to),
            Operand::Address(from),
            Operand::Int(bytes @ (4 | 8 | 16)),
            rest @ ..,
        ] = operands
        else {
            return Ok(None);
        };
        if past && *bytes != 16 {
            return Ok(None);
        }
        if let (Some(policy), true) = (rest.last(), hinted) {
            self.exact(policy, Type::U64)?;
        }
        let limit = match (rest, hinted) {
            ([], false) | ([_], true) => None,
            ([limit], false) | ([limit, _], true) => Some(limit),
            _ => return Ok(None),
        };
        let (mut size, mut ignored) = (None, None);
        match limit {
            Some(limit) if self.is_predicate(limit) => {
                ignored = Some(self.read(limit, Kind::Predicate, false)?);
            }
            Some(Operand::Int(limit)) if !(0..=*bytes).contains(limit) => {
                return self.invalid(format!("{limit} bytes to read for {bytes} to write"));
            }
            Some(limit) => {
                size = Some(self.exact(limit, Type::U32)?.slot);
            }
            None => {}
        }
        Ok(Some(Copy::Start(Start {
            to: self.target(to, Some(Space::Shared))?,
            from: self.target(from, Some(Space::Global))?,
            bytes: *bytes as u32,
            size,
            ignored,
        })))
    }

    fn is_predicate(&self, operand: &Operand<'_>) -> bool {
        match operand {
            Operand::Not(_) => true,
            Operand::Name(name) => matches!(
                self.names.find(name),
                Some(Symbol::Register(register, _)) if register.kind == Kind::Predicate
            ),
            _ => false,
        }
    }
}
