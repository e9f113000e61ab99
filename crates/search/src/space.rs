//! Parameters, points and the map between points and the unit cube.

use stats::Rng;

/// Values that a parameter can take.
#[derive(Clone, Debug, PartialEq)]
pub enum Kind {
    /// A real number from `low` to `high`, both included.
    Real {
        /// Smallest value.
        low: f64,
        /// Largest value.
        high: f64,
        /// Whether ratios matter rather than differences; `low` is positive.
        log: bool,
    },
    /// An integer `low + k·step` up to `high`.
    Int {
        /// Smallest value.
        low: i64,
        /// Largest value; itself a value only if it is on a step.
        high: i64,
        /// Distance between neighbours, at least 1.
        step: i64,
        /// Whether ratios matter rather than differences; `low` is positive.
        log: bool,
    },
    /// One of `count` things.
    Choice {
        /// How many there are, at least 1.
        count: usize,
        /// Whether neighbours are alike.
        ordered: bool,
    },
}

/// When a parameter means something.
#[derive(Clone, Debug, PartialEq)]
pub struct Condition {
    /// Index of another parameter, which comes before.
    pub parent: usize,
    /// Values of it under which this one is active.
    pub values: Vec<Value>,
}

/// One parameter.
#[derive(Clone, Debug, PartialEq)]
pub struct Param {
    /// Its values.
    pub kind: Kind,
    /// None if it is always active.
    pub condition: Option<Condition>,
}

/// Value of one parameter.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub enum Value {
    /// Of [`Kind::Real`].
    Real(f64),
    /// Of [`Kind::Int`].
    Int(i64),
    /// Index, of [`Kind::Choice`].
    Choice(usize),
}

/// One entry per parameter; none for those that are not active.
pub type Point = Vec<Option<Value>>;

/// A space that can't be searched.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum SpaceError {
    /// Bounds that no value, or no logarithm, fits.
    #[error("parameter {index} has no values: {problem}")]
    Bounds {
        /// Index of the parameter.
        index: usize,
        /// What is wrong.
        problem: &'static str,
    },
    /// A condition on a parameter that can't decide it.
    #[error("parameter {index} depends on parameter {parent}: {problem}")]
    Condition {
        /// Index of the parameter.
        index: usize,
        /// Index of the other one.
        parent: usize,
        /// What is wrong.
        problem: &'static str,
    },
}

/// Parameters, checked.
#[derive(Clone, Debug, PartialEq)]
pub struct Space {
    params: Vec<Param>,
}

/// Resolution of a real parameter, as a share of its range: finer differences
/// are none, and values stay short to read.
const RESOLUTION: f64 = 1e-7;

