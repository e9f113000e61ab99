//! Tables for people.

use std::fmt::Write;

use crate::core::board;
use crate::core::budget::{Forecast, Ledger};
use crate::core::playbook::{Lesson, lessons};
use crate::core::rank;
use crate::core::settings::WebSettings;
use crate::core::state::State;
use crate::report::{SIMULATED, compared_with, found_as, number, small, standing};
use crate::ui::clean;

/// Columns padded to their widest cell; the first is left-aligned.
pub(super) fn aligned(rows: &[Vec<String>]) -> String {
    let columns = rows.first().map_or(0, Vec::len);
    let width = |column: usize| {
        rows.iter()
            .filter_map(|row| row.get(column))
            .map(|cell| cell.chars().count())
            .max()
            .unwrap_or(0)
    };
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let mut out = String::new();
    for row in rows {
        let cells: Vec<String> = row
            .iter()
            .zip(&widths)
            .enumerate()
            .map(|(place, (cell, width))| {
                let pad = " ".repeat(width - cell.chars().count());
                if place == 1 {
                    format!("{cell}{pad}")
                } else {
                    format!("{pad}{cell}")
                }
            })
            .collect();
        out.push_str(cells.join("  ").trim_end());
        out.push('\n');
    }
    out
}

/// How phases 0 to 2 went.
pub(super) fn phases(state: &State) -> String {
    let mut rows = vec![
        ["round", "audit", "critic", "tester", "outcome"]
            .map(str::to_owned)
            .to_vec(),
    ];
    let count = |faults: Option<usize>| faults.map_or("-".to_owned(), |n| format!("{n} faults"));
    for round in &state.rounds {
        let outcome = if round.is_rejected() {
            "rejected"
        } else if round.is_passed() {
            "passed"
        } else {
            "-"
        };
        rows.push(vec![
            round.number.to_string(),
            count(round.audit.as_ref().map(|audit| audit.faults.len())),
            count(round.critic.as_ref().map(|review| review.faults.len())),
            count(round.tester.as_ref().map(|review| review.faults.len())),
            outcome.to_owned(),
        ]);
    }
    let mut out = String::new();
    if let Some(adapter) = &state.adapter {
        // Writing to a String can't fail.
        let _ = writeln!(out, "adapter {}: {}", adapter.name, clean(&adapter.why));
    }
    if !state.rounds.is_empty() {
        out.push_str(&aligned(&rows));
    }
    for (finder, fault) in state
        .rounds
        .iter()
        .flat_map(crate::core::rounds::Round::faults)
    {
        let _ = writeln!(
            out,
            "  {}, {}: {}",
            finder.word(),
            clean(&fault.check),
            clean(&fault.detail)
        );
    }
    if let Some((_, hash)) = &state.frozen {
        let _ = writeln!(out, "evaluation frozen as {}", hash.short());
    }
    out
}

/// The leaderboard: every task, lost and unverified ones too.
pub(super) fn leaderboard(state: &State) -> String {
    let board = rank::leaderboard(state);
    let metric = state
        .settings
        .as_ref()
        .map_or("value", |s| s.metric.name.as_str());
    let header = [
        "#",
        "task",
        metric,
        "95% interval",
        "n",
        "",
        "q",
        "found as",
        "track",
        "experiment",
    ];
    let mut rows = vec![header.map(str::to_owned).to_vec()];
    let by_several = state.has_several_models();
    if by_several {
        rows[0].push("model".to_owned());
    }
    for row in &board.rows {
        let whole = number(row.value, row.ci);
        let (value, ci) = whole.split_once(' ').unwrap_or((&whole, "-"));
        rows.push(vec![
            row.rank.to_string(),
            clean(&row.task),
            value.to_owned(),
            ci.to_owned(),
            row.n.to_string(),
            standing(row.standing).to_owned(),
            row.q.map_or("-".to_owned(), small),
            found_as(row).to_owned(),
            clean(row.track.as_deref().unwrap_or("-")),
            row.experiment.to_string(),
        ]);
        if by_several && let Some(cells) = rows.last_mut() {
            cells.push(clean(row.model.as_deref().unwrap_or("-")));
        }
    }
    let mut out = if board.rows.is_empty() {
        "no verified result yet\n".to_owned()
    } else {
        aligned(&rows)
    };
    for row in &board.rows {
        for caveat in &row.caveats {
            // Writing to a String can't fail.
            let _ = writeln!(out, "note: {}: {}", clean(&row.task), clean(caveat));
        }
    }
    for task in &board.unverified {
        // Writing to a String can't fail.
        let _ = writeln!(
            out,
            "unverified: {} ({})",
            clean(&task.task),
            clean(&task.reason)
        );
    }
    let s = &board.summary;
    let show = |value: Option<f64>| value.map_or("-".to_owned(), |v| number(v, None));
    let count = |value: Option<usize>| value.map_or("-".to_owned(), |n| n.to_string());
    if state.is_simulated() {
        let _ = writeln!(out, "{} tasks, {} verified", s.tasks, s.verified);
        let _ = writeln!(out, "{SIMULATED}");
        return out;
    }
    let _ = writeln!(
        out,
        "{} tasks, {} verified, {} won, {} lost; geometric mean {} (as deployed {}), median {}",
        s.tasks,
        s.verified,
        count(s.won),
        count(s.lost),
        show(s.geomean),
        show(s.geomean_deployed),
        show(s.median),
    );
    if let Some(shares) = s.fast {
        let shown: Vec<String> = crate::core::rank::FAST
            .iter()
            .zip(shares)
            .map(|(ratio, share)| format!("{:.0}% above {ratio}", share * 100.0))
            .collect();
        let _ = writeln!(out, "of all tasks (fast_p): {}", shown.join(", "));
    }
    for also in &board.also {
        let _ = writeln!(
            out,
            "{} of {} tasks: {} lost; geometric mean {}, mean {}, median {}",
            clean(&also.metric),
            also.n,
            count(also.lost),
            show(also.geomean),
            show(also.mean),
            show(also.median),
        );
    }
    if s.apart > 0 {
        let _ = writeln!(
            out,
            "{} set apart, not in the mean and the median: geometric mean {}",
            s.apart,
            show(s.geomean_apart)
        );
    }
    out
}

