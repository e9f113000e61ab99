//! The chart of several models: how far each had come after so many
//! experiments, and for so much money.

use super::chart::{LogAxis, RIGHT, Svg, TOP, WIDTH, tick_label};
use crate::core::coverage::{self, Curve, Point};
use crate::core::event::Logged;
use crate::core::state::State;

/// Colours that are told apart with every common kind of colour blindness
/// (Okabe and Ito: *Color Universal Design*, 2008).
const COLOURS: [&str; 6] = [
    "#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9",
];
const PANEL: f64 = 220.0;
const LEFT: f64 = 60.0;
/// Room below the smallest and above the largest value, as a factor.
const MARGIN: f64 = 1.05;

/// Geometric mean over all tasks of each model's best so far as deployed, over
/// its experiments and over what its turns have cost.
pub(super) fn models(state: &State, log: &[Logged]) -> String {
    let curves = coverage::curves(state, log);
    let legend = 20.0 * curves.len() as f64;
    let height = TOP + legend + 2.0 * PANEL;
    let title = "geometric mean over tasks, best so far as deployed, by model";
    let mut svg = Svg::new(height, title);
    let Some(baseline) = state.baseline().filter(|_| !curves.is_empty()) else {
        let why = "there is no baseline above 0 to compare with";
        svg.text(10.0, TOP + 16.0, "start", "12px", why);
        return svg.finish();
    };
    for (place, curve) in curves.iter().enumerate() {
        let y = TOP + 20.0 * place as f64;
        let colour = COLOURS[place % COLOURS.len()];
        svg.line((LEFT, y), (LEFT + 24.0, y), colour, 3.0);
        svg.text(LEFT + 32.0, y + 4.0, "start", "12px", &curve.model);
    }
    let dollars = curves
        .iter()
        .filter_map(|c| c.points.last())
        .any(|p| p.cost_usd > 0.0);
    let by_experiments = Panel {
        top: TOP + legend,
        unit: "experiments",
        x: |point| point.experiments as f64,
    };
    let by_cost = Panel {
        top: TOP + legend + PANEL,
        unit: if dollars { "US dollars" } else { "tokens" },
        x: if dollars {
            |point| point.cost_usd
        } else {
            |point| point.tokens as f64
        },
    };
    for panel in [by_experiments, by_cost] {
        panel.draw(&mut svg, &curves, baseline);
    }
    svg.finish()
}

/// One of the two pictures.
struct Panel {
    top: f64,
    unit: &'static str,
    x: fn(&Point) -> f64,
}

impl Panel {
    fn draw(&self, svg: &mut Svg, curves: &[Curve], baseline: f64) {
        let bottom = self.top + PANEL - 50.0;
        let values = curves.iter().flat_map(|curve| &curve.points);
        let values: Vec<f64> = values.map(|p| p.value).chain([baseline]).collect();
        let axis = LogAxis {
            lo: values.iter().copied().fold(f64::INFINITY, f64::min) / MARGIN,
            hi: values.iter().copied().fold(0.0, f64::max) * MARGIN,
            from: bottom,
            to: self.top,
        };
        let points = curves.iter().flat_map(|curve| &curve.points);
        let most = points.map(self.x).fold(0.0, f64::max);
        let most = if most > 0.0 { most } else { 1.0 };
        let x = |value: f64| LEFT + value / most * (WIDTH - LEFT - RIGHT);
        for tick in axis.ticks() {
            let y = axis.at(tick);
            svg.line((LEFT, y), (WIDTH - RIGHT, y), "#d0d7de", 1.0);
            svg.text(LEFT - 8.0, y + 4.0, "end", "11px", &tick_label(tick));
        }
        for quarter in 0..=4 {
            let value = most * f64::from(quarter) / 4.0;
            svg.text(x(value), bottom + 18.0, "middle", "11px", &amount(value));
        }
        let middle = (LEFT + WIDTH - RIGHT) / 2.0;
        svg.text(middle, bottom + 34.0, "middle", "11px", self.unit);
        for (place, curve) in curves.iter().enumerate() {
            let colour = COLOURS[place % COLOURS.len()];
            let mut from = (x(0.0), axis.at(baseline));
            for point in &curve.points {
                let to = (x((self.x)(point)), axis.at(point.value));
                svg.line(from, (to.0, from.1), colour, 2.0);
                svg.line((to.0, from.1), to, colour, 2.0);
                from = to;
            }
            if let Some(last) = curve.points.last() {
                let label = format!("{:.2}", last.value);
                svg.text(from.0 + 6.0, from.1 + 4.0, "start", "11px", &label);
            }
        }
    }
}

/// A number on the axis below.
fn amount(value: f64) -> String {
    if value >= 10.0 || value == 0.0 {
        format!("{value:.0}")
    } else if value >= 0.1 {
        format!("{value:.2}")
    } else {
        format!("{value:.2e}")
    }
}
