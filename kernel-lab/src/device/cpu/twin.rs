//! A runner that never loads a candidate, and so can be believed: what a
//! hand-shake costs is measured in it, in the same minutes, under the same
//! scrubbed caches as the candidate's calls.
//!
//! Measured before the session instead, in the candidate's own runner, the
//! cost came out anywhere between 0.11 and 0.18 ms while it was 0.16 ms in
//! every session: a few tens of milliseconds see one state of the machine.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;

use super::runner::{Linking, Runner, Spec};
use crate::error::HarnessError;
use crate::timing::sampler::Timed;

/// Measurements of earlier sessions that a new one begins with.
const KEPT: usize = 16;

/// A twin and what it has shown.
#[derive(Debug)]
struct Twin {
    runner: Runner,
    linking: Linking,
    seen: VecDeque<Timed>,
}

fn seal(runner: &mut Runner) -> Result<(), HarnessError> {
    match runner.seal()? {
        None => Ok(()),
        Some(problem) => Err(HarnessError::Runner {
            doing: "be sealed",
            problem,
        }),
    }
}

/// The device's twin, shared with its session.
#[derive(Clone, Debug, Default)]
pub(super) struct Twins(Rc<RefCell<Option<Twin>>>);

impl Twins {
    /// Makes sure that there is a twin of such runners and that it has shown
    /// at least `count` hand-shakes.
    pub(super) fn ensure(
        &self,
        spec: &Spec,
        linking: Linking,
        count: usize,
        scrub: &mut dyn FnMut(),
    ) -> Result<(), HarnessError> {
        if count == 0 {
            return Ok(());
        }
        let seen = {
            let mut slot = self.0.borrow_mut();
            if slot.as_ref().is_none_or(|twin| twin.linking != linking) {
                let mut runner = Runner::start(spec, linking)?.ready()?;
                if linking == Linking::Python {
                    // As a candidate's; and nobody watches what it uses any more.
                    seal(&mut runner)?;
                }
                *slot = Some(Twin {
                    runner,
                    linking,
                    seen: VecDeque::new(),
                });
            }
            slot.as_mut().map_or(0, |twin| {
                let old = twin.seen.len().saturating_sub(KEPT);
                twin.seen.drain(..old);
                twin.seen.len()
            })
        };
        for _ in seen..count {
            self.measure(scrub)?;
        }
        Ok(())
    }

    /// One more measurement.
    pub(super) fn measure(&self, scrub: &mut dyn FnMut()) -> Result<(), HarnessError> {
        if let Some(twin) = self.0.borrow_mut().as_mut() {
            scrub();
            let seen = twin.runner.exercise()?;
            twin.seen.push_back(seen);
        }
        Ok(())
    }

    /// Median of what was seen, zero where nothing was.
    pub(super) fn handshake(&self) -> Timed {
        let slot = self.0.borrow();
        let median = |part: fn(&Timed) -> f64| {
            let values: Vec<f64> = slot.iter().flat_map(|twin| &twin.seen).map(part).collect();
            stats::median(&values).unwrap_or(0.0)
        };
        Timed {
            elapsed_ns: median(|timed| timed.elapsed_ns),
            delay_ns: median(|timed| timed.delay_ns),
        }
    }
}
