//! Where candidates come from: what kind of step an experiment is, from which
//! other one it goes on, and what it changes there.

use std::collections::BTreeMap;

use protocol::{Candidate, Split};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::event::Body;
use super::ids::{AgentId, ExperimentId};
use super::sketch::Sketch;
use super::state::{Experiment, State};

/// What kind of step an experiment is.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    Hash,
    PartialOrd,
    Ord,
    Serialize,
    Deserialize,
    JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Something that was not tried on the task: a technique, a template.
    #[default]
    Explore,
    /// More of what a verified result has shown to work.
    Exploit,
    /// A small change of one of the best.
    Refine,
    /// Several results put together.
    Ensemble,
    /// One change of a good result undone, to see what it is worth.
    Ablation,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::Explore,
        Self::Exploit,
        Self::Refine,
        Self::Ensemble,
        Self::Ablation,
    ];

    /// The word used in JSON and tables.
    pub fn word(self) -> &'static str {
        match self {
            Self::Explore => "explore",
            Self::Exploit => "exploit",
            Self::Refine => "refine",
            Self::Ensemble => "ensemble",
            Self::Ablation => "ablation",
        }
    }

    /// Whether it is the usual one, which old logs don't name.
    pub fn is_usual(&self) -> bool {
        *self == Self::default()
    }
}

/// Lines that a change of a file adds and removes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lines {
    /// Lines that are new.
    pub added: u32,
    /// Lines that are gone.
    pub removed: u32,
}

/// What a candidate changes against the one it goes on from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Change {
    /// The experiment it goes on from.
    pub from: ExperimentId,
    /// Template before and after, where it is another one; absent for files.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub template: Option<[Option<String>; 2]>,
    /// Value before and after of each parameter that differs; null where it
    /// has its default.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub params: BTreeMap<String, [Value; 2]>,
    /// Files that differ.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub files: BTreeMap<String, Lines>,
    /// All of it as a unified diff, a text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub diff: Option<Body>,
}

impl Change {
    /// What differs between two candidates as the log has them; their files
    /// are not looked at.
    pub fn of(from: ExperimentId, before: &Candidate, after: &Candidate) -> Self {
        let (template_before, params_before) = parts(before);
        let (template_after, params_after) = parts(after);
        let names = params_before.keys().chain(params_after.keys());
        let value =
            |of: &BTreeMap<String, Value>, name: &str| of.get(name).cloned().unwrap_or(Value::Null);
        let params = names
            .map(|name| {
                let both = [value(params_before, name), value(params_after, name)];
                (name.clone(), both)
            })
            .filter(|(_, [before, after])| before != after)
            .collect();
        let template = (template_before != template_after)
            .then(|| [template_before, template_after].map(|name| name.map(str::to_owned)));
        Self {
            from,
            template,
            params,
            files: BTreeMap::new(),
            diff: None,
        }
    }

    /// In a line, for people.
    pub fn text(&self) -> String {
        let mut said = Vec::new();
        if let Some([before, after]) = &self.template {
            let name = |name: &Option<String>| name.clone().unwrap_or("own files".to_owned());
            said.push(format!("{} → {}", name(before), name(after)));
        }
        let shown = |value: &Value| match value {
            Value::Null => "default".to_owned(),
            other => other.to_string(),
        };
        said.extend(
            self.params.iter().map(|(name, [before, after])| {
                format!("{name} {} → {}", shown(before), shown(after))
            }),
        );
        said.extend(
            self.files
                .iter()
                .map(|(name, lines)| format!("{name} +{} −{}", lines.added, lines.removed)),
        );
        if said.is_empty() {
            "nothing".to_owned()
        } else {
            said.join(", ")
        }
    }
}

const NO_PARAMS: &BTreeMap<String, Value> = &BTreeMap::new();

fn parts(candidate: &Candidate) -> (Option<&str>, &BTreeMap<String, Value>) {
    match candidate {
        Candidate::Template { template, params } => (Some(template), params),
        Candidate::Files { .. } => (None, NO_PARAMS),
    }
}

/// What is known of a candidate's origin when it is handed in.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Provenance {
    /// The experiment it goes on from, if any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<ExperimentId>,
    /// What it changes there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub change: Option<Change>,
    /// What it is compared with others by.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sketch: Option<Sketch>,
    /// The experiment that it only repeats, on purpose.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replicates: Option<ExperimentId>,
}

