//! What one campaign takes along from another.

use std::collections::BTreeMap;

use protocol::ContentHash;
use serde::{Deserialize, Serialize};

use super::lesson::{Lesson, lessons};
use super::select::{Relevance, value};
use super::{Cited, Comparison, Entry, Evidence, Prior};
use crate::core::settings::MetricSettings;
use crate::core::state::State;

/// Most bytes of carried entries: they travel in one event, which has 64 KiB.
pub const MAX_CARRIED_BYTES: usize = 48 << 10;
/// Most measurements that a carried entry names on each side.
const MAX_CITED: usize = 8;
/// Most bytes of one text of an entry that comes from a file.
const MAX_TEXT: usize = 4 << 10;
/// Most bytes of a name.
const MAX_NAME: usize = 1 << 10;
/// Most reasons that are told for what was left behind.
const MAX_REASONS: usize = 16;
/// Most campaigns that an entry can have been carried through.
const MAX_AGE: u32 = 1000;

/// The campaign that entries come from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Origin {
    /// Name of its folder.
    pub name: String,
    /// Hash of the last event of its log.
    pub head: ContentHash,
    /// Place of that event.
    pub events: u64,
    /// Its domain.
    pub domain: String,
    /// Its lab; empty where none measured.
    pub lab: String,
    /// The device it measured on.
    pub device: String,
    /// What it compared.
    pub metric: MetricSettings,
}

impl Origin {
    /// Enough of the hash to tell campaigns apart.
    pub fn short(&self) -> &str {
        self.head.short()
    }
}

/// A task and the content of its files.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TaskKnown {
    /// Its name.
    pub name: String,
    /// Hash of its files.
    pub source: ContentHash,
}

/// The playbook of a campaign, as others can use it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Export {
    /// Where it comes from.
    pub origin: Origin,
    /// The tasks that it speaks of.
    pub tasks: Vec<TaskKnown>,
    /// Entries, each with what is known of it as [`Entry::prior`].
    pub entries: Vec<Entry>,
    /// How many entries were retired and are not among them.
    pub retired: u32,
}

/// The campaign that is to take entries over.
#[derive(Clone, Debug)]
pub struct Here {
    /// Its domain.
    pub domain: String,
    /// Its lab.
    pub lab: String,
    /// Its device.
    pub device: String,
    /// What it compares.
    pub metric: MetricSettings,
    /// Its tasks.
    pub tasks: Vec<TaskKnown>,
}

/// Entries that were not taken over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LeftBehind {
    /// Why.
    pub why: String,
    /// How many.
    pub count: u32,
}

/// What was taken over.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Admitted {
    /// Where it comes from.
    pub origin: Origin,
    /// The entries.
    pub entries: Vec<Entry>,
    /// What was not taken over.
    pub left: Vec<LeftBehind>,
}

/// Why nothing of a playbook can be carried.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CannotCarry {
    /// A log without its first event.
    #[error("it has no settings")]
    NoSettings,
    /// The campaigns measure different things.
    #[error("its {what} is `{theirs}`, this campaign's is `{ours}`")]
    Other {
        /// What is different.
        what: &'static str,
        /// There.
        theirs: String,
        /// Here.
        ours: String,
    },
    /// What is said of the campaign makes no sense.
    #[error("origin: `{field}` is longer than {MAX_NAME} bytes")]
    Origin {
        /// The field.
        field: &'static str,
    },
    /// An entry makes no sense.
    #[error("entry {number}: `{field}` {why}")]
    Entry {
        /// Its place, from 1.
        number: usize,
        /// The field.
        field: &'static str,
        /// What is wrong with it.
        why: String,
    },
    /// Nothing is left.
    #[error("none of its {0} entries can be used here: {1}")]
    Nothing(usize, String),
}

impl Export {
    /// Of the campaign in a folder of this name, whose last event has the hash
    /// `head`.
    pub fn of(state: &State, name: &str, head: &ContentHash) -> Result<Self, CannotCarry> {
        let settings = state.settings.as_ref().ok_or(CannotCarry::NoSettings)?;
        let origin = Origin {
            name: name.to_owned(),
            head: head.clone(),
            events: state.seq,
            domain: settings.domain.clone(),
            lab: settings.lab.clone(),
            device: settings.device.clone(),
            metric: MetricSettings {
                baseline_value: state.baseline(),
                ..settings.metric.clone()
            },
        };
        let lessons = lessons(state);
        let retired = lessons.iter().filter(|lesson| lesson.retired).count();
        let entries: Vec<Entry> = lessons
            .iter()
            .filter(|lesson| !lesson.retired)
            .filter_map(|lesson| exported(&origin, lesson))
            .collect();
        let frozen = state.frozen.iter().flat_map(|(tasks, _)| tasks);
        let known = frozen.map(|task| TaskKnown {
            name: task.name.clone(),
            source: task.source.clone(),
        });
        Ok(Self {
            origin,
            tasks: known.collect(),
            entries,
            retired: u32::try_from(retired).unwrap_or(u32::MAX),
        })
    }

