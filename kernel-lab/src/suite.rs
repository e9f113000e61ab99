//! All tasks with their baselines: what there is to beat.

use std::time::Duration;

use protocol::{Interval, Metric};
use serde::Serialize;
use torch_bridge::{CompileMode, Output};

use crate::admit::manifest;
use crate::baseline::{Host, TimedCall};
use crate::error::{HarnessError, chain};
use crate::evaluate::{Lab, draw_seed, interval_of};
use crate::task::{Draw, SETS};
use crate::timing::lock::{MachineLock, default_path};

/// Rounds behind a baseline's figure.
const ROUNDS: usize = 20;
const WARM_UP: usize = 3;

/// One task of a suite.
#[derive(Clone, Debug, Serialize)]
pub struct Row {
    /// Name.
    pub task: String,
    /// Its sizes.
    pub sizes: String,
    /// Median time of eager PyTorch.
    pub eager_ms: Option<Metric>,
    /// Median time of `torch.compile`.
    pub compile_ms: Option<Metric>,
    /// Mode of `torch.compile` that is raced against.
    pub compile_mode: Option<String>,
    /// Time from asking for the compiled model to the end of its first calls.
    pub compile_time_ms: Option<f64>,
    /// `eager` or `compile`, whichever is faster.
    pub best: Option<String>,
    /// Templates that fit.
    pub templates: Vec<String>,
    /// What the manifest of admitted tasks says about it, or `stale`; absent
    /// where there is nothing.
    pub quality: Option<String>,
    /// Why the task can't be used, where it can't.
    pub error: Option<String>,
}

impl Lab {
    /// Times the baselines of one task; an unusable task is a row with an
    /// error.
    pub fn suite_row(&mut self, task: &str) -> Row {
        match self.baseline_row(task) {
            Ok(row) => row,
            Err(error) => Row {
                task: task.to_owned(),
                sizes: String::new(),
                eager_ms: None,
                compile_ms: None,
                compile_mode: None,
                compile_time_ms: None,
                best: None,
                templates: Vec::new(),
                quality: None,
                error: Some(chain(&error)),
            },
        }
    }

    fn baseline_row(&mut self, task: &str) -> Result<Row, HarnessError> {
        let inspection = self.inspect(task)?;
        self.bench(task, true)?;
        let seed = draw_seed()?;
        let Some(bench) = &mut self.bench else {
            return Err(HarnessError::Task {
                task: task.to_owned(),
                problem: "it could not be loaded".to_owned(),
            });
        };
        let _lock = MachineLock::take(&default_path(), Duration::from_mins(2))?;
        let compiled = bench
            .baselines
            .as_ref()
            .and_then(|baselines| baselines.compiled.as_deref());
        let mut times = (Vec::new(), Vec::new());
        let mut held: Vec<Output> = Vec::new();
        let host = Host::new(&self.waker)?;
        for round in 0..ROUNDS + WARM_UP {
            let set = round % SETS;
            let draw = Draw {
                seed,
                call: round as u64,
                special: None,
            };
            bench.task.fill(set, draw)?;
            let mut time = |call: &torch_bridge::BoundCall| -> Result<f64, HarnessError> {
                self.scrubber.scrub();
                let called = TimedCall::of(call, &host)?;
                held.push(called.output);
                Ok(called.timed.elapsed_ns / 1e6)
            };
            let eager_ms = time(&bench.task.sets[set].eager)?;
            let compile_ms = match compiled {
                Some(calls) => Some(time(&calls[set])?),
                None => None,
            };
            if round >= WARM_UP {
                times.0.push(eager_ms);
                times.1.extend(compile_ms);
            }
            let drop_until = held.len().saturating_sub(3);
            held.drain(..drop_until);
        }
        let eager_ms = metric(&times.0, seed);
        let compile_ms = (!times.1.is_empty()).then(|| metric(&times.1, seed));
        let best = match &compile_ms {
            Some(compile) if compile.value < eager_ms.value => "compile",
            _ => "eager",
        };
        let baselines = bench.baselines.as_ref();
        Ok(Row {
            task: inspection.task,
            sizes: crate::evaluate::sizes_text(&bench.task),
            eager_ms: Some(eager_ms),
            compile_ms,
            compile_mode: baselines
                .and_then(|baselines| baselines.mode)
                .map(|mode: CompileMode| mode.name().to_owned()),
            compile_time_ms: baselines.map(|baselines| baselines.compile_time_ms),
            best: Some(best.to_owned()),
            templates: inspection
                .spaces
                .into_iter()
                .map(|space| space.template)
                .collect(),
            quality: manifest::published(&bench.task.source)?
                .word()
                .map(str::to_owned),
            error: None,
        })
    }
}

fn metric(times_ms: &[f64], seed: u64) -> Metric {
    let ci: Option<Interval> = interval_of(times_ms, seed);
    Metric {
        value: stats::median(times_ms).unwrap_or(f64::NAN),
        unit: "ms".to_owned(),
        ci,
        n: times_ms.len() as u32,
    }
}
