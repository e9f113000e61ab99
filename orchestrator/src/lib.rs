//! AlphaLab's orchestrator: it drives agents through a campaign of
//! experiments, whatever the domain, and knows labs only by their contract.
//!
//! ```text
//! core (pure) ← store, model, tools, exec ← driver ← commands ← main
//! ```
#![forbid(unsafe_code)]

pub mod adapter;
pub mod audit;
pub mod campaign;
pub mod chain;
pub mod cli;
pub mod commands;
pub mod core;
pub mod dashboard;
pub mod document;
pub mod driver;
pub mod evaluation_lab;
pub mod exec;
pub mod explore;
pub mod fork;
pub mod model;
pub mod proof;
pub mod report;
pub mod store;
pub mod tools;
pub mod ui;
pub mod web;
