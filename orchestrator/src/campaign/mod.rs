//! A campaign's directory: where its files are, and how one comes to be.

mod data;
pub mod extras;
mod pins;
mod tasks;

use std::path::{Path, PathBuf};

use rustix::fs::Access;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::adapter::{Adapter, AdapterError};
use crate::core::event::{Actor, Event};
use crate::core::playbook::Admitted;
use crate::core::settings::Settings;
use crate::core::state::State;
use crate::core::steer::Steer;
use crate::explore::ExploreError;
use crate::store::{Batch, DATABASE, Store, StoreError};

pub use data::{DataError, folder_hash, link as link_data, seal};
pub use extras::{Extra, ExtrasError, Installed};
pub use pins::{pin, pins};
pub use tasks::{TaskError, find as find_tasks, hash as task_hash};

/// A letter in the inbox.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Wish {
    /// A name of its own.
    pub request: String,
    /// What is wanted.
    pub what: Steer,
}

/// Paths in a campaign's directory.
#[derive(Clone, Debug)]
pub struct Layout {
    /// The directory itself, absolute.
    pub dir: PathBuf,
}

impl Layout {
    /// Of the campaign in `dir`.
    pub fn of(dir: &Path) -> Self {
        Self {
            dir: std::path::absolute(dir).unwrap_or_else(|_| dir.to_owned()),
        }
    }

    /// Resolved settings, for people.
    pub fn settings(&self) -> PathBuf {
        self.dir.join("campaign.toml")
    }

    /// Where persons leave their wishes for the process that drives it.
    pub fn inbox(&self) -> PathBuf {
        self.dir.join("inbox")
    }

    /// The models' prices that the campaign is charged by.
    pub fn prices(&self) -> PathBuf {
        self.dir.join("prices.toml")
    }

    /// The adapter as it was at the start.
    pub fn adapter(&self) -> PathBuf {
        self.dir.join("adapter")
    }

    /// What the exploration writes: its working folder.
    pub fn workspace(&self) -> PathBuf {
        self.dir.join("workspace")
    }

    /// What the exploration has learned, for others.
    pub fn learnings(&self) -> PathBuf {
        self.workspace().join("learnings.md")
    }

    /// The plan of the exploration, for people.
    pub fn plan(&self) -> PathBuf {
        self.dir.join("plan.md")
    }

    /// The exploration's report.
    pub fn data_report(&self) -> PathBuf {
        self.workspace().join("data_report")
    }

    /// The data, by links.
    pub fn data(&self) -> PathBuf {
        self.dir.join("data")
    }

    /// Packages that agents have beside those of their environment.
    pub fn python_extras(&self) -> PathBuf {
        self.dir.join("python-extras")
    }

    /// The evaluation.
    pub fn evaluation(&self) -> PathBuf {
        self.dir.join("evaluation")
    }

    /// Working folders of agents that have none in common.
    pub fn desks(&self) -> PathBuf {
        self.dir.join("agents")
    }

    /// Scratch folders of commands under way.
    pub fn scratch(&self) -> PathBuf {
        self.dir.join(".scratch")
    }

    /// One folder per experiment.
    pub fn experiments(&self) -> PathBuf {
        self.dir.join("experiments")
    }

    /// Reports and charts.
    pub fn reports(&self) -> PathBuf {
        self.dir.join("reports")
    }

    /// The report.
    pub fn report(&self) -> PathBuf {
        self.reports().join("report.md")
    }

    /// A milestone, by its number from 1.
    pub fn milestone(&self, number: u32) -> PathBuf {
        self.reports().join(format!("milestone-{number}.md"))
    }

    /// What was learned, for people.
    pub fn playbook(&self) -> PathBuf {
        self.dir.join("playbook.md")
    }

    /// Logs of the harness and of the labs.
    pub fn logs(&self) -> PathBuf {
        self.dir.join("logs")
    }
}

