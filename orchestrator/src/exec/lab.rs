//! One lab worker: a `serve` process that is spoken to in JSON lines.

use std::ffi::OsString;
use std::fs::File;
use std::io::{BufRead, BufReader, PipeReader, PipeWriter, Write};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use protocol::{Hello, LabError, Operation, PROTOCOL_VERSION, Progress, Reply, ReplyBody, Request};
use sandbox::{Child, Command, ExitReason, Input, Limits, Output, Policy};

use super::room::Room;
use crate::core::settings::USUAL_DEVICE;

/// Time a new worker has to say hello: it loads an interpreter and torch.
const HELLO: Duration = Duration::from_mins(2);
/// Time a worker has to give up a request after its deadline.
const GRACE: Duration = Duration::from_secs(10);

/// How to start a lab's worker.
#[derive(Clone, Debug)]
pub struct LabProgram {
    /// The binary.
    pub path: PathBuf,
    /// Its arguments.
    pub arguments: Vec<OsString>,
    /// Its whole environment.
    pub environment: Vec<(OsString, OsString)>,
    /// File that its error output is appended to.
    pub log: PathBuf,
    /// A folder of the lab's that is there as long as anybody can start it.
    pub room: Option<Arc<Room>>,
}

impl LabProgram {
    /// The same, measuring on a device, with code for `arch`: a lab that is told of none is
    /// on the usual one.
    #[must_use]
    pub fn on(mut self, device: &str, arch: Option<&str>) -> Self {
        if device != USUAL_DEVICE {
            self.arguments.extend(["--device".into(), device.into()]);
        }
        if let Some(arch) = arch {
            self.arguments.extend(["--arch".into(), arch.into()]);
        }
        self
    }
}

