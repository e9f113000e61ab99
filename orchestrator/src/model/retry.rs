//! When a failed call is made again: exponential back-off with full jitter,
//! never before the provider's `Retry-After`, never beyond a total time or a
//! number of attempts. Time and chance come from outside.

use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::time::{Duration, Instant, SystemTime};

use super::failure::{Attempt, Billing, ModelError, Reaction, TurnFailure};

/// How often and how long.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RetryPolicy {
    /// Most attempts, the first included.
    pub attempts: u32,
    /// Longest pause after the first failure; it doubles with each further one.
    pub base: Duration,
    /// Longest pause of all, unless the provider asks for a longer one.
    pub cap: Duration,
    /// No attempt starts later than this after the first.
    pub total: Duration,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self {
            attempts: 8,
            base: Duration::from_secs(1),
            cap: Duration::from_mins(1),
            total: Duration::from_mins(15),
        }
    }
}

/// Time, as the policy sees it.
pub trait Clock: Send + Sync + fmt::Debug {
    /// Time since some fixed moment.
    fn now(&self) -> Duration;
    /// The time of day, for dates in headers.
    fn wall(&self) -> SystemTime;
    /// Lets time go by.
    fn sleep(&self, time: Duration);
}

/// Chance, as the policy sees it.
pub trait Jitter: Send + Sync + fmt::Debug {
    /// A number from 0 to 1.
    fn draw(&self) -> f64;
}

/// The machine's clock.
#[derive(Clone, Copy, Debug)]
pub struct SystemClock(Instant);

impl Default for SystemClock {
    fn default() -> Self {
        Self(Instant::now())
    }
}

impl Clock for SystemClock {
    fn now(&self) -> Duration {
        self.0.elapsed()
    }

    fn wall(&self) -> SystemTime {
        SystemTime::now()
    }

    fn sleep(&self, time: Duration) {
        std::thread::sleep(time);
    }
}

/// Chance enough to keep callers apart.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemJitter;

impl Jitter for SystemJitter {
    fn draw(&self) -> f64 {
        // Every hasher has its own random keys.
        let bits = RandomState::new().hash_one(0_u8);
        (bits >> 11) as f64 / (1_u64 << 53) as f64
    }
}

impl RetryPolicy {
    /// How long to wait after the `failed`-th failure in a row, `spent` after
    /// the first attempt began; none if there is to be no other attempt.
    pub fn pause(
        &self,
        failed: u32,
        spent: Duration,
        error: &ModelError,
        jitter: &dyn Jitter,
    ) -> Option<Duration> {
        if error.reaction() != Reaction::Retry || failed >= self.attempts {
            return None;
        }
        let doubled = 2_u32.saturating_pow(failed.saturating_sub(1));
        let longest = self.base.saturating_mul(doubled).min(self.cap);
        let drawn = longest.mul_f64(jitter.draw().clamp(0.0, 1.0));
        // The provider's word is a minimum; the jitter on top of it keeps all
        // who were told the same from coming back at once.
        let pause = error
            .retry_after()
            .map_or(drawn, |after| after.saturating_add(drawn.min(self.base)));
        (spent.saturating_add(pause) <= self.total).then_some(pause)
    }

    /// Makes attempts until one succeeds or there is to be no other. Gives the
    /// failed ones along with the result. After one that may have been billed
    /// `permit` decides whether another can be paid for.
    pub fn run<T>(
        &self,
        clock: &dyn Clock,
        jitter: &dyn Jitter,
        permit: &mut dyn FnMut(&Attempt) -> bool,
        mut attempt: impl FnMut() -> Result<T, Attempt>,
    ) -> Result<(T, Vec<Attempt>), TurnFailure> {
        let start = clock.now();
        let mut attempts: Vec<Attempt> = Vec::new();
        loop {
            let failed = match attempt() {
                Ok(done) => return Ok((done, attempts)),
                Err(failed) => failed,
            };
            let error = failed.error.clone();
            let permitted = failed.billing == Billing::Nothing || permit(&failed);
            attempts.push(failed);
            let spent = clock.now().saturating_sub(start);
            match self.pause(attempts.len() as u32, spent, &error, jitter) {
                Some(pause) if permitted => clock.sleep(pause),
                Some(_) | None => return Err(TurnFailure { error, attempts }),
            }
        }
    }
}

/// Reads a `Retry-After` header: seconds, or a date.
pub fn retry_after(header: &str, now: SystemTime) -> Option<Duration> {
    let header = header.trim();
    if let Ok(seconds) = header.parse::<f64>() {
        return (seconds >= 0.0)
            .then(|| Duration::try_from_secs_f64(seconds).ok())
            .flatten();
    }
    let at = jiff::fmt::rfc2822::parse(header).ok()?.timestamp();
    let at = SystemTime::try_from(at).ok()?;
    Some(at.duration_since(now).unwrap_or(Duration::ZERO))
}

impl Attempt {
    /// An attempt that cost nothing.
    pub fn free(error: ModelError) -> Self {
        Self {
            billing: Billing::Nothing,
            error,
        }
    }

