//! Entries as they stand: every measurement that bears on them counted, what
//! contradicts them too. All of it follows from the log.

use super::comparison::{Measured, Seen, matching, named};
use super::effect::{Effect, confidence, pool, weight};
use super::{Confidence, Entry, Evidence, Prior};
use crate::core::state::State;

/// An entry as it stands.
#[derive(Clone, Debug, PartialEq)]
pub struct Lesson<'a> {
    /// Its place in the playbook, from 1.
    pub number: usize,
    /// What was written.
    pub entry: &'a Entry,
    /// The effect, all evidence counted.
    pub effect: Option<Effect>,
    /// Measurements of this campaign that agree with the claim.
    pub supporting: Vec<Evidence>,
    /// Measurements of this campaign that disagree.
    pub contradicting: Vec<Evidence>,
    /// Whether it rests on full evaluations alone.
    pub evaluated: bool,
    /// How sure it is.
    pub confidence: Confidence,
    /// Campaigns since it was measured last; 0 if it was in this one.
    pub age: u32,
    /// Whether all evidence together says the opposite of the claim.
    pub retired: bool,
    /// What was measured to lose, if it is clear.
    pub loser: Option<Loser>,
}

/// The side of a comparison that is worse.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Loser {
    /// What the entry is about.
    With,
    /// What it was compared with; never the baseline.
    Without,
}

impl Lesson<'_> {
    /// What to leave: nothing, unless something was measured to lose.
    pub fn do_not(&self) -> &str {
        if self.loser.is_some() {
            &self.entry.do_not
        } else {
            ""
        }
    }
}

/// Every entry as it stands, in the order of the playbook.
pub fn lessons(state: &State) -> Vec<Lesson<'_>> {
    let measured = Measured::of(state, &state.playbook);
    let entries = state.playbook.iter().enumerate();
    entries
        .map(|(place, entry)| with(state, &measured, place + 1, entry))
        .collect()
}

/// One entry as it stands.
pub fn assess<'a>(state: &State, number: usize, entry: &'a Entry) -> Lesson<'a> {
    let measured = Measured::of(state, std::slice::from_ref(entry));
    with(state, &measured, number, entry)
}

fn seen(state: &State, measured: &Measured<'_>, entry: &Entry) -> Vec<Seen> {
    match &entry.comparison {
        Some(comparison) => matching(measured, comparison, &entry.scope.tasks),
        None => named(state, &entry.pairs),
    }
}

fn with<'a>(state: &State, measured: &Measured<'_>, number: usize, entry: &'a Entry) -> Lesson<'a> {
    let seen = seen(state, measured, entry);
    let effects: Vec<Effect> = seen.iter().map(|seen| seen.effect).collect();
    let here = pool(&effects);
    let prior = entry.prior.as_ref();
    let effect = match (prior, here) {
        (Some(prior), Some(here)) => Some(Effect::updated(&prior.effect, weight(prior.age), &here)),
        (Some(prior), None) => Some(prior.effect.discounted(weight(prior.age))),
        (None, Some(here)) => Some(here),
        // Written by a version that kept no pairs.
        (None, None) => entry.effect,
    };
    let claimed = entry.effect.filter(Effect::is_clear);
    let raises = entry.effect.is_none_or(|effect| effect.raises());
    let (supporting, contradicting) = sides(entry, &seen, raises);
    let evaluated = match (prior, seen.is_empty()) {
        (Some(prior), true) => prior.evaluated,
        (prior, false) => {
            prior.is_none_or(|prior| prior.evaluated) && seen.iter().all(Seen::is_evaluated)
        }
        (None, true) => entry.confidence == Confidence::High,
    };
    let contradicted = !contradicting.is_empty()
        || prior.is_some_and(|prior| !prior.contradicting.is_empty())
        || here.is_some_and(|here| here.contradicts(raises));
    let retired = effect.is_some_and(|effect| effect.raises() != raises);
    let confidence = if retired || claimed.is_none() {
        Confidence::Low
    } else {
        confidence(effect, evaluated, contradicted)
    };
    let mut lesson = Lesson {
        number,
        entry,
        effect,
        supporting,
        contradicting,
        evaluated,
        confidence,
        age: match prior {
            Some(prior) if seen.is_empty() => prior.age,
            _ => 0,
        },
        retired,
        loser: None,
    };
    lesson.loser = loser(state, &lesson);
    lesson
}

/// Measurements that agree with a claim, and those of effects that clearly
/// point the other way.
fn sides(entry: &Entry, seen: &[Seen], raises: bool) -> (Vec<Evidence>, Vec<Evidence>) {
    if seen.is_empty() && entry.prior.is_none() {
        return (entry.supporting.clone(), entry.contradicting.clone());
    }
    let mut supporting = Vec::new();
    let mut contradicting = Vec::new();
    for seen in seen {
        let side = if seen.effect.contradicts(raises) {
            &mut contradicting
        } else {
            &mut supporting
        };
        side.extend(&seen.evidence);
    }
    for side in [&mut supporting, &mut contradicting] {
        side.sort();
        side.dedup();
    }
    (supporting, contradicting)
}

