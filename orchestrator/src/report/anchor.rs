//! Where in the log a report was made: whoever has both can compare them.

use std::fmt;

use protocol::ContentHash;

const BEFORE: &str = "Made from the first ";
const BETWEEN: &str = " events of the log; the hash of the last of them is `";
const AFTER: &str = "`.";

/// A place in a log, with what the chain of hashes says of all before it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Anchor {
    /// Number of events.
    pub events: u64,
    /// Hash of the last of them.
    pub head: ContentHash,
}

impl Anchor {
    /// The anchor in a report, and the number of its line.
    pub fn find(report: &str) -> Option<(usize, Self)> {
        report
            .lines()
            .enumerate()
            .find_map(|(at, line)| Some((at + 1, Self::parse(line)?)))
    }

    fn parse(line: &str) -> Option<Self> {
        let rest = line.strip_prefix(BEFORE)?.strip_suffix(AFTER)?;
        let (events, head) = rest.split_once(BETWEEN)?;
        Some(Self {
            events: events.parse().ok()?,
            head: head.parse().ok()?,
        })
    }
}

impl fmt::Display for Anchor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{BEFORE}{}{BETWEEN}{}{AFTER}", self.events, self.head)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_shown_is_found() {
        let anchor = Anchor {
            events: 812,
            head: ContentHash::of(b"an event"),
        };
        let report = format!("# Title\n\n{anchor}\n");
        assert_eq!(Anchor::find(&report), Some((3, anchor)));
        assert_eq!(Anchor::find("# Title\n"), None);
    }
}
