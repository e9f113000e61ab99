//! Milestones: an agent's words, with the harness's numbers in them.
//!
//! A text refers to a number as `[[reference]]`. Any other number in it is
//! refused but for what can't be a result: names, whole numbers up to twelve
//! without a unit, years, numbers in headings and of list items, and parameters
//! of a measured candidate in code (`NAME=value`).

use std::collections::BTreeSet;
use std::fmt::Write;

use protocol::{Candidate, Split};

use super::figures;
use crate::core::state::State;

/// Largest text, in bytes.
const MAX_TEXT: usize = 32 << 10;
/// Largest whole number that counts things and needs no reference.
const COUNT: u64 = 12;
/// Most mistakes that are told at once.
const MOST: usize = 12;
/// What makes a small number one of a result.
const UNITS: [&str; 21] = [
    "%", "×", "x", "percent", "times", "fold", "ns", "us", "µs", "ms", "s", "sec", "seconds",
    "minutes", "min", "hours", "h", "mib", "gib", "gb", "faster",
];
/// What a number of a result follows.
const RELATIONS: [char; 8] = ['=', '≈', '~', '<', '>', '±', '≤', '≥'];

/// A part of a line.
enum Part<'a> {
    Text(&'a str),
    Code(&'a str),
    Reference(&'a str),
}

/// What is wrong with a text; nothing, if it can be a milestone.
pub fn problems(state: &State, text: &str) -> Vec<String> {
    if text.trim().is_empty() || text.len() > MAX_TEXT {
        return vec![format!("a milestone has 1 to {MAX_TEXT} bytes")];
    }
    let names = Names::of(state);
    let mut found = Vec::new();
    for (place, line) in text.lines().enumerate() {
        let mut tell = |what: String| found.push(format!("line {}: {what}", place + 1));
        let block = ["```", "~~~"]
            .iter()
            .any(|fence| line.trim_start().starts_with(fence));
        let leads_out = ["](", "]:", "<", "://"]
            .iter()
            .any(|mark| line.contains(mark));
        if block || leads_out || has_footnote(line) {
            tell("links, pictures, HTML and blocks of code are not taken".to_owned());
        }
        let heading = line.starts_with('#');
        for part in parts(after_marker(line)) {
            match part {
                Part::Reference(reference) => {
                    if let Err(why) = figures::resolve(state, reference) {
                        tell(format!("`[[{reference}]]` comes to nothing: {why}"));
                    }
                }
                Part::Code(code) if names.knows_code(code) => {}
                Part::Code(text) | Part::Text(text) => {
                    for number in bare(text, heading, &names) {
                        tell(format!(
                            "`{number}` is a number without a reference: write [[EXPERIMENT.SPLIT]], \
                             [[A / B]], [[summary.WHICH]], or leave it out"
                        ));
                    }
                }
            }
        }
    }
    let more = found.len().saturating_sub(MOST);
    found.truncate(MOST);
    if more > 0 {
        found.push(format!("and {more} more"));
    }
    found
}

/// A milestone as people read it, with what every reference came to in `state`,
/// which is that before the milestone was written.
pub fn document(state: &State, number: u32, text: &str) -> String {
    let mut out = String::new();
    // Writing to a String can't fail.
    let _ = writeln!(
        out,
        "# Milestone {number}\n\nWritten by an agent after event {}, with {} experiments measured. The \
         harness put every number of a result there, with its 95% interval, from the log.\n",
        state.seq, state.index.search.count,
    );
    if state.is_simulated() {
        let _ = writeln!(out, "**{}.**\n", super::SIMULATED);
    }
    for line in text.lines() {
        let body = after_marker(line);
        // No heading of the agent's is above the title.
        if body.starts_with('#') {
            out.push('#');
        }
        out.push_str(&line[..line.len() - body.len()]);
        for part in parts(body) {
            match part {
                Part::Text(text) => out.push_str(&clean(text)),
                Part::Code(code) => {
                    let _ = write!(out, "`{}`", clean(code));
                }
                Part::Reference(reference) => match figures::resolve(state, reference) {
                    Ok(figure) => out.push_str(&figure.shown()),
                    // Checked before it was written.
                    Err(_) => {
                        let _ = write!(out, "[[{}]]", clean(reference));
                    }
                },
            }
        }
        out.push('\n');
    }
    out
}

fn clean(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).collect()
}

/// A line without its number, if it is an item of a numbered list.
fn after_marker(line: &str) -> &str {
    let body = line.trim_start();
    let digits = body.bytes().take_while(u8::is_ascii_digit).count();
    match body[digits..].strip_prefix(['.', ')']) {
        Some(rest) if (1..=3).contains(&digits) && rest.starts_with(' ') => rest,
        _ => line,
    }
}

fn parts(line: &str) -> Vec<Part<'_>> {
    let mut parts = Vec::new();
    let mut rest = line;
    while !rest.is_empty() {
        let reference = rest.find("[[").and_then(|from| {
            let length = rest[from + 2..].find("]]")?;
            Some((from, length))
        });
        let code = rest.find('`').and_then(|from| {
            let length = rest[from + 1..].find('`')?;
            Some((from, length))
        });
        let of_code = match (reference, code) {
            (Some((reference, _)), Some((code, _))) => code < reference,
            (None, Some(_)) => true,
            (_, None) => false,
        };
        let next = if of_code { code } else { reference };
        let Some((from, length)) = next else {
            parts.push(Part::Text(rest));
            break;
        };
        if from > 0 {
            parts.push(Part::Text(&rest[..from]));
        }
        let width = if of_code { 1 } else { 2 };
        let inner = &rest[from + width..from + width + length];
        parts.push(if of_code {
            Part::Code(inner)
        } else {
            Part::Reference(inner)
        });
        rest = &rest[from + 2 * width + length..];
    }
    parts
}

