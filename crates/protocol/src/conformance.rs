//! Drives any lab's worker through the contract.
//!
//! The caller starts `<lab> serve`, hands over its two pipe ends and gets one
//! [`Outcome`] per rule. Rules need no knowledge of the lab's domain; an
//! experiment directory that the lab must accept makes the list longer.

use std::io::{BufRead, Write};
use std::path::Path;

use crate::{
    ContentHash, Experiment, Hello, Operation, PROTOCOL_VERSION, Reply, ReplyBody, Report, Request,
    Split, Verdict,
};

/// One rule of the contract and whether the worker kept it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// The rule.
    pub rule: &'static str,
    /// What went wrong, if anything.
    pub failure: Option<String>,
}

/// A worker's pipe ends and the conversation so far.
#[derive(Debug)]
pub struct Kit<R, W> {
    replies: R,
    requests: W,
    outcomes: Vec<Outcome>,
    next_id: u64,
}

impl<R: BufRead, W: Write> Kit<R, W> {
    /// Takes the worker's stdout and stdin.
    pub fn new(replies: R, requests: W) -> Self {
        Self {
            replies,
            requests,
            outcomes: Vec::new(),
            next_id: 1,
        }
    }

    /// Runs every rule. `good` is an experiment directory with a candidate
    /// that must come out `ok`; `bad` one that must be rejected or crash.
    pub fn run(mut self, good: &Path, bad: &Path) -> Vec<Outcome> {
        let hello = self.hello();
        self.record("says hello with the protocol's version", hello);
        let described = self.describe();
        self.record("describes itself", described);
        let garbage = self.garbage();
        self.record("answers a line that is no request with an error", garbage);
        let missing = self.missing_directory();
        self.record(
            "answers a missing experiment directory with an error",
            missing,
        );
        let spaces = self.spaces(good);
        self.record("declares spaces that can be searched", spaces);
        let check = self.good_check(good);
        self.record("checks a good experiment without a score", check);
        let evaluated = self.good_evaluate(good);
        self.record("evaluates a good experiment", evaluated);
        let verdict = self.bad_evaluate(bad);
        self.record("gives a bad experiment a verdict, not an error", verdict);
        let cancel = self.cancel_unknown();
        self.record("answers the cancellation of an unknown request", cancel);
        self.outcomes
    }

    fn record(&mut self, rule: &'static str, result: Result<(), String>) {
        self.outcomes.push(Outcome {
            rule,
            failure: result.err(),
        });
    }

    fn line(&mut self) -> Result<String, String> {
        let mut line = String::new();
        match self.replies.read_line(&mut line) {
            Ok(0) => Err("the worker closed its output".to_owned()),
            Ok(_) => Ok(line),
            Err(error) => Err(format!("failed to read a reply: {error}")),
        }
    }

    fn hello(&mut self) -> Result<(), String> {
        let line = self.line()?;
        let hello: Hello = parse(&line)?;
        expect(
            hello.protocol == PROTOCOL_VERSION,
            format!("protocol {} instead of {PROTOCOL_VERSION}", hello.protocol),
        )
    }

    fn send_line(&mut self, line: &str) -> Result<(), String> {
        writeln!(self.requests, "{line}")
            .and_then(|()| self.requests.flush())
            .map_err(|error| format!("failed to write a request: {error}"))
    }

    /// Sends `op` and returns its final reply, checking ids on the way.
    fn ask(&mut self, op: Operation) -> Result<ReplyBody, String> {
        let id = self.next_id;
        self.next_id += 1;
        let request = Request {
            id,
            deadline_ms: None,
            op,
        };
        let text = serde_json::to_string(&request).map_err(|error| error.to_string())?;
        self.send_line(&text)?;
        loop {
            let line = self.line()?;
            let reply: Reply = parse(&line)?;
            expect(
                reply.id == id,
                format!("reply carries id {} instead of {id}", reply.id),
            )?;
            if reply.body.is_final() {
                return Ok(reply.body);
            }
        }
    }

    fn describe(&mut self) -> Result<(), String> {
        match self.ask(Operation::Describe)? {
            ReplyBody::Described(description) => {
                expect(!description.metrics.is_empty(), "no metric".to_owned())?;
                expect(
                    description.metrics[0].direction.is_some(),
                    "the primary metric has no direction".to_owned(),
                )?;
                expect(
                    description.devices.iter().any(|device| device.available),
                    "no device is available".to_owned(),
                )
            }
            other => Err(unexpected(&other)),
        }
    }

