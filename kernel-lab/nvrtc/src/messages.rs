//! A compiler's log, short enough to be read by whoever wrote the source.

/// Errors shown; the first ones are the ones that matter.
const MAX_ERRORS: usize = 5;
/// Longest line shown.
const MAX_LINE: usize = 400;
/// Lines shown where nothing looks like an error.
const MAX_LINES: usize = 10;

/// The first errors with the source line below each.
pub(crate) fn trimmed(log: &str) -> String {
    let lines: Vec<&str> = log.lines().collect();
    let is_error = |line: &str| {
        line.contains("error:") || line.contains("error :") || line.contains("catastrophic error")
    };
    let mut shown = Vec::new();
    let mut errors = 0;
    for (at, line) in lines.iter().enumerate().filter(|(_, line)| is_error(line)) {
        errors += 1;
        if errors > MAX_ERRORS {
            continue;
        }
        shown.push(cut(line));
        // The source line, and the mark below it.
        for next in lines[at + 1..].iter().take(2) {
            if next.starts_with("  ") && !next.trim().is_empty() {
                shown.push(cut(next));
            }
        }
    }
    if errors > MAX_ERRORS {
        shown.push(format!("({} more errors)", errors - MAX_ERRORS));
    }
    if shown.is_empty() {
        shown = lines
            .iter()
            .filter(|line| !line.trim().is_empty())
            .map(|line| cut(line))
            .collect();
        shown.truncate(MAX_LINES);
    }
    shown.join("\n")
}

fn cut(line: &str) -> String {
    let mut text: String = line.chars().take(MAX_LINE).collect();
    if text.len() < line.len() {
        text.push('…');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_with_their_lines() {
        let log = "kernel.cu(3): error: identifier \"x\" is undefined\n      x = 1;\n      ^\n\n\
                   kernel.cu(9): warning #177-D: unused\n\n\
                   1 error detected in the compilation of \"kernel.cu\".\n";
        assert_eq!(
            trimmed(log),
            "kernel.cu(3): error: identifier \"x\" is undefined\n      x = 1;\n      ^"
        );
    }

    #[test]
    fn many_errors_are_counted() {
        let log: Vec<String> = (1..9)
            .map(|line| format!("k.cu({line}): error: no"))
            .collect();
        let log = log.join("\n");
        assert!(trimmed(&log).ends_with("k.cu(5): error: no\n(3 more errors)"));
    }

    #[test]
    fn without_errors_the_beginning_is_shown() {
        assert_eq!(trimmed("one\n\ntwo\n"), "one\ntwo");
        assert_eq!(trimmed(&"x".repeat(500)).chars().count(), MAX_LINE + 1);
    }
}
