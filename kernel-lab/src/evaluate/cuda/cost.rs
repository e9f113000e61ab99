//! What kernels take of a GPU, and what a model makes of what was counted.
//!
//! No number from here is a time. A [`ModelledCost`] can't be divided by another one; here
//! the costs of a call's launches are added up, and that sum is the only metric.

use std::collections::{BTreeMap, BTreeSet};

use cuda_sim::Outcome;
use cuda_sim::model::{
    ModelledCost, Needs, Occupancy, Preset, Resource, modelled_cost, modelled_roofline,
};
use kernel_nvrtc::{Arch, Built, Resources};
use protocol::Metric;
use serde_json::{Value, json};

use crate::device::cuda::{Launched, Node};
use crate::plan::{BoundLaunch, BoundPlan, BoundStep};

/// The only metric of a simulated device.
pub(crate) const MODELLED_COST: &str = "modelled_cost";
/// Its unit.
pub(crate) const MODELLED_UNIT: &str = "modelled_us";

/// What is known of a candidate without running it.
pub(super) struct Figures<'a> {
    /// The GPU whose figures stand for all that run such code; `None` if there are none.
    preset: Option<Preset>,
    plan: &'a BoundPlan,
    built: &'a Built,
}

/// What a report gets.
pub(super) struct Cost {
    pub(super) metrics: BTreeMap<String, Metric>,
    pub(super) diagnostics: BTreeMap<String, Value>,
}

impl<'a> Figures<'a> {
    pub(super) fn new(arch: &Arch, plan: &'a BoundPlan, built: &'a Built) -> Self {
        Self {
            preset: Preset::of_arch(arch.name()),
            plan,
            built,
        }
    }

    /// What the assembler says about each kernel, and how many blocks of each launch a
    /// processor has room for.
    pub(super) fn resources(&self) -> BTreeMap<String, Value> {
        let kernels: BTreeMap<&str, &Resources> = self
            .plan
            .kernels
            .iter()
            .filter_map(|kernel| {
                let resources = self.built.resources.get(&kernel.symbol)?;
                Some((kernel.symbol.as_str(), resources))
            })
            .collect();
        let launches: Vec<Value> = self.launches().collect();
        BTreeMap::from([
            ("kernels".to_owned(), json!(kernels)),
            ("occupancy".to_owned(), json!(launches)),
        ])
    }

    /// Each different launch with its occupancy.
    fn launches(&self) -> impl Iterator<Item = Value> {
        let mut seen = BTreeSet::new();
        let steps = self.plan.prepare.iter().chain(&self.plan.steps);
        steps.filter_map(move |step| {
            let BoundStep::Kernel {
                kernel,
                launch: Some(launch),
                ..
            } = step
            else {
                return None;
            };
            let BoundLaunch {
                block,
                shared_bytes,
                ..
            } = *launch;
            if !seen.insert((*kernel, block, shared_bytes)) {
                return None;
            }
            let name = &self.plan.kernels[*kernel].symbol;
            let occupancy = self.occupancy(name, block, shared_bytes)?;
            let limits: Vec<&str> = occupancy.limited_by().into_iter().map(word).collect();
            Some(json!({
                "kernel": name,
                "block": block,
                "shared_bytes": shared_bytes,
                "blocks": occupancy.blocks(),
                "warps": occupancy.warps(),
                "share": occupancy.share(),
                "limited_by": limits,
            }))
        })
    }

    /// Of a kernel's launch; `None` if nothing is known of the GPU.
    fn occupancy(&self, kernel: &str, block: [u32; 3], dynamic: u32) -> Option<Occupancy> {
        let resources = self
            .built
            .resources
            .get(kernel)
            .copied()
            .unwrap_or_default();
        Some(self.preset.as_ref()?.processor.occupancy(Needs {
            threads: block.iter().product(),
            registers: resources.registers,
            shared_bytes: resources.shared_bytes.saturating_add(dynamic),
        }))
    }

    /// The modelled cost of a call, and of the `prepare` steps.
    pub(super) fn cost(&self, prepared: &[Launched], called: &[Launched]) -> Cost {
        let mut diagnostics = BTreeMap::from([
            // There is nothing that a modelled cost could be held against.
            ("baseline".to_owned(), Value::Null),
            (
                "launches".to_owned(),
                called.iter().map(|launched| self.row(launched)).collect(),
            ),
        ]);
        if !prepared.is_empty() {
            let rows = prepared.iter().map(|launched| self.row(launched)).collect();
            diagnostics.insert("prepare_launches".to_owned(), rows);
        }
        let nodes = Node::among(self.plan, &self.plan.steps);
        if !nodes.is_empty() {
            let rows = nodes.iter().map(|node| self.node_row(node)).collect();
            diagnostics.insert("library".to_owned(), rows);
        }
        let launches = called.iter().map(|launched| self.modelled(launched));
        let nodes = nodes.iter().map(|node| self.modelled_node(node));
        let costs: Option<Vec<f64>> = launches
            .chain(nodes)
            .map(|cost| Some(cost?.modelled_microseconds()))
            .collect();
        let metric = costs.filter(|costs| !costs.is_empty()).map(|costs| Metric {
            value: costs.iter().sum(),
            unit: MODELLED_UNIT.to_owned(),
            ci: None,
            n: 1,
        });
        Cost {
            metrics: metric
                .map(|metric| (MODELLED_COST.to_owned(), metric))
                .into_iter()
                .collect(),
            diagnostics,
        }
    }

    fn modelled(&self, launched: &Launched) -> Option<ModelledCost> {
        let occupancy =
            self.occupancy(&launched.kernel, launched.block, launched.dynamic_shared)?;
        let outcome = Outcome {
            counts: launched.counts,
            counters: Some(launched.counters),
            ..Outcome::default()
        };
        let blocks = launched.grid.iter().map(|size| u64::from(*size)).product();
        modelled_cost(self.preset.as_ref()?, &occupancy, blocks, &outcome).ok()
    }

    /// A library's kernels are not seen: what bounds them stands for them.
    fn modelled_node(&self, node: &Node) -> Option<ModelledCost> {
        Some(modelled_roofline(
            self.preset.as_ref()?,
            node.bytes(),
            node.flops(),
        ))
    }

    fn node_row(&self, node: &Node) -> Value {
        let cost = self.modelled_node(node);
        json!({
            "op": node.name(),
            "bytes": node.bytes(),
            "flops": node.flops(),
            "modelled_us": cost.map(|cost| cost.modelled_microseconds()),
            "limited_by": cost.map(|cost| cost.limited_by().to_string()),
        })
    }

    fn row(&self, launched: &Launched) -> Value {
        let cost = self.modelled(launched);
        json!({
            "kernel": launched.kernel,
            "grid": launched.grid,
            "block": launched.block,
            "dynamic_shared_bytes": launched.dynamic_shared,
            "modelled_us": cost.map(|cost| cost.modelled_microseconds()),
            "modelled_us_at_least": cost.map(|cost| cost.modelled_microseconds_at_least()),
            "limited_by": cost.map(|cost| cost.limited_by().to_string()),
            "flops": launched.counts.flops,
            "counters": launched.counters,
        })
    }
}

fn word(resource: Resource) -> &'static str {
    match resource {
        Resource::Warps => "threads",
        Resource::Blocks => "blocks",
        Resource::Registers => "registers",
        Resource::SharedMemory => "shared memory",
    }
}
