//! Sides that are timed against each other, in blocks.
//!
//! A GPU's clock follows its load with some delay, so that a call by itself says little: a side
//! has the device for a block of calls that brings clocks up first. Sides take turns in an order
//! that is drawn anew for each round, on values that are fresh in that round, and one round gives
//! one number of each side: samples of a block have a clock and a temperature in common, and are
//! not counted as if they had not.

use std::time::{Duration, Instant};

use kernel_cuda::wire::{Block, Sample, Work};
use stats::Rng;

use crate::error::HarnessError;
use crate::evaluate::trial::Halt;
use crate::timing::sampler::Samples;

/// By how much a GPU's event may be above the wall clock around it: half the step of an event's
/// clock at each end, and how well two clocks agree.
const STEP_NS: f64 = 1000.0;
const AGREEMENT: f64 = 1e-3;
/// The slot of the calls that bring clocks up. What they leave in its outputs is the answer, so
/// that no call on it counts.
pub(super) const WARM_SLOT: usize = 0;

/// What takes part, and what it works on.
pub(super) trait Field {
    /// How many sides there are; the first is the candidate.
    fn sides(&self) -> usize;

    /// Gives every side fresh values in these slots, and wrong outputs.
    fn fresh(&mut self, slots: &[usize]) -> Result<(), Halt>;

    /// A block of calls of one side.
    fn block(&mut self, side: usize, block: &Block) -> Result<Vec<Sample>, Halt>;

    /// Looks at what the candidate made of these slots; off the clock.
    fn look(&mut self, slots: &[usize]) -> Result<(), Halt>;
}

/// How it is done.
#[derive(Clone, Debug)]
pub(super) struct Rules {
    /// What a call is.
    pub(super) work: Work,
    /// Calls of a block that are recorded; the first of them is dropped.
    pub(super) slots: Vec<usize>,
    /// How long clocks are brought up, in milliseconds.
    pub(super) warm_ms: f64,
    /// Whether caches are emptied before each call.
    pub(super) flush: bool,
    /// Longest call.
    pub(super) limit: Duration,
    /// Fewest and most rounds.
    pub(super) rounds: std::ops::RangeInclusive<usize>,
    /// Time after which there are no more than the fewest.
    pub(super) most_time: Duration,
    /// Relative half width of the interval at which it is known well enough.
    pub(super) half_width: f64,
}

/// One side's part of a round.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Part {
    /// Which side.
    pub(super) side: usize,
    /// Its samples in their order; the first counts for nothing.
    pub(super) samples: Vec<Sample>,
}

impl Part {
    /// What counts.
    pub(super) fn counted(&self) -> &[Sample] {
        self.samples.get(1..).unwrap_or_default()
    }

    /// Median time of what counts, in nanoseconds.
    fn median_ns(&self) -> Option<f64> {
        let times: Vec<f64> = self
            .counted()
            .iter()
            .map(|sample| sample.event_ns)
            .collect();
        stats::median(&times)
    }
}

/// Rounds: the parts of each in the order in which they were played.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Rounds(pub(super) Vec<Vec<Part>>);

impl Rounds {
    /// What counts of a side.
    pub(super) fn of(&self, side: usize) -> impl Iterator<Item = &Sample> {
        let parts = self.0.iter().flatten();
        parts
            .filter(move |part| part.side == side)
            .flat_map(Part::counted)
    }

    /// One time of each side and round: the median of its block.
    pub(super) fn medians(&self, sides: usize) -> Samples {
        let times = |round: &Vec<Part>| {
            let mut times = vec![None; sides];
            for part in round {
                if let Some(time) = times.get_mut(part.side) {
                    *time = part.median_ns();
                }
            }
            times
        };
        Samples {
            rounds: self.0.iter().map(times).collect(),
            ..Samples::default()
        }
    }
}

/// Plays rounds until it is known which side is how much faster, or time is up.
pub(super) fn duel(field: &mut dyn Field, rules: &Rules, rng: &mut Rng) -> Result<Rounds, Halt> {
    let since = Instant::now();
    let mut rounds = Rounds::default();
    let mut order: Vec<usize> = (0..field.sides()).collect();
    let block = Block {
        work: rules.work,
        warm: vec![WARM_SLOT],
        warm_ms: rules.warm_ms,
        counted: rules.slots.clone(),
        flush: rules.flush,
        limit_ms: rules.limit.as_secs_f64() * 1e3,
    };
    loop {
        let played = rounds.0.len();
        if played >= *rules.rounds.end() {
            return Ok(rounds);
        }
        let enough = played >= *rules.rounds.start();
        if enough && (since.elapsed() > rules.most_time || known(&rounds, field.sides(), rules)) {
            return Ok(rounds);
        }
        field.fresh(&rules.slots)?;
        rng.shuffle(&mut order);
        let mut parts = Vec::with_capacity(order.len());
        for &side in &order {
            let samples = field.block(side, &block)?;
            check(&samples, &block)?;
            parts.push(Part { side, samples });
        }
        field.look(&rules.slots)?;
        rounds.0.push(parts);
    }
}

