//! What other campaigns have learned, brought along as hints.

use protocol::ContentHash;
use serde::{Deserialize, Serialize};

use super::playbook::{Confidence, Effect, Scope};

/// One thing that another campaign has learned. Its evidence lies there.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Carried {
    /// Hash of the last event of that campaign's log.
    pub from: ContentHash,
    /// What is claimed, in a sentence.
    pub claim: String,
    /// Where it was seen.
    pub scope: Scope,
    /// What to do next time.
    #[serde(rename = "do")]
    pub do_: String,
    /// What to leave next time.
    pub do_not: String,
    /// How large the effect was.
    pub effect: Option<Effect>,
    /// Measurements there that agree with the claim.
    pub supporting: Vec<String>,
    /// Measurements there that disagree.
    pub contradicting: Vec<String>,
    /// How sure it was there.
    pub confidence: Confidence,
}
