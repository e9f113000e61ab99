//! The lab contract: what an orchestrator and a lab say to each other.
//!
//! A lab is a binary that measures experiments of one kind. It is driven in
//! two ways with the same types: as a detached one-shot job on an experiment
//! directory, and as a long-lived worker (`serve`) that reads [`Request`]s
//! and writes [`Reply`]s as JSON lines on stdio. The JSON Schemas of both are
//! checked in under `schema/` and kept fresh by a test.
//!
//! This crate holds data and no behaviour: it spawns nothing, reads no clock
//! and no file. [`conformance`] drives any lab's worker through the contract
//! over plain `Read`/`Write` ends that the caller supplies.
#![forbid(unsafe_code)]

pub mod conformance;
mod experiment;
mod hash;
mod lab;
mod report;
mod serve;
mod space;

pub use experiment::{Candidate, Experiment, Split};
pub use hash::ContentHash;
pub use lab::{
    Description, Device, Inspection, MetricSpec, Need, ParamCondition, ParamKind, ParamSpec, Space,
};
pub use report::{
    Artifact, Check, Direction, Durations, Environment, Interval, Metric, Report, Verdict,
};
pub use serve::{Hello, LabError, Operation, Progress, Reply, ReplyBody, Request, Retry};
pub use space::SpaceProblem;

/// Version of every document in this crate (`schema` fields and [`Hello`]).
///
/// A reader refuses a newer one. Adding an optional field keeps the number;
/// renaming or re-reading one raises it.
pub const PROTOCOL_VERSION: u32 = 1;
