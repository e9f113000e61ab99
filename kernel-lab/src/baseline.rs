//! What a candidate has to beat: the faster of eager PyTorch and
//! `torch.compile`, on the same machine in the same minute.
//!
//! Which mode of `torch.compile` is worth racing against is found out once
//! per task, sizes, torch, processor and thread count, and kept; times are
//! measured anew in every session.

pub mod gpu;

use std::time::Instant;

use protocol::ContentHash;
use serde::{Deserialize, Serialize};
use torch_bridge::{BoundCall, CompileMode, Interp, Output};

use crate::cache::Cache;
use crate::error::HarnessError;
use crate::task::LoadedTask;
use crate::timing::contention::{OwnDelay, page_faults};
use crate::timing::priority::{Own, Raised};
use crate::timing::sampler::Timed;
use crate::timing::wake::Waker;

/// Calls of each baseline from which the mode to race against is chosen.
const CHOICE_CALLS: usize = 9;

/// The baselines of one loaded task; eager lies in its input sets.
#[derive(Debug)]
pub struct Baselines {
    /// The compiled model bound to each input set; absent where
    /// `torch.compile` fails on the task.
    pub compiled: Option<Vec<BoundCall>>,
    /// Mode of the compiled model.
    pub mode: Option<CompileMode>,
    /// Why there is no compiled model.
    pub failure: Option<String>,
    /// Time from asking for the compiled model to the end of its first call,
    /// in milliseconds.
    pub compile_time_ms: f64,
    /// Whether the choice of the mode was in the cache.
    pub cached: bool,
}

/// The kept choice. No times in here.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Choice {
    schema: u32,
    /// `default` or `max-autotune`.
    mode: String,
}

impl Baselines {
    /// Compiles the task's baselines; takes seconds where the compiler's own
    /// cache has nothing.
    pub fn prepare(
        interp: &Interp,
        task: &LoadedTask,
        cache: &Cache,
    ) -> Result<Self, HarnessError> {
        let path = cache
            .baselines()
            .join(format!("{}.json", key(interp, task)));
        let kept = std::fs::read(&path)
            .ok()
            .and_then(|bytes| serde_json::from_slice::<Choice>(&bytes).ok())
            .and_then(|choice| {
                [CompileMode::Default, CompileMode::MaxAutotune]
                    .into_iter()
                    .find(|mode| mode.name() == choice.mode)
            });
        if let Some(mode) = kept {
            return Ok(Self {
                cached: true,
                ..Self::compile(task, mode)
            });
        }
        let default = Self::compile(task, CompileMode::Default);
        let autotuned = Self::compile(task, CompileMode::MaxAutotune);
        let chosen = match (&default.compiled, &autotuned.compiled) {
            (Some(left), Some(right)) => {
                let (left_ns, right_ns) = race(left, right)?;
                if left_ns <= right_ns {
                    default
                } else {
                    autotuned
                }
            }
            (None, Some(_)) => autotuned,
            _ => default,
        };
        // A failure is not kept: a passing one would leave every later
        // candidate with a weaker baseline.
        if let Some(mode) = chosen.mode {
            let choice = Choice {
                schema: 1,
                mode: mode.name().to_owned(),
            };
            if let Ok(bytes) = serde_json::to_vec(&choice) {
                Cache::store(&path, &bytes)?;
            }
        }
        Ok(chosen)
    }

    fn none(failure: &str) -> Self {
        Self {
            compiled: None,
            mode: None,
            failure: Some(failure.to_owned()),
            compile_time_ms: 0.0,
            cached: false,
        }
    }

