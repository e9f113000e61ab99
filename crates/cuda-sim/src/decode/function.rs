//! One function.

use std::collections::HashMap;

use super::forms::{self, Found, Wanted};
use super::joins::joins;
use super::names::{Names, Symbol, kind};
use super::rename::rename;
use super::{Context, LoadError, MOST_REGISTERS, place};
use crate::exec::rows::{ALL, Demand, Kind, Kinds, LANES, Registers, Slots};
use crate::exec::step::{Code, NOWHERE, RESERVED, Register, Special, Step, TRUE, What};
use crate::memory::Layout;
use crate::ops::{self, Alu, Class};
use crate::ptx::{
    Array, Function, Guard, Instruction, Label, Labelled, Location, Operand, Places, Space,
    Statement, Type, Variable,
};

/// Local memory that a thread can have: CUDA C++ programming guide, table of
/// technical specifications.
const MOST_LOCAL: u32 = 512 * 1024;
/// Bytes of arguments that a kernel can have: PTX ISA 9.0, 5.1.6.1.
const MOST_ARGUMENTS: u32 = 32_764;

/// Most threads of a block, and sizes that it must have.
type Threads = (Option<u32>, Option<[u32; 3]>);

/// Variables: offset and bytes of each.
type Pieces = Vec<(u32, u32)>;

/// A function while it is decoded.
pub(super) struct Decoder<'a, 'c> {
    pub(super) context: &'c Context<'a>,
    pub(super) names: Names<'a>,
    pub(super) demand: Demand,
    /// Registers that may be read before they are written.
    unset: Vec<(Kind, u32)>,
    pub(super) constants: HashMap<(Kind, u64), u32>,
    pub(super) specials: HashMap<Special, u32>,
    pub(super) steps: Vec<Step>,
    /// Where labels stand.
    pub(super) labels: Vec<Option<u32>>,
    /// Places that indexed branches go to, so far.
    pub(super) targets: usize,
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
        unset: Vec::new(),
        demand: Demand {
            predicates: RESERVED,
            ..Demand::default()
        },
        constants: HashMap::new(),
        specials: HashMap::new(),
        steps: Vec::new(),
        labels: Vec::new(),
        targets: 0,
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
    decoder.link()?;
    decoder.rename();
    decoder.line = function.line;
    decoder.finish(function, params, results)
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

    /// Gives a name in the innermost block a meaning.
    fn name(&mut self, name: &'a str, symbol: Symbol<'a>) -> Result<(), LoadError> {
        if self.names.add(name, symbol) {
            Ok(())
        } else {
            self.invalid(format!("`{name}` is declared twice"))
        }
    }

    /// Arguments of an entry lie in its own memory, those of a function in
    /// its caller's hands, which are local memory.
    fn params(&mut self, function: &'a Function<'a>) -> Result<(Pieces, Pieces), LoadError> {
        let mut params = Vec::new();
        let mut end = 0_u32;
        for param in &function.params {
            if !function.entry {
                params.push(self.local(param)?);
                continue;
            }
            let bytes = self.length(param)?;
            let offset = end.next_multiple_of(param.align);
            end = offset + bytes;
            if end > MOST_ARGUMENTS {
                return self.invalid(format!("more than {MOST_ARGUMENTS} bytes of arguments"));
            }
            params.push((offset, bytes));
            self.name(param.name, Symbol::Argument(offset))?;
        }
        let results = function.results.iter().map(|result| self.local(result));
        let results: Result<Pieces, _> = results.collect();
        Ok((params, results?))
    }

    /// Bytes of a variable in a function.
    fn length(&mut self, variable: &Variable<'_>) -> Result<u32, LoadError> {
        self.line = variable.line;
        let name = variable.name;
        if variable.space == Space::Reg {
            return self.invalid(format!(
                "`{name}` lies in a register, which is not supported"
            ));
        }
        if variable.ty == Type::Pred {
            return self.invalid(format!("`{name}` is a predicate, which has no bytes"));
        }
        if !variable.initial.is_empty() {
            return self.invalid(format!("`{name}` can't start with a value"));
        }
        // Of all that can lie in a function: no sum of two has too many bits.
        let bytes = u32::try_from(variable.bytes()).ok();
        match bytes.filter(|bytes| *bytes <= MOST_LOCAL) {
            Some(bytes) => Ok(bytes),
            None => self.invalid(format!("`{name}` is too large")),
        }
    }

