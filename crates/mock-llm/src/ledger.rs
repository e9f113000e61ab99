//! What it would bill.

use serde::{Deserialize, Serialize};

use crate::dialect::Dialect;
use crate::fault::Fault;

/// Tokens of one request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tokens {
    /// Read at the full price.
    pub input: u64,
    /// Read from the cache.
    pub cache_read: u64,
    /// Read and put into the cache.
    pub cache_write: u64,
    /// Written.
    pub output: u64,
    /// Of those, thought.
    pub reasoning: u64,
    /// Searches of the web.
    pub searches: u64,
}

impl Tokens {
    /// All tokens read.
    pub fn prompt(&self) -> u64 {
        self.input + self.cache_read + self.cache_write
    }
}

/// Prices in billionths of a US dollar, per token and per search: exact for
/// every price list. $4 per million tokens is 4,000.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Prices {
    /// Tokens read.
    pub input: u64,
    /// Tokens read from the cache.
    pub cache_read: u64,
    /// Tokens read and put into the cache.
    pub cache_write: u64,
    /// Tokens written.
    pub output: u64,
    /// A search of the web.
    pub search: u64,
}

impl Default for Prices {
    fn default() -> Self {
        Self {
            input: 3_000,
            cache_read: 300,
            cache_write: 3_750,
            output: 15_000,
            search: 10_000_000,
        }
    }
}

impl Prices {
    /// Billionths of a US dollar.
    pub fn cost(&self, tokens: &Tokens) -> u64 {
        tokens.input * self.input
            + tokens.cache_read * self.cache_read
            + tokens.cache_write * self.cache_write
            + tokens.output * self.output
            + tokens.searches * self.search
    }
}

/// One request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Number of the request, from 0.
    pub number: u64,
    /// In which dialect.
    pub dialect: Dialect,
    /// Which model.
    pub model: String,
    /// How it failed, if it did.
    pub fault: Option<Fault>,
    /// What is billed; all 0 if nothing is.
    pub tokens: Tokens,
    /// Its price in billionths of a US dollar.
    pub nanodollars: u64,
    /// The other side was sent a complete reply with these counts.
    pub settled: bool,
}

/// All requests.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ledger {
    /// Those that made sense.
    pub entries: Vec<Entry>,
    /// Why the others were refused.
    pub rejected: Vec<String>,
}

impl Ledger {
    /// The price of everything, in billionths of a US dollar.
    pub fn billed(&self) -> u64 {
        self.entries.iter().map(|e| e.nanodollars).sum()
    }

    /// The price of what the other side knows of.
    pub fn settled(&self) -> u64 {
        let settled = self.entries.iter().filter(|e| e.settled);
        settled.map(|e| e.nanodollars).sum()
    }

    /// Requests that failed.
    pub fn faults(&self) -> usize {
        self.entries.iter().filter(|e| e.fault.is_some()).count()
    }
}
