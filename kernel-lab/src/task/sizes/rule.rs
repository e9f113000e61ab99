//! The rule that makes a task of any size small enough for this machine.
//!
//! 1. Only integers that the module writes out count, also in tuples; what it
//!    computes from them follows. One assignment to several names is one
//!    integer. A name with `kernel` in it is none.
//! 2. In turn: the one that has been halved least often, of those the largest, of
//!    equal ones the first. It is rounded down; none below [`SMALLEST`] is halved.
//!    So a task keeps its proportions.
//! 3. A step must leave a model that runs, with outputs, and make inputs and
//!    parameters smaller; what strides, paddings, flags or group counts do when
//!    they are halved is one or the other. If it does not, all integers
//!    of that value are halved together; if that does not either, the integer
//!    stays as it is for good.
//! 4. This goes on while [`Limits`] says that a call can't be fast enough, which
//!    takes shapes alone, and then while the fastest of a few eager calls takes
//!    longer than [`Limits::eager_ms`].

/// Integers below this stay: channels of pictures, windows, dimensions.
pub const SMALLEST: i64 = 16;

/// Changes with the rule, so that what was chosen by another one is forgotten.
pub const VERSION: u32 = 1;

/// An integer of a module.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Constant {
    /// Its names.
    pub names: Vec<String>,
    /// Its value.
    pub value: i64,
}

/// What one call takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Takes {
    /// Bytes of inputs and parameters.
    pub given_bytes: u64,
    /// Bytes of the outputs.
    pub returned_bytes: u64,
    /// Floating-point operations of products and convolutions.
    pub flops: u64,
    /// Bytes of inputs and parameters if every input had one row.
    pub row_bytes: u64,
}

/// What is small enough.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Limits {
    /// Bytes of inputs, parameters and outputs beyond which nothing is tried.
    pub bytes: u64,
    /// Floating-point operations beyond which nothing is tried.
    pub flops: u64,
    /// Longest eager call, in milliseconds.
    pub eager_ms: f64,
}

impl Limits {
    /// For a machine with this many cores. No core does 10^10 float32 operations
    /// in 30 ms (two 16-wide multiply-adds per cycle at 4.5 GHz are
    /// 8.6 · 10^9), so what is beyond need not be tried; nor does 256 MiB for
    /// each, read once, leave time for anything else.
    pub fn of(cores: usize) -> Self {
        let cores = cores.max(1) as u64;
        Self {
            bytes: cores << 28,
            flops: cores * 10_000_000_000,
            eager_ms: 30.0,
        }
    }

    /// For a simulator of a GPU, which executes some 10^8 instructions of threads in a second,
    /// and is asked for a few dozen calls: a million values, and a product of about 128³.
    pub fn of_simulator() -> Self {
        Self {
            bytes: 4 << 20,
            flops: 1 << 23,
            eager_ms: f64::INFINITY,
        }
    }

    fn allow(&self, takes: Takes) -> bool {
        takes.given_bytes.saturating_add(takes.returned_bytes) <= self.bytes
            && takes.flops <= self.flops
    }
}

/// How sizes are tried out. Values are in the order of the constants.
pub trait Trial {
    /// Why a trial failed that should not.
    type Error;

    /// What a call takes, from shapes alone; `None` where these values don't go
    /// together.
    fn estimate(&mut self, values: &[i64]) -> Option<Takes>;

    /// Time of the fastest of a few eager calls, in milliseconds.
    fn eager_ms(&mut self, values: &[i64]) -> Result<f64, Self::Error>;
}

/// What came of it.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// These values are small enough, or the smallest that there are.
    Chosen {
        /// In the order of the constants.
        values: Vec<i64>,
        /// Time of an eager call, in milliseconds.
        eager_ms: f64,
    },
    /// Nothing more can be halved, and it is still too large to be tried.
    TooLarge {
        /// What it still takes.
        takes: Takes,
    },
    /// The module can't be tried out by shapes alone.
    Unknown,
}

/// Halves `constants` until a call is within `limits`.
pub fn halve<T: Trial>(
    constants: &[Constant],
    limits: Limits,
    trial: &mut T,
) -> Result<Outcome, T::Error> {
    let values: Vec<i64> = constants.iter().map(|constant| constant.value).collect();
    let Some(takes) = trial.estimate(&values) else {
        return Ok(Outcome::Unknown);
    };
    let stays = |constant: &Constant| {
        let mut names = constant.names.iter();
        names.any(|name| name.to_lowercase().contains("kernel"))
    };
    let mut state = State {
        values,
        takes,
        stays: constants.iter().map(stays).collect(),
        halvings: vec![0; constants.len()],
    };
    while !limits.allow(state.takes) {
        if !state.step(trial) {
            return Ok(Outcome::TooLarge { takes: state.takes });
        }
    }
    loop {
        let values = state.values.clone();
        let eager_ms = trial.eager_ms(&values)?;
        if eager_ms <= limits.eager_ms || !state.step(trial) {
            return Ok(Outcome::Chosen { values, eager_ms });
        }
    }
}

