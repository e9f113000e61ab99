//! A comparison as text.

use std::fmt::Write;

use super::{Arm, Comparison, Estimate};
use crate::report::number;

const HEADER: [&str; 10] = [
    "strategy",
    "score",
    "95% interval",
    "seeds",
    "reference better by",
    "in seeds",
    "verified",
    "experiments",
    "looks",
    "time",
];

fn cells(arm: &Arm) -> [String; 10] {
    let split = |estimate: Option<Estimate>| match estimate {
        None => ("-".to_owned(), "-".to_owned()),
        Some(estimate) => {
            let whole = number(estimate.value, estimate.ci);
            match whole.split_once(' ') {
                Some((value, ci)) => (value.to_owned(), ci.to_owned()),
                None => (whole, "-".to_owned()),
            }
        }
    };
    let mean = |of: fn(&super::Ran) -> f64| {
        let values: Vec<f64> = arm.runs.iter().map(of).collect();
        stats::mean(&values).unwrap_or(0.0)
    };
    let (score, ci) = split(arm.score);
    let (gain, gain_ci) = split(arm.reference_is_better_by);
    [
        arm.name.clone(),
        score,
        ci,
        arm.score.map_or(0, |score| score.n).to_string(),
        match gain_ci.as_str() {
            "-" => gain,
            ci => format!("{gain} {ci}"),
        },
        arm.reference_better_in
            .map_or("-".to_owned(), |(better, of)| format!("{better}/{of}")),
        format!("{:.1}", mean(|run| run.verified as f64)),
        format!("{:.1}", mean(|run| f64::from(run.experiments))),
        format!("{:.1}", mean(|run| run.looks as f64)),
        format!("{:.0} s", mean(|run| run.wall_s)),
    ]
}

/// What the columns mean.
fn legend(comparison: &Comparison) -> String {
    format!(
        "score: geometric mean over tasks of the re-measured best {}, the baseline where there is nothing better; \
         geometric mean over seeds. Intervals: Student's, on logarithms, over seeds. Reference: {}, compared \
         seed by seed. The other columns are means per campaign.",
        comparison.metric, comparison.reference
    )
}

/// A table for a terminal.
pub fn table(comparison: &Comparison) -> String {
    let mut rows = vec![HEADER.map(str::to_owned)];
    rows.extend(comparison.arms.iter().map(cells));
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max();
    let widths: Vec<usize> = (0..HEADER.len()).filter_map(width).collect();
    let mut out = String::new();
    for row in &rows {
        let cells = row.iter().zip(&widths).enumerate();
        let line: Vec<String> = cells
            .map(|(column, (cell, width))| match column {
                0 => format!("{cell:<width$}"),
                _ => format!("{cell:>width$}"),
            })
            .collect();
        out.push_str(line.join("  ").trim_end());
        out.push('\n');
    }
    out.push_str(&legend(comparison));
    out.push('\n');
    out
}

/// The same as a page, with every campaign.
pub fn markdown(comparison: &Comparison) -> String {
    let mut out = format!("# Strategies compared by {}\n\n", comparison.metric);
    let line = |cells: &[String]| format!("| {} |\n", cells.join(" | "));
    out.push_str(&line(&HEADER.map(str::to_owned)));
    out.push_str(&line(&HEADER.map(|_| "---".to_owned())));
    for arm in &comparison.arms {
        out.push_str(&line(&cells(arm)));
    }
    // Writing to a String can't fail.
    let _ = writeln!(
        out,
        "\n{}\n\n![chart](comparison.svg)\n",
        legend(comparison)
    );
    out.push_str("## Campaigns\n\n");
    out.push_str("| strategy | seed | score | verified | won | experiments | looks | usd | tokens | time | directory |\n");
    out.push_str("| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |\n");
    for run in comparison.arms.iter().flat_map(|arm| &arm.runs) {
        let _ = writeln!(
            out,
            "| {} | {} | {} | {} | {} | {} | {} | {:.4} | {} | {:.0} s | `{}` |",
            run.arm,
            run.seed,
            run.score
                .map_or("-".to_owned(), |score| number(score, None)),
            run.verified,
            run.won.map_or("-".to_owned(), |won| won.to_string()),
            run.experiments,
            run.looks,
            run.usd,
            run.tokens,
            run.wall_s,
            run.dir
        );
    }
    out
}
