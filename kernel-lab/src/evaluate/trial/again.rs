//! The same inputs twice.

use super::{Halt, Trial};
use crate::device::{Call, Run, Session};
use crate::pages::Pages;
use crate::task::SETS;

impl<S: Session + ?Sized> Trial<'_, S> {
    /// Whether a call on the same inputs, at the same addresses, with other bytes where its
    /// outputs go, gives the same bits. It need not: a sum by atomics has no order.
    pub(in crate::evaluate) fn repeats_itself(&mut self) -> Result<bool, Halt> {
        let draw = self.next_draw(None);
        let (slot, set) = (
            draw.call as usize % self.session.slots(),
            draw.call as usize % SETS,
        );
        self.hand_over(set, slot, draw)?;
        let first = self.answer(slot, draw.call)?;
        // The next number's poison.
        self.calls += 1;
        let second = self.answer(slot, self.calls)?;
        let same = first
            .iter()
            .zip(&second)
            .all(|(one, other)| **one == **other);
        self.give_back(first);
        self.give_back(second);
        Ok(same)
    }

    fn answer(&mut self, slot: usize, call: u64) -> Result<Vec<Pages>, Halt> {
        self.poison(slot, call)?;
        match self.session.run(Call::Plan { slot }, self.limit)? {
            Run::Done(()) => Ok(self.collect(slot, usize::MAX)?),
            Run::Ended(ended) => Err(Halt::Ended(ended)),
        }
    }
}
