//! `kill -9` at any instant loses nothing and doubles nothing.
//!
//! `ALPHALAB_KILL_BIN_DIR` and `ALPHALAB_KILL_ARGS` (separated by `|`) drive
//! another lab with its own tasks; then only what cannot depend on measured
//! noise is compared.

mod support;

use std::fmt::Write as _;
use std::path::Path;
use std::time::{Duration, Instant};

use orchestrator::core::event::{Event, Logged};
use orchestrator::core::state::State;
use orchestrator::explore::AgentsPython;
use orchestrator::store::Reader;
use support::{Target, alphalab, command, fixtures, quietly, run, succeed};

/// Number of kills.
const KILLS: u32 = 30;

/// Delays before a kill: a small generator, so that a failure can be repeated.
struct Delays(u64);

impl Delays {
    fn next(&mut self, most: Duration) -> Duration {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        most.mul_f64((self.0 >> 40) as f64 / (1_u64 << 24) as f64)
    }
}

fn log(dir: &Path) -> Vec<Logged> {
    Reader::open(dir)
        .expect("a campaign")
        .verified_log()
        .expect("a log that fits")
}

/// Nothing that costs was begun or counted twice.
fn nothing_doubled(log: &[Logged]) {
    let mut outcomes = Vec::new();
    for logged in log {
        if let Event::Measured {
            experiment,
            attempt,
            ..
        } = &logged.event
        {
            assert!(
                !outcomes.contains(&(*experiment, *attempt)),
                "{experiment} twice"
            );
            outcomes.push((*experiment, *attempt));
        }
    }
    assert!(!outcomes.is_empty());
}

/// Processes that carry `mark` in their environment.
fn marked(mark: &str) -> Vec<u32> {
    let needle = format!("ALPHALAB_TEST_MARK={mark}\0");
    let mut found = Vec::new();
    for entry in std::fs::read_dir("/proc").expect("/proc").flatten() {
        let Some(pid) = entry
            .file_name()
            .to_str()
            .and_then(|name| name.parse().ok())
        else {
            continue;
        };
        let environment = std::fs::read(entry.path().join("environ")).unwrap_or_default();
        let mut text = environment;
        text.push(0);
        if text
            .windows(needle.len())
            .any(|window| window == needle.as_bytes())
        {
            found.push(pid);
        }
    }
    found
}

/// Every process that carries the mark must end.
fn no_orphans(mark: &str) {
    let begun = Instant::now();
    while !marked(mark).is_empty() {
        assert!(
            begun.elapsed() < Duration::from_secs(20),
            "left: {:?}",
            marked(mark)
        );
        std::thread::yield_now();
    }
}

/// Kills a campaign in `dir` `kills` times, each within `most` of its start,
/// and then lets it finish.
fn torture(target: &Target, dir: &Path, kills: u32, most: Duration) -> (State, u32) {
    let mark = dir.to_string_lossy().into_owned();
    let mut delays = Delays(0x0a1b);
    let mut hits = 0;
    let path = dir.to_string_lossy().into_owned();
    for _ in 0..kills {
        let begun = dir.join("campaign.db").exists();
        let start = if begun {
            command(target, &mark, &["resume", &path])
        } else {
            run(target, &mark, dir, &[])
        };
        let mut child = quietly(start);
        let until = Instant::now() + delays.next(most);
        while Instant::now() < until && child.try_wait().expect("a child").is_none() {
            std::thread::yield_now();
        }
        hits += u32::from(child.try_wait().expect("a child").is_none());
        child.kill().expect("a child that can be killed");
        child.wait().expect("a child");
        no_orphans(&mark);
    }
    let last = if dir.join("campaign.db").exists() {
        command(target, &mark, &["resume", &path])
    } else {
        run(target, &mark, dir, &[])
    };
    succeed(last);
    no_orphans(&mark);
    let log = log(dir);
    nothing_doubled(&log);
    (State::fold(&log).expect("a log that folds"), hits)
}

