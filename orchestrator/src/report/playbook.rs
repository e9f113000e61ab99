//! The playbook as it stands: in Markdown for people, shortened for prompts,
//! and as JSON.

use std::fmt::Write;

use serde_json::{Value, json};

use super::markdown::{number, plain};
use crate::core::playbook::{
    Cited, Comparison, Evidence, Lesson, Loser, Origin, Relevance, lessons, select,
};
use crate::core::state::State;
use crate::model::estimate::text_tokens;
use crate::tools::TOLD_TOKENS;

/// Version of the JSON.
const SCHEMA: u32 = 1;
/// Most measurements of a claim that a line names.
const NAMED: usize = 8;

fn named<T: ToString>(list: &[T]) -> String {
    let mut names: Vec<String> = list.iter().take(NAMED).map(T::to_string).collect();
    if list.len() > NAMED {
        names.push(format!("{} more", list.len() - NAMED));
    }
    names.join(", ")
}

fn effect(lesson: &Lesson<'_>) -> String {
    lesson.effect.map_or("not measured".to_owned(), |e| {
        format!("{}×", number(e.ratio, e.ci))
    })
}

/// Where a lesson comes from that another campaign had, and how long ago.
fn origin(state: &State, lesson: &Lesson<'_>) -> Option<String> {
    let prior = lesson.entry.prior.as_ref()?;
    let origin = state.carried.as_ref()?;
    let again = if lesson.age == 0 {
        ", measured again here".to_owned()
    } else if prior.age == 1 {
        String::new()
    } else {
        format!(", measured {} campaigns ago", prior.age)
    };
    Some(format!(
        "`{}` ({}){again}",
        plain(&origin.name),
        origin.short()
    ))
}

/// Measurements of both campaigns; those of another carry its number.
fn evidence(here: &[Evidence], before: Option<&Vec<Cited>>) -> String {
    let here = here.iter().map(ToString::to_string);
    let before = before.into_iter().flatten().map(ToString::to_string);
    named(&here.chain(before).collect::<Vec<_>>())
}

/// One lesson in a line.
pub(super) fn line(lesson: &Lesson<'_>) -> String {
    let entry = lesson.entry;
    let prior = entry.prior.as_ref();
    let mut line = format!(
        "{}{}: {}, confidence {} ({})",
        if prior.is_some() { "*prior* " } else { "" },
        plain(&entry.claim),
        effect(lesson),
        lesson.confidence.word(),
        evidence(&lesson.supporting, prior.map(|prior| &prior.supporting)),
    );
    let against = evidence(
        &lesson.contradicting,
        prior.map(|prior| &prior.contradicting),
    );
    if !against.is_empty() {
        // Writing to a String can't fail.
        let _ = write!(line, "; against it: {against}");
    }
    line
}

/// The playbook.
pub fn markdown(state: &State) -> String {
    let mut out =
        "# Playbook\n\nEffects are factors on the metric with 95% intervals.\n".to_owned();
    let lessons = lessons(state);
    let (retired, standing): (Vec<_>, Vec<_>) = lessons.iter().partition(|it| it.retired);
    // Writing to a String can't fail.
    for lesson in standing {
        let _ = entry(&mut out, state, lesson);
    }
    if !retired.is_empty() {
        let _ = writeln!(
            out,
            "\n# Retired\n\nAll measurements together say the opposite of these."
        );
    }
    for lesson in retired {
        let _ = entry(&mut out, state, lesson);
    }
    out
}

fn entry(out: &mut String, state: &State, lesson: &Lesson<'_>) -> std::fmt::Result {
    let entry = lesson.entry;
    writeln!(out, "\n## {}\n", plain(&entry.claim))?;
    let technique = entry.scope.technique.as_deref().unwrap_or("any");
    writeln!(
        out,
        "- scope: {} on {}",
        plain(technique),
        plain(&entry.scope.tasks.join(", "))
    )?;
    writeln!(out, "- effect: {}", effect(lesson))?;
    writeln!(out, "- confidence: {}", lesson.confidence.word())?;
    if let Some(origin) = origin(state, lesson) {
        writeln!(out, "- prior: from {origin}")?;
    }
    if !entry.do_.is_empty() {
        writeln!(out, "- do: {}", plain(&entry.do_))?;
    }
    if !lesson.do_not().is_empty() {
        writeln!(out, "- do not: {}", plain(lesson.do_not()))?;
    }
    let prior = entry.prior.as_ref();
    let all = |here: &[Evidence], before: Option<&Vec<Cited>>| {
        let here = here.iter().map(ToString::to_string);
        let before = before.into_iter().flatten().map(ToString::to_string);
        here.chain(before).collect::<Vec<_>>().join(", ")
    };
    let supporting = all(&lesson.supporting, prior.map(|prior| &prior.supporting));
    writeln!(out, "- supported by: {supporting}")?;
    let contradicting = all(
        &lesson.contradicting,
        prior.map(|prior| &prior.contradicting),
    );
    if !contradicting.is_empty() {
        writeln!(out, "- contradicted by: {contradicting}")?;
    }
    Ok(())
}

