//! A slot's place for a lab worker, and what the worker there has seen.

use std::collections::BTreeSet;
use std::time::Duration;

use protocol::{Operation, Progress, ReplyBody, Split};

use super::{LabFailure, LabProgram, LabWorker, SIGKILL};

/// A place for a worker, which starts with the first request.
#[derive(Debug, Default)]
pub(super) struct Seat {
    worker: Option<LabWorker>,
    seen: Seen,
}

impl Seat {
    /// Makes the place ready for a measurement of this task on this split: a
    /// worker that must not see it any more is ended.
    pub(super) fn prepare(&mut self, task: &str, split: Split) {
        if !self.seen.allows(task, split) {
            self.worker = None;
            self.seen = Seen::default();
        }
    }

    /// Notes that the worker has made the measurement. One that was asked to
    /// come back later has not, and may.
    pub(super) fn measured(&mut self, task: &str, split: Split) {
        self.seen.note(task, split);
    }

    /// Asks the worker. One that dies over it leaves the place free.
    pub(super) fn ask(
        &mut self,
        program: &LabProgram,
        op: Operation,
        limit: Duration,
        progress: &mut dyn FnMut(&Progress),
    ) -> Result<ReplyBody, LabFailure> {
        let mut worker = match self.worker.take() {
            Some(worker) => worker,
            // One that was killed before it began has done nothing, so that
            // another can take its place as if it had not been.
            None => LabWorker::start(program).or_else(|failure| match failure {
                LabFailure::Hello {
                    signal: Some(SIGKILL),
                    ..
                } => LabWorker::start(program),
                other => Err(other),
            })?,
        };
        let answer = worker.ask(op, limit, progress);
        if !matches!(answer, Err(LabFailure::Died { .. })) {
            self.worker = Some(worker);
        }
        answer
    }
}

/// What was measured in a worker so far.
#[derive(Debug, Default)]
struct Seen {
    /// Tasks, on splits other than the sealed one.
    tasks: BTreeSet<String>,
    /// Anything on the sealed split.
    sealed: bool,
}

impl Seen {
    /// Whether the worker may see a task on a split. On `select` it must not
    /// have met the task before, so that it has nothing that work on the task
    /// left behind; on `sealed` nothing but sealed data.
    fn allows(&self, task: &str, split: Split) -> bool {
        match split {
            Split::Search => !self.sealed,
            Split::Select => !self.sealed && !self.tasks.contains(task),
            Split::Sealed => self.tasks.is_empty(),
        }
    }

    fn note(&mut self, task: &str, split: Split) {
        if split == Split::Sealed {
            self.sealed = true;
        } else {
            self.tasks.insert(task.to_owned());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use protocol::{Hello, Operation, PROTOCOL_VERSION, Split};

    use super::{LabFailure, LabProgram, Seat, Seen};

    /// What comes of a lab that kills itself as often before it says hello,
    /// and ends without an answer after that.
    fn killed_at_its_start(times: u32) -> LabFailure {
        let folder = tempfile::tempdir().expect("a folder");
        let hello = serde_json::to_string(&Hello {
            protocol: PROTOCOL_VERSION,
            lab: "shell".to_owned(),
            version: "1".to_owned(),
            pid: 1,
        });
        let script = format!(
            "n=$(cat starts 2>/dev/null || echo 0)\necho $((n + 1)) > starts\n\
             if [ $n -lt {times} ]; then kill -9 $$; fi\necho '{}'\n",
            hello.expect("a hello")
        );
        let lab = LabProgram {
            path: "/bin/sh".into(),
            arguments: vec![
                "-c".into(),
                format!("cd '{}'\n{script}", folder.path().display()).into(),
            ],
            environment: vec![("PATH".into(), "/usr/bin:/bin".into())],
            log: folder.path().join("log"),
            room: None,
        };
        let limit = Duration::from_secs(10);
        let answer = Seat::default().ask(&lab, Operation::Describe, limit, &mut |_| {});
        answer.expect_err("no answer")
    }

    #[test]
    fn another_worker_takes_the_place_of_one_that_was_killed_at_its_start() {
        let asked = |failure: &LabFailure| matches!(failure, LabFailure::Died { .. });
        assert!(asked(&killed_at_its_start(0)));
        assert!(asked(&killed_at_its_start(1)));
        let failure = killed_at_its_start(2);
        assert!(
            matches!(
                failure,
                LabFailure::Hello {
                    signal: Some(9),
                    ..
                }
            ),
            "{failure:?}"
        );
    }

    #[test]
    fn a_task_is_measured_again_where_nothing_knows_it() {
        let mut seen = Seen::default();
        for task in ["a", "b"] {
            assert!(seen.allows(task, Split::Select));
            seen.note(task, Split::Select);
        }
        assert!(!seen.allows("a", Split::Select));
        assert!(seen.allows("c", Split::Select));
        assert!(!seen.allows("c", Split::Sealed));
    }

    #[test]
    fn sealed_data_is_shown_where_nothing_else_was_and_nothing_else_will_be() {
        let mut seen = Seen::default();
        for task in ["a", "b", "a"] {
            assert!(seen.allows(task, Split::Sealed));
            seen.note(task, Split::Sealed);
        }
        assert!(!seen.allows("c", Split::Select) && !seen.allows("c", Split::Search));
    }
}
