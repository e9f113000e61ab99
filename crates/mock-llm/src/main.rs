//! `mock-llm`: a server that stands in for language models.

use std::path::PathBuf;
use std::process::ExitCode;

use mock_llm::{FaultPlan, Mock, Options, Script};

const USAGE: &str = "usage: mock-llm --script FILE [--port N] [--faults SEED:RATE]

Speaks Anthropic's Messages, OpenAI's Responses and chat completions on the
loopback, answers from the script, and keeps a ledger under GET /ledger.
Prints its address and serves until it is killed.";

fn main() -> ExitCode {
    match start() {
        Ok(mock) => {
            println!("{}", mock.url());
            mock.join();
            ExitCode::SUCCESS
        }
        Err(message) => {
            eprintln!("{message}");
            ExitCode::from(2)
        }
    }
}

fn start() -> Result<Mock, String> {
    let mut options = Options::default();
    let mut script: Option<PathBuf> = None;
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        let mut value = || {
            let value = arguments.next();
            value.ok_or_else(|| format!("`{argument}` needs a value\n\n{USAGE}"))
        };
        match argument.as_str() {
            "--help" | "-h" => return Err(USAGE.to_owned()),
            "--script" => script = Some(PathBuf::from(value()?)),
            "--port" => {
                let value = value()?;
                options.port = value.parse().map_err(|_| format!("`{value}` is no port"))?;
            }
            "--faults" => {
                let value = value()?;
                options.faults = faults(&value)
                    .ok_or_else(|| format!("`{value}` is no SEED:RATE, as in 7:0.2"))?;
            }
            other => return Err(format!("unknown argument `{other}`\n\n{USAGE}")),
        }
    }
    let script = script.ok_or_else(|| format!("`--script` is missing\n\n{USAGE}"))?;
    options.script = Script::load(&script).map_err(|error| chain(&error))?;
    Mock::start(options).map_err(|error| chain(&error))
}

fn faults(text: &str) -> Option<FaultPlan> {
    let (seed, rate) = text.split_once(':')?;
    let rate: f64 = rate.parse().ok()?;
    let sound = (0.0..=1.0).contains(&rate);
    sound.then_some(FaultPlan::passing(seed.parse().ok()?, rate))
}

/// An error with its causes.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        text = format!("{text}: {cause}");
        next = cause.source();
    }
    text
}