/// What has digits and is no number.
struct Names {
    names: BTreeSet<String>,
    /// `NAME=value` of parameters that a candidate had.
    parameters: BTreeSet<String>,
}

impl Names {
    fn of(state: &State) -> Self {
        let mut names = BTreeSet::new();
        let mut parameters = BTreeSet::new();
        for task in &state.tasks {
            names.insert(task.name.clone());
            let templates = task.inspected.iter().flat_map(|it| &it.templates);
            names.extend(templates.cloned());
        }
        for e in state.experiments.values() {
            names.extend([e.id.to_string(), e.folder()]);
            // Agents choose the name: one that reads as a number is none.
            if e.name.starts_with(|c: char| c.is_ascii_alphabetic()) {
                names.insert(e.name.clone());
            }
        }
        names.extend(state.tries.keys().map(ToString::to_string));
        if let Some(settings) = &state.settings {
            let metric = &settings.metric;
            names.extend([metric.name.clone(), settings.adapter.clone()]);
        }
        // What the lab has taken: nobody else says which parameters there are.
        let handed_in = state
            .experiments
            .values()
            .filter(|e| e.verified(Split::Search).is_some())
            .filter_map(|e| e.candidate.as_ref());
        let looked_at = state
            .tries
            .values()
            .filter(|look| look.score.verdict.is_ok())
            .map(|look| &look.candidate);
        for candidate in handed_in.map(|(candidate, _)| candidate).chain(looked_at) {
            if let Candidate::Template { params, .. } = candidate {
                let shown = |(key, value): (&String, &serde_json::Value)| match value.as_str() {
                    Some(text) => format!("{key}={text}"),
                    None => format!("{key}={value}"),
                };
                parameters.extend(params.iter().map(shown));
            }
        }
        Self { names, parameters }
    }

    fn knows_code(&self, code: &str) -> bool {
        self.names.contains(code) || self.parameters.contains(code)
    }
}

/// Whether a line has a link by a name, as in `[words][name]`; references of
/// milestones have two brackets on each side.
fn has_footnote(line: &str) -> bool {
    line.replace("[[", "").replace("]]", "").contains("][")
}

/// Numbers in a text that need a reference.
fn bare(text: &str, heading: bool, names: &Names) -> Vec<String> {
    let of_word = |c: char| c.is_alphanumeric() || "._-".contains(c);
    let mut found = Vec::new();
    let mut rest = text;
    let mut before = ' ';
    while let Some(from) = rest.find(of_word) {
        before = rest[..from]
            .chars()
            .rfind(|c| !c.is_whitespace())
            .unwrap_or(if from == 0 { before } else { ' ' });
        let after = &rest[from..];
        let length = after.find(|c| !of_word(c)).unwrap_or(after.len());
        let (whole, next) = after.split_at(length);
        let word = whole.trim_matches(['.', '-']);
        let dash = whole.starts_with('-');
        if word.chars().any(char::is_numeric) && !names.names.contains(word) {
            let relation = dash || RELATIONS.contains(&before);
            if !is_harmless(word, next, heading, relation) {
                found.push(word.to_owned());
            }
        }
        before = ' ';
        rest = next;
    }
    found
}

