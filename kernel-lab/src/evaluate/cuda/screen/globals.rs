//! Variables of a module that its kernels write.
//!
//! Addresses are followed through registers in whatever order instructions stand: what may
//! hold the address of a variable somewhere holds it everywhere. One whose address goes
//! where it can't be followed, into memory or into a call, counts as written.

use std::collections::{BTreeMap, BTreeSet};

use cuda_sim::ptx::{Base, Initial, Module, Operand, Space};

use super::Step;

type Names<'a> = BTreeSet<&'a str>;

/// The writes of a function: where, and to which variable.
pub(super) fn written<'s, 'm, 'a>(
    module: &'m Module<'a>,
    steps: &'s [Step<'m, 'a>],
) -> Vec<(&'s Step<'m, 'a>, &'a str)> {
    let follow = Follow::new(module, steps);
    let mut found = Vec::new();
    for step in steps {
        let names = follow.writes(step);
        found.extend(names.into_iter().map(|name| (step, name)));
    }
    found
}

struct Follow<'a> {
    globals: Names<'a>,
    /// For each variable, constant ones, too, those that it starts with the address of.
    kept: BTreeMap<&'a str, Names<'a>>,
    registers: BTreeMap<&'a str, Names<'a>>,
}

impl<'a> Follow<'a> {
    fn new(module: &Module<'a>, steps: &[Step<'_, 'a>]) -> Self {
        let variables = || {
            let all = module.variables.iter();
            all.filter(|variable| matches!(variable.space, Space::Global | Space::Const))
        };
        let globals = variables().filter(|variable| variable.space == Space::Global);
        let kept = variables().map(|variable| {
            let of = variable.initial.iter().filter_map(|initial| match initial {
                Initial::AddressOf { name, .. } => Some(*name),
                _ => None,
            });
            (variable.name, of.collect())
        });
        let mut follow = Self {
            globals: globals.map(|variable| variable.name).collect(),
            kept: kept.collect(),
            registers: BTreeMap::new(),
        };
        while follow.pass(steps) {}
        follow
    }

    /// Whether anything new came to light.
    fn pass(&mut self, steps: &[Step<'_, 'a>]) -> bool {
        let mut news = false;
        for step in steps {
            let instruction = step.instruction;
            let Some((to, from)) = instruction.operands.split_first() else {
                continue;
            };
            let names: Names<'a> = match instruction.opcode {
                "st" | "red" | "call" | "setp" | "bra" | "cp" => continue,
                // What lies in a variable may be the address of another.
                "ld" | "ldu" | "atom" => {
                    let at = from.iter().flat_map(|operand| self.addresses(operand));
                    at.filter_map(|name| self.kept.get(name))
                        .flatten()
                        .copied()
                        .collect()
                }
                _ => from
                    .iter()
                    .flat_map(|operand| self.values(operand))
                    .collect(),
            };
            for register in registers(to) {
                let known = self.registers.entry(register).or_default();
                let before = known.len();
                known.extend(&names);
                news |= known.len() > before;
            }
        }
        news
    }

    /// Variables that an instruction may change, or whose address it gives away.
    fn writes(&self, step: &Step<'_, 'a>) -> Names<'a> {
        let operands = &step.instruction.operands;
        let mut names = Names::new();
        match step.instruction.opcode {
            "st" | "red" | "atom" => {
                for operand in operands {
                    names.extend(self.addresses(operand));
                    if !step.for_text {
                        names.extend(self.values(operand));
                    }
                }
            }
            // A copy's first operand is where to.
            "cp" => names.extend(
                operands
                    .first()
                    .into_iter()
                    .flat_map(|to| self.addresses(to)),
            ),
            _ => {}
        }
        names.retain(|name| self.globals.contains(name));
        names
    }

    /// Variables whose address an operand may be.
    fn values(&self, operand: &Operand<'a>) -> Names<'a> {
        match operand {
            Operand::Name(name) | Operand::AddressOf(name, _) => self.named(name),
            Operand::Vector(inner) => inner.iter().flat_map(|one| self.values(one)).collect(),
            _ => Names::new(),
        }
    }

    /// Variables that an address may lie in.
    fn addresses(&self, operand: &Operand<'a>) -> Names<'a> {
        match operand {
            Operand::Address(address) => match address.base {
                Base::Name(name) => self.named(name),
                Base::Absolute => Names::new(),
            },
            _ => Names::new(),
        }
    }

    fn named(&self, name: &'a str) -> Names<'a> {
        if self.kept.contains_key(name) {
            return Names::from([name]);
        }
        self.registers.get(name).cloned().unwrap_or_default()
    }
}

/// Registers that an operand names.
pub(super) fn registers<'a>(to: &Operand<'a>) -> Vec<&'a str> {
    match to {
        Operand::Name(name) => vec![name],
        Operand::Vector(inner) => inner.iter().flat_map(registers).collect(),
        Operand::Pair(one, other) => [registers(one), registers(other)].concat(),
        _ => Vec::new(),
    }
}
