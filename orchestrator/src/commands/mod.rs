//! What `alphalab` does, one file per family of commands. Commands take
//! resolved values and know nothing of the command line.

mod audit;
mod compare;
mod device;
mod doctor;
mod experiment;
mod export;
mod failure;
mod fork;
mod models;
mod origin;
mod places;
mod playbook;
mod replay;
mod resolve;
mod run;
mod serve;
mod show;
mod steer;
mod stop;
mod table;
mod verify;

pub use audit::{AuditOptions, Audited, audit};
pub use compare::{Comparison, compare};
pub use doctor::doctor;
pub use experiment::experiment;
pub use export::{ExportOptions, export};
pub use failure::{Failure, exit};
pub use fork::fork;
pub use models::by_model;
pub use places::Places;
pub use playbook::playbook;
pub use replay::replay;
pub use run::{RunOptions, resume, run};
pub use serve::serve;
pub use show::{leaderboard, report, status};
pub use steer::steer;
pub use stop::stop;
pub use verify::verify;
