//! The local executor: a fixed number of slots, each with lab workers of its
//! own that are replaced when they die: one for the search, one for measuring
//! again what the search has found.

use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use protocol::{
    Description, Experiment, Inspection, Operation, PROTOCOL_VERSION, Progress, ReplyBody, Report,
    Retry, Split,
};

use super::seat::Seat;
use super::{LabFailure, LabProgram};
use crate::core::event::EffectKey;
use crate::model::{TurnFailure, TurnResponse};
use crate::tools::Files;
use crate::tools::work::Worked;

/// What a slot is asked to do.
#[derive(Clone, Debug)]
pub enum Request {
    /// Describe the lab.
    Describe,
    /// Inspect a task, by its source.
    Inspect(String),
    /// Check a candidate in a folder, after writing these files there.
    Check(Experiment, PathBuf, Files),
    /// Take a quick look, after writing these files.
    Try(Experiment, PathBuf, Files),
    /// Measure.
    Evaluate {
        /// The experiment.
        experiment: Experiment,
        /// Its folder.
        dir: PathBuf,
        /// Attempt, from 1.
        attempt: u32,
        /// On which split: for `select` and `sealed` in a worker that has not
        /// seen what it must not have seen, see [`Seat`].
        split: Split,
        /// An earlier orchestrator may have begun it.
        reattach: bool,
    },
}

/// A request with the key of its effect.
#[derive(Clone, Debug)]
pub struct Job {
    /// The effect.
    pub key: EffectKey,
    /// The request.
    pub request: Request,
}

/// What came of a request.
#[derive(Debug)]
pub enum Done {
    /// Answer to [`Request::Describe`].
    Described(Box<Description>),
    /// Answer to [`Request::Inspect`].
    Inspected(Box<Inspection>),
    /// Answer to the others.
    Report {
        /// The lab's report.
        report: Box<Report>,
        /// How long it took, in milliseconds.
        took_ms: u64,
        /// How long the slot had nothing to do before, in milliseconds.
        idle_ms: Option<f64>,
    },
    /// The worker died over it.
    Died {
        /// What happened.
        reason: String,
        /// Signal that ended it, where one did.
        signal: Option<i32>,
    },
    /// The lab failed.
    Failed(LabError),
    /// A model's turn is over.
    Turn(Box<Result<TurnResponse, TurnFailure>>),
    /// Work in an agent's folders is over.
    Worked(Box<Worked>),
    /// An audit is over, or could not be made.
    Audited(Box<Result<AuditOutcome, String>>),
}

/// A mechanical audit with the hashes of what was audited.
#[derive(Debug)]
pub struct AuditOutcome {
    /// What was found.
    pub audit: crate::audit::Audit,
    /// Hash of the evaluation's files; absent where they can't be read.
    pub evaluation: Option<protocol::ContentHash>,
    /// Hash of the data's files.
    pub data: Option<protocol::ContentHash>,
}

/// A failure of the lab.
#[derive(Debug)]
pub struct LabError {
    /// What happened, with its causes.
    pub message: String,
    /// Whether to ask again.
    pub again: bool,
}

/// What slots tell their driver.
#[derive(Debug)]
pub enum Told {
    /// A step of a request under way.
    Progress {
        /// The effect.
        key: EffectKey,
        /// Where it is.
        phase: String,
    },
    /// A request is over.
    Done {
        /// The effect.
        key: EffectKey,
        /// What came of it.
        done: Done,
    },
}

/// Slots on this machine.
#[derive(Debug)]
pub struct Local {
    jobs: Sender<Job>,
    tell: Sender<Told>,
    /// What the slots have to say.
    pub told: Receiver<Told>,
    threads: Vec<JoinHandle<()>>,
}

impl Local {
    /// Opens `slots` slots, or none without a lab; their workers start with
    /// their first request.
    pub fn open(program: Option<&LabProgram>, slots: u32) -> Self {
        let (jobs, queue) = channel::<Job>();
        let queue = Arc::new(Mutex::new(queue));
        let (tell, told) = channel();
        let mut threads = Vec::new();
        for (number, program) in (1..=slots).filter_map(|number| Some((number, program?))) {
            let mut log = program.log.clone();
            log.set_file_name(format!("lab-{number}.log"));
            let mut slot = Slot {
                program: LabProgram {
                    log,
                    ..program.clone()
                },
                search: Seat::default(),
                again: Seat::default(),
                tell: tell.clone(),
            };
            let queue = Arc::clone(&queue);
            threads.push(std::thread::spawn(move || slot.serve(&queue)));
        }
        Self {
            jobs,
            tell,
            told,
            threads,
        }
    }

    /// Ends all workers with their process trees, after what they are doing.
    pub fn close(self) {
        drop(self.jobs);
        for thread in self.threads {
            // A slot that panicked has dropped its worker too.
            let _ = thread.join();
        }
    }

