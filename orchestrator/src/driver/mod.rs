//! The loop that makes a campaign happen: decide, log the intent, act, log
//! the outcome.

mod ablate;
mod compaction;
mod docket;
mod draw;
mod effects;
mod evaluation;
mod frozen;
mod lineage;
mod models;
mod outcome;
mod prompt;
mod size;
mod staff;
mod steering;
mod talk;
mod turns;
mod work;

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::RecvTimeoutError;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant, SystemTime};

use serde_json::Value;

use crate::adapter::{Adapter, AdapterError};
use crate::campaign::{DataError, ExtrasError, Layout, TaskError};
use crate::core::event::{Actor, Body, EffectKey, Event, FinishReason, Logged};
use crate::core::fold::Illegal;
use crate::core::ids::AgentId;
use crate::core::planner::{self, Decision};
use crate::core::settings::Settings;
use crate::core::state::{RunState, State};
use crate::exec::{Job, LabProgram, Local, NoDevice, Told, WriteFilesError};
use crate::explore::AgentsPython;
use crate::model::Models;
use crate::store::{Batch, Store, StoreError};
use crate::tools::{self, Documents, Kinds};
use crate::web::Web;

use protocol::Space;

use prompt::Purpose;
pub(crate) use steering::{answer, letter_name};
use talk::Talk;

/// How often the loop looks at the clock and at signals while it waits.
const TICK: Duration = Duration::from_millis(100);
/// Events after which they are made durable even if there is more to do.
const MANY: usize = 64;

/// Watches a campaign as it goes; sees nothing that is not in the log, but
/// for the phase of an act under way.
pub trait Observer {
    /// Something happened; `state` includes it.
    fn logged(&mut self, state: &State, logged: &Logged);
    /// An act under way reached a phase.
    fn phase(&mut self, state: &State, key: &EffectKey, phase: &str);
    /// Time went by.
    fn tick(&mut self, state: &State, now_ms: i64);
}

/// How a session ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// The campaign is over.
    Finished(FinishReason),
    /// Somebody asked to stop; it can be resumed.
    Stopped,
    /// The model's provider lets nobody go on; it can be resumed.
    Halted,
    /// All that is left to do is paused; it can be resumed.
    Rests,
}

