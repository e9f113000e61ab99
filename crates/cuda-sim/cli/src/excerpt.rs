//! Lines of a source with a mark below the place that is meant.

use std::fmt::Write as _;

use cuda_sim::Finding;
use kernel_nvrtc::NAME;

use crate::source::Source;

/// Lines shown before the one that is meant.
const BEFORE: u32 = 2;
/// Longest line shown.
const WIDEST: usize = 160;

/// The place of a finding: in the CUDA source, or in the PTX where there is
/// none. Nothing where the place is in a header that is called from nowhere.
pub(crate) fn of(finding: &Finding, source: &Source) -> String {
    let name = source.name();
    match (&finding.source, &source.text) {
        (Some((file, line)), Some(text)) if file == NAME => {
            let column = location(&source.ptx, finding.line)
                .filter(|loc| loc.line == *line)
                .map(|loc| loc.column);
            lines(text, &name, *line, column)
        }
        (Some(_), Some(text)) => {
            // A header: where the source calls it.
            let called = location(&source.ptx, finding.line).and_then(|loc| loc.inlined_at);
            match called {
                Some((number, line, column)) if is_source(&source.ptx, number) => {
                    lines(text, &name, line, Some(column))
                }
                _ => String::new(),
            }
        }
        _ => lines(&source.ptx, &name, finding.line, None),
    }
}

/// Around a line, which is counted from 1; nothing if there is no such line.
pub(crate) fn lines(text: &str, name: &str, line: u32, column: Option<u32>) -> String {
    let first = line.saturating_sub(BEFORE).max(1);
    let count = line.saturating_add(1).saturating_sub(first) as usize;
    let all = text.lines().skip(first as usize - 1).take(count);
    let shown: Vec<String> = all.map(printable).collect();
    if shown.len() < count || line == 0 {
        return String::new();
    }
    let width = line.to_string().len();
    let place = column.map_or_else(String::new, |column| format!(":{column}"));
    let mut out = format!("{:width$}--> {name}:{line}{place}\n{:width$} |\n", "", "");
    for (number, text) in (first..).zip(&shown) {
        let _ = writeln!(out, "{number:width$} | {text}");
    }
    let indent = match (column, shown.last()) {
        (Some(column), _) if column > 0 => (column as usize - 1).min(WIDEST),
        (_, Some(text)) => text.len() - text.trim_start().len(),
        (_, None) => 0,
    };
    let _ = writeln!(out, "{:width$} | {:indent$}^", "", "");
    out
}

/// A tab is one column for the compiler, and one here.
fn printable(text: &str) -> String {
    let shown = text.chars().take(WIDEST);
    shown
        .map(|character| {
            if character.is_control() {
                ' '
            } else {
                character
            }
        })
        .collect()
}

/// A `.loc` of the PTX.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Location {
    line: u32,
    column: u32,
    /// File, line and column of the call.
    inlined_at: Option<(u32, u32, u32)>,
}

/// The one that holds at a line of the PTX.
fn location(ptx: &str, line: u32) -> Option<Location> {
    let before: Vec<&str> = ptx.lines().take(line as usize).collect();
    let text = before.iter().rev().find_map(|line| {
        let rest = line.trim_start().strip_prefix(".loc")?;
        // Line 0 is what the compiler made by itself.
        (numbers(rest).get(1) != Some(&0)).then_some(rest)
    })?;
    let found = numbers(text);
    let inlined_at = text.split_once("inlined_at").and_then(|(_, rest)| {
        let found = numbers(rest);
        Some((*found.first()?, *found.get(1)?, *found.get(2)?))
    });
    Some(Location {
        line: *found.get(1)?,
        column: *found.get(2)?,
        inlined_at,
    })
}

/// The numbers that a text starts with.
fn numbers(text: &str) -> Vec<u32> {
    text.split([' ', '\t', ','])
        .filter(|word| !word.is_empty())
        .map_while(|word| word.parse().ok())
        .collect()
}

/// Whether a file's number is that of the source itself.
fn is_source(ptx: &str, number: u32) -> bool {
    ptx.lines().any(|line| {
        let file = line.trim_start().strip_prefix(".file");
        file.is_some_and(|rest| numbers(rest).first() == Some(&number) && rest.contains(NAME))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "one\n  two\n\tthree\nfour";

    #[test]
    fn a_line_with_a_mark_below() {
        assert_eq!(
            lines(TEXT, "a.cu", 3, Some(2)),
            " --> a.cu:3:2\n  |\n1 | one\n2 |   two\n3 |  three\n  |  ^\n"
        );
        assert_eq!(
            lines(TEXT, "a.cu", 2, None),
            " --> a.cu:2\n  |\n1 | one\n2 |   two\n  |   ^\n"
        );
        assert_eq!(lines(TEXT, "a.cu", 5, None), "");
        assert_eq!(lines(TEXT, "a.cu", 0, None), "");
        assert_eq!(lines("", "a.cu", u32::MAX, None), "");
    }

    #[test]
    fn the_location_above_a_line_of_ptx() {
        let ptx = "\t.loc\t1 7 5\n mov;\n\t.loc 2 9 3, function_name $L, inlined_at 1 8 2\n\
                   \t.loc 1 0 0\n add;\n.file\t1 \"kernel.cu\"\n";
        assert_eq!(
            location(ptx, 2),
            Some(Location {
                line: 7,
                column: 5,
                inlined_at: None
            })
        );
        assert_eq!(location(ptx, 5).unwrap().inlined_at, Some((1, 8, 2)));
        assert!(is_source(ptx, 1) && !is_source(ptx, 2));
        assert_eq!(location("mov;", 1), None);
    }
}
