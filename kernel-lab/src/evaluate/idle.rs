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
//! six hundred was refused for that on a busy machine. So it is watched until it rests: until a window in
//! which it uses no more than [`REST_NS`], of at most [`MOST`]. Refused is who
//!
//! - uses, in more than one window, as much as one window is long ([`WINDOW`]), or twice as much in the first, which
//!   is longer than it is meant to be where the candidate keeps the lab itself from its processor: whoever goes on
//!   for longer than two windows does one or the other, and on a busy machine he has [`MOST`] of them for it;
//! - uses more than [`ALLOWED_NS`] in one, comes to rest, and does so again after each of two more calls: whoever
//!   finishes the late work of each call within a window.
//!
//! Not refused is what leaves work behind after some calls only and finishes it within a
//! window. Its price is in the times of the calls that follow.

use std::time::Duration;

/// How long a candidate is watched while nothing is asked of it.
pub(super) const WINDOW: Duration = Duration::from_millis(10);
/// How much processor time it may use in that, in nanoseconds.
const ALLOWED_NS: u64 = 2_000_000;
/// Processor time in a window below which it rests, in nanoseconds.
const REST_NS: u64 = 500_000;
/// Most windows in a row.
const MOST: usize = 8;
/// Calls after which a suspect is watched again.
const CALLS_AGAIN: usize = 2;

/// When a candidate is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Look {
    /// Now.
    Now,
    /// Once it has answered one more call.
    AfterCall,
}

/// What was seen of a candidate, in nanoseconds of processor time.
struct Watched {
    total: u64,
    /// Most in one window.
    largest: u64,
    /// Whether it is at work for longer than waking up can take.
    goes_on: bool,
}

/// Processor time in nanoseconds that the candidate used while nothing was asked
/// of it, or `None` if that proves nothing. `look` says how much it uses in one window.
pub(super) fn late_work<E>(mut look: impl FnMut(Look) -> Result<u64, E>) -> Result<Option<u64>, E> {
    let first = watch(Look::Now, &mut look)?;
    if first.goes_on {
        return Ok(Some(first.total));
    }
    let mut is_busy = first.largest > ALLOWED_NS;
    for _ in 0..CALLS_AGAIN {
        if is_busy {
            let again = watch(Look::AfterCall, &mut look)?;
            is_busy = again.goes_on || again.largest > ALLOWED_NS;
        }
    }
    Ok(is_busy.then_some(first.total))
}

/// As [`late_work`], of a candidate that is asked for nothing more: only what goes on is found.
pub(super) fn unfinished_work<E>(
    mut look: impl FnMut(Look) -> Result<u64, E>,
) -> Result<Option<u64>, E> {
    let seen = watch(Look::Now, &mut look)?;
    Ok(seen.goes_on.then_some(seen.total))
}

/// Looks until it rests or is seen to go on.
fn watch<E>(first: Look, look: &mut impl FnMut(Look) -> Result<u64, E>) -> Result<Watched, E> {
    let mut seen = Watched {
        total: 0,
        largest: 0,
        goes_on: false,
    };
    for window in 0..MOST {
        let used = look(if window == 0 { first } else { Look::Now })?;
        seen.total = seen.total.saturating_add(used);
        seen.largest = seen.largest.max(used);
        if used <= REST_NS {
            break;
        }
        let windows = if window == 0 { 2 } else { 1 };
        seen.goes_on = u128::from(seen.total) >= windows * WINDOW.as_nanos();
        if seen.goes_on {
            break;
        }
    }
    Ok(seen)
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

        #[expect(
            clippy::unnecessary_wraps,
            reason = "what looks at a real process can fail"
        )]
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

        fn refused(mut self) -> bool {
            let Ok(found) = late_work(|look| self.look(look));
            found.is_some()
        }

        /// Of a candidate that is asked for nothing more.
        fn unfinished(mut self) -> bool {
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
                !Process::new(0, &[]).stalled(stalls).refused(),
                "{stalls:?}"
            );
            assert!(
                !Process::new(0, &[]).stalled(stalls).unfinished(),
                "{stalls:?}"
            );
        }
    }

    #[test]
    fn work_that_goes_on_is_found() {
        for backlog in [20 * MS, 21 * MS, 30 * MS, 1000 * MS, u64::MAX / 2] {
            assert!(Process::new(backlog, &[]).refused(), "{backlog}");
            assert!(Process::new(backlog, &[]).unfinished(), "{backlog}");
        }
        // All that both threads can do in two windows.
        let mut both = Process::new(41 * MS, &[]);
        both.threads = 2;
        assert!(both.refused());
        // What gets little of a busy processor is watched for longer.
        let slow = |windows| Process::new(0, &[]).stalled(&vec![3 * MS; windows]);
        assert!(!slow(2).refused() && slow(4).refused());
        let slower = || Process::new(0, &[]).stalled(&[3 * MS / 2; 8]);
        assert!(slower().refused() && slower().unfinished());
        // What keeps the lab from its processor is seen in one window that gets long.
        let hog = || Process::new(0, &[]).stalled(&[148 * MS]);
        assert!(hog().refused() && hog().unfinished());
        // A process that never quite rests is no offender.
        assert!(!Process::new(0, &[]).stalled(&[MS; 8]).refused());
    }

    #[test]
    fn work_that_each_call_leaves_behind_is_found() {
        for each in [3 * MS, 5 * MS, 9 * MS] {
            assert!(Process::new(each, &[each; 2]).refused(), "{each}");
            // It rests by then, so it does not explain wrong values.
            assert!(!Process::new(each, &[each; 2]).unfinished(), "{each}");
        }
        // Both threads finish within the window.
        let mut both = Process::new(18 * MS, &[18 * MS; 2]);
        both.threads = 2;
        assert!(both.refused());
    }

    #[test]
    fn work_that_some_calls_leave_behind_is_not_found() {
        for after_calls in [&[][..], &[5 * MS], &[0, 5 * MS]] {
            assert!(
                !Process::new(5 * MS, after_calls).refused(),
                "{after_calls:?}"
            );
        }
        // Nor is less than what waking up may cost.
        assert!(!Process::new(MS, &[MS; 2]).refused());
    }
}
