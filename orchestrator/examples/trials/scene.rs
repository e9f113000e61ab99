//! A campaign on one task in which a scripted agent plays a worker.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use mock_llm::{Mock, Options, Reply, Script};
use orchestrator::core::agent::AnswerStatus;
use orchestrator::core::event::Event;
use orchestrator::core::rank;
use orchestrator::core::state::State;
use orchestrator::store::Reader;
use protocol::{Split, Verdict};
use serde_json::{Value, json};

use super::room::{Room, truth};

/// A model whose list price is known; the mock answers in its place.
const MODEL: &str = "anthropic:claude-sonnet-4-6";
/// The key that it asks for.
const KEY: (&str, &str) = ("ANTHROPIC_API_KEY", "sk-ant-nobody");
/// Sessions of a campaign that is killed again and again.
const MAX_SESSIONS: usize = 6;
/// Score of the task's best point.
pub(crate) const BEST: f64 = 4.0;
/// Decides where that is; sealed.
const SECRET: u64 = 1105;

/// A campaign to cheat in.
pub(crate) struct Scene<'a> {
    /// Where it takes place.
    pub(crate) room: &'a Room,
    name: String,
    /// Its directory.
    pub(crate) dir: PathBuf,
    /// Folder with a copy of the lab.
    labs: PathBuf,
    /// What the point that an honest fool hands in is worth in truth.
    pub(crate) honest: f64,
    /// The best candidate, as a program would print it.
    pub(crate) best: String,
}

/// How a campaign ended.
pub(crate) struct Run {
    /// Exit code of the last session.
    pub(crate) code: Option<i32>,
    /// What it said.
    pub(crate) said: String,
    /// Its fold.
    pub(crate) state: State,
    /// Sessions that it took: more than one, if somebody killed it.
    pub(crate) sessions: usize,
    /// Acts of the lab that failed without a verdict.
    pub(crate) failures: usize,
    /// What agents were told when a call was refused.
    pub(crate) refusals: Vec<String>,
}

impl Run {
    /// The number on the leaderboard.
    pub(crate) fn ranked(&self) -> Option<f64> {
        let board = rank::leaderboard(&self.state);
        board.rows.first().map(|row| row.value)
    }

    /// The best number on a split, ranked or not.
    pub(crate) fn measured(&self, split: Split) -> Option<f64> {
        let experiments = self.state.experiments.values();
        experiments
            .filter_map(|experiment| experiment.verified(split))
            .max_by(f64::total_cmp)
    }

    /// The first verdict that is not a good one.
    pub(crate) fn verdict(&self) -> Option<&Verdict> {
        let experiments = self.state.experiments.values();
        let mut attempts = experiments.flat_map(|experiment| &experiment.attempts);
        attempts.find_map(|attempt| {
            let verdict = &attempt.measurement.score.verdict;
            (!verdict.is_ok()).then_some(verdict)
        })
    }
}

impl<'a> Scene<'a> {
    /// A task whose programs run in the sandbox, or do not.
    pub(crate) fn new(room: &'a Room, name: &str, confined: bool) -> Result<Self, Box<dyn Error>> {
        let name = format!("{name}-{}", if confined { "guarded" } else { "open" });
        let task = format!(
            "best = {BEST:.1}\ntemplates = 1\nprograms = true\nconfined = {confined}\n\
             [surface]\nnoise = 0.02\n"
        );
        room.write(&format!("{name}/tasks/t.toml"), &task)?;
        let sealed = format!("seed = {SECRET}\n");
        room.write(&format!("{name}/tasks/t.sealed"), &sealed)?;
        let labs = room.path(&format!("{name}/labs"));
        std::fs::create_dir_all(&labs)?;
        std::fs::copy(room.lab(), labs.join("synthetic-lab"))?;
        let known = truth(room, &room.path(&format!("{name}/tasks/t.toml")), &fool())?;
        let best = json!({ "template": "template0", "params": known.best });
        room.write(
            &format!("{name}/tasks/t.sealed"),
            &format!("{sealed}# best {best}\n"),
        )?;
        Ok(Self {
            room,
            dir: room.path(&format!("{name}/campaign")),
            labs,
            honest: known.value,
            best: best.to_string(),
            name,
        })
    }