    fn compile(task: &LoadedTask, mode: CompileMode) -> Self {
        let start = Instant::now();
        let attempt = || -> Result<Vec<BoundCall>, torch_bridge::PyFault> {
            let callable = task.model.compile(mode)?;
            let bound = task
                .sets
                .iter()
                .map(|set| callable.bind(&set.values))
                .collect::<Result<Vec<_>, _>>()?;
            for call in &bound {
                call.call()?;
            }
            Ok(bound)
        };
        match attempt() {
            Ok(compiled) => Self {
                compiled: Some(compiled),
                mode: Some(mode),
                failure: None,
                compile_time_ms: start.elapsed().as_secs_f64() * 1e3,
                cached: false,
            },
            Err(fault) => Self::none(&crate::error::chain(&fault)),
        }
    }
}

/// Fresh pages that a timed call may touch: malloc can't always place an
/// output in memory that was used before. A huge page is one fault, and takes
/// as long as a small kernel.
const MAX_FAULTS: u64 = 1;

/// The host's side of timed calls: its threads, as they are when this is made.
#[derive(Debug)]
pub(crate) struct Host<'a> {
    waker: &'a Waker,
    own: Own,
    delay: OwnDelay,
}

impl<'a> Host<'a> {
    /// Of the threads that exist now.
    pub(crate) fn new(waker: &'a Waker) -> Result<Self, HarnessError> {
        let delay = OwnDelay::of_current_threads().map_err(|source| HarnessError::System {
            doing: "watch the threads of this process".to_owned(),
            source,
        })?;
        Ok(Self {
            waker,
            own: Own::of_current_threads(),
            delay,
        })
    }
}

/// One timed call of a baseline.
pub(crate) struct TimedCall {
    /// When it ran, and what disturbed it.
    pub(crate) timed: Timed,
    /// What it returned; dropping it frees memory, which is not for the clock.
    pub(crate) output: Output,
    /// Whether it touched fresh pages: then it should be made again, since a
    /// candidate's buffers are never fresh either.
    pub(crate) cold: bool,
}

impl TimedCall {
    /// Wakes the threads, then calls and times.
    pub(crate) fn of(call: &BoundCall, host: &Host<'_>) -> Result<Self, HarnessError> {
        let _raised: Raised<'_> = host.own.raise();
        host.waker.wake()?;
        let faults_before = page_faults();
        let delay_before = host.delay.total_ns();
        let start = Instant::now();
        let output = call
            .call()
            .map_err(HarnessError::python("calling a baseline"))?;
        let elapsed_ns = start.elapsed().as_nanos() as f64;
        let delay_ns = host.delay.total_ns().saturating_sub(delay_before) as f64;
        Ok(Self {
            timed: Timed {
                elapsed_ns,
                delay_ns,
            },
            output,
            cold: page_faults() - faults_before > MAX_FAULTS,
        })
    }
}

/// Times a cold call is made again before it is taken as it is.
pub(crate) const COLD_RETRIES: usize = 4;

/// Median times of two compiled models, called in turn, in nanoseconds.
fn race(left: &[BoundCall], right: &[BoundCall]) -> Result<(f64, f64), HarnessError> {
    let mut times = (Vec::new(), Vec::new());
    for round in 0..CHOICE_CALLS {
        for (calls, into) in [(left, &mut times.0), (right, &mut times.1)] {
            let start = Instant::now();
            let output = calls[round % calls.len()]
                .call()
                .map_err(HarnessError::python("calling a compiled model"))?;
            into.push(start.elapsed().as_nanos() as f64);
            drop(output);
        }
    }
    let median = |times: &[f64]| stats::median(times).unwrap_or(f64::INFINITY);
    Ok((median(&times.0), median(&times.1)))
}

/// What the choice depends on.
fn key(interp: &Interp, task: &LoadedTask) -> ContentHash {
    let cpu = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let flags = cpu
        .lines()
        .find(|line| line.starts_with("flags"))
        .unwrap_or_default();
    ContentHash::of_parts([
        task.hash.as_str().as_bytes(),
        interp.torch_version().as_bytes(),
        interp.cpu_capability().as_bytes(),
        flags.as_bytes(),
        &interp.num_threads().to_le_bytes(),
    ])
}
