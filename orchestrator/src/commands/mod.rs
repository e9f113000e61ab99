//! What `alphalab` does, one file per family of commands. Commands take
//! resolved values and know nothing of the command line.

mod audit;
mod doctor;
mod failure;
mod origin;
mod places;
mod resolve;
mod run;
mod show;
mod steer;
mod stop;
mod table;

pub use audit::{AuditOptions, Audited, audit};
pub use doctor::doctor;
pub use failure::{Failure, exit};
pub use places::Places;
pub use run::{RunOptions, resume, run};
pub use show::{leaderboard, report, status};
pub use steer::steer;
pub use stop::stop;
