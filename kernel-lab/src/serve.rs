//! The long-lived worker: JSON lines in, JSON lines out.
//!
//! One thread reads requests so that a cancellation is seen while another
//! request runs; the thread that owns the interpreter works them off in
//! order.

use std::collections::HashMap;
use std::io::{BufRead, Write};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};

use protocol::{
    Hello, LabError, Operation, PROTOCOL_VERSION, Progress, Reply, ReplyBody, Request, Retry,
};

use crate::error::HarnessError;
use crate::evaluate::{Abort, Depth, Lab};

/// Requests that are waiting or running, by id.
type Pending = Arc<Mutex<HashMap<u64, Abort>>>;

/// Where replies go; one line at a time from either thread.
#[derive(Clone)]
struct Replies(Arc<Mutex<dyn Write + Send>>);

impl Replies {
    fn send(&self, id: u64, body: ReplyBody) {
        self.line(&Reply { id, body });
    }

    fn line<T: serde::Serialize>(&self, value: &T) {
        // A caller that has closed its end no longer wants answers; the
        // closed input ends the worker.
        if let Ok(text) = serde_json::to_string(value) {
            let mut out = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            let _ = writeln!(out, "{text}");
            let _ = out.flush();
        }
    }
}

/// Works until the input ends.
pub fn serve(
    lab: &mut Lab,
    input: impl BufRead + Send + 'static,
    output: impl Write + Send + 'static,
) -> Result<(), HarnessError> {
    let replies = Replies(Arc::new(Mutex::new(output)));
    replies.line(&Hello {
        protocol: PROTOCOL_VERSION,
        lab: "kernel-lab".to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        pid: std::process::id(),
    });
    let pending: Pending = Arc::default();
    let (sender, receiver) = channel();
    let reader = Reader {
        replies: replies.clone(),
        pending: Arc::clone(&pending),
        sender,
    };
    std::thread::Builder::new()
        .name("requests".to_owned())
        .spawn(move || reader.run(input))
        .map_err(|source| HarnessError::System {
            doing: "start the thread that reads requests".to_owned(),
            source,
        })?;
    work(lab, &receiver, &replies, &pending);
    Ok(())
}

struct Reader {
    replies: Replies,
    pending: Pending,
    sender: Sender<(Request, Abort)>,
}

impl Reader {
    fn run(self, input: impl BufRead) {
        for line in input.lines() {
            let Ok(line) = line else { return };
            if line.trim().is_empty() {
                continue;
            }
            match serde_json::from_str::<Request>(&line) {
                Err(error) => self.replies.send(
                    0,
                    ReplyBody::Error(LabError {
                        code: "bad_request".to_owned(),
                        message: format!("failed to read the request: {error}"),
                        retry: Retry::Never,
                    }),
                ),
                Ok(Request {
                    id,
                    op: Operation::Cancel { request },
                    ..
                }) => {
                    let pending = self.pending.lock().unwrap_or_else(PoisonError::into_inner);
                    let found = pending.get(&request).map(Abort::cancel).is_some();
                    drop(pending);
                    self.replies.send(id, ReplyBody::Cancelled { found });
                }
                Ok(request) => {
                    let abort = Abort::with_deadline(request.deadline_ms);
                    let mut pending = self.pending.lock().unwrap_or_else(PoisonError::into_inner);
                    pending.insert(request.id, abort.clone());
                    drop(pending);
                    if self.sender.send((request, abort)).is_err() {
                        return;
                    }
                }
            }
        }
    }
}

fn work(
    lab: &mut Lab,
    requests: &Receiver<(Request, Abort)>,
    replies: &Replies,
    pending: &Pending,
) {
    for (request, abort) in requests {
        let id = request.id;
        let body = answer(lab, request.op, &abort, &mut |phase, detail| {
            replies.send(
                id,
                ReplyBody::Progress(Progress {
                    phase: phase.to_owned(),
                    fraction: None,
                    detail: detail.to_owned(),
                }),
            );
        })
        .unwrap_or_else(|error| ReplyBody::Error(error.to_wire()));
        pending
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(&id);
        replies.send(id, body);
    }
}

fn answer(
    lab: &mut Lab,
    op: Operation,
    abort: &Abort,
    progress: &mut dyn FnMut(&str, &str),
) -> Result<ReplyBody, HarnessError> {
    abort.check()?;
    let mut look = |dir: &std::path::Path, depth, attempt| {
        lab.look(dir, depth, attempt, abort, progress)
            .map(|report| ReplyBody::Report(Box::new(report)))
    };
    match op {
        Operation::Check { dir } => look(&dir, Depth::Check, None),
        Operation::Try { dir } => look(&dir, Depth::Try, None),
        Operation::Evaluate {
            dir,
            attempt,
            split,
        } => look(&dir, Depth::Evaluate, Some((attempt, split))),
        Operation::Describe => Ok(ReplyBody::Described(Box::new(lab.describe()?))),
        Operation::Inspect { task } => Ok(ReplyBody::Inspected(Box::new(lab.inspect(&task)?))),
        // The reader answers cancellations itself.
        Operation::Cancel { .. } => Ok(ReplyBody::Cancelled { found: false }),
    }
}
