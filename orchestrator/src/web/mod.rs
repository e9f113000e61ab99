//! The web, for agents that may look at it: pages as text, and searches.
//!
//! ```text
//! client ─► guard ─► address  who may be connected to
//!    ├────► link              where a redirect leads
//!    ├────► page ─► html      what a body says
//!    └────► search            arXiv, Semantic Scholar, an endpoint of the user's
//! recorded                    the answers that a campaign got, for its replay
//! ```
//!
//! Nothing is sent but GET requests, without cookies, keys or a proxy. What
//! comes back is hostile: it is bounded in bytes and time, read by parsers that
//! take time in proportion to its length, and handed on as data.

mod address;
mod client;
mod guard;
mod html;
mod link;
mod page;
mod recorded;
mod search;

use std::sync::Arc;

pub use client::{Client, ClientError, Fetched, Reason, WebConfig, WebError};
pub use recorded::{Again, Recorded};
pub use search::{Found, Hit, Unavailable};

/// How calls of agents reach the web.
#[derive(Debug)]
pub enum Web {
    /// By HTTP.
    Live(Arc<Client>),
    /// Not at all: a recorded campaign's answers are given again.
    Recorded(Box<Recorded>),
}
