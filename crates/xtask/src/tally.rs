//! Adding up what a test run printed.

use std::collections::BTreeMap;
use std::fmt;

/// How many tests (or checks) came out how. `Display` is the closing line:
/// `N passed, M failed`, and `, K skipped` where there are any.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) passed: usize,
    pub(crate) failed: usize,
    /// Passed without testing, for want of something, and said so; or ignored.
    pub(crate) skipped: usize,
}

impl Counts {
    pub(crate) const PASSED: Self = Self {
        passed: 1,
        failed: 0,
        skipped: 0,
    };
    pub(crate) const FAILED: Self = Self {
        passed: 0,
        failed: 1,
        skipped: 0,
    };
}

impl std::ops::AddAssign for Counts {
    fn add_assign(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.skipped += other.skipped;
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} passed, {} failed", self.passed, self.failed)?;
        if self.skipped > 0 {
            write!(f, ", {} skipped", self.skipped)?;
        }
        Ok(())
    }
}

/// Reads the output of `cargo test … -- --show-output`, line by line.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    /// The package of each test executable, by its file name.
    owners: BTreeMap<String, String>,
    counts: BTreeMap<String, Counts>,
    /// The package whose tests are running, until its result line.
    running: Option<String>,
    /// Tests of the running executable that said they skipped.
    skips: usize,
    block: Block,
}

/// Where in a test executable's output we are.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Block {
    /// Between the blocks: the lines `test name ... ok`.
    #[default]
    Open,
    /// What passing tests printed; `skipped` once this test said so.
    Successes { skipped: bool },
    /// What failing tests printed.
    Failures,
}

impl Tally {
    /// `owners`: the package of each test executable, by its file name.
    pub(crate) fn new(owners: BTreeMap<String, String>) -> Self {
        Self {
            owners,
            ..Self::default()
        }
    }

    /// Takes one line in; `true` if the reader should see it. What passing
    /// tests print is asked for to find out who skipped, not to be read.
    pub(crate) fn line(&mut self, line: &str) -> bool {
        if let Some(unit) = announced(line) {
            self.finish_unit(true);
            self.running = Some(self.owner(&unit));
            return true;
        }
        if let Some(counts) = result(line) {
            let package = self.running.take().unwrap_or_else(|| "?".to_owned());
            let skips = std::mem::take(&mut self.skips).min(counts.passed);
            *self.counts.entry(package).or_default() += Counts {
                passed: counts.passed - skips,
                failed: counts.failed,
                skipped: counts.skipped + skips,
            };
            self.block = Block::Open;
            return true;
        }
        if line.starts_with("error: test failed") || line.starts_with("error: doctest failed") {
            // Cargo's word on an executable; one that gave its result is no longer running.
            self.finish_unit(false);
            return true;
        }
        match line {
            "successes:" => {
                self.block = Block::Successes { skipped: false };
                return false;
            }
            "failures:" => {
                self.block = Block::Failures;
                return true;
            }
            _ => {}
        }
        let is_skip = line.starts_with("skipped:");
        match &mut self.block {
            Block::Successes { skipped } => {
                if line.starts_with("---- ") && line.ends_with(" stdout ----") {
                    *skipped = false;
                } else if is_skip && !*skipped {
                    *skipped = true;
                    self.skips += 1;
                }
                is_skip
            }
            Block::Open => {
                self.skips += usize::from(is_skip);
                true
            }
            Block::Failures => true,
        }
    }

    /// The counts of each package, once the command has ended.
    pub(crate) fn finish(mut self, success: bool) -> BTreeMap<String, Counts> {
        self.finish_unit(success);
        let failed: usize = self.counts.values().map(|counts| counts.failed).sum();
        if !success && failed == 0 {
            // Cargo failed, and no test did: something that is not a test.
            *self.counts.entry("(cargo)".to_owned()).or_default() += Counts::FAILED;
        }
        self.counts
    }

    /// An executable without a result line has no test harness, or crashed.
    fn finish_unit(&mut self, success: bool) {
        self.skips = 0;
        self.block = Block::Open;
        if let Some(package) = self.running.take()
            && !success
        {
            *self.counts.entry(package).or_default() += Counts::FAILED;
        }
    }

    fn owner(&self, unit: &str) -> String {
        self.owners
            .get(unit)
            .cloned()
            .unwrap_or_else(|| unit.to_owned())
    }
}

