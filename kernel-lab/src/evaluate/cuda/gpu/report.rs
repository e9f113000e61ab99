//! From a GPU's samples to a report.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use cuda_sim::model::Preset;
use kernel_cuda::wire::{Clocks, Sample};
use protocol::{Report, Verdict};
use serde_json::{Value, json};

use super::duel::Rounds;
use super::{Kept, Measured, NULL_TOLERANCE};
use crate::device::Ended;
use crate::device::cuda::Gpu;
use crate::error::HarnessError;
use crate::evaluate::attempt::Attempt;
use crate::evaluate::report::{check, figures, metric_ms};
use crate::evaluate::{CANDIDATE, Depth};
use crate::judge::{Finding, Roofline};
use crate::task::LoadedTask;

/// How much faster than a copy of the same bytes outputs may appear before the time is called
/// impossible: those of a small task may still be in a cache.
const FLOOR_MARGIN: f64 = 4.0;
/// Rounds without which a result is no result.
const MIN_ROUNDS: usize = 3;
/// What the sides are called in raw samples, by number.
const ROLES: [&str; 3] = ["candidate", "eager", "compile"];

/// Bits of NVML's `nvmlClocksEventReasons` in words, and whether a reason means that the device
/// could not do what it is built for.
const REASONS: [(u64, &str, bool); 9] = [
    (0x1, "idle", false),
    (0x2, "clocks set by an application", false),
    (0x4, "power cap", false),
    (0x8, "hardware slowdown", true),
    (0x10, "synchronised with other GPUs", false),
    (0x20, "too hot, by software", true),
    (0x40, "too hot, by hardware", true),
    (0x80, "power brake", true),
    (0x100, "clocks set for a display", false),
];

/// Finishes the report of a candidate that is right.
pub(super) fn conclude(
    mut looked: Attempt<'_>,
    measured: &Measured,
    kept: &Kept,
    task: &LoadedTask,
    gpu: &Gpu,
    seed: u64,
) -> Result<Report, HarnessError> {
    looked.passed(
        "correctness_on_gpu",
        format!(
            "{} outputs compared, worst {:.2} of the tolerance",
            measured.compared, measured.worst_ratio
        ),
    );
    let copies = &measured.null;
    let said = format!(
        "a copy of {} MiB takes torch's process {:.3} times as long as the runner ({:.3} to {:.3})",
        copies.bytes >> 20,
        copies.ratio.value,
        copies.ratio.ci.lo,
        copies.ratio.ci.hi
    );
    let agrees = copies.agrees();
    if !agrees && looked.depth == Depth::Evaluate {
        return Err(HarnessError::Busy(format!(
            "{said}, and {:.0} % is what may lie between two processes: something else is on the \
             GPU, or its clocks wander; stop other programs and try again",
            NULL_TOLERANCE * 100.0
        )));
    }
    looked.report.checks.push(check("null_test", agrees, said));

    let samples = measured.rounds.medians(measured.sides);
    let figures = figures(&samples, seed)
        .filter(|_| samples.rounds.len() >= MIN_ROUNDS)
        .ok_or_else(|| HarnessError::Busy("there are not enough samples".to_owned()))?;
    let candidate_ns = figures.candidate_ns;
    let (in_bytes, out_bytes) = task.traffic_bytes();
    let impossible_ns = Roofline {
        bandwidth_bytes_per_s: copies.bytes_per_s * FLOOR_MARGIN,
        peak_flop_per_s: 0.0,
    }
    .floor_ns(out_bytes, 0.0);
    if candidate_ns < impossible_ns {
        let finding = Finding::TooFast {
            floor_ns: impossible_ns,
            got_ns: candidate_ns,
        };
        return looked.end_with(&Ended::Found(finding));
    }
    let floor = floor(gpu, copies.bytes_per_s, in_bytes + out_bytes, task.flops());
    looked.passed(
        "floor",
        format!(
            "{:.4} ms; {} bytes by a copy's bandwidth, and operations, take {:.4} ms",
            candidate_ns / 1e6,
            in_bytes + out_bytes,
            floor.0 / 1e6
        ),
    );
    let clocks: Vec<Clocks> = measured
        .rounds
        .of(CANDIDATE)
        .filter_map(|sample| sample.clocks)
        .collect();
    let quiet = quiet(&clocks);
    looked.report.checks.push(quiet);

    let diagnostics = [
        ("baseline", json!(figures.baseline())),
        ("baselines", baselines(kept)),
        ("compile_mode", json!(kept.compiled)),
        ("graphed", json!(measured.graphed)),
        ("rounds", json!(samples.rounds.len())),
        (
            "samples_counted",
            json!(measured.rounds.of(CANDIDATE).count()),
        ),
        ("clocks", clocks_told(&clocks)),
        ("wall_clock", wall_clock(&measured.rounds, measured.sides)),
        (
            "null_test",
            json!({
                "ratio": copies.ratio.value,
                "ci": [copies.ratio.ci.lo, copies.ratio.ci.hi],
                "bytes": copies.bytes,
                "bytes_per_s": copies.bytes_per_s,
            }),
        ),
        (
            "floor",
            json!({
                "ms": floor.0 / 1e6,
                "limited_by": floor.1,
                "bytes": in_bytes + out_bytes,
                "flop": task.flops(),
                "share": floor.0 / candidate_ns,
            }),
        ),
        ("tolerance_used_on_gpu", json!(measured.worst_ratio)),
        ("not_propagated_on_gpu", json!(measured.not_propagated)),
        ("special_skipped_on_gpu", json!(measured.skipped)),
        ("truth_fallback", json!(task.truth_fallback)),
    ];
    let report = &mut looked.report;
    for (name, value) in diagnostics {
        report.diagnostics.insert(name.to_owned(), value);
    }
    report.metrics.extend(figures.metrics);
    if let Some(prepare_ns) = measured.prepare_ns {
        let metric = metric_ms(&[prepare_ns], seed);
        report.metrics.insert("prepare_ms".to_owned(), metric);
    }
    let told = kept.process.told();
    let facts = &mut report.environment.facts;
    facts.insert("torch_gpu".to_owned(), told.name.clone());
    facts.insert("tf32".to_owned(), told.tf32.to_string());
    if let Some(cuda) = &told.cuda {
        facts.insert("torch_cuda".to_owned(), cuda.clone());
    }
    looked.keep("samples.jsonl", raw_lines(&measured.rounds).as_bytes())?;
    looked.end(Verdict::Ok)
}

