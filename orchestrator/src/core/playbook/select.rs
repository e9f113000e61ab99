//! Which lessons are told where not all of them fit.

use super::effect::weight;
use super::{Confidence, Lesson};
use crate::core::state::State;

/// For whom lessons are chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Relevance<'a> {
    /// For work on one task.
    Task(&'a str),
    /// For whoever decides between the tasks that are open.
    Open,
}

impl Relevance<'_> {
    /// What a lesson counts for: fully where it was seen on the task, half where
    /// it was seen on others. Our choice: lessons of other tasks come after
    /// those of the same strength on this one, not after all of them.
    fn factor(self, state: &State, lesson: &Lesson<'_>) -> f64 {
        let mut tasks = lesson.entry.scope.tasks.iter();
        let fits = tasks.any(|seen_on| match self {
            Self::Task(task) => task == seen_on,
            Self::Open => state.task(seen_on).is_some_and(|t| t.closed.is_none()),
        });
        if fits { 1.0 } else { 0.5 }
    }
}

/// Lessons that fit, and how many there are beside them.
#[derive(Clone, Debug, PartialEq)]
pub struct Selection<'a, 'b> {
    /// Those that fit, in the order of the playbook.
    pub shown: Vec<&'b Lesson<'a>>,
    /// How many more there are that are not retired.
    pub left_out: usize,
}

/// What a lesson is worth: confidence × |log effect| × relevance × recency.
/// The first is 1, 1/2 or 1/4 (our choice), the last what its age leaves of the
/// weight of its evidence.
pub(super) fn value(state: &State, lesson: &Lesson<'_>, relevance: Relevance<'_>) -> f64 {
    let confidence = match lesson.confidence {
        Confidence::High => 1.0,
        Confidence::Medium => 0.5,
        Confidence::Low => 0.25,
    };
    let size = lesson.effect.map_or(0.0, |effect| effect.ratio.ln().abs());
    confidence * size * relevance.factor(state, lesson) * weight(lesson.age)
}

/// Fills `limit` with the lessons worth most; one that does not fit is passed
/// over for smaller ones. Retired ones are never told.
pub fn select<'a, 'b>(
    state: &State,
    lessons: &'b [Lesson<'a>],
    relevance: Relevance<'_>,
    limit: u64,
    cost: impl Fn(&Lesson<'a>) -> u64,
) -> Selection<'a, 'b> {
    let mut by_value: Vec<(f64, &Lesson<'a>)> = lessons
        .iter()
        .filter(|lesson| !lesson.retired)
        .map(|lesson| (value(state, lesson, relevance), lesson))
        .collect();
    // Stable: what is worth the same stays in the order of the playbook.
    by_value.sort_by(|a, b| b.0.total_cmp(&a.0));
    let total = by_value.len();
    let mut left = limit;
    let mut shown = Vec::new();
    for (_, lesson) in by_value {
        let cost = cost(lesson);
        if cost <= left {
            left -= cost;
            shown.push(lesson);
        }
    }
    shown.sort_by_key(|lesson| lesson.number);
    Selection {
        left_out: total - shown.len(),
        shown,
    }
}
