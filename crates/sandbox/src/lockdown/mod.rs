//! What a program does to itself before it executes hostile code in its own
//! process.
//!
//! The order matters:
//!
//! 1. start all threads; in each, [`use_alternate_stack`];
//! 2. [`install_fault_handlers`], so that the parent learns what happened;
//! 3. [`install`], the system-call filter for all threads;
//! 4. load the hostile code.
//!
//! After step 3 no thread or process can be started, nothing can be opened for
//! writing, signalled, timed or connected. A refused call raises `SIGSYS`,
//! which the handler records by number and ends the process. Hostile code may
//! replace the handlers, but gains nothing: the filter stays.

mod fault;
mod filter;
mod names;

pub use fault::{Fault, FaultError, FaultRecord, install_fault_handlers, use_alternate_stack};
pub use filter::{LockdownLimits, install};
pub use names::{signal_name, syscall_name, syscall_purpose};
