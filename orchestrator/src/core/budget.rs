//! What a campaign may use, has used and has promised.

use serde::{Deserialize, Serialize};

/// One resource. All fields share its unit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Ledger {
    /// Hard limit; absent if unlimited.
    pub limit: Option<f64>,
    /// Used for certain.
    pub spent: f64,
    /// Promised to work that has not run yet.
    pub reserved: f64,
    /// Promised to work that was cut off: counted as used, amount not known.
    pub unsettled: f64,
}

impl Ledger {
    /// A ledger with `limit` and nothing used.
    pub fn new(limit: Option<f64>) -> Self {
        Self {
            limit,
            ..Self::default()
        }
    }

    /// What can still be promised; infinite without a limit, never negative.
    pub fn left(&self) -> f64 {
        self.limit.map_or(f64::INFINITY, |limit| {
            (limit - self.spent - self.reserved - self.unsettled).max(0.0)
        })
    }

    /// True when what was used for certain has reached the limit.
    pub fn is_spent(&self) -> bool {
        self.limit
            .is_some_and(|limit| self.spent + self.unsettled >= limit)
    }
}

/// What a paid call costs, or may cost at most.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Amount {
    /// US dollars.
    pub usd: f64,
    /// Tokens, in and out.
    pub tokens: u64,
}

impl std::ops::AddAssign for Amount {
    fn add_assign(&mut self, other: Self) {
        self.usd += other.usd;
        self.tokens = self.tokens.saturating_add(other.tokens);
    }
}

impl std::iter::Sum for Amount {
    fn sum<I: Iterator<Item = Self>>(amounts: I) -> Self {
        let mut sum = Self::default();
        for amount in amounts {
            sum += amount;
        }
        sum
    }
}

/// All resources of a campaign.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Budget {
    /// Evaluated experiments; a re-measurement is not one.
    pub experiments: Ledger,
    /// US dollars.
    pub usd: Ledger,
    /// Tokens, in and out.
    pub tokens: Ledger,
    /// Seconds during which an orchestrator was running the campaign.
    pub wall_s: Ledger,
    /// Hours on GPUs.
    pub gpu_h: Ledger,
}

/// Wall-clock of a campaign over several sessions.
///
/// Only time between a session's start and its last event counts, so a
/// campaign that lies still, or was killed, spends nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionClock {
    /// Milliseconds of the sessions that ended.
    closed: i64,
    /// Start of the session under way, milliseconds since the epoch.
    open_since: Option<i64>,
    /// Time of the last event, milliseconds since the epoch.
    last: i64,
}

impl Budget {
    /// Whether a call that may cost `need` may be made: its reservation must
    /// fit into what is left, so that no call can overrun a limit.
    pub fn admits(&self, need: Amount) -> Admission {
        let over = |ledger: &Ledger, need: f64| need > ledger.left();
        let never = |ledger: &Ledger, need: f64| need > ledger.left() + ledger.reserved;
        let tokens = need.tokens as f64;
        if never(&self.usd, need.usd) || never(&self.tokens, tokens) {
            Admission::Never
        } else if over(&self.usd, need.usd) || over(&self.tokens, tokens) {
            Admission::Later
        } else {
            Admission::Now
        }
    }
}

/// Where a campaign is heading if it goes on as it did so far.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Forecast {
    /// Seconds of running time until the first limit is reached; none without
    /// a limit that is being approached.
    pub seconds_left: Option<f64>,
    /// The resource whose limit that is.
    pub first: Option<&'static str>,
    /// US dollars used by then, what is unsettled counted in full.
    pub usd: Option<f64>,
    /// Tokens used by then.
    pub tokens: Option<f64>,
    /// Experiments evaluated by then.
    pub experiments: Option<f64>,
}

/// Running time before which a rate means nothing, in seconds.
const TOO_SOON_S: f64 = 10.0;

impl Budget {
    /// Where this leads at the mean rates so far; none in the first seconds.
    pub fn forecast(&self) -> Option<Forecast> {
        let so_far = self.wall_s.spent;
        if so_far < TOO_SOON_S {
            return None;
        }
        let used = |ledger: &Ledger| ledger.spent + ledger.unsettled;
        let named = [
            ("experiments", &self.experiments),
            ("usd", &self.usd),
            ("tokens", &self.tokens),
            ("wall_s", &self.wall_s),
            ("gpu_h", &self.gpu_h),
        ];
        let first = named
            .iter()
            .filter(|(_, ledger)| used(ledger) > 0.0)
            .filter_map(|(name, ledger)| {
                let left = (ledger.limit? - used(ledger)).max(0.0);
                Some((*name, left * so_far / used(ledger)))
            })
            .min_by(|a, b| a.1.total_cmp(&b.1));
        let seconds_left = first.map(|(_, seconds)| seconds);
        let then = |ledger: &Ledger| Some(used(ledger) * (1.0 + seconds_left? / so_far));
        Some(Forecast {
            seconds_left,
            first: first.map(|(name, _)| name),
            usd: then(&self.usd),
            tokens: then(&self.tokens),
            experiments: then(&self.experiments),
        })
    }
}

