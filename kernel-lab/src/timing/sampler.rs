//! Interleaved sampling of several contestants, and when to stop.
//!
//! Every round gives each contestant one timed call, in an order drawn anew,
//! on inputs that are fresh in that round. Comparisons are made within
//! rounds, so what drifts over seconds (clocks, neighbours) hits both sides.
//! A round in which a contestant's threads had to wait for a processor is
//! dropped whole, unless the machine is so busy that there are hardly others:
//! then the least disturbed ones count, and the result says so.

use std::time::{Duration, Instant};

use stats::Rng;

use super::contention;

/// One timed call.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Timed {
    /// Time on the harness's clock, in nanoseconds.
    pub elapsed_ns: f64,
    /// Time that the call's threads waited for a processor, in nanoseconds.
    pub delay_ns: f64,
}

impl Timed {
    /// The same time, marked as one that says nothing.
    pub(crate) fn disturbed(self) -> Self {
        Self {
            delay_ns: self.elapsed_ns.max(self.delay_ns),
            ..self
        }
    }
}

/// What a sampling session is made of.
pub trait Rounds {
    /// How a session ends early.
    type Halt;

    /// Makes inputs for a round; off the clock.
    fn prepare(&mut self, round: usize) -> Result<(), Self::Halt>;

    /// Whether a contestant takes part in this round.
    fn takes_part(&self, contestant: usize, round: usize) -> bool;

    /// One timed call of one contestant.
    fn call(&mut self, contestant: usize, round: usize) -> Result<Timed, Self::Halt>;

    /// Looks at the outputs of a round; off the clock.
    fn finish(&mut self, round: usize) -> Result<(), Self::Halt>;
}

/// When to stop.
#[derive(Clone, Copy, Debug)]
pub struct Policy {
    /// Rounds at the beginning that are not recorded.
    pub warm_up: usize,
    /// Fewest recorded rounds.
    pub min_rounds: usize,
    /// Most recorded rounds.
    pub max_rounds: usize,
    /// Longest session; it is exceeded only to reach `min_rounds`.
    pub max_time: Duration,
    /// Session after which disturbed rounds are made do with, if there are
    /// too few others.
    pub patience: Duration,
    /// Longest session whatever else.
    pub hard_time: Duration,
    /// Relative half-width of the ratio's 95% interval that is narrow enough.
    pub half_width: f64,
}

/// What was sampled.
#[derive(Clone, Debug, Default)]
pub struct Samples {
    /// Per recorded and clean round, per contestant: nanoseconds, absent
    /// where it did not take part.
    pub rounds: Vec<Vec<Option<f64>>>,
    /// Rounds that were dropped for foreign load.
    pub contaminated: usize,
    /// Rounds among `rounds` that were disturbed, but less than others.
    pub disturbed: usize,
    /// Ticks of 10 ms that a hypervisor took during the session.
    pub steal_ticks: u64,
    /// Length of the session, in seconds.
    pub elapsed_s: f64,
}

impl Samples {
    /// Times of one contestant in nanoseconds, in order.
    pub fn of(&self, contestant: usize) -> Vec<f64> {
        self.rounds
            .iter()
            .filter_map(|round| round.get(contestant).copied().flatten())
            .collect()
    }

    /// Takes `ns` off every time of one contestant.
    pub fn subtract(&mut self, contestant: usize, ns: f64) {
        for round in &mut self.rounds {
            if let Some(Some(time)) = round.get_mut(contestant) {
                *time = (*time - ns).max(0.0);
            }
        }
    }

    /// Times of two contestants in the rounds that both took part in.
    pub fn pairs(&self, a: usize, b: usize) -> (Vec<f64>, Vec<f64>) {
        self.rounds
            .iter()
            .filter_map(|round| {
                let left = round.get(a).copied().flatten()?;
                let right = round.get(b).copied().flatten()?;
                Some((left, right))
            })
            .unzip()
    }
}

