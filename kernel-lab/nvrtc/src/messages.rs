//! A compiler's log, short enough to be read by whoever wrote the source.

use std::fmt::Write as _;

/// Errors shown; the first ones are the ones that matter.
const MAX_ERRORS: usize = 5;
/// Longest line shown.
const MAX_LINE: usize = 400;
/// Lines shown where nothing looks like an error.
const MAX_LINES: usize = 10;

/// Headers by how their names begin, and the Python package that has them.
const WHEELS: [(&str, &str); 9] = [
    ("crt/", "nvidia-cuda-crt"),
    ("nv/", "nvidia-cuda-cccl"),
    ("cub/", "nvidia-cuda-cccl"),
    ("cuda/", "nvidia-cuda-cccl"),
    ("thrust/", "nvidia-cuda-cccl"),
    ("curand", "nvidia-curand"),
    ("mma.h", "nvidia-cuda-runtime"),
    ("cuda_", "nvidia-cuda-runtime"),
    ("cooperative_groups", "nvidia-cuda-runtime"),
];

/// What is wrong, and what to install if a header is missing that NVIDIA has
/// packed for this version.
pub(crate) fn refusal(log: &str, version: (i32, i32)) -> String {
    let mut text = trimmed(log);
    let missing = log.lines().filter_map(|line| {
        let (_, rest) = line.split_once("cannot open source file \"")?;
        let (header, _) = rest.split_once('"')?;
        let known = |(start, _): &&(&str, &str)| header.starts_with(start);
        let (_, wheel) = WHEELS.iter().find(known)?;
        Some((header, *wheel))
    });
    let missing: Vec<_> = missing.collect();
    for (at, (header, wheel)) in missing.iter().enumerate() {
        if missing[..at].iter().any(|(_, before)| before == wheel) {
            continue;
        }
        let (major, minor) = version;
        let _ = write!(
            text,
            "\n`{header}` is in the Python package {wheel}, which is not where NVRTC is: \
             pip install '{wheel}=={major}.{minor}.*'"
        );
    }
    text
}

/// The first errors with the source line below each.
fn trimmed(log: &str) -> String {
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
    fn a_missing_package_is_named_once() {
        let log = "mma.h(7): catastrophic error: cannot open source file \"crt/mma.h\"\n\
                   a.h(1): error: cannot open source file \"crt/mma.hpp\"\n\
                   a.h(2): error: cannot open source file \"mine.h\"\n";
        let said = refusal(log, (13, 0));
        let hints: Vec<_> = said.lines().filter(|line| line.contains("pip")).collect();
        assert_eq!(
            hints,
            [
                "`crt/mma.h` is in the Python package nvidia-cuda-crt, which is not where NVRTC is: \
                 pip install 'nvidia-cuda-crt==13.0.*'"
            ]
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
