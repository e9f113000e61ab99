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
    /// Its first part, and what is tried behind that.
    #[serde(skip)]
    stem: &'static str,
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
        for Probe { opcode, stem, .. } in probes {
            // Only once, if two lines of the list have it.
            let Some(problem) = problems.remove(&opcode) else {
                continue;
            };
            forms.push(Form {
                family,
                opcode,
                known: problem.is_none(),
                stem,
                problem: problem.map(|error| error.to_string()),
            });
        }
    }
    Ok(Table { schema: 1, forms })
}

/// Longest line of the table.
const WIDTH: usize = 110;

impl Table {
    pub(crate) fn text(&self) -> String {
        let mut text = String::new();
        let mut family = "";
        let mut at = 0;
        while let Some(first) = self.forms.get(at) {
            if first.family != family {
                family = first.family;
                let _ = writeln!(text, "\n{family}");
            }
            let same = |form: &&Form| form.stem == first.stem && form.family == family;
            let row: Vec<&Form> = self.forms[at..].iter().take_while(same).collect();
            at += row.len();
            for (known, word) in [(true, ""), (false, "not: ")] {
                let forms = row.iter().filter(|form| form.known == known);
                let rest: Vec<&str> = forms
                    .map(|form| match &form.opcode[first.stem.len()..] {
                        "" => "plain",
                        rest => rest.trim_start_matches('.'),
                    })
                    .collect();
                if rest.is_empty() {
                    continue;
                }
                let shown = rest.join(" ");
                line(&mut text, first.stem, &format!("{word}{shown}"));
            }
        }
        let known = self.forms.iter().filter(|form| form.known).count();
        let all = self.forms.len();
        let _ = writeln!(text, "\n{known} of {all} forms can be run");
        text.trim_start().to_owned()
    }
}

/// `stem    word word …`, broken where it gets too long.
fn line(text: &mut String, stem: &str, words: &str) {
    let mut line = format!("  {stem:<26}");
    for word in words.split(' ') {
        if line.len() + word.len() > WIDTH {
            let _ = writeln!(text, "{}", line.trim_end());
            line = " ".repeat(28);
        }
        line.push_str(word);
        line.push(' ');
    }
    let _ = writeln!(text, "{}", line.trim_end());
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
