//! Candidates that were measured already, or nearly: refused before anything
//! is spent on them.

use protocol::{Candidate, Split};
use serde_json::json;

use super::answer::Reply;
use super::args::Files;
use super::read;
use crate::core::agent::AnswerStatus;
use crate::core::board::TERMINAL;
use crate::core::ids::ExperimentId;
use crate::core::lineage::Descent;
use crate::core::points::Scales;
use crate::core::search_policy::SearchPolicy;
use crate::core::sketch::Sketch;
use crate::core::state::{Experiment, State};

/// An earlier candidate, and in what it is like the new one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Twin {
    pub id: ExperimentId,
    pub how: Alike,
}

/// In what two candidates are alike.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Alike {
    /// The same bytes.
    Hash,
    /// The same but for layout, comments, and how values are written.
    Canonical,
    /// Points of one space that are this far apart.
    Params(f64),
    /// Files with this resemblance.
    Text(f64),
}

impl Alike {
    fn word(self) -> &'static str {
        match self {
            Self::Hash => "hash",
            Self::Canonical => "canonical",
            Self::Params(_) => "params",
            Self::Text(_) => "text",
        }
    }

    fn text(self) -> String {
        match self {
            Self::Hash => "had the same candidate".to_owned(),
            Self::Canonical => {
                "had the same candidate but for layout, comments or defaults".to_owned()
            }
            Self::Params(distance) => format!(
                "had nearly the same parameters: none is further away than {:.2}% of its range",
                distance * 100.0
            ),
            Self::Text(resemblance) => {
                format!("had nearly the same files, with a resemblance of {resemblance:.2}")
            }
        }
    }
}

/// What a candidate is compared with others by.
pub(super) fn sketch(candidate: &Candidate, files: &Files, scales: &Scales) -> Sketch {
    match candidate {
        Candidate::Template { template, params } => {
            Sketch::of_point(scales.canonical(template, params))
        }
        Candidate::Files { .. } => Sketch::of_files(files),
    }
}

/// A candidate that is to be handed in.
pub(super) struct New<'a> {
    pub candidate: &'a Candidate,
    pub sketch: &'a Sketch,
    /// Its own experiment is no twin of it.
    pub descent: Descent,
    pub scales: &'a Scales,
}

impl New<'_> {
    /// The first one on its task that is the same, or nearly.
    pub(super) fn twin(&self, state: &State, task: &str, policy: &SearchPolicy) -> Option<Twin> {
        let index = state.index.tasks.get(task)?;
        let earlier = || {
            index
                .candidates
                .iter()
                .filter(|id| Some(**id) != self.descent.id)
                .filter_map(|id| state.experiments.get(id))
                .filter(|e| counts(e))
        };
        let same = earlier().find(|e| {
            let sketch = e.sketch.as_ref();
            sketch.is_some_and(|sketch| sketch.canonical == self.sketch.canonical)
        });
        if let Some(e) = same {
            let how = Alike::Canonical;
            return Some(Twin { id: e.id, how });
        }
        earlier().find_map(|e| {
            let how = self.alike(e, policy)?;
            Some(Twin { id: e.id, how })
        })
    }

    fn alike(&self, e: &Experiment, policy: &SearchPolicy) -> Option<Alike> {
        // What was refused or has crashed is mended by small changes.
        if e.last(Split::Search).is_some() && e.verified(Split::Search).is_none() {
            return None;
        }
        let (known, _) = e.candidate.as_ref()?;
        match (known, self.candidate) {
            (
                Candidate::Template { template, params },
                Candidate::Template {
                    template: new,
                    params: wanted,
                },
            ) if template == new => {
                let distance = self.scales.distance(template, params, wanted);
                (distance <= policy.near_params).then_some(Alike::Params(distance))
            }
            (Candidate::Files { .. }, Candidate::Files { .. }) => {
                let likeness = self.sketch.likeness(e.sketch.as_ref()?)?;
                // A tuned number makes another candidate.
                let tuned = likeness
                    .numbers
                    .is_some_and(|apart| apart > policy.near_numbers);
                // What is said to be a change of the other one resembles it.
                let family = self.descent.is_of_one_family(Descent::of(e));
                let near = if family {
                    likeness.same_shape && likeness.numbers.is_some()
                } else {
                    likeness.resemblance >= policy.near_text
                };
                (near && !tuned).then_some(Alike::Text(likeness.resemblance))
            }
            _ => None,
        }
    }
}

/// Whether an experiment stands for its candidate: it was measured, or will
/// be.
fn counts(e: &Experiment) -> bool {
    !e.attempts.is_empty() || !TERMINAL.contains(&e.state)
}

/// The answer to whoever hands in a twin.
pub(super) fn refusal(state: &State, twin: Twin) -> Reply {
    let found = state.experiments.get(&twin.id);
    let measured = found.and_then(|e| e.last(Split::Search));
    let answer = json!({
        "error": format!(
            "experiment {} {}; say `parent` if this one changes it, `replicate` to measure it again",
            twin.id,
            twin.how.text()
        ),
        "twin": twin.id,
        "how": twin.how.word(),
        "result": measured.map(|attempt| read::score(&attempt.measurement.score)),
    });
    Reply {
        answer: Some((AnswerStatus::Failed, answer)),
        ..Reply::failed("")
    }
}

/// The experiment that a replicate of `twin` repeats, unless it was repeated
/// often enough.
pub(super) fn repeated(state: &State, twin: Twin, most: u32) -> Result<ExperimentId, Reply> {
    let found = state.experiments.get(&twin.id);
    let first = found.and_then(|e| e.replicates).unwrap_or(twin.id);
    let again = state.experiments.values();
    let again = again.filter(|e| e.replicates == Some(first)).count();
    if again < most as usize {
        Ok(first)
    } else {
        Err(Reply::failed(format!(
            "experiment {first} was measured again {again} times already, and {most} is the most"
        )))
    }
}
