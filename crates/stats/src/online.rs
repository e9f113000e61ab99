//! Controlling false discoveries in a sequence of tests that has no known end.

/// C of [`gamma`]: makes the sequence sum to one.
const GAMMA_SCALE: f64 = 0.077_208_38;

/// LORD++ (Ramdas, Yang, Wainwright and Jordan, *Online control of the false
/// discovery rate with decaying memory*, 2017, section 3.1): the level of the
/// next test depends on when there were discoveries before, so that the
/// expected share of false ones among them stays below `alpha` at any time.
/// Needs p-values of true nulls that are independent of each other.
#[derive(Clone, Debug, PartialEq)]
pub struct Lord {
    alpha: f64,
    start: f64,
    tests: u32,
    /// Tests that were discoveries, by number from 1.
    discoveries: Vec<u32>,
}

impl Lord {
    /// At most a share of `alpha` of the discoveries is to be false; `start`
    /// (W₀, 0 ≤ `start` ≤ `alpha`) is what the levels add up to while there is
    /// none.
    pub fn new(alpha: f64, start: f64) -> Self {
        Self {
            alpha,
            start,
            tests: 0,
            discoveries: Vec::new(),
        }
    }

    /// Level of the next test: it is a discovery if its p-value is not larger.
    pub fn level(&self) -> f64 {
        let next = self.tests.saturating_add(1);
        let earned: f64 = self
            .discoveries
            .iter()
            .enumerate()
            .map(|(place, &at)| {
                let wealth = if place == 0 {
                    self.alpha - self.start
                } else {
                    self.alpha
                };
                wealth * gamma(next - at)
            })
            .sum();
        self.start * gamma(next) + earned
    }

    /// The next test was made.
    pub fn record(&mut self, discovery: bool) {
        self.tests = self.tests.saturating_add(1);
        if discovery {
            self.discoveries.push(self.tests);
        }
    }

    /// Number of tests so far.
    pub fn tests(&self) -> u32 {
        self.tests
    }

    /// Number of discoveries so far.
    pub fn discoveries(&self) -> usize {
        self.discoveries.len()
    }
}

/// γ_j of Javanmard and Montanari, *Online rules for control of false
/// discovery rate and false discovery exceedance* (2018), equation 31, for
/// j ≥ 1.
fn gamma(j: u32) -> f64 {
    let j = f64::from(j);
    GAMMA_SCALE * j.max(2.0).ln() / (j * j.ln().sqrt().exp())
}
