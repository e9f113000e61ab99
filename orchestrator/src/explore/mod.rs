//! Exploring a dataset: the agents' Python, the profile that its scripts make
//! of any data, the typed view of what they wrote, and plans with check-boxes.
//!
//! The scripts are part of this binary (`orchestrator/python`), so that a
//! campaign's `scripts/` folder has them whatever it was started from.

mod documents;
mod error;
mod facts;
mod plan;
mod profile;
mod python;
mod scripts;

pub use documents::{
    Baseline, ClassShare, Column, ColumnStatistics, Correlation, Correlations, Drift, Duplicates,
    Finding, Findings, Guess, GuessedMetric, KernelTask, Kernels, Layout, MetricSource, Naive,
    Picture, Role, Sample, Schema, Season, Series, Severity, SingleFeature, Source, Stationarity,
    StationarityVerdict, Statistics, Target, TaskKind, Texts, Time,
};
pub use error::{DataProblem, ExploreError};
pub use facts::{facts, outside};
pub use plan::{Item, Plan, PlanError};
pub use profile::{Profile, ProfileLimits, ProfileRequest, Used, profile};
pub use python::{AgentsPython, packages, pins};
pub use scripts::{PROFILE, write_scripts};
