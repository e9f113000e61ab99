//! Operands to registers.

use super::LoadError;
use super::forms::Wanted;
use super::function::Decoder;
use super::names::{Symbol, fits, kind};
use crate::exec::rows::Kind;
use crate::exec::step::{NOWHERE, Register, Special, TRUE, What};
use crate::memory::ARGUMENTS;
use crate::ops::Class;
use crate::ptx::{Operand, Space, Type};

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
            // A predicate's constant is no more than whether it holds.
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
                let place = self.place_of(name)?;
                match place.at {
                    At::Fixed(at) => {
                        let at = at.wrapping_add_signed(*offset);
                        if kind == Kind::Word && u32::try_from(at).is_err() {
                            return self
                                .invalid(format!("the address of `{name}` has more than 32 bits"));
                        }
                        Ok(self.constant(kind, at))
                    }
                    // Who holds it could not say whether it is a caller's.
                    At::Local(_) if place.space == Space::Param => self.invalid(format!(
                        "the address of `{name}`, a function's parameter, is not supported"
                    )),
                    At::Local(at) => {
                        let Ok(offset) = i32::try_from(*offset) else {
                            return self.invalid(format!("{offset} is too far from `{name}`"));
                        };
                        let register = self.fresh(kind);
                        let at = at.wrapping_add_signed(offset);
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
            "%cluster_nctarank" => Special::One,
            "WARP_SZ" if kind != Kind::Predicate => return Ok(self.constant(kind, 32)),
            // A warp has no more than 2^32 instructions.
            "%clock_hi" | "%globaltimer_hi" | "%cluster_ctarank" => Special::Zero,
            "%clock" | "%globaltimer_lo" if kind == Kind::Word => return Ok(self.clock(kind)),
            "%clock64" | "%globaltimer" if kind == Kind::Long => return Ok(self.clock(kind)),
            _ if environment(name).is_some() => {
                Special::Environment(environment(name).unwrap_or_default())
            }
            _ => {
                let operand = Operand::AddressOf(name, 0);
                return self.read(&operand, kind, false);
            }
        };
        match kind {
            Kind::Word => Ok(self.special(special)),
            _ => self.invalid(format!("`{name}` has 32 bits")),
        }
    }

    fn clock(&mut self, kind: Kind) -> u32 {
        let register = self.fresh(kind);
        self.emit(What::Clock(register), Class::Move);
        register.slot
    }

    /// A register that is written.
    pub(super) fn written(&mut self, operand: &Operand<'a>, kind: Kind) -> Result<u32, LoadError> {
        match operand {
            Operand::Name(name) => match self.names.find(name) {
                Some(Symbol::Register(register, _)) if register.kind == kind => Ok(register.slot),
                _ => self.invalid(format!("`{name}` can't take the result")),
            },
            _ => self.invalid(format!("{operand:?} can't take the result")),
        }
    }

    /// One of two that are written, which may be for nobody.
    pub(super) fn paired(&mut self, operand: &Operand<'a>, kind: Kind) -> Result<u32, LoadError> {
        match operand {
            Operand::Discard if kind == Kind::Predicate => Ok(NOWHERE),
            Operand::Discard => Ok(self.fresh(kind).slot),
            operand => self.written(operand, kind),
        }
    }

    /// A register, or a constant in one, for an operand that is read as a
    /// type; a register may be wider where the instruction says so.
    pub(super) fn value(
        &mut self,
        operand: &Operand<'a>,
        wanted: Wanted,
    ) -> Result<Register, LoadError> {
        self.check_type(operand, wanted)?;
        if let Operand::Name(name) = operand
            && let Some(Symbol::Register(register, _)) = self.names.find(name)
        {
            return Ok(register);
        }
        let Wanted { ty, .. } = wanted;
        let kind = kind(ty).unwrap_or(Kind::Long);
        let slot = self.read(operand, kind, ty == Type::F32)?;
        Ok(Register { kind, slot })
    }

    /// As `value`, exactly as wide as the type.
    pub(super) fn exact(&mut self, operand: &Operand<'a>, ty: Type) -> Result<Register, LoadError> {
        self.value(operand, Wanted::exactly(ty))
    }

    /// A named register that takes a type.
    pub(super) fn register(
        &mut self,
        operand: &Operand<'a>,
        wanted: Wanted,
    ) -> Result<Register, LoadError> {
        self.check_type(operand, wanted)?;
        match operand {
            Operand::Name(name) => match self.names.find(name) {
                Some(Symbol::Register(register, _)) => Ok(register),
                _ => self.invalid(format!("`{name}` is no register")),
            },
            _ => self.invalid(format!("{operand:?} is no register")),
        }
    }

    /// Whether an operand is of a type, as far as it has one: registers by
    /// table 28 of PTX ISA 9.0, 9.4, constants and addresses as ptxas takes them.
    pub(super) fn check_type(
        &self,
        operand: &Operand<'a>,
        wanted: Wanted,
    ) -> Result<(), LoadError> {
        let ty = wanted.ty;
        let float = matches!(
            ty,
            Type::F16 | Type::F16x2 | Type::Bf16 | Type::Bf16x2 | Type::F32 | Type::F64
        );
        let whole = !float && ty.bytes() >= 4;
        let right = match operand {
            Operand::Name(name) => match self.names.find(name) {
                Some(Symbol::Register(_, register)) => fits(register, ty, wanted.wider),
                _ if name.starts_with('%') || *name == "WARP_SZ" => wanted.special && whole,
                _ => wanted.variable && whole,
            },
            Operand::Member(..) => wanted.special && whole,
            Operand::AddressOf(..) => wanted.variable && whole,
            Operand::Int(_) => !float,
            Operand::F32(_) => matches!(ty, Type::F32 | Type::B32),
            Operand::F64(_) => matches!(ty, Type::F32 | Type::F64 | Type::B64),
            _ => true,
        };
        if right {
            return Ok(());
        }
        let given = match operand {
            Operand::Name(name) => format!("`{name}`"),
            Operand::Int(_) | Operand::F32(_) | Operand::F64(_) => "this number".to_owned(),
            _ => "this".to_owned(),
        };
        self.invalid(format!("{given} can't stand where {ty:?} is wanted"))
    }

    /// Where a variable lies in its own state space, an argument generically.
    pub(super) fn place_of(&self, name: &str) -> Result<Place, LoadError> {
        let at = |space, at| Ok(Place { space, at });
        let fixed = |space, offset: u32| at(space, At::Fixed(u64::from(offset)));
        match self.names.find(name) {
            Some(Symbol::Local { offset, space, .. }) => return at(space, At::Local(offset)),
            Some(Symbol::Shared(offset)) => return fixed(Space::Shared, offset),
            Some(Symbol::Argument(offset)) => {
                return at(Space::Param, At::Fixed(ARGUMENTS + u64::from(offset)));
            }
            Some(Symbol::Twice) => {
                return self.invalid(format!("`{name}` is declared twice"));
            }
            Some(_) => return self.invalid(format!("`{name}` has no address")),
            None => {}
        }
        match self.context.place(name) {
            Some((space, address)) => at(space, At::Fixed(address)),
            None => self.invalid(format!("`{name}` is not known")),
        }
    }
}

/// The number of `%envreg0` to `%envreg31`.
fn environment(name: &str) -> Option<u8> {
    let number = name.strip_prefix("%envreg")?.parse().ok()?;
    (number < 32).then_some(number)
}

/// Where something lies, and in which state space.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) space: Space,
    pub(super) at: At,
}

/// An address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum At {
    Fixed(u64),
    /// So far into the function's own local memory.
    Local(u32),
}
