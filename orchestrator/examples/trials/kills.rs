//! `kill -9` at random instants, over many short campaigns: each must end as
//! its twin that nobody disturbed.
//!
//! Campaigns with one worker have the same state in the end, but for times.
//! With more, what is measured when is left to chance, and only what the log
//! says is checked.

use std::collections::BTreeMap;
use std::error::Error;
use std::fmt::Write as _;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use orchestrator::core::event::Event;
use orchestrator::core::state::{RunState, State};
use orchestrator::store::Reader;
use serde_json::{Value, json};
use stats::Rng;

use super::Outcome;
use super::ledger::{Breach, Breaches, Seen};
use super::processes::{Victim, kill_below, orphans};
use super::room::{Room, to_the_end};

/// Kills of one campaign at most, so that there are many.
const PER_CAMPAIGN: u32 = 12;
/// Time that a runner lives.
const LIFE: Duration = Duration::from_millis(12);
/// Kinds of campaigns, each with a twin that runs undisturbed.
const KINDS: [Kind; 10] = [
    Kind::of("full", 1, 1),
    Kind::of("greedy", 1, 1),
    Kind::of("random", 1, 1),
    Kind::of("full", 1, 2),
    Kind::of("greedy", 2, 1),
    Kind::of("random", 2, 1),
    Kind::of("full", 3, 1),
    Kind::of("random", 3, 2),
    Kind::of("full", 4, 8),
    Kind::of("greedy", 4, 4),
];

/// A kind of campaign.
#[derive(Clone, Copy)]
struct Kind {
    strategy: &'static str,
    seed: u32,
    workers: u32,
}

impl Kind {
    const fn of(strategy: &'static str, seed: u32, workers: u32) -> Self {
        Self {
            strategy,
            seed,
            workers,
        }
    }

    fn command(self, room: &Room, dir: &Path) -> Command {
        let [seed, workers] = [self.seed, self.workers].map(|n| n.to_string());
        let more = [
            "--strategy",
            self.strategy,
            "--seed",
            &seed,
            "--workers",
            &workers,
            "--experiments",
            "9",
        ];
        room.run(dir, "tasks", &more)
    }
}

/// A campaign that nobody disturbs.
struct Twin {
    took: Duration,
    outline: Value,
}

/// What all campaigns of the trial have in common.
struct Trial<'a> {
    room: &'a Room,
    rng: Rng,
    wanted: u32,
    kills: BTreeMap<&'static str, u32>,
    breaches: Breaches,
}

pub(crate) fn run(wanted: u32, seed: u64) -> Result<Outcome, Box<dyn Error>> {
    let room = Room::new()?;
    // A number from a child, one that crashes its worker, and one with noise.
    room.write("tasks/a.toml", "best = 2.0\nrunner = true\ndelay_ms = 12\n")?;
    room.write("tasks/b.toml", "best = 1.6\ncrash = true\ndelay_ms = 6\n")?;
    let noisy = "best = 3.0\nrunner = true\ndelay_ms = 12\n[surface]\nnoise = 0.02\nseed = 5\n";
    room.write("tasks/c.toml", noisy)?;
    let begun = Instant::now();
    let mut trial = Trial {
        room: &room,
        rng: Rng::new(seed),
        wanted,
        kills: BTreeMap::new(),
        breaches: Vec::new(),
    };
    let mut twins: Vec<Option<Twin>> = KINDS.iter().map(|_| None).collect();
    let mut campaigns = 0;
    while trial.done() < wanted {
        let which = campaigns as usize % KINDS.len();
        let twin = match &mut twins[which] {
            Some(twin) => twin,
            none => none.insert(trial.twin(which)?),
        };
        campaigns += 1;
        trial.campaign(KINDS[which], twin, campaigns)?;
        eprintln!(
            "kills: {} of {wanted} in {campaigns} campaigns, {} breaches, {:.0} s",
            trial.done(),
            trial.breaches.len(),
            begun.elapsed().as_secs_f64()
        );
    }
    Ok(trial.outcome(campaigns, seed, begun.elapsed().as_secs_f64()))
}