impl Provenance {
    /// Whether nothing is known, as in old logs.
    pub fn is_unknown(&self) -> bool {
        *self == Self::default()
    }
}

/// What two experiments may have in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Descent {
    /// The experiment itself, once it has a number.
    pub id: Option<ExperimentId>,
    /// From which one it goes on.
    pub parent: Option<ExperimentId>,
    /// Who works on it.
    pub owner: Option<AgentId>,
}

impl Descent {
    /// Of an experiment.
    pub fn of(e: &Experiment) -> Self {
        Self {
            id: Some(e.id),
            parent: e.parent,
            owner: e.owner,
        }
    }

    /// Whether one goes on from the other, both from the same, or both are
    /// work of one agent.
    pub fn is_of_one_family(self, other: Self) -> bool {
        let child = |a: Self, b: Self| a.parent.is_some() && a.parent == b.id;
        let siblings = self.parent.is_some() && self.parent == other.parent;
        let hand = self.owner.is_some() && self.owner == other.owner;
        child(self, other) || child(other, self) || siblings || hand
    }
}

impl State {
    /// Experiments on a task with a verified result on `search`, best first;
    /// at most `most`. Replicates and ablations are none of them.
    pub fn top(&self, task: &str, most: usize) -> Vec<ExperimentId> {
        let mut found: Vec<(ExperimentId, f64)> = self
            .experiments_on(task)
            .filter(|e| e.replicates.is_none() && e.kind != Kind::Ablation)
            .filter(|e| {
                let again = e.last(Split::Select);
                again.is_none_or(|again| again.measurement.score.verified().is_some())
            })
            .filter_map(|e| Some((e.id, e.verified(Split::Search)?)))
            .collect();
        // Equal ones stay in the order of their numbers.
        found.sort_by(|a, b| {
            if self.better(2.0, 1.0) {
                b.1.total_cmp(&a.1)
            } else {
                a.1.total_cmp(&b.1)
            }
        });
        found.truncate(most);
        found.into_iter().map(|(id, _)| id).collect()
    }

    /// Experiments that go on from this one, in the order of their numbers.
    pub fn children(&self, of: ExperimentId) -> impl Iterator<Item = &Experiment> {
        let all = self.experiments.values();
        all.filter(move |e| e.parent == Some(of) && e.id != of)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn point(template: &str, params: &[(&str, Value)]) -> Candidate {
        let params = params.iter();
        Candidate::Template {
            template: template.to_owned(),
            params: params.map(|(k, v)| ((*k).to_owned(), v.clone())).collect(),
        }
    }

    #[test]
    fn a_change_names_what_differs() {
        let id = ExperimentId(1);
        let before = point("a", &[("N", json!(2)), ("F", json!(true))]);
        let cases = [
            (before.clone(), "nothing"),
            (
                point("a", &[("N", json!(4)), ("F", json!(true))]),
                "N 2 → 4",
            ),
            (point("a", &[("N", json!(2))]), "F true → default"),
            (point("b", &[("N", json!(2)), ("F", json!(true))]), "a → b"),
            (
                Candidate::Files {
                    files: vec!["k.cpp".into()],
                },
                "a → own files, F true → default, N 2 → default",
            ),
        ];
        for (after, text) in cases {
            assert_eq!(Change::of(id, &before, &after).text(), text);
        }
    }

    #[test]
    fn families_are_symmetric() {
        let one = |id, parent, owner| Descent {
            id: Some(ExperimentId(id)),
            parent: Option::map(parent, ExperimentId),
            owner: Option::map(owner, AgentId),
        };
        let cases = [
            (one(1, None, None), one(2, Some(1), None), true),
            (one(2, Some(1), None), one(3, Some(1), None), true),
            (one(1, None, Some(4)), one(2, None, Some(4)), true),
            (one(1, None, Some(4)), one(2, None, Some(5)), false),
            (one(1, None, None), one(2, None, None), false),
            (one(1, None, None), one(3, Some(2), None), false),
        ];
        for (a, b, expected) in cases {
            assert_eq!(a.is_of_one_family(b), expected, "{a:?} {b:?}");
            assert_eq!(b.is_of_one_family(a), expected, "{a:?} {b:?}");
        }
    }
}
