//! `run` and `resume`: drive a campaign to its end or until somebody stops it.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use super::{Failure, Places, exit, table};
use crate::adapter::{Adapter, AdapterError, Judge, Manifest};
use crate::campaign::{self, Layout};
use crate::core::event::{Actor, Event};
use crate::core::settings::{Limits, SETTINGS_SCHEMA, Settings};
use crate::core::state::{RunState, State};
use crate::driver::{Ended, Session, now_ms};
use crate::model::{ChatModel, Setup};
use crate::store::{Batch, Reader, Store};
use crate::ui;

/// What a run is asked for; absent values come from the adapter.
#[derive(Clone, Debug)]
pub struct RunOptions {
    /// Folder of tasks, or one task.
    pub data: Option<PathBuf>,
    /// Names of the tasks to work on; all, if empty.
    pub tasks: Vec<String>,
    /// What is wanted, in words.
    pub objective: Option<String>,
    /// Adapter by name or path.
    pub adapter: String,
    /// Model.
    pub model: String,
    /// Limit of evaluated experiments.
    pub experiments: Option<u32>,
    /// Limit of running time in hours.
    pub hours: Option<f64>,
    /// Limit of US dollars.
    pub usd: Option<f64>,
    /// Limit of tokens.
    pub tokens: Option<u64>,
    /// Number of workers.
    pub workers: u32,
    /// Executor.
    pub executor: String,
    /// Device.
    pub device: String,
    /// Directory of the campaign.
    pub dir: Option<PathBuf>,
    /// Seed of the search.
    pub seed: u64,
}

/// Starts a campaign and drives it.
pub fn run(options: &RunOptions, places: &Places, stop: Arc<AtomicBool>) -> Result<u8, Failure> {
    // Everything that can be wrong with the input is found before anything
    // is written.
    let model = open_model(&options.model)?;
    let folder = places.adapter(&options.adapter);
    if !folder.is_dir() {
        return Err(AdapterError::Missing {
            name: options.adapter.clone(),
            path: folder,
        }
        .into());
    }
    let adapter = Adapter::load(&folder)?;
    let built = |lab: &str| places.bin_dir.join(lab).is_file();
    if let Judge::Commands(_) = adapter.manifest.judge(built).map_err(Failure::input)? {
        let Manifest { name, lab, .. } = &adapter.manifest;
        return Err(Failure::input(format!(
            "adapter `{name}` needs the lab `{lab}`, which is not built here; experiments that are measured by an \
             evaluation's own commands are not there yet"
        )));
    }
    let settings = settings(options, places, &adapter)?;
    let dir = options.dir.clone().unwrap_or_else(default_dir);
    let layout = Layout::of(&dir);
    let lab = places.lab(&settings.lab, &layout)?;
    let (store, state) = campaign::create(&dir, &adapter, settings, now_ms())?;
    drive(
        Session {
            observer: ui::observer(&layout),
            store,
            state,
            adapter,
            model,
            lab,
            stop,
            layout,
        },
        &dir,
    )
}

/// Continues a campaign.
pub fn resume(dir: &Path, places: &Places, stop: Arc<AtomicBool>) -> Result<u8, Failure> {
    let (mut store, mut state) = Store::open(dir)?;
    let layout = Layout::of(dir);
    if matches!(state.run, RunState::Finished(_)) {
        eprintln!("this campaign is finished already");
        return conclude(dir, &layout, &state);
    }
    let Some(settings) = state.settings.clone() else {
        return Err(Failure::input(format!(
            "the campaign in `{}` has no first event",
            dir.display()
        )));
    };
    let model = open_model(&settings.model)?;
    let adapter = Adapter::load(&layout.adapter())?;
    let lab = places.lab(&settings.lab, &layout)?;
    let mut batch = Batch::new();
    batch.push(Actor::User, Event::CampaignResumed {});
    for logged in store.append(state.seq, now_ms(), batch)? {
        state.apply(&logged).map_err(Failure::bug)?;
    }
    drive(
        Session {
            observer: ui::observer(&layout),
            store,
            state,
            adapter,
            model,
            lab,
            stop,
            layout,
        },
        dir,
    )
}

