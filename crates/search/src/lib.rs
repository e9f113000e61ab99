//! Where to look next in a search space, given what was seen.
//!
//! Bayesian optimisation for few, noisy evaluations: a Gaussian process over
//! real, integer, categorical and conditional parameters, and the expected
//! improvement over it (Jones, Schonlau and Welch, 1998). [`propose`] is a pure
//! function of the space, the history and a seed. docs/search.md says how well
//! it does.

#![forbid(unsafe_code)]

mod acquisition;
mod gp;
mod halton;
mod kernel;
mod linalg;
mod minimise;
mod model;
mod pool;
mod propose;
mod space;
mod warp;

pub use model::smoothed;
pub use propose::{Observation, escape, propose};
pub use space::{Condition, Kind, Param, Point, Space, SpaceError, Value};
