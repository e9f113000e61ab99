//! Execution of warps.

mod access;
mod atomic;
mod barrier;
mod block;
mod call;
mod check;
mod clock;
pub(crate) mod counters;
mod footprint;
pub(crate) mod kernel;
mod lane;
pub(crate) mod launch;
mod plain;
mod print;
mod published;
mod rare;
mod resident;
pub(crate) mod roles;
pub(crate) mod rows;
mod shared;
mod stack;
pub(crate) mod step;
pub(crate) mod survey;
mod system;
mod together;
pub(crate) mod trace;
mod warp;
