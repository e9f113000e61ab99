//! Which modifiers an instruction can have, in which order, and of which types
//! its operands are: PTX ISA 9.0, sections 9.7.1 to 9.7.13.
//!
//! The forms themselves are in `table`. Decoders take what they heed from an instruction's modifiers. That nothing
//! else stands there, and nothing twice, is said here once for all. An opcode
//! that is not in the table is a decoder's own business.

use std::collections::HashMap;
use std::sync::LazyLock;

use super::table::{ATOMIC, GROUPS, TABLE};
use crate::ptx::Type;

/// One of several modifiers.
#[derive(Debug)]
struct Element {
    names: Vec<&'static str>,
    optional: bool,
}

/// One row of the table.
#[derive(Debug)]
pub(super) struct Form {
    elements: Vec<Element>,
    /// Of each operand, results first; empty if its decoder knows them.
    operands: Vec<&'static str>,
}

/// An operand's type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Wanted {
    pub(super) ty: Type,
    /// Whether a register may be wider.
    pub(super) wider: bool,
    /// Whether a special register may stand there.
    pub(super) special: bool,
    /// Whether a variable may, for where it lies.
    pub(super) variable: bool,
}

impl Wanted {
    /// A register or a number as wide as a type.
    pub(super) fn exactly(ty: Type) -> Self {
        Self {
            ty,
            wider: false,
            special: false,
            variable: false,
        }
    }
}

/// What the table says of an instruction.
#[derive(Clone, Copy, Debug)]
pub(super) enum Found {
    /// Nothing: it does not have the opcode.
    Unlisted,
    /// There is no such form.
    Unknown,
    Form(&'static Form),
}

/// Looks an instruction up.
pub(super) fn find(opcode: &str, modifiers: &[&str]) -> Found {
    static FORMS: LazyLock<HashMap<&str, Vec<Form>>> = LazyLock::new(all);
    let Some(forms) = FORMS.get(opcode) else {
        return Found::Unlisted;
    };
    let found = forms.iter().find(|form| matches(&form.elements, modifiers));
    found.map_or(Found::Unknown, Found::Form)
}

impl Form {
    /// The types of the operands of an instruction that has these modifiers.
    pub(super) fn operands(&self, modifiers: &[&str]) -> Vec<Wanted> {
        let mut types = modifiers.iter().filter_map(|name| Type::of_name(name));
        let first = types.next();
        let last = types.next_back().or(first);
        let wanted = self.operands.iter().filter_map(|operand| {
            let name = operand.trim_end_matches(['?', '+', '*']);
            let ty = match name {
                "T" => last,
                "D" => first,
                "W" => last.and_then(twice),
                name => Type::of_name(name),
            }?;
            Some(Wanted {
                wider: operand.ends_with(['+', '*']),
                special: operand.ends_with('*'),
                ..Wanted::exactly(ty)
            })
        });
        wanted.collect()
    }
}

/// An integer type twice as wide.
fn twice(ty: Type) -> Option<Type> {
    match ty {
        Type::U16 => Some(Type::U32),
        Type::S16 => Some(Type::S32),
        Type::U32 => Some(Type::U64),
        Type::S32 => Some(Type::S64),
        _ => None,
    }
}

fn matches(elements: &[Element], modifiers: &[&str]) -> bool {
    let Some((element, rest)) = elements.split_first() else {
        return modifiers.is_empty();
    };
    let here = modifiers
        .split_first()
        .is_some_and(|(first, left)| element.names.contains(first) && matches(rest, left));
    here || element.optional && matches(rest, modifiers)
}

fn all() -> HashMap<&'static str, Vec<Form>> {
    let mut forms: HashMap<&str, Vec<Form>> = HashMap::new();
    for (opcodes, modifiers, operands) in TABLE {
        for opcode in opcodes.split(' ') {
            let mut elements = Vec::new();
            read(opcode, modifiers, &mut elements);
            let known = forms.entry(opcode).or_default();
            // In headers of CUDA an atomic's operation comes before its order,
            // and ptxas takes that as well.
            if let Some(rest) = modifiers.strip_prefix("ATOMIC ") {
                let (operation, rest) = rest.split_once(' ').unwrap_or((rest, ""));
                let mut turned = Vec::new();
                read(opcode, operation, &mut turned);
                read(opcode, "ATOMIC", &mut turned);
                read(opcode, rest, &mut turned);
                known.push(Form {
                    elements: turned,
                    operands: Vec::new(),
                });
            }
            known.push(Form {
                elements,
                operands: operands.split_whitespace().collect(),
            });
        }
    }
    forms
}

fn read(opcode: &str, modifiers: &'static str, into: &mut Vec<Element>) {
    for word in modifiers.split_whitespace() {
        let group = |table: &[(&str, &'static str)], name: &str| {
            let found = table.iter().find(|(known, _)| *known == name);
            found.map(|(_, stands_for)| *stands_for)
        };
        if word == "ATOMIC" {
            let before = group(ATOMIC, opcode).unwrap_or_default();
            read(opcode, before, into);
            continue;
        }
        let name = word.trim_end_matches('?');
        let names = group(GROUPS, name).unwrap_or(name);
        into.push(Element {
            names: names.split('|').collect(),
            optional: word.ends_with('?'),
        });
    }
}