/// What a prompt says of the playbook, in at most [`TOLD_TOKENS`]: what is
/// worth most for work on `task`, or for whoever decides between tasks. Empty
/// without a lesson.
pub fn told(state: &State, task: Option<&str>) -> String {
    let all = lessons(state);
    if all.iter().all(|lesson| lesson.retired) {
        return String::new();
    }
    let mut out = "Effects are factors on the metric with 95% intervals.".to_owned();
    if let Some(origin) = &state.carried {
        // Writing to a String can't fail.
        let _ = write!(
            out,
            " Those marked *prior* were measured in another campaign, `{}` ({}): they say what to \
             try first, not what is so here.",
            plain(&origin.name),
            origin.short()
        );
    }
    out.push_str("\n\n");
    let left_out = |n: usize| format!("\n{n} more were left out: `read_playbook` has them.\n");
    // Room for the longest last line.
    let frame = text_tokens(&out) + text_tokens(&left_out(usize::MAX));
    let item = |lesson: &Lesson<'_>| {
        let mut item = format!("- {}", line(lesson));
        let entry = lesson.entry;
        for (word, text) in [("do", entry.do_.as_str()), ("do not", lesson.do_not())] {
            if !text.is_empty() {
                // Writing to a String can't fail.
                let _ = write!(item, "; {word}: {}", plain(text));
            }
        }
        item.push('\n');
        item
    };
    let relevance = task.map_or(Relevance::Open, Relevance::Task);
    let cost = |lesson: &Lesson<'_>| text_tokens(&item(lesson));
    let limit = TOLD_TOKENS.saturating_sub(frame);
    let selection = select(state, &all, relevance, limit, cost);
    for lesson in selection.shown {
        out.push_str(&item(lesson));
    }
    if selection.left_out > 0 {
        out.push_str(&left_out(selection.left_out));
    }
    out
}

/// What an entry compares, in a few words.
pub fn compared_with(comparison: &Comparison) -> String {
    match comparison {
        Comparison::Baseline { template } => format!("{template} / baseline"),
        Comparison::Template { with, without } => format!("{with} / {without}"),
        Comparison::Parameter {
            template,
            parameter,
            with,
            without,
        } => format!("{template}: {parameter} = {with} / {without}"),
    }
}

/// `alphalab playbook --json`; retired entries with `all` only.
pub fn json(state: &State, all: bool) -> Value {
    let lessons = lessons(state);
    let retired = lessons.iter().filter(|lesson| lesson.retired).count();
    let shown = lessons.iter().filter(|lesson| all || !lesson.retired);
    let metric = state.settings.as_ref().map(|settings| &settings.metric);
    json!({
        "schema": SCHEMA,
        "metric": metric.map(|metric| &metric.name),
        "direction": metric.map(|metric| metric.direction),
        "carried": state.carried.as_ref().map(|origin| json!({
            "name": origin.name,
            "campaign": origin.short(),
            "head": origin.head,
            "events": origin.events,
        })),
        "entries": shown.map(|lesson| one(state, lesson)).collect::<Vec<_>>(),
        "retired": retired,
    })
}

fn one(state: &State, lesson: &Lesson<'_>) -> Value {
    let entry = lesson.entry;
    let prior = entry.prior.as_ref();
    let cited = |list: Option<&Vec<Cited>>| -> Vec<String> {
        list.into_iter()
            .flatten()
            .map(ToString::to_string)
            .collect()
    };
    let here =
        |list: &[Evidence]| -> Vec<String> { list.iter().map(ToString::to_string).collect() };
    json!({
        "entry": lesson.number,
        "claim": entry.claim,
        "scope": entry.scope,
        "comparison": entry.comparison,
        "do": entry.do_,
        "do_not": lesson.do_not(),
        "effect": lesson.effect,
        "loser": lesson.loser.map(|loser| match loser {
            Loser::With => "with",
            Loser::Without => "without",
        }),
        "confidence": lesson.confidence,
        "retired": lesson.retired,
        "supporting": here(&lesson.supporting),
        "contradicting": here(&lesson.contradicting),
        "age": lesson.age,
        "by": prior.is_none().then(|| entry.by.to_string()),
        "prior": prior.map(|prior| json!({
            "campaign": state.carried.as_ref().map(Origin::short),
            "effect": prior.effect,
            "age": prior.age,
            "supporting": cited(Some(&prior.supporting)),
            "contradicting": cited(Some(&prior.contradicting)),
        })),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::ids::AgentId;
    use crate::core::playbook::{Confidence, Effect, Entry, Scope};
    use proptest::prelude::*;
    use protocol::Interval;

    fn entry(claim: String, ratio: f64) -> Entry {
        Entry {
            claim,
            scope: Scope {
                tasks: vec!["x".to_owned()],
                technique: None,
            },
            do_: "d".repeat(40),
            do_not: String::new(),
            effect: Some(Effect {
                ratio,
                ci: Some(Interval(ratio * 0.9, ratio * 1.1)),
            }),
            supporting: Vec::new(),
            contradicting: Vec::new(),
            confidence: Confidence::High,
            by: AgentId(1),
            comparison: None,
            pairs: Vec::new(),
            prior: None,
        }
    }

    proptest! {
        #[test]
        fn what_prompts_are_told_fits(
            claims in prop::collection::vec(("[ -~α-ω|*<]{0,300}", 0.2..5.0_f64), 0..80),
        ) {
            let playbook = claims.into_iter().map(|(claim, ratio)| entry(claim, ratio));
            let state = State { playbook: playbook.collect(), ..State::default() };
            let text = told(&state, Some("x"));
            prop_assert!(text_tokens(&text) <= TOLD_TOKENS);
            prop_assert_eq!(text.is_empty(), state.playbook.is_empty());
            let shown = text.lines().filter(|line| line.starts_with("- ")).count();
            let left_out = state.playbook.len() - shown;
            let said = format!("\n{left_out} more were left out");
            prop_assert_eq!(text.contains(&said), left_out > 0);
        }
    }
}
