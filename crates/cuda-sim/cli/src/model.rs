//! What `--counters` adds: what warps asked of memory, how many blocks a GPU
//! has at once, and a modelled cost, which is no time.

use std::fmt::Write as _;

use cuda_sim::Counters;
use cuda_sim::model::{Needs, Preset, modelled_cost};
use serde::Serialize;
use serde_json::{Map, Value};

use crate::launch::Launched;

/// `model` of a report.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Model {
    device: &'static str,
    counters: Map<String, Value>,
    occupancy: Occupancy,
    /// Null where a finding ended the launch, or not one block fits.
    modelled_cost: Option<Cost>,
    /// Why there is none.
    problem: Option<String>,
}

#[derive(Clone, Debug, Serialize)]
struct Occupancy {
    /// Of each thread, as the assembler says; 0 if unknown, as of PTX.
    registers: u32,
    /// On one processor at once.
    blocks: u32,
    warps: u32,
    /// Of the warps that there is room for.
    share: f64,
}

#[derive(Clone, Debug, Serialize)]
struct Cost {
    modelled_microseconds: f64,
    modelled_microseconds_at_least: f64,
    limited_by: String,
    #[serde(skip)]
    text: String,
}

impl Model {
    /// `None` if the launch was not counted.
    pub(crate) fn of(launched: &Launched, preset: &Preset) -> Option<Self> {
        let counters = launched.outcome.counters.as_ref()?;
        let product = |sizes: [u32; 3]| -> u64 { sizes.map(u64::from).iter().product() };
        let needs = Needs {
            threads: product(launched.shape.block) as u32,
            registers: launched.registers,
            shared_bytes: launched.shared_bytes,
        };
        let occupancy = preset.processor.occupancy(needs);
        let blocks = product(launched.shape.grid);
        let cost = modelled_cost(preset, &occupancy, blocks, &launched.outcome);
        Some(Self {
            device: preset.name,
            counters: rows(counters),
            occupancy: Occupancy {
                registers: needs.registers,
                blocks: occupancy.blocks(),
                warps: occupancy.warps(),
                share: occupancy.share(),
            },
            problem: cost.as_ref().err().map(ToString::to_string),
            modelled_cost: cost.ok().map(|cost| Cost {
                modelled_microseconds: cost.modelled_microseconds(),
                modelled_microseconds_at_least: cost.modelled_microseconds_at_least(),
                limited_by: cost.limited_by().to_string(),
                text: cost.to_string(),
            }),
        })
    }

    /// A line for each counter that is not 0.
    pub(crate) fn text(&self) -> String {
        let mut text = String::new();
        for (name, count) in &self.counters {
            if *count != 0 {
                // A JSON value has no width.
                let _ = writeln!(text, "  {name:<28} {:>12}", count.to_string());
            }
        }
        let Occupancy {
            registers,
            blocks,
            warps,
            share,
        } = self.occupancy;
        let unknown = match registers {
            0 => "; registers unknown".to_owned(),
            some => format!("; {some} registers"),
        };
        let device = self.device;
        let share = share * 100.0;
        let _ = writeln!(
            text,
            "  {device}: {blocks} blocks on a processor, {warps} warps ({share:.0}%){unknown}"
        );
        let cost = self.modelled_cost.as_ref().map(|cost| cost.text.as_str());
        let cost = cost.or(self.problem.as_deref()).unwrap_or_default();
        let _ = writeln!(text, "  {device}: {cost}");
        text
    }
}

fn rows(counters: &Counters) -> Map<String, Value> {
    let mut rows = Map::new();
    let mut row = |name: &str, count: u64| {
        rows.insert(name.to_owned(), count.into());
    };
    row("warp_instructions", counters.warp_instructions);
    for (name, traffic) in [
        ("global_loads", counters.loads),
        ("global_stores", counters.stores),
        ("global_atomics", counters.atomics),
    ] {
        row(name, traffic.instructions);
        row(&format!("{name}_bytes"), traffic.bytes);
        row(&format!("{name}_sectors"), traffic.sectors);
    }
    for (name, traffic) in [
        ("shared_loads", counters.shared_loads),
        ("shared_stores", counters.shared_stores),
        ("shared_atomics", counters.shared_atomics),
    ] {
        row(name, traffic.instructions);
        row(&format!("{name}_bytes"), traffic.bytes);
        row(&format!("{name}_wavefronts"), traffic.wavefronts);
        row(&format!("{name}_conflicts"), traffic.conflicts);
    }
    row("local_read_bytes", counters.local_read_bytes);
    row("local_written_bytes", counters.local_written_bytes);
    row("branches", counters.branches);
    row("divergent_branches", counters.divergent_branches);
    row("barriers", counters.barriers);
    row("atomic_rounds", counters.atomic_rounds);
    row(
        "most_lanes_at_one_address",
        counters.most_lanes_at_one_address.into(),
    );
    row("read_footprint", counters.read_footprint);
    row("written_footprint", counters.written_footprint);
    row("touched_footprint", counters.touched_footprint);
    rows
}
