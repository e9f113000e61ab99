//! How it fails.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};
use stats::Rng;

/// One way of failing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fault {
    /// 429, with the seconds to wait, if any.
    RateLimit(Option<u64>),
    /// 429, with a date in the past to wait for.
    RateLimitDate,
    /// 529 or 503: too much to do.
    Overloaded,
    /// 500.
    ServerError,
    /// Closes the connection before any answer; billed in full.
    DropBeforeHeaders,
    /// Closes the connection in the middle; billed as far as it was sent.
    DropMidStream,
    /// Sends a part, then nothing until the other side gives up; billed as far
    /// as it was sent.
    Stall,
    /// An event that is no JSON; billed in full.
    MalformedEvent,
    /// An event that is cut in the middle of a character; billed in full.
    TruncatedUtf8,
    /// The arguments of the calls are no JSON; a complete reply.
    MalformedArguments,
    /// 400: too long.
    ContextOverflow,
    /// The reply is stopped by a filter; a complete reply.
    ContentFilter,
    /// 401, with the key in the message.
    Auth,
    /// The account is empty.
    Quota,
}

impl Fault {
    /// Those after which the same request may succeed.
    pub const PASSING: [Self; 11] = [
        Self::RateLimit(None),
        Self::RateLimit(Some(0)),
        Self::RateLimitDate,
        Self::Overloaded,
        Self::ServerError,
        Self::DropBeforeHeaders,
        Self::DropMidStream,
        Self::Stall,
        Self::MalformedEvent,
        Self::TruncatedUtf8,
        Self::MalformedArguments,
    ];
}

/// Which request fails how.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct FaultPlan {
    /// Seed of the plan.
    pub seed: u64,
    /// Share of the requests that fail.
    pub rate: f64,
    /// How they fail.
    pub kinds: Vec<Fault>,
}

impl FaultPlan {
    /// Passing faults of all kinds.
    pub fn passing(seed: u64, rate: f64) -> Self {
        Self {
            seed,
            rate,
            kinds: Fault::PASSING.to_vec(),
        }
    }

    /// How the request with this number fails, if it does.
    pub fn of(&self, number: u64) -> Option<Fault> {
        let mut rng = self.rng(number);
        let fails = rng.uniform() < self.rate;
        fails
            .then(|| self.kinds.get(rng.index(self.kinds.len())).copied())
            .flatten()
    }

    /// Where a stream of so many frames is cut: after the first and before the
    /// last.
    pub(crate) fn cut(&self, number: u64, frames: usize) -> usize {
        let mut rng = self.rng(number ^ 1 << 63);
        1 + rng.index(frames.saturating_sub(1))
    }

    fn rng(&self, number: u64) -> Rng {
        Rng::new(self.seed ^ number.wrapping_mul(0x9e37_79b9_7f4a_7c15))
    }
}

/// The plan, with what is asked for one by one before it.
#[derive(Debug, Default)]
pub(crate) struct Faults {
    pub(crate) plan: FaultPlan,
    pub(crate) next: VecDeque<Option<Fault>>,
}

impl Faults {
    pub(crate) fn draw(&mut self, number: u64) -> Option<Fault> {
        match self.next.pop_front() {
            Some(asked) => asked,
            None => self.plan.of(number),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plan_is_fixed_by_its_seed_and_keeps_its_rate() {
        let plan = FaultPlan::passing(7, 0.25);
        let drawn: Vec<_> = (0..4_000).map(|n| plan.of(n)).collect();
        assert!(
            drawn
                .iter()
                .enumerate()
                .all(|(n, d)| plan.of(n as u64) == *d)
        );
        let failed = drawn.iter().flatten().count();
        assert!((800..1_200).contains(&failed), "{failed}");
        for kind in Fault::PASSING {
            assert!(drawn.contains(&Some(kind)), "{kind:?}");
        }
        assert!((0..1_000).all(|n| (1..9).contains(&plan.cut(n, 9))));
    }
}
