//! What the lab says about itself and about its tasks.

use std::collections::BTreeMap;

use protocol::{
    Description, Device, Direction, Inspection, MetricSpec, PROTOCOL_VERSION, ParamKind, ParamSpec,
    Space,
};
use serde_json::json;

use crate::admit::manifest;
use crate::device::Device as _;
use crate::error::HarnessError;
use crate::evaluate::{Lab, MODELLED_COST, MODELLED_UNIT};
use crate::needs;
use crate::paths::Surroundings;
use crate::plan::Target;
use crate::template;

/// JSON Schema of an experiment directory's candidate for this lab.
const EXPERIMENT_SCHEMA: &str = include_str!("../schema/candidate.json");
/// What CUDA is to a lab for processors, and to one for CUDA where there is no GPU.
const NOT_ASKED_FOR: &str = "not asked for: start the lab with `--device cuda`";
const ON_A_GPU: &str = "a GPU, which nothing of this has met before (docs/cuda.md)";
const SIMULATED: &str = "simulated by cuda-sim: no times, no speedups";

impl Lab {
    /// Answers `describe`.
    pub fn describe(&self) -> Result<Description, HarnessError> {
        let cuda = self.cuda_device()?;
        let metric = |name: &str, unit: &str, direction| MetricSpec {
            name: name.to_owned(),
            unit: unit.to_owned(),
            direction,
        };
        let experiment_schema = if self.is_cuda() {
            let (cpp, cuda) = (Target::Cpu.kernel_file(), Target::Cuda.kernel_file());
            EXPERIMENT_SCHEMA.replace(cpp, cuda)
        } else {
            EXPERIMENT_SCHEMA.to_owned()
        };
        Ok(Description {
            schema: PROTOCOL_VERSION,
            lab: "kernel-lab".to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            experiment_schema: serde_json::from_str(&experiment_schema).map_err(|error| {
                HarnessError::Experiment {
                    dir: "schema/candidate.json".into(),
                    problem: format!("the built-in schema is no JSON: {error}"),
                }
            })?,
            metrics: vec![
                metric("speedup", "ratio", Some(Direction::Maximise)),
                metric("speedup_consumed", "ratio", Some(Direction::Maximise)),
                metric("candidate_ms", "ms", Some(Direction::Minimise)),
                metric("eager_ms", "ms", None),
                metric("compile_ms", "ms", None),
                metric("compile_time_ms", "ms", None),
                metric("prepare_ms", "ms", Some(Direction::Minimise)),
                metric(MODELLED_COST, MODELLED_UNIT, Some(Direction::Minimise)),
            ],
            devices: vec![
                Device {
                    name: "cpu".to_owned(),
                    detail: self.device.facts().get("cpu").cloned().unwrap_or_default(),
                    available: !self.is_cuda(),
                    modelled: None,
                    needs: Vec::new(),
                },
                cuda,
            ],
            tasks: self.tasks.names()?,
        })
    }

    /// What there is of CUDA. Only a lab that was started for it can use it.
    fn cuda_device(&self) -> Result<Device, HarnessError> {
        let variable = |name: &str| std::env::var_os(name);
        let runners = Surroundings::read(variable)
            .resolve(None, None, Vec::new())?
            .runners;
        let needs = needs::of_cuda(&runners, &variable);
        let found = |name: &str| needs.iter().any(|need| need.name == name && need.found);
        let (detail, available) = if self.is_simulated() {
            (SIMULATED, found("simulator"))
        } else if self.has_gpu() {
            (ON_A_GPU, found("gpu") && found("driver"))
        } else {
            (NOT_ASKED_FOR, false)
        };
        Ok(Device {
            name: "cuda".to_owned(),
            available,
            modelled: self.is_simulated().then(|| MODELLED_COST.to_owned()),
            detail: detail.to_owned(),
            needs,
        })
    }

    /// Answers `inspect`: facts about a task, and the templates that fit it.
    pub fn inspect(&mut self, task: &str) -> Result<Inspection, HarnessError> {
        self.bench(task, false)?;
        let Some(bench) = &self.bench else {
            return Err(HarnessError::Task {
                task: task.to_owned(),
                problem: "it could not be loaded".to_owned(),
            });
        };
        let loaded = &bench.task;
        let published = manifest::published(&loaded.source)?;
        let graph = loaded.graph()?;
        let spaces = template::fitting(&self.templates, graph)
            .into_iter()
            .map(|template| Space {
                template: template.name.clone(),
                summary: template.summary.clone(),
                params: template::space(template).iter().map(wire_param).collect(),
            })
            .collect();
        let (in_bytes, out_bytes) = loaded.traffic_bytes();
        let metas = |metas: &[crate::plan::BufferMeta]| {
            json!(
                metas
                    .iter()
                    .map(|meta| json!({"dtype": meta.dtype.name(), "shape": meta.shape}))
                    .collect::<Vec<_>>()
            )
        };
        let params: BTreeMap<&str, _> = loaded
            .signature
            .params
            .iter()
            .map(|(key, meta)| {
                let fact = json!({"dtype": meta.dtype.name(), "shape": meta.shape});
                (key.as_str(), fact)
            })
            .collect();
        let constants: BTreeMap<&str, i64> = loaded
            .constants
            .iter()
            .map(|(name, value)| (name.as_str(), *value))
            .collect();
        let facts = BTreeMap::from([
            ("path".to_owned(), json!(loaded.source.path)),
            ("hash".to_owned(), json!(loaded.hash)),
            ("quality".to_owned(), json!(published.word())),
            ("quality_reasons".to_owned(), json!(published.reasons())),
            ("size".to_owned(), json!(loaded.size)),
            ("constants".to_owned(), json!(constants)),
            ("inputs".to_owned(), metas(&loaded.signature.inputs)),
            ("outputs".to_owned(), metas(&loaded.signature.outputs)),
            ("params".to_owned(), json!(params)),
            ("in_bytes".to_owned(), json!(in_bytes)),
            ("out_bytes".to_owned(), json!(out_bytes)),
            ("graph".to_owned(), json!(graph)),
            ("input_families".to_owned(), json!(loaded.families)),
            ("truth_fallback".to_owned(), json!(loaded.truth_fallback)),
            ("eager_ms_rough".to_owned(), json!(bench.eager_ns / 1e6)),
            ("parts".to_owned(), json!(self.device.parts())),
        ]);
        Ok(Inspection {
            schema: PROTOCOL_VERSION,
            task: loaded.source.name.clone(),
            facts,
            spaces,
        })
    }
}

/// A template's parameter as the contract has it.
fn wire_param(param: &template::ParamSpec) -> ParamSpec {
    let (kind, default) = match &param.kind {
        template::ParamKind::Choice { values, default } => (
            ParamKind::Choice {
                values: values.iter().map(|value| json!(value)).collect(),
            },
            json!(default),
        ),
        template::ParamKind::Bool { default } => (ParamKind::Bool, json!(default)),
        template::ParamKind::Int {
            low,
            high,
            step,
            log,
            default,
        } => (
            ParamKind::Int {
                low: *low,
                high: *high,
                step: *step,
                log: *log,
            },
            json!(default),
        ),
    };
    ParamSpec {
        name: param.name.clone(),
        kind,
        default,
        condition: None,
    }
}