/// Whether the interval of the first side against the fastest other is narrow enough.
fn known(rounds: &Rounds, sides: usize, rules: &Rules) -> bool {
    let samples = rounds.medians(sides);
    let median = |side: usize| stats::median(&samples.of(side)).unwrap_or(f64::INFINITY);
    let fastest = (1..sides).min_by(|&one, &other| median(one).total_cmp(&median(other)));
    let width = fastest.and_then(|fastest| {
        let (own, other) = samples.pairs(0, fastest);
        stats::quick_half_width(&other, &own, rounds.0.len() as u64)
    });
    width.is_some_and(|width| width <= rules.half_width)
}

/// Refuses samples that are not those of the block, or that no clock can have shown.
fn check(samples: &[Sample], block: &Block) -> Result<(), HarnessError> {
    let problem = |problem: String| HarnessError::Runner {
        doing: "time calls",
        problem,
    };
    let slots = samples.iter().map(|sample| sample.slot);
    if !slots.eq(block.counted.iter().copied()) {
        return Err(problem(format!(
            "{} samples came of {} calls, or others than were asked for",
            samples.len(),
            block.counted.len()
        )));
    }
    for sample in samples {
        let (event_ns, wall_ns) = (sample.event_ns, sample.wall_ns);
        if !(event_ns.is_finite() && event_ns > 0.0 && wall_ns.is_finite()) {
            return Err(problem(format!("{event_ns} ns is no time of a call")));
        }
        if event_ns > wall_ns * (1.0 + AGREEMENT) + STEP_NS {
            return Err(problem(format!(
                "a call took {event_ns:.0} ns by the GPU's clock and {wall_ns:.0} ns by the host's \
                 around it: one of the clocks is wrong, and no time of this machine means anything"
            )));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// Sides with times of their own, and a record of what was asked for.
    struct Recorded {
        /// Nanoseconds of each side.
        times: Vec<f64>,
        rng: Rng,
        /// How much longer the first sample of a block is.
        first: f64,
        /// What is added to the wall clock.
        wall: f64,
        order: Vec<usize>,
        /// The round's number that lies in each slot.
        values: [usize; 8],
        rounds: usize,
        looked: usize,
    }

    impl Recorded {
        fn new(times: &[f64]) -> Self {
            Self {
                times: times.to_vec(),
                rng: Rng::new(5),
                first: 3.0,
                wall: 5000.0,
                order: Vec::new(),
                values: [0; 8],
                rounds: 0,
                looked: 0,
            }
        }
    }

    impl Field for Recorded {
        fn sides(&self) -> usize {
            self.times.len()
        }

        fn fresh(&mut self, slots: &[usize]) -> Result<(), Halt> {
            self.rounds += 1;
            for &slot in slots {
                self.values[slot] = self.rounds;
            }
            Ok(())
        }

        fn block(&mut self, side: usize, block: &Block) -> Result<Vec<Sample>, Halt> {
            assert!(!block.counted.contains(&WARM_SLOT), "{block:?}");
            assert_eq!(block.warm, [WARM_SLOT]);
            assert!(block.warm_ms >= 50.0 && block.flush);
            self.order.push(side);
            let drift = 1.0 + 0.1 * self.rng.uniform();
            let samples = block.counted.iter().enumerate().map(|(at, &slot)| {
                assert_eq!(self.values[slot], self.rounds, "values of an earlier round");
                let noise = 1.0 + 0.002 * self.rng.normal();
                let first = if at == 0 { self.first } else { 1.0 };
                let event_ns = self.times[side] * drift * noise * first;
                Sample {
                    slot,
                    event_ns,
                    wall_ns: event_ns + self.wall,
                    clocks: None,
                }
            });
            Ok(samples.collect())
        }

        fn look(&mut self, slots: &[usize]) -> Result<(), Halt> {
            self.looked += slots.len();
            Ok(())
        }
    }

    fn rules() -> Rules {
        Rules {
            work: Work::Plan,
            slots: vec![1, 2, 3, 4],
            warm_ms: 50.0,
            flush: true,
            limit: Duration::from_secs(1),
            rounds: 6..=40,
            most_time: Duration::from_hours(1),
            half_width: 0.0,
        }
    }

    #[test]
    fn sides_alternate_in_any_order_on_fresh_values() {
        let mut field = Recorded::new(&[1e5, 2e5, 3e5]);
        let rounds = duel(&mut field, &rules(), &mut Rng::new(1)).expect("a duel");
        assert_eq!(rounds.0.len(), 40);
        assert_eq!((field.rounds, field.looked), (40, 160));
        let mut orders = BTreeSet::new();
        for turn in field.order.chunks(3) {
            let all: BTreeSet<usize> = turn.iter().copied().collect();
            assert_eq!(all.len(), 3, "every side once: {turn:?}");
            orders.insert(turn.to_vec());
        }
        assert_eq!(orders.len(), 6, "every order comes up in forty rounds");
    }

    #[test]
    fn the_first_call_of_a_block_counts_for_nothing() {
        let mut field = Recorded::new(&[1e5, 2e5]);
        field.first = 1000.0;
        let rounds = duel(&mut field, &rules(), &mut Rng::new(1)).expect("a duel");
        assert_eq!(rounds.of(0).count(), 40 * 3);
        assert!(
            rounds
                .of(0)
                .all(|sample| sample.event_ns < 2e5 && sample.slot != 1)
        );
        let samples = rounds.medians(2);
        assert!(samples.of(1).iter().all(|time| *time < 4e5));
    }

    #[test]
    fn the_ratio_is_what_a_plain_calculation_gives() {
        let mut field = Recorded::new(&[1e5, 2.5e5]);
        let rounds = duel(&mut field, &rules(), &mut Rng::new(1)).expect("a duel");
        // By hand: of each block the median of the second to the fourth time.
        let mut blocks = [Vec::new(), Vec::new()];
        for part in rounds.0.iter().flatten() {
            let mut times: Vec<f64> = part.samples.iter().map(|sample| sample.event_ns).collect();
            times.remove(0);
            times.sort_by(f64::total_cmp);
            blocks[part.side].push(times[1]);
        }
        let middle = |times: &[f64]| {
            let mut sorted = times.to_vec();
            sorted.sort_by(f64::total_cmp);
            f64::midpoint(sorted[19], sorted[20])
        };
        let plain = middle(&blocks[1]) / middle(&blocks[0]);
        let figures = crate::evaluate::figures(&rounds.medians(2), 7).expect("figures");
        let speedup = &figures.metrics["speedup"];
        assert!((speedup.value - plain).abs() < 1e-9 * plain, "{speedup:?}");
        let ci = speedup.ci.expect("an interval");
        assert!(ci.0 < plain && plain < ci.1, "{ci:?}");
        // The times wander by 10 %, so a fortieth part of the truth is what can be asked for.
        assert!(ci.0 < 2.55 && ci.1 > 2.45, "{ci:?}");
        assert_eq!(speedup.n, 40, "a block is one number");
    }

    #[test]
    fn it_is_over_when_enough_is_known() {
        let mut field = Recorded::new(&[1e5, 2e5]);
        let wide = Rules {
            half_width: 0.5,
            ..rules()
        };
        let rounds = duel(&mut field, &wide, &mut Rng::new(1)).expect("a duel");
        assert_eq!(rounds.0.len(), 6);
        let late = Rules {
            most_time: Duration::ZERO,
            ..rules()
        };
        let rounds = duel(&mut field, &late, &mut Rng::new(1)).expect("a duel");
        assert_eq!(rounds.0.len(), 6);
    }

    #[test]
    fn a_call_that_is_longer_than_the_world_around_it_is_a_fault() {
        let mut field = Recorded::new(&[1e6, 2e6]);
        field.wall = -2000.0;
        let halt = duel(&mut field, &rules(), &mut Rng::new(1)).expect_err("clocks that differ");
        let Halt::Harness(error) = halt else {
            panic!("{halt:?}")
        };
        assert!(
            error.to_string().contains("one of the clocks is wrong"),
            "{error}"
        );
        // The step of an event's clock is none.
        field.wall = -500.0;
        duel(&mut field, &rules(), &mut Rng::new(1)).expect("a duel");
    }

    #[test]
    fn samples_of_other_calls_are_refused() {
        let block = Block {
            work: Work::Plan,
            warm: vec![WARM_SLOT],
            warm_ms: 50.0,
            counted: vec![1, 2],
            flush: true,
            limit_ms: 1.0,
        };
        let sample = |slot, event_ns| Sample {
            slot,
            event_ns,
            wall_ns: 1e9,
            clocks: None,
        };
        check(&[sample(1, 1.0), sample(2, 1.0)], &block).expect("its own");
        for samples in [
            vec![sample(1, 1.0)],
            vec![sample(2, 1.0), sample(1, 1.0)],
            vec![sample(1, 1.0), sample(2, 0.0)],
            vec![sample(1, f64::NAN), sample(2, 1.0)],
        ] {
            check(&samples, &block).expect_err("not those of the block");
        }
    }
}