    /// For others who have something to tell the driver.
    pub fn teller(&self) -> Sender<Told> {
        self.tell.clone()
    }

    /// Hands a job to the next free slot. False if none is left.
    pub fn submit(&self, job: Job) -> bool {
        self.jobs.send(job).is_ok()
    }
}

struct Slot {
    program: LabProgram,
    /// For the search.
    search: Seat,
    /// For measuring again.
    again: Seat,
    tell: Sender<Told>,
}

impl Slot {
    fn serve(&mut self, queue: &Mutex<Receiver<Job>>) {
        let mut free_since: Option<Instant> = None;
        loop {
            let job = match queue.lock() {
                Ok(queue) => queue.recv(),
                Err(_) => return,
            };
            let Ok(job) = job else { return };
            let idle = free_since.map(|since| since.elapsed().as_secs_f64() * 1e3);
            let mut done = self.perform(&job);
            if let Done::Report { idle_ms, .. } = &mut done {
                *idle_ms = idle;
            }
            free_since = Some(Instant::now());
            if self.tell.send(Told::Done { key: job.key, done }).is_err() {
                return;
            }
        }
    }

    fn perform(&mut self, job: &Job) -> Done {
        let begun = Instant::now();
        let answer = match prepare(&job.request) {
            Ok(Some(report)) => Ok(ReplyBody::Report(report)),
            Ok(None) => self.ask(job),
            Err(message) => {
                return Done::Failed(LabError {
                    message,
                    again: false,
                });
            }
        };
        let took_ms = begun.elapsed().as_millis() as u64;
        match answer {
            Ok(ReplyBody::Described(it)) => Done::Described(it),
            Ok(ReplyBody::Inspected(it)) => Done::Inspected(it),
            Ok(ReplyBody::Report(report)) => match misfit(&report, &job.request) {
                None => Done::Report {
                    report,
                    took_ms,
                    idle_ms: None,
                },
                Some(why) => Done::Failed(LabError {
                    message: format!("the lab's report does not answer the request: {why}"),
                    again: false,
                }),
            },
            Ok(other) => Done::Failed(LabError {
                message: format!("the lab answered with something else: {other:?}"),
                again: false,
            }),
            Err(failure) => failed(failure),
        }
    }

    fn ask(&mut self, job: &Job) -> Result<ReplyBody, LabFailure> {
        let (op, limit_s) = match &job.request {
            Request::Describe => (Operation::Describe, 120),
            Request::Inspect(task) => (Operation::Inspect { task: task.clone() }, 300),
            Request::Check(_, dir, _) => (Operation::Check { dir: dir.clone() }, 120),
            Request::Try(_, dir, _) => (Operation::Try { dir: dir.clone() }, 120),
            Request::Evaluate {
                dir,
                attempt,
                split,
                ..
            } => {
                let op = Operation::Evaluate {
                    dir: dir.clone(),
                    attempt: *attempt,
                    split: *split,
                };
                (op, 300)
            }
        };
        let mut progress = |step: &Progress| {
            // A driver that is gone doesn't care.
            let _ = self.tell.send(Told::Progress {
                key: job.key.clone(),
                phase: step.phase.clone(),
            });
        };
        let limit = Duration::from_secs(limit_s);
        match &job.request {
            Request::Evaluate {
                experiment, split, ..
            } if *split != Split::Search => {
                self.again.prepare(&experiment.task, *split);
                let answer = self.again.ask(&self.program, op, limit, &mut progress);
                if answer.is_ok() {
                    self.again.measured(&experiment.task, *split);
                }
                answer
            }
            _ => self.search.ask(&self.program, op, limit, &mut progress),
        }
    }
}

fn failed(failure: LabFailure) -> Done {
    let message = crate::chain::of(&failure);
    match failure {
        // A report that it may have left counts for nothing: whoever brought
        // the worker down may have written it.
        LabFailure::Died { signal, .. } => Done::Died {
            reason: message,
            signal,
        },
        LabFailure::Refused(error) => Done::Failed(LabError {
            message,
            again: error.retry == Retry::Later,
        }),
        LabFailure::Spawn { .. } | LabFailure::Log { .. } | LabFailure::Hello { .. } => {
            Done::Failed(LabError {
                message,
                again: true,
            })
        }
    }
}

/// Writes what the lab will read; finds the report of an interrupted attempt.
fn prepare(request: &Request) -> Result<Option<Box<Report>>, String> {
    let (experiment, dir) = match request {
        Request::Describe | Request::Inspect(_) => return Ok(None),
        Request::Check(experiment, dir, files) | Request::Try(experiment, dir, files) => {
            write_files(dir, files).map_err(|error| crate::chain::of(&error))?;
            (experiment, dir)
        }
        Request::Evaluate {
            experiment, dir, ..
        } => (experiment, dir),
    };
    let document = experiment_json(experiment).map_err(|error| error.to_string())?;
    write_files(dir, &Files::from([document])).map_err(|error| crate::chain::of(&error))?;
    match request {
        Request::Evaluate { reattach: true, .. } => Ok(prepare_reattach(request)),
        _ => Ok(None),
    }
}

