//! What a recorded campaign was started with, for a run that replays it.

use std::path::{Path, PathBuf};

use super::{Failure, RunOptions};
use crate::adapter::{Adapter, originals};
use crate::campaign::Layout;
use crate::core::event::Event;
use crate::core::playbook::Admitted;
use crate::core::settings::Settings;
use crate::model::replay;
use crate::store::Reader;

/// A recorded campaign's beginning.
#[derive(Clone, Debug)]
pub(super) struct Origin {
    settings: Settings,
    /// Why its adapter was chosen and whether it was drafted; absent where a
    /// lab measures.
    chosen: Option<(String, bool)>,
    /// What it had taken over from another campaign.
    carried: Option<Admitted>,
    /// Its adapter's texts before any change.
    texts: Vec<(String, String)>,
}

impl Origin {
    /// Of the campaign that a model's name says to replay, if it says so.
    pub(super) fn of_model(spec: &str) -> Result<Option<(PathBuf, Self)>, Failure> {
        // A spec that names nothing is for the models to refuse.
        let Some(dir) = replay::campaign_of(spec).filter(|dir| !dir.as_os_str().is_empty()) else {
            return Ok(None);
        };
        let origin = Self::read(dir)?;
        Ok(Some((dir.to_owned(), origin)))
    }

    fn read(dir: &Path) -> Result<Self, Failure> {
        let log = Reader::open(dir)?.log()?;
        let settings = log.iter().find_map(|logged| match &logged.event {
            Event::CampaignStarted { settings } => Some((**settings).clone()),
            _ => None,
        });
        let chosen = log.iter().find_map(|logged| match &logged.event {
            Event::AdapterResolved { why, drafted, .. } => Some((why.clone(), *drafted)),
            _ => None,
        });
        let carried = log.iter().find_map(|logged| match &logged.event {
            Event::PlaybookCarried { carried } => Some((**carried).clone()),
            _ => None,
        });
        let texts = originals(&Layout::of(dir).adapter()).map_err(Failure::input)?;
        let settings = settings.ok_or_else(|| {
            Failure::input(format!(
                "the campaign in `{}` has no first event",
                dir.display()
            ))
        })?;
        Ok(Self {
            settings,
            chosen,
            carried,
            texts: texts
                .into_iter()
                .map(|(name, text)| (name.to_owned(), text))
                .collect(),
        })
    }

    /// The adapter as it was at the start, in a new folder.
    pub(super) fn adapter_in(&self, folder: &Path) -> Result<Adapter, Failure> {
        Ok(Adapter::create(folder, &self.texts)?)
    }

    /// Why that adapter was chosen, and whether it was drafted.
    pub(super) fn chosen(&self) -> (String, bool) {
        let unknown = || ("the recorded campaign has it".to_owned(), false);
        self.chosen.clone().unwrap_or_else(unknown)
    }

    /// What it had taken over from another campaign.
    pub(super) fn carried(&self) -> Option<Admitted> {
        self.carried.clone()
    }

    /// The options with what the recorded campaign had where they say nothing.
    pub(super) fn fill(&self, options: &RunOptions) -> RunOptions {
        let then = &self.settings;
        let limits = then.limits;
        let mut filled = options.clone();
        if filled.data.is_none() {
            let sources = || then.tasks.iter().map(|task| PathBuf::from(&task.source));
            filled.data = if then.evaluation.is_some() {
                Some(PathBuf::from(&then.data))
            } else if then.tasks.len() == 1 {
                sources().next()
            } else {
                // Tasks lie side by side in one folder.
                sources()
                    .next()
                    .and_then(|path| Some(path.parent()?.to_owned()))
            };
            if filled.tasks.is_empty() && then.evaluation.is_none() {
                filled.tasks = then.tasks.iter().map(|task| task.name.clone()).collect();
            }
        }
        // An adapter's own objective was nobody's words.
        let own = self.texts.iter().any(|(name, text)| {
            name == crate::adapter::MANIFEST
                && toml::from_str::<crate::adapter::Manifest>(text)
                    .is_ok_and(|manifest| manifest.objective == then.objective)
        });
        let drafted = self.chosen.as_ref().is_some_and(|(_, drafted)| *drafted);
        if drafted || !own {
            let objective = || Some(then.objective.clone());
            filled.objective = filled.objective.or_else(objective);
        }
        let wall_h = limits.wall_s.map(|wall_s| wall_s / 3600.0);
        filled.hours = filled.hours.or(wall_h);
        filled.experiments = filled.experiments.or(limits.experiments);
        filled.usd = filled.usd.or(limits.usd);
        filled.tokens = filled.tokens.or(limits.tokens);
        if filled.shares.is_empty() {
            filled.shares.clone_from(&then.shares);
        }
        if filled.models.is_empty() {
            filled.models.clone_from(&then.models);
        }
        filled.strategy = filled.strategy.or(Some(then.strategy));
        filled.ablations = filled.ablations.or(Some(then.ablations));
        filled.workers = filled.workers.or(Some(then.workers));
        filled.seed = filled.seed.or(Some(then.seed));
        if filled.python_extras.is_empty() {
            let extras = then.python.as_ref().map(|python| python.extras.clone());
            filled.python_extras = extras.unwrap_or_default();
        }
        filled.until = filled.until.or(Some(then.until));
        let executor = || Some(then.executor.clone());
        filled.executor = filled.executor.or_else(executor);
        let device = || Some(then.device.clone());
        filled.device = filled.device.or_else(device);
        filled.arch = filled.arch.or_else(|| then.arch.clone());
        filled.web = filled.web.or_else(|| then.web.clone());
        filled
    }
}
