//! When requests came and replies went: what a client does with the time in
//! between is its own.

use std::collections::HashMap;
use std::time::{Duration, Instant};

/// One request that got a complete reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exchange {
    /// Hash of the system prompt: the same for all turns of a conversation.
    pub conversation: u64,
    /// Replies before this one.
    pub turn: usize,
    /// The request had been read to its end.
    pub arrived: Instant,
    /// The end of the reply was about to be sent.
    pub ended: Instant,
}

/// All of them, in the order in which they ended.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Timeline(Vec<Exchange>);

impl Timeline {
    pub(crate) fn push(&mut self, exchange: Exchange) {
        self.0.push(exchange);
    }

    /// The requests.
    pub fn exchanges(&self) -> &[Exchange] {
        &self.0
    }

    /// The times between the end of a reply and the next request of the same
    /// conversation: a client's own share of a turn.
    pub fn gaps(&self) -> Vec<Duration> {
        let mut last: HashMap<u64, Exchange> = HashMap::new();
        let mut gaps = Vec::new();
        for exchange in &self.0 {
            let before = last.insert(exchange.conversation, *exchange);
            // A conversation that begins again is another one.
            if let Some(before) = before.filter(|before| before.turn + 1 == exchange.turn) {
                gaps.push(exchange.arrived.saturating_duration_since(before.ended));
            }
        }
        gaps
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gaps_are_within_one_conversation() {
        let begin = Instant::now();
        let at = |ms| begin + Duration::from_millis(ms);
        let mut timeline = Timeline::default();
        for (conversation, turn, arrived, ended) in [
            (1, 0, 0, 10),
            (2, 0, 0, 20),
            (1, 1, 13, 30),
            (2, 1, 25, 40),
            // The same prompt, from the beginning.
            (1, 0, 90, 95),
            (1, 1, 96, 99),
        ] {
            timeline.push(Exchange {
                conversation,
                turn,
                arrived: at(arrived),
                ended: at(ended),
            });
        }
        let gaps: Vec<u128> = timeline.gaps().iter().map(Duration::as_millis).collect();
        assert_eq!(gaps, [3, 5, 1]);
    }
}
