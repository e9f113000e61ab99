//! How long the texts of agents may be: they become part of events, and an
//! event has a largest size. All in bytes.

/// A name, or a word or two.
pub const NAME: usize = 200;
/// A sentence or two: a reason, a claim, something that was seen.
pub const SENTENCE: usize = 2 << 10;
/// Some sentences: a hypothesis, a summary.
pub const PARAGRAPH: usize = 8 << 10;
/// A document, which is no part of its event.
pub const DOCUMENT: usize = 32 << 10;
/// Parameters of a candidate, as JSON.
pub const PARAMS: usize = 8 << 10;
/// Most names in a list.
pub const NAMES: usize = 64;