/// Why a session could not go on. The campaign can be resumed.
#[derive(Debug, thiserror::Error)]
pub enum DriverError {
    /// The log.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A decision that the state refuses: a bug.
    #[error("the planner made an illegal decision")]
    Illegal(#[from] Illegal),
    /// Nothing is under way and nothing is decided: a bug.
    #[error("the campaign is stuck: nothing is under way and nothing is decided")]
    Stuck,
    /// A prompt can't be rendered.
    #[error(transparent)]
    Adapter(#[from] AdapterError),
    /// A task can't be read any more.
    #[error(transparent)]
    Task(#[from] TaskError),
    /// A candidate's files can't be written.
    #[error("failed to write a candidate's files")]
    Files(#[from] WriteFilesError),
    /// A view for people can't be written.
    #[error("failed to write `{}`", path.display())]
    View {
        /// The file.
        path: PathBuf,
        /// Why not.
        #[source]
        source: Box<sandbox::fs::WriteError>,
    },
    /// A folder can't be made.
    #[error("failed to make `{}` and the folders beside it", path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
    /// What lies in the way of an attempt can't be removed.
    #[error("failed to remove what lies in `{}` in the place of an attempt", path.display())]
    Attempt {
        /// The experiment's folder.
        path: PathBuf,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
    /// The evaluation or the data can't be hashed or sealed.
    #[error(transparent)]
    Data(#[from] DataError),
    /// What was installed for agents is not what it was.
    #[error(transparent)]
    Extras(#[from] ExtrasError),
    /// The evaluation is not what it was.
    #[error("the evaluation has changed since it was frozen: restore it, or start a new campaign")]
    OtherEvaluation,
    /// A task is not what it was.
    #[error(
        "task `{task}` has changed since the evaluation was frozen: restore it, or start a new campaign"
    )]
    Thawed {
        /// The task.
        task: String,
    },
    /// The lab can't even describe itself.
    #[error("the lab does not work: {0}")]
    Lab(String),
    /// The lab measures something else.
    #[error("the lab does not measure `{metric}`: it has {has}")]
    Metric {
        /// What the adapter asks for.
        metric: String,
        /// What the lab has.
        has: String,
    },
    /// The lab can't use the device.
    #[error(transparent)]
    Device(#[from] NoDevice),
    /// What the device is has changed.
    #[error(
        "device `{device}` is {} and was {} when the campaign began: their numbers can't be compared; start a new campaign",
        kind(*simulated), kind(!*simulated)
    )]
    OtherDevice {
        /// The device.
        device: String,
        /// Whether it is simulated now.
        simulated: bool,
    },
    /// All slots are gone: a bug.
    #[error("the executor's slots have ended")]
    SlotsGone,
}

fn kind(simulated: bool) -> &'static str {
    if simulated { "simulated" } else { "real" }
}

/// What a session works with.
pub struct Session {
    /// The log.
    pub store: Store,
    /// Its fold.
    pub state: State,
    /// The directory.
    pub layout: Layout,
    /// The adapter.
    pub adapter: Adapter,
    /// The models that play the roles.
    pub models: Models,
    /// How to start the lab, where one measures.
    pub lab: Option<LabProgram>,
    /// What agents work with on this machine, where they do.
    pub bench: Option<Bench>,
    /// How agents look at the web, where they may.
    pub web: Option<Web>,
    /// Set from outside to ask for a stop.
    pub stop: Arc<AtomicBool>,
    /// Who watches.
    pub observer: Box<dyn Observer>,
}

/// What agents that work in folders have.
#[derive(Clone, Debug)]
pub struct Bench {
    /// Their Python.
    pub python: AgentsPython,
    /// The environment that an evaluation's interpreter is looked for in.
    pub environment: Vec<(OsString, OsString)>,
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Session")
            .field("dir", &self.layout.dir)
            .finish_non_exhaustive()
    }
}

impl Documents for Store {
    fn document(&self, body: &Body) -> Result<Value, String> {
        Store::document(self, body).map_err(|error| crate::chain::of(&error))
    }
}

/// Milliseconds since the epoch, as this process saw the time of day first and
/// counted on from there: a clock that is set while a campaign runs neither
/// spends its time nor holds it up.
pub fn now_ms() -> i64 {
    static FIRST: OnceLock<(i64, Instant)> = OnceLock::new();
    let (first, begun) = FIRST.get_or_init(|| {
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        let first = since.map_or(0, |since| since.as_millis() as i64);
        (first, Instant::now())
    });
    first + begun.elapsed().as_millis() as i64
}

impl Session {
    /// Drives the campaign until it is over or somebody asks to stop, and
    /// gives the session back for a last look.
    pub fn run(self) -> Result<(Ended, State), DriverError> {
        let settings = self.state.settings.as_ref();
        let workers = settings.map_or(1, |s| s.workers);
        let acts_at_once = settings.map_or(1, Settings::acts_at_once);
        let slots = Local::open(self.lab.as_ref(), workers);
        let mut driver = Driver {
            talks: BTreeMap::new(),
            unseen: Vec::new(),
            acts: Vec::new(),
            session: self,
            slots,
            acts_at_once,
            in_flight: BTreeSet::new(),
            calling: BTreeSet::new(),
            halt: None,
            cancel: Arc::default(),
            spaces: BTreeMap::new(),
            inbox_read: None,
        };
        let ended = driver.run();
        // What is known by now is kept, however the session ends.
        let kept = driver.session.store.commit();
        let ended = ended?;
        kept?;
        driver.slots.close();
        Ok((ended, driver.session.state))
    }
}

struct Driver {
    session: Session,
    slots: Local,
    acts_at_once: usize,
    in_flight: BTreeSet<EffectKey>,
    /// Turns of models under way.
    calling: BTreeSet<EffectKey>,
    /// Why nothing new is begun.
    halt: Option<String>,
    /// Ends commands under way.
    cancel: Arc<AtomicBool>,
    /// Conversations of agents, as far as they have been read.
    talks: BTreeMap<AgentId, Talk>,
    /// Search spaces of tasks, as far as they have been read.
    spaces: BTreeMap<String, Vec<Space>>,
    /// When the inbox was last looked at.
    inbox_read: Option<Instant>,
    /// Events that are not durable yet; nobody has seen them.
    unseen: Vec<Logged>,
    /// Acts whose intents are among them.
    acts: Vec<Act>,
}

/// An act that begins once its intent is durable.
enum Act {
    /// For a slot.
    Slot(Box<Job>),
    /// On a thread of its own.
    Thread(Box<dyn FnOnce() + Send>),
}

impl Driver {
    fn run(&mut self) -> Result<Ended, DriverError> {
        self.check_frozen()?;
        self.check_extras()?;
        loop {
            let over = match self.session.state.run {
                RunState::Finished(reason) => Some(Ended::Finished(reason)),
                RunState::Stopped => Some(Ended::Rests),
                RunState::New | RunState::Running => None,
            };
            if let Some(ended) = over {
                self.flush()?;
                return Ok(ended);
            }
            let asked = self.session.stop.load(Ordering::Relaxed);
            let stopping = asked || self.halt.is_some();
            if stopping {
                self.cancel.store(true, Ordering::Relaxed);
            }
            // An audit or a look at the web is done again by whoever resumes.
            let waited_for = |key: &EffectKey| {
                !matches!(key, EffectKey::Audit { .. }) && !self.is_look_at_the_web(key)
            };
            if stopping && self.in_flight.is_empty() && !self.calling.iter().any(waited_for) {
                let (reason, ended) = match self.halt.take() {
                    Some(reason) => (reason, Ended::Halted),
                    None => ("asked to stop".to_owned(), Ended::Stopped),
                };
                self.record(Event::CampaignStopped { reason })?;
                self.flush()?;
                return Ok(ended);
            }
            if !stopping && self.read_inbox()? {
                continue;
            }
            if !stopping && self.advance()? {
                if self.unseen.len() >= MANY {
                    self.flush()?;
                }
                continue;
            }
            self.flush()?;
            self.wait()?;
        }
    }

    /// Acts on one round of decisions; true if the state has changed.
    fn advance(&mut self) -> Result<bool, DriverError> {
        let now = now_ms();
        let decisions = planner::decide(&self.session.state, now, &Kinds);
        let idle = self.in_flight.is_empty() && self.calling.is_empty();
        if decisions.is_empty() && idle && !self.waits_for_retry(now) && !self.waits_for_person() {
            return Err(DriverError::Stuck);
        }
        // A call for an assistant that makes no sense is answered instead.
        for decision in &decisions {
            if let Decision::StartAgent {
                under: Some((agent, call)),
                ..
            } = decision
                && let Err(refusal) = tools::errand(&self.arguments(*agent, *call))
            {
                self.answer(*agent, *call, refusal)?;
                return Ok(true);
            }
        }
        let mut batch = Batch::new();
        let mut next_agent = self.session.state.next_agent();
        let mut begun = Vec::new();
        for decision in &decisions {
            match decision {
                Decision::Record(event) => batch.push(Actor::Harness, event.clone()),
                Decision::StartAgent {
                    role,
                    experiment,
                    round,
                    under,
                    tries_until_wall_s,
                } => {
                    let leader = under.map(|(agent, _)| agent);
                    let model = self.model_for(next_agent, *role, leader, &begun);
                    begun.extend(model.clone().map(|model| (*role, model)));
                    let under = under.map(|(agent, call)| self.under(agent, call));
                    let prompt = self.prompt(Purpose {
                        role: *role,
                        experiment: *experiment,
                        round: *round,
                        under,
                    })?;
                    let prompt = batch.body(Value::String(prompt));
                    batch.push(
                        Actor::Harness,
                        Event::AgentStarted {
                            agent: next_agent,
                            role: *role,
                            experiment: *experiment,
                            round: *round,
                            under,
                            prompt,
                            tries_until_wall_s: *tries_until_wall_s,
                            model,
                        },
                    );
                    next_agent = next_agent.next();
                }
                Decision::Perform(_) => {}
            }
        }
        if !batch.events.is_empty() {
            self.append(batch)?;
            return Ok(true);
        }
        let mut changed = false;
        for decision in decisions {
            let Decision::Perform(effect) = decision else {
                continue;
            };
            let apart = effect.leaves_others_be();
            let acted = self.perform(effect)?;
            changed |= acted;
            // What else was decided may not be wanted any more.
            if acted && !apart {
                break;
            }
        }
        // A slot that is free doesn't wait for what is decided next.
        if self.acts.iter().any(|act| matches!(act, Act::Slot(_))) {
            self.flush()?;
        }
        Ok(changed)
    }

    /// Whether an act has failed and its next try is still to come.
    fn waits_for_retry(&self, now_ms: i64) -> bool {
        self.session
            .state
            .failures
            .values()
            .any(|f| f.retry_at_ms.is_some_and(|at| at > now_ms))
    }

    /// Waits until there is something to hear, and hears all there is.
    fn wait(&mut self) -> Result<(), DriverError> {
        match self.slots.told.recv_timeout(TICK) {
            Ok(told) => {
                self.hear(told)?;
                while self.unseen.len() < MANY
                    && let Ok(told) = self.slots.told.try_recv()
                {
                    self.hear(told)?;
                }
                Ok(())
            }
            Err(RecvTimeoutError::Timeout) => {
                let session = &mut self.session;
                session.observer.tick(&session.state, now_ms());
                Ok(())
            }
            Err(RecvTimeoutError::Disconnected) => Err(DriverError::SlotsGone),
        }
    }

    fn hear(&mut self, told: Told) -> Result<(), DriverError> {
        match told {
            Told::Progress { key, phase } => {
                let session = &mut self.session;
                session.observer.phase(&session.state, &key, &phase);
                Ok(())
            }
            Told::Done { key, done } => self.settle(&key, done),
        }
    }

    /// Makes what was decided durable, shows it, and begins the acts that
    /// waited for that. What agents do at the same time becomes durable
    /// together.
    pub(in crate::driver) fn flush(&mut self) -> Result<(), DriverError> {
        let session = &mut self.session;
        session.store.commit()?;
        for event in self.unseen.drain(..) {
            session.observer.logged(&session.state, &event);
        }
        for act in self.acts.drain(..) {
            match act {
                Act::Slot(job) => {
                    if !self.slots.submit(*job) {
                        return Err(DriverError::SlotsGone);
                    }
                }
                Act::Thread(act) => {
                    std::thread::spawn(act);
                }
            }
        }
        Ok(())
    }

    fn record(&mut self, event: Event) -> Result<(), DriverError> {
        let mut batch = Batch::new();
        batch.push(Actor::Harness, event);
        self.append(batch)
    }

    /// Checks a batch against the state and has it become durable with the
    /// next [`Driver::flush`]; nobody acts on it before that. An error ends the
    /// session, and the state with it: what was applied and could not be
    /// written is forgotten.
    fn append(&mut self, batch: Batch) -> Result<(), DriverError> {
        let batch = size::fitting(batch);
        let session = &mut self.session;
        let at_ms = now_ms();
        let seq = session.state.seq;
        for (actor, event) in &batch.events {
            session.state.apply(&Logged {
                seq: session.state.seq + 1,
                at_ms,
                actor: *actor,
                event: event.clone(),
            })?;
        }
        self.unseen.extend(session.store.stage(seq, at_ms, batch)?);
        Ok(())
    }
}
