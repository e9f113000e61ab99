//! Barriers, and what lanes of a warp do together: PTX ISA 9.0, section 9.7.13.

use super::LoadError;
use super::forms::Wanted;
use super::function::Decoder;
use crate::exec::rows::Kind;
use crate::exec::step::{NOWHERE, Reduce, Shuffle, Tally, Vote, What};
use crate::ops::{Class, Modifiers};
use crate::ptx::{Instruction, Operand, Type};

impl<'a> Decoder<'a, '_> {
    pub(super) fn warp(&mut self, instruction: &'a Instruction<'a>) -> Result<bool, LoadError> {
        let mut modifiers = Modifiers::new(&instruction.modifiers);
        let operands = instruction.operands.as_slice();
        let found = match instruction.opcode {
            "bar" | "barrier" => {
                let aligned = instruction.opcode == "bar";
                self.barrier(aligned, &mut modifiers, operands)?
            }
            "shfl" => self.shuffle(&mut modifiers, operands)?,
            "vote" => self.vote(&mut modifiers, operands)?,
            "match" => self.matching(&mut modifiers, operands)?,
            "redux" => self.reduction(&mut modifiers, operands)?,
            "activemask" => match (modifiers.ty(), operands) {
                (Some(Type::B32), [d]) => Some(What::ActiveMask(self.word_written(d)?)),
                _ => None,
            },
            "elect" => self.election(&mut modifiers, operands)?,
            "nanosleep" => match (modifiers.ty(), operands) {
                (Some(Type::U32), [time]) => {
                    self.word(time)?;
                    Some(What::Nothing)
                }
                _ => None,
            },
            "griddepcontrol" if operands.is_empty() => {
                modifiers.first();
                Some(What::Nothing)
            }
            _ => None,
        };
        match found {
            Some(what) if modifiers.all_taken() => {
                self.emit(what, Class::Warp);
                Ok(true)
            }
            _ => self.unknown(instruction),
        }
    }

    fn word(&mut self, operand: &Operand<'a>) -> Result<u32, LoadError> {
        Ok(self.exact(operand, Type::U32)?.slot)
    }

    fn word_written(&mut self, operand: &Operand<'a>) -> Result<u32, LoadError> {
        self.check_type(operand, Wanted::exactly(Type::U32))?;
        self.written(operand, Kind::Word)
    }

    fn barrier(
        &mut self,
        aligned: bool,
        modifiers: &mut Modifiers<'_>,
        operands: &[Operand<'a>],
    ) -> Result<Option<What>, LoadError> {
        modifiers.flag("cta");
        let aligned = modifiers.flag("aligned") || aligned;
        if modifiers.flag("warp") {
            return Ok(match (modifiers.flag("sync"), operands) {
                (true, [members]) => Some(What::WarpBarrier(self.word(members)?)),
                _ => None,
            });
        }
        let waits = modifiers.flag("sync");
        if waits || modifiers.flag("arrive") {
            // PTX ISA 9.0, 9.7.13.1: who does not wait says how many come.
            if !waits && operands.len() != 2 {
                return Ok(None);
            }
            let [id, rest @ ..] = operands else {
                return Ok(None);
            };
            let threads = match rest {
                [] => None,
                [threads] => Some(self.exact(threads, Type::U32)?),
                _ => return Ok(None),
            };
            return Ok(Some(What::Barrier {
                id: self.exact(id, Type::U32)?,
                threads,
                aligned,
                waits,
                tally: None,
            }));
        }
        if !modifiers.flag("red") {
            return Ok(None);
        }
        let how = modifiers.one_of(&[
            ("popc", Tally::Count),
            ("and", Tally::And),
            ("or", Tally::Or),
        ]);
        let (Some(how), Some(ty), [d, id, rest @ ..]) = (how, modifiers.ty(), operands) else {
            return Ok(None);
        };
        let (threads, predicate) = match rest {
            [predicate] => (None, predicate),
            [threads, predicate] => (Some(self.exact(threads, Type::U32)?), predicate),
            _ => return Ok(None),
        };
        let d = self.result(d, ty)?;
        let held = self.read(predicate, Kind::Predicate, false)?;
        Ok(Some(What::Barrier {
            id: self.exact(id, Type::U32)?,
            threads,
            aligned,
            waits: true,
            tally: Some((how, held, d)),
        }))
    }

    fn shuffle(
        &mut self,
        modifiers: &mut Modifiers<'_>,
        operands: &[Operand<'a>],
    ) -> Result<Option<What>, LoadError> {
        let how = modifiers.one_of(&[
            ("up", Shuffle::Up),
            ("down", Shuffle::Down),
            ("bfly", Shuffle::Butterfly),
            ("idx", Shuffle::Index),
        ]);
        let sync = modifiers.flag("sync");
        let (Some(how), true, Some(Type::B32), [to, value, by, clamp, members]) =
            (how, sync, modifiers.ty(), operands)
        else {
            return Ok(None);
        };
        let (d, valid) = match to {
            Operand::Pair(d, valid) => (
                self.paired(d, Kind::Word)?,
                self.paired(valid, Kind::Predicate)?,
            ),
            d => (self.result(d, Type::B32)?.slot, NOWHERE),
        };
        Ok(Some(What::Shuffle {
            how,
            d,
            valid,
            value: self.exact(value, Type::B32)?.slot,
            by: self.word(by)?,
            clamp: self.word(clamp)?,
            members: self.word(members)?,
        }))
    }

    fn vote(
        &mut self,
        modifiers: &mut Modifiers<'_>,
        operands: &[Operand<'a>],
    ) -> Result<Option<What>, LoadError> {
        let how = modifiers.one_of(&[
            ("all", Vote::All),
            ("any", Vote::Any),
            ("uni", Vote::Uniform),
            ("ballot", Vote::Ballot),
        ]);
        let sync = modifiers.flag("sync");
        let ty = modifiers.ty();
        let (Some(how), true, [d, held, members]) = (how, sync, operands) else {
            return Ok(None);
        };
        let Some(ty) = ty.filter(|ty| (*ty == Type::B32) == (how == Vote::Ballot)) else {
            return Ok(None);
        };
        Ok(Some(What::Vote {
            how,
            d: self.result(d, ty)?,
            held: self.read(held, Kind::Predicate, false)?,
            members: self.word(members)?,
        }))
    }

    fn matching(
        &mut self,
        modifiers: &mut Modifiers<'_>,
        operands: &[Operand<'a>],
    ) -> Result<Option<What>, LoadError> {
        let all = modifiers.flag("all");
        if !all && !modifiers.flag("any") {
            return Ok(None);
        }
        let sync = modifiers.flag("sync");
        let (Some(ty @ (Type::B32 | Type::B64)), true, [to, value, members]) =
            (modifiers.ty(), sync, operands)
        else {
            return Ok(None);
        };
        let (d, held) = match to {
            Operand::Pair(d, held) if all => {
                (self.word_written(d)?, self.paired(held, Kind::Predicate)?)
            }
            d => (self.word_written(d)?, NOWHERE),
        };
        Ok(Some(What::Match {
            all,
            d,
            held,
            value: self.exact(value, ty)?,
            members: self.word(members)?,
        }))
    }

    fn reduction(
        &mut self,
        modifiers: &mut Modifiers<'_>,
        operands: &[Operand<'a>],
    ) -> Result<Option<What>, LoadError> {
        let name = modifiers.one_of(&[
            ("add", 0),
            ("min", 1),
            ("max", 2),
            ("and", 3),
            ("or", 4),
            ("xor", 5),
        ]);
        let sync = modifiers.flag("sync");
        let (true, [d, value, members]) = (sync, operands) else {
            return Ok(None);
        };
        let how = match (name, modifiers.ty()) {
            (Some(0), Some(Type::U32 | Type::S32)) => Reduce::Add,
            (Some(1), Some(Type::S32)) => Reduce::MinS32,
            (Some(1), Some(Type::U32)) => Reduce::MinU32,
            (Some(2), Some(Type::S32)) => Reduce::MaxS32,
            (Some(2), Some(Type::U32)) => Reduce::MaxU32,
            (Some(3), Some(Type::B32)) => Reduce::And,
            (Some(4), Some(Type::B32)) => Reduce::Or,
            (Some(5), Some(Type::B32)) => Reduce::Xor,
            _ => return Ok(None),
        };
        Ok(Some(What::Reduce {
            how,
            d: self.word_written(d)?,
            value: self.word(value)?,
            members: self.word(members)?,
        }))
    }

    fn election(
        &mut self,
        modifiers: &mut Modifiers<'_>,
        operands: &[Operand<'a>],
    ) -> Result<Option<What>, LoadError> {
        let (true, [Operand::Pair(d, held), members]) = (modifiers.flag("sync"), operands) else {
            return Ok(None);
        };
        let d = match d.as_ref() {
            Operand::Discard => None,
            d => Some(self.word_written(d)?),
        };
        Ok(Some(What::Elect {
            d,
            held: self.written(held, Kind::Predicate)?,
            members: self.word(members)?,
        }))
    }
}
