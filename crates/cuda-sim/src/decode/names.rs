//! What names in a function stand for.

use std::collections::HashMap;

use crate::exec::rows::Kind;
use crate::exec::step::Register;
use crate::ptx::{Prototype, Space, Type};

/// What a name stands for.
#[derive(Clone, Copy, Debug)]
pub(super) enum Symbol<'a> {
    Register(Register, Type),
    /// In local memory: a variable, or a parameter of a function.
    Local {
        offset: u32,
        bytes: u32,
        space: Space,
    },
    /// In shared memory: offset.
    Shared(u32),
    /// An argument of an entry: offset.
    Argument(u32),
    /// Number of a label.
    Label(u32),
    Targets(&'a [&'a str]),
    Prototype(&'a Prototype<'a>),
    /// Two declarations have it.
    Twice,
}

/// Names, block by block.
#[derive(Debug, Default)]
pub(super) struct Names<'a> {
    blocks: Vec<Block<'a>>,
}

#[derive(Debug, Default)]
struct Block<'a> {
    single: HashMap<&'a str, Symbol<'a>>,
    /// `%r<14>`: by prefix, how many and the first of them.
    families: HashMap<&'a str, (u32, Register, Type)>,
}

impl Block<'_> {
    /// A register of a family: its number stands behind the prefix, which may
    /// end with digits itself.
    fn member(&self, name: &str) -> Option<Symbol<'static>> {
        let digits = name.bytes().rev().take_while(u8::is_ascii_digit).count();
        let mut found = None;
        // No number has more than ten digits.
        for length in 1..=digits.min(10) {
            let (prefix, digits) = name.split_at(name.len() - length);
            if length > 1 && digits.starts_with('0') {
                continue;
            }
            let (Some((count, first, ty)), Ok(number)) =
                (self.families.get(prefix), digits.parse::<u32>())
            else {
                continue;
            };
            if number >= *count {
                continue;
            }
            if found.is_some() {
                return Some(Symbol::Twice);
            }
            let slot = first.slot + number;
            let register = Register { slot, ..*first };
            found = Some(Symbol::Register(register, *ty));
        }
        found
    }
}

impl<'a> Names<'a> {
    pub(super) fn open(&mut self) {
        self.blocks.push(Block::default());
    }

    pub(super) fn close(&mut self) {
        self.blocks.pop();
    }

    /// Whether nothing in the block had the name.
    pub(super) fn add(&mut self, name: &'a str, symbol: Symbol<'a>) -> bool {
        let block = self.blocks.last_mut();
        block.is_some_and(|block| block.single.insert(name, symbol).is_none())
    }

    /// Whether no family in the block had the prefix.
    pub(super) fn add_family(
        &mut self,
        prefix: &'a str,
        count: u32,
        first: Register,
        ty: Type,
    ) -> bool {
        let block = self.blocks.last_mut();
        block.is_some_and(|block| block.families.insert(prefix, (count, first, ty)).is_none())
    }

    /// From the innermost block outwards.
    pub(super) fn find(&self, name: &str) -> Option<Symbol<'a>> {
        self.blocks.iter().rev().find_map(|block| {
            match (block.single.get(name), block.member(name)) {
                (Some(_), Some(_)) => Some(Symbol::Twice),
                (Some(symbol), None) => Some(*symbol),
                (None, member) => member,
            }
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

/// Whether a register of a type may stand where an instruction wants one:
/// PTX ISA 9.0, 9.4, table 28, and 9.4.1 for what may be wider.
pub(super) fn fits(register: Type, wanted: Type, wider: bool) -> bool {
    #[derive(PartialEq)]
    enum Class {
        Bits,
        Integer,
        Float,
        Predicate,
    }
    let class = |ty: Type| match ty {
        Type::B8 | Type::B16 | Type::B32 | Type::B64 | Type::B128 => Class::Bits,
        Type::Pred => Class::Predicate,
        Type::F16
        | Type::F16x2
        | Type::Bf16
        | Type::Bf16x2
        | Type::F32
        | Type::F32x2
        | Type::F64 => Class::Float,
        _ => Class::Integer,
    };
    let (held, asked) = (class(register), class(wanted));
    if held == Class::Predicate || asked == Class::Predicate {
        return held == asked;
    }
    if held == Class::Float && asked == Class::Float {
        return register == wanted;
    }
    let wide = register.bytes() == wanted.bytes() || wider && register.bytes() > wanted.bytes();
    wide && (held == asked || held == Class::Bits || asked == Class::Bits)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn register(slot: u32) -> Register {
        let kind = Kind::Word;
        Register { kind, slot }
    }

    fn slot(names: &Names<'_>, name: &str) -> Option<u32> {
        match names.find(name)? {
            Symbol::Register(register, _) => Some(register.slot),
            _ => None,
        }
    }

    #[test]
    fn families_end_where_they_say() {
        let mut names = Names::default();
        names.open();
        assert!(names.add_family("%r", 12, register(100), Type::B32));
        assert!(!names.add_family("%r", 12, register(100), Type::B32));
        assert_eq!(slot(&names, "%r0"), Some(100));
        assert_eq!(slot(&names, "%r11"), Some(111));
        for wrong in ["%r12", "%r", "%r01", "%r00", "r1", "%r99999999999", "%r1 "] {
            assert!(names.find(wrong).is_none(), "{wrong}");
        }
    }

    #[test]
    fn a_name_of_two_registers_is_of_none() {
        let mut names = Names::default();
        names.open();
        names.add_family("%r", 100, register(0), Type::B32);
        names.add_family("%r1", 3, register(200), Type::B32);
        assert_eq!(slot(&names, "%r13"), Some(13));
        assert!(matches!(names.find("%r12"), Some(Symbol::Twice)));
        assert!(names.add("%r7", Symbol::Label(0)));
        assert!(matches!(names.find("%r7"), Some(Symbol::Twice)));
        names.open();
        assert!(names.add("%r7", Symbol::Label(0)));
        assert!(matches!(names.find("%r7"), Some(Symbol::Label(0))));
    }

    /// Each as ptxas 12.8 has it.
    #[test]
    fn registers_that_fit() {
        use Type::{B16, B32, B64, F16, F32, F64, Pred, S32, U16, U32};
        for (register, wanted, same, wider) in [
            (B32, S32, true, true),
            (U32, S32, true, true),
            (F32, B32, true, true),
            (B32, F32, true, true),
            (F32, U32, false, false),
            (B16, F16, true, true),
            (U16, F16, false, false),
            (B32, U16, false, true),
            (B16, U32, false, false),
            (B64, U32, false, true),
            (F64, F32, false, false),
            (B64, F32, false, true),
            (Pred, B32, false, false),
            (Pred, Pred, true, true),
        ] {
            assert_eq!(
                fits(register, wanted, false),
                same,
                "{register:?} {wanted:?}"
            );
            assert_eq!(
                fits(register, wanted, true),
                wider,
                "{register:?} {wanted:?}"
            );
        }
    }
}
