//! What is in a buffer, in a few words.

use std::fmt::{Display, LowerExp};

use serde::Serialize;

use crate::element::{Element, Number};
use crate::npy::Array;

/// Numbers shown of a buffer.
const HEAD: usize = 8;

/// A buffer afterwards.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Summary {
    pub(crate) name: String,
    /// `f32`.
    #[serde(rename = "type")]
    pub(crate) ty: &'static str,
    pub(crate) shape: Vec<usize>,
    pub(crate) n: usize,
    /// Of all that are numbers; `null` if none is, or if it is infinite.
    pub(crate) min: Option<f64>,
    pub(crate) max: Option<f64>,
    pub(crate) mean: Option<f64>,
    pub(crate) nan: usize,
    pub(crate) inf: usize,
    /// The first, as text: JSON has no infinity.
    pub(crate) head: Vec<String>,
}

impl Summary {
    pub(crate) fn of(name: &str, array: &Array) -> Self {
        let element = array.element;
        let (mut min, mut max, mut sum) = (f64::INFINITY, f64::NEG_INFINITY, 0.0);
        let (mut nan, mut inf) = (0, 0);
        for number in element.numbers(&array.bytes) {
            let value = number.as_f64();
            if value.is_nan() {
                nan += 1;
                continue;
            }
            inf += usize::from(value.is_infinite());
            (min, max, sum) = (min.min(value), max.max(value), sum + value);
        }
        let n = array.count();
        let finite = |value: f64| (n > nan && value.is_finite()).then_some(value);
        Self {
            name: name.to_owned(),
            ty: element.name(),
            shape: array.shape.clone(),
            n,
            min: finite(min),
            max: finite(max),
            mean: finite(sum / (n - nan) as f64),
            nan,
            inf,
            head: element
                .numbers(&array.bytes)
                .take(HEAD)
                .map(|number| show(element, number))
                .collect(),
        }
    }

    /// Two lines.
    pub(crate) fn text(&self) -> String {
        let Self { name, ty, n, .. } = self;
        let shape: Vec<String> = self.shape.iter().map(ToString::to_string).collect();
        let number = |value: Option<f64>| {
            value.map_or_else(|| "-".to_owned(), |value| plain(rounded(value)))
        };
        let more = if *n > HEAD { " ..." } else { "" };
        format!(
            "{name}: {ty}[{}], n {n}, min {}, max {}, mean {}, {} nan, {} inf\n  {}{more}\n",
            shape.join("x"),
            number(self.min),
            number(self.max),
            number(self.mean),
            self.nan,
            self.inf,
            self.head.join(" "),
        )
    }
}

/// To seven digits, as many as a single has.
fn rounded(value: f64) -> f64 {
    format!("{value:.6e}").parse().unwrap_or(value)
}

/// As short as it can be for its type.
pub(crate) fn show(element: Element, number: Number) -> String {
    match number {
        Number::Int(value) => value.to_string(),
        Number::Float(value) if element == Element::F64 => plain(value),
        // A half or a bfloat16 is shown as the single that it is too.
        Number::Float(value) => plain(value as f32),
    }
}

/// With an exponent where there would be many zeros.
fn plain<T: Copy + Display + LowerExp + Into<f64>>(value: T) -> String {
    let size = value.into().abs();
    if size == 0.0 || (1e-4..1e7).contains(&size) || !size.is_finite() {
        format!("{value}")
    } else {
        format!("{value:e}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn array(numbers: &[f32]) -> Array {
        Array {
            element: Element::F32,
            shape: vec![numbers.len()],
            bytes: numbers.iter().flat_map(|it| it.to_le_bytes()).collect(),
        }
    }

    #[test]
    fn numbers_are_summed_up() {
        let summary = Summary::of("y", &array(&[0.1, -2.0, f32::NAN, 1e30]));
        assert_eq!(
            summary.text(),
            "y: f32[4], n 4, min -2, max 1e30, mean 3.333333e29, 1 nan, 0 inf\n  0.1 -2 NaN 1e30\n"
        );
    }

    #[test]
    fn nothing_and_infinity_have_no_mean() {
        let summary = Summary::of("y", &array(&[]));
        assert_eq!(
            summary.text(),
            "y: f32[0], n 0, min -, max -, mean -, 0 nan, 0 inf\n  \n"
        );
        let summary = Summary::of("y", &array(&[f32::INFINITY, 1.0]));
        assert_eq!(
            (summary.min, summary.max, summary.mean, summary.inf),
            (Some(1.0), None, None, 1)
        );
        let json = serde_json::to_value(&summary).unwrap();
        assert_eq!(json["head"][0], "inf");
    }
}
