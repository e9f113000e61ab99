//! Running experiments: the local executor and its lab workers.

mod lab;
mod local;

pub use lab::{LabFailure, LabProgram, LabWorker};
pub use local::{
    AuditOutcome, Done, Job, LabError, Local, Request, Told, WriteFilesError, write_files,
};