/// What was learned; retired entries with `all` only.
pub(super) fn playbook(state: &State, all: bool) -> String {
    let lessons = lessons(state);
    let shown: Vec<&Lesson<'_>> = lessons.iter().filter(|it| all || !it.retired).collect();
    let header = [
        "#",
        "tasks",
        "compared",
        "effect",
        "95% interval",
        "confidence",
        "for",
        "against",
        "age",
    ];
    let mut rows = vec![header.map(str::to_owned).to_vec()];
    for lesson in &shown {
        let prior = lesson.entry.prior.as_ref();
        let whole = lesson
            .effect
            .map_or("-".to_owned(), |e| number(e.ratio, e.ci));
        let (effect, ci) = whole.split_once(' ').unwrap_or((&whole, "-"));
        let compared = match &lesson.entry.comparison {
            Some(comparison) => compared_with(comparison),
            None => lesson.entry.scope.technique.clone().unwrap_or_default(),
        };
        let cited = |here: usize, before: Option<usize>| (here + before.unwrap_or(0)).to_string();
        rows.push(vec![
            lesson.number.to_string(),
            clean(&lesson.entry.scope.tasks.join(",")),
            clean(&compared),
            effect.to_owned(),
            ci.to_owned(),
            if lesson.retired {
                "retired".to_owned()
            } else {
                lesson.confidence.word().to_owned()
            },
            cited(lesson.supporting.len(), prior.map(|p| p.supporting.len())),
            cited(
                lesson.contradicting.len(),
                prior.map(|p| p.contradicting.len()),
            ),
            lesson.age.to_string(),
        ]);
    }
    let mut out = if shown.is_empty() {
        "nothing learned yet\n".to_owned()
    } else {
        aligned(&rows)
    };
    // Writing to a String can't fail.
    for lesson in &shown {
        let origin = match (&lesson.entry.prior, &state.carried) {
            (Some(_), Some(origin)) => {
                format!(" (from {}, {})", clean(&origin.name), origin.short())
            }
            _ => String::new(),
        };
        let _ = writeln!(
            out,
            "{}{origin}: {}",
            lesson.number,
            clean(&lesson.entry.claim)
        );
        for (word, text) in [
            ("do", lesson.entry.do_.as_str()),
            ("do not", lesson.do_not()),
        ] {
            if !text.is_empty() {
                let _ = writeln!(out, "   {word}: {}", clean(text));
            }
        }
    }
    let retired = lessons.iter().filter(|lesson| lesson.retired).count();
    let hint = if retired > 0 && !all {
        "; --all shows them"
    } else {
        ""
    };
    let _ = writeln!(
        out,
        "{} entries, {retired} retired{hint}; age in campaigns since it was measured",
        lessons.len()
    );
    out
}

