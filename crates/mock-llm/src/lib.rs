//! A server that stands in for language models: test equipment.
//!
//! It speaks three dialects over real HTTP, by path: Anthropic's Messages
//! (`/v1/messages`), OpenAI's Responses (`/v1/responses`) and chat completions
//! (`/v1/chat/completions`), streamed or whole. It answers from a [`Script`],
//! fails on demand ([`Fault`]), and keeps a [`Ledger`] of what it would bill.
//!
//! It trusts nobody: a request that the real provider would refuse, or that
//! has lost something on the way (a tool call without an answer, a block of
//! thinking that was changed), is refused with status 400 and the reason, and
//! the reason is kept in the ledger.
//!
//! ```
//! use mock_llm::{Mock, Options, Reply, Script};
//!
//! let script = Script::from_fn(|ask| Reply::text(&format!("turn {}", ask.turn)));
//! let mock = Mock::start(Options { script, ..Options::default() }).unwrap();
//! assert!(mock.url().starts_with("http://127.0.0.1:"));
//! ```
#![forbid(unsafe_code)]

mod ask;
mod dialect;
mod fault;
mod ledger;
mod memory;
mod script;
mod server;
mod timeline;
mod wire;

pub use ask::Ask;
pub use dialect::Dialect;
pub use fault::{Fault, FaultPlan};
pub use ledger::{Entry, Ledger, Prices, Tokens};
pub use script::{Call, Page, Play, Reply, Rule, Script, ScriptError, Search};
pub use server::{Mock, Options, Quirks, StartError};
pub use timeline::{Exchange, Timeline};
