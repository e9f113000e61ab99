//! The report in Markdown.

use std::fmt::Write;

use protocol::{Interval, Split};

use super::Anchor;
use crate::core::event::Score;
use crate::core::playbook::{Lesson, lessons};
use crate::core::rank::{self, Leaderboard, Standing};
use crate::core::state::{Experiment, RunState, State};

/// A number with its interval, for people.
pub fn number(value: f64, ci: Option<Interval>) -> String {
    match ci {
        Some(ci) => format!(
            "{} [{}, {}]",
            digits(value),
            digits(ci.lo()),
            digits(ci.hi())
        ),
        None => digits(value),
    }
}

/// Three significant digits.
pub(super) fn digits(value: f64) -> String {
    let size = value.abs();
    if size >= 100.0 {
        format!("{value:.0}")
    } else if size >= 10.0 {
        format!("{value:.1}")
    } else if !(f64::MIN_POSITIVE..0.1).contains(&size) {
        format!("{value:.2}")
    } else {
        format!("{value:.2e}")
    }
}

/// One word for a standing.
pub fn standing(standing: Option<Standing>) -> &'static str {
    match standing {
        Some(Standing::Won) => "won",
        Some(Standing::Lost) => "lost",
        Some(Standing::Even) => "even",
        None => "-",
    }
}

/// Text from a lab or an agent, made harmless in a table: one line, no markup.
pub(super) fn plain(text: &str) -> String {
    let mut line: String = text
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .take(200)
        .collect();
    for special in ['\\', '|', '<', '>', '`', '*', '_', '[', ']'] {
        line = line.replace(special, &format!("\\{special}"));
    }
    line
}

/// The report. Every number names the experiment it comes from.
pub fn report(state: &State, anchor: &Anchor) -> String {
    let mut out = String::new();
    let board = rank::leaderboard(state);
    // Writing to a String can't fail.
    let _ = write_report(&mut out, state, &board);
    let _ = write!(out, "\n## Proof\n\n{anchor}\n");
    out
}

fn write_report(out: &mut String, state: &State, board: &Leaderboard) -> std::fmt::Result {
    let Some(settings) = &state.settings else {
        return Ok(());
    };
    let metric = &settings.metric;
    writeln!(out, "# {}\n", plain(&settings.objective))?;
    let budget = state.budget(state.clock.last_ms());
    let ended = match state.run {
        RunState::Finished(reason) => reason.text(),
        RunState::New | RunState::Running => "under way",
        RunState::Stopped => "stopped; it can be resumed",
    };
    writeln!(
        out,
        "Adapter `{}`, {}, device `{}`{}, lab {} {}. {:.0} s of running time, {} experiments \
         evaluated, {} quick looks. The campaign is over because: {ended}.\n",
        settings.adapter,
        super::models::named(settings),
        settings.device,
        settings
            .arch
            .as_ref()
            .map_or_else(String::new, |arch| format!(" (`{arch}`)")),
        state.lab.as_ref().map_or("-", |lab| lab.0.as_str()),
        state.lab.as_ref().map_or("-", |lab| lab.1.as_str()),
        budget.wall_s.spent,
        budget.experiments.spent,
        state.tries.len(),
    )?;
    if settings.simulated {
        writeln!(out, "**{}.**\n", super::SIMULATED)?;
    }
    if settings.web.is_some() {
        writeln!(
            out,
            "Explorer, Strategist and Supervisor could look at the web. What they found there may \
             have been published after, or about, the data.\n"
        )?;
    }
    super::phases::write(out, state)?;
    if state.phase < 3 {
        return Ok(());
    }
    summary(out, state, board)?;
    writeln!(out, "## Results\n")?;
    writeln!(
        out,
        "`{}` ({}) of the best candidate per task, measured again with fresh inputs by a \
         process that had not met the task (split `select`). `search` is what the campaign had \
         seen before; the difference is the price of choosing the best.\n",
        metric.name, metric.unit
    )?;
    writeln!(
        out,
        "| task | {} [95%] | n | against baseline | search | track | experiment |",
        metric.name
    )?;
    writeln!(out, "|---|---|---|---|---|---|---|")?;
    for row in &board.rows {
        writeln!(
            out,
            "| {} | {} | {} | {} | {} | {} | {} |",
            plain(&row.task),
            number(row.value, row.ci),
            row.n,
            standing(row.standing),
            row.search_value.map_or("-".to_owned(), digits),
            plain(row.track.as_deref().unwrap_or("-")),
            row.experiment,
        )?;
    }
    writeln!(out, "\n![{} per task](tasks.svg)\n", metric.name)?;
    for row in &board.rows {
        for caveat in &row.caveats {
            writeln!(out, "- {}: {}", plain(&row.task), plain(caveat))?;
        }
    }
    if board.rows.iter().any(|row| !row.caveats.is_empty()) {
        writeln!(out)?;
    }
    super::statistics::write(out, state, board)?;
    if !board.unverified.is_empty() {
        writeln!(out, "## Without a verified result\n")?;
        for task in &board.unverified {
            writeln!(out, "- {}: {}", plain(&task.task), plain(&task.reason))?;
        }
        writeln!(out)?;
    }
    super::models::write(out, state)?;
    if !settings.simulated {
        writeln!(out, "## How it went\n\n![best so far](progress.svg)\n")?;
    }
    experiments(out, state)?;
    concluded(out, state)?;
    supervised(out, state)?;
    super::lineage::write(out, state)?;
    learned(out, state)?;
    evaluation(out, state)
}

