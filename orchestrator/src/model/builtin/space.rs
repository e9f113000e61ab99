//! Search spaces as grids: every parameter becomes a short list of values, and
//! a point is one index per parameter.

use std::collections::BTreeMap;

use protocol::{ParamKind, ParamSpec, Space};
use serde_json::{Value, json};

/// Most values one integer parameter is cut into.
const MAX_GRID: usize = 64;

/// One parameter.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Axis {
    pub name: String,
    pub values: Vec<Value>,
    /// Index of the default.
    pub default: usize,
    /// Index of the value that a search begins with.
    pub start: usize,
    /// Whether neighbours in the list are alike.
    pub ordered: bool,
    /// Whether there are only two values, off and on.
    pub flag: bool,
}

/// One template's space.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Grid {
    pub template: String,
    pub axes: Vec<Axis>,
}

/// One index per axis.
pub(super) type Point = Vec<usize>;

impl Axis {
    fn of(spec: &ParamSpec) -> Self {
        let (values, ordered, flag) = match &spec.kind {
            ParamKind::Choice { values } => {
                let numbers = values.iter().all(Value::is_number);
                (values.clone(), numbers, false)
            }
            // A lab may write flags as booleans or as 0 and 1.
            ParamKind::Bool if spec.default.is_number() => (vec![json!(0), json!(1)], false, true),
            ParamKind::Bool => (vec![json!(false), json!(true)], false, true),
            ParamKind::Int {
                low,
                high,
                step,
                log,
            } => (integers(*low, *high, *step, *log), true, false),
        };
        let mut values = values;
        let default = values
            .iter()
            .position(|v| *v == spec.default)
            .unwrap_or_else(|| {
                values.push(spec.default.clone());
                values.len() - 1
            });
        Self {
            name: spec.name.clone(),
            values,
            default,
            start: default,
            ordered,
            flag,
        }
    }
}

/// At most [`MAX_GRID`] integers from `low` to `high` on the step's grid.
fn integers(low: i64, high: i64, step: i64, log: bool) -> Vec<Value> {
    let step = step.max(1);
    let mut values = Vec::new();
    let mut at = low;
    let wide = (high.saturating_sub(low) / step) as usize >= MAX_GRID;
    let stride = if wide {
        (high.saturating_sub(low) / step / MAX_GRID as i64 + 1).saturating_mul(step)
    } else {
        step
    };
    while at <= high && values.len() < MAX_GRID {
        values.push(json!(at));
        let next = if log && at > 0 {
            // The next power-of-two multiple, put back on the grid.
            let doubled = at.saturating_mul(2);
            low.saturating_add(
                (doubled.saturating_sub(low) / step)
                    .max(1)
                    .saturating_mul(step),
            )
            .max(at.saturating_add(step))
        } else {
            at.saturating_add(stride)
        };
        if next <= at {
            break;
        }
        at = next;
    }
    values
}

impl Grid {
    pub(super) fn of(space: &Space) -> Self {
        Self {
            template: space.template.clone(),
            axes: space.params.iter().map(Axis::of).collect(),
        }
    }

    /// The point that a search begins with: the default, unless something is
    /// known.
    pub(super) fn start(&self) -> Point {
        self.axes.iter().map(|axis| axis.start).collect()
    }

    /// The point as a tool's argument.
    pub(super) fn params(&self, point: &Point) -> Value {
        self.axes
            .iter()
            .zip(point)
            .map(|(axis, &index)| (axis.name.clone(), axis.values[index].clone()))
            .collect::<serde_json::Map<_, _>>()
            .into()
    }

    /// The point that a tool's argument was; absent parameters have their
    /// default. None if a value isn't on the grid.
    pub(super) fn point(&self, params: &BTreeMap<String, Value>) -> Option<Point> {
        self.axes
            .iter()
            .map(|axis| match params.get(&axis.name) {
                None => Some(axis.default),
                Some(value) => axis.values.iter().position(|v| v == value),
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_stay_on_the_grid_and_within_bounds() {
        assert_eq!(
            integers(1, 4, 1, false),
            [json!(1), json!(2), json!(3), json!(4)]
        );
        assert_eq!(
            integers(8, 64, 8, true),
            [json!(8), json!(16), json!(32), json!(64)]
        );
        assert!(integers(0, 1_000_000, 1, false).len() <= MAX_GRID);
        assert!(integers(i64::MAX - 2, i64::MAX, 5, true).len() <= 2);
        assert!(integers(5, 1, 1, false).is_empty());
    }

    #[test]
    fn points_and_arguments_are_inverse() {
        let grid = Grid {
            template: "t".to_owned(),
            axes: vec![
                Axis::of(&ParamSpec {
                    name: "A".to_owned(),
                    kind: ParamKind::Choice {
                        values: vec![json!(1), json!(2)],
                    },
                    default: json!(2),
                }),
                Axis::of(&ParamSpec {
                    name: "B".to_owned(),
                    kind: ParamKind::Bool,
                    default: json!(true),
                }),
            ],
        };
        assert_eq!(grid.start(), [1, 1]);
        let params: BTreeMap<String, Value> =
            serde_json::from_value(grid.params(&vec![0, 1])).unwrap();
        assert_eq!(grid.point(&params), Some(vec![0, 1]));
    }
}
