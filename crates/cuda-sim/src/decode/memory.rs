//! Loads, stores, atomics and addresses: PTX ISA 9.0, sections 9.7.9 and 9.7.13.

use super::LoadError;
use super::function::Decoder;
use super::names::{Symbol, space};
use super::operands::Address as Place;
use crate::exec::rows::Kind;
use crate::exec::step::{Access, Atomic, Change, Number, Register, Target, What};
use crate::memory::{LOCAL, SHARED};
use crate::ops::{self, Class, Modifiers};
use crate::ptx::{Address, Base, Instruction, Operand, Space, Type};

/// Modifiers of accesses that other threads see in an order: PTX ISA 9.0,
/// section 8.4. An atomic is one anyway.
const STRONG: [&str; 6] = ["relaxed", "acquire", "release", "acq_rel", "sc", "volatile"];

/// Modifiers that say how far an access is seen, or what caches should do:
/// here all see it at once, and there are no caches.
const WITHOUT_EFFECT: [&str; 25] = [
    "weak",
    "cta",
    "cluster",
    "gpu",
    "sys",
    "nc",
    "ca",
    "cg",
    "cs",
    "lu",
    "cv",
    "wb",
    "wt",
    "unified",
    "noftz",
    "L1::evict_normal",
    "L1::evict_unchanged",
    "L1::evict_first",
    "L1::evict_last",
    "L1::no_allocate",
    "L2::evict_first",
    "L2::evict_last",
    "L2::64B",
    "L2::128B",
    "L2::256B",
];

