//! What is known of an instruction, against ptxas.
//!
//! `forms.txt` and `forms_matrices.txt` have instructions, and for each what
//! ptxas 12.8 takes for `sm_90a` if one modifier is replaced, inserted or left
//! out, or one operand is replaced or left out (`-`), by those of two pools;
//! `+` is one operand more. `forms.py` writes them. Whatever ptxas takes may be
//! refused here as not simulable; but nothing may load that it refuses.

use std::collections::HashSet;
use std::fmt::Write;

use cuda_sim::{Device, Module};

const FORMS: [&str; 2] = [
    include_str!("forms.txt"),
    include_str!("forms_matrices.txt"),
];

/// What is found while running, if it is found to be wrong, and two that other
/// types of the same instructions may have.
const FOUND_LATER: [&str; 5] = [
    "bar.arrive 1, 1;",
    "barrier.cta.arrive 1, 1;",
    "atom.add.noftz.bf16x2 _, [%d9], %r2;",
    "atom.acquire.cluster.add.noftz.bf16x2 _, [%d9], %r2;",
    "setp.eq.and.bf16x2 %p1, %r2, %r3, 1;",
];

/// The text around an instruction: the registers and variables that it may name.
const AROUND: &str = include_str!("forms_around.txt");

fn loads(device: &mut Device, instruction: &str) -> bool {
    let text = format!("{AROUND}{instruction}\nret;\n}}\n");
    Module::load(device.heap_mut(), &text).is_ok()
}

fn rendered(opcode: &str, operands: &[&str]) -> String {
    format!("{opcode} {};", operands.join(", "))
}

/// Not in brackets of any kind.
fn split(operands: &str) -> Vec<&str> {
    let mut depth = 0;
    let parts = operands.split(|character| {
        match character {
            '{' | '[' | '(' => depth += 1,
            '}' | ']' | ')' => depth -= 1,
            _ => {}
        }
        character == ',' && depth == 0
    });
    parts
        .map(str::trim)
        .filter(|part| !part.is_empty())
        .collect()
}

/// All opcodes with one modifier replaced, inserted or left out.
fn neighbours(opcode: &str, pool: &[&str]) -> HashSet<String> {
    let pieces: Vec<&str> = opcode.split('.').collect();
    let mut found = HashSet::new();
    for at in 1..=pieces.len() {
        let (before, after) = pieces.split_at(at);
        for modifier in pool {
            found.insert([before, &[modifier], after].concat().join("."));
            if let Some(after) = after.get(1..) {
                found.insert([before, &[modifier], after].concat().join("."));
            }
        }
        if let Some(after) = after.get(1..) {
            found.insert([before, after].concat().join("."));
        }
    }
    found.remove(opcode);
    found
}

/// Instructions that are known, changes that were asked about, and those that
/// load although ptxas refuses them.
#[derive(Default)]
struct Compared {
    known: usize,
    asked: usize,
    wrong: String,
}

fn compare(forms: &str, compared: &mut Compared) {
    let Compared {
        known,
        asked,
        wrong,
    } = compared;
    let mut lines = forms
        .lines()
        .filter(|line| !line.starts_with('#'))
        .peekable();
    let mut pool = |name: &str| -> Vec<&str> {
        let line = lines.next().unwrap();
        line.strip_prefix(name)
            .unwrap()
            .split_whitespace()
            .collect()
    };
    let (modifiers, operands) = (pool("modifiers:"), pool("operands:"));
    let mut device = Device::new(1 << 30);
    while let Some(line) = lines.next() {
        let instruction = line.trim_end_matches(';');
        let (opcode, given) = instruction.split_once(' ').unwrap_or((instruction, ""));
        let given = split(given);
        // What ptxas takes: opcodes, and operands by their place.
        let mut opcodes: HashSet<&str> = HashSet::new();
        let mut taken: Vec<HashSet<&str>> = vec![HashSet::new(); given.len() + 1];
        while let Some(more) = lines.next_if(|line| line.starts_with(' ')) {
            let (place, found) = more.trim_start().split_once(": ").unwrap();
            match place.strip_prefix("operand ") {
                Some(number) => taken[number.parse::<usize>().unwrap()].extend(found.split(' ')),
                None => opcodes.extend(found.split(' ')),
            }
        }
        *known += usize::from(loads(&mut device, line));
        let mut check = |changed: String, right: bool| {
            *asked += 1;
            if FOUND_LATER.contains(&changed.as_str()) {
                return;
            }
            if !right && loads(&mut device, &changed) {
                writeln!(wrong, "{changed}").unwrap();
            }
        };
        for other in neighbours(opcode, &modifiers) {
            check(rendered(&other, &given), opcodes.contains(other.as_str()));
        }
        for at in 0..given.len() {
            for &other in &operands {
                let changed = [&given[..at], &[other], &given[at + 1..]].concat();
                let right = other == given[at] || taken[at].contains(other);
                check(rendered(opcode, &changed), right);
            }
            let fewer = [&given[..at], &given[at + 1..]].concat();
            check(rendered(opcode, &fewer), taken[at].contains("-"));
        }
        let more = [&given[..], &["%r1"]].concat();
        check(rendered(opcode, &more), taken[given.len()].contains("+"));
    }
}

#[test]
fn nothing_loads_that_ptxas_refuses() {
    let mut compared = Compared::default();
    for forms in FORMS {
        compare(forms, &mut compared);
    }
    let Compared {
        known,
        asked,
        wrong,
    } = compared;
    assert!(wrong.is_empty(), "ptxas refuses these:\n{wrong}");
    assert!(
        known > 520 && asked > 390_000,
        "{known} instructions, {asked} changes"
    );
}
