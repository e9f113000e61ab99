//! A comparison as a picture: every strategy's score with its interval, and
//! how the best so far grew with the number of experiments.

use super::{Arm, Comparison};
use crate::report::chart::{LEFT, LogAxis, RIGHT, ROW, Svg, TOP, WIDTH, tick_label};

/// Okabe and Ito's colours, told apart by colour-blind readers too
/// (<https://jfly.uni-koeln.de/color/>).
const COLOURS: [&str; 6] = [
    "#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9",
];
/// Height of the lower panel's plot.
const CURVES: f64 = 220.0;

/// The chart as SVG.
pub fn chart(comparison: &Comparison) -> String {
    let rows = comparison.arms.len().max(1) as f64;
    let bottom = TOP + rows * ROW + 10.0;
    let top = bottom + 70.0;
    let title = format!(
        "score by {}: geometric mean over seeds, 95% interval, a dot per seed",
        comparison.metric
    );
    let mut svg = Svg::new(top + CURVES + 50.0, &title);
    let baseline = comparison.baseline.unwrap_or(1.0).max(f64::MIN_POSITIVE);
    let ends = comparison.arms.iter().flat_map(|arm| {
        let ci = arm.score.and_then(|score| score.ci);
        let dots = arm.runs.iter().filter_map(|run| run.score);
        dots.chain(ci.into_iter().flat_map(|ci| [ci.lo(), ci.hi()]))
    });
    let axis = LogAxis::around(ends, baseline, LEFT, WIDTH - RIGHT);
    for tick in axis.ticks() {
        let x = axis.at(tick);
        svg.line((x, TOP - 6.0), (x, bottom), "#d0d7de", 1.0);
        svg.text(x, bottom + 16.0, "middle", "11px", &tick_label(tick));
    }
    svg.line(
        (axis.at(baseline), TOP - 6.0),
        (axis.at(baseline), bottom),
        "#24292f",
        1.5,
    );
    for (place, arm) in comparison.arms.iter().enumerate() {
        let y = TOP + (place as f64 + 0.5) * ROW;
        svg.text(LEFT - 10.0, y + 4.0, "end", "12px", &arm.name);
        let Some(score) = arm.score else { continue };
        let colour = COLOURS[place % COLOURS.len()];
        if let Some(ci) = score.ci {
            svg.line((axis.at(ci.lo()), y), (axis.at(ci.hi()), y), colour, 2.5);
        }
        for run in &arm.runs {
            if let Some(value) = run.score {
                svg.dot(
                    axis.at(value),
                    y,
                    colour,
                    &format!("seed {}: {value:.3}", run.seed),
                );
            }
        }
        let x = WIDTH - RIGHT + 10.0;
        svg.text(x, y + 4.0, "start", "12px", &format!("{:.2}", score.value));
    }
    svg.text(
        10.0,
        top - 14.0,
        "start",
        "600 14px",
        "best so far by experiments evaluated, as the search measured it; thick: geometric mean over seeds",
    );
    curves(&mut svg, comparison, baseline, (top, top + CURVES));
    svg.finish()
}

fn curves(svg: &mut Svg, comparison: &Comparison, baseline: f64, (top, bottom): (f64, f64)) {
    let runs = || comparison.arms.iter().flat_map(|arm| &arm.runs);
    let last = runs().map(|run| run.experiments).max().unwrap_or(0).max(1);
    let values = runs().flat_map(|run| run.curve.iter().map(|step| step.1));
    let axis = LogAxis::around(values, baseline, bottom, top);
    let x = |at: u32| 60.0 + f64::from(at) / f64::from(last) * (WIDTH - 60.0 - RIGHT);
    for tick in axis.ticks() {
        let y = axis.at(tick);
        svg.line((60.0, y), (WIDTH - RIGHT, y), "#d0d7de", 1.0);
        svg.text(52.0, y + 4.0, "end", "11px", &tick_label(tick));
    }
    for quarter in 0..=4_u32 {
        let at = last * quarter / 4;
        svg.text(x(at), bottom + 18.0, "middle", "11px", &at.to_string());
    }
    for (place, arm) in comparison.arms.iter().enumerate() {
        let colour = COLOURS[place % COLOURS.len()];
        for run in &arm.runs {
            let steps: Vec<(u32, f64)> = run.curve.clone();
            stairs(svg, &steps, run.experiments, colour, 0.6, (&x, &axis));
        }
        let mean = mean_curve(arm);
        let end = arm
            .runs
            .iter()
            .map(|run| run.experiments)
            .max()
            .unwrap_or(0);
        stairs(svg, &mean, end, colour, 2.5, (&x, &axis));
        if let Some((_, value)) = mean.last() {
            svg.text(
                x(end) + 6.0,
                axis.at(*value) + 4.0,
                "start",
                "11px",
                &arm.name,
            );
        }
    }
}

/// Draws a curve that only jumps where something better was found.
fn stairs(
    svg: &mut Svg,
    steps: &[(u32, f64)],
    end: u32,
    colour: &str,
    width: f64,
    (x, axis): (&dyn Fn(u32) -> f64, &LogAxis),
) {
    let Some(&(at, value)) = steps.first() else {
        return;
    };
    let mut from = (x(at), axis.at(value));
    for &(at, value) in &steps[1..] {
        let to = (x(at), axis.at(value));
        svg.line(from, (to.0, from.1), colour, width);
        svg.line((to.0, from.1), to, colour, width);
        from = to;
    }
    svg.line(from, (x(end).max(from.0), from.1), colour, width);
}

/// Geometric mean over seeds of the best so far, wherever one of them jumps. A
/// campaign that has ended keeps what it had.
fn mean_curve(arm: &Arm) -> Vec<(u32, f64)> {
    let mut at: Vec<u32> = arm
        .runs
        .iter()
        .flat_map(|run| run.curve.iter().map(|step| step.0))
        .collect();
    at.sort_unstable();
    at.dedup();
    let value = |steps: &[(u32, f64)], at: u32| {
        let before = steps.iter().rev().find(|step| step.0 <= at);
        before.map(|step| step.1)
    };
    at.into_iter()
        .filter_map(|at| {
            let values: Vec<f64> = arm
                .runs
                .iter()
                .filter_map(|run| value(&run.curve, at))
                .collect();
            Some((at, stats::geomean(&values)?))
        })
        .collect()
}
