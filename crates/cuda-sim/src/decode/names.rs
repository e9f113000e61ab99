//! What names in a function stand for.

use std::collections::HashMap;

use crate::exec::rows::Kind;
use crate::exec::step::Register;
use crate::ptx::{Space, Type};

/// What a name stands for.
#[derive(Clone, Debug)]
pub(super) enum Symbol<'a> {
    Register(Register, Type),
    /// In local memory: offset, bytes.
    Local(u32, u32),
    /// In shared memory: offset.
    Shared(u32),
    /// An argument of an entry: offset.
    Argument(u32),
    /// Number of a label.
    Label(u32),
    Targets(Vec<&'a str>),
}

/// Names, block by block.
#[derive(Debug, Default)]
pub(super) struct Names<'a> {
    blocks: Vec<Block<'a>>,
}

#[derive(Debug, Default)]
struct Block<'a> {
    single: HashMap<&'a str, Symbol<'a>>,
    /// `%r<14>`: prefix, how many, the first of them.
    families: Vec<(&'a str, u32, Register, Type)>,
}

impl<'a> Names<'a> {
    pub(super) fn open(&mut self) {
        self.blocks.push(Block::default());
    }

    pub(super) fn close(&mut self) {
        self.blocks.pop();
    }

    pub(super) fn add(&mut self, name: &'a str, symbol: Symbol<'a>) {
        if let Some(block) = self.blocks.last_mut() {
            block.single.insert(name, symbol);
        }
    }

    pub(super) fn add_family(&mut self, prefix: &'a str, count: u32, first: Register, ty: Type) {
        if let Some(block) = self.blocks.last_mut() {
            block.families.push((prefix, count, first, ty));
        }
    }

    /// From the innermost block outwards.
    pub(super) fn find(&self, name: &str) -> Option<Symbol<'a>> {
        self.blocks.iter().rev().find_map(|block| {
            if let Some(symbol) = block.single.get(name) {
                return Some(symbol.clone());
            }
            block
                .families
                .iter()
                .find_map(|(prefix, count, first, ty)| {
                    let digits = name.strip_prefix(prefix)?;
                    let plain = digits == "0" || !digits.starts_with('0');
                    let number: u32 = digits
                        .parse()
                        .ok()
                        .filter(|number| plain && number < count)?;
                    let register = Register {
                        kind: first.kind,
                        slot: first.slot + number,
                    };
                    Some(Symbol::Register(register, *ty))
                })
        })
    }
}

/// Where registers of a type lie; `None` if there are none of it.
pub(super) fn kind(ty: Type) -> Option<Kind> {
    match ty {
        Type::Pred => Some(Kind::Predicate),
        Type::B128 => None,
        _ if ty.bytes() == 8 => Some(Kind::Long),
        _ => Some(Kind::Word),
    }
}

/// A state space's modifier.
pub(super) fn space(name: &str) -> Option<Space> {
    Some(match name {
        "global" => Space::Global,
        "shared" | "shared::cta" => Space::Shared,
        "local" => Space::Local,
        "const" => Space::Const,
        "param" | "param::entry" | "param::func" => Space::Param,
        _ => return None,
    })
}
