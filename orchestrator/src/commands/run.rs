//! `run` and `resume`: drive a campaign to its end or until somebody stops it.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use serde::{Deserialize, Serialize};

use super::origin::Origin;
use super::resolve::{self, Asked, Built, Found};
use super::{Failure, Places, device, exit, models, playbook, serve, table};
use crate::adapter::Adapter;
use crate::campaign::{self, Beginning, Extra, ExtrasError, Installed, Layout};
use crate::core::event::{Actor, Event, FinishReason};
use crate::core::models::ModelSettings;
use crate::core::settings::{
    EvaluationSettings, Limits, Policy, SETTINGS_SCHEMA, Settings, TaskSource, USUAL_DEVICE,
    WebSettings,
};
use crate::core::shares::Shares;
use crate::core::state::{RunState, State};
use crate::core::strategy::Strategy;
use crate::driver::{Bench, Ended, Observer, Session, now_ms};
use crate::model::key::Environment;
use crate::model::replay;
use crate::store::{Batch, Reader, Store};
use crate::web::{Client, Recorded, Web, WebConfig};
use crate::{tools, ui};

/// What a run is asked for; absent values come from the recorded campaign that
/// it replays, or from the adapter.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunOptions {
    /// Folder of tasks, or one task.
    pub data: Option<PathBuf>,
    /// Names of the tasks to work on; all, if empty.
    pub tasks: Vec<String>,
    /// What is wanted, in words.
    pub objective: Option<String>,
    /// Adapter by name or path; found by the data, if absent.
    pub adapter: Option<String>,
    /// Model: the first, where there are several.
    pub model: String,
    /// The models, where there are several.
    #[serde(default, skip_serializing_if = "ModelSettings::is_empty")]
    pub models: ModelSettings,
    /// Limit of evaluated experiments.
    pub experiments: Option<u32>,
    /// Limit of running time in hours.
    pub hours: Option<f64>,
    /// Limit of US dollars.
    pub usd: Option<f64>,
    /// Limit of tokens.
    pub tokens: Option<u64>,
    /// Shares of roles in dollars and tokens; the adapter's where none is
    /// given.
    pub shares: Shares,
    /// How to search; `full`, if absent.
    pub strategy: Option<Strategy>,
    /// A campaign, or an exported playbook, whose lessons are taken over.
    pub playbook: Option<PathBuf>,
    /// Changes of each winner to undo when the search is over; 0, if absent.
    pub ablations: Option<u32>,
    /// Phases that wait for a person.
    pub gates: Vec<u8>,
    /// Number of workers; 1, if absent.
    pub workers: Option<u32>,
    /// Executor; `local`, if absent.
    pub executor: Option<String>,
    /// Device; `cpu`, if absent.
    pub device: Option<String>,
    /// GPU to compile for.
    pub arch: Option<String>,
    /// Directory of the campaign.
    pub dir: Option<PathBuf>,
    /// Seed of the search; 1, if absent.
    pub seed: Option<u64>,
    /// Last phase; 3, if absent.
    pub until: Option<u8>,
    /// Whether agents may look at the web, and at what of it.
    pub web: Option<WebSettings>,
    /// Packages for agents, as `name==version`.
    pub python_extras: Vec<String>,
    /// Port of the dashboard, 0 for a free one; no dashboard, if absent.
    pub dashboard: Option<u16>,
}

/// Starts a campaign and drives it.
pub fn run(options: &RunOptions, places: &Places, stop: Arc<AtomicBool>) -> Result<u8, Failure> {
    let session = begin(options, places, stop, &ui::observer)?;
    eprintln!("phase 0: adapter {}", session.adapter.manifest.name);
    let _dashboard = serve::beside(&session.layout.dir, options.dashboard);
    drive(session)
}

/// Makes whoever watches a campaign.
type Watch<'a> = &'a dyn Fn(&Layout) -> Box<dyn Observer>;

