//! From looking around to refining: what kinds of proposals a task admits as
//! the budget is spent. Quotas are enforced; prompts only mention them.

use std::collections::BTreeMap;

use protocol::Split;
use serde::Serialize;

use super::ids::ExperimentId;
use super::lineage::Kind;
use super::search_policy::SearchPolicy;
use super::state::State;

/// A stage of a search.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// Look around.
    Explore,
    /// Make more of what works.
    Exploit,
    /// Only small changes of the best.
    Refine,
    /// Put the best together.
    Ensemble,
}

impl Stage {
    /// All of them, in order.
    pub const ALL: [Self; 4] = [Self::Explore, Self::Exploit, Self::Refine, Self::Ensemble];

    /// The word used in JSON and tables.
    pub fn word(self) -> &'static str {
        match self {
            Self::Explore => "explore",
            Self::Exploit => "exploit",
            Self::Refine => "refine",
            Self::Ensemble => "ensemble",
        }
    }

    /// What it admits on a task that has a verified result, in a sentence.
    pub fn rule(self, policy: &SearchPolicy) -> String {
        let percent = |share: f64| format!("{:.0}%", share * 100.0);
        match self {
            Self::Explore => format!(
                "At least {} of the proposals on a task explore: templates or techniques that it has not \
                 seen; the rest exploits or refines a verified result. Once every template was tried, \
                 that share is free.",
                percent(policy.explore_least)
            ),
            Self::Exploit => format!(
                "Proposals exploit or refine verified results; at most {} of those on a task explore.",
                percent(policy.explore_most)
            ),
            Self::Refine => format!(
                "Only refinements of the best {} results of a task.",
                policy.top
            ),
            Self::Ensemble => format!(
                "Only ensembles and refinements of the best {} results of a task.",
                policy.top
            ),
        }
    }
}

/// Proposals by kind.
pub type Counts = BTreeMap<Kind, u32>;

/// Where a task stands, as far as quotas go.
#[derive(Clone, Copy, Debug)]
pub struct Standing<'a> {
    /// Its stage.
    pub stage: Stage,
    /// Proposals that were admitted on it in this stage.
    pub counts: &'a Counts,
    /// Whether every template that fits was tried.
    pub exhausted: bool,
    /// Whether it is explored again because nothing improved.
    pub escaping: bool,
}

/// A proposal that is not admitted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// Why.
    pub why: String,
    /// Kinds that would be.
    pub allowed: Vec<Kind>,
}

impl Standing<'_> {
    /// Whether another proposal of this kind keeps every quota, or why not.
    pub fn admits(&self, kind: Kind, policy: &SearchPolicy) -> Result<(), String> {
        let made = |kind: Kind| self.counts.get(&kind).copied().unwrap_or(0);
        let total: u32 = self.counts.values().sum();
        // Shares are compared after the proposal, but for rounding.
        let most = |made: u32, share: f64, what: &str| {
            let within = f64::from(made + 1) <= share * f64::from(total + 1) + 1e-9;
            within.then_some(()).ok_or_else(|| {
                let percent = share * 100.0;
                format!("at most {percent:.0}% of the proposals on a task may {what} now")
            })
        };
        if self.escaping && kind != Kind::Explore {
            return Err("nothing has improved for long: explore what was not tried".to_owned());
        }
        let never = || Err(format!("the stage is {}", self.stage.word()));
        if kind == Kind::Ablation {
            most(made(kind), policy.ablation_most, "be ablations")?;
        }
        match (self.stage, kind) {
            (Stage::Explore, Kind::Explore)
            | (Stage::Exploit, Kind::Exploit | Kind::Refine | Kind::Ablation)
            | (Stage::Refine, Kind::Refine | Kind::Ablation)
            | (Stage::Ensemble, Kind::Refine | Kind::Ensemble | Kind::Ablation) => Ok(()),
            (Stage::Explore, Kind::Exploit | Kind::Refine | Kind::Ablation) if self.exhausted => {
                Ok(())
            }
            (Stage::Explore, Kind::Exploit | Kind::Refine | Kind::Ablation) => {
                let others = total - made(Kind::Explore);
                most(
                    others,
                    1.0 - policy.explore_least,
                    "do anything but explore",
                )
            }
            (Stage::Exploit, Kind::Explore) => most(made(kind), policy.explore_most, "explore"),
            (Stage::Explore | Stage::Exploit, Kind::Ensemble)
            | (Stage::Refine, Kind::Explore | Kind::Exploit | Kind::Ensemble)
            | (Stage::Ensemble, Kind::Explore | Kind::Exploit) => never(),
        }
    }
}

static NONE: Counts = Counts::new();

impl State {
    fn search_policy(&self) -> SearchPolicy {
        let settings = self.settings.as_ref();
        settings.map(|s| s.policy.search).unwrap_or_default()
    }

