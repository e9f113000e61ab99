//! Finding and killing what a campaign has started.

use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

/// Labs inherit variables of this prefix, and their children theirs.
pub(crate) const MARK: &str = "ALPHALAB_TEST_MARK";

/// Who is killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Victim {
    /// `alphalab` itself.
    Orchestrator,
    /// A lab's `serve` process.
    Worker,
    /// The child of a worker that computes a number.
    Runner,
}

impl Victim {
    pub(crate) const ALL: [Self; 3] = [Self::Orchestrator, Self::Worker, Self::Runner];

    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Orchestrator => "orchestrator",
            Self::Worker => "lab worker",
            Self::Runner => "runner",
        }
    }

    /// The first argument by which a process below the orchestrator is known.
    fn argument(self) -> &'static str {
        match self {
            Self::Orchestrator => "",
            Self::Worker => "serve",
            Self::Runner => "runner",
        }
    }
}

/// How long to look for somebody to kill: runners live for milliseconds.
const PATIENCE: Duration = Duration::from_millis(200);

/// Kills one of these below `root`, this long after it was seen first. False
/// if there was none.
pub(crate) fn kill_below(root: u32, victim: Victim, after: Duration) -> bool {
    let begun = Instant::now();
    let found = loop {
        let found = find_below(root, victim);
        if found.is_some() || begun.elapsed() > PATIENCE {
            break found;
        }
        std::thread::sleep(Duration::from_millis(1));
    };
    if found.is_none() {
        return false;
    }
    std::thread::sleep(after);
    // Perhaps another one by now.
    let pid = find_below(root, victim).and_then(|pid| Pid::from_raw(pid as i32));
    pid.is_some_and(|pid| kill_process(pid, Signal::KILL).is_ok())
}

fn find_below(root: u32, victim: Victim) -> Option<u32> {
    descendants(root).into_iter().find(|&pid| {
        let line = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        let mut words = line.split(|&byte| byte == 0);
        let is_lab = words.next().is_some_and(|w| w.ends_with(b"synthetic-lab"));
        is_lab && words.next() == Some(victim.argument().as_bytes())
    })
}

fn descendants(root: u32) -> Vec<u32> {
    let mut found = vec![root];
    let mut next = 0;
    while let Some(pid) = found.get(next).copied() {
        next += 1;
        let tasks = std::fs::read_dir(format!("/proc/{pid}/task"));
        for task in tasks.into_iter().flatten().flatten() {
            let children = std::fs::read_to_string(task.path().join("children"));
            let children = children.unwrap_or_default();
            found.extend(
                children
                    .split_whitespace()
                    .filter_map(|c| c.parse::<u32>().ok()),
            );
        }
    }
    found.split_off(1)
}

/// Processes that carry `mark` in their environment.
fn marked(mark: &str) -> Vec<u32> {
    let needle = format!("{MARK}={mark}\0");
    let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    entries
        .filter_map(|entry| {
            let pid = entry.file_name().to_str()?.parse().ok()?;
            let mut environment = std::fs::read(entry.path().join("environ")).ok()?;
            environment.push(0);
            let has = environment
                .windows(needle.len())
                .any(|window| window == needle.as_bytes());
            has.then_some(pid)
        })
        .collect()
}

/// Waits until all that carry the mark have ended; those that do not.
pub(crate) fn orphans(mark: &str) -> Vec<u32> {
    let begun = Instant::now();
    loop {
        let left = marked(mark);
        if left.is_empty() || begun.elapsed() > Duration::from_secs(20) {
            return left;
        }
        std::thread::sleep(Duration::from_millis(2));
    }
}
