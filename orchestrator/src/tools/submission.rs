//! Handing in a candidate: what it may consist of, what happens to it, and
//! what its agent is told in the end.

use protocol::{Candidate, ContentHash, Split};
use serde_json::{Value, json};

use super::answer::{Call, Documents, Reply};
use super::args::{Files, LabCandidate, Submit};
use super::duplicates::{self, Alike, New, Twin};
use super::propose::stagnation;
use super::{parse, read};
use crate::core::board::BoardState;
use crate::core::event::Event;
use crate::core::ids::ExperimentId;
use crate::core::lineage::{Descent, Kind, Provenance};
use crate::core::points::Scales;
use crate::core::state::Experiment;
use crate::core::words::PARAMS;
use crate::exec::{EXPERIMENT, TRIES};

/// Most files of one candidate, and most bytes of all of them.
const MAX_FILES: usize = 8;
const MAX_BYTES: usize = 1 << 20;
/// Longest name of one of them: file systems have limits of their own.
const MAX_FILE_NAME: usize = 100;

/// A candidate of an agent's own files, whose names can't lead anywhere.
fn own_files(files: &Files) -> Result<Candidate, Reply> {
    let bytes: usize = files.values().map(String::len).sum();
    if files.is_empty() || files.len() > MAX_FILES || bytes > MAX_BYTES {
        return Err(Reply::failed(format!(
            "give a template, or 1 to {MAX_FILES} files of together at most {MAX_BYTES} bytes"
        )));
    }
    let plain = |name: &str| {
        name.chars()
            .all(|c| c.is_ascii_alphanumeric() || "._-".contains(c))
            && name.starts_with(|c: char| c.is_ascii_alphanumeric())
            && name.len() <= MAX_FILE_NAME
            && !is_taken(name)
    };
    match files.keys().find(|name| !plain(name)) {
        Some(name) if is_taken(name) => Err(Reply::failed(format!(
            "`{name}` is no name for a candidate's file: the harness or the lab writes it"
        ))),
        Some(name) => Err(Reply::failed(format!(
            "`{name}` is no name for a candidate's file: letters, digits, `.`, `_`, `-`, at most {MAX_FILE_NAME}"
        ))),
        None => Ok(Candidate::Files {
            files: files.keys().map(Into::into).collect(),
        }),
    }
}

/// What the harness and labs write into an experiment's folder.
fn is_taken(name: &str) -> bool {
    [EXPERIMENT, "report.json", "change.diff", TRIES].contains(&name)
        || name.starts_with("attempt-")
}

/// What kind of step a candidate is.
#[derive(Clone, Copy, Debug)]
struct Step {
    /// The experiment it is for; absent for a new one.
    own: Option<ExperimentId>,
    kind: Kind,
    /// From which experiment it goes on.
    parent: Option<ExperimentId>,
}