fn is_harmless(word: &str, next: &str, heading: bool, relation: bool) -> bool {
    let first = word.chars().next().unwrap_or_default();
    let digits = word.bytes().all(|b| b.is_ascii_digit());
    if !digits {
        // A name that happens to have digits: `float64`, `L2`. Not `x2`, nor
        // anything with a decimal point.
        let times = matches!(first, 'x' | 'X' | '×')
            && word[first.len_utf8()..].starts_with(|c: char| c.is_numeric());
        let ascii = word.chars().all(|c| c.is_ascii() || !c.is_numeric());
        return first.is_alphabetic() && ascii && !times && !word.contains('.');
    }
    let Ok(number) = word.parse::<u64>() else {
        return false;
    };
    let unit: String = next
        .trim_start()
        .chars()
        .take_while(|c| c.is_alphabetic() || "%×".contains(*c))
        .collect();
    let of_a_result = UNITS.contains(&unit.to_lowercase().as_str()) || relation;
    if of_a_result {
        return false;
    }
    let year = word.len() == 4 && (1900..=2100).contains(&number);
    year || number <= COUNT || (heading && number < 1000)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(text: &str) -> Vec<String> {
        problems(&State::default(), text)
    }

    #[test]
    fn what_can_be_no_result_needs_no_reference() {
        for text in [
            "Two tasks and 3 more were looked at.",
            "Since 2026 nothing has changed in float64, L2 or conv2d.",
            "# Part 14",
            "14. the last item",
            "A loss of all 12 workers - none.",
        ] {
            assert_eq!(refused(text), Vec::<String>::new(), "{text}");
        }
    }

    #[test]
    fn every_other_number_needs_one() {
        for (text, number) in [
            ("It is 1.8 times as fast.", "1.8"),
            ("It is 2x as fast.", "2x"),
            ("It is x2 as fast.", "x2"),
            ("It is 2 times as fast.", "2"),
            ("It gained 5%.", "5"),
            ("It gained 5 percent.", "5"),
            ("It is ≈ 3 now.", "3"),
            ("The score = 4 here.", "4"),
            ("It took 13 looks.", "13"),
            ("It took 8 ms.", "8"),
            ("Half, that is ½, of it.", "½"),
            ("It fell to -3 there.", "3"),
            ("In code it is `1.25`.", "1.25"),
            ("A name with v1.5 in it.", "v1.5"),
        ] {
            let found = refused(text);
            assert_eq!(found.len(), 1, "{text}: {found:?}");
            let words = format!("line 1: `{number}` is a number without a reference");
            assert!(found[0].starts_with(&words), "{text}: {found:?}");
        }
    }

    #[test]
    fn a_reference_to_nothing_is_told() {
        for (text, words) in [
            ("[[e0001.select.m]]", "nothing is measured as `m`"),
            ("[[e0001.select]]", "there is no experiment `e0001`"),
            ("[[e0001.sealed]]", "there is no experiment `e0001`"),
            ("[[summary.best]]", "`best` is none of"),
            ("[[summary.mean]]", "there is no `mean` yet"),
            ("[[playbook.3]]", "the playbook has 0 entries"),
            ("[[e0001.select / baseline]]", "there is no experiment"),
            ("[[e0001.select.9.9 / baseline]]", "a side of `A / B`"),
            (
                "[[baseline / e0001.select.x]]",
                "the baseline was not measured",
            ),
            ("[[1.5]]", "there is no experiment `1`"),
            ("[[1]]", "it is none of"),
        ] {
            let found = refused(text);
            assert!(found.len() == 1 && found[0].contains(words), "{found:?}");
        }
        for leads_out in [
            "see [this](http://example.org)",
            "see http://example.org",
            "![x][y]",
            "[y]: //example.org/p",
            "~~~",
            "<b>",
        ] {
            assert!(refused(leads_out)[0].contains("links"), "{leads_out}");
        }
        assert!(refused(" ")[0].contains("1 to 32768 bytes"));
    }

    #[test]
    fn references_become_numbers() {
        let text = "## Counts\n\n1. [[count.experiments]] so far, none `[[count.looks]]`";
        assert_eq!(refused(text), Vec::<String>::new());
        let document = document(&State::default(), 2, text);
        assert!(document.starts_with("# Milestone 2\n"), "{document}");
        let end = "\n### Counts\n\n1. 0 so far, none `[[count.looks]]`\n";
        assert!(document.ends_with(end), "{document}");
    }
}