    /// Takes local memory for a variable.
    fn local(&mut self, variable: &Variable<'a>) -> Result<(u32, u32), LoadError> {
        let bytes = self.length(variable)?;
        let offset = self.local_bytes.next_multiple_of(variable.align.max(4));
        self.local_bytes = offset + bytes.next_multiple_of(4);
        if self.local_bytes > MOST_LOCAL {
            return self.invalid(format!("more than {MOST_LOCAL} bytes of local memory"));
        }
        let space = variable.space;
        let symbol = Symbol::Local {
            offset,
            bytes,
            space,
        };
        self.name(variable.name, symbol)?;
        Ok((offset, bytes))
    }

    fn block(&mut self, statements: &'a [Statement<'a>]) -> Result<(), LoadError> {
        self.names.open();
        for statement in statements {
            if let Statement::Labelled(label) = statement {
                self.line = label.line;
                let symbol = match &label.what {
                    Labelled::Place => {
                        self.labels.push(None);
                        Symbol::Label(self.labels.len() as u32 - 1)
                    }
                    Labelled::Targets(targets) => Symbol::Targets(targets),
                    Labelled::Prototype(prototype) => Symbol::Prototype(prototype),
                    Labelled::Functions(_) => {
                        return self.invalid("a list of functions to call is not supported");
                    }
                };
                self.name(label.name, symbol)?;
            }
        }
        for statement in statements {
            self.statement(statement)?;
            self.room(0)?;
        }
        self.names.close();
        Ok(())
    }

    /// Whether there is room for so many registers more.
    fn room(&self, more: u32) -> Result<(), LoadError> {
        let known = self.context.registers + self.demand.all();
        if known.saturating_add(more) > MOST_REGISTERS {
            return self.invalid(format!("more than {MOST_REGISTERS} registers in a module"));
        }
        Ok(())
    }

    fn statement(&mut self, statement: &'a Statement<'a>) -> Result<(), LoadError> {
        match statement {
            Statement::Registers(registers) => {
                self.line = registers.line;
                self.registers(&registers.names, registers.ty)?;
            }
            Statement::Variable(variable) => match variable.space {
                Space::Local | Space::Param => {
                    self.local(variable)?;
                }
                Space::Shared => {
                    let bytes = self.length(variable)?;
                    if matches!(variable.array, Array::Sizes(_)) && bytes == 0 {
                        return self.invalid(format!("`{}` has no length", variable.name));
                    }
                    let Some(offset) = self.shared.place(variable.name, bytes, variable.align)
                    else {
                        return self.invalid(format!("no room for `{}`", variable.name));
                    };
                    self.name(variable.name, Symbol::Shared(offset))?;
                }
                _ => {
                    self.line = variable.line;
                    return self.invalid(format!("`{}` can't lie in a function", variable.name));
                }
            },
            Statement::Labelled(Label { name, what, .. }) => {
                if let (Labelled::Place, Some(Symbol::Label(number))) =
                    (what, self.names.find(name))
                {
                    self.labels[number as usize] = Some(self.steps.len() as u32);
                }
            }
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

    fn registers(
        &mut self,
        names: &'a [(&'a str, Option<u32>)],
        ty: Type,
    ) -> Result<(), LoadError> {
        let Some(kind) = kind(ty) else {
            return self.invalid("registers of 128 bits are not supported");
        };
        for (name, count) in names {
            self.room(count.unwrap_or(1))?;
            let first = self.fresh(kind);
            let Some(count) = count else {
                self.name(name, Symbol::Register(first, ty))?;
                continue;
            };
            for _ in 1..*count {
                self.fresh(kind);
            }
            if !self.names.add_family(name, *count, first, ty) {
                return self.invalid(format!("`{name}` is declared twice"));
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
        let form = forms::find(instruction.opcode, &instruction.modifiers);
        if matches!(form, Found::Unknown) {
            return self.unknown(instruction);
        }
        let done = match instruction.opcode {
            "mov" => self.mov(instruction)?,
            "bra" | "brx" | "ret" | "exit" | "trap" | "brkpt" | "call" => {
                self.control(instruction)?
            }
            "ld" | "ldu" | "st" | "atom" | "red" | "cvta" | "isspacep" | "prefetch"
            | "prefetchu" | "createpolicy" | "membar" | "fence" | "applypriority" => {
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
        let Some(mut alu) = ops::find(instruction.opcode, &instruction.modifiers) else {
            return self.unknown(instruction);
        };
        let mut operands = instruction.operands.as_slice();
        if instruction.opcode == "lop3" {
            let [rest @ .., Operand::Int(table @ 0..=255)] = operands else {
                return self.invalid("`lop3` without its table");
            };
            alu.imm = *table as u32;
            operands = rest;
        }
        let types = match form {
            Found::Form(form) => form.operands(&instruction.modifiers),
            _ => Vec::new(),
        };
        self.alu(&alu, operands, &types)
    }

    /// An instruction on registers: results, then operands.
    pub(super) fn alu(
        &mut self,
        alu: &Alu,
        operands: &'a [Operand<'a>],
        types: &[Wanted],
    ) -> Result<(), LoadError> {
        if operands.len() != alu.s.len() + 1 {
            return self.invalid(format!(
                "{} operands where {} are needed",
                operands.len(),
                alu.s.len() + 1
            ));
        }
        for (operand, wanted) in operands.iter().zip(types) {
            self.check_type(operand, *wanted)?;
        }
        let mut slots = Slots {
            imm: alu.imm,
            e: NOWHERE,
            kinds: Kinds::new(alu.d, alu.e, &alu.s),
            ..Slots::default()
        };
        for (at, kind) in alu.s.iter().enumerate() {
            let operand = &operands[at + 1];
            // PTX ISA 9.0, section 9.4.1: what `cvt` reads may lie in a register
            // that is longer than its type.
            let longer = types.get(at + 1).is_some_and(|wanted| wanted.wider);
            let half = if longer && *kind == Kind::Word {
                self.lower_half(operand)?
            } else {
                None
            };
            slots.s[at] = match half {
                Some(slot) => slot,
                None => self.read(operand, *kind, alu.single)?,
            };
        }
        match (&operands[0], alu.e) {
            (Operand::Pair(first, second), Some(kind)) => {
                slots.d = self.paired(first, alu.d)?;
                slots.e = self.paired(second, kind)?;
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

    /// As few registers as may be: what a warp has at hand stays in the cache.
    fn rename(&mut self) {
        let constants = self.constants.iter_mut();
        let constants = constants.map(|((kind, _), slot)| (*kind, slot));
        let specials = self.specials.values_mut().map(|slot| (Kind::Word, slot));
        let mut pinned: Vec<_> = constants.chain(specials).collect();
        // Their order must not be the hash table's.
        pinned.sort_by_key(|(_, slot)| **slot);
        (self.demand, self.unset) = rename(&mut self.steps, &mut pinned);
    }

    fn finish(
        self,
        function: &Function<'a>,
        params: Pieces,
        results: Pieces,
    ) -> Result<Code, LoadError> {
        let (max_threads, required) = self.directives(function)?;
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
        let end = params.last().map_or(0, |(offset, bytes)| offset + bytes);
        Ok(Code {
            name: function.name.to_owned(),
            entry: function.entry,
            joins: joins(&self.steps),
            steps: self.steps,
            template,
            unset: self.unset,
            by_block: specials
                .iter()
                .copied()
                .filter(|(_, special)| special.is_of_block())
                .collect(),
            specials,
            param_bytes: if function.entry { end } else { 0 },
            params,
            results,
            local_bytes: self.local_bytes.next_multiple_of(16),
            shared: self.shared,
            max_threads,
            required,
        })
    }

    /// Most threads of a block, and the sizes that it must have: PTX ISA 9.0,
    /// section 11.4.
    fn directives(&self, function: &Function<'a>) -> Result<Threads, LoadError> {
        let mut most = None;
        let mut required = None;
        for (name, numbers) in &function.directives {
            match *name {
                "maxntid" | "reqntid" => {
                    let sizes = [0, 1, 2].map(|at| numbers.get(at).copied().unwrap_or(1));
                    if !(1..=3).contains(&numbers.len()) || sizes.contains(&0) {
                        return self.invalid(format!("`.{name}` without one to three sizes"));
                    }
                    let all = sizes
                        .iter()
                        .fold(1_u32, |all, &size| all.saturating_mul(size));
                    most = Some(most.map_or(all, |most: u32| most.min(all)));
                    if *name == "reqntid" {
                        required = Some(sizes);
                    }
                }
                // How many blocks a GPU should run at once, with how many registers.
                "minnctapersm" | "maxnctapersm" | "maxnreg" | "noreturn" => {}
                _ => {
                    return Err(LoadError::NotSimulable {
                        opcode: format!(".{name}"),
                        line: self.line,
                        place: String::new(),
                    });
                }
            }
        }
        Ok((most, required))
    }

    /// A register that takes what an instruction finds, or one for nobody.
    pub(super) fn result(
        &mut self,
        operand: &Operand<'a>,
        ty: Type,
    ) -> Result<Register, LoadError> {
        self.check_type(operand, Wanted::exactly(ty))?;
        let kind = kind(ty).unwrap_or(Kind::Long);
        let slot = self.written(operand, kind)?;
        Ok(Register { kind, slot })
    }
}