impl Call<'_> {
    /// The first time: hands the candidate in. Once the result is there: says
    /// what it is.
    pub(super) fn submit(&self, documents: &dyn Documents, now_ms: i64) -> Result<Reply, Reply> {
        if let Some(experiment) = self.state.awaited(self.agent.id, self.number) {
            return Ok(Reply::ok(self.outcome(experiment, now_ms)));
        }
        let wanted: Submit = parse(&self.arguments)?;
        let task = self
            .own_task()
            .ok_or_else(|| Reply::failed("you have no task"))?;
        let label = wanted.template.clone().unwrap_or("source".to_owned());
        let files = wanted.files.clone();
        let candidate = self.candidate(
            task,
            LabCandidate {
                template: wanted.template,
                params: wanted.params,
                files: wanted.files,
            },
        )?;
        let hash = candidate.hash(task, |path| {
            path.to_str()
                .and_then(|name| files.get(name))
                .map(|text| text.as_bytes().to_vec())
                .ok_or_else(|| Reply::failed(format!("no file `{}`", path.display())))
        })?;
        let own = wanted.experiment.map(|id| self.own(id)).transpose()?;
        let step = self.step(task, own, wanted.parent)?;
        let provenance = self.provenance(documents, task, &candidate, &hash, &files, step)?;
        if wanted.replicate && provenance.replicates.is_none() {
            return Err(Reply::failed(
                "nothing like it was measured: leave out `replicate`",
            ));
        }
        let mut events = Vec::new();
        let (experiment, name) = if let Some(found) = own {
            (found.id, found.name.clone())
        } else {
            self.room(now_ms)?;
            // Another finalist must leave time to measure the winner again.
            let pace = self.state.pace();
            let left_s = self.state.budget(now_ms).wall_s.left();
            if left_s < pace.evaluate_s + pace.remeasure_s {
                return Err(Reply::failed("no time is left for another experiment"));
            }
            let id = self.state.next_experiment();
            events.push(Event::ExperimentProposed {
                experiment: id,
                task: task.to_owned(),
                name: slug(&label),
                hypothesis: "another finalist of the same search".to_owned(),
                templates: match &candidate {
                    Candidate::Template { template, .. } => vec![template.clone()],
                    Candidate::Files { .. } => Vec::new(),
                },
                by: Some(self.agent.id),
                owner: Some(self.agent.id),
                parent: step.parent,
                kind: step.kind,
            });
            (id, slug(&label))
        };
        events.push(Event::CandidateSubmitted {
            experiment,
            candidate,
            hash,
            agent: Some(self.agent.id),
            call: Some(self.number),
            provenance: Box::new(provenance),
        });
        events.push(Event::Moved {
            experiment,
            from: BoardState::ToImplement,
            to: BoardState::Implemented,
            reason: String::new(),
        });
        let folder = format!("{experiment}-{name}");
        Ok(Reply {
            events,
            answer: None,
            files: (!files.is_empty()).then(|| Box::new((folder, files))),
        })
    }

    /// An experiment of the agent's that waits for a candidate.
    fn own(&self, id: ExperimentId) -> Result<&Experiment, Reply> {
        let found = self.experiment(id)?;
        if found.owner == Some(self.agent.id) && found.state == BoardState::ToImplement {
            return Ok(found);
        }
        let state = found.state.word();
        Err(Reply::failed(format!(
            "experiment {id} is {state}, or not yours"
        )))
    }

    /// What kind of step a candidate is, and from where: as was proposed,
    /// unless the worker says from where.
    fn step(
        &self,
        task: &str,
        own: Option<&Experiment>,
        parent: Option<ExperimentId>,
    ) -> Result<Step, Reply> {
        let assigned = self.agent.experiment;
        let assigned = assigned.and_then(|id| self.state.experiments.get(&id));
        let proposed = own.or(assigned);
        let kind = proposed.map_or(Kind::Explore, |e| e.kind);
        if let Some(parent) = parent {
            let found = self.experiment(parent)?;
            if found.task != task
                || found.candidate.is_none()
                || own.is_some_and(|e| e.id == parent)
            {
                return Err(Reply::failed(format!(
                    "`parent`: {parent} is no earlier candidate of task `{task}`"
                )));
            }
        }
        Ok(Step {
            own: own.map(|e| e.id),
            kind,
            parent: parent.or(proposed.and_then(|e| e.parent)),
        })
    }

    /// Where a candidate comes from; refused if there was one like it, unless
    /// it is to be measured again.
    fn provenance(
        &self,
        documents: &dyn Documents,
        task: &str,
        candidate: &Candidate,
        hash: &ContentHash,
        files: &Files,
        step: Step,
    ) -> Result<Provenance, Reply> {
        let settings = self.state.settings.as_ref();
        let policy = settings.map(|s| s.policy.search).unwrap_or_default();
        let inspected = self.state.task(task).and_then(|t| t.inspected.as_ref());
        let scales = match inspected {
            Some(inspected) => Scales::of(
                &documents
                    .document(&inspected.document)
                    .map_err(Reply::failed)?,
            ),
            None => Scales::default(),
        };
        let sketch = duplicates::sketch(candidate, files, &scales);
        let measured = self.state.index.tasks.get(task);
        let measured = measured.and_then(|index| index.measured.get(hash));
        let twin = match measured {
            Some(id) => Some(Twin {
                id: *id,
                how: Alike::Hash,
            }),
            None => New {
                candidate,
                sketch: &sketch,
                descent: Descent {
                    id: step.own,
                    parent: step.parent,
                    owner: Some(self.agent.id),
                },
                scales: &scales,
            }
            .twin(self.state, task, &policy),
        };
        let wanted = self.arguments["replicate"] == json!(true);
        let replicates = match twin {
            Some(twin) if wanted => {
                Some(duplicates::repeated(self.state, twin, policy.replicates)?)
            }
            Some(twin) => return Err(duplicates::refusal(self.state, twin)),
            None => None,
        };
        Ok(Provenance {
            parent: step.parent,
            change: None,
            sketch: Some(sketch),
            replicates,
        })
    }

    fn outcome(&self, e: &Experiment, now_ms: i64) -> Value {
        let mut result = json!({
            "experiment": e.id,
            "state": e.state.word(),
            "budget_left": read::finite(self.state.budget(now_ms).experiments.left()),
        });
        match e.last(Split::Search) {
            Some(attempt) => {
                result["result"] = read::score(&attempt.measurement.score);
            }
            None => result["reason"] = json!(e.reason),
        }
        stagnation(self.state, &e.task, &mut result);
        result
    }

    /// A candidate from a template that fits the task.
    pub(super) fn candidate(&self, task: &str, wanted: LabCandidate) -> Result<Candidate, Reply> {
        let LabCandidate {
            template,
            params,
            files,
        } = wanted;
        let bytes = json!(params).to_string().len();
        if bytes > PARAMS {
            return Err(Reply::failed(format!(
                "`params` has {bytes} bytes, more than {PARAMS}"
            )));
        }
        let Some(template) = template else {
            return own_files(&files);
        };
        if !files.is_empty() {
            return Err(Reply::failed(
                "give a template or files of your own, not both",
            ));
        }
        let fits = self
            .state
            .task(task)
            .and_then(|task| task.inspected.as_ref())
            .is_some_and(|inspected| inspected.templates.contains(&template));
        if fits {
            Ok(Candidate::template(template, params))
        } else {
            Err(Reply::failed(format!(
                "template `{template}` does not fit task `{task}`"
            )))
        }
    }
}