    /// Part of the budget that was spent at the last event, of experiments or
    /// of running time, whichever is further; 0 without limits.
    pub fn part_spent(&self) -> f64 {
        let budget = self.budget(self.clock.last_ms());
        [budget.experiments, budget.wall_s]
            .iter()
            .filter_map(|ledger| Some(ledger.spent / ledger.limit.filter(|limit| *limit > 0.0)?))
            .fold(0.0, f64::max)
            .min(1.0)
    }

    /// The stage that the budget has come to.
    pub fn stage(&self) -> Stage {
        let policy = self.search_policy();
        let part = self.part_spent();
        if policy.ensemble_from.is_some_and(|from| part >= from) {
            Stage::Ensemble
        } else if part >= policy.refine_from {
            Stage::Refine
        } else if part >= policy.exploit_from {
            Stage::Exploit
        } else {
            Stage::Explore
        }
    }

    /// The stage, where there are any: in the experiments of a search with a
    /// Strategist.
    pub fn stage_in_force(&self) -> Option<Stage> {
        let settings = self.settings.as_ref()?;
        let staged = self.phase >= 3 && settings.strategy.has_strategist();
        staged.then(|| self.stage())
    }

    /// The stage of a task: one without a verified result, or where nothing
    /// has improved for long, is explored whatever was spent.
    pub fn stage_of(&self, task: &str) -> Stage {
        let index = self.index.tasks.get(task);
        if index.is_some_and(|index| index.verified) && !self.has_stagnated(task) {
            self.stage()
        } else {
            Stage::Explore
        }
    }

    /// Templates that fit a task and that nobody has looked at.
    pub fn untried<'a>(&'a self, task: &'a str) -> impl Iterator<Item = &'a String> {
        let inspected = self.task(task).and_then(|task| task.inspected.as_ref());
        let seen = self.index.tasks.get(task).map(|index| &index.seen);
        let fits = inspected.into_iter().flat_map(|i| &i.templates);
        fits.filter(move |name| seen.is_none_or(|seen| !seen.contains(*name)))
    }