/// Why a request came to nothing. Never about a candidate.
#[derive(Debug, thiserror::Error)]
pub enum LabFailure {
    /// The worker could not be started.
    #[error("failed to start `{}`", program.display())]
    Spawn {
        /// The binary.
        program: PathBuf,
        /// Why.
        #[source]
        source: Box<sandbox::SpawnError>,
    },
    /// Its log could not be opened.
    #[error("failed to open `{}`", path.display())]
    Log {
        /// The log.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// It did not begin as the contract says.
    #[error("`{}` is no lab of protocol {PROTOCOL_VERSION}: {why}; see `{}`", program.display(), log.display())]
    Hello {
        /// The binary.
        program: PathBuf,
        /// What it did.
        why: String,
        /// Its error output.
        log: PathBuf,
        /// Signal that ended it, where one did.
        signal: Option<i32>,
    },
    /// It ended, or had to be ended, with a request under way.
    #[error("the lab worker {how} during `{operation}`")]
    Died {
        /// What it was doing.
        operation: &'static str,
        /// What happened to it.
        how: String,
        /// Signal that ended it, where one did.
        signal: Option<i32>,
    },
    /// It answered with an error.
    #[error(transparent)]
    Refused(#[from] LabError),
}

/// A running worker. Dropping it ends its whole process tree.
#[derive(Debug)]
pub struct LabWorker {
    child: Child,
    requests: PipeWriter,
    lines: Receiver<String>,
    next_id: u64,
}

impl LabWorker {
    /// Starts a worker and waits for its hello.
    pub fn start(program: &LabProgram) -> Result<Self, LabFailure> {
        let log = File::options()
            .create(true)
            .append(true)
            .open(&program.log)
            .map_err(|source| LabFailure::Log {
                path: program.log.clone(),
                source,
            })?;
        let policy = Policy {
            env: program.environment.clone(),
            ..Policy::trusted()
        };
        let mut child = Command::new(program.path.clone(), policy, Limits::none())
            .args(program.arguments.iter().cloned())
            .stdin(Input::Piped)
            .stdout(Output::Piped)
            .stderr(Output::File(log))
            .spawn()
            .map_err(|source| LabFailure::Spawn {
                program: program.path.clone(),
                source: Box::new(source),
            })?;
        let hello = |why: String, signal| LabFailure::Hello {
            program: program.path.clone(),
            why,
            log: program.log.clone(),
            signal,
        };
        let (Some(requests), Some(replies)) = (child.take_stdin(), child.take_stdout()) else {
            return Err(hello("it has no pipes".to_owned(), None));
        };
        let mut worker = Self {
            child,
            requests,
            lines: read_lines(replies),
            next_id: 1,
        };
        let line = worker
            .lines
            .recv_timeout(HELLO)
            .map_err(|error| match error {
                RecvTimeoutError::Timeout => hello("it said nothing in time".to_owned(), None),
                RecvTimeoutError::Disconnected => {
                    let signal = worker.ended().and_then(signal_of);
                    hello("it ended at once".to_owned(), signal)
                }
            })?;
        let said: Hello = serde_json::from_str(&line)
            .map_err(|error| hello(format!("its first line is no hello: {error}"), None))?;
        if said.protocol == PROTOCOL_VERSION {
            Ok(worker)
        } else {
            Err(hello(format!("it speaks protocol {}", said.protocol), None))
        }
    }

    /// Asks for `op` and waits for the answer, at most `limit`.
    pub fn ask(
        &mut self,
        op: Operation,
        limit: Duration,
        progress: &mut dyn FnMut(&Progress),
    ) -> Result<ReplyBody, LabFailure> {
        let operation = word(&op);
        let id = self
            .send(op, Some(limit))
            .map_err(|how| self.died(operation, how))?;
        let mut until = Instant::now() + limit;
        let mut cancelled = false;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            match self.lines.recv_timeout(left) {
                Ok(line) => {
                    let reply: Reply = match serde_json::from_str(&line) {
                        Ok(reply) => reply,
                        Err(error) => {
                            let how = format!("wrote a line that is no reply ({error})");
                            return Err(self.died(operation, how));
                        }
                    };
                    if reply.id != id {
                        continue;
                    }
                    match reply.body {
                        ReplyBody::Progress(step) => progress(&step),
                        ReplyBody::Error(error) => return Err(error.into()),
                        body => return Ok(body),
                    }
                }
                Err(RecvTimeoutError::Timeout) if cancelled => {
                    let how = format!("did not answer within {} s", limit.as_secs());
                    return Err(self.died(operation, how));
                }
                Err(RecvTimeoutError::Timeout) => {
                    cancelled = true;
                    until = Instant::now() + GRACE;
                    self.send(Operation::Cancel { request: id }, None)
                        .map_err(|how| self.died(operation, how))?;
                }
                Err(RecvTimeoutError::Disconnected) => {
                    return Err(self.died(operation, "ended".to_owned()));
                }
            }
        }
    }

    fn send(&mut self, op: Operation, limit: Option<Duration>) -> Result<u64, String> {
        let id = self.next_id;
        self.next_id += 1;
        let request = Request {
            id,
            deadline_ms: limit.map(|limit| limit.as_millis() as u64),
            op,
        };
        let line = serde_json::to_string(&request).map_err(|error| error.to_string())?;
        writeln!(self.requests, "{line}")
            .and_then(|()| self.requests.flush())
            .map_err(|error| format!("took no request ({error})"))?;
        Ok(id)
    }

    /// How the worker ended, if it has, or does at once.
    fn ended(&mut self) -> Option<ExitReason> {
        self.child
            .wait_timeout(Duration::from_millis(200))
            .ok()
            .flatten()
    }

    /// Ends what is left of the worker and says what became of it.
    fn died(&mut self, operation: &'static str, how: String) -> LabFailure {
        let ended = self.ended();
        let signal = ended.and_then(signal_of);
        let how = match ended {
            Some(reason) => format!("{how} ({reason:?})"),
            None => how,
        };
        // Whatever is left goes when the worker is dropped.
        LabFailure::Died {
            operation,
            how,
            signal,
        }
    }
}

fn signal_of(reason: ExitReason) -> Option<i32> {
    match reason {
        ExitReason::Signalled(signal) => Some(signal),
        _ => None,
    }
}

fn word(op: &Operation) -> &'static str {
    match op {
        Operation::Describe => "describe",
        Operation::Inspect { .. } => "inspect",
        Operation::Check { .. } => "check",
        Operation::Try { .. } => "try",
        Operation::Evaluate { .. } => "evaluate",
        Operation::Cancel { .. } => "cancel",
    }
}

/// Reads lines on a thread of its own, so that waiting has a limit. The thread
/// ends with the worker's output.
fn read_lines(replies: PipeReader) -> Receiver<String> {
    let (sender, receiver) = channel();
    std::thread::spawn(move || {
        for line in BufReader::new(replies).lines() {
            let Ok(line) = line else { break };
            if sender.send(line).is_err() {
                break;
            }
        }
    });
    receiver
}
