//! Spawning, confining, freezing and killing processes: the only place in the
//! workspace that starts any.
//!
//! A [`Policy`] (what the program may see) and [`Limits`] (what it may use) go
//! into a [`Command`]; out comes a [`Child`], or, with [`Command::run`], a
//! [`Finished`] run. Everything is synchronous: an asynchronous caller wraps a
//! call in its blocking pool.
//!
//! # What is guaranteed, by backend
//!
//! | | [`Backend::Bubblewrap`] | [`Backend::Landlock`] | [`Backend::None`] |
//! |---|---|---|---|
//! | environment | exactly `Policy::env` | same | same |
//! | other files | absent | cannot be opened | visible |
//! | network | own empty namespace | own namespace where permitted; TCP by Landlock and sockets by seccomp always | open |
//! | other processes | invisible | no signals (Landlock ABI 6), no tracing | visible |
//! | orphans after [`Child::kill_tree`] | die (PID namespace) | die with a PID namespace; otherwise found by ancestry, session and an environment marker | found by the same three |
//! | orphans after `kill -9` of the spawner | die (PID namespace) | die with a PID namespace; otherwise only the program itself | only the program itself |
//!
//! Commands that agents write run under [`Policy::agent`], which adds to this:
//! memory, processor time and disk of the whole tree are watched, no namespace
//! can be made inside, and the orphans of a tree without a PID namespace come
//! to this process and are killed. `docs/sandbox.md` says what holds and what
//! does not; the example `escapes` tries it.
//!
//! Whether Landlock has the PID namespace is in [`Doctor::pid_namespace`].
//!
//! The kernel's parent-death signal fires when the spawning *thread* ends, so
//! all children are spawned from one thread that lives as long as the process.
//!
//! A program that is about to load hostile code into itself adds
//! [`lockdown`], from the inside.

mod adopt;
mod agent;
mod backend;
mod bubblewrap;
mod capture;
mod child;
mod command;
mod family;
mod freeze;
pub mod fs;
mod landlock_rules;
mod launch;
pub mod lockdown;
mod memory;
mod outcome;
mod paths;
mod policy;
mod process;
mod seal;
mod seccomp;
mod spawn;
mod spawn_error;
mod stages;
mod tree;
mod walk;

pub use agent::AgentPlaces;
pub use backend::{Backend, BackendChoice, BackendError, Doctor, doctor};
pub use capture::Captured;
pub use child::Child;
pub use command::{Command, Input, Output};
pub use freeze::{FreezeError, Freezer, ThreadCpu};
pub use launch::LaunchError;
pub use memory::{MemoryError, read_own as read_own_memory};
pub use outcome::{ExitReason, Finished, WaitError};
pub use policy::{Limits, NOBODY, Policy, SeccompProfile};
pub use seal::SealError;
pub use seccomp::SeccompError;
pub use spawn_error::SpawnError;