    /// Where a task stands.
    pub fn standing_of(&self, task: &str) -> Standing<'_> {
        let stage = self.stage_of(task);
        let index = self.index.tasks.get(task);
        let inspected = self.task(task).and_then(|task| task.inspected.as_ref());
        let has_templates = inspected.is_some_and(|i| !i.templates.is_empty());
        Standing {
            stage,
            counts: index
                .and_then(|index| index.admitted.get(&stage))
                .unwrap_or(&NONE),
            exhausted: has_templates && self.untried(task).next().is_none(),
            escaping: self.has_stagnated(task),
        }
    }

    /// Kinds of proposals that a task admits now.
    pub fn allowed_on(&self, task: &str) -> Vec<Kind> {
        let policy = self.search_policy();
        if self.is_escape_used_up(task) {
            return Vec::new();
        }
        let index = self.index.tasks.get(task);
        let verified = index.is_some_and(|index| index.verified);
        let standing = self.standing_of(task);
        Kind::ALL
            .into_iter()
            .filter(|kind| verified || *kind == Kind::Explore)
            .filter(|kind| *kind != Kind::Ensemble || policy.ensemble_from.is_some())
            .filter(|kind| standing.admits(*kind, &policy).is_ok())
            .collect()
    }

    fn is_escape_used_up(&self, task: &str) -> bool {
        let policy = self.search_policy();
        let progress = self.progress(task);
        progress.is_some_and(|p| p.escape.is_some_and(|made| made >= policy.escape))
    }

    /// Whether a Strategist may propose this now.
    pub fn admit(
        &self,
        task: &str,
        kind: Kind,
        parent: Option<ExperimentId>,
        templates: &[String],
    ) -> Result<(), Refused> {
        let refused = |why: String| Refused {
            why,
            allowed: self.allowed_on(task),
        };
        let policy = self.search_policy();
        if self.is_escape_used_up(task) {
            return Err(refused(
                "the task was explored again; the results of that decide".to_owned(),
            ));
        }
        let standing = self.standing_of(task);
        self.is_parent(task, kind, parent).map_err(refused)?;
        if kind == Kind::Ensemble && policy.ensemble_from.is_none() {
            return Err(refused("this domain has no ensembles".to_owned()));
        }
        let named = |kind: Kind, why: String| format!("`{}`: {why}", kind.word());
        standing
            .admits(kind, &policy)
            .map_err(|why| refused(named(kind, why)))?;
        if kind == Kind::Explore && !templates.is_empty() {
            let new = self.untried(task).any(|name| templates.contains(name));
            if !new {
                return Err(refused(named(
                    kind,
                    "all these templates were tried on the task".to_owned(),
                )));
            }
        }
        let only_top = matches!(standing.stage, Stage::Refine | Stage::Ensemble);
        if let Some(parent) = parent.filter(|_| only_top && kind != Kind::Explore) {
            let top = self.top(task, policy.top as usize);
            if !top.contains(&parent) {
                let top: Vec<String> = top.iter().map(ToString::to_string).collect();
                return Err(refused(format!(
                    "{parent} is not among the best {} of the task: {}",
                    policy.top,
                    top.join(", ")
                )));
            }
        }
        Ok(())
    }

    /// Whether an experiment of this kind can go on from `parent`.
    pub fn is_parent(
        &self,
        task: &str,
        kind: Kind,
        parent: Option<ExperimentId>,
    ) -> Result<(), String> {
        let found = match parent {
            None if kind == Kind::Explore => return Ok(()),
            None => {
                return Err(format!(
                    "`{}` needs `parent`, an experiment of the task with a verified result",
                    kind.word()
                ));
            }
            Some(id) => self
                .experiments
                .get(&id)
                .ok_or_else(|| format!("there is no experiment {id}"))?,
        };
        let verified = found.verified(Split::Search).is_some();
        let id = found.id;
        if found.candidate.is_none() {
            Err(format!("{id} has no candidate to go on from"))
        } else if kind != Kind::Explore && (found.task != task || !verified) {
            Err(format!("{id} has no verified result on the task"))
        } else {
            Ok(())
        }
    }

    /// Books a Strategist's proposal on the quotas of its task.
    pub(super) fn note_proposal(&mut self, task: &str, kind: Kind) {
        let stage = self.stage_of(task);
        let index = self.index.tasks.entry(task.to_owned()).or_default();
        let counts = index.admitted.entry(stage).or_default();
        *counts.entry(kind).or_default() += 1;
        if let Some(made) = &mut index.progress.escape {
            *made += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn kind() -> impl Strategy<Value = Kind> {
        (0..Kind::ALL.len()).prop_map(|at| Kind::ALL[at])
    }

    proptest! {
        /// Whatever is asked for, what was admitted keeps the quotas.
        #[test]
        fn quotas_are_never_exceeded(
            asked in proptest::collection::vec((0..4_usize, kind()), 1..200),
            least in 0.0..1.0_f64,
            most in 0.0..1.0_f64,
        ) {
            let policy = SearchPolicy {
                explore_least: least,
                explore_most: most,
                ablation_most: most,
                ..SearchPolicy::default()
            };
            let mut admitted: BTreeMap<Stage, Counts> = BTreeMap::new();
            for (at, kind) in asked {
                let stage = Stage::ALL[at];
                let counts = admitted.entry(stage).or_default();
                let standing = Standing { stage, counts, exhausted: false, escaping: false };
                if standing.admits(kind, &policy).is_ok() {
                    *counts.entry(kind).or_default() += 1;
                }
            }
            for (stage, counts) in admitted {
                let made = |kind: Kind| f64::from(counts.get(&kind).copied().unwrap_or(0));
                let total = f64::from(counts.values().sum::<u32>()) + 1e-6;
                prop_assert!(made(Kind::Ablation) <= most * total);
                match stage {
                    Stage::Explore => {
                        prop_assert!(made(Kind::Explore) + 1e-6 >= least * (total - 1e-6));
                        prop_assert!(made(Kind::Ensemble) < 1.0);
                    }
                    Stage::Exploit => {
                        prop_assert!(made(Kind::Explore) <= most * total);
                        prop_assert!(made(Kind::Ensemble) < 1.0);
                    }
                    Stage::Refine => {
                        let rest = total - made(Kind::Refine) - made(Kind::Ablation);
                        prop_assert!(rest < 0.5);
                    }
                    Stage::Ensemble => prop_assert!(made(Kind::Explore) + made(Kind::Exploit) < 1.0),
                }
            }
        }

        /// A search that may go on at all always has a kind that is admitted.
        #[test]
        fn some_kind_is_always_admitted(
            counts in proptest::collection::btree_map(kind(), 0..20_u32, 0..5),
            at in 0..4_usize,
            exhausted: bool,
        ) {
            let stage = Stage::ALL[at];
            let standing = Standing { stage, counts: &counts, exhausted, escaping: false };
            let policy = SearchPolicy::default();
            let main = Kind::ALL[at];
            prop_assert!(standing.admits(main, &policy).is_ok());
        }
    }

    #[test]
    fn an_escape_admits_nothing_but_exploration() {
        let counts = Counts::new();
        let standing = Standing {
            stage: Stage::Explore,
            counts: &counts,
            exhausted: true,
            escaping: true,
        };
        for kind in Kind::ALL {
            let admitted = standing.admits(kind, &SearchPolicy::default()).is_ok();
            assert_eq!(admitted, kind == Kind::Explore, "{}", kind.word());
        }
    }
}