impl Trial<'_> {
    fn done(&self) -> u32 {
        self.kills.values().sum()
    }

    fn breach(&mut self, breach: Breach, what: String) {
        eprintln!("kills: {}: {what}", breach.word());
        self.breaches.push((breach, what));
    }

    /// Runs a kind of campaign undisturbed.
    fn twin(&mut self, which: usize) -> Result<Twin, Box<dyn Error>> {
        let dir = self.room.path(&format!("twin-{which}"));
        let begun = Instant::now();
        to_the_end(KINDS[which].command(self.room, &dir))?;
        let took = begun.elapsed();
        let state = Reader::open(&dir)?.state()?;
        std::fs::remove_dir_all(&dir)?;
        Ok(Twin {
            took,
            outline: state.outline(),
        })
    }

    /// Tortures a campaign until it has ended all the same.
    fn campaign(&mut self, kind: Kind, twin: &Twin, number: u32) -> Result<(), Box<dyn Error>> {
        let dir = self.room.path(&format!("campaign-{number}"));
        let name = format!(
            "campaign {number} ({}, seed {}, {} workers)",
            kind.strategy, kind.seed, kind.workers
        );
        let most = (twin.took / 6).max(Duration::from_millis(40));
        let mut ran_s = 0.0;
        let mut seen = Seen::default();
        let mut quota = PER_CAMPAIGN.min(self.wanted - self.done());
        loop {
            let command = if dir.join("campaign.db").exists() {
                self.room.on("resume", &dir, &[])
            } else {
                kind.command(self.room, &dir)
            };
            let begun = Instant::now();
            let ended = self.session(command, &dir, most, &mut quota)?;
            ran_s += begun.elapsed().as_secs_f64();
            let left = orphans(&dir.to_string_lossy());
            if !left.is_empty() {
                self.breach(Breach::Orphans, format!("{name}: {left:?}"));
            }
            let mut found = Breaches::new();
            let state = if dir.join("campaign.db").exists() {
                seen.look(&dir, ran_s, &mut found)
            } else {
                None
            };
            for (breach, what) in found {
                self.breach(breach, format!("{name}: {what}"));
            }
            if ended {
                self.compare(state.as_ref(), kind, twin, &name);
                self.verify(&dir, &name)?;
                break;
            }
        }
        std::fs::remove_dir_all(&dir)?;
        Ok(())
    }

    /// One process from its start to its end; true if it ended by itself.
    fn session(
        &mut self,
        mut command: Command,
        dir: &Path,
        most: Duration,
        quota: &mut u32,
    ) -> Result<bool, Box<dyn Error>> {
        let mut child = command.stderr(Stdio::null()).spawn()?;
        // An act whose worker is killed again and again is given up, as it
        // should be: each is killed once at most.
        let mut killed_at: Option<usize> = None;
        loop {
            let wait = most.mul_f64(self.rng.uniform());
            if let Some(status) = ended_within(&mut child, wait)? {
                if !matches!(status.code(), Some(0 | 10)) {
                    let what = format!("`{}`: alphalab ended with {status}", dir.display());
                    self.breach(Breach::State, what);
                }
                return Ok(true);
            }
            if *quota == 0 {
                continue;
            }
            let victim = Victim::ALL[self.rng.index(Victim::ALL.len())];
            if victim == Victim::Orchestrator {
                child.kill()?;
                child.wait()?;
            } else {
                let outcomes = outcomes(dir);
                let after = LIFE.mul_f64(self.rng.uniform());
                if killed_at == Some(outcomes) || !kill_below(child.id(), victim, after) {
                    continue;
                }
                killed_at = Some(outcomes);
            }
            *quota -= 1;
            *self.kills.entry(victim.word()).or_default() += 1;
            if victim == Victim::Orchestrator {
                return Ok(false);
            }
        }
    }

    /// The end must be that of the twin.
    fn compare(&mut self, state: Option<&State>, kind: Kind, twin: &Twin, name: &str) {
        let Some(state) = state else {
            self.breach(Breach::Lost, format!("{name}: there is no campaign"));
            return;
        };
        if !matches!(state.run, RunState::Finished(_)) {
            let word = state.run.word();
            self.breach(Breach::State, format!("{name}: it is {word}"));
        }
        let open = |e: &&orchestrator::core::state::Experiment| !e.state.is_terminal();
        for experiment in state.experiments.values().filter(open) {
            let at = experiment.state.word();
            self.breach(Breach::Lost, format!("{name}: {} is {at}", experiment.id));
        }
        let outline = state.outline();
        if kind.workers == 1 && outline != twin.outline {
            let what = differing(&outline, &twin.outline);
            self.breach(Breach::State, format!("{name}: {what}"));
        }
    }

    /// Everything beside the log must be what the log says, too.
    fn verify(&mut self, dir: &Path, name: &str) -> Result<(), Box<dyn Error>> {
        let output = self
            .room
            .on("verify", dir, &[])
            .stdout(Stdio::piped())
            .output()?;
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stdout).into_owned();
            self.breach(Breach::State, format!("{name}: {said}"));
        }
        Ok(())
    }

    fn outcome(self, campaigns: u32, seed: u64, took_s: f64) -> Outcome {
        let count = |wanted: Breach| self.breaches.iter().filter(|(b, _)| *b == wanted).count();
        let of = |victim: Victim| self.kills.get(victim.word()).copied().unwrap_or(0);
        let mut table = String::from("killed                   n\n");
        for victim in Victim::ALL {
            let _ = writeln!(table, "{:<18} {:>7}", victim.word(), of(victim));
        }
        let _ = writeln!(table, "{:<18} {:>7}\n", "all", self.done());
        for breach in Breach::ALL {
            let _ = writeln!(table, "{:<22} {:>3}", breach.word(), count(breach));
        }
        let kills = self.done();
        let passed = self.breaches.is_empty();
        let word = if passed { "passed" } else { "FAILED" };
        Outcome {
            line: format!(
                "kills: {word}: {kills} kills over {campaigns} campaigns, {} breaches, {took_s:.0} s",
                self.breaches.len()
            ),
            passed,
            document: json!({
                "schema": 1,
                "passed": passed,
                "seed": seed,
                "campaigns": campaigns,
                "kills": kills,
                "victims": {
                    "orchestrator": of(Victim::Orchestrator),
                    "worker": of(Victim::Worker),
                    "runner": of(Victim::Runner),
                },
                "lost": count(Breach::Lost),
                "doubled": count(Breach::Doubled),
                "budget": count(Breach::Budget),
                "state": count(Breach::State),
                "orphans": count(Breach::Orphans),
                "breaches": self.breaches.iter().map(|(b, what)| json!([b.word(), what])).collect::<Vec<_>>(),
                "took_s": took_s,
            }),
            table,
        }
    }
}

