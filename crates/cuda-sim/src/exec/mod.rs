//! Execution of warps.

mod access;
mod atomic;
mod barrier;
mod block;
mod call;
mod check;
pub(crate) mod kernel;
mod lane;
pub(crate) mod launch;
mod print;
mod rare;
pub(crate) mod rows;
mod shared;
pub(crate) mod step;
mod system;
mod together;
mod trace;
mod warp;
