//! Which opcodes can be run: what the decoder says to every form of
//! [`crate::probes`], or to the instructions of files.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use cuda_sim::{LoadError, survey};
use serde::Serialize;

use crate::probes::{self, Probe};
use crate::problem::Problem;
use crate::source::Source;

/// `opcodes --json`.
#[derive(Debug, Serialize)]
pub(crate) struct Table {
    schema: u32,
    pub(crate) forms: Vec<Form>,
}

/// One opcode with its modifiers.
#[derive(Debug, Serialize)]
pub(crate) struct Form {
    /// What it is for: a section of the PTX ISA.
    family: &'static str,
    pub(crate) opcode: String,
    pub(crate) known: bool,
    /// The line of the list that it is of.
    #[serde(skip)]
    pattern: &'static str,
    /// Why it can't be run.
    problem: Option<String>,
}

/// Asks the decoder about every form.
pub(crate) fn table() -> Result<Table, Problem> {
    let families = probes::families();
    let all = families.iter().flat_map(|(_, probes)| probes);
    let text = probes::text(all);
    let found = survey(&text).map_err(|error| Problem::Refused(error.to_string()))?;
    let mut problems: BTreeMap<String, Option<LoadError>> = found
        .into_iter()
        .map(|usage| (usage.opcode, usage.problem))
        .collect();
    let mut forms = Vec::new();
    for (family, probes) in families {
        for Probe {
            opcode, pattern, ..
        } in probes
        {
            // Only once, if two lines of the list have it.
            let Some(problem) = problems.remove(&opcode) else {
                continue;
            };
            forms.push(Form {
                family,
                opcode,
                known: problem.is_none(),
                pattern,
                problem: problem.map(|error| error.to_string()),
            });
        }
    }
    Ok(Table { schema: 1, forms })
}

/// Longest line of what is not known.
const WIDTH: usize = 100;

impl Table {
    /// A line for each pattern, and below it what of it is not known.
    pub(crate) fn text(&self) -> String {
        let mut text = String::new();
        let mut family = "";
        let mut left = self.forms.as_slice();
        while let Some(first) = left.first() {
            if first.family != family {
                family = first.family;
                let _ = writeln!(text, "\n{family}");
            }
            let same = left.iter().take_while(|form| form.pattern == first.pattern);
            let (row, rest) = left.split_at(same.count());
            left = rest;
            let unknown = row.iter().filter(|form| !form.known);
            let unknown: Vec<&str> = unknown.map(|form| form.opcode.as_str()).collect();
            let word = match unknown.len() {
                0 => "yes",
                some if some == row.len() => "no",
                _ => "part",
            };
            let _ = writeln!(text, "  {word:<5}{}", optional(first.pattern));
            if word == "part" {
                wrapped(&mut text, &unknown);
            }
        }
        let known = self.forms.iter().filter(|form| form.known).count();
        let all = self.forms.len();
        let _ = writeln!(text, "\n{known} of {all} forms can be run");
        text.trim_start_matches('\n').to_owned()
    }
}

/// A pattern with brackets around what need not be there: `add[.sat].s32`.
fn optional(pattern: &str) -> String {
    let mut text = String::new();
    let mut rest = pattern;
    while let Some((before, after)) = rest.split_once("{|") {
        let (choices, behind) = after.split_once('}').unwrap_or((after, ""));
        if let Some(before) = before.strip_suffix('.')
            && !choices.ends_with('.')
        {
            let choices = choices.replace('|', "|.");
            let _ = write!(text, "{before}[.{choices}]");
        } else {
            let _ = write!(text, "{before}[{choices}]");
        }
        rest = behind;
    }
    text + rest
}

fn wrapped(text: &mut String, words: &[&str]) {
    let mut line = " ".repeat(9) + "not";
    for word in words {
        if line.len() + word.len() > WIDTH {
            let _ = writeln!(text, "{line}");
            line = " ".repeat(12);
        }
        line.push(' ');
        line.push_str(word);
    }
    let _ = writeln!(text, "{line}");
}

/// `opcodes FILE… --json`.
#[derive(Debug, Serialize)]
pub(crate) struct Used {
    schema: u32,
    opcodes: Vec<Row>,
}

#[derive(Debug, Serialize)]
struct Row {
    opcode: String,
    known: bool,
    /// Instructions, of all files.
    count: u64,
    /// Names of the files that have it.
    files: Vec<String>,
    /// Why the first that can't be run can't.
    problem: Option<String>,
}

impl Default for Used {
    fn default() -> Self {
        Self {
            schema: 1,
            opcodes: Vec::new(),
        }
    }
}

impl Used {
    pub(crate) fn add(&mut self, source: &Source) -> Result<(), Problem> {
        for usage in survey(&source.ptx).map_err(|error| source.refused(&error))? {
            let problem = usage
                .problem
                .map(|error| source.refused(&error).to_string());
            let place = self
                .opcodes
                .binary_search_by(|row| row.opcode.cmp(&usage.opcode));
            let at = place.unwrap_or_else(|at| {
                let row = Row {
                    opcode: usage.opcode.clone(),
                    known: true,
                    count: 0,
                    files: Vec::new(),
                    problem: None,
                };
                self.opcodes.insert(at, row);
                at
            });
            let row = &mut self.opcodes[at];
            row.count += u64::from(usage.count);
            row.files.push(source.name());
            row.known &= problem.is_none();
            row.problem = row.problem.take().or(problem);
        }
        Ok(())
    }

    pub(crate) fn all_known(&self) -> bool {
        self.opcodes.iter().all(|row| row.known)
    }

    pub(crate) fn text(&self) -> String {
        let mut text = String::new();
        let mut unknown = 0;
        for row in &self.opcodes {
            let Row { opcode, count, .. } = row;
            let problem = row.problem.as_deref().unwrap_or_default();
            unknown += usize::from(!row.known);
            let _ = writeln!(
                text,
                "{}",
                format!("{count:>7} {opcode:<48} {problem}").trim_end()
            );
        }
        let all = self.opcodes.len();
        let _ = writeln!(text, "{} of {all} opcodes can be run", all - unknown);
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Operands of the forms are right, then: what is not known is the opcode.
    #[test]
    fn every_form_is_known_or_not_simulable() {
        for form in table().unwrap().forms {
            let problem = form.problem.unwrap_or_default();
            let fits = problem.is_empty() || problem.starts_with("not simulable: ");
            assert!(fits, "{}: {problem}", form.opcode);
        }
    }

    #[test]
    fn what_need_not_be_there_is_in_brackets() {
        for (pattern, shown) in [
            (
                "add.{|rn|rz}.{|ftz}.{f32|f64}",
                "add[.rn|.rz][.ftz].{f32|f64}",
            ),
            ("bra.{|uni}", "bra[.uni]"),
            ("stmatrix.x4.{|trans.}shared", "stmatrix.x4.[trans.]shared"),
            ("ret", "ret"),
        ] {
            assert_eq!(optional(pattern), shown);
        }
    }

    #[test]
    fn the_table_says_what_the_decoder_says() {
        let table = table().unwrap();
        let known = |opcode: &str| {
            let form = table.forms.iter().find(|form| form.opcode == opcode);
            form.unwrap_or_else(|| panic!("{opcode}")).known
        };
        for opcode in [
            "add.s32",
            "fma.rn.f32",
            "ld.global.v4.f32",
            "bar.sync",
            "shfl.sync.bfly.b32",
        ] {
            assert!(known(opcode), "{opcode}");
        }
        for opcode in ["tex.2d.v4.f32.s32", "txq.width.b32"] {
            assert!(!known(opcode), "{opcode}");
        }
    }
}