impl Kind {
    fn problem(&self) -> Option<&'static str> {
        match *self {
            Self::Real { low, high, log } => {
                if !(low.is_finite() && high.is_finite() && (high - low).is_finite()) {
                    Some("a bound is not finite")
                } else if low > high {
                    Some("low is above high")
                } else if log && low <= 0.0 {
                    Some("a logarithmic range starts above 0")
                } else {
                    None
                }
            }
            Self::Int {
                low,
                high,
                step,
                log,
            } => {
                if step < 1 {
                    Some("step is below 1")
                } else if low > high {
                    Some("low is above high")
                } else if log && low < 1 {
                    Some("a logarithmic range starts above 0")
                } else {
                    None
                }
            }
            Self::Choice { count, .. } => (count == 0).then_some("there is nothing to choose"),
        }
    }

    /// Number of steps from the first to the last integer or choice.
    fn last(&self) -> Option<u64> {
        match *self {
            Self::Real { low, high, .. } => (low >= high).then_some(0),
            Self::Int {
                low, high, step, ..
            } => Some(high.abs_diff(low) / step.unsigned_abs()),
            Self::Choice { count, .. } => Some(count as u64 - 1),
        }
    }

    fn nth(&self, at: u64) -> Value {
        match *self {
            Self::Real { low, .. } => Value::Real(low),
            Self::Int { low, step, .. } => {
                Value::Int(low.wrapping_add_unsigned(at.wrapping_mul(step.unsigned_abs())))
            }
            Self::Choice { .. } => Value::Choice(at as usize),
        }
    }

    /// Whether neighbouring values are alike.
    pub(crate) fn ordered(&self) -> bool {
        !matches!(self, Self::Choice { ordered: false, .. })
    }

    /// Whether `value` is one of them.
    pub fn contains(&self, value: Value) -> bool {
        match (self, value) {
            (Self::Real { low, high, .. }, Value::Real(x)) => *low <= x && x <= *high,
            (
                Self::Int {
                    low, high, step, ..
                },
                Value::Int(x),
            ) => *low <= x && x <= *high && x.abs_diff(*low) % step.unsigned_abs() == 0,
            (Self::Choice { count, .. }, Value::Choice(at)) => at < *count,
            _ => false,
        }
    }

    /// Place of a value in [0, 1]; the index of an unordered choice.
    pub(crate) fn place(&self, value: Value) -> f64 {
        let share = |x: f64, low: f64, high: f64| {
            if high > low {
                ((x - low) / (high - low)).clamp(0.0, 1.0)
            } else {
                0.5
            }
        };
        match (self, value) {
            (Self::Real { low, high, log }, Value::Real(x)) if *log => {
                share(x.max(*low).ln(), low.ln(), high.ln())
            }
            (Self::Real { low, high, .. }, Value::Real(x)) => share(x, *low, *high),
            (Self::Int { low, high, log, .. }, Value::Int(x)) if *log => share(
                (x.max(*low) as f64).ln(),
                (*low as f64).ln(),
                (*high as f64).ln(),
            ),
            (Self::Int { low, high, .. }, Value::Int(x)) => {
                share(x as f64, *low as f64, *high as f64)
            }
            (Self::Choice { ordered: false, .. }, Value::Choice(at)) => at as f64,
            (Self::Choice { count, .. }, Value::Choice(at)) => {
                share(at as f64, 0.0, *count as f64 - 1.0)
            }
            // A value of another kind says nothing of where it is.
            _ => 0.5,
        }
    }

    /// The value at `u` in [0, 1): equal parts of the interval go to equally
    /// likely values.
    pub(crate) fn at(&self, u: f64) -> Value {
        match *self {
            Self::Real { low, high, log } => Value::Real(real(low, high, log, u)),
            Self::Int {
                low,
                high,
                step,
                log: true,
            } => {
                // Half a step beyond either end, so that ends get their share.
                let half = step as f64 / 2.0;
                let (from, to) = ((low as f64 - half).max(0.5), high as f64 + half);
                let x = from * (to / from).powf(u);
                self.near(((x - low as f64) / step as f64).round())
            }
            _ => {
                let last = self.last().unwrap_or(0);
                self.near((u * (last as f64 + 1.0)).floor())
            }
        }
    }

    /// The integer or choice with the index nearest to `at`.
    pub(crate) fn near(&self, at: f64) -> Value {
        let last = self.last().unwrap_or(0);
        self.nth((at.max(0.0) as u64).min(last))
    }

    /// Index of an integer or choice.
    pub(crate) fn index(&self, value: Value) -> f64 {
        match (self, value) {
            (Self::Int { low, step, .. }, Value::Int(x)) => (x as f64 - *low as f64) / *step as f64,
            (_, Value::Choice(at)) => at as f64,
            _ => 0.0,
        }
    }

    /// Index of the last integer or choice; none for a range of reals.
    pub(crate) fn last_index(&self) -> Option<f64> {
        self.last().map(|last| last as f64)
    }
}