/// The model that plays the roles. It makes one attempt at a time: the driver
/// decides on the next, so that each has a reservation of its own.
fn open_model(spec: &str) -> Result<Arc<dyn ChatModel>, Failure> {
    let mut setup = Setup::of_process()?;
    setup.retry.attempts = 1;
    let model = setup.model(spec)?;
    for note in model.notes() {
        eprintln!("note: {note}");
    }
    Ok(Arc::from(model))
}

fn settings(options: &RunOptions, places: &Places, adapter: &Adapter) -> Result<Settings, Failure> {
    let manifest = adapter.manifest.clone();
    if options.executor != "local" {
        let wanted = &options.executor;
        return Err(Failure::input(format!(
            "unknown executor `{wanted}`: this version has `local`"
        )));
    }
    let data = options
        .data
        .clone()
        .unwrap_or_else(|| places.home.join(&manifest.default_data));
    let hours = options.hours.unwrap_or(manifest.budgets.hours);
    Ok(Settings {
        schema: SETTINGS_SCHEMA,
        tasks: campaign::find_tasks(&data, &manifest.task_extension, &options.tasks)?,
        adapter: manifest.name,
        domain: manifest.domain,
        objective: options.objective.clone().unwrap_or(manifest.objective),
        lab: manifest.lab,
        device: options.device.clone(),
        model: options.model.clone(),
        executor: options.executor.clone(),
        workers: options.workers,
        seed: options.seed,
        metric: manifest.metric.into(),
        limits: Limits {
            experiments: Some(options.experiments.unwrap_or(manifest.budgets.experiments)),
            wall_s: Some(hours * 3600.0),
            usd: options.usd,
            tokens: options.tokens,
        },
        policy: manifest.policy,
    })
}

/// `campaigns/<date>-<time>`, in UTC.
fn default_dir() -> PathBuf {
    let stamp = jiff::Timestamp::now().strftime("%Y%m%d-%H%M%S").to_string();
    Path::new("campaigns").join(stamp)
}

fn drive(session: Session, dir: &Path) -> Result<u8, Failure> {
    let layout = session.layout.clone();
    let (ended, state) = session.run()?;
    match ended {
        Ended::Finished(_) => conclude(dir, &layout, &state),
        Ended::Halted => {
            write_report(dir, &layout)?;
            eprintln!("stopped: the model can't go on (see the log above)");
            eprintln!("continue with: alphalab resume {}", dir.display());
            println!("{}", dir.display());
            Ok(exit::EXTERNAL)
        }
        Ended::Stopped => {
            write_report(dir, &layout)?;
            eprintln!("stopped; continue with: alphalab resume {}", dir.display());
            println!("{}", dir.display());
            Ok(exit::CANCELLED)
        }
    }
}

fn write_report(dir: &Path, layout: &Layout) -> Result<(), Failure> {
    let log = Reader::open(dir)?.log()?;
    let state = State::fold(&log).map_err(Failure::bug)?;
    Ok(crate::report::write(layout, &state, &log)?)
}

/// Shows what came out; the directory is the last line on stdout.
fn conclude(dir: &Path, layout: &Layout, state: &State) -> Result<u8, Failure> {
    write_report(dir, layout)?;
    print!("{}", table::leaderboard(state));
    let shown = dir.display();
    eprintln!();
    if let RunState::Finished(reason) = state.run {
        eprintln!("finished: {}", reason.text());
    }
    eprintln!("report:      {}", layout.report().display());
    eprintln!("playbook:    {}", layout.playbook().display());
    eprintln!("leaderboard: alphalab leaderboard {shown} --json");
    eprintln!("search more: alphalab run --hours 1");
    println!("{shown}");
    let verified = crate::core::rank::leaderboard(state).summary.verified;
    let measured = state.experiments.values().any(|e| !e.attempts.is_empty());
    let out_of_budget = matches!(
        state.run,
        RunState::Finished(crate::core::event::FinishReason::BudgetSpent)
    );
    Ok(match (verified, measured) {
        (0, false) if out_of_budget => exit::BUDGET,
        (0, _) => exit::NO_RESULT,
        _ => exit::OK,
    })
}