/// A campaign that has its directory and its first event, and nothing more.
pub(super) fn begin(
    options: &RunOptions,
    places: &Places,
    stop: Arc<AtomicBool>,
    watch: Watch<'_>,
) -> Result<Session, Failure> {
    // Everything that can be wrong with the input is found before anything
    // is written.
    let dir = options.dir.clone().unwrap_or_else(default_dir);
    let layout = Layout::of(&dir);
    models::check(&options.model, &options.models)?;
    let origin = Origin::of_model(&options.model)?;
    let filled = match &origin {
        Some((recorded, origin)) => RunOptions {
            // To be found again from wherever the run is resumed.
            model: replay::spec_of(&recorded.canonicalize()?),
            ..origin.fill(options)
        },
        None => options.clone(),
    };
    let options = &filled;
    let extras: Vec<Extra> = options
        .python_extras
        .iter()
        .map(|text| text.parse())
        .collect::<Result<_, ExtrasError>>()?;
    let export = options
        .playbook
        .as_deref()
        .map(playbook::load)
        .transpose()?;
    let (models, prices) = models::open(&options.model, &options.models, &layout)?;
    let asked = Asked {
        adapter: options.adapter.as_deref(),
        origin: origin.as_ref().map(|(_, origin)| origin),
        data: options.data.as_deref(),
        objective: options.objective.as_deref(),
    };
    campaign::check_vacant(&dir)?;
    let found = resolve::find(asked, places)?;
    let (adapter, built) = match found {
        Found::Lab(adapter) => (*adapter, None),
        Found::Built(built) => {
            let Built {
                adapter,
                chosen,
                bench,
                data,
            } = *built;
            (adapter, Some((chosen, bench, data)))
        }
    };
    let data = built.as_ref().map(|(_, _, data)| data.as_path());
    let mut settings = settings(options, places, &adapter, data)?;
    device::settle(&mut settings, places, &layout)?;
    let carried = match (options.playbook.as_deref(), export) {
        (Some(path), Some(export)) => {
            if !settings.strategy.has_strategist() {
                return Err(Failure::input(format!(
                    "--playbook is for --strategy full: `{}` is a baseline that knows of no playbook",
                    settings.strategy.word()
                )));
            }
            Some(playbook::admit(path, export, &settings)?)
        }
        // A replay is told what the recorded campaign was told.
        _ => origin.as_ref().and_then(|(_, origin)| origin.carried()),
    };
    let bench = built.as_ref().map(|(_, bench, _)| bench);
    let extras = installed(&extras, bench)?;
    settings.python = extras.as_ref().map(|extras| extras.settings.clone());
    let web = open_web(&settings)?;
    let lab = places.measures(&layout, &settings)?;
    let (chosen, bench) = built.map(|(chosen, bench, _)| (chosen, bench)).unzip();
    let beginning = Beginning {
        settings,
        prices: toml::to_string(&prices).map_err(Failure::bug)?,
        chosen,
        carried,
    };
    let (store, state) = campaign::create(&dir, &adapter, beginning, extras.as_ref(), now_ms())?;
    Ok(Session {
        observer: watch(&layout),
        store,
        state,
        adapter,
        models,
        lab: Some(lab),
        bench,
        web,
        stop,
        layout,
    })
}

/// Installs the packages that are declared, for agents that have a use for
/// them.
fn installed(extras: &[Extra], bench: Option<&Bench>) -> Result<Option<Installed>, Failure> {
    if extras.is_empty() {
        return Ok(None);
    }
    let Some(bench) = bench else {
        return Err(Failure::input(
            "--python-extra is for campaigns whose agents build an evaluation, and here a lab measures",
        ));
    };
    eprintln!("installing {} python extras …", extras.len());
    Ok(Some(campaign::extras::install(&bench.python, extras)?))
}