/// The least time that bytes and operations take, in nanoseconds, and which of the two it is. A GPU
/// of a generation whose figures nobody has looked up is limited by bytes alone.
fn floor(gpu: &Gpu, bytes_per_s: f64, bytes: u64, flop: Option<u64>) -> (f64, &'static str) {
    let (major, minor) = gpu.told().capability;
    let preset = Preset::of_arch(&format!("sm_{major}{minor}"));
    // Whatever a kernel computes with, tensor cores are the fastest there is.
    let roofline = Roofline {
        bandwidth_bytes_per_s: bytes_per_s,
        peak_flop_per_s: preset.map_or(0.0, |preset| preset.tensor_flops),
    };
    let flop = flop.unwrap_or_default() as f64;
    let by_bytes = roofline.floor_ns(bytes, 0.0);
    let floor_ns = roofline.floor_ns(bytes, flop);
    let limit = if floor_ns > by_bytes {
        "operations"
    } else {
        "bytes"
    };
    (floor_ns, limit)
}

/// Whether the device could do what it is built for.
fn quiet(clocks: &[Clocks]) -> protocol::Check {
    let bits = clocks.iter().fold(0, |bits, clocks| bits | clocks.throttle);
    let slowed: Vec<&str> = REASONS
        .iter()
        .filter(|(bit, _, slows)| *slows && bits & bit != 0)
        .map(|(_, word, _)| *word)
        .collect();
    let detail = match (clocks.is_empty(), slowed.as_slice()) {
        (true, _) => "nobody has read the clocks: there is no NVML".to_owned(),
        (false, []) => "nothing has slowed the GPU down".to_owned(),
        (false, slowed) => format!("the GPU was slowed down: {}", slowed.join(", ")),
    };
    check("quiet", slowed.is_empty(), detail)
}

/// Every reason that was given in any sample, and in how many.
fn reasons(clocks: &[Clocks]) -> BTreeMap<&'static str, usize> {
    let mut counted = BTreeMap::new();
    for &(bit, word, _) in &REASONS {
        let count = clocks
            .iter()
            .filter(|clocks| clocks.throttle & bit != 0)
            .count();
        if count > 0 {
            counted.insert(word, count);
        }
    }
    counted
}

fn clocks_told(clocks: &[Clocks]) -> Value {
    let spread = |of: fn(&Clocks) -> u32| {
        let values: Vec<f64> = clocks.iter().map(|clocks| f64::from(of(clocks))).collect();
        json!({
            "min": stats::quantile(&values, 0.0),
            "median": stats::median(&values),
            "max": stats::quantile(&values, 1.0),
        })
    };
    if clocks.is_empty() {
        return Value::Null;
    }
    json!({
        "sm_mhz": spread(|clocks| clocks.sm_mhz),
        "memory_mhz": spread(|clocks| clocks.memory_mhz),
        "temperature_c": spread(|clocks| clocks.temperature_c),
        "throttle": reasons(clocks),
        "samples": clocks.len(),
    })
}

