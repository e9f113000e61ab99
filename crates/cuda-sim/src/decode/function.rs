//! One function.

use std::collections::HashMap;

use super::names::{Names, Symbol, kind};
use super::places::Places;
use super::rename::rename;
use super::{Context, LoadError, place};
use crate::exec::rows::{ALL, Demand, Kind, Kinds, LANES, Registers, Slots};
use crate::exec::step::{Code, NOWHERE, RESERVED, Register, Special, Step, TRUE, What};
use crate::memory::Layout;
use crate::ops::{self, Alu, Class};
use crate::ptx::{
    Array, Function, Guard, Instruction, Location, Operand, Space, Statement, Type, Variable,
};

/// Variables: offset and bytes of each.
type Pieces = Vec<(u32, u32)>;

/// A function while it is decoded.
pub(super) struct Decoder<'a, 'c> {
    pub(super) context: &'c Context<'a>,
    pub(super) names: Names<'a>,
    pub(super) demand: Demand,
    pub(super) constants: HashMap<(Kind, u64), u32>,
    pub(super) specials: HashMap<Special, u32>,
    pub(super) steps: Vec<Step>,
    /// Where labels stand.
    labels: Vec<Option<u32>>,
    local_bytes: u32,
    shared: Layout,
    location: Option<Location>,
    places: Places,
    guard: (u32, u32),
    /// Bytes that are used of the next load.
    pub(super) used: u32,
    line: u32,
}

/// Decodes a function that has a body.
pub(crate) fn function<'a>(
    function: &'a Function<'a>,
    context: &Context<'a>,
) -> Result<Code, LoadError> {
    let mut decoder = Decoder {
        context,
        names: Names::default(),
        demand: Demand {
            predicates: RESERVED,
            ..Demand::default()
        },
        constants: HashMap::new(),
        specials: HashMap::new(),
        steps: Vec::new(),
        labels: Vec::new(),
        local_bytes: 0,
        shared: context.layout.clone(),
        location: None,
        places: Places::default(),
        guard: (TRUE, 0),
        used: u32::MAX,
        line: function.line,
    };
    decoder
        .constants
        .insert((Kind::Predicate, u64::from(ALL)), TRUE);
    decoder.names.open();
    let (params, results) = decoder.params(function)?;
    let body = function.body.as_deref().unwrap_or_default();
    decoder.block(body)?;
    // Who runs off the end returns.
    decoder.guard = (TRUE, 0);
    decoder.emit(What::Return, Class::Control);
    decoder.link();
    decoder.rename();
    Ok(decoder.finish(function, params, results))
}