/// Continues a campaign.
///
/// `dashboard` is the port of its dashboard, as in [`RunOptions::dashboard`].
pub fn resume(
    dir: &Path,
    dashboard: Option<u16>,
    places: &Places,
    stop: Arc<AtomicBool>,
) -> Result<u8, Failure> {
    match take_up(dir, places, stop, &ui::observer)? {
        TakenUp::Going(session) => {
            let _dashboard = serve::beside(dir, dashboard);
            drive(*session)
        }
        TakenUp::Finished(state) => {
            eprintln!("this campaign is finished already");
            conclude(&Layout::of(dir), &state)
        }
    }
}

/// A campaign that was there before.
pub(super) enum TakenUp {
    /// It goes on.
    Going(Box<Session>),
    /// It is over.
    Finished(Box<State>),
}

/// A campaign that was stopped or killed, ready to go on.
pub(super) fn take_up(
    dir: &Path,
    places: &Places,
    stop: Arc<AtomicBool>,
    watch: Watch<'_>,
) -> Result<TakenUp, Failure> {
    let (mut store, mut state) = Store::open(dir)?;
    let layout = Layout::of(dir);
    if matches!(state.run, RunState::Finished(_)) {
        return Ok(TakenUp::Finished(Box::new(state)));
    }
    let Some(settings) = state.settings.clone() else {
        return Err(Failure::input(format!(
            "the campaign in `{}` has no first event",
            dir.display()
        )));
    };
    let (models, _) = models::open(&settings.model, &settings.models, &layout)?;
    let web = open_web(&settings)?;
    let adapter = Adapter::load(&layout.adapter())?;
    let lab = Some(places.measures(&layout, &settings)?);
    let bench = settings
        .evaluation
        .map(|_| resolve::bench(places))
        .transpose()?;
    let mut batch = Batch::new();
    batch.push(Actor::User, Event::CampaignResumed {});
    for logged in store.append(state.seq, now_ms(), batch)? {
        state.apply(&logged).map_err(Failure::bug)?;
    }
    Ok(TakenUp::Going(Box::new(Session {
        observer: watch(&layout),
        store,
        state,
        adapter,
        models,
        lab,
        bench,
        web,
        stop,
        layout,
    })))
}

/// Names the user's search endpoint.
const SEARCH_URL: &str = "ALPHALAB_SEARCH_URL";

/// The web, for a campaign whose agents may look at it. A replay is given what
/// was recorded.
fn open_web(settings: &Settings) -> Result<Option<Web>, Failure> {
    let Some(web) = &settings.web else {
        return Ok(None);
    };
    if let Some(dir) = replay::campaign_of(&settings.model) {
        let recorded = Recorded::open(dir, &tools::is_of_the_web)?;
        return Ok(Some(Web::Recorded(Box::new(recorded))));
    }
    let config = WebConfig::new(web, &Environment::of_process());
    let client = Client::new(config).map_err(|error| Failure::input(crate::chain::of(&error)))?;
    eprintln!("note: agents may look at the web; what they ask for leaves this machine");
    Ok(Some(Web::Live(Arc::new(client))))
}

/// Rounds of building an evaluation.
const ROUNDS: u32 = 3;
/// The phase of the experiments.
const LAST_PHASE: u8 = 3;
/// Most seconds of one command of an agent.
const COMMAND_S: u64 = 600;

