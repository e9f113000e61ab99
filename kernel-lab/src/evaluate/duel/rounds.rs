//! The duel's timed rounds.

use super::{
    CANDIDATE, COMPILED, Duel, EAGER, Halt, LEAVE_AFTER, LEAVE_RATIO, QUICK_BYTES, READ_BACK,
};
use crate::baseline::{COLD_RETRIES, TimedCall};
use crate::device::{Call, Run};
use crate::task::{Draw, SETS};
use crate::timing::sampler::{Rounds, Timed};

impl Duel<'_> {
    /// One call of a baseline, and whether it touched fresh pages.
    pub(super) fn call_baseline(
        &mut self,
        contestant: usize,
        set: usize,
    ) -> Result<(Timed, bool), Halt> {
        let call = match (contestant, self.compiled) {
            (COMPILED, Some(compiled)) => &compiled[set],
            _ => &self.trial.task.sets[set].eager,
        };
        let called = TimedCall::of(call, &self.host)?;
        self.held.push_back(called.output);
        Ok((called.timed, called.cold))
    }

    fn call_candidate(&mut self, slot: usize) -> Result<Timed, Halt> {
        let limit = self.trial.limit;
        match self.trial.session.run_timed(Call::Plan { slot }, limit)? {
            Run::Done(timed) => Ok(timed),
            Run::Ended(ended) => Err(Halt::Ended(ended)),
        }
    }
}

impl Rounds for Duel<'_> {
    type Halt = Halt;

    fn prepare(&mut self, round: usize) -> Result<(), Halt> {
        self.trial.abort.check()?;
        let draw = self.trial.next_draw(None);
        let slot = round % self.trial.session.slots();
        self.trial.hand_over(round % SETS, slot, draw)?;
        if round < self.handshakes {
            let scrubber = &mut *self.scrubber;
            self.trial
                .session
                .measure_handshake(&mut || scrubber.scrub())?;
        }
        Ok(())
    }

    fn takes_part(&self, contestant: usize, _round: usize) -> bool {
        if let Some(only) = self.only {
            return contestant == CANDIDATE || contestant == only;
        }
        let other = match contestant {
            EAGER if self.compiled.is_some() => COMPILED,
            COMPILED => EAGER,
            _ => return true,
        };
        let own = &self.times[contestant];
        if own.len() < LEAVE_AFTER || self.times[other].len() < LEAVE_AFTER {
            return true;
        }
        match (stats::median(own), stats::median(&self.times[other])) {
            (Some(own), Some(other)) => own < LEAVE_RATIO * other,
            _ => true,
        }
    }

    fn call(&mut self, contestant: usize, round: usize) -> Result<Timed, Halt> {
        self.scrubber.scrub();
        let mut timed = if contestant == CANDIDATE {
            self.call_candidate(round % self.trial.session.slots())?
        } else {
            let (mut timed, mut cold) = self.call_baseline(contestant, round % SETS)?;
            for _ in 0..COLD_RETRIES {
                if !cold {
                    break;
                }
                self.refaulted += 1;
                self.scrubber.scrub();
                (timed, cold) = self.call_baseline(contestant, round % SETS)?;
            }
            if cold {
                timed = timed.disturbed();
            }
            timed
        };
        timed.elapsed_ns += self.consume(contestant, round % self.trial.session.slots())?;
        self.times[contestant].push(timed.elapsed_ns);
        Ok(timed)
    }

    fn finish(&mut self, round: usize) -> Result<(), Halt> {
        self.release_held();
        let slot = round % self.trial.session.slots();
        if self.rng.below(READ_BACK) == 0 {
            self.trial.read_back(round % SETS, slot, self.trial.calls)?;
        }
        // What is not kept is only told from other answers.
        let most = if self.keeps { usize::MAX } else { QUICK_BYTES };
        let outputs = self.trial.collect(slot, most)?;
        let draw = Draw {
            seed: self.trial.seed,
            call: self.trial.calls,
            special: None,
        };
        self.trial.note_hash(&outputs, draw)?;
        if self.keeps {
            self.suspect_or_keep(self.trial.calls, outputs)?;
        } else {
            self.trial.give_back(outputs);
        }
        Ok(())
    }
}