fn summary(out: &mut String, state: &State, board: &Leaderboard) -> std::fmt::Result {
    let s = &board.summary;
    let show = |value: Option<f64>| value.map_or("-".to_owned(), digits);
    let count = |value: Option<usize>| value.map_or("-".to_owned(), |n| n.to_string());
    writeln!(out, "## Summary\n")?;
    writeln!(out, "| | |\n|---|---|")?;
    writeln!(
        out,
        "| tasks, attempted, verified | {}, {}, {} |",
        s.tasks, s.attempted, s.verified
    )?;
    if state.is_simulated() {
        return writeln!(out);
    }
    writeln!(
        out,
        "| whole interval better / worse than the baseline | {} / {} |",
        count(s.won),
        count(s.lost)
    )?;
    writeln!(
        out,
        "| of these, with false discoveries kept below 5% | {} / {} |",
        count(s.won_fdr),
        count(s.lost_fdr)
    )?;
    writeln!(
        out,
        "| geometric mean, losses included | {} |",
        show(s.geomean)
    )?;
    if s.apart > 0 {
        writeln!(
            out,
            "| set apart (collapsible, degenerate or ill-posed, or a Python submission), not in that mean: {}; geometric mean | {} |",
            s.apart,
            show(s.geomean_apart)
        )?;
    }
    writeln!(
        out,
        "| geometric mean as deployed (baseline where it is better or nothing is verified) | {} |",
        show(s.geomean_deployed)
    )?;
    writeln!(out, "| mean | {} |", show(s.mean))?;
    writeln!(out, "| median | {} |", show(s.median))?;
    if let Some(shares) = s.fast {
        for (ratio, share) in crate::core::rank::FAST.iter().zip(shares) {
            writeln!(
                out,
                "| share of all tasks more than {ratio} times the baseline (fast_p) | {:.0}% |",
                share * 100.0
            )?;
        }
    }
    for also in &board.also {
        let name = plain(&also.metric);
        writeln!(
            out,
            "| {name}: tasks, worse than the baseline, geometric mean, mean, median | {}, {}, {}, {}, {} |",
            also.n,
            count(also.lost),
            show(also.geomean),
            show(also.mean),
            show(also.median)
        )?;
    }
    writeln!(out)?;
    if let Some(settings) = &state.settings {
        writeln!(
            out,
            "The baseline is {}{}.\n",
            plain(state.baseline_name().unwrap_or_default()),
            match (&state.measured, settings.metric.baseline_value) {
                (Some(measured), _) => {
                    let shown = number(measured.value, measured.ci);
                    let select = measured.select.map_or_else(String::new, |again| {
                        format!(", {} on `select`", number(again.value, again.ci))
                    });
                    let name = &settings.metric.name;
                    format!(": {name} = {shown} on `search`{select}")
                }
                (None, Some(value)) => format!(": {} = {value}", settings.metric.name),
                (None, None) => "; nobody has measured it".to_owned(),
            }
        )?;
    }
    Ok(())
}