fn loser(state: &State, lesson: &Lesson<'_>) -> Option<Loser> {
    let effect = lesson.effect.filter(Effect::is_clear)?;
    if lesson.confidence == Confidence::Low {
        return None;
    }
    let wins = state.better(effect.ratio, 1.0);
    let entry = lesson.entry;
    let against_baseline = match &entry.comparison {
        Some(comparison) => comparison.reversed().is_none(),
        // Of what was carried without a comparison the other side isn't known.
        None => entry.pairs.iter().all(|pair| pair.without.is_none()),
    };
    match (wins, against_baseline) {
        (false, _) => Some(Loser::With),
        (true, false) => Some(Loser::Without),
        (true, true) => None,
    }
}

/// `entry` with what the log says of it now: effect, evidence, confidence, and
/// no `do_not` without a loss.
pub(super) fn written(state: &State, mut entry: Entry) -> Entry {
    let effects: Vec<Effect> = seen(
        state,
        &Measured::of(state, std::slice::from_ref(&entry)),
        &entry,
    )
    .iter()
    .map(|seen| seen.effect)
    .collect();
    entry.effect = pool(&effects);
    let lesson = assess(state, 0, &entry);
    let (supporting, contradicting) = (lesson.supporting, lesson.contradicting);
    let (confidence, lost) = (lesson.confidence, lesson.loser.is_some());
    Entry {
        supporting,
        contradicting,
        confidence,
        do_not: if lost { entry.do_not } else { String::new() },
        ..entry
    }
}

/// Whether two entries are about the same: the same comparison on the same
/// tasks, whichever way round. Where the candidates don't say what is compared:
/// the same words, or opposite effects of the same technique.
fn same_subject(a: &Entry, b: &Entry) -> bool {
    let tasks = |entry: &Entry| {
        let mut tasks = entry.scope.tasks.clone();
        tasks.sort();
        tasks.dedup();
        tasks
    };
    if tasks(a) != tasks(b) {
        return false;
    }
    match (&a.comparison, &b.comparison) {
        (Some(x), Some(y)) => x == y || x.reversed().as_ref() == Some(y),
        (None, None) => a.claim == b.claim || are_opposite(a, b),
        (Some(_), None) | (None, Some(_)) => false,
    }
}

fn are_opposite(a: &Entry, b: &Entry) -> bool {
    let side = |entry: &Entry| {
        let effect = entry.effect.filter(Effect::is_clear)?;
        Some(effect.raises())
    };
    let against_baseline = |entry: &Entry| entry.pairs.iter().all(|pair| pair.without.is_none());
    let technique = |entry: &Entry| entry.scope.technique.clone();
    technique(a).is_some()
        && technique(a) == technique(b)
        && against_baseline(a) == against_baseline(b)
        && matches!((side(a), side(b)), (Some(x), Some(y)) if x != y)
}

impl State {
    /// The entry that is about the same as `entry`, by its place.
    pub fn known(&self, entry: &Entry) -> Option<usize> {
        let mut known = self.playbook.iter();
        known.position(|known| same_subject(known, entry))
    }

    /// Takes an entry in: beside the others, or into the one about the same.
    pub(in crate::core) fn learn(&mut self, entry: Entry) {
        match self.known(&entry) {
            Some(place) => {
                let merged = merged(self, &self.playbook[place], entry);
                self.playbook[place] = merged;
            }
            None => self.playbook.push(entry),
        }
    }
}

/// Two entries about the same as one. All evidence stays; the words are those
/// that the evidence agrees with, the older ones where it agrees with both.
fn merged(state: &State, old: &Entry, new: Entry) -> Entry {
    let reversed = old.comparison != new.comparison;
    let mut whole = old.clone();
    for pair in &new.pairs {
        if !whole.pairs.contains(pair) {
            whole.pairs.push(*pair);
        }
    }
    if whole.comparison.is_none() && old.pairs.is_empty() && old.prior.is_none() {
        // Written by a version that kept no pairs: nothing to count again.
        return new;
    }
    let raises = |entry: &Entry| entry.effect.is_none_or(|effect| effect.raises());
    let is_clear = |entry: &Entry| entry.effect.is_some_and(|effect| effect.is_clear());
    // Both in the orientation of the older one.
    let (said, says) = (raises(old), raises(&new) != reversed);
    let stands = assess(state, 0, &whole).effect;
    let agrees = |side: bool| stands.is_none_or(|effect| effect.raises() == side);
    let restated = !is_clear(old) && is_clear(&new);
    if !agrees(says) || (agrees(said) && !restated) {
        return whole;
    }
    Entry {
        pairs: whole.pairs,
        prior: whole
            .prior
            .map(|prior| turned(prior, reversed, said != says)),
        ..new
    }
}

/// What was known before, for a claim that has its sides changed, or says the
/// opposite, or both.
fn turned(prior: Prior, reversed: bool, opposite: bool) -> Prior {
    let (supporting, contradicting) = if opposite {
        (prior.contradicting, prior.supporting)
    } else {
        (prior.supporting, prior.contradicting)
    };
    Prior {
        effect: if reversed {
            prior.effect.inverse()
        } else {
            prior.effect
        },
        supporting,
        contradicting,
        ..prior
    }
}