    /// Checks what somebody else may have written: every number is one.
    pub fn check(&self) -> Result<(), CannotCarry> {
        let Origin { name, metric, .. } = &self.origin;
        for (field, text) in [("name", name), ("metric.baseline", &metric.baseline)] {
            if text.len() > MAX_NAME {
                return Err(CannotCarry::Origin { field });
            }
        }
        for (place, entry) in self.entries.iter().enumerate() {
            check(entry).map_err(|(field, why)| CannotCarry::Entry {
                number: place + 1,
                field,
                why,
            })?;
        }
        Ok(())
    }

    /// What of it makes sense in another campaign. `state` is that of a
    /// campaign in which nothing has happened yet.
    pub fn admit(self, here: &Here) -> Result<Admitted, CannotCarry> {
        self.compatible(here)?;
        let mut left: BTreeMap<String, u32> = BTreeMap::new();
        if self.retired > 0 {
            let why = "retired: measurements said the opposite in the end";
            left.insert(why.to_owned(), self.retired);
        }
        let total = self.entries.len();
        let state = State::default();
        let mut fitting: Vec<(f64, usize, &Entry)> = Vec::new();
        for (place, entry) in self.entries.iter().enumerate() {
            match unfit(&self, here, entry) {
                Some(why) => *left.entry(why).or_default() += 1,
                None => fitting.push((worth(&state, here, entry), place, entry)),
            }
        }
        fitting.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
        let mut bytes = 0;
        let mut kept: Vec<(usize, &Entry)> = Vec::new();
        for (_, place, entry) in fitting {
            // An entry is JSON: it has just been read, or is about to be.
            let size = serde_json::to_string(entry).map_or(usize::MAX, |text| text.len());
            if bytes + size.min(MAX_CARRIED_BYTES + 1) <= MAX_CARRIED_BYTES {
                bytes += size;
                kept.push((place, entry));
            } else {
                let why = format!("worth least, beyond {} KiB", MAX_CARRIED_BYTES >> 10);
                *left.entry(why).or_default() += 1;
            }
        }
        kept.sort_by_key(|(place, _)| *place);
        let entries: Vec<Entry> = kept.into_iter().map(|(_, entry)| entry.clone()).collect();
        if entries.is_empty() {
            let why: Vec<String> = told(left).into_iter().map(|left| left.why).collect();
            let why = if why.is_empty() {
                "it has learned nothing".to_owned()
            } else {
                why.join("; ")
            };
            return Err(CannotCarry::Nothing(total + self.retired as usize, why));
        }
        Ok(Admitted {
            origin: self.origin,
            entries,
            left: told(left),
        })
    }

    /// Whether factors there are factors on the same thing here.
    fn compatible(&self, here: &Here) -> Result<(), CannotCarry> {
        let direction = |metric: &MetricSettings| match metric.direction {
            protocol::Direction::Maximise => "maximise",
            protocol::Direction::Minimise => "minimise",
        };
        let (origin, ours) = (&self.origin, &here.metric);
        let theirs = &origin.metric;
        for (what, theirs, ours) in [
            ("domain", origin.domain.as_str(), here.domain.as_str()),
            ("lab", &origin.lab, &here.lab),
            ("device", &origin.device, &here.device),
            ("metric", &theirs.name, &ours.name),
            ("metric's unit", &theirs.unit, &ours.unit),
            ("metric's direction", direction(theirs), direction(ours)),
        ] {
            if theirs != ours {
                return Err(CannotCarry::Other {
                    what,
                    theirs: theirs.to_owned(),
                    ours: ours.to_owned(),
                });
            }
        }
        Ok(())
    }
}

/// The reasons, the last of many as one.
fn told(left: BTreeMap<String, u32>) -> Vec<LeftBehind> {
    let mut reasons: Vec<LeftBehind> = left
        .into_iter()
        .map(|(why, count)| LeftBehind { why, count })
        .collect();
    if reasons.len() > MAX_REASONS {
        let rest = reasons.split_off(MAX_REASONS - 1);
        reasons.push(LeftBehind {
            why: format!("{} more reasons", rest.len()),
            count: rest.iter().map(|left| left.count).sum(),
        });
    }
    reasons
}