impl<'a> Decoder<'a, '_> {
    pub(super) fn memory(&mut self, instruction: &'a Instruction<'a>) -> Result<bool, LoadError> {
        let mut modifiers = Modifiers::new(&instruction.modifiers);
        match instruction.opcode {
            "membar" | "fence" => {
                // Of proxies only what this simulator has none of.
                self.emit(What::Fence, Class::Control);
                return Ok(true);
            }
            "prefetch" | "prefetchu" | "discard" | "applypriority" => {
                self.emit(What::Nothing, Class::Memory);
                return Ok(true);
            }
            "createpolicy" => return self.policy(instruction),
            "cvta" => return self.convert(instruction, modifiers),
            "isspacep" => return self.is_space(instruction, modifiers),
            _ => {}
        }
        let strong = STRONG.iter().any(|name| modifiers.flag(name));
        for name in WITHOUT_EFFECT {
            modifiers.flag(name);
        }
        let releases = |name: &&str| matches!(*name, "release" | "acq_rel");
        if instruction.modifiers.iter().any(releases) {
            self.emit(What::Fence, Class::Memory);
        }
        let mut found = None;
        if let Some(name) = modifiers.peek()
            && let Some(space) = space(name)
        {
            modifiers.first();
            found = Some(space);
        }
        // What caches should keep is one more operand: PTX ISA 9.0, 9.7.9.2.
        let operands = match instruction.operands.as_slice() {
            [operands @ .., policy] if modifiers.flag("L2::cache_hint") => {
                self.read(policy, Kind::Long, false)?;
                operands
            }
            operands => operands,
        };
        match instruction.opcode {
            "ld" | "ldu" => self.load(instruction, operands, modifiers, found, strong),
            "st" => self.store(instruction, operands, modifiers, found, strong),
            _ => self.atomic(instruction, modifiers, found),
        }
    }

    /// Where an access goes, with what the space is called then: arguments of
    /// functions lie in local memory.
    pub(super) fn target(
        &mut self,
        address: &Address<'a>,
        space: Option<Space>,
    ) -> Result<Target, LoadError> {
        let fixed = |space, offset| Target {
            space,
            base: None,
            offset,
        };
        let name = match address.base {
            Base::Absolute => return Ok(fixed(space, address.offset.cast_unsigned())),
            Base::Name(name) => name,
        };
        if let Some(Symbol::Register(base, _)) = self.names.find(name) {
            let space = match space {
                // An argument's address in a register is a generic one.
                Some(Space::Param) => None,
                other => other,
            };
            return Ok(Target {
                space,
                base: Some(base),
                offset: address.offset.cast_unsigned(),
            });
        }
        match self.address_of(name)? {
            Place::Local(at) => {
                let base = self.fresh(Kind::Word);
                self.emit(What::LocalAddress(base, at), Class::Integer);
                Ok(Target {
                    space: Some(Space::Local),
                    base: Some(base),
                    offset: address.offset.cast_unsigned(),
                })
            }
            Place::Fixed(at) => Ok(fixed(space, at.wrapping_add_signed(address.offset))),
        }
    }

    /// There are no caches: any policy will do.
    fn policy(&mut self, instruction: &'a Instruction<'a>) -> Result<bool, LoadError> {
        let ["fractional" | "range" | "cvt", .., "b64"] = instruction.modifiers.as_slice() else {
            return self.unknown(instruction);
        };
        let (Some(to), Some(mov)) = (instruction.operands.first(), ops::moved(Type::B64)) else {
            return self.unknown(instruction);
        };
        let to = self.written(to, Kind::Long)?;
        let nothing = self.constant(Kind::Long, 0);
        self.emit_alu(&mov, to, &[nothing]);
        Ok(true)
    }

    fn load(
        &mut self,
        instruction: &'a Instruction<'a>,
        operands: &'a [Operand<'a>],
        mut modifiers: Modifiers<'_>,
        space: Option<Space>,
        strong: bool,
    ) -> Result<bool, LoadError> {
        let Some((count, ty)) = elements(&mut modifiers) else {
            return self.unknown(instruction);
        };
        let [values, Operand::Address(address)] = operands else {
            return self.unknown(instruction);
        };
        let values = self.values(values, count, None)?;
        let access = Access {
            target: self.target(address, space)?,
            bytes: ty.bytes(),
            strong,
            signed: matches!(ty, Type::S8 | Type::S16 | Type::S32),
            used: self.used,
            values,
        };
        self.emit(What::Load(Box::new(access)), Class::Memory);
        Ok(true)
    }

    fn store(
        &mut self,
        instruction: &'a Instruction<'a>,
        operands: &'a [Operand<'a>],
        mut modifiers: Modifiers<'_>,
        space: Option<Space>,
        strong: bool,
    ) -> Result<bool, LoadError> {
        let Some((count, ty)) = elements(&mut modifiers) else {
            return self.unknown(instruction);
        };
        let [Operand::Address(address), values] = operands else {
            return self.unknown(instruction);
        };
        let values = self.values(values, count, Some(ty))?;
        let access = Access {
            target: self.target(address, space)?,
            bytes: ty.bytes(),
            strong,
            signed: false,
            used: u32::MAX,
            values,
        };
        self.emit(What::Store(Box::new(access)), Class::Memory);
        Ok(true)
    }

    /// The registers of one element or several; constants only where they
    /// are read, as a type.
    fn values(
        &mut self,
        operand: &'a Operand<'a>,
        count: usize,
        read: Option<Type>,
    ) -> Result<Vec<Option<Register>>, LoadError> {
        let single = std::slice::from_ref(operand);
        let operands = match operand {
            Operand::Vector(operands) => operands.as_slice(),
            _ => single,
        };
        if operands.len() != count {
            return self.invalid(format!("{} values for {count} elements", operands.len()));
        }
        let mut registers = Vec::with_capacity(count);
        for operand in operands {
            registers.push(match (operand, read) {
                (Operand::Discard, None) => None,
                (operand, Some(ty)) => Some(self.value(operand, ty)?),
                (operand, None) => Some(self.register(operand)?.0),
            });
        }
        Ok(registers)
    }

    fn atomic(
        &mut self,
        instruction: &'a Instruction<'a>,
        mut modifiers: Modifiers<'_>,
        space: Option<Space>,
    ) -> Result<bool, LoadError> {
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
        let ty = modifiers.ty();
        let (Some(change), Some(ty), true) = (change, ty, modifiers.all_taken()) else {
            return self.unknown(instruction);
        };
        let number = match (ty, change) {
            (Type::U32 | Type::B32, _) => Number::U32,
            (Type::U64 | Type::B64, _) => Number::U64,
            (Type::S32, _) => Number::S32,
            (Type::S64, _) => Number::S64,
            (Type::B16, Change::CompareAndSwap) => Number::B16,
            (Type::F32, Change::Add) => Number::F32,
            (Type::F64, Change::Add) => Number::F64,
            (Type::F16, Change::Add) => Number::F16,
            (Type::F16x2, Change::Add) => Number::F16x2,
            (Type::Bf16, Change::Add) => Number::Bf16,
            (Type::Bf16x2, Change::Add) => Number::Bf16x2,
            _ => return self.unknown(instruction),
        };
        let (old, rest) = if instruction.opcode == "red" {
            (None, instruction.operands.as_slice())
        } else {
            let Some((old, rest)) = instruction.operands.split_first() else {
                return self.unknown(instruction);
            };
            let old = match old {
                Operand::Discard => None,
                old => Some(self.register(old)?.0),
            };
            (old, rest)
        };
        let Some((Operand::Address(address), values)) = rest.split_first() else {
            return self.unknown(instruction);
        };
        let needed = if change == Change::CompareAndSwap {
            2
        } else {
            1
        };
        if values.len() != needed {
            return self.unknown(instruction);
        }
        let mut operands = Vec::new();
        for value in values {
            operands.push(self.value(value, ty)?);
        }
        let atomic = Atomic {
            target: self.target(address, space)?,
            change,
            number,
            old,
            operands,
        };
        self.emit(What::Atomic(Box::new(atomic)), Class::Atomic);
        Ok(true)
    }

    fn convert(
        &mut self,
        instruction: &'a Instruction<'a>,
        mut modifiers: Modifiers<'_>,
    ) -> Result<bool, LoadError> {
        let from_generic = modifiers.flag("to");
        let found = modifiers.first().and_then(space);
        let ty = modifiers.ty();
        let (Some(space), Some(Type::U64 | Type::U32), [to, from]) =
            (found, ty, instruction.operands.as_slice())
        else {
            return self.unknown(instruction);
        };
        let (d, _) = self.register(to)?;
        let slot = self.read(from, d.kind, false)?;
        // A generic address is one of the state space behind the start of its window.
        let window = match space {
            Space::Shared => SHARED,
            Space::Local => LOCAL,
            _ => 0,
        };
        let by = if from_generic {
            window.wrapping_neg()
        } else {
            window
        };
        let (width, by) = match d.kind {
            Kind::Long => ("u64", by),
            _ => ("u32", by & 0xffff_ffff),
        };
        let by = self.constant(d.kind, by);
        let Some(sum) = ops::find("add", &[width]) else {
            return self.unknown(instruction);
        };
        self.emit_alu(&sum, d.slot, &[slot, by]);
        Ok(true)
    }

    fn is_space(
        &mut self,
        instruction: &'a Instruction<'a>,
        mut modifiers: Modifiers<'_>,
    ) -> Result<bool, LoadError> {
        let found = modifiers.first().and_then(space);
        let (Some(space), [to, from], true) = (
            found,
            instruction.operands.as_slice(),
            modifiers.all_taken(),
        ) else {
            return self.unknown(instruction);
        };
        let d = self.written(to, Kind::Predicate)?;
        let address = self.value(from, Type::B64)?;
        self.emit(What::IsSpace { d, address, space }, Class::Integer);
        Ok(true)
    }
}

/// `.v2`, `.v4`, `.v8`, then the type.
fn elements(modifiers: &mut Modifiers<'_>) -> Option<(usize, Type)> {
    let count = modifiers
        .one_of(&[("v2", 2), ("v4", 4), ("v8", 8)])
        .unwrap_or(1);
    let ty = modifiers.ty()?;
    // PTX ISA 9.0, 9.7.9.8: 256 bits at most.
    let known = modifiers.all_taken()
        && ty != Type::B128
        && ty != Type::Pred
        && count * ty.bytes() as usize <= 32;
    known.then_some((count, ty))
}
