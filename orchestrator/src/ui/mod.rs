//! What a person sees while a campaign runs: one live screen on a terminal,
//! plain lines elsewhere; the lines also go to `logs/campaign.log`.

mod brief;
mod lines;
mod screen;
mod staff;

use std::io::IsTerminal;

use crate::campaign::Layout;
use crate::driver::Observer;

pub(crate) use lines::meaning;

/// Who watches a campaign on this process's stderr.
pub fn observer(layout: &Layout) -> Box<dyn Observer> {
    let log = lines::Log::open(&layout.logs().join("campaign.log"));
    if std::io::stderr().is_terminal() {
        Box::new(screen::Screen::new(log))
    } else {
        Box::new(lines::Lines::new(log))
    }
}

/// Who counts the experiments of one campaign among many, under a title.
pub(crate) fn brief(layout: &Layout, title: &str) -> Box<dyn Observer> {
    let log = lines::Log::open(&layout.logs().join("campaign.log"));
    Box::new(brief::Brief::new(log, title))
}

/// Text from outside, made harmless for a terminal.
pub(crate) fn clean(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .take(160)
        .collect()
}

/// Text from outside without control characters, whole.
pub(crate) fn plain(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect()
}

#[cfg(test)]
mod tests {
    #[test]
    fn terminals_are_safe() {
        assert_eq!(super::clean("a\u{1b}[2Jb"), "a [2Jb");
    }
}
