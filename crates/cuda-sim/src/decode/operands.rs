//! Operands to registers.

use super::LoadError;
use super::function::Decoder;
use super::names::Symbol;
use crate::exec::rows::Kind;
use crate::exec::step::{NOWHERE, Register, Special, TRUE, What};
use crate::memory::ARGUMENTS;
use crate::ops::Class;
use crate::ptx::{Operand, Type};

/// Where addresses of functions start; each has 16 bytes.
pub(crate) const FUNCTIONS: u64 = 0x6000_0000_0000;

impl<'a> Decoder<'a, '_> {
    /// A register of a kind that nothing else uses.
    pub(super) fn fresh(&mut self, kind: Kind) -> Register {
        let counter = match kind {
            Kind::Word => &mut self.demand.words,
            Kind::Long => &mut self.demand.longs,
            Kind::Predicate => &mut self.demand.predicates,
        };
        let slot = *counter;
        *counter += 1;
        Register { kind, slot }
    }

    /// A register that always holds a number.
    pub(super) fn constant(&mut self, kind: Kind, bits: u64) -> u32 {
        if let Some(&slot) = self.constants.get(&(kind, bits)) {
            return slot;
        }
        let slot = self.fresh(kind).slot;
        self.constants.insert((kind, bits), slot);
        slot
    }

    fn special(&mut self, special: Special) -> u32 {
        if let Some(&slot) = self.specials.get(&special) {
            return slot;
        }
        let slot = self.fresh(Kind::Word).slot;
        self.specials.insert(special, slot);
        slot
    }

    /// A register that is read, of a kind. `single` makes a double's constant
    /// a single's.
    pub(super) fn read(
        &mut self,
        operand: &Operand<'a>,
        kind: Kind,
        single: bool,
    ) -> Result<u32, LoadError> {
        match (operand, kind) {
            (Operand::Name(name), _) => self.read_name(name, kind),
            (Operand::Member(name, member), Kind::Word) => {
                let dimension = match *member {
                    "x" => 0,
                    "y" => 1,
                    "z" => 2,
                    _ => return self.invalid(format!("`{name}.{member}` is not known")),
                };
                let special = match *name {
                    "%tid" => Special::Tid(dimension),
                    "%ntid" => Special::Ntid(dimension),
                    "%ctaid" | "%clusterid" => Special::Ctaid(dimension),
                    "%nctaid" | "%nclusterid" => Special::Nctaid(dimension),
                    "%cluster_ctaid" => Special::Zero,
                    "%cluster_nctaid" => Special::One,
                    _ => return self.invalid(format!("`{name}.{member}` is not known")),
                };
                Ok(self.special(special))
            }
            (Operand::Not(name), Kind::Predicate) => {
                let slot = self.read_name(name, kind)?;
                let temporary = self.fresh(Kind::Predicate);
                self.predicate_not(temporary.slot, slot)?;
                Ok(temporary.slot)
            }
            (Operand::Int(bits), Kind::Word) => Ok(self.constant(kind, bits & 0xffff_ffff)),
            (Operand::Int(bits) | Operand::F64(bits), Kind::Long) => Ok(self.constant(kind, *bits)),
            (Operand::Int(bits), Kind::Predicate) => Ok(if *bits == 0 {
                self.constant(kind, 0)
            } else {
                TRUE
            }),
            (Operand::F32(bits), Kind::Word) => Ok(self.constant(kind, u64::from(*bits))),
            (Operand::F64(bits), Kind::Word) if single => {
                let value = f64::from_bits(*bits) as f32;
                Ok(self.constant(kind, u64::from(value.to_bits())))
            }
            (Operand::AddressOf(name, offset), Kind::Long | Kind::Word) => {
                let address = self.address_of(name)?;
                match address {
                    Address::Fixed(at) => {
                        let at = at.wrapping_add_signed(*offset);
                        Ok(self.constant(
                            kind,
                            if kind == Kind::Word {
                                at & 0xffff_ffff
                            } else {
                                at
                            },
                        ))
                    }
                    Address::Local(at) => {
                        let register = self.fresh(kind);
                        let at = at.wrapping_add_signed(*offset as i32);
                        self.emit(What::LocalAddress(register, at), Class::Move);
                        Ok(register.slot)
                    }
                }
            }
            _ => self.invalid(format!("{operand:?} does not fit here")),
        }
    }

    fn read_name(&mut self, name: &'a str, kind: Kind) -> Result<u32, LoadError> {
        if let Some(Symbol::Register(register, _)) = self.names.find(name) {
            if register.kind == kind {
                return Ok(register.slot);
            }
            return self.invalid(format!("`{name}` is not as wide as the instruction"));
        }
        let special = match name {
            "%laneid" => Special::LaneId,
            "%warpid" => Special::WarpId,
            "%nwarpid" => Special::WarpCount,
            "%smid" => Special::SmId,
            "%nsmid" => Special::SmCount,
            "%gridid" => Special::GridId,
            "%lanemask_eq" => Special::LanemaskEq,
            "%lanemask_le" => Special::LanemaskLe,
            "%lanemask_lt" => Special::LanemaskLt,
            "%lanemask_ge" => Special::LanemaskGe,
            "%lanemask_gt" => Special::LanemaskGt,
            "%dynamic_smem_size" => Special::DynamicShared,
            "%total_smem_size" => Special::TotalShared,
            "%cluster_ctarank" => Special::Zero,
            "%cluster_nctarank" => Special::One,
            "WARP_SZ" => return Ok(self.constant(kind, 32)),
            "%clock" | "%clock64" | "%globaltimer" | "%clock_hi" | "%globaltimer_lo"
            | "%globaltimer_hi" => {
                let register = self.fresh(kind);
                self.emit(What::Clock(register), Class::Move);
                return Ok(register.slot);
            }
            _ if environment(name).is_some() => {
                Special::Environment(environment(name).unwrap_or_default())
            }
            _ => {
                let operand = Operand::AddressOf(name, 0);
                return self.read(&operand, kind, false);
            }
        };
        let slot = self.special(special);
        match kind {
            Kind::Word => Ok(slot),
            Kind::Long => {
                let register = self.fresh(Kind::Long);
                let word = Register {
                    kind: Kind::Word,
                    slot,
                };
                let zero = Register {
                    kind: Kind::Word,
                    slot: self.constant(Kind::Word, 0),
                };
                self.emit(What::Pack(register, Box::new([word, zero])), Class::Move);
                Ok(register.slot)
            }
            Kind::Predicate => self.invalid(format!("`{name}` is no predicate")),
        }
    }

    /// A register that is written.
    pub(super) fn written(&mut self, operand: &Operand<'a>, kind: Kind) -> Result<u32, LoadError> {
        match operand {
            Operand::Name(name) => match self.names.find(name) {
                Some(Symbol::Register(register, _)) if register.kind == kind => Ok(register.slot),
                _ => self.invalid(format!("`{name}` can't take the result")),
            },
            Operand::Discard if kind == Kind::Predicate => Ok(NOWHERE),
            Operand::Discard => Ok(self.fresh(kind).slot),
            _ => self.invalid(format!("{operand:?} can't take the result")),
        }
    }

    /// A named register with its type.
    pub(super) fn register(
        &mut self,
        operand: &Operand<'a>,
    ) -> Result<(Register, Type), LoadError> {
        match operand {
            Operand::Name(name) => match self.names.find(name) {
                Some(Symbol::Register(register, ty)) => Ok((register, ty)),
                _ => self.invalid(format!("`{name}` is no register")),
            },
            _ => self.invalid(format!("{operand:?} is no register")),
        }
    }

    /// A register, or a constant in one, as wide as a type.
    pub(super) fn value(&mut self, operand: &Operand<'a>, ty: Type) -> Result<Register, LoadError> {
        if let Operand::Name(name) = operand
            && let Some(Symbol::Register(register, _)) = self.names.find(name)
        {
            return Ok(register);
        }
        let kind = if ty.bytes() == 8 {
            Kind::Long
        } else {
            Kind::Word
        };
        let slot = self.read(operand, kind, ty == Type::F32)?;
        Ok(Register { kind, slot })
    }

    /// Where a variable lies in its own state space, an argument generically.
    pub(super) fn address_of(&mut self, name: &'a str) -> Result<Address, LoadError> {
        match self.names.find(name) {
            Some(Symbol::Local(offset, _)) => return Ok(Address::Local(offset)),
            Some(Symbol::Shared(offset)) => return Ok(Address::Fixed(u64::from(offset))),
            Some(Symbol::Argument(offset)) => {
                return Ok(Address::Fixed(ARGUMENTS + u64::from(offset)));
            }
            Some(_) => return self.invalid(format!("`{name}` has no address")),
            None => {}
        }
        if let Some(&address) = self.context.globals.get(name) {
            Ok(Address::Fixed(address))
        } else if let Some(&offset) = self.context.shared.get(name) {
            Ok(Address::Fixed(u64::from(offset)))
        } else if let Some(&number) = self.context.functions.get(name) {
            Ok(Address::Fixed(FUNCTIONS + u64::from(number) * 16))
        } else {
            self.invalid(format!("`{name}` is not known"))
        }
    }
}

/// The number of `%envreg0` to `%envreg31`.
fn environment(name: &str) -> Option<u8> {
    let number = name.strip_prefix("%envreg")?.parse().ok()?;
    (number < 32).then_some(number)
}

/// Where something lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Address {
    Fixed(u64),
    /// So far into the function's own local memory.
    Local(u32),
}
