//! The simulator against a GPU: every template of the library on the first task that it fits,
//! the same values on both, all outputs compared.

use std::collections::BTreeMap;
use std::time::Duration;

use kernel_nvrtc::{Arch, Built, Compiler};
use serde_json::Map;

use super::budget::Deadline;
use super::driver::words;
use super::outcome::Case;
use super::place::{Place, compiled};
use super::{Tell, Tried};
use crate::device::{Call, Run};
use crate::error::{HarnessError, chain};
use crate::evaluate::{Lab, TEMPS};
use crate::judge::{Expected, Site, compare};
use crate::plan::{BoundPlan, BufferMeta, Dtype, Role, Target, bind, parse};
use crate::task::{Draw, LoadedTask};
use crate::template::{self, Template};

/// Longest call on either side.
const LIMIT: Duration = Duration::from_secs(20);

/// What two devices made of the same.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Difference {
    /// The same bits.
    None,
    /// Other bits, and at most this share of what is allowed.
    Within(f64),
    /// More than is allowed, and what.
    Apart(String),
}

/// Both sides of a comparison.
pub(super) struct Sides<'a> {
    pub(super) simulator: &'a mut dyn Place,
    pub(super) other: &'a mut dyn Place,
    pub(super) compiler: &'a Compiler,
    pub(super) arch: &'a Arch,
}

/// Compares both sides on every template, or on those of `only`.
pub(super) fn differential(
    lab: &mut Lab,
    sides: &mut Sides<'_>,
    only: &[String],
    deadline: Deadline,
    seed: u64,
    tell: Tell<'_>,
) -> Result<Vec<Case>, HarnessError> {
    let mut left: Vec<String> = lab
        .templates
        .iter()
        .map(|template| template.name.clone())
        .filter(|name| only.is_empty() || only.contains(name))
        .collect();
    let mut cases = BTreeMap::new();
    for task in lab.task_names()? {
        if left.is_empty() || deadline.has_passed() {
            break;
        }
        lab.bench(&task, false)?;
        let Some(bench) = lab.bench.as_mut() else {
            continue;
        };
        let graph = bench.task.graph()?;
        let fitting = template::fitting(&lab.templates, graph);
        let fitting: Vec<&Template> = fitting
            .into_iter()
            .filter(|template| left.contains(&template.name))
            .collect();
        for template in fitting {
            if deadline.has_passed() {
                break;
            }
            left.retain(|name| *name != template.name);
            let tried = Tried::begin();
            let compared = one(&mut bench.task, template, sides, seed);
            let case = tried.end(
                &template.name,
                compared.map(|what| format!("on `{task}`: {what}")),
            );
            tell(&case.line());
            cases.insert(template.name.clone(), case);
        }
    }
    for name in left {
        let case = if deadline.has_passed() {
            Case::too_late(&name)
        } else {
            Case::skipped(&name, "it fits no task")
        };
        cases.insert(name, case);
    }
    Ok(cases.into_values().collect())
}

/// One template on one task; the error is what is wrong.
fn one(
    task: &mut LoadedTask,
    template: &Template,
    sides: &mut Sides<'_>,
    seed: u64,
) -> Result<String, String> {
    let graph = task.graph().map_err(|error| chain(&error))?;
    let binding = template::matches(template, graph).ok_or("it fits no more")?;
    let instance = template::instantiate(template, &binding, &Map::new());
    let instance = instance.map_err(|error| chain(&error))?;
    let plan = parse(&instance.plan_toml, Target::Cuda)
        .and_then(|plan| bind(&plan, &task.signature, None, TEMPS))
        .map_err(|error| error.to_string())?;
    let code = compiled(sides.compiler, &instance.source_cpp, sides.arch);
    let code = code.map_err(|error| chain(&error))??;
    let draw = Draw {
        seed,
        call: 1,
        special: None,
    };
    task.fill(0, draw).map_err(|error| chain(&error))?;
    let want = outputs(sides.simulator, task, &plan, &code)
        .map_err(|why| format!("on the simulator: {why}"))?;
    let got =
        outputs(sides.other, task, &plan, &code).map_err(|why| format!("on the device: {why}"))?;
    let mut worst = Difference::None;
    for (number, meta) in task.signature.outputs.iter().enumerate() {
        match difference(number, meta, &got[number], &want[number]) {
            Difference::Apart(what) => return Err(what),
            Difference::Within(share) => {
                worst = match worst {
                    Difference::Within(before) => Difference::Within(before.max(share)),
                    _ => Difference::Within(share),
                }
            }
            Difference::None => {}
        }
    }
    Ok(match worst {
        Difference::Within(share) => format!("other bits, {share:.2} of the tolerance"),
        _ => "the same bits".to_owned(),
    })
}

