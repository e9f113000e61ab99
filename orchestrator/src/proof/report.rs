//! The report, its charts and the playbook, made again from the log up to the
//! event that the report names.

use super::{Campaign, Findings};
use crate::core::state::State;
use crate::report::{self, Anchor};

/// Most lines of one file that are told of.
const MOST: usize = 10;

pub(super) fn check(campaign: &Campaign<'_>, findings: &mut Findings) {
    let path = campaign.layout.report();
    let text = match std::fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let why = "`reports/report.md` is not there; `alphalab report` writes it";
            findings.not_possible("report", why);
            return;
        }
        Err(error) => {
            findings.failed(
                "report",
                format!("`reports/report.md` can't be read: {error}"),
            );
            return;
        }
    };
    let Some((line, anchor)) = Anchor::find(&text) else {
        findings.failed(
            "report",
            "`reports/report.md` does not say which event of the log it was made at; \
             `alphalab report` writes it anew",
        );
        return;
    };
    let place = usize::try_from(anchor.events).unwrap_or(usize::MAX);
    let upto = campaign.links.get(..place).filter(|upto| !upto.is_empty());
    let Some(upto) = upto else {
        findings.failed(
            "report",
            format!(
                "`reports/report.md`, line {line}: it was made from {} events, the log has {}",
                anchor.events,
                campaign.links.len()
            ),
        );
        return;
    };
    let head = upto.last().map(|link| &link.hash);
    if head != Some(&anchor.head) {
        findings.failed(
            "report",
            format!(
                "`reports/report.md`, line {line}: it says that event {} has the hash {}, in the log it has {}",
                anchor.events,
                anchor.head,
                head.map_or("none", |hash| hash.as_str())
            ),
        );
        return;
    }
    let log: Vec<_> = upto.iter().map(|link| link.logged.clone()).collect();
    let Ok(state) = State::fold(&log) else {
        findings.failed("report", format!("{} events do not fold", anchor.events));
        return;
    };
    for (path, expected) in report::documents(campaign.layout, &state, &log, &anchor.head) {
        let shown = path
            .strip_prefix(&campaign.layout.dir)
            .unwrap_or(&path)
            .display()
            .to_string();
        match std::fs::read_to_string(&path) {
            Ok(found) if found == expected => findings.passed(
                "report",
                format!(
                    "`{shown}` says what event {} and all before it say",
                    anchor.events
                ),
            ),
            Ok(found) => {
                for line in differences(&found, &expected) {
                    findings.failed("report", format!("`{shown}`, {line}"));
                }
            }
            Err(error) => findings.failed("report", format!("`{shown}` can't be read: {error}")),
        }
    }
}

/// Lines of a file that are not those of the log.
pub(super) fn differences(found: &str, expected: &str) -> Vec<String> {
    let (found, expected): (Vec<&str>, Vec<&str>) =
        (found.lines().collect(), expected.lines().collect());
    let same = |(a, b): &(&&str, &&str)| a == b;
    let before = found.iter().zip(&expected).take_while(same).count();
    let rest = (&found[before..], &expected[before..]);
    let after = rest
        .0
        .iter()
        .rev()
        .zip(rest.1.iter().rev())
        .take_while(same)
        .count();
    let middle = |lines: &'_ [&'_ str]| lines.len() - after;
    let (theirs, ours) = (&rest.0[..middle(rest.0)], &rest.1[..middle(rest.1)]);
    let mut told = Vec::new();
    for place in 0..theirs.len().max(ours.len()) {
        let line = before + place + 1;
        match (theirs.get(place), ours.get(place)) {
            (Some(a), Some(b)) if a == b => {}
            (Some(a), Some(b)) => {
                let (a, b) = apart(a, b);
                told.push(format!("line {line}: it says `{a}`, the log says `{b}`"));
            }
            (Some(a), None) => told.push(format!("line {line}: `{a}` is not in the log")),
            (None, Some(b)) => told.push(format!("line {line}: `{b}` is missing")),
            (None, None) => {}
        }
    }
    if told.is_empty() {
        told.push("it ends otherwise than what the log says".to_owned());
    }
    let more = told.len().saturating_sub(MOST);
    told.truncate(MOST);
    if more > 0 {
        told.push(format!("and {more} lines more"));
    }
    told
}

/// The words in which two lines differ.
fn apart(a: &str, b: &str) -> (String, String) {
    let (a, b): (Vec<&str>, Vec<&str>) = (a.split(' ').collect(), b.split(' ').collect());
    let before = a.iter().zip(&b).take_while(|(a, b)| a == b).count();
    let most = a.len().min(b.len()) - before;
    let after = a
        .iter()
        .rev()
        .zip(b.iter().rev())
        .take(most)
        .take_while(|(a, b)| a == b)
        .count();
    let words = |of: &[&str]| of[before..of.len() - after].join(" ");
    (words(&a), words(&b))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_named_with_its_line() {
        let expected = "# Title\n\n| alpha | 4.01 [3.97, 4.05] | 20 |\n| beta | 1.2 | 3 |\n";
        let found = expected.replace("4.01", "5.01");
        assert_eq!(
            differences(&found, expected),
            ["line 3: it says `5.01`, the log says `4.01`"]
        );
    }

    #[test]
    fn lines_that_are_absent_are_named() {
        assert_eq!(
            differences("a\nc\n", "a\nb\nc\n"),
            ["line 2: `b` is missing"]
        );
        assert_eq!(
            differences("a\nb\nc\n", "a\nc\n"),
            ["line 2: `b` is not in the log"]
        );
        assert_eq!(
            differences("a\n", "a"),
            ["it ends otherwise than what the log says"]
        );
    }
}
