//! The runner: the process in which a candidate executes.
//!
//! It starts its pinned threads, maps its memory, locks itself down and only
//! then loads the candidate; from that moment everything it says is a claim.
//! It knows plans, buffers and threads; it has no Python, no reference, no
//! clock that counts. The trusted host writes inputs into its memory and
//! reads outputs out of it while it is frozen.
//!
//! [`wire`] is what both sides share; the rest is the runner's own.

pub mod arena;
pub mod exec;
pub mod exercise;
pub mod node;
pub mod pool;
pub mod serve;
pub mod wire;
