//! The checks, one file per family. None reads the code of an evaluation.

pub mod canary;
mod formula;
pub mod predictors;
pub mod score;
mod skill;
pub mod split;
pub mod structure;
