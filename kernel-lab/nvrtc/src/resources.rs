//! What a kernel takes of a GPU, as the assembler says in the log.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// What one function takes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resources {
    /// Registers of each thread.
    pub registers: u32,
    /// Barriers of each block.
    pub barriers: u32,
    /// Bytes of shared memory that are its own.
    pub shared_bytes: u32,
    /// Bytes of constant memory, all banks.
    pub constant_bytes: u32,
    /// Bytes of each thread's stack.
    pub stack_bytes: u32,
    /// Bytes that each thread stores for want of registers.
    pub spill_store_bytes: u32,
    /// Bytes that it loads again.
    pub spill_load_bytes: u32,
}

/// Reads the lines that `-v` makes the assembler write, by function.
///
/// They come in threes: `Compiling entry function 'k' for 'sm_80'`, `Function
/// properties for k` with stack and spills below it, and `Used 8 registers, …`.
pub(crate) fn of_log(log: &str) -> BTreeMap<String, Resources> {
    let mut found: BTreeMap<String, Resources> = BTreeMap::new();
    let mut compiling = None;
    let mut properties = None;
    for line in log.lines() {
        if let Some(name) = between(line, "Compiling entry function '", "'") {
            compiling = Some(name.to_owned());
            found.entry(name.to_owned()).or_default();
        } else if let Some((_, name)) = line.split_once("Function properties for ") {
            properties = Some(name.trim().to_owned());
        } else if line.contains("bytes stack frame") {
            let Some(name) = properties.take() else {
                continue;
            };
            let entry = found.entry(name).or_default();
            entry.stack_bytes = before(line, "bytes stack frame");
            entry.spill_store_bytes = before(line, "bytes spill stores");
            entry.spill_load_bytes = before(line, "bytes spill loads");
        } else if line.contains("Used ") && line.contains("registers") {
            let Some(name) = compiling.take() else {
                continue;
            };
            let entry = found.entry(name).or_default();
            entry.registers = before(line, "registers");
            entry.barriers = before(line, "barriers");
            entry.shared_bytes = before(line, "bytes smem");
            entry.constant_bytes = line
                .split(',')
                .filter(|part| part.contains("bytes cmem"))
                .map(|part| before(part, "bytes cmem"))
                .sum();
        }
    }
    found
}

/// The log without what [`of_log`] reads.
pub(crate) fn rest_of_log(log: &str) -> String {
    let known = |line: &&str| {
        let line = line.trim();
        line.is_empty()
            || line.starts_with("ptxas info")
            || line.contains("bytes stack frame")
            || line.starts_with("Function properties for ")
    };
    let rest: Vec<&str> = log.lines().filter(|line| !known(line)).collect();
    rest.join("\n")
}

fn between<'a>(text: &'a str, start: &str, end: &str) -> Option<&'a str> {
    let (_, rest) = text.split_once(start)?;
    rest.split_once(end).map(|(found, _)| found)
}

/// The number right before a word; 0 if it is not there.
fn before(text: &str, word: &str) -> u32 {
    let Some((head, _)) = text.split_once(word) else {
        return 0;
    };
    let number = head
        .trim_end()
        .rsplit(|character: char| !character.is_ascii_digit())
        .next();
    number.and_then(|number| number.parse().ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As NVRTC 13.0 writes it.
    const LOG: &str = "\
ptxas info    : 0 bytes gmem
ptxas info    : Compiling entry function 'first' for 'sm_90a'
ptxas info    : Function properties for first
    608 bytes stack frame, 1440 bytes spill stores, 1688 bytes spill loads
ptxas info    : Used 165 registers, used 1 barriers, 608 bytes cumulative stack size, 4096 bytes smem, 400 bytes cmem[0], 16 bytes cmem[2]
ptxas info    : Compile time = 27.431 ms
ptxas info    : Compiling entry function 'second' for 'sm_90a'
ptxas info    : Function properties for second
    0 bytes stack frame, 0 bytes spill stores, 0 bytes spill loads
ptxas info    : Used 8 registers, used 0 barriers
kernel.cu(3): warning #177-D: variable \"x\" was declared but never referenced
";

    #[test]
    fn registers_spills_and_memory_by_function() {
        let found = of_log(LOG);
        assert_eq!(
            found["first"],
            Resources {
                registers: 165,
                barriers: 1,
                shared_bytes: 4096,
                constant_bytes: 416,
                stack_bytes: 608,
                spill_store_bytes: 1440,
                spill_load_bytes: 1688,
            }
        );
        assert_eq!(
            found["second"],
            Resources {
                registers: 8,
                ..Resources::default()
            }
        );
        assert_eq!(found.len(), 2);
        assert_eq!(
            rest_of_log(LOG),
            "kernel.cu(3): warning #177-D: variable \"x\" was declared but never referenced"
        );
    }
}