/// A name fit for a folder: lower case, digits, `-` and `_`, at most 40.
pub(crate) fn slug(name: &str) -> String {
    let mut slug: String = name
        .chars()
        .map(|c| c.to_ascii_lowercase())
        .map(|c| {
            if c.is_ascii_alphanumeric() || c == '_' {
                c
            } else {
                '-'
            }
        })
        .take(40)
        .collect();
    if slug.trim_matches('-').is_empty() {
        "experiment".clone_into(&mut slug);
    }
    slug
}

#[cfg(test)]
mod tests {
    use super::{Files, own_files, slug};

    #[test]
    fn names_that_others_write_are_refused() {
        let of = |name: &str| {
            own_files(&Files::from([
                ("kernel.cpp".to_owned(), String::new()),
                (name.to_owned(), String::new()),
            ]))
        };
        for good in ["plan.toml", "attempt", "report-2.json", "tries.txt"] {
            assert!(of(good).is_ok(), "{good}");
        }
        for bad in [
            "experiment.json",
            "report.json",
            "tries",
            "attempt-1",
            ".hidden",
            "a/b",
            &"a".repeat(101),
        ] {
            assert!(of(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn names_become_folders() {
        assert_eq!(slug("Tune Softmax/../x"), "tune-softmax----x");
        assert_eq!(slug("//"), "experiment");
        assert_eq!(slug(&"a".repeat(99)).len(), 40);
    }
}