/// Why a campaign could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum CreateError {
    /// Something is there already.
    #[error(
        "`{path}` is a campaign already: continue it with `alphalab resume {path}`, or name another --dir",
        path = .0.display()
    )]
    IsCampaign(PathBuf),
    /// Something else is there.
    #[error("`{}` is not empty: name another --dir", .0.display())]
    NotEmpty(PathBuf),
    /// A file is there.
    #[error("`{}` is a file: name another --dir", .0.display())]
    IsFile(PathBuf),
    /// Nothing can be made there.
    #[error(
        "`{}` can't be made, for `{}` {why}: name another --dir",
        dir.display(),
        above.display()
    )]
    NoRoom {
        /// Where the campaign was to be.
        dir: PathBuf,
        /// The folder above that is there.
        above: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// A path that can't hold a campaign.
    #[error("`{}` can't be a campaign's directory", .0.display())]
    Path(PathBuf),
    /// The file system refused.
    #[error("failed to {operation} `{}`", path.display())]
    File {
        /// What was tried.
        operation: &'static str,
        /// On what.
        path: PathBuf,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
    /// The settings can't be written.
    #[error("failed to write the settings")]
    Settings(#[source] Box<toml::ser::Error>),
    /// The adapter can't be copied.
    #[error(transparent)]
    Adapter(#[from] AdapterError),
    /// The extras can't be put there.
    #[error(transparent)]
    Extras(#[from] ExtrasError),
    /// The data can't be linked.
    #[error(transparent)]
    Data(#[from] DataError),
    /// The scripts for the exploration can't be written.
    #[error(transparent)]
    Scripts(#[from] ExploreError),
    /// The database can't be made.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// `campaign.toml` can't be written.
    #[error("failed to write the campaign's files")]
    Write(#[from] sandbox::fs::WriteError),
}

/// What a campaign begins with, beside its adapter.
#[derive(Clone, Debug)]
pub struct Beginning {
    /// Its settings.
    pub settings: Settings,
    /// The models' prices, as TOML.
    pub prices: String,
    /// What the adapter was chosen by, where the campaign builds its evaluation.
    pub chosen: Option<Chosen>,
    /// What it takes over from another campaign.
    pub carried: Option<Admitted>,
}

/// What an adapter was chosen by, for a campaign that builds its evaluation.
#[derive(Clone, Debug)]
pub struct Chosen {
    /// Why this adapter, in a sentence.
    pub why: String,
    /// Whether it was written for this campaign.
    pub drafted: bool,
    /// What is known about the data.
    pub facts: Value,
    /// What the data was profiled to be.
    pub profile: Value,
}

/// Folders that the exploration writes, shown at the top by links.
pub(crate) const WORKSPACE: [&str; 4] = ["scripts", "plots", "notes", "data_report"];

/// Whether a campaign could be set up in `dir`, without doing it: looking at
/// the data may take long, and the user should know before.
pub fn check_vacant(dir: &Path) -> Result<(), CreateError> {
    let target = Layout::of(dir).dir;
    if target.join(DATABASE).exists() {
        return Err(CreateError::IsCampaign(dir.to_owned()));
    }
    if target.is_dir() {
        let failed = |source| CreateError::File {
            operation: "list",
            path: target.clone(),
            source,
        };
        let mut entries = target.read_dir().map_err(failed)?;
        if entries.next().is_some() {
            return Err(CreateError::NotEmpty(dir.to_owned()));
        }
    }
    if target.file_name().is_none() {
        return Err(CreateError::Path(dir.to_owned()));
    }
    // Made beside the target and moved there: what counts is the folder above.
    let above = target.ancestors().skip(1).find(|path| path.exists());
    let Some(above) = above else {
        return Err(CreateError::Path(dir.to_owned()));
    };
    let unusable = |why: String| CreateError::NoRoom {
        dir: dir.to_owned(),
        above: above.to_owned(),
        why,
    };
    if target.exists() && !target.is_dir() {
        return Err(CreateError::IsFile(dir.to_owned()));
    }
    if !above.is_dir() {
        return Err(unusable("is no folder".to_owned()));
    }
    let wanted = Access::WRITE_OK | Access::EXEC_OK;
    rustix::fs::access(above, wanted).map_err(|source| {
        let source = std::io::Error::from(source);
        unusable(format!("can't be written to ({source})"))
    })
}

/// Sets up a campaign in `dir`, which must be empty or absent. It appears
/// whole or not at all: everything is made beside it and moved in one step.
pub fn create(
    dir: &Path,
    adapter: &Adapter,
    beginning: Beginning,
    extras: Option<&Installed>,
    at_ms: i64,
) -> Result<(Store, State), CreateError> {
    let Beginning {
        settings,
        prices,
        chosen,
        carried,
    } = beginning;
    let target = Layout::of(dir).dir;
    check_vacant(dir)?;
    let making = making(&target)?;
    let layout = Layout {
        dir: making.clone(),
    };
    for folder in [layout.experiments(), layout.reports(), layout.logs()] {
        std::fs::create_dir_all(&folder).map_err(file("create", &folder))?;
    }
    adapter.copy_to(&layout.adapter())?;
    if chosen.is_some() {
        set_up_workspace(&layout, Path::new(&settings.data))?;
    }
    if let Some(extras) = extras {
        extras.put(&layout.python_extras())?;
    }
    let text =
        toml::to_string(&settings).map_err(|error| CreateError::Settings(Box::new(error)))?;
    sandbox::fs::write_atomic(&layout.settings(), text)?;
    sandbox::fs::write_atomic(&layout.prices(), prices)?;
    let mut pinned = pins(&layout, &layout.adapter())?;
    pinned.extend(pin(&layout, &layout.prices())?);
    let mut store = Store::create(&making)?;
    let mut batch = Batch::new();
    batch.push(
        Actor::User,
        Event::CampaignStarted {
            settings: Box::new(settings),
        },
    );
    if let Some(chosen) = chosen {
        let facts = batch.body(chosen.facts);
        let profile = Some(batch.body(chosen.profile));
        batch.push(
            Actor::Harness,
            Event::AdapterResolved {
                name: adapter.manifest.name.clone(),
                why: chosen.why,
                drafted: chosen.drafted,
                facts,
                profile,
            },
        );
    }
    if let Some(carried) = carried {
        let carried = Box::new(carried);
        batch.push(Actor::User, Event::PlaybookCarried { carried });
    }
    let files = batch.body(Value::Object(pinned));
    batch.push(Actor::Harness, Event::FilesPinned { files });
    store.append(0, at_ms, batch)?;
    drop(store);
    move_in(&making, &target)?;
    Ok(Store::open(&target)?)
}

/// An empty folder beside a campaign's directory, in which it is made.
pub(crate) fn making(dir: &Path) -> Result<PathBuf, CreateError> {
    let target = Layout::of(dir).dir;
    let (Some(parent), Some(name)) = (target.parent(), target.file_name()) else {
        return Err(CreateError::Path(dir.to_owned()));
    };
    std::fs::create_dir_all(parent).map_err(file("create", parent))?;
    let name = name.to_string_lossy();
    remove_leftovers(parent, &name);
    let making = parent.join(format!(".{name}.{}.making", std::process::id()));
    std::fs::create_dir_all(&making).map_err(file("create", &making))?;
    Ok(making)
}

/// Makes what is complete appear under its name.
pub(crate) fn move_in(making: &Path, dir: &Path) -> Result<(), CreateError> {
    let target = Layout::of(dir).dir;
    std::fs::rename(making, &target).map_err(file("rename to", &target))
}

fn file(operation: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> CreateError {
    let path = path.to_owned();
    move |source| CreateError::File {
        operation,
        path,
        source,
    }
}

/// Makes the folders of phases 1 and 2, with links to what people look for at
/// the top. The links are relative: a campaign can be moved.
fn set_up_workspace(layout: &Layout, data: &Path) -> Result<(), CreateError> {
    let workspace = layout.workspace();
    for name in WORKSPACE {
        let folder = workspace.join(name);
        std::fs::create_dir_all(&folder).map_err(file("create", &folder))?;
    }
    for name in WORKSPACE.into_iter().chain(["learnings.md"]) {
        let link = layout.dir.join(name);
        let to = Path::new("workspace").join(name);
        std::os::unix::fs::symlink(to, &link).map_err(file("link", &link))?;
    }
    for folder in [layout.evaluation(), layout.desks()] {
        std::fs::create_dir_all(&folder).map_err(file("create", &folder))?;
    }
    crate::explore::write_scripts(&workspace.join("scripts"))?;
    Ok(link_data(data, &layout.data())?)
}

/// Removes what a run that was killed while it made this campaign has left.
/// One that is still at it holds its lock.
fn remove_leftovers(parent: &Path, name: &str) {
    let prefix = format!(".{name}.");
    let entries = parent.read_dir().into_iter().flatten().flatten();
    for entry in entries {
        let file_name = entry.file_name();
        let Some(rest) = file_name.to_str().and_then(|n| n.strip_prefix(&prefix)) else {
            continue;
        };
        let path = entry.path();
        if rest.ends_with(".making") && matches!(crate::store::running_pid(&path), Ok(None)) {
            // Litter that can't be removed harms nobody.
            let _ = std::fs::remove_dir_all(&path);
        }
    }
}