/// How a process ended, if it did within this time.
fn ended_within(child: &mut Child, wait: Duration) -> std::io::Result<Option<ExitStatus>> {
    let until = Instant::now() + wait;
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Ok(None);
        }
        std::thread::sleep(left.min(Duration::from_millis(1)));
    }
}

/// Acts of the lab that have come to something.
fn outcomes(dir: &Path) -> usize {
    let log = Reader::open(dir).and_then(|reader| reader.log());
    let is_outcome = |event: &Event| {
        matches!(
            event,
            Event::Measured { .. }
                | Event::Checked { .. }
                | Event::Tried { .. }
                | Event::TaskInspected { .. }
                | Event::LabDescribed { .. }
        )
    };
    let log = log.unwrap_or_default();
    log.iter()
        .filter(|logged| is_outcome(&logged.event))
        .count()
}

/// Where two outlines differ first.
fn differing(found: &Value, expected: &Value) -> String {
    let (Some(a), Some(b)) = (found.as_object(), expected.as_object()) else {
        return "the outlines differ".to_owned();
    };
    for (key, value) in a {
        let other = &b[key];
        if value == other {
            continue;
        }
        if let (Some(list), Some(others)) = (value.as_array(), other.as_array()) {
            let place = list.iter().zip(others).position(|(a, b)| a != b);
            let place = place.unwrap_or(list.len().min(others.len()));
            let none = Value::Null;
            let [a, b] = [list, others].map(|list| list.get(place).unwrap_or(&none));
            return format!("`{key}` {place} is {a}, undisturbed {b}");
        }
        return format!("`{key}` is {value}, undisturbed {other}");
    }
    "the outlines differ".to_owned()
}
