//! What the machine lacks, and what to do about it.

use std::fmt;

/// One thing that is missing from the machine, with its remedy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Problem {
    /// What is missing, as a lowercase fragment.
    pub(crate) what: String,
    /// What the reader can type or do to get it.
    pub(crate) remedy: String,
}

impl Problem {
    pub(crate) fn new(what: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self {
            what: what.into(),
            remedy: remedy.into(),
        }
    }
}

/// Everything that keeps a verb from starting: the reader's to mend, not a bug.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Problems(pub(crate) Vec<Problem>);

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("this machine is not ready")?;
        for problem in &self.0 {
            write!(
                f,
                "\n  - {}\n      remedy: {}",
                problem.what, problem.remedy
            )?;
        }
        Ok(())
    }
}

impl std::error::Error for Problems {}

impl From<Problem> for Problems {
    fn from(problem: Problem) -> Self {
        Self(vec![problem])
    }
}
