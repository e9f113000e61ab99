//! A real `kernel-lab serve` for tests.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::fs;
use std::io::{BufRead as _, BufReader, PipeReader, PipeWriter, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::environment::of_labs;
use protocol::{
    Candidate, Experiment, Operation, PROTOCOL_VERSION, Reply, ReplyBody, Report, Request,
};
use sandbox::{Child, Command, Input, Limits, Output, Policy};

/// One worker at a time: a second one would disturb what the first measures.
static ONE: Mutex<()> = Mutex::new(());

/// A running worker.
pub(crate) struct Worker {
    _turn: MutexGuard<'static, ()>,
    pub(crate) child: Child,
    pub(crate) requests: PipeWriter,
    pub(crate) replies: BufReader<PipeReader>,
    next_id: u64,
}

/// This package's test data.
pub(crate) fn data(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests")
        .join(name)
}

/// Starts a worker on the tasks in `tests/tasks`.
pub(crate) fn start() -> Worker {
    start_on(&data("tasks"))
}

/// Starts a worker on the tasks in a folder.
pub(crate) fn start_on(tasks: &Path) -> Worker {
    start_with(tasks, &[])
}

/// Starts a worker on the tasks in a folder, with more arguments.
pub(crate) fn start_with(tasks: &Path, more: &[&std::ffi::OsStr]) -> Worker {
    start_under(of_labs(), tasks, more)
}

/// As [`start_with`], in surroundings of the caller's.
pub(crate) fn start_under(policy: Policy, tasks: &Path, more: &[&std::ffi::OsStr]) -> Worker {
    let turn = ONE.lock().unwrap_or_else(PoisonError::into_inner);
    let mut child = Command::new(env!("CARGO_BIN_EXE_kernel-lab"), policy, Limits::none())
        .arg("serve")
        .arg("--tasks")
        .arg(tasks)
        .args(more)
        .stdin(Input::Piped)
        .stdout(Output::Piped)
        .stderr(Output::Inherit)
        .spawn()
        .unwrap();
    Worker {
        _turn: turn,
        requests: child.take_stdin().unwrap(),
        replies: BufReader::new(child.take_stdout().unwrap()),
        child,
        next_id: 1,
    }
}

impl Worker {
    /// The next line.
    pub(crate) fn line(&mut self) -> String {
        let mut line = String::new();
        self.replies.read_line(&mut line).unwrap();
        assert!(!line.is_empty(), "the worker has ended");
        line
    }

    /// Sends a request and returns its final answer.
    pub(crate) fn ask(&mut self, op: Operation) -> ReplyBody {
        let id = self.next_id;
        self.next_id += 1;
        let request = Request {
            id,
            deadline_ms: None,
            op,
        };
        let text = serde_json::to_string(&request).unwrap();
        writeln!(self.requests, "{text}").unwrap();
        loop {
            let reply: Reply = serde_json::from_str(&self.line()).unwrap();
            assert_eq!(reply.id, id);
            if reply.body.is_final() {
                return reply.body;
            }
        }
    }

    /// As [`Worker::ask`], for answers that are reports. A busy machine is
    /// asked again: it says nothing about what is tested here.
    pub(crate) fn report(&mut self, op: &Operation) -> Report {
        for _ in 0..5 {
            match self.ask(op.clone()) {
                ReplyBody::Report(report) => return *report,
                ReplyBody::Error(error) if error.code == "busy" => eprintln!("{error}"),
                other => panic!("no report: {other:?}"),
            }
        }
        panic!("the machine stayed busy");
    }
}

/// Copies a candidate of `tests/candidates` into a fresh experiment
/// directory.
pub(crate) fn experiment(name: &str, task: &str, into: &Path) -> PathBuf {
    let dir = into.join(name);
    fs::create_dir_all(&dir).unwrap();
    for file in ["plan.toml", "kernel.cpp"] {
        let from = data("candidates").join(name).join(file);
        fs::copy(from, dir.join(file)).unwrap();
    }
    let files = vec!["plan.toml".into(), "kernel.cpp".into()];
    write_experiment(&dir, name, task, Candidate::Files { files });
    dir
}

/// Writes `experiment.json`.
pub(crate) fn write_experiment(dir: &Path, id: &str, task: &str, candidate: Candidate) {
    let experiment = Experiment {
        schema: PROTOCOL_VERSION,
        id: id.to_owned(),
        task: task.to_owned(),
        candidate,
    };
    let text = serde_json::to_string_pretty(&experiment).unwrap();
    fs::write(dir.join("experiment.json"), text).unwrap();
}