/// A round in which somebody waited for a processor.
struct Disturbed {
    /// Largest share of a call that its threads waited.
    waited_share: f64,
    times: Vec<Option<f64>>,
}

/// Share of a call beyond which a disturbed round says nothing.
const MAX_WAITED_SHARE: f64 = 0.3;
/// Rounds between two looks at the stopping rule.
const LOOK_EVERY: usize = 4;

/// Runs a session of `contestants`, the first of which is the candidate.
pub fn sample<R: Rounds>(
    session: &mut R,
    contestants: usize,
    policy: &Policy,
    rng: &mut Rng,
) -> Result<Samples, R::Halt> {
    let start = Instant::now();
    let steal_before = contention::steal_ticks();
    let mut samples = Samples::default();
    let mut disturbed: Vec<Disturbed> = Vec::new();
    let mut order: Vec<usize> = (0..contestants).collect();
    for round in 0.. {
        session.prepare(round)?;
        rng.shuffle(&mut order);
        let mut times = vec![None; contestants];
        let mut clean = true;
        let mut waited_share: f64 = 0.0;
        for &contestant in &order {
            if !session.takes_part(contestant, round) {
                continue;
            }
            let timed = session.call(contestant, round)?;
            clean &= !contention::is_contaminated(timed.elapsed_ns, timed.delay_ns);
            let share = contention::waited_share(timed.elapsed_ns, timed.delay_ns);
            waited_share = waited_share.max(share);
            times[contestant] = Some(timed.elapsed_ns);
        }
        session.finish(round)?;
        if round < policy.warm_up {
            continue;
        }
        if clean {
            samples.rounds.push(times);
        } else {
            disturbed.push(Disturbed {
                waited_share,
                times,
            });
        }
        let elapsed = start.elapsed();
        if is_enough(&samples, contestants, policy, elapsed)
            || (elapsed >= policy.patience
                && samples.rounds.len() + usable(&disturbed) >= policy.min_rounds)
        {
            break;
        }
    }
    samples.contaminated = disturbed.len();
    if samples.rounds.len() < policy.min_rounds {
        let kept = disturbed
            .into_iter()
            .filter(|round| round.waited_share <= MAX_WAITED_SHARE)
            .map(|round| round.times);
        let clean = samples.rounds.len();
        samples.rounds.extend(kept);
        samples.disturbed = samples.rounds.len() - clean;
        samples.contaminated -= samples.disturbed;
    }
    samples.steal_ticks = contention::steal_ticks().saturating_sub(steal_before);
    samples.elapsed_s = start.elapsed().as_secs_f64();
    Ok(samples)
}

fn usable(disturbed: &[Disturbed]) -> usize {
    disturbed
        .iter()
        .filter(|round| round.waited_share <= MAX_WAITED_SHARE)
        .count()
}

