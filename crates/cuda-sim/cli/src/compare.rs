//! Numbers that came out against those that should have.

use serde::Serialize;

use crate::element::Number;
use crate::npy::Array;
use crate::numbers::show;

/// How far off a number may be: as `numpy.allclose` has it, and NaN where NaN
/// is expected is right.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tolerance {
    pub(crate) relative: f64,
    pub(crate) absolute: f64,
}

impl Tolerance {
    fn allows(self, got: Number, expected: Number) -> bool {
        if let (Number::Int(got), Number::Int(expected)) = (got, expected)
            && got == expected
        {
            return true;
        }
        let (got, expected) = (got.as_f64(), expected.as_f64());
        if got.is_nan() || expected.is_nan() {
            return got.is_nan() && expected.is_nan();
        }
        if got.is_infinite() || expected.is_infinite() {
            return got.total_cmp(&expected).is_eq();
        }
        (got - expected).abs() <= self.absolute + self.relative * expected.abs()
    }
}

/// A buffer against what was expected.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Comparison {
    pub(crate) name: String,
    pub(crate) n: usize,
    /// Numbers that are too far off.
    pub(crate) wrong: usize,
    /// Largest difference of two finite numbers.
    pub(crate) worst_absolute: f64,
    /// The first that is too far off.
    pub(crate) first: Option<Wrong>,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Wrong {
    pub(crate) index: usize,
    /// As text: JSON has no NaN.
    pub(crate) got: String,
    pub(crate) expected: String,
}

impl Comparison {
    pub(crate) fn of(
        name: &str,
        got: &Array,
        expected: &Array,
        tolerance: Tolerance,
    ) -> Result<Self, String> {
        if got.count() != expected.count() {
            let (has, wanted) = (got.count(), expected.count());
            return Err(format!(
                "`{name}` has {has} numbers, and {wanted} are expected"
            ));
        }
        let mut comparison = Self {
            name: name.to_owned(),
            n: got.count(),
            wrong: 0,
            worst_absolute: 0.0,
            first: None,
        };
        let pairs = got.element.numbers(&got.bytes);
        let pairs = pairs.zip(expected.element.numbers(&expected.bytes));
        for (index, (one, other)) in pairs.enumerate() {
            let off = (one.as_f64() - other.as_f64()).abs();
            if off.is_finite() {
                comparison.worst_absolute = comparison.worst_absolute.max(off);
            }
            if tolerance.allows(one, other) {
                continue;
            }
            comparison.wrong += 1;
            comparison.first.get_or_insert_with(|| Wrong {
                index,
                got: show(got.element, one),
                expected: show(expected.element, other),
            });
        }
        Ok(comparison)
    }

    pub(crate) fn passed(&self) -> bool {
        self.wrong == 0
    }

    /// One line.
    pub(crate) fn text(&self) -> String {
        let Self { name, n, wrong, .. } = self;
        let worst = self.worst_absolute;
        match &self.first {
            None => format!("{name}: all {n} numbers as expected, at most {worst:.3e} off\n"),
            Some(first) => format!(
                "{name}: {wrong} of {n} numbers are not as expected; number {} is {}, expected {}; \
                 at most {worst:.3e} off\n",
                first.index, first.got, first.expected
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::element::Element;

    fn array(numbers: &[f64]) -> Array {
        Array {
            element: Element::F64,
            shape: vec![numbers.len()],
            bytes: numbers.iter().flat_map(|it| it.to_le_bytes()).collect(),
        }
    }

    #[test]
    fn as_numpy_has_it() {
        let tolerance = Tolerance {
            relative: 0.1,
            absolute: 0.5,
        };
        let nan = f64::NAN;
        let inf = f64::INFINITY;
        // numpy.isclose(got, expected, 0.1, 0.5, equal_nan=True)
        for (got, expected, close) in [
            (11.5, 10.0, true),
            (11.51, 10.0, false),
            (0.5, 0.0, true),
            (nan, nan, true),
            (nan, 1.0, false),
            (inf, inf, true),
            (inf, -inf, false),
            (1e308, inf, false),
        ] {
            let found = Comparison::of("y", &array(&[got]), &array(&[expected]), tolerance);
            assert_eq!(found.unwrap().passed(), close, "{got} {expected}");
        }
    }

    #[test]
    fn the_first_that_is_wrong_is_shown() {
        let tolerance = Tolerance {
            relative: 0.0,
            absolute: 0.0,
        };
        let found = Comparison::of(
            "y",
            &array(&[1.0, 2.0, 5.0]),
            &array(&[1.0, 2.5, 4.0]),
            tolerance,
        );
        assert_eq!(
            found.unwrap().text(),
            "y: 2 of 3 numbers are not as expected; number 1 is 2, expected 2.5; at most 1.000e0 off\n"
        );
        let error = Comparison::of("y", &array(&[1.0]), &array(&[]), tolerance).unwrap_err();
        assert_eq!(error, "`y` has 1 numbers, and 0 are expected");
    }
}