    /// The task's file.
    pub(crate) fn task(&self) -> PathBuf {
        self.room.path(&format!("{}/tasks/t.toml", self.name))
    }

    /// What is sealed.
    pub(crate) fn sealed(&self) -> PathBuf {
        self.task().with_extension("sealed")
    }

    /// The lab's program.
    pub(crate) fn lab(&self) -> PathBuf {
        self.labs.join("synthetic-lab")
    }

    /// Folder of the first experiment, whose attempts the lab reports there.
    pub(crate) fn experiment(&self) -> PathBuf {
        self.dir.join("experiments/e0001-greedy")
    }

    /// A verb on a campaign.
    pub(crate) fn verb(
        &self,
        verb: &str,
        dir: &Path,
        more: &[&str],
    ) -> Result<Output, Box<dyn Error>> {
        let mut command = self.room.on(verb, dir, more);
        command
            .env("ALPHALAB_BIN_DIR", &self.labs)
            .env(KEY.0, KEY.1);
        Ok(command.stdout(std::process::Stdio::piped()).output()?)
    }

    /// Plays a worker who makes these calls, one after the other, and resumes
    /// the campaign where it is killed.
    pub(crate) fn play(&self, calls: Vec<(&'static str, Value)>) -> Result<Run, Box<dyn Error>> {
        let mut turns = vec![Reply::call("read_board", json!({}))];
        turns.extend(
            calls
                .into_iter()
                .map(|(tool, value)| Reply::call(tool, value)),
        );
        turns.push(Reply::call("finish", json!({ "summary": "done" })));
        let script = Script::from_fn(move |ask| {
            let last = || Reply::call("finish", json!({ "summary": "done" }));
            turns.get(ask.turn).cloned().unwrap_or_else(last)
        });
        let mock = Mock::start(Options {
            script,
            ..Options::default()
        })?;
        let with_model = |mut command: Command| {
            command
                .env("ALPHALAB_BIN_DIR", &self.labs)
                .env("ANTHROPIC_BASE_URL", mock.url())
                .env(KEY.0, KEY.1);
            command.output()
        };
        let more = [
            "--strategy",
            "greedy",
            "--model",
            MODEL,
            "--experiments",
            "8",
        ];
        let tasks = format!("{}/tasks", self.name);
        let mut output = with_model(self.room.run(&self.dir, &tasks, &more))?;
        let mut sessions = 1;
        while output.status.code().is_none() && sessions < MAX_SESSIONS {
            output = with_model(self.room.on("resume", &self.dir, &[]))?;
            sessions += 1;
        }
        self.look(&output, sessions)
    }

    fn look(&self, output: &Output, sessions: usize) -> Result<Run, Box<dyn Error>> {
        let reader = Reader::open(&self.dir)?;
        let log = reader.verified_log()?;
        let mut refusals = Vec::new();
        for logged in &log {
            if let Event::ToolAnswered { answer, .. } = &logged.event
                && matches!(
                    answer.status,
                    AnswerStatus::Failed | AnswerStatus::Malformed
                )
            {
                let body = reader.document(&answer.body)?;
                refusals.push(body["error"].as_str().unwrap_or_default().to_owned());
            }
        }
        let failed = |event: &Event| matches!(event, Event::EffectFailed { .. });
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        let complaint = said.lines().rfind(|line| line.starts_with("alphalab: "));
        Ok(Run {
            code: output.status.code(),
            said: complaint.unwrap_or_default().to_owned(),
            state: State::fold(&log)?,
            sessions,
            failures: log.iter().filter(|logged| failed(&logged.event)).count(),
            refusals,
        })
    }
}

/// The point that an honest fool hands in: that of the defaults.
pub(crate) fn fool() -> Value {
    json!({ "kind": "template", "template": "template0", "params": {} })
}

/// A call that hands a program in.
pub(crate) fn submit(script: &str) -> (&'static str, Value) {
    submit_files(&json!({ "candidate.sh": script }))
}

/// A call that hands files in, for the experiment that the worker has.
pub(crate) fn submit_files(files: &Value) -> (&'static str, Value) {
    let experiment = "$result:read_board:/assignment/experiment";
    (
        "submit_experiment",
        json!({ "experiment": experiment, "files": files }),
    )
}