fn settings(
    options: &RunOptions,
    places: &Places,
    adapter: &Adapter,
    built_for: Option<&Path>,
) -> Result<Settings, Failure> {
    let manifest = adapter.manifest.clone();
    let executor = options.executor.as_deref().unwrap_or("local");
    let until = options.until.unwrap_or(LAST_PHASE);
    if let Some(wanted) = options.executor.as_ref().filter(|_| executor != "local") {
        return Err(Failure::input(format!(
            "unknown executor `{wanted}`: this version has `local`"
        )));
    }
    let last = if built_for.is_some() {
        1..=until
    } else {
        3..=until
    };
    if let Some(gate) = options.gates.iter().find(|gate| !last.contains(gate)) {
        let known: Vec<String> = last.map(|phase| format!("phase{phase}")).collect();
        return Err(Failure::input(format!(
            "--gate phase{gate}: this campaign has no such beginning to wait for; it has {}",
            if known.is_empty() {
                "none".to_owned()
            } else {
                known.join(", ")
            }
        )));
    }
    let (tasks, evaluation) = if let Some(data) = built_for {
        let timeout_s = manifest.evaluation.as_ref().map_or(60, |e| e.timeout_s);
        let evaluation = EvaluationSettings {
            rounds: ROUNDS,
            command_s: COMMAND_S,
            timeout_s,
        };
        let task = TaskSource {
            name: manifest.name.clone(),
            source: data.to_string_lossy().into_owned(),
        };
        (vec![task], Some(evaluation))
    } else {
        let data = options
            .data
            .clone()
            .unwrap_or_else(|| places.home.join(&manifest.default_data));
        let by_default = options.data.is_none() && options.tasks.is_empty();
        let wanted = if by_default {
            &manifest.default_tasks
        } else {
            &options.tasks
        };
        let tasks = campaign::find_tasks(&data, &manifest.task_extension, wanted)?;
        (tasks, None)
    };
    let strategy = options.strategy.unwrap_or_default();
    let (experiments, hours) = manifest.budgets.on(tasks.len());
    let experiments = options.experiments.unwrap_or(experiments);
    let hours = options.hours.unwrap_or(hours);
    let ablations = options.ablations.unwrap_or(0);
    let policy = of_strategy(manifest.policy, strategy, experiments, tasks.len());
    let settings = Settings {
        schema: SETTINGS_SCHEMA,
        tasks,
        data: built_for.map_or_else(String::new, |data| data.to_string_lossy().into_owned()),
        until,
        evaluation,
        adapter: manifest.name,
        domain: manifest.domain,
        objective: options.objective.clone().unwrap_or(manifest.objective),
        lab: if built_for.is_some() {
            String::new()
        } else {
            manifest.lab
        },
        device: options
            .device
            .clone()
            .unwrap_or_else(|| USUAL_DEVICE.to_owned()),
        arch: options.arch.clone(),
        simulated: false,
        model: options.model.clone(),
        models: options.models.clone(),
        executor: executor.to_owned(),
        workers: options.workers.unwrap_or(1),
        seed: options.seed.unwrap_or(1),
        metric: manifest.metric.into(),
        limits: Limits {
            experiments: Some(experiments),
            wall_s: Some(hours * 3600.0),
            usd: options.usd,
            tokens: options.tokens,
        },
        shares: if options.shares.is_empty() {
            manifest.budgets.shares
        } else {
            options.shares.clone()
        },
        policy,
        strategy,
        staff: (until >= LAST_PHASE && strategy.has_strategist())
            .then(|| manifest.staff.unwrap_or_default()),
        ablations,
        gates: options.gates.clone(),
        web: options.web.clone().map(|web| WebSettings {
            search_url: web
                .search_url
                .or_else(|| Environment::of_process().get(SEARCH_URL)),
            ..web
        }),
        python: None,
    };
    if ablations > 0 && settings.ablations_within(Some(experiments)) == 0 {
        return Err(Failure::input(format!(
            "--ablation {ablations}: there is no room for it: a quarter of the {experiments} experiments, shared by {} \
             tasks, is less than one for each; give more --experiments or fewer --tasks",
            settings.tasks.len()
        )));
    }
    Ok(settings)
}

/// What a baseline may do: no quick looks, and as many candidates per task as
/// there is room for.
fn of_strategy(policy: Policy, strategy: Strategy, experiments: u32, tasks: usize) -> Policy {
    let finalists = match strategy {
        Strategy::Full => return policy,
        Strategy::Greedy => experiments / u32::try_from(tasks.max(1)).unwrap_or(u32::MAX),
        Strategy::SingleShot | Strategy::Random => 1,
    };
    Policy {
        tries_per_worker: 0,
        finalists: finalists.max(1),
        ..policy
    }
}

