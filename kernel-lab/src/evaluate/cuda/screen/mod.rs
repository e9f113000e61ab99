//! A look at a candidate's PTX before anything of it runs.
//!
//! What a kernel may compute is no matter of this: the judge sees its answers. Here is what no
//! answer shows, and what a task never needs: to know the time, to keep lines in the cache
//! over a flush, to allocate or launch behind the plan. What may be honest is told and not
//! refused. The rules are a table in `docs/cuda.md`.

mod globals;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use cuda_sim::ptx::{self, Function, Instruction, Location, Module, Operand, Places, Statement};
use serde::Serialize;

/// What a sighting means for the candidate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Action {
    /// It is refused.
    Reject,
    /// It is told in the report.
    Flag,
}

/// A rule of the screen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Rule {
    name: &'static str,
    action: Action,
    why: &'static str,
}

const fn reject(name: &'static str, why: &'static str) -> Rule {
    Rule {
        name,
        action: Action::Reject,
        why,
    }
}

const fn flag(name: &'static str, why: &'static str) -> Rule {
    Rule {
        name,
        action: Action::Flag,
        why,
    }
}

const CLOCK: Rule = reject(
    "clock",
    "a kernel must not know the time (waits of `cuda::barrier` for sm_90 read it, too: \
     `cuda::ptx::mbarrier_try_wait` and `__mbarrier_test_wait` do not)",
);
const LAUNCH_COUNT: Rule = reject(
    "launch-count",
    "a kernel must not know how many calls there were",
);
const PERSISTENCE: Rule = reject(
    "cache-persistence",
    "lines that stay in the L2 cache over a flush make a call look faster than it is",
);
const DISCARD: Rule = reject(
    "discard",
    "what was written and never reaches memory is undefined afterwards",
);
const HEAP: Rule = reject(
    "heap",
    "memory is asked for in the plan's `[temp]`, where its size is known",
);
const OUTSIDE: Rule = reject(
    "outside",
    "it is not in `kernel.cu`; launches are steps of the plan",
);
const CACHE_HINT: Rule = flag("cache-hint", "a hint to the L2 cache");
const SLEEP: Rule = flag("sleep", "a pause");
const PRINT: Rule = flag("print", "nobody reads what a kernel prints");
const TRAP: Rule = flag("trap", "it ends the process, or stops it");
const GLOBAL_STATE: Rule = flag(
    "global-state",
    "it lives from call to call, until the module is loaded again",
);

/// Something that a rule is about.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub(super) struct Sighting {
    /// Name of the rule.
    pub(super) rule: &'static str,
    /// The kernel, or the function that is called by one.
    pub(super) kernel: String,
    /// `kernel.cu:12`; `None` where the compiler did not say.
    pub(super) line: Option<String>,
    /// What is done there.
    pub(super) what: String,
    /// What the rule is for.
    pub(super) why: &'static str,
}