/// The test executable's file name, or the crate's name, in
/// `     Running tests/tidy.rs (target/release/deps/tidy-1f)` and `   Doc-tests stats`.
fn announced(line: &str) -> Option<String> {
    if let Some(rest) = line.strip_prefix("     Running ") {
        let (_, path) = rest.strip_suffix(')')?.rsplit_once('(')?;
        return path.rsplit('/').next().map(str::to_owned);
    }
    line.strip_prefix("   Doc-tests ")
        .map(|name| name.replace('_', "-"))
}

/// The counts in `test result: ok. 3 passed; 0 failed; 1 ignored; …`.
fn result(line: &str) -> Option<Counts> {
    let (_, rest) = line.strip_prefix("test result: ")?.split_once(". ")?;
    let mut counts = Counts::default();
    for part in rest.split("; ") {
        let (number, what) = part.split_once(' ')?;
        let slot = match what {
            "passed" => &mut counts.passed,
            "failed" => &mut counts.failed,
            "ignored" => &mut counts.skipped,
            _ => continue,
        };
        *slot = number.parse().ok()?;
    }
    Some(counts)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn owners() -> BTreeMap<String, String> {
        [
            ("stats-1f", "stats"),
            ("kill-2e", "sandbox"),
            ("lib-3d", "sandbox"),
        ]
        .map(|(file, package)| (file.to_owned(), package.to_owned()))
        .into()
    }

    fn tally(text: &str, success: bool) -> (BTreeMap<String, Counts>, Vec<String>) {
        let mut tally = Tally::new(owners());
        let shown = text
            .lines()
            .filter(|line| tally.line(line))
            .map(str::to_owned)
            .collect();
        (tally.finish(success), shown)
    }

    const GREEN: &str = "
     Running unittests src/lib.rs (target/release/deps/stats-1f)

running 2 tests
test a ... ok
test b ... ok

successes:

---- a stdout ----
test result: this is a test's own words
skipped: only an example
skipped: twice

successes:
    a
    b

test result: ok. 2 passed; 0 failed; 3 ignored; 0 measured; 0 filtered out; finished in 0.00s

   Doc-tests stats

running 1 test
test result: ok. 1 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s
";

    #[test]
    fn units_and_doc_tests_are_added_up_per_package() {
        let (counts, _) = tally(GREEN, true);
        assert_eq!(
            counts["stats"],
            Counts {
                passed: 2,
                failed: 0,
                skipped: 4
            }
        );
        assert_eq!(counts.len(), 1);
    }

    #[test]
    fn what_passing_tests_print_is_hidden_but_for_skips() {
        let (_, shown) = tally(GREEN, true);
        assert!(shown.contains(&"skipped: only an example".to_owned()));
        assert!(!shown.iter().any(|line| line.starts_with("---- a stdout")));
        assert!(shown.contains(&"test a ... ok".to_owned()));
    }

    #[test]
    fn a_crashed_executable_counts_as_one_failure() {
        let text = "
     Running tests/kill.rs (/t/release/deps/kill-2e)
running 3 tests
error: test failed, to rerun pass `-p sandbox --test kill`
     Running unittests src/lib.rs (/t/release/deps/lib-3d)
test result: FAILED. 4 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out; finished in 1.00s
";
        let (counts, _) = tally(text, false);
        assert_eq!(
            counts["sandbox"],
            Counts {
                passed: 4,
                failed: 3,
                skipped: 0
            }
        );
    }

    #[test]
    fn a_failed_command_without_a_failed_test_is_a_failure() {
        let (counts, _) = tally("", false);
        assert_eq!(counts["(cargo)"], Counts::FAILED);
    }

    #[test]
    fn what_failing_tests_print_is_shown() {
        let text = "
     Running unittests src/lib.rs (/t/release/deps/lib-3d)
failures:

---- x stdout ----
boom
test result: FAILED. 0 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out; finished in 1.00s
";
        let (_, shown) = tally(text, false);
        assert!(shown.contains(&"boom".to_owned()));
    }

    #[test]
    fn the_closing_line_has_skips_only_where_there_are_any() {
        let mut counts = Counts {
            passed: 3,
            failed: 1,
            skipped: 0,
        };
        assert_eq!(counts.to_string(), "3 passed, 1 failed");
        counts += Counts {
            passed: 1,
            failed: 0,
            skipped: 2,
        };
        assert_eq!(counts.to_string(), "4 passed, 1 failed, 2 skipped");
    }
}
