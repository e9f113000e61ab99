//! Whether a candidate goes on working after it has reported that it is done.
//!
//! Such work gains no time: what is done before the process stands still is added
//! to the call's time, outputs are read while it stands still, and what is left
//! delays the next call. It is an offence all the same, and explains wrong outputs.
//! So the process is let run for a while ([`WINDOW`]) without being asked for anything,
//! and may use [`ALLOWED_NS`] of the processors: for waking up and going to sleep again.
//!
//! One look is no proof. On a virtual machine whose processor is taken away just then,
//! that time is booked on the thread that was waking up: about one honest candidate in
//! six hundred was refused for that on a busy machine. Who is suspected is looked at again:
//!
//! - at once: one that goes on for longer than two windows is still at work in the second, and
//!   has then used half of both; with less it has to be at work in a third, too;
//! - after two more calls, each with a window of its own: one that finishes its late work within a window
//!   has some again after each of them.
//!
//! Not refused is what leaves work behind after some calls only and finishes it within a
//! window. Its price is in the times of the calls that follow.

use std::time::Duration;

/// How long a candidate is watched while nothing is asked of it.
pub(super) const WINDOW: Duration = Duration::from_millis(10);
/// How much processor time it may use in that, in nanoseconds.
const ALLOWED_NS: u64 = 2_000_000;

/// When a candidate is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Look {
    /// Now.
    Now,
    /// Once it has answered one more call.
    AfterCall,
}

/// Processor time in nanoseconds that the candidate used while nothing was asked
/// of it, or `None` if it rests. `look` says how much it uses in one window.
pub(super) fn late_work<E>(mut look: impl FnMut(Look) -> Result<u64, E>) -> Result<Option<u64>, E> {
    let first = look(Look::Now)?;
    if first <= ALLOWED_NS {
        return Ok(None);
    }
    if goes_on(first, &mut look)? || leaves_work_behind(&mut look)? {
        return Ok(Some(first));
    }
    Ok(None)
}

/// As [`late_work`], of a candidate that is asked for nothing more.
pub(super) fn unfinished_work<E>(
    mut look: impl FnMut(Look) -> Result<u64, E>,
) -> Result<Option<u64>, E> {
    let first = look(Look::Now)?;
    let busy = first > ALLOWED_NS && goes_on(first, &mut look)?;
    Ok(busy.then_some(first))
}

/// Whether it is still at work, `first` having been used in a first window.
fn goes_on<E>(first: u64, look: &mut impl FnMut(Look) -> Result<u64, E>) -> Result<bool, E> {
    let second = look(Look::Now)?;
    if second <= ALLOWED_NS {
        return Ok(false);
    }
    let half_of_both = WINDOW.as_nanos();
    Ok(u128::from(first.saturating_add(second)) >= half_of_both || look(Look::Now)? > ALLOWED_NS)
}

fn leaves_work_behind<E>(look: &mut impl FnMut(Look) -> Result<u64, E>) -> Result<bool, E> {
    Ok(look(Look::AfterCall)? > ALLOWED_NS && look(Look::AfterCall)? > ALLOWED_NS)
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use super::*;

    const MS: u64 = 1_000_000;

    /// A candidate that has work left.
    struct Process {
        /// Work of the calls so far that is not done, in nanoseconds.
        backlog: u64,
        /// What each further call adds, the first call first; then nothing.
        after_calls: Vec<u64>,
        /// Threads that do it.
        threads: u64,
        /// What is booked in each window without being work.
        stalls: Vec<u64>,
        looks: Vec<Look>,
    }

    impl Process {
        fn new(backlog: u64, after_calls: &[u64]) -> Self {
            Self {
                backlog,
                after_calls: after_calls.to_vec(),
                threads: 1,
                stalls: Vec::new(),
                looks: Vec::new(),
            }
        }

        fn stalled(mut self, stalls: &[u64]) -> Self {
            self.stalls = stalls.to_vec();
            self
        }

        fn look(&mut self, look: Look) -> Result<u64, Infallible> {
            if look == Look::AfterCall && !self.after_calls.is_empty() {
                self.backlog += self.after_calls.remove(0);
            }
            let window = u64::try_from(WINDOW.as_nanos()).expect("it is short");
            let worked = self.backlog.min(window * self.threads);
            self.backlog -= worked;
            let stall = self.stalls.get(self.looks.len()).copied().unwrap_or(0);
            self.looks.push(look);
            Ok(worked + stall + MS / 20)
        }

        fn is_refused(mut self) -> bool {
            let Ok(found) = late_work(|look| self.look(look));
            found.is_some()
        }

        /// Of a candidate that is asked for nothing more.
        fn is_unfinished(mut self) -> bool {
            let Ok(found) = unfinished_work(|look| self.look(look));
            assert!(!self.looks.contains(&Look::AfterCall));
            found.is_some()
        }
    }

    #[test]
    fn who_rests_is_looked_at_once() {
        let mut process = Process::new(0, &[]);
        let Ok(found) = late_work(|look| process.look(look));
        assert_eq!(found, None);
        assert_eq!(process.looks, [Look::Now]);
    }

    #[test]
    fn a_processor_that_was_taken_away_is_not_the_candidates_work() {
        let s = 3 * MS + 416_738;
        for stalls in [
            &[s][..],
            &[9 * MS],
            &[s, s],
            &[s, 0, s],
            &[s, s, 0, s],
            &[s, 0, 0, s],
        ] {
            assert!(
                !Process::new(0, &[]).stalled(stalls).is_refused(),
                "{stalls:?}"
            );
            assert!(
                !Process::new(0, &[]).stalled(stalls).is_unfinished(),
                "{stalls:?}"
            );
        }
    }

    #[test]
    fn work_that_goes_on_is_found() {
        for backlog in [20 * MS, 21 * MS, 30 * MS, 1000 * MS, u64::MAX / 2] {
            assert!(Process::new(backlog, &[]).is_refused(), "{backlog}");
            assert!(Process::new(backlog, &[]).is_unfinished(), "{backlog}");
        }
        // All that both threads can do in two windows.
        let mut both = Process::new(41 * MS, &[]);
        both.threads = 2;
        assert!(both.is_refused());
        // What gets little of a busy processor has to be at it for longer.
        let slow = |windows| Process::new(0, &[]).stalled(&vec![3 * MS; windows]);
        assert!(!slow(2).is_refused() && slow(3).is_refused());
    }

    #[test]
    fn work_that_each_call_leaves_behind_is_found() {
        for each in [3 * MS, 5 * MS, 9 * MS] {
            assert!(Process::new(each, &[each; 2]).is_refused(), "{each}");
            // It rests by then, so it does not explain wrong values.
            assert!(!Process::new(each, &[each; 2]).is_unfinished(), "{each}");
        }
        // Both threads finish within the window.
        let mut both = Process::new(18 * MS, &[18 * MS; 2]);
        both.threads = 2;
        assert!(both.is_refused());
    }

    #[test]
    fn work_that_some_calls_leave_behind_is_not_found() {
        for after_calls in [&[][..], &[5 * MS], &[0, 5 * MS]] {
            assert!(
                !Process::new(5 * MS, after_calls).is_refused(),
                "{after_calls:?}"
            );
        }
        // Nor is less than what waking up may cost.
        assert!(!Process::new(MS, &[MS; 2]).is_refused());
    }
}
