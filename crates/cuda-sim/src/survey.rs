//! Which instructions a text has, and which of them can be run: all of them,
//! where loading a module stops at the first that can't.

use std::cell::RefCell;
use std::collections::BTreeMap;

use crate::decode::{Context, LoadError};
use crate::device::Module;
use crate::memory::Heap;
use crate::ptx::{self, Statement};

/// One opcode that a text has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Usage {
    /// With all modifiers: `ld.global.nc.v4.f32`.
    pub opcode: String,
    /// How many instructions of it there are.
    pub count: u32,
    /// Line of the PTX of the first.
    pub line: u32,
    /// Why one of them can't be run; `None` if all can.
    pub problem: Option<LoadError>,
}

/// The opcodes of a text, by name.
///
/// # Errors
/// If it is no PTX, or can't be loaded for another reason than an instruction:
/// a variable that is defined elsewhere, say.
pub fn survey(text: &str) -> Result<Vec<Usage>, LoadError> {
    let tree = ptx::parse(text)?;
    let refused = RefCell::new(Vec::new());
    let context = Context {
        refused: Some(&refused),
        ..Context::default()
    };
    // Nothing is run: as much memory as its variables say.
    Module::of_tree(&mut Heap::new(1 << 32), &tree, context)?;
    let mut found = BTreeMap::new();
    for function in &tree.functions {
        count(function.body.as_deref().unwrap_or_default(), &mut found);
    }
    for (instruction, error) in refused.take() {
        if let Some(usage) = found.get_mut(&instruction.full_opcode()) {
            usage.problem.get_or_insert(error);
        }
    }
    Ok(found.into_values().collect())
}

fn count(statements: &[Statement<'_>], found: &mut BTreeMap<String, Usage>) {
    for statement in statements {
        match statement {
            Statement::Block(inner) => count(inner, found),
            Statement::Instruction(instruction) => {
                let opcode = instruction.full_opcode();
                let usage = found.entry(opcode.clone()).or_insert(Usage {
                    opcode,
                    count: 0,
                    line: instruction.line,
                    problem: None,
                });
                usage.count += 1;
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "
.version 8.3
.target sm_80
.address_size 64
.extern .shared .align 16 .b8 space[];
.visible .entry k(.param .u64 x) {
    .reg .b32 %r<4>;
    add.s32 %r1, %r2, %r3; frobnicate.f32 %r1, %r2; add.s32 %r1, %r2, %r3;
    { tex.2d.v4.f32.s32 %r1, %r2; }
    frobnicate.f32 %r1, %r2;
    add.u32 %r1, %r2;
    ret;
}";

    #[test]
    fn all_that_is_not_known_is_listed() {
        let found = survey(TEXT).unwrap();
        let found: Vec<_> = found
            .iter()
            .map(|usage| {
                let problem = usage.problem.as_ref().map(ToString::to_string);
                (usage.opcode.as_str(), usage.count, usage.line, problem)
            })
            .collect();
        let not =
            |opcode: &str, line| Some(format!("not simulable: {opcode} at line {line} of the PTX"));
        assert_eq!(
            found,
            [
                ("add.s32", 2, 8, None),
                (
                    "add.u32",
                    1,
                    11,
                    Some("line 11 of the PTX: 2 operands where 3 are needed".to_owned())
                ),
                ("frobnicate.f32", 2, 8, not("frobnicate.f32", 8)),
                ("ret", 1, 12, None),
                ("tex.2d.v4.f32.s32", 1, 9, not("tex.2d.v4.f32.s32", 9)),
            ]
        );
        // The first of them keeps the module from loading.
        let error = Module::load(&mut Heap::new(1 << 20), TEXT).unwrap_err();
        assert_eq!(
            error.to_string(),
            "not simulable: frobnicate.f32 at line 8 of the PTX"
        );
    }

    #[test]
    fn other_problems_are_errors() {
        let error = survey(".version 8.3\n.extern .global .b32 other;\n").unwrap_err();
        assert!(
            error.to_string().contains("`other` is defined elsewhere"),
            "{error}"
        );
        assert!(matches!(survey("nonsense"), Err(LoadError::Syntax(_))));
    }
}