/// Why an entry makes no sense in another campaign, if it doesn't.
fn unfit(export: &Export, here: &Here, entry: &Entry) -> Option<String> {
    let source = |of: &[TaskKnown], name: &str| {
        let known = of.iter().find(|task| task.name == name)?;
        Some(known.source.clone())
    };
    let mut tasks = entry.scope.tasks.iter();
    let changed = tasks.find(|name| {
        let ours = source(&here.tasks, name);
        ours.is_some() && ours != source(&export.tasks, name)
    });
    if let Some(task) = changed {
        return Some(format!("task `{task}` has other files here"));
    }
    let theirs = &export.origin.metric;
    let same_baseline = theirs.baseline == here.metric.baseline
        && theirs.baseline_value == here.metric.baseline_value;
    let against_baseline = matches!(entry.comparison, Some(Comparison::Baseline { .. }));
    (against_baseline && !same_baseline)
        .then(|| "compared with a baseline that is another one here".to_owned())
}

/// How much an entry is worth here.
fn worth(state: &State, here: &Here, entry: &Entry) -> f64 {
    let lesson = super::assess(state, 0, entry);
    let task = here
        .tasks
        .iter()
        .find(|task| entry.scope.tasks.contains(&task.name));
    let relevance = Relevance::Task(task.map_or("", |task| &task.name));
    value(state, &lesson, relevance)
}

/// An entry as another campaign can use it; none without an effect.
fn exported(origin: &Origin, lesson: &Lesson<'_>) -> Option<Entry> {
    let entry = lesson.entry;
    let before = entry.prior.as_ref();
    let cite = |here: &[Evidence], before: Option<&Vec<Cited>>| {
        let here = here.iter().rev().map(|measurement| Cited {
            campaign: origin.short().to_owned(),
            measurement: *measurement,
        });
        let all = here.chain(before.into_iter().flatten().cloned());
        all.take(MAX_CITED).collect::<Vec<Cited>>()
    };
    // What was not measured here is discounted where it is used, and once.
    let effect = match before {
        Some(prior) if lesson.age > 0 => prior.effect,
        _ => lesson.effect?,
    };
    let prior = Prior {
        effect,
        evaluated: lesson.evaluated,
        age: lesson.age.saturating_add(1),
        supporting: cite(&lesson.supporting, before.map(|prior| &prior.supporting)),
        contradicting: cite(
            &lesson.contradicting,
            before.map(|prior| &prior.contradicting),
        ),
    };
    let carried = Entry {
        do_not: lesson.do_not().to_owned(),
        effect: Some(effect),
        supporting: Vec::new(),
        contradicting: Vec::new(),
        confidence: lesson.confidence,
        pairs: Vec::new(),
        prior: Some(prior),
        ..entry.clone()
    };
    Some(carried)
}

fn check(entry: &Entry) -> Result<(), (&'static str, String)> {
    let bad = |field, why: &str| Err((field, why.to_owned()));
    for (field, text) in [
        ("claim", &entry.claim),
        ("do", &entry.do_),
        ("do_not", &entry.do_not),
    ] {
        if text.len() > MAX_TEXT {
            return Err((field, format!("is longer than {MAX_TEXT} bytes")));
        }
    }
    let Some(prior) = &entry.prior else {
        return bad("prior", "is missing");
    };
    for (field, effect) in [
        ("effect", entry.effect),
        ("prior.effect", Some(prior.effect)),
    ] {
        let Some(effect) = effect else {
            return bad(field, "is missing");
        };
        if !effect.is_sound() {
            return bad(
                field,
                "is no factor: `ratio` must be above 0 and inside `ci`, whose ends are above 0",
            );
        }
    }
    if prior.age == 0 || prior.age > MAX_AGE {
        return Err(("prior.age", format!("is {}, not 1 to {MAX_AGE}", prior.age)));
    }
    let local = [&entry.supporting, &entry.contradicting];
    if local.iter().any(|list| !list.is_empty()) || !entry.pairs.is_empty() {
        return bad(
            "supporting",
            "names measurements without their campaign: those belong in `prior`",
        );
    }
    let cited = prior.supporting.iter().chain(&prior.contradicting);
    let is_hash = |text: &str| text.len() == 12 && text.bytes().all(|b| b.is_ascii_hexdigit());
    for cited in cited {
        if !is_hash(&cited.campaign) {
            let why = format!("is `{}`, not 12 hexadecimal digits", cited.campaign);
            return Err(("campaign", why));
        }
    }
    Ok(())
}