/// Whether a paid call may be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admission {
    /// It fits.
    Now,
    /// It may fit when calls under way cost less than was reserved for them.
    Later,
    /// It could overrun the limit whatever the others cost.
    Never,
}

impl SessionClock {
    /// An event happened. A clock that was set back counts as standing still.
    pub fn tick(&mut self, at_ms: i64) {
        self.last = self.last.max(at_ms);
    }

    /// A session starts; one that never ended is closed at its last event.
    pub fn open(&mut self, at_ms: i64) {
        self.close();
        self.open_since = Some(at_ms);
        self.last = at_ms;
    }

    /// The session goes on, if its clock was closed.
    pub fn reopen(&mut self, at_ms: i64) {
        if self.open_since.is_none() {
            self.open(at_ms);
        }
    }

    /// The session ends at its last event.
    pub fn close(&mut self) {
        if let Some(since) = self.open_since.take() {
            let length = self.last.saturating_sub(since).max(0);
            self.closed = self.closed.saturating_add(length);
        }
    }

    /// Seconds used up to `now_ms`.
    pub fn spent_s(&self, now_ms: i64) -> f64 {
        let open = self.open_since.map_or(0, |since| {
            now_ms.max(self.last).saturating_sub(since).max(0)
        });
        self.closed.saturating_add(open) as f64 / 1000.0
    }

    /// Seconds used up to the last event, without a clock.
    pub fn logged_s(&self) -> f64 {
        self.spent_s(self.last)
    }

    /// Time of the last event, milliseconds since the epoch.
    pub fn last_ms(&self) -> i64 {
        self.last
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_killed_session_ends_at_its_last_event() {
        let mut clock = SessionClock::default();
        clock.open(1_000);
        clock.tick(3_000);
        // Killed here; resumed a day later.
        clock.open(86_400_000);
        clock.tick(86_401_000);
        clock.close();
        assert!((clock.spent_s(99_999_999_999) - 3.0).abs() < 1e-9);
    }

    #[test]
    fn a_call_that_could_overrun_is_not_admitted() {
        let free = Ledger::new(None);
        let mut budget = Budget {
            experiments: free,
            usd: Ledger {
                limit: Some(1.0),
                spent: 0.5,
                reserved: 0.25,
                unsettled: 0.125,
            },
            tokens: free,
            wall_s: free,
            gpu_h: free,
        };
        let need = |usd, tokens| Amount { usd, tokens };
        assert_eq!(budget.admits(need(0.125, 9)), Admission::Now);
        assert_eq!(budget.admits(need(0.25, 9)), Admission::Later);
        assert_eq!(budget.admits(need(0.5, 9)), Admission::Never);
        budget.tokens = Ledger::new(Some(8.0));
        assert_eq!(budget.admits(need(0.0, 9)), Admission::Never);
    }

    #[test]
    fn the_forecast_goes_on_at_the_rates_so_far() {
        let free = Ledger::new(None);
        let used = |limit, spent| Ledger {
            limit,
            spent,
            ..Ledger::default()
        };
        let mut budget = Budget {
            experiments: used(Some(50.0), 5.0),
            usd: Ledger {
                unsettled: 0.5,
                ..used(Some(4.0), 0.5)
            },
            tokens: used(None, 1_000.0),
            wall_s: used(Some(3600.0), 100.0),
            gpu_h: free,
        };
        // A dollar in 100 s: the other three last 300 s.
        let forecast = budget.forecast().expect("long enough");
        assert_eq!(forecast.first, Some("usd"));
        assert!((forecast.seconds_left.expect("a limit") - 300.0).abs() < 1e-9);
        assert!((forecast.usd.expect("used") - 4.0).abs() < 1e-9);
        assert!((forecast.tokens.expect("used") - 4_000.0).abs() < 1e-9);
        assert!((forecast.experiments.expect("used") - 20.0).abs() < 1e-9);
        budget.wall_s.spent = 1.0;
        assert_eq!(budget.forecast(), None);
        budget.wall_s.spent = 100.0;
        for ledger in [&mut budget.experiments, &mut budget.usd, &mut budget.wall_s] {
            ledger.limit = None;
        }
        let forecast = budget.forecast().expect("long enough");
        assert_eq!((forecast.first, forecast.seconds_left), (None, None));
    }

    #[test]
    fn nothing_left_is_not_negative() {
        let ledger = Ledger {
            limit: Some(1.0),
            spent: 2.0,
            ..Ledger::default()
        };
        assert!(ledger.left().abs() < 1e-12);
        assert!(ledger.is_spent());
        assert!(Ledger::new(None).left().is_infinite());
    }
}