    /// An attempt that may have cost something.
    pub fn unknown(error: ModelError) -> Self {
        Self {
            billing: Billing::Unknown,
            error,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    /// Time goes by in sleeps alone.
    #[derive(Debug, Default)]
    struct Fake(Mutex<Vec<Duration>>);

    impl Clock for Fake {
        fn now(&self) -> Duration {
            self.0.lock().unwrap().iter().sum()
        }
        fn wall(&self) -> SystemTime {
            SystemTime::UNIX_EPOCH
        }
        fn sleep(&self, time: Duration) {
            self.0.lock().unwrap().push(time);
        }
    }

    #[derive(Debug)]
    struct Always(f64);

    impl Jitter for Always {
        fn draw(&self) -> f64 {
            self.0
        }
    }

    fn overloaded(retry_after: Option<u64>) -> ModelError {
        ModelError::Overloaded {
            detail: String::new(),
            retry_after: retry_after.map(Duration::from_secs),
        }
    }

    fn pauses(policy: RetryPolicy, jitter: f64, error: &ModelError) -> Vec<u64> {
        let clock = Fake::default();
        let failure = policy
            .run(&clock, &Always(jitter), &mut |_| true, || {
                Err::<(), _>(Attempt::unknown(error.clone()))
            })
            .unwrap_err();
        let pauses = clock.0.into_inner().unwrap();
        assert_eq!(failure.attempts.len(), pauses.len() + 1);
        pauses.iter().map(|p| p.as_millis() as u64).collect()
    }

    #[test]
    fn pauses_double_up_to_a_cap_and_attempts_are_counted() {
        let policy = RetryPolicy {
            cap: Duration::from_secs(10),
            ..RetryPolicy::default()
        };
        let expected = [1_000, 2_000, 4_000, 8_000, 10_000, 10_000, 10_000];
        assert_eq!(pauses(policy, 1.0, &overloaded(None)), expected);
        assert_eq!(pauses(policy, 0.0, &overloaded(None)), [0; 7]);
        assert_eq!(pauses(policy, 0.5, &overloaded(None))[..2], [500, 1_000]);
    }

    #[test]
    fn retry_after_is_a_minimum_and_the_total_a_maximum() {
        let policy = RetryPolicy::default();
        let told = pauses(policy, 1.0, &overloaded(Some(120)));
        assert!(told.iter().all(|pause| *pause == 121_000), "{told:?}");
        // 7 × 121 s would be 847 s; with 200 s each only four fit into 900 s.
        assert_eq!(pauses(policy, 0.0, &overloaded(Some(200))).len(), 4);
        // Not worth waiting for.
        assert!(pauses(policy, 0.0, &overloaded(Some(3_600))).is_empty());
    }

    #[test]
    fn what_can_not_succeed_is_not_tried_again() {
        let detail = String::new();
        for error in [
            ModelError::Auth {
                detail: detail.clone(),
            },
            ModelError::Quota {
                detail: detail.clone(),
            },
            ModelError::BadRequest {
                detail: detail.clone(),
            },
            ModelError::ContextOverflow {
                detail: detail.clone(),
            },
            ModelError::ContentFilter { detail },
        ] {
            assert!(
                pauses(RetryPolicy::default(), 1.0, &error).is_empty(),
                "{error}"
            );
        }
    }

    #[test]
    fn failed_attempts_come_with_the_success() {
        let mut left = 2;
        let (done, attempts) = RetryPolicy::default()
            .run(&Fake::default(), &Always(0.5), &mut |_| true, || {
                if left == 0 {
                    return Ok(7);
                }
                left -= 1;
                Err(Attempt::free(overloaded(None)))
            })
            .unwrap();
        assert_eq!(done, 7);
        assert_eq!(attempts.len(), 2);
    }

    #[test]
    fn what_may_have_been_billed_is_not_followed_by_what_can_not_be_paid_for() {
        let mut asked = 0;
        let mut made = 0;
        let failure = RetryPolicy::default()
            .run(
                &Fake::default(),
                &Always(0.0),
                &mut |_| {
                    asked += 1;
                    asked < 2
                },
                || {
                    made += 1;
                    Err::<(), _>(match made {
                        1 | 3 => Attempt::free(overloaded(None)),
                        _ => Attempt::unknown(overloaded(None)),
                    })
                },
            )
            .unwrap_err();
        // Free, billed and permitted, free, billed and refused.
        assert_eq!((made, asked), (4, 2));
        assert_eq!(failure.attempts.len(), 4);
    }

    #[test]
    fn headers_hold_seconds_or_a_date() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_777);
        let read = |text| retry_after(text, now);
        assert_eq!(read("12"), Some(Duration::from_secs(12)));
        assert_eq!(read(" 0.5 "), Some(Duration::from_millis(500)));
        assert_eq!(
            read("Sun, 06 Nov 1994 08:50:37 GMT"),
            Some(Duration::from_mins(1))
        );
        assert_eq!(read("Sun, 06 Nov 1994 08:00:00 GMT"), Some(Duration::ZERO));
        for nonsense in ["", "soon", "-1", "NaN", "inf"] {
            assert_eq!(read(nonsense), None, "{nonsense}");
        }
    }

    #[test]
    fn the_machines_chance_is_a_number_from_0_to_1() {
        let drawn: Vec<f64> = (0..100).map(|_| SystemJitter.draw()).collect();
        assert!(drawn.iter().all(|d| (0.0..1.0).contains(d)));
        assert!(drawn.iter().any(|d| (d - drawn[0]).abs() > 0.0));
    }
}