impl fmt::Display for Sighting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}`", self.kernel)?;
        if let Some(line) = &self.line {
            write!(f, " at {line}")?;
        }
        write!(f, " {}: {}", self.what, self.why)
    }
}

/// What a candidate's PTX has.
#[derive(Debug, Default)]
pub(super) struct Screened {
    /// What it is refused for.
    pub(super) rejected: Vec<Sighting>,
    /// What the report tells.
    pub(super) flagged: Vec<Sighting>,
}

impl Screened {
    /// Rule and reason for the verdict; `None` if there is nothing to refuse.
    pub(super) fn refusal(&self) -> Option<(&'static str, String)> {
        let (first, rest) = self.rejected.split_first()?;
        let more = match rest.len() {
            0 => String::new(),
            count => format!(" (and {count} more like it)"),
        };
        Some((first.rule, format!("{first}{more}")))
    }
}

/// Looks through a text of PTX.
pub(super) fn screen(text: &str) -> Result<Screened, ptx::SyntaxError> {
    let module = ptx::parse(text)?;
    let mut seen = Seen {
        module: &module,
        found: BTreeMap::new(),
    };
    for function in &module.functions {
        let Some(body) = &function.body else { continue };
        let steps = Step::all(body);
        for step in &steps {
            seen.instruction(function, &steps, step);
        }
        for (step, name) in globals::written(&module, &steps) {
            let what = format!("writes the variable `{name}`");
            seen.note(GLOBAL_STATE, function, step, what);
        }
    }
    let mut screened = Screened::default();
    for (sighting, action) in seen.found {
        match action {
            Action::Reject => screened.rejected.push(sighting),
            Action::Flag => screened.flagged.push(sighting),
        }
    }
    Ok(screened)
}

/// An instruction with its place in the source.
struct Step<'m, 'a> {
    instruction: &'m Instruction<'a>,
    location: Option<Location>,
    /// Whether it hands a text to `printf` or `assert`.
    for_text: bool,
}

impl<'m, 'a> Step<'m, 'a> {
    fn all(body: &'m [Statement<'a>]) -> Vec<Self> {
        let mut steps = Vec::new();
        let mut walk = Walk::default();
        walk.block(body, false, &mut steps);
        steps
    }
}

#[derive(Default)]
struct Walk {
    places: Places,
    location: Option<Location>,
}

impl Walk {
    fn block<'m, 'a>(
        &mut self,
        body: &'m [Statement<'a>],
        for_text: bool,
        steps: &mut Vec<Step<'m, 'a>>,
    ) {
        for statement in body {
            match statement {
                // What the compiler made up belongs to where it was before.
                Statement::Location(location) if location.place.line == 0 => {}
                Statement::Location(location) => {
                    self.location = Some(self.places.resolve(*location));
                }
                Statement::Block(inner) => {
                    let texts = inner.iter().any(|statement| match statement {
                        Statement::Instruction(call) => {
                            matches!(callee(call), Some("vprintf" | "__assertfail"))
                        }
                        _ => false,
                    });
                    self.block(inner, texts, steps);
                }
                Statement::Instruction(instruction) => steps.push(Step {
                    instruction,
                    location: self.location,
                    for_text,
                }),
                _ => {}
            }
        }
    }
}

/// The function that a call names, or the register that has its address.
fn callee<'a>(instruction: &Instruction<'a>) -> Option<&'a str> {
    let is_call = instruction.opcode == "call";
    instruction
        .operands
        .iter()
        .find_map(|operand| match operand {
            Operand::Name(name) if is_call => Some(*name),
            _ => None,
        })
}

struct Seen<'m, 'a> {
    module: &'m Module<'a>,
    found: BTreeMap<Sighting, Action>,
}

impl<'a> Seen<'_, 'a> {
    fn note(&mut self, rule: Rule, function: &Function<'a>, step: &Step<'_, 'a>, what: String) {
        let line = step.location.map(|location| {
            let file = self.module.files.get(&location.place.file);
            let file = file.map_or("?", |name| name.rsplit('/').next().unwrap_or(name));
            format!("{file}:{}", location.place.line)
        });
        let sighting = Sighting {
            rule: rule.name,
            kernel: function.name.to_owned(),
            line,
            what,
            why: rule.why,
        };
        self.found.insert(sighting, rule.action);
    }

    fn instruction(
        &mut self,
        function: &Function<'a>,
        steps: &[Step<'_, 'a>],
        step: &Step<'_, 'a>,
    ) {
        let instruction = step.instruction;
        for operand in &instruction.operands {
            if let Operand::Name(name) | Operand::Member(name, _) = operand
                && let Some(rule) = register(name)
            {
                self.note(rule, function, step, format!("reads {name}"));
            }
        }
        let full = instruction.full_opcode();
        if let Some(name) = callee(instruction)
            && let Some(rule) = self.call(name)
        {
            self.note(rule, function, step, format!("calls `{name}`"));
        }
        let rule = match instruction.opcode {
            "nanosleep" => Some(SLEEP),
            "trap" | "brkpt" | "pmevent" => Some(TRAP),
            "discard" => Some(DISCARD),
            "applypriority" => Some(CACHE_HINT),
            _ => cache(instruction, steps),
        };
        if let Some(rule) = rule {
            self.note(rule, function, step, format!("has `{full}`"));
        }
    }

    fn call(&self, name: &str) -> Option<Rule> {
        let mut named = self.module.functions.iter().filter(|f| f.name == name);
        let declared = named.clone().next().is_some();
        if !declared || named.any(|function| function.body.is_some()) {
            return None;
        }
        Some(match name {
            "vprintf" => PRINT,
            "__assertfail" => TRAP,
            "malloc" | "free" => HEAP,
            _ => OUTSIDE,
        })
    }
}

/// What a special register tells.
fn register(name: &str) -> Option<Rule> {
    let name = name.strip_prefix('%')?;
    let counts = |rest: &str| rest.starts_with(|c: char| c.is_ascii_digit());
    if name.starts_with("clock")
        || name.starts_with("globaltimer")
        || name.strip_prefix("pm").is_some_and(counts)
    {
        Some(CLOCK)
    } else {
        (name == "gridid").then_some(LAUNCH_COUNT)
    }
}

/// What an instruction asks of the L2 cache beyond itself.
fn cache(instruction: &Instruction<'_>, steps: &[Step<'_, '_>]) -> Option<Rule> {
    let has = |word: &str| instruction.modifiers.contains(&word);
    let lasts = has("L2::evict_last");
    if instruction.opcode == "createpolicy" {
        // `cvt` takes whatever the host had in mind.
        return Some(if lasts || has("cvt") {
            PERSISTENCE
        } else {
            CACHE_HINT
        });
    }
    if lasts {
        return Some(PERSISTENCE);
    }
    if has("L2::cache_hint") {
        // A policy is a number: where it comes from elsewhere, it says anything.
        let known = match instruction.operands.last() {
            Some(Operand::Name(name)) => policies(steps).contains(name),
            _ => false,
        };
        return Some(if known { CACHE_HINT } else { PERSISTENCE });
    }
    let told = ["L2::evict_first", "L2::evict_normal", "L2::evict_unchanged"];
    told.into_iter().any(has).then_some(CACHE_HINT)
}

/// Registers that hold what a `createpolicy` has made, and nothing else.
fn policies<'a>(steps: &[Step<'_, 'a>]) -> BTreeSet<&'a str> {
    let mut known: BTreeSet<&str> = BTreeSet::new();
    loop {
        let mut made: BTreeMap<&str, bool> = BTreeMap::new();
        for step in steps {
            let operands = &step.instruction.operands;
            let good = match (step.instruction.opcode, operands.get(1)) {
                ("createpolicy", _) => true,
                ("mov", Some(Operand::Name(from))) => known.contains(from),
                _ => false,
            };
            for to in operands.first().into_iter().flat_map(globals::registers) {
                *made.entry(to).or_insert(true) &= good;
            }
        }
        let next: BTreeSet<&str> = made
            .into_iter()
            .filter_map(|(name, good)| good.then_some(name))
            .collect();
        if next == known {
            return known;
        }
        known = next;
    }
}

#[cfg(test)]
mod tests;
