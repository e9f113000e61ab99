//! The checks, one file per family. None reads the code of an evaluation.

pub mod canary;
pub mod formula;
mod order;
pub mod places;
pub mod predictors;
pub mod score;
pub mod split;
pub mod structure;
