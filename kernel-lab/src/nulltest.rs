//! Is this machine fair? Two comparisons whose true ratio is 1.
//!
//! *copy*: `aten::clone` as a library node in the runner against `x.clone()`
//! in the host: the same work on both sides of the fence. *aa*: the host's
//! clone against itself. Both run under the sampler, scrubber and lock of
//! every evaluation.

use std::io::Write as _;
use std::time::Duration;

use serde::Serialize;
use stats::Rng;
use torch_bridge::{BoundCall, Output};

use crate::baseline::{COLD_RETRIES, Host, TimedCall};
use crate::device::{Call, Code, Device as _, Load, Run, TimedSession, Wanted};
use crate::error::HarnessError;
use crate::evaluate::{Lab, TEMPS, draw_seed, resampling};
use crate::plan::{Role, Target, bind, parse};
use crate::task::{Draw, LoadedTask, SETS, TaskLibrary};
use crate::timing::lock::{MachineLock, default_path};
use crate::timing::sampler::{Policy, Rounds, Samples, Timed, sample};
use crate::timing::scrub::Scrubber;

/// Elements that are copied: 32 MiB, more than most last-level caches share
/// with one core, and the size class of the shipped tasks.
const ELEMENTS: usize = 8 << 20;

/// Placements of the runner's buffers: the ratio of sides that each lie in one
/// place is that of the places, up to 4% off.
const SLOTS: usize = 12;

/// A ratio that should be 1.
#[derive(Clone, Debug, Serialize)]
pub struct NullRatio {
    /// Ratio of medians, second side over first.
    pub value: f64,
    /// 95% interval.
    pub ci: [f64; 2],
    /// Rounds behind it.
    pub n: usize,
}

/// Result of the null test (`kernel-lab null-test --json`).
#[derive(Clone, Debug, Serialize)]
pub struct NullTest {
    /// Version of this document.
    pub schema: u32,
    /// Processor.
    pub device: String,
    /// Host's clone over the runner's.
    pub copy_ratio: NullRatio,
    /// The host's clone over itself.
    pub aa_ratio: NullRatio,
    /// Threads on each side.
    pub threads: usize,
    /// Median of the runner's clone, in milliseconds.
    pub runner_ms: f64,
    /// Median of the host's clone, in milliseconds.
    pub host_ms: f64,
    /// What a hand-shake with the runner costs, in microseconds; subtracted.
    pub handshake_us: f64,
    /// Calls of the host that were made again for touching fresh pages.
    pub repeated: usize,
    /// Rounds dropped for foreign load.
    pub dropped: usize,
    /// How long was sampled, in seconds.
    pub sampled_s: f64,
}

/// Runner, host, host again.
struct Copies<'a> {
    task: &'a mut LoadedTask,
    session: &'a mut dyn TimedSession,
    again: &'a [BoundCall],
    scrubber: &'a mut Scrubber,
    input: usize,
    seed: u64,
    held: Vec<Output>,
    host: Host<'a>,
    repeated: usize,
}

impl Rounds for Copies<'_> {
    type Halt = HarnessError;

    fn prepare(&mut self, round: usize) -> Result<(), HarnessError> {
        let draw = Draw {
            seed: self.seed,
            call: round as u64,
            special: None,
        };
        let set = round % SETS;
        self.task.fill(set, draw)?;
        let slot = round % self.session.slots();
        let bytes = self.task.input_bytes(set, 0)?;
        self.session.write(self.input, slot, bytes)?;
        let scrubber = &mut *self.scrubber;
        self.session.measure_handshake(&mut || scrubber.scrub())
    }

    fn takes_part(&self, _contestant: usize, _round: usize) -> bool {
        true
    }

    fn call(&mut self, contestant: usize, round: usize) -> Result<Timed, HarnessError> {
        self.scrubber.scrub();
        if contestant == 0 {
            let slot = round % self.session.slots();
            let limit = Duration::from_secs(5);
            return match self.session.run_timed(Call::Plan { slot }, limit)? {
                Run::Done(timed) => Ok(timed),
                Run::Ended(ended) => Err(HarnessError::Runner {
                    doing: "copy",
                    problem: format!("{ended:?}"),
                }),
            };
        }
        let set = round % SETS;
        let call = if contestant == 1 {
            &self.task.sets[set].eager
        } else {
            &self.again[set]
        };
        let mut called = TimedCall::of(call, &self.host)?;
        for _ in 0..COLD_RETRIES {
            if !called.cold {
                break;
            }
            self.repeated += 1;
            self.held.push(called.output);
            self.scrubber.scrub();
            called = TimedCall::of(call, &self.host)?;
        }
        self.held.push(called.output);
        Ok(if called.cold {
            called.timed.disturbed()
        } else {
            called.timed
        })
    }

    fn finish(&mut self, _round: usize) -> Result<(), HarnessError> {
        let keep = self.held.len().saturating_sub(3);
        self.held.drain(..keep);
        Ok(())
    }
}