/// Rows below which none are taken away: two of them can differ.
const FEWEST_ROWS: i64 = 2;

/// Halves constants that change nothing but how many rows the inputs have,
/// until inputs, parameters and outputs take `bytes` at most, and products and
/// convolutions `flops`. Each row is as the module says, so what holds for one
/// holds at the module's own sizes. `None` where that is not possible.
pub fn fewer_rows<T: Trial>(
    constants: &[Constant],
    bytes: u64,
    flops: u64,
    trial: &mut T,
) -> Option<Vec<i64>> {
    let limits = Limits {
        bytes,
        flops,
        eager_ms: f64::INFINITY,
    };
    let mut values: Vec<i64> = constants.iter().map(|constant| constant.value).collect();
    let mut takes = trial.estimate(&values)?;
    while !limits.allow(takes) {
        let fewer = (0..values.len()).find_map(|next| {
            let value = values[next];
            if value < 2 * FEWEST_ROWS {
                return None;
            }
            // An integer for every input may be written out.
            let all = (0..values.len()).filter(|index| values[*index] == value);
            [vec![next], all.collect()].into_iter().find_map(|chosen| {
                let mut halved = values.clone();
                for index in chosen {
                    halved[index] = value / 2;
                }
                let found = trial.estimate(&halved)?;
                let rows_alone = found.row_bytes == takes.row_bytes
                    && found.given_bytes < takes.given_bytes
                    && found.returned_bytes > 0;
                rows_alone.then_some((halved, found))
            })
        });
        (values, takes) = fewer?;
    }
    Some(values)
}

struct State {
    values: Vec<i64>,
    takes: Takes,
    /// Which constants are no longer halved.
    stays: Vec<bool>,
    /// How often each has been halved.
    halvings: Vec<u32>,
}

impl State {
    /// One halving; `false` where none is possible.
    fn step(&mut self, trial: &mut impl Trial) -> bool {
        while let Some(next) = self.next() {
            let value = self.values[next];
            let all: Vec<usize> = (0..self.values.len())
                .filter(|index| self.values[*index] == value && !self.stays[*index])
                .collect();
            for chosen in [&[next][..], &all] {
                let mut halved = self.values.clone();
                for index in chosen {
                    halved[*index] = value / 2;
                }
                let smaller = |takes: &Takes| {
                    takes.given_bytes < self.takes.given_bytes && takes.returned_bytes > 0
                };
                if let Some(takes) = trial.estimate(&halved).filter(smaller) {
                    self.values = halved;
                    for index in chosen {
                        self.halvings[*index] += 1;
                    }
                    self.takes = takes;
                    return true;
                }
            }
            self.stays[next] = true;
        }
        false
    }

