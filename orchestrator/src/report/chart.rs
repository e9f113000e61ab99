//! Charts as SVG, written by hand: no fonts to find, the same bytes every
//! time.

use std::fmt::Write;

use protocol::Split;

use crate::core::event::{Event, Logged};
use crate::core::rank::{self, Standing};
use crate::core::state::State;

pub(super) const WIDTH: f64 = 820.0;
pub(super) const LEFT: f64 = 240.0;
pub(super) const RIGHT: f64 = 90.0;
pub(super) const TOP: f64 = 40.0;
pub(super) const ROW: f64 = 24.0;

/// A logarithmic axis from `lo` to `hi`, mapped to `from`..`to` pixels.
pub(super) struct LogAxis {
    pub(super) lo: f64,
    pub(super) hi: f64,
    pub(super) from: f64,
    pub(super) to: f64,
}

impl LogAxis {
    /// An axis that includes all `values`, which are positive, and `baseline`.
    pub(super) fn around(
        values: impl Iterator<Item = f64>,
        baseline: f64,
        from: f64,
        to: f64,
    ) -> Self {
        let (mut lo, mut hi) = (baseline / 1.5, baseline * 1.5);
        for value in values.filter(|v| v.is_finite() && *v > 0.0) {
            lo = lo.min(value / 1.15);
            hi = hi.max(value * 1.15);
        }
        Self { lo, hi, from, to }
    }

    pub(super) fn at(&self, value: f64) -> f64 {
        let share = (value.max(self.lo) / self.lo).ln() / (self.hi / self.lo).ln();
        self.from + share * (self.to - self.from)
    }

    /// 1, 2, 5 times powers of ten inside the axis; powers of ten alone where
    /// that would be too many.
    pub(super) fn ticks(&self) -> Vec<f64> {
        let decades = (self.hi / self.lo).log10();
        let steps: &[f64] = if decades > 3.0 {
            &[1.0]
        } else {
            &[1.0, 2.0, 5.0]
        };
        let first = self.lo.log10().floor() as i32;
        let last = self.hi.log10().ceil() as i32;
        (first..=last)
            .flat_map(|power| steps.iter().map(move |step| step * 10_f64.powi(power)))
            .filter(|tick| (self.lo..=self.hi).contains(tick))
            .collect()
    }
}

fn escape(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect::<String>()
        .replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}

pub(super) struct Svg {
    body: String,
    height: f64,
}

impl Svg {
    pub(super) fn new(height: f64, title: &str) -> Self {
        let mut svg = Self {
            body: String::new(),
            height,
        };
        svg.text(10.0, 22.0, "start", "600 14px", title);
        svg
    }

    pub(super) fn text(&mut self, x: f64, y: f64, anchor: &str, font: &str, text: &str) {
        let text = escape(text);
        self.push(&format!(
            r##"<text x="{x:.1}" y="{y:.1}" text-anchor="{anchor}" fill="#24292f" style="font:{font} system-ui,sans-serif">{text}</text>"##
        ));
    }

    pub(super) fn line(&mut self, from: (f64, f64), to: (f64, f64), colour: &str, width: f64) {
        let ((x1, y1), (x2, y2)) = (from, to);
        self.push(&format!(
            r#"<line x1="{x1:.1}" y1="{y1:.1}" x2="{x2:.1}" y2="{y2:.1}" stroke="{colour}" stroke-width="{width}"/>"#
        ));
    }

    pub(super) fn dot(&mut self, x: f64, y: f64, colour: &str, title: &str) {
        let title = escape(title);
        self.push(&format!(
            r#"<circle cx="{x:.1}" cy="{y:.1}" r="4" fill="{colour}"><title>{title}</title></circle>"#
        ));
    }

    pub(super) fn push(&mut self, element: &str) {
        self.body.push_str(element);
        self.body.push('\n');
    }

    pub(super) fn finish(self) -> String {
        let height = self.height;
        let mut out = String::new();
        // Writing to a String can't fail.
        let _ = writeln!(
            out,
            r##"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}"><rect width="100%" height="100%" fill="#ffffff"/>"##
        );
        out.push_str(&self.body);
        out.push_str("</svg>\n");
        out
    }
}

fn colour(standing: Option<Standing>) -> &'static str {
    match standing {
        Some(Standing::Won) => "#1a7f37",
        Some(Standing::Lost) => "#cf222e",
        Some(Standing::Even) | None => "#6e7781",
    }
}

pub(super) fn tick_label(value: f64) -> String {
    if value >= 1.0 {
        format!("{value:.0}")
    } else {
        format!("{value}")
    }
}