/// Runs a plan on a device; its outputs, or what is wrong.
fn outputs(
    place: &mut dyn Place,
    task: &LoadedTask,
    plan: &BoundPlan,
    code: &Built,
) -> Result<Vec<Vec<u8>>, String> {
    let told = |error: HarnessError| chain(&error);
    let mut contents = Vec::new();
    for (index, buffer) in plan.buffers.iter().enumerate() {
        if let Role::Param(key) = &buffer.role
            && let Some(param) = task.param_index(key)
        {
            let bytes = torch_bridge::bytes(&task.params[param]);
            let bytes = bytes.map_err(|fault| format!("reading parameter `{key}`: {fault}"))?;
            contents.push((index, bytes));
        }
    }
    let loaded = place.load(plan, code, &contents, 1).map_err(told)?;
    let mut session = loaded.map_err(|ended| words(&ended))?;
    for (index, buffer) in plan.buffers.iter().enumerate() {
        if let Role::In(input) = buffer.role {
            let bytes = task.input_bytes(0, input).map_err(told)?;
            session.write(index, 0, bytes).map_err(told)?;
        }
    }
    let prepares = !plan.prepare.is_empty();
    let calls = prepares.then_some(Call::Prepare);
    for call in calls.into_iter().chain([Call::Plan { slot: 0 }]) {
        if let Run::Ended(ended) = session.run(call, LIMIT).map_err(told)? {
            return Err(words(&ended));
        }
    }
    let outputs = 0..task.signature.outputs.len();
    outputs
        .map(|output| {
            let buffer = plan.find(&Role::Out(output));
            let buffer = buffer.ok_or_else(|| format!("the plan has no output {output}"))?;
            let mut bytes = vec![0; plan.buffers[buffer].bytes as usize];
            session.read(buffer, 0, &mut bytes).map_err(told)?;
            Ok(bytes)
        })
        .collect()
}

/// What one output differs by; `want` is the simulator's.
fn difference(output: usize, meta: &BufferMeta, got: &[u8], want: &[u8]) -> Difference {
    if got == want {
        return Difference::None;
    }
    let site = Site { output, call: 1 };
    let truth: Option<Vec<f64>> = match meta.dtype {
        Dtype::F32 => Some(
            want.as_chunks::<4>()
                .0
                .iter()
                .map(|four| f64::from(f32::from_le_bytes(*four)))
                .collect(),
        ),
        Dtype::F64 => Some(
            want.as_chunks::<8>()
                .0
                .iter()
                .map(|eight| f64::from_le_bytes(*eight))
                .collect(),
        ),
        _ => None,
    };
    let expected = match &truth {
        Some(truth) => Expected::Float { truth, eager: want },
        None => Expected::Exact(want),
    };
    let outcome = compare(site, got, meta.dtype, expected, &meta.shape);
    if outcome.ok {
        return Difference::Within(outcome.max_ratio_of_tolerance);
    }
    let findings: Vec<String> = outcome.findings.iter().map(ToString::to_string).collect();
    Difference::Apart(findings.join("; "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn meta(dtype: Dtype) -> BufferMeta {
        BufferMeta {
            dtype,
            shape: vec![64],
        }
    }

    fn floats(change: impl Fn(usize) -> f32) -> Vec<u8> {
        let values = (0..64).map(|index| 1.0 + index as f32 + change(index));
        values.flat_map(f32::to_le_bytes).collect()
    }

    #[test]
    fn the_same_bits_are_no_difference() {
        let values = floats(|_| 0.0);
        let found = difference(0, &meta(Dtype::F32), &values, &values);
        assert_eq!(found, Difference::None);
    }

    #[test]
    fn a_last_bit_is_within_the_tolerance() {
        let want = floats(|_| 0.0);
        let got = floats(|index| if index == 7 { 1e-6 } else { 0.0 });
        let found = difference(0, &meta(Dtype::F32), &got, &want);
        assert!(
            matches!(found, Difference::Within(share) if share > 0.0 && share < 1.0),
            "{found:?}"
        );
    }

    #[test]
    fn a_changed_output_is_found_and_told() {
        let want = floats(|_| 0.0);
        let got = floats(|index| if index == 7 { 0.5 } else { 0.0 });
        let found = difference(0, &meta(Dtype::F32), &got, &want);
        let Difference::Apart(what) = found else {
            panic!("{found:?}")
        };
        assert!(what.contains("8.5"), "{what}");
    }

    #[test]
    fn integers_must_be_the_same() {
        let want: Vec<u8> = (0..64_i32).flat_map(i32::to_le_bytes).collect();
        let mut got = want.clone();
        got[4] = 2;
        let found = difference(0, &meta(Dtype::I32), &got, &want);
        assert!(matches!(found, Difference::Apart(_)), "{found:?}");
    }
}