/// A candidate's files can't be written.
#[derive(Debug, thiserror::Error)]
pub enum WriteFilesError {
    /// Its folder can't be made.
    #[error("failed to create `{}`", path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
    /// One of them can't be written.
    #[error(transparent)]
    File(#[from] sandbox::fs::WriteError),
}

/// Writes a candidate's files, whose names are plain.
pub fn write_files(dir: &Path, files: &Files) -> Result<(), WriteFilesError> {
    std::fs::create_dir_all(dir).map_err(|source| WriteFilesError::Folder {
        path: dir.to_owned(),
        source,
    })?;
    for (name, content) in files {
        let path = dir.join(name);
        if name == EXPERIMENT {
            // Written again from the log before each use, and mostly there.
            if !std::fs::read(&path).is_ok_and(|there| there == content.as_bytes()) {
                sandbox::fs::write_whole(&path, content)?;
            }
        } else {
            sandbox::fs::write_atomic(&path, content)?;
        }
    }
    Ok(())
}

/// The file in which a lab finds what it is to measure.
pub const EXPERIMENT: &str = "experiment.json";

/// Folder of an experiment's quick looks, each named after who took it.
pub const TRIES: &str = "tries";

/// Name and content of an experiment's [`EXPERIMENT`].
pub fn experiment_json(experiment: &Experiment) -> Result<(String, String), serde_json::Error> {
    let text = serde_json::to_string_pretty(experiment)?;
    Ok((EXPERIMENT.to_owned(), text))
}

/// The finished report of this very attempt, if there is one.
fn prepare_reattach(request: &Request) -> Option<Box<Report>> {
    let Request::Evaluate { dir, attempt, .. } = request else {
        return None;
    };
    let path = report_path(dir, *attempt);
    let report: Report = serde_json::from_slice(&std::fs::read(path).ok()?).ok()?;
    misfit(&report, request).is_none().then(|| Box::new(report))
}

/// Where a lab leaves what belongs to an attempt, below the experiment's folder.
pub fn attempt_folder(attempt: u32) -> String {
    format!("attempt-{attempt}")
}

/// Removes what lies where a lab leaves an attempt. Done before an attempt
/// begins, so that a report found later was written in its course.
pub fn clear_attempt(dir: &Path, attempt: u32) -> std::io::Result<()> {
    let folder = dir.join(attempt_folder(attempt));
    match folder.symlink_metadata() {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
        Ok(meta) if meta.is_dir() => std::fs::remove_dir_all(&folder),
        Ok(_) => std::fs::remove_file(&folder),
    }
}

/// Where a lab leaves the report of an attempt.
pub fn report_path(dir: &Path, attempt: u32) -> PathBuf {
    dir.join(attempt_folder(attempt)).join("report.json")
}

/// Why a report can't be the answer to a request.
fn misfit(report: &Report, request: &Request) -> Option<String> {
    let (experiment, wanted) = match request {
        Request::Describe | Request::Inspect(_) => {
            return Some("no report was asked for".to_owned());
        }
        Request::Check(experiment, ..) | Request::Try(experiment, ..) => (experiment, None),
        Request::Evaluate {
            experiment, split, ..
        } => (experiment, Some(*split)),
    };
    if report.schema > PROTOCOL_VERSION {
        return Some(format!("it has schema {}", report.schema));
    }
    if report.experiment != experiment.id {
        return Some(format!("it is about experiment `{}`", report.experiment));
    }
    if report.split != wanted {
        return Some(format!("it is about split {:?}", report.split));
    }
    if report.provisional != wanted.is_none() {
        return Some("provisional and final were mixed up".to_owned());
    }
    None
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::{clear_attempt, report_path};

    #[test]
    fn what_was_planted_for_an_attempt_is_removed_before_it() {
        let folder = tempfile::tempdir().expect("a folder");
        let dir = folder.path();
        clear_attempt(dir, 1).expect("there is nothing to remove");
        let planted = report_path(dir, 1);
        let other = report_path(dir, 2);
        for path in [&planted, &other] {
            fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
            fs::write(path, "{}").expect("writes");
        }
        clear_attempt(dir, 1).expect("removes a folder");
        assert!(!planted.exists() && other.exists());
        // Neither a file nor a link leads anywhere else.
        fs::write(dir.join("attempt-1"), "").expect("writes");
        clear_attempt(dir, 1).expect("removes a file");
        std::os::unix::fs::symlink(dir.join("attempt-2"), dir.join("attempt-1")).expect("links");
        clear_attempt(dir, 1).expect("removes a link");
        assert!(!dir.join("attempt-1").exists() && other.exists());
    }
}
