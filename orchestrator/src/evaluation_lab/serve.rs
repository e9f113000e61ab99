//! The worker: requests in, replies out, one JSON document per line.

use std::ffi::OsString;
use std::io::{BufRead, Write};

use protocol::{
    Hello, LabError, Operation, PROTOCOL_VERSION, Progress, Reply, ReplyBody, Report, Request,
};

use super::bench::Bench;
use super::report::{Ask, report};
use super::{NAME, Options, VERSION, facts, fault};

/// Answers requests until there are no more, or nobody listens.
pub fn serve(
    options: &Options,
    environment: &[(OsString, OsString)],
    requests: impl BufRead,
    replies: impl Write,
) -> std::io::Result<()> {
    let mut lab = Lab {
        options,
        environment,
        bench: None,
        replies,
    };
    lab.say(&Hello {
        protocol: PROTOCOL_VERSION,
        lab: NAME.to_owned(),
        version: VERSION.to_owned(),
        pid: std::process::id(),
    })?;
    for line in requests.lines() {
        let (id, body) = match serde_json::from_str::<Request>(&line?) {
            Ok(request) => (request.id, lab.answer(request.id, request.op)),
            Err(error) => (0, Err(fault::bad_request(error.to_string()))),
        };
        let body = body.unwrap_or_else(ReplyBody::Error);
        lab.say(&Reply { id, body })?;
    }
    Ok(())
}

struct Lab<'a, W> {
    options: &'a Options,
    environment: &'a [(OsString, OsString)],
    /// Opened by the first request that needs it.
    bench: Option<Bench>,
    replies: W,
}

impl<W: Write> Lab<'_, W> {
    fn say(&mut self, what: &impl serde::Serialize) -> std::io::Result<()> {
        let line = serde_json::to_string(what)?;
        writeln!(self.replies, "{line}")?;
        self.replies.flush()
    }

    fn answer(&mut self, id: u64, op: Operation) -> Result<ReplyBody, LabError> {
        let bench = match self.bench.take() {
            Some(bench) => bench,
            None => Bench::open(self.options, self.environment)?,
        };
        let answer = match op {
            Operation::Describe => Ok(ReplyBody::Described(Box::new(facts::description(&bench)))),
            Operation::Inspect { task } => facts::inspection(&bench, &task)
                .map(|inspection| ReplyBody::Inspected(Box::new(inspection))),
            Operation::Check { dir } => self.report(id, &bench, &dir, Ask::Check),
            Operation::Try { dir } => self.report(id, &bench, &dir, Ask::Look),
            Operation::Evaluate {
                dir,
                attempt,
                split,
            } => self.report(id, &bench, &dir, Ask::Measure { attempt, split }),
            // A run has a limit of its own, well below what anybody waits for:
            // when a cancellation is read, its request has been answered.
            Operation::Cancel { .. } => Ok(ReplyBody::Cancelled { found: false }),
        };
        self.bench = Some(bench);
        answer
    }

    fn report(
        &mut self,
        id: u64,
        bench: &Bench,
        dir: &std::path::Path,
        ask: Ask,
    ) -> Result<ReplyBody, LabError> {
        let mut progress = |phase: &str| {
            let step = Progress {
                phase: phase.to_owned(),
                fraction: None,
                detail: String::new(),
            };
            // Nobody listens any more: the next read ends the process.
            let _ = self.say(&Reply {
                id,
                body: ReplyBody::Progress(step),
            });
        };
        let report: Report = report(bench, dir, ask, &mut progress)?;
        Ok(ReplyBody::Report(Box::new(report)))
    }
}
