//! Who may take how long.

use std::time::{Duration, Instant};

/// The time that there is, dealt out to parts in their order: what one leaves, those behind
/// it have.
#[derive(Clone, Copy, Debug)]
pub(super) struct Budget {
    started: Instant,
    total: Duration,
}

impl Budget {
    pub(super) fn new(started: Instant, total: Duration) -> Self {
        Self { started, total }
    }

    /// When nothing new may be begun by a part up to whose end this share of all is spent.
    pub(super) fn until(self, share: f64) -> Deadline {
        Deadline(self.started + self.total.mul_f64(share.clamp(0.0, 1.0)))
    }

    pub(super) fn spent(self) -> Duration {
        self.started.elapsed()
    }

    pub(super) fn total(self) -> Duration {
        self.total
    }
}

/// When nothing new may be begun any more.
#[derive(Clone, Copy, Debug)]
pub(super) struct Deadline(pub(super) Instant);

impl Deadline {
    pub(super) fn has_passed(self) -> bool {
        Instant::now() >= self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_of_the_whole_and_never_more() {
        let started = Instant::now();
        let budget = Budget::new(started, Duration::from_secs(100));
        assert_eq!(budget.until(0.25).0, started + Duration::from_secs(25));
        assert_eq!(budget.until(7.0).0, started + Duration::from_secs(100));
        assert!(budget.until(0.0).has_passed());
        assert!(!budget.until(1.0).has_passed());
    }
}
