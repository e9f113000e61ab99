//! A worker of the lab on an evaluation of the audit corpus, and experiments
//! for it.

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::Arc;

use orchestrator::adapter::{Adapter, Draft, Metric};
use protocol::{
    Candidate, Direction, Experiment, Inspection, Operation, PROTOCOL_VERSION, Reply, ReplyBody,
    Report, Request, Split,
};

/// The cells of a column.
pub(crate) fn table_of(path: &Path, column: &str) -> Vec<f64> {
    let mut reader = csv::Reader::from_path(path).expect("a table");
    let header = reader.headers().expect("a header");
    let place = header
        .iter()
        .position(|name| name == column)
        .expect("the column");
    let rows = reader
        .records()
        .map(|row| row.expect("a row")[place].parse().expect("a number"));
    rows.collect()
}

/// A running lab.
pub(crate) struct Worker {
    child: Running,
    replies: BufReader<ChildStdout>,
    requests: ChildStdin,
    /// Holds the evaluation and its data.
    pub(crate) case: PathBuf,
    next: u64,
    /// Where it works.
    pub(crate) room: Arc<tempfile::TempDir>,
    /// Where experiments and the adapter are.
    around: Arc<tempfile::TempDir>,
}

/// Ends with the test.
pub(crate) struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Worker {
    /// On a case of the corpus.
    pub(crate) fn start(case: &str) -> Self {
        let room = tempfile::tempdir().expect("a folder");
        fs::set_permissions(room.path(), fs::Permissions::from_mode(0o755)).expect("opens");
        let around = tempfile::tempdir().expect("a folder");
        let draft = Draft {
            name: "houses".to_owned(),
            domain: "prices".to_owned(),
            objective: "Predict the price".to_owned(),
            metric: Metric {
                name: "rmse".to_owned(),
                unit: "thousand euros".to_owned(),
                direction: Direction::Minimise,
                baseline: "the mean".to_owned(),
                baseline_value: None,
                formula: Some("rmse".to_owned()),
            },
        };
        Adapter::create(&around.path().join("adapter"), &draft.texts()).expect("an adapter");
        let case = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("../audit-corpus")
            .join(case);
        Self::in_room(case, Arc::new(room), Arc::new(around))
    }

    /// Another one in the same room.
    pub(crate) fn beside(&self) -> Self {
        Self::in_room(
            self.case.clone(),
            Arc::clone(&self.room),
            Arc::clone(&self.around),
        )
    }

    fn in_room(
        case: PathBuf,
        room: Arc<tempfile::TempDir>,
        around: Arc<tempfile::TempDir>,
    ) -> Self {
        #[expect(clippy::disallowed_methods, reason = "a test drives the real binary")]
        let mut command = Command::new(env!("CARGO_BIN_EXE_alphalab"));
        command.arg("evaluation-lab");
        for (flag, path) in [
            ("--evaluation", case.join("evaluation")),
            ("--data", case.join("data")),
            ("--adapter", around.path().join("adapter")),
            ("--room", room.path().to_owned()),
        ] {
            command.arg(flag).arg(path);
        }
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("alphalab starts");
        let requests = child.stdin.take().expect("a pipe");
        let replies = BufReader::new(child.stdout.take().expect("a pipe"));
        Self {
            child: Running(child),
            replies,
            requests,
            case,
            next: 1,
            room,
            around,
        }
    }

    /// The process and its pipe ends, for the conformance kit.
    pub(crate) fn apart(
        self,
    ) -> (
        Running,
        BufReader<ChildStdout>,
        ChildStdin,
        [Arc<tempfile::TempDir>; 2],
    ) {
        (
            self.child,
            self.replies,
            self.requests,
            [self.room, self.around],
        )
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.replies.read_line(&mut line).expect("a line");
        line
    }

    /// Reads the first line.
    pub(crate) fn hello(&mut self) {
        let line = self.line();
        assert!(line.contains("evaluation-lab"), "{line}");
    }

    /// Asks and waits for the answer.
    pub(crate) fn ask(&mut self, op: Operation) -> ReplyBody {
        let id = self.next;
        self.next += 1;
        let request = Request {
            id,
            deadline_ms: None,
            op,
        };
        let text = serde_json::to_string(&request).expect("JSON");
        writeln!(self.requests, "{text}").expect("is read");
        loop {
            let line = self.line();
            let reply: Reply =
                serde_json::from_str(&line).unwrap_or_else(|e| panic!("{e}: {line}"));
            assert_eq!(reply.id, id);
            if reply.body.is_final() {
                return reply.body;
            }
        }
    }

    fn report(&mut self, op: Operation) -> Report {
        match self.ask(op) {
            ReplyBody::Report(report) => *report,
            other => panic!("{other:?}"),
        }
    }

    pub(crate) fn evaluate(&mut self, dir: &Path, attempt: u32, split: Split) -> Report {
        self.report(Operation::Evaluate {
            dir: dir.to_owned(),
            attempt,
            split,
        })
    }

    pub(crate) fn look(&mut self, dir: &Path) -> Report {
        self.report(Operation::Try {
            dir: dir.to_owned(),
        })
    }

    pub(crate) fn check(&mut self, dir: &Path) -> Report {
        self.report(Operation::Check {
            dir: dir.to_owned(),
        })
    }

    pub(crate) fn inspect(&mut self) -> Inspection {
        let task = "houses".to_owned();
        match self.ask(Operation::Inspect { task }) {
            ReplyBody::Inspected(inspection) => *inspection,
            other => panic!("{other:?}"),
        }
    }

    /// Which way the metric gets better.
    pub(crate) fn direction(&mut self) -> Direction {
        match self.ask(Operation::Describe) {
            ReplyBody::Described(description) => {
                description.metrics[0].direction.expect("a direction")
            }
            other => panic!("{other:?}"),
        }
    }

    /// The folder of an experiment.
    pub(crate) fn folder(&self, id: &str) -> PathBuf {
        self.around.path().join("experiments").join(id)
    }

    /// Writes an experiment.
    pub(crate) fn experiment(
        &self,
        id: &str,
        (candidate, files): (Candidate, Vec<(&str, String)>),
    ) -> PathBuf {
        let dir = self.folder(id);
        fs::create_dir_all(&dir).expect("a folder");
        for (name, text) in files {
            fs::write(dir.join(name), text).expect("writes");
        }
        let experiment = Experiment {
            schema: PROTOCOL_VERSION,
            id: id.to_owned(),
            task: "houses".to_owned(),
            candidate,
        };
        let text = serde_json::to_string(&experiment).expect("JSON");
        fs::write(dir.join("experiment.json"), text).expect("writes");
        dir
    }
}