    fn garbage(&mut self) -> Result<(), String> {
        self.send_line("{\"id\": not json")?;
        let line = self.line()?;
        let reply: Reply = parse(&line)?;
        match reply.body {
            ReplyBody::Error(error) if error.code == "bad_request" => Ok(()),
            other => Err(unexpected(&other)),
        }
    }

    fn missing_directory(&mut self) -> Result<(), String> {
        let dir = Path::new("/nonexistent/experiment").to_owned();
        match self.ask(Operation::Check { dir })? {
            ReplyBody::Error(error) => expect(
                error.message.contains("/nonexistent/experiment"),
                format!("the message doesn't name the directory: {}", error.message),
            ),
            other => Err(unexpected(&other)),
        }
    }

    fn spaces(&mut self, good: &Path) -> Result<(), String> {
        let path = good.join("experiment.json");
        let text = std::fs::read_to_string(&path)
            .map_err(|error| format!("failed to read `{}`: {error}", path.display()))?;
        let experiment: Experiment = parse(&text)?;
        match self.ask(Operation::Inspect {
            task: experiment.task,
        })? {
            ReplyBody::Inspected(inspection) => inspection
                .spaces
                .iter()
                .try_for_each(|space| space.check().map_err(|problem| problem.to_string())),
            other => Err(unexpected(&other)),
        }
    }

    fn report(&mut self, op: Operation) -> Result<Report, String> {
        match self.ask(op)? {
            ReplyBody::Report(report) => Ok(*report),
            other => Err(unexpected(&other)),
        }
    }

    fn good_check(&mut self, good: &Path) -> Result<(), String> {
        let report = self.report(Operation::Check {
            dir: good.to_owned(),
        })?;
        expect(report.provisional, "not marked provisional".to_owned())?;
        expect(report.split.is_none(), "carries a split".to_owned())?;
        expect(
            report.verdict.is_ok(),
            format!("verdict {}", describe(&report.verdict)),
        )
    }

    fn good_evaluate(&mut self, good: &Path) -> Result<(), String> {
        let report = self.report(Operation::Evaluate {
            dir: good.to_owned(),
            attempt: 1,
            split: Split::Search,
        })?;
        expect(
            report.verdict.is_ok(),
            format!("verdict {}", describe(&report.verdict)),
        )?;
        expect(!report.provisional, "marked provisional".to_owned())?;
        expect(!report.metrics.is_empty(), "no metric".to_owned())?;
        let whole = report
            .metrics
            .values()
            .filter_map(|metric| metric.ci.map(|ci| (metric.value, ci)))
            .all(|(value, ci)| ci.lo() <= value && value <= ci.hi());
        expect(whole, "an estimate lies outside its interval".to_owned())?;
        let path = good.join("attempt-1").join("report.json");
        let text = std::fs::read_to_string(&path)
            .map_err(|error| format!("failed to read `{}`: {error}", path.display()))?;
        let written: Report = parse(&text)?;
        expect(
            written == report,
            "report.json differs from the reply".to_owned(),
        )?;
        for artifact in &report.artifacts {
            let path = good.join("attempt-1").join(&artifact.path);
            let hash = std::fs::File::open(&path)
                .and_then(ContentHash::of_stream)
                .map_err(|error| format!("failed to read `{}`: {error}", path.display()))?;
            expect(
                hash == artifact.hash,
                format!("`{}` has another SHA-256 than it says", path.display()),
            )?;
        }
        Ok(())
    }

    fn bad_evaluate(&mut self, bad: &Path) -> Result<(), String> {
        let report = self.report(Operation::Evaluate {
            dir: bad.to_owned(),
            attempt: 1,
            split: Split::Search,
        })?;
        expect(!report.verdict.is_ok(), "verdict ok".to_owned())?;
        expect(
            !report.verdict.reason().is_empty(),
            "the verdict has no reason".to_owned(),
        )
    }

    fn cancel_unknown(&mut self) -> Result<(), String> {
        match self.ask(Operation::Cancel { request: u64::MAX })? {
            ReplyBody::Cancelled { found: false } => Ok(()),
            other => Err(unexpected(&other)),
        }
    }
}

fn parse<T: serde::de::DeserializeOwned>(line: &str) -> Result<T, String> {
    serde_json::from_str(line).map_err(|error| format!("`{}`: {error}", line.trim_end()))
}

fn expect(holds: bool, failure: String) -> Result<(), String> {
    if holds { Ok(()) } else { Err(failure) }
}

fn unexpected(body: &ReplyBody) -> String {
    format!("unexpected reply: {body:?}")
}

fn describe(verdict: &Verdict) -> String {
    format!("{}: {}", verdict.word(), verdict.reason())
}