/// Every task's result with its interval, and the baseline.
pub(super) fn tasks(state: &State) -> String {
    let board = rank::leaderboard(state);
    let name = state
        .settings
        .as_ref()
        .map_or("", |s| s.metric.name.as_str());
    let baseline = state.baseline();
    let rows = board.rows.len() as f64;
    let bottom = TOP + rows.max(1.0) * ROW + 10.0;
    let what = if state.is_simulated() {
        "SIMULATED, no time"
    } else {
        "95% intervals"
    };
    let mut svg = Svg::new(bottom + 30.0, &format!("{name} per task, {what}"));
    if board.rows.is_empty() {
        svg.text(10.0, TOP + 16.0, "start", "12px", "no verified result");
        return svg.finish();
    }
    let ends = board
        .rows
        .iter()
        .flat_map(|row| {
            [
                Some(row.value),
                row.ci.map(|ci| ci.lo()),
                row.ci.map(|ci| ci.hi()),
            ]
        })
        .flatten();
    let middle = baseline.unwrap_or(board.rows[0].value);
    let axis = LogAxis::around(ends, middle.max(f64::MIN_POSITIVE), LEFT, WIDTH - RIGHT);
    for tick in axis.ticks() {
        let x = axis.at(tick);
        svg.line((x, TOP - 6.0), (x, bottom), "#d0d7de", 1.0);
        svg.text(x, bottom + 16.0, "middle", "11px", &tick_label(tick));
    }
    if let Some(x) = baseline.map(|baseline| axis.at(baseline)) {
        svg.line((x, TOP - 6.0), (x, bottom), "#24292f", 1.5);
    }
    for (place, row) in board.rows.iter().enumerate() {
        let y = TOP + (place as f64 + 0.5) * ROW;
        let colour = colour(row.standing);
        svg.text(LEFT - 10.0, y + 4.0, "end", "12px", &row.task);
        if let Some(ci) = row.ci {
            svg.line((axis.at(ci.lo()), y), (axis.at(ci.hi()), y), colour, 2.5);
        }
        svg.dot(axis.at(row.value), y, colour, &row.experiment.to_string());
        svg.text(
            WIDTH - RIGHT + 10.0,
            y + 4.0,
            "start",
            "12px",
            &format!("{:.2}", row.value),
        );
    }
    svg.finish()
}

/// Geometric mean over all tasks of the best evaluated so far, the baseline
/// where there is nothing better, over running time.
pub(super) fn progress(state: &State, log: &[Logged]) -> String {
    let height = 260.0;
    let bottom = height - 40.0;
    let mut svg = Svg::new(
        height,
        "geometric mean over tasks, best so far as deployed, by running time",
    );
    let Some(baseline) = state.baseline() else {
        svg.text(
            10.0,
            TOP + 16.0,
            "start",
            "12px",
            "the baseline was not measured",
        );
        return svg.finish();
    };
    let baseline = baseline.max(f64::MIN_POSITIVE);
    let steps = improvements(state, log, baseline);
    let end_s = state.clock.logged_s().max(1.0);
    let axis = LogAxis::around(steps.iter().map(|s| s.1), baseline, bottom, TOP);
    let x = |at_s: f64| 60.0 + at_s / end_s * (WIDTH - 60.0 - RIGHT);
    for tick in axis.ticks() {
        let y = axis.at(tick);
        svg.line((60.0, y), (WIDTH - RIGHT, y), "#d0d7de", 1.0);
        svg.text(52.0, y + 4.0, "end", "11px", &tick_label(tick));
    }
    for quarter in 0..=4 {
        let at_s = end_s * f64::from(quarter) / 4.0;
        svg.text(
            x(at_s),
            bottom + 18.0,
            "middle",
            "11px",
            &format!("{at_s:.0} s"),
        );
    }
    let mut from = (x(0.0), axis.at(baseline));
    for (at_s, value, experiment) in &steps {
        let to = (x(*at_s), axis.at(*value));
        svg.line(from, (to.0, from.1), "#1a7f37", 2.0);
        svg.line((to.0, from.1), to, "#1a7f37", 2.0);
        svg.dot(to.0, to.1, "#1a7f37", experiment);
        from = to;
    }
    svg.line(from, (x(end_s), from.1), "#1a7f37", 2.0);
    svg.finish()
}

/// (running time in s, geometric mean, experiment) of every step up.
fn improvements(state: &State, log: &[Logged], baseline: f64) -> Vec<(f64, f64, String)> {
    let mut clock = crate::core::budget::SessionClock::default();
    let mut best: Vec<(&str, f64)> = state
        .tasks
        .iter()
        .map(|task| (task.name.as_str(), baseline))
        .collect();
    let mut steps = Vec::new();
    for logged in log {
        match &logged.event {
            Event::CampaignStarted { .. } | Event::CampaignResumed {} => clock.open(logged.at_ms),
            _ => clock.tick(logged.at_ms),
        }
        let Event::Measured {
            experiment,
            measurement,
            ..
        } = &logged.event
        else {
            continue;
        };
        let (Some(e), Some(value), Split::Search) = (
            state.experiments.get(experiment),
            measurement.score.verified(),
            measurement.split,
        ) else {
            continue;
        };
        let Some(known) = best.iter_mut().find(|(task, _)| *task == e.task) else {
            continue;
        };
        if e.demoted().is_none() && state.better(value, known.1) && value > 0.0 {
            known.1 = value;
            let mean = best.iter().map(|(_, v)| v.ln()).sum::<f64>() / best.len() as f64;
            steps.push((clock.logged_s(), mean.exp(), experiment.to_string()));
        }
    }
    steps
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn axis_has_few_round_ticks() {
        let axis = LogAxis::around([0.5, 30.0].into_iter(), 1.0, 0.0, 100.0);
        assert_eq!(axis.ticks(), [0.5, 1.0, 2.0, 5.0, 10.0, 20.0]);
        assert!(axis.at(axis.lo).abs() < 1e-9);
        assert!((axis.at(axis.hi) - 100.0).abs() < 1e-9);
    }

    #[test]
    fn labels_are_escaped() {
        assert_eq!(escape("<a&b>\n"), "&lt;a&amp;b&gt; ");
    }
}
