//! The kernel lab: correctness and speed of kernels against PyTorch tasks.
//!
//! Everything that decides is pure and lives in modules without processes,
//! clocks or Python: [`plan`] (what a candidate asks to be run), [`judge`]
//! (whether its answers are right), [`inputs`] (fresh values nobody can
//! predict) and [`template`] (kernels with parameters). Around them:
//! [`task`] (what is to be computed), [`admit`] (whether that is worth
//! computing), [`compile`], [`device`] (where
//! candidates run), [`timing`] (who runs when), [`baseline`] (what there is
//! to beat), [`evaluate`], where a score is made, [`redteam`], which tries to
//! get a wrong one, [`acceptance`], which tries all of it on a GPU,
//! [`bundle`], with which others can check a score, and
//! [`export`], with which they can use what was found.

pub mod acceptance;
pub mod admit;
pub mod baseline;
pub mod bundle;
pub mod cache;
pub mod checked;
pub mod cli;
pub mod compile;
pub mod cuda;
mod describe;
pub mod device;
pub mod error;
pub mod evaluate;
pub mod export;
pub mod inputs;
pub mod judge;
mod needs;
pub mod nulltest;
mod pages;
pub mod paths;
pub mod plan;
pub mod redteam;
pub mod serve;
pub mod show;
mod sizes;
pub mod startup;
pub mod suite;
pub mod task;
pub mod template;
pub mod timing;