/// `campaigns/<date>-<time>`, in UTC.
pub(super) fn default_dir() -> PathBuf {
    let stamp = jiff::Timestamp::now().strftime("%Y%m%d-%H%M%S").to_string();
    Path::new("campaigns").join(stamp)
}

fn drive(session: Session) -> Result<u8, Failure> {
    let layout = session.layout.clone();
    let dir = &layout.dir;
    let models = session.models.clone();
    let ran = session.run();
    let replayed = models.replayed();
    let code = ran
        .map_err(Failure::from)
        .and_then(|(ended, state)| match ended {
            Ended::Finished(_) => conclude(&layout, &state),
            Ended::Halted => {
                write_report(&layout)?;
                eprintln!("stopped: the model can't go on (see the log above)");
                eprintln!("continue with: alphalab resume {}", dir.display());
                println!("{}", dir.display());
                Ok(match replayed {
                    // Nothing outside is at fault: the recording is at its end.
                    Some(_) => exit::CANCELLED,
                    None => exit::EXTERNAL,
                })
            }
            Ended::Rests => {
                write_report(&layout)?;
                let why = state.rests_because().unwrap_or_default();
                eprintln!(
                    "stopped: {}",
                    why.replace(" DIR ", &format!(" {} ", dir.display()))
                );
                eprintln!("then continue with: alphalab resume {}", dir.display());
                println!("{}", dir.display());
                Ok(exit::CANCELLED)
            }
            Ended::Stopped => {
                write_report(&layout)?;
                eprintln!("stopped; continue with: alphalab resume {}", dir.display());
                println!("{}", dir.display());
                Ok(exit::CANCELLED)
            }
        });
    if let Some(replayed) = &replayed {
        eprintln!("{replayed}");
    }
    let diverged = replayed.is_some_and(|replayed| replayed.divergence.is_some());
    code.map(|code| if diverged { exit::NO_RESULT } else { code })
}

pub(super) fn write_report(layout: &Layout) -> Result<(), Failure> {
    // A dashboard of this process may be reading too.
    let (log, head) = Reader::beside_writer(&layout.dir)?.anchored_log()?;
    let state = State::fold(&log).map_err(Failure::bug)?;
    Ok(crate::report::write(layout, &state, &log, &head)?)
}

/// Shows what came out; the directory is the last line on stdout.
fn conclude(layout: &Layout, state: &State) -> Result<u8, Failure> {
    write_report(layout)?;
    let shown = layout.dir.display();
    let reason = match state.run {
        RunState::Finished(reason) => Some(reason),
        RunState::New | RunState::Running | RunState::Stopped => None,
    };
    let with_experiments = state.phase >= 3;
    if with_experiments {
        print!("{}", table::leaderboard(state));
    } else {
        print!("{}", table::phases(state));
    }
    eprintln!();
    if let Some(reason) = reason {
        eprintln!("finished: {}", reason.text());
    }
    eprintln!("report:      {}", layout.report().display());
    eprintln!("show again:  alphalab serve {shown}");
    if with_experiments {
        eprintln!("playbook:    {}", layout.playbook().display());
        eprintln!("leaderboard: alphalab leaderboard {shown} --json");
        eprintln!("search more: alphalab run --hours 1");
    } else if !state.rounds.is_empty() {
        eprintln!("evaluation:  {}", layout.evaluation().display());
        eprintln!("audit again: alphalab audit {shown}");
    }
    println!("{shown}");
    let verified = crate::core::rank::leaderboard(state).summary.verified;
    let measured = state.experiments.values().any(|e| !e.attempts.is_empty());
    Ok(match (reason, verified, measured) {
        (Some(FinishReason::PhaseDone), _, _) => exit::OK,
        (Some(FinishReason::BudgetSpent), 0, false) => exit::BUDGET,
        (_, 0, _) => exit::NO_RESULT,
        _ => exit::OK,
    })
}