    /// The constant whose turn it is.
    fn next(&self) -> Option<usize> {
        (0..self.values.len())
            .filter(|index| !self.stays[*index] && self.values[*index] >= SMALLEST)
            .min_by_key(|index| (self.halvings[*index], -self.values[*index]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A module made of functions of its constants.
    struct Made<F: Fn(&[i64]) -> Option<Takes>> {
        takes: F,
        /// Milliseconds per byte given.
        ms_per_byte: f64,
        tried: Vec<Vec<i64>>,
    }

    impl<F: Fn(&[i64]) -> Option<Takes>> Trial for Made<F> {
        type Error = String;

        fn estimate(&mut self, values: &[i64]) -> Option<Takes> {
            (self.takes)(values)
        }

        fn eager_ms(&mut self, values: &[i64]) -> Result<f64, String> {
            self.tried.push(values.to_vec());
            let takes = self.estimate(values).ok_or("it does not run")?;
            Ok(takes.given_bytes as f64 * self.ms_per_byte)
        }
    }

    fn takes(given_bytes: i64) -> Takes {
        Takes {
            given_bytes: given_bytes.unsigned_abs(),
            returned_bytes: 4,
            flops: 0,
            row_bytes: 1,
        }
    }

    const LIMITS: Limits = Limits {
        bytes: 4100,
        flops: 1000,
        eager_ms: 30.0,
    };

    fn run(
        constants: &[(&str, i64)],
        ms_per_byte: f64,
        takes: impl Fn(&[i64]) -> Option<Takes>,
    ) -> (Outcome, Vec<Vec<i64>>) {
        let constants: Vec<Constant> = constants
            .iter()
            .map(|(names, value)| Constant {
                names: names.split(' ').map(str::to_owned).collect(),
                value: *value,
            })
            .collect();
        let mut made = Made {
            takes,
            ms_per_byte,
            tried: Vec::new(),
        };
        let outcome = halve(&constants, LIMITS, &mut made).unwrap();
        (outcome, made.tried)
    }

    fn chosen(outcome: Outcome) -> Vec<i64> {
        match outcome {
            Outcome::Chosen { values, .. } => values,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn constants_are_halved_in_turn_and_nothing_large_is_run() {
        // 4 · 64 · 1025 bytes are beyond 4100; 30 ms are 3000 bytes.
        let (outcome, tried) = run(&[("rows", 64), ("cols", 1025)], 0.01, |values| {
            Some(takes(4 * values[0] * values[1]))
        });
        // cols 512, rows 32, cols 256, rows 16, cols 128, rows 8: 4096 bytes; then cols 64, because rows stay at 8.
        assert_eq!(tried, [[8, 128], [8, 64]]);
        assert_eq!(chosen(outcome), [8, 64]);
    }

    #[test]
    fn rows_are_taken_away_and_nothing_else() {
        let fewer = |constants: &[(&str, i64)], takes: &dyn Fn(&[i64]) -> Option<Takes>| {
            let constants: Vec<Constant> = constants
                .iter()
                .map(|(name, value)| Constant {
                    names: vec![(*name).to_owned()],
                    value: *value,
                })
                .collect();
            let mut made = Made {
                takes,
                ms_per_byte: 0.0,
                tried: Vec::new(),
            };
            fewer_rows(&constants, 4100, 1000, &mut made)
        };
        // Two inputs of as many rows, each written out; columns stay.
        let rows = |values: &[i64]| {
            (values[0] == values[2]).then(|| Takes {
                row_bytes: 8 * values[1].unsigned_abs(),
                ..takes(8 * values[0] * values[1])
            })
        };
        let constants = [("rows", 64), ("cols", 101), ("shape[0]", 64)];
        assert_eq!(fewer(&constants, &rows), Some(vec![4, 101, 4]));
        // Two rows of it are too large.
        assert_eq!(
            fewer(&[("rows", 64), ("cols", 1001), ("shape[0]", 64)], &rows),
            None
        );
        // What is small enough stays.
        assert_eq!(
            fewer(&[("rows", 2), ("cols", 5), ("shape[0]", 2)], &rows),
            Some(vec![2, 5, 2])
        );
    }

    #[test]
    fn what_is_small_stays_as_it_is() {
        let (outcome, tried) = run(&[("n", 700)], 0.01, |values| Some(takes(4 * values[0])));
        assert_eq!(chosen(outcome), [700]);
        assert_eq!(tried, [[700]]);
    }

    #[test]
    fn integers_that_are_no_sizes_stay() {
        // A group count, which makes weights larger when halved; a window, which changes nothing
        // that is given; a kernel; a small one.
        let constants = [
            ("groups", 4000),
            ("window", 3000),
            ("kernel_size", 2000),
            ("channels", 15),
            ("batch", 1024),
        ];
        let (outcome, _) = run(&constants, 0.01, |values| {
            let weights = 4000 / values[0] + values[2];
            Some(takes(values[4] * values[3] * 8 + weights))
        });
        assert_eq!(chosen(outcome), [4000, 3000, 2000, 15, 8]);
    }

    #[test]
    fn a_step_that_breaks_is_undone_or_taken_together() {
        // Targets must be as many as columns.
        let equal = |values: &[i64]| (values[0] == values[1]).then(|| takes(values[0] * values[1]));
        let (outcome, _) = run(&[("batch", 512), ("shape[0]", 512)], 0.01, equal);
        assert_eq!(chosen(outcome), [32, 32]);
        // 96 channels in 48 groups can't be halved twice.
        let grouped = |values: &[i64]| (values[0] % 48 == 0).then(|| takes(values[0] * values[1]));
        let (outcome, _) = run(&[("channels", 96), ("batch", 128)], 0.01, grouped);
        assert_eq!(chosen(outcome), [48, 32]);
    }

    #[test]
    fn what_can_not_be_halved_is_refused_only_if_it_can_not_be_tried() {
        let (outcome, tried) = run(&[("n", 15)], 1.0, |_| Some(takes(5000)));
        assert_eq!(outcome, Outcome::TooLarge { takes: takes(5000) });
        assert!(tried.is_empty());
        let (outcome, _) = run(&[("n", 15)], 1.0, |_| Some(takes(40)));
        assert_eq!(
            outcome,
            Outcome::Chosen {
                values: vec![15],
                eager_ms: 40.0
            }
        );
        assert_eq!(run(&[("n", 99)], 1.0, |_| None).0, Outcome::Unknown);
    }

    #[test]
    fn an_output_may_not_vanish() {
        let (outcome, _) = run(&[("image", 64), ("batch", 128)], 0.01, |values| {
            let mut takes = takes(values[0] * values[1]);
            takes.returned_bytes = (values[0] - 40).max(0).unsigned_abs();
            Some(takes)
        });
        assert_eq!(chosen(outcome), [64, 32]);
    }
}
