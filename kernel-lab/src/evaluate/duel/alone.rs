//! Timed calls of one contestant by itself, for who samples by other rules
//! than the duel's.

use super::{CANDIDATE, Duel, Halt};
use crate::timing::sampler::{Rounds as _, Timed};

impl Duel<'_> {
    /// One timed call on fresh values, with all that a round of the duel does
    /// around it; the hand-shake is part of a candidate's time. Its output is
    /// kept, to be compared afterwards.
    pub(crate) fn call_alone(&mut self, contestant: usize, round: usize) -> Result<Timed, Halt> {
        let is_candidate = contestant == CANDIDATE;
        self.handshakes = if is_candidate { usize::MAX } else { 0 };
        self.prepare(round)?;
        let timed = self.call(contestant, round)?;
        if is_candidate {
            // They answered other inputs: there is nothing to hold it against.
            self.held.clear();
            self.finish(round)?;
        } else {
            self.release_held();
        }
        Ok(timed)
    }
}