impl Lab {
    /// Samples both ratios until their intervals are narrower than ±0.75%,
    /// at most for `limit`.
    pub fn null_test(&mut self, limit: Duration) -> Result<NullTest, HarnessError> {
        let (dir, source) = copy_task()?;
        let found = TaskLibrary::new(dir.path().to_owned()).find(&source)?;
        let seed = draw_seed()?;
        let mut task = LoadedTask::load(&self.interp, &found, "cpu", seed)?;
        let plan = parse(
            "schema = 1\n[[step]]\nlibrary = \"aten::clone\"\n\
             inputs = [\"in.0\"]\noutputs = [\"out.0\"]\n",
            Target::Cpu,
        )
        .and_then(|plan| {
            bind(
                &plan,
                &task.signature,
                Some(self.device.parts() as i64),
                TEMPS,
            )
        })
        .map_err(|error| HarnessError::Runner {
            doing: "bind the copy",
            problem: error.to_string(),
        })?;
        let input = plan.find(&Role::In(0)).unwrap_or(0);
        let again = task
            .sets
            .iter()
            .map(|set| task.model.callable().bind(&set.values))
            .collect::<Result<Vec<_>, _>>()
            .map_err(HarnessError::python("binding a copy"))?;

        let _lock = MachineLock::take(&default_path(), Duration::from_mins(2))?;
        let scrubber = &mut self.scrubber;
        let wanted = Wanted {
            plan: &plan,
            module: None,
            contents: &[],
            slots: SLOTS,
        };
        let arranged = self.device.arrange(&wanted)?;
        self.device
            .measure_handshakes(1, &mut || scrubber.scrub())?;
        let mut session = match arranged.load(Code::Nothing)? {
            Load::Ready(session) => session,
            Load::Ended(ended) => {
                return Err(HarnessError::Runner {
                    doing: "load the copy",
                    problem: format!("{ended:?}"),
                });
            }
        };
        let policy = Policy {
            warm_up: 5,
            min_rounds: 60,
            max_rounds: 4000,
            max_time: limit,
            patience: limit,
            hard_time: limit,
            half_width: 0.0075,
        };
        let mut copies = Copies {
            task: &mut task,
            session: session.as_mut(),
            again: &again,
            scrubber: &mut self.scrubber,
            input,
            seed,
            held: Vec::new(),
            host: Host::new(&self.waker)?,
            repeated: 0,
        };
        let mut samples = sample(&mut copies, 3, &policy, &mut Rng::new(seed))?;
        let handshake_us = copies.session.handshake_ns() / 1e3;
        let repeated = copies.repeated;
        samples.subtract(0, handshake_us * 1e3);
        Ok(NullTest {
            handshake_us,
            repeated,
            ..summarise(&samples, &self.device.facts(), self.device.parts(), seed)?
        })
    }
}

fn summarise(
    samples: &Samples,
    facts: &std::collections::BTreeMap<String, String>,
    threads: usize,
    seed: u64,
) -> Result<NullTest, HarnessError> {
    let ratio = |over: usize, under: usize| -> Result<NullRatio, HarnessError> {
        let (below, above) = samples.pairs(under, over);
        let ratio = stats::ratio_of_medians(&above, &below, &resampling(seed))
            .ok_or_else(|| HarnessError::Busy("no round was undisturbed".to_owned()))?;
        Ok(NullRatio {
            value: ratio.value,
            ci: [ratio.ci.lo, ratio.ci.hi],
            n: below.len(),
        })
    };
    let median_ms = |contestant| stats::median(&samples.of(contestant)).unwrap_or(0.0) / 1e6;
    Ok(NullTest {
        schema: 1,
        device: facts.get("cpu").cloned().unwrap_or_default(),
        copy_ratio: ratio(1, 0)?,
        aa_ratio: ratio(2, 1)?,
        threads,
        runner_ms: median_ms(0),
        host_ms: median_ms(1),
        handshake_us: 0.0,
        repeated: 0,
        dropped: samples.contaminated,
        sampled_s: samples.elapsed_s,
    })
}

/// A task that copies its input, in a folder of its own.
fn copy_task() -> Result<(tempfile::TempDir, String), HarnessError> {
    let failed = |source| HarnessError::System {
        doing: "write the copy task".to_owned(),
        source,
    };
    let dir = tempfile::tempdir().map_err(failed)?;
    let path = dir.path().join("copy.py");
    let mut file = std::fs::File::create(&path).map_err(failed)?;
    write!(
        file,
        "import torch\n\n\nclass Model(torch.nn.Module):\n    def forward(self, x):\n        \
         return x.clone()\n\n\ndef get_inputs():\n    return [torch.randn({ELEMENTS})]\n"
    )
    .map_err(failed)?;
    Ok((dir, path.display().to_string()))
}
