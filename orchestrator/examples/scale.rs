//! Ten thousand experiments on 64 slots of the synthetic lab: how many are
//! dispatched in a second, how long slots wait between two, how large the log
//! gets, how long it takes to take such a campaign up again, and how much
//! memory all that needs, and whether each is as it should be. Exit code 1 if
//! not.
//!
//! ```text
//! cargo build --release -p orchestrator --bins --examples
//! target/release/examples/scale --experiments 10000 --slots 64
//! ```

#[path = "overhead/watch.rs"]
mod watch;

use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::time::Instant;

use clap::Parser;
use orchestrator::core::event::Event;
use orchestrator::store::{DATABASE, Reader, Store};
use serde_json::{Value, json};

/// Measures a large campaign.
#[derive(Debug, Parser)]
struct Cli {
    /// Experiments to evaluate.
    #[arg(long, default_value_t = 10_000)]
    experiments: u32,
    /// Slots, each with a lab process of its own.
    #[arg(long, default_value_t = 64)]
    slots: u32,
    /// Half the time that an evaluation takes, in milliseconds.
    #[arg(long, default_value_t = 100)]
    delay_ms: u64,
    /// Print JSON instead of a table.
    #[arg(long)]
    json: bool,
}

/// What is measured, and how it should be.
struct Figure {
    name: &'static str,
    unit: &'static str,
    value: f64,
    /// The least or the most that it should be.
    limit: f64,
    at_least: bool,
}

impl Figure {
    fn is_met(&self) -> bool {
        if self.at_least {
            self.value >= self.limit
        } else {
            self.value <= self.limit
        }
    }

    fn sign(&self) -> char {
        if self.at_least { '≥' } else { '≤' }
    }
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    match measure(&cli) {
        Ok((document, figures)) => {
            let missed: Vec<&Figure> = figures.iter().filter(|f| !f.is_met()).collect();
            if cli.json {
                println!("{document}");
            } else {
                show(&figures, &missed);
            }
            if missed.is_empty() {
                ExitCode::SUCCESS
            } else {
                ExitCode::FAILURE
            }
        }
        Err(error) => {
            eprintln!("scale: {error}");
            ExitCode::FAILURE
        }
    }
}

fn show(figures: &[Figure], missed: &[&Figure]) {
    println!("{:<36} {:>10}  {:>10}", "figure", "measured", "wanted");
    for figure in figures {
        let wanted = format!("{} {}", figure.sign(), figure.limit);
        let name = format!("{} ({})", figure.name, figure.unit);
        println!("{name:<36} {:>10.2}  {wanted:>10}", figure.value);
    }
    let told = missed
        .iter()
        .map(|f| format!("{} {:.2} {}", f.name, f.value, f.unit));
    match told.collect::<Vec<_>>() {
        none if none.is_empty() => println!("scale: passed: all {} met", figures.len()),
        told => println!("scale: FAILED: missed {}", told.join(", ")),
    }
}

fn measure(cli: &Cli) -> Result<(Value, Vec<Figure>), Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    let tasks = folder.path().join("tasks");
    std::fs::create_dir(&tasks)?;
    for number in 0..8 {
        let text = format!("best = 2.0\ntiles = 60\ndelay_ms = {}\n", cli.delay_ms);
        std::fs::write(tasks.join(format!("t{number}.toml")), text)?;
    }
    let dir = folder.path().join("campaign");
    let begun = Instant::now();
    let seen = watch::run(campaign(cli, &tasks, &dir)?)?;
    let took_s = begun.elapsed().as_secs_f64();
    let log = Reader::open(&dir)?.log()?;
    let mut idle: Vec<f64> = Vec::new();
    let mut times: Vec<i64> = Vec::new();
    for logged in &log {
        if let Event::Measured { measurement, .. } = &logged.event {
            idle.extend(measurement.idle_ms);
            times.push(logged.at_ms);
        }
    }
    idle.sort_by(f64::total_cmp);
    let of = |share: f64| stats::quantile(&idle, share).unwrap_or(f64::NAN);
    // Without the start of the lab's processes and the last measurements.
    let window = times
        .last()
        .zip(times.first())
        .map(|(b, a)| (b - a) as f64 / 1e3);
    let per_s = times.len() as f64 / window.unwrap_or(f64::NAN);
    let events = log.len();
    drop(log);
    let begun = Instant::now();
    let (store, state) = Store::open(&dir)?;
    let resume_s = begun.elapsed().as_secs_f64();
    let spent = state.index.spent;
    drop(store);
    let database_mib = std::fs::metadata(dir.join(DATABASE))?.len() as f64 / f64::from(1 << 20);
    let [p50, p99] = [of(0.5), of(0.99)];
    let rss = seen.peak_rss_kib as f64 / 1024.0;
    let figure = |name, unit, value, at_least, limit| Figure {
        name,
        unit,
        value,
        limit,
        at_least,
    };
    let figures = vec![
        figure("experiments dispatched", "1/s", per_s, true, 200.0),
        figure("idle between two, p99", "ms", p99, false, 20.0),
        figure("database", "MiB", database_mib, false, 200.0),
        figure("taken up again in", "s", resume_s, false, 2.0),
        figure("peak memory", "MiB", rss, false, 300.0),
    ];
    let document = json!({
        "schema": 2,
        "experiments": spent,
        "slots": cli.slots,
        "per_s": per_s,
        "idle_p50_ms": p50,
        "idle_p99_ms": p99,
        "events": events,
        "database_mib": database_mib,
        "resume_s": resume_s,
        "peak_rss_mib": rss,
        "took_s": took_s,
        "missed": figures.iter().filter(|f| !f.is_met()).map(|f| f.name).collect::<Vec<_>>(),
    });
    Ok((document, figures))
}

fn campaign(cli: &Cli, tasks: &Path, dir: &Path) -> Result<Command, Box<dyn Error>> {
    let own = std::env::current_exe()?;
    let examples = own.parent().ok_or("this program has no folder")?;
    let adapter = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/adapter");
    #[expect(
        clippy::disallowed_methods,
        reason = "a measurement drives the real binary"
    )]
    let mut command = Command::new(examples.with_file_name("alphalab"));
    command
        .args(["run", "--strategy", "random", "--adapter"])
        .arg(adapter)
        .arg("--data")
        .arg(tasks)
        .arg("--dir")
        .arg(dir)
        .args(["--workers", &cli.slots.to_string()])
        .args(["--experiments", &cli.experiments.to_string()])
        .args(["--hours", "2"])
        .env("ALPHALAB_BIN_DIR", examples)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped());
    Ok(command)
}