impl<'a> Decoder<'a, '_> {
    pub(super) fn invalid<T>(&self, what: impl Into<String>) -> Result<T, LoadError> {
        Err(LoadError::Invalid {
            line: self.line,
            what: what.into(),
        })
    }

    pub(super) fn unknown<T>(&self, instruction: &Instruction<'_>) -> Result<T, LoadError> {
        Err(LoadError::NotSimulable {
            opcode: instruction.full_opcode(),
            line: self.line,
            place: place(&self.context.files, self.location),
        })
    }

    pub(super) fn emit(&mut self, what: What, class: Class) {
        self.emit_counted(what, class, 0);
    }

    pub(super) fn emit_counted(&mut self, what: What, class: Class, flops: u32) {
        let (guard, flip) = self.guard;
        self.steps.push(Step {
            guard,
            flip,
            what,
            class,
            flops,
            line: self.line,
            location: self.location,
        });
    }

    /// Arguments of an entry lie in its own memory, those of a function in
    /// its caller's hands, which are local memory.
    fn params(&mut self, function: &'a Function<'a>) -> Result<(Pieces, Pieces), LoadError> {
        let mut params = Vec::new();
        let mut end = 0_u32;
        for param in &function.params {
            let bytes = self.length(param)?;
            if function.entry {
                let offset = end.next_multiple_of(param.align);
                end = offset + bytes;
                params.push((offset, bytes));
                self.names.add(param.name, Symbol::Argument(offset));
            } else {
                params.push(self.local(param)?);
            }
        }
        let results = function.results.iter().map(|result| self.local(result));
        let results: Result<Pieces, _> = results.collect();
        Ok((params, results?))
    }

    fn length(&self, variable: &Variable<'_>) -> Result<u32, LoadError> {
        u32::try_from(variable.bytes())
            .ok()
            .filter(|bytes| *bytes <= 1 << 24)
            .map_or_else(
                || self.invalid(format!("`{}` is too large", variable.name)),
                Ok,
            )
    }

    /// Takes local memory for a variable.
    fn local(&mut self, variable: &Variable<'a>) -> Result<(u32, u32), LoadError> {
        let bytes = self.length(variable)?;
        let offset = self.local_bytes.next_multiple_of(variable.align.max(4));
        self.local_bytes = offset + bytes.next_multiple_of(4);
        self.names.add(variable.name, Symbol::Local(offset, bytes));
        Ok((offset, bytes))
    }

    fn block(&mut self, statements: &'a [Statement<'a>]) -> Result<(), LoadError> {
        self.names.open();
        for statement in statements {
            match statement {
                Statement::Label(name) => {
                    let number = self.labels.len() as u32;
                    self.labels.push(None);
                    self.names.add(name, Symbol::Label(number));
                }
                Statement::Targets(name, targets) => {
                    self.names.add(name, Symbol::Targets(targets.clone()));
                }
                _ => {}
            }
        }
        for statement in statements {
            self.statement(statement)?;
        }
        self.names.close();
        Ok(())
    }

    fn statement(&mut self, statement: &'a Statement<'a>) -> Result<(), LoadError> {
        match statement {
            Statement::Registers(registers) => {
                let Some(kind) = kind(registers.ty) else {
                    return self.invalid("registers of 128 bits are not supported");
                };
                for (name, count) in &registers.names {
                    let first = self.fresh(kind);
                    match count {
                        None => self.names.add(name, Symbol::Register(first, registers.ty)),
                        Some(count) => {
                            for _ in 1..*count {
                                self.fresh(kind);
                            }
                            self.names.add_family(name, *count, first, registers.ty);
                        }
                    }
                }
            }
            Statement::Variable(variable) => match variable.space {
                Space::Local | Space::Param => {
                    self.line = variable.line;
                    self.local(variable)?;
                }
                Space::Shared => {
                    self.line = variable.line;
                    let bytes = self.length(variable)?;
                    if matches!(variable.array, Array::Sizes(_)) && bytes == 0 {
                        return self.invalid(format!("`{}` has no length", variable.name));
                    }
                    let Some(offset) = self.shared.place(bytes, variable.align) else {
                        return self.invalid(format!("`{}` is too large", variable.name));
                    };
                    self.names.add(variable.name, Symbol::Shared(offset));
                }
                _ => {
                    self.line = variable.line;
                    return self.invalid(format!("`{}` can't lie in a function", variable.name));
                }
            },
            Statement::Label(name) => {
                if let Some(Symbol::Label(number)) = self.names.find(name) {
                    self.labels[number as usize] = Some(self.steps.len() as u32);
                }
            }
            Statement::Targets(..) | Statement::Prototype(..) => {}
            Statement::Block(statements) => self.block(statements)?,
            // Line 0 is what the compiler made by itself: it belongs to what was before.
            Statement::Location(location) if location.place.line == 0 => {}
            Statement::Location(location) => {
                self.location = Some(self.places.resolve(*location));
            }
            Statement::UsedBytes(used) => self.used = *used,
            Statement::Instruction(instruction) => {
                self.line = instruction.line;
                let decoded = self.guarded(instruction);
                self.used = u32::MAX;
                self.context.pass(instruction, decoded)?;
            }
        }
        Ok(())
    }

    fn guarded(&mut self, instruction: &'a Instruction<'a>) -> Result<(), LoadError> {
        self.guard = self.guard_of(instruction.guard)?;
        self.instruction(instruction)
    }

    fn guard_of(&self, guard: Option<Guard<'a>>) -> Result<(u32, u32), LoadError> {
        let Some(guard) = guard else {
            return Ok((TRUE, 0));
        };
        match self.names.find(guard.predicate) {
            Some(Symbol::Register(register, _)) if register.kind == Kind::Predicate => {
                Ok((register.slot, if guard.negated { ALL } else { 0 }))
            }
            _ => self.invalid(format!("`{}` is no predicate", guard.predicate)),
        }
    }

    fn instruction(&mut self, instruction: &'a Instruction<'a>) -> Result<(), LoadError> {
        let done = match instruction.opcode {
            "mov" => self.mov(instruction)?,
            "lop3" => self.lop3(instruction)?,
            "bra" | "brx" | "ret" | "exit" | "trap" | "brkpt" | "call" => {
                self.control(instruction)?
            }
            "ld" | "ldu" | "st" | "atom" | "red" | "cvta" | "isspacep" | "prefetch"
            | "prefetchu" | "createpolicy" | "membar" | "fence" | "discard" | "applypriority" => {
                self.memory(instruction)?
            }
            "bar" | "barrier" | "shfl" | "vote" | "match" | "redux" | "activemask" | "elect"
            | "nanosleep" | "griddepcontrol" => self.warp(instruction)?,
            "cp" => self.copy(instruction)?,
            "mma" | "wmma" | "ldmatrix" | "stmatrix" | "movmatrix" => self.tensor(instruction)?,
            _ => false,
        };
        if done {
            return Ok(());
        }
        match ops::find(instruction.opcode, &instruction.modifiers) {
            Some(alu) => {
                // PTX ISA 9.0, section 9.4.1: what `cvt` reads may lie in a
                // register that is longer than an integer's type.
                let shorter = ["s8", "u8", "s16", "u16", "s32", "u32"];
                let from = instruction.modifiers.last();
                let cut =
                    instruction.opcode == "cvt" && from.is_some_and(|ty| shorter.contains(ty));
                self.alu(&alu, &instruction.operands, cut)
            }
            None => self.unknown(instruction),
        }
    }

    /// An instruction on registers: results, then operands. `cut` says that only
    /// the lower halves of long ones are read.
    fn alu(&mut self, alu: &Alu, operands: &'a [Operand<'a>], cut: bool) -> Result<(), LoadError> {
        if operands.len() != alu.s.len() + 1 {
            return self.invalid(format!(
                "{} operands where {} are needed",
                operands.len(),
                alu.s.len() + 1
            ));
        }
        let mut slots = Slots {
            imm: alu.imm,
            e: NOWHERE,
            kinds: Kinds::new(alu.d, alu.e, &alu.s),
            ..Slots::default()
        };
        for (at, kind) in alu.s.iter().enumerate() {
            let operand = &operands[at + 1];
            let half = if cut { self.lower_half(operand)? } else { None };
            slots.s[at] = match half {
                Some(slot) => slot,
                None => self.read(operand, *kind, alu.single)?,
            };
        }
        match (&operands[0], alu.e) {
            (Operand::Pair(first, second), Some(kind)) => {
                slots.d = self.written(first, alu.d)?;
                slots.e = self.written(second, kind)?;
            }
            (first, _) => slots.d = self.written(first, alu.d)?,
        }
        self.emit_counted(What::Alu(alu.kernel.ready(), slots), alu.class, alu.flops);
        Ok(())
    }

    /// An instruction on registers that are known.
    pub(super) fn emit_alu(&mut self, alu: &Alu, to: u32, from: &[u32]) {
        let mut slots = Slots {
            d: to,
            e: NOWHERE,
            imm: alu.imm,
            kinds: Kinds::new(alu.d, alu.e, &alu.s),
            ..Slots::default()
        };
        slots.s[..from.len()].copy_from_slice(from);
        self.emit_counted(What::Alu(alu.kernel.ready(), slots), alu.class, alu.flops);
    }

    /// The lower half of a register, if it is a long one.
    fn lower_half(&mut self, operand: &Operand<'a>) -> Result<Option<u32>, LoadError> {
        let Operand::Name(name) = operand else {
            return Ok(None);
        };
        match self.names.find(name) {
            Some(Symbol::Register(register, _)) if register.kind == Kind::Long => {
                let to = self.fresh(Kind::Word).slot;
                self.in_all_lanes("cvt", &["u32", "u64"], to, register.slot)?;
                Ok(Some(to))
            }
            _ => Ok(None),
        }
    }

    pub(super) fn predicate_not(&mut self, to: u32, from: u32) -> Result<(), LoadError> {
        self.in_all_lanes("not", &["pred"], to, from)
    }

    /// An instruction of one operand for all lanes, whatever the guard says: the
    /// temporary that it makes is the next instruction's own.
    fn in_all_lanes(
        &mut self,
        opcode: &str,
        modifiers: &[&str],
        to: u32,
        from: u32,
    ) -> Result<(), LoadError> {
        let Some(alu) = ops::find(opcode, modifiers) else {
            return self.invalid(format!("`{opcode}` is not known here"));
        };
        let guard = std::mem::replace(&mut self.guard, (TRUE, 0));
        self.emit_alu(&alu, to, &[from]);
        self.guard = guard;
        Ok(())
    }

    /// The table is the fifth operand.
    fn lop3(&mut self, instruction: &'a Instruction<'a>) -> Result<bool, LoadError> {
        let Some(mut alu) = ops::find("lop3", &instruction.modifiers) else {
            return Ok(false);
        };
        let [operands @ .., Operand::Int(table)] = instruction.operands.as_slice() else {
            return self.invalid("`lop3` without its table");
        };
        alu.imm = *table as u32 & 0xff;
        self.alu(&alu, operands, false)?;
        Ok(true)
    }

    fn mov(&mut self, instruction: &'a Instruction<'a>) -> Result<bool, LoadError> {
        let [name] = instruction.modifiers.as_slice() else {
            return Ok(false);
        };
        let (Some(ty), [to, from]) = (Type::of_name(name), instruction.operands.as_slice()) else {
            return Ok(false);
        };
        match (to, from) {
            (Operand::Vector(parts), whole) => {
                let whole = self.value(whole, ty)?;
                let mut registers = Vec::new();
                for part in parts {
                    registers.push(match part {
                        Operand::Discard => None,
                        part => Some(self.register(part)?.0),
                    });
                }
                self.halves(ty, registers.len())?;
                self.emit(What::Unpack(registers.into(), whole), Class::Move);
            }
            (to, Operand::Vector(parts)) => {
                self.halves(ty, parts.len())?;
                let part = match ty.bytes() / parts.len() as u32 {
                    4 => Type::B32,
                    _ => Type::B16,
                };
                let mut registers = Vec::new();
                for operand in parts {
                    registers.push(self.value(operand, part)?);
                }
                let (whole, _) = self.register(to)?;
                self.emit(What::Pack(whole, registers.into()), Class::Move);
            }
            _ => {
                let Some(alu) = ops::moved(ty) else {
                    return Ok(false);
                };
                self.alu(&alu, &instruction.operands, false)?;
            }
        }
        Ok(true)
    }

    /// A register of 32 or 64 bits can be taken to two or four pieces of 16
    /// bits or more.
    fn halves(&self, ty: Type, parts: usize) -> Result<(), LoadError> {
        match (ty.bytes(), parts) {
            (4 | 8, 2) | (8, 4) => Ok(()),
            _ => self.invalid(format!(
                "{parts} parts of a register of {} bytes",
                ty.bytes()
            )),
        }
    }

    /// The number of a label.
    pub(super) fn label(&self, name: &str) -> Result<u32, LoadError> {
        match self.names.find(name) {
            Some(Symbol::Label(number)) => Ok(number),
            _ => self.invalid(format!("`{name}` is no label")),
        }
    }

    /// Labels' numbers to places.
    fn link(&mut self) {
        let labels = std::mem::take(&mut self.labels);
        let find = |number: u32| labels[number as usize].unwrap_or_default();
        for step in &mut self.steps {
            match &mut step.what {
                What::Branch(target) => *target = find(*target),
                What::BranchIndexed(_, targets) => {
                    targets
                        .iter_mut()
                        .for_each(|target| *target = find(*target));
                }
                _ => {}
            }
        }
    }

    /// As few registers as may be: what a warp has at hand stays in the cache.
    fn rename(&mut self) {
        let constants = self.constants.iter_mut();
        let constants = constants.map(|((kind, _), slot)| (*kind, slot));
        let specials = self.specials.values_mut().map(|slot| (Kind::Word, slot));
        let mut pinned: Vec<_> = constants.chain(specials).collect();
        // Their order must not be the hash table's.
        pinned.sort_by_key(|(_, slot)| **slot);
        self.demand = rename(&mut self.steps, &mut pinned);
    }

    fn finish(self, function: &Function<'a>, params: Pieces, results: Pieces) -> Code {
        let mut template = Registers::new(self.demand);
        for ((kind, bits), slot) in &self.constants {
            match kind {
                Kind::Word => template.words[*slot as usize] = [*bits as u32; LANES],
                Kind::Long => template.longs[*slot as usize] = [*bits; LANES],
                Kind::Predicate => template.predicates[*slot as usize] = *bits as u32,
            }
        }
        let mut specials: Vec<_> = self
            .specials
            .iter()
            .map(|(special, slot)| (*slot, *special))
            .collect();
        specials.sort_by_key(|(slot, _)| *slot);
        let numbers = |name: &str| {
            let found = function
                .directives
                .iter()
                .find(|(directive, _)| *directive == name);
            found.map(|(_, numbers)| numbers.clone())
        };
        let product = |numbers: Vec<u32>| numbers.iter().product();
        let required = numbers("reqntid");
        let at = |numbers: &[u32], dimension: usize| numbers.get(dimension).copied().unwrap_or(1);
        let end = params.last().map_or(0, |(offset, bytes)| offset + bytes);
        Code {
            name: function.name.to_owned(),
            entry: function.entry,
            steps: self.steps,
            template,
            specials,
            param_bytes: if function.entry { end } else { 0 },
            params,
            results,
            local_bytes: self.local_bytes.next_multiple_of(16),
            shared: self.shared,
            max_threads: numbers("maxntid").or(required.clone()).map(product),
            required: required.map(|numbers| [at(&numbers, 0), at(&numbers, 1), at(&numbers, 2)]),
        }
    }

    /// A register that takes what an instruction finds, or one for nobody.
    pub(super) fn result(
        &mut self,
        operand: &Operand<'a>,
        kind: Kind,
    ) -> Result<Register, LoadError> {
        let slot = self.written(operand, kind)?;
        Ok(Register { kind, slot })
    }
}
