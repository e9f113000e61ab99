//! Texts and launches that nobody in his right mind would write: each must
//! load or be refused with its line, and end.

#![expect(clippy::unwrap_used, reason = "tests")]

mod drive;
mod forms;
mod launches;
mod mutate;
mod mutations;
mod texts;
