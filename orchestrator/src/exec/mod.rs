//! Running experiments: the local executor and its lab workers.

mod device;
mod lab;
mod local;
mod room;
mod seat;

pub use device::{NoDevice, describe, modelled, usable};
pub use lab::{LabFailure, LabProgram, LabWorker};
pub use local::{
    AuditOutcome, Done, EXPERIMENT, Job, LabError, Local, Request, TRIES, Told, WriteFilesError,
    attempt_folder, clear_attempt, experiment_json, report_path, write_files,
};
pub use room::Room;

/// The signal that nothing but an outsider sends, or the kernel when memory
/// has run out.
pub(crate) const SIGKILL: i32 = 9;
