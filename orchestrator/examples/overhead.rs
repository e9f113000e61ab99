//! What the harness adds to a turn of a model: the time from the end of a
//! reply to the next request of the same conversation, as the server sees it,
//! and the memory that the process takes. Measures only; nothing passes or
//! fails.
//!
//! ```text
//! cargo build -p orchestrator --bins --examples
//! target/debug/examples/overhead latency            # 16 agents, read tools
//! target/debug/examples/overhead memory             # 4 agents, 10,000 turns
//! target/debug/examples/overhead output --mib 100   # one command's output
//! ```
//!
//! The engine is the real binary in a process of its own; the server is this
//! process. `latency` and `memory` run on the synthetic lab, `output` needs
//! the agents' Python.

#[path = "overhead/play.rs"]
mod play;
#[path = "overhead/room.rs"]
mod room;
#[path = "overhead/watch.rs"]
mod watch;

use std::error::Error;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::{Args, Parser, Subcommand};
use mock_llm::{Mock, Options, Script};
use serde_json::{Value, json};

/// Measures the harness's share of a turn, and its memory.
#[derive(Debug, Parser)]
struct Cli {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Many agents at once, each of which reads something every turn.
    Latency(Search),
    /// Few agents with long conversations.
    Memory(Search),
    /// One command that prints a lot.
    Output {
        /// How much, in MiB.
        #[arg(long, default_value_t = 100)]
        mib: u64,
    },
}

#[derive(Debug, Args)]
struct Search {
    /// Agents at once [default: 16, or 4 for memory].
    #[arg(long)]
    agents: Option<u32>,
    /// Turns of each agent [default: 40, or 500 for memory].
    #[arg(long)]
    turns: Option<usize>,
    /// How often each task is worked on [default: 3, or 5 for memory].
    #[arg(long)]
    rounds: Option<usize>,
    /// Time that the model thinks, in milliseconds.
    #[arg(long, default_value_t = 0)]
    think_ms: u64,
    /// Binary to measure [default: the one beside this program].
    #[arg(long)]
    alphalab: Option<PathBuf>,
}

fn main() -> ExitCode {
    match measure(Cli::parse().what) {
        Ok(document) => {
            println!("{document}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("overhead: {error}");
            ExitCode::FAILURE
        }
    }
}

fn measure(what: What) -> Result<Value, Box<dyn Error>> {
    match what {
        What::Latency(search) => searching(&search, [16, 40, 3]),
        What::Memory(search) => searching(&search, [4, 500, 5]),
        What::Output { mib } => printing(mib),
    }
}

/// Agents on the synthetic lab.
fn searching(search: &Search, usual: [usize; 3]) -> Result<Value, Box<dyn Error>> {
    let agents = search.agents.unwrap_or(usual[0] as u32);
    let turns = search.turns.unwrap_or(usual[1]);
    let rounds = search.rounds.unwrap_or(usual[2]);
    let room = room::searchers(agents, turns)?;
    let think = Duration::from_millis(search.think_ms);
    let mock = Mock::start(Options {
        script: Script::from_fn(move |ask| {
            if !think.is_zero() {
                std::thread::sleep(think);
            }
            play::searcher(ask, turns, rounds)
        }),
        ..Options::default()
    })?;
    let begun = Instant::now();
    let seen = watch::run(room.command(search.alphalab.as_ref(), &mock.url())?)?;
    let took = begun.elapsed();
    let document = summary(&mock, agents, took, seen)?;
    Ok(document)
}

/// An exploration with one command that prints a lot.
fn printing(mib: u64) -> Result<Value, Box<dyn Error>> {
    let room = room::explorer()?;
    let mock = Mock::start(Options {
        script: Script::from_fn(move |ask| play::explorer(ask, mib)),
        ..Options::default()
    })?;
    let begun = Instant::now();
    let seen = watch::run(room.command(None, &mock.url())?)?;
    let mut document = summary(&mock, 1, begun.elapsed(), seen)?;
    document["printed_mib"] = json!(mib);
    Ok(document)
}

/// The figures, as JSON and as a table for people.
fn summary(
    mock: &Mock,
    agents: u32,
    took: Duration,
    seen: watch::Seen,
) -> Result<Value, Box<dyn Error>> {
    let ledger = mock.ledger();
    if let Some(why) = ledger.rejected.first() {
        return Err(format!("the server refused a request: {why}").into());
    }
    let mut gaps: Vec<f64> = mock
        .timeline()
        .gaps()
        .iter()
        .map(|gap| gap.as_secs_f64() * 1e3)
        .collect();
    gaps.sort_by(f64::total_cmp);
    let quantile = |share: f64| stats::quantile(&gaps, share).unwrap_or(f64::NAN);
    let [p50, p99, max] = [quantile(0.5), quantile(0.99), quantile(1.0)];
    let steps = ledger.entries.len();
    let rss = seen.peak_rss_kib as f64 / 1024.0;
    eprintln!("steps   agents  steps/s  p50 ms  p99 ms  max ms  peak MiB");
    eprintln!(
        "{steps:<7} {agents:<7} {:<8.0} {p50:<7.2} {p99:<7.2} {max:<7.2} {rss:.1}",
        steps as f64 / took.as_secs_f64()
    );
    Ok(json!({
        "schema": 1,
        "steps": steps,
        "agents": agents,
        "p50_ms": p50,
        "p99_ms": p99,
        "max_ms": max,
        "peak_rss_mib": rss,
        "took_s": took.as_secs_f64(),
    }))
}