/// The real at `u`, put on a decimal grid that is fine for the range.
fn real(low: f64, high: f64, log: bool, u: f64) -> f64 {
    if low >= high {
        return low;
    }
    let u = u.clamp(0.0, 1.0);
    let (x, fine) = if log {
        let x = low * (high / low).powf(u);
        (x, x * RESOLUTION * (high / low).ln().min(1.0))
    } else {
        (low + u * (high - low), (high - low) * RESOLUTION)
    };
    // Dividing by a power of ten that is exact gives the shortest decimals.
    let digits = -fine.log10().floor();
    let rounded = if (0.0..=22.0).contains(&digits) {
        let scale = 10_f64.powi(digits as i32);
        (x * scale).round() / scale
    } else {
        x
    };
    let rounded = if rounded.is_finite() { rounded } else { x };
    // Minus zero would be another text for the same number.
    rounded.clamp(low, high) + 0.0
}

impl Space {
    /// Checks bounds and conditions.
    pub fn new(params: Vec<Param>) -> Result<Self, SpaceError> {
        for (index, param) in params.iter().enumerate() {
            if let Some(problem) = param.kind.problem() {
                return Err(SpaceError::Bounds { index, problem });
            }
            let Some(condition) = &param.condition else {
                continue;
            };
            let parent = condition.parent;
            let problem = match params[..index].get(parent).map(|p| &p.kind) {
                None => "it does not come before",
                Some(Kind::Real { .. }) => "a real number decides nothing",
                Some(kind) => {
                    if condition.values.iter().any(|value| kind.contains(*value)) {
                        continue;
                    }
                    "it never has such a value"
                }
            };
            return Err(SpaceError::Condition {
                index,
                parent,
                problem,
            });
        }
        Ok(Self { params })
    }

    /// The parameters.
    pub fn params(&self) -> &[Param] {
        &self.params
    }

    /// Whether a parameter is active, given those before it.
    pub fn active(&self, index: usize, before: &[Option<Value>]) -> bool {
        self.params[index]
            .condition
            .as_ref()
            .is_none_or(|c| before[c.parent].is_some_and(|value| c.values.contains(&value)))
    }

    /// Whether a point has a value of its range for each active parameter and
    /// none for the others.
    pub fn contains(&self, point: &[Option<Value>]) -> bool {
        point.len() == self.params.len()
            && point.iter().enumerate().all(|(index, value)| {
                match (value, self.active(index, &point[..index])) {
                    (Some(value), true) => self.params[index].kind.contains(*value),
                    (None, false) => true,
                    _ => false,
                }
            })
    }

    /// A point at random: each range evenly, or its logarithm.
    pub fn sample(&self, rng: &mut Rng) -> Point {
        self.build(|kind| kind.at(rng.uniform()))
    }

    /// The point whose active parameters have the values that `value` gives.
    pub(crate) fn build(&self, mut value: impl FnMut(&Kind) -> Value) -> Point {
        let mut point = Point::with_capacity(self.params.len());
        for (index, param) in self.params.iter().enumerate() {
            // Asked for the inactive too: what follows must not depend on them.
            let drawn = value(&param.kind);
            let active = self.active(index, &point);
            point.push(active.then_some(drawn));
        }
        point
    }

    /// Drops what is not active any more and draws what has become so.
    pub(crate) fn mend(&self, point: &mut Point, rng: &mut Rng) {
        for index in 0..point.len() {
            let active = self.active(index, &point[..index]);
            if !active {
                point[index] = None;
            } else if point[index].is_none() {
                point[index] = Some(self.params[index].kind.at(rng.uniform()));
            }
        }
    }

    /// Every point, if there are at most `limit`.
    pub(crate) fn all(&self, limit: usize) -> Option<Vec<Point>> {
        let mut points = vec![Point::new()];
        for (index, param) in self.params.iter().enumerate() {
            let mut longer = Vec::new();
            for point in points {
                if !self.active(index, &point) {
                    longer.push([point, vec![None]].concat());
                    continue;
                }
                let last = param.kind.last()?;
                if last as usize >= limit {
                    return None;
                }
                longer.extend((0..=last).map(|at| {
                    let mut next = point.clone();
                    next.push(Some(param.kind.nth(at)));
                    next
                }));
                if longer.len() > limit {
                    return None;
                }
            }
            points = longer;
        }
        Some(points)
    }
}