fn experiments(out: &mut String, state: &State) -> std::fmt::Result {
    writeln!(out, "## Experiments\n")?;
    writeln!(
        out,
        "| experiment | task | candidate | search | select | state |"
    )?;
    writeln!(out, "|---|---|---|---|---|---|")?;
    for e in state.experiments.values() {
        writeln!(
            out,
            "| {} | {} | {} | {} | {} | {} |",
            e.id,
            plain(&e.task),
            candidate(e),
            score(e, Split::Search),
            score(e, Split::Select),
            match e.demoted() {
                Some(ruling) => format!("demoted: {}", plain(&ruling.reason)),
                None => e.state.word().to_owned(),
            },
        )?;
    }
    writeln!(out)
}

/// What went wrong, and what was done about it.
fn supervised(out: &mut String, state: &State) -> std::fmt::Result {
    let (watched, paused) = (&state.staff.watched, &state.staff.paused);
    if watched.alarms.is_empty() && paused.is_empty() {
        return Ok(());
    }
    writeln!(out, "## Alarms\n")?;
    for alarm in &watched.alarms {
        writeln!(out, "- {}: {}", alarm.kind.word(), plain(&alarm.detail))?;
    }
    for (task, reason) in paused {
        writeln!(out, "- {} is paused: {}", plain(task), plain(reason))?;
    }
    writeln!(out)
}

/// What was said about experiments by those who took them up later.
fn concluded(out: &mut String, state: &State) -> std::fmt::Result {
    let said = &state.staff.conclusions;
    if said.is_empty() {
        return Ok(());
    }
    writeln!(out, "## Said of experiments\n")?;
    for (experiment, conclusions) in said {
        for conclusion in conclusions {
            writeln!(out, "- {experiment}: {}", plain(&conclusion.text))?;
        }
    }
    writeln!(out)
}

fn candidate(e: &Experiment) -> String {
    match &e.candidate {
        Some((protocol::Candidate::Template { template, params }, _)) => {
            let params: Vec<String> = params.iter().map(|(k, v)| format!("{k}={v}")).collect();
            plain(&format!("{template} {}", params.join(" ")))
        }
        Some((protocol::Candidate::Files { files }, _)) => format!("{} files", files.len()),
        None => "-".to_owned(),
    }
}

pub(super) fn score(e: &Experiment, split: Split) -> String {
    let show = |score: &Score| match score.verified() {
        Some(value) => number(value, score.ci),
        None => plain(&format!(
            "{}: {}",
            score.verdict.word(),
            score.verdict.reason()
        )),
    };
    e.last(split)
        .map_or("-".to_owned(), |attempt| show(&attempt.measurement.score))
}

fn learned(out: &mut String, state: &State) -> std::fmt::Result {
    writeln!(out, "## Learned\n")?;
    let lessons = lessons(state);
    let standing: Vec<&Lesson<'_>> = lessons.iter().filter(|lesson| !lesson.retired).collect();
    if standing.is_empty() {
        writeln!(out, "Nothing yet.\n")?;
    }
    for lesson in &standing {
        writeln!(out, "- {}", super::playbook::line(lesson))?;
    }
    let retired = lessons.len() - standing.len();
    if retired > 0 {
        writeln!(
            out,
            "- {retired} entries were retired: in the end measurements said the opposite"
        )?;
    }
    if let Some(origin) = &state.carried {
        writeln!(
            out,
            "\nEntries marked *prior* were taken over from the campaign `{}` as of its event {} \
             (`{}`); none of their numbers was measured here.",
            plain(&origin.name),
            origin.events,
            origin.short(),
        )?;
    }
    writeln!(out)
}

fn evaluation(out: &mut String, state: &State) -> std::fmt::Result {
    writeln!(out, "## Evaluation\n")?;
    let Some((tasks, hash)) = &state.frozen else {
        return writeln!(out, "Not frozen.");
    };
    writeln!(
        out,
        "Frozen as `{hash}` before the first experiment. Scores are computed by the lab from the \
         candidate, never by the candidate.\n"
    )?;
    for task in tasks {
        let (source, inspection) = (task.source.short(), task.inspection.short());
        writeln!(
            out,
            "- {}: files `{source}`, inspection `{inspection}`",
            plain(&task.name)
        )?;
    }
    for task in state.tasks.iter().filter(|task| task.closed.is_some()) {
        let reason = task.closed.as_deref().unwrap_or_default();
        writeln!(out, "- {} was closed: {}", plain(&task.name), plain(reason))?;
    }
    Ok(())
}
