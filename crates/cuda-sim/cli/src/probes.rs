//! The forms of instructions that there are, by section of the PTX ISA 9.0:
//! what the decoder is asked about. Which of them are known is not said here.

use std::fmt::Write as _;

/// One instruction.
#[derive(Debug)]
pub(crate) struct Probe {
    /// With all modifiers.
    pub(crate) opcode: String,
    /// What it is one form of.
    pub(crate) pattern: &'static str,
    operands: String,
}

/// A section's title behind `#`, then a line for each pattern with its
/// operands.
///
/// In a pattern `{a|b}` stands for either, and `{|a}` for nothing or `a`.
/// Operands are registers: `T` as wide as the last type, `U` as the first, `W`
/// twice as wide as the last, `P` a predicate, `R` a word, `D` a double word,
/// `H` a half word; `A` is an address in the state space that the opcode
/// names; all else stands for itself.
const FORMS: &str = include_str!("forms.txt");

/// All forms by section.
pub(crate) fn families() -> Vec<(&'static str, Vec<Probe>)> {
    let mut families: Vec<(&str, Vec<Probe>)> = Vec::new();
    for line in FORMS.lines() {
        if let Some(title) = line.strip_prefix("# ") {
            families.push((title, Vec::new()));
        }
        let (pattern, operands) = line.split_once("  ").unwrap_or((line, ""));
        let Some((_, probes)) = families.last_mut() else {
            continue;
        };
        if pattern.is_empty() || pattern.starts_with('#') {
            continue;
        }
        probes.extend(expand(pattern).into_iter().map(|opcode| Probe {
            operands: filled(&opcode, operands),
            opcode,
            pattern,
        }));
    }
    families
}

/// A module with one instruction after the other.
pub(crate) fn text<'p>(probes: impl Iterator<Item = &'p Probe>) -> String {
    let mut text = "\
.version 9.0
.target sm_100a
.address_size 64
.const .align 16 .b8 constants[16];
.func callee() { ret; }
.visible .entry probes(.param .b64 argument) {
.reg .b16 %h<9>; .reg .b32 %r<9>; .reg .b64 %d<9>; .reg .pred %q<9>;
.shared .align 16 .b8 shared[64];
.local .align 16 .b8 local[64];
L:
TABLE: .branchtargets L;
"
    .to_owned();
    for probe in probes {
        let _ = writeln!(text, "{} {};", probe.opcode, probe.operands);
    }
    text.push_str("}\n");
    text
}

/// All that a pattern stands for.
fn expand(pattern: &str) -> Vec<String> {
    let Some((before, rest)) = pattern.split_once('{') else {
        return vec![pattern.to_owned()];
    };
    let (choices, after) = rest.split_once('}').unwrap_or((rest, ""));
    let mut found = Vec::new();
    for choice in choices.split('|') {
        for rest in expand(after) {
            let whole = format!("{before}{choice}{rest}");
            let whole = whole.replace("..", ".");
            found.push(whole.trim_end_matches('.').to_owned());
        }
    }
    found
}

/// Operands of one form.
fn filled(opcode: &str, operands: &str) -> String {
    let types = opcode.split('.').filter_map(register);
    let types: Vec<char> = types.collect();
    let last = types.last().copied().unwrap_or('r');
    let first = types.first().copied().unwrap_or('r');
    let space = |name: &str| opcode.split('.').any(|part| part == name);
    let address = if space("param") {
        "argument"
    } else if space("const") {
        "constants"
    } else if space("shared") {
        "shared"
    } else if space("local") {
        "local"
    } else {
        "%d2"
    };
    if operands.starts_with('*') {
        let wide = |name: &str, count: usize| space(name).then(|| vec!["%r1"; count].join(", "));
        let registers = wide("v2", 2).or_else(|| wide("v4", 4));
        let registers = registers.map_or_else(|| "%r1".to_owned(), |many| format!("{{{many}}}"));
        return format!("{registers}, [{address}]");
    }
    let mut out = String::new();
    let bytes = operands.as_bytes();
    for (at, character) in operands.char_indices() {
        let beside = |at: Option<usize>| {
            let byte = at.and_then(|at| bytes.get(at));
            byte.is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte == b'%')
        };
        if beside(at.checked_sub(1)) || beside(Some(at + 1)) {
            out.push(character);
            continue;
        }
        match character {
            'T' => out.extend(['%', last, '1']),
            'U' => out.extend(['%', first, '1']),
            'W' if last == 'h' => out.push_str("%r1"),
            'P' => out.push_str("%q1"),
            'R' => out.push_str("%r1"),
            'W' | 'D' => out.push_str("%d1"),
            'H' => out.push_str("%h1"),
            'A' => out.push_str(address),
            other => out.push(other),
        }
    }
    out
}

/// The register family of a type.
fn register(name: &str) -> Option<char> {
    Some(match name {
        "s8" | "u8" | "b8" | "s16" | "u16" | "b16" | "f16" | "bf16" => 'h',
        "s32" | "u32" | "b32" | "f32" | "f16x2" | "bf16x2" | "u16x2" | "s16x2" => 'r',
        "s64" | "u64" | "b64" | "f64" | "f32x2" => 'd',
        "pred" => 'q',
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_stand_for_all_their_forms() {
        assert_eq!(
            expand("add.{|rn}.{f32|f64}"),
            ["add.f32", "add.f64", "add.rn.f32", "add.rn.f64"]
        );
        assert_eq!(expand("bra.{|uni}"), ["bra", "bra.uni"]);
        assert_eq!(expand("a.{|trans.}shared"), ["a.shared", "a.trans.shared"]);
    }

    #[test]
    fn operands_are_as_wide_as_the_types() {
        assert_eq!(filled("mul.wide.s32", "W, T, T"), "%d1, %r1, %r1");
        assert_eq!(filled("cvt.s64.u8", "U, T"), "%d1, %h1");
        assert_eq!(
            filled("ld.shared.v2.f32", "{T, T}, [A]"),
            "{%r1, %r1}, [shared]"
        );
        assert_eq!(filled("brx.idx", "R, TABLE"), "%r1, TABLE");
        assert_eq!(filled("ld.global.nc.v2.f32", "*[A]"), "{%r1, %r1}, [%d2]");
    }
}
