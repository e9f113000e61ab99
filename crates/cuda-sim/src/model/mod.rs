//! What a GPU would make of a kernel, as far as arithmetic can tell: how many
//! of its blocks fit on a processor, and a modelled cost.
//!
//! No number here was ever compared with hardware.

mod cost;
mod occupancy;
mod presets;

pub use cost::{CostError, Limit, ModelledCost, Term, modelled_cost, modelled_roofline};
pub use occupancy::{Needs, Occupancy, Processor, Resource};
pub use presets::{A100, B200, H100, Preset};
