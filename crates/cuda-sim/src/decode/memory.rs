//! Loads, stores, atomics and addresses: PTX ISA 9.0, sections 9.7.9 and 9.7.13.

use super::LoadError;
use super::forms::Wanted;
use super::function::Decoder;
use super::names::{Symbol, space};
use super::operands::At;
use crate::exec::rows::Kind;
use crate::exec::step::{Access, Atomic, Change, Number, Register, Target, What};
use crate::memory::{LOCAL, SHARED};
use crate::ops::{self, Class, Modifiers};
use crate::ptx::{Address, Base, Instruction, Operand, Space, Type};

/// Modifiers of accesses that other threads see in an order: PTX ISA 9.0,
/// section 8.4. An atomic is one anyway.
const STRONG: [&str; 5] = ["relaxed", "acquire", "release", "acq_rel", "volatile"];

/// What an address is that an instruction works on.
const ADDRESS: Wanted = Wanted {
    ty: Type::U64,
    wider: false,
    special: false,
    variable: false,
};

impl<'a> Decoder<'a, '_> {
    /// Modifiers that say how far an access is seen, or what caches should do,
    /// have no effect: here all see it at once, and there are no caches.
    pub(super) fn memory(&mut self, instruction: &'a Instruction<'a>) -> Result<bool, LoadError> {
        let names = instruction.modifiers.as_slice();
        let operands = self.without_policy(instruction)?;
        match (instruction.opcode, operands) {
            // Of proxies there is none here.
            ("membar" | "fence", []) if names.contains(&"proxy") => {
                self.emit(What::Nothing, Class::Control);
            }
            ("membar" | "fence", []) => self.emit(What::Fence, Class::Control),
            ("prefetch" | "prefetchu", [Operand::Address(address)])
            | ("applypriority", [Operand::Address(address), Operand::Int(128)]) => {
                let found = names.iter().find_map(|name| space(name));
                self.target(address, found)?;
                self.emit(What::Nothing, Class::Memory);
            }
            ("createpolicy", [to, rest @ ..]) => return self.policy(instruction, to, rest),
            ("cvta", [to, from]) => return self.convert(instruction, to, from),
            ("isspacep", [to, from]) => return self.is_space(instruction, to, from),
            ("ld" | "ldu", [values, Operand::Address(address)]) => {
                let access = self.access(instruction, address, values, false)?;
                self.emit(What::Load(Box::new(access)), Class::Memory);
            }
            ("st", [Operand::Address(address), values]) => {
                let access = self.access(instruction, address, values, true)?;
                self.release(names);
                self.emit(What::Store(Box::new(access)), Class::Memory);
            }
            ("red", [Operand::Address(address), values @ ..]) => {
                return self.atomic(instruction, None, address, values);
            }
            ("atom", [old, Operand::Address(address), values @ ..]) => {
                return self.atomic(instruction, Some(old), address, values);
            }
            _ => return self.unknown(instruction),
        }
        Ok(true)
    }

    /// The operands without what caches should keep of global memory, which
    /// comes last: PTX ISA 9.0, 9.7.9.2.
    fn without_policy(
        &mut self,
        instruction: &'a Instruction<'a>,
    ) -> Result<&'a [Operand<'a>], LoadError> {
        let operands = instruction.operands.as_slice();
        let names = instruction.modifiers.as_slice();
        if !names.contains(&"L2::cache_hint") {
            return Ok(operands);
        }
        let found = names.iter().find_map(|name| space(name));
        let ([rest @ .., policy], None | Some(Space::Global)) = (operands, found) else {
            return self.unknown(instruction);
        };
        self.exact(policy, Type::U64)?;
        Ok(rest)
    }

    /// What comes before a release is published by it.
    fn release(&mut self, modifiers: &[&str]) {
        let releases = |name: &&str| matches!(*name, "release" | "acq_rel");
        if modifiers.iter().any(releases) {
            self.emit(What::Fence, Class::Memory);
        }
    }

    /// Where an access goes, with what the space is called then: arguments of
    /// functions lie in local memory.
    pub(super) fn target(
        &mut self,
        address: &Address<'a>,
        space: Option<Space>,
    ) -> Result<Target, LoadError> {
        if !address.coordinates.is_empty() {
            return self.invalid("coordinates where an address is wanted");
        }
        let offset = address.offset.cast_unsigned();
        let fixed = |space, offset| Target {
            space,
            base: None,
            offset,
        };
        let name = match address.base {
            Base::Absolute if space == Some(Space::Local) => return Ok(fixed(space, offset)),
            Base::Absolute => return self.invalid("a number is an address in local memory alone"),
            Base::Name(name) => name,
        };
        if let Some(Symbol::Register(base, ty)) = self.names.find(name) {
            let is_address = matches!(
                ty,
                Type::B32 | Type::U32 | Type::S32 | Type::B64 | Type::U64 | Type::S64
            );
            if !is_address {
                return self.invalid(format!("`{name}` holds no address"));
            }
            // As ptxas has it since sm_90.
            let near = matches!(space, Some(Space::Shared | Space::Local));
            if !near && ty.bytes() < 8 {
                let what = "has 32 bits, and addresses there have 64";
                return self.invalid(format!("`{name}` {what}"));
            }
            let space = match space {
                // An argument's address in a register is a generic one.
                Some(Space::Param) => None,
                other => other,
            };
            return Ok(Target {
                space,
                base: Some(base),
                offset,
            });
        }
        let place = self.place_of(name)?;
        // Without a space the address is generic: in global memory that is
        // where the variable lies, and in no other.
        if space.unwrap_or(Space::Global) != place.space {
            return self.invalid(format!("`{name}` lies in another state space"));
        }
        match place.at {
            At::Local(at) => {
                let base = self.fresh(Kind::Word);
                self.emit(What::LocalAddress(base, at), Class::Integer);
                Ok(Target {
                    space: Some(Space::Local),
                    base: Some(base),
                    offset,
                })
            }
            At::Fixed(at) => Ok(fixed(space, at.wrapping_add(offset))),
        }
    }

    /// There are no caches: any policy will do.
    fn policy(
        &mut self,
        instruction: &'a Instruction<'a>,
        to: &Operand<'a>,
        from: &'a [Operand<'a>],
    ) -> Result<bool, LoadError> {
        match (instruction.modifiers.first(), from) {
            (Some(&"fractional"), []) => {}
            (Some(&"fractional"), [part]) => {
                self.exact(part, Type::F32)?;
            }
            (Some(&"range"), [Operand::Address(start), first, all]) => {
                self.target(start, Some(Space::Global))?;
                self.exact(first, Type::U32)?;
                self.exact(all, Type::U32)?;
                if let (Operand::Int(first), Operand::Int(all)) = (first, all)
                    && first > all
                {
                    return self.invalid(format!("the first {first} bytes of {all}"));
                }
            }
            (Some(&"cvt"), [property]) => {
                self.exact(property, Type::U64)?;
            }
            _ => return self.unknown(instruction),
        }
        let Some(mov) = ops::moved(Type::B64) else {
            return self.unknown(instruction);
        };
        let to = self.register(to, Wanted::exactly(Type::U64))?;
        let nothing = self.constant(Kind::Long, 0);
        self.emit_alu(&mov, to.slot, &[nothing]);
        Ok(true)
    }

    /// A load or a store.
    fn access(
        &mut self,
        instruction: &'a Instruction<'a>,
        address: &Address<'a>,
        values: &'a Operand<'a>,
        stores: bool,
    ) -> Result<Access, LoadError> {
        let names = instruction.modifiers.as_slice();
        let mut modifiers = Modifiers::new(names);
        let found = names.iter().find_map(|name| space(name));
        let strong = names.iter().any(|name| STRONG.contains(name));
        let count = modifiers.one_of(&[("v2", 2), ("v4", 4), ("v8", 8)]);
        let Some(ty) = modifiers.ty() else {
            return self.unknown(instruction);
        };
        let count = count.unwrap_or(1);
        let bytes = ty.bytes();
        // PTX ISA 9.0, 9.7.9.8: 256 bits only in global memory, and only of
        // elements of 32 or 64; of eight elements nothing else.
        let wide = count * bytes == 32 && bytes >= 4 && found == Some(Space::Global);
        if !wide && (count == 8 || count * bytes > 16) {
            return self.unknown(instruction);
        }
        if found == Some(Space::Const) && stores {
            return self.invalid("constants can't be written");
        }
        let wanted = Wanted {
            wider: true,
            ..Wanted::exactly(ty)
        };
        let values = self.values(values, count, wanted, stores)?;
        let target = self.target(address, found)?;
        if stores && found == Some(Space::Param) && target.space.is_none() {
            return self.invalid("arguments are written by their names, not by addresses");
        }
        Ok(Access {
            target,
            bytes,
            strong,
            signed: !stores && matches!(ty, Type::S8 | Type::S16 | Type::S32),
            used: if stores { u32::MAX } else { self.used },
            values,
        })
    }

    /// The registers of one element or several; constants only where they
    /// are read.
    fn values(
        &mut self,
        operand: &'a Operand<'a>,
        count: u32,
        wanted: Wanted,
        stores: bool,
    ) -> Result<Vec<Option<Register>>, LoadError> {
        let single = std::slice::from_ref(operand);
        let operands = match operand {
            Operand::Vector(operands) => operands.as_slice(),
            _ => single,
        };
        if operands.len() != count as usize {
            return self.invalid(format!("{} values for {count} elements", operands.len()));
        }
        let mut registers = Vec::with_capacity(operands.len());
        for operand in operands {
            registers.push(match operand {
                Operand::Discard if !stores && count > 1 => None,
                operand if stores => Some(self.value(operand, wanted)?),
                operand => Some(self.register(operand, wanted)?),
            });
        }
        Ok(registers)
    }

    fn atomic(
        &mut self,
        instruction: &'a Instruction<'a>,
        old: Option<&Operand<'a>>,
        address: &Address<'a>,
        values: &'a [Operand<'a>],
    ) -> Result<bool, LoadError> {
        let names = instruction.modifiers.as_slice();
        let mut modifiers = Modifiers::new(names);
        let found = names.iter().find_map(|name| space(name));
        let change = modifiers.one_of(&[
            ("add", Change::Add),
            ("min", Change::Min),
            ("max", Change::Max),
            ("and", Change::And),
            ("or", Change::Or),
            ("xor", Change::Xor),
            ("exch", Change::Exchange),
            ("cas", Change::CompareAndSwap),
            ("inc", Change::Increment),
            ("dec", Change::Decrement),
        ]);
        let (Some(change), Some(ty)) = (change, modifiers.ty()) else {
            return self.unknown(instruction);
        };
        let number = match ty {
            Type::B16 => Number::B16,
            Type::U32 | Type::B32 => Number::U32,
            Type::U64 | Type::B64 => Number::U64,
            Type::S32 => Number::S32,
            Type::S64 => Number::S64,
            Type::F32 => Number::F32,
            Type::F64 => Number::F64,
            Type::F16 => Number::F16,
            Type::F16x2 => Number::F16x2,
            Type::Bf16 => Number::Bf16,
            Type::Bf16x2 => Number::Bf16x2,
            _ => return self.unknown(instruction),
        };
        let needed = if change == Change::CompareAndSwap {
            2
        } else {
            1
        };
        if values.len() != needed {
            return self.unknown(instruction);
        }
        let wanted = Wanted::exactly(ty);
        let old = match old {
            None | Some(Operand::Discard) => None,
            Some(old) => Some(self.register(old, wanted)?),
        };
        let mut operands = Vec::new();
        for value in values {
            operands.push(self.value(value, wanted)?);
        }
        let atomic = Atomic {
            target: self.target(address, found)?,
            change,
            number,
            old,
            operands,
        };
        self.release(names);
        self.emit(What::Atomic(Box::new(atomic)), Class::Atomic);
        Ok(true)
    }

    fn convert(
        &mut self,
        instruction: &'a Instruction<'a>,
        to: &Operand<'a>,
        from: &Operand<'a>,
    ) -> Result<bool, LoadError> {
        let names = instruction.modifiers.as_slice();
        let Some(space) = names.iter().find_map(|name| space(name)) else {
            return self.unknown(instruction);
        };
        let (d, from) = (self.register(to, ADDRESS)?, self.value(from, ADDRESS)?);
        // A generic address is one of the state space behind the start of its window.
        let window = match space {
            Space::Shared => SHARED,
            Space::Local => LOCAL,
            _ => 0,
        };
        let by = if names.contains(&"to") {
            window.wrapping_neg()
        } else {
            window
        };
        let by = self.constant(Kind::Long, by);
        let Some(sum) = ops::find("add", &["u64"]) else {
            return self.unknown(instruction);
        };
        self.emit_alu(&sum, d.slot, &[from.slot, by]);
        Ok(true)
    }

    fn is_space(
        &mut self,
        instruction: &'a Instruction<'a>,
        to: &Operand<'a>,
        from: &Operand<'a>,
    ) -> Result<bool, LoadError> {
        let names = instruction.modifiers.as_slice();
        let Some(space) = names.iter().find_map(|name| space(name)) else {
            return self.unknown(instruction);
        };
        let what = What::IsSpace {
            d: self.written(to, Kind::Predicate)?,
            address: self.value(from, ADDRESS)?,
            space,
        };
        self.emit(what, Class::Integer);
        Ok(true)
    }
}
