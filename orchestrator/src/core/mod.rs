//! The pure part: events, state, board, budget, planner, agent runs.
//!
//! Nothing here does I/O, reads a clock or draws a random number; time is an
//! argument. A test greps this folder for violations.

pub mod ablation;
pub mod act;
pub mod agent;
pub mod bandit;
mod baseline;
pub mod board;
pub mod budget;
pub mod compaction;
pub mod coverage;
pub mod credit;
pub mod event;
pub mod fold;
mod fold_board;
mod fold_phases;
pub mod gap;
pub mod ids;
mod illegal;
pub mod index;
pub mod lineage;
pub mod measurement;
pub mod models;
pub mod noise;
pub mod pace;
pub mod planner;
pub mod playbook;
pub mod points;
pub mod rank;
pub mod rounds;
pub mod sealed;
pub mod search_policy;
pub mod settings;
pub mod shares;
pub mod significance;
pub mod sketch;
pub mod staff;
pub mod stages;
pub mod stagnation;
pub mod state;
pub mod statistics;
pub mod steer;
pub mod strategy;
pub mod tokens;
pub mod words;