/// By how much the host's clock shows more than the GPU's, per side.
fn wall_clock(rounds: &Rounds, sides: usize) -> Value {
    let excess = |side: usize| {
        let over: Vec<f64> = rounds
            .of(side)
            .map(|sample| (sample.wall_ns - sample.event_ns) / 1e3)
            .collect();
        stats::median(&over)
    };
    let sides = ROLES.iter().take(sides).enumerate();
    sides
        .map(|(side, role)| (format!("{role}_excess_us"), json!(excess(side))))
        .collect::<serde_json::Map<_, _>>()
        .into()
}

/// What became of each of torch's models.
fn baselines(kept: &Kept) -> Value {
    let made = kept.made.iter().map(|model| {
        let told = match &model.error {
            Some(error) => json!({"error": error}),
            None => json!({"first_calls_ms": model.first_ms}),
        };
        (model.mode.clone(), told)
    });
    made.collect::<serde_json::Map<_, _>>().into()
}

/// Every sample as a JSON line: round, role, place in its block, slot, times, clocks. The first of a
/// block says that it counts for nothing.
fn raw_lines(rounds: &Rounds) -> String {
    let mut text = String::new();
    for (round, parts) in rounds.0.iter().enumerate() {
        for (turn, part) in parts.iter().enumerate() {
            let role = ROLES.get(part.side).unwrap_or(&"other");
            for (at, sample) in part.samples.iter().enumerate() {
                let line = raw_line(round, turn, role, at, sample);
                // Writing to a String can't fail.
                let _ = writeln!(text, "{line}");
            }
        }
    }
    text
}

fn raw_line(round: usize, turn: usize, role: &str, at: usize, sample: &Sample) -> Value {
    let mut line = json!({
        "round": round,
        "turn": turn,
        "role": role,
        "counts": at > 0,
        "slot": sample.slot,
        "ns": sample.event_ns,
        "wall_ns": sample.wall_ns,
    });
    if let Some(clocks) = sample.clocks {
        line["clocks"] = json!(clocks);
    }
    line
}

#[cfg(test)]
mod tests {
    use super::super::duel::Part;
    use super::*;

    fn clocks(throttle: u64, sm_mhz: u32) -> Clocks {
        Clocks {
            sm_mhz,
            memory_mhz: 2619,
            temperature_c: 60,
            throttle,
        }
    }

    #[test]
    fn reasons_have_words_and_only_some_are_a_disturbance() {
        let capped = [clocks(0x4, 1900), clocks(0x5, 1800), clocks(0, 1980)];
        let told = clocks_told(&capped);
        assert_eq!(told["throttle"], json!({"idle": 1, "power cap": 2}));
        assert_eq!(
            told["sm_mhz"],
            json!({"min": 1800.0, "median": 1900.0, "max": 1980.0})
        );
        assert!(quiet(&capped).passed);
        let hot = quiet(&[clocks(0x40 | 0x8, 900)]);
        assert!(!hot.passed);
        assert!(
            hot.detail
                .contains("hardware slowdown, too hot, by hardware"),
            "{hot:?}"
        );
        assert!(quiet(&[]).detail.contains("no NVML"));
        assert_eq!(clocks_told(&[]), Value::Null);
    }

    #[test]
    fn every_sample_is_a_line_and_the_first_says_that_it_does_not_count() {
        let sample = |slot, event_ns| Sample {
            slot,
            event_ns,
            wall_ns: event_ns + 4000.0,
            clocks: (slot == 2).then(|| clocks(0, 1980)),
        };
        let part = |side| Part {
            side,
            samples: vec![sample(1, 1000.0), sample(2, 900.0)],
        };
        let rounds = Rounds(vec![vec![part(1), part(0)], vec![part(0), part(1)]]);
        let text = raw_lines(&rounds);
        let lines: Vec<Value> = text
            .lines()
            .map(|line| serde_json::from_str(line).expect("JSON"))
            .collect();
        assert_eq!(lines.len(), 8);
        assert_eq!(
            lines[1],
            json!({"round": 0, "turn": 0, "role": "eager", "counts": true, "slot": 2, "ns": 900.0,
                   "wall_ns": 4900.0, "clocks": clocks(0, 1980)})
        );
        assert_eq!(lines[0]["counts"], false);
        let excess = wall_clock(&rounds, 2);
        assert_eq!(
            excess,
            json!({"candidate_excess_us": 4.0, "eager_excess_us": 4.0})
        );
    }
}