/// Where a campaign stands.
pub(super) fn status(state: &State, now_ms: i64, live: bool) -> String {
    let word = match (state.run, live) {
        (crate::core::state::RunState::Running, false) => "interrupted; resume it",
        _ => state.run.word(),
    };
    let budget = state.budget(if live { now_ms } else { state.clock.last_ms() });
    let ledger = |l: Ledger| {
        let limit = l
            .limit
            .map_or("no limit".to_owned(), |limit| format!("{limit:.0}"));
        format!(
            "{:.0} spent, {:.0} reserved, of {limit}",
            l.spent, l.reserved
        )
    };
    let mut out = format!(
        "state        {word}, phase {}, {} events\n",
        state.phase, state.seq
    );
    if let Some(stage) = state.stage_in_force() {
        let part = state.part_spent() * 100.0;
        // Writing to a String can't fail.
        let _ = writeln!(out, "stage        {}, {part:.0}% spent", stage.word());
    }
    if let Some(what) = state.waits_for().filter(|_| live) {
        // Writing to a String can't fail.
        let _ = writeln!(out, "waits        {what}");
    }
    for (task, reason) in &state.staff.paused {
        let _ = writeln!(
            out,
            "paused       {task}: {reason} (`alphalab steer DIR resume-task {task}`)"
        );
    }
    let counts: Vec<String> = board::ALL
        .iter()
        .map(|column| {
            let n = state
                .experiments
                .values()
                .filter(|e| e.state == *column)
                .count();
            (column, n)
        })
        .filter(|(_, n)| *n > 0)
        .map(|(column, n)| format!("{n} {}", column.word()))
        .collect();
    // Writing to a String can't fail.
    let _ = writeln!(out, "board        {}", counts.join(", "));
    if state.is_simulated() {
        let _ = writeln!(out, "device       {SIMULATED}");
    }
    let _ = writeln!(out, "experiments  {}", ledger(budget.experiments));
    let _ = writeln!(out, "seconds      {}", ledger(budget.wall_s));
    if budget.usd.limit.is_some() || budget.usd.spent + budget.usd.unsettled > 0.0 {
        let _ = writeln!(out, "US dollars   {}", money(budget.usd));
        let _ = writeln!(out, "tokens       {}", ledger(budget.tokens));
    }
    let shares = state.settings.iter().flat_map(|settings| &settings.shares);
    for (role, share) in shares.filter(|_| budget.usd.limit.is_some()) {
        if let Some(of) = state.share(*role) {
            let (role, share) = (role.word(), share * 100.0);
            let _ = writeln!(out, "  {role:<10} {}, its {share:.0}%", money(of.usd));
        }
    }
    if let Some(forecast) = budget.forecast().filter(|_| live) {
        let _ = writeln!(out, "forecast     {}", forecast_words(&forecast));
    }
    let _ = writeln!(out, "quick looks  {}", state.tries.len());
    let web = state.settings.as_ref().and_then(|s| s.web.as_ref());
    let _ = writeln!(
        out,
        "web          {}",
        web.map_or("off".to_owned(), seen_of_the_web)
    );
    if let Some(baseline) = &state.measured {
        let _ = writeln!(
            out,
            "baseline     {}, {}",
            number(baseline.value, baseline.ci),
            clean(&baseline.name)
        );
    }
    let significance = &state.significance;
    if significance.tests() > 0 {
        let new = significance.new_bests.len();
        let last = significance.new_bests.last();
        let last = last.map_or(String::new(), |test| {
            format!(", the last is {} on {}", test.experiment, clean(&test.task))
        });
        let _ = writeln!(
            out,
            "new best     {new} of {} comparisons{last}",
            significance.tests()
        );
    }
    for task in &state.tasks {
        let leading = state.leading(&task.name);
        let leading = leading.filter(|(id, _)| !significance.is_new_best(*id));
        if let Some((id, value)) = leading {
            let _ = writeln!(
                out,
                "leading      {} on {} ({id}), within the noise of what was best before",
                number(value, None),
                clean(&task.name)
            );
        }
    }
    if let Some(best) = rank::leaderboard(state).rows.first() {
        let _ = writeln!(
            out,
            "best         {} on {} ({})",
            number(best.value, best.ci),
            clean(&best.task),
            best.experiment
        );
    }
    out.push_str(&super::models::status(state));
    out
}

/// When the first limit is reached, and what will be used then.
fn forecast_words(forecast: &Forecast) -> String {
    let (Some(first), Some(seconds)) = (forecast.first, forecast.seconds_left) else {
        return "no limit is being approached".to_owned();
    };
    let first = match first {
        "wall_s" => "running time",
        "usd" => "money",
        other => other,
    };
    let mut words = format!(
        "{first} is up in {:.0} min at this rate",
        (seconds / 60.0).ceil()
    );
    if let Some(usd) = forecast.usd.filter(|usd| *usd > 0.0) {
        // Writing to a String can't fail.
        let _ = write!(words, ", {usd:.2} US dollars by then");
    }
    words
}

/// What of the web agents may look at.
fn seen_of_the_web(web: &WebSettings) -> String {
    let mut out = "agents may look at it".to_owned();
    if let Some(url) = &web.search_url {
        out.push_str("; searched by ");
        out.push_str(&clean(url));
    }
    if !web.allowed_hosts.is_empty() {
        out.push_str("; also ");
        out.push_str(&clean(&web.allowed_hosts.join(", ")));
    }
    out
}

/// A ledger of US dollars; what was cut off is named where there is any.
fn money(l: Ledger) -> String {
    let limit = l
        .limit
        .map_or("no limit".to_owned(), |limit| format!("{limit:.2}"));
    let unsettled = if l.unsettled > 0.0 {
        format!(", {:.4} cut off and counted in full", l.unsettled)
    } else {
        String::new()
    };
    format!(
        "{:.4} spent, {:.4} reserved{unsettled}, of {limit}",
        l.spent, l.reserved
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up() {
        let row = |a: &str, b: &str| vec![a.to_owned(), b.to_owned(), "x".to_owned()];
        assert_eq!(
            aligned(&[row("1", "ab"), row("10", "a")]),
            " 1  ab  x\n10  a   x\n"
        );
    }
}