#[test]
fn killed_campaigns_end_as_if_nothing_had_happened() {
    assert!(alphalab().is_file());
    let folder = tempfile::tempdir().expect("a folder");
    let other = std::env::var("ALPHALAB_KILL_BIN_DIR").ok();
    let target = match &other {
        Some(bin_dir) => Target {
            bin_dir: bin_dir.into(),
            run: std::env::var("ALPHALAB_KILL_ARGS")
                .unwrap_or_default()
                .split('|')
                .map(str::to_owned)
                .collect(),
        },
        None => Target::synthetic(&fixtures().join("tasks")),
    };
    let calm = folder.path().join("calm");
    let begun = Instant::now();
    succeed(run(&target, "calm", &calm, &[]));
    let took = begun.elapsed();
    let expected = State::fold(&log(&calm)).expect("a log that folds");

    // Kills spread over the whole length, though each session is shorter.
    let most = (took / 8).max(Duration::from_millis(40));
    let (found, hits) = torture(&target, &folder.path().join("killed"), KILLS, most);
    assert!(
        hits >= KILLS / 3,
        "only {hits} of {KILLS} kills hit a running campaign"
    );
    if other.is_none() {
        assert_eq!(found.outline(), expected.outline());
    } else {
        let ends = |state: &State| (state.run, state.tasks.len());
        assert_eq!(ends(&found), ends(&expected));
    }
}

/// A table from which one column follows but for noise.
fn table(rows: u32) -> String {
    let mut text = "width,height,age,price\n".to_owned();
    let mut draw = Delays(7);
    let mut unit = || draw.next(Duration::from_secs(1)).as_secs_f64();
    for _ in 0..rows {
        let (width, height, age) = (1.0 + 9.0 * unit(), 1.0 + 4.0 * unit(), 40.0 * unit());
        let price = 3.0 * width * height - 0.4 * age + 6.0 * (unit() - 0.5);
        let _ = writeln!(text, "{width:.3},{height:.3},{age:.2},{price:.3}");
    }
    text
}

/// Processes that work below a folder.
fn working_below(folder: &Path) -> Vec<u32> {
    let entries = std::fs::read_dir("/proc").expect("/proc").flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    pids.filter(|pid| {
        std::fs::read_link(format!("/proc/{pid}/cwd")).is_ok_and(|cwd| cwd.starts_with(folder))
    })
    .collect()
}

/// Kills in phases 0 to 2: more of them with `ALPHALAB_SOAK=1`.
#[test]
fn an_evaluation_that_was_built_through_kills_is_the_same() {
    if let Err(error) = AgentsPython::find(
        std::env::var_os("ALPHALAB_AGENT_VENV"),
        Path::new(env!("CARGO_MANIFEST_DIR"))
            .parent()
            .expect("a workspace"),
    ) {
        assert!(
            std::env::var_os("ALPHALAB_REQUIRE_SYSTEM").is_none(),
            "{error}"
        );
        println!("skipped: {error}");
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("frames.csv");
    std::fs::write(&data, table(400)).expect("writes");
    let target = Target {
        bin_dir: alphalab().parent().expect("a folder").to_owned(),
        run: [
            "--until",
            "phase2",
            "--objective",
            "predict price with the smallest RMSE",
            "--data",
        ]
        .map(str::to_owned)
        .into_iter()
        .chain([data.to_string_lossy().into_owned()])
        .collect(),
    };
    let calm = folder.path().join("calm");
    let begun = Instant::now();
    succeed(run(&target, "calm", &calm, &[]));
    let most = begun.elapsed() / 3;
    let kills = if std::env::var_os("ALPHALAB_SOAK").is_some() {
        30
    } else {
        6
    };
    let killed = folder.path().join("killed");
    let mut delays = Delays(0x51);
    let path = killed.to_string_lossy().into_owned();
    for _ in 0..kills {
        let start = if killed.join("campaign.db").exists() {
            command(&target, "killed", &["resume", &path])
        } else {
            run(&target, "killed", &killed, &[])
        };
        let mut child = quietly(start);
        let until = Instant::now() + delays.next(most);
        while Instant::now() < until && child.try_wait().expect("a child").is_none() {
            std::thread::yield_now();
        }
        child.kill().expect("a child that can be killed");
        child.wait().expect("a child");
        let gone = Instant::now();
        while !working_below(&killed).is_empty() {
            assert!(
                gone.elapsed() < Duration::from_secs(20),
                "{:?}",
                working_below(&killed)
            );
            std::thread::yield_now();
        }
    }
    succeed(if killed.join("campaign.db").exists() {
        command(&target, "killed", &["resume", &path])
    } else {
        run(&target, "killed", &killed, &[])
    });
    let of = |dir: &Path| State::fold(&log(dir)).expect("a log that folds");
    let (expected, found) = (of(&calm), of(&killed));
    assert!(expected.frozen.is_some());
    assert_eq!(found.frozen, expected.frozen);
    assert_eq!(found.run, expected.run);
}
