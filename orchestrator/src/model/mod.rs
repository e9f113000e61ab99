//! Models that play the roles, behind one trait.
//!
//! ```text
//! spec ─► remote ─► dialect (anthropic, openai, compatible)
//!            │  └─► http, sse
//!            └────► retry, price, estimate
//! builtin
//! replay ─► request
//! ```
//!
//! [`spec`] turns a `--model` argument into a [`ChatModel`]. A remote model is
//! one [`remote::Remote`] with a dialect that writes requests and reads
//! replies; what a failure means, how often it is tried again and what it may
//! have cost are the same for all of them.

pub mod builtin;
mod dialect;
pub mod estimate;
pub mod failure;
pub mod http;
pub mod key;
pub mod price;
pub mod remote;
pub mod replay;
pub mod request;
pub mod retry;
mod secret;
mod several;
pub mod spec;
pub mod sse;
mod transcript;
mod types;

pub use dialect::Vendor;
pub use failure::{Attempt, Billing, LetDown, ModelError, Reaction, TurnFailure};
pub use price::{Price, PriceTable};
pub use secret::Secret;
pub use several::Models;
pub use spec::{Setup, UnknownModel, by_spec};
pub use transcript::Transcript;
pub use types::{
    Caps, ChatModel, Delta, Image, Message, Reservation, Shortened, Stop, ToolSchema, TurnRequest,
    TurnResponse, Usage,
};