fn is_enough(samples: &Samples, contestants: usize, policy: &Policy, elapsed: Duration) -> bool {
    let n = samples.rounds.len();
    if elapsed >= policy.hard_time || n >= policy.max_rounds {
        return true;
    }
    if n < policy.min_rounds {
        return false;
    }
    if elapsed >= policy.max_time {
        return true;
    }
    n.is_multiple_of(LOOK_EVERY)
        && (1..contestants).all(|other| {
            let (candidate, baseline) = samples.pairs(0, other);
            // A contestant that has left the race doesn't hold it up.
            candidate.len() < n
                || stats::quick_half_width(&baseline, &candidate, n as u64)
                    .is_some_and(|half_width| half_width <= policy.half_width)
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Contestants with fixed times; every fifth round is disturbed.
    struct Fixed {
        calls: Vec<(usize, usize)>,
        disturb: bool,
    }

    impl Rounds for Fixed {
        type Halt = String;

        fn prepare(&mut self, _round: usize) -> Result<(), String> {
            Ok(())
        }

        fn takes_part(&self, contestant: usize, round: usize) -> bool {
            contestant < 2 || round < 3
        }

        fn call(&mut self, contestant: usize, round: usize) -> Result<Timed, String> {
            self.calls.push((round, contestant));
            let delay_ns = if self.disturb && round.is_multiple_of(5) {
                1e9
            } else {
                0.0
            };
            Ok(Timed {
                elapsed_ns: 1e6 * (contestant + 1) as f64,
                delay_ns,
            })
        }

        fn finish(&mut self, _round: usize) -> Result<(), String> {
            Ok(())
        }
    }

    fn policy() -> Policy {
        Policy {
            warm_up: 2,
            min_rounds: 8,
            max_rounds: 100,
            max_time: Duration::from_mins(1),
            patience: Duration::from_mins(1),
            hard_time: Duration::from_mins(1),
            half_width: 0.02,
        }
    }

    #[test]
    fn steady_contestants_stop_at_the_first_look() {
        let mut session = Fixed {
            calls: Vec::new(),
            disturb: false,
        };
        let samples = sample(&mut session, 3, &policy(), &mut Rng::new(1)).unwrap();
        assert_eq!(samples.rounds.len(), 8);
        assert_eq!(samples.of(1), vec![2e6; 8]);
        assert_eq!(samples.of(2).len(), 1, "left after round 2, warm-up 2");
        assert_eq!(samples.contaminated, 0);
    }

    #[test]
    fn disturbed_rounds_are_dropped_and_counted() {
        let mut session = Fixed {
            calls: Vec::new(),
            disturb: true,
        };
        let samples = sample(&mut session, 2, &policy(), &mut Rng::new(1)).unwrap();
        assert_eq!(samples.rounds.len(), 8);
        assert_eq!(samples.contaminated, 2, "rounds 5 and 10; 0 is warm-up");
    }

    /// Every call waits for a fifth of its time, the last rounds for longer.
    struct Busy;

    impl Rounds for Busy {
        type Halt = String;

        fn prepare(&mut self, _round: usize) -> Result<(), String> {
            Ok(())
        }

        fn takes_part(&self, _contestant: usize, _round: usize) -> bool {
            true
        }

        fn call(&mut self, _contestant: usize, round: usize) -> Result<Timed, String> {
            Ok(Timed {
                elapsed_ns: 1e7,
                delay_ns: if round < 12 { 2e6 } else { 5e6 },
            })
        }

        fn finish(&mut self, _round: usize) -> Result<(), String> {
            Ok(())
        }
    }

    #[test]
    fn on_a_busy_machine_the_least_disturbed_rounds_count_and_are_counted() {
        let impatient = Policy {
            patience: Duration::ZERO,
            hard_time: Duration::from_mins(1),
            ..policy()
        };
        let samples = sample(&mut Busy, 2, &impatient, &mut Rng::new(1)).unwrap();
        assert_eq!((samples.rounds.len(), samples.disturbed), (8, 8));
        assert_eq!(samples.contaminated, 0);
        // Never enough of them: what there is is taken when time is up.
        let long = Policy {
            min_rounds: 20,
            patience: Duration::ZERO,
            hard_time: Duration::from_millis(1),
            ..policy()
        };
        let samples = sample(&mut Busy, 2, &long, &mut Rng::new(1)).unwrap();
        assert!(
            samples.disturbed <= 10,
            "those that waited for half are out"
        );
    }

    #[test]
    fn the_order_changes_between_rounds() {
        let mut session = Fixed {
            calls: Vec::new(),
            disturb: false,
        };
        let long = Policy {
            min_rounds: 40,
            ..policy()
        };
        sample(&mut session, 2, &long, &mut Rng::new(7)).unwrap();
        let first = session.calls.chunks(2).skip(2).map(|pair| pair[0].1);
        let ones = first.filter(|&contestant| contestant == 1).count();
        assert!((8..=34).contains(&ones), "{ones} of 40");
    }
}
